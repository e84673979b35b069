// The figure of a network to click through: from a probability to the maps, kernels and pixels that it comes from.

import {
  clampIndex,
  createButton,
  createPanel,
  decodePicture,
  formatPercent,
  h,
  joinParts,
  liveFigure,
  paintPixels,
  picturePixels,
  placeBox,
  remember,
  responsePixels,
  setAttribute,
  setIdle,
  setText,
  setVariables,
} from "./base.js";
import { createButtonGroup, createPixelGrid } from "./controls.js";
import { createDrawing, DRAWN_PX } from "./drawing.js";
import { createLinks, drawZoom } from "./links.js";
import { placeDigit, runNet, unpackNet } from "./network.js";

const CLASS = 4; // the stage after three stages of a convolution and pooling: the mean of each map, and a Dense layer
const TILES = 8; // maps that are shown of each stage

// ---- the mathematics: pure functions, tested against Keras ---------------------------------------------------------

// How one number was computed: the window that it reads on each map before it, and what each of these maps gives, its
// `parts`, which with the bias make its `value`. A pixel of a stage reads the window of the one of 2 × 2 sums that
// pooling has kept; a class reads whole maps, and its value is the score, before softmax. `tapsOf(n)` are one map's
// numbers, each with its weight.
export function traceNumber(net, maps, stage, channel, pixel = 0) {
  const [before, isClass] = [maps[2 * stage - 1], stage === CLASS];
  const { weights, shape, bias } = net.layers[2 * stage - (isClass ? 0 : 1)];
  const [all, filters] = [{ ...before, row: 0, column: 0 }, shape.at(-1)];
  const window = isClass ? all : { ...largestOfFour(maps[2 * stage], channel, pixel), height: 3, width: 3 };
  const share = isClass ? 1 / (all.height * all.width) : 1;
  const weightAt = (n, tap) => weights[((isClass ? 0 : tap) * before.channels + n) * filters + channel] * share;
  const tapsOf = (n) => cutOut(before, n, window).map((value, tap) => [value, weightAt(n, tap)]);
  const parts = Array.from({ length: before.channels }, (_, n) => sumOf(tapsOf(n).map(multiply)));
  const sum = sumOf(parts) + bias[channel];
  return { stage, channel, pixel, window, tapsOf, parts, bias: bias[channel], value: isClass ? sum : Math.max(0, sum) };
}

function largestOfFour({ width, channels, values }, channel, pixel) {
  const [top, left] = [2 * Math.floor(pixel / (width >> 1)), 2 * (pixel % (width >> 1))];
  const places = [0, 1, 2, 3].map((n) => ({ row: top + (n >> 1), column: left + (n & 1) }));
  const at = ({ row, column }) => values[(row * width + column) * channels + channel];
  return places.reduce((best, place) => (at(place) > at(best) ? place : best));
}

// A channel's numbers within a window, row by row.
function cutOut({ width, channels, values }, channel, window) {
  const at = (tap) => (window.row + Math.floor(tap / window.width)) * width + window.column + (tap % window.width);
  return Array.from({ length: window.height * window.width }, (_, tap) => values[at(tap) * channels + channel]);
}

const sumOf = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
const multiply = ([number, weight]) => number * weight;
const indexOfLargest = (numbers) => numbers.indexOf(Math.max(...numbers));

// The way back from a class to the picture: what was traced at stages 4, 3, 2 and 1. Where no map or pixel is chosen,
// it goes on to the one that gives most.
export function walkBack(net, maps, answer, chosen) {
  const steps = [traceNumber(net, maps, CLASS, answer)];
  for (let stage = CLASS - 1; stage > 0; stage--) {
    const { parts, window, tapsOf } = steps.at(-1);
    const channel = chosen[`channel_${stage}`] ?? indexOfLargest(parts);
    const tap = indexOfLargest(tapsOf(channel).map(multiply));
    const [row, column] = [window.row + Math.floor(tap / window.width), window.column + (tap % window.width)];
    const pixel = chosen[`pixel_${stage}`] ?? row * maps[2 * stage + 1].width + column;
    steps.push(traceNumber(net, maps, stage, channel, pixel));
  }
  return steps;
}

// The maps that give most, for or against, and the one that is followed; those for it first.
export function mostOf(parts, followed) {
  const shown = parts.map((_, n) => n).sort((a, b) => Math.abs(parts[b]) - Math.abs(parts[a])).slice(0, TILES);
  if (!shown.includes(followed)) shown[TILES - 1] = followed;
  return shown.sort((a, b) => parts[b] - parts[a]);
}

