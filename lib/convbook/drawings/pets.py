"""Pets: cats and dogs, the two classes that the book tells apart.

A cat tends to have pointed ears, upright pupils, a small triangular nose, a mouth like a w and whiskers; a dog tends to
have hanging ears, round eyes, a broad nose on a muzzle that stands out, and often a tongue. No single part decides:
some cats have folded ears and some dogs pointed ones. Everything else (colours, fur, size, pose, collar) is alike
in both.
"""


def make_cat(looks, rng):
    """Give `looks` that all animals share, changed in place, the face of a cat."""
    looks.ears = rng.pick({"pointed": 80, "folded": 14, "round": 6})
    looks.eyes = rng.pick({"slit": 60, "round": 25, "closed": 10, "dot": 5})
    looks.muzzle = rng.pick({"cat": 92, "bear": 8})
    looks.nose = rng.pick({"triangle": 85, "oval": 15})
    looks.mouth = rng.pick({"w": 80, "smile": 20})
    looks.whiskers = rng.pick({3: 50, 2: 30, 0: 20})
    looks.tongue = rng.happens(0.06)
    looks.open_mouth = rng.happens(0.08)
    looks.tail = rng.pick({"thin": 40, "curl": 35, "fluffy": 15, "thick": 10})
    looks.fluffy_cheeks = rng.happens(0.25)
    looks.nose_size *= 0.85


def make_dog(looks, rng):
    """Give `looks` that all animals share, changed in place, the face of a dog."""
    looks.ears = rng.pick({"floppy": 52, "folded": 20, "pointed": 24, "round": 4})
    looks.eyes = rng.pick({"round": 62, "dot": 22, "closed": 10, "slit": 6})
    looks.muzzle = rng.pick({"dog": 90, "bear": 10})
    looks.nose = rng.pick({"oval": 88, "triangle": 12})
    looks.mouth = rng.pick({"smile": 65, "w": 35})
    looks.whiskers = rng.pick({0: 75, 2: 17, 3: 8})
    looks.tongue = rng.happens(0.42)
    looks.open_mouth = rng.happens(0.3)
    looks.tail = rng.pick({"thick": 45, "curl": 20, "thin": 15, "fluffy": 20})
    looks.fluffy_cheeks = rng.happens(0.12)
    looks.height *= 1.04


PETS = {"cat": make_cat, "dog": make_dog}
