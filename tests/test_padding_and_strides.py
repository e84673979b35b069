"""The figure of padding and strides: its arithmetic against Keras, and what a reader sees and does."""

import itertools

import figure_pages
import numpy as np
import pytest
import traitlets
from ipywidgets import IntSlider, link

from convbook import shapes
from convbook.figures import PaddingAndStrides
from convbook.figures.padding_and_strides import LARGEST
from convbook.operations import extract_patches

# Every combination along one axis that Keras allows: (size, kernel, stride, padding, dilation rate).
AXES = [
    axis
    for axis in itertools.product(range(1, 17), range(1, 8), range(1, 6), ("valid", "same"), range(1, 4))
    if axis[2] == 1 or axis[4] == 1
]
REST = ("kernel_size", "strides", "padding", "dilation_rate")
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


def patches_of_operations(height, width, kernel_size, strides=1, padding="valid"):
    """The same from the patches that convbook.operations cuts out."""
    numbered = 1 + np.arange(height * width).reshape(height, width, 1)  # 0 is padding
    patches = extract_patches(numbered, kernel_size, strides, padding)[..., 0]
    reads = np.array([np.isin(numbered[..., 0], patch) for patch in patches.reshape(-1, kernel_size**2)], int)
    return reads.reshape(*patches.shape[:2], height, width)


def reads_of_figure(page, axes):
    """The same from the figure's own functions, for the axes (rows, columns) that it planned."""
    sides = []
    for axis in axes:
        reads = call(page, "readBy", [[axis, output] for output in range(axis["outputs"])])
        sides.append(np.array([[pixel in read for pixel in range(axis["size"])] for read in reads], int))
    return np.einsum("ai,bj->abij", *sides)


def call(page, function, calls):
    """What a function of the figure's module gives for each list of arguments."""
    return figure_pages.call(page, PaddingAndStrides, function, calls)


def plan(page, height, width, kernel_size=3, strides=1, padding="valid", dilation_rate=1):
    """Both axes as the figure plans them."""
    rest = kernel_size, strides, padding, dilation_rate
    return call(page, "planAxis", [[height, *rest], [width, *rest]])


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


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"height": 0}, "height is 0; .*1 to 16"),
        ({"width": 17}, "1 to 16.*output_size computes"),
        ({"kernel_size": 8}, "1 to 7"),
        ({"strides": 6}, "1 to 5"),
        ({"strides": -1}, "1 to 5"),
        ({"dilation_rate": 4}, "1 to 3"),
        ({"padding": "SAME"}, "give 'valid' or 'same'.*'valid' is none"),
        ({"height": "7"}, "height"),
        ({"strides": 2, "dilation_rate": 2}, "Keras refuses"),
        ({"row": 5}, "the output has 5 × 7 numbers: give 0 to 4"),
        ({"column": -1}, "give 0 to 6"),
        ({"row": 1, "height": 2}, "no window fits: give 0"),
    ],
    ids=str,
)
def test_bad_traits_raise_name_the_remedy_and_leave_the_old_state(changes, remedy):
    with pytest.raises(ValueError, match=remedy):
        PaddingAndStrides(**changes)
    figure = PaddingAndStrides()
    with pytest.raises(traitlets.TraitError, match=remedy):
        figure.set_state(changes)
    assert figure.state() == PaddingAndStrides().state()


def test_a_refused_stride_does_not_stick():
    figure = PaddingAndStrides(dilation_rate=2)
    with pytest.raises(ValueError, match="Keras refuses"):
        figure.strides = 2
    assert figure.strides == 1
    figure.strides = 1
    figure.dilation_rate = 1
    figure.strides = 2
    with pytest.raises(ValueError, match="Keras refuses"):
        figure.set_state({"dilation_rate": 3})
    assert (figure.strides, figure.dilation_rate) == (2, 1)


def test_smaller_input_keeps_the_window_inside():
    figure = PaddingAndStrides(row=4, column=6)
    figure.width = 5
    assert (figure.row, figure.column) == (4, 2)
    figure.height = 2  # no window fits
    assert (figure.row, figure.column) == (0, 0)


def test_message_of_the_front_end_and_linked_controls_change_the_sizes():
    figure, slider = PaddingAndStrides(strides=2), IntSlider(min=1, max=16)
    link((figure, "height"), (slider, "value"))
    slider.value = 12
    figure.set_state({"strides": 1, "dilation_rate": 3, "padding": "same"})
    assert (figure.height, figure.strides, figure.dilation_rate, figure.padding) == (12, 1, 3, "same")


