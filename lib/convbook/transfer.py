"""Transfer learning: record the features of a backbone on disk, freeze it, unfreeze its top blocks, and show the proof.

**Blocks.** What is chosen for fine-tuning is a block, never "the last N layers": of Xception the last three layers are
one convolution, its normalization and an activation. Blocks are read off the names of the layers, see `block_names`.

**BatchNormalization.** A frozen base that is unfrozen for fine-tuning must keep its moving means and variances. In a
functional model of Keras 3, calling the base with `training=False` does not do that once the base is trainable: `fit`
moves them all the same. What does it is `trainable = False` on each BatchNormalization layer, in nested models too.
`unfreeze` sets it; `changes` proves it.

**Compile again.** What `fit` trains is settled at the first step after `compile`. A later change of `trainable` has no
effect, and gives no warning, until `compile` is called again; `trainable_table` says so where it can see it.

**Saving.** A model whose `trainable` has changed is saved and loaded with `model.save("….keras")` or
`model.save_weights("….weights.h5")` like any other: Keras 3 stores weights by layer and place, not in the order of
`model.weights`, which does change with `trainable`. So never carry weights over with `get_weights` and `set_weights`
between two models whose `trainable` differs: arrays of equal shape would change places in silence.
"""

import hashlib
import io
import itertools
import json
import numbers
import os
import re
import time
from dataclasses import dataclass
from html import escape
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from convbook import evidence

STEM = "stem"
# The longest beginning of a name that ends in a numbered block: block2_sepconv1, conv2_block1_1_conv, block1a_bn.
BLOCK = re.compile(r"(?:.*_)?(?:block|stage|stack)_?\d+[a-z]?(?=_|$)|expanded_conv(?:_\d+)?(?=_)|conv_(?:dw|pw)_\d+")

DTYPES = ("float32", "float16")
LARGEST_PX = 4096
FEATURES, LABELS, RECORD, PROGRESS = "features.npy", "labels.npy", "record.json", "progress.json"
PARTIAL = ".partial"


def block_names(backbone):
    """List the blocks of a backbone, from the input to the output.

    A block is all layers whose names begin alike, up to and with the last numbered "block", "stack" or "stage":
    `block2_sepconv1` belongs to `block2`, `conv5_block3_2_bn` to `conv5_block3`, `block_16_project` to `block_16`. (The
    blocks of the MobileNets of keras.applications are called `expanded_conv_3` and, in the first, `conv_dw_3` with
    `conv_pw_3`, which is one block, `conv_3`.) A layer whose own name shows no block, but that stands in a nested model
    whose name does, belongs to that one.

    Layers with weights before the first block are the block "stem". Any other layer whose name shows no block belongs
    to the block before it: the unnamed convolution of a residual branch to the block around it, a closing convolution
    such as MobileNetV2's `Conv_1` to the last block.

    Args:
        backbone: a keras.Model from pictures to features (n, height, width, channels), such as `backbones.load` gives;
            models in it are walked through.

    Returns:
        List of strings.

    Raises:
        ValueError: if no layer's name shows a block (name the layers in blocks, or choose layers by hand), or if the
            model ends in a classifier (give the base without it).

    Example:
        >>> from convbook import backbones
        >>> backbone, converter = backbones.load("drawn_world")
        >>> block_names(backbone)
        ['block1', 'block2', 'block3', 'block4']
    """
    return list(_blocks(_model(backbone)))


def freeze(backbone):
    """Freeze every weight of a backbone, in nested models too.

    BatchNormalization layers then use their moving means and variances in training as well, and leave them as they are.
    Compile the model again afterwards.

    Args:
        backbone: a keras.Model or any keras layer.

    Returns:
        The number of arrays of weights that are frozen now: all.

    Example:
        >>> model = keras.Sequential([keras.Input((8, 6, 3)), keras.layers.Conv2D(4, 3)])
        >>> freeze(model), len(model.trainable_weights)
        (2, 0)
    """
    _layer(backbone).trainable = False
    return len(backbone.weights)


