"""The figure of padding and strides: its arithmetic against Keras, and what a reader sees and does."""

import functools
import itertools
import math
import re

import figure_pages
import numpy as np
import pytest
from figure_pages import assert_refused, numbers, pixels_of, slide, texts
from visits import NEXT_FRAME

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


INPUT = ".cb-same .cb-input .cb-pixels"
PADDINGS = ("valid", "same")


def plan(page, height, width, kernel_size=3, strides=1, padding="valid", dilation_rate=1):
    """Both axes as the figure plans them."""
    rest = kernel_size, strides, padding, dilation_rate
    return call(page, "planAxis", [[height, *rest], [width, *rest]])


def figure_of(state):
    """The figure with these sizes, which shows both paddings."""
    return PaddingAndStrides(**{name: value for name, value in state.items() if name != "padding"})


def values_of(page, height, width):
    """The input's values."""
    places = [[row, column] for row in range(height) for column in range(width)]
    return np.reshape(call(page, "pixelAt", places), (height, width))


def cells(page, padding, part, shape):
    """The numbers that stand in a picture's cells."""
    shown = page.locator(f".cb-{padding} .cb-{part} text").all_text_contents()
    return np.reshape([int(text) for text in shown], shape)


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"height": 0}, "height is 0; .*1 to 16"),
        ({"width": 17}, "1 to 16.*output_size computes"),
        ({"kernel_size": 8}, "1 to 7"),
        ({"strides": 6}, "1 to 5"),
        ({"dilation_rate": 4}, "1 to 3"),
        ({"term": "padding"}, "give 'none', 'n', 'k'"),
        ({"strides": 2, "dilation_rate": 2}, "Keras refuses"),
        ({"dilation_rate": 2, "strides": 2}, "Keras refuses"),
        ({"row": 7}, "the output has 7 × 9 numbers: give 0 to 6"),
        ({"column": -1}, "give 0 to 8"),
        ({"height": 2, "row": 2}, "the output has 2 × 9 numbers: give 0 to 1"),
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
    values = values_of(blank, state["height"], state["width"])
    places = [[row, column] for row in range(len(expected)) for column in range(len(expected[0]))]
    sums = call(blank, "sumOf", [[axes, *place] for place in places])
    np.testing.assert_array_equal(np.reshape(sums, expected.shape[:2]), np.einsum("abij,ij->ab", expected, values))
    row, column = places[-1]
    (text,) = call(blank, "writeReading", [[[axes], row, column]])
    seen = expected[row, column].sum()
    zeros = state["kernel_size"] ** 2 - seen
    assert numbers(text) == [row, column, seen, *[zeros] * int(zeros > 0), sums[-1]]


def test_formulas_in_letters_give_the_numbers_of_shapes_and_their_terms_count_their_cells(blank):
    chosen = [axis for n, axis in enumerate(AXES) if n % 17 == 0]
    for axis, planned in zip(chosen, call(blank, "planAxis", [list(axis) for axis in chosen]), strict=True):
        size, kernel, stride, _, dilation = axis
        outputs = planned["outputs"]
        if outputs == 0:
            continue
        numbers_of = {"n": size, "k": kernel, "s": stride, "d": dilation, "o": outputs, "p": planned["needed"]}
        numbers_of["span"] = (kernel - 1) * dilation + 1
        for line in call(blank, "writeFormula", [[planned]])[0]:
            left, right = "".join(str(numbers_of.get(part, part)) for part in line).split("=")
            right = right.replace("⌊", "math.floor(").replace("⌈", "math.ceil(").replace("⌋", ")").replace("⌉", ")")
            assert eval(right.replace("·", "*").replace("−", "-"), {"math": math}) == int(left), (axis, line)
        output = outputs - 1
        terms = ["n", "k", "span", "p", "o", *["s"] * (outputs > 1), *["d"] * (kernel > 1)]
        for term, (cells, lit) in zip(
            terms, call(blank, "cellsOf", [[t, planned, output] for t in terms]), strict=True
        ):
            count = sum(shapes.padding_amounts(*axis)) if term == "p" else numbers_of[term]
            assert len(cells) + len(lit) == count, (axis, term)
            assert all(0 <= cell < planned["before"] + size + planned["after"] for cell in cells)


# ---- what a reader sees and does -------------------------------------------------------------------------------------