// ---- what is said --------------------------------------------------------------------------------------------------

const formatPart = (x, decimals = 2) => `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(decimals)}`;

function describe({ answer, probabilities, steps: [last, ...others] }) {
  const best = indexOfLargest(probabilities);
  const parts = [last, ...others].map((step, n) => formatPart(step.parts[others[n]?.channel ?? 0]));
  const ways = parts.map((part, n) => `${others[n] ? `map ${others[n].channel}` : "picture"} ${part}`);
  const share = formatPercent(probabilities[answer]);
  return `The network says ${best}. Back from ${answer} (${share}): ${ways.join(" ← ")}.`;
}

// ---- the figure ----------------------------------------------------------------------------------------------------

const CHOICES = [3, 2, 1].flatMap((stage) => [`channel_${stage}`, `pixel_${stage}`]);
const TRAITS = ["_digits", "_net", "digit", "answer", ...CHOICES];

export default liveFigure("network walk", TRAITS, (frame) => {
  const state = createState(frame);
  const stages = [1, 2, 3].map((stage) => createStage(frame, state, stage));
  const panels = joinParts("cb-panels", createInput(state), ...stages, createAnswers(state));
  const way = createWay(frame, panels.element);
  const said = h("p", { class: "cb-said" });
  const update = frame.add(panels, said);
  panels.element.append(way.element);

  return function draw() {
    const now = state.read();
    update(now);
    setText(said, describe(now));
    way.update();
    return describe(now);
  };
}, {
  task: ["Draw a digit, then click an answer, a map or a pixel to see what made it.", "Or use the arrow keys."],
});

// The digit, what the net makes of it, and the way back that the reader has chosen.
function createState({ model, set, redraw }) {
  const [digitsOf, netOf] = [remember(decodePicture), remember(unpackNet)];
  const mapsOf = remember((net, strip, drawn, digit) => {
    const values = strip.values.subarray(digit * DRAWN_PX ** 2, (digit + 1) * DRAWN_PX ** 2);
    const [picture, side] = [drawn ?? { height: DRAWN_PX, width: DRAWN_PX, values }, net.inputShape[0]];
    const margin = (side - DRAWN_PX) / 2; // in the middle
    return runNet(net, placeDigit(picture, margin, margin, side));
  });
  // Makes a choice; from there back to the picture the way follows what gives most again.
  const choose = (changes, stage = CLASS) => {
    const behind = CHOICES.filter((name) => Number(name.at(-1)) <= stage).map((name) => [name, null]);
    set({ ...Object.fromEntries(behind), ...changes });
  };
  const drawing = createDrawing("To draw on: arrow keys move the pen, the space bar lowers and lifts it", () => {
    choose({ answer: null });
    redraw();
  });
  const read = () => {
    const [net, drawn, digit] = [netOf(model.get("_net")), drawing.picture(), model.get("digit")];
    const maps = mapsOf(net, digitsOf(model.get("_digits")), drawn, digit);
    const probabilities = maps.at(-1).values;
    const answer = model.get("answer") ?? indexOfLargest(probabilities);
    const steps = walkBack(net, maps, answer, Object.fromEntries(CHOICES.map((name) => [name, model.get(name)])));
    return { digit: drawn ? null : digit, maps, probabilities, answer, steps };
  };
  return { read, choose, drawing };
}

// The picture with the window at which the way ends, and where another one is drawn or taken.
function createInput({ drawing, choose }) {
  const [canvas, mark] = [h("canvas"), h("div", { class: "cb-read" })];
  const digits = createButtonGroup("Test digits", {
    className: "cb-digits",
    buttonClass: "cb-button",
    make: (n) => [String(n)],
    onPress(digit) {
      drawing.clear();
      choose({ digit, answer: null });
    },
  });
  const view = h("div", { class: "cb-view" }, canvas, mark);
  const clear = createButton("Clear", drawing.clear);
  const bar = h("div", { class: "cb-bar" }, "Draw here:", clear);
  const panel = createPanel("step", "Picture", view, digits, bar, drawing);
  const paint = remember((picture) => paintPixels(canvas, picturePixels({ ...picture, white: 255 }), picture));
  return {
    element: panel.element,
    update({ digit, maps: [picture], steps }) {
      paint(picture);
      setText(panel.note, `${picture.height} × ${picture.width}`);
      placeBox(mark, steps.at(-1).window, picture);
      digits.update(10, (n) => n === digit);
      setIdle(clear, digit !== null);
    },
  };
}

