"""The loops against keras.ops, on images that are not square."""

import time

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convbook.operations import (
    average_pool2d,
    convolve2d,
    cut_patches,
    extract_patches,
    max_pool2d,
    slide_kernel,
    slide_pool,
)
from convbook.shapes import convolution_shape, pooling_shape

# The same examples on every run: a red test then means a change in the code, not luck.
many = settings(deadline=None, max_examples=150, derandomize=True)
some = settings(deadline=None, max_examples=60, derandomize=True)


def whole_numbers(seed, *shape):
    """Random whole numbers as float32: sums of them are exact, so two ways of computing must agree to the last bit."""
    return np.random.default_rng(seed).integers(-9, 10, shape).astype("float32")


def in_keras(operation, image, *arguments, **options):
    """The operation of keras.ops on a batch of this one image."""
    return keras.ops.convert_to_numpy(operation(image[np.newaxis], *arguments, **options))[0]


@st.composite
def windows(draw, dilation=False):
    """An image's shape and a window that fits it: (shape, window size, strides, padding, dilation rate)."""
    sizes, steps = st.tuples(st.integers(1, 4), st.integers(1, 4)), st.tuples(st.integers(1, 3), st.integers(1, 3))
    window_size, padding = draw(sizes), draw(st.sampled_from(["valid", "same"]))
    dilated = dilation and draw(st.booleans())
    strides, dilation_rate = ((1, 1), draw(steps)) if dilated else (draw(steps), (1, 1))
    spans = [(window_size[axis] - 1) * dilation_rate[axis] + 1 for axis in (0, 1)]
    smallest = spans if padding == "valid" else (1, 1)
    height, width = (smallest[axis] + draw(st.integers(0, 7)) for axis in (0, 1))
    return (height, width, draw(st.integers(1, 3))), window_size, strides, padding, dilation_rate


# Convolution


@many
@given(windows(dilation=True), st.integers(1, 3), st.integers(0, 99))
def test_convolution_agrees_with_keras(window, filters, seed):
    shape, kernel_size, strides, padding, dilation_rate = window
    image, kernel = whole_numbers(seed, *shape), whole_numbers(seed + 1, *kernel_size, shape[2], filters)
    ours = convolve2d(image, kernel, None, strides, padding, dilation_rate)
    theirs = in_keras(keras.ops.conv, image, kernel, strides, padding, dilation_rate=dilation_rate)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.shape == convolution_shape(shape, filters, kernel_size, strides, padding, dilation_rate)


def test_convolution_agrees_with_a_keras_layer_and_its_bias():
    layer = keras.layers.Conv2D(4, (3, 2), strides=(2, 1), padding="same", bias_initializer="random_normal")
    image = np.random.default_rng(0).normal(size=(7, 10, 3)).astype("float32")
    theirs = keras.ops.convert_to_numpy(layer(image[np.newaxis]))[0]
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(convolve2d(image, kernel, bias, (2, 1), "same"), theirs, rtol=1e-5, atol=1e-5)


# Pooling


def test_padding_never_wins_the_maximum_and_never_counts_in_the_average():
    image = np.full((3, 5, 1), -7, dtype="float32")
    np.testing.assert_array_equal(max_pool2d(image, 3, 1, "same"), image)
    np.testing.assert_array_equal(average_pool2d(image, 3, 1, "same"), image)
    darkest = np.full((3, 5, 1), -128, dtype="int8")
    np.testing.assert_array_equal(max_pool2d(darkest, 3, 1, "same"), darkest)


@many
@given(windows(), st.booleans(), st.integers(0, 99))
def test_pooling_agrees_with_keras(window, touching, seed):
    shape, pool_size, strides, padding, _ = window
    strides = None if touching else strides
    image = whole_numbers(seed, *shape) - 20  # all below zero, so that a zero of the padding would show
    for pool, operation in ((max_pool2d, keras.ops.max_pool), (average_pool2d, keras.ops.average_pool)):
        ours = pool(image, pool_size, strides, padding)
        np.testing.assert_allclose(ours, in_keras(operation, image, pool_size, strides, padding), rtol=1e-6)
        assert ours.shape == pooling_shape(shape, pool_size, strides, padding)


