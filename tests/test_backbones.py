"""Tests of the backbones: what is loaded equals what was saved, as float32; and what is refused says what to do."""

import contextlib
import http.server
import json
import shutil
import socket
import threading
from pathlib import Path

import keras
import keras_hub
import numpy as np
import pytest
import requests

from convbook import backbones
from convbook.backbones import hub, presets, sizes

HANDLE = "someone/tiny/keras/tiny_drawn/1"


@pytest.fixture(scope="module")
def classifier():
    """A tiny classifier of pictures of 16x16 with weights that float16 can hold."""
    backbone = keras_hub.models.XceptionBackbone([[4, 6], [8, 8], [12]], [False, True, False])
    converter = keras_hub.layers.XceptionImageConverter(image_size=(16, 16), scale=1 / 127.5, offset=-1.0)
    preprocessor = keras_hub.models.XceptionImageClassifierPreprocessor(converter)
    model = keras_hub.models.XceptionImageClassifier(backbone, 5, preprocessor, activation="softmax")
    rng = np.random.default_rng(1000)
    for weight in model.weights:
        low, high = (0.5, 1.5) if "normalization" in weight.path or "_bn" in weight.path else (-0.5, 0.5)
        weight.assign(rng.uniform(low, high, weight.shape).astype("float16"))
    return model


@pytest.fixture(scope="module")
def saved(classifier, tmp_path_factory):
    """Folders with the tiny preset, its weights stored as float32 and as float16."""
    folder = tmp_path_factory.mktemp("presets")
    classifier.save_to_preset(folder / "float32")
    keras_hub.models.ImageClassifier.from_preset(str(folder / "float32"), dtype="float16").save_to_preset(
        folder / "float16"
    )
    return folder


@pytest.fixture
def preset(saved, tmp_path):
    """A folder with the tiny preset, stored as float16, to be damaged."""
    return Path(shutil.copytree(saved / "float16", tmp_path / "tiny"))


@pytest.fixture
def packaged(saved, tmp_path, monkeypatch):
    """Two presets that the package seems to bring along."""
    for name in ("drawn_world", "drawn_things"):
        shutil.copytree(saved / "float16", tmp_path / "presets" / name)
    monkeypatch.setattr(presets, "PACKAGED_FOLDER", tmp_path / "presets")


@pytest.fixture
def no_network(monkeypatch):
    """A machine without a network: no name has an address."""

    def refuse(*arguments, **settings):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """An empty cache for downloads, and nobody's Kaggle account."""
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "TBE_RUNTIME_ADDR", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def kaggle(empty_cache, monkeypatch, start_server):
    """A function that starts a stand-in for Kaggle's server, which kagglehub then asks, and lists what it was asked."""
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")  # plain http, so that a proxy can answer
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def start(answer):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked.append(request)
                status, kind, body = answer(self.path.rpartition("/")[2], request)
                with contextlib.suppress(OSError):  # who asked may have gone away
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

        server = start_server(Handler)
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
        return asked

    return start


@pytest.fixture
def set_policy():
    """A function that sets the global dtype policy, for this test."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


def pictures(*shape):
    return np.random.default_rng(1001).integers(0, 256, shape, dtype=np.uint8)


def features(backbone, converter, images):
    return keras.ops.convert_to_numpy(backbone(converter(images)))


def answers(classifier, images):
    return keras.ops.convert_to_numpy(classifier(classifier.preprocessor(images)))


def dtypes(model):
    return {str(weight.dtype) for weight in model.weights}


def edit(path, change):
    """Change the JSON in a file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("stored", "policy"),
    [("float32", "float32"), ("float16", "float32"), ("float16", "float16"), ("float16", "mixed_float16")],
)
def test_a_folder_gives_what_was_saved_as_float32_under_any_global_policy(
    classifier, saved, stored, policy, set_policy
):
    images = pictures(2, 16, 16, 3)
    expected = features(classifier.backbone, classifier.preprocessor.image_converter, images)
    assert expected.std() > 0.01
    set_policy(policy)
    backbone, converter = backbones.load(saved / stored)
    assert str(backbone.dtype_policy.name) == converter.dtype_policy.name == "float32"
    whole = backbones.load_classifier(saved / stored)
    found, probabilities = features(backbone, converter, images), answers(whole, images.astype("float32"))
    assert keras.config.dtype_policy().name == policy
    assert dtypes(backbone) == dtypes(whole) == {"float32"}
    assert found.dtype == probabilities.dtype == "float32"
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(probabilities, answers(classifier, images), atol=1e-5)


