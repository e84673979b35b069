"""The convolution figure: a window on a picture, patch × kernel = products, their sum, and the response map."""

import functools

import numpy as np
import traitlets
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from convbook import photos
from convbook.figures.base import (
    DIVERGING,
    Checked,
    FigureError,
    LiveFigure,
    Switch,
    Whole,
    check_names,
    check_picture,
    pack_picture,
    refuse_outside,
)
from convbook.operations import convolve2d

# Kernels by name, (height, width): put on every channel alike.
KERNELS = {
    "identity": np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], dtype=float),
    "blur": np.full((3, 3), 1 / 9),
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], dtype=float),
    "vertical edges": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=float),
    "horizontal edges": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], dtype=float),
    "outline": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], dtype=float),
    "emboss": np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], dtype=float),
}
# Kernels that weigh the channels differently, (height, width, channels): for colour pictures.
COLOR_KERNELS = {
    "red, not green": np.full((3, 3, 3), [1 / 9, -1 / 9, 0]),
    "red, not blue": np.full((3, 3, 3), [1 / 9, 0, -1 / 9]),
}
SIDE = 3  # of every kernel: the figure shows it number by number
FILTERS = 2


class Convolution(LiveFigure):
    """One window, one number: a filter goes over a picture, and the numbers that it finds are the response map.

    With `colors` off, the picture is grey and one kernel of nine numbers gives one map. With `colors` on, two filters
    of 3 × 3 × 3 numbers give the two channels of an output, after their biases and ReLU, as `Conv2D(2, 3)` does.

    Args:
        images: a picture, or a list of pictures to choose from, each uint8 (0…255) or float (0…1), (height, width) or
            (height, width, 1 or 3), of 3 to 96 pixels each way; None for those of `load_pictures`.
        kernel: of the grey picture: a name of `KERNELS`, or an array (3, 3).
        names: what the pictures are called, one text each; None for "picture 1", "picture 2", …
        picture: which one is shown, counted from 0.
        colors: whether it is shown in colour, with two filters; a grey picture then has three equal channels.
        filters: of the picture in colour: two names of `KERNELS` or `COLOR_KERNELS`, or arrays (3, 3, 3) as a Keras
            layer has them, kernel[..., 0], or (3, 3) for the same numbers on each channel.
        biases: added to the sums of the two filters.
        filter: which of the two is computed number by number, 0 or 1.
        row: the window's place, counted from 0 in the response map; in the picture, the window's upper row.
        column: the same, from the left.
        all_windows: whether the whole response map is shown in full, or only where the window has been.

    Raises:
        FigureError: a ValueError and a TraitError, if picture, kernel or place do not fit; the message says what would.

    Example:
        >>> figure = Convolution(np.zeros((5, 7), dtype="uint8"), kernel="vertical edges", column=1)
        >>> figure.kernel = np.eye(3)
        >>> figure.kernel[0]
        [[1.0], [0.0], [0.0]]
    """

    kernel = Checked(lambda kernel: _check_kernel("kernel", kernel, 1)).tag(sync=True, link=True)
    picture = Whole().tag(sync=True)
    colors = Switch().tag(sync=True)
    filters = Checked(lambda filters: _check_filters(filters)).tag(sync=True, link=True)
    biases = Checked(lambda biases: _check_biases(biases)).tag(sync=True, link=True)
    filter = Whole(0, 0, FILTERS - 1).tag(sync=True)
    row = Whole().tag(sync=True)
    column = Whole().tag(sync=True)
    all_windows = Switch().tag(sync=True)
    _names = traitlets.List().tag(sync=True)
    _pictures = traitlets.List().tag(sync=True)
    _kernels = traitlets.Dict().tag(sync=True)

    def __init__(self, images=None, kernel="vertical edges", *, names=None, **traits):
        if images is None:
            names, images = list(load_pictures()), list(load_pictures().values())
        self.images = _check_images(images)
        super().__init__(
            kernel=kernel,
            _names=check_names(names, len(self.images)),
            _pictures=[pack_picture(image) for image in self.images],
            _kernels=kernels_for(3),
            **{"filters": ["vertical edges", "red, not green"], "biases": [0, -40]} | traits,
        )

    @property
    def alternative(self):
        height, width, _ = self.images[self.picture].shape
        name = f"the kernel {self.kernel}" if isinstance(self.kernel, str) else "its own kernel"
        found = "the two channels that two filters give" if self.colors else f"its response map with {name}"
        return f"A picture of {height} × {width} pixels with a window on it, and {found}."

    def check(self, state):
        refuse_outside(state, "picture", 0, len(self.images) - 1, f"there are {len(self.images)} pictures")
        rows, columns = self._map_shape(state.picture)
        reason = f"the response map has {rows} rows and {columns} columns"
        refuse_outside(state, "row", 0, rows - 1, reason)
        refuse_outside(state, "column", 0, columns - 1, reason)

    @traitlets.observe("picture")
    def _keep_window_inside(self, change):
        rows, columns = self._map_shape(self.picture)
        self.row, self.column = min(self.row, rows - 1), min(self.column, columns - 1)

    def _map_shape(self, picture):
        """Rows and columns of the map: one for each position where the whole window lies on the picture."""
        height, width, _ = self.images[min(picture, len(self.images) - 1)].shape
        return height - SIDE + 1, width - SIDE + 1

    def draw_still(self):
        image = self.images[self.picture]
        if self.colors:
            shown, kernels, biases = np.broadcast_to(image, (*image.shape[:2], 3)), self.filters, self.biases
        else:
            shown, kernels, biases = image.mean(axis=2, keepdims=True).astype(image.dtype), [self.kernel], [0]
        named = kernels_for(shown.shape[2])
        weights = [named[kernel] if isinstance(kernel, str) else kernel for kernel in kernels]
        responses = convolve2d(shown, np.stack(weights, axis=-1), biases)
        drawing = Figure((3.2 * (1 + len(kernels)), 2.4), layout="constrained")
        picture, *maps = drawing.subplots(1, 1 + len(kernels))
        picture.imshow(shown.squeeze(), cmap="gray", vmin=0, vmax=255 if image.dtype == np.uint8 else 1)
        corner = self.column - 0.5, self.row - 0.5
        picture.add_patch(Rectangle(corner, SIDE, SIDE, fill=False, edgecolor="#b3125f", lw=2))
        for axes, response in zip(maps, np.moveaxis(responses, -1, 0), strict=True):
            scale = np.abs(response).max() or 1
            values = np.maximum(response, 0) if self.colors else response
            drawing.colorbar(axes.imshow(values, cmap=DIVERGING, vmin=-scale, vmax=scale))
        for axes, title in zip((picture, *maps), ["Picture"] + ["Response map"] * len(maps), strict=True):
            axes.set(title=title, xticks=[], yticks=[])
        return drawing


