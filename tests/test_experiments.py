"""Tests of how experiments run, stop, go on and fail; and of what chapter 1's experiment measures."""

import dataclasses
import importlib
import json
import os
import types

import h5py
import keras
import numpy as np
import PIL
import pytest
from PIL import Image

from convbook import backbones, digit_nets, evidence, models, shapes
from convbook.experiments import (
    Experiment,
    downsampling,
    from_scratch,
    load_experiments,
    parallel,
    run_experiment,
    training,
    understanding,
    verify_experiment,
)

EFFECT = evidence.Effect("n", "n", margin=0.1, meaning="n is large")


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
        "effects": (EFFECT,),
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


def test_a_run_writes_what_it_measured(tmp_path):
    result = run(make_experiment(Measure()), tmp_path)
    assert evidence.read("some-claim", tmp_path) == result
    assert [entry["numbers"] for entry in result["seeds"]] == [
        {"n": 1.0, "curve": [0.0, 3.0]},
        {"n": 2.0, "curve": [1.0, 3.0]},
        {"n": 3.0, "curve": [2.0, 3.0]},
    ]
    assert result["effects"][0]["differences"] == [1.0, 2.0, 3.0]
    assert result["effects"][0]["verdict"] == "undecided"  # 2 ± 2.48
    assert result["settings"] == {"epochs": 3, "filters": [1, 2], "kind": "digits"}
    assert result["data"] == {"kind": "digits", "source": "small digits"}
    assert result["provenance"]["keras"] == keras.__version__
    assert [file.name for file in tmp_path.iterdir()] == ["some-claim.json"]


def test_a_further_kind_of_data_has_its_own_settings_and_file(tmp_path):
    result = run(make_experiment(Measure()), tmp_path, kind="mnist")
    assert result["settings"]["epochs"] == 5
    assert result["data"] == {"kind": "mnist", "source": "large digits"}
    assert evidence.names(tmp_path) == ["some-claim.mnist"]


def test_an_unknown_kind_of_data_is_refused_before_anything_runs(tmp_path):
    measure = Measure()
    with pytest.raises(ValueError, match=r"not measured on 'photos'; possible is: digits, mnist"):
        run(make_experiment(measure), tmp_path, kind="photos")
    assert measure.calls == []


def test_kinds_of_data_without_a_source_are_refused():
    with pytest.raises(ValueError, match="must be the same"):
        make_experiment(Measure(), sources={"digits": "small digits"})


