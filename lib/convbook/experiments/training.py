"""What the experiments share: training from arrays, with any Keras backend, and measuring."""

import keras


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
