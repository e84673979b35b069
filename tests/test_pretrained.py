"""Tests of what the experiments on pretrained bases measure: random bases, equal updates, ranges of pixels."""

import keras
import numpy as np
import pytest
from test_experiments import measure_effects

from convbook import backbones, drawings
from convbook.experiments import load_experiments, pretrained

FEW = {"train_pictures": 6, "validation_pictures": 3, "test_pictures": 4}
QUICK_BASE = {"updates": 2, "filters": (4, 6, 8, 8)}
SMALL = {
    "generic": FEW,
    "no-old-classifier": {**FEW, "train_pictures": 30},
    "converter": {**FEW, "old_pictures": 1},
    "early-late": {**FEW, **QUICK_BASE, "pictures_per_kind": 2, "compared": 12},
}


def test_random_base_has_the_same_shape_and_other_weights_and_normalises_its_features():
    backbone, converter = backbones.load("drawn_things")
    images, _ = drawings.draw_set(drawings.PETS, 16, progress=False)
    random = pretrained.untrain(backbone, 1000, converter(images.astype("float32")))
    assert random.count_params() == backbone.count_params()
    kernels = [model.get_layer("block1_conv1").kernel.numpy() for model in (backbone, random)]
    assert not np.allclose(*kernels)
    before = keras.Model(random.input, random.get_layer("block1_conv1").output).predict(converter(images), verbose=0)
    norm = random.get_layer("block1_conv1_bn")
    assert np.allclose(norm.moving_mean, before.mean(axis=(0, 1, 2)), atol=1e-3)


def test_pretraining_takes_the_same_number_of_updates_however_many_pictures():
    settings = {"filters": (4, 6), "updates": 3, "learning_rate": 1e-3}
    for pictures in (2, 200):
        images = np.random.default_rng(0).integers(0, 256, (pictures, 16, 16, 3), dtype="uint8")
        model = pretrained.pretrain(images, np.arange(pictures) % 2, 1000, settings)
        assert int(model.optimizer.iterations) == 3
        assert model.optimizer.learning_rate.numpy() == pytest.approx(0, abs=1e-9)


def test_small_base_learns_what_colour_a_picture_has():
    labels = np.arange(64) % 2
    images = np.random.default_rng(0).integers(0, 100, (64, 16, 16, 3), dtype="uint8")
    images[labels == 1, :, :, 0] += 100
    model = pretrained.pretrain(images, labels, 1000, {"filters": (4, 6), "updates": 60, "learning_rate": 1e-2})
    assert (model.predict(images, verbose=0).argmax(axis=1) == labels).mean() > 0.95
    assert pretrained.stage(model, 1).output.shape == (None, 16, 16, 4)
    assert pretrained.stage(model, 2).output.shape == (None, 8, 8, 6)


@pytest.fixture
def small_world(monkeypatch, request):
    """Six kinds instead of 46, where an experiment draws them all; the packaged base's classifier keeps its own."""
    if request.node.callspec.params["claim"] == "early-late":
        monkeypatch.setattr(drawings, "WORLD", drawings.WORLD[-6:])


def test_ranges_are_those_that_their_names_say():
    pixels = np.array([0.0, 127.5, 255.0])
    ranges = {name: prepare(pixels).tolist() for name, prepare in pretrained.RANGES.items()}
    assert ranges == {"minus_1_to_1": [-1, 0, 1], "0_to_1": [0, 0.5, 1], "0_to_255": [0, 127.5, 255]}
    _, converter = backbones.load("drawn_world")
    picture = np.random.default_rng(0).integers(0, 256, (1, 12, 18, 3)).astype("float32")
    assert np.allclose(converter(picture), pretrained.RANGES["minus_1_to_1"](picture), atol=1e-5)


@pytest.mark.parametrize("claim", SMALL)
def test_experiment_measures_every_number_that_its_effects_name(claim, small_world):
    experiment = load_experiments()[claim]
    numbers = measure_effects(experiment, experiment.settings_for() | SMALL[claim])
    assert experiment.chapter == 8
    assert all(np.isfinite([numbers[effect.of], numbers[effect.minus]]).all() for effect in experiment.effects)


def test_experiment_on_many_pictures_has_a_number_for_each_base(monkeypatch):
    experiment = pretrained.LARGE_ENOUGH
    settings = experiment.settings_for()
    names = {f"pictures_{count}" for count in settings["pictures_per_kind"]} | {"random"}
    names |= {f"kinds_{count}" for count in settings["kinds"]}
    assert {name for effect in experiment.effects for name in (effect.of, effect.minus)} <= names
    assert settings["pictures_in_all"] == len(drawings.WORLD) * 64  # so that pictures_64 has all kinds
    monkeypatch.setattr(drawings, "WORLD", drawings.WORLD[-6:])
    small = settings | FEW | QUICK_BASE | {"pictures_per_kind": (2,), "kinds": (3,), "pictures_in_all": 6}
    numbers = experiment.measure(1000, small)
    assert set(numbers) == {"pictures_2", "kinds_3", "random"}
    assert all(0 <= value <= 1 for value in numbers.values())
