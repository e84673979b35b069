// The figure of training curves: the reader draws the validation curve, reveals it, and reads both off.

import {
  clampNumber,
  createButton,
  createCheckbox,
  followKeys,
  h,
  liveFigure,
  remember,
  s,
  setAttribute,
  setIdle,
  setStyle,
  setText,
} from "./base.js";
import {
  MEMORISING,
  METRICS,
  PARTS,
  drawStroke,
  eachCurve,
  findMemorising,
  hasGap,
  makeView,
  planEpochs,
  readRun,
  writeNotFinite,
  writeOffScale,
  writeReading,
  writeVerdict,
} from "./curves.js";

const AXIS_TITLES = { accuracy: "accuracy (share of answers that are right)", loss: "loss (mean of the examples)" };

// The number of a curve's colour: the run's; of a run shown alone, validation has a colour of its own.
function colorOf({ shown }, run, part) {
  return shown.length === 1 ? Object.keys(PARTS).indexOf(part) : run.index;
}

const VIEWED = ["metric", "shown", "validation", "_curves"];
const NOTHING = []; // no guess; one object, so that nothing is drawn again

export default liveFigure("training curves", [...VIEWED, "epoch", "_guesses"], (frame) => {
  const { model, set } = frame;
  const viewOf = remember(makeView);
  const read = () => {
    const view = viewOf(...VIEWED.map((name) => model.get(name)));
    const guesses = model.get("_guesses");
    const keyOf = (metric) => `${metric} ${view.shown[0]?.name}`;
    const now = { ...view, view, epoch: clampNumber(model.get("epoch"), 1, view.epochs), guesses, keyOf };
    return { ...now, guess: guesses[keyOf(view.metric)] ?? NOTHING, isHidden: !view.parts.includes("validation") };
  };
  const chart = createChart(read, set);
  const verdict = h("p", { class: "cb-verdict" });
  const update = frame.add(createBar(read, set), chart, verdict, createReadings());

  let width = 0;
  const observer = new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width !== width) frame.redraw();
  });
  observer.observe(chart.element);
  frame.onRemove(() => observer.disconnect());

  return function draw() {
    const now = read();
    width = chart.element.clientWidth;
    update({ ...now, width: width || 600 }); // not on the page yet
    setText(verdict, writeVerdict(now, now.guess));
    return [verdict.textContent, ...writeLines(now)];
  };
}, {
  task: (model) => model.get("validation")
    ? ["Point at an epoch, and read off how far the curves are apart.", "Or use the arrow keys."]
    : ["Draw the validation curve that you expect, then reveal it.", "Keys: ← → step, ↑ ↓ draw."],
  *check({ _curves, shown, epoch }) {
    const names = _curves.map(({ name }) => name);
    if (!Array.isArray(shown) || !shown.every((name) => names.includes(name))) yield "shown";
    if (epoch < 1 || epoch > Math.max(..._curves.map(({ loss }) => loss.length))) yield "epoch";
  },
});

// ---- above the chart: what is shown ---------------------------------------------------------------------------------

function createBar(read, set) {
  // Who has drawn one metric is asked for the other one, too.
  const choose = (metric) => {
    const { guess, guesses, keyOf, isHidden } = read();
    set({ metric, validation: !isHidden && (guess === NOTHING || keyOf(metric) in guesses) });
  };
  const buttons = Object.entries(METRICS).map(([metric, label]) => [metric, createButton(label, () => choose(metric))]);
  const choice = h("div", { class: "cb-choice", role: "group", "aria-label": "Metric" }, ...buttons.map(([, b]) => b));
  const reveal = createButton("", () => {
    const { shown, isHidden, guesses, keyOf, metric } = read();
    if (shown.length === 0) return;
    const { [keyOf(metric)]: dropped, ...others } = guesses;
    set({ validation: isHidden, ...(isHidden ? {} : { _guesses: others }) });
  });
  reveal.classList.add("cb-reveal");
  const ticks = read().runs.map((run) => createRunTick(run, read, set));
  const names = h("div", { class: "cb-choices cb-runs", role: "group", "aria-label": "Runs" }, ...ticks);
  names.hidden = ticks.length < 2;
  return {
    element: h("div", { class: "cb-bar" }, h("div", { class: "cb-choices" }, choice, reveal), names),
    update(view) {
      for (const [name, button] of buttons) setAttribute(button, "aria-pressed", name === view.metric);
      setText(reveal, view.isHidden ? "Reveal validation" : "Draw it yourself");
      setIdle(reveal, view.shown.length === 0);
      for (const tick of ticks) tick.update(view);
    },
  };
}

