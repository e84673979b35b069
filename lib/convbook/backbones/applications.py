"""A network of keras.applications, without its classifier, as a KerasHub backbone."""

import contextlib
import difflib
import inspect
import math
import numbers
from pathlib import Path

import h5py
import keras
import keras_hub

from convbook.backbones import sizes

DARKEST, BRIGHTEST = 0, 255


@keras.saving.register_keras_serializable(package="convbook")
class ApplicationsBackbone(keras_hub.models.Backbone):
    """A network of keras.applications, without its classifier, as a KerasHub backbone.

    Its layers are the network's own, side by side, not one layer that holds a network: each can be frozen by itself.

    Args:
        application: name of a class or function of keras.applications, such as "MobileNetV2".
        alpha: width of the network, for those that have an `alpha`; 1.0 is the width of its paper.
        image_shape: (height, width, channels) of one picture; None leaves a side open.
        dtype: dtype or policy of its computations and weights; Keras's global policy if None.

    Raises:
        ValueError: if there is no such network, or none of this width; the message says what is possible.

    Example:
        >>> backbone = ApplicationsBackbone("MobileNetV2", alpha=0.35)
        >>> backbone.output_shape
        (None, None, None, 1280)
        >>> sum(isinstance(layer, keras.layers.BatchNormalization) for layer in backbone.layers)
        52
    """

    def __init__(self, application, alpha=1.0, image_shape=(None, None, 3), dtype=None, **kwargs):
        build = _find_application(application)
        width = _width(application, build, alpha)
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        with _global_policy(policy):
            network = build(include_top=False, weights=None, input_shape=tuple(image_shape), **width)
        super().__init__(inputs=network.input, outputs=network.output, dtype=policy, **kwargs)
        self.application = application
        self.alpha = alpha
        self.image_shape = tuple(image_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "application": self.application,
            "alpha": self.alpha,
            "image_shape": self.image_shape,
        }


@keras.saving.register_keras_serializable(package="convbook")
class ApplicationsImageConverter(keras_hub.layers.ImageConverter):
    """The image converter of an `ApplicationsBackbone`: resizes, scales and shifts."""

    backbone_cls = ApplicationsBackbone


def from_application(name, weights_file, alpha=1.0, pixel_range=(-1, 1), image_size_px=224):
    """Make a KerasHub backbone and its image converter of a keras.applications network and a file of its weights.

    `backbone.save_to_preset(folder)` and `converter.save_to_preset(folder)` write a preset that `load(folder)` reads:
    the results on photos with MobileNetV2 were measured with such a folder, and measuring them again needs one.

    Args:
        name: name of the network in keras.applications, such as "MobileNetV2".
        weights_file: path of a .weights.h5 file that `save_weights` of the network without its top wrote.
        alpha: width of the network, as `keras.applications` defines it.
        pixel_range: (lowest, highest) value that the network was trained with; values from 0 to 255 are mapped to it.
            MobileNetV2: (-1, 1); networks with their own rescaling, such as EfficientNet: (0, 255).
        image_size_px: height and width that the converter resizes pictures to, or None for no resizing. The network is
            built for pictures of any size. For multiples of 32 it computes what `keras.applications` computes when
            built for that size; for others MobileNetV2 and its kin pad a few layers by one row and column less.

    Returns:
        (backbone, converter): an `ApplicationsBackbone` with float32 weights, from converted pictures to feature maps
        (n, height, width, channels), and an `ApplicationsImageConverter`.

    Raises:
        ValueError: if the network, width, range or size is not possible, or the file's layers are not the network's;
            the message says what is possible.
        OSError: if the file is missing or broken; copy it again.

    Example:
        >>> from_application("MobilNetV2", "mobilenet_v2.weights.h5")
        Traceback (most recent call last):
            ...
        ValueError: keras.applications has no network 'MobilNetV2' (did you mean 'MobileNetV2'?); ...
    """
    lowest, highest = _limits(pixel_range)
    size_px = sizes.whole(image_size_px)
    _width(name, _find_application(name), alpha)  # refuses what is no network before it asks for the file
    path = Path(weights_file)
    with _reading(path):
        saved_from, stored = _stored_shapes(path)
    backbone = ApplicationsBackbone(name, alpha=alpha, dtype="float32")
    sizes.refuse_impossible(backbone, size_px)
    _refuse_other_layers(backbone, path, saved_from, stored)
    with _reading(path):
        backbone.load_weights(str(path))
    converter = ApplicationsImageConverter(
        image_size=size_px and (size_px, size_px),
        scale=(highest - lowest) / (BRIGHTEST - DARKEST),
        offset=float(lowest),
        dtype="float32",
    )
    return backbone, converter


