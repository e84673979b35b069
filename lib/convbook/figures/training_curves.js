// The figure of training curves: the chart with its cursor, and below it the legend that chooses and reads off.

import {
  clampNumber,
  createButton,
  createCheckbox,
  createSlider,
  followKeys,
  h,
  liveFigure,
  remember,
  s,
  setAttribute,
  setText,
} from "./base.js";
import {
  METRICS,
  PARTS,
  eachCurve,
  formatGap,
  formatValue,
  hasGap,
  makeView,
  planEpochs,
  readRun,
  smoothView,
  writeLowest,
  writeNotFinite,
  writeOffScale,
  writeReading,
  writeSmoothing,
} from "./curves.js";

const AXIS_TITLES = { accuracy: "accuracy (share of answers that are right)", loss: "loss (mean of the examples)" };
const GAPS = { accuracy: "training − validation", loss: "validation − training" };
const LARGEST_SMOOTHING = 0.95;
const TRAITS = ["smoothing", "epoch", "metric", "shown", "training", "validation", "scale", "marks", "_curves"];

// The number of a curve's colour: the run's; of a single run, validation has a colour of its own.
function colorOf({ runs }, run, part) {
  return runs.length === 1 ? Object.keys(PARTS).indexOf(part) : run.index;
}

export default liveFigure("training curves", TRAITS, (frame) => {
  const { model, set } = frame;
  const rawViewOf = remember(makeView);
  const viewOf = remember(smoothView);
  const read = () => {
    const [smoothing, epoch, ...choices] = TRAITS.map((name) => model.get(name));
    const rawView = rawViewOf(...choices);
    const view = viewOf(rawView, smoothing);
    return { rawView, view, now: { ...view, epoch: clampNumber(epoch, 1, view.epochs) } };
  };
  const goTo = (epoch) => set({ epoch: clampNumber(Math.round(epoch), 1, read().view.epochs) });
  const chart = createChart(() => read().now, goTo);
  const update = frame.add(createBar(set), chart, createTable(set, () => read().view, goTo), createNotes());

  let width = 0;
  const observer = new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width !== width) frame.redraw();
  });
  observer.observe(chart.element);
  frame.onRemove(() => observer.disconnect());

  return function draw() {
    const { rawView, view, now } = read();
    width = chart.element.clientWidth;
    update({ ...now, rawView, view, width: width || 600 }); // not on the page yet
    return [writeReading, writeLowest, writeSmoothing, writeNotFinite, writeOffScale].map((write) => write(now));
  };
}, {
  task: ["Drag the line through the epochs, and watch where the curves part.", "Arrow keys move it, too."],
  *check({ _curves, shown, epoch }) {
    const names = _curves.map(({ name }) => name);
    if (!Array.isArray(shown) || !shown.every((name) => names.includes(name))) yield "shown";
    if (epoch < 1 || epoch > Math.max(..._curves.map(({ loss }) => loss.length))) yield "epoch";
  },
});

// ---- above the chart: what is shown, and how smooth -----------------------------------------------------------------

function createBar(set) {
  const createChoice = ([metric, label]) => [metric, createButton(label, () => set({ metric }))];
  const buttons = Object.entries(METRICS).map(createChoice);
  const choice = h("div", { class: "cb-choice", role: "group", "aria-label": "Metric" }, ...buttons.map(([, b]) => b));
  const log = createCheckbox("Log scale", (checked) => set({ scale: checked ? "log" : "linear" }));
  const slider = createSlider("Smoothing", (smoothing) => set({ smoothing }), { step: 0.01 });
  return {
    element: h("div", { class: "cb-bar" }, h("div", { class: "cb-choices" }, choice, log), slider),
    update({ metric, smoothing, scale }) {
      for (const [name, button] of buttons) button.setAttribute("aria-pressed", name === metric);
      log.element.hidden = metric !== "loss";
      log.update(scale === "log");
      slider.update(smoothing, { min: 0, max: LARGEST_SMOOTHING });
    },
  };
}

