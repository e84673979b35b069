"""Checks of chapter 4's exercises."""

from convbook import shapes
from convbook.checks import as_numbers, check, right, wrong

# Exercise 1: what goes forward and comes back, for each value of the map.
MAP, SIGNAL = [[3, 8, 1, 4], [5, 2, 6, 0]], [[12, 12, -4, -4]] * 2
WINNERS = [[0, 1, 0, 0], [0, 0, 1, 0]]
POOL_SIZE, KERNEL_SIZE, FILTERS = 2, 3, 16  # exercise 3
INPUT_SHAPE, WINDOW_PX, MOST_MULTIPLY_ADDS, LEAST_ROWS, LEAST_CONVOLUTIONS = (32, 32, 3), 18, 1_000_000, 3, 3
MOST_LAYERS = 30


@check()
def gradient(answer):
    """Check where an error signal goes that comes back through max pooling and through average pooling.

    Args:
        answer: dictionary with the keys `through_max` and `through_average`, each two rows of four numbers.

    Returns:
        A `Feedback` that recognises exchanged poolings, values in place of signals, and a mean that is not shared.
    """
    names = ("through_max", "through_average")
    if not isinstance(answer, dict) or set(answer) != set(names):
        return wrong("Give a dictionary with the keys through_max and through_average.")
    given = [as_numbers(answer[name], (2, 4)) for name in names]
    for name, numbers in zip(names, given, strict=True):
        if numbers is None:
            return wrong(f"{name}: give two rows of four numbers, one for each value of the map.")
    through_max, through_average = given
    expected_max, expected_average = _products(SIGNAL, WINNERS), [[value / 4 for value in row] for row in SIGNAL]
    if through_max == expected_average and through_average == expected_max:
        return wrong("You exchanged the two: the mean is made of all four values, the maximum is one of them.")
    if through_max != expected_max:
        return wrong(f"through_max: {_max_advice(through_max)}")
    if through_average != expected_average:
        return wrong(f"through_average: {_average_advice(through_average)}")
    return right(
        "The maximum sends the whole signal to one value and nothing to the others; the mean gives a quarter to each. "
        "Both windows hand on as much as came in."
    )


def _products(one, other):
    """Return the products of the numbers at the same places of two tables."""
    return [[a * b for a, b in zip(*rows, strict=True)] for rows in zip(one, other, strict=True)]


def _max_advice(given):
    if given == _products(MAP, WINNERS):
        return "these are the values that went forward, 8 and 6. What comes back is the signal, 12 and −4."
    if given == _products(_products(MAP, SIGNAL), WINNERS):
        return "do not multiply with the value: if the winner grows by 1, the maximum grows by 1."
    if given == SIGNAL:
        return "each window gave one value to the output. The other three can be nudged and nothing changes."
    if [[int(value != 0) for value in row] for row in given] == WINNERS:
        return "the positions are right. The winner gets the signal of its window as it is, 12 and −4."
    return "in each window of 2×2 only the largest value counts, and it gets the whole signal; the others get 0."


def _average_advice(given):
    if given == SIGNAL:
        return "a value that grows by 1 raises the mean of four by a quarter only."
    if given == _products(SIGNAL, WINNERS):
        return "the mean has no winner: each of the four values has its share in it."
    return "each of the four values of a window gets a quarter of that window's signal, whatever its size."


@check()
def ignores_a_step(row):
    """Check four values whose 1×2 max pooling ignores a step to the right while average pooling does not.

    The row moves one position to the right: a 0 comes in on the left, and the last value falls out.

    Args:
        row: four different numbers, none below 0.

    Returns:
        A `Feedback` that shows both pooled rows before and after the step.
    """
    values = as_numbers(row, (4,))
    if values is None or min(values) < 0:
        return wrong("Give a list of four numbers, none below 0, as a map holds them behind ReLU.")
    moved = [0, *values[:3]]
    before, after = _pooled_pair(values), _pooled_pair(moved)
    walk = f"{_row(values)} becomes {_row(moved)}"
    if len(set(values)) < len(values):
        return wrong("Take four different numbers: where two are equal, one can hide that the other left its window.")
    if before["max"] != after["max"]:
        window = "first" if before["max"][0] != after["max"][0] else "second"
        return wrong(
            f"{walk}, and max pooling gives {_row(before['max'])} before and {_row(after['max'])} after: the {window} "
            "window has another largest value. It stays if the largest value moves within its window and "
            "nothing larger comes in."
        )
    return right(
        f"{walk}. Max pooling gives {_row(before['max'])} both times, average pooling {_row(before['mean'])} and then "
        f"{_row(after['mean'])}."
    )


