"""Checks of chapter 2's exercises."""

import numpy as np

from convbook.checks import Stop, as_numbers, check, right, wrong
from convbook.operations import convolve2d

PATCH = np.array([[2, 0, 1], [3, 1, 0], [2, 0, 1]])
KERNEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
BIAS = 1


@check()
def one_response(answer):
    """Check the response of one window, and what ReLU leaves of it.

    Args:
        answer: pair of numbers: the sum of the products and the bias, and that after ReLU.

    Returns:
        A `Feedback` that recognises a turned kernel, a forgotten bias and a missing ReLU.
    """
    pair = as_numbers(answer, (2,))
    if pair is None:
        return wrong("Give a pair of numbers: the response, and what ReLU leaves of it.")
    (response, after_relu), products = pair, (PATCH * KERNEL).sum()
    if response == products:
        return wrong("The nine products are right; you left out the bias.")
    if response == -products + BIAS:
        return wrong("You turned the kernel. Networks lay it on as it is: left column on left column.")
    if response != products + BIAS:
        return wrong(
            f"{response:g} is not the sum. Multiply the pairs that lie on each other; the rows give -1, -6 and -1."
        )
    if after_relu != 0:
        return wrong(
            f"The response is right. ReLU keeps positive numbers and makes zero of the others: not {after_relu:g}."
        )
    return right("A filter that finds the opposite of its pattern answers with a negative number, and ReLU drops it.")


@check()
def move_left(kernel):
    """Check a kernel that should move the picture one pixel to the left.

    Args:
        kernel: array (3, 3).

    Returns:
        A `Feedback` that says where the kernel moves a pixel instead.
    """
    answer = _as_kernel(kernel)
    picture = np.zeros((7, 9, 1))
    picture[3, 4] = 1
    response = _respond(picture, answer, padding="same")
    lit = np.argwhere(response != 0)
    if len(lit) == 0:
        return wrong("All weights are zero, so the output is dark everywhere.")
    if len(lit) > 1:
        return wrong(
            "A single bright pixel became several: more than one weight counts. Which single neighbour should?"
        )
    down, to_the_right = (int(step) for step in lit[0] - (3, 4))
    if (down, to_the_right) == (0, 1):
        return wrong(
            "This moves the picture to the right. Keras does not turn the kernel: the output shows the neighbour "
            "that the weight stands at."
        )
    if (down, to_the_right) != (0, -1):
        return wrong(f"This moves the picture by {down} rows down and {to_the_right} columns to the right.")
    if response[3, 3] != 1:
        return wrong(
            f"The position is right; but the picture is multiplied by {response[3, 3]:g}. Which weight only copies?"
        )
    return right("One weight of 1, to the right of the centre: each output copies its right neighbour.")


@check()
def whisker(kernel):
    """Check a kernel that should find thin upright bright lines.

    Args:
        kernel: array (3, 3).

    Returns:
        A `Feedback` that names the first pattern on which the kernel answers wrongly.
    """
    answer = _as_kernel(kernel)
    line, edge, level, even = np.zeros((4, 9, 11, 1))
    line[:, 5], edge[:, 5:], level[4, :], even[:] = 1, 1, 1, 1
    on_line = _respond(line, answer)
    on_edge, on_level, on_even = (np.abs(_respond(picture, answer)).max() for picture in (edge, level, even))
    strongest = on_line.max()
    if strongest <= 0:
        advice = " It finds level lines: exchange rows and columns." if on_level > 0 else ""
        return wrong(f"It never gives a positive number on an upright bright line.{advice}")
    if on_line[3].argmax() != 4:
        return wrong("It answers most strongly next to the line. The middle column should ask for the bright pixels.")
    if on_even > strongest * 1e-6:
        return wrong(f"An even bright area gives {on_even:g}. Let all weights sum to zero.")
    if on_level > strongest * 1e-6:
        return wrong(
            f"A level line gives {on_level:g}, against {strongest:g} on the whisker. Let the weights of each row sum "
            "to zero."
        )
    if on_edge > strongest * (0.5 + 1e-6):
        return wrong(
            f"The edge of a large bright area gives {on_edge:g}, against {strongest:g} on the whisker. A line is "
            "dark on both sides: let both neighbours count negatively."
        )
    return right(f"The whisker gives {strongest:g}, an edge at most {on_edge:g}, a level line and an even area 0.")


def _as_kernel(kernel):
    """Return the answer as an array (3, 3) of numbers."""
    numbers = as_numbers(kernel, (3, 3))
    if numbers is None:
        raise Stop(wrong("Give three rows of three numbers, for example [[0, 0, 0], [0, 1, 0], [0, 0, 0]]."))
    return numbers


def _respond(picture, kernel, padding="valid"):
    return convolve2d(picture, kernel[:, :, None, None], padding=padding)[:, :, 0]
