"""Networks for photos that run in the page: a classifier in few bytes, and the script that carries it.

BatchNorm becomes part of the convolutions before it, and each kernel is stored as whole numbers of one byte with one
scale for each output channel. What rounding adds to an output on average is taken off its bias, where BatchNorm tells
it. `photo_network.js` of the live figures runs a network forward.
"""

import base64
import functools
import importlib.resources
import json
import zlib
from pathlib import Path

import keras
import keras_hub
import numpy as np
from scipy.stats import norm

from convbook.backbones import imagenet, loading

FORMAT = 2
# The book's own network from scratch; `convbook.photo_pretraining` writes the file.
OWN_FILE = Path(str(importlib.resources.files("convbook"))) / "presets" / "cats_and_dogs.json"
VARIABLE = "convbookPhotoNetwork"  # of the page, which the script sets
# What stands in the file itself: what the licence asks for.
NOTICES = {
    "efficientnet_lite0": "EfficientNet-Lite0, trained on ImageNet by Google, converted by ML Illustrated (2020), "
    "Apache License 2.0, https://www.apache.org/licenses/LICENSE-2.0. Changed: BatchNorm is part of the convolutions, "
    "weights have 8 bits.",
    "cats_and_dogs": "A small convnet, trained from scratch by this book.",
}
LARGEST = 127  # of a signed byte; −128 stays unused, so that the range is symmetric
FIRST_LETTER, BITS = 0x3400, 15  # letters from here on, of which none is special in JavaScript or half of a pair
STAGES = {
    "first layer": "stem_activation",
    "block 2": "block2b_expand_activation",
    "block 4": "block4a_expand_activation",
    "block 6": "block6a_expand_activation",
    "last layer": "top_activation",
}


def pack(classifier, names, stages=STAGES):
    """Turn a pretrained classifier of KerasHub into bytes.

    Args:
        classifier: a KerasHub ImageClassifier with global average pooling and softmax on a backbone such as
            EfficientNet-Lite0, of convolutions, depthwise convolutions, BatchNormalization, ReLU6 and additions.
        names: what its classes are called, one text each.
        stages: {title: name of a layer of the backbone}, whose maps a page can show.

    Returns:
        bytes, as `_write` says.

    Raises:
        ValueError: if the network holds a layer of another kind, or there are not as many names as classes.

    Source:
        M. Nagel, M. van Baalen, T. Blankevoort and M. Welling, Data-Free Quantization Through Weight Equalization and
        Bias Correction, ICCV 2019, for the biases.
    """
    backbone = classifier.backbone.layers
    layers, positions, means = _fold(backbone)
    kernel, bias = (np.asarray(weights) for weights in classifier.output_dense.weights)
    layers.append(_dense(kernel, bias, means[backbone[-1].name]))
    converter = classifier.preprocessor.image_converter
    shown = [{"title": title, "layer": positions[name]} for title, name in stages.items()]
    return _write(layers, names, scale=converter.scale, offset=converter.offset, stages=shown)


def pack_convnet(model, names):
    """Turn a convnet that `models.build_convnet` built with batch normalization into bytes, as `pack` does.

    Args:
        model: the trained keras.Model, with global average pooling.
        names: what its two classes are called, that of label 0 first.

    Returns:
        bytes, as `_write` says. In place of the one sigmoid unit there are two classes with softmax, which is the same.

    Raises:
        ValueError: if the network holds a layer of another kind, or there are not two names.
    """
    first, last = (model.layers.index(model.get_layer(name)) for name in ("conv_1", "global_average"))
    layers, _, _ = _fold(model.layers[first:last])
    kernel, bias = (np.asarray(weights) * [-0.5, 0.5] for weights in model.layers[-1].weights)
    layers.append(_dense(kernel, bias, np.zeros(len(kernel))))
    return _write(layers, names, scale=model.get_layer("rescaling").scale, offset=0, stages=[])


