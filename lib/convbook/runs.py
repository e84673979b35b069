"""The two runs of the book: `quick` on any machine, `full` on a GPU with the real data."""

import os
import sys
from dataclasses import dataclass

VARIABLE = "CONVBOOK_RUN"


@dataclass(frozen=True)
class Run:
    """What a chapter trains on, and for how long.

    Attributes:
        name: "quick" or "full".
        digits: where chapter 1's handwritten digits come from, a source that `photos.load_digits` knows.
        digits_epochs: passes over the training digits.
        pictures: where cats and dogs come from, a source that `photos.prepare` knows.
        image_size_px: height and width to which their pictures are scaled.
        train_pictures, validation_pictures, test_pictures: number of pictures per class in each part of the split.
        backbone: the pretrained base, a preset that `backbones.load` knows.
    """

    name: str
    digits: str
    digits_epochs: int
    pictures: str
    image_size_px: int
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
    train_pictures=200,
    validation_pictures=250,
    test_pictures=500,
    backbone="drawn_world",
)
FULL = Run(
    name="full",
    digits="mnist",
    digits_epochs=5,
    pictures="photos",
    image_size_px=180,
    train_pictures=1000,
    validation_pictures=500,
    test_pictures=1000,
    backbone="xception_41_imagenet",
)
RUNS = {run.name: run for run in (QUICK, FULL)}


def current():
    """Return the run that this process is on.

    The environment variable `CONVBOOK_RUN` decides. Without it the run is full in Colab with a GPU and quick elsewhere.

    Returns:
        A `Run`.

    Raises:
        ValueError: if `CONVBOOK_RUN` names no run; set it to one of those named in the message.

    Example:
        >>> current() in (QUICK, FULL)
        True
    """
    name = os.environ.get(VARIABLE)
    if name is None:
        name = "full" if _in_colab() and _sees_gpu() else "quick"
    if name not in RUNS:
        raise ValueError(f"{VARIABLE} is {name!r}, which is no run of this book; set it to {' or '.join(RUNS)}.")
    return RUNS[name]


def banner(run):
    """Say in four lines for a setup cell which run this is, on what device, from what data, and how to switch.

    In Colab without a GPU a fifth line says what is different.
    """
    import keras

    other = FULL if run == QUICK else QUICK
    devices = ", ".join(keras.distribution.list_devices())
    size_px = f"{run.image_size_px}×{run.image_size_px} pixels"
    per_class = f"{run.train_pictures}/{run.validation_pictures}/{run.test_pictures} per class"
    text = (
        f"{run.name} run · Keras {keras.__version__} with {keras.backend.backend()} on {devices}\n"
        f"handwritten digits: {run.digits} · cats and dogs: {run.pictures}, {size_px}, {per_class}\n"
        f"pretrained base: {run.backbone}\n"
        f"to switch, set the environment variable {VARIABLE}={other.name} and restart the kernel"
    )
    if run == QUICK and VARIABLE not in os.environ and _in_colab():
        text += (
            "\nwithout a GPU, drawings stand in for photos and a small base for Xception; "
            "Runtime → Change runtime type offers a GPU"
        )
    return text


def _in_colab():
    return "google.colab" in sys.modules


def _sees_gpu():
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