# Patches


@some
@given(windows(), st.integers(0, 99))
def test_patches_are_those_that_keras_cuts(window, seed):
    shape, patch_size, strides, padding, _ = window
    image = whole_numbers(seed, *shape)
    ours = extract_patches(image, patch_size, strides, padding)
    theirs = in_keras(keras.ops.image.extract_patches, image, patch_size, strides=strides, padding=padding)
    np.testing.assert_array_equal(ours.reshape(theirs.shape), theirs)


# Types of numbers


def test_integer_images_do_not_overflow():
    bright = np.full((3, 5, 1), 255, dtype="uint8")
    heavy, negative = np.full((3, 3, 1, 1), 255, dtype="uint8"), np.full((1, 1, 1, 1), -1, dtype="int8")
    np.testing.assert_array_equal(convolve2d(bright, heavy), np.full((1, 3, 1), 9 * 255 * 255))
    np.testing.assert_array_equal(convolve2d(bright, negative), np.full((3, 5, 1), -255))
    np.testing.assert_array_equal(average_pool2d(bright), np.full((1, 2, 1), 255))
    np.testing.assert_array_equal(average_pool2d(bright, 2, padding="same"), np.full((2, 3, 1), 255))
    large = np.full((2, 2, 1), 2**24 + 1, dtype="int32")  # the first whole number that float32 cannot hold
    np.testing.assert_array_equal(convolve2d(large, np.ones((1, 1, 1, 1), "int32")), large)


@pytest.mark.parametrize(
    ("image_dtype", "kernel_dtype", "expected"),
    [
        ("float32", "float32", "float32"),
        ("float64", "float32", "float64"),
        ("float32", "float64", "float64"),
        ("float16", "float16", "float32"),
        ("uint8", "float32", "float32"),
        ("float32", "int8", "float32"),
        ("uint8", "int8", "float64"),
        ("bool", "float32", "float32"),
    ],
)
def test_convolution_gives_float32_or_wider_and_an_average_is_a_float(image_dtype, kernel_dtype, expected):
    image = np.ones((3, 4, 1), image_dtype)
    for dilation_rate in (1, (1, 2)):
        maps = convolve2d(image, np.ones((2, 2, 1, 1), kernel_dtype), np.ones(1), dilation_rate=dilation_rate)
        assert maps.dtype == expected
        assert np.all(maps == 5)
    average = {"uint8": "float64", "bool": "float64", "float64": "float64"}.get(image_dtype, "float32")
    assert {average_pool2d(image, padding=padding).dtype for padding in ("valid", "same")} == {np.dtype(average)}


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "uint64", "float16", "float32", "float64"])
def test_a_maximum_and_a_patch_keep_the_type_and_the_value(dtype):
    largest = np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else 1
    image = np.full((3, 5, 1), largest, dtype=dtype)
    for padding in ("valid", "same"):
        for result in (max_pool2d(image, 2, 1, padding), extract_patches(image, 2, 1, padding)):
            assert result.dtype == dtype
            assert result.max() == largest


def test_arguments_are_left_as_they_were_and_patches_are_a_copy():
    image, kernel = whole_numbers(8, 5, 6, 2), whole_numbers(9, 3, 3, 2, 2)
    before = image.copy(), kernel.copy()
    convolve2d(image, kernel, padding="same")
    max_pool2d(image, padding="same")
    average_pool2d(image, padding="same")
    extract_patches(image, 2)[:] = 99
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(kernel, before[1])


# What chapters show


