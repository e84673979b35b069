"""The cache folder, and folders in it that are either complete or not there."""

import contextlib
import errno
import itertools
import os
import shutil
import tempfile
import time
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from convbook.photos.errors import PhotosError

VARIABLE = "CONVBOOK_CACHE"
UNFINISHED = "unfinished-"
OLD_SECONDS = 24 * 3600

FULL = (errno.ENOSPC, errno.EDQUOT)
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


def cache_folder():
    """Return the folder of everything that this book prepares and downloads; it need not exist yet.

    Returns:
        The folder that the environment variable `CONVBOOK_CACHE` names, or else `convbook` in the platform's folder for
        caches, as `platformdirs` finds it: XDG_CACHE_HOME or ~/.cache on Linux, ~/Library/Caches on macOS, LOCALAPPDATA
        on Windows.

    Raises:
        PhotosError: if the variable is not set and there is no home folder; set it.

    Example:
        >>> cache_folder().is_absolute()
        True
    """
    try:
        if named := os.environ.get(VARIABLE):
            return Path(named).expanduser().absolute()
        folder = platformdirs.user_cache_path("convbook", appauthor=False, opinion=False).expanduser()
    except RuntimeError as error:
        raise PhotosError(f"There is no home folder: set {VARIABLE} to a folder that can be written.") from error
    return folder.absolute()


@contextlib.contextmanager
def explained(folder):
    """Raise a PhotosError with the remedy in place of the OSError of a full disk or of an unwritable folder."""
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

    The system releases the lock when a process dies. Where the file system has no locks, processes work side by side,
    and the first one that renames its result into place wins. `report` is given one sentence if this process waits.
    """
    area.mkdir(parents=True, exist_ok=True)
    lock = FileLock(area / "lock", fallback_to_soft=False)
    try:
        _clear(area, 0 if _acquire(lock, area, report) else OLD_SECONDS)
        yield
    finally:
        lock.release()


def build(target, fill, is_complete, report):
    """Let `fill(folder)` fill a folder beside the target, and rename it into place once it is complete.

    A target that is there and not complete is kept under another name, which `report` is told: perhaps somebody changed
    it on purpose. `is_complete(folder)` tells whether a folder needs no building.
    """
    with scratch(target.parent) as unfinished:
        fresh = unfinished / target.name
        fresh.mkdir()
        fill(fresh)
        try:
            if not is_complete(target):
                _set_aside(target, report)
                fresh.rename(target)
        except OSError:
            if not is_complete(target):  # where there are no locks, another process may have been first
                raise


@contextlib.contextmanager
def scratch(area):
    """Make a folder for unfinished work in an area of the cache; it is removed at the end, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=area))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _acquire(lock, area, report):
    """Wait for the lock; return False where the file system has no locks."""
    try:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            report(f"Another process is at work in {area}; waiting for it.")
            lock.acquire()
    except OSError as error:
        if error.errno in (*FULL, *REFUSED):
            raise
    return lock.is_locked


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
