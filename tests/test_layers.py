"""The import layers of the library: who may use whom, and what may be slow to import."""

import ast
import subprocess
import sys

import pytest
from chapters import LIBRARY, dotted_name

# A module (or package of modules) imports only from lower layers. A new module is entered here first.
LAYERS = {
    **dict.fromkeys(
        ("arguments", "network", "settings", "shapes", "drawings", "environment", "files", "repository"), 0
    ),
    **dict.fromkeys(("evidence", "operations", "photos", "runs"), 1),
    **dict.fromkeys(("pipelines", "models", "backbones", "freezing", "checks", "receptive_fields", "digit_nets"), 2),
    **dict.fromkeys(("recording", "pretraining", "digit_pretraining", "plots", "figures"), 3),
    "experiments": 4,
    "photo_pretraining": 5,
    "__main__": 6,
}
LIGHT_LAYERS = (0, 1)  # import without TensorFlow and Keras: a reader of shapes waits for nothing
READ_THE_CURRENT_RUN = {"runs", "experiments"}


def library_sources():
    """The library's Python: {"checks.first_convnet": source, …}; a package goes by its own name."""
    paths = {path.relative_to(LIBRARY).with_suffix(""): path for path in LIBRARY.rglob("*.py")}
    names = {".".join(p.parts).removesuffix(".__init__"): path for p, path in paths.items()}
    return {name: path.read_text(encoding="utf-8") for name, path in names.items() if name != "__init__"}


def imported_modules(name, source):
    """The library's modules of the top level that a module imports, wherever in it the import stands."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = ["convbook", *name.split(".")][: -node.level] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            names += [f"{base}.{alias.name}" for alias in node.names] if base == "convbook" else [base]
    return {found.split(".")[1] for found in names if found.startswith("convbook.")}


def unknown_modules(sources):
    """Modules that the table does not hold."""
    return sorted({name.split(".")[0] for name in sources} - set(LAYERS))


def upward_imports(sources):
    """Imports that do not go to a lower layer, as sentences; within one package modules may import each other."""
    found = []
    for name, source in sources.items():
        own = name.split(".")[0]
        for other in sorted(imported_modules(name, source) - {own}):
            if LAYERS.get(other, 0) >= LAYERS.get(own, 0):
                found.append(f"{name} (layer {LAYERS.get(own)}) imports {other} (layer {LAYERS.get(other)})")
    return found


def readers_of_the_current_run(sources):
    """Modules that ask which run is current, by runs.current or by the environment variable behind it."""
    found = set()
    for name, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom):
                words = {f"{node.module}.{alias.name}" for alias in node.names}
            else:
                words = {dotted_name(node), node.value if isinstance(node, ast.Constant) else ""}
            if any(word == "CONVBOOK_RUN" or str(word).endswith("runs.current") for word in words):
                found.add(name)
    return sorted(name for name in found if name.split(".")[0] not in READ_THE_CURRENT_RUN)


def heavy_imports(names):
    """Which of TensorFlow and Keras a fresh interpreter has loaded after it imported these modules."""
    lines = [*(f"import {name}" for name in names), "import sys", "print({'tensorflow', 'keras'} & set(sys.modules))"]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    return ast.literal_eval(done.stdout.replace("set()", "{}"))


def test_every_module_stands_in_the_table():
    assert unknown_modules({"runs": "", "helpers": "", "helpers.more": ""}) == ["helpers"]
    assert unknown_modules(library_sources()) == []


@pytest.mark.parametrize(
    ("name", "source", "found"),
    [
        ("shapes", "from convbook import plots", 1),
        ("shapes", "import convbook.plots as drawing", 1),
        ("shapes", "def f():\n    from convbook.plots import show_images", 1),
        ("shapes", "from . import plots", 1),
        ("shapes", "from .plots import show_images", 1),
        ("checks.first", "from ..plots import show_images", 1),
        ("models", "from convbook.freezing import freeze", 1),
        ("operations", "from convbook import shapes\nimport numpy", 0),
        ("checks.first", "from .feedback import Feedback", 0),
        ("plots", "from . import operations", 0),
    ],
)
def test_import_from_the_same_or_a_higher_layer_is_found(name, source, found):
    assert len(upward_imports({name: source})) == found


def test_modules_import_only_from_lower_layers():
    assert upward_imports(library_sources()) == []


@pytest.mark.parametrize(
    "source",
    ["from convbook import runs\nruns.current()", "from convbook.runs import current", "os.environ['CONVBOOK_RUN']"],
)
def test_reading_the_current_run_is_found(source):
    assert readers_of_the_current_run({"models": source, "experiments.digits": source}) == ["models"]


def test_only_experiments_and_chapters_read_the_current_run():
    assert readers_of_the_current_run(library_sources()) == []


def test_light_layers_load_neither_tensorflow_nor_keras():
    light = [f"convbook.{name}" for name in library_sources() if LAYERS.get(name.split(".")[0]) in LIGHT_LAYERS]
    assert light
    assert not heavy_imports(light)


def test_heavy_import_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "keras.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert heavy_imports(["keras"]) == {"keras"}
