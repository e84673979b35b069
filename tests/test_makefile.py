"""What `make` says when it cannot install: one sentence, before it has installed anything."""

import os
import shutil
import subprocess

import pytest
from chapters import ROOT

# Stand-ins for a Python: shell scripts that answer the Makefile's questions as such a Python would.
NO_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; *) exit 0;; esac\n'
TOO_OLD = '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n'


@pytest.fixture
def make(tmp_path):
    """Run `make book` with a stand-in for Python, without uv; returns what it says and whether it made anything."""
    if not shutil.which("make"):
        pytest.skip("there is no make here to ask")

    def run(script=None, **variables):
        python = tmp_path / "bin" / "python"
        python.parent.mkdir()
        if script:
            python.write_text(script)
            python.chmod(0o755)
        (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text(encoding="utf-8"))
        for name in ("requirements.txt", "pyproject.toml"):
            (tmp_path / name).touch()
        settings = [f"{name}={value}" for name, value in {"PYTHON": python, "VENV": ".venv", **variables}.items()]
        # Without what a `make test` around this test hands on.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        environment["PATH"] = "/usr/bin:/bin"
        done = subprocess.run(
            ["make", "book", *settings], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode != 0
        assert not (tmp_path / ".venv" / "bin").exists()
        return done.stderr

    return run


def test_no_python_is_said(make):
    assert "needs Python 3.11, 3.12 or 3.13 and found no Python: install one" in make()


def test_an_old_python_is_named(make):
    assert "needs Python 3.11, 3.12 or 3.13 and found Python 3.9.2: install one" in make(TOO_OLD)


def test_a_missing_venv_module_is_said_with_the_package_that_has_it(make):
    if shutil.which("uv", path="/usr/bin:/bin"):
        pytest.skip("uv makes the environment here, so the venv module is not needed")
    assert "no venv module: install it (Debian and Ubuntu: apt install python3-venv)" in make(NO_VENV)


def test_a_full_disk_is_said_with_what_is_needed(make):
    assert "The installation needs 9000000000000 kB and .venv has" in make(NO_VENV, NEEDED_KB=9000000000000)


# An environment's Python that answers the full run's question for a GPU, and is asked for photos then.
WITHOUT_GPU = '#!/bin/sh\n[ "$1" = -c ] && exit 1\necho "$@" >> called\n'
WITHOUT_PHOTOS = '#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "$@" >> called\necho "No photos could be had." >&2\nexit 1\n'


@pytest.mark.parametrize(
    ("python", "said", "called"),
    [
        (WITHOUT_GPU, "The full run needs a GPU, and TensorFlow sees none here: take a machine that has one", ""),
        (WITHOUT_PHOTOS, "No photos could be had.", "-m convbook photos\n"),
    ],
)
def test_the_full_run_says_what_is_missing_before_it_builds(tmp_path, python, said, called):
    if not shutil.which("make"):
        pytest.skip("there is no make here to ask")
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text(encoding="utf-8"))
    (tmp_path / "bin").mkdir()
    for name, script in (("python", python), ("jupyter-book", "#!/bin/sh\necho built >> called\n")):
        (tmp_path / "bin" / name).write_text(script)
        (tmp_path / "bin" / name).chmod(0o755)
    for name in ("requirements.txt", "pyproject.toml", ".installed"):
        (tmp_path / name).touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "book", "RUN=full", f"VENV={tmp_path}"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert said in done.stderr
    calls = tmp_path / "called"
    assert (calls.read_text() if calls.exists() else "") == called