@functools.cache
def load_pictures():
    """Return the pictures that the figure has of its own: a cat, the cat's eye, a cup and a digit.

    Returns:
        A dictionary from names to uint8 (height, width, 1 or 3), not to be written to.

    Example:
        >>> {name: picture.shape for name, picture in load_pictures().items()}
        {'cat': (40, 44, 3), 'eye': (40, 44, 3), 'cup': (40, 44, 3), 'digit': (28, 28, 1)}

    Source:
        Photographs by Stéfan van der Walt (the cat) and Rachel Michetti (the cup), public domain (CC0), bundled with
        scikit-image; the digit is one of scikit-learn's.
    """
    from skimage import data

    cat, cup = photos.load_sample_picture(), data.coffee()
    digits = photos.load_digits("scikit-learn")
    return {
        "cat": _shrink(cat[6:286, 90:398], 7),
        "eye": _shrink(cat[68:148, 138:226], 2),
        "cup": _shrink(cup[:, 60:500], 10),
        "digit": digits.test_images[digits.test_labels == 3][2],
    }


def _shrink(picture, times):
    """The mean of every so many pixels each way."""
    height, width, channels = picture.shape
    blocks = picture.reshape(height // times, times, width // times, times, channels)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8)


def kernels_for(channels):
    """Return the named kernels as nested lists for a picture of so many channels.

    Args:
        channels: 1 or 3.

    Returns:
        A dictionary from name to numbers [row][column][channel].

    Example:
        >>> kernels_for(1)["sharpen"][1]
        [[-1.0], [5.0], [-1.0]]
    """
    kernels = {name: np.repeat(kernel[..., np.newaxis], channels, axis=2) for name, kernel in KERNELS.items()}
    if channels == 3:
        kernels |= COLOR_KERNELS
    return {name: kernel.tolist() for name, kernel in kernels.items()}


# ---- what comes in ----


def _check_images(images):
    pictures = [check_picture(image) for image in (images if isinstance(images, list) else [images])]
    if not pictures:
        raise FigureError("There are no pictures; give one, or a list of them.")
    for height, width, _ in (picture.shape for picture in pictures):
        if min(height, width) < SIDE:
            raise FigureError(
                f"The kernel, {SIDE} × {SIDE}, is larger than a picture of {height} × {width} pixels: the window has "
                "no place. Give a larger picture."
            )
    return pictures


def _check_kernel(name, kernel, channels):
    """The kernel's name, or its numbers as nested lists [row][column][channel]."""
    if isinstance(kernel, str):
        if kernel not in (names := kernels_for(channels)):
            raise FigureError(
                f"{name} is {kernel!r}, and for {channels} channel(s) there is no such kernel; choose one of "
                f"{', '.join(names)}, or give the numbers themselves as an array."
            )
        return kernel
    try:
        numbers = np.array(kernel, dtype=float)
    except (TypeError, ValueError):
        raise FigureError(f"{name} is {kernel!r}; give a name or an array of numbers.") from None
    if numbers.ndim == 2:
        numbers = np.repeat(numbers[..., np.newaxis], channels, axis=2)
    if numbers.shape != (SIDE, SIDE, channels):
        raise FigureError(
            f"{name} has the shape {np.shape(kernel)}; a filter of this figure is {SIDE} × {SIDE} and spans all "
            f"channels of its input: give ({SIDE}, {SIDE}, {channels}), ({SIDE}, {SIDE}) for the same numbers on each, "
            "or a name. Of a Keras layer take kernel[..., 0]."
        )
    if not np.isfinite(numbers).all():
        raise FigureError(f"{name} holds numbers that are not finite; give others, 0 leaves a pixel out.")
    return numbers.tolist()


def _check_pair(name, pair, what):
    """A list of as many as there are filters."""
    given = list(pair) if isinstance(pair, (list, tuple, np.ndarray)) else []
    if len(given) != FILTERS:
        raise FigureError(f"{name} is {pair!r}; give a list of {FILTERS} {what}, one for each filter.")
    return given


def _check_filters(filters):
    return [_check_kernel("filters", kernel, 3) for kernel in _check_pair("filters", filters, "names or arrays")]


def _check_biases(biases):
    given = _check_pair("biases", biases, "numbers")
    if not all(isinstance(bias, (int, float, np.number)) and np.isfinite(bias) for bias in given):
        raise FigureError(f"biases is {biases!r}; give a list of {FILTERS} finite numbers, 0 is none.")
    return [float(bias) for bias in given]
