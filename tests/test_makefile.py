"""What `make` says when it cannot install or build: one sentence, before it has done anything."""

import os
import shutil
import subprocess

import pytest
from chapters import ROOT

# Stand-ins for a Python: shell scripts that answer the Makefile's questions as such a Python would.
NO_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; *) exit 0;; esac\n'
TOO_OLD = '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n'
# An environment's Python that answers the full run's question for a GPU, and is asked for photos then.
WITHOUT_GPU = '#!/bin/sh\n[ "$1" = -c ] && exit 1\necho "$@" >> called\n'
WITHOUT_PHOTOS = '#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "$@" >> called\necho "No photos could be had." >&2\nexit 1\n'

SUPPORTED = "needs Python 3.11, 3.12 or 3.13 and found"
NO_VENV_MODULE = "no venv module: install it (Debian and Ubuntu: apt install python3-venv)"
FULL_DISK = "The installation needs 9000000000000 kB and .venv has"
NO_GPU = "The full run needs a GPU, and TensorFlow sees none here: take a machine that has one"


@pytest.fixture
def make(tmp_path):
    """A function that calls `make book`, which must fail, beside bin/NAME for each script; returns what it says."""
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
        assert done.returncode != 0
        return done.stderr

    return run


@pytest.mark.parametrize(
    ("script", "settings", "said"),
    [
        (None, {}, f"{SUPPORTED} no Python: install one"),
        (TOO_OLD, {}, f"{SUPPORTED} Python 3.9.2: install one"),
        (NO_VENV, {}, NO_VENV_MODULE),
        (NO_VENV, {"NEEDED_KB": 9000000000000}, FULL_DISK),
    ],
)
def test_what_an_installation_lacks_is_said_before_anything_is_made(make, tmp_path, script, settings, said):
    if said == NO_VENV_MODULE and shutil.which("uv", path="/usr/bin:/bin"):
        pytest.skip("uv makes the environment here, so the venv module is not needed")
    scripts = {"python": script} if script else {}
    assert said in make(scripts, PYTHON=tmp_path / "bin" / "python", VENV=".venv", **settings)
    assert not (tmp_path / ".venv" / "bin").exists()


@pytest.mark.parametrize(
    ("python", "said", "called"),
    [
        (WITHOUT_GPU, NO_GPU, ""),
        (WITHOUT_PHOTOS, "No photos could be had.", "-m convbook photos\n"),
    ],
)
def test_the_full_run_says_what_is_missing_before_it_builds(make, tmp_path, python, said, called):
    scripts = {"python": python, "jupyter-book": "#!/bin/sh\necho built >> called\n"}
    assert said in make(scripts, RUN="full", VENV=tmp_path)
    calls = tmp_path / "called"
    assert (calls.read_text() if calls.exists() else "") == called
