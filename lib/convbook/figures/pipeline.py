"""The pipeline figure: pictures on their way to the network, and what shuffle buffer, cache and prefetch change."""

import numpy as np
import traitlets
from matplotlib.figure import Figure

from convbook.figures.base import Choice, LiveFigure, Switch, Whole

CATS, DOGS, BATCH_SIZE, QUEUE = 12, 12, 4, 2  # pictures, sorted, on the disk; batches that wait where prefetch is on
# The model of what a picture costs, in milliseconds: round numbers, no measurement.
COSTS_MS = {"decode": 10, "cached": 1, "train": 8}
SEED = 2


class Pipeline(LiveFigure):
    """Send 24 pictures through decode, cache, shuffle buffer, batch and prefetch, for two epochs.

    The shuffle buffer works as that of `tf.data`: it is filled, and then for each picture that leaves, drawn at random
    from those waiting, the next one enters. Without prefetch pictures are loaded only while the network waits. The
    cache is filled in epoch 1 and read in epoch 2. What a picture costs is a model, `COSTS_MS`.

    Args:
        buffer_size: pictures that the shuffle buffer holds, 1 to 24.
        cache: whether decoded pictures are kept for the next epoch.
        prefetch: whether batches are loaded while the network trains.
        epoch: 1 or 2.
        time_ms: how far the epoch is, from 0; what is beyond its end is its end.

    Raises:
        FigureError: a ValueError and a TraitError, if a setting does not fit; the message says what would.

    Example:
        >>> Pipeline(buffer_size=24, cache=True).buffer_size
        24
    """

    buffer_size = Whole(1, 1, CATS + DOGS).tag(sync=True)
    cache = Switch().tag(sync=True)
    prefetch = Switch().tag(sync=True)
    epoch = Choice((1, 2)).tag(sync=True)
    time_ms = Whole(0, 0, 1000).tag(sync=True)
    _plan = traitlets.Dict().tag(sync=True)

    alternative = (
        "Pictures of cats and dogs on their way from the disk to the network, through decode, cache, shuffle buffer, "
        "batch and prefetch, and how long the network waits for them."
    )

    def __init__(self, **traits):
        draws = np.random.default_rng(SEED).random((2, CATS + DOGS)).round(6).tolist()
        plan = {"cats": CATS, "dogs": DOGS, "batch": BATCH_SIZE, "queue": QUEUE, "costs": COSTS_MS, "draws": draws}
        super().__init__(_plan=plan, **traits)

    def draw_still(self):
        stations = ["disk", "decode", "cache", "shuffle\nbuffer", "batch", "prefetch", "network"]
        figure = Figure((4.6, 0.7))
        axes = figure.subplots()
        for place, name in enumerate(stations):
            axes.text(place, 0, name, ha="center", va="center", fontsize=8, bbox={"fill": False})
            if place:
                axes.annotate("", (place - 0.33, 0), (place - 0.67, 0), arrowprops={"arrowstyle": "->"})
        axes.set(xlim=(-0.5, len(stations) - 0.5), ylim=(-0.5, 0.5))
        axes.axis("off")
        return figure
