"""Files that are never left half-written."""

import json
import os
from pathlib import Path


def write_atomically(content, path):
    """Write JSON to a file beside the final one, then put it in its place in one step.

    Args:
        content: what json can write; NaN and infinity are refused.
        path: the final file.

    Returns:
        The path.

    Raises:
        ValueError: if content holds NaN or infinity.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
