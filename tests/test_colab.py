"""The check in Colab's replica: its parts that install nothing. `make colab-check` is the whole."""

import os
import re
import shutil
import subprocess
import sys

import colab_check
import colab_figures
import colab_packages
import executing
import nbformat
import pytest
from chapters import NOTEBOOKS, ROOT, code, notebook, read_chapter, tracked_files

LISTING = colab_packages.LIST.read_text(encoding="utf-8")
SYSTEM = "# generated\nUbuntu 22.04.5 LTS\nPython 3.13.7\nR version 4.5.2\n"
FROZEN = "# generated\nnumpy==2.1.3\ngoogle-colab @ file:///colabtools\n-e git+https://x\n"
MANY = "".join(f"package_{number}==1.{number}\n" for number in range(400))


# --- the list


def test_the_committed_list_says_where_it_is_from_and_when_in_the_form_of_a_fetched_one():
    first_line = r"# .* Python 3\.\d+, as googlecolab/backend-info on GitHub had it on (20\d\d-\d\d-\d\d)\.\n"
    date = re.match(first_line, LISTING)[1]
    assert len(colab_packages.versions_in(LISTING)) >= colab_packages.FEWEST_PACKAGES
    assert colab_packages.make_listing(LISTING, f"Python {colab_packages.python_of(LISTING)}", date) == LISTING


def test_a_list_is_made_from_what_colab_publishes():
    listing = colab_packages.make_listing(FROZEN + MANY, SYSTEM, "2026-09-01")
    assert listing.startswith("# What Colab has installed beside Python 3.13, as ")
    assert "on 2026-09-01." in listing.splitlines()[0]
    assert colab_packages.python_of(listing) == "3.13"
    versions = colab_packages.versions_in(listing)
    assert (len(versions), versions["numpy"], versions["package-7"]) == (401, "2.1.3", "1.7")


@pytest.mark.parametrize(("frozen", "system"), [(FROZEN, SYSTEM), (MANY, "Ubuntu"), ("<html>no such page", SYSTEM)])
def test_what_looks_otherwise_is_no_list(frozen, system):
    with pytest.raises(ValueError, match=r"looks otherwise than it did: .* change tests/colab_packages\.py"):
        colab_packages.make_listing(frozen, system, "2026-09-01")


def test_a_list_without_its_first_line_is_refused():
    with pytest.raises(ValueError, match="names no Python: restore it"):
        colab_packages.python_of("numpy==2.1.3\n")


def test_fetching_writes_the_list_and_a_failure_leaves_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(colab_packages, "LIST", tmp_path / "packages.txt")
    colab_packages.LIST.write_text(LISTING, encoding="utf-8")
    monkeypatch.setattr(colab_packages, "fetch", {"pip-freeze.txt": "", "os-info.txt": ""}.__getitem__)
    assert colab_packages.main() == 1
    assert "could not be fetched. What googlecolab/backend-info published looks otherwise" in capsys.readouterr().err
    assert colab_packages.LIST.read_text(encoding="utf-8") == LISTING
    monkeypatch.setattr(colab_packages, "fetch", {"pip-freeze.txt": MANY, "os-info.txt": SYSTEM}.__getitem__)
    assert colab_packages.main() == 0
    assert "Python 3.13, 400 packages" in capsys.readouterr().out
    assert colab_packages.python_of(colab_packages.LIST.read_text(encoding="utf-8")) == "3.13"


# --- the replica


def stand_in(folder, version):
    """A Python that only says its version."""
    python = folder / f"python{version}"
    python.write_text(f"#!/bin/sh\necho {version} $0\n")
    python.chmod(0o755)
    return str(python)


def test_the_python_that_is_named_is_taken_and_else_one_on_the_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    python = stand_in(tmp_path, "3.99")
    assert colab_check.find_python("3.99", python) == python
    assert colab_check.find_python("3.99") == python
    assert colab_check.find_python(f"{sys.version_info.major}.{sys.version_info.minor}") == sys.executable


@pytest.mark.parametrize(("named", "found"), [(None, "none was found"), ("older", "older is none")])
def test_without_colabs_python_the_remedy_is_named(tmp_path, monkeypatch, named, found):
    monkeypatch.setenv("PATH", str(tmp_path))
    named = named and stand_in(tmp_path, "3.9")
    found = found.replace("older", str(named))
    message = f"Colab has Python 3.99, and {found}: install it (with uv: uv python install 3.99), or name it"
    with pytest.raises(colab_check.CheckError, match=re.escape(message)):
        colab_check.find_python("3.99", named)


