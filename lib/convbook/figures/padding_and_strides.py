"""The figure of padding and strides: a window steps over the padded input, output by output, and the sizes follow."""

import numpy as np
import traitlets

from convbook.figures import still
from convbook.figures.base import FigureError, LiveFigure
from convbook.shapes import output_size, padding_amounts, window_grid

# The largest value of each size: above it single pixels can no longer be told apart. These are also in the JavaScript.
LARGEST = {"height": 16, "width": 16, "kernel_size": 7, "strides": 5, "dilation_rate": 3}
LARGEST_NUMBERED = 24  # pixels side by side, above which the numbers in them cannot be read; also in the JavaScript


class PaddingAndStrides(LiveFigure):
    """Output size step by step: walk a window over the padded input and see which pixels each output reads.

    Sizes for which no window fits are a state like any other: the figure says why, and what would help.

    Args:
        height: rows of the input, 1 to 16 pixels.
        width: columns of the input, 1 to 16 pixels.
        kernel_size: rows and columns of the kernel, 1 to 7 pixels.
        strides: pixels from one window to the next, 1 to 5, down and to the right alike.
        padding: 'valid' (none) or 'same' (so much that stride 1 keeps the size), as Keras has it.
        dilation_rate: pixels from one entry of the kernel to the next, 1 to 3; above 1 only with strides 1.
        row: which output is looked at, its row, counted from 0.
        column: the same, from the left.
        all_windows: whether the whole output is filled, or only where the window has been.
        show_counts: whether each pixel of the input shows how many outputs read it.

    Raises:
        FigureError: a ValueError and a TraitError, if a size is out of range, the padding has another name, strides and
            dilation_rate are both above 1, or the output has no such row or column; the message says what would do.

    Example:
        >>> figure = PaddingAndStrides(height=7, width=8, strides=2, row=1, column=2)
        >>> figure.output_shape
        (3, 3)
        >>> figure.window
        ([2, 3, 4], [4, 5, 6])
        >>> figure.padding = "same"
        >>> figure.output_shape, figure.padding_amounts
        ((4, 4), ((1, 1), (0, 1)))
    """

    height = traitlets.Int(7).tag(sync=True)
    width = traitlets.Int(9).tag(sync=True)
    kernel_size = traitlets.Int(3).tag(sync=True)
    strides = traitlets.Int(1).tag(sync=True)
    padding = traitlets.Unicode("valid").tag(sync=True)
    dilation_rate = traitlets.Int(1).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)
    all_windows = traitlets.Bool(False).tag(sync=True)
    show_counts = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        height=7,
        width=9,
        kernel_size=3,
        *,
        strides=1,
        padding="valid",
        dilation_rate=1,
        row=0,
        column=0,
        all_windows=False,
        show_counts=False,
    ):
        super().__init__(
            height=height,
            width=width,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            dilation_rate=dilation_rate,
            row=row,
            column=column,
            all_windows=all_windows,
            show_counts=show_counts,
        )

    @property
    def span(self):
        """Pixels from the first to the last entry of the kernel, along each axis."""
        return (self.kernel_size - 1) * self.dilation_rate + 1

    @property
    def fits(self):
        """Whether there is any output: with 'valid', whether the window fits into the input."""
        return self.padding == "same" or self.span <= min(self.height, self.width)

    @property
    def output_shape(self):
        """Rows and columns of the output; a ValueError that names the remedy, if no window fits."""
        return window_grid(
            (self.height, self.width, 1), self.kernel_size, self.strides, self.padding, self.dilation_rate
        )

    @property
    def padding_amounts(self):
        """Pixels of padding ((above, below), (left, right)); a ValueError that names the remedy, if no window fits."""
        arguments = self._arguments()
        return padding_amounts(self.height, *arguments), padding_amounts(self.width, *arguments)

    @property
    def window(self):
        """The rows and the columns of the input that this output reads, two lists; what is outside is padding."""
        return tuple(self._read_by(axis, place) for axis, place in enumerate((self.row, self.column)))

    @property
    def read_counts(self):
        """How many outputs read each pixel of the input: int64 (height, width)."""
        counts = []
        for axis, size in enumerate((self.height, self.width)):
            reads = [self._read_by(axis, place) for place in range(self.output_shape[axis])]
            counts.append([sum(pixel in read for read in reads) for pixel in range(size)])
        return np.outer(*counts)

    def describe(self):
        return describe(self)

    def draw_still(self):
        return draw_still(self)

    def _arguments(self):
        """What the functions of `shapes` need besides the size of one axis."""
        return self.kernel_size, self.strides, self.padding, self.dilation_rate

    def _read_by(self, axis, place):
        """Positions along one axis that the output at this place reads."""
        start = place * self.strides - self.padding_amounts[axis][0]
        return [start + entry * self.dilation_rate for entry in range(self.kernel_size)]

    def _places(self):
        """Rows and columns of places that can be looked at; one where there is no output."""
        return self.output_shape if self.fits else (1, 1)

    @traitlets.validate(*LARGEST)
    def _validate_size(self, proposal):
        name, value = proposal.trait.name, proposal.value
        if not 1 <= value <= LARGEST[name]:
            raise FigureError(
                f"{name} is {value}; the figure shows 1 to {LARGEST[name]}. Larger sizes follow the same rule: "
                "convbook.shapes.output_size computes them."
            )
        if self.strides > 1 and self.dilation_rate > 1:
            raise FigureError(
                f"strides {self.strides} and dilation_rate {self.dilation_rate} are both above 1, which Keras refuses: "
                "set one of them to 1."
            )
        return value

    @traitlets.validate("padding")
    def _validate_padding(self, proposal):
        if proposal.value not in ("valid", "same"):
            raise FigureError(
                f"padding is {proposal.value!r}; give 'valid' (none) or 'same', as a Keras layer takes it."
            )
        return proposal.value

    @traitlets.validate("row", "column")
    def _validate_place(self, proposal):
        name, value = proposal.trait.name, proposal.value
        try:
            rows, columns = self._places()
        except ValueError:  # of several changes at once another one is at fault, and its own validator says so
            return value
        size = rows if name == "row" else columns
        if not 0 <= value < size:
            what = f"outside the output of {rows} × {columns}" if self.fits else "and no window fits"
            raise FigureError(f"{name} is {value}, {what}; give {f'0 to {size - 1}' if size > 1 else '0'}.")
        return value

    @traitlets.observe(*LARGEST, "padding")
    def _keep_window_inside(self, change):
        rows, columns = self._places()
        self.row, self.column = min(self.row, rows - 1), min(self.column, columns - 1)


