"""The augmentation figure: nine random versions of a picture, as Keras's layers make them, and what comes of them."""

import numpy as np
import traitlets
from matplotlib.figure import Figure

from convbook import evidence
from convbook.figures.base import (
    Choice,
    FigureError,
    LiveFigure,
    Number,
    Whole,
    check_names,
    check_picture,
    pack_picture,
    refuse_outside,
)

VERSIONS = 9
LEVELS, DRAWS = (0, 0.5, 1, 2, 4), 4  # times the usual strength of the recipe, and sets of random numbers
ROTATION, ZOOM = 0.1, 0.2  # the usual strength; with LEVELS and DRAWS also in the JavaScript
SMALLEST_SIDE_PX, LARGEST_SIDE_PX = 8, 64  # up to here nine versions are made within one frame of the browser
LARGEST_PAGE_KB = 150  # what the pictures may add to a page, in base64
TO_BOTH_SIDES = "It is the largest change, to both sides: for a range (-0.1, 0.1) give 0.1."


class Augmentation(LiveFigure):
    """Turn up random transforms, look at nine results, and see what a network makes of them.

    First the strength of the best-known recipe is chosen, of flip, rotation and zoom together; each change by itself
    stands behind. For the recipe the figure shows what a network answers, and how well networks learned from it.

    The versions are those of Keras's layers, one after the other: RandomFlip, RandomRotation, RandomZoom,
    RandomTranslation, RandomContrast, RandomBrightness. Each geometric layer reads its input between the pixels
    (bilinear) and with the same `fill_mode`, so several blur the picture several times, as they do in Keras.

    Keras's conventions, where they are easily taken for their opposite:

    - a rotation's factor is a share of a whole turn, and positive is counter-clockwise;
    - a zoom's factor is added to 1: positive zooms out, so things get smaller (0.2: 1/1.2), negative zooms in;
    - a translation's factor is a share of the height and of the width; positive is down and right;
    - `horizontal_and_vertical` does both or neither: it is half a turn, never one flip alone;
    - the contrast here is `RandomContrast((0.2, 0.2))`, × 0.8 to × 1.2 as Keras's documentation says of a single 0.2;
      Keras 3.13 to 3.15 draw only × 1.0 to × 1.2 for a single number;
    - the numbers of the versions do not come from Keras's generator: the same `draw` gives the same numbers here on
      every machine, and a stronger setting goes further along the same way.

    Args:
        images: pictures, uint8 (0…255) or float (0…1): an array (n, height, width, 1 or 3), or a list of ones whose
            sizes may differ, each (height, width) or (height, width, 1 or 3), 8 to 64 pixels each way.
        names: what the pictures are called, one text each; None for "picture 1", "picture 2", …
        picture: which one is shown, counted from 0.
        flip: "none", "horizontal", "vertical" or "horizontal_and_vertical".
        rotation: 0 to 0.5 turns, to both sides.
        zoom: 0 to 0.8, out and in.
        translation: 0 to 0.5 of the height and of the width, to all sides.
        contrast: 0 to 1, less and more.
        brightness: 0 to 1 of the range of grey levels, darker and brighter.
        fill_mode: what is seen beyond the picture's border: "reflect", "constant", "nearest" or "wrap", as in Keras.
        draw: which random numbers, 0 to 3.
        recorded: dictionary from each strength of the recipe, 0, 0.5, 1, 2 and 4 times the usual one, to the accuracies
            of the networks that were trained at it, or the name of the stored result that holds them; None if there
            are none to show.
        judge: a function that takes float32 pictures (n, height, width, channels) of 0…255 and returns for each one
            probability for each of the names, (n, len(names)), as `judge_with_base` gives one; None if no network is
            asked. It is called once for each picture, with all its versions.

    Raises:
        FigureError: a ValueError and a TraitError, if a picture or a setting does not fit; the message says what would.

    Example:
        >>> figure = Augmentation(np.zeros((2, 9, 12, 3), dtype="uint8"), names=["a cat", "a dog"], rotation=0.1)
        >>> figure.alternative
        'Versions of a cat or a dog, flipped, turned, enlarged and moved at random.'
    """

    picture = Whole(0).tag(sync=True)
    flip = Choice(("none", "horizontal", "vertical", "horizontal_and_vertical"), "horizontal").tag(sync=True)
    rotation = Number(0.1, 0, 0.5, remedy=TO_BOTH_SIDES).tag(sync=True)
    zoom = Number(0.2, 0, 0.8, remedy=TO_BOTH_SIDES).tag(sync=True)
    translation = Number(0, 0, 0.5, remedy=TO_BOTH_SIDES).tag(sync=True)
    contrast = Number(0, 0, 1, remedy=TO_BOTH_SIDES).tag(sync=True)
    brightness = Number(0, 0, 1, remedy=TO_BOTH_SIDES).tag(sync=True)
    fill_mode = Choice(("reflect", "constant", "nearest", "wrap")).tag(sync=True)
    draw = Whole(0, 0, DRAWS - 1).tag(sync=True)
    _names = traitlets.List().tag(sync=True)
    _pictures = traitlets.List().tag(sync=True)
    _answers = traitlets.List().tag(sync=True)  # by strength, picture and draw: nine [number of a name, per cent]
    _recorded = traitlets.List().tag(sync=True)  # the accuracies, by strength

    def __init__(self, images, *, names=None, recorded=None, judge=None, **traits):
        self.images = _check_pictures(images)
        names = check_names(names, len(self.images))
        if len(set(names)) < len(names):
            raise FigureError(f"names is {names!r}; give texts that are all different: they are the answers.")
        data = {"_pictures": [pack_picture(image) for image in self.images], "_names": names}
        data |= {"_answers": _ask(judge, self.images, names), "_recorded": _check_recorded(recorded)}
        super().__init__(**data, **traits)

    @property
    def alternative(self):
        return f"Versions of {' or '.join(self._names)}, flipped, turned, enlarged and moved at random."

    def check(self, state):
        count = len(self.images)
        refuse_outside(state, "picture", 0, count - 1, f"there are {count} pictures")

    def draw_still(self):
        import keras

        layers, image = keras.layers, self.images[self.picture]
        turns = [layers.RandomRotation(self.rotation, seed=0), layers.RandomZoom(self.zoom, seed=0)]
        flips = [layers.RandomFlip(self.flip, seed=0)] if self.flip != "none" else []
        augment = keras.Sequential([*flips, *turns])
        versions = np.asarray(augment(np.stack([image] * 3).astype("float32"), training=True)).astype("uint8")
        figure = Figure((3.2, 0.9), layout="constrained")
        for axes, version in zip(figure.subplots(1, 4), [image, *versions], strict=True):
            axes.imshow(np.broadcast_to(version, (*image.shape[:2], 3)), interpolation="nearest")
            axes.axis("off")
        return figure


