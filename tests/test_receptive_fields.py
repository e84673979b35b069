"""Receptive fields of a model's layers: against gradients, against the formula, and what is refused."""

import keras
import numpy as np
import pytest

from convbook import backbones, shapes
from convbook.receptive_fields import layer_outputs

layers = keras.layers


def build_branches(activation="relu", shape=(20, 30, 1)):
    """Two branches of different reach over a picture that is not square; strides, padding and dilation in them."""
    keras.utils.set_random_seed(3)
    image = keras.Input(shape)
    first = layers.Conv2D(6, 3, strides=2, activation=activation, name="first")(image)
    long = layers.SeparableConv2D(6, 3, padding="same", name="long")(first)
    long = layers.AveragePooling2D(3, strides=2, padding="same", name="pool")(long)
    short = layers.Conv2D(6, 1, strides=2, padding="same", name="short")(first)
    both = layers.Add(name="both")([long, short])
    deep = layers.Conv2D(20, (3, 2), dilation_rate=(1, 2), name="deep")(layers.ZeroPadding2D(((1, 0), (2, 1)))(both))
    pooled = layers.GlobalAveragePooling2D(name="pooled")(deep)
    return keras.Model(image, layers.Dense(2, name="head")(pooled))


def build_nested(activation="relu", shape=(20, 30, 1)):
    """A model within a model, behind a cropping of its upper left."""
    keras.utils.set_random_seed(3)
    stack = [layers.Conv2D(3, 3, strides=2, padding="same", activation=activation), layers.Conv2D(2, 2)]
    image = keras.Input(shape)
    cropped = layers.Cropping2D(((3, 0), (1, 0)), name="cropped")(image)
    inner = keras.Sequential([keras.Input((None, None, 1)), *stack], name="inner")(cropped)
    return keras.Model(image, layers.AveragePooling2D(2, name="pooled")(inner))


def fields_of(model, shape):
    return {output.layer.name: output.field for output in layer_outputs(model, shape)}


@pytest.mark.parametrize(
    ("build", "layer"),
    [(build_branches, name) for name in ("first", "both", "deep")]
    + [(build_nested, name) for name in ("cropped", "inner", "pooled")],
)
def test_window_is_the_support_of_the_gradient(build, layer):
    import tensorflow as tf

    shape = (21, 31, 1)  # the strides leave no row and no column of the branches unread
    model = build("linear", shape)
    model.set_weights([np.abs(weight) + 0.1 for weight in model.get_weights()])
    part = keras.Model(model.input, next(out.output for out in layer_outputs(model, shape) if out.layer.name == layer))
    field = fields_of(model, shape)[layer]
    _, height, width, _ = part.output_shape
    for row, column in [(0, 0), (1, 3), (height - 1, width - 1)]:
        image = tf.Variable(np.ones((1, *shape), "float32"))
        with tf.GradientTape() as tape:
            value = part(image)[0, row, column, 0]
        rows, columns = np.nonzero(tape.gradient(value, image).numpy()[0, ..., 0])
        top, bottom, left, right = field.window(row, column, 21, 31)
        assert (rows.min(), rows.max() + 1) == (max(top, 0), min(bottom, 21))
        assert (columns.min(), columns.max() + 1) == (max(left, 0), min(right, 31))


def test_windows_of_a_sequential_are_those_of_the_formula():
    convs = [layers.Conv2D(5, 3, activation="relu"), layers.Conv2D(7, 3, padding="same")]
    stack = [layers.Rescaling(1 / 255), convs[0], layers.MaxPooling2D(), convs[1], layers.MaxPooling2D(name="last")]
    model = keras.Sequential([keras.Input((20, 30, 1)), *stack, layers.Flatten()])
    expected = shapes.receptive_field([(3, 1), (2, 2), (3, 1, 1, 1), (2, 2)])
    assert fields_of(model, (20, 30, 1))["last"][:2] == (expected, expected)


def test_drawn_world_sees_91_pixels_in_steps_of_16():
    backbone, _ = backbones.load("drawn_world")
    last = layer_outputs(backbone, (64, 64, 3))[-1].field
    assert (last.rows.size, last.rows.jump) == (91, 16)


@pytest.mark.parametrize("application", ["MobileNetV2", "EfficientNetB0"])
def test_every_layer_of_a_published_network_is_known(application):
    model = getattr(keras.applications, application)(include_top=False, weights=None, input_shape=(64, 96, 3))
    fields = fields_of(model, (64, 96, 3))
    assert [name for name, field in fields.items() if field.problem] == []
    # EfficientNet weighs its channels by what it sees in the whole picture.
    assert any(field.whole for field in fields.values()) == (application == "EfficientNetB0")


def test_a_layer_without_a_rule_and_branches_out_of_step_are_told():
    image = keras.Input((4, 4, 1))
    after = layers.Conv2D(4, 3, name="after")(layers.UpSampling2D(name="up")(image))
    branches = [layers.MaxPooling2D()(image), layers.Conv2D(1, 3)(image)]  # both are 2 × 2
    fields = fields_of(keras.Model(image, [after, layers.Add(name="meet")(branches)]), (4, 4, 1))
    assert fields["after"].problem == "no rule for the layer 'up' of the kind UpSampling2D"
    assert fields["after"].window(0, 0, 4, 4) is None
    assert fields["meet"].problem == "branches with different steps meet"


def test_past_a_global_pooling_a_place_sees_the_whole_picture():
    assert fields_of(build_branches(), (20, 30, 1))["head"].window(0, 0, 20, 30) == (0, 20, 0, 30)


def test_models_that_cannot_be_followed_are_refused_with_a_remedy():
    with pytest.raises(ValueError, match="Sequential or functional"):
        layer_outputs(layers.Conv2D(2, 3), (20, 30, 1))
    images = [keras.Input((8, 8, 1)), keras.Input((8, 8, 1))]
    with pytest.raises(ValueError, match="one input"):
        layer_outputs(keras.Model(images, layers.Add()(images)), (8, 8, 1))
    with pytest.raises(ValueError, match="resize the pictures"):
        layer_outputs(build_branches(), (18, 30, 1))
    first = keras.Sequential([keras.Input((1, 20, 30)), layers.MaxPooling2D(data_format="channels_first")])
    with pytest.raises(ValueError, match="data_format='channels_last'"):
        layer_outputs(first, (1, 20, 30))
