"""The freezing figure: the five steps of fine-tuning on a real model, what is trainable, and what a step moves."""

import functools
import math
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

import numpy as np
import traitlets

from convbook.figures import still
from convbook.figures.base import FigureError, LiveFigure

KINDS = ("kernels and biases", "gamma and beta", "moving statistics")
TITLES = (
    "put a new head on the base",
    "freeze the base",
    "train the head",
    "unfreeze the base",
    "train both at a low rate",
)
HEAD = "head"
RATES = {3: 0.001, 5: 0.0001}  # of the two steps that train
BUILT_BEFORE = {3: 1, 5: 3}  # where the last compile was, if it is forgotten in one of them
MOST_BLOCKS = 16
PICTURES_PER_CLASS = 4


class Part(NamedTuple):
    """A block of the base, or the head, in one state of the figure.

    `counts`, `trainable` and `moves` have one entry for each of `KINDS`: how many numbers there are, whether
    `trainable` lists them, and the largest change of one of them in one step, 0.0 where all stay; `moves` is None in
    the steps that do not train.
    """

    name: str
    counts: tuple
    trainable: tuple
    moves: tuple | None


class Freezing(LiveFigure):
    """Go through the five steps of fine-tuning: what is trainable in each, and what one step of the optimizer moves.

    What moves is measured when the figure is made: a copy of the base gets a head of `models.build_head`, and Adam
    takes single steps on eight drawn pictures, each from the same weights; with all blocks unfrozen, batch
    normalization frozen or not, at the rates 0.001, 0.0001 and 0. Which of these weights move in a state follows from
    what was trainable when the step was built.

    Args:
        backbone: a keras.Model from pictures to feature maps, whose layers' names show blocks, as `backbones.load`
            gives; it is left as it is. None takes the packaged base `drawn_world` with its converter.
        converter: from pictures with values from 0 to 255 to what the backbone was trained on, as `backbones.load`
            gives; None changes nothing.
        step: 1 to 5.
        unfrozen_blocks: how many blocks, from the top, are unfrozen in step 4; None for all.
        batch_norm_frozen: whether the base's batch normalizations stay frozen from step 2 on. If not, all of them are
            trainable, in frozen blocks too.
        compile_forgotten: whether compile is forgotten in steps 3 and 5, so that the step built before goes on.
        rate_zero: whether the steps are taken with a learning rate of 0.
        image_size_px: height and width of the drawn pictures, for a backbone that needs larger ones.

    Raises:
        FigureError: a ValueError and a TraitError, if the base has no blocks or too many, or a number is not possible;
            the message says what would be.

    Example:
        >>> figure = Freezing(step=2)
        >>> figure.trainable_weights, figure.weights
        (16513, 171409)
        >>> [part.name for part in figure.parts]
        ['block1', 'block2', 'block3', 'block4', 'head']
    """

    step = traitlets.Int(1).tag(sync=True)
    unfrozen_blocks = traitlets.Int(0).tag(sync=True)
    batch_norm_frozen = traitlets.Bool(True).tag(sync=True)
    compile_forgotten = traitlets.Bool(False).tag(sync=True)
    rate_zero = traitlets.Bool(False).tag(sync=True)
    _parts = traitlets.List().tag(sync=True)
    _moves = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        backbone=None,
        *,
        converter=None,
        step=1,
        unfrozen_blocks=None,
        batch_norm_frozen=True,
        compile_forgotten=False,
        rate_zero=False,
        image_size_px=64,
    ):
        counts, moves = _measure_packaged() if backbone is None else measure(backbone, converter, image_size_px)
        parts = [{"name": name, "counts": numbers} for name, numbers in counts.items()]
        super().__init__(_parts=parts, _moves={way: dict(tables) for way, tables in moves.items()})
        self.step = step
        self.unfrozen_blocks = self.blocks if unfrozen_blocks is None else unfrozen_blocks
        self.batch_norm_frozen, self.compile_forgotten = batch_norm_frozen, compile_forgotten
        self.rate_zero = rate_zero

    @property
    def blocks(self):
        """How many blocks the base has."""
        return len(self._parts) - 1

    @property
    def parts(self):
        """The blocks from the input to the output, then the head, as a list of `Part`."""
        return read_parts(self)

    @property
    def weights(self):
        """How many numbers the model has."""
        return sum(sum(part["counts"]) for part in self._parts)

    @property
    def trainable_weights(self):
        """How many of them `trainable` lists."""
        return count_numbers(self.parts, lambda trainable, move: trainable)

    def describe(self):
        return describe(self)

    def draw_still(self):
        return draw_still(self)

    @traitlets.validate("step", "unfrozen_blocks")
    def _validate_number(self, proposal):
        name, value = proposal.trait.name, proposal.value
        low, high = (1, len(TITLES)) if name == "step" else (0, self.blocks)
        if not low <= value <= high:
            what = "fine-tuning has five steps" if name == "step" else f"this base has {high} blocks"
            raise FigureError(f"{name} is {value}; {what}: give {low} to {high}.")
        return value


