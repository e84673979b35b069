"""The network for photos that runs in the page: the browser's JavaScript against Keras, number by number.

What whole numbers lose is measured on the photos that CONVBOOK_SHARED names, where it does.
"""

import base64
import contextlib
import functools
import json
import os
import re
import time
import zlib
from pathlib import Path

import jupyter_client
import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf
from figure_pages import packed as picture_of
from photo_pages import CODE, drop, noise_photo, open_figure, photo_file, small_convnet, small_network
from PIL import Image
from sklearn.linear_model import LogisticRegression

from convbook import __main__ as commands
from convbook import backbones, photo_pretraining, pipelines
from convbook.backbones import photo_network
from convbook.figures import base
from convbook.figures.photo_network import PhotoFigure

SOURCE = base.join_modules('import { createPhotoMath } from "./photo_network.js";\nexport default createPhotoMath;\n')
PHOTOS = Path(os.environ.get("CONVBOOK_SHARED", "")) / "photos"
STAGES = {"first": "stem_activation", "second": "block2b_expand_activation", "last": "top_activation"}


def build_classifier(classes=7, activation="relu6"):
    """A small EfficientNet-Lite with random weights and statistics."""
    keras.utils.set_random_seed(3)
    backbone = keras_hub.models.EfficientNetBackbone(
        width_coefficient=0.3,
        depth_coefficient=1.0,
        stackwise_kernel_sizes=[3, 5, 5],
        stackwise_num_repeats=[1, 2, 1],
        stackwise_input_filters=[32, 16, 24],
        stackwise_output_filters=[16, 24, 40],
        stackwise_expansion_ratios=[1, 6, 3],
        stackwise_strides=[1, 2, 2],
        stackwise_squeeze_and_excite_ratios=[0] * 3,
        stackwise_block_types=["v1"] * 3,
        activation=activation,
        dropout=0.0,
        dtype="float32",
    )
    converter = keras_hub.layers.EfficientNetImageConverter(image_size=(32, 32), scale=1 / 64, offset=-1.5)
    preprocessor = keras_hub.models.EfficientNetImageClassifierPreprocessor(converter)
    preprocessor.built = True
    classifier = keras_hub.models.EfficientNetImageClassifier(
        backbone, num_classes=classes, preprocessor=preprocessor, activation="softmax", dtype="float32"
    )
    rng = np.random.default_rng(5)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, size.shape) for size in layer.get_weights()])
        elif layer.weights:
            layer.set_weights([rng.normal(0, 0.3, size.shape) for size in layer.get_weights()])
    classifier.output_dense.set_weights(
        [rng.normal(0, 1, size.shape) for size in classifier.output_dense.get_weights()]
    )
    return classifier


def read(packed):
    """The header of a packed network, and for each layer its kernel as floats and its bias."""
    content = zlib.decompress(packed)
    length = int.from_bytes(content[:4], "little")
    header, at, weights = json.loads(content[4 : 4 + length]), 4 + length, []
    for layer in header["layers"]:
        numbers = np.frombuffer(content, "<f4", 2 * layer["shape"][-1], at).reshape(2, -1)
        weights.append(numbers)
        at += numbers.nbytes
    for n, layer in enumerate(header["layers"]):
        whole = np.frombuffer(content, np.int8, np.prod(layer["shape"]), at).reshape(layer["shape"])
        at += whole.nbytes
        weights[n] = whole * weights[n][0], weights[n][1]
    assert at == len(content)
    return header, weights