def test_a_converter_that_was_saved_as_float16_converts_as_float32(preset):
    edit(preset / "image_converter.json", lambda c: c["config"]["dtype"]["config"].update(name="float16"))
    _, converter = backbones.load(preset)
    np.testing.assert_allclose(converter(np.full((1, 16, 16, 3), 77, np.uint8)), 77 / 127.5 - 1, rtol=1e-6)


def test_the_converter_resizes_scales_and_shifts(saved):
    assert backbones.load(saved / "float16")[1].image_size == (16, 16)  # with which it was saved
    _, converter = backbones.load(str(saved / "float16"), image_size_px=np.int64(20))
    assert converter.image_size == (20, 20)
    black, white = (np.full((1, 31, 44, 3), value, np.uint8) for value in (0, 255))
    for image, value in ((black, -1), (white, 1)):
        np.testing.assert_allclose(converter(image), np.full((1, 20, 20, 3), value), rtol=1e-6)


@pytest.mark.usefixtures("packaged", "no_network")
def test_packaged_presets_are_read_without_a_network_and_do_not_resize():
    assert backbones.packaged_names() == ["drawn_things", "drawn_world"]
    backbone, converter = backbones.load("drawn_world")
    assert converter.image_size is None
    # 16x21: (16-3)//2+1=7, (21-3)//2+1=10 after the first convolution, 5x8 after the second, 3x4 after "same" pooling.
    assert features(backbone, converter, pictures(2, 16, 21, 3)).shape == (2, 3, 4, 12)
    assert backbones.load("drawn_world", image_size_px=24)[1].image_size == (24, 24)
    assert backbones.load_classifier("drawn_things").preprocessor.image_converter.image_size is None


@pytest.mark.usefixtures("no_network")
def test_a_folder_comes_before_the_hub(preset, monkeypatch):
    monkeypatch.chdir(preset.parent)
    preset.rename("xception_41_imagenet")
    assert backbones.load("xception_41_imagenet")[0].count_params() < 2000


def test_the_packaged_presets_can_be_used():
    names = backbones.packaged_names()
    if not names:
        pytest.skip("there is no packaged preset: python -m convbook pretrain makes one")
    for name in names:
        backbone, converter = backbones.load(name)
        maps = features(backbone, converter, pictures(4, 64, 64, 3))
        assert maps.ndim == 4
        assert np.isfinite(maps).all()
        assert maps.std(axis=0).max() > 0.01
        assert any(isinstance(layer, keras.layers.BatchNormalization) for layer in backbone.layers)
        found = answers(backbones.load_classifier(name), pictures(4, 64, 64, 3))
        assert found.shape[0] == 4
        assert np.isfinite(found).all()


@pytest.mark.filterwarnings("error:.*was called on layer")
def test_the_old_classifier_answers_as_it_did(classifier, saved):
    images = pictures(3, 20, 17, 3)
    loaded = backbones.load_classifier(saved / "float16")
    assert loaded.activation == "softmax"
    assert dtypes(loaded) == {"float32"}
    found = loaded.predict(images, verbose=0)
    np.testing.assert_allclose(found, answers(classifier, images), atol=1e-4)
    resizing = backbones.load_classifier(saved / "float16", image_size_px=32)
    assert resizing.preprocessor.image_converter.image_size == (32, 32)
    assert answers(resizing, pictures(1, 50, 40, 3)).shape == (1, 5)


