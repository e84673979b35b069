"""Checks of chapter 10's exercises, and the three small trainings that the last of them asks about."""

import functools

import keras
import numpy as np

from convbook.checks import are_counts, call_answer, check, right, wrong

# Exercise 1: Conv2D(16, 3, use_bias=False) on RGB, BatchNormalization, Conv2D(24, 3), and a head Dense(8), Dense(1).
CONVOLUTIONS, HEAD = 3 * 3 * 3 * 16 + 3 * 3 * 16 * 24 + 24, 24 * 8 + 8 + 9
SCALE_AND_SHIFT = STATISTICS = 2 * 16
COUNTS = {
    "all": CONVOLUTIONS + SCALE_AND_SHIFT + STATISTICS + HEAD,
    "not frozen": CONVOLUTIONS + SCALE_AND_SHIFT + HEAD,
    "frozen": HEAD,
    "may change": CONVOLUTIONS + SCALE_AND_SHIFT + STATISTICS + HEAD,
}

# Exercise 2: Conv2D(4, 3) on RGB, BatchNormalization, and a head Dense(1).
STEPS = ("freeze", "unfreeze", "compile", "fit")
FIRST_STEPS = ("freeze", "compile", "fit")
MOST_STEPS, MOST_FITS = 8, 4
SMALL_HEAD = 5

# Exercise 3
MOVED = ("nothing", "statistics", "weights")
RIGHT_VERDICTS = {"A": "nothing", "B": "statistics", "C": "weights"}


# ---------------------------------------------------------------- exercise 1


@check()
def trainable_counts(answer):
    """Check how many numbers of a small model are trainable, with its base frozen and not.

    Args:
        answer: dictionary with "all", all numbers of the model; "not frozen" and "frozen", the trainable ones with the
            base in either state; and "may change", the numbers that `fit` may change if the base is not frozen.

    Returns:
        A `Feedback` that names the layer or the kind of number that was missed.
    """
    if not are_counts(answer, COUNTS):
        return wrong(f"Give a dictionary with a whole number for each of {', '.join(map(repr, COUNTS))}.")
    for name, expected in COUNTS.items():
        if answer[name] != expected:
            return wrong(f"{name}: {answer[name]:,} is not it. {_count_advice(name, answer[name])}")
    return right(
        "Freezing leaves the head. And without freezing, fit changes more numbers than Keras counts as trainable: "
        f"the {STATISTICS} moving statistics."
    )


def _count_advice(name, given):
    """Return what is missing from a count, or too much in it."""
    expected, base = COUNTS[name], CONVOLUTIONS + SCALE_AND_SHIFT
    causes = {
        expected - STATISTICS - SCALE_AND_SHIFT: "Batch normalization has four numbers for each channel.",
        expected + 16: "The first convolution has no bias (use_bias=False).",
        expected - 24: "The second convolution has a bias for each filter.",
        expected + base: "The convolutions of the base count here, though they are frozen.",
        expected - 9: "The last Dense layer has eight weights and a bias.",
        expected - 8: "The first Dense layer has a bias for each unit.",
        expected - 1: "The last Dense layer has a bias.",
        expected - HEAD: "The head is missing: Dense(8) on 24 channels, and Dense(1) on eight units.",
    }
    fewer = "The moving means and variances are missing, one of each for each channel."
    of_batch_norm = {
        ("all", -1): fewer,
        ("may change", -1): fewer,
        ("not frozen", -1): "Batch normalization has a scale and a shift for each channel, which are trained.",
        ("not frozen", 1): "That counts the moving means and variances. They are no weights that a gradient moves.",
        ("frozen", 1): "Scale and shift of batch normalization belong to the base: frozen, too.",
    }
    for (of, sign), advice in of_batch_norm.items():
        if of == name and given == expected + sign * STATISTICS:
            return advice
    general = {
        "all": "Go layer by layer: kernels, biases, four numbers for each channel of batch normalization, the head.",
        "not frozen": "All numbers, without those that no gradient reaches.",
        "frozen": "What is left is the head: 24 channels come in.",
        "may change": "Which numbers does fit change although they are not trainable?",
    }
    return causes.get(given, general[name])


