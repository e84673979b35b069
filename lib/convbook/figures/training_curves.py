"""The figure of training curves: several runs to compare, to smooth and to read off, epoch by epoch."""

import math
import textwrap
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import traitlets

from convbook.figures import still
from convbook.figures.base import FigureError, LiveFigure

METRICS = ("accuracy", "loss")
PARTS = {"training": "", "validation": "val_"}  # and how Keras begins the names of their numbers
SCALES = ("linear", "log")
AXIS_TITLES = {"accuracy": "accuracy (share of answers that are right)", "loss": "loss (mean of the examples)"}
GAPS = {"accuracy": "training − validation", "loss": "validation − training"}  # above 0: worse on unseen pictures
LARGEST_COUNT, LARGEST_LENGTH, LARGEST_SMOOTHING = 6, 1000, 0.95
LONGEST_NAME = 40  # letters
SIGNIFICANT_DIGITS = 4  # of each number that a page carries: more than a chart can show
# A loss so many times the ordinary one is left off a linear scale: it would press all curves onto the axis.
FACTOR_OFF_SCALE = 10


class TrainingCurves(LiveFigure):
    """Compare runs: loss or accuracy on training and validation data, smoothed, and read off at any epoch.

    Epochs without a finite number are gaps in the curve, and the text names them.

    Args:
        runs: dictionary from a run's name to what `model.fit` returned, or to its `history` dictionary, with `loss`,
            `val_loss`, `accuracy` and `val_accuracy`; 1 to 6 runs, each of 1 to 1000 epochs.
        metric: what is shown, 'accuracy' or 'loss'.
        smoothing: 0 (none) to 0.95, how much of the smoothed value an epoch takes over from the one before.
        epoch: where the numbers are read off, counted from 1; None for the last that all the shown runs have.
        shown: names of the runs that are shown; None for all.
        training: whether the curves on training data are shown.
        validation: whether the curves on validation data are shown.
        scale: 'linear' or 'log', of the loss; an accuracy is always on a linear scale.
        marks: whether each run's epoch of the lowest validation loss is marked; without, the reader has to find it.

    Raises:
        FigureError: a ValueError and a TraitError, if there is no run or more than 6, if numbers are missing or of
            unequal length, or an option is unknown; the message says what would do.

    Example:
        >>> history = {"loss": [0.9, 0.4, 0.1], "val_loss": [0.8, 0.6, 0.7]}
        >>> history |= {"accuracy": [0.5, 0.8, 1.0], "val_accuracy": [0.5, 0.7, 0.75]}
        >>> figure = TrainingCurves({"small": history}, metric="loss", smoothing=0.5)
        >>> figure.lowest_epochs
        {'small': 2}
        >>> figure.smoothed("small", "training").round(3).tolist()
        [0.9, 0.567, 0.3]
    """

    runs = traitlets.Any()
    metric = traitlets.Unicode("accuracy").tag(sync=True)
    smoothing = traitlets.Float(0.0).tag(sync=True)
    epoch = traitlets.Int(1).tag(sync=True)
    shown = traitlets.List(traitlets.Unicode()).tag(sync=True)
    training = traitlets.Bool(True).tag(sync=True)
    validation = traitlets.Bool(True).tag(sync=True)
    scale = traitlets.Unicode("linear").tag(sync=True)
    marks = traitlets.Bool(True).tag(sync=True)
    _curves = traitlets.List().tag(sync=True)

    def __init__(
        self,
        runs,
        *,
        metric="accuracy",
        smoothing=0.0,
        epoch=None,
        shown=None,
        training=True,
        validation=True,
        scale="linear",
        marks=True,
    ):
        runs = check_runs(runs)
        shown = list(runs) if shown is None else _as_list(shown)
        lengths = [len(history["loss"]) for name, history in runs.items() if name in shown or not shown]
        super().__init__(
            runs=runs,
            metric=metric,
            smoothing=smoothing,
            epoch=min(lengths, default=1) if epoch is None else epoch,
            shown=shown,
            training=training,
            validation=validation,
            scale=scale,
            marks=marks,
            _curves=pack_runs(runs),
        )

    @property
    def parts(self):
        """Which of 'training' and 'validation' are shown."""
        return [part for part in PARTS if getattr(self, part)]

    @property
    def epochs(self):
        """Epochs of the longest run that is shown; of the longest of all, where none is."""
        return max(_length(run) for run in self._shown_curves() or self._curves)

    @property
    def lowest_epochs(self):
        """The epoch of the lowest validation loss of each run, {name: epoch}, unsmoothed; None if never finite."""
        return {run["name"]: run["lowest"] for run in self._curves}

    def curve(self, name, part):
        """Return one curve as the figure draws it, unsmoothed.

        Args:
            name: a run's name.
            part: 'training' or 'validation'.

        Returns:
            float64 (epochs,), to 4 significant digits; nan where the number was not finite.
        """
        run = next(run for run in self._curves if run["name"] == name)
        return np.array(run[PARTS[part] + self.metric], dtype=float)

    def smoothed(self, name, part):
        """Return one curve smoothed as the figure draws it: float64 (epochs,), nan where there is a gap."""
        return smooth(self.curve(name, part), self.smoothing)

    def reading(self):
        """Return what is read off at the epoch.

        Returns:
            A dictionary from the name of each run that is shown to (training, validation, gap), the raw numbers; None
            for a curve that is not shown, not finite there, or has ended.
        """
        return {run["name"]: tuple(_read(self, run)) for run in self._shown_curves()}

    def describe(self):
        return describe(self)

    def draw_still(self):
        return draw_still(self)

    def _shown_curves(self):
        """The runs that are shown, as the JavaScript gets them."""
        return [run for run in self._curves if run["name"] in self.shown]

    @traitlets.validate("runs")
    def _validate_runs(self, proposal):
        return check_runs(proposal.value)

    @traitlets.validate("metric", "scale")
    def _validate_choice(self, proposal):
        name, value = proposal.trait.name, proposal.value
        choices = METRICS if name == "metric" else SCALES
        if value not in choices:
            raise FigureError(f"{name} is {value!r}; give {' or '.join(map(repr, choices))}.")
        return value

    @traitlets.validate("smoothing")
    def _validate_smoothing(self, proposal):
        if not 0 <= proposal.value <= LARGEST_SMOOTHING:
            raise FigureError(
                f"smoothing is {proposal.value}; give 0 (none) to {LARGEST_SMOOTHING}: above that a curve says more "
                "about its first epochs than about the present one."
            )
        return proposal.value

    @traitlets.validate("epoch")
    def _validate_epoch(self, proposal):
        longest = max(_length(run) for run in self._curves)
        if not 1 <= proposal.value <= longest:
            raise FigureError(
                f"epoch is {proposal.value}; the runs have up to {longest}, counted from 1: give 1 to {longest}."
            )
        return proposal.value

    @traitlets.validate("shown")
    def _validate_shown(self, proposal):
        names = [run["name"] for run in self._curves]
        if unknown := [name for name in proposal.value if name not in names]:
            raise FigureError(f"There is no run {unknown[0]!r} to show; there are: {', '.join(names)}.")
        return [name for name in names if name in proposal.value]

    @traitlets.observe("runs")
    def _send_runs(self, change):
        curves = pack_runs(self.runs)
        names = [run["name"] for run in curves]
        with self.hold_sync():  # in one message: the JavaScript must never see names without their runs
            epoch = min(self.epoch, max(_length(run) for run in curves))
            shown = [name for name in names if name in self.shown] or names
            self._curves = curves
            self.shown, self.epoch = shown, epoch


