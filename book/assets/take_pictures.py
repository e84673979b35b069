"""The pictures of the book by which others know it, taken from the front page of the built site.

    python book/assets/take_pictures.py

The README shows pictures/front_light.webp or front_dark.webp, and a link to the site has the card static/card.png.
"""

import contextlib
import io
from pathlib import Path

from built_site import BROWSER_ARGUMENTS, SITE, find_browser, need_page
from convbook_head import CARD_SIZE_PX
from PIL import Image
from playwright.sync_api import sync_playwright

ASSETS = Path(__file__).resolve().parent
README_SIZE_PX = (1280, 800)
CARD_SCALE = 0.92  # so that the whole figure is on it
COLOURS = 128  # of the card
STEPS = ["ArrowRight"] * 8  # the digit leaves its place, and one of the two networks no longer knows it
ALL_TRIED = "() => (document.querySelector('.convbook-live').innerText.match(/ places/g) ?? []).length === 2"
IN_CARD = """.bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, p.buttons { display: none !important }
  .bd-article-container { max-width: 1000px !important; margin: auto } h1 { margin-top: 0 !important }"""


@contextlib.contextmanager
def front_page(browser, scheme, size, scale=1):
    """The front page with its digit moved, on a screen that makes pictures of this size."""
    width, height = (round(length / scale) for length in size)
    screen = {"viewport": {"width": width, "height": height}, "device_scale_factor": scale}
    context = browser.new_context(**screen, color_scheme=scheme)
    with contextlib.closing(context):
        page = context.new_page()
        page.goto(need_page(SITE / "book" / "index.html").as_uri())
        page.locator(".convbook-is-live").wait_for()
        figure = page.locator(".convbook-live [tabindex='0']").first
        for key in STEPS:
            figure.press(key)
        page.wait_for_function(ALL_TRIED)
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.locator(".bd-sidebar-primary").evaluate("(sidebar) => sidebar.scrollTo(0, 0)")
        page.wait_for_timeout(500)
        yield page


def taken(page):
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def main():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_ARGUMENTS)
        for scheme in ("light", "dark"):
            with front_page(browser, scheme, README_SIZE_PX) as page:
                taken(page).save(ASSETS / "pictures" / f"front_{scheme}.webp", quality=75, method=6)
        with front_page(browser, "light", CARD_SIZE_PX, CARD_SCALE) as page:
            page.add_style_tag(content=IN_CARD)
            page.wait_for_timeout(500)
            card = taken(page).quantize(COLOURS, dither=Image.Dither.NONE)
            card.save(ASSETS / "static" / "card.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
