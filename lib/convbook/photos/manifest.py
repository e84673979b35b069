"""The manifest beside prepared pictures: where they come from, how many there are, what was dropped."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

PARTS = ("train", "validation", "test")
CLASS_NAMES = ("cat", "dog")
MANIFEST = "pictures.json"
FORMAT = 1


@dataclass(frozen=True)
class Pictures:
    """Pictures of two classes on disk, ready for `keras.utils.image_dataset_from_directory`.

    Attributes:
        folder: Path with the folders train, validation and test, each with the two class folders, such as cat and dog.
        source: where the pictures come from, in words that a stored result can hold.
        counts: number of pictures, {"train": {"cat": 1000, "dog": 1000}, …}.
        dropped: number of files that were left out, {"broken": 2, "duplicate": 0, "too large": 0}.
    """

    folder: Path
    source: str
    counts: dict
    dropped: dict

    @property
    def class_names(self):
        """Names of the two class folders, sorted: the names of the labels 0 and 1."""
        return tuple(self.counts["train"])


def write_manifest(folder, source, seed, dropped):
    """Write the manifest of a folder whose pictures are complete; `dropped` counts the files left out, by reason."""
    counts, sizes = _count_files(folder, sorted(os.listdir(folder / "train")))
    manifest = {"format": FORMAT, "source": source, "seed": seed, "counts": counts, "bytes": sizes, "dropped": dropped}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_pictures(folder):
    """Return the `Pictures` of a prepared folder, or None unless the files are those that its manifest counts."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        there = _count_files(folder, manifest["counts"]["train"])
        if manifest["format"] == FORMAT and (manifest["counts"], manifest["bytes"]) == there:
            return Pictures(folder, manifest["source"], manifest["counts"], manifest["dropped"])
    except (OSError, ValueError, TypeError, KeyError):
        pass
    return None


def _count_files(folder, class_names):
    """Count the files of each class and their bytes: cheap, and notices what was deleted, added or cut off."""
    counts, sizes = {}, {}
    for part in PARTS:
        counts[part], sizes[part] = {}, {}
        for class_name in class_names:
            with os.scandir(folder / part / class_name) as entries:
                found = [entry.stat().st_size for entry in entries]
            counts[part][class_name], sizes[part][class_name] = len(found), sum(found)
    return counts, sizes
