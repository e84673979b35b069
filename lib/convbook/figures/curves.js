// What the figure of training curves computes and says: the axes, the reader's guess, what is read off, the sentences.

export const METRICS = { accuracy: "Accuracy", loss: "Loss" };
export const PARTS = { training: "", validation: "val_" }; // and how Keras begins the names of their numbers
// A loss so many times the ordinary one is left off a linear scale: it would press all curves onto the axis.
const FACTOR_OFF_SCALE = 10;
export const MEMORISING = "only memorising is left";

// ---- the mathematics: pure functions, tested against NumPy --------------------------------------------------------

// The loss above which a linear scale leaves a value out: ten times the larger of two medians, of all values and of the
// first ones of the curves; an ordinary run begins near chance, so these say what is large.
export function findLimit(values, firsts) {
  const middle = (numbers) => [...numbers].sort((a, b) => a - b)[(numbers.length - 1) >> 1];
  const middles = [values, firsts].filter((numbers) => numbers.length > 0).map(middle);
  return middles.length > 0 ? FACTOR_OFF_SCALE * Math.max(...middles) : Infinity;
}

// The vertical axis: its ends, its ticks and their labels.
export function planAxis(values, metric, limit = Infinity) {
  const kept = values.filter((value) => value <= limit);
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
  return { low: ticks[0], high: ticks.at(-1), ticks, labels };
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

// A guess with a stroke in it from one point to another, both { epoch, value }: a number for every epoch, null where
// nothing was drawn. Without `from` the stroke begins where the guess, drawn from the left, ends before it.
export function drawStroke(guess, epochs, from, to) {
  const drawn = Array.from({ length: epochs }, (_, n) => guess[n] ?? null);
  const before = drawn.slice(0, to.epoch - 1).findLastIndex((value) => value !== null);
  const isOpen = !from && before >= 0 && drawn[to.epoch - 1] === null;
  const start = from ?? (isOpen ? { epoch: before + 1, value: drawn[before] } : to);
  const [steps, side] = [Math.abs(to.epoch - start.epoch), Math.sign(to.epoch - start.epoch)];
  for (let n = 0; n <= steps; n++) {
    const value = steps === 0 ? to.value : start.value + ((to.value - start.value) * n) / steps;
    drawn[start.epoch - 1 + side * n] = Number(value.toPrecision(4));
  }
  return drawn;
}

// The epochs of one run in which only memorising is left, from the best one on validation data to the last:
// { best, last }; null where training is no better at the end, or validation is best there.
export function findMemorising({ best, curves: { training } }, metric) {
  const last = training.findLastIndex((value) => value !== null) + 1;
  if (best === null || last <= best || training[best - 1] === null) return null;
  const gain = (training[last - 1] - training[best - 1]) * (metric === "accuracy" ? 1 : -1);
  return gain > 0 ? { best, last } : null;
}

// Where a guess is furthest from what came: { epoch, guessed, came }; null where they have no epoch in common.
export function findWidest(guess, values) {
  const pairs = guess.map((guessed, n) => ({ epoch: n + 1, guessed, came: values[n] ?? null }));
  const common = pairs.filter(({ guessed, came }) => guessed !== null && came !== null);
  const distance = ({ guessed, came }) => Math.abs(guessed - came);
  return common.reduce((widest, pair) => (widest && distance(widest) >= distance(pair) ? widest : pair), null);
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

function writeSuperscript(number) {
  return [...String(number)].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign])).join("");
}

function plural(count, noun) {
  return `${noun}${String(count) === "1" ? "" : "s"}`;
}

// What happens now, in a sentence or two: the question, the guess so far, or where guess and validation part.
export function writeVerdict(view, guess) {
  if (view.problem) return view.problem;
  const [run] = view.shown;
  const write = (value) => formatValue(value, view.metric);
  if (!view.parts.includes("validation")) return writeQuestion(view, run, guess, write);
  const widest = findWidest(guess, run.curves.validation);
  const [many, memorising] = [view.shown.length > 1, findMemorising(run, view.metric)];
  const ends = view.shown.map(({ name, best }) => `${name} ${best === null ? "never" : `in epoch ${best}`}`);
  return [
    widest && writeMiss(view, widest, write),
    many && `Validation is best: ${ends.join(", ")}.`,
    !many && memorising && `After epoch ${run.best} ${MEMORISING}: training still improves, validation no longer.`,
    !many && !memorising && run.best !== null && `Validation is best in epoch ${run.best}.`,
  ].filter(Boolean).join(" ");
}