function createRunTick({ name, index }, read, set) {
  const key = s("svg", { class: "cb-key", "aria-hidden": "true", viewBox: "-17 -9 34 18", "data-color": index });
  key.append(s("path", { d: "M-15 0H15" }), s("path", { class: "cb-mark", d: markShape(index, 6) }));
  const tick = createCheckbox(name, (checked) => {
    const { runs, shown } = read();
    const chosen = runs.filter((run) => (run.name === name ? checked : shown.includes(run)));
    set({ shown: chosen.map((run) => run.name) });
  }, key);
  return {
    element: tick.element,
    update({ shown }) {
      tick.update(shown.some((run) => run.index === index));
      const isOneOfMany = shown.length > 1 && shown.some((run) => run.index === index);
      setStyle(key, isOneOfMany ? "" : "display:none");
    },
  };
}

// ---- the chart -----------------------------------------------------------------------------------------------------

function createChart(read, set) {
  const title = h("span", {});
  const keys = [...Object.keys(PARTS), "guess"].map((part) => [part, createKey(part)]);
  const layers = ["axes", "region", "curves", "cursor", "marks"].map((name) => s("g", { class: `cb-${name}` }));
  const [axes, region, curves, cursor, marks] = layers;
  const guessed = s("path", { class: "cb-guess" });
  const inner = s("svg", { class: "cb-plot" }, curves, guessed); // an inner one, so that it cuts off what leaves it
  const hint = writeText("✎ draw validation here", 0, 0, { class: "cb-ask", "text-anchor": "end" });
  const picture = s("svg", { "aria-hidden": "true" }, axes, region, inner, hint, cursor, marks);
  const element = h("div", { class: "cb-chart", role: "slider", tabindex: 0 }, picture);
  const heading = h("div", { class: "cb-flow cb-hint cb-axis-title" }, title, ...keys.map(([, key]) => key));

  let plot = null;
  // Goes to an epoch and, while validation is hidden, draws to a value there, from where the last move ended.
  const go = ({ epoch, value = null }, from) => {
    const { epochs, axis, isHidden, guess, guesses, keyOf, metric } = read();
    const to = { epoch: clampNumber(Math.round(epoch), 1, epochs), value: clampNumber(value, axis.low, axis.high) };
    const drawn = isHidden && value !== null && { ...guesses, [keyOf(metric)]: drawStroke(guess, epochs, from, to) };
    set({ epoch: to.epoch, ...(drawn ? { _guesses: drawn } : {}) });
    return drawn ? to : undefined;
  };
  moveByPointer(picture, {
    placeOf: (x, y) => ({ epoch: plot.epochAt(x), value: plot.valueAt(y) }),
    drag: (place, from) => read().shown.length > 0 && go(place, from),
    hover: ({ epoch }) => go({ epoch }),
  });
  followKeys(element, (event) => keyTargets(read(), event), (target) => go(target));
  const paint = remember((view, width) => {
    plot = planPlot(view, width, createRuler(element));
    const { height, left, right, top, bottom } = plot;
    setAttributes(picture, { viewBox: `0 0 ${width} ${height}`, height });
    const box = { x: left - 8, y: top - 4, width: right - left + 16, height: bottom - top + 8 };
    setAttributes(inner, { ...box, viewBox: `${box.x} ${box.y} ${box.width} ${box.height}` });
    setAttributes(hint, { x: right - 12, y: view.metric === "accuracy" ? bottom - 14 : top + 22 }); // beside the curve
    axes.replaceChildren(...drawAxes(view, plot));
    region.replaceChildren(...drawRegion(view, plot));
    curves.replaceChildren(...eachCurve(view, (run, part, values) => {
      const color = { "data-color": colorOf(view, run, part) };
      return [s("path", { class: `cb-curve cb-${part}`, d: trace(values, plot), ...color })];
    }));
    marks.replaceChildren(...drawArrows(view, plot), ...drawMarks(view, plot));
  });
  const paintGuess = remember((guess, plotted) => guessed.setAttribute("d", trace(guess, plotted)));
  const placeCursor = remember((view, plotted, epoch, guess) => {
    cursor.replaceChildren(...drawCursor({ ...view, epoch }, plotted));
    const drawn = guess[epoch - 1] ?? null;
    const words = drawn === null ? "" : `, you expect ${drawn}`;
    const value = { "aria-valuenow": epoch, "aria-valuetext": `epoch ${epoch} of ${view.epochs}${words}` };
    setAttributes(element, { "aria-valuemin": 1, "aria-valuemax": view.epochs, ...value });
  });
  return {
    element: h("div", {}, heading, element),
    update({ view, epoch, width, guess, isHidden }) {
      setText(title, AXIS_TITLES[view.metric]);
      setAttribute(element, "aria-label", isHidden ? "Epoch at which the guess is drawn" : "Epoch that is read off");
      element.classList.toggle("cb-asks", isHidden && guess === NOTHING);
      const colors = Object.fromEntries(Object.keys(PARTS).map((part, n) => [part, view.shown.length === 1 ? n : ""]));
      for (const [part, key] of keys) {
        const isDrawn = part === "guess" ? guess !== NOTHING : view.parts.includes(part);
        setStyle(key, isDrawn ? "" : "display:none");
        setAttribute(key, "data-color", colors[part] ?? "");
      }
      paint(view, width);
      paintGuess(guess, plot);
      placeCursor(view, plot, epoch, guess);
    },
  };
}

