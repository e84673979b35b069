"""Ears: one function per shape, each drawing the ear on one side of a head."""

import numpy as np

from convbook.drawings.colours import mix
from convbook.drawings.curves import bezier, closed

IN_FRONT = ("floppy", "drooping")


def draw_ears(pen, looks, coat):
    """Draw both ears in the shape that `looks.ears` names; the pen is placed on the head."""
    if looks.ears == "none":
        return
    draw_ear = SHAPES[looks.ears]
    with pen.part("ears"):
        for side, tilt in zip((-1, 1), looks.ear_tilts, strict=True):
            draw_ear(pen, looks, coat, side, tilt)


def draw_pointed(pen, looks, coat, side, tilt):
    """A triangle that stands up, as a cat's."""
    width, height = looks.width, looks.height
    tip = (side * (width * 0.78 + tilt * 0.5), -height - 0.62 * looks.ear_size)
    inside = (side * width * looks.ear_inset, -height * 0.80)
    outside = (side * width * 0.97, -height * 0.25)
    bends = (inside[0] + side * 0.02, -height - 0.3 * looks.ear_size), (outside[0] + side * 0.1, -height * 0.8)
    outline = np.concatenate([bezier(inside, bends[0], tip, 6), bezier(tip, bends[1], outside, 6)])
    pen.polygon(outline, coat.limb, coat.edge, looks.line)
    corners = (inside, bends[0], tip, tip, bends[1], outside)
    centre = (sum(x for x, _ in corners) / 6, sum(y for _, y in corners) / 6)
    pen.polygon(centre + (outline - centre) * 0.55 + (0, 0.03), coat.inner)


def draw_folded(pen, looks, coat, side, tilt):
    """A short ear whose tip folds forward, as a terrier's."""
    width, height, size = looks.width, looks.height, looks.ear_size
    tip = (side * (width * 0.98 + tilt * 0.2), -height - 0.12 * size)
    ear = [
        (side * width * looks.ear_inset, -height * 0.82),
        (side * width * 0.58, -height - 0.30 * size),
        tip,
        (side * width * 0.97, -height * 0.3),
    ]
    flap = [(side * width * 0.50, -height - 0.24 * size), tip, (side * width * 0.95, -height * 0.62 + 0.12 * size)]
    pen.polygon(closed(ear), coat.limb, coat.edge, looks.line)
    pen.polygon(closed(flap), mix(coat.base, coat.marking, 0.5), coat.edge, looks.line * 0.8)


def draw_floppy(pen, looks, coat, side, tilt):
    """A long ear that hangs down, as a spaniel's."""
    width, height, length = looks.width, looks.height, looks.ear_length
    ear = [
        (side * width * 0.50, -height * 0.92),
        (side * width * 0.92, -height * 0.82),
        (side * (width * 1.18 + tilt * 0.3), -height * 0.1),
        (side * (width * 1.16 + tilt * 0.35), height * 0.05 + length),
        (side * (width * 0.90 + tilt * 0.25), height * 0.02 + length),
        (side * width * 0.80, -height * 0.25),
    ]
    pen.polygon(closed(ear), coat.ear, coat.edge, looks.line)


def draw_round(pen, looks, coat, side, tilt):
    """A small disc, as a bear's."""
    x, y, radius = side * looks.width * looks.ear_spread, -looks.height * 0.80, 0.36 * looks.ear_size
    pen.ellipse(x, y, radius, radius, looks.ear_colour or coat.limb, coat.edge, looks.line)
    pen.ellipse(x, y, radius * 0.6, radius * 0.6, looks.ear_inside or coat.inner)


def draw_long(pen, looks, coat, side, tilt):
    """A tall ear that stands up, as a rabbit's."""
    length, size = looks.ear_length + 0.9, looks.ear_size
    with pen.moved(side * looks.width * 0.42, -looks.height * 0.85, rotation=side * (tilt + 0.12)):
        pen.ellipse(0, -length * 0.5, 0.22 * size, length * 0.62, coat.limb, coat.edge, looks.line)
        pen.ellipse(0, -length * 0.5, 0.11 * size, length * 0.46, coat.inner)


def draw_sideways(pen, looks, coat, side, tilt):
    """A leaf that stands out to the side, as a cow's."""
    size = looks.ear_size
    with pen.moved(side * looks.width, -looks.height * 0.35, rotation=side * tilt):
        pen.ellipse(side * 0.3 * size, 0, 0.42 * size, 0.2 * size, coat.limb, coat.edge, looks.line)
        pen.ellipse(side * 0.3 * size, 0.02, 0.26 * size, 0.1 * size, coat.inner)


def draw_large(pen, looks, coat, side, tilt):
    """A large disc, as a mouse's or an elephant's."""
    x, y, radius = side * looks.width * 1.02, -looks.height * 0.55, 0.62 * looks.ear_size
    pen.ellipse(x, y, radius, radius * 1.05, looks.ear_colour or coat.limb, coat.edge, looks.line)
    pen.ellipse(x, y, radius * 0.68, radius * 0.72, looks.ear_inside or coat.inner)


def draw_tufted(pen, looks, coat, side, tilt):
    """A tuft of feathers, as an owl's."""
    width, height = looks.width, looks.height
    tip = (side * width * (0.95 + 0.3 * tilt), -height - 0.42 * looks.ear_size)
    tuft = [(side * width * 0.25, -height * 0.9), tip, (side * width * 0.93, -height * 0.35)]
    pen.polygon(tuft, coat.limb, coat.edge, looks.line)


def draw_drooping(pen, looks, coat, side, tilt):
    """A leaf that hangs to the side, as a sheep's."""
    size = looks.ear_size
    with pen.moved(side * looks.width * 0.92, -looks.height * 0.25, rotation=side * (0.45 + tilt)):
        pen.ellipse(side * 0.34 * size, 0, 0.4 * size, 0.17 * size, coat.ear, coat.edge, looks.line)


SHAPES = {
    "pointed": draw_pointed,
    "folded": draw_folded,
    "floppy": draw_floppy,
    "round": draw_round,
    "long": draw_long,
    "sideways": draw_sideways,
    "large": draw_large,
    "tufted": draw_tufted,
    "drooping": draw_drooping,
}
