"""Things: everything that is not an animal, each in a function of its own. Small ones also serve as clutter.

A thing fills about one unit to each side of (0, 0).
"""

import math

import numpy as np

from convbook.drawings.colours import WHITE, bright, hsv, mix, shade
from convbook.drawings.curves import arc, bezier, closed, star

WOOD = (120, 84, 58)
GLASS = (226, 240, 250)


def draw_tree(pen, rng):
    """Draw a fir or a leafy tree."""
    green = hsv(rng.uniform(0.18, 0.42), rng.uniform(0.4, 0.75), rng.uniform(0.4, 0.75))
    pen.polygon([(-0.16, 0), (0.16, 0), (0.2, 1.1), (-0.2, 1.1)], WOOD, shade(WOOD, 0.5))
    if rng.happens(0.5):
        for tier in range(3):
            half, y = 0.8 - tier * 0.15, 0.35 - tier * 0.5
            pen.polygon([(-half, y), (half, y), (0, -0.55 - tier * 0.4)], green, shade(green, 0.5))
    else:
        for x, y in ((-0.45, -0.1), (0.45, -0.1), (0, -0.55), (0, 0)):
            pen.ellipse(x, y, 0.55, 0.5, green, shade(green, 0.6), 0.04)


def draw_house(pen, rng):
    """Draw a house with a door and two windows."""
    wall, roof = bright(rng), bright(rng)
    pen.polygon(_box(-0.8, -0.1, 0.8, 1), wall, shade(wall, 0.45))
    pen.polygon([(-1, -0.1), (1, -0.1), (0, -0.95)], roof, shade(roof, 0.45))
    pen.polygon(_box(-0.2, 0.35, 0.2, 1), shade(wall, 0.55))
    for x in (-0.5, 0.5):
        pen.polygon(_box(x - 0.15, 0.15, x + 0.15, 0.45), GLASS, shade(wall, 0.4), 0.04)


def draw_car(pen, rng):
    """Draw a car from the side."""
    colour = bright(rng)
    edge = shade(colour, 0.4)
    cabin = [(-0.7, 0.02), (-0.4, -0.52), (0.35, -0.52), (0.72, 0.02)]
    body = [(-1.1, 0.05), (-0.7, -0.04), (0.7, -0.04), (1.1, 0.08), (1.15, 0.45), (-1.15, 0.45)]
    pen.polygon(closed(cabin), mix(colour, GLASS, 0.65), edge)
    pen.stroke([(-0.02, -0.55), (-0.02, 0)], edge, 0.06)
    pen.polygon(closed(body), colour, edge)
    for x in (-0.6, 0.6):
        pen.ellipse(x, 0.5, 0.26, 0.26, (50, 48, 52), (30, 28, 32), 0.03)
        pen.ellipse(x, 0.5, 0.11, 0.11, (200, 200, 205))
    pen.ellipse(-1.05, 0.18, 0.08, 0.08, (250, 236, 150))


def draw_boat(pen, rng):
    """Draw a sailing boat."""
    hull, sail = bright(rng), bright(rng)
    pen.stroke([(-0.03, 0.3), (-0.03, -1.02)], WOOD, 0.07)
    pen.polygon([(0.04, 0.18), (0.04, -1), (0.75, 0.1)], sail, shade(sail, 0.5), 0.04)
    pen.polygon([(-0.1, 0.18), (-0.1, -0.8), (-0.6, 0.1)], mix(sail, WHITE, 0.5), shade(sail, 0.5), 0.04)
    pen.polygon([(-1, 0.3), (1, 0.3), (0.65, 0.8), (-0.65, 0.8)], hull, shade(hull, 0.45))


