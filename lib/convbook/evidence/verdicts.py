"""When is a claim reproduced? The effect of each seed, its 95 % interval, and the verdict."""

from dataclasses import asdict, dataclass, field
from numbers import Real

import numpy as np
from scipy import stats

from convbook.evidence.answers import unpack_answers

VERDICTS = ("reproduced", "too small to matter", "undecided", "contradicted")
DIRECTIONS = ("greater", "less", "equal")


@dataclass(frozen=True)
class Effect:
    """What one claim predicts of the numbers of each seed.

    Attributes:
        name: short and unique within the claim.
        meaning: the claim in words that a reader understands without the code; an experiment gives it to its effects.
        of, minus: names of two of the seed's numbers; their difference is the effect. Without minus, the number itself.
        direction: "greater" or "less" than 0, or "equal" to 0 within the margin.
        margin: the smallest effect that would matter to a user; for "equal", what still counts as equal.
        unit: what is counted.

    Raises:
        ValueError: if the direction is unknown, or a margin for "equal" is not positive.

    Example:
        >>> Effect("pooling-helps", "pooled", "plain", margin=0.02).direction
        'greater'
    """

    # In this order they stand in a result's file.
    name: str
    meaning: str = field(default="", kw_only=True)
    of: str
    minus: str | None = None
    direction: str = field(default="greater", kw_only=True)
    margin: float = field(kw_only=True)
    unit: str = field(default="test accuracy", kw_only=True)

    def __post_init__(self):
        _check(self.direction, self.margin)


def interval(differences, confidence=0.95):
    """Estimate the mean of paired differences, for other seeds and, where pictures are given, for other test pictures.

    With one number for each seed it is Student's t-interval. Seeds that share their test pictures say nothing of how
    the pictures fell. With a row for each seed and a column for each picture, the variance of the mean is therefore
    that of the seeds plus what the pictures differ by beyond the rest, with Hillis's degrees of freedom. With few seeds
    these can make the interval shorter than Student's over the seeds; then Student's is taken, so that pictures never
    make a result look more certain.

    Args:
        differences: (n,) numbers, one for each seed, or (n, m), one for each seed and test picture; n, m >= 2.
        confidence: share of such intervals that would hold the true mean.

    Returns:
        (low, high), two floats.

    Raises:
        ValueError: if there are fewer than two differences or one is not finite; run more seeds.

    Example:
        >>> low, high = interval([1.0, 2.0, 3.0])
        >>> round(low, 2), round(high, 2)
        (-0.48, 4.48)
        >>> low, high = interval([[0, 1, 1, 0], [0, 1, 0, 0], [0, 1, 1, 0]])
        >>> round(low, 2), round(high, 2)
        (-0.08, 0.91)

    Source:
        Student, The probable error of a mean, Biometrika 6, 1908. Readers and cases, which are our seeds and pictures:
        N. A. Obuchowski and H. E. Rockette, Hypothesis testing of diagnostic accuracy for multiple readers and multiple
        tests, Communications in Statistics: Simulation and Computation 24, 1995. Degrees of freedom: S. L. Hillis, A
        comparison of denominator degrees of freedom methods for multiple observer ROC analysis, Statistics in Medicine
        26, 2007.
    """
    values = np.asarray(differences, dtype=float)
    if values.ndim not in (1, 2) or min(values.shape) < 2 or not np.isfinite(values).all():
        raise ValueError(f"An interval needs at least two finite differences, got {differences!r}; run more seeds.")
    by_seed, quantile = values.reshape(len(values), -1).mean(axis=1), (1 + confidence) / 2
    half_width = stats.sem(by_seed) * stats.t.ppf(quantile, len(values) - 1)
    if values.ndim == 2:
        half_width = max(half_width, _half_width_with_pictures(values, quantile))
    return float(by_seed.mean() - half_width), float(by_seed.mean() + half_width)


def _half_width_with_pictures(values, quantile):
    """Half of the interval's length from the mean squares of a two-way table of seeds and pictures (n, m)."""
    seeds, pictures = values.shape
    by_seed, by_picture = values.mean(axis=1, keepdims=True), values.mean(axis=0)
    square_of_seeds = pictures * by_seed.var(ddof=1)
    square_of_pictures = seeds * by_picture.var(ddof=1)
    rest = ((values - by_seed - by_picture + values.mean()) ** 2).sum() / ((seeds - 1) * (pictures - 1))
    square = square_of_seeds + max(square_of_pictures - rest, 0)
    freedom = (seeds - 1) * (square / square_of_seeds) ** 2 if square_of_seeds else np.inf
    return stats.t.ppf(quantile, freedom) * np.sqrt(square / values.size)


