"""Part two, training a model from scratch: few pictures, overfitting, and what augmentation does about it."""

import math
import time
from typing import NamedTuple

import keras
import numpy as np

from convbook import models, pipelines
from convbook.evidence import Effect
from convbook.experiments import Experiment
from convbook.experiments.data import DRAWN_PETS, FEW_PETS, PHOTOS, SMALL_PHOTOS, cats_and_dogs
from convbook.experiments.training import Batches, BestWeights, accuracy, augment, done_once

BATCH_SIZE = 32
RECIPE = FEW_PETS | {
    "filters": (16, 32, 64, 64),  # those of chapter 7 on the quick run
    "updates": 1040,  # 80 epochs of 400 pictures: with augmentation, half as many leave a net half finished
    "learning_rate": 1e-3,
}
VALIDATIONS = 40  # how often a training is validated, however long its epochs are


def augmentation(strength, seed):
    """Build the transforms of the best-known recipe, turned up or down, as a list of keras layers.

    A strength of 1 rotates by up to a tenth of a turn and zooms by up to a fifth; 0 is no transform at all.

    Source:
        F. Chollet and M. Watson, Deep Learning with Python, 3rd edition, chapter 8.
    """
    if strength == 0:
        return []
    return [
        keras.layers.RandomFlip("horizontal", seed=seed),
        keras.layers.RandomRotation(0.1 * strength, seed=seed + 1),
        keras.layers.RandomZoom(0.2 * strength, seed=seed + 2),
    ]


def build(size_px, filters, dropout=0.0, augmentation=None):
    """Build the convnet of chapter 7, as `models.build_convnet` does with batch normalization."""
    return models.build_convnet(size_px, tuple(filters), dropout, augmentation, batch_norm=True)


