"""The augmentation figure: its numbers and pictures against Keras's layers, and what a reader sees and does."""

import base64
import functools

import figure_pages
import keras
import numpy as np
import pytest
from figure_pages import assert_refused, numbers, packed, pixels_of, slide, texts, wait_for_speech

from convbook import evidence
from convbook.drawings import draw
from convbook.figures import Augmentation, judge_with_base
from convbook.figures.augmentation import make_versions, random_numbers

layers = keras.layers

RNG = np.random.default_rng(17)
COLOR = RNG.integers(0, 256, (13, 18, 3), dtype="uint8")
GREY = RNG.integers(0, 256, (16, 16, 1), dtype="uint8")  # square: at a quarter turn pixels come to lie on the border
TALL = RNG.integers(0, 256, (20, 9, 3), dtype="uint8")
PICTURES = [COLOR, GREY, TALL]
FILL_MODES = ("reflect", "constant", "nearest", "wrap")
FLIPS = {"horizontal": np.s_[:, ::-1], "vertical": np.s_[::-1], "horizontal_and_vertical": np.s_[::-1, ::-1]}
STRENGTHS = ("rotation", "zoom", "translation", "contrast", "brightness")
UNCHANGED = {"flip": "none", "angle": 0, "zoom": 1, "down": 0, "right": 0, "contrast": 1, "brightness": 0}

# Settings that differ in every part.
SETTINGS = [
    {"picture": 0, "rotation": 0.1, "zoom": 0.2},
    {"picture": 1, "flip": "vertical", "rotation": 0.3, "zoom": 0, "contrast": 0.6, "fill_mode": "wrap", "draw": 1},
    {"picture": 2, "flip": "horizontal_and_vertical", "rotation": 0, "zoom": 0.45, "translation": 0.25}
    | {"brightness": 0.3, "draw": 3, "fill_mode": "constant"},
    {"picture": 0, "flip": "none", "rotation": 0.02, "zoom": 0.8, "translation": 0.12, "contrast": 1, "draw": 2}
    | {"fill_mode": "nearest", "brightness": 0.05},
]


NAMES = ["cat", "a 2", "tall dog"]
RECORDED = {0: [0.7, 0.74], 0.5: [0.8, 0.8], 1: [0.78, 0.8], 2: [0.7, 0.75], 4: [0.6, 0.49]}


def make(**settings):
    return Augmentation(PICTURES, names=NAMES, **settings)


def judge(images):
    """A network that names a picture after the third of it, left, middle or right, that is brightest."""
    thirds = np.array_split(images, 3, axis=2)
    sums = np.stack([third.mean(axis=(1, 2, 3)) for third in thirds], axis=1) ** 8
    return sums / sums.sum(axis=1, keepdims=True)


# ---- the oracle: Keras's own layers, each fixed to one number --------------------------------------------------------


def keras_version(picture, change, fill_mode="reflect"):
    """What Keras's layers make of one picture, one after the other; `change` is as the page's makeTransformation."""
    height, width, _ = picture.shape
    change = UNCHANGED | change
    image = picture.astype("float32")[FLIPS.get(change["flip"], np.s_[:])][np.newaxis]
    angle, zoom, down, right = (change[name] for name in ("angle", "zoom", "down", "right"))
    turns = [layers.RandomRotation((angle / 360, angle / 360), fill_mode=fill_mode)] if angle else []
    turns += [layers.RandomZoom((zoom - 1, zoom - 1), fill_mode=fill_mode)] if zoom != 1 else []
    if down or right:
        ranges = (down / height, down / height), (right / width, right / width)
        turns.append(layers.RandomTranslation(*ranges, fill_mode=fill_mode))
    for layer in turns:
        image = layer(image, training=True)
    if change["contrast"] != 1:
        image = layers.RandomContrast(0.5).transform_images(image, {"contrast_factor": change["contrast"]})
    if change["brightness"]:
        image = layers.RandomBrightness([change["brightness"] / 255] * 2)(image, training=True)
    return np.asarray(image)[0]


call = functools.partial(figure_pages.call, Augmentation)


def versions_of(page, picture, changes, fill_mode="reflect"):
    """What the figure makes of a picture, for each of the changes."""
    given = {**packed(picture), "white": 255}
    answers = call(page, "transformPicture", [[given, UNCHANGED | each, fill_mode] for each in changes])
    return [np.reshape(answer, picture.shape) for answer in answers]