def unfreeze(backbone, blocks=None, *, batch_norm=False):
    """Make all blocks of a backbone trainable, or some, and freeze the rest of it.

    BatchNormalization layers stay frozen, in nested models too: neither their scale and shift are trained, nor do their
    moving means and variances change. What was trainable before does not matter. Compile the model again afterwards.

    Args:
        backbone: a keras.Model from pictures to features, see `block_names`.
        blocks: None for all; an int n for the top n blocks, which are those nearest the output; or names of blocks.
        batch_norm: whether to unfreeze BatchNormalization as well, as fine-tuning on few pictures must not do.

    Returns:
        List of the names of the blocks that are trainable now, from the input to the output; empty if all layers are
        and their names show no blocks.

    Raises:
        ValueError: if there are no such blocks (the message lists those there are), or the weights are float16 (load
            the backbone with dtype="float32").

    Example:
        >>> from convbook import backbones
        >>> backbone, converter = backbones.load("drawn_world")
        >>> unfreeze(backbone, 2)
        ['block3', 'block4']
        >>> sorted({weight.path.split("/")[0] for weight in backbone.trainable_weights})
        ['block3_residual_conv', 'block3_sepconv1', 'block3_sepconv2', 'block4_sepconv1', 'block4_sepconv2']
    """
    _refuse_float16_weights(_model(backbone))
    if blocks is None:
        found = _find_blocks(backbone)
        chosen = list(found)
        frozen = []
    else:
        found = _blocks(backbone)
        chosen = _choose(blocks, list(found), backbone.name)
        frozen = [layer for name, layers in found.items() if name not in chosen for layer in layers]
    backbone.trainable = True  # reaches every layer in it, so it comes first
    for layer in frozen:
        layer.trainable = False
    if not batch_norm:
        freeze_batch_norm(backbone)
    return chosen


def freeze_batch_norm(model):
    """Freeze each layer of a model that keeps moving statistics, in nested models and layers too.

    These are BatchNormalization, its subclasses, and other layers with weights called `moving_…` that heed `trainable`.
    Frozen, they use their moving means and variances in training as well, and leave them as they are. Compile the model
    again afterwards.

    Args:
        model: a keras.Model or any keras layer.

    Returns:
        The number of layers frozen; 0 for a model without such layers.

    Example:
        >>> model = keras.Sequential([keras.Input((8, 6, 3)), keras.layers.BatchNormalization()])
        >>> freeze_batch_norm(model), len(model.trainable_weights)
        (1, 0)
    """
    layers = [layer for layer in _all_layers(_layer(model)) if _keeps_moving_statistics(layer)]
    for layer in layers:
        layer.trainable = False
    return len(layers)


def snapshot(model):
    """Copy all weights of a model, moving means and variances among them.

    Args:
        model: a keras.Model or any keras layer.

    Returns:
        Dict from the path of a weight, such as "block1_conv1/kernel", to an array, a copy. Where two layers in nested
        models have the same path, " (2)" stands behind the second.

    Example:
        >>> inputs = keras.Input((3,))
        >>> model = keras.Model(inputs, keras.layers.Dense(2, name="classifier")(inputs))
        >>> {path: array.shape for path, array in snapshot(model).items()}
        {'classifier/kernel': (3, 2), 'classifier/bias': (2,)}
    """
    return {path: np.array(keras.ops.convert_to_numpy(weight)) for path, weight in _weights_by_path(model).items()}