def _as_list(names):
    return [names] if isinstance(names, str) else list(names)


def _length(run):
    return len(run["loss"])


# ---- what comes in ----


def check_runs(runs):
    """Return the runs as the figure keeps them.

    Args:
        runs: dictionary from a name to a Keras History or its `history` dictionary.

    Returns:
        A dictionary from the name to {"loss": …, "val_loss": …, "accuracy": …, "val_accuracy": …}, lists of floats of
        one length.

    Raises:
        FigureError: if there are none or too many, or the numbers of one are missing, unequal in length or no numbers;
            the message names the remedy.

    Example:
        >>> flat = dict.fromkeys(["loss", "val_loss", "accuracy", "val_accuracy"], [1])
        >>> check_runs({"A": flat})["A"]["val_loss"]
        [1.0]
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
    return {_check_name(name): _check_history(name, history) for name, history in runs.items()}


def _is_history(value):
    return isinstance(value, dict) or hasattr(value, "history")


def _check_name(name):
    """A name that fits into the legend."""
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME:
        raise FigureError(f"A run's name is {name!r}; give a text of 1 to {LONGEST_NAME} letters.")
    return name


def _check_history(name, history):
    """The four lists of one run as floats."""
    values = getattr(history, "history", history)
    if not isinstance(values, dict):
        raise FigureError(
            f"Run {name!r} is a {type(values).__name__}; give what model.fit returned, or its history dictionary."
        )
    keys = [begin + metric for metric in METRICS for begin in PARTS.values()]
    if missing := [key for key in keys if key not in values]:
        validation = all(key.startswith("val_") for key in missing)
        remedy = "fit with validation_data=…" if validation else "compile with metrics=['accuracy'], then fit"
        raise FigureError(f"Run {name!r} lacks {', '.join(missing)} (it has {', '.join(map(str, values))}): {remedy}.")
    checked = {key: _check_numbers(f"{key} of run {name!r}", values[key]) for key in keys}
    lengths = {key: len(numbers) for key, numbers in checked.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{key} {length}" for key, length in lengths.items())
        raise FigureError(f"Run {name!r} has lists of unequal length ({counts}): give one number an epoch in each.")
    if not 1 <= lengths["loss"] <= LARGEST_LENGTH:
        raise FigureError(
            f"Run {name!r} has {lengths['loss']} epochs; the figure shows 1 to {LARGEST_LENGTH}: train for one at "
            f"least, or cut each list, numbers[:{LARGEST_LENGTH}]."
        )
    for key in ("accuracy", "val_accuracy"):
        outside = [number for number in checked[key] if math.isfinite(number) and not 0 <= number <= 1]
        if outside:
            raise FigureError(
                f"{key} of run {name!r} is {outside[0]:g}; give a share of 0 to 1: divide per cent by 100."
            )
    return checked


def _check_numbers(what, values):
    """A list of floats; nan and inf are allowed, since runs diverge."""
    try:
        numbers = np.asarray(values)
        if numbers.ndim != 1 or numbers.dtype.kind not in "fiu":
            raise ValueError
    except ValueError:
        raise FigureError(f"{what} is {values!r:.60}; give a list of numbers, one an epoch.") from None
    return [float(number) for number in numbers]


def pack_runs(runs):
    """Pack runs for the JavaScript: rounded, with None for what is not finite, and each run's lowest epoch.

    Args:
        runs: what `check_runs` returns.

    Returns:
        A list of dictionaries with name, lowest, loss, val_loss, accuracy and val_accuracy. The lowest epoch is found
        before rounding, which could make two epochs equal.

    Example:
        >>> numbers = {"loss": [2.34567, float("nan")], "val_loss": [0.500009, 0.500001]}
        >>> packed = pack_runs({"A": numbers | {"accuracy": [0.1, 0.2], "val_accuracy": [0.1, 0.2]}})
        >>> packed[0]["loss"], packed[0]["val_loss"], packed[0]["lowest"]
        ([2.346, None], [0.5, 0.5], 2)
    """
    packed = []
    for name, history in runs.items():
        run = {"name": name, "lowest": lowest_epoch(history["val_loss"])}
        packed.append(run | {key: [_round(number) for number in numbers] for key, numbers in history.items()})
    return packed


def _round(number):
    return float(f"{number:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(number) else None


# ---- the mathematics, the same as in the JavaScript ----


def smooth(values, smoothing):
    """Smooth by an exponential moving average that starts at the first value.

    Each point is a weighted mean of all epochs so far: the present one has the weight 1, and every epoch further back
    `smoothing` times the weight of the one after it. Dividing by the sum of the weights is what corrects the start.

    Args:
        values: (epochs,) numbers; one that is not finite stays a gap and has no weight.
        smoothing: 0 to below 1.

    Returns:
        float64 (epochs,), nan in the gaps.

    Example:
        >>> smooth([8, 2, 4], 0.5).tolist()
        [8.0, 4.0, 4.0]

    Source: bias correction as in Adam, Kingma and Ba (2015), https://arxiv.org/abs/1412.6980, section 3.
    """
    total = weight = 0.0
    smoothed = np.full(len(values), np.nan)
    for index, value in enumerate(values):
        if np.isfinite(value):
            total, weight = smoothing * total + value, smoothing * weight + 1
            smoothed[index] = total / weight
    return smoothed


def lowest_epoch(values):
    """Return the epoch of the lowest finite number, the first of several, counted from 1; None if there is none.

    Example:
        >>> lowest_epoch([float("nan"), 3, 2, 2]), lowest_epoch([float("inf")])
        (3, None)
    """
    finite = [(value, epoch) for epoch, value in enumerate(values, 1) if np.isfinite(value)]
    return min(finite)[1] if finite else None


def find_gap(training, validation, metric):
    """Return by how much validation is worse than training: above 0 for a run that overfits, in both metrics.

    Example:
        >>> find_gap(0.75, 0.5, "accuracy"), find_gap(0.5, 0.75, "loss")
        (0.25, 0.25)
    """
    return training - validation if metric == "accuracy" else validation - training


def find_limit(values, firsts):
    """Return the loss above which a linear scale leaves a value out, so that one outlier does not flatten all curves.

    Args:
        values: all finite losses that are shown.
        firsts: the first finite loss of each curve; an ordinary run begins near chance, so these say what is large.

    Returns:
        Ten times the larger of the two medians (the lower one of an even number); infinite without values.

    Example:
        >>> find_limit([0.7, 0.6, 0.5, 900], [0.7, 0.6])
        6.0
    """
    middles = [sorted(numbers)[(len(numbers) - 1) // 2] for numbers in (values, firsts) if numbers]
    return FACTOR_OFF_SCALE * max(middles) if middles else math.inf


def plan_axis(values, metric, scale="linear", limit=math.inf):
    """Plan the vertical axis: where it begins and ends, and its ticks.

    Args:
        values: the finite numbers that are shown.
        metric: 'accuracy' or 'loss'.
        scale: 'linear' or 'log'.
        limit: what lies above is left out.

    Returns:
        A dictionary with low and high, the ends of the axis, ticks, the numbers in between, labels, their texts, and
        scale, 'linear' or 'log'.

    Example:
        >>> plan_axis([0.62, 0.97], "accuracy")["labels"]
        ['0.6', '0.7', '0.8', '0.9', '1.0']
        >>> plan_axis([0.003, 2], "loss", "log")["labels"]
        ['0.001', '0.01', '0.1', '1', '10']
    """
    kept = [value for value in values if value <= limit]
    if scale == "log" and metric == "loss":
        return _plan_log_axis([value for value in kept if value > 0] or [0.1, 1])
    low, high = (min(kept), max(kept)) if kept else (0.0, 1.0)
    if metric == "loss" and 0 <= low <= 0.4 * high:
        low = 0.0  # where zero is near, it belongs to the picture
    smallest = 0.1 if metric == "accuracy" else 0.1 * abs(high) or 1.0
    if high - low < smallest:
        middle = (low + high) / 2
        low, high = middle - smallest / 2, middle + smallest / 2
    step = nice_step((high - low) / 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    if metric == "accuracy":
        first, last = max(first, 0), min(last, round(1 / step))
    ticks = [number * step for number in range(first, last + 1)]
    decimals = max(0, -exponent_of(step))
    labels = [_write_fixed(tick, decimals) for tick in ticks]
    return {"low": ticks[0], "high": ticks[-1], "ticks": ticks, "labels": labels, "scale": "linear"}


def _plan_log_axis(values):
    """Ticks at powers of ten, and between them at 2 and 5 where there is room."""
    low, high = min(values), max(values)
    first, last = exponent_of(low), exponent_of(high) + 1
    factors = (1, 2, 5) if last - first <= 2 else (1,)
    every = math.ceil((last - first) / 8)
    pairs = [(factor, power) for power in range(first, last + every + 1, every) for factor in factors]
    numbers = [float(f"{factor}e{power}") for factor, power in pairs]
    start = max(index for index, number in enumerate(numbers) if number <= low)
    end = max(start + 1, min(index for index, number in enumerate(numbers) if number >= high))
    ticks, labels = numbers[start : end + 1], [_write_power(*pair) for pair in pairs[start : end + 1]]
    return {"low": ticks[0], "high": ticks[-1], "ticks": ticks, "labels": labels, "scale": "log"}


def nice_step(span):
    """Return the smallest of 1, 2, 5 times a power of ten that is not below `span`.

    Example:
        >>> nice_step(0.07), nice_step(1.0), nice_step(21)
        (0.1, 1.0, 50.0)
    """
    power = exponent_of(span)
    steps = [float(f"{factor}e{power}") for factor in (1, 2, 5)] + [float(f"1e{power + 1}")]
    return next(step for step in steps if step >= span * (1 - 1e-9))


def exponent_of(number):
    """Return the power of ten of a number's first digit.

    Example:
        >>> exponent_of(0.02), exponent_of(1), exponent_of(999)
        (-2, 0, 2)
    """
    return Decimal(repr(float(number))).adjusted()


def plan_epochs(epochs, room):
    """Return the epochs that get a number on the horizontal axis: the first, and so many more as there is room for.

    Example:
        >>> plan_epochs(7, 8), plan_epochs(7, 5), plan_epochs(40, 10)
        ([1, 2, 3, 4, 5, 6, 7], [1, 3, 5, 7], [1, 5, 10, 15, 20, 25, 30, 35, 40])
    """
    steps = [factor * 10**power for power in range(4) for factor in (1, 2, 5)]
    step = next(step for step in steps if epochs / step <= room)
    if step <= 2:
        return list(range(1, epochs + 1, step))
    return [1, *range(step, epochs + 1, step)]


# ---- numbers and words, the same as in the JavaScript ----


def format_value(number, metric, size=None):
    """Write a number as the figure shows it: an accuracy with three decimals, a loss with three digits or more.

    Args:
        number: a finite number.
        metric: 'accuracy' or 'loss'.
        size: the number that says how many decimals, where it is another one; > 0.

    Returns:
        The text.

    Example:
        >>> [format_value(number, "loss") for number in (0, 1.5, 0.01234, 45.678, 1234567)]
        ['0', '1.500', '0.0123', '45.68', '1.23·10⁶']
        >>> format_value(0.5, "accuracy")
        '0.500'
    """
    size = abs(number) if size is None else size
    if metric == "accuracy":
        return _write_fixed(number, 3)
    if size == 0:
        return "0"
    power = exponent_of(size)
    if -4 < power < 5:
        return _write_fixed(number, max(0, 3 - max(power, 0)) if power >= -1 else 2 - power)
    return f"{_write_fixed(number / float(f'1e{power}'), 2)}·10{_write_superscript(power)}"


def format_gap(training, validation, metric):
    """Write the gap with its sign, to the digits of the larger of the two numbers.

    Example:
        >>> format_gap(0.75, 0.5, "accuracy"), format_gap(2.309, 2.305, "loss"), format_gap(0.5, 0.5, "loss")
        ('+0.250', '−0.004', '0')
    """
    gap = find_gap(training, validation, metric)
    text = format_value(gap, metric, max(abs(training), abs(validation)))
    if not any(digit in text.split("·")[0] for digit in "123456789"):
        return "0"
    return f"+{text}" if gap > 0 else text


def _write_fixed(number, decimals):
    """So many decimals, halves up as JavaScript's toFixed, and a true minus."""
    step = Decimal(1).scaleb(-decimals)
    text = f"{Decimal(abs(number)).quantize(step, ROUND_HALF_UP):f}"
    return f"−{text}" if number < 0 and float(text) != 0 else text


