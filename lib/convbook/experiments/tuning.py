"""Fine-tuning as the experiments do it: a base with a head, the start that all share, and what becomes of both.

Everything begins with the same start: a pretrained base and a head that was trained on its features while the base was
frozen. All seeds share that one base. They vary the pictures, the head's initial weights, and the order of the
pictures; of the luck in pretraining they say nothing.

What went wrong is reported as it is after the last update: the best of several checkpoints would hide the damage.
"""

import functools
from typing import NamedTuple

import keras
import numpy as np

from convbook import backbones, drawings, freezing, models
from convbook.experiments.data import cats_and_dogs, draw_parts
from convbook.experiments.pretrained import PARTS_SEED
from convbook.experiments.probes import outputs, probe, similarity
from convbook.experiments.training import accuracy, done_once, full_batches

OLD_PICTURES = {"train_pictures": 10, "validation_pictures": 4, "test_pictures": 10, "size_px": 64}
OPTIMIZERS = {"SGD": keras.optimizers.SGD, "Adam": keras.optimizers.Adam}
NIGHT = (0.25, 0.35, 0.6)  # what is left of red, green and blue: dark and bluish
DOMAINS = {"day": lambda images: images, "night": lambda images: (images * np.float32(NIGHT)).astype("uint8")}
# The settings that decide a start, and those that decide a fine-tuning from it.
START = (
    "kind",
    "size_px",
    "backbone",
    "train_pictures",
    "validation_pictures",
    "test_pictures",
    "head_updates",
    "head_learning_rate",
)
TUNING = (*START, "updates", "learning_rate", "batch_size")


# ---- a base with a head, and how it is trained ----


class Net(NamedTuple):
    """A base with a head on it.

    Attributes:
        model: keras.Model from pictures (n, height, width, 3), 0 to 255, to the probability of a dog.
        backbone, head: its two parts.
    """

    model: keras.Model
    backbone: keras.Model
    head: keras.Model

    def set_weights(self, base, head):
        """Give both parts the weights in two lists of arrays."""
        self.backbone.set_weights(base)
        self.head.set_weights(head)


def build_net(preset, size_px, momentum=None):
    """Put a head on a pretrained base, all of it trainable.

    The momentum is that of the moving statistics of all batch normalizations; None leaves the base's own.
    """
    backbone, converter = backbones.load(preset, size_px)
    if momentum is not None:
        for layer in batch_norms(backbone):
            layer.momentum = momentum
    image = keras.Input((size_px, size_px, 3))
    features = backbone(converter(image))
    head = models.build_head(features.shape[1:])
    return Net(keras.Model(image, head(features)), backbone, head)


def batch_norms(backbone):
    """List the batch normalizations of a backbone."""
    return [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]


def moving_statistics(backbone):
    """Copy all moving means and variances of a backbone into one array."""
    statistics = [weight for layer in batch_norms(backbone) for weight in (layer.moving_mean, layer.moving_variance)]
    return np.concatenate([keras.ops.convert_to_numpy(weight).ravel() for weight in statistics])


@functools.cache
def compiled_net(preset, size_px, optimizer, blocks=None, batch_norm=False, momentum=None):
    """Build a net once for each method of training it, because compiling takes longer than an epoch.

    Blocks and batch_norm say what is unfrozen, as for `freezing.unfreeze`. The weights and the optimizer of the net
    have to be put back before each training, see `reset`.
    """
    net = build_net(preset, size_px, momentum)
    freezing.unfreeze(net.backbone, blocks, batch_norm=batch_norm)
    net.model.compile(OPTIMIZERS[optimizer](1.0), "binary_crossentropy")
    return net


def reset(net, base, head, rate, seed):
    """Put a compiled net back to some weights, and make its optimizer and its dropout begin anew."""
    net.set_weights(base, head)
    for variable in net.model.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    net.model.optimizer.learning_rate = rate
    reset_dropout(net.head, seed)


def reset_dropout(head, seed):
    """Let the dropout of a head draw the same numbers as after any other reset with this seed."""
    for layer in head.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.seed_generator.state.assign([seed, 0])


def train(model, inputs, labels, batches):
    """Train a compiled model on batches, given by the indices of their pictures."""
    for indices in batches:
        model.train_on_batch(inputs[indices].astype("float32"), labels[indices, np.newaxis].astype("float32"))


