"""The feature maps figure: its numbers against Keras, and what a reader sees and does in a browser."""

import re
import zlib

import keras
import numpy as np
import pytest
import test_figures
import traitlets
from axe_playwright_python.sync_playwright import Axe
from test_receptive_fields import build_branches
from visits import PHONE, WIDE

from convbook import backbones
from convbook.drawings import draw_set
from convbook.figures import FeatureMaps, feature_maps, still
from convbook.figures.feature_maps import choose_channels, quantize

show = test_figures.show  # the fixture
layers = keras.layers

RNG = np.random.default_rng(12)
IMAGES = RNG.integers(0, 256, (3, 20, 30, 1), dtype="uint8")
ACCURACIES = [0.5, 0.625, 0.75]


def scale(images):
    return images / 255


BRANCHES = build_branches()
STAGES = ["first", "both", "deep"]


def figure_of(**settings):
    given = {"layers": STAGES, "converter": scale, "accuracies": ACCURACIES, "names": ["ant", "bee", "cow"], **settings}
    return FeatureMaps(BRANCHES, IMAGES, **given)


def call(page, function, *arguments):
    """What a function that the figure's module exports gives."""
    script = """async ([source, name, given]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const answer = (await import(url))[name](...given.map((x) => (x?.bytes ? Uint8Array.from(x.bytes) : x)));
      return ArrayBuffer.isView(answer) ? [...answer] : answer;
    }"""
    return page.evaluate(script, [str(FeatureMaps._esm), function, list(arguments)])


def settle(page):
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def text(page, selector):
    return page.locator(selector).first.inner_text()


def grid(page):
    return page.locator(".cb-screen .cb-pixels")


def shown_place(page):
    return [int(part) for part in re.findall(r"row (\d+), column (\d+)", text(page, ".cb-reading"))[0]]


def pixels_of(canvas):
    script = """(canvas) => [canvas.height, canvas.width,
      [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]]"""
    height, width, values = canvas.evaluate(script)
    return np.reshape(values, (height, width, 4))[..., :3]


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
    figure = FeatureMaps(backbone, images, converter=converter, accuracies=[0.5] * 4)
    assert [stage.title for stage in figure.stages] == ["block1", "block2", "block3", "block4"]
    assert [stage.maps.shape[1] for stage in figure.stages] == [29, 15, 8, 4]
    assert len(figure.to_html().encode()) < 150_000


def test_mobilenet_is_shown_with_the_last_layer_of_each_size():
    model = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(64, 96, 3), alpha=0.35)
    figure = FeatureMaps(model, np.repeat(RNG.integers(0, 256, (2, 64, 96, 1)), 3, axis=-1), most_channels=4)
    names = [stage.layer for stage in figure.stages]
    assert names == [*(f"block_{n}_expand_relu" for n in (1, 3, 6, 13)), "out_relu"]
    assert [stage.maps.shape[1:3] for stage in figure.stages] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert not any(stage.field.problem for stage in figure.stages)


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


def test_a_layer_that_cannot_be_looked_through_says_so_and_shows_its_maps():
    model = keras.Sequential([keras.Input((20, 30, 1)), layers.UpSampling2D(name="up"), layers.Conv2D(4, 3, name="c")])
    figure = FeatureMaps(model, IMAGES, layers=["c"])
    assert figure.window(0, 0) is None
    assert "not known: no rule for the layer 'up'" in figure.describe()


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
        ({"accuracies": [0.5]}, r"1 numbers for 3 stages \(first, both, deep\)"),
        ({"accuracies": [50, 60, 70]}, "divide per cents by 100"),
        ({"names": ["one"]}, "one text for each of the 3 pictures"),
        ({"converter": lambda images: images[:, ::2]}, "Resize the pictures first"),
        ({"most_channels": 99}, "1 to 16"),
        ({"picture": 3}, "give 0 to 2"),
        ({"stage": 3}, "give 0 to 2"),
        ({"channel": 6}, "give 0 to 5"),
        ({"row": 9}, "give 0 to 8"),
        ({"column": -1}, "give 0 to 13"),
        ({"strength": 101}, "the map alone"),
        ({"model": layers.Conv2D(2, 3)}, "Sequential or functional"),
    ],
)
def test_bad_input_raises_and_names_the_remedy(changes, remedy):
    given = {"layers": STAGES, "converter": scale, "accuracies": ACCURACIES, "model": BRANCHES, "images": IMAGES}
    given |= changes
    with pytest.raises(traitlets.TraitError, match=remedy):
        FeatureMaps(given.pop("model"), given.pop("images"), **given)


def test_a_later_stage_keeps_the_place_inside():
    figure = figure_of(row=8, column=13)
    figure.stage = 1
    assert (figure.row, figure.column) == (4, 6)
    figure.set_state({"stage": 2, "picture": 1, "channel": 11, "row": 3, "column": 7})
    assert (figure.stage, figure.picture, figure.channel, figure.row, figure.column) == (2, 1, 11, 3, 7)


def test_html_is_the_same_for_the_same_state():
    assert figure_of().to_html() == figure_of().to_html()
    assert figure_of().to_html() != figure_of(picture=1).to_html()
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|\brequire\b|<link|\bsrc=", figure_of().to_html())


# ---- what a reader sees --------------------------------------------------------------------------------------------