def test_a_run_that_was_stopped_goes_on_after_the_last_seed(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(make_experiment(Measure(breaks_at=2, error=KeyboardInterrupt())), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["some-claim.partial"]
    measure = Measure()
    result = run(make_experiment(measure), tmp_path)
    assert measure.calls == [2]
    assert [entry["seed"] for entry in result["seeds"]] == [0, 1, 2]
    assert [file.name for file in tmp_path.iterdir()] == ["some-claim.json"]


def test_a_run_that_was_stopped_after_its_last_seed_is_completed(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(evidence, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            run(make_experiment(Measure()), tmp_path)
    measure = Measure()
    assert run(make_experiment(measure), tmp_path)["effects"][0]["n"] == 3
    assert measure.calls == []


def test_more_seeds_are_added_to_those_there_are_and_none_is_lost(tmp_path):
    run(make_experiment(Measure()), tmp_path)
    measure = Measure()
    assert run(make_experiment(measure), tmp_path, seeds=range(5))["effects"][0]["n"] == 5
    assert measure.calls == [3, 4]
    assert run(make_experiment(measure), tmp_path, seeds=range(2))["effects"][0]["n"] == 5
    assert measure.calls == [3, 4]


def test_a_run_with_nothing_to_measure_keeps_the_provenance_and_renews_the_prose(tmp_path):
    old = run(make_experiment(Measure()), tmp_path)
    new = run(make_experiment(Measure(), sentence="n is very large."), tmp_path)
    assert new["provenance"] == old["provenance"]
    assert new["sentence"] == "n is very large."


def test_a_fresh_run_measures_everything_again(tmp_path):
    run(make_experiment(Measure()), tmp_path)
    measure = Measure()
    run(make_experiment(measure), tmp_path, fresh=True)
    assert measure.calls == [0, 1, 2]


@pytest.mark.parametrize("stopped", [False, True])
def test_seeds_of_other_settings_are_not_mixed_in(tmp_path, stopped):
    if stopped:
        with pytest.raises(KeyboardInterrupt):
            run(make_experiment(Measure(breaks_at=2, error=KeyboardInterrupt())), tmp_path)
    else:
        run(make_experiment(Measure()), tmp_path)
    measure, said = Measure(), []
    run(make_experiment(measure, settings={"epochs": 4}), tmp_path, report=said.append)
    assert measure.calls == [0, 1, 2]
    assert len(said) == 1
    assert "its seeds are measured again" in said[0]


@pytest.mark.parametrize("changed", ["experiment_hash", "provenance"])
def test_seeds_of_other_code_or_versions_are_not_mixed_in(tmp_path, changed):
    result = run(make_experiment(Measure()), tmp_path)
    other = "0" * 16 if changed == "experiment_hash" else result["provenance"] | {"pillow": evidence.NOT_RECORDED}
    evidence.write(result | {changed: other}, "some-claim", tmp_path)
    measure, said = Measure(), []
    new = run(make_experiment(measure), tmp_path, report=said.append)
    assert measure.calls == [0, 1, 2]
    assert "its seeds are measured again" in said[0]
    assert {"experiment_hash": "code", "provenance": f"pillow not recorded (now {PIL.__version__})"}[changed] in said[0]
    assert new[changed] != other


def test_seeds_of_another_python_are_mixed_in(tmp_path):
    result = run(make_experiment(Measure()), tmp_path)
    evidence.write(result | {"provenance": result["provenance"] | {"python": "3.11.0"}}, "some-claim", tmp_path)
    measure = Measure()
    run(make_experiment(measure), tmp_path, seeds=range(4))
    assert measure.calls == [3]


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


def test_a_base_that_is_nowhere_is_refused_before_anything_runs(tmp_path):
    measure = Measure()
    experiment = make_experiment(measure, settings={"epochs": 3, "backbone": "drawn_world"})
    with pytest.raises(ValueError, match="no preset"):
        run(experiment, tmp_path, backbone="somewhere/my_base")
    assert measure.calls == []


@pytest.mark.parametrize("load", [lambda: backbones.load("drawn_things"), digit_nets.read_training_log])
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
    said, measure = [], Measure()
    run(make_experiment(measure), tmp_path, report=said.append)
    assert said[0].startswith("some-claim.partial cannot be used")
    assert measure.calls == [0, 1, 2]


def test_a_seed_that_fails_is_reported_kept_and_tried_again(tmp_path):
    said = []
    result = run(make_experiment(Measure(breaks_at=1)), tmp_path, report=said.append)
    assert said == ["some-claim: seed 1 failed: RuntimeError: no memory"]
    assert result["seeds"][1]["error"] == "RuntimeError: no memory"
    assert result["effects"][0]["differences"] == [1.0, 3.0]
    measure = Measure()
    result = run(make_experiment(measure), tmp_path)
    assert measure.calls == [1]
    assert result["effects"][0]["differences"] == [1.0, 2.0, 3.0]


def test_a_number_that_is_not_finite_is_a_failure(tmp_path):
    said = []
    experiment = make_experiment(lambda seed, settings: {"n": np.nan if seed == 0 else 1})
    result = run(experiment, tmp_path, report=said.append)
    assert result["seeds"][0]["error"] == "ValueError: not finite: n"


def test_too_few_seeds_give_no_result_but_stay(tmp_path):
    with pytest.raises(ValueError, match="more seeds"):
        run(make_experiment(Measure()), tmp_path, seeds=range(1))
    assert [file.name for file in tmp_path.iterdir()] == ["some-claim.partial"]
    measure = Measure()
    run(make_experiment(measure), tmp_path, seeds=range(2))
    assert measure.calls == [1]


def test_progress_counts_the_seeds_that_are_still_missing(tmp_path):
    seen = []

    def track(seeds):
        seen.extend(seeds)
        return seeds

    run(make_experiment(Measure()), tmp_path, seeds=range(2), track=track)
    run(make_experiment(Measure()), tmp_path, seeds=range(4), track=track)
    assert seen == [0, 1, 2, 3]


def test_effects_that_a_kind_of_data_cannot_show_are_left_out_and_named_in_its_settings(tmp_path):
    data = {"digits": {}, "mnist": {"epochs": 5, "unmeasured": ["m"]}}
    numbers = {"n": 1.0, "m": 2.0}
    effects = (EFFECT, evidence.Effect("m", "m", margin=0.1, meaning="m is large"))

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
        (
            {"measure": lambda seed, settings: {"n": 1.0, "curve": (0, 5)}},
            r"curve \(\[0.0, 5.0\], recorded \[0.0, 3.0\]\)",
        ),
        ({"measure": lambda seed, settings: {"n": 1.0, "curve": (0, 3, 3)}}, "curve"),
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
    assert [file.name for file in tmp_path.iterdir()] == ["some-claim.json"]


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
    for claim, experiment in experiments.items():
        assert experiment.claim == claim
        assert len({effect.name for effect in experiment.effects}) == len(experiment.effects) > 0
        for kind in experiment.data:
            assert evidence.experiment_hash(experiment.place(), kind)
            json.dumps(experiment.settings_for(kind))


def test_committed_results_carry_the_current_prose_settings_and_effects():
    experiments = load_experiments()
    for name in evidence.names():
        result = evidence.read(name)
        experiment = experiments[result["claim"]]
        kind = result["data"]["kind"]
        _, _, backbone = [*name.split(".", 2), None, None][:3]
        assert experiment.result_name(kind, backbone) == name
        assert result["settings"] == json.loads(json.dumps(experiment.settings_for(kind, backbone)))
        assert (result["sentence"], result["chapter"]) == (experiment.sentence, experiment.chapter)
        assert result["data"]["source"] == experiment.sources[kind]
        effects = [
            {field.name: effect[field.name] for field in dataclasses.fields(evidence.Effect)}
            for effect in result["effects"]
        ]
        assert effects == [dataclasses.asdict(effect) for effect in experiment.effects_for(kind)]


def small_settings():
    small = {"train_pictures": 40, "test_pictures": 30, "epochs": 1, "moves_px": (0, 8), "stated_px": 8}
    return understanding.DENSE_GLOBAL.settings_for("digits") | small


def test_dense_global_measures_every_number_that_its_effects_name():
    numbers = understanding.measure_dense_global(1000, small_settings())
    for effect in understanding.DENSE_GLOBAL.effects:
        assert {effect.of, effect.minus} <= set(numbers)
    assert all(0 <= numbers[name] <= 1 for name in ("dense_plain", "convnet_permuted"))
    by_move = numbers["dense_canvas_by_move"]
    assert len(by_move) == 2
    assert numbers["dense_canvas_lost_by_move"] == pytest.approx(by_move[0] - by_move[1])


def test_dense_global_compares_nets_of_about_the_same_size():
    settings = understanding.DENSE_GLOBAL.settings_for("digits")
    for size_px in (28, settings["canvas_px"]):
        dense = understanding._dense((size_px, size_px, 1), settings).count_params()
        convnet = understanding._convnet((size_px, size_px, 1), settings).count_params()
        assert dense == pytest.approx(convnet, rel=0.01)


def test_another_seed_takes_other_pictures(monkeypatch):
    seen = []

    def train(model, images, labels, settings):
        seen.append((images.copy(), labels.copy(), model.get_weights()[0]))
        return model

    monkeypatch.setattr(understanding, "train", train)
    monkeypatch.setattr(understanding, "accuracy", lambda model, images, labels: 0.5)
    for seed in (0, 0, 1):
        understanding.measure_dense_global(seed, small_settings())
    first, again, other = seen[:7], seen[7:14], seen[14:]
    for one, same in zip(first, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    for one, another in zip(first, other, strict=True):
        assert not any(np.array_equal(a, b) for a, b in zip(one, another, strict=True))
    plain, permuted = first[0][0], first[1][0]
    assert not np.array_equal(plain, permuted)
    assert np.array_equal(np.sort(plain, axis=None), np.sort(permuted, axis=None))


def test_accuracy_on_moved_digits_is_the_mean_over_four_directions(monkeypatch):
    # A "model" that finds a digit only where its ink has moved to the right: one direction of four.
    def accuracy(model, images, labels):
        found = images[:, :, 6:].sum(axis=(1, 2, 3)) > 0
        return float(found.mean())

    monkeypatch.setattr(understanding, "accuracy", accuracy)
    images = np.zeros((2, 4, 4, 1), np.uint8)
    images[:, 1:3, 1:3] = 255
    assert understanding._accuracy_moved(None, images, np.array([0, 1]), size_px=8, move_px=2) == 0.25


def test_batches_come_in_a_new_order_in_each_epoch_whatever_seed_was_set():
    seen = []

    class Watched(keras.Model):
        def __init__(self):
            super().__init__()
            self.unit = keras.layers.Dense(1)

        def call(self, inputs):
            return self.unit(inputs)

        def train_step(self, data):
            seen.append(np.asarray(data[0])[:, 0].astype(int).tolist())
            return super().train_step(data)

    keras.utils.set_random_seed(0)
    model, numbers = Watched(), np.arange(8.0, dtype="float32")[:, np.newaxis]
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(training.Batches(numbers, numbers[:, 0], 3, seed=0), epochs=3, shuffle=False, verbose=0)
    epochs = [seen[first : first + 3] for first in (0, 3, 6)]
    assert [[len(batch) for batch in epoch] for epoch in epochs] == [[3, 3, 2]] * 3
    orders = [[number for batch in epoch for number in batch] for epoch in epochs]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]

    seen.clear()
    keras.utils.set_random_seed(0)
    model.fit(numbers, numbers[:, 0], batch_size=8, epochs=2, verbose=0)
    assert seen[0] == seen[1], "Keras shuffles arrays anew in each epoch now: Batches is not needed any more"


def test_training_learns_and_accuracy_counts():
    keras.utils.set_random_seed(1000)
    images = np.zeros((64, 4, 3, 1), np.uint8)
    labels = np.arange(64) % 2
    images[labels == 1, :2] = 255
    settings = {"learning_rate": 0.05, "epochs": 20, "batch_size": 16}
    model = models.build_digits_dense((4, 3, 1), num_classes=2, units=(4,))
    assert training.train(model, images, labels, settings) is model
    assert training.accuracy(model, images, labels) == 1
    assert training.accuracy(model, images[:4], np.array([0, 1, 0, 0])) == 0.75


def small(experiment, kind):
    settings = experiment.settings_for(kind) | {"train_pictures": 40, "test_pictures": 20, "filters": (2, 3, 4)}
    epochs = settings["epochs"]
    return settings | {"epochs": dict.fromkeys(epochs, 4) if isinstance(epochs, dict) else 1}


@pytest.mark.parametrize(
    ("experiment", "kind"),
    [
        (downsampling.DOWNSAMPLE, "digits"),
        (downsampling.INTO_CHANNELS, "digits"),
        (downsampling.MAX_VS_MEAN, "digits"),
        (downsampling.MAX_VS_MEAN, "drawn"),
    ],
    ids=["downsample", "into-channels", "max-vs-mean digits", "max-vs-mean drawn"],
)
def test_chapter_4s_experiments_measure_every_number_that_their_effects_name(experiment, kind, monkeypatch):
    monkeypatch.setattr(downsampling, "_probe", lambda train_maps, *others: 1 / train_maps[0].size)
    numbers = experiment.measure(1000, small(experiment, kind))
    for effect in experiment.effects:
        assert {effect.of, effect.minus} <= set(numbers)
        assert 0 <= abs(numbers[effect.of]) <= 1


def test_the_nets_that_pool_dilate_or_do_neither_have_equal_weights_and_the_windows_that_are_stated():
    settings = downsampling.DOWNSAMPLE.settings_for()
    stacks = {
        "pooled": [(3, 1), (2, 2), (3, 1), (2, 2), (3, 1)],
        "plain": [(3, 1), (3, 1), (3, 1)],
        "dilated": [(3, 1, 1), (3, 1, 3), (3, 1, 5)],
    }
    windows, parameters = {}, set()
    for name, options in downsampling._kinds_of_net(settings).items():
        model = downsampling.build_net((28, 28, 1), settings["filters"], 10, **options)
        parameters.add(model.count_params())
        windows[name] = shapes.receptive_field(stacks[name]).size
        assert _window_px(model, "stage_3") == windows[name]
    assert windows == {"pooled": 18, "plain": 7, "dilated": 19}
    assert parameters == {160 + 4640 + 18496 + 650}


def test_a_net_that_two_claims_of_chapter_4_ask_for_is_trained_once(monkeypatch):
    monkeypatch.setattr(downsampling, "_probe", lambda *_: 0.5)
    settings = {
        experiment.claim: json.loads(json.dumps(small(experiment, "digits")))  # as a measurement gets them
        for experiment in (downsampling.DOWNSAMPLE, downsampling.INTO_CHANNELS)
    }
    downsampling._trained_once.cache_clear()
    downsampling.measure_downsample(1000, settings["downsample"])
    assert downsampling._trained_once.cache_info().misses == 6
    downsampling.measure_into_channels(1000, settings["into-channels"])
    assert downsampling._trained_once.cache_info().misses == 6
    downsampling._trained(1001, "pooled", "average", settings["downsample"])
    assert downsampling._trained_once.cache_info().misses == 7
    downsampling._trained_once.cache_clear()


def _window_px(model, layer):
    """How many rows of the picture move the first output of a layer, asked of nets whose weights are all positive."""
    model.set_weights([np.full(weight.shape, 0.01) for weight in model.get_weights()])
    part = keras.Model(model.inputs, model.get_layer(layer).output)
    rows = np.zeros((29, 28, 28, 1), np.float32)
    for row in range(28):
        rows[row, row] = 255  # the last picture stays dark
    outputs = part.predict(rows, verbose=0)[:, 0, 0].sum(axis=-1)
    return int(np.sum(outputs[:28] != outputs[28]))


@pytest.mark.parametrize("between", ["max", "average", "strides"])
def test_each_way_of_making_the_map_smaller_has_the_same_weights(between):
    model = downsampling.build_net((64, 64, 3), (32, 64, 128, 128), 2, between)
    assert model.count_params() == 896 + 18496 + 73856 + 147584 + 258
    assert model.get_layer("stage_1").output.shape == (None, 31, 31, 32)


def test_shuffled_places_keep_what_stands_in_the_channels_and_differ_from_picture_to_picture():
    maps = np.tile(np.arange(24).reshape(1, 3, 4, 2), (2, 1, 1, 1))
    shuffled = downsampling.shuffle_places(maps, np.random.default_rng(0))
    assert not np.array_equal(shuffled[0], shuffled[1])
    for picture in shuffled:
        assert sorted(map(tuple, picture.reshape(-1, 2).tolist())) == [(n, n + 1) for n in range(0, 24, 2)]


def test_a_probe_finds_a_class_that_lies_in_the_channels_after_a_shuffle_and_one_that_lies_in_places_before_it():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, 400)
    in_places, in_channels = np.zeros((400, 2, 5, 10), "float32"), np.zeros((400, 2, 5, 10), "float32")
    in_places[np.arange(400), labels // 5, labels % 5] = 1
    in_channels[np.arange(400), :, :, labels] = 1
    settings = {"probe": {"learning_rate": 1e-2, "batch_size": 32, "epochs": 10}}
    for maps, kept, shuffled in ((in_places, 1, 0.3), (in_channels, 1, 1)):
        for wanted, each in ((kept, maps), (shuffled, downsampling.shuffle_places(maps, generator))):
            found = downsampling._probe(each[:300], each[300:], labels[:300], labels[300:], 0, settings)
            assert found == wanted if wanted == 1 else found < wanted


def test_drawn_pets_of_a_seed_are_balanced_and_none_is_both_trained_and_tested_on():
    settings = {"train_pictures": 6, "test_pictures": 4}
    train_images, train_labels, test_images, test_labels = downsampling._drawn_pets(3, settings)
    other = downsampling._drawn_pets(4, settings)
    assert (train_labels.mean(), test_labels.mean()) == (0.5, 0.5)
    pictures = [picture.tobytes() for images in (train_images, test_images, other[0], other[2]) for picture in images]
    assert len(set(pictures)) == len(pictures) == 20


PART_TWO = {experiment.claim: experiment for experiment in from_scratch.EXPERIMENTS}
FEW = {"train_pictures": 8, "validation_pictures": 3, "test_pictures": 4}


FEW_WEIGHTS = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)])


def test_small_data_measures_every_number_that_its_effects_name():
    experiment = PART_TWO["small-data"]
    numbers = experiment.measure(1000, experiment.settings_for() | FEW | {"batch_size": 4, "epochs": 2})
    for effect in experiment.effects:
        assert {effect.of, effect.minus} - {None} <= set(numbers)
    assert len(numbers["history_loss"]) == len(numbers["history_val_loss"]) == 2
    assert numbers["memorised"] == pytest.approx(numbers["training"] - 0.9)


def test_kernels_of_the_plain_net_begin_with_hes_spread():
    keras.utils.set_random_seed(1000)
    kernels = [weight for weight in from_scratch.build_plain(64).weights if weight.name == "kernel"]
    for kernel, inputs in zip(kernels[:4], (27, 288, 576, 1152), strict=True):
        spread = kernel.numpy().std()
        assert spread == pytest.approx((2 / inputs) ** 0.5, rel=0.1)


@pytest.mark.parametrize("claim", [claim for claim in PART_TWO if claim != "small-data"])
def test_part_twos_experiments_measure_every_number_that_their_effects_name(claim, monkeypatch):
    class Coin:
        def set_weights(self, weights):
            assert weights == ["best"]

        def predict(self, images, **options):
            return np.linspace(0, 1, len(images))[:, np.newaxis]

    history = {"loss": [0.5, 0.4, 0.3, 0.2], "val_loss": [0.6, 0.8]}
    monkeypatch.setattr(from_scratch, "train", lambda *arguments, **options: (Coin(), history, ["best"]))
    monkeypatch.setattr(from_scratch, "build", lambda size_px, filters: Coin())
    monkeypatch.setattr(from_scratch, "_trained", from_scratch._trained.__wrapped__)  # nothing is remembered
    experiment = PART_TWO[claim]
    numbers = experiment.measure(1000, experiment.settings_for() | FEW | {"pictures": (50, 500)})
    for effect in experiment.effects:
        assert effect.of in numbers
        assert effect.minus is None or effect.minus in numbers


def test_drawn_pets_of_part_two_share_no_picture_between_parts_and_seeds():
    pictures, wanted = set(), 0
    for seed in (0, 1):
        for part, (images, labels) in from_scratch.draw_pets(seed, FEW).items():
            assert len(images) == 2 * FEW[f"{part}_pictures"]
            assert labels.mean() == 0.5
            pictures |= {image.tobytes() for image in images}
            wanted += len(images)
    assert len(pictures) == wanted


@pytest.fixture
def few_photos(tmp_path, monkeypatch):
    """Six photos of a class in each part, as they lie on disk; each has one grey level of its own."""
    level = 0
    for part in ("train", "validation", "test"):
        for kind in ("cat", "dog"):
            (tmp_path / part / kind).mkdir(parents=True)
            for number in range(6):
                level += 5
                Image.new("RGB", (30, 20), (level, level, level)).save(tmp_path / part / kind / f"{number}.png")
    monkeypatch.setattr(from_scratch.photos, "prepare", lambda *_, **options: types.SimpleNamespace(folder=tmp_path))


def test_photos_are_balanced_labelled_and_others_for_each_seed(few_photos):
    settings = {"kind": "photos", "train_pictures": 3, "validation_pictures": 2, "test_pictures": 6, "size_px": 8}
    first, again, other = (from_scratch.cats_and_dogs(seed, settings) for seed in (0, 0, 1))
    levels = {part: images[:, 0, 0, 0].tolist() for part, (images, _) in first.items()}
    assert {part: images.shape for part, (images, _) in first.items()}["train"] == (6, 8, 8, 3)
    assert first["train"][1].tolist() == [0, 0, 0, 1, 1, 1]
    assert max(levels["train"][:3]) <= 30 < min(levels["train"][3:])  # cats, then dogs
    assert max(levels["train"]) <= 60
    assert sorted(levels["test"]) == list(range(125, 181, 5))
    for part, (images, _) in first.items():
        assert np.array_equal(images, again[part][0])
    assert not np.array_equal(first["train"][0], other["train"][0])


def test_more_photos_than_there_are_is_refused(few_photos):
    settings = {"kind": "photos", "train_pictures": 7, "validation_pictures": 2, "test_pictures": 6, "size_px": 8}
    with pytest.raises(ValueError, match="train_pictures is 7, and there are 6 photos of a class: lower it"):
        from_scratch.cats_and_dogs(0, settings)


def test_a_training_makes_the_stated_number_of_updates_and_returns_its_best_weights(monkeypatch):
    monkeypatch.setattr(from_scratch, "BATCH_SIZE", 4)
    parts = from_scratch.draw_pets(1000, FEW)
    settings = {"filters": [4, 8], "updates": 12, "learning_rate": 1e-3}
    for in_pipeline in (False, True):
        model, history, best = from_scratch.train(parts, 0, settings, strength=1, dropout=0.25, in_pipeline=in_pipeline)
        assert int(model.optimizer.iterations) == 12
        assert len(history["loss"]) == len(history["val_loss"]) == 3
        names = {type(layer).__name__ for layer in model.layers}
        assert ("RandomRotation" in names) is not in_pipeline
        assert [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)] == [4, 8]
        model.set_weights(best)
        images, labels = parts["validation"]
        assert model.evaluate(images, labels, verbose=0)[0] == pytest.approx(min(history["val_loss"]), rel=1e-3)


