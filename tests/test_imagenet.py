"""Tests of the base that is made from a package of PyPI: its features, its cache, and what is refused."""

import importlib.metadata
import importlib.util
import io
import os
import pickle
import random
import shutil
import struct
import subprocess
import sys
import types
from pathlib import Path

import keras
import keras_hub
import numpy as np
import pytest
from skimage import data

from convbook import backbones, evidence
from convbook.backbones import imagenet, presets
from convbook.photos import PhotosError

pytestmark = pytest.mark.filterwarnings("error:.*was called on layer")

NAME = "efficientnet_lite0_imagenet"
STUDY = Path(os.environ.get("CONVBOOK_SHARED", "")) / "spikes" / "imagenet_base.py"
CATS = range(281, 286)  # among the 1,000 classes: tabby, tiger cat, Persian, Siamese, Egyptian

# Means over the positions of some channels, of the picture below, computed by a reader and a network of their own.
MEANS = {0: 0.253622, 100: 0.0, 340: 2.739721, 455: 2.788517, 900: 1.149539, 949: 3.170750, 1042: 6.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of the preset, made once for this module in a cache of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVBOOK_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield imagenet.preset_folder()


@pytest.fixture
def use_cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("CONVBOOK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def copied(made, use_cache):
    """The folder of the preset in another cache, to be damaged."""
    return Path(shutil.copytree(made, use_cache / "backbones" / made.name))


@pytest.fixture
def torch(monkeypatch):
    """The names of PyTorch that its files of weights hold, without PyTorch."""
    torch, utilities = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})

    def _rebuild_tensor_v2():
        raise AssertionError("the reader must not call this")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utilities._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utilities)
    return torch


@pytest.fixture
def no_package(monkeypatch):
    """A machine on which the package of the weights is not installed."""
    monkeypatch.setattr(imagenet, "PACKAGE", "efficientnet-lite0-that-nobody-installed")


