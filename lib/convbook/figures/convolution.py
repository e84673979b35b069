"""The convolution figure: a window on a picture, patch × kernel = products, their sum, and the response map."""

import numpy as np
import traitlets
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from convbook.figures.base import (
    DIVERGING,
    Checked,
    FigureError,
    LiveFigure,
    Number,
    Switch,
    Whole,
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
COLOR_KERNELS = {"redder than blue": np.full((3, 3, 3), [1 / 9, 0, -1 / 9])}
LARGEST_KERNEL = 5


class Convolution(LiveFigure):
    """One window, one number: drag a window over a picture and see what a filter computes there.

    Args:
        image: uint8 (0…255) or float (0…1), (height, width) or (height, width, 1 or 3); small enough to see its pixels.
        kernel: a name of `KERNELS`, or an array (height, width), the same for every channel, or
            (height, width, channels), or one filter of a Keras layer, (height, width, channels, 1); 1 to 5 each way.
        bias: added to every sum.
        row: the window's place, counted from 0 in the response map; in the picture, the window's upper row.
        column: the same, from the left.
        all_windows: whether the whole response map is shown, or only where the window has been.

    Raises:
        FigureError: a ValueError and a TraitError, if picture, kernel or place do not fit; the message says what would.

    Example:
        >>> figure = Convolution(np.zeros((5, 7), dtype="uint8"), kernel="vertical edges", column=1)
        >>> figure.kernel = [[0, 1], [2, 3]]
        >>> figure.kernel
        [[[0.0], [1.0]], [[2.0], [3.0]]]
    """

    image = Checked(check_picture)
    kernel = Checked().tag(sync=True, link=True)
    bias = Number(remedy="0 is none.").tag(sync=True)
    row = Whole().tag(sync=True)
    column = Whole().tag(sync=True)
    all_windows = Switch().tag(sync=True)
    _picture = traitlets.Dict().tag(sync=True)
    _kernels = traitlets.Dict().tag(sync=True)

    def __init__(self, image, kernel="vertical edges", **traits):
        super().__init__(image=image, kernel=kernel, **traits)

    @property
    def alternative(self):
        height, width, _ = self.image.shape
        name = f"the kernel {self.kernel}" if isinstance(self.kernel, str) else "its own kernel"
        return f"A picture of {height} × {width} pixels with a window on it, and its response map with {name}."

    def check(self, state):
        state.kernel = _check_kernel(state.kernel, state.image.shape)
        rows, columns = _response_shape(state)
        reason = f"the response map has {rows} rows and {columns} columns"
        refuse_outside(state, "row", 0, rows - 1, reason)
        refuse_outside(state, "column", 0, columns - 1, reason)

    @traitlets.observe("image")
    def _send_picture(self, change):
        with self.hold_sync():  # in one message: the JavaScript must never see a picture without its kernels
            self._picture = pack_picture(self.image)
            self._kernels = kernels_for(self.image.shape[2])

    @traitlets.observe("image", "kernel")
    def _keep_window_inside(self, change):
        rows, columns = _response_shape(self)
        self.row, self.column = min(self.row, rows - 1), min(self.column, columns - 1)

    def draw_still(self):
        weights = _as_array(self.kernel, self.image.shape[2])
        response = convolve2d(self.image, weights[..., np.newaxis], [self.bias])[..., 0]
        drawing = Figure((6.4, 2.4), layout="constrained")
        picture, response_map = drawing.subplots(1, 2)
        picture.imshow(self.image.squeeze(), cmap="gray", vmin=0, vmax=255 if self.image.dtype == np.uint8 else 1)
        corner = self.column - 0.5, self.row - 0.5
        picture.add_patch(Rectangle(corner, weights.shape[1], weights.shape[0], fill=False, edgecolor="#b3125f", lw=2))
        scale = np.abs(response).max() or 1
        drawing.colorbar(response_map.imshow(response, cmap=DIVERGING, vmin=-scale, vmax=scale))
        picture.set(title="Picture", xticks=[], yticks=[])
        response_map.set(title="Response map", xticks=[], yticks=[])
        return drawing


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


def _check_kernel(kernel, image_shape):
    """The kernel's name, or its numbers as nested lists [row][column][channel], if it fits the picture."""
    height, width, channels = image_shape
    if isinstance(kernel, str):
        names = kernels_for(channels)
        if kernel not in names:
            raise FigureError(
                f"There is no kernel {kernel!r} for {channels} channel(s); choose one of {', '.join(names)}, or give "
                "the numbers themselves as an array (height, width)."
            )
    numbers = _as_array(kernel, channels)
    rows, columns = numbers.shape[:2]
    if not 1 <= min(rows, columns) <= max(rows, columns) <= LARGEST_KERNEL:
        raise FigureError(
            f"kernel is {rows} × {columns}; the figure shows 1 to {LARGEST_KERNEL} each way: cut it smaller."
        )
    if rows > height or columns > width:
        raise FigureError(
            f"The kernel, {rows} × {columns}, is larger than the picture, {height} × {width}: the window has no place. "
            "Give a larger picture or a smaller kernel."
        )
    return kernel if isinstance(kernel, str) else numbers.tolist()


def _as_array(kernel, channels):
    """The kernel as floats (height, width, channels)."""
    if isinstance(kernel, str):
        return np.array(kernels_for(channels)[kernel])
    try:
        numbers = np.array(kernel, dtype=float)
    except (TypeError, ValueError):
        raise FigureError(f"kernel is {kernel!r}; give a name or an array of numbers.") from None
    if numbers.ndim == 4 and numbers.shape[3] == 1:
        numbers = numbers[..., 0]
    if numbers.ndim == 2:
        numbers = np.repeat(numbers[..., np.newaxis], channels, axis=2)
    if numbers.ndim != 3:
        raise FigureError(
            f"kernel has the shape {numbers.shape}; give one filter, (height, width) or (height, width, channels). "
            "Of a Keras layer with several filters take one: kernel[..., :1]."
        )
    if numbers.shape[2] != channels:
        raise FigureError(
            f"kernel spans {numbers.shape[2]} channels, the picture has {channels}: a filter spans all channels of its "
            f"input. Give (height, width, {channels}), (height, width) for the same numbers on each, or a name."
        )
    if not np.isfinite(numbers).all():
        raise FigureError("kernel holds numbers that are not finite; replace them, 0 leaves a pixel out.")
    return numbers


def _response_shape(state):
    """Rows and columns of the response map: one for each position where the whole window lies on the picture."""
    height, width, channels = state.image.shape
    rows, columns, _ = _as_array(state.kernel, channels).shape
    return height - rows + 1, width - columns + 1
