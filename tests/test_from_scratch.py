"""Tests of what the experiments on training from scratch train and measure."""

import types

import keras
import numpy as np
import pytest
from test_experiments import measure_effects

from convbook.experiments import data, from_scratch

EXPERIMENTS = {experiment.claim: experiment for experiment in from_scratch.EXPERIMENTS}
FEW = {"train_pictures": 8, "validation_pictures": 3, "test_pictures": 4}


def test_small_data_measures_every_number_that_its_effects_name():
    experiment = EXPERIMENTS["small-data"]
    numbers = measure_effects(experiment, experiment.settings_for() | FEW | {"batch_size": 4, "epochs": 2})
    assert len(numbers["history_loss"]) == len(numbers["history_val_loss"]) == 2
    assert numbers["memorised"] == pytest.approx(numbers["training"] - 0.9)


def test_kernels_of_the_plain_net_begin_with_hes_spread():
    keras.utils.set_random_seed(1000)
    kernels = [weight for weight in from_scratch.build_plain(64).weights if weight.name == "kernel"]
    for kernel, inputs in zip(kernels[:4], (27, 288, 576, 1152), strict=True):
        spread = kernel.numpy().std()
        assert spread == pytest.approx((2 / inputs) ** 0.5, rel=0.1)


@pytest.mark.parametrize("claim", [claim for claim in EXPERIMENTS if claim != "small-data"])
def test_experiments_measure_every_number_that_their_effects_name(claim, monkeypatch):
    class Coin:
        def set_weights(self, weights):
            assert weights == ["best"]

        def predict(self, images, **options):
            return np.linspace(0, 1, len(images))[:, np.newaxis]

    history = {"loss": [0.5, 0.4, 0.3, 0.2], "val_loss": [0.6, 0.8]}
    monkeypatch.setattr(from_scratch, "train", lambda *arguments, **options: (Coin(), history, ["best"]))
    monkeypatch.setattr(from_scratch, "build", lambda size_px, filters: Coin())
    experiment = EXPERIMENTS[claim]
    from_scratch.trained.forget()
    measure_effects(experiment, experiment.settings_for() | FEW | {"pictures": (50, 500)})
    from_scratch.trained.forget()


def test_a_training_makes_the_stated_number_of_updates_and_returns_its_best_weights(monkeypatch):
    monkeypatch.setattr(from_scratch, "BATCH_SIZE", 4)
    parts = data.cats_and_dogs(1000, FEW | {"kind": "drawn"})
    settings = {"filters": [4, 8], "updates": 12, "learning_rate": 1e-3}
    for in_pipeline in (False, True):
        model, history, best = from_scratch.train(parts, 0, settings, strength=1, dropout=0.25, in_pipeline=in_pipeline)
        assert int(model.optimizer.iterations) == 12
        assert len(history["loss"]) == len(history["val_loss"]) == 3
        names = {type(layer).__name__ for layer in model.layers}
        assert ("RandomRotation" in names) is not in_pipeline
        assert [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)] == [4, 8]
        model.set_weights(best)
        images, labels = parts["validation"]
        assert model.evaluate(images, labels, verbose=0)[0] == pytest.approx(min(history["val_loss"]), rel=1e-3)


def _labels_of_an_epoch(batches):
    if isinstance(batches, keras.utils.PyDataset):
        labels = [batches[index][1] for index in range(len(batches))]
        batches.on_epoch_end()
    else:
        labels = [labels for _, labels in batches]
    return np.concatenate(labels).ravel().tolist()


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_pictures_come_in_another_order_in_each_epoch_at_both_places(in_pipeline, monkeypatch):
    orders = []

    class Witness(keras.Model):
        def fit(self, batches, epochs, shuffle, **options):
            assert shuffle is False  # the batches do it
            orders.extend(_labels_of_an_epoch(batches) for _ in range(epochs))
            return types.SimpleNamespace(history={})

    monkeypatch.setattr(from_scratch, "BATCH_SIZE", 4)
    monkeypatch.setattr(from_scratch, "build", lambda *_: Witness())
    parts = {"train": (np.zeros((16, 64, 64, 3), np.uint8), np.arange(16)), "validation": None}
    settings = {"filters": [4, 8], "updates": 8, "learning_rate": 1e-3}
    from_scratch.train(parts, 0, settings, strength=1, in_pipeline=in_pipeline)
    first, second = orders
    assert sorted(first) == sorted(second) == list(range(16))
    assert first != second


def test_augmentation_of_strength_0_is_none_and_its_strength_is_what_the_layers_get():
    assert from_scratch.augmentation(0, seed=1) == []
    flip, rotation, zoom = from_scratch.augmentation(2, seed=1)
    assert (rotation.factor, zoom.height_lower, zoom.height_upper) == ((-0.2, 0.2), -0.4, 0.4)
    assert flip.mode == "horizontal"
