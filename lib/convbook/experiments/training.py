"""What the experiments share: training from arrays with any Keras backend, measuring, and doing each training once."""

import functools
import inspect
import json
from collections import OrderedDict

import keras
import numpy as np

PREDICTED_AT_ONCE = 250


class Batches(keras.utils.PyDataset):
    """Arrays in batches, in a new order for each epoch; pass shuffle=False to fit.

    After `keras.utils.set_random_seed`, fit shuffles plain arrays in the same way in each epoch (Keras 3.15 with
    TensorFlow), so that the same pictures meet in every batch.

    Args:
        inputs, labels: arrays of shape (n, …) and (n,).
        batch_size: pictures of a batch; the last one of an epoch may have fewer.
        seed: decides the orders.

    Example:
        >>> batches = Batches(np.arange(5), np.zeros(5), batch_size=2, seed=0)
        >>> sorted(int(number) for index in range(len(batches)) for number in batches[index][0])
        [0, 1, 2, 3, 4]
    """

    def __init__(self, inputs, labels, batch_size, seed):
        super().__init__()
        self.inputs, self.labels, self.batch_size = inputs, labels, batch_size
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.inputs) // self.batch_size)

    def __getitem__(self, index):
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.inputs[chosen], self.labels[chosen]

    def on_epoch_end(self):
        """Draw the order of the next epoch."""
        self.order = self.rng.permutation(len(self.inputs))


def full_batches(count, batch_size, updates, rng, by_class=None):
    """Yield the indices of the pictures of each batch; all batches have the same length.

    Args:
        count: number of pictures.
        batch_size, updates: pictures of a batch, and number of batches.
        rng: numpy.random.Generator that draws the order, another one for each epoch.
        by_class: labels (n,), to take the pictures class by class in each epoch as out of folders; None mixes them.

    Yields:
        Arrays of ints (batch_size,).

    Example:
        >>> first, second, third = full_batches(4, 2, 3, np.random.default_rng(0))
        >>> sorted([*first, *second]) == [0, 1, 2, 3], len(third)
        (True, 2)
    """
    order = np.empty(0, int)
    for _ in range(updates):
        while len(order) < batch_size:
            epoch = rng.permutation(count)
            if by_class is not None:
                epoch = epoch[np.argsort(by_class[epoch], kind="stable")]
            order = np.append(order, epoch)
        indices, order = order[:batch_size], order[batch_size:]
        yield indices


class BestWeights(keras.callbacks.Callback):
    """Remembers the weights of the lowest validation loss, and leaves the model as it is after the last update.

    `keras.callbacks.EarlyStopping` would put them back at the end; here both states are measured.
    """

    loss, weights = float("inf"), None

    def on_epoch_end(self, epoch, logs=None):
        if logs.get("val_loss", np.inf) < self.loss:
            self.loss, self.weights = logs["val_loss"], self.model.get_weights()


def train(model, images, labels, settings):
    """Compile a classifier of several classes with Adam, and train it.

    Args:
        model: keras.Model that returns probabilities; its weights change.
        images: array of shape (n, height, width, channels).
        labels: int array of shape (n,).
        settings: dict with learning_rate, epochs and batch_size.

    Returns:
        The same model.
    """
    model.compile(
        optimizer=keras.optimizers.Adam(settings["learning_rate"]),
        loss="sparse_categorical_crossentropy",
    )
    model.fit(images, labels, epochs=settings["epochs"], batch_size=settings["batch_size"], verbose=0)
    return model


def augment(images, layers):
    """Make a random version of each picture.

    Args:
        images: array (n, height, width, channels).
        layers: list of keras layers for augmentation.

    Returns:
        float32 pictures of the same shape.
    """
    changed = images.astype("float32")
    for layer in layers:
        changed = layer(changed, training=True)
    return changed


def accuracy(model, images, labels):
    """Measure the share of pictures that a model puts into the right class.

    Args:
        model: keras.Model that returns the probability of each class (n, classes), or that of label 1 (n, 1).
        images: array of shape (n, height, width, channels).
        labels: int array of shape (n,).

    Returns:
        float from 0 to 1.
    """
    # Whole batches only where possible: a batch of another size would be traced and compiled anew.
    probabilities = model.predict(images, batch_size=min(len(images), PREDICTED_AT_ONCE), verbose=0)
    classes = probabilities[:, 0] > 0.5 if probabilities.shape[1] == 1 else probabilities.argmax(axis=-1)
    return float((classes == labels).mean())


def done_once(*names, at_most=None):
    """Decorate a training, so that claims which ask for the same one share it within a process.

    Args:
        names: of the settings that decide the training; it gets no others, and others do not make it another one.
        at_most: how many trainings are remembered; None for all.

    Returns:
        A decorator of functions of (seed, settings, **options). What they return must not be changed. `forget` of the
        decorated function empties its memory.

    Example:
        >>> @done_once("epochs")
        ... def double(seed, settings, times=2):
        ...     print("trains")
        ...     return times * settings["epochs"]
        >>> double(0, {"epochs": 3}), double(0, {"epochs": 3, "calls": 16}, times=2)
        trains
        (6, 6)
    """

    def decorate(training):
        remembered, signature = OrderedDict(), inspect.signature(training)

        @functools.wraps(training)
        def shared(seed, settings, **options):
            call = signature.bind(seed, {name: settings[name] for name in names if name in settings}, **options)
            call.apply_defaults()
            key = json.dumps(call.arguments, sort_keys=True)  # where a tuple is a list, as in the settings of a result
            if key not in remembered:
                remembered[key] = training(*call.args, **call.kwargs)
                while at_most and len(remembered) > at_most:
                    remembered.popitem(last=False)
            return remembered[key]

        shared.forget = remembered.clear
        return shared

    return decorate
