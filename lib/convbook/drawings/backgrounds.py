"""Backgrounds: random, and independent of the class of what stands in front."""

import numpy as np
from PIL import Image, ImageDraw

from convbook.drawings.colours import hsv, mix, pastel, shade

SKY_STEPS = 24
WINDOW_GLASS = (206, 228, 244)


def draw_background(pen, rng):
    """Fill the pen's canvas with one of `BACKGROUNDS`."""
    rng.choice(BACKGROUNDS)(pen, rng, pastel(rng), pastel(rng))


def draw_room(pen, rng, wall, floor):
    """A wall, mostly with striped paper, a floor of boards and a window."""
    size, skirting = pen.canvas_px, pen.canvas_px * rng.uniform(0.55, 0.8)
    pen.draw.rectangle((0, 0, size, size), fill=wall)
    if rng.happens(0.6):
        stripe, width = mix(wall, floor, 0.35), size * rng.uniform(0.06, 0.16)
        for left in np.arange(0, size, 2 * width).tolist():
            pen.draw.rectangle((left, 0, left + width, skirting), fill=stripe)
    pen.draw.rectangle((0, skirting, size, size), fill=shade(floor, rng.uniform(0.5, 0.9)))
    for board in range(4):
        y = skirting + (size - skirting) * board / 4
        pen.draw.line((0, y, size, y), fill=shade(floor, 0.5), width=_line_px(pen, 0.016))
    _draw_window(pen, rng, shade(wall, 0.5))


def _draw_window(pen, rng, frame):
    size = pen.canvas_px
    left, top, width = size * rng.uniform(0.05, 0.6), size * rng.uniform(0.02, 0.2), size * rng.uniform(0.2, 0.4)
    box = (left, top, left + width, top + width)
    pen.draw.rectangle(box, fill=WINDOW_GLASS, outline=frame, width=_line_px(pen, 0.03))
    middle = left + width / 2
    pen.draw.line((middle, top, middle, top + width), fill=frame, width=_line_px(pen, 0.026))


def draw_garden(pen, rng, _first, _second):
    """Sky, two hills and blades of grass."""
    size = pen.canvas_px
    high = hsv(rng.uniform(0.5, 0.62), rng.uniform(0.1, 0.5), rng.uniform(0.7, 1))
    low = hsv(rng.uniform(0.5, 0.65), 0.1, 0.98)
    green = hsv(rng.uniform(0.2, 0.4), rng.uniform(0.35, 0.7), rng.uniform(0.45, 0.8))
    horizon = size * rng.uniform(0.5, 0.8)
    draw_gradient(pen, rng, high, low)
    far = shade(green, 0.85)
    pen.draw.ellipse((-size * 0.6, horizon - size * 0.08, size * 0.9, horizon + size), fill=far)
    pen.draw.ellipse((size * 0.1, horizon - size * 0.04, size * 1.7, horizon + size), fill=green)
    pen.draw.rectangle((0, horizon + size * 0.12, size, size), fill=green)
    blades, width = [shade(green, factor) for factor in (0.65, 0.85, 1.15)], _line_px(pen, 0.016)
    for _ in range(rng.integer(6, 18)):
        x, y, lean = rng.uniform(0, size), rng.uniform(horizon, size), size * rng.uniform(-0.03, 0.03)
        pen.draw.line((x, y, x + lean, y - size * 0.05), fill=rng.choice(blades), width=width)


def draw_dots(pen, rng, paper, ink):
    """Wallpaper with dots in staggered columns."""
    size, dot = pen.canvas_px, mix(paper, ink, 0.5)
    spacing = round(size * rng.uniform(0.1, 0.22))
    radius = spacing * 0.25
    tile = Image.new("RGB", (2 * spacing, 2 * spacing), paper)
    draw = ImageDraw.Draw(tile)
    for x, y in ((0, 0), (2, 0), (0, 2), (2, 2), (1, 0), (0.5, 1), (1.5, 1), (1, 2)):
        x, y = x * spacing, y * spacing
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=dot)
    for left in range(0, size, 2 * spacing):
        for top in range(0, size, 2 * spacing):
            pen.image.paste(tile, (left, top))


def draw_bokeh(pen, rng, high, low):
    """Discs of light, out of focus."""
    size = pen.canvas_px
    draw_gradient(pen, rng, high, low)
    lights = [mix(high, pastel(rng), 0.5) for _ in range(4)]
    for _ in range(rng.integer(8, 20)):
        x, y, radius = rng.uniform(0, size), rng.uniform(0, size), size * rng.uniform(0.03, 0.14)
        pen.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=rng.choice(lights))


def draw_blanket(pen, rng, cloth, thread):
    """A checked blanket: a tiny picture with one pixel to a square, enlarged."""
    width = pen.canvas_px * rng.uniform(0.08, 0.2)
    count = int(pen.canvas_px / width) + 1
    single, double = mix(cloth, thread, 0.5), mix(cloth, thread, 0.9)
    crossings = np.arange(count)[:, None] % 2 + np.arange(count) % 2
    squares = np.array([cloth, single, double], np.uint8)[crossings]
    enlarged = round(count * width)
    blanket = Image.fromarray(squares).resize((enlarged, enlarged), Image.Resampling.NEAREST)
    pen.image.paste(blanket, (0, 0))


def draw_gradient(pen, _rng, high, low):
    """One colour that fades into another from top to bottom."""
    size = pen.canvas_px
    for step in range(SKY_STEPS):
        top = size * step / SKY_STEPS
        pen.draw.rectangle((0, top, size, top + size / SKY_STEPS), fill=mix(high, low, step / SKY_STEPS))


def _line_px(pen, share):
    """Return a share of the canvas as the width of a line."""
    return max(1, round(pen.canvas_px * share))


BACKGROUNDS = (draw_room, draw_garden, draw_dots, draw_bokeh, draw_blanket, draw_gradient)
