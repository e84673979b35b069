"""The augmentation figure: its pictures against Keras's layers, and what a reader sees and does in a browser."""

import base64
import io
import re

import numpy as np
import pytest
import traitlets
from axe_playwright_python.sync_playwright import Axe
from figure_pages import spoken
from PIL import Image
from visits import PHONE, WIDE

from convbook.drawings import draw
from convbook.figures import Augmentation, FigureError, Pooling
from convbook.figures.augmentation import (
    FILL_MODES,
    FLIPS,
    STRENGTHS,
    TILES,
    Transformation,
    affine_matrices,
    map_coordinate,
    random_numbers,
    resample,
    transform_picture,
    write_meanings,
    write_strengths,
    write_transformation,
)

RNG = np.random.default_rng(17)
COLOR = RNG.integers(0, 256, (13, 18, 3), dtype="uint8")
GREY = RNG.integers(0, 256, (16, 16, 1), dtype="uint8")  # square: at a quarter turn pixels come to lie on the border
TALL = RNG.integers(0, 256, (20, 9, 3), dtype="uint8")

# What a layer is fixed to, as its range; and what that is for a picture of 13 × 18 pixels.
FIXED = [
    ("RandomRotation", [(0.1, 0.1)], {"angle": 36}),
    ("RandomRotation", [(-0.03, -0.03)], {"angle": -10.8}),
    ("RandomRotation", [(0.25, 0.25)], {"angle": 90}),
    ("RandomRotation", [(0.5, 0.5)], {"angle": 180}),
    ("RandomZoom", [(0.2, 0.2)], {"zoom": 1.2}),
    ("RandomZoom", [(-0.35, -0.35)], {"zoom": 0.65}),
    ("RandomZoom", [(0.8, 0.8)], {"zoom": 1.8}),
    ("RandomTranslation", [(0.1, 0.1), (-0.2, -0.2)], {"down": 1.3, "right": -3.6}),
    ("RandomTranslation", [(-0.5, -0.5), (0.4, 0.4)], {"down": -6.5, "right": 7.2}),
]

# Settings that differ in every part.
SETTINGS = [
    {"picture": 0, "rotation": 0.1, "zoom": 0.2},
    {"picture": 1, "flip": "vertical", "rotation": 0.3, "zoom": 0, "contrast": 0.6, "fill_mode": "wrap", "draw": 7},
    {"picture": 2, "flip": "horizontal_and_vertical", "zoom": 0.45, "translation": 0.25, "brightness": 0.3, "draw": 999}
    | {"fill_mode": "constant", "rotation": 0, "extremes": True},
    {"picture": 0, "flip": False, "rotation": 0.02, "zoom": 0.8, "translation": 0.12, "contrast": 1, "draw": 40}
    | {"fill_mode": "nearest", "brightness": 0.05},
]
IDS = [settings.get("fill_mode", "reflect") for settings in SETTINGS]


def make(**settings):
    return Augmentation([COLOR, GREY, TALL], names=["cat", "a 2", "tall dog"], **settings)


def run_layer(name, ranges, picture, **options):
    """What Keras makes of one picture."""
    import keras

    layer = getattr(keras.layers, name)(*ranges, **options)
    return np.asarray(layer(picture[np.newaxis].astype("float32"), training=True))[0]


def call(page, function, calls):
    """What a function that the figure's module exports gives for each list of arguments."""
    script = """async ([source, name, calls]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const call = (await import(url))[name];
      return calls.map((values) => call(...values)).map((given) => given?.height ? [...given.values] : given);
    }"""
    return page.evaluate(script, [str(Augmentation._esm), function, calls])


def packed(picture):
    height, width, channels = picture.shape
    return {"height": height, "width": width, "channels": channels, "values": picture.ravel().tolist(), "white": 255}


def painted(page, selector, nth=0):
    """The pixels of a canvas: uint8 (height, width, 3)."""
    script = """(canvas) => [canvas.height, canvas.width,
      ...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]"""
    height, width, *pixels = page.locator(selector).nth(nth).evaluate(script)
    pixels = np.reshape(pixels, (height, width, 4))
    assert (pixels[..., 3] == 255).all()
    return pixels[..., :3]


def tiles_of(page):
    return np.array([painted(page, ".cb-tile canvas", tile) for tile in range(TILES)])


