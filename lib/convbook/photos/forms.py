"""The forms in which photos come: cats and dogs as Kaggle gives them, class folders, or already split."""

import contextlib
import hashlib
import os
import re
import unicodedata
from pathlib import Path

from convbook.photos.archives import open_archive, photos_in, unpack_member
from convbook.photos.checking import Photo
from convbook.photos.errors import PhotosError
from convbook.photos.manifest import CLASS_NAMES, PARTS

SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp"}
LABELLED = re.compile(r"(cat|dog)\.\d+\.\w+", flags=re.I)
CLASS_FOLDERS = {"cat": "cat", "cats": "cat", "dog": "dog", "dogs": "dog"}
PART_FOLDERS = {**{part: part for part in PARTS}, "val": "validation", "valid": "validation"}
ARCHIVES = ("train.zip", "dogs-vs-cats.zip", "kagglecatsanddogs_5340.zip")
DEEPEST = 4
MOST_NAMES = 8
MOST_FILES = 200_000
FORMS = (
    "it should hold train.zip or train/cat.0.jpg … train/dog.12499.jpg (as Kaggle gives them), or two class folders, "
    "such as cat and dog, or the folders train, validation and test with the two in each (already split)"
)


@contextlib.contextmanager
def opened(path, scratch):
    """Open photos in whatever form they come, in a folder or a zip archive; archives within unpack to `scratch`.

    Yields:
        Photos by part and class: {"train": {"cat": [Photo, …], "dog": […]}, "validation": …, "test": …}, or {None: {…}}
        where they are not split yet. The two classes are named after their folders, and sorted; a cat is a cat in
        Cats/1.jpg as well. The photos can be read until the end of the block.

    Raises:
        ValueError: if the photos are in no known form, or a class or a part is missing; the message shows the forms.
        PhotosError: if the path cannot be read, or an archive was cut off.
    """
    with contextlib.ExitStack() as stack:
        yield arrange(_labelled_files(path, scratch, stack), path)


def fingerprint(path):
    """Hash names, sizes and times of the photos and archives at a path, to notice when they change."""
    files = [path] if path.is_file() else [Path(entry) for _, entry in _walk(path, {*SUFFIXES, ".zip"})]
    lines = [f"{path.absolute()}"]
    for file in sorted(files):
        status = file.stat()
        lines.append(f"{file}\t{status.st_size}\t{status.st_mtime_ns}")
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def arrange(files, origin):
    """Sort files, {relative path with slashes: anything}, by the part and class that their paths say.

    Returns and refuses what `opened` does; `origin` is what the files are in, for messages.

    Example:
        >>> arrange({"PetImages/Cat/0.jpg": 1, "PetImages/Dog/0.jpg": 2, "readme.txt": 3}, "the archive")
        {None: {'cat': [1], 'dog': [2]}}
        >>> arrange({"fruit/pears/1.jpg": 1, "fruit/apples/green/1.jpg": 2}, "the folder")
        {None: {'apples': [2], 'pears': [1]}}
    """
    found = {}
    for path, file in files.items():
        if parsed := _parse(path):
            root, part, class_name = parsed
            found.setdefault(root, {}).setdefault(part, {name: [] for name in CLASS_NAMES})[class_name].append(file)
    by_folder, inner = _by_folder(files)
    names = sorted({name for by_class in by_folder.values() for name in by_class})
    has_pets = any(all(by_class.values()) for parts in found.values() for by_class in parts.values())
    if not has_pets and (len(names) > 1 or not found):
        _refuse_other_than_two(names, by_folder, inner, origin)
        return _complete(by_folder, names, origin)
    if len(found) > 1:
        raise ValueError(
            f"There are several collections in {origin}, at {', '.join(sorted(root or '.' for root in found))}: "
            f"name the folder of one of them."
        )
    kinds = {CLASS_FOLDERS.get(name.lower(), name) for name in names}
    if len(kinds) > 2 and kinds.issuperset(CLASS_NAMES):
        raise ValueError(_too_many(names, origin))
    return _complete(next(iter(found.values())), CLASS_NAMES, origin)


def _by_folder(files):
    """Sort files by part and class folder, whatever its name is.

    Returns {None: {"apples": […], "pears": […]}}, and what is in each folder: {"apples": {None}, "pears": {"green"}},
    with None for a file.
    """
    paths = [(_readable(path).split("/")[:-1], path) for path in sorted(files) if _is_picture(path)]
    paths = [(folders, path) for folders, path in paths if folders]
    while len({folders[0] for folders, _ in paths}) == 1 and all(len(folders) > 1 for folders, _ in paths):
        paths = [(folders[1:], path) for folders, path in paths]
    is_split = all(folders[0].lower() in PART_FOLDERS for folders, _ in paths)
    parts, inner = {}, {}
    for folders, path in paths:
        inner.setdefault(folders[0], set()).add(folders[1] if len(folders) > 1 else None)
        part = PART_FOLDERS[folders.pop(0).lower()] if is_split else None
        if folders:
            parts.setdefault(part, {}).setdefault(folders[0], []).append(files[path])
    return parts, inner


