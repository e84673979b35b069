"""The translation figure: move a digit over a canvas, and see which of two trained nets still knows it."""

import functools
import textwrap

import numpy as np
import traitlets

from convbook import digit_nets, photos
from convbook.figures import still
from convbook.figures.base import FigureError, LiveFigure, pack_picture

NETS = {"dense": "Dense net", "convnet": "convnet"}
SAMPLES = 3  # test pictures of each digit that the figure holds: the first ones, not chosen ones
CANVAS_PX = 54
INK_PX = 20
LARGEST_MOVE_PX = (CANVAS_PX - INK_PX) // 2  # there the ink touches the canvas's edge; the digit is never cut
PLACES = (2 * LARGEST_MOVE_PX + 1) ** 2
TRAINED_PX = 2  # both nets saw digits in the centre, up to so many pixels beside it
HINT = (
    "Both nets were trained on the same digits, all of them within 2 pixels of the centre (dashed). Elsewhere neither "
    "has seen one. The digits here are test digits: none of them was trained on."
)


class Translation(LiveFigure):
    """Move a digit over a dark canvas, and see what a small Dense net and a small convnet make of it.

    Both nets are those of `convbook.digit_nets`. The digits are test pictures: neither net was trained on them. A digit
    can go so far that its ink touches the edge of the canvas, and no further.

    Args:
        digit: 0 to 9.
        sample: which of the first three test pictures of this digit, 0 to 2.
        down: pixels below the centre of the canvas, −17 to 17; negative is above.
        right: the same, to the right; negative is left.

    Raises:
        FigureError: a ValueError and a TraitError, if the digit, the sample or the place is not there; the message says
            what is.

    Example:
        >>> figure = Translation(digit=4, right=9)
        >>> figure.image.shape, figure.answers["convnet"]
        ((54, 54, 1), 4)
    """

    digit = traitlets.Int(3).tag(sync=True)
    sample = traitlets.Int(0).tag(sync=True)
    down = traitlets.Int(0).tag(sync=True)
    right = traitlets.Int(0).tag(sync=True)
    _digits = traitlets.Dict().tag(sync=True)
    _nets = traitlets.Dict().tag(sync=True)

    def __init__(self, digit=3, sample=0, *, down=0, right=0):
        super().__init__(
            digit=digit,
            sample=sample,
            down=down,
            right=right,
            _digits=pack_picture(load_samples().reshape(-1, INK_PX, 1)),
            _nets={name: digit_nets.packed(name) for name in NETS},
        )

    @property
    def image(self):
        """The canvas with the digit: uint8 (54, 54, 1)."""
        return place_sample(self.digit, self.sample, [(self.down, self.right)])[0]

    @property
    def probabilities(self):
        """What each net gives for the ten digits: {"dense": float32 (10,), "convnet": float32 (10,)}."""
        return {name: predict(name, self.image[np.newaxis])[0] for name in NETS}

    @property
    def answers(self):
        """The digit that each net finds most probable: {"dense": int, "convnet": int}."""
        return {name: int(values.argmax()) for name, values in self.probabilities.items()}

    @property
    def answers_everywhere(self):
        """The same for every place of this digit: {"dense": int64 (35, 35), "convnet": int64 (35, 35)}.

        The first row is for down=−17, the first column for right=−17.
        """
        return {name: answer_everywhere(name, self.digit, self.sample) for name in NETS}

    def describe(self):
        return describe(self)

    def draw_still(self):
        return draw_still(self)

    @traitlets.validate("digit")
    def _validate_digit(self, proposal):
        if not 0 <= proposal.value <= 9:
            raise FigureError(f"digit is {proposal.value}; give 0 to 9.")
        return proposal.value

    @traitlets.validate("sample")
    def _validate_sample(self, proposal):
        if not 0 <= proposal.value < SAMPLES:
            raise FigureError(
                f"sample is {proposal.value}; the figure holds {SAMPLES} test pictures of each digit: give 0 to "
                f"{SAMPLES - 1}. For others use convbook.digit_nets.load and convbook.photos.load_digits."
            )
        return proposal.value

    @traitlets.validate("down", "right")
    def _validate_move(self, proposal):
        if abs(proposal.value) > LARGEST_MOVE_PX:
            raise FigureError(
                f"{proposal.trait.name} is {proposal.value}; the digit moves by −{LARGEST_MOVE_PX} to "
                f"{LARGEST_MOVE_PX} pixels: beyond that the canvas would cut it off."
            )
        return proposal.value


# ---- what is computed ----


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


