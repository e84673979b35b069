"""Tests of how experiments run, stop, go on and fail."""

import dataclasses
import importlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import keras
import numpy as np
import PIL
import pytest
import tensorflow as tf

from convbook import backbones, digit_nets, evidence
from convbook.experiments import Experiment, load_experiments, parallel, run_experiment, verify_experiment

EFFECT = evidence.Effect("n", "n", margin=0.1)


class Recorded(Experiment):
    """An experiment that a test measures, in the place of one of the package."""

    def place(self):
        return "convbook.experiments.understanding:DENSE_GLOBAL"


def make_experiment(measure, **changes):
    fields = {
        "claim": "some-claim",
        "sentence": "n is large.",
        "chapter": 1,
        "measure": measure,
        "settings": {"epochs": 3, "filters": (1, 2)},
        "data": {"digits": {}, "mnist": {"epochs": 5}},
        "sources": {"digits": "small digits", "mnist": "large digits"},
        "effects": {EFFECT: "n is large"},
    }
    return Recorded(**fields | changes)


class Measure:
    """A measurement that remembers its calls and can be told to break."""

    def __init__(self, breaks_at=None, error=None, offset=0):
        self.offset = offset
        self.calls, self.breaks_at, self.error = [], breaks_at, error or RuntimeError("no memory")

    def __call__(self, seed, settings):
        self.calls.append(seed)
        if seed == self.breaks_at:
            raise self.error
        return {"n": np.float32(seed + 1 + self.offset), "curve": (seed, settings["epochs"])}


def quiet(sentence):
    raise AssertionError(f"nothing to report was expected, got: {sentence}")


def run(experiment, folder, seeds=range(3), report=quiet, **options):
    return run_experiment(experiment, seeds=seeds, folder=folder, report=report, **options)


def stop_at_seed_2(folder):
    with pytest.raises(KeyboardInterrupt):
        run(make_experiment(Measure(breaks_at=2, error=KeyboardInterrupt())), folder)


def seeds_measured(folder, seeds=range(3), report=quiet, fresh=False, kind=None, **changes):
    """The seeds that a run measures, given what stands in its folder already."""
    measure = Measure()
    run(make_experiment(measure, **changes), folder, seeds, report, fresh=fresh, kind=kind)
    return measure.calls


def files(folder):
    return [file.name for file in folder.iterdir()]


def measure_effects(experiment, settings):
    """The numbers that an experiment of the book measures with small settings: those of its effects are among them.

    It trains step by step: to trace a step takes longer than these few. What it trains with is traced in other tests.
    """
    tf.config.run_functions_eagerly(True)
    try:
        numbers = experiment.measure(1000, settings)
    finally:
        tf.config.run_functions_eagerly(False)
    assert {name for effect in experiment.effects for name in (effect.of, effect.minus)} - {None} <= set(numbers)
    return numbers


def test_a_run_writes_what_it_measured(tmp_path):
    result = run(make_experiment(Measure()), tmp_path)
    assert evidence.read("some-claim", tmp_path) == result
    wanted = [{"n": 1.0, "curve": [0.0, 3.0]}, {"n": 2.0, "curve": [1.0, 3.0]}, {"n": 3.0, "curve": [2.0, 3.0]}]
    assert [entry["numbers"] for entry in result["seeds"]] == wanted
    assert result["effects"][0]["differences"] == [1.0, 2.0, 3.0]
    assert result["effects"][0]["verdict"] == "undecided"  # 2 ± 2.48
    assert result["settings"] == {"epochs": 3, "filters": [1, 2], "kind": "digits"}
    assert result["data"] == {"kind": "digits", "source": "small digits", "same_test_pictures": True}
    assert result["provenance"]["keras"] == keras.__version__
    assert files(tmp_path) == ["some-claim.json"]


def test_a_further_kind_of_data_has_its_own_settings_and_file(tmp_path):
    result = run(make_experiment(Measure()), tmp_path, kind="mnist")
    assert result["settings"]["epochs"] == 5
    assert result["data"] == {"kind": "mnist", "source": "large digits", "same_test_pictures": True}
    assert evidence.names(tmp_path) == ["some-claim.mnist"]


