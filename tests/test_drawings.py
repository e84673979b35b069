"""The drawings: the same everywhere, balanced, with the class in the animal and nowhere else.

`python tests/test_drawings.py` writes the reference thumbnails anew, for whoever changes the drawings on purpose.
"""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from convbook import drawings
from convbook.drawings import curves
from convbook.drawings.pen import Pen
from convbook.drawings.random_stream import RandomStream
from convbook.drawings.scenes import staging

# Thumbnails of these pictures, side by side, are kept in a file.
REFERENCE = Path(__file__).with_name("reference_drawings.png")
REFERENCE_PICTURES = (("cat", 1000), ("dog", 1003), ("fox", 1), ("turtle", 2), ("cake", 3))
# Pillow 11.3, 12.0 and 13.0 with NumPy 2.1, 2.2 and 2.4 gave the same bytes; one level (of 255) leaves room for
# another processor's rounding and a pixel at an edge.
TOLERANCE_LEVELS = 1.0


def thumbnail(image, size_px=8):
    """Return the mean colour of each of 8x8 blocks, rounded."""
    block = image.shape[0] // size_px
    return image.reshape(size_px, block, size_px, block, 3).mean(axis=(1, 3)).round().astype(np.uint8)


def thumbnails():
    """The pictures of the reference, small and side by side."""
    return np.concatenate([thumbnail(drawings.draw(*picture)) for picture in REFERENCE_PICTURES], axis=1)


def test_pictures_are_those_of_the_reference():
    difference = np.abs(thumbnails().astype(float) - np.asarray(Image.open(REFERENCE)))
    for picture, levels in zip(REFERENCE_PICTURES, np.split(difference, len(REFERENCE_PICTURES), axis=1), strict=True):
        assert levels.mean() < TOLERANCE_LEVELS, picture


def test_drawing_neither_reads_nor_moves_the_global_random_state():
    random.seed(1)
    np.random.seed(1)
    first = drawings.draw("cat", 1)
    assert random.random() == random.Random(1).random()
    assert np.random.random() == np.random.RandomState(1).random()
    np.testing.assert_array_equal(first, drawings.draw("cat", 1))


def test_another_seed_or_kind_gives_another_picture():
    pictures = [drawings.draw(kind, seed) for kind in ("cat", "dog") for seed in range(20)]
    assert len({picture.tobytes() for picture in pictures}) == 40


def test_options_are_picked_by_weight():
    rng = RandomStream("weights")
    picks = [rng.pick({"often": 9, "seldom": 1, "never": 0}) for _ in range(2000)]
    assert picks.count("never") == 0
    assert 140 < picks.count("seldom") < 260  # 200 expected, standard deviation 13.4


def test_the_same_seed_shows_the_same_scene_at_every_size():
    small = np.stack([thumbnail(drawings.draw("cat", seed, 48)) for seed in range(10)]).astype(float)
    large = np.stack([thumbnail(drawings.draw("cat", seed, 144)) for seed in range(10)]).astype(float)
    assert np.abs(small - large).mean() < 3
    assert np.abs(small - np.roll(large, 1, axis=0)).mean() > 30


def test_the_world_is_of_animals_and_things_and_holds_no_cat_and_no_dog():
    assert drawings.PETS == ("cat", "dog")
    assert not set(drawings.PETS) & set(drawings.WORLD)
    assert len(set(drawings.WORLD)) == len(drawings.WORLD) >= 34
    assert set(drawings.ANIMALS) | set(drawings.THINGS) == set(drawings.WORLD)
    assert not set(drawings.ANIMALS) & set(drawings.THINGS)
    assert {"rabbit", "fish", "butterfly"} < set(drawings.ANIMALS)
    assert {"car", "tree"} < set(drawings.THINGS)


@pytest.mark.parametrize("kind", [*drawings.PETS, *drawings.WORLD])
def test_every_kind_is_seen(kind):
    shares = [drawings.draw_with_masks(kind, seed)[1]["subject"].mean() for seed in range(4)]
    assert min(shares) > 0.04, shares
    assert np.mean(shares) > 0.08, shares


def test_masks_do_not_change_the_picture():
    for kind in ("cat", "dog", "owl", "rocket"):
        image, _ = drawings.draw_with_masks(kind, 11, 40)
        np.testing.assert_array_equal(image, drawings.draw(kind, 11, 40))


def test_a_mask_is_true_where_a_part_covers_a_third_of_the_pixel_and_nothing_stands_in_front():
    pen = Pen(20, maps_parts=True)
    pen.place(0, 0, 1)
    with pen.part("ears"):
        pen.polygon([(0.1, 0.2), (0.39, 0.2), (0.39, 0.49), (0.1, 0.49)], (255, 0, 0))
    masks = pen.masks()
    rows, columns = np.nonzero(masks["ears"])
    # Of 20 pixels in a row, the shape spans 2 to 7.8 across and 4 to 9.8 down.
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (2, 7, 4, 9)
    assert masks["ears"].sum() == 36
    assert not masks["eyes"].any()
    pen.polygon([(0, 0), (0.24, 0), (0.24, 0.99), (0, 0.99)], (0, 255, 0))  # in front of columns 2, 3 and 4
    assert pen.masks()["ears"].sum() == 18


