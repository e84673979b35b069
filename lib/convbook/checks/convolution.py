"""Checks of chapter 2's exercises."""

from convbook.checks import Stop, as_numbers, check, right, wrong

PRODUCTS, BIAS = -8, 1  # of the patch and the kernel of exercise 1


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
    response, after_relu = pair
    if response == PRODUCTS:
        return wrong("The nine products are right; you left out the bias.")
    if response == -PRODUCTS + BIAS:
        return wrong("You turned the kernel. Networks lay it on as it is: left column on left column.")
    if response != PRODUCTS + BIAS:
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
    weights = [(row, column) for row in range(3) for column in range(3) if answer[row][column] != 0]
    if not weights:
        return wrong("All weights are zero, so the output is dark everywhere.")
    if len(weights) > 1:
        return wrong(
            "A single bright pixel became several: more than one weight counts. Which single neighbour should?"
        )
    row, column = weights[0]
    down, to_the_right = 1 - row, 1 - column  # a weight below the centre brings what is below up
    if (down, to_the_right) == (0, 1):
        return wrong(
            "This moves the picture to the right. Keras does not turn the kernel: the output shows the neighbour "
            "that the weight stands at."
        )
    if (down, to_the_right) != (0, -1):
        return wrong(f"This moves the picture by {down} rows down and {to_the_right} columns to the right.")
    if answer[row][column] != 1:
        return wrong(
            f"The position is right; but the picture is multiplied by {answer[row][column]:g}. Which weight only "
            "copies?"
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
    left, middle, right_one = [sum(row[column] for row in answer) for column in range(3)]
    strongest = max(left, middle, right_one)  # the windows see the line in one column, an edge in one to three
    on_even = abs(left + middle + right_one)
    on_edge = max(abs(right_one), abs(middle + right_one), on_even)
    on_level = max(abs(sum(row)) for row in answer)
    if strongest <= 0:
        advice = " It finds level lines: exchange rows and columns." if on_level > 0 else ""
        return wrong(f"It never gives a positive number on an upright bright line.{advice}")
    if middle < strongest or middle == right_one:
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
