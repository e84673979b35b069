"""The small nets for digits: what packing keeps, what the package holds, and how it was made."""

import base64
import dataclasses
import json

import keras
import numpy as np
import pytest

from convbook import __main__ as commands
from convbook import digit_nets, digit_pretraining, photos
from convbook.digit_pretraining import RECIPES, Recipe

TINY = (Recipe("dense", (3,), 1, 1e-3, 200, canvas_px=46), Recipe("convnet", (2,), 1, 1e-3, 200, canvas_px=46))


@pytest.fixture(scope="module")
def digits():
    return photos.load_digits("scikit-learn")


@pytest.fixture(scope="module")
def few(digits):
    return dataclasses.replace(digits, train_images=digits.train_images[:40], train_labels=digits.train_labels[:40])


def test_no_number_moves_by_more_than_half_a_step():
    kernel = np.random.default_rng(0).normal(size=(3, 2, 5, 4)) * [1, 10, 1e-6, 0]
    unpacked = digit_nets.unpack_kernel(digit_nets.pack_kernel(kernel))
    steps = np.abs(kernel).max(axis=(0, 1, 2), initial=1e-9) / 127
    assert unpacked.shape == kernel.shape
    assert unpacked.dtype == np.float32
    assert (np.abs(unpacked - kernel) / steps).max() <= 0.5001


def test_packing_twice_changes_nothing_more():
    net = digit_nets.packed("convnet")
    assert digit_nets.pack(digit_nets.unpack(net)) == net


def test_a_non_square_model_keeps_its_answers_but_for_rounding():
    keras.utils.set_random_seed(1)
    x = image = keras.Input((9, 12, 3))
    for layer in (
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, (2, 3), activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dense(3, bias_initializer="normal"),
    ):
        x = layer(x)
    model = keras.Model(image, x)
    images = np.random.default_rng(0).uniform(0, 255, (5, 9, 12, 3))
    again = digit_nets.unpack(json.loads(json.dumps(digit_nets.pack(model))))
    np.testing.assert_allclose(again.predict(images, verbose=0), model.predict(images, verbose=0), atol=0.02)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(2, 3, padding="same"),
        keras.layers.Conv2D(2, 3, strides=2),
        keras.layers.Conv2D(2, 3, use_bias=False),
        keras.layers.MaxPooling2D(2, strides=1),
        keras.layers.MaxPooling2D((2, 3)),
        keras.layers.Rescaling(1 / 127.5, offset=-1),
        keras.layers.AveragePooling2D(2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_that_cannot_be_packed_is_refused_with_those_that_can(layer):
    with pytest.raises(ValueError, match=rf"{layer.name} .*possible are Rescaling by one factor, Conv2D"):
        digit_nets.pack(keras.Sequential([keras.Input((7, 8, 1)), layer]))


def test_an_activation_that_cannot_be_packed_is_refused():
    with pytest.raises(ValueError, match="activation tanh; possible are linear, relu, softmax"):
        digit_nets.pack(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="tanh")]))


def test_an_unknown_net_is_refused_with_those_there_are():
    for ask in (digit_nets.load, digit_nets.packed):
        with pytest.raises(ValueError, match="no net 'conv'; there are: dense, convnet"):
            ask("conv")


def test_the_nets_together_stay_below_100_kilobytes():
    assert digit_nets.FILE.stat().st_size < 100_000
    kernels = [
        layer["kernel"] for n in digit_nets.NAMES for layer in digit_nets.packed(n)["layers"] if "kernel" in layer
    ]
    assert sum(len(base64.b64decode(kernel["values"])) for kernel in kernels) < 60_000


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_packaged_net_was_made_by_its_recipe_and_is_as_good_as_its_log_says(recipe, digits):
    log = digit_nets.read_training_log()
    assert log["recipes"][recipe.name] == json.loads(json.dumps(dataclasses.asdict(recipe)))
    model = digit_nets.load(recipe.name)
    built = digit_pretraining.build(recipe)
    assert [(layer.name, layer.output.shape) for layer in model.layers] == [
        (layer.name, layer.output.shape) for layer in built.layers
    ]
    assert digit_pretraining.measure(model, digits) == pytest.approx(log["accuracies"][recipe.name], abs=0.003)


def test_both_nets_know_digits_at_home_and_only_the_convnet_knows_them_elsewhere():
    accuracies = digit_nets.read_training_log()["accuracies"]
    assert min(accuracies[name]["home"] for name in digit_nets.NAMES) > 0.9
    assert accuracies["dense"]["moved 8 px"] < 0.2 < 0.85 < accuracies["convnet"]["moved 8 px"]


def test_training_sees_digits_in_the_centre_of_the_canvas_only(few, monkeypatch):
    seen = []
    monkeypatch.setattr(
        keras.Model, "fit", lambda self, images, labels, **options: seen.append((images.copy(), labels.copy()))
    )
    digit_pretraining.train(RECIPES[0], few)
    assert len(seen) == 60
    images = np.concatenate([images for images, _ in seen])
    ink = np.argwhere(images.max(axis=(0, 3)))
    # 20 rows of ink in the middle of 54 are rows 17 to 36; two pixels beside, 15 to 38.
    assert ink.min() == 15
    assert ink.max() == 38
    by_label = {label: few.train_images[few.train_labels == label].sum() for label in range(10)}
    for images, labels in seen[:3]:  # each digit keeps its label, and all its ink
        assert {label: images[labels == label].sum() for label in range(10)} == by_label


def test_every_place_near_the_centre_is_used():
    images = np.ones((400, 2, 3, 1), np.uint8)
    placed = digit_pretraining.place_near_the_centre(images, 9, 1, np.random.default_rng(0))
    corners = {tuple(np.argwhere(image[..., 0])[0]) for image in placed}
    assert corners == {(3 + down, 3 + right) for down in (-1, 0, 1) for right in (-1, 0, 1)}
    assert (placed.sum(axis=(1, 2, 3)) == 6).all()


def test_pretraining_writes_one_file_and_the_same_weights_every_time(few, tmp_path, monkeypatch):
    monkeypatch.setattr(photos, "load_digits", lambda source: few)
    said, files = [], [tmp_path / "first.json", tmp_path / "second.json"]
    for file in files:
        log = digit_pretraining.pretrain(file, TINY, said.append)
    first, second = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    assert first["nets"] == second["nets"]
    assert set(first["nets"]) == {"dense", "convnet"}
    assert {**second, "nets": None} == json.loads(json.dumps({**log, "nets": None}))
    assert set(log["accuracies"]["dense"]) == {"home", "moved 4 px", "moved 8 px", "corners"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.json", "second.json"]
    assert said[-1] == f"Wrote {files[1]}."


def test_a_training_that_fails_leaves_the_old_file(few, tmp_path, monkeypatch):
    monkeypatch.setattr(photos, "load_digits", lambda source: few)
    file = tmp_path / "nets.json"
    file.write_text("the old ones", encoding="utf-8")

    def stop(model):
        raise KeyboardInterrupt

    monkeypatch.setattr(digit_nets, "pack", stop)
    with pytest.raises(KeyboardInterrupt):
        digit_pretraining.pretrain(file, TINY, lambda sentence: None)
    assert file.read_text(encoding="utf-8") == "the old ones"


def test_the_command_trains_the_nets_into_the_package_or_the_named_folder(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(digit_pretraining, "pretrain", asked.append)
    assert commands.main(["pretrain", "digits"]) == 0
    assert commands.main(["pretrain", "digits", "--folder", str(tmp_path)]) == 0
    assert asked == [digit_nets.FILE, tmp_path / "digit_nets.json"]
