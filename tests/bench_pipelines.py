"""How many pictures a second come from the cache and from Keras's plain pipeline: `python tests/bench_pipelines.py`.

The book needs at least three times as many from the second epoch on. Both pipelines read the same files, shuffle, and
give batches of 32 at 180x180 pixels; their epochs alternate, so that whatever else the machine does hits both. The
pictures are made-up JPEGs of 500x375 pixels.
"""

import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from convbook import pipelines

SIZE_PX = 180
BATCH_SIZE = 32
EPOCHS = 5
TARGET = 3


def make_pictures(folder, per_class=300):
    """Write JPEGs with soft shapes and a little noise, about as large as photos."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        for number in range(per_class):
            coarse = Image.fromarray(rng.integers(0, 256, (15, 20, 3), dtype=np.uint8))
            picture = np.asarray(coarse.resize((500, 375), Image.Resampling.BICUBIC)) + rng.normal(0, 6, (375, 500, 3))
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / name / f"{number}.jpg", quality=90)


def pictures_per_second(dataset):
    """The rate of one epoch."""
    start = time.perf_counter()
    pictures = sum(len(labels) for _, labels in dataset)
    return pictures / (time.perf_counter() - start)


def compare(folder):
    """Print the rates of both pipelines and their ratio."""
    size = (SIZE_PX, SIZE_PX)
    arguments = {"label_mode": "binary", "image_size": size, "batch_size": BATCH_SIZE, "seed": 0, "verbose": False}
    plain = keras.utils.image_dataset_from_directory(folder, **arguments)
    start = time.perf_counter()
    cached = pipelines.from_folder(folder, SIZE_PX, BATCH_SIZE, shuffle=True, seed=0)
    seconds = time.perf_counter() - start
    count = len(plain.file_paths)
    print(f"{count} pictures, decoded into the cache in {seconds:.1f} s ({count / seconds:.0f} a second)")
    for dataset in (plain, cached):
        pictures_per_second(dataset)  # the first epoch
    rates = {"plain": [], "cached": []}
    for _ in range(EPOCHS):
        rates["plain"].append(pictures_per_second(plain))
        rates["cached"].append(pictures_per_second(cached))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(f"{name:6} {medians[name]:6.0f} pictures a second ({min(values):.0f} to {max(values):.0f})")
    print(f"ratio  {medians['cached'] / medians['plain']:6.1f}, of which the book needs {TARGET}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        make_pictures(Path(name))
        compare(Path(name))