def count(page):
    return page.locator(".cb-count").inner_text()


def wait_for_count(page, believed, nth=0):
    page.locator(".cb-count").nth(nth).get_by_text(f"You believe {believed} of 9.").wait_for()


def rows(page):
    return [row.replace("\n", " | ") for row in page.locator(".cb-rows li").all_inner_texts()]


def slide(page, name, value):
    page.get_by_role("slider", name=name).fill(str(value))


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


# ---- Python's side: by hand, and against Keras ---------------------------------------------------------------------


def test_moves_and_turns_are_those_computed_by_hand():
    picture = np.array([[10, 20, 30], [40, 50, 60]])[..., np.newaxis]
    right = transform_picture(picture, Transformation(right=1), "constant")
    assert right[..., 0].tolist() == [[0, 10, 20], [0, 40, 50]]
    half = transform_picture(picture, Transformation(down=0.5), "nearest")
    assert half[..., 0].tolist() == [[10, 20, 30], [25, 35, 45]]
    assert transform_picture(picture, Transformation("vertical"))[..., 0].tolist() == [[40, 50, 60], [10, 20, 30]]
    both = transform_picture(picture, Transformation("horizontal_and_vertical"))
    np.testing.assert_array_equal(both, np.rot90(picture, 2))
    louder = transform_picture(picture, Transformation(contrast=2, brightness=5))  # the mean is 35
    assert louder[..., 0].tolist() == [[5, 10, 30], [50, 70, 90]]


def test_a_positive_angle_turns_counter_clockwise_and_a_zoom_above_one_makes_things_smaller():
    turned = transform_picture(GREY, Transformation(angle=90))
    np.testing.assert_allclose(turned, np.rot90(GREY), atol=0.01)
    thing = np.zeros((24, 30, 1))
    thing[8:16, 11:19] = 255
    light = {zoom: transform_picture(thing, Transformation(zoom=zoom), "constant").mean() for zoom in (0.5, 1, 2)}
    assert light[0.5] == pytest.approx(4 * light[1], rel=0.01)
    assert light[2] == pytest.approx(light[1] / 4, rel=0.01)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize(("layer", "ranges", "fields"), FIXED, ids=lambda part: str(part))
def test_each_layer_gives_keras_numbers(layer, ranges, fields, fill_mode):
    expected = run_layer(layer, ranges, COLOR, fill_mode=fill_mode)
    np.testing.assert_allclose(transform_picture(COLOR, Transformation(**fields), fill_mode), expected, atol=0.01)
    if layer != "RandomTranslation":  # whose pixels depend on the size
        expected = run_layer(layer, ranges, GREY, fill_mode=fill_mode)
        np.testing.assert_allclose(transform_picture(GREY, Transformation(**fields), fill_mode), expected, atol=0.01)


@pytest.mark.parametrize("amount", [0.2, 1.0])
def test_contrast_and_brightness_give_keras_numbers(amount):
    import keras

    expected = run_layer("RandomContrast", [(-amount, amount)], COLOR)  # 1 + amount, always
    np.testing.assert_allclose(transform_picture(COLOR, Transformation(contrast=1 + amount)), expected, atol=0.01)
    batch, less = COLOR[np.newaxis].astype("float32"), 1 - amount / 2
    expected = keras.layers.RandomContrast(0.5).transform_images(batch, {"contrast_factor": less})
    np.testing.assert_allclose(transform_picture(COLOR, Transformation(contrast=less)), expected[0], atol=0.01)
    for sign in (-1, 1):
        expected = run_layer("RandomBrightness", [(sign * amount, sign * amount)], COLOR)
        actual = transform_picture(COLOR, Transformation(brightness=sign * amount * 255))
        np.testing.assert_allclose(actual, expected, atol=0.01)


