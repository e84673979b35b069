// The receptive field figure: a picture, a column of each layer's cells beside it to one scale, and the cone from one
// cell down to the pixels that it sees.

import {
  bind,
  clampIndex,
  colorPixels,
  createOverlay,
  createSelect,
  decodePicture,
  divergingColor,
  followKeys,
  h,
  isIndex,
  joinParts,
  liveFigure,
  paintPixels,
  picturePixels,
  placeBox,
  remember,
  s,
  setAttribute,
  setText,
  setVariables,
} from "./base.js";
import { createDetails, createPixelGrid } from "./controls.js";
import {
  POOL_SIZE,
  cellStart,
  nearestOutput,
  overhang,
  planStack,
  seeAlong,
  writeLayer,
  writeProblem,
  writeReading,
  writeWeights,
  writeWindow,
} from "./stacks.js";

const MOST_LAYERS = 8;
const STRIP = { before: 0.2, width: 0.6 }; // of the room that a layer has

// ---- the figure ----------------------------------------------------------------------------------------------------

const TRAITS = ["_picture", "_stacks", "layers", "layer", "row", "column"];

export default liveFigure("receptive field", TRAITS, (frame) => {
  const state = createState(frame);
  const [verdict, problem] = [h("p", { class: "cb-verdict" }), h("p", { class: "cb-problem" })];
  const parts = [createPicture(frame, state), createChips(state), createStrips(frame, state), createSizes()];
  const details = createDetails(frame, "The numbers of this stack", createNumbers());
  const update = frame.add(createNames(frame, state), joinParts("cb-view", ...parts), verdict, problem, details);

  return function draw() {
    const now = state.read();
    frame.el.dataset.fits = now.fits;
    setVariables(frame.el, { slots: slotsOf(now) });
    update(now);
    setText(verdict, now.sentence);
    setText(problem, now.problem);
    return `${now.sentence} ${now.problem}`.trim();
  };
}, {
  task: ["Point at a cell of any layer, and see which pixels it sees.", "Arrow keys go from cell to cell."],
  *check({ _picture: { height, width }, layers, layer, row, column }) {
    if (!isStack(layers)) return yield "layers";
    const depth = layer ?? layers.length;
    if (depth < 1 || depth > layers.length) return yield "layer";
    const outputs = planStack(height, width, layers).map((steps) => steps[depth - 1]?.outputs ?? 1);
    if (!isIndex(row ?? 0, outputs[0])) yield "row";
    if (!isIndex(column ?? 0, outputs[1])) yield "column";
  },
});

const CHOICES = { kernel_size: [1, 3, 5], strides: [1, 2], padding: ["valid", "same"], dilation_rate: [1, 2, 3] };

// Whether these are layers that the figure can show.
function isStack(layers) {
  const isLayer = (layer) => {
    const names = Object.keys(layer ?? {}).sort().join();
    if (names === "pool_size") return layer.pool_size === POOL_SIZE;
    if (names !== Object.keys(CHOICES).sort().join()) return false;
    if (layer.strides > 1 && layer.dilation_rate > 1) return false;
    return Object.entries(CHOICES).every(([name, options]) => options.includes(layer[name]));
  };
  return Array.isArray(layers) && isIndex(layers.length - 1, MOST_LAYERS) && layers.every(isLayer);
}

