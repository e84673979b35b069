"""Checks of chapter 5's exercises."""

import io
import itertools

import numpy as np
from PIL import Image

from convbook import drawings
from convbook.arguments import is_whole_number
from convbook.checks import call_answer, check, right, wrong

PICTURES, BATCH_SIZE, EPOCHS = 1_000, 48, 3  # exercise 1
STEPS = ("decode", "cache", "shuffle", "augment", "batch", "prefetch")  # exercise 2
FILES, FILES_IN_A_BATCH = 12, 3
SIZE_PX = 64  # exercise 3


@check()
def batches(answer):
    """Check how 1,000 pictures are cut into batches of 48.

    Args:
        answer: number of batches in an epoch, pictures in the last of them, and number of steps in three epochs with
            drop_remainder=True.

    Returns:
        A `Feedback` that recognises a forgotten batch, the missing pictures taken for those of the last batch, and
        batches filled across the end of an epoch.
    """
    if not isinstance(answer, (list, tuple)) or len(answer) != 3 or not all(map(is_whole_number, answer)):
        return wrong("Give three whole numbers: batches in an epoch, pictures in the last one, steps in three epochs.")
    full, rest = divmod(PICTURES, BATCH_SIZE)
    number, last, steps = answer
    if number != full + 1:
        return wrong(_number_advice(number, full, rest))
    if last != rest:
        return wrong(_last_advice(last, full, rest))
    if steps != EPOCHS * full:
        return wrong(_steps_advice(steps, full))
    return right(f"{full} · {BATCH_SIZE} + {rest} = {PICTURES:,}, and each epoch starts with an empty batch.")


def _number_advice(number, full, rest):
    if number == full:
        return f"{full} batches are full, and that is {full * BATCH_SIZE} pictures; what becomes of the other {rest}?"
    if number == EPOCHS * (full + 1):
        return f"{number} is right for {EPOCHS} epochs; the first number asks for one."
    return (
        f"{number} batches of {BATCH_SIZE} would hold up to {number * BATCH_SIZE:,} pictures; there are {PICTURES:,}."
    )


def _last_advice(last, full, rest):
    if last == BATCH_SIZE - rest:
        return f"{last} pictures are missing from the last batch; how many are in it?"
    if last == BATCH_SIZE:
        return f"The last batch is not full: {full} full ones leave fewer than {BATCH_SIZE} pictures over."
    return f"{full} full batches take {full * BATCH_SIZE} of {PICTURES:,} pictures; {last} is not what is left."


def _steps_advice(steps, full):
    if steps == EPOCHS * (full + 1):
        return f"{steps} counts the small batch at the end of each epoch; drop_remainder=True leaves it out."
    if steps == EPOCHS * PICTURES // BATCH_SIZE:
        return (
            f"{steps} is {EPOCHS * PICTURES:,} // {BATCH_SIZE}, as if batches went on into the next epoch. They do not."
        )
    if steps == full:
        return f"{steps} is right for one epoch; fit was asked for {EPOCHS}."
    return f"With drop_remainder=True an epoch has {full} batches, a step each; {EPOCHS} epochs have not {steps}."


@check()
def order(answer):
    """Check the order of six steps by building that pipeline on twelve files and watching it for two epochs.

    Args:
        answer: the names decode, cache, shuffle, augment, batch and prefetch, in some order.

    Returns:
        A `Feedback` that says what was observed: how often a file was decoded, whether the order or the augmented
        pictures repeat, whether neighbours stay together.
    """
    if not isinstance(answer, (list, tuple)) or not all(isinstance(name, str) for name in answer):
        return wrong(f"Give a list of names, for example [{', '.join(map(repr, STEPS[::-1]))}].")
    if sorted(answer) != sorted(STEPS):
        return wrong(
            f"Each of {', '.join(sorted(STEPS))} stands in the list once; yours holds {', '.join(answer) or 'nothing'}."
        )
    position = {name: answer.index(name) for name in STEPS}
    for name, what in (("augment", "turns and zooms pictures"), ("batch", "stacks pictures")):
        if position[name] < position["decode"]:
            return wrong(f"'{name}' {what}, and before 'decode' there are none, only names of files.")
    if finding := _observe(answer):
        return wrong(finding)
    if position["prefetch"] != len(STEPS) - 1:
        return wrong(
            f"'{answer[-1]}' comes after 'prefetch', so it begins when the device asks. What prefetch gets ready while "
            "the device trains is what stands before it: put it last."
        )
    if position["shuffle"] > position["augment"]:
        return right(
            "Each epoch is new and nothing is decoded twice. Before 'augment', though, the buffer would fill sooner."
        )
    return right("Watched for two epochs: 12 files decoded 12 times, a new order and new versions in the second.")