def test_the_functions_that_chapters_show_do_the_work_of_the_public_ones():
    image, kernel = whole_numbers(10, 6, 9, 2), whole_numbers(11, 3, 2, 2, 4)
    np.testing.assert_array_equal(slide_kernel(image, kernel), convolve2d(image, kernel))
    np.testing.assert_array_equal(slide_kernel(image, kernel, (2, 3)), convolve2d(image, kernel, strides=(2, 3)))
    np.testing.assert_array_equal(slide_pool(image, (2, 3), (2, 2), np.max), max_pool2d(image, (2, 3), 2))
    np.testing.assert_array_equal(slide_pool(image, (2, 3), (2, 2), np.mean), average_pool2d(image, (2, 3), 2))
    np.testing.assert_array_equal(cut_patches(image, (3, 2)), extract_patches(image, (3, 2)))
    mean_of_integers = slide_pool(np.array([[[1], [2]]], "uint8"), (1, 2), (1, 1), np.mean)
    np.testing.assert_array_equal(mean_of_integers, [[[1.5]]])


def test_a_64_by_64_picture_with_8_filters_takes_well_under_a_second():
    image, kernel = whole_numbers(12, 64, 64, 3), whole_numbers(13, 3, 3, 3, 8)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        convolve2d(image, kernel, padding="same")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5


# Bad input

picture, filters = np.zeros((5, 7, 3)), np.zeros((3, 3, 3, 8))


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda: convolve2d(np.zeros((5, 7)), filters), ["(5, 7)", "(height, width, channels)", "np.newaxis"]),
        (lambda: convolve2d(picture[np.newaxis], filters), ["(1, 5, 7, 3)", "images[0]"]),
        (lambda: max_pool2d(np.zeros(5)), ["(5,)", "(height, width, channels)"]),
        (lambda: convolve2d(picture, np.zeros((3, 3))), ["(3, 3)", "filters", "kernel.reshape"]),
        (lambda: convolve2d(picture, np.zeros((3, 0, 3, 8))), ["(3, 0, 3, 8)", "at least 1"]),
        (lambda: convolve2d(picture, filters[:, :, :1]), ["(3, 3, 1, 8)", "(5, 7, 3)", "spans 1 channels", "has 3"]),
        (lambda: convolve2d(picture.transpose(2, 0, 1), filters), ["(3, 5, 7)", "np.moveaxis(image, 0, -1)"]),
        (lambda: convolve2d(picture, filters, bias=np.zeros(3)), ["8 filters", "(3, 3, 3, 8)", "(3,)"]),
        (lambda: convolve2d(picture[:2], filters), ["No window fits", "(2, 7, 3)", "Enlarge", "padding='same'"]),
        (lambda: convolve2d(picture, filters, dilation_rate=3), ["(5, 7, 3)", "spans (7, 7)"]),
        (lambda: convolve2d(picture, filters, strides=2, dilation_rate=2), ["strides", "both above 1"]),
        (lambda: convolve2d(picture, filters, padding="full"), ["'full'", "'valid'", "'same'"]),
        (lambda: convolve2d(picture * 1j, filters), ["image", "complex128", "astype"]),
        (lambda: convolve2d(picture, filters.astype("str")), ["kernel", "real numbers"]),
        (lambda: max_pool2d(picture[:1]), ["No window fits", "(1, 7, 3)", "pool_size (2, 2)"]),
        (lambda: average_pool2d(picture, 8), ["No window fits", "(5, 7, 3)", "pool_size (8, 8)"]),
        (lambda: extract_patches(picture, (6, 2)), ["No window fits", "(5, 7, 3)", "patch_size (6, 2)"]),
        (lambda: extract_patches(np.zeros((5, 7)), 2), ["(5, 7)", "np.newaxis"]),
    ],
)
def test_impossible_input_is_refused_with_both_shapes_and_the_remedy(call, parts):
    with pytest.raises(ValueError, match=r".") as refusal:
        call()
    assert [part for part in parts if part not in str(refusal.value)] == []
