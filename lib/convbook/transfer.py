"""Transfer learning: record the features of a backbone on disk, freeze it, unfreeze its top blocks, and show the proof.

**Blocks.** What is chosen for fine-tuning is a block, never "the last N layers": of Xception the last three layers are
one convolution, its normalization and an activation. Blocks are read off the names of the layers, see `block_names`.

**BatchNormalization.** A frozen base that is unfrozen for fine-tuning must keep its moving means and variances. In a
functional model of Keras 3, calling the base with `training=False` does not do that once the base is trainable: `fit`
moves them all the same. What does it is `trainable = False` on each BatchNormalization layer, in nested models too.
`unfreeze` sets it; `changes` proves it.

**Set it on every layer.** With TensorFlow, `model.trainable = True` does nothing at all where `model.trainable` is True
already, although layers in it are frozen; and False does nothing where it is False. The functions here therefore set
`trainable` on every layer by itself.

**Compile again.** What `fit` trains is settled at the first step after `compile`. A later change of `trainable` has no
effect, and gives no warning, until `compile` is called again; `trainable_table` says so where it can see it.

**Saving.** `model.save("….keras")` and `model.save_weights("….weights.h5")` keep every weight in its place, whatever
has become of `trainable`: the loaded model predicts the same. Two things are lost. The older whole-model format `….h5`
writes trainable weights first, and for a base of KerasHub that is partly frozen it cannot be loaded again: use
`….keras`. And a base of KerasHub comes back from `….keras` with every layer trainable, BatchNormalization too, because
its layers' `trainable` is not in its configuration: before you train a loaded model further, call `freeze` or
`unfreeze` on its base again, and compile.
"""

import hashlib
import io
import itertools
import json
import math
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

from convbook.files import write_atomically

STEM = "stem"
# The longest beginning of a name that ends in a numbered block: block2_sepconv1, conv2_block1_1_conv, block1a_bn.
BLOCK = re.compile(
    r"(?:.*_)?(?:block|stack|stage|encoder|layer)_?\d+(?:_\d+$|[a-z]?(?=_|$))"
    r"|expanded_conv(?:_\d+)?(?=_)"
    r"|conv_(?:dw|pw)_\d+"
)

DTYPES = ("float32", "float16")
LARGEST_PX = 4096
ENDLESS = -1  # what tf.data calls the cardinality of a dataset that repeats
FEATURE_TOLERANCE = (
    0.01  # of the largest feature: devices and libraries round differently, other converters differ more
)
FEATURES, LABELS, RECORD, PROGRESS = "features.npy", "labels.npy", "record.json", "progress.json"
PARTIAL = ".partial"


def block_names(backbone):
    """List the blocks of a backbone, from the input to the output.

    A block is all layers whose names begin alike, up to and with the last numbered "block", "stack", "stage", "encoder"
    or "layer": `block2_sepconv1` belongs to `block2`, `conv5_block3_2_bn` to `conv5_block3`, `block_16_project` to
    `block_16`; a layer of layers called `block_1_0`, as in KerasHub's MobileNets, is a block of its own. (The
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
    _set_trainable(_layer(backbone), False)
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
    _set_trainable(backbone, True)
    for layer in frozen:
        _set_trainable(layer, False)
    if not batch_norm:
        freeze_batch_norm(backbone)
    return chosen


def freeze_batch_norm(model):
    """Freeze each layer of a model that keeps moving statistics, in nested models and layers too.

    These are BatchNormalization, its subclasses, and other layers with weights called `moving_…` that heed `trainable`.
    Frozen, they use their moving means and variances in training as well, and leave them as they are. Compile the model
    again afterwards. A keras.layers.SpectralNormalization cannot be kept still: it changes its kernel in each step of
    training, frozen or not; `trainable_table` says "move" for it.

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
    started = time.perf_counter()
    folder, first = Path(folder), _first_batch(batches)
    _refuse_impossible_pictures(backbone, first[0].shape[1:])
    features = _compute(backbone, first[0], dtype, 1)  # builds the model, so that it has weights to compare
    identity = {
        "backbone": backbone.name,
        "weights": _fingerprint_weights(backbone),
        "dtype": dtype,
        "first_batch": _fingerprint("", *first),
    }
    if (folder / RECORD).is_file():
        return _compare(batches, folder, identity, features, progress)
    return _Recording(backbone, batches, folder, identity, features, first).run(progress, started)


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
            raise ValueError(_broken(folder / name))
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


