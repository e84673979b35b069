// The seeds figure: seeds drawn from a spread, their interval, and a verdict that changes with their number.

import {
  clampNumber,
  createButton,
  createCheckbox,
  createSlider,
  h,
  joinParts,
  liveFigure,
  remember,
  s,
  setAttribute,
  setIdle,
  setStyle,
  setText,
} from "./base.js";
import { createDetails } from "./controls.js";

const MOST = 30;
const EFFECTS = [-1.5, 0, 0.5, 1.5, 2.5]; // of which each study has one
export const SIGNS = { reproduced: "✓", "too small to matter": "=", undecided: "?", contradicted: "✗" };

// ---- the mathematics: pure functions, tested against SciPy and convbook.evidence -------------------------------------

// Numbers from 0 to 1 that follow from a whole number: "mulberry32" by Tommy Ettinger, in the public domain.
function createGenerator(seed) {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

// A study: its own true effect, and how many standard deviations each of its seeds lies from the truth, normally
// distributed (Box and Muller 1958).
export function openStudy(study) {
  const next = createGenerator(study);
  const effect = EFFECTS[Math.floor(next() * EFFECTS.length)];
  const deviations = Array.from({ length: MOST }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    return radius * Math.cos(2 * Math.PI * next());
  });
  return { effect, deviations };
}

// The mean of some differences and its 95 % interval, Student's; `quantiles` are those of t, for two differences first.
export function estimate(differences, quantiles) {
  const n = differences.length;
  const mean = differences.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { n, mean };
  const deviation = Math.sqrt(differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  const half = (quantiles[n - 2] * deviation) / Math.sqrt(n);
  return { n, mean, deviation, quantile: quantiles[n - 2], half, low: mean - half, high: mean + half };
}

// The verdict on the claim that the effect is greater than 0.
export function judge({ low, high }, margin) {
  if (-margin < low && high < margin) return "too small to matter";
  return low > 0 ? "reproduced" : high < 0 ? "contradicted" : "undecided";
}

// The share of single seeds that point away from the truth: the normal distribution's below 0, by Abramowitz and Stegun,
// 7.1.26, right to six decimals.
export function shareOfLies(effect, spread) {
  const x = Math.abs(effect) / spread / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const sum = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592].reduce((total, a) => total * t + a, 0);
  return 0.5 * sum * t * Math.exp(-x * x);
}

// ---- what is said ----------------------------------------------------------------------------------------------------

export function writePoints(value) {
  const text = Math.abs(value).toFixed(1);
  return Number(text) === 0 ? "0.0" : `${value < 0 ? "−" : "+"}${text}`;
}

function writeFound({ count, last, verdict }) {
  if (count === 0) return "No seed yet.";
  if (count === 1) return `One seed: ${writePoints(last.mean)} points. One seed has no interval, so there is no verdict.`;
  const between = `${writePoints(last.low)} to ${writePoints(last.high)}`;
  const name = verdict[0].toUpperCase() + verdict.slice(1);
  return `${name} after ${count} seeds: mean ${writePoints(last.mean)} points, 95 % interval ${between}.`;
}

function writeTruth({ truth, isShown, isSet, spread, margin }) {
  if (!isShown) return "The truth is hidden.";
  const size = Math.abs(truth) < margin ? "less than would matter" : "enough to matter";
  const share = Math.round(100 * shareOfLies(truth, spread));
  const verb = isSet ? "is" : "was";
  if (truth === 0) return `The truth ${verb} 0: half of single seeds point up, half down.`;
  return `The truth ${verb} ${writePoints(truth)} points, ${size}. Of single seeds ${share} % point the wrong way.`;
}

function writeFormula({ last }) {
  if (!last?.half) return "With two seeds or more: mean ± t · s / √n.";
  const { n, mean, deviation, quantile, half } = last;
  return (
    `Mean ± t · s / √n, Student's interval: ${writePoints(mean)} ± ${quantile.toFixed(2)} · ${deviation.toFixed(2)} / ` +
    `√${n} = ${writePoints(mean)} ± ${half.toFixed(2)}. The grey band is what would not matter. Inside the band: too small ` +
    "to matter. Else, all above 0: reproduced; all below: contradicted; with 0 inside: undecided."
  );
}

// ---- the figure ------------------------------------------------------------------------------------------------------

const TRAITS = ["count", "spread", "margin", "study", "truth", "effect", "_quantiles"];

export default liveFigure("seeds", TRAITS, (frame) => {
  const readAll = remember(readState);
  const read = () => readAll(...TRAITS.map((name) => frame.model.get(name)));
  const formula = createText("", writeFormula);
  const texts = joinParts("cb-found", createText("cb-verdict", writeFound), createText("cb-truth", writeTruth));
  const more = createDetails(frame, "How the interval and the verdict come about", formula);
  const update = frame.add(createButtons(frame, read), createChart(frame), texts, createSettings(frame), more);
  return () => {
    const now = read();
    update(now);
    return [writeFound(now), writeTruth(now)];
  };
}, {
  task: "Draw seeds one after the other, and see when you may believe them.",
});

