"""Muzzles: one function per shape, with mouth, nose and whiskers."""

import numpy as np

from convbook.drawings.colours import WHITE, brightness, mix, shade
from convbook.drawings.curves import bezier, closed

DARK_LINE = (44, 30, 32)
PALE_LINE = (226, 214, 206)
MOUTH = (120, 48, 52)
TONGUE = (232, 116, 128)
TONGUE_EDGE = (160, 66, 80)
TOOTH = (252, 250, 240)
BEAK = (240, 168, 48)


def draw_muzzle(pen, looks, coat):
    """Draw the muzzle in the shape that `looks.muzzle` names; the pen is placed on the face."""
    with pen.part("muzzle"):
        SHAPES[looks.muzzle](pen, looks, coat)


def draw_whiskers(pen, looks, coat):
    """Draw the whiskers to both sides of the muzzle."""
    pale = brightness(coat.base) < 0.63 or looks.pale_whiskers
    colour = (250, 248, 244) if pale else (70, 60, 60)
    length, droop = looks.whisker_length, looks.whisker_droop
    with pen.part("whiskers"):
        for number in range(looks.whiskers):
            slope = (number - (looks.whiskers - 1) / 2) * 0.22
            y = looks.muzzle_y + 0.18 + slope * 0.3
            for side in (-1, 1):
                middle = (side * (0.3 + length * 0.5), y + slope * (0.15 + length * 0.25) + droop * 0.25 - 0.02)
                tip = (side * (0.3 + length), y + slope * length + droop)
                pen.stroke([(side * 0.3, y), middle, tip], colour, 0.028)


def draw_cat_muzzle(pen, looks, coat):
    """Two small puffs below a small nose."""
    size, y = looks.muzzle_size, looks.muzzle_y
    if looks.light_muzzle:
        for side in (-1, 1):
            pen.ellipse(side * 0.17 * size, y + 0.20, 0.24 * size, 0.19 * size, coat.light)
    _draw_mouth(pen, looks, _line_colour(looks, coat), y + 0.04)
    draw_nose(pen, looks, y + 0.04)


def draw_dog_muzzle(pen, looks, coat):
    """One large oval that stands out, with the nose on its upper edge."""
    y = looks.muzzle_y
    colour = coat.light if looks.light_muzzle else mix(coat.base, coat.light, 0.22)
    half_width, half_height = 0.46 * looks.muzzle_size, looks.muzzle_height * looks.muzzle_size
    pen.ellipse(0, y + 0.18, half_width, half_height, colour, coat.edge, looks.line * 0.7)
    _draw_mouth(pen, looks, _line_colour(looks, coat), y - 0.02)
    draw_nose(pen, looks, y - 0.02)


def draw_bear_muzzle(pen, looks, coat):
    """One pale oval, flatter than a dog's."""
    size, y = looks.muzzle_size, looks.muzzle_y
    pen.ellipse(0, y + 0.2, 0.40 * size, 0.32 * size, coat.light, coat.edge, looks.line * 0.6)
    _draw_mouth(pen, looks, DARK_LINE, y + 0.06)
    draw_nose(pen, looks, y + 0.06)


def draw_snout(pen, looks, coat):
    """A disc with two nostrils, as a pig's."""
    size, y = looks.muzzle_size, looks.muzzle_y
    pen.ellipse(0, y + 0.16, 0.36 * size, 0.26 * size, mix(coat.inner, coat.base, 0.3), coat.edge, looks.line)
    for side in (-1, 1):
        pen.ellipse(side * 0.13 * size, y + 0.16, 0.06 * size, 0.1 * size, DARK_LINE)
    pen.stroke(bezier((-0.28, y + 0.5), (0, y + 0.66), (0.28, y + 0.5), 6), _line_colour(looks, coat), 0.05)


def draw_wide_muzzle(pen, looks, coat):
    """A broad muzzle with nostrils, as a cow's."""
    size, y = looks.muzzle_size, looks.muzzle_y
    pen.ellipse(0, y + 0.28, 0.66 * size, 0.36 * size, mix(coat.inner, (255, 240, 230), 0.3), coat.edge, looks.line)
    for side in (-1, 1):
        pen.ellipse(side * 0.3 * size, y + 0.2, 0.09 * size, 0.06 * size, DARK_LINE)
    pen.stroke(bezier((-0.3, y + 0.42), (0, y + 0.55), (0.3, y + 0.42), 6), DARK_LINE, 0.04)


def draw_beak(pen, looks, coat):
    """A beak that points down, as an owl's."""
    size, y = looks.muzzle_size, looks.muzzle_y
    beak = bezier((-0.24 * size, y - 0.06), (0, y - 0.22), (0.24 * size, y - 0.06), 6)
    pen.polygon([*beak, (0, y + 0.42 * size)], BEAK, shade(BEAK, 0.5), 0.04)


def draw_frog_mouth(pen, looks, coat):
    """A smile across the whole face, as a frog's."""
    y, line = looks.muzzle_y, shade(coat.base, 0.4)
    pen.stroke(bezier((-0.75, y + 0.05), (0, y + 0.6), (0.75, y + 0.05)), line, 0.06)
    for side in (-1, 1):
        pen.ellipse(side * 0.1, y - 0.15, 0.035, 0.03, line)


