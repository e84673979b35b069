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
MOVED = {"act": "a moved picture"}
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
    """Assert that the bars, the sentence below them and the numbers behind them are those of the oracle."""
    _, (unmoved, moved), changes = before_and_after(image, **settings)
    shares = [number(text.removesuffix(" %")) / 100 for text in texts(page, ".cb-share")]
    assert shares == pytest.approx(list(changes.values()), rel=0.01, abs=0.0001)
    fills = page.locator(".cb-fill").evaluate_all(
        "(all) => all.map((e) => e.offsetWidth / e.parentElement.offsetWidth)"
    )
    assert fills == pytest.approx([min(1, share) for share in shares], abs=0.02)
    least = min(changes, key=changes.get)
    assert re.search(rf"{least} changes least: by [\d.]+ % of its mean\.$", verdict(page), re.IGNORECASE)
    marked = page.locator(".cb-change").evaluate_all("(all) => all.map((e) => e.classList.contains('cb-least'))")
    assert marked == [method == least for method in METHODS]
    open_details(page)
    settings = {name: value for name, value in settings.items() if name not in ("down", "right")}
    wins = count_least(image, **settings)
    for method, line in zip(METHODS, texts(page, ".cb-numbers p"), strict=False):
        difference, mean = np.abs(moved[method] - unmoved[method]), unmoved[method].mean()
        amount, shown_mean, _, changed, size, _, _, won = numbers(line)
        assert (amount, shown_mean) == pytest.approx((difference.mean(), mean), abs=0.006)
        assert (changed, size, won) == (np.count_nonzero(difference > 1e-9), difference.size, wins[method])


def open_details(page):
    """Open what stands behind the summary; it is drawn in the frame that follows."""
    if not page.locator(".cb-numbers").is_visible():
        page.locator("summary").click()
    page.locator(".cb-numbers p").first.wait_for()


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
        ({"act": "two"}, "give 'one window' or 'a moved picture'"),
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


# ---- act one: what a reader sees and does ----------------------------------------------------------------------------


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["kernel"])
def test_one_windows_numbers_their_largest_and_their_mean_are_those_of_the_oracle(show, settings):
    maps, (pooled, _), _ = before_and_after(GREY, **settings)
    page = show(Pooling(GREY, **settings))
    size, (top, left) = settings["pool_size"], (settings[name] * settings["strides"] for name in ("row", "column"))
    patch = maps[0][top : top + size, left : left + size]
    np.testing.assert_allclose(tables(page)["numbers in the window"], patch, atol=0.51)
    ring = page.locator(".cb-cell").evaluate_all(
        "(cells) => cells.map((cell) => cell.classList.contains('cb-largest'))"
    )
    assert np.flatnonzero(ring).tolist() == [patch.argmax()]
    expected = [pooled[method][settings["row"], settings["column"]] for method in METHODS[:2]]
    assert [number(text) for text in texts(page, ".cb-output .cb-note")] == pytest.approx(expected, abs=0.006)
    assert numbers(verdict(page)) == pytest.approx([*patch.ravel(), *expected], abs=0.006)
    page.get_by_role("button", name="Show all").click()
    pixel_grid(page, "output").and_(page.locator("[aria-label$='complete']")).wait_for()
    for n, method in enumerate(METHODS[:2]):
        colors = diverging_colors(pooled[method], maps[0].max())
        np.testing.assert_array_equal(pixels_of(pixel_grid(page, "output", n)), colors)
    np.testing.assert_array_equal(pixels_of(pixel_grid(page, "map")), diverging_colors(maps[0], maps[0].max()))


def test_pooled_maps_are_faint_where_the_window_has_not_been(show):
    page = show(Pooling(GREY, "blur"))
    maps, (pooled, _), _ = before_and_after(GREY, "blur")
    strength = np.where(np.arange(pooled["max pooling"].size).reshape(pooled["max pooling"].shape) < 2, 1, 0.3)
    page.get_by_role("button", name="Step").click()
    pixel_grid(page, "output").and_(page.locator("[aria-label*=', 2 of 40 windows']")).wait_for()
    expected = diverging_colors(strength * pooled["max pooling"], maps[0].max())
    np.testing.assert_array_equal(pixels_of(pixel_grid(page, "output")), expected)


