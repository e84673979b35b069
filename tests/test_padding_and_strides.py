"""The figure of padding and strides: its state in Python, its arithmetic, and what a reader sees and does."""

import itertools
import json
import re

import numpy as np
import pytest
import test_figures
import traitlets
from axe_playwright_python.sync_playwright import Axe
from ipywidgets import IntSlider, link
from visits import PHONE, WIDE

from convbook import shapes
from convbook.figures import PaddingAndStrides
from convbook.figures.padding_and_strides import LARGEST, write_problem, write_reading, write_sums
from convbook.operations import extract_patches

show = test_figures.show  # the fixture

# Every combination along one axis that Keras allows: (size, kernel, stride, padding, dilation rate).
AXES = [
    axis
    for axis in itertools.product(range(1, 17), range(1, 8), range(1, 6), ("valid", "same"), range(1, 4))
    if axis[2] == 1 or axis[4] == 1
]
# Non-square inputs, even kernels, odd sizes, windows that overlap, touch and leave gaps.
STATES = [
    {"height": 7, "width": 9, "kernel_size": 3},
    {"height": 8, "width": 5, "kernel_size": 2, "strides": 2},
    {"height": 9, "width": 6, "kernel_size": 4, "padding": "same"},
    {"height": 8, "width": 11, "kernel_size": 3, "strides": 2, "padding": "same"},
    {"height": 10, "width": 7, "kernel_size": 2, "strides": 5, "padding": "same"},
    {"height": 13, "width": 16, "kernel_size": 3, "strides": 4},
    {"height": 6, "width": 10, "kernel_size": 2, "dilation_rate": 3},
    {"height": 5, "width": 4, "kernel_size": 4, "dilation_rate": 3, "padding": "same"},
    {"height": 1, "width": 3, "kernel_size": 7, "strides": 3, "padding": "same"},
]


def reads_of_keras(height, width, kernel_size, strides=1, padding="valid", dilation_rate=1):
    """Which pixels each output reads, (rows, columns, height, width): one picture for each pixel that is lit alone."""
    from keras import ops

    lit = np.eye(height * width, dtype="float32").reshape(-1, height, width, 1)
    kernel = np.ones((kernel_size, kernel_size, 1, 1), "float32")
    answers = np.array(ops.conv(lit, kernel, strides, padding, dilation_rate=dilation_rate))[..., 0]
    return np.round(answers).astype(int).transpose(1, 2, 0).reshape(*answers.shape[1:], height, width)


def reads_of_figure(figure):
    """The same from the figure, walked from output to output."""
    rows, columns = figure.output_shape
    reads = np.zeros((rows, columns, figure.height, figure.width), int)
    for figure.row, figure.column in itertools.product(range(rows), range(columns)):
        for i, j in itertools.product(*figure.window):
            if 0 <= i < figure.height and 0 <= j < figure.width:
                reads[figure.row, figure.column, i, j] += 1
    return reads


def set_together(figure, changes):
    with figure.hold_trait_notifications():
        for name, value in changes.items():
            setattr(figure, name, value)


def call(page, function, calls):
    """What a function that the figure's module exports gives for each list of arguments."""
    script = """async ([source, name, calls]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const call = (await import(url))[name];
      return calls.map((values) => call(...values));
    }"""
    return page.evaluate(script, [str(PaddingAndStrides._esm), function, calls])


def plans(page, axes):
    """The axes as the JavaScript plans them: (size, kernel, stride, padding, dilation rate) each."""
    return call(page, "planAxis", [list(axis) for axis in axes])


def plans_of(page, figure):
    rest = figure.kernel_size, figure.strides, figure.padding, figure.dilation_rate
    return plans(page, [(figure.height, *rest), (figure.width, *rest)])


def place(page):
    return page.locator(".cb-output .cb-place").inner_text()


def wait_for_place(page, row, column):
    page.locator(".cb-output .cb-place", has_text=f"output[{row}, {column}]").wait_for()


def slide(page, name, value):
    page.get_by_role("slider", name=name).fill(str(value))


def sums(page):
    """The formulas shown, [(what is computed, the sum)]."""
    names, texts = (page.locator(f".cb-formulas {tag}").all_inner_texts() for tag in ("dt", "dd"))
    return list(zip(names, texts, strict=True))


