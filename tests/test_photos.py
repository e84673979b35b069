"""Tests of cats and dogs on disk: drawings and photos, good sources and every bad one, without any other machine."""

import dataclasses
import errno
import fcntl
import hashlib
import http.server
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
import zlib
from pathlib import Path

import kagglehub
import numpy as np
import pytest
import requests
from kagglehub.exceptions import UnauthenticatedError
from kagglesdk import kaggle_env
from kagglesdk.kaggle_http_client import KaggleHttpClient
from PIL import Image, ImageFile

from convbook import drawings, network, photos, runs
from convbook.photos import PhotosError, archives, cache, checking, downloads, drawn, forms, kaggle, pictures, splits

CLASS_NAMES = ("cat", "dog")
NUMBERS = range(10)
PARTS = {"train": 3, "validation": 1, "test": 2}
SMALL = PARTS | {"progress": False}
# Nothing listens on port 9 (discard) of this machine: a connection is refused at once.
NOWHERE = "http://127.0.0.1:9"


def encoded(image, form="JPEG", **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def photo(class_name, number, size=(24, 16)):
    """The bytes of a small JPEG, wider than high, that no other class and number has."""
    return encoded(Image.new("RGB", size, (10 * number, 100 if class_name == "cat" else 200, 7)), quality=90)


def collection(pattern="train/{name}.{number}.jpg", numbers=NUMBERS):
    """A collection of photos: {path: bytes}; {Name} in the pattern is the name of the class with a capital."""
    return {
        pattern.format(name=name, Name=name.title(), number=number): photo(name, number)
        for name in CLASS_NAMES
        for number in numbers
    }


def split_into(pattern="{name}/{number}.jpg", **parts):
    """A collection that was split before: the numbers in each part."""
    return dict(item for part, numbers in parts.items() for item in collection(f"{part}/{pattern}", numbers).items())


def write_files(folder, files):
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return stream.getvalue()


def prepare(folder=None, **options):
    """Prepare a few photos, from a folder or archive if one is named."""
    return photos.prepare("photos", folder=folder, **SMALL | options)


def numbers_in(result, part, class_name):
    """The numbers in the names of a part's files."""
    return sorted(int(path.name.split(".")[1]) for path in (result.folder / part / class_name).iterdir())


def split_of(result, class_name):
    """The numbers in the names of each part's files."""
    return [numbers_in(result, part, class_name) for part in PARTS]


def names_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """No test sees this machine's caches, accounts or network, and retries do not wait."""
    for name in ("CONVBOOK_PHOTOS", "KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("CONVBOOK_CACHE", "KAGGLEHUB_CACHE", "KAGGLE_CONFIG_DIR", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, NOWHERE)
    monkeypatch.setattr(pictures, "ARCHIVE_URL", f"{NOWHERE}/kagglecatsanddogs_5340.zip")
    monkeypatch.setattr(downloads.download, "__defaults__", (False, (2, 0.5), 0.01))
    monkeypatch.setattr(downloads, "PIECE", 100)


@pytest.fixture
def source(tmp_path):
    """A folder with photos as Kaggle gives them, ten of each class."""
    return write_files(tmp_path / "kaggle", collection())


@pytest.fixture
def notices():
    """A list that can be appended to as `report`."""
    return []


# ---------------------------------------------------------------------------------------------------- drawn pictures


def test_drawn_pictures_can_be_drawn_again_from_the_seed_in_their_name():
    result = photos.prepare("drawn", **SMALL, size_px=20)
    assert result.counts == {part: {"cat": number, "dog": number} for part, number in PARTS.items()}
    assert result.dropped == {"broken": 0, "duplicate": 0, "too large": 0}
    assert split_of(result, "dog") == [[0, 1, 2], [100_000], [200_000, 200_001]]
    image = np.asarray(Image.open(result.folder / "test" / "dog" / "dog.200001.png"))
    np.testing.assert_array_equal(image, drawings.draw("dog", 200_001, size_px=20))


def test_drawn_sets_share_no_picture_and_are_drawn_once(monkeypatch):
    first, second = (photos.prepare("drawn", **SMALL, size_px=16, seed=seed) for seed in (0, 1))
    names = [{path.name for path in result.folder.rglob("*.png")} for result in (first, second)]
    assert names[0].isdisjoint(names[1])
    monkeypatch.setattr(drawings, "draw_set", None)
    assert photos.prepare("drawn", **SMALL, size_px=16) == first
    monkeypatch.setattr(drawn, "hash_of_drawing_code", lambda: "0")
    monkeypatch.setattr(pictures, "hash_of_drawing_code", lambda: "0")
    with pytest.raises(TypeError):  # other drawings under the same name would be a lie, so they are drawn
        photos.prepare("drawn", **SMALL, size_px=16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "paintings"}, "'paintings' is no source of pictures; use 'drawn' or 'photos'"),
        ({"source": "drawn", "folder": "x"}, "drawn pictures come from none"),
        ({"source": "drawn", "train": 0}, "train must be a whole number of at least 1, got 0"),
        ({"source": "photos", "test": 2.5}, r"test must be a whole number of at least 1, got 2\.5"),
        ({"source": "photos", "seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"source": "drawn", "size_px": 7}, "size_px is 7"),
        ({"source": "drawn", "train": 100_001}, "at most 100000"),
    ],
)
def test_senseless_requests_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        photos.prepare(**{"progress": False, **arguments})


# ------------------------------------------------------------------------------------------------------------- forms

FORMS = {
    "Kaggle's folder": lambda: collection(),
    "Kaggle's folder named itself": lambda: collection("{name}.{number}.jpg"),
    "train.zip": lambda: {"train.zip": zipped(collection()), "test1.zip": b"no zip", "sampleSubmission.csv": b"id"},
    "dogs-vs-cats.zip": lambda: {"dogs-vs-cats.zip": zipped({"train.zip": zipped(collection()), "test1.zip": b""})},
    "cat and dog": lambda: collection("{name}/{number}.jpg") | {"cat/Thumbs.db": b"x", "dog/._3.jpg": b"x"},
    "cats and dogs": lambda: collection("{name}s/{number}.jpg"),
    "PetImages": lambda: collection("PetImages/{Name}/{number}.jpg"),
    "zip of PetImages": lambda: {"kagglecatsanddogs_5340.zip": zipped(collection("PetImages/{Name}/{number}.jpg"))},
    "zip from Windows": lambda: {"train.zip": zipped(collection("train\\{name}.{number}.jpg"))},
}


CATS_BY_HAND = [4, 2, 8, 6, 5, 0]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_split_on_every_machine(form, tmp_path):
    result = prepare(write_files(tmp_path / "given", FORMS[form]()))
    # By hand: the ten SHA-256 sums of "0/cat/0" … "0/cat/9", sorted: `printf 0/cat/0 | sha256sum`, and so on.
    order = sorted(NUMBERS, key=lambda number: hashlib.sha256(f"0/cat/{number}".encode()).hexdigest())
    assert order[:6] == CATS_BY_HAND
    assert split_of(result, "cat") == [sorted(CATS_BY_HAND[:3]), CATS_BY_HAND[3:4], sorted(CATS_BY_HAND[4:])]
    name = f"cat.{CATS_BY_HAND[0]}.jpg"
    assert (result.folder / "train" / "cat" / name).read_bytes() == photo("cat", CATS_BY_HAND[0])


def test_zip_can_be_named_itself_and_the_folder_by_the_environment(tmp_path, monkeypatch):
    path = tmp_path / "pets.zip"
    path.write_bytes(zipped(collection("PetImages/{Name}/{number}.jpg")))
    monkeypatch.setenv("CONVBOOK_PHOTOS", str(path))
    assert prepare().source == "photos from the archive pets.zip"
    other = write_files(tmp_path / "other", collection())
    assert prepare(other).source == "photos from the folder other"


def test_another_seed_splits_otherwise(source):
    first, second = (split_of(prepare(source, seed=seed), "dog") for seed in (0, 1))
    assert first != second


def test_photos_without_numbers_keep_names_that_every_system_accepts(tmp_path):
    names = ["Müller's cat?.jpg", "a.jpeg", "A.jpg", "a.png", "con:1.jpg", "7 of 9.jpg"]
    write_files(tmp_path / "mine", {f"cat/{name}": photo("cat", number) for number, name in enumerate(names)})
    write_files(tmp_path / "mine", collection("dog/{number}.jpg", range(6)) | {"dog/007.jpg": photo("dog", 9)})
    written = [path.name for path in prepare(tmp_path / "mine").folder.glob("*/cat/*")]
    assert len(written) == 6
    assert set("".join(written)) <= set("abcdefghijklmnopqrstuvwxyzAMü_.-0123456789")
    assert all(name.endswith(".jpg") for name in written)


def damaged(data):
    """These bytes with another one in the middle."""
    half = len(data) // 2
    return data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :]


