"""Convolution and pooling, written out in loops as the chapters explain them.

`slide_kernel`, `spread_kernel`, `slide_pool` and `cut_patches` are what a reader sees: they do the work, check nothing,
and repeat the same two loops, because each is read alone in its chapter. `convolve2d`, `max_pool2d`, `average_pool2d`
and `extract_patches` wrap them: they check their arguments, pad, and agree with Keras. One image at a time,
(height, width, channels); for many images and for speed, use Keras.
"""

import numpy as np

from convbook.shapes import as_pair, convolution_shape, padding_amounts, pooling_shape, window_grid


def slide_kernel(image, kernel, strides=(1, 1)):
    """Multiply every patch of the image with the same kernel.

    Args:
        image: (height, width, channels), at least as large as the kernel; it is not padded.
        kernel: (kernel height, kernel width, channels, filters).
        strides: (down, right) pair, pixels from one window to the next.

    Returns:
        float64 (rows, columns, filters): one response map per filter.

    Example:
        >>> image = np.arange(12.0).reshape(3, 4, 1)
        >>> slide_kernel(image, np.ones((2, 2, 1, 1)))[:, :, 0]
        array([[10., 14., 18.],
               [26., 30., 34.]])
    """
    kernel_height, kernel_width, _, filters = kernel.shape
    rows = (image.shape[0] - kernel_height) // strides[0] + 1
    columns = (image.shape[1] - kernel_width) // strides[1] + 1
    output = np.zeros((rows, columns, filters))
    for i in range(rows):
        for j in range(columns):
            top, left = i * strides[0], j * strides[1]
            patch = image[top : top + kernel_height, left : left + kernel_width, :]
            output[i, j, :] = np.tensordot(patch, kernel, axes=3)
    return output


def spread_kernel(kernel, dilation_rate):
    """Put holes of zeros between the entries of a kernel, so that it sees further with as many weights.

    A hole multiplies what lies under it by zero, so only an infinite or missing pixel (inf, nan) still shows through.

    Args:
        kernel: (kernel height, kernel width, channels, filters).
        dilation_rate: (down, right) pair, pixels from one entry to the next; (1, 1) leaves no hole.

    Returns:
        (spread height, spread width, channels, filters), the kernel's dtype.

    Example:
        >>> spread_kernel(np.array([1, 2, 3]).reshape(1, 3, 1, 1), (1, 2)).ravel()
        array([1, 0, 2, 0, 3])
    """
    kernel_height, kernel_width, channels, filters = kernel.shape
    height = (kernel_height - 1) * dilation_rate[0] + 1
    width = (kernel_width - 1) * dilation_rate[1] + 1
    spread = np.zeros((height, width, channels, filters), dtype=kernel.dtype)
    spread[:: dilation_rate[0], :: dilation_rate[1]] = kernel
    return spread


def slide_pool(image, pool_size, strides, summarize):
    """Summarize every window of the image by one number per channel.

    Args:
        image: (height, width, channels), at least as large as the window; it is not padded.
        pool_size: (height, width) of the window, in pixels.
        strides: (down, right) pair, pixels from one window to the next.
        summarize: np.max, np.mean, or another function that takes an array and the axes to summarize.

    Returns:
        (rows, columns, channels), of the dtype that summarize gives: no channel is mixed with another.

    Example:
        >>> image = np.arange(12).reshape(3, 4, 1)
        >>> slide_pool(image, (2, 2), (1, 2), np.max)[:, :, 0]
        array([[ 5,  7],
               [ 9, 11]])
    """
    rows = (image.shape[0] - pool_size[0]) // strides[0] + 1
    columns = (image.shape[1] - pool_size[1]) // strides[1] + 1
    output = np.zeros((rows, columns, image.shape[2]), dtype=summarize(image).dtype)
    for i in range(rows):
        for j in range(columns):
            top, left = i * strides[0], j * strides[1]
            window = image[top : top + pool_size[0], left : left + pool_size[1], :]
            output[i, j, :] = summarize(window, axis=(0, 1))
    return output


