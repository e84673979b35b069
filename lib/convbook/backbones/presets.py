"""Where a preset lies (in the package, the cache, a folder, on the hub), and whether its files can be used."""

import difflib
import importlib.metadata
import importlib.resources
import inspect
import json
import os
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import keras_hub

from convbook.backbones import hub, imagenet

# The files of a preset, as KerasHub names them.
CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
WEIGHTS_IN_PARTS = "model.weights.json"
CONVERTER_CONFIG = "image_converter.json"
TASK_CONFIG = "task.json"
TASK_WEIGHTS = "task.weights.h5"
METADATA = "metadata.json"

PACKAGED_FOLDER = Path(str(importlib.resources.files("convbook"))) / "presets"


@dataclass(frozen=True)
class Found:
    """A preset on this machine: the name it was asked for by, its folder, and where that comes from.

    `origin` is "package", "cache" (made there from a package of PyPI), "folder" or "hub".
    """

    name: str
    folder: Path
    origin: str

    @property
    def remedy(self):
        return {
            "package": "install convbook again",
            "cache": "load the preset again, which makes it anew",
            "folder": f"save or copy the preset in {self.folder} again",
            "hub": f"delete {self.folder} and load the preset again",
        }[self.origin]


def packaged_names():
    """Name the presets that come with the package.

    Returns:
        list of str, sorted.
    """
    return sorted(path.parent.name for path in PACKAGED_FOLDER.glob(f"*/{CONFIG}"))


def find(preset):
    """Find a preset in the package, made from one of PyPI, as a folder or on the hub, in this order.

    Only the hub needs a network.
    """
    name = os.fspath(preset) if isinstance(preset, str | os.PathLike) else repr(preset)
    if name in packaged_names():
        return Found(name, PACKAGED_FOLDER / name, "package")
    if name == imagenet.NAME:
        return Found(name, imagenet.preset_folder(), "cache")
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return Found(name, folder.resolve(), "folder")
    handle = hub.handle_of(name)
    if handle is None:
        raise ValueError(_unknown(name))
    return Found(name, hub.download(handle, name), "hub")


def check_backbone(found):
    """Refuse a folder whose config.json the installed keras-hub cannot turn into a backbone."""
    config = _read_config(found, CONFIG)
    if not issubclass(_class_of(found, CONFIG, config), keras_hub.models.Backbone):
        raise ValueError(
            f"The preset {found.name!r} holds a {config.get('class_name')}, not a KerasHub backbone: save one with "
            f"backbone.save_to_preset(folder)."
        )
    _refuse_unknown_settings(found, CONFIG, config)


def check_converter(found):
    """Refuse a folder without an image converter that the installed keras-hub knows."""
    config = _read_config(found, CONVERTER_CONFIG)
    if not issubclass(_class_of(found, CONVERTER_CONFIG, config), keras_hub.layers.ImageConverter):
        raise ValueError(
            f"{CONVERTER_CONFIG} of the preset {found.name!r} holds a {config.get('class_name')}, not an image "
            f"converter: save one with converter.save_to_preset(folder)."
        )
    _refuse_unknown_settings(found, CONVERTER_CONFIG, config)


def check_task(found):
    """Refuse a folder without the classifier of its pretraining."""
    missing = [name for name in (TASK_CONFIG, TASK_WEIGHTS) if not (found.folder / name).is_file()]
    if missing:
        raise ValueError(
            f"The preset {found.name!r} was saved without a classifier (there is no {' and no '.join(missing)} in "
            f"{found.folder}): use load for its backbone, or save an ImageClassifier with save_to_preset."
        )
    config = _read_config(found, TASK_CONFIG)
    if not issubclass(_class_of(found, TASK_CONFIG, config), keras_hub.models.ImageClassifier):
        raise ValueError(
            f"{TASK_CONFIG} of the preset {found.name!r} holds a {config.get('class_name')}, not an image classifier: "
            f"use load for its backbone."
        )