def _pooled_pair(values):
    windows = [values[:2], values[2:]]
    return {"max": [max(window) for window in windows], "mean": [sum(window) / 2 for window in windows]}


def _row(values):
    return " ".join(f"{value:g}" for value in values)


@check('Replace each ... by "conv" or "pool"; the stack may have any number of layers.')
def stack(layers):
    """Check a stack of convolutions and poolings that should see far and be cheap.

    Args:
        layers: list of "conv" (3×3, 16 filters, no padding) and "pool" (2×2) for a picture of 32×32 pixels in colour.

    Returns:
        A `Feedback` that walks through the stack and says which of the conditions fails.
    """
    if not isinstance(layers, (list, tuple)) or not 1 <= len(layers) <= MOST_LAYERS:
        return wrong(f'Give a list of 1 to {MOST_LAYERS} layers, each "conv" or "pool".')
    if strange := [layer for layer in layers if not isinstance(layer, str) or layer not in ("conv", "pool")]:
        return wrong(f'{strange[0]!r} is no layer here; each is "conv" or "pool".')
    sizes, multiply_adds, problem = _walk(layers)
    walk = " → ".join(map(str, sizes))
    if problem:
        return wrong(f"{walk}: {problem}")
    size_px = _window_px(layers)
    if layers[0] == "pool":
        return wrong(
            "It pools the picture itself before any filter has looked at it: what is finer than two pixels is gone. "
            "Look for patterns first, then pool the maps."
        )
    if layers.count("conv") < LEAST_CONVOLUTIONS:
        return wrong(f"{layers.count('conv')} of at least {LEAST_CONVOLUTIONS} convolutions.")
    if multiply_adds > MOST_MULTIPLY_ADDS:
        return wrong(
            f"{walk}: {multiply_adds:,} multiply-adds, and {MOST_MULTIPLY_ADDS:,} are allowed. A convolution on a "
            "large map is expensive; which of them could stand behind a pooling?"
        )
    if sizes[-1] < LEAST_ROWS:
        return wrong(f"{walk}: the last map has {sizes[-1]} rows, and at least {LEAST_ROWS} are asked for. Pool less.")
    if size_px < WINDOW_PX:
        return wrong(
            f"{walk}: one last output sees {size_px}×{size_px} pixels of the {WINDOW_PX}×{WINDOW_PX} asked for. What "
            "follows a pooling steps twice as far."
        )
    alone = -(-(size_px - 1) // (KERNEL_SIZE - 1))  # -(-a // b) rounds up
    return right(
        f"{walk}: one last output sees {size_px}×{size_px} pixels, for {multiply_adds:,} multiply-adds. Without "
        f"pooling it would take {alone} convolutions to see as far."
    )


def _walk(layers):
    """Return the rows of each map, the multiply-adds in all, and what stopped the walk, or ''."""
    shape, sizes, multiply_adds = INPUT_SHAPE, [INPUT_SHAPE[0]], 0
    for number, layer in enumerate(layers, 1):
        try:
            if layer == "pool":
                shape = shapes.pooling_shape(shape, POOL_SIZE)
            else:
                multiply_adds += shapes.convolution_multiply_adds(shape, FILTERS, KERNEL_SIZE)
                shape = shapes.convolution_shape(shape, FILTERS, KERNEL_SIZE)
        except ValueError:
            return sizes, multiply_adds, f'no window fits for layer {number}, "{layer}". Take fewer layers.'
        sizes.append(shape[0])
    return sizes, multiply_adds, ""


def _window_px(layers):
    sizes = {"conv": (KERNEL_SIZE, 1), "pool": (POOL_SIZE, POOL_SIZE)}
    return shapes.receptive_field([sizes[layer] for layer in layers]).size
