"""The repository: what it must hold, what it must not say, and that each rule it states is held by a test."""

import re
import subprocess
import sys

import pytest
from chapters import ROOT, blocks_of_text, tracked_files

from convbook import runs

TOP_LEVEL = ["book", "_config.yml", "_toc.yml", "lib", "requirements.txt", "tests", "README.md"]
TWO_COMMANDS = ["make book", "make test"]

# Words about how and where the project was made, not about the project; in two halves, so that this file passes too.
HALVES = [(r"\b(?:sub)?age", r"nts?\b"), ("/wo", "rk/"), ("/tm", r"p/v\b"), ("/ro", r"ot\b")]
HALVES += [(r"(?<![\w/])sha", r"red/"), ("clau", "de"), (r"\bAI assis", "tant")]
HALVES += [(rf"\b{name}", r"\.md\b") for name in ("design", "claims", "teaching", "style", "BRIEF")]
FORBIDDEN = re.compile("|".join(f"{first}{second}" for first, second in HALVES), flags=re.I)


def readable(path):
    """The text of a file, or '' for a picture or another binary file."""
    data = path.read_bytes()
    return "" if b"\0" in data else data.decode("utf-8", errors="replace")


def forbidden_words(text):
    return [match[0] for match in FORBIDDEN.finditer(text)]


def ruff(*arguments):
    """What ruff says against the files it is given; '' if nothing."""
    done = subprocess.run([sys.executable, "-m", "ruff", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


def unheld_rules(text, tests):
    """Lines of rules (`- … (`tests/test_x.py::test_y`)`) that name no test of these: {"tests/test_x.py": source}."""
    found = []
    for line in re.findall(r"^- .*(?:\n  .*)*", text, flags=re.M):
        named = re.findall(r"`(tests/\w+\.py)::(\w+)(?:\[(\w+)\])?`", line)
        names = [(file, name) for file, test, rule in named for name in (test, rule) if name]
        if not names or any(not re.search(rf"^def {name}\(", tests.get(file, ""), flags=re.M) for file, name in names):
            found.append(line.splitlines()[0])
    return found


def first_commands(text):
    """The commands of a page's first fence for the shell, without prompt and comment."""
    fences = [block for block in blocks_of_text(text) if block.kind == "fence"]
    shell = [fence.text for fence in fences if fence.tokens[0].info.strip() in ("", "sh", "bash", "shell", "console")]
    lines = [line.removeprefix("$ ").split("#")[0].strip() for line in "".join(shell[:1]).splitlines()]
    return [line for line in lines if line]


def test_top_level_names_are_in_place():
    assert [name for name in TOP_LEVEL if not (ROOT / name).exists()] == []


def test_project_speaks_of_itself_only():
    for words in ("a sub" + "age" + "nt wrote it", "see des" + "ign.md", "cd /wo" + "rk/x", "the sha" + "red/digits"):
        assert forbidden_words(words)
    assert forbidden_words("The reader changes the Agency's design; state is shared by both. CONVBOOK_SHARED") == []
    found = {path.relative_to(ROOT).as_posix(): forbidden_words(readable(path)) for path in tracked_files()}
    assert {name: words for name, words in found.items() if words} == {}


def test_tracked_files_hold_nothing_that_was_made():
    made = re.compile(r"(^|/)(_build|\.venv|__pycache__|[^/]+\.egg-info|\.ipynb_checkpoints)/")
    assert made.search("lib/convbook/__pycache__/runs.pyc")
    assert [path for path in tracked_files() if made.search(path.relative_to(ROOT).as_posix())] == []


def test_readme_starts_with_the_two_commands():
    sample = "Text.\n\n```sh\nmake book   # the site\nmake test\n```\n\n```sh\nmake serve\n```"
    assert first_commands(sample) == TWO_COMMANDS
    assert first_commands((ROOT / "README.md").read_text(encoding="utf-8")) == TWO_COMMANDS


def unknown_targets(text, makefile):
    """The targets that a page calls (`make x`) and the Makefile does not have."""
    named = re.findall(r"(?:`|^\s*|\$ )make ([\w-]+)\b(?!=)", text, flags=re.M)
    return sorted(set(named) - set(re.findall(r"^([\w-]+):(?!=)", makefile, flags=re.M)))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "book/running.md"])
