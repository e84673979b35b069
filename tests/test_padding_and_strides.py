"""The figure of padding and strides: its arithmetic against Keras, and what a reader sees and does."""

import functools
import itertools
import re

import figure_pages
import numpy as np
import pytest
from figure_pages import assert_refused, numbers, pixels_of, slide, texts

from convbook import shapes
from convbook.figures import PaddingAndStrides
from convbook.figures.padding_and_strides import LARGEST

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


call = functools.partial(figure_pages.call, PaddingAndStrides)


INPUT = ".cb-input .cb-pixels"


def plan(page, height, width, kernel_size=3, strides=1, padding="valid", dilation_rate=1):
    """Both axes as the figure plans them."""
    rest = kernel_size, strides, padding, dilation_rate
    return call(page, "planAxis", [[height, *rest], [width, *rest]])


def sums(page):
    """The formulas shown, [(what is computed, the sum)]."""
    return list(zip(texts(page, ".cb-formulas dt"), texts(page, ".cb-formulas dd"), strict=True))


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"height": 0}, "height is 0; .*1 to 16"),
        ({"width": 17}, "1 to 16.*output_size computes"),
        ({"kernel_size": 8}, "1 to 7"),
        ({"strides": 6}, "1 to 5"),
        ({"dilation_rate": 4}, "1 to 3"),
        ({"padding": "SAME"}, "give 'valid' or 'same'.*'valid' is none"),
        ({"strides": 2, "dilation_rate": 2}, "Keras refuses"),
        ({"dilation_rate": 2, "strides": 2}, "Keras refuses"),
        ({"row": 5}, "the output has 5 × 7 numbers: give 0 to 4"),
        ({"column": -1}, "give 0 to 6"),
        ({"height": 2, "row": 1}, "no window fits: give 0"),
    ],
)
def test_bad_traits_raise_name_the_remedy_and_leave_the_old_state(changes, remedy):
    assert_refused(PaddingAndStrides, changes, remedy)


def test_every_size_and_padding_is_that_of_shapes(blank):
    wrong, impossible = [], 0
    for axis, planned in zip(AXES, call(blank, "planAxis", [list(axis) for axis in AXES]), strict=True):
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


@pytest.mark.parametrize("state", STATES, ids=str)
def test_every_output_reads_the_pixels_that_keras_reads_and_names_them(blank, state):
    axes, expected = plan(blank, **state), reads_of_keras(**state)
    reads = []
    for axis in axes:
        read = call(blank, "readBy", [[axis, output] for output in range(axis["outputs"])])
        reads.append(np.array([[pixel in each for pixel in range(axis["size"])] for each in read], int))
    np.testing.assert_array_equal(np.einsum("ai,bj->abij", *reads), expected)
    counts = np.outer(*call(blank, "countReads", [[axis] for axis in axes]))
    np.testing.assert_array_equal(counts, expected.sum(axis=(0, 1)))
    inside = [call(blank, "countInside", [[axis, n] for n in range(axis["outputs"])]) for axis in axes]
    np.testing.assert_array_equal(np.outer(*inside), expected.sum(axis=(2, 3)))
    row, column = (size - 1 for size in expected.shape[:2])
    (text,) = call(blank, "writeReading", [[axes, row, column]])
    sides = [numbers(part) for part in re.search(r" reads rows (.*) and columns (.*): ", text).groups()]
    seen = np.argwhere(expected[row, column]).tolist()
    assert [
        [i, j] for i, j in itertools.product(*sides) if 0 <= i < state["height"] and 0 <= j < state["width"]
    ] == seen
    zeros = state["kernel_size"] ** 2 - len(seen)
    assert numbers(text.split(": ")[1]) == [len(seen)] + [zeros] * (zeros > 0)


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ({"height": 7, "width": 9}, ""),
        ({"height": 2, "width": 9}, "it spans 3 × 3 pixels, the input has 2 × 9. Enlarge the input, or pad: 'same'."),
        (
            {"height": 9, "width": 4, "dilation_rate": 2},
            "it spans 5 × 5 pixels, the input has 9 × 4. Enlarge the input, take a smaller dilation rate, or pad",
        ),
        (
            {"height": 9, "width": 9, "strides": 2, "dilation_rate": 2, "padding": "same"},
            "Keras refuses stride 2 together with dilation rate 2: set one of them to 1.",
        ),
    ],
)
def test_sizes_without_a_window_or_that_keras_refuses_are_explained(blank, state, problem):
    (text,) = call(blank, "writeProblem", [[plan(blank, **state)]])
    assert problem in text
    assert bool(text) == bool(problem)


