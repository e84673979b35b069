"""Answers of a model, one for each test picture, packed into a few characters."""

import base64

import numpy as np


def pack_answers(right):
    """Pack answers for a result's file, eight into a byte.

    Args:
        right: bool array (n,): for each test picture, whether the model was right.

    Returns:
        {"count": n, "bits": the bits in base64}.

    Example:
        >>> pack_answers(np.array([True, False, True]))
        {'count': 3, 'bits': 'oA=='}
    """
    return {"count": len(right), "bits": base64.b64encode(np.packbits(right)).decode("ascii")}


def unpack_answers(packed):
    """Unpack what `pack_answers` returns into a bool array (n,).

    Raises:
        ValueError: if there are not as many bits as the count says.

    Example:
        >>> unpack_answers({"count": 3, "bits": "oA=="}).tolist()
        [True, False, True]
    """
    count, bits = packed["count"], np.frombuffer(base64.b64decode(packed["bits"], validate=True), np.uint8)
    if len(bits) != -(-count // 8):
        raise ValueError(f"{8 * len(bits)} bits do not hold {count} answers")
    return np.unpackbits(bits, count=count).astype(bool)
