"""What figures share, and the convolution figure: its numbers, and what a reader does with it in a browser."""

import base64
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import traitlets
from figure_pages import (
    Ruler,
    assert_refused,
    call,
    centre_of,
    diverging_colors,
    number,
    packed,
    pixels_of,
    spoken,
    tables,
    texts,
    wait_for_speech,
)
from ipywidgets import Dropdown, IntSlider, jslink, link
from visits import NEXT_FRAME, PHONE, WIDE

from convbook import figures
from convbook.figures import Convolution, FigureError, LiveFigure
from convbook.figures.base import DIVERGING, SHARED_STYLE, Checked, Choice, Number, Switch, Whole, join_modules
from convbook.figures.convolution import kernels_for
from convbook.operations import convolve2d

RNG = np.random.default_rng(7)
GREY = RNG.integers(0, 256, (12, 17), dtype="uint8")
COLOR = RNG.integers(0, 256, (9, 14, 3), dtype="uint8")
STEP = np.array([[0, 0, 9, 9, 9]] * 4, dtype="uint8")  # dark on the left, light on the right, 4 × 5


def respond(image, kernel, bias=0):
    """The response map by the library's loops; `kernel` is a name or an array (height, width[, channels])."""
    image = image.reshape(*image.shape[:2], -1)
    kernel = np.array(kernels_for(image.shape[2])[kernel] if isinstance(kernel, str) else kernel, float)
    if kernel.ndim == 2:
        kernel = np.repeat(kernel[..., np.newaxis], image.shape[2], axis=2)
    return convolve2d(image, kernel[..., np.newaxis], [bias])[..., 0]


def in_grey(image):
    """A picture in one channel, as the chapter makes it."""
    return image.reshape(*image.shape[:2], -1).mean(axis=2).astype(image.dtype)


def settle(page):
    page.evaluate(NEXT_FRAME)


def result(page):
    return number(page.locator(".cb-result").inner_text())


# ---- Python's side -------------------------------------------------------------------------------------------------


def test_a_figure_loads_no_other_figure():
    code = "import sys, convbook.figures as f; f.Seeds; print(*(name for name in sys.modules if f.__name__ in name))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(said.split()) == {"convbook.figures", "convbook.figures.base", "convbook.figures.seeds"}


def test_kernels_do_what_their_names_say():
    flat = np.full((3, 3), 90, dtype="uint8")
    answers = {name: respond(flat, name).item() for name in figures.KERNELS}
    finding = dict.fromkeys(["vertical edges", "horizontal edges", "outline"], 0)
    assert answers == pytest.approx(dict.fromkeys(["identity", "blur", "sharpen", "emboss"], 90) | finding)
    blue = np.broadcast_to(np.array([0, 0, 90], dtype="uint8"), (3, 3, 3))
    assert respond(blue, "red, not blue").item() == pytest.approx(-90)
    assert respond(blue, "red, not green").item() == 0


def test_kernels_are_taken_in_every_layout():
    assert Convolution(GREY, np.ones((3, 3))).kernel == np.ones((3, 3, 1)).tolist()
    layer = RNG.normal(size=(3, 3, 3, 2))  # as Keras keeps it
    figure = Convolution(COLOR, filters=[layer[..., 0], np.ones((3, 3))], biases=np.array([1, 2]))
    assert figure.filters == [layer[..., 0].tolist(), np.ones((3, 3, 3)).tolist()]
    assert figure.biases == [1, 2]


