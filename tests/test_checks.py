"""The checks of the exercises: what they assume of Keras, measured, and what they say of any answer at all.

`test_exercises` tries each check with its worked solution and with plausible wrong answers.
"""

import importlib

import keras
import numpy as np
import pytest
from keras import layers
from test_exercises import BOOK_CHECKS, FORMS

from convbook import shapes
from convbook.checks import feature_extraction, feature_extraction_end_to_end, fine_tuning, training_from_scratch


def load(check):
    module, function = check.split(".")
    return getattr(importlib.import_module(f"convbook.checks.{module}"), function)


def count_trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


# ---------------------------------------------------------------- every check


OTHER_FORMS = (None, True, 0, 2.5, "text", [], {}, [None], ["text"] * 3, {"a": 1}, np.zeros((2, 2)), object())


@pytest.mark.parametrize("check", BOOK_CHECKS)
def test_a_stub_is_no_answer_and_one_of_another_form_is_wrong_and_raises_nothing(check):
    for stub in (..., [..., ...], {"a": (1, ...)}):
        assert load(check)(stub).passed is None
    for answer in OTHER_FORMS:
        feedback = load(check)(answer)
        assert feedback.passed is False
        assert feedback.message


@pytest.mark.parametrize("check", FORMS["Give the function itself"])
def test_a_function_that_fails_reaches_its_author_and_a_stub_in_it_is_no_answer(check):
    feedback = load(check)(lambda a=0, b=0, c=0, *others: 1 / 0)
    if check != "pretrained_models.build_probe":  # counts the arguments first
        assert feedback.passed is False
        assert "ZeroDivisionError" in feedback.message
        assert load(check)(lambda *arguments: ...).passed is None


# ---------------------------------------------------------------- chapter 6: four small trainings


@pytest.fixture(scope="module")
def runs():
    by_name = training_from_scratch.four_runs()
    return {diagnosis: by_name[name] for name, diagnosis in training_from_scratch.DIAGNOSES.items()}


def gaps(run):
    return np.subtract(run["accuracy"], run["val_accuracy"])


def test_run_that_overfits_learns_its_own_pictures_and_gets_worse_on_others(runs):
    run = runs["overfitting"]
    assert run["accuracy"][-1] > 0.99
    assert 0.65 < run["val_accuracy"][-1] < 0.85
    assert run["val_loss"][-1] > 1.3 * min(run["val_loss"])


def test_run_with_a_leak_is_too_good_to_be_true(runs):
    run = runs["leak"]
    assert run["val_accuracy"][-1] > 0.99
    assert np.abs(gaps(run)).max() < 0.05
    assert run["loss"] == runs["overfitting"]["loss"]  # the same training: only the validation pictures differ


def test_run_of_a_small_network_stays_low_with_a_small_gap(runs):
    run = runs["too small"]
    assert 0.6 < run["accuracy"][-1] < 0.85
    assert gaps(run)[-1] < 0.1
    assert np.diff(run["loss"]).max() < 0.05


def test_run_with_too_high_a_rate_jumps_in_training(runs):
    run = runs["rate too high"]
    assert (np.diff(run["loss"]) > 0.2).sum() >= 5
    assert min(run["loss"]) > 0.4
    assert np.median(run["loss"]) > np.log(2)  # worse than guessing


def test_trainings_are_the_same_every_time_and_belong_to_the_caller():
    training_from_scratch.four_runs()["A"]["loss"].clear()
    assert len(training_from_scratch.four_runs()["A"]["loss"]) == training_from_scratch.EPOCHS
    feature_extraction_end_to_end.three_trainings()["A"].clear()
    assert len(feature_extraction_end_to_end.three_trainings()["A"]) == 8