@pytest.mark.parametrize("flip", FLIPS[1:])
def test_flips_are_keras_flips_and_both_never_come_alone(flip):
    import keras

    batch = np.repeat(COLOR[np.newaxis], 40, axis=0).astype("float32")
    made = np.asarray(keras.layers.RandomFlip(flip, seed=3)(batch, training=True))
    flipped = transform_picture(COLOR, Transformation(flip))
    kinds = ["flipped" if (each == flipped).all() else "not" if (each == COLOR).all() else "other" for each in made]
    assert set(kinds) == {"flipped", "not"}


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_several_layers_give_what_keras_layers_give_one_after_the_other(fill_mode):
    import keras

    layers = keras.layers
    augmentation = keras.Sequential(
        [
            layers.RandomRotation((0.07, 0.07), fill_mode=fill_mode),
            layers.RandomZoom((-0.2, -0.2), fill_mode=fill_mode),
            layers.RandomTranslation((0.11, 0.11), (-0.3, -0.3), fill_mode=fill_mode),
            layers.RandomContrast((-0.4, 0.4)),
            layers.RandomBrightness((-0.1, -0.1)),
        ]
    )
    mirrored = np.ascontiguousarray(TALL[:, ::-1]).astype("float32")
    expected = np.asarray(augmentation(mirrored[np.newaxis], training=True))[0]
    changes = {"angle": 25.2, "zoom": 0.8, "down": 2.2, "right": -2.7, "contrast": 1.4, "brightness": -25.5}
    actual = transform_picture(TALL, Transformation("horizontal", **changes), fill_mode)
    np.testing.assert_allclose(actual, expected, atol=0.01)


def test_composed_into_one_reading_the_layers_would_blur_less():
    """Why the figure goes through the layers one by one: the numbers are not those of one combined transform."""
    both = Transformation(angle=20, zoom=0.7)
    turn, zoom = (np.vstack([matrix.reshape(2, 3), [0, 0, 1]]) for matrix in affine_matrices(both, 20, 9))
    inner = np.s_[5:-5, 3:-3]
    one_by_one = transform_picture(TALL, both, "constant")
    combined = resample(TALL.astype("float32"), (turn @ zoom)[:2].ravel().astype("float32"), "constant")
    assert np.abs(one_by_one - combined)[inner].mean() > 2
    assert one_by_one[inner].std() < combined[inner].std()


def test_keras_draws_contrast_to_both_sides_only_from_a_pair():
    """The docstring says so; should Keras change, the code that the figure shows can be written more simply."""
    import keras

    pictures = np.zeros((400, 2, 2, 1), "float32")
    drawn = {}
    for factor in (0.2, (0.2, 0.2)):
        layer = keras.layers.RandomContrast(factor, seed=5)
        drawn[factor] = np.asarray(layer.get_random_transformation(pictures, training=True)["contrast_factor"])
    assert drawn[0.2].min() >= 1
    assert drawn[0.2, 0.2].min() == pytest.approx(0.8, abs=0.01)
    assert drawn[0.2, 0.2].max() == pytest.approx(1.2, abs=0.01)


def test_the_code_shown_builds_layers_with_the_ranges_drawn_from():
    import keras

    figure = make(flip="vertical", rotation=0.15, zoom=0.2, translation=0.1, contrast=0.3, brightness=0.25)
    figure.fill_mode = "nearest"
    flip, turn, zoom, move, contrast, brightness = eval(figure.code, {"keras": keras, "layers": keras.layers}).layers
    assert flip.mode == "vertical"
    assert turn.factor == (-0.15, 0.15)
    assert (zoom.height_lower, zoom.height_upper, zoom.width_factor) == (-0.2, 0.2, None)
    assert [move.height_lower, move.height_upper, move.width_lower, move.width_upper] == [-0.1, 0.1] * 2
    assert {layer.fill_mode for layer in (turn, zoom, move)} == {"nearest"}
    assert (contrast.factor, brightness.factor) == ((0.3, 0.3), (-0.25, 0.25))
    default = eval(make(flip="horizontal_and_vertical", zoom=0).code, {"keras": keras, "layers": keras.layers})
    assert [type(layer).__name__ for layer in default.layers] == ["RandomFlip", "RandomRotation"]
    assert default.layers[0].mode == "horizontal_and_vertical"
    assert make(flip=False, rotation=0, zoom=0).code == "keras.Sequential([])"


