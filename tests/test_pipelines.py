"""Tests of the pipelines: the same pictures as Keras reads, each once an epoch, in the order that was asked for."""

import contextlib
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from convbook import pipelines

COUNTS = {"cat": 7, "dog": 6}
SIZE_PX = 24


def random_picture(rng, height, width):
    """A picture with soft shapes: coarse noise, enlarged."""
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Class folders of JPEG and PNG files of many shapes and kinds; nobody may change them."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name, count in COUNTS.items():
        (folder / name).mkdir()
        for number in range(count):
            picture = random_picture(rng, height=int(rng.integers(16, 120)), width=int(rng.integers(16, 120)))
            picture.save(folder / name / f"{number}.{('jpg', 'JPEG', 'png')[number % 3]}")
    random_picture(rng, 40, 50).convert("L").save(folder / "cat" / "grey.jpg")
    random_picture(rng, 40, 50).convert("RGBA").save(folder / "dog" / "transparent.png")
    random_picture(rng, 40, 50).save(folder / "dog" / "png_in_truth.jpg", format="PNG")
    (folder / "dog" / "notes.txt").write_text("no picture")
    (folder / "dog" / "._1.jpg").write_text("what another system leaves behind")
    (folder / ".hidden").mkdir()
    return folder


@pytest.fixture
def folder(original, tmp_path):
    """A copy of the class folders that a test may change."""
    return Path(shutil.copytree(original, tmp_path / "pictures"))


def as_keras_reads(folder, **arguments):
    """The oracle: what Keras's own function makes of the folder."""
    return keras.utils.image_dataset_from_directory(
        folder, label_mode="binary", image_size=(SIZE_PX, SIZE_PX), verbose=False, **arguments
    )


def epoch(dataset):
    """All images and labels of one epoch, as NumPy arrays."""
    images, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def numbered(count, height=3, width=2):
    """Pictures that show their own number, and their numbers modulo 2 as labels."""
    images = np.zeros((count, height, width, 3), np.uint8) + np.arange(count, dtype=np.uint8)[:, None, None, None]
    return images, np.arange(count) % 2


def order(dataset):
    """The numbers of `numbered` pictures in the order in which an epoch brings them."""
    return epoch(dataset)[0][:, 0, 0, 0].astype(int).tolist()


@pytest.mark.parametrize("cache", [True, False])
def test_pictures_and_labels_are_those_that_keras_reads(folder, cache):
    (folder / "dog" / "._1.jpg").unlink()  # Keras would take it for a picture
    ours = pipelines.from_folder(folder, SIZE_PX, batch_size=4, cache=cache)
    theirs = as_keras_reads(folder, batch_size=4, shuffle=False)
    assert ours.element_spec == theirs.element_spec
    assert ours.class_names == theirs.class_names == ["cat", "dog"]
    batches = list(zip(ours, theirs, strict=True))
    assert [len(images) for (images, _), _ in batches] == [4, 4, 4, 4]
    for (images, labels), (expected_images, expected_labels) in batches:
        np.testing.assert_allclose(images, expected_images, atol=0.5 + 1e-4)
        np.testing.assert_array_equal(labels, expected_labels)


def test_arrays_are_what_the_dataset_gives(original):
    images, labels = pipelines.load_arrays(original, SIZE_PX)
    assert (images.shape, images.dtype) == ((16, SIZE_PX, SIZE_PX, 3), np.uint8)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0] * 8 + [1] * 8
    for cache in (True, False):
        epoch_images, epoch_labels = epoch(pipelines.from_folder(original, SIZE_PX, cache=cache))
        np.testing.assert_array_equal(epoch_images, images)
        np.testing.assert_array_equal(epoch_labels, labels[:, None])


def test_progress_is_shown_when_asked(original, capfd):
    pipelines.load_arrays(original, 4)
    assert "Decoding" not in capfd.readouterr().err
    pipelines.load_arrays(original, 4, progress=True)
    assert "Decoding: 100%" in capfd.readouterr().err


def test_the_last_batch_may_be_smaller_and_the_length_is_known(original):
    images, labels = numbered(7)
    for dataset, sizes in [
        (pipelines.from_arrays(images, labels, batch_size=3), [3, 3, 1]),
        (pipelines.from_arrays(images, labels, batch_size=9), [7]),
        (pipelines.from_folder(original, 8, batch_size=5), [5, 5, 5, 1]),
        (pipelines.from_folder(original, 8, batch_size=5, cache=False), [5, 5, 5, 1]),
    ]:
        assert [(image.shape[0], label.shape[0]) for image, label in dataset] == [(size, size) for size in sizes]
        assert len(dataset) == len(sizes)


