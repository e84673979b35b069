"""Checks of chapter 3's exercises."""

import numpy as np

from convbook import shapes
from convbook.arguments import is_whole_number
from convbook.checks import check, right, wrong

ROWS, KERNEL_SIZE, STRIDES = 13, 3, 2  # exercise 1
PICTURE, KERNEL, KERNEL_STRIDES = (27, 20), (4, 3), 2  # exercise 2
FROM_PX, TO_PX, MOST_LAYERS = 28, 7, 30  # exercise 3


@check()
def input_sizes(answer):
    """Check which inputs a 3×3 convolution with stride 2 and no padding turns into 13 rows.

    Args:
        answer: the numbers of rows, in any order.

    Returns:
        A `Feedback` that recognises doubling, a forgotten rest, and the rule of 'same'.
    """
    answer = list(answer) if isinstance(answer, (set, range, np.ndarray)) else answer
    if not isinstance(answer, (list, tuple)) or not answer or not all(map(is_whole_number, answer)):
        return wrong("Give a list of whole numbers from 1 on, for example [5, 6, 7].")
    given = set(answer)
    if given == {25, 26}:
        return wrong(
            "25 and 26 is the answer for padding='same', which gives half, rounded up. Conv2D pads nothing unless told "
            "to: a whole window must fit."
        )
    if 2 * ROWS in given:
        return wrong(
            f"{2 * ROWS} is {ROWS} doubled, as if a stride of 2 halved exactly; the border costs rows too. "
            f"{_sentence(2 * ROWS)}"
        )
    if wrong_ones := sorted(size for size in given if _outputs(size) != ROWS):
        return wrong(_sentence(wrong_ones[0]))
    if len(given) < STRIDES:
        return wrong(
            f"Right as far as it goes, but {len(given)} of {STRIDES}: with a stride of {STRIDES} a window need not end "
            "at the last row. Which number of rows has the same last window?"
        )
    return right("12 steps of 2 and one window of 3 need 27 rows; the 28th is read by nobody.")


def _outputs(size):
    return shapes.output_size(size, KERNEL_SIZE, STRIDES) if size >= KERNEL_SIZE else 0


def _sentence(size):
    positions, last = _outputs(size), size - KERNEL_SIZE
    if positions == 0:
        return f"{size} rows have no position for a window of {KERNEL_SIZE}."
    return (
        f"With {size} rows a window may start at row {last} at most; the starts 0, 2, 4, … are {positions}, not {ROWS}."
    )


@check()
def same_by_hand(zeros):
    """Check the zeros that make 'valid' do what Keras's 'same' does.

    The picture has 27 rows and 20 columns, the kernel 4 rows and 3 columns, the stride is 2.

    Args:
        zeros: ((above, below), (left, right)), numbers of zeros as `np.pad` takes them.

    Returns:
        A `Feedback` that says on which axis the zeros are too few, too many, or on the wrong side.
    """
    pairs = _pairs(zeros)
    if pairs is None:
        return wrong("Give ((above, below), (left, right)): two pairs of whole numbers, none below 0.")
    expected = [shapes.padding_amounts(*axis, KERNEL_STRIDES) for axis in zip(PICTURE, KERNEL, strict=True)]
    if pairs == expected[::-1]:
        return wrong("You exchanged the axes: rows, that is above and below, come first.")
    names = (("rows", "above", "below"), ("columns", "on the left", "on the right"))
    for name, size, kernel, given, wanted in zip(names, PICTURE, KERNEL, pairs, expected, strict=True):
        if given != wanted:
            return wrong(_zeros_advice(*name, size, kernel, given, wanted))
    return right("The zeros depend on the size of the picture: one row less, and the windows would lie elsewhere.")


def _pairs(zeros):
    """Return the answer as a list of two pairs of ints, or None."""
    try:
        pairs = [tuple(pair) for pair in zeros]
    except TypeError:
        return None
    numbers = [number for pair in pairs for number in pair]
    is_sound = [len(pair) for pair in pairs] == [2, 2] and all(is_whole_number(number, 0) for number in numbers)
    return pairs if is_sound else None


def _zeros_advice(axis, before, after, size, kernel_size, given, wanted):
    outputs = shapes.output_size(size, kernel_size, KERNEL_STRIDES, padding="same")
    if sum(given) == kernel_size - 1 and sum(given) != sum(wanted):
        return (
            f"{axis.capitalize()}: k - 1 zeros keep the size at stride 1. With stride 2 only {outputs} windows are "
            f"wanted; how many {axis} do they span?"
        )
    if sum(given) != sum(wanted):
        return (
            f"{axis.capitalize()}: {outputs} windows of {kernel_size}, {KERNEL_STRIDES} apart, span "
            f"({outputs} - 1) · {KERNEL_STRIDES} + {kernel_size} {axis}, and the picture has {size}. With your zeros "
            f"it has {size + sum(given)}."
        )
    return (
        f"{axis.capitalize()}: the number of zeros is right, {sum(given)} in all, but they are on the wrong side: "
        f"{given[0]} {before} and {given[1]} {after}. Keras halves and puts the odd zero at the end."
    )


@check("Replace each ... by a layer, such as (3, 1, 'valid'); a stack may have any number of them.")
def two_stacks(stacks):
    """Check two stacks of convolutions from 28×28 to 7×7, of which the first sees more.

    Args:
        stacks: dictionary with the keys `sees_more` and `sees_less`, each a list of layers, each a triple
            (kernel_size, strides, padding).

    Returns:
        A `Feedback` that walks through the first stack that does not arrive at 7, or compares what the two see.
    """
    if not isinstance(stacks, dict) or set(stacks) != {"sees_more", "sees_less"}:
        return wrong("Give a dictionary with the keys sees_more and sees_less.")
    for name in ("sees_more", "sees_less"):
        if finding := _stack_finding(stacks[name]):
            return wrong(f"{name}: {finding}")
    more, less = _seen_px(stacks["sees_more"]), _seen_px(stacks["sees_less"])
    if more == less:
        return wrong(f"Both arrive at 7×7, and one output of each sees {more}×{more} pixels: make one see more.")
    if more < less:
        return wrong(f"Both arrive at 7×7, but sees_more sees {more}×{more} pixels and sees_less {less}×{less}.")
    return right(
        f"Both end at 7×7; one output sees {more}×{more} pixels in the first, {less}×{less} in the second. The "
        "shape alone does not say what a map sees."
    )


def _stack_finding(stack):
    """Return what is wrong with a stack, or '' if it goes from 28 to 7."""
    if not isinstance(stack, (list, tuple)) or not 1 <= len(stack) <= MOST_LAYERS:
        return f"give a list of 1 to {MOST_LAYERS} layers, each (kernel_size, strides, padding)."
    size, sizes = FROM_PX, [FROM_PX]
    for number, layer in enumerate(stack, 1):
        if not isinstance(layer, (list, tuple)) or len(layer) != 3:
            return f"layer {number} is {layer!r}; give a triple (kernel_size, strides, padding), in brackets."
        try:
            size = shapes.output_size(size, *layer)
        except (ValueError, TypeError) as error:
            return f"layer {number}, {tuple(layer)}, on {size}×{size}: {error}"
        sizes.append(size)
    if size != TO_PX:
        return f"it goes {' → '.join(map(str, sizes))} and should end at {TO_PX}."
    return ""


def _seen_px(stack):
    return shapes.receptive_field([(kernel_size, stride) for kernel_size, stride, _ in stack]).size
