"""The feature maps figure: its numbers against Keras, and what a reader sees and does in a browser."""

import base64
import functools
import io
import math
import zlib

import keras
import numpy as np
import pytest
from figure_pages import call, pixels_of, spoken, texts
from PIL import Image
from test_receptive_fields import build_branches
from visits import NEXT_FRAME

from convbook import backbones
from convbook.drawings import draw_set
from convbook.figures import FeatureMaps, FigureError
from convbook.figures.feature_maps import PATCH_PX, choose_channels, cut_patch, quantize
from convbook.receptive_fields import Field
from convbook.shapes import ReceptiveField

layers = keras.layers

RNG = np.random.default_rng(12)
IMAGES = RNG.integers(0, 256, (3, 20, 30, 1), dtype="uint8")


def scale(images):
    return images / 255


def build_sequential():
    stack = [layers.Conv2D(5, 3, activation="relu", name="conv1"), layers.MaxPooling2D(name="pool1")]
    stack += [layers.Conv2D(7, 3, activation="relu", padding="same", name="conv2"), layers.MaxPooling2D(name="pool2")]
    return keras.Sequential([keras.Input((20, 30, 1)), layers.Rescaling(1 / 255), *stack, layers.Flatten()])


BRANCHES = build_branches()
STAGES = ["first", "both", "deep"]


def figure_of(**settings):
    given = {"layers": STAGES, "converter": scale, "names": ["ant", "bee", "cow"], **settings}
    return FeatureMaps(BRANCHES, IMAGES, **given)


def settle(page):
    page.evaluate(NEXT_FRAME)


def text(page, selector):
    return page.locator(selector).first.inner_text()