def test_pictures_are_its_own_or_given_ones():
    assert Convolution().state()["_names"] == ["cat", "eye", "cup", "digit"]
    given = Convolution([GREY, COLOR], names=["noise", "colour"])
    assert [packed["channels"] for packed in given.state()["_pictures"]] == [1, 3]


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"images": np.zeros((2, 9, 9, 1), "uint8")}, r"images\[0\]"),
        ({"images": np.zeros(9, "uint8")}, "give one picture"),
        ({"images": np.zeros((9, 9, 4), "uint8")}, r"image\[:, :, :3\]"),
        ({"images": np.zeros((3, 9, 9), "uint8")}, "moveaxis"),
        ({"images": [GREY, np.zeros((97, 9), "uint8")]}, "resize"),
        ({"images": np.zeros((9, 0), "uint8")}, "1 to 96"),
        ({"images": np.full((9, 9), 7.0)}, "divide by 255"),
        ({"images": np.full((9, 9), np.nan)}, "divide by 255"),
        ({"images": np.zeros((9, 9), "int64")}, "uint8"),
        ({"images": np.zeros((2, 9), "uint8")}, "Give a larger picture"),
        ({"images": []}, "give one, or a list"),
        ({"names": ["one", "two"]}, "each of the 1 pictures"),
        ({"picture": 1}, "there are 1 pictures: give 0"),
        ({"kernel": "vertical edge"}, "vertical edges"),
        ({"kernel": "red, not blue"}, "1 channel"),
        ({"kernel": np.ones((3, 3, 2))}, r"give \(3, 3, 1\)"),
        ({"kernel": np.ones((5, 5))}, r"\(3, 3\) for the same"),
        ({"kernel": [[1, np.inf, 1]] * 3}, "finite"),
        ({"kernel": [["a", "b"]]}, "a name or an array"),
        ({"kernel": None}, "a name"),
        ({"filters": "blur"}, "a list of 2 names or arrays"),
        ({"filters": ["blur"]}, "a list of 2 names or arrays"),
        ({"filters": ["blur", "blurred"]}, "red, not blue"),
        ({"filters": ["blur", np.ones((3, 3, 3, 4))]}, r"kernel\[\.\.\., 0\]"),
        ({"biases": 1}, "a list of 2 numbers"),
        ({"biases": [0, np.nan]}, "2 finite numbers"),
        ({"filter": 2}, "give 0 to 1"),
        ({"row": 10}, "give 0 to 9"),
        ({"column": -1}, "give 0 to 14"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    assert_refused(lambda **given: Convolution(**{"images": GREY, **given}), changes, remedy)


def test_controls_are_linked_to_the_traits():
    figure = Convolution(GREY)
    row, kernel = IntSlider(max=9), Dropdown(options=list(figures.KERNELS))
    link((figure, "row"), (row, "value"))
    link((figure, "kernel"), (kernel, "value"))
    row.value, kernel.value = 4, "blur"
    assert (figure.row, figure.kernel) == (4, "blur")
    assert jslink((figure, "column"), (row, "value")).source == (figure, "column")


class Box(LiveFigure):
    """Traits of every type, and two that must fit each other."""

    pixels = Checked(figures.base.check_picture, np.zeros((2, 3, 1), "uint8"))
    padding = Choice(("valid", "same"), remedy="Keras has these two.").tag(sync=True)
    size = Choice((2, 3), 3).tag(sync=True)
    share = Number(0.5, 0, 1).tag(sync=True)
    move = Whole(0, -2, 2, remedy="Further out it is cut.").tag(sync=True)
    count = Whole(None, 1, allow_none=True).tag(sync=True)
    on = Switch(True).tag(sync=True)
    alternative = "A box of every type of trait."
    _esm = "export default {}"

    def check(self, state):
        if state.padding == "same" and state.size == 2:
            raise ValueError("A box of 2 has no padding; give 'valid', or a size of 3.")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"padding": "full"}, "padding is 'full'; give 'valid' or 'same'. Keras has these two."),
        ({"size": True}, "size is True; give 2 or 3."),
        ({"share": 1.5}, "share is 1.5; give 0 to 1."),
        ({"share": "1"}, "share is '1'; give a finite number, 0 to 1."),
        ({"share": np.inf}, "share is inf; give a finite number, 0 to 1."),
        ({"move": -3}, "move is -3; give −2 to 2. Further out it is cut."),
        ({"move": 1.0}, "move is 1.0; give a whole number, −2 to 2. Further out it is cut."),
        ({"count": 0}, "count is 0; give 1 or more."),
        ({"on": 1}, "on is 1; give True or False."),
        ({"pixels": np.zeros(3)}, "image has the shape"),
        ({"move": 1, "size": 2, "padding": "same"}, "A box of 2 has no padding; give 'valid', or a size of 3."),
        ({"move": 1, "padding": "full"}, "padding is 'full'"),
    ],
)
def test_a_refused_trait_leaves_the_old_state_wherever_it_comes_from(changes, message):
    def assign(box):
        for name, value in changes.items():
            setattr(box, name, value)

    def hold(box):
        with box.hold_trait_notifications():
            assign(box)

    with pytest.raises(FigureError, match=f"^{re.escape(message)}"):
        Box(**changes)
    for change in (hold, lambda box: box.set_state(changes), *([assign] if len(changes) == 1 else [])):
        box = Box()
        before = box.state()
        if change is hold or change is assign or "pixels" not in changes:  # the browser sends no picture
            with pytest.raises(FigureError, match=f"^{re.escape(message)}"):
                change(box)
        assert box.state() == before
        box.move = 2
        assert box.move == 2