// A stage's map that is followed, its kernel on the map before, and the maps that give most to what comes next.
function createStage(frame, { choose }, stage) {
  let [here, side, shown] = [null, 1, []];
  const windowAt = () => {
    const pixel = frame.model.get(`pixel_${stage}`) ?? here.pixel; // the trait may be a frame ahead
    return { row: Math.floor(pixel / side), column: pixel % side };
  };
  const go = (channel, pixel) => choose({ [`channel_${stage}`]: channel, [`pixel_${stage}`]: pixel }, stage);
  const moveTo = (row, column) => go(here.channel, clampIndex(row, side) * side + clampIndex(column, side));
  const pixels = createPixelGrid({ windowAt, moveTo });
  const [mark, kernel, gives, caption] = [h("div", { class: "cb-read" }), h("canvas"), h("span"), h("span")];
  pixels.element.append(mark);
  const tiles = createButtonGroup(`Maps of stage ${stage}`, {
    className: "cb-tiles",
    make: () => [h("canvas"), h("span")],
    onPress: (n) => go(shown[n], null),
  });
  const kernels = h("div", { class: "cb-kernel" }, kernel, gives);
  const panel = createPanel("step", `Stage ${stage}`, pixels, kernels, h("div", { class: "cb-most" }, caption, tiles));
  return {
    element: panel.element,
    update({ steps, maps }) {
      const [after, next] = [steps[CLASS - stage - 1], steps[CLASS - stage + 1]];
      const map = maps[2 * stage + 1];
      [here, side] = [steps[CLASS - stage], map.width];
      shown = mostOf(after.parts, here.channel);
      const largest = Math.max(...map.values) || 1;
      const paint = (canvas, numbers, scale, size) =>
        paintPixels(canvas, responsePixels({ values: numbers }, scale, frame.theme), size);
      const mapOf = (channel) => cutOut(map, channel, { ...map, row: 0, column: 0 });
      pixels.paint(responsePixels({ values: mapOf(here.channel) }, largest, frame.theme), map);
      pixels.place(windowAt());
      placeBox(mark, after.window, map);
      const weights = here.tapsOf(next?.channel ?? 0).map(([, weight]) => weight);
      paint(kernel, weights, Math.max(...weights.map(Math.abs)) || 1, { height: 3, width: 3 });
      const [place, value] = [Object.values(windowAt()).join(", "), here.value.toFixed(2)];
      setText(panel.note, `map ${here.channel} of ${map.channels},\npixel (${place}) is ${value}`);
      pixels.describe(`Stage ${stage}, ${panel.note.textContent}; arrow keys go to other pixels`);
      const source = next ? `map ${next.channel}` : "the picture";
      setText(gives, `kernel on ${source}: ${formatPart(here.parts[next?.channel ?? 0])}`);
      setText(caption, `count most for ${after.stage === CLASS ? "the" : "map"} ${after.channel}:`);
      tiles.update(shown.length, (n) => shown[n] === here.channel);
      tiles.buttons().forEach((button, n) => {
        paint(button.firstChild, mapOf(shown[n]), largest, map);
        setText(button.lastChild, formatPart(after.parts[shown[n]], 1));
        setAttribute(button, "aria-label", `Map ${shown[n]}: ${button.textContent}`);
      });
    },
  };
}

// The ten probabilities, of which one is followed back.
function createAnswers({ choose }) {
  const make = (n) => [h("b", {}, String(n)), h("span")];
  const onPress = (answer) => choose({ answer });
  const group = createButtonGroup("Answers", { className: "cb-answers", make, onPress });
  return {
    element: createPanel("step", "Answer", group).element,
    update({ probabilities, answer }) {
      group.update(10, (n) => n === answer);
      group.buttons().forEach((button, n) => {
        setVariables(button, { part: `${(100 * probabilities[n]).toFixed(1)}%` });
        setText(button.lastChild, formatPercent(probabilities[n]));
      });
    },
  };
}

// Lines from each window to the pixel that was computed from it, and from the last map to the answer.
function createWay(frame, panels) {
  return createLinks(frame, [""], (boxOf) => {
    const ends = panels.querySelectorAll(".cb-read, .cb-window, .cb-answers [aria-checked=true]");
    const boxes = [...ends].map((end) => boxOf(end));
    return [[0, 2, 4, 6].map((n) => drawZoom(boxes[n], boxes[n + 1])).join("")];
  });
}
