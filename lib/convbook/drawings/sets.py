"""Sets: many pictures with labels, drawn by several processes, and contact sheets of them."""

import json
import numbers
import os
import subprocess
import sys

import numpy as np
from tqdm import tqdm

from convbook.drawings.pictures import check_request, draw

PICTURES_WORTH_A_PROCESS = 400


def draw_set(kinds, pictures_per_kind, first_seed=0, size_px=64, difficulty=1.0, workers=None, progress=True):
    """Draw a labelled set with the same number of pictures of each kind.

    Args:
        kinds: sequence of names out of `PETS` and `WORLD`; a kind's label is its index in this sequence.
        pictures_per_kind: number of pictures of each.
        first_seed: seed of the first picture of each kind; the next ones follow. Sets of other seeds share no picture.
        size_px, difficulty: as for `draw`.
        workers: number of processes; None for one per processor, or a single one for a small set. The pictures do not
            depend on it.
        progress: whether to show a progress bar on standard error.

    Returns:
        Images, uint8 (n, size_px, size_px, 3), and labels, int64 (n,), with n = len(kinds) * pictures_per_kind. Kinds
        alternate: the first len(kinds) pictures show one of each.

    Raises:
        ValueError: if `kinds` is empty, holds a kind twice or an unknown one, or if a number is out of range.
        RuntimeError: if a process ends early.

    Example:
        >>> images, labels = draw_set(("cat", "dog"), pictures_per_kind=2, progress=False)
        >>> images.shape, labels.tolist()
        ((4, 64, 64, 3), [0, 1, 0, 1])
    """
    kinds = _check_set(kinds, pictures_per_kind, first_seed, size_px, difficulty, workers)
    images = np.empty((len(kinds) * pictures_per_kind, size_px, size_px, 3), np.uint8)
    request = (kinds, pictures_per_kind, first_seed, size_px, difficulty)
    workers = workers or _sensible_workers(len(images))
    pictures = draw_all(*request) if workers == 1 else _draw_in_processes(request, images[0].nbytes, workers)
    for index, picture in enumerate(tqdm(pictures, "Drawing", len(images), unit=" pictures", disable=not progress)):
        images[index] = picture
    return images, np.tile(np.arange(len(kinds), dtype=np.int64), pictures_per_kind)


def draw_all(kinds, pictures_per_kind, first_seed, size_px, difficulty, share=0, shares=1):
    """Yield the pictures of a set in order, or every `shares`-th from number `share` on."""
    for index in range(share, len(kinds) * pictures_per_kind, shares):
        yield draw(kinds[index % len(kinds)], first_seed + index // len(kinds), size_px, difficulty)


def contact_sheet(kinds, pictures_per_kind=8, first_seed=0, size_px=64, difficulty=1.0, kinds_per_row=1, gap_px=2):
    """Draw a sheet with a row of pictures for each kind.

    Args:
        kinds, pictures_per_kind, first_seed, size_px, difficulty: as for `draw_set`.
        kinds_per_row: how many kinds stand side by side in a row.
        gap_px: width of the white lines around the pictures.

    Returns:
        The sheet, uint8 (height, width, 3).

    Raises:
        ValueError: as `draw_set`.

    Example:
        >>> contact_sheet(("cat", "dog"), pictures_per_kind=5, gap_px=4).shape
        (140, 344, 3)
    """
    images, _ = draw_set(kinds, pictures_per_kind, first_seed, size_px, difficulty, progress=False)
    by_kind = images.reshape(pictures_per_kind, -1, size_px, size_px, 3).swapaxes(0, 1)
    columns, rows = kinds_per_row * pictures_per_kind, -(-len(by_kind) // kinds_per_row)
    step = size_px + gap_px
    sheet = np.full((rows * step + gap_px, columns * step + gap_px, 3), 255, np.uint8)
    for index, picture in enumerate(by_kind.reshape(-1, size_px, size_px, 3)):
        top, left = (gap_px + number * step for number in divmod(index, columns))
        sheet[top : top + size_px, left : left + size_px] = picture
    return sheet


def _check_set(kinds, pictures_per_kind, first_seed, size_px, difficulty, workers):
    """Return the kinds as a tuple, or refuse what cannot be drawn."""
    if isinstance(kinds, str):
        raise ValueError(f"kinds is {kinds!r}; give a sequence of names, for instance ({kinds!r},).")
    kinds = tuple(kinds)
    if not kinds or len(set(kinds)) < len(kinds):
        raise ValueError(f"kinds is {kinds}; name at least one kind, and each only once.")
    for kind in kinds:
        check_request(kind, first_seed, size_px, difficulty)
    for name, value in (("pictures_per_kind", pictures_per_kind), ("workers", 1 if workers is None else workers)):
        if not isinstance(value, numbers.Integral) or value < 1:
            raise ValueError(f"{name} is {value}; give a whole number from 1.")
    return kinds


def _sensible_workers(pictures):
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(processors, pictures // PICTURES_WORTH_A_PROCESS))


def _draw_in_processes(request, picture_bytes, workers):
    """Yield the pictures of a set in order, each worker drawing its share and sending the bytes through a pipe.

    Separate programs rather than forks or `multiprocessing`: a fork of a process in which TensorFlow runs can hang, and
    `multiprocessing` starts the caller's script again where it has no `if __name__ == "__main__"`.
    """
    kinds, pictures_per_kind, _, size_px, _ = request
    processes = [_start_worker((*request, share, workers)) for share in range(workers)]
    try:
        for index in range(len(kinds) * pictures_per_kind):
            worker = processes[index % workers]
            picture = worker.stdout.read(picture_bytes)
            if len(picture) < picture_bytes:
                raise RuntimeError(
                    f"A drawing process ended early (exit status {worker.wait()}); draw with workers=1 to see why."
                )
            yield np.frombuffer(picture, np.uint8).reshape(size_px, size_px, 3)
    finally:
        for worker in processes:
            worker.kill()
            worker.wait()
            worker.stdout.close()


def _start_worker(request):
    path = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-m", "convbook.drawings.worker", json.dumps(request)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path})
