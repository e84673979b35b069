"""Zip archives from elsewhere: opened only if complete, read only if no entry leaves its folder."""

import functools
import re
import shutil
import stat
import zipfile

from convbook.photos.checking import Photo
from convbook.photos.errors import PhotosError, in_words

DRIVE = re.compile(r"[a-z]:", flags=re.I)


def open_archive(path):
    """Open a zip archive, which the caller closes, after a check of the names in it.

    Raises:
        PhotosError: if it is no zip or was cut off; get a complete copy.
        ValueError: if an entry would leave the folder that it is unpacked into, or is a link.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise PhotosError(f"{path} {_describe(path)}: put a complete copy in its place, and call again.") from error
    except OSError as error:
        raise PhotosError(f"{path} cannot be read ({in_words(error)}): choose a zip archive that can.") from error
    for entry in archive.infolist():
        if _leaves_its_folder(entry):
            archive.close()
            raise ValueError(
                f"{path} is not to be trusted, its entry {entry.orig_filename!r} is a link or leaves its folder: "
                f"nothing was unpacked; get the archive from where it was first published."
            )
    return archive


def photos_in(archive):
    """Return the files of an open archive: {"PetImages/Cat/0.jpg": Photo, …}.

    They can be read while it is open, from any thread.
    """
    photos = {}
    for entry in archive.infolist():
        if not entry.is_dir():
            path = entry.filename.replace("\\", "/")
            photos[path] = Photo(path.rpartition("/")[2], entry.file_size, functools.partial(archive.read, entry))
    return photos


def unpack_member(archive, name, folder):
    """Copy one file out of an open archive into a folder, and return the path of the copy.

    Raises:
        PhotosError: if the archive is damaged there; get a complete copy.
    """
    target = folder / name.replace("\\", "/").rpartition("/")[2]
    try:
        with archive.open(name) as source, open(target, "xb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise PhotosError(
            f"{archive.filename} is damaged at {name}: put a complete copy in its place, and call again."
        ) from error
    return target


def _leaves_its_folder(entry):
    path = entry.orig_filename.replace("\\", "/")
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return is_link or path.startswith("/") or ".." in path.split("/") or bool(DRIVE.match(path))


def _describe(path):
    with open(path, "rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith(b"<"):
        return "is a web page and not a zip archive (its link had expired)"
    return "is a zip archive that was cut off" if start.startswith(b"pk") else "is no zip archive"
