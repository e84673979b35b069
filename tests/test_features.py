"""Tests of what the experiment on features measures: work counted by hand, one clock, the best head, equal updates."""

import keras
import numpy as np
import pytest
from test_experiments import measure_effects

from convbook import backbones, models, shapes
from convbook.experiments import data, features, from_scratch
from convbook.experiments.training import Batches

SMALL = {"train_pictures": 8, "validation_pictures": 3, "test_pictures": 4, "epochs": 4, "passes": 2}


@pytest.fixture(scope="module")
def numbers():
    return measure_effects(features.OPTION_1_CHEAP, features.OPTION_1_CHEAP.settings_for() | SMALL)


def test_the_whole_training_is_recording_and_epochs_and_histories_have_a_value_for_each_epoch(numbers):
    head_only = numbers["seconds_record"] + 4 * numbers["epoch_seconds_option_1"]
    assert numbers["seconds_option_1"] == pytest.approx(head_only)
    assert numbers["seconds_option_2"] == pytest.approx(4 * numbers["epoch_seconds_option_2"])
    for option in ("option_1", "option_2"):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert len(numbers[f"history_{option}_{name}"]) == 4


def test_multiply_adds_of_the_packaged_base_are_those_counted_by_hand(numbers):
    """Two 3x3 convolutions without padding, first with stride 2: 64 -> 31 -> 29; a separable one on 29x29."""
    backbone, _ = backbones.load("drawn_world", 64)
    counts = features.multiply_adds(backbone, 64)
    assert counts["block1_conv1"] == 31 * 31 * 3 * 3 * 3 * 16
    assert counts["block1_conv2"] == 29 * 29 * 3 * 3 * 16 * 32
    assert counts["block2_sepconv1"] == 29 * 29 * (3 * 3 * 32 + 32 * 64)
    assert numbers["multiply_adds_base"] == sum(counts.values())
    assert numbers["multiply_adds_head"] == 256 * 64 + 64


def test_multiply_adds_are_those_of_a_multiplication_written_out():
    """Against the formula of `shapes`, with a depthwise layer, strides and one layer only."""
    image = keras.Input((9, 9, 3))
    x = keras.layers.Conv2D(5, (3, 2), strides=2, padding="same", name="plain")(image)
    x = keras.layers.DepthwiseConv2D(2, depth_multiplier=2, name="depthwise")(x)
    counts = features.multiply_adds(keras.Model(image, x), 9)
    plain = shapes.convolution_multiply_adds((9, 9, 3), 5, (3, 2), strides=2, padding="same")
    assert counts == {"plain": plain, "depthwise": 4 * 4 * 2 * 2 * 5 * 2}


def test_the_best_head_is_that_of_the_lowest_loss_on_the_record(monkeypatch):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(size=(40, 2, 3, 4)).astype("float32"), rng.integers(2, size=40)
    validation = rng.normal(size=(30, 2, 3, 4)).astype("float32"), rng.integers(2, size=30)
    head = models.build_head((2, 3, 4), units=16)
    settings = {"learning_rate": 0.05, "epochs": 12}
    history, seconds = features.train_head(head, head, Batches(inputs, labels, 32, seed=0), validation, settings)
    assert seconds > 0
    assert np.argmin(history["val_loss"]) < 11  # random labels: the head overfits
    loss, accuracy = head.evaluate(*validation, verbose=0)
    assert loss == pytest.approx(min(history["val_loss"]), rel=1e-4)
    assert accuracy == pytest.approx(history["val_accuracy"][np.argmin(history["val_loss"])])


def test_the_base_stays_and_the_head_moves_under_option_2():
    base, backbone = features.build_base("drawn_world", 32, from_scratch.augmentation(1, 0))
    head = models.build_head(base.output.shape[1:])
    model = keras.Model(base.input, head(base.output))
    before = [np.array(weight) for weight in backbone.weights]
    kernel = np.array(head.get_layer("dense_1").kernel)
    images = np.random.default_rng(0).integers(256, size=(6, 32, 32, 3)).astype("float32")
    record = np.zeros((4, *base.output.shape[1:]), "float32"), np.array([0, 1, 0, 1])
    settings = {"learning_rate": 1e-2, "epochs": 2}
    features.train_head(head, model, Batches(images, np.array([0, 1] * 3), 32, seed=0), record, settings)
    assert all(np.array_equal(old, np.array(new)) for old, new in zip(before, backbone.weights, strict=True))
    assert not np.array_equal(kernel, np.array(head.get_layer("dense_1").kernel))


def test_pictures_are_those_of_the_net_from_scratch():
    """Chapter 9 compares the two seed by seed."""
    few = {"train_pictures": 3, "test_pictures": 2, "validation_pictures": 2}
    settings = features.OPTION_1_CHEAP.settings_for() | few
    ours = data.cats_and_dogs(0, settings)
    theirs = data.cats_and_dogs(0, from_scratch.SMALL_DATA.settings_for() | settings | {"train_pictures": 5})
    assert np.array_equal(ours["train"][0], theirs["train"][0][:6])
    assert np.array_equal(ours["test"][0], theirs["test"][0])
    wanted = from_scratch.SMALL_DATA.settings_for()
    for part in ("validation_pictures", "test_pictures"):
        assert features.OPTION_1_CHEAP.settings[part] == wanted[part]
    assert features.OPTION_1_CHEAP.settings["train_pictures"] == 200