def test_a_kind_of_data_can_name_the_pictures_of_another(tmp_path):
    data = {"drawn": {}, "drawn_far": {"kind": "drawn", "epochs": 5}}
    experiment = make_experiment(Measure(), data=data, sources={"drawn": "drawings", "drawn_far": "far drawings"})
    result = run(experiment, tmp_path, kind="drawn_far")
    assert result["settings"] == {"epochs": 5, "filters": [1, 2], "kind": "drawn"}
    assert result["data"] == {"kind": "drawn_far", "source": "far drawings", "same_test_pictures": False}
    assert evidence.names(tmp_path) == ["some-claim.drawn_far"]
    assert seeds_measured(tmp_path, data=data, sources=experiment.sources, kind="drawn_far") == []


def answer(seed, settings):
    right = np.random.default_rng(seed).random(20) < 0.7
    return {"n": right, "test": right.mean()}


def test_answers_give_their_mean_and_are_kept_where_seeds_share_their_test_pictures(tmp_path):
    result = run(make_experiment(answer), tmp_path)
    first = result["seeds"][0]
    assert first["numbers"] == {"n": 0.6, "test": 0.6}
    assert list(first["answers"]) == ["n"]
    assert evidence.unpack_answers(first["answers"]["n"]).tolist() == answer(0, {})["n"].tolist()
    assert result["effects"][0]["pictures"] == 20
    assert evidence.read("some-claim", tmp_path) == result
    verify_experiment(make_experiment(answer), folder=tmp_path, report=[].append)


def test_answers_to_pictures_that_each_seed_draws_anew_are_not_kept(tmp_path):
    result = run(make_experiment(answer, data={"drawn": {}}, sources={"drawn": "drawings"}), tmp_path)
    assert result["seeds"][0]["numbers"] == {"n": 0.6, "test": 0.6}
    assert [entry for entry in result["seeds"] if "answers" in entry] == []
    assert result["effects"][0]["pictures"] is None


def test_an_experiment_says_how_many_seeds_it_has(tmp_path):
    run_experiment(make_experiment(Measure(), seeds=4), folder=tmp_path, report=quiet)
    assert [entry["seed"] for entry in evidence.read("some-claim", tmp_path)["seeds"]] == [0, 1, 2, 3]


def test_the_time_of_the_processor_is_kept_beside_that_of_the_clock(tmp_path):
    def wait(seed, settings):
        time.sleep(0.3)
        return {"n": seed}

    def compute(seed, settings):
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
        return {"n": seed}

    waited, computed = (run(make_experiment(measure), tmp_path, fresh=True)["seeds"][0] for measure in (wait, compute))
    assert waited["seconds"] >= 0.3
    assert waited["core_seconds"] <= 0.2
    assert computed["core_seconds"] >= 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "photos"}, "not measured on 'photos'; possible is: digits, mnist"),
        ({"backbone": "somewhere/my_base"}, "no preset"),
    ],
)
def test_unknown_data_and_a_base_that_is_nowhere_are_refused_before_anything_runs(tmp_path, options, message):
    measure = Measure()
    with pytest.raises(ValueError, match=message):
        run(make_experiment(measure, settings={"epochs": 3, "backbone": "drawn_world"}), tmp_path, **options)
    assert measure.calls == []


def test_kinds_of_data_without_a_source_are_refused():
    with pytest.raises(ValueError, match="must be the same"):
        make_experiment(Measure(), sources={"digits": "small digits"})


def test_a_run_that_was_stopped_goes_on_after_the_last_seed(tmp_path):
    stop_at_seed_2(tmp_path)
    assert files(tmp_path) == ["some-claim.partial"]
    assert seeds_measured(tmp_path) == [2]
    assert [entry["seed"] for entry in evidence.read("some-claim", tmp_path)["seeds"]] == [0, 1, 2]
    assert files(tmp_path) == ["some-claim.json"]