UNUSABLE = [
    (
        {"readme.txt": b"x"},
        r"no photos of cats and dogs.* hold train\.zip or .*, or two class folders, such as cat",
    ),
    (collection("{name}/{number}.jpg") | {"x/cat/1.jpg": b"x"}, r"collections .* at \., x: name the folder"),
    ({"cat/1.jpg": b"x"}, "are cat photos and no dog photos .* dog is missing or empty: put the photos there"),
    ({"cat/x.txt": b"x", "dog/1.jpg": b"x"}, "no cat photos .* folder cat is missing or empty"),
    (split_into(train=NUMBERS, test=NUMBERS), "no folder validation"),
    (collection(numbers=range(5)), r"too few cat photos: 5 found, 6 needed \(3 train \+ 1 validation \+ 2 test\)"),
    (split_into(train=range(5), validation=[5], test=[6]), "too few cat photos for test: 1 found, 2 needed"),
    (
        collection() | {f"train/dog.{number}.jpg": b"" for number in range(5)},
        r"too few dog photos: 10 found \(5 broken dropped\), 6 needed",
    ),
    (
        split_into(train=range(3), validation=[3], test=range(4, 7))
        | {f"test/cat/{number}.jpg": photo("cat", number - 5) for number in (5, 6)},
        r"for test: 3 found \(2 duplicate dropped\), 2 needed",
    ),
    # In an archive, or in one that it holds; archives in archives without end are looked at no further.
    ({"dogs-vs-cats.zip": zipped({"train.zip": zipped({"../outside.jpg": b"x"})})}, r"'\.\./outside\.jpg'"),
    ({"train.zip": zipped({"train.zip": zipped({"train.zip": zipped({"train.zip": b"x"})})})}, "no photos of cats"),
]
NOT_WHOLE = [
    ({}, "no folder .*given: name one that exists, in CONVBOOK_PHOTOS"),
    ({"train.zip": zipped(collection())[:-500]}, "zip archive that was cut off: put a complete copy in its place"),
    ({"train.zip": b"<!DOCTYPE html><html>"}, r"train\.zip is a web page and not a zip archive .*: put a complete"),
    ({"train.zip": b""}, r"train\.zip is no zip archive: put a complete copy"),
    (
        {"dogs-vs-cats.zip": damaged(zipped({"train.zip": zipped(collection())}))},
        r"damaged at train\.zip: put a complete copy in its place",
    ),
]


@pytest.mark.parametrize(
    ("kind", "files", "message"),
    [(ValueError, *row) for row in UNUSABLE] + [(PhotosError, *row) for row in NOT_WHOLE],
)
def test_unusable_folder_gets_one_sentence_with_the_remedy(kind, files, message, tmp_path):
    with pytest.raises(kind, match=message) as caught:
        prepare(write_files(tmp_path / "given", files))
    assert "\n" not in str(caught.value)
    downloaded = tmp_path / "convbook_cache" / "downloads"
    assert not downloaded.exists(), "a folder that was named is not replaced by another"


def fruit(*folders, numbers=range(12)):
    """Photos by path: the same numbers in each of these folders, and no two alike."""
    return {
        f"{folder}/{number}.jpg": encoded(Image.new("RGB", (24, 16), (10 * number, 20 * index, 60)), quality=90)
        for index, folder in enumerate(folders)
        for number in numbers
    }