def test_classifier_weights_of_either_library_version_load(classifier, preset):
    # Keras 3.13 with keras-hub 0.26 writes the backbone's weights into this file too, newer versions do not.
    head_only = backbones.load_classifier(preset).get_weights()
    keras.saving.save_weights(classifier, str(preset / "task.weights.h5"))
    everything = backbones.load_classifier(preset).get_weights()
    for one, other in zip(head_only, everything, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("missing", ["task.json", "task.weights.h5"])
def test_a_preset_without_its_classifier_is_refused_but_gives_its_backbone(preset, missing):
    (preset / missing).unlink()
    with pytest.raises(ValueError, match=rf"saved without a classifier.*no {missing}.*use load"):
        backbones.load_classifier(preset)
    backbones.load(preset)


@pytest.mark.usefixtures("packaged")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("drawn_wold", r"'drawn_wold' \(did you mean 'drawn_world'\?\).*'drawn_things', 'drawn_world'.*kaggle:"),
        ("xception_41_imagnet", r"did you mean 'xception_41_imagenet'"),
        ("bert_base_en", r"with pictures for input"),
        ("no/such/folder", r"path of a folder that KerasHub's save_to_preset wrote"),
        ("kaggle://keras/xception", r"'kaggle://owner/model/keras/variation'"),
        *((name, f"no preset '{name}'") for name in ("hf://someone/model", "", 7, None)),
    ],
)
def test_unknown_presets_are_refused_with_what_there_is(name, message):
    with pytest.raises(ValueError, match=message) as caught:
        backbones.load(name)
    assert "\n" not in str(caught.value)


def test_without_packaged_presets_the_message_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "PACKAGED_FOLDER", tmp_path)
    with pytest.raises(ValueError, match="none is installed"):
        backbones.load("drawn_world")


def registered(name):
    """Return a change of a JSON file: it names another class."""
    return lambda config: config.update(registered_name=name, class_name=name.rpartition(">")[2])


def settings(**values):
    """Return a change of a JSON file: these settings have other values."""
    return lambda config: config["config"].update(values)


GIRAFFE, FILTERS = registered("keras_hub>GiraffeBackbone"), "stackwise_conv_filters"
CONFIG, CONVERTER, WEIGHTS_FILE = "config.json", "image_converter.json", "model.weights.h5"
DAMAGES = [
    (CONFIG, None, FileNotFoundError, r"no config.json in it; give the folder that"),
    (CONFIG, 60, OSError, r"config.json of the preset .* cannot be read \(JSONDecodeError"),
    (CONFIG, lambda c: c.pop("registered_name"), ValueError, r"not in KerasHub's format"),
    (CONFIG, GIRAFFE, ValueError, r"saved with keras-hub 9\.9 and Keras 9\.8, asks for the class 'keras_hub>GiraffeB"),
    (CONFIG, GIRAFFE, ValueError, r"Backbone', which keras-hub \d.* does not know: install the version"),
    (CONFIG, registered("Functional"), ValueError, r"holds a Functional, not a KerasHub backbone"),
    (CONFIG, settings(wings=2), ValueError, r"keras-hub 9\.9 .*XceptionBackbone of keras-hub .*not know \(wings\)"),
    (CONFIG, lambda c: c["config"].pop("stackwise_pooling"), ValueError, r"config.json .* does not fit keras-hub"),
    (CONVERTER, None, FileNotFoundError, r"no image_converter.json in it"),
    (CONVERTER, registered("keras_hub>GiraffeConverter"), ValueError, r"converter.json .* class 'keras_hub>GiraffeC"),
    (CONVERTER, settings(wings=2), ValueError, r"XceptionImageConverter .*does not know \(wings\)"),
    (WEIGHTS_FILE, None, FileNotFoundError, r"has no weights \(there is no model.weights.h5"),
    (WEIGHTS_FILE, -100, OSError, r"model.weights.h5 .* cannot be read \(.*truncated.*cut off"),
    (WEIGHTS_FILE, 0, OSError, r"model.weights.h5 .* cannot be read"),
    (CONFIG, settings(**{FILTERS: [[4, 6], [8, 8], [13]]}), ValueError, r"not fit its settings .*8, 13\).*8, 12\)"),
    (CONFIG, settings(**{FILTERS: [[4, 6], [8, 8], [12, 12]]}), ValueError, r"not fit its settings .*block3_sepconv2"),
    (
        *(CONFIG, settings(stackwise_conv_filters=[[4, 6], [8]], stackwise_pooling=[False, False]), ValueError),
        r"hold \d+ arrays, but its config.json describes a network of \d+",
    ),
    ("task.weights.h5", -100, OSError, r"task.weights.h5 .* cannot be read \(.*truncated"),
    ("task.json", settings(num_classes=6), ValueError, r"task.weights.h5 .* do not fit"),
    ("task.json", GIRAFFE, ValueError, r"class 'keras_hub>GiraffeBackbone'"),
    ("task.json", settings(pooling="sum"), ValueError, r"task.json .* does not fit keras-hub"),
]


