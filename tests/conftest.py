"""What the tests of the built site share: the site, a server for it, and the system's browser."""

import functools
import http.server
import os
import threading

import pytest
from chapters import ROOT
from playwright.sync_api import sync_playwright
from visits import BROWSER_ARGUMENTS, BROWSERS, find_browser


def missing(what, variable):
    """Skip a test for the lack of something, or fail it where that thing was promised."""
    (pytest.fail if os.environ.get(variable) == "1" else pytest.skip)(what)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Say nothing: a request is no news."""


@pytest.fixture(scope="session")
def serve():
    """A function that serves a folder on this machine and returns its address."""
    servers = []

    def start(folder):
        handler = functools.partial(QuietHandler, directory=folder)
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()


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