LARGE = encoded(Image.new("L", (10_000, 10_000)))
FIVE = ("apples", "bananas", "cherries", "dates", "eggs")
UNKNOWN_SPLIT = "test_set and training_set .* hold the same folders, apples and bananas: name them train, validation"
SPLIT = [f"{part}/{name}" for part in PARTS for name in ("apples", "pears")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            fruit("apples"),
            r"only one class folder with photos in .*, apples: put photos of something else into a folder",
        ),
        (fruit(".apples", "pears"), "only one class folder with photos in .*, pears: put photos"),
        (fruit("apples") | {"pears/1.heic": b"x"}, "only one class folder with photos in .*, apples: put photos"),
        (
            fruit(*FIVE),
            r"5 class folders .* \(apples, bananas, cherries, dates, eggs\), .*: copy two of them into a fol",
        ),
        (fruit("Cat", "dog", "lion"), r"3 class folders .* \(Cat, dog, lion\), .*: copy two of them into a folder"),
        (
            fruit(*(f"{n:03}" for n in range(100)), numbers=[0]),
            r"100 class folders .* \(000, .* 007, …\), .*: copy two",
        ),
        (
            {"train.zip": zipped(fruit("Apples", "apples"))},
            r"only in capital letters \(Apples, apples\): give each class one name",
        ),
        (
            fruit("train", "bus"),
            "folder train in .* is named like a part .* stands beside bus: rename it if it is a cla",
        ),
        (fruit("train/apples", "train/pears", "rest/apples"), "folder train in .* stands beside rest: rename it if"),
        (fruit(*(f"{part}_set/{name}" for part in ("test", "training") for name in FIVE[:2])), UNKNOWN_SPLIT),
        (
            fruit("train", "test"),
            "no photos of cats and dogs, or of other classes, .* should hold .* two class folders",
        ),
        (fruit("a/b/c/d/e/apples", "a/b/c/d/e/pears"), "no photos of cats and dogs, or of other classes"),
        (fruit(*SPLIT[:4]), "no folder test with photos in .*; it should hold"),
        (
            fruit(*SPLIT[:5]),
            "are apples photos and no pears photos in test .* folder pears is missing or empty: put the",
        ),
        (
            fruit("apples", "pears", numbers=range(7)),
            r"apples photos: 7 found, 8 needed \(2 .* 2 .* 4 test\); add photos\.",
        ),
        (fruit(*SPLIT, numbers=[0]), "too few apples photos for train: 1 found, 2 needed .*; add photos"),
        (
            fruit("apples", "pears", numbers=range(7)) | {"pears/7.jpg": LARGE, "apples/7.jpg": photo("cat", 9)},
            r"too few pears photos: 8 found \(1 too large dropped\), 8 needed .*; add photos, and make those above 50",
        ),
    ],
)
def test_folder_that_does_not_hold_two_classes_gets_one_sentence_with_the_remedy(files, message, tmp_path, capsys):
    given = write_files(tmp_path / "given", files)
    with pytest.raises(ValueError, match=message) as caught:
        photos.prepare_run(runs.PHOTOS, 96, folder=given, progress=False)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "files",
    [
        fruit("pears", "apples"),
        fruit("fruit/pears/green", "fruit/pears/brown", "fruit/apples/2025", numbers=range(6))
        | fruit("fruit/apples/2026", numbers=range(20, 26)),
        fruit("train/pears", "train/apples"),
        fruit("pears", "pears/old", "pears/new", "apples", "apples/old", "apples/new", numbers=range(4)),
        fruit("pears", "apples") | {"cover.jpg": b"x", "readme.txt": b"x", "pears/.1.jpg": b"x"},
        {"fruit.zip": zipped(fruit("pears", "apples"))},
    ],
)
def test_two_classes_of_any_names_are_prepared_like_cats_and_dogs(files, tmp_path):
    given = write_files(tmp_path / "given", files)
    result = prepare(given / "fruit.zip" if "fruit.zip" in files else given)
    assert result.class_names == ("apples", "pears")
    assert result.counts == {part: {"apples": number, "pears": number} for part, number in PARTS.items()}
    written = {path.read_bytes(): path.parent.name for path in result.folder.glob("*/*/*.jpg")}
    assert len(written) == 12
    named = fruit("pears", "apples") if "fruit.zip" in files else files
    assert all(f"{name}/" in path for path, data in named.items() if (name := written.get(data)))


def test_class_may_have_any_name_that_a_folder_can_have(tmp_path):
    names = ("c++ (new)", "C#")
    result = prepare(write_files(tmp_path / "given", fruit(*names)))
    assert result.class_names == ("C#", "c++ (new)")
    assert all(path.name.startswith("c++ (new).") for path in result.folder.glob("*/c++ (new)/*"))
    # Latin-1 out of an old archive, and how macOS writes an umlaut.
    latin, apart = (f"{os.fsdecode(name)}/1.jpg" for name in (b"\xc4pfel", "A\u0308pfel".encode()))
    assert forms.arrange({latin: 1, "pears/1.jpg": 2}, "the folder") == {None: {"pears": [2], "\ufffdpfel": [1]}}
    assert forms.arrange({apart: 1, "pears/1.jpg": 2}, "the folder") == {None: {"pears": [2], "\u00c4pfel": [1]}}


def test_photos_of_one_name_in_nested_folders_have_one_order_on_every_machine():
    files = {"a/new/1.jpg": "new", "a/old/1.jpg": "old", "b/1.jpg": "other"}
    for given in (files, dict(reversed(files.items()))):
        assert forms.arrange(given, "the folder") == {None: {"a": ["new", "old"], "b": ["other"]}}


@pytest.mark.parametrize("size", [(10, 10), (1, 3)])
def test_tiny_photos_are_kept_as_they_are(size, tmp_path):
    files = {f"{name}/{n}.jpg": photo(kind, n, size) for name, kind in (("a", "cat"), ("b", "dog")) for n in range(6)}
    result = prepare(write_files(tmp_path / "tiny", files))
    assert {Image.open(path).size for path in result.folder.rglob("*.jpg")} == {size}


# ---------------------------------------------------------------------------------------------- fewer than a run takes


def test_fewer_photos_are_shared_out_and_what_to_expect_is_said_each_time(tmp_path, capsys):
    files = fruit("apples", numbers=range(22)) | {f"pears/{n}.jpg": photo("dog", n) for n in range(20)}
    files |= {"pears/20.jpg": photo("dog", 3), "pears/21.jpg": LARGE}
    given = write_files(tmp_path / "given", files)
    with pytest.raises(ValueError, match=r"too few apples photos: 22 found, 500 needed .* ask for fewer with train="):
        photos.prepare("photos", 150, 100, 250, folder=given, progress=False)
    assert capsys.readouterr().out == ""
    results = [photos.prepare_run(runs.PHOTOS, 96, folder=given, progress=False) for _ in range(2)]
    assert results[0] == results[1]
    # By hand: 20 of each class are good, 150 : 100 : 250 is 6 : 4 : 10, and 98 / sqrt(20) is 21.9.
    assert results[0].counts == {
        part: {"apples": number, "pears": number} for part, number in (("train", 6), ("validation", 4), ("test", 10))
    }
    sentence = (
        "Fewer photos than asked for: per class 6 train, 4 validation and 10 test photos instead of 150, 100 and 250, "
        "so that an accuracy on all 20 test photos is uncertain by up to ±22 percentage points; a network from scratch "
        "will learn little from so few, but a pretrained base needs few."
    )
    assert capsys.readouterr().out.splitlines() == [sentence, sentence]
    written = [path.read_bytes() for path in results[0].folder.rglob("*.jpg")]
    assert len(set(written)) == len(written) == 40


def test_fewer_photos_that_are_split_stay_where_they_are(tmp_path, capsys):
    files = split_into("{name}s/{name}.{number}.jpg", train=range(9), val=range(9, 12), test=range(12, 17))
    given = write_files(tmp_path / "given", files)
    result = photos.prepare_run(dataclasses.replace(runs.PHOTOS, train_pictures=7), 96, folder=given, progress=False)
    for class_name in CLASS_NAMES:
        train, *others = split_of(result, class_name)
        assert len(train) == 7
        assert max(train) < 9
        assert others == [[9, 10, 11], [*range(12, 17)]]
    assert "7 train, 3 validation and 5 test photos instead of 7, 100 and 250" in capsys.readouterr().out


