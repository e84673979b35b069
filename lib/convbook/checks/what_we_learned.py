"""Checks of chapter 13's exercises."""

import numpy as np

from convbook import evidence
from convbook.arguments import is_whole_number
from convbook.checks import call_answer, check, right, wrong

# Exercise 1: differences of the seeds, the claimed direction, the margin, and the verdict
CASES = (
    ([0.03, 0.05, 0.04, 0.02, 0.06], "greater", 0.01, "reproduced"),
    ([0.03, 0.05, 0.04, 0.02, 0.06], "less", 0.01, "contradicted"),
    ([-0.03, -0.05, -0.04, -0.02, -0.06], "greater", 0.01, "contradicted"),
    ([-0.03, -0.05, -0.04, -0.02, -0.06], "less", 0.01, "reproduced"),
    ([0.05, -0.02, 0.04, 0.01, 0.03], "greater", 0.01, "undecided"),
    ([0.05, -0.02, 0.04, 0.01, 0.03], "less", 0.01, "undecided"),
    ([0.02, 0.0, 0.03, 0.01, 0.02, 0.0], "greater", 0.02, "reproduced"),
    ([0.02, 0.0, 0.03, 0.01, 0.02, 0.0], "less", 0.02, "contradicted"),
    ([0.05, -0.02, 0.04, 0.01, 0.03], "greater", 0.03, "undecided"),
    ([0.03, 0.05, 0.04, 0.02, 0.06], "greater", 0.1, "too small to matter"),
    ([0.03, 0.05, 0.04, 0.02, 0.06], "less", 0.1, "too small to matter"),
    ([0.05, -0.02, 0.04, 0.01, 0.03], "less", 0.1, "too small to matter"),
)
WITHIN = "the whole interval lies within the margin on both sides of zero, whatever was claimed."
BEYOND = "the interval reaches beyond the margin, so it does not exclude what would matter."
ADVICE = {
    ("contradicted", "reproduced"): "the interval lies on the side that was claimed; look at the direction.",
    ("contradicted", "undecided"): "zero is in the interval, so neither side is excluded.",
    ("reproduced", "contradicted"): "the interval lies wholly on the other side than was claimed.",
    ("reproduced", "undecided"): "the mean is on that side, but zero is in the interval.",
    ("undecided", "reproduced"): "the whole interval is on the side that was claimed.",
    (
        "undecided",
        "contradicted",
    ): "the whole interval is on the side that was not claimed: that is more than undecided.",
    **{(given, "too small to matter"): WITHIN for given in ("reproduced", "undecided", "contradicted")},
    **{("too small to matter", expected): BEYOND for expected in ("reproduced", "undecided", "contradicted")},
}

# Exercise 2: test accuracies of two methods on the same five sets of pictures
FIRST = {"A": (0.71, 0.78, 0.66, 0.81, 0.74), "B": (0.73, 0.81, 0.68, 0.83, 0.77)}
SECOND = {"A": (0.84, 0.85, 0.86, 0.85, 0.84), "B": (0.85, 0.93, 0.85, 0.86, 0.84)}
THIRD = {"A": (0.90, 0.91, 0.90, 0.92, 0.91), "B": (0.89, 0.88, 0.88, 0.90, 0.87)}
PAIRS = {"first": FIRST, "second": SECOND, "third": THIRD}
PAIRS_ADVICE = {
    "first": {
        "neither": "the two clouds of dots overlap, but both methods got the same pictures: subtract seed by seed.",
        "A": "subtract seed by seed: in which is A ahead?",
    },
    "second": {
        "B": "B's mean is higher, and one seed makes it so: the interval of the differences holds zero.",
        "A": "A is ahead in a seed or two; what does the interval say?",
    },
    "third": {
        "B": "you subtracted the wrong way round: A is ahead in every seed.",
        "neither": "the differences are small, but all on one side; compute their interval.",
    },
}

# Exercise 3
SPREAD, WANTED = 0.03, 0.02


@check()
def decide(answer):
    """Check a function that gives the verdict on paired differences.

    Args:
        answer: function of a list of differences, a direction, "greater" or "less", and a margin, that returns one of
            `evidence.VERDICTS`.

    Returns:
        A `Feedback` that names the first case that was judged wrongly.
    """
    for differences, direction, margin, expected in CASES:
        given = call_answer(answer, list(differences), direction, margin)
        if given != expected:
            low, high = (round(float(end), 3) for end in evidence.interval(differences))
            advice = ADVICE.get((given, expected), f"return one of {', '.join(evidence.VERDICTS)}.")
            case = f'{differences} with "{direction}" and margin {margin}, interval {low} to {high}'
            return wrong(f"{case}: {given!r} is not it; {advice}")
    return right("The claim is reproduced only where chance alone would hardly give it, and refuted only likewise.")


@check()
def better(answer):
    """Check which method may be called the better one.

    Args:
        answer: dictionary from "first", "second" and "third" to "A", "B" or "neither".

    Returns:
        A `Feedback` that says what was overlooked.
    """
    if not isinstance(answer, dict) or set(answer) != set(PAIRS):
        return wrong('Give a dictionary with "first", "second" and "third".')
    for name, expected in _better_ones().items():
        given = answer[name]
        if given not in ("A", "B", "neither"):
            return wrong(f'{name}: {given!r} is no answer; give "A", "B" or "neither".')
        if given != expected:
            return wrong(f"{name}: {PAIRS_ADVICE[name][given]}")
    return right("Neither the larger mean nor overlapping dots decide, but the interval of the paired differences.")


def _better_ones():
    ends = {name: evidence.interval(np.subtract(pair["B"], pair["A"])) for name, pair in PAIRS.items()}
    return {name: "B" if low > 0 else "A" if high < 0 else "neither" for name, (low, high) in ends.items()}


@check()
def seeds(answer):
    """Check how many seeds make an interval narrow enough.

    Args:
        answer: whole number.

    Returns:
        A `Feedback` that names the slip behind a wrong number.
    """
    if not is_whole_number(answer, smallest=0):
        return wrong(f"{answer!r} is no whole number.")
    fewest = _fewest_seeds()
    slips = {
        9: "that is right for a spread that is known; here it is estimated from few seeds, so take t, not 1.96.",
        3: "you divided the spread by the wanted half-width once; it falls with the square root of the number.",
        38: "that makes the whole interval as narrow as its half should be.",
        fewest - 1: "one fewer is just too wide; did you take n - 1 degrees of freedom?",
    }
    if answer == fewest:
        return right(f"{fewest} seeds; half of that width would take more than three times as many.")
    direction = "too few" if answer < fewest else "more than it takes"
    return wrong(slips.get(int(answer), f"{answer} is {direction}: compute t · s / √n for several n."))


def _fewest_seeds():
    from scipy import stats

    count = 2
    while stats.t.ppf(0.975, count - 1) * SPREAD / np.sqrt(count) >= WANTED:
        count += 1
    return count
