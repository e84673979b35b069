"""Tests of what the experiments on fine-tuning train, hold still, put back and measure."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from convbook import drawings, freezing, models
from convbook.experiments import data, fine_tuning, probes, training, tuning

EXPERIMENTS = {experiment.claim: experiment for experiment in fine_tuning.EXPERIMENTS}
PICTURES = {"train_pictures": 4, "validation_pictures": 3, "test_pictures": 2, "kind": "drawn"}
FEW = fine_tuning.RECIPE | fine_tuning.OWN_BASE | PICTURES | {"head_updates": 3, "updates": 2, "batch_size": 4}


@pytest.fixture
def small(monkeypatch):
    """Real trainings on few small pictures, step by step: tracing a step takes longer than a hundred of them."""

    def draw_small(seed, settings):
        parts = data.draw_parts(drawings.PETS, seed, settings)
        return {part: (x[:, ::2, ::2], y) for part, (x, y) in parts.items()}

    monkeypatch.setattr(tuning, "cats_and_dogs", draw_small)
    tf.config.run_functions_eagerly(True)
    forget()
    yield
    forget()
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def start(small):
    """What a training starts from."""
    return tuning.started(1000, FEW)


def forget():
    tuning.started.forget()
    tuning.tuned.forget()
    tuning.compiled_net.cache_clear()


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_without_old_pictures_head_first_measures_the_effects_that_are_left(small, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("there are no old pictures to ask for")

    monkeypatch.setattr(fine_tuning, "probe_old", never)
    experiment = EXPERIMENTS["head-first"]
    photos = {"kind": "photos", "unmeasured": experiment.data["photos"]["unmeasured"]}
    numbers = experiment.measure(1000, experiment.settings_for() | FEW | photos | {"rates": {"SGD": [0.01, 0.03]}})
    assert not any(name.startswith("old") for name in numbers)
    left = [effect for effect in experiment.effects_for("photos") if "sgd" in effect.name]
    assert [effect.name for effect in left] == ["drift-sgd-low", "test-sgd-low", "drift-sgd-high", "test-sgd-high"]
    assert all({effect.of, effect.minus} <= set(numbers) for effect in left)


def test_night_is_dark_and_bluish():
    image = np.full((1, 2, 3, 3), 100, np.uint8)
    assert tuning.DOMAINS["night"](image)[0, 1, 2].tolist() == [25, 35, 60]
    assert tuning.DOMAINS["day"](image) is image


def test_the_record_is_what_the_base_gives_and_the_trained_head_is_another_one(start):
    net = tuning.build_net("drawn_world", 32)
    images, labels = start.parts["validation"]
    features = net.model.get_layer(net.backbone.name)(images.astype("float32") / 127.5 - 1, training=False)
    assert np.allclose(start.record["validation"][0], features, atol=1e-4)
    assert labels is start.record["validation"][1]
    assert not same(start.untrained, start.trained)
    assert same(start.base, net.backbone.get_weights())


@pytest.mark.parametrize(("batch_norm", "moves"), [(False, False), (True, True)])
def test_statistics_move_only_where_batch_normalization_is_unfrozen(start, batch_norm, moves):
    one = tuning.tuned(1000, FEW, batch_norm=batch_norm)
    assert (one.statistics_moved > 0) is moves
    assert not same(one.base, start.base)
    assert not same(one.head, start.trained)


def test_at_a_rate_of_0_statistics_move_and_no_weight_does(start):
    looked = tuning.tuned(1000, FEW | {"learning_rate": 0.0}, batch_norm=True, momentum=0.9)
    net = tuning.build_net("drawn_world", 32)
    moved = {
        weight.path.split("/")[-1]
        for weight, old, new in zip(net.backbone.weights, start.base, looked.base, strict=True)
        if not np.array_equal(old, new)
    }
    assert moved == {"moving_mean", "moving_variance"}
    assert same(looked.head, start.trained)


def test_a_quick_momentum_moves_the_statistics_ten_times_as_far(small):
    """After one batch: with a momentum of 0.99 a hundredth of the way to the batch's statistics, with 0.9 a tenth."""
    one_batch = FEW | {"learning_rate": 0.0, "updates": 1}
    slow, quick = (tuning.tuned(1000, one_batch, batch_norm=True, momentum=each) for each in (0.99, 0.9))
    assert quick.statistics_moved == pytest.approx(10 * slow.statistics_moved, rel=0.01)


