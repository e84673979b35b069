"""Chapter 9's checks say what is wrong with a record: its size, its labels, its passes."""

import numpy as np
import pytest

from convbook import shapes
from convbook.checks import feature_extraction as check

RIGHT = {"shape": (6, 6, 2048), "float32": 589_824_000, "float16": 294_912_000}


def two_passes(base, images, labels, augmentation, passes):
    features = [base(augmentation(images, training=True)) for _ in range(passes)]
    return np.concatenate(features).astype("float16"), np.tile(labels, passes)


def test_size_of_xceptions_record_is_that_of_the_formula():
    """The sides by the formulas of chapter 3, the channels as stated."""
    side = shapes.output_size(shapes.output_size(180, 3, 2), 3)
    for _ in range(4):
        side = shapes.output_size(side, 3, 2, padding="same")
    assert (side, side, 2048) == check.SHAPE
    assert check.record_size(RIGHT).passed is True


def test_xceptions_features_have_this_shape_in_keras_hub():
    import keras_hub

    filters = [[32, 64], [128, 128], [256, 256], [728, 728]] + [[728] * 3] * 8 + [[728, 1024], [1536, 2048]]
    pooling = [False, True, True, True] + [False] * 8 + [True, False]
    xception = keras_hub.models.XceptionBackbone(stackwise_conv_filters=filters, stackwise_pooling=pooling)
    assert xception.count_params() == 20_861_480  # the weights of xception_41_imagenet
    assert xception.compute_output_shape((1, 180, 180, 3)) == (1, *check.SHAPE)


def test_no_other_side_is_accepted():
    for side in set(range(1, 181)) - {6}:
        said = check.record_size(RIGHT | {"shape": (side, side, 2048)})
        assert said.passed is False
        assert str(side) in said.message


@pytest.mark.parametrize(
    "bad", [None, [6, 6, 2048], {"shape": (6, 6, 2048)}, RIGHT | {"shape": 6}, RIGHT | {"float16": "2"}]
)
def test_an_answer_of_another_form_is_told_so(bad):
    assert check.record_size(bad).passed is False


def test_stubs_are_unanswered():
    assert check.record_size(RIGHT | {"float16": ...}).passed is None
    assert check.record_passes(lambda *arguments: (..., ...)).passed is None
    assert check.record_shuffled(lambda *arguments: (..., ...)).passed is None


def test_features_of_the_checks_tell_which_picture_they_belong_to():
    images, labels = check._numbered_pictures(11)
    assert images.shape == (11, 5, 4, 3)
    assert len(labels) == 11
    assert check._numbers_in(check._base(images + 7.5)).tolist() == list(range(11))
    assert check._numbers_in(check._base(images).astype("float16")).tolist() == list(range(11))


def test_a_record_of_four_passes_is_accepted_in_the_order_of_its_rows():
    assert check.record_passes(two_passes).passed is True

    def picture_by_picture(base, images, labels, augmentation, passes):
        rows = [base(augmentation(image[None], training=True)) for image in images for _ in range(passes)]
        return np.concatenate(rows).astype("float16"), np.repeat(labels, passes)

    assert check.record_passes(picture_by_picture).passed is True


def test_the_answers_own_error_reaches_its_author():
    def broken(base, batches):
        raise KeyError("nothing here")

    said = check.record_shuffled(broken)
    assert said.passed is False
    assert "KeyError" in said.message


def test_a_shuffled_dataset_brings_another_order_each_time_and_every_picture_once():
    batches = check._Shuffled(*check._numbered_pictures(11), batch_size=4)
    orders = [np.concatenate([images[:, 0, 0, 0] for images, _ in batches]) for _ in range(2)]
    assert not np.array_equal(*orders)
    assert sorted(orders[0]) == sorted(orders[1]) == [32 * number for number in range(1, 12)]
    assert [len(images) for images, _ in batches] == [4, 4, 3]
    assert len(batches) == 3


def test_labels_of_a_second_loop_are_found_out():
    def two_loops(base, batches):
        features = np.concatenate([base(images) for images, _ in batches])
        return features, np.concatenate([np.ravel(labels) for _, labels in batches])

    said = check.record_shuffled(two_loops)
    assert said.passed is False
    assert "2 times" in said.message
