"""Part three, feature extraction: a frozen base that runs once, against one that runs in every epoch."""

import math
import time

import keras
import numpy as np

from convbook import backbones, freezing, models
from convbook.evidence import Effect
from convbook.experiments import Experiment
from convbook.experiments.data import BASE_PHOTOS, DRAWN_PETS, FEW_PETS, PHOTOS, cats_and_dogs
from convbook.experiments.from_scratch import BATCH_SIZE, augmentation
from convbook.experiments.training import Batches, accuracy, augment


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

    def median(self):
        """The median of all epochs but the first, in which Keras builds the program that it runs."""
        return float(np.median(self.seconds[1:]))


class HeadValidation(keras.callbacks.Callback):
    """Measures a head on recorded validation features after each epoch, for the callbacks after it and the history.

    The base is frozen, so the head's loss on the record is that of the whole model on the pictures.
    """

    def __init__(self, head, features, labels):
        super().__init__()
        self.head, self.features, self.labels = head, features, labels[:, np.newaxis]

    def on_epoch_end(self, epoch, logs=None):
        probabilities = self.head.predict(self.features, batch_size=250, verbose=0)
        losses = keras.ops.binary_crossentropy(self.labels.astype("float32"), probabilities)
        logs["val_loss"] = float(keras.ops.mean(losses))
        logs["val_accuracy"] = float(((probabilities > 0.5) == self.labels).mean())


def multiply_adds(model, size_px):
    """Count the multiply-adds of one picture on its way through a model, for each layer that has a kernel.

    Each weight of a kernel is used once at each location of the layer's output. Biases, batch normalization and
    pooling, which take about one operation for each number, are not counted. The model has convolutional (plain,
    separable or depthwise) and Dense layers, and no models inside it.

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
    """Load a frozen base with its converter, and with layers of augmentation in front of it where they are wanted.

    Returns the keras.Model from pictures (n, size_px, size_px, 3), 0 to 255, to feature maps, and the backbone in it.
    """
    backbone, converter = backbones.load(preset, size_px)
    freezing.freeze(backbone)
    image = keras.Input((size_px, size_px, 3))
    x = image
    for layer in layers:
        x = layer(x)
    return keras.Model(image, backbone(converter(x))), backbone


def train_head(head, model, batches, validation, settings, epochs=None):
    """Train a head, alone or on top of a frozen base, and put it back to its lowest validation loss.

    What is trained is `model`, the head itself or a model that ends with it, on batches of what it takes. The
    validation part is recorded features and labels, since the base is frozen.

    Returns the history (loss, accuracy, val_loss, val_accuracy), and the median seconds of an epoch.
    """
    epochs = epochs or settings["epochs"]
    clock = EpochSeconds()
    best = keras.callbacks.EarlyStopping("val_loss", mode="min", patience=epochs, restore_best_weights=True)
    model.compile(keras.optimizers.Adam(settings["learning_rate"]), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(
        batches, epochs=epochs, callbacks=[clock, HeadValidation(head, *validation), best], shuffle=False, verbose=0
    ).history
    return history, clock.median()


def measure_option_1_cheap(seed, settings):
    """Train the same head by three methods: on a record, on one of several augmented passes, and on top of the base.

    All three make the same number of updates. Each gets its test accuracy in the best epoch, and the gap between clean
    training and test pictures; both options also their history, seconds of an epoch and of the whole training (with
    recording, without validation), and multiply-adds.
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
    return numbers | {"epoch_seconds_option_1": seconds} | _evaluate_head("option_1", head, record)


def _several_passes(seed, parts, record, settings):
    """Option 1 on a record of several augmented versions of each training picture."""
    keras.utils.set_random_seed(seed)
    images, labels = parts["train"]
    base, _ = build_base(settings["backbone"], images.shape[1])
    layers = augmentation(1, seed)
    passes = [
        base.predict(augment(images, layers), batch_size=BATCH_SIZE, verbose=0) for _ in range(settings["passes"])
    ]
    head = models.build_head(record["train"][0].shape[1:])
    batches = Batches(np.concatenate(passes), np.tile(labels, settings["passes"]), BATCH_SIZE, seed)
    train_head(head, head, batches, record["validation"], settings, settings["epochs"] // settings["passes"])
    return _evaluate_head("passes", head, record)


def _option_2(seed, parts, record, settings):
    keras.utils.set_random_seed(seed)
    images, labels = parts["train"]
    base, _ = build_base(settings["backbone"], images.shape[1], augmentation(1, seed))
    head = models.build_head(base.output.shape[1:])
    model = keras.Model(base.input, head(base.output))
    batches = Batches(images, labels, BATCH_SIZE, seed)
    history, seconds = train_head(head, model, batches, record["validation"], settings)
    numbers = {f"history_option_2_{name}": values for name, values in history.items()}
    return numbers | {"epoch_seconds_option_2": seconds} | _evaluate_head("option_2", head, record)


def _evaluate_head(name, head, record):
    test = accuracy(head, *record["test"])
    return {f"test_{name}": test, f"gap_{name}": accuracy(head, *record["train"]) - test}


OPTION_1_CHEAP = Experiment(
    claim="option-1-cheap",
    sentence="Option 1 runs the base once over the pictures; option 2 allows augmentation and is more expensive.",
    chapter=10,
    measure=measure_option_1_cheap,
    settings=FEW_PETS | {"learning_rate": 1e-3, "epochs": 40, "passes": 4},
    data={"drawn": {"backbone": "drawn_world"}, "photos": BASE_PHOTOS | {"epochs": 20}},
    sources={"drawn": DRAWN_PETS, "photos": PHOTOS.format(**BASE_PHOTOS)},
    effects={
        Effect(
            "epoch-takes-longer", "epoch_seconds_option_2", "epoch_seconds_option_1", margin=0.1, unit="seconds"
        ): "An epoch of option 2 takes longer than one of option 1",
        Effect(
            "training-takes-longer", "seconds_option_2", "seconds_option_1", margin=5, unit="seconds"
        ): "All epochs of option 2 take longer than recording and all epochs of option 1",
        Effect("augmentation-closes-the-gap", "gap_option_1", "gap_option_2", margin=0.02): "With option 2 and "
        "augmentation the gap between training and test accuracy is smaller",
        Effect("augmentation-pays", "test_option_2", "test_option_1", margin=0.01): "Option 2 with augmentation is "
        "better on the test pictures than option 1",
        Effect("passes-pay", "test_passes", "test_option_1", margin=0.01): "Option 1 on a record of four augmented "
        "passes is better than on a record of one clean pass",
    },
)

EXPERIMENTS = (OPTION_1_CHEAP,)
