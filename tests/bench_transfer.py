"""Features and fine-tuning with MobileNetV2 on real photos: test accuracy and seconds of each option, seed by seed.

    python tests/bench_transfer.py --photos FOLDER --weights FILE --alpha 0.35 [--out FOLDER] [--seeds N …] [--blocks N]

FOLDER of photos is split already (train/cat, train/dog, validation/…, test/…); FILE holds ImageNet weights for
keras.applications.MobileNetV2 without its classifier. The base runs over every picture once, and its record stays in
--out, as does a JSON file for each seed that is done: a run that was stopped goes on. Each seed trains a head on the
record (option 1), then goes on for the same number of epochs in two ways: with the base frozen, and with its top blocks
unfrozen and batch normalization frozen (fine-tuning). Seeds share one base.
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

from convbook import backbones, evidence, freezing, models, pipelines, recording
from convbook.experiments import from_scratch
from convbook.experiments.training import Batches

PARTS = ("train", "validation", "test")
SIZE_PX = 180
HEAD_EPOCHS, HEAD_RATE = 20, 1e-3
TUNING_EPOCHS, TUNING_RATE = 3, 1e-4
BATCH_SIZE = 32


def record(base, photos, folder):
    """Run the base over all pictures, once, and return {part: (features, labels)} and the seconds."""
    parts, seconds = {}, 0.0
    for part in PARTS:
        batches = pipelines.from_folder(photos / part, SIZE_PX, BATCH_SIZE, cache=False)
        done = recording.extract_features(base, batches, folder / part, dtype="float16")
        parts[part] = np.asarray(done.features, "float32"), np.ravel(done.labels)
        seconds += done.seconds
    return parts, seconds


def train(model, inputs, validation, rate, epochs, seed):
    """Train with Adam, put the weights of the lowest validation loss back, and return the seconds of an epoch."""
    start = time.perf_counter()
    best = keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    batches = Batches(*inputs, BATCH_SIZE, seed)
    model.fit(batches, epochs=epochs, validation_data=validation, callbacks=[best], shuffle=False, verbose=0)
    return (time.perf_counter() - start) / epochs


def measure(seed, backbone, converter, record, pictures, blocks):
    keras.utils.set_random_seed(seed)
    pretrained = backbone.get_weights()
    head = models.build_head(record["train"][0].shape[1:])
    numbers = {"seed": seed}
    numbers["seconds_option_1"] = train(head, record["train"], record["validation"], HEAD_RATE, HEAD_EPOCHS, seed)
    numbers["features"] = head.evaluate(*record["test"], verbose=0)[1]
    trained = head.get_weights()

    image = keras.Input((SIZE_PX, SIZE_PX, 3))
    model = keras.Model(image, head(backbone(converter(image))))
    freezing.freeze(backbone)
    freezing.unfreeze(backbone, blocks)
    before = freezing.snapshot(backbone)
    numbers["trainable"] = sum(int(np.prod(weight.shape)) for weight in backbone.trainable_weights)
    numbers["seconds_fine_tuning"] = train(
        model, pictures["train"], pictures["validation"], TUNING_RATE, TUNING_EPOCHS, seed
    )
    moved = freezing.changes(backbone, before)
    free = {weight.path for weight in backbone.trainable_weights}
    assert all(change == 0 for path, change in moved.items() if path not in free)
    assert any(moved[path] > 0 for path in free)
    numbers["fine_tuned"] = model.evaluate(*pictures["test"], verbose=0)[1]
    backbone.set_weights(pretrained)

    head.set_weights(trained)
    train(head, record["train"], record["validation"], TUNING_RATE, TUNING_EPOCHS, seed)
    numbers["frozen"] = head.evaluate(*record["test"], verbose=0)[1]
    return numbers


def option_2_seconds(backbone, converter, pictures):
    """Seconds of an epoch with the frozen base inside the model, behind augmentation."""
    freezing.freeze(backbone)
    image = keras.Input((SIZE_PX, SIZE_PX, 3))
    augmented = keras.Sequential(from_scratch.augmentation(strength=1, seed=0))(image)
    features = backbone(converter(augmented))
    model = keras.Model(image, models.build_head(features.shape[1:])(features))
    model.compile("adam", "binary_crossentropy")
    images, labels = pictures["train"]
    some = slice(None, None, len(images) // (8 * BATCH_SIZE))
    model.fit(images[some], labels[some], BATCH_SIZE, verbose=0)
    start = time.perf_counter()
    model.fit(images[some], labels[some], BATCH_SIZE, verbose=0)
    return (time.perf_counter() - start) * len(images) / len(images[some])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder with train, validation and test")
    parser.add_argument("--weights", type=Path, required=True, help="weights of MobileNetV2 without its classifier")
    parser.add_argument("--alpha", type=float, required=True, help="width of that MobileNetV2, such as 0.35")
    parser.add_argument("--out", type=Path, default=Path("_build/bench_transfer"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--blocks", type=int, help="top blocks that are fine-tuned; all, if not given")
    options = parser.parse_args()
    out = options.out / f"{options.alpha}"
    out.mkdir(parents=True, exist_ok=True)
    backbone, converter = backbones.from_application(
        "MobileNetV2", options.weights, alpha=options.alpha, image_size_px=SIZE_PX
    )
    features, seconds = record(keras.Sequential([converter, backbone]), options.photos, out)
    print(f"features of all pictures: {seconds:.0f} s")
    pictures = {part: pipelines.load_arrays(options.photos / part, SIZE_PX) for part in PARTS}
    print(f"option 2: {option_2_seconds(backbone, converter, pictures):.0f} s an epoch")
    results = []
    for seed in options.seeds:
        done = out / f"seed-{seed}.json"
        if not done.is_file():
            done.write_text(json.dumps(measure(seed, backbone, converter, features, pictures, options.blocks)))
        results.append(json.loads(done.read_text()))
        print(results[-1], flush=True)
    for name in ("features", "frozen", "fine_tuned"):
        tests = [result[name] for result in results]
        print(f"{name}: test {np.mean(tests):.4f}, {[round(test, 4) for test in tests]}")
    for name in ("seconds_option_1", "seconds_fine_tuning"):
        print(f"{name} of an epoch: {statistics.median(result[name] for result in results):.1f}")
    gains = [result["fine_tuned"] - result["frozen"] for result in results]
    low, high = evidence.interval(gains) if len(gains) > 1 else (float("nan"),) * 2
    print(
        f"fine-tuned minus frozen: {np.mean(gains):+.4f}, 95 % interval {low:+.4f} to {high:+.4f}, {len(gains)} seeds"
    )


if __name__ == "__main__":
    main()
