"""What is written down beside prepared pictures: where they come from, how many there are, what was dropped."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

PARTS = ("train", "validation", "test")
KINDS = ("cat", "dog")
RECORD = "pictures.json"
FORMAT = 1


@dataclass(frozen=True)
class Pictures:
    """Cats and dogs on disk, ready for `keras.utils.image_dataset_from_directory`.

    Attributes:
        folder: Path with the folders train, validation and test, each with the folders cat and dog.
        source: where the pictures come from, in words that a record of a measurement can hold.
        counts: number of pictures, {"train": {"cat": 1000, "dog": 1000}, …}.
        dropped: number of files that were passed over, {"broken": 2, "duplicate": 0, "too large": 0}.
    """

    folder: Path
    source: str
    counts: dict
    dropped: dict


def write_record(folder, source, seed, dropped):
    """Write the record of a folder whose pictures are complete.

    Args:
        folder: Path with train, validation and test.
        source: where the pictures come from, in words.
        seed: the seed of the split, or of the drawings.
        dropped: number of files passed over, by reason.
    """
    counts, sizes = _take_stock(folder)
    record = {"format": FORMAT, "source": source, "seed": seed, "counts": counts, "bytes": sizes, "dropped": dropped}
    (folder / RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_pictures(folder):
    """Read a prepared folder, if all of it is there.

    Args:
        folder: Path.

    Returns:
        `Pictures`, or None where there is no record, or the files are no longer those that it counted.
    """
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        whole = record["format"] == FORMAT and (record["counts"], record["bytes"]) == _take_stock(folder)
        return Pictures(folder, record["source"], record["counts"], record["dropped"]) if whole else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _take_stock(folder):
    """Count the files of each class and their bytes: cheap, and notices what was deleted, added or cut off."""
    counts, sizes = {}, {}
    for part in PARTS:
        counts[part], sizes[part] = {}, {}
        for kind in KINDS:
            with os.scandir(folder / part / kind) as entries:
                found = [entry.stat().st_size for entry in entries]
            counts[part][kind], sizes[part][kind] = len(found), sum(found)
    return counts, sizes
