"""What the experiments share: training from arrays with any Keras backend, measuring, and doing each training once."""

import functools
import inspect
import json
from collections import OrderedDict

import keras
import numpy as np

PREDICTED_AT_ONCE = 250


class Batches(keras.utils.PyDataset):
    """Arrays (n, …) and (n,) in batches, in a new order for each epoch; pass shuffle=False to fit.

    After `keras.utils.set_random_seed`, fit shuffles plain arrays in the same way in each epoch (Keras 3.15 with
    TensorFlow), so that the same pictures meet in every batch.

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
    """Yield for each update the indices of its batch, all of the same length, in another order for each epoch.

    With labels in by_class each epoch takes the pictures class by class, as out of folders; without, they are mixed.

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
    """Compile a classifier of several classes with Adam, train it, and return it."""
    model.compile(optimizer=keras.optimizers.Adam(settings["learning_rate"]), loss="sparse_categorical_crossentropy")
    model.fit(images, labels, epochs=settings["epochs"], batch_size=settings["batch_size"], verbose=0)
    return model


def augment(images, layers):
    """Make a random version of each picture with layers for augmentation; returns float32."""
    changed = images.astype("float32")
    for layer in layers:
        changed = layer(changed, training=True)
    return changed


def accuracy(model, images, labels):
    """Measure the share of pictures that a model puts into the right class.

    The model returns the probability of each class (n, classes), or that of label 1 (n, 1).
    """
    # Whole batches only where possible: a batch of another size would be traced and compiled anew.
    probabilities = model.predict(images, batch_size=min(len(images), PREDICTED_AT_ONCE), verbose=0)
    classes = probabilities[:, 0] > 0.5 if probabilities.shape[1] == 1 else probabilities.argmax(axis=-1)
    return float((classes == labels).mean())


def done_once(*names, at_most=None):
    """Decorate a training, so that claims which ask for the same one share it within a process.

    The names are those of the settings that decide the training: it gets no others, and others do not make it another
    one. What the decorated function returns must not be changed; its `forget` empties its memory, and at_most says how
    many trainings are remembered.

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
