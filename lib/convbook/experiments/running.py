"""How an experiment runs: seed by seed, resumable, with a record of code and machine; and how it is verified."""

import contextlib
import functools
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convbook import evidence
from convbook.backbones import presets
from convbook.environment import COMPUTING_PACKAGES, describe_environment, now
from convbook.files import write_atomically

# What must be the same for seeds to stand in one result, beside code and settings. Python's own version changes no
# number, and this package's number is in the hash of its code.
SAME_FOR_ALL_SEEDS = ("backend", "device", *COMPUTING_PACKAGES, "base")


def run_experiment(
    experiment, kind=None, seeds=None, folder=None, fresh=False, track=iter, report=print, backbone=None
):
    """Measure an experiment seed by seed and write its result.

    After each seed its numbers are kept in a file `<result>.partial` beside the result, so that a run that was stopped
    goes on where it was. Seeds that were measured by the same code, with the same settings, files, versions, backend
    and processor are not measured again, unless all must be fresh; those that failed are.

    Args:
        experiment: an `Experiment`.
        kind, backbone: kind of data and preset of a base; without them, the first and the own one of the experiment.
        seeds: the seeds that the result must have; without them, 0 to the number that the experiment names.
        folder: where results are; without it, those that come with the package.
        fresh: measure all seeds again.
        track: wraps the list of seeds still to measure and yields them, such as a progress bar.
        report: called with a sentence when a seed fails or kept seeds cannot be used.

    Returns:
        The result, as it was written.

    Raises:
        ValueError: if the kind of data is unknown, there is no such base or none to replace, or fewer than two seeds
            succeeded.
    """
    folder = Path(str(evidence.results_folder(folder)))
    folder.mkdir(parents=True, exist_ok=True)
    state, name = _State.of(experiment, kind, backbone), experiment.result_name(kind, backbone)
    kept, provenance = ([], None) if fresh else _kept_seeds(state, name, folder, report)
    done = {entry["seed"]: entry for entry in kept}
    wanted = range(experiment.seeds) if seeds is None else seeds
    missing = [seed for seed in wanted if seed not in done]
    for seed in track(missing):
        done[seed] = _measure_seed(experiment, seed, state)
        if "error" in done[seed]:
            report(f"{experiment.claim}: seed {seed} failed: {done[seed]['error']}")
        write_atomically({**state.as_dict(), "seeds": list(done.values())}, folder / f"{name}.partial")
    entries = [done[seed] for seed in sorted(done)]
    if missing or provenance is None:
        seconds = round(sum(entry["seconds"] for entry in entries), 1)
        provenance = {**state.provenance, "seconds": seconds, "commit": state.commit, "date": now()}
    result = _result(experiment, state, entries, provenance)
    evidence.write(result, name, folder)
    (folder / f"{name}.partial").unlink(missing_ok=True)
    return result