@pytest.mark.parametrize("kind", ["cat", "dog", "koala", "turtle", "cup"])
def test_pictures_with_and_without_the_subject_differ_where_its_mask_is(kind):
    for seed in range(12):
        image, masks = drawings.draw_with_masks(kind, seed)
        differs = (image != drawings.draw_background(kind, seed)).any(axis=2)
        # An edge is soft over one pixel, and blur spreads it over one more.
        near_subject = ndimage.binary_dilation(masks["subject"], np.ones((3, 3)), iterations=2)
        assert not (differs & ~near_subject).any()
        assert differs[masks["subject"]].mean() > 0.95


def test_eyes_lie_inside_the_head_and_ears_at_its_rim():
    for kind in drawings.PETS:
        for seed in range(10):
            _, masks = drawings.draw_with_masks(kind, seed, difficulty=0)
            rows, columns = np.nonzero(masks["head"] | masks["eyes"] | masks["muzzle"])
            eye_rows, eye_columns = np.nonzero(masks["eyes"])
            ear_columns = np.nonzero(masks["ears"])[1]
            assert rows.min() < eye_rows.mean() < rows.max()
            assert columns.min() < eye_columns.mean() < columns.max()
            assert np.ptp(ear_columns) > np.ptp(eye_columns)


def test_the_books_setting_is_the_one_that_the_recipes_were_measured_with():
    stage = staging(1.0)
    assert stage.head_scale == (0.25, 0.38)
    assert stage.body_scale == (0.18, 0.24)
    assert (stage.body_share, stage.occluded_share, stage.blurred_share) == (0.25, 0.2, 0.25)


def test_about_a_quarter_of_the_animals_show_their_bodies():
    pets = [(kind, seed) for kind in drawings.PETS for seed in range(100)]
    bodies = np.mean([drawings.draw_with_masks(*pet, size_px=16)[1]["body"].any() for pet in pets])
    assert abs(bodies - 0.25) < 0.09  # three standard deviations of 200 draws are 0.092


def test_harder_pictures_show_smaller_animals_with_more_noise():
    def share(difficulty):
        scenes = [drawings.draw_with_masks("cat", seed, 32, difficulty) for seed in range(25)]
        return np.mean([masks["subject"].mean() for _, masks in scenes])

    assert share(0) > share(1) > share(2)
    assert drawings.draw("cat", 4, difficulty=0).dtype == np.uint8


def test_a_set_is_balanced_and_in_the_stated_order():
    images, labels = drawings.draw_set(("owl", "dog", "cat"), 3, first_seed=7, size_px=24, progress=False)
    assert images.shape == (9, 24, 24, 3)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 1, 2] * 3
    np.testing.assert_array_equal(images[4], drawings.draw("dog", 8, 24))


def test_other_processes_draw_the_same_set_and_progress_is_shown_when_asked(capfd):
    arguments = {"kinds": drawings.PETS, "pictures_per_kind": 4, "first_seed": 3, "size_px": 16}
    alone, _ = drawings.draw_set(**arguments, workers=1)
    assert "8/8" in capfd.readouterr().err
    together, labels = drawings.draw_set(**arguments, workers=2, progress=False)
    np.testing.assert_array_equal(together, alone)
    assert labels.tolist() == [0, 1] * 4
    assert capfd.readouterr() == ("", "")


def test_a_process_that_dies_is_reported(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="workers=1"):
        drawings.draw_set(("cat",), 2, size_px=16, workers=2, progress=False)


def test_a_contact_sheet_has_a_row_to_each_kind_or_to_several():
    options = {"first_seed": 5, "size_px": 20, "gap_px": 3}
    sheet = drawings.contact_sheet(("cat", "dog", "fox"), 2, **options)
    assert sheet.shape == (3 * 23 + 3, 2 * 23 + 3, 3)
    np.testing.assert_array_equal(sheet[26:46, 26:46], drawings.draw("dog", 6, 20))
    assert (sheet[:3] == 255).all()
    sheet = drawings.contact_sheet(("cat", "dog", "fox"), 2, **options, kinds_per_row=2)
    assert sheet.shape == (2 * 23 + 3, 4 * 23 + 3, 3)
    np.testing.assert_array_equal(sheet[3:23, 72:92], drawings.draw("dog", 6, 20))
    assert (sheet[26:, 49:] == 255).all()


