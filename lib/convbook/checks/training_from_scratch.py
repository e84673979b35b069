"""Checks of chapter 6's exercises, and the four small trainings whose curves the first of them shows."""

import functools
import math

import numpy as np

from convbook import drawings
from convbook.checks import as_numbers, call_answer, check, right, wrong

# Exercise 1: what each run suffers from, and what helps.
REMEDIES = {
    "too small": "larger network",
    "overfitting": "more pictures",
    "rate too high": "smaller rate",
    "leak": "new split",
}
DIAGNOSES = {"A": "rate too high", "B": "leak", "C": "too small", "D": "overfitting"}
SIZE_PX, TRAINING_PICTURES, VALIDATION_PICTURES = 16, 400, 200
EPOCHS, BATCH_SIZE = 40, 32
FIRST_SEED = 300_000_000  # far from the drawings of the chapters
BLOCK_PX = 4  # the small network sees the mean of 4x4 pixels

LABELS = (1, 0, 1)  # exercise 2: dog, cat, dog
LOUDER = 2

LEAST_FOUND = 0.9  # exercise 3


# ---- exercise 1: four pairs of curves ----


def four_runs():
    """Train four tiny networks on the same drawn cats and dogs and return their curves.

    The drawings are 16x16 grey pixels, 400 for training and 200 for validation, easier than those of the chapters. Each
    network has one hidden layer and is trained for 40 epochs, in NumPy: about a second in all, the same every time.

    Returns:
        A dictionary from "A", "B", "C" and "D" to a history as `model.fit` returns it: loss, val_loss, accuracy and
        val_accuracy, lists of 40 floats.

    Example:
        >>> runs = four_runs()
        >>> list(runs), len(runs["A"]["val_loss"])
        (['A', 'B', 'C', 'D'], 40)
    """
    return {name: {key: list(values) for key, values in run.items()} for name, run in _trained_runs().items()}


@functools.cache
def _trained_runs():
    images, labels = _draw_pictures()
    x, coarse = _standardise(images), _standardise(_shrink(images))
    train, validation = slice(0, TRAINING_PICTURES), slice(TRAINING_PICTURES, None)
    copies = slice(0, VALIDATION_PICTURES)  # of the training pictures
    settings = {
        "rate too high": (x, validation, 64, 1.0),
        "leak": (x, copies, 64, 2e-3),
        "too small": (coarse, validation, 2, 1e-2),
        "overfitting": (x, validation, 64, 2e-3),
    }
    runs = {}
    for name, diagnosis in DIAGNOSES.items():
        inputs, held_out, units, learning_rate = settings[diagnosis]
        parts = (inputs[train], labels[train]), (inputs[held_out], labels[held_out])
        runs[name] = _train(*parts, units, learning_rate)
    return runs


def _draw_pictures():
    """Return grey pictures (n, 16, 16), the training pictures first, and labels (n,); the classes alternate."""
    pictures_per_kind = (TRAINING_PICTURES + VALIDATION_PICTURES) // len(drawings.PETS)
    images, labels = drawings.draw_set(
        drawings.PETS, pictures_per_kind, FIRST_SEED, SIZE_PX, difficulty=0, workers=1, progress=False
    )
    return images.mean(axis=3) / 255, labels


def _shrink(images):
    """Return the mean of each block of pixels."""
    blocks = SIZE_PX // BLOCK_PX
    return images.reshape(-1, blocks, BLOCK_PX, blocks, BLOCK_PX).mean(axis=(2, 4))


