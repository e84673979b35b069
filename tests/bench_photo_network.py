"""How long the networks for photos take in the page, and how much memory: `tests/bench_photo_network.py [PHOTOS]`.

The photo is noise. The longest frame is that of the page while the worker works. The processor's time is that of the
page's process, of all its threads, and leaves out what else the machine was busy with. Memory is what page and workers
hold by the browser's own account, which only a page that is isolated from other origins may ask for.
"""

import sys

import numpy as np
from conftest import PAGE
from playwright.sync_api import sync_playwright
from visits import BROWSER_ARGUMENTS, find_browser

from convbook.backbones import photo_network
from convbook.figures import YourPhoto
from convbook.figures.base import join_modules

# Of each network and size, the milliseconds at the most; our own has no target.
TARGETS_MS = {("efficientnet_lite0", 160): 450, ("efficientnet_lite0", 224): 900, ("cats_and_dogs", 128): None}
FRAME_TARGET_MS, MEMORY_TARGET_MB, TRAINING_TARGET_MS = 50, 150, 100
MEASURE = """async ([source, name, size, count]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { createPhotoNetwork } = await import(url);
  const network = createPhotoNetwork({ model: {}, onRemove() {} }, name);
  await network.load();
  const data = Uint8ClampedArray.from({ length: 4 * 300 * 400 }, () => 256 * Math.random());
  const photo = { width: 400, height: 300, data };
  const times = [], frames = [];
  let [before, isOver] = [performance.now(), false];
  const watch = (now) => {
    frames.push(now - before);
    before = now;
    if (!isOver) requestAnimationFrame(watch);
  };
  requestAnimationFrame(watch);
  for (let n = 0; n < count; n++) {
    const start = performance.now();
    await (size ? network.look(photo, size) : network.cover(photo, 128, 0, 10, n % 10));
    times.push(performance.now() - start);
  }
  isOver = true;
  return [times, frames.slice(1)];
}"""
# Both classifiers of teach it on 20 photos of two classes: trained on all, and on all but each one.
LEARN = """async ([source, count]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { multiplyRows, trainLogistic, leaveOneOut } = (await import(url)).default;
  const labels = Array.from({ length: 20 }, (_, n) => n % 2);
  const row = (label, length) => Float32Array.from({ length }, (_, n) => Math.random() + label * (n % 7 === 0));
  const draw = (length) => labels.map((label) => row(label, length));
  const all = [], left = [];
  for (let n = 0; n < count; n++) {
    const kinds = [draw(1280), draw(768)];
    const start = performance.now();
    const learned = kinds.map((rows) => {
      const products = multiplyRows(rows);
      return [products, trainLogistic(products, labels, 2)];
    });
    all.push(performance.now() - start);
    for (const [products, whole] of learned) [...leaveOneOut(products, labels, 2, whole)];
    left.push(performance.now() - start);
  }
  return [all, left];
}"""
LOGISTIC = "multiplyRows, trainLogistic, leaveOneOut"


class Process:
    """The process of the browser's page that is open."""

    def __init__(self, browser):
        self.session = browser.new_browser_cdp_session()
        found = [each for each in self.read() if each["type"] == "renderer"]
        self.id = max(found, key=lambda each: each["cpuTime"])["id"]

    def read(self):
        return self.session.send("SystemInfo.getProcessInfo")["processInfo"]

    def seconds(self):
        return next(each["cpuTime"] for each in self.read() if each["id"] == self.id)


MEMORY = "async () => (await performance.measureUserAgentSpecificMemory()).bytes / 1e6"
SITE = "https://bench.example/"
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


def open_page(browser):
    """A page with the figure, and both networks where it asks for them, all out of this process."""
    files = {"": PAGE.format(theme="light", figures=YourPhoto().to_html()).encode()}
    for name, packed in photo_network.PACKED.items():
        files[f"_static/{name}.js"] = photo_network.as_script(packed(), name)

    def answer(route):
        path = route.request.url.removeprefix(SITE)
        kind = "text/javascript" if path else "text/html"
        route.fulfill(body=files[path], headers=ISOLATED | {"Content-Type": kind})

    page = browser.new_page()
    page.route(f"{SITE}**", answer)
    page.goto(SITE)
    page.wait_for_selector(".convbook-is-live")
    return page


def main():
    count = int(sys.argv[1]) if sys.argv[1:] else 15
    source = str(YourPhoto()._esm)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_ARGUMENTS)
        page = open_page(browser)
        process = Process(browser)
        for (name, size), target in {**TARGETS_MS, ("cats_and_dogs", 0): None}.items():
            page.evaluate(MEASURE, [source, name, size, 2])  # the browser compiles what it meets often
            start = process.seconds()
            times, frames = page.evaluate(MEASURE, [source, name, size, count])
            processor = 1000 * (process.seconds() - start) / count
            what = f"{name}, {size} px" if size else f"{name}, ten parts covered"
            aim = f" (target {target})" if target else ""
            print(
                f"{what}: median {np.median(times):.0f} ms{aim}, processor {processor:.0f} ms, longest frame "
                f"{max(frames):.0f} ms (target {FRAME_TARGET_MS}), {page.evaluate(MEMORY):.0f} MB "
                f"(target {MEMORY_TARGET_MB})",
                flush=True,
            )
        logistic = join_modules(f'import {{ {LOGISTIC} }} from "./logistic.js";\nexport default {{ {LOGISTIC} }};\n')
        on_all, left_out = np.median(page.evaluate(LEARN, [logistic, count]), axis=1)
        print(
            f"20 photos: trained in {on_all:.1f} ms (target {TRAINING_TARGET_MS}), with each left out in "
            f"{left_out:.1f} ms"
        )
        browser.close()


if __name__ == "__main__":
    main()
