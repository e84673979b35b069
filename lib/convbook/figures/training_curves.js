// The figure of training curves: the chart with its cursor, and below it the legend that chooses and reads off.

import { createButton, createSlider, formatNumber, h, liveFigure, remember, setText } from "./base.js";

const METRICS = { accuracy: "Accuracy", loss: "Loss" };
const PARTS = { training: "", validation: "val_" }; // and how Keras begins the names of their numbers
const AXIS_TITLES = { accuracy: "accuracy (share of answers that are right)", loss: "loss (mean of the examples)" };
const GAPS = { accuracy: "training − validation", loss: "validation − training" };
const LARGEST_SMOOTHING = 0.95;
const FACTOR_OFF_SCALE = 10;

// ---- the mathematics: pure functions, tested against Python -------------------------------------------------------

// An exponential moving average that starts at the first value; null is a gap, and has no weight.
export function smooth(values, smoothing) {
  let [total, weight] = [0, 0];
  return values.map((value) => {
    if (value === null) return null;
    [total, weight] = [smoothing * total + value, smoothing * weight + 1];
    return total / weight;
  });
}

// The epoch of the lowest number, the first of several, from 1; null if there is none.
export function lowestEpoch(values) {
  let lowest = null;
  values.forEach((value, index) => {
    if (value !== null && (lowest === null || value < values[lowest - 1])) lowest = index + 1;
  });
  return lowest;
}

// By how much validation is worse than training.
export function findGap(training, validation, metric) {
  return metric === "accuracy" ? training - validation : validation - training;
}

// The loss above which a linear scale leaves a value out.
export function findLimit(values, firsts) {
  const middle = (numbers) => [...numbers].sort((a, b) => a - b)[(numbers.length - 1) >> 1];
  const middles = [values, firsts].filter((numbers) => numbers.length > 0).map(middle);
  return middles.length > 0 ? FACTOR_OFF_SCALE * Math.max(...middles) : Infinity;
}

