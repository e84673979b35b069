"""The figure of a network to click through: its numbers against Keras, and the way back that a reader walks."""

import functools

import keras
import numpy as np
import pytest
from figure_pages import assert_refused, call, centre_of, diverging_colors, number, packed, pixels_of, swipe, texts

from convbook import digit_nets, photos
from convbook.figures import NetworkWalk
from convbook.figures.base import join_modules
from convbook.figures.translation import load_samples

STAGES = (1, 2, 3)
GRID = ".cb-pixels >> nth={}"


@functools.cache
def net():
    return digit_nets.load("convnet")


def weights(name):
    return net().get_layer(name).get_weights()


@functools.cache
def outputs(digit):
    """What each layer gives for a test digit in the middle of the canvas: {name: array without the batch axis}."""
    image = photos.place_on_canvas(load_samples()[digit, :1], 54).astype("float32")
    values = keras.Model(net().input, [layer.output for layer in net().layers])(image)
    return {layer.name: np.asarray(value)[0] for layer, value in zip(net().layers, values, strict=True)}


def class_parts(digit, answer):
    """What each map of stage 3 gives to the score of an answer."""
    return outputs(digit)["global_average"] * weights("classifier")[0][:, answer]


def window(digit, stage, channel, row, column):
    """The window that a pixel after pooling was computed from: its first row and column, and its numbers."""
    sums = outputs(digit)[f"conv_{stage}"][2 * row : 2 * row + 2, 2 * column : 2 * column + 2, channel]
    down, right = np.unravel_index(sums.argmax(), (2, 2))
    top, left = 2 * row + down, 2 * column + right
    before = outputs(digit)["rescaling" if stage == 1 else f"pool_{stage - 1}"]
    return (top, left), before[top : top + 3, left : left + 3]


def kernel_parts(digit, stage, channel, row, column):
    """What each map before gives to a pixel of a stage."""
    _, numbers = window(digit, stage, channel, row, column)
    return (numbers * weights(f"conv_{stage}")[0][..., channel]).sum(axis=(0, 1))


def expected_way(digit, answer):
    """The maps and pixels that give most: [(stage, channel, row, column, part), …], from stage 3 on."""
    parts, way = class_parts(digit, answer), []
    taps, corner = outputs(digit)["pool_3"], (0, 0)
    for stage in (3, 2, 1):
        channel = parts.argmax()
        down, right = np.unravel_index(taps[..., channel].argmax(), taps.shape[:2])
        row, column = corner[0] + down, corner[1] + right
        way.append((stage, channel, row, column, parts[channel]))
        parts = kernel_parts(digit, stage, channel, row, column)
        corner, numbers = window(digit, stage, channel, row, column)
        taps = numbers * weights(f"conv_{stage}")[0][..., channel]
    return way


def notes(page):
    """What stands above the maps: {stage: (channel, row, column, value)}."""
    found = [text for text in texts(page, ".cb-note") if text.startswith("map ")]
    read = [text.replace("pixel (", "").replace(")", "").replace(",", "").split() for text in found]
    return {stage: (int(r[1]), int(r[4]), int(r[5]), float(r[7])) for stage, r in enumerate(read, 1)}


def walked(page):
    return [(stage, *notes(page)[stage][:3]) for stage in (3, 2, 1)]


