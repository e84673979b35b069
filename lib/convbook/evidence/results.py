"""The files of results: checked when read, written in one step."""

import json
from dataclasses import fields
from importlib import resources
from pathlib import Path

import numpy as np

from convbook.environment import PACKAGES
from convbook.evidence.answers import unpack_answers
from convbook.evidence.provenance import experiment_hash, is_packaged
from convbook.evidence.verdicts import Effect, is_finite_number, judge
from convbook.files import write_atomically

FORMAT = 2
NOT_RECORDED = "not recorded"  # what stands for a version that was not asked for when a result was measured
_FIELDS = {
    **dict.fromkeys(("claim", "sentence", "experiment", "experiment_hash"), str),
    **dict.fromkeys(("data", "settings", "provenance"), dict),
    **dict.fromkeys(("seeds", "effects"), list),
    "chapter": int,
}
_PROVENANCE = {"python", "backend", "device", *PACKAGES, "seconds", "commit", "date"}


def check(result):
    """Refuse a result that is not in the format that `convbook.evidence` describes, or does not follow from its seeds.

    Raises:
        ValueError: naming the claim, what is wrong, and the remedy.
    """
    claim = result.get("claim", "?") if isinstance(result, dict) else "?"

    def require(condition, problem):
        if not condition:
            raise ValueError(f"Result {claim!r}: {problem}; measure again with `python -m convbook evidence {claim}`.")

    require(isinstance(result, dict), "is not a JSON object")
    require(result.get("format") == FORMAT, f"has format {result.get('format')}, this library reads {FORMAT}")
    for name, kind in _FIELDS.items():
        require(isinstance(result.get(name), kind), f"{name} is {result.get(name)!r}, not of type {kind.__name__}")
    require({"kind", "source"} <= set(result["data"]), "data lacks kind or source")
    shared = result["data"].get("same_test_pictures")
    require(isinstance(shared, bool), "data does not say whether all seeds have the same_test_pictures")
    backbone = result["settings"].get("backbone")
    needed = _PROVENANCE | ({"base"} if backbone and not is_packaged(backbone) else set())
    for what, given, needs in (
        ("provenance", result["provenance"], needed),
        ("verified", result["provenance"].get("verified"), needed | {"seed"}),
    ):
        require(isinstance(given, dict) or (what == "verified" and given is None), f"{what} is no JSON object")
        missing = sorted(needs - set(given)) if given is not None else []
        require(not missing, f"{what} lacks {', '.join(missing)}")
    for entry in result["seeds"]:
        require(isinstance(entry, dict), f"seed {entry!r} is no JSON object")
        counted = isinstance(entry.get("seed"), int) and is_finite_number(entry.get("seconds"))
        require(counted, f"{entry} lacks seed or seconds")
        require(is_finite_number(entry.get("core_seconds", 0)), f"core_seconds of seed {entry['seed']} are no number")
        require(("numbers" in entry) != ("error" in entry), f"seed {entry['seed']} needs either numbers or an error")
        values = entry.get("numbers", {})
        require(isinstance(values, dict), f"the numbers of seed {entry['seed']} are no JSON object")
        require(all(map(_is_value, values.values())), f"seed {entry['seed']} has what is no finite number")
        require(
            shared or "answers" not in entry, f"seed {entry['seed']} keeps answers, and its test pictures are its own"
        )
    _check_answers(result["seeds"], require)
    require(len({entry["seed"] for entry in result["seeds"]}) == len(result["seeds"]), "a seed stands there twice")
    for stored in result["effects"]:
        require(isinstance(stored, dict), f"effect {stored!r} is no JSON object")
        given = {field.name: stored.get(field.name) for field in fields(Effect)}
        try:
            computed = judge(Effect(**given), result["seeds"])
        except (ValueError, TypeError) as error:
            require(False, f"effect {given['name']!r} cannot be computed ({error})")
        require(_agree(stored, computed), f"effect {given['name']!r} does not follow from the seeds")


