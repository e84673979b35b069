"""Checks of chapter 7's exercises."""

import functools
import itertools

import numpy as np
from PIL import Image, ImageDraw

from convbook.checks import are_counts, check, right, wrong

# Exercise 1: the most versions of one picture in ten epochs, and what a wrong number of them means.
EPOCHS = 10
VERSIONS = {"a": 10, "b": 1, "c": 10, "d": 2, "e": 4}
VERSIONS_ADVICE = {
    "a": "nothing random stands before the cache, so each epoch turns the picture anew.",
    "b": "the cache keeps what arrives in the first epoch, and what arrives there is turned already.",
    "c": "the cache keeps one flip for good, but the rotation comes after it, anew in each epoch.",
    "d": "the cache keeps one rotation for good. After it comes only a flip: how many outcomes has a flip?",
    "e": "two flips come after the cache. Each happens or does not: how many pairs of outcomes are there?",
}

# Exercise 2: pictures from -1 to 1, brightness moved by up to a fifth of that range.
FACTOR, RANGE = 0.2, (-1.0, 1.0)
CALLS = 256  # so many that the largest change comes close to the largest possible one

# Exercise 3
VERSIONS_OF_A_SIGN, FEWEST_LAYERS, LEAST_LIKENESS = 64, 3, 0.5
LIGHT = ("RandomBrightness", "RandomContrast")
POSITION = ("RandomPerspective", "RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom")
BLUE, RED, WHITE, GREY = (20, 80, 170), (200, 25, 35), (250, 250, 250), (150, 160, 165)


# ---------------------------------------------------------------- exercise 1


@check()
def count_versions(answer):
    """Check how many versions of one picture five pipelines show in ten epochs.

    Args:
        answer: dictionary with the keys a to e, the largest possible number of different versions for each.

    Returns:
        A `Feedback` that says for the first wrong number what the cache keeps and what comes after it.
    """
    if not are_counts(answer, VERSIONS, smallest=1):
        return wrong('Give a dictionary with a whole number for each of "a" to "e", each at least 1.')
    for name, expected in VERSIONS.items():
        given = answer[name]
        if given > EPOCHS:
            return wrong(
                f"{name}: in {EPOCHS} epochs a picture comes {EPOCHS} times, so it cannot show {given} versions."
            )
        if given != expected:
            return wrong(f"{name}: {given} is not it; {VERSIONS_ADVICE[name]}")
    return right(
        "What is random after the cache counts, and a flip alone has only two outcomes, however many the epochs."
    )


# ---------------------------------------------------------------- exercise 2


@check("Replace each ... by a layer.")
def repair_brightness(answer):
    """Check the beginning of a model that rescales to -1…1 and changes brightness by up to a fifth of the range.

    Args:
        answer: list of Keras layers, in the order in which they are called.

    Returns:
        A `Feedback` that says what comes out of the layers for a picture that holds every grey level.
    """
    layers = _as_layers(answer)
    if layers is None:
        return wrong("Give a list of Keras layers, in the order in which they are called: [layers.…, layers.…].")
    levels = np.arange(256, dtype="float32").reshape(16, 16, 1).repeat(3, axis=2)
    wanted = levels / 127.5 - 1
    try:
        still = _call(layers, levels[None], training=False)[0]
        changed = _call(layers, np.stack([levels] * CALLS), training=True)
    except Exception as error:  # the reader's own layers may raise anything, and their author should see it
        return wrong(f"Your layers raised {type(error).__name__}: {error}")
    if still.shape != wanted.shape or not np.allclose(still, wanted, atol=1e-3):
        return wrong(
            f"In prediction the pixels 0 and 255 should come out as -1 and 1; they come out as {still.min():.3g} and "
            f"{still.max():.3g}. Keep the Rescaling as it is."
        )
    return _judge_brightness(changed, wanted)


def _judge_brightness(changed, wanted):
    """Judge the pictures in training, changed (calls, 16, 16, 3), by those in prediction, wanted (16, 16, 3)."""
    low, high = changed.min(), changed.max()
    if np.allclose(changed, wanted, atol=1e-3):
        return wrong("In training nothing changes: the random brightness is missing, or its factor is 0.")
    reach = f"In training the values reach from {low:.3g} to {high:.3g}."
    if high - low > 5:
        return wrong(
            f"{reach} The brightness layer takes a fifth of the range that it believes in, 0…255 unless told "
            "otherwise, and what reaches it lies between -1 and 1."
        )
    if low >= -1e-6:
        return wrong(
            f"{reach} Nothing lies below 0, so the dark half of every picture is lost: the layer cuts off what it "
            "believes to be out of range. Which range do the pictures have where it stands?"
        )
    if low < RANGE[0] - 0.01 or high > RANGE[1] + 0.01:
        return wrong(f"{reach} The layer was told a range that the pictures do not have where it stands.")
    middle = (slice(None), 7, 15, 0)  # a level in the middle of the range, which no change cuts off
    share = np.abs(changed[middle] - wanted[7, 15, 0]).max() / (RANGE[1] - RANGE[0])
    if not 0.9 * FACTOR < share < 1.02 * FACTOR:
        return wrong(
            f"The values stay in range, but in {CALLS} calls brightness moved by up to {share:.3f} of it, not 0.2."
        )
    return right("Every value stays between -1 and 1. With the augmentation first, the question does not even arise.")


