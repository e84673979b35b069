"""The error of this package: photos that cannot be had or kept."""


class PhotosError(OSError):
    """Photos could not be had or kept; the message is one sentence that says what to do next."""


def in_words(error):
    """Return an exception's message without line breaks, or the name of its type where it has none.

    Example:
        >>> in_words(OSError("no\\n  luck")), in_words(KeyError())
        ('no luck', 'KeyError')
    """
    return " ".join(str(error).split()) or type(error).__name__