def changes_of(page, figure):
    """What the figure does to its nine versions."""
    height, width, _ = figure.images[figure.picture].shape
    strengths = {name: getattr(figure, name) for name in STRENGTHS}
    drawn = call(page, "randomNumbers", [[figure.draw, tile] for tile in range(9)])
    arguments = [[each, figure.flip, strengths, height, width] for each in drawn]
    return call(page, "makeTransformation", arguments)


def assert_versions_are_keras(page, figure):
    """Pictures on the page, some of the nine, are those of Keras's layers, rounded as the screen rounds."""
    image, changes = figure.images[figure.picture], changes_of(page, figure)
    for nth in (0, 4, 8):
        expected = np.rint(np.clip(keras_version(image, changes[nth], figure.fill_mode), 0, 255))
        assert np.abs(painted(page, ".cb-tiles canvas", nth) - expected).max() <= 1


def painted(page, selector, nth=0):
    """The pixels of a canvas: (height, width, 3)."""
    pixels = pixels_of(page.locator(selector).nth(nth), parts=4)
    assert (pixels[..., 3] == 255).all()
    return pixels[..., :3]


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


# ---- Python's side -------------------------------------------------------------------------------------------------


def test_pictures_of_many_kinds_are_taken():
    floats = Augmentation([GREY / 255.0, COLOR[..., 0]])
    np.testing.assert_array_equal(floats.images[0], GREY)
    assert [image.shape for image in floats.images] == [(16, 16, 1), (13, 18, 1)]
    assert floats.state()["_names"] == ["picture 1", "picture 2"]
    assert len(Augmentation(np.stack([COLOR] * 4)).images) == 4


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"images": COLOR}, r"a list: \[image\]"),
        ({"images": []}, "at least one"),
        ({"images": np.zeros((3, 9, 9), "uint8")}, "np.newaxis"),
        ({"images": [np.zeros((9, 9, 4), "uint8")]}, r"image\[:, :, :3\]"),
        ({"images": [np.zeros((65, 64, 3), "uint8")]}, "resize"),
        ({"images": [np.zeros((9, 7), "uint8")]}, "Enlarge it"),
        ({"images": np.zeros((10, 64, 64, 3), "uint8")}, r"images\[:4\]"),
        ({"names": ["cat"]}, "one text for each"),
        ({"names": ["cat", "cat", "dog"]}, "all different"),
        ({"names": "cat"}, "a list"),
        ({"rotation": 0.6}, "0 to 0.5"),
        ({"rotation": -0.1}, "give 0.1"),
        ({"zoom": 1}, "0 to 0.8"),
        ({"translation": np.nan}, "0 to 0.5"),
        ({"contrast": 1.5}, "0 to 1"),
        ({"brightness": -1}, "0 to 1"),
        ({"flip": "left"}, "'horizontal_and_vertical'"),
        ({"flip": ["horizontal"]}, "give 'none'"),
        ({"fill_mode": "mirror"}, "'reflect'"),
        ({"picture": 3}, "give 0 to 2"),
        ({"draw": 4}, "give 0 to 3"),
        ({"recorded": {1: [0.8]}}, r"from each of \(0, 0.5, 1, 2, 4\)"),
        ({"recorded": [0.8]}, "give a dictionary"),
        ({"recorded": RECORDED | {4: [60]}}, "shares of 0 to 1"),
        ({"recorded": RECORDED | {4: []}}, "a list of shares"),
        ({"judge": lambda images: np.ones(len(images))}, r"for each name, \(145, 3\)"),
        ({"judge": lambda images: -np.ones((len(images), 3))}, "a probability of 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_remedy(changes, remedy):
    assert_refused(lambda **given: Augmentation(**{"images": PICTURES, **given}), changes, remedy)


def test_versions_in_python_are_those_of_the_page(blank):
    for image, strength in ((COLOR, 0.5), (GREY, 1), (TALL, 4)):
        given = make(rotation=0.1 * strength, zoom=min(0.2 * strength, 0.8))
        given.images = [image]
        versions = make_versions(image, strength)
        assert versions.shape == (36, *image.shape)
        for draw_ in range(4):
            given.draw = draw_
            ours = versions_of(blank, image, changes_of(blank, given))
            np.testing.assert_allclose(versions[9 * draw_ : 9 * draw_ + 9], ours, atol=0.05)


def test_the_network_is_asked_about_what_is_shown():
    seen = []
    figure = make(judge=lambda images: seen.append(images) or judge(images))
    assert [images.shape for images in seen] == [(145, *image.shape) for image in PICTURES]
    np.testing.assert_array_equal([images[0] for images in seen][2], TALL)
    answers = np.array(figure._answers)
    assert answers.shape == (5, 3, 4, 9, 2)
    assert (answers[0] == answers[0][:, :1, :1]).all()  # the unchanged picture, always the same
    shares = judge(seen[1][1 + 36 :][:36])  # the second strength but none, the second picture
    np.testing.assert_array_equal(answers[2, 1, ..., 0].ravel(), shares.argmax(axis=1))
    np.testing.assert_array_equal(answers[2, 1, ..., 1].ravel(), np.rint(100 * shares.max(axis=1)))
    assert len(np.unique(answers[..., 0])) == 3  # the test would see pictures that change places


def test_four_pictures_weigh_little_and_are_sent_once():
    figure = Augmentation([draw("cat", 3), draw("dog", 5), draw("cat", 8), draw("dog", 9)])
    page = figure.to_html()
    assert len(page) < 180_000
    assert page.count(base64.b64encode(figure.images[1].tobytes()).decode()[:200]) == 1


def test_keras_draws_contrast_to_both_sides_only_from_a_pair():
    """The docstring says so; should Keras change, the code that the figure shows can be written more simply."""
    pictures = np.zeros((400, 2, 2, 1), "float32")
    drawn = {}
    for factor in (0.2, (0.2, 0.2)):
        layer = layers.RandomContrast(factor, seed=5)
        drawn[factor] = np.asarray(layer.get_random_transformation(pictures, training=True)["contrast_factor"])
    assert drawn[0.2].min() >= 1
    assert drawn[0.2, 0.2].min() == pytest.approx(0.8, abs=0.01)
    assert drawn[0.2, 0.2].max() == pytest.approx(1.2, abs=0.01)


@pytest.mark.parametrize("flip", FLIPS)
def test_keras_flips_as_the_oracle_does_and_both_never_come_alone(flip):
    batch = np.repeat(COLOR[np.newaxis], 40, axis=0).astype("float32")
    made = np.asarray(layers.RandomFlip(flip, seed=3)(batch, training=True))
    flipped = COLOR[FLIPS[flip]]
    kinds = ["flipped" if (each == flipped).all() else "not" if (each == COLOR).all() else "other" for each in made]
    assert set(kinds) == {"flipped", "not"}


# ---- the browser's numbers -----------------------------------------------------------------------------------------


def test_moves_and_turns_are_those_computed_by_hand(blank):
    small = np.array([[10, 20, 30], [40, 50, 60]])[..., np.newaxis]
    (right,) = versions_of(blank, small, [{"right": 1}], "constant")
    assert right[..., 0].tolist() == [[0, 10, 20], [0, 40, 50]]
    (half,) = versions_of(blank, small, [{"down": 0.5}], "nearest")
    assert half[..., 0].tolist() == [[10, 20, 30], [25, 35, 45]]
    vertical, both, louder = versions_of(
        blank, small, [{"flip": "vertical"}, {"flip": "horizontal_and_vertical"}, {"contrast": 2, "brightness": 5}]
    )
    assert vertical[..., 0].tolist() == [[40, 50, 60], [10, 20, 30]]
    np.testing.assert_array_equal(both, np.rot90(small, 2))
    (turned,) = versions_of(blank, GREY, [{"angle": 90}])
    np.testing.assert_allclose(turned, np.rot90(GREY), atol=0.01)  # counter-clockwise
    assert louder[..., 0].tolist() == [[5, 10, 30], [50, 70, 90]]  # the mean is 35


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_each_layer_and_all_together_give_keras_numbers(blank, fill_mode):
    changes = [{"angle": angle} for angle in (36, -10.8, 90, 180)] + [{"zoom": zoom} for zoom in (1.2, 0.65, 1.8)]
    changes += [{"down": 1.3, "right": -3.6}, {"down": -6.5, "right": 7.2}]
    changes += [{"contrast": contrast} for contrast in (0, 0.3, 1.9)] + [{"brightness": 40.5}, {"brightness": -255}]
    changes += [{"flip": flip} for flip in FLIPS]
    together = {"angle": 25.2, "zoom": 0.8, "down": 2.2, "right": -2.7, "contrast": 1.4, "brightness": -25.5}
    changes += [{"flip": "horizontal", **together}, {"flip": "vertical", **together, "contrast": 0.6}]
    for picture in PICTURES:
        for change, version in zip(changes, versions_of(blank, picture, changes, fill_mode), strict=True):
            expected = keras_version(picture, change, fill_mode)
            np.testing.assert_allclose(version, expected, atol=0.02, err_msg=str(change))


def test_layers_one_by_one_blur_more_than_one_combined_reading_would(blank):
    """Why the figure goes through the layers one by one, as Keras does: one reading would leave a sharper picture."""
    inner = np.s_[4:-4, 6:-6]
    (twice,) = versions_of(blank, COLOR, [{"angle": 20, "right": 0.5}])
    ((once,), (moved,)) = versions_of(blank, COLOR, [{"angle": 20}]), versions_of(blank, COLOR, [{"right": 0.5}])
    assert twice[inner].std() < once[inner].std()
    assert twice[inner].std() < moved[inner].std()


def test_random_numbers_are_even_independent_and_the_same_in_python(blank):
    assert call(blank, "randomNumbers", [[0, 0]])[0][:2] == [0.5733975800685585, 0.23765396769158542]
    drawn = np.array(call(blank, "randomNumbers", [[n // 9, n % 9] for n in range(3600)]))
    np.testing.assert_array_equal(drawn[:36], [random_numbers(n // 9, n % 9) for n in range(36)])
    np.testing.assert_allclose(drawn.mean(axis=0), 0.5, atol=0.03)
    np.testing.assert_allclose(drawn.var(axis=0), 1 / 12, atol=0.01)
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.eye(7), atol=0.08)
    assert len(np.unique(drawn)) == drawn.size


def test_versions_stay_within_their_ranges(blank):
    settings = {"rotation": 0.1, "zoom": 0.3, "translation": 0.2, "contrast": 0.4, "brightness": 0.5, "picture": 2}
    largest = np.array([36, 0.3, 4, 1.8, 0.4, 127.5])  # of 20 × 9 pixels; zoom and contrast as distance from 1
    sizes = [
        np.abs([change[name] - UNCHANGED[name] for name in UNCHANGED if name != "flip"])
        for draw_ in range(4)
        for change in changes_of(blank, make(**settings, draw=draw_))
    ]
    assert (np.array(sizes) <= largest + 1e-9).all()
    assert (np.max(sizes, axis=0) > 0.9 * largest).all()


def test_a_stronger_setting_goes_further_along_the_same_way(blank):
    weak, strong = changes_of(blank, make(rotation=0.1)), changes_of(blank, make(rotation=0.3))
    assert [each["angle"] for each in strong] == pytest.approx([3 * each["angle"] for each in weak])
    assert [each["flip"] for each in strong] == [each["flip"] for each in weak]


def test_changes_and_strengths_are_told_in_numbers(blank):
    changes = {"flip": "horizontal", "angle": -21.34, "zoom": 0.8, "down": -1.5, "right": 2, "contrast": 1.1}
    said = call(blank, "writeTransformation", [[UNCHANGED | changes], [UNCHANGED]])
    assert said[0] == ("mirrored, turned 21.3° clockwise, 125 % as large, moved 1.5 px up, 2 px right, contrast × 1.1")
    assert said[1] == "unchanged"
    strengths = {"rotation": 0.1, "zoom": 0.2, "translation": 0.1, "contrast": 0.3, "brightness": 0.2}
    (meanings,) = call(blank, "writeMeanings", [[strengths, 32, 64]])
    assert meanings == {
        "rotation": "±36°",
        "zoom": "size 83 to 125 %",
        "translation": "±3.2 px down, ±6.4 px across",
        "contrast": "× 0.7 to × 1.3",
        "brightness": "±51 of 255",
    }


# ---- what a reader sees --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", SETTINGS, ids=["first", "second", "third", "fourth"])
def test_pictures_and_words_are_those_of_the_settings(show, settings):
    figure = make(**settings)
    page = show(figure)
    assert_versions_are_keras(page, figure)
    image = figure.images[figure.picture]
    thumb = painted(page, ".cb-thumbs canvas", figure.picture)
    np.testing.assert_array_equal(thumb, np.broadcast_to(image, (*image.shape[:2], 3)))
    labels = page.locator(".cb-tiles canvas").evaluate_all("(tiles) => tiles.map((tile) => tile.ariaLabel)")
    for nth, (label, change) in enumerate(zip(labels, changes_of(page, figure), strict=True)):
        said = numbers(label)
        assert said[:2] == [nth + 1, 9]
        assert ("turned" in label) == (change["angle"] != 0)
        if change["angle"]:
            assert said[2] == pytest.approx(abs(change["angle"]), abs=0.0501)
    page.locator("summary").click()
    hints = dict(zip(STRENGTHS, texts(page, ".cb-settings .cb-hint"), strict=True))
    for name, hint in hints.items():
        assert (hint == "off") == (getattr(figure, name) == 0)
    if figure.rotation:
        assert numbers(hints["rotation"]) == [pytest.approx(360 * figure.rotation)]


def test_the_code_shown_builds_layers_with_the_ranges_drawn_from(show):
    settings = {"flip": "vertical", "rotation": 0.15, "zoom": 0.2, "translation": 0.1, "contrast": 0.3}
    page = show(make(**settings, brightness=0.25, fill_mode="nearest"))
    page.locator("summary").click()
    built = eval(page.locator(".cb-code").inner_text(), {"keras": keras, "layers": layers}).layers
    flip, turn, zoom, move, contrast, brightness = built
    assert flip.mode == "vertical"
    assert turn.factor == (-0.15, 0.15)
    assert (zoom.height_lower, zoom.height_upper, zoom.width_factor) == (-0.2, 0.2, None)
    assert [move.height_lower, move.height_upper, move.width_lower, move.width_upper] == [-0.1, 0.1] * 2
    assert {layer.fill_mode for layer in (turn, zoom, move)} == {"nearest"}
    assert (contrast.factor, brightness.factor) == ((0.3, 0.3), (-0.25, 0.25))
    assert layers.RandomFlip().mode == "horizontal_and_vertical"  # what the code for both ways relies on
    both = show(make(flip="horizontal_and_vertical", zoom=0))
    both.locator("summary").click()
    lines = ["keras.Sequential([", "    layers.RandomFlip(),", "    layers.RandomRotation(0.1),", "])"]
    assert both.locator(".cb-code").inner_text().split("\n") == lines


def test_pictures_keep_their_colours_in_the_dark(show):
    light, dark = show(make()), show(make(), theme="dark")
    for nth in range(9):
        np.testing.assert_array_equal(painted(light, ".cb-tiles canvas", nth), painted(dark, ".cb-tiles canvas", nth))
    script = """(canvases) => canvases.map((canvas) => {
      const styles = [];
      for (let el = canvas; el; el = el.parentElement) styles.push(getComputedStyle(el));
      return styles.every(({ filter, opacity, mixBlendMode }) =>
        filter === "none" && opacity === "1" && mixBlendMode === "normal");
    })"""
    assert set(dark.locator("canvas").evaluate_all(script)) == {True}


def test_a_pretrained_base_judges_and_a_stored_result_gives_the_accuracies():
    images = np.stack([draw(kind, seed) for seed in range(20) for kind in ("cat", "dog")])
    judge_pets = judge_with_base("drawn_world", images, np.arange(40) % 2)
    shares = judge_pets(images.astype("float32"))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares.argmax(axis=1) == np.arange(40) % 2).all()  # it has learned these
    stored = Augmentation([COLOR], recorded="augment-strength")._recorded
    measured = evidence.read("augment-strength")
    assert np.shape(stored) == (5, len(measured["seeds"]))
    assert stored[3][1] == measured["seeds"][1]["numbers"]["by_strength"][3]
    with pytest.raises(ValueError, match="no result 'nonsense'"):
        Augmentation([COLOR], recorded="nonsense")


ANSWERS = """(tiles) => tiles.map((tile) => tile.textContent)"""


def test_answers_and_recorded_accuracies_stand_beside_the_strength_they_belong_to(show):
    page = show(make(judge=judge, recorded=RECORDED, picture=2))
    figure = make(judge=judge, picture=2)
    words = dict(zip((0, 0.5, 1, 2, 4), ("none", "½ ×", "1 ×", "2 ×", "4 ×"), strict=True))
    means = {strength: f"{np.mean(shares):.2f}" for strength, shares in RECORDED.items()}
    numbers_shown = page.locator(".cb-levels svg").evaluate_all(
        "(all) => all.map((svg) => svg.querySelector('text').textContent)"
    )
    assert numbers_shown == list(means.values())
    dots = page.locator(".cb-levels circle").evaluate_all("(all) => all.map((dot) => Number(dot.getAttribute('cy')))")
    slope, start = np.polyfit(np.concatenate(list(RECORDED.values())), dots, 1)
    np.testing.assert_allclose(dots, start + slope * np.concatenate(list(RECORDED.values())), atol=1e-6)
    assert slope < 0  # higher is better
    for level, (strength, word) in enumerate(words.items()):
        page.get_by_role("radio", name=word).click()
        page.get_by_role("radio", name=word, checked=True).wait_for()
        answers = figure._answers[level][2][0]
        right = sum(says == 2 for says, _ in answers)
        page.locator(".cb-consequence").get_by_text(f"A network still says tall dog to {right} of 9.").wait_for()
        expected = [f"{'✓' if says == 2 else '✗'} {NAMES[says]} {percent} %" for says, percent in answers]
        assert page.locator(".cb-says").evaluate_all(ANSWERS) == expected
        assert page.locator(".cb-wrong").count() == 9 - right
        said = numbers(page.locator(".cb-consequence").inner_text())[2:]
        assert said == [float(means[strength]), float(means[0])][: 2 if level else 1]
        if level:
            settings = {"rotation": 0.1 * strength, "zoom": 0.2 * strength}
            assert_versions_are_keras(page, make(picture=2, **settings))


def test_what_nobody_asked_a_network_or_recorded_is_told_so(show):
    page = show(make(judge=judge, recorded=RECORDED))
    page.locator("summary").click()
    slide(page, "Contrast", 0.3)
    page.get_by_text("No network was asked about this mix of changes, and none was trained with it.").wait_for()
    assert page.locator(".cb-says").all_inner_texts() == [""] * 9
    assert page.get_by_role("radio", checked=True, name="×").count() == 0
    plain = show(make())
    assert plain.locator(".cb-consequence").inner_text() == ""
    assert plain.locator(".cb-levels svg").count() == 0


# ---- what a reader does --------------------------------------------------------------------------------------------


def test_sliders_and_choices_show_the_versions_of_their_settings(show):
    page = show(make(rotation=0, zoom=0))
    page.locator("summary").click()
    slide(page, "Rotation", 0.25)
    slide(page, "Contrast", 0.5)
    page.get_by_role("combobox", name="Flip").select_option("both")
    page.get_by_role("combobox", name="Beyond the border").select_option("constant")
    page.get_by_text('layers.RandomRotation(0.25, fill_mode="constant"),').wait_for()
    settings = {"flip": "horizontal_and_vertical", "fill_mode": "constant"}
    assert_versions_are_keras(page, make(rotation=0.25, zoom=0, contrast=0.5, **settings))
    assert page.get_by_role("slider", name="Rotation").get_attribute("aria-valuetext") == "0.25, ±90°"
    page.get_by_role("radio", name="none").click()
    page.locator(".cb-code").get_by_text("keras.Sequential([])").wait_for()
    np.testing.assert_array_equal(painted(page, ".cb-tiles canvas", 4), COLOR)
    wait_for_speech(page, "no change, nine times the original")


def test_every_draw_has_its_own_versions_and_comes_back(show):
    page = show(make(draw=2))
    button(page, "Draw again").click()
    wait_for_speech(page, "draw 4")
    assert_versions_are_keras(page, make(draw=3))
    button(page, "Draw again").click()
    wait_for_speech(page, "draw 1")
    assert_versions_are_keras(page, make(draw=0))


def test_another_picture_is_chosen(show):
    page = show(make())
    page.get_by_role("radio", name="Original, tall dog").click()
    page.get_by_role("radio", name="Original, tall dog", checked=True).wait_for()
    assert_versions_are_keras(page, make(picture=2))


def test_no_control_is_dead(show):
    page = show(make(flip="none", rotation=0, zoom=0, contrast=0.2))
    page.locator("summary").click()
    fill = page.get_by_role("combobox", name="Beyond the border")
    fill.and_(page.locator(":disabled")).wait_for()  # no layer looks beyond the border
    slide(page, "Contrast", 0)
    button(page, "Draw again").and_(page.locator("[aria-disabled=true]")).wait_for()
    slide(page, "Translation", 0.1)
    page.get_by_text("±1.3 px down, ±1.8 px across").wait_for()
    assert fill.is_enabled()
    assert button(page, "Draw again").get_attribute("aria-disabled") == "false"


def test_settings_are_spoken_once_the_reader_rests(show):
    page = show(make())
    page.get_by_role("radio", name="2 ×").click()
    told = "flip horizontal with chance 1/2; rotation ±72°; zoom size 71 to 167 %."
    wait_for_speech(page, f"Nine versions of cat, draw 1: {told}")