def draw_flower(pen, rng):
    """Draw a flower with five to seven petals, a stem and a leaf."""
    colour, green, petals = bright(rng), hsv(0.33, 0.6, 0.55), rng.integer(5, 7)
    pen.stroke(bezier((0, 0), (0.1, 0.6), (0, 1.1), 6), green, 0.1)
    pen.ellipse(0.25, 0.75, 0.25, 0.1, green, rotation=-0.5)
    for number in range(petals):
        angle = math.tau * number / petals
        x, y = math.cos(angle) * 0.42, math.sin(angle) * 0.42 - 0.2
        pen.ellipse(x, y, 0.3, 0.2, colour, shade(colour, 0.6), 0.03, rotation=angle)
    pen.ellipse(0, -0.2, 0.24, 0.24, (246, 206, 80), (170, 120, 40), 0.03)


def draw_cup(pen, rng):
    """Draw a cup with something in it."""
    colour = bright(rng)
    edge = shade(colour, 0.5)
    pen.ellipse(0.7, 0.1, 0.32, 0.32, None, edge, 0.12)
    pen.polygon([(-0.7, -0.5), (0.7, -0.5), (0.55, 0.75), (-0.55, 0.75)], colour, edge)
    pen.ellipse(0, -0.5, 0.7, 0.16, mix(colour, (60, 30, 20), 0.6), edge)


def draw_star(pen, rng):
    """Draw a star with five rays, mostly golden."""
    colour = hsv(rng.uniform(0.05, 0.2), 0.75, 0.95) if rng.happens(0.5) else bright(rng)
    pen.polygon(star(5, 1.0, rng.uniform(0.4, 0.5)), colour, shade(colour, 0.55))


def draw_balloon(pen, rng):
    """Draw a balloon on a string."""
    colour = bright(rng)
    pen.stroke(bezier((0, 0.7), (0.2, 1.1), (-0.1, 1.5), 8), (90, 80, 80), 0.04)
    pen.polygon([(0, 0.7), (0.12, 0.92), (-0.12, 0.92)], colour, shade(colour, 0.5), 0.04)
    pen.ellipse(0, 0, 0.65, 0.8, colour, shade(colour, 0.5))
    pen.ellipse(-0.22, -0.3, 0.13, 0.2, mix(colour, WHITE, 0.6), rotation=0.4)


def draw_umbrella(pen, rng):
    """Draw an open umbrella with a crook."""
    colour, panel = bright(rng), bright(rng)
    crook = np.concatenate([[(0, -0.4), (0, 0.8)], bezier((0, 0.8), (0.05, 1.1), (0.35, 0.85), 6)])
    pen.stroke(crook, (90, 70, 60), 0.08)
    dome = arc(0.5, 1.0)
    pen.polygon(dome * (1, 0.9), colour, shade(colour, 0.5))
    pen.polygon(dome * (0.4, 0.9), panel, shade(colour, 0.5), 0.03)
    pen.stroke([(0, -0.9), (0, -1.05)], (90, 70, 60), 0.08)


def draw_mushroom(pen, rng):
    """Draw a mushroom with a dotted cap."""
    colour = hsv(rng.uniform(-0.03, 0.05), 0.8, 0.85) if rng.happens(0.4) else bright(rng)
    pen.polygon(closed([(-0.25, 0), (0.25, 0), (0.35, 0.9), (-0.35, 0.9)]), (240, 228, 208), (150, 130, 110))
    pen.polygon(arc(0.5, 1.0) * 0.95 + (0, 0.1), colour, shade(colour, 0.5))
    for x, y in ((-0.45, -0.25), (0.1, -0.6), (0.5, -0.2), (0, -0.15)):
        pen.ellipse(x, y, 0.13, 0.11, (250, 246, 240))


