"""The requirements: what Colab has must do, what is installed must do, and nothing else may be needed."""

import ast
import sys
import tomllib
from importlib.metadata import distributions, packages_distributions

import pytest
from chapters import LIBRARY, NOTEBOOKS, ROOT, code_nodes, read_chapter
from colab_packages import LIST, python_of, versions_in
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGE_REQUIREMENTS = PROJECT["dependencies"]
COME_WITH_THE_KERNEL = {"IPython", "matplotlib_inline", "google"}  # google.colab: asked for only in Colab
COLAB = LIST.read_text(encoding="utf-8")
COLAB_VERSIONS = versions_in(COLAB)
BOOK_LINES = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
BOOK_REQUIREMENTS = [line.split("#")[0].strip() for line in BOOK_LINES if line.strip() and line[0] not in "#-"]


def unmet(requirements, versions):
    """What these versions do not satisfy, as sentences; a package that is not among them is unmet."""
    found = []
    for requirement in map(Requirement, requirements):
        have = versions.get(canonicalize_name(requirement.name))
        if have is None:
            found.append(f"{requirement.name} is not there")
        elif not requirement.specifier.contains(have, prereleases=True):
            found.append(f"{requirement} does not accept {have}")
    return found


def undeclared_imports(trees, requirements):
    """Modules of other projects that the code imports and the requirements do not name."""
    modules = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.add(node.module.split(".")[0])
    declared = {canonicalize_name(Requirement(requirement).name) for requirement in requirements}
    sources = packages_distributions()
    foreign = modules - set(sys.stdlib_module_names) - COME_WITH_THE_KERNEL - {"convbook"}
    return sorted(m for m in foreign if not declared & {canonicalize_name(d) for d in sources.get(m, [])})


def test_versions_that_do_not_fit_are_named():
    assert versions_in("# Colab, x==1\nScikit_Image==0.25.2\n") == {"scikit-image": "0.25.2"}
    assert unmet(["numpy>=2.1,<3"], {"numpy": "2.1.3"}) == []
    assert unmet(["numpy>=2.1,<3"], {"numpy": "3.0"}) == ["numpy<3,>=2.1 does not accept 3.0"]
    assert unmet(["keras-hub>=0.26"], {"numpy": "2.1.3"}) == ["keras-hub is not there"]


def test_colab_has_what_the_package_needs_and_the_tools_accept_its_versions():
    shared = [r for r in BOOK_REQUIREMENTS if canonicalize_name(Requirement(r).name) in COLAB_VERSIONS]
    assert unmet([*PACKAGE_REQUIREMENTS, *shared], COLAB_VERSIONS) == []


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", python_of(COLAB)])
def test_package_installs_on_the_supported_pythons_colabs_among_them(python):
    assert SpecifierSet(PROJECT["requires-python"]).contains(python)


def test_installed_environment_satisfies_every_requirement():
    versions = {canonicalize_name(distribution.name): distribution.version for distribution in distributions()}
    assert unmet([*PACKAGE_REQUIREMENTS, *BOOK_REQUIREMENTS], versions) == []


def test_requirements_end_with_the_package_itself():
    assert BOOK_LINES[-1] == "-e ."


def test_every_requirement_is_bounded():
    """A requirement without a version lets an install of next year bring anything."""
    assert [r for r in [*PACKAGE_REQUIREMENTS, *BOOK_REQUIREMENTS] if not Requirement(r).specifier] == []


def test_undeclared_import_is_found():
    tree = ast.parse("import os\nimport numpy.linalg\ndef f():\n    from PIL import Image\n    import yaml")
    assert undeclared_imports([tree], ["numpy", "pillow>=11"]) == ["yaml"]


def test_library_and_notebooks_import_only_what_the_package_declares():
    library = [ast.parse(path.read_text(encoding="utf-8")) for path in LIBRARY.rglob("*.py")]
    notebooks = [node for path in NOTEBOOKS for _, node in code_nodes(read_chapter(path))]
    assert undeclared_imports([*library, *notebooks], PACKAGE_REQUIREMENTS) == []