def verify_experiment(experiment, kind=None, folder=None, report=print, backbone=None):
    """Measure the first seed of a result again, and stamp the result as valid for the code as it is now if it agrees.

    A number agrees if it differs from the same seed's recorded one by no more than the recorded seeds differ among
    themselves. Seconds measure the machine and are not compared. Arguments are those of `run_experiment`.

    Returns:
        The result, as it was written. Its provenance stays that of its seeds; what is new stands there as "verified".

    Raises:
        ValueError: if there is no such result, its settings or the weights of its base are others, the seed fails, or a
            number does not agree. Nothing is written then.
    """
    folder = Path(str(evidence.results_folder(folder)))
    name = experiment.result_name(kind, backbone)
    stored, state = evidence.read(name, folder), _State.of(experiment, kind, backbone)
    words = [experiment.claim, *(["--data", kind] if kind else []), *(["--backbone", backbone] if backbone else [])]
    again = f"measure it again: `python -m convbook evidence {' '.join(words)} --fresh`"
    if stored["settings"] != state.settings:
        keys = sorted({*stored["settings"], *state.settings})
        changed = ", ".join(key for key in keys if stored["settings"].get(key) != state.settings.get(key))
        raise ValueError(f"{name}: the settings have changed since it was measured ({changed}); {again}.")
    bases = {known.get("base") for known in (stored["provenance"], stored["provenance"].get("verified", {}))}
    base = state.provenance.get("base")
    if not bases <= {base, None, evidence.NOT_RECORDED}:
        raise ValueError(
            f"{name}: the weights of the base {backbone or state.settings['backbone']} are not those that it was "
            f"measured with (their hash is {base}): give that base with --backbone, or {again}."
        )
    recorded = [entry for entry in stored["seeds"] if "numbers" in entry]
    entry = _measure_seed(experiment, recorded[0]["seed"], state)
    if "error" in entry:
        raise ValueError(f"{name}: seed {entry['seed']} fails now: {entry['error']}")
    apart = _disagreements(entry["numbers"], [each["numbers"] for each in recorded])
    if apart:
        raise ValueError(f"{name}: seed {entry['seed']} no longer gives {', '.join(apart)}; {again}.")
    report(f"{name}: seed {entry['seed']} gives the recorded numbers.")
    verified = {**state.provenance, "seed": entry["seed"], "seconds": entry["seconds"], "commit": state.commit}
    provenance = {**stored["provenance"], "verified": {**verified, "date": now()}}
    result = _result(experiment, state, stored["seeds"], provenance)
    evidence.write(result, name, folder)
    return result


def _disagreements(numbers, recorded):
    """What of a seed's numbers is further from those of the first recorded seed than the recorded seeds are apart."""
    first, found = recorded[0], []
    for name in sorted(set(numbers) | set(first)):
        if name not in numbers or name not in first:
            found.append(f"{name} (it is there only {'now' if name in numbers else 'in the record'})")
        elif "seconds" not in name:
            measured, before = np.array(numbers[name]), np.array([each[name] for each in recorded if name in each])
            tolerance = np.ptp(before, axis=0) + 1e-6 * np.abs(before[0])
            if measured.shape != before[0].shape or (np.abs(measured - before[0]) > tolerance).any():
                found.append(f"{name} ({np.round(measured, 4).tolist()}, recorded {np.round(before[0], 4).tolist()})")
    return found


@dataclass(frozen=True)
class _State:
    """What decides the numbers of a result, as it is now.

    `given` are the settings as the measurement gets them; in `settings`, which are stored, a base that is a folder has
    only its name: where it lies says nothing on another machine. Its weights are hashed in the provenance.
    """

    place: str
    kind: str
    given: dict
    settings: dict
    experiment_hash: str
    provenance: dict
    data_files: tuple
    commit: str

    @classmethod
    def of(cls, experiment, kind, backbone):
        # Through JSON, so that a tuple in the settings equals the list that comes back from a file.
        given = json.loads(json.dumps(experiment.settings_for(kind, backbone)))
        settings = given | ({"backbone": Path(backbone).name} if backbone else {})
        provenance, base = describe_environment(), given.get("backbone")
        if base and not evidence.is_packaged(base):
            provenance["base"] = evidence.hash_base(presets.find(base).folder)
        code = experiment.place(), experiment.kind(kind)
        data_files = tuple(evidence.data_files(*code))
        # Asked before the first seed: what is measured is the code as it was loaded.
        commit = evidence.commit([*evidence.code_files(*code), *data_files])
        return cls(*code, given, settings, evidence.experiment_hash(*code), provenance, data_files, commit)

    @property
    def same_test_pictures(self):
        """Whether all seeds are tested on the same pictures: only drawings are drawn anew for each."""
        return self.settings["kind"] != "drawn"

    def as_dict(self):
        names = ("settings", "experiment_hash", "provenance")
        return {name: getattr(self, name) for name in names}

    def changes_since(self, stored):
        """What is no longer as it was when the seeds of a result or a partial file were measured, in words."""
        changes = ["settings"] if stored["settings"] != self.settings else []
        changes += ["code or data files"] if stored["experiment_hash"] != self.experiment_hash else []
        for name in SAME_FOR_ALL_SEEDS:
            before, here = (provenance.get(name) for provenance in (stored["provenance"], self.provenance))
            changes += [f"{name} {before} (now {here})"] if before != here else []
        return changes