# ---- the words, the same as in the JavaScript ----


def describe(figure):
    """Say what a PaddingAndStrides shows: its sizes and what the output looked at reads."""
    dilation = f", dilation rate {figure.dilation_rate}" if figure.dilation_rate > 1 else ""
    sizes = (
        f"Input {figure.height} × {figure.width}, kernel {figure.kernel_size} × {figure.kernel_size}, "
        f"stride {figure.strides}, padding {figure.padding}{dilation}"
    )
    if not figure.fits:
        return f"{sizes}. {write_problem(figure)}"
    rows, columns = figure.output_shape
    return f"{sizes}: output {rows} × {columns}. {write_reading(figure)}"


def write_problem(figure):
    """Say why no window fits and what would help; empty where one fits.

    Example:
        >>> write_problem(PaddingAndStrides(height=2, width=9))
        "No window fits: it spans 3 × 3 pixels, the input has 2 × 9. Enlarge the input, or pad: 'same'."
        >>> write_problem(PaddingAndStrides())
        ''
    """
    if figure.fits:
        return ""
    smaller = "take a smaller dilation rate, " if figure.dilation_rate > 1 else ""
    return (
        f"No window fits: it spans {figure.span} × {figure.span} pixels, the input has {figure.height} × "
        f"{figure.width}. Enlarge the input, {smaller}or pad: 'same'."
    )


def write_reading(figure):
    """Say which pixels the output looked at reads, and how many of them are padding.

    Example:
        >>> write_reading(PaddingAndStrides(4, 5, padding="same"))
        'Output row 0, column 0 reads rows −1, 0, 1 and columns −1, 0, 1: 4 pixels and 5 zeros of the padding.'
    """
    rows, columns = figure.window
    return (
        f"Output row {figure.row}, column {figure.column} reads rows {_write_places(rows)} and columns "
        f"{_write_places(columns)}: {_write_pixels(figure)}."
    )


def _write_places(places):
    return ", ".join(still.format_number(place) for place in places)


