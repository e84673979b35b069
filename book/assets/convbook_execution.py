"""Which chapters a build executes: those whose code has changed, or what they read of the library when they last ran.

While a chapter runs, its kernel notes the modules of lib/ that it imports, the files that it opens and the folders that
it lists (convbook_watch.py). Their hashes are kept with its outputs. So an edit of prose executes nothing, a changed
figure executes the chapters that show it, and a stale page is impossible. Other requirements, another Python and
another run have a cache of their own.

As many chapters run at a time as the processor's cores and the memory allow; CONVBOOK_JOBS sets another number. What
libraries write past Python, such as TensorFlow's log, is shown for a chapter that fails and for no other.
"""

import hashlib
import os
import platform
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.cache.main import JupyterCacheBase
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from sphinx.errors import ExtensionError
from sphinx.util import logging

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "lib"
KERNEL = "python3"  # of the environment that builds, whatever name a chapter was saved with
CHAPTER_BYTES = 3_000_000_000  # of memory that a chapter may need
LOGGER = logging.getLogger(__name__)

# The kernels run with these also where `jupyter-book build .` is called by hand, and not through the Makefile.
os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
os.environ.setdefault("PYTHONWARNINGS", "ignore::DeprecationWarning")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def cache_key():
    """Hash of what decides what any chapter prints: the requirements, the run, and Python.

    >>> len(cache_key())
    16
    """
    files = [(ROOT / name).read_text(encoding="utf-8") for name in ("requirements.txt", "pyproject.toml")]
    return _hash("\0".join([*files, os.environ.get("CONVBOOK_RUN", "quick"), platform.python_version()]).encode())


def use_keyed_cache(app, config):
    config.nb_execution_cache_path = str(Path(app.outdir).parent / ".jupyter_cache" / cache_key())
    # The cache would also restore the cells' old metadata, such as alternative texts: the chapter's own are kept.
    JupyterCacheBase.merge_match_into_notebook.__defaults__ = (("kernelspec", "language_info"), ())


def execute_no_chapter_for_links(app):
    """A check of links needs no outputs."""
    if app.builder.name == "linkcheck":
        app.config.nb_execution_mode = "off"


def read_chapters(app):
    """Return the notebooks that _toc.yml names, {path: notebook}, each with the kernel in which it is executed here.

    Raises:
        ExtensionError: if one cannot be read.
    """
    chapters = {}
    for path in (Path(app.srcdir, f"{name}.ipynb") for name in app.config.external_site_map):
        if path.is_file():
            try:
                chapters[path] = nbformat.read(path, nbformat.NO_CONVERT)
                chapters[path].cells  # noqa: B018 (older formats have none)
            except (ValueError, AttributeError, nbformat.ValidationError):
                name = path.relative_to(app.srcdir)
                remedy = f"fetch it back with `git checkout {name}`, or take it out of _toc.yml"
                raise ExtensionError(f"{name} is no notebook that can be read: {remedy}.") from None
            if "name" in chapters[path].metadata.get("kernelspec", {}):
                chapters[path].metadata.kernelspec.name = KERNEL
    return chapters


def jobs():
    """Chapters to execute at a time: $CONVBOOK_JOBS, else one for each core, as far as the memory lasts."""
    if asked := os.environ.get("CONVBOOK_JOBS"):
        return int(asked)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(os.cpu_count(), memory // CHAPTER_BYTES))


def execute_what_has_changed(app):
    """Fill the cache. A chapter that fails is left to the renderer, which reports it."""
    app.printed = {}  # {page: when its outputs were made}
    if app.config.nb_execution_mode != "cache":
        return
    cache, waiting = get_cache(app.config.nb_execution_cache_path), {}
    chapters = read_chapters(app)
    names = {path: path.relative_to(app.srcdir).with_suffix("").as_posix() for path in chapters}
    for path, chapter in chapters.items():
        try:
            record = cache.match_cache_notebook(chapter)
        except KeyError:
            waiting[path] = chapter
        else:
            read = record.data.get("read")  # which the renderer does not note of a chapter that it executed
            if read is None or any(hash_of(LIBRARY / name) != before for name, before in read.items()):
                cache.remove_cache(record.pk)
                waiting[path] = chapter
            else:
                app.printed[names[path]] = record.created.isoformat()
    timeout = app.config.nb_execution_timeout
    with ThreadPoolExecutor(jobs()) as pool:
        for path, done in zip(waiting, pool.map(lambda each: execute(each, timeout), waiting.values()), strict=True):
            name = names[path]
            if "error" in done:
                LOGGER.info("%s failed after %.0f s\n%s", name, done["execution_seconds"], done["error"])
                continue
            LOGGER.info("%s executed in %.0f s", name, done["execution_seconds"])
            bundle = CacheBundleIn(waiting[path], str(path), data=done)
            record = cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
            app.printed[name] = record.created.isoformat()


def execute(chapter, timeout_s):
    """Run a chapter's cells in place, in an empty folder.

    Returns:
        Dictionary with "execution_seconds" and "read", {file or folder of the library: its hash}; or with "error", what
        the kernel's process wrote, if a cell failed.
    """
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as desk:
        notes, log = Path(desk, "notes"), Path(desk, "log")
        path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
        variables = {"PYTHONPATH": path, "CONVBOOK_WATCHED": str(LIBRARY), "CONVBOOK_NOTES": str(notes)}
        client = NotebookClient(chapter, timeout=timeout_s, resources={"metadata": {"path": folder}})
        client.record_timing = False  # timings would become metadata of the cells, by which the cache knows a chapter
        client.extra_arguments = ["--InteractiveShellApp.extra_extensions=convbook_watch"]
        with log.open("wb") as stderr:
            try:
                client.execute(env={**os.environ, **variables}, stderr=stderr)
                error = None
            except (CellExecutionError, CellTimeoutError, DeadKernelError):
                error = log.read_text(encoding="utf-8", errors="replace")
        seconds = time.perf_counter() - start
        if error is not None:
            return {"execution_seconds": seconds, "error": error}
        names = notes.read_text(encoding="utf-8").splitlines()
        return {"execution_seconds": seconds, "read": {name: hash_of(LIBRARY / name) for name in names}}


def hash_of(path):
    """Hash of a file's bytes or of the names in a folder; None where there is neither.

    Weights are read past Python, so a file beside weights stands for its whole folder.
    """
    if path.is_dir():
        content = "\n".join(sorted(each.name for each in path.iterdir() if each.name != "__pycache__")).encode()
    elif path.is_file():
        files = sorted(path.parent.iterdir()) if any(path.parent.glob("*.h5")) else [path]
        content = b"\0".join(file.read_bytes() for file in files if file.is_file())
    else:
        return None
    return _hash(content)


def _hash(content):
    return hashlib.sha256(content).hexdigest()[:16]


def read_again(app, env, added, changed, removed):
    """Name the pages that were last read with other outputs: they have changed, also where their text has not.

    What they are read with now is kept when all have been read, so a build that was stopped before reads them again.
    """
    before, env.printed = getattr(env, "printed", {}), app.printed
    return [name for name, made in app.printed.items() if name in env.found_docs and before.get(name) != made]


def setup(app):
    app.connect("config-inited", use_keyed_cache)
    app.connect("builder-inited", execute_no_chapter_for_links, priority=100)
    app.connect("builder-inited", execute_what_has_changed, priority=900)
    app.connect("env-get-outdated", read_again)
