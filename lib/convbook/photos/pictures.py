"""Cats and dogs on disk, or two other classes, photos or drawings, in one call and in one form."""

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from convbook.arguments import whole_number
from convbook.photos import cache
from convbook.photos.checking import PROBLEMS
from convbook.photos.downloads import download
from convbook.photos.drawn import SEEDS_OF_A_PART, draw_files, first_seeds, hash_of_drawing_code
from convbook.photos.errors import PhotosError, in_words
from convbook.photos.forms import fingerprint, opened
from convbook.photos.kaggle import download_from_kaggle
from convbook.photos.manifest import CLASS_NAMES, FORMAT, PARTS, read_pictures, write_manifest
from convbook.photos.splits import TooFewPhotosError, copy_split, sizes_that_fit

VARIABLE = "CONVBOOK_PHOTOS"
SOURCES = ("drawn", "photos")
KAGGLES_PHOTOS_PER_CLASS = 12_500
ARCHIVE = "kagglecatsanddogs_5340.zip"
ARCHIVE_URL = f"https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/{ARCHIVE}"
ARCHIVE_BYTES = 824_887_076
FEW_TO_TRAIN = 100  # photos of a class, for a network from scratch


def print_notice(sentence):
    """Print a sentence on standard error without breaking a progress bar."""
    tqdm.write(sentence, file=sys.stderr)


@dataclass(frozen=True)
class _Request:
    """The arguments of one call of `prepare`."""

    sizes: dict
    seed: int
    progress: bool
    report: Callable
    fewer: bool

    def folder_name(self, *words):
        return "-".join([*(str(size) for size in self.sizes.values()), f"seed{self.seed}", *words])


def prepare(
    source,
    train=1000,
    validation=500,
    test=1000,
    folder=None,
    progress=True,
    *,
    size_px=64,
    seed=0,
    report=print_notice,
    fewer=False,
):
    """Put cats and dogs on disk: train, validation and test, with a folder cat and a folder dog in each.

    "drawn" draws them on the spot, in seconds: PNG files, each part from its own range of seeds.

    "photos" takes Kaggle's photos from the first of these that has them: the folder you name; what was prepared before;
    Kaggle itself, with a token; the same photos in Microsoft's public archive, 787 MB, without an account. Every photo
    is decoded once; broken ones, copies of others and pictures above 50 million pixels are left out and counted. What
    is not an upright RGB JPEG already becomes one. Which photo goes where depends on the seed and the photos' names
    alone. When one source fails, a sentence says so before the next is tried.

    A folder that you name may hold photos of any two classes instead, in a folder for each: apples and pears, say.

    The result lies in `cache_folder()`, is complete or not there, and is used again by the next call.

    Args:
        source: "drawn" or "photos".
        train, validation, test: number of pictures per class, from 1.
        folder: for "photos": a folder of photos or a zip archive, as Kaggle gives them, in class folders, or already
            split; without it, what the environment variable `CONVBOOK_PHOTOS` names.
        progress: whether to show progress bars on standard error.
        size_px: height and width of drawn pictures. Photos keep their sizes.
        seed: seed of the split, or number of the set of drawings; sets of different numbers share no picture.
        report: function that is given a sentence when something happens that you should know.
        fewer: whether a folder that you name may have fewer photos than asked for. Then as many of each class as the
            smaller class has are shared out in the same proportions, or stay in the parts that they are in, and a
            sentence on standard output says what to expect.

    Returns:
        `Pictures`.

    Raises:
        ValueError: if a number is out of range, or a named folder is in no known form or has too few photos; the
            message shows what is needed.
        PhotosError: if photos can be found nowhere or the cache folder cannot be written; the message says what to do.

    Example:
        >>> pictures = prepare("drawn", train=3, validation=1, test=2, progress=False)
        >>> pictures.counts["train"], sorted(path.name for path in pictures.folder.iterdir())
        ({'cat': 3, 'dog': 3}, ['pictures.json', 'test', 'train', 'validation'])

    Source:
        J. Elson, J. Douceur, J. Howell and J. Saul, Asirra: A CAPTCHA that exploits interest-aligned manual image
        categorization, CCS 2007; the photos are a part of theirs.
    """
    if source not in SOURCES:
        raise ValueError(f"{source!r} is no source of pictures; use {' or '.join(map(repr, SOURCES))}.")
    if source == "drawn" and folder is not None:
        raise ValueError(f"folder is {str(folder)!r}, and drawn pictures come from none; use the source 'photos'.")
    request = _Request(_sizes(train, validation, test), whole_number("seed", seed, smallest=0), progress, report, fewer)
    with cache.explained(cache.cache_folder()):
        return _drawn(request, size_px) if source == "drawn" else _photos(request, folder)


def prepare_run(run, size_px, **options):
    """Prepare the pictures of a run, or as many as a folder that you name has; see `prepare`.

    Args:
        run: a `Run`, which says where pictures come from and how many of each class.
        size_px: height and width of drawn pictures. Photos keep their sizes.
        options: further arguments of `prepare`, by name: folder, progress, seed, report.

    Returns:
        `Pictures`. Their `counts` may be smaller than the numbers of the run.
    """
    sizes = {part: getattr(run, f"{part}_pictures") for part in PARTS}
    return prepare(run.pictures, **sizes, size_px=size_px, fewer=True, **options)


