"""Part three, fine-tuning: what a base gains, what destroys it, and what moves although nobody trains it.

Everything here begins with the same start: a pretrained base and a head that was trained on its features while the base
was frozen. All seeds share that one base. They vary the pictures, the head's initial weights, and the order of the
pictures; of the luck in pretraining they say nothing.

What went wrong is reported as it is after the last update: the best of several checkpoints would hide the damage.
"""

import functools
from itertools import product
from typing import NamedTuple

import keras
import numpy as np

from convbook import backbones, drawings, freezing, models
from convbook.evidence import Effect
from convbook.experiments import Experiment
from convbook.experiments.features import BASE_PHOTOS
from convbook.experiments.from_scratch import DRAWN_PETS, PHOTOS, accuracy, cats_and_dogs
from convbook.experiments.pretrained import draw_parts, probe, similarity

ONE_BASE = f"{DRAWN_PETS}; one pretrained base for all seeds"
ONE_BASE_PHOTOS = f"{PHOTOS.format(**BASE_PHOTOS)}; one pretrained base for all seeds"
RECIPE = {
    "backbone": "drawn_world",
    "train_pictures": 200,
    "validation_pictures": 250,
    "test_pictures": 500,
    "head_updates": 500,  # 40 epochs of 400 pictures
    "head_learning_rate": 1e-3,
    "updates": 75,  # 6 epochs of 400 pictures
    "learning_rate": 1e-4,
    "batch_size": 32,
}
OLD_PICTURES = {"train_pictures": 10, "validation_pictures": 4, "test_pictures": 10, "size_px": 64}
OPTIMIZERS = {"SGD": keras.optimizers.SGD, "Adam": keras.optimizers.Adam}
NIGHT = (0.25, 0.35, 0.6)  # what is left of red, green and blue: dark and bluish
DOMAINS = {"day": lambda images: images, "night": lambda images: (images * np.float32(NIGHT)).astype("uint8")}
PREDICTED_AT_ONCE = 250


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


def build_net(preset, size_px, momentum=None):
    """Put a head on a pretrained base.

    Args:
        preset: a preset that `backbones.load` knows.
        size_px: height and width of the pictures in pixels.
        momentum: of the moving statistics of all batch normalizations; None leaves the base's own.

    Returns:
        A `Net`, all of it trainable.
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
    """Build a net once for each way to train it, because compiling takes longer than an epoch.

    Args:
        preset, size_px, momentum: as for `build_net`.
        optimizer: "SGD" or "Adam".
        blocks, batch_norm: what is unfrozen, as for `freezing.unfreeze`.

    Returns:
        A compiled `Net`. Whoever trains it puts its weights and its optimizer back first, see `reset`.
    """
    net = build_net(preset, size_px, momentum)
    freezing.unfreeze(net.backbone, blocks, batch_norm=batch_norm)
    net.model.compile(OPTIMIZERS[optimizer](1.0), "binary_crossentropy")
    return net


def reset(net, weights, rate, seed):
    """Put a compiled net back to some weights, and make its optimizer and its dropout begin anew.

    Args:
        net: a compiled `Net`; its weights change.
        weights: of the base and of the head, two lists of arrays.
        rate: learning rate.
        seed: of the dropout.
    """
    net.backbone.set_weights(weights[0])
    net.head.set_weights(weights[1])
    for variable in net.model.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    net.model.optimizer.learning_rate = rate
    reset_dropout(net.head, seed)


def reset_dropout(head, seed):
    """Let the dropout of a head draw the same numbers as after any other reset with this seed."""
    for layer in head.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.seed_generator.state.assign([seed, 0])


def orders(count, batch_size, updates, seed, by_class=None):
    """Yield the places of the pictures of each batch; all batches have the same length.

    Args:
        count: number of pictures.
        batch_size, updates: pictures of a batch, and number of batches.
        seed: decides the order, another one for each epoch.
        by_class: labels (n,), to take the pictures class by class in each epoch as out of folders; None mixes them.

    Yields:
        Arrays of ints (batch_size,).

    Example:
        >>> first, second, third = orders(4, 2, 3, seed=0)
        >>> sorted([*first, *second]) == [0, 1, 2, 3], len(third)
        (True, 2)
    """
    lots, order = np.random.default_rng(seed), np.empty(0, int)
    for _ in range(updates):
        while len(order) < batch_size:
            epoch = lots.permutation(count)
            if by_class is not None:
                epoch = epoch[np.argsort(by_class[epoch], kind="stable")]
            order = np.append(order, epoch)
        places, order = order[:batch_size], order[batch_size:]
        yield places


def train(model, inputs, labels, batches):
    """Train a compiled model on batches, given by the places of their pictures."""
    for places in batches:
        model.train_on_batch(inputs[places].astype("float32"), labels[places, np.newaxis].astype("float32"))


# ---- the start, and what becomes of it ----


class Start(NamedTuple):
    """Where every fine-tuning of a seed begins.

    Attributes:
        parts: {"train": (images, labels), "validation": …, "test": …}.
        record: the same with the frozen base's features in the place of the pictures.
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


