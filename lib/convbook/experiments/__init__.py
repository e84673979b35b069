"""The training runs behind the measured claims, one module to a part of the book or to a subject.

An `Experiment` says what is measured and what the claim predicts; `run_experiment` measures it seed by seed and hands
the numbers to `convbook.evidence`. To add one, write a function `measure(seed, settings)` and an `Experiment` in the
module of its part, and name it in that module's EXPERIMENTS.

Settings are tuned, where they are tuned at all, on seeds 1000 to 1009, and then frozen; results use seeds 0, 1, 2, ….
"""

import importlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convbook import evidence

PARTS = ("understanding", "downsampling", "from_scratch", "pretrained", "features", "fine_tuning")


@dataclass(frozen=True)
class Experiment:
    """A claim, how to measure it, and what it predicts.

    Attributes:
        claim: the claim's id, also the name of its results.
        sentence: the claim in the lecture's words.
        chapter: number of the chapter that states it.
        measure: function of (seed, settings) that returns {name: number or list of numbers}. The seed decides
            initialisation, order and training sample; the settings hold all below and "kind", the kind of data.
        settings: everything that is decided before the reported seeds run.
        data: for each kind of data the settings that differ; the first kind is the default.
        sources: for each kind of data, where it comes from, in words.
        effects: `evidence.Effect`s, what the claim predicts of the numbers.
    """

    claim: str
    sentence: str
    chapter: int
    measure: Callable[[int, dict], dict]
    settings: Mapping
    data: Mapping[str, Mapping]
    sources: Mapping[str, str]
    effects: tuple

    def __post_init__(self):
        if not self.data or set(self.data) != set(self.sources):
            raise ValueError(f"{self.claim}: data {list(self.data)} and sources {list(self.sources)} must be the same.")

    def kind(self, kind=None):
        """Check a kind of data, or name the default one."""
        if kind is not None and kind not in self.data:
            raise ValueError(f"{self.claim} is not measured on {kind!r}; possible is: {', '.join(self.data)}.")
        return kind or next(iter(self.data))

    def result_name(self, kind=None):
        """Name the result's file, without ".json"."""
        return self.claim if self.kind(kind) == next(iter(self.data)) else f"{self.claim}.{kind}"

    def settings_for(self, kind=None):
        """Put together the settings for one kind of data."""
        kind = self.kind(kind)
        return {**self.settings, **self.data[kind], "kind": kind}

    def place(self):
        """Say where in the package this experiment is defined, as "module:NAME"."""
        module = self.measure.__module__
        return f"{module}:{next(name for name, value in vars(sys.modules[module]).items() if value is self)}"


def load_experiments():
    """Collect the experiments of all parts of the book.

    Returns:
        {claim: Experiment}, in the order of the book.

    Example:
        >>> load_experiments()["dense-global"].chapter
        1
    """
    modules = [importlib.import_module(f"{__name__}.{part}") for part in PARTS]
    return {experiment.claim: experiment for module in modules for experiment in module.EXPERIMENTS}


def run_experiment(experiment, kind=None, seeds=range(5), folder=None, fresh=False, track=iter, report=print):
    """Measure an experiment seed by seed and write its result.

    After each seed its numbers are kept in a file `<result>.partial` beside the result, so that a run that was stopped
    goes on where it was. Seeds that were measured by the same code, with the same settings and in the same environment
    are not measured again; those that failed are.

    Args:
        experiment: an `Experiment`.
        kind: kind of data; without it, the experiment's first.
        seeds: the seeds that the result must have.
        folder: where results are; without it, those that come with the package.
        fresh: measure all seeds again.
        track: wraps the list of seeds still to measure and yields them, such as a progress bar.
        report: called with a sentence when a seed fails or kept seeds cannot be used.

    Returns:
        The result, as it was written.

    Raises:
        ValueError: if the kind of data is unknown, or fewer than two seeds succeeded.
    """
    folder = Path(str(evidence.results_folder(folder)))
    folder.mkdir(parents=True, exist_ok=True)
    state, name = _State.of(experiment, kind), experiment.result_name(kind)
    kept, provenance = ([], None) if fresh else _kept_seeds(state, name, folder, report)
    done = {entry["seed"]: entry for entry in kept}
    missing = [seed for seed in seeds if seed not in done]
    # Asked before the first seed: what is measured is the code as it was loaded.
    commit = evidence.commit(evidence.followed_files(state.place, state.settings["kind"]))
    for seed in track(missing):
        done[seed] = _measure_seed(experiment, seed, state.settings)
        if "error" in done[seed]:
            report(f"{experiment.claim}: seed {seed} failed: {done[seed]['error']}")
        partial = {**state.as_dict(), "seeds": list(done.values())}
        evidence.write_atomically(partial, folder / f"{name}.partial")
    entries = [done[seed] for seed in sorted(done)]
    if missing or provenance is None:
        seconds = round(sum(entry["seconds"] for entry in entries), 1)
        provenance = {**state.environment, "seconds": seconds, "commit": commit, "date": evidence.now()}
    result = _result(experiment, state, entries, provenance)
    evidence.write(result, name, folder)
    (folder / f"{name}.partial").unlink(missing_ok=True)
    return result


