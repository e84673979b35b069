"""The figure of training curves: the reader draws the validation curve, then it is revealed and read off."""

import math

import numpy as np
import traitlets
from matplotlib.figure import Figure

from convbook.figures.base import Checked, Choice, FigureError, LiveFigure, Switch, Whole, refuse_outside

METRICS = ("accuracy", "loss")
KEYS = ("accuracy", "val_accuracy", "loss", "val_loss")
LARGEST_COUNT, LARGEST_LENGTH = 6, 1000
LONGEST_NAME = 40  # letters
SIGNIFICANT_DIGITS = 4  # of each number that a page carries: more than a chart can show


class TrainingCurves(LiveFigure):
    """Draw how validation will go beside the training curve, reveal it, and read off loss or accuracy at any epoch.

    Where only memorising is left is marked: after the best epoch on validation data, if training goes on improving.
    Epochs without a finite number are gaps in the curve, and the text names them.

    Args:
        runs: dictionary from a run's name to what `model.fit` returned, or to its `history` dictionary, with `loss`,
            `val_loss`, `accuracy` and `val_accuracy`; 1 to 6 runs, each of 1 to 1000 epochs.
        shown: names of the runs that are shown; None for all. The reader draws the validation curve of the first.
        epoch: where the numbers are read off, counted from 1; None for the last that all the shown runs have.
        metric: what is shown, 'accuracy' or 'loss'.
        validation: whether validation is revealed; where it is not, the reader draws it first.

    Raises:
        FigureError: a ValueError and a TraitError, if there is no run or more than 6, if numbers are missing or of
            unequal length, or an option is unknown; the message says what would do.

    Example:
        >>> history = {"loss": [0.9, 0.4, 0.1], "val_loss": [0.8, 0.6, 0.7]}
        >>> history |= {"accuracy": [0.5, 0.8, 1.0], "val_accuracy": [0.5, 0.7, 0.75]}
        >>> TrainingCurves({"small": history}, metric="loss", validation=False).epoch
        3
    """

    metric = Choice(METRICS).tag(sync=True)
    epoch = Whole(1).tag(sync=True)
    shown = Checked(lambda names: _check_names(names), []).tag(sync=True, link=True)
    validation = Switch(True).tag(sync=True)
    _curves = traitlets.List().tag(sync=True)
    _guesses = traitlets.Dict().tag(sync=True)  # what the reader drew, by metric and run

    def __init__(self, runs, *, shown=None, epoch=None, **traits):
        curves = pack_runs(runs)
        shown = list(runs) if shown is None else _check_names(shown)
        lengths = [len(run["loss"]) for run in curves if run["name"] in shown or not shown]
        epoch = min(lengths, default=1) if epoch is None else epoch
        super().__init__(_curves=curves, shown=shown, epoch=epoch, **traits)

    @property
    def alternative(self):
        names = ", ".join(run["name"] for run in self._curves)
        what = "training and validation data" if self.validation else "training data; the others are to be guessed"
        return f"Curves of accuracy and loss, epoch by epoch, for the runs {names}, on {what}."

    def check(self, state):
        names = [run["name"] for run in state._curves]
        if unknown := [name for name in state.shown if name not in names]:
            raise FigureError(f"There is no run {unknown[0]!r} to show; give some of: {', '.join(names)}.")
        longest = max(len(run["loss"]) for run in state._curves)
        refuse_outside(state, "epoch", 1, longest, f"the runs have up to {longest} epochs, counted from 1")

    def draw_still(self):
        drawing = Figure((4.4, 2.5))
        axes = drawing.subplots()
        for number, run in enumerate(self._curves):
            for part, begin, style in (("training", "", "-"), ("validation", "val_", "--")):
                if run["name"] in self.shown and (part == "training" or self.validation):
                    values = np.array(run[begin + self.metric], dtype=float)
                    label = f"{run['name']}, {part}"
                    axes.plot(np.arange(1, len(values) + 1), values, style, color=f"C{number}", label=label)
        axes.set(xlabel="epoch", ylabel=self.metric)
        if axes.lines:
            axes.legend(fontsize="small", frameon=False)
        return drawing


def _check_names(names):
    """A list of names; a text is one name."""
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise FigureError(f"shown is {names!r}; give a list of runs' names.")
    return list(names)


