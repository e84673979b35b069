"""How long the live figures take to redraw in the browser: `python tests/bench_figures.py [FIGURE ...]`.

Each figure is at its largest; each redraw is timed from the start of its frame to the end of its layout, so that what
the script does and what the browser computes from it both count. Painting follows outside the script, and shows only in
the time from frame to frame. The processor's time is that of script, style and layout, and leaves out what else the
machine was busy with.
"""

import argparse
import sys
import time

import numpy as np
from playwright.sync_api import sync_playwright
from visits import BROWSER_ARGUMENTS, BROWSERS, PHONE, WIDE, find_browser

from convbook import backbones
from convbook.figures import (
    KERNELS,
    Augmentation,
    Convolution,
    FeatureMaps,
    Freezing,
    NetworkWalk,
    PaddingAndStrides,
    Pipeline,
    Pooling,
    ReceptiveField,
    Seeds,
    TeachIt,
    TrainingCurves,
    Translation,
    YourPhoto,
)

TARGET_MS = 16
PHONE_TARGET_MS, START_TARGET_MS, TIMES_SLOWER = 50, 2500, 4

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


def convolution(rng):
    """A picture of 64 × 64 × 3 pixels, in grey and in colour: the window moves; the kernels change, and all windows."""
    image = rng.integers(0, 256, (64, 64, 3), dtype="uint8")
    for words, colors in (("in grey", False), ("two filters", True)):
        figure = Convolution(image, "sharpen", colors=colors)
        yield f"the window moves, {words}", figure, lambda n: {"row": n % 62, "column": (7 * n) % 62}
    kernels = rng.integers(-3, 4, (2, 3, 3, 3)).astype(float).tolist()
    yield "both kernels change", figure, lambda n: {"filters": [kernels[n % 2], kernels[(n + 1) % 2]]}