def judge_with_base(preset, images, labels):
    """Teach a pretrained base two classes, by a logistic regression on its features of unchanged pictures.

    Args:
        preset: a base that `backbones.load` knows.
        images: pictures of 0…255, (n, height, width, 3); of more than 400, evenly chosen ones are used.
        labels: the number of each picture's class, (n,).

    Returns:
        A function from such pictures to the probability of each class, (n, classes).
    """
    from sklearn.linear_model import LogisticRegression

    from convbook import backbones

    base, converter = backbones.load(preset)
    step = -(-len(labels) // 400)

    def features(pictures):
        return base.predict(converter(pictures), batch_size=50, verbose=0).mean(axis=(1, 2))

    classifier = LogisticRegression(max_iter=1000).fit(features(images[::step]), labels[::step])
    return lambda pictures: classifier.predict_proba(features(pictures))


def random_numbers(draw, tile):
    """Seven numbers in 0…1 for one version, as the JavaScript draws them: for flip, rotation, zoom and four more."""
    numbers = []
    for place in range(7):
        bits = (((draw * VERSIONS + tile) * 8 + place + 1) * 0x9E3779B9) % 2**32
        bits = ((bits ^ bits >> 16) * 0x85EBCA6B) % 2**32
        bits = ((bits ^ bits >> 13) * 0xC2B2AE35) % 2**32
        numbers.append((bits ^ bits >> 16) / 2**32)
    return numbers


def make_versions(image, strength):
    """Make the versions of one picture by the recipe: nine for each draw.

    Args:
        image: uint8 (height, width, channels).
        strength: times the usual one, above 0.

    Returns:
        float32 (36, height, width, channels), 0…255: what the figure shows, before it is rounded for the screen.
    """
    import keras

    numbers = np.array([random_numbers(draw, tile) for draw in range(DRAWS) for tile in range(VERSIONS)])
    flips, turns, sizes = numbers[:, 0] <= 0.5, 2 * numbers[:, 1] - 1, 2 * numbers[:, 2] - 1
    versions = np.where(flips[:, None, None, None], image[:, ::-1], image).astype("float32")
    y, x = ((side - 1) / 2 for side in image.shape[:2])  # the centre stays where it is
    angles, zooms, zeros = 2 * np.pi * ROTATION * strength * turns, 1 + ZOOM * strength * sizes, np.zeros(len(turns))
    cos, sin = np.cos(angles), np.sin(angles)
    turned = [cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos, zeros, zeros]
    zoomed = [zooms, zeros, x * (1 - zooms), zeros, zooms, y * (1 - zooms), zeros, zeros]
    for rows in (turned, zoomed):
        matrices = np.stack(rows, axis=1).astype("float32")
        versions = keras.ops.image.affine_transform(
            versions, matrices, fill_mode="reflect", data_format="channels_last"
        )
    return np.asarray(versions)


def _ask(judge, images, names):
    """What the network answers to all versions, in lists by strength, picture and draw."""
    if judge is None:
        return []
    by_picture = [_ask_about(judge, image, len(names)) for image in images]
    return [[answers[level] for answers in by_picture] for level in range(len(LEVELS))]


def _ask_about(judge, image, count):
    versions = np.concatenate(
        [image[np.newaxis].astype("float32"), *(make_versions(image, strength) for strength in LEVELS[1:])]
    )
    shares = np.asarray(judge(versions), dtype=float)
    if shares.shape != (len(versions), count) or not np.all((shares >= 0) & (shares <= 1)):
        raise FigureError(
            f"judge gives {shares.shape} for {len(versions)} pictures and {count} names; let it return a probability "
            f"of 0 to 1 for each name, ({len(versions)}, {count})."
        )
    answers = np.stack([shares.argmax(axis=1), np.rint(100 * shares.max(axis=1))], axis=1).astype(int)
    unchanged = np.repeat(answers[:1], DRAWS * VERSIONS, axis=0)
    return np.concatenate([unchanged, answers[1:]]).reshape(len(LEVELS), DRAWS, VERSIONS, 2).tolist()


def _check_recorded(recorded):
    if recorded is None:
        return []
    if isinstance(recorded, str):
        result = evidence.read(recorded)
        strengths, accuracies = result["settings"].get("strengths", ()), evidence.values(result, "by_strength")
        recorded = dict(zip(strengths, accuracies.T, strict=False))
    if not isinstance(recorded, dict) or sorted(recorded) != list(LEVELS):
        given = list(recorded) if isinstance(recorded, dict) else recorded
        raise FigureError(f"recorded is of {given!r}; give a dictionary from each of {LEVELS} to a list of accuracies.")
    shares = [np.ravel(recorded[strength]).astype(float) for strength in LEVELS]
    if not all(len(each) and np.all((each >= 0) & (each <= 1)) for each in shares):
        raise FigureError("recorded holds what is no accuracy; give for each strength a list of shares of 0 to 1.")
    return [each.round(4).tolist() for each in shares]


def _check_pictures(images):
    """The pictures as the figure works with them: a list of uint8 (height, width, 1 or 3)."""
    if not isinstance(images, (list, tuple)):
        images = np.asarray(images)
        if images.ndim != 4:
            raise FigureError(
                f"images has the shape {images.shape}; give several pictures, (n, height, width, channels). Of one "
                "make a list: [image]; to a stack of grey pictures add channels: images[..., np.newaxis]."
            )
    if len(images) == 0:
        raise FigureError("images is empty; give at least one picture, for instance images[:4].")
    checked = [check_picture(image, LARGEST_SIDE_PX) for image in images]
    for height, width, _ in (image.shape for image in checked):
        if min(height, width) < SMALLEST_SIDE_PX:
            raise FigureError(
                f"image has {height} × {width} pixels; the augmentation figure takes {SMALLEST_SIDE_PX} to "
                f"{LARGEST_SIDE_PX} each way: on fewer there is nothing to see. Enlarge it: "
                "image.repeat(4, axis=0).repeat(4, axis=1)."
            )
    checked = [image if image.dtype == np.uint8 else np.rint(image * 255).astype(np.uint8) for image in checked]
    kilobytes = sum(image.nbytes for image in checked) * 4 / 3 / 1000
    if kilobytes > LARGEST_PAGE_KB:
        raise FigureError(
            f"These {len(checked)} pictures would add {kilobytes:.0f} kB to the page; up to {LARGEST_PAGE_KB} kB keep "
            "it quick to load. Give fewer, images[:4], or smaller ones."
        )
    return checked
