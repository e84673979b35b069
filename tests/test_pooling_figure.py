"""The pooling figure: its numbers against the library and Keras, and what a reader sees and does in a browser."""

import functools
import re

import figure_pages
import numpy as np
import pytest
from figure_pages import (
    assert_refused,
    diverging_colors,
    number,
    numbers,
    packed,
    pixels_of,
    spoken,
    tables,
    texts,
    wait_for_speech,
)

from convbook.figures import KERNELS, Pooling
from convbook.operations import average_pool2d, convolve2d, max_pool2d

RNG = np.random.default_rng(11)
GREY = RNG.integers(0, 256, (13, 18), dtype="uint8")
EDGE = np.array([[0, 0, 0, 9, 9, 9, 9]] * 4, dtype="uint8")  # dark on the left, light on the right, 4 × 7
SMALL = RNG.integers(0, 256, (4, 7), dtype="uint8")  # its response map, 2 × 5, has no room for a pool of 3

METHODS = ("max pooling", "average pooling", "strided read")
MOVES = [(down, right) for down in range(-2, 3) for right in range(-2, 3)]

# Settings that differ in every part: odd sizes, overlapping windows, gaps between windows, all directions.
SETTINGS = [
    {"kernel": "vertical edges", "pool_size": 2, "strides": 2, "right": 1, "row": 4, "column": 6},
    {"kernel": "sharpen", "pool_size": 3, "strides": 1, "down": -2, "right": -1, "row": 3, "column": 13},
    {"kernel": "blur", "pool_size": 2, "strides": 3, "down": 1, "row": 2, "column": 1},
]

# ---- the oracle: the same in NumPy and the library's operations ----------------------------------------------------


def move(image, down, right):
    """The picture moved in its frame, its border repeated."""
    height, width = image.shape
    wide = np.pad(image, 2, mode="edge")
    return wide[2 - down : 2 - down + height, 2 - right : 2 - right + width]


def respond(image, kernel):
    """The kernel's response map with ReLU."""
    weights = KERNELS[kernel][..., np.newaxis, np.newaxis]
    return np.maximum(convolve2d(image[..., np.newaxis].astype(float), weights)[..., 0], 0)


def before_and_after(image, kernel="vertical edges", pool_size=2, strides=2, down=0, right=0, **window):
    """The response maps and the outputs before and after the move, and the share of each output that has changed."""
    maps = [respond(image, kernel), respond(move(image, down, right), kernel)]
    outputs = []
    for response in maps:
        pooled = [pool(response[..., np.newaxis], pool_size, strides)[..., 0] for pool in (max_pool2d, average_pool2d)]
        outputs.append(dict(zip(METHODS, [*pooled, response[::strides, ::strides]], strict=True)))
    differences = {method: np.abs(outputs[1][method] - outputs[0][method]).mean() for method in METHODS}
    return maps, outputs, {method: differences[method] / outputs[0][method].mean() for method in METHODS}


def count_least(image, **settings):
    """{method: in how many of the 24 moves it changes least}; a tie counts for each."""
    counts = dict.fromkeys(METHODS, 0)
    for down, right in MOVES:
        changes = before_and_after(image, **{**settings, "down": down, "right": right})[2]
        for method in METHODS if (down, right) != (0, 0) else ():
            counts[method] += changes[method] <= min(changes.values()) + 1e-9
    return counts


def weights_of(kernel):
    return KERNELS[kernel][..., np.newaxis].tolist()


call = functools.partial(figure_pages.call, Pooling)


def verdict(page):
    return page.locator(".cb-verdict").inner_text()


def assert_compares(page, image, **settings):
    """Assert that the shares, the verdict's numbers and what it names are those of the oracle."""
    _, _, changes = before_and_after(image, **settings)
    shares = [number(text.removesuffix(" %")) / 100 for text in texts(page, ".cb-share")]
    assert shares == pytest.approx(list(changes.values()), rel=0.01, abs=0.0001)
    least = min(changes, key=changes.get)
    assert re.match(rf"{least} changes least here: [\d.]+ % of its mean\.", verdict(page), re.IGNORECASE)
    settings = {name: value for name, value in settings.items() if name not in ("down", "right")}
    counts = numbers(verdict(page).split("least:")[1])
    assert counts == list(count_least(image, **settings).values())


def pixel_grid(page, name, nth=0):
    return page.locator(f".cb-{name} .cb-pixels").nth(nth)