def _check_answers(seeds, require):
    """Refuse packed answers that cannot be unpacked, do not give their number, or differ in number among the seeds."""
    counts = {}
    for entry in seeds:
        require(isinstance(entry.get("answers", {}), dict), f"the answers of seed {entry['seed']} are no JSON object")
        for name, packed in entry.get("answers", {}).items():
            what = f"the answers {name!r} of seed {entry['seed']}"
            try:
                right = unpack_answers(packed)
            except (ValueError, TypeError, KeyError) as error:
                require(False, f"{what} cannot be unpacked ({error})")
            number = entry.get("numbers", {}).get(name)
            require(is_finite_number(number) and _equal(number, right.mean()), f"{what} do not give its number")
            require(
                counts.setdefault(name, len(right)) == len(right), f"{what} are not as many as those of other seeds"
            )


def read(name, folder=None):
    """Read one result.

    Args:
        name: the claim's id, "dense-global", or with a further kind of data "dense-global.mnist"; see `names`.
        folder: where the results are; without it, those that come with the package.

    Returns:
        The result as a dict, in the format that `convbook.evidence` describes.

    Raises:
        ValueError: if there is no such result, or the file is broken; the message names those there are.

    Example:
        >>> read("dense-global")["chapter"]
        1
    """
    folder = results_folder(folder)
    try:
        text = folder.joinpath(f"{name}.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        there = ", ".join(names(folder)) or "none"
        command = f"python -m convbook evidence {name.partition('.')[0]}"
        raise ValueError(f"There is no result {name!r}; there are: {there}. Measure it with `{command}`.") from None
    try:
        result = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"Result {name!r} is no JSON ({error}); restore the file or measure again.") from error
    check(result)
    return result


def is_stale(result):
    """Tell whether what decides the numbers has changed since they were measured or verified; see `experiment_hash`."""
    try:
        return experiment_hash(result["experiment"], result["data"]["kind"]) != result["experiment_hash"]
    except ValueError:  # the experiment is gone
        return True


def names(folder=None):
    """List the results there are, sorted, as "claim" or "claim.kind"; without a folder, those of the package.

    Example:
        >>> "dense-global" in names()
        True
    """
    files = (file.name for file in results_folder(folder).iterdir())
    return sorted(name.removesuffix(".json") for name in files if name.endswith(".json") and not name.startswith("."))


def write(result, name, folder=None):
    """Check a result and write it, so that at no moment a half-written file bears its name; returns the file's path.

    The name is "claim" or "claim.kind", without ".json". Without a folder, the package's own results are written.

    Raises:
        ValueError: if the result is incomplete or does not follow from its seeds.
    """
    check(result)
    return write_atomically(result, Path(str(results_folder(folder))) / f"{name}.json")


def values(result, name):
    """Collect one number over all seeds that have it.

    Args:
        result: a dict as `read` returns it.
        name: the name of a number, or of a list of numbers.

    Returns:
        float array of shape (n,), or (n, length) for lists.

    Raises:
        ValueError: if no seed has such a number; the message names those there are.
    """
    numbers = [entry["numbers"] for entry in result["seeds"] if "numbers" in entry]
    found = [each[name] for each in numbers if name in each]
    if not found:
        there = ", ".join(sorted(set().union(*numbers)))
        raise ValueError(f"Result {result['claim']!r} has no number {name!r}; it has {there}.")
    return np.array(found, dtype=float)


def _is_value(value):
    return all(map(is_finite_number, value)) if isinstance(value, list) else is_finite_number(value)


def _agree(stored, computed):
    """Whether two effects are equal up to the last digits of floating point."""
    if set(stored) != set(computed):
        return False
    pairs = [(stored[key], computed[key]) for key in computed]
    return all(_equal(ours, theirs) if isinstance(ours, float | list) else ours == theirs for theirs, ours in pairs)


def _equal(ours, theirs):
    try:
        return np.shape(ours) == np.shape(theirs) and np.allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    except (TypeError, ValueError):
        return False


def results_folder(folder):
    return resources.files("convbook") / "results" if folder is None else Path(folder)
