"""Part one, understanding convolutional networks: what Dense layers and filters can and cannot learn."""

import keras
import numpy as np

from convbook import models, photos
from convbook.evidence import Effect
from convbook.experiments import Experiment
from convbook.experiments.data import FEW_DIGITS, SMALL_DIGITS, choose_digits
from convbook.experiments.training import accuracy, train
from convbook.operations import convolve2d
from convbook.shapes import receptive_field


def measure_dense_global(seed, settings):
    """Train Dense nets and convnets on digits as they are, with permuted pixels, and centred on a larger canvas.

    Two things are measured that are easily mixed up. Locality: with one fixed permutation of all pixels, near and far
    lose their meaning; a net that bets on neighbours should lose by it, a net that does not should not. Invariance:
    a net that saw digits only in the centre is tested on digits that were moved, an average over moves to the right,
    left, top and bottom; settings["stated_px"] is the move that the effects compare.
    """
    rng = np.random.default_rng(seed)
    sample = choose_digits(rng, settings)
    permutation = rng.permutation(sample[0][0].size)
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
        "digits": FEW_DIGITS | {"epochs": 20},
        "mnist": {"digits": "mnist", "train_pictures": 5000, "test_pictures": 1000, "epochs": 6},
    },
    sources={
        "digits": "the handwritten digits that come with scikit-learn, enlarged from 8x8 to 20x20 in 28x28 pixels",
        "mnist": "MNIST, for each seed another 5,000 of its training digits, and the first 1,000 of its test digits",
    },
    effects={
        Effect(
            "permuted-dense", "dense_permuted", "dense_plain", margin=0.02, direction="equal"
        ): "Locality: a Dense net trained anew on permuted pixels is as good as on plain ones",
        Effect("permuted-convnet", "convnet_plain", "convnet_permuted", margin=0.02): "Locality: a convnet trained "
        "anew on permuted pixels is worse than on plain ones",
        Effect(
            "permuted-both", "convnet_lost_by_permutation", "dense_lost_by_permutation", margin=0.02
        ): "Locality: the convnet loses more by the permutation than the Dense net",
        Effect(
            "moved-flatten", "dense_canvas_lost_by_move", "flatten_canvas_lost_by_move", margin=0.05
        ): "Invariance, another thing: moved by 4 px, a Dense net loses more than a convnet with Flatten",
        Effect(
            "moved-global-average", "dense_canvas_lost_by_move", "global_average_canvas_lost_by_move", margin=0.05
        ): "Invariance, another thing: moved by 4 px, a Dense net loses more than a convnet with global average "
        "pooling",
    },
)


def measure_equivariance(seed, settings):
    """Train on digits in the lower right of a large canvas, home, and test far from there, where no digit ever was.

    The canvas leaves room on all sides, so that a window never meets the border. A move by a multiple of the nets'
    total stride brings the same pixels under the same windows; a move by one pixel more, odd, does not.
    """
    train_images, train_labels, test_images, test_labels = choose_digits(np.random.default_rng(seed), settings)
    size_px, far_px = settings["canvas_px"], settings["far_px"]
    moves_px = {"home": settings["home_px"], "far": far_px, "odd": far_px + 1}  # to the right and down
    train_images = photos.place_on_canvas(train_images, size_px, moves_px["home"], moves_px["home"])
    shape = train_images.shape[1:]
    nets = {
        "dense": lambda: models.build_digits_dense(shape, units=settings["dense_units"]),
        "flatten": lambda: models.build_digits_convnet(shape, filters=settings["filters"], head="flatten"),
        "global_average": lambda: models.build_digits_convnet(
            shape, filters=settings["filters"], head="global_average"
        ),
    }
    numbers = {}
    for name, build in nets.items():
        keras.utils.set_random_seed(seed)
        model = train(build(), train_images, train_labels, settings)
        for place, move_px in moves_px.items():
            if place != "odd" or name == "global_average":
                moved = photos.place_on_canvas(test_images, size_px, move_px, move_px)
                numbers[f"{name}_{place}"] = accuracy(model, moved, test_labels)
    return numbers


