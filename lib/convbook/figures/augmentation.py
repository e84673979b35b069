"""The augmentation figure: nine random versions of a picture, as Keras's layers make them; how far is too far?"""

import numpy as np
import traitlets
from matplotlib.figure import Figure

from convbook.figures.base import (
    Checked,
    Choice,
    FigureError,
    LiveFigure,
    Number,
    Switch,
    Whole,
    check_names,
    check_picture,
    pack_picture,
    refuse_outside,
)

VERSIONS = 9
JUDGEMENT = ("picture", "strengths", "draw", "believed")
SMALLEST_SIDE_PX, LARGEST_SIDE_PX = 8, 64  # up to here nine versions are made within one frame of the browser
LARGEST_PAGE_KB = 150  # what the pictures may add to a page, in base64
TO_BOTH_SIDES = "It is the largest change, to both sides: for a range (-0.1, 0.1) give 0.1."


class Augmentation(LiveFigure):
    """Turn up random transforms, look at nine results, and tick those that you still believe.

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
        images: pictures, uint8 (0…255) or float (0…1): an array (n, height, width, 1 or 3), or a list of pictures whose
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
        draw: which random numbers, 0 to 999.
        extremes: whether every number is moved to the nearer end of its range.
        believed: the numbers of the versions that are ticked, 0 to 8.
        judgements: what the reader has noted: a dictionary of picture, strengths, draw and believed for each count.

    Raises:
        FigureError: a ValueError and a TraitError, if a picture or a setting does not fit; the message says what would.

    Example:
        >>> figure = Augmentation(np.zeros((2, 9, 12, 3), dtype="uint8"), names=["a cat", "a dog"], rotation=0.1)
        >>> figure.alternative
        'Versions of a cat or a dog, flipped, turned, enlarged and moved at random, for the reader to judge.'
    """

    picture = Whole(0).tag(sync=True)
    flip = Choice(("none", "horizontal", "vertical", "horizontal_and_vertical"), "horizontal").tag(sync=True)
    rotation = Number(0.1, 0, 0.5, remedy=TO_BOTH_SIDES).tag(sync=True)
    zoom = Number(0.2, 0, 0.8, remedy=TO_BOTH_SIDES).tag(sync=True)
    translation = Number(0, 0, 0.5, remedy=TO_BOTH_SIDES).tag(sync=True)
    contrast = Number(0, 0, 1, remedy=TO_BOTH_SIDES).tag(sync=True)
    brightness = Number(0, 0, 1, remedy=TO_BOTH_SIDES).tag(sync=True)
    fill_mode = Choice(("reflect", "constant", "nearest", "wrap")).tag(sync=True)
    draw = Whole(0, 0, 999).tag(sync=True)
    extremes = Switch().tag(sync=True)
    believed = Checked(lambda value: _check_believed(value), ()).tag(sync=True)
    judgements = Checked(lambda value: _check_judgements(value), ()).tag(sync=True)
    _names = traitlets.List().tag(sync=True)
    _pictures = traitlets.List().tag(sync=True)

    def __init__(self, images, *, names=None, **traits):
        self.images = _check_pictures(images)
        names = check_names(names, len(self.images))
        if len(set(names)) < len(names):
            raise FigureError(f"names is {names!r}; give texts that are all different: judgements name the picture.")
        super().__init__(_names=names, _pictures=[pack_picture(image) for image in self.images], **traits)

    @property
    def alternative(self):
        what = "flipped, turned, enlarged and moved at random, for the reader to judge"
        return f"Versions of {' or '.join(self._names)}, {what}."

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

    @traitlets.observe("picture", "draw", "extremes")
    def _forget_ticks(self, change):
        self.believed = []


def _check_believed(numbers):
    if not isinstance(numbers, (list, tuple)) or not all(number in range(VERSIONS) for number in numbers):
        raise FigureError(f"believed is {numbers!r}; give numbers of versions, 0 to {VERSIONS - 1}: [0, 3].")
    return sorted(set(numbers))


def _check_judgements(judgements):
    if not isinstance(judgements, (list, tuple)) or not all(
        isinstance(each, dict) and set(each) == set(JUDGEMENT) for each in judgements
    ):
        raise FigureError(
            f"judgements is {judgements!r}; the figure writes it itself, a dictionary of {', '.join(JUDGEMENT)} for "
            "each. To empty it give []."
        )
    return list(judgements)


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
                f"{LARGEST_SIDE_PX} each way: on fewer there is nothing to believe. Enlarge it: "
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
