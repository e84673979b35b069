"""Creatures: animals that are drawn from the side or from above, each in a function of its own.

A creature fills about one unit to each side of (0, 0).
"""

import numpy as np

from convbook.drawings.colours import WHITE, bright, hsv, mix, near, shade
from convbook.drawings.curves import arc, bezier, closed, spiral

BLACK = (24, 20, 24)


def draw_fish(pen, rng):
    """Draw a fish with a forked tail and scales."""
    colour = bright(rng)
    edge, fin = shade(colour, 0.45), mix(colour, WHITE, 0.3)
    pen.polygon([(0.6, 0), (1.2, -0.5), (1.05, 0), (1.2, 0.5)], fin, edge)
    pen.polygon([(-0.3, -0.45), (0.15, -0.85), (0.45, -0.4)], fin, edge)
    pen.ellipse(0, 0, 0.9, 0.55, colour, edge)
    for x in (-0.1, 0.15, 0.4):
        pen.stroke(bezier((x, -0.35), (x + 0.18, 0), (x, 0.35), 6), edge, 0.04)
    _draw_eye(pen, -0.5, -0.12, 0.14)
    pen.stroke(bezier((-0.86, 0.12), (-0.7, 0.2), (-0.6, 0.12), 5), edge, 0.04)


def draw_butterfly(pen, rng):
    """Draw a butterfly with four wings and feelers."""
    upper, lower = bright(rng), bright(rng)
    for side in (-1, 1):
        pen.ellipse(side * 0.5, -0.35, 0.52, 0.4, upper, shade(upper, 0.4), rotation=side * -0.6)
        pen.ellipse(side * 0.42, 0.35, 0.38, 0.32, lower, shade(lower, 0.4), rotation=side * 0.6)
        pen.ellipse(side * 0.55, -0.38, 0.16, 0.14, lower)
        pen.stroke(bezier((0, -0.5), (side * 0.1, -0.9), (side * 0.3, -1.0), 6), (50, 40, 40), 0.04)
    pen.ellipse(0, 0, 0.1, 0.6, (60, 48, 48))


def draw_turtle(pen, rng):
    """Draw a turtle with a patterned shell."""
    skin = near(rng, rng.choice(((120, 180, 90), (150, 190, 120), (176, 170, 100))))
    shell = rng.choice((hsv(rng.uniform(0.06, 0.12), 0.6, 0.6), hsv(rng.uniform(0.2, 0.4), 0.6, 0.5)))
    skin_edge, shell_edge = shade(skin, 0.45), shade(shell, 0.5)
    tail = [(0.8, 0.25), (1.12, 0.42), (0.8, 0.48)]
    head = [(-0.7, 0.1), (-1.1, -0.3), (-1.35, -0.1), (-1.2, 0.2), (-0.8, 0.4)]
    dome = arc(0.5, 1.0, 20) * (0.88, 1.0) + np.array((0, 0.4))
    for x in (-0.5, 0.45):
        pen.ellipse(x, 0.55, 0.2, 0.26, skin, skin_edge)
    pen.polygon(tail, skin, skin_edge)
    pen.polygon(closed(head), skin, skin_edge)
    _draw_eye(pen, -1.12, -0.08, 0.09)
    pen.polygon(dome, shell, shell_edge)
    for x, y in ((-0.45, 0.12), (0, -0.23), (0.45, 0.12)):
        pen.ellipse(x, y, 0.17, 0.16, mix(shell, WHITE, 0.35), shell_edge, 0.03)
    pen.stroke([(-0.9, 0.42), (0.9, 0.42)], shell_edge, 0.12)