// The figure's state as its parts need it: the traits, and what follows from them.
function createState({ model, set }) {
  const [plansOf, pictureOf, problemOf] = [planStack, decodePicture, writeProblem].map(remember);
  const [seeDown, seeRight] = [remember(seeAlong), remember(seeAlong)];
  const sidesOf = remember((down, right) => [down, right]);

  const read = () => {
    const [picture, layers] = [pictureOf(model.get("_picture")), model.get("layers")];
    const sizes = [picture.height, picture.width];
    const plans = plansOf(...sizes, layers);
    const depth = clampIndex((model.get("layer") ?? layers.length) - 1, layers.length) + 1;
    const margins = plans.map((steps, n) => overhang(steps, sizes[n]));
    const whole = sizes.map((size, n) => margins[n][0] + size + margins[n][1]);
    const now = { picture, sizes, layers, plans, depth, margins, whole, fits: depth <= plans[0].length, sentence: "" };
    now.problem = problemOf(...sizes, layers);
    if (!now.fits) return now;
    const [row, column] = ["row", "column"].map((name, axis) => {
      const { outputs } = plans[axis][depth - 1];
      return clampIndex(model.get(name) ?? (outputs - 1) >> 1, outputs);
    });
    const sides = sidesOf(seeDown(plans[0], layers, depth, row), seeRight(plans[1], layers, depth, column));
    return { ...now, row, column, sides, sentence: writeWindow(sides, depth) };
  };
  // The output of a layer that looks at the part of the picture which is seen now.
  const sameOutput = (plans, depth) => {
    const { fits, sides, sizes } = read();
    return plans.map((steps, n) => {
      const middle = fits ? sides[n].first + (sides[n].window - 1) / 2 : (sizes[n] - 1) / 2;
      return steps.length < depth ? 0 : nearestOutput(steps[depth - 1], middle);
    });
  };
  return {
    read,
    // Another stack or layer.
    change(layers, depth) {
      const [row, column] = sameOutput(planStack(...read().sizes, layers), depth);
      set({ layers, layer: depth, row, column });
    },
    // Another output, of the layer that is looked at or of another one.
    visit(depth, row, column) {
      const { plans } = read();
      const outputs = plans.map((steps) => steps[depth - 1]?.outputs);
      if (!outputs[0]) return;
      const same = sameOutput(plans, depth);
      const [down, right] = [row, column].map((index, n) => clampIndex(index ?? same[n], outputs[n]));
      set({ layer: depth, row: down, column: right });
    },
  };
}

// How many layers there is room for side by side, with the one that can be added.
function slotsOf({ layers }) {
  return Math.min(layers.length + 1, MOST_LAYERS);
}

// ---- the stack -----------------------------------------------------------------------------------------------------

const YOUR_OWN = "your own";
const [ADD, REMOVE] = ["add a layer", "remove this layer"];
const PLAIN = { kernel_size: 3, strides: 1, padding: "valid", dilation_rate: 1 };
const KINDS = [
  ...[{}, { kernel_size: 5 }, { kernel_size: 1 }, { strides: 2 }, { dilation_rate: 2 }, { dilation_rate: 3 }],
  ...[{ padding: "same" }, { strides: 2, padding: "same" }],
].map((changes) => ({ ...PLAIN, ...changes }));
KINDS.push({ pool_size: POOL_SIZE });

// The named stacks to start from.
function createNames({ model }, state) {
  const choose = (name) => {
    const layers = model.get("_stacks")[name];
    if (layers) state.change(layers, layers.length);
  };
  const select = bind(createSelect("Stack", choose), ({ layers }) => {
    const stacks = Object.entries(model.get("_stacks"));
    const isSame = ([, stack]) => stack.map(writeLayer).join() === layers.map(writeLayer).join();
    const [names, name] = [stacks.map(([each]) => each), stacks.find(isSame)?.[0]];
    return [name ? names : [...names, YOUR_OWN], name ?? YOUR_OWN];
  });
  return joinParts("cb-bar", select);
}

// The stack layer by layer, in one line: what each is can be chosen, and another one added at the end.
function createChips(state) {
  return joinParts("cb-chips", ...Array.from({ length: MOST_LAYERS }, (_, n) => createChip(state, n)));
}

function createChip(state, n) {
  const select = createSelect(`Layer ${n + 1}`, (choice) => {
    const { layers, depth } = state.read();
    const layer = KINDS.find((kind) => writeLayer(kind) === choice);
    const changed = [...layers.slice(0, n), ...(layer ? [layer] : []), ...layers.slice(n + 1)];
    const isAfter = !layer && depth > n + 1;
    state.change(changed, n === layers.length ? n + 1 : Math.min(depth - isAfter, changed.length));
  });
  const text = h("span", { class: "cb-short", "aria-hidden": "true" });
  const element = h("div", { class: "cb-chip cb-terse" }, text, select);
  return {
    element,
    update({ layers, depth }) {
      element.hidden = n > layers.length;
      if (element.hidden) return;
      const [layer, kinds] = [layers[n], KINDS.map(writeLayer)];
      const name = layer ? writeLayer(layer) : ADD;
      const others = kinds.includes(name) ? kinds : [name, ...kinds];
      select.update(layer && layers.length > 1 ? [...others, REMOVE] : others, name);
      setText(text, layer ? shorten(layer) : "+");
      element.classList.toggle("cb-looked", n + 1 === depth);
    },
  };
}

function shorten({ kernel_size: size, strides, dilation_rate: dilation, padding }) {
  if (!size) return "pool";
  const more = [strides > 1 && `stride ${strides}`, dilation > 1 && `rate ${dilation}`];
  return [`${size}×${size}`, ...more, padding === "same" && padding].filter(Boolean).join(" ");
}

