"""What the experiments share: training from arrays, with any Keras backend, and measuring."""

import keras
import numpy as np


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
        >>> sorted(int(number) for place in range(len(batches)) for number in batches[place][0])
        [0, 1, 2, 3, 4]
    """

    def __init__(self, inputs, labels, batch_size, seed):
        super().__init__()
        self.inputs, self.labels, self.batch_size = inputs, labels, batch_size
        self.lots = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.inputs) // self.batch_size)

    def __getitem__(self, place):
        chosen = self.order[place * self.batch_size : (place + 1) * self.batch_size]
        return self.inputs[chosen], self.labels[chosen]

    def on_epoch_end(self):
        """Draw the order of the next epoch."""
        self.order = self.lots.permutation(len(self.inputs))


def train(model, images, labels, settings):
    """Compile a classifier with Adam and train it, without a word.

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


def accuracy(model, images, labels):
    """Measure the share of pictures that a model puts into the right class.

    Args:
        model: keras.Model that returns probabilities.
        images: array of shape (n, height, width, channels).
        labels: int array of shape (n,).

    Returns:
        float from 0 to 1.
    """
    # Whole batches only where possible: a batch of another size would be traced and compiled anew.
    predictions = model.predict(images, batch_size=min(len(images), 500), verbose=0)
    return float((predictions.argmax(axis=-1) == labels).mean())
