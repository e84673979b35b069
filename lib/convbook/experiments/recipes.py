"""Two recipes from scratch on photos, each without augmentation and with it: the best-known book's, and one of ours.

A recipe trains for 10 to 70 minutes of one processor core, so each one that is finished is kept until the others of its
seed are.
"""

import contextlib
import json
import math
import time

import keras
import numpy as np

from convbook import evidence, files, models, photos
from convbook.evidence import Effect
from convbook.experiments import Experiment
from convbook.experiments.data import all_photos
from convbook.experiments.from_scratch import augmentation
from convbook.experiments.training import Batches

BOOK = {"build": {"filters": (32, 64, 128, 256, 512)}, "batch_size": 64, "epochs": 50}
# A quarter of the locations from the first convolution on, batch normalization, dropout, weight decay, and a rate that
# rises at first and then falls to 0.
OURS = {
    "build": {"filters": (32, 64, 128, 256), "strides": 2, "batch_norm": True, "dropout": 0.5},
    "batch_size": 32,
    "epochs": 40,
    "peak_rate": 2e-3,
    "rising_updates": 100,
}
SETTINGS = {
    "size_px": 180,
    "precision": "mixed_bfloat16",  # where a processor can compute with 16 bits, it takes half of the time
    "recipes": {
        "book": BOOK,
        "book_augmented": BOOK | {"augmented": True, "epochs": 100},
        "ours": OURS,
        "ours_augmented": OURS | {"augmented": True, "epochs": 80},
    },
}
SOURCE = (
    "2,000 of Kaggle's photos of cats and dogs, 180x180 pixels; all seeds are trained and tested on the same photos"
)


def build(recipe, size_px, pictures, seed):
    """Build and compile the network of a recipe, from pictures to the probability of a dog.

    The number of pictures decides when the learning rate falls to 0. The seed is that of the augmentation; the initial
    weights come from `keras.utils.set_random_seed`.

    Source:
        F. Chollet and M. Watson, Deep Learning with Python, 3rd edition, chapter 8, for the book's recipe.
    """
    augmented = recipe.get("augmented", False)
    options = {"dropout": 0.25 if augmented else 0.0} | recipe["build"]
    layers = augmentation(1 if augmented else 0, seed)
    model = models.build_convnet(size_px, augmentation=layers or None, **options)
    # A probability close to 1, and its logarithm, need float32 whatever the other layers compute in.
    classifier = keras.layers.Dense(1, activation="sigmoid", dtype="float32")
    model = keras.Model(model.input, classifier(model.layers[-1].input))
    optimizer = keras.optimizers.Adam(1e-3)
    if "peak_rate" in recipe:
        steps, rising = recipe["epochs"] * -(-pictures // recipe["batch_size"]), recipe["rising_updates"]
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps - rising, warmup_target=recipe["peak_rate"], warmup_steps=rising
        )
        optimizer = keras.optimizers.AdamW(rate, weight_decay=0.05)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def train_epoch(model, batches):
    """Step by step: `fit` can wait at the end of an epoch for as long as it took (see `pipelines.from_folder`)."""
    for index in range(len(batches)):
        model.train_on_batch(*batches[index])


def train(recipe, parts, seed):
    """Train a recipe to its end on "train", and measure it on "test" with the weights of the lowest validation loss.

    Returns the model with these weights, and test accuracy and loss, their epoch (from 1), and the seconds of all
    processor cores together.
    """
    keras.utils.set_random_seed(seed)
    images, labels = parts["train"]
    model = build(recipe, images.shape[1], len(images), seed)
    batches = Batches(images, labels, recipe["batch_size"], seed)
    losses, best_weights, start = [], None, time.process_time()
    for _ in range(recipe["epochs"]):
        train_epoch(model, batches)
        batches.on_epoch_end()
        loss, _ = model.evaluate(*parts["validation"], batch_size=100, verbose=0)
        if loss < min(losses, default=math.inf):
            best_weights = model.get_weights()
        losses.append(loss)
    seconds = time.process_time() - start
    model.set_weights(best_weights)
    loss, test = model.evaluate(*parts["test"], batch_size=100, verbose=0)
    best_epoch = int(np.argmin(losses)) + 1
    return model, {"test": test, "test_loss": loss, "best_epoch": best_epoch, "core_seconds": seconds}