def _set_trainable(layer, trainable):
    """Set `trainable` of a layer and of each in it: Keras passes it on only where the outer value changes."""
    for inner in _all_layers(layer):
        inner.trainable = trainable


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
        raise ValueError(_not_feature_maps(model, shape))
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
    kinds = (keras.layers.BatchNormalization, keras.layers.SpectralNormalization)
    return isinstance(layer, kinds) or any(weight.name.startswith("moving_") for weight in _own_weights(layer))


def _moves_in_training(layer):
    """Whether a layer that keeps moving statistics changes them; SpectralNormalization does not heed `trainable`."""
    return layer.trainable or isinstance(layer, keras.layers.SpectralNormalization)


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
    moving = "none" if not keepers else "move" if any(map(_moves_in_training, keepers)) else "still"
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

    def __init__(self, backbone, batches, folder, identity, first_features, first):
        self.backbone, self.batches, self.folder, self.identity = backbone, batches, folder, identity
        self.first_features, self.first = first_features, first
        self.shapes = {FEATURES: first_features.shape[1:], LABELS: first[1].shape[1:]}
        self.dtypes = {FEATURES: first_features.dtype, LABELS: first[1].dtype}
        self.done = {"batches": 0, "examples": 0, "digest": "", "seconds": 0.0}

    def run(self, progress, started):
        """Record what is not recorded yet; `started` is when the clock was started, in seconds."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / PROGRESS).is_file():
            self._take_up()
        else:
            for name in (FEATURES, LABELS):
                self._partial(name).write_bytes(self._header(name, 0))
        started -= self.done["seconds"]
        digest, examples, number = "", 0, 0
        for number, batch in enumerate(_bar("Extracting", self.batches, progress), start=1):
            images, labels = _pair(batch, number)
            self._refuse_other_size(images, labels, number)
            digest, examples = _fingerprint(digest, images, labels), examples + len(images)
            if number > self.done["batches"]:
                self._append(images, labels, number)
                seconds = time.perf_counter() - started
                self.done = {"batches": number, "examples": examples, "digest": digest, "seconds": seconds}
                write_atomically(self.identity | {"done": self.done}, self.folder / PROGRESS)
            elif number == self.done["batches"] and digest != self.done["digest"]:
                raise ValueError(_another(self.folder, f"its first {number} batches are others than these"))
        if number < self.done["batches"]:
            raise ValueError(
                _another(self.folder, f"it has {self.done['batches']} batches already, these are {number}")
            )
        return self._finish()

    def _partial(self, name):
        return self.folder / (name + PARTIAL)

    def _header(self, name, examples):
        """The first bytes of an .npy file; NumPy leaves room in them, so that the number of rows can grow."""
        stream = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            stream,
            {
                "descr": np.lib.format.dtype_to_descr(self.dtypes[name]),
                "fortran_order": False,
                "shape": (examples, *self.shapes[name]),
            },
        )
        return stream.getvalue()

    def _take_up(self):
        """Go on from what an interrupted run has written; what it wrote after its last note of progress is cut off."""
        stored = _read_json(self.folder / PROGRESS)
        _refuse_other_identity(self.folder, stored, self.identity)
        self.done = stored["done"]
        for name in (FEATURES, LABELS):
            path = self._partial(name)
            if not path.is_file() and (self.folder / name).is_file():
                os.replace(self.folder / name, path)  # interrupted while the files got their final names
            row_bytes = math.prod(self.shapes[name]) * self.dtypes[name].itemsize
            size = len(self._header(name, 0)) + self.done["examples"] * row_bytes
            if not path.is_file() or path.stat().st_size < size:
                raise ValueError(_broken(path))
            os.truncate(path, size)
        rows = len(self.first_features)
        start = np.fromfile(
            self._partial(FEATURES),
            self.dtypes[FEATURES],
            count=self.first_features.size,
            offset=len(self._header(FEATURES, 0)),
        )
        _refuse_other_features(self.folder, start.reshape(rows, *self.shapes[FEATURES]), self.first_features)

    def _append(self, images, labels, number):
        first = number == 1
        features = self.first_features if first else _compute(self.backbone, images, self.identity["dtype"], number)
        for name, array in ((FEATURES, features), (LABELS, labels)):
            with open(self._partial(name), "ab") as file:
                file.write(np.ascontiguousarray(array).tobytes())
                file.flush()
                os.fsync(file.fileno())

    def _refuse_other_size(self, images, labels, number):
        seen = (images.shape[1:], labels.shape[1:], labels.dtype.name)
        expected = (self.first[0].shape[1:], self.shapes[LABELS], self.dtypes[LABELS].name)
        if seen != expected:
            raise ValueError(
                f"Batch {number} holds pictures of {seen[0]} with labels of {seen[1]} {seen[2]}, but the first holds "
                f"pictures of {expected[0]} with labels of {expected[1]} {expected[2]}: resize all pictures to one "
                f"size, and give all labels one dtype."
            )

    def _finish(self):
        """Write the number of rows into the files, and give them their final names; the record makes them count."""
        about = self.identity | self.done
        for name in (FEATURES, LABELS):
            with open(self._partial(name), "r+b") as file:
                file.write(self._header(name, self.done["examples"]))
            shape = [self.done["examples"], *self.shapes[name]]
            about[name] = {"shape": shape, "dtype": self.dtypes[name].name}
        for name in (FEATURES, LABELS):
            os.replace(self._partial(name), self.folder / name)
        write_atomically(about, self.folder / RECORD)
        (self.folder / PROGRESS).unlink()
        return read_features(self.folder)


def _compare(batches, folder, identity, first_features, progress):
    """Return the record that is there, once it is known to be the one asked for."""
    stored = _read_json(folder / RECORD)
    _refuse_other_identity(folder, stored, identity)
    record = read_features(folder)
    _refuse_other_features(folder, record.features[: len(first_features)], first_features)
    digest, number = "", 0
    for number, batch in enumerate(_bar("Comparing", batches, progress), start=1):
        digest = _fingerprint(digest, *_pair(batch, number))
    if digest != stored.get("digest"):
        raise ValueError(_another(folder, f"it holds {stored.get('batches')} batches, and these {number} are others"))
    return record


def _bar(what, batches, progress):
    return tqdm(batches, what, total=_count(batches), unit=" batches", disable=not progress)


def _check_request(backbone, batches, dtype):
    _refuse_float16(_model(backbone))
    if dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r} is not possible: use {' or '.join(map(repr, DTYPES))}.")
    if not hasattr(batches, "__iter__") or hasattr(batches, "__next__"):
        raise ValueError(
            f"batches is a {type(batches).__name__}, which cannot be gone through twice: give a dataset of `pipelines` "
            f"or a list of pairs (images, labels)."
        )
    cardinality = getattr(batches, "cardinality", None)
    if callable(cardinality) and int(cardinality()) == ENDLESS:
        raise ValueError("The dataset never ends: leave out repeat(), so that each picture comes once.")


def _refuse_float16(model):
    if any(getattr(layer, "compute_dtype", None) == "float16" for layer in _all_layers(model)):
        raise ValueError(
            f"{model.name} computes in float16, which has about three digits and ends at 65,504: its features would "
            f"not be those of the float32 model. Load it with dtype='float32', as backbones.load does; to save space, "
            f"give dtype='float16' to extract_features."
        )


def _first_batch(batches):
    """The first batch, if it is the same when taken again."""
    taken = [_pair(batch, 1) for _ in range(2) for batch in itertools.islice(iter(batches), 1)]
    if len(taken) < 2:
        raise ValueError("There are no batches: give at least one pair (images, labels).")
    if _fingerprint("", *taken[0]) != _fingerprint("", *taken[1]):
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


def _compute(backbone, images, dtype, number):
    """The features of one batch in the dtype of the record."""
    features = np.asarray(backbone.predict_on_batch(images))
    if features.ndim != 4:
        raise ValueError(_not_feature_maps(backbone, features.shape))
    stored = features.astype(dtype, copy=False) if np.abs(features).max() <= np.finfo(dtype).max else None
    if stored is None:
        raise ValueError(
            f"The features of batch {number} hold {features.ravel()[np.abs(features).argmax()]}, which {dtype} cannot "
            f"hold: check that the pictures have finite values that suit the backbone (its converter makes them so)"
            f"{', or use dtype=' + repr('float32') if dtype != 'float32' else ''}."
        )
    return stored


def _refuse_impossible_pictures(backbone, shape):
    """Refuse pictures, of shape (height, width, channels), that the backbone has no output for."""
    expected = tuple(getattr(backbone, "input_shape", None) or ())[1:] if backbone.built else ()
    if len(expected) == 3 and any(side not in (None, given) for side, given in zip(expected, shape, strict=True)):
        sides = ", ".join("any" if side is None else str(side) for side in expected)
        raise ValueError(
            f"{backbone.name} takes pictures of (height, width, channels) = ({sides}), got {shape}: resize the "
            f"pictures, or build the backbone for this size."
        )
    if not _has_output(backbone, shape):
        smallest_px = _smallest_px(backbone, shape)
        raise ValueError(
            f"Pictures of {shape[0]}x{shape[1]} pixels are too small for {backbone.name}, of whose feature maps "
            f"nothing would be left: resize them to at least {smallest_px}x{smallest_px}."
        )


def _has_output(backbone, shape):
    try:
        output = _output_shape(backbone, (1, *shape))
    except ValueError:
        return False
    return not isinstance(output, tuple) or all(side is None or side > 0 for side in output)


def _output_shape(model, shape):
    """The shape of what comes out, for models with a KerasHub converter too, which cannot tell its own."""
    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            shape = _output_shape(layer, shape)
        return shape
    try:
        return model.compute_output_shape(shape)
    except NotImplementedError:
        size = getattr(model, "image_size", None)
        return (shape[0], *size, shape[3]) if size else shape


def _smallest_px(backbone, shape):
    """The smallest size of square pictures with an output, by halving the range that holds it."""
    low, high = min(shape[:2]), LARGEST_PX
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _has_output(backbone, (middle, middle, shape[2])) else (middle, high)
    return high


def _refuse_other_identity(folder, stored, identity):
    reasons = {
        "weights": f"it belongs to a backbone with other weights, {stored.get('backbone')}",
        "dtype": f"it holds {stored.get('dtype')}",
        "first_batch": "it holds other pictures, or the same in another order or other batches",
    }
    for key, reason in reasons.items():
        if stored.get(key) != identity[key]:
            raise ValueError(_another(folder, reason))


def _refuse_other_features(folder, stored, computed):
    """Refuse a record whose first features are others: the same weights, but another converter or another network."""
    same = stored.shape == computed.shape
    if same:
        scale = float(np.abs(computed).max())
        same = np.allclose(stored, computed, rtol=0, atol=FEATURE_TOLERANCE * scale)
    if not same:
        raise ValueError(
            _another(folder, "it belongs to a backbone that gives other features for the first batch (its converter?)")
        )


def _another(folder, reason):
    return f"The record in {folder} is another one: {reason}. Give another folder, or delete this one."


def _broken(path):
    return f"{path.name} in {path.parent} is broken or missing: delete the folder and call extract_features again."


def _not_feature_maps(model, shape):
    return (
        f"{model.name} gives {shape}, not feature maps (n, height, width, channels): a classifier or a pooling is "
        f"still on. Give the base alone, such as {_suggest_base(model)}."
    )


def _read_json(path):
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(_broken(path)) from error


def _count(batches):
    """How many batches there are, or None if that is not known before they are read."""
    try:
        return len(batches)
    except TypeError:
        return None


def _fingerprint(before, *arrays):
    """A hash of arrays that come after those of another hash."""
    digest = hashlib.blake2b(before.encode(), digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _fingerprint_weights(model):
    return _fingerprint("", *(np.asarray(keras.ops.convert_to_numpy(weight)) for weight in model.weights))
