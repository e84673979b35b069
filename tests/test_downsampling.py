"""Tests of what chapter 4's experiments train and measure."""

import keras
import numpy as np
import pytest
from test_experiments import measure_effects

from convbook import shapes
from convbook.experiments import downsampling, load_experiments


def small(experiment, kind):
    settings = experiment.settings_for(kind) | {"train_pictures": 40, "test_pictures": 20, "filters": (2, 3, 4)}
    epochs = settings["epochs"]
    return settings | {"epochs": dict.fromkeys(epochs, 4) if isinstance(epochs, dict) else 1}


@pytest.mark.parametrize("name", ["downsample", "into-channels", "max-vs-mean", "max-vs-mean drawn"])
def test_chapter_4s_experiments_measure_every_number_that_their_effects_name(name, monkeypatch):
    monkeypatch.setattr(downsampling, "_probe", lambda train_maps, *others: 1 / train_maps[0].size)
    claim, _, kind = name.partition(" ")
    experiment = load_experiments()[claim]
    numbers = measure_effects(experiment, small(experiment, kind or "digits"))
    assert all(0 <= abs(numbers[effect.of]) <= 1 for effect in experiment.effects)


def test_the_nets_that_pool_dilate_or_do_neither_have_equal_weights_and_the_windows_that_are_stated():
    settings = downsampling.DOWNSAMPLE.settings_for()
    stacks = {
        "pooled": [(3, 1), (2, 2), (3, 1), (2, 2), (3, 1)],
        "plain": [(3, 1), (3, 1), (3, 1)],
        "dilated": [(3, 1, 1), (3, 1, 3), (3, 1, 5)],
    }
    windows, parameters = {}, set()
    for name, options in downsampling._kinds_of_net(settings).items():
        model = downsampling.build_net((28, 28, 1), settings["filters"], 10, **options)
        parameters.add(model.count_params())
        windows[name] = shapes.receptive_field(stacks[name]).size
        assert _window_px(model, "stage_3") == windows[name]
    assert windows == {"pooled": 18, "plain": 7, "dilated": 19}
    assert parameters == {160 + 4640 + 18496 + 650}


def _window_px(model, layer):
    """How many rows of the picture move the first output of a layer, asked of nets whose weights are all positive."""
    model.set_weights([np.full(weight.shape, 0.01) for weight in model.get_weights()])
    part = keras.Model(model.inputs, model.get_layer(layer).output)
    rows = np.zeros((29, 28, 28, 1), np.float32)
    for row in range(28):
        rows[row, row] = 255  # the last picture stays dark
    outputs = part.predict(rows, verbose=0)[:, 0, 0].sum(axis=-1)
    return int(np.sum(outputs[:28] != outputs[28]))


@pytest.mark.parametrize("between", ["max", "average", "strides"])
def test_each_method_of_making_the_map_smaller_has_the_same_weights(between):
    model = downsampling.build_net((64, 64, 3), (32, 64, 128, 128), 2, between)
    assert model.count_params() == 896 + 18496 + 73856 + 147584 + 258
    assert model.get_layer("stage_1").output.shape == (None, 31, 31, 32)


def test_shuffled_locations_keep_what_the_channels_hold_and_differ_from_picture_to_picture():
    maps = np.tile(np.arange(24).reshape(1, 3, 4, 2), (2, 1, 1, 1))
    shuffled = downsampling.shuffle_locations(maps, np.random.default_rng(0))
    assert not np.array_equal(shuffled[0], shuffled[1])
    for picture in shuffled:
        assert sorted(map(tuple, picture.reshape(-1, 2).tolist())) == [(n, n + 1) for n in range(0, 24, 2)]


def test_a_probe_finds_a_class_in_the_channels_after_a_shuffle_and_one_in_the_locations_only_before_it():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 400)
    in_locations, in_channels = np.zeros((400, 2, 5, 10), "float32"), np.zeros((400, 2, 5, 10), "float32")
    in_locations[np.arange(400), labels // 5, labels % 5] = 1
    in_channels[np.arange(400), :, :, labels] = 1
    settings = {"probe": {"learning_rate": 1e-2, "batch_size": 32, "epochs": 10}}
    for maps, kept, shuffled in ((in_locations, 1, 0.3), (in_channels, 1, 1)):
        for wanted, each in ((kept, maps), (shuffled, downsampling.shuffle_locations(maps, rng))):
            found = downsampling._probe(each[:300], each[300:], labels[:300], labels[300:], 0, settings)
            assert found == wanted if wanted == 1 else found < wanted


def test_drawn_pets_of_a_seed_are_balanced_and_none_is_both_trained_and_tested_on():
    settings = {"train_pictures": 6, "test_pictures": 4}
    train_images, train_labels, test_images, test_labels = downsampling._drawn_pets(3, settings)
    other = downsampling._drawn_pets(4, settings)
    assert (train_labels.mean(), test_labels.mean()) == (0.5, 0.5)
    pictures = [picture.tobytes() for images in (train_images, test_images, other[0], other[2]) for picture in images]
    assert len(set(pictures)) == len(pictures) == 20
