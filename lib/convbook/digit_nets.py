"""Two small trained nets for digits on a dark canvas, one of Dense layers and a convnet, stored in few bytes.

Each kernel is stored as whole numbers of one byte with one scale for each filter or unit, so that a page can hold both
nets. `pack` and `unpack` turn a Keras model into what JSON can hold and back; the JavaScript of the live figures reads
the same. `convbook.digit_pretraining` trains the nets.
"""

import base64
import functools
import importlib.resources
import json
from pathlib import Path

import numpy as np

NAMES = ("dense", "convnet")
FILE = Path(str(importlib.resources.files("convbook"))) / "presets" / "digit_nets.json"
LARGEST = 127  # of a signed byte; −128 stays unused, so that the range is symmetric


def load(name):
    """Build one of the packaged nets with its trained weights.

    Args:
        name: "dense" or "convnet".

    Returns:
        A functional keras.Model, not compiled, from pictures with values from 0 to 255 (n, 54, 54, 1) to probabilities
        (n, 10).

    Raises:
        ValueError: if there is no net of that name; the message lists those there are.

    Example:
        >>> load("convnet").count_params()
        19162
    """
    return unpack(packed(name))


def packed(name):
    """Return one of the packaged nets as what JSON can hold.

    Args:
        name: "dense" or "convnet".

    Returns:
        A dictionary as `pack` makes it, which the caller may change.

    Raises:
        ValueError: if there is no net of that name; the message lists those there are.

    Example:
        >>> [layer["kind"] for layer in packed("dense")["layers"]]
        ['rescaling', 'flatten', 'dense', 'dense']
    """
    if name not in NAMES:
        raise ValueError(f"There is no net {name!r}; there are: {', '.join(NAMES)}.")
    return json.loads(_read_text())["nets"][name]


def read_training_log():
    """Return how the packaged nets were made and how good they are.

    Returns:
        A dictionary with made_by, recipes, accuracies, seconds, environment and finished; accuracies are shares of the
        500 test digits of scikit-learn, {net: {"home": …, "moved 4 px": …, "moved 8 px": …, "corners": …}}.

    Example:
        >>> read_training_log()["accuracies"]["convnet"]["home"] > 0.9
        True
    """
    log = json.loads(_read_text())
    del log["nets"]
    return log