// The vertical axis: its ends, its ticks and their labels.
export function planAxis(values, metric, scale = "linear", limit = Infinity) {
  const kept = values.filter((value) => value <= limit);
  if (scale === "log" && metric === "loss") return planLogAxis(kept.filter((value) => value > 0));
  let [low, high] = kept.length > 0 ? [Math.min(...kept), Math.max(...kept)] : [0, 1];
  if (metric === "loss" && low >= 0 && low <= 0.4 * high) low = 0;
  const smallest = metric === "accuracy" ? 0.1 : 0.1 * Math.abs(high) || 1;
  if (high - low < smallest) {
    const middle = (low + high) / 2;
    [low, high] = [middle - smallest / 2, middle + smallest / 2];
  }
  const step = niceStep((high - low) / 5);
  let [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  if (metric === "accuracy") [first, last] = [Math.max(first, 0), Math.min(last, Math.round(1 / step))];
  const ticks = Array.from({ length: last - first + 1 }, (_, n) => (first + n) * step);
  const labels = ticks.map((tick) => writeFixed(tick, Math.max(0, -exponentOf(step))));
  return { low: ticks[0], high: ticks.at(-1), ticks, labels, scale: "linear" };
}

function planLogAxis(values) {
  const [low, high] = values.length > 0 ? [Math.min(...values), Math.max(...values)] : [0.1, 1];
  const [first, last] = [exponentOf(low), exponentOf(high) + 1];
  const factors = last - first <= 2 ? [1, 2, 5] : [1];
  const every = Math.ceil((last - first) / 8);
  const pairs = [];
  for (let power = first; power <= last + every; power += every) for (const factor of factors) pairs.push([factor, power]);
  const numbers = pairs.map(([factor, power]) => Number(`${factor}e${power}`));
  const start = numbers.findLastIndex((number) => number <= low);
  const end = Math.max(start + 1, numbers.findIndex((number) => number >= high));
  const ticks = numbers.slice(start, end + 1);
  const labels = pairs.slice(start, end + 1).map(([factor, power]) => writePower(factor, power));
  return { low: ticks[0], high: ticks.at(-1), ticks, labels, scale: "log" };
}

// The smallest of 1, 2, 5 times a power of ten that is not below the span.
export function niceStep(span) {
  const power = exponentOf(span);
  const steps = [`1e${power}`, `2e${power}`, `5e${power}`, `1e${power + 1}`].map(Number);
  return steps.find((step) => step >= span * (1 - 1e-9));
}

// The power of ten of a number's first digit.
export function exponentOf(number) {
  return Number(number.toExponential().split("e")[1]);
}

// The epochs that get a number.
export function planEpochs(epochs, room) {
  const steps = [1, 10, 100, 1000].flatMap((power) => [power, 2 * power, 5 * power]);
  const step = steps.find((candidate) => epochs / candidate <= room);
  if (step <= 2) return Array.from({ length: Math.ceil(epochs / step) }, (_, n) => 1 + n * step);
  return [1, ...Array.from({ length: Math.floor(epochs / step) }, (_, n) => (n + 1) * step)];
}

// ---- numbers and words, the same as in Python ----------------------------------------------------------------------

export function formatValue(number, metric, size = Math.abs(number)) {
  if (metric === "accuracy") return writeFixed(number, 3);
  if (size === 0) return "0";
  const power = exponentOf(size);
  if (power > -4 && power < 5) {
    return writeFixed(number, power >= -1 ? Math.max(0, 3 - Math.max(power, 0)) : 2 - power);
  }
  return `${writeFixed(number / Number(`1e${power}`), 2)}·10${writeSuperscript(power)}`;
}

// A difference with its sign, to the digits of the larger of the two numbers.
export function formatGap(training, validation, metric) {
  const gap = findGap(training, validation, metric);
  const text = formatValue(gap, metric, Math.max(Math.abs(training), Math.abs(validation)));
  return !/[1-9]/.test(text.split("·")[0]) ? "0" : gap > 0 ? `+${text}` : text;
}

function writeFixed(number, decimals) {
  const text = Math.abs(number).toFixed(decimals);
  return number < 0 && Number(text) !== 0 ? `−${text}` : text;
}

function writePower(factor, power) {
  if (power >= -3 && power <= 3) return writeFixed(Number(`${factor}e${power}`), Math.max(0, -power));
  return `${factor === 1 ? "" : `${factor}·`}10${writeSuperscript(power)}`;
}

function writeSuperscript(number) {
  return [...String(number)].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign])).join("");
}

function plural(count, noun) {
  return `${noun}${String(count) === "1" ? "" : "s"}`;
}

// What is read off at the view's epoch: the numbers of all shown runs.
export function writeReading(view) {
  if (view.problem) return view.problem;
  const runs = view.shown.map((run) => writeRun(view, run));
  return `${METRICS[view.metric]}, epoch ${view.epoch} of ${view.epochs}. ${runs.join(" ")}`;
}

function writeRun(view, run) {
  if (view.epoch > run.length) return `${run.name}: ended after epoch ${run.length}.`;
  const read = readRun(view, run);
  const texts = view.parts.map((part) => {
    return `${part} ${read[part] === null ? "not finite" : formatValue(read[part], view.metric)}`;
  });
  if (hasGap(read)) texts.push(`gap ${formatGap(read.training, read.validation, view.metric)}`);
  return `${run.name}: ${texts.join(", ")}.`;
}

// The numbers of one run at the view's epoch, raw or smoothed; null for what there is none of.
function readRun(view, run, kind = "raw") {
  const at = (part) => (view.parts.includes(part) ? (run.curves[part][kind][view.epoch - 1] ?? null) : null);
  return { training: at("training"), validation: at("validation") };
}

function hasGap({ training, validation }) {
  return training !== null && validation !== null;
}

export function writeLowest({ shown, marks }) {
  if (!marks || shown.length === 0) return "";
  const texts = shown.map(({ name, lowest }) => `${name} ${lowest === null ? "never finite" : `at epoch ${lowest}`}`);
  const keeps = shown.length === 1 ? "this epoch" : "these epochs";
  return (
    `Lowest validation loss: ${texts.join(", ")}. A checkpoint keeps ${keeps}; it goes by the raw numbers, never by ` +
    "smoothed ones."
  );
}