def test_without_shuffling_pictures_keep_their_order_in_every_epoch():
    images, labels = numbered(50)
    dataset = pipelines.from_arrays(images, labels, batch_size=4)
    images[:], labels[:] = 99, 1  # later changes of the arrays do not reach the dataset
    assert order(dataset) == order(dataset) == list(range(50))
    assert epoch(dataset)[1].ravel().tolist() == [0, 1] * 25


@pytest.mark.parametrize("augmentation", [None, lambda images: 2 * images + 1])
def test_shuffling_brings_each_picture_once_an_epoch_with_its_label(augmentation):
    dataset = pipelines.from_arrays(*numbered(100), batch_size=8, shuffle=True, augmentation=augmentation)
    next(iter(dataset))  # a glance at one batch costs no picture
    for _ in range(3):
        images, labels = epoch(dataset)
        numbers = images[:, 0, 0, 0].astype(int) if augmentation is None else (images[:, 0, 0, 0].astype(int) - 1) // 2
        assert sorted(numbers) == list(range(100))
        assert labels[:, 0].tolist() == (numbers % 2).tolist()


def test_shuffling_mixes_the_whole_set():
    # With a buffer of a few batches, the last twenty could hardly come in the first half; ten of them should.
    for seed in range(5):
        first_half = order(pipelines.from_arrays(*numbered(200), 4, shuffle=True, seed=seed))[:100]
        assert 4 <= sum(number >= 180 for number in first_half) <= 16