def draw_snail(pen, rng):
    """Draw a snail with a spiral on its house."""
    body = near(rng, rng.choice(((216, 190, 150), (190, 160, 130), (206, 180, 110))))
    shell = bright(rng)
    edge, shell_edge = shade(body, 0.5), shade(shell, 0.45)
    foot = [(-1.0, 0.05), (-0.68, 0.1), (-0.5, 0.5), (0.5, 0.5), (1.2, 0.72), (0.4, 0.8), (-0.7, 0.8), (-1.05, 0.45)]
    for x in (-0.95, -0.72):
        pen.stroke([(x + 0.05, 0.2), (x - 0.08, -0.35)], edge, 0.06)
        pen.ellipse(x - 0.08, -0.38, 0.07, 0.07, BLACK)
    pen.polygon(closed(foot), body, edge)
    with pen.moved(0.22, 0.05):
        pen.ellipse(0, 0, 0.66, 0.64, shell, shell_edge, 0.06)
        pen.stroke(spiral(turns=2.3, outer=0.6, inner=0.05), shell_edge, 0.07)


def draw_duck(pen, rng):
    """Draw a duck that swims."""
    colour = rng.choice((hsv(rng.uniform(0.12, 0.16), 0.75, 0.97), (244, 240, 230), bright(rng)))
    edge, orange = shade(colour, 0.5), (240, 140, 40)
    back = [(-0.75, 0.15), (-0.2, 0.0), (0.5, 0.05), (1.15, -0.35)]
    keel = [(1.05, 0.45), (0.5, 0.85), (-0.4, 0.85), (-0.85, 0.55)]
    wing = [(-0.1, 0.3), (0.55, 0.2), (0.75, 0.4), (0.3, 0.65), (-0.05, 0.55)]
    bill = [(-0.75, -0.4), (-1.25, -0.28), (-1.2, -0.12), (-0.75, -0.15)]
    pen.polygon(closed(back + keel), colour, edge)
    pen.polygon(closed(wing), mix(colour, edge, 0.2), edge)
    pen.polygon(closed(bill), orange, shade(orange, 0.55))
    pen.ellipse(-0.45, -0.35, 0.45, 0.43, colour, edge)
    _draw_eye(pen, -0.58, -0.45, 0.1)


def draw_whale(pen, rng):
    """Draw a whale that blows."""
    colour = hsv(rng.uniform(0.52, 0.66), rng.uniform(0.3, 0.7), rng.uniform(0.5, 0.85))
    edge = shade(colour, 0.45)
    fluke = [(0.95, -0.05), (0.75, -0.65), (1.1, -0.5), (1.35, -0.75), (1.35, -0.2), (1.1, 0.2)]
    back = [(-1.05, 0.1), (-0.8, -0.4), (-0.2, -0.5), (0.5, -0.2), (1.1, -0.1)]
    underside = [(1.0, 0.4), (0.4, 0.7), (-0.5, 0.7), (-1.0, 0.5)]
    belly = [(-1.0, 0.35), (-0.3, 0.42), (0.4, 0.4), (0.3, 0.64), (-0.4, 0.66), (-0.9, 0.52)]
    for side in (-1, 1):
        spray = bezier((-0.3, -0.5), (-0.3 + side * 0.05, -1.0), (-0.3 + side * 0.4, -0.85))
        pen.stroke(spray, (96, 130, 170), 0.13)
        pen.stroke(spray, (200, 228, 246), 0.07)
    pen.polygon(closed(fluke), colour, edge)
    pen.polygon(closed(back + underside), colour, edge)
    pen.polygon(closed(belly), mix(colour, WHITE, 0.7))
    pen.stroke(bezier((-1.02, 0.28), (-0.8, 0.34), (-0.62, 0.2), 6), edge, 0.045)
    _draw_eye(pen, -0.6, 0.02, 0.1)


def _draw_eye(pen, x, y, radius):
    pen.ellipse(x, y, radius, radius, WHITE, BLACK, 0.03)
    pen.ellipse(x - radius * 0.15, y, radius * 0.55, radius * 0.55, BLACK)


CREATURES = {
    "fish": draw_fish,
    "butterfly": draw_butterfly,
    "turtle": draw_turtle,
    "snail": draw_snail,
    "duck": draw_duck,
    "whale": draw_whale,
}