EQUIVARIANCE = Experiment(
    claim="equivariance",
    sentence="After learning a pattern in the lower right corner of a picture, a convnet can recognise it anywhere.",
    chapter=2,
    measure=measure_equivariance,
    settings={
        # The ink of a digit is 20 px wide. Lower right: rows, columns 46 to 65 of 88; upper left: 22 to 41. One output
        # before the average sees 22 px, and all that see ink exist at both places.
        "canvas_px": 88,
        "home_px": 12,
        "far_px": -12,
        "dense_units": (15,),
        "filters": (16, 32, 64),
        "learning_rate": 1e-3,
        "batch_size": 32,
    },
    data={"digits": FEW_DIGITS | {"epochs": 12}},
    sources={"digits": SMALL_DIGITS},
    effects={
        Effect(
            "global-average-keeps", "global_average_far", "global_average_home", margin=0.02, direction="equal"
        ): "A convnet with global average pooling is as good at the far place as at home",
        Effect("dense-forgets", "dense_home", "dense_far", margin=0.1): "A Dense net is worse at the far place than at "
        "home",
        Effect("flatten-keeps", "flatten_far", "flatten_home", margin=0.02, direction="equal"): "A convnet with "
        "Flatten is as good at the far place as at home",
        Effect("odd-move", "global_average_far", "global_average_odd", margin=0.02): "One pixel beside, strides do not "
        "fit: the convnet with global average pooling is worse there",
    },
)


def measure_hierarchy(seed, settings):
    """Train a convnet on digits and measure what its two stages react to.

    First kernels: how much of their energy the best oriented derivative explains, before and after training. Both
    stages: how far the mean responses move, relative to their spread over pictures, when tiles of the picture change
    places.
    """
    model, test_images, _ = _trained_on_digits(seed, settings)
    before = models.build_digits_convnet().get_layer("conv_1")
    shuffled = shuffle_tiles(test_images, settings["tile_px"], np.random.default_rng(seed))
    numbers = {
        "edges_random": float(edge_share(before.get_weights()[0][:, :, 0]).mean()),
        "edges_trained": float(edge_share(model.get_layer("conv_1").get_weights()[0][:, :, 0]).mean()),
    }
    for stage in ("conv_1", "conv_2"):
        probe = keras.Model(model.inputs, keras.ops.mean(model.get_layer(stage).output, axis=(1, 2)))
        plain, moved = (probe.predict(images, batch_size=500, verbose=0) for images in (test_images, shuffled))
        numbers[f"tiles_{stage}"] = float(np.linalg.norm(moved - plain) / np.linalg.norm(plain - plain.mean(axis=0)))
    return numbers


def edge_share(kernels):
    """Measure how much of each 3x3 kernel is an edge detector, from 0 to 1: (3, 3, filters) to (filters,).

    It is the share of the squared weights that the best oriented derivative, a slope in any direction, explains.

    Example:
        >>> edge_share(np.array([[-1, 0, 1]] * 3)[:, :, np.newaxis])
        array([1.])
    """
    down, right = np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij")
    slopes = np.stack([down.ravel(), right.ravel()]) / np.sqrt(6)
    flat = kernels.reshape(9, -1)
    return ((slopes @ flat) ** 2).sum(axis=0) / (flat**2).sum(axis=0)


def shuffle_tiles(images, tile_px, rng):
    """Put the square tiles of pictures (n, height, width, channels) into another order, the same for all pictures."""
    count, height, width, channels = images.shape
    rows, columns = height // tile_px, width // tile_px
    tiles = images.reshape(count, rows, tile_px, columns, tile_px, channels).swapaxes(2, 3)
    tiles = tiles.reshape(count, rows * columns, tile_px, tile_px, channels)
    tiles = tiles[:, rng.permutation(rows * columns)]
    return tiles.reshape(count, rows, columns, tile_px, tile_px, channels).swapaxes(2, 3).reshape(images.shape)


HIERARCHY = Experiment(
    claim="hierarchy",
    sentence="The first layer learns small local patterns such as edges, the second larger patterns made of them.",
    chapter=2,
    measure=measure_hierarchy,
    settings={
        # A window of conv_1 is 3 px wide, one of conv_2 is 8 px: the tile lies between.
        "tile_px": 7,
        "learning_rate": 1e-3,
        "batch_size": 32,
    },
    data={"digits": FEW_DIGITS | {"epochs": 20}},
    sources={"digits": SMALL_DIGITS},
    effects={
        Effect("edges", "edges_trained", "edges_random", margin=0.05, unit="share of energy"): "Trained first kernels "
        "are edge detectors to a larger share than random ones",
        Effect(
            "tiles", "tiles_conv_2", "tiles_conv_1", margin=0.1, unit="of the spread over pictures"
        ): "Tiles of 7 px that change places disturb the second stage (window 8 px) more than the first",
    },
)