def test_enough_photos_are_those_that_prepare_gives_and_nothing_is_said(source, capsys):
    run = dataclasses.replace(runs.PHOTOS, **{f"{part}_pictures": number for part, number in PARTS.items()})
    assert photos.prepare_run(run, 96, folder=source, progress=False) == prepare(source)
    quick = dataclasses.replace(run, pictures="drawn")
    assert photos.prepare_run(quick, 16, progress=False) == photos.prepare("drawn", **SMALL, size_px=16)
    assert capsys.readouterr().out == ""


def test_network_from_scratch_is_given_up_only_where_photos_are_few(capsys):
    counts = {part: {"a": number, "b": number} for part, number in (("train", 120), ("validation", 80), ("test", 200))}
    result = photos.Pictures(Path(), "", counts, {})
    sentence = pictures._what_to_expect(result, {"train": 150, "validation": 100, "test": 250})
    assert sentence.endswith("so that an accuracy on all 400 test photos is uncertain by up to ±5 percentage points.")


@pytest.mark.parametrize(("run", "fewest"), [(runs.PHOTOS, 8), (runs.FULL, 9)])
def test_every_number_of_photos_from_the_fewest_on_is_shared_out_without_a_rest(run, fewest):
    sizes = {part: getattr(run, f"{part}_pictures") for part in PARTS}
    for number in range(fewest, sum(sizes.values()) + 1):
        shares = splits._share_out(number, sizes)
        assert sum(shares.values()) == number
        assert all(2 <= shares[part] <= sizes[part] for part in PARTS)
        assert all(abs(shares[part] - number * sizes[part] / sum(sizes.values())) < 1 for part in PARTS)
    assert min(splits._share_out(fewest - 1, sizes).values()) < 2


def test_folder_with_everything_in_it_is_refused(source, monkeypatch):
    monkeypatch.setattr(forms, "MOST_FILES", 10)
    with pytest.raises(ValueError, match="more than 10 files: name the folder of the photos alone"):
        prepare(source)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read everything")
def test_folder_that_cannot_be_read_is_not_taken_for_an_empty_one(source):
    (source / "train").chmod(0)
    with pytest.raises(PhotosError, match="cannot be read"):
        prepare(source)


def test_folder_is_prepared_again_when_its_photos_change(source):
    first = prepare(source)
    assert prepare(source) == first
    number = numbers_in(first, "train", "cat")[0]
    (source / "train" / f"cat.{number}.jpg").write_bytes(photo("cat", 12))
    second = prepare(source)
    assert (second.folder / "train" / "cat" / f"cat.{number}.jpg").read_bytes() == photo("cat", 12)
    assert (first.folder / "train" / "cat" / f"cat.{number}.jpg").read_bytes() == photo("cat", number)


# ---------------------------------------------------------------------------------------------------------- checking


def checked(data):
    return checking.check(checking.Photo("cat.1.jpg", len(data), lambda: data))


def decoded(data):
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.mode) == ("JPEG", "RGB")
    assert image.getexif().get(checking.ORIENTATION, 1) == 1
    return np.asarray(image).astype(int)


def halves(left, right, mode="RGB"):
    """A picture of 32x16 pixels with two colours."""
    image = Image.new(mode, (32, 16), left)
    image.paste(right, (16, 0, 32, 16))
    return image


def test_good_photo_is_kept_byte_for_byte():
    data = photo("cat", 3)
    assert checked(data) == checking.Checked(data, hashlib.sha256(data).digest())
    for options in ({"progressive": True}, {"exif": b"Exif\0\0nonsense"}):
        data = encoded(halves("red", "blue"), **options)
        assert checked(data).data == data


RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
PALETTE = halves("red", "blue").convert("P")
GREY_16_BITS = np.repeat([[10_240, 51_200]], 16, 1).repeat(16, 0).astype(np.uint16)
UNUSUAL = {
    "CMYK": (encoded(halves((0, 255, 255, 0), (0, 0, 0, 255), "CMYK"), quality=100), RED, (0, 0, 0)),
    "grey": (encoded(halves(40, 200, "L"), quality=100), (40, 40, 40), (200, 200, 200)),
    "1 bit": (encoded(halves(0, 1, "1"), "PNG"), (0, 0, 0), WHITE),
    "palette": (encoded(PALETTE, "PNG"), RED, BLUE),
    "transparent palette": (encoded(PALETTE, "PNG", transparency=b"\0" * 256), WHITE, WHITE),
    "RGBA": (encoded(halves((255, 0, 0, 255), (0, 0, 0, 0), "RGBA"), "PNG"), RED, WHITE),
    "LA": (encoded(halves((9, 255), (9, 0), "LA"), "PNG"), (9, 9, 9), WHITE),
    "16 bits": (encoded(Image.fromarray(GREY_16_BITS), "PNG"), (40, 40, 40), (200, 200, 200)),
    **{form: (encoded(halves("red", "blue"), form), RED, BLUE) for form in ("PNG", "GIF", "BMP")},
}


