"""Tests of the models: what goes in and out of each layer, how many parameters, and what is refused."""

import keras
import numpy as np
import pytest

from convbook import models


def layer_shapes(model):
    return ", ".join(f"{layer.name} {'x'.join(map(str, layer.output.shape[1:]))}" for layer in model.layers)


def layer_names(model):
    return [layer.name for layer in model.layers]


# A convolution has 9 weights for each pair of channels and a bias for each filter.
@pytest.mark.parametrize(
    ("build", "shapes", "parameters"),
    [
        (
            lambda: models.build_digits_convnet(),
            "image 28x28x1, rescaling 28x28x1, conv_1 26x26x32, pool_1 13x13x32, conv_2 11x11x64, pool_2 5x5x64, "
            "flatten 1600, classifier 10",
            (9 * 32 + 32) + (9 * 32 * 64 + 64) + (1600 * 10 + 10),
        ),
        (
            lambda: models.build_digits_convnet((21, 12, 3), num_classes=4, filters=[5], head="global_average"),
            "image 21x12x3, rescaling 21x12x3, conv_1 19x10x5, pool_1 9x5x5, global_average 5, classifier 4",
            (9 * 3 * 5 + 5) + (5 * 4 + 4),
        ),
        (
            lambda: models.build_digits_dense((4, 3, 2), num_classes=5, units=(7, 6)),
            "image 4x3x2, rescaling 4x3x2, flatten 24, dense_1 7, dense_2 6, classifier 5",
            (24 * 7 + 7) + (7 * 6 + 6) + (6 * 5 + 5),
        ),
        (
            lambda: models.build_convnet(64, dropout=0.25),
            "image 64x64x3, rescaling 64x64x3, conv_1 62x62x32, pool_1 31x31x32, conv_2 29x29x64, pool_2 14x14x64, "
            "conv_3 12x12x128, pool_3 6x6x128, conv_4 4x4x128, global_average 128, dropout 128, classifier 1",
            (27 * 32 + 32) + (288 * 64 + 64) + (576 * 128 + 128) + (1152 * 128 + 128) + (128 + 1),
        ),
        (
            lambda: models.build_convnet(180, filters=models.FILTERS_180_PX),
            "image 180x180x3, rescaling 180x180x3, conv_1 178x178x32, pool_1 89x89x32, conv_2 87x87x64, "
            "pool_2 43x43x64, conv_3 41x41x128, pool_3 20x20x128, conv_4 18x18x256, pool_4 9x9x256, conv_5 7x7x512, "
            "global_average 512, classifier 1",
            (27 * 32 + 32) + (288 * 64 + 64) + (576 * 128 + 128) + (1152 * 256 + 256) + (2304 * 512 + 512) + 513,
        ),
        (
            lambda: models.build_convnet((21, 12), filters=[5, 6], head="flatten"),
            "image 21x12x3, rescaling 21x12x3, conv_1 19x10x5, pool_1 9x5x5, conv_2 7x3x6, flatten 126, classifier 1",
            (27 * 5 + 5) + (45 * 6 + 6) + (126 + 1),
        ),
        (
            lambda: models.build_head((5, 3, 7)),
            "features 5x3x7, global_average 7, dense_1 64, dropout 64, classifier 1",
            (7 * 64 + 64) + (64 + 1),
        ),
    ],
)
def test_models_have_hand_computed_shapes_and_parameters(build, shapes, parameters):
    model = build()
    assert layer_shapes(model) == shapes
    assert model.count_params() == parameters


def test_the_dense_net_is_as_large_as_the_convnet():
    convnet, dense = models.build_digits_convnet(), models.build_digits_dense()
    assert dense.count_params() == (784 * 44 + 44) + (44 * 10 + 10) == 34990
    assert abs(dense.count_params() / convnet.count_params() - 1) < 0.01


def test_the_dense_net_computes_what_numpy_computes():
    model = models.build_digits_dense((4, 3, 2), num_classes=5, units=(7,))
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 3, 2), dtype=np.uint8)
    kernel_1, bias_1, kernel_2, bias_2 = model.get_weights()
    hidden = np.maximum(images.reshape(6, 24) / 255 @ kernel_1 + bias_1, 0)
    logits = hidden @ kernel_2 + bias_2
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-6)


def picture_batch(count, height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3)).astype(np.float32)