# ---- the arithmetic ------------------------------------------------------------------------------------------------


def test_sizes_and_reads_are_those_computed_by_hand(show):
    page = show(PaddingAndStrides())
    rows, columns = plan(page, 8, 5, 3, 2)
    assert (rows["outputs"], columns["outputs"]) == (3, 2)  # ⌊(8 − 3) / 2⌋ + 1 and ⌊(5 − 3) / 2⌋ + 1
    assert call(page, "readBy", [[rows, 2], [columns, 1]]) == [[4, 5, 6], [2, 3, 4]]
    assert call(page, "countReads", [[rows]]) == [[1, 1, 2, 1, 2, 1, 1, 0]]  # the last row is never read
    rows, columns = plan(page, 8, 5, 3, 2, "same")
    assert (rows["outputs"], columns["outputs"]) == (4, 3)
    assert [(axis["before"], axis["after"]) for axis in (rows, columns)] == [(0, 1), (1, 1)]  # the odd zero: below
    assert call(page, "readBy", [[rows, 2], [columns, 1]]) == [[4, 5, 6], [1, 2, 3]]


def test_every_size_and_padding_is_that_of_shapes(show):
    page = show(PaddingAndStrides())
    wrong, impossible = [], 0
    for axis, planned in zip(AXES, call(page, "planAxis", [list(axis) for axis in AXES]), strict=True):
        size, kernel_size, _, padding, dilation_rate = axis
        given = (planned["outputs"], (planned["before"], planned["after"]))
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


def test_every_output_reads_the_pixels_that_keras_reads_and_the_operations_cut(show):
    page = show(PaddingAndStrides())
    for state in STATES:
        axes, expected = plan(page, **state), reads_of_keras(**state)
        np.testing.assert_array_equal(reads_of_figure(page, axes), expected)
        counts = np.outer(*call(page, "countReads", [[axis] for axis in axes]))
        np.testing.assert_array_equal(counts, expected.sum(axis=(0, 1)))
        inside = [call(page, "countInside", [[axis, n] for n in range(axis["outputs"])]) for axis in axes]
        np.testing.assert_array_equal(np.outer(*inside), expected.sum(axis=(2, 3)))
        if "dilation_rate" not in state:
            np.testing.assert_array_equal(patches_of_operations(**state), expected)


def test_reading_names_the_pixels_and_counts_the_zeros(show):
    page = show(PaddingAndStrides())
    (first,) = call(page, "writeReading", [[plan(page, 4, 5, padding="same"), 0, 0]])
    assert (
        first == "Output row 0, column 0 reads rows −1, 0, 1 and columns −1, 0, 1: 4 pixels and 5 zeros of the padding."
    )
    for state in STATES:
        axes, reads = plan(page, **state), reads_of_keras(**state)
        row, column = (size - 1 for size in reads.shape[:2])
        (text,) = call(page, "writeReading", [[axes, row, column]])
        said, pixels = text.removeprefix(f"Output row {row}, column {column} reads rows ").split(": ")
        sides = [[int(n.replace("−", "-")) for n in side.split(", ")] for side in said.split(" and columns ")]
        seen = np.argwhere(reads[row, column])
        assert [
            (i, j) for i, j in itertools.product(*sides) if i in range(state["height"]) and j in range(state["width"])
        ] == [tuple(pixel) for pixel in seen]
        numbers = [int(word) for word in pixels.split() if word.isdigit()]
        zeros = state["kernel_size"] ** 2 - len(seen)
        assert numbers == [len(seen)] + [zeros] * (zeros > 0)


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ({"height": 7, "width": 9}, ""),
        (
            {"height": 2, "width": 9},
            "No window fits: it spans 3 × 3 pixels, the input has 2 × 9. Enlarge the input, or pad: 'same'.",
        ),
        (
            {"height": 9, "width": 4, "dilation_rate": 2},
            "it spans 5 × 5 pixels, the input has 9 × 4. Enlarge the input, take a smaller dilation rate, or pad",
        ),
        (
            {"height": 9, "width": 9, "strides": 2, "dilation_rate": 2, "padding": "same"},
            "Keras refuses stride 2 together with dilation rate 2: set one of them to 1.",
        ),
    ],
    ids=["fits", "too low", "too narrow", "stride and dilation"],
)
def test_sizes_without_a_window_or_that_keras_refuses_are_explained(show, state, problem):
    page = show(PaddingAndStrides())
    (text,) = call(page, "writeProblem", [[plan(page, **state)]])
    assert problem in text
    assert bool(text) == bool(problem)


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
    axes = plan(page, 4, 12, kernel_size=2, strides=1, dilation_rate=3)
    assert call(page, "writeSums", [[axes]])[0][0] == ["span", "(2 − 1) × 3 + 1 = 4"]
    axes = plan(page, 10, 7, kernel_size=2, strides=5, padding="same")
    assert call(page, "writeSums", [[axes]])[0][1] == ["padding", "(2 − 1) × 5 + 2 − 10 = −3: none"]


