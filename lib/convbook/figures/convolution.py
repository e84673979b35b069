"""The convolution figure: a window on a picture, patch × kernel = products, their sum, and the response map."""

import numpy as np
import traitlets

from convbook.figures import still
from convbook.figures.base import FigureError, LiveFigure, check_picture, pack_picture
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
CHANNEL_NAMES = {1: [""], 3: ["red", "green", "blue"]}


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
        >>> picture = np.array([[0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 9]], dtype="uint8")
        >>> figure = Convolution(picture, kernel="vertical edges", column=1)
        >>> figure.response_map
        array([[36., 36.]])
        >>> figure.kernel = "identity"
        >>> figure.response_map
        array([[0., 9.]])
    """

    image = traitlets.Any()
    kernel = traitlets.Any().tag(sync=True)
    bias = traitlets.Float(0.0).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)
    all_windows = traitlets.Bool(False).tag(sync=True)
    _picture = traitlets.Dict().tag(sync=True)
    _kernels = traitlets.Dict().tag(sync=True)

    def __init__(self, image, kernel="vertical edges", *, bias=0.0, row=0, column=0, all_windows=False):
        image = check_picture(image)
        super().__init__(
            image=image,
            kernel=check_kernel(kernel, image.shape),
            bias=bias,
            row=row,
            column=column,
            all_windows=all_windows,
            _picture=pack_picture(image),
            _kernels=kernels_for(image.shape[2]),
        )

    @property
    def weights(self):
        """The kernel as Keras keeps it: float64 (height, width, channels, 1)."""
        numbers = self._kernels[self.kernel] if isinstance(self.kernel, str) else self.kernel
        return np.array(numbers, dtype=float)[..., np.newaxis]

    @property
    def response_shape(self):
        """Rows and columns of the response map."""
        return response_shape(self.image.shape, self.weights.shape)

    @property
    def response_map(self):
        """The sums of all windows with the bias: float64 (rows, columns)."""
        return convolve2d(self.image, self.weights, np.array([self.bias]))[:, :, 0]

    @property
    def patch(self):
        """What the window holds: (height, width, channels), the picture's dtype."""
        rows, columns = self.weights.shape[:2]
        return self.image[self.row : self.row + rows, self.column : self.column + columns]

    @property
    def kernel_names(self):
        """The kernels that can be chosen for this picture."""
        return list(self._kernels)

    def describe(self):
        return describe(self, self.response_map)

    def draw_still(self):
        return draw_still(self, self.response_map)

    @traitlets.validate("image")
    def _validate_image(self, proposal):
        image = check_picture(proposal.value)
        check_kernel(self.kernel, image.shape)
        return image

    @traitlets.validate("kernel")
    def _validate_kernel(self, proposal):
        return check_kernel(proposal.value, self.image.shape)

    @traitlets.validate("bias")
    def _validate_bias(self, proposal):
        if not np.isfinite(proposal.value):
            raise FigureError(f"bias is {proposal.value}; give a finite number, 0 for none.")
        return proposal.value

    @traitlets.validate("row", "column")
    def _validate_place(self, proposal):
        size = self.response_shape[0 if proposal.trait.name == "row" else 1]
        if not 0 <= proposal.value < size:
            raise FigureError(
                f"{proposal.trait.name} is {proposal.value}, outside the response map of {self.response_shape[0]} rows "
                f"and {self.response_shape[1]} columns; give 0 to {size - 1}."
            )
        return proposal.value

    @traitlets.observe("image")
    def _send_picture(self, change):
        with self.hold_sync():  # in one message: the JavaScript must never see a picture without its kernels
            self._picture = pack_picture(self.image)
            self._kernels = kernels_for(self.image.shape[2])

    @traitlets.observe("image", "kernel")
    def _keep_window_inside(self, change):
        rows, columns = self.response_shape
        self.row, self.column = min(self.row, rows - 1), min(self.column, columns - 1)


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


def check_kernel(kernel, image_shape):
    """Return a kernel as the figure's trait holds it, if it fits the picture.

    Args:
        kernel: a name, or numbers (height, width), (height, width, channels) or (height, width, channels, 1).
        image_shape: (height, width, channels) of the picture.

    Returns:
        The name, or the numbers as nested lists [row][column][channel].

    Raises:
        FigureError: if the name is unknown, or rank, channels, size or numbers do not fit; the message says what would.

    Example:
        >>> check_kernel([[1, 2]], (20, 30, 1))
        [[[1.0], [2.0]]]
    """
    height, width, channels = image_shape
    if isinstance(kernel, str):
        names = kernels_for(channels)
        if kernel not in names:
            raise FigureError(
                f"There is no kernel {kernel!r} for {channels} channel(s); choose one of {', '.join(names)}, or give "
                "the numbers themselves as an array (height, width)."
            )
        numbers = np.array(names[kernel])
    else:
        numbers = _as_numbers(kernel, channels)
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


def _as_numbers(kernel, channels):
    """The kernel as floats (height, width, channels)."""
    try:
        numbers = np.array(kernel, dtype=float)
    except (TypeError, ValueError):
        raise FigureError(f"kernel must be a name or an array of numbers, got {kernel!r}.") from None
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


def response_shape(image_shape, kernel_shape):
    """Return rows and columns of the response map: one for each place where the whole window lies on the picture.

    Example:
        >>> response_shape((28, 28, 1), (3, 3, 1, 64))
        (26, 26)
    """
    return image_shape[0] - kernel_shape[0] + 1, image_shape[1] - kernel_shape[1] + 1


# ---- the still picture ----

