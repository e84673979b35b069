"""Sizes and costs against Keras's own layers, a published table, and counting; impossible input is refused."""

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convbook.shapes import (
    ReceptiveField,
    as_pair,
    convolution_multiply_adds,
    convolution_parameters,
    convolution_shape,
    dense_parameters,
    output_size,
    padding_amounts,
    pooling_shape,
    receptive_field,
)

# The same examples on every run: a red test then means a change in the code, not luck.
many = settings(deadline=None, max_examples=200, derandomize=True)
some = settings(deadline=None, max_examples=60, derandomize=True)

input_shapes = st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(1, 4))
paddings = st.sampled_from(["valid", "same"])
pairs = st.one_of(st.integers(1, 4), st.tuples(st.integers(1, 4), st.integers(1, 4)))


def shape_or_refusal(compute):
    """The shape as a tuple, or the word "refused" where a ValueError was raised."""
    try:
        return tuple(compute())
    except ValueError:
        return "refused"


# One axis


@some
@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 6), st.integers(1, 3))
def test_keras_pads_where_padding_amounts_says(input_size, kernel_size, stride, dilation_rate):
    if stride > 1:
        dilation_rate = 1
    before, after = padding_amounts(input_size, kernel_size, stride, "same", dilation_rate)
    assert padding_amounts(99, kernel_size, stride, "valid", dilation_rate) == (0, 0)
    pixels = np.arange(1, input_size + 1, dtype="float32")
    padded = np.concatenate([np.zeros(before), pixels, np.zeros(after)])
    span = (kernel_size - 1) * dilation_rate + 1
    windows = [
        padded[first : first + span : dilation_rate]
        for first in range(0, output_size(input_size, kernel_size, stride, "same") * stride, stride)
    ]
    # Filter number k of this kernel copies entry k of the window, so Keras shows us what its windows hold.
    copying_kernel = np.eye(kernel_size, dtype="float32").reshape(kernel_size, 1, 1, kernel_size)
    seen = keras.ops.conv(
        pixels.reshape(1, input_size, 1, 1), copying_kernel, (stride, 1), "same", dilation_rate=(dilation_rate, 1)
    )
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(seen)[0, :, 0, :], np.stack(windows))


# Whole images


@many
@given(input_shapes, st.integers(1, 5), pairs, pairs, paddings, pairs)
def test_convolution_shape_agrees_with_keras(input_shape, filters, kernel_size, strides, padding, dilation_rate):
    def keras_shape():
        layer = keras.layers.Conv2D(filters, kernel_size, strides, padding, dilation_rate=dilation_rate)
        return layer.compute_output_shape((None, *input_shape))[1:]

    arguments = (input_shape, filters, kernel_size, strides, padding, dilation_rate)
    assert shape_or_refusal(lambda: convolution_shape(*arguments)) == shape_or_refusal(keras_shape)


@many
@given(input_shapes, pairs, st.one_of(st.none(), pairs), paddings)
def test_pooling_shape_agrees_with_keras(input_shape, pool_size, strides, padding):
    ours = shape_or_refusal(lambda: pooling_shape(input_shape, pool_size, strides, padding))
    for kind in (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D):
        layer = kind(pool_size, strides, padding)
        assert ours == shape_or_refusal(lambda layer=layer: layer.compute_output_shape((None, *input_shape))[1:])


def test_numpy_integers_are_taken_and_plain_ints_come_back():
    sizes = np.array([20, 30, 3], dtype="uint8")
    shape = convolution_shape(tuple(sizes), np.int64(8), np.int32(3), (np.uint8(2), np.uint8(2)), "same")
    assert shape == (10, 15, 8)
    amounts = padding_amounts(np.uint8(250), np.uint8(9), np.uint8(2))
    assert amounts == (3, 4)
    assert {type(size) for size in (*shape, *amounts)} == {int}


# Parameters and multiply-adds


@some
@given(pairs, st.integers(1, 6), st.integers(1, 50), st.booleans())
def test_parameters_are_those_that_keras_builds(kernel_size, inputs, outputs, use_bias):
    layer = keras.layers.Conv2D(outputs, kernel_size, padding="same", use_bias=use_bias)
    layer.build((None, 7, 9, inputs))
    assert convolution_parameters(kernel_size, inputs, outputs, use_bias) == layer.count_params()
    layer = keras.layers.Dense(outputs, use_bias=use_bias)
    layer.build((None, inputs))
    assert dense_parameters(inputs, outputs, use_bias) == layer.count_params()


@some
@given(
    st.tuples(st.integers(4, 9), st.integers(4, 9), st.integers(1, 3)), st.integers(1, 4), pairs, pairs, st.booleans()
)
def test_multiply_adds_are_as_many_as_keras_sums_up(input_shape, filters, kernel_size, steps, dilated):
    # Where image and kernel are all ones, each product is 1, so the sum of all outputs counts the products.
    options = {"dilation_rate": steps} if dilated else {"strides": steps}
    assume(shape_or_refusal(lambda: convolution_shape(input_shape, filters, kernel_size, **options)) != "refused")
    image = np.ones((1, *input_shape), "float32")
    kernel = np.ones((*as_pair("kernel_size", kernel_size), input_shape[2], filters), "float32")
    products = keras.ops.sum(keras.ops.conv(image, kernel, padding="valid", **options))
    assert convolution_multiply_adds(input_shape, filters, kernel_size, **options) == int(products)


