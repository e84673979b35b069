// The translation figure: move a digit over a canvas, and see which of two trained nets still knows it.

import {
  clampIndex,
  createPanel,
  createPixelGrid,
  createSelect,
  cssColor,
  decodePicture,
  divergingColor,
  h,
  liveFigure,
  picturePixels,
  remember,
  setAttribute,
  setStyle,
  setText,
} from "./base.js";
import { createMoves } from "./controls.js";
import { predict, runNet, unpackNet } from "./network.js";

const NETS = { dense: "Dense net", convnet: "convnet" };
const SAMPLES = 3;
const CANVAS = 54;
const INK = 20;
const LARGEST_MOVE = (CANVAS - INK) / 2; // there the ink touches the canvas's edge; the digit is never cut
const SIDE = 2 * LARGEST_MOVE + 1; // positions along each axis
const TRAINED = 2; // both nets saw digits in the centre, up to so many pixels beside it
const LEAP = 8; // from one window of the convnet's last maps to the next
const UNKNOWN = 255; // no answer yet
const [RIGHT_SHADE, WRONG_SHADE] = [-1, 0.45];

// ---- the mathematics: pure functions, tested against Keras ---------------------------------------------------------

// One digit out of the strip of all that the figure holds.
export function digitOf(strip, digit, sample) {
  const start = (digit * SAMPLES + sample) * INK * INK;
  return { height: INK, width: INK, channels: 1, values: strip.values.subarray(start, start + INK * INK) };
}

// A dark square picture with the digit's first pixel at this place.
export function placeDigit(digit, row, column, side = CANVAS) {
  const values = new Uint8Array(side * side);
  for (let i = 0; i < digit.height; i++) {
    values.set(digit.values.subarray(i * digit.width, (i + 1) * digit.width), (row + i) * side + column);
  }
  return { height: side, width: side, channels: 1, values };
}

// The digit with the largest probability; of equal ones the first.
export function answerOf(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}

// A net's answers at all positions of the digit, row by row, in pieces of work: each next() fills in some of `answers`.
export function* answerEverywhere(net, digit, answers) {
  const average = net.layers.findIndex(({ kind }) => kind === "global_average");
  if (average < 0) yield* answerOneByOne(net, digit, answers);
  else yield* answerFromSharedMaps(net, average, digit, answers);
}

function* answerOneByOne(net, digit, answers) {
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      answers[row * SIDE + column] = answerOf(predict(net, placeDigit(digit, row, column)));
    }
    yield;
  }
}

// What a convolution gives moves with its picture. So positions that lie a multiple of the net's stride apart are read
// from the same maps: those of a larger canvas, from which the maps of the canvas itself are cut out. The answers are
// the same, number by number, in a fraction of the time.
function* answerFromSharedMaps(net, average, digit, answers) {
  const stride = net.layers.reduce((product, { size = 1 }) => product * size, 1);
  const head = { ...net, layers: net.layers.slice(average) };
  const cuts = Math.ceil((2 * LARGEST_MOVE) / stride) + 1; // positions of one canvas within the larger one, on each axis
  for (let phase = 0; phase < stride * stride; phase++) {
    const [down, right] = [Math.floor(phase / stride), phase % stride];
    const picture = placeDigit(digit, SIDE - 1 + down, SIDE - 1 + right, CANVAS + (cuts - 1) * stride);
    const maps = runNet(net, picture, average).at(-1);
    const side = maps.height - cuts + 1;
    for (let cut = 0; cut < cuts * cuts; cut++) {
      const [top, left] = [Math.floor(cut / cuts), cut % cuts];
      const [row, column] = [SIDE - 1 + down - top * stride, SIDE - 1 + right - left * stride];
      if (Math.min(row, column) < 0 || Math.max(row, column) >= SIDE) continue;
      answers[row * SIDE + column] = answerOf(predict(head, cutOut(maps, top, left, side)));
    }
    yield;
  }
}

function cutOut({ width, channels, values }, top, left, side) {
  const part = new Float32Array(side * side * channels);
  for (let i = 0; i < side; i++) {
    const start = ((top + i) * width + left) * channels;
    part.set(values.subarray(start, start + side * channels), i * side * channels);
  }
  return { height: side, width: side, channels, values: part };
}

// ---- what is said --------------------------------------------------------------------------------------------------

