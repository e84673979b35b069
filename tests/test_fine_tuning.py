"""Chapter 11's checks: what they take for granted of Keras, measured, and what they say to right and wrong answers."""

import keras
import numpy as np
import pytest
from keras import layers

from convbook.checks import fine_tuning as check


def run_script(unfreeze, compile_again, batch_norm, training=None):
    """The fifth step of a script: its base, and the largest change of each of the base's weights."""
    model, base, images, labels = check._model_with_trained_head()
    if training is not None:
        inputs = keras.Input((8, 6, 3))
        features = layers.GlobalAveragePooling2D()(base(inputs, training=training))
        model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(features))
    if unfreeze:
        base.trainable = True
        for layer in base.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.trainable = batch_norm
    before = {weight.path: keras.ops.convert_to_numpy(weight) for weight in base.weights}
    if compile_again:
        model.compile(keras.optimizers.Adam(1e-4), loss="binary_crossentropy")
    model.fit(images, labels, batch_size=4, epochs=1, verbose=0)
    return base, {w.path: float(np.abs(keras.ops.convert_to_numpy(w) - before[w.path]).max()) for w in base.weights}


SCRIPTS = {
    "script A": {"unfreeze": False, "compile_again": True, "batch_norm": False},
    "script B": {"unfreeze": True, "compile_again": True, "batch_norm": True},
    "script C": {"unfreeze": True, "compile_again": False, "batch_norm": False},
    "a sound script": {"unfreeze": True, "compile_again": True, "batch_norm": False},
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_of_the_second_exercise_move_what_keras_moves(name):
    """The check does not train; this test does, and compares."""
    base, changes = run_script(**SCRIPTS[name])
    for _, given, expected_base, expected, _ in check._scripts():
        if given == name:
            assert [w.path for w in base.trainable_weights] == [w.path for w in expected_base.trainable_weights]
            assert {p for p, change in changes.items() if change} == {p for p, change in expected.items() if change}
            return
    pytest.fail(f"the check has no {name}")


def test_calling_the_base_with_training_false_does_not_protect_batch_norm():
    """Chapter 11 says so of Keras's functional models; if Keras changes, the chapter must."""
    base, changes = run_script(unfreeze=True, compile_again=True, batch_norm=True, training=False)
    assert all(changes[layer.moving_mean.path] > 0 for layer in base.layers if hasattr(layer, "moving_mean"))


def test_counts_are_those_of_keras():
    base = keras.Sequential([keras.Input((9, 7, 3)), layers.Conv2D(8, 3), layers.BatchNormalization()])
    model = keras.Sequential([base, layers.GlobalAveragePooling2D(), layers.Dense(1)])

    def count():
        return sum(keras.ops.size(weight) for weight in model.trainable_weights)

    base.trainable = False
    assert count() == 9 == check.COUNTS["frozen"]
    base.trainable = True
    assert count() == 249
    base.layers[1].trainable = False
    assert count() == 233 == check.COUNTS["fine_tuned"]
    assert model.count_params() == 265


@pytest.mark.parametrize(
    ("frozen", "fine_tuned", "words"),
    [
        (8, 233, "bias"),
        (25, 233, "gamma"),
        (233, 233, "convolution"),
        (9, 249, "BatchNorm is unfrozen"),
        (9, 265, "moving statistics"),
        (9, 9, "never unfrozen"),
        (9, 89, "3 channels"),
        (9, 100, "one by one"),
    ],
)
def test_wrong_count_is_explained(frozen, fine_tuned, words):
    feedback = check.trainable_weights({"frozen": frozen, "fine_tuned": fine_tuned})
    assert feedback.passed is False
    assert words in feedback.message


def test_right_count_passes_and_other_forms_are_refused():
    assert check.trainable_weights({"frozen": 9, "fine_tuned": 233}).passed
    for answer in (9, {"frozen": 9}, {"frozen": 9, "fine_tuned": 233.0}, {"frozen": True, "fine_tuned": 233}):
        assert "dictionary" in check.trainable_weights(answer).message


def prove(base, changes):
    may_move = {weight.path for weight in base.trainable_weights}
    assert may_move
    assert {path for path, change in changes.items() if change > 0} == may_move
    norms = [layer for layer in base.layers if isinstance(layer, layers.BatchNormalization)]
    assert all(changes[weight.path] == 0 for layer in norms for weight in layer.weights)


def test_assertions_that_find_every_fault_pass():
    assert check.prove(prove).passed


def fine_tune(model, base, images, labels, *, rate=1e-5, batch_norm=False, unfrozen=None, epochs=1):
    base.trainable = True
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = batch_norm
        elif unfrozen is not None:
            layer.trainable = layer.name == unfrozen
    model.compile(keras.optimizers.Adam(rate), loss="binary_crossentropy")
    model.fit(images, labels, batch_size=4, epochs=epochs, verbose=0)


def test_sound_fine_tuning_passes():
    assert check.repair(fine_tune).passed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rate": 1e-3}, "at a rate of 0.001"),
        ({"batch_norm": True}, "moving mean"),
        ({"unfrozen": "block2_conv"}, "did not move: block1_conv"),
        ({"unfrozen": "none"}, "never unfrozen"),
    ],
)
def test_broken_fine_tuning_is_explained(arguments, words):
    feedback = check.repair(lambda *parts: fine_tune(*parts, **arguments))
    assert feedback.passed is False
    assert words in feedback.message


def test_frozen_head_and_scales_are_noticed():
    def without_head(model, base, images, labels):
        model.layers[-1].trainable = False
        fine_tune(model, base, images, labels)

    assert "head did not move" in check.repair(without_head).message


def test_function_that_does_nothing_or_fails_is_told_so():
    assert "Nothing moved" in check.repair(lambda *parts: None).message
    assert "ZeroDivisionError" in check.repair(lambda *parts: 1 / 0).message
    assert "ZeroDivisionError" in check.prove(lambda *parts: 1 / 0).message
    assert "itself" in check.repair(3).message
    assert "itself" in check.prove([]).message


@pytest.mark.parametrize("stub", [..., lambda *parts: ...])
def test_stubs_are_unanswered(stub):
    assert check.prove(stub).passed is None
    assert check.repair(stub).passed is None
    assert check.trainable_weights({"frozen": ..., "fine_tuned": 233}).passed is None


def test_setting_trainable_to_true_where_it_is_true_reaches_no_layer():
    """Keras 3.15 on TensorFlow: chapter 11 warns of it among its pitfalls; if Keras changes, the chapter must."""
    base = check._build_base()
    base.layers[1].trainable = False
    base.trainable = True
    assert not base.layers[1].trainable
    base.trainable = False
    base.trainable = True
    assert base.layers[1].trainable
