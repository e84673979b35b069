"""Settings that other work left behind, and with which this book would fail: each is refused with its remedy."""

import json
import os
from pathlib import Path

KERAS = {"backend": "tensorflow", "image_data_format": "channels_last", "floatx": "float32"}
BACKEND = "KERAS_BACKEND"
CUT_TRAININGS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")
FOLDERS = ("CONVBOOK_PHOTOS", "CONVBOOK_CACHE")
AGAIN = "and restart the kernel"


def check():
    """Refuse settings of Keras and of this book's folders with which the chapters would fail. It imports no Keras.

    Raises:
        ValueError: if a setting is another than the book needs; the message names the file or the environment variable.
    """
    check_keras()
    check_folders()


def check_keras():
    """Refuse another backend, another order of axes, other numbers than float32, and trainings that end early.

    Raises:
        ValueError: as `check`.
    """
    backend = os.environ.get(BACKEND)
    if backend and backend != KERAS["backend"]:
        raise ValueError(
            f"{BACKEND} is {backend!r}, and this book computes with {KERAS['backend']!r}: set it to that, {AGAIN}."
        )
    for name in CUT_TRAININGS:
        if name in os.environ:
            raise ValueError(
                f"{name} is {os.environ[name]!r}, and so Keras would end every training early: unset it, {AGAIN}."
            )
    file = keras_file()
    for name, found in _read(file).items():
        is_overruled = name == "backend" and backend
        if name in KERAS and found != KERAS[name] and not is_overruled:
            raise ValueError(f"{file} says that {name} is {found!r}: write {KERAS[name]!r} there, {AGAIN}.")


def check_folders():
    """Refuse a folder of the book's that is named from wherever a program starts, which differs between kernels.

    Raises:
        ValueError: as `check`.
    """
    for name in FOLDERS:
        folder = os.environ.get(name)
        if folder and not Path(folder).expanduser().is_absolute():
            raise ValueError(
                f"{name} is {folder!r}, which from here is {str(Path(folder).absolute())!r} and from elsewhere another "
                f"folder: set it to the whole path, {AGAIN}."
            )


def keras_file():
    """Return the path of the file from which Keras takes its settings, as a `Path`; there need not be one."""
    home = os.path.expanduser("~")
    folder = os.environ.get("KERAS_HOME", os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras"))
    return Path(os.path.expanduser(os.path.join(folder, "keras.json")))


def _read(file):
    """The settings in Keras's file; none where there is no file, or no JSON in it, which Keras overlooks."""
    if not file.exists():
        return {}
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}): remove it, {AGAIN}.") from None
    if not isinstance(settings, dict):
        raise ValueError(f"{file} holds no settings of Keras's: remove it, {AGAIN}.")
    return settings