function writePercent(share) {
  return `${Math.floor(100 * share + 0.5)} %`;
}

function writePlace(down, right) {
  const part = (pixels, [back, forth]) => (pixels ? [`${Math.abs(pixels)} px ${pixels > 0 ? forth : back}`] : []);
  const parts = [...part(down, ["up", "down"]), ...part(right, ["left", "right"])];
  return parts.length ? `${parts.join(", ")} of the centre` : "in the centre";
}

function writeAnswer(name, probabilities, digit) {
  const answer = answerOf(probabilities);
  const outcome = answer === digit ? "right" : "wrong";
  return `The ${NETS[name]} says ${answer} (${writePercent(probabilities[answer])}): ${outcome}.`;
}

function writeCount(count) {
  return count.toLocaleString("en");
}

// What is spoken: where the digit is and what the nets answer, and once all positions are tried, how often each is right.
function describe(now) {
  const answers = Object.entries(now.probabilities).map(([name, values]) => writeAnswer(name, values, now.digit));
  const text = `Digit ${now.digit}, test picture ${now.sample + 1}, ${writePlace(now.down, now.right)}.`;
  return [`${text} ${answers.join(" ")}`, now.isComplete ? describeCounts(now.counts) : ""];
}

function describeCounts({ dense, convnet }) {
  const [first, second] = [dense, convnet].map(({ right }) => writeCount(right));
  return `Over all ${writeCount(SIDE * SIDE)} places, the Dense net is right at ${first}, the convnet at ${second}.`;
}

const HINT = "Both nets were trained on the same digits, all of them within 2 pixels of the centre (dashed). " +
  "Elsewhere neither has seen one. The digits here are test digits: none of them was trained on.";
const HINT_STRIDE = "The convnet's last windows lie 8 pixels apart. So its map repeats every 8 pixels, but for the " +
  "edge: there, windows are missing that would see the digit.";
const HINT_KEYS = "Drag the digit, or use the arrow keys; with Shift it leaps 8 pixels.";

// ---- the figure ----------------------------------------------------------------------------------------------------

const TRAITS = ["_digits", "_nets", "digit", "sample", "down", "right"];

export default liveFigure("translation", TRAITS, (frame) => {
  const state = createState(frame);
  const controls = createControls(frame, state);
  const canvas = createCanvas(frame, state);
  const nets = Object.keys(NETS).map((name) => createNet(frame, state, name));
  const panels = [canvas, ...nets].map(({ element }) => element);
  const lines = [HINT, HINT_STRIDE].map((text) => h("p", { class: "cb-hint" }, text));
  const hints = h("div", { class: "cb-origin" }, ...lines);
  frame.el.append(controls.element, h("div", { class: "cb-panels" }, ...panels, hints));

  return function draw() {
    const now = state.read();
    for (const part of [controls, canvas, ...nets]) part.update(now);
    return describe(now);
  };
});

// The figure's state as its parts need it: the traits, and what follows from them.
function createState(frame) {
  const { model } = frame;
  const stripOf = remember(decodePicture);
  const netsOf = remember((packed) => forEachNet((name) => unpackNet(packed[name])));
  const digitAt = remember(digitOf);
  const pictureOf = remember((digit, down, right) => placeDigit(digit, LARGEST_MOVE + down, LARGEST_MOVE + right));
  const probabilitiesOf = remember((nets, picture) => forEachNet((name) => predict(nets[name], picture)));
  const sweep = createSweep(frame);
  const moves = createMoves(frame, "digit", LARGEST_MOVE, "Centre");

  const read = () => {
    const [digit, sample] = [clampIndex(model.get("digit"), 10), clampIndex(model.get("sample"), SAMPLES)];
    const { down, right } = moves.at();
    const ink = digitAt(stripOf(model.get("_digits")), digit, sample);
    const nets = netsOf(model.get("_nets"));
    const picture = pictureOf(ink, down, right);
    const answers = sweep.ask(nets, ink, `${digit} ${sample}`);
    const counts = forEachNet((name) => countRight(answers[name], digit));
    const isComplete = Object.values(counts).every(({ tried }) => tried === SIDE * SIDE);
    const probabilities = probabilitiesOf(nets, picture);
    return { digit, sample, down, right, nets, picture, probabilities, answers, counts, isComplete };
  };
  const putAt = (row, column) => moves.moveTo(row - LARGEST_MOVE, column - LARGEST_MOVE); // its first pixel
  return { read, moves, putAt };
}