def pooling(rng):
    """The largest picture, 32 × 32 pixels."""
    picture = rng.integers(0, 256, (32, 32), dtype="uint8")
    figure = Pooling(picture, strides=1)
    yield "the window moves", figure, lambda n: {"row": n % 29, "column": (7 * n) % 29}
    figure = Pooling(picture, act="a moved picture")
    kernels = [name for name in KERNELS if name != figure.kernel] + [figure.kernel]
    yield "the picture moves", figure, lambda n: {"down": n % 5 - 2, "right": (n // 5) % 5 - 2}
    yield "the kernel changes", figure, lambda n: {"kernel": kernels[n % len(kernels)]}


def padding_and_strides(rng):
    """The largest grid with all counts shown."""
    figure = PaddingAndStrides(height=16, width=16, kernel_size=7, dilation_rate=3, show_counts=True)
    yield "the window moves", figure, lambda n: {"row": n % 16, "column": (7 * n) % 16}
    yield "the size changes", figure, lambda n: {"height": 15 + n % 2}


def receptive_field(rng):
    """The largest picture under the deepest stack."""
    picture = rng.integers(0, 256, (64, 64, 3), dtype="uint8")
    layer = {"kernel_size": 5, "strides": 1, "padding": "same", "dilation_rate": 1}
    figure = ReceptiveField(picture, [layer] * 8)
    yield "the window moves", figure, lambda n: {"row": n % 64, "column": (7 * n) % 64}
    stacks = [[{**layer, "padding": padding}] * 8 for padding in ("valid", "same")]
    yield "the stack changes", figure, lambda n: {"layers": stacks[n % 2], "row": 0, "column": 0}


def translation(rng):
    """Two nets answer at each position."""
    yield "the digit moves", Translation(), lambda n: {"down": n % 35 - 17, "right": (7 * n) % 35 - 17}


def network_walk(rng):
    """A net answers to another digit; the way back goes through another pixel."""
    yield "the digit changes", NetworkWalk(), lambda n: {"digit": n % 10}
    yield "the pixel changes", NetworkWalk(), lambda n: {"pixel_3": n % 25}


def augmentation(rng):
    """Nine pictures of 64 × 64 × 3 pixels, all transforms on."""
    images = rng.integers(0, 256, (2, 64, 64, 3), dtype="uint8")
    figure = Augmentation(images, rotation=0.1, zoom=0.2, translation=0.1, contrast=0.2, brightness=0.1)
    yield "new draws", figure, lambda n: {"draw": n % 4}


def training_curves(rng):
    """Six runs of 100 epochs."""
    names = ("loss", "val_loss", "accuracy", "val_accuracy")
    runs = {f"run {n}": {name: rng.random(100).tolist() for name in names} for n in range(6)}
    yield "the cursor moves", TrainingCurves(runs), lambda n: {"epoch": 1 + n % 100}
    figure = TrainingCurves(runs, validation=False)
    yield (
        "the reader draws",
        figure,
        lambda n: {"_guesses": {"accuracy run 0": rng.random(100).tolist()}, "epoch": 1 + n % 100},
    )
    yield "validation is revealed", figure, lambda n: {"validation": n % 2 == 0}


def feature_maps(rng):
    """The packaged base with eight pictures, all blocks, and as many channels as are shown."""
    backbone, converter = backbones.load("drawn_world")
    images = rng.integers(0, 256, (8, 64, 64, 3), dtype="uint8")
    figure = FeatureMaps(backbone, images, converter=converter)
    yield "the channel changes", figure, lambda n: {"channel": n % 6}
    yield "the picture changes", figure, lambda n: {"picture": n % 8}
    yield "the stage changes", figure, lambda n: {"stage": n % 4, "channel": n % 6}


def freezing(rng):
    """The packaged base with its head."""
    figure = Freezing(asked=False)
    yield "the step changes", figure, lambda n: {"step": 1 + n % 5}
    yield "the blocks change", figure, lambda n: {"step": 5, "unfrozen_blocks": n % 5}
    ticks = ("batch_norm_frozen", "compile_forgotten")
    yield "a tick changes", figure, lambda n: {"step": 5, ticks[n % 2]: n % 4 < 2}


def seeds(rng):
    """All seeds."""
    yield "a seed is drawn", Seeds(), lambda n: {"count": n % 31}
    yield "the spread changes", Seeds(count=30), lambda n: {"spread": 0.5 + 0.5 * (n % 10)}


def pipeline(rng):
    """All pictures on their way."""
    figure = Pipeline(buffer_size=8, cache=True, prefetch=True)
    yield "the time goes on", figure, lambda n: {"time_ms": 2 * n % 270}
    yield "the buffer changes", figure, lambda n: {"buffer_size": 1 + n % 24}


def teach_it(rng):
    """Ten photos and twelve, with two classifiers; each of them is left out in the frames that follow."""
    names = [name for name in TeachIt.photos.options if name != "your own photos"]
    yield "other photos are learned", TeachIt(), lambda n: {"photos": names[n % len(names)]}


def your_photo(rng):
    """Both networks; neither has been asked."""
    names = YourPhoto.sample.options
    yield "another photo is shown", YourPhoto(from_scratch=True), lambda n: {"sample": names[n % len(names)]}


FIGURES = (
    *(convolution, pooling, padding_and_strides, receptive_field, network_walk, translation),
    *(augmentation, training_curves, feature_maps, freezing, seeds, pipeline, teach_it, your_photo),
)


def measure(page, session, figure, changes):
    """Milliseconds of many redraws, from frame to frame, and of the processor for one redraw on average."""
    before = processor_ms(session)
    times = page.evaluate(MEASURE, [str(figure._esm), figure.state(), changes])
    return {**times, "processor": (processor_ms(session) - before) / len(changes)}


def start_ms(page, figure):
    """Milliseconds from a page's text to its live figure, as the built page has both."""
    text, begun = f"<!doctype html><body>{figure.to_html()}", time.perf_counter()
    page.set_content(text)
    page.wait_for_selector(".convbook-is-live", state="attached")
    return 1000 * (time.perf_counter() - begun)


def processor_ms(session):
    """What the page has cost the processor so far."""
    seconds = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    return 1000 * sum(seconds[f"{part}Duration"] for part in ("Script", "RecalcStyle", "Layout"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [figure.__name__ for figure in FIGURES]
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(names)}; without any, all")
    parser.add_argument("--phone", action="store_true", help=f"390 px wide, the processor {TIMES_SLOWER} times slower")
    parser.add_argument("--redraws", type=int, default=200, help="redraws of each kind (default: 200)")
    options = parser.parse_args()
    if unknown := set(options.figures) - set(names):
        parser.error(f"there is no figure {', '.join(sorted(unknown))}; there are {', '.join(names)}.")
    path = find_browser()
    if path is None:
        sys.exit(f"There is no browser to measure in: install one of {', '.join(BROWSERS)}.")
    slow, target = [], PHONE_TARGET_MS if options.phone else TARGET_MS
    print(f"milliseconds of {options.redraws} redraws of each kind; target {target} ms")
    print(f"{'':46} median  95 % within  processor  frame to frame{'  start' if options.phone else ''}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        page = browser.new_page(viewport=PHONE if options.phone else WIDE)
        session = page.context.new_cdp_session(page)
        if options.phone:
            session.send("Emulation.setCPUThrottlingRate", {"rate": TIMES_SLOWER})
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        for kinds in FIGURES:
            if options.figures and kinds.__name__ not in options.figures:
                continue
            for words, figure, change in kinds(np.random.default_rng(0)):
                started = start_ms(page, figure) if options.phone else 0
                page.set_content(f"<!doctype html><style>{figure._css}</style><body>")
                changes = [change(n) for n in range(1, options.redraws + 1)]
                measure(page, session, figure, changes[:50])  # the browser compiles what it meets often
                times = measure(page, session, figure, changes)
                median, p95 = np.quantile(times["redraws"], [0.5, 0.95])
                name = f"{kinds.__name__}: {words}"
                slow += [name] if p95 > target or started > START_TARGET_MS else []
                frame, start = np.median(times["frames"]), f"{started:7.0f}" if options.phone else ""
                numbers = f"{median:6.1f} {p95:12.1f} {times['processor']:10.1f} {frame:15.1f}{start}"
                print(f"{name:46} {numbers}", flush=True)
        browser.close()
    print(f"target missed: {', '.join(slow)}" if slow else "target met")


if __name__ == "__main__":
    main()
