"""Output sizes, windows and costs of convolution and pooling, in plain integers.

An image's shape is (height, width, channels), without the batch axis. Every rule is the one that Keras and TensorFlow
follow, so a number computed here is the number that a built layer reports.
"""

from operator import index
from typing import NamedTuple


class ReceptiveField(NamedTuple):
    """What one output of a stack of layers sees of the input, along one axis.

    Output number i sees the input pixels from `start + i * jump` to `start + i * jump + size - 1`.

    Args:
        size: pixels from the first to the last input pixel that one output can see.
        jump: input pixels by which that window moves from one output to the next.
        start: index of the first input pixel that output 0 sees; negative if its window begins in the padding.
    """

    size: int
    jump: int
    start: int


def output_size(input_size, kernel_size, stride=1, padding="valid", dilation_rate=1):
    """Return how many outputs a sliding window has along one axis.

    With 'valid' the window stays inside the input: floor((input_size - span) / stride) + 1. With 'same' it may reach
    over the border: ceil(input_size / stride). The span of a kernel is (kernel_size - 1) * dilation_rate + 1.

    Args:
        input_size: pixels of the input along this axis, int >= 1.
        kernel_size: entries of the kernel, or pixels of the pooling window, int >= 1.
        stride: pixels from one window to the next, int >= 1.
        padding: 'valid' (no padding) or 'same' (so much padding that stride 1 keeps the size).
        dilation_rate: pixels from one entry of the kernel to the next, int >= 1; above 1 only with stride 1.

    Returns:
        int, the number of outputs, at least 1.

    Raises:
        ValueError: if no window fits (enlarge the input, or pad), if a size is not an int of at least 1, if the padding
            has another name, or if stride and dilation_rate are both above 1 (Keras refuses that too: choose one).

    Example:
        >>> output_size(28, 3)
        26
        >>> output_size(28, 3, stride=2)
        13
        >>> output_size(28, 3, stride=2, padding="same")
        14

    Source:
        TensorFlow, "Notes on padding", https://www.tensorflow.org/api_docs/python/tf/nn; drawn step by step in Dumoulin
        and Visin, "A guide to convolution arithmetic for deep learning", 2016, https://arxiv.org/abs/1603.07285.
    """
    input_size, stride = _integer("input_size", input_size), _integer("stride", stride)
    kernel_size, dilation_rate = _integer("kernel_size", kernel_size), _integer("dilation_rate", dilation_rate)
    _refuse_unknown_padding(padding)
    _refuse_stride_with_dilation("stride", stride, dilation_rate)
    if padding == "same":
        return -(-input_size // stride)  # -(-a // b) rounds up without leaving the integers
    span = _span(kernel_size, dilation_rate)
    if span > input_size:
        raise ValueError(
            f"No window fits: kernel_size {kernel_size} with dilation_rate {dilation_rate} spans {span} pixels, but "
            f"the input has {input_size}. Enlarge the input, take a smaller window, or use padding='same'."
        )
    return (input_size - span) // stride + 1


def padding_amounts(input_size, kernel_size, stride=1, padding="same", dilation_rate=1):
    """Return how many pixels of padding stand before and after the input along one axis.

    With 'same' an odd number of zeros cannot be shared equally; the extra one goes to the end (bottom or right).

    Args:
        input_size: pixels of the input along this axis, int >= 1.
        kernel_size: entries of the kernel, or pixels of the pooling window, int >= 1.
        stride: pixels from one window to the next, int >= 1.
        padding: 'valid' (always 0 and 0) or 'same'.
        dilation_rate: pixels from one entry of the kernel to the next, int >= 1; above 1 only with stride 1.

    Returns:
        (before, after), two ints >= 0.

    Raises:
        ValueError: as `output_size`, with the same remedies.

    Example:
        >>> padding_amounts(28, 3)
        (1, 1)
        >>> padding_amounts(28, 3, stride=2)
        (0, 1)

    Source:
        TensorFlow, "Notes on padding", https://www.tensorflow.org/api_docs/python/tf/nn
    """
    outputs = output_size(input_size, kernel_size, stride, padding, dilation_rate)
    if padding == "valid":
        return (0, 0)
    needed = (outputs - 1) * index(stride) + _span(index(kernel_size), index(dilation_rate))
    total = max(needed - index(input_size), 0)
    return (total // 2, total - total // 2)


def window_grid(input_shape, window_size, strides=1, padding="valid", dilation_rate=1, window_name="kernel_size"):
    """Return how many windows fit on an image: the height and width of what convolution or pooling gives.

    Args:
        input_shape: (height, width, channels), ints >= 1.
        window_size: int, or (height, width) of the kernel, pooling window or patch, in pixels.
        strides: int or (down, right) pair, pixels from one window to the next.
        padding: 'valid' or 'same'.
        dilation_rate: int or (down, right) pair; above 1 only where both strides are 1.
        window_name: what the window is called in an error message.

    Returns:
        (rows, columns), two ints >= 1.

    Raises:
        ValueError: if no window fits (enlarge the input, or pad), if a shape or a number is impossible, or if strides
            and dilation_rate are both above 1. The message names what came in, both shapes, and the remedy.

    Example:
        >>> window_grid((28, 20, 1), (3, 5))
        (26, 16)
    """
    height, width, _ = _image_shape(input_shape)
    window_size, strides = as_pair(window_name, window_size), as_pair("strides", strides)
    dilation_rate = as_pair("dilation_rate", dilation_rate)
    _refuse_unknown_padding(padding)
    _refuse_stride_with_dilation("strides", strides, dilation_rate)
    spans = (_span(window_size[0], dilation_rate[0]), _span(window_size[1], dilation_rate[1]))
    if padding == "valid" and (spans[0] > height or spans[1] > width):
        dilated = "" if spans == window_size else f" with dilation_rate {dilation_rate} spans {spans} and"
        raise ValueError(
            f"No window fits: {window_name} {window_size}{dilated} is larger than the height and width of the input "
            f"{tuple(input_shape)}. Enlarge the input, take a smaller window, or use padding='same'."
        )
    rows = output_size(height, window_size[0], strides[0], padding, dilation_rate[0])
    columns = output_size(width, window_size[1], strides[1], padding, dilation_rate[1])
    return (rows, columns)


def convolution_shape(input_shape, filters, kernel_size, strides=1, padding="valid", dilation_rate=1):
    """Return the shape of the response maps that a Conv2D layer gives for one image.

    Args:
        input_shape: (height, width, channels), ints >= 1.
        filters: number of filters, int >= 1; each gives one response map.
        kernel_size: int, or (height, width) of the kernel, in pixels.
        strides: int or (down, right) pair, pixels from one window to the next.
        padding: 'valid' or 'same'.
        dilation_rate: int or (down, right) pair; above 1 only where both strides are 1.

    Returns:
        (height, width, filters), three ints.

    Raises:
        ValueError: if no window fits (enlarge the input, or pad), if a shape or a number is impossible, or if strides
            and dilation_rate are both above 1. The message names what came in, both shapes, and the remedy.

    Example:
        >>> convolution_shape((28, 28, 1), filters=64, kernel_size=3)
        (26, 26, 64)
    """
    filters = _integer("filters", filters)
    return (*window_grid(input_shape, kernel_size, strides, padding, dilation_rate), filters)


def pooling_shape(input_shape, pool_size=2, strides=None, padding="valid"):
    """Return the shape that a MaxPooling2D or AveragePooling2D layer gives for one image.

    Args:
        input_shape: (height, width, channels), ints >= 1.
        pool_size: int, or (height, width) of the window, in pixels.
        strides: int or (down, right) pair, pixels from one window to the next; None means pool_size, so that the
            windows touch and do not overlap.
        padding: 'valid' or 'same'.

    Returns:
        (height, width, channels), three ints; pooling never mixes channels, so their number stays.

    Raises:
        ValueError: if no window fits (enlarge the input, or pad), or if a shape or a number is impossible. The message
            names what came in, both shapes, and the remedy.

    Example:
        >>> pooling_shape((26, 13, 64))
        (13, 6, 64)
    """
    strides = pool_size if strides is None else strides
    channels = _image_shape(input_shape)[2]
    return (*window_grid(input_shape, pool_size, strides, padding, window_name="pool_size"), channels)


def convolution_parameters(kernel_size, input_channels, filters, use_bias=True):
    """Return how many weights a Conv2D layer learns; the size of the image does not matter.

    Args:
        kernel_size: int, or (height, width) of the kernel, in pixels.
        input_channels: channels of the layer's input, int >= 1; every filter spans all of them.
        filters: number of filters, int >= 1.
        use_bias: whether each filter has one number that is added to all its outputs.

    Returns:
        int, the number of trainable weights.

    Raises:
        ValueError: if a number is not an int of at least 1.

    Example:
        >>> convolution_parameters(3, input_channels=1, filters=64)
        640
    """
    height, width = as_pair("kernel_size", kernel_size)
    input_channels, filters = _integer("input_channels", input_channels), _integer("filters", filters)
    return height * width * input_channels * filters + (filters if use_bias else 0)


def dense_parameters(inputs, units, use_bias=True):
    """Return how many weights a Dense layer learns: one for every pair of input and unit.

    Args:
        inputs: numbers that go in, int >= 1; for a flattened image height * width * channels.
        units: numbers that come out, int >= 1.
        use_bias: whether each unit has one number that is added to its output.

    Returns:
        int, the number of trainable weights.

    Raises:
        ValueError: if a number is not an int of at least 1.

    Example:
        >>> dense_parameters(28 * 28, units=64)
        50240
    """
    inputs, units = _integer("inputs", inputs), _integer("units", units)
    return inputs * units + (units if use_bias else 0)


def convolution_multiply_adds(input_shape, filters, kernel_size, strides=1, padding="valid", dilation_rate=1):
    """Return how many products a Conv2D layer computes and sums up for one image.

    Every output is one sum over a window of all input channels. Products with the zeros of the padding are counted,
    the bias is not.

    Args:
        input_shape: (height, width, channels), ints >= 1.
        filters: number of filters, int >= 1.
        kernel_size: int, or (height, width) of the kernel, in pixels.
        strides: int or (down, right) pair, pixels from one window to the next.
        padding: 'valid' or 'same'.
        dilation_rate: int or (down, right) pair; it spreads the window and adds no product.

    Returns:
        int, the number of multiply-adds.

    Raises:
        ValueError: as `convolution_shape`, with the same remedies.

    Example:
        >>> convolution_multiply_adds((28, 28, 1), filters=64, kernel_size=3)
        389376
    """
    rows, columns, filters = convolution_shape(input_shape, filters, kernel_size, strides, padding, dilation_rate)
    input_channels = _image_shape(input_shape)[2]
    return rows * columns * convolution_parameters(kernel_size, input_channels, filters, use_bias=False)


def receptive_field(layers):
    """Return what one output of a stack of convolutions and poolings sees of the input, along one axis.

    Each layer widens the window by (span - 1) steps of the layer below, and such a step is `jump` input pixels: the
    product of the strides so far. Padding moves the window, it does not widen it.

    Args:
        layers: from input to output, each (kernel_size, stride), (kernel_size, stride, dilation_rate) or
            (kernel_size, stride, dilation_rate, pad_before), all ints. pad_before is the padding in front of that
            layer's input, the first number of `padding_amounts`; without it the layer counts as 'valid'.

    Returns:
        ReceptiveField(size, jump, start) in input pixels: output i sees the pixels from start + i * jump to
        start + i * jump + size - 1, as far as they lie on the image. An empty stack sees one pixel: (1, 1, 0).

    Raises:
        ValueError: if a layer has another form, a number is not an int (sizes at least 1, pad_before at least 0), or
            stride and dilation_rate of one layer are both above 1. The message names the layer's number, from 1.

    Example:
        >>> receptive_field([(3, 1), (2, 2), (3, 1)])
        ReceptiveField(size=8, jump=2, start=0)
        >>> receptive_field([(3, 1, 1, 1), (3, 1, 1, 1)])  # two 3x3 convolutions with 'same'
        ReceptiveField(size=5, jump=1, start=-2)

    Source:
        Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill, 2019,
        https://doi.org/10.23915/distill.00021
    """
    size, jump, start = 1, 1, 0
    for number, layer in enumerate(layers, start=1):
        kernel_size, stride, dilation_rate, pad_before = _layer_numbers(number, layer)
        size += (_span(kernel_size, dilation_rate) - 1) * jump
        start -= pad_before * jump
        jump *= stride
    return ReceptiveField(size, jump, start)


def as_pair(name, value):
    """Return a size, stride or dilation rate as a (height, width) pair.

    Args:
        name: what the value is called in an error message.
        value: one int for both axes, or a tuple or list of two ints, all >= 1.

    Returns:
        (height, width), two plain ints.

    Raises:
        ValueError: if the value is anything else; the message names it and what is possible.

    Example:
        >>> as_pair("strides", 2)
        (2, 2)
        >>> as_pair("strides", (2, 1))
        (2, 1)
    """
    entries = value if isinstance(value, (tuple, list)) else (value, value)
    if len(entries) != 2:
        raise ValueError(f"{name} must be one int or a (height, width) pair of ints, got {value!r}.")
    return (_integer(name, entries[0]), _integer(name, entries[1]))


def _span(kernel_size, dilation_rate):
    """Return the pixels from the first to the last entry of a kernel, holes included."""
    return (kernel_size - 1) * dilation_rate + 1


def _integer(name, value, smallest=1):
    """Return the value as a plain int; raise a ValueError that names it."""
    try:
        number = None if isinstance(value, bool) else index(value)  # index() also takes NumPy's integers
    except TypeError:
        number = None
    if number is None:
        raise ValueError(f"{name} must be an int, got {value!r}. Write a whole number, and divide with // not with /.")
    if number < smallest:
        raise ValueError(f"{name} must be at least {smallest}, got {value!r}.")
    return number


def _image_shape(input_shape):
    """Return the shape as three plain ints; raise a ValueError that says how it should look."""
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        raise ValueError(
            f"input_shape must be (height, width, channels), got {input_shape!r}. Leave the batch axis out, and give a "
            "grey image one channel: (28, 28, 1)."
        )
    names = ("height", "width", "channels")
    return tuple(
        _integer(f"{name} in input_shape {tuple(input_shape)}", size)
        for name, size in zip(names, input_shape, strict=True)
    )


def _layer_numbers(number, layer):
    """Return (kernel_size, stride, dilation_rate, pad_before) of one layer of a stack, checked."""
    if not isinstance(layer, (tuple, list)) or not 2 <= len(layer) <= 4:
        raise ValueError(
            f"Layer {number} must be (kernel_size, stride), (kernel_size, stride, dilation_rate) or "
            f"(kernel_size, stride, dilation_rate, pad_before), got {layer!r}."
        )
    kernel_size = _integer(f"kernel_size of layer {number}", layer[0])
    stride = _integer(f"stride of layer {number}", layer[1])
    dilation_rate = _integer(f"dilation_rate of layer {number}", layer[2]) if len(layer) > 2 else 1
    pad_before = _integer(f"pad_before of layer {number}", layer[3], smallest=0) if len(layer) > 3 else 0
    _refuse_stride_with_dilation(f"stride of layer {number}", stride, dilation_rate)
    return kernel_size, stride, dilation_rate, pad_before


def _refuse_unknown_padding(padding):
    """Raise an error unless the padding is one of the two that a Keras layer for images takes."""
    if padding not in ("valid", "same"):
        raise ValueError(
            f"padding must be 'valid' or 'same', got {padding!r}. 'valid' adds nothing; 'same' adds so much that "
            "stride 1 keeps the size."
        )


def _refuse_stride_with_dilation(name, strides, dilation_rate):
    """Raise an error if both are above 1 on any axis, which Keras refuses too."""
    largest = [max(value) if isinstance(value, tuple) else value for value in (strides, dilation_rate)]
    if min(largest) > 1:
        raise ValueError(
            f"{name} {strides} and dilation_rate {dilation_rate} are both above 1, which Keras refuses. Set one to 1."
        )