def test_the_small_convnet_computes_what_numpy_computes():
    model = models.build_convnet((4, 5), filters=(7,))
    images = picture_batch(3, 4, 5)
    kernel, _, weights, bias = model.get_weights()
    windows = np.lib.stride_tricks.sliding_window_view(images / 255, (3, 3), axis=(1, 2))  # n, rows, columns, c, 3, 3
    maps = np.maximum(np.einsum("nrschw,hwcf->nrsf", windows, kernel), 0)
    expected = 1 / (1 + np.exp(-(maps.mean(axis=(1, 2)) @ weights + bias)))
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("build", "outputs"),
    [
        (lambda: models.build_digits_convnet((14, 9, 3), filters=(4,)), 10),
        (lambda: models.build_digits_dense((14, 9, 3)), 10),
        (lambda: models.build_convnet((14, 9), (3, 4)), 1),
        (lambda: models.build_head((14, 9, 3)), 1),
    ],
)
def test_models_are_functional_not_compiled_and_answer_with_probabilities(build, outputs):
    model = build()
    assert type(model).__name__ == "Functional"
    assert not model.compiled
    answers = model.predict(picture_batch(5, 14, 9), verbose=0)
    assert answers.shape == (5, outputs)
    assert ((answers >= 0) & (answers <= 1)).all()
    assert model.layers[-1].activation is (keras.activations.sigmoid if outputs == 1 else keras.activations.softmax)


@pytest.mark.parametrize("as_list", [False, True])
def test_augmentation_in_the_model_comes_first_and_sleeps_at_inference(as_list):
    layers = [keras.layers.RandomFlip("horizontal", seed=0), keras.layers.RandomTranslation(0.2, 0.2, seed=1)]
    augmentation = layers if as_list else keras.Sequential(layers)
    keras.utils.set_random_seed(1000)
    plain = models.build_convnet((12, 10), filters=(8,))
    keras.utils.set_random_seed(1000)
    model = models.build_convnet((12, 10), filters=(8,), augmentation=augmentation)
    first = [layer.name for layer in (layers if as_list else [augmentation])]
    assert layer_names(model) == ["image", *first, "rescaling", "conv_1", "global_average", "classifier"]
    assert model.count_params() == plain.count_params()

    images = picture_batch(16, 12, 10)
    expected = plain.predict(images, verbose=0)
    np.testing.assert_allclose(model(images, training=False), expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, rtol=1e-5)
    assert np.abs(model(images, training=True) - expected).max() > 1e-4  # a kernel sees the mirror image otherwise