// A piece of line as the curves of a part have it, and what they are called.
function createKey(part) {
  const line = s("path", { class: part === "guess" ? "cb-guess" : `cb-curve cb-${part}`, d: "M2 5H32" });
  const swatch = s("svg", { class: "cb-swatch", viewBox: "0 0 34 10", "aria-hidden": "true" }, line);
  return h("span", { class: "cb-field" }, swatch, part === "guess" ? "your guess" : part);
}

// Where things stand in a chart so wide, in px.
function planPlot(view, width, measure) {
  const { axis, epochs } = view;
  const left = Math.max(...axis.labels.map(measure)) + 14;
  const [top, right, height] = [22, width - 12, Math.round(clampNumber(0.5 * width, 230, 340))];
  const bottom = height - 38;
  const [span, range] = [right - left, axis.high - axis.low];
  const plot = {
    ...{ width, height, left, right, top, bottom, measure },
    x: (epoch) => (epochs > 1 ? left + (span * (epoch - 1)) / (epochs - 1) : left + span / 2),
    // What is off the scale leaves the plot, but not far: no screen draws to a million.
    y: (value) => bottom - clampNumber((value - axis.low) / range, -1, 2) * (bottom - top),
    epochAt: (x) => 1 + ((x - left) / span) * (epochs - 1),
    valueAt: (y) => axis.low + ((bottom - y) / (bottom - top)) * range,
  };
  return { ...plot, numbers: writeEpochNumbers(view, plot) };
}

// A function that tells the width of a text in the chart, in px, and costs no layout.
function createRuler(element) {
  const context = h("canvas").getContext("2d");
  context.font = `600 13px ${getComputedStyle(element).fontFamily || "sans-serif"}`;
  return (text) => context.measureText(text).width;
}

function drawAxes({ axis }, { left, right, bottom, width, y, numbers }) {
  const lines = axis.ticks.flatMap((tick, n) => [
    s("path", { d: `M${left - 6} ${y(tick)}H${right + 6}` }),
    writeText(axis.labels[n], left - 11, y(tick) + 4, { "text-anchor": "end" }),
  ]);
  const title = writeText("epoch", Math.min(right + 6, width), bottom + 36, { "text-anchor": "end" });
  return [...lines, ...numbers.map(({ element }) => element), title];
}

// The numbers below the chart, which make way for the cursor's own.
function writeEpochNumbers({ epochs }, { left, right, bottom, x, measure }) {
  return planEpochs(epochs, (right - left) / 44).map((epoch) => {
    const element = writeText(epoch, x(epoch), bottom + 20, { "text-anchor": "middle" });
    return { place: x(epoch), half: measure(String(epoch)) / 2, element };
  });
}