def cut_patches(image, patch_size, strides=(1, 1)):
    """Cut out every patch that a kernel of this size would see.

    Args:
        image: (height, width, channels), at least as large as the patch; it is not padded.
        patch_size: (height, width) of a patch, in pixels.
        strides: (down, right) pair, pixels from one patch to the next.

    Returns:
        (rows, columns, patch height, patch width, channels), the image's dtype.

    Example:
        >>> image = np.arange(12).reshape(3, 4, 1)
        >>> cut_patches(image, (2, 2))[1, 2, :, :, 0]
        array([[ 6,  7],
               [10, 11]])
    """
    rows = (image.shape[0] - patch_size[0]) // strides[0] + 1
    columns = (image.shape[1] - patch_size[1]) // strides[1] + 1
    patches = np.zeros((rows, columns, *patch_size, image.shape[2]), dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            top, left = i * strides[0], j * strides[1]
            patches[i, j] = image[top : top + patch_size[0], left : left + patch_size[1], :]
    return patches


def convolve2d(image, kernel, bias=None, strides=1, padding="valid", dilation_rate=1):
    """Return the response maps of one image, as a Conv2D layer without activation computes them.

    The kernel is not flipped: strictly a cross-correlation, called convolution as everybody does.

    Args:
        image: (height, width, channels), numbers of any type.
        kernel: (kernel height, kernel width, channels, filters), the layout of Keras's weights.
        bias: None or (filters,), added to every output of its filter.
        strides: int or (down, right) pair, pixels from one window to the next.
        padding: 'valid', or 'same' for zeros around the image, an odd one at the bottom and right.
        dilation_rate: int or (down, right) pair, pixels from one entry of the kernel to the next; above 1 only where
            both strides are 1.

    Returns:
        (rows, columns, filters), floats: float32 or float64 as NumPy promotes image and kernel; integers alone give
        float64, so nothing overflows.

    Raises:
        ValueError: if ranks, channels or the bias do not fit, or if `shapes.convolution_shape` finds no window; the
            message names both shapes and the remedy.

    Example:
        >>> image = np.array([[1, 2, 3], [4, 5, 6]], dtype="uint8")[:, :, np.newaxis]
        >>> step_to_the_right = np.array([-1, 1]).reshape(1, 2, 1, 1)
        >>> convolve2d(image, step_to_the_right)[:, :, 0]
        array([[1., 1.],
               [1., 1.]])
    """
    image, kernel = _as_image(image), _as_kernel(kernel)
    kernel_height, kernel_width, channels, filters = kernel.shape
    if image.shape[2] != channels:
        raise ValueError(
            f"The kernel {kernel.shape} spans {channels} channels, but the image {image.shape} has {image.shape[2]}. "
            "Give a kernel (kernel height, kernel width, channels of the image, filters), and an image with its "
            "channels last: np.moveaxis(image, 0, -1) moves them there from the front."
        )
    bias = _as_bias(bias, kernel)
    convolution_shape(image.shape, filters, (kernel_height, kernel_width), strides, padding, dilation_rate)
    dtype = _float_dtype(image, kernel)
    strides = as_pair("strides", strides)
    kernel = spread_kernel(kernel, as_pair("dilation_rate", dilation_rate))
    image = _pad(image.astype(dtype), kernel.shape[:2], strides, padding, 0)
    return (slide_kernel(image, kernel, strides) + bias).astype(dtype)


def max_pool2d(image, pool_size=2, strides=None, padding="valid"):
    """Return the largest value of every window, channel by channel, as a MaxPooling2D layer computes it.

    Args:
        image: (height, width, channels), real numbers of any type.
        pool_size: int, or (height, width) of the window, in pixels.
        strides: int or (down, right) pair, pixels from one window to the next; None means pool_size.
        padding: 'valid', or 'same' for windows that reach over the border; what lies outside is never the maximum.

    Returns:
        (rows, columns, channels), the image's dtype: a maximum is one of the image's own values.

    Raises:
        ValueError: if the image has another rank, or if `shapes.pooling_shape` finds no window; the message names
            both shapes and the remedy.

    Example:
        >>> image = np.array([[1, 7, 3, 0], [4, 5, 6, 2]], dtype="uint8")[:, :, np.newaxis]
        >>> max_pool2d(image)[:, :, 0]
        array([[7, 6]], dtype=uint8)
    """
    image = _as_image(image)
    pool_size, strides = _pool_windows(image, pool_size, strides, padding)
    image = _pad(image, pool_size, strides, padding, _smallest_value(image.dtype))
    return slide_pool(image, pool_size, strides, np.max)


def average_pool2d(image, pool_size=2, strides=None, padding="valid"):
    """Return the mean of every window, channel by channel, as an AveragePooling2D layer computes it.

    Args:
        image: (height, width, channels), real numbers of any type.
        pool_size: int, or (height, width) of the window, in pixels.
        strides: int or (down, right) pair, pixels from one window to the next; None means pool_size.
        padding: 'valid', or 'same' for windows that reach over the border; what lies outside is not counted.

    Returns:
        (rows, columns, channels), floats: float32 or float64 as the image; integers give float64.

    Raises:
        ValueError: if the image has another rank, or if `shapes.pooling_shape` finds no window; the message names
            both shapes and the remedy.

    Example:
        >>> image = np.array([[1, 7, 3, 0], [4, 5, 6, 2]], dtype="uint8")[:, :, np.newaxis]
        >>> average_pool2d(image)[:, :, 0]
        array([[4.25, 2.75]])
    """
    image = _as_image(image)
    pool_size, strides = _pool_windows(image, pool_size, strides, padding)
    image = image.astype(_float_dtype(image))
    if padding == "valid":
        return slide_pool(image, pool_size, strides, np.mean)
    # Zeros outside the image add nothing to the sum, but np.mean would count them: count the image's pixels instead.
    sums = slide_pool(_pad(image, pool_size, strides, padding, 0), pool_size, strides, np.sum)
    counts = slide_pool(_pad(np.ones_like(image), pool_size, strides, padding, 0), pool_size, strides, np.sum)
    return sums / counts


def extract_patches(image, patch_size, strides=1, padding="valid"):
    """Return every patch of one image, so that a convolution becomes one product of two matrices.

    `patches.reshape(-1, kh * kw * channels) @ kernel.reshape(-1, filters)` is the convolution, one row per output.

    Args:
        image: (height, width, channels), numbers of any type.
        patch_size: int, or (height, width) of a patch, in pixels.
        strides: int or (down, right) pair, pixels from one patch to the next.
        padding: 'valid', or 'same' for zeros around the image, an odd one at the bottom and right.

    Returns:
        (rows, columns, patch height, patch width, channels), the image's dtype; a copy, not a view.

    Raises:
        ValueError: if the image has another rank, or if no patch fits; the message names both shapes and the remedy.

    Example:
        >>> image = np.arange(12).reshape(3, 4, 1)
        >>> patches = extract_patches(image, patch_size=2)
        >>> patches.shape
        (2, 3, 2, 2, 1)
        >>> patches.reshape(-1, 2 * 2 * 1) @ np.ones((4, 1), dtype=int)[:, 0]
        array([10, 14, 18, 26, 30, 34])
    """
    image = _as_image(image)
    window_grid(image.shape, patch_size, strides, padding, window_name="patch_size")
    patch_size, strides = as_pair("patch_size", patch_size), as_pair("strides", strides)
    return cut_patches(_pad(image, patch_size, strides, padding, 0), patch_size, strides)


def _as_image(image):
    """Return the image as an array of real numbers of rank 3; raise a ValueError that says what is missing."""
    image = np.asarray(image)
    if image.ndim != 3:
        remedies = {
            2: "Give a grey image its channel axis: image[:, :, np.newaxis].",
            4: "Take one image out of the batch: images[0].",
        }
        remedy = remedies.get(image.ndim, "One image has three axes.")
        raise ValueError(f"The image must be (height, width, channels), got the shape {image.shape}. {remedy}")
    _refuse_other_numbers("image", image)
    return image


def _as_kernel(kernel):
    """Return the kernel as an array of real numbers of rank 4; raise a ValueError that says what is missing."""
    kernel = np.asarray(kernel)
    if kernel.ndim != 4 or 0 in kernel.shape:
        raise ValueError(
            f"The kernel must be (kernel height, kernel width, channels, filters), all at least 1, got the shape "
            f"{kernel.shape}. For one filter on one channel: kernel.reshape(kernel height, kernel width, 1, 1)."
        )
    _refuse_other_numbers("kernel", kernel)
    return kernel


def _as_bias(bias, kernel):
    """Return one number per filter: zeros where there is no bias."""
    filters = kernel.shape[3]
    bias = np.zeros(filters) if bias is None else np.asarray(bias)
    if bias.shape != (filters,):
        raise ValueError(
            f"The bias must have one number for each of the {filters} filters of the kernel {kernel.shape}: shape "
            f"({filters},), got {bias.shape}."
        )
    _refuse_other_numbers("bias", bias)
    return bias


def _refuse_other_numbers(name, array):
    """Booleans count as 0 and 1; text, objects and complex numbers have no maximum to pool."""
    if array.dtype.kind not in "buif":
        raise ValueError(f"The {name} must hold real numbers, got the dtype {array.dtype}. Convert: astype('float32').")


def _float_dtype(*arrays):
    """Return float32 or wider, as NumPy promotes; integers alone give float64, which holds their sums exactly."""
    has_floats = any(array.dtype.kind == "f" for array in arrays)
    return np.result_type(*arrays, np.float32 if has_floats else np.float64)


def _smallest_value(dtype):
    """Return the smallest value of a dtype, which padding must not exceed."""
    if dtype.kind == "f":
        return -np.inf
    return False if dtype.kind == "b" else np.iinfo(dtype).min


def _pool_windows(image, pool_size, strides, padding):
    """Return window and strides as pairs, after the check that they fit the image."""
    pooling_shape(image.shape, pool_size, strides, padding)
    pool_size = as_pair("pool_size", pool_size)
    return pool_size, pool_size if strides is None else as_pair("strides", strides)


def _pad(image, window_size, strides, padding, value):
    """Return the image with a border of one value, as wide as the padding asks; the channels have none."""
    heights = padding_amounts(image.shape[0], window_size[0], strides[0], padding)
    widths = padding_amounts(image.shape[1], window_size[1], strides[1], padding)
    return np.pad(image, (heights, widths, (0, 0)), constant_values=value)