def _write_power(factor, power):
    """A tick of the logarithmic axis: 0.02, 500, 10⁶."""
    if power in range(-3, 4):
        return _write_fixed(float(f"{factor}e{power}"), max(0, -power))
    return ("" if factor == 1 else f"{factor}·") + f"10{_write_superscript(power)}"


def _write_superscript(number):
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(sign)] if sign != "-" else "⁻" for sign in str(number))


def _read(figure, run):
    """Training, validation and gap of one run at the epoch."""
    place = min(figure.epoch, figure.epochs) - 1
    numbers = {part: run[begin + figure.metric] for part, begin in PARTS.items()}
    read = {part: numbers[part][place] if part in figure.parts and place < _length(run) else None for part in PARTS}
    both = None not in read.values()
    return *read.values(), find_gap(*read.values(), figure.metric) if both else None


def describe(figure):
    """Say what a TrainingCurves shows: what is read off, and all that its notes say."""
    return " ".join(
        sentence
        for sentence in (
            write_reading(figure),
            write_lowest(figure),
            write_smoothing(figure),
            write_not_finite(figure),
            write_off_scale(figure),
        )
        if sentence
    )


def write_reading(figure):
    """Say which numbers are read off at the epoch.

    Example:
        >>> history = {"loss": [0.9, 0.4], "val_loss": [0.8, 0.6], "accuracy": [0.5, 0.75], "val_accuracy": [0.5, 0.7]}
        >>> write_reading(TrainingCurves({"A": history}))
        'Accuracy, epoch 2 of 2. A: training 0.750, validation 0.700, gap +0.050.'
    """
    if problem := write_problem(figure):
        return problem
    epoch = min(figure.epoch, figure.epochs)
    runs = [_write_run(figure, run, epoch) for run in figure._shown_curves()]
    return f"{figure.metric.capitalize()}, epoch {epoch} of {figure.epochs}. {' '.join(runs)}"


