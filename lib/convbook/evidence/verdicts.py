"""When is a claim reproduced? The effect of each seed, its 95 % interval, and the verdict."""

from dataclasses import asdict, dataclass, field
from numbers import Real

import numpy as np
from scipy import stats

DIRECTIONS = ("greater", "less", "equal")


@dataclass(frozen=True)
class Effect:
    """What one claim predicts of the numbers of each seed.

    Attributes:
        name: short and unique within the claim.
        meaning: the claim in words that a reader understands without the code; an experiment gives it to its effects.
        of, minus: names of two of the seed's numbers; their difference is the effect. Without minus, the number itself.
        direction: "greater" or "less" than 0, or "equal" to 0 within the margin.
        margin: the smallest effect that would matter to a user; for "equal", what still counts as equal.
        unit: what is counted.

    Raises:
        ValueError: if the direction is unknown, or a margin for "equal" is not positive.

    Example:
        >>> Effect("pooling-helps", "pooled", "plain", margin=0.02).direction
        'greater'
    """

    # In this order they stand in a result's file.
    name: str
    meaning: str = field(default="", kw_only=True)
    of: str
    minus: str | None = None
    direction: str = field(default="greater", kw_only=True)
    margin: float = field(kw_only=True)
    unit: str = field(default="test accuracy", kw_only=True)

    def __post_init__(self):
        _check(self.direction, self.margin)


def interval(differences, confidence=0.95):
    """Estimate the mean of paired differences by Student's t-interval.

    Args:
        differences: (n,) numbers, one for each seed, n >= 2.
        confidence: share of such intervals that would hold the true mean.

    Returns:
        (low, high), two floats.

    Raises:
        ValueError: if there are fewer than two differences or one is not finite; run more seeds.

    Example:
        >>> low, high = interval([1.0, 2.0, 3.0])
        >>> round(low, 2), round(high, 2)
        (-0.48, 4.48)

    Source:
        Student, The probable error of a mean, Biometrika 6, 1908.
    """
    values = np.asarray(differences, dtype=float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"An interval needs at least two finite differences, got {differences!r}; run more seeds.")
    low, high = values.mean() + stats.sem(values) * np.array(stats.t.interval(confidence, len(values) - 1))
    return float(low), float(high)


def verdict(differences, direction, margin=0.0):
    """Judge a claim by where the 95 % interval of its effect lies.

    Args:
        differences: (n,) numbers, one for each seed, n >= 2.
        direction, margin: as for `Effect`.

    Returns:
        "reproduced" if the interval lies wholly where the claim says, "contradicted" if it lies wholly elsewhere, and
        "undecided" if it does neither.

    Raises:
        ValueError: if the direction is unknown, a margin for "equal" is not positive, or there are too few differences.

    Example:
        >>> verdict([0.1, 0.2, 0.3, 0.2], "greater")
        'reproduced'
        >>> verdict([0.1, 0.2, 0.3, 0.2], "equal", margin=0.05)
        'contradicted'
    """
    _check(direction, margin)
    low, high = interval(differences)
    claimed, elsewhere = {
        "greater": (low > 0, high < 0),
        "less": (high < 0, low > 0),
        "equal": (-margin < low and high < margin, low > margin or high < -margin),
    }[direction]
    return "reproduced" if claimed else "contradicted" if elsewhere else "undecided"


def _check(direction, margin):
    if direction not in DIRECTIONS:
        raise ValueError(f"direction={direction!r} is not possible; use one of {', '.join(DIRECTIONS)}.")
    if direction == "equal" and not margin > 0:
        raise ValueError(f"'equal' needs a margin greater than 0, got {margin!r}; say what difference would matter.")


def judge(effect, seeds):
    """Compute one effect from the seeds that have its numbers.

    Args:
        effect: an `Effect`.
        seeds: entries of a result's "seeds"; those that failed, or in which a number of this effect was not measured,
            are left out.

    Returns:
        The effect's fields with differences, n, mean, interval and verdict, ready for a result's "effects". With fewer
        than two differences there is no interval (None), and the verdict is "undecided".

    Raises:
        ValueError: if fewer than two seeds succeeded, or none has a number that the effect names, or one has a list.
    """
    measured = [entry["numbers"] for entry in seeds if "numbers" in entry]
    if len(measured) < 2:
        raise ValueError(f"Effect {effect.name!r} needs two seeds that succeeded, not {len(measured)}; run more seeds.")
    names = [name for name in (effect.of, effect.minus) if name is not None]
    for name in names:
        found = [numbers[name] for numbers in measured if name in numbers]
        if not found or not all(map(is_finite_number, found)):
            raise ValueError(
                f"Effect {effect.name!r} needs a single number {name!r}; "
                f"the seeds have {', '.join(sorted(set().union(*measured)))}."
            )
    complete = [numbers for numbers in measured if all(name in numbers for name in names)]
    differences = [numbers[effect.of] - (numbers[effect.minus] if effect.minus else 0) for numbers in complete]
    decided = len(differences) > 1
    return asdict(effect) | {
        "differences": differences,
        "n": len(differences),
        "mean": float(np.mean(differences)) if differences else None,
        "interval": list(interval(differences)) if decided else None,
        "verdict": verdict(differences, effect.direction, effect.margin) if decided else "undecided",
    }


def is_finite_number(value):
    """Tell whether a value is a number that JSON can hold: a finite int or float, and neither True nor False.

    Example:
        >>> is_finite_number(0.5), is_finite_number(float("nan")), is_finite_number("0.5")
        (True, False, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and bool(np.isfinite(value))
