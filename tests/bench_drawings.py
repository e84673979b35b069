"""How many 64x64 pictures one core draws in a second: `python tests/bench_drawings.py`. The book needs 400."""

import time

from convbook import drawings

PICTURES = 200
REPETITIONS = 5


def pictures_per_second(kinds):
    """Return the median and the best rate over some repetitions, in seconds of this process."""
    rates = []
    for repetition in range(REPETITIONS):
        start = time.process_time()
        for index in range(PICTURES):
            drawings.draw(kinds[index % len(kinds)], repetition * PICTURES + index)
        rates.append(PICTURES / (time.process_time() - start))
    return sorted(rates)[REPETITIONS // 2], max(rates)


if __name__ == "__main__":
    for name, kinds in (("pets", drawings.PETS), ("animals", drawings.ANIMALS), ("things", drawings.THINGS)):
        median, best = pictures_per_second(kinds)
        print(f"{name:8} {median:5.0f} pictures per second and core (best of {REPETITIONS}: {best:.0f})")
