"""Part three, fine-tuning: what a base gains, what destroys it, and what moves although nobody trains it."""

import functools

import keras
import numpy as np

from convbook import models
from convbook.evidence import Effect
from convbook.experiments import Experiment
from convbook.experiments.data import BASE_PHOTOS, DRAWN_PETS, FEW_PETS, PHOTOS
from convbook.experiments.training import full_batches
from convbook.experiments.tuning import (
    compiled_net,
    evaluate,
    evaluate_frozen,
    evaluate_test,
    probe_old,
    reset,
    started,
    train,
    train_head,
    tune_and_evaluate,
    tuned,
)

ONE_BASE = f"{DRAWN_PETS}; one pretrained base for all seeds"
ONE_BASE_PHOTOS = f"{PHOTOS.format(**BASE_PHOTOS)}; one pretrained base for all seeds"
RECIPE = FEW_PETS | {
    "head_updates": 500,  # 40 epochs of 400 pictures
    "head_learning_rate": 1e-3,
    "updates": 75,  # 6 epochs of 400 pictures
    "learning_rate": 1e-4,
    "batch_size": 32,
}
OWN_BASE = {"backbone": "drawn_world"}


def measure_fine_tune_helps(seed, settings):
    """Train a head, then go on with the base frozen or with the base unfrozen, for equally many updates.

    The frozen base goes on at the head's rate and at the low one. Each gets its test accuracy and the gap between
    training and validation accuracy, and so does the head as it was.
    """
    start = started(seed, settings)
    found = {
        "head": evaluate(start, start.base, start.trained, settings["backbone"]),
        "frozen": evaluate_frozen(seed, settings, settings["head_learning_rate"]),
        "frozen_low": evaluate_frozen(seed, settings, settings["learning_rate"]),
        "tuned": tune_and_evaluate(seed, settings)[1],
    }
    return {f"test_{name}": each.test for name, each in found.items()} | {
        f"gap_{name}": each.gap for name, each in found.items()
    }


FINE_TUNE_HELPS = Experiment(
    claim="fine-tune-helps",
    sentence="Fine-tuning slightly adjusts the more abstract representations, to make them relevant for the problem.",
    chapter=12,
    measure=measure_fine_tune_helps,
    settings=RECIPE,
    data={"drawn": OWN_BASE, "photos": BASE_PHOTOS | {"updates": 150}},
    sources={"drawn": ONE_BASE, "photos": ONE_BASE_PHOTOS},
    effects={
        Effect("beats-frozen", "test_tuned", "test_frozen", margin=0.01): "With the base unfrozen, batch normalization "
        "frozen and a low rate, the model is better than after equally many further epochs of the head on the frozen "
        "base",
        Effect("beats-frozen-low", "test_tuned", "test_frozen_low", margin=0.01): "The same against further epochs of "
        "the head at the low rate that the unfrozen base has",
        Effect("gap-grows", "gap_tuned", "gap_frozen", margin=0.02, unit="of accuracy"): "The gap between training and "
        "validation accuracy is larger with the base unfrozen",
    },
)


def gradient_norm(net, base, head, images, labels, seed):
    """Measure the norm of the gradient that reaches a base in the first step of training on one batch.

    The net is compiled with SGD: plain gradient descent with a rate of 1 moves each weight by its gradient, so the step
    is the gradient. The seed is that of the dropout.
    """
    reset(net, base, head, 1.0, seed)
    before = [np.array(weight) for weight in net.backbone.trainable_weights]
    train(net.model, images, labels, [np.arange(len(images))])
    after = [np.array(weight) for weight in net.backbone.trainable_weights]
    return float(np.sqrt(sum(np.square(a - b, dtype="float64").sum() for a, b in zip(after, before, strict=True))))


def measure_error_signal(seed, settings):
    """Compare the gradient that reaches the base through heads before, on the way, and after their training.

    The base is not trained, and what is compared is the same head on the same batches. For training and for validation
    pictures: the norm by number of the head's updates (geometric mean over heads), and how often it is doubled without
    training; for validation pictures also the error at the top, the mean of |p - y|.
    """
    start = started(seed, settings)
    net = compiled_net(settings["backbone"], start.parts["train"][0].shape[1], "SGD")
    heads = []
    for number in range(settings["heads"]):
        keras.utils.set_random_seed(10_000 * seed + number)
        untrained = models.build_head(start.record["train"][0].shape[1:]).get_weights()
        heads.append(train_head(untrained, start.record, seed, settings["stops"], settings["head_learning_rate"]))
    numbers = {}
    for part in ("train", "validation"):
        images, labels = start.parts[part]
        rng = np.random.default_rng(seed)
        batches = list(full_batches(len(images), settings["batch_size"], settings["batches"], rng))
        norms = np.array(
            [
                [
                    np.mean([gradient_norm(net, start.base, head, images[at], labels[at], seed) for at in batches])
                    for head in stages
                ]
                for stages in heads
            ]
        )
        numbers[f"norm_{part}_by_updates"] = np.exp2(np.log2(norms).mean(axis=0))
        numbers[f"doublings_{part}"] = np.log2(norms[:, 0] / norms[:, -1]).mean()
    for name, stage in {"untrained": 0, "trained": -1}.items():
        errors = [mean_error(stages[stage], start.record["validation"]) for stages in heads]
        numbers[f"error_validation_{name}"] = np.mean(errors)
    return numbers