# ---------------------------------------------------------------- exercise 3


def draw_signs(size_px=64):
    """Draw six traffic signs on a grey sky.

    Args:
        size_px: height and width of each picture in pixels.

    Returns:
        {name: uint8 (size_px, size_px, 3)}.

    Example:
        >>> signs = draw_signs()
        >>> list(signs)
        ['turn left', 'turn right', 'straight ahead', 'give way', 'danger', 'no entry']
        >>> bool((signs["turn left"] == signs["turn right"][:, ::-1]).all())
        True
    """
    arrow = [(24, 43), (52, 43), (52, 29), (77, 50), (52, 71), (52, 57), (24, 57)]  # in hundredths of the picture
    right_turn = _draw(("disc", BLUE), ("polygon", WHITE, arrow), size_px=size_px)
    outside, inside = [(50, 12), (90, 82), (10, 82)], [(50, 30), (75, 73), (25, 73)]
    danger = _draw(("polygon", RED, outside), ("polygon", WHITE, inside), size_px=size_px)
    bar = [(24, 43), (76, 43), (76, 57), (24, 57)]
    return {
        "turn left": right_turn[:, ::-1],
        "turn right": right_turn,
        "straight ahead": np.rot90(right_turn),
        "give way": danger[::-1],
        "danger": danger,
        "no entry": _draw(("disc", RED), ("polygon", WHITE, bar), size_px=size_px),
    }


@check("Replace each ... by one of Keras's random layers; the list may be longer.")
def honest_for_signs(answer):
    """Check an augmentation for the six traffic signs by what its layers make of them.

    Args:
        answer: list of Keras layers that are called one after the other on pictures from 0 to 255.

    Returns:
        A `Feedback` that names the first layer after which a sign cannot be told from another, has another colour, or
        is gone; or what kind of change is missing.
    """
    layers = _as_layers(answer)
    if layers is None:
        return wrong("Give a list of Keras layers: [layers.…, layers.…, layers.…].")
    for number, layer in enumerate(layers, 1):
        if finding := _layer_finding(layer):
            return wrong(f"Layer {number}, {type(layer).__name__}: {finding}")
    types = {type(layer).__name__ for layer in layers}
    if len(types) < FEWEST_LAYERS:
        plural = "s" * (len(types) > 1)
        return wrong(f"Honest, but of {len(types)} kind{plural} only; find at least {FEWEST_LAYERS} that tell no lie.")
    if not types & set(LIGHT):
        return wrong("Honest, but the light never changes: at dusk a sign is darker, and in fog paler.")
    if not types & set(POSITION):
        return wrong(
            "Honest, but every sign stays where it is: a camera sees it larger, smaller, tilted, beside the middle."
        )
    if finding := _signs_finding(layers):
        return wrong(f"Each layer alone is honest, but one after the other they go too far: {finding}")
    names = ", ".join(type(layer).__name__ for layer in layers)
    return right(f"In {VERSIONS_OF_A_SIGN} versions of each sign, {names} took none for another.")


def _layer_finding(layer):
    """Return what is wrong with one layer for the signs, or ''."""
    name = type(layer).__name__
    try:
        finding = _signs_finding([layer])
    except Exception as error:  # the reader's own layer may raise anything, and its author should see it
        return f"it raised {type(error).__name__}: {error}"
    if finding and name == "RandomFlip":
        return f"{finding} A mirror exchanges left and right, and upside down a warning gives way."
    if finding and name == "RandomRotation":
        return f"{finding} Its factor is a share of a whole turn: 0.1 is 36° to either side. How far do signs lean?"
    return finding


def _signs_finding(layers):
    """Return what is wrong with the signs after these layers, or ''."""
    for name, sign in draw_signs().items():
        picture = sign.astype("float32")
        versions = _call(layers, np.stack([picture] * VERSIONS_OF_A_SIGN), training=True)
        if versions.shape[1:] != picture.shape:
            return f"it gives pictures of the shape {versions.shape[1:]}, not {picture.shape}."
        if np.allclose(versions, picture, atol=0.5):
            return "it changes nothing; turn it up, or leave it out."
        if versions.max() < 2:
            return "its pictures no longer reach from 0 to 255; scaling them is the network's business, further on."
        if finding := _versions_finding(versions, name, picture):
            return f"{VERSIONS_OF_A_SIGN} versions of {name!r}: {finding}"
    return ""


