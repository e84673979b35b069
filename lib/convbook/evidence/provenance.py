"""Where a result comes from: the code that measured it, the files that this code opened, and the commit."""

import ast
import functools
import hashlib
import importlib.util
import json
import subprocess
from importlib import resources
from pathlib import Path

# What of an Experiment decides a seed's numbers. Its effects judge them and its sentences tell of them.
DECIDING = ("measure", "settings", "data")
METADATA = "metadata.json"  # holds the date on which a preset was saved, and nothing that a network computes with


def experiment_hash(experiment, kind):
    """Hash all that decides an experiment's numbers: code, settings, and the bytes of the files that it opens.

    Inside are the experiment's `measure`, its settings, those for this kind of data, and every definition in this
    package that these use: names are followed through functions, classes, constants and imports. Where that code names
    a preset or another entry of the package's folder `presets`, as the string "drawn_world" does, its bytes are inside.

    Outside is what changes no number of a seed: comments, docstrings, layout, messages of errors, the module that a
    definition stands in, and all else of the experiment. Its sentences are prose; its effects with their margins and
    directions judge the numbers, and are computed from them again whenever a result is read.

    Args:
        experiment: "module:NAME" of an `Experiment` in this package.
        kind: kind of data, a key of the experiment's `data`.

    Returns:
        16 hexadecimal digits, the same under every version of Python that the package supports.

    Raises:
        ValueError: if there is no such module or name.

    Example:
        >>> len(experiment_hash("convbook.experiments.understanding:DENSE_GLOBAL", "digits"))
        16
    """
    followed = _follow(experiment, kind)
    # Without the modules' names: a function that moves to another module computes what it did before.
    lines = sorted(f"{name.rpartition('.')[2]} {_text(node)}" for name, (_, node) in followed.items())
    return _short_hash("\n".join([*lines, *(_hash_files(entry) for entry in _entries(followed))]).encode())


def code_files(experiment, kind):
    """List the files whose code `experiment_hash` covers, as a sorted list of strings."""
    return sorted({str(module.file) for module, _ in _follow(experiment, kind).values()})


def data_files(experiment, kind):
    """List the files of this package whose bytes `experiment_hash` covers, as strings."""
    return [str(file) for entry in _entries(_follow(experiment, kind)) for file in _files_of(entry)]


def is_packaged(name):
    """Tell whether a pretrained base comes with this package, so that `experiment_hash` holds its bytes."""
    return name in {entry.name for entry in _root().joinpath("presets").glob("*")}


def hash_base(folder):
    """Hash what a pretrained base computes with, its settings and its weights, in a folder in KerasHub's format.

    Not the bytes of the files: Keras writes names into them that count what the process built before.

    Raises:
        OSError: if a file of weights is broken.
        ValueError: if a file of settings is broken.
    """
    import h5py  # here, since readers of results need none

    parts = []
    for file in _files_of(Path(folder)):
        parts.append(file.name)
        if file.suffix == ".h5":
            with h5py.File(file) as weights:
                weights.visititems(lambda name, item: parts.extend(_describe_array(name, item)))
        elif file.suffix == ".json":
            text = file.read_text(encoding="utf-8")
            parts.append(str(json.loads(text, object_hook=lambda read: {k: read[k] for k in read if k != "name"})))
    return _short_hash("\n".join(parts).encode())


def _describe_array(name, item):
    return [f"{name} {item.dtype} {item.shape} {_short_hash(item[()].tobytes())}"] if hasattr(item, "dtype") else []


def _hash_files(path):
    """Hash the names and bytes of a file of the package, or of all files of a preset but its metadata.json."""
    digests = [f"{file.name} {_short_hash(file.read_bytes())}" for file in _files_of(path)]
    return _short_hash("\n".join(digests).encode())


def _short_hash(content):
    return hashlib.sha256(content).hexdigest()[:16]


def _files_of(path):
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and file.name != METADATA)


def _entries(followed):
    """Entries of the folder `presets` that the followed code names in a string."""
    texts = [_text(node) for _, node in followed.values()]
    entries = sorted(_root().joinpath("presets").glob("*"))
    return [entry for entry in entries if any(f"Constant(value={entry.name!r})" in text for text in texts)]


