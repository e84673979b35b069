"""Our recipe from scratch against that of the best-known book, on real photos: test accuracy and seconds, seed by seed.

    python tests/bench_recipes.py --photos FOLDER [--recipes NAME …] [--seeds N …] [--precision NAME] [--work FOLDER]
    python tests/bench_recipes.py --photos FOLDER --pace

FOLDER of photos is split already (train/cat, train/dog, validation/…, test/…). A training that was stopped goes on
after its last whole epoch, from what it left in --work; each finished one leaves a JSON file in tests/recipes, which is
committed: a training takes hours, and all files there make the table. `--pace` times one epoch of each recipe in turn,
several times, so that seconds are compared on one machine in one run. `--precision mixed_bfloat16` computes all but the
last layer in bfloat16, with weights in float32; where a processor can do that it takes half of the time. Any backend of
Keras will do. The other recipe's source: F. Chollet and M. Watson, Deep Learning with Python, 3rd edition, chapter 8.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from convbook import models, pipelines
from convbook.experiments import from_scratch
from convbook.experiments.training import Batches

DONE = Path(__file__).with_name("recipes")
PARTS = ("train", "validation", "test")
SIZE_PX = 180
BOOK = {"build": {"filters": models.FILTERS_180_PX}, "batch_size": 64, "epochs": 50}
# A quarter of the places from the first convolution on, batch normalization, dropout, weight decay, and a rate that
# rises for the first updates and then falls to 0.
OURS = {
    "build": {"filters": (32, 64, 128, 256), "strides": 2, "batch_norm": True, "dropout": 0.5},
    "batch_size": 32,
    "epochs": 40,
    "peak_rate": 2e-3,
}
RECIPES = {
    "book": BOOK,
    "book-augmented": BOOK | {"augmented": True, "epochs": 100},
    "ours": OURS,
    "ours-augmented": OURS | {"augmented": True, "epochs": 80},
}


def build(recipe, seed, pictures):
    augmented = recipe.get("augmented", False)
    model = models.build_convnet(
        SIZE_PX,
        augmentation=from_scratch.augmentation(1 if augmented else 0, seed) or None,
        **({"dropout": 0.25 if augmented else 0.0} | recipe["build"]),
    )
    # A probability close to 1, and its logarithm, need float32 whatever the other layers compute in.
    classifier = keras.layers.Dense(1, activation="sigmoid", dtype="float32")
    model = keras.Model(model.input, classifier(model.layers[-1].input))
    optimizer = keras.optimizers.Adam(1e-3)
    if "peak_rate" in recipe:
        steps, rising = recipe["epochs"] * -(-pictures // recipe["batch_size"]), 100
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps - rising, warmup_target=recipe["peak_rate"], warmup_steps=rising
        )
        optimizer = keras.optimizers.AdamW(rate, weight_decay=0.05)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def train(name, parts, seed, folder):
    """Train a recipe to its end, or from where it was stopped, and return what belongs into its file."""
    recipe, seconds = RECIPES[name], _Seconds(folder / "seconds.json")
    keras.utils.set_random_seed(seed)
    model = build(recipe, seed, len(parts["train"][0]))
    model.fit(
        Batches(*parts["train"], recipe["batch_size"], seed),
        epochs=recipe["epochs"],
        validation_data=parts["validation"],
        validation_batch_size=100,
        callbacks=[
            keras.callbacks.ModelCheckpoint(
                folder / "best.weights.h5",
                save_best_only=True,
                save_weights_only=True,
                initial_value_threshold=seconds.best,
            ),
            seconds,
            keras.callbacks.BackupAndRestore(folder / "backup"),
        ],
        shuffle=False,
        verbose=0,
    )
    model.load_weights(folder / "best.weights.h5")
    loss, accuracy = model.evaluate(*parts["test"], batch_size=100, verbose=0)
    return {
        "recipe": name,
        "seed": seed,
        "test": accuracy,
        "test_loss": loss,
        "epochs": recipe["epochs"],
        "best_epoch": int(np.argmin(seconds.losses)) + 1,
        "core_seconds": sum(seconds.of_epochs),
        "backend": keras.backend.backend(),
        "keras": keras.version(),
        "precision": keras.mixed_precision.dtype_policy().name,
    }


class _Seconds(keras.callbacks.Callback):
    """Keeps each epoch's processor seconds and validation loss in a file, over interruptions and beside other work."""

    def __init__(self, file):
        super().__init__()
        self.file = file
        self.of_epochs, self.losses = json.loads(file.read_text()) if file.is_file() else ([], [])
        self.best = min(self.losses, default=None)

    def on_epoch_begin(self, epoch, logs=None):
        # An epoch that was finished and not backed up is trained once more.
        self.of_epochs, self.losses = self.of_epochs[:epoch], self.losses[:epoch]
        self.started = time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        self.of_epochs.append(time.process_time() - self.started)
        self.losses.append(logs["val_loss"])
        self.file.write_text(json.dumps([self.of_epochs, self.losses]))


def measure_pace(parts, rounds=3):
    """Seconds of whole trainings, from epochs of all recipes in turn."""
    seconds = {name: [] for name in RECIPES}
    nets = {name: build(recipe, 0, len(parts["train"][0])) for name, recipe in RECIPES.items()}
    for turn in range(rounds + 1):  # in the first one the graphs are built
        for name, model in nets.items():
            start = time.perf_counter()
            model.fit(Batches(*parts["train"], RECIPES[name]["batch_size"], turn), shuffle=False, verbose=0)
            if turn:
                seconds[name].append(RECIPES[name]["epochs"] * (time.perf_counter() - start))
    for name, whole in seconds.items():
        print(f"{name}: {statistics.median(whole):.0f} s for {RECIPES[name]['epochs']} epochs")
    for kind in ("", "-augmented"):
        ratios = [book / ours for book, ours in zip(seconds[f"book{kind}"], seconds[f"ours{kind}"], strict=True)]
        print(f"book{kind} / ours{kind}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder with train, validation and test")
    parser.add_argument("--work", type=Path, default=Path("_build/recipes"), help="folder of unfinished trainings")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32")
    parser.add_argument("--pace", action="store_true", help="only compare seconds")
    options = parser.parse_args()
    keras.mixed_precision.set_dtype_policy(options.precision)
    parts = {part: pipelines.load_arrays(options.photos / part, SIZE_PX) for part in PARTS}
    if options.pace:
        measure_pace(parts)
        return
    for seed in options.seeds:
        for name in options.recipes:
            done = DONE / f"{name}-{seed}.json"
            folder = options.work / f"{name}-{seed}"
            if not done.is_file():
                folder.mkdir(parents=True, exist_ok=True)
                finished = train(name, parts, seed, folder)
                DONE.mkdir(exist_ok=True)
                done.write_text(json.dumps(finished, indent=1) + "\n")
    results = [json.loads(file.read_text()) for file in sorted(DONE.glob("*.json"))]
    for name in RECIPES:
        tests = [result["test"] for result in results if result["recipe"] == name]
        spread = f" ± {statistics.stdev(tests):.3f}" if len(tests) > 1 else ""
        if tests:
            print(
                f"{name}: test {np.mean(tests):.3f}{spread}, {len(tests)} seeds: {[round(test, 3) for test in tests]}"
            )


if __name__ == "__main__":
    main()