def changes(model, before):
    """Tell how far each weight of a model has moved since a snapshot.

    Args:
        model: the keras.Model or layer that the snapshot was taken of.
        before: what `snapshot(model)` gave.

    Returns:
        Dict from the path of each weight to the largest absolute change of its numbers, a float; 0.0 means that every
        bit is the same. Paths come from the input to the output.

    Raises:
        ValueError: if the snapshot was taken of another model; take one of this model.

    Example:
        >>> inputs = keras.Input((3,))
        >>> model = keras.Model(inputs, keras.layers.Dense(2, name="classifier")(inputs))
        >>> before = snapshot(model)
        >>> _ = model.get_layer("classifier").bias.assign([0.5, -2.0])
        >>> changes(model, before)
        {'classifier/kernel': 0.0, 'classifier/bias': 2.0}
    """
    now = snapshot(model)
    different = sorted(set(now) ^ set(before)) or [path for path in now if now[path].shape != before[path].shape]
    if different:
        raise ValueError(
            f"The snapshot does not fit {model.name}: {len(different)} weights differ, such as {different[0]}; take "
            f"it of the same model, with before = snapshot(model)."
        )
    return {path: float(np.abs(np.subtract(now[path], before[path], dtype="float64")).max(initial=0)) for path in now}


@dataclass(frozen=True)
class TrainableTable:
    """What of a model is trainable, part by part; notebooks show it as an HTML table.

    Attributes:
        caption: what the table shows.
        rows: tuples of a part's name, its number of weights, how many of them are trainable (ints), and what its moving
            statistics do in training: "none", "still", or "move"; the last row is the whole model.
        notes: sentences that belong below the table, such as a warning that the model has to be compiled again.
    """

    COLUMNS = ("part", "weights", "trainable", "moving statistics")

    caption: str
    rows: tuple
    notes: tuple

    def __repr__(self):
        cells = [self.COLUMNS, *self._cells()]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.COLUMNS))]
        lines = [
            f"{part:<{widths[0]}}  {weights:>{widths[1]}}  {trainable:>{widths[2]}}  {statistics}"
            for part, weights, trainable, statistics in cells
        ]
        return "\n".join([self.caption, *lines, *self.notes])

    def _repr_html_(self):
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.COLUMNS)
        body = "".join(
            f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
            for row in self._cells()
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return (
            f'<div class="trainable"><table><caption>{escape(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}</div>"
        )

    def _cells(self):
        return [(part, f"{weights:,}", f"{trainable:,}", moving) for part, weights, trainable, moving in self.rows]


def trainable_table(model):
    """Show what of a model is trainable, block by block where the names of its layers show blocks.

    The model is compared with its optimizer: once it has trained a step, the optimizer knows which weights it trains,
    and if those are others than the trainable ones, a note says to compile again. Before the first step a change of
    `trainable` still takes effect, and there is no note.

    Args:
        model: a keras.Model with weights, such as a base with a head on it.

    Returns:
        A `TrainableTable`.

    Raises:
        ValueError: if the model has no weights yet (call it on a batch, or give it a keras.Input).

    Example:
        >>> from convbook import backbones
        >>> backbone, converter = backbones.load("drawn_world")
        >>> _ = unfreeze(backbone, 1)
        >>> [row[0] for row in trainable_table(backbone).rows if row[2]]
        ['block4', 'all']
    """
    if not _model(model).weights:
        raise ValueError(f"{model.name} has no weights yet: call it on a batch of pictures, or give it a keras.Input.")
    trainable = {id(weight) for weight in model.trainable_weights}
    rows = [_row(name, layers, trainable) for name, layers in _parts(model)]
    rows = [row for row in rows if row[1]]
    rows.append(_row("all", [model], trainable))
    return TrainableTable(f"What is trainable in {model.name}", tuple(rows), tuple(_compile_notes(model)))


@dataclass(frozen=True, repr=False)
class Record:
    """Features of pictures as a backbone saw them, and the pictures' labels, on disk.

    Attributes:
        features: read-only memory map (n, height, width, channels), float32 or float16; only what is used is read.
        labels: read-only memory map (n, …), as the batches gave them.
        folder: the Path that holds it.
        backbone: name of the model that computed the features.
        seconds: how long that took, from the first batch to the last.
    """

    features: np.ndarray
    labels: np.ndarray
    folder: Path
    backbone: str
    seconds: float

    @property
    def size_bytes(self):
        """Bytes of features and labels on disk."""
        return self.features.nbytes + self.labels.nbytes

    def __repr__(self):
        return (
            f"Record of {self.backbone}: features {self.features.shape} {self.features.dtype}, labels "
            f"{self.labels.shape} {self.labels.dtype}, {self.size_bytes / 1e6:.1f} MB"
        )


def extract_features(backbone, batches, folder, *, dtype="float32", progress=True):
    """Run every picture through a backbone once, and write its features and labels into a folder, batch by batch.

    Only one batch is in memory at a time. An interrupted run goes on where it stopped when it is called again in the
    same way; batches that are done are read again, for comparison, but not computed again. Until all is done the files
    carry other names, so that half a record is never taken for a whole one. If the record is there already, the batches
    are compared with it and it is returned.

    A fingerprint of the weights, of every batch, and of the first batch's features is kept: a record of another
    backbone, other pictures, another order or other preprocessing is refused. The order is also compared at the very
    beginning, by taking the first batch twice, so that a dataset that is shuffled or augmented anew in each pass is
    found out.

    Args:
        backbone: a keras.Model from pictures to features (n, height, width, channels). To convert the pictures on the
            way, give keras.Sequential([converter, backbone]).
        batches: pairs (images, labels), arrays or tensors, in an order that stays the same: a dataset of `pipelines`
            with shuffle=False, or a list; not a generator, which gives its batches only once. Batches may have
            different lengths, but pictures of one size.
        folder: path of a folder of its own for this record, one for training, one for validation, and so on.
        dtype: "float32", or "float16", which takes half the space and keeps about three digits.
        progress: whether to show a progress bar on standard error.

    Returns:
        A `Record`; its files are features.npy, labels.npy and record.json.

    Raises:
        ValueError: if the model ends in a classifier, computes in float16, or cannot take the pictures; if a batch is
            empty, is no pair, or has pictures of another size than the first; if batches come in another order when
            taken again; if the folder holds a record of another backbone, dtype or other pictures. The message names
            the remedy.

    Example:
        >>> import tempfile
        >>> from convbook import backbones
        >>> backbone, converter = backbones.load("drawn_world")
        >>> batches = [(np.zeros((2, 32, 48, 3)), [0, 1]), (np.full((1, 32, 48, 3), 255.0), [1])]
        >>> base = keras.Sequential([converter, backbone])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     record = extract_features(base, batches, folder, progress=False)
        ...     record.features.shape, record.labels.tolist()
        ((3, 2, 3, 256), [0, 1, 1])
    """
    _check_request(backbone, batches, dtype)
    folder = Path(folder)
    first = _first_batch(batches)
    _refuse_impossible_pictures(backbone, first[0])
    identity = {
        "backbone": backbone.name,
        "weights": _fingerprint_weights(backbone),
        "dtype": dtype,
        "first_batch": _fingerprint(b"", *first),
    }
    if (folder / RECORD).is_file():
        return _compare(backbone, batches, folder, identity, progress)
    return _Recording(backbone, batches, folder, identity, first).run(progress)


def read_features(folder):
    """Open a record that `extract_features` has written.

    Args:
        folder: path of the folder.

    Returns:
        A `Record`, whose arrays are read-only memory maps.

    Raises:
        FileNotFoundError: if there is no complete record; call extract_features, which goes on where it stopped.
        ValueError: if its files are broken or do not belong together; delete the folder and extract again.

    Example:
        >>> read_features("no/such/folder")
        Traceback (most recent call last):
            ...
        FileNotFoundError: There is no record of features in no/such/folder...
    """
    folder = Path(folder)
    if not (folder / RECORD).is_file():
        half = " (one that was interrupted is)" if (folder / PROGRESS).is_file() else ""
        raise FileNotFoundError(
            f"There is no record of features in {folder}{half}: call extract_features with this folder; it goes on "
            f"where it stopped."
        )
    about = _read_json(folder / RECORD)
    arrays = {}
    for name in (FEATURES, LABELS):
        try:
            arrays[name] = np.load(folder / name, mmap_mode="r", allow_pickle=False)
            expected = about[name]
            whole = [list(arrays[name].shape), arrays[name].dtype.name] == [expected["shape"], expected["dtype"]]
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            whole = False
        if not whole:
            raise ValueError(
                f"{name} in {folder} is broken or does not belong to its {RECORD}: delete the folder and call "
                f"extract_features again."
            )
    return Record(arrays[FEATURES], arrays[LABELS], folder, about["backbone"], about["seconds"])


# --- layers and blocks -----------------------------------------------------------------------------------------------


def _layer(layer):
    if not isinstance(layer, keras.Layer):
        hint = ": backbones.load returns a pair (backbone, converter)" if isinstance(layer, tuple) else ""
        raise ValueError(f"A keras model or layer is needed, got a {type(layer).__name__}{hint}; give the backbone.")
    return layer


def _model(model):
    if not isinstance(_layer(model), keras.Model):
        raise ValueError(f"A keras.Model is needed, got the layer {model.name!r}; put it into keras.Sequential([…]).")
    return model


def _all_layers(layer):
    """The layer and every layer in it, whether in a model, a wrapper or a layer of layers."""
    return list(layer._flatten_layers(include_self=True, recursive=True))


def _units(model, around=""):
    """Pairs of each layer of a model, in order, and the block that names show; nested models are walked through."""
    for layer in model.layers:
        block = _block_in(layer.name) or around
        if isinstance(layer, keras.Model):
            yield from _units(layer, block)
        else:
            yield layer, block


def _block_in(name):
    """The block that a layer's name shows, or an empty string."""
    found = BLOCK.match(name)
    return re.sub(r"^conv_(dw|pw)_", "conv_", found.group()) if found else ""


def _find_blocks(model):
    """The layers of each block, {name: [layer, …]}, from input to output; empty if no names of layers show any."""
    units = list(_units(model))
    blocks, current = {}, STEM
    if not any(block for layer, block in units if layer.weights):
        return {}
    for layer, block in units:
        # A layer without weights, such as a concatenation at the end of a block, opens no new one.
        current = block if block and layer.weights else current
        blocks.setdefault(current, []).append(layer)
    if not any(layer.weights for layer in blocks.get(STEM, [])):
        blocks.pop(STEM, None)
    return blocks


def _blocks(model):
    """As `_find_blocks`, but a model without blocks is refused."""
    shape = getattr(model, "output_shape", None) if model.built else None
    if isinstance(shape, tuple) and len(shape) == 2:
        raise ValueError(
            f"{model.name} gives {shape}, not feature maps (n, height, width, channels): a classifier or a pooling is "
            f"still on. Give the base alone, such as {_suggest_base(model)}."
        )
    blocks = _find_blocks(model)
    if not blocks:
        names = [layer.name for layer, _ in _units(model) if layer.weights]
        listed = ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
        raise ValueError(
            f"The names of the layers of {model.name} show no blocks. Its layers with weights are: "
            f"{listed or 'none'}. Name the layers of each block alike (block1_conv1, block1_conv2, block2_conv1, …), "
            f"or choose layers yourself: call unfreeze(model), then set trainable = False on each layer that is to "
            f"stay frozen."
        )
    return blocks


def _suggest_base(model):
    inner = [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
    return f"model.get_layer({inner[0]!r})" if inner else "the same network built with include_top=False"


def _choose(blocks, names, model_name):
    """The names of the chosen blocks, in the order of the model."""
    if isinstance(blocks, numbers.Integral) and not isinstance(blocks, bool):
        if not 1 <= blocks <= len(names):
            raise ValueError(
                f"blocks={blocks} is not possible: {model_name} has {len(names)} blocks ({', '.join(names)}); give an "
                f"int from 1 to {len(names)}, or call freeze to train none."
            )
        return names[len(names) - blocks :]
    wanted = [blocks] if isinstance(blocks, str) else blocks
    if isinstance(wanted, bool) or not isinstance(wanted, (list, tuple, set, frozenset)) or not wanted:
        raise ValueError(
            f"blocks={blocks!r} is not possible: give None for all, an int for the top blocks, or a list of names from "
            f"{', '.join(names)}; call freeze to train none."
        )
    unknown = [str(name) for name in wanted if name not in names]
    if unknown:
        raise ValueError(
            f"{model_name} has no block {', '.join(map(repr, unknown))}; its blocks are {', '.join(names)}."
        )
    return [name for name in names if name in wanted]


def _own_weights(layer):
    """The weights of a layer that are not those of layers in it."""
    inner = {id(weight) for child in _all_layers(layer)[1:] for weight in child.weights}
    return [weight for weight in layer.weights if id(weight) not in inner]


def _keeps_moving_statistics(layer):
    return isinstance(layer, keras.layers.BatchNormalization) or any(
        weight.name.startswith("moving_") for weight in _own_weights(layer)
    )


def _refuse_float16_weights(model):
    if any(keras.backend.standardize_dtype(weight.dtype) == "float16" for weight in model.weights):
        raise ValueError(
            f"The weights of {model.name} are float16, which has about three digits: most steps of training are too "
            f"small to change them. Load it with dtype='float32', as backbones.load does."
        )


def _weights_by_path(model):
    found = {}
    for weight in _layer(model).weights:
        path = next(
            path
            for number in itertools.count(1)
            if (path := weight.path if number == 1 else f"{weight.path} ({number})") not in found
        )
        found[path] = weight
    return found


# --- the table -------------------------------------------------------------------------------------------------------


def _parts(model):
    """Pairs of a name and layers: the blocks of the model, or of the models in it, else its layers."""
    blocks = _find_blocks(model) if not any(isinstance(layer, keras.Model) for layer in model.layers) else {}
    if blocks:
        yield from blocks.items()
        return
    for layer in model.layers:
        if isinstance(layer, keras.Model) and _find_blocks(layer):
            yield from ((f"{layer.name}: {name}", layers) for name, layers in _parts(layer))
        else:
            yield layer.name, [layer]


def _row(name, layers, trainable):
    weights = {id(weight): weight for layer in layers for weight in layer.weights}
    keepers = [inner for layer in layers for inner in _all_layers(layer) if _keeps_moving_statistics(inner)]
    moving = "none" if not keepers else "move" if any(layer.trainable for layer in keepers) else "still"
    counts = {key: int(np.prod(weight.shape)) for key, weight in weights.items()}
    return name, sum(counts.values()), sum(count for key, count in counts.items() if key in trainable), moving


def _compile_notes(model):
    """Say that the model has to be compiled again, where its optimizer trains other weights than the trainable ones."""
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not getattr(optimizer, "built", False):
        return
    known = {id(weight) for weight in getattr(optimizer, "_trainable_variables", ())}
    if known and known != {id(weight) for weight in model.trainable_weights}:
        yield (
            "trainable was changed after this model was compiled and trained: fit goes on training the weights of "
            "before. Call compile again."
        )


# --- recording -------------------------------------------------------------------------------------------------------


class _Recording:
    """One run of `extract_features` into a folder: new, or going on from where an earlier one stopped."""

    def __init__(self, backbone, batches, folder, identity, first):
        self.backbone, self.batches, self.folder, self.identity = backbone, batches, folder, identity
        self.image_shape = first[0].shape[1:]
        self.first_features = _compute(backbone, first[0], identity["dtype"])
        self.shapes = {FEATURES: self.first_features.shape[1:], LABELS: first[1].shape[1:]}
        self.dtypes = {FEATURES: self.first_features.dtype, LABELS: first[1].dtype}
        self.headers = {name: self._header(name, 0) for name in (FEATURES, LABELS)}
        self.done = {"batches": 0, "examples": 0, "digest": "", "seconds": 0.0}

    def run(self, progress):
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / PROGRESS).is_file():
            self._take_up()
        else:
            self._begin()
        started, before = time.perf_counter(), self.done["seconds"]
        bar = tqdm(self.batches, "Extracting", total=_count(self.batches), unit=" batches", disable=not progress)
        digest, examples = "", 0
        for number, batch in enumerate(bar, start=1):
            images, labels = _pair(batch, number)
            self._refuse_other_size(images, labels, number)
            digest = _fingerprint(digest.encode(), images, labels)
            examples += len(images)
            if number <= self.done["batches"]:
                self._compare_done(number, digest, examples)
                continue
            self._append(images, labels, number)
            seconds = before + time.perf_counter() - started
            self.done = {"batches": number, "examples": examples, "digest": digest, "seconds": seconds}
            self._write_progress()
        if number < self.done["batches"]:
            raise ValueError(_other_batches(self.folder, f"there are only {number} of {self.done['batches']} batches"))
        return self._finish()

    def _header(self, name, examples):
        """The first bytes of an .npy file; NumPy leaves room in them, so that the number of rows can grow."""
        stream = io.BytesIO()
        shape = (examples, *self.shapes[name])
        descr = np.lib.format.dtype_to_descr(self.dtypes[name])
        np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
        return stream.getvalue()

    def _begin(self):
        for name, header in self.headers.items():
            (self.folder / (name + PARTIAL)).write_bytes(header)
        self._write_progress()

    def _take_up(self):
        """Go on from what an interrupted run has written; what it wrote after its last note of progress is cut off."""
        stored = _read_json(self.folder / PROGRESS)
        _refuse_other_identity(self.folder, stored, self.identity)
        self.done = stored["done"]
        for name, header in self.headers.items():
            path, size = self.folder / (name + PARTIAL), len(header) + self.done["examples"] * self._row_bytes(name)
            if not path.is_file() or path.stat().st_size < size or path.read_bytes()[: len(header)] != header:
                raise ValueError(
                    f"{path.name} in {self.folder} is broken: delete the folder and call extract_features again."
                )
            os.truncate(path, size)

    def _row_bytes(self, name):
        return int(np.prod(self.shapes[name])) * self.dtypes[name].itemsize

    def _append(self, images, labels, number):
        features = self.first_features if number == 1 else _compute(self.backbone, images, self.identity["dtype"])
        for name, array in ((FEATURES, features), (LABELS, labels.astype(self.dtypes[LABELS], copy=False))):
            with open(self.folder / (name + PARTIAL), "ab") as file:
                file.write(np.ascontiguousarray(array).tobytes())
                file.flush()
                os.fsync(file.fileno())

    def _write_progress(self):
        evidence.write_atomically(self.identity | {"done": self.done}, self.folder / PROGRESS)

    def _refuse_other_size(self, images, labels, number):
        if images.shape[1:] != self.image_shape or labels.shape[1:] != self.shapes[LABELS]:
            raise ValueError(
                f"Batch {number} holds pictures of {images.shape[1:]} with labels of {labels.shape[1:]}, but those "
                f"before are of {self.image_shape} with labels of {self.shapes[LABELS]}: resize all pictures to one "
                f"size."
            )

    def _compare_done(self, number, digest, examples):
        if number == self.done["batches"] and (digest, examples) != (self.done["digest"], self.done["examples"]):
            raise ValueError(_other_batches(self.folder, f"the first {number} batches are not those recorded before"))

    def _finish(self):
        about = {**self.identity, **self.done}
        for name in (FEATURES, LABELS):
            path = self.folder / (name + PARTIAL)
            with open(path, "r+b") as file:
                file.write(self._header(name, self.done["examples"]))
            os.replace(path, self.folder / name)
            about[name] = {
                "shape": [self.done["examples"], *self.shapes[name]],
                "dtype": np.dtype(self.dtypes[name]).name,
            }
        evidence.write_atomically(about, self.folder / RECORD)
        (self.folder / PROGRESS).unlink()
        return read_features(self.folder)


def _compare(backbone, batches, folder, identity, progress):
    """Return the record that is there, once it is known to be the one asked for."""
    stored = _read_json(folder / RECORD)
    _refuse_other_identity(folder, stored, identity)
    digest, number = "", 0
    for number, batch in enumerate(tqdm(batches, "Comparing", disable=not progress), start=1):
        digest = _fingerprint(digest.encode(), *_pair(batch, number))
    if (number, digest) != (stored["batches"], stored["digest"]):
        raise ValueError(_other_batches(folder, f"it holds {stored['batches']} batches, and these {number} differ"))
    return read_features(folder)


def _check_request(backbone, batches, dtype):
    _model(backbone)
    if dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r} is not possible: use {' or '.join(map(repr, DTYPES))}.")
    if iter(batches) is batches:
        raise ValueError("batches is a generator, which gives its batches only once: give a list or a dataset.")
    _refuse_float16_weights(backbone)