def commit(files):
    """Name the commit that files of this package are at.

    It is what `git describe` says, with "-dirty" if one of the files differs from it; "unknown" where the files are not
    under version control or there is no git.
    """
    folder = Path(files[0]).parent

    def git(*arguments):
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "--", *files)
        changed = git("status", "--porcelain", "--", *files)
        return git("describe", "--always", "--tags", "--abbrev=12") + ("-dirty" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


class _Module:
    """The definitions and imports at the top level of one module of this package, read without running it."""

    def __init__(self, name, file, source):
        self.name, self.file = name, file
        self.tree = ast.parse(source)
        self.imports = self.imported(self.tree.body)
        self.definitions = {}
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.definitions[node.name] = node
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in (name for each in targets for name in ast.walk(each) if isinstance(name, ast.Name)):
                    self.definitions[target.id] = node

    def imported(self, nodes):
        """What names of this package the import statements among nodes bind: {"photos": "convbook.photos", …}."""
        package = self.name if self.file.name == "__init__.py" else self.name.rpartition(".")[0]
        found = {}
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found[alias.asname or alias.name.split(".")[0]] = alias.name if alias.asname else "convbook"
            elif isinstance(node, ast.ImportFrom):
                base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
                found |= {alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names}
        return {name: target for name, target in found.items() if _belongs(target)}

    def references(self, node):
        """Dotted names of this package that a piece of this module's code uses."""
        imports = self.imports | self.imported(ast.walk(node))
        found, waiting = set(), [node]
        while waiting:
            part = waiting.pop()
            root, attributes = part, []
            while isinstance(root, ast.Attribute):
                attributes.insert(0, root.attr)
                root = root.value
            if isinstance(root, ast.Name) and root.id in imports:
                found.add(".".join([imports[root.id], *attributes]))
            elif isinstance(root, ast.Name) and root.id in self.definitions:
                found.add(f"{self.name}.{root.id}")
            else:
                waiting += ast.iter_child_nodes(_without_message(part))
        return found


def _module(name):
    """A module as its file is now; parsed once, however many results ask for it."""
    file = _file(name)
    return _parsed(name, file, file.read_text(encoding="utf-8"))


_parsed = functools.lru_cache(maxsize=512)(_Module)


@functools.lru_cache(maxsize=8192)
def _references(module, node):
    return module.references(node)


@functools.lru_cache(maxsize=8192)
def _text(node):
    return _canonical(node)


def _belongs(name):
    return name == "convbook" or name.startswith("convbook.")


def _root():
    return Path(str(resources.files("convbook")))


def _file(module):
    """The source file of a module of this package, or None."""
    base = _root().joinpath(*module.split(".")[1:])
    candidates = (base.with_name(f"{base.name}.py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None) if _belongs(module) else None


def _follow(experiment, kind):
    """All definitions that an experiment uses: {"convbook.photos.load_digits": (module, node), …}."""
    home, _, name = experiment.partition(":")
    definition = _module(home).definitions.get(name) if _file(home) else None
    if not isinstance(getattr(definition, "value", None), ast.Call):
        raise ValueError(f"There is no experiment {experiment!r} in this package; 'module:NAME' of one is needed.")
    modules, followed, waiting, split = {}, {}, [f"{home}.{name}"], functools.cache(_split)
    while waiting:
        owner, names = split(waiting.pop())
        if owner == "convbook.experiments" or owner.startswith("convbook.evidence"):
            continue  # these arrange and judge what others measure: they change no number of a seed
        if owner not in modules:
            modules[owner] = _module(owner)
        module = modules[owner]
        # A module that is handed on as a whole may be used in any way, so all of it counts.
        for each in names[:1] or [*module.definitions]:
            full_name = f"{owner}.{each}"
            if each in module.imports:
                waiting.append(".".join([module.imports[each], *names[1:]]))
            elif each in module.definitions and full_name not in followed:
                node = module.definitions[each]
                if full_name == f"{home}.{name}":
                    node = _deciding_part(node, kind)
                followed[full_name] = (module, node)
                waiting += _references(module, node)
    return followed


def _split(name):
    """A dotted name as the longest module that it begins with, and the names that are left."""
    parts = name.split(".")
    length = max(n for n in range(1, len(parts) + 1) if _file(".".join(parts[:n])))
    return ".".join(parts[:length]), parts[length:]


def _deciding_part(node, kind):
    """Of an experiment's definition, what decides its numbers on one kind of data."""
    kept = []
    for keyword in sorted(node.value.keywords, key=lambda keyword: keyword.arg):
        if keyword.arg == "data" and isinstance(keyword.value, ast.Dict):
            pairs = zip(keyword.value.keys, keyword.value.values, strict=True)
            kept += [value for key, value in pairs if getattr(key, "value", kind) == kind]
        elif keyword.arg in DECIDING:
            kept.append(keyword)
    return ast.Tuple(elts=kept)


def _without_message(node):
    """For a raise statement, only what kind of error it raises: no seed that has numbers came to its message."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return ast.Raise(exc=node.exc.func, cause=None)
    return node


def _canonical(node):
    """A syntax tree as text without docstrings, independent of the version of Python (ast.dump is not)."""
    if isinstance(node, list):
        return f"[{' '.join(map(_canonical, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    node, parts = _without_message(node), []
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            value = value[1:] if ast.get_docstring(node, clean=False) is not None else value
        if name not in ("ctx", "kind", "type_comment") and not (value is None or value == []):
            parts.append(f"{name}={_canonical(value)}")
        elif isinstance(node, ast.Constant) and name == "value":
            parts.append("value=None")
    return f"{type(node).__name__}({' '.join(parts)})"
