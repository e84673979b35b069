"""Tests of recording: what a record on disk holds, and which backbones, pictures and records are refused."""

import json

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from convbook import backbones, pipelines
from convbook.recording import extract_features


def convolution(filters, kernel_size=3, **settings):
    return keras.layers.Conv2D(filters, kernel_size, padding="same", **settings)


@pytest.fixture
def base():
    """A base for pictures of any size; run eagerly, as tracing it takes longer than all its batches."""
    keras.utils.set_random_seed(1000)
    tf.config.run_functions_eagerly(True)
    image = keras.Input((None, None, 3))
    yield keras.Model(image, convolution(6, name="last_conv")(convolution(4, name="first_conv")(image)), name="base")
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def batches():
    rng = np.random.default_rng(1000)
    images = rng.normal(size=(7, 10, 8, 3)).astype("float32")
    labels = np.array([[0], [1], [1], [0], [1], [0], [0]], "float32")
    return [(images[start : start + 3], labels[start : start + 3]) for start in (0, 3, 6)]


class Breaking(list):
    """Batches that end before the last while the backbone runs over them, which is the third time they are taken."""

    taken, error = 0, None

    def __iter__(self):
        self.taken += 1
        yield from self[:2]
        if self.taken < 3:
            yield self[2]
        elif self.error:
            raise self.error


def extract(base, batches, folder, **settings):
    return extract_features(base, batches, folder, progress=False, **settings)


def refuses(message, base, batches, folder, **settings):
    with pytest.raises(ValueError, match=message):
        extract(base, batches, folder, **settings)


def test_recorded_features_are_what_the_base_gives(base, batches, tmp_path):
    record = extract(base, batches, tmp_path / "train")
    expected = np.concatenate([np.asarray(base(images, training=False)) for images, _ in batches])
    assert record.features.shape == (7, 10, 8, 6)
    assert record.features.dtype == np.float32
    np.testing.assert_allclose(record.features, expected, rtol=1e-4, atol=1e-5)
    assert record.labels.ravel().tolist() == [0, 1, 1, 0, 1, 0, 0]
    assert record.labels.shape == (7, 1)
    assert not record.features.flags.writeable
    assert not record.labels.flags.writeable
    assert record.seconds > 0
    assert sorted(path.name for path in (tmp_path / "train").iterdir()) == ["features.npy", "labels.npy", "record.json"]


def test_a_record_that_is_there_is_read_and_not_computed_again(base, batches, tmp_path):
    record = extract(base, batches, tmp_path)
    stamp = (tmp_path / "features.npy").stat().st_mtime_ns
    again = extract(base, batches, tmp_path)
    assert (tmp_path / "features.npy").stat().st_mtime_ns == stamp
    np.testing.assert_array_equal(again.features, record.features)
    np.testing.assert_array_equal(np.load(tmp_path / "features.npy"), record.features)
    assert (again.backbone, again.seconds, again.folder) == ("base", record.seconds, tmp_path)
    assert "features (7, 10, 8, 6) float32, labels (7, 1) float32" in repr(again)


def test_float16_takes_half_and_is_stated(base, batches, tmp_path):
    record = extract(base, batches, tmp_path, dtype="float16")
    assert record.features.dtype == np.float16
    assert record.features.nbytes == 7 * 10 * 8 * 6 * 2
    assert json.loads((tmp_path / "record.json").read_text())["dtype"] == "float16"
    np.testing.assert_allclose(record.features[:3], base.predict(batches[0][0], verbose=0), rtol=2e-3, atol=2e-3)


def test_a_dataset_of_the_pipelines_is_recorded_with_its_converter(tmp_path):
    backbone, converter = backbones.load("drawn_world")
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 48, 3), dtype=np.uint8)
    dataset = pipelines.from_arrays(images, [0, 1, 0, 1, 1], batch_size=2)
    record = extract(keras.Sequential([converter, backbone]), dataset, tmp_path)
    expected = backbone.predict(converter(images.astype("float32")), verbose=0)
    np.testing.assert_allclose(record.features, expected, rtol=1e-3, atol=1e-4)


def test_a_record_that_was_stopped_is_made_anew_and_half_of_it_never_read(base, batches, tmp_path):
    breaking = Breaking(batches)
    breaking.error = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        extract(base, breaking, tmp_path / "train")
    assert list(tmp_path.iterdir()) == []
    # A run that was killed could not even clean up.
    (tmp_path / "train.partial").mkdir()
    np.save(tmp_path / "train.partial" / "features.npy", np.zeros((7, 10, 8, 6), "float32"))
    record = extract(base, batches, tmp_path / "train")
    np.testing.assert_allclose(record.features[:3], base.predict(batches[0][0], verbose=0), rtol=1e-4, atol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_a_folder_with_other_files_is_refused_and_left_alone(base, batches, tmp_path):
    np.save(tmp_path / "features.npy", [1, 2, 3])
    refuses("no complete record: give another folder, or delete this one", base, batches, tmp_path)
    assert np.load(tmp_path / "features.npy").tolist() == [1, 2, 3]


@pytest.mark.parametrize("other", ["weights", "dtype", "order", "later batch", "fewer", "converter"])
def test_a_record_of_something_else_is_refused(base, batches, tmp_path, other):
    extract(base, batches, tmp_path)
    settings, message = {}, "another one: it holds 3 batches.* others.*Give another folder, or delete this one"
    if other == "weights":
        base.get_layer("first_conv").bias.assign([0, 0, 0, 0.5])
        message = "a backbone with other weights, base"
    elif other == "dtype":
        settings, message = {"dtype": "float16"}, "it holds float32"
    elif other == "order":
        batches, message = batches[::-1], "the same in another order"
    elif other == "later batch":
        batches = [batches[0], (batches[1][0] + 1, batches[1][1]), batches[2]]
    elif other == "fewer":
        batches = batches[:1]
    else:
        base = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Rescaling(2.0), base], name="base")
        message = "other features for the first batch"
    refuses(message, base, batches, tmp_path, **settings)


