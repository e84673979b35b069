"""Live figures: their state in Python, and what a reader sees and does in a real browser."""

import base64
import json
import re
from importlib import resources

import numpy as np
import pytest
import traitlets
from axe_playwright_python.sync_playwright import Axe
from ipywidgets import Dropdown, IntSlider, jslink, link
from visits import PHONE, WIDE

from convbook import figures
from convbook.figures import Convolution, FigureError, LiveFigure, still
from convbook.figures.base import join_modules
from convbook.operations import convolve2d

RNG = np.random.default_rng(7)
GREY = RNG.integers(0, 256, (12, 17), dtype="uint8")
COLOR = RNG.integers(0, 256, (9, 14, 3), dtype="uint8")
STEP = np.array([[0, 0, 9, 9, 9]] * 4, dtype="uint8")  # dark on the left, light on the right, 4 × 5

PAGE = """<!doctype html><html lang="en" data-theme="{theme}"><meta charset="utf-8">
<title>Figures</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
html[data-theme="light"] {{ --pst-color-text-base: #1f252c; --pst-color-background: #fff; }}
html[data-theme="dark"] {{ --pst-color-text-base: #dfe4ea; --pst-color-background: #14181d; }}
html {{ background: var(--pst-color-background); color: var(--pst-color-text-base); }}
</style><main><h1>Figures</h1>{figures}</main></html>"""


class Ruler(LiveFigure):
    """The smallest figure that can be written: a number, a slider and the number's square."""

    size = traitlets.Int(3).tag(sync=True)
    _esm = join_modules(
        """import { createSlider, h, liveFigure, setText } from "./base.js";
export default liveFigure("ruler", ["size"], ({ model, el, set, announce }) => {
  const slider = createSlider("Size", (size) => set({ size }), { unit: " px" });
  const square = h("output", { class: "square" });
  el.append(slider.element, square);
  return () => {
    slider.update(model.get("size"), { min: 1, max: 9 });
    setText(square, `${model.get("size") ** 2}`);
    announce(`Square ${square.textContent}`);
  };
});
"""
    )

    def describe(self):
        return f"A square of {self.size**2}."

    def draw_still(self):
        return still.wrap_svg([still.draw_text(str(self.size**2), 0, 12)], 40, 20, self.describe())


@pytest.fixture
def show(browser, tmp_path):
    """A function that puts figures on a page and opens it; the page must ask for nothing and complain of nothing."""
    contexts, complaints, requests = [], [], []

    def open_page(*shown, theme="light", size=WIDE, address=None, **options):
        path = tmp_path / f"page{len(contexts)}.html"
        body = "\n".join(figure.to_html() for figure in shown)
        path.write_text(PAGE.format(theme=theme, figures=body), encoding="utf-8")
        context = browser.new_context(viewport=size, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: requests.append(request.url))
        page.goto((address or (lambda name: path.as_uri()))(path.name))
        if options.get("java_script_enabled", True):
            page.wait_for_selector(".convbook-is-live")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("data:", "blob:")) and not url.endswith(".html")] == []


def number(text):
    """A number as a figure writes it."""
    return float(text.replace("−", "-"))


def tables(page):
    """The numbers of every table of the figure: {label: array}; a kernel's numbers stand in fields."""
    script = """() => {
      const read = (cell) => cell.querySelector("input")?.value ?? cell.textContent;
      const rows = (grid) => [...grid.children].map((row) => [...row.children].map(read));
      return [...document.querySelectorAll(".cb-grid")].map((grid) => [grid.ariaLabel, rows(grid)]);
    }"""
    return {label: np.array([[number(text) for text in row] for row in rows]) for label, rows in page.evaluate(script)}


def result(page, nth=0):
    return number(page.locator(".cb-result").nth(nth).inner_text())


def places(page, nth=0):
    """The places that the figure names, [picture, response map]."""
    return page.locator(".convbook-figure").nth(nth).locator(".cb-place").all_inner_texts()


def wait_for_place(page, row, column, nth=0):
    page.locator(".convbook-figure").nth(nth).get_by_text(f"response[{row}, {column}]").first.wait_for()


def picture(page, nth=0):
    return page.locator(".cb-input .cb-pixels").nth(nth)