def write_problem(figure):
    """Say what to choose, where no curve is chosen; empty where there is one."""
    if not figure.shown:
        return "No run is chosen: tick one."
    return "" if figure.parts else "No curve is chosen: tick training or validation."


def _write_run(figure, run, epoch):
    """The numbers of one run."""
    if epoch > _length(run):
        return f"{run['name']}: ended after epoch {_length(run)}."
    training, validation, gap = _read(figure, run)
    read = {"training": training, "validation": validation}
    texts = [
        f"{part} {'not finite' if read[part] is None else format_value(read[part], figure.metric)}"
        for part in figure.parts
    ]
    gaps = [] if gap is None else [f"gap {format_gap(training, validation, figure.metric)}"]
    return f"{run['name']}: {', '.join(texts + gaps)}."


def write_lowest(figure):
    """Say at which epoch each run has its lowest validation loss; empty where that is hidden.

    Example:
        >>> history = {"loss": [0.9, 0.4], "val_loss": [0.6, 0.8], "accuracy": [0.5, 0.75], "val_accuracy": [0.5, 0.7]}
        >>> write_lowest(TrainingCurves({"A": history}))
        'Lowest validation loss: A at epoch 1. A checkpoint keeps this epoch; it goes by the raw numbers, never by smoothed ones.'
    """  # noqa: E501
    runs = figure._shown_curves()
    if not figure.marks or not runs:
        return ""
    texts = [
        f"{run['name']} {'never finite' if run['lowest'] is None else 'at epoch ' + str(run['lowest'])}" for run in runs
    ]
    keeps = "this epoch" if len(runs) == 1 else "these epochs"
    return (
        f"Lowest validation loss: {', '.join(texts)}. A checkpoint keeps {keeps}; it goes by the raw numbers, never by "
        "smoothed ones."
    )


