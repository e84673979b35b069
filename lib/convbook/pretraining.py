"""The book's own pretrained bases: small Xceptions that learned a drawn world without cats and dogs in it.

They are stored in KerasHub's format, with the dense classifier of their pretraining, so that a chapter loads them as it
would load `xception_41_imagenet`.
"""

import dataclasses
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import keras
import keras_hub
import numpy as np

from convbook import drawings
from convbook.backbones.presets import PACKAGED_FOLDER
from convbook.environment import describe_environment, now
from convbook.files import write_atomically

TRAINING_LOG = "training_log.json"
STATE = "state.json"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one base is trained, and what it learns to classify."""

    name: str  # of the preset
    kinds: tuple  # names out of `drawings.WORLD`
    pictures_per_kind: int = 600  # for training, of the seeds from 0 on
    validation_per_kind: int = 25  # of the seeds after those
    epochs: int = 12
    batch_size: int = 64
    learning_rate: float = 2e-3  # Adam's at the start; it falls to 0 along half a cosine
    filters: tuple = ((16, 32), (64, 64), (128, 128), (256, 256))  # for each block of the Xception, of its convolutions
    pooling: tuple = (False, True, True, True)  # for each block, whether it ends in a pooling layer
    seed: int = 0  # decides initial weights, and for each epoch the order of the pictures and which are flipped
    size_px: int = 64  # height and width of a picture


DRAWN_WORLD = Recipe(name="drawn_world", kinds=drawings.WORLD)
DRAWN_THINGS = Recipe(name="drawn_things", kinds=drawings.THINGS)
RECIPES = {recipe.name: recipe for recipe in (DRAWN_WORLD, DRAWN_THINGS)}


def pretrain(recipe, folder, report: Callable = print, progress=True):
    """Train a base and write it as a KerasHub preset; continue where an earlier call was stopped.

    The state after each epoch is kept beside the folder, in one that ends in .partial, until the preset is written. A
    call that was stopped and repeated gives the weights that one call would have given.

    Args:
        recipe: a `Recipe`.
        folder: where to write the preset. What is there is replaced in one step, once the new one is complete.
        report: function that is given sentences about what is done.
        progress: whether to show progress bars.

    Returns:
        The training log as a dict: recipe, accuracies, seconds, versions and device; the folder's training_log.json.

    Raises:
        ValueError: if the state on disk belongs to another recipe; delete the folder that the message names.
        OSError: if the folder cannot be written.

    Example:
        >>> import tempfile
        >>> recipe = Recipe("tiny", ("bear", "car"), 4, 2, 1, 4, filters=((4, 64), (8, 8)), pooling=(False, True))
        >>> log = pretrain(recipe, f"{tempfile.mkdtemp()}/tiny", report=lambda sentence: None, progress=False)
        >>> log["classes"], len(log["epochs"])
        (['bear', 'car'], 1)
    """
    folder = Path(folder)
    partial = folder.with_name(f"{folder.name}.partial")
    state = _read_state(partial, recipe)
    first, last = 0, recipe.pictures_per_kind
    report(f"Drawing {len(recipe.kinds)} kinds, {recipe.pictures_per_kind} pictures of each.")
    train = drawings.draw_set(recipe.kinds, recipe.pictures_per_kind, first, recipe.size_px, progress=progress)
    validation = drawings.draw_set(recipe.kinds, recipe.validation_per_kind, last, recipe.size_px, progress=progress)

    keras.utils.set_random_seed(recipe.seed)
    classifier = build_classifier(recipe)
    trainer = _build_trainer(classifier, recipe, len(train[0]))
    if state["epochs"]:
        trainer.load_weights(_weights_file(partial, len(state["epochs"])))
        report(f"Going on after epoch {len(state['epochs'])} of {recipe.epochs}.")
    for epoch in range(len(state["epochs"]), recipe.epochs):
        state["epochs"].append(_train_epoch(trainer, train, validation, recipe, epoch, progress))
        _write_state(partial, trainer, state)
    log = _training_log(recipe, classifier, state)
    _write_preset(folder, classifier, recipe, log)
    shutil.rmtree(partial)
    report(f"Wrote {folder}: validation accuracy {log['epochs'][-1]['validation_accuracy']:.3f}.")
    return log


def read_training_log(name):
    """Read how a packaged base was made.

    Args:
        name: name of a recipe, such as "drawn_world".

    Returns:
        The training log that `pretrain` returned.

    Raises:
        ValueError: if the book has no such base.

    Example:
        >>> read_training_log("drawn_world")["classes"][0]
        'rabbit'
    """
    if name not in RECIPES:
        raise ValueError(f"There is no base {name!r}; there are: {', '.join(RECIPES)}.")
    return json.loads((PACKAGED_FOLDER / name / TRAINING_LOG).read_text(encoding="utf-8"))


def build_classifier(recipe, dtype="float32"):
    """Build the untrained network of a recipe: Xception, global average pooling, softmax.

    It is a keras_hub.models.ImageClassifier from pictures (n, height, width, 3) with values from -1 to 1 to
    probabilities (n, number of kinds). Its preprocessor turns values from 0 to 255 into that range.

    Example:
        >>> build_classifier(DRAWN_WORLD).backbone.output.shape
        (None, None, None, 256)
    """
    backbone = keras_hub.models.XceptionBackbone(
        stackwise_conv_filters=[list(block) for block in recipe.filters],
        stackwise_pooling=list(recipe.pooling),
        image_shape=(None, None, 3),
        dtype=dtype,
    )
    converter = keras_hub.layers.XceptionImageConverter(scale=1 / 127.5, offset=-1, dtype="float32")
    return keras_hub.models.XceptionImageClassifier(
        backbone,
        num_classes=len(recipe.kinds),
        preprocessor=keras_hub.models.XceptionImageClassifierPreprocessor(converter),
        activation="softmax",
        dtype=dtype,
    )


def _build_trainer(classifier, recipe, pictures):
    """Return the classifier behind rescaling, compiled. No layer is random: saved weights would not hold its state."""
    image = keras.Input((recipe.size_px, recipe.size_px, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
    trainer = keras.Model(image, classifier(x))
    steps = recipe.epochs * -(-pictures // recipe.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    trainer.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    trainer.optimizer.build(trainer.trainable_variables)  # or its state could not be loaded before the first step
    return trainer


def _train_epoch(trainer, train, validation, recipe, epoch, progress):
    images, labels = train
    # A generator for each epoch, so that a training that was resumed gives the same weights.
    rng = np.random.default_rng([recipe.seed, epoch])
    order = rng.permutation(len(images))
    images, labels = images[order], labels[order]
    flipped = rng.random(len(images)) < 0.5
    images[flipped] = images[flipped, :, ::-1]
    start = time.perf_counter()
    history = trainer.fit(
        images,
        labels,
        batch_size=recipe.batch_size,
        shuffle=False,
        initial_epoch=epoch,
        epochs=epoch + 1,
        validation_data=validation,
        verbose="auto" if progress else 0,
    ).history
    return {
        "accuracy": history["accuracy"][-1],
        "loss": history["loss"][-1],
        "validation_accuracy": history["val_accuracy"][-1],
        "validation_loss": history["val_loss"][-1],
        "seconds": round(time.perf_counter() - start, 1),
    }


def _read_state(partial, recipe):
    expected = json.loads(json.dumps(dataclasses.asdict(recipe)))
    if not (partial / STATE).exists():
        return {"recipe": expected, "epochs": []}
    state = json.loads((partial / STATE).read_text(encoding="utf-8"))
    if state["recipe"] != expected:
        raise ValueError(f"{partial} holds a training by another recipe; delete that folder to start anew.")
    return state


def _write_state(partial, trainer, state):
    """Save weights and optimizer of the last epoch: first the weights, then the file that names them."""
    partial.mkdir(parents=True, exist_ok=True)
    epochs = len(state["epochs"])
    trainer.save_weights(_weights_file(partial, epochs))
    write_atomically(state, partial / STATE)
    for old in partial.glob("epoch-*.weights.h5"):
        if old != _weights_file(partial, epochs):
            old.unlink()


def _weights_file(partial, epochs):
    return partial / f"epoch-{epochs:03}.weights.h5"


def _training_log(recipe, classifier, state):
    return {
        "made_by": f"python -m convbook pretrain {recipe.name}",
        "recipe": state["recipe"],
        "classes": list(recipe.kinds),
        "parameters": classifier.backbone.count_params(),
        "epochs": state["epochs"],
        "seconds": round(sum(epoch["seconds"] for epoch in state["epochs"]), 1),
        "environment": describe_environment(),
        "finished": now(),
    }


def _write_preset(folder, classifier, recipe, log):
    """Write the preset beside the folder, then move it into place in one step."""
    new, old = (folder.with_name(f"{folder.name}.{word}.partial") for word in ("new", "old"))
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    # float16 takes half the bytes; it is turned back into float32 when the preset is loaded.
    small = build_classifier(recipe, dtype="float16")
    small.set_weights(classifier.get_weights())
    small.save_to_preset(new)
    write_atomically(log, new / TRAINING_LOG)
    if folder.exists():
        os.replace(folder, old)
    os.replace(new, folder)
    shutil.rmtree(old, ignore_errors=True)