def with_packed_weights(classifier, packed):
    """Give a classifier the rounded weights; its BatchNorm then only adds a bias."""
    _, weights = read(packed)
    convolutions = [layer for layer in classifier.backbone.layers if "Conv2D" in type(layer).__name__]
    norms = [layer for layer in classifier.backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer, norm, (kernel, bias) in zip(convolutions, norms, weights[:-1], strict=True):
        layer.set_weights([kernel.reshape(layer.kernel.shape)])
        one, zero = np.ones_like(bias), np.zeros_like(bias)
        norm.set_weights([np.full_like(bias, np.sqrt(1 + norm.epsilon)), bias, zero, one])
    classifier.output_dense.set_weights(weights[-1])
    return classifier


def noise(*shape):
    return np.random.default_rng(4).integers(0, 256, shape).astype("uint8")


@pytest.fixture(scope="module")
def call(blank):
    """A function that runs JavaScript with the mathematics of photo_network.js and a packed network."""
    script = """async ([source, code, packed, ...given]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const math = (await import(url)).createPhotoMath();
      const network = packed && await math.unpack(Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0)));
      const plain = (value) => {
        if (ArrayBuffer.isView(value) || Array.isArray(value)) return Array.from(value, plain);
        if (value === null || typeof value !== "object") return value;
        return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
      };
      return plain(new Function("math", "network", "a", "b", code)(math, network, ...given));
    }"""

    def run(code, packed=None, *given):
        return blank.evaluate(script, [SOURCE, code, packed and base64.b64encode(packed).decode(), *given])

    return run


LOOK = "a.values = Float32Array.from(a.values); return math.look(network, a);"


def compare(call, classifier, packed, image):
    """Assert that the page finds for a picture what Keras finds with the same weights."""
    found = call(LOOK, packed, picture_of(image))
    header, _ = read(packed)
    backbone, converter = classifier.backbone, classifier.preprocessor.image_converter
    stages = {stage["title"]: stage["layer"] for stage in header["stages"]}
    names = {"last": "top_activation"} | (STAGES if set(stages) == set(STAGES) else photo_network.STAGES)
    outputs = keras.Model(backbone.input, {title: backbone.get_layer(name).output for title, name in names.items()})
    maps = outputs(image[np.newaxis] * np.float32(converter.scale) + np.float32(converter.offset), training=False)
    maps = {title: np.asarray(each)[0] for title, each in maps.items()}
    features = maps["last"].mean(axis=(0, 1))
    kernel, bias = classifier.output_dense.get_weights()
    scores = features @ kernel + bias
    powers = np.exp(scores - scores.max())
    np.testing.assert_allclose(found["features"], features, rtol=1e-4, atol=2e-5)
    np.testing.assert_allclose(found["probabilities"], powers / powers.sum(), rtol=2e-3, atol=1e-6)
    for stage in found["stages"]:
        expected = maps[stage["title"]]
        spread = expected.reshape(-1, expected.shape[-1]).var(axis=0)
        assert (stage["height"], stage["width"], stage["channels"]) == expected.shape
        np.testing.assert_allclose(spread[stage["numbers"]], np.sort(spread)[::-1][: len(stage["numbers"])], rtol=1e-3)
        for number, values in zip(stage["numbers"], stage["maps"], strict=True):
            np.testing.assert_allclose(values, expected[..., number].ravel(), rtol=1e-3, atol=2e-4)
    return found, maps["last"], scores


@pytest.mark.parametrize("shape", [(37, 50, 3), (48, 31, 3), (9, 8, 3)])
def test_every_number_is_that_of_keras_with_the_same_weights(call, shape):
    classifier = build_classifier()
    packed = photo_network.pack(classifier, list("abcdefg"), STAGES)
    found, last, scores = compare(call, with_packed_weights(classifier, packed), packed, noise(*shape))
    kernel, bias = classifier.output_dense.get_weights()
    for number in (0, 6):
        code = "a.values = Float32Array.from(a.values); return math.classMap(network, a, b);"
        where = call(code, packed, found["last"], number)
        np.testing.assert_allclose(where, (last @ kernel[:, number] + bias[number]).ravel(), rtol=1e-3, atol=1e-3)
        assert np.mean(where) == pytest.approx(scores[number], rel=1e-3, abs=1e-3)  # so the map is exact


@pytest.mark.parametrize("shape", [(40, 52, 3), (43, 39, 3), (38, 64, 3)])
def test_the_books_own_convnet_runs_as_in_keras(call, shape):
    model, packed = small_convnet()
    image = noise(*shape)
    found = call(LOOK, packed, picture_of(image))
    rounded = photo_network.unpack(packed)
    expected = rounded.predict(image[np.newaxis], verbose=0)[0]
    np.testing.assert_allclose(found["probabilities"], expected, rtol=1e-4, atol=1e-6)
    assert read(packed)[0]["names"] == ["cat", "dog"]
    if shape == (40, 52, 3):  # the only size that the model itself takes
        probability = model.predict(image[np.newaxis], verbose=0)[0, 0]
        assert found["probabilities"] == pytest.approx([1 - probability, probability], abs=0.02)
        exact, _ = read(packed)
        assert [layer["pool"] for layer in exact["layers"]] == [2, 2, 1, 1]


def test_unpacked_the_base_is_what_keras_computes_with_the_same_weights():
    classifier = build_classifier()
    packed = photo_network.pack(classifier, list("abcdefg"), STAGES)
    rounded = with_packed_weights(classifier, packed)
    image = noise(1, 37, 50, 3)
    converter = classifier.preprocessor.image_converter
    features = rounded.backbone(image * np.float32(converter.scale) + np.float32(converter.offset), training=False)
    expected = rounded.output_dense(np.asarray(features).mean(axis=(1, 2)))
    found = photo_network.unpack(packed).predict(image, verbose=0)
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-3, atol=1e-5)


