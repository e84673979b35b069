"""The pooling figure: its numbers against the library and Keras, and what a reader sees and does in a browser."""

import re

import numpy as np
import pytest
import test_figures
import traitlets
from axe_playwright_python.sync_playwright import Axe
from test_figures import number, tables
from visits import PHONE, WIDE

from convbook.figures import KERNELS, Convolution, Pooling, still
from convbook.figures.pooling import WAYS, all_moves, dot_radius, move_picture, respond, share_of_change
from convbook.operations import average_pool2d, convolve2d, max_pool2d

show = test_figures.show  # the fixture

RNG = np.random.default_rng(11)
GREY = RNG.integers(0, 256, (13, 18), dtype="uint8")
EDGE = np.array([[0, 0, 0, 9, 9, 9, 9]] * 4, dtype="uint8")  # dark on the left, light on the right, 4 × 7
SMALL = RNG.integers(0, 256, (4, 7), dtype="uint8")  # its response map, 2 × 5, has no room for a pool of 3

# Settings that differ in every part: odd sizes, overlapping windows, gaps between windows, all directions.
SETTINGS = [
    {"kernel": "vertical edges", "pool_size": 2, "strides": 2, "right": 1, "row": 4, "column": 6},
    {"kernel": "sharpen", "pool_size": 3, "strides": 1, "down": -2, "right": -1, "row": 3, "column": 13},
    {"kernel": "blur", "pool_size": 2, "strides": 3, "down": 1, "row": 2, "column": 1},
]


def call(page, function, calls):
    """What a function that the figure's module exports gives for each list of arguments; a map as rows of numbers."""
    script = """async ([source, name, calls]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const call = (await import(url))[name];
      const mapped = (given, make) => (given?.height ? { ...given, values: make(given.values) } : given);
      const revive = (value) => mapped(value, (values) => Float64Array.from(values));
      const plain = (given) => mapped(given, (values) => [...values]);
      return calls.map((values) => plain(call(...values.map(revive))));
    }"""
    answers = page.evaluate(script, [str(Pooling._esm), function, calls])
    return [_as_rows(answer) if isinstance(answer, dict) and "values" in answer else answer for answer in answers]


def _as_rows(answer):
    return np.reshape(answer["values"], (answer["height"], answer["width"]))


def packed(array):
    height, width = array.shape
    return {"height": height, "width": width, "channels": 1, "values": array.ravel().tolist()}


def texts(page, selector):
    return page.locator(selector).all_inner_texts()


def verdict(page):
    return page.locator(".cb-verdict").inner_text()


def wait_for_move(page, words):
    page.locator(".cb-input .cb-note").get_by_text(words).wait_for()


def wait_for_window(page, rows, columns):
    page.get_by_text(f"map[{rows}, {columns}]", exact=True).wait_for()


def pixel_grid(page, name, nth=0):
    return page.locator(f".cb-{name} .cb-pixels").nth(nth)


def centre_of(page, grid, row, column):
    """Where on the screen a pixel of a pixel grid has its centre."""
    height, width = grid.evaluate("(grid) => [grid.querySelector('canvas').height, grid.querySelector('canvas').width]")
    box = grid.bounding_box()
    return box["x"] + (column + 0.5) * box["width"] / width, box["y"] + (row + 0.5) * box["height"] / height


# ---- Python's side -------------------------------------------------------------------------------------------------


def test_a_moved_edge_gives_the_outputs_computed_by_hand():
    figure = Pooling(EDGE, "vertical edges", right=1)
    assert figure.unmoved_response_map.tolist() == [[0, 36, 36, 0, 0]] * 2
    assert figure.response_map.tolist() == [[0, 0, 36, 36, 0]] * 2
    unmoved = {way: output.tolist() for way, output in figure.unmoved_outputs.items()}
    assert unmoved == dict(zip(WAYS, ([[36, 36]], [[18, 18]], [[0, 36, 0]]), strict=True))
    assert [output.tolist() for output in figure.outputs.values()] == [[[0, 36]], [[0, 36]], [[0, 36, 0]]]
    assert figure.changes == dict(zip(WAYS, (0.5, 1.0, 0.0), strict=True))


def test_the_figure_can_say_that_the_strided_read_changes_least():
    assert Pooling(EDGE, right=1).verdict().startswith("Strided read changes least here: 0 % of its mean.")