# ---- Python's side -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"image": np.zeros((2, 9, 9, 1), "uint8")}, r"images\[0\]"),
        ({"image": np.zeros((9, 9, 3), "uint8")}, r"mean\(axis=2\)"),
        ({"image": np.zeros((2, 9), "uint8")}, "3 to 32"),
        ({"image": np.zeros((9, 33), "uint8")}, r"image\[::2, ::2\]"),
        ({"kernel": "vertical edge"}, "vertical edges"),
        ({"kernel": np.ones((3, 3))}, "give 'identity', 'blur'"),
        ({"pool_size": 4}, "2 or 3"),
        ({"strides": 0}, "1, 2 or 3"),
        ({"down": 3}, "−2 to 2"),
        ({"right": -3}, "−2 to 2"),
        ({"row": 5}, "give 0 to 4"),
        ({"column": -1}, "give 0 to 7"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    assert_refused(lambda **given: Pooling(**{"image": GREY, **given}), changes, remedy)


# ---- the mathematics in the browser --------------------------------------------------------------------------------


@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("pool_size", [2, 3])
def test_outputs_are_those_of_keras_and_the_strided_read_is_a_strided_convolution(blank, pool_size, strides):
    from keras import ops

    kernel = KERNELS["outline"][..., np.newaxis, np.newaxis].astype("float32")
    for picture in (move(GREY, 1, -2), GREY[:11, :8], GREY[:5, :9]):
        image = picture[np.newaxis, ..., np.newaxis].astype("float32")
        maps = ops.relu(ops.conv(image, kernel))
        expected = {
            "maxPool": ops.max_pool(maps, pool_size, strides),
            "averagePool": ops.average_pool(maps, pool_size, strides),
            "readEvery": ops.relu(ops.conv(image, kernel, strides=strides)),
        }
        response = packed(np.asarray(maps)[0, ..., 0])
        for name, output in expected.items():
            sizes = [strides] if name == "readEvery" else [pool_size, strides]
            (answer,) = call(blank, name, [[response, *sizes]])
            np.testing.assert_allclose(answer, np.ravel(output), rtol=1e-5)


def test_a_picture_moves_with_its_border_and_every_kernel_responds(blank):
    answers = call(blank, "movePicture", [[packed(GREY), *by] for by in MOVES])
    for by, answer in zip(MOVES, answers, strict=True):
        np.testing.assert_array_equal(answer, move(GREY, *by).ravel())
    for name in KERNELS:
        (answer,) = call(blank, "respond", [[packed(GREY), weights_of(name)]])
        np.testing.assert_allclose(answer, respond(GREY, name).ravel(), rtol=1e-12, atol=1e-10)


def test_a_tie_counts_for_each(blank):
    flat = np.full((5, 6), 7, "uint8")
    assert call(blank, "countLeast", [[packed(flat), weights_of("blur"), 2, 2]]) == [[24, 24, 24]]


def test_a_dots_area_shows_the_change_and_a_small_one_stays_visible(blank):
    radii = call(blank, "dotRadius", [(0, 9), (9, 9), (-9 / 4, 9), (0.01, 9), (30, 9)])
    assert radii == pytest.approx([0, 0.4, 0.2, 0.08, 0.4])


# ---- what a reader sees and does -------------------------------------------------------------------------------------


def test_a_moved_edge_gives_the_outputs_computed_by_hand(show):
    page = show(Pooling(EDGE, "vertical edges", right=1))
    maps = tables(page)
    assert maps["window before the move"].tolist() == [[0, 36]] * 2
    assert maps["window after the move"].tolist() == [[0, 0]] * 2
    assert texts(page, ".cb-survivors td") == ["", *("36", "0"), *("18", "0"), *("0", "0")]
    assert texts(page, ".cb-share") == ["50 %", "100 %", "0 %"]
    assert verdict(page).startswith("Strided read changes least here: 0 % of its mean.")


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["kernel"])
def test_numbers_shown_and_where_the_largest_came_from_are_those_of_the_oracle(show, settings):
    maps, (unmoved, moved), changes = before_and_after(GREY, **settings)
    page = show(Pooling(GREY, **settings))
    assert_compares(page, GREY, **{name: settings[name] for name in settings if name not in ("row", "column")})
    assert texts(page, ".cb-output .cb-note") == [f"{o.shape[0]} × {o.shape[1]}" for o in moved.values()]
    window = settings["row"], settings["column"]
    for n, method in enumerate(METHODS):
        amount, mean = np.abs(moved[method] - unmoved[method]).mean(), unmoved[method].mean()
        assert numbers(texts(page, ".cb-output .cb-hint")[n]) == pytest.approx([amount, mean], abs=0.006)
        survivors = texts(page, ".cb-survivors tbody td")[2 * n : 2 * n + 2]
        expected = [unmoved[method][window], moved[method][window]]
        assert [number(text) for text in survivors] == pytest.approx(expected, abs=0.006)
    least = [n for n in range(3) if "cb-least" in page.locator(".cb-output").nth(n).get_attribute("class")]
    assert least == [int(np.argmin(list(changes.values())))]
    size, top, left = (settings["pool_size"], *(settings[name] * settings["strides"] for name in ("row", "column")))
    largest = page.locator(".cb-grid").evaluate_all(
        "(grids) => grids.map((grid) => [...grid.querySelectorAll('.cb-cell')].map((cell) => cell.className))"
    )
    told = page.locator(".cb-patch .cb-work > .cb-hint").inner_text()
    for name, response, classes in zip(("before", "after"), maps, largest, strict=True):
        patch = response[top : top + size, left : left + size]
        np.testing.assert_allclose(tables(page)[f"window {name} the move"], patch, atol=0.51)
        assert [n for n, classed in enumerate(classes) if "cb-largest" in classed] == [patch.argmax()]
        row, column = np.unravel_index(patch.argmax(), patch.shape)
        assert f"map[{top + row}, {left + column}]" in told
    assert f"map[{top}:{top + size}, {left}:{left + size}]" in texts(page, ".cb-patch .cb-note")