def test_formulas_have_the_numbers_put_in(show):
    page = show(PaddingAndStrides(height=14, width=9, strides=2))
    assert texts(page, ".cb-panel > .cb-hint") == ["Grey: 9 pixels that no output reads.", ""]  # the last row
    formulas = [re.sub(r"\s", "", text) for text in texts(page, ".cb-formula")]
    assert formulas == ["o4=⌊(n9−k3)/s2⌋+1", "o5=⌈n9/s2⌉p2=(o5−1)·s2+k3−n9"]
    page.locator("summary").click()
    page.get_by_text("⌈14 / 2⌉ = 7, padding 0 before, 1 after").wait_for()
    assert list(zip(texts(page, ".cb-formulas dt"), texts(page, ".cb-formulas dd"), strict=True)) == [
        ("rows", "⌊(14 − 3) / 2⌋ + 1 = 6"),
        ("columns", "⌊(9 − 3) / 2⌋ + 1 = 4"),
        ("rows", "⌈14 / 2⌉ = 7, padding 0 before, 1 after"),
        ("padding", "(7 − 1) × 2 + 3 − 14 = 1"),
        ("columns", "⌈9 / 2⌉ = 5, padding 1 before, 1 after"),
        ("padding", "(5 − 1) × 2 + 3 − 9 = 2"),
    ]
    axes = plan(page, 4, 12, kernel_size=2, strides=1, dilation_rate=3)
    assert call(page, "writeSums", [[axes]])[0][0] == ["span", "(2 − 1) × 3 + 1 = 4"]
    axes = plan(page, 10, 7, kernel_size=2, strides=5, padding="same")
    assert call(page, "writeSums", [[axes]])[0][1] == ["padding", "(2 − 1) × 5 + 2 − 10 = −3: none"]


def test_a_letter_lights_its_cells_for_mouse_finger_and_keys(show):
    page = show(PaddingAndStrides(height=7, width=8, strides=2, row=1, column=1))
    lit = page.locator(".cb-lit")

    def shown():
        page.evaluate(NEXT_FRAME)
        return [re.findall(r"M(\d+) (\d+)", path.get_attribute("d") or "") for path in lit.all()]

    def term(padding, name):
        return page.locator(f".cb-{padding}").get_by_role("button", name=f"{name},").first

    assert shown() == [[]] * 4  # input and output of valid, and of same
    term("valid", "s").hover()
    assert shown() == [[("2", "2"), ("3", "2")], [], [("2", "2"), ("3", "2")], []]
    assert page.locator("[aria-pressed=true]").count() == 3  # s stands in all three formulas
    term("same", "p").hover()
    assert shown() == [[], [], [("8", "1")], []]  # Keras pads on the right
    page.mouse.move(0, 0)
    assert shown() == [[]] * 4
    term("same", "o").focus()
    page.keyboard.press("Shift")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert shown() == [[], [(str(n), "1") for n in range(3)], [], [(str(n), "1") for n in range(4)]]
    phone = show(PaddingAndStrides(height=7, width=8, strides=2), size={"width": 390, "height": 844}, has_touch=True)
    n_term = phone.locator(".cb-valid").get_by_role("button", name="n,").first
    for cells in (8, 0):
        n_term.tap()
        phone.evaluate(NEXT_FRAME)
        assert phone.locator(".cb-lit").first.get_attribute("d").count("M") == cells


def test_cells_hold_the_values_and_the_sums_of_their_windows(show):
    page = show(PaddingAndStrides(height=7, width=8, strides=2, all_windows=True))
    values = values_of(page, 7, 8)
    assert set(values.ravel()) == {1, 2, 3}
    np.testing.assert_array_equal(cells(page, "valid", "input", (7, 8)), values)
    np.testing.assert_array_equal(cells(page, "same", "input", (9, 9)), np.pad(values, [(1, 1), (0, 1)]))
    for padding in PADDINGS:
        reads = reads_of_keras(7, 8, 3, 2, padding)
        shown = cells(page, padding, "output", reads.shape[:2])
        np.testing.assert_array_equal(shown, np.einsum("abij,ij->ab", reads, values))
    assert show(PaddingAndStrides(height=9, width=12)).locator("text").count() == 0  # too small to be read


def test_padding_lies_around_the_input_where_keras_puts_it(show):
    page = show(*map(figure_of, STATES))
    for nth, state in enumerate(STATES):
        rest = [{"strides": 1, "dilation_rate": 1, **state, "padding": "same"}[name] for name in REST]
        amounts = [shapes.padding_amounts(state[side], *rest) for side in ("height", "width")]
        opaque = pixels_of(page.locator(INPUT).nth(nth), parts=4)[..., 3] == 255
        np.testing.assert_array_equal(opaque, np.pad(np.ones((state["height"], state["width"]), bool), amounts))
        valid = pixels_of(page.locator(".cb-valid .cb-input .cb-pixels").nth(nth))
        assert valid.shape[:2] == (state["height"], state["width"])


def test_counts_in_the_pixels_are_those_of_keras(show):
    page = show(PaddingAndStrides(height=8, width=6, kernel_size=3, strides=2))
    page.locator("summary").click()
    page.get_by_role("checkbox", name="How often each pixel is read").check()
    page.locator(".cb-same .cb-hint", has_text="The first corner's pixel is read").wait_for()
    for padding in PADDINGS:
        expected = reads_of_keras(8, 6, 3, 2, padding).sum(axis=(0, 1))
        np.testing.assert_array_equal(cells(page, padding, "input", (8, 6)), expected)
        shades = pixels_of(page.locator(f".cb-{padding} .cb-input .cb-pixels"))[:8, :6].reshape(48, 3)
        kinds = {(count, *shade) for count, shade in zip(expected.ravel(), shades.tolist(), strict=True)}
        assert len(kinds) == len(np.unique(expected))
        ends = f"The first corner's pixel is read {expected[0, 0]} ×, the middle one {expected[4, 3]} ×"
        assert page.locator(f".cb-{padding} > .cb-hint").inner_text().startswith(ends)


