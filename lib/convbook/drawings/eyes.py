"""Eyes: one function per shape, each drawing one eye at a point of the head."""

from convbook.drawings.colours import WHITE, brightness, mix
from convbook.drawings.curves import bezier

PUPIL = (26, 20, 24)
EYE_WHITE = (250, 248, 242)


def draw_eyes(pen, looks, coat):
    """Draw both eyes in the shape that `looks.eyes` names; the pen is placed on the face.

    A head that looks to one side shows the farther eye smaller and closer.
    """
    draw_eye = SHAPES[looks.eyes]
    with pen.part("eyes"):
        for side in (-1, 1):
            x = side * looks.eye_x * (1 - 0.12 * side * looks.yaw)
            size = looks.eye_size * (1 - 0.1 * side * looks.yaw)
            draw_eye(pen, looks, coat, x, looks.eye_y, size)


def draw_closed(pen, looks, coat, x, y, size):
    """A curve: the animal sleeps or laughs."""
    colour = PUPIL if brightness(coat.base) > 0.34 else (235, 230, 225)
    pen.stroke(bezier((x - size, y), (x, y + size * 1.1), (x + size, y), 7), colour, 0.06)


def draw_dot(pen, looks, coat, x, y, size):
    """A dark button, with a pale rim on dark fur."""
    rim = mix(coat.base, WHITE, 0.55) if brightness(coat.base) < 0.34 else None
    pen.ellipse(x, y, size * 0.62, size * 0.68, PUPIL, rim, 0.04)
    _draw_glint(pen, looks, x, y, size)


def draw_slit(pen, looks, coat, x, y, size):
    """An iris with an upright pupil, as a cat's."""
    height = size * looks.eye_opening
    slant = looks.eye_slant if x < 0 else -looks.eye_slant
    pen.ellipse(x, y, size, height, looks.iris, PUPIL, 0.05, rotation=slant)
    pupil_x, pupil_y = x + looks.gaze[0] * size * 0.4, y + looks.gaze[1] * size * 0.3
    pen.ellipse(pupil_x, pupil_y, size * looks.pupil, height * 0.86, PUPIL)
    _draw_glint(pen, looks, x, y, size)


def draw_round(pen, looks, coat, x, y, size):
    """An iris with a round pupil, with or without the white around it."""
    height = size * looks.eye_opening
    iris_share = 0.72 if looks.white_eyes else 0.9
    gaze_x, gaze_y = looks.gaze
    pen.ellipse(x, y, size, height, EYE_WHITE if looks.white_eyes else looks.iris, PUPIL, 0.05)
    iris_x, iris_y = x + gaze_x * size * 0.25, y + gaze_y * size * 0.25
    pen.ellipse(iris_x, iris_y, size * iris_share, height * iris_share, looks.iris)
    pen.ellipse(x + gaze_x * size * 0.3, y + gaze_y * size * 0.3, size * 0.48, height * 0.5, PUPIL)
    _draw_glint(pen, looks, x, y, size)


def draw_owlish(pen, looks, coat, x, y, size):
    """A large eye in a pale disc of feathers."""
    pen.ellipse(x, y, size * 1.7, size * 1.7, mix(coat.base, WHITE, 0.55), coat.edge, 0.04)
    pen.ellipse(x, y, size * 1.1, size * 1.1, looks.iris, PUPIL, 0.05)
    pen.ellipse(x + looks.gaze[0] * size * 0.3, y, size * 0.6, size * 0.6, PUPIL)
    _draw_glint(pen, looks, x, y, size)


def _draw_glint(pen, looks, x, y, size):
    pen.ellipse(x - size * 0.25 + looks.gaze[0] * size * 0.2, y - size * 0.32, size * 0.24, size * 0.24, WHITE)


SHAPES = {"closed": draw_closed, "dot": draw_dot, "slit": draw_slit, "round": draw_round, "owlish": draw_owlish}