// ---- the chart -----------------------------------------------------------------------------------------------------

function createChart(read, goTo) {
  const title = h("span", {});
  const layers = ["axes", "curves", "cursor", "marks", "names"].map((name) => s("g", { class: `cb-${name}` }));
  const [axes, curves, cursor, marks, names] = layers;
  const inner = s("svg", { class: "cb-plot" }, curves); // an inner one, so that it cuts off what leaves it
  const picture = s("svg", { "aria-hidden": "true" }, axes, inner, cursor, marks, names);
  const element = h("div", { class: "cb-chart", role: "slider", tabindex: 0, "aria-label": "Epoch that is read off" });
  element.append(h("div", { class: "cb-flow cb-hint cb-axis-title" }, title), picture);

  let [plot, lines] = [null, []];
  moveByPointer(picture, (x) => goTo(plot.epochAt(x)));
  followKeys(element, (event) => keyTargets(read(), event), goTo);
  const paint = remember((view, width) => {
    plot = planPlot(view, width, createRuler(element));
    const { height, left, right, top, bottom } = plot;
    setAttributes(picture, { viewBox: `0 0 ${width} ${height}`, height });
    const box = { x: left - 8, y: top - 4, width: right - left + 16, height: bottom - top + 8 };
    setAttributes(inner, { ...box, viewBox: `${box.x} ${box.y} ${box.width} ${box.height}` });
    axes.replaceChildren(...drawAxes(view, plot));
    lines = eachCurve(view, (run, part) => createCurve(view, run, part, plot));
    curves.replaceChildren(...lines.map(({ element }) => element));
    marks.replaceChildren(...drawArrows(view, plot), ...drawMarks(view, plot));
  });
  const paintSmoothed = remember((view, plotted) => {
    for (const line of lines) line.update(view);
    names.replaceChildren(...drawNames(view, plotted));
  });
  const placeCursor = remember((view, plotted, epoch) => {
    cursor.replaceChildren(...drawCursor({ ...view, epoch }, plotted));
    const value = { "aria-valuenow": epoch, "aria-valuetext": `epoch ${epoch} of ${view.epochs}` };
    setAttributes(element, { "aria-valuemin": 1, "aria-valuemax": view.epochs, ...value });
  });
  return {
    element,
    update({ rawView, view, epoch, width }) {
      setText(title, AXIS_TITLES[view.metric]);
      paint(rawView, width);
      paintSmoothed(view, plot);
      placeCursor(view, plot, epoch);
    },
  };
}

// Where things stand in a chart so wide, in px.
function planPlot(view, width, measure) {
  const { axis, epochs } = view;
  const named = width >= 560 ? namesOf(view) : [];
  const widest = Math.max(0, ...named.map(({ text }) => measure(text)));
  const room = named.length > 0 ? Math.min(widest, 0.2 * width) + 12 : 12;
  const left = Math.max(...axis.labels.map(measure)) + 14;
  const [top, right, height] = [8, width - room, Math.round(clampNumber(0.5 * width, 230, 360))];
  const bottom = height - 38;
  const span = right - left;
  const share = axis.scale === "log" ? logShare(axis) : (value) => (value - axis.low) / (axis.high - axis.low);
  const plot = {
    ...{ width, height, left, right, top, bottom, named, measure },
    x: (epoch) => (epochs > 1 ? left + (span * (epoch - 1)) / (epochs - 1) : left + span / 2),
    // What is off the scale leaves the plot, but not far: no screen draws to a million.
    y: (value) => bottom - clampNumber(share(value), -1, 2) * (bottom - top),
    epochAt: (x) => 1 + ((x - left) / span) * (epochs - 1),
  };
  return { ...plot, numbers: writeEpochNumbers(view, plot) };
}