def test_only_the_chosen_blocks_are_trained(start):
    net = tuning.build_net("drawn_world", 32)
    for blocks, allowed in {1: {"block4"}, ("block1", "block2"): {"block1", "block2"}}.items():
        one = tuning.tuned(1000, FEW, blocks=blocks)
        weights = zip(net.backbone.weights, start.base, one.base, strict=True)
        moved = {weight.path.split("_")[0] for weight, old, new in weights if not np.array_equal(old, new)}
        assert moved == allowed
        freezing.unfreeze(net.backbone, blocks)
        assert one.trainable == sum(np.prod(weight.shape) for weight in net.backbone.trainable_weights)


def test_a_training_is_the_same_whatever_was_trained_before(small):
    first = tuning.tuned(1000, FEW)
    tuning.tuned.forget()
    tuning.tuned(1001, FEW | {"learning_rate": 0.1})
    again = tuning.tuned(1000, FEW)
    assert again is not first
    for a, b in zip([*first.base, *first.head], [*again.base, *again.head], strict=True):
        assert np.allclose(a, b, atol=1e-6)
    assert not same(first.base, tuning.tuned(1000, FEW, head_first=False).base)
    assert not same(first.base, tuning.tuned(1000, FEW, optimizer="SGD").base)


def test_an_untouched_base_has_not_drifted_and_probabilities_are_those_of_the_model(start):
    seen = tuning.evaluate(start, start.base, start.trained, "drawn_world")
    assert np.allclose(seen.drifts, 0, atol=1e-6)
    net = tuning.build_net("drawn_world", 32)
    net.backbone.set_weights(start.base)
    net.head.set_weights(start.trained)
    for name, part in {"training": "train", "validation": "validation", "test": "test"}.items():
        assert getattr(seen, name) == training.accuracy(net.model, *start.parts[part])
    assert seen.gap == seen.training - seen.validation
    assert tuning.evaluate_test(start, start.base, start.trained, "drawn_world") == seen.test


def test_a_base_of_random_weights_has_drifted_in_every_block(small):
    start = tuning.started(1000, FEW | {"validation_pictures": 20})
    rng = np.random.default_rng(0)
    noise = [weight + np.abs(weight).mean() * rng.normal(size=weight.shape) ** 2 for weight in start.base]
    drifts = tuning.evaluate(start, noise, start.trained, "drawn_world").drifts
    assert len(drifts) == 4
    assert min(drifts) > 0.01


def test_a_base_that_steps_have_blown_up_is_measured_as_destroyed(start):
    """Such a seed must count as what it is; left out, it would flatter the wrong order."""
    nowhere = [np.full_like(weight, np.nan) for weight in start.base]
    seen = tuning.evaluate(start, nowhere, start.trained, "drawn_world")
    assert seen.drifts == (1.0, 1.0, 1.0, 1.0)
    assert (seen.training, seen.validation, seen.test, seen.new) == (0.5, 0.5, 0.5, 0.5)


def test_drift_is_that_of_features_which_lost_what_they_told():
    before = np.random.default_rng(0).normal(size=(40, 5))
    turned = before @ np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
    assert tuning.drift(before, 3 * turned + 2) == pytest.approx(0, abs=1e-9)
    assert tuning.drift(before, np.random.default_rng(2).normal(size=(40, 7))) == pytest.approx(1, abs=0.2)
    assert tuning.drift(before, np.ones((40, 7))) == 1


def test_the_last_block_ends_where_the_base_ends():
    _, measured = tuning.evaluator("drawn_world", 32)
    images = np.random.default_rng(0).integers(256, size=(2, 32, 32, 3)).astype("uint8")
    outputs = probes.outputs(measured, images)
    assert np.allclose(outputs["block4"], outputs["features"].mean(axis=(1, 2)), atol=1e-5)
    assert [outputs[f"block{number}"].shape[1] for number in (1, 2, 3, 4)] == [32, 64, 128, 256]


def test_the_norm_of_the_first_step_is_that_of_the_gradient(start):
    """Against TensorFlow's own gradient, with the same dropout."""
    images, labels = start.parts["train"]
    net = tuning.compiled_net("drawn_world", 32, "SGD")
    measured = fine_tuning.gradient_norm(net, start.base, start.untrained, images, labels, seed=5)
    tuning.reset(net, start.base, start.untrained, 1.0, seed=5)
    with tf.GradientTape() as tape:
        probabilities = net.model(images.astype("float32"), training=True)
        loss = keras.losses.BinaryCrossentropy()(labels[:, np.newaxis].astype("float32"), probabilities)
    gradients = tape.gradient(loss, [weight.value for weight in net.backbone.trainable_weights])
    wanted = np.sqrt(sum(np.square(np.array(gradient)).sum() for gradient in gradients))
    assert measured == pytest.approx(wanted, rel=1e-3)
    assert measured > 0


