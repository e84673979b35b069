"""Live figures in a second engine, Debian's Firefox, where it is there: they start, answer, and complain of nothing.

Firefox is spoken to by Marionette, which it brings with it: JSON over a socket, each message with its length before it.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time

import pytest
from conftest import PAGE, missing
from photo_pages import DROP, given, noise_photo, put_network
from test_figure_contract import FIGURES

from convbook.figures import TeachIt, YourPhoto

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
SETTINGS = {"marionette.port": 0, "browser.shell.checkDefaultBrowser": False, "app.update.disabledForTesting": True}
COMPLAINTS = """<script>window.complaints = [];
addEventListener("error", (event) => complaints.push(event.message));
addEventListener("unhandledrejection", (event) => complaints.push(String(event.reason)));
console.error = (...words) => complaints.push(words.join(" "));</script>"""

# What a figure shows, its canvases too, as a reader sees it.
LOOK = """return [...document.querySelectorAll(".convbook-figure")].map((figure) =>
  figure.innerHTML + [...figure.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL()));"""
# Works the first control of each figure, as its reader would: a slider, a button, a menu, or keys.
WORK = """for (const figure of document.querySelectorAll(".convbook-figure")) {
  const free = (e) => e.checkVisibility() && !e.disabled && (e.ariaChecked ?? e.ariaPressed) !== "true";
  const kinds = "input[type=range], button, input[type=checkbox], select, [tabindex='0']";
  const control = [...figure.querySelectorAll(kinds)].find((e) => free(e) && !e.closest(".cb-tools"));
  const tell = (event) => control.dispatchEvent(event);
  if (control.type === "range") {
    control.value = control.valueAsNumber < Number(control.max) ? control.max : control.min;
    tell(new Event("input", { bubbles: true }));
  } else if (control.matches("select")) {
    control.selectedIndex = control.selectedIndex ? 0 : 1;
    tell(new Event("input", { bubbles: true }));
    tell(new Event("change", { bubbles: true }));
  } else if (control.matches("button, input")) control.click();
  else for (const key of ["ArrowRight", "ArrowDown"]) tell(new KeyboardEvent("keydown", { key, bubbles: true }));
}"""


class Firefox:
    """A Firefox without a window."""

    def __init__(self, folder):
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in SETTINGS.items()]
        (folder / "user.js").write_text("\n".join(lines), encoding="utf-8")
        command = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(folder)]
        environment = {**os.environ, "HOME": str(folder)}
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = folder / "MarionetteActivePort"
        until = time.monotonic() + 120
        while not (port.exists() and port.read_text().strip()):
            assert self.process.poll() is None, "Firefox ended"
            assert time.monotonic() < until, "Firefox does not start"
            time.sleep(0.1)
        self.socket = socket.create_connection(("127.0.0.1", int(port.read_text())), timeout=120)
        self.receive()
        self.call("WebDriver:NewSession")

    def receive(self):
        length = b""
        while (digit := self.socket.recv(1)) != b":":
            length += digit
        data = b""
        while len(data) < int(length):
            data += self.socket.recv(int(length) - len(data))
        return json.loads(data)

    def call(self, command, **parameters):
        message = json.dumps([0, 1, command, parameters]).encode()
        self.socket.sendall(b"%d:%b" % (len(message), message))
        _, _, error, result = self.receive()
        assert error is None, error
        return result.get("value") if isinstance(result, dict) else result

    def run(self, script, *arguments):
        """Run a function's body in the page; returns what it returns."""
        return self.call("WebDriver:ExecuteScript", script=script, args=list(arguments), sandbox=None)

    def wait_for(self, script, seconds=60):
        until = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < until, script
            time.sleep(0.1)

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    if FIREFOX is None:
        missing("there is no Firefox: install firefox-esr", "CONVBOOK_FIREFOX_REQUIRED")
    with contextlib.closing(Firefox(tmp_path_factory.mktemp("profile"))) as browser:
        yield browser


def test_all_figures_start_answer_and_follow_the_theme_in_firefox(firefox, tmp_path):
    path = tmp_path / "page.html"
    figures = "\n".join(make().to_html() for make in FIGURES.values())
    path.write_text(PAGE.format(theme="light", figures=COMPLAINTS + figures), encoding="utf-8")
    firefox.call("WebDriver:Navigate", url=path.as_uri())
    firefox.wait_for(f"return document.querySelectorAll('.convbook-is-live').length === {len(FIGURES)}")
    assert firefox.run("return [...document.querySelectorAll('.convbook-figure')].map((f) => f.dataset.theme)") == [
        "light"
    ] * len(FIGURES)
    before = firefox.run(LOOK)
    firefox.run(WORK)
    time.sleep(1)
    silent = [name for name, old, new in zip(FIGURES, before, firefox.run(LOOK), strict=True) if old == new]
    assert silent == []
    firefox.run("document.documentElement.dataset.theme = 'dark'")
    firefox.wait_for(
        "return [...document.querySelectorAll('.convbook-figure')].every((f) => f.dataset.theme === 'dark')"
    )
    assert firefox.run("return window.complaints") == []


# What stands in the figures of photos, pressed one after the other, and what must then be there.
SAYS = "return [...document.querySelectorAll('.convbook-figure')].some((f) => f.innerText.includes({!r}))"
PRESS = (
    "[...document.querySelectorAll('button')].find((b) => b.checkVisibility() && b.innerText.startsWith({!r})).click()"
)


def test_networks_look_at_photos_in_firefox(firefox, tmp_path):
    put_network(tmp_path)
    figures = YourPhoto(from_scratch=True).to_html() + TeachIt("your own photos").to_html()
    path = tmp_path / "page.html"
    path.write_text(PAGE.format(theme="light", figures=COMPLAINTS + figures), encoding="utf-8")
    firefox.call("WebDriver:Navigate", url=path.as_uri())
    firefox.wait_for("return document.querySelectorAll('.convbook-is-live').length === 2")
    drop = f"({DROP})(arguments[0])"
    firefox.run(drop, given(noise_photo(60, 40), place="[data-figure=your_photo]"))
    firefox.wait_for(SAYS.format("yours"))
    firefox.run(PRESS.format("Cat or dog?"))
    firefox.wait_for(SAYS.format("What does this hang on?"))
    firefox.run(PRESS.format("What does this hang on?"))
    firefox.wait_for("return /is covered|part covered:/.test(document.body.innerText)")
    firefox.run(PRESS.format("Ask this one"))
    firefox.wait_for("return document.querySelectorAll('.cb-answers [role=radio] b').length === 3")
    for n in range(4):
        firefox.run(drop, given(noise_photo(seed=n), place=f"div.cb-class:nth-of-type({n % 2 + 1})"))
        firefox.wait_for(f"return document.querySelectorAll('div.cb-class .cb-photo').length === {n + 1}")
    firefox.wait_for(SAYS.format("of 4 left-out photos right"))
    assert firefox.run("return window.complaints") == []