def _observe(steps):
    """Run two epochs of a pipeline and return what is wrong with it, or ''."""
    decoded = []
    dataset = _pipeline(steps, decoded)
    first, second = ([batch.numpy() for batch in dataset] for _ in range(2))
    in_order = [[int(file) for file in np.concatenate(epoch)[:, 0]] for epoch in (first, second)]
    if len(decoded) != FILES:
        return (
            f"In two epochs {FILES} files were decoded {len(decoded)} times: 'cache' stands before 'decode' and keeps "
            "names of files."
        )
    if all(np.ptp(batch[:, 0]) == FILES_IN_A_BATCH - 1 for batch in first):
        return (
            f"The first batch held the files {sorted(in_order[0][:FILES_IN_A_BATCH])}, neighbours on disk, and so did "
            "every other: 'shuffle' after 'batch' mixes whole batches. On sorted files each holds one class."
        )
    if in_order[0] == in_order[1]:
        return f"Both epochs began with the files {in_order[0][:4]}: 'cache' after 'shuffle' keeps the first order."
    if {tuple(row) for batch in first for row in batch} == {tuple(row) for batch in second for row in batch}:
        return (
            "The second epoch showed the very same versions as the first: 'cache' after 'augment' keeps them for good."
        )
    return ""


def _pipeline(steps, decoded):
    """Build the pipeline on pairs (number of the file, number of the version); `decoded` collects decoded files."""
    import tensorflow as tf

    versions = itertools.count(1)

    def decode(file):
        decoded.append(int(file))
        return np.array([file, 0], np.int64)

    def augment(pictures):
        fresh = np.array(pictures)
        fresh[..., 1] = next(versions)
        return fresh

    def in_numpy(function, value, shape):
        return tf.ensure_shape(tf.numpy_function(function, [value], tf.int64), shape)

    apply = {
        "decode": lambda dataset: dataset.map(lambda file: in_numpy(decode, file, (2,))),
        "augment": lambda dataset: dataset.map(lambda pictures: in_numpy(augment, pictures, pictures.shape)),
        "cache": lambda dataset: dataset.cache(),
        "shuffle": lambda dataset: dataset.shuffle(FILES, seed=1),
        "batch": lambda dataset: dataset.batch(FILES_IN_A_BATCH),
        "prefetch": lambda dataset: dataset.prefetch(1),
    }
    dataset = tf.data.Dataset.range(FILES)
    for name in steps:
        dataset = apply[name](dataset)
    return dataset


@check()
def find_copies(answer):
    """Check a function that finds validation pictures that are copies of training pictures.

    Args:
        answer: a function of two uint8 arrays (n, 64, 64, 3), training and validation pictures, that returns pairs
            (index in validation, index in training).

    Returns:
        A `Feedback` that says which copy was missed, or which pictures are wrongly called copies.
    """
    train_images, val_images, planted = _planted_copies()
    pairs = _as_pairs(call_answer(answer, train_images, val_images, returns="the pairs that it found"))
    if pairs is None:
        return wrong("Return pairs (index in validation, index in training), as a list or as np.argwhere gives them.")
    return _judge_pairs(pairs, planted)


def _judge_pairs(pairs, planted):
    wanted = set(planted)
    if pairs != wanted and {pair[::-1] for pair in pairs} == wanted:
        return wrong("These are the right pairs the wrong way round: the index in validation comes first.")
    if false := sorted(pairs - wanted):
        index, other = false[0]
        return wrong(
            f"{len(false)} of {len(pairs)} pairs are no copies: validation picture {index} is not training picture "
            f"{other}, both are drawn anew. Allow fewer differences."
        )
    if missed := [(pair, how) for pair, how in planted.items() if pair not in pairs]:
        (index, other), how = missed[0]
        return wrong(
            f"{len(missed)} of {len(wanted)} copies were missed: validation picture {index} is training picture "
            f"{other}, {how}. {_missed_advice(how)}"
        )
    return right(f"All {len(wanted)} copies were found, also those whose pixels differ, and nothing else.")


def _missed_advice(how):
    if how == "made paler":
        return "Which of two neighbours is brighter does not change when both become paler."
    if how == "unchanged":
        return "It is the same in every pixel."
    return "Compare few large blocks, not single pixels, and allow a few differences."


def _planted_copies():
    """Return training pictures, validation pictures and how copies were changed: {(validation, training): how}."""
    train_images, _ = drawings.draw_set(drawings.PETS, 12, 0, SIZE_PX, progress=False)
    val_images, _ = drawings.draw_set(drawings.PETS, 6, 100_000, SIZE_PX, progress=False)
    changes = {
        (2, 17): ("unchanged", lambda image: image),
        (5, 3): ("saved again as JPEG", _as_jpeg),
        (9, 20): ("made paler", lambda image: (image // 2 + 100).astype(np.uint8)),
    }
    for (index, other), (_, change) in changes.items():
        val_images[index] = change(train_images[other])
    return train_images, val_images, {pair: how for pair, (how, _) in changes.items()}


def _as_jpeg(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


def _as_pairs(found):
    """Return the answer as a set of pairs of ints, or None."""
    try:
        pairs = {tuple(pair) for pair in found}
    except TypeError:
        return None
    is_sound = all(len(pair) == 2 and all(is_whole_number(number, 0) for number in pair) for pair in pairs)
    return {(int(a), int(b)) for a, b in pairs} if is_sound else None