def write_smoothing(figure):
    """Say what smoothing does: how far it looks back, and where it moves each lowest validation loss; else empty."""
    if figure.smoothing == 0:
        return ""
    back = still.format_number(figure.smoothing / (1 - figure.smoothing))
    first = (
        f"Smoothed: each point is a mean of the epochs so far that looks back {back} {_plural(back, 'epoch')} on "
        "average, so a turn shows up later, further to the right."
    )
    moved = [_write_move(run, figure.smoothing) for run in figure._shown_curves() if run["lowest"] is not None]
    if not figure.marks or not moved:
        return first
    return f"{first} The lowest validation loss moves: {'; '.join(moved)}."


def _write_move(run, smoothing):
    """From which epoch to which smoothing moves the lowest validation loss of a run."""
    values = smooth(np.array(run["val_loss"], dtype=float), smoothing)
    lowest, moved = run["lowest"], lowest_epoch(values)
    if moved == lowest:
        return f"{run['name']} stays at {lowest}"
    alone = f" (epoch {lowest} is low by itself)" if moved < lowest else ""
    return f"{run['name']} from {lowest} to {moved}{alone}"


def _plural(count, noun):
    return noun if count == "1" else f"{noun}s"


def write_not_finite(figure):
    """Name the epochs whose numbers are not finite, curve by curve; empty where there are none."""
    gaps = []
    for run in figure._shown_curves():
        for part in figure.parts:
            values = run[PARTS[part] + figure.metric]
            if missing := [epoch for epoch, value in enumerate(values, 1) if value is None]:
                gaps.append(f"{run['name']}, {part}: {write_epochs(missing)}")
    return f"Not finite, so a gap in the curve: {'; '.join(gaps)}." if gaps else ""


