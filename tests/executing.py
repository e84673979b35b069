"""Chapters executed outside of the book's build: in a kernel and an environment of their own, with a report."""

import copy
import json
import os
import re
import resource
import tempfile
import time
from pathlib import Path

from chapters import BOOK, ROOT, numbered, read_chapter, toc_pages
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

SETTINGS = re.compile(
    r"CONVBOOK_|PYTHON|JUPYTER_|IPYTHON|VIRTUAL_ENV|KERAS_|KAGGLE|TF_|XLA_|CUDA_|MPL|MAKE|MFLAGS|XDG_|GIT_|COLAB_"
)
SECONDS_FOR_A_CELL = 300


def chapter_names():
    """The notebooks of the book in its order."""
    return [Path(name).name for name in toc_pages() if (ROOT / f"{name}.ipynb").is_file()]


def load(name):
    """A copy of a notebook of the book, which may be executed."""
    return copy.deepcopy(read_chapter(BOOK / f"{name}.ipynb"))


def plain_environment(home, **more):
    """The environment of a machine that nobody has set up: no settings of the book, of Python, Jupyter or Keras."""
    kept = {name: value for name, value in os.environ.items() if not SETTINGS.match(name)}
    return {**kept, "HOME": str(home), "CUDA_VISIBLE_DEVICES": "", **more}


def add_kernel(folder, name, command):
    """Write a kernelspec into a folder, and let this process find kernels there.

    `command` starts the kernel; the name of the file with its connection is appended after "-f".
    """
    file = folder / "kernels" / name / "kernel.json"
    file.parent.mkdir(parents=True)
    argv = [*map(str, command), "-f", "{connection_file}"]
    file.write_text(json.dumps({"argv": argv, "display_name": name, "language": "python"}), encoding="utf-8")
    os.environ["JUPYTER_PATH"] = str(folder)


def execute(notebook, kernel, environment, log):
    """Run a notebook in an empty folder.

    Args:
        notebook: is given its outputs.
        kernel: name of a kernelspec.
        environment: the kernel's environment variables.
        log: file to which goes what the kernel itself says, such as TensorFlow's notes.

    Returns:
        Seconds, and what failed or "".
    """
    with tempfile.TemporaryDirectory() as empty, log.open("a") as said:
        resources = {"metadata": {"path": empty}}
        client = NotebookClient(notebook, kernel_name=kernel, timeout=SECONDS_FOR_A_CELL, resources=resources)
        start, failure = time.monotonic(), ""
        try:
            client.execute(env=environment, stdout=said, stderr=said)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            failure = first_error(notebook) or str(error).strip()
        seconds = time.monotonic() - start
        left = sorted(os.listdir(empty))
    return seconds, failure or (f"left {', '.join(left)} behind" if left else "")


def first_error(notebook):
    """The first error among a notebook's outputs, with its cell and line; '' if there is none."""
    for number, cell in numbered(notebook, "code"):
        for output in cell.outputs:
            if output.output_type == "error":
                trace = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(output.traceback))
                lines = re.findall(r"^-+> *\d+ +(.*)", trace, flags=re.M)
                return f"cell {number}: {output.ename}: {output.evalue}" + (f" at: {lines[0]}" if lines else "")
    return ""


def processor_seconds():
    """What the kernels that have ended so far took of the processor; on a busy machine it says more than the clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Report:
    """Prints each finding as it comes, and keeps those that are bad."""

    def __init__(self):
        self.failures = []

    def tell(self, what, problems=()):
        finding = "\n        ".join([f"{'FAILED' if problems else 'ok':<7} {what}", *problems])
        print(finding, flush=True)
        self.failures += [finding] if problems else []

    def time(self, what, seconds, limit_s):
        over = [f"more than {limit_s} s; was the machine busy with something else?"] if seconds > limit_s else []
        self.tell(f"{what}: {seconds:.0f} s (limit {limit_s} s)", over)