@pytest.mark.parametrize(("data", "left", "right"), UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_picture_becomes_an_rgb_jpeg(data, left, right):
    pixels = decoded(checked(data).data)
    assert pixels.shape == (16, 32, 3)
    np.testing.assert_allclose(pixels[:, 4:12].reshape(-1, 3), np.tile(left, (128, 1)), atol=4)
    np.testing.assert_allclose(pixels[:, 20:28].reshape(-1, 3), np.tile(right, (128, 1)), atol=4)


# Where the red left half of a picture of 32x16 pixels is seen, by EXIF orientation: EXIF 2.3, tag 0x0112.
SEEN = {"left": (1, 4, 9), "right": (2, 3), "top": (5, 6), "bottom": (7, 8)}


@pytest.mark.parametrize(("orientation", "red"), [(number, side) for side in SEEN for number in SEEN[side]])
def test_rotated_photo_is_turned_upright(orientation, red):
    exif = Image.Exif()
    exif[checking.ORIENTATION] = orientation
    image = Image.open(io.BytesIO(checked(encoded(halves("red", "blue"), quality=95, exif=exif)).data))
    pixels = np.asarray(image).astype(int)
    rows, columns = shape = (16, 32) if red in ("left", "right") else (32, 16)
    place = {"left": (8, 4), "right": (8, columns - 4), "top": (4, 8), "bottom": (rows - 4, 8)}[red]
    assert pixels.shape == (*shape, 3)
    np.testing.assert_allclose(pixels[place], (254, 0, 0), atol=4)
    opposite = (rows - 1 - place[0], columns - 1 - place[1])
    np.testing.assert_allclose(pixels[opposite], (0, 0, 254), atol=4)


def large_png(width, height):
    """A PNG of a few bytes that says that it is large."""
    data = bytearray(encoded(Image.new("L", (8, 8)), "PNG"))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def large_jpeg(width, height):
    data = bytearray(photo("cat", 1))
    frame = data.index(b"\xff\xc0") + 5
    data[frame : frame + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


@pytest.mark.parametrize("data", [large_png(20_000, 20_000), large_jpeg(20_000, 20_000), large_png(50_001, 1_000)])
def test_bomb_is_dropped_without_being_decoded(data, monkeypatch):
    def decode(self):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    assert checked(data) == checking.Checked(problem="too large")


def test_file_of_many_bytes_is_dropped_without_being_read():
    unread = checking.Photo("cat.1.jpg", checking.MOST_BYTES + 1, None)
    assert checking.check(unread) == checking.Checked(problem="too large")


def noisy(**options):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    return encoded(Image.fromarray(pixels), **options)


HALVED = {"JPEG": noisy(), "progressive JPEG": noisy(progressive=True), "PNG": noisy(form="PNG")}
BROKEN = {
    "empty": b"",
    "web page": b"<html>not a photo</html>",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "JPEG's head": photo("cat", 1)[:20],
    **{f"half {form}": data[: len(data) // 2] for form, data in HALVED.items()},
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_broken_file_is_recognised(data):
    assert checked(data) == checking.Checked(problem="broken")


def test_broken_photos_are_dropped_and_the_next_ones_take_their_places(source):
    whole = prepare(source)
    order = splits.seeded_order([checking.Photo(f"cat.{n}.jpg", 1, None) for n in NUMBERS], "cat", seed=0)
    first, second, third = (int(each.name.split(".")[1]) for each in order[:3])
    (source / "train" / f"cat.{first}.jpg").write_bytes(b"")
    (source / "train" / f"cat.{second}.jpg").write_bytes(large_png(20_000, 20_000))
    result = prepare(source)
    assert result.dropped == {"broken": 1, "duplicate": 0, "too large": 1}
    assert result.counts == whole.counts
    expected = [int(each.name.split(".")[1]) for each in order[2:5]]
    assert third in expected
    assert numbers_in(result, "train", "cat") == sorted(expected)
    assert numbers_in(result, "train", "dog") == numbers_in(whole, "train", "dog")


def test_copies_of_a_photo_never_stand_on_two_sides(tmp_path):
    files = collection("{name}/{number}.jpg", range(6))
    files |= {f"cat/{number}.jpg": photo("cat", number % 6) for number in range(6, 12)}  # each cat twice
    files |= {"dog/6.jpg": photo("cat", 0)}  # and one labelled a dog as well
    result = prepare(write_files(tmp_path / "given", files))
    written = [path.read_bytes() for path in result.folder.rglob("*.jpg")]
    assert len(set(written)) == len(written) == 12
    assert result.dropped["duplicate"] >= 1


def test_copy_of_a_training_photo_is_dropped_from_a_split_test_set(tmp_path):
    files = split_into(train=range(3), validation=[3], test=range(4, 7)) | {"test/cat/5.jpg": photo("cat", 0)}
    result = prepare(write_files(tmp_path / "split", files))
    assert numbers_in(result, "test", "cat") == [4, 6]
    assert result.dropped["duplicate"] in (0, 1)  # 0 where number 5 comes last in the order and is not looked at


# ---------------------------------------------------------------------------------------------------------- archives


def link(name):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o120777 << 16
    return entry


OUTSIDE = ("../outside.jpg", "train/../../outside.jpg", "/tmp/outside.jpg", "C:/outside.jpg", "C:outside.jpg")


@pytest.mark.parametrize("name", [*OUTSIDE, "..\\x.jpg", link("train/l")], ids=str)
def test_archive_that_leaves_its_folder_is_refused_with_the_name(name, tmp_path):
    path = write_files(tmp_path / "given", {"train.zip": zipped(collection() | {name: b"/etc/passwd"})})
    before = names_in(tmp_path)
    shown = getattr(name, "filename", name)
    with pytest.raises(ValueError, match="not to be trusted") as caught:
        prepare(path)
    assert repr(shown) in str(caught.value)
    assert [each for each in names_in(tmp_path) if not each.endswith("/lock")] == before


def test_photo_that_is_damaged_in_the_archive_is_dropped(tmp_path):
    data = bytearray(zipped(collection(numbers=range(6)) | {"train/cat.6.jpg": photo("cat", 7)}))
    data[data.index(photo("cat", 4)) + 30] ^= 1
    result = prepare(write_files(tmp_path / "given", {"train.zip": bytes(data)}))
    assert result.dropped["broken"] == 1
    assert 4 not in numbers_in(result, "train", "cat"), "it is the first in the order"


# --------------------------------------------------------------------------------------------------------- downloads


class Shelf(http.server.BaseHTTPRequestHandler):
    """Serves `server.data`; each request takes one of `server.manners` ({} when there are none left)."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, manner = self.server, self.server.manners.pop(0) if self.server.manners else {}
        wanted = self.headers.get("Range")
        server.ranges.append(wanted)
        if manner.get("silent"):
            return server.over.wait(20)
        if "status" in manner:
            return self.answer(manner["status"], b"", {}, manner)
        data, headers = manner.get("data", server.data), {"Content-Type": manner.get("type", "application/zip")}
        if server.etag:
            headers["ETag"] = server.etag
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if not wanted or not server.resumes or self.headers.get("If-Range", server.etag) != server.etag:
            return self.answer(200, data, headers, manner)
        if start >= len(data):
            return self.answer(416, b"", headers, manner)
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return self.answer(206, data[start:], headers, manner)

    do_POST = do_GET  # Kaggle's interface asks with POST

    def answer(self, status, data, headers, manner):
        length = {} if manner.get("no length") else {"Content-Length": str(len(data))}
        self.send_response(status)
        for name, value in {**headers, **length, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: manner.get("stop after")])
        if manner.get("stall"):
            self.wfile.flush()
            self.server.over.wait(20)
        self.close_connection = True

    def log_message(self, *arguments):
        """Say nothing: a request is no news."""


@pytest.fixture
def shelf(start_server, monkeypatch):
    """A server on this machine that stands for Microsoft's."""
    server = start_server(Shelf)
    server.data = zipped(collection("PetImages/{Name}/{number}.jpg"))
    server.manners, server.ranges, server.etag, server.resumes = [], [], '"one"', True
    server.over = threading.Event()
    server.address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(pictures, "ARCHIVE_URL", f"{server.address}/pets.zip")
    monkeypatch.setattr(pictures, "ARCHIVE_BYTES", len(server.data))
    yield server
    server.over.set()


@pytest.fixture
def fetch(shelf, tmp_path, notices):
    """A function that downloads what the server has and returns its bytes."""
    target = tmp_path / "pets.zip"

    def fetch():
        downloads.download(
            pictures.ARCHIVE_URL, target, lambda path: archives.open_archive(path).close(), notices.append
        )
        return target.read_bytes()

    return fetch


@pytest.mark.parametrize(
    ("manners", "ranges"),
    [
        ([], [None]),
        ([{"no length": True}], [None]),
        (
            [{"stop after": 1000}, {"stop after": 500}, {"status": 503}],
            [None, "bytes=1000-", "bytes=1500-", "bytes=1500-"],
        ),
    ],
)
def test_download_arrives_once_going_on_where_it_broke_off(manners, ranges, shelf, fetch, tmp_path, notices):
    shelf.manners = manners
    assert fetch() == fetch() == shelf.data
    assert shelf.ranges == ranges
    assert len(notices) == len(ranges) - 1
    assert not notices or "broke off; going on" in notices[0]
    assert [path.name for path in tmp_path.iterdir()] == ["pets.zip"]


@pytest.mark.parametrize(
    ("first", "then", "shortest_s", "message"),
    [
        ({}, {"status": 503}, 0, r"connect to the network and call again; the 0 MB that came are kept"),
        ({"stall": True}, {"silent": True}, 2, r"127\.0\.0\.1 does not answer within 0\.5 seconds: check the network"),
    ],
)
def test_download_that_was_given_up_goes_on_in_the_next_call(first, then, shortest_s, message, shelf, fetch):
    shelf.manners = [{"stop after": 1000, **first}, *[then] * 3]
    start = time.monotonic()
    with pytest.raises(PhotosError, match=message):
        fetch()
    assert shortest_s <= time.monotonic() - start < 8
    assert fetch() == shelf.data
    assert shelf.ranges[-1] == "bytes=1000-"


@pytest.mark.parametrize("change", ["another ETag", "another length", "no ranges", "shorter"])
def test_download_starts_again_when_it_cannot_go_on(change, shelf, fetch):
    shelf.etag = shelf.etag if change == "another ETag" else None
    shelf.manners = [{"stop after": 1000}, *[{"status": 503}] * 3]
    with pytest.raises(PhotosError):
        fetch()
    if change == "another ETag":
        shelf.etag, shelf.data = '"two"', zipped(collection("PetPhotos/{Name}/{number}.jpg"))
    elif change == "no ranges":
        shelf.resumes = False
    else:
        shelf.data = zipped(collection("x/{name}.{number}.jpg", range(11 if change == "another length" else 1)))
    assert fetch() == shelf.data


def test_server_that_never_lets_a_download_go_on_is_given_up(shelf, fetch):
    shelf.resumes, shelf.manners = False, [{"stop after": 1000}] * 20
    with pytest.raises(PhotosError, match="breaks off"):
        fetch()
    assert len(shelf.ranges) == 4


@pytest.mark.parametrize(
    ("note", "ranges"), [('{{"length": {length}, "etag": ""}}', []), ("", [None]), ("[]", [None]), ("{{}}", [None])]
)
def test_complete_partial_file_is_not_fetched_again_unless_it_has_no_note(note, ranges, shelf, fetch, tmp_path):
    (tmp_path / "pets.zip.partial").write_bytes(shelf.data if ranges == [] else b"x" * 1000)
    (tmp_path / "pets.zip.partial.json").write_text(note.format(length=len(shelf.data)))
    assert fetch() == shelf.data
    assert shelf.ranges == ranges


def test_short_answer_is_noticed_where_the_http_library_lets_it_pass(shelf, fetch, monkeypatch):
    plain, count = requests.Response.iter_content, itertools.count()

    def iter_content(response, size):
        pieces = plain(response, size)
        return itertools.islice(pieces, 3) if next(count) == 0 else pieces

    monkeypatch.setattr(requests.Response, "iter_content", iter_content)
    assert fetch() == shelf.data
    assert shelf.ranges == [None, "bytes=300-"]


@pytest.mark.parametrize(
    ("manner", "message"),
    [
        ({"data": b"<html>Sign in</html>", "type": "text/html"}, "gives a web page instead of the file: the link has"),
        ({"data": b"\n <!doctype html>"}, "gives a web page instead of the file: the link has expired"),
        ({"data": b"garbage"}, "something else, which was deleted: call again"),
        ({"status": 404}, "answers 404 Not Found: the link may have expired"),
        ({"status": 206}, "answers 206"),
    ],
)
def test_answer_that_is_not_the_file_gets_one_sentence_and_leaves_nothing(manner, message, shelf, fetch, tmp_path):
    shelf.manners = [manner]
    with pytest.raises(PhotosError, match=message):
        fetch()
    assert list(tmp_path.glob("pets*")) == []
    assert fetch() == shelf.data


@pytest.mark.parametrize(
    ("url", "message", "retries"),
    [
        (NOWHERE, r"127\.0\.0\.1 cannot be reached or breaks off: connect to the network", downloads.ATTEMPTS - 1),
        ("htp://x", "cannot be had", 0),
    ],
)
def test_address_that_nobody_answers_gets_one_sentence(url, message, retries, tmp_path, notices):
    with pytest.raises(PhotosError, match=message):
        downloads.download(f"{url}/x.zip", tmp_path / "x.zip", None, notices.append)
    assert len(notices) == retries


def test_proxy_that_refuses_gets_one_sentence_and_everything_has_a_timeout(tmp_path, monkeypatch, notices):
    def get(url, timeout, **options):
        assert timeout == (2, 0.5), "without a timeout this would wait for ever"
        raise requests.exceptions.ProxyError

    monkeypatch.setattr(requests, "get", get)
    with pytest.raises(PhotosError, match="cannot be reached through the proxy: check HTTPS_PROXY"):
        downloads.download("https://pets.org/x.zip", tmp_path / "x.zip", None, notices.append)


def test_download_that_does_not_fit_on_the_disk_is_not_begun(shelf, monkeypatch, notices):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(100, 90, 10))
    with pytest.raises(PhotosError, match=r"disk with .* is full: free some space on it or set CONVBOOK_CACHE"):
        prepare(report=notices.append)


# ------------------------------------------------------------------------------------------------------------ ladder


def test_without_a_token_microsofts_archive_is_taken_and_that_is_said(shelf, notices):
    result = prepare(report=notices.append)
    assert result.source == "Microsoft's archive kagglecatsanddogs_5340.zip"
    assert len(notices) == 1
    assert notices[0].startswith("Kaggle: no token of Kaggle's was found: make one at https://www.kaggle.com/settings")
    assert notices[0].endswith("Now trying Microsoft's archive of the same photos (787 MB, no account needed).")
    # Prepared before: neither Kaggle nor Microsoft is asked again. Another number of photos needs only the archive.
    assert prepare(report=notices.append) == result
    photos.prepare("photos", train=2, validation=1, test=1, progress=False, report=notices.append)
    assert len(shelf.ranges) == 1


def test_kaggles_photos_come_first_and_are_split_the_same_way(shelf, monkeypatch, notices):
    from_microsoft = prepare(report=notices.append)
    microsofts = [split_of(from_microsoft, class_name) for class_name in CLASS_NAMES]
    shutil.rmtree(from_microsoft.folder)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a-token")
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, shelf.address)
    shelf.data = zipped({"train.zip": zipped(collection()), "test1.zip": b"", "sampleSubmission.csv": b""})
    from_kaggle = prepare(report=notices.append)
    assert from_kaggle.source == "Kaggle's dogs-vs-cats"
    assert [split_of(from_kaggle, class_name) for class_name in CLASS_NAMES] == microsofts
    assert len(notices) == 1


def test_named_folder_comes_before_what_was_prepared_before_which_needs_no_lock(
    shelf, source, tmp_path, monkeypatch, notices
):
    prepared, named = prepare(report=notices.append), prepare(source)
    assert prepared.source == "Microsoft's archive kagglecatsanddogs_5340.zip"
    assert named.source == "photos from the folder kaggle"
    os.utime(prepared.folder, (1, 1))
    prepare(write_files(tmp_path / "fruit", fruit("apples", "pears")))
    monkeypatch.setattr(cache, "locked", None)  # as in a shared cache that may only be read
    assert prepare() == prepare(source) == named, "without a name, the newest of cats and dogs"


def test_process_that_waited_says_so_and_takes_what_the_other_one_prepared(shelf, source, notices):
    found, area = [], cache.cache_folder() / "downloads"
    with cache.locked(area, notices.append):
        waiting = threading.Thread(target=lambda: found.append(prepare(report=notices.append)))
        waiting.start()
        while not notices:
            time.sleep(0.01)
        assert notices == [f"Another process is at work in {area}; waiting for it."]
        prepared = prepare(source)
    waiting.join(20)
    assert found == [prepared]
    assert shelf.ranges == []


@pytest.mark.parametrize(
    ("manner", "message"),
    [
        ({"status": 401}, r"does not know this token \(401\): make a new one at https://www\.kaggle\.com/settings"),
        ({"status": 403}, r"not accepted yet \(403\): accept them at https://www\.kaggle\.com/c/dogs-vs-cats/rules"),
        ({"status": 404}, "download failed .* try again later"),
        ({"silent": True}, r"cannot be reached \(ReadTimeout\): connect to the network"),
        (None, r"cannot be reached \(ConnectionError\): connect to the network"),
    ],
)
def test_what_kagglehub_really_raises_becomes_a_sentence(manner, message, shelf, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "not-a-token")
    shelf.manners, address = [manner], shelf.address if manner else NOWHERE
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, address)
    with pytest.raises(PhotosError, match=message):
        kaggle.download_from_kaggle(timeouts=(2, 0.5))


def test_only_kaggles_client_gets_timeouts_and_only_for_a_while(monkeypatch):
    sent = []

    def send(adapter, request, **options):
        sent.append(options["timeout"])
        raise requests.exceptions.ConnectTimeout

    def ask(session):
        with pytest.raises(requests.exceptions.ConnectTimeout):
            session.get(NOWHERE)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    clients = [KaggleHttpClient(), KaggleHttpClient()]
    with network.kaggle_timeouts((7, 9)), clients[0]:
        ask(clients[0]._session)
        ask(requests.Session())
    with clients[1]:
        ask(clients[1]._session)
    assert sent == [(7, 9), None, None]


def test_file_of_credentials_that_is_broken_is_said(monkeypatch, tmp_path):
    write_files(tmp_path / "kaggle_config_dir", {"kaggle.json": b"{"})
    with pytest.raises(PhotosError, match="Invalid Kaggle credentials file"):
        kaggle.download_from_kaggle()


@pytest.mark.parametrize("answer", ["an error", "a folder without photos", "a cut off archive"])
def test_kaggle_failing_in_any_way_leads_on_to_microsoft(answer, shelf, tmp_path, monkeypatch, notices):
    def stand_in(handle):
        if answer == "an error":
            raise RuntimeError("out of\norder")
        files = {"train.zip": zipped(collection())[:-99]} if answer == "a cut off archive" else {"readme": b""}
        return str(write_files(tmp_path / "from_kaggle", files))

    monkeypatch.setattr(kagglehub, "competition_download", stand_in)
    assert prepare(report=notices.append).source.startswith("Microsoft")
    assert len(notices) == 1
    assert "\n" not in notices[0]


def test_when_nothing_is_left_one_error_says_what_each_said(monkeypatch, notices):
    with pytest.raises(PhotosError) as caught:
        prepare(report=notices.append)
    message = str(caught.value)
    assert "Kaggle: no token" in message
    assert "Microsoft's archive: 127.0.0.1 cannot be reached" in message
    assert message.endswith(
        "Connect to the network, or name a folder with the photos in CONVBOOK_PHOTOS, or use the quick run "
        "(CONVBOOK_RUN=quick), which draws its pictures."
    )
    assert "\n" not in message
    assert list(cache.cache_folder().glob("drawn/*")) == [], "photos never become drawings"


def test_more_photos_than_kaggle_has_are_refused_before_anything_is_downloaded(shelf):
    with pytest.raises(ValueError, match="12502 photos per class were asked for and Kaggle has 12500: ask for fewer"):
        photos.prepare("photos", train=12_500, validation=1, test=1)
    assert shelf.ranges == []


def test_archive_in_the_cache_that_was_cut_off_is_named(shelf, notices):
    folder = cache.cache_folder() / "downloads"
    write_files(folder, {"kagglecatsanddogs_5340.zip": shelf.data[:-500]})
    with pytest.raises(PhotosError, match=r"5340\.zip has .* bytes, and Microsoft's archive .*; delete .*, and call"):
        prepare(report=notices.append)
    assert (folder / "kagglecatsanddogs_5340.zip").exists(), "nothing that was there is lost"


@pytest.mark.parametrize(
    "data", [zipped({"hello.txt": b"hello"}), zipped(collection("PetImages/{Name}/{number}.jpg", range(9)))]
)
def test_archive_of_something_else_is_not_kept(data, shelf, notices):
    shelf.data = data
    with pytest.raises(PhotosError, match="something else, which was deleted"):
        prepare(report=notices.append)
    assert names_in(cache.cache_folder() / "downloads") == ["lock"]


def test_notices_go_to_standard_error_alone(shelf, source, capsys, monkeypatch):
    monkeypatch.setattr(kagglehub, "competition_download", lambda handle: (_ for _ in ()).throw(UnauthenticatedError()))
    prepare()
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    photos.prepare("photos", **SMALL | {"progress": True}, folder=source)
    output = capsys.readouterr()
    assert output.out == ""
    assert "Checking: 100%" in output.err


# ------------------------------------------------------------------------------------------------- whole or not there


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CONVBOOK_CACHE": "/here", "XDG_CACHE_HOME": "/there"}, "/here"),
        ({"XDG_CACHE_HOME": "/there"}, "/there/convbook"),
        ({}, "/home/reader/.cache/convbook"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="on other platforms it is what platformdirs says")
def test_cache_stays_where_readers_have_it(variables, expected, monkeypatch):
    for name in ("CONVBOOK_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/reader", **variables}.items():
        monkeypatch.setenv(name, value)
    assert photos.cache_folder() == Path(expected)


def test_machine_without_a_home_folder_gets_one_sentence(monkeypatch):
    def no_home(*arguments, **options):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("CONVBOOK_CACHE")
    monkeypatch.setattr(cache.platformdirs, "user_cache_path", no_home)
    with pytest.raises(PhotosError, match="no home folder: set CONVBOOK_CACHE to a folder that can be written"):
        photos.cache_folder()


@pytest.mark.parametrize("source_name", ["drawn", "photos"])
def test_cache_that_cannot_be_written_is_named_with_its_variable(source_name, source, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"x")
    monkeypatch.setenv("CONVBOOK_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(PhotosError, match=r"cannot be written \(Not a directory\): set CONVBOOK_CACHE to a folder"):
        photos.prepare(source_name, **SMALL, folder=source if source_name == "photos" else None)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may write everywhere")
def test_cache_without_permission_is_named_with_its_variable(tmp_path):
    (tmp_path / "convbook_cache").mkdir(mode=0o500)
    with pytest.raises(PhotosError, match=r"cannot be written \(Permission denied\): set CONVBOOK_CACHE"):
        photos.prepare("drawn", **SMALL)


def unfinished():
    return list(cache.cache_folder().rglob("unfinished-*"))


def failing_write(error, after):
    """A stand-in for Path.write_bytes that fails after so many photos."""
    plain, count = Path.write_bytes, itertools.count()

    def write_bytes(path, data):
        if path.suffix == ".jpg" and next(count) >= after:
            raise error
        return plain(path, data)

    return write_bytes


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space left"),
            PhotosError,
            "disk with .* is full: free some space on it or set CONV",
        ),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
)
def test_full_disk_and_ctrl_c_leave_nothing_half_made_and_the_next_call_works(error, raised, message, source):
    before = photos.prepare("photos", folder=source, train=1, validation=1, test=1, progress=False)
    there = names_in(cache.cache_folder())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "write_bytes", failing_write(error, after=7))
        with pytest.raises(raised, match=message):
            prepare(source)
    assert names_in(cache.cache_folder()) == there
    assert unfinished() == []
    assert pictures.read_pictures(before.folder) == before
    assert prepare(source).counts["test"] == {"cat": 2, "dog": 2}