def test_what_is_answered_with_a_part_of_a_photo_covered(call):
    _, packed = small_convnet()
    network, image = photo_network.unpack(packed), noise(40, 38, 3)

    code = "a.values = Float32Array.from(a.values); return math.cover(network, a, b[0], b[1], b[2]);"
    slices = [slice(0, 19), slice(0, 29), slice(10, 38), slice(19, 38)]  # a quarter of the columns is 9.5
    for row, rows in [(0, slice(0, 20)), (2, slice(10, 40))]:
        found, covered = call(code, packed, picture_of(image), [0, 4, row]), np.stack([image] * 4).astype("float32")
        for picture, columns in zip(covered, slices, strict=True):
            picture[rows, columns] = image.mean(axis=(0, 1))
        np.testing.assert_allclose(found, network.predict(covered, verbose=0)[:, 0], atol=1e-5)


def test_packing_loses_less_than_half_a_step_of_each_number():
    classifier = build_classifier()
    header, weights = read(photo_network.pack(classifier, list("abcdefg"), STAGES))
    assert header["names"] == list("abcdefg")
    assert [n for n, layer in enumerate(header["layers"]) if layer.get("add") is not None] == [
        2,
        8,
    ]  # the ends of blocks
    stem, norm = (classifier.backbone.get_layer(name) for name in ("stem_conv", "stem_bn"))
    gamma, beta, mean, variance = norm.get_weights()
    factor = gamma / np.sqrt(variance + norm.epsilon)
    expected = stem.get_weights()[0] * factor
    step = np.abs(expected).max(axis=(0, 1, 2)) / 127
    assert (np.abs(weights[0][0] - expected) <= step * 0.501).all()
    np.testing.assert_allclose(weights[0][1], beta - mean * factor, rtol=1e-4)  # a photo's mean is about 0


def test_what_rounding_adds_on_average_is_taken_off_the_bias():
    classifier = build_classifier()
    _, weights = read(photo_network.pack(classifier, list("abcdefg"), STAGES))
    get = classifier.backbone.get_layer
    gamma, beta, *_ = get("stem_bn").get_weights()
    inputs = np.clip(np.random.default_rng(0).normal(beta, gamma, (200_000, len(beta))), 0, 6).mean(axis=0)
    norm = get("block1a_dwconv_bn")
    gamma, beta, mean, variance = norm.get_weights()
    factor = gamma / np.sqrt(variance + norm.epsilon)
    rounding = weights[1][0] - get("block1a_dwconv").get_weights()[0][..., 0] * factor
    added = rounding.sum(axis=(0, 1)) * inputs
    assert np.abs(added).max() > 1e-3
    np.testing.assert_allclose(beta - mean * factor - weights[1][1], added, atol=0.03 * np.abs(added).max())


