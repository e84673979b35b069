"""Coats: the colours of an animal and the markings of its fur, which do not depend on the class."""

from dataclasses import dataclass

from PIL import Image

from convbook.drawings.colours import CREAM, DARK, mix, near

FURS = (
    (222, 142, 66),
    (196, 110, 52),
    (150, 104, 70),
    (104, 72, 54),
    (236, 210, 168),
    (244, 236, 224),
    (142, 142, 150),
    (92, 94, 104),
    (58, 54, 58),
    (208, 176, 132),
    (176, 150, 128),
    (120, 118, 112),
    (232, 176, 108),
    (70, 60, 56),
    (186, 186, 190),
)
STYLES = {"plain": 2, "tabby": 2, "spots": 1, "patches": 1, "mask": 1, "fading": 1}


@dataclass
class Coat:
    """The colours of one animal."""

    base: tuple  # of the fur
    marking: tuple  # of stripes and spots
    edge: tuple  # of outlines
    light: tuple  # of muzzle, belly and paws where they are paler
    inner: tuple  # of the inside of an ear
    ear: tuple  # of a hanging ear
    fill: tuple | Image.Image  # of head and body: the base colour, or a layer with the markings on it
    limb: tuple | Image.Image  # of ears and legs: the same where the markings reach them


def fur_colour(rng):
    """Choose a colour that cats and dogs have."""
    return near(rng, rng.choice(FURS))


def make_coat(pen, rng, base=None, style=None, marking=None, with_body=True):
    """Make a coat, with its markings where the pen's head and body will be.

    What is None is chosen: a fur near those of `FURS`, one of `STYLES`, markings darker or lighter than the base.
    """
    base = base or fur_colour(rng)
    marking = marking or _marking_colour(rng, base)
    style = style or rng.pick(STYLES)
    fill = base if style == "plain" else _layer(pen, rng, base, marking, style, with_body)
    return Coat(
        base=base,
        marking=marking,
        edge=mix(base, DARK, 0.72),
        light=mix(base, CREAM, rng.uniform(0.55, 0.9)),
        inner=mix((236, 160, 160), base, rng.uniform(0.1, 0.5)),
        ear=marking if rng.happens(0.5) else mix(base, marking, 0.35),
        fill=fill,
        limb=fill if style in ("spots", "patches", "fading") else base,
    )


def _marking_colour(rng, base):
    if rng.happens(0.7):
        return mix(base, (40, 28, 24), rng.uniform(0.3, 0.65))
    return mix(base, CREAM, rng.uniform(0.5, 0.9))


def _layer(pen, rng, base, marking, style, with_body):
    layer = pen.layer(base)
    if style == "tabby":
        _draw_stripes(layer, rng, marking, with_body)
    elif style == "spots":
        _draw_spots(layer, rng, marking, with_body)
    elif style == "patches":
        _draw_patches(layer, rng, marking, with_body)
    elif style == "mask":
        for side in (-1, 1):
            layer.ellipse(side * 0.55, -0.35, 0.62, 0.95, marking, rotation=side * -0.3)
    elif style == "fading":
        _draw_fading(layer, base, marking)
    _draw_hairs(layer, rng, mix(base, marking, 0.45), with_body)
    return layer.image


def _draw_stripes(layer, rng, marking, with_body):
    brows = rng.integer(3, 5)
    for number in range(brows):
        x = (number - (brows - 1) / 2) * rng.uniform(0.2, 0.3)
        layer.polygon([(x - 0.07, -1.2), (x + 0.07, -1.2), (x * 0.75 + 0.01, -0.42 + abs(x) * 0.2)], marking)
    for side in (-1, 1):
        for y in (-0.05, 0.19, 0.43):
            layer.polygon([(side * 1.3, y - 0.08), (side * 1.3, y + 0.09), (side * 0.68, y + 0.04)], marking)
    if with_body:
        for number in range(6):
            y = 1.15 + number * 0.32
            for side in (-1, 1):
                layer.polygon([(side * 1.6, y - 0.1), (side * 1.6, y + 0.1), (side * 0.35, y + 0.08)], marking)


def _draw_spots(layer, rng, marking, with_body):
    for _ in range(rng.integer(14, 26)):
        radius = rng.uniform(0.08, 0.2)
        x, y, roundness = rng.uniform(-1.5, 1.5), rng.uniform(-1.4, 3.2), rng.uniform(0.7, 1.2)
        if with_body or y < 1.2:
            layer.ellipse(x, y, radius, radius * roundness, marking)


def _draw_patches(layer, rng, marking, with_body):
    for _ in range(rng.integer(2, 4)):
        radius = rng.uniform(0.35, 0.7)
        x, y = rng.uniform(-1.1, 1.1), rng.uniform(-1.3, 2.6 if with_body else 1.3)
        layer.ellipse(x, y, radius, radius * rng.uniform(0.7, 1.3), marking, rotation=rng.uniform(0, 3))


def _draw_fading(layer, base, marking):
    for step in range(8):
        y = 1.4 - step * 0.4
        layer.polygon([(-4, y), (4, y), (4, -6), (-4, -6)], mix(base, marking, (step + 1) / 10))


def _draw_hairs(layer, rng, colour, with_body):
    for _ in range(rng.integer(0, 16)):
        x, y = rng.uniform(-1.3, 1.3), rng.uniform(-1.3, 2.6)
        if with_body or y < 1.2:
            layer.stroke([(x, y), (x * 1.05, y + 0.14)], colour, 0.03)
