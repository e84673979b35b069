"""Scenes: a subject in front of a background, sometimes partly occluded, in some light, seen by some camera.

The subject has a random stream of its own: the same seed shows the same animal at any size and difficulty, and the
same scene with and without it.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from convbook.drawings.backgrounds import draw_background
from convbook.drawings.bodies import draw_animal
from convbook.drawings.camera import choose_camera, photograph
from convbook.drawings.coats import make_coat
from convbook.drawings.colours import pastel, shade
from convbook.drawings.looks import choose_looks
from convbook.drawings.pen import Pen
from convbook.drawings.pets import PETS
from convbook.drawings.random_stream import RandomStream
from convbook.drawings.world.creatures import CREATURES
from convbook.drawings.world.faces import SPECIES
from convbook.drawings.world.things import CLUTTER, THINGS, draw_leaf

CLUTTER_COUNTS = {0: 25, 1: 25, 2: 20, 3: 15, 5: 15}


@dataclass(frozen=True)
class Staging:
    """How hard a scene is to read; sizes and distances are shares of the picture."""

    head_scale: tuple  # smallest and largest head unit (half a head's width) of an animal without body
    body_scale: tuple  # the same for an animal with its body
    thing_scale: tuple  # the same for a creature or thing
    body_share: float  # how many animals show their bodies
    wander: float  # how far from the centre an animal may be
    tilt: float  # standard deviation of the head's rotation, in radians
    occluded_share: float  # how many pictures have something in front of the subject
    light: float  # how much brighter one side of the picture may be than the other
    blurred_share: float  # how many pictures are out of focus
    blur: float  # factor of their blur
    noise: float  # factor of the camera's noise


@lru_cache
def staging(difficulty):
    """Turn the one number that sets the difficulty, 0 to 2, into a `Staging`.

    Example:
        >>> staging(1.0).head_scale, staging(1.0).body_share, staging(1.0).occluded_share
        ((0.25, 0.38), 0.25, 0.2)
    """

    def between(easiest, standard, hardest):
        if difficulty <= 1:
            return easiest + (standard - easiest) * difficulty
        return standard + (hardest - standard) * (difficulty - 1)

    return Staging(
        head_scale=(between(0.34, 0.25, 0.13), between(0.38, 0.38, 0.36)),
        body_scale=(between(0.22, 0.18, 0.09), between(0.24, 0.24, 0.23)),
        thing_scale=(between(0.30, 0.20, 0.12), between(0.36, 0.36, 0.34)),
        body_share=between(0.0, 0.25, 0.5),
        wander=between(0.02, 0.1, 0.25),
        tilt=between(0.1, 0.26, 0.4),
        occluded_share=between(0.0, 0.2, 0.4),
        light=between(0.1, 0.45, 0.7),
        blurred_share=between(0.0, 0.25, 0.4),
        blur=between(0.0, 1.0, 2.0),
        noise=between(0.0, 1.0, 2.0),
    )


def draw_scene(kind, seed, size_px, difficulty, maps_parts=False, with_subject=True):
    """Return the picture of a scene, uint8 (size_px, size_px, 3), and the `Pen` that drew it.

    `kind` is a key of `PETS`, `SPECIES`, `CREATURES` or `THINGS`. Without the subject, everything else stays as it is.
    """
    stage = staging(difficulty)
    rng = RandomStream(kind, seed, "scene")
    camera = choose_camera(rng, stage)
    pen = Pen(size_px, maps_parts=maps_parts)
    draw_background(pen, rng)
    _draw_clutter(pen, rng, rng.pick(CLUTTER_COUNTS), (0.06, 0.16))
    if with_subject:
        with pen.part("subject"):
            _draw_subject(pen, RandomStream(kind, seed, "subject"), kind, stage)
    _draw_occluder(pen, rng, stage)
    return photograph(pen.image, camera), pen


def _draw_subject(pen, rng, kind, stage):
    if kind in THINGS or kind in CREATURES:
        _place_thing(pen, rng, stage)
        draw = THINGS[kind] if kind in THINGS else CREATURES[kind]
        draw(pen, rng)
        return
    looks = choose_looks(rng)
    with_body = rng.happens(stage.body_share)
    species = SPECIES.get(kind)
    _place_animal(pen, rng, stage, with_body, species.scale if species else 1.0)
    if species:
        species.make(looks, rng)
        coat = make_coat(pen, rng, *species.choose_colours(rng), with_body=with_body)
    else:
        PETS[kind](looks, rng)
        coat = make_coat(pen, rng, with_body=with_body)
    draw_animal(pen, looks, coat, with_body)


def _place_animal(pen, rng, stage, with_body, size):
    scale = size * rng.uniform(*(stage.body_scale if with_body else stage.head_scale))
    across, down = rng.uniform(-1, 1), rng.uniform(-1, 1)
    if with_body:
        x, y, tilt = 0.5 + across * stage.wander, 0.35 + down * stage.wander / 2, stage.tilt * 0.4
    else:
        x, y, tilt = 0.5 + across * stage.wander, 0.525 + down * stage.wander * 0.75, stage.tilt
    _place(pen, rng, x, y, scale, tilt)


def _place_thing(pen, rng, stage):
    scale = rng.uniform(*stage.thing_scale)
    x, y = (0.5 + rng.uniform(-2, 2) * stage.wander * 0.8 for _ in range(2))
    _place(pen, rng, x, y, scale, 0.25)


def _place(pen, rng, x, y, scale, tilt):
    rotation, flip = rng.normal(tilt), rng.side()
    pen.place(x, y, scale, rotation, flip, squash=rng.uniform(0.86, 1.14), shear=rng.uniform(-0.12, 0.12))


def _draw_clutter(pen, rng, count, scales):
    for _ in range(count):
        x, y, scale = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(*scales)
        pen.place(x, y, scale, rng.uniform(-0.6, 0.6), rng.side())
        rng.choice(CLUTTER)(pen, rng)


# -------------------------------------------------------------------- in front of the subject


def _draw_occluder(pen, rng, stage):
    if rng.happens(stage.occluded_share):
        rng.choice(OCCLUDERS)(pen, rng)


def _draw_leaves(pen, rng):
    for _ in range(rng.integer(1, 3)):
        x, y, scale = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.95), rng.uniform(0.08, 0.16)
        pen.place(x, y, scale, rng.uniform(0, math.tau))
        draw_leaf(pen, rng)


def _draw_bars(pen, rng):
    colour, x, width = pastel(rng), rng.uniform(0, 0.3), rng.uniform(0.02, 0.05)
    pen.place(0, 0, 1)
    while x < 1:
        pen.polygon([(x, -0.1), (x + width, -0.1), (x + width, 1.1), (x, 1.1)], colour, shade(colour, 0.6), 0.01)
        x += rng.uniform(0.25, 0.42)


def _draw_thing_in_front(pen, rng):
    _draw_clutter(pen, rng, 1, (0.1, 0.18))


def _draw_ledge(pen, rng):
    colour, top = pastel(rng), rng.uniform(0.75, 0.9)
    pen.place(0, 0, 1)
    pen.polygon([(-0.1, top), (1.1, top), (1.1, 1.1), (-0.1, 1.1)], colour, shade(colour, 0.6), 0.02)


OCCLUDERS = (_draw_leaves, _draw_leaves, _draw_bars, _draw_thing_in_front, _draw_ledge)
