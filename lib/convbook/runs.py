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
    """

    name: str
    digits: str
    digits_epochs: int


QUICK = Run(name="quick", digits="scikit-learn", digits_epochs=15)
FULL = Run(name="full", digits="mnist", digits_epochs=5)
RUNS = {run.name: run for run in (QUICK, FULL)}


def current():
    """Tell which run this process is on.

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
        name = "full" if "google.colab" in sys.modules and _sees_gpu() else "quick"
    if name not in RUNS:
        raise ValueError(f"{VARIABLE} is {name!r}, which is no run of this book; set it to {' or '.join(RUNS)}.")
    return RUNS[name]


def banner(run):
    """Say in three lines which run this is, on what device, from what data, and how to switch.

    Args:
        run: a `Run`.

    Returns:
        The text that every chapter's setup cell prints.
    """
    import keras

    other = FULL if run == QUICK else QUICK
    devices = ", ".join(keras.distribution.list_devices())
    return (
        f"{run.name} run · Keras {keras.__version__} with {keras.backend.backend()} on {devices}\n"
        f"handwritten digits: {run.digits}\n"
        f"to switch, set the environment variable {VARIABLE}={other.name} and restart the kernel"
    )


def _sees_gpu():
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