def damage(path, how):
    """Delete a file, cut it off after (or, negative, before) so many bytes, or change its JSON."""
    if how is None:
        path.unlink()
    elif isinstance(how, int):
        path.write_bytes(path.read_bytes()[:how])
    else:
        edit(path, how)


@pytest.mark.parametrize(("file", "how", "kind", "message"), DAMAGES)
def test_a_preset_that_cannot_be_used_is_refused_in_one_sentence(preset, file, how, kind, message):
    edit(preset / "metadata.json", lambda c: c.update(keras_hub_version="9.9", keras_version="9.8"))
    damage(preset / file, how)
    load = backbones.load_classifier if file.startswith("task") else backbones.load
    with pytest.raises(kind, match=message) as caught:
        load(preset)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800


@pytest.mark.usefixtures("packaged")
def test_a_broken_packaged_preset_says_to_install_again():
    damage(presets.PACKAGED_FOLDER / "drawn_world" / "model.weights.h5", -100)
    with pytest.raises(OSError, match="install convbook again") as caught:
        backbones.load("drawn_world")
    assert isinstance(caught.value.__cause__, OSError)


def test_the_smallest_size_that_works_is_named(saved):
    # A 3x3 convolution with stride 2 and one with stride 1, both without padding: 7 -> 3 -> 1; of 6 -> 2 none is left.
    with pytest.raises(ValueError, match=r"image_size_px=6 is too small .*at least 7"):
        backbones.load(saved / "float16", image_size_px=6)
    backbone, converter = backbones.load(saved / "float16", image_size_px=7)
    assert features(backbone, converter, pictures(1, 9, 9, 3)).shape == (1, 1, 1, 12)


@pytest.mark.parametrize("size", [0, -64, 64.0, "64", True, (64, 64), 10**9])
def test_impossible_sizes_are_refused_before_anything_is_loaded(size):
    with pytest.raises(ValueError, match=r"image_size_px=.* is not possible: .*one int from 1 to"):
        backbones.load("a preset that is not there", image_size_px=size)


def test_a_backbone_for_one_size_takes_no_other():
    fixed = keras_hub.models.XceptionBackbone([[4], [8]], [False, False], image_shape=(16, 24, 3))
    with pytest.raises(ValueError, match=r"takes pictures of 16x24 only"):
        sizes.refuse_impossible(fixed, 24)
    square = keras_hub.models.XceptionBackbone([[4], [8]], [False, False], image_shape=(16, 16, 3))
    sizes.refuse_impossible(square, 16)


def serve_preset(folder):
    """What Kaggle answers for a model that consists of the files in a folder."""

    def answer(call, request):
        if call == "ListModelInstanceVersionFiles":
            names = {"files": [{"name": path.name} for path in sorted(folder.iterdir())], "nextPageToken": ""}
            return 200, "application/json", json.dumps(names).encode()
        return 200, "application/octet-stream", (folder / request["path"]).read_bytes()

    return answer


def test_a_preset_is_downloaded_once_and_then_read_without_a_network(classifier, saved, kaggle, empty_cache):
    asked = kaggle(serve_preset(saved / "float16"))
    images = pictures(2, 16, 16, 3)
    first = features(*backbones.load(f"kaggle://{HANDLE}"), images)
    expected = features(classifier.backbone, classifier.preprocessor.image_converter, images)
    np.testing.assert_allclose(first, expected, rtol=1e-5, atol=1e-5)
    assert {request["path"] for request in asked if "path" in request} >= {"config.json", "model.weights.h5"}
    requests_so_far = len(asked)
    np.testing.assert_array_equal(features(*backbones.load(f"kaggle://{HANDLE}"), images), first)
    backbones.load_classifier(f"kaggle://{HANDLE}")
    assert len(asked) == requests_so_far