# A process that prepares photos, slowly: it prints a line with each photo that it checks.
SLOW = """
    import sys, time
    from convbook import photos
    from convbook.photos import splits
    check = splits.check
    def slowly(photo):
        sys.stdout.write("checking\\n")  # in one piece, since several threads check at once
        sys.stdout.flush()
        time.sleep({seconds})
        return check(photo)
    splits.check = slowly
    print(photos.prepare("photos", folder=sys.argv[1], train=3, validation=1, test=2, progress=False).folder)
"""


def start(source, seconds):
    script = textwrap.dedent(SLOW.format(seconds=seconds))
    return subprocess.Popen(
        [sys.executable, "-c", script, source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_two_processes_at_once_both_succeed_with_one_result(source):
    team = [start(source, seconds=0.1) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in team]
    assert [process.returncode for process in team] == [0, 0], outputs
    lines = [output.splitlines() for output, _ in outputs]
    assert lines[0][-1] == lines[1][-1]
    assert sorted("checking" in each for each in lines) == [False, True], "one of them has no work left to do"
    assert names_in(cache.cache_folder() / "photos")[0].startswith("3-1-2-seed0-")
    assert unfinished() == []


def test_next_call_clears_up_after_a_process_that_was_killed(source):
    process = start(source, seconds=0.2)
    assert process.stdout.readline() == "checking\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert len(unfinished()) == 1
    assert prepare(source).counts["train"] == {"cat": 3, "dog": 3}
    assert unfinished() == []


def test_without_locks_work_is_done_and_the_work_of_others_is_left_alone(source, monkeypatch):
    def no_locks(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    area = cache.cache_folder() / "photos"
    young, old = area / "unfinished-young", area / "unfinished-old"
    for folder in (young, old):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    assert prepare(source).counts["test"] == {"cat": 2, "dog": 2}
    assert unfinished() == [young]


def test_first_of_two_processes_without_locks_wins(tmp_path, notices):
    target = tmp_path / "result"

    def fill(folder):
        write_files(folder, {"mine": b"x"})
        write_files(target, {"theirs": b"x"})  # the other process is done at this moment

    cache.build(target, fill, lambda folder: (folder / "theirs").exists(), notices.append)
    assert names_in(tmp_path) == ["result/theirs"]
    assert notices == []


@pytest.mark.parametrize("change", ["delete", "add", "cut off", "manifest"])
def test_prepared_folder_that_was_changed_is_kept_and_made_anew(change, source, notices):
    result = prepare(source)
    some = next((result.folder / "train" / "cat").iterdir())
    if change == "delete":
        some.unlink()
    elif change == "add":
        write_files(result.folder, {"train/cat/mine.jpg": photo("cat", 12)})
    elif change == "cut off":
        some.write_bytes(b"")
    else:
        (result.folder / "pictures.json").write_text("{}")
    changed = names_in(result.folder)
    assert prepare(source, report=notices.append) == result
    assert len(notices) == 1
    assert names_in(result.folder.with_name(f"{result.folder.name}.changed-1")) == changed


def test_manifest_says_where_the_pictures_come_from(source):
    result = prepare(source, seed=3)
    manifest = json.loads((result.folder / "pictures.json").read_text(encoding="utf-8"))
    assert manifest["source"] == result.source == "photos from the folder kaggle"
    assert manifest["counts"] == result.counts
    assert manifest["dropped"] == result.dropped
    assert (manifest["seed"], manifest["format"]) == (3, 1)
    assert str(source) not in str(manifest), "a manifest may be published: it names no path"
