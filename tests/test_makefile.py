"""What `make` says when it cannot install or build: one sentence, before it has done anything."""

import os
import shutil
import subprocess

import pytest
from chapters import ROOT

# Stand-ins for a Python: shell scripts that answer the Makefile's questions as such a Python would.
NO_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; *) exit 0;; esac\n'
TOO_OLD = '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n'
# An environment's Python that answers the full run's question for a GPU, and is asked for photos.
WITHOUT_GPU = '#!/bin/sh\n[ "$1" = -c ] && exit 1\necho "$@" >> called\n'
WITHOUT_PHOTOS = '#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "$@" >> called\necho "No photos were found." >&2\nexit 1\n'

SUPPORTED = "needs Python 3.11, 3.12 or 3.13 and found"
NO_VENV_MODULE = "no venv module: install it (Debian and Ubuntu: apt install python3-venv)"
FULL_DISK = "The installation needs 9000000000000 kB and .venv has"
NO_RUN = "which is no run of this book; set it to quick, photos or full"
NO_GPU = "The full run needs a GPU, and TensorFlow sees none here: take a machine that has one"


@pytest.fixture
def make(tmp_path):
    """A function that calls `make book` beside bin/NAME for each script; returns whether it fails, and what it says."""
    if not shutil.which("make"):
        pytest.skip("there is no make here to ask")

    def run(scripts, **variables):
        shutil.copy(ROOT / "Makefile", tmp_path)
        for name in ("requirements.txt", "pyproject.toml", ".installed"):  # in this order: what is installed is new
            (tmp_path / name).touch()
        (tmp_path / "bin").mkdir()
        for name, script in scripts.items():
            (tmp_path / "bin" / name).write_text(script)
            (tmp_path / "bin" / name).chmod(0o755)
        # Without what a `make test` around this test hands on.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        environment["PATH"] = "/usr/bin:/bin"
        command = ["make", "book", *(f"{name}={value}" for name, value in variables.items())]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        return done.returncode != 0, done.stdout, done.stderr

    return run


@pytest.mark.parametrize(
    ("script", "settings", "said"),
    [
        (None, {}, f"{SUPPORTED} no Python: install one"),
        (TOO_OLD, {}, f"{SUPPORTED} Python 3.9.2: install one"),
        (NO_VENV, {}, NO_VENV_MODULE),
        (NO_VENV, {"NEEDED_KB": 9000000000000}, FULL_DISK),
        (NO_VENV, {"RUN": "fast"}, f'RUN is "fast", {NO_RUN}'),
        (NO_VENV, {"RUN": ""}, f'RUN is "", {NO_RUN}'),
        (NO_VENV, {"RUN": "quick full"}, f'RUN is "quick full", {NO_RUN}'),
    ],
)
def test_what_an_installation_lacks_is_said_before_anything_is_made(make, tmp_path, script, settings, said):
    if said == NO_VENV_MODULE and shutil.which("uv", path="/usr/bin:/bin"):
        pytest.skip("uv makes the environment here, so the venv module is not needed")
    scripts = {"python": script} if script else {}
    fails, _, message = make(scripts, PYTHON=tmp_path / "bin" / "python", VENV=".venv", **settings)
    assert fails
    assert said in message
    assert not (tmp_path / ".venv" / "bin").exists()


@pytest.mark.parametrize(
    ("python", "run", "said", "called"),
    [
        (WITHOUT_GPU, "full", NO_GPU, ""),
        (WITHOUT_PHOTOS, "full", "No photos were found.", "-m convbook photos --run full\n"),
        (WITHOUT_PHOTOS, "photos", "No photos were found.", "-m convbook photos --run photos\n"),
    ],
)
def test_a_run_on_photos_says_what_is_missing_before_it_builds(make, tmp_path, python, run, said, called):
    scripts = {"python": python, "jupyter-book": "#!/bin/sh\necho built >> called\n"}
    fails, _, message = make(scripts, RUN=run, VENV=tmp_path)
    assert fails
    assert said in message
    calls = tmp_path / "called"
    assert (calls.read_text() if calls.exists() else "") == called


@pytest.mark.parametrize(("run", "first"), [("quick", ""), ("photos", "-m convbook photos --run photos\n")])
def test_photos_are_ready_before_the_book_is_built_and_need_no_gpu(make, tmp_path, run, first):
    scripts = {"python": WITHOUT_GPU, "jupyter-book": '#!/bin/sh\necho "built on $CONVBOOK_RUN" >> called\n'}
    fails, said, message = make(scripts, RUN=run, VENV=tmp_path)
    assert not fails, message
    assert ("may not be published without Microsoft Research's permission" in said) == (run == "photos")
    assert (tmp_path / "called").read_text() == f"{first}built on {run}\n"
