"""Heads: from back to front, what stands behind the head, the head, its ears and its face."""

import numpy as np

from convbook.drawings import ears
from convbook.drawings.colours import WHITE, mix, shade
from convbook.drawings.curves import bezier, circle, closed, star
from convbook.drawings.eyes import draw_eyes
from convbook.drawings.muzzles import draw_muzzle, draw_whiskers


def draw_head(pen, looks, coat):
    """Draw a head with its face; the pen is placed where the head's centre will be."""
    with pen.part("head"):
        _draw_behind(pen, looks, coat)
        if looks.ears not in ears.IN_FRONT:
            ears.draw_ears(pen, looks, coat)
        pen.polygon(closed(head_outline(looks)), coat.fill, coat.edge, looks.line)
        _draw_face_patches(pen, looks, coat)
        if looks.ears in ears.IN_FRONT:
            ears.draw_ears(pen, looks, coat)
        _draw_around_eyes(pen, looks, coat)
        with pen.moved(looks.yaw * 0.22, abs(looks.yaw) * 0.02):
            draw_eyes(pen, looks, coat)
            if looks.brows:
                for side in (-1, 1):
                    pen.ellipse(side * looks.eye_x, looks.eye_y - 0.3, 0.1, 0.06, mix(coat.base, (255, 230, 200), 0.6))
            with pen.moved(looks.yaw * 0.12, 0):
                draw_muzzle(pen, looks, coat)
                if looks.whiskers:
                    draw_whiskers(pen, looks, coat)


def head_outline(looks):
    """Return the ten corner points of a head, clockwise from the crown."""
    width, height = looks.width, looks.height
    cheek = (width * 1.12, height * 0.5) if looks.fluffy_cheeks else (width * (0.92 + looks.cheek), height * 0.35)
    right = [(width * 0.62, -height * 0.86), (width * 0.98, -height * 0.22), cheek, (width * looks.jaw, height * 0.86)]
    left = [(-x, y) for x, y in reversed(right)]
    return [(0, -height), *right, (0, height), *left]


def _draw_behind(pen, looks, coat):
    if looks.mane:
        _draw_mane(pen, looks)
    if looks.wool:
        _draw_wool(pen, looks)
    if looks.spines:
        size = (looks.width, looks.height)
        for outer, inner, factor in ((1.62, 1.2, 1), (1.38, 1.05, 1.35)):
            spines = star(21, outer, inner) * size - (0, 0.08)
            pen.polygon(spines, shade(looks.spines, factor), shade(looks.spines, 0.55), 0.03)
    if looks.horns:
        for side in (-1, 1):
            HORNS[looks.horns](pen, looks, side)
    if looks.beard:
        tip = (0, looks.height * 0.95 + 0.55)
        pen.polygon([(-0.26, looks.height * 0.7), (0.26, looks.height * 0.7), tip], coat.light, coat.edge, 0.04)


def _draw_mane(pen, looks):
    radii = np.where(np.arange(30) % 2 == 0, 1.66, 1.4)[:, None]
    tips = circle(30) * radii * (looks.width, looks.height)
    pen.polygon(closed(tips, 3), looks.mane, shade(looks.mane, 0.5), looks.line)


def _draw_wool(pen, looks):
    for x, y in circle(11) * (looks.width * 0.95, looks.height * 0.95) - (0, 0.1):
        pen.ellipse(x, y, 0.42, 0.42, looks.wool, shade(looks.wool, 0.7), looks.line * 0.7)


def _draw_cow_horn(pen, looks, side):
    width, height = looks.width, looks.height
    tip = (side * width * 0.85, -height * 1.55)
    outer = bezier((side * width * 0.35, -height * 0.9), (side * width * 0.9, -height), tip, 8)
    inner = bezier(tip, (side * width * 0.6, -height * 1.2), (side * width * 0.15, -height * 0.98), 8)
    pen.polygon(np.concatenate([outer, inner]), looks.horn, shade(looks.horn, 0.5), 0.04)


def _draw_goat_horn(pen, looks, side):
    height = looks.height
    horn = bezier((side * 0.25, -height * 0.9), (side * 0.3, -height * 1.7), (side * 0.8, -height * 1.75))
    pen.stroke(horn, shade(looks.horn, 0.45), 0.24)
    pen.stroke(horn, looks.horn, 0.16)


def _draw_giraffe_horn(pen, looks, side):
    root, tip = (side * 0.3, -looks.height * 0.85), (side * 0.38, -looks.height - 0.5)
    pen.stroke([root, tip], shade(looks.horn, 0.5), 0.2)
    pen.stroke([root, tip], looks.horn, 0.13)
    pen.ellipse(*tip, 0.16, 0.14, shade(looks.horn, 0.45), shade(looks.horn, 0.3), 0.03)


HORNS = {"cow": _draw_cow_horn, "goat": _draw_goat_horn, "giraffe": _draw_giraffe_horn}


def _draw_face_patches(pen, looks, coat):
    width, height = looks.width, looks.height
    if looks.face_patch:
        size, y, spread = looks.face_patch
        for side in (-1, 1):
            pen.ellipse(side * width * spread, y, width * (size - spread), height * size * 0.92, coat.light)
    if looks.blaze:
        low = looks.muzzle_y + 0.1
        blaze = [(0, -height * 0.9), (0.13, -0.2), (0.2, low), (-0.2, low), (-0.13, -0.2)]
        pen.polygon(closed(blaze), coat.light)
    if looks.light_cheeks:
        for side in (-1, 1):
            cheek = [
                (side * width * 0.95, height * 0.15),
                (side * width * 0.5, height * 0.2),
                (side * 0.12, height * 0.9),
                (side * width * 0.6, height * 0.8),
            ]
            pen.polygon(closed(cheek), (250, 244, 234))
    if looks.tuft:
        for x, tilt in ((-0.16, -0.3), (0.16, 0.3), (0, 0)):
            pen.ellipse(x, -height * 0.92, 0.16, 0.34, looks.tuft, shade(looks.tuft, 0.6), 0.03, rotation=tilt)


def _draw_around_eyes(pen, looks, coat):
    x, y, size = looks.eye_x, looks.eye_y, looks.eye_size
    for side in (-1, 1):
        if looks.eye_patches:
            with pen.moved(looks.yaw * 0.18, 0):
                pen.ellipse(side * x, y + 0.03, size * 1.75, size * 2.0, looks.eye_patches, rotation=side * 0.5)
        if looks.bulging_eyes:
            with pen.moved(looks.yaw * 0.22, 0):
                pen.ellipse(side * x, y, size * 1.5, size * 1.5, coat.fill, coat.edge, looks.line)
        if looks.blush:
            cheek = mix(mix(coat.base, (240, 120, 120), 0.45), WHITE, 0.05)
            pen.ellipse(side * looks.width * 0.62, looks.muzzle_y + 0.12, 0.16, 0.1, cheek)