function readState(count, spread, margin, study, truth, effect, quantiles) {
  const { effect: own, deviations } = openStudy(study);
  const actual = truth === "set" ? effect : own;
  const seeds = deviations.slice(0, count).map((deviation) => actual + spread * deviation);
  const estimates = seeds.map((_, n) => estimate(seeds.slice(0, n + 1), quantiles));
  const verdicts = estimates.map((found) => (found.n < 2 ? null : judge(found, margin)));
  return {
    ...{ count, spread, margin, seeds, estimates, verdicts, effect, truth: actual },
    isSet: truth === "set",
    isShown: truth !== "hidden",
    last: estimates.at(-1),
    verdict: verdicts.at(-1),
    limit: 3 + Math.ceil(2 * spread),
  };
}

function createText(className, write) {
  const element = h("p", { class: className });
  return { element, update: (now) => setText(element, write(now)) };
}

function createButtons({ model, set }, read) {
  const draw = (more) => () => set({ count: clampNumber(model.get("count") + more, 0, MOST) });
  const [one, ten] = [createButton("Draw a seed", draw(1)), createButton("Draw ten", draw(10))];
  const restart = () => set({ study: (model.get("study") + 1) % 1000, count: 1, ...(read().isSet ? {} : { truth: "hidden" }) });
  const reveal = createButton("Show the truth", () => set({ truth: "shown" }));
  return {
    element: h("div", { class: "cb-buttons" }, one, ten, reveal, createButton("New study", restart)),
    update({ count, isShown }) {
      for (const button of [one, ten]) setIdle(button, count === MOST);
      setIdle(reveal, isShown);
    },
  };
}

// The seeds from left to right as dots; behind each the interval of all seeds up to it, and below that its verdict.
function createChart({ onRemove }) {
  const path = (className) => s("path", { class: className });
  const [band, zero, truth] = ["cb-band", "cb-zero", "cb-true"].map(path);
  const columns = Array.from({ length: MOST }, () => ({ bar: path("cb-bar-path"), mean: path("cb-mean"), dot: path("cb-dot") }));
  const parts = columns.flatMap(({ bar, mean, dot }) => [bar, mean, dot]);
  const plot = s("svg", { "aria-hidden": "true", preserveAspectRatio: "none" }, band, zero, ...parts, truth);
  const marks = columns.map(() => h("span", {}));
  const [top, bottom, matters] = [h("span", { class: "cb-top" }), h("span", { class: "cb-bottom" }), h("span", { class: "cb-matters" })];
  const [middle, unit] = [h("span", { class: "cb-middle" }, "0"), h("span", { class: "cb-unit" }, "effect, in points")];
  const area = h("div", { class: "cb-plot" }, plot, top, middle, bottom, matters, unit);
  const written = { 1: "1 seed", 10: "10", 20: "20", 30: "30" };
  const ticks = Object.entries(written).map(([n, text]) => h("span", { style: `left:${(100 * (n - 0.5)) / MOST}%` }, text));
  const axis = h("div", { class: "cb-ticks" }, ...ticks);
  const legend = Object.entries(SIGNS).map(([verdict, sign]) => h("span", { "data-verdict": verdict }, `${sign} ${verdict}`));
  const element = h("div", { class: "cb-chart", role: "img" }, area, h("div", { class: "cb-marks" }, ...marks), axis);
  return {
    element: h("div", {}, element, h("div", { class: "cb-flow cb-hint cb-keys" }, ...legend)),
    update(now) {
      const { limit, margin, seeds, estimates, verdicts } = now;
      setAttribute(plot, "viewBox", `0 ${-limit} ${MOST} ${2 * limit}`);
      setAttribute(band, "d", `M0 ${-margin}H${MOST}V${margin}H0Z`);
      setAttribute(zero, "d", `M0 0H${MOST}`);
      setAttribute(truth, "d", now.isShown ? `M0 ${-now.truth}H${MOST}` : "");
      columns.forEach(({ bar, mean, dot }, n) => {
        const [found, x] = [estimates[n], n + 0.5];
        setAttribute(dot, "d", found ? `M${x} ${-seeds[n]}h0` : "");
        setAttribute(bar, "d", found?.half ? `M${x} ${-Math.min(found.high, limit)}V${-Math.max(found.low, -limit)}` : "");
        setAttribute(mean, "d", found ? `M${n + 0.1} ${-found.mean}h0.8` : "");
        setAttribute(bar, "data-verdict", verdicts[n] ?? "");
        setAttribute(marks[n], "data-verdict", verdicts[n] ?? "");
        setText(marks[n], SIGNS[verdicts[n]] ?? "");
      });
      setText(top, `+${limit}`);
      setText(bottom, `−${limit}`);
      setText(matters, "too small to matter");
      setStyle(matters, `top:${50 - (50 * margin) / limit}%`);
      setAttribute(element, "aria-label", `Seeds as dots, and the interval of all up to each. ${writeFound(now)}`);
    },
  };
}

function createSettings({ set }) {
  const spread = createSlider("Spread of the seeds", (spread) => set({ spread }), { unit: " points", step: 0.5 });
  const own = createCheckbox("Set the true effect", (on) => set({ truth: on ? "set" : "hidden" }));
  const effect = createSlider("True effect", (effect) => set({ effect }), { unit: " points", step: 0.5, write: writePoints });
  return {
    element: h("div", { class: "cb-flow cb-settings-row" }, spread, own, effect),
    update(now) {
      spread.update(now.spread, { min: 0.5, max: 5 });
      own.update(now.isSet);
      effect.update(now.effect, { min: -4, max: 4, disabled: !now.isSet });
      setAttribute(effect.element, "data-idle", !now.isSet);
    },
  };
}