def test_commands_of_the_pages_are_targets_of_the_makefile(page):
    assert unknown_targets("Call `make book`.\n\n    make site\n", "VENV := .venv\nbook: install\n") == ["site"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert unknown_targets((ROOT / page).read_text(encoding="utf-8"), makefile) == []


def test_running_says_of_each_run_what_it_takes():
    rows = re.findall(r"^\| (.+) \|$", (ROOT / "book" / "running.md").read_text(encoding="utf-8"), flags=re.M)
    columns = list(zip(*(row.split(" | ") for row in rows if row.count(" | ") == 3), strict=True))[1:]
    assert [column[0] for column in columns] == [f"`{name}`" for name in runs.RUNS]
    for column, run in zip(columns, runs.RUNS.values(), strict=True):
        numbers = [int(number) for number in re.findall(r"\d+", column[4])]
        assert numbers[:3] == [run.train_pictures, run.validation_pictures, run.test_pictures]
        sizes = {int(size) for size, again in re.findall(r"(\d+)×(\d+)", column[3])}
        assert sizes == {run.image_size_px, run.base_image_size_px}


def messages_of_nobody(page, sources):
    """Messages in the first column of a page's table that no source gives."""
    quoted = re.findall(r"^\| `([^`]+)` \|", page, flags=re.M)
    joined = [re.sub(r'"\s+f?"', "", source) for source in sources]  # a message may go over several lines
    return [message for message in quoted if not any(message in source for source in joined)]


def test_messages_that_are_explained_are_messages_of_the_book():
    sample = "| What it says | |\n|---|---|\n| `There is no bread` | Buy some. |\n| `There is no tea` | Wait. |\n"
    assert messages_of_nobody(sample, ['raise OSError(f"There is "\n    "no bread: {name}")']) == ["There is no tea"]
    page = (ROOT / "book" / "running.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\| `", page, flags=re.M)) >= 10
    files = [path for path in tracked_files() if path.suffix in (".py", ".ipynb") or path.name == "Makefile"]
    sources = [readable(path) for path in files if not path.name.startswith("test_")]
    assert messages_of_nobody(page, sources) == []


@pytest.mark.parametrize(
    ("rules", "number_unheld"),
    [
        ("- Be short (`tests/test_a.py::test_b`).", 0),
        ("- Be short, and\n  wrapped (`tests/test_a.py::test_b[rule_c]`).", 0),
        ("- Be kind.\n- Be short (`tests/test_a.py::test_b`).", 1),
        ("- Be short (`tests/test_a.py::test_z`).", 1),
        ("- Be short (`tests/test_a.py::test_b[rule_z]`).", 1),
    ],
)
def test_rule_without_a_test_is_found(rules, number_unheld):
    tests = {"tests/test_a.py": "def test_b():\n    pass\ndef rule_c(chapter):\n"}
    assert len(unheld_rules(rules, tests)) == number_unheld


def test_every_rule_of_contributing_names_a_test():
    rules = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    sources = {f"tests/{path.name}": path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py")}
    assert "\n- " in rules
    assert unheld_rules(rules, sources) == []


def test_python_files_are_clean_and_formatted(tmp_path):
    (tmp_path / "bad.py").write_text("import os\nx = ( 1)\n", encoding="utf-8")
    assert "F401" in ruff("check", str(tmp_path))
    assert "reformat" in ruff("format", "--check", str(tmp_path))
    files = [str(path) for path in tracked_files() if path.suffix == ".py"]
    assert not ruff("check", *files)
    assert not ruff("format", "--check", *files)


def test_lines_end_as_the_shell_needs_it_in_a_clone_that_would_change_them(tmp_path):
    files = [str(path.relative_to(ROOT)) for path in tracked_files() if path.stat().st_size < 50_000]
    git = ["git", "-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    checkout = [*git, "checkout-index", "--force", f"--prefix={tmp_path}/", "--", *files]
    subprocess.run(checkout, cwd=ROOT, check=True)
    assert [name for name in files if "\r" in readable(tmp_path / name)] == []