# ---- what a reader sees and does -------------------------------------------------------------------------------------


def test_formulas_have_the_numbers_put_in(show):
    page = show(PaddingAndStrides(height=14, width=9, strides=2))
    assert page.get_by_text("Grey: 9 pixels that no output reads.").is_visible()  # the last row
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
    page = show(*(PaddingAndStrides(**state) for state in STATES))
    for nth, state in enumerate(STATES):
        rest = [{"strides": 1, "padding": "valid", "dilation_rate": 1, **state}[name] for name in REST]
        amounts = [shapes.padding_amounts(state[side], *rest) for side in ("height", "width")]
        opaque = pixels_of(page.locator(INPUT).nth(nth), parts=4)[..., 3] == 255
        np.testing.assert_array_equal(opaque, np.pad(np.ones((state["height"], state["width"]), bool), amounts))


def test_counts_in_the_pixels_are_those_of_keras(show):
    state = {"height": 8, "width": 6, "kernel_size": 3, "strides": 2, "padding": "same"}
    page = show(PaddingAndStrides(**state))
    assert page.locator(".cb-counts text").count() == 0
    page.get_by_role("checkbox", name="How often each pixel is read").check()
    page.locator(".cb-counts text").first.wait_for()
    counts = [int(text) for text in page.locator(".cb-input .cb-counts text").all_text_contents()]
    assert counts == reads_of_keras(**state).sum(axis=(0, 1)).ravel().tolist()
    shades = pixels_of(page.locator(INPUT))[:8, :6].reshape(48, 3)
    assert len({(count, *shade) for count, shade in zip(counts, shades.tolist(), strict=True)}) == len(set(counts))
    assert page.get_by_text(f"The first corner's pixel is read {counts[0]} ×, the middle one {counts[27]} ×.").count()


def test_window_and_its_marks_stand_on_the_pixels_it_reads(show):
    page = show(PaddingAndStrides(height=6, width=7, dilation_rate=2, padding="same", row=4, column=1))
    grid, output = (page.locator(f".cb-{name} .cb-pixels").bounding_box() for name in ("input", "output"))
    cell = grid["width"] / (7 + 4)
    assert output["width"] / 7 == pytest.approx(cell, rel=0.03)  # the output is drawn to the input's scale
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
    page.locator(".cb-output .cb-place", has_text="output[0, 0]").wait_for()
    assert problem.is_hidden()
    assert page.locator(".cb-output .cb-window").is_visible()


def test_sliders_end_where_the_traits_end_and_stride_bars_dilation_and_dilation_bars_stride(show):
    page = show(PaddingAndStrides())
    script = "(sliders) => sliders.map(({ min, max }) => [Number(min), Number(max)])"
    limits = page.locator("input[type=range]").evaluate_all(script)
    assert limits == [[1, largest] for largest in LARGEST.values()]
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
    before = pixels_of(page.locator(INPUT))[0, 0].sum()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.locator(".convbook-figure[data-theme=dark]").wait_for()
    page.wait_for_function("new Promise((done) => requestAnimationFrame(() => done(true)))")
    assert pixels_of(page.locator(INPUT))[0, 0].sum() < before