// {dense: …, convnet: …}
function forEachNet(make) {
  return Object.fromEntries(Object.keys(NETS).map((name) => [name, make(name)]));
}

function countRight(answers, digit) {
  let [right, tried] = [0, 0];
  for (const answer of answers) {
    if (answer === digit) right++;
    if (answer !== UNKNOWN) tried++;
  }
  return { right, tried };
}

// Tries all positions of a digit with both nets, a few milliseconds in each frame, while the figure is in sight; what was
// tried is kept.
function createSweep({ el, redraw, onRemove }) {
  const kept = new Map();
  let [work, asked, pending, isInSight] = [null, "", 0, false];
  const proceed = () => {
    pending = 0;
    const start = performance.now();
    let isDone = false;
    while (!isDone && performance.now() - start < 5) isDone = work.next().done;
    if (isDone) work = null;
    redraw();
    plan();
  };
  const plan = () => {
    if (work && isInSight) pending ||= requestAnimationFrame(proceed);
  };
  const observer = new IntersectionObserver((entries) => {
    isInSight = entries.at(-1).isIntersecting;
    plan();
  });
  observer.observe(el);
  onRemove(() => {
    cancelAnimationFrame(pending);
    observer.disconnect();
    work = null;
  });

  function* tryAll(nets, digit, answers) {
    for (const [name, net] of Object.entries(nets)) yield* answerEverywhere(net, digit, answers[name]);
  }
  return {
    // The answers so far: {dense, convnet}, each with one for every position, UNKNOWN where none was tried.
    ask(nets, digit, key) {
      if (!kept.has(key)) {
        const answers = forEachNet(() => new Uint8Array(SIDE * SIDE).fill(UNKNOWN));
        kept.set(key, { answers, work: tryAll(nets, digit, answers) });
      }
      if (asked !== key) {
        asked = key;
        work = kept.get(key).work; // one that has ended gives done at once
        plan();
      }
      return kept.get(key).answers;
    },
  };
}

// Which digit, which picture of it, and where.
function createControls({ set }, { moves }) {
  const digit = createSelect("Digit", (text) => set({ digit: Number(text) }));
  const sample = createSelect("Picture", (text) => set({ sample: Number(text) - 1 }));
  const numbers = Array.from({ length: 10 }, (_, n) => String(n));
  const choices = h("div", { class: "cb-choices" }, digit.element, sample.element);
  return {
    element: h("div", { class: "cb-bar" }, choices, moves.element),
    update(now) {
      digit.update(numbers, String(now.digit));
      sample.update(["1", "2", "3"], String(now.sample + 1));
      moves.update();
    },
  };
}

// The canvas with the digit, its frame, and the dashed square within which the training digits lay.
function createCanvas(frame, state) {
  const windowAt = () => ({ ...windowOn(state.moves.at(), INK), leap: LEAP });
  const pixels = createPixelGrid({ windowAt, moveTo: state.putAt });
  pixels.element.prepend(createDashes(LARGEST_MOVE - TRAINED, INK + 2 * TRAINED, CANVAS));
  const panel = createPanel("input", "Canvas", pixels.element, h("p", { class: "cb-hint" }, HINT_KEYS));
  const paint = remember((picture) => pixels.paint(picturePixels({ ...picture, white: 255 }), CANVAS, CANVAS));
  return {
    element: panel.element,
    update(now) {
      paint(now.picture);
      pixels.place(windowOn(now, INK));
      const where = writePlace(now.down, now.right);
      const size = `${CANVAS} by ${CANVAS} pixels`;
      pixels.describe(`Canvas of ${size} with the digit ${now.digit}, ${where}; arrow keys move it`);
      setText(panel.note, where);
    },
  };
}

// The digit's frame on the canvas, or its pixel on a map of all positions.
function windowOn({ down, right }, side) {
  return { row: LARGEST_MOVE + down, column: LARGEST_MOVE + right, height: side, width: side };
}

function createDashes(start, size, whole) {
  const percent = (part) => `${(100 * part) / whole}%`;
  const box = `top:${percent(start)};left:${percent(start)};height:${percent(size)};width:${percent(size)}`;
  return h("div", { class: "cb-dashes", style: box });
}

