"""Training, validation and test photos: which photo goes where, and the copying."""

import contextlib
import hashlib
import itertools
import os
import re
import unicodedata
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from convbook.photos.checking import PROBLEMS, check
from convbook.photos.records import KINDS, PARTS

AHEAD = 8  # photos in the queue of each thread


def seeded_order(photos, kind, seed):
    """Put the photos of one class into the order in which they are taken.

    A photo's place comes from a hash of the seed, its class and its number (or its name, if it has no number), and so
    is the same on every machine, whatever order the file system lists them in; cat.12.jpg and Cat/12.jpg are one and
    the same place.

    Args:
        photos: list of `Photo`.
        kind: their class, "cat" or "dog".
        seed: a whole number.

    Returns:
        A new list.
    """

    def place(photo):
        return hashlib.sha256(f"{seed}/{kind}/{_identity(photo.name, kind)}".encode()).digest(), photo.name

    return sorted(photos, key=place)


def copy_split(parts, folder, sizes, seed, progress):
    """Write the wanted number of good photos of each class into train, validation and test.

    Args:
        parts: photos by part and class, {"train": {"cat": [Photo, …], …}, …}; or {None: {…}} for photos that are not
            split yet: then one seeded order serves train first, validation next, and test last.
        folder: Path of an empty folder to write into.
        sizes: number of photos per class, {"train": 1000, …}.
        seed: seed of the order.
        progress: whether to show a progress bar on standard error.

    Returns:
        Number of files dropped, by reason.

    Raises:
        ValueError: if there are too few good photos.
    """
    _refuse_too_few(parts, sizes)
    dropped, seen = dict.fromkeys(PROBLEMS, 0), set()
    total = len(KINDS) * sum(sizes.values())
    with _threads() as executor, tqdm(None, "Checking", total, unit=" photos", disable=not progress) as bar:
        for kind in KINDS:
            streams = {
                part: _good(seeded_order(kinds[kind], kind, seed), executor, dropped, seen)
                for part, kinds in parts.items()
            }
            for part in PARTS:
                photos = streams[part if part in streams else None]
                written = _write(itertools.islice(photos, sizes[part]), folder / part / kind, kind, bar)
                if written < sizes[part]:
                    raise ValueError(_too_few(parts, part, kind, sizes, dropped))
    return dropped


def _good(photos, executor, dropped, seen):
    """Yield name and bytes of the good photos in order, counting the others."""
    for photo, verdict in _checked(photos, executor):
        if verdict.problem:
            dropped[verdict.problem] += 1
        elif verdict.digest in seen:
            dropped["duplicate"] += 1
        else:
            seen.add(verdict.digest)
            yield photo.name, verdict.data


def _checked(photos, executor):
    """Yield photos with their verdicts in order, while threads check the next ones."""
    waiting = deque()
    for photo in photos:
        waiting.append((photo, executor.submit(check, photo)))
        if len(waiting) > AHEAD * _processors():
            photo, future = waiting.popleft()
            yield photo, future.result()
    for photo, future in waiting:
        yield photo, future.result()


def _write(photos, folder, kind, bar):
    """Write the photos into a folder and return how many there were."""
    folder.mkdir(parents=True)
    taken = set()
    for name, data in photos:
        (folder / _file_name(name, kind, taken)).write_bytes(data)
        bar.update()
    return len(taken)


def _identity(name, kind):
    """What names the photo within its class: the number if it has one."""
    name = unicodedata.normalize("NFC", name)
    number = re.fullmatch(rf"(?:{kind}[._ -]?)?(\d+)\.\w+", name, flags=re.I | re.A)
    return str(int(number[1])) if number else name


def _file_name(name, kind, taken):
    """A name that every system accepts and that no photo of the folder has yet; adds it to those taken."""
    identity = _identity(name, kind)
    stem = f"{kind}.{identity}" if identity.isdigit() else re.sub(r"[^\w.-]", "_", identity.rpartition(".")[0])[:100]
    candidates = itertools.chain([f"{stem}.jpg"], (f"{stem}-{n}.jpg" for n in itertools.count(2)))
    chosen = next(name for name in candidates if name.lower() not in taken)
    taken.add(chosen.lower())
    return chosen


def _refuse_too_few(parts, sizes):
    """Refuse before any photo is decoded, if there cannot be enough."""
    for part, kinds in parts.items():
        for kind in KINDS:
            if len(kinds[kind]) < (sizes[part] if part else sum(sizes.values())):
                raise ValueError(_too_few(parts, part, kind, sizes, {}))


def _too_few(parts, part, kind, sizes, dropped):
    wanted = " + ".join(f"{sizes[name]} {name}" for name in PARTS)
    where, needed = ("", sum(sizes.values())) if None in parts else (f" for {part}", sizes[part])
    found = len(parts[None if None in parts else part][kind])
    causes = ", ".join(f"{count} {problem}" for problem, count in dropped.items() if count)
    return (
        f"There are too few {kind} photos{where}: {found} found{f' ({causes} dropped)' if causes else ''}, {needed} "
        f"needed ({wanted}); ask for fewer with train=…, validation=… and test=…, or add photos."
    )


@contextlib.contextmanager
def _threads():
    """Threads, not processes: Pillow decodes outside Python's lock. What was queued is forgotten at the end."""
    executor = ThreadPoolExecutor(_processors())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, on odd EXIF data in good photos
            yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _processors():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