STILL_WIDTH_PX, PICTURE_PX, CELL_PX, GAP_PX = 580, 262, 34, 26


def describe(figure, response):
    """Say what a Convolution shows; `response` is its response map, (rows, columns)."""
    height, width, channels = figure.image.shape
    rows, columns = response.shape
    name = figure.kernel if isinstance(figure.kernel, str) else "with own numbers"
    numbers = response.min(), response.max(), response[figure.row, figure.column]
    low, high, value = (still.format_number(number) for number in numbers)
    return (
        f"Convolution of a picture, {height} × {width} × {channels}, with the kernel {name}. "
        f"Window at row {figure.row}, column {figure.column}: response {value}. "
        f"Response map {rows} × {columns}, from {low} to {high}."
    )


def draw_still(figure, response):
    """Draw picture and response map side by side, and below them the window's arithmetic.

    Args:
        figure: a Convolution.
        response: its response map, (rows, columns); drawn whole, since paper has no window to move.

    Returns:
        An SVG element as text.
    """
    height, width, _ = figure.image.shape
    pixel_px = min(PICTURE_PX / width, PICTURE_PX / height, CELL_PX)
    top = 24
    parts = _draw_picture(figure, 0, top, pixel_px)
    parts += _draw_response(figure, response, STILL_WIDTH_PX / 2 + 10, top, pixel_px)
    y = top + height * pixel_px + 56
    for channel, name in enumerate(CHANNEL_NAMES[figure.image.shape[2]]):
        parts += _draw_channel(figure, channel, name, y)
        y += figure.weights.shape[0] * CELL_PX + 34
    parts.append(_draw_sum(figure, response[figure.row, figure.column], y))
    return still.wrap_svg(parts, STILL_WIDTH_PX, y + 14, describe(figure, response))


def _draw_picture(figure, x, y, pixel_px):
    """The picture with its window."""
    height, width, channels = figure.image.shape
    pixels = figure.image if figure.image.dtype == np.uint8 else np.round(figure.image * 255).astype(np.uint8)
    rows, columns = figure.weights.shape[:2]
    window = x + figure.column * pixel_px, y + figure.row * pixel_px, columns * pixel_px, rows * pixel_px
    place = f"image[{figure.row}:{figure.row + rows}, {figure.column}:{figure.column + columns}]"
    return [
        still.draw_heading("Picture", f"{height} × {width} × {channels}", x, y - 9),
        still.draw_pixels(np.broadcast_to(pixels, (height, width, 3)), x, y, pixel_px),
        still.draw_frame(*window),
        still.draw_text(place, x, y + height * pixel_px + 20, fill=still.MARKER),
    ]


def _draw_response(figure, response, x, y, pixel_px):
    """The response map with the window's place, and its legend."""
    rows, columns = response.shape
    scale = np.abs(response).max() or 1.0
    return [
        still.draw_heading("Response map", f"{rows} × {columns}", x, y - 9),
        still.draw_pixels(still.diverging_colors(response, scale), x, y, pixel_px),
        still.draw_frame(x + figure.column * pixel_px, y + figure.row * pixel_px, pixel_px, pixel_px),
        still.draw_legend(scale, x, y + rows * pixel_px + 8, columns * pixel_px),
    ]


def _draw_channel(figure, channel, name, y):
    """One channel's patch × kernel = products."""
    rows, columns = figure.weights.shape[:2]
    titles = [f"{name} patch", f"kernel for {name}", f"{name} products"] if name else ["patch", "kernel", "products"]
    patch, weights = figure.patch.astype(float), figure.weights[..., 0]
    numbers = [array[..., channel] for array in (patch, weights, patch * weights)]
    colors = [_shades(numbers[0], name, figure.image.dtype), *_tints(weights, patch * weights, channel)]
    writers = [still.format_cell, still.format_weight, still.format_cell]
    parts, step = [], columns * CELL_PX + GAP_PX
    for n in range(3):
        parts.append(still.draw_text(titles[n], n * step, y, font_size=12))
        parts.append(still.draw_number_grid(numbers[n], colors[n], n * step, y + 8, CELL_PX, writers[n]))
    for n, sign in ((1, "×"), (2, "=")):
        middle = n * step - GAP_PX / 2, y + 12 + rows * CELL_PX / 2
        parts.append(still.draw_text(sign, *middle, text_anchor="middle"))
    return parts


def _shades(patch, name, dtype):
    """Pixels as shades of their channel's own colour."""
    levels = np.round(patch * (1 if dtype == np.uint8 else 255)).astype(np.uint8)
    return np.stack([levels if name in ("", part) else np.zeros_like(levels) for part in CHANNEL_NAMES[3]], axis=-1)


def _tints(weights, products, channel):
    """Weak colours by sign and size, so that the numbers stay in front; one scale for all channels."""
    for array in (weights, products):
        yield still.diverging_colors(0.6 * array[..., channel], np.abs(array).max() or 1.0)


def _draw_sum(figure, value, y):
    """The sums of the channels, plus the bias, are the response."""
    sums = (figure.patch * figure.weights[..., 0]).sum(axis=(0, 1))
    names = CHANNEL_NAMES[figure.image.shape[2]]
    terms = [f"{name or 'sum'} {still.format_number(total)}" for name, total in zip(names, sums, strict=True)]
    left = " + ".join([*terms, f"bias {still.format_weight(figure.bias)}"])
    answer = f"response[{figure.row}, {figure.column}] = {still.format_number(value)}"
    bold = f'<tspan font-weight="bold" fill="{still.MARKER}">{answer}</tspan>'
    return f'<text y="{y:g}" font-size="14">{left} = {bold}</text>'
