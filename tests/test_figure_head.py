"""Tests of what stands above every figure, its link and full screen, and of details, with the smallest figure."""

import numpy as np
import pytest
from convbook_site import with_figures_numbered
from figure_pages import Ruler, slide

from convbook.figures import Convolution, LiveFigure
from convbook.figures.base import Whole, join_modules


class Folded(LiveFigure):
    """A number in sight, and its square behind details."""

    size = Whole(3, 1, 9).tag(sync=True)
    alternative = "A number, and its square behind it."
    _esm = join_modules(
        """import { createSlider, h, liveFigure, setText } from "./base.js";
import { createDetails } from "./controls.js";
export default liveFigure("folded", ["size"], (frame) => {
  const slider = createSlider("Size", (size) => frame.set({ size }));
  const element = h("output", { class: "square" });
  const square = { element, update: (size) => setText(element, `${size ** 2}`) };
  const update = frame.add({ ...slider, update: (size) => slider.update(size, { min: 1, max: 9 }) },
    createDetails(frame, "The square", square));
  return () => update(frame.model.get("size"));
}, { task: "Slide, and open what is behind." });
"""
    )


def size_shown(page):
    return page.locator(".square").inner_text()


@pytest.mark.parametrize("host", ["file", "http"])
def test_a_link_is_copied_and_opens_the_state_from_a_file_and_from_a_server(show, serve, tmp_path, host):
    address = None if host == "file" else lambda name: f"{serve(tmp_path)}{name}"
    page = show(Ruler(), Ruler(), address=address, chapter=3, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("slider").nth(1).fill("8")
    page.get_by_role("button", name="Copy link").nth(1).press("Enter")
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.url
    assert copied.endswith(f"#figure-ruler-2?v={Ruler().link()['version']}&size=8")
    page.get_by_role("button", name="Copy link").nth(1).wait_for()  # its name again
    page.evaluate("document.body.style.paddingTop = '3000px'")
    page.goto("about:blank")
    page.goto(copied)
    page.locator(".square >> nth=1", has_text="64").wait_for()
    assert page.locator(".square").all_inner_texts() == ["9", "64"]
    assert page.locator(".cb-task b").all_inner_texts() == ["Figure 3.1 ", "Figure 3.2 "]


def test_where_nothing_may_be_copied_the_address_holds_the_link_and_the_figure_says_so(show):
    page = show(Ruler(), chapter=3)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("The page's address holds the link now").wait_for()
    assert "#figure-ruler?v=" in page.url


def test_a_link_brings_its_figure_into_sight_and_puts_back_what_it_does_not_name(show):
    page = show(*[Convolution(np.zeros((9, 9))) for _ in range(4)], Ruler(), chapter=1, link="#figure-ruler?size=7")
    page.locator(".square", has_text="49").wait_for()
    page.wait_for_function("scrollY > 500")
    slide(page, "Size", 2)
    page.evaluate("location.hash = 'figure-ruler?'")
    page.locator(".square", has_text="9").wait_for()


def test_without_an_anchor_there_is_no_link_and_outside_a_chapter_no_number(show):
    page = show(Ruler())
    assert page.get_by_role("button", name="Copy link").count() == 0
    assert page.get_by_role("button", name="Full screen").count() == 1
    assert with_figures_numbered(Ruler().to_html()).startswith('<div class="convbook-page" id="figure-ruler"><style ')
    without_script = show(Ruler(), chapter=5, java_script_enabled=False)
    still = without_script.locator(".convbook-still")
    assert still.evaluate("(e) => getComputedStyle(e, '::before').content").startswith('"Figure "')


def test_a_full_screen_shows_all_of_the_figure_as_large_as_it_fits_and_is_left_again(show):
    page = show(Convolution(np.zeros((20, 30))), chapter=2)
    before = page.locator(".cb-input canvas").bounding_box()["width"]
    page.get_by_role("button", name="Full screen").click()
    page.get_by_role("button", name="Leave full screen").wait_for()
    sizes = "(e) => [document.fullscreenElement === e, e.scrollHeight <= e.clientHeight, Number(e.style.zoom)]"
    is_full, is_in_sight, zoom = page.locator(".convbook-figure").evaluate(sizes)
    assert is_full
    assert is_in_sight
    assert zoom > 1.05
    assert page.locator(".cb-input canvas").bounding_box()["width"] > before
    page.get_by_role("button", name="Leave full screen").press("Enter")
    page.get_by_role("button", name="Full screen", exact=True).wait_for()
    assert page.locator(".cb-input canvas").bounding_box()["width"] == before


def test_where_the_browser_has_no_full_screen_there_is_no_button_for_it(show):
    script = "Object.defineProperty(Document.prototype, 'fullscreenEnabled', { get: () => false })"
    page = show(Ruler(), chapter=2, init_script=script)
    assert page.get_by_role("button", name="Copy link").count() == 1
    assert page.get_by_role("button", name="Full screen").count() == 0


def test_details_open_by_keyboard_keep_their_state_and_are_open_on_paper(show):
    page = show(Folded())
    details = page.locator("details.cb-details")
    assert details.get_attribute("open") is None
    slide(page, "Size", 5)
    page.emulate_media(media="print")
    page.locator("details.cb-details[open]").wait_for()
    assert size_shown(page) == "25"
    page.emulate_media(media="screen")
    page.locator("details.cb-details:not([open])").wait_for()
    page.locator("summary").press("Enter")
    page.locator("details.cb-details[open]").wait_for()
    slide(page, "Size", 6)
    page.locator(".square", has_text="36").wait_for()
    page.emulate_media(media="print")
    page.emulate_media(media="screen")
    assert details.get_attribute("open") is not None