@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("pool_size", [2, 3])
def test_outputs_are_those_of_keras_and_the_strided_read_is_a_strided_convolution(pool_size, strides):
    from keras import ops

    figure = Pooling(GREY, "outline", pool_size=pool_size, strides=strides, down=1, right=-2)
    image = move_picture(GREY[..., np.newaxis], 1, -2)[np.newaxis].astype("float32")
    kernel = KERNELS["outline"][..., np.newaxis, np.newaxis].astype("float32")
    maps = ops.relu(ops.conv(image, kernel))
    expected = (
        ops.max_pool(maps, pool_size, strides),
        ops.average_pool(maps, pool_size, strides),
        ops.relu(ops.conv(image, kernel, strides=strides)),
    )
    for way, output in zip(WAYS, expected, strict=True):
        np.testing.assert_allclose(figure.outputs[way], np.asarray(output)[0, ..., 0], rtol=1e-5)


@pytest.mark.parametrize(("down", "right"), [(1, 0), (-2, 1), (0, -1), (2, 2)])
def test_a_moved_picture_goes_on_with_its_border(down, right):
    wide = np.pad(GREY, 2, mode="edge")
    expected = wide[2 - down : 15 - down, 2 - right : 20 - right]
    np.testing.assert_array_equal(move_picture(GREY[..., np.newaxis], down, right)[..., 0], expected)


def test_change_is_a_share_of_what_was_there():
    assert share_of_change(np.array([[8.0, 0, 4]]), np.array([[5.0, 3, 4]])) == 0.5
    assert share_of_change(np.zeros((2, 3)), np.zeros((2, 3))) == 0
    assert share_of_change(np.zeros((2, 3)), np.ones((2, 3))) == np.inf


