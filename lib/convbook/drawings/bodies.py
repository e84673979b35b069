"""Animals: a head with its face and, in some pictures, wings and a sitting body."""

import numpy as np

from convbook.drawings.colours import shade
from convbook.drawings.curves import bezier, closed
from convbook.drawings.heads import draw_head


def draw_animal(pen, looks, coat, with_body):
    """Draw an animal from back to front; the pen is placed where the head's centre will be."""
    if looks.wings == "bat":
        draw_bat_wings(pen, coat)
    if with_body:
        draw_body(pen, looks, coat)
        with pen.moved(0, 0, rotation=looks.body_turn):
            draw_head(pen, looks, coat)
    else:
        draw_head(pen, looks, coat)


def draw_body(pen, looks, coat):
    """Draw a sitting body with tail, legs and collar; the pen is placed where the head's centre will be."""
    width, height = looks.body_width, looks.body_height
    y = looks.height * 0.75 + height * 0.75
    with pen.part("body"):
        if looks.tail != "none":
            TAILS[looks.tail](pen, looks, coat, y + height * 0.6)
        pen.polygon(closed(body_outline(width, height, y)), coat.fill, coat.edge, looks.line)
        if looks.belly:
            pen.ellipse(0, y + height * 0.05, width * 0.48, height * 0.62, coat.light)
        if looks.wings == "bird":
            _draw_bird_wings_and_feet(pen, looks, coat, y)
        else:
            _draw_legs(pen, looks, coat, y)
        if looks.collar:
            _draw_collar(pen, looks, y - height * 0.70)


def body_outline(width, height, y):
    """Return the eight corner points of a body around (0, y), clockwise from the neck."""
    right = [(width * 0.62, y - height * 0.75), (width * 0.95, y + height * 0.25), (width * 0.9, y + height * 0.85)]
    left = [(-x, corner_y) for x, corner_y in reversed(right)]
    return [(0, y - height), *right, (0, y + height), *left]


def _draw_legs(pen, looks, coat, y):
    width, height = looks.body_width, looks.body_height
    paw = coat.light if looks.socks else coat.limb
    for side in (-1, 1):
        pen.ellipse(side * width * 0.34, y + height * 0.55, 0.2, height * 0.45, coat.limb, coat.edge, looks.line * 0.8)
        pen.ellipse(side * width * 0.36, y + height * 0.96, 0.27, 0.15, paw, coat.edge, looks.line * 0.8)


def _draw_bird_wings_and_feet(pen, looks, coat, y):
    width, height = looks.body_width, looks.body_height
    for side in (-1, 1):
        pen.ellipse(side * width * 0.3, y + height, 0.3, 0.14, (240, 160, 50), (150, 90, 30), 0.04)
        x, tilt = side * width * 0.86, side * -0.25
        pen.ellipse(x, y + height * 0.1, 0.26, height * 0.7, coat.limb, coat.edge, looks.line, rotation=tilt)


def draw_bat_wings(pen, coat):
    """Draw two outspread wings behind the head."""
    for side in (-1, 1):
        tips = [(0.5, 0.7), (0.9, -0.1), (1.95, -0.5), (2.0, 0.75), (1.6, 0.45), (1.35, 1.0), (1.0, 0.6), (0.8, 1.1)]
        with pen.part("body"):
            pen.polygon([(side * x, y) for x, y in tips], coat.marking, coat.edge, 0.05)


def _draw_collar(pen, looks, y):
    half = looks.body_width * 0.66
    band = bezier((-half, y), (0, y + 0.3), (half, y), 7)
    pen.stroke(band, shade(looks.collar, 0.5), 0.2)
    pen.stroke(band, looks.collar, 0.15)
    pen.ellipse(0, y + 0.26, 0.13, 0.13, (240, 204, 84), (140, 104, 30), 0.03)


def _draw_slender_tail(pen, looks, coat, y, tip_x):
    side, width = looks.tail_side, looks.body_width
    rising = bezier((side * width * 0.7, y), (side * (width + 0.9), y + 0.1), (side * (width + 0.75), y - 1.0), 8)
    ending = bezier((side * (width + 0.75), y - 1.0), (side * (width + 0.65), y - 1.45), (side * tip_x, y - 1.5), 6)
    tail = np.concatenate([rising, ending])
    pen.stroke(tail, coat.edge, 0.3)
    pen.stroke(tail, coat.marking if looks.dark_tail else coat.base, 0.22)


def draw_thin_tail(pen, looks, coat, y):
    """A slender tail that points away."""
    _draw_slender_tail(pen, looks, coat, y, looks.body_width + 1.0)


def draw_curled_tail(pen, looks, coat, y):
    """A slender tail that curls back."""
    _draw_slender_tail(pen, looks, coat, y, looks.body_width + 0.3)


def draw_thick_tail(pen, looks, coat, y):
    """A stout tail that wags."""
    side, width = looks.tail_side, looks.body_width
    tip = (side * (width + 0.55), y - 0.95)
    tail = bezier((side * width * 0.8, y - 0.1), (side * (width + 0.5), y - 0.2), tip, 7)
    pen.stroke(tail, coat.edge, 0.40)
    pen.stroke(tail, coat.base, 0.31)


def draw_fluffy_tail(pen, looks, coat, y):
    """A bush with a pale tip, as a fox's."""
    side, width = looks.tail_side, looks.body_width
    pen.ellipse(side * (width + 0.35), y - 0.55, 0.38, 0.85, coat.limb, coat.edge, looks.line, rotation=side * 0.35)
    pen.ellipse(side * (width + 0.5), y - 1.1, 0.24, 0.34, coat.light, rotation=side * 0.35)


def draw_puff_tail(pen, looks, coat, y):
    """A pompon, as a rabbit's."""
    side = looks.tail_side
    pen.ellipse(side * looks.body_width * 0.95, y - 0.1, 0.26, 0.26, coat.light, coat.edge, looks.line)


TAILS = {
    "thin": draw_thin_tail,
    "curl": draw_curled_tail,
    "thick": draw_thick_tail,
    "fluffy": draw_fluffy_tail,
    "puff": draw_puff_tail,
}
