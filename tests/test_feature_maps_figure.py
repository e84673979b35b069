"""The feature maps figure: its numbers against Keras, and what a reader sees and does in a browser."""

import base64
import math
import re
import zlib

import keras
import numpy as np
import pytest
from figure_pages import call, centre_of, diverging_colors, number, numbers, pixels_of, spoken, texts
from test_receptive_fields import build_branches

from convbook import backbones
from convbook.drawings import draw_set
from convbook.figures import FeatureMaps, FigureError
from convbook.figures.feature_maps import choose_channels, quantize

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
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def text(page, selector):
    return page.locator(selector).first.inner_text()


def grid(page):
    return page.locator(".cb-screen .cb-pixels")


def shown_place(page):
    return [int(part) for part in re.findall(r"row (\d+), column (\d+)", text(page, ".cb-reading"))[0]]


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
    assert len(figure.stages[2].channels) == 12


def test_drawn_world_is_walked_block_by_block_and_its_page_is_small():
    backbone, converter = backbones.load("drawn_world")
    images, _ = draw_set(("cat", "dog"), 3, first_seed=11, progress=False)
    figure = FeatureMaps(backbone, images, converter=converter)
    assert [stage.title for stage in figure.stages] == ["block1", "block2", "block3", "block4"]
    assert [stage.maps.shape[1] for stage in figure.stages] == [29, 15, 8, 4]
    assert len(figure.to_html().encode()) < 150_000


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
        ({"layers": []}, "1 to 8"),
        ({"layers": [*"abcdefghi"]}, "does not exist"),
        ({"names": ["one"]}, "one text for each of the 3 pictures"),
        ({"converter": lambda images: images[:, ::2]}, "Resize the pictures first"),
        ({"converter": lambda images: images * np.nan}, "check the weights and the converter"),
        ({"names": ["one", "two", ""]}, "one text for each"),
        ({"picture": 3}, "give 0 to 2"),
        ({"stage": 3}, "give 0 to 2"),
        ({"channel": 6}, "give 0 to 5"),
        ({"row": 9}, "give 0 to 8"),
        ({"column": 14}, "give 0 to 13"),
        ({"strength": 101}, "the map alone"),
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


def test_numbers_and_windows_at_many_places_are_those_of_keras(show):
    figure = figure_of(strength=100)
    page = show(figure)
    for nth, stage in enumerate(figure.stages):
        _, height, width, channels = stage.maps.shape
        for place in range(6):
            picture, channel = place % 3, (5 * place) % channels
            row, column = (7 * place) % height, (5 * place + 2) % width
            page.locator(".cb-stages [role=radio]").nth(nth).click()
            page.locator(".cb-strip [role=radio]").nth(picture).click()
            page.locator(".cb-maps [role=radio]").nth(channel).click()
            settle(page)
            page.mouse.move(*centre_of(grid(page), row, column))
            settle(page)
            assert shown_place(page) == [row, column]
            _, steps, _ = quantize(stage.maps)
            levels = np.round(stage.maps[..., channel] / steps[channel])
            value = number(text(page, ".cb-value"))
            assert abs(value - stage.maps[picture, row, column, channel]) <= steps[channel]
            top, bottom, left, right = stage.field.window(row, column, 20, 30)
            inside = [max(top, 0), min(bottom, 20) - 1, max(left, 0), min(right, 30) - 1]
            said = text(page, ".cb-look")
            assert "the whole picture" in said if inside == [0, 19, 0, 29] else numbers(said)[:4] == inside
            zeros = share((stage.maps[picture, ..., channel] == 0).mean())
            assert text(page, ".cb-zeros") == f"Zero at {zeros} of its places in this picture."
            expected = diverging_colors(levels[picture], max(1, np.abs(levels).max()))
            np.testing.assert_allclose(pixels_of(grid(page)), expected, atol=1)
    page.wait_for_timeout(600)
    said = spoken(page)
    assert said.startswith("cow, stage 3 of 3, deep: 4 × 8 places × 20 channels. Channel")
    place = f"{stage.channels[channel]} at row {row}, column {column}: {text(page, '.cb-value')}"
    assert f"{place}. {text(page, '.cb-look')} It is zero at {zeros} of its places." in said


