"""Pretraining of the book's own bases: resumable, complete or not there, and written in KerasHub's format."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import keras
import keras_hub
import numpy as np
import pytest

from convbook import backbones, drawings, pretraining
from convbook.backbones.presets import PACKAGED_FOLDER
from convbook.pretraining import Recipe, pretrain

TINY = Recipe(
    name="tiny",
    kinds=("bear", "car", "cup"),
    pictures_per_kind=4,
    validation_per_kind=2,
    epochs=3,
    batch_size=5,
    filters=((4, 64), (8, 8)),
    pooling=(False, True),
)


def silent(sentence):
    """Reports nothing."""


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """The folder of a tiny preset, the log of its training, and the seeds of the pictures in each part."""
    folder, seeds, draw_set = tmp_path_factory.mktemp("presets") / "tiny", [], drawings.draw_set

    def watched(kinds, count, first_seed, *arguments, **options):
        seeds.append(set(range(first_seed, first_seed + count)))
        return draw_set(kinds, count, first_seed, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawings, "draw_set", watched)
        return folder, pretrain(TINY, folder, silent, progress=False), seeds


def weights(folder):
    return keras_hub.models.ImageClassifier.from_preset(str(folder)).get_weights()


def test_no_base_has_seen_a_cat_or_a_dog():
    for recipe in pretraining.RECIPES.values():
        assert len(recipe.kinds) == len(set(recipe.kinds)) >= 15
        assert not set(recipe.kinds) & set(drawings.PETS)
    assert len(pretraining.DRAWN_WORLD.kinds) >= 30
    assert not set(pretraining.DRAWN_THINGS.kinds) & set(drawings.ANIMALS)


def test_training_and_validation_share_no_picture(preset):
    *_, seeds = preset
    assert [len(part) for part in seeds] == [4, 2]
    assert seeds[0].isdisjoint(seeds[1])


def test_the_log_says_how_the_base_was_made(preset):
    folder, log, _ = preset
    assert json.loads((folder / "training_log.json").read_text(encoding="utf-8")) == log
    assert log["classes"] == ["bear", "car", "cup"]
    assert log["recipe"]["pictures_per_kind"] == 4
    assert len(log["epochs"]) == 3
    assert set(log["epochs"][0]) == {"accuracy", "loss", "validation_accuracy", "validation_loss", "seconds"}
    assert log["seconds"] > 0
    assert {"keras", "keras-hub", "device", "backend"} <= set(log["environment"])


def test_the_preset_is_half_as_large_and_loads_as_float32(preset):
    folder, log, _ = preset
    backbone = keras_hub.models.Backbone.from_preset(str(folder))
    assert {weight.dtype for weight in backbone.weights} == {"float32"}
    assert backbone.count_params() == log["parameters"]
    assert any(isinstance(layer, keras.layers.BatchNormalization) for layer in backbone.layers)
    full = folder.parent / "full.weights.h5"
    backbone.save_weights(full)
    saved_bytes = full.stat().st_size - (folder / "model.weights.h5").stat().st_size
    assert saved_bytes == pytest.approx(2 * log["parameters"], rel=0.2)


def test_the_old_classifier_is_kept_and_takes_pixels(preset):
    folder, *_ = preset
    classifier = keras_hub.models.ImageClassifier.from_preset(str(folder))
    images, _ = drawings.draw_set(("bear", "cup"), 1, size_px=32, progress=False)
    probabilities = classifier.predict(images, verbose=0)
    assert probabilities.shape == (2, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    converter = keras_hub.layers.ImageConverter.from_preset(str(folder))
    np.testing.assert_allclose(converter(np.array([[[[0.0, 127.5, 255.0]]]])), [[[[-1, 0, 1]]]], atol=1e-6)


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(preset, tmp_path, monkeypatch):
    train_epoch = pretraining._train_epoch

    def stop_in_the_second(*arguments):
        if arguments[-2] == 1:
            raise KeyboardInterrupt
        return train_epoch(*arguments)

    monkeypatch.setattr(pretraining, "_train_epoch", stop_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        pretrain(TINY, tmp_path / "tiny", silent, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.partial"]

    monkeypatch.setattr(pretraining, "_train_epoch", train_epoch)
    said = []
    log = pretrain(TINY, tmp_path / "tiny", said.append, progress=False)
    assert "Going on after epoch 1 of 3." in said
    assert len(log["epochs"]) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
    for resumed, uninterrupted in zip(weights(tmp_path / "tiny"), weights(preset[0]), strict=True):
        np.testing.assert_allclose(resumed, uninterrupted, atol=2e-3)  # float16 keeps three digits


def test_a_preset_that_is_there_stays_until_the_new_one_is_complete(tmp_path, monkeypatch):
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text("the old one", encoding="utf-8")

    def full_disk(*arguments):
        raise OSError("No space left on device")

    monkeypatch.setattr(pretraining, "write_atomically", full_disk)
    with pytest.raises(OSError, match="No space left"):
        pretrain(dataclasses.replace(TINY, epochs=1), folder, silent, progress=False)
    assert (folder / "config.json").read_text(encoding="utf-8") == "the old one"

    monkeypatch.undo()
    pretrain(dataclasses.replace(TINY, epochs=1), folder, silent, progress=False)
    assert len(weights(folder)) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_the_state_of_another_recipe_is_refused_with_the_folder_to_delete(tmp_path):
    model = SimpleNamespace(save_weights=Path.touch)
    pretraining._write_state(tmp_path / "tiny.partial", model, {"recipe": {"name": "other"}, "epochs": []})
    with pytest.raises(ValueError, match=r"tiny\.partial holds a training by another recipe; delete that folder"):
        pretrain(TINY, tmp_path / "tiny", silent, progress=False)


@pytest.mark.parametrize("recipe", pretraining.RECIPES.values(), ids=lambda recipe: recipe.name)
def test_a_packaged_base_was_made_by_its_recipe_and_is_as_good_as_its_log_says(recipe):
    log = pretraining.read_training_log(recipe.name)
    assert log["recipe"] == json.loads(json.dumps(dataclasses.asdict(recipe)))
    assert len(log["epochs"]) == recipe.epochs
    folder = PACKAGED_FOLDER / recipe.name
    assert sum(file.stat().st_size for file in folder.iterdir()) < 4e6

    first = recipe.pictures_per_kind + recipe.validation_per_kind  # neither trained on nor looked at
    images, labels = drawings.draw_set(recipe.kinds, 5, first, progress=False)
    probabilities = backbones.load_classifier(recipe.name).predict(images, verbose=0)
    accuracy = (probabilities.argmax(axis=1) == labels).mean()
    expected = log["epochs"][-1]["validation_accuracy"]
    spread = (expected * (1 - expected) / len(labels)) ** 0.5
    assert accuracy == pytest.approx(expected, abs=4 * spread + 0.01)


def test_an_unknown_base_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"no base 'drawn_animals'; there are: drawn_world, drawn_things"):
        pretraining.read_training_log("drawn_animals")