def test_a_pool_that_does_not_fit_is_explained_and_not_drawn(show):
    page = show(Pooling(SMALL))
    page.locator("summary").click()
    page.get_by_role("combobox", name="Pool size").select_option("3")
    reason = (
        "No window fits: 3 × 3 is larger than the response map of 2 × 5. Choose pool size 2, or enlarge the picture."
    )
    wait_for_speech(page, reason)
    assert verdict(page) == reason
    assert page.locator(".cb-figure canvas:visible").count() == 0
    page.get_by_role("button", name="Move the picture", exact=True).click()
    page.locator(".cb-change").first.wait_for()
    assert page.locator(".cb-change canvas:visible").count() == 1  # the strided read's
    assert texts(page, ".cb-change .cb-hint") == ["No window fits."] * 2 + ["every 2nd number"]
    assert verdict(show(Pooling(SMALL[:3]))).endswith("response map of 1 × 5. Enlarge the picture.")


# ---- act two ---------------------------------------------------------------------------------------------------------


def test_a_moved_edge_gives_the_changes_computed_by_hand(show):
    page = show(Pooling(EDGE, "vertical edges", right=1, **MOVED))
    assert texts(page, ".cb-share") == ["50 %", "100 %", "0 %"]
    assert verdict(page) == "Picture moved 1 right. Strided read changes least: by 0 % of its mean."


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["kernel"])
def test_bars_and_numbers_are_those_of_the_oracle(show, settings):
    page = show(Pooling(GREY, **settings, **MOVED))
    assert_compares(page, GREY, **{name: settings[name] for name in settings if name not in ("row", "column")})


def test_each_changed_number_is_painted_by_how_far_it_rose_or_fell(show):
    _, (unmoved, moved), _ = before_and_after(GREY, "sharpen", down=1)
    page = show(Pooling(GREY, "sharpen", down=1, **MOVED))
    for n, method in enumerate(METHODS):
        grid = pixel_grid(page, "change", n)
        colors = diverging_colors(moved[method] - unmoved[method], 3 * unmoved[method].mean())
        np.testing.assert_array_equal(pixels_of(grid), colors)
    np.testing.assert_array_equal(pixels_of(pixel_grid(page, "input"))[..., 0], move(GREY, 1, 0))


def test_an_unmoved_picture_and_an_empty_map_are_told_as_such(show):
    page = show(Pooling(GREY, **MOVED))
    assert verdict(page) == "The picture has not moved: nothing has changed yet."
    assert texts(page, ".cb-share") == ["0 %"] * 3
    assert page.locator(".cb-least").count() == 0
    flat = Pooling(np.full((6, 9), 90, "uint8"), "outline", right=1, **MOVED)
    assert verdict(show(flat)).startswith("All values are 0, before and after")


def test_something_out_of_nothing_has_no_share(show):
    image = np.array([[5, 9, 5, 5, 5]] * 5, dtype="uint8")
    page = show(Pooling(image, "vertical edges", right=1, pool_size=3, strides=3, **MOVED))
    assert texts(page, ".cb-share")[2] == "no share"
    open_details(page)
    assert "Not divided by the mean, average pooling changes least." in texts(page, ".cb-numbers p")[-1]


def test_chosen_kernel_pool_size_and_stride_show_their_numbers(show):
    page = show(Pooling(GREY, right=1, **MOVED))
    open_details(page)
    for label, value in (("Kernel", "outline"), ("Pool size", "3"), ("Stride", "1")):
        page.get_by_role("combobox", name=label).select_option(value)
    page.locator(".cb-change .cb-hint", has_text="every number").wait_for()
    assert_compares(page, GREY, kernel="outline", pool_size=3, strides=1, right=1)


def test_result_and_window_are_spoken_once_the_reader_rests(show):
    page = show(Pooling(GREY, row=4, column=5))
    pixel_grid(page, "map").focus()
    page.keyboard.press("ArrowRight")
    _, (pooled, _), _ = before_and_after(GREY)
    wait_for_speech(page, "max pooling keeps the largest")
    expected = [pooled[method][4, 6] for method in METHODS[:2]]
    assert numbers(spoken(page))[-2:] == pytest.approx(expected, abs=0.006)
    page.get_by_role("button", name="Move the picture", exact=True).click()
    page.get_by_role("button", name="Move picture right").click()
    wait_for_speech(page, "Picture moved 1 right. ")
    label = pixel_grid(page, "input").get_attribute("aria-label")
    assert label == "Picture of 13 rows and 18 columns, moved 1 right; arrow keys move the picture"
    assert_compares(page, GREY, right=1)
    assert verdict(page) == spoken(page)


def test_play_stops_when_the_reader_turns_to_the_other_act(show):
    page = show(Pooling(GREY))
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_role("button", name="Move the picture", exact=True).click()
    page.get_by_role("button", name="One window").click()
    page.get_by_role("button", name="Play").wait_for()
