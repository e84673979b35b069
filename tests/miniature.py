"""The runs `photos` and `full` in miniature: few photos, short trainings, stand-ins for what only a network has.

As a program it is a Jupyter kernel in which the runs are small; chapters and the library know nothing of it. With the
word "base" it saves the stand-in for the base of the full run. `check_runs.py` starts both.
"""

import dataclasses
import functools
import sys

PICTURES = {"train_pictures": 24, "validation_pictures": 24, "test_pictures": 24}
EPOCHS = 2  # of a training on pictures in colour
HUB_NAME = "xception_41_imagenet"
# Xception as published has eight times as many filters.
FILTERS = [[4, 8], [16, 16], [32, 32], [91, 91], *[[91, 91, 91]] * 8, [91, 128], [192, 256]]
POOLING = [False, True, True, True, *[False] * 8, True, False]


def shrink_runs():
    """Make the runs of this process small, and give it MNIST from a stand-in."""
    import keras

    from convbook import photos, runs

    digits = photos.load_digits("scikit-learn")
    mnist = tuple(
        (images[..., 0], labels.astype("uint8"))
        for images, labels in [(digits.train_images, digits.train_labels), (digits.test_images, digits.test_labels)]
    )
    keras.datasets.mnist.load_data = lambda: mnist
    for name in ("photos", "full"):
        # As many passes over the stand-in as the quick run makes over the same digits.
        runs.RUNS[name] = dataclasses.replace(runs.RUNS[name], digits_epochs=runs.QUICK.digits_epochs, **PICTURES)
    fit = keras.Model.fit

    @functools.wraps(fit)
    def fit_briefly(model, *arguments, epochs=1, **options):
        in_colour = getattr(model, "input_shape", ())[-1:] == (3,)
        return fit(model, *arguments, epochs=min(epochs, EPOCHS) if in_colour else epochs, **options)

    keras.Model.fit = fit_briefly


def save_base_of_the_hub():
    """Save a small untrained Xception with a classifier into kagglehub's cache, under the name of the real one."""
    import keras
    import keras_hub
    from kagglehub import cache, handle

    from convbook.backbones.hub import handle_of

    keras.utils.set_random_seed(0)
    converter = keras_hub.layers.XceptionImageConverter(image_size=(299, 299), scale=1 / 127.5, offset=-1)
    classifier = keras_hub.models.XceptionImageClassifier(
        keras_hub.models.XceptionBackbone(stackwise_conv_filters=FILTERS, stackwise_pooling=POOLING),
        num_classes=1000,
        preprocessor=keras_hub.models.XceptionImageClassifierPreprocessor(converter),
    )
    model = handle.parse_model_handle(handle_of(HUB_NAME))
    classifier.save_to_preset(cache.get_cached_path(model))
    cache.Cache().mark_as_complete(model)


if __name__ == "__main__":
    if sys.argv[1:] == ["base"]:
        save_base_of_the_hub()
    else:
        from ipykernel import kernelapp

        shrink_runs()
        kernelapp.launch_new_instance()