def test_padding_lies_around_the_input_where_keras_puts_it(show):
    for state in STATES:
        rest = [{"strides": 1, "padding": "valid", "dilation_rate": 1, **state}[name] for name in REST]
        amounts = [shapes.padding_amounts(state[side], *rest) for side in ("height", "width")]
        opaque = painted(show(PaddingAndStrides(**state)), "input")[..., 3] == 255
        np.testing.assert_array_equal(opaque, np.pad(np.ones((state["height"], state["width"]), bool), amounts))


def test_counts_in_the_pixels_are_those_of_keras(show):
    state = {"height": 8, "width": 6, "kernel_size": 3, "strides": 2, "padding": "same"}
    page = show(PaddingAndStrides(**state))
    assert page.locator(".cb-counts text").count() == 0
    page.get_by_role("checkbox", name="How often each pixel is read").check()
    page.locator(".cb-counts text").first.wait_for()
    counts = [int(text) for text in page.locator(".cb-input .cb-counts text").all_text_contents()]
    assert counts == reads_of_keras(**state).sum(axis=(0, 1)).ravel().tolist()
    shades = painted(page, "input")[:8, :6, :3].reshape(48, 3)
    assert len({(count, *shade) for count, shade in zip(counts, shades.tolist(), strict=True)}) == len(set(counts))
    assert page.get_by_text(f"The first corner's pixel is read {counts[0]} ×, the middle one {counts[27]} ×.").count()


def test_unread_pixels_are_counted_in_words(show):
    page = show(PaddingAndStrides(height=8, width=5, strides=2))
    assert page.get_by_text("Grey: 5 pixels that no output reads.").is_visible()


def test_window_and_its_marks_stand_on_the_pixels_it_reads(show):
    page = show(PaddingAndStrides(height=6, width=7, dilation_rate=2, padding="same", row=4, column=1))
    grid = page.locator(".cb-input .cb-pixels").bounding_box()
    cell = grid["width"] / (7 + 4)
    left, top = 1 * cell, 4 * cell  # in the padded grid, with stride 1, the window starts at its output's place
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


def test_sliders_end_where_the_traits_end(show):
    sliders = show(PaddingAndStrides()).locator("input[type=range]")
    limits = sliders.evaluate_all("(sliders) => sliders.map(({ min, max }) => [Number(min), Number(max)])")
    assert limits == [[1, largest] for largest in LARGEST.values()]


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
        page.locator(".cb-input .cb-pixels").focus()
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


def test_result_is_spoken_once_the_window_rests(show):
    page = show(PaddingAndStrides(padding="same"))
    page.locator(".cb-input .cb-pixels").press("ArrowRight")
    reading = "Output row 0, column 1 reads rows −1, 0, 1 and columns 0, 1, 2: 6 pixels and 3 zeros of the padding."
    figure_pages.wait_for_speech(page, reading)
    slide(page, "Stride", 2)
    figure_pages.wait_for_speech(page, "Output 4 × 5. Output row 0, column 1 reads")
    page.get_by_role("checkbox").check()
    figure_pages.wait_for_speech(page, "The first corner's pixel is read")
    page.get_by_role("combobox", name="Padding").select_option("valid")
    slide(page, "Input rows", 2)
    figure_pages.wait_for_speech(page, "No window fits")


def test_colours_follow_a_switch_of_the_theme(show):
    page = show(PaddingAndStrides())
    before = painted(page, "input")[0, 0].tolist()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.locator(".convbook-figure[data-theme=dark]").wait_for()
    page.wait_for_function("new Promise((done) => requestAnimationFrame(() => done(true)))")
    assert sum(painted(page, "input")[0, 0].tolist()) < sum(before)