def _versions_finding(versions, name, picture):
    """Return how many versions of one sign are wrong and why, or ''."""
    if gone := _count(_contrast(versions) < 0.35 * _contrast(picture[None])):
        return f"{gone} hardly to be read, too dark, too bright or too pale."
    if recoloured := _count(_redness(versions) / _redness(picture[None]) < 0.3):
        return f"{recoloured} without its colour. Red forbids or warns, blue commands."
    names, likeness = _likeness(versions)
    nearest = likeness.argmax(axis=1)
    if (others := nearest[nearest != names.index(name)]).size:
        return f"{others.size} taken for another sign, most for {names[np.bincount(others).argmax()]!r}."
    if gone := _count(likeness.max(axis=1) < LEAST_LIKENESS):
        return f"{gone} with too little of it, or too little like it, to be believed."
    return ""


def _contrast(images):
    return images.mean(axis=3).std(axis=(1, 2))


def _redness(images):
    """Red minus blue as a share of the contrast: positive for red signs, negative for blue ones."""
    return (images[..., 0] - images[..., 2]).mean(axis=(1, 2)) / (_contrast(images) + 1e-9)


def _likeness(versions):
    """Return the signs' names, and how similar versions are to signs at any position and size: (versions, signs)."""
    names, templates = _templates()
    # Layers fill empty pixels with black, which no sign has: they count as sky.
    is_empty = versions[..., 0] + versions[..., 1] + versions[..., 2] == 0
    versions = np.where(is_empty[..., None], np.float32(GREY), versions)
    likeness = _coarse(versions) @ templates.reshape(-1, templates.shape[-1]).T
    return names, likeness.reshape(len(versions), len(names), -1).max(axis=2)


@functools.cache
def _templates():
    """Return the signs' names, and coarse pictures of each, turned, resized and moved: (signs, versions, numbers)."""
    signs, templates = draw_signs(), []
    for sign in signs.values():
        image, size_px, moved = Image.fromarray(np.ascontiguousarray(sign)), len(sign), []
        for degrees, scale in itertools.product((-14, 0, 14), (0.8, 1, 1.25)):
            side_px = round(scale * size_px)
            turned = image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=GREY).resize((side_px, side_px))
            for x, y in itertools.product(range(-12, 13, 4), repeat=2):
                sheet = Image.new("RGB", (size_px, size_px), GREY)
                sheet.paste(turned, ((size_px - side_px) // 2 + x, (size_px - side_px) // 2 + y))
                moved.append(np.asarray(sheet))
        templates.append(_coarse(np.stack(moved)))
    return list(signs), np.stack(templates)


def _coarse(images):
    """Return pictures of 16x16 blocks as vectors of length 1 with the mean 0, so that brightness does not count."""
    blocks = images.astype("float32").reshape(len(images), 16, 4, 16, 4, 3).mean(axis=(2, 4)).reshape(len(images), -1)
    blocks -= blocks.mean(axis=1, keepdims=True)
    return blocks / (np.linalg.norm(blocks, axis=1, keepdims=True) + 1e-9)


def _draw(*shapes, size_px):
    """Draw discs and polygons, corners in hundredths of the picture, four times as large and then shrunk."""
    image = Image.new("RGB", (4 * size_px,) * 2, GREY)
    pen = ImageDraw.Draw(image)
    for shape, colour, *corners in shapes:
        if shape == "disc":
            pen.ellipse([0.12 * 4 * size_px] * 2 + [0.88 * 4 * size_px - 1] * 2, fill=colour)
        else:
            pen.polygon([(x * 4 * size_px / 100, y * 4 * size_px / 100) for x, y in corners[0]], fill=colour)
    return np.asarray(image.resize((size_px, size_px), Image.Resampling.BOX))


# ---------------------------------------------------------------- layers


def _as_layers(answer):
    """Return the answer as a list of layers, or None."""
    import keras

    layers = answer.layers if isinstance(answer, keras.Sequential) else answer
    is_list = isinstance(layers, (list, tuple)) and len(layers) > 0
    return list(layers) if is_list and all(isinstance(layer, keras.Layer) for layer in layers) else None


def _call(layers, images, training):
    """Return what the layers make of a batch, as a NumPy array."""
    for layer in layers:
        images = layer(images, training=training)
    return np.asarray(images)


def _count(is_so):
    return int(np.sum(is_so))