def verdict(differences, direction, margin=0.0):
    """Judge a claim by where the 95 % interval of its effect lies.

    Args:
        differences: (n,) or (n, m) numbers, as for `interval`.
        direction, margin: as for `Effect`.

    Returns:
        One of VERDICTS. "too small to matter" if the claim says "greater" or "less" and the interval lies wholly within
        the margin around 0, on whatever side of 0; else "reproduced" if it lies wholly where the claim says,
        "contradicted" if it lies wholly elsewhere, and "undecided" if it does neither.

    Raises:
        ValueError: if the direction is unknown, a margin for "equal" is not positive, or there are too few differences.

    Example:
        >>> verdict([0.1, 0.2, 0.3, 0.2], "greater")
        'reproduced'
        >>> verdict([0.1, 0.2, 0.3, 0.2], "equal", margin=0.05)
        'contradicted'
        >>> verdict([0.1, 0.2, 0.3, 0.2], "greater", margin=0.5)
        'too small to matter'
    """
    _check(direction, margin)
    low, high = interval(differences)
    small = -margin < low and high < margin
    claimed, elsewhere = {
        "greater": (low > 0, high < 0),
        "less": (high < 0, low > 0),
        "equal": (small, low > margin or high < -margin),
    }[direction]
    if small and direction != "equal":
        return "too small to matter"
    return "reproduced" if claimed else "contradicted" if elsewhere else "undecided"


def _check(direction, margin):
    if direction not in DIRECTIONS:
        raise ValueError(f"direction={direction!r} is not possible; use one of {', '.join(DIRECTIONS)}.")
    if direction == "equal" and not margin > 0:
        raise ValueError(f"'equal' needs a margin greater than 0, got {margin!r}; say what difference would matter.")


def judge(effect, seeds):
    """Compute one effect from the seeds that have its numbers.

    Args:
        effect: an `Effect`.
        seeds: entries of a result's "seeds"; those that failed, or in which a number of this effect was not measured,
            are left out.

    Returns:
        The effect's fields with differences, n, pictures, mean, interval and verdict, ready for a result's "effects".
        Where all these seeds have answers for its numbers, the interval holds the luck of the test pictures, too, and
        pictures is their number; else None. With fewer than two differences there is no interval (None), and the
        verdict is "undecided".

    Raises:
        ValueError: if fewer than two seeds succeeded, or none has a number that the effect names, or one has a list.
    """
    measured = [entry["numbers"] for entry in seeds if "numbers" in entry]
    if len(measured) < 2:
        raise ValueError(f"Effect {effect.name!r} needs two seeds that succeeded, not {len(measured)}; run more seeds.")
    names = [name for name in (effect.of, effect.minus) if name is not None]
    for name in names:
        found = [numbers[name] for numbers in measured if name in numbers]
        if not found or not all(map(is_finite_number, found)):
            raise ValueError(
                f"Effect {effect.name!r} needs a single number {name!r}; "
                f"the seeds have {', '.join(sorted(set().union(*measured)))}."
            )
    complete = [entry for entry in seeds if set(names) <= set(entry.get("numbers", ()))]
    differences = [_minus(*(entry["numbers"][name] for name in names)) for entry in complete]
    decided = len(differences) > 1
    by_picture = _differences_by_picture(complete, names) if decided else None
    judged = differences if by_picture is None else by_picture
    return asdict(effect) | {
        "differences": differences,
        "n": len(differences),
        "pictures": None if by_picture is None else by_picture.shape[1],
        "mean": float(np.mean(differences)) if differences else None,
        "interval": list(interval(judged)) if decided else None,
        "verdict": verdict(judged, effect.direction, effect.margin) if decided else "undecided",
    }


def _minus(of, minus=0):
    return of - minus


def _differences_by_picture(seeds, names):
    """The differences as (n, m), or None if a seed lacks answers or two numbers count different numbers of pictures."""
    packed = [entry.get("answers", {}).get(name) for entry in seeds for name in names]
    if None in packed or len({each["count"] for each in packed}) > 1:
        return None
    answers = [[unpack_answers(entry["answers"][name]).astype(float) for name in names] for entry in seeds]
    return np.array([_minus(*each) for each in answers])


def is_finite_number(value):
    """Tell whether a value is a number that JSON can hold: a finite int or float, and neither True nor False.

    Example:
        >>> is_finite_number(0.5), is_finite_number(float("nan")), is_finite_number("0.5")
        (True, False, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and bool(np.isfinite(value))
