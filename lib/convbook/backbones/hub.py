"""Presets on the hub: their names, and a download that ends in a folder or in one sentence."""

import textwrap
from pathlib import Path

import kagglehub
import keras_hub
import requests

from convbook.network import TIMEOUTS, kaggle_timeouts

SCHEME = "kaggle://"


def handle_of(name):
    """Return Kaggle's handle of a preset on the hub, or None if the name is not one of the hub's."""
    if name.startswith(SCHEME):
        handle = name.removeprefix(SCHEME)
    else:
        handle = keras_hub.layers.ImageConverter.presets.get(name, {}).get("kaggle_handle", "").removeprefix(SCHEME)
    return handle if len([part for part in handle.split("/") if part]) in (4, 5) else None


def names():
    """Return the names of the hub's image classifiers that the installed keras-hub knows, sorted."""
    return sorted(keras_hub.models.ImageClassifier.presets)


def download(handle, name):
    """Return the folder in kagglehub's cache that holds a preset; download it unless it is there."""
    # kagglehub raises errors of requests, its own and plain Exceptions; the response says what went wrong.
    try:
        with kaggle_timeouts(TIMEOUTS):
            return Path(kagglehub.model_download(handle))
    except Exception as error:
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder=" …").rstrip(".")
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status == requests.codes.not_found:
            raise ValueError(
                f"The hub has no preset {name!r} (Kaggle says 404 for {handle}): check the name on "
                f"https://www.kaggle.com/models, or use 'drawn_world', which needs no network."
            ) from error
        if status in (requests.codes.unauthorized, requests.codes.forbidden):
            remedy = (
                f"accept the model's terms at https://www.kaggle.com/models/{handle}, check KAGGLE_API_TOKEN (or unset "
                f"it: most presets need no account)"
            )
        elif status is None and isinstance(error, requests.RequestException):
            remedy = "connect to the network and try again"
        else:
            remedy = "try again later, with enough space on the disk"
        raise OSError(
            f"The preset {name!r} could not be downloaded from the hub ({reason}): {remedy}, or use a local folder or "
            f"'drawn_world', which need no network."
        ) from error
