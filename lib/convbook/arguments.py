"""Checks of numbers that a caller passes."""

import numbers


def is_count(value):
    """Return whether a value is a whole number from 1; True and False are not.

    Example:
        >>> is_count(3), is_count(0), is_count(2.0), is_count(True)
        (True, False, False, False)
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value > 0


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
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < smallest:
        raise ValueError(f"{name} must be a whole number of at least {smallest}, got {value!r}.")
    return int(value)