def draw_apple(pen, rng):
    """Draw an apple with a stalk and a leaf, mostly red."""
    hue = rng.uniform(-0.04, 0.02) if rng.happens(0.6) else rng.uniform(0.15, 0.3)
    colour, leaf = hsv(hue, 0.75, rng.uniform(0.65, 0.95)), hsv(0.3, 0.6, 0.6)
    right = [(0.5, -0.68), (0.85, -0.2), (0.65, 0.55), (0.25, 0.82)]
    left = [(-x, y) for x, y in reversed(right)]
    pen.stroke(bezier((0, -0.5), (0, -0.8), (0.15, -1.0), 6), WOOD, 0.1)
    pen.ellipse(0.38, -0.85, 0.28, 0.12, leaf, shade(leaf, 0.5), 0.03, rotation=-0.4)
    pen.polygon(closed([(0, -0.5), *right, (0, 0.74), *left]), colour, shade(colour, 0.5))
    pen.ellipse(-0.45, -0.2, 0.12, 0.22, mix(colour, WHITE, 0.6), rotation=0.3)


def draw_rocket(pen, rng):
    """Draw a rocket with fins, a porthole and a flame."""
    colour, trim = mix(bright(rng), WHITE, 0.4), bright(rng)
    edge = shade(colour, 0.5)
    hull = [(0, -1.1), (0.3, -0.6), (0.4, 0.1), (0.25, 0.75), (-0.25, 0.75), (-0.4, 0.1), (-0.3, -0.6)]
    nose = [(0, -1.1), (0.2, -0.8), (0.28, -0.6), (-0.28, -0.6), (-0.2, -0.8)]
    fin = [(0.3, 0.1), (0.75, 0.6), (0.75, 0.9), (0.25, 0.7)]
    pen.polygon([(-0.22, 0.7), (0.22, 0.7), (0, 1.3)], (250, 170, 50), (220, 90, 40))
    for side in (-1, 1):
        pen.polygon([(side * x, y) for x, y in fin], trim, shade(trim, 0.5))
    pen.polygon(closed(hull), colour, edge)
    pen.polygon(closed(nose), trim, edge, 0.04)
    pen.ellipse(0, -0.15, 0.2, 0.2, GLASS, edge, 0.07)


def draw_cactus(pen, rng):
    """Draw a cactus in a pot."""
    green = hsv(rng.uniform(0.26, 0.42), rng.uniform(0.45, 0.7), rng.uniform(0.45, 0.7))
    pot, edge = mix(bright(rng), (190, 100, 60), 0.5), shade(green, 0.5)
    for side, low, high in ((-1, 0.15, -0.45), (1, 0.0, -0.6)):
        arm = [(0, low), (side * 0.6, low), (side * 0.6, high)]
        pen.stroke(arm, edge, 0.32)
        pen.stroke(arm, green, 0.23)
    pen.ellipse(0, -0.1, 0.32, 0.95, green, edge)
    for x in (-0.12, 0.12):
        pen.stroke([(x, -0.8), (x, 0.5)], mix(green, edge, 0.4), 0.04)
    pen.polygon([(-0.5, 0.5), (0.5, 0.5), (0.38, 1.1), (-0.38, 1.1)], pot, shade(pot, 0.5))
    if rng.happens(0.5):
        pen.ellipse(0, -1.05, 0.18, 0.14, (240, 110, 150), (170, 60, 100), 0.03)


def draw_clock(pen, rng):
    """Draw an alarm clock with two bells."""
    colour = bright(rng)
    edge = shade(colour, 0.5)
    for side in (-1, 1):
        pen.stroke([(side * 0.4, 0.6), (side * 0.62, 0.98)], edge, 0.14)
        pen.ellipse(side * 0.5, -0.75, 0.32, 0.24, colour, edge, rotation=side * 0.6)
    pen.ellipse(0, 0, 0.82, 0.82, colour, edge)
    pen.ellipse(0, 0, 0.62, 0.62, (252, 250, 240), edge, 0.04)
    for length, width in ((0.34, 0.1), (0.5, 0.07)):
        angle = rng.uniform(0, math.tau)
        pen.stroke([(0, 0), (math.cos(angle) * length, math.sin(angle) * length)], (50, 44, 48), width)
    pen.ellipse(0, 0, 0.07, 0.07, (50, 44, 48))