def test_what_the_page_cannot_run_is_refused():
    with pytest.raises(ValueError, match="There are 2 names for 7 classes"):
        photo_network.pack(build_classifier(), ["a", "b"], STAGES)
    with pytest.raises(ValueError, match=r"stem_activation is a Activation; .* only\."):
        photo_network.pack(build_classifier(activation="swish"), list("abcdefg"), STAGES)


@pytest.mark.parametrize("count", [1, 2, 15, 16, 4001])
def test_letters_give_back_the_bytes(call, count):
    content = np.random.default_rng(count).bytes(count)
    given = json.loads(photo_network.as_script(content).decode("utf-16").split("=")[1].rstrip(";\n"))
    assert bytes(call("return math.readLetters(a)", None, given)) == content


@pytest.mark.parametrize(("height", "width", "size"), [(40, 64, 32), (7, 5, 16), (100, 33, 24), (32, 32, 32)])
def test_photos_are_scaled_as_the_chapters_scale_them(call, height, width, size):
    image = noise(height, width, 3)
    data = np.dstack([image, np.full((height, width), 255)])
    given = {"height": height, "width": width, "data": data.ravel().tolist()}
    found = np.reshape(call("return math.scalePhoto(a, b).values", None, given, size), (size, size, 3))
    expected = np.asarray(tf.round(tf.image.resize(image, (size, size))))
    differs = found != expected
    assert np.abs(found - expected).max() <= 1  # float32 there, float64 here: a tie may fall to the other side
    assert differs.mean() < 0.005


# ---- the real network ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    """The classifier, the same with its rounded weights, and these as bytes."""
    classifier, rounded = (backbones.load_classifier("efficientnet_lite0_imagenet") for _ in range(2))
    packed = photo_network.packed_imagenet()
    return classifier, with_packed_weights(rounded, packed), packed


def test_the_file_is_small_enough_and_names_a_thousand_classes(real):
    *_, packed = real
    script = photo_network.as_script(packed)
    assert len(script) <= 4_900_000
    count, letters = json.loads(script.decode("utf-16").split("=", 1)[1].rstrip(";\n"))
    assert (count, len(letters)) == (len(packed), -(-8 * len(packed) // 15))
    names = read(packed)[0]["names"]
    assert len(names) == 1000
    assert (names[281], names[967]) == ("tabby", "espresso")


def test_the_site_makes_the_file_once_for_each_state_of_its_code(tmp_path, monkeypatch):
    import convbook_site

    made = []
    name = "efficientnet_lite0"
    monkeypatch.setitem(photo_network.PACKED, name, lambda: made.append(1) or b"weights")
    first = convbook_site.kept_photo_network(tmp_path / "kept", name)
    assert first == convbook_site.kept_photo_network(tmp_path / "kept", name)
    assert first.read_bytes() == photo_network.as_script(b"weights")
    monkeypatch.setattr(convbook_site, "version", lambda name: "another")
    assert convbook_site.kept_photo_network(tmp_path / "kept", name) != first
    assert len(made) == 2
    assert len(list(first.parent.iterdir())) == 2


def test_the_real_network_answers_as_in_keras(call, real):
    from convbook.photos import load_sample_picture

    _, rounded, packed = real
    compare(call, rounded, packed, load_sample_picture()[100:228, 120:280])


def read_photos(part, count):
    """So many photos of each class at 224 px, as the chapters feed them, with their labels."""
    paths = [path for name in ("cat", "dog") for path in sorted((PHOTOS / part / name).iterdir())[:count]]
    images = [tf.image.resize(tf.io.decode_jpeg(path.read_bytes(), 3), (224, 224)) for path in paths]
    return np.stack([tf.round(image) for image in images]), np.repeat([0, 1], count)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="CONVBOOK_SHARED names no folder with photos")
def test_whole_numbers_lose_next_to_nothing_on_photos(real):
    exact, rounded, _ = real

    def look(classifier, images):
        inputs = classifier.preprocessor.image_converter(images)
        pooled = keras.layers.GlobalAveragePooling2D()(classifier.backbone.output)
        features = keras.Model(classifier.backbone.input, pooled).predict(inputs, batch_size=20, verbose=0)
        return features, classifier.output_dense(features).numpy().argmax(axis=1)

    (train, labels), (test, expected) = read_photos("train", 60), read_photos("test", 100)
    accuracies, found = [], []
    for classifier in (exact, rounded):
        features, classes = look(classifier, np.concatenate([train, test]))
        found.append((features, classes))
        probe = LogisticRegression(max_iter=1000).fit(features[: len(train)], labels)
        accuracies.append(probe.score(features[len(train) :], expected))
    (one, first), (other, second) = found
    cosines = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    print(f"cosine {cosines.min():.4f} to {cosines.mean():.4f}, agreement {np.mean(first == second):.3f}, {accuracies}")
    assert cosines.min() >= 0.98
    assert np.mean(first == second) >= 0.95
    assert accuracies[1] == pytest.approx(accuracies[0], abs=0.01)


def test_the_books_own_network_is_small_and_says_how_good_it_is():
    log = photo_network.read_training_log()
    assert photo_network.OWN_FILE.stat().st_size <= 300_000
    assert log["photos"] == {"train": 2000, "validation": 1000, "test": 2000}
    assert log["test_accuracy"]["int8"] == pytest.approx(log["test_accuracy"]["float32"], abs=0.01)
    assert log["test_accuracy"]["int8"] > 0.8
    assert json.loads(json.dumps(photo_pretraining.RECIPE)) == log["recipe"]
    assert (log["size_px"], log["seed"]) == (photo_pretraining.SIZE_PX, photo_pretraining.SEED)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="CONVBOOK_SHARED names no folder with photos")