@contextlib.contextmanager
def precision(name):
    """Let the layers that are built in a block compute in this precision, such as "mixed_bfloat16"."""
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy(before)


def measure_recipes(seed, settings):
    """Train both recipes on the same photos, each without augmentation and with it; see `train`."""
    parts, kept = all_photos(settings["size_px"]), _kept_file(seed)
    numbers = _read_kept(kept, settings)
    for name, recipe in settings["recipes"].items():
        if f"test_{name}" not in numbers:
            with precision(settings["precision"]):
                _, measured = train(recipe, parts, seed)
            numbers |= {f"{what}_{name}": value for what, value in measured.items()}
            files.write_atomically({"settings": settings, "numbers": numbers}, kept)
    kept.unlink(missing_ok=True)
    return numbers


def _kept_file(seed):
    """Where the finished recipes of a seed are kept, by the code that trains them."""
    code = evidence.experiment_hash(RECIPES.place(), "photos")
    return photos.cache_folder() / "recipes" / f"{code}-{seed}.json"


def _read_kept(file, settings):
    if not file.is_file():
        return {}
    kept = json.loads(file.read_text(encoding="utf-8"))
    return kept["numbers"] if kept["settings"] == settings else {}


RECIPES = Experiment(
    claim="recipes",
    sentence="On photos our recipe from scratch beats the best-known book's, and augmentation helps both.",
    chapter=7,
    measure=measure_recipes,
    settings=SETTINGS,
    data={"photos": {}},
    sources={"photos": SOURCE},
    effects={
        Effect("ours-beats-book", "test_ours", "test_book", margin=0.02): "Without augmentation, our recipe is better "
        "than the best-known book's",
        Effect(
            "ours-beats-book-augmented", "test_ours_augmented", "test_book_augmented", margin=0.02
        ): "With augmentation, our recipe is better than the best-known book's",
        Effect("augmentation-helps-book", "test_book_augmented", "test_book", margin=0.02): "The best-known book's "
        "recipe is better with augmentation, dropout and twice the epochs",
        Effect("augmentation-helps-ours", "test_ours_augmented", "test_ours", margin=0.02): "Our recipe is better with "
        "augmentation and twice the epochs",
    },
    only_if_named=True,
)


def measure_pace(seed, settings):
    """Time one epoch of each recipe, one after the other.

    Gives the seconds of all processor cores together that its epochs take without validation, for the book's also half.
    """
    images, labels = all_photos(settings["size_px"])["train"]
    numbers, prepared = {}, {}
    with precision(settings["precision"]):
        for name, recipe in settings["recipes"].items():
            model = build(recipe, settings["size_px"], len(images), seed)
            batches = Batches(images, labels, recipe["batch_size"], seed)
            for index in (0, len(batches) - 1):  # the last batch is smaller: each size has a program of its own
                model.train_on_batch(*batches[index])
            prepared[name] = model, batches
        for name, (model, batches) in prepared.items():
            start = time.process_time()
            train_epoch(model, batches)
            numbers[f"core_seconds_{name}"] = settings["recipes"][name]["epochs"] * (time.process_time() - start)
    halves = {f"half_{name}": numbers[name] / 2 for name in numbers if "book" in name}
    return numbers | halves


RECIPES_PACE = Experiment(
    claim="recipes-pace",
    sentence="Our recipe from scratch takes less than half of the time that the best-known book's takes.",
    chapter=7,
    measure=measure_pace,
    settings=SETTINGS,
    data={"photos": {}},
    sources={"photos": SOURCE},
    effects={
        Effect(
            "less-than-half", "half_core_seconds_book", "core_seconds_ours", margin=60, unit="seconds of a core"
        ): "Without augmentation, our recipe takes less than half of the time that the best-known book's takes",
        Effect(
            "less-than-half-augmented",
            "half_core_seconds_book_augmented",
            "core_seconds_ours_augmented",
            margin=60,
            unit="seconds of a core",
        ): "With augmentation, our recipe takes less than half of the time that the best-known book's takes",
    },
    only_if_named=True,
)

EXPERIMENTS = (RECIPES, RECIPES_PACE)
