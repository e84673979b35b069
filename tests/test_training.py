"""Tests of what the experiments share: batches, accuracy, best weights, and each training done once."""

import keras
import numpy as np

from convbook import models
from convbook.experiments import training


def test_batches_come_in_a_new_order_in_each_epoch_whatever_seed_was_set():
    seen = []

    class Watched(keras.Model):
        def __init__(self):
            super().__init__()
            self.unit = keras.layers.Dense(1)

        def call(self, inputs):
            return self.unit(inputs)

        def train_step(self, data):
            seen.append(np.asarray(data[0])[:, 0].astype(int).tolist())
            return super().train_step(data)

    keras.utils.set_random_seed(0)
    model, numbers = Watched(), np.arange(8.0, dtype="float32")[:, np.newaxis]
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(training.Batches(numbers, numbers[:, 0], 3, seed=0), epochs=3, shuffle=False, verbose=0)
    epochs = [seen[first : first + 3] for first in (0, 3, 6)]
    assert [[len(batch) for batch in epoch] for epoch in epochs] == [[3, 3, 2]] * 3
    orders = [[number for batch in epoch for number in batch] for epoch in epochs]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]

    seen.clear()
    keras.utils.set_random_seed(0)
    model.fit(numbers, numbers[:, 0], batch_size=8, epochs=2, verbose=0)
    assert seen[0] == seen[1], "Keras shuffles arrays anew in each epoch now: Batches is not needed any more"


def test_full_batches_have_one_length_and_take_each_picture_once_before_any_twice():
    batches = list(training.full_batches(10, 4, 5, np.random.default_rng(3)))
    assert [len(indices) for indices in batches] == [4, 4, 4, 4, 4]
    taken = np.concatenate(batches)
    assert sorted(taken[:10]) == sorted(taken[10:]) == list(range(10))
    assert list(taken[:10]) != list(taken[10:])
    assert not np.array_equal(batches, list(training.full_batches(10, 4, 5, np.random.default_rng(4))))
    labels = np.array([1, 0, 1, 0, 0, 1])
    by_class = np.concatenate(list(training.full_batches(6, 3, 4, np.random.default_rng(0), by_class=labels)))
    assert labels[by_class].tolist() == [0, 0, 0, 1, 1, 1] * 2  # class by class, as they come out of folders


def test_training_learns_and_accuracy_counts():
    keras.utils.set_random_seed(1000)
    images = np.zeros((64, 4, 3, 1), np.uint8)
    labels = np.arange(64) % 2
    images[labels == 1, :2] = 255
    settings = {"learning_rate": 0.05, "epochs": 20, "batch_size": 16}
    model = models.build_digits_dense((4, 3, 1), num_classes=2, units=(4,))
    assert training.train(model, images, labels, settings) is model
    assert training.accuracy(model, images, labels) == 1
    assert training.accuracy(model, images[:4], np.array([0, 1, 0, 0])) == 0.75


def test_accuracy_counts_probabilities_of_label_1_above_one_half():
    class Model:
        def predict(self, images, **options):
            return np.array([[0.2], [0.9], [0.5], [0.6]])

    assert training.accuracy(Model(), np.zeros((4, 1, 1, 3)), np.array([0, 1, 1, 1])) == 0.75


def test_best_weights_are_those_of_the_lowest_validation_loss_and_the_model_keeps_its_last_ones():
    """Against Keras's own EarlyStopping, on labels that tell nothing, so that the model overfits."""
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(size=(30, 4)).astype("float32"), rng.integers(2, size=30)
    validation = rng.normal(size=(20, 4)).astype("float32"), rng.integers(2, size=20)

    def fitted(callback):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid")])
        model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
        losses = model.fit(
            inputs, labels, epochs=12, validation_data=validation, callbacks=[callback], shuffle=False, verbose=0
        ).history["val_loss"]
        return model.get_weights(), losses

    best = training.BestWeights()
    last, losses = fitted(best)
    restored, _ = fitted(keras.callbacks.EarlyStopping(patience=12, restore_best_weights=True))
    assert np.argmin(losses) < 11
    assert all(np.array_equal(a, b) for a, b in zip(best.weights, restored, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(best.weights, last, strict=True))


def test_a_training_is_done_once_for_equal_settings_and_options():
    calls = []

    @training.done_once("epochs", "filters", at_most=2)
    def train(seed, settings, blocks=None):
        calls.append((seed, settings, blocks))
        return len(calls)

    assert train(0, {"epochs": 3, "filters": (4, 8), "calls": 16}) == 1
    assert train(0, {"filters": [4, 8], "epochs": 3}, blocks=None) == 1
    assert calls == [(0, {"epochs": 3, "filters": (4, 8)}, None)]
    assert train(0, {"epochs": 3}, blocks=("block4",)) == 2
    assert train(0, {"epochs": 3}, blocks=["block4"]) == 2
    assert train(1, {"epochs": 3}) == 3  # a third one: the first is forgotten
    assert train(0, {"epochs": 3}, blocks=("block4",)) == 2
    assert train(0, {"epochs": 3, "filters": (4, 8)}) == 4
    train.forget()
    assert train(1, {"epochs": 3}) == 5
