"""The figure of a network to click through: from a probability to the maps, kernels and pixels that it comes from."""

import numpy as np
import traitlets

from convbook import digit_nets
from convbook.figures.base import LiveFigure, Whole, pack_picture
from convbook.figures.translation import load_samples

FOLLOWED = "None follows what counts most."


def _choice(last):
    return Whole(None, 0, last, allow_none=True, remedy=FOLLOWED).tag(sync=True)


class NetworkWalk(LiveFigure):
    """Draw a digit, see what a small convnet makes of it, and go back from its answer to the picture.

    The net is the convnet of `convbook.digit_nets`: three stages of a 3×3 convolution and 2×2 max pooling, whose maps
    after pooling are shown, the mean of each of the last maps, and a Dense layer. A step back leads from an answer to
    the maps of stage 3, and from a pixel of a map to the window in the maps of the stage before.

    Args:
        digit: which test digit is shown until the reader draws one, 0 to 9.
        answer: which of the ten probabilities is followed back; None for the largest.
        channel_3: which of the 48 maps of stage 3 is followed; None for the one that counts most for the answer.
        pixel_3: which of its 5 × 5 pixels, row by row; None for the one that counts most.
        channel_2: which of the 32 maps of stage 2; None for the one that counts most for that pixel.
        pixel_2: which of its 12 × 12 pixels; None likewise.
        channel_1: which of the 16 maps of stage 1.
        pixel_1: which of its 26 × 26 pixels.

    Raises:
        FigureError: a ValueError and a TraitError, if there is no such digit, map or pixel; the message says what there
            is.

    Example:
        >>> NetworkWalk(4).channel_3 is None
        True
    """

    digit = Whole(3, 0, 9).tag(sync=True)
    answer = _choice(9)
    channel_3, pixel_3 = _choice(47), _choice(5 * 5 - 1)
    channel_2, pixel_2 = _choice(31), _choice(12 * 12 - 1)
    channel_1, pixel_1 = _choice(15), _choice(26 * 26 - 1)
    _digits = traitlets.Dict().tag(sync=True)
    _net = traitlets.Dict().tag(sync=True)

    alternative = (
        "A handwritten digit, the maps of a convnet's three stages, and ten probabilities. Lines lead from the largest "
        "probability to the map that counts most for it, from one of its pixels to the window that it was computed "
        "from, and so on back to a window of the picture."
    )

    def __init__(self, digit=3, **traits):
        digits = pack_picture(np.pad(load_samples()[:, 0], ((0, 0), (4, 4), (4, 4), (0, 0))).reshape(-1, 28, 1))
        super().__init__(digit=digit, _digits=digits, _net=digit_nets.packed("convnet"), **traits)