def test_the_command_ends_with_that_sentence(monkeypatch, capsys):
    assert colab_check.main(["--python", "/no/such/python"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_environment_is_that_of_a_machine_that_nobody_set_up(monkeypatch, tmp_path):
    for name in ("CONVBOOK_RUN", "PYTHONPATH", "KERAS_BACKEND", "TF_NUM_INTRAOP_THREADS", "GIT_DIR", "MAKEFLAGS"):
        monkeypatch.setenv(name, "set")
    monkeypatch.setenv("LANG", "C.UTF-8")
    environment = executing.plain_environment(tmp_path, EXTRA="1")
    assert "set" not in environment.values()
    assert (environment["HOME"], environment["LANG"], environment["EXTRA"]) == (str(tmp_path), "C.UTF-8", "1")
    assert environment["CUDA_VISIBLE_DEVICES"] == ""


def test_the_run_on_photos_takes_the_folder_that_is_named_and_keeps_what_it_prepares(monkeypatch, tmp_path):
    assert colab_check.settings_of("quick", tmp_path) == {}
    wanted = {"CONVBOOK_RUN": "photos", "CONVBOOK_CACHE": str(tmp_path / "cache")}
    monkeypatch.delenv("CONVBOOK_PHOTOS", raising=False)
    assert colab_check.settings_of("photos", tmp_path) == wanted
    monkeypatch.setenv("CONVBOOK_PHOTOS", "mine")
    assert colab_check.settings_of("photos", tmp_path) == {**wanted, "CONVBOOK_PHOTOS": "mine"}


def test_what_an_installation_changed_is_told():
    before = {"numpy": "2.1.3", "keras": "3.13.2", "pip": "24"}
    after = {"numpy": "2.2.0", "pip": "24", "convbook": "git"}
    wanted = ["convbook: not there → git", "keras: 3.13.2 → gone", "numpy: 2.1.3 → 2.2.0"]
    assert colab_check.changes(before, after) == wanted
    assert colab_check.changes(before, dict(before)) == []


def test_the_books_address_leads_to_the_working_tree_and_others_nowhere(tmp_path):
    files = tracked_files()
    address = colab_check.address_of_the_book()
    settings = colab_check.host_of_the_repository(tmp_path / "host", address)
    environment = {**os.environ, **settings}

    def clone(address, name):
        command = ["git", "clone", "--quiet", address, str(tmp_path / name)]
        return subprocess.run(command, env=environment, capture_output=True).returncode

    assert clone(address, "book") == 0
    for path in files:
        assert (tmp_path / "book" / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    assert clone(colab_check.NOWHERE, "other") != 0


# --- notebooks


def test_the_first_error_is_told_with_its_cell_and_line():
    trace = [
        "\x1b[0;31mAssertionError\x1b[0m",
        "\x1b[0;32m----> 2\x1b[0m \x1b[0;32massert\x1b[0m height == 5\n      3 x",
    ]
    error = nbformat.v4.new_output("error", ename="AssertionError", evalue="", traceback=trace)
    failed = code("height = 4\nassert height == 5")
    failed.outputs = [error]
    told = "cell 2: AssertionError:  at: assert height == 5"
    assert executing.first_error(notebook(code("pass"), failed)) == told
    assert executing.first_error(notebook(code("pass"))) == ""


def test_setup_cell_alone_asks_for_another_address_and_leaves_the_chapter_as_it_is():
    alone = colab_check.setup_alone("https://github.com/a/b")
    assert len(alone.cells) == 1
    assert 'REPOSITORY = "https://github.com/a/b"\n' in alone.cells[0].source
    first = read_chapter(ROOT / "book" / f"{executing.chapter_names()[0]}.ipynb")
    assert "https://github.com/a/b" not in nbformat.writes(first)


REFUSED = "cell 1: SystemExit: The book's package could not be installed from"


@pytest.mark.parametrize(
    ("failure", "fine"),
    [
        (f"{REFUSED} 'https://x/y': is this its address?", True),
        (f"{REFUSED} 'https://x': is this its address?", False),
        (f"{REFUSED} 'https://x/y'.\nTry again.", False),
        ("cell 1: ModuleNotFoundError: No module named 'convbook'", False),
        ("", False),
    ],
)
def test_a_wrong_address_must_be_told_in_one_line_that_names_it(failure, fine):
    assert (colab_check.refusal_problems(failure, "https://x/y") == []) == fine


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("from convbook.figures import Window\nside = 3\nWindow(side)", "Window"),
        ("from convbook.figures import Window\nfigure = Window(3)", None),
        ("from convbook.figures import Window\nfigure = Window(3)\nfigure.side = 4\nfigure", "Window"),
        ("from convbook.figures import Window\nfigure = Window(3)\nside", None),
        ("from elsewhere import Window\nWindow(3)", None),
        ("from convbook.figures import Window\nplots.show(3)", None),
        ("", None),
    ],
)
def test_the_figure_of_a_cell_is_the_class_of_its_last_expression(source, name):
    assert colab_check.figure_of(source) == name


def test_every_cell_that_imports_a_figure_shows_it_and_stands_once_on_the_page_of_all_figures():
    cells = [cell for path in NOTEBOOKS for cell in read_chapter(path).cells if cell.cell_type == "code"]
    imports = sum("from convbook.figures import" in cell.source for cell in cells)
    assert imports >= 9
    assert sum(len(colab_check.live_figures(read_chapter(path))) for path in NOTEBOOKS) == imports
    setup, *figures = colab_check.figure_cells()
    assert "REPOSITORY =" in setup.source
    assert len(figures) == imports


@pytest.mark.parametrize(("browser", "missing"), [(None, "no Chromium"), ("chromium", "no classic Jupyter")])
def test_without_a_browser_or_jupyters_page_that_part_is_skipped_and_says_so(monkeypatch, capsys, browser, missing):
    monkeypatch.setattr(colab_figures, "find_browser", lambda: browser)
    report = executing.Report()
    colab_figures.check_figures(report, [], "false", dict(os.environ))
    assert capsys.readouterr().out.startswith(f"skipped live figures in a real page: there is {missing}")
    assert report.failures == []


def executed():
    """A notebook whose only cell shows a live figure as Colab needs it."""
    data = {colab_check.VIEW: {"model_id": "m1"}, "text/plain": "Window()"}
    metadata = {colab_check.VIEW: {"colab": {"custom_widget_manager": {"url": "https://colab.example/manager.js"}}}}
    cell = code("from convbook.figures import Window\nWindow(3)")
    cell.outputs = [nbformat.v4.new_output("display_data", data=data, metadata=metadata)]
    shown = notebook(cell)
    state = {"_anywidget_id": "convbook.figures.window.Window", "_esm": "export default liveFigure();"}
    shown.metadata["widgets"] = {colab_check.STATE: {"state": {"m1": {"model_module": "anywidget", "state": state}}}}
    return nbformat.from_dict(shown)


def test_a_live_figure_that_colab_would_not_show_is_found():
    assert colab_check.figure_problems(executed()) == []

    def state(shown):
        return shown.metadata["widgets"][colab_check.STATE]["state"]["m1"]["state"]

    for change, words in [
        (lambda shown, output: shown.cells[0].outputs.clear(), "cell 1: Window gave 0 widgets, not one"),
        (lambda shown, output: shown.metadata.pop("widgets"), "no state"),
        (lambda shown, output: state(shown).update(_anywidget_id="x.Other"), "no state"),
        (lambda shown, output: state(shown).update(_esm=""), "without its JavaScript"),
        (lambda shown, output: output.data.update({"text/html": "<p>"}), "as HTML too"),
        (lambda shown, output: output.metadata.clear(), "no widget manager"),
    ]:
        shown = executed()
        change(shown, shown.cells[0].outputs[0])
        assert words in colab_check.figure_problems(shown)[0]


IN_COLAB = """
import google.colab
from convbook.figures import PaddingAndStrides
data, metadata = PaddingAndStrides(height=5, width=6)._repr_mimebundle_()
assert "text/html" not in data, "the page's version came too"
print(metadata["application/vnd.jupyter.widget-view+json"]["colab"]["custom_widget_manager"]["url"])
"""


def test_a_figure_that_finds_the_stand_in_for_colab_asks_for_its_widget_manager(tmp_path):
    shutil.copytree(colab_check.STUB, tmp_path / "google" / "colab")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", IN_COLAB], env=environment, capture_output=True, text=True)
    assert done.stdout == "https://colab.example/custom-widget-manager.js\n", done.stderr


def test_a_report_counts_what_is_bad(capsys):
    report = executing.Report()
    report.tell("pip check")
    report.time("first chapter", 89.7, 90)
    assert report.failures == []
    report.tell("01_first_convnet: 30 s", ["cell 3: ValueError"])
    report.time("first chapter", 91, 90)
    assert len(report.failures) == 2
    said = capsys.readouterr().out
    assert "FAILED  01_first_convnet: 30 s\n        cell 3: ValueError\n" in said
    assert "FAILED  first chapter: 91 s (limit 90 s)\n        more than 90 s; was the machine busy" in said