def painted(page, panel):
    """The bytes of a panel's grid: (rows, columns, 4)."""
    height, width, values = page.evaluate(
        """(panel) => { const canvas = document.querySelector(`.cb-${panel} canvas`);
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return [canvas.height, canvas.width, [...data]]; }""",
        panel,
    )
    return np.array(values).reshape(height, width, 4)


# ---- Python's side -------------------------------------------------------------------------------------------------


def test_sizes_and_reads_are_those_computed_by_hand():
    figure = PaddingAndStrides(height=8, width=5, kernel_size=3, strides=2, row=2, column=1)
    assert figure.output_shape == (3, 2)  # ⌊(8 − 3) / 2⌋ + 1 and ⌊(5 − 3) / 2⌋ + 1
    assert figure.window == ([4, 5, 6], [2, 3, 4])
    assert figure.read_counts[:, 0].tolist() == [1, 1, 2, 1, 2, 1, 1, 0]  # the last row is never read
    figure.padding = "same"
    assert figure.output_shape == (4, 3)
    assert figure.padding_amounts == ((0, 1), (1, 1))  # the odd zero stands below
    assert figure.window == ([4, 5, 6], [1, 2, 3])


def test_corner_is_read_once_and_the_middle_nine_times():
    counts = PaddingAndStrides(height=6, width=7).read_counts
    assert (counts[0, 0], counts[0, 3], counts[3, 3]) == (1, 3, 9)
    counts = PaddingAndStrides(height=6, width=7, padding="same").read_counts
    assert (counts[0, 0], counts[0, 3], counts[3, 3]) == (4, 6, 9)


@pytest.mark.parametrize("state", STATES, ids=str)
def test_every_output_reads_the_pixels_that_keras_reads(state):
    figure, expected = PaddingAndStrides(**state), reads_of_keras(**state)
    assert figure.output_shape == expected.shape[:2]
    np.testing.assert_array_equal(figure.read_counts, expected.sum(axis=(0, 1)))
    np.testing.assert_array_equal(reads_of_figure(figure), expected)


