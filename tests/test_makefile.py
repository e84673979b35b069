"""What `make` calls, in a folder with an awkward name, and what it says when it cannot, before it has done anything.

No Python is started: shell scripts stand in for it.
"""

import os
import shutil
import subprocess
import sys

import pytest
from chapters import AWKWARD, ROOT

# Stand-ins for a Python: shell scripts that answer the Makefile's questions as such a Python would.
NO_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; *) exit 0;; esac\n'
TOO_OLD = '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n'
# An environment's Python that answers the full run's question for a GPU, and is asked for photos.
WITHOUT_GPU = '#!/bin/sh\n[ "$1" = -c ] && exit 1\necho "$@" >> called\n'
WITHOUT_PHOTOS = '#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "$@" >> called\necho "No photos were found." >&2\nexit 1\n'
WITH_ALL = '#!/bin/sh\n[ "$1" = -c ] || echo "$@" >> called\nenv > environment\n'
# A Python that makes an environment which holds a copy of itself.
MAKES_ONE = (
    '#!/bin/sh\n[ "$2" != venv ] || { mkdir -p "$3/bin"; cp "$0" "$3/bin"; }\n[ "$2" != pip ] || exit $PIP_FAILS\n'
)

SUPPORTED = "needs Python 3.11, 3.12 or 3.13 and found"
NO_VENV_MODULE = "no venv module: install it (Debian and Ubuntu: apt install python3-venv)"
FULL_DISK = "The installation needs 9000000000000 kB and .venv has"
NO_GPU = "The full run needs a GPU, and TensorFlow sees none here: take a machine that has one"
BLANK = "make cannot work in a folder with a blank in its name; name one without: make VENV=/path/to/folder."
FOREIGN = "holds something that make did not put there: "


@pytest.fixture
def folder(tmp_path):
    """A folder with an awkward name that holds a Makefile and nothing to install."""
    folder = tmp_path / AWKWARD
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("requirements.txt", "pyproject.toml"):
        (folder / name).touch()
    return folder


@pytest.fixture
def make(folder):
    """A function that calls make, with these scripts in bin/; returns whether it fails, and what it says."""
    if not shutil.which("make"):
        pytest.skip("there is no make here to ask")

    def run(target, scripts, environment=None, **variables):
        (folder / "bin").mkdir(exist_ok=True)
        for name, script in scripts.items():
            (folder / "bin" / name).write_text(script)
            (folder / "bin" / name).chmod(0o755)
        # Without what a `make test` around this test hands on.
        ours = ("MAKE", "MFLAGS", "CONVBOOK", "NETWORK", "PYTHONPATH", "VENV")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        command = ["make", target, *(f"{name}={value}" for name, value in variables.items())]
        settings = {**inherited, "PATH": "/usr/bin:/bin", **(environment or {})}
        done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True)
        return done.returncode != 0, done.stdout, done.stderr

    return run


@pytest.fixture
def make_installed(folder, make):
    """The same where the folder itself is the environment, whose Python is this script."""
    (folder / ".installed").touch()  # newer than what should be installed

    def run(target, script, environment=None, **variables):
        return make(target, {"python": script}, environment, VENV=".", **variables)

    return run


def called(folder):
    """What Python was called with, a line a call."""
    file = folder / "called"
    return file.read_text().replace(str(folder), "HERE").splitlines() if file.exists() else []


@pytest.mark.parametrize(
    ("script", "settings", "said"),
    [
        (None, {}, f"{SUPPORTED} no Python: install one"),
        (TOO_OLD, {}, f"{SUPPORTED} Python 3.9.2: install one"),
        (NO_VENV, {}, NO_VENV_MODULE),
        (NO_VENV, {"NEEDED_KB": 9000000000000}, FULL_DISK),
        (NO_VENV, {"VENV": "bin"}, f"bin {FOREIGN}name a new folder"),
    ],
)
def test_what_an_installation_lacks_is_said_before_anything_is_made(make, folder, script, settings, said):
    if said == NO_VENV_MODULE and shutil.which("uv", path="/usr/bin:/bin"):
        pytest.skip("uv makes the environment here, so the venv module is not needed")
    scripts = {"python": script} if script else {}
    fails, _, message = make("book", scripts, PYTHON=folder / "bin" / "python", **{"VENV": ".venv", **settings})
    assert fails
    assert said in message
    assert not (folder / ".venv" / "bin").exists()


@pytest.mark.skipif(shutil.which("uv", path="/usr/bin:/bin") is not None, reason="uv makes the environment here")
def test_what_make_installed_it_removes_also_when_it_was_broken_off_and_nothing_else(make, folder):
    scripts, settings = {"python": MAKES_ONE, "jupyter-book": ""}, {"PYTHON": folder / "bin" / "python"}
    assert make("book", scripts, {"PIP_FAILS": "1"}, **settings)[0]
    assert (folder / ".venv" / "bin").exists()
    assert not make("book", scripts, {"PIP_FAILS": "0"}, **settings)[0], "the same command goes on"
    assert (folder / ".venv" / ".installed").exists()
    assert make("clean", {})[0] is False
    assert not (folder / ".venv").exists()

    make("book", scripts, {"PIP_FAILS": "1"}, **settings)
    assert make("clean", {})[0] is False
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize("venv", ["mine", "mine with/blanks", ".", "", "/"])
def test_clean_refuses_a_folder_that_make_did_not_make(make, folder, venv):
    for name in ("mine", "mine with", "with/blanks", "_build"):
        (folder / name).mkdir(parents=True)
        (folder / name / "precious").touch()
    before = sorted(folder.rglob("*"))
    fails, _, message = make("clean", {}, VENV=venv)
    assert fails
    assert (BLANK if venv in ("", "mine with/blanks") else f"{venv} {FOREIGN}remove it yourself") in message
    assert set(before) <= set(folder.rglob("*"))


