"""The built wheel, as Colab installs it: it holds all the package's files, and with it alone a notebook runs.

An editable install hides forgotten files, so notebooks run here from the unpacked wheel, each alone in an empty folder,
with an empty home and with no way to another machine. No chapter is among them: the build executes each, in an empty
folder and offline too, and that the wheel holds the library's files is compared file by file.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from chapters import CHAPTERS, LIBRARY, ROOT, code, notebook, read_chapter, tracked_files

SECONDS_FOR_A_CELL = 300
MADE_BY_PYTHON = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")
BUILD = "from setuptools import build_meta; print(build_meta.build_wheel({folder!r}))"

OFFLINE = Path(__file__).parent / "offline" / "sitecustomize.py"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of the project, so that no earlier build is in it and none is left behind."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "lib", folder / "lib", ignore=MADE_BY_PYTHON)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    build = [sys.executable, "-c", BUILD.format(folder=str(folder))]
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def alone(wheel, tmp_path_factory):
    """An environment variable set in which Python finds the unpacked wheel first, no home and no network."""
    package = tmp_path_factory.mktemp("package")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(package)
    shutil.copy(OFFLINE, package)
    scratch = tmp_path_factory.mktemp("scratch")
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LD_LIBRARY_PATH")}
    return {
        **kept,
        "HOME": str(tmp_path_factory.mktemp("home")),
        "PYTHONPATH": str(package),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NETWORK_ATTEMPTS": str(scratch / "attempts"),
        "TMPDIR": str(scratch),
    }


def run_alone(chapter, folder, environment):
    """Execute a notebook in an empty folder; '' if it ran, asked for no other machine, left nothing; else a report."""
    nbformat.write(chapter, folder / "chapter.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={folder}"]
    command += ["--nbmake", f"--nbmake-timeout={SECONDS_FOR_A_CELL}", "chapter.ipynb"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    attempts = Path(environment["NETWORK_ATTEMPTS"])
    hosts = attempts.read_text(encoding="utf-8").split() if attempts.exists() else []
    attempts.unlink(missing_ok=True)
    left = sorted(path.name for path in folder.iterdir() if path.name != "chapter.ipynb")
    report = done.stdout + done.stderr if done.returncode else ""
    return report + (f"asked for {hosts}" if hosts else "") + (f"left {left} behind" if left else "")


def test_wheel_holds_every_file_of_the_package(wheel):
    files = {path.relative_to(LIBRARY.parent).as_posix() for path in tracked_files(LIBRARY)}
    assert "convbook/figures/base.js" in files
    with zipfile.ZipFile(wheel) as archive:
        assert sorted(files - set(archive.namelist())) == []


SOUND = """import convbook, socket
assert convbook.__file__.startswith({package!r}), convbook.__file__
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname())"""
UNSOUND = """import socket
for address in (("192.0.2.1", 80), ("example.org", 80)):
    try:
        socket.create_connection(address, timeout=1)
    except OSError:
        pass
open("weights.bin", "w").close()
open("picture.png")"""


def test_chapter_runs_with_the_wheels_package_and_may_use_this_machine(tmp_path, alone):
    assert not run_alone(notebook(code(SOUND.format(package=alone["PYTHONPATH"]))), tmp_path, alone)


def test_chapter_that_needs_more_than_the_wheel_is_found(tmp_path, alone):
    report = run_alone(notebook(code(UNSOUND)), tmp_path, alone)
    assert "FileNotFoundError" in report
    assert "asked for ['192.0.2.1', 'example.org']" in report
    assert "left ['weights.bin'] behind" in report


# All kinds of files that chapters read through the package: diagrams, results, networks, figures and their networks.
READS = """from convbook import backbones, checks, evidence, figures
plots.show_diagram("feature_extraction")
assert len(evidence.values(evidence.read("small-data"), "history_loss")) > 1
backbone, preprocessor = backbones.load("drawn_world", 64)
figures.NetworkWalk()
assert all(figure().to_html() for figure in (figures.PaddingAndStrides, figures.TeachIt, figures.Translation))"""


def test_what_chapters_read_of_the_package_comes_with_the_wheel(tmp_path, alone):
    setup = next(cell for cell in read_chapter(CHAPTERS[0]).cells if cell.cell_type == "code")
    assert "plots.use_book_style()" in setup.source
    assert not run_alone(notebook(code(setup.source), code(READS)), tmp_path, alone)
