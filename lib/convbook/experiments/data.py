"""The pictures that the experiments train and test on, and what they are called in a result."""

import functools

import numpy as np

from convbook import drawings, photos, pipelines

PARTS = ("train", "validation", "test")

# Where the pictures come from, in words.
SMALL_DIGITS = "the handwritten digits that come with scikit-learn, enlarged from 8x8 to 20x20 pixels"
DRAWN_PETS = "the book's drawn cats and dogs, 64x64 pixels"
SMALL_DRAWINGS = "the book's drawings, 32x32 pixels"
PHOTOS = "Kaggle's photos of cats and dogs, {size_px}x{size_px} pixels; all seeds are tested on the same photos"

# How many pictures of each class.
FEW_DIGITS = {"digits": "scikit-learn", "train_pictures": 1038, "test_pictures": 500}  # 80 % of its training digits
FEW_PETS = {"train_pictures": 200, "validation_pictures": 250, "test_pictures": 500}
MORE_PHOTOS = {"train_pictures": 500, "validation_pictures": 500, "test_pictures": 1000}
SMALL_PHOTOS = MORE_PHOTOS | {"size_px": 64}
# Photos for a pretrained base, and which base it is where nothing else is named.
BASE_PHOTOS = MORE_PHOTOS | {"size_px": 96, "backbone": "xception_41_imagenet"}


def choose_digits(rng, settings):
    """Choose handwritten digits to train on, and take the first ones of the test digits.

    Returns training images and labels, test images and labels: uint8 (n, 28, 28, 1) and int (n,).
    """
    digits = photos.load_digits(settings["digits"])
    chosen = rng.choice(len(digits.train_images), settings["train_pictures"], replace=False)
    tested = slice(settings["test_pictures"])
    return (
        digits.train_images[chosen],
        digits.train_labels[chosen],
        digits.test_images[tested],
        digits.test_labels[tested],
    )


def draw_parts(kinds, seed, settings, first_seed=0):
    """Draw pictures to train on, to choose with and to test on, other ones for each seed.

    The settings count pictures per class; size_px is 64 where it is missing. Labels are indices into kinds. The very
    first drawing has the seed first_seed: the packaged bases were pretrained on drawings below 1000.

    Returns {"train": (images, labels), "validation": …, "test": …}: uint8 (n, size_px, size_px, 3) and int64 (n,).
    """
    parts = {}
    for index, part in enumerate(PARTS):
        count = settings[f"{part}_pictures"]
        first = first_seed + 100_000 * (len(PARTS) * seed + index)
        parts[part] = drawings.draw_set(kinds, count, first, settings.get("size_px", 64), progress=False)
    return parts


def choose_photos(seed, settings):
    """Choose cats and dogs out of the photos that are there, other ones for each seed; returns what `draw_parts` does.

    Raises:
        ValueError: if there are fewer than asked for.
    """
    rng, parts = np.random.default_rng(seed), {}
    for part, (images, labels) in all_photos(settings["size_px"]).items():
        count, there = settings[f"{part}_pictures"], np.bincount(labels).min()
        if count > there:
            raise ValueError(f"{part}_pictures is {count}, and there are {there} photos of a class: lower it.")
        chosen = np.concatenate([rng.permutation(np.flatnonzero(labels == label))[:count] for label in (0, 1)])
        parts[part] = images[chosen], labels[chosen]
    return parts


def all_photos(size_px):
    """Load the photos of cats and dogs that are there, as {part: (images, labels)}; PhotosError if there are none."""
    folder = photos.prepare("photos", progress=False).folder
    return {part: _load_photos(folder / part, size_px) for part in PARTS}


@functools.cache
def _load_photos(folder, size_px):
    return pipelines.load_arrays(folder, size_px)


def cats_and_dogs(seed, settings):
    """Get cats and dogs of the settings' kind of data: photos, see `choose_photos`, or drawings, see `draw_parts`."""
    if settings["kind"] == "photos":
        return choose_photos(seed, settings)
    return draw_parts(drawings.PETS, seed, settings)