def test_all_moves_are_counted_and_a_tie_counts_for_each():
    figure = Pooling(SMALL, "sharpen")
    wins = dict.fromkeys(WAYS, 0)
    for down, right in all_moves():
        changes = Pooling(SMALL, "sharpen", down=down, right=right).changes
        for way in WAYS:
            wins[way] += changes[way] == min(changes.values())
    assert figure.count_least() == wins
    assert Pooling(np.full((5, 6), 7, "uint8"), "blur").count_least() == dict.fromkeys(WAYS, 24)


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"image": np.zeros((2, 9, 9, 1), "uint8")}, r"images\[0\]"),
        ({"image": np.zeros((9, 9, 3), "uint8")}, r"mean\(axis=2\)"),
        ({"image": np.zeros((2, 9), "uint8")}, "3 to 32"),
        ({"image": np.zeros((9, 33), "uint8")}, r"image\[::2, ::2\]"),
        ({"image": np.full((9, 9), 7.0)}, "divide by 255"),
        ({"kernel": "vertical edge"}, "vertical edges"),
        ({"kernel": np.ones((3, 3))}, "choose one of"),
        ({"pool_size": 4}, "2 or 3"),
        ({"strides": 0}, "1, 2 or 3"),
        ({"down": 3}, "−2 to 2"),
        ({"right": -3}, "−2 to 2"),
        ({"row": 5}, "give 0 to 4"),
        ({"column": -1}, "give 0 to 7"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    with pytest.raises(ValueError, match=remedy):
        Pooling(**{"image": GREY, **changes})
    figure = Pooling(GREY)
    before = figure.state()
    ((name, value),) = changes.items()
    with pytest.raises(traitlets.TraitError, match=remedy):
        setattr(figure, name, value)
    assert figure.state() == before


def test_smaller_picture_larger_window_and_larger_stride_keep_the_window_inside():
    figure = Pooling(GREY, strides=1, row=9, column=14)
    figure.pool_size = 3
    assert (figure.row, figure.column) == (8, 13)
    figure.strides = 3
    assert (figure.row, figure.column) == (2, 4)
    figure.image = SMALL  # no window at all
    assert (figure.row, figure.column) == (0, 0)
    assert figure.state()["_picture"]["width"] == 7


def test_message_of_the_front_end_moves_the_picture():
    figure = Pooling(GREY)
    figure.set_state({"down": 1, "right": -2, "strides": 1})
    moved = move_picture(GREY[..., np.newaxis], 1, -2)
    np.testing.assert_array_equal(figure.outputs["strided read"], respond(moved, "vertical edges"))


def test_where_no_window_fits_the_strided_read_stays_and_the_reason_is_told():
    figure = Pooling(SMALL, pool_size=3, right=1)
    assert list(figure.outputs) == ["strided read"]
    assert figure.verdict() == (
        "No window fits: 3 × 3 is larger than the response map of 2 × 5. Choose pool size 2, or enlarge the picture."
    )
    assert Pooling(SMALL[:3]).verdict().endswith("response map of 1 × 5. Enlarge the picture.")
    assert figure.verdict() in figure.describe()
    assert "no window fits" in figure.draw_still()
    assert ">before<" in Pooling(SMALL).draw_still()
    assert ">before<" not in figure.draw_still()


def test_a_stride_larger_than_the_map_gives_one_output():
    outputs = Pooling(SMALL[:, :4], strides=3).outputs
    assert [output.shape for output in outputs.values()] == [(1, 1)] * 3


def test_html_is_the_same_for_the_same_state_and_stays_small():
    first, second = (Pooling(GREY, right=1).to_html() for _ in range(2))
    assert first == second
    assert first != Pooling(GREY, right=2).to_html()
    without_pictures = re.sub(r'base64,[^"]*|"data": "[^"]*"|<circle[^>]*>', "", first)
    assert len(without_pictures.encode()) < 60_000
    assert not re.search(r"https?://|\brequire\b|<link|\bsrc=", first)


# ---- what a reader sees --------------------------------------------------------------------------------------------


def test_javascript_agrees_with_the_operations(show):
    page = show(Convolution(EDGE))
    for shape in ((6, 9), (9, 5), (2, 3), (7, 7)):
        response = RNG.uniform(size=shape)
        for pool_size in (2, 3):
            for strides in (1, 2, 3):
                if min(shape) >= pool_size:
                    pooled = [
                        call(page, name, [[packed(response), pool_size, strides]])[0]
                        for name in ("maxPool", "averagePool")
                    ]
                    maps = response[..., np.newaxis], pool_size, strides
                    np.testing.assert_array_equal(pooled[0], max_pool2d(*maps)[..., 0])
                    np.testing.assert_allclose(pooled[1], average_pool2d(*maps)[..., 0], rtol=1e-14)
                read = call(page, "readEvery", [[packed(response), strides]])[0]
                one = np.ones((1, 1, 1, 1))
                np.testing.assert_array_equal(read, convolve2d(response[..., np.newaxis], one, strides=strides)[..., 0])


def test_javascript_moves_the_picture_and_responds_as_python_does(show):
    page = show(Convolution(EDGE))
    picture, grey = packed(GREY), GREY[..., np.newaxis]
    moves = [*all_moves(), (0, 0)]
    answers = call(page, "movePicture", [[picture, down, right] for down, right in moves])
    for (down, right), answer in zip(moves, answers, strict=True):
        np.testing.assert_array_equal(answer, move_picture(grey, down, right)[..., 0])
    for name, kernel in KERNELS.items():
        answer = call(page, "respond", [[picture, kernel[..., np.newaxis].tolist()]])[0]
        np.testing.assert_allclose(answer, respond(grey, name), rtol=1e-12, atol=1e-10)


def test_javascript_measures_change_and_counts_moves_as_python_does(show):
    page = show(Convolution(EDGE))
    unmoved, moved = RNG.uniform(size=(2, 3, 4))
    answer = call(page, "changeOf", [[packed(unmoved), packed(moved)]])[0]
    difference = np.abs(moved - unmoved).mean()
    assert answer == pytest.approx(
        {"amount": difference, "mean": unmoved.mean(), "share": difference / unmoved.mean()}, rel=1e-12
    )
    assert answer["share"] == pytest.approx(share_of_change(unmoved, moved), rel=1e-12)
    for name in ("sharpen", "blur", "emboss"):
        for pool_size, strides in ((2, 2), (3, 1), (2, 3)):
            counts = call(
                page, "countLeast", [[packed(GREY), KERNELS[name][..., np.newaxis].tolist(), pool_size, strides]]
            )
            expected = Pooling(GREY, name, pool_size=pool_size, strides=strides).count_least()
            assert counts[0] == list(expected.values())
    radii = [(0, 9), (9, 9), (-4, 9), (0.01, 9), (30, 9)]
    assert call(page, "dotRadius", radii) == pytest.approx([dot_radius(*values) for values in radii])


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["kernel"])
def test_numbers_and_sentences_shown_are_those_of_python(show, settings):
    figure = Pooling(GREY, **settings)
    page = show(figure)
    assert verdict(page) == figure.verdict()
    assert texts(page, ".cb-output .cb-note") == [f"{o.shape[0]} × {o.shape[1]}" for o in figure.outputs.values()]
    for n, (way, output) in enumerate(figure.outputs.items()):
        unmoved = figure.unmoved_outputs[way]
        share = number(page.locator(".cb-share").nth(n).inner_text().removesuffix(" %")) / 100
        assert share == pytest.approx(figure.changes[way], rel=0.01, abs=0.0001)
        amount, mean = re.findall(r"[\d.]+", page.locator(".cb-output .cb-hint").nth(n).inner_text())
        assert float(amount) == pytest.approx(np.abs(output - unmoved).mean(), abs=0.006)
        assert float(mean) == pytest.approx(unmoved.mean(), abs=0.006)
        survivors = [
            number(text) for text in page.locator(".cb-survivors tbody tr").nth(n).locator("td").all_inner_texts()
        ]
        place = figure.row, figure.column
        assert survivors == pytest.approx([unmoved[place], output[place]], abs=0.006)
    least = [n for n in range(3) if "cb-least" in page.locator(".cb-output").nth(n).get_attribute("class")]
    assert least == [int(np.argmin(list(figure.changes.values())))]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["kernel"])
