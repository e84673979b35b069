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
    """The looks of one animal, in head units unless stated otherwise.

    Attributes:
        width, height: half the width and half the height of the head.
        cheek, jaw: how far the cheeks stand out, and the width of the jaw as a share of the head's.
        fluffy_cheeks: whether tufts of fur stick out at the cheeks.
        line: width of the outlines.
        yaw: how far the head looks to one side, -1 to 1.
        ears: a shape in `ears.SHAPES`, or "none".
        ear_size, ear_inset, ear_length, ear_spread: size and position of the ears.
        ear_tilts: how far the left and the right ear lean outwards.
        eyes: a shape in `eyes.SHAPES`.
        eye_x, eye_y, eye_size: position and size of an eye.
        eye_opening, eye_slant, pupil, white_eyes, gaze, iris: how an eye looks, and where to (x, y from -1 to 1).
        muzzle: a shape in `muzzles.SHAPES`.
        muzzle_size, muzzle_height, muzzle_y, light_muzzle: its size, position and paleness.
        nose, nose_size, nose_colour: a shape in `muzzles.NOSES`, its size and colour.
        mouth, smile, open_mouth, tongue, tongue_x, teeth: the mouth ("w" or "smile") and what shows in it.
        whiskers, whisker_length, whisker_droop, pale_whiskers: number to each side, length, direction and colour.
        trunk_swing: where the tip of an elephant's trunk hangs.
        blaze, brows, blush, light_cheeks: whether the face has a pale stripe, brows, red or pale cheeks.
        face_patch: size, height (y) and spread of a pale face, or None; spread parts it into two lobes, as a monkey's.
        ear_colour, ear_inside: colours of upright ears, or None for the coat's.
        eye_patches, mane, wool, horn, spines: colours of these, or None for an animal without them.
        horns: "cow", "goat" or "giraffe", or None.
        bulging_eyes: whether the eyes stand on bumps, as a frog's.
        beard, tusks: whether the animal has them.
        tuft: colour of a tuft of hair on the forehead, or None.
        wings: "bat" or "bird", or None.
        body_width, body_height: half the width and half the height of the body.
        tail, tail_side, dark_tail: a shape in `bodies.TAILS` or "none", the side it is on, its colour.
        belly, socks: whether belly and paws are pale.
        collar: its colour, or None.
        body_turn: how far the head leans against the body, in radians.
    """

    width: float
    height: float
    cheek: float
    jaw: float
    line: float
    yaw: float
    ear_size: float
    ear_inset: float
    ear_length: float
    ear_spread: float
    ear_tilts: tuple
    eye_x: float
    eye_y: float
    eye_size: float
    eye_opening: float
    eye_slant: float
    pupil: float
    white_eyes: bool
    gaze: tuple
    iris: tuple
    muzzle_size: float
    muzzle_height: float
    muzzle_y: float
    light_muzzle: bool
    nose_size: float
    nose_colour: tuple
    mouth: str
    smile: float
    open_mouth: bool
    tongue_x: float
    whisker_length: float
    whisker_droop: float
    trunk_swing: float
    blaze: bool
    brows: bool
    blush: bool
    body_width: float
    body_height: float
    tail: str
    tail_side: int
    dark_tail: bool
    belly: bool
    socks: bool
    collar: tuple | None
    body_turn: float
    ears: str = "round"
    eyes: str = "round"
    muzzle: str = "bear"
    nose: str = "oval"
    tongue: bool = False
    teeth: bool = False
    whiskers: int = 0
    pale_whiskers: bool = True
    fluffy_cheeks: bool = False
    light_cheeks: bool = False
    face_patch: tuple | None = None
    ear_colour: tuple | None = None
    ear_inside: tuple | None = None
    eye_patches: tuple | None = None
    mane: tuple | None = None
    wool: tuple | None = None
    spines: tuple | None = None
    horns: str | None = None
    horn: tuple = (220, 204, 172)
    bulging_eyes: bool = False
    beard: bool = False
    wings: str | None = None
    tusks: bool = False
    tuft: tuple | None = None


def choose_looks(rng):
    """Choose the looks that all animals have in common; a species then sets its own ears, eyes and muzzle.

    Args:
        rng: a `RandomStream`.

    Returns:
        `Looks`.
    """
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