def test_traits_take_what_numpy_gives_and_keep_plain_values():
    box = Box(move=np.int64(-2), share=np.float32(0.25), on=np.bool_(False), size=np.int64(2), count=None)
    assert json.dumps(box.state())
    assert (box.move, box.share, box.on, box.size, box.count) == (-2, 0.25, False, 2, None)


def test_changes_that_fit_together_alone_are_taken_together():
    box = Box(size=2)
    box.set_state({"padding": "same", "size": 3})
    assert (box.padding, box.size) == ("same", 3)


def test_state_is_json_and_holds_the_pictures_bytes_compactly():
    state = Convolution(np.zeros((64, 64, 3), "uint8")).state()
    own = ["all_windows", "biases", "colors", "column", "filter", "filters", "kernel", "picture", "row"]
    assert sorted(state) == ["_kernels", "_names", "_pictures", *own]
    assert len(json.dumps(state["_pictures"])) < 1.35 * 64 * 64 * 3
    half = Convolution(np.full((3, 4), 0.5)).state()["_pictures"][0]
    assert np.frombuffer(base64.b64decode(half["data"]), "<f4").tolist() == [0.5] * 12


def test_html_follows_the_state_and_stays_small():
    figure = Convolution(GREY, "sharpen", row=3)
    first = figure.to_html()
    assert first != Convolution(GREY, "sharpen", row=4).to_html()
    assert figure.alternative == (
        "A picture of 12 × 17 pixels with a window on it, and its response map with the kernel sharpen."
    )
    without_picture = re.sub(r'base64,[^"]*|"data": "[^"]*"', "", first)
    assert len(without_picture.encode()) < 76_000
    assert "/*" not in without_picture
    assert len(Convolution().to_html().encode()) < 125_000


def test_text_cannot_end_the_script_around_it():
    figure = Ruler()
    figure.add_traits(word=traitlets.Unicode("</script><b>").tag(sync=True))
    assert "</script><b>" not in figure.to_html()
    figure._esm = 'export default "</script>"'
    assert figure.to_html().count("</script>") == figure.to_html().count("<script") == 2


def test_what_two_figures_share_stands_on_a_page_once_and_both_come_alive(show):
    page = show(Convolution(GREY), Ruler(), Convolution(GREY), chapter=2)
    page.wait_for_function("() => document.querySelectorAll('.convbook-is-live').length === 3")
    source = page.content()
    assert source.count("function liveFigure(") == source.count(SHARED_STYLE) == 1
    assert source.count("function createStepping(") == 1
    assert page.locator("script[data-part]:empty").count() > 3


def test_bundle_holds_the_widget_for_a_kernel_and_html_for_the_page_and_colab_gets_the_widget_alone(monkeypatch):
    assert LiveFigure._ipython_display_ is None  # so that ipywidgets 7 asks for the bundle too
    data, _ = Convolution(GREY)._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert data["text/html"].startswith('<div class="convbook-page" data-name="')
    assert data["text/plain"].startswith("Convolution(all_windows=False, biases=[0.0, -40.0], colors=False, column=0")
    monkeypatch.setitem(sys.modules, "google.colab", object())
    assert "text/html" not in Convolution(GREY)._repr_mimebundle_()[0]


def test_figure_that_imports_another_module_is_refused():
    with pytest.raises(FigureError, match=r"other\.js"):
        join_modules('import { h } from "./base.js";\nimport x from "./other.js";\n')
    with pytest.raises(FigureError, match="alone; found: 'import h from"):
        join_modules('import h from "./base.js";\n')


def test_only_a_figure_that_runs_a_net_carries_the_code_for_it():
    nets = join_modules('import { h } from "./base.js";\nimport { runNet } from "./network.js";\nexport default 1;\n')
    assert "function runNet(" in nets
    assert "function liveFigure(" in nets
    assert "import" not in re.findall(r"^\w+", nets, re.MULTILINE)
    assert "function runNet(" not in str(Ruler._esm)
    assert "function createStepping(" not in str(Ruler._esm)