BUILD = "HERE/bin/jupyter-book build ."
CALLS = {
    "book": [f"{BUILD} -W --keep-going"],
    "photos": ["-m convbook photos --run quick"],
    "test": [f"{BUILD} -W --keep-going", "-m pytest -n 2 --dist loadfile"],
    "check-runs": ["tests/check_runs.py --jobs 2"],
    "bench": ["tests/bench_figures.py", "tests/bench_pipelines.py", "tests/bench_photo_network.py"],
    "colab-check": ["tests/colab_check.py --run quick"],
    "colab-list": ["tests/colab_packages.py"],
    "pdf": ["book/assets/print_book.py"],
    "slides": ["book/assets/make_slides.py"],
    "links": [f"{BUILD} --path-output _build/links --builder linkcheck --quiet"],
    "serve": [f"{BUILD} -W --keep-going", "book/assets/serve.py _build/html 8000"],
    "clean": [],
    "help": [],
}


def test_every_target_is_tried():
    phony = next(line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if ".PHONY" in line)
    assert set(phony.split()[1:]) == set(CALLS)


@pytest.mark.parametrize("target", sorted({*CALLS} - {"clean"}))  # which is tried above
def test_every_target_works_in_a_folder_with_an_awkward_name(make_installed, folder, target):
    fails, said, message = make_installed(target, WITH_ALL)
    assert not fails, message
    assert called(folder) == CALLS[target]
    assert target != "help" or "make colab-check" in said


def test_the_environment_is_the_same_wherever_a_kernel_starts(make_installed, folder):
    """Relative folders are made whole, and modules of other projects are not seen."""
    settings = {"CONVBOOK_PHOTOS": "my photos", "CONVBOOK_CACHE": "/var/$HOME/a b", "PYTHONPATH": "/opt/other"}
    assert not make_installed("book", WITH_ALL, settings)[0]
    environment = (folder / "environment").read_text().replace(str(folder), "HERE").splitlines()
    assert {
        "CONVBOOK_PHOTOS=HERE/my photos",
        "CONVBOOK_CACHE=/var/$HOME/a b",
        "PYTHONPATH=HERE/lib",
    } <= set(environment)
    assert not make_installed("book", WITH_ALL, CONVBOOK_PHOTOS="../p", CONVBOOK_CACHE="~/c")[0]
    environment = (folder / "environment").read_text().replace(str(folder), "HERE").splitlines()
    assert {"CONVBOOK_PHOTOS=HERE/../p", "CONVBOOK_CACHE=~/c"} <= set(environment)


@pytest.mark.parametrize(
    ("python", "run", "said", "calls"),
    [
        (WITHOUT_GPU, "full", NO_GPU, []),
        (WITHOUT_PHOTOS, "full", "No photos were found.", ["-m convbook photos --run full"]),
        (WITHOUT_PHOTOS, "photos", "No photos were found.", ["-m convbook photos --run photos"]),
    ],
)
def test_a_run_on_photos_says_what_is_missing_before_it_builds(make_installed, folder, python, run, said, calls):
    fails, _, message = make_installed("book", python, RUN=run)
    assert fails
    assert said in message
    assert called(folder) == calls


@pytest.mark.parametrize(("run", "first"), [("quick", []), ("photos", ["-m convbook photos --run photos"])])
def test_photos_are_ready_before_the_book_is_built_and_need_no_gpu(make_installed, folder, run, first):
    fails, said, message = make_installed("book", WITHOUT_GPU.replace("$@", "$@ on $CONVBOOK_RUN"), RUN=run)
    assert not fails, message
    assert ("may not be published without Microsoft Research's permission" in said) == (run == "photos")
    assert called(folder) == [*(f"{line} on " for line in first), f"{CALLS['book'][0]} on {run}"]


def test_a_port_in_use_is_said_and_a_free_one_is_taken(folder, start_server):
    import http.client
    import http.server

    port = start_server(http.server.SimpleHTTPRequestHandler).server_port
    (folder / "index.html").write_text("a page")
    command = [sys.executable, ROOT / "book" / "assets" / "serve.py", folder, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as serving:
        try:
            assert serving.stdout.readline() == f"Port {port} is in use by another program, so this is a free one.\n"
            address = serving.stdout.readline().removeprefix("http://localhost:")
            connection = http.client.HTTPConnection("127.0.0.1", int(address.split()[0]))
            connection.request("GET", "/index.html")
            assert connection.getresponse().read() == b"a page"
        finally:
            serving.terminate()