// ---- the picture and the layers, to one scale ----------------------------------------------------------------------

// The picture inside the padding that windows hang over; what is not read is faded.
function createPicture(frame, state) {
  const windowAt = () => windowOn(state.read());
  const moveTo = (...firsts) => {
    const { fits, plans, sides, margins, depth } = state.read();
    if (!fits) return state.visit(plans[0].length); // the last layer that has outputs
    const outputs = sides.map(({ start, jump }, n) => Math.round((firsts[n] - margins[n][0] - start) / jump));
    state.visit(depth, ...outputs.map((index) => Math.max(0, index)));
  };
  const pixels = createPixelGrid({ windowAt, moveTo });
  const bridge = s("rect", { class: "cb-bridge" });
  const overlay = createOverlay(bridge);
  pixels.element.append(overlay.element);
  const note = h("span", { class: "cb-note" });
  const heading = h("div", { class: "cb-heading" }, h("strong", {}, "Picture"), note);
  const colorsOf = remember(picturePixels);
  return {
    element: h("div", { class: "cb-input" }, heading, pixels),
    update(now) {
      const { picture, sizes, margins, whole, fits, sides } = now;
      const read = sizes.map((size, n) => (fits ? sides[n].ways[0] : new Uint8Array(size).fill(1)));
      pixels.paint(fadeUnread(colorsOf(picture), picture, read, frame.theme), picture, margins);
      overlay.size({ height: whole[0], width: whole[1] });
      if (fits) {
        const { row, column, height, width } = windowOn(now);
        const box = { x: column + width, y: row, width: Math.max(0, whole[1] - column - width), height };
        for (const [name, value] of Object.entries(box)) setAttribute(bridge, name, value);
        pixels.place(windowOn(now));
      }
      pixels.describe(`Picture of ${sizes[0]} rows and ${sizes[1]} columns. ${now.sentence}`.trim());
      setText(note, `${sizes.join(" × ")}${margins.flat().some((margin) => margin > 0) ? ", padding hatched" : ""}`);
    },
  };
}

// The window's frame in pixels of the picture with its margins.
function windowOn({ fits, sides, margins }) {
  if (!fits) return { row: 0, column: 0, height: 0, width: 0 };
  const [row, column] = sides.map(({ first }, n) => margins[n][0] + first);
  return { row, column, height: sides[0].window, width: sides[1].window, step: sides[0].jump };
}

// The picture's bytes, those that are not read faded towards the page.
function fadeUnread(colors, { height, width }, [down, right], theme) {
  const rgba = colors.slice();
  const paper = theme === "dark" ? 24 : 250;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      if (down[row] && right[column]) continue;
      const start = (row * width + column) * 4;
      for (let n = start; n < start + 3; n++) rgba[n] = paper + 0.4 * (colors[n] - paper);
    }
  }
  return rgba;
}

// One column of each layer's cells, from the picture to the last layer, and the cone over them.
function createStrips(frame, state) {
  const strips = Array.from({ length: MOST_LAYERS }, (_, n) => createStrip(frame, n));
  const [cone, chosen] = [s("path", { class: "cb-cone" }), s("rect", { class: "cb-chosen" })];
  const overlay = createOverlay(cone, chosen);
  const element = h("div", { class: "cb-strips", role: "application", tabindex: 0 }, ...strips, overlay);
  const pointAt = ({ clientX, clientY }) => {
    const box = element.getBoundingClientRect();
    const now = state.read();
    const depth = clampIndex(Math.floor(((clientX - box.left) / box.width) * slotsOf(now)), now.plans[0].length) + 1;
    const pixel = ((clientY - box.top) / box.height) * now.whole[0] - now.margins[0][0];
    const step = now.plans[0][depth - 1];
    if (step) state.visit(depth, nearestOutput(step, pixel - 0.5));
  };
  element.addEventListener("click", pointAt);
  element.addEventListener("pointermove", (event) => event.pointerType === "mouse" && pointAt(event));
  const targetsOf = () => {
    const { fits, depth, row, plans } = state.read();
    if (!fits) return { ArrowLeft: [plans[0].length] };
    const [ArrowLeft, ArrowRight] = [[Math.max(1, depth - 1)], [depth + 1]];
    const rows = { ArrowUp: row - 1, ArrowDown: row + 1, Home: 0, End: Infinity };
    const targets = Object.entries(rows).map(([key, target]) => [key, [depth, Math.max(0, target)]]);
    return { ArrowLeft, ArrowRight, ...Object.fromEntries(targets) };
  };
  followKeys(element, targetsOf, (target) => state.visit(...target));
  return {
    element,
    update(now) {
      strips.forEach((strip) => strip.update(now));
      overlay.size({ height: now.whole[0], width: slotsOf(now) });
      const keys = "Cells of each layer; arrow keys go from cell to cell.";
      setAttribute(element, "aria-label", `${keys} ${now.sentence}`.trim());
      if (!now.fits) return;
      const margin = now.margins[0][0];
      const reach = now.sides[0].cone.map(([from, to]) => [margin + from, margin + to]);
      setAttribute(cone, "d", drawCone(reach));
      const [y, end] = reach.at(-1);
      const box = { x: now.depth - 1 + STRIP.before, y, width: STRIP.width, height: end - y };
      for (const [name, value] of Object.entries(box)) setAttribute(chosen, name, value);
    },
  };
}

