"""The five methods of the lecture to tell cats from dogs, side by side on the same pictures."""

import math
import time

import keras

from convbook import freezing, models
from convbook.evidence import Effect
from convbook.experiments import Experiment
from convbook.experiments.data import BASE_PHOTOS, DRAWN_PETS, PHOTOS, SMALL_PHOTOS, cats_and_dogs
from convbook.experiments.features import build_base, multiply_adds, multiply_adds_of_head, train_head
from convbook.experiments.from_scratch import BATCH_SIZE, RECIPE, augmentation, build, trained
from convbook.experiments.training import Batches, accuracy


def measure_methods(seed, settings):
    """Train a classifier by each of the five methods, with the recipe of its chapter.

    Option 1 trains a head on a record of the frozen base's features; option 2 the same head on top of the base, behind
    augmentation; fine-tuning goes on from there with the base unfrozen and batch normalization frozen. What is measured
    of each stands in `_row`: the test accuracy is that of the lowest validation loss, and the seconds are those of the
    training with all that it needs before (recording, option 2).
    """
    return _from_scratch(seed, settings | settings["scratch"]) | _with_a_base(seed, settings)


def _from_scratch(seed, settings):
    numbers = {}
    nets = {
        "scratch": trained(seed, settings),
        "augmented": trained(seed, settings, strength=1, dropout=settings["dropout"]),
    }
    size_px = cats_and_dogs(seed, settings)["train"][0].shape[1]
    model = build(size_px, settings["filters"])
    for name, one in nets.items():
        work = sum(multiply_adds(model, size_px).values())
        numbers |= _row(name, one.test, one.seconds, model, work)
    return numbers


def _with_a_base(seed, settings):
    parts = cats_and_dogs(seed, settings)
    images, labels = parts["train"]
    keras.utils.set_random_seed(seed)
    base, backbone = build_base(settings["backbone"], images.shape[1], augmentation(1, seed))
    base.predict(images[:BATCH_SIZE], verbose=0)  # builds the program, so that the clock sees only work
    start = time.perf_counter()
    record = {
        part: (base.predict(parts[part][0], batch_size=BATCH_SIZE, verbose=0), parts[part][1])
        for part in ("train", "validation")
    }
    recording = time.perf_counter() - start
    record["test"] = base.predict(parts["test"][0], batch_size=BATCH_SIZE, verbose=0), parts["test"][1]
    head = models.build_head(base.output.shape[1:])
    untrained = head.get_weights()
    work = sum(multiply_adds(backbone, images.shape[1]).values()) + sum(multiply_adds_of_head(head).values())

    start = time.perf_counter()
    train_head(head, head, Batches(*record["train"], BATCH_SIZE, seed), record["validation"], settings)
    seconds = recording + time.perf_counter() - start
    numbers = _row("option_1", accuracy(head, *record["test"]), seconds, head, work)

    head.set_weights(untrained)
    model = keras.Model(base.input, head(base.output))
    batches, start = Batches(images, labels, BATCH_SIZE, seed), time.perf_counter()
    train_head(head, model, batches, record["validation"], settings)
    seconds = time.perf_counter() - start
    numbers |= _row("option_2", accuracy(head, *record["test"]), seconds, model, work)

    freezing.unfreeze(backbone)
    model.compile(keras.optimizers.Adam(settings["tuning_rate"]), "binary_crossentropy")
    best = keras.callbacks.EarlyStopping(patience=settings["tuning_epochs"], restore_best_weights=True)
    start = time.perf_counter()
    model.fit(
        batches,
        epochs=settings["tuning_epochs"],
        validation_data=parts["validation"],
        validation_batch_size=250,
        callbacks=[best],
        shuffle=False,
        verbose=0,
    )
    seconds += time.perf_counter() - start
    return numbers | _row("tuned", accuracy(model, *parts["test"]), seconds, model, work)


def _row(name, test, seconds, model, work):
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return {f"test_{name}": test, f"seconds_{name}": seconds, f"trained_{name}": trainable, f"work_{name}": work}


FIVE_METHODS = Experiment(
    claim="five-methods",
    sentence="From scratch, with augmentation, with the features of a pretrained base, fine-tuned: the order of the "
    "lecture.",
    chapter=13,
    measure=measure_methods,
    settings=RECIPE | {"dropout": 0.25, "epochs": 40, "tuning_epochs": 6, "tuning_rate": 1e-4, "scratch": {}},
    data={
        "drawn": {"backbone": "drawn_world"},
        "photos": BASE_PHOTOS | {"epochs": 20, "scratch": {"size_px": SMALL_PHOTOS["size_px"]}},
    },
    sources={
        "drawn": DRAWN_PETS,
        "photos": f"{PHOTOS.format(**BASE_PHOTOS)}; the networks from scratch see {SMALL_PHOTOS['size_px']} pixels",
    },
    effects={
        Effect("augmentation", "test_augmented", "test_scratch", margin=0.01): "Augmentation and dropout beat none",
        Effect("features", "test_option_1", "test_augmented", margin=0.01): "Features of a frozen base beat training "
        "from scratch, augmented",
        Effect("option-2", "test_option_2", "test_option_1", margin=0.01): "Augmentation in front of the frozen base "
        "beats recorded features",
        Effect("fine-tuning", "test_tuned", "test_option_2", margin=0.01): "Fine-tuning the whole base beats the "
        "frozen one",
    },
)

EXPERIMENTS = (FIVE_METHODS,)