def test_a_known_name_asks_the_hub_for_its_handle(saved, monkeypatch):
    asked = []
    monkeypatch.setattr(hub.kagglehub, "model_download", lambda handle: asked.append(handle) or saved / "float16")
    backbone, converter = backbones.load("xception_41_imagenet", image_size_px=32)
    assert asked == [keras_hub.models.Backbone.presets["xception_41_imagenet"]["kaggle_handle"].split("://")[1]]
    assert converter.image_size == (32, 32)
    assert dtypes(backbone) == {"float32"}


def test_a_broken_download_says_what_to_delete(saved, kaggle, empty_cache):
    kaggle(serve_preset(saved / "float16"))
    backbones.load(f"kaggle://{HANDLE}")
    (weights,) = empty_cache.rglob("model.weights.h5")
    damage(weights, -100)
    with pytest.raises(OSError, match=rf"delete {weights.parent} and load the preset again"):
        backbones.load(f"kaggle://{HANDLE}")
    shutil.rmtree(weights.parent)
    backbones.load(f"kaggle://{HANDLE}")


@pytest.mark.usefixtures("empty_cache", "no_network")
def test_without_a_network_the_message_names_what_needs_none():
    message = r"'xception_41_imagenet' could not be downloaded.*connect.*'drawn_world'"
    with pytest.raises(OSError, match=message) as caught:
        backbones.load("xception_41_imagenet")
    assert isinstance(caught.value.__cause__, requests.ConnectionError)
    assert "\n" not in str(caught.value)


def test_a_server_that_stops_in_the_middle_ends_in_a_timeout(kaggle, monkeypatch):
    monkeypatch.setattr(hub, "TIMEOUTS", (0.3, 0.3))
    given_up, waited_for = threading.Event(), []

    def answer(call, request):
        waited_for.append(not given_up.wait(60))
        return 200, "application/json", b"{}"

    kaggle(answer)
    with pytest.raises(OSError, match="connect to the network and try again"):
        backbones.load(f"kaggle://{HANDLE}")
    given_up.set()
    assert True not in waited_for


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (404, ValueError, r"The hub has no preset 'kaggle://someone/.*404.*check the name"),
        (403, OSError, r"accept the model's terms at https://www.kaggle.com/models/someone/tiny.*KAGGLE_API_TOKEN"),
        (401, OSError, r"check KAGGLE_API_TOKEN"),
        (500, OSError, r"try again later"),
        (200, OSError, r"could not be downloaded"),  # with a page instead of an answer
    ],
)
def test_what_the_hub_refuses_is_said_in_one_sentence(kaggle, status, kind, message):
    kaggle(lambda call, request: (status, "text/html", b"<html>Please log in to this wireless network</html>"))
    with pytest.raises(kind, match=message) as caught:
        backbones.load(f"kaggle://{HANDLE}")
    assert "\n" not in str(caught.value)
    assert status == 200 or isinstance(caught.value.__cause__, requests.HTTPError)


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    """A narrow MobileNetV2 with random weights and BatchNorm statistics, and the file that it was saved to."""
    network = keras.applications.MobileNetV2(include_top=False, weights=None, alpha=0.1, input_shape=(32, 64, 3))
    rng = np.random.default_rng(1002)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    path = tmp_path_factory.mktemp("applications") / "narrow.weights.h5"
    network.save_weights(path)
    return network, path