function logShare({ low, high }) {
  return (value) => (value > 0 ? Math.log(value / low) / Math.log(high / low) : -1);
}

// A function that tells the width of a text in the chart, in px, and costs no layout.
function createRuler(element) {
  const context = h("canvas").getContext("2d");
  context.font = `600 13px ${getComputedStyle(element).fontFamily || "sans-serif"}`;
  return (text) => context.measureText(text).width;
}

// As much of a text as has room.
function shorten(text, room, measure) {
  if (measure(text) <= room) return text;
  let letters = text.length - 1;
  while (letters > 1 && measure(`${text.slice(0, letters)}…`) > room) letters -= 1;
  return `${text.slice(0, letters).trimEnd()}…`;
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

// A curve, and where it is smoothed, the raw one faintly behind it.
function createCurve(view, run, part, plot) {
  const traced = trace(run.curves[part].raw, plot);
  const raw = s("path", { class: "cb-raw", d: traced });
  const line = s("path", {});
  const element = s("g", { class: `cb-curve cb-${part}`, "data-color": colorOf(view, run, part) }, line);
  return {
    element,
    update({ runs, smoothing }) {
      if (smoothing > 0) element.prepend(raw);
      else raw.remove();
      line.setAttribute("d", smoothing > 0 ? trace(runs[run.index].curves[part].smoothed, plot) : traced);
    },
  };
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
function drawArrows(view, { x, top, bottom }) {
  const { axis } = view;
  return eachCurve(view, (run, part, { raw }) => {
    let last = -Infinity;
    return raw.flatMap((value, index) => {
      const [above, below] = [value > axis.high, value !== null && value < axis.low];
      if (!(above || below) || x(index + 1) - last < 9) return [];
      last = x(index + 1);
      const [edge, tip] = above ? [top, -8] : [bottom, 8];
      const d = `M${last} ${edge + tip}l4.5 ${-tip}h-9z`;
      return [s("path", { class: "cb-arrow", d, "data-color": colorOf(view, run, part) })];
    });
  });
}

// The epochs of the lowest validation loss, on the raw curves.
function drawMarks(view, { x, y, bottom }) {
  if (!view.marks || !view.parts.includes("validation")) return [];
  return view.shown.flatMap((run) => {
    const value = run.curves.validation.raw[run.lowest - 1] ?? null;
    if (value === null) return [];
    const [at, color] = [x(run.lowest), { "data-color": colorOf(view, run, "validation") }];
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

// What stands at the ends of the curves: the runs' names; of a single run, training and validation.
function namesOf({ runs, shown, parts }) {
  if (runs.length === 1) return shown.flatMap((run) => parts.map((part) => ({ run, part, text: part })));
  const part = parts.at(-1);
  return part ? shown.map((run) => ({ run, part, text: run.name })) : [];
}

// The names, moved apart where curves end side by side, and back into the plot from below.
function drawNames(view, { named, x, y, top, bottom, width, measure }) {
  const places = named
    .map(({ run, part, text }) => {
      const { smoothed } = view.runs[run.index].curves[part];
      const index = smoothed.findLastIndex((value) => value !== null);
      const ends = index >= 0 && { left: x(index + 1) + 9, middle: clampNumber(y(smoothed[index]), top, bottom) };
      return { run, part, text, ...ends };
    })
    .filter(({ left }) => left !== undefined)
    .sort((a, b) => a.middle - b.middle);
  const beside = (place, others) => others.filter(({ left }) => Math.abs(left - place.left) < 150);
  places.forEach((place, n) => {
    const above = beside(place, places.slice(0, n)).map(({ middle }) => middle + 15);
    place.middle = Math.max(place.middle, ...above);
  });
  [...places].reverse().forEach((place, n, all) => {
    const below = beside(place, all.slice(0, n)).map(({ middle }) => middle - 15);
    place.middle = Math.min(place.middle, bottom, ...below);
  });
  return places.map(({ run, part, text, left, middle }) => {
    const short = shorten(text, width - left, measure);
    return writeText(short, left, middle + 4, { class: "cb-end", "data-color": colorOf(view, run, part) });
  });
}

// The line of the epoch, its number below, and a dot on every curve; beside it each run's gap is a bar.
function drawCursor(view, { x, y, top, bottom, left, right, numbers, measure }) {
  const at = x(view.epoch);
  const side = at < (left + right) / 2 ? 1 : -1;
  const bands = view.shown.flatMap((run, n) => {
    const read = readRun(view, run, "smoothed");
    if (!hasGap(read)) return [];
    const d = `M${at + side * (8 + 7 * n)} ${y(read.training)}V${y(read.validation)}`;
    return [s("path", { class: "cb-gap", d, "data-color": colorOf(view, run, "validation") })];
  });
  const dots = eachCurve(view, (run, part, { smoothed }) => {
    const value = smoothed[view.epoch - 1] ?? null;
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
  return [...bands, line, ...dots, tag, number];
}

function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
}

function writeText(text, x, y, attributes) {
  return s("text", { x, y, ...attributes }, String(text));
}

// A mouse drags from anywhere; a finger drags sideways or taps, and still scrolls the page up and down.
function moveByPointer(picture, moveTo) {
  let grip = null; // where the pointer came down, and whether it drags
  const move = (event) => moveTo(event.clientX - picture.getBoundingClientRect().left);
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const drags = event.pointerType !== "touch";
    grip = { x: event.clientX, y: event.clientY, drags };
    picture.setPointerCapture(event.pointerId);
    if (drags) move(event);
  });
  picture.addEventListener("pointermove", (event) => {
    if (!grip) return;
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

// Where each key leads, from the epoch that is read off.
function keyTargets({ epoch, epochs }, { shiftKey }) {
  const far = Math.max(2, Math.round(epochs / 10));
  const [ArrowLeft, ArrowRight] = [-1, 1].map((sign) => epoch + sign * (shiftKey ? far : 1));
  const pages = { PageDown: epoch - far, PageUp: epoch + far, Home: 1, End: epochs };
  return { ArrowLeft, ArrowDown: ArrowLeft, ArrowRight, ArrowUp: ArrowRight, ...pages };
}

// ---- below the chart: the legend, which chooses the curves and holds their numbers ----------------------------------

function createTable(set, read, goTo) {
  const { runs } = read();
  const heads = Object.keys(PARTS).map((part) => {
    const name = part[0].toUpperCase() + part.slice(1);
    const tick = createCheckbox(name, (checked) => set({ [part]: checked }), drawSwatch(part));
    const cell = createHead(tick);
    if (runs.length === 1) cell.dataset.color = colorOf({ runs }, runs[0], part);
    return { part, tick, cell };
  });
  const corner = createHead();
  const meaning = h("span", { class: "cb-hint" });
  const lowest = createHead("Lowest", h("span", { class: "cb-hint" }, "validation loss"));
  const cells = [corner, ...heads.map(({ cell }) => cell), createHead("Gap", meaning), lowest];
  const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...cells));
  const rows = runs.map((run) => createRow(run, set, read, goTo));
  const body = h("tbody", { role: "rowgroup" }, ...rows);
  // With roles, since a phone shows rows as grids.
  const element = h("table", { class: "cb-table cb-runs", role: "table" }, head, body);
  return {
    element,
    update(view) {
      setText(corner, `At epoch ${view.epoch}`);
      setText(meaning, GAPS[view.metric]);
      lowest.hidden = !view.marks;
      element.classList.toggle("cb-unmarked", !view.marks);
      for (const { part, tick } of heads) tick.update(view.parts.includes(part));
      rows.forEach((row, n) => row.update(view, view.runs[n]));
    },
  };
}

function createHead(...children) {
  return h("th", { scope: "col", role: "columnheader" }, ...children);
}

function createCell(...children) {
  return h("td", { role: "cell" }, ...children);
}

function createRow({ name, index, lowest: epoch }, set, read, goTo) {
  const choose = (checked) => {
    const chosen = (run) => (run.name === name ? checked : read().shown.includes(run));
    set({ shown: read().runs.filter(chosen).map((run) => run.name) });
  };
  const tick = createCheckbox(name, choose);
  const isOnly = read().runs.length === 1;
  const key = createKey(index, isOnly);
  tick.element.querySelector("input").after(key.element);
  const cells = ["training", "validation", "gap"].map((kind) => createReadCell(kind));
  const words = `Go to epoch ${epoch}, the lowest validation loss of ${name}`;
  const lowest = createCell(epoch === null ? "never finite" : createButton(`epoch ${epoch}`, () => goTo(epoch), words));
  const head = h("th", { scope: "row", role: "rowheader" }, tick);
  const row = h("tr", { role: "row", "data-color": !isOnly && index }, head, ...cells, lowest);
  return {
    element: row,
    update(view, run) {
      const isShown = view.shown.includes(run);
      tick.update(isShown);
      key.update(view.marks);
      row.classList.toggle("cb-off", !isShown);
      for (const cell of cells) cell.update(view, run, isShown);
      lowest.hidden = !view.marks;
    },
  };
}

// One number, and below it the smoothed one.
function createReadCell(kind) {
  const [raw, smoothed] = [h("span", { class: "cb-value" }), h("span", { class: "cb-hint" })];
  const write = (view, run, numbers) => {
    const read = readRun(view, run, numbers);
    if (kind === "gap") return hasGap(read) ? formatGap(read.training, read.validation, view.metric) : "–";
    if (read[kind] !== null) return formatValue(read[kind], view.metric);
    if (!view.parts.includes(kind)) return "–";
    return view.epoch > run.length ? `ended at ${run.length}` : "not finite";
  };
  return {
    element: createCell(raw, smoothed),
    update(view, run, isShown) {
      setText(raw, isShown ? write(view, run, "raw") : "–");
      const second = isShown && view.smoothing > 0 ? write(view, run, "smoothed") : "";
      setText(smoothed, /\d$/.test(second) && view.epoch <= run.length ? `≈ ${second}` : "");
    },
  };
}

// A piece of the run's line with its mark on it; an only run has two colours of line, which the heads show.
function createKey(index, isOnly) {
  const half = isOnly ? 9 : 17;
  const line = isOnly ? [] : [s("path", { class: "cb-key-line", d: "M-15 0H15" })];
  const mark = s("path", { class: "cb-key-mark", d: markShape(index, 6.5) });
  const size = { viewBox: `${-half} -9 ${2 * half} 18`, width: 2 * half, height: 18 };
  const element = s("svg", { class: "cb-key", "aria-hidden": "true", ...size }, ...line, mark);
  return {
    element,
    update(marks) {
      const hidden = isOnly ? element : mark;
      hidden.style.display = marks ? "" : "none";
    },
  };
}

// A piece of line as the curves of this part have it.
function drawSwatch(part) {
  const line = s("path", { d: "M2 5H34" });
  return s("svg", { class: `cb-swatch cb-${part}`, viewBox: "0 0 36 10", "aria-hidden": "true" }, line);
}

function createNotes() {
  const writers = [
    ({ problem }) => problem,
    writeOffScale,
    writeNotFinite,
    writeLowest,
    ({ smoothing }) => (smoothing > 0 ? "The numbers are raw; behind each ≈ stands the smoothed one." : ""),
    writeSmoothing,
  ];
  const paragraphs = writers.map((write) => ({ write, element: h("p") }));
  return {
    element: h("div", { class: "cb-hint cb-notes" }, ...paragraphs),
    update(view) {
      for (const { write, element } of paragraphs) setText(element, write(view));
    },
  };
}