@dataclass(frozen=True)
class _State:
    """What must be the same for seeds to stand in one result."""

    place: str
    settings: dict
    syntax_hash: str
    environment: dict

    @classmethod
    def of(cls, experiment, kind):
        import keras

        # Through JSON, so that a tuple in the settings equals the list that comes back from a file.
        settings = json.loads(json.dumps(experiment.settings_for(kind)))
        environment = evidence.describe_environment(keras.backend.backend(), _device())
        place = experiment.place()
        return cls(place, settings, evidence.syntax_hash(place, settings["kind"]), environment)

    def as_dict(self):
        return {"settings": self.settings, "syntax_hash": self.syntax_hash, "environment": self.environment}

    def fits(self, stored):
        same_environment = all(stored["environment"].get(key) == value for key, value in self.environment.items())
        return all(stored[key] == self.as_dict()[key] for key in ("settings", "syntax_hash")) and same_environment


def _kept_seeds(state, name, folder, report):
    """Seeds that a result or a partial file already has and that fit, and the provenance of the result."""
    kept, provenance = [], None
    for path, read in ((folder / f"{name}.json", _read_result), (folder / f"{name}.partial", _read_partial)):
        if not path.exists():
            continue
        try:
            stored = read(path)
        except (ValueError, KeyError, TypeError) as error:
            report(f"{path.name} cannot be used ({error}); its seeds are measured again.")
            continue
        if state.fits(stored):
            kept += [entry for entry in stored["seeds"] if "numbers" in entry]
            provenance = stored.get("provenance", provenance)
        else:
            report(f"{path.name}: the code, the settings or the environment changed; its seeds are measured again.")
    return kept, provenance


def _read_result(path):
    result = evidence.read(path.stem, path.parent)
    return {**result, "environment": result["provenance"]}


def _read_partial(path):
    partial = json.loads(path.read_text(encoding="utf-8"))
    return {key: partial[key] for key in ("settings", "syntax_hash", "environment", "seeds")}


def _result(experiment, state, entries, provenance):
    """All that a result holds, in the order in which a person reads it."""
    kind = state.settings["kind"]
    return {
        "format": evidence.FORMAT,
        "claim": experiment.claim,
        "sentence": experiment.sentence,
        "chapter": experiment.chapter,
        "data": {"kind": kind, "source": experiment.sources[kind]},
        "settings": state.settings,
        "seeds": entries,
        "effects": [evidence.judge(effect, entries) for effect in experiment.effects],
        "experiment": state.place,
        "syntax_hash": state.syntax_hash,
        "provenance": provenance,
    }


def _measure_seed(experiment, seed, settings):
    """The entry of one seed: its numbers, or why it has none."""
    start = time.perf_counter()
    try:
        outcome = {"numbers": _plain(experiment.measure(seed, settings))}
    except Exception as error:  # a seed that fails is part of the result: it is reported, not dropped
        outcome = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
    return {"seed": seed, "seconds": round(time.perf_counter() - start, 1), **outcome}


def _plain(numbers):
    """Numbers and lists of numbers as JSON can hold them."""
    plain = {name: np.asarray(value, dtype=float).tolist() for name, value in numbers.items()}
    broken = [name for name, value in plain.items() if not np.isfinite(value).all()]
    if broken:
        raise ValueError(f"not finite: {', '.join(broken)}")
    return plain


def _device():
    """The device in words, whatever the backend."""
    import keras

    if any(name.startswith("gpu") for name in keras.distribution.list_devices()):
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
            return done.stdout.splitlines()[0].strip()
        except (OSError, subprocess.SubprocessError, IndexError):
            return "GPU"
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or "CPU"
    return f"{name}, {os.cpu_count()} cores"
