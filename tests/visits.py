"""Visits to pages of the built site in a real browser, and what is written down on the way."""

import contextlib
import sys
from pathlib import Path
from typing import NamedTuple

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import TimeoutError as PlaywrightTimeout

sys.path.append(str(Path(__file__).resolve().parents[1] / "book" / "assets"))  # pytest knows it; scripts do not
from built_site import BROWSER_ARGUMENTS, BROWSERS, find_browser  # noqa: F401

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
FACTS = (Path(__file__).parent / "page_facts.js").read_text(encoding="utf-8")
SCHEMES = ("light", "dark")

# What loads only when it is seen is loaded now, and waited for; a picture that cannot be had is no reason to wait.
SETTLE = """async () => {
  window.scrollTo(0, document.scrollingElement.scrollHeight);
  await document.fonts.ready;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => null)));
}"""

STARTED = """() => [...document.querySelectorAll(".convbook-page")].every(
  (figure) => figure.classList.contains("convbook-is-live"))"""

# Figures learn of another size, and of paper, with the next frame, and redraw then.
NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

REACHABLE = """() => [...document.querySelectorAll("pre")].every(
  (box) => box.scrollWidth <= box.clientWidth || box.tabIndex === 0)"""

# axe-core's rules; preload off, for it would ask for the style sheets again.
AXE = {"resultTypes": ["violations"], "preload": False}
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
CONTENT_AUDIT = {**AXE, "rules": {rule: {"enabled": False} for rule in COLOUR_RULES}}
COLOUR_AUDIT = {**AXE, "runOnly": COLOUR_RULES}

# Coloured code is thousands of words in a few colours, and axe-core is slow with each: it gets one word of each kind.
THIN_CODE = """() => {
  const words = [...document.querySelectorAll(".highlight pre span")].filter((word) => !word.children.length);
  const kind = (word) => [word.className, getComputedStyle(word).color,
    getComputedStyle(word.closest(".highlight")).backgroundColor].join();
  const kinds = words.map(kind);
  words.forEach((word, i) => kinds.indexOf(kinds[i]) < i && word.remove());
}"""

SHOW_ANSWERS = "() => document.querySelector('.show-answers input')?.click()"
CHOOSE_SCHEME = "localStorage.setItem('mode', '{scheme}'); localStorage.setItem('theme', '{scheme}')"


class Visit(NamedTuple):
    """What one visit brought: `facts` are those of page_facts.js on the screen, on a phone and in print."""

    url: str
    scheme: str
    requests: list
    size_bytes: int
    complaints: list
    violations: list
    source: str
    facts: dict


@contextlib.contextmanager
def open_page(browser, url, scheme="light", size=WIDE):
    """A page in a browser of its own memory, with the scheme chosen as the theme's switch would."""
    with contextlib.closing(browser.new_context(viewport=size, color_scheme=scheme)) as context:
        page = context.new_page()
        page.goto(url)
        page.evaluate(CHOOSE_SCHEME.format(scheme=scheme))
        page.reload(wait_until="load")
        yield page


def visit(browser, url, scheme="light", audits=()):
    """Go to a page, look at it on a wide screen, on a phone and in print, and write down what it asked for and said.

    Its figures start while its answers wait; all that is written down afterwards is of a page that shows them.

    Args:
        audits: which of CONTENT_AUDIT and COLOUR_AUDIT axe-core is to make; it takes seconds.
    """
    with contextlib.closing(browser.new_context(viewport=WIDE, color_scheme=scheme)) as context:
        context.add_init_script(CHOOSE_SCHEME.format(scheme=scheme))
        page = context.new_page()
        requests, complaints = [], []
        page.on("request", lambda request: requests.append(request))
        page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url[:200]}"))
        page.on("response", lambda r: complaints.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda m: complaints.append(f"console: {m.text}") if m.type == "error" else None)
        page.goto(url, wait_until="load")
        with contextlib.suppress(PlaywrightTimeout):
            page.wait_for_function(STARTED, timeout=10_000)
        started = page.locator(".convbook-is-live").count()
        page.evaluate(SHOW_ANSWERS)
        page.evaluate(SETTLE)
        page.evaluate(NEXT_FRAME)
        facts = {"screen": {**page.evaluate(FACTS, True), "started": started}}
        page.set_viewport_size(PHONE)
        page.evaluate(NEXT_FRAME)
        facts["phone"] = page.evaluate(FACTS, False)
        page.set_viewport_size(WIDE)
        # Some time after a change of size the theme makes boxes that scroll reachable by keyboard.
        with contextlib.suppress(PlaywrightTimeout):
            page.wait_for_function(REACHABLE, timeout=5000)
        page.emulate_media(media="print")
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        page.evaluate(NEXT_FRAME)
        facts["print"] = page.evaluate(FACTS, False)
        page.emulate_media(media="screen")
        urls = [r.url for r in requests if not r.url.startswith(("data:", "blob:"))]
        answered = [r for r in requests if r.url.startswith("http") and r.response()]
        size_bytes = sum(r.sizes()["responseBodySize"] for r in answered)
        source, violations = page.content(), []
        for audit in audits:
            if audit is COLOUR_AUDIT:
                page.evaluate(THIN_CODE)
            violations += Axe().run(page, options=audit).response["violations"]
        return Visit(url, scheme, urls, size_bytes, complaints, violations, source, facts)