def test_the_window_shows_its_numbers_and_where_the_largest_came_from(show, settings):
    figure = Pooling(GREY, **settings)
    page = show(figure)
    size, top, left = figure.pool_size, figure.row * figure.strides, figure.column * figure.strides
    places = []
    for n, (label, response) in enumerate(
        (("window before the move", figure.unmoved_response_map), ("window after the move", figure.response_map))
    ):
        patch = response[top : top + size, left : left + size]
        np.testing.assert_allclose(tables(page)[label], patch, atol=0.51)
        marked = (
            page.locator(".cb-grid")
            .nth(n)
            .evaluate(
                """(grid) => [...grid.querySelectorAll(".cb-cell")].flatMap((cell, place) =>
            cell.classList.contains("cb-largest") ? [place] : [])"""
            )
        )
        assert marked == [patch.argmax()]
        row, column = np.unravel_index(patch.argmax(), patch.shape)
        places.append(f"map[{top + row}, {left + column}]")
    told = page.locator(".cb-patch .cb-work > .cb-hint").inner_text()
    assert all(place in told for place in places)
    assert f"map[{top}:{top + size}, {left}:{left + size}]" in texts(page, ".cb-patch .cb-note")


def test_outputs_are_painted_in_the_colours_of_their_numbers_and_changes_get_dots(show):
    figure = Pooling(GREY, "sharpen", down=1)
    page = show(figure)
    scale = max(figure.unmoved_response_map.max(), figure.response_map.max())
    read = """(canvas) => [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]"""
    for n, (way, output) in enumerate(figure.outputs.items()):
        rows, columns = output.shape
        grid = pixel_grid(page, "output", n)
        pixels = np.reshape(grid.locator("canvas").first.evaluate(read), (rows, columns, 4))
        np.testing.assert_array_equal(pixels[..., :3], still.diverging_colors(output, scale))
        dots = np.reshape(grid.locator(".cb-marks").evaluate(read), (rows, 16, columns, 16, 4))
        marked = dots[:, 8, :, 8, 3] > 0
        changed = np.abs(output - figure.unmoved_outputs[way]) > 1e-9
        np.testing.assert_array_equal(marked, changed)
        assert f"{changed.sum()} of {changed.size} values changed" in grid.get_attribute("aria-label")
    moved = np.reshape(pixel_grid(page, "input").locator("canvas").evaluate(read), (13, 18, 4))
    np.testing.assert_array_equal(moved[..., 0], move_picture(GREY[..., np.newaxis], 1, 0)[..., 0])


def test_an_unmoved_picture_and_an_empty_map_are_told_as_such(show):
    page = show(Pooling(GREY))
    assert verdict(page) == Pooling(GREY).verdict() == "The picture has not moved: nothing has changed yet."
    assert texts(page, ".cb-share") == ["0 %"] * 3
    assert page.locator(".cb-least").count() == 0
    flat = Pooling(np.full((6, 9), 90, "uint8"), "outline", right=1)
    assert verdict(show(flat)) == flat.verdict()
    assert flat.verdict().startswith("All values are 0")


