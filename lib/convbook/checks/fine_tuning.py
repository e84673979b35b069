"""Checks of chapter 11's exercises."""

import keras
import numpy as np
from keras import layers

from convbook import shapes
from convbook.checks import are_counts, call_answer, check, right, wrong

# Exercise 1: a 3x3 convolution with 8 filters on RGB, BatchNorm, pooling, one unit.
CONVOLUTION = shapes.convolution_parameters(3, 3, 8)
SCALES, STATISTICS = 2 * 8, 2 * 8  # BatchNorm: gamma and beta, moving mean and variance
HEAD = shapes.dense_parameters(8, 1)
COUNTS = {"frozen": HEAD, "fine_tuned": CONVOLUTION + HEAD}
COUNTS_ADVICE = {
    "frozen": {
        HEAD - 1: "you left out the bias of the one unit.",
        HEAD + SCALES: "BatchNorm belongs to the base: its gamma and beta are frozen, its statistics never trained.",
        CONVOLUTION + HEAD: "this counts the convolution, which is frozen here.",
    },
    "fine_tuned": {
        HEAD: "nothing of the base is among them: it was never unfrozen.",
        CONVOLUTION: "you left out the head, which goes on learning in the fifth step, or all the biases.",
        CONVOLUTION + HEAD + SCALES: "BatchNorm is unfrozen in your count: its gamma and beta stay frozen too.",
        CONVOLUTION + HEAD + SCALES + STATISTICS: "you counted BatchNorm's moving statistics; no gradient trains them.",
        CONVOLUTION + HEAD - 8: "you left out the biases of the 8 filters.",
        3 * 3 * 8 + 8 + HEAD: "a filter spans all 3 channels of the picture.",
    },
}

# Exercise 3
HIGHEST_RATE = 1e-4
PICTURES = 12


# ---------------------------------------------------------------- exercise 1


@check()
def trainable_weights(answer):
    """Check how many weights of a small network are trainable with a frozen base, and in fine-tuning.

    Args:
        answer: dictionary with whole numbers under "frozen" and "fine_tuned".

    Returns:
        A `Feedback` that says which weights were counted wrongly.
    """
    if not are_counts(answer, COUNTS):
        return wrong('Give a dictionary with a whole number for each of "frozen" and "fine_tuned".')
    for step, expected in COUNTS.items():
        given = answer[step]
        if given != expected:
            advice = COUNTS_ADVICE[step].get(given, "count the convolution, BatchNorm and the last unit one by one.")
            return wrong(f"{step}: {given} is not it; {advice}")
    return right(
        f"{HEAD} for the unit; {CONVOLUTION} more for the convolution. BatchNorm's {SCALES + STATISTICS} numbers stay."
    )


# ---------------------------------------------------------------- exercise 2


@check()
def prove(answer):
    """Check a function of assertions that must let sound fine-tuning pass and stop broken ones.

    Args:
        answer: function of a base (keras.Model) and the largest change of each of its weights ({path: float}) in the
            fifth step; it raises AssertionError if something is wrong.

    Returns:
        A `Feedback` that names the first broken script that passes, or the first sound one that is stopped.
    """
    for is_sound, name, base, changes, explanation in _scripts():
        try:
            call_answer(answer, base, changes, raises=AssertionError)
            passes = True
        except AssertionError:
            passes = False
        if is_sound and not passes:
            return wrong(f"Your assertions stop {name}. {explanation}")
        if passes and not is_sound:
            return wrong(f"Your assertions let {name} pass. {explanation}")
    return right("Three scripts that would have run to the end without an error are stopped, and the sound ones pass.")


def _scripts():
    """Yield (is_sound, name, base, changes, explanation) of scripts as they are after the fifth step."""
    base = _build_base()
    yield (
        False,
        "script A",
        _set_trainable(base, ()),
        _change(base, lambda layer: False),
        "No weight of its base is trainable, and so none has moved. Does any of your assertions ask for that?",
    )
    yield (
        False,
        "script B",
        _set_trainable(base, base.layers),
        _change(base, lambda layer: True),
        "Its BatchNorm layers have moved, moving means and all. What should their changes be?",
    )
    convolutions = _convolutions(base)
    yield (
        False,
        "script C",
        _set_trainable(base, convolutions),
        _change(base, lambda layer: False),
        "Its base has trainable weights, but not one of them has moved. Compare what may move with what did.",
    )
    yield (
        False,
        "a script that froze its base again and did not compile",
        _set_trainable(base, ()),
        _change(base, lambda layer: layer in convolutions),
        "Nothing is trainable, and yet the convolutions moved. What is not trainable must have a change of exactly 0.",
    )
    yield (
        True,
        "a sound script",
        _set_trainable(base, convolutions),
        _change(base, lambda layer: layer in convolutions),
        "Its convolutions are trainable and moved, by 0.0003 at most; BatchNorm is frozen and changed by 0.",
    )
    top = convolutions[-1:]
    yield (
        True,
        "a sound script that tunes the top block alone",
        _set_trainable(base, top),
        _change(base, lambda layer: layer in top),
        "It is right that its lower block did not move: it is not trainable. Ask for what *is* trainable.",
    )


