"""How tests read live figures on a page, and touch them; the fixture `show` in conftest.py opens the page."""

import re
from fractions import Fraction

import numpy as np
import pytest

from convbook.figures import FigureError, LiveFigure
from convbook.figures.base import Whole, join_modules

# The colours of negative numbers, zero and positive numbers on a light page.
NEGATIVE, ZERO, POSITIVE = np.array([11, 110, 153]), np.array([243, 242, 239]), np.array([196, 87, 10])


class Ruler(LiveFigure):
    """The smallest figure that can be written: a number, a slider and the number's square."""

    size = Whole(3, 1, 9).tag(sync=True)
    alternative = "A number and its square."
    _esm = join_modules(
        """import { createSlider, h, liveFigure, setText } from "./base.js";
const options = { task: ["Slide, and see the square grow.", "Or use the arrow keys."] };
export default liveFigure("ruler", ["size"], ({ model, el, set }) => {
  const slider = createSlider("Size", (size) => set({ size }), { unit: " px" });
  const square = h("output", { class: "square" });
  el.append(slider.element, square);
  return () => {
    slider.update(model.get("size"), { min: 1, max: 9 });
    setText(square, `${model.get("size") ** 2}`);
    return `Square ${square.textContent}.`;
  };
}, options);
"""
    )


def assert_refused(make, changes, remedy):
    """Assert that the constructor refuses these, and so does a figure whose traits they are, which stays as it was."""
    with pytest.raises(FigureError, match=remedy):
        make(**changes)
    *others, name = changes
    figure = make(**{other: changes[other] for other in others})
    before = figure.state()
    if figure.has_trait(name):
        with pytest.raises(FigureError, match=remedy):
            setattr(figure, name, changes[name])
    assert figure.state() == before


# ---- what a page shows ---------------------------------------------------------------------------------------------


def number(text):
    """A number as a figure writes it, which may be a fraction."""
    return float(Fraction(text.replace("−", "-")))


def numbers(text):
    """All numbers in a text, in their order."""
    return [number(part) for part in re.findall(r"[−-]?\d+(?:\.\d+)?", text.replace(",", ""))]


def texts(page, selector):
    """The texts of all elements that fit a selector."""
    return page.locator(selector).all_inner_texts()


def tables(page):
    """The numbers of every table of the figure: {label: array}; a kernel's numbers stand in fields."""
    script = """() => {
      const read = (cell) => cell.querySelector("input")?.value ?? cell.textContent;
      const rows = (grid) => [...grid.children].map((row) => [...row.children].map(read));
      return [...document.querySelectorAll(".cb-grid")].map((grid) => [grid.ariaLabel, rows(grid)]);
    }"""
    return {label: np.array([[number(text) for text in row] for row in rows]) for label, rows in page.evaluate(script)}


def spoken(page):
    """What the figure says to readers who listen."""
    return page.locator(".cb-spoken").first.inner_text()


def wait_for_speech(page, words):
    """Wait until the figure says something that holds these words."""
    page.locator(".cb-spoken").get_by_text(words).wait_for(state="attached")


def pixels_of(grid, parts=3):
    """The red, green and blue of every pixel of a pixel grid or a canvas, and with 4 parts how opaque it is."""
    script = """(grid) => { const canvas = grid.querySelector("canvas") ?? grid;
      return [canvas.height, canvas.width,
        [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]]; }"""
    height, width, values = grid.evaluate(script)
    return np.reshape(values, (height, width, 4))[..., :parts]


def diverging_colors(values, scale):
    """The colours of numbers from −scale to scale on a light page, uint8 (…, 3): blue below zero, orange above."""
    share = np.clip(np.asarray(values, dtype=float) / scale, -1, 1)[..., np.newaxis]
    ends = np.where(share < 0, NEGATIVE, POSITIVE)
    return np.floor(ZERO + (ends - ZERO) * np.abs(share) + 0.5).astype(np.uint8)


def packed(image):
    """An image (height, width) or (height, width, channels) as the JavaScript holds pictures and maps."""
    sizes = dict(zip(("height", "width", "channels"), np.atleast_3d(image).shape, strict=True))
    return {**sizes, "values": np.ravel(image).tolist()}


def call(figure, page, function, calls):
    """What a function that the module of a figure's class exports gives for each list of arguments.

    Of a map its values in a row.
    """
    script = """async ([source, name, calls]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const call = (await import(url))[name];
      const plain = (given) => {
        if (ArrayBuffer.isView(given) || Array.isArray(given)) return Array.from(given, plain);
        if (given === null || typeof given !== "object") return given;
        return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, plain(value)]));
      };
      const answers = (await Promise.all(calls.map((values) => call(...values)))).map(plain);
      return answers.map((answer) => (Array.isArray(answer?.values) ? answer.values : answer));
    }"""
    return page.evaluate(script, [str(figure._esm), function, calls])


# ---- what a reader does --------------------------------------------------------------------------------------------


def centre_of(grid, row, column):
    """Where on the screen a pixel of a pixel grid has its centre."""
    height, width = grid.evaluate("(grid) => [grid.querySelector('canvas').height, grid.querySelector('canvas').width]")
    box = grid.bounding_box()
    return box["x"] + (column + 0.5) * box["width"] / width, box["y"] + (row + 0.5) * box["height"] / height


def slide(page, name, value):
    """Set a slider."""
    page.get_by_role("slider", name=name).fill(str(value))


def swipe(page, start, end):
    """Draw a finger over the screen, from (x, y) to (x, y)."""
    touch = page.context.new_cdp_session(page)
    for n, (x, y) in enumerate(np.linspace(start, end, 8)):
        point = {"type": "touchMove" if n else "touchStart", "touchPoints": [{"x": x, "y": y}]}
        touch.send("Input.dispatchTouchEvent", point)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