def test_random_numbers_are_even_independent_and_always_the_same():
    assert random_numbers(0, 0)[:2] == (0.5733975800685585, 0.23765396769158542)
    numbers = np.array([random_numbers(each, tile) for each in range(400) for tile in range(TILES)])
    np.testing.assert_allclose(numbers.mean(axis=0), 0.5, atol=0.03)
    np.testing.assert_allclose(numbers.var(axis=0), 1 / 12, atol=0.01)
    np.testing.assert_allclose(np.corrcoef(numbers.T), np.eye(7), atol=0.08)
    assert len(np.unique(numbers)) == numbers.size
    ends = random_numbers(3, 4, extremes=True)
    assert ends[0] == random_numbers(3, 4)[0]
    assert list(ends[1:]) == [round(number) for number in random_numbers(3, 4)[1:]]


def test_versions_stay_within_their_ranges_and_reach_the_ends_in_the_extremes():
    settings = {"rotation": 0.1, "zoom": 0.3, "translation": 0.2, "contrast": 0.4, "brightness": 0.5, "picture": 2}
    largest = Transformation("", 36, 0.3, 4, 1.8, 0.4, 127.5)  # of 20 × 9 pixels; zoom and contrast as distance from 1
    for extremes in (False, True):
        for each in make(**settings, extremes=extremes, draw=12).transformations:
            sizes = np.abs(each._replace(zoom=each.zoom - 1, contrast=each.contrast - 1)[1:])
            assert (sizes <= np.array(largest[1:]) + 1e-9).all()
            assert np.allclose(sizes, largest[1:]) == extremes


def test_a_stronger_setting_goes_further_along_the_same_way():
    weak, strong = make(rotation=0.1).transformations, make(rotation=0.3).transformations
    assert [each.angle for each in strong] == pytest.approx([3 * each.angle for each in weak])
    assert [each.flip for each in strong] == [each.flip for each in weak]


def test_coordinates_beyond_the_border_are_those_of_the_letters_in_keras_documentation():
    places = np.arange(-4, 8)
    letters = {mode: "".join("abcd"[int(i)] for i in map_coordinate(places * 1.0, 4, mode)) for mode in FILL_MODES[::2]}
    assert letters == {"reflect": "dcbaabcddcba", "nearest": "aaaaabcddddd"}


def test_pictures_of_many_kinds_are_taken():
    floats = Augmentation([GREY / 255.0, COLOR[..., 0]])
    np.testing.assert_array_equal(floats.images[0], GREY)
    assert [image.shape for image in floats.images] == [(16, 16, 1), (13, 18, 1)]
    assert floats.names == ["picture 1", "picture 2"]
    assert len(Augmentation(np.stack([COLOR] * 4)).images) == 4


@pytest.mark.parametrize(
    ("images", "remedy"),
    [
        (COLOR, r"a list: \[image\]"),
        ([], "at least one"),
        (np.zeros((3, 9, 9), "uint8"), "np.newaxis"),
        ([np.zeros((9, 9, 4), "uint8")], r"image\[:, :, :3\]"),
        ([np.zeros((65, 64, 3), "uint8")], "resize"),
        ([np.zeros((9, 7), "uint8")], "Enlarge it"),
        ([np.full((9, 9), 200.0)], "divide by 255"),
        ([np.zeros((9, 9), "int64")], "uint8"),
        (np.zeros((10, 64, 64, 3), "uint8"), r"images\[:4\]"),
    ],
)
def test_pictures_that_do_not_fit_are_refused_with_a_remedy(images, remedy):
    with pytest.raises(FigureError, match=remedy):
        Augmentation(images)


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"rotation": 0.6}, "0 to 0.5"),
        ({"rotation": -0.1}, "give 0.1"),
        ({"zoom": 1}, "0 to 0.8"),
        ({"translation": np.nan}, "0 to 0.5"),
        ({"contrast": 1.5}, "0 to 1"),
        ({"brightness": -1}, "0 to 1"),
        ({"flip": "left"}, "'horizontal_and_vertical'"),
        ({"flip": ["horizontal"]}, "choose one of"),
        ({"fill_mode": "mirror"}, "'reflect'"),
        ({"picture": 3}, "give 0 to 2"),
        ({"draw": 1000}, "give 0 to 999"),
        ({"names": ["cat"]}, "one text for each"),
        ({"names": ["cat", "cat", "dog"]}, "all different"),
        ({"names": "cat"}, "a list"),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_a_remedy(changes, remedy):
    with pytest.raises(FigureError, match=remedy):
        Augmentation([COLOR, GREY, TALL], **changes)
    figure, (name, value) = make(), *changes.items()
    before = getattr(figure, name)
    with pytest.raises(traitlets.TraitError, match=remedy):
        setattr(figure, name, value)
    assert getattr(figure, name) == before


