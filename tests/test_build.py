"""The build, with the README's command on a tiny book: what it executes again, and that a failing chapter fails it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import nbformat
import pytest
import yaml
from chapters import AWKWARD, ROOT, code, markdown, notebook
from convbook_execution import read_again

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make to call the Makefile with")

COUNTED = """import os
from pathlib import Path
with Path(os.environ["EXECUTIONS"]).open("a") as executions:
    print("once more", file=executions)
from tiny import WORD
print(WORD)"""
MEETING = """import os, pathlib, time
folder = pathlib.Path(os.environ["EXECUTIONS"]).parent
(folder / "{mine}").touch()
while not (folder / "{other}").exists():
    time.sleep(0.1)
print("met {other}")"""
KERNEL_VARIABLES = ["JUPYTER_PREFER_ENV_PATH", "PYTHONWARNINGS", "TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"]
PROSE = "# A tiny chapter\n\nThe prose is {}."


class Book(NamedTuple):
    """A tiny book in a folder, with the real book's settings, style, extension and Makefile."""

    folder: Path

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def write_chapter(self, prose, source, name="01_tiny", kernel="python3"):
        cells = [markdown(PROSE.format(prose)), code(source)]
        for cell_id, cell in zip(("prose", "code"), cells, strict=True):
            cell.id = cell_id  # as in a chapter that is edited: the cells stay who they are
        chapter = notebook(*cells)
        chapter.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": kernel}
        self.write(f"book/{name}.ipynb", nbformat.writes(chapter))

    def write_contents(self, *names):
        contents = {"format": "jb-book", "root": "book/index", "chapters": [{"file": f"book/{name}"} for name in names]}
        self.write("_toc.yml", yaml.safe_dump(contents))

    def run(self, *command):
        """Run a command in the book's folder; the exit status, and how often the chapter was executed so far."""
        executions = self.folder / "executions"
        executions.touch()
        made = ("MAKE", "MFLAGS", "CONVBOOK", "TF_", "JUPYTER", "PYTHONWARNINGS")  # by a `make` around this test
        environment = {name: value for name, value in os.environ.items() if not name.startswith(made)}
        environment["PATH"] = f"{sys.prefix}/bin{os.pathsep}{environment['PATH']}"
        environment |= {"EXECUTIONS": str(executions), "PYTHONPATH": str(self.folder / "lib")}
        environment["HOME"] = "/dev/null/home"  # where nothing can be written
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True)
        return done.returncode, executions.read_text(encoding="utf-8").count("\n")

    def build(self, **variables):
        """Call `make book` with these variables."""
        variables = {"VENV": sys.prefix, "CONVBOOK_JOBS": "1", **variables}
        settings = [f"{name}={value}" for name, value in variables.items()]
        old = f"--old-file={sys.prefix}/.installed", "--old-file=photos"  # installs nothing, prepares no photos
        return self.run("make", "book", *settings, *old)

    def page(self, name="book/01_tiny"):
        return (self.folder / "_build" / "html" / f"{name}.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def empty_book(tmp_path_factory):
    """A book whose one chapter is still to be written."""
    book = Book(tmp_path_factory.mktemp("tiny"))
    shutil.copytree(ROOT / "book" / "assets", book.folder / "book" / "assets")
    for name in ("Makefile", "_config.yml", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, book.folder)
    book.write_contents("01_tiny")
    book.write("book/index.md", "# A tiny book\n\nIt has [a chapter](01_tiny.ipynb).\n")
    return book


@pytest.fixture
def book(empty_book, tmp_path):
    """A copy of the empty book in a folder with an awkward name, with a library of one word."""
    book = Book(shutil.copytree(empty_book.folder, tmp_path / AWKWARD))
    book.write("lib/tiny.py", 'WORD = "first"\n')
    return book


def test_chapter_is_executed_again_when_what_it_shows_may_change_and_at_no_other_time(book):
    book.write_chapter("old", COUNTED)
    assert book.build() == (0, 1)
    assert "first" in book.page()

    book.write_chapter("new", COUNTED)
    assert book.build() == (0, 1), "an edit of prose executes nothing"
    assert "The prose is new." in book.page()

    book.write("lib/other.py", "the chapter does not import it")
    assert book.build() == (0, 1), "a change of what the chapter does not read executes nothing"

    book.write("lib/word.txt", "second")
    book.write("lib/tiny.py", 'WORD = open(__file__.replace("tiny.py", "word.txt")).read()\n')
    assert book.build() == (0, 2), "a change of a module that the chapter imports executes it"
    assert "second" in book.page()

    book.write("lib/word.txt", "third")
    assert book.build() == (0, 3), "and so does a change of a file that the module opens"
    assert "third" in book.page()

    assert book.build(RUN="full") == (0, 4), "another run executes the chapter"

    book.write("requirements.txt", "# nothing\n")
    assert book.build() == (0, 5), "other requirements execute the chapter"


def test_a_page_is_read_again_until_it_was_read_with_the_outputs_that_there_are():
    app = SimpleNamespace(printed={"book/01_tiny": "at noon", "book/02_tiny": "at noon", "book/03_tiny": "at noon"})
    env = SimpleNamespace(found_docs={"book/01_tiny", "book/02_tiny"})
    assert read_again(app, env, set(), set(), set()) == ["book/01_tiny", "book/02_tiny"]
    app.printed = {**app.printed, "book/02_tiny": "at one"}
    assert read_again(app, env, set(), set(), set()) == ["book/02_tiny"]
    assert read_again(app, env, set(), set(), set()) == []


def test_the_build_by_hand_is_that_of_make(book):
    source = f"import os\nprint(*[os.environ.get(name) for name in {KERNEL_VARIABLES}])\n{COUNTED}"
    book.write_chapter("old", source)
    book.write("book/13_what_we_learned.md", "# A page that moved\n")
    book.write_contents("01_tiny", "13_what_we_learned")
    assert book.run("jupyter-book", "build", ".") == (0, 1)
    page = book.page()
    assert "1 ignore::DeprecationWarning 3 1\n" in page
    assert book.build() == (0, 1), "nothing is executed again"
    assert book.page() == page
    assert 'content="0; url=book/index.html"' in book.page("index")
    old_address = book.page("book/12_what_we_learned")
    assert 'content="0; url=13_what_we_learned.html"' in old_address
    assert "A page that moved</a>" in old_address


def test_a_check_of_links_executes_nothing(book):
    book.write_chapter("old", COUNTED)
    assert book.run("make", "links", f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.installed") == (0, 0)


def test_failing_chapter_fails_the_build_every_time(book):
    book.write_chapter("sound", "1 / 0")
    assert book.build()[0] != 0
    assert book.build()[0] != 0, "the second build must not take the failure from the cache"
    book.write_chapter("sound", "1 / 1")
    assert book.build()[0] == 0


def test_two_chapters_are_executed_at_a_time_where_that_is_asked_for(book):
    book.write_contents("01_tiny", "02_tiny")
    book.write_chapter("first", MEETING.format(mine="one", other="two"))
    book.write_chapter("second", MEETING.format(mine="two", other="one"), "02_tiny", kernel="of another project")
    book.write_chapter("stray", "1 / 0", "Untitled")
    book.write("book/Untitled1.ipynb", "")
    assert book.build(CONVBOOK_JOBS="2")[0] == 0, "each waits for the other, so one at a time neither would end"
    assert "met two" in book.page()
    assert "met one" in book.page("book/02_tiny")

    assert not (book.folder / "_build" / "html" / "book" / "Untitled.html").exists(), "the contents do not name it"

    book.write_chapter("second", "1 / 0", "02_tiny")
    assert book.build(CONVBOOK_JOBS="2")[0] != 0
