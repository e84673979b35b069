"""Looks: all random choices about one animal, made before the pen draws it.

The parts of a face (ears, eyes, muzzle, nose) are what the classes differ in. Sizes, positions, the direction of the
gaze and the rest vary alike in all of them.
"""

from dataclasses import dataclass

from convbook.drawings.colours import hsv

IRISES = (
    lambda rng: hsv(rng.uniform(0.05, 0.1), 0.75, rng.uniform(0.35, 0.6)),
    lambda rng: hsv(rng.uniform(0.1, 0.16), 0.8, 0.9),
    lambda rng: hsv(rng.uniform(0.22, 0.36), 0.6, 0.75),
    lambda rng: hsv(rng.uniform(0.5, 0.6), 0.55, 0.85),
)
NOSE_COLOURS = ((40, 32, 36), (214, 128, 132), (96, 62, 54))


@dataclass(slots=True)
class Looks:
    """The looks of one animal, in head units unless stated otherwise; what is None is not there."""

    width: float  # half the width of the head
    height: float  # half its height
    cheek: float  # how far the cheeks stand out
    jaw: float  # its width as a share of the head's
    line: float  # width of the outlines
    yaw: float  # how far the head looks to one side, -1 to 1
    ear_size: float
    ear_inset: float
    ear_length: float
    ear_spread: float
    ear_tilts: tuple  # how far the left and the right ear lean outwards
    eye_x: float
    eye_y: float
    eye_size: float
    eye_opening: float  # height of an eye as a share of its width
    eye_slant: float
    pupil: float  # width of an upright pupil as a share of the eye's
    white_eyes: bool
    gaze: tuple  # where the eyes look to: x and y from -1 to 1
    iris: tuple
    muzzle_size: float
    muzzle_height: float
    muzzle_y: float
    light_muzzle: bool
    nose_size: float
    nose_colour: tuple
    mouth: str  # "w" or "smile"
    smile: float
    open_mouth: bool
    tongue_x: float
    whisker_length: float
    whisker_droop: float  # how far the tips of the whiskers hang
    trunk_swing: float  # where the tip of an elephant's trunk hangs
    blaze: bool  # a pale stripe on the face
    brows: bool
    blush: bool
    body_width: float  # half the width of the body
    body_height: float  # half its height
    tail: str  # a shape in `bodies.TAILS`, or "none"
    tail_side: int  # -1 or 1
    dark_tail: bool
    belly: bool  # whether it is pale
    socks: bool  # whether the paws are pale
    collar: tuple | None  # its colour
    body_turn: float  # how far the head leans against the body, in radians
    ears: str = "round"  # a shape in `ears.SHAPES`, or "none"
    eyes: str = "round"  # a shape in `eyes.SHAPES`
    muzzle: str = "bear"  # a shape in `muzzles.SHAPES`
    nose: str = "oval"  # a shape in `muzzles.NOSES`
    tongue: bool = False
    teeth: bool = False
    whiskers: int = 0  # number to each side
    pale_whiskers: bool = True
    fluffy_cheeks: bool = False  # tufts of fur at the cheeks
    light_cheeks: bool = False
    face_patch: tuple | None = None  # size, y and spread of a pale face; spread parts it into two lobes, as a monkey's
    ear_colour: tuple | None = None  # of upright ears; None for the coat's
    ear_inside: tuple | None = None  # the same for their inside
    eye_patches: tuple | None = None  # colour of the fur around the eyes, as a panda's
    mane: tuple | None = None  # its colour
    wool: tuple | None = None  # its colour
    spines: tuple | None = None  # their colour
    horns: str | None = None  # "cow", "goat" or "giraffe"
    horn: tuple = (220, 204, 172)  # colour of the horns
    bulging_eyes: bool = False  # eyes on bumps, as a frog's
    beard: bool = False
    wings: str | None = None  # "bat" or "bird"
    tusks: bool = False
    tuft: tuple | None = None  # colour of a tuft of hair on the forehead


def choose_looks(rng):
    """Choose the looks that all animals have in common; a species then sets its own ears, eyes and muzzle."""
    lean = rng.uniform(-0.12, 0.22)
    return Looks(
        width=rng.uniform(0.92, 1.12),
        height=rng.uniform(0.80, 0.98),
        cheek=rng.uniform(-0.02, 0.08),
        jaw=rng.uniform(0.5, 0.66),
        line=rng.uniform(0.03, 0.065),
        yaw=rng.uniform(-0.9, 0.9),
        ear_size=rng.uniform(0.8, 1.3),
        ear_inset=rng.uniform(0.12, 0.32),
        ear_length=rng.uniform(0.15, 0.6),
        ear_spread=rng.uniform(0.68, 0.84),
        ear_tilts=(lean + rng.uniform(-0.08, 0.08), lean + rng.uniform(-0.08, 0.08)),
        eye_x=rng.uniform(0.36, 0.48),
        eye_y=rng.uniform(-0.22, -0.02),
        eye_size=rng.uniform(0.16, 0.25),
        eye_opening=rng.uniform(0.8, 1.12),
        eye_slant=rng.uniform(-0.1, 0.35),
        pupil=rng.uniform(0.18, 0.42),
        white_eyes=rng.happens(0.4),
        gaze=(rng.uniform(-0.7, 0.7), rng.uniform(-0.5, 0.5)),
        iris=rng.choice(IRISES)(rng),
        muzzle_size=rng.uniform(0.85, 1.2),
        muzzle_height=rng.uniform(0.34, 0.44),
        muzzle_y=rng.uniform(0.16, 0.30),
        light_muzzle=rng.happens(0.6),
        nose_size=rng.uniform(0.85, 1.2),
        nose_colour=rng.choice(NOSE_COLOURS),
        mouth=rng.choice(("w", "smile")),
        smile=rng.uniform(-0.06, 0.16),
        open_mouth=rng.happens(0.15),
        tongue_x=rng.uniform(-0.12, 0.12),
        whisker_length=rng.uniform(0.6, 1.05),
        whisker_droop=rng.uniform(-0.12, 0.2),
        pale_whiskers=rng.happens(0.4),
        trunk_swing=rng.uniform(-0.5, 0.5),
        blaze=rng.happens(0.2),
        brows=rng.happens(0.12),
        blush=rng.happens(0.2),
        body_width=rng.uniform(0.85, 1.15),
        body_height=rng.uniform(1.0, 1.35),
        tail=rng.choice(("thin", "curl", "thick", "fluffy", "puff", "none")),
        tail_side=rng.side(),
        dark_tail=rng.happens(0.4),
        belly=rng.happens(0.5),
        socks=rng.happens(0.4),
        collar=hsv(rng.uniform(0, 1), 0.7, 0.85) if rng.happens(0.35) else None,
        body_turn=rng.normal(0.16),
    )
