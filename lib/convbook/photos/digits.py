"""Handwritten digits from two sources, and what chapters do to them: move them, and permute their pixels."""

import operator
from dataclasses import dataclass

import numpy as np

SOURCES = ("scikit-learn", "mnist")


@dataclass(frozen=True)
class Digits:
    """Handwritten digits, split into training and test pictures.

    Attributes:
        train_images, test_images: uint8 arrays of shape (n, 28, 28, 1), ink bright on a dark ground.
        train_labels, test_labels: int64 arrays of shape (n,), 0 to 9.
        source: "scikit-learn" or "mnist".
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    source: str


def load_digits(source="scikit-learn"):
    """Load handwritten digits as 28x28 pictures with a fixed split into training and test pictures.

    "scikit-learn" needs no network: 1,797 digits that come with scikit-learn. They are 8x8 pixels with values 0 to 16;
    here they are scaled to 20x20 by bilinear interpolation, to values 0 to 255, and centred in 28x28. Of each class,
    50 pictures spread evenly over the collection are for testing: 1,297 train, in a fixed random order, 500 test, no
    picture in both. The collection does not say who wrote which digit, so the same hands appear on both sides: accuracy
    on these test pictures says little about people who wrote none of them.

    "mnist" downloads MNIST through Keras: 60,000 train, 10,000 test, written by different people (Source, below).

    Args:
        source: "scikit-learn" or "mnist".

    Returns:
        A `Digits`, with arrays of its own that may be changed.

    Raises:
        ValueError: if the source is neither of the two; use one of them.
        OSError: if MNIST cannot be had; connect to the network, delete the broken file that the message names, or use
            "scikit-learn".

    Example:
        >>> digits = load_digits("scikit-learn")
        >>> digits.train_images.shape, digits.test_images.shape
        ((1297, 28, 28, 1), (500, 28, 28, 1))

    Source:
        E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998
        (scikit-learn bundles its test part). Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten
        digits.
    """
    if source == "scikit-learn":
        return _scikit_learn_digits()
    if source == "mnist":
        return _mnist_digits()
    raise ValueError(f"{source!r} is no source of digits; use {' or '.join(repr(name) for name in SOURCES)}.")


def place_on_canvas(images, size_px=44, down_px=0, right_px=0):
    """Put pictures on a larger dark square canvas, moved away from its centre.

    Args:
        images: array of shape (n, height, width, channels).
        size_px: height and width of the canvas in pixels.
        down_px: pixels to move down from the centre; negative moves up.
        right_px: pixels to move right from the centre; negative moves left.

    Returns:
        A new array of shape (n, size_px, size_px, channels) and the same dtype. Where the space around the picture is
        odd, the centred picture has the extra pixel below and to the right.

    Raises:
        ValueError: if the pictures are larger than the canvas, or the move would push a part of them off it; the
            message names the smallest canvas or the largest moves.

    Example:
        >>> place_on_canvas(np.full((1, 1, 1, 1), 7), size_px=3, down_px=1, right_px=-1)[0, :, :, 0]
        array([[0, 0, 0],
               [0, 0, 0],
               [7, 0, 0]])
    """
    images = _batch(images)
    count, height, width, channels = images.shape
    if max(height, width) > size_px:
        raise ValueError(
            f"Pictures of {height}x{width} pixels do not fit on a canvas of {size_px}x{size_px}; "
            f"make size_px at least {max(height, width)}."
        )
    top = _offset("down_px", down_px, size_px - height, "up", "down")
    left = _offset("right_px", right_px, size_px - width, "left", "right")
    canvas = np.zeros((count, size_px, size_px, channels), images.dtype)
    canvas[:, top : top + height, left : left + width] = images
    return canvas


def permute_pixels(images, permutation):
    """Put the pixels of every picture into one and the same new order.

    Args:
        images: array of shape (n, height, width, channels).
        permutation: the numbers 0 to height * width - 1 in any order. Position i of the result, counted row by row,
            shows what was at position permutation[i]. The channels of a pixel stay together.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        ValueError: if permutation does not hold each position exactly once; np.random.default_rng(seed).permutation
            makes one that does.

    Example:
        >>> permute_pixels(np.arange(4).reshape(1, 2, 2, 1), [3, 2, 1, 0])[0, :, :, 0]
        array([[3, 2],
               [1, 0]])
    """
    images = _batch(images)
    count, height, width, channels = images.shape
    order = np.asarray(permutation)
    if not np.array_equal(np.sort(order, axis=None), np.arange(height * width)) or order.ndim != 1:
        raise ValueError(
            f"permutation, of shape {order.shape}, must hold each position from 0 to {height * width - 1} of these "
            f"{height}x{width} pictures once; np.random.default_rng(seed).permutation({height * width}) makes one."
        )
    return images.reshape(count, height * width, channels)[:, order].reshape(images.shape)


def _scikit_learn_digits():
    from sklearn import datasets

    bundle = datasets.load_digits()
    images = _enlarge(bundle.images * (255 / 16), size_px=20).round().astype(np.uint8)
    images = place_on_canvas(images[..., None], size_px=28)
    labels = bundle.target.astype(np.int64)
    test = np.zeros(len(labels), bool)
    for label in range(10):
        of_class = np.flatnonzero(labels == label)
        test[of_class[np.arange(50) * len(of_class) // 50]] = True
    # The collection is ordered by writer: shuffled, so that the last tenth (validation) is not by one writer.
    train = np.random.default_rng(0).permutation(np.flatnonzero(~test))
    return Digits(images[train], labels[train], images[test], labels[test], "scikit-learn")


def _mnist_digits():
    import keras

    # Keras raises bare Exceptions for the network and whatever zipfile or NumPy raise for a file that was cut off.
    try:
        (train_images, train_labels), (test_images, test_labels) = keras.datasets.mnist.load_data()
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise OSError(
            f"MNIST could not be loaded ({reason}): connect to the network, delete "
            f"datasets/mnist.npz in Keras's folder (KERAS_HOME or ~/.keras) if a download was cut off, and try again, "
            f"or use load_digits('scikit-learn'), which needs no network."
        ) from error
    return Digits(
        np.array(train_images[..., None]),
        train_labels.astype(np.int64),
        np.array(test_images[..., None]),
        test_labels.astype(np.int64),
        "mnist",
    )


def _enlarge(images, size_px):
    """Scale square pictures (n, size, size) up by bilinear interpolation between the centres of their pixels.

    `skimage.transform.resize` differs in the last bit, and so rounds some ties to another whole number.
    """
    size = images.shape[1]
    centres = (np.arange(size_px) + 0.5) * size / size_px - 0.5
    # One row of weights for each new row; beyond the outermost centres the outermost pixel is repeated.
    weights = np.stack([np.interp(centres, np.arange(size), unit) for unit in np.eye(size)], axis=1)
    return weights @ images @ weights.T


def _batch(images):
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(
            f"Expected pictures of shape (n, height, width, channels), got {images.shape}; "
            f"for one picture of shape (height, width, channels) pass image[None]."
        )
    return images


def _offset(name, move_px, space_px, backward, forward):
    """Return where the picture begins along one axis with space_px to spare."""
    start = space_px // 2 + operator.index(move_px)
    if not 0 <= start <= space_px:
        raise ValueError(
            f"{name}={move_px} would cut the pictures off; on this canvas they can move at most {space_px // 2} px "
            f"{backward} and {space_px - space_px // 2} px {forward}. Make size_px larger to move them further."
        )
    return start
