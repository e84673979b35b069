"""The built site, for the tests and for what is made from it: its folder, a browser, a link on its front page."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The first three features draw the address bar, which nobody sees, by pages of Chromium's own: half of the time of a
# page of ours. Of several lists Chromium takes the last, so the others repeat Playwright's.
FEATURES_OFF = [
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "AimEnabled", "LensOverlay", "MediaRouter"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose"),
    *("HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "NetworkTimeServiceQuerying", "OptimizationHints"),
    *("PaintHolding", "PreconnectToSearch", "TcpPortRandomizationWin", "ThirdPartyStoragePartitioning"),
]
BROWSER_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    f"--disable-features={','.join(FEATURES_OFF)}",
]


def find_browser():
    """The path of the system's Chromium, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def need_page(page):
    """Return a page's path.

    Raises:
        FileNotFoundError: if it is not built.
    """
    if not page.is_file():
        raise FileNotFoundError(f"The page {page.stem} is not built: run make book first.")
    return page


def link_from_front_page(page, address, words):
    """Write a link before the first section of the front page, unless it is there."""
    text, link = page.read_text(encoding="utf-8"), f'<p class="made"><a href="{address}">{words}</a></p>'
    if link not in text:
        head = text.index("</h1>")
        place = text.find("<section", head)
        place = place if place > 0 else text.index("</article>")
        page.write_text(f"{text[:place]}{link}\n{text[place:]}", encoding="utf-8")
