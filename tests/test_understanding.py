"""Tests of what the experiments of chapters 1 and 2 measure."""

import numpy as np
import pytest
from test_experiments import measure_effects

from convbook.experiments import understanding


def small_settings():
    small = {"train_pictures": 40, "test_pictures": 30, "epochs": 1, "moves_px": (0, 8), "stated_px": 8}
    return understanding.DENSE_GLOBAL.settings_for("digits") | small


def test_dense_global_measures_every_number_that_its_effects_name():
    numbers = measure_effects(understanding.DENSE_GLOBAL, small_settings())
    assert all(0 <= numbers[name] <= 1 for name in ("dense_plain", "convnet_permuted"))
    by_move = numbers["dense_canvas_by_move"]
    assert len(by_move) == 2
    assert numbers["dense_canvas_lost_by_move"] == pytest.approx(by_move[0] - by_move[1])


def test_dense_global_compares_nets_of_about_the_same_size():
    settings = understanding.DENSE_GLOBAL.settings_for("digits")
    for size_px in (28, settings["canvas_px"]):
        dense = understanding._dense((size_px, size_px, 1), settings).count_params()
        convnet = understanding._convnet((size_px, size_px, 1), settings).count_params()
        assert dense == pytest.approx(convnet, rel=0.01)


def test_another_seed_takes_other_pictures(monkeypatch):
    seen = []

    def train(model, images, labels, settings):
        seen.append((images.copy(), labels.copy(), model.get_weights()[0]))
        return model

    monkeypatch.setattr(understanding, "train", train)
    monkeypatch.setattr(understanding, "accuracy", lambda model, images, labels: 0.5)
    for seed in (0, 0, 1):
        understanding.measure_dense_global(seed, small_settings())
    first, again, other = seen[:7], seen[7:14], seen[14:]
    for one, same in zip(first, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    for one, another in zip(first, other, strict=True):
        assert not any(np.array_equal(a, b) for a, b in zip(one, another, strict=True))
    plain, permuted = first[0][0], first[1][0]
    assert not np.array_equal(plain, permuted)
    assert np.array_equal(np.sort(plain, axis=None), np.sort(permuted, axis=None))


def test_accuracy_on_moved_digits_is_the_mean_over_four_directions(monkeypatch):
    # A "model" that finds a digit only where its ink has moved to the right: one direction of four.
    def accuracy(model, images, labels):
        found = images[:, :, 6:].sum(axis=(1, 2, 3)) > 0
        return float(found.mean())

    monkeypatch.setattr(understanding, "accuracy", accuracy)
    images = np.zeros((2, 4, 4, 1), np.uint8)
    images[:, 1:3, 1:3] = 255
    assert understanding._accuracy_moved(None, images, np.array([0, 1]), size_px=8, move_px=2) == 0.25