// Where a run shown alone has only memorising left, with its name above, from the left edge or up to the right one.
function drawRegion({ shown, parts, metric }, { x, top, bottom, left, right, measure }) {
  const found = shown.length === 1 && parts.includes("validation") && findMemorising(shown[0], metric);
  if (!found) return [];
  const [start, end] = [x(found.best), x(found.last)];
  const isRoomy = start + measure(MEMORISING) <= right + 8;
  const text = writeText(MEMORISING, isRoomy ? start : Math.max(end, left), top - 9, {
    "text-anchor": isRoomy ? "start" : "end",
  });
  return [s("rect", { x: start, y: top - 4, width: Math.max(end - start, 2), height: bottom - top + 4 }), text];
}

// The path of a curve, interrupted where a value is missing; a value without neighbours is a dot.
function trace(values, { x, y }) {
  let path = "";
  values.forEach((value, index) => {
    if (value === null) return;
    const [before, after] = [values[index - 1] ?? null, values[index + 1] ?? null];
    path += `${before === null ? "M" : "L"}${tenths(x(index + 1))} ${tenths(y(value))}`;
    if (before === null && after === null) path += "h.01";
  });
  return path;
}

function tenths(length) {
  return Math.round(10 * length) / 10;
}

// An arrow at the edge where a curve is off the scale; of neighbours that would touch, one.
function drawArrows(view, { x, top }) {
  return eachCurve(view, (run, part, values) => {
    let last = -Infinity;
    return values.flatMap((value, index) => {
      if (value <= view.axis.high || x(index + 1) - last < 9) return [];
      last = x(index + 1);
      const color = { "data-color": colorOf(view, run, part) };
      return [s("path", { class: "cb-arrow", d: `M${last} ${top - 8}l4.5 8h-9z`, ...color })];
    });
  });
}

// The best epochs on validation data.
function drawMarks(view, { x, y, bottom }) {
  if (!view.parts.includes("validation")) return [];
  return view.shown.flatMap((run) => {
    const value = run.curves.validation[run.best - 1] ?? null;
    if (value === null) return [];
    const [at, color] = [x(run.best), { "data-color": colorOf(view, run, "validation") }];
    const [shape, transform] = [markShape(run.index, 6.5), `translate(${at} ${y(value)})`];
    return [
      s("path", { class: "cb-drop", d: `M${at} ${y(value)}V${bottom}`, ...color }),
      s("path", { class: "cb-mark", d: shape, transform, ...color }),
    ];
  });
}

