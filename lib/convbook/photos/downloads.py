"""Download one large file over an unreliable network: resumed where that is safe, complete or not there."""

import contextlib
import errno
import json
import os
import shutil
import time
from urllib.parse import urlsplit

import requests
from tqdm import tqdm

from convbook.network import TIMEOUTS
from convbook.photos.errors import PhotosError, in_words

ATTEMPTS = 3
PAUSE_SECONDS = 2
PIECE = 1 << 16  # bytes; of a piece that is cut short nothing is kept
TEMPORARY = {408, 425, 429, 500, 502, 503, 504}
INTERRUPTIONS = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


class _Stale(Exception):
    """The server cannot continue the partial file."""


def download(url, path, check, report, progress=True, timeouts=TIMEOUTS, pause_seconds=PAUSE_SECONDS):
    """Download a file, unless it is there already, with retries and a progress bar on standard error.

    The data go to `NAME.partial` first. A later call continues there if the server still has the same file.

    Args:
        url, path: where the file is, and the Path to put it, in a folder that exists.
        check: function of a Path that raises an OSError or ValueError unless the file there is the one that was wanted.
        report: function that is given one sentence before each new attempt.
        timeouts: seconds to wait for a connection, and for the next piece of data.
        pause_seconds: seconds before the second attempt; twice as long before the third.

    Raises:
        PhotosError: if the file cannot be downloaded; the message says what to do.
    """
    partial = path.with_name(f"{path.name}.partial")
    if not path.exists():
        _fetch_with_retries(url, partial, report, progress, timeouts, pause_seconds)
        _check_content(url, partial, check)
        os.replace(partial, path)
        _forget(partial)
        return
    try:
        check(path)
    except (OSError, ValueError) as error:
        raise PhotosError(
            f"{in_words(error).rstrip('.')}; delete {path}, and call again to download it anew."
        ) from error


def _check_content(url, partial, check):
    """Delete a file that is not the one that was wanted."""
    try:
        with open(partial, "rb") as file:
            is_page = file.read(512).lstrip().startswith(b"<")
        if not is_page:
            return check(partial)
    except (OSError, ValueError) as error:
        _forget(partial)
        raise PhotosError(
            f"{url} did not give the photos but something else, which was deleted: call again, and if that does not "
            f"help, get them elsewhere."
        ) from error
    _forget(partial)
    raise PhotosError(_web_page(url))


def _web_page(url):
    return (
        f"{url} gives a web page instead of the file: the link has expired, or this network wants you to sign in first."
    )


def _fetch_with_retries(url, partial, report, progress, timeouts, pause_seconds):
    """Fetch what is missing; give up after several attempts in a row without any progress."""
    host, fruitless = urlsplit(url).hostname, 0
    while True:
        before = _size(partial)
        try:
            return _fetch(url, partial, progress, timeouts)
        except _Stale:
            _forget(partial)
            report(f"{host} cannot resume the file; downloading it from the start.")
        except INTERRUPTIONS as error:
            fruitless = 0 if _size(partial) > before else fruitless + 1
            if fruitless == ATTEMPTS:
                raise PhotosError(f"{_unreachable(host, error, timeouts)}{_kept(partial)}") from error
            report(f"The download from {host} broke off; going on in {pause_seconds * max(fruitless, 1)} seconds.")
            time.sleep(pause_seconds * max(fruitless, 1))
        except requests.exceptions.RequestException as error:
            raise PhotosError(f"{url} cannot be had ({in_words(error)}): check the network's settings.") from error


def _fetch(url, partial, progress, timeouts):
    """Fetch what is missing of a file."""
    begun = _read_note(partial)
    done = _size(partial) if begun.get("length") else 0
    if done and done == begun["length"]:
        return
    headers = {"Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
        if begun["etag"]:
            headers["If-Range"] = begun["etag"]
    with requests.get(url, headers=headers, stream=True, timeout=timeouts) as response:
        start = _start(response, done, begun)
        length = int(response.headers["Content-Length"]) + start if "Content-Length" in response.headers else None
        if not start:
            _write_note(partial, length, response.headers.get("ETag", ""))
        _check_disk_space(partial, (length or 0) - start)
        _save(response, partial, start, length, progress)
    if length is not None and _size(partial) < length:
        raise requests.exceptions.ConnectionError("fewer bytes than announced")


def _start(response, done, begun):
    """Return the byte that a response starts with; raise an error for a response without the wanted file."""
    status = response.status_code
    if status in TEMPORARY:
        raise requests.exceptions.ConnectionError(f"status {status}")
    if done and status == 416:
        raise _Stale
    if status not in ((200, 206) if done else (200,)):
        raise PhotosError(f"{response.url} answers {status} {response.reason}: the link may have expired.")
    if "html" in response.headers.get("Content-Type", ""):
        raise PhotosError(_web_page(response.url))
    if status == 200:
        return 0
    if response.headers.get("Content-Range") != f"bytes {done}-{begun['length'] - 1}/{begun['length']}":
        raise _Stale
    return done


def _save(response, partial, start, length, progress):
    bar = tqdm(
        None, "Downloading", length, initial=start, unit="B", unit_scale=True, unit_divisor=1024, disable=not progress
    )
    with bar, open(partial, "ab" if start else "wb") as file:
        for piece in response.iter_content(PIECE):
            file.write(piece)
            bar.update(len(piece))


def _check_disk_space(partial, needed_bytes):
    if needed_bytes > shutil.disk_usage(partial.parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _unreachable(host, error, timeouts):
    if isinstance(error, requests.exceptions.Timeout) or "timed out" in str(error):
        seconds = timeouts[0 if isinstance(error, requests.exceptions.ConnectTimeout) else 1]
        return f"{host} does not answer within {seconds:g} seconds: check the network and call again"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"{host} cannot be reached through the proxy: check HTTPS_PROXY and call again"
    return f"{host} cannot be reached or breaks off: connect to the network and call again"


def _kept(partial):
    return f"; the {_size(partial) / 1e6:.0f} MB that came are kept and need not come again." if _size(partial) else "."


def _size(path):
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _note(partial):
    return partial.with_name(f"{partial.name}.json")


def _write_note(partial, length, etag):
    """Remember which file the partial one is the beginning of. A weak ETag says nothing about bytes."""
    partial.unlink(missing_ok=True)
    _note(partial).write_text(json.dumps({"length": length, "etag": "" if etag.startswith("W/") else etag}))


def _read_note(partial):
    try:
        note = json.loads(_note(partial).read_text())
        return {"length": note["length"], "etag": note["etag"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _forget(partial):
    for path in (partial, _note(partial)):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