def _readable(name):
    """The same name on every system, without bytes that are no UTF-8."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))


def _refuse_other_than_two(names, parts, inner, origin):
    """Raise an error unless these are the names of two class folders."""
    if not names:
        raise ValueError(
            f"There are no photos of cats and dogs, or of other classes, in {origin} (JPEG, PNG, GIF, BMP or WebP); "
            f"{FORMS}."
        )
    if len(names) == 1:
        raise ValueError(
            f"There is only one class folder with photos in {origin}, {names[0]}: put photos of something else into a "
            f"folder beside it."
        )
    shared = set.intersection(*inner.values())
    is_nested = None not in shared and all(within == shared for within in inner.values())
    if None in parts and is_nested and len(shared) > 1:
        raise ValueError(
            f"The folders {' and '.join(names[:MOST_NAMES])} in {origin} hold the same folders, "
            f"{' and '.join(sorted(shared)[:MOST_NAMES])}: name them train, validation and test if they are a split, "
            f"or put the photos of each class right into its folder."
        )
    of_a_split = [name for name in names if name.lower() in PART_FOLDERS]
    if of_a_split and None in parts:
        others = ", ".join(name for name in names if name not in of_a_split)
        raise ValueError(
            f"The folder {of_a_split[0]} in {origin} is named like a part of a split and stands beside {others}: "
            f"rename it if it is a class, or move the others away."
        )
    if len({name.casefold() for name in names}) < len(names):
        raise ValueError(
            f"Class folders in {origin} differ only in capital letters ({', '.join(names)}): give each class one name."
        )
    if len(names) > 2:
        raise ValueError(_too_many(names, origin))


def _too_many(names, origin):
    listed = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    return (
        f"There are {len(names)} class folders with photos in {origin} ({listed}), and the book tells two apart: "
        f"copy two of them into a folder, and name that."
    )


def _complete(parts, class_names, origin):
    """Return photos by part and class, joined where they are not split; refuse a part or a class that is missing."""
    parts = {
        part: {name: by_class.get(name, []) for name in class_names}
        for part, by_class in _join_parts(parts, class_names, origin).items()
    }
    for part, by_class in parts.items():
        for class_name, other in (class_names, class_names[::-1]):
            if not by_class[class_name]:
                raise ValueError(
                    f"There are {other} photos and no {class_name} photos in {part or 'the photos'} of {origin}, its "
                    f"folder {class_name} is missing or empty: put the photos there; {FORMS}."
                )
    return parts


def _join_parts(parts, class_names, origin):
    if set(parts) <= {None, "train"}:  # a folder train alone is Kaggle's, and still to be split
        return {None: {name: [file for by_class in parts.values() for file in by_class[name]] for name in class_names}}
    if missing := [part for part in PARTS if part not in parts]:
        raise ValueError(f"There is no folder {' and no folder '.join(missing)} with photos in {origin}; {FORMS}.")
    return {part: parts[part] for part in PARTS}


def _parse(path):
    """Return collection, part and class of "PetImages/train/Cat/3.jpg", or None for what is no labelled picture."""
    *folders, name = path.split("/")
    if not _is_picture(path):
        return None
    class_name = CLASS_FOLDERS.get(folders[-1].lower()) if folders else None
    if class_name:
        folders.pop()
    elif label := LABELLED.fullmatch(name):
        class_name = label[1].lower()
    else:
        return None
    part = PART_FOLDERS.get(folders[-1].lower()) if folders else None
    if part:
        folders.pop()
    return "/".join(folders), part, class_name


def _is_picture(path):
    hidden = any(word.startswith((".", "__MACOSX")) for word in path.split("/"))
    return not hidden and os.path.splitext(path)[1].lower() in SUFFIXES


def _labelled_files(path, scratch, stack):
    """The files of a folder, or of an archive in it if it has no photos itself, or of an archive in that."""
    if path.is_dir():
        files = _files_in(path)
        inner = next((path / name for name in ARCHIVES if (path / name).is_file()), None)
        if inner is None or any(map(_parse, files)):
            return files
        return _labelled_files(inner, scratch, stack)
    archive = stack.enter_context(open_archive(path))
    files = photos_in(archive)
    inner = next((name for name in archive.namelist() if name.rpartition("/")[2] == "train.zip"), None)
    if inner is None or any(map(_parse, files)) or path.parent == scratch:
        return files
    return _labelled_files(unpack_member(archive, inner, scratch), scratch, stack)


def _files_in(folder):
    photos = {}
    for relative, path in _walk(folder, SUFFIXES):
        photos[relative] = Photo(os.path.basename(path), os.path.getsize(path), Path(path).read_bytes)
    return photos


def _walk(folder, suffixes):
    """Yield relative and full path of the files with these suffixes, not deeper than photos can be."""

    def refuse(error):
        raise PhotosError(f"{error.filename} cannot be read ({error.strerror}): choose a readable one.") from error

    count = 0
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
        inside = os.path.relpath(parent, folder)
        levels = [] if inside == "." else inside.split(os.sep)
        folders[:] = [] if len(levels) >= DEEPEST else [name for name in folders if not name.startswith(".")]
        count += len(names)
        if count > MOST_FILES:
            raise ValueError(f"{folder} holds more than {MOST_FILES} files: name the folder of the photos alone.")
        for name in names:
            path = os.path.join(parent, name)
            if os.path.splitext(name)[1].lower() in suffixes and os.path.isfile(path):
                yield "/".join([*levels, name]), path