class Reduced:
    """Is pickled as a call of a function with arguments."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


class Pickler(pickle.Pickler):
    """Leaves the storages of tensors out, as PyTorch does: their bytes follow the pickles."""

    def persistent_id(self, item):
        return item if isinstance(item, tuple) and item[:1] == ("storage",) else None


def pickled(item):
    file = io.BytesIO()
    Pickler(file, protocol=2).dump(item)
    return file.getvalue()


def saved(item, length=12, magic_number=imagenet.MAGIC_NUMBER):
    """What PyTorch before 1.6 writes for an item whose tensors share one storage, 0, 1, 2, …"""
    heads = (magic_number, imagenet.PROTOCOL, {"little_endian": True}, item, ["7"])
    return b"".join(map(pickled, heads)) + struct.pack("<q", length) + np.arange(length, dtype="<f4").tobytes()


def tensor(offset, shape, strides):
    storage = ("storage", sys.modules["torch"].FloatStorage, "7", "cpu", 12, None)
    return Reduced(sys.modules["torch._utils"]._rebuild_tensor_v2, (storage, offset, shape, strides, False, {}))


def picture():
    """A picture that is not square, and its pixels as the network was trained on them."""
    image = np.random.default_rng(1001).integers(0, 256, (1, 64, 96, 3), dtype=np.uint8)
    return image, (image.astype("float32") - 127) / 128


def maps(backbone, pixels):
    return keras.ops.convert_to_numpy(backbone(pixels))


@pytest.mark.usefixtures("made")
def test_features_are_those_of_another_reader():
    backbone, _ = backbones.load(NAME)
    found = maps(backbone, picture()[1])
    assert found.shape == (1, 2, 3, 1280)
    means = found.mean(axis=(0, 1, 2))
    np.testing.assert_allclose([means[channel] for channel in MEANS], [*MEANS.values()], rtol=1e-3, atol=1e-5)
    assert {str(weight.dtype) for weight in backbone.weights} == {"float32"}
    normalizations = [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {(layer.momentum, layer.epsilon) for layer in normalizations} == {(0.99, 1e-3)}


@pytest.mark.usefixtures("made")
@pytest.mark.skipif(not STUDY.is_file(), reason="CONVBOOK_SHARED names no folder with spikes/imagenet_base.py")
def test_features_are_those_of_the_study():
    spec = importlib.util.spec_from_file_location("study", STUDY)
    study = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(study)
    package = importlib.metadata.distribution(imagenet.PACKAGE)
    expected = study.build_backbone(study.read_state_dict(package.locate_file(imagenet.FILE)))
    backbone, converter = backbones.load(NAME, image_size_px=80)
    image, pixels = picture()
    study.CONVERTER.image_size = (80, 80)
    converted = study.CONVERTER(image)
    np.testing.assert_allclose(converter(image), converted, atol=1e-6)
    for seen in (pixels, converted):
        np.testing.assert_allclose(maps(backbone, seen), maps(expected, seen), rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("made")
def test_the_converter_resizes_scales_and_shifts():
    _, converter = backbones.load(NAME)
    for value, expected in ((0, -127 / 128), (127, 0), (255, 1)):
        converted = keras.ops.convert_to_numpy(converter(np.full((1, 31, 44, 3), value, np.uint8)))
        np.testing.assert_allclose(converted, np.full((1, 224, 224, 3), expected), atol=1e-6)
    assert backbones.load(NAME, image_size_px=96)[1].image_size == (96, 96)


@pytest.mark.usefixtures("made")
def test_the_classifier_names_the_cat_a_cat():
    classifier = backbones.load_classifier(NAME)
    probabilities = classifier.predict(data.chelsea()[np.newaxis], verbose=0)[0]
    assert probabilities.shape == (1000,)
    assert probabilities.sum() == pytest.approx(1, abs=1e-4)
    assert probabilities.argmax() in CATS
    assert probabilities[CATS].sum() > 0.8
    assert keras_hub.utils.imagenet_id_to_name(CATS[0]) == "tabby"


@pytest.mark.usefixtures("no_package")
def test_the_next_load_reads_the_cache(made, monkeypatch):
    monkeypatch.setattr(imagenet, "_make_preset", None)
    assert presets.find(NAME) == presets.Found(NAME, made, "cache")
    assert [path.name for path in made.parent.iterdir() if path.name != "lock"] == [made.name]


def test_a_base_made_again_is_the_same_and_takes_no_random_number(made, tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        random.seed(1000)
        imagenet._make_preset(tmp_path)
        drawn = random.random()
    finally:
        keras.config.set_dtype_policy(before)
    assert drawn == random.Random(1000).random()
    assert evidence.hash_base(tmp_path) == evidence.hash_base(made)
    assert not evidence.is_packaged(NAME)


def test_two_processes_at_once_make_it_once(made, use_cache):
    code = (
        "from convbook import backbones; from convbook.backbones import imagenet\n"
        "make = imagenet._make_preset\n"
        "imagenet._make_preset = lambda folder: (print('makes it'), make(folder))\n"
        f"print(backbones.load({NAME!r})[0].built)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = sorted((process.communicate()[0].split("\n") for process in processes), key=len)
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs == [["True", ""], ["makes it", "True", ""]]
    assert sorted(path.name for path in (use_cache / "backbones").iterdir()) == [made.name, "lock"]


@pytest.mark.parametrize("file", ["model.weights.h5", "config.json", "checksum.txt"])
def test_a_broken_preset_is_kept_and_made_again(made, copied, file, monkeypatch, capsys):
    monkeypatch.setattr(imagenet, "_make_preset", lambda folder: shutil.copytree(made, folder, dirs_exist_ok=True))
    broken = (copied / file).read_bytes()[:-10]
    (copied / file).write_bytes(broken)
    assert presets.find(NAME).folder == copied
    assert (copied / file).read_bytes() == (made / file).read_bytes()
    assert (copied.with_name(f"{copied.name}.changed-1") / file).read_bytes() == broken
    assert "is kept as" in capsys.readouterr().err


def test_other_code_or_another_version_of_keras_has_a_folder_of_its_own(made, monkeypatch):
    monkeypatch.setattr(keras, "__version__", "4.0.0")
    monkeypatch.setattr(imagenet, "_is_whole", lambda folder: True)
    assert imagenet.preset_folder() != made


def refused(kind, message):
    """Loading the base raises an error of this kind, whose message is one sentence of this pattern."""
    with pytest.raises(kind, match=message) as caught:
        backbones.load(NAME)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.usefixtures("use_cache", "no_package")
def test_without_the_package_the_message_says_how_to_install_it():
    refused(OSError, r"which is not installed: pip install \"convbook\[imagenet\]\" brings it .*CONVBOOK_RUN=quick")


@pytest.mark.usefixtures("use_cache")
@pytest.mark.parametrize("content", [b"other weights", None])
def test_another_file_of_weights_is_refused(content, tmp_path, monkeypatch):
    if content:
        (tmp_path / "weights.pth").write_bytes(content)
    package = types.SimpleNamespace(version="0.2.0", locate_file=lambda name: tmp_path / "weights.pth")
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: package)
    refused(
        OSError, r"model 0.2.0 does not hold .*57934424.*: install it again with pip install --force-reinstall \"con"
    )


@pytest.mark.usefixtures("no_package")
def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CONVBOOK_CACHE", str(tmp_path / "file" / "cache"))
    refused(PhotosError, r"cannot be written \(Not a directory\): set CONVBOOK_CACHE to a folder that can")


def test_a_misspelt_name_is_told_the_right_one():
    with pytest.raises(ValueError, match=rf"did you mean '{NAME}'"):
        backbones.load("efficientnet_lite_imagenet")


@pytest.mark.usefixtures("torch")
def test_tensors_are_read_with_their_offsets_and_strides():
    # Of 0, 1, … 11: every other number from 1, and the transposed 3x2 matrix of the first six.
    found = imagenet.read_tensors(saved({"a.weight": tensor(1, (3, 2), (4, 2)), "a.bias": tensor(0, (3, 2), (1, 3))}))
    assert [*found] == ["a.weight", "a.bias"]
    np.testing.assert_array_equal(found["a.weight"], [[1, 3], [5, 7], [9, 11]])
    np.testing.assert_array_equal(found["a.bias"], [[0, 3], [1, 4], [2, 5]])


@pytest.mark.usefixtures("torch")
def test_a_pickle_that_names_something_else_calls_nothing(tmp_path):
    command = Reduced(os.system, (f"touch {tmp_path / 'called'}",))
    for item in ({"a": command}, {"a": tensor(0, command, (1,))}, command, Reduced(eval, ("1",))):
        with pytest.raises(ValueError, match=r"\w+\.(system|eval) has no place in a file of weights.* pip install"):
            imagenet.read_tensors(saved(item))
    assert not (tmp_path / "called").exists()


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize("length", [0, 1, 20, 200, -1, -4, -50, None])
def test_a_file_that_is_cut_off_or_no_file_of_weights_is_refused(length):
    whole = saved({"a": tensor(0, (12,), (1,))}) if length is not None else saved({}, magic_number=7)
    with pytest.raises(ValueError, match=r"weights cannot be read .*cut off or holds something else; pip") as caught:
        imagenet.read_tensors(whole[:length])
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(("offset", "shape", "strides"), [(0, (3, 2), (4, 9)), (11, (2,), (1,)), (0, (2,), (-1,))])
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(offset, shape, strides):
    with pytest.raises(ValueError, match="weights cannot be read"):
        imagenet.read_tensors(saved({"a": tensor(offset, shape, strides)}))