def test_a_run_that_is_killed_keeps_its_seeds_and_leaves_no_process_behind(tmp_path):
    line = f"import test_experiments; test_experiments.be_killed_at_seed_2({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", line], cwd=Path(__file__).parent, timeout=300)
    assert done.returncode == -signal.SIGKILL
    child, end = int((tmp_path / "child").read_text(encoding="utf-8")), time.monotonic() + 30
    while Path(f"/proc/{child}/cmdline").exists() and Path(f"/proc/{child}/cmdline").read_bytes():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert seeds_measured(tmp_path) == [2]


def be_killed_at_seed_2(folder):
    """Run beside a process of the same run, and end without notice."""

    def wait():
        parallel._end_with_the_parent()
        time.sleep(120)

    def measure(seed, settings):
        if seed == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"n": seed + 1.0, "curve": [seed, 3.0]}

    child = multiprocessing.get_context("fork").Process(target=wait)
    child.start()
    (Path(folder) / "child").write_text(str(child.pid), encoding="utf-8")
    run(make_experiment(measure), Path(folder))


def test_what_a_killed_run_left_half_written_is_not_taken_for_a_result(tmp_path):
    stop_at_seed_2(tmp_path)
    for name in ("some-claim.json", "some-claim.partial"):
        (tmp_path / f".{name}.123.tmp").write_text('{"format"', encoding="utf-8")
    assert evidence.names(tmp_path) == []
    assert seeds_measured(tmp_path) == [2]
    assert evidence.names(tmp_path) == ["some-claim"]


