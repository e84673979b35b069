"""Record the features of a pretrained base: run it once over every picture, and keep on disk what it gives."""

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from convbook import freezing
from convbook.backbones import sizes

DTYPES = ("float32", "float16")
ENDLESS = -1  # what tf.data calls the cardinality of a dataset that repeats
# Of the largest feature: devices and libraries round differently, other converters differ more.
FEATURE_TOLERANCE = 0.01
FEATURES, LABELS, ABOUT = "features.npy", "labels.npy", "record.json"


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

    def __repr__(self):
        return (
            f"Record of {self.backbone}: features {self.features.shape} {self.features.dtype}, labels "
            f"{self.labels.shape} {self.labels.dtype}"
        )


def extract_features(backbone, batches, folder, *, dtype="float32", progress=True):
    """Run every picture through a backbone once, and write its features and labels into a folder, batch by batch.

    Only one batch is in memory at a time. The pictures are read twice: first they are counted and their checksums
    taken, then the backbone runs. The record gets its name when it is complete; one that was stopped is made anew.
    If the record is there already, it is compared with the backbone and the pictures, and returned: one of another
    backbone, other pictures, another order or other preprocessing is refused.

    Args:
        backbone: a keras.Model from pictures to features (n, height, width, channels). To convert the pictures on the
            way, give keras.Sequential([converter, backbone]).
        batches: pairs (images, labels), arrays or tensors, in an order that stays the same: a dataset of `pipelines`
            with shuffle=False, or a list; not a generator, which gives its batches only once. Batches may have
            different lengths, but pictures of one size.
        folder: path of a folder of its own for this record, one for training, one for validation, and so on.
        dtype: "float32", or "float16", which takes half the space and keeps about three digits.
        progress: whether to show progress bars on standard error.

    Returns:
        A `Record`; its files are features.npy, labels.npy and record.json.

    Raises:
        ValueError: if the model ends in a classifier, computes in float16, or cannot take the pictures; if a batch is
            empty, is no pair, or has pictures of another size than the first; if batches come in another order when
            taken again; if the folder holds other files, a broken record, or one of another backbone, dtype or other
            pictures. The message names the remedy.

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
    _refuse_impossible_request(backbone, batches, dtype)
    folder = Path(folder).absolute()
    first = next((_pair(batch, 1) for batch in batches), None)
    if first is None:
        raise ValueError("There are no batches: give at least one pair (images, labels).")
    _refuse_impossible_pictures(backbone, first[0].shape[1:])
    features = _compute(backbone, first[0], dtype, 1)  # builds the model, so that it has weights
    labels, checksums = _survey(batches, first, progress)
    about = {
        "backbone": backbone.name,
        "weights": _checksum(*map(keras.ops.convert_to_numpy, backbone.weights)),
        "dtype": dtype,
        "batches": checksums,
    }
    if (folder / ABOUT).is_file():
        record, stored = _open(folder)
        _refuse_another(record, stored, about, features)
        return record
    if folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f"{folder} holds files that are no complete record: give another folder, or delete this one.")
    _record(backbone, batches, folder, about, (len(labels), *features.shape[1:]), labels, progress)
    return _open(folder)[0]


def _survey(batches, first, progress):
    """All labels, and a checksum of each batch; batches that do not fit the first are refused."""
    expected = (first[0].shape[1:], first[1].shape[1:], first[1].dtype.name)
    labels, checksums = [], []
    for number, batch in enumerate(_bar("Reading", batches, progress), start=1):
        images, more_labels = _pair(batch, number)
        found = (images.shape[1:], more_labels.shape[1:], more_labels.dtype.name)
        if found != expected:
            raise ValueError(
                f"Batch {number} holds pictures of {found[0]} with labels of {found[1]} {found[2]}, but the first "
                f"holds pictures of {expected[0]} with labels of {expected[1]} {expected[2]}: resize all pictures to "
                f"one size, and give all labels one dtype."
            )
        labels.append(more_labels)
        checksums.append(_checksum(images, more_labels))
    return np.concatenate(labels), checksums


def _record(backbone, batches, folder, about, shape, labels, progress):
    """Write a record into a folder beside its own, and move it into place when it is complete."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
    partial.mkdir(parents=True)
    try:
        start, row, checksums = time.perf_counter(), 0, []
        features = np.lib.format.open_memmap(partial / FEATURES, "w+", about["dtype"], shape)
        for number, batch in enumerate(_bar("Extracting", batches, progress), start=1):
            images, more_labels = _pair(batch, number)
            checksums.append(_checksum(images, more_labels))
            if checksums != about["batches"][:number]:
                break
            features[row : row + len(images)] = _compute(backbone, images, about["dtype"], number)
            row += len(images)
        if checksums != about["batches"]:
            raise ValueError(
                "The batches are others when they are taken again: the dataset is shuffled or augmented anew in each "
                "pass. Make it with shuffle=False and augmentation=None."
            )
        features.flush()
        np.save(partial / LABELS, labels)
        about = about | {"seconds": time.perf_counter() - start}
        (partial / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        if folder.is_dir():
            folder.rmdir()  # an empty one, which not every system replaces
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _open(folder):
    """The record in a folder, and what record.json says of it."""
    name = ABOUT
    try:
        about = dict(json.loads((folder / ABOUT).read_text(encoding="utf-8")))
        arrays = [np.load(folder / (name := part), mmap_mode="r") for part in (FEATURES, LABELS)]
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise ValueError(
            f"{name} in {folder} is broken or missing: delete the folder and call extract_features again."
        ) from error
    return Record(*arrays, folder, about.get("backbone"), about.get("seconds")), about


def _refuse_another(record, stored, wanted, first_features):
    """Refuse a record of something else than is wanted now."""
    there, batches = stored.get("batches") or [], wanted["batches"]
    beginning = record.features[: len(first_features)]
    tolerance = FEATURE_TOLERANCE * float(np.abs(first_features).max())
    if stored.get("weights") != wanted["weights"]:
        reason = f"it belongs to a backbone with other weights, {record.backbone}"
    elif stored.get("dtype") != wanted["dtype"]:
        reason = f"it holds {stored.get('dtype')}"
    elif there[:1] != batches[:1]:
        reason = "it holds other pictures, or the same in another order or other batches"
    elif there != batches:
        reason = f"it holds {len(there)} batches, and these {len(batches)} are others"
    elif beginning.shape != first_features.shape or not np.allclose(beginning, first_features, rtol=0, atol=tolerance):
        reason = "it belongs to a backbone that gives other features for the first batch (its converter?)"
    else:
        return
    raise ValueError(
        f"The record in {record.folder} is another one: {reason}. Give another folder, or delete this one."
    )


def _bar(what, batches, progress):
    return tqdm(batches, what, unit=" batches", disable=not progress)


def _refuse_impossible_request(backbone, batches, dtype):
    layers = freezing.require_model(backbone)._flatten_layers()
    if any(getattr(layer, "compute_dtype", None) == "float16" for layer in layers):
        raise ValueError(
            f"{backbone.name} computes in float16, which has about three digits and ends at 65,504: its features would "
            f"not be those of the float32 model. Load it with dtype='float32', as backbones.load does; to save space, "
            f"give dtype='float16' to extract_features."
        )
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


def _refuse_impossible_pictures(backbone, shape):
    """Refuse pictures, of shape (height, width, channels), that the backbone has no output for."""
    expected = tuple(getattr(backbone, "input_shape", None) or ())[1:] if backbone.built else ()
    if len(expected) == 3 and any(side not in (None, given) for side, given in zip(expected, shape, strict=True)):
        sides = ", ".join("any" if side is None else str(side) for side in expected)
        raise ValueError(
            f"{backbone.name} takes pictures of (height, width, channels) = ({sides}), got {shape}: resize the "
            f"pictures, or build the backbone for this size."
        )
    if not sizes.has_output(backbone, shape):
        smallest_px = sizes.smallest_px(backbone, shape)
        raise ValueError(
            f"Pictures of {shape[0]}x{shape[1]} pixels are too small for {backbone.name}, of whose feature maps "
            f"nothing would be left: resize them to at least {smallest_px}x{smallest_px}."
        )


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
        raise ValueError(freezing.not_feature_maps(backbone, features.shape))
    if not np.abs(features).max() <= np.finfo(dtype).max:  # nor is nan
        raise ValueError(
            f"The features of batch {number} hold {features.ravel()[np.abs(features).argmax()]}, which {dtype} cannot "
            f"hold: check that the pictures have finite values that suit the backbone (its converter makes them so)"
            f"{', or use dtype=' + repr('float32') if dtype != 'float32' else ''}."
        )
    return features.astype(dtype, copy=False)


def _checksum(*arrays):
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()