export function writeSmoothing({ shown, marks, smoothing }) {
  if (smoothing === 0) return "";
  const back = formatNumber(smoothing / (1 - smoothing));
  const first =
    `Smoothed: each point is a mean of the epochs so far that looks back ${back} ${plural(back, "epoch")} on ` +
    "average, so a turn shows up later, further to the right.";
  const moved = shown.filter(({ lowest }) => lowest !== null).map(writeMove);
  return marks && moved.length > 0 ? `${first} The lowest validation loss moves: ${moved.join("; ")}.` : first;
}

function writeMove({ name, lowest, smoothedLowest }) {
  if (smoothedLowest === lowest) return `${name} stays at ${lowest}`;
  const alone = smoothedLowest < lowest ? ` (epoch ${lowest} is low by itself)` : "";
  return `${name} from ${lowest} to ${smoothedLowest}${alone}`;
}

export function writeNotFinite(view) {
  const gaps = eachCurve(view, ({ name }, part, { raw }) => {
    const missing = raw.flatMap((value, index) => (value === null ? [index + 1] : []));
    return missing.length > 0 ? [`${name}, ${part}: ${writeEpochs(missing)}`] : [];
  });
  return gaps.length > 0 ? `Not finite, so a gap in the curve: ${gaps.join("; ")}.` : "";
}

export function writeEpochs(epochs) {
  const spans = [];
  for (const epoch of epochs) {
    if (spans.at(-1)?.[1] === epoch - 1) spans.at(-1)[1] = epoch;
    else spans.push([epoch, epoch]);
  }
  const texts = spans.map(([start, end]) => (start === end ? start : `${start}–${end}`));
  return `${plural(epochs.length, "epoch")} ${texts.join(", ")}`;
}

export function writeOffScale(view) {
  const { axis, metric } = view;
  const texts = eachCurve(view, ({ name }, part, { raw }) => {
    const above = raw.filter((value) => value !== null && value > axis.high);
    const below = raw.filter((value) => value !== null && value < axis.low);
    const count = (values) => `${values.length} ${plural(values.length, "value")}`;
    const largest = formatValue(Math.max(...above), metric);
    return [
      ...(above.length > 0 ? [`▲ ${name}, ${part}, ${count(above)} up to ${largest}`] : []),
      ...(below.length > 0 ? [`▼ ${name}, ${part}, ${count(below)} that no logarithm has`] : []),
    ];
  });
  return texts.length > 0 ? `Off the scale: ${texts.join("; ")}.` : "";
}

// `look(run, part, curve)` for every curve that is shown, its lists in one.
function eachCurve({ shown, parts }, look) {
  return shown.flatMap((run) => parts.flatMap((part) => look(run, part, run.curves[part])));
}

// ---- the state -----------------------------------------------------------------------------------------------------

const TRAITS = ["smoothing", "epoch", "metric", "shown", "training", "validation", "scale", "marks", "_curves"];

// What is shown, unsmoothed: the runs with their curves in the chosen metric, and the axes.
function makeView(metric, names, training, validation, scale, marks, curves) {
  const parts = Object.keys({ ...(training && { training }), ...(validation && { validation }) });
  const runs = curves.map((run, index) => makeRun(run, index, metric));
  const shown = runs.filter(({ name }) => names.includes(name));
  const epochs = Math.max(...(shown.length > 0 ? shown : runs).map(({ length }) => length));
  const view = { metric, scale, marks, parts, runs, shown, epochs, problem: writeProblem(shown, parts) };
  return { ...view, axis: planViewAxis(view) };
}

function makeRun(run, index, metric) {
  const curves = Object.entries(PARTS).map(([part, begin]) => [part, { raw: run[begin + metric] }]);
  const { name, lowest, loss, val_loss: valLoss } = run;
  return { name, lowest, valLoss, index, length: loss.length, curves: Object.fromEntries(curves) };
}