# ---- what the model does --------------------------------------------------------------------------------------------


@functools.cache
def _measure_packaged():
    """The packaged base is always the same, so it is measured once for all figures."""
    from convbook import backbones, runs

    return measure(*backbones.load(runs.QUICK.backbone))


def measure(backbone, converter=None, image_size_px=64):
    """Count a model's weights by part and kind, and measure how far single steps move them.

    Args:
        backbone, converter, image_size_px: as for `Freezing`.

    Returns:
        (counts, moves): a dictionary from each part's name, blocks from input to output and then the head, to a list of
        how many numbers it has of each of `KINDS`; and {"frozen" | "open": {rate as text: lists of the largest changes
        of each kind, a list for each part}}, all blocks unfrozen, with batch normalization frozen or not.

    Raises:
        FigureError: if the base is none that `freezing` can unfreeze by blocks, has too many of them, or cannot take
            the pictures.
    """
    from convbook import freezing

    base = _copy(backbone)
    try:
        blocks = freezing.block_names(base)
    except ValueError as error:
        raise FigureError(str(error)) from error
    if not 1 <= len(blocks) <= MOST_BLOCKS:
        raise FigureError(
            f"{backbone.name} has {len(blocks)} blocks; the figure has room for {MOST_BLOCKS}. Take a smaller base, "
            "such as backbones.load('drawn_world')."
        )
    try:
        model, head = put_head_on(base, converter, image_size_px)
    except ValueError as error:
        raise FigureError(
            f"{backbone.name} cannot take pictures of {image_size_px} × {image_size_px} pixels as they come out of the "
            f"converter; give image_size_px and converter as this base needs them. Keras says: {error}"
        ) from error
    slots = _sort_weights(base, head, blocks)
    sizes = freezing.snapshot(model)
    counts = {name: [0] * len(KINDS) for name in [*blocks, HEAD]}
    for path, (name, kind) in slots.items():
        counts[name][kind] += int(sizes[path].size)
    images, labels = draw_pictures(image_size_px)
    moves = {"frozen": {}, "open": {}}
    for way, rate in [("frozen", 0.001), ("frozen", 0.0001), ("open", 0.001), ("open", 0.0001), ("open", 0.0)]:
        freezing.unfreeze(base, batch_norm=way == "open")
        changes = take_step(model, images, labels, rate)
        largest = {name: [0.0] * len(KINDS) for name in counts}
        for path, (name, kind) in slots.items():
            largest[name][kind] = max(largest[name][kind], changes[path])
        moves[way][f"{rate:g}"] = [[_round(move) for move in row] for row in largest.values()]
    return counts, moves


def _copy(backbone):
    """The same network with the same weights: the reader's own must not be trained."""
    import keras

    if not isinstance(backbone, keras.Model) or not backbone.built:
        raise FigureError(
            f"backbone is {type(backbone).__name__}; give a keras.Model with its weights, from pictures to feature "
            "maps, such as backbone, converter = backbones.load('drawn_world')."
        )
    copy = type(backbone).from_config(backbone.get_config())
    copy.set_weights(backbone.get_weights())
    return copy