def call(page, function, calls):
    """What a function that the figure's module exports gives for each list of arguments."""
    script = """async ([source, name, calls]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const call = (await import(url))[name];
      return calls.map((values) => call(...values)).map((given) => given?.values ? [...given.values] : given);
    }"""
    return page.evaluate(script, [str(Convolution._esm), function, calls])


def spoken(page):
    return page.locator(".cb-spoken").first.inner_text()


# ---- Python's side -------------------------------------------------------------------------------------------------


def test_step_gives_the_response_computed_by_hand():
    figure = Convolution(STEP, kernel="vertical edges")
    assert figure.response_shape == (2, 3)
    assert figure.response_map.tolist() == [[36, 36, 0], [36, 36, 0]]
    figure.bias = -6
    assert figure.response_map.tolist() == [[30, 30, -6], [30, 30, -6]]


def test_every_kernel_by_name_gives_the_response_of_the_operations():
    for image, count in ((GREY[..., np.newaxis], 7), (COLOR, 8)):
        names = Convolution(image).kernel_names
        assert len(names) == count
        for name in names:
            figure = Convolution(image, kernel=name)
            np.testing.assert_array_equal(figure.response_map, convolve2d(image, figure.weights)[..., 0])


def test_kernels_do_what_their_names_say():
    flat = np.full((3, 3), 90, dtype="uint8")
    answers = {name: Convolution(flat, name).response_map.item() for name in figures.KERNELS}
    assert answers == pytest.approx(
        {
            "identity": 90,
            "blur": 90,
            "sharpen": 90,
            "vertical edges": 0,
            "horizontal edges": 0,
            "outline": 0,
            "emboss": 90,
        }
    )
    blue = np.broadcast_to(np.array([0, 0, 90], dtype="uint8"), (3, 3, 3))
    assert Convolution(blue, "redder than blue").response_map.item() == pytest.approx(-90)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3), (2, 3, 3, 1)])