def test_a_training_that_several_claims_ask_for_is_done_once(monkeypatch):
    calls = []

    def train(parts, seed, settings, **options):
        calls.append((seed, len(parts["train"][0]), settings["updates"], options))
        return FEW_WEIGHTS, {"loss": [0.5], "val_loss": [0.6]}, FEW_WEIGHTS.get_weights()

    monkeypatch.setattr(from_scratch, "train", train)
    settings = FEW | {"filters": [4, 8], "updates": 3, "learning_rate": 0.1, "kind": "drawn"}
    from_scratch._trained.cache_clear()
    first = from_scratch.trained(1000, settings, strength=1)
    assert from_scratch.trained(1000, settings | {"calls": 16}, strength=1) is first
    from_scratch.trained(1000, settings | {"train_pictures": 4}, strength=1)
    from_scratch.trained(1001, settings, strength=1)
    from_scratch.trained(1000, settings)
    assert calls[:3] == [(1000, 16, 3, {"strength": 1}), (1000, 8, 3, {"strength": 1}), (1001, 16, 3, {"strength": 1})]
    assert calls[3:] == [(1000, 16, 3, {})]
    from_scratch._trained.cache_clear()


def _labels_of_an_epoch(batches):
    if isinstance(batches, keras.utils.PyDataset):
        labels = [batches[place][1] for place in range(len(batches))]
        batches.on_epoch_end()
    else:
        labels = [labels for _, labels in batches]
    return np.concatenate(labels).ravel().tolist()


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_pictures_come_in_another_order_in_each_epoch_at_both_places(in_pipeline, monkeypatch):
    orders = []

    class Witness(keras.Model):
        def fit(self, batches, epochs, shuffle, **options):
            assert shuffle is False  # the batches do it
            orders.extend(_labels_of_an_epoch(batches) for _ in range(epochs))
            return types.SimpleNamespace(history={})

    monkeypatch.setattr(from_scratch, "BATCH_SIZE", 4)
    monkeypatch.setattr(from_scratch, "build", lambda *_: Witness())
    parts = {"train": (np.zeros((16, 64, 64, 3), np.uint8), np.arange(16)), "validation": None}
    settings = {"filters": [4, 8], "updates": 8, "learning_rate": 1e-3}
    from_scratch.train(parts, 0, settings, strength=1, in_pipeline=in_pipeline)
    first, second = orders
    assert sorted(first) == sorted(second) == list(range(16))
    assert first != second


def test_augmentation_of_strength_0_is_none_and_its_strength_is_what_the_layers_get():
    assert from_scratch.augmentation(0, seed=1) == []
    flip, rotation, zoom = from_scratch.augmentation(2, seed=1)
    assert (rotation.factor, zoom.height_lower, zoom.height_upper) == ((-0.2, 0.2), -0.4, 0.4)
    assert flip.mode == "horizontal"


def test_accuracy_of_part_two_counts_probabilities_above_one_half():
    class Model:
        def predict(self, images, **options):
            return np.array([[0.2], [0.9], [0.5], [0.6]])

    assert from_scratch.accuracy(Model(), (np.zeros((4, 1, 1, 3)), np.array([0, 1, 1, 1]))) == 0.75
