"""Animals with a head like a pet's: the drawn world's other mammals, and a few birds and frogs among them.

They are drawn from the same parts as cats and dogs. What a network learns from telling them apart is therefore of use
for telling cats from dogs, as ImageNet is for photos of pets.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from convbook.drawings.coats import STYLES, fur_colour
from convbook.drawings.colours import mix, near, shade

TYPICAL_SHARE = 0.25


@dataclass(frozen=True)
class Species:
    """What tells one animal from the others."""

    make: Callable  # a function (looks, rng) that sets ears, eyes, muzzle and other features
    colours: tuple = ()  # typical ones; three in four have a random fur, so that shapes alone tell the kinds apart
    styles: dict = field(default_factory=lambda: STYLES)  # typical markings, with weights
    marking: tuple | None = None  # typical colour of the markings
    scale: float = 1.0  # size of the head, less than 1 where ears, horns or wings need room

    def choose_colours(self, rng):
        """Choose base colour, style and marking colour of one animal, each None to leave it to the coat."""
        if not rng.happens(TYPICAL_SHARE):
            return fur_colour(rng), None, None
        return near(rng, rng.choice(self.colours)), rng.pick(self.styles), self.marking


def make_rabbit(looks, rng):
    """Long upright ears and often two front teeth."""
    looks.ears, looks.tail = "long", "puff"
    looks.muzzle, looks.nose, looks.mouth = "cat", "triangle", "w"
    looks.teeth = rng.happens(0.6)
    looks.open_mouth = False
    looks.whiskers = rng.pick({0: 1, 2: 1, 3: 1})
    looks.eyes = rng.pick({"round": 2, "dot": 2, "closed": 1})


def make_bear(looks, rng):
    """Small round ears and a pale oval muzzle."""
    looks.ears, looks.muzzle, looks.nose, looks.tail = "round", "bear", "oval", "puff"
    looks.ear_size *= 0.85
    looks.eyes = rng.pick({"dot": 2, "round": 1, "closed": 1})
    looks.tongue = rng.happens(0.15)
    looks.width *= 1.05


def make_fox(looks, rng):
    """Pointed ears, a narrow jaw and pale cheeks."""
    looks.ears, looks.muzzle, looks.nose, looks.tail = "pointed", "bear", "oval", "fluffy"
    looks.eyes = rng.pick({"slit": 2, "dot": 1, "closed": 1})
    looks.light_cheeks = looks.fluffy_cheeks = True
    looks.jaw, looks.muzzle_size = 0.34, 0.7
    looks.blaze = False
    looks.whiskers = rng.pick({0: 2, 2: 1})


def make_mouse(looks, rng):
    """Very large round ears on a small pointed face."""
    looks.ears, looks.muzzle, looks.tail = "large", "cat", "thin"
    looks.nose = rng.pick({"oval": 1, "triangle": 1})
    looks.nose_colour = (232, 140, 150)
    looks.whiskers = rng.pick({2: 1, 3: 2})
    looks.eyes = rng.pick({"dot": 2, "round": 1})
    looks.jaw, looks.muzzle_size = 0.36, 0.75
    looks.teeth = rng.happens(0.2)


def make_owl(looks, rng):
    """Two large discs around the eyes and a beak."""
    looks.ears, looks.muzzle, looks.eyes, looks.tail = "tufted", "beak", "owlish", "none"
    looks.eye_size = rng.uniform(0.21, 0.27)
    looks.iris = rng.choice(((250, 190, 40), (244, 148, 40), (250, 224, 90)))
    looks.muzzle_y = rng.uniform(0.1, 0.2)
    looks.blaze = looks.brows = looks.blush = False
    looks.jaw = 0.7
    looks.wings = "bird"


def make_pig(looks, rng):
    """A disc for a nose."""
    looks.ears = rng.pick({"folded": 2, "pointed": 1})
    looks.ear_size *= 0.8
    looks.muzzle, looks.tail = "snout", "curl"
    looks.muzzle_size = rng.uniform(1.05, 1.3)
    looks.eyes = rng.pick({"dot": 2, "round": 1, "closed": 1})
    looks.jaw, looks.blaze = 0.7, False


def make_frog(looks, rng):
    """Eyes on top of the head and a very wide mouth."""
    looks.ears, looks.muzzle, looks.tail = "none", "frog", "none"
    looks.eyes = rng.pick({"round": 2, "slit": 1})
    looks.bulging_eyes = True
    looks.eye_x, looks.eye_size = rng.uniform(0.5, 0.6), rng.uniform(0.2, 0.27)
    looks.eye_y = -looks.height * 0.85
    looks.width *= 1.1
    looks.yaw *= 0.6
    looks.brows = looks.blaze = False


def make_panda(looks, rng):
    """Dark patches around the eyes and dark round ears."""
    looks.ears, looks.muzzle, looks.nose, looks.tail = "round", "bear", "oval", "puff"
    looks.eyes = rng.pick({"round": 2, "dot": 1})
    looks.eye_patches = looks.ear_colour = shade((58, 54, 58), rng.uniform(0.7, 1.3))
    looks.ear_inside = mix(looks.ear_colour, (200, 170, 170), 0.25)
    looks.blaze = looks.brows = False
    looks.nose_colour = (40, 32, 36)


def make_cow(looks, rng):
    """Ears that stand out to the sides, a broad muzzle and mostly horns."""
    looks.ears, looks.muzzle, looks.tail = "sideways", "wide", "thin"
    looks.horns = "cow" if rng.happens(0.75) else None
    looks.horn = mix((240, 226, 196), (150, 126, 100), rng.uniform(0, 0.6))
    looks.eyes = rng.pick({"round": 2, "dot": 1})
    looks.muzzle_y = 0.28
    looks.height *= 1.08
    looks.blush = False


def make_monkey(looks, rng):
    """Round ears at the sides and a pale face."""
    looks.ears, looks.ear_spread = "round", 1.02
    looks.ear_size = rng.uniform(0.9, 1.2)
    looks.muzzle, looks.nose, looks.mouth, looks.tail = "bear", "triangle", "smile", "curl"
    looks.face_patch = (0.78, 0.1, 0.3)
    looks.eyes = rng.pick({"round": 2, "dot": 1, "closed": 1})
    looks.open_mouth = rng.happens(0.3)
    looks.blaze = False


def make_lion(looks, rng):
    """A mane."""
    looks.ears, looks.muzzle, looks.tail = "round", "cat", "thin"
    looks.nose = rng.pick({"triangle": 2, "oval": 1})
    looks.mane = mix(near(rng, rng.choice(((170, 86, 30), (120, 66, 32), (206, 118, 36)))), (110, 60, 30), 0.25)
    looks.whiskers = rng.pick({2: 1, 0: 1})
    looks.eyes = rng.pick({"slit": 1, "round": 2})


def make_sheep(looks, rng):
    """A head in curls of wool, with hanging ears."""
    looks.ears, looks.muzzle, looks.nose, looks.tail = "drooping", "cat", "triangle", "puff"
    looks.wool = mix((248, 242, 232), fur_colour(rng), rng.uniform(0, 0.35))
    looks.eyes = rng.pick({"dot": 2, "round": 2, "closed": 1})
    looks.width *= 0.85
    looks.open_mouth = rng.happens(0.1)


def make_koala(looks, rng):
    """Large ears and a long dark nose."""
    looks.ears, looks.muzzle, looks.nose, looks.tail = "large", "bear", "tall", "none"
    looks.eyes = rng.pick({"dot": 2, "round": 1, "closed": 1})
    looks.muzzle_size, looks.nose_size = 0.6, rng.uniform(1.1, 1.4)
    looks.nose_colour = (58, 50, 56)
    looks.ear_inside = rng.choice(((236, 232, 230), (232, 206, 204)))
    looks.muzzle_y -= 0.12
    looks.open_mouth = looks.blaze = False


def make_elephant(looks, rng):
    """A trunk and the largest ears."""
    looks.ears, looks.ear_size = "large", rng.uniform(1.25, 1.5)
    looks.muzzle, looks.tail = "trunk", "thin"
    looks.eyes = rng.pick({"dot": 2, "round": 1})
    looks.eye_size *= 0.9
    looks.tusks = rng.happens(0.5)
    looks.blaze = False


def make_hedgehog(looks, rng):
    """Spines all around a pale pointed face."""
    looks.ears, looks.ear_size = "round", 0.55
    looks.spines = mix((96, 70, 54), fur_colour(rng), 0.3)
    looks.muzzle, looks.muzzle_size, looks.tail = "bear", 0.7, "none"
    looks.face_patch = (0.85, 0.12, 0.0)
    looks.eyes = rng.pick({"dot": 2, "round": 1})
    looks.jaw = 0.36
    looks.blaze = False


def make_raccoon(looks, rng):
    """A dark mask over the eyes and round or pointed ears."""
    looks.ears = rng.pick({"round": 1, "pointed": 1})
    looks.ear_size = 0.8
    looks.muzzle, looks.muzzle_size, looks.nose, looks.tail = "bear", 0.75, "oval", "fluffy"
    looks.eye_patches = (58, 54, 58)
    looks.fluffy_cheeks = looks.light_cheeks = True
    looks.eyes = rng.pick({"round": 2, "dot": 1})
    looks.whiskers = rng.pick({0: 1, 2: 1})
    looks.brows = looks.blaze = True


def make_hamster(looks, rng):
    """Full cheeks, tiny ears and two teeth."""
    looks.ears, looks.ear_size, looks.ear_spread = "round", 0.7, 0.66
    looks.muzzle, looks.nose, looks.tail = "cat", "triangle", "none"
    looks.muzzle_size, looks.nose_size = 0.7, 0.75
    looks.nose_colour = (232, 140, 150)
    looks.teeth = True
    looks.open_mouth = looks.tongue = False
    looks.cheek, looks.jaw = 0.3, 0.85
    looks.light_cheeks = looks.blush = True
    looks.whiskers = rng.pick({2: 1, 3: 1})
    looks.eyes = "dot"
    looks.eye_size *= 1.15


def make_seal(looks, rng):
    """No ears, large eyes and whiskers on a muzzle that stands out."""
    looks.ears, looks.muzzle, looks.nose, looks.tail = "none", "dog", "oval", "none"
    looks.muzzle_size = 0.85
    looks.eyes = rng.pick({"round": 2, "dot": 1})
    looks.eye_size = rng.uniform(0.2, 0.27)
    looks.whiskers = rng.pick({2: 1, 3: 2})
    looks.tongue = rng.happens(0.15)
    looks.jaw = 0.7


def make_otter(looks, rng):
    """Tiny ears low at the sides of a broad head with a pale lower face."""
    looks.ears, looks.ear_size, looks.ear_spread = "round", 0.5, 0.95
    looks.muzzle, looks.nose, looks.tail = "dog", "triangle", "thick"
    looks.face_patch = (0.7, 0.25, 0.0)
    looks.eyes = rng.pick({"dot": 2, "closed": 1})
    looks.whiskers = rng.pick({2: 1, 3: 2})
    looks.teeth = rng.happens(0.2)
    looks.width *= 1.08
    looks.blaze = False


def make_goat(looks, rng):
    """Horns that bend back and a beard."""
    looks.ears, looks.muzzle, looks.tail = "drooping", "dog", "puff"
    looks.nose = rng.pick({"oval": 1, "triangle": 1})
    looks.nose_size, looks.muzzle_size = 0.75, 0.85
    looks.horns, looks.beard = "goat", True
    looks.horn = mix((230, 210, 176), (110, 92, 78), rng.uniform(0, 0.8))
    looks.eyes = rng.pick({"slit": 1, "round": 2})
    looks.width *= 0.86
    looks.open_mouth = looks.tongue = False


def make_donkey(looks, rng):
    """Long ears, a tuft of hair between them and a pale broad muzzle."""
    looks.ears, looks.ear_length = "long", looks.ear_length * 0.6
    looks.muzzle, looks.muzzle_size, looks.tail = "wide", 0.85, "thin"
    looks.eyes = rng.pick({"round": 2, "dot": 1})
    looks.height *= 1.15
    looks.width *= 0.82
    looks.tuft = (66, 54, 50)
    looks.blaze = looks.blush = False


def make_giraffe(looks, rng):
    """Two knobs on the head and a coat full of spots."""
    looks.ears, looks.muzzle, looks.tail = "sideways", "wide", "thin"
    looks.ear_size *= 0.9
    looks.horns, looks.horn = "giraffe", (226, 178, 98)
    looks.muzzle_size, looks.muzzle_y = 0.8, 0.32
    looks.eyes = rng.pick({"round": 2, "dot": 1})
    looks.height *= 1.15
    looks.width *= 0.84
    looks.blaze = looks.blush = False


def make_penguin(looks, rng):
    """A dark head with a white face and an orange beak."""
    looks.ears, looks.muzzle, looks.tail = "none", "beak", "none"
    looks.eyes = "dot"
    looks.muzzle_y, looks.muzzle_size = rng.uniform(0.1, 0.16), 0.8
    looks.face_patch = (0.84, 0.16, 0.38)
    looks.belly, looks.wings, looks.socks = True, "bird", False
    looks.blush = rng.happens(0.6)
    looks.blaze = looks.brows = False


def make_bat(looks, rng):
    """Large pointed ears and outspread wings."""
    looks.ears, looks.ear_size, looks.tail = "pointed", rng.uniform(1.5, 1.9), "none"
    looks.muzzle, looks.muzzle_size = "snout", 0.55
    looks.eyes = rng.pick({"dot": 1, "round": 2})
    looks.wings = "bat"
    looks.blaze = False


GREYS = ((142, 142, 150), (120, 118, 124), (186, 186, 190), (104, 108, 118))
BROWNS = ((150, 104, 70), (120, 82, 58), (104, 72, 54), (176, 128, 84))
PLAIN = {"plain": 3, "fading": 1}

SPECIES = {
    "rabbit": Species(
        make_rabbit, ((236, 230, 224), (176, 150, 128), *GREYS), {"plain": 3, "mask": 1, "patches": 1}, scale=0.85
    ),
    "bear": Species(make_bear, (*BROWNS, (58, 54, 58), (206, 152, 88)), PLAIN),
    "fox": Species(make_fox, ((226, 112, 40), (210, 96, 36), (234, 136, 60)), PLAIN, (150, 66, 28)),
    "mouse": Species(make_mouse, (*GREYS, (196, 170, 146), (238, 234, 230)), PLAIN, scale=0.95),
    "owl": Species(make_owl, (*BROWNS, (196, 164, 126), (232, 226, 216)), {"spots": 2, "plain": 1, "mask": 1}),
    "pig": Species(
        make_pig, ((244, 176, 178), (240, 160, 166), (250, 196, 190)), {"plain": 3, "spots": 1, "patches": 1}
    ),
    "frog": Species(
        make_frog, ((104, 176, 72), (74, 150, 66), (150, 190, 70), (70, 160, 120)), {"plain": 2, "spots": 1}
    ),
    "panda": Species(make_panda, ((244, 242, 238), (232, 230, 226)), {"plain": 1}, (58, 54, 58)),
    "cow": Species(
        make_cow, ((244, 240, 234), (238, 232, 224), (150, 94, 58)), {"patches": 3, "plain": 1}, (60, 50, 48), scale=0.9
    ),
    "monkey": Species(make_monkey, BROWNS, PLAIN),
    "lion": Species(make_lion, ((232, 180, 92), (222, 164, 80), (240, 200, 120)), PLAIN, scale=0.85),
    "sheep": Species(make_sheep, ((64, 58, 60), (226, 206, 184), (150, 124, 104)), {"plain": 1}, scale=0.95),
    "koala": Species(make_koala, GREYS, PLAIN, scale=0.9),
    "elephant": Species(make_elephant, ((136, 142, 156), (120, 126, 140), (160, 164, 174)), {"plain": 1}, scale=0.85),
    "hedgehog": Species(make_hedgehog, ((226, 190, 150), (206, 170, 130)), {"plain": 1}, scale=0.85),
    "raccoon": Species(make_raccoon, GREYS, PLAIN),
    "hamster": Species(make_hamster, ((226, 160, 84), (240, 206, 150), (212, 140, 76)), {"plain": 2, "mask": 1}),
    "seal": Species(make_seal, (*GREYS, (96, 92, 100), (226, 222, 216)), {"plain": 2, "spots": 1}),
    "otter": Species(make_otter, BROWNS, PLAIN),
    "goat": Species(
        make_goat, ((236, 228, 216), (176, 150, 128), (112, 84, 68)), {"plain": 2, "patches": 1}, scale=0.85
    ),
    "donkey": Species(make_donkey, (*GREYS, (140, 116, 100)), {"plain": 1}, scale=0.82),
    "giraffe": Species(make_giraffe, ((244, 206, 120), (236, 190, 104)), {"spots": 1}, (160, 96, 44), scale=0.85),
    "penguin": Species(make_penguin, ((50, 54, 66), (60, 66, 84), (44, 44, 50)), {"plain": 1}),
    "bat": Species(make_bat, ((96, 76, 108), (84, 72, 80), (110, 84, 76)), {"plain": 1}, scale=0.7),
}
