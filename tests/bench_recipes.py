"""Our recipe from scratch against that of the best-known book, on real photos: test accuracy and seconds, seed by seed.

    python tests/bench_recipes.py --photos FOLDER [--recipes NAME …] [--seeds N …] [--precision NAME] [--work FOLDER]
    python tests/bench_recipes.py --photos FOLDER --pace

FOLDER of photos is split already (train/cat, train/dog, validation/…, test/…). A training that was stopped goes on
after its last whole epoch, from what it left in --work; each finished one leaves a JSON file in convbook's
results/recipes, which is committed: a training takes hours, and chapter 7 shows all there are. `--pace` times one epoch
of each recipe in turn, several times, and leaves pace.json there: seconds of one machine in one run.
`--precision mixed_bfloat16` computes all but the last layer in bfloat16, with weights in float32; where a processor can
do that it takes half of the time. Any backend of Keras will do. The other recipe's source: F. Chollet and M. Watson,
Deep Learning with Python, 3rd edition, chapter 8.
"""

import argparse
import json
import math
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from tqdm import tqdm

from convbook import evidence, models, pipelines
from convbook.environment import describe_environment, now
from convbook.experiments import from_scratch
from convbook.experiments.training import Batches
from convbook.files import write_atomically

PARTS = ("train", "validation", "test")
SIZE_PX = 180
BOOK = {"build": {"filters": models.FILTERS_180_PX}, "batch_size": 64, "epochs": 50}
# A quarter of the places from the first convolution on, batch normalization, dropout, weight decay, and a rate that
# rises at first and then falls to 0.
OURS = {
    "build": {"filters": (32, 64, 128, 256), "strides": 2, "batch_norm": True, "dropout": 0.5},
    "batch_size": 32,
    "epochs": 40,
    "peak_rate": 2e-3,
    "rising_updates": 100,
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
        steps, rising = recipe["epochs"] * -(-pictures // recipe["batch_size"]), recipe["rising_updates"]
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps - rising, warmup_target=recipe["peak_rate"], warmup_steps=rising
        )
        optimizer = keras.optimizers.AdamW(rate, weight_decay=0.05)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def train(name, parts, seed, folder):
    """Train a recipe to its end, or from where it was stopped, and return what belongs into its file."""
    recipe = RECIPES[name]
    keras.utils.set_random_seed(seed)
    model = build(recipe, seed, len(parts["train"][0]))
    batches = Batches(*parts["train"], recipe["batch_size"], seed)
    # Dropout and augmentation draw by these counts, which are not among the weights that Keras 3.15 keeps.
    counts = [variable for variable in model.non_trainable_variables if "seed_generator" in variable.path]

    progress_file = folder / "progress.json"
    settings = {**recipe, "precision": keras.mixed_precision.dtype_policy().name}
    settings = json.loads(json.dumps(settings))  # with lists for tuples, as a file gives them back
    progress = {"settings": settings, "core_seconds": [], "losses": [], "counts": []}
    if progress_file.is_file():
        progress = json.loads(progress_file.read_text())
        if progress["settings"] != settings:
            raise ValueError(f"{folder} holds a training with other settings; delete it, or name another --work.")
        model.optimizer.build(model.trainable_variables)  # what it keeps of each weight is loaded, too
        model.load_weights(folder / f"{len(progress['losses'])}.weights.h5")
        for variable, count in zip(counts, progress["counts"], strict=True):
            variable.assign(count)
        for _ in progress["losses"]:
            batches.on_epoch_end()

    for epoch in tqdm(range(len(progress["losses"]) + 1, recipe["epochs"] + 1), f"{name}, seed {seed}", unit=" epochs"):
        start = time.process_time()
        train_epoch(model, batches)
        batches.on_epoch_end()
        loss, _ = model.evaluate(*parts["validation"], batch_size=100, verbose=0)
        if loss < min(progress["losses"], default=math.inf):
            model.save_weights(folder / "best.weights.h5")
        model.save_weights(folder / f"{epoch}.weights.h5")
        progress["losses"].append(loss)
        progress["core_seconds"].append(time.process_time() - start)
        progress["counts"] = [keras.ops.convert_to_numpy(variable).tolist() for variable in counts]
        write_atomically(progress, progress_file)
        (folder / f"{epoch - 1}.weights.h5").unlink(missing_ok=True)

    model.load_weights(folder / "best.weights.h5")
    loss, accuracy = model.evaluate(*parts["test"], batch_size=100, verbose=0)
    return {
        "recipe": name,
        "seed": seed,
        "test": accuracy,
        "test_loss": loss,
        "epochs": recipe["epochs"],
        "best_epoch": int(np.argmin(progress["losses"])) + 1,
        "core_seconds": sum(progress["core_seconds"]),
        "backend": keras.backend.backend(),
        "keras": keras.version(),
        "precision": settings["precision"],
    }


def train_epoch(model, batches):
    """Step by step: `fit` can wait at the end of an epoch for as long as it took (see `pipelines.from_folder`)."""
    for place in range(len(batches)):
        model.train_on_batch(*batches[place])


def measure_pace(parts, rounds=3):
    """Seconds of all epochs, without validation, from one of each recipe in turn: what belongs into pace.json."""
    seconds = {name: [] for name in RECIPES}
    nets = {name: build(recipe, 0, len(parts["train"][0])) for name, recipe in RECIPES.items()}
    for turn in range(rounds + 1):  # in the first one the graphs are built
        for name, model in nets.items():
            batches = Batches(*parts["train"], RECIPES[name]["batch_size"], turn)
            start = time.perf_counter()
            train_epoch(model, batches)
            if turn:
                seconds[name].append(RECIPES[name]["epochs"] * (time.perf_counter() - start))
    return {
        "seconds": seconds,
        "precision": keras.mixed_precision.dtype_policy().name,
        "date": now(),
        **describe_environment(),
    }


def show_pace(measured):
    seconds = measured["seconds"]
    for name, whole in seconds.items():
        print(f"{name}: {statistics.median(whole):.0f} s for {RECIPES[name]['epochs']} epochs")
    for kind in ("", "-augmented"):
        ratios = [book / ours for book, ours in zip(seconds[f"book{kind}"], seconds[f"ours{kind}"], strict=True)]
        print(f"book{kind} / ours{kind}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def show_trainings():
    for name, found in evidence.trainings().items():
        tests = [training["test"] for training in found]
        spread = f" ± {statistics.stdev(tests):.3f}" if len(tests) > 1 else ""
        print(f"{name}: test {np.mean(tests):.3f}{spread}, {len(tests)} seeds: {[round(test, 3) for test in tests]}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder with train, validation and test")
    parser.add_argument("--work", type=Path, default=Path("_build/recipes"), help="folder of unfinished trainings")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32")
    parser.add_argument("--pace", action="store_true", help="only compare seconds")
    options = parser.parse_args(arguments)
    keras.mixed_precision.set_dtype_policy(options.precision)
    parts = {part: pipelines.load_arrays(options.photos / part, SIZE_PX) for part in PARTS}
    if options.pace:
        measured = measure_pace(parts)
        write_atomically(measured, evidence.recipes_folder() / "pace.json")
        show_pace(measured)
        return
    for seed in options.seeds:
        for name in options.recipes:
            done = evidence.recipes_folder() / f"{name}-{seed}.json"
            if not done.is_file():
                folder = options.work / f"{name}-{seed}"
                folder.mkdir(parents=True, exist_ok=True)
                write_atomically(train(name, parts, seed, folder), done)
    show_trainings()


if __name__ == "__main__":
    main()