def mean_error(weights, part):
    """Measure the mean distance between a head's probabilities and the labels, on recorded features."""
    features, labels = part
    head = models.build_head(features.shape[1:])
    head.set_weights(weights)
    probabilities = keras.ops.convert_to_numpy(head(features, training=False))[:, 0]
    return float(np.abs(probabilities - labels).mean())


ERROR_SIGNAL = Experiment(
    claim="error-signal",
    sentence="If the classifier is not already trained, the error signal that propagates through the network is too "
    "large.",
    chapter=11,
    measure=measure_error_signal,
    settings=RECIPE | {"heads": 4, "batches": 4, "stops": (0, 25, 100, 500)},
    data={"drawn": OWN_BASE},
    sources={"drawn": ONE_BASE},
    effects={
        Effect(
            "error-at-the-top",
            "error_validation_untrained",
            "error_validation_trained",
            margin=0.1,
            unit="of probability",
        ): "An untrained head is further from the labels than a trained one, on pictures that neither has seen",
        Effect("larger-on-training-pictures", "doublings_train", margin=1, unit="doublings"): "The gradient that "
        "reaches the base in the first step is longer while the head is untrained than when it is trained; 1 doubling "
        "is twice as long",
        Effect("larger-on-new-pictures", "doublings_validation", margin=1, unit="doublings"): "The same on pictures "
        "that the head was not trained on",
    },
)


def measure_head_first(seed, settings):
    """Unfreeze the base with a trained head and with an untrained one, with two optimizers at several rates.

    Each gets by rate, and for the lowest and the highest rate by itself: drift of the last block, test accuracy, and
    the accuracy of a probe for old kinds and of one for cats and dogs on the tuned base.
    """
    start = started(seed, settings)
    of_old = functools.partial(probe_old, seed=seed, preset=settings["backbone"])
    has_old = settings["kind"] == "drawn"  # of a base that was not pretrained here, the old pictures are not at hand
    numbers = {"old_before": of_old(start.base)} if has_old else {}
    for optimizer, rates in settings["rates"].items():
        for order, head_first in {"first": True, "at_once": False}.items():
            name = f"{optimizer.lower()}_{order}"
            options = {"optimizer": optimizer, "head_first": head_first}
            found = [tune_and_evaluate(seed, settings | {"learning_rate": rate}, **options) for rate in rates]
            by_rate = {
                "drift": [each.drifts[-1] for _, each in found],
                "test": [each.test for _, each in found],
                "new": [each.new for _, each in found],
            }
            if has_old:
                by_rate["old"] = [of_old(one.base) for one, _ in found]
            numbers |= {f"{what}_{name}_by_rate": values for what, values in by_rate.items()}
            for which, index in {"low": 0, "high": -1}.items():
                numbers |= {f"{what}_{name}_{which}": values[index] for what, values in by_rate.items()}
    return numbers


HEAD_FIRST_RATES = {"SGD": (0.01, 0.03), "Adam": (1e-4, 1e-3)}


def _head_first_effects():
    effects = {}
    for optimizer, rates in HEAD_FIRST_RATES.items():
        for which, rate in {"low": rates[0], "high": rates[-1]}.items():
            name, words = f"{optimizer.lower()}-{which}", f"{optimizer} at {rate:g}"
            first, at_once = f"{optimizer.lower()}_first_{which}", f"{optimizer.lower()}_at_once_{which}"
            drift = Effect(f"drift-{name}", f"drift_{at_once}", f"drift_{first}", margin=0.05, unit="of 1 - CKA")
            old = Effect(f"old-{name}", f"old_{first}", f"old_{at_once}", margin=0.02)
            test = Effect(f"test-{name}", f"test_{first}", f"test_{at_once}", margin=0.01)
            effects |= {
                drift: f"Drift of the base's features: larger with an untrained head, {words}",
                old: f"What a probe finds of the old classes: more where the head came first, {words}",
                test: f"Cats and dogs after the last epoch: better where the head came first, {words}",
            }
    return effects


