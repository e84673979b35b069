"""What figures share, and the convolution figure: its numbers, and what a reader does with it in a browser."""

import base64
import json
import re
import sys

import numpy as np
import pytest
import traitlets
from figure_pages import (
    Ruler,
    assert_refused,
    call,
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

from convbook import figures
from convbook.figures import Convolution, FigureError, LiveFigure
from convbook.figures.base import DIVERGING, Checked, Choice, Number, Switch, Whole, join_modules
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


def result(page):
    return number(page.locator(".cb-result").inner_text())


# ---- Python's side -------------------------------------------------------------------------------------------------


def test_kernels_do_what_their_names_say():
    flat = np.full((3, 3), 90, dtype="uint8")
    answers = {name: respond(flat, name).item() for name in figures.KERNELS}
    finding = dict.fromkeys(["vertical edges", "horizontal edges", "outline"], 0)
    assert answers == pytest.approx(dict.fromkeys(["identity", "blur", "sharpen", "emboss"], 90) | finding)
    blue = np.broadcast_to(np.array([0, 0, 90], dtype="uint8"), (3, 3, 3))
    assert respond(blue, "redder than blue").item() == pytest.approx(-90)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3), (2, 3, 3, 1)])
def test_kernel_is_taken_in_every_layout(shape):
    assert Convolution(COLOR, np.ones(shape)).kernel == np.ones((2, 3, 3)).tolist()


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"image": np.zeros((2, 9, 9, 1), "uint8")}, r"images\[0\]"),
        ({"image": np.zeros(9, "uint8")}, "give one picture"),
        ({"image": np.zeros((9, 9, 4), "uint8")}, r"image\[:, :, :3\]"),
        ({"image": np.zeros((3, 9, 9), "uint8")}, "moveaxis"),
        ({"image": np.zeros((97, 9), "uint8")}, "resize"),
        ({"image": np.zeros((9, 0), "uint8")}, "1 to 96"),
        ({"image": np.full((9, 9), 7.0)}, "divide by 255"),
        ({"image": np.full((9, 9), np.nan)}, "divide by 255"),
        ({"image": np.zeros((9, 9), "int64")}, "uint8"),
        ({"image": np.zeros((2, 9), "uint8")}, "larger picture or a smaller kernel"),
        ({"kernel": "vertical edge"}, "vertical edges"),
        ({"kernel": "redder than blue"}, "1 channel"),
        ({"kernel": np.ones((3, 3, 2))}, r"\(height, width, 1\)"),
        ({"kernel": np.ones((3, 3, 1, 4))}, r"kernel\[\.\.\., :1\]"),
        ({"kernel": np.ones((6, 3))}, "1 to 5"),
        ({"kernel": np.ones((0, 3))}, "1 to 5"),
        ({"kernel": [[1, np.inf, 1]]}, "finite"),
        ({"kernel": [["a", "b"]]}, "a name or an array"),
        ({"kernel": None}, "give one filter"),
        ({"row": 10}, "give 0 to 9"),
        ({"column": -1}, "give 0 to 14"),
        ({"bias": np.nan}, "finite"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    assert_refused(lambda **given: Convolution(**{"image": GREY, **given}), changes, remedy)


def test_controls_are_linked_to_the_traits():
    figure = Convolution(GREY)
    row, kernel = IntSlider(max=9), Dropdown(options=list(figure.state()["_kernels"]))
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
    figure = Convolution(np.zeros((64, 64, 3), "uint8"))
    state = figure.state()
    assert sorted(state) == ["_kernels", "_picture", "all_windows", "bias", "column", "kernel", "row"]
    assert len(json.dumps(state["_picture"])) < 1.35 * 64 * 64 * 3
    half = Convolution(np.full((3, 4), 0.5)).state()["_picture"]
    assert np.frombuffer(base64.b64decode(half["data"]), "<f4").tolist() == [0.5] * 12


def test_html_follows_the_state_and_stays_small():
    figure = Convolution(GREY, "sharpen", row=3)
    first = figure.to_html()
    assert first != Convolution(GREY, "sharpen", row=4).to_html()
    assert figure.alternative == (
        "A picture of 12 × 17 pixels with a window on it, and its response map with the kernel sharpen."
    )
    without_picture = re.sub(r'base64,[^"]*|"data": "[^"]*"', "", first)
    assert len(without_picture.encode()) < 66_000
    assert "/*" not in without_picture


def test_text_cannot_end_the_script_around_it():
    figure = Ruler()
    figure.add_traits(word=traitlets.Unicode("</script><b>").tag(sync=True))
    assert "</script><b>" not in figure.to_html()


def test_bundle_holds_the_widget_for_a_kernel_and_html_for_the_page_and_colab_gets_the_widget_alone(monkeypatch):
    assert LiveFigure._ipython_display_ is None  # so that ipywidgets 7 asks for the bundle too
    data, _ = Convolution(GREY)._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert data["text/html"].startswith('<div class="convbook-page" data-name="')
    assert data["text/plain"] == "Convolution(all_windows=False, bias=0.0, column=0, kernel='vertical edges', row=0)"
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
def test_numbers_shown_are_those_of_numpy(show, image):
    channels = image.reshape(*image.shape[:2], -1)
    kernel = RNG.integers(-9, 10, (3, 3, channels.shape[2])) / 4
    page = show(Convolution(image, kernel, bias=1.25, row=5, column=8))
    shown, patch = tables(page), channels[5:8, 8:11].astype(float)
    for channel, name in enumerate([""] if image.ndim == 2 else ["red", "green", "blue"]):
        labels = f"{name} patch", f"kernel for {name}" if name else "kernel", f"{name} products"
        numbers = patch[..., channel], kernel[..., channel], (patch * kernel)[..., channel]
        for label, expected in zip(labels, numbers, strict=True):
            np.testing.assert_allclose(shown[label.strip()], expected, atol=0.006, rtol=0.01)
        channel_sum = number(page.locator(".cb-channel-sum").nth(channel).inner_text())
        assert channel_sum == pytest.approx(numbers[2].sum(), abs=0.006)
    assert result(page) == pytest.approx(respond(image, kernel, 1.25)[5, 8], abs=0.006)


@pytest.mark.parametrize("image", [GREY, COLOR], ids=["grey", "colour"])
def test_every_kernel_by_name_gives_the_response_of_the_operations(show, image):
    page = show(Convolution(image, row=4, column=2))
    names = texts(page, "select option")
    assert len(names) == (7 if image.ndim == 2 else 8)
    for name in names:
        page.get_by_role("combobox", name="Kernel").select_option(name)
        response = respond(image, name)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        described = page.locator(".cb-output .cb-pixels").get_attribute("aria-label")
        if image.ndim == 2:
            np.testing.assert_allclose(tables(page)["kernel"], figures.KERNELS[name], atol=0.006)
        assert result(page) == pytest.approx(response[4, 2], abs=0.006)
        low, high = (number(text) for text in re.findall(r"(?:from|to) (−?[\d.]+)", described))
        assert (low, high) == pytest.approx((response.min(), response.max()), abs=0.006)


def test_sizes_and_places_are_those_of_numpy(show):
    page = show(Convolution(GREY, row=4, column=7))
    assert texts(page, ".cb-note") == ["12 × 17 × 1", "9 products, one sum", "10 × 15"]
    assert texts(page, ".cb-place") == ["image[4:7, 7:10]", "response[4, 7]"]
    assert page.get_by_text("12 − 3 + 1 = 10 rows, 17 − 3 + 1 = 15 columns").is_visible()


def test_response_map_is_painted_in_the_colours_of_its_numbers(show):
    image = np.array([[9, 0, 9, 9, 9]] * 4, dtype="uint8")
    page = show(Convolution(image, kernel=[[-1, 1]], all_windows=True))  # 4 rows of −9, 9, 0, 0
    shown = pixels_of(page.locator(".cb-output .cb-pixels"))
    np.testing.assert_array_equal(shown, diverging_colors([[-9, 9, 0, 0]] * 4, scale=9))
    assert page.locator(".cb-legend").inner_text().split() == ["−9", "0", "9"]


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
    page.wait_for_function("document.querySelector('.cb-select').value === 'outline'")  # the numbers have a name again


def test_play_moves_in_few_steps_for_who_asked_for_less_motion(show):
    moves = {}
    for motion in ("no-preference", "reduce"):
        page = show(Convolution(np.zeros((20, 30), "uint8")), reduced_motion=motion)
        page.evaluate(
            """() => { window.moves = 0; new MutationObserver(() => window.moves++).observe(
            document.querySelector(".cb-output .cb-place"), { characterData: true, subtree: true }); }"""
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
          const place = el.querySelector(".cb-output .cb-place").textContent;
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
