"""Tests of the commands: what they say, what they refuse, and how they end."""

import subprocess
import sys

import pytest
from test_experiments import Measure, make_experiment

from convbook import __main__ as commands
from convbook import evidence, experiments


@pytest.fixture
def measure(monkeypatch):
    measure = Measure()
    monkeypatch.setattr(experiments, "load_experiments", lambda: {"some-claim": make_experiment(measure)})
    return measure


def test_help_says_what_the_command_is_for():
    done = subprocess.run(
        [sys.executable, "-m", "convbook", "evidence", "--help"], capture_output=True, text=True, check=True
    )
    words = " ".join(done.stdout.split())
    assert "goes on after the last finished seed" in words
    assert "example: python -m convbook evidence dense-global --seeds 10" in words


def test_evidence_measures_and_prints_the_verdicts(measure, tmp_path, capsys):
    assert commands.main(["evidence", "some-claim", "--seeds", "3", "--folder", str(tmp_path)]) == 0
    assert evidence.names(tmp_path) == ["some-claim"]
    assert measure.calls == [0, 1, 2]
    output = capsys.readouterr()
    assert "n is large · 3 · +2.000 test accuracy · −0.484 to +4.484 · at least 0.1 · undecided" in output.out
    assert "some-claim: 100%" in output.err


def test_another_kind_of_data_and_a_fresh_run_can_be_asked_for(measure, tmp_path):
    words = ["evidence", "--data", "mnist", "--seeds", "2", "--folder", str(tmp_path)]
    assert commands.main(words) == commands.main([*words, "--fresh"]) == 0
    assert evidence.names(tmp_path) == ["some-claim.mnist"]
    assert measure.calls == [0, 1, 0, 1]


def test_the_list_names_claims_and_data(measure, capsys):
    assert commands.main(["evidence", "--list"]) == 0
    assert "some-claim  (digits, mnist)  chapter 1" in capsys.readouterr().out
    assert measure.calls == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["other-claim"], "no experiment measures other-claim; there are: some-claim"),
        (["some-claim", "--data", "photos"], "not measured on 'photos'; possible is: digits, mnist"),
        (["--data", "photos"], "no experiment uses the data 'photos'"),
    ],
)
def test_what_is_unknown_is_refused_in_one_line(measure, capsys, words, message):
    assert commands.main(["evidence", *words]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert measure.calls == []


@pytest.mark.parametrize("seeds", ["1", "-3", "many"])
def test_too_few_seeds_are_refused(measure, capsys, seeds):
    with pytest.raises(SystemExit) as stop:
        commands.main(["evidence", f"--seeds={seeds}"])
    assert stop.value.code == 2
    assert f"'{seeds}' is too few" in capsys.readouterr().err


def test_no_command_is_refused_with_the_usage(capsys):
    with pytest.raises(SystemExit) as stop:
        commands.main([])
    assert stop.value.code == 2
    assert "usage: python -m convbook" in capsys.readouterr().err


def test_a_failed_seed_is_told_and_ends_in_failure(measure, tmp_path, capsys):
    measure.breaks_at = 1
    assert commands.main(["evidence", "--seeds", "3", "--folder", str(tmp_path)]) == 1
    output = capsys.readouterr()
    assert "seed 1 failed: RuntimeError: no memory" in output.err
    assert "seed 1 failed and is not counted" in output.out


def test_ctrl_c_ends_with_a_sentence_and_keeps_the_seeds(measure, tmp_path, capsys):
    measure.breaks_at, measure.error = 2, KeyboardInterrupt()
    assert commands.main(["evidence", "--seeds", "3", "--folder", str(tmp_path)]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["some-claim.partial"]


def test_a_folder_that_cannot_be_written_is_one_line(measure, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert commands.main(["evidence", "--seeds", "2", "--folder", str(tmp_path / "file")]) == 1
    error = capsys.readouterr().err
    assert str(tmp_path / "file") in error
    assert error.count("\n") == 1
    assert measure.calls == []