def place_sample(digit, sample, moves):
    """Put a digit onto the canvas, once for each move.

    Args:
        digit: 0 to 9.
        sample: 0 to 2.
        moves: pairs of pixels down and right of the centre.

    Returns:
        uint8 (moves, 54, 54, 1).

    Example:
        >>> bool(place_sample(3, 0, [(17, -17)])[0, 34:, :20].sum() == load_samples()[3, 0].sum())
        True
    """
    image = load_samples()[digit, sample][np.newaxis]
    return np.concatenate([photos.place_on_canvas(image, CANVAS_PX, *move) for move in moves])


def predict(name, images):
    """Return a packaged net's probabilities.

    Args:
        name: "dense" or "convnet".
        images: (n, 54, 54, 1), values from 0 to 255.

    Returns:
        float32 (n, 10).

    Example:
        >>> int(predict("dense", place_sample(4, 0, [(0, 0)])).argmax())
        4
    """
    model = _load_net(name)
    parts = [model(images[n : n + 256].astype(np.float32)) for n in range(0, len(images), 256)]
    return np.concatenate([np.asarray(part) for part in parts])


@functools.cache
def answer_everywhere(name, digit, sample):
    """Return a net's answer at every place to which a digit can be moved.

    Args:
        name: "dense" or "convnet".
        digit: 0 to 9.
        sample: 0 to 2.

    Returns:
        int64 (35, 35), not to be written to; the first row is for down=−17, the first column for right=−17.

    Example:
        >>> int(answer_everywhere("dense", 4, 0)[17, 17])  # in the centre
        4
    """
    steps = range(-LARGEST_MOVE_PX, LARGEST_MOVE_PX + 1)
    rows = [predict(name, place_sample(digit, sample, [(down, right) for right in steps])) for down in steps]
    answers = np.stack(rows).argmax(axis=-1)
    answers.flags.writeable = False
    return answers


@functools.cache
def _load_net(name):
    return digit_nets.load(name)


# ---- what is said; translation.js has the same sentences ----


def write_percent(share):
    """Write a share as whole per cent.

    Example:
        >>> write_percent(0.125), write_percent(0.004)
        ('13 %', '0 %')
    """
    return f"{int(np.floor(100 * float(share) + 0.5))} %"


def write_place(down, right):
    """Write a place in words.

    Example:
        >>> write_place(0, 0), write_place(-3, 5)
        ('in the centre', '3 px up, 5 px right of the centre')
    """
    parts = [f"{abs(down)} px {'down' if down > 0 else 'up'}"] if down else []
    parts += [f"{abs(right)} px {'right' if right > 0 else 'left'}"] if right else []
    return f"{', '.join(parts)} of the centre" if parts else "in the centre"


def write_answer(name, values, digit):
    """Say what a net answers, and whether it is right.

    Example:
        >>> write_answer("dense", np.eye(10)[8], digit=3)
        'The Dense net says 8 (100 %): wrong.'
    """
    answer = int(np.argmax(values))
    outcome = "right" if answer == digit else "wrong"
    return f"The {NETS[name]} says {answer} ({write_percent(values[answer])}): {outcome}."


def describe(figure):
    """Say what a Translation shows."""
    where = write_place(figure.down, figure.right)
    answers = [write_answer(name, values, figure.digit) for name, values in figure.probabilities.items()]
    counts = {name: int((answers == figure.digit).sum()) for name, answers in figure.answers_everywhere.items()}
    return (
        f"Digit {figure.digit}, test picture {figure.sample + 1}, {where}. {' '.join(answers)} Over all {PLACES:,} "
        f"places, the Dense net is right at {counts['dense']:,}, the convnet at {counts['convnet']:,}."
    )


# ---- the still picture ----

STILL_WIDTH_PX, PIXEL_PX, BAR_PX, ROW_PX, MAP_PIXEL_PX, MAP_Y_PX = 620, 4, 96, 17, 4, 240
COLUMNS_PX = {"dense": 252, "convnet": 446}
RIGHT_SHADE, WRONG_SHADE = -1.0, 0.45  # on the scale of colours from blue to orange


def draw_still(figure):
    """Draw the canvas, what the two nets answer, and the places where each of them is right.

    Args:
        figure: a Translation.

    Returns:
        An SVG element as text.
    """
    y = 24
    parts = _draw_canvas(figure, y)
    probabilities, everywhere = figure.probabilities, figure.answers_everywhere
    for name, x in COLUMNS_PX.items():
        parts += _draw_answer(name, probabilities[name], figure.digit, x, y)
        parts += _draw_places(figure, everywhere[name] == figure.digit, x, y + MAP_Y_PX)
    lines = textwrap.wrap(HINT, 38)
    parts += [still.draw_text(line, 0, y + MAP_Y_PX + 10 + n * 18) for n, line in enumerate(lines)]
    return still.wrap_svg(parts, STILL_WIDTH_PX, y + MAP_Y_PX + 35 * MAP_PIXEL_PX + 30, describe(figure))