function writeQuestion({ metric, epochs, shown }, { name, curves: { training } }, guess, write) {
  const last = guess.findLastIndex((value) => value !== null);
  const whose = shown.length > 1 ? `${name}: ` : "";
  if (last >= 0) {
    const next = last + 1 < epochs ? "Draw on, or reveal it." : "Reveal it.";
    return `${whose}You expect ${write(guess[last])} in epoch ${last + 1}. ${next}`;
  }
  const end = training.findLast((value) => value !== null);
  const reached = end === undefined ? "" : `On what it learns from, the ${metric} ends at ${write(end)}. `;
  return `${whose}${reached}And on examples that it has never seen?`;
}

function writeMiss({ axis, metric }, { epoch, guessed, came }, write) {
  const distance = Math.abs(guessed - came);
  const isClose = distance < 0.05 * (axis.high - axis.low);
  if (isClose) return `Well guessed: you are nowhere further off than ${write(distance)}.`;
  const than = guessed > came === (metric === "accuracy") ? "worse" : "better";
  return `You expected ${write(guessed)} in epoch ${epoch}, it was ${write(came)}, ${than} than you thought.`;
}

// What is read off one run at the view's epoch.
export function writeReading(view, run) {
  const begin = `${view.shown.length > 1 ? `${run.name}, e` : "E"}poch ${view.epoch}: `;
  if (view.epoch > run.length) return `${begin}it ended in epoch ${run.length}.`;
  const read = readRun(view, run);
  const texts = view.parts.map((part) => {
    return `${part} ${read[part] === null ? "not finite" : formatValue(read[part], view.metric)}`;
  });
  if (hasGap(read)) texts.push(`gap ${formatGap(read.training, read.validation, view.metric)}`);
  return `${begin}${texts.join(", ")}.`;
}

// The numbers of one run at the view's epoch; null for what there is none of.
export function readRun({ parts, epoch }, { curves }) {
  const at = (part) => (parts.includes(part) ? (curves[part][epoch - 1] ?? null) : null);
  return { training: at("training"), validation: at("validation") };
}

export function hasGap({ training, validation }) {
  return training !== null && validation !== null;
}

export function writeNotFinite(view) {
  const gaps = eachCurve(view, ({ name }, part, values) => {
    const missing = values.flatMap((value, index) => (value === null ? [index + 1] : []));
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
  const texts = eachCurve(view, ({ name }, part, values) => {
    const above = values.filter((value) => value !== null && value > view.axis.high);
    if (above.length === 0) return [];
    const largest = formatValue(Math.max(...above), view.metric);
    return [`▲ ${name}, ${part}, ${above.length} ${plural(above.length, "value")} up to ${largest}`];
  });
  return texts.length > 0 ? `Off the scale: ${texts.join("; ")}.` : "";
}

// `look(run, part, values)` for every curve that is shown, its lists in one.
export function eachCurve({ shown, parts }, look) {
  return shown.flatMap((run) => parts.flatMap((part) => look(run, part, run.curves[part])));
}

// ---- the state -----------------------------------------------------------------------------------------------------

// What is shown: the runs with their curves in the chosen metric, and the axes, on which validation has room before it
// is revealed, too.
export function makeView(metric, names, isRevealed, curves) {
  const runs = curves.map((run, index) => makeRun(run, index, metric));
  const shown = runs.filter(({ name }) => names.includes(name));
  const epochs = Math.max(...(shown.length > 0 ? shown : runs).map(({ length }) => length));
  const parts = Object.keys(PARTS).slice(0, isRevealed ? 2 : 1);
  const problem = shown.length === 0 ? "No run is chosen: tick one." : "";
  return { metric, parts, runs, shown, epochs, problem, axis: planViewAxis(metric, shown) };
}

function makeRun(run, index, metric) {
  const curves = Object.fromEntries(Object.entries(PARTS).map(([part, begin]) => [part, run[begin + metric]]));
  return { name: run.name, index, length: run.loss.length, best: run.best[metric], curves };
}

function planViewAxis(metric, shown) {
  const finite = (list) => list.filter((value) => value !== null);
  const lists = shown.flatMap(({ curves }) => Object.values(curves).map(finite));
  const firsts = lists.filter((numbers) => numbers.length > 0).map((numbers) => numbers[0]);
  return planAxis(lists.flat(), metric, metric === "loss" ? findLimit(lists.flat(), firsts) : Infinity);
}