def _find_application(name):
    found = getattr(keras.applications, name, None) if isinstance(name, str) else None
    if not callable(found) or "include_top" not in inspect.signature(found).parameters:
        names = [known for known in dir(keras.applications) if known[0].isupper()]
        close = difflib.get_close_matches(str(name), names, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise ValueError(f"keras.applications has no network {name!r}{hint}; use one of {', '.join(names)}.")
    return found


def _width(name, build, alpha):
    """The argument for the width, for a network that has one."""
    if not isinstance(alpha, numbers.Real) or isinstance(alpha, bool) or not 0 < alpha < math.inf:
        raise ValueError(f"alpha={alpha!r} is not possible: give a positive number, such as 1.0 or 0.35.")
    if "alpha" in inspect.signature(build).parameters:
        return {"alpha": alpha}
    if alpha != 1:
        raise ValueError(f"alpha={alpha!r} is not possible: {name} comes in one width; use alpha=1.0.")
    return {}


@contextlib.contextmanager
def _global_policy(policy):
    """Set Keras's global dtype policy for a while: the functions of keras.applications take no other."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _limits(pixel_range):
    try:
        lowest, highest = map(float, pixel_range)
    except (TypeError, ValueError):
        lowest = highest = math.nan
    if not -math.inf < lowest < highest < math.inf:
        raise ValueError(
            f"pixel_range={pixel_range!r} is not possible: give the lowest and the highest value, lowest first, such "
            f"as (-1, 1)."
        )
    return lowest, highest


@contextlib.contextmanager
def _reading(path):
    """Refuse a path that is no weights file, and turn what HDF5 raises for a broken one into one sentence."""
    if not path.name.endswith(".weights.h5"):
        raise ValueError(
            f"{path.name} is no weights file of Keras 3 by its name: give one that ends in .weights.h5, which "
            f"save_weights writes."
        )
    if not path.is_file():
        raise FileNotFoundError(f"There is no weights file {path}; give the path of one that save_weights wrote.")
    try:
        yield
    except OSError as error:
        raise OSError(
            f"The weights file {path} cannot be read ({error}): it may be cut off; copy it here again."
        ) from error


def _refuse_other_layers(backbone, path, saved_from, stored):
    """Refuse a file whose layers are not the backbone's by name and by shape of arrays: Keras would overlook some."""
    differences = _differences(stored, _expected_shapes(backbone))
    if differences:
        raise ValueError(
            f"{path.name}{saved_from and f', saved from {saved_from!r},'} does not fit {backbone.application} with "
            f"alpha={backbone.alpha} and without its top ({differences[0]}; layers that differ: {len(differences)}): "
            f"give the network and alpha that the file was saved from, and a file without top."
        )


def _stored_shapes(path):
    """The network's name in a weights file, and its layers with the shapes of their arrays: {name: [shape, …]}."""
    stored = {}
    with h5py.File(path) as file:
        saved_from = str(file["vars"].attrs.get("name", "")) if "vars" in file else ""
        for key, group in file.get("layers", {}).items():
            shapes = []
            group.visititems(lambda _, item, to=shapes: to.append(item.shape) if hasattr(item, "shape") else None)
            if shapes:
                # Groups are numbered by class of layer; the layer's own name stands beside its arrays.
                stored[str(group["vars"].attrs.get("name", key)) if "vars" in group else key] = sorted(shapes)
    return saved_from, stored


def _expected_shapes(backbone):
    return {layer.name: sorted(tuple(w.shape) for w in layer.weights) for layer in backbone.layers if layer.weights}


def _differences(stored, expected):
    """One phrase for each layer that is missing, too many, or has arrays of other shapes."""
    found = [f"there is no layer {name!r} in it" for name in expected if name not in stored]
    found += [f"it has a layer {name!r}" for name in stored if name not in expected]
    for name in expected:
        if name in stored and stored[name] != expected[name]:
            found.append(f"layer {name!r} has arrays of {stored[name]}, not {expected[name]}")
    return found
