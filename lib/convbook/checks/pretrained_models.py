"""Checks of chapter 8's exercises: one filter and three ranges, scale and offset, features after a stage."""

import inspect

import keras
import numpy as np

from convbook.checks import as_numbers, call_answer, check, right, wrong

# Exercise 1: a small filter, one patch of a picture, and the responses for the three ranges.
WEIGHTS, BIAS = (2, -1), 0.5
PIXELS = {"0...255": (51, 204), "0...1": (0.2, 0.8), "-1...1": (-0.6, 0.6)}
RESPONSES = {"0...255": -101.5, "0...1": 0.1, "-1...1": -1.3}

# Exercise 2: scale and offset that bring pixels from these ranges to -1...1.
ARRIVING = {"0...255": (0, 255), "0...1": (0, 1), "-0.5...0.5": (-0.5, 0.5)}


@check()
def ranges(answer):
    """Check the three responses of one filter to the same two pixels in three ranges."""
    if not isinstance(answer, dict) or set(answer) != set(RESPONSES):
        return wrong(f"Give a dictionary with the keys {', '.join(map(repr, RESPONSES))}.")
    for name, expected in RESPONSES.items():
        given = answer[name]
        if as_numbers(given, ()) is None:
            return wrong(f"The response to {name} should be one number; got {given!r}.")
        if abs(given - expected) > 0.01:
            return wrong(f"For {name}: {_range_mistake(name, given)}")
    return right(
        "After ReLU the filter is silent for -1...1, as it was in training, and for 0...255; for 0...1 it fires, since "
        "the products shrink and the bias does not. The layers behind get numbers that they have never seen."
    )


def _range_mistake(name, given):
    pixels = PIXELS[name]
    products = WEIGHTS[0] * pixels[0] + WEIGHTS[1] * pixels[1]
    rescaled = {"0...1": RESPONSES["0...255"] / 255, "-1...1": RESPONSES["0...255"] / 127.5 - 1}
    if name in rescaled and abs(given - rescaled[name]) < 0.001:
        return "you rescaled the response. Rescale the pixels, then multiply: the bias does not scale along."
    if abs(given - products) < 0.01:
        return "the bias is missing. It is added once, whatever the range."
    if abs(given - (products + 2 * BIAS)) < 0.01:
        return "you added the bias for each pixel; it is added once, to the sum."
    if abs(given - WEIGHTS[0] * pixels[0] + WEIGHTS[1] * pixels[1] - BIAS) < 0.01:
        return "the second weight is negative: its product is subtracted."
    for other, expected in RESPONSES.items():
        if other != name and abs(given - expected) < 0.01:
            return f"{given:g} is the response to {other}."
    shown = " and ".join(f"{pixel:g}" for pixel in pixels)
    return f"convert the two pixels first, they become {shown}; then multiply, add, and add the bias."


@check()
def rescale(answer):
    """Check scales and offsets that bring pixels from three ranges to the one of the base."""
    if not isinstance(answer, dict) or set(answer) != set(ARRIVING):
        return wrong(f"Give a dictionary with the keys {', '.join(map(repr, ARRIVING))}.")
    for name, (low, high) in ARRIVING.items():
        pair = as_numbers(answer[name], (2,))
        if pair is None:
            return wrong(f"For {name} give two numbers, (scale, offset); got {answer[name]!r}.")
        scale, offset = pair
        darkest, brightest = low * scale + offset, high * scale + offset
        if not (_close(darkest, -1) and _close(brightest, 1)):
            return wrong(
                f"From {name} this makes {darkest:.4g} to {brightest:.4g}. {_rescale_mistake(low, high, *pair)}"
            )
    return right("Both ends arrive where they should. An assertion on the smallest and the largest value would say so.")


def _close(number, expected):
    return abs(number - expected) <= 0.001


