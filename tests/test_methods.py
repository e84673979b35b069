"""Tests of the five methods side by side: what each trains, what it costs, and that all get the same pictures."""

import pytest
from test_experiments import measure_effects

from convbook import backbones, freezing, models
from convbook.experiments import data, features, methods

METHODS = ("scratch", "augmented", "option_1", "option_2", "tuned")
SMALL = {"train_pictures": 8, "validation_pictures": 3, "test_pictures": 4}
SMALL |= {"updates": 2, "epochs": 2, "tuning_epochs": 1}


@pytest.fixture(scope="module")
def numbers():
    return measure_effects(methods.FIVE_METHODS, methods.FIVE_METHODS.settings_for() | SMALL)


def test_the_experiment_measures_four_numbers_of_each_method_and_tuning_costs_what_option_2_cost_before_it(numbers):
    assert {f"{what}_{name}" for what in ("test", "seconds", "trained", "work") for name in METHODS} == set(numbers)
    assert numbers["seconds_tuned"] > numbers["seconds_option_2"]
    assert min(numbers[f"seconds_{name}"] for name in METHODS) > 0


def test_each_method_trains_the_weights_that_it_should(numbers):
    backbone, _ = backbones.load("drawn_world", 64)
    head = 256 * 64 + 64 + 64 + 1
    assert numbers["trained_option_1"] == numbers["trained_option_2"] == head
    freezing.unfreeze(backbone)
    kernels = sum(weight.value.numpy().size for weight in backbone.trainable_weights)
    assert numbers["trained_tuned"] == head + kernels == 16_513 + 150_352
    whole = models.build_convnet(64, (16, 32, 64, 64), batch_norm=True)
    moving = 2 * (16 + 32 + 64 + 64)
    assert numbers["trained_scratch"] == numbers["trained_augmented"] == whole.count_params() - moving


def test_work_is_that_of_one_picture_through_the_whole_network(numbers):
    backbone, _ = backbones.load("drawn_world", 64)
    with_head = sum(features.multiply_adds(backbone, 64).values()) + 256 * 64 + 64
    assert numbers["work_option_1"] == numbers["work_option_2"] == numbers["work_tuned"] == with_head


def test_all_methods_get_the_same_photos_at_two_sizes(monkeypatch):
    asked = []
    monkeypatch.setattr(data, "choose_photos", lambda seed, settings: asked.append((seed, settings)))
    settings = methods.FIVE_METHODS.settings_for("photos")
    for wanted in (settings, settings | settings["scratch"]):
        data.cats_and_dogs(3, wanted)
    assert [given["size_px"] for _, given in asked] == [96, 64]
    assert {(seed, given["train_pictures"]) for seed, given in asked} == {(3, 500)}
