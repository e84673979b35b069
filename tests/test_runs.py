"""Which run is on, and what the banner says of it."""

import sys

import keras
import pytest

from convbook import runs


def test_the_quick_run_is_the_default(monkeypatch):
    monkeypatch.delenv(runs.VARIABLE, raising=False)
    assert runs.current() is runs.QUICK


@pytest.mark.parametrize(("name", "digits"), [("quick", "scikit-learn"), ("photos", "scikit-learn"), ("full", "mnist")])
def test_the_environment_chooses_the_run(monkeypatch, name, digits):
    monkeypatch.setenv(runs.VARIABLE, name)
    assert (runs.current().name, runs.current().digits) == (name, digits)


@pytest.mark.parametrize("name", ["Full", "fast", ""])
def test_an_unknown_run_is_refused_with_those_there_are(monkeypatch, name):
    monkeypatch.setenv(runs.VARIABLE, name)
    with pytest.raises(ValueError, match=rf"CONVBOOK_RUN is '{name}'.*quick, photos or full"):
        runs.current()


@pytest.mark.parametrize(
    ("in_colab", "gpu", "name"),
    [(True, True, "full"), (True, False, "quick"), (False, True, "quick"), (False, False, "quick")],
)
def test_only_colab_with_a_gpu_is_full_by_itself(monkeypatch, in_colab, gpu, name):
    monkeypatch.delenv(runs.VARIABLE, raising=False)
    monkeypatch.setattr(runs, "_sees_gpu", lambda: gpu)
    if in_colab:
        monkeypatch.setitem(sys.modules, "google.colab", object())
    assert runs.current().name == name


@pytest.mark.parametrize(
    ("run", "data", "others"),
    [
        (runs.QUICK, "scikit-learn · cats and dogs: drawn, 64×64 pixels, 200/250/500", "photos or full"),
        (runs.PHOTOS, "scikit-learn · cats and dogs: photos, 96×96 and 192×192 pixels, 150/100/250", "quick or full"),
        (runs.FULL, "mnist · cats and dogs: photos, 180×180 pixels, 1000/500/1000", "quick or photos"),
    ],
)
def test_the_banner_names_run_device_data_and_the_way_to_switch(run, data, others):
    first, second, third, fourth = runs.banner(run).splitlines()
    assert first.startswith(f"{run.name} run")
    assert keras.__version__ in first
    assert "cpu" in first.lower()
    assert second == f"handwritten digits: {data} per class"
    assert third == f"pretrained base: {run.backbone}"
    assert f"CONVBOOK_RUN to {others} " in fourth


@pytest.mark.parametrize(("run", "offered"), [(runs.QUICK, True), (runs.PHOTOS, False)])
def test_colab_without_a_gpu_is_offered_real_photos(monkeypatch, run, offered):
    monkeypatch.delenv(runs.VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "google.colab", object())
    assert ("CONVBOOK_RUN=photos for real photos" in runs.banner(run)) == offered