def _set_trainable(base, chosen):
    for layer in base.layers:
        layer.trainable = layer in chosen
    return base


def _change(base, moves):
    """Return the largest change of each weight, as `freezing.changes` gives it."""
    return {weight.path: 0.0003 * moves(layer) for layer in base.layers for weight in layer.weights}


# ---------------------------------------------------------------- exercise 3


@check()
def repair(answer):
    """Check a function that fine-tunes a base under a trained head, by what it moves.

    Args:
        answer: function of a model, its base, images and labels; it unfreezes, compiles and fits.

    Returns:
        A `Feedback` that says what moved and should not have, or did not and should.
    """
    model, base, images, labels = _model_with_trained_head()
    before = {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights}
    call_answer(answer, model, base, images, labels)
    changes = {w.path: float(np.abs(keras.ops.convert_to_numpy(w) - before[w.path]).max()) for w in model.weights}
    return _judge_repair(model, base, changes)


def _judge_repair(model, base, changes):
    norms = [layer for layer in base.layers if isinstance(layer, layers.BatchNormalization)]
    statistics = max(changes[w.path] for layer in norms for w in layer.non_trainable_weights[-2:])
    scales = max(changes[w.path] for layer in norms for w in (layer.gamma, layer.beta))
    kernels = {layer.name: changes[layer.kernel.path] for layer in _convolutions(base)}
    if not any(changes.values()):
        return wrong("Nothing moved at all, not even the head: call model.fit.")
    if not base.trainable_weights:
        return wrong("No weight of the base is trainable at the end: the base was never unfrozen.")
    if not any(kernels.values()):
        return wrong(
            f"{len(base.trainable_weights)} weights of the base are trainable, and none has moved: the model was not "
            "compiled after they were unfrozen."
        )
    if statistics:
        return wrong(
            f"A moving mean or variance of BatchNorm has moved by {statistics:.2g}. Freeze each BatchNormalization "
            "layer after you unfreeze the base and before you compile."
        )
    if scales:
        return wrong(f"BatchNorm's gamma or beta has moved by {scales:.2g}: freeze the whole layer.")
    if not all(kernels.values()):
        still = ", ".join(name for name, change in kernels.items() if not change)
        return wrong(f"The whole base was to be tuned; these did not move: {still}.")
    if not changes[model.layers[-1].kernel.path]:
        return wrong("The head did not move: the fifth step trains base and head together.")
    rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    if rate > HIGHEST_RATE * 1.01:
        return wrong(f"All that should move does, but at a rate of {rate:g}; take {HIGHEST_RATE:g} or less.")
    return right("The convolutions and the head moved, BatchNorm did not, and the steps were small.")


def _build_base():
    """Return two blocks of a convolution, BatchNorm and ReLU, for pictures of 8x6 pixels."""
    inputs = keras.Input((8, 6, 3))
    x = inputs
    for block, filters in (("block1", 4), ("block2", 6)):
        x = layers.Conv2D(filters, 3, use_bias=False, name=f"{block}_conv")(x)
        x = layers.BatchNormalization(name=f"{block}_bn")(x)
        x = layers.Activation("relu", name=f"{block}_act")(x)
    return keras.Model(inputs, x, name="base")


def _convolutions(base):
    return [layer for layer in base.layers if isinstance(layer, layers.Conv2D)]


def _model_with_trained_head():
    """Return a model after the third step (base frozen, compiled, head trained), its base, pictures and labels."""
    rng = np.random.default_rng(0)
    images = rng.normal(3, 2, (PICTURES, 8, 6, 3)).astype("float32")
    labels = rng.integers(0, 2, (PICTURES, 1)).astype("float32")
    base = _build_base()
    base.trainable = False
    inputs = keras.Input((8, 6, 3))
    features = layers.GlobalAveragePooling2D()(base(inputs))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="head")(features))
    model.compile(keras.optimizers.Adam(1e-3), loss="binary_crossentropy")
    model.fit(images, labels, batch_size=4, epochs=1, verbose=0)
    return model, base, images, labels
