"""How long 5,000 photos from Microsoft's archive take to prepare: `CONVBOOK_SHARED=… python tests/bench_photos.py`.

The book needs them in under 60 seconds on 2 cores. The archive is made of the real photos in the folder that
CONVBOOK_SHARED names, in the form of Microsoft's, with two broken files as there are in that one.
"""

import os
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from convbook import photos

REPETITIONS = 3


def make_archive(given, path):
    """Pack the photos as PetImages/Cat/0.jpg and so on, and return how many there are."""
    count = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for kind in ("cat", "dog"):
            files = sorted(given.glob(f"*/{kind}/*.jpg"))
            for number, file in enumerate(files):
                archive.write(file, f"PetImages/{kind.title()}/{number}.jpg")
            archive.writestr(f"PetImages/{kind.title()}/{len(files)}.jpg", b"")
            count += len(files)
    return count


def seconds_to_prepare(path, cache):
    """Prepare the photos into an empty cache."""
    os.environ["CONVBOOK_CACHE"] = str(cache)
    start = time.perf_counter()
    result = photos.prepare("photos", folder=path, progress=False)
    seconds = time.perf_counter() - start
    assert sum(count for kinds in result.counts.values() for count in kinds.values()) == 5000
    return seconds


if __name__ == "__main__":
    if "CONVBOOK_SHARED" not in os.environ:
        sys.exit("Set CONVBOOK_SHARED to a folder with photos/{train,validation,test}/{cat,dog}.")
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "kagglecatsanddogs_5340.zip"
        count = make_archive(Path(os.environ["CONVBOOK_SHARED"]) / "photos", archive)
        print(f"{count} photos, {archive.stat().st_size / 1e6:.0f} MB, {os.cpu_count()} processors")
        seconds = sorted(seconds_to_prepare(archive, Path(folder) / f"cache-{each}") for each in range(REPETITIONS))
        print(f"{seconds[REPETITIONS // 2]:.1f} s (best of {REPETITIONS}: {seconds[0]:.1f} s); needed: under 60 s")