class Sight(NamedTuple):
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


def _key(settings, names):
    return tuple((name, settings[name]) for name in names if name in settings)


def started(seed, settings, domain="day"):
    """Draw pictures, run them through the base once, and train a head; once, however many claims ask for it.

    Args:
        seed: decides the pictures, the head's initial weights, the order of batches and dropout.
        settings: dict with the names in `START`.
        domain: "day" for pictures as they are drawn, "night" for dark and bluish ones.

    Returns:
        A `Start`.
    """
    return _started(seed, _key(settings, START), domain)


@functools.lru_cache(maxsize=8)
def _started(seed, key, domain):
    settings = dict(key)
    pictures = cats_and_dogs(seed, settings)
    parts = {part: (DOMAINS[domain](images), labels) for part, (images, labels) in pictures.items()}
    net, look = viewer(settings["backbone"], parts["train"][0].shape[1])
    base = pretrained_weights(settings["backbone"], parts["train"][0].shape[1])
    net.backbone.set_weights(base)
    seen = {part: predict(look, images) for part, (images, _) in parts.items()}
    record = {part: (seen[part]["features"], labels) for part, (_, labels) in parts.items()}
    keras.utils.set_random_seed(seed)
    head = models.build_head(record["train"][0].shape[1:])
    untrained = head.get_weights()
    trained = train_head(untrained, record, seed, settings["head_updates"], settings["head_learning_rate"])
    return Start(parts, record, seen["validation"], base, untrained, trained)


def train_head(weights, record, seed, updates, rate, batch_size=32):
    """Train a head on recorded features, which is to train it on top of the frozen base.

    Args:
        weights: of the head before.
        record: {"train": (features, labels), …}.
        seed: decides the order of batches and dropout.
        updates, rate, batch_size: number of batches, learning rate of Adam, and pictures of a batch.

    Returns:
        Its weights after the last update.
    """
    return head_along(weights, record, seed, [updates], rate, batch_size)[0]


def head_along(weights, record, seed, stops, rate, batch_size=32):
    """Train a head as `train_head` does, and keep its weights at several places on the way.

    Args:
        weights, record, seed, rate, batch_size: as for `train_head`.
        stops: numbers of updates, rising.

    Returns:
        List of its weights after each of these numbers of updates.
    """
    features, labels = record["train"]
    head = models.build_head(features.shape[1:])
    head.set_weights(weights)
    reset_dropout(head, seed)
    head.compile(keras.optimizers.Adam(rate), "binary_crossentropy")
    batches, kept = list(orders(len(features), batch_size, stops[-1], seed)), []
    for first, last in zip([0, *stops], stops, strict=False):
        train(head, features, labels, batches[first:last])
        kept.append(head.get_weights())
    return kept


@functools.cache
def viewer(preset, size_px):
    """Build a net to look at: it is never trained, only given weights.

    Args:
        preset, size_px: as for `build_net`.

    Returns:
        A `Net`, and a keras.Model from pictures to {"features": …, "probability": …, name of a block: mean of each of
        its channels}.
    """
    net = build_net(preset, size_px)
    image = keras.Input((size_px, size_px, 3))
    _, converter = backbones.load(preset, size_px)
    ends = freezing.block_ends(net.backbone)
    outputs = [*(layer.output for layer in ends.values()), net.backbone.output]
    maps = keras.Model(net.backbone.input, outputs)(converter(image))
    means = [keras.layers.GlobalAveragePooling2D()(each) for each in maps[:-1]]
    outputs = dict(zip(ends, means, strict=True))
    outputs |= {"features": maps[-1], "probability": net.head(maps[-1])}
    return net, keras.Model(image, outputs)