def test_ticks_and_judgements_are_checked_too_and_ticks_belong_to_their_draw():
    figure = make()
    with pytest.raises(FigureError, match="0 to 8"):
        figure.believed = [9]
    with pytest.raises(FigureError, match=r"give \[\]"):
        figure.judgements = [{"picture": "cat"}]
    figure.believed = [5, 2, 2]
    assert figure.believed == [2, 5]
    figure.rotation = 0.3
    assert figure.describe().endswith("You believe 2 of 9.")
    figure.draw = 1
    assert figure.believed == []


def test_other_pictures_take_the_place_of_the_first():
    figure = make(picture=2)
    figure.images = [GREY, TALL]
    assert (figure.picture, figure.names, len(figure.state()["_pictures"])) == (0, ["picture 1", "picture 2"], 2)
    assert figure.tiles.shape == (9, 16, 16, 1)


def test_four_pictures_weigh_little_and_are_sent_once():
    figure = Augmentation([draw("cat", 3), draw("dog", 5), draw("cat", 8), draw("dog", 9)])
    page = figure.to_html()
    assert len(page) < 180_000
    assert page.count(base64.b64encode(figure.images[1].tobytes()).decode()[:200]) == 1
    assert page == Augmentation(list(figure.images)).to_html()


# ---- the browser's numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", [COLOR, GREY], ids=["13 × 18", "16 × 16"])
def test_javascript_gives_keras_numbers(show, picture):
    page = show(make())
    cases = [case for case in FIXED if picture is COLOR or case[0] != "RandomTranslation"]
    transformations = [Transformation(**fields)._asdict() for _, _, fields in cases]
    for fill_mode in FILL_MODES:
        answers = call(page, "transformPicture", [[packed(picture), each, fill_mode] for each in transformations])
        for (layer, ranges, _), answer in zip(cases, answers, strict=True):
            expected = run_layer(layer, ranges, picture, fill_mode=fill_mode)
            np.testing.assert_allclose(np.reshape(answer, picture.shape), expected, atol=0.01)


def test_javascript_changes_flips_contrast_and_brightness_as_python_does(show):
    page = show(make())
    cases = [Transformation(flip) for flip in FLIPS]
    cases += [Transformation(contrast=contrast) for contrast in (0, 0.3, 1.9)]
    cases += [Transformation("vertical", 14, 1.3, -2.5, 1.25, 0.6, brightness) for brightness in (-90, 40.5)]
    answers = call(page, "transformPicture", [[packed(TALL), each._asdict(), "reflect"] for each in cases])
    for case, answer in zip(cases, answers, strict=True):
        np.testing.assert_allclose(np.reshape(answer, TALL.shape), transform_picture(TALL, case), atol=0.01)


def test_javascript_draws_the_same_numbers_and_says_the_same(show):
    page = show(make())
    places = [(number, tile, extremes) for number in (0, 5, 999) for tile in (0, 8) for extremes in (False, True)]
    assert call(page, "randomNumbers", [list(place) for place in places]) == [list(random_numbers(*p)) for p in places]
    for settings in SETTINGS:
        figure = make(**settings)
        height, width, _ = figure.original.shape
        strengths = {name: getattr(figure, name) for name in STRENGTHS}
        numbers = [list(random_numbers(figure.draw, tile, figure.extremes)) for tile in range(TILES)]
        made = call(page, "makeTransformation", [[each, figure.flip, strengths, height, width] for each in numbers])
        assert made == [each._asdict() for each in figure.transformations]
        assert call(page, "writeTransformation", [[each] for each in made]) == [
            write_transformation(each) for each in figure.transformations
        ]
        assert call(page, "writeMeanings", [[strengths, height, width]]) == [write_meanings(figure)]
        given = {"flip": figure.flip, "fillMode": figure.fill_mode, "extremes": figure.extremes, "strengths": strengths}
        assert call(page, "writeStrengths", [[given]]) == [write_strengths(figure)]
        assert call(page, "writeCode", [[given]]) == [figure.code]