def test_a_shuffled_dataset_a_generator_and_an_endless_one_are_refused(base, batches, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 10, 8, 3), dtype=np.uint8)
    dataset = pipelines.from_arrays(images, np.zeros(40), batch_size=20, shuffle=True, seed=1)
    refuses(r"others when they are taken again.*shuffle=False", base, dataset, tmp_path)
    refuses("others when they are taken again", base, Breaking(batches), tmp_path)
    refuses("generator, which cannot be gone through twice", base, iter(batch for batch in batches), tmp_path)
    refuses(r"never ends: leave out repeat\(\)", base, pipelines.from_arrays(images, np.zeros(40)).repeat(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not tmp_path.with_name(f"{tmp_path.name}.partial").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((2, 10, 8, 3)), "Batch 2 is not a pair"),
        ((np.zeros((0, 10, 8, 3), "float32"), np.zeros((0, 1), "float32")), r"Batch 2 has images of shape \(0, 10, 8"),
        ((np.zeros((2, 10, 8, 3), "float32"), np.zeros((3, 1), "float32")), "give images .* n labels, n at least 1"),
        ((np.zeros((2, 9, 8, 3), "float32"), np.zeros((2, 1), "float32")), r"\(9, 8, 3\).*resize all pictures to one"),
        ((np.zeros((2, 10, 8, 3), "float32"), np.zeros((2, 1), "int64")), "give all labels one dtype"),
        ((np.full((2, 10, 8, 3), np.nan, "float32"), np.zeros((2, 1), "float32")), "batch 2 hold nan"),
    ],
)
def test_impossible_batches_are_refused(base, batches, tmp_path, wrong, message):
    refuses(message, base, [batches[0], wrong], tmp_path)


def test_no_batches_unknown_dtypes_and_features_too_large_for_float16_are_refused(base, batches, tmp_path):
    refuses("no batches: give at least one pair", base, [], tmp_path)
    refuses("dtype='int8' is not possible: use 'float32' or 'float16'", base, batches, tmp_path, dtype="int8")
    base.get_layer("last_conv").bias.assign(np.full(6, 70000.0))
    refuses(r"which float16 cannot hold.*or use dtype='float32'", base, batches, tmp_path, dtype="float16")


def test_a_dense_head_a_pooling_and_float16_are_refused(batches, tmp_path):
    images, labels = np.zeros((2, 16, 12, 3), "float32"), np.zeros((2, 1), "float32")
    inner = keras.Sequential([keras.Input((16, 12, 3)), convolution(4)], name="inner")
    model = keras.Sequential([inner, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)])
    refuses(r"\(2, 1\), not feature maps.*model.get_layer\('inner'\)", model, [(images, labels)], tmp_path)
    for dtype in ("float16", "mixed_float16"):
        half = keras_hub.models.XceptionBackbone([[4]], [False], dtype=dtype)
        refuses(r"computes in float16.*dtype='float32'", half, batches, tmp_path)


def test_pictures_that_do_not_fit_the_base_are_refused_with_the_smallest_that_do(batches, tmp_path):
    xception = keras_hub.models.XceptionBackbone([[4, 6], [8, 8], [12]], [False, True, False], name="small")
    tiny = [(np.zeros((2, 4, 9, 3), "float32"), np.zeros((2, 1), "float32"))]
    refuses(r"4x9 pixels are too small for small.*resize them to at least 7x7", xception, tiny, tmp_path)
    with_converter = keras.Sequential([keras_hub.layers.XceptionImageConverter(scale=1 / 255), xception], name="both")
    refuses("too small for both", with_converter, tiny, tmp_path)
    seven = [(np.zeros((2, 7, 7, 3), "float32"), np.zeros((2, 1), "float32"))]
    assert 0 not in extract(xception, seven, tmp_path).features.shape
    fixed = keras.Sequential([keras.Input((16, 12, 3)), convolution(4)])
    refuses(r"\(16, 12, 3\), got \(10, 8, 3\): resize the pictures", fixed, batches, tmp_path)


@pytest.mark.parametrize("name", ["features.npy", "labels.npy", "record.json"])
def test_a_broken_record_is_refused(base, batches, tmp_path, name):
    extract(base, batches, tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-20])
    refuses(f"{name} in .* is broken or missing: delete the folder", base, batches, tmp_path)