def test_batch_normalization_stands_between_each_convolution_and_its_relu():
    model = models.build_convnet((21, 12), filters=(5, 6), batch_norm=True)
    block_1, block_2 = ["conv_1", "norm_1", "relu_1", "pool_1"], ["conv_2", "norm_2", "relu_2"]
    assert layer_names(model) == ["image", "rescaling", *block_1, *block_2, "global_average", "classifier"]
    # No bias: nine weights for each pair of channels, then four numbers for each filter, two of which are trained.
    assert model.count_params() == 27 * 5 + 4 * 5 + 45 * 6 + 4 * 6 + (6 + 1)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == 27 * 5 + 2 * 5 + 45 * 6 + 2 * 6 + (6 + 1)

    images = picture_batch(16, 21, 12)
    normalized = keras.Model(model.input, model.get_layer("norm_1").output)
    maps = np.asarray(normalized(images, training=True))
    np.testing.assert_allclose(maps.mean(axis=(0, 1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(maps.std(axis=(0, 1, 2)), 1, atol=0.05)
    assert model.get_layer("norm_2").momentum == models.MOMENTUM


def test_the_first_convolution_can_take_larger_steps():
    model = models.build_convnet((21, 13), filters=(5, 6), strides=2)
    assert model.get_layer("conv_1").output.shape == (None, 10, 6, 5)  # (21 - 3) // 2 + 1 and (13 - 3) // 2 + 1
    assert model.get_layer("conv_2").strides == (1, 1)
    assert model.count_params() == models.build_convnet((21, 13), filters=(5, 6)).count_params()


def test_the_smallest_sizes_that_refusals_name_are_possible():
    assert models.build_digits_convnet((10, 10, 1)).get_layer("pool_2").output.shape == (None, 1, 1, 64)
    assert models.build_convnet(78, filters=models.FILTERS_180_PX).get_layer("conv_5").output.shape == (None, 1, 1, 512)


def test_a_linear_head_is_logistic_regression_on_the_mean_features():
    model = models.build_head((5, 3, 7), units=None, name="linear")
    features = np.random.default_rng(0).normal(size=(4, 5, 3, 7)).astype(np.float32)
    weights, bias = model.get_weights()
    expected = 1 / (1 + np.exp(-(features.mean(axis=(1, 2)) @ weights + bias)))
    np.testing.assert_allclose(model.predict(features, verbose=0), expected, rtol=1e-5)
    assert layer_names(model) == ["features", "global_average", "classifier"]
    assert (model.count_params(), model.name) == (7 + 1, "linear")
    usual = models.build_head((5, 3, 7))
    assert (usual.get_layer("dropout").rate, usual.name) == (0.25, "head")
    assert models.build_convnet((12, 10), filters=(8,), dropout=0.5).get_layer("dropout").rate == 0.5


TWO, LARGE = {"filters": (4, 4)}, {"filters": models.FILTERS_180_PX}


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        (models.build_digits_convnet, {"head": "average"}, r"'average'.*'flatten' or 'global_average'"),
        (models.build_digits_convnet, {"filters": (32, 0)}, r"filters.*positive.*\(32, 0\)"),
        (models.build_digits_convnet, {"filters": 32}, r"filters.*tuple.*32"),
        (models.build_digits_convnet, {"num_classes": 1}, r"num_classes.*at least 2.*1"),
        (models.build_digits_convnet, {"input_shape": (28, 28)}, r"\(28, 28\)"),
        (models.build_digits_dense, {"units": (0,)}, r"units.*positive"),
        (models.build_digits_dense, {"num_classes": 0}, r"num_classes.*at least 2"),
        (models.build_digits_dense, {"input_shape": (28, 28)}, r"\(28, 28\)"),
        (models.build_convnet, {"image_size_px": 0}, r"image_size_px"),
        (models.build_convnet, {"image_size_px": (64, 64, 3)}, r"image_size_px.*pair"),
        (models.build_convnet, {"filters": ()}, r"filters.*none.*try"),
        (models.build_convnet, {"filters": (32, 1.5)}, r"filters.*positive"),
        (models.build_convnet, {"strides": 0}, r"strides.*positive"),
        (models.build_convnet, {"dropout": 1.0}, r"dropout.*not including, 1.*1\.0"),
        (models.build_convnet, {"dropout": "0.5"}, r"dropout.*'0\.5'"),
        (models.build_convnet, {"head": "average"}, r"'average'.*'flatten' or 'global_average'"),
        (models.build_convnet, {"augmentation": np.fliplr}, r"augmentation.*keras layer.*fliplr.*map"),
        (models.build_convnet, {"augmentation": ["flip"]}, r"augmentation.*'flip'"),
        (models.build_head, {"feature_shape": (1536,)}, r"height, width, channels"),
        (models.build_head, {"units": 0}, r"units.*positive"),
        (models.build_head, {"dropout": -0.1}, r"dropout.*-0\.1"),
        # 13x9 becomes 11x7 and 5x3 in the first stage, 3x1 in the second, where a 2x2 window no longer fits.
        (models.build_digits_convnet, {"input_shape": (13, 9, 1)}, r"13x9.*2 conv.*at least 10x10.*filters=\(32,\)\.$"),
        (models.build_digits_convnet, {"input_shape": (3, 28, 1), "filters": (8,)}, r"3x28.*at least 4x4 pixels\.$"),
        # 5 convolutions: 77 → 75 → 37 → 35 → 17 → 15 → 7 → 5 → 2, one pixel short of a window.
        (models.build_convnet, LARGE | {"image_size_px": (90, 77)}, r"90x77.*5 conv.*78x78.*\(32, 64, 128, 256\)\."),
        # 3x28 has no row left to pool after the first convolution, 2x28 not even a window for it.
        (models.build_convnet, TWO | {"image_size_px": (3, 28)}, r"3x28.*2 convolutions.*at least 8x8.*filters=\(4,\)"),
        (models.build_convnet, {"image_size_px": (2, 28), "filters": (4,)}, r"2x28.*at least 3x3 pixels\.$"),
        # Backwards: 1 needs 3 before the second convolution, 6 before the pooling, 13 before the first step of 2.
        (models.build_convnet, TWO | {"image_size_px": (12, 20), "strides": 2}, r"12x20.*at least 13x13"),
    ],
)
def test_impossible_models_are_refused(build, arguments, message):
    possible = {models.build_convnet: {"image_size_px": 64}, models.build_head: {"feature_shape": (5, 3, 7)}}
    with pytest.raises(ValueError, match=message):
        build(**possible.get(build, {}) | arguments)
