"""What the book and its widgets look at of `google.colab`, for the replica of Colab's environment.

The package is there and loaded before a notebook's first cell, and it can put a widget manager into the page that knows
widgets from elsewhere. Everything else of Colab's own package is left out, so that a chapter that used it would fail.
"""

from . import output

__all__ = ["output"]
