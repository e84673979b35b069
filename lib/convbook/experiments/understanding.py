"""Part one, understanding convolutional networks: what Dense layers and convolutions can and cannot learn."""

import keras
import numpy as np

from convbook import models, photos
from convbook.evidence import Effect
from convbook.experiments import Experiment
from convbook.experiments.training import accuracy, train


def measure_dense_global(seed, settings):
    """Train Dense nets and convnets on digits as they are, with permuted pixels, and centred on a larger canvas.

    Two things are measured that are easily mixed up. Locality: with one fixed permutation of all pixels, near and far
    lose their meaning; a net that bets on neighbours should lose by it, a net that does not should not. Invariance:
    a net that saw digits only in the centre is tested on digits that were moved, an average over moves to the right,
    left, top and bottom.

    Args:
        seed: decides the training sample, the permutation, the initial weights and the order of batches.
        settings: those of `DENSE_GLOBAL`.

    Returns:
        {name: number or list}: test accuracies, what is lost by permutation and by a move of settings["stated_px"], and
        numbers of parameters.
    """
    digits = photos.load_digits(settings["digits"])
    generator = np.random.default_rng(seed)
    chosen = generator.choice(len(digits.train_images), settings["train_pictures"], replace=False)
    train_images, train_labels = digits.train_images[chosen], digits.train_labels[chosen]
    test_images = digits.test_images[: settings["test_pictures"]]
    test_labels = digits.test_labels[: settings["test_pictures"]]
    permutation = generator.permutation(train_images[0].size)
    sample = (train_images, train_labels, test_images, test_labels)
    return _permuted(seed, settings, sample, permutation) | _moved(seed, settings, sample)


def _permuted(seed, settings, sample, permutation):
    """Test accuracy of nets trained anew on digits as they are and on permuted digits."""
    train_images, train_labels, test_images, test_labels = sample
    numbers = {}
    for name, build in (("dense", _dense), ("convnet", _convnet)):
        for order in ("plain", "permuted"):
            pictures, tests = train_images, test_images
            if order == "permuted":
                pictures, tests = (photos.permute_pixels(each, permutation) for each in (train_images, test_images))
            keras.utils.set_random_seed(seed)
            model = train(build(pictures.shape[1:], settings), pictures, train_labels, settings)
            numbers[f"{name}_{order}"] = accuracy(model, tests, test_labels)
        numbers[f"{name}_parameters"] = model.count_params()
        numbers[f"{name}_lost_by_permutation"] = numbers[f"{name}_plain"] - numbers[f"{name}_permuted"]
    return numbers


def _moved(seed, settings, sample):
    """Test accuracy by move, of nets trained on digits in the centre of a canvas."""
    train_images, train_labels, test_images, test_labels = sample
    size_px = settings["canvas_px"]
    centred = photos.place_on_canvas(train_images, size_px)
    nets = {"dense_canvas": _dense, "flatten_canvas": _convnet, "global_average_canvas": _convnet_global_average}
    numbers = {}
    for name, build in nets.items():
        keras.utils.set_random_seed(seed)
        model = train(build(centred.shape[1:], settings), centred, train_labels, settings)
        by_move = [_accuracy_moved(model, test_images, test_labels, size_px, px) for px in settings["moves_px"]]
        stated = settings["moves_px"].index(settings["stated_px"])
        numbers[f"{name}_by_move"] = by_move
        numbers[f"{name}_lost_by_move"] = by_move[0] - by_move[stated]
        numbers[f"{name}_parameters"] = model.count_params()
    return numbers


def _accuracy_moved(model, images, labels, size_px, move_px):
    """Test accuracy on digits moved by so many pixels, all four directions together."""
    moves = [(0, move_px), (0, -move_px), (move_px, 0), (-move_px, 0)]
    moved = [photos.place_on_canvas(images, size_px, down_px, right_px) for down_px, right_px in moves]
    return accuracy(model, np.concatenate(moved), np.tile(labels, len(moves)))


def _dense(input_shape, settings):
    units = settings["canvas_dense_units"] if input_shape[0] == settings["canvas_px"] else settings["dense_units"]
    return models.build_digits_dense(input_shape, units=units)


def _convnet(input_shape, settings, head="flatten"):
    filters = settings["canvas_filters"] if input_shape[0] == settings["canvas_px"] else settings["filters"]
    return models.build_digits_convnet(input_shape, filters=filters, head=head)


def _convnet_global_average(input_shape, settings):
    return _convnet(input_shape, settings, head="global_average")


DENSE_GLOBAL = Experiment(
    claim="dense-global",
    sentence="Dense layers learn global patterns, convolutional layers learn local patterns.",
    chapter=1,
    measure=measure_dense_global,
    settings={
        # 28x28: 34,990 parameters in the Dense net, 34,826 in the convnet.
        "dense_units": (44,),
        "filters": (32, 64),
        # 44x44: 29,215 in the Dense net, 29,066 in the convnet with Flatten, 23,946 with global average pooling.
        "canvas_dense_units": (15,),
        "canvas_filters": (16, 32, 64),
        "canvas_px": 44,
        "moves_px": (0, 1, 2, 3, 4, 5, 6, 7, 8),
        "stated_px": 4,
        "learning_rate": 1e-3,
        "batch_size": 32,
    },
    data={
        # About 80 % of the 1,297 training digits, drawn anew for each seed.
        "digits": {"digits": "scikit-learn", "train_pictures": 1038, "test_pictures": 500, "epochs": 20},
        "mnist": {"digits": "mnist", "train_pictures": 5000, "test_pictures": 1000, "epochs": 6},
    },
    sources={
        "digits": "the handwritten digits that come with scikit-learn, enlarged from 8x8 to 20x20 in 28x28 pixels",
        "mnist": "MNIST, for each seed another 5,000 of its training digits, and the first 1,000 of its test digits",
    },
    effects=(
        Effect(
            name="permuted-dense",
            meaning="Locality: a Dense net trained anew on permuted pixels is as good as on plain ones",
            of="dense_permuted",
            minus="dense_plain",
            direction="equal",
            margin=0.02,
        ),
        Effect(
            name="permuted-convnet",
            meaning="Locality: a convnet trained anew on permuted pixels is worse than on plain ones",
            of="convnet_plain",
            minus="convnet_permuted",
            direction="greater",
            margin=0.02,
        ),
        Effect(
            name="permuted-both",
            meaning="Locality: the convnet loses more by the permutation than the Dense net",
            of="convnet_lost_by_permutation",
            minus="dense_lost_by_permutation",
            direction="greater",
            margin=0.02,
        ),
        Effect(
            name="moved-flatten",
            meaning="Invariance, another thing: moved by 4 px, a Dense net loses more than a convnet with Flatten",
            of="dense_canvas_lost_by_move",
            minus="flatten_canvas_lost_by_move",
            direction="greater",
            margin=0.05,
        ),
        Effect(
            name="moved-global-average",
            meaning="Invariance, another thing: moved by 4 px, a Dense net loses more than a convnet with "
            "global average pooling",
            of="dense_canvas_lost_by_move",
            minus="global_average_canvas_lost_by_move",
            direction="greater",
            margin=0.05,
        ),
    ),
)

EXPERIMENTS = (DENSE_GLOBAL,)
