"""Checks of chapter 9's exercises."""

import numpy as np

from convbook.arguments import is_whole_number
from convbook.checks import Stop, as_numbers, call_answer, check, right, wrong

# Exercise 1: Xception at 180x180 pixels.
PICTURES, SHAPE = 2_000, (6, 6, 2048)
NUMBERS = PICTURES * 6 * 6 * 2048
BYTES = {"float32": 4, "float16": 2}
SIDES = (180, 89, 87, 44, 22, 11, 6)

# Exercise 2
PASSES = 4


# ---------------------------------------------------------------- exercise 1


@check()
def record_size(answer):
    """Check the shape of Xception's features at 180x180 pixels, and the bytes of a record of 2,000 pictures.

    Args:
        answer: dictionary with "shape" (height, width, channels), and the bytes of the whole record for "float32" and
            "float16".

    Returns:
        A `Feedback` that names the rule or the factor that was missed.
    """
    if not isinstance(answer, dict) or set(answer) != {"shape", *BYTES}:
        return wrong('Give a dictionary with "shape", "float32" and "float16".')
    shape = answer["shape"]
    if not isinstance(shape, (tuple, list)) or len(shape) != 3 or not all(map(is_whole_number, shape)):
        return wrong("The shape is three whole numbers: height, width, channels.")
    advice = _shape_advice(tuple(shape))
    if advice:
        return wrong(advice)
    for dtype, each in BYTES.items():
        expected = NUMBERS * each
        given = answer[dtype]
        if as_numbers(given, ()) is None:
            return wrong(f"{dtype}: give the number of bytes.")
        if given != expected:
            return wrong(f"{dtype}: {_factor_advice(dtype, float(given), expected)}")
    return right(
        f"{NUMBERS * 4:,} bytes, half of it in float16. The pixels would take "
        f"{PICTURES * 180 * 180 * 3:,}: a record is no compression."
    )


def _shape_advice(shape):
    """Return what is wrong with the shape, or None."""
    if shape == SHAPE:
        return None
    height, width, channels = shape
    if shape == SHAPE[::-1]:
        return "Height and width come first here, channels last."
    if height != width:
        return f"The pictures are square and so are all windows, but {height} is not {width}."
    if channels != SHAPE[2]:
        return f"The last layer has {SHAPE[2]:,} channels; pooling and convolution do not change that afterwards."
    if height == 5:
        return "5 comes of rounding down everywhere. Padding same rounds up: 87 becomes 44, and 11 becomes 6."
    if height in (11, 12):
        return f"{height} is left if one halving is forgotten: one convolution and four poolings have a stride of 2."
    if height == 3:
        return "3 is one halving too many: the second convolution has a stride of 1."
    if height in SIDES:
        return f"{height} stands on the way, but it is not the end of it: there are six layers that change the size."
    return (
        f"{height} is not it. Go layer by layer: the first convolution makes {SIDES[1]} of {SIDES[0]}. What does the "
        "second make of that, and then each pooling?"
    )


def _factor_advice(dtype, given, expected):
    """Return which factor of a number of bytes is missing or too much."""
    each = BYTES[dtype]
    if given == NUMBERS:
        return f"{given:,.0f} is how many numbers there are; each takes {each} bytes."
    if given == expected / PICTURES:
        return f"{given:,.0f} bytes is the share of one picture; there are {PICTURES:,}."
    if given == PICTURES * SHAPE[2] * each:
        return f"{given:,.0f} bytes keep one number for each channel. Each channel is a map of {SHAPE[0]}×{SHAPE[1]}."
    if given == NUMBERS * (6 - each):
        return f"{given:,.0f} is the size in the other type: float32 takes 4 bytes, float16 takes 2."
    if given in (expected * 8, NUMBERS * 8):
        return f"{given:,.0f} counts bits, or the 8 bytes of float64."
    if any(abs(given * unit - expected) <= 0.01 * expected for unit in (1e3, 1e6, 1e9, 2**10, 2**20, 2**30)):
        return "the digits are right; give bytes, not kilobytes, megabytes or gigabytes."
    return (
        f"{given:,.0f} is {given / expected:.3g} times what it takes. Multiply {PICTURES:,} pictures by height, width, "
        f"channels and {each} bytes."
    )