def _write_pixels(figure):
    """How many pixels of the input a window holds, and how many zeros."""
    sides = zip(figure.window, (figure.height, figure.width), strict=True)
    inside = np.prod([sum(0 <= place < size for place in places) for places, size in sides])
    zeros = figure.kernel_size**2 - inside
    text = "1 pixel" if inside == 1 else f"{inside} pixels"
    return text + (f" and {'1 zero' if zeros == 1 else f'{zeros} zeros'} of the padding" if zeros else "")


def write_sums(figure):
    """Write the formulas with the numbers put in, for rows and for columns.

    Args:
        figure: a PaddingAndStrides.

    Returns:
        A list of (what is computed, the sum) pairs.

    Example:
        >>> write_sums(PaddingAndStrides(8, 9, strides=2))
        [('rows', '⌊(8 − 3) / 2⌋ + 1 = 3'), ('columns', '⌊(9 − 3) / 2⌋ + 1 = 4')]
        >>> write_sums(PaddingAndStrides(8, 9, strides=2, padding="same"))[:2]
        [('rows', '⌈8 / 2⌉ = 4, padding 0 before, 1 after'), ('padding', '(4 − 1) × 2 + 3 − 8 = 1')]
    """
    sums = []
    if figure.dilation_rate > 1:
        sums.append(("span", f"({figure.kernel_size} − 1) × {figure.dilation_rate} + 1 = {figure.span}"))
    for name, size in (("rows", figure.height), ("columns", figure.width)):
        sums += _write_axis(figure, name, size)
    return sums


def _write_axis(figure, name, size):
    """The sums of one axis."""
    span, stride, arguments = figure.span, figure.strides, figure._arguments()
    if figure.padding == "same":
        outputs, (before, after) = output_size(size, *arguments), padding_amounts(size, *arguments)
        needed = (outputs - 1) * stride + span - size
        none = ": none" if needed < 0 else ""
        return [
            (name, f"⌈{size} / {stride}⌉ = {outputs}, padding {before} before, {after} after"),
            ("padding", f"({outputs} − 1) × {stride} + {span} − {size} = {still.format_number(needed)}{none}"),
        ]
    if span > size:
        return [(name, f"{size} − {span} < 0: no window fits")]
    return [(name, f"⌊({size} − {span}) / {stride}⌋ + 1 = {output_size(size, *arguments)}")]


# ---- the still picture ----

STILL_WIDTH_PX, LARGEST_CELL_PX, GRID_PX = 580, 26, 270


def draw_still(figure):
    """Draw the padded input with its window, the output, and the sums.

    Args:
        figure: a PaddingAndStrides.

    Returns:
        An SVG element as text.
    """
    (above, below), (left, right) = figure.padding_amounts if figure.fits else ((0, 0), (0, 0))
    rows, columns = above + figure.height + below, left + figure.width + right
    cell_px, top, middle = min(LARGEST_CELL_PX, GRID_PX / max(rows, columns)), 24, STILL_WIDTH_PX / 2 + 10
    parts = [still.draw_heading("Input", f"{figure.height} × {figure.width}", 0, top - 9)]
    parts += _draw_input(figure, above, left, rows, columns, cell_px, top)
    bottom = top + rows * cell_px + 20
    if figure.fits:
        places = [_write_places(places) for places in figure.window]
        parts.append(still.draw_text(f"rows {places[0]}", 0, bottom, fill=still.MARKER))
        parts.append(still.draw_text(f"columns {places[1]}", 0, bottom + 18, fill=still.MARKER))
        bottom += 18
        parts += _draw_output(figure, middle, top, cell_px)
    else:
        parts.append(still.draw_heading("Output", "none", middle, top - 9))
        for line, text in enumerate(write_problem(figure).replace(": it", ":|it").replace(". ", ".|").split("|")):
            parts.append(still.draw_text(text, middle, top + 12 + 18 * line))
        bottom = max(bottom, top + 60)
    for name, text in write_sums(figure):
        bottom += 20
        parts.append(still.draw_text(f"{name}: {text}", 0, bottom))
    return still.wrap_svg(parts, STILL_WIDTH_PX, bottom + 10, describe(figure))


