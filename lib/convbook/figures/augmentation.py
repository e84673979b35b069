"""The augmentation figure: nine random versions of a picture, as Keras's layers make them; how far is too far?"""

import base64
import io
import math
import textwrap
from typing import NamedTuple

import numpy as np
import traitlets
from PIL import Image

from convbook.figures import still
from convbook.figures.base import FigureError, LiveFigure, check_picture, pack_picture

TILES = 9
FLIPS = ("none", "horizontal", "vertical", "horizontal_and_vertical")
FILL_MODES = ("reflect", "constant", "nearest", "wrap")
# How far each strength can be turned; beyond it nobody believes anything. The JavaScript has the same numbers.
LARGEST = {"rotation": 0.5, "zoom": 0.8, "translation": 0.5, "contrast": 1.0, "brightness": 1.0}
STRENGTHS = tuple(LARGEST)
JUDGEMENT = ("picture", "strengths", "draw", "believed")
SMALLEST_SIDE_PX, LARGEST_SIDE_PX = 8, 64  # up to here nine versions are made within one frame of the browser
LARGEST_DRAW = 999
LARGEST_PAGE_KB = 150  # what the pictures may add to a page, in base64


class Transformation(NamedTuple):
    """What happens to one picture, in this order; Keras's layers draw these numbers anew for every picture.

    Args:
        flip: one of `FLIPS`.
        angle: degrees, positive for counter-clockwise.
        zoom: how many of its own pixels the picture shows per pixel: above 1 things get smaller, below 1 larger.
        down: pixels, negative for up.
        right: pixels, negative for left.
        contrast: what the differences from each channel's mean are multiplied by.
        brightness: grey levels, of 255, that are added.
    """

    flip: str = "none"
    angle: float = 0.0
    zoom: float = 1.0
    down: float = 0.0
    right: float = 0.0
    contrast: float = 1.0
    brightness: float = 0.0


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
        flip: one of `FLIPS`; True stands for "horizontal", False for "none".
        rotation: 0 to 0.5 turns, to both sides.
        zoom: 0 to 0.8, out and in.
        translation: 0 to 0.5 of the height and of the width, to all sides.
        contrast: 0 to 1, less and more.
        brightness: 0 to 1 of the range of grey levels, darker and brighter.
        fill_mode: what is seen beyond the picture's border, one of `FILL_MODES` as Keras has them.
        draw: which random numbers, 0 to 999.
        extremes: whether every number is moved to the nearer end of its range.

    Two more traits hold what the reader does, so that a notebook can go on with it: `believed`, the numbers of the
    versions ticked, and `judgements`, a dictionary of picture, strengths, draw and believed for each noted count.

    Raises:
        FigureError: a ValueError and a TraitError, if a picture or a setting does not fit; the message says what would.

    Example:
        >>> figure = Augmentation(np.zeros((1, 9, 12, 3), dtype="uint8"), rotation=0.1, zoom=0)
        >>> figure.tiles.shape
        (9, 9, 12, 3)
        >>> [round(transformation.angle) for transformation in figure.transformations[:4]]
        [-19, -27, -36, 11]
        >>> print(figure.code)
        keras.Sequential([
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
        ])
    """

    images = traitlets.Any()
    names = traitlets.Any().tag(sync=True)
    picture = traitlets.Int(0).tag(sync=True)
    flip = traitlets.Any("horizontal").tag(sync=True)
    rotation = traitlets.Float(0.1).tag(sync=True)
    zoom = traitlets.Float(0.2).tag(sync=True)
    translation = traitlets.Float(0.0).tag(sync=True)
    contrast = traitlets.Float(0.0).tag(sync=True)
    brightness = traitlets.Float(0.0).tag(sync=True)
    fill_mode = traitlets.Any("reflect").tag(sync=True)
    draw = traitlets.Int(0).tag(sync=True)
    extremes = traitlets.Bool(False).tag(sync=True)
    believed = traitlets.List().tag(sync=True)
    judgements = traitlets.List().tag(sync=True)
    _pictures = traitlets.List().tag(sync=True)

    def __init__(
        self,
        images,
        *,
        names=None,
        picture=0,
        flip=True,
        rotation=0.1,
        zoom=0.2,
        translation=0.0,
        contrast=0.0,
        brightness=0.0,
        fill_mode="reflect",
        draw=0,
        extremes=False,
    ):
        images = check_pictures(images)
        super().__init__(
            images=images,
            names=check_names(names, len(images)),
            picture=picture,
            flip=flip,
            rotation=rotation,
            zoom=zoom,
            translation=translation,
            contrast=contrast,
            brightness=brightness,
            fill_mode=fill_mode,
            draw=draw,
            extremes=extremes,
            _pictures=[pack_picture(image) for image in images],
        )

    @property
    def original(self):
        """The picture that is shown: uint8 (height, width, channels)."""
        return self.images[self.picture]

    @property
    def transformations(self):
        """What happens to each of the nine versions: a list of `Transformation`."""
        height, width, _ = self.original.shape
        numbers = [random_numbers(self.draw, tile, self.extremes) for tile in range(TILES)]
        strengths = {name: getattr(self, name) for name in STRENGTHS}
        return [make_transformation(each, self.flip, strengths, height, width) for each in numbers]

    @property
    def tiles(self):
        """The nine versions: uint8 (9, height, width, channels), rounded as the screen rounds them."""
        versions = [transform_picture(self.original, each, self.fill_mode) for each in self.transformations]
        return np.rint(np.clip(versions, 0, 255)).astype(np.uint8)

    @property
    def code(self):
        """The layers of the present settings, as Keras code."""
        return write_code(self)

    def describe(self):
        return describe(self)

    def draw_still(self):
        return draw_still(self)

    @traitlets.validate("images")
    def _validate_images(self, proposal):
        return check_pictures(proposal.value)

    @traitlets.validate("names")
    def _validate_names(self, proposal):
        return check_names(proposal.value, len(self.images))

    @traitlets.validate("picture")
    def _validate_picture(self, proposal):
        if not 0 <= proposal.value < len(self.images):
            raise FigureError(
                f"picture is {proposal.value}, but there are {len(self.images)} pictures: give 0 to "
                f"{len(self.images) - 1}."
            )
        return proposal.value

    @traitlets.validate("flip")
    def _validate_flip(self, proposal):
        flip = proposal.value
        if isinstance(flip, bool):
            flip = "horizontal" if flip else "none"
        return _check_choice("flip", flip, FLIPS)

    @traitlets.validate("fill_mode")
    def _validate_fill_mode(self, proposal):
        return _check_choice("fill_mode", proposal.value, FILL_MODES)

    @traitlets.validate(*STRENGTHS)
    def _validate_strength(self, proposal):
        name, value = proposal.trait.name, proposal.value
        if not 0 <= value <= LARGEST[name]:
            raise FigureError(
                f"{name} is {value:g}; the figure takes 0 to {LARGEST[name]:g}. It is the largest change; the random "
                "ones lie on both sides of none: for a range (-0.1, 0.1) give 0.1."
            )
        return value

    @traitlets.validate("draw")
    def _validate_draw(self, proposal):
        if not 0 <= proposal.value <= LARGEST_DRAW:
            raise FigureError(f"draw is {proposal.value}; give 0 to {LARGEST_DRAW}.")
        return proposal.value

    @traitlets.validate("believed")
    def _validate_believed(self, proposal):
        if not set(proposal.value) <= set(range(TILES)):
            raise FigureError(f"believed is {proposal.value}; give numbers of versions, 0 to {TILES - 1}: [0, 3].")
        return sorted(set(proposal.value))

    @traitlets.validate("judgements")
    def _validate_judgements(self, proposal):
        if not all(isinstance(each, dict) and set(each) == set(JUDGEMENT) for each in proposal.value):
            raise FigureError(
                f"judgements is {proposal.value}; the figure writes it itself, a dictionary of {', '.join(JUDGEMENT)} "
                "for each. To empty it give []."
            )
        return proposal.value

    @traitlets.observe("images")
    def _send_pictures(self, change):
        if len(self.images) != len(self._pictures):
            self.picture = 0
            self.names = check_names(None, len(self.images))
        self._pictures = [pack_picture(image) for image in self.images]
        self.believed = []

    @traitlets.observe("picture", "draw", "extremes")
    def _forget_ticks(self, change):
        self.believed = []


# ---- what comes in ----


def check_pictures(images):
    """Return pictures in the form that the augmentation figure works with.

    Args:
        images: an array (n, height, width, 1 or 3), or a list of pictures whose sizes may differ, each (height, width)
            or (height, width, 1 or 3); uint8 (0…255) or float (0…1).

    Returns:
        A list of uint8 (height, width, channels).

    Raises:
        FigureError: if there are none, if one has another rank, size, dtype or values, or if they are too many for a
            page; the message names the remedy.

    Example:
        >>> [image.shape for image in check_pictures([np.zeros((9, 12)), np.zeros((8, 8, 3), "uint8")])]
        [(9, 12, 1), (8, 8, 3)]
    """
    if not isinstance(images, (list, tuple)):
        images = np.asarray(images)
        if images.ndim != 4:
            raise FigureError(
                f"images has the shape {images.shape}; give several pictures, (n, height, width, channels). Of one "
                "make a list: [image]; to a stack of grey pictures add channels: images[..., np.newaxis]."
            )
    if len(images) == 0:
        raise FigureError("images is empty; give at least one picture, for instance images[:4].")
    checked = [_check_size(check_picture(image, LARGEST_SIDE_PX)) for image in images]
    checked = [image if image.dtype == np.uint8 else np.rint(image * 255).astype(np.uint8) for image in checked]
    kilobytes = sum(image.nbytes for image in checked) * 4 / 3 / 1000
    if kilobytes > LARGEST_PAGE_KB:
        raise FigureError(
            f"These {len(checked)} pictures would add {kilobytes:.0f} kB to the page; up to {LARGEST_PAGE_KB} kB keep "
            "it quick to load. Give fewer, images[:4], or smaller ones."
        )
    return checked


def _check_size(image):
    if min(image.shape[:2]) < SMALLEST_SIDE_PX:
        raise FigureError(
            f"image has {image.shape[0]} × {image.shape[1]} pixels; the augmentation figure takes {SMALLEST_SIDE_PX} "
            f"to {LARGEST_SIDE_PX} each way: on fewer there is nothing to believe. Enlarge it: image.repeat(4, axis=0)"
            ".repeat(4, axis=1)."
        )
    return image


def check_names(names, count):
    """Return what the pictures are called.

    Args:
        names: one text each, all different; None to number them.
        count: how many pictures there are.

    Returns:
        A list of texts.

    Raises:
        FigureError: if there are more or fewer names than pictures, or two alike.

    Example:
        >>> check_names(None, 2), check_names(("cat", "dog"), 2)
        (['picture 1', 'picture 2'], ['cat', 'dog'])
    """
    if names is None:
        return [f"picture {number}" for number in range(1, count + 1)]
    given = list(names) if isinstance(names, (list, tuple)) else [names]
    if not all(isinstance(name, str) and name for name in given) or len(set(given)) < len(given) or len(given) != count:
        raise FigureError(
            f"names is {names!r}, for {count} pictures; give a list with one text for each, all different: "
            f"{check_names(None, min(count, 2))}."
        )
    return given


def _check_choice(name, value, choices):
    if not isinstance(value, str) or value not in choices:
        raise FigureError(f"{name} is {value!r}; choose one of {', '.join(map(repr, choices))}.")
    return value


# ---- chance; augmentation.js has the same numbers ----


def random_numbers(draw, tile, extremes=False):
    """Return seven numbers, spread evenly over 0…1, that are always the same for the same draw and tile.

    Args:
        draw: 0 to 999.
        tile: 0 to 8.
        extremes: whether each number, but the first, which decides about the flip, is moved to the nearer of 0 and 1.

    Returns:
        A tuple of floats: for flip, rotation, zoom, translation down and right, contrast, brightness.

    Source: the numbers' bits are mixed as at the end of MurmurHash3 (Austin Appleby, public domain),
        https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp

    Example:
        >>> [round(number, 2) for number in random_numbers(draw=0, tile=0)]
        [0.57, 0.24, 0.11, 0.3, 0.28, 0.86, 0.47]
        >>> random_numbers(draw=0, tile=0, extremes=True)[1:]
        (0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    """
    first, *others = (_mix((draw * TILES + tile) * 8 + place + 1) for place in range(7))
    return first, *((float(number >= 0.5) for number in others) if extremes else others)


def _mix(count):
    """An even number in 0…1 that only this count gives."""
    bits = count * 0x9E3779B9 & 0xFFFFFFFF  # neighbouring counts, far apart
    bits = (bits ^ bits >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    bits = (bits ^ bits >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return (bits ^ bits >> 16) / 2**32


def make_transformation(numbers, flip, strengths, height, width):
    """Turn random numbers into what happens to a picture.

    Args:
        numbers: seven in 0…1, as `random_numbers` gives them.
        flip: one of `FLIPS`; it happens where the first number is at most a half, as in Keras.
        strengths: {name: strength} for each of `STRENGTHS`.
        height: of the picture, in pixels.
        width: of the picture, in pixels.

    Returns:
        A `Transformation`.

    Example:
        >>> strengths = {"rotation": 0.1, "zoom": 0.2, "translation": 0.5, "contrast": 0.3, "brightness": 0.4}
        >>> make_transformation((0.9, 1, 0, 0, 1, 0.5, 0.5), "horizontal", strengths, height=10, width=20)
        Transformation(flip='none', angle=36.0, zoom=0.8, down=-5.0, right=10.0, contrast=1.0, brightness=0.0)
    """
    chance, *rest = numbers
    turn, size, down, right, contrast, brightness = (2 * number - 1 for number in rest)
    return Transformation(
        flip=flip if chance <= 0.5 else "none",
        angle=turn * strengths["rotation"] * 360,
        zoom=1 + size * strengths["zoom"],
        down=down * strengths["translation"] * height,
        right=right * strengths["translation"] * width,
        contrast=1 + contrast * strengths["contrast"],
        brightness=brightness * strengths["brightness"] * 255,
    )


# ---- pictures, as Keras's layers make them ----


def transform_picture(picture, transformation, fill_mode="reflect"):
    """Apply one transformation as Keras's layers do on TensorFlow, one layer after the other.

    Args:
        picture: (height, width, channels), grey levels 0…255.
        transformation: a `Transformation`.
        fill_mode: one of `FILL_MODES`.

    Returns:
        float32 (height, width, channels), not rounded, as the layers return it.

    Example:
        >>> picture = np.array([[[10], [20], [30]]] * 2)
        >>> transform_picture(picture, Transformation(flip="horizontal", right=1))[0, :, 0].tolist()
        [30.0, 30.0, 20.0]
    """
    values = np.asarray(picture, dtype=np.float32)
    if transformation.flip in ("horizontal", "horizontal_and_vertical"):
        values = values[:, ::-1]
    if transformation.flip in ("vertical", "horizontal_and_vertical"):
        values = values[::-1]
    for matrix in affine_matrices(transformation, *values.shape[:2]):
        values = resample(values, matrix, fill_mode)
    if transformation.contrast != 1:
        mean = values.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        values = np.clip((values - mean) * np.float32(transformation.contrast) + mean, 0, 255)
    if transformation.brightness != 0:
        values = np.clip(values + np.float32(transformation.brightness), 0, 255)
    return values


def affine_matrices(transformation, height, width):
    """Return where each geometric layer reads: the pixel at (x, y) comes from (a0 x + a1 y + a2, b0 x + b1 y + b2).

    Args:
        transformation: a `Transformation`.
        height: of the picture, in pixels.
        width: of the picture, in pixels.

    Returns:
        A list of (a0, a1, a2, b0, b1, b2), float32 as in Keras, for the rotation, the zoom and the translation, those
        left out that change nothing.

    Example:
        >>> affine_matrices(Transformation(zoom=2), height=5, width=3)[0].tolist()
        [2.0, 0.0, -1.0, 0.0, 2.0, -2.0]
    """
    x, y = np.float32(width - 1) / 2, np.float32(height - 1) / 2  # the centre stays where it is
    matrices = []
    if transformation.angle != 0:
        angle = np.float32(transformation.angle) * np.float32(math.pi / 180)
        cos, sin = np.cos(angle), np.sin(angle)
        matrices.append((cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos))
    if transformation.zoom != 1:
        zoom = np.float32(transformation.zoom)
        matrices.append((zoom, 0, x * (1 - zoom), 0, zoom, y * (1 - zoom)))
    if transformation.down != 0 or transformation.right != 0:
        matrices.append((1, 0, -transformation.right, 0, 1, -transformation.down))
    return [np.array(matrix, dtype=np.float32) for matrix in matrices]


def resample(values, matrix, fill_mode):
    """Read a picture at other places, between the pixels too (bilinear).

    Args:
        values: float32 (height, width, channels).
        matrix: as `affine_matrices` gives it.
        fill_mode: one of `FILL_MODES`; 'constant' is black beyond the border, as Keras's layers have it by default.

    Returns:
        float32 of the same shape.

    Example:
        >>> resample(np.array([[[0.0], [8.0]]], "float32"), np.array([1, 0, 0.25, 0, 1, 0], "float32"), "constant")
        array([[[2.],
                [6.]]], dtype=float32)
    """
    height, width, _ = values.shape
    rows, columns = np.indices((height, width), dtype=np.float32)
    a0, a1, a2, b0, b1, b2 = matrix
    x = map_coordinate(a0 * columns + a1 * rows + a2, width, fill_mode)
    y = map_coordinate(b0 * columns + b1 * rows + b2, height, fill_mode)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    across, down = (x - left)[..., np.newaxis], (y - top)[..., np.newaxis]
    above = (1 - across) * _read(values, top, left) + across * _read(values, top, left + 1)
    below = (1 - across) * _read(values, top + 1, left) + across * _read(values, top + 1, left + 1)
    return ((1 - down) * above + down * below).astype(np.float32)


def _read(values, rows, columns):
    """The pixels at these places, black beyond the border: at the border itself, 'constant' fades to black."""
    height, width, _ = values.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    pixels = values[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
    return np.where(inside[..., np.newaxis], pixels, 0)


def map_coordinate(places, size, fill_mode):
    """Bring places beyond a picture's border back into it, along one axis, as TensorFlow does.

    Args:
        places: array of places between the pixels.
        size: pixels along the axis.
        fill_mode: one of `FILL_MODES`; 'constant' leaves the places outside.

    Returns:
        An array of places in 0…size − 1, but for 'constant'.

    Source: the letters in the documentation of keras.layers.RandomRotation; where 'wrap' leaves a gap of one pixel
        between two copies, TensorFlow's kernel does.

    Example:
        >>> places = np.array([-2.0, -1.0, 1.5, 4.0, 5.5])
        >>> for fill_mode in FILL_MODES:
        ...     print(f"{fill_mode:8}", map_coordinate(places, 4, fill_mode).tolist())
        reflect  [1.0, 0.0, 1.5, 3.0, 1.5]
        constant [-2.0, -1.0, 1.5, 4.0, 5.5]
        nearest  [0.0, 0.0, 1.5, 3.0, 3.0]
        wrap     [2.0, 3.0, 1.5, 0.0, 1.5]
    """
    if fill_mode == "constant":
        return places
    if fill_mode == "reflect":
        mirrored = np.where(places < 0, -places - 1, places) % (2 * size)
        places = np.where((places >= 0) & (places < size), places, mirrored)
        places = np.where(places >= size, 2 * size - places - 1, places)
    if fill_mode == "wrap":
        below = places + size * (np.trunc(-places / (size - 1)) + 1)
        above = places - size * np.trunc(places / (size - 1))
        places = np.where(places < 0, below, np.where(places > size - 1, above, places))
    return np.clip(places, 0, size - 1)


# ---- what is said; augmentation.js has the same sentences ----


def write_meanings(figure):
    """Say what each strength of an Augmentation means for its picture: {name: text}.

    Example:
        >>> figure = Augmentation(np.zeros((1, 32, 64, 1), "uint8"), translation=0.1, brightness=0.2, contrast=0.3)
        >>> for name, meaning in write_meanings(figure).items():
        ...     print(f"{name}: {meaning}")
        rotation: ±36°
        zoom: size 83 to 125 %
        translation: ±3.2 px down, ±6.4 px across
        contrast: × 0.7 to × 1.3
        brightness: ±51 of 255
    """
    height, width, _ = figure.original.shape
    down, across = (still.format_number(figure.translation * side) for side in (height, width))
    smallest, largest = (_whole(100 / (1 + change)) for change in (figure.zoom, -figure.zoom))
    lowest, highest = (still.format_number(1 + change) for change in (-figure.contrast, figure.contrast))
    return {
        "rotation": f"±{still.format_number(360 * figure.rotation)}°",
        "zoom": f"size {smallest} to {largest} %",
        "translation": f"±{down} px" if height == width else f"±{down} px down, ±{across} px across",
        "contrast": f"× {lowest} to × {highest}",
        "brightness": f"±{_whole(255 * figure.brightness)} of 255",
    }


def write_transformation(transformation):
    """Say what happened to one version.

    Example:
        >>> write_transformation(Transformation("horizontal", angle=-21.34, zoom=0.8, down=-1.5, right=2, contrast=1.1))
        'mirrored, turned 21.3° clockwise, 125 % as large, moved 1.5 px up, 2 px right, contrast × 1.1'
        >>> write_transformation(Transformation())
        'unchanged'
    """
    flip, angle, zoom, down, right, contrast, brightness = transformation
    words = {"none": "", "horizontal": "mirrored", "vertical": "upside down", "horizontal_and_vertical": "half a turn"}
    moves = [(down, "down" if down > 0 else "up"), (right, "right" if right > 0 else "left")]
    parts = [
        words[flip],
        f"turned {_tenth(abs(angle))}° {'counter-' * (angle > 0)}clockwise" if angle else "",
        f"{_whole(100 / zoom)} % as large" if zoom != 1 else "",
        f"moved {', '.join(f'{_tenth(abs(way))} px {name}' for way, name in moves if way)}" if down or right else "",
        f"contrast × {still.format_number(contrast)}" if contrast != 1 else "",
        f"{_whole(abs(brightness))} levels {'brighter' if brightness > 0 else 'darker'}" if brightness else "",
    ]
    return ", ".join(filter(None, parts)) or "unchanged"


def write_strengths(figure):
    """Name the settings of an Augmentation in a line, those left out that are off.

    Example:
        >>> write_strengths(Augmentation(np.zeros((1, 8, 8, 1), "uint8"), fill_mode="wrap", extremes=True))
        'flip horizontal · rotation 0.1 · zoom 0.2 · fill wrap · at the ends'
    """
    used = _used(figure)
    parts = [f"flip {figure.flip.replace('_', ' ')}"] if figure.flip != "none" else []
    parts += [f"{name} {_factor(getattr(figure, name))}" for name in used]
    if _is_geometric(figure) and figure.fill_mode != "reflect":
        parts.append(f"fill {figure.fill_mode}")
    if figure.extremes and used:
        parts.append("at the ends")
    return " · ".join(parts) or "no transform"


def write_code(figure):
    """Write the layers of an Augmentation as Keras code."""
    strengths = {name: _factor(getattr(figure, name)) for name in STRENGTHS}
    fill = f', fill_mode="{figure.fill_mode}"' if figure.fill_mode != "reflect" else ""
    arguments = {
        "RandomRotation": ("rotation", "{0}{fill}"),
        "RandomZoom": ("zoom", "{0}{fill}"),
        "RandomTranslation": ("translation", "{0}, {0}{fill}"),
        "RandomContrast": ("contrast", "({0}, {0})"),
        "RandomBrightness": ("brightness", "{0}"),
    }
    mode = "" if figure.flip == "horizontal_and_vertical" else f'"{figure.flip}"'  # both ways is Keras's default
    lines = [f"    layers.RandomFlip({mode}),"] if figure.flip != "none" else []
    for layer, (name, template) in arguments.items():
        if getattr(figure, name):
            lines.append(f"    layers.{layer}({template.format(strengths[name], fill=fill)}),")
    return "\n".join(["keras.Sequential([", *lines, "])"]) if lines else "keras.Sequential([])"


def describe(figure):
    """Say what an Augmentation shows."""
    height, width, _ = figure.original.shape
    meanings, used = write_meanings(figure), _used(figure)
    parts = [f"flip {figure.flip.replace('_', ' ')} with chance 1/2"] if figure.flip != "none" else []
    parts += [f"{name} {meanings[name]}" for name in used]
    ends = ", each at an end of its range" if figure.extremes and used else ""
    what = "; ".join(parts) + ends if parts else "no transform, nine times the original"
    return (
        f"Nine versions of {figure.names[figure.picture]}, {height} × {width} pixels, draw {figure.draw}: {what}. "
        f"{write_count(figure)}"
    )


def write_count(figure):
    """Say how many versions the reader has ticked."""
    return f"You believe {len(set(figure.believed))} of {TILES}."


def _used(figure):
    """The names of the strengths that are not off."""
    return [name for name in STRENGTHS if getattr(figure, name)]


def _is_geometric(figure):
    return bool(figure.rotation or figure.zoom or figure.translation)


def _factor(strength):
    return f"{round(strength, 4):g}"


def _whole(value):
    """Rounded as JavaScript does it, halves up."""
    return math.floor(value + 0.5)


def _tenth(value):
    return still.format_number(math.floor(value * 10 + 0.5) / 10)


# ---- the still picture ----

STILL_WIDTH_PX, ORIGINAL_PX, TILE_PX, GAP_PX = 640, 200, 132, 6


def draw_still(figure):
    """Draw the original, what the strengths mean, and the nine versions.

    Args:
        figure: an Augmentation.

    Returns:
        An SVG element as text.
    """
    height, width, _ = figure.original.shape
    scale = min(1, width / height), min(1, height / width)  # as much of a square as the picture fills
    wide, high = (TILE_PX * part for part in scale)
    start = STILL_WIDTH_PX - 3 * TILE_PX - 2 * GAP_PX
    parts = [
        still.draw_heading("Original", figure.names[figure.picture], 0, 15),
        _draw_picture(figure.original, 0, 26, ORIGINAL_PX * scale[0], ORIGINAL_PX * scale[1]),
        still.draw_heading("Nine versions", f"draw {figure.draw}", start, 15),
    ]
    for number, tile in enumerate(figure.tiles):
        row, column = divmod(number, 3)
        parts.append(_draw_picture(tile, start + column * (wide + GAP_PX), 26 + row * (high + GAP_PX), wide, high))
    y = 26 + ORIGINAL_PX * scale[1] + 24
    for line in _still_lines(figure):
        parts.append(still.draw_text(line, 0, y, font_size=12))
        y += 17
    return still.wrap_svg(parts, STILL_WIDTH_PX, max(y, 26 + 3 * high + 2 * GAP_PX) + 6, figure.describe())


def _still_lines(figure):
    meanings, used = write_meanings(figure), _used(figure)
    lines = [f"flip {figure.flip.replace('_', ' ')}"] if figure.flip != "none" else []
    lines += [f"{name} {_factor(getattr(figure, name))}: {meanings[name]}" for name in used]
    lines += [f"beyond the border: {figure.fill_mode}"] if _is_geometric(figure) else []
    lines += ["each at an end of its range"] if figure.extremes and used else []
    return [part for line in lines or ["no transform: nine times the original"] for part in textwrap.wrap(line, 34)]


def _draw_picture(picture, x, y, width, height):
    """A picture as a JPEG: ten of them would weigh a page down as PNG, and print does not show the difference."""
    buffer = io.BytesIO()
    Image.fromarray(np.broadcast_to(picture, (*picture.shape[:2], 3)).copy()).save(
        buffer, "JPEG", quality=88, subsampling=0
    )
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<image x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" href="data:image/jpeg;base64,{data}"/>'