def test_the_error_signal_of_the_same_head_is_compared_on_the_same_batches(small, monkeypatch):
    seen = []

    def norm(net, base, head, images, labels, seed):
        seen.append((float(images.sum()), head[0].tobytes()))
        return [8.0, 4.0, 2.0][(len(seen) - 1) % 3]

    settings = FEW | {"heads": 2, "batches": 1, "stops": (0, 1, 3)}
    monkeypatch.setattr(fine_tuning, "gradient_norm", norm)
    numbers = fine_tuning.measure_error_signal(1000, settings)
    assert len(seen) == 2 * 2 * 3
    assert len({pictures for pictures, _ in seen}) == 2
    assert len({head for _, head in seen}) == 6
    assert [head for _, head in seen[:6]] == [head for _, head in seen[6:]]
    assert numbers["norm_train_by_updates"] == pytest.approx([8, 4, 2])
    assert (numbers["doublings_train"], numbers["doublings_validation"]) == (2, 2)
    for effect in fine_tuning.ERROR_SIGNAL.effects:
        assert {effect.of, effect.minus} - {None} <= set(numbers)


def test_a_head_kept_on_the_way_is_the_one_that_was_trained_so_long(start):
    untouched, one, three = tuning.train_head(start.untrained, start.record, 1000, [0, 1, 3], 1e-3)
    assert same(untouched, start.untrained)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(three, start.trained, strict=True))
    assert not same(one, three)


def test_the_mean_error_is_the_distance_between_probability_and_label():
    """A head of zeros says one half of every picture; with a bias of log 3 it says three quarters."""
    weights = [np.zeros(weight.shape) for weight in models.build_head((2, 3, 5)).get_weights()]
    part = np.ones((4, 2, 3, 5), "float32"), np.array([1, 1, 1, 0])
    assert fine_tuning.mean_error(weights, part) == pytest.approx(0.5)
    assert fine_tuning.mean_error([*weights[:-1], np.log([3.0])], part) == pytest.approx((3 * 0.25 + 0.75) / 4)


@pytest.fixture
def calls(monkeypatch):
    """Nothing is trained; each variant gets numbers of its own, and what was asked for is kept."""
    made = []

    def tuned(seed, settings, **options):
        names = ("train_pictures", "learning_rate", "updates", "batch_size")
        key = [settings[name] for name in names] + sorted((name, str(value)) for name, value in options.items())
        made.append(str(key))
        return tuning.Tuned([], [len(made) / 100], 7, 0.0)

    def evaluate(start, base, head, preset):
        return tuning.Evaluation(0.9, 0.7, sum(head), (0.0, 0.1, 0.2, 0.3), 0.5)

    replaced = {
        "tuned": tuned,
        "started": lambda *_, **options: tuning.Start({}, {}, {}, [], [0.3], [0.3]),
        "train_head": lambda *_: [[0.4]],
        "evaluate": evaluate,
        "evaluate_test": lambda *arguments: evaluate(*arguments).test,
        "probe_old": lambda *_, **options: 0.4,
    }
    for module in (tuning, fine_tuning):
        for name, function in replaced.items():
            monkeypatch.setattr(module, name, function)
    return made


def measure(experiment):
    """As a run does it: with settings that went through JSON."""
    return experiment.measure(1000, json.loads(json.dumps(experiment.settings_for())))


@pytest.mark.parametrize("claim", [claim for claim in EXPERIMENTS if claim != "error-signal"])
def test_an_experiment_measures_every_number_that_its_effects_name_and_trains_no_variant_twice(claim, calls):
    numbers = measure(EXPERIMENTS[claim])
    for effect in EXPERIMENTS[claim].effects:
        assert effect.of in numbers
        assert effect.minus is None or effect.minus in numbers
    assert len(calls) == len(set(calls)) > 0


def test_named_rates_of_the_sweep_are_those_of_the_list(calls):
    numbers = measure(fine_tuning.LOW_RATE)
    settings = fine_tuning.LOW_RATE.settings
    for name, rate in settings["named"].items():
        assert numbers[f"test_{name}"] == numbers["test_by_rate"][settings["rates"].index(rate)]
    assert len(set(numbers["test_by_rate"])) == len(settings["rates"]) == len(calls)


def test_with_the_base_frozen_the_head_alone_is_trained(calls):
    numbers = measure(fine_tuning.FINE_TUNE_HELPS)
    assert (numbers["test_head"], numbers["test_frozen"], numbers["test_tuned"]) == (0.3, 0.4, 0.01)
    assert numbers["gap_tuned"] == pytest.approx(0.2)


def test_every_experiment_says_that_all_seeds_share_one_base():
    for experiment in EXPERIMENTS.values():
        assert "one pretrained base for all seeds" in experiment.sources["drawn"]
