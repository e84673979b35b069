"""GitHub's workflows: valid by GitHub's schema, with few permissions, and calling only commands that there are."""

import os
import re
import subprocess
import sys
import tomllib

import check_runs
import pytest
import yaml
from chapters import ROOT
from packaging.specifiers import SpecifierSet

from convbook import runs

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
JOBS = {f"{name}.{job}": content for name, workflow in WORKFLOWS.items() for job, content in workflow["jobs"].items()}
MAY_WRITE = {"publish.publish": {"pages", "id-token"}, "weekly.report": {"issues"}}


def schema_errors(*paths):
    """What GitHub's schema, which comes with check-jsonschema, has against these workflows; '' if nothing."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


def steps(job):
    return JOBS[job]["steps"]


def commands(job):
    """The lines of shell that a job runs."""
    return "\n".join(step["run"] for step in steps(job) if "run" in step)


def test_workflows_are_valid_by_githubs_schema(tmp_path):
    assert [path.name for path in FILES] == ["publish.yml", "tests.yml", "weekly.yml"]
    broken = tmp_path / "broken.yml"
    broken.write_text(FILES[0].read_text(encoding="utf-8").replace("runs-on", "runs-in"), encoding="utf-8")
    assert "runs-in" in schema_errors(broken)
    assert not schema_errors(*FILES)


def absent_commands(shell, makefile):
    """Make's targets and files of this project that a piece of shell calls and that are not there."""
    calls = re.findall(r"^\s*make ([^\n|;&]+)", shell, flags=re.M)
    named = {word for call in calls for word in call.split() if re.fullmatch(r"[a-z][\w-]*", word)}
    absent = named - set(re.findall(r"^([\w-]+):(?!=)", makefile, flags=re.M))
    paths = re.findall(r"(?<![\w/$.])(?:\.ci|tests|book|lib)/[\w./-]+", shell)
    return sorted(absent | {path for path in paths if not (ROOT / path).exists()})


@pytest.mark.parametrize("job", JOBS)
def test_commands_that_workflows_call_are_there(job):
    assert absent_commands("make book site X=1\n.ci/run\ntests/none.py", "book: x\n") == ["site", "tests/none.py"]
    assert absent_commands(commands(job), (ROOT / "Makefile").read_text(encoding="utf-8")) == []
    assert subprocess.run(["bash", "-n"], input=commands(job), text=True, capture_output=True).stderr == ""


def test_tests_run_by_a_file_that_can_be_run_on_every_python_that_the_package_names():
    assert commands("tests.tests") == ".ci/run"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    supported = [f"3.{minor}" for minor in range(60) if f"3.{minor}" in SpecifierSet(project["requires-python"])]
    assert JOBS["tests.tests"]["strategy"]["matrix"]["python"] == supported
    chosen = [step["with"]["python-version"] for job in JOBS for step in steps(job) if "setup-python" in str(step)]
    assert {version for version in chosen if "$" not in version} <= set(supported)


def test_ci_executes_the_chapters_on_all_three_runs():
    """`make test` executes them on quick; what the other target does, test_check_runs.py tests."""
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^make ([\w -]+?) VENV", ci, flags=re.M) == ["test", "pdf slides", "check-runs"]
    assert "make check-runs" in commands("weekly.runs")
    recipes = dict(
        re.findall(r"^([\w-]+):.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
    )
    assert "book RUN=quick" in recipes["test"]
    assert "tests/check_runs.py" in recipes["check-runs"]
    assert {"quick", *check_runs.RUNS} == {*runs.RUNS}


def test_the_site_that_is_published_is_the_one_that_is_built():
    folder = next(step["with"]["path"] for step in steps("publish.build") if "upload-pages" in step.get("uses", ""))
    assert 'make book RUN="$RUN"\nmake pdf slides' in commands("publish.build")
    assert WORKFLOWS["publish"]["env"]["RUN"] in ("quick", "photos")  # GitHub's machines have no GPU
    assert f"the site at {folder}/index.html" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert WORKFLOWS["publish"][True]["push"] == {"branches": ["main"]}  # `on` is YAML's word for true


@pytest.mark.parametrize("job", JOBS)
def test_jobs_end_and_may_write_only_what_they_must(job):
    assert 5 <= JOBS[job]["timeout-minutes"] <= 90
    assert WORKFLOWS[job.split(".")[0]]["permissions"] == {"contents": "read"}
    permissions = JOBS[job].get("permissions", {})
    assert {name for name, access in permissions.items() if access == "write"} == MAY_WRITE.get(job, set())


def test_no_workflow_runs_beside_itself_or_waits_for_another():
    groups = {name: workflow["concurrency"]["group"].split("-")[0] for name, workflow in WORKFLOWS.items()}
    assert groups == {"publish": "pages", "tests": "tests", "weekly": "weekly"}


@pytest.mark.parametrize("job", JOBS)
def test_actions_are_githubs_own_in_a_named_version(job):
    used = [step["uses"] for step in steps(job) if "uses" in step]
    assert [action for action in used if not re.fullmatch(r"actions/[\w-]+@v\d+", action)] == []


def test_the_python_of_colabs_list_is_read_from_its_first_line(tmp_path):
    """The weekly run's own line of shell, on the committed list."""
    step = next(step for step in steps("weekly.colab") if step.get("id") == "colab")
    output = tmp_path / "output"
    environment = {**os.environ, "GITHUB_OUTPUT": str(output)}
    subprocess.run(["bash", "-e", "-c", step["run"]], cwd=ROOT, env=environment, check=True)
    assert re.fullmatch(r"python=3\.\d+\n", output.read_text(encoding="utf-8"))


COLAB_ISSUE = "Weekly check: chapters fail with what Colab has today"
RUNS_ISSUE = "Weekly check: chapters fail on photos or full"
LINKS_ISSUE = "Weekly check: links lead nowhere"


@pytest.mark.parametrize(
    ("colab", "runs", "links", "open_issues", "opened"),
    [
        ("success", "success", "failure", [], [LINKS_ISSUE]),
        ("failure", "success", "success", ["Figures are slow", LINKS_ISSUE], [COLAB_ISSUE]),
        ("cancelled", "failure", "failure", [], [COLAB_ISSUE, RUNS_ISSUE, LINKS_ISSUE]),
        ("failure", "failure", "failure", [COLAB_ISSUE, LINKS_ISSUE], [RUNS_ISSUE]),
        ("success", "success", "success", [], []),
    ],
)
def test_an_issue_is_opened_for_what_failed_unless_one_is_open(tmp_path, colab, runs, links, open_issues, opened):
    """The weekly run's own shell, with a stand-in for GitHub's command."""
    step = steps("weekly.report")[-1]
    (tmp_path / "open").write_text("".join(f"{title}\n" for title in open_issues))
    gh = tmp_path / "gh"
    gh.write_text(f"#!/bin/sh\ncd {tmp_path}\n[ $2 = list ] && cat open || echo $1 $2 $4, $6 >> created\n")
    gh.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLAB": colab, "RUNS": runs, "LINKS": links, "BODY": "see there"}
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    subprocess.run(shell, env=environment, check=True)
    created = tmp_path / "created"
    reported = created.read_text().splitlines() if created.exists() else []
    assert reported == [f"issue create {title}, see there" for title in opened]
    assert set(step["env"]) == {"GH_TOKEN", "GH_REPO", "COLAB", "RUNS", "LINKS", "BODY"}
    assert JOBS["weekly.report"]["needs"] == ["colab", "runs", "links"]
    assert JOBS["weekly.report"]["if"].startswith("always() && (contains(needs.*.result, 'failure')")