def probe_accuracy(images, labels, train=800):
    """Return the test accuracy of a linear probe on an 8x8 thumbnail, the border, mean colour and contrast."""
    images = images.astype(np.float32) / 255
    thumbnails = images.reshape(len(images), 8, 8, 8, 8, 3).mean(axis=(2, 4)).reshape(len(images), -1)
    ring = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)[:, ::4]
    ring = ring.reshape(len(images), -1)
    features = np.concatenate([thumbnails, ring, images.mean(axis=(1, 2)), images.std(axis=(1, 2))], axis=1)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    return probe.fit(features[:train], labels[:train]).score(features[train:], labels[train:])


@pytest.fixture(scope="module")
def backgrounds():
    """Return 1,600 scenes of cats and dogs without the cats and dogs, and the labels these would have had."""
    jobs = [(kind, seed) for seed in range(800) for kind in drawings.PETS]
    return np.stack([drawings.draw_background(*job) for job in jobs]), np.tile([0, 1], 800)


# 99 % of fair coins thrown 800 times land within 2.58 * sqrt(0.25 / 800) of a half.
CHANCE_INTERVAL = 2.58 * (0.25 / 800) ** 0.5


def test_a_linear_probe_on_backgrounds_stays_at_chance(backgrounds):
    assert abs(probe_accuracy(*backgrounds) - 0.5) < CHANCE_INTERVAL


def test_the_probe_finds_a_class_cue_where_there_is_one(backgrounds):
    images, labels = backgrounds
    reddish, marked = images.copy(), images.copy()
    reddish[labels == 1, :, :, 0] = np.minimum(255, images[labels == 1, :, :, 0] * 1.15)
    marked[labels == 1, :6, :6] = np.minimum(225, images[labels == 1, :6, :6]) + 30
    assert probe_accuracy(reddish, labels) > 0.5 + CHANCE_INTERVAL
    assert probe_accuracy(marked, labels) > 0.8


def test_clutter_comes_from_things_only():
    # A base pretrained on things alone must never have seen an animal, not even a small one in a background.
    from convbook.drawings.world import creatures, things

    assert not set(things.CLUTTER) & set(creatures.CREATURES.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rabit", 1), "did you mean 'rabbit'"),
        (("unicorn", 1), "All kinds: cat, dog, rabbit"),
        ((None, 1), "no drawing of None"),
        (("cat", 1.5), "seed is 1.5; give a whole number"),
        (("cat", "1"), "seed is '1'; give a whole number"),
        (("cat", 1, 8), "size_px is 8; give a whole number from 16 to 1024"),
        (("cat", 1, 64.0), "size_px is 64.0; give a whole number"),
        (("cat", 1, 64, 3), "difficulty is 3; give a number from 0 to 2"),
        (("cat", 1, 64, float("nan")), "difficulty is nan; give a number from 0 to 2"),
    ],
)
@pytest.mark.parametrize("function", [drawings.draw, drawings.draw_with_masks, drawings.draw_background])
def test_what_cannot_be_drawn_is_refused_with_the_remedy(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kinds": ()}, "name at least one kind"),
        ({"kinds": ("cat", "cat")}, "each only once"),
        ({"kinds": "cat"}, "give a sequence of names"),
        ({"kinds": ("cat", "wolf")}, "no drawing of 'wolf'"),
        ({"pictures_per_kind": 0}, "pictures_per_kind is 0; give a whole number from 1"),
        ({"pictures_per_kind": 2.5}, "pictures_per_kind is 2.5; give a whole number from 1"),
        ({"workers": 0}, "workers is 0; give a whole number from 1"),
    ],
)
def test_a_set_that_cannot_be_drawn_is_refused_with_the_remedy(arguments, message):
    with pytest.raises(ValueError, match=message):
        drawings.draw_set(**{"kinds": drawings.PETS, "pictures_per_kind": 2, **arguments})


def test_a_star_begins_with_the_tip_at_its_top():
    np.testing.assert_allclose(curves.star(4, 2, 1)[[0, 2]], [(0, -2), (2, 0)], atol=1e-12)


def test_the_pen_turns_and_mirrors_its_units():
    pen = Pen(10)
    pen.place(0.5, 0.5, 0.1, rotation=np.pi / 2)
    np.testing.assert_allclose(pen._on_canvas([(1, 0), (0, 1)]), [15, 18, 12, 15])
    pen.place(0.5, 0.5, 0.1, flip=-1)
    with pen.moved(1, 0, scale=2):
        np.testing.assert_allclose(pen._on_canvas([(1, 0)]), [6, 15])
        np.testing.assert_allclose(pen._on_canvas(np.array([(1.0, 0.0)])), [6, 15])
    np.testing.assert_allclose(pen._on_canvas([(1, 0)]), [12, 15])
    with pen.moved(0, 0, rotation=np.pi / 2):
        np.testing.assert_allclose(pen._on_canvas([(1, 0)]), [15, 18], atol=1e-12)


if __name__ == "__main__":
    Image.fromarray(thumbnails()).save(REFERENCE)