def test_gradients_are_those_of_the_loss():
    """Against differences of the loss, on inputs that are not square."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(7, 5)), np.array([0, 1, 1, 0, 1, 0, 1])
    weights = training_from_scratch._initial_weights(5, 3, rng)
    for weight, gradient in zip(weights, training_from_scratch._gradients(weights, x, labels), strict=True):
        for index in np.ndindex(weight.shape):
            losses = []
            for step in (1e-6, -2e-6):
                weight[index] += step
                losses.append(training_from_scratch._measure(weights, x, labels)[0])
            weight[index] += 1e-6
            assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(gradient[index], abs=1e-6)


def test_each_diagnosis_has_one_remedy_and_one_run():
    remedies, diagnoses = training_from_scratch.REMEDIES, training_from_scratch.DIAGNOSES
    assert sorted(diagnoses.values()) == sorted(remedies)
    answer = {name: (diagnosis, remedies[diagnosis]) for name, diagnosis in diagnoses.items()}
    for name, diagnosis in diagnoses.items():
        for other in set(remedies) - {diagnosis}:
            feedback = training_from_scratch.curves(answer | {name: (other, remedies[other])})
            assert feedback.passed is False
            assert feedback.message.startswith(f"{name} is not")


def test_three_answers_can_be_as_often_right_at_more_than_twice_the_loss():
    feedback = training_from_scratch.louder(([0.6, 0.4, 0.4], [0.99, 0.01, 0.01]))
    assert feedback.passed is True
    assert "0.65" in feedback.message  # -(2 ln 0.6 + ln 0.4) / 3
    assert "1.54" in feedback.message  # -(2 ln 0.99 + ln 0.01) / 3


# ---------------------------------------------------------------- chapter 9: recorded features

RECORD = {"shape": (6, 6, 2048), "float32": 589_824_000, "float16": 294_912_000}


def test_size_of_xceptions_record_is_that_of_the_formula():
    """The sides by the formulas of chapter 3, the channels as stated."""
    side = shapes.output_size(shapes.output_size(180, 3, 2), 3)
    for _ in range(4):
        side = shapes.output_size(side, 3, 2, padding="same")
    assert (side, side, 2048) == feature_extraction.SHAPE


def test_xceptions_features_have_this_shape_in_keras_hub():
    import keras_hub

    filters = [[32, 64], [128, 128], [256, 256], [728, 728]] + [[728] * 3] * 8 + [[728, 1024], [1536, 2048]]
    pooling = [False, True, True, True] + [False] * 8 + [True, False]
    xception = keras_hub.models.XceptionBackbone(stackwise_conv_filters=filters, stackwise_pooling=pooling)
    assert xception.count_params() == 20_861_480  # the weights of xception_41_imagenet
    assert xception.compute_output_shape((1, 180, 180, 3)) == (1, *feature_extraction.SHAPE)


def test_no_other_side_is_accepted():
    for side in set(range(1, 181)) - {6}:
        feedback = feature_extraction.record_size(RECORD | {"shape": (side, side, 2048)})
        assert feedback.passed is False
        assert str(side) in feedback.message


def test_features_of_the_checks_hold_the_number_of_their_picture():
    images, labels = feature_extraction._numbered_pictures(11)
    assert (images.shape, len(labels)) == ((11, 5, 4, 3), 11)
    for features in (feature_extraction._base(images + 7.5), feature_extraction._base(images).astype("float16")):
        assert feature_extraction._numbers_in(features).tolist() == list(range(11))


def test_a_record_of_four_passes_may_go_picture_by_picture():
    def record(base, images, labels, augmentation, passes):
        rows = [base(augmentation(image[None], training=True)) for image in images for _ in range(passes)]
        return np.concatenate(rows).astype("float16"), np.repeat(labels, passes)

    assert feature_extraction.record_passes(record).passed is True


def test_a_shuffled_dataset_brings_another_order_each_time_and_every_picture_once():
    batches = feature_extraction._Shuffled(*feature_extraction._numbered_pictures(11), batch_size=4)
    orders = [np.concatenate([images[:, 0, 0, 0] for images, _ in batches]) for _ in range(2)]
    assert not np.array_equal(*orders)
    assert sorted(orders[0]) == sorted(orders[1]) == [32 * number for number in range(1, 12)]
    assert [len(images) for images, _ in batches] == [4, 4, 3]
    assert len(batches) == 3


# ---------------------------------------------------------------- chapter 10: what fit trains


def test_counts_of_chapter_10_are_those_of_keras():
    counts = feature_extraction_end_to_end.COUNTS
    convolutions = [layers.Conv2D(16, 3, use_bias=False), layers.BatchNormalization(), layers.Conv2D(24, 3)]
    base = keras.Sequential([keras.Input((12, 9, 3)), *convolutions])
    model = keras.Sequential([base, layers.GlobalAveragePooling2D(), layers.Dense(8), layers.Dense(1)])
    assert model.count_params() == counts["all"] == 4185
    assert count_trainable(model) == counts["not frozen"] == 4153
    base.trainable = False
    assert count_trainable(model) == counts["frozen"] == 209


@pytest.mark.parametrize(
    ("steps", "listed", "trained", "moved"),
    [
        ("freeze compile fit", 5, 5, False),
        ("compile freeze fit", 5, 5, False),  # settled at the first step, not by compile
        ("compile fit freeze fit", 5, 125, True),
        ("compile fit freeze compile fit", 5, 5, False),
        ("freeze compile fit unfreeze fit", 125, 5, False),
    ],
)
def test_what_fit_trains_is_settled_at_the_first_step_after_compile(steps, listed, trained, moved):
    assert feature_extraction_end_to_end._carry_out(tuple(steps.split())) == (listed, trained, moved)


def test_three_trainings_move_nothing_statistics_alone_and_weights():
    trainings = feature_extraction_end_to_end.three_trainings()
    moved = {name: {path for path in changes if changes[path] > 0} for name, changes in trainings.items()}
    head = {"head/kernel", "head/bias"}
    assert moved["A"] == head
    assert moved["B"] == head | {"norm/moving_mean", "norm/moving_variance"}
    assert moved["C"] > moved["B"]
    assert "conv/kernel" in moved["C"]


# ---------------------------------------------------------------- chapter 11: fine-tuning


def run_script(unfreeze, compile_again, batch_norm, training=None):
    """Run the fifth step of a script; return its base, and the largest change of each of the base's weights."""
    model, base, images, labels = fine_tuning._model_with_trained_head()
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


