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

from convbook.photos.checking import MOST_PIXELS, PROBLEMS, check
from convbook.photos.manifest import PARTS

AHEAD = 8  # photos in the queue of each thread
FEWEST = 2  # photos of a class in each part
ASK_FOR_FEWER = "ask for fewer with train=…, validation=… and test=…, or add photos"


class TooFewPhotosError(ValueError):
    """There are fewer good photos of a class than were asked for."""


def seeded_order(photos, class_name, seed):
    """Return the photos of one class, sorted into the order in which they are taken.

    A photo's position comes from a hash of the seed, its class and its number (or its name, if it has no number). So it
    is the same on every machine, whatever order the file system lists the files in, and the same for cat.12.jpg as for
    Cat/12.jpg.
    """

    def position(photo):
        identity = f"{seed}/{class_name}/{_identity(photo.name, class_name)}"
        return hashlib.sha256(identity.encode("utf-8", "surrogateescape")).digest(), photo.name

    return sorted(photos, key=position)


def copy_split(parts, folder, sizes, seed, progress):
    """Write the wanted number of good photos of each class into train, validation and test of an empty folder.

    Args:
        parts: photos by part and class, {"train": {"cat": [Photo, …], …}, …}; or {None: {…}} for photos that are not
            split yet: then one seeded order serves train first, validation next, and test last.
        sizes: number of photos per class, {"train": 1000, …}.

    Returns:
        Number of files dropped, by reason.

    Raises:
        TooFewPhotosError: if there are too few good photos.
    """
    _refuse_too_few(parts, sizes)
    dropped, seen = dict.fromkeys(PROBLEMS, 0), set()
    class_names = _class_names(parts)
    total = len(class_names) * sum(sizes.values())
    with _threads() as executor, tqdm(None, "Checking", total, unit=" photos", disable=not progress) as bar:
        for class_name in class_names:
            streams = {
                part: _good(seeded_order(by_class[class_name], class_name, seed), executor, dropped, seen)
                for part, by_class in parts.items()
            }
            for part in PARTS:
                photos = streams[part if part in streams else None]
                written = _write(itertools.islice(photos, sizes[part]), folder / part / class_name, class_name, bar)
                if written < sizes[part]:
                    raise TooFewPhotosError(_too_few(parts, part, class_name, sizes, dropped))
    return dropped


def sizes_that_fit(parts, sizes, progress):
    """Return the numbers of photos per class that `copy_split` can write where there are fewer than `sizes`.

    Photos that are split already keep their parts. Others are shared out in the proportions of `sizes`.

    Raises:
        TooFewPhotosError: if a part would have fewer than 2 photos of a class.
    """
    there = {part: dict.fromkeys(by_class, 0) for part, by_class in parts.items()}
    dropped, seen = {}, set()
    with _threads() as executor, tqdm(None, "Counting", unit=" photos", disable=not progress) as bar:
        for class_name, part in itertools.product(_class_names(parts), parts):
            counts = dropped[part, class_name] = dict.fromkeys(PROBLEMS, 0)
            for _ in _good(parts[part][class_name], executor, counts, seen):
                there[part][class_name] += 1
                bar.update()
    if None in parts:
        fitting = _share_out(min(there[None].values()), sizes)
        fewest = next(shares for n in itertools.count(1) if min((shares := _share_out(n, sizes)).values()) >= FEWEST)
    else:
        fitting = {part: min(sizes[part], *there[part].values()) for part in PARTS}
        fewest = dict.fromkeys(PARTS, FEWEST)
    for part in PARTS:
        if fitting[part] < FEWEST:
            where = None if None in parts else part
            class_name = min(there[where], key=there[where].get)
            raise TooFewPhotosError(_too_few(parts, part, class_name, fewest, dropped[where, class_name], "add photos"))
    return fitting


def _class_names(parts):
    return list(next(iter(parts.values())))


def _share_out(count, sizes):
    """Divide a number of photos into parts in the proportions of `sizes`."""
    ends = [count * end // sum(sizes.values()) for end in itertools.accumulate(sizes[part] for part in PARTS)]
    return {part: end - start for part, start, end in zip(PARTS, [0, *ends[:-1]], ends, strict=True)}


def _good(photos, executor, dropped, seen):
    """Yield name and bytes of the good photos in order, counting the others."""
    for photo, checked in _check_ahead(photos, executor):
        if checked.problem:
            dropped[checked.problem] += 1
        elif checked.digest in seen:
            dropped["duplicate"] += 1
        else:
            seen.add(checked.digest)
            yield photo.name, checked.data


def _check_ahead(photos, executor):
    """Yield photos with the outcome of their check in order, while threads check the next ones."""
    waiting = deque()
    for photo in photos:
        waiting.append((photo, executor.submit(check, photo)))
        if len(waiting) > AHEAD * _processors():
            photo, future = waiting.popleft()
            yield photo, future.result()
    for photo, future in waiting:
        yield photo, future.result()


def _write(photos, folder, class_name, bar):
    """Write the photos into a folder and return how many there were."""
    folder.mkdir(parents=True)
    taken = set()
    for name, data in photos:
        (folder / _file_name(name, class_name, taken)).write_bytes(data)
        bar.update()
    return len(taken)


def _identity(name, class_name):
    """What names the photo within its class: the number if it has one."""
    name = unicodedata.normalize("NFC", name)
    number = re.fullmatch(rf"(?:{re.escape(class_name)}[._ -]?)?(\d+)\.\w+", name, flags=re.I | re.A)
    return str(int(number[1])) if number else name


def _file_name(name, class_name, taken):
    """A name that every system accepts and that no photo of the folder has yet; adds it to those taken."""
    identity = _identity(name, class_name)
    stem = (
        f"{class_name}.{identity}" if identity.isdigit() else re.sub(r"[^\w.-]", "_", identity.rpartition(".")[0])[:100]
    )
    candidates = itertools.chain([f"{stem}.jpg"], (f"{stem}-{n}.jpg" for n in itertools.count(2)))
    chosen = next(name for name in candidates if name.lower() not in taken)
    taken.add(chosen.lower())
    return chosen


def _refuse_too_few(parts, sizes):
    """Raise an error before any photo is decoded, if there cannot be enough."""
    for part, by_class in parts.items():
        for class_name in by_class:
            if len(by_class[class_name]) < (sizes[part] if part else sum(sizes.values())):
                raise TooFewPhotosError(_too_few(parts, part, class_name, sizes, {}))


def _too_few(parts, part, class_name, sizes, dropped, remedy=ASK_FOR_FEWER):
    wanted = " + ".join(f"{sizes[name]} {name}" for name in PARTS)
    where, needed = ("", sum(sizes.values())) if None in parts else (f" for {part}", sizes[part])
    found = len(parts[None if None in parts else part][class_name])
    if dropped.get("too large"):
        remedy += f", and make those above {MOST_PIXELS // 1_000_000} million pixels smaller"
    causes = ", ".join(f"{count} {problem}" for problem, count in dropped.items() if count)
    return (
        f"There are too few {class_name} photos{where}: {found} found{f' ({causes} dropped)' if causes else ''}, "
        f"{needed} needed ({wanted}); {remedy}."
    )


@contextlib.contextmanager
def _threads():
    """Yield a pool of threads, not processes: Pillow releases Python's lock while it decodes."""
    executor = ThreadPoolExecutor(_processors())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, on odd EXIF data in good photos
            yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _processors():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
