"""Tests of what the experiments on pretrained bases measure: probes, similarity, random bases, equal updates."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import Ridge

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


def random_parts(separation, classes=3, seed=0):
    """Features of classes whose means are this far from each other; 5 of them, so that rows and columns differ."""
    lots = np.random.default_rng(seed)
    means = separation * lots.normal(size=(classes, 5))
    parts = {}
    for part, count in (("train", 60), ("validation", 30), ("test", 300)):
        labels = np.arange(count) % classes
        parts[part] = means[labels] + lots.normal(size=(count, 5)), labels
    return parts


# ---- the probe ----


def test_probe_finds_classes_that_lie_apart_and_guesses_where_they_do_not():
    assert pretrained.probe(random_parts(separation=6)) > 0.98
    assert pretrained.probe(random_parts(separation=0)) == pytest.approx(1 / 3, abs=0.12)


def test_probe_is_scikit_learns_ridge_regression_with_the_best_penalty():
    parts = random_parts(separation=0.7)
    spread = parts["train"][0].std(axis=0)
    (train, labels), (held_out, held_out_labels), (test, test_labels) = (
        (features / spread, labels) for features, labels in parts.values()
    )
    models = [Ridge(alpha=penalty).fit(train, np.eye(3)[labels]) for penalty in pretrained.PENALTIES]
    errors = [((model.predict(held_out) - np.eye(3)[held_out_labels]) ** 2).mean() for model in models]
    predicted = models[int(np.argmin(errors))].predict(test).argmax(axis=1)
    assert pretrained.probe(parts) == (predicted == test_labels).mean()


def test_probe_does_not_see_the_scale_of_a_feature_nor_one_that_never_changes():
    parts = random_parts(separation=1)
    scaled = {
        part: (np.c_[rows * [1, 1e4, 1, 1e-3, 1], np.full(len(rows), 7.0)], y) for part, (rows, y) in parts.items()
    }
    assert pretrained.probe(scaled) == pretrained.probe(parts)


def test_probe_is_served_what_another_pipeline_gives():
    parts = random_parts(separation=6)
    assert pretrained.probe(parts, served=parts["test"][0]) == pretrained.probe(parts)
    assert pretrained.probe(parts, served=-parts["test"][0]) < 0.7


def test_features_are_the_mean_of_each_channel():
    image = keras.Input((4, 6, 3))
    model = keras.Model(image, keras.layers.Rescaling(2.0)(image))
    images = np.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    rows, labels = pretrained.features_of(model, {"test": (images, np.array([0, 1]))}, lambda batch: batch + 1)["test"]
    # The mean of 0, 3, …, 69 is 34.5; one more, doubled: 71. Channels are 1 apart, pictures 72.
    assert rows.tolist() == [[71, 73, 75], [215, 217, 219]]
    assert labels.tolist() == [0, 1]


# ---- the random base ----


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


# ---- projections ----


def test_principal_directions_are_orthogonal_and_keep_the_most_variance():
    rows = np.random.default_rng(0).normal(size=(50, 4)) * [1, 9, 3, 0.1]
    directions = pretrained.principal_directions(rows, 2)
    assert np.allclose(directions.T @ directions, np.eye(2))
    assert np.abs(directions).argmax(axis=0).tolist() == [1, 2]


def test_projection_keeps_labels_and_takes_the_mean_of_the_training_part_away():
    parts = {"train": (np.array([[1.0, 0.0], [3.0, 0.0]]), "labels"), "test": (np.array([[5.0, 1.0]]), "labels")}
    projected = pretrained.project(parts, np.array([[2.0], [10.0]]))
    assert projected["train"][0].tolist() == [[-2], [2]]
    assert projected["test"][0].tolist() == [[16]]


# ---- similarity ----


def test_similarity_is_one_for_rotated_and_scaled_features_and_near_zero_for_others():
    lots = np.random.default_rng(0)
    maps = lots.normal(size=(40, 2, 3, 5))
    rotation = np.linalg.qr(lots.normal(size=(30, 30)))[0]
    assert pretrained.similarity(maps, 3 * maps.reshape(40, 30) @ rotation + 7) == pytest.approx(1)
    # Without the correction this would be about .9: more features than pictures.
    others = [pretrained.similarity(lots.normal(size=(40, 300)), lots.normal(size=(40, 300))) for _ in range(20)]
    assert abs(np.mean(others)) < 0.1


def test_similarity_is_the_unbiased_formula_written_out():
    """HSIC as a sum over the entries of two Gram matrices, for 5 pictures."""
    lots = np.random.default_rng(0)
    first, second = lots.normal(size=(5, 2)), lots.normal(size=(5, 3))

    def hsic(a, b):
        one, two = (x @ x.T - np.diag(np.diag(x @ x.T)) for x in (a - a.mean(axis=0), b - b.mean(axis=0)))
        ones = np.ones(5)
        return (
            np.trace(one @ two) + (ones @ one @ ones) * (ones @ two @ ones) / (4 * 3) - 2 * ones @ one @ two @ ones / 3
        )

    expected = hsic(first, second) / np.sqrt(hsic(first, first) * hsic(second, second))
    assert pretrained.similarity(first, second) == pytest.approx(expected)


# ---- pretraining ----


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


# ---- the experiments ----


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


def test_parts_of_one_seed_and_of_others_share_no_picture():
    settings = {**FEW, "size_px": 16}
    parts = [pretrained.draw_parts(("car", "bear"), seed, settings) for seed in (0, 1)]
    pictures = np.concatenate([images for each in parts for images, _ in each.values()])
    assert len(np.unique(pictures.reshape(len(pictures), -1), axis=0)) == 2 * 2 * (6 + 3 + 4)


@pytest.mark.parametrize("claim", SMALL)
def test_experiment_measures_every_number_that_its_effects_name(claim, small_world):
    experiment = load_experiments()[claim]
    numbers = experiment.measure(1000, experiment.settings_for() | SMALL[claim])
    assert experiment.chapter == 8
    for effect in experiment.effects:
        assert np.isfinite(numbers[effect.of])
        assert np.isfinite(numbers[effect.minus])


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
