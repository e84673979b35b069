"""The training runs behind the measured claims, one module for a part of the book or a subject.

An `Experiment` says what is measured and what the claim predicts; `run_experiment` measures it seed by seed and hands
the numbers to `convbook.evidence`. To add one, write a function `measure(seed, settings)` and an `Experiment` in the
module of its part, and name it in that module's EXPERIMENTS.

Settings are tuned, where they are tuned at all, on seeds 1000 to 1009, and then frozen; results use seeds 0, 1, 2, ….
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from convbook.evidence import Effect
from convbook.experiments.running import run_experiment, verify_experiment

__all__ = ["Experiment", "load_experiments", "run_experiment", "verify_experiment"]

PARTS = ("understanding", "downsampling", "from_scratch", "recipes", "pretrained", "features", "fine_tuning", "methods")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A claim, how to measure it, and what it predicts.

    What `measure`, `settings` and `data` are decides the numbers, and is in the hash that a result carries; so are the
    bytes of a preset that they name in a string. All else may change without a new measurement.

    Attributes:
        claim: the claim's id, also the name of its results.
        sentence: the claim in the lecture's words.
        chapter: number of the chapter that states it.
        measure: function of (seed, settings) that returns {name: number, list of numbers, or bool array (n,)}. The
            array says for each test picture whether a model was right; its mean is the number, and where all seeds
            share their test pictures the answers are kept, so that intervals allow for other pictures. The seed decides
            all that is random: pictures, initial weights, order of batches, dropout and augmentation; the settings hold
            all below and "kind", the kind of data.
        settings: everything that is decided before the reported seeds run.
        data: for each kind of data the settings that differ; the first kind is the default. Its "unmeasured" names the
            effects that this kind of data cannot show; its "kind" names other pictures than those of its own name, as
            in "photos_far": {"kind": "photos", …}.
        sources: for each kind of data, where it comes from, in words.
        effects: what the claim predicts of the numbers, {`evidence.Effect`: its meaning in words}.
        seeds: how many seeds a result has, written down before they run, by what the spread of earlier ones asks for.
        only_if_named: whether it is left out where no claim is named, because it takes long or needs photos.
    """

    claim: str
    sentence: str
    chapter: int
    measure: Callable[[int, dict], dict]
    settings: Mapping
    data: Mapping[str, Mapping]
    sources: Mapping[str, str]
    effects: Mapping[Effect, str]
    seeds: int = 5
    only_if_named: bool = False

    def __post_init__(self):
        if not self.data or set(self.data) != set(self.sources):
            raise ValueError(f"{self.claim}: data {list(self.data)} and sources {list(self.sources)} must be the same.")

    def kind(self, kind=None):
        """Check a kind of data, or name the default one."""
        if kind is not None and kind not in self.data:
            raise ValueError(f"{self.claim} is not measured on {kind!r}; possible is: {', '.join(self.data)}.")
        return kind or next(iter(self.data))

    def result_name(self, kind=None, backbone=None):
        """Name the result's file, without ".json"; another backbone than the experiment's own is part of the name."""
        words = [self.claim]
        if self.kind(kind) != next(iter(self.data)) or backbone:
            words.append(self.kind(kind))
        return ".".join([*words, Path(backbone).name] if backbone else words)

    def settings_for(self, kind=None, backbone=None):
        """Put together the settings for one kind of data, and for another backbone than the experiment's own."""
        kind = self.kind(kind)
        settings = {**self.settings, **self.data[kind]}
        settings.setdefault("kind", kind)
        if backbone and "backbone" not in settings:
            raise ValueError(f"{self.claim} has no pretrained base that could be another: leave --backbone out.")
        return {**settings, "backbone": backbone} if backbone else settings

    def effects_for(self, kind=None):
        """List what the claim predicts of the numbers that this kind of data gives, each effect with its meaning."""
        unmeasured = self.data[self.kind(kind)].get("unmeasured", ())
        effects = (replace(effect, meaning=meaning) for effect, meaning in self.effects.items())
        return tuple(effect for effect in effects if effect.name not in unmeasured)

    def place(self):
        """Say where in the package this experiment is defined, as "module:NAME"."""
        module = self.measure.__module__
        return f"{module}:{next(name for name, value in vars(sys.modules[module]).items() if value is self)}"


def load_experiments():
    """Collect the experiments of all parts of the book: {claim: Experiment}, in the order of the book.

    Example:
        >>> load_experiments()["dense-global"].chapter
        1
    """
    modules = [importlib.import_module(f"{__name__}.{part}") for part in PARTS]
    return {experiment.claim: experiment for module in modules for experiment in module.EXPERIMENTS}