def write_epochs(epochs):
    """Write a list of epochs, neighbours together.

    Example:
        >>> write_epochs([3]), write_epochs([1, 2, 3, 7])
        ('epoch 3', 'epochs 1–3, 7')
    """
    spans = []
    for epoch in epochs:
        if spans and spans[-1][1] == epoch - 1:
            spans[-1][1] = epoch
        else:
            spans.append([epoch, epoch])
    texts = [str(start) if start == end else f"{start}–{end}" for start, end in spans]
    return f"{_plural(str(len(epochs)), 'epoch')} {', '.join(texts)}"


def write_off_scale(figure):
    """Say which numbers the axis leaves out; empty where it shows all."""
    axis, texts = plan_figure_axis(figure), []
    for run in figure._shown_curves():
        for part in figure.parts:
            values = [value for value in run[PARTS[part] + figure.metric] if value is not None]
            above = [value for value in values if value > axis["high"]]
            below = [value for value in values if value < axis["low"]]
            if above:
                largest = format_value(max(above), figure.metric)
                texts.append(f"▲ {run['name']}, {part}, {_count(above)} up to {largest}")
            if below:
                texts.append(f"▼ {run['name']}, {part}, {_count(below)} that no logarithm has")
    return f"Off the scale: {'; '.join(texts)}." if texts else ""


def _count(values):
    return f"{len(values)} {_plural(str(len(values)), 'value')}"


def plan_figure_axis(figure):
    """Plan the vertical axis of a TrainingCurves for what is shown."""
    runs, metric = figure._shown_curves(), figure.metric
    lists = [run[PARTS[part] + metric] for run in runs for part in figure.parts]
    values = [value for numbers in lists for value in numbers if value is not None]
    if metric == "accuracy" or figure.scale == "log":
        return plan_axis(values, metric, figure.scale)
    both = [[value for value in run[begin + metric] if value is not None] for run in runs for begin in PARTS.values()]
    return plan_axis(values, metric, limit=find_limit(values, [numbers[0] for numbers in both if numbers]))


# ---- the still picture ----