@pytest.mark.parametrize("settings", SETTINGS, ids=IDS)
def test_pictures_shown_are_those_of_python(show, settings):
    figure = make(**settings)
    page = show(figure)
    differences = tiles_of(page) - figure.tiles.astype(int)
    assert np.abs(differences).max() <= 1
    np.testing.assert_array_equal(
        painted(page, ".cb-source > canvas"), np.broadcast_to(figure.original, (*figure.original.shape[:2], 3))
    )
    labels = [f"Version {tile + 1} of 9: {write_transformation(t)}" for tile, t in enumerate(figure.transformations)]
    shown = page.locator(".cb-tile").evaluate_all("(tiles) => tiles.map((tile) => tile.ariaLabel)")
    assert shown == labels
    assert page.locator(".cb-code").inner_text() == figure.code
    meanings = write_meanings(figure)
    expected = [meanings[name] if getattr(figure, name) else "off" for name in STRENGTHS]
    assert page.locator(".cb-strength .cb-hint").all_inner_texts() == expected


# ---- what a reader does --------------------------------------------------------------------------------------------


def test_sliders_and_choices_show_the_versions_of_their_settings(show):
    page = show(make(rotation=0, zoom=0))
    slide(page, "Rotation", 0.25)
    slide(page, "Contrast", 0.5)
    page.get_by_role("combobox", name="Flip").select_option("both")
    page.get_by_role("combobox", name="Beyond the border").select_option("constant")
    page.get_by_text('layers.RandomRotation(0.25, fill_mode="constant"),').wait_for()
    figure = make(rotation=0.25, zoom=0, contrast=0.5, flip="horizontal_and_vertical", fill_mode="constant")
    assert page.locator(".cb-code").inner_text() == figure.code
    assert np.abs(tiles_of(page) - figure.tiles.astype(int)).max() <= 1
    assert page.get_by_role("slider", name="Rotation").get_attribute("aria-valuetext") == "0.25, ±90°"
    button(page, "All off").click()
    page.locator(".cb-code").get_by_text("keras.Sequential([])").wait_for()
    np.testing.assert_array_equal(tiles_of(page), np.stack([COLOR] * TILES))
    page.locator(".cb-spoken").get_by_text("no transform, nine times the original").wait_for(state="attached")


def test_every_draw_has_its_own_versions_and_comes_back(show):
    page = show(make())
    assert button(page, "Draw before").get_attribute("aria-disabled") == "true"
    button(page, "Draw again").click()
    button(page, "Draw again").click()
    page.get_by_text("draw 2", exact=True).wait_for()
    assert np.abs(tiles_of(page) - make(draw=2).tiles.astype(int)).max() <= 1
    button(page, "Draw before").click()
    page.get_by_text("draw 1", exact=True).wait_for()
    assert np.abs(tiles_of(page) - make(draw=1).tiles.astype(int)).max() <= 1
    page.get_by_role("checkbox", name="All at the ends of their ranges").check()
    page.get_by_text("· at the ends").wait_for()
    assert np.abs(tiles_of(page) - make(draw=1, extremes=True).tiles.astype(int)).max() <= 1
    last = show(make(draw=999))
    button(last, "Draw again").click()
    last.get_by_text("draw 0", exact=True).wait_for()


def test_another_picture_is_chosen(show):
    page = show(make())
    button(page, "tall dog").click()
    page.get_by_text("tall dog, 20 × 9").wait_for()
    assert button(page, "tall dog").get_attribute("aria-pressed") == "true"
    assert button(page, "cat").get_attribute("aria-pressed") == "false"
    assert np.abs(tiles_of(page) - make(picture=2).tiles.astype(int)).max() <= 1
    alone = show(Augmentation([GREY]))
    assert not alone.locator(".cb-thumbs").is_visible()


def test_ticks_are_counted_stay_while_a_strength_is_turned_and_go_with_the_draw(show):
    page = show(make())
    for tile in (0, 4, 8):
        page.locator(".cb-tile").nth(tile).click()
    wait_for_count(page, 3)
    page.locator(".cb-tile").nth(4).click()
    wait_for_count(page, 2)
    slide(page, "Rotation", 0.3)
    page.get_by_text("±108°").wait_for()
    assert count(page) == "You believe 2 of 9."
    checked = page.locator(".cb-tile").evaluate_all("(tiles) => tiles.map((tile) => tile.ariaChecked)")
    assert [n for n, value in enumerate(checked) if value == "true"] == [0, 8]
    button(page, "Draw again").click()
    wait_for_count(page, 0)


