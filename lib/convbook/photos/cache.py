"""The cache folder, and folders in it that are either whole or not there."""

import contextlib
import errno
import itertools
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from convbook.photos.errors import PhotosError

VARIABLE = "CONVBOOK_CACHE"
UNFINISHED = "unfinished-"
LOOK_AGAIN_SECONDS = 0.1
OLD_SECONDS = 24 * 3600

FULL = (errno.ENOSPC, errno.EDQUOT)
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


def cache_folder():
    """Tell where this book keeps what it prepared and downloaded; the folder need not exist yet.

    Returns:
        The folder that the environment variable `CONVBOOK_CACHE` names, or else `convbook` in the platform's folder for
        caches: LOCALAPPDATA on Windows, ~/Library/Caches on macOS, XDG_CACHE_HOME or ~/.cache elsewhere.

    Raises:
        PhotosError: if the variable is not set and there is no home folder; set it.

    Example:
        >>> cache_folder().is_absolute()
        True

    Source:
        XDG Base Directory Specification 0.8, which also says that a relative XDG_CACHE_HOME does not count.
    """
    try:
        if named := os.environ.get(VARIABLE):
            return Path(named).expanduser().absolute()
        return _platform_folder() / "convbook"
    except RuntimeError as error:
        raise PhotosError(f"There is no home folder: set {VARIABLE} to a folder that can be written.") from error


def _platform_folder():
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if os.path.isabs(named) else Path.home() / ".cache"


@contextlib.contextmanager
def explained(folder):
    """Turn a full disk and a folder that cannot be written into one sentence with the remedy.

    Args:
        folder: Path in the cache that is written to.

    Raises:
        PhotosError: instead of these two kinds of OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise PhotosError(
                f"The disk with {folder} is full: free some space on it or set {VARIABLE} to a folder on another disk, "
                f"and call again; what was there before is untouched."
            ) from error
        if error.errno in REFUSED:
            raise PhotosError(
                f"{error.filename or folder} cannot be written ({error.strerror}): set {VARIABLE} to a folder that can."
            ) from error
        raise


@contextlib.contextmanager
def locked(area, report):
    """Let one process at a time work in a folder of the cache, and clear away what killed ones left in it.

    The system takes the lock back when a process dies. Where the file system knows no locks, processes work side by
    side, and the first one that renames its result into place wins.

    Args:
        area: Path of the folder; made if need be.
        report: function that is told one sentence if this process has to wait.
    """
    area.mkdir(parents=True, exist_ok=True)
    with open(area / "lock", "ab") as file:
        alone = _lock(file, area, report)
        _clear(area, 0 if alone else OLD_SECONDS)
        yield


def build(target, fill, is_whole, report):
    """Fill a folder beside the target and rename it into place once it is whole.

    Args:
        target: Path of the folder to make. One that is already there and is not whole is kept under another name:
            perhaps somebody changed it on purpose.
        fill: function of the folder to write to.
        is_whole: function of a folder that tells whether it needs no building.
        report: function that is told one sentence if an old folder is renamed.
    """
    with scratch(target.parent) as unfinished:
        fresh = unfinished / target.name
        fresh.mkdir()
        fill(fresh)
        try:
            if not is_whole(target):
                _set_aside(target, report)
                fresh.rename(target)
        except OSError:
            if not is_whole(target):  # where there are no locks, another process may have been first
                raise


@contextlib.contextmanager
def scratch(area):
    """Make a folder for unfinished work in an area of the cache, gone at the end whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=area))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lock(file, area, report):
    """Wait for the lock; tell whether this file system has locks."""
    told = False
    while True:
        try:
            _try_lock(file)
            return True
        except (BlockingIOError, PermissionError):  # the second is what Windows says of a lock that another one holds
            if not told:
                report(f"Another process is at work in {area}; waiting for it.")
                told = True
            time.sleep(LOOK_AGAIN_SECONDS)
        except OSError:
            return False


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file):
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(file):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _clear(area, older_than_seconds):
    for folder in area.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime >= older_than_seconds:
                shutil.rmtree(folder, ignore_errors=True)


def _set_aside(target, report):
    if target.exists():
        names = (target.with_name(f"{target.name}.changed-{number}") for number in itertools.count(1))
        kept = next(path for path in names if not path.exists())
        target.rename(kept)
        report(f"{target} was changed since it was prepared: it is kept as {kept.name} and prepared again.")