def draw_trunk(pen, looks, coat):
    """An elephant's trunk, with its rings and, in some, tusks."""
    y, tip = looks.muzzle_y, (looks.trunk_swing, looks.muzzle_y + 1.05)
    if looks.tusks:
        for side in (-1, 1):
            tusk = bezier((side * 0.34, y + 0.2), (side * 0.42, y + 0.6), (side * 0.62, y + 0.72), 7)
            pen.stroke(tusk, coat.edge, 0.17)
            pen.stroke(tusk, TOOTH, 0.1)
    trunk = bezier((0, y - 0.2), (0, y + 0.75), tip, 14)
    pen.stroke(trunk, coat.edge, 0.46)
    pen.stroke(trunk, mix(coat.base, WHITE, 0.08), 0.37)
    for x, ring_y in trunk[4:11:2]:
        pen.stroke(bezier((x - 0.17, ring_y), (x, ring_y + 0.08), (x + 0.17, ring_y), 5), coat.edge, 0.03)


def draw_nose(pen, looks, y):
    """Draw the nose of the animal's own shape at the height `y`."""
    with pen.part("nose"):
        NOSES[looks.nose](pen, looks.nose_size, looks.nose_colour, y)


def draw_triangular_nose(pen, size, colour, y):
    """A small triangle, as a cat's."""
    corners = [
        (-0.13 * size, y - 0.06 * size),
        (0, y - 0.08 * size),
        (0.13 * size, y - 0.06 * size),
        (0.03 * size, y + 0.1 * size),
        (-0.03 * size, y + 0.1 * size),
    ]
    pen.polygon(closed(corners, 3), colour, shade(colour, 0.55), 0.03)


def draw_oval_nose(pen, size, colour, y):
    """A broad oval that shines, as a dog's."""
    pen.ellipse(0, y, 0.2 * size, 0.14 * size, colour, shade(colour, 0.5), 0.03)
    pen.ellipse(-0.06 * size, y - 0.05 * size, 0.06 * size, 0.03 * size, mix(colour, WHITE, 0.6))


def draw_tall_nose(pen, size, colour, y):
    """A long oval, as a koala's."""
    pen.ellipse(0, y + 0.05, 0.19 * size, 0.31 * size, colour, shade(colour, 0.5), 0.03)
    pen.ellipse(-0.06 * size, y - 0.1, 0.05 * size, 0.08 * size, mix(colour, WHITE, 0.45))


def _line_colour(looks, coat):
    """A mouth's line stands out from what it is drawn on."""
    ground = coat.light if looks.light_muzzle else coat.base
    return PALE_LINE if brightness(ground) < 0.39 else DARK_LINE


def _draw_mouth(pen, looks, line, nose_y):
    if looks.open_mouth:
        _draw_open_mouth(pen, looks, nose_y + 0.26)
        return
    mouth_y = nose_y + 0.28
    if looks.tongue:
        x, size = looks.tongue_x, looks.muzzle_size
        pen.ellipse(x, mouth_y + 0.16, 0.12 * size, 0.2 * size, TONGUE, TONGUE_EDGE, 0.03)
        pen.stroke([(x, mouth_y + 0.06), (x, mouth_y + 0.22)], (190, 82, 96), 0.025)
    if looks.mouth == "w":
        half = 0.24 * looks.muzzle_size
        for side in (-1, 1):
            corner = (side * half * 1.15, nose_y + 0.2)
            pen.stroke(bezier((0, nose_y + 0.16), (side * half * 0.5, nose_y + 0.44), corner, 6), line, 0.045)
        pen.stroke([(0, nose_y + 0.05), (0, mouth_y - 0.1)], line, 0.04)
    else:
        half = 0.3 * looks.muzzle_size
        ends = ((-half, mouth_y - 0.02), (half, mouth_y - 0.02))
        pen.stroke(bezier(ends[0], (0, mouth_y + 0.2 + looks.smile), ends[1], 7), line, 0.045)
        pen.stroke([(0, nose_y + 0.05), (0, mouth_y + 0.06)], line, 0.04)
    if looks.teeth:
        _draw_teeth(pen, mouth_y)


def _draw_open_mouth(pen, looks, y):
    half = 0.26 * looks.muzzle_size
    upper = bezier((-half, y), (0, y + 0.08), (half, y), 5)
    lower = bezier((half, y), (0, y + 0.62 * looks.muzzle_size), (-half, y), 7)
    pen.polygon(np.concatenate([upper, lower]), MOUTH, DARK_LINE, 0.035)
    if looks.tongue:
        size = looks.muzzle_size
        pen.ellipse(looks.tongue_x, y + 0.24 * size, 0.13 * size, 0.2 * size, TONGUE, TONGUE_EDGE, 0.03)


def _draw_teeth(pen, y):
    pen.polygon([(-0.1, y - 0.03), (0.1, y - 0.03), (0.1, y + 0.18), (-0.1, y + 0.18)], TOOTH, DARK_LINE, 0.025)
    pen.stroke([(0, y - 0.03), (0, y + 0.18)], DARK_LINE, 0.02)


SHAPES = {
    "cat": draw_cat_muzzle,
    "dog": draw_dog_muzzle,
    "bear": draw_bear_muzzle,
    "snout": draw_snout,
    "wide": draw_wide_muzzle,
    "beak": draw_beak,
    "frog": draw_frog_mouth,
    "trunk": draw_trunk,
}
NOSES = {"triangle": draw_triangular_nose, "oval": draw_oval_nose, "tall": draw_tall_nose}