def test_the_books_own_network_is_as_good_as_its_record_says():
    log, network = photo_network.read_training_log(), photo_network.unpack(photo_network.packed_own())
    images, labels = pipelines.load_arrays(PHOTOS / "test", log["size_px"])
    right = network.predict(images, batch_size=250, verbose=0).argmax(axis=1) == labels
    assert np.mean(right) == pytest.approx(log["test_accuracy"]["int8"], abs=0.003)


def test_the_command_trains_our_network_on_all_photos_and_writes_one_file(tmp_path, monkeypatch):
    rng, said = np.random.default_rng(0), []
    parts = {
        part: (rng.integers(0, 256, (count, 76, 76, 3)).astype("uint8"), np.arange(count) % 2)
        for part, count in (("train", 8), ("validation", 4), ("test", 6))
    }
    monkeypatch.setattr(photo_pretraining, "all_photos", lambda size_px: parts)
    recipe = photo_pretraining.RECIPE | {"epochs": 2, "rising_updates": 1}
    log = photo_pretraining.pretrain(tmp_path / "own.json", recipe, 76, said.append)
    written = json.loads((tmp_path / "own.json").read_text(encoding="utf-8"))
    network = photo_network.unpack(base64.b64decode(written.pop("network")))
    assert written == json.loads(json.dumps(log))
    assert log["photos"] == {"train": 8, "validation": 4, "test": 6}
    images, labels = parts["test"]
    right = (network.predict(images, verbose=0).argmax(axis=1) == labels).mean()
    assert log["test_accuracy"]["int8"] == pytest.approx(right)
    assert said[-1].startswith(f"Right of 6 test photos: {right:.3f}. Wrote")
    asked = []
    monkeypatch.setattr(photo_pretraining, "pretrain", asked.append)
    assert commands.main(["pretrain", "cats_and_dogs"]) == 0
    assert commands.main(["pretrain", "cats_and_dogs", "--folder", str(tmp_path)]) == 0
    assert asked == [photo_network.OWN_FILE, tmp_path / "cats_and_dogs.json"]


# ---- in a page -----------------------------------------------------------------------------------------------------


class Probe(PhotoFigure):
    """A figure that keeps the network and the photos that it is given where a test finds them."""

    alternative = "The network, and what was given to it."
    _esm = base.join_modules(
        """import { liveFigure } from "./base.js";
import { createPhotoInput } from "./photo_input.js";
import { createPhotoNetwork } from "./photo_network.js";
export default liveFigure("probe", [], (frame) => {
  window.network = createPhotoNetwork(frame);
  const [photos, refused] = [(window.photos = []), (window.refused = [])];
  const options = { label: "Your photos…", most: () => window.most ?? 200 };
  const input = createPhotoInput(frame, {
    ...options,
    onPhoto: (photo, note) => photos.push({ ...photo, data: [...photo.data], note }),
    onRefused: (sentence) => refused.push(sentence),
  });
  frame.el.append(input.element);
  return () => undefined;
});
"""
    )