def train_head(weights, record, seed, stops, rate, batch_size=32):
    """Train a head on recorded features {"train": (features, labels), …}: that is to train it on the frozen base.

    Returns its weights after each of the numbers of updates in stops, which rise.
    """
    features, labels = record["train"]
    head = models.build_head(features.shape[1:])
    head.set_weights(weights)
    reset_dropout(head, seed)
    head.compile(keras.optimizers.Adam(rate), "binary_crossentropy")
    batches, kept = list(full_batches(len(features), batch_size, stops[-1], np.random.default_rng(seed))), []
    for first, last in zip([0, *stops], stops, strict=False):
        train(head, features, labels, batches[first:last])
        kept.append(head.get_weights())
    return kept


# ---- the start, and what becomes of it ----


class Start(NamedTuple):
    """Where every fine-tuning of a seed begins.

    Attributes:
        parts: {"train": (images, labels), "validation": …, "test": …}.
        record: the same with the frozen base's features instead of the pictures.
        means: {block: mean of each of its channels for the validation pictures}, before anything moved.
        base: weights of the pretrained base.
        untrained, trained: weights of the head before and after it was trained on the record.
    """

    parts: dict
    record: dict
    means: dict
    base: list
    untrained: list
    trained: list


class Tuned(NamedTuple):
    """What one fine-tuning left, after its last update.

    Attributes:
        base, head: weights.
        trainable: number of weights of the base that were trained.
        statistics_moved: largest change of a moving mean or variance.
    """

    base: list
    head: list
    trainable: int
    statistics_moved: float


class Evaluation(NamedTuple):
    """What a base and a head can do, and how far the base has drifted.

    Attributes:
        training, validation, test: accuracy on clean pictures.
        drifts: for each block, 1 - CKA of its features of the validation pictures with those before.
        new: test accuracy of a linear probe for cats and dogs on the base's features.
    """

    training: float
    validation: float
    test: float
    drifts: tuple
    new: float

    @property
    def gap(self):
        """By how much the model is better on its training pictures."""
        return self.training - self.validation


@done_once(*START, at_most=8)
def started(seed, settings, domain="day"):
    """Get pictures, run them through the base once, and train a head; once, however many claims ask for it.

    The domain is "day" for pictures as they are, "night" for dark and bluish ones.
    """
    pictures = cats_and_dogs(seed, settings)
    parts = {part: (DOMAINS[domain](images), labels) for part, (images, labels) in pictures.items()}
    preset, size_px = settings["backbone"], parts["train"][0].shape[1]
    net, measured = evaluator(preset, size_px)
    base = pretrained_weights(preset, size_px)
    net.backbone.set_weights(base)
    found = {part: outputs(measured, images) for part, (images, _) in parts.items()}
    record = {part: (found[part]["features"], labels) for part, (_, labels) in parts.items()}
    keras.utils.set_random_seed(seed)
    untrained = models.build_head(record["train"][0].shape[1:]).get_weights()
    (trained,) = train_head(untrained, record, seed, [settings["head_updates"]], settings["head_learning_rate"])
    return Start(parts, record, found["validation"], base, untrained, trained)


@functools.cache
def evaluator(preset, size_px):
    """Build a net to evaluate: it is never trained, only given weights.

    Returns a `Net`, and a keras.Model from pictures to {"features": …, "probability": …, name of a block: mean of each
    of its channels}.
    """
    net = build_net(preset, size_px)
    image = keras.Input((size_px, size_px, 3))
    _, converter = backbones.load(preset, size_px)
    ends = freezing.block_ends(net.backbone)
    maps = keras.Model(net.backbone.input, [*(layer.output for layer in ends.values()), net.backbone.output])
    *ends_of_blocks, features = maps(converter(image))
    measured = {
        block: keras.layers.GlobalAveragePooling2D()(each) for block, each in zip(ends, ends_of_blocks, strict=True)
    }
    return net, keras.Model(image, measured | {"features": features, "probability": net.head(features)})


@functools.cache
def pretrained_weights(preset, size_px):
    """The weights of a base as it was pretrained."""
    return backbones.load(preset, size_px)[0].get_weights()


