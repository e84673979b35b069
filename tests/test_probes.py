"""Tests of linear classifiers on features, and of how alike features are."""

import keras
import numpy as np
import pytest

from convbook.experiments import probes


def random_parts(separation, classes=3, seed=0):
    """Features of classes whose means are this far from each other; 5 of them, so that rows and columns differ."""
    rng = np.random.default_rng(seed)
    means = separation * rng.normal(size=(classes, 5))
    parts = {}
    for part, count in (("train", 60), ("validation", 30), ("test", 300)):
        labels = np.arange(count) % classes
        parts[part] = means[labels] + rng.normal(size=(count, 5)), labels
    return parts


def test_probe_finds_classes_that_lie_apart_and_guesses_where_they_do_not():
    assert probes.probe(random_parts(separation=6)) > 0.98
    assert probes.probe(random_parts(separation=0)) == pytest.approx(1 / 3, abs=0.12)


def test_probe_is_ridge_regression_with_the_best_penalty():
    """Against the normal equations, written out."""
    parts = random_parts(separation=0.7)
    mean, spread = parts["train"][0].mean(axis=0), parts["train"][0].std(axis=0)
    (train, labels), (held_out, held_out_labels), (test, test_labels) = (
        ((features - mean) / spread, labels) for features, labels in parts.values()
    )
    one_hot = np.eye(3)
    average = one_hot[labels].mean(axis=0)

    def predict(rows, penalty):
        kernel = np.linalg.solve(train.T @ train + penalty * np.eye(5), train.T @ (one_hot[labels] - average))
        return rows @ kernel + average

    errors = [((predict(held_out, each) - one_hot[held_out_labels]) ** 2).mean() for each in probes.PENALTIES]
    best = probes.PENALTIES[int(np.argmin(errors))]
    assert 0 < errors.index(min(errors)) < len(errors) - 1
    assert probes.probe(parts) == (predict(test, best).argmax(axis=1) == test_labels).mean()


def test_probe_does_not_see_the_scale_of_a_feature_nor_one_that_never_changes():
    parts = random_parts(separation=1)
    scaled = {
        part: (np.c_[rows * [1, 1e4, 1, 1e-3, 1], np.full(len(rows), 7.0)], y) for part, (rows, y) in parts.items()
    }
    assert probes.probe(scaled) == probes.probe(parts)


def test_probe_is_served_what_another_pipeline_gives():
    parts = random_parts(separation=6)
    assert probes.probe(parts, served=parts["test"][0]) == probes.probe(parts)
    assert probes.probe(parts, served=-parts["test"][0]) < 0.7


def test_features_are_the_mean_of_each_channel():
    image = keras.Input((4, 6, 3))
    model = keras.Model(image, keras.layers.Rescaling(2.0)(image))
    images = np.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    rows, labels = probes.features_of(model, {"test": (images, np.array([0, 1]))}, lambda batch: batch + 1)["test"]
    # The mean of 0, 3, …, 69 is 34.5; one more, doubled: 71. Channels are 1 apart, pictures 72.
    assert rows.tolist() == [[71, 73, 75], [215, 217, 219]]
    assert labels.tolist() == [0, 1]


def test_principal_components_keep_labels_and_the_most_variance():
    rows = np.random.default_rng(0).normal(size=(50, 4)) * [1, 9, 3, 0.1]
    parts = {"train": (rows, "labels"), "test": (rows[:7] + 5, "others")}
    kept = probes.principal_components(parts, 2)
    assert [labels for _, labels in kept.values()] == ["labels", "others"]
    centred = np.abs(kept["train"][0])
    for column, index in ((0, 1), (1, 2)):
        assert np.allclose(centred[:, column], np.abs(rows - rows.mean(axis=0))[:, index], atol=1.5)
    assert kept["test"][0].shape == (7, 2)


def test_similarity_is_the_unbiased_formula_written_out():
    """HSIC as a sum over the entries of two Gram matrices, for 5 pictures; features may be maps."""
    rng = np.random.default_rng(0)
    maps, second = rng.normal(size=(5, 2, 3, 2)), rng.normal(size=(5, 3))
    first, ones = maps.reshape(5, 12), np.ones(5)

    def hsic(a, b):
        one, two = (x @ x.T - np.diag(np.diag(x @ x.T)) for x in (a - a.mean(axis=0), b - b.mean(axis=0)))
        sums = (ones @ one @ ones) * (ones @ two @ ones) / (4 * 3)
        return np.trace(one @ two) + sums - 2 * ones @ one @ two @ ones / 3

    expected = hsic(first, second) / np.sqrt(hsic(first, first) * hsic(second, second))
    assert probes.similarity(maps, second) == pytest.approx(expected)