ASK = """async () => {
  const shares = [];
  const { names } = await network.load((share) => shares.push(share));
  const photo = { height: 2, width: 3, data: Uint8ClampedArray.from({ length: 24 }, (_, n) => 9 * n) };
  const { features, probabilities, last, milliseconds } = await network.look(photo, 32);
  const [where] = await network.locate(last, [3]);
  return { names, shares, features: [...features], probabilities: [...probabilities], where: [...where], milliseconds };
}"""


@pytest.mark.parametrize("from_server", [True, False], ids=["http", "file"])
def test_the_network_comes_from_the_site_when_it_is_asked_for_and_once(browser, tmp_path, serve, call, from_server):
    with open_figure(browser, tmp_path, Probe(), serve=serve if from_server else None) as page:
        page.wait_for_timeout(200)
        assert len(page.requests) == 1  # the page alone
        found = page.evaluate(ASK)
        page.evaluate(ASK)
        assert [url.rpartition("/")[2] for url in page.requests[1:]] == [CODE]
        assert page.complaints == []
    assert found["names"][999] == "class 999"
    assert found["shares"][-1] == 1
    assert found["milliseconds"] > 0
    assert sum(found["probabilities"]) == pytest.approx(1)
    image = np.arange(24).reshape(2, 3, 4)[..., :3] * 9
    picture = picture_of(np.asarray(tf.round(tf.image.resize(image, (32, 32)))))
    expected = call(LOOK, small_network(), picture)
    np.testing.assert_allclose(found["features"], expected["features"], rtol=1e-5, atol=1e-6)
    assert len(found["where"]) == 4 * 4


REASON = "(task) => task().then(() => 'no error', (error) => error.message)"
LOAD = f"() => ({REASON})(() => network.load())"


@pytest.mark.parametrize("from_server", [True, False], ids=["http", "file"])
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda script: b"", "cannot be loaded; check that you are connected, and try again."),
        (
            lambda script: script[:-4000],
            "is cut off or of another version of the book; reload the page",
        ),
        (lambda script: photo_network.as_script(b"nonsense"), "is cut off or of another version"),
        (lambda script: b"globalThis.somethingElse = 1;", "is cut off or of another version"),
    ],
    ids=["missing", "cut off", "no network", "another script"],
)
def test_a_file_that_is_missing_or_broken_is_told_and_can_be_tried_again(
    browser, tmp_path, serve, from_server, spoil, sentence
):
    whole = photo_network.as_script(small_network())
    server = serve if from_server else None
    with open_figure(browser, tmp_path, Probe(), script=spoil(whole), serve=server) as page:
        file = tmp_path / "_static" / CODE
        if file.exists():  # of no age, or the browser may keep it for a tenth of that
            os.utime(file, (time.time() + 60,) * 2)
        assert sentence in page.evaluate(LOAD)
        file.write_bytes(whole)
        os.utime(file, (time.time() + 120,) * 2)  # a server compares whole seconds: it must see that the file is new
        assert page.evaluate(LOAD) == "no error"


DYING = """window.Worker = class extends Worker {
  postMessage(message) {
    if (message.task === window.deadly) this.onerror(new ErrorEvent("error"));
    else super.postMessage(message);
  }
};"""


@pytest.mark.parametrize("task", ["load", "look"])
def test_a_worker_that_dies_is_told_and_the_next_one_answers(browser, tmp_path, task):
    with open_figure(browser, tmp_path, Probe(), init=DYING) as page:
        page.evaluate(f"window.deadly = '{task}'")
        assert "has stopped, maybe for lack of memory; try again" in page.evaluate(f"() => ({REASON})({ASK})")
        page.evaluate("window.deadly = ''")
        assert page.evaluate(ASK)["names"]


