"""Tests of the digits and the sample picture."""

import numpy as np
import pytest
from keras.src.datasets import mnist as mnist_module
from PIL import Image
from sklearn import datasets

from convbook import photos


@pytest.fixture(scope="module")
def digits():
    return photos.load_digits("scikit-learn")


def test_digits_have_the_promised_shapes_types_and_classes(digits):
    assert digits.source == "scikit-learn"
    assert digits.train_images.shape == (1297, 28, 28, 1)
    assert digits.test_images.shape == (500, 28, 28, 1)
    assert digits.train_images.dtype == digits.test_images.dtype == np.uint8
    assert digits.train_labels.dtype == digits.test_labels.dtype == np.int64
    assert np.bincount(digits.test_labels).tolist() == [50] * 10
    # scikit-learn's description of the collection counts 178, 182, 177, … pictures of 0, 1, 2, …
    assert np.bincount(digits.train_labels).tolist() == [128, 132, 127, 133, 131, 132, 131, 129, 124, 130]


def test_no_digit_is_in_both_parts(digits):
    train = {image.tobytes() for image in digits.train_images}
    assert len(train) == 1297
    assert not any(image.tobytes() in train for image in digits.test_images)


# Of the 183 threes, the 50 test pictures are number 0, 3, 7, 10, …, 179: k * 183 // 50.
@pytest.mark.parametrize(("number", "bundled_number"), [(0, 0), (1, 3), (2, 7), (49, 179)])
def test_digits_are_the_bundled_ones_enlarged_as_pillow_does(digits, number, bundled_number):
    bundle = datasets.load_digits()
    three = bundle.images[bundle.target == 3][bundled_number]
    enlarged = Image.fromarray((three * 255 / 16).astype(np.float32)).resize((20, 20), Image.Resampling.BILINEAR)
    ours = digits.test_images[digits.test_labels == 3][number, :, :, 0]
    np.testing.assert_allclose(ours[4:24, 4:24], np.asarray(enlarged), atol=0.51)
    assert ours.sum() == ours[4:24, 4:24].sum()


def test_digits_are_the_same_every_time_and_belong_to_the_caller(digits):
    again = photos.load_digits()
    np.testing.assert_array_equal(again.train_images, digits.train_images)
    again.train_images[:] = 0
    again.test_labels[:] = 0
    assert photos.load_digits().train_images.max() == 255


def test_an_unknown_source_is_refused_with_both_names():
    with pytest.raises(ValueError, match=r"'kaggle'.*'scikit-learn' or 'mnist'"):
        photos.load_digits("kaggle")


def test_mnist_is_loaded_through_keras(tmp_path, monkeypatch):
    images = np.arange(6 * 28 * 28).reshape(6, 28, 28).astype("uint8")
    labels = np.array([5, 0, 4, 1, 9, 2], "uint8")
    np.savez(tmp_path / "mnist.npz", x_train=images[:4], y_train=labels[:4], x_test=images[4:], y_test=labels[4:])
    monkeypatch.setattr(mnist_module, "get_file", lambda **_: tmp_path / "mnist.npz")
    digits = photos.load_digits("mnist")
    np.testing.assert_array_equal(digits.train_images, images[:4, :, :, None])
    np.testing.assert_array_equal(digits.test_images, images[4:, :, :, None])
    assert (digits.train_labels.tolist(), digits.test_labels.tolist()) == ([5, 0, 4, 1], [9, 2])
    assert digits.train_labels.dtype == digits.test_labels.dtype == np.int64
    digits.train_images[:] = 0


@pytest.mark.parametrize("error", [Exception("URL fetch failure:\n None"), EOFError("cut off"), KeyError("x_train")])
def test_every_failure_of_mnist_is_one_sentence_with_the_remedy(monkeypatch, error):
    def fail(**_):
        raise error

    monkeypatch.setattr(mnist_module, "get_file", fail)
    remedy = r"connect to the network, delete .*mnist\.npz.*cut off.*load_digits\('scikit-learn'\)"
    with pytest.raises(OSError, match=rf"{type(error).__name__}: .*{remedy}") as caught:
        photos.load_digits("mnist")
    assert "\n" not in str(caught.value)


def test_a_picture_moves_down_and_right_by_hand_computed_pixels():
    image = np.array([[1, 2, 3], [4, 5, 6]], np.uint8).reshape(1, 2, 3, 1)
    canvas = photos.place_on_canvas(image, size_px=6, down_px=1, right_px=-1)
    assert canvas.dtype == np.uint8
    # Room is 4 rows and 3 columns: centred, the picture begins at row 2, column 1; moved, at row 3, column 0.
    expected = np.zeros((6, 6), np.uint8)
    expected[3, :3] = [1, 2, 3]
    expected[4, :3] = [4, 5, 6]
    np.testing.assert_array_equal(canvas[0, :, :, 0], expected)


def test_no_ink_is_lost_at_the_largest_moves(digits):
    images = digits.test_images[:5]
    for down_px in (-8, 0, 8):
        for right_px in (-8, 0, 8):
            canvas = photos.place_on_canvas(images, down_px=down_px, right_px=right_px)
            cut = canvas[:, 8 + down_px : 36 + down_px, 8 + right_px : 36 + right_px]
            np.testing.assert_array_equal(cut, images)
            assert canvas.sum() == images.sum()
    assert photos.place_on_canvas(images, size_px=35, right_px=4).sum() == images.sum()
    with pytest.raises(TypeError):
        photos.place_on_canvas(images, down_px=0.5)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 28, 28, 1), {"down_px": 9}, r"down_px=9 .*at most 8 px up and 8 px down"),
        ((1, 28, 28, 1), {"size_px": 35, "right_px": -4}, r"right_px=-4 .*at most 3 px left and 4 px right"),
        ((1, 28, 30, 1), {"size_px": 20}, r"28x30.*20x20.*at least 30"),
        ((28, 28, 1), {}, r"\(28, 28, 1\).*image\[None\]"),
    ],
)
def test_what_does_not_fit_on_the_canvas_is_refused_with_the_remedy(shape, options, message):
    with pytest.raises(ValueError, match=message):
        photos.place_on_canvas(np.zeros(shape, np.uint8), **options)


def test_pixels_of_a_non_square_colour_picture_are_permuted_by_hand():
    image = np.arange(12).reshape(1, 2, 3, 2)
    permuted = photos.permute_pixels(image, [5, 0, 1, 2, 3, 4])
    assert permuted[0].tolist() == [[[10, 11], [0, 1], [2, 3]], [[4, 5], [6, 7], [8, 9]]]
    permuted[:] = 0
    assert image.max() == 11


@pytest.mark.parametrize("wrong", [[0, 1, 2, 3, 4, 4], [0, 1, 2], [[0, 1, 2], [3, 4, 5]], [1, 2, 3, 4, 5, 6]])
def test_what_is_no_permutation_is_refused(wrong):
    with pytest.raises(ValueError, match=r"from 0 to 5 of these 2x3 pictures"):
        photos.permute_pixels(np.zeros((1, 2, 3, 1)), wrong)
    with pytest.raises(ValueError, match=r"image\[None\]"):
        photos.permute_pixels(np.zeros((2, 3, 1)), np.arange(6))


def test_the_sample_picture_is_a_colour_photograph_of_its_own():
    picture = photos.load_sample_picture()
    assert picture.shape == (300, 451, 3)
    assert picture.dtype == np.uint8
    picture[:] = 0
    assert photos.load_sample_picture().max() > 200