def pack_runs(runs):
    """Check runs and pack them for the JavaScript: rounded, with None for what is not finite, and each best epoch.

    Args:
        runs: dictionary from a name to a Keras History or its `history` dictionary.

    Returns:
        A list of dictionaries with name, loss, val_loss, accuracy and val_accuracy, and as `best` the first epoch of
        the lowest validation loss and of the highest validation accuracy, counted from 1; None if it is never finite.
        They are found before rounding, which could make two epochs equal.

    Raises:
        FigureError: if there are none or too many, or the numbers of one are missing, unequal in length or no numbers;
            the message names the remedy.

    Example:
        >>> numbers = {"loss": [2.34567, float("nan")], "val_loss": [0.500009, 0.500001]}
        >>> packed = pack_runs({"A": numbers | {"accuracy": [0.1, 0.2], "val_accuracy": [0.1, 0.2]}})
        >>> packed[0]["loss"], packed[0]["val_loss"], packed[0]["best"]
        ([2.346, None], [0.5, 0.5], {'accuracy': 2, 'loss': 2})
    """
    if hasattr(runs, "history") or (isinstance(runs, dict) and "loss" in runs and not _is_history(runs["loss"])):
        raise FigureError("runs is one history by itself; give it a name: {'my run': history}.")
    if not isinstance(runs, dict):
        raise FigureError(f"runs is a {type(runs).__name__}; give a dictionary from a name to a history.")
    if not 1 <= len(runs) <= LARGEST_COUNT:
        raise FigureError(
            f"There are {len(runs)} runs; the figure compares 1 to {LARGEST_COUNT}. Give {{'a name': history}}, where "
            "history is what model.fit returned; of many runs choose some."
        )
    return [_pack_run(name, history) for name, history in runs.items()]


def _is_history(value):
    return isinstance(value, dict) or hasattr(value, "history")


def _pack_run(name, history):
    """One run, checked and rounded."""
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME:
        raise FigureError(f"A run's name is {name!r}; give a text of 1 to {LONGEST_NAME} letters.")
    values = getattr(history, "history", history)
    if not isinstance(values, dict):
        raise FigureError(
            f"Run {name!r} is a {type(values).__name__}; give what model.fit returned, or its history dictionary."
        )
    if missing := [key for key in KEYS if key not in values]:
        validation = all(key.startswith("val_") for key in missing)
        remedy = "fit with validation_data=…" if validation else "compile with metrics=['accuracy'], then fit"
        raise FigureError(f"Run {name!r} lacks {', '.join(missing)} (it has {', '.join(map(str, values))}): {remedy}.")
    run = {key: _check_numbers(f"{key} of run {name!r}", values[key], key.endswith("accuracy")) for key in KEYS}
    if len({len(numbers) for numbers in run.values()}) > 1:
        counts = ", ".join(f"{key} {len(numbers)}" for key, numbers in run.items())
        raise FigureError(f"Run {name!r} has lists of unequal length ({counts}): give one number an epoch in each.")
    best = {"accuracy": _first_lowest(-np.array(run["val_accuracy"])), "loss": _first_lowest(np.array(run["val_loss"]))}
    return {"name": name, "best": best} | {key: [_round(x) for x in numbers] for key, numbers in run.items()}


def _first_lowest(numbers):
    """The epoch of the lowest finite number, counted from 1; None if there is none."""
    finite = np.where(np.isfinite(numbers), numbers, np.inf)
    return int(finite.argmin()) + 1 if np.isfinite(finite).any() else None


def _check_numbers(what, values, are_shares):
    """A list of floats; nan and inf are allowed, since runs diverge."""
    try:
        numbers = np.asarray(values)
        if numbers.ndim != 1 or numbers.dtype.kind not in "fiu":
            raise ValueError
    except ValueError:
        raise FigureError(f"{what} is {values!r:.60}; give a list of numbers, one an epoch.") from None
    if not 1 <= len(numbers) <= LARGEST_LENGTH:
        raise FigureError(
            f"{what} has {len(numbers)} epochs; the figure shows 1 to {LARGEST_LENGTH}: train for one at least, or cut "
            f"each list, numbers[:{LARGEST_LENGTH}]."
        )
    outside = numbers[np.isfinite(numbers) & ((numbers < 0) | (numbers > 1))]
    if are_shares and len(outside):
        raise FigureError(f"{what} is {outside[0]:g}; give a share of 0 to 1: divide per cent by 100.")
    return [float(number) for number in numbers]


def _round(number):
    return float(f"{number:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(number) else None
