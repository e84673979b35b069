"""Every chapter on the runs `photos` and `full`, in miniature and offline: `make check-runs`.

The chapters run unchanged, with the settings of the run but for its sizes, in kernels that `miniature.py` starts. The
photos come from CONVBOOK_SHARED where it is set; elsewhere they are drawings, saved as photos are. One run or some
chapters alone: python tests/check_runs.py photos 09 10
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import miniature
from chapters import CHAPTERS, ROOT
from executing import Report, add_kernel, execute, load, plain_environment, processor_seconds
from PIL import Image, ImageEnhance

from convbook import drawings

RUNS = ("photos", "full")
SIZES = ((250, 187), (221, 333), (500, 374), (96, 96), (320, 240))  # width and height in pixels
ORIENTATION, QUARTER_TURN = 0x0112, 6  # of EXIF: the picture is shown turned clockwise


def choose(words):
    """Pairs of (run, chapter) that are meant: all runs if none is named, all chapters if no beginning of one is."""
    names = [path.stem for path in CHAPTERS]
    beginnings = [word for word in words if word not in RUNS]
    if unknown := [word for word in beginnings if not any(name.startswith(word) for name in names)]:
        raise ValueError(f"{unknown[0]!r} is neither {' nor '.join(RUNS)} nor the beginning of a chapter's name")
    chosen = [name for name in names if not beginnings or name.startswith(tuple(beginnings))]
    return [(run, name) for run in RUNS if run in words or not set(RUNS) & {*words} for name in chosen]


def save_photos(folder, shared=None):
    """Fill a folder with enough photos for the miniature: the first that are shared, or drawings that look like photos.

    The drawings are JPEGs of odd sizes, some high and some wide; some lie on their side and say so in their EXIF. Dogs
    are dark, so that an untrained base and the shortest training can tell them from cats.
    """
    count = sum(miniature.PICTURES.values())
    for class_name, brightness in (("cat", 1), ("dog", 0.25)):
        (folder / class_name).mkdir(parents=True)
        files = sorted(Path(shared).glob(f"photos/*/{class_name}/*.jpg"))[:count] if shared else []
        pictures = [Image.open(file) for file in files] or [draw_photo(class_name, seed) for seed in range(count)]
        for number, picture in enumerate(pictures):
            file = folder / class_name / f"{class_name}.{number}.jpg"
            ImageEnhance.Brightness(picture.convert("RGB")).enhance(brightness).save(file, exif=picture.getexif())


def draw_photo(class_name, seed):
    """A drawing with the size of a photo; each seventh as a camera saves it that was turned."""
    picture = Image.fromarray(drawings.draw(class_name, seed, size_px=64)).resize(SIZES[seed % len(SIZES)])
    if seed % 7 == 0:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
        picture.getexif()[ORIENTATION] = QUARTER_TURN
    return picture


def save_base_of_the_hub(environment):
    """Let another process save the stand-in for the hub's base: this one needs no Keras."""
    command = [sys.executable, miniature.__file__, "base"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"The stand-in for the base of the full run could not be saved:\n{done.stderr}")


def check(report, run, name, environment, log):
    """Execute a chapter on a run; what it asks another machine for is refused, and is a fault too."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as attempts:
        settings = {"CONVBOOK_RUN": run, "NETWORK_ATTEMPTS": attempts.name}
        seconds, failure = execute(load(name), "miniature", {**environment, **settings}, log)
        hosts = sorted(set(attempts.read().split()))
    problems = [failure] if failure else []
    problems += [f"asked for {', '.join(hosts)}"] if hosts else []
    report.tell(f"{run:6} {name}: {seconds:.0f} s", problems)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", help="a run, and beginnings of chapters' names; all if none is given")
    parser.add_argument("--jobs", type=int, default=2, help="how many chapters at a time (default: 2)")
    options = parser.parse_args(arguments)
    try:
        chosen = choose(options.what)
    except ValueError as error:
        parser.error(str(error))
    report, start, before_s = Report(), time.monotonic(), processor_seconds()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        add_kernel(folder, "miniature", [sys.executable, "-P", miniature.__file__])
        save_photos(folder / "photos", os.environ.get("CONVBOOK_SHARED"))
        (folder / "home").mkdir()
        environment = plain_environment(
            folder / "home",
            CONVBOOK_PHOTOS=str(folder / "photos"),
            KAGGLEHUB_CACHE=str(folder / "kagglehub"),
            PYTHONPATH=f"{ROOT / 'tests' / 'offline'}{os.pathsep}{ROOT / 'lib'}",
            TF_CPP_MIN_LOG_LEVEL="3",
            TF_ENABLE_ONEDNN_OPTS="1",
        )
        save_base_of_the_hub(environment)
        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(lambda pair: check(report, *pair, environment, folder / "log"), chosen))
    took = (
        f"{(time.monotonic() - start) / 60:.0f} minutes, {(processor_seconds() - before_s) / 60:.0f} of the processor"
    )
    print(
        f"{len(chosen)} chapters in miniature, {took}: {len(report.failures) or 'none'} failed",
        *report.failures,
        sep="\n",
    )
    return int(bool(report.failures))


if __name__ == "__main__":
    sys.exit(main())