def test_kernel_is_taken_in_every_layout(shape):
    kernel = np.ones(shape)
    figure = Convolution(COLOR, kernel)
    assert figure.weights.shape == (2, 3, 3, 1)
    assert figure.response_map[0, 0] == COLOR[:2, :3].sum()


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
        ({"kernel": [["a", "b"]]}, "name or an array"),
        ({"row": 10}, "give 0 to 9"),
        ({"column": -1}, "give 0 to 14"),
        ({"bias": np.nan}, "finite"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    with pytest.raises(ValueError, match=remedy):
        Convolution(**{"image": GREY, **changes})
    figure = Convolution(GREY)
    ((name, value),) = changes.items()
    with pytest.raises(traitlets.TraitError, match=remedy):
        setattr(figure, name, value)
    assert figure.response_shape == (10, 15)


def test_smaller_picture_and_larger_kernel_keep_the_window_inside():
    figure = Convolution(GREY, row=9, column=14)
    figure.kernel = np.ones((5, 5))
    assert (figure.row, figure.column) == (7, 12)
    figure.kernel = "blur"
    figure.image = COLOR
    assert (figure.row, figure.column) == (6, 11)
    assert figure.state()["_picture"]["channels"] == 3


def test_controls_are_linked_to_the_traits():
    figure = Convolution(GREY)
    row, kernel = IntSlider(max=9), Dropdown(options=figure.kernel_names)
    link((figure, "row"), (row, "value"))
    link((figure, "kernel"), (kernel, "value"))
    row.value, kernel.value = 4, "blur"
    assert (figure.row, figure.kernel) == (4, "blur")
    assert jslink((figure, "column"), (row, "value")).source == (figure, "column")


def test_message_of_the_front_end_moves_the_window():
    figure = Convolution(GREY)
    figure.set_state({"row": 2, "column": 3, "kernel": [[[1]], [[2]]]})
    assert figure.response_map[2, 3] == int(GREY[2, 3]) + 2 * int(GREY[3, 3])


def test_state_is_json_and_holds_the_pictures_bytes_compactly():
    figure = Convolution(np.zeros((64, 64, 3), "uint8"))
    state = figure.state()
    assert sorted(state) == ["_kernels", "_picture", "all_windows", "bias", "column", "kernel", "row"]
    assert len(json.dumps(state["_picture"])) < 1.35 * 64 * 64 * 3
    half = Convolution(np.full((3, 4), 0.5)).state()["_picture"]
    assert np.frombuffer(base64.b64decode(half["data"]), "<f4").tolist() == [0.5] * 12


def test_html_is_the_same_for_the_same_state_and_stays_small():
    first, second = (Convolution(GREY, row=3).to_html() for _ in range(2))
    assert first == second
    assert first != Convolution(GREY, row=4).to_html()
    without_picture = re.sub(r'base64,[^"]*|"data": "[^"]*"', "", first)
    assert len(without_picture.encode()) < 60_000
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|\brequire\b|<link|\bsrc=", first)


def test_text_cannot_end_the_script_around_it():
    figure = Ruler()
    figure.add_traits(word=traitlets.Unicode("</script><b>").tag(sync=True))
    assert "</script><b>" not in figure.to_html()


def test_bundle_holds_the_widget_for_a_kernel_and_html_for_the_page():
    data, _ = Convolution(GREY)._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert data["text/html"].startswith('<div class="convbook-page">')
    assert data["text/plain"] == "Convolution(all_windows=False, bias=0.0, column=0, kernel='vertical edges', row=0)"


def test_ipywidgets_7_is_asked_for_the_bundle_too():
    assert LiveFigure._ipython_display_ is None


def test_colab_gets_the_widget_alone(monkeypatch):
    figure = Convolution(GREY)
    monkeypatch.setitem(__import__("sys").modules, "google.colab", object())
    assert "text/html" not in figure._repr_mimebundle_()[0]


def test_files_of_the_figures_lie_side_by_side():
    names = {file.name for file in resources.files("convbook.figures").iterdir()}
    assert {"base.py", "base.js", "base.css", "convolution.py", "convolution.js", "convolution.css"} <= names


def test_figure_that_imports_another_module_is_refused():
    with pytest.raises(FigureError, match=r"other\.js"):
        join_modules('import { h } from "./base.js";\nimport x from "./other.js";\n')
    with pytest.raises(FigureError, match="in one statement"):
        join_modules('import { h } from "./base.js";\nimport { setText } from "./base.js";\n')


def test_only_a_figure_that_runs_a_net_carries_the_code_for_it():
    nets = join_modules('import { h } from "./base.js";\nimport { runNet } from "./network.js";\nexport default 1;\n')
    assert "function runNet(" in nets
    assert "function liveFigure(" in nets
    assert "import" not in re.findall(r"^\w+", nets, re.MULTILINE)
    assert "function runNet(" not in str(Ruler._esm)


# ---- what a reader sees --------------------------------------------------------------------------------------------


def test_javascript_agrees_with_the_loops_and_with_keras(show):
    from keras import ops

    page = show(Ruler())
    shapes = [(6, 9, 1), (9, 6, 3), (5, 8, 3), (7, 4, 1), (1, 4, 3)], [(3, 3), (3, 3), (2, 4), (5, 1), (1, 1)]
    for image_shape, kernel_shape in zip(*shapes, strict=True):
        image, kernel = RNG.normal(size=image_shape), RNG.normal(size=(*kernel_shape, image_shape[2]))
        names = ("height", "width", "channels")
        packed = dict(zip(names, image_shape, strict=True), values=image.ravel().tolist())
        answer = np.array(call(page, "convolve", [[packed, kernel.tolist(), 0.5]])[0])
        loops = convolve2d(image, kernel[..., np.newaxis], bias=[0.5])[..., 0]
        keras = ops.conv(image[np.newaxis].astype("float32"), kernel[..., np.newaxis].astype("float32"))
        np.testing.assert_allclose(answer.reshape(loops.shape), loops, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(answer, np.ravel(keras) + 0.5, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("image", [GREY, COLOR, COLOR / 255.0], ids=["grey", "colour", "floats"])
def test_numbers_shown_are_those_of_python(show, image):
    kernel = RNG.integers(-9, 10, (3, 3, 1 if image.ndim == 2 else 3)) / 4
    figure = Convolution(image, kernel, bias=1.25, row=5, column=8)
    page = show(figure)
    shown, total = tables(page), 0
    for channel, name in enumerate([""] if image.ndim == 2 else ["red", "green", "blue"]):
        patch, weights = figure.patch[..., channel].astype(float), figure.weights[..., channel, 0]
        labels = (
            [f"{name} patch", f"kernel for {name}", f"{name} products"] if name else ["patch", "kernel", "products"]
        )
        for label, expected in zip(labels, (patch, weights, patch * weights), strict=True):
            np.testing.assert_allclose(shown[label], expected, atol=0.006, rtol=0.01)
        total += (patch * weights).sum()
        channel_sum = number(page.locator(".cb-channel-sum").nth(channel).inner_text())
        assert channel_sum == pytest.approx((patch * weights).sum(), abs=0.006)
    assert result(page) == pytest.approx(total + 1.25, abs=0.006)
    assert result(page) == pytest.approx(figure.response_map[5, 8], abs=0.006)


def test_sizes_and_places_are_those_of_numpy(show):
    page = show(Convolution(GREY, row=4, column=7))
    assert page.locator(".cb-note").all_inner_texts() == ["12 × 17 × 1", "9 products, one sum", "10 × 15"]
    assert places(page) == ["image[4:7, 7:10]", "response[4, 7]"]
    assert page.get_by_text("12 − 3 + 1 = 10 rows, 17 − 3 + 1 = 15 columns").is_visible()


def test_response_map_is_painted_in_the_colours_of_its_numbers(show):
    figure = Convolution(STEP, kernel=[[-1, 1]], all_windows=True)  # 4 rows of 0, 9, 0, 0
    figure.image = np.array([[9, 0, 9, 9, 9]] * 4, dtype="uint8")  # then −9, 9, 0, 0
    page = show(figure)
    pixels = page.evaluate(
        """() => { const canvas = document.querySelector(".cb-output canvas");
        return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]; }"""
    )
    expected = still.diverging_colors(figure.response_map, scale=9)
    shown = np.array(pixels).reshape(4, 4, 4)
    np.testing.assert_array_equal(shown[..., :3], expected)
    assert (shown[..., 3] == 255).all()
    legend = page.locator(".cb-legend").inner_text().split()
    assert legend == ["−9", "0", "9"]


def test_numbers_are_written_alike_in_python_and_in_the_browser(show):
    page = show(Ruler())
    values = [0, -0.0, 1, -178, 28.333, -113.335, 0.125, 1e-3, -1e-3, 1 / 9, -1 / 9, 5 / 16, 0.5, 999.5, 12345.678]
    values += RNG.normal(scale=100, size=40).round(3).tolist()
    for name, write in (
        ("formatNumber", still.format_number),
        ("formatCell", still.format_cell),
        ("formatWeight", still.format_weight),
    ):
        assert call(page, name, [[value] for value in values]) == [write(value) for value in values]


def test_typed_text_is_read_as_a_number_or_refused(show):
    numbers = {"-2": -2, "−2": -2, " 0,5": 0.5, ".5": 0.5, "3.": 3, "1/8": 0.125, "-1/4": -0.25}
    nonsense = ["", "-", "a", "1/0", "1e3", "1-2", "Infinity"]
    answers = call(show(Ruler()), "parseNumber", [[text] for text in [*numbers, *nonsense]])
    assert answers == [*numbers.values(), *[None] * len(nonsense)]


# ---- what a reader does --------------------------------------------------------------------------------------------


def test_arrow_keys_move_the_window_and_stop_at_the_border(show):
    figure = Convolution(GREY, row=8, column=1)
    page = show(figure)
    picture(page).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    wait_for_place(page, 9, 3)
    assert result(page) == figure.response_map[9, 3]
    page.keyboard.press("Shift+ArrowUp")
    wait_for_place(page, 6, 3)
    page.keyboard.press("End")
    wait_for_place(page, 6, 14)
    page.keyboard.press("Home")
    wait_for_place(page, 6, 0)
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(50)
    assert places(page)[1] == "response[6, 0]"


def test_every_control_is_reached_and_used_by_keyboard(show):
    page = show(Convolution(STEP))
    reached = []
    for _ in range(16):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", reached[-1]
    assert [*reached[1:5]] == ["Step", "Play", "Show all", "Reset"]
    assert "Picture of 4 rows and 5 columns; arrow keys move the window" in reached
    assert "kernel, row 2, column 2" in reached
    assert reached[-1] == "bias"
    page.keyboard.type("0.5")
    page.wait_for_function("document.querySelector('.cb-result').textContent === '36.5'")


def test_pointer_drags_the_window_and_a_click_places_its_centre(show):
    page = show(Convolution(GREY))
    box = picture(page).bounding_box()
    pixel = box["width"] / 17

    def at(row, column):
        return box["x"] + (column + 0.5) * pixel, box["y"] + (row + 0.5) * pixel

    page.mouse.move(*at(0, 0))
    page.mouse.down()  # grips the window at its first pixel
    page.mouse.move(*at(3, 4), steps=5)
    page.mouse.move(*at(5, 8), steps=5)
    page.mouse.up()
    wait_for_place(page, 5, 8)
    page.mouse.click(*at(3, 2))
    wait_for_place(page, 2, 1)
    page.mouse.click(*at(11, 16))
    wait_for_place(page, 9, 14)


def test_pointer_on_the_response_map_moves_the_window(show):
    page = show(Convolution(GREY))
    box = page.locator(".cb-output .cb-pixels").bounding_box()
    page.mouse.click(box["x"] + 6.5 * box["width"] / 15, box["y"] + 2.5 * box["height"] / 10)
    wait_for_place(page, 2, 6)


def test_finger_drags_the_window_taps_the_picture_and_still_scrolls_the_page(show):
    page = show(Convolution(GREY), Convolution(COLOR), size=PHONE, has_touch=True, is_mobile=True)
    picture(page).scroll_into_view_if_needed()
    box = picture(page).bounding_box()
    pixel = box["width"] / 17
    touch = page.context.new_cdp_session(page)

    def swipe(start, end):
        points = np.linspace(start, end, 8)
        for kind, places in (("touchStart", points[:1]), ("touchMove", points[1:])):
            for row, column in places:
                point = {"x": box["x"] + (column + 0.5) * pixel, "y": box["y"] + (row + 0.5) * pixel}
                touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    scrolled = page.evaluate("scrollY")
    swipe((1, 1), (6, 9))
    wait_for_place(page, 5, 8)
    assert page.evaluate("scrollY") == scrolled
    page.touchscreen.tap(box["x"] + 2.5 * pixel, box["y"] + 2.5 * pixel)
    wait_for_place(page, 1, 1)
    swipe((11, 14), (2, 14))  # beside the window: this is the page's
    page.wait_for_function(f"scrollY > {scrolled}")
    assert places(page)[1] == "response[1, 1]"


def test_chosen_kernel_shows_its_numbers(show):
    figure = Convolution(GREY, row=3, column=4)
    page = show(figure)
    page.get_by_role("combobox", name="Kernel").select_option("sharpen")
    page.wait_for_function("document.querySelector('.cb-grid input').value === '0'")
    np.testing.assert_array_equal(tables(page)["kernel"], figures.KERNELS["sharpen"])
    figure.kernel = "sharpen"
    assert result(page) == figure.response_map[3, 4]


def test_typed_number_changes_the_kernel_and_nonsense_changes_nothing(show):
    figure = Convolution(GREY, "outline", row=3, column=4)
    page = show(figure)
    cell = page.get_by_role("textbox", name="kernel, row 1, column 1")
    cell.fill("1/3")
    page.get_by_text("own numbers").wait_for(state="attached")
    figure.kernel = [[-1, -1, -1], [-1, 1 / 3, -1], [-1, -1, -1]]
    assert result(page) == pytest.approx(figure.response_map[3, 4], abs=0.006)
    cell.fill("x")
    assert cell.get_attribute("aria-invalid") == "true"
    cell.press("Tab")
    assert cell.input_value() == "1/3"
    assert result(page) == pytest.approx(figure.response_map[3, 4], abs=0.006)
    cell.focus()
    cell.fill("7")
    cell.press("ArrowUp")
    assert cell.input_value() == "8"
    page.wait_for_function("document.querySelector('.cb-select').value === 'outline'")  # the numbers have a name again


def test_response_map_grows_is_completed_and_forgotten(show):
    page = show(Convolution(STEP))
    assert described(page).endswith("1 of 6 windows")
    for _ in range(2):
        page.get_by_role("button", name="Step").click()
    wait_for_place(page, 0, 2)
    page.get_by_role("button", name="Step").click()
    wait_for_place(page, 1, 0)
    assert described(page) == "Response map of 2 rows and 3 columns, from 0 to 36, 4 of 6 windows"
    page.get_by_role("button", name="Show all").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show all", disabled=True).wait_for()
    assert described(page).endswith("complete")
    assert page.evaluate("document.activeElement.textContent") == "Show all"
    page.get_by_role("button", name="Reset").click()
    wait_for_place(page, 0, 0)
    assert described(page).endswith("1 of 6 windows")


def described(page):
    return page.locator(".cb-output .cb-pixels").get_attribute("aria-label")


def test_play_visits_every_window_and_stops(show):
    page = show(Convolution(STEP))
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_role("button", name="Play").wait_for()
    assert described(page).endswith("complete")
    assert places(page)[1] == "response[1, 2]"


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
    picture(page).focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    wait_for_place(page, 0, 4)
    assert spoken(page) == ""
    answer = still.format_number(figure.response_map[0, 4])
    page.get_by_text(f"Window at row 0, column 4: response {answer}.").wait_for(state="attached")
    assert page.locator(".cb-spoken").get_attribute("aria-live") == "polite"


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
        picture(page).focus()
        page.keyboard.press("ArrowRight")
        wait_for_place(page, 0, 1)
        assert result(page) == 36


def test_figures_on_one_page_do_not_disturb_each_other(show):
    page = show(Convolution(GREY, row=1), Convolution(GREY, row=1), Convolution(COLOR, row=2), Ruler(size=4))
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))
    picture(page, 1).focus()
    page.keyboard.press("ArrowRight")
    wait_for_place(page, 1, 1, nth=1)
    page.get_by_role("slider", name="Size").fill("5")
    page.get_by_text("25", exact=True).wait_for()
    assert [places(page, n)[1] for n in range(3)] == ["response[1, 0]", "response[1, 1]", "response[2, 0]"]
    assert result(page, 0) == Convolution(GREY).response_map[1, 0]
    assert result(page, 1) == Convolution(GREY).response_map[1, 1]


def cells(page):
    script = "[...document.querySelectorAll('.cb-cell')].map((c) => c.querySelector('input')?.value ?? c.textContent)"
    return page.evaluate(script)


@pytest.mark.parametrize("image", [GREY, COLOR / 255.0], ids=["grey", "colour"])
def test_still_picture_says_what_the_live_figure_says(show, image):
    figure = Convolution(image, "sharpen", bias=0.25, row=3, column=5)
    live, printed, without_script = show(figure), show(figure), show(figure, java_script_enabled=False)
    printed.emulate_media(media="print")
    answer = live.locator(".cb-result").inner_text()
    for page in (printed, without_script):
        picture = page.locator(".convbook-still svg")
        assert picture.is_visible()
        assert not page.locator(".convbook-live").is_visible()
        assert picture.locator("g text").all_text_contents() == cells(live)
        assert f"response[3, 5] = {answer}" in picture.text_content()
        assert f"response {answer}." in picture.get_attribute("aria-label")
    assert not live.locator(".convbook-still").is_visible()
    assert without_script.locator("noscript p").is_visible()


@pytest.mark.parametrize(("theme", "size"), [("light", WIDE), ("dark", PHONE)], ids=["light", "dark"])
def test_axe_finds_nothing_serious(show, theme, size):
    page = show(Convolution(GREY, "blur", all_windows=True), Convolution(COLOR), Ruler(), theme=theme, size=size)
    assert page.locator(".convbook-figure").first.get_attribute("data-theme") == theme
    violations = Axe().run(page).response["violations"]
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []


def test_figure_follows_a_switch_of_the_theme(show):
    page = show(Convolution(GREY))
    color = "getComputedStyle(document.querySelector('.cb-result')).color"
    before = page.evaluate(color)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.locator(".convbook-figure[data-theme=dark]").wait_for()
    assert page.evaluate(color) != before


def test_figure_without_a_host_theme_follows_the_readers_system(show):
    page = show(Convolution(GREY), theme="none", color_scheme="dark")
    assert page.locator(".convbook-figure").get_attribute("data-theme") == "dark"


def test_nothing_is_wider_than_the_page_at_any_width(show):
    page = show(*(Convolution(image[:9], kernel) for image in (GREY, COLOR) for kernel in ("blur", np.ones((5, 5)))))
    for width in (340, 390, 700, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        cells = "[...document.querySelectorAll('.cb-cell')]"
        assert page.evaluate(f"{cells}.filter((cell) => cell.scrollWidth > cell.clientWidth + 1).length") == 0


def test_window_and_number_are_on_a_phones_screen_together(show):
    page = show(Convolution(GREY, row=9), size=PHONE)
    top = page.locator(".cb-input .cb-window").bounding_box()["y"]
    number_box = page.locator(".cb-result").bounding_box()
    assert number_box["y"] + number_box["height"] - top < PHONE["height"] - 100