def _rescale_mistake(low, high, scale, offset):
    if _close((low + offset) * scale, -1) and _close((high + offset) * scale, 1):
        return "You add the offset first; the converter multiplies first, then adds."
    if _close(scale, (high - low) / 2):
        return "The scale is upside down: it multiplies, it does not divide."
    if scale < 0:
        return "Dark and bright have changed places."
    if _close(scale * (high - low), 2):
        return "The width is right, and the range begins at the wrong value: change the offset."
    return f"The range is {high - low:g} wide and should be 2 wide: find the scale first, then the offset."


@check()
def build_probe(function):
    """Check a function that gives the mean of each channel after a named layer of a base."""
    if not callable(function):
        return wrong("Give the function itself, without calling it.")
    if len(inspect.signature(function).parameters) != 3:
        return wrong("The function takes three arguments: a backbone, the name of a layer, and images.")
    backbone, images = _small_backbone(), _pictures()
    outputs = [np.asarray(layer_output) for layer_output in _layer_outputs(backbone, images)]
    before = [weight.copy() for weight in backbone.get_weights()]
    for layer, name in enumerate(("first", "last")):
        given, maps = np.asarray(call_answer(function, backbone, name, images, returns="the features")), outputs[layer]
        message = _probe_mistake(given, maps, outputs, name)
        if message:
            return wrong(message)
    if any(not np.array_equal(*pair) for pair in zip(before, backbone.get_weights(), strict=True)):
        return wrong("The base changed while it was used: call it with training=False, or use predict.")
    return right("One row for each picture, one number for each channel, from any layer; the base stays as it was.")


def _small_backbone():
    """Return a base whose first layer has other sizes than its last, with moving statistics as after a training."""
    image = keras.Input((10, 14, 3))
    x = keras.layers.Conv2D(4, 3, kernel_initializer=keras.initializers.RandomNormal(0, 0.1, seed=1), name="first")(
        image
    )
    x = keras.layers.BatchNormalization(moving_mean_initializer=keras.initializers.Constant(0.5))(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.Conv2D(6, 3, kernel_initializer=keras.initializers.RandomNormal(0, 0.3, seed=2), name="last")(x)
    return keras.Model(image, x)


def _pictures():
    return np.random.default_rng(0).uniform(-1, 1, (5, 10, 14, 3)).astype("float32")


def _layer_outputs(backbone, images):
    part = keras.Model(backbone.input, [backbone.get_layer(name).output for name in ("first", "last")])
    return part(images, training=False)


def _probe_mistake(given, maps, outputs, name):
    """Return why an answer is not the mean of each channel of these maps, or None if it is."""
    if given.shape == maps.mean(axis=(1, 2)).shape and np.allclose(given, maps.mean(axis=(1, 2)), atol=1e-4):
        return None
    if given.shape == maps.shape:
        return f"These are the maps of {name!r}, {maps.shape}: take the mean over their rows and columns."
    if given.shape == (len(maps), maps[0].size):
        return "These are the maps made flat. A probe that sees no positions takes the mean of each channel."
    if given.shape == maps.mean(axis=(1, 2)).shape and np.allclose(given, maps.max(axis=(1, 2)), atol=1e-4):
        return "This is the largest value of each channel: max. The mean was asked for."
    if given.shape == maps.mean(axis=3).reshape(len(maps), -1).shape or given.shape == maps.mean(axis=3).shape:
        return "You took the mean over the channels: it should be over rows and columns, axes 1 and 2."
    if given.shape == maps.mean(axis=(0, 1, 2)).shape:
        return "You took the mean over the pictures too, axis 0. Each picture should keep a row of its own."
    last = outputs[-1].mean(axis=(1, 2))
    if name == "first" and given.shape == last.shape and np.allclose(given, last, atol=1e-4):
        return "This is the base's last output. Build a model that ends at the layer that is asked for."
    if given.shape == maps.mean(axis=(1, 2)).shape:
        return (
            f"The shape is right and the numbers of {name!r} are not. Was the base called with training=True, so that "
            "batch normalization used the batch's own statistics? Or were the pictures converted a second time?"
        )
    return (
        f"Layer {name!r} gives maps of shape {maps.shape}; the answer should be {(len(maps), maps.shape[3])}, "
        f"not {given.shape}."
    )