# ---- in Python -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"digit": 10}, "give 0 to 9"),
        ({"answer": -1}, "give 0 to 9. None follows what counts most"),
        ({"channel_3": 48}, "give 0 to 47"),
        ({"pixel_2": 144}, "give 0 to 143"),
        ({"channel_1": 1.5}, "whole number, 0 to 15"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    assert_refused(NetworkWalk, changes, remedy)


def test_it_takes_the_5_for_a_9_as_chapter_1_says_and_knows_the_other_digits():
    answers = [outputs(digit)["classifier"].argmax() for digit in range(10)]
    assert answers == [0, 1, 2, 3, 4, 9, 6, 7, 8, 9]


def test_the_traits_cover_the_nets_maps_and_html_stays_below_120_kilobytes():
    figure = NetworkWalk()
    for stage in STAGES:
        height, width, channels = outputs(3)[f"pool_{stage}"].shape
        rules = figure.link()["rules"]
        assert rules[f"channel_{stage}"]["high"] == channels - 1
        assert rules[f"pixel_{stage}"]["high"] == height * width - 1
    assert len(figure.to_html().encode()) < 120_000


# ---- the browser's numbers -----------------------------------------------------------------------------------------


def trace(page, digit, *steps):
    """What traceNumber gives for (stage, channel, pixel)."""
    names = ["traceNumber", "runNet", "unpackNet"]
    script = """async ([source, network, net, picture, steps]) => {
      const load = (text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
      const [{ traceNumber }, { runNet, unpackNet }] = [await load(source), await load(network)];
      const unpacked = unpackNet(net);
      const maps = runNet(unpacked, picture);
      return steps.map((step) => {
        const { window: { row, column }, parts, bias, value } = traceNumber(unpacked, maps, ...step);
        return { row, column, parts: [...parts], bias, value };
      });
    }"""
    image = photos.place_on_canvas(load_samples()[digit, :1], 54)[0]
    network = join_modules(f'import {{ {", ".join(names[1:])} }} from "./network.js";\n')
    return page.evaluate(script, [str(NetworkWalk._esm), network, digit_nets.packed("convnet"), packed(image), steps])


def test_traced_numbers_windows_and_parts_are_those_of_keras(blank):
    rng = np.random.default_rng(0)
    for digit in (3, 5):
        score = np.log(outputs(digit)["classifier"])
        scores = trace(blank, digit, *[(4, answer, 0) for answer in range(10)])
        for answer, traced in enumerate(scores):
            np.testing.assert_allclose(traced["parts"], class_parts(digit, answer), rtol=1e-4, atol=1e-5)
        values = np.array([traced["value"] for traced in scores])
        np.testing.assert_allclose(values - values[0], score - score[0], atol=1e-3)
        for stage in STAGES:
            pool = outputs(digit)[f"pool_{stage}"]
            places = [[int(rng.integers(side)) for side in pool.shape] for _ in range(20)]
            steps = [(stage, channel, row * pool.shape[1] + column) for row, column, channel in places]
            for (row, column, channel), traced in zip(places, trace(blank, digit, *steps), strict=True):
                corner, _ = window(digit, stage, channel, row, column)
                assert (traced["row"], traced["column"]) == corner or pool[row, column, channel] == 0
                np.testing.assert_allclose(traced["value"], pool[row, column, channel], rtol=1e-4, atol=1e-4)
                if pool[row, column, channel] > 0:
                    parts = kernel_parts(digit, stage, channel, row, column)
                    np.testing.assert_allclose(traced["parts"], parts, rtol=1e-3, atol=1e-4)
                    np.testing.assert_allclose(sum(traced["parts"]) + traced["bias"], traced["value"], atol=1e-4)


def test_the_maps_that_give_most_are_shown_those_for_it_first_and_the_one_followed(blank):
    parts = [0.1, -5, 3, 0.2, -0.3, 4, 1, -1, 0.05, 2, 0.15]
    first, second = call(NetworkWalk, blank, "mostOf", [[parts, 5], [parts, 8]])
    assert first == [5, 2, 9, 6, 3, 4, 7, 1]
    assert second == [5, 2, 9, 6, 8, 4, 7, 1]


@pytest.mark.parametrize("digit", [3, 5])
def test_it_opens_with_the_way_from_the_best_answer_to_the_picture(show, digit):
    page = show(NetworkWalk(digit))
    probabilities = outputs(digit)["classifier"]
    shown = [int(text.split()[1]) for text in texts(page, ".cb-answers button")]
    np.testing.assert_allclose(shown, 100 * probabilities, atol=0.51)
    answer = probabilities.argmax()
    assert page.locator(".cb-answers [aria-checked=true] b").inner_text() == str(answer)
    way = expected_way(digit, answer)
    assert walked(page) == [step[:4] for step in way]
    for stage, (channel, row, column, value) in notes(page).items():
        assert value == pytest.approx(outputs(digit)[f"pool_{stage}"][row, column, channel], abs=0.006)
        pool = outputs(digit)[f"pool_{stage}"]
        expected = diverging_colors(pool[..., channel], pool.max())
        np.testing.assert_allclose(pixels_of(page.locator(GRID.format(stage - 1))), expected, atol=1)
        kernel = weights(f"conv_{stage}")[0][..., notes(page)[stage - 1][0] if stage > 1 else 0, channel]
        expected = diverging_colors(kernel, np.abs(kernel).max())
        np.testing.assert_allclose(pixels_of(page.locator(".cb-kernel canvas").nth(stage - 1)), expected, atol=1)
    said = page.locator(".cb-said").inner_text()
    assert said.startswith(f"The network says {answer}. Back from {answer} ({shown[answer]} %): ")
    assert [number(part.split()[-1]) for part in said.rstrip(".").split(": ")[1].split(" ← ")[:3]] == [
        pytest.approx(step[4], abs=0.006) for step in way
    ]
    image = photos.place_on_canvas(load_samples()[digit, :1], 54)[0]
    np.testing.assert_array_equal(pixels_of(page.locator(".cb-view")), np.broadcast_to(image, (54, 54, 3)))
    assert page.locator(".cb-links path").get_attribute("d").count("M") == 8


def test_tiles_show_what_each_map_gives(show):
    page = show(NetworkWalk(4))
    way = expected_way(4, 4)
    given = [class_parts(4, 4), *(kernel_parts(4, *step[:4]) for step in way[:2])]
    for stage, parts in zip((3, 2, 1), given, strict=True):
        tiles = page.locator(".cb-tiles").nth(stage - 1).locator("button")
        names = [tile.get_attribute("aria-label") for tile in tiles.all()]
        channels = [int(name.split()[1].rstrip(":")) for name in names]
        assert sorted(channels) == sorted(np.argsort(-np.abs(parts))[:8])
        shown = [number(name.split()[2].lstrip("+")) for name in names]
        np.testing.assert_allclose(shown, parts[channels], atol=0.051)
        assert shown == sorted(shown, reverse=True)
        pool = outputs(4)[f"pool_{stage}"]
        expected = diverging_colors(pool[..., channels[1]], pool.max())
        np.testing.assert_allclose(pixels_of(tiles.nth(1).locator("canvas")), expected, atol=1)


# ---- what a reader does --------------------------------------------------------------------------------------------


def test_a_click_goes_on_from_there_and_what_lies_before_stays(show):
    page = show(NetworkWalk(3))
    page.locator(".cb-answers button").nth(8).click()
    page.locator(".cb-said", has_text="Back from 8").wait_for()
    assert walked(page) == [step[:4] for step in expected_way(3, 8)]
    opening = walked(page)
    page.locator(".cb-tiles").nth(1).locator("button").nth(2).click()
    page.wait_for_function(f"!document.querySelectorAll('.cb-note')[2].textContent.startsWith('map {opening[1][1]} ')")
    changed = walked(page)
    assert changed[0] == opening[0]
    page.mouse.click(*centre_of(page.locator(GRID.format(1)), 4, 6))
    page.locator(".cb-note", has_text="pixel (4, 6)").wait_for()
    assert walked(page)[1] == (2, changed[1][1], 4, 6)
    parts = kernel_parts(3, *walked(page)[1])
    assert walked(page)[2][1] == parts.argmax()
    page.get_by_role("radio", name="7", exact=True).first.click()
    page.locator(".cb-said", has_text="Back from 7").wait_for()
    assert walked(page) == [step[:4] for step in expected_way(7, 7)]


def test_a_drawn_digit_is_answered_as_keras_answers_it_and_clear_brings_the_given_one_back(show):
    page = show(NetworkWalk(3), has_touch=True)
    box = page.locator(".cb-drawing").bounding_box()
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in ((0.5, 0.1), (0.45, 0.9))]
    swipe(page, *places)
    page.locator(".cb-digits:not(:has([aria-checked=true]))").wait_for()
    image = pixels_of(page.locator(".cb-view"))[..., :1]
    assert 40 < image.sum() / 255 < 130
    assert image[17:37, 17:37].sum() == image.sum()
    probabilities = np.asarray(net()(image[np.newaxis].astype("float32")))[0]
    shown = [int(text.split()[1]) for text in texts(page, ".cb-answers button")]
    np.testing.assert_allclose(shown, 100 * probabilities, atol=0.51)
    assert page.locator(".cb-said").inner_text().startswith(f"The network says {probabilities.argmax()}.")
    page.get_by_role("button", name="Clear").click()
    page.locator(".cb-said", has_text="The network says 3.").wait_for()
    assert walked(page) == [step[:4] for step in expected_way(3, 3)]