def _write(layers, names, **header):
    """Write layers as bytes, compressed by zlib.

    They are the length of a header as uint32, the header as JSON (filled up with spaces to four bytes), float32
    numbers, int8 numbers. The header holds `format`, `scale` and `offset` of pixels, `names`, `stages` and `layers`, of
    which the last one is the classifier. A layer holds `kind` ("conv", "depthwise" or "dense"), `shape` of its kernel,
    `stride`, `padding` on each side, `activation` ("linear", "relu" or "relu6"), `add`, which layer's output is added
    to its own, or null, and `pool`, the side of the windows of max pooling after it, or 1. float32 are, layer by layer,
    its scales and its bias; int8 its kernel, row by row with the output channels innermost.
    """
    if len(names) != len(layers[-1]["bias"]):
        raise ValueError(f"There are {len(names)} names for {len(layers[-1]['bias'])} classes; give one for each.")
    floats, bytes_ = [], []
    for layer in layers:
        kernel, bias, means = (layer.pop(name) for name in ("kernel", "bias", "means"))
        layer["shape"] = kernel.shape
        largest = np.abs(kernel).reshape(-1, kernel.shape[-1]).max(axis=0)
        scales = np.where(largest > 0, largest / LARGEST, 1).astype("<f4")
        whole = np.round(kernel / scales).astype(np.int8)
        added = whole * scales - kernel
        if layer["kind"] == "depthwise":
            added = added.sum(axis=(0, 1)) * means
        else:
            added = means @ added.reshape(-1, *kernel.shape[-2:]).sum(axis=0)
        floats += [scales, (bias - added).astype("<f4")]
        bytes_.append(whole)
    header |= {"format": FORMAT, "names": list(names), "layers": layers}
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4)
    parts = [len(text).to_bytes(4, "little"), text, *(part.tobytes() for part in floats + bytes_)]
    compressor = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)  # weights repeat nothing
    return compressor.compress(b"".join(parts)) + compressor.flush()


def unpack(packed):
    """Build the Keras model of a packed network, with its rounded weights.

    Args:
        packed: bytes, from `pack` or `pack_convnet`.

    Returns:
        A functional keras.Model, not compiled, from pictures (n, height, width, 3) with values from 0 to 255 to
        probabilities (n, classes).
    """
    content = zlib.decompress(packed)
    start = 4 + int.from_bytes(content[:4], "little")
    header = json.loads(content[4:start])
    counts = [layer["shape"][-1] for layer in header["layers"]]
    floats = np.split(np.frombuffer(content, "<f4", 2 * sum(counts), start), np.cumsum(np.repeat(counts, 2))[:-1])
    whole = np.frombuffer(content, np.int8, offset=start + 8 * sum(counts))
    image = x = keras.Input((None, None, 3), name="image")
    x, outputs = keras.layers.Rescaling(header["scale"], header["offset"])(x), []
    for layer, scales, bias in zip(header["layers"], floats[::2], floats[1::2], strict=True):
        kernel, whole = np.split(whole, [np.prod(layer["shape"])])
        x = _apply(layer, kernel.reshape(layer["shape"]) * scales, bias, x, outputs)
        outputs.append(x)
    return keras.Model(image, x)


def _apply(layer, kernel, bias, x, outputs):
    """Call the Keras layers that a packed one stands for."""
    if layer["kind"] == "dense":
        built = keras.layers.Dense(len(bias), activation="softmax")
        x = keras.layers.GlobalAveragePooling2D()(x)
    else:
        options = {"strides": layer["stride"], "activation": layer["activation"]}
        if layer["kind"] == "conv":
            built = keras.layers.Conv2D(len(bias), kernel.shape[:2], **options)
        else:
            built = keras.layers.DepthwiseConv2D(kernel.shape[:2], **options)
        x = keras.layers.ZeroPadding2D(layer["padding"])(x)
    x = built(x)
    built.set_weights([kernel.reshape(built.kernel.shape), bias])
    if layer["add"] is not None:
        x = x + outputs[layer["add"]]
    return x if layer["pool"] == 1 else keras.layers.MaxPooling2D(layer["pool"])(x)


@functools.cache
def packed_imagenet():
    """Return EfficientNet-Lite0, trained on ImageNet, as `pack` makes it.

    Returns:
        bytes, the same for all callers.

    Raises:
        OSError: if the package of its weights is not installed; the message says how it is.
    """
    names = [keras_hub.utils.imagenet_id_to_name(number).replace("_", " ") for number in range(1000)]
    return pack(loading.load_classifier(imagenet.NAME), names)


def packed_own():
    """Return the book's own network from scratch, which tells cats from dogs, as `pack_convnet` makes it."""
    return base64.b64decode(_read_own()["network"])


def read_training_log():
    """Return how the book's own network was made and how good it is.

    Returns:
        A dictionary with made_by, recipe, seed, size_px, photos (how many of each part), test_accuracy (in "float32",
        of the packed network as "int8", and "as trained" in the recipe's precision), test_loss, best_epoch,
        core_seconds, environment and finished.
    """
    return {name: value for name, value in _read_own().items() if name != "network"}


@functools.cache
def _read_own():
    return json.loads(OWN_FILE.read_text(encoding="utf-8"))


# By the names of the files in the site's _static, without .js.
PACKED = {"efficientnet_lite0": packed_imagenet, "cats_and_dogs": packed_own}


def _dense(kernel, bias, means):
    layer = {"kind": "dense", "kernel": kernel, "bias": bias, "means": means}
    return layer | {"stride": 1, "padding": 0, "activation": "linear", "add": None, "pool": 1}