def draw_airplane(pen, rng):
    """Draw an airplane from the side."""
    colour, trim = mix(bright(rng), WHITE, 0.45), bright(rng)
    edge, trim_edge = shade(colour, 0.5), shade(trim, 0.5)
    rudder = [(0.7, -0.1), (1.15, -0.75), (1.25, -0.7), (1.1, 0.05)]
    far_wing = [(-0.1, -0.15), (0.35, -0.75), (0.5, -0.72), (0.35, -0.1)]
    fuselage = [(-1.2, 0.05), (-0.9, -0.2), (0.3, -0.24), (1.2, -0.12), (1.1, 0.14), (-0.1, 0.3), (-0.9, 0.26)]
    near_wing = [(-0.2, 0.1), (0.3, 0.1), (0.65, 0.75), (0.45, 0.78)]
    pen.polygon(rudder, trim, trim_edge)
    pen.polygon(far_wing, trim, trim_edge)
    pen.polygon(closed(fuselage), colour, edge)
    for x in (-0.55, -0.2, 0.15, 0.5):
        pen.ellipse(x, -0.05, 0.08, 0.08, (120, 170, 220), edge, 0.03)
    pen.polygon(near_wing, trim, trim_edge)


def draw_cake(pen, rng):
    """Draw a birthday cake with three candles."""
    dough, icing = bright(rng), mix(bright(rng), WHITE, 0.4)
    drips = [(0.88, 0.2), (0.6, 0.02), (0.35, 0.32), (0.1, 0.05), (-0.2, 0.3), (-0.5, 0.02), (-0.88, 0.22)]
    for x in (-0.4, 0, 0.4):
        pen.stroke([(x, -0.2), (x, -0.62)], mix(bright(rng), WHITE, 0.2), 0.12)
        pen.ellipse(x, -0.8, 0.09, 0.15, (250, 190, 60), (230, 110, 40), 0.04)
    pen.polygon(_box(-0.85, -0.2, 0.85, 0.8), dough, shade(dough, 0.5))
    pen.polygon(closed([(-0.9, -0.25), (0.9, -0.25), *drips]), icing, shade(icing, 0.6), 0.04)
    pen.ellipse(0, 0.85, 1.1, 0.14, (244, 242, 240), (150, 146, 144), 0.04)


def draw_ball(pen, rng):
    """Draw a striped ball, which is clutter and no class."""
    colour, stripe = bright(rng), bright(rng)
    pen.ellipse(0, 0, 0.8, 0.8, colour, shade(colour, 0.5))
    pen.ellipse(0, 0, 0.28, 0.8, stripe, rotation=rng.uniform(0, 3))
    pen.ellipse(-0.3, -0.35, 0.14, 0.1, mix(colour, WHITE, 0.7))


def draw_leaf(pen, rng):
    """Draw a leaf, which is clutter and no class."""
    green = hsv(rng.uniform(0.15, 0.45), rng.uniform(0.4, 0.7), rng.uniform(0.35, 0.75))
    outline = np.concatenate([bezier((0, -1), (0.75, 0), (0, 1), 10), bezier((0, 1), (-0.75, 0), (0, -1), 10)])
    pen.polygon(outline, green, shade(green, 0.6))
    pen.stroke([(0, -1), (0, 1)], shade(green, 0.65))


def _box(left, top, right, bottom):
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


THINGS = {
    "tree": draw_tree,
    "house": draw_house,
    "car": draw_car,
    "boat": draw_boat,
    "flower": draw_flower,
    "cup": draw_cup,
    "star": draw_star,
    "balloon": draw_balloon,
    "umbrella": draw_umbrella,
    "mushroom": draw_mushroom,
    "apple": draw_apple,
    "rocket": draw_rocket,
    "cactus": draw_cactus,
    "clock": draw_clock,
    "airplane": draw_airplane,
    "cake": draw_cake,
}
SMALL = ("tree", "house", "car", "boat", "flower", "cup", "star", "balloon", "umbrella", "mushroom", "apple")
CLUTTER = (*(THINGS[name] for name in SMALL), draw_ball, draw_ball, draw_leaf, draw_leaf)