def _drawn(request, size_px):
    if max(request.sizes.values()) > SEEDS_OF_A_PART:
        raise ValueError(f"sizes are {request.sizes}; draw at most {SEEDS_OF_A_PART} pictures per class and part.")

    def fill(folder):
        draw_files(folder, request.sizes, size_px, request.seed, request.progress)
        starts = ", ".join(f"{part} {first}" for part, first in first_seeds(request.seed).items())
        origin = f"drawn cats and dogs, {size_px}x{size_px} pixels, seeds from: {starts}"
        write_manifest(folder, origin, request.seed, dict.fromkeys(PROBLEMS, 0))

    target = cache.cache_folder() / "drawn" / request.folder_name(f"{size_px}px", hash_of_drawing_code())
    return read_pictures(target) or _build_once(target, fill, request.report)


def _photos(request, folder):
    named = folder or os.environ.get(VARIABLE)
    if named:
        path = Path(named).expanduser()
        form = "archive" if path.is_file() else "folder"
        return _prepared_from(path, f"photos from the {form} {path.resolve().name}", request, request.fewer)
    return _prepared_before(request) or _downloaded(request)


def _prepared_from(path, origin, request, fewer=False):
    """Return the split of the photos at a path: the one made before if the files are the same, or a new one."""
    if not os.path.exists(path):
        raise PhotosError(f"There is no folder {path}: name one that exists, in {VARIABLE} or as folder=….")
    digest = hashlib.sha256(f"{FORMAT} {origin} {fingerprint(path)}".encode()).hexdigest()[:8]

    def prepared(sizes_of, *words):
        target = _area() / request.folder_name(*words)

        def fill(folder):
            with opened(path, folder.parent) as parts:
                dropped = copy_split(parts, folder, sizes_of(parts), request.seed, request.progress)
            write_manifest(folder, origin, request.seed, dropped)

        return read_pictures(target) or _build_once(target, fill, request.report)

    try:
        return prepared(lambda parts: request.sizes, digest)
    except TooFewPhotosError:
        if not fewer:
            raise
    pictures = prepared(lambda parts: sizes_that_fit(parts, request.sizes, request.progress), "fewer", digest)
    print(_what_to_expect(pictures, request.sizes))  # a built page shows standard output alone
    return pictures


def _what_to_expect(pictures, sizes):
    """One sentence on photos that are fewer than asked for."""
    train, validation, test = (min(pictures.counts[part].values()) for part in PARTS)
    tested = sum(pictures.counts["test"].values())
    points = 196 * (0.25 / tested) ** 0.5  # half of a 95 % interval, widest where one answer in two is right
    sentence = (
        f"Fewer photos than asked for: per class {train} train, {validation} validation and {test} test photos instead "
        f"of {sizes['train']}, {sizes['validation']} and {sizes['test']}, so that an accuracy on all {tested} test "
        f"photos is uncertain by up to ±{points:.0f} percentage points"
    )
    if train >= FEW_TO_TRAIN:
        return f"{sentence}."
    return f"{sentence}; a network from scratch will learn little from so few, but a pretrained base needs few."


def _prepared_before(request):
    """Return the cats and dogs that were prepared last for the same request, from any source."""
    folders = sorted(_area().glob(request.folder_name("????????")), key=lambda path: path.stat().st_mtime, reverse=True)
    found = filter(None, map(read_pictures, folders))
    return next((pictures for pictures in found if pictures.class_names == CLASS_NAMES), None)


def _downloaded(request):
    """Return photos from the network, downloaded by one process while others wait."""
    wanted = sum(request.sizes.values())
    if wanted > KAGGLES_PHOTOS_PER_CLASS:
        raise ValueError(
            f"{wanted} photos per class were asked for and Kaggle has {KAGGLES_PHOTOS_PER_CLASS}: ask for fewer, or "
            f"name a folder with more in {VARIABLE}."
        )
    downloads = cache.cache_folder() / "downloads"
    with cache.locked(downloads, request.report):
        return _prepared_before(request) or _download_and_prepare(request, downloads)


def _download_and_prepare(request, downloads):
    attempts = (
        ("Kaggle", download_from_kaggle, "Kaggle's dogs-vs-cats"),
        ("Microsoft's archive", lambda: _microsofts_archive(request, downloads), f"Microsoft's archive {ARCHIVE}"),
    )
    failures = []
    for name, obtain, origin in attempts:
        if failures:
            request.report(f"{failures[-1]}. Now trying {name} of the same photos (787 MB, no account needed).")
        try:
            return _prepared_from(obtain(), origin, request)
        except (PhotosError, ValueError) as error:
            failures.append(f"{name}: {in_words(error).rstrip('.')}")
    raise PhotosError(
        f"No photos were found. {'. '.join(failures)}. Connect to the network, or name a folder with the photos in "
        f"{VARIABLE}, or use the quick run (CONVBOOK_RUN=quick), which draws its pictures."
    )


def _microsofts_archive(request, downloads):
    def check(path):
        if path.stat().st_size != ARCHIVE_BYTES:
            raise PhotosError(f"{path} has {path.stat().st_size:,} bytes, and Microsoft's archive {ARCHIVE_BYTES:,}")
        with opened(path, downloads):
            pass

    download(ARCHIVE_URL, downloads / ARCHIVE, check, request.report, request.progress)
    return downloads / ARCHIVE


def _build_once(target, fill, report):
    """Build a folder, unless another process built it in the meantime."""
    with cache.locked(target.parent, report):
        if not (pictures := read_pictures(target)):
            cache.build(target, fill, read_pictures, report)
            pictures = read_pictures(target)
    return pictures


def _area():
    return cache.cache_folder() / "photos"


def _sizes(*sizes):
    return {part: whole_number(part, size) for part, size in zip(PARTS, sizes, strict=True)}