# ---------------------------------------------------------------- exercise 2


@check()
def wrong_order(answer):
    """Check how to go on from a frozen base so that it moves, although few weights are listed as trainable.

    The steps are carried out on a small network, and the check measures which weights the last fit moves.

    Args:
        answer: dictionary with "steps", a list of "freeze", "unfreeze", "compile" and "fit" that begins with "freeze",
            "compile", "fit" and ends with "fit"; and, after the last step, "listed", how many numbers
            `model.trainable_weights` holds, and "trained", how many the optimizer moves.

    Returns:
        A `Feedback` that says what moved.
    """
    if not isinstance(answer, dict) or set(answer) != {"steps", "listed", "trained"}:
        return wrong('Give a dictionary with "steps", "listed" and "trained".')
    steps = answer["steps"]
    problem = _steps_problem(steps)
    if problem:
        return wrong(problem)
    listed, trained, moved = _carry_out(tuple(steps))
    if not moved and listed == SMALL_HEAD:
        return wrong(
            f"In the last fit nothing in the base moves: after {_in_words(steps)}, freezing is in force. When is it "
            "settled what fit trains?"
        )
    if not moved:
        return wrong(
            f"In the last fit nothing in the base moves, though {listed} numbers are listed as trainable: the opposite "
            "mistake. You unfroze without compiling again."
        )
    if listed != SMALL_HEAD:
        return wrong(
            f"The base moves, but everybody sees it: {listed} numbers are listed as trainable. Find an order in which "
            f"only the {SMALL_HEAD} of the head are listed."
        )
    for name, measured in (("listed", listed), ("trained", trained)):
        if answer[name] != measured:
            return wrong(f"The order is as asked for. But {name!r} is not {answer[name]}. {_order_advice(name)}")
    return right(
        f"{listed} numbers are listed as trainable, and the optimizer moves {trained}, the moving statistics not even "
        "counted. The list says what the next compile will see; the optimizer and a snapshot say what happens."
    )


def _steps_problem(steps):
    """Return why the steps cannot be carried out, or ''."""
    if not isinstance(steps, (list, tuple)) or not steps or not all(step in STEPS for step in steps):
        return f"Give a list of steps, each one of {', '.join(map(repr, STEPS))}."
    if len(steps) > MOST_STEPS or steps.count("fit") > MOST_FITS:
        return f"{len(steps)} steps are more than it takes: at most {MOST_STEPS}, and {MOST_FITS} times fit."
    if steps[-1] != "fit":
        return "The last step must be fit: it is in there that the base moves or not."
    if tuple(steps[: len(FIRST_STEPS)]) != FIRST_STEPS:
        return f"The first steps are given: {', '.join(map(repr, FIRST_STEPS))}. Go on from there."
    return ""


def _in_words(steps):
    return ", ".join(steps[:-1])


def _order_advice(name):
    if name == "listed":
        return "Sum the sizes of the head's weights: 4 channels come into Dense(1)."
    return (
        "Conv2D(4, 3) on three channels, scale and shift of batch normalization, and the head: the optimizer keeps "
        "what it was given at the first step."
    )


def _small_model():
    """Return a base of a convolution and batch normalization, and the model with a head on it."""
    keras.utils.set_random_seed(0)
    image = keras.Input((6, 5, 3))
    base = keras.Sequential(
        [
            keras.Input((6, 5, 3)),
            keras.layers.Conv2D(4, 3, name="conv"),
            keras.layers.BatchNormalization(momentum=0.9, name="norm"),
            keras.layers.ReLU(name="relu"),
        ],
        name="base",
    )
    x = keras.layers.GlobalAveragePooling2D()(base(image))
    return base, keras.Model(image, keras.layers.Dense(1, activation="sigmoid", name="head")(x))


def _fit(model):
    images = np.random.default_rng(0).normal(size=(64, 6, 5, 3)).astype("float32")
    model.fit(images, np.arange(64) % 2, batch_size=32, verbose=0)


