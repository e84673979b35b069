"""How long the network for photos takes in the page: `python tests/bench_photo_network.py [PHOTOS]`.

The photo is noise. The longest frame is that of the page while the worker works.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from photo_pages import open_figure
from playwright.sync_api import sync_playwright
from visits import BROWSER_ARGUMENTS, find_browser

from convbook.backbones import photo_network
from convbook.figures import YourPhoto

TARGETS_MS = {160: 450, 224: 900}
MEASURE = """async ([source, size, count]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { createPhotoNetwork } = await import(url);
  const network = createPhotoNetwork({ model: {}, onRemove() {} });
  await network.load();
  const data = Uint8ClampedArray.from({ length: 4 * 300 * 400 }, () => 256 * Math.random());
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
    await network.look({ width: 400, height: 300, data }, size);
    times.push(performance.now() - start);
  }
  isOver = true;
  return [times, frames.slice(1)];
}"""


def main():
    count = int(sys.argv[1]) if sys.argv[1:] else 15
    script = photo_network.as_script(photo_network.packed_imagenet())
    source = str(YourPhoto()._esm)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_ARGUMENTS)
        with open_figure(browser, Path(folder), YourPhoto(), script=script) as page:
            for size, target in TARGETS_MS.items():
                times, frames = page.evaluate(MEASURE, [source, size, count])
                median, longest = np.median(times), max(frames)
                print(
                    f"{size} px: median {median:.0f} ms (target {target}), longest frame {longest:.0f} ms (target 50)"
                )
        browser.close()


if __name__ == "__main__":
    main()
