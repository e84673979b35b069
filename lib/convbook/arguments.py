"""Checks of whole numbers that a caller passes."""

import numbers


def is_whole_number(value, smallest=1):
    """Return whether a value is a whole number of at least `smallest`; True and False are not.

    Example:
        >>> is_whole_number(3), is_whole_number(0), is_whole_number(2.0), is_whole_number(True)
        (True, False, False, False)
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= smallest


def whole_number(name, value, smallest=1):
    """Return a whole number as a plain int.

    Args:
        name: what the value is called in an error message.
        value: an int, or an integer of NumPy's.
        smallest: the smallest value that is possible.

    Raises:
        ValueError: if the value is anything else; the message names it and what is possible.

    Example:
        >>> whole_number("batch_size", 0)
        Traceback (most recent call last):
        ValueError: batch_size must be a whole number of at least 1, got 0.
    """
    if not is_whole_number(value, smallest):
        raise ValueError(f"{name} must be a whole number of at least {smallest}, got {value!r}.")
    return int(value)
