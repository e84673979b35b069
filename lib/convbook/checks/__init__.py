"""Checks that tell the reader of an exercise what is wrong with an answer, not only that it is.

One module for each chapter; each check takes the answer and returns a `Feedback`. An answer that still holds the stub's
`...` counts as unanswered.
"""

from dataclasses import dataclass


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


def right(message):
    """Feedback for a right answer: what it shows."""
    return Feedback(True, message)


def wrong(message):
    """Feedback for a wrong answer: what went wrong, and where to look."""
    return Feedback(False, message)


def unanswered(message="Replace each ... in the cell above the check by your answer."):
    """Feedback for a stub."""
    return Feedback(None, message)


def is_unanswered(answer):
    """Tell whether an answer still holds the stub's `...`, at any depth of lists, tuples and dictionaries.

    >>> is_unanswered({"shape": (26, ..., 8)}), is_unanswered({"shape": (26, 18, 8)})
    (True, False)
    """
    if isinstance(answer, dict):
        return any(is_unanswered(value) for value in answer.values())
    if isinstance(answer, (list, tuple)):
        return any(is_unanswered(value) for value in answer)
    return answer is ...