# The same as in the style sheet, and told apart by readers with any kind of colour blindness.
COLORS = ("#0b6e99", "#b04c05", "#2a9868", "#4b1d78", "#1c2127", "#6e2410")
STILL_WIDTH_PX, LEFT_PX, RIGHT_PX, TOP_PX, PLOT_HEIGHT_PX, ROW_PX = 580, 52, 12, 34, 230, 19
TEXT_LETTERS = 92  # in a line of the still picture


def draw_still(figure):
    """Draw the curves, their legend with what is read off, and the notes.

    Args:
        figure: a TrainingCurves.

    Returns:
        An SVG element as text.
    """
    axis = plan_figure_axis(figure)
    place = _make_place(figure, axis)
    parts = [still.draw_text(AXIS_TITLES[figure.metric], 0, 14), *_draw_axes(figure, axis, place)]
    parts.append(_draw_curves(figure, axis, place))
    parts.append(_draw_cursor(figure, place))
    parts += [_draw_mark(figure, run, place) for run in figure._shown_curves() if figure.marks and figure.validation]
    y = TOP_PX + PLOT_HEIGHT_PX + 56
    for text, run in _legend(figure):
        if run is not None:
            parts.append(_draw_swatch(figure, run, y))
        for line in textwrap.wrap(text, TEXT_LETTERS - (13 if run is not None else 0)):
            parts.append(still.draw_text(line, 76 if run is not None else 0, y))
            y += ROW_PX
    return still.wrap_svg(parts, STILL_WIDTH_PX, y - ROW_PX + 10, describe(figure))


def _legend(figure):
    """The lines below the still picture: (text, the run whose line stands before it, or None)."""
    epoch = min(figure.epoch, figure.epochs)
    if problem := write_problem(figure):
        lines = [(problem, None)]
    else:
        lines = [(f"Epoch {epoch} of {figure.epochs}; gap = {GAPS[figure.metric]}; dashed: validation", None)]
        lines += [(_write_run(figure, run, epoch), run) for run in figure._shown_curves()]
    notes = write_lowest(figure), write_smoothing(figure), write_not_finite(figure), write_off_scale(figure)
    return lines + [(note, None) for note in notes if note]


def _make_place(figure, axis):
    """A function from (epoch, value) to a point of the picture."""
    width = STILL_WIDTH_PX - LEFT_PX - RIGHT_PX
    low, high = axis["low"], axis["high"]

    def place(epoch, value):
        share = (epoch - 1) / (figure.epochs - 1) if figure.epochs > 1 else 0.5
        if axis["scale"] == "log":
            height = math.log(value / low) / math.log(high / low) if value > 0 else -1
        else:
            height = (value - low) / (high - low)
        height = min(max(height, -1), 2)  # what is off the scale leaves the plot, but not for another page
        return round(LEFT_PX + share * width, 1), round(TOP_PX + (1 - height) * PLOT_HEIGHT_PX, 1)

    return place


def _draw_axes(figure, axis, place):
    """Grid lines with their numbers, and the epochs."""
    right, bottom = STILL_WIDTH_PX - RIGHT_PX, TOP_PX + PLOT_HEIGHT_PX
    parts = ['<g font-size="12" stroke-width="1">']
    for tick, label in zip(axis["ticks"], axis["labels"], strict=True):
        y = place(1, tick)[1]
        parts.append(f'<path d="M{LEFT_PX} {y}H{right}" stroke="#c9ced5"/>')
        parts.append(still.draw_text(label, LEFT_PX - 8, y + 4, text_anchor="end"))
    for epoch in plan_epochs(figure.epochs, 10):
        parts.append(still.draw_text(str(epoch), place(epoch, axis["low"])[0], bottom + 18, text_anchor="middle"))
    return [*parts, still.draw_text("epoch", right, bottom + 35, text_anchor="end"), "</g>"]


def color_of(figure, run, part):
    """The number of a curve's colour: the run's; of a single run, validation has a colour of its own."""
    if len(figure._curves) == 1:
        return list(PARTS).index(part)
    return [other["name"] for other in figure._curves].index(run["name"])


def _draw_curves(figure, axis, place):
    """All curves in a picture of their own, which cuts off what leaves the plot, in tenths of a px: whole numbers."""
    box = LEFT_PX - 6, TOP_PX - 4, STILL_WIDTH_PX - RIGHT_PX - LEFT_PX + 12, PLOT_HEIGHT_PX + 8
    view = " ".join(str(10 * length) for length in box)
    parts = ['<svg x="{}" y="{}" width="{}" height="{}" viewBox="'.format(*box), view, '" fill="none">']
    arrows = []
    for run in figure._shown_curves():
        for part in figure.parts:
            color = COLORS[color_of(figure, run, part)]
            raw = [math.nan if value is None else value for value in run[PARTS[part] + figure.metric]]
            parts.append(_draw_curve(raw, figure.smoothing, color, part, place))
            arrows.append(_draw_arrows(raw, axis, color, place))
    return "".join([*parts, "</svg>", *arrows])