def train(parts, seed, settings, strength=0, dropout=0.0, in_pipeline=False):
    """Train the small convnet with batch normalization on cats and dogs for a number of updates.

    The strength is that of the augmentation, which happens in the model or in the pipeline; dropout is the share of
    numbers before the classifier that are set to 0 in training.

    Returns the model as it was after the last update, its history, and the weights of its lowest validation loss.
    """
    keras.utils.set_random_seed(seed)
    layers = augmentation(strength, seed)
    images, labels = parts["train"]
    model = build(images.shape[1], settings["filters"], dropout, None if in_pipeline else layers)
    # The rate falls to 0, so that what is measured after the last update does not depend on which update was the last.
    rate = keras.optimizers.schedules.CosineDecay(settings["learning_rate"], settings["updates"])
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    epochs = round(settings["updates"] / math.ceil(len(images) / BATCH_SIZE))
    best = BestWeights()
    if in_pipeline:
        mapped = keras.Sequential(layers)
        batches = pipelines.from_arrays(images, labels, BATCH_SIZE, shuffle=True, seed=seed, augmentation=mapped)
    else:
        batches = Batches(images, labels, BATCH_SIZE, seed)
    history = model.fit(
        batches,
        epochs=epochs,
        validation_data=parts["validation"],
        validation_batch_size=250,
        validation_freq=max(1, epochs // VALIDATIONS),
        callbacks=[best],
        shuffle=False,
        verbose=0,
    ).history
    return model, history, best.weights


class Training(NamedTuple):
    """What one training gave.

    Attributes:
        training, validation: accuracy on clean training and validation pictures after the last update.
        test: accuracy on the test pictures with the weights of the lowest validation loss.
        best_weights: these weights.
        seconds: how long it took.
    """

    training: float
    validation: float
    test: float
    best_weights: list
    seconds: float


@done_once(
    "kind", "size_px", "train_pictures", "validation_pictures", "test_pictures", "filters", "updates", "learning_rate"
)
def trained(seed, settings, strength=0, dropout=0.0, in_pipeline=False):
    """Get pictures, train on them and measure; once, however many claims ask for the same training; see `train`."""
    parts = cats_and_dogs(seed, settings)
    start = time.perf_counter()
    model, _, best_weights = train(parts, seed, settings, strength, dropout, in_pipeline)
    seconds = time.perf_counter() - start
    training, validation = accuracy(model, *parts["train"]), accuracy(model, *parts["validation"])
    model.set_weights(best_weights)
    return Training(training, validation, accuracy(model, *parts["test"]), best_weights, seconds)


def build_plain(size_px):
    """Build the convnet of chapter 6: no batch normalization, and kernels that begin as He's rule for ReLU has them."""
    model = models.build_convnet(size_px)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(keras.initializers.HeNormal()(layer.kernel.shape))
    return model


def measure_small_data(seed, settings):
    """Train chapter 6's convnet on few pictures for long.

    Measured after the last update, and on the test pictures also with the weights of the lowest validation loss.
    """
    parts = cats_and_dogs(seed, settings)
    images, labels = parts["train"]
    keras.utils.set_random_seed(seed)
    model, best = build_plain(images.shape[1]), BestWeights()
    model.compile(keras.optimizers.Adam(settings["learning_rate"]), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(
        Batches(images, labels, settings["batch_size"], seed),
        epochs=settings["epochs"],
        validation_data=parts["validation"],
        validation_batch_size=250,
        callbacks=[best],
        shuffle=False,
        verbose=0,
    ).history
    training = accuracy(model, *parts["train"])
    return {
        "training": training,
        "memorised": training - 0.9,
        "validation": accuracy(model, *parts["validation"]),
        **{f"history_{name}": values for name, values in history.items()},
        **_test_at_best_and_last(model, best.weights, parts["test"]),
    }


def _test_at_best_and_last(model, best_weights, test):
    """Loss and accuracy on test pictures: what chose the best epoch were others, so it has no head start here."""
    last_loss, last = model.evaluate(*test, batch_size=250, verbose=0)
    model.set_weights(best_weights)
    best_loss, best = model.evaluate(*test, batch_size=250, verbose=0)
    return {"test": best, "test_last": last, "test_loss": best_loss, "test_loss_last": last_loss}


SMALL_DATA = Experiment(
    claim="small-data",
    sentence="A convnet that is trained from scratch on few pictures overfits.",
    chapter=6,
    measure=measure_small_data,
    settings=FEW_PETS | {"batch_size": 16, "epochs": 40, "learning_rate": 1e-3},
    data={"drawn": {}, "photos": SMALL_PHOTOS},
    sources={"drawn": DRAWN_PETS, "photos": PHOTOS.format(**SMALL_PHOTOS)},
    effects={
        Effect("memorises", "memorised", margin=0.05, unit="training accuracy above 0.9"): "After the last epoch on "
        "few pictures, a net is right on more than nine in ten of them",
        Effect("gap", "training", "validation", margin=0.05, unit="of accuracy"): "It is better on its training "
        "pictures than on the validation pictures",
        Effect("loss-rises", "test_loss_last", "test_loss", margin=0.05, unit="of loss"): "On the test pictures its "
        "loss at the end is higher than in the epoch that validation chose",
        Effect("accuracy-stays", "test_last", "test", margin=0.03, direction="equal"): "On the test pictures its "
        "accuracy at the end is that of the epoch that validation chose",
    },
)


def measure_more_pictures(seed, settings):
    """Train the convnet with batch normalization on ever more pictures, with equally many updates."""
    numbers = {}
    for count in settings["pictures"]:
        one = trained(seed, settings | {"train_pictures": count})
        numbers |= {f"training_{count}": one.training, f"validation_{count}": one.validation}
        numbers[f"gap_{count}"] = one.training - one.validation
    return numbers


MORE_PICTURES = Experiment(
    claim="more-pictures",
    sentence="The gap between training and validation accuracy shrinks as pictures are added.",
    chapter=6,
    measure=measure_more_pictures,
    settings=RECIPE | {"updates": 520, "pictures": (50, 100, 200, 500)},
    data={"drawn": {}},
    sources={"drawn": DRAWN_PETS},
    effects={
        Effect("smaller-gap", "gap_50", "gap_500", margin=0.05, unit="of accuracy"): "The gap is smaller with 500 "
        "pictures per class than with 50",
        Effect(
            "better", "validation_500", "validation_50", margin=0.05, unit="validation accuracy"
        ): "A net is better on the validation pictures with 500 pictures per class than with 50",
    },
)


def measure_augment_helps(seed, settings):
    """Train with and without augmentation, with and without dropout, with equally many updates."""
    nets = {
        "plain": {},
        "dropout": {"dropout": settings["dropout"]},
        "augmented": {"strength": 1},
        "both": {"strength": 1, "dropout": settings["dropout"]},
    }
    numbers = {}
    for name, options in nets.items():
        one = trained(seed, settings, **options)
        numbers |= {f"training_{name}": one.training, f"gap_{name}": one.training - one.validation}
        numbers[f"test_{name}"] = one.test
    return numbers


AUGMENT_HELPS = Experiment(
    claim="augment-helps",
    sentence="Data augmentation is a regularization technique.",
    chapter=7,
    measure=measure_augment_helps,
    settings=RECIPE | {"dropout": 0.25},
    data={"drawn": {}, "photos": SMALL_PHOTOS},
    sources={"drawn": DRAWN_PETS, "photos": PHOTOS.format(**SMALL_PHOTOS)},
    effects={
        Effect("augmentation-helps", "test_augmented", "test_plain", margin=0.02): "With augmentation a net is better "
        "on the test pictures",
        Effect(
            "augmentation-closes-the-gap", "gap_plain", "gap_augmented", margin=0.05, unit="of accuracy"
        ): "With augmentation the gap between training and validation accuracy is smaller",
        Effect("helps-on-top-of-dropout", "test_both", "test_dropout", margin=0.02): "Augmentation helps a net that "
        "has dropout already",
    },
)


def measure_augment_place(seed, settings):
    """Train with the same augmentation in the model and in the pipeline, and take the seconds of both."""
    in_model, in_pipeline = trained(seed, settings, strength=1), trained(seed, settings, strength=1, in_pipeline=True)
    return {
        "in_model": in_model.test,
        "in_pipeline": in_pipeline.test,
        "seconds_in_model": in_model.seconds,
        "seconds_in_pipeline": in_pipeline.seconds,
    }


AUGMENT_PLACE = Experiment(
    claim="augment-place",
    sentence="Augmentation goes into the model, before Rescaling, or into the data pipeline.",
    chapter=7,
    measure=measure_augment_place,
    settings=RECIPE,
    data={"drawn": {}},
    sources={"drawn": DRAWN_PETS},
    effects={
        Effect("same-accuracy", "in_model", "in_pipeline", margin=0.03, direction="equal"): "A net is equally good "
        "with the augmentation in the model and in the pipeline"
    },
)


def measure_augment_train_only(seed, settings):
    """Test one augmented net on clean test pictures, on augmented ones, and on the average over many augmented ones."""
    images, labels = cats_and_dogs(seed, settings)["test"]
    model = build(images.shape[1], settings["filters"])
    model.set_weights(trained(seed, settings, strength=1).best_weights)
    layers = augmentation(1, seed + 1000)
    probabilities = [
        model.predict(augment(images, layers), batch_size=250, verbose=0)[:, 0] for _ in range(settings["calls"])
    ]
    by_call = [float(((each > 0.5) == labels).mean()) for each in probabilities]
    return {
        "clean": accuracy(model, images, labels),
        "augmented_once": float(np.mean(by_call)),
        "spread_of_calls": max(by_call) - min(by_call),
        "averaged": float(((np.mean(probabilities, axis=0) > 0.5) == labels).mean()),
    }


AUGMENT_TRAIN_ONLY = Experiment(
    claim="augment-train-only",
    sentence="Augmentation is a regularization technique, so it is not applied to test and validation data.",
    chapter=7,
    measure=measure_augment_train_only,
    settings=RECIPE | {"calls": 16},
    data={"drawn": {}},
    sources={"drawn": DRAWN_PETS},
    effects={
        Effect("augmented-test-is-lower", "clean", "augmented_once", margin=0.01): "On augmented test pictures a net "
        "is worse than on clean ones",
        Effect("averaging-helps", "averaged", "clean", margin=0.01): "The mean over many augmented versions of a "
        "picture is better than one look at the clean picture",
    },
)


def measure_augment_strength(seed, settings):
    """Train with the augmentation turned up step by step."""
    by_strength = [trained(seed, settings, strength=strength).test for strength in settings["strengths"]]
    return {
        "by_strength": by_strength,
        "usual": by_strength[settings["strengths"].index(1)],
        "strongest": by_strength[-1],
    }


AUGMENT_STRENGTH = Experiment(
    claim="augment-strength",
    sentence="Random transformations should yield believable pictures.",
    chapter=7,
    measure=measure_augment_strength,
    settings=RECIPE | {"strengths": (0, 0.5, 1, 2, 4)},
    data={"drawn": {}},
    sources={"drawn": DRAWN_PETS},
    effects={
        Effect("too-much-hurts", "usual", "strongest", margin=0.02): "With four times the usual strength a net is "
        "worse than with the usual one"
    },
)


EXPERIMENTS = (SMALL_DATA, MORE_PICTURES, AUGMENT_HELPS, AUGMENT_PLACE, AUGMENT_TRAIN_ONLY, AUGMENT_STRENGTH)
