"""Checks of chapter 1's exercises."""

import numpy as np

from convbook import shapes
from convbook.checks import call_answer, check, right, wrong

INPUT_SHAPE = (30, 22, 3)


@check()
def layer_table(answer):
    """Check shapes and weights of the network in exercise 1.

    The network takes (30, 22, 3) pictures: Conv2D(8, 5), MaxPooling2D(2), Conv2D(16, 3), MaxPooling2D(2), Flatten,
    Dense(4).

    Args:
        answer: dictionary with the keys `conv_1`, `pool_1`, `conv_2`, `pool_2` and `dense`, each a pair of an output
            shape (a tuple without the batch axis) and a number of weights.

    Returns:
        A `Feedback` that names the first wrong layer and the rule that was missed.
    """
    expected = _expected_table()
    if not isinstance(answer, dict) or set(answer) != set(expected):
        return wrong(f"Give a dictionary with the keys {', '.join(expected)}.")
    for name, (shape, weights) in expected.items():
        try:
            given_shape, given_weights = tuple(answer[name][0]), answer[name][1]
        except (TypeError, IndexError):
            return wrong(f"{name}: give a pair (shape, weights), for example ((26, 26, 32), 320).")
        if given_shape != shape:
            return wrong(f"{name}: {given_shape} is not its output shape. {_shape_advice(name, given_shape, shape)}")
        if given_weights != weights:
            return wrong(
                f"{name}: {given_weights} is not its number of weights. {_weights_advice(name, given_weights, weights)}"
            )
    return right(
        "Every line follows from four rules: the border, the floor, and one bias for each filter and each unit."
    )


def _expected_table():
    conv_1 = shapes.convolution_shape(INPUT_SHAPE, 8, 5)
    pool_1 = shapes.pooling_shape(conv_1, 2)
    conv_2 = shapes.convolution_shape(pool_1, 16, 3)
    pool_2 = shapes.pooling_shape(conv_2, 2)
    return {
        "conv_1": (conv_1, shapes.convolution_parameters(5, 3, 8)),
        "pool_1": (pool_1, 0),
        "conv_2": (conv_2, shapes.convolution_parameters(3, 8, 16)),
        "pool_2": (pool_2, 0),
        "dense": ((4,), shapes.dense_parameters(int(np.prod(pool_2)), 4)),
    }


def _shape_advice(name, given, expected):
    if name == "dense":
        return "A Dense layer gives one number for each of its units."
    if len(given) != 3:
        return "A layer's output is a block (height, width, channels), here without the batch axis."
    if given[2] != expected[2]:
        return (
            "Pooling keeps the channels."
            if name.startswith("pool")
            else "A convolution gives one channel for each filter."
        )
    if given[:2] == expected[1::-1]:
        return "Height comes before width."
    if name.startswith("pool"):
        return "Pooling halves height and width and drops what does not fill a window: take the floor."
    if given[0] - expected[0] == given[1] - expected[1] == 1:
        return "A k×k window fits in n - k + 1 positions along an axis; you counted one too many."
    return "A k×k window must lie inside the picture: the border costs k - 1 rows and columns."


def _weights_advice(name, given, expected):
    if name.startswith("pool"):
        return "Pooling takes a maximum: there is nothing to learn."
    filters = {"conv_1": 8, "conv_2": 16, "dense": 4}[name]
    if given == expected - filters:
        return f"You left out the biases, one for each of its {filters} outputs."
    spatial, depth = {"conv_1": (25, 3), "conv_2": (9, 8)}.get(name, (0, 0))
    if given in (spatial * filters, spatial * filters + filters):
        return f"A filter is not flat: it spans all {depth} channels that come in."
    if name == "dense":
        return "A Dense layer has one weight for each pair of an input and an output: count what Flatten hands on."
    return "Multiply window height, window width, incoming channels and filters, then add one bias for each filter."


@check()
def channels_first(answer):
    """Check a function that turns a channels-last batch into a channels-first one.

    Args:
        answer: a function from an array (pictures, height, width, channels) to an array (pictures, channels, height,
            width).

    Returns:
        A `Feedback` that distinguishes reshaping from transposing, and names the axis that went astray.
    """
    images = np.arange(120).reshape(5, 2, 3, 4)
    converted = np.asarray(call_answer(answer, images, returns="the converted batch"))
    if converted.shape == (5, 4, 3, 2):
        return wrong("Height and width have changed places, so every picture lies on its side.")
    if converted.shape == (4, 5, 2, 3):
        return wrong(
            "The channels went before the batch axis: the shape is (4, 5, 2, 3). Keep the batch axis in front."
        )
    if converted.shape != (5, 4, 2, 3):
        return wrong(
            f"A (5, 2, 3, 4) batch became {converted.shape}; pictures, channels, height, width would be (5, 4, 2, 3)."
        )
    if converted[0, 0, 0, 1] == 1:
        return wrong(
            "The shape is right and the content is scrambled: element [0, 0, 0, 1] is 1 and should be 4. You reshaped, "
            "which keeps the order of the numbers in memory; move the axis instead."
        )
    if not np.array_equal(converted, images.transpose(0, 3, 1, 2)):
        return wrong("The shape is right, but the numbers are not those of the pictures; move only the last axis.")
    return right("Each channel is still a picture: converted[n, c] equals images[n, :, :, c].")


@check()
def small_network(answer):
    """Check a network for (36, 20, 3) pictures of five classes with at most 10,000 weights.

    Args:
        answer: a Keras model.

    Returns:
        A `Feedback` that names the first requirement that is not met.
    """
    types = [type(layer).__name__ for layer in getattr(answer, "layers", [])]
    if not types:
        return wrong("Give a Keras model.")
    if tuple(answer.input_shape) != (None, 36, 20, 3):
        return wrong(f"It takes {answer.input_shape}; colour pictures 36 high and 20 wide are (None, 36, 20, 3).")
    if tuple(answer.output_shape) != (None, 5):
        return wrong(f"It gives {answer.output_shape}; one probability for each of five classes is (None, 5).")
    if types.count("Conv2D") < 2 or not any("Pooling2D" in name for name in types):
        return wrong("Use at least two Conv2D layers and a pooling layer.")
    if answer.count_params() > 10_000:
        return wrong(
            f"It has {answer.count_params():,} weights, and 10,000 are allowed. Look at the Dense layer: how many "
            "numbers come in?"
        )
    pictures = np.random.default_rng(0).uniform(0, 255, (8, 36, 20, 3)).astype("float32")
    outputs = np.asarray(answer(pictures))
    if not np.allclose(outputs.sum(axis=1), 1, atol=1e-4) or (outputs < 0).any():
        return wrong(
            "The five numbers are no probabilities: they must be positive and sum to one. Which activation does that?"
        )
    return right(f"{answer.count_params():,} weights take a (36, 20, 3) picture to five probabilities.")