@functools.cache
def _carry_out(steps):
    """Carry out the steps; return how many numbers are listed, how many the optimizer moves, whether the base moved."""
    base, model = _small_model()
    for step in steps:
        if step == "compile":
            model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy")
        elif step == "fit":
            before = _weights(base)
            _fit(model)
        else:
            base.trainable = step == "unfreeze"
    listed = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    trained = sum(int(np.prod(weight.shape)) for weight in model.optimizer._trainable_variables)
    return listed, trained, any(change > 0 for change in _changes(base, before).values())


def _weights(model):
    """Return {layer/weight: array} for all layers that have weights."""
    return {
        f"{layer.name}/{weight.name}": np.array(keras.ops.convert_to_numpy(weight))
        for layer in model._flatten_layers(include_self=False)
        for weight in layer.weights
        if not isinstance(layer, keras.Model)
    }


def _changes(model, before):
    return {name: float(np.abs(array - before[name]).max()) for name, array in _weights(model).items()}


# ---------------------------------------------------------------- exercise 3


def three_trainings():
    """Train three small models, whose authors all say that the base is frozen, and measure what moved.

    A sets `base.trainable = False` before compiling. B sets `trainable = False` on each weight of the base. C compiles,
    trains an epoch, sets `base.trainable = False`, and trains on.

    Returns:
        {"A": changes, "B": …, "C": …}: each a dictionary from a weight, such as "conv/kernel" of the base or
        "head/kernel", to the largest absolute change of its numbers in the last `fit`.

    Example:
        >>> sorted(three_trainings()["A"])[:2]
        ['conv/bias', 'conv/kernel']
    """
    return {name: dict(moved) for name, moved in _trained_models().items()}


@functools.cache
def _trained_models():
    found = {}
    for name in RIGHT_VERDICTS:
        base, model = _small_model()
        if name == "A":
            base.trainable = False
        if name == "B":
            for weight in base.weights:
                weight.trainable = False
        model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy")
        if name == "C":
            _fit(model)
            base.trainable = False
        before = _weights(model)
        _fit(model)
        found[name] = _changes(model, before)
    return found


@check()
def what_moved(answer):
    """Check a function that says what moved in the base of a model.

    Args:
        answer: a function of changes, {weight: largest change}, that returns "nothing" if all of the base stayed,
            "statistics" if only moving means or variances of it moved, and "weights" otherwise. The head's weights
            begin with "head/" and do not matter.

    Returns:
        A `Feedback` that compares the function with the three trainings and with made-up changes.
    """
    for name, (moved, expected, advice) in _cases().items():
        verdict = call_answer(answer, dict(moved))
        if verdict not in MOVED:
            return wrong(f"{name}: your function returned {verdict!r}; return one of {', '.join(map(repr, MOVED))}.")
        if verdict != expected:
            return wrong(f"{name}: your function says {verdict!r}, and it should be {expected!r}. {advice}")
    return right(
        "B is the saboteur whose statistics alone moved: its weights are frozen one by one, but the layer "
        "still counts as trainable, and a trainable batch normalization learns its statistics in every step."
    )


def _cases():
    """Return {name: (changes, right verdict, advice)}: the three trainings, and cases that they do not show."""
    advice = {
        "A": "Only the head moved; its weights begin with 'head/'.",
        "B": "Look at which weights of the base moved: 'norm/moving_mean' and 'norm/moving_variance', no others.",
        "C": "The kernel of the convolution moved, and statistics beside it; the kernel decides.",
    }
    trained = {name: (moved, RIGHT_VERDICTS[name], advice[name]) for name, moved in _trained_models().items()}
    still = dict.fromkeys(_trained_models()["A"], 0.0)
    made_up = {
        "A model that was not trained": (still, "nothing", "No number is different from zero."),
        "A model whose moving variance alone moved": (
            still | {"norm/moving_variance": 0.3, "head/kernel": 0.1},
            "statistics",
            "One of the two statistics is enough.",
        ),
        "A model whose kernel moved by a millionth": (
            still | {"conv/kernel": 1e-6},
            "weights",
            "Frozen means that not one bit changes, so compare with zero.",
        ),
        "A model whose batch normalization learned its scale": (
            still | {"norm/gamma": 0.1, "norm/moving_mean": 0.2},
            "weights",
            "gamma and beta of batch normalization are weights; only the moving_… numbers are statistics.",
        ),
    }
    return trained | made_up
