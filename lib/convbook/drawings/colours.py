"""Colours: triples of whole numbers from 0 to 255, and how to mix them."""

import colorsys

WHITE = (255, 255, 255)
CREAM = (255, 250, 242)
DARK = (34, 26, 30)
BRIGHTEST = 3 * 255


def clip(red, green, blue):
    """Return a colour from three numbers of any size."""
    return (
        0 if red < 0 else 255 if red > 255 else int(red),
        0 if green < 0 else 255 if green > 255 else int(green),
        0 if blue < 0 else 255 if blue > 255 else int(blue),
    )


def mix(first, second, share):
    """Blend two colours; `share` is how much of the second, from 0 to 1.

    Example:
        >>> mix((0, 0, 0), (200, 100, 40), 0.5)
        (100, 50, 20)
    """
    return (
        int(first[0] + (second[0] - first[0]) * share),
        int(first[1] + (second[1] - first[1]) * share),
        int(first[2] + (second[2] - first[2]) * share),
    )


def shade(colour, factor):
    """Make a colour darker (factor below 1) or brighter (above 1)."""
    return clip(colour[0] * factor, colour[1] * factor, colour[2] * factor)


def hsv(hue, saturation, value):
    """Return a colour from hue (a turn around the colour wheel is 1), saturation and value (0 to 1).

    Example:
        >>> hsv(1 / 3, 1.0, 1.0)
        (0, 255, 0)
    """
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return int(255 * red), int(255 * green), int(255 * blue)


def brightness(colour):
    """Return how bright a colour is, from 0 (black) to 1 (white)."""
    return sum(colour) / BRIGHTEST


def bright(rng):
    """Choose a colour for a thing: any hue, strong."""
    return hsv(rng.uniform(0, 1), rng.uniform(0.35, 0.85), rng.uniform(0.55, 0.98))


def pastel(rng):
    """Choose a colour for a background: any hue, pale."""
    return hsv(rng.uniform(0, 1), rng.uniform(0.08, 0.55), rng.uniform(0.45, 0.98))


def near(rng, colour):
    """Choose a colour close to the given one."""
    factor = rng.uniform(0.85, 1.12)
    return clip(*(part * factor + rng.uniform(-10, 10) for part in colour))
