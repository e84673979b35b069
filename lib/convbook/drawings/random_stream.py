"""The random numbers of the drawings: the same on every platform and with every version of Python and NumPy."""

import math
import random


class RandomStream:
    """A seeded stream of random numbers and choices.

    Python guarantees the sequence of `random.Random.random()` for a seed, but not that of `choice`, `gauss` and the
    like. So everything here is built from `random()`.

    Args:
        *key: what the stream is for, such as a kind, a seed and a purpose. Streams of different keys are independent:
            a change in how the background is drawn does not give the cat another face.

    Example:
        >>> RandomStream("cat", 3, "subject").integer(0, 99) == RandomStream("cat", 3, "subject").integer(0, 99)
        True
    """

    def __init__(self, *key):
        self._random = random.Random("/".join(map(str, key))).random

    def uniform(self, low, high):
        """Return a float between `low` and `high`."""
        return low + (high - low) * self._random()

    def happens(self, probability):
        """Return True with the given probability."""
        return self._random() < probability

    def integer(self, low, high):
        """Return a whole number from `low` to `high`, both included."""
        return low + int((high - low + 1) * self._random())

    def choice(self, options):
        """Return one of a sequence, each with the same probability."""
        return options[int(len(options) * self._random())]

    def side(self):
        """Return -1 or 1: left or right."""
        return -1 if self._random() < 0.5 else 1

    def pick(self, weights):
        """Return a key of the dictionary `weights`, each with a probability proportional to its value."""
        remaining = self._random() * sum(weights.values())
        for option, weight in weights.items():
            remaining -= weight
            if remaining < 0:
                return option
        return option

    def normal(self, deviation):
        """Return a float from the normal distribution around zero (Box-Muller)."""
        radius = math.sqrt(-2 * math.log(1 - self._random()))
        return deviation * radius * math.cos(math.tau * self._random())
