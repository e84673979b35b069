"""How hard the pictures are: a small convnet from scratch against a linear head on a frozen base, seed by seed.

    python tests/bench_pictures.py                                    drawings with drawn_world, seeds 0 to 9
    python tests/bench_pictures.py --pictures photos --base FOLDER    photos with any other base

Both train on the same few pictures and are tested on the same others. The convnet keeps the weights of its best
validation loss. What the drawings and the recipe were tuned on are seeds 1000 to 1009.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from convbook import backbones, models, photos, pipelines

PARTS = ("train", "validation", "test")


def load_pictures(options, seed, size_px):
    """Images and labels of the three parts: {"train": (images, labels), …}."""
    sizes = dict(zip(PARTS, options.sizes, strict=True))
    pictures = photos.prepare(options.pictures, **sizes, size_px=64, seed=seed, progress=False)
    return {part: pipelines.load_arrays(pictures.folder / part, size_px) for part in PARTS}


def train(model, parts, epochs, learning_rate, seed):
    """Train with Adam on binary crossentropy, keep the best epoch, and return accuracy in training and in the test."""
    best = _BestWeights()
    model.compile(keras.optimizers.Adam(learning_rate), "binary_crossentropy", metrics=["accuracy"])
    train_ds = pipelines.from_arrays(*parts["train"], batch_size=32, shuffle=True, seed=seed)
    validation_ds, test_ds = (pipelines.from_arrays(*parts[part], batch_size=250) for part in PARTS[1:])
    history = model.fit(train_ds, epochs=epochs, validation_data=validation_ds, callbacks=[best], verbose=0).history
    model.set_weights(best.weights)
    return history["accuracy"][-1], model.evaluate(test_ds, verbose=0)[1]


class _BestWeights(keras.callbacks.Callback):
    """Remembers the weights of the lowest validation loss."""

    loss = float("inf")

    def on_epoch_end(self, epoch, logs=None):
        if logs["val_loss"] < self.loss:
            self.loss, self.weights = logs["val_loss"], self.model.get_weights()


def train_from_scratch(options, seed):
    parts = load_pictures(options, seed, 64)
    keras.utils.set_random_seed(seed)
    model = models.build_convnet(64)
    return train(model, parts, options.epochs, options.learning_rate, seed)


def train_on_frozen_base(options, seed):
    backbone, converter = backbones.load(options.base, options.base_size_px)
    parts = load_pictures(options, seed, options.base_size_px or 64)
    features = {
        part: (backbone.predict(converter(images.astype("float32")), batch_size=100, verbose=0), labels)
        for part, (images, labels) in parts.items()
    }
    keras.utils.set_random_seed(seed)
    head = models.build_head(features["train"][0].shape[1:], units=None)
    return train(head, features, options.head_epochs, 1e-2, seed)


def measure(options, seed):
    """One line of the table."""
    line = {"seed": seed}
    for name, method in (("scratch", train_from_scratch), ("frozen", train_on_frozen_base)):
        if name in options.only:
            start = time.perf_counter()
            line[f"{name} train"], line[f"{name} test"] = method(options, seed)
            line[f"{name} seconds"] = time.perf_counter() - start
    return line


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", choices=("drawn", "photos"), default="drawn")
    parser.add_argument("--base", default="drawn_world", help="preset or folder of the pretrained base")
    parser.add_argument("--base-size-px", type=int, help="size of the pictures that the base is given")
    parser.add_argument("--seeds", type=int, nargs="+", default=range(10))
    parser.add_argument("--sizes", type=int, nargs=3, default=(200, 250, 500), help="pictures per class in each part")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--head-epochs", type=int, default=40)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--only", nargs="+", choices=("scratch", "frozen"), default=("scratch", "frozen"))
    options = parser.parse_args()
    lines = []
    for seed in options.seeds:
        lines.append(measure(options, seed))
        print("  ".join(f"{name} {value:.3g}" for name, value in lines[-1].items()), flush=True)
    for name in [name for name in lines[0] if name != "seed" and len(lines) > 1]:
        values = [line[name] for line in lines]
        print(f"{name}: mean {np.mean(values):.3f}, standard deviation {statistics.stdev(values):.3f}")


if __name__ == "__main__":
    main()