def test_window_and_its_marks_stand_on_the_pixels_it_reads(show):
    page = show(PaddingAndStrides(height=6, width=7, dilation_rate=2, row=4, column=1))
    grid, output = (page.locator(f".cb-same .cb-{name} .cb-pixels").bounding_box() for name in ("input", "output"))
    cell = grid["width"] / (7 + 4)
    assert output["width"] / 7 == pytest.approx(cell, rel=0.03)  # the output is drawn to the input's scale
    left, top = 1 * cell, 4 * cell  # in the padded grid, with stride 1, the window starts at its output's place
    frame = page.locator(".cb-same .cb-input .cb-window").bounding_box()
    marks = page.locator(".cb-same .cb-input .cb-marks").evaluate(
        """(path) => { const [box, { a, d, e, f }] = [path.getBBox(), path.getScreenCTM()];
        return { x: a * box.x + e, y: d * box.y + f, width: a * box.width }; }"""
    )
    for box, inset in ((frame, 0), (marks, 0.06)):
        assert box["x"] - grid["x"] == pytest.approx(left + inset * cell, abs=1.5)
        assert box["y"] - grid["y"] == pytest.approx(top + inset * cell, abs=1.5)
        assert box["width"] == pytest.approx((5 - 2 * inset) * cell, abs=2.5)


@pytest.mark.parametrize("name", ["height", "width"])
def test_sizes_for_which_no_window_fits_are_explained_and_not_drawn(show, name):
    page = show(PaddingAndStrides(**{"height": 6, "width": 7, "kernel_size": 5, name: 3}))
    valid = page.locator(".cb-valid")
    assert valid.locator(".cb-note").inner_text() == "no window of 5 × 5 fits"
    assert valid.locator(".cb-window:visible, .cb-output .cb-pixels:visible").count() == 0
    assert page.locator(".cb-same .cb-window:visible").count() == 2
    assert "valid has no window there; same adds up" in page.locator(".cb-verdict").inner_text()


def test_where_valid_has_no_window_only_that_of_same_is_shown(show):
    page = show(PaddingAndStrides(height=7, width=8, strides=2, column=2))
    assert page.locator(".cb-window:visible").count() == 4
    page.locator(INPUT).press("ArrowRight")
    page.locator(".cb-verdict", has_text="column 3: valid has no window there; same adds up 4 pixels and 5").wait_for()
    assert page.locator(".cb-window:visible").count() == 2


def test_sliders_end_where_the_traits_end_and_stride_bars_dilation_and_dilation_bars_stride(show):
    page = show(PaddingAndStrides())
    page.locator("summary").click()
    script = "(sliders) => sliders.map(({ min, max }) => [Number(min), Number(max)])"
    limits = page.locator("input[type=range]").evaluate_all(script)
    names = ("width", "kernel_size", "strides", "height", "dilation_rate")
    assert limits == [[1, LARGEST[name]] for name in names]
    slide(page, "Stride", 2)
    page.get_by_text("Only with stride 1.").wait_for()
    assert page.get_by_role("slider", name="Dilation").is_disabled()
    slide(page, "Stride", 1)
    page.get_by_text("Only with stride 1.").wait_for(state="hidden")
    slide(page, "Dilation", 3)
    page.get_by_text("Only with dilation 1.").wait_for()
    assert page.get_by_role("slider", name="Stride").is_disabled()
    assert page.get_by_role("slider", name="Dilation").is_enabled()


def test_result_is_spoken_once_the_window_rests(show):
    page = show(PaddingAndStrides())
    page.locator(INPUT).press("ArrowRight")
    figure_pages.wait_for_speech(page, "Output row 0, column 1: valid adds up 9 pixels to")
    slide(page, "Stride", 2)
    figure_pages.wait_for_speech(page, "Output: valid 3 × 4, same 4 × 5.")
    page.locator("summary").click()
    page.get_by_role("checkbox").check()
    figure_pages.wait_for_speech(page, "valid: The first corner's pixel is read")
    page.locator(".cb-same").get_by_role("button", name="k,").hover()
    figure_pages.wait_for_speech(page, "k, columns of the kernel: valid 3, same 3.")


def test_colours_follow_a_switch_of_the_theme(show):
    page = show(PaddingAndStrides())
    before = pixels_of(page.locator(INPUT))[3, 3].sum()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.locator(".convbook-figure[data-theme=dark]").wait_for()
    page.wait_for_function("new Promise((done) => requestAnimationFrame(() => done(true)))")
    assert pixels_of(page.locator(INPUT))[3, 3].sum() < before