def test_an_application_stands_in_as_a_backbone(application, tmp_path):
    network, path = application
    images = pictures(2, 32, 64, 3)
    backbone, converter = backbones.from_application("MobileNetV2", path, alpha=0.1, image_size_px=None)
    assert isinstance(backbone, keras_hub.models.Backbone)
    expected = keras.ops.convert_to_numpy(network(images / np.float32(127.5) - 1))
    assert expected.shape == (2, 1, 2, 1280)
    assert expected.std() > 0.01
    found = features(backbone, converter, images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)

    backbone.save_to_preset(tmp_path / "preset")
    converter.save_to_preset(tmp_path / "preset")
    loaded, loaded_converter = backbones.load(tmp_path / "preset")
    assert type(loaded) is backbones.ApplicationsBackbone
    assert (loaded.application, loaded.alpha, loaded.image_shape) == ("MobileNetV2", 0.1, (None, None, 3))
    np.testing.assert_array_equal(features(loaded, loaded_converter, images), found)
    with pytest.raises(ValueError, match="saved without a classifier"):
        backbones.load_classifier(tmp_path / "preset")


def test_the_layers_of_an_application_lie_side_by_side_and_are_float32_under_any_global_policy(application, set_policy):
    network, path = application
    set_policy("mixed_float16")
    backbone, converter = backbones.from_application(
        "MobileNetV2", path, alpha=0.1, pixel_range=(0, 1), image_size_px=40
    )
    assert keras.config.dtype_policy().name == "mixed_float16"
    assert features(backbone, converter, pictures(1, 32, 64, 3)).dtype == "float32"
    assert {layer.dtype_policy.name for layer in backbone.layers} == {"float32"}
    assert [layer.name for layer in backbone.layers][1:] == [layer.name for layer in network.layers][1:]
    walked = [layer for layer in backbone._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(walked) == 52
    trainable_before = len(backbone.trainable_weights)
    for layer in walked:
        layer.trainable = False
    assert len(backbone.trainable_weights) == trainable_before - 2 * 52

    converted = keras.ops.convert_to_numpy(converter(np.full((1, 60, 50, 3), 51, np.uint8)))
    assert converted.shape == (1, 40, 40, 3)
    np.testing.assert_allclose(converted, 0.2, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "MobilNetV2"}, r"'MobilNetV2' \(did you mean 'MobileNetV2'\?\); use one of .*Xception"),
        ({"name": "resnet"}, r"no network 'resnet'"),
        ({"name": None}, r"no network None"),
        ({"name": "Xception", "alpha": 0.5}, r"alpha=0.5 .*Xception comes in one width; use alpha=1.0"),
        ({"alpha": 0}, r"alpha=0 .*positive"),
        ({"alpha": float("nan")}, r"alpha=nan .*positive"),
        ({"alpha": "0.35"}, r"alpha='0.35' .*positive"),
        ({"pixel_range": (1, -1)}, r"pixel_range=\(1, -1\) .*lowest first"),
        ({"pixel_range": 255}, r"pixel_range=255 .*such as \(-1, 1\)"),
        ({"pixel_range": (0, float("inf"))}, r"pixel_range=\(0, inf\)"),
        ({"image_size_px": 0}, r"image_size_px=0"),
        ({"alpha": 0.2}, r"narrow.weights.h5, saved from 'mobilenetv2_0.10_32', does not fit .* with alpha=0.2"),
    ],
)
def test_impossible_applications_are_refused(application, arguments, message):
    with pytest.raises(ValueError, match=message):
        backbones.from_application(**{"name": "MobileNetV2", "weights_file": application[1], "alpha": 0.1} | arguments)


def test_weights_files_that_cannot_be_used_are_refused(application, tmp_path):
    network, path = application
    (tmp_path / "cut.weights.h5").write_bytes(path.read_bytes()[:-1000])
    topped = keras.Model(network.input, keras.layers.Dense(3, name="top")(network.output))
    topped.save_weights(tmp_path / "topped.weights.h5")
    for name, kind, message in (
        ("cut.weights.h5", OSError, r"cut.weights.h5 cannot be read \(.*truncated.*copy it here again"),
        ("none.weights.h5", FileNotFoundError, r"no weights file .*none.weights.h5"),
        ("narrow.h5", ValueError, r"narrow.h5 .*ends in .weights.h5"),
        ("topped.weights.h5", ValueError, r"it has a layer 'top'; layers that differ: 1.*without top"),
    ):
        with pytest.raises(kind, match=message):
            backbones.from_application("MobileNetV2", tmp_path / name, 0.1)
