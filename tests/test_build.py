"""The build, with the README's command on a tiny book: what it executes again, and that a failing chapter fails it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
import yaml
from chapters import ROOT, code, markdown, notebook

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make to call the Makefile with")

COUNTED = """import os
from pathlib import Path
with Path(os.environ["EXECUTIONS"]).open("a") as executions:
    print("once more", file=executions)
from tiny import WORD
print(WORD)"""
PROSE = "# A tiny chapter\n\nThe prose is {}."


class Book(NamedTuple):
    """A tiny book in a folder, with the real book's settings, style, extension and Makefile."""

    folder: Path

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def write_chapter(self, prose, source):
        cells = [markdown(PROSE.format(prose)), code(source)]
        for name, cell in zip(("prose", "code"), cells, strict=True):
            cell.id = name  # as in a chapter that is edited: the cells stay who they are
        self.write("book/01_tiny.ipynb", nbformat.writes(notebook(*cells)))

    def build(self, **variables):
        """Call `make book` with these variables; the exit status, and how often the chapter was executed so far."""
        executions = self.folder / "executions"
        executions.touch()
        environment = {**os.environ, "EXECUTIONS": str(executions), "PYTHONPATH": str(self.folder / "lib")}
        settings = [f"{name}={value}" for name, value in {"VENV": sys.prefix, **variables}.items()]
        command = ["make", "book", *settings, f"--old-file={sys.prefix}/.installed"]  # old: installs nothing
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True)
        return done.returncode, executions.read_text(encoding="utf-8").count("\n")

    def page(self):
        return (self.folder / "_build" / "html" / "01_tiny.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def empty_book(tmp_path_factory):
    """A book whose one chapter is still to be written."""
    book = Book(tmp_path_factory.mktemp("tiny"))
    shutil.copytree(ROOT / "book" / "assets", book.folder / "book" / "assets")
    for name in ("Makefile", "_config.yml", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, book.folder)
    book.write("_toc.yml", yaml.safe_dump({"format": "jb-book", "root": "index", "chapters": [{"file": "01_tiny"}]}))
    book.write("book/index.md", "# A tiny book\n\nIt has [a chapter](01_tiny.ipynb).\n")
    return book


@pytest.fixture
def book(empty_book, tmp_path):
    """A copy of the empty book, with a library of one word."""
    book = Book(shutil.copytree(empty_book.folder, tmp_path / "book"))
    book.write("lib/tiny.py", 'WORD = "first"\n')
    return book


def test_chapter_is_executed_again_when_what_it_shows_may_change_and_at_no_other_time(book):
    book.write_chapter("old", COUNTED)
    assert book.build() == (0, 1)
    assert "first" in book.page()

    book.write_chapter("new", COUNTED)
    assert book.build() == (0, 1), "an edit of prose executes nothing"
    assert "The prose is new." in book.page()

    book.write("lib/tiny.py", 'WORD = "second"\n')
    assert book.build() == (0, 2), "a change of the library executes the chapter"
    assert "second" in book.page()

    assert book.build(RUN="full") == (0, 3), "another run executes the chapter"

    book.write("requirements.txt", "# nothing\n")
    assert book.build() == (0, 4), "other requirements execute the chapter"


def test_failing_chapter_fails_the_build_every_time(book):
    book.write_chapter("sound", "1 / 0")
    assert book.build()[0] != 0
    assert book.build()[0] != 0, "the second build must not take the failure from the cache"
    book.write_chapter("sound", "1 / 1")
    assert book.build()[0] == 0
