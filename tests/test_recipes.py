"""Tests of the two recipes on photos: the script that trains them, and what is kept of its trainings."""

import json

import bench_recipes
import numpy as np
import pytest
from PIL import Image

from convbook import evidence


class Stopped(Exception):
    """What a test raises in the middle of a training."""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The script on a few small pictures, with short recipes of small networks; it returns the folder of its files."""
    lots = np.random.default_rng(0)
    for part, count in {"train": 20, "validation": 6, "test": 6}.items():
        for name, darkest in {"cat": 40, "dog": 100}.items():
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = lots.integers(darkest, darkest + 120, (40, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    short = {
        name: recipe
        | {"epochs": 3, "batch_size": 8, "rising_updates": 2, "build": recipe["build"] | {"filters": (4, 8)}}
        for name, recipe in bench_recipes.RECIPES.items()
    }
    monkeypatch.setattr(bench_recipes, "SIZE_PX", 32)
    monkeypatch.setattr(bench_recipes, "RECIPES", short)
    monkeypatch.setattr(evidence.recipes, "results_folder", lambda folder: folder or tmp_path)

    def start(*arguments, work=tmp_path / "work"):
        bench_recipes.main(["--photos", f"{tmp_path / 'photos'}", "--work", f"{work}", *arguments])
        return tmp_path / "recipes"

    return start


def test_a_stopped_training_goes_on_to_the_same_end(run, tmp_path, monkeypatch, capsys):
    arguments = ("--recipes", "ours-augmented", "--seeds", "1")
    file = run(*arguments, work=tmp_path / "whole") / "ours-augmented-1.json"
    whole = json.loads(file.read_text())
    assert f"ours-augmented: test {whole['test']:.3f}, 1 seeds" in capsys.readouterr().out
    file.unlink()

    epochs = iter(range(2))

    def train_two_epochs(*arguments):
        if next(epochs, None) is None:
            raise Stopped
        train_epoch(*arguments)

    train_epoch = bench_recipes.train_epoch
    with monkeypatch.context() as patch:
        patch.setattr(bench_recipes, "train_epoch", train_two_epochs)
        with pytest.raises(Stopped):
            run(*arguments, work=tmp_path / "stopped")
    assert not file.exists()
    with pytest.raises(ValueError, match="other settings; delete it, or name another --work"):
        run(*arguments, "--precision", "mixed_bfloat16", work=tmp_path / "stopped")
    run(*arguments, work=tmp_path / "stopped")
    resumed = json.loads(file.read_text())
    assert resumed["test_loss"] == pytest.approx(whole["test_loss"], rel=5e-5)
    assert [resumed[name] for name in ("test", "best_epoch")] == [whole[name] for name in ("test", "best_epoch")]
    files = [tmp_path / work / "ours-augmented-1" / "progress.json" for work in ("whole", "stopped")]
    progress = [json.loads(progress_file.read_text()) for progress_file in files]
    assert len(progress[0]["losses"]) == 3
    assert progress[1]["losses"] == pytest.approx(progress[0]["losses"], rel=5e-5)
    assert progress[1]["counts"] == progress[0]["counts"] != []
    run(*arguments, work=tmp_path / "none")  # a training that is there is not repeated
    assert not (tmp_path / "none").exists()


def test_pace_compares_all_recipes_in_one_run(run, capsys):
    measured = evidence.pace(run("--pace").parent)
    assert {name: len(seconds) for name, seconds in measured["seconds"].items()} == dict.fromkeys(
        bench_recipes.RECIPES, 3
    )
    assert measured["precision"] == "float32"
    assert "cores" in measured["device"] or "GPU" in measured["device"]
    out = capsys.readouterr().out
    assert "book / ours: " in out
    assert "book-augmented / ours-augmented: " in out


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("ours-0.json", "{", "is no JSON"),
        ("ours-0.json", "[]", "is no JSON object"),
        ("ours-0.json", "{}", "holds no training"),
        ("ours-1.json", None, "holds no training of its name"),
        ("none.json", "{}", "There are no trainings"),
    ],
)
def test_broken_files_are_refused_with_a_remedy(tmp_path, name, text, message):
    (tmp_path / "recipes").mkdir()
    if text is None:
        text = json.dumps(evidence.trainings()["ours"][0])
    (tmp_path / "recipes" / name).write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        evidence.trainings(tmp_path)
    assert "tests/bench_recipes.py" in str(caught.value)


@pytest.mark.parametrize("text", [None, "{}", '{"seconds": [1.0]}', '{"seconds": {"ours": [1.0], "book": []}}'])
def test_seconds_that_cannot_be_compared_are_refused(tmp_path, text):
    (tmp_path / "recipes").mkdir()
    if text is not None:
        (tmp_path / "recipes" / "pace.json").write_text(text)
    with pytest.raises(ValueError, match=r"tests/bench_recipes\.py"):
        evidence.pace(tmp_path)


def test_kept_trainings_are_those_of_the_scripts_recipes():
    kept = evidence.trainings()
    assert set(kept) == set(bench_recipes.RECIPES) == set(evidence.pace()["seconds"])
    for name, found in kept.items():
        assert [training["seed"] for training in found] == list(range(len(found)))
        assert {training["epochs"] for training in found} == {bench_recipes.RECIPES[name]["epochs"]}
        assert {training["precision"] for training in found} == {evidence.pace()["precision"]}