def test_outputs_are_painted_in_the_colours_of_their_numbers_and_changes_get_dots(show):
    maps, (unmoved, moved), _ = before_and_after(GREY, "sharpen", down=1)
    page = show(Pooling(GREY, "sharpen", down=1))
    read = "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
    for n, (method, output) in enumerate(moved.items()):
        rows, columns = output.shape
        grid = pixel_grid(page, "output", n)
        np.testing.assert_array_equal(pixels_of(grid), diverging_colors(output, np.max(maps)))
        dots = np.reshape(grid.locator(".cb-marks").evaluate(read), (rows, 16, columns, 16, 4))
        changed = np.abs(output - unmoved[method]) > 1e-9
        np.testing.assert_array_equal(dots[:, 8, :, 8, 3] > 0, changed)
        assert f"{changed.sum()} of {changed.size} values changed" in grid.get_attribute("aria-label")
    np.testing.assert_array_equal(pixels_of(pixel_grid(page, "input"))[..., 0], move(GREY, 1, 0))


def test_an_unmoved_picture_and_an_empty_map_are_told_as_such(show):
    page = show(Pooling(GREY))
    assert verdict(page) == "The picture has not moved: nothing has changed yet."
    assert texts(page, ".cb-share") == ["0 %"] * 3
    assert page.locator(".cb-least").count() == 0
    flat = Pooling(np.full((6, 9), 90, "uint8"), "outline", right=1)
    assert verdict(show(flat)).startswith("All values are 0, before and after")


def test_something_out_of_nothing_has_no_share(show):
    image = np.array([[5, 9, 5, 5, 5]] * 5, dtype="uint8")
    page = show(Pooling(image, "vertical edges", right=1, pool_size=3, strides=3))
    assert texts(page, ".cb-share")[2] == "no share"
    assert "no share of its mean. Not divided by the mean, average pooling changes least." in verdict(page)


def test_a_stride_larger_than_the_map_gives_one_output(show):
    assert texts(show(Pooling(SMALL[:, :4], strides=3)), ".cb-output .cb-note") == ["1 × 1"] * 3


def test_chosen_kernel_pool_size_and_stride_show_their_numbers(show):
    page = show(Pooling(GREY, right=1))
    for label, value in (("Kernel", "outline"), ("Pool size", "3"), ("Stride", "1")):
        page.get_by_role("combobox", name=label).select_option(value)
    page.locator(".cb-output .cb-note").get_by_text("9 × 14").first.wait_for()
    assert_compares(page, GREY, kernel="outline", pool_size=3, strides=1, right=1)


def test_a_pool_that_does_not_fit_is_explained_and_not_drawn(show):
    page = show(Pooling(SMALL, right=1))
    assert page.locator(".cb-output canvas:visible").count() == 6
    page.get_by_role("combobox", name="Pool size").select_option("3")
    wait_for_speech(page, "Change: strided read")
    reason = "No window fits: 3 × 3 is larger than the response map of 2 × 5."
    assert verdict(page) == f"{reason} Choose pool size 2, or enlarge the picture."
    assert page.locator(".cb-output canvas:visible").count() == 2  # the strided read and its dots
    assert not page.locator(".cb-patch").is_visible()
    assert page.locator(".cb-window:visible").count() == 1  # the picture's own frame
    page.get_by_role("combobox", name="Pool size").select_option("2")
    page.locator(".cb-patch").wait_for()
    assert_compares(page, SMALL, right=1)
    assert verdict(show(Pooling(SMALL[:3]))).endswith("response map of 1 × 5. Enlarge the picture.")


def test_result_and_window_are_spoken_once_the_reader_rests(show):
    page = show(Pooling(GREY, row=4, column=5))
    page.get_by_role("button", name="Move picture right").click()
    wait_for_speech(page, "picture moved 1 right. Change: max pooling")
    label = pixel_grid(page, "input").get_attribute("aria-label")
    assert label == "Picture of 13 rows and 18 columns, moved 1 right; arrow keys move the picture"
    assert_compares(page, GREY, right=1)
    assert verdict(page) in spoken(page)
    pixel_grid(page, "output").focus()
    page.keyboard.press("ArrowRight")
    wait_for_speech(page, "Window at row 4, column 6:")
    _, (_, moved), _ = before_and_after(GREY, right=1)
    assert numbers(spoken(page)) == pytest.approx([4, 6, *(output[4, 6] for output in moved.values())], abs=0.006)