function writeProblem(shown, parts) {
  if (shown.length === 0) return "No run is chosen: tick one.";
  return parts.length === 0 ? "No curve is chosen: tick training or validation." : "";
}

// The same with the smoothed curves.
function smoothView(view, smoothing) {
  const runs = view.runs.map((run) => smoothRun(run, smoothing));
  return { ...view, smoothing, runs, shown: view.shown.map(({ index }) => runs[index]) };
}

function smoothRun(run, smoothing) {
  const curves = Object.entries(run.curves).map(([part, { raw }]) => {
    return [part, { raw, smoothed: smoothing > 0 ? smooth(raw, smoothing) : raw }];
  });
  return { ...run, curves: Object.fromEntries(curves), smoothedLowest: lowestEpoch(smooth(run.valLoss, smoothing)) };
}

function planViewAxis(view) {
  const { metric, scale, shown } = view;
  const finite = (numbers) => numbers.filter((value) => value !== null);
  const values = eachCurve(view, (run, part, { raw }) => finite(raw));
  if (metric === "accuracy" || scale === "log") return planAxis(values, metric, scale);
  const both = shown.flatMap(({ curves }) => Object.values(curves).map(({ raw }) => finite(raw)));
  const firsts = both.filter((numbers) => numbers.length > 0).map((numbers) => numbers[0]);
  return planAxis(values, metric, scale, findLimit(values, firsts));
}

// The number of a curve's colour: the run's; of a single run, validation has a colour of its own.
function colorOf({ runs }, run, part) {
  return runs.length === 1 ? Object.keys(PARTS).indexOf(part) : run.index;
}

export default liveFigure("training curves", TRAITS, (frame) => {
  const { model, set, el } = frame;
  const rawViewOf = remember(makeView);
  const viewOf = remember(smoothView);
  const read = () => {
    const [smoothing, epoch, ...choices] = TRAITS.map((name) => model.get(name));
    const rawView = rawViewOf(...choices);
    const view = viewOf(rawView, smoothing);
    return { rawView, view, now: { ...view, epoch: Math.max(1, Math.min(epoch, view.epochs)) } };
  };
  const goTo = (epoch) => {
    const { epochs } = read().view;
    set({ epoch: Math.max(1, Math.min(Math.round(epoch), epochs)) });
  };
  const bar = createBar(set);
  const chart = createChart(() => read().now, goTo);
  const table = createTable(set, () => read().view, goTo);
  const notes = createNotes();
  el.append(bar.element, chart.element, table.element, notes.element);

  let width = 0;
  const observer = new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width !== width) frame.redraw();
  });
  observer.observe(chart.element);
  frame.onRemove(() => observer.disconnect());

  let spoken = null;
  return function draw() {
    const { rawView, view, now } = read();
    width = chart.element.clientWidth;
    bar.update(view);
    chart.update(rawView, view, now.epoch, width || 600); // not on the page yet
    table.update(now);
    notes.update(now);
    const sentences = [writeReading, writeLowest, writeSmoothing, writeNotFinite, writeOffScale].map((write) => write(now));
    const heard = sentences.filter((sentence, n) => spoken && sentence !== spoken[n]).join(" ");
    if (heard) frame.announce(heard);
    spoken = sentences;
  };
});

// ---- above the chart: what is shown, and how smooth -----------------------------------------------------------------

function createBar(set) {
  const buttons = Object.entries(METRICS).map(([metric, label]) => [metric, createButton(label, () => set({ metric }))]);
  const choice = h("div", { class: "cb-choice", role: "group", "aria-label": "Metric" }, ...buttons.map(([, b]) => b));
  const log = createTick("Log scale", (checked) => set({ scale: checked ? "log" : "linear" }));
  const slider = createSlider("Smoothing", (smoothing) => set({ smoothing }));
  slider.element.querySelector("input").step = 0.01;
  return {
    element: h("div", { class: "cb-bar" }, h("div", { class: "cb-choices" }, choice, log.element), slider.element),
    update({ metric, smoothing, scale }) {
      for (const [name, button] of buttons) button.setAttribute("aria-pressed", name === metric);
      log.element.hidden = metric !== "loss";
      log.update(scale === "log");
      slider.update(smoothing, { min: 0, max: LARGEST_SMOOTHING });
    },
  };
}