HEAD_FIRST = Experiment(
    claim="head-first",
    sentence="It is only possible to fine-tune the base once the classifier on top has been trained; otherwise the "
    "representations that were learned are destroyed.",
    chapter=12,
    measure=measure_head_first,
    settings=RECIPE | {"updates": 50, "rates": HEAD_FIRST_RATES},
    data={
        "drawn": OWN_BASE,
        "photos": BASE_PHOTOS | {"unmeasured": ("old-sgd-low", "old-sgd-high", "old-adam-low", "old-adam-high")},
    },
    sources={"drawn": ONE_BASE, "photos": ONE_BASE_PHOTOS},
    effects=_head_first_effects(),
)


def measure_low_rate(seed, settings):
    """Fine-tune from the same start at ever higher learning rates.

    By rate, and by itself for the rates in the effects: drift of the first and of the last block, test accuracy, gap
    between training and validation accuracy, and what a probe finds of the old kinds.
    """
    found = [tune_and_evaluate(seed, settings | {"learning_rate": rate}) for rate in settings["rates"]]
    by_rate = {
        "drift": [each.drifts[-1] for _, each in found],
        "drift_first_block": [each.drifts[0] for _, each in found],
        "test": [each.test for _, each in found],
        "gap": [each.gap for _, each in found],
        "old": [probe_old(one.base, seed, settings["backbone"]) for one, _ in found],
    }
    numbers = {f"{what}_by_rate": values for what, values in by_rate.items()}
    for name, rate in settings["named"].items():
        index = settings["rates"].index(rate)
        numbers |= {f"{what}_{name}": values[index] for what, values in by_rate.items()}
    return numbers


LOW_RATE = Experiment(
    claim="low-rate",
    sentence="Fine-tune with a low learning rate (this book's rule, not the lecture's).",
    chapter=12,
    measure=measure_low_rate,
    settings=RECIPE
    | {"rates": (1e-5, 1e-4, 3e-4, 1e-3, 1e-2), "named": {"lowest": 1e-5, "low": 1e-4, "middle": 1e-3, "high": 1e-2}},
    data={"drawn": OWN_BASE},
    sources={"drawn": ONE_BASE},
    effects={
        Effect("low-beats-high", "test_low", "test_high", margin=0.01): "With Adam at 0.0001 the model is better than "
        "at 0.01",
        Effect("low-beats-middle", "test_low", "test_middle", margin=0.01): "With Adam at 0.0001 the model is better "
        "than at 0.001",
        Effect("low-beats-lowest", "test_low", "test_lowest", margin=0.01): "With Adam at 0.0001 the model is better "
        "than at 0.00001, which does not arrive",
        Effect("drift-grows", "drift_middle", "drift_low", margin=0.05, unit="of 1 - CKA"): "The base drifts further "
        "at 0.001 than at 0.0001",
        Effect("old-classes-fade", "old_low", "old_middle", margin=0.02): "A probe finds more of the old classes in "
        "the base after 0.0001 than after 0.001",
    },
)


def measure_batchnorm(seed, settings):
    """Fine-tune with batch normalization frozen and moving; and move its statistics alone, training no weight.

    Frozen and moving are compared in batches of 32 and of 4, with a quick momentum and on dark pictures. A learning
    rate of 0 moves the statistics alone; it is compared with the model before.
    """
    quick = {"batch_norm": True, "momentum": settings["momentum"]}
    small = settings | settings["small"]
    at_rate_0 = settings | {"learning_rate": 0.0} | settings["looking"]
    night = {"domain": "night"}
    found = {
        "frozen_32": tuned(seed, settings),
        "moving_32": tuned(seed, settings, batch_norm=True),
        "quick_32": tuned(seed, settings, **quick),
        "frozen_4": tuned(seed, small),
        "moving_4": tuned(seed, small, batch_norm=True),
        "quick_4": tuned(seed, small, **quick),
        "frozen_night": tuned(seed, settings, **night),
        "moving_night": tuned(seed, settings, batch_norm=True, **night),
        "looked": tuned(seed, at_rate_0, batch_norm=True),
        "looked_quick": tuned(seed, at_rate_0, **quick),
        "looked_by_class": tuned(seed, at_rate_0, **quick, by_class=True),
    }
    preset, start, numbers = settings["backbone"], started(seed, settings), {}
    for name, one in found.items():
        parts = started(seed, settings, **night) if name.endswith("night") else start
        numbers[f"test_{name}"] = evaluate_test(parts, one.base, one.head, preset)
    numbers["test_before"] = evaluate_test(start, start.base, start.trained, preset)
    numbers["statistics_moved_frozen"] = max(found[name].statistics_moved for name in found if "frozen" in name)
    numbers["statistics_moved_moving"] = found["moving_32"].statistics_moved
    return numbers