def _draw_canvas(figure, y):
    pixels = np.broadcast_to(figure.image, (CANVAS_PX, CANVAS_PX, 3))
    corner = LARGEST_MOVE_PX - TRAINED_PX
    side = INK_PX + 2 * TRAINED_PX
    place = (LARGEST_MOVE_PX + figure.right) * PIXEL_PX, y + (LARGEST_MOVE_PX + figure.down) * PIXEL_PX
    return [
        still.draw_heading(f"Digit {figure.digit}", write_place(figure.down, figure.right), 0, y - 9),
        still.draw_pixels(pixels, 0, y, PIXEL_PX),
        _draw_dashes(corner * PIXEL_PX, y + corner * PIXEL_PX, side * PIXEL_PX, "#fff"),
        still.draw_frame(*place, INK_PX * PIXEL_PX, INK_PX * PIXEL_PX),
    ]


def _draw_answer(name, values, digit, x, y):
    """Ten bars, and below them the answer."""
    answer = int(values.argmax())
    title = NETS[name][0].upper() + NETS[name][1:]
    parts = [still.draw_heading(title, _count_numbers(name), x, y - 9), '<g font-size="12">']
    for number, share in enumerate(values):
        top = y + number * ROW_PX
        weight = {"font_weight": "bold"} if number == digit else {}
        color = shade_of(number == digit) if number == answer else "#8a929c"
        parts.append(still.draw_text(str(number), x, top + 12, **weight))
        parts.append(
            f'<rect x="{x + 14:g}" y="{top + 3:g}" width="{max(0.5, share * BAR_PX):.1f}" height="10" fill="{color}"/>'
        )
        parts.append(still.draw_text(write_percent(share), x + 150, top + 12, text_anchor="end"))
    outcome = "✓ right" if answer == digit else "✗ wrong"
    words = f"says {answer}: {outcome}"
    return [*parts, "</g>", still.draw_text(words, x, y + 10 * ROW_PX + 24, font_size=17, font_weight="bold")]


def _draw_places(figure, is_right, x, y):
    """A map of all places, with the one where the digit stands; and the number of those where the net is right."""
    shades = np.where(is_right, RIGHT_SHADE, WRONG_SHADE)
    place = x + (LARGEST_MOVE_PX + figure.right) * MAP_PIXEL_PX, y + (LARGEST_MOVE_PX + figure.down) * MAP_PIXEL_PX
    corner, side = LARGEST_MOVE_PX - TRAINED_PX, 2 * TRAINED_PX + 1
    return [
        still.draw_text("Right at the dark places:", x, y - 10, font_size=12),
        still.draw_pixels(still.diverging_colors(shades, 1), x, y, MAP_PIXEL_PX),
        _draw_dashes(x + corner * MAP_PIXEL_PX, y + corner * MAP_PIXEL_PX, side * MAP_PIXEL_PX, "#000"),
        still.draw_frame(*place, MAP_PIXEL_PX, MAP_PIXEL_PX),
        still.draw_text(write_count(is_right), x, y + is_right.shape[0] * MAP_PIXEL_PX + 18, font_size=12),
    ]


def write_count(is_right):
    """Write at how many places a net is right.

    Example:
        >>> write_count(np.array([[True, False]]))
        '1 of 2 places'
    """
    return f"{int(is_right.sum()):,} of {is_right.size:,} places"


def shade_of(is_right):
    """Return the colour of a right or a wrong answer.

    Example:
        >>> shade_of(True), shade_of(False)
        ('#0b6e99', '#c4570a')
    """
    return "#0b6e99" if is_right else "#c4570a"


def _draw_dashes(x, y, side, color):
    box = f'x="{x:g}" y="{y:g}" width="{side:g}" height="{side:g}" fill="none"'
    return f'<rect {box} stroke="{color}" stroke-width="1.5" stroke-dasharray="4 3"/>'


def _count_numbers(name):
    shapes = [layer["kernel"]["shape"] for layer in digit_nets.packed(name)["layers"] if "kernel" in layer]
    return f"{sum(int(np.prod(shape)) + shape[-1] for shape in shapes):,} parameters"