def _draw_input(figure, above, left, rows, columns, cell_px, top):
    """The input inside its padding, with the window and the pixels that it reads."""
    counts = figure.read_counts if figure.fits else np.zeros((figure.height, figure.width), int)
    shades = counts / max(counts.max(), 1) if figure.show_counts else 0.25 * (counts > 0)
    pixels = np.full((rows, columns, 3), 255, dtype=np.uint8)
    colors = still.diverging_colors(-shades, 1)
    pixels[above : above + figure.height, left : left + figure.width] = colors
    edge = left * cell_px, top + above * cell_px, figure.width * cell_px, figure.height * cell_px
    parts = [
        still.draw_pixels(pixels, 0, top, cell_px),
        _draw_hatching(figure, above, left, rows, columns, cell_px, top),
        _draw_lines(0, top, rows, columns, cell_px),
        '<rect x="{:g}" y="{:g}" width="{:g}" height="{:g}" fill="none" stroke="currentColor"/>'.format(*edge),
    ]
    if figure.fits:
        parts += _draw_window(figure, above, left, cell_px, top)
    if figure.show_counts and max(rows, columns) <= LARGEST_NUMBERED:
        parts.append(_draw_counts(counts, colors, edge[0], edge[1], cell_px))
    return parts


def _draw_counts(counts, colors, x, y, cell_px):
    """Each count in the middle of its pixel."""
    parts = [f'<g font-size="{0.5 * cell_px:g}" text-anchor="middle">']
    for (i, j), count in np.ndenumerate(counts):
        middle = x + (j + 0.5) * cell_px, y + (i + 0.68) * cell_px
        parts.append(still.draw_text(str(count), *middle, fill=still.readable_on(colors[i, j])))
    return "".join([*parts, "</g>"])


def _draw_hatching(figure, above, left, rows, columns, cell_px, top):
    """A stroke through each cell of the padding."""
    inside = np.zeros((rows, columns), dtype=bool)
    inside[above : above + figure.height, left : left + figure.width] = True
    strokes = "".join(
        f"M{j * cell_px:.4g} {top + (i + 1) * cell_px:.4g}l{cell_px:.3g} {-cell_px:.3g}"
        for i, j in np.argwhere(~inside)
    )
    return f'<path d="{strokes}" stroke="#9aa2ab"/>' if strokes else ""


def _draw_lines(x, y, rows, columns, cell_px):
    """The lines between the cells of a grid."""
    across = "".join(f"M{x:g} {y + i * cell_px:.4g}h{columns * cell_px:.4g}" for i in range(rows + 1))
    down = "".join(f"M{x + j * cell_px:.4g} {y:g}v{rows * cell_px:.4g}" for j in range(columns + 1))
    return f'<path d="{across}{down}" stroke="#9aa2ab" stroke-width=".6"/>'


def _draw_window(figure, above, left, cell_px, top):
    """The window's frame, and a mark on each pixel that it reads."""
    rows, columns = figure.window
    inset, side = 0.2 * cell_px, 0.6 * cell_px
    square = f"h{side:.3g}v{side:.3g}h-{side:.3g}z"
    marks = "".join(
        f"M{(left + j) * cell_px + inset:.4g} {top + (above + i) * cell_px + inset:.4g}{square}"
        for i in rows
        for j in columns
    )
    x, y = (left + columns[0]) * cell_px, top + (above + rows[0]) * cell_px
    return [
        f'<path d="{marks}" fill="none" stroke="{still.MARKER}"/>',
        still.draw_frame(x, y, figure.span * cell_px, figure.span * cell_px),
    ]


def _draw_output(figure, x, y, cell_px):
    """The output, with the one that is looked at in a frame; drawn whole, since paper has no window to move."""
    rows, columns = figure.output_shape
    place = x + figure.column * cell_px, y + figure.row * cell_px
    return [
        still.draw_heading("Output", f"{rows} × {columns}", x, y - 9),
        still.draw_pixels(still.diverging_colors(-_filled(figure), 1), x, y, cell_px),
        _draw_lines(x, y, rows, columns, cell_px),
        still.draw_frame(*place, cell_px, cell_px),
        still.draw_text(f"output[{figure.row}, {figure.column}]", x, y + rows * cell_px + 20, fill=still.MARKER),
        still.draw_text(_write_pixels(figure), x, y + rows * cell_px + 38),
    ]


def _filled(figure):
    """How full each output is drawn, 0.2…1: in full where its whole window lies on the input, paler with padding."""
    shares = []
    for axis, size in enumerate((figure.height, figure.width)):
        reads = (figure._read_by(axis, place) for place in range(figure.output_shape[axis]))
        shares.append([np.mean([0 <= pixel < size for pixel in read]) for read in reads])
    return 0.2 + 0.8 * np.outer(*shares)
