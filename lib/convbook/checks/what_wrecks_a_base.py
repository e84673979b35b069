"""Checks of chapter 12's exercises."""

from convbook.checks import are_counts, call_answer, check, right, wrong

# Exercise 1: the smallest number of batches after which momentum ** number is below one half
HALF_GONE = {"0.9": 7, "0.99": 69, "0.999": 693}
HALF_GONE_ADVICE = {
    "0.9": {5: "that would be half if each batch took a tenth of the whole; it takes a tenth of what is left."},
    "0.99": {50: "that would be half if each batch took a hundredth of all; it takes a hundredth of what is left."},
    "0.999": {500: "each batch takes a thousandth of what is left, not of the whole."},
}

# Exercise 2
CHANGES = ("rate", "batch norm", "compile", "nothing")
DIAGNOSES = {"A": "rate", "B": "nothing", "C": "batch norm", "D": "compile"}
DIAGNOSES_ADVICE = {
    "A": "its drift is near one and it guesses, while no moving mean has moved: what carries weights that far?",
    "B": "it drifted a little, no moving mean moved, and it is better than the head alone was.",
    "C": "its moving mean has moved. In which layers are moving means?",
    "D": "a drift of exactly zero: the base never moved, though the head learned on.",
}


# ---------------------------------------------------------------- exercise 1


@check()
def half_gone(answer):
    """Check after how many batches less than half of the old moving statistics is left.

    Args:
        answer: dictionary from the momentum, "0.9", "0.99" and "0.999", to a whole number of batches.

    Returns:
        A `Feedback` that names the slip behind a wrong number.
    """
    if not are_counts(answer, HALF_GONE):
        return wrong('Give a dictionary with a whole number for each of "0.9", "0.99" and "0.999".')
    for momentum, expected in HALF_GONE.items():
        given = answer[momentum]
        if given != expected:
            many = "there is still half or more" if given < expected else "half was gone before that"
            advice = HALF_GONE_ADVICE[momentum].get(given, f"{many}: multiply {momentum} by itself.")
            return wrong(f"{momentum}: {given} is not it; {advice}")
    return right("Ten times closer to one, about ten times as long: so a high momentum hides the harm for a while.")


# ---------------------------------------------------------------- exercise 2


@check()
def diagnose(answer):
    """Check what has to be changed in four trainings.

    Args:
        answer: dictionary from "A", "B", "C" and "D" to one of "rate", "batch norm", "compile" and "nothing".

    Returns:
        A `Feedback` that points at what was overlooked.
    """
    if not isinstance(answer, dict) or set(answer) != set(DIAGNOSES):
        return wrong('Give a dictionary with "A", "B", "C" and "D".')
    for training, expected in DIAGNOSES.items():
        given = answer[training]
        if given not in CHANGES:
            return wrong(f'{training}: {given!r} is no answer; give "rate", "batch norm", "compile" or "nothing".')
        if given != expected:
            return wrong(f"{training}: {DIAGNOSES_ADVICE[training]}")
    return right("Drift and moving means tell apart what accuracy alone does not.")


# ---------------------------------------------------------------- exercise 3


@check()
def guard(answer):
    """Check a function that fine-tunes a model and keeps its new weights only if they score higher.

    Args:
        answer: function of a model with `get_weights` and `set_weights`, a function that tunes it and one that scores
            it; it returns whether the new weights were kept.

    Returns:
        A `Feedback` that names the first case that was decided wrongly.
    """
    for name, gain in {"better": 0.1, "worse": -0.1, "equally good": 0.0}.items():
        model = _Model()
        returned = call_answer(
            answer, model, lambda model, gain=gain: model.move(gain), _Model.score, returns="True or False"
        )
        keeps = gain > 0
        if not model.tuned:
            return wrong("tune was never called: call tune(model).")
        if (model.weights != [1.0]) != keeps and gain == 0:
            return wrong("With an equal score the new weights were kept; keep them only if the score is higher.")
        if (model.weights != [1.0]) != keeps:
            done = "the old weights were put back" if keeps else "the new weights were kept"
            return wrong(f"The tuned model was {name}, and {done}.")
        if returned is not keeps:
            return wrong(f"The tuned model was {name}: return {keeps}, not {returned!r}.")
    return right("The converged head is never lost, whatever fine-tuning does.")


class _Model:
    """What a guard needs of a model; its one weight moves when it is tuned, and its score changes by a gain."""

    def __init__(self):
        self.weights, self.gain, self.tuned = [1.0], 0.0, False

    def get_weights(self):
        return list(self.weights)

    def set_weights(self, weights):
        self.weights = list(weights)

    def move(self, gain):
        self.weights, self.gain, self.tuned = [2.0], gain, True

    def score(self):
        return 0.8 + (self.gain if self.weights == [2.0] else 0.0)