// A box to tick, with what it stands for beside it.
function createTick(label, onTick, ...more) {
  const input = h("input", { type: "checkbox", onchange: () => onTick(input.checked) });
  return {
    element: h("label", { class: "cb-field cb-tick" }, input, h("span", { class: "cb-name" }, label), ...more),
    update: (checked) => (input.checked = checked),
  };
}

// ---- the chart -----------------------------------------------------------------------------------------------------

function createChart(read, goTo) {
  const title = h("span", {});
  const hint = h("span", { class: "cb-hint" }, "Drag the line, or use the arrow keys.");
  const layers = ["grid", "curves", "cursor", "marks", "names"].map((name) => drawn("g", { class: `cb-${name}` }));
  const [grid, curves, cursor, marks, names] = layers;
  const inner = drawn("svg", { class: "cb-plot" }, curves); // an inner one, so that it cuts off what leaves it
  const picture = drawn("svg", { "aria-hidden": "true" }, grid, inner, cursor, marks, names);
  const element = h("div", { class: "cb-chart", role: "slider", tabindex: 0, "aria-label": "Epoch that is read off" });
  element.append(h("div", { class: "cb-axis-title" }, title, hint), picture);

  let [plot, lines] = [null, []];
  moveByPointer(picture, (x) => goTo(plot.epochAt(x)));
  moveByKeys(element, read, goTo);
  const paint = remember((view, width) => {
    plot = planPlot(view, width, createRuler(element));
    const { height, left, right, top, bottom } = plot;
    setAttributes(picture, { viewBox: `0 0 ${width} ${height}`, height });
    const box = { x: left - 8, y: top - 4, width: right - left + 16, height: bottom - top + 8 };
    setAttributes(inner, { ...box, viewBox: `${box.x} ${box.y} ${box.width} ${box.height}` });
    grid.replaceChildren(...drawGrid(view, plot));
    lines = eachCurve(view, (run, part) => createCurve(view, run, part, plot));
    curves.replaceChildren(...lines.map((line) => line.element));
    marks.replaceChildren(...drawArrows(view, plot), ...drawMarks(view, plot));
  });
  const paintSmoothed = remember((view, plotted) => {
    for (const line of lines) line.update(view);
    names.replaceChildren(...drawNames(view, plotted));
  });
  const placeCursor = remember((view, plotted, epoch) => {
    cursor.replaceChildren(...drawCursor({ ...view, epoch }, plotted));
    setAttributes(element, { "aria-valuemin": 1, "aria-valuemax": view.epochs, "aria-valuenow": epoch });
    element.setAttribute("aria-valuetext", `epoch ${epoch} of ${view.epochs}`);
  });
  return {
    element,
    update(rawView, view, epoch, width) {
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
  const [top, right, height] = [8, width - room, Math.round(Math.max(230, Math.min(0.5 * width, 360)))];
  const bottom = height - 38;
  const span = right - left;
  const share = axis.scale === "log" ? logShare(axis) : (value) => (value - axis.low) / (axis.high - axis.low);
  const plot = {
    ...{ width, height, left, right, top, bottom, named, measure },
    x: (epoch) => (epochs > 1 ? left + (span * (epoch - 1)) / (epochs - 1) : left + span / 2),
    // What is off the scale leaves the plot, but not far: no screen draws to a million.
    y: (value) => bottom - Math.max(-1, Math.min(share(value), 2)) * (bottom - top),
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

function drawGrid({ axis }, { left, right, bottom, width, y, numbers }) {
  const lines = axis.ticks.flatMap((tick, n) => [
    drawn("path", { d: `M${left - 6} ${y(tick)}H${right + 6}` }),
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
  const raw = drawn("path", { class: "cb-raw", d: traced });
  const line = drawn("path", {});
  const element = drawn("g", { class: `cb-curve cb-${part}`, "data-color": colorOf(view, run, part) }, line);
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
      return [drawn("path", { class: "cb-arrow", d, "data-color": colorOf(view, run, part) })];
    });
  });
}

// The epochs of the lowest validation loss, on the raw curves.
function drawMarks(view, { x, y, bottom }) {
  if (!view.marks || !view.parts.includes("validation")) return [];
  return view.shown.flatMap((run) => {
    const value = run.curves.validation.raw[run.lowest - 1] ?? null;
    if (value === null) return [];
    const color = { "data-color": colorOf(view, run, "validation") };
    return [
      drawn("path", { class: "cb-drop", d: `M${x(run.lowest)} ${y(value)}V${bottom}`, ...color }),
      drawn("path", { class: "cb-mark", d: markShape(run.index, 6.5), transform: `translate(${x(run.lowest)} ${y(value)})`, ...color }),
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
      const ends = index >= 0 && { left: x(index + 1) + 9, middle: Math.max(top, Math.min(y(smoothed[index]), bottom)) };
      return { run, part, text, ...ends };
    })
    .filter(({ left }) => left !== undefined)
    .sort((a, b) => a.middle - b.middle);
  const near = (a, b) => Math.abs(a.left - b.left) < 150;
  places.forEach((place, n) => {
    for (const above of places.slice(0, n)) if (near(above, place)) place.middle = Math.max(place.middle, above.middle + 15);
  });
  [...places].reverse().forEach((place, n, all) => {
    place.middle = Math.min(place.middle, bottom);
    for (const below of all.slice(0, n)) if (near(below, place)) place.middle = Math.min(place.middle, below.middle - 15);
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
    return [drawn("path", { class: "cb-gap", d, "data-color": colorOf(view, run, "validation") })];
  });
  const dots = eachCurve(view, (run, part, { smoothed }) => {
    const value = smoothed[view.epoch - 1] ?? null;
    if (value === null || y(value) < top - 1 || y(value) > bottom + 1) return [];
    const color = colorOf(view, run, part);
    return [drawn("circle", { class: `cb-dot cb-${part}`, cx: at, cy: y(value), r: 4, "data-color": color })];
  });
  const text = `epoch ${view.epoch}`;
  const half = measure(text) / 2 + 9;
  const middle = Math.max(left - 10 + half, Math.min(at, right + 8 - half));
  const tag = drawn("rect", { class: "cb-tag", x: middle - half, y: bottom + 5, width: 2 * half, height: 21, rx: 10.5 });
  const line = drawn("path", { class: "cb-line", d: `M${at} ${top - 6}V${bottom + 6}` });
  const number = writeText(text, middle, bottom + 20, { class: "cb-tag-text", "text-anchor": "middle" });
  for (const { place, half: own, element } of numbers) {
    element.setAttribute("visibility", Math.abs(place - middle) < half + own + 3 ? "hidden" : "visible");
  }
  return [...bands, line, ...dots, tag, number];
}

function drawn(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

function writeText(text, x, y, attributes) {
  return drawn("text", { x, y, ...attributes }, String(text));
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

function moveByKeys(element, read, goTo) {
  element.addEventListener("keydown", (event) => {
    const { epoch, epochs } = read();
    const far = Math.max(2, Math.round(epochs / 10));
    const step = event.shiftKey ? far : 1;
    const target = {
      ArrowLeft: epoch - step,
      ArrowDown: epoch - step,
      ArrowRight: epoch + step,
      ArrowUp: epoch + step,
      PageDown: epoch - far,
      PageUp: epoch + far,
      Home: 1,
      End: epochs,
    }[event.key];
    if (target === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // pages turn leaves with the arrow keys
    goTo(target);
  });
}

// ---- below the chart: the legend, which chooses the curves and holds their numbers ----------------------------------

function createTable(set, read, goTo) {
  const heads = Object.keys(PARTS).map((part) => {
    const name = part[0].toUpperCase() + part.slice(1);
    const tick = createTick(name, (checked) => set({ [part]: checked }), drawSwatch(part));
    return { part, tick, cell: createHead(tick.element) };
  });
  const corner = createHead();
  const meaning = h("span", { class: "cb-hint" });
  const lowest = createHead("Lowest", h("span", { class: "cb-hint" }, "validation loss"));
  const cells = [corner, ...heads.map(({ cell }) => cell), createHead("Gap", meaning), lowest];
  const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...cells));
  const body = h("tbody", { role: "rowgroup" });
  const element = h("table", { class: "cb-runs", role: "table" }, head, body); // roles: a phone shows rows as grids
  let rows = [];
  const rebuild = remember((names) => {
    rows = read().runs.map((run) => createRow(run, set, read, goTo));
    body.replaceChildren(...rows.map(({ element: row }) => row));
    return names;
  });
  return {
    element,
    update(view) {
      rebuild(view.runs.map(({ name }) => name).join("\n"));
      setText(corner, `At epoch ${view.epoch}`);
      setText(meaning, GAPS[view.metric]);
      lowest.hidden = !view.marks;
      element.classList.toggle("cb-unmarked", !view.marks);
      for (const { part, tick, cell } of heads) {
        tick.update(view.parts.includes(part));
        if (view.runs.length === 1) cell.dataset.color = colorOf(view, view.runs[0], part);
        else delete cell.dataset.color;
      }
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

function createRow({ name, index }, set, read, goTo) {
  const choose = (checked) => {
    const chosen = (run) => (run.name === name ? checked : read().shown.includes(run));
    set({ shown: read().runs.filter(chosen).map((run) => run.name) });
  };
  const tick = createTick(name, choose);
  const key = createKey(index);
  tick.element.querySelector("input").after(key.element);
  const cells = ["training", "validation", "gap"].map((kind) => createReadCell(kind));
  const button = createButton("", () => goTo(read().runs[index].lowest));
  const text = h("span");
  const lowest = createCell(button, text);
  const head = h("th", { scope: "row", role: "rowheader" }, tick.element);
  const row = h("tr", { role: "row", "data-color": index }, head, ...cells.map((cell) => cell.element), lowest);
  return {
    element: row,
    update(view, run) {
      const isShown = view.shown.includes(run);
      if (view.runs.length === 1) delete row.dataset.color;
      tick.update(isShown);
      key.update(view);
      row.classList.toggle("cb-off", !isShown);
      for (const cell of cells) cell.update(view, run, isShown);
      lowest.hidden = !view.marks;
      button.hidden = run.lowest === null;
      setText(button, `epoch ${run.lowest}`);
      button.setAttribute("aria-label", `Go to epoch ${run.lowest}, the lowest validation loss of ${name}`);
      setText(text, run.lowest === null ? "never finite" : "");
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

// A piece of the run's line with its mark on it; a single run has two colours of line, which the heads show.
function createKey(index) {
  const line = drawn("path", { class: "cb-key-line", d: "M-15 0H15" });
  const mark = drawn("path", { class: "cb-key-mark", d: markShape(index, 6.5) });
  const element = drawn("svg", { class: "cb-key", "aria-hidden": "true" }, line, mark);
  return {
    element,
    update({ marks, runs }) {
      const half = runs.length === 1 ? 9 : 17;
      setAttributes(element, { viewBox: `${-half} -9 ${2 * half} 18`, width: 2 * half, height: 18 });
      line.style.display = runs.length === 1 ? "none" : "";
      mark.style.display = marks ? "" : "none";
      element.style.display = !marks && runs.length === 1 ? "none" : "";
    },
  };
}

// A piece of line as the curves of this part have it.
function drawSwatch(part) {
  const line = drawn("path", { d: "M2 5H34" });
  return drawn("svg", { class: `cb-swatch cb-${part}`, viewBox: "0 0 36 10", "aria-hidden": "true" }, line);
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
    element: h("div", { class: "cb-notes" }, ...paragraphs.map(({ element }) => element)),
    update(view) {
      for (const { write, element } of paragraphs) setText(element, write(view));
    },
  };
}