def weights_file(found):
    """The name of the file that holds the backbone's weights, whole or in parts."""
    for name in (WEIGHTS, WEIGHTS_IN_PARTS):
        if (found.folder / name).is_file():
            return name
    raise FileNotFoundError(
        f"The preset {found.name!r} has no weights (there is no {WEIGHTS} in {found.folder}); {found.remedy}."
    )


def refuse_unused_arrays(found, file, backbone):
    """Refuse weights of a larger network: Keras would silently ignore the arrays that are left over."""
    if file != WEIGHTS or found.origin == "hub":
        return
    stored = count_arrays(found.folder / file)
    if stored > len(backbone.variables):
        raise ValueError(
            f"The weights {file} of the preset {found.name!r} hold {stored} arrays, but its {CONFIG} describes a "
            f"network of {len(backbone.variables)}: the files were not saved together; {found.remedy}."
        )


def count_arrays(path):
    """How many arrays a weights file holds, those of an optimizer not counted."""
    found = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return sum(not name.startswith("optimizer/") for name in found)


def saved_with(found):
    """The versions that saved a preset, in words, as far as it says so."""
    try:
        metadata = json.loads((found.folder / METADATA).read_text(encoding="utf-8"))
        return f"keras-hub {metadata['keras_hub_version']} and Keras {metadata['keras_version']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a version that it does not name"


def installed():
    """The installed versions, in words."""
    return f"keras-hub {importlib.metadata.version('keras-hub')} with Keras {keras.__version__}"


def _unknown(name):
    packaged = packaged_names()
    close = difflib.get_close_matches(name, [*packaged, imagenet.NAME, *hub.names()], n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return (
        f"There is no preset {name!r}{hint}: use a packaged one "
        f"({', '.join(map(repr, packaged)) or 'none is installed'}), {imagenet.NAME!r}, the path of a folder that "
        f"KerasHub's save_to_preset wrote, or a preset of the hub with pictures for input that keras-hub "
        f"{importlib.metadata.version('keras-hub')} knows, such as 'xception_41_imagenet' or "
        f"'kaggle://owner/model/keras/variation'."
    )


def _read_config(found, file):
    path = found.folder / file
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{found.folder} is no preset with a backbone and an image converter: there is no {file} in it; give the "
            f"folder that save_to_preset wrote, or {found.remedy}."
        ) from error
    except (OSError, ValueError) as error:
        raise OSError(
            f"{file} of the preset {found.name!r} cannot be read ({type(error).__name__}: {error}): {found.remedy}."
        ) from error
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict) or "registered_name" not in config:
        raise ValueError(
            f"{path} is not in KerasHub's format (no registered_name and config in it): give a folder that "
            f"save_to_preset of a KerasHub model wrote."
        )
    return config


def _class_of(found, file, config):
    name = config["registered_name"]
    if name in ("Functional", "Sequential"):
        return keras.Model
    known = keras.saving.get_registered_object(name)
    if known is None:
        raise ValueError(
            f"{file} of the preset {found.name!r}, saved with {saved_with(found)}, asks for the class {name!r}, which "
            f"{installed()} does not know: install the version that it was saved with, or import the module that "
            f"defines the class first."
        )
    return known


def _refuse_unknown_settings(found, file, config):
    """Refuse settings that the class has no argument for: Keras ignores some, and the features would differ."""
    if found.origin == "hub":  # keras-hub chooses the preset's version itself, and converts old settings
        return
    model_class = _class_of(found, file, config)
    known = {name for base in model_class.__mro__ for name in inspect.signature(base.__init__).parameters}
    unknown = sorted(set(config["config"]) - known)
    if unknown:
        raise ValueError(
            f"{file} of the preset {found.name!r}, saved with {saved_with(found)}, has settings that "
            f"{model_class.__name__} of {installed()} does not know ({', '.join(unknown)}): install the version that "
            f"it was saved with."
        )
