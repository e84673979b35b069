"""Tests of the pictures that experiments get: balanced, labelled, and other ones for each part and seed."""

import types

import numpy as np
import pytest
from PIL import Image

from convbook import drawings, photos
from convbook.experiments import data

FEW = {"train_pictures": 8, "validation_pictures": 3, "test_pictures": 4}


@pytest.mark.parametrize(
    ("kinds", "settings", "options"),
    [(drawings.PETS, FEW, {}), (("car", "bear"), FEW | {"size_px": 16}, {"first_seed": 1_000_000})],
)
def test_drawings_are_balanced_and_share_no_picture_between_parts_and_seeds(kinds, settings, options):
    pictures = set()
    for seed in (0, 1):
        for part, (images, labels) in data.draw_parts(kinds, seed, settings, **options).items():
            assert len(images) == 2 * FEW[f"{part}_pictures"]
            assert labels.mean() == 0.5
            pictures |= {image.tobytes() for image in images}
    assert len(pictures) == 2 * 2 * (8 + 3 + 4)


@pytest.fixture
def few_photos(tmp_path, monkeypatch):
    """Six photos of a class in each part, as they lie on disk; each has one grey level of its own."""
    level = 0
    for part in ("train", "validation", "test"):
        for kind in ("cat", "dog"):
            (tmp_path / part / kind).mkdir(parents=True)
            for number in range(6):
                level += 5
                Image.new("RGB", (30, 20), (level, level, level)).save(tmp_path / part / kind / f"{number}.png")
    monkeypatch.setattr(data.photos, "prepare", lambda *_, **options: types.SimpleNamespace(folder=tmp_path))


def test_photos_are_balanced_labelled_and_others_for_each_seed(few_photos):
    settings = {"kind": "photos", "train_pictures": 3, "validation_pictures": 2, "test_pictures": 6, "size_px": 8}
    first, again, other = (data.cats_and_dogs(seed, settings) for seed in (0, 0, 1))
    levels = {part: images[:, 0, 0, 0].tolist() for part, (images, _) in first.items()}
    assert {part: images.shape for part, (images, _) in first.items()}["train"] == (6, 8, 8, 3)
    assert first["train"][1].tolist() == [0, 0, 0, 1, 1, 1]
    assert max(levels["train"][:3]) <= 30 < min(levels["train"][3:])  # cats, then dogs
    assert max(levels["train"]) <= 60
    assert sorted(levels["test"]) == list(range(125, 181, 5))
    for part, (images, _) in first.items():
        assert np.array_equal(images, again[part][0])
    assert not np.array_equal(first["train"][0], other["train"][0])


def test_more_photos_than_there_are_is_refused(few_photos):
    settings = {"kind": "photos", "train_pictures": 7, "validation_pictures": 2, "test_pictures": 6, "size_px": 8}
    with pytest.raises(ValueError, match="train_pictures is 7, and there are 6 photos of a class: lower it"):
        data.cats_and_dogs(0, settings)


def test_digits_are_chosen_to_train_on_and_the_first_ones_are_tested_on():
    settings = {"digits": "scikit-learn", "train_pictures": 7, "test_pictures": 5}
    images, labels, test_images, test_labels = data.choose_digits(np.random.default_rng(0), settings)
    other, _, same, _ = data.choose_digits(np.random.default_rng(1), settings)
    digits = photos.load_digits("scikit-learn")
    assert (images.shape, labels.shape) == ((7, 28, 28, 1), (7,))
    for image, label in zip(images, labels, strict=True):
        (index,) = np.flatnonzero((digits.train_images == image).all(axis=(1, 2, 3)))[:1]
        assert digits.train_labels[index] == label
    assert not np.array_equal(images, other)
    assert np.array_equal(test_images, same)
    assert np.array_equal(test_images, digits.test_images[:5])
    assert np.array_equal(test_labels, digits.test_labels[:5])