def test_noted_counts_stand_side_by_side_and_the_same_setting_adds_up(show):
    page = show(make())
    for tile in (0, 1, 2, 3, 4, 5):
        page.locator(".cb-tile").nth(tile).click()
    wait_for_count(page, 6)
    button(page, "Note it").click()
    button(page, "Noted").wait_for()
    assert button(page, "Noted").get_attribute("aria-disabled") == "true"
    weak = "cat · flip horizontal · rotation 0.1 · zoom 0.2"
    assert rows(page) == [f"{weak} | 6 of 9"]
    page.locator(".cb-tile").nth(0).click()  # the same nine again: the count is replaced
    wait_for_count(page, 5)
    button(page, "Note it").click()
    page.get_by_text("5 of 9", exact=True).wait_for()
    button(page, "Draw again").click()  # nine more
    page.locator(".cb-tile").nth(0).click()
    wait_for_count(page, 1)
    button(page, "Note it").click()
    page.get_by_text("6 of 18", exact=True).wait_for()
    slide(page, "Rotation", 0.5)
    page.get_by_text("±180°").wait_for()
    button(page, "Note it").click()
    page.locator(".cb-rows li").nth(1).wait_for()
    assert rows(page) == [f"{weak} | 6 of 18", "cat · flip horizontal · rotation 0.5 · zoom 0.2 | 1 of 9"]
    share = page.locator(".cb-bar-of").first.evaluate("(bar) => bar.style.getPropertyValue('--share')")
    assert float(share) == pytest.approx(1 / 3)
    button(page, "Forget all").click()
    page.locator(".cb-rows li").first.wait_for(state="detached")
    assert not button(page, "Forget all").is_visible()


def test_pointer_and_focus_tell_what_happened_to_a_version(show):
    page = show(make())
    caption = page.locator(".cb-caption")
    transformations = make().transformations
    page.locator(".cb-tile").nth(5).hover()
    caption.get_by_text(f"Version 6: {write_transformation(transformations[5])}.").wait_for()
    page.mouse.move(1, 1)
    caption.get_by_text("Tick each version").wait_for()
    page.locator(".cb-tile").first.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    caption.get_by_text(f"Version 4: {write_transformation(transformations[3])}.").wait_for()
    page.keyboard.press("Space")
    wait_for_count(page, 1)
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    wait_for_count(page, 2)
    assert page.locator(".cb-tile").nth(8).get_attribute("aria-checked") == "true"


def test_a_tap_ticks_and_the_page_still_scrolls(show):
    page = show(make(), size=PHONE, has_touch=True, is_mobile=True)
    page.locator(".cb-tile").nth(2).tap()
    wait_for_count(page, 1)
    assert page.locator(".cb-tile").nth(2).evaluate("(tile) => getComputedStyle(tile).touchAction") == "auto"


def test_no_control_is_dead(show):
    page = show(make(flip=False, rotation=0, zoom=0, contrast=0.2))
    fill, ends = page.get_by_role("combobox", name="Beyond the border"), page.get_by_role("checkbox", name="All at the")
    assert fill.is_disabled()  # no layer looks beyond the border
    assert ends.is_enabled()
    slide(page, "Contrast", 0)
    button(page, "All off").and_(page.locator("[aria-disabled=true]")).wait_for()
    assert ends.is_disabled()
    assert button(page, "Draw again").get_attribute("aria-disabled") == "true"
    button(page, "Draw again").click(force=True)
    page.wait_for_timeout(50)
    assert page.get_by_text("draw 0", exact=True).is_visible()
    slide(page, "Translation", 0.1)
    page.get_by_text("±1.3 px down, ±1.8 px across").wait_for()
    assert fill.is_enabled()
    assert ends.is_enabled()


