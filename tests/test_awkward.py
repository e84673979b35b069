"""Files, folders and settings as people have them: each gets one sentence that names the remedy, and nothing is lost.

A row of `CASES` is what a person has, how it reaches the book, and what the book says. Rows of a kind share a function
that makes the thing in an empty folder and hands it over; what the book then says is an error's message, or what it
prints.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import convbook_execution
import pytest
from chapters import CHAPTERS, ROOT, read_chapter, tagged
from keras.src.backend import config as keras_config  # before a test changes the home, which Keras looks at once
from sphinx.errors import ExtensionError

from convbook import runs, settings


class World(NamedTuple):
    """An empty folder, which is also the home, and the fixture that changes the environment for one test."""

    folder: Path
    patch: pytest.MonkeyPatch


class Case(NamedTuple):
    """What a person has, the function that hands it to the book, and the sentence, in which HERE is the folder."""

    name: str
    hand_over: callable
    sentence: str


# ---- how things reach the book: each returns what it says ------------------------------------------------------------


def keras_json(text):
    """A file in which other work left settings of Keras."""

    def hand_over(world):
        file = world.folder / ".keras" / "keras.json"
        file.parent.mkdir()
        file.write_text(text) if text is not None else file.mkdir()
        return runs.banner(runs.QUICK)

    return hand_over


def variable(name, value, in_file=None):
    """An environment variable, perhaps beside a file with settings of Keras."""

    def hand_over(world):
        world.patch.setenv(name, value)
        world.patch.chdir(world.folder)
        return keras_json(in_file)(world) if in_file else runs.banner(runs.current())

    return hand_over


def kernel(program):
    """The setup cell of a chapter in a kernel that has no book, after `program`, which makes the kernel what it is."""

    def hand_over(world):
        source = tagged(read_chapter(CHAPTERS[0]), "setup")[0][1].source
        # Without the packages of any environment, as in the Python of a system. Nothing is installed: this is no pip.
        (world.folder / "pip.py").write_text("import sys; sys.exit('fatal: repository not found')")
        command = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, '.')\n{program}\n{source}"]
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, cwd=world.folder, env=kept, capture_output=True, text=True)
        assert done.returncode == 1
        return done.stderr.strip().splitlines()[-1]

    return hand_over


def make(folder="book", **variables):
    """`make book` in a folder of this name, with these variables."""

    def hand_over(world):
        (world.folder / folder).mkdir()
        shutil.copy(ROOT / "Makefile", world.folder / folder)
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "VENV"))
        }
        command = ["make", "book", *(f"{name}={value}" for name, value in variables.items())]
        done = subprocess.run(command, cwd=world.folder / folder, env=inherited, capture_output=True, text=True)
        assert done.returncode == 2
        return done.stderr

    return hand_over


def port(number):
    """`make serve` with this port."""

    def hand_over(world):
        command = [sys.executable, ROOT / "book" / "assets" / "serve.py", world.folder, number]
        return subprocess.run(command, capture_output=True, text=True).stderr

    return hand_over


def chapter(text):
    """A file that _toc.yml names, with this text."""

    def hand_over(world):
        (world.folder / "book").mkdir()
        (world.folder / "book" / "01_tiny.ipynb").write_text(text, encoding="utf-8")
        contents = SimpleNamespace(external_site_map=["book/index", "book/01_tiny"])
        convbook_execution.read_chapters(SimpleNamespace(srcdir=world.folder, config=contents))

    return hand_over


IN_COLAB = "import types; sys.modules['google.colab'] = types.ModuleType('colab')"
AGAIN = "and restart the kernel."
IN_FILE = "HERE/.keras/keras.json says that"
NO_RUN = "which is no run of this book; set it to quick, photos or full."
BLANK = "and make cannot work in a folder with a blank in its name; name one without: make VENV=/path/to/folder."
NO_PORT = "and a port is a number from 1 to 65535: take another, such as PORT=8001."
NO_NOTEBOOK = (
    "book/01_tiny.ipynb is no notebook that can be read: fetch it back with `git checkout book/01_tiny.ipynb`, or take "
    "it out of _toc.yml."
)
NO_BOOK = "has no book: choose the one of the book's .venv, or install into this one 'convbook[imagenet] @ git+https://"

CASES = [
    Case(
        "keras.json: another backend",
        keras_json('{"backend": "jax"}'),
        f"{IN_FILE} backend is 'jax': write 'tensorflow' there, {AGAIN}",
    ),
    Case(
        "keras.json: another order of axes",
        keras_json('{"image_data_format": "channels_first"}'),
        f"{IN_FILE} image_data_format is 'channels_first': write 'channels_last' there, {AGAIN}",
    ),
    Case(
        "keras.json: other numbers",
        keras_json('{"floatx": "float16", "backend": "tensorflow"}'),
        f"{IN_FILE} floatx is 'float16': write 'float32' there, {AGAIN}",
    ),
    Case(
        "keras.json: a list",
        keras_json("[]"),
        f"HERE/.keras/keras.json holds no settings of Keras's: remove it, {AGAIN}",
    ),
    Case(
        "keras.json: a folder",
        keras_json(None),
        f"HERE/.keras/keras.json cannot be read (Is a directory): remove it, {AGAIN}",
    ),
    Case("keras.json: cut off, which Keras overlooks", keras_json('{"backend": "ja'), "quick run · Keras"),
    Case("keras.json: only an epsilon", keras_json('{"epsilon": 1e-07}'), "quick run · Keras"),
    Case(
        "KERAS_BACKEND: jax, without JAX",
        variable("KERAS_BACKEND", "jax"),
        f"KERAS_BACKEND is 'jax', and this book computes with 'tensorflow': set it to that, {AGAIN}",
    ),
    Case("KERAS_BACKEND: empty", variable("KERAS_BACKEND", ""), "quick run · Keras"),
    Case(
        "KERAS_BACKEND: tensorflow, which overrules the file",
        variable("KERAS_BACKEND", "tensorflow", in_file='{"backend": "torch"}'),
        "quick run · Keras",
    ),
    Case(
        "KERAS_HOME: a folder whose keras.json is another's",
        variable("KERAS_HOME", "~/.keras", in_file='{"backend": "torch"}'),
        f"{IN_FILE} backend is 'torch': write 'tensorflow' there, {AGAIN}",
    ),
    Case(
        "KERAS_MAX_EPOCHS: left by another's trial",
        variable("KERAS_MAX_EPOCHS", "1"),
        f"KERAS_MAX_EPOCHS is '1', and so Keras would end every training early: unset it, {AGAIN}",
    ),
    Case(
        "KERAS_MAX_STEPS_PER_EPOCH: no number",
        variable("KERAS_MAX_STEPS_PER_EPOCH", "few"),
        f"KERAS_MAX_STEPS_PER_EPOCH is 'few', and so Keras would end every training early: unset it, {AGAIN}",
    ),
    Case(
        "CONVBOOK_RUN: with a capital",
        variable("CONVBOOK_RUN", "Photos"),
        "CONVBOOK_RUN is 'Photos', which is no run of this book; set it to quick, photos or full.",
    ),
    Case(
        "CONVBOOK_PHOTOS: relative",
        variable("CONVBOOK_PHOTOS", "my photos"),
        "CONVBOOK_PHOTOS is 'my photos', which from here is 'HERE/my photos' and from elsewhere another folder: "
        f"set it to the whole path, {AGAIN}",
    ),
    Case(
        "CONVBOOK_CACHE: relative",
        variable("CONVBOOK_CACHE", "./cache"),
        "CONVBOOK_CACHE is './cache', which from here is 'HERE/cache' and from elsewhere another folder: "
        f"set it to the whole path, {AGAIN}",
    ),
    Case("CONVBOOK_CACHE: at home", variable("CONVBOOK_CACHE", "~/cache"), "quick run · Keras"),
    Case("CONVBOOK_CACHE: empty", variable("CONVBOOK_CACHE", ""), "quick run · Keras"),
    Case("setup cell: Debian's Python", kernel(""), NO_BOOK),
    Case("setup cell: an environment without pip", kernel("sys.modules['pip'] = None"), NO_BOOK),
    Case("make: a run with a typing error", make(RUN="fast"), f'RUN is "fast", {NO_RUN}'),
    Case("make: no run", make(RUN=""), f'RUN is "", {NO_RUN}'),
    Case("make: two runs", make(RUN="quick full"), f'RUN is "quick full", {NO_RUN}'),
    Case("make: an environment with a blank in its name", make(VENV="my env"), f'VENV is "my env", {BLANK}'),
    Case("make: no environment", make(VENV=""), f'VENV is "", {BLANK}'),
    Case("make: a folder with a colon in its name", make("a:b"), "holds a colon, HERE/a:b, which separates folders"),
    Case("make serve: no port", port(""), f"PORT is '', {NO_PORT}"),
    Case("make serve: a word for a port", port("http"), f"PORT is 'http', {NO_PORT}"),
    Case("make serve: port 0", port("0"), f"PORT is '0', {NO_PORT}"),
    Case("make serve: a port that is too large", port("70000"), f"PORT is '70000', {NO_PORT}"),
    Case("a chapter: an empty file", chapter(""), NO_NOTEBOOK),
    Case("a chapter: half of a merge", chapter("<<<<<<< ours\n{}"), NO_NOTEBOOK),
    Case("a chapter: cut off", chapter('{"cells": ['), NO_NOTEBOOK),
    Case("a chapter: the format of 2013", chapter('{"nbformat": 3, "nbformat_minor": 0, "metadata": {}}'), NO_NOTEBOOK),
    Case("setup cell: Colab, and an address that leads nowhere", kernel(IN_COLAB), "as pip says above: is this its"),
]


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A world in which nobody has set anything up."""
    for name in [name for name in os.environ if name.startswith(("CONVBOOK_", "KERAS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return World(tmp_path, monkeypatch)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_people_have_gets_a_sentence_that_names_the_remedy(world, case):
    try:
        said = case.hand_over(world)
    except (ValueError, OSError, ExtensionError) as error:
        said = str(error)
        assert "\n" not in said
    said = said.replace(str(world.folder), "HERE")
    assert case.sentence in said
    assert "Traceback" not in said


def test_no_two_cases_are_the_same():
    assert len({case.name for case in CASES}) == len(CASES)


def test_keras_takes_its_settings_from_the_file_that_the_book_looks_at():
    assert str(settings.keras_file().parent) == keras_config.keras_home()