# ---------------------------------------------------------------- exercise 2


class _Augmentation:
    """Random brightness, in training only; counts its calls."""

    def __init__(self):
        self.rng, self.calls = np.random.default_rng(0), 0

    def __call__(self, images, training=False):
        images = np.asarray(images, dtype="float32")
        if not training:
            return images
        self.calls += 1
        return images + self.rng.uniform(1, 9, size=(len(images), 1, 1, 1)).astype("float32")


def _base(images):
    """Return features (n, 1, 2, 3) that hold the picture's number: its first pixel, and the mean of all."""
    images = np.asarray(images, dtype="float32")
    if images.ndim != 4:
        raise ValueError(f"the base takes a batch of pictures (n, height, width, 3), not an array of {images.shape}")
    corner, mean = images[:, 0, 0, 0], images.mean(axis=(1, 2, 3))
    return np.stack([corner, mean, corner - mean] * 2, axis=1).reshape(-1, 1, 2, 3)


def _numbered_pictures(count):
    """Return pictures (count, 5, 4, 3), of which number k is 32 k in its upper half and 0 below, and labels."""
    images = np.zeros((count, 5, 4, 3), dtype="float32")
    images[:, :2] = 32 * np.arange(1, count + 1).reshape(-1, 1, 1, 1)
    return images, np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0])[:count]


def _numbers_in(features):
    """Return the numbers of the pictures that the features belong to, whatever their brightness."""
    flat = np.reshape(features, (len(features), -1)).astype(float)
    return np.rint(flat[:, 2] / (32 * 3 / 5)).astype(int) - 1  # corner minus mean does not depend on brightness


@check("Write a function that returns features and labels.")
def record_passes(answer):
    """Check a function that records several augmented passes over the pictures.

    Args:
        answer: a function of (base, images, labels, augmentation, passes) that returns features in float16, pass after
            pass, and the labels of their rows.

    Returns:
        A `Feedback` on rows, labels, bytes and the random changes.
    """
    images, labels = _numbered_pictures(7)
    augmentation = _Augmentation()
    features, given_labels = _record(answer, _base, images.copy(), labels.copy(), augmentation, PASSES)
    return (
        _judge_rows(features, given_labels, PASSES * len(images))
        or _judge_changes(features, augmentation, len(images))
        or _judge_pairs(features, given_labels, labels)
        or _judge_bytes(features)
        or right(
            f"{len(features)} rows for {len(images)} pictures, each with its label, in {features.nbytes} bytes. After "
            f"{PASSES} epochs the versions repeat: this is not chapter 7's augmentation, but it is on the way."
        )
    )


def _record(answer, *arguments):
    """Return the features and labels that the reader's function returns, as two arrays."""
    returned = call_answer(answer, *arguments)
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        raise Stop(wrong("Return two things: features, and labels."))
    try:
        return tuple(np.asarray(part) for part in returned)
    except ValueError:
        pieces = "The pieces must be joined: np.concatenate makes one array of a list of batches."
        raise Stop(wrong(pieces)) from None


def _judge_rows(features, labels, expected):
    if features.ndim == 5:
        return wrong(
            f"The features have the shape {features.shape}: one axis too many. np.concatenate joins passes along the "
            "rows, np.stack adds an axis."
        )
    if features.shape[1:] != (1, 2, 3):
        return wrong(f"Features of one picture have the shape (1, 2, 3) here; yours are {features.shape[1:]}.")
    if len(features) != expected:
        return wrong(f"There should be {expected} rows, a row for each picture and pass; there are {len(features)}.")
    if labels.shape != (expected,):
        return wrong(f"There are {expected} rows, and the labels have the shape {labels.shape}: one label to a row.")
    return None


