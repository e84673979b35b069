"""How long the convolution figure takes to redraw in the browser: `python tests/bench_figures.py`.

A picture of 64 × 64 × 3 pixels; each redraw is timed from the start of its frame to the end of its layout, so that what
the script does and what the browser computes from it both count. Painting follows outside the script, and shows only in
the time from frame to frame. The processor's time is that of script, style and layout, and leaves out what else the
machine was busy with.
"""

import argparse
import statistics
import sys

import numpy as np
from playwright.sync_api import sync_playwright
from visits import BROWSER_ARGUMENTS, BROWSERS, find_browser

from convbook.figures import Convolution

TARGET_MS = 16

# The figure asks for a frame when its state changes. A callback asked for before that change runs before the figure's
# own in the same frame, one asked for after it runs behind: between the two lies the redraw.
MEASURE = """async ([source, state, changes]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: figure } = await import(url);
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  const listeners = {};
  const model = {
    get: (name) => state[name],
    set(name, value) { state[name] = value; (listeners[`change:${name}`] ?? []).forEach((listener) => listener()); },
    save_changes() {}, on: (name, listener) => (listeners[name] ??= []).push(listener), off() {},
  };
  figure.render({ model, el });
  await new Promise((done) => setTimeout(done, 300));
  const redraws = [], frames = [];
  let previous;
  for (const change of changes) {
    let start;
    await new Promise((done) => {
      requestAnimationFrame((now) => {
        if (previous !== undefined) frames.push(now - previous);
        previous = now;
        start = performance.now();
      });
      for (const [name, value] of Object.entries(change)) model.set(name, value);
      requestAnimationFrame(() => { el.getBoundingClientRect(); redraws.push(performance.now() - start); done(); });
    });
  }
  return { redraws, frames };
}"""


def changes_of(kind, figure, count, rng):
    """So many different states to go to, one after the other."""
    rows, columns = figure.response_shape
    if kind == "window":
        return [{"row": n % rows, "column": (7 * n) % columns} for n in range(1, count + 1)]
    return [{"kernel": rng.integers(-3, 4, (3, 3, 3)).tolist()} for _ in range(count)]


def measure(page, session, kind, count):
    """Milliseconds of many redraws, from frame to frame, and of the processor for one redraw on average."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 64, 3), dtype="uint8")
    figure = Convolution(image, "sharpen", all_windows=True)
    before = processor_ms(session)
    times = page.evaluate(MEASURE, [str(figure._esm), figure.state(), changes_of(kind, figure, count, rng)])
    return {**times, "processor": (processor_ms(session) - before) / count}


def processor_ms(session):
    """What the page has cost the processor so far."""
    seconds = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    return 1000 * sum(seconds[f"{part}Duration"] for part in ("Script", "RecalcStyle", "Layout"))


def quantiles(times):
    """Median and 95th percentile."""
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redraws", type=int, default=500, help="redraws of each kind (default: 500)")
    count = parser.parse_args().redraws
    path = find_browser()
    if path is None:
        sys.exit(f"There is no browser to measure in: install one of {', '.join(BROWSERS)}.")
    slow = False
    print(f"convolution figure, 64 × 64 × 3, {count} redraws of each kind; target {TARGET_MS} ms")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_content(f"<!doctype html><style>{Convolution._css}</style><body>")
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        for kind, words in (("window", "the window moves"), ("kernel", "the kernel changes")):
            measure(page, session, kind, 50)  # the browser compiles what it meets often
            times = measure(page, session, kind, count)
            median, p95 = quantiles(times["redraws"])
            slow |= p95 > TARGET_MS
            frame, processor = statistics.median(times["frames"]), times["processor"]
            print(
                f"{words:18}  median {median:5.2f} ms  95 % within {p95:5.2f} ms  processor {processor:5.2f} ms  ",
                end="",
            )
            print(f"frame to frame {frame:5.2f} ms")
        browser.close()
    print("target missed" if slow else "target met")


if __name__ == "__main__":
    main()