def test_a_run_that_was_stopped_after_its_last_seed_is_completed(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(evidence, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            run(make_experiment(Measure()), tmp_path)
    assert seeds_measured(tmp_path) == []
    assert evidence.read("some-claim", tmp_path)["effects"][0]["n"] == 3


def test_more_seeds_are_added_to_those_there_are_and_none_is_lost(tmp_path):
    assert [seeds_measured(tmp_path, range(count)) for count in (3, 5, 2)] == [[0, 1, 2], [3, 4], []]
    assert evidence.read("some-claim", tmp_path)["effects"][0]["n"] == 5
    assert seeds_measured(tmp_path, fresh=True) == [0, 1, 2]


def test_a_run_with_nothing_to_measure_keeps_the_provenance_and_renews_the_prose(tmp_path):
    old = run(make_experiment(Measure()), tmp_path)
    new = run(make_experiment(Measure(), sentence="n is very large."), tmp_path)
    assert new["provenance"] == old["provenance"]
    assert new["sentence"] == "n is very large."


@pytest.mark.parametrize("prepare", [stop_at_seed_2, seeds_measured])
def test_seeds_of_other_settings_are_not_mixed_in(tmp_path, prepare):
    prepare(tmp_path)
    said = []
    assert seeds_measured(tmp_path, report=said.append, settings={"epochs": 4}) == [0, 1, 2]
    assert len(said) == 1
    assert "its seeds are measured again" in said[0]


@pytest.mark.parametrize("changed", ["experiment_hash", "provenance"])
def test_seeds_of_other_code_or_versions_are_not_mixed_in(tmp_path, changed):
    result, said = run(make_experiment(Measure()), tmp_path), []
    other = "0" * 16 if changed == "experiment_hash" else result["provenance"] | {"pillow": evidence.NOT_RECORDED}
    evidence.write(result | {changed: other}, "some-claim", tmp_path)
    assert seeds_measured(tmp_path, report=said.append) == [0, 1, 2]
    assert "its seeds are measured again" in said[0]
    assert {"experiment_hash": "code", "provenance": f"pillow not recorded (now {PIL.__version__})"}[changed] in said[0]
    assert evidence.read("some-claim", tmp_path)[changed] != other


def test_seeds_of_another_python_are_mixed_in(tmp_path):
    result = run(make_experiment(Measure()), tmp_path)
    evidence.write(result | {"provenance": result["provenance"] | {"python": "3.11.0"}}, "some-claim", tmp_path)
    assert seeds_measured(tmp_path, range(4)) == [3]


@pytest.fixture
def base(tmp_path):
    """A folder in the place of a pretrained base's preset."""
    folder = tmp_path / "bases" / "my_base"
    folder.mkdir(parents=True)
    for name in ("config.json", "metadata.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    write_weights(folder, 1.0)
    return folder


def write_weights(folder, value):
    with h5py.File(folder / "model.weights.h5", "w") as file:
        file.create_group("layers")["kernel"] = np.full((2, 2), value)


def test_seeds_of_a_base_with_other_weights_are_neither_mixed_in_nor_verified(base, tmp_path):
    said, measure = [], Measure()
    experiment = make_experiment(measure, settings={"epochs": 3, "backbone": "drawn_world"})
    folder, options = tmp_path / "results", {"report": said.append, "backbone": str(base)}
    before = run(experiment, folder, **options)["provenance"]["base"]
    (base / "metadata.json").write_text("another day", encoding="utf-8")
    assert verify_experiment(experiment, folder=folder, **options)["provenance"]["verified"]["base"] == before
    assert measure.calls == [0, 1, 2, 0]
    write_weights(base, 2.0)
    with pytest.raises(ValueError, match=r"weights of the base .*my_base are not those that it was measured with"):
        verify_experiment(experiment, folder=folder, **options)
    assert measure.calls == [0, 1, 2, 0]
    assert run(experiment, folder, **options)["provenance"]["base"] != before
    assert measure.calls[4:] == [0, 1, 2]
    assert f"base {before} (now" in said[-1]
    assert "base" not in run(experiment, folder)["provenance"]  # its own comes with the package


def read_log_anew():
    digit_nets._read_text.cache_clear()  # another test of this process may have opened the file
    digit_nets.read_training_log()


@pytest.mark.parametrize("load", [lambda: backbones.load("drawn_things"), read_log_anew])
def test_a_file_of_the_package_that_is_not_in_the_hash_fails_the_seed(tmp_path, load):
    def measure(seed, settings):
        load()
        return {"n": seed}

    said = []
    with pytest.raises(ValueError, match="run more seeds"):
        run(make_experiment(measure), tmp_path, seeds=range(2), report=said.append)
    assert "it opens presets/d" in said[0]
    assert "whose bytes are not in the experiment's hash: name the file" in said[0]


def test_a_preset_that_an_experiment_names_may_be_opened(tmp_path, monkeypatch):
    def measure(seed, settings):
        backbones.load("drawn_things")
        return {"n": seed}

    monkeypatch.setattr(Recorded, "place", lambda self: "convbook.experiments.pretrained:GENERIC")
    data = {"data": {"drawn": {}}, "sources": {"drawn": "drawings"}}
    assert run(make_experiment(measure, **data), tmp_path, seeds=range(2))["effects"][0]["n"] == 2


def test_a_broken_partial_file_is_reported_and_not_used(tmp_path):
    (tmp_path / "some-claim.partial").write_text("{", encoding="utf-8")
    said = []
    assert seeds_measured(tmp_path, report=said.append) == [0, 1, 2]
    assert said[0].startswith("some-claim.partial cannot be used")


def test_a_seed_that_fails_is_reported_kept_and_tried_again(tmp_path):
    said = []
    result = run(make_experiment(Measure(breaks_at=1)), tmp_path, report=said.append)
    assert said == ["some-claim: seed 1 failed: RuntimeError: no memory"]
    assert result["seeds"][1]["error"] == "RuntimeError: no memory"
    assert result["effects"][0]["differences"] == [1.0, 3.0]
    assert seeds_measured(tmp_path) == [1]
    assert evidence.read("some-claim", tmp_path)["effects"][0]["differences"] == [1.0, 2.0, 3.0]


def test_a_number_that_is_not_finite_is_a_failure(tmp_path):
    experiment = make_experiment(lambda seed, settings: {"n": np.nan if seed == 0 else 1})
    result = run(experiment, tmp_path, report=[].append)
    assert result["seeds"][0]["error"] == "ValueError: not finite: n"


def test_too_few_seeds_give_no_result_but_stay(tmp_path):
    with pytest.raises(ValueError, match="more seeds"):
        seeds_measured(tmp_path, range(1))
    assert files(tmp_path) == ["some-claim.partial"]
    assert seeds_measured(tmp_path, range(2)) == [1]


def test_progress_counts_the_seeds_that_are_still_missing(tmp_path):
    seen = []
    for count in (2, 4):
        run(make_experiment(Measure()), tmp_path, range(count), track=lambda seeds: seen.extend(seeds) or seeds)
    assert seen == [0, 1, 2, 3]


def test_effects_that_a_kind_of_data_cannot_show_are_left_out_and_named_in_its_settings(tmp_path):
    data = {"digits": {}, "mnist": {"epochs": 5, "unmeasured": ["m"]}}
    numbers = {"n": 1.0, "m": 2.0}
    effects = {EFFECT: "n is large", evidence.Effect("m", "m", margin=0.1): "m is large"}

    def measure(seed, settings):
        return numbers if settings["kind"] == "digits" else {"n": 1.0}

    experiment = make_experiment(measure, data=data, effects=effects)
    assert [effect["name"] for effect in run(experiment, tmp_path)["effects"]] == ["n", "m"]
    result = run(experiment, tmp_path, kind="mnist")
    assert [effect["name"] for effect in result["effects"]] == ["n"]
    assert result["settings"]["unmeasured"] == ["m"]


# Verification


def test_a_seed_that_agrees_stamps_the_result_and_keeps_where_its_numbers_come_from(tmp_path):
    old = run(make_experiment(Measure()), tmp_path)
    evidence.write(old | {"experiment_hash": "0" * 16}, "some-claim", tmp_path)
    measure, said = Measure(offset=1.9), []  # the seeds are apart by 2
    new = verify_experiment(make_experiment(measure), folder=tmp_path, report=said.append)
    assert measure.calls == [0]
    assert said == ["some-claim: seed 0 gives the recorded numbers."]
    assert new == evidence.read("some-claim", tmp_path)
    assert new["experiment_hash"] == old["experiment_hash"]
    assert (new["seeds"], new["effects"]) == (old["seeds"], old["effects"])
    assert any(note.startswith("verified on ") for note in evidence.table("some-claim", folder=tmp_path).notes)
    verified = new["provenance"].pop("verified")
    assert new["provenance"] == old["provenance"]
    assert (verified["seed"], verified["keras"]) == (0, keras.__version__)
    assert {"commit", "date", "seconds", "device"} <= set(verified)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measure": Measure(offset=2.1)}, r"seed 0 no longer gives n \(3.1, recorded 1.0\)"),
        ({"measure": lambda seed, settings: {"n": 1.0}}, r"curve \(it is there only in the record\)"),
        ({"measure": lambda *_: {"n": 1.0, "curve": (0, 5)}}, r"curve \(\[0.0, 5.0\], recorded \[0.0, 3.0\]\)"),
        ({"measure": lambda *_: {"n": 1.0, "curve": (0, 3, 3)}}, "curve"),
        ({"measure": Measure(breaks_at=0)}, "seed 0 fails now: RuntimeError: no memory"),
        ({"settings": {"epochs": 4}}, r"settings have changed since it was measured \(epochs, filters\); .*--fresh"),
    ],
)
def test_what_does_not_agree_is_refused_and_the_result_stays(tmp_path, changes, message):
    run(make_experiment(Measure()), tmp_path)
    before = (tmp_path / "some-claim.json").read_bytes()
    with pytest.raises(ValueError, match=message):
        verify_experiment(make_experiment(**{"measure": Measure()} | changes), folder=tmp_path, report=quiet)
    assert (tmp_path / "some-claim.json").read_bytes() == before
    assert files(tmp_path) == ["some-claim.json"]


def test_seconds_are_not_compared(tmp_path):
    def measure(seed, settings):
        return {"n": 1.0, "seconds_all": next(seconds)}

    seconds = iter([1, 2, 90])
    run(make_experiment(measure), tmp_path, seeds=range(2))
    verify_experiment(make_experiment(measure), folder=tmp_path, report=lambda sentence: None)


# Several at once

STUB = """import os
import time
from pathlib import Path


def run(requests, events):
    # Waits for the other group to begin: else one process that is quick could do both.
    begun = Path(__file__).parent / "begun"
    begun.mkdir(exist_ok=True)
    (begun / requests[0]["claim"]).touch()
    end = time.monotonic() + 60
    while len(list(begun.iterdir())) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    for request in requests:
        events.put(("done", request["claim"], [os.getpid(), os.environ["TF_NUM_INTRAOP_THREADS"]]))


def die(requests, events):
    os._exit(1)
"""


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """A module that other processes can import, in the place of what would train networks."""
    (tmp_path / "stub_of_claims.py").write_text(STUB, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("stub_of_claims")


def make_requests(*claims):
    others = dict.fromkeys(("kind", "backbone", "folder")) | {"seeds": 2, "fresh": False, "verify": False}
    return [{"claim": claim, **others} for claim in claims]


def test_claims_of_one_module_share_a_process_and_others_have_their_own(stub, monkeypatch):
    monkeypatch.setattr(parallel, "_run_group_there", stub.run)
    told = []
    requests = make_requests("small-data", "head-first", "augment-helps")
    parallel.run_claims(requests, lambda *event: told.append(event), jobs=2)
    processes = {claim: process for _, claim, (process, _) in told}
    assert processes["small-data"] == processes["augment-helps"] != processes["head-first"]
    assert os.getpid() not in processes.values()
    assert {int(threads) for *_, (_, threads) in told} == {max(1, os.cpu_count() // 2)}


def test_a_process_that_dies_is_told_with_a_remedy(stub, monkeypatch):
    monkeypatch.setattr(parallel, "_run_group_there", stub.die)
    with pytest.raises(ValueError, match=r"go on with --jobs 1\. Finished seeds are kept"):
        parallel.run_claims(make_requests("small-data", "head-first"), print, jobs=2)


# The experiments of the book


def test_experiments_are_found_under_their_own_claims_with_places_that_can_be_hashed():
    experiments = load_experiments()
    assert "dense-global" in experiments
    chapters = {claim.name: claim.chapters for claim in evidence.CLAIMS}
    for claim, experiment in experiments.items():
        assert experiment.claim == claim
        assert experiment.chapter in chapters[claim]
        assert len({effect.name for effect in experiment.effects}) == len(experiment.effects) > 0
        for kind in experiment.data:
            assert evidence.experiment_hash(experiment.place(), kind)
            json.dumps(experiment.settings_for(kind))


# Photos that took too long to measure with five seeds.
THREE_SEEDS = {
    "recipes",
    "recipes-pace",
    *(f"{claim}.photos.mobilenet_v2_035" for claim in ("batchnorm", "fine-tune-helps", "five-methods", "head-first")),
}


def test_committed_results_are_as_their_experiments_say():
    experiments = load_experiments()
    for name in evidence.names():
        result = evidence.read(name)
        experiment = experiments[result["claim"]]
        kind = result["data"]["kind"]
        _, _, backbone = [*name.split(".", 2), None, None][:3]
        assert experiment.result_name(kind, backbone) == name
        assert len(result["seeds"]) >= (3 if name in THREE_SEEDS else max(5, experiment.seeds))
        assert result["settings"] == json.loads(json.dumps(experiment.settings_for(kind, backbone)))
        assert (result["sentence"], result["chapter"]) == (experiment.sentence, experiment.chapter)
        assert result["data"]["source"] == experiment.sources[kind]
        fields = [field.name for field in dataclasses.fields(evidence.Effect)]
        effects = [{name: effect[name] for name in fields} for effect in result["effects"]]
        assert effects == [dataclasses.asdict(effect) for effect in experiment.effects_for(kind)]