def measure_presence(seed, settings):
    """Measure where the response maps of a trained convnet peak, and whether that location matters.

    Planting: the pattern that a first kernel responds to is put at a random location of a noisy picture, and counts as
    found within one pixel. Covering: for each test digit that is classified correctly, the window under the largest
    response of the second stage is covered with background, and the right class's probability falls. Two controls: a
    window at another, random location, and the window at least half a window away that hides most nearly as much ink.
    """
    model, test_images, test_labels = _trained_on_digits(seed, settings)
    rng = np.random.default_rng(seed)
    kernels = model.get_layer("conv_1").get_weights()[0][:, :, 0]
    return _planted(kernels, rng, settings) | _covered(model, test_images, test_labels, rng)


def _planted(kernels, rng, settings):
    """Plant each kernel's own pattern in noise and find where its response map peaks."""
    size_px, hits, trials = settings["planted_px"], 0, 0
    for kernel in kernels.transpose(2, 0, 1):
        pattern = (kernel - kernel.mean()) / kernel.std()
        for _ in range(settings["plants"]):
            picture = rng.normal(0, settings["noise"], (size_px, size_px, 1))
            row, column = rng.integers(0, size_px - 2, 2)
            picture[row : row + 3, column : column + 3, 0] += pattern
            response = convolve2d(picture, kernel[:, :, np.newaxis, np.newaxis])[:, :, 0]
            peak = np.array(np.unravel_index(response.argmax(), response.shape))
            hits += np.abs(peak - (row, column)).max() <= 1
            trials += 1
    return {"found": hits / trials, "found_by_guess": 9 / (size_px - 2) ** 2}


def _covered(model, images, labels, rng):
    """Cover the window under the largest response of conv_2, or another one, and classify the pictures again."""
    probe = keras.Model(model.inputs, [model.get_layer("conv_2").output, model.output])
    maps, before = probe.predict(images, batch_size=500, verbose=0)
    correct = np.flatnonzero(before.argmax(axis=1) == labels)
    field = receptive_field([(3, 1), (2, 2), (3, 1)])
    locations = np.argwhere(np.ones(maps.shape[1:3]))
    covered = {"peak": [], "anywhere": [], "same_ink": []}
    for index in correct:
        strongest = maps[index].max(axis=2)
        peak = np.array(np.unravel_index(strongest.argmax(), strongest.shape))
        others = locations[np.abs(locations - peak).max(axis=1) * field.jump >= field.size // 2]
        ink = [int(_window(images[index], field, *location).sum()) for location in (peak, *others)]
        same_ink = others[np.abs(np.array(ink[1:]) - ink[0]).argmin()]
        anywhere = others[rng.integers(len(others))]
        for name, location in (("peak", peak), ("anywhere", anywhere), ("same_ink", same_ink)):
            picture = images[index].copy()
            _window(picture, field, *location)[:] = 0
            covered[name].append(picture)
    right_class = labels[correct]
    falls = {}
    for name, pictures in covered.items():
        after = model.predict(np.array(pictures), batch_size=500, verbose=0)
        fall = before[correct, right_class] - after[np.arange(len(pictures)), right_class]
        falls[f"fall_{name}"] = float(fall.mean())
    return falls


def _window(image, field, row, column):
    """The part of a picture that one output sees."""
    top, left = field.start + row * field.jump, field.start + column * field.jump
    return image[top : top + field.size, left : left + field.size]


def _trained_on_digits(seed, settings):
    """A convnet trained on a sample of digits, and the test images and labels."""
    train_images, train_labels, test_images, test_labels = choose_digits(np.random.default_rng(seed), settings)
    keras.utils.set_random_seed(seed)
    model = train(models.build_digits_convnet(), train_images, train_labels, settings)
    return model, test_images, test_labels


PRESENCE = Experiment(
    claim="presence",
    sentence="A response map quantifies the presence of the filter's pattern at different locations.",
    chapter=2,
    measure=measure_presence,
    settings={
        # Noise as strong as the pattern: both have a standard deviation of 1 per pixel.
        "planted_px": 20,
        "plants": 10,
        "noise": 1.0,
        "learning_rate": 1e-3,
        "batch_size": 32,
    },
    data={"digits": FEW_DIGITS | {"epochs": 20}},
    sources={"digits": SMALL_DIGITS},
    effects={
        Effect("planted", "found", "found_by_guess", margin=0.25, unit="share found"): "The map of a trained first "
        "kernel peaks where its pattern was planted in equally strong noise",
        Effect("covered", "fall_peak", "fall_anywhere", margin=0.05, unit="probability"): "Covering the place where "
        "the second stage's maps peak costs the right class more probability than covering a random other place",
        Effect(
            "covered-same-ink", "fall_peak", "fall_same_ink", margin=0.05, unit="probability"
        ): "It also costs more than covering another place with as much ink",
    },
)


EXPERIMENTS = (DENSE_GLOBAL, EQUIVARIANCE, HIERARCHY, PRESENCE)
