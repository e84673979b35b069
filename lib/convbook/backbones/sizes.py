"""Which sizes of picture a backbone can take."""

import operator

import keras

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
    if not has_output(backbone, (size_px, size_px, channels)):
        raise ValueError(
            f"image_size_px={size_px} is too small for {backbone.name}, of whose feature maps nothing would be left; "
            f"use at least {smallest_px(backbone, (size_px, size_px, channels))}."
        )


def smallest_px(model, shape):
    """The smallest size of square pictures with an output, given a shape (height, width, channels) that has none."""
    low, high = min(shape[:2]), LARGEST_PX
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if has_output(model, (middle, middle, shape[2])) else (middle, high)
    return high


def has_output(model, shape):
    """Whether anything is left of pictures of this shape, (height, width, channels), at the end of a model."""
    try:
        output = _output_shape(model, (1, *shape))
    except ValueError:
        return False
    return not isinstance(output, tuple) or all(side is None or side > 0 for side in output)


def _output_shape(model, shape):
    """The shape of what comes out, for a keras.Sequential with a KerasHub converter too, which cannot tell its own."""
    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            shape = _output_shape(layer, shape)
        return shape
    try:
        return model.compute_output_shape(shape)
    except NotImplementedError:
        size = getattr(model, "image_size", None)
        return (shape[0], *size, shape[3]) if size else shape
