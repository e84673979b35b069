"""The pooling figure: what a window of a response map gives, and which smaller map a moved picture changes least."""

import numpy as np
import traitlets
from matplotlib.figure import Figure

from convbook.figures.base import (
    DIVERGING,
    Checked,
    Choice,
    FigureError,
    LiveFigure,
    Switch,
    Whole,
    check_picture,
    pack_picture,
    refuse_outside,
)
from convbook.figures.convolution import KERNELS, kernels_for
from convbook.operations import average_pool2d, convolve2d, max_pool2d

SMALLEST_SIDE_PX, LARGEST_SIDE_PX = 3, 32  # up to here all moves are counted within one frame of the browser
OTHER_SIZES = "For other sizes use convbook.operations.max_pool2d."
FARTHER = "Farther than that, most of what changes is the border."


class Pooling(LiveFigure):
    """See what becomes of one window of a map; then move the picture and see which smaller map changes least.

    The response map is the kernel's response with ReLU behind it, without padding. Max pooling and average pooling
    summarize its windows; the strided read keeps the first value of every `strides` rows and columns, which is what a
    convolution with these strides gives. A moved picture goes on beyond its border with the values of the border.

    Args:
        image: uint8 (0…255) or float (0…1), grey, (height, width) or (height, width, 1), 3 to 32 pixels each way.
        kernel: a name of `KERNELS`.
        act: 'one window', which fills the pooled maps window by window, or 'a moved picture', which compares the
            smaller maps before and after the move.
        pool_size: side of the pooling window, 2 or 3 pixels of the response map.
        strides: pixels of the response map from one window to the next, 1 to 3.
        down: pixels by which the picture has moved down, −2 to 2; negative is up.
        right: the same, to the right; negative is left.
        row: the window's row, counted from 0 in the pooled maps.
        column: the same, from the left.
        all_windows: whether the pooled maps are shown in full, or faint where the window has not been.

    Raises:
        FigureError: a ValueError and a TraitError, if picture, kernel, sizes, move or window do not fit; the message
            says what would. A window that is too large for the map is no error: the figure explains it.

    Example:
        >>> Pooling(np.zeros((4, 7), dtype="uint8"), kernel="blur", right=1).row
        0
    """

    image = Checked(lambda image: _check_grey_picture(image))
    kernel = Choice(tuple(KERNELS)).tag(sync=True)
    act = Choice(("one window", "a moved picture")).tag(sync=True)
    pool_size = Choice((2, 3), remedy=OTHER_SIZES).tag(sync=True)
    strides = Choice((1, 2, 3), 2, remedy=OTHER_SIZES).tag(sync=True)
    down = Whole(0, -2, 2, remedy=FARTHER).tag(sync=True)
    right = Whole(0, -2, 2, remedy=FARTHER).tag(sync=True)
    row = Whole().tag(sync=True)
    column = Whole().tag(sync=True)
    all_windows = Switch().tag(sync=True)
    _picture = traitlets.Dict().tag(sync=True)
    _kernels = traitlets.Dict().tag(sync=True)

    def __init__(self, image, kernel="vertical edges", **traits):
        super().__init__(image=image, kernel=kernel, _kernels=kernels_for(1), **traits)

    @property
    def alternative(self):
        height, width, _ = self.image.shape
        return (
            f"A picture of {height} × {width} pixels, its response map with the kernel {self.kernel} and ReLU, and the "
            "same map made smaller by max pooling, by average pooling and by a strided read."
        )

    def check(self, state):
        rows, columns = _count_windows(state)
        reason = f"the pooled maps have {rows} rows and {columns} columns"
        refuse_outside(state, "row", 0, rows - 1, reason)
        refuse_outside(state, "column", 0, columns - 1, reason)

    @traitlets.observe("image", "pool_size", "strides")
    def _keep_window_inside(self, change):
        rows, columns = _count_windows(self)
        with self.hold_sync():
            self._picture = pack_picture(self.image)
            self.row, self.column = min(self.row, max(rows - 1, 0)), min(self.column, max(columns - 1, 0))

    def draw_still(self):
        if _count_windows(self) == (0, 0):
            return None
        response = np.maximum(convolve2d(self.image.astype(float), KERNELS[self.kernel][..., None, None]), 0)
        smaller = [pool(response, self.pool_size, self.strides) for pool in (max_pool2d, average_pool2d)]
        scale = response.max() or 1
        maps = [self.image, response, *smaller, response[:: self.strides, :: self.strides]]
        drawing = Figure((9, 2), layout="constrained")
        titles = ("Picture", "Response map", "Max pooling", "Average pooling", "Strided read")
        for axes, title, shown in zip(drawing.subplots(1, 5), titles, maps, strict=True):
            cmap, low, high = ("gray", 0, self.image.max()) if shown is self.image else (DIVERGING, -scale, scale)
            axes.imshow(shown[..., 0], cmap=cmap, vmin=low, vmax=high)
            axes.set(title=title, xticks=[], yticks=[])
        return drawing


def _check_grey_picture(image):
    """uint8 or float32 (height, width, 1)."""
    image = check_picture(image)
    height, width, channels = image.shape
    if channels != 1:
        raise FigureError(
            f"image has {channels} channels, shape {image.shape}; the pooling figure shows one response map of a grey "
            "picture. Make it grey: image.mean(axis=2).astype('uint8')."
        )
    if not SMALLEST_SIDE_PX <= min(height, width) <= max(height, width) <= LARGEST_SIDE_PX:
        raise FigureError(
            f"image has {height} × {width} pixels; the pooling figure shows {SMALLEST_SIDE_PX} to {LARGEST_SIDE_PX} "
            "each way: its kernels are 3 × 3, and each changed value must be seen. Cut a part out, image[:20, :30], "
            "or leave pixels out, image[::2, ::2]."
        )
    return image


def _count_windows(state):
    """Rows and columns of the pooled maps, (0, 0) where no window fits."""
    sides = [side - 2 for side in state.image.shape[:2]]  # of the response map
    if min(sides) < state.pool_size:
        return 0, 0
    return tuple((side - state.pool_size) // state.strides + 1 for side in sides)