def share(part):
    return f"{math.floor(100 * part + 0.5)} %"


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ((2, 9, 4, 11), "rows 2 to 8 and columns 4 to 10 of the picture: 7 × 7 pixels around row 5, column 7."),
        ((-9, 70, 4, 11), "rows 0 to 63 and columns 4 to 10 of the picture: its window of 79 × 7 pixels goes beyond "),
        ((-1, 65, 0, 48), "the whole picture: its window has 66 × 48 pixels."),
        ((-9, 0, 4, 11), "padding alone: its window of 9 × 7 pixels lies beyond the edge."),
    ],
)
def test_windows_are_told_with_their_size(blank, window, said):
    given = dict(zip(("top", "bottom", "left", "right"), window, strict=True))
    (told,) = call(FeatureMaps, blank, "writeWindow", [[given, {"height": 64, "width": 48}]])
    assert told.startswith(f"It looks at {said}")


def test_numbers_have_as_many_decimals_as_their_step_makes_sense_of(blank):
    values = call(FeatureMaps, blank, "writeValue", [[3.4567, 0.02], [-0.5, 0.004], [120, 3], [0, 0.02]])
    assert values == ["3.46", "−0.500", "120", "0"]
    assert call(FeatureMaps, blank, "writeStep", [[0.0123], [1], [12.3]]) == ["0.013", "1", "13"]


def test_the_table_tells_shapes_numbers_and_zeros(show):
    figure = figure_of(picture=1)
    page = show(figure)
    rows = [row.split("\n") for row in texts(page, ".cb-stages [role=radio]")]
    for row, stage in zip(rows, figure.stages, strict=True):
        _, height, width, _ = stage.maps.shape
        count = height * width * stage.all_channels
        shape, zeros = f"{height} × {width} × {stage.all_channels}", share(stage.all_zeros[1] / count)
        assert [part for part in row if part] == [stage.title, shape, f"{count:,}", zeros]


def test_a_window_that_is_not_known_is_told_and_the_map_is_shown_all_the_same(show):
    model = keras.Sequential([keras.Input((20, 30, 1)), layers.UpSampling2D(name="up"), layers.Conv2D(4, 3, name="c")])
    page = show(FeatureMaps(model, IMAGES, layers=["c"]))
    assert text(page, ".cb-look") == (
        "Which pixels it looks at is not known: no rule for the layer 'up' of the kind UpSampling2D."
    )
    assert not page.locator(".cb-sight").is_visible()
    assert pixels_of(grid(page)).shape == (38, 58, 3)


def test_stages_are_walked_by_buttons_slider_and_arrow_keys_and_keep_the_spot(show):
    figure = figure_of(row=4, column=6)
    page = show(figure)
    chosen = page.locator(".cb-stages [aria-checked=true]")
    page.get_by_role("button", name="Next stage").click()
    settle(page)
    assert "both" in chosen.inner_text()
    before = figure.stages[0].field.window(4, 6, 20, 30)
    after = figure.stages[1].field.window(*shown_place(page), 20, 30)
    assert abs(sum(before[:2]) - sum(after[:2])) <= 4  # half a step of the later stage, twice
    assert abs(sum(before[2:]) - sum(after[2:])) <= 4
    chosen.press("ArrowDown")
    settle(page)
    assert "deep" in chosen.inner_text()
    page.get_by_role("slider", name="Stage").press("Home")
    settle(page)
    assert "first" in chosen.inner_text()
    assert page.get_by_role("button", name="Stage before").get_attribute("aria-disabled") == "true"


def test_strongest_finds_the_largest_and_strength_lays_the_map_over_the_picture(show):
    figure = figure_of(stage=1)
    page = show(figure)
    page.get_by_role("button", name="Strongest place").click()
    settle(page)
    sizes = np.abs(figure.stages[1].maps[0, ..., 0])
    assert sizes[tuple(shown_place(page))] == sizes.max()
    page.get_by_role("slider", name="Map over picture").press("End")
    settle(page)
    assert grid(page).locator("canvas").evaluate("(canvas) => getComputedStyle(canvas).opacity") == "1"