def test_every_control_is_reached_by_keyboard_with_a_visible_focus(show):
    page = show(make())
    reached = []
    for _ in range(16):
        page.keyboard.press("Tab")
        name = "document.activeElement.ariaLabel ?? document.activeElement.closest('label')?.textContent"
        reached.append(page.evaluate(f"{name} ?? document.activeElement.textContent"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", reached[-1]
    assert reached[1:6] == ["Rotation", "Zoom", "Translation", "Contrast", "Brightness"]
    assert reached[7:11] == ["All off", "cat", "a 2", "tall dog"]
    assert reached[11].startswith("Version 1 of 9")  # one stop for all nine
    assert reached[12:] == ["Draw again", "Draw before", "All at the ends of their ranges", "Note it"]


def test_settings_and_counts_are_spoken_once_the_reader_rests(show):
    page = show(make())
    assert page.locator(".cb-spoken").get_attribute("aria-live") == "polite"
    assert spoken(page) == ""
    slide(page, "Rotation", 0.2)
    page.locator(".cb-spoken").get_by_text(make(rotation=0.2).describe(), exact=True).wait_for(state="attached")
    page.locator(".cb-tile").nth(3).click()
    page.locator(".cb-spoken").get_by_text("You believe 1 of 9.", exact=True).wait_for(state="attached")


# ---- themes, print, room -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", SETTINGS, ids=IDS)
def test_still_picture_shows_what_the_live_figure_shows(show, settings):
    figure = make(**settings)
    printed, without_script = show(figure), show(figure, java_script_enabled=False)
    printed.emulate_media(media="print")
    for page in (printed, without_script):
        drawing = page.locator(".convbook-still svg")
        assert drawing.is_visible()
        assert not page.locator(".convbook-live").is_visible()
        assert drawing.get_attribute("aria-label") == figure.describe()
    texts = " ".join(drawing.locator("text").all_text_contents())
    for name in STRENGTHS:
        if getattr(figure, name):
            assert write_meanings(figure)[name] in texts
    data = re.findall(r'href="data:image/jpeg;base64,([^"]+)"', figure.draw_still())
    pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(each))), dtype=int) for each in data]
    for picture, expected in zip(pictures, [figure.original, *figure.tiles], strict=True):
        assert np.abs(picture - expected).mean() < 12  # of pure noise, which a JPEG keeps worst


@pytest.mark.parametrize(("theme", "size"), [("light", WIDE), ("dark", PHONE)], ids=["light", "dark"])
def test_axe_finds_nothing_serious(show, theme, size):
    page = show(make(), make(flip=False, rotation=0, zoom=0), theme=theme, size=size)
    page.locator(".cb-tile").first.click()
    button(page, "Note it").first.click()
    assert page.locator(".convbook-figure").first.get_attribute("data-theme") == theme
    violations = Axe().run(page).response["violations"]
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []


def test_pictures_keep_their_colours_in_the_dark(show):
    light, dark = show(make()), show(make(), theme="dark")
    np.testing.assert_array_equal(tiles_of(light), tiles_of(dark))
    script = """(canvases) => canvases.map((canvas) => {
      const styles = [];
      for (let el = canvas; el; el = el.parentElement) styles.push(getComputedStyle(el));
      return styles.every(({ filter, opacity, mixBlendMode }) =>
        filter === "none" && opacity === "1" && mixBlendMode === "normal");
    })"""
    assert set(dark.locator("canvas").evaluate_all(script)) == {True}


def test_the_original_is_as_large_as_a_version_and_nothing_is_wider_than_the_page(show):
    page = show(make(), make(picture=2, translation=0.33, fill_mode="constant"), Augmentation([GREY]))
    for width in (340, 390, 700, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sizes = [page.locator(name).first.bounding_box() for name in (".cb-source > canvas", ".cb-tile canvas")]
        assert sizes[0]["width"] == pytest.approx(sizes[1]["width"], rel=0.1)
        assert sizes[0]["width"] / sizes[0]["height"] == pytest.approx(18 / 13, rel=0.02)
    page.set_viewport_size(PHONE)
    top = page.locator(".cb-settings").first.bounding_box()["y"]
    last = page.locator(".cb-tile").nth(8).bounding_box()
    assert last["y"] + last["height"] - top < PHONE["height"] - 60


def test_two_augmentations_and_a_pooling_share_a_page(show):
    page = show(make(), Pooling(GREY), make(draw=3))
    page.locator(".cb-tile").nth(1).click()
    wait_for_count(page, 1)
    assert page.locator(".cb-count").nth(1).inner_text() == "You believe 0 of 9."