def test_something_out_of_nothing_has_no_share(show):
    image = np.array([[5, 9, 5, 5, 5]] * 5, dtype="uint8")
    figure = Pooling(image, "vertical edges", right=1, pool_size=3, strides=3)
    assert figure.changes["strided read"] == np.inf
    page = show(figure)
    assert texts(page, ".cb-share")[2] == "no share"
    assert verdict(page) == figure.verdict()


# ---- what a reader does --------------------------------------------------------------------------------------------


def test_buttons_move_the_picture_as_far_as_it_goes_and_back(show):
    page = show(Pooling(GREY))
    for words in ("moved 1 right", "moved 2 right"):
        page.get_by_role("button", name="Move picture right").click()
        wait_for_move(page, words)
    page.get_by_role("button", name="Move picture right", disabled=True).wait_for()
    page.get_by_role("button", name="Move picture right").click(force=True)
    page.get_by_role("button", name="Move picture up").click()
    wait_for_move(page, "moved 1 up, 2 right")
    assert verdict(page) == Pooling(GREY, down=-1, right=2).verdict()
    page.get_by_role("button", name="Back").click()
    wait_for_move(page, "not moved")


def test_arrow_keys_move_the_picture(show):
    page = show(Pooling(GREY))
    pixel_grid(page, "input").focus()
    for key in ("ArrowLeft", "ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    wait_for_move(page, "moved 2 down, 1 left")
    assert verdict(page) == Pooling(GREY, down=2, right=-1).verdict()


def test_a_drag_moves_the_picture(show):
    page = show(Pooling(GREY))
    grid = pixel_grid(page, "input")
    page.mouse.move(*centre_of(page, grid, 6, 6))
    page.mouse.down()
    page.mouse.move(*centre_of(page, grid, 7, 5), steps=4)
    wait_for_move(page, "moved 1 down, 1 left")
    page.mouse.move(*centre_of(page, grid, 12, 5), steps=4)
    page.mouse.up()
    wait_for_move(page, "moved 2 down, 1 left")
    page.mouse.click(*centre_of(page, grid, 0, 17))  # where the picture no longer is: no jump
    page.wait_for_timeout(50)
    wait_for_move(page, "moved 2 down, 1 left")


def test_the_window_follows_the_pointer_and_the_arrow_keys(show):
    page = show(Pooling(GREY, pool_size=3, strides=2))
    note = page.locator(".cb-patch .cb-note")
    page.mouse.move(*centre_of(page, pixel_grid(page, "output", 1), 3, 5))
    note.get_by_text("map[6:9, 10:13]").wait_for()
    page.mouse.move(*centre_of(page, pixel_grid(page, "map"), 3, 9))
    note.get_by_text("map[2:5, 8:11]").wait_for()
    page.mouse.move(*centre_of(page, pixel_grid(page, "output", 2), 5, 7))  # no pool there: the nearest
    note.get_by_text("map[8:11, 12:15]").wait_for()
    pixel_grid(page, "output").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    note.get_by_text("map[6:9, 10:13]").wait_for()


def test_a_finger_chooses_the_window_and_the_page_still_scrolls(show):
    page = show(Pooling(GREY), Pooling(GREY), size=PHONE, has_touch=True, is_mobile=True)
    page.touchscreen.tap(*centre_of(page, pixel_grid(page, "output", 1), 3, 5))
    page.locator(".cb-patch .cb-note").first.get_by_text("map[6:8, 10:12]").wait_for()
    actions = page.locator(".cb-input .cb-window").first.evaluate("(element) => getComputedStyle(element).touchAction")
    assert actions == "pan-y"


def test_chosen_kernel_pool_size_and_stride_show_their_numbers(show):
    page = show(Pooling(GREY, right=1))
    for label, value in (("Kernel", "outline"), ("Pool size", "3"), ("Stride", "1")):
        page.get_by_role("combobox", name=label).select_option(value)
    page.locator(".cb-output .cb-note").get_by_text("9 × 14").first.wait_for()
    assert verdict(page) == Pooling(GREY, "outline", pool_size=3, strides=1, right=1).verdict()


def test_a_pool_that_does_not_fit_is_explained_and_not_drawn(show):
    figure = Pooling(SMALL, right=1)
    page = show(figure)
    assert page.locator(".cb-output canvas:visible").count() == 6
    page.get_by_role("combobox", name="Pool size").select_option("3")
    page.get_by_text("No window fits: 3 × 3").wait_for()
    assert verdict(page) == Pooling(SMALL, pool_size=3, right=1).verdict()
    assert page.locator(".cb-output canvas:visible").count() == 2  # the strided read and its dots
    assert not page.locator(".cb-patch").is_visible()
    assert page.locator(".cb-window:visible").count() == 1  # the picture's own frame
    page.get_by_role("combobox", name="Pool size").select_option("2")
    page.locator(".cb-patch").wait_for()
    assert verdict(page) == figure.verdict()


def test_every_control_is_reached_by_keyboard_with_a_visible_focus(show):
    page = show(Pooling(GREY))
    reached = []
    for _ in range(10):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", reached[-1]
    assert reached[3:8] == [*(f"Move picture {way}" for way in ("left", "up", "down", "right")), "Back"]
    assert reached[8] == "Picture of 13 rows and 18 columns, not moved; arrow keys move the picture"
    assert reached[9].startswith("Output of max pooling, 5 rows and 8 columns")


def test_result_and_window_are_spoken_once_the_reader_rests(show):
    page = show(Pooling(GREY))
    assert page.locator(".cb-spoken").get_attribute("aria-live") == "polite"
    assert test_figures.spoken(page) == ""
    page.get_by_role("button", name="Move picture right").click()
    moved = Pooling(GREY, right=1)
    page.get_by_text("picture moved 1 right. Change: max pooling").wait_for(state="attached")
    assert moved.verdict() in test_figures.spoken(page)
    pixel_grid(page, "output").focus()
    page.keyboard.press("ArrowRight")
    values = ", ".join(f"{way} {still.format_number(output[0, 1])}" for way, output in moved.outputs.items())
    page.get_by_text(f"Window at row 0, column 1: {values}.").wait_for(state="attached")


# ---- themes, print, room -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["kernel"])
def test_still_picture_says_what_the_live_figure_says(show, settings):
    figure = Pooling(GREY, **settings)
    live, printed, without_script = show(figure), show(figure), show(figure, java_script_enabled=False)
    printed.emulate_media(media="print")
    for page in (printed, without_script):
        drawing = page.locator(".convbook-still svg")
        assert drawing.is_visible()
        assert not page.locator(".convbook-live").is_visible()
        assert drawing.locator("g text").all_text_contents() == texts(live, ".cb-cell")
        written = drawing.locator("text").all_text_contents()
        assert set(texts(live, ".cb-share")) <= set(written)
        assert set(texts(live, ".cb-output .cb-hint")) <= set(written)
        assert verdict(live) in " ".join(written)
        assert verdict(live) in drawing.get_attribute("aria-label")
        dots = sum((np.abs(o - figure.unmoved_outputs[way]) > 1e-9).sum() for way, o in figure.outputs.items())
        assert drawing.locator("circle").count() == dots


@pytest.mark.parametrize(("theme", "size"), [("light", WIDE), ("dark", PHONE)], ids=["light", "dark"])
def test_axe_finds_nothing_serious(show, theme, size):
    page = show(Pooling(GREY, right=1), Pooling(SMALL, pool_size=3), theme=theme, size=size)
    assert page.locator(".convbook-figure").first.get_attribute("data-theme") == theme
    violations = Axe().run(page).response["violations"]
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []


def test_nothing_is_wider_than_the_page_and_the_numbers_stay_on_a_phones_screen(show):
    page = show(Pooling(GREY, **SETTINGS[1]), Pooling(SMALL, "blur", right=-2, down=2), Pooling(GREY.T[:, :3], right=1))
    for width in (340, 390, 700, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        cells = "[...document.querySelectorAll('.cb-cell')]"
        assert page.evaluate(f"{cells}.filter((cell) => cell.scrollWidth > cell.clientWidth + 1).length") == 0
    page.set_viewport_size(PHONE)
    top = page.locator(".cb-bar").first.bounding_box()["y"]
    share = page.locator(".cb-share").nth(2).bounding_box()
    assert share["y"] + share["height"] - top < PHONE["height"] - 100


def test_two_poolings_and_a_convolution_share_a_page(show):
    page = show(Pooling(GREY), Convolution(GREY), Pooling(GREY, right=1))
    page.get_by_role("button", name="Move picture down").first.click()
    wait_for_move(page, "moved 1 down")
    assert [note.split(", ")[1] for note in texts(page, "[data-figure=pooling] .cb-input .cb-note")] == [
        "moved 1 down",
        "moved 1 right",
    ]