# Receptive field


def test_receptive_field_of_vgg16_is_the_published_one():
    # Size 212, stride 32, padding 90: table of the authors' library, https://github.com/google-research/receptive_field
    same_convolution, pooling = (3, 1, 1, 1), (2, 2)
    vgg16 = []
    for convolutions in (2, 2, 3, 3, 3):
        vgg16 += [same_convolution] * convolutions + [pooling]
    assert receptive_field(vgg16) == ReceptiveField(size=212, jump=32, start=-90)


def pixels_seen(layers, output):
    """The input pixels that one output of the stack sees, followed down layer by layer and entry by entry."""
    seen = {output}
    for kernel_size, stride, dilation_rate, pad_before in reversed(layers):
        seen = {i * stride - pad_before + entry * dilation_rate for i in seen for entry in range(kernel_size)}
    return seen


undilated = st.tuples(st.integers(1, 5), st.integers(1, 3), st.just(1), st.integers(0, 2))
dilated = st.tuples(st.integers(1, 5), st.just(1), st.integers(1, 3), st.integers(0, 2))


@many
@given(st.lists(st.one_of(undilated, dilated), max_size=5), st.integers(0, 7))
def test_receptive_field_spans_the_pixels_found_by_following_them(layers, output):
    size, jump, start = receptive_field(layers)
    seen = pixels_seen(layers, output)
    assert (min(seen), max(seen)) == (start + output * jump, start + output * jump + size - 1)


# Bad input


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda: output_size(2, 3), ["No window fits", "kernel_size 3", "has 2", "Enlarge", "padding='same'"]),
        (lambda: output_size(4, 3, dilation_rate=2), ["spans 5", "has 4"]),
        (lambda: padding_amounts(2, 3, padding="valid"), ["No window fits"]),
        (lambda: convolution_shape((2, 9, 3), 8, (3, 5)), ["(2, 9, 3)", "kernel_size (3, 5)", "Enlarge", "'same'"]),
        (lambda: convolution_shape((9, 4, 3), 8, 3, dilation_rate=2), ["(9, 4, 3)", "spans (5, 5)"]),
        (lambda: pooling_shape((1, 5, 64)), ["(1, 5, 64)", "pool_size (2, 2)", "Enlarge"]),
        (lambda: convolution_shape((28, 28), 8, 3), ["(28, 28)", "(height, width, channels)", "(28, 28, 1)"]),
        (lambda: convolution_shape((32, 28, 28, 1), 8, 3), ["(32, 28, 28, 1)", "batch axis"]),
        (lambda: pooling_shape((None, 28, 1)), ["height in input_shape (None, 28, 1)", "int"]),
        (lambda: convolution_shape(28, 8, 3), ["28", "(height, width, channels)"]),
        (lambda: convolution_shape((28, 0, 1), 8, 3), ["width in input_shape (28, 0, 1)", "at least 1"]),
        (lambda: convolution_shape((28, 28, 1), 0, 3), ["filters", "at least 1", "got 0"]),
        (lambda: convolution_shape((28, 28, 1), 8, 3, strides=0), ["strides", "at least 1", "got 0"]),
        (lambda: convolution_shape((28, 28, 1), 8, (3, 3, 3)), ["kernel_size", "pair", "(3, 3, 3)"]),
        (lambda: convolution_shape((28, 28, 1), 8, 3.0), ["kernel_size", "int", "3.0", "//"]),
        (lambda: convolution_shape((28, 28, 1), 8, True), ["kernel_size", "int", "True"]),
        (lambda: output_size(28 / 2, 3), ["input_size", "14.0", "//"]),
        (lambda: output_size(28, 3, stride=-1), ["stride", "at least 1", "-1"]),
        (lambda: output_size("28", 3), ["input_size", "'28'"]),
        (lambda: output_size(28, 3, padding="full"), ["'full'", "'valid'", "'same'"]),
        (lambda: pooling_shape((28, 28, 1), padding="SAME"), ["'SAME'", "'valid'", "'same'"]),
        (lambda: output_size(28, 3, stride=2, dilation_rate=2), ["stride 2", "dilation_rate 2", "Keras", "to 1"]),
        (
            lambda: convolution_shape((28, 28, 1), 8, 3, strides=(2, 1), dilation_rate=(1, 2)),
            ["strides (2, 1)", "dilation_rate (1, 2)", "to 1"],
        ),
        (lambda: convolution_parameters(3, 0, 8), ["input_channels", "at least 1"]),
        (lambda: dense_parameters(10, 2.5), ["units", "2.5"]),
        (lambda: receptive_field([(3, 1), (2,)]), ["Layer 2", "(2,)", "(kernel_size, stride)"]),
        (lambda: receptive_field([3, 3]), ["Layer 1", "got 3"]),
        (lambda: receptive_field([(3, 0)]), ["stride of layer 1", "got 0"]),
        (lambda: receptive_field([(3, 1, 1, -1)]), ["pad_before of layer 1", "at least 0"]),
        (lambda: receptive_field([(3, 1), (3, 2, 2)]), ["stride of layer 2", "both above 1"]),
        (lambda: as_pair("strides", (1,)), ["strides", "pair", "(1,)"]),
    ],
)
def test_impossible_input_is_refused_with_what_came_in_and_the_remedy(call, parts):
    with pytest.raises(ValueError, match=r".") as refusal:
        call()
    assert [part for part in parts if part not in str(refusal.value)] == []
