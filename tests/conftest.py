"""What tests share: the built site, a server for it, the system's browser, and a page with live figures in it."""

import functools
import http.server
import os
import threading

import pytest
from chapters import ROOT
from playwright.sync_api import sync_playwright
from visits import BROWSER_ARGUMENTS, BROWSERS, WIDE, find_browser

PAGE = """<!doctype html><html lang="en" data-theme="{theme}"><meta charset="utf-8">
<title>Figures</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
html[data-theme="light"] {{ --pst-color-text-base: #1f252c; --pst-color-background: #fff; }}
html[data-theme="dark"] {{ --pst-color-text-base: #dfe4ea; --pst-color-background: #14181d; }}
@media print {{ html[data-theme] {{ --pst-color-text-base: #000; --pst-color-background: #fff; }} }}
html {{ background: var(--pst-color-background); color: var(--pst-color-text-base); }}
</style><main><h1>Figures</h1>{figures}</main></html>"""


def missing(what, variable):
    """Skip a test for the lack of something, or fail it where that thing was promised."""
    (pytest.fail if os.environ.get(variable) == "1" else pytest.skip)(what)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Say nothing: a request is no news."""


@pytest.fixture(scope="session")
def start_server():
    """A function that starts a server on this machine, with this handler of its requests."""
    servers = []

    def start(handler):
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def serve(start_server):
    """A function that serves a folder on this machine and returns its address."""

    def start(folder):
        return f"http://127.0.0.1:{start_server(functools.partial(QuietHandler, directory=folder)).server_port}/"

    return start


@pytest.fixture(scope="session")
def site():
    """The folder of the built site."""
    folder = ROOT / "_build" / "html"
    if not (folder / "index.html").is_file():
        missing(f"there is no site at {folder.relative_to(ROOT)}: run make book first", "CONVBOOK_SITE_REQUIRED")
    return folder


@pytest.fixture(scope="session")
def site_urls(site, serve):
    """The site's addresses: {"http": …, "file": …}."""
    return {"http": serve(site), "file": f"{site.as_uri()}/"}


@pytest.fixture(scope="module")
def browser():
    """The system's Chromium, closed with each module: while it is open no notebook can be executed in this process."""
    path = find_browser()
    if path is None:
        missing(f"there is no browser to look at the site with: install one of {BROWSERS}", "CONVBOOK_BROWSER_REQUIRED")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def blank(browser):
    """A page without anything, in which functions of JavaScript are called."""
    page = browser.new_page()
    yield page
    page.close()


@pytest.fixture
def show(browser, tmp_path):
    """A function that puts figures on a page and opens it; the page must ask for nothing and complain of nothing."""
    contexts, complaints, requests = [], [], []

    def open_page(*shown, theme="light", size=WIDE, address=None, chapter=None, link="", init_script="", **options):
        path = tmp_path / f"page{len(contexts)}.html"
        body = "\n".join(figure.to_html() for figure in shown)
        if chapter is not None:  # as the site does
            from convbook_site import with_figures_numbered
            from convbook_weight import with_parts_once

            body = with_parts_once(with_figures_numbered(body, chapter))
        path.write_text(PAGE.format(theme=theme, figures=body), encoding="utf-8")
        if "convbookPhotoNetwork" in body:
            from photo_pages import put_network

            put_network(tmp_path)
        context = browser.new_context(viewport=size, **options)
        contexts.append(context)
        context.add_init_script(init_script)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: requests.append(request.url))
        page.goto((address or (lambda name: path.as_uri()))(path.name) + link)
        if options.get("java_script_enabled", True):
            page.wait_for_selector(".convbook-is-live")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    # The networks for photos when a reader asks for them.
    own = (".html", "/_static/efficientnet_lite0.js", "/_static/cats_and_dogs.js")
    assert [url for url in requests if not url.startswith(("data:", "blob:")) and not any(n in url for n in own)] == []