def _first_batch(batches):
    """The first batch, if it is the same when taken again."""
    taken = []
    for _ in range(2):
        for batch in batches:
            taken.append(_pair(batch, 1))
            break
    if not taken:
        raise ValueError("There are no batches: give at least one pair (images, labels).")
    if _fingerprint(b"", *taken[0]) != _fingerprint(b"", *taken[1]):
        raise ValueError(
            "The first batch is another one when taken again: the dataset is shuffled or augmented anew in each pass. "
            "Make it with shuffle=False and augmentation=None."
        )
    return taken[0]


def _pair(batch, number):
    """A batch as arrays, or an error that says which batch is wrong."""
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise ValueError(f"Batch {number} is not a pair (images, labels): give labels with the pictures.")
    images, labels = (np.asarray(part) for part in batch)
    if images.ndim != 4 or not len(images) or labels.ndim < 1 or len(labels) != len(images):
        raise ValueError(
            f"Batch {number} has images of shape {images.shape} and labels of shape {labels.shape}: give images "
            f"(n, height, width, channels) and n labels, n at least 1."
        )
    return images, labels


def _compute(backbone, images, dtype):
    features = np.asarray(backbone.predict_on_batch(images))
    if features.ndim != 4:
        raise ValueError(
            f"{backbone.name} gives {features.shape}, not feature maps (n, height, width, channels): a classifier or a "
            f"pooling is still on. Give the base alone, such as {_suggest_base(backbone)}."
        )
    return features.astype(dtype)


def _refuse_impossible_pictures(backbone, images):
    """Placeholder for the check of sizes."""


def _refuse_other_identity(folder, stored, identity):
    reasons = {
        "weights": f"a backbone with other weights ({stored.get('backbone')})",
        "dtype": f"dtype {stored.get('dtype')}",
        "first_batch": "other pictures, or the same in another order",
    }
    for key, reason in reasons.items():
        if stored.get(key) != identity[key]:
            raise ValueError(_other_batches(folder, f"it belongs to {reason}"))


def _other_batches(folder, reason):
    return f"The record in {folder} is another one: {reason}. Give another folder, or delete this one."


def _read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error}): delete the folder and extract again.") from error


def _count(batches):
    """How many batches there are, or None if that is not known before they are read."""
    try:
        return len(batches)
    except TypeError:
        return None


def _fingerprint(start, *arrays):
    digest = hashlib.blake2b(start, digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _fingerprint_weights(model):
    return _fingerprint(b"", *(np.asarray(keras.ops.convert_to_numpy(weight)) for weight in model.weights))