@functools.cache
def pretrained_weights(preset, size_px):
    """The weights of a base as it was pretrained."""
    return backbones.load(preset, size_px)[0].get_weights()


def predict(model, images):
    """Run uint8 pictures through a model that gives a dict."""
    batches = range(0, len(images), PREDICTED_AT_ONCE)
    outputs = [model(images[first : first + PREDICTED_AT_ONCE].astype("float32"), training=False) for first in batches]
    to_numpy = keras.ops.convert_to_numpy
    return {name: np.concatenate([to_numpy(each[name]) for each in outputs]) for name in outputs[0]}


def look_at(start, base, head, preset):
    """Tell what a base and a head can do and how far the base has drifted.

    Args:
        start: the `Start` that they came from.
        base, head: weights.
        preset: the preset of the base.

    Returns:
        A `Sight`.
    """
    net, look = viewer(preset, start.parts["train"][0].shape[1])
    net.backbone.set_weights(base)
    net.head.set_weights(head)
    seen = {part: predict(look, images) for part, (images, _) in start.parts.items()}
    labels = {part: labels for part, (_, labels) in start.parts.items()}
    after = seen["validation"]
    rows = {part: (channel_means(seen[part]["features"]), labels[part]) for part in seen}
    right = {part: (seen[part]["probability"][:, 0] > 0.5) == labels[part] for part in seen}
    return Sight(
        *(float(right[part].mean()) for part in ("train", "validation", "test")),
        drifts=tuple(drift(start.means[name], after[name]) for name in freezing.block_names(net.backbone)),
        new=probe(rows),
    )