def evaluate(start, base, head, preset):
    """Measure what a base and a head can do, and how far the base has drifted since its start."""
    net, measured = evaluator(preset, start.parts["train"][0].shape[1])
    net.set_weights(base, head)
    found = {part: outputs(measured, images) for part, (images, _) in start.parts.items()}
    labels = {part: labels for part, (_, labels) in start.parts.items()}
    rows = {part: (channel_means(found[part]["features"]), labels[part]) for part in found}
    correct = {part: (found[part]["probability"][:, 0] > 0.5) == labels[part] for part in found}
    return Evaluation(
        *(float(correct[part].mean()) for part in ("train", "validation", "test")),
        drifts=tuple(
            drift(start.means[block], found["validation"][block]) for block in freezing.block_names(net.backbone)
        ),
        new=probe(rows),
    )


def channel_means(features):
    """Mean of each channel, (n, height, width, channels) to (n, channels).

    It is 0 in all where steps were so large that one of the numbers is infinite or none.

    Example:
        >>> channel_means(np.full((2, 1, 1, 3), np.nan)).tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    means = features.astype("float64").mean(axis=(1, 2))
    return means if np.isfinite(means).all() else np.zeros_like(means)


def drift(before, after):
    """Measure how far features (n, channels) of the same pictures have come from what they were: 1 - CKA.

    It is 0.0 if they are the same but for rotation and scale; 1.0 if they have nothing in common, or if there is
    nothing left to compare because they are infinite or the same for each picture.

    Example:
        >>> before = np.random.default_rng(0).normal(size=(20, 3))
        >>> round(drift(before, 2 * before), 6), drift(before, np.full((20, 3), np.inf))
        (0.0, 1.0)
    """
    if not np.isfinite(after).all() or not np.ptp(after, axis=0).any():
        return 1.0
    return 1 - similarity(before, after)


def evaluate_test(start, base, head, preset):
    """Measure test accuracy only, of the weights of a base and of a head."""
    net, _ = evaluator(preset, start.parts["train"][0].shape[1])
    net.set_weights(base, head)
    return accuracy(net.model, *start.parts["test"])


@done_once(*TUNING, at_most=64)
def tuned(
    seed,
    settings,
    blocks=None,
    batch_norm=False,
    momentum=None,
    optimizer="Adam",
    head_first=True,
    by_class=False,
    domain="day",
):
    """Fine-tune a base and a head together; once, however many claims ask for the same.

    Blocks and batch_norm say what is unfrozen, as for `freezing.unfreeze`; momentum is that of the moving statistics.
    Without head_first it begins with the untrained head; with by_class the pictures come class by class.
    """
    start = started(seed, settings, domain=domain)
    images, labels = start.parts["train"]
    blocks = tuple(blocks) if isinstance(blocks, list) else blocks  # settings that come from JSON hold lists
    net = compiled_net(settings["backbone"], images.shape[1], optimizer, blocks, batch_norm, momentum)
    reset(net, start.base, start.trained if head_first else start.untrained, settings["learning_rate"], seed)
    before = moving_statistics(net.backbone)
    rng = np.random.default_rng(seed)
    order = labels if by_class else None
    train(net.model, images, labels, full_batches(len(images), settings["batch_size"], settings["updates"], rng, order))
    return Tuned(
        net.backbone.get_weights(),
        net.head.get_weights(),
        trainable=sum(int(np.prod(weight.shape)) for weight in net.backbone.trainable_weights),
        statistics_moved=float(np.abs(moving_statistics(net.backbone) - before).max()),
    )


def tune_and_evaluate(seed, settings, **options):
    """Fine-tune and evaluate the result: a `Tuned` and an `Evaluation`; options are those of `tuned`."""
    one, start = tuned(seed, settings, **options), started(seed, settings, domain=options.get("domain", "day"))
    return one, evaluate(start, one.base, one.head, settings["backbone"])


def evaluate_frozen(seed, settings, rate):
    """Go on training the head alone at this rate, and evaluate it with the frozen base."""
    start = started(seed, settings)
    (head,) = train_head(start.trained, start.record, seed, [settings["updates"]], rate, settings["batch_size"])
    return evaluate(start, start.base, head, settings["backbone"])


def probe_old(base, seed, preset):
    """Train a linear probe for the base's old kinds on its features; returns its test accuracy."""
    net, measured = evaluator(preset, OLD_PICTURES["size_px"])
    net.backbone.set_weights(base)
    parts = old_pictures(seed)
    return probe({part: (channel_means(outputs(measured, x)["features"]), y) for part, (x, y) in parts.items()})


@functools.lru_cache(maxsize=2)
def old_pictures(seed):
    """Draw pictures of the kinds that the base was pretrained on, other ones for each seed."""
    return draw_parts(drawings.WORLD, seed, OLD_PICTURES, PARTS_SEED)
