"""The seeds figure: draw seeds from a spread, and see the interval shrink and the verdict change with their number."""

import numpy as np
import traitlets
from matplotlib.figure import Figure

from convbook.figures.base import Choice, LiveFigure, Number, Whole

MOST_SEEDS = 30


class Seeds(LiveFigure):
    """Draw seeds of two methods' difference, and see when their interval allows a verdict.

    The differences are drawn from a normal distribution around a true effect, in points of accuracy. The claim to be
    judged is that the effect is greater than 0. Interval and verdict are those of `evidence.interval` and
    `evidence.verdict`.

    Args:
        count: how many seeds have been drawn, 0 to 30.
        spread: the standard deviation over seeds, 0.5 to 5 points.
        margin: from what size on an effect would matter, 0.25 to 3 points.
        study: 0 to 999; each has seeds of its own, and an effect of its own that is hidden at first.
        truth: "hidden" or "shown", the study's own effect, or "set", the one of `effect`.
        effect: the true effect where it is set, −4 to 4 points.

    Raises:
        FigureError: a ValueError and a TraitError, if a number is out of its range; the message names it.

    Example:
        >>> Seeds(count=10).truth
        'hidden'
    """

    alternative = (
        "Seeds drawn one after the other: each is a dot, and beside it stands the 95 percent interval of all seeds so "
        "far, which shrinks until it allows a verdict. The first few seeds often point the wrong way."
    )

    count = Whole(1, 0, MOST_SEEDS, remedy="More seeds find no room in the figure.").tag(sync=True)
    spread = Number(2, 0.5, 5, remedy="These are points of accuracy.").tag(sync=True)
    margin = Number(1, 0.25, 3, remedy="These are points of accuracy.").tag(sync=True)
    study = Whole(40, 0, 999, remedy="Each of these has seeds of its own.").tag(sync=True)
    truth = Choice(("hidden", "shown", "set")).tag(sync=True)
    effect = Number(1, -4, 4, remedy="These are points of accuracy.").tag(sync=True)
    _quantiles = traitlets.List().tag(sync=True)

    def __init__(self, **traits):
        from scipy import stats

        # Of Student's t, for 2 seeds, 3, …; 12 digits, since further ones differ from machine to machine.
        quantiles = [float(f"{stats.t.ppf(0.975, n - 1):.12g}") for n in range(2, MOST_SEEDS + 1)]
        super().__init__(_quantiles=quantiles, **traits)

    def draw_still(self):
        from convbook.evidence import interval

        seeds = np.random.default_rng(3).normal(self.effect, self.spread, 20)
        intervals = np.array([interval(seeds[:n]) for n in range(3, 21)])
        figure = Figure((4.5, 2.2), layout="constrained")
        axes = figure.subplots()
        axes.axhspan(-self.margin, self.margin, color="#e8e8e8")
        axes.axhline(0, color="black", linewidth=0.8)
        axes.vlines(range(3, 21), *intervals.T, color="#0b6e99")
        axes.plot(range(1, 21), seeds, "o", color="#c4570a", markersize=4)
        axes.set(xlabel="seeds", ylabel="effect in points", ylim=(-8, 8))
        return figure
