// The translation figure: move a digit over a canvas, and see which of two trained nets still knows it.

import {
  bind,
  clampIndex,
  colorPixels,
  createButton,
  createPanel,
  createSelect,
  cssColor,
  decodePicture,
  divergingColor,
  formatCount,
  formatMove,
  formatPercent,
  h,
  joinParts,
  liveFigure,
  picturePixels,
  placeBox,
  remember,
  setAttribute,
  setIdle,
  setStyle,
  setText,
} from "./base.js";
import { createDetails, createMoves, createPixelGrid } from "./controls.js";
import { createDrawing } from "./drawing.js";
import { placeDigit, predict, runNet, unpackNet } from "./network.js";

const NETS = { dense: "Dense net", convnet: "convnet" };
const SAMPLES = 3;
const YOURS = "yours";
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

// What of a drawing's picture lies within its margin.
export function inkOf({ width, values }) {
  const margin = (width - INK) / 2;
  const rows = Array.from({ length: INK }, (_, i) => (margin + i) * width + margin);
  const ink = rows.flatMap((start) => [...values.subarray(start, start + INK)]);
  return { height: INK, width: INK, channels: 1, values: Uint8Array.from(ink) };
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
      answers[row * SIDE + column] = answerOf(predict(net, placeDigit(digit, row, column, CANVAS)));
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

function writePlace(down, right) {
  const move = formatMove(down, right, (pixels) => `${pixels} px`);
  return move || "in the centre";
}

function writeAnswer(name, probabilities, digit) {
  const answer = answerOf(probabilities);
  const outcome = answer === digit ? "right" : "wrong";
  return `The ${NETS[name]} says ${answer} (${formatPercent(probabilities[answer])}): ${outcome}.`;
}

// What is spoken: where the digit is and what the nets answer, and once all positions are tried, how often each is right.
function describe(now) {
  const answers = Object.entries(now.probabilities).map(([name, values]) => writeAnswer(name, values, now.digit));
  const which = now.isYours ? "your drawing" : `test picture ${now.sample + 1}`;
  const text = `Digit ${now.digit}, ${which}, ${writePlace(now.down, now.right)}.`;
  return [`${text} ${answers.join(" ")}`, now.isComplete ? describeCounts(now.counts) : ""];
}

function describeCounts({ dense, convnet }) {
  const [first, second] = [dense, convnet].map(({ right }) => formatCount(right));
  return `Over all ${formatCount(SIDE * SIDE)} places, the Dense net is right at ${first}, the convnet at ${second}.`;
}

const HINT = "Both nets learned digits in the dashed square alone. In the maps, each pixel is one place of the digit.";
const HINTS = [
  "Both nets were trained on the same digits, all of them within 2 pixels of the centre. The digits here are test digits.",
  "The convnet's last windows lie 8 pixels apart. So its map repeats every 8 pixels, but for the edge: there, windows " +
    "are missing that would see the digit.",
];

// ---- the figure ----------------------------------------------------------------------------------------------------

const TRAITS = ["_digits", "_nets", "digit", "sample", "down", "right"];

export default liveFigure("translation", TRAITS, (frame) => {
  const state = createState(frame);
  const hand = joinParts("cb-hand", createCanvas(state), createPlace(state));
  const nets = Object.keys(NETS).map((name) => createNet(frame, state, name));
  const bars = Object.keys(NETS).map(createBars);
  const hints = HINTS.map((text) => h("p", { class: "cb-hint" }, text));
  const details = createDetails(frame, "All probabilities, and why the map has stripes", ...bars, ...hints);
  const panels = joinParts("cb-panels", hand, ...nets);
  const update = frame.add(createControls(frame, state), panels, details);

  return function draw() {
    const now = state.read();
    update(now);
    return describe(now);
  };
}, {
  task: ["Drag the digit, and see which of the two nets still knows it.", "Or use the arrow keys."],
});

// The figure's state as its parts need it: the traits, what follows from them, and what the reader has drawn.
function createState(frame) {
  const { model } = frame;
  const stripOf = remember(decodePicture);
  const netsOf = remember((packed) => forEachNet((name) => unpackNet(packed[name])));
  const digitAt = remember(digitOf);
  const pictureOf = remember((digit, down, right) => placeDigit(digit, LARGEST_MOVE + down, LARGEST_MOVE + right, CANVAS));
  const probabilitiesOf = remember((nets, picture) => forEachNet((name) => predict(nets[name], picture)));
  const sweep = createSweep(frame);
  const moves = createMoves(frame, "digit", LARGEST_MOVE, "Centre");
  const drawing = createDrawing("A dark square to draw a digit on", frame.redraw);
  const inkDrawn = remember((picture) => picture && inkOf(picture));
  let [isDrawing, isYours, drawings] = [false, false, 0];

  const read = () => {
    const [digit, sample] = [clampIndex(model.get("digit"), 10), clampIndex(model.get("sample"), SAMPLES)];
    const { down, right } = moves.at();
    const drawn = inkDrawn(drawing.picture());
    const ink = (isYours && drawn) || digitAt(stripOf(model.get("_digits")), digit, sample);
    const nets = netsOf(model.get("_nets"));
    const picture = pictureOf(ink, down, right);
    const key = isYours && drawn ? `${YOURS} ${drawings}` : `${digit} ${sample}`;
    const answers = sweep.ask(nets, ink, isDrawing ? null : key);
    const counts = forEachNet((name) => countRight(answers[name], digit));
    const isComplete = Object.values(counts).every(({ tried }) => tried === SIDE * SIDE);
    const probabilities = probabilitiesOf(nets, picture);
    const yours = { drawn, isDrawing, isYours: Boolean(isYours && drawn) };
    return { digit, sample, down, right, ...yours, nets, picture, probabilities, answers, counts, isComplete };
  };
  const putAt = (row, column) => moves.moveTo(row - LARGEST_MOVE, column - LARGEST_MOVE); // its first pixel
  // Shows what the reader has drawn, or a test picture; while it is drawn, in the centre.
  const show = (yours, drawingNow = false) => {
    if (drawingNow && !isDrawing) {
      drawings++;
      moves.moveTo(0, 0);
      drawing.clear();
    }
    [isYours, isDrawing] = [yours, drawingNow];
    frame.redraw();
  };
  return { read, moves, putAt, drawing, show };
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
    // The answers so far: {dense, convnet}, each with one for every position, UNKNOWN where none was tried; none is tried
    // where there is no `key`.
    ask(nets, digit, key) {
      if (!kept.has(key)) {
        const answers = forEachNet(() => new Uint8Array(SIDE * SIDE).fill(UNKNOWN));
        kept.set(key, { answers, work: key === null ? [].values() : tryAll(nets, digit, answers) });
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

// Which digit, which picture of it, or one that the reader draws.
function createControls({ set }, { read, show }) {
  const digit = createSelect("Digit", (text) => {
    set({ digit: Number(text) });
    if (!read().isDrawing) show(false);
  });
  const sample = createSelect("Picture", (text) => {
    show(text === YOURS);
    if (text !== YOURS) set({ sample: Number(text) - 1 });
  });
  const draw = createButton("Draw one", () => show(true, !read().isDrawing));
  return {
    element: h("div", { class: "cb-choices" }, digit, sample, draw),
    update(now) {
      digit.update([..."0123456789"], String(now.digit));
      sample.update(["1", "2", "3", ...(now.drawn ? [YOURS] : [])], now.isYours ? YOURS : String(now.sample + 1));
      setText(draw, now.isDrawing ? "Done" : "Draw one");
    },
  };
}

// Where the digit is, the way back, and what the dashed square and the maps are.
function createPlace({ moves }) {
  const where = h("p", { class: "cb-where" });
  const centre = createButton("Centre", () => moves.moveTo(0, 0));
  return {
    element: h("div", { class: "cb-origin" }, where, centre, h("p", { class: "cb-hint" }, HINT)),
    update({ isDrawing, digit, down, right }) {
      setText(where, isDrawing ? `Draw a ${digit}` : writePlace(down, right));
      setIdle(centre, !down && !right);
    },
  };
}

// The canvas with the digit, its frame, and the dashed square within which the training digits lay; while the reader
// draws, the surface in its place.
function createCanvas({ moves, putAt, drawing }) {
  const windowAt = () => ({ ...windowOn(moves.at(), INK), leap: LEAP });
  const pixels = createPixelGrid({ windowAt, moveTo: putAt });
  pixels.element.prepend(createDashes(INK + 2 * TRAINED, CANVAS));
  const paint = remember((picture) => pixels.paint(picturePixels({ ...picture, white: 255 }), picture));
  return {
    element: h("div", { class: "cb-panel cb-input" }, pixels, drawing),
    update(now) {
      [pixels.element.hidden, drawing.element.hidden] = [now.isDrawing, !now.isDrawing];
      paint(now.picture);
      pixels.place(windowOn(now, INK));
      const size = `${CANVAS} by ${CANVAS} pixels`;
      const where = writePlace(now.down, now.right);
      pixels.describe(`Canvas of ${size} with the digit ${now.digit}, ${where}; arrow keys move it`);
    },
  };
}

// The digit's frame on the canvas, or its pixel on a map of all positions.
function windowOn({ down, right }, side) {
  return { row: LARGEST_MOVE + down, column: LARGEST_MOVE + right, height: side, width: side };
}

// A square in the middle of a larger one: where the training digits lay.
function createDashes(side, whole) {
  const [element, start] = [h("div", { class: "cb-dashes" }), (whole - side) / 2];
  placeBox(element, { row: start, column: start, height: side, width: side }, { height: whole, width: whole });
  return element;
}

// One net: its answer, and the map of the places where it is right.
function createNet(frame, state, name) {
  const answer = h("p", { class: "cb-answer" });
  const places = createPlaces(frame, state, name);
  const panel = createPanel("net", titleOf(name), answer, places);
  return {
    element: panel.element,
    update(now) {
      const given = answerOf(now.probabilities[name]);
      const isRight = given === now.digit;
      panel.element.classList.toggle("cb-right", isRight);
      setText(answer, `${isRight ? "✓" : "✗"} says ${given}: ${isRight ? "right" : "wrong"}`);
      places.update(now);
    },
  };
}

function titleOf(name) {
  return NETS[name][0].toUpperCase() + NETS[name].slice(1);
}

function countNumbers({ layers }) {
  return layers.reduce((sum, { weights = [], bias = [] }) => sum + weights.length + bias.length, 0);
}

// A net's probabilities of the ten digits.
function createBars(name) {
  const rows = Array.from({ length: 10 }, (_, n) => {
    const [fill, share] = [h("span", { class: "cb-fill" }), h("span", { class: "cb-percent" })];
    const parts = [h("span", { class: "cb-name" }, String(n)), h("span", { class: "cb-track" }, fill), share];
    return { row: h("div", { class: "cb-bar-row" }, ...parts), fill, share };
  });
  const bars = h("div", { class: "cb-bars", role: "img" }, ...rows.map(({ row }) => row));
  const panel = createPanel("bars-of", titleOf(name), bars);
  return {
    element: panel.element,
    update({ probabilities, digit, nets }) {
      const values = probabilities[name];
      const given = answerOf(values);
      panel.element.classList.toggle("cb-right", given === digit);
      setText(panel.note, `${formatCount(countNumbers(nets[name]))} parameters`);
      rows.forEach(({ row, fill, share }, n) => {
        row.classList.toggle("cb-given", n === given);
        row.classList.toggle("cb-true", n === digit);
        setStyle(fill, `transform:scaleX(${values[n].toFixed(4)})`);
        setText(share, formatPercent(values[n]));
      });
      const parts = Array.from(values, (value, n) => `${n} ${formatPercent(value)}`);
      setAttribute(bars, "aria-label", `Probabilities: ${parts.join(", ")}`);
    },
  };
}

// A map with one pixel for each position of the digit; a click moves the digit there.
function createPlaces(frame, state, name) {
  const windowAt = () => windowOn(state.moves.at(), 1);
  const pixels = createPixelGrid({ windowAt, moveTo: state.putAt, byKeyboard: false });
  pixels.element.prepend(createDashes(2 * TRAINED + 1, SIDE));
  const count = h("span", { class: "cb-count" });
  const [right, wrong] = [h("span", { class: "cb-key" }), h("span", { class: "cb-key" })];
  const key = h("span", { class: "cb-hint cb-keys" }, right, "right ", wrong, "wrong");
  const paint = remember((answers, tried, digit, theme) => {
    pixels.paint(placePixels(answers, digit, theme), { height: SIDE, width: SIDE });
    setStyle(right, `background:${cssColor(divergingColor(RIGHT_SHADE, theme))}`);
    setStyle(wrong, `background:${cssColor(divergingColor(WRONG_SHADE, theme))}`);
  });
  return {
    element: h("div", { class: "cb-places" }, pixels, count, key),
    update(now) {
      const { right: rights, tried } = now.counts[name];
      paint(now.answers[name], tried, now.digit, frame.theme);
      pixels.place(windowOn(now, 1));
      const places = tried < SIDE * SIDE ? `${formatCount(tried)} tried` : `${formatCount(tried)} places`;
      const text = `${formatCount(rights)} of ${places}`;
      setText(count, text);
      pixels.describe(`Map of the digit's places: the ${NETS[name]} is right at ${text}; a click moves the digit`);
    },
  };
}

// The map's colours: right, wrong, not yet tried.
function placePixels(answers, digit, theme) {
  const [right, wrong, unknown] = [RIGHT_SHADE, WRONG_SHADE, 0].map((shade) => divergingColor(shade, theme));
  const colorOf = (answer) => (answer === digit ? right : answer === UNKNOWN ? unknown : wrong);
  return colorPixels(Array.from(answers, colorOf));
}