// The path of a run's mark: a shape for each, so that colour is not all that tells them apart.
export function markShape(index, r) {
  if (index === 0) return `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
  const corners = [
    [[-0.88, -0.88], [0.88, -0.88], [0.88, 0.88], [-0.88, 0.88]],
    [[0, -1.1], [1.05, 0.8], [-1.05, 0.8]],
    [[0, -1.2], [1.2, 0], [0, 1.2], [-1.2, 0]],
    [[0, 1.1], [1.05, -0.8], [-1.05, -0.8]],
    [[-0.6, -1.1], [0.6, -1.1], [1.2, 0], [0.6, 1.1], [-0.6, 1.1], [-1.2, 0]],
  ][index - 1];
  return `M${corners.map(([x, y]) => `${x * r} ${y * r}`).join("L")}z`;
}

// The line of the epoch, its number below, and a dot on every curve; beside it the gap of a run shown alone is a bar.
function drawCursor(view, { x, y, top, bottom, left, right, numbers, measure }) {
  const at = x(view.epoch);
  const read = view.shown.length === 1 && readRun(view, view.shown[0]);
  const beside = at + (at < (left + right) / 2 ? 8 : -8);
  const bar = () => s("path", { class: "cb-gap", d: `M${beside} ${y(read.training)}V${y(read.validation)}` });
  const dots = eachCurve(view, (run, part, values) => {
    const value = values[view.epoch - 1] ?? null;
    if (value === null || y(value) < top - 1 || y(value) > bottom + 1) return [];
    const color = colorOf(view, run, part);
    return [s("circle", { class: `cb-dot cb-${part}`, cx: at, cy: y(value), r: 4, "data-color": color })];
  });
  const text = `epoch ${view.epoch}`;
  const half = measure(text) / 2 + 9;
  const middle = clampNumber(at, left - 10 + half, right + 8 - half);
  const tag = s("rect", { class: "cb-tag", x: middle - half, y: bottom + 5, width: 2 * half, height: 21, rx: 10.5 });
  const line = s("path", { class: "cb-line", d: `M${at} ${top - 6}V${bottom + 6}` });
  const number = writeText(text, middle, bottom + 20, { class: "cb-tag-text", "text-anchor": "middle" });
  for (const { place, half: own, element } of numbers) {
    element.setAttribute("visibility", Math.abs(place - middle) < half + own + 3 ? "hidden" : "visible");
  }
  return [...(read && hasGap(read) ? [bar()] : []), line, ...dots, tag, number];
}

function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
}

function writeText(text, x, y, attributes) {
  return s("text", { x, y, ...attributes }, String(text));
}

// A mouse drags from anywhere and hovers; a finger drags sideways or taps, and still scrolls the page up and down.
// `drag(place, from)` gives where the next move comes from.
function moveByPointer(picture, { placeOf, drag, hover }) {
  let grip = null; // where the pointer came down, whether it drags, and where its last move ended
  const placeAt = ({ clientX, clientY }) => {
    const box = picture.getBoundingClientRect();
    const scale = picture.viewBox.baseVal.width / box.width; // 1, but for a full screen
    return placeOf((clientX - box.left) * scale, (clientY - box.top) * scale);
  };
  const move = (event) => (grip.from = drag(placeAt(event), grip.from));
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const drags = event.pointerType !== "touch";
    grip = { x: event.clientX, y: event.clientY, drags };
    picture.setPointerCapture(event.pointerId);
    if (drags) move(event);
  });
  picture.addEventListener("pointermove", (event) => {
    if (!grip) return event.pointerType === "mouse" && hover(placeAt(event));
    const [right, down] = [Math.abs(event.clientX - grip.x), Math.abs(event.clientY - grip.y)];
    grip.drags ||= right > 6 && right > down;
    if (grip.drags) move(event);
  });
  picture.addEventListener("pointerup", (event) => {
    if (grip) move(event);
    grip = null;
  });
  picture.addEventListener("pointercancel", () => (grip = null));
}

// Where each key leads, from the epoch that is read off; while validation is hidden, up and down draw there.
function keyTargets({ epoch, epochs, axis, isHidden, guess, shown }, { shiftKey }) {
  const far = Math.max(2, Math.round(epochs / 10));
  const [back, forth] = [-1, 1].map((sign) => ({ epoch: epoch + sign * (shiftKey ? far : 1) }));
  const drawn = guess.slice(0, epoch).findLast((value) => value !== null);
  const value = drawn ?? shown[0]?.curves.training[epoch - 1] ?? axis.low;
  const step = ((axis.high - axis.low) / 50) * (shiftKey ? 5 : 1);
  const [lower, higher] = isHidden ? [-step, step].map((by) => ({ epoch, value: value + by })) : [back, forth];
  const [PageDown, PageUp, Home, End] = [epoch - far, epoch + far, 1, epochs].map((target) => ({ epoch: target }));
  const pages = { PageDown, PageUp, Home, End };
  return { ArrowLeft: back, ArrowDown: lower, ArrowRight: forth, ArrowUp: higher, ...pages };
}

// ---- below the chart: the numbers ----------------------------------------------------------------------------------

// What is read off each run that is shown, and what the chart does not show.
function writeLines(view) {
  const readings = view.shown.map((run) => writeReading(view, run));
  return [...readings, writeNotFinite(view), writeOffScale(view)].filter(Boolean);
}

function createReadings() {
  const element = h("div", { class: "cb-readings" });
  return {
    element,
    update(view) {
      const lines = writeLines(view);
      while (element.children.length < lines.length) element.append(h("p"));
      [...element.children].forEach((line, n) => setText(line, lines[n] ?? ""));
    },
  };
}
