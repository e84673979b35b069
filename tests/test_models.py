"""Tests of the models: what goes in and out of each layer, how many parameters, and what is refused."""

import keras
import numpy as np
import pytest

from convbook import models, photos


def layer_shapes(model):
    return {layer.name: tuple(layer.output.shape[1:]) for layer in model.layers}


def test_the_convnet_has_the_shapes_of_the_lecture():
    assert layer_shapes(models.build_digits_convnet()) == {
        "image": (28, 28, 1),
        "rescaling": (28, 28, 1),
        "conv_1": (26, 26, 32),
        "pool_1": (13, 13, 32),
        "conv_2": (11, 11, 64),
        "pool_2": (5, 5, 64),
        "flatten": (1600,),
        "classifier": (10,),
    }


def test_a_convnet_for_non_square_colour_pictures_has_hand_computed_shapes():
    model = models.build_digits_convnet((21, 12, 3), num_classes=4, filters=[5], head="global_average")
    assert layer_shapes(model) == {
        "image": (21, 12, 3),
        "rescaling": (21, 12, 3),
        "conv_1": (19, 10, 5),
        "pool_1": (9, 5, 5),
        "global_average": (5,),
        "classifier": (4,),
    }
    assert model.count_params() == (3 * 3 * 3 * 5 + 5) + (5 * 4 + 4)


def test_the_dense_net_is_as_large_as_the_convnet():
    convnet, dense = models.build_digits_convnet(), models.build_digits_dense()
    assert convnet.count_params() == (9 * 32 + 32) + (9 * 32 * 64 + 64) + (1600 * 10 + 10) == 34826
    assert dense.count_params() == (784 * 44 + 44) + (44 * 10 + 10) == 34990
    assert abs(dense.count_params() / convnet.count_params() - 1) < 0.01


def test_a_dense_net_for_non_square_colour_pictures_has_hand_computed_shapes():
    model = models.build_digits_dense((4, 3, 2), num_classes=5, units=(7, 6))
    assert layer_shapes(model) == {
        "image": (4, 3, 2),
        "rescaling": (4, 3, 2),
        "flatten": (24,),
        "dense_1": (7,),
        "dense_2": (6,),
        "classifier": (5,),
    }


def test_the_dense_net_computes_what_numpy_computes():
    model = models.build_digits_dense((4, 3, 2), num_classes=5, units=(7,))
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 3, 2), dtype=np.uint8)
    kernel_1, bias_1, kernel_2, bias_2 = model.get_weights()
    hidden = np.maximum(images.reshape(6, 24) / 255 @ kernel_1 + bias_1, 0)
    logits = hidden @ kernel_2 + bias_2
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("build", [models.build_digits_convnet, models.build_digits_dense])
def test_models_are_functional_and_not_compiled(build):
    model = build()
    assert type(model).__name__ == "Functional"
    assert not model.compiled


def test_a_convnet_learns_the_digits_in_a_few_epochs():
    digits = photos.load_digits()
    keras.utils.set_random_seed(1000)
    model = models.build_digits_convnet()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(digits.train_images, digits.train_labels, epochs=4, verbose=0)
    assert model.evaluate(digits.test_images, digits.test_labels, verbose=0)[1] > 0.9


def test_too_small_pictures_are_refused_with_the_smallest_size_and_fewer_stages():
    # 13x9 becomes 11x7 and 5x3 in the first stage, 3x1 in the second, where a 2x2 window no longer fits.
    with pytest.raises(ValueError, match=r"13x9.*2 stages.*5x3 are left for stage 2.*10x10.*1 stage: filters=\(32,\)"):
        models.build_digits_convnet((13, 9, 1))
    with pytest.raises(ValueError, match=r"3x28.*at least 4x4.*no stages"):
        models.build_digits_convnet((3, 28, 1), filters=(8,))
    assert models.build_digits_convnet((10, 10, 1)).get_layer("pool_2").output.shape == (None, 1, 1, 64)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"head": "average"}, r"'average'.*'flatten' or 'global_average'"),
        ({"filters": (32, 0)}, r"filters.*positive.*\(32, 0\)"),
        ({"filters": 32}, r"filters.*tuple.*32"),
        ({"num_classes": 1}, r"num_classes.*at least 2.*1"),
        ({"input_shape": (28, 28)}, r"\(28, 28\)"),
    ],
)
def test_impossible_convnets_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.build_digits_convnet(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": (0,)}, r"units.*positive"),
        ({"num_classes": 0}, r"num_classes.*at least 2"),
        ({"input_shape": (28, 28)}, r"\(28, 28\)"),
    ],
)
def test_impossible_dense_nets_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.build_digits_dense(**arguments)