def _kept_seeds(state, name, folder, report):
    """Seeds that a result or a partial file already has and that fit, and the provenance of the result."""
    kept, provenance = [], None
    for path, read in ((folder / f"{name}.json", _read_result), (folder / f"{name}.partial", _read_partial)):
        if not path.exists():
            continue
        try:
            stored = read(path)
            changes = state.changes_since(stored)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            report(f"{path.name} cannot be used ({error}); its seeds are measured again.")
            continue
        if changes:
            report(f"{path.name} was measured with other {', '.join(changes)}; its seeds are measured again.")
        else:
            kept += [entry for entry in stored["seeds"] if "numbers" in entry]
            provenance = stored["provenance"] if read is _read_result else provenance
    return kept, provenance


def _read_result(path):
    return evidence.read(path.stem, path.parent)


def _read_partial(path):
    return json.loads(path.read_text(encoding="utf-8"))


def _result(experiment, state, entries, provenance):
    """All that a result holds, in the order in which a person reads it."""
    kind = state.kind
    return {
        "format": evidence.FORMAT,
        "claim": experiment.claim,
        "sentence": experiment.sentence,
        "chapter": experiment.chapter,
        "data": {
            "kind": kind,
            "source": experiment.sources[kind],
            "same_test_pictures": state.same_test_pictures,
        },
        "settings": state.settings,
        "seeds": entries,
        "effects": [evidence.judge(effect, entries) for effect in experiment.effects_for(kind)],
        "experiment": state.place,
        "experiment_hash": state.experiment_hash,
        "provenance": provenance,
    }


def _measure_seed(experiment, seed, state):
    """The entry of one seed: its numbers, or why it has none."""
    start, core_start = time.perf_counter(), time.process_time()
    try:
        with _only_these_files(state.data_files):
            numbers = experiment.measure(seed, state.given)
        outcome = {"numbers": _plain(numbers)}
        answers = {name: evidence.pack_answers(value) for name, value in numbers.items() if _is_answers(value)}
        outcome |= {"answers": answers} if answers and state.same_test_pictures else {}
    except Exception as error:  # a seed that fails is part of the result: it is reported, not dropped
        outcome = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
    seconds, core_seconds = time.perf_counter() - start, time.process_time() - core_start
    return {"seed": seed, "seconds": round(seconds, 1), "core_seconds": round(core_seconds, 1), **outcome}


def _is_answers(value):
    return isinstance(value, np.ndarray) and value.dtype == bool and value.ndim == 1


def _plain(numbers):
    """Numbers and lists of numbers as JSON can hold them; of answers, the share of right ones."""
    shares = {name: value.mean() for name, value in numbers.items() if _is_answers(value)}
    plain = {name: np.asarray(value, dtype=float).tolist() for name, value in (numbers | shares).items()}
    broken = [name for name, value in plain.items() if not np.isfinite(value).all()]
    if broken:
        raise ValueError(f"not finite: {', '.join(broken)}")
    return plain


_opened = set()


@contextlib.contextmanager
def _only_these_files(data_files):
    """Refuse what opens another data file of this package than those in the hash.

    HDF5 opens weights without Python's knowledge; but whoever loads a preset reads its config.json first.
    """
    _watch_files()
    _opened.clear()
    yield
    package = os.path.realpath(Path(evidence.__file__).parents[1])
    allowed = {os.path.realpath(file) for file in data_files}
    for path in sorted({os.path.realpath(path) for path in list(_opened)} - allowed):
        is_data = not path.endswith((".py", ".pyc", evidence.METADATA))
        if is_data and Path(path).is_relative_to(package):
            raise ValueError(
                f"it opens {Path(path).relative_to(package)}, whose bytes are not in the experiment's hash: name the "
                f"file, or its folder in presets, as a whole string in the experiment or in the code that it uses"
            )


@functools.cache
def _watch_files():
    """Note each file that Python opens from now on; such a hook stays for as long as the process runs."""

    def note(event, arguments):
        if event == "open" and isinstance(arguments[0], str):
            _opened.add(arguments[0])

    sys.addaudithook(note)