def test_the_order_differs_from_epoch_to_epoch_and_comes_again_with_the_seed():
    first, again, other = (
        pipelines.from_arrays(*numbered(60), batch_size=8, shuffle=True, seed=seed) for seed in (3, 3, 4)
    )
    epochs = [order(first) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert [order(again) for _ in range(3)] == epochs
    assert order(other) != epochs[0]


def test_a_folder_gives_the_same_order_with_a_cache_and_without(folder):
    cached, uncached = (
        pipelines.from_folder(folder, 8, batch_size=3, shuffle=True, seed=5, cache=cache) for cache in (True, False)
    )
    for _ in range(2):
        for ours, theirs in zip(epoch(cached), epoch(uncached), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("cache", [True, False])
def test_files_are_read_once_with_a_cache_and_in_every_epoch_without(folder, cache):
    dataset = pipelines.from_folder(folder, SIZE_PX, batch_size=4, cache=cache)
    first, _ = epoch(dataset)
    shutil.rmtree(folder)
    with contextlib.nullcontext() if cache else pytest.raises(tf.errors.NotFoundError):
        np.testing.assert_array_equal(epoch(dataset)[0], first)


def test_no_tuner_delays_the_end_of_an_epoch(original):
    datasets = [pipelines.from_folder(original, 8, cache=cache) for cache in (True, False)]
    for dataset in (*datasets, pipelines.from_arrays(*numbered(4))):
        assert dataset.options().autotune.enabled is False


def test_pictures_wait_in_memory_as_uint8(original, monkeypatch):
    kept = []
    constant = tf.constant
    monkeypatch.setattr(tf, "constant", lambda value: kept.append((value.dtype.name, value.nbytes)) or constant(value))
    pipelines.from_folder(original, 10)
    assert kept == [("uint8", 16 * 10 * 10 * 3), ("float32", 16 * 4)]


def test_pictures_of_other_types_and_lists_of_labels_are_taken():
    images = np.random.default_rng(0).uniform(0, 255, (5, 4, 3, 1))
    dataset = pipelines.from_arrays(images, [True, False, True, False, True], batch_size=2)
    assert dataset.element_spec[0] == tf.TensorSpec((None, 4, 3, 1), tf.float32)
    assert dataset.element_spec[1] == tf.TensorSpec((None, 1), tf.float32)
    np.testing.assert_allclose(epoch(dataset)[0], images, rtol=1e-6)
    assert epoch(dataset)[1].ravel().tolist() == [1, 0, 1, 0, 1]


@pytest.mark.parametrize("cache", [True, False])
def test_augmentation_is_drawn_anew_in_each_epoch_and_never_cached(original, cache):
    keras.utils.set_random_seed(0)  # as a chapter does: random layers still go on from epoch to epoch
    plain, _ = epoch(pipelines.from_folder(original, SIZE_PX, cache=cache))
    noise = keras.layers.GaussianNoise(0.1)
    dataset = pipelines.from_folder(original, SIZE_PX, cache=cache, augmentation=noise)
    first, second = epoch(dataset)[0], epoch(dataset)[0]
    assert (first != second).any(axis=(1, 2, 3)).all()
    for images in (first, second):
        np.testing.assert_allclose(images, plain, atol=1)
        assert (images != plain).any(axis=(1, 2, 3)).all()


def test_keras_layers_are_called_for_training():
    # Outside of training, dropout lets everything pass.
    dataset = pipelines.from_arrays(np.full((8, 5, 4, 3), 100.0), np.zeros(8), augmentation=keras.layers.Dropout(0.5))
    values, counts = np.unique(epoch(dataset)[0], return_counts=True)
    assert values.tolist() == [0, 200]
    assert counts.min() > 180  # of 480


def test_shuffled_and_augmented_epochs_come_again_with_the_seed():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (64, 12, 10, 3), dtype=np.uint8), np.arange(64) % 2

    def two_epochs():
        layers = [keras.layers.RandomFlip(seed=1), keras.layers.RandomRotation(0.1, seed=2)]
        dataset = pipelines.from_arrays(images, labels, 2, True, seed=3, augmentation=keras.Sequential(layers))
        return [epoch(dataset)[0] for _ in range(2)]

    first, again = two_epochs(), two_epochs()
    np.testing.assert_array_equal(first, again)
    assert (first[0] != first[1]).any()


@pytest.mark.parametrize("cache", [True, False])
def test_missing_folders_and_classes_and_empty_ones_are_refused_with_what_is_expected(folder, cache):
    def refused(kind, message, path=folder):
        with pytest.raises(kind, match=message):
            pipelines.from_folder(path, 8, cache=cache)

    expected = "it should hold one folder per class"
    refused(FileNotFoundError, rf"no folder .*nowhere; {expected}.*train/cat", folder / "nowhere")
    refused(ValueError, f"cat holds no folders; {expected}", folder / "cat")
    shutil.move(folder / "dog", folder.parent / "dog")
    refused(ValueError, f"holds only the folder cat; {expected}")
    (folder / "dog").mkdir()
    (folder / "dog" / "notes.txt").write_text("no picture")
    refused(ValueError, r"dog holds no pictures.*\.jpeg, \.jpg, \.png.*take the folder away\.$")


def test_the_folder_above_the_split_is_refused_with_a_hint(folder, tmp_path):
    for name in ("test", "train"):
        shutil.copytree(folder, tmp_path / "split" / name)
    with pytest.raises(ValueError, match=r"test holds no pictures.*cat, dog look like classes: did you mean .*test\?"):
        pipelines.load_arrays(tmp_path / "split", 8)


@pytest.mark.parametrize("damage", ["empty", "page", "half", "link"])
@pytest.mark.parametrize("name", ["cat/3.jpg", "dog/2.png"])
def test_a_broken_picture_is_named(folder, damage, name):
    path, whole = folder / name, (folder / name).read_bytes()
    if damage == "link":
        path.unlink()
        path.symlink_to(folder / "nowhere.png")
    else:
        path.write_bytes({"empty": b"", "page": b"<html>Not found</html>", "half": whole[: len(whole) // 2]}[damage])
    for load, options in (
        (pipelines.load_arrays, {}),
        (pipelines.from_folder, {}),
        (pipelines.from_folder, {"cache": False, "shuffle": True}),
    ):
        with pytest.raises(ValueError, match=rf"{name} cannot be read as a picture; take it away, or replace it"):
            load(folder, 8, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, r"batch_size.*at least 1, got 0"),
        ({"batch_size": None}, r"batch_size.*got None"),
        ({"seed": "1"}, r"seed.*at least 0, got '1'"),
        ({"augmentation": [keras.layers.Rescaling]}, r"augmentation is a list; give a keras layer.*Sequential"),
        *[
            ({"size_px": size_px}, "size_px must be a whole number of at least 1, got")
            for size_px in (0, -1, 2.5, "64", (8, 8), None, True)
        ],
    ],
)
def test_impossible_steps_are_refused(original, arguments, message):
    for cache in (True, False):
        with pytest.raises(ValueError, match=message):
            pipelines.from_folder(original, **{"size_px": 8, "cache": cache} | arguments)
    if "size_px" not in arguments:
        with pytest.raises(ValueError, match=message):
            pipelines.from_arrays(*numbered(4), **arguments)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((4, 5, 3)), [0, 1, 0, 1], r"\(n, height, width, channels\), got \(4, 5, 3\).*image\[None\]"),
        (np.zeros((4, 5, 5, 3)), np.zeros((4, 1)), r"labels.*\(n,\), got \(4, 1\).*np\.ravel"),
        (np.zeros((4, 5, 5, 3)), [0, 1, 0], r"4 images but 3 labels"),
        (np.zeros((0, 5, 5, 3)), [], r"no pictures"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(images, labels, message):
    with pytest.raises(ValueError, match=message):
        pipelines.from_arrays(images, labels)
