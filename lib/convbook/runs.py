"""The three runs of the book: `quick` on any machine, `photos` with real photos, `full` on a GPU with more of them."""

import os
import sys
from dataclasses import dataclass

from convbook import settings

VARIABLE = "CONVBOOK_RUN"


@dataclass(frozen=True)
class Run:
    """What a chapter trains on, and for how long.

    Attributes:
        name: "quick", "photos" or "full".
        digits: where chapter 1's handwritten digits come from, a source that `photos.load_digits` knows.
        digits_epochs: passes over the training digits.
        pictures: where cats and dogs come from, a source that `photos.prepare` knows.
        image_size_px: height and width of the pictures that networks from scratch see.
        base_image_size_px: height and width of the pictures that the pretrained base sees.
        train_pictures, validation_pictures, test_pictures: number of pictures per class in each part of the split.
        backbone: the pretrained base, a preset that `backbones.load` knows.
    """

    name: str
    digits: str
    digits_epochs: int
    pictures: str
    image_size_px: int
    base_image_size_px: int
    train_pictures: int
    validation_pictures: int
    test_pictures: int
    backbone: str


QUICK = Run(
    name="quick",
    digits="scikit-learn",
    digits_epochs=15,
    pictures="drawn",
    image_size_px=64,
    base_image_size_px=64,
    train_pictures=200,
    validation_pictures=250,
    test_pictures=500,
    backbone="drawn_world",
)
PHOTOS = Run(
    name="photos",
    digits="scikit-learn",
    digits_epochs=15,
    pictures="photos",
    image_size_px=96,
    base_image_size_px=192,
    train_pictures=150,
    validation_pictures=100,
    test_pictures=250,
    backbone="efficientnet_lite0_imagenet",
)
FULL = Run(
    name="full",
    digits="mnist",
    digits_epochs=5,
    pictures="photos",
    image_size_px=180,
    base_image_size_px=180,
    train_pictures=1000,
    validation_pictures=500,
    test_pictures=1000,
    backbone="xception_41_imagenet",
)
RUNS = {run.name: run for run in (QUICK, PHOTOS, FULL)}


def current():
    """Return the run that this process is on.

    The environment variable `CONVBOOK_RUN` decides. Without it the run is full in Colab with a GPU and quick elsewhere.

    Returns:
        A `Run`.

    Raises:
        ValueError: if `CONVBOOK_RUN` names no run; set it to one of those named in the message.

    Example:
        >>> current() in (QUICK, PHOTOS, FULL)
        True
    """
    name = os.environ.get(VARIABLE)
    if name is None:
        name = "full" if _in_colab() and _sees_gpu() else "quick"
    if name not in RUNS:
        raise ValueError(f"{VARIABLE} is {name!r}, which is no run of this book; set it to {_choice(RUNS)}.")
    return RUNS[name]


def banner(run):
    """Say in four lines for a setup cell which run this is, on what device, from what data, and how to switch.

    In Colab without a GPU a fifth line says what is different, and offers real photos.

    Raises:
        ValueError: if a setting that other work left behind would make chapters fail; the message names it.
    """
    settings.check()
    import keras

    others = _choice(name for name in RUNS if name != run.name)
    devices = ", ".join(keras.distribution.list_devices())
    sizes = dict.fromkeys([run.image_size_px, run.base_image_size_px])
    size_px = " and ".join(f"{size}×{size}" for size in sizes) + " pixels"
    per_class = f"{run.train_pictures}/{run.validation_pictures}/{run.test_pictures} per class"
    text = (
        f"{run.name} run · Keras {keras.__version__} with {keras.backend.backend()} on {devices}\n"
        f"handwritten digits: {run.digits} · cats and dogs: {run.pictures}, {size_px}, {per_class}\n"
        f"pretrained base: {run.backbone}\n"
        f"to switch, set the environment variable {VARIABLE} to {others} and restart the kernel"
    )
    if run == QUICK and VARIABLE not in os.environ and _in_colab():
        text += (
            f"\nwithout a GPU, drawings stand in for photos: take {VARIABLE}=photos for real photos and "
            f"an ImageNet base (a few minutes a chapter), or a GPU with Runtime → Change runtime type"
        )
    return text


def _choice(names):
    """Join names: "quick, photos or full"."""
    *others, last = names
    return f"{', '.join(others)} or {last}"


def _in_colab():
    return "google.colab" in sys.modules


def _sees_gpu():
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