// A path along the upper ends of what is read in each layer, and back along the lower ends.
function drawCone(reach) {
  const corners = reach.flatMap((ends, n) => {
    const left = n - 1 + STRIP.before;
    return n ? [[left, ends], [left + STRIP.width, ends]] : [[0, ends]];
  });
  const upper = corners.map(([x, [y]]) => `${x} ${y}`);
  const lower = corners.map(([x, [, y]]) => `${x} ${y}`).reverse();
  return `M${[...upper, ...lower].join("L")}Z`;
}

// A layer's cells: the darker, the more ways lead from them to the one that is looked at.
function createStrip(frame, n) {
  const canvas = h("canvas");
  const element = h("div", { class: "cb-strip" }, canvas);
  const paint = remember((outputs, counts, theme) => {
    const most = counts ? Math.max(...counts) : 1;
    const shareOf = (count) => (count ? 0.2 + (0.8 * count) / most : 0);
    const colors = Array.from({ length: outputs }, (_, cell) => divergingColor(shareOf(counts?.[cell]), theme));
    paintPixels(canvas, colorPixels(colors), { height: outputs, width: 1 });
    setVariables(element, { outputs });
  });
  return {
    element,
    update(now) {
      const step = now.plans[0][n];
      element.hidden = !step;
      if (!step) return;
      const [isRead, row] = [now.fits && n < now.depth, now.margins[0][0] + cellStart(step, 0)];
      paint(step.outputs, isRead ? now.sides[0].ways[n + 1] : null, frame.theme);
      element.classList.toggle("cb-beyond", !isRead);
      const box = { row, column: n + STRIP.before, height: step.outputs * step.jump, width: STRIP.width };
      placeBox(element, box, { height: now.whole[0], width: slotsOf(now) });
    },
  };
}

// ---- the numbers ---------------------------------------------------------------------------------------------------

// How far one cell of each layer sees, below its cells.
function createSizes() {
  const sizes = h("div", { class: "cb-sizes" });
  const texts = Array.from({ length: MOST_LAYERS }, () => h("span"));
  sizes.append(...texts);
  const hint = h("span", { class: "cb-hint" }, "Pixels across that a cell sees");
  const element = h("div", { class: "cb-foot" }, hint, sizes);
  return {
    element,
    update({ plans, layers, depth }) {
      texts.forEach((text, n) => {
        text.hidden = n >= layers.length;
        setText(text, plans[0][n] ? String(plans[0][n].window) : "–");
        text.classList.toggle("cb-looked", n + 1 === depth);
      });
    },
  };
}

function createNumbers() {
  const head = ["Layer", "Outputs", "One sees", "Step"].map((name) => h("th", { scope: "col" }, name));
  const body = h("tbody");
  const table = h("table", { class: "cb-table" }, h("thead", {}, h("tr", {}, ...head)), body);
  const [reading, weights] = [h("p", { class: "cb-reading" }), h("p", { class: "cb-weights" })];
  return {
    element: h("div", {}, table, reading, weights),
    update({ layers, plans: [rows, columns], fits, sides }) {
      const lines = layers.map((layer, n) => {
        const name = h("th", { scope: "row" }, `${n + 1}: ${writeLayer(layer)}`);
        if (!rows[n]) return h("tr", {}, name, h("td", { colspan: 3 }, "no window fits"));
        const numbers = [`${rows[n].outputs} × ${columns[n].outputs}`, `${rows[n].window} × ${rows[n].window}`];
        return h("tr", {}, name, ...[...numbers, `${rows[n].jump} px`].map((text) => h("td", {}, text)));
      });
      body.replaceChildren(...lines);
      setText(reading, fits ? writeReading(sides) : "");
      setText(weights, writeWeights(layers));
    },
  };
}