# ---- what a reader sees and does -------------------------------------------------------------------------------------


def test_javascript_agrees_with_the_loops_and_with_keras(blank):
    from keras import ops

    shapes = [(6, 9, 1), (9, 6, 3), (5, 8, 3), (7, 4, 1), (1, 4, 3)], [(3, 3), (3, 3), (2, 4), (5, 1), (1, 1)]
    for image_shape, kernel_shape in zip(*shapes, strict=True):
        image, kernel = RNG.normal(size=image_shape), RNG.normal(size=(*kernel_shape, image_shape[2]))
        answer = np.array(call(Convolution, blank, "convolve", [[packed(image), kernel.tolist(), 0.5]])[0])
        loops = convolve2d(image, kernel[..., np.newaxis], bias=[0.5])[..., 0]
        keras = ops.conv(image[np.newaxis].astype("float32"), kernel[..., np.newaxis].astype("float32"))
        np.testing.assert_allclose(answer.reshape(loops.shape), loops, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(answer, np.ravel(keras) + 0.5, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("image", [GREY, COLOR, COLOR / 255.0], ids=["grey", "colour", "floats"])
@pytest.mark.parametrize("colors", [False, True])
def test_numbers_shown_are_those_of_numpy(show, image, colors):
    pixels = np.broadcast_to(np.atleast_3d(image), (*image.shape[:2], 3)) if colors else in_grey(image)[..., None]
    kernel = RNG.integers(-9, 10, (3, 3, pixels.shape[2])) / 4
    given = {"filters": ["blur", kernel], "biases": [3, 300], "filter": 1} if colors else {"kernel": kernel}
    page = show(Convolution(image, colors=colors, row=5, column=8, **given))
    shown, patch = tables(page), pixels[5:8, 8:11].astype(float)
    for channel, name in enumerate(["red", "green", "blue"] if colors else [""]):
        labels = f"{name} patch", f"kernel for {name}" if name else "kernel", f"{name} products"
        numbers = patch[..., channel], kernel[..., channel], (patch * kernel)[..., channel]
        for label, expected in zip(labels, numbers, strict=True):
            np.testing.assert_allclose(shown[label.strip()], expected, atol=0.006, rtol=0.01)
        if colors:
            channel_sum = number(page.locator(".cb-channel-sum").nth(channel).inner_text())
            assert channel_sum == pytest.approx(numbers[2].sum(), abs=0.6)
    total = respond(pixels, kernel, 300 * colors)[5, 8]
    assert result(page) == pytest.approx(max(0, total) if colors else total, abs=0.006)


@pytest.mark.parametrize("colors", [False, True])
def test_every_kernel_by_name_gives_the_response_of_the_operations(show, colors):
    page = show(Convolution(COLOR, row=4, column=2, colors=colors, biases=[-7, 0]))
    kernels = page.get_by_role("combobox", name="Kernel").first
    names = kernels.locator("option").all_inner_texts()
    assert len(names) == (9 if colors else 7)
    for name in names:
        kernels.select_option(name)
        response = np.maximum(respond(COLOR, name, -7), 0) if colors else respond(in_grey(COLOR), name)
        settle(page)
        described = page.locator(".cb-output .cb-pixels").first.get_attribute("aria-label")
        assert result(page) == pytest.approx(response[4, 2], abs=0.006)
        low, high = (number(text) for text in re.findall(r"(?:from|to) (−?[\d.]+)", described))
        assert (low, high) == pytest.approx((response.min(), response.max()), abs=0.006)
        if not colors:
            np.testing.assert_allclose(tables(page)["kernel"], figures.KERNELS[name], atol=0.006)


def test_two_filters_give_the_channels_that_a_layer_of_keras_gives(show):
    from keras import layers

    layer = layers.Conv2D(2, 3, activation="relu")
    layer.build((None, 9, 14, 3))
    kernel, biases = RNG.normal(size=(3, 3, 3, 2)), np.array([20.0, -30.0])
    layer.set_weights([kernel, biases])
    output = np.asarray(layer(COLOR[np.newaxis].astype("float32")))[0]
    page = show(Convolution(COLOR, colors=True, filters=list(np.moveaxis(kernel, -1, 0)), biases=biases))
    for row, column, channel in ((0, 0, 0), (6, 11, 1), (3, 7, 0), (2, 9, 1)):
        page.mouse.click(*centre_of(page.locator(".cb-output .cb-pixels").nth(channel), row, column))
        page.get_by_text(f"output[{row}, {column}, {channel}]").wait_for()
        assert result(page) == pytest.approx(output[row, column, channel], abs=0.01)
    for channel in (0, 1):
        sizes = np.sort(np.abs(output[..., channel]), axis=None)
        expected = diverging_colors(output[..., channel], sizes[np.ceil(0.98 * (sizes.size - 1)).astype(int)])
        shown = pixels_of(page.locator(".cb-output .cb-pixels").nth(channel), parts=4)
        np.testing.assert_allclose(shown[..., :3].astype(int), expected, atol=2)  # faint pixels are rounded
        assert (shown[..., 3] == 255).sum() == 4  # where the window has been


def test_one_switch_leads_from_a_grey_picture_to_one_in_colour_and_keeps_the_window(show):
    page = show(Convolution(COLOR, row=2, column=5))
    grey = pixels_of(page.locator(".cb-input .cb-pixels"))
    np.testing.assert_array_equal(grey, np.repeat(in_grey(COLOR)[..., np.newaxis], 3, axis=2))
    page.get_by_role("checkbox", name="RGB, two filters").check()
    page.get_by_text("output[2, 5, 0]").wait_for()
    np.testing.assert_array_equal(pixels_of(page.locator(".cb-input .cb-pixels")), COLOR)
    page.get_by_role("radio", name="Filter 2").click()
    page.get_by_text("output[2, 5, 1]").wait_for()
    page.get_by_role("textbox", name="bias").fill("12.5")
    expected = max(0, respond(COLOR, "red, not green", 12.5)[2, 5])
    settle(page)
    assert result(page) == pytest.approx(expected, abs=0.006)


def test_another_picture_can_be_chosen_and_begins_without_visits(show):
    page = show(Convolution([COLOR, GREY], names=["colours", "grey"], row=6, column=11))
    page.get_by_role("button", name="Step").click()
    page.locator(".cb-output [aria-label*='2 of 84']").wait_for()
    page.get_by_role("combobox", name="Picture").select_option("grey")
    page.locator(".cb-output [aria-label*='1 of 150']").wait_for()
    np.testing.assert_array_equal(pixels_of(page.locator(".cb-input .cb-pixels"))[..., 0], GREY)


def test_play_begins_at_the_start_wherever_the_window_is_and_goes_on_after_a_pause(show):
    page = show(Convolution(GREY, row=5, column=8))
    visited = "() => +document.querySelector('.cb-output [aria-label]').ariaLabel.match(/(\\d+) of/)[1]"
    play = page.get_by_role("button", name=re.compile("Play|Pause"))
    play.click()
    page.wait_for_function("document.querySelector('.cb-input .cb-place').textContent.startsWith('image[0:3')")
    page.wait_for_function(f"({visited})() > 4")
    play.click()
    count = page.evaluate(visited)
    assert count < 60
    play.click()
    page.wait_for_function(f"({visited})() > {count + 4}")
    page.locator(".cb-input .cb-pixels").press("ArrowDown")  # whoever moves the window ends the tour
    play.click()
    page.wait_for_function(f"({visited})() < {count}")


def test_sizes_and_places_are_those_of_numpy(show):
    page = show(Convolution(GREY, row=4, column=7))
    assert texts(page, ".cb-input .cb-hint") == ["12 × 17 × 1"]
    assert texts(page, ".cb-output >> nth=0 >> .cb-note") == ["10 × 15"]
    assert texts(page, ".cb-place") == ["image[4:7, 7:10]", "response[4, 7]"]


def test_lines_lead_from_the_window_to_its_patch_and_from_the_sum_to_its_pixel(show):
    for size, colors in ((WIDE, False), (WIDE, True), (PHONE, False), (PHONE, True)):
        page = show(Convolution(COLOR, row=3, column=6, colors=colors, filter=int(colors)), size=size)
        settle(page)
        ends = page.evaluate(
            """(nth) => {
              const start = document.querySelector(".cb-links").getBoundingClientRect();
              const at = (path, share) => {
                const line = document.querySelector(path);
                const { x, y } = line.getPointAtLength(share * line.getTotalLength());
                return [x + start.x, y + start.y];
              };
              const near = ([x, y], element, room) => {
                const { left, right, top, bottom } = element.getBoundingClientRect();
                return x > left - room && x < right + room && y > top - room && y < bottom + room;
              };
              const [input, output] = [".cb-input", ".cb-output"].map((part) =>
                [...document.querySelectorAll(`${part} .cb-window`)].filter((e) => e.checkVisibility()));
              const [work, end] = [".cb-work", ".cb-end"].map((part) => document.querySelector(part));
              return [near(at(".cb-zoom", 0), input[0], 2), near(at(".cb-zoom", 1), work, 2),
                near(at(".cb-adding", 0), work, 2), near(at(".cb-writing", 0), end, 2),
                near(at(".cb-writing", 1), output[nth], 14)];
            }""",
            int(colors),
        )
        assert ends == [True] * 5, (size, colors)


def test_response_map_is_painted_in_the_colours_of_its_numbers(show):
    image = np.array([[0, 0, 9, 9, 0, 0]] * 4, dtype="uint8")
    kernel = np.zeros((3, 3))
    kernel[1, :2] = -1, 1
    page = show(Convolution(image, kernel, all_windows=True))  # 2 rows of 0, 9, 0, −9
    shown = pixels_of(page.locator(".cb-output .cb-pixels").first)
    np.testing.assert_array_equal(shown, diverging_colors([[0, 9, 0, -9]] * 2, scale=9))
    assert page.locator(".cb-legend").first.inner_text().split() == ["−9", "0", "9"]


def test_colours_reach_their_ends_where_one_number_in_fifty_is_larger(blank):
    values = [*range(-60, 40), 500]
    found = call(Convolution, blank, "responseRange", [[{"values": values}], [{"values": [0, 0, -3]}]])
    assert found[0] == {"smallest": -60, "largest": 500, "scale": 59, "isCut": True}
    assert found[1] == {"smallest": -3, "largest": 0, "scale": 3, "isCut": False}


def test_pictures_without_javascript_have_the_colours_of_the_page():
    np.testing.assert_allclose(255 * DIVERGING([0.0, 0.5, 1.0])[:, :3], diverging_colors([-1, 0, 1], 1), atol=2)


@pytest.mark.parametrize(
    ("function", "written"),
    [
        ("formatNumber", {0: "0", -178.0: "−178", 28.333: "28.33", -0.001: "0.00", 0.125: "0.13", 1e-3: "0.00"}),
        ("formatCell", {-1272: "−1272", -113.33: "−113", 28.333: "28.3", 1 / 3: "0.33", 999.5: "1000", 0.5: "0.5"}),
        ("formatWeight", {1 / 9: "1/9", -1 / 9: "−1/9", -0.5: "−0.5", 3 / 16: "3/16", 0.123: "0.12", 2: "2"}),
    ],
)
def test_numbers_are_written_short_and_with_a_true_minus(blank, function, written):
    assert call(Ruler, blank, function, [[value] for value in written]) == list(written.values())


def test_typed_text_is_read_as_a_number_or_refused(blank):
    numbers = {"-2": -2, "−2": -2, " 0,5": 0.5, ".5": 0.5, "3.": 3, "1/8": 0.125, "-1/4": -0.25}
    nonsense = ["", "-", "a", "1/0", "1e3", "1-2", "Infinity"]
    answers = call(Ruler, blank, "parseNumber", [[text] for text in [*numbers, *nonsense]])
    assert answers == [*numbers.values(), *[None] * len(nonsense)]


def test_typed_number_changes_the_kernel_and_nonsense_changes_nothing(show):
    figure = Convolution(GREY, "outline", row=3, column=4)
    page = show(figure)
    cell = page.get_by_role("textbox", name="kernel, row 1, column 1")
    cell.fill("1/3")
    page.get_by_text("own numbers").wait_for(state="attached")
    figure.kernel = [[-1, -1, -1], [-1, 1 / 3, -1], [-1, -1, -1]]
    assert result(page) == pytest.approx(respond(GREY, figure.kernel)[3, 4], abs=0.006)
    cell.fill("x")
    assert cell.get_attribute("aria-invalid") == "true"
    cell.press("Tab")
    assert cell.input_value() == "1/3"
    assert result(page) == pytest.approx(respond(GREY, figure.kernel)[3, 4], abs=0.006)
    cell.focus()
    cell.fill("7")
    cell.press("ArrowUp")
    assert cell.input_value() == "8"
    page.wait_for_function(
        "document.querySelector('.cb-output .cb-select').value === 'outline'"
    )  # the numbers have a name again


def test_play_moves_in_few_steps_for_who_asked_for_less_motion(show):
    moves = {}
    for motion in ("no-preference", "reduce"):
        page = show(Convolution(np.zeros((20, 30), "uint8")), reduced_motion=motion)
        page.evaluate(
            """() => { window.moves = 0; new MutationObserver(() => window.moves++).observe(
            document.querySelector(".cb-said .cb-place"), { characterData: true, subtree: true }); }"""
        )
        page.get_by_role("button", name="Play").click()
        page.wait_for_timeout(1000)
        moves[motion] = page.evaluate("window.moves")
    assert 1 <= moves["reduce"] <= 3
    assert moves["no-preference"] > 8


def test_result_is_spoken_once_the_window_rests(show):
    figure = Convolution(GREY)
    page = show(figure)
    assert spoken(page) == ""
    page.evaluate(
        """() => { const speaker = document.querySelector(".cb-spoken"); window.said = [];
        new MutationObserver(() => window.said.push(speaker.textContent)).observe(speaker,
          { characterData: true, childList: true, subtree: true });
        const grid = document.querySelector(".cb-input .cb-pixels");
        for (let n = 0; n < 4; n++) grid.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" })); }"""
    )
    answer = f"{respond(GREY, figure.kernel)[0, 4]:g}".replace("-", "−")
    wait_for_speech(page, f"Window at row 0, column 4: response {answer}")
    assert len(set(page.evaluate("said"))) == 1  # of the three places on the way nothing was said


class Counter(Ruler):
    """A figure that says two sentences, each of which one button changes."""

    _esm = join_modules(
        """import { createButton, liveFigure } from "./base.js";
export default liveFigure("counter", [], ({ el, redraw }) => {
  const counts = [0, 0];
  counts.forEach((_, n) => el.append(createButton(`Add ${n}`, () => redraw(counts[n]++))));
  return () => counts.map((count, n) => `Count ${n} is ${count}.`);
});
"""
    )


def test_a_sentence_is_not_lost_where_another_one_changes_before_it_was_spoken(show):
    page = show(Counter())
    for name in ("Add 0", "Add 1"):
        page.get_by_role("button", name=name).evaluate(
            "(button) => new Promise((done) => { button.click(); requestAnimationFrame(() => setTimeout(done)); })"
        )
    wait_for_speech(page, "Count 0 is 1. Count 1 is 1.")
    page.get_by_role("button", name="Add 0").click()
    page.wait_for_function("document.querySelector('.cb-spoken').textContent === 'Count 0 is 2.'")


def test_traits_outside_the_map_are_drawn_inside_it_and_the_hosts_style_stays(show):
    page = show(Ruler())
    moved = page.evaluate(
        """async ([source, state]) => {
          const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
          const el = document.createElement("div");
          el.style.width = "50%";
          document.body.append(el);
          const model = { get: (name) => state[name], set: (name, value) => (state[name] = value), save_changes() {},
            on() {}, off() {} };
          (await (await import(url)).default.render({ model, el }))();
          const place = el.querySelector(".cb-said .cb-place").textContent;
          return [state.row, state.column, place, el.style.width];
        }""",
        [str(Convolution._esm), {**Convolution(STEP).state(), "row": 99, "column": 2}],
    )
    assert moved == [1, 2, "response[1, 2]", "50%"]


# ---- hosts, themes, print ------------------------------------------------------------------------------------------


def test_figure_works_from_a_server_and_from_a_file(show, serve, tmp_path):
    for address in (None, lambda name: serve(tmp_path) + name):
        page = show(Convolution(STEP), address=address)
        page.locator(".cb-input .cb-pixels").press("ArrowRight")
        page.get_by_text("response[0, 1]").first.wait_for()
        assert result(page) == 36
