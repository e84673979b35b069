// What the figure of training curves computes and says: smoothing, the axes, what is read off, and the sentences.

import { formatNumber } from "./base.js";

export const METRICS = { accuracy: "Accuracy", loss: "Loss" };
export const PARTS = { training: "", validation: "val_" }; // and how Keras begins the names of their numbers
// A loss so many times the ordinary one is left off a linear scale: it would press all curves onto the axis.
const FACTOR_OFF_SCALE = 10;

// ---- the mathematics: pure functions, tested against NumPy --------------------------------------------------------

// An exponential moving average that starts at the first value; null is a gap, and has no weight. Every epoch further
// back weighs `smoothing` times the one after it; dividing by the sum of the weights is what corrects the start, as in
// Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, section 3).
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

// The loss above which a linear scale leaves a value out: ten times the larger of two medians, of all values and of the
// first ones of the curves; an ordinary run begins near chance, so these say what is large.
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
  if (metric === "loss" && low >= 0 && low <= 0.4 * high) low = 0; // where zero is near, it belongs to the picture
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
  const powers = Array.from({ length: Math.floor((last - first) / every) + 2 }, (_, n) => first + n * every);
  const pairs = powers.flatMap((power) => factors.map((factor) => [factor, power]));
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

// ---- numbers and words ---------------------------------------------------------------------------------------------

export function formatValue(number, metric, size = Math.abs(number)) {
  if (metric === "accuracy") return writeFixed(number, 3);
  if (size === 0) return "0";
  const power = exponentOf(size);
  if (power > -4 && power < 5) {
    return writeFixed(number, power >= -1 ? Math.max(0, 3 - Math.max(power, 0)) : 2 - power);
  }
  return `${writeFixed(number / Number(`1e${power}`), 2)}·10${writeSuperscript(power)}`;
}

// By how much validation is worse than training, above 0 for a run that overfits, to the digits of the larger number.
export function formatGap(training, validation, metric) {
  const gap = metric === "accuracy" ? training - validation : validation - training;
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
export function readRun(view, run, kind = "raw") {
  const at = (part) => (view.parts.includes(part) ? (run.curves[part][kind][view.epoch - 1] ?? null) : null);
  return { training: at("training"), validation: at("validation") };
}

export function hasGap({ training, validation }) {
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
export function eachCurve({ shown, parts }, look) {
  return shown.flatMap((run) => parts.flatMap((part) => look(run, part, run.curves[part])));
}

// ---- the state -----------------------------------------------------------------------------------------------------

// What is shown, unsmoothed: the runs with their curves in the chosen metric, and the axes.
export function makeView(metric, names, training, validation, scale, marks, curves) {
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
export function smoothView(view, smoothing) {
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