// One net: its answer, ten bars, and the map of the places where it is right.
function createNet(frame, state, name) {
  const answer = h("p", { class: "cb-answer" });
  const bars = createBars();
  const places = createPlaces(frame, state, name);
  const title = NETS[name][0].toUpperCase() + NETS[name].slice(1);
  const panel = createPanel("net", title, answer, bars.element, places.element);
  return {
    element: panel.element,
    update(now) {
      const values = now.probabilities[name];
      const given = answerOf(values);
      const isRight = given === now.digit;
      panel.element.classList.toggle("cb-right", isRight);
      setText(panel.note, `${writeCount(countNumbers(now.nets[name]))} parameters`);
      setText(answer, `${isRight ? "✓" : "✗"} says ${given}: ${isRight ? "right" : "wrong"}`);
      bars.update(values, given, now.digit);
      places.update(now);
    },
  };
}

function countNumbers({ layers }) {
  return layers.reduce((sum, { weights = [], bias = [] }) => sum + weights.length + bias.length, 0);
}

function createBars() {
  const rows = Array.from({ length: 10 }, (_, n) => {
    const [fill, share] = [h("span", { class: "cb-fill" }), h("span", { class: "cb-percent" })];
    const parts = [h("span", { class: "cb-name" }, String(n)), h("span", { class: "cb-track" }, fill), share];
    return { row: h("div", { class: "cb-bar-row" }, ...parts), fill, share };
  });
  const element = h("div", { class: "cb-bars", role: "img" }, ...rows.map(({ row }) => row));
  return {
    element,
    update(values, given, digit) {
      rows.forEach(({ row, fill, share }, n) => {
        row.classList.toggle("cb-given", n === given);
        row.classList.toggle("cb-true", n === digit);
        setStyle(fill, `transform:scaleX(${values[n].toFixed(4)})`);
        setText(share, writePercent(values[n]));
      });
      const parts = Array.from(values, (value, n) => `${n} ${writePercent(value)}`);
      setAttribute(element, "aria-label", `Probabilities: ${parts.join(", ")}`);
    },
  };
}

// A map with one pixel for each position of the digit; a click moves the digit there.
function createPlaces(frame, state, name) {
  const windowAt = () => windowOn(state.moves.at(), 1);
  const pixels = createPixelGrid({ windowAt, moveTo: state.putAt, byKeyboard: false });
  pixels.element.prepend(createDashes(LARGEST_MOVE - TRAINED, 2 * TRAINED + 1, SIDE));
  const count = h("span", { class: "cb-count" });
  const [right, wrong] = [h("span", { class: "cb-key" }), h("span", { class: "cb-key" })];
  const key = h("span", { class: "cb-keys" }, right, "right ", wrong, "wrong");
  const paint = remember((answers, tried, digit, theme) => {
    pixels.paint(placePixels(answers, digit, theme), SIDE, SIDE);
    setStyle(right, `background:${cssColor(divergingColor(RIGHT_SHADE, theme))}`);
    setStyle(wrong, `background:${cssColor(divergingColor(WRONG_SHADE, theme))}`);
  });
  const caption = h("p", { class: "cb-caption" }, "Right or wrong, place by place");
  return {
    element: h("div", { class: "cb-places" }, caption, pixels.element, count, key),
    update(now) {
      const { right: rights, tried } = now.counts[name];
      paint(now.answers[name], tried, now.digit, frame.theme);
      pixels.place(windowOn(now, 1));
      const places = tried < SIDE * SIDE ? `${writeCount(tried)} tried` : `${writeCount(tried)} places`;
      const text = `${writeCount(rights)} of ${places}`;
      setText(count, text);
      pixels.describe(`Map of the digit's places: the ${NETS[name]} is right at ${text}; a click moves the digit`);
    },
  };
}

// The map's colours: right, wrong, not yet tried.
function placePixels(answers, digit, theme) {
  const colors = [RIGHT_SHADE, WRONG_SHADE, 0].map((shade) => [...divergingColor(shade, theme), 255]);
  const rgba = new Uint8ClampedArray(answers.length * 4);
  answers.forEach((answer, n) => rgba.set(colors[answer === digit ? 0 : answer === UNKNOWN ? 2 : 1], n * 4));
  return rgba;
}