def test_in_a_notebook_the_kernel_sends_the_network_in_pieces(monkeypatch):
    sent, figure = [], Probe()
    monkeypatch.setattr(figure, "send", lambda content, buffers=None: sent.append((content, buffers)))
    name = "efficientnet_lite0"
    asked = {"kind": "photo network", "name": name}
    monkeypatch.setitem(photo_network.PACKED, name, lambda: bytes(range(256)) * 10_000)
    figure._handle_custom_msg({"kind": "another"}, [])
    assert sent == []
    figure._handle_custom_msg(asked, [])
    assert [content for content, _ in sent] == [asked | {"piece": n, "of": 3} for n in range(3)]
    assert b"".join(buffers[0] for _, buffers in sent) == bytes(range(256)) * 10_000
    sent.clear()

    def fail():
        raise FileNotFoundError("The weights are not installed: pip install brings them.")

    monkeypatch.setitem(photo_network.PACKED, name, fail)
    figure._handle_custom_msg(asked, [])
    assert sent[0][0]["error"] == "The weights are not installed: pip install brings them."


def test_a_real_kernel_answers_by_the_channel_of_the_widget(tmp_path):
    """As a page in Jupyter asks: the widget opens its channel, and what is sent to it comes back in pieces."""
    with jupyter_client.run_kernel(cwd=tmp_path) as client:
        client.execute("from convbook.figures import YourPhoto; YourPhoto(from_scratch=True)")
        said = messages_until_idle(client)
        models = [message["content"] for message in said if message["msg_type"] == "comm_open"]
        [widget] = [each for each in models if each["data"]["state"].get("_model_name") == "AnyModel"]
        assert "createPhotoNetwork" in widget["data"]["state"]["_esm"]
        asked = {"kind": "photo network", "name": "cats_and_dogs"}
        content = {"comm_id": widget["comm_id"], "data": {"method": "custom", "content": asked}}
        client.shell_channel.send(client.session.msg("comm_msg", content))
        answers = [message for message in messages_until_idle(client) if message["msg_type"] == "comm_msg"]
    assert [each["content"]["data"]["content"] for each in answers] == [asked | {"piece": 0, "of": 1}]
    assert bytes(answers[0]["buffers"][0]) == photo_network.packed_own()


def messages_until_idle(client):
    """What a kernel says until it has done what it was asked."""
    while (message := client.get_iopub_msg(timeout=120))["content"].get("execution_state") != "idle":
        assert message["msg_type"] != "error", message["content"]
        yield message


KERNEL = """async ([source, packed]) => {
  const listeners = new Set();
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const cut = [0, 1].map((n) => bytes.slice(n * 5000, n ? undefined : 5000));
  const model = {
    get() {}, set() {}, save_changes() {},
    on: (event, listener) => event === "msg:custom" && listeners.add(listener),
    off: (event, listener) => listeners.delete(listener),
    send(message) {
      const answers = window.failing ? [[{ ...message, error: "It is not installed." }]]
        : [1, 0].map((piece) => [{ ...message, piece, of: 2 }, [new DataView(cut[piece].buffer)]]);
      setTimeout(() => answers.forEach((answer) => [...listeners].forEach((listener) => listener(...answer))));
    },
  };
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  await (await import(url)).default.render({ model, el: document.body });
}"""


def test_in_a_notebook_the_page_puts_the_pieces_together(browser):
    with contextlib.closing(browser.new_page()) as page:
        page.evaluate(KERNEL, [str(Probe()._esm), base64.b64encode(small_network()).decode()])
        page.evaluate("window.failing = true")
        assert page.evaluate(LOAD) == "It is not installed."
        page.evaluate("window.failing = false")
        assert page.evaluate(ASK)["names"][0] == "class 0"


# ---- photos from the reader ----------------------------------------------------------------------------------------


