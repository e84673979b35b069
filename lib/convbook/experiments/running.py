"""How an experiment runs: seed by seed, resumable, with what is known of code and machine; and how it is verified."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convbook import evidence
from convbook.environment import describe_environment, now
from convbook.files import write_atomically


def run_experiment(
    experiment, kind=None, seeds=range(5), folder=None, fresh=False, track=iter, report=print, backbone=None
):
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
        backbone: a preset to measure with in the place of the experiment's own.

    Returns:
        The result, as it was written.

    Raises:
        ValueError: if the kind of data is unknown, there is no base to replace, or fewer than two seeds succeeded.
    """
    folder = Path(str(evidence.results_folder(folder)))
    folder.mkdir(parents=True, exist_ok=True)
    state, name = _State.of(experiment, kind, backbone), experiment.result_name(kind, backbone)
    kept, provenance = ([], None) if fresh else _kept_seeds(state, name, folder, report)
    done = {entry["seed"]: entry for entry in kept}
    missing = [seed for seed in seeds if seed not in done]
    # Asked before the first seed: what is measured is the code as it was loaded.
    commit = evidence.commit(evidence.followed_files(state.place, state.settings["kind"]))
    for seed in track(missing):
        done[seed] = _measure_seed(experiment, seed, state.given)
        if "error" in done[seed]:
            report(f"{experiment.claim}: seed {seed} failed: {done[seed]['error']}")
        partial = {**state.as_dict(), "seeds": list(done.values())}
        write_atomically(partial, folder / f"{name}.partial")
    entries = [done[seed] for seed in sorted(done)]
    if missing or provenance is None:
        seconds = round(sum(entry["seconds"] for entry in entries), 1)
        provenance = {**state.environment, "seconds": seconds, "commit": commit, "date": now()}
    result = _result(experiment, state, entries, provenance)
    evidence.write(result, name, folder)
    (folder / f"{name}.partial").unlink(missing_ok=True)
    return result


def verify_experiment(experiment, kind=None, folder=None, report=print, backbone=None):
    """Measure the first seed of a result again, and stamp the result as valid for the code as it is now if it agrees.

    A number agrees if it differs from the same seed's recorded one by no more than the recorded seeds differ among
    themselves. Seconds measure the machine and are not compared.

    Args:
        experiment: an `Experiment`.
        kind: kind of data; without it, the experiment's first.
        folder: where results are; without it, those that come with the package.
        report: called with a sentence that says how far the seed agreed.
        backbone: the preset that it was measured with, if not the experiment's own.

    Returns:
        The result, as it was written. Its provenance stays that of its seeds; what is new stands there as "verified".

    Raises:
        ValueError: if there is no such result, its settings are others, the seed fails, or a number does not agree.
            Nothing is written then.
    """
    folder = Path(str(evidence.results_folder(folder)))
    state, name = _State.of(experiment, kind, backbone), experiment.result_name(kind, backbone)
    stored = evidence.read(name, folder)
    again = f"measure it again: `python -m convbook evidence {experiment.claim} --fresh`"
    if stored["settings"] != state.settings:
        raise ValueError(f"{name}: the settings have changed since it was measured; {again}.")
    commit = evidence.commit(evidence.followed_files(state.place, state.settings["kind"]))
    recorded = [entry for entry in stored["seeds"] if "numbers" in entry]
    entry = _measure_seed(experiment, recorded[0]["seed"], state.given)
    if "error" in entry:
        raise ValueError(f"{name}: seed {entry['seed']} fails now: {entry['error']}")
    apart = _disagreements(entry["numbers"], [each["numbers"] for each in recorded])
    if apart:
        raise ValueError(f"{name}: seed {entry['seed']} no longer gives {', '.join(apart)}; {again}.")
    report(f"{name}: seed {entry['seed']} gives the recorded numbers.")
    verified = {**state.environment, "seed": entry["seed"], "seconds": entry["seconds"], "commit": commit}
    provenance = {**stored["provenance"], "verified": {**verified, "date": now()}}
    result = _result(experiment, state, stored["seeds"], provenance)
    evidence.write(result, name, folder)
    return result


def _disagreements(numbers, recorded):
    """What of a seed's numbers is further from those of the first recorded seed than the recorded seeds are apart."""
    names = sorted(set(numbers) | set(recorded[0]))
    lacking = [
        f"{name} (it is there only {'now' if name in numbers else 'in the record'})"
        for name in names
        if name not in numbers or name not in recorded[0]
    ]
    apart = []
    for name in names:
        if name in numbers and name in recorded[0] and "seconds" not in name:
            now, before = np.array(numbers[name]), np.array([each[name] for each in recorded])
            spread = np.ptp(before, axis=0)
            far = now.shape != before[0].shape or (np.abs(now - before[0]) > spread + 1e-6 * np.abs(before[0])).any()
            apart += [f"{name} ({np.round(now, 4).tolist()}, recorded {np.round(before[0], 4).tolist()})"] * bool(far)
    return lacking + apart


@dataclass(frozen=True)
class _State:
    """What must be the same for seeds to stand in one result.

    `given` are the settings as the measurement gets them; in `settings`, which are stored, a base that is a folder has
    only its name: where it lies says nothing on another machine.
    """

    place: str
    settings: dict
    syntax_hash: str
    environment: dict
    given: dict

    @classmethod
    def of(cls, experiment, kind, backbone):
        # Through JSON, so that a tuple in the settings equals the list that comes back from a file.
        given = json.loads(json.dumps(experiment.settings_for(kind, backbone)))
        settings = given | ({"backbone": Path(backbone).name} if backbone else {})
        environment = describe_environment()
        place = experiment.place()
        return cls(place, settings, evidence.syntax_hash(place, settings["kind"]), environment, given)

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
        "effects": [evidence.judge(effect, entries) for effect in experiment.effects_for(kind)],
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
