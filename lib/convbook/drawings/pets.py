"""Pets: cats and dogs, the two classes that the book tells apart.

A cat tends to have pointed ears, upright pupils, a small triangular nose, a mouth like a w and whiskers; a dog tends to
have hanging ears, round eyes, a broad nose on a muzzle that stands out, and often a tongue. No single part decides:
some cats have folded ears and some dogs pointed ones. Everything else (colours, fur, size, pose, collar) is alike
in both.
"""


def make_cat(looks, chance):
    """Give an animal the face of a cat.

    Args:
        looks: `Looks` that all animals share; changed in place.
        chance: a `Chance`.
    """
    looks.ears = chance.pick({"pointed": 80, "folded": 14, "round": 6})
    looks.eyes = chance.pick({"slit": 60, "round": 25, "closed": 10, "dot": 5})
    looks.muzzle = chance.pick({"cat": 92, "bear": 8})
    looks.nose = chance.pick({"triangle": 85, "oval": 15})
    looks.mouth = chance.pick({"w": 80, "smile": 20})
    looks.whiskers = chance.pick({3: 50, 2: 30, 0: 20})
    looks.tongue = chance.happens(0.06)
    looks.open_mouth = chance.happens(0.08)
    looks.tail = chance.pick({"thin": 40, "curl": 35, "fluffy": 15, "thick": 10})
    looks.fluffy_cheeks = chance.happens(0.25)
    looks.nose_size *= 0.85


def make_dog(looks, chance):
    """Give an animal the face of a dog.

    Args:
        looks: `Looks` that all animals share; changed in place.
        chance: a `Chance`.
    """
    looks.ears = chance.pick({"floppy": 52, "folded": 20, "pointed": 24, "round": 4})
    looks.eyes = chance.pick({"round": 62, "dot": 22, "closed": 10, "slit": 6})
    looks.muzzle = chance.pick({"dog": 90, "bear": 10})
    looks.nose = chance.pick({"oval": 88, "triangle": 12})
    looks.mouth = chance.pick({"smile": 65, "w": 35})
    looks.whiskers = chance.pick({0: 75, 2: 17, 3: 8})
    looks.tongue = chance.happens(0.42)
    looks.open_mouth = chance.happens(0.3)
    looks.tail = chance.pick({"thick": 45, "curl": 20, "thin": 15, "fluffy": 20})
    looks.fluffy_cheeks = chance.happens(0.12)
    looks.height *= 1.04


PETS = {"cat": make_cat, "dog": make_dog}
