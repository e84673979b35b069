"""Pictures: one at a time, by kind and seed."""

import operator

from convbook.drawings.kinds import check_kind
from convbook.drawings.scenes import draw_scene

SIZES_PX = (16, 1024)
DIFFICULTIES = (0, 2)


def draw(kind, seed, size_px=64, difficulty=1.0):
    """Draw one picture, the same for the same arguments on every machine.

    Args:
        kind: what to draw, one of `PETS` or `WORLD`.
        seed: a whole number: which of the pictures of this kind. The same seed shows the same animal at every size
            and difficulty.
        size_px: height and width, 16 to 1024.
        difficulty: 0 to 2. At 0 the animal is large, central and clean; at 1, the book's setting, heads take half to
            three quarters of the width, a quarter of the animals show their bodies and a fifth has something in
            front; at 2 heads may be small, half show their bodies, two fifths are occluded, and blur and noise are
            doubled.

    Returns:
        The picture, uint8 (size_px, size_px, 3).

    Raises:
        ValueError: if there is no such kind, or if `size_px` or `difficulty` is out of range.

    Example:
        >>> draw("cat", seed=3).shape
        (64, 64, 3)
    """
    check_request(kind, seed, size_px, difficulty)
    image, _ = draw_scene(kind, seed, size_px, difficulty)
    return image


def draw_with_masks(kind, seed, size_px=64, difficulty=1.0):
    """Draw one picture and map which of its pixels show which part of the animal.

    Args:
        kind, seed, size_px, difficulty: as for `draw`.

    Returns:
        The same picture as `draw` returns, and a dictionary of masks, bool (size_px, size_px): one for each of `PARTS`
        and one for the whole "subject". A mask is True where the part is seen and covers at least a third of the
        pixel; what lies behind a leaf does not count. Parts that this kind or pose does not have are False everywhere.

    Raises:
        ValueError: as `draw`.

    Example:
        >>> image, masks = draw_with_masks("cat", seed=3)
        >>> list(masks)
        ['subject', 'body', 'head', 'ears', 'eyes', 'muzzle', 'nose', 'whiskers']
        >>> bool(masks["ears"].any())
        True
    """
    check_request(kind, seed, size_px, difficulty)
    image, pen = draw_scene(kind, seed, size_px, difficulty, maps_parts=True)
    return image, pen.masks()


def draw_background(kind, seed, size_px=64, difficulty=1.0):
    """Draw the same picture as `draw`, but without the animal or thing that it is a picture of.

    Args:
        kind, seed, size_px, difficulty: as for `draw`.

    Returns:
        The empty scene, with whatever stands about and in front: uint8 (size_px, size_px, 3).

    Raises:
        ValueError: as `draw`.

    Example:
        >>> bool((draw_background("cat", seed=3) == draw("cat", seed=3)).all())
        False
    """
    check_request(kind, seed, size_px, difficulty)
    image, _ = draw_scene(kind, seed, size_px, difficulty, with_subject=False)
    return image


def check_request(kind, seed, size_px, difficulty):
    """Refuse what cannot be drawn, with a sentence that says what can."""
    check_kind(kind)
    for name, value in (("seed", seed), ("size_px", size_px)):
        try:
            operator.index(value)
        except TypeError:
            raise ValueError(f"{name} is {value!r}; give a whole number.") from None
    if not SIZES_PX[0] <= size_px <= SIZES_PX[1]:
        raise ValueError(f"size_px is {size_px}; give a whole number from {SIZES_PX[0]} to {SIZES_PX[1]}.")
    if not DIFFICULTIES[0] <= difficulty <= DIFFICULTIES[1]:
        raise ValueError(f"difficulty is {difficulty}; give a number from {DIFFICULTIES[0]} to {DIFFICULTIES[1]}.")
