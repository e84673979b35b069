"""Checks that explain to the reader of an exercise what is wrong with an answer, not only that it is wrong.

One module for each chapter; each check takes the answer and returns a `Feedback`. An answer that still holds the stub's
`...` counts as unanswered.
"""

import functools
from dataclasses import dataclass
from numbers import Real

import numpy as np

from convbook.arguments import is_whole_number


@dataclass(frozen=True)
class Feedback:
    """What a check says of an answer.

    Attributes:
        passed: True for a right answer, False for a wrong one, None for none.
        message: one or two sentences to the reader.

    Example:
        >>> wrong("28 is the input's height.")
        Not yet. 28 is the input's height.
    """

    passed: bool | None
    message: str

    def __repr__(self):
        lead = {True: "Correct.", False: "Not yet.", None: "No answer yet."}[self.passed]
        return f"{lead} {self.message}"


class Stop(Exception):
    """Ends a check early.

    Args:
        feedback: the `Feedback` that the check returns.
    """

    def __init__(self, feedback):
        super().__init__(feedback.message)
        self.feedback = feedback


def right(message):
    """Feedback for a right answer: what it shows."""
    return Feedback(True, message)


def wrong(message):
    """Feedback for a wrong answer: what went wrong, and where to look."""
    return Feedback(False, message)


def unanswered(message="Replace each ... in the cell above the check by your answer."):
    """Feedback for a stub."""
    return Feedback(None, message)


def check(*message):
    """Make a check of a function that judges an answer: a stub is unanswered, and a `Stop` becomes its feedback.

    Args:
        *message: what to say of a stub, if not the usual sentence.

    Returns:
        A decorator of a function of one answer that returns a `Feedback`.

    Example:
        >>> @check()
        ... def two(answer):
        ...     return right("One and one.") if answer == 2 else wrong("Count again.")
        >>> two(...), two(2)
        (No answer yet. Replace each ... in the cell above the check by your answer., Correct. One and one.)
    """

    def decorate(judge):
        @functools.wraps(judge)
        def judge_answer(answer):
            if is_unanswered(answer):
                return unanswered(*message)
            try:
                return judge(answer)
            except Stop as stop:
                return stop.feedback

        return judge_answer

    return decorate


def call_answer(answer, *arguments, returns="", raises=()):
    """Call a function that is the reader's answer.

    Args:
        answer: the function.
        *arguments: what it is called with.
        returns: what it should return, in words; "" if it may return None.
        raises: exceptions that it may raise, for the caller to catch.

    Returns:
        What the function returned.

    Raises:
        Stop: if the answer is no function, raises an exception or returns the stub's `...`.
    """
    if not callable(answer):
        raise Stop(wrong("Give the function itself, without brackets behind its name."))
    try:
        returned = answer(*arguments)
    except raises:
        raise
    except Exception as error:  # the reader's own code may raise anything, and its author should see it
        raise Stop(wrong(f"Your function raised {type(error).__name__}: {error}")) from error
    if returned is None and returns:
        raise Stop(unanswered(f"Let the function return {returns}."))
    if is_unanswered(returned):
        raise Stop(unanswered())
    return returned


def is_unanswered(answer):
    """Return whether an answer still holds the stub's `...`, at any depth of lists, tuples, dictionaries and arrays.

    Example:
        >>> is_unanswered({"shape": (26, ..., 8)}), is_unanswered({"shape": (26, 18, 8)})
        (True, False)
    """
    if isinstance(answer, np.ndarray):
        return answer.dtype == object and is_unanswered(answer.tolist())
    if isinstance(answer, dict):
        return any(is_unanswered(value) for value in answer.values())
    if isinstance(answer, (list, tuple)):
        return any(is_unanswered(value) for value in answer)
    return answer is ...


def are_counts(answer, names, smallest=0):
    """Return whether an answer is a dictionary with a whole number of at least `smallest` for each of these names."""
    is_complete = isinstance(answer, dict) and set(answer) == set(names)
    return is_complete and all(is_whole_number(count, smallest) for count in answer.values())


def as_numbers(answer, shape):
    """Return an answer as floats in nested lists of this shape, or None if it is something else.

    Example:
        >>> as_numbers([[1, 2]], (1, 2)), as_numbers([1, True], (2,)), as_numbers([1, [2]], (2,))
        ([[1.0, 2.0]], None, None)
    """
    try:
        array = np.array(answer, dtype=object)
    except ValueError:
        return None
    if array.shape != shape or not all(isinstance(n, Real) and not isinstance(n, bool) for n in array.flat):
        return None
    return array.astype(float).tolist() if np.isfinite(array.astype(float)).all() else None
