"""A network for photos that runs in the page: a pretrained classifier in few bytes, and the script that carries it.

BatchNorm becomes part of the convolutions before it, and each kernel is stored as whole numbers of one byte with one
scale for each output channel. What rounding adds to an output on average is taken off its bias. `photo_network.js` of
the live figures runs the network forward.
"""

import functools
import json
import zlib

import keras_hub
import numpy as np
from scipy.stats import norm

from convbook.backbones import imagenet, loading

FORMAT = 1
FILE = "efficientnet_lite0.js"  # of the site's _static
VARIABLE = "convbookPhotoNetwork"  # of the page, which the script sets
# What the licence asks for, in the file itself.
NOTICE = (
    "EfficientNet-Lite0, trained on ImageNet by Google, converted by ML Illustrated (2020), Apache License 2.0, "
    "https://www.apache.org/licenses/LICENSE-2.0. Changed: BatchNorm is part of the convolutions, weights have 8 bits."
)
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
    """Turn a pretrained classifier into bytes.

    Args:
        classifier: a KerasHub ImageClassifier with global average pooling and softmax on a backbone such as
            EfficientNet-Lite0, of convolutions, depthwise convolutions, BatchNormalization, ReLU6 and additions.
        names: what its classes are called, one text each.
        stages: {title: name of a layer of the backbone}, whose maps a page can show.

    Returns:
        bytes, compressed by zlib: the length of a header as uint32, the header as JSON (filled up with spaces to four
        bytes), float32 numbers, int8 numbers. The header holds `format`, `scale` and `offset` of pixels, `names`,
        `stages` and `layers`, of which the last one is the classifier. A layer holds `kind` ("conv", "depthwise" or
        "dense"), `shape` of its kernel, `stride`, `padding` on each side, `relu6`, and `add`: which layer's output is
        added to its own, or null. float32 are, layer by layer, its scales and its bias; int8 its kernel, row by row
        with the output channels innermost.

    Raises:
        ValueError: if the network holds a layer of another kind, or there are not as many names as classes.

    Source:
        M. Nagel, M. van Baalen, T. Blankevoort and M. Welling, Data-Free Quantization Through Weight Equalization and
        Bias Correction, ICCV 2019, for the biases.
    """
    layers, positions, last_means = _fold(classifier.backbone)
    kernel, bias = (np.asarray(weights) for weights in classifier.output_dense.weights)
    if len(names) != len(bias):
        raise ValueError(f"There are {len(names)} names for {len(bias)} classes; give one for each.")
    layers.append({"kind": "dense", "kernel": kernel, "bias": bias, "means": last_means})
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
    converter = classifier.preprocessor.image_converter
    header = {
        "format": FORMAT,
        "scale": converter.scale,
        "offset": converter.offset,
        "names": list(names),
        "stages": [{"title": title, "layer": positions[name]} for title, name in stages.items()],
        "layers": layers,
    }
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4)
    parts = [len(text).to_bytes(4, "little"), text, *(part.tobytes() for part in floats + bytes_)]
    compressor = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)  # weights repeat nothing
    return compressor.compress(b"".join(parts)) + compressor.flush()


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


def _fold(backbone):
    """The convolutions of a backbone in their order, with the means of their inputs.

    BatchNorm, which has learned mean and spread of each channel, says what to expect of it, also after ReLU6.

    Returns:
        The layers; for the name of each layer of the backbone which one it belongs to; the means of the last maps.
    """
    layers, positions, padding, means = [], {}, {}, {}
    for layer in backbone.layers:
        kind = type(layer).__name__
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        sources = [tensor._keras_history.operation.name for tensor in inputs]
        here = positions[sources[0]] if sources else None
        mean = means[sources[0]] if sources else np.zeros(layer.output.shape[-1])
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
        elif kind == "Activation" and layer.activation.__name__ == "relu6":
            layers[here]["relu6"] = True
            mean = _mean_of_clipped(mean, spread)
        elif kind == "Add":
            earlier, here = sorted(positions[source] for source in sources)
            layers[here]["add"] = earlier
            mean = sum(means[source] for source in sources)
        elif kind != "InputLayer":
            raise ValueError(f"{layer.name} is a {kind}; a network for the page has {', '.join(KINDS)} only.")
        positions[layer.name], means[layer.name] = here, mean
    return layers, positions, means[backbone.layers[-1].name]


def _mean_of_clipped(mean, spread, largest=6):
    """The mean of a normal variable after ReLU6."""
    low, high = (0 - mean) / np.maximum(spread, 1e-9), (largest - mean) / np.maximum(spread, 1e-9)
    inside = mean * (norm.cdf(high) - norm.cdf(low)) + spread * (norm.pdf(low) - norm.pdf(high))
    return inside + largest * norm.sf(high)


KINDS = ("Conv2D", "DepthwiseConv2D", "BatchNormalization", "relu6", "Add")


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
        "relu6": False,
        "add": None,
    }


def _same(layer, numbers):
    if len({*map(int, numbers)}) > 1:
        raise ValueError(f"{layer.name} treats rows and columns or two sides differently; a page cannot do that.")
    return int(numbers[0])


def as_script(packed):
    """Write what `pack` returns as a classic script, which a page can load from a server and from a folder.

    Args:
        packed: bytes.

    Returns:
        bytes of a file in UTF-16 with a byte order mark, which goes before what a server says of it. After a comment,
        the licence's notice, it sets the global variable `VARIABLE` to [number of bytes, text]; each letter of the
        text holds 15 bits, the first bits first.

    Example:
        >>> as_script(b"\\x80\\x01").decode("utf-16").splitlines()[1]
        'globalThis.convbookPhotoNetwork=[2,"琀琀"];'
    """
    bits = np.unpackbits(np.frombuffer(packed, np.uint8))
    bits = np.pad(bits, (0, -len(bits) % BITS)).reshape(-1, BITS)
    letters = (bits @ (1 << np.arange(BITS)[::-1]) + FIRST_LETTER).astype("<u2").tobytes().decode("utf-16-le")
    script = f'// {NOTICE}\nglobalThis.{VARIABLE}=[{len(packed)},"{letters}"];\n'
    return b"\xff\xfe" + script.encode("utf-16-le")