def _fold(network):
    """The convolutions of a list of layers in their order, with the means of their inputs.

    BatchNorm, which has learned mean and spread of each channel, says what to expect of it, also after ReLU or ReLU6.
    Of what max pooling gives nobody knows the means: they count as 0, so that nothing is taken off.

    Returns:
        The layers; for the name of each one of the list which of them it belongs to; for these names the means of what
        it gives.
    """
    layers, positions, padding, means = [], {}, {}, {}
    for layer in network:
        kind = type(layer).__name__
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        sources = [tensor._keras_history.operation.name for tensor in inputs]
        here = positions.get(sources[0]) if sources else None
        mean = means.get(sources[0]) if sources else None
        if mean is None:
            mean = np.zeros((inputs or [layer.output])[0].shape[-1])
        if kind in ("Conv2D", "DepthwiseConv2D"):
            layers.append(_convolution(layer, padding.get(sources[0], 0)) | {"means": mean})
            here = len(layers) - 1
        elif kind == "ZeroPadding2D":
            padding[layer.name] = _same(layer, np.ravel(layer.padding))
        elif kind == "BatchNormalization":
            gamma, mean, moving_mean, variance = (np.asarray(weights, dtype=np.float64) for weights in layer.weights)
            factor = gamma / np.sqrt(variance + layer.epsilon)
            layers[here]["kernel"] = layers[here]["kernel"] * factor
            layers[here]["bias"] = (layers[here]["bias"] - moving_mean) * factor + mean
            spread = np.abs(gamma)
        elif kind == "ReLU" or (kind == "Activation" and layer.activation.__name__ == "relu6"):
            layers[here]["activation"] = "relu" if kind == "ReLU" else "relu6"
            mean = _mean_of_clipped(mean, spread, np.inf if kind == "ReLU" else 6)
        elif kind == "MaxPooling2D":
            layers[here]["pool"], mean = _same(layer, layer.pool_size), np.zeros_like(mean)
        elif kind == "Add":
            earlier, here = sorted(positions[source] for source in sources)
            layers[here]["add"] = earlier
            mean = sum(means[source] for source in sources)
        elif kind != "InputLayer":
            raise ValueError(f"{layer.name} is a {kind}; a network for the page has {', '.join(KINDS)} only.")
        positions[layer.name], means[layer.name] = here, mean
    return layers, positions, means


def _mean_of_clipped(mean, spread, largest):
    """The mean of a normal variable after ReLU or ReLU6."""
    low, high = (0 - mean) / np.maximum(spread, 1e-9), (largest - mean) / np.maximum(spread, 1e-9)
    inside = mean * (norm.cdf(high) - norm.cdf(low)) + spread * (norm.pdf(low) - norm.pdf(high))
    return inside if np.isinf(largest) else inside + largest * norm.sf(high)


KINDS = ("Conv2D", "DepthwiseConv2D", "BatchNormalization", "ReLU", "relu6", "MaxPooling2D", "Add")


def _convolution(layer, padding):
    kernel = np.asarray(layer.kernel)
    if layer.padding == "same" and kernel.shape[:2] != (1, 1):
        raise ValueError(f"{layer.name} pads by itself; a network for the page pads in a layer of its own.")
    is_depthwise = type(layer).__name__ == "DepthwiseConv2D"
    return {
        "kind": "depthwise" if is_depthwise else "conv",
        "kernel": kernel[..., 0] if is_depthwise else kernel,
        "bias": np.asarray(layer.bias) if layer.use_bias else np.zeros(1),
        "stride": _same(layer, layer.strides),
        "padding": padding,
        "activation": "linear",
        "add": None,
        "pool": 1,
    }


def _same(layer, numbers):
    if len({*map(int, numbers)}) > 1:
        raise ValueError(f"{layer.name} treats rows and columns or two sides differently; a page cannot do that.")
    return int(numbers[0])


def as_script(packed, name="efficientnet_lite0"):
    """Write what `pack` returns as a classic script, which a page can load from a server and from a folder.

    Args:
        packed: bytes.
        name: of the network, which decides the notice on where it comes from.

    Returns:
        bytes of a file in UTF-16 with a byte order mark, which goes before what a server says of it. After the notice
        in a comment it sets the global variable `VARIABLE` to [number of bytes, text]; each letter of the
        text holds 15 bits, the first bits first.

    Example:
        >>> as_script(b"\\x80\\x01").decode("utf-16").splitlines()[1]
        'globalThis.convbookPhotoNetwork=[2,"琀琀"];'
    """
    bits = np.unpackbits(np.frombuffer(packed, np.uint8))
    bits = np.pad(bits, (0, -len(bits) % BITS)).reshape(-1, BITS)
    letters = (bits @ (1 << np.arange(BITS)[::-1]) + FIRST_LETTER).astype("<u2").tobytes().decode("utf-16-le")
    script = f'// {NOTICES[name]}\nglobalThis.{VARIABLE}=[{len(packed)},"{letters}"];\n'
    return b"\xff\xfe" + script.encode("utf-16-le")