def put_head_on(base, converter=None, image_size_px=64):
    """Put a new head on a base, as the first step of fine-tuning does.

    Without dropout and with drawn weights of its own, so that nothing depends on the state of a random generator.

    Args:
        base, converter, image_size_px: as for `Freezing`.

    Returns:
        (model, head): keras.Models, not compiled; the first from pictures (n, height, width, 3) to probabilities.
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
    return keras.Model(pictures, head(features)), head


def _sort_weights(base, head, blocks):
    """Which part and kind each weight is of, {path: (name of the part, number of the kind)}."""
    from convbook import freezing

    def trainable_paths(*chosen, **how):
        freezing.unfreeze(base, *chosen, **how)
        return {weight.path for weight in base.trainable_weights}

    kernels = trainable_paths()
    everything = trainable_paths(batch_norm=True)
    owners = {}
    for block in blocks:
        for path in trainable_paths([block], batch_norm=True):
            owners[_layer_of(path)] = block
    slots, block = {}, blocks[0]
    for weight in base.weights:
        block = owners.get(_layer_of(weight.path), block)
        slots[weight.path] = block, 0 if weight.path in kernels else 1 if weight.path in everything else 2
    return slots | {weight.path: (HEAD, 0) for weight in head.weights}


def _layer_of(path):
    return path.rsplit("/", 1)[0]


def draw_pictures(image_size_px=64):
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


def _round(move):
    """Two digits, as the figure writes them: further ones differ from machine to machine."""
    return float(f"{move:.1e}")


# ---- what follows for a state; freezing.js has the same -------------------------------------------------------------


def list_trainable(parts, step, unfrozen_blocks, batch_norm_frozen):
    """Tell which weights `trainable` lists after a step.

    Args:
        parts: dictionaries with name and counts, blocks from input to output and then the head.
        step, unfrozen_blocks, batch_norm_frozen: as for `Freezing`.

    Returns:
        For each part a tuple of booleans, one for each of `KINDS`.

    Example:
        >>> parts = [{"name": "block1", "counts": [9, 2, 2]}, {"name": "head", "counts": [5, 0, 0]}]
        >>> list_trainable(parts, 2, 1, True)
        [(False, False, False), (True, False, False)]
    """
    blocks = len(parts) - 1
    rows = []
    for number, part in enumerate(parts):
        kernels = step == 1 or number == blocks or (step >= 4 and number >= blocks - unfrozen_blocks)
        gamma_beta = part["counts"][1] > 0 and (step == 1 or not batch_norm_frozen)
        rows.append((kernels, gamma_beta, False))
    return rows


def list_moves(parts, moves, step, unfrozen_blocks, batch_norm_frozen, compile_forgotten, rate_zero):
    """Tell how far one step moves each kind of weights of each part.

    Args:
        parts: as for `list_trainable`.
        moves: as `measure` gives.
        step, unfrozen_blocks, batch_norm_frozen, compile_forgotten, rate_zero: as for `Freezing`.

    Returns:
        For each part a tuple of the largest changes, one for each of `KINDS`; None where the step does not train.
    """
    if step not in RATES:
        return None
    built = BUILT_BEFORE[step] if compile_forgotten else step
    rate = 0 if rate_zero else RATES.get(built, RATES[3])
    is_open = built == 1 or not batch_norm_frozen
    table = moves["open" if is_open or rate == 0 else "frozen"][f"{rate:g}"]
    trained = list_trainable(parts, built, unfrozen_blocks, batch_norm_frozen)
    return [
        (row[0] * kernels, row[1] * gamma_beta, row[2] * is_open)
        for row, (kernels, gamma_beta, _) in zip(table, trained, strict=True)
    ]


def read_parts(figure):
    """The parts of the model in the figure's state, as a list of `Part`."""
    choice = figure.step, figure.unfrozen_blocks, figure.batch_norm_frozen
    trainable = list_trainable(figure._parts, *choice)
    moves = list_moves(figure._parts, figure._moves, *choice, figure.compile_forgotten, figure.rate_zero)
    return [
        Part(part["name"], tuple(part["counts"]), trainable[number], moves[number] if moves else None)
        for number, part in enumerate(figure._parts)
    ]


def count_numbers(parts, chosen):
    """How many numbers there are in those kinds of the parts for which chosen(trainable, move) is true."""
    return sum(
        part.counts[kind]
        for part in parts
        for kind in range(len(KINDS))
        if chosen(part.trainable[kind], part.moves[kind] if part.moves else 0)
    )


# ---- what is said; freezing.js has the same sentences ---------------------------------------------------------------


def write_move(move):
    """Write a change with two digits.

    Example:
        >>> write_move(0.001), write_move(0.000062), write_move(0.023), write_move(1.25)
        ('0.001', '0.000062', '0.023', '1.3')
    """
    decimals = max(0, 1 - math.floor(math.log10(move) + 1e-9))
    text = f"{Decimal(str(move)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def write_verdict(figure):
    """Say whether the step moves what is trainable."""
    parts, step = figure.parts, figure.step
    if step not in RATES:
        return f"No step is taken here: step {3 if step < 3 else 5} compiles and trains."
    extra = count_numbers(parts, lambda trainable, move: move and not trainable)
    idle = count_numbers(parts, lambda trainable, move: trainable and not move)
    sentences = []
    if extra:
        sentences.append(f"The step moves {extra:,} weights that are not trainable.")
    if idle and figure.rate_zero:
        sentences.append("At a rate of 0 no trainable weight moves.")
    elif idle:
        sentences.append(f"{idle:,} trainable weights stay where they are.")
    if figure.compile_forgotten and not figure.rate_zero and (extra or idle):
        sentences.append(f"The step is still the one that was built in step {BUILT_BEFORE[step]}.")
    return " ".join(sentences) or "The step moves what is trainable, and nothing else."


