"""Tests of the two recipes on photos: what is built, trained, kept on the way and timed."""

import json

import keras
import numpy as np
import pytest
from test_experiments import measure_effects

from convbook import evidence
from convbook.experiments import recipes

SHORT = {"epochs": 3, "batch_size": 8, "rising_updates": 2}


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Short recipes of small networks on a few small pictures, as a measurement gets them: out of JSON."""
    rng = np.random.default_rng(0)
    parts = {}
    for part, count in {"train": 20, "validation": 12, "test": 12}.items():
        labels = np.arange(count) % 2
        darkest = np.where(labels, 100, 40)[:, np.newaxis, np.newaxis, np.newaxis]
        parts[part] = (darkest + rng.integers(0, 120, (count, 32, 32, 3))).astype("uint8"), labels
    monkeypatch.setattr(recipes, "all_photos", lambda size_px: parts)
    monkeypatch.setenv("CONVBOOK_CACHE", str(tmp_path))
    short = {
        name: recipe | SHORT | {"build": recipe["build"] | {"filters": (4, 8)}}
        for name, recipe in recipes.SETTINGS["recipes"].items()
    }
    return json.loads(json.dumps(recipes.SETTINGS | {"size_px": 32, "recipes": short}))


def test_experiments_measure_every_number_that_their_effects_name(settings):
    for experiment in recipes.EXPERIMENTS:
        numbers = measure_effects(experiment, settings)
        assert all(value > 0 for value in numbers.values())
    names = [f"core_seconds_{name}" for name in settings["recipes"]]
    assert set(numbers) == {*names, "half_core_seconds_book", "half_core_seconds_book_augmented"}
    assert numbers["half_core_seconds_book"] == numbers["core_seconds_book"] / 2


def test_a_recipe_is_measured_with_the_weights_of_its_lowest_validation_loss(settings, monkeypatch):
    losses, evaluate = [], keras.Model.evaluate

    def watched(model, images, labels, **options):
        measured = evaluate(model, images, labels, **options)
        losses.append(measured[0])
        return measured

    monkeypatch.setattr(keras.Model, "evaluate", watched)
    parts = recipes.all_photos(32)
    model, measured = recipes.train(settings["recipes"]["ours"], parts, 1000)
    assert len(losses) == 3 + 1
    assert measured["best_epoch"] == np.argmin(losses[:3]) + 1
    assert evaluate(model, *parts["validation"], batch_size=100, verbose=0)[0] == pytest.approx(min(losses[:3]))
    assert evaluate(model, *parts["test"], batch_size=100, verbose=0) == [measured["test_loss"], measured["test"]]


def test_recipes_that_are_finished_are_not_trained_again_after_a_stop(settings, tmp_path, monkeypatch):
    trained = []

    def train(recipe, parts, seed):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(recipe)
        return None, {"test": len(trained) / 10}

    monkeypatch.setattr(recipes, "train", train)
    with pytest.raises(KeyboardInterrupt):
        recipes.measure_recipes(1000, settings)
    (kept,) = (tmp_path / "recipes").iterdir()
    monkeypatch.setattr(recipes, "train", lambda recipe, *others: trained.append(recipe) or (None, {"test": 0.9}))
    numbers = recipes.measure_recipes(1000, settings)
    assert trained == list(settings["recipes"].values())
    assert list(numbers.values()) == [0.1, 0.2, 0.9, 0.9]
    assert not kept.exists()


def test_recipes_that_were_kept_for_other_settings_are_trained_again(settings, monkeypatch):
    kept = recipes._kept_file(1000)
    kept.parent.mkdir()
    kept.write_text(json.dumps({"settings": settings | {"size_px": 16}, "numbers": {"test_book": 0.1}}))
    monkeypatch.setattr(recipes, "train", lambda *_: (None, {"test": 0.9}))
    assert recipes.measure_recipes(1000, settings)["test_book"] == 0.9


def test_only_the_classifier_computes_in_float32_and_the_precision_is_put_back():
    before = keras.mixed_precision.dtype_policy()
    with recipes.precision("mixed_bfloat16"):
        model = recipes.build(recipes.OURS, 180, 2000, seed=0)
    assert keras.mixed_precision.dtype_policy() == before
    assert {layer.compute_dtype for layer in model.layers[1:-1]} == {"bfloat16"}
    assert model.layers[-1].compute_dtype == "float32"


def test_the_recipes_are_those_that_chapter_7_describes():
    book, ours = (recipes.build(recipe, 180, 2000, seed=0) for recipe in (recipes.BOOK, recipes.OURS))
    assert book.count_params() == 1_569_089
    assert (book.get_layer("conv_1").strides, ours.get_layer("conv_1").strides) == ((1, 1), (2, 2))
    updates = 40 * 63
    rate = ours.optimizer._learning_rate
    assert [float(rate(step)) for step in (0, 100, updates)] == pytest.approx([0, 2e-3, 0], abs=1e-9)
    assert [type(each.optimizer).__name__ for each in (book, ours)] == ["Adam", "AdamW"]
    augmented = recipes.build(recipes.SETTINGS["recipes"]["book_augmented"], 180, 2000, seed=0)
    assert [type(layer).__name__ for layer in augmented.layers[1:4]] == ["RandomFlip", "RandomRotation", "RandomZoom"]
    assert [layer.rate for layer in augmented.layers if isinstance(layer, keras.layers.Dropout)] == [0.25]


def test_what_a_seed_lacks_stands_in_its_note():
    assert any("stopped and gone on with" in note for note in evidence.table("recipes").notes)