@pytest.mark.parametrize(
    ("name", "arguments"),  # whether it unfreezes, compiles again, and trains batch normalization
    [
        ("script A", (False, True, False)),
        ("script B", (True, True, True)),
        ("script C", (True, False, False)),
        ("a sound script", (True, True, False)),
    ],
)
def test_scripts_of_the_second_exercise_move_what_keras_moves(name, arguments):
    """The check does not train; this test does, and compares."""
    base, changes = run_script(*arguments)
    # The scripts share one base, so that it has to be looked at before the next one is made.
    for _, given, expected_base, expected, _ in fine_tuning._scripts():
        if given == name:
            assert [w.path for w in base.trainable_weights] == [w.path for w in expected_base.trainable_weights]
            assert {p for p, change in changes.items() if change} == {p for p, change in expected.items() if change}
            return
    pytest.fail(f"the check has no {name}")


def test_calling_the_base_with_training_false_does_not_protect_batch_norm():
    """Chapter 11 says so of Keras's functional models; if Keras changes, the chapter must."""
    base, changes = run_script(unfreeze=True, compile_again=True, batch_norm=True, training=False)
    assert all(changes[layer.moving_mean.path] > 0 for layer in base.layers if hasattr(layer, "moving_mean"))


def test_counts_of_chapter_11_are_those_of_keras():
    base = keras.Sequential([keras.Input((9, 7, 3)), layers.Conv2D(8, 3), layers.BatchNormalization()])
    model = keras.Sequential([base, layers.GlobalAveragePooling2D(), layers.Dense(1)])
    base.trainable = False
    assert count_trainable(model) == 9 == fine_tuning.COUNTS["frozen"]
    base.trainable = True
    assert count_trainable(model) == 249
    base.layers[1].trainable = False
    assert count_trainable(model) == 233 == fine_tuning.COUNTS["fine_tuned"]
    assert model.count_params() == 265


def test_a_frozen_head_is_noticed():
    def fine_tune(model, base, images, labels):
        base.trainable = True
        for layer in base.layers:
            layer.trainable = not isinstance(layer, layers.BatchNormalization)
        model.layers[-1].trainable = False
        model.compile(keras.optimizers.Adam(1e-5), loss="binary_crossentropy")
        model.fit(images, labels, batch_size=4, verbose=0)

    assert "head did not move" in fine_tuning.repair(fine_tune).message


def test_setting_trainable_to_true_where_it_is_true_reaches_no_layer():
    """Keras 3.15 on TensorFlow: chapter 11 warns of it among its pitfalls; if Keras changes, the chapter must."""
    base = fine_tuning._build_base()
    base.layers[1].trainable = False
    base.trainable = True
    assert not base.layers[1].trainable
    base.trainable = False
    base.trainable = True
    assert base.layers[1].trainable