def write_moving(figure):
    """List what moves, by kind, from input to output."""
    lists = []
    for kind, words in enumerate(KINDS):
        names = [part.name for part in figure.parts if part.moves and part.moves[kind]]
        lists += [f"{words} of {', '.join(names)}"] * bool(names)
    return "; ".join(lists) or "nothing"


def describe(figure):
    """Say what a Freezing shows."""
    parts = figure.parts
    moving = ""
    if figure.step in RATES:
        moved = count_numbers(parts, lambda trainable, move: move)
        moving = f"One step moves parts with {moved:,} weights: {write_moving(figure)}. "
    return (
        f"Step {figure.step} of 5, {TITLES[figure.step - 1]}. Trainable: {figure.trainable_weights:,} of "
        f"{figure.weights:,} weights. {moving}{write_verdict(figure)}"
    )


# ---- the still picture ----------------------------------------------------------------------------------------------

STILL_WIDTH_PX, LARGEST_PX, SMALLEST_PX, ROW_PX, TOP_PX = 700, 66, 3, 52, 74
COLUMNS_PX = (96, 340, 520)
TRAINABLE, NOT_TRAINABLE, MOVES = "#0b6e99", "#8b929b", "#b04c05"


def draw_still(figure):
    """Draw the model in the figure's state: a row for each part, from the head down to the first block.

    Args:
        figure: a Freezing.

    Returns:
        An SVG element as text.
    """
    parts = figure.parts[::-1]
    largest = max(max(part.counts) for part in parts)
    lines = [still.draw_heading(f"Step {figure.step} of 5:", TITLES[figure.step - 1], 0, 16)]
    lines += [still.draw_text(write_verdict(figure), 0, 36)]
    lines += [still.draw_text(words, x, TOP_PX - 12) for words, x in zip(KINDS, COLUMNS_PX, strict=True)]
    y = TOP_PX
    for part in parts:
        sides = [max(SMALLEST_PX, LARGEST_PX * math.sqrt(number / largest)) for number in part.counts]
        high = max(ROW_PX, sides[0] + 12)
        lines.append(f'<rect x="1" y="{y:g}" width="{STILL_WIDTH_PX - 2}" height="{high:g}" rx="6" {BOX}/>')
        lines.append(still.draw_text(part.name, 12, y + high / 2 + 4, font_weight="bold"))
        for kind, x in enumerate(COLUMNS_PX):
            if part.counts[kind]:
                lines.append(_draw_slot(part, kind, x, y + high / 2, sides[kind]))
        y += high + 6
    return still.wrap_svg(lines, STILL_WIDTH_PX, y, describe(figure))


BOX = 'fill="none" stroke="currentColor" stroke-opacity="0.3"'


def _draw_slot(part, kind, x, middle, side):
    """A square whose area tells how many numbers there are, and beside it what becomes of them."""
    trainable, move = part.trainable[kind], part.moves[kind] if part.moves else 0
    fill = TRAINABLE if trainable else NOT_TRAINABLE
    square = f'<rect x="{x:g}" y="{middle - side / 2:g}" width="{side:g}" height="{side:g}" fill="{fill}"/>'
    if move:
        frame = f'x="{x - 3:g}" y="{middle - side / 2 - 3:g}" width="{side + 6:g}" height="{side + 6:g}"'
        square += f'<rect {frame} fill="none" stroke="{MOVES}" stroke-width="2.5"/>'
    texts = [f"{part.counts[kind]:,}", "trainable" if trainable else "not trainable"]
    if part.moves:
        texts.append(f"moves by up to {write_move(move)}" if move else "stays")
    left, top = x + side + 10, middle - 8 * len(texts) + 12
    return square + "".join(
        still.draw_text(text, left, top + 16 * n, font_size=12, **({"font_weight": "bold"} if n == 0 else {}))
        for n, text in enumerate(texts)
    )
