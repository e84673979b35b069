"""The surface to draw a digit on: its picture against NumPy, and drawing by pointer, finger and keys."""

import itertools

import numpy as np
import pytest
from figure_pages import call, swipe

from convbook import digit_nets, photos
from convbook.figures import LiveFigure
from convbook.figures.base import join_modules
from convbook.photos.digits import _enlarge

ROUNDING = 32  # of a pen's edge in so coarse a picture, of 255
SEVEN = [[[3, 2], [20, 2], [9, 26]], [[6, 14], [18, 14]]]
EIGHT = [[[10 + 5 * np.sin(t), 8 - 6 * np.cos(t)] for t in np.linspace(0, 6.3, 20)],
         [[10 + 6 * np.sin(t), 20 - 6 * np.cos(t)] for t in np.linspace(0, 6.3, 20)]]  # fmt: skip


class Pad(LiveFigure):
    """The surface alone, and beside it the picture of what was drawn."""

    alternative = "A surface to draw on."
    _esm = join_modules(
        """import { h, liveFigure, paintPixels, picturePixels } from "./base.js";
import { createDrawing } from "./drawing.js";
const options = { task: "Draw a digit on the dark square, from 0 to 9." };
export default liveFigure("pad", [], ({ el, redraw }) => {
  const [drawing, canvas] = [createDrawing("Draw a digit", redraw), h("canvas")];
  el.append(drawing.element, canvas);
  drawing.element.style.width = "280px";
  return () => {
    const picture = drawing.picture();
    canvas.hidden = !picture;
    if (picture) paintPixels(canvas, picturePixels({ ...picture, white: 255 }), picture);
  };
}, options);
"""
    )


def expected_picture(strokes):
    """What a net gets of strokes: uint8 (28, 28)."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    fitted = [(np.array(stroke) - (low + high) / 2) * 26 / (high - low).max() + 16 for stroke in strokes]
    dots = np.stack(np.meshgrid(np.arange(32), np.arange(32)), axis=-1) + 0.5
    bitmap = np.zeros((32, 32), bool)
    for stroke in fitted:
        for start, end in itertools.pairwise(stroke):
            for share in np.linspace(0, 1, 500):  # the pen's disc all along the stroke
                bitmap |= np.hypot(*np.moveaxis(dots - start - share * (end - start), -1, 0)) < 2.1
    blocks = bitmap.reshape(8, 4, 8, 4).mean(axis=(1, 3))
    return np.pad(_enlarge(blocks[np.newaxis] * 255, 20)[0].round(), 4)


@pytest.mark.parametrize("strokes", [SEVEN, EIGHT], ids=["7", "8"])
def test_a_picture_of_strokes_is_made_as_the_books_digits_were(blank, strokes):
    strokes = [np.array(stroke).tolist() for stroke in strokes]
    small = [(np.array(stroke) / 3 + 2).tolist() for stroke in strokes]
    for values in call(Pad, blank, "drawStrokes", [[strokes], [small]]):
        difference = np.abs(np.reshape(values, (28, 28)) - expected_picture(strokes))
        assert difference.max() < ROUNDING
        assert difference[4:24, 4:24].mean() < ROUNDING / 6
    image = np.reshape(values, (1, 28, 28, 1)).astype("uint8")
    answers = np.asarray(digit_nets.load("convnet")(photos.place_on_canvas(image, 54).astype("float32")))
    assert answers.argmax() == (7 if strokes[0][0][0] == 3 else 8)


def test_pointer_finger_and_keys_draw_and_delete_clears(show):
    page = show(Pad(), has_touch=True)
    pad, picture = page.locator(".cb-drawing"), page.locator("canvas")
    box = pad.bounding_box()

    def at(x, y):
        return box["x"] + 10 * x, box["y"] + 10 * y

    def strokes():
        return [part.count("L") for part in pad.locator("path").get_attribute("d").split("M")[1:]]

    page.mouse.move(*at(4, 4))
    assert picture.is_hidden()
    page.mouse.down()
    page.mouse.move(*at(20, 4), steps=4)
    page.mouse.up()
    page.mouse.move(*at(20, 20))
    picture.wait_for()
    assert strokes() == [5]
    swipe(page, at(20, 4), at(10, 24))
    assert len(strokes()) == 2
    pad.focus()
    for key in (" ", "ArrowUp", "Shift+ArrowLeft", " ", "ArrowDown"):
        page.keyboard.press(key)
    assert strokes()[2:] == [3]
    page.keyboard.press("Delete")
    assert strokes() == []
    picture.wait_for(state="hidden")