def decode(url):
    """The pixels of a picture in a page."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


# ---- Python's side -------------------------------------------------------------------------------------------------


def test_maps_and_zeros_are_those_of_keras():
    figure = figure_of()
    for stage in figure.stages:
        keras_maps = keras.Model(BRANCHES.input, BRANCHES.get_layer(stage.layer).output).predict(
            IMAGES / 255.0, verbose=0
        )
        np.testing.assert_allclose(stage.maps, keras_maps[..., stage.channels], rtol=1e-4, atol=1e-5)
        assert stage.all_channels == keras_maps.shape[-1]
        np.testing.assert_array_equal(stage.zeros, (stage.maps == 0).sum(axis=(1, 2)))
    assert [stage.maps.shape[1:3] for stage in figure.stages] == [(9, 14), (5, 7), (4, 8)]
    assert len(figure.stages[2].channels) == 6


def test_the_patches_are_where_keras_responds_most_and_no_picture_has_two():
    search = RNG.integers(0, 256, (21, 20, 30, 1), dtype="uint8")
    figure = figure_of(search=search, channels={"deep": [19, 3]})
    assert figure.stages[2].channels[:2] == [19, 3]
    for stage in figure.stages:
        part = keras.Model(BRANCHES.input, BRANCHES.get_layer(stage.layer).output)
        maps = part.predict(search / 255.0, verbose=0)[..., stage.channels]
        largest = maps.max(axis=(1, 2))
        for channel, best in enumerate(stage.best):
            pictures, rows, columns = best.T
            assert len(set(pictures)) == len(best) == 9
            found = maps[pictures, rows, columns, channel]
            np.testing.assert_allclose(found, largest[pictures, channel], rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(found, np.sort(largest[:, channel])[:-10:-1], rtol=1e-4, atol=1e-5)


def test_of_pictures_with_the_same_largest_value_those_with_more_of_it_come_first():
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(1, 1, name="c"), layers.ReLU(max_value=6)])
    model.get_layer("c").set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    search = np.zeros((3, 8, 8, 1), "uint8")
    search[0, 0, 0], search[1, :2], search[2, 3, 5] = 9, 200, 5
    (stage,) = FeatureMaps(model, search[:1], search=search, layers=[model.layers[1]]).stages
    assert stage.best[0].tolist() == [[1, 0, 0], [0, 0, 0], [2, 3, 5]]


def test_a_patch_is_the_window_where_it_lies_inside_and_at_most_half_of_the_picture():
    images = np.arange(20 * 30).reshape(1, 20, 30, 1) % 256
    field = Field(ReceptiveField(5, 2, -2), ReceptiveField(5, 2, -2))
    cut = functools.partial(cut_patch, images, shape=(1, 10, 15, 4), picture=0)
    np.testing.assert_array_equal(cut(field, row=4, column=3), images[0, 6:11, 4:9])
    np.testing.assert_array_equal(cut(field, row=0, column=14), images[0, 0:5, 25:30])  # moved inside
    wide = Field(ReceptiveField(41, 2, -20), ReceptiveField(41, 2, -20))
    np.testing.assert_array_equal(cut(wide, row=4, column=3), images[0, 3:13, 1:11])  # around row 8, column 6
    unknown = Field(None, None, problem="no rule")
    np.testing.assert_array_equal(cut(unknown, row=9, column=0), images[0, 10:20, 0:10])


def test_the_page_frames_what_python_would_cut(blank):
    size = {"height": 20, "width": 30}
    where = np.arange(20 * 30).reshape(1, 20, 30, 1)
    axes = [(5, 2, -2), (3, 1, 0), (41, 4, -19), (12, 3, 1)]
    places = [(0, 0), (4, 3), (9, 2), (1, 14), (6, 6)]
    cases = [(axis, place) for axis in axes for place in places]
    fields = [{name: [axis[2], axis[0], axis[1]] for name in ("rows", "columns")} for axis, _ in cases]
    calls = [[field, size, *place] for field, (_, place) in zip(fields, cases, strict=True)]
    for (axis, place), box in zip(cases, call(FeatureMaps, blank, "patchOf", calls), strict=True):
        patch = cut_patch(where, Field(ReceptiveField(*axis), ReceptiveField(*axis)), (1, 10, 15, 4), 0, *place)
        assert [box["row"], box["column"]] == [patch[0, 0, 0] // 30, patch[0, 0, 0] % 30]
        assert (box["height"], box["width"]) == patch.shape[:2]


def test_drawn_world_is_walked_block_by_block_and_its_page_is_small():
    backbone, converter = backbones.load("drawn_world")
    images, _ = draw_set(("cat", "dog"), 3, first_seed=11, progress=False)
    figure = FeatureMaps(backbone, images, converter=converter)
    assert [stage.title for stage in figure.stages] == ["block1", "block2", "block3", "block4"]
    assert [stage.maps.shape[1] for stage in figure.stages] == [29, 15, 8, 4]
    assert len(figure.to_html().encode()) < 200_000


def test_of_many_blocks_some_are_shown_and_without_blocks_the_convolutions_and_poolings():
    model = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(64, 96, 3), alpha=0.35)
    figure = FeatureMaps(model, np.repeat(RNG.integers(0, 256, (2, 64, 96, 1)), 3, axis=-1))
    assert [stage.title for stage in figure.stages] == [f"block_{n}" for n in (1, 4, 7, 10, 13, 16)]
    assert [stage.maps.shape[1:3] for stage in figure.stages][::5] == [(16, 24), (2, 3)]
    figure = FeatureMaps(build_sequential(), IMAGES)
    assert [stage.layer for stage in figure.stages] == ["conv1", "pool1", "conv2", "pool2"]


def test_layers_are_given_by_name_as_themselves_or_with_titles():
    assert [stage.layer for stage in figure_of(layers="deep").stages] == ["deep"]
    assert [stage.layer for stage in figure_of(layers=[BRANCHES.get_layer("both"), "deep"]).stages] == ["both", "deep"]
    (stage,) = figure_of(layers={"the end": BRANCHES.get_layer("deep")}).stages
    assert (stage.title, stage.layer) == ("the end", "deep")


def test_levels_are_right_to_within_half_a_step_and_keep_zero():
    maps = RNG.normal(size=(2, 5, 7, 4)) * [0, 1, 30, 0.001]
    maps[0, 0] = 0
    levels, steps, zeros = quantize(maps)
    values = (levels.astype(int) - zeros) * steps
    assert np.all(np.abs(values - maps) <= 0.5001 * steps)
    assert np.all(values[maps == 0] == 0)
    assert np.all(steps[1:] < 1.01 * np.ptp(maps, axis=(0, 1, 2))[1:] / 254)


def test_channels_that_vary_come_first_and_twins_last():
    maps = RNG.normal(size=(2, 4, 6, 5)) * [1, 3, 0, 5, 2]
    maps[..., 4] = -0.7 * maps[..., 1]
    assert choose_channels(maps, 5)[:3] == [3, 1, 0]
    assert choose_channels(maps, 5)[-1] == 4
    assert choose_channels(maps, 2) == [3, 1]


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"images": []}, r"images\[:5\]"),
        ({"images": [IMAGES[0], IMAGES[0, 1:]]}, "resize or cut all to one size"),
        ({"images": IMAGES[0]}, "image"),
        ({"images": IMAGES / 255.0}, r"images \* 255"),
        ({"images": IMAGES - 999.0}, "0 to 255"),
        ({"images": np.repeat(IMAGES, 3, axis=0)}, "1 to 8"),
        ({"images": IMAGES[:, :18]}, "resize the pictures"),
        ({"layers": ["frist"]}, "does not exist; possible are input_layer.*, first, short, long"),
        ({"layers": ["first", "pooled"]}, r"gives no map \(its output has the shape \(None, 20\)\); possible are"),
        ({"layers": []}, "1 to 6"),
        ({"layers": [*"abcdefghi"]}, "does not exist"),
        ({"names": ["one"]}, "one text for each of the 3 pictures"),
        ({"converter": lambda images: images[:, ::2]}, "Resize the pictures first"),
        ({"converter": lambda images: images * np.nan}, "check the weights and the converter"),
        ({"names": ["one", "two", ""]}, "one text for each"),
        ({"picture": 3}, "give 0 to 2"),
        ({"stage": 3}, "give 0 to 2"),
        ({"channel": 6}, "give 0 to 5"),
        ({"search": IMAGES[:, :18]}, "resize them to the same size"),
        ({"channels": {"frist": [1]}}, "give titles out of first, both, deep"),
        ({"channels": {"deep": [20]}}, "from 0 to 19"),
        ({"model": layers.Conv2D(2, 3)}, "Sequential or functional"),
    ],
)
def test_bad_input_raises_and_names_the_remedy(changes, remedy):
    given = {"layers": STAGES, "converter": scale, "model": BRANCHES, "images": IMAGES}
    given |= changes
    with pytest.raises(FigureError, match=remedy):
        FeatureMaps(given.pop("model"), given.pop("images"), **given)


# ---- what a reader sees and does -------------------------------------------------------------------------------------


def test_javascript_unpacks_what_zlib_packed(blank):
    for data in (b"", b"abc" * 900, RNG.integers(0, 256, 3000, dtype="uint8").tobytes(), bytes(70_000)):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = base64.b64encode(packer.compress(data) + packer.flush()).decode()
        assert bytes(call(FeatureMaps, blank, "unpack", [[packed]])[0]) == data


def test_the_glow_and_the_numbers_at_many_places_are_those_of_keras(show):
    figure = figure_of(search=RNG.integers(0, 256, (12, 20, 30, 1), dtype="uint8"))
    page = show(figure)
    page.locator("summary").click()
    for nth, stage in enumerate(figure.stages):
        _, height, width, channels = stage.maps.shape
        for turn in range(4):
            picture, channel = turn % 3, (5 * turn) % channels
            page.locator(".cb-stages [role=radio]").nth(nth).click()
            page.locator(".cb-pictures [role=radio]").nth(picture).click()
            page.locator(".cb-channels [role=radio]").nth(channel).click()
            settle(page)
            number = stage.channels[channel]
            assert text(page, ".cb-now").startswith(f"Channel {number} of {stage.all_channels} in {stage.title}.")
            levels, steps, zeros = (each[..., channel] for each in quantize(stage.maps))
            heights = levels.astype(int) - zeros
            opacity = pixels_of(page.locator(".cb-screen canvas"), parts=4)[..., 3]
            np.testing.assert_allclose(opacity, 230 * np.abs(heights[picture]) / np.abs(heights).max(), atol=1)
            row, column = np.unravel_index(heights[picture].argmax(), (height, width))
            decimals = max(0, math.ceil(-math.log10(steps)))
            said = text(page, ".cb-behind p")
            value = f"{heights[picture].max() * steps:.{decimals}f}" if heights[picture].max() else "0"
            assert f"largest at row {row}, column {column}: {value.replace('-', '−')};" in said
            zero, all_zero = (stage.maps[picture, ..., channel] == 0).mean(), stage.all_zeros[picture]
            assert f"it is zero at {share(zero)} of its places." in said
            count = height * width * stage.all_channels
            assert f"{count:,} numbers, {share(all_zero / count)} of them zero." in said
    page.wait_for_timeout(600)
    assert said in spoken(page)


def share(part):
    return f"{math.floor(100 * part + 0.5)} %"


def test_the_page_shows_the_patches_of_the_chosen_channel_and_the_best_of_each(show):
    search = RNG.integers(0, 256, (12, 20, 30, 1), dtype="uint8")
    figure = figure_of(search=search, stage=1, channel=4)
    page = show(figure)
    stage = figure.stages[1]
    sheet = decode(figure._stages[1]["patches"]["url"])
    assert sheet.shape == (len(stage.channels) * PATCH_PX, 9 * PATCH_PX, 3)
    for channel, rank in ((0, 0), (4, 7)):
        patch = cut_patch(search, stage.field, stage.maps.shape, *stage.best[channel, rank])[..., 0]
        shown = sheet[channel * PATCH_PX :, rank * PATCH_PX :][:PATCH_PX, :PATCH_PX].mean()
        assert abs(shown - patch.mean()) < 12  # of little quality
    best = page.locator(".cb-best")
    assert best.get_attribute("aria-label") == f"The 9 patches that excite channel {stage.channels[4]} of both most"
    places = best.locator(".cb-patch").evaluate_all("(all) => all.map((e) => getComputedStyle(e).backgroundPosition)")
    down = 100 * 4 / (len(stage.channels) - 1)
    assert places == [f"{12.5 * rank:g}% {down:g}%" for rank in range(9)]
    assert page.locator(".cb-channels .cb-patch").count() == len(stage.channels)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"rows": [0, 7, 2], "columns": [0, 7, 2]}, "sees 7 px"),
        ({"rows": [0, 7, 2], "columns": [0, 9, 2]}, "sees 7 × 9 px"),
        ({"rows": [-9, 70, 4], "columns": [0, 48, 2]}, "sees all of it"),
        ({"whole": True}, "sees all of it"),
        ({"problem": "no rule"}, "sees: not known"),
    ],
)
def test_a_stage_says_how_much_a_place_sees(blank, field, said):
    assert call(FeatureMaps, blank, "writeSight", [[field, {"height": 64, "width": 48}]]) == [said]


def test_numbers_have_as_many_decimals_as_their_step_makes_sense_of(blank):
    values = call(FeatureMaps, blank, "writeValue", [[3.4567, 0.02], [-0.5, 0.004], [120, 3], [0, 0.02]])
    assert values == ["3.46", "−0.500", "120", "0"]


def test_a_window_that_is_not_known_is_told_and_the_map_is_shown_all_the_same(show):
    model = keras.Sequential([keras.Input((20, 30, 1)), layers.UpSampling2D(name="up"), layers.Conv2D(4, 3, name="c")])
    page = show(FeatureMaps(model, IMAGES, layers=["c"]))
    page.locator("summary").click()
    settle(page)
    assert text(page, ".cb-behind p").endswith(
        "Which pixels a place sees is not known: no rule for the layer 'up' of the kind UpSampling2D."
    )
    assert not page.locator(".cb-sight").is_visible()
    assert pixels_of(page.locator(".cb-screen canvas")).shape == (38, 58, 3)


def test_stages_and_channels_are_walked_by_arrow_keys(show):
    page = show(figure_of(channel=4))
    page.locator(".cb-stages [aria-checked=true]").press("ArrowRight")
    settle(page)
    assert texts(page, ".cb-stages [aria-checked=true] b") == ["both"]
    page.locator(".cb-channels [aria-checked=true]").press("Home")
    settle(page)
    page.locator(".cb-stages [aria-checked=true]").press("End")
    settle(page)
    assert " in deep." in text(page, ".cb-now")
