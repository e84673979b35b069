"""Which sizes of picture a backbone can take."""

import operator

LARGEST_PX = 4096


def whole(image_size_px):
    """The size as an int, or None where none is asked for; refuse what is no size."""
    if image_size_px is None:
        return None
    try:
        size_px = -1 if isinstance(image_size_px, bool) else operator.index(image_size_px)
    except TypeError:
        size_px = -1
    if not 1 <= size_px <= LARGEST_PX:
        raise ValueError(
            f"image_size_px={image_size_px!r} is not possible: give the height and width of the square pictures as one "
            f"int from 1 to {LARGEST_PX}, such as 180, or None."
        )
    return size_px


def refuse_impossible(backbone, size_px):
    """Refuse a size for which the backbone has no output."""
    if size_px is None:
        return
    *sides, channels = backbone.input_shape[1:]
    if any(side not in (None, size_px) for side in sides):
        height, width = sides
        raise ValueError(
            f"image_size_px={size_px} is not possible: {backbone.name} takes pictures of {height}x{width} only; "
            f"use image_size_px={height}."
        )
    if not _has_output(backbone, size_px, channels):
        raise ValueError(
            f"image_size_px={size_px} is too small for {backbone.name}, of whose feature maps nothing would be left; "
            f"use at least {_smallest(backbone, size_px, channels)}."
        )


def _smallest(backbone, too_small_px, channels):
    """The smallest size with an output, by halving the range that holds it."""
    low, high = too_small_px, LARGEST_PX
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _has_output(backbone, middle, channels) else (middle, high)
    return high


def _has_output(backbone, size_px, channels):
    try:
        shape = backbone.compute_output_shape((1, size_px, size_px, channels))
    except ValueError:
        return False
    return all(side > 0 for side in shape)
