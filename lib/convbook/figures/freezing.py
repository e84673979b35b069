"""The freezing figure: the five steps of fine-tuning on a real model, what is trainable, and what a step moves."""

import functools
import math

import numpy as np
import traitlets

from convbook.figures.base import LiveFigure, Switch, Whole, refuse_outside

HEAD = "head"
KINDS = ("kernels and biases", "gamma and beta", "moving statistics")
KIND_OF = {"gamma": 1, "beta": 1, "moving_mean": 2, "moving_variance": 2}  # of all other weights it is 0
IMAGE_SIZE_PX, PICTURES_PER_CLASS = 64, 4


class Freezing(LiveFigure):
    """The five steps of fine-tuning: what is trainable in each, and what one step of the optimizer moves.

    It opens on a question: compile was forgotten in step 5; what moves? The reader guesses, sees, and then goes through
    the steps. What moves is measured when the figure is made: the packaged base `drawn_world` gets a head of
    `models.build_head`, and Adam takes single steps on eight drawn pictures, each from the same weights; with all
    blocks unfrozen, batch normalization frozen or not, at the rates 0.001 and 0.0001. Which of these weights move in a
    state follows from what was trainable when the step was built.

    Args:
        step: 1 to 5.
        unfrozen_blocks: how many blocks, from the top, are unfrozen in step 4; all, if it is not given.
        batch_norm_frozen: whether the base's batch normalizations stay frozen from step 2 on. If not, all of them are
            trainable, in frozen blocks too.
        compile_forgotten: whether compile is forgotten in steps 3 and 5, so that the step built before goes on.
        asked: whether the figure asks what moves in steps 3 and 5 before it shows it.
        guess: the parts that the reader said would move, a sum of 1 for the first block, 2 for the second, 4, …, and
            the last for the head.

    Raises:
        FigureError: a ValueError and a TraitError, if there is no such step or block; the message says what there is.

    Example:
        >>> Freezing(step=2).unfrozen_blocks
        4
    """

    alternative = (
        "The five steps of fine-tuning on a base of four blocks and a new head: which weights are trainable in each "
        "step, and which of them one step of the optimizer moves."
    )

    step = Whole(5, 1, 5, remedy="Fine-tuning has five steps.").tag(sync=True)
    unfrozen_blocks = Whole(0).tag(sync=True)
    batch_norm_frozen = Switch(True).tag(sync=True)
    compile_forgotten = Switch(True).tag(sync=True)
    asked = Switch(True).tag(sync=True)
    guess = Whole(0, 0, 31, remedy="The model has five parts.").tag(sync=True)
    _parts = traitlets.List().tag(sync=True)
    _moves = traitlets.Dict().tag(sync=True)

    def __init__(self, *, unfrozen_blocks=None, **traits):
        counts, moves = measure()
        parts = [{"name": name, "counts": numbers} for name, numbers in counts.items()]
        unfrozen_blocks = len(parts) - 1 if unfrozen_blocks is None else unfrozen_blocks
        super().__init__(_parts=parts, _moves=moves, unfrozen_blocks=unfrozen_blocks, **traits)

    def check(self, state):
        blocks = len(state._parts) - 1
        refuse_outside(state, "unfrozen_blocks", 0, blocks, f"this base has {blocks} blocks")


@functools.cache
def measure():
    """Count the weights of the packaged base with a head by part and kind, and measure how far single steps move them.

    Returns:
        (counts, moves): a dictionary from each part's name, blocks from input to output and then the head, to a list of
        how many numbers it has of each of `KINDS`; and {"frozen" | "open": {rate as text: lists of the largest changes
        of each kind, a list for each part}}, all blocks unfrozen, with batch normalization frozen or not.
    """
    from convbook import backbones, freezing, runs

    base, converter = backbones.load(runs.QUICK.backbone)
    model = put_head_on(base, converter)
    names = [*freezing.block_names(base), HEAD]
    sizes = {path: array.size for path, array in freezing.snapshot(model).items()}
    counts = _by_part(names, sizes, sum)
    batch = draw_pictures()
    moves = {"frozen": {}, "open": {}}
    for batch_norm, rate in [("frozen", 0.001), ("frozen", 0.0001), ("open", 0.001), ("open", 0.0001)]:
        freezing.unfreeze(base, batch_norm=batch_norm == "open")
        largest = _by_part(names, take_step(model, *batch, rate), max)
        # Two digits, as the figure writes them: further ones differ from machine to machine.
        moves[batch_norm][f"{rate:g}"] = [[float(f"{move:.1e}") for move in row] for row in largest.values()]
    return counts, moves


def _by_part(names, numbers, combine):
    """Numbers of single weights, {path: number}, as {name of the part: [one of each of KINDS]}."""
    rows = {name: [[0], [0], [0]] for name in names}
    for path, number in numbers.items():
        part = path.split("_")[0]
        rows[part if part in rows else HEAD][KIND_OF.get(path.split("/")[-1], 0)].append(number)
    return {name: [combine(kind) for kind in row] for name, row in rows.items()}


def put_head_on(base, converter=None, image_size_px=IMAGE_SIZE_PX):
    """Put a new head on a base, as the first step of fine-tuning does.

    Without dropout and with drawn weights of its own, so that nothing depends on the state of a random generator.

    Args:
        base: a keras.Model from pictures to feature maps.
        converter: from pictures with values from 0 to 255 to what the base was trained on; None changes nothing.
        image_size_px: height and width of the pictures.

    Returns:
        A keras.Model, not compiled, from pictures (n, height, width, 3) to probabilities.
    """
    import keras

    from convbook import models

    pictures = keras.Input((image_size_px, image_size_px, 3))
    features = base(pictures if converter is None else converter(pictures))
    head = models.build_head(features.shape[1:], dropout=0.0, name=HEAD)
    rng = np.random.default_rng(0)
    for weight in head.weights:
        limit = math.sqrt(6 / sum(weight.shape)) if len(weight.shape) == 2 else 0.0  # Glorot's, as Keras has it
        weight.assign(rng.uniform(-limit, limit, weight.shape))
    return keras.Model(pictures, head(features))


def draw_pictures(image_size_px=IMAGE_SIZE_PX):
    """Draw the eight pictures on which the steps are taken.

    Returns:
        float32 (8, height, width, 3) with values from 0 to 255, and labels, float32 (8, 1).
    """
    from convbook.drawings import draw_set

    images, labels = draw_set(("cat", "dog"), PICTURES_PER_CLASS, size_px=image_size_px, workers=1, progress=False)
    return images.astype("float32"), labels.reshape(-1, 1).astype("float32")


def take_step(model, images, labels, rate):
    """Compile a model, take one step with Adam, and put all weights back.

    Args:
        model: a keras.Model with one sigmoid unit.
        images, labels: one batch, as `draw_pictures` gives.
        rate: the learning rate.

    Returns:
        What `freezing.changes` gives: from each weight's path to its largest change.
    """
    import keras

    from convbook import freezing

    before = freezing.snapshot(model)
    model.compile(keras.optimizers.Adam(rate), loss="binary_crossentropy", run_eagerly=True)  # one step: no compiling
    model.train_on_batch(images, labels)
    changes = freezing.changes(model, before)
    model.set_weights(list(before.values()))
    return changes
