"""Training of the two small nets for digits on a canvas, and the file that the package carries them in.

Both nets see digits near the centre of the canvas only, up to two pixels beside it: the windows of the convnet lie 8
pixels apart, and digits at exactly one position would show it only one of the 8 × 8 offsets of a digit to its windows.
"""

import dataclasses
import time
from collections.abc import Callable

import keras
import numpy as np

from convbook import digit_nets, models, photos
from convbook.environment import describe_environment, now
from convbook.files import write_atomically

# 54 pixels: three stages of a 3x3 convolution and 2x2 pooling leave 5x5 windows of 22 pixels, 8 apart, that reach from
# the first pixel to the last; and a digit can move by 13 pixels each way.
CANVAS_PX = 54
MOVES_PX = {"home": [(0, 0)]} | {f"moved {px} px": [(0, px), (0, -px), (px, 0), (-px, 0)] for px in (4, 8)}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one net is trained."""

    name: str  # "dense" or "convnet"
    sizes: tuple  # units of the hidden Dense layers, or filters of the convnet's stages
    epochs: int
    learning_rate: float  # Adam's at the start; it falls to 0 along half a cosine
    batch_size: int = 32
    beside_px: int = 2  # in each epoch a digit stands at most this many pixels beside the centre, along each axis
    seed: int = 0  # decides initial weights, order and positions
    canvas_px: int = CANVAS_PX  # height and width of the canvas


RECIPES = (
    Recipe("dense", sizes=(12,), epochs=60, learning_rate=3e-3),
    Recipe("convnet", sizes=(16, 32, 48), epochs=20, learning_rate=4e-3),
)


def pretrain(path=digit_nets.FILE, recipes=RECIPES, report: Callable = print):
    """Train the nets from scratch and write them into one file, replaced in one step once all of them are trained.

    Args:
        path: the file.
        recipes: a `Recipe` for each net.
        report: function that is given sentences about what is done.

    Returns:
        The training log as a dict: recipes, accuracies, seconds, versions and device. The file holds it with the nets.

    Raises:
        OSError: if the file cannot be written.
    """
    digits = photos.load_digits("scikit-learn")
    log = {"made_by": "python -m convbook pretrain digits", "recipes": {}, "accuracies": {}, "seconds": {}}
    nets = {}
    for recipe in recipes:
        report(f"Training the {recipe.name}, {recipe.epochs} epochs on {len(digits.train_images)} digits.")
        start = time.perf_counter()
        nets[recipe.name] = digit_nets.pack(train(recipe, digits))
        log["recipes"][recipe.name] = dataclasses.asdict(recipe)
        log["seconds"][recipe.name] = round(time.perf_counter() - start, 1)
        log["accuracies"][recipe.name] = measure(digit_nets.unpack(nets[recipe.name]), digits)
        report(f"Right of {len(digits.test_images)} test digits: {_in_words(log['accuracies'][recipe.name])}.")
    log |= {"environment": describe_environment(), "finished": now()}
    write_atomically(log | {"nets": nets}, path)
    report(f"Wrote {path}.")
    return log


def train(recipe, digits):
    """Train the net of a recipe on the training pictures of `photos.Digits`; its weights are not yet rounded."""
    keras.utils.set_random_seed(recipe.seed)
    model = build(recipe)
    steps = recipe.epochs * -(-len(digits.train_images) // recipe.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    for epoch in range(recipe.epochs):
        rng = np.random.default_rng([recipe.seed, epoch])
        order = rng.permutation(len(digits.train_images))
        images = place_near_the_centre(digits.train_images[order], recipe.canvas_px, recipe.beside_px, rng)
        model.fit(images, digits.train_labels[order], batch_size=recipe.batch_size, shuffle=False, verbose=0)
    return model


def build(recipe):
    """Build the untrained net of a recipe: a functional keras.Model of `convbook.models`, not compiled.

    Example:
        >>> build(RECIPES[1]).get_layer("pool_3").output.shape
        (None, 5, 5, 48)
    """
    shape = (recipe.canvas_px, recipe.canvas_px, 1)
    if recipe.name == "dense":
        return models.build_digits_dense(shape, units=recipe.sizes)
    return models.build_digits_convnet(shape, filters=recipe.sizes, head="global_average")


def place_near_the_centre(images, size_px, beside_px, rng):
    """Place each of the pictures (n, height, width, channels) on a canvas (size_px, size_px), at a random position.

    The position is at most `beside_px` pixels from the centre along each axis; `rng` is a numpy.random.Generator.

    Example:
        >>> place_near_the_centre(np.ones((2, 1, 3, 1)), 5, 1, np.random.default_rng(0)).sum(axis=(1, 2, 3))
        array([3., 3.])
    """
    moves = rng.integers(-beside_px, beside_px + 1, (len(images), 2))
    canvas = photos.place_on_canvas(images, size_px)
    for move in np.unique(moves, axis=0):
        moved = (moves == move).all(axis=1)
        canvas[moved] = photos.place_on_canvas(images[moved], size_px, *move)
    return canvas


def measure(model, digits):
    """Measure the shares of the test digits that a net gets right, all directions of a move together.

    They stand in the centre ("home"), moved by 4 and by 8 pixels along one axis, and in the corners; returns
    {"home": …, "moved 4 px": …, "moved 8 px": …, "corners": …}.
    """
    size_px = model.input_shape[1]
    far_px = (size_px - digits.test_images.shape[1]) // 2
    corners = [(down, right) for down in (-far_px, far_px) for right in (-far_px, far_px)]
    return {
        name: float(np.mean([_accuracy(model, digits, size_px, move) for move in moves]))
        for name, moves in (MOVES_PX | {"corners": corners}).items()
    }


def _accuracy(model, digits, size_px, move):
    images = photos.place_on_canvas(digits.test_images, size_px, *move)
    answers = model.predict(images, batch_size=500, verbose=0).argmax(axis=1)
    return (answers == digits.test_labels).mean()


def _in_words(accuracies):
    return ", ".join(f"{name} {share:.3f}" for name, share in accuracies.items())
