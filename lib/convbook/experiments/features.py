"""Part three, feature extraction: a frozen base that runs once, against one that runs in every epoch."""

import math
import time

import keras
import numpy as np

from convbook import backbones, models
from convbook.evidence import Effect
from convbook.experiments import Experiment
from convbook.experiments.from_scratch import DRAWN_PETS, MORE_PHOTOS, PHOTOS, accuracy, augmentation, cats_and_dogs
from convbook.experiments.training import Batches

BATCH_SIZE = 32
# The base's photos, and which it is where nothing else is named.
BASE_PHOTOS = MORE_PHOTOS | {"size_px": 96, "backbone": "xception_41_imagenet"}


class EpochSeconds(keras.callbacks.Callback):
    """Takes the time of each epoch, without what other callbacks do at its end."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.now = time.perf_counter() - self.start

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(self.now)

    def usual(self):
        """The median of all epochs but the first, in which Keras builds the program that it runs."""
        return float(np.median(self.seconds[1:]))


class BestHead(keras.callbacks.Callback):
    """Measures a head on recorded validation features after each epoch, and remembers its best weights.

    The base is frozen, so the head's loss on the record is that of the whole model on the pictures.
    """

    def __init__(self, head, features, labels):
        super().__init__()
        self.head, self.features, self.labels = head, features, labels[:, np.newaxis]
        self.losses, self.accuracies, self.weights = [], [], None

    def on_epoch_end(self, epoch, logs=None):
        probabilities = self.head.predict(self.features, batch_size=250, verbose=0)
        losses = keras.ops.binary_crossentropy(self.labels.astype("float32"), probabilities)
        self.losses.append(float(keras.ops.mean(losses)))
        self.accuracies.append(float(((probabilities > 0.5) == self.labels).mean()))
        if self.losses[-1] == min(self.losses):
            self.weights = self.head.get_weights()


def multiply_adds(model, size_px):
    """Count the multiply-adds of one picture on its way through a model, layer by layer.

    Each weight of a kernel is used once at each place of the layer's output. Biases, batch normalization and pooling,
    which take about one operation for each number, are not counted.

    Args:
        model: functional keras.Model of convolutional (plain, separable or depthwise) and Dense layers, without models
            inside it.
        size_px: height and width of the picture in pixels.

    Returns:
        {name of the layer: int}, for the layers that have a kernel.

    Example:
        >>> from convbook import models
        >>> multiply_adds(models.build_convnet(64, filters=(8, 16)), 64)
        {'conv_1': 830304, 'conv_2': 968832, 'classifier': 16}
    """
    layers = [layer for layer in model.layers if any("kernel" in weight.name for weight in layer.weights)]
    outputs = keras.Model(model.input, [layer.output for layer in layers])
    counts = {}
    for layer, shape in zip(layers, outputs.compute_output_shape((1, size_px, size_px, 3)), strict=True):
        kernels = [weight.shape for weight in layer.weights if "kernel" in weight.name]
        counts[layer.name] = math.prod(shape[1:-1]) * sum(map(math.prod, kernels))
    return counts


def build_base(preset, size_px, layers=()):
    """Load a frozen base with its converter, and with augmentation in front of it where it is wanted.

    Args:
        preset: a preset that `backbones.load` knows.
        size_px: height and width of the pictures in pixels.
        layers: the augmentation, a list of keras layers.

    Returns:
        The keras.Model from pictures (n, size_px, size_px, 3) with values from 0 to 255 to feature maps, and the
        backbone in it.
    """
    backbone, converter = backbones.load(preset, size_px)
    backbone.trainable = False
    image = keras.Input((size_px, size_px, 3))
    x = image
    for layer in layers:
        x = layer(x)
    return keras.Model(image, backbone(converter(x))), backbone


def train_head(head, model, batches, validation, settings, epochs=None):
    """Train a head, alone or on top of a frozen base, and put it back to its lowest validation loss.

    Args:
        head: keras.Model from features to probabilities; its weights change.
        model: what is trained: the head itself, or a model that ends with it.
        batches: what the model is trained on, features or pictures with their labels, see `Batches`.
        validation: recorded features of the validation pictures, and their labels.
        settings: dict with learning_rate and epochs.
        epochs: number of epochs where it is another one.

    Returns:
        The history (loss, accuracy, val_loss, val_accuracy), and the seconds of a usual epoch.
    """
    clock, best = EpochSeconds(), BestHead(head, *validation)
    model.compile(keras.optimizers.Adam(settings["learning_rate"]), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(
        batches,
        epochs=epochs or settings["epochs"],
        callbacks=[clock, best],
        shuffle=False,
        verbose=0,
    ).history
    head.set_weights(best.weights)
    return history | {"val_loss": best.losses, "val_accuracy": best.accuracies}, clock.usual()


def measure_option_1_cheap(seed, settings):
    """Train the same head in three ways: on a record, on a record of several augmented passes, and on top of the base.

    All three make the same number of updates.

    Args:
        seed: decides the pictures, the initial weights, the order of batches, dropout and augmentation.
        settings: those of `OPTION_1_CHEAP`.

    Returns:
        {name: number or list}: for each way test accuracy of the best epoch, and the gap between its accuracy on the
        clean training pictures and on the test pictures; for both options the history, seconds of an epoch, seconds of
        the whole training (with recording, without looking at validation pictures), and multiply-adds of both.
    """
    parts = cats_and_dogs(seed, settings)
    images, labels = parts["train"]
    keras.utils.set_random_seed(seed)
    base, backbone = build_base(settings["backbone"], images.shape[1])
    base.predict(images[:BATCH_SIZE], verbose=0)  # builds the program, so that the clock sees only work
    start = time.perf_counter()
    record = {"train": (base.predict(images, batch_size=BATCH_SIZE, verbose=0), labels)}
    numbers = {"seconds_record": time.perf_counter() - start}
    for part in ("validation", "test"):
        record[part] = base.predict(parts[part][0], batch_size=250, verbose=0), parts[part][1]
    numbers |= _option_1(seed, record, settings)
    numbers |= _several_passes(seed, parts, record, settings)
    numbers |= _option_2(seed, parts, record, settings)
    head = models.build_head(record["train"][0].shape[1:])
    work = {"base": multiply_adds(backbone, images.shape[1]), "head": multiply_adds_of_head(head)}
    numbers |= {f"multiply_adds_{name}": sum(counts.values()) for name, counts in work.items()}
    numbers["seconds_option_1"] = numbers["seconds_record"] + settings["epochs"] * numbers["epoch_seconds_option_1"]
    numbers["seconds_option_2"] = settings["epochs"] * numbers["epoch_seconds_option_2"]
    return numbers


def multiply_adds_of_head(head):
    """Count the multiply-adds of a head for one picture: each weight of its Dense layers is used once.

    Args:
        head: keras.Model whose weights are all in Dense layers behind a global pooling.

    Returns:
        {name of the layer: int}.

    Example:
        >>> from convbook import models
        >>> multiply_adds_of_head(models.build_head((4, 4, 256)))
        {'dense_1': 16384, 'classifier': 64}
    """
    return {layer.name: math.prod(layer.kernel.shape) for layer in head.layers if isinstance(layer, keras.layers.Dense)}


def _option_1(seed, record, settings):
    keras.utils.set_random_seed(seed)
    head = models.build_head(record["train"][0].shape[1:])
    batches = Batches(*record["train"], BATCH_SIZE, seed)
    history, seconds = train_head(head, head, batches, record["validation"], settings)
    numbers = {f"history_option_1_{name}": values for name, values in history.items()}
    return numbers | {"epoch_seconds_option_1": seconds} | _judge_head("option_1", head, record)


def _several_passes(seed, parts, record, settings):
    """Option 1 on a record of several augmented versions of each training picture."""
    keras.utils.set_random_seed(seed)
    images, labels = parts["train"]
    base, _ = build_base(settings["backbone"], images.shape[1])
    layers, passes = augmentation(1, seed), []
    for _ in range(settings["passes"]):
        changed = images.astype("float32")
        for layer in layers:
            changed = layer(changed, training=True)
        passes.append(base.predict(changed, batch_size=BATCH_SIZE, verbose=0))
    head = models.build_head(record["train"][0].shape[1:])
    batches = Batches(np.concatenate(passes), np.tile(labels, settings["passes"]), BATCH_SIZE, seed)
    train_head(head, head, batches, record["validation"], settings, settings["epochs"] // settings["passes"])
    return _judge_head("passes", head, record)


def _option_2(seed, parts, record, settings):
    keras.utils.set_random_seed(seed)
    images, labels = parts["train"]
    base, _ = build_base(settings["backbone"], images.shape[1], augmentation(1, seed))
    head = models.build_head(base.output.shape[1:])
    model = keras.Model(base.input, head(base.output))
    batches = Batches(images, labels, BATCH_SIZE, seed)
    history, seconds = train_head(head, model, batches, record["validation"], settings)
    numbers = {f"history_option_2_{name}": values for name, values in history.items()}
    return numbers | {"epoch_seconds_option_2": seconds} | _judge_head("option_2", head, record)


def _judge_head(name, head, record):
    test = accuracy(head, record["test"])
    return {f"test_{name}": test, f"gap_{name}": accuracy(head, record["train"]) - test}


OPTION_1_CHEAP = Experiment(
    claim="option-1-cheap",
    sentence="Option 1 runs the base once over the pictures; option 2 allows augmentation and is more expensive.",
    chapter=10,
    measure=measure_option_1_cheap,
    settings={
        "train_pictures": 200,
        "validation_pictures": 250,
        "test_pictures": 500,
        "learning_rate": 1e-3,
        "epochs": 40,
        "passes": 4,
    },
    data={"drawn": {"backbone": "drawn_world"}, "photos": BASE_PHOTOS | {"epochs": 20}},
    sources={"drawn": DRAWN_PETS, "photos": PHOTOS.format(**BASE_PHOTOS)},
    effects=(
        Effect(
            name="epoch-takes-longer",
            meaning="An epoch of option 2 takes longer than one of option 1",
            of="epoch_seconds_option_2",
            minus="epoch_seconds_option_1",
            direction="greater",
            margin=0.1,
            unit="seconds",
        ),
        Effect(
            name="training-takes-longer",
            meaning="All epochs of option 2 take longer than recording and all epochs of option 1",
            of="seconds_option_2",
            minus="seconds_option_1",
            direction="greater",
            margin=5,
            unit="seconds",
        ),
        Effect(
            name="augmentation-closes-the-gap",
            meaning="With option 2 and augmentation the gap between training and test accuracy is smaller",
            of="gap_option_1",
            minus="gap_option_2",
            direction="greater",
            margin=0.02,
        ),
        Effect(
            name="augmentation-pays",
            meaning="Option 2 with augmentation is better on the test pictures than option 1",
            of="test_option_2",
            minus="test_option_1",
            direction="greater",
            margin=0.01,
        ),
        Effect(
            name="passes-pay",
            meaning="Option 1 on a record of four augmented passes is better than on a record of one clean pass",
            of="test_passes",
            minus="test_option_1",
            direction="greater",
            margin=0.01,
        ),
    ),
)

EXPERIMENTS = (OPTION_1_CHEAP,)