def pack(model):
    """Turn a small Keras model into what JSON can hold, its kernels rounded to bytes.

    Args:
        model: a keras.Model, one layer after the other, of Rescaling by one factor, Conv2D with stride 1 and padding
            "valid", MaxPooling2D whose stride is its size, Flatten, GlobalAveragePooling2D and Dense.

    Returns:
        {"name": …, "input_shape": [height, width, channels], "layers": [{"kind": …, "name": …, …}, …]}. Kinds and what
        they hold besides: rescaling (scale), conv and dense (kernel, bias, activation: "linear", "relu" or "softmax"),
        max_pool (size), flatten, global_average. A bias is float32 in base64. A kernel is {"shape": […], "values": int8
        in base64, row by row, "scales": float32 in base64, one for each filter or unit}.

    Raises:
        ValueError: if a layer is of another kind; the message names it and those that can be packed.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((2, 3, 1)), keras.layers.Flatten(), keras.layers.Dense(4)])
        >>> pack(model)["layers"][1]["kernel"]["shape"]
        [6, 4]
    """
    import keras

    layers = [_pack_layer(layer) for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    return {"name": model.name, "input_shape": list(model.input_shape[1:]), "layers": layers}


def unpack(net):
    """Build the Keras model of a net that `pack` made: functional, not compiled, with the rounded weights.

    Example:
        >>> [layer.name for layer in unpack(packed("dense")).layers]
        ['image', 'rescaling', 'flatten', 'dense_1', 'classifier']
    """
    import keras

    image = x = keras.Input(net["input_shape"], name="image")
    for packed_layer in net["layers"]:
        layer = _build_layer(packed_layer)
        x = layer(x)
        if "kernel" in packed_layer:
            layer.set_weights([unpack_kernel(packed_layer["kernel"]), _numbers(packed_layer["bias"], "<f4")])
    return keras.Model(image, x, name=net["name"])


def pack_kernel(kernel):
    """Round a kernel, whose last axis are filters or units, to bytes with one scale for each of these.

    Returns:
        {"shape": list, "values": int8 in base64, "scales": float32 in base64}.

    Example:
        >>> unpack_kernel(pack_kernel(np.array([[1.0, -0.5], [0.5, 0.0]]))).round(2).tolist()
        [[1.0, -0.5], [0.5, 0.0]]
    """
    kernel = np.asarray(kernel, dtype=np.float32)
    largest = np.abs(kernel).reshape(-1, kernel.shape[-1]).max(axis=0)
    scales = np.where(largest > 0, largest / LARGEST, 1).astype("<f4")
    values = np.round(kernel / scales).astype(np.int8)
    return {"shape": list(kernel.shape), "values": _text(values), "scales": _text(scales)}


def unpack_kernel(packed_kernel):
    """Return the numbers of a kernel that `pack_kernel` made: a float32 array of its shape.

    Example:
        >>> unpack_kernel({"shape": [1, 1], "values": "fw==", "scales": "AAAAPw=="})  # 127 halves
        array([[63.5]], dtype=float32)
    """
    values = _numbers(packed_kernel["values"], np.int8).reshape(packed_kernel["shape"])
    return values.astype(np.float32) * _numbers(packed_kernel["scales"], "<f4")


@functools.cache
def _read_text():
    return FILE.read_text(encoding="utf-8")


def _pack_layer(layer):
    import keras

    named = {"name": layer.name}
    if isinstance(layer, keras.layers.Rescaling) and np.ndim(layer.scale) == 0 and layer.offset == 0:
        return {"kind": "rescaling", **named, "scale": float(layer.scale)}
    if isinstance(layer, keras.layers.Conv2D) and _slides_plainly(layer):
        return {"kind": "conv", **named, **_pack_weights(layer)}
    if isinstance(layer, keras.layers.MaxPooling2D) and _steps_by_its_size(layer):
        return {"kind": "max_pool", **named, "size": layer.pool_size[0]}
    if isinstance(layer, keras.layers.Flatten):
        return {"kind": "flatten", **named}
    if isinstance(layer, keras.layers.GlobalAveragePooling2D):
        return {"kind": "global_average", **named}
    if isinstance(layer, keras.layers.Dense):
        return {"kind": "dense", **named, **_pack_weights(layer)}
    raise ValueError(
        f"The layer {layer.name} ({type(layer).__name__}) cannot be packed with these settings; possible are Rescaling "
        f"by one factor, Conv2D with stride 1 and padding 'valid', MaxPooling2D with equal sides and strides, Flatten, "
        f"GlobalAveragePooling2D and Dense."
    )


def _slides_plainly(layer):
    plain = layer.padding == "valid" and set(layer.strides) == set(layer.dilation_rate) == {1} and layer.groups == 1
    return plain and layer.use_bias


def _steps_by_its_size(layer):
    return layer.padding == "valid" and layer.pool_size == layer.strides and len(set(layer.pool_size)) == 1


def _pack_weights(layer):
    kernel, bias = layer.get_weights()
    activation = layer.activation.__name__
    if activation not in ("linear", "relu", "softmax"):
        raise ValueError(f"The layer {layer.name} has the activation {activation}; possible are linear, relu, softmax.")
    return {"kernel": pack_kernel(kernel), "bias": _text(bias.astype("<f4")), "activation": activation}


def _build_layer(packed_layer):
    from keras import layers

    kind, name = packed_layer["kind"], packed_layer["name"]
    if kind == "conv":
        *size, _, filters = packed_layer["kernel"]["shape"]
        return layers.Conv2D(filters, size, activation=packed_layer["activation"], name=name)
    if kind == "dense":
        return layers.Dense(packed_layer["kernel"]["shape"][1], activation=packed_layer["activation"], name=name)
    if kind == "rescaling":
        return layers.Rescaling(packed_layer["scale"], name=name)
    if kind == "max_pool":
        return layers.MaxPooling2D(packed_layer["size"], name=name)
    return {"flatten": layers.Flatten, "global_average": layers.GlobalAveragePooling2D}[kind](name=name)


def _text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def _numbers(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)