BATCHNORM = Experiment(
    claim="batchnorm",
    sentence="You should not unfreeze the batch normalization layers.",
    chapter=11,
    measure=measure_batchnorm,
    settings=RECIPE
    | {
        "updates": 50,
        "momentum": 0.9,
        "small": {"batch_size": 4, "updates": 100},
        "looking": {"batch_size": 15, "updates": 40},
    },
    data={"drawn": OWN_BASE, "photos": BASE_PHOTOS},
    sources={"drawn": ONE_BASE, "photos": ONE_BASE_PHOTOS},
    effects={
        Effect(
            "statistics-stay",
            "statistics_moved_frozen",
            margin=1e-9,
            direction="equal",
            unit="largest change of a moving statistic",
        ): "With each batch normalization frozen, no moving mean or variance changes",
        Effect("batches-of-32", "test_frozen_32", "test_moving_32", margin=0.01): "In batches of 32 the model is "
        "better with batch normalization frozen",
        Effect("batches-of-4", "test_frozen_4", "test_moving_4", margin=0.01): "The same in batches of 4",
        Effect("quick-momentum-32", "test_frozen_32", "test_quick_32", margin=0.01): "In batches of 32, against moving "
        "statistics with a momentum of 0.9",
        Effect("quick-momentum-4", "test_frozen_4", "test_quick_4", margin=0.01): "The same in batches of 4",
        Effect("dark-pictures", "test_frozen_night", "test_moving_night", margin=0.01): "On dark and bluish pictures, "
        "in batches of 32, frozen is better than moving",
        Effect("looking-alone", "test_before", "test_looked", margin=0.01): "No weight is trained; 40 batches of 15 "
        "pictures move the statistics, and the model gets worse",
        Effect("looking-alone-quick", "test_before", "test_looked_quick", margin=0.01): "The same with a momentum of "
        "0.9",
        Effect("looking-class-by-class", "test_before", "test_looked_by_class", margin=0.01): "The same with a "
        "momentum of 0.9, and the pictures come class by class",
    },
)


def measure_partial(seed, settings):
    """Unfreeze 0, 1, 2 and all blocks from the top, on few and on more pictures, for equally many updates.

    The same for all blocks but the top one. Each gets its test accuracy, the gap between training and validation
    accuracy, and the number of weights of the base that were trained.
    """
    numbers = {}
    for count in settings["pictures"]:
        chosen = settings | {"train_pictures": count}
        unfrozen = {blocks: blocks for blocks in settings["blocks"]} | {"all": None, "lower": settings["lower"]}
        found = {0: evaluate_frozen(seed, chosen, chosen["learning_rate"])}
        for name, blocks in unfrozen.items():
            one, found[name] = tune_and_evaluate(seed, chosen, blocks=blocks)
            numbers[f"trainable_{name}"] = one.trainable
        for name, each in found.items():
            numbers |= {f"test_{name}_{count}": each.test, f"gap_{name}_{count}": each.gap}
    return numbers


PARTIAL = Experiment(
    claim="partial",
    sentence="It is more useful to fine-tune the specialized features of the top blocks; the more parameters you "
    "train, the more you are at risk of overfitting.",
    chapter=12,
    measure=measure_partial,
    settings=RECIPE
    | {"pictures": (50, 200), "blocks": (1, 2), "lower": ("block1", "block2", "block3"), "learning_rate": 3e-4},
    data={"drawn": OWN_BASE},
    sources={"drawn": ONE_BASE},
    effects={
        Effect("top-block-helps", "test_1_200", "test_0_200", margin=0.01): "On 200 pictures per class, tuning the top "
        "block alone is better than tuning none",
        Effect("top-beats-lower", "test_1_200", "test_lower_200", margin=0.01): "Tuning the top block alone is better "
        "than tuning the three below it, which have fewer weights",
        Effect("all-beats-top", "test_all_200", "test_1_200", margin=0.01): "On 200 pictures per class, tuning all "
        "blocks is better than the top one alone",
        Effect("top-beats-all-on-few", "test_1_50", "test_all_50", margin=0.01): "On 50 pictures per class, the top "
        "block alone is better than all",
        Effect(
            "gap-grows-with-weights", "gap_all_50", "gap_1_50", margin=0.02, unit="of accuracy"
        ): "On 50 pictures per class, the gap between training and validation accuracy is larger with all blocks than "
        "with the top one",
        Effect(
            "gap-grows-on-few", "gap_all_50", "gap_all_200", margin=0.02, unit="of accuracy"
        ): "With all blocks the gap is larger on 50 pictures per class than on 200",
    },
)


EXPERIMENTS = (FINE_TUNE_HELPS, ERROR_SIGNAL, HEAD_FIRST, LOW_RATE, BATCHNORM, PARTIAL)