def _draw_curve(raw, smoothing, color, part, place):
    """One curve; smoothed, with the raw one faintly behind it."""
    lines = [(smooth(raw, smoothing), 20, 1)]
    if smoothing > 0:
        lines.insert(0, (raw, 10, 0.35))
    dash = ' stroke-dasharray="60 40"' if part == "validation" else ""
    paths = [
        f'<path d="{_trace(values, place)}" stroke-width="{width}" opacity="{opacity}"/>'
        for values, width, opacity in lines
    ]
    return f'<g stroke="{color}" stroke-linecap="round"{dash}>{"".join(paths)}</g>'


def _trace(values, place):
    """The path of a curve in tenths of a px, interrupted by gaps; a value without neighbours is a dot."""
    pieces, last = [], None
    for epoch, value in enumerate(values, 1):
        if not np.isfinite(value):
            last = None
            continue
        x, y = (round(10 * length) for length in place(epoch, value))
        if last is not None:
            pieces.append(f"l{x - last[0]} {y - last[1]}")
        else:
            alone = epoch == len(values) or not np.isfinite(values[epoch])
            pieces.append(f"M{x} {y}" + "h.1" * alone)
        last = x, y
    return "".join(pieces).replace(" -", "-")


def _draw_arrows(raw, axis, color, place):
    """An arrow at the edge for each value that is off the scale; of neighbours that would touch, one."""
    parts, last = [], -math.inf
    for epoch, value in enumerate(raw, 1):
        x = place(epoch, axis["low"])[0]
        above, below = value > axis["high"], value < axis["low"]
        if (above or below) and x - last >= 9:
            last = x
            edge, tip = (TOP_PX, -8) if above else (TOP_PX + PLOT_HEIGHT_PX, 8)
            parts.append(f'<path d="M{x} {edge + tip}l4.5 {-tip}h-9z" fill="{color}"/>')
    return "".join(parts)


def _draw_mark(figure, run, place):
    """The epoch of the lowest validation loss, on the raw curve."""
    value = run["lowest"] and run["val_" + figure.metric][run["lowest"] - 1]
    if value is None:
        return ""
    x, y = place(run["lowest"], value)
    color = COLORS[color_of(figure, run, "validation")]
    shape = mark_shape(_index(figure, run), 6)
    return (
        f'<path d="M{x} {y}V{TOP_PX + PLOT_HEIGHT_PX}" stroke="{color}" stroke-dasharray="1 4"/>'
        f'<path d="{shape}" transform="translate({x} {y})" fill="{color}" stroke="#fff" stroke-width="1.5"/>'
    )


def _index(figure, run):
    return [other["name"] for other in figure._curves].index(run["name"])


def mark_shape(index, radius):
    """The path of a run's mark: a shape for each, so that colour is not all that tells them apart."""
    r = radius
    if index == 0:
        return f"M{-r} 0a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z"
    corners = {
        1: [(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)],
        2: [(0, -1.1), (1.05, 0.8), (-1.05, 0.8)],
        3: [(0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)],
        4: [(0, 1.1), (1.05, -0.8), (-1.05, -0.8)],
        5: [(-0.6, -1.1), (0.6, -1.1), (1.2, 0), (0.6, 1.1), (-0.6, 1.1), (-1.2, 0)],
    }[index]
    return "M" + "L".join(f"{x * r:g} {y * r:g}" for x, y in corners) + "z"


def _draw_cursor(figure, place):
    """The line of the epoch that is read off."""
    x = place(min(figure.epoch, figure.epochs), 1)[0]
    bottom = TOP_PX + PLOT_HEIGHT_PX
    return f'<path d="M{x} {TOP_PX - 6}V{bottom + 4}" stroke="{still.MARKER}" stroke-width="1.5"/>'


def _draw_swatch(figure, run, y):
    """A piece of each of the run's lines, and its mark, for the legend."""
    parts = [
        '<path d="M{} {}h22" fill="none" stroke="{}" stroke-width="2"{}/>'.format(
            start, y - 4, COLORS[color_of(figure, run, part)], ' stroke-dasharray="6 4"' * (part == "validation")
        )
        for start, part in ((0, "training"), (28, "validation"))
        if part in figure.parts
    ]
    if figure.marks:
        color = COLORS[color_of(figure, run, "validation")]
        shape = mark_shape(_index(figure, run), 5)
        parts.append(f'<path d="{shape}" transform="translate(62 {y - 4})" fill="{color}"/>')
    return "".join(parts)