@pytest.mark.parametrize("state", [state for state in STATES if "dilation_rate" not in state], ids=str)
def test_every_output_reads_the_patch_that_the_operations_cut(state):
    figure = PaddingAndStrides(**state)
    numbered = 1 + np.arange(figure.height * figure.width).reshape(figure.height, figure.width, 1)  # 0 is padding
    patches = extract_patches(numbered, figure.kernel_size, figure.strides, figure.padding)[..., 0]
    reads = reads_of_figure(figure)
    for patch, read in zip(patches.reshape(-1, figure.kernel_size**2), reads.reshape(-1, numbered.size), strict=True):
        assert sorted(patch[patch > 0]) == (np.flatnonzero(read) + 1).tolist()


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"height": 0}, "height is 0; the figure shows 1 to 16"),
        ({"width": 17}, "1 to 16.*output_size computes"),
        ({"kernel_size": 8}, "1 to 7"),
        ({"strides": 6}, "1 to 5"),
        ({"strides": -1}, "1 to 5"),
        ({"dilation_rate": 4}, "1 to 3"),
        ({"padding": "SAME"}, "'valid' .none. or 'same'"),
        ({"strides": 2, "dilation_rate": 2}, "Keras refuses"),
        ({"row": 5}, "outside the output of 5 × 7; give 0 to 4"),
        ({"column": -1}, "give 0 to 6"),
        ({"row": 1, "height": 2}, "no window fits; give 0"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    with pytest.raises(ValueError, match=remedy):
        PaddingAndStrides(**changes)
    figure = PaddingAndStrides()
    with pytest.raises(traitlets.TraitError, match=remedy):
        set_together(figure, changes)
    assert figure.output_shape == (5, 7)


def test_text_for_a_size_is_refused():
    with pytest.raises(traitlets.TraitError, match="height"):
        PaddingAndStrides(height="7")


def test_state_without_a_window_is_allowed_and_says_what_would_help():
    figure = PaddingAndStrides(height=4, width=9, kernel_size=3, dilation_rate=2, row=0)
    assert not figure.fits
    assert write_problem(figure).startswith("No window fits: it spans 5 × 5 pixels, the input has 4 × 9. Enlarge")
    with pytest.raises(ValueError, match="Enlarge the input"):
        _ = figure.output_shape
    figure.padding = "same"
    assert figure.output_shape == (4, 9)


def test_smaller_input_keeps_the_window_inside():
    figure = PaddingAndStrides(row=4, column=6)
    figure.width = 5
    assert (figure.row, figure.column) == (4, 2)
    figure.height = 2
    assert (figure.row, figure.column) == (0, 0)


def test_message_of_the_front_end_and_linked_controls_change_the_sizes():
    figure, slider = PaddingAndStrides(strides=2), IntSlider(min=1, max=16)
    link((figure, "height"), (slider, "value"))
    slider.value = 12
    figure.set_state({"strides": 1, "dilation_rate": 3, "padding": "same"})
    assert figure.output_shape == (12, 9)


def test_html_is_the_same_for_the_same_state_and_stays_small():
    first, second = (PaddingAndStrides(row=3).to_html() for _ in range(2))
    assert first == second
    assert len(first.encode()) < 75_000
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|\brequire\b|<link|\bsrc=", first)
    assert sorted(json.loads(json.dumps(PaddingAndStrides().state()))) == sorted(
        [*LARGEST, "padding", "row", "column", "all_windows", "show_counts"]
    )


# ---- the arithmetic in the browser ---------------------------------------------------------------------------------


def test_javascript_computes_every_size_and_padding_as_shapes_does(show):
    page = show(PaddingAndStrides())
    wrong, impossible = [], 0
    for axis, plan in zip(AXES, plans(page, AXES), strict=True):
        size, kernel_size, _, padding, dilation_rate = axis
        given = (plan["outputs"], (plan["before"], plan["after"]))
        if padding == "valid" and (kernel_size - 1) * dilation_rate + 1 > size:
            impossible += 1
            with pytest.raises(ValueError, match="No window fits"):
                shapes.output_size(*axis)
            expected = (0, (0, 0))
        else:
            expected = (shapes.output_size(*axis), shapes.padding_amounts(*axis))
        wrong += [(axis, given, expected)] if given != expected else []
    assert wrong == []
    assert len(AXES) == 16 * 7 * 2 * 7
    assert 0 < impossible < len(AXES) / 2


@pytest.mark.parametrize("state", STATES, ids=str)
def test_javascript_reads_the_pixels_that_keras_reads(show, state):
    page = show(PaddingAndStrides())
    axes, expected = plans_of(page, PaddingAndStrides(**state)), reads_of_keras(**state)
    assert expected.shape[:2] == tuple(axis["outputs"] for axis in axes)
    sides = []
    for axis in axes:
        reads = call(page, "readBy", [[axis, output] for output in range(axis["outputs"])])
        side = np.array([[pixel in read for pixel in range(axis["size"])] for read in reads], int)
        inside = call(page, "countInside", [[axis, output] for output in range(axis["outputs"])])
        assert inside == side.sum(axis=1).tolist()
        assert call(page, "countReads", [[axis]])[0] == side.sum(axis=0).tolist()
        sides.append(side)
    np.testing.assert_array_equal(np.einsum("ai,bj->abij", *sides), expected)


def test_words_are_the_same_in_python_and_in_the_browser(show):
    page = show(PaddingAndStrides())
    impossible = [
        {"height": 2, "width": 9},
        {"height": 9, "width": 4, "dilation_rate": 2},
        {"width": 6, "kernel_size": 7},
    ]
    for state in STATES + impossible:
        figure = PaddingAndStrides(**state)
        axes = plans_of(page, figure)
        assert call(page, "writeSums", [[axes]])[0] == [list(line) for line in write_sums(figure)]
        assert call(page, "writeProblem", [[axes]])[0] == write_problem(figure)
        if figure.fits:
            figure.row, figure.column = (size - 1 for size in figure.output_shape)
            assert call(page, "writeReading", [[axes, figure.row, figure.column]])[0] == write_reading(figure)


def test_limits_are_the_same_in_python_and_in_the_browser(show):
    page = show(PaddingAndStrides())
    sliders = page.locator("input[type=range]")
    limits = [(sliders.nth(n).get_attribute("min"), sliders.nth(n).get_attribute("max")) for n in range(5)]
    assert limits == [("1", str(largest)) for largest in LARGEST.values()]


# ---- what a reader sees --------------------------------------------------------------------------------------------


def test_formulas_have_the_numbers_put_in(show):
    page = show(PaddingAndStrides(height=14, width=9, strides=2))
    assert sums(page) == [("rows", "⌊(14 − 3) / 2⌋ + 1 = 6"), ("columns", "⌊(9 − 3) / 2⌋ + 1 = 4")]
    page.get_by_role("combobox", name="Padding").select_option("same")
    page.get_by_text("⌈14 / 2⌉ = 7, padding 0 before, 1 after").wait_for()
    assert sums(page) == [
        ("rows", "⌈14 / 2⌉ = 7, padding 0 before, 1 after"),
        ("padding", "(7 − 1) × 2 + 3 − 14 = 1"),
        ("columns", "⌈9 / 2⌉ = 5, padding 1 before, 1 after"),
        ("padding", "(5 − 1) × 2 + 3 − 9 = 2"),
    ]


@pytest.mark.parametrize("state", STATES, ids=str)
def test_padding_lies_around_the_input_where_keras_puts_it(show, state):
    figure = PaddingAndStrides(**state)
    opaque = painted(show(figure), "input")[..., 3] == 255
    expected = np.pad(np.ones((figure.height, figure.width), bool), figure.padding_amounts)
    np.testing.assert_array_equal(opaque, expected)


def test_counts_in_the_pixels_are_those_of_python(show):
    figure = PaddingAndStrides(height=8, width=6, kernel_size=3, strides=2, padding="same")
    page = show(figure)
    assert page.locator(".cb-counts text").count() == 0
    page.get_by_role("checkbox", name="How often each pixel is read").check()
    page.locator(".cb-counts text").first.wait_for()
    counts = [int(text) for text in page.locator(".cb-input .cb-counts text").all_text_contents()]
    assert counts == figure.read_counts.ravel().tolist()
    shades = painted(page, "input")[:8, :6, :3].reshape(48, 3)
    assert len({(count, *shade) for count, shade in zip(counts, shades.tolist(), strict=True)}) == len(set(counts))


def test_unread_pixels_are_counted_in_words(show):
    page = show(PaddingAndStrides(height=8, width=5, strides=2))
    assert page.get_by_text("Grey: 5 pixels that no output reads.").is_visible()


def test_window_and_its_marks_stand_on_the_pixels_it_reads(show):
    figure = PaddingAndStrides(height=6, width=7, kernel_size=3, dilation_rate=2, padding="same", row=4, column=1)
    page = show(figure)
    grid = page.locator(".cb-input .cb-pixels").bounding_box()
    cell = grid["width"] / (7 + 4)
    left, top = ((figure.window[axis][0] + 2) * cell for axis in (1, 0))
    frame = page.locator(".cb-input .cb-window").bounding_box()
    marks = page.locator(".cb-input .cb-marks").evaluate(
        """(path) => { const [box, { a, d, e, f }] = [path.getBBox(), path.getScreenCTM()];
        return { x: a * box.x + e, y: d * box.y + f, width: a * box.width }; }"""
    )
    for box, inset in ((frame, 0), (marks, 0.14)):
        assert box["x"] - grid["x"] == pytest.approx(left + inset * cell, abs=1.5)
        assert box["y"] - grid["y"] == pytest.approx(top + inset * cell, abs=1.5)
        assert box["width"] == pytest.approx((5 - 2 * inset) * cell, abs=2.5)


@pytest.mark.parametrize("name", ["height", "width"])
def test_sizes_for_which_no_window_fits_are_explained_and_not_drawn(show, name):
    page = show(PaddingAndStrides(**{"height": 6, "width": 7, "kernel_size": 5, name: 3}))
    problem = page.locator(".cb-problem")
    assert problem.inner_text().startswith("No window fits: it spans 5 × 5 pixels")
    assert "Enlarge the input, or pad" in problem.inner_text()
    assert page.locator(".cb-window:visible, .cb-marks:visible, .cb-output .cb-pixels:visible").count() == 0
    assert ": no window fits" in page.locator(".cb-formulas").inner_text()
    for button in ("Step", "Play", "Show all", "Reset"):
        page.get_by_role("button", name=button).click(force=True)
    page.locator(".cb-input .cb-pixels").press("ArrowRight")
    page.get_by_role("combobox", name="Padding").select_option("same")
    wait_for_place(page, 0, 0)
    assert problem.is_hidden()
    assert page.locator(".cb-output .cb-window").is_visible()


def test_stride_bars_dilation_and_dilation_bars_stride(show):
    page = show(PaddingAndStrides())
    rule = page.get_by_text("Keras takes a dilation rate above 1 only with stride 1.")
    assert not rule.is_visible()
    slide(page, "Stride", 2)
    rule.wait_for()
    assert page.get_by_role("slider", name="Dilation rate").is_disabled()
    slide(page, "Stride", 1)
    rule.wait_for(state="hidden")
    slide(page, "Dilation rate", 3)
    rule.wait_for()
    assert page.get_by_role("slider", name="Stride").is_disabled()
    assert page.get_by_role("slider", name="Dilation rate").is_enabled()


def test_stride_and_dilation_together_are_explained_if_a_linked_control_sets_them(show):
    page = show(PaddingAndStrides())
    (problem,) = call(page, "writeProblem", [[plans(page, [(9, 2, 2, "same", 2), (9, 2, 2, "same", 2)])]])
    assert problem == "Keras refuses stride 2 together with dilation rate 2: set one of them to 1."


# ---- what a reader does --------------------------------------------------------------------------------------------


def test_output_fills_step_by_step_is_completed_and_forgotten(show):
    page = show(PaddingAndStrides(height=5, width=6, strides=2))  # output 2 × 2
    filled = lambda: (painted(page, "output")[..., 3] == 255).ravel().tolist()  # noqa: E731
    assert filled() == [True, False, False, False]
    for _ in range(2):
        page.get_by_role("button", name="Step").click()
    wait_for_place(page, 1, 0)
    assert filled() == [True, True, True, False]
    page.get_by_role("button", name="Show all").click()
    page.get_by_text("complete").wait_for()
    assert filled() == [True] * 4
    page.get_by_role("button", name="Reset").click()
    wait_for_place(page, 0, 0)
    assert filled() == [True, False, False, False]
    page.get_by_role("button", name="Play").click()
    page.get_by_text("complete").wait_for()
    page.get_by_role("button", name="Play").wait_for()
    assert place(page) == "output[1, 1]"


def test_arrow_keys_go_from_output_to_output_at_any_stride(show):
    for strides in (1, 2, 5):
        page = show(PaddingAndStrides(height=16, width=15, strides=strides, padding="same"))
        grid = page.locator(".cb-input .cb-pixels")
        grid.focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
            page.keyboard.press(key)
        wait_for_place(page, 1, 1)
        page.keyboard.press("End")
        wait_for_place(page, 1, -(-15 // strides) - 1)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Home")
        wait_for_place(page, 1, 0)
        page.keyboard.press("Shift+ArrowDown")
        page.wait_for_function("!document.querySelector('.cb-output .cb-place').textContent.includes('[1,')")


def test_pointer_drags_the_window_to_the_nearest_output(show):
    page = show(PaddingAndStrides(height=11, width=13, strides=3, padding="same"))  # 1 of padding on the left
    grid = page.locator(".cb-input .cb-pixels").bounding_box()
    columns = painted(page, "input").shape[1]
    cell = grid["width"] / columns

    def at(row, column):
        return grid["x"] + (column + 0.5) * cell, grid["y"] + (row + 0.5) * cell

    page.mouse.move(*at(1, 1))
    page.mouse.down()
    page.mouse.move(*at(4, 5), steps=4)
    page.mouse.move(*at(5, 8), steps=4)  # 4 down and 7 to the right: nearest are 3 and 6
    page.mouse.up()
    wait_for_place(page, 1, 2)
    page.mouse.click(*at(0, 0))
    wait_for_place(page, 0, 0)
    output = page.locator(".cb-output .cb-pixels").bounding_box()
    assert output["width"] / 5 == pytest.approx(cell, rel=0.03)  # the output is drawn to the input's scale
    page.mouse.click(output["x"] + 3.5 * output["width"] / 5, output["y"] + 2.5 * output["height"] / 4)
    wait_for_place(page, 2, 3)


def test_every_control_is_reached_by_keyboard_with_a_visible_focus(show):
    page = show(PaddingAndStrides())
    name = """(() => { const element = document.activeElement;
        return element.ariaLabel ?? (element.labels?.length ? element.labels[0] : element).textContent; })()"""
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(name))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", reached[-1]
    starts = ["Input rows", "Input columns", "Kernel", "Stride", "Dilation rate", "Padding"]
    starts += ["Step", "Play", "Show all", "Reset", "How often", "Input of 7 rows and 9 columns; arrow keys"]
    assert [text.startswith(start) for text, start in zip(reached, starts, strict=True)] == [True] * 12, reached


def test_result_is_spoken_once_the_window_rests(show):
    figure = PaddingAndStrides(padding="same")
    page = show(figure)
    spoken = page.locator(".cb-spoken")
    assert spoken.inner_text() == ""
    assert spoken.get_attribute("aria-live") == "polite"
    page.locator(".cb-input .cb-pixels").focus()
    page.keyboard.press("ArrowRight")
    figure.column = 1
    page.locator(".cb-spoken", has_text=write_reading(figure)).wait_for(state="attached")
    slide(page, "Stride", 2)
    page.locator(".cb-spoken", has_text="Output 4 × 5. Output row 0, column 1 reads").wait_for(state="attached")
    page.get_by_role("checkbox").check()
    page.locator(".cb-spoken", has_text="The first corner's pixel is read").wait_for(state="attached")
    page.get_by_role("combobox", name="Padding").select_option("valid")
    slide(page, "Input rows", 2)
    page.locator(".cb-spoken", has_text="No window fits").wait_for(state="attached")


# ---- themes, phone, print ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [STATES[4], STATES[7], {"height": 2}], ids=str)
def test_still_picture_says_what_the_live_figure_says(show, state):
    figure = PaddingAndStrides(**state, show_counts=True)
    live, printed, without_script = show(figure), show(figure), show(figure, java_script_enabled=False)
    printed.emulate_media(media="print")
    for page in (printed, without_script):
        picture = page.locator(".convbook-still svg")
        assert picture.is_visible()
        assert not page.locator(".convbook-live").is_visible()
        for name, text in sums(live):
            assert f"{name}: {text}" in picture.text_content()
        counts = live.locator(".cb-input .cb-counts text").all_text_contents()
        assert picture.locator("g text").all_text_contents() == counts
        said = write_reading(figure) if figure.fits else live.locator(".cb-problem").inner_text()
        assert picture.get_attribute("aria-label").endswith(said)
        assert figure.fits or "No window fits" in picture.text_content()


@pytest.mark.parametrize(("theme", "size"), [("light", WIDE), ("dark", PHONE)], ids=["light", "dark"])
def test_axe_finds_nothing_serious(show, theme, size):
    states = {}, {"padding": "same", "strides": 2, "show_counts": True}, {"height": 2}
    page = show(*(PaddingAndStrides(**state) for state in states), theme=theme, size=size)
    assert page.locator(".convbook-figure").first.get_attribute("data-theme") == theme
    violations = Axe().run(page).response["violations"]
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []


def test_colours_follow_a_switch_of_the_theme(show):
    page = show(PaddingAndStrides())
    before = painted(page, "input")[0, 0].tolist()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.locator(".convbook-figure[data-theme=dark]").wait_for()
    page.wait_for_function("new Promise((done) => requestAnimationFrame(() => done(true)))")
    assert sum(painted(page, "input")[0, 0].tolist()) < sum(before)


def test_nothing_is_wider_than_the_page_at_any_width(show):
    page = show(*(PaddingAndStrides(**state) for state in [*STATES, {"height": 2}]))
    for width in (340, 390, 700, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
