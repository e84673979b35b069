"""An IPython extension for the kernels of a build: it notes what of a folder they read.

The folder is $CONVBOOK_WATCHED. Each file in it that Python opens, to import it or otherwise, and each folder in it
that Python lists gets a line in the file $CONVBOOK_NOTES, once, with its path in the folder.
"""

import os
import sys
from importlib.util import source_from_cache


def load_ipython_extension(shell):
    folder, noted = os.path.realpath(os.environ["CONVBOOK_WATCHED"]), set()
    notes = open(os.environ["CONVBOOK_NOTES"], "a", encoding="utf-8", buffering=1)  # noqa: SIM115 (until the kernel ends)

    def note(event, arguments):
        if event not in ("open", "os.listdir", "os.scandir") or not isinstance(arguments[0], str | os.PathLike):
            return
        path = os.path.abspath(os.fspath(arguments[0]))
        if event != "open" and os.path.exists(os.path.join(path, "__init__.py")):
            return  # an import looks for its modules: each that is found is opened
        if path.startswith(folder + os.sep) and path not in noted:
            noted.add(path)
            source = source_from_cache(path) if path.endswith(".pyc") else path
            print(os.path.relpath(source, folder), file=notes)

    sys.addaudithook(note)