@pytest.fixture
def probe(browser, tmp_path):
    """A function that gives files to a figure; returns the photos that it took and the sentences of refusals."""
    with open_figure(browser, tmp_path, Probe()) as page:

        def give(*files, by=None):
            page.evaluate("photos.length = refused.length = 0")
            by(page, *files) if by else page.locator("input[multiple]").set_input_files(list(files))
            page.wait_for_function("photos.length + refused.length > 0")
            page.wait_for_timeout(150)
            return page.evaluate("[photos, refused]")

        give.page = page
        yield give
        assert page.complaints == []


def pixels(photo):
    return np.reshape(photo["data"], (photo["height"], photo["width"], 4))


def test_a_photo_is_taken_pixel_by_pixel_however_it_comes(probe):
    image = noise(20, 30, 3)
    ways = [None, drop, functools.partial(drop, event="paste")]
    for by in ways:
        [photo], refused = probe(photo_file(image, name="mine.png"), by=by)
        assert (photo["name"], photo["note"], refused) == ("mine.png", "", [])
        np.testing.assert_array_equal(pixels(photo)[..., :3], image)


def test_a_photo_is_put_upright_and_made_small(probe):
    image = Image.new("RGB", (1600, 800), "white")
    image.paste("red", (0, 0, 400, 800))  # the camera's left, which lies at the top when it is turned right
    exif = Image.Exif()
    exif[0x0112] = 6
    [photo], _ = probe(photo_file(image, "JPEG", exif=exif))
    assert (photo["height"], photo["width"]) == (512, 256)
    top, bottom = pixels(photo)[10, 128], pixels(photo)[500, 128]
    assert top[1] < 20 < 235 < bottom[1]


def test_what_is_no_photo_for_the_page_is_refused_in_a_sentence(probe):
    heic = {"name": "a.heic", "mimeType": "image/heic", "buffer": b"\0\0\0\x18ftypheic" + bytes(40)}
    text = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"This is no photo."}
    cut = {**noise_photo(name="a.png"), "buffer": noise_photo()["buffer"][:20]}
    huge = photo_file(Image.new("1", (8000, 5001)), name="a.png")
    cases = [
        (heic, r"a.heic is in the form HEIC, which this browser cannot read; save it as JPEG\."),
        (text, r"a.txt is no photo that this browser can read; give a JPEG, PNG or WebP file\."),
        (cut, r"a.png is no photo that this browser can read; give .*\."),
        (noise_photo(3, 3, name="a.png"), r"a.png has 3 × 3 px; give a photo of at least 8 px a side\."),
        (huge, r"a.png has 8000 × 5001 px; give one of at most 40 megapixels, or make it smaller first\."),
    ]
    for file, sentence in cases:
        photos, [refused] = probe(file)
        assert photos == []
        assert re.fullmatch(sentence, refused), refused
    assert probe(by=drop)[1] == ["There is no photo in it; give the file of one from this device."]


def test_what_was_changed_is_said(probe):
    frames = [Image.new("RGB", (20, 16), color) for color in ("red", "blue")]
    for form in ("GIF", "WEBP", "PNG"):
        options = {"save_all": True, "append_images": frames[1:], "duration": 200, "lossless": True}
        [photo], _ = probe(photo_file(frames[0], form, name="a", **options))
        assert photo["note"] == "a is animated; its first picture is taken."
        assert pixels(photo)[3, 4, 0] > 250 > 5 > pixels(photo)[3, 4, 2]
        [photo], _ = probe(photo_file(frames[0], form, name="a"))
        assert photo["note"] == ""
    [photo], _ = probe(photo_file(Image.new("RGBA", (20, 16), (255, 0, 0, 0)), name="a"))
    assert photo["note"] == "a is partly transparent; it is shown on white."
    assert (pixels(photo) == 255).all()


def test_of_too_many_photos_the_first_are_taken(probe):
    probe.page.evaluate("window.most = 3")
    files = [noise_photo(seed=n, name=f"{n}.png") for n in range(200)]
    photos, refused = probe(*files)
    assert [photo["name"] for photo in photos] == ["0.png", "1.png", "2.png"]
    assert refused == ["You gave 200 photos, and the first 3 are taken."]
    probe.page.evaluate("window.most = 0")
    assert probe(files[0]) == [[], ["There is no room for more photos; take one out first."]]