def channel_means(features):
    """Mean of each channel; 0 in all where steps were so large that one of the numbers is infinite or none.

    Args:
        features: array (n, height, width, channels).

    Returns:
        float64 array (n, channels).

    Example:
        >>> channel_means(np.full((2, 1, 1, 3), np.nan)).tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    means = features.astype("float64").mean(axis=(1, 2))
    return means if np.isfinite(means).all() else np.zeros_like(means)


def drift(before, after):
    """Measure how far features have come from what they were: 1 - CKA.

    Args:
        before, after: arrays (n, channels) of the same pictures' features.

    Returns:
        0.0 if they are the same but for rotation and scale; 1.0 if they have nothing in common, or if there is nothing
        left to compare because they are infinite or the same for each picture.

    Example:
        >>> before = np.random.default_rng(0).normal(size=(20, 3))
        >>> round(drift(before, 2 * before), 6), drift(before, np.full((20, 3), np.inf))
        (0.0, 1.0)
    """
    if not np.isfinite(after).all() or not np.ptp(after, axis=0).any():
        return 1.0
    return 1 - similarity(before, after)


def look_at_test(start, base, head, preset):
    """Measure test accuracy only, of the weights of a base and of a head."""
    net, _ = viewer(preset, start.parts["train"][0].shape[1])
    net.backbone.set_weights(base)
    net.head.set_weights(head)
    return accuracy(net.model, start.parts["test"])


def tuned(seed, settings, **options):
    """Fine-tune a base and a head together; once, however many claims ask for the same.

    Args:
        seed: decides the start, the order of batches and dropout.
        settings: dict with the names in `START`, and with updates, learning_rate and batch_size.
        options: what differs: blocks (None for all, an int for the top ones, or names), batch_norm (whether batch
            normalization moves), momentum (of the moving statistics), optimizer ("Adam" or "SGD"), head_first (False
            begins with the untrained head), by_class (whether the pictures come class by class), and domain.

    Returns:
        A `Tuned`.
    """
    # Settings come out of JSON, where a tuple is a list; None is what an option is without being named.
    chosen = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    named = tuple(sorted((name, value) for name, value in chosen.items() if value is not None))
    return _tuned(seed, _key(settings, (*START, "updates", "learning_rate", "batch_size")), named)


@functools.lru_cache(maxsize=64)
def _tuned(seed, key, options):
    settings, options = dict(key), dict(options)
    head_first, by_class = options.pop("head_first", True), options.pop("by_class", False)
    start = started(seed, settings, options.pop("domain", "day"))
    images, labels = start.parts["train"]
    optimizer = options.pop("optimizer", "Adam")
    net = compiled_net(settings["backbone"], images.shape[1], optimizer, **options)
    reset(net, (start.base, start.trained if head_first else start.untrained), settings["learning_rate"], seed)
    before = moving_statistics(net.backbone)
    batches = orders(len(images), settings["batch_size"], settings["updates"], seed, labels if by_class else None)
    train(net.model, images, labels, batches)
    return Tuned(
        net.backbone.get_weights(),
        net.head.get_weights(),
        trainable=sum(int(np.prod(weight.shape)) for weight in net.backbone.trainable_weights),
        statistics_moved=float(np.abs(moving_statistics(net.backbone) - before).max()),
    )


def tune_and_look(seed, settings, **options):
    """Fine-tune and look at the result: a `Tuned` and a `Sight`, see `tuned`."""
    one, start = tuned(seed, settings, **options), started(seed, settings, options.get("domain", "day"))
    return one, look_at(start, one.base, one.head, settings["backbone"])


def probe_old(base, seed, preset):
    """Train a linear probe for the base's old kinds on its features.

    Args:
        base: weights of the base.
        seed: decides the pictures.
        preset: the preset of the base.

    Returns:
        Test accuracy, a float from 0 to 1.
    """
    net, look = viewer(preset, OLD_PICTURES["size_px"])
    net.backbone.set_weights(base)
    parts = old_pictures(seed)
    return probe({part: (channel_means(predict(look, x)["features"]), y) for part, (x, y) in parts.items()})


@functools.lru_cache(maxsize=2)
def old_pictures(seed):
    """Draw pictures of the kinds that the base was pretrained on, other ones for each seed."""
    return draw_parts(drawings.WORLD, seed, OLD_PICTURES)


def frozen(seed, settings, rate):
    """Go on training the head alone, and look at it as at a tuned net.

    Args:
        seed: decides the start, the order of batches and dropout.
        settings: as for `tuned`.
        rate: learning rate.

    Returns:
        A `Sight`.
    """
    start = started(seed, settings)
    head = train_head(start.trained, start.record, seed, settings["updates"], rate, settings["batch_size"])
    return look_at(start, start.base, head, settings["backbone"])


def _effect(name, of, minus, margin, meaning, unit="test accuracy", direction="greater"):
    return Effect(name, of, minus, margin=margin, meaning=meaning, direction=direction, unit=unit)


# ---- fine-tune-helps ----


def measure_fine_tune_helps(seed, settings):
    """Train a head, then go on with the base frozen or with the base unfrozen, for equally many updates.

    Args:
        seed: decides the pictures, the head's initial weights, the order of batches and dropout.
        settings: those of `FINE_TUNE_HELPS`.

    Returns:
        {name: number}: test accuracy and gap between training and validation accuracy of the head as it was, with the
        base frozen further on (at the head's rate and at the low one), and with the base unfrozen.
    """
    start = started(seed, settings)
    ways = {
        "head": look_at(start, start.base, start.trained, settings["backbone"]),
        "frozen": frozen(seed, settings, settings["head_learning_rate"]),
        "frozen_low": frozen(seed, settings, settings["learning_rate"]),
        "tuned": tune_and_look(seed, settings)[1],
    }
    numbers = {f"test_{name}": sight.test for name, sight in ways.items()}
    return numbers | {f"gap_{name}": sight.gap for name, sight in ways.items()}


FINE_TUNE_HELPS = Experiment(
    claim="fine-tune-helps",
    sentence="Fine-tuning slightly adjusts the more abstract representations, to make them relevant for the problem.",
    chapter=11,
    measure=measure_fine_tune_helps,
    settings=RECIPE,
    data={"drawn": {}, "photos": BASE_PHOTOS | {"updates": 150}},
    sources={"drawn": ONE_BASE, "photos": ONE_BASE_PHOTOS},
    effects=(
        _effect(
            "beats-frozen",
            "test_tuned",
            "test_frozen",
            0.01,
            "With the base unfrozen, batch normalization frozen and a low rate, the model is better than after equally "
            "many further epochs of the head on the frozen base",
        ),
        _effect(
            "beats-frozen-low",
            "test_tuned",
            "test_frozen_low",
            0.01,
            "The same against further epochs of the head at the low rate that the unfrozen base has",
        ),
        _effect(
            "gap-grows",
            "gap_tuned",
            "gap_frozen",
            0.02,
            "The gap between training and validation accuracy is larger with the base unfrozen",
            unit="of accuracy",
        ),
    ),
)


# ---- error-signal ----


def gradient_norm(net, weights, images, labels, seed):
    """Measure the gradient that reaches a base in the first step of training.

    Plain gradient descent with a rate of 1 moves each weight by its gradient, so the step is the gradient.

    Args:
        net: a `Net` compiled with SGD.
        weights: of the base and of the head.
        images, labels: one batch.
        seed: of the dropout.

    Returns:
        Norm of the base's step, a float.
    """
    reset(net, weights, 1.0, seed)
    before = [np.array(weight) for weight in net.backbone.trainable_weights]
    train(net.model, images, labels, [np.arange(len(images))])
    after = [np.array(weight) for weight in net.backbone.trainable_weights]
    return float(np.sqrt(sum(np.square(a - b, dtype="float64").sum() for a, b in zip(after, before, strict=True))))


def measure_error_signal(seed, settings):
    """Compare the gradient that reaches the base through heads before, on the way, and after their training.

    The base is not trained, and what is compared is the same head on the same batches.

    Args:
        seed: decides the pictures, the heads' initial weights, the order of batches and dropout.
        settings: those of `ERROR_SIGNAL`.

    Returns:
        {name: number or list}: for training and for validation pictures: the norm by number of the head's updates
        (geometric mean over heads), untrained and trained by head, and how often it is doubled without training; and
        the error at the top, the mean of |p - y|, untrained and trained.
    """
    start = started(seed, settings)
    net = compiled_net(settings["backbone"], start.parts["train"][0].shape[1], "SGD")
    heads = []
    for number in range(settings["heads"]):
        keras.utils.set_random_seed(10_000 * seed + number)
        untrained = models.build_head(start.record["train"][0].shape[1:]).get_weights()
        heads.append(head_along(untrained, start.record, seed, settings["stops"], settings["head_learning_rate"]))
    numbers = {}
    for part in ("train", "validation"):
        images, labels = start.parts[part]
        batches = list(orders(len(images), settings["batch_size"], settings["batches"], seed))

        def norm(head, images=images, labels=labels, batches=batches):
            norms = [gradient_norm(net, (start.base, head), images[at], labels[at], seed) for at in batches]
            return float(np.mean(norms))

        norms = np.array([[norm(head) for head in along] for along in heads])
        numbers |= {
            f"norm_{part}_by_updates": np.exp2(np.log2(norms).mean(axis=0)),
            f"norms_{part}_untrained": norms[:, 0],
            f"norms_{part}_trained": norms[:, -1],
            f"doublings_{part}": np.log2(norms[:, 0] / norms[:, -1]).mean(),
            f"error_{part}_untrained": np.mean([mean_error(along[0], start.record[part]) for along in heads]),
            f"error_{part}_trained": np.mean([mean_error(along[-1], start.record[part]) for along in heads]),
        }
    return numbers


def mean_error(weights, part):
    """The mean distance between a head's probabilities and the labels, on recorded features."""
    features, labels = part
    head = models.build_head(features.shape[1:])
    head.set_weights(weights)
    probabilities = keras.ops.convert_to_numpy(head(features, training=False))[:, 0]
    return float(np.abs(probabilities - labels).mean())


ERROR_SIGNAL = Experiment(
    claim="error-signal",
    sentence="If the classifier is not already trained, the error signal that propagates through the network is too "
    "large.",
    chapter=11,
    measure=measure_error_signal,
    settings=RECIPE | {"heads": 4, "batches": 4, "stops": (0, 25, 100, 500)},
    data={"drawn": {}},
    sources={"drawn": ONE_BASE},
    effects=(
        _effect(
            "error-at-the-top",
            "error_validation_untrained",
            "error_validation_trained",
            0.1,
            "An untrained head is further from the labels than a trained one, on pictures that neither has seen",
            unit="of probability",
        ),
        _effect(
            "larger-on-training-pictures",
            "doublings_train",
            None,
            1,
            "The gradient that reaches the base in the first step is longer while the head is untrained than when it "
            "is trained; 1 doubling is twice as long",
            unit="doublings",
        ),
        _effect(
            "larger-on-new-pictures",
            "doublings_validation",
            None,
            1,
            "The same on pictures that the head was not trained on",
            unit="doublings",
        ),
    ),
)


# ---- head-first ----


def measure_head_first(seed, settings):
    """Unfreeze the base with a trained head and with an untrained one, with two optimizers at several rates.

    Args:
        seed: decides the pictures, the head's initial weights, the order of batches and dropout.
        settings: those of `HEAD_FIRST`.

    Returns:
        {name: number or list}: for each optimizer and order, by rate: drift of the last block, test accuracy, that of a
        probe for old kinds and of one for cats and dogs on the tuned base; single numbers for the stated rates; and
        what the probe for old kinds has on the base as it was.
    """
    start = started(seed, settings)
    of_old = functools.partial(probe_old, seed=seed, preset=settings["backbone"])
    has_old = settings["kind"] == "drawn"  # of a base that was not pretrained here, the old pictures are not at hand
    numbers = {"old_before": of_old(start.base)} if has_old else {}
    for optimizer, rates in settings["rates"].items():
        for order, head_first in {"first": True, "at_once": False}.items():
            name = f"{optimizer.lower()}_{order}"
            options = {"optimizer": optimizer, "head_first": head_first}
            ways = [tune_and_look(seed, settings | {"learning_rate": rate}, **options) for rate in rates]
            by_rate = {
                "drift": [sight.drifts[-1] for _, sight in ways],
                "test": [sight.test for _, sight in ways],
                "new": [sight.new for _, sight in ways],
            }
            if has_old:
                by_rate["old"] = [of_old(one.base) for one, _ in ways]
            numbers |= {f"{what}_{name}_by_rate": values for what, values in by_rate.items()}
            for which, place in {"low": 0, "high": -1}.items():
                numbers |= {f"{what}_{name}_{which}": values[place] for what, values in by_rate.items()}
    return numbers


HEAD_FIRST_RATES = {"SGD": (0.01, 0.03), "Adam": (1e-4, 1e-3)}


def _head_first_ways():
    """Name, numbers and words of each optimizer and rate: ("sgd-low", "sgd_first_low", "sgd_at_once_low", "SGD …")."""
    for optimizer, which in product(HEAD_FIRST_RATES, ("low", "high")):
        rate, way = HEAD_FIRST_RATES[optimizer][0 if which == "low" else -1], optimizer.lower()
        yield f"{way}-{which}", f"{way}_first_{which}", f"{way}_at_once_{which}", f"{optimizer} at {rate:g}"


def _head_first_effects():
    effects = []
    for name, first, at_once, meaning in _head_first_ways():
        effects += [
            _effect(
                f"drift-{name}",
                f"drift_{at_once}",
                f"drift_{first}",
                0.05,
                f"Drift of the base's features: larger with an untrained head, {meaning}",
                unit="of 1 - CKA",
            ),
            _effect(
                f"old-{name}",
                f"old_{first}",
                f"old_{at_once}",
                0.02,
                f"What a probe finds of the old classes: more where the head came first, {meaning}",
            ),
            _effect(
                f"test-{name}",
                f"test_{first}",
                f"test_{at_once}",
                0.01,
                f"Cats and dogs after the last epoch: better where the head came first, {meaning}",
            ),
        ]
    return tuple(effects)


HEAD_FIRST = Experiment(
    claim="head-first",
    sentence="It is only possible to fine-tune the base once the classifier on top has been trained; otherwise the "
    "representations that were learned are destroyed.",
    chapter=11,
    measure=measure_head_first,
    settings=RECIPE | {"updates": 50, "rates": HEAD_FIRST_RATES},
    data={
        "drawn": {},
        "photos": BASE_PHOTOS | {"unmeasured": [f"old-{name}" for name, *_ in _head_first_ways()]},
    },
    sources={"drawn": ONE_BASE, "photos": ONE_BASE_PHOTOS},
    effects=_head_first_effects(),
)


# ---- low-rate ----


def measure_low_rate(seed, settings):
    """Fine-tune from the same start at ever higher learning rates.

    Args:
        seed: decides the pictures, the head's initial weights, the order of batches and dropout.
        settings: those of `LOW_RATE`.

    Returns:
        {name: number or list}: by rate: drift of the first and of the last block, test accuracy, gap between training
        and validation accuracy, and what a probe finds of the old kinds; single numbers for the rates in the effects.
    """
    ways = [tune_and_look(seed, settings | {"learning_rate": rate}) for rate in settings["rates"]]
    by_rate = {
        "drift": [sight.drifts[-1] for _, sight in ways],
        "drift_first_block": [sight.drifts[0] for _, sight in ways],
        "test": [sight.test for _, sight in ways],
        "gap": [sight.gap for _, sight in ways],
        "old": [probe_old(one.base, seed, settings["backbone"]) for one, _ in ways],
    }
    numbers = {f"{what}_by_rate": values for what, values in by_rate.items()}
    for name, rate in settings["named"].items():
        place = settings["rates"].index(rate)
        numbers |= {f"{what}_{name}": values[place] for what, values in by_rate.items()}
    return numbers


LOW_RATE = Experiment(
    claim="low-rate",
    sentence="Fine-tune with a low learning rate (this book's rule, not the lecture's).",
    chapter=11,
    measure=measure_low_rate,
    settings=RECIPE
    | {
        "rates": (1e-5, 1e-4, 3e-4, 1e-3, 1e-2),
        "named": {"lowest": 1e-5, "low": 1e-4, "middle": 1e-3, "high": 1e-2},
    },
    data={"drawn": {}},
    sources={"drawn": ONE_BASE},
    effects=(
        _effect(
            "low-beats-high",
            "test_low",
            "test_high",
            0.01,
            "With Adam at 0.0001 the model is better than at 0.01",
        ),
        _effect(
            "low-beats-middle",
            "test_low",
            "test_middle",
            0.01,
            "With Adam at 0.0001 the model is better than at 0.001",
        ),
        _effect(
            "low-beats-lowest",
            "test_low",
            "test_lowest",
            0.01,
            "With Adam at 0.0001 the model is better than at 0.00001, which does not arrive",
        ),
        _effect(
            "drift-grows",
            "drift_middle",
            "drift_low",
            0.05,
            "The base drifts further at 0.001 than at 0.0001",
            unit="of 1 - CKA",
        ),
        _effect(
            "old-classes-fade",
            "old_low",
            "old_middle",
            0.02,
            "A probe finds more of the old classes in the base after 0.0001 than after 0.001",
        ),
    ),
)


# ---- batchnorm ----


def measure_batchnorm(seed, settings):
    """Fine-tune with batch normalization frozen and moving; and move its statistics alone, training no weight.

    Args:
        seed: decides the pictures, the head's initial weights, the order of batches and dropout.
        settings: those of `BATCHNORM`.

    Returns:
        {name: number}: test accuracy frozen and moving for batches of 32 and of 4, for a quick momentum and for dark
        pictures; test accuracy before, and after looking at batches without training; the largest change of a moving
        statistic, frozen and moving.
    """
    quick = {"batch_norm": True, "momentum": settings["momentum"]}
    small = settings | settings["small"]
    looking = settings | {"learning_rate": 0.0} | settings["looking"]
    night = {"domain": "night"}
    ways = {
        "frozen_32": tuned(seed, settings),
        "moving_32": tuned(seed, settings, batch_norm=True),
        "quick_32": tuned(seed, settings, **quick),
        "frozen_4": tuned(seed, small),
        "moving_4": tuned(seed, small, batch_norm=True),
        "quick_4": tuned(seed, small, **quick),
        "frozen_night": tuned(seed, settings, **night),
        "moving_night": tuned(seed, settings, batch_norm=True, **night),
        "looked": tuned(seed, looking, batch_norm=True),
        "looked_quick": tuned(seed, looking, **quick),
        "looked_by_class": tuned(seed, looking, **quick, by_class=True),
    }
    preset, start, numbers = settings["backbone"], started(seed, settings), {}
    for name, way in ways.items():
        parts = started(seed, settings, "night") if name.endswith("night") else start
        numbers[f"test_{name}"] = look_at_test(parts, way.base, way.head, preset)
    numbers["test_before"] = look_at_test(start, start.base, start.trained, preset)
    numbers["statistics_moved_frozen"] = max(ways[name].statistics_moved for name in ways if "frozen" in name)
    numbers["statistics_moved_moving"] = ways["moving_32"].statistics_moved
    return numbers


BATCHNORM = Experiment(
    claim="batchnorm",
    sentence="You should not unfreeze the batch normalization layers.",
    chapter=11,
    measure=measure_batchnorm,
    settings=RECIPE
    | {
        "updates": 50,
        "momentum": 0.9,
        "small": {"batch_size": 4, "updates": 100},
        "looking": {"batch_size": 15, "updates": 40},
    },
    data={"drawn": {}, "photos": BASE_PHOTOS},
    sources={"drawn": ONE_BASE, "photos": ONE_BASE_PHOTOS},
    effects=(
        _effect(
            "statistics-stay",
            "statistics_moved_frozen",
            None,
            1e-9,
            "With each batch normalization frozen, no moving mean or variance changes",
            unit="largest change of a moving statistic",
            direction="equal",
        ),
        _effect(
            "batches-of-32",
            "test_frozen_32",
            "test_moving_32",
            0.01,
            "In batches of 32 the model is better with batch normalization frozen",
        ),
        _effect("batches-of-4", "test_frozen_4", "test_moving_4", 0.01, "The same in batches of 4"),
        _effect(
            "quick-momentum-32",
            "test_frozen_32",
            "test_quick_32",
            0.01,
            "In batches of 32, against moving statistics with a momentum of 0.9",
        ),
        _effect("quick-momentum-4", "test_frozen_4", "test_quick_4", 0.01, "The same in batches of 4"),
        _effect(
            "dark-pictures",
            "test_frozen_night",
            "test_moving_night",
            0.01,
            "On dark and bluish pictures, in batches of 32, frozen is better than moving",
        ),
        _effect(
            "looking-alone",
            "test_before",
            "test_looked",
            0.01,
            "No weight is trained; 40 batches of 15 pictures move the statistics, and the model gets worse",
        ),
        _effect(
            "looking-alone-quick",
            "test_before",
            "test_looked_quick",
            0.01,
            "The same with a momentum of 0.9",
        ),
        _effect(
            "looking-class-by-class",
            "test_before",
            "test_looked_by_class",
            0.01,
            "The same with a momentum of 0.9, and the pictures come class by class",
        ),
    ),
)


# ---- partial ----


def measure_partial(seed, settings):
    """Unfreeze 0, 1, 2 and all blocks from the top, on few and on more pictures, for equally many updates.

    Args:
        seed: decides the pictures, the head's initial weights, the order of batches and dropout.
        settings: those of `PARTIAL`.

    Returns:
        {name: number or list}: for both numbers of pictures, by number of blocks: test accuracy, gap between training
        and validation accuracy, and number of weights of the base that were trained; the same for all blocks but the
        top one.
    """
    numbers = {}
    for count in settings["pictures"]:
        chosen = settings | {"train_pictures": count}
        unfrozen = {blocks: blocks for blocks in settings["blocks"]} | {"all": None, "lower": settings["lower"]}
        sights = {0: frozen(seed, chosen, chosen["learning_rate"])}
        for name, blocks in unfrozen.items():
            one, sights[name] = tune_and_look(seed, chosen, blocks=blocks)
            numbers[f"trainable_{name}"] = one.trainable
        for name, sight in sights.items():
            numbers |= {f"test_{name}_{count}": sight.test, f"gap_{name}_{count}": sight.gap}
    return numbers


PARTIAL = Experiment(
    claim="partial",
    sentence="It is more useful to fine-tune the specialized features of the top blocks; the more parameters you "
    "train, the more you are at risk of overfitting.",
    chapter=11,
    measure=measure_partial,
    settings=RECIPE
    | {"pictures": (50, 200), "blocks": (1, 2), "lower": ("block1", "block2", "block3"), "learning_rate": 3e-4},
    data={"drawn": {}},
    sources={"drawn": ONE_BASE},
    effects=(
        _effect(
            "top-block-helps",
            "test_1_200",
            "test_0_200",
            0.01,
            "On 200 pictures per class, tuning the top block alone is better than tuning none",
        ),
        _effect(
            "top-beats-lower",
            "test_1_200",
            "test_lower_200",
            0.01,
            "Tuning the top block alone is better than tuning the three below it, which have fewer weights",
        ),
        _effect(
            "all-beats-top",
            "test_all_200",
            "test_1_200",
            0.01,
            "On 200 pictures per class, tuning all blocks is better than the top one alone",
        ),
        _effect(
            "top-beats-all-on-few",
            "test_1_50",
            "test_all_50",
            0.01,
            "On 50 pictures per class, the top block alone is better than all",
        ),
        _effect(
            "gap-grows-with-weights",
            "gap_all_50",
            "gap_1_50",
            0.02,
            "On 50 pictures per class, the gap between training and validation accuracy is larger with all blocks than "
            "with the top one",
            unit="of accuracy",
        ),
        _effect(
            "gap-grows-on-few",
            "gap_all_50",
            "gap_all_200",
            0.02,
            "With all blocks the gap is larger on 50 pictures per class than on 200",
            unit="of accuracy",
        ),
    ),
)


EXPERIMENTS = (FINE_TUNE_HELPS, ERROR_SIGNAL, HEAD_FIRST, LOW_RATE, BATCHNORM, PARTIAL)
