"""The figure of padding and strides: a window steps over an input without and with padding, and the sizes follow."""

import traitlets

from convbook.figures.base import Choice, FigureError, LiveFigure, Switch, Whole, refuse_outside
from convbook.shapes import output_size

# The largest value of each size: above it single pixels can no longer be told apart. These are also in the JavaScript.
LARGEST = {"height": 16, "width": 16, "kernel_size": 7, "strides": 5, "dilation_rate": 3}
REMEDY = "Larger sizes follow the same rule: convbook.shapes.output_size computes them."


class PaddingAndStrides(LiveFigure):
    """Output size step by step: walk a window over the same input with the paddings 'valid' and 'same', side by side.

    Each output is the sum of what its window reads. Sizes for which no window of 'valid' fits are a state like any
    other: the figure says so.

    Args:
        height: rows of the input, 1 to 16 pixels.
        width: columns of the input, 1 to 16 pixels.
        kernel_size: rows and columns of the kernel, 1 to 7 pixels.
        strides: pixels from one window to the next, 1 to 5, down and to the right alike.
        dilation_rate: pixels from one entry of the kernel to the next, 1 to 3; above 1 only with strides 1.
        row: the row of the output of 'same' that the window belongs to, counted from 0; 'valid' may have fewer.
        column: the same, from the left.
        all_windows: whether the whole output is filled, or only where the window has been.
        show_counts: whether each pixel of the input shows how many outputs read it, and not its value.
        term: the letter of the formulas whose cells are lit: 'n', 'k', 's', 'p' or 'o', with a dilation rate 'd' and
            'span'; or 'none'.

    Raises:
        FigureError: a ValueError and a TraitError, if a size is out of range, strides and dilation_rate are both above
            1, or the output has no such row or column; the message says what would do.

    Example:
        >>> figure = PaddingAndStrides(height=7, width=8, strides=2, row=2, column=2)
        >>> figure.width = 5
        >>> figure.row, figure.column
        (2, 2)
    """

    alternative = (
        "A window walks over an input, output by output, without padding and with it, above the formulas for the "
        "output's size."
    )

    height = Whole(7, 1, LARGEST["height"], remedy=REMEDY).tag(sync=True)
    width = Whole(9, 1, LARGEST["width"], remedy=REMEDY).tag(sync=True)
    kernel_size = Whole(3, 1, LARGEST["kernel_size"], remedy=REMEDY).tag(sync=True)
    strides = Whole(1, 1, LARGEST["strides"], remedy=REMEDY).tag(sync=True)
    dilation_rate = Whole(1, 1, LARGEST["dilation_rate"], remedy=REMEDY).tag(sync=True)
    row = Whole(0).tag(sync=True)
    column = Whole(0).tag(sync=True)
    all_windows = Switch().tag(sync=True)
    show_counts = Switch().tag(sync=True)
    term = Choice(("none", "n", "k", "s", "p", "o", "d", "span")).tag(sync=True)

    def check(self, state):
        if state.strides > 1 and state.dilation_rate > 1:
            raise FigureError(
                f"strides {state.strides} and dilation_rate {state.dilation_rate} are both above 1, which Keras "
                "refuses: set one of them to 1."
            )
        rows, columns = _output_shape(state)
        reason = f"the output has {rows} × {columns} numbers"
        refuse_outside(state, "row", 0, rows - 1, reason)
        refuse_outside(state, "column", 0, columns - 1, reason)

    @traitlets.observe(*LARGEST)
    def _keep_window_inside(self, change):
        rows, columns = _output_shape(self)
        self.row, self.column = min(self.row, rows - 1), min(self.column, columns - 1)


def _output_shape(state):
    """Rows and columns of the output with padding 'same', which has at least as many as 'valid'."""
    rest = state.kernel_size, state.strides, "same", state.dilation_rate
    return output_size(state.height, *rest), output_size(state.width, *rest)