def _judge_changes(features, augmentation, count):
    if augmentation.calls == 0:
        return wrong(
            "No pass is changed: without training=True a random layer does nothing, and the record holds the same "
            f"rows {PASSES} times."
        )
    different = len({row.tobytes() for row in features})
    if different <= count:
        return wrong(
            f"Of {len(features)} rows only {different} are different: the pictures were changed once, and the same "
            "version recorded again and again. Put the augmentation inside the loop."
        )
    if augmentation.calls < PASSES:
        return wrong(f"The augmentation was called {augmentation.calls} times for {PASSES} passes.")
    return None


def _judge_pairs(features, given_labels, labels):
    belongs = labels[np.clip(_numbers_in(features), 0, len(labels) - 1)]
    misses = int((belongs != given_labels).sum())
    if not misses:
        return None
    if np.array_equal(given_labels, np.repeat(labels, PASSES)):
        return wrong(
            f"{misses} of {len(features)} rows have the label of another picture. np.repeat puts the same label "
            f"{PASSES} times in a row, but your rows go through all pictures before one comes again."
        )
    return wrong(
        f"{misses} of {len(features)} rows have the label of another picture: in which order do the rows come?"
    )


def _judge_bytes(features):
    if features.dtype == np.float16:
        return None
    return wrong(
        f"Rows and labels are right. But {features.dtype} takes {features.nbytes} bytes; float16 was asked for, "
        f"{features.size * 2} bytes."
    )


# ---------------------------------------------------------------- exercise 3


class _Shuffled:
    """Batches in a new order in each loop over them; the last one is smaller. Counts the loops."""

    def __init__(self, images, labels, batch_size):
        self.images, self.labels, self.batch_size = images, labels[:, np.newaxis], batch_size
        self.rng, self.loops = np.random.default_rng(1), 0

    def __len__(self):
        return -(-len(self.images) // self.batch_size)

    def __iter__(self):
        self.loops += 1
        order = self.rng.permutation(len(self.images))
        for start in range(0, len(order), self.batch_size):
            indices = order[start : start + self.batch_size]
            yield self.images[indices], self.labels[indices]


@check("Write a function that returns features and labels.")
def record_shuffled(answer):
    """Check a function that records features and labels of a dataset that is shuffled anew in each loop.

    Args:
        answer: a function of (base, batches) that returns features and labels (n,), row by row belonging together.

    Returns:
        A `Feedback` that counts rows, loops over the dataset, and labels of other pictures.
    """
    images, labels = _numbered_pictures(11)
    batches = _Shuffled(images, labels, batch_size=4)
    features, given_labels = _record(answer, _base, batches)
    if features.shape in ((4, 1, 2, 3), (3, 1, 2, 3)):
        return wrong(f"Only {len(features)} rows came back, one batch: collect all of them before you return.")
    if given_labels.shape == (len(images), 1):
        return wrong("The labels have the shape (11, 1), as the batches give them; np.ravel makes (11,) of it.")
    return (
        _judge_rows(features, given_labels, len(images))
        or _judge_order(features, given_labels, labels, batches.loops)
        or right(f"{len(features)} rows in {batches.loops} loop, whatever their order, each with its own label.")
    )


def _judge_order(features, given_labels, labels, loops):
    numbers = _numbers_in(features)
    if len(set(numbers.tolist())) < len(labels):
        return wrong(
            f"Of {len(labels)} pictures only {len(set(numbers.tolist()))} are in the record: it was put together from "
            "several loops, and each brings another order."
        )
    misses = int((labels[np.clip(numbers, 0, len(labels) - 1)] != given_labels).sum())
    if misses:
        again = f"You looped over the batches {loops} times, and each loop brings another order. " if loops > 1 else ""
        return wrong(f"{misses} of {len(labels)} rows have the label of another picture. {again}Both from one batch.")
    if loops > 1:
        return wrong(f"The pairs are right by chance: you looped over the batches {loops} times.")
    return None