def _standardise(images):
    """Return each picture as a row with the mean 0; all together have the deviation 1."""
    rows = images.reshape(len(images), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / rows.std()


def _train(training, validation, units, learning_rate):
    """Train one hidden tanh layer and a sigmoid unit with Adam; return the history, measured after each epoch."""
    rng = np.random.default_rng(0)
    x, labels = training
    weights = _initial_weights(x.shape[1], units, rng)
    moments = [(np.zeros_like(weight), np.zeros_like(weight)) for weight in weights]
    history = {key: [] for key in ("loss", "val_loss", "accuracy", "val_accuracy")}
    step = 0
    for _ in range(EPOCHS):
        for batch in np.array_split(rng.permutation(len(x)), len(x) // BATCH_SIZE):
            step += 1
            gradients = _gradients(weights, x[batch], labels[batch])
            for weight, gradient, (mean, square) in zip(weights, gradients, moments, strict=True):
                mean += 0.1 * (gradient - mean)
                square += 0.001 * (gradient**2 - square)
                unbiased_mean, unbiased_square = mean / (1 - 0.9**step), square / (1 - 0.999**step)
                weight -= learning_rate * unbiased_mean / (np.sqrt(unbiased_square) + 1e-7)
        for prefix, part in (("", training), ("val_", validation)):
            loss, accuracy = _measure(weights, *part)
            history[f"{prefix}loss"].append(loss)
            history[f"{prefix}accuracy"].append(accuracy)
    return history


def _initial_weights(inputs, units, rng):
    hidden, output = rng.normal(size=(inputs, units)), rng.normal(size=(units, 1))
    return [hidden * np.sqrt(2 / inputs), np.zeros(units), output / np.sqrt(units), np.zeros(1)]


def _forward(weights, x):
    """Return what the hidden layer gives, and the logit of each picture."""
    hidden = np.tanh(x @ weights[0] + weights[1])
    return hidden, (hidden @ weights[2] + weights[3])[:, 0]


def _gradients(weights, x, labels):
    """Return the gradient of the mean loss by each weight."""
    hidden, logits = _forward(weights, x)
    by_logit = (1 / (1 + np.exp(-logits)) - labels)[:, None] / len(x)
    by_hidden = (by_logit @ weights[2].T) * (1 - hidden**2)
    return [x.T @ by_hidden, by_hidden.sum(axis=0), hidden.T @ by_logit, by_logit.sum(axis=0)]


def _measure(weights, x, labels):
    """Loss and accuracy."""
    logits = _forward(weights, x)[1]
    loss = np.logaddexp(0, np.where(labels == 1, -logits, logits)).mean()
    return float(loss), float(((logits > 0) == labels).mean())


@check()
def curves(answer):
    """Check what each of the four runs suffers from, and what to do next.

    Args:
        answer: dictionary from "A", "B", "C" and "D" to a pair (diagnosis, what next): "too small", "overfitting",
            "rate too high" or "leak", and "larger network", "more pictures", "smaller rate" or "new split".

    Returns:
        A `Feedback` that compares the first wrong diagnosis with the numbers of its curves.
    """
    if not isinstance(answer, dict) or set(answer) != set(DIAGNOSES):
        return wrong("Give a dictionary with the keys A, B, C and D.")
    for name, given in answer.items():
        if not isinstance(given, (list, tuple)) or len(given) != 2:
            return wrong(f"{name}: give a pair, what it suffers from and what you would do next.")
        for word, words in zip(given, (REMEDIES, REMEDIES.values()), strict=True):
            if word not in list(words):
                return wrong(f"{name}: {word!r} is none of {', '.join(map(repr, words))}.")
    for name, diagnosis in DIAGNOSES.items():
        given = answer[name][0]
        if given != diagnosis:
            return wrong(f"{name} is not {_as_words(given)}. {_advice(given, diagnosis, *_ends()[name])}")
    for name, diagnosis in DIAGNOSES.items():
        given = answer[name][1]
        if given != REMEDIES[diagnosis]:
            return wrong(f"{name} is {_as_words(diagnosis)}, right. But {given!r} comes later: {_why(diagnosis)}")
    return right(
        "Three questions tell four causes apart: how high training ends, how far validation is from it, and what jumps."
    )


def _as_words(diagnosis):
    return {
        "too small": "a network that is too small",
        "overfitting": "plain overfitting",
        "rate too high": "a rate that is too high",
        "leak": "a leak",
    }[diagnosis]


def _ends():
    """Return for each run its last accuracy in training and in validation, and the largest rise of its loss."""
    ends = {name: (run["accuracy"][-1], run["val_accuracy"][-1]) for name, run in four_runs().items()}
    return {name: (*ends[name], max(0.0, float(np.diff(run["loss"]).max()))) for name, run in four_runs().items()}


def _honest_top():
    return max(four_runs()["D"]["val_accuracy"])


def _advice(given, diagnosis, training, validation, rise):
    """Return why the curves contradict the given diagnosis."""
    jumps = f"its training loss rises by up to {rise:.2f} from one epoch to the next"
    if given == "too small" and diagnosis == "rate too high":
        return f"A small network stays low, but its curves are smooth; here {jumps}."
    if given == "too small":
        return (
            f"A network that is too small cannot learn its own pictures; this one ends right on {training:.0%} of them."
        )
    if given == "rate too high":
        return f"Steps that are too large make the training loss jump; here it rises by {rise:.2f} at most."
    if diagnosis == "rate too high":
        return f"Look at the training loss before the gap: {jumps}, so nothing else can be judged yet."
    if diagnosis == "leak":
        return (
            "A network that overfits is worse on pictures that it has not seen. This one ends right on "
            f"{validation:.0%} of them, where D, the same network, gets no further than {_honest_top():.0%}."
        )
    if given == "overfitting":
        return f"A network that overfits knows its own pictures by heart; this one is right on {training:.0%} of them."
    return f"With a leak validation follows training to the top; here validation ends at {validation:.0%}."


def _why(diagnosis):
    return {
        "too small": "it cannot hold what it is shown already. Give it more filters or layers.",
        "overfitting": "it knows its own pictures by heart. What it lacks is others.",
        "rate too high": "every step overshoots. Make the steps smaller before you judge anything else.",
        "leak": "none of its numbers on validation pictures can be believed until the copies are out.",
    }[diagnosis]


# ---- exercise 2: two sets of three probabilities ----


@check()
def louder(answer):
    """Check two sets of answers that are equally often right, one with more than twice the loss of the other.

    Args:
        answer: two lists of three probabilities, of "dog" each time, for a dog, a cat and a dog.

    Returns:
        A `Feedback` that says how often each set is right, and what its loss is.
    """
    sets = as_numbers(answer, (2, 3))
    if sets is None:
        return wrong("Give two lists of three numbers each, for example [0.7, 0.2, 0.9], [0.6, 0.4, 0.8].")
    if any(not 0 < probability < 1 for each in sets for probability in each):
        return wrong(
            "A sigmoid gives numbers between 0 and 1, and never quite reaches either: there the loss of a wrong answer "
            "would be infinite."
        )
    losses, hits = [_loss(each) for each in sets], [_hits(each) for each in sets]
    numbers = " and ".join(
        f"{count} of 3 right with a loss of {loss:.2f}" for count, loss in zip(hits, losses, strict=True)
    )
    if hits == [2, 2] and losses[1] > LOUDER * losses[0]:
        return right(f"{numbers}: equally often right, and {losses[1] / losses[0]:.1f} times the loss.")
    quiet, loud = [_of_right_class(each) for each in sets]
    if _hits(quiet) == _hits(loud) == 2 and _loss(loud) > LOUDER * _loss(quiet):
        return wrong(
            f"{numbers}. You gave the probability of the right class. The numbers are the probability of a dog: for "
            "the cat in the middle, a small one is right."
        )
    if hits != [2, 2]:
        number = int(hits[0] == 2)
        return wrong(
            f"The {('first', 'second')[number]} set is right on {hits[number]} of 3, {_answers(sets[number])}."
        )
    if losses[0] > LOUDER * losses[1]:
        return wrong(f"{numbers}: exchange the two, the second should have the larger loss.")
    return wrong(f"{numbers}, {losses[1] / losses[0]:.1f} times as much. What makes a single wrong answer expensive?")


def _of_right_class(probabilities):
    return [p if label == 1 else 1 - p for p, label in zip(probabilities, LABELS, strict=True)]


def _loss(probabilities):
    return -sum(math.log(p) for p in _of_right_class(probabilities)) / 3


def _hits(probabilities):
    return sum(int(p > 0.5) == label for p, label in zip(probabilities, LABELS, strict=True))


def _answers(probabilities):
    answers = ["dog" if probability > 0.5 else "cat" for probability in probabilities]
    return f"it says {', '.join(answers)} and should be wrong about one of dog, cat, dog"


# ---- exercise 3: a threshold ----


@check()
def threshold(answer):
    """Check a function that chooses the threshold from which on a picture is called a dog.

    Args:
        answer: a function of probabilities, float (n,), and labels, int (n,), that returns a number; pictures with at
            least this probability are called dogs. Nine in ten dogs must be found, with as few cats as possible.

    Returns:
        A `Feedback` that counts the dogs found and the cats taken for dogs.
    """
    for dogs, cats in ((150, 150), (137, 63)):
        probabilities, labels = _made_up_answers(dogs, cats)
        chosen = call_answer(answer, probabilities.copy(), labels.copy(), returns="the threshold")
        if as_numbers(chosen, ()) is None:
            return wrong(f"Return one number; your function returned {str(chosen)[:60]}.")
        if finding := _threshold_finding(float(chosen), probabilities, labels):
            return wrong(finding)
    return right("Nine in ten dogs are found, and no other threshold that does so takes fewer cats for dogs.")


def _made_up_answers(dogs, cats):
    """Return probabilities and labels of a mediocre network."""
    rng = np.random.default_rng(dogs)
    labels = rng.permutation(np.repeat([1, 0], [dogs, cats]))
    logits = rng.normal(np.where(labels == 1, 0.9, -0.9), 1.3)
    return 1 / (1 + np.exp(-logits)), labels


def _threshold_finding(chosen, probabilities, labels):
    """Return what is wrong with a threshold, or ''."""
    dogs, cats = probabilities[labels == 1], probabilities[labels == 0]
    found, taken = int((dogs >= chosen).sum()), int((cats >= chosen).sum())
    best = np.sort(dogs)[int(len(dogs) * (1 - LEAST_FOUND) + 1e-9)]
    fewest = int((cats >= best).sum())
    counted = (
        f"Tried on {len(dogs)} dogs and {len(cats)} cats, your threshold of {chosen:.3f} finds {found} dogs, that is "
        f"{found / len(dogs):.1%}"
    )
    if found < LEAST_FOUND * len(dogs):
        if (cats < chosen).mean() >= LEAST_FOUND:
            return f"{counted}. It finds nine in ten *cats*; dogs are those at and above it. Look at the dogs' low end."
        return f"{counted}. Nine in ten were asked for: lower it."
    if taken > fewest:
        return f"{counted}, and takes {taken} cats for dogs. It can be done with {fewest}: raise it as far as it goes."
    return ""