def test_javascript_unpacks_what_zlib_packed(show):
    page = show(figure_of())
    texts = [b"", b"abc" * 900, RNG.integers(0, 256, 3000, dtype="uint8").tobytes(), bytes(70_000)]
    for data in texts:
        for level, strategy in ((9, zlib.Z_DEFAULT_STRATEGY), (9, zlib.Z_FIXED), (0, zlib.Z_DEFAULT_STRATEGY)):
            packer = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
            packed = packer.compress(data) + packer.flush()
            assert bytes(call(page, "inflate", {"bytes": list(packed)}, len(data))) == data


def test_numbers_and_windows_at_many_places_are_those_of_keras(show):
    figure = figure_of(strength=100)
    page = show(figure)
    for number, stage in enumerate(figure.stages):
        _, height, width, channels = stage.maps.shape
        for place in range(6):
            picture, channel = place % 3, (5 * place) % channels
            row, column = (7 * place) % height, (5 * place + 2) % width
            figure.set_state({"stage": number, "picture": picture, "channel": channel, "row": row, "column": column})
            page.locator(".cb-stages [role=radio]").nth(number).click()
            page.locator(".cb-strip [role=radio]").nth(picture).click()
            page.locator(".cb-maps [role=radio]").nth(channel).click()
            settle(page)
            grid(page).press("Home")
            at = shown_place(page)
            for key, count in (("ArrowUp", at[0]), ("ArrowDown", row), ("ArrowRight", column)):
                for _ in range(count):
                    grid(page).press(key)
            settle(page)
            assert shown_place(page) == [row, column]
            value = test_figures.number(text(page, ".cb-value"))
            assert abs(value - stage.maps[picture, row, column, channel]) <= figure.step
            assert text(page, ".cb-look") in figure.describe()
            expected = still.diverging_colors(np.round(figure.map / figure.step), 1e-9 + _largest(figure))
            np.testing.assert_allclose(pixels_of(grid(page).locator("canvas")), expected, atol=1)
    page.wait_for_timeout(600)
    assert test_figures.spoken(page) == figure.describe()


def _largest(figure):
    return np.abs(np.round(figure.stages[figure.stage].maps[..., figure.channel] / figure.step)).max()


def test_the_table_tells_shapes_numbers_zeros_and_the_given_accuracies(show):
    figure = figure_of(picture=1)
    page = show(figure)
    rows = [row.split("\n") for row in page.locator(".cb-stages [role=radio]").all_inner_texts()]
    for row, stage, accuracy in zip(rows, figure.stages, ("50 %", "63 %", "75 %"), strict=True):
        _, height, width, _ = stage.maps.shape
        count = height * width * stage.all_channels
        zeros = feature_maps.write_share(stage.all_zeros[1], count)
        shape = f"{height} × {width} × {stage.all_channels}"
        assert [part for part in row if part] == [stage.title, shape, f"{count:,}", zeros, accuracy]
    without = show(figure_of(accuracies=None))
    assert not without.locator(".cb-at-accuracy").first.is_visible()


# ---- what a reader does --------------------------------------------------------------------------------------------


def test_stages_are_walked_by_buttons_slider_and_arrow_keys_and_keep_the_spot(show):
    figure = figure_of(row=4, column=6)
    page = show(figure)
    chosen = page.locator(".cb-stages [aria-checked=true]")
    page.get_by_role("button", name="Next stage").click()
    settle(page)
    assert "both" in chosen.inner_text()
    centres = [figure.window(4, 6)]
    figure.stage = 1
    centres.append(figure.window(*shown_place(page)))
    assert abs(sum(centres[0][:2]) - sum(centres[1][:2])) <= 4  # half a step of the later stage, twice
    chosen.press("ArrowDown")
    settle(page)
    assert "deep" in chosen.inner_text()
    page.get_by_role("slider", name="Stage").press("Home")
    settle(page)
    assert "first" in chosen.inner_text()
    assert page.get_by_role("button", name="Stage before").get_attribute("aria-disabled") == "true"


def test_pointing_reads_a_place_and_strongest_finds_the_largest(show):
    figure = figure_of(stage=1)
    page = show(figure)
    box = grid(page).locator("canvas").bounding_box()
    page.mouse.move(box["x"] + 2.5 / 7 * box["width"], box["y"] + 3.5 / 5 * box["height"])
    settle(page)
    assert shown_place(page) == [3, 2]
    page.get_by_role("button", name="Strongest place").click()
    settle(page)
    assert tuple(shown_place(page)) == figure.strongest_place()


def test_strength_lays_the_map_over_the_picture(show):
    page = show(figure_of())
    page.get_by_role("slider", name="Map over picture").press("End")
    settle(page)
    assert grid(page).locator("canvas").evaluate("(canvas) => getComputedStyle(canvas).opacity") == "1"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_figure_fits_and_axe_finds_nothing(show, theme, size):
    page = show(figure_of(), theme=theme, size=size)
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    violations = Axe().run(page).response["violations"]
    assert [(found["id"], found["nodes"][0]["html"]) for found in violations] == []


def test_still_picture_is_for_print(show):
    page = show(figure_of())
    page.emulate_media(media="print")
    assert page.locator(".convbook-still svg").first.is_visible()
    assert not page.locator(".convbook-live").is_visible()
