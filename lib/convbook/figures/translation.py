"""The translation figure: move a digit over a canvas, and see which of two trained nets still knows it."""

import functools

import numpy as np
import traitlets

from convbook import digit_nets, photos
from convbook.figures.base import LiveFigure, Whole, pack_picture

SAMPLES = 3  # test pictures of each digit that the figure holds: the first ones, not chosen ones
INK_PX = 20
LARGEST_MOVE_PX = 17  # there the ink touches the edge of the canvas of 54 × 54 pixels
OTHERS = (
    f"The figure holds {SAMPLES} test pictures of each digit; for others use convbook.digit_nets.load and "
    "convbook.photos.load_digits."
)
FARTHER = "Farther out, the canvas would cut the digit off."


class Translation(LiveFigure):
    """Move a digit over a dark canvas, and see what a small Dense net and a small convnet make of it.

    Both nets are those of `convbook.digit_nets`. The digits are test pictures: neither net was trained on them. A digit
    can go so far that its ink touches the edge of the canvas, and no farther.

    Args:
        digit: 0 to 9.
        sample: which of the first three test pictures of this digit, 0 to 2.
        down: pixels below the centre of the canvas, −17 to 17; negative is above.
        right: the same, to the right; negative is left.

    Raises:
        FigureError: a ValueError and a TraitError, if there is no such digit, sample or move; the message says what
            there is.

    Example:
        >>> Translation(digit=4, right=9)
        Translation(digit=4, down=0, right=9, sample=0)
    """

    digit = Whole(3, 0, 9).tag(sync=True)
    sample = Whole(0, 0, SAMPLES - 1, remedy=OTHERS).tag(sync=True)
    down = Whole(0, -LARGEST_MOVE_PX, LARGEST_MOVE_PX, remedy=FARTHER).tag(sync=True)
    right = Whole(0, -LARGEST_MOVE_PX, LARGEST_MOVE_PX, remedy=FARTHER).tag(sync=True)
    _digits = traitlets.Dict().tag(sync=True)
    _nets = traitlets.Dict().tag(sync=True)

    alternative = (
        "A digit on a dark canvas, the answers of a Dense net and of a convnet to it, and maps of the positions of the "
        "digit at which each of the two nets is right."
    )

    def __init__(self, digit=3, sample=0, **traits):
        strip = pack_picture(load_samples().reshape(-1, INK_PX, 1))
        nets = {name: digit_nets.packed(name) for name in digit_nets.NAMES}
        super().__init__(digit=digit, sample=sample, _digits=strip, _nets=nets, **traits)


@functools.cache
def load_samples():
    """Return the digits that the figure holds: the ink of the first test pictures of each.

    Returns:
        uint8 (10, 3, 20, 20, 1), not to be written to.

    Example:
        >>> load_samples().shape
        (10, 3, 20, 20, 1)
    """
    digits = photos.load_digits("scikit-learn")
    margin = (digits.test_images.shape[1] - INK_PX) // 2
    ink = digits.test_images[:, margin : margin + INK_PX, margin : margin + INK_PX]
    samples = np.stack([ink[digits.test_labels == digit][:SAMPLES] for digit in range(10)])
    samples.flags.writeable = False
    return samples
