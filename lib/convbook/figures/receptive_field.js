// The receptive field figure: a stack of layers, and what one of its outputs sees of the picture.

import {
  clampIndex,
  colorPixels,
  createButton,
  createCheckbox,
  createLegend,
  createOverlay,
  createPanel,
  createSelect,
  decodePicture,
  divergingColor,
  drawNumbers,
  formatNumber,
  h,
  isIndex,
  joinParts,
  liveFigure,
  paintPixels,
  picturePixels,
  placeBox,
  remember,
  responsePixels,
  s,
  setIdle,
  setText,
  setVariables,
} from "./base.js";
import { createPicturePanel } from "./controls.js";
import { inputGradient, runNet, unpackNet } from "./network.js";
import {
  POOL_SIZE,
  averageStack,
  meanSize,
  nearestOutput,
  planStack,
  seeAlong,
  writeGradient,
  writeLayer,
  writeProblem,
  writeSeen,
  writeWeights,
  writeWindow,
} from "./stacks.js";

const MOST_LAYERS = 8;
const LARGEST_NUMBERED = 9; // pixels side by side, above which the numbers in them cannot be read

// ---- the figure ----------------------------------------------------------------------------------------------------

const PACKED = ["_picture", "_stacks", "_digits", "_network"];
const TRAITS = [...PACKED, "layers", "layer", "row", "column", "view", "digit", "channel", "all_digits"];

const WHY =
  "More ways lead to the output from the middle of its window than from the edge. ReLU and max pooling close some of " +
  "them, for each digit others: the mean over all digits shows more of the window.";

export default liveFigure("receptive field", TRAITS, (frame) => {
  const state = createState(frame);
  const views = [createWays(frame), createGradient(frame)]; // one of them is shown
  const panels = joinParts("cb-panels", createSeenPicture(frame, state), ...views, createOutput(frame, state));
  const verdict = h("p", { class: "cb-verdict" });
  const why = h("p", { class: "cb-hint" }, WHY);
  const problem = h("p", { class: "cb-problem" });
  const update = frame.add(createChoices(frame, state), panels, verdict, why, problem, createLayers(frame, state));

  return function draw() {
    const now = state.read();
    frame.el.dataset.fits = now.fits;
    frame.el.dataset.view = now.isTrained ? "trained net" : "any stack";
    update(now);
    setText(verdict, now.sentence);
    why.hidden = !now.isTrained;
    setText(problem, now.problem);
    return `${now.sentence} ${now.problem}`.trim();
  };
}, {
  task: ["Choose a layer and one of its outputs, and see which pixels it reads.", "Arrow keys choose, too."],
  *check({ _picture, _digits, _network, layers, view, digit, layer, row, column, channel }) {
    if (!isStack(layers)) return yield "layers";
    const isTrained = view === "trained net";
    if (isTrained && !_network) return yield "view";
    if (!isIndex(digit, Math.max(_digits.length, 1))) return yield "digit";
    const net = isTrained ? _network.layers.filter(({ kind }) => ["conv", "max_pool"].includes(kind)) : [];
    const stack = isTrained ? net.map((each) => plainLayer({ ...each, shape: each.kernel?.shape })) : layers;
    const depth = layer ?? stack.length;
    if (depth < 1 || depth > stack.length) return yield "layer";
    const { height, width } = isTrained ? _digits[digit] : _picture;
    const outputs = planStack(height, width, stack).map((steps) => steps[depth - 1]?.outputs ?? 1);
    if (!isIndex(row ?? 0, outputs[0])) yield "row";
    if (!isIndex(column ?? 0, outputs[1])) yield "column";
    const filters = stack.slice(0, depth).findLast((each) => each.filters)?.filters ?? 1;
    if (!isIndex(channel ?? 0, filters)) yield "channel";
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
  const plansOf = remember(planStack);
  const [seeDown, seeRight] = [remember(seeAlong), remember(seeAlong)];
  const [pictureOf, mapOf, sentenceOf] = [remember(decodePicture), remember(averageStack), remember(writeSeen)];
  const sidesOf = remember((down, right) => [down, right]);
  const trained = createTrained(model);

  // What one of the two views looks at.
  const lookAt = (isTrained) => {
    const picture = isTrained ? trained.picture() : pictureOf(model.get("_picture"));
    const layers = isTrained ? trained.layers() : model.get("layers");
    return { isTrained, picture, layers, plans: plansOf(picture.height, picture.width, layers) };
  };
  const read = () => {
    const seen = lookAt(model.get("view") === "trained net" && Boolean(model.get("_network")));
    const { isTrained, picture, layers, plans } = seen;
    const depth = clampIndex((model.get("layer") ?? layers.length) - 1, layers.length) + 1;
    const problem = writeProblem(picture.height, picture.width, layers);
    const now = { ...seen, depth, problem, fits: depth <= plans[0].length, sentence: "" };
    if (!now.fits) return now;
    const [row, column] = ["row", "column"].map((name, axis) => {
      const { outputs } = plans[axis][depth - 1];
      return clampIndex(model.get(name) ?? (outputs - 1) >> 1, outputs);
    });
    const sides = sidesOf(seeDown(plans[0], layers, depth, row), seeRight(plans[1], layers, depth, column));
    const look = () => ({ map: mapOf(picture, plans, layers, depth), sentence: sentenceOf(sides, depth) });
    return { ...now, row, column, sides, ...(isTrained ? trained.look(sides, depth) : look()) };
  };
  return {
    read,
    // Another stack or layer; of its outputs the one that looks at the same part of the picture.
    change(layers, depth) {
      const { isTrained, picture, fits, sides } = read();
      const sizes = [picture.height, picture.width];
      const [row, column] = planStack(...sizes, layers).map((steps, n) => {
        const middle = fits ? sides[n].first + (sides[n].window - 1) / 2 : (sizes[n] - 1) / 2;
        return steps.length < depth ? 0 : nearestOutput(steps[depth - 1], middle);
      });
      set({ ...(isTrained ? {} : { layers }), layer: depth, row, column });
    },
    // The other view, at the middle of the last output that it has.
    turnTo(view) {
      const { isTrained, plans } = lookAt(view === "trained net");
      const depth = Math.max(1, plans[0].length - (isTrained ? 1 : 0)); // on a digit the last pooling has one output
      set({ view, layer: depth, row: null, column: null, channel: null });
    },
    visit(row, column) {
      const { fits, sides } = read();
      if (fits) set({ row: clampIndex(row, sides[0].outputs), column: clampIndex(column, sides[1].outputs) });
    },
  };
}

// The trained net: what it makes of the digits, and the gradient of one of its outputs.
function createTrained(model) {
  const netOf = remember(unpackNet);
  const spatialOf = remember((net) => {
    return net.layers.flatMap((layer, n) => (["conv", "max_pool"].includes(layer.kind) ? [{ layer, map: n + 1 }] : []));
  });
  const layersOf = remember((spatial) => spatial.map(({ layer }) => plainLayer(layer)));
  const digitsOf = remember((packed) => packed.map(decodePicture));
  const runsOf = remember((net, digits) => digits.map((digit) => remember(() => runNet(net, digit)))); // when asked for
  const gradientOf = remember((net, runs, layer, row, column, channel, digit) => {
    const gradientIn = (run) => inputGradient(net, run(), { layer, row, column, channel });
    return digit === null ? meanSize(runs.map(gradientIn)) : gradientIn(runs[digit]);
  });
  const outputOf = remember(chooseChannel);
  const net = () => netOf(model.get("_network"));
  const digits = () => digitsOf(model.get("_digits"));
  const digit = () => clampIndex(model.get("digit"), digits().length);
  return {
    picture: () => digits()[digit()],
    layers: () => layersOf(spatialOf(net())),
    look(sides, depth) {
      const { map } = spatialOf(net())[depth - 1];
      const runs = runsOf(net(), digits());
      const output = runs[digit()]()[map];
      const [chosen, overAll] = [model.get("channel"), model.get("all_digits")];
      const channel = chosen === null ? null : clampIndex(chosen, output.channels);
      const [row, column] = sides.map(({ index }) => index);
      const gradient = gradientOf(net(), runs, map, row, column, channel, overAll ? null : digit());
      return {
        ...{ digit: digit(), count: digits().length, channels: output.channels, channel, overAll, gradient },
        map: outputOf(output, channel),
        sentence: `${writeWindow(sides, depth)} ${writeGradient(gradient, sides, overAll ? digits().length : 0)}`,
      };
    },
  };
}

function plainLayer(layer) {
  return layer.kind === "conv" ? { ...PLAIN, filters: layer.shape[3] } : { pool_size: POOL_SIZE };
}

// One channel of a map, or the sum of all.
function chooseChannel({ height, width, channels, values }, channel) {
  const chosen = new Float64Array(height * width);
  for (let pixel = 0; pixel < chosen.length; pixel++) {
    for (let n = channel ?? 0; n <= (channel ?? channels - 1); n++) chosen[pixel] += values[pixel * channels + n];
  }
  return { height, width, channels: 1, values: chosen };
}

// ---- what is chosen above the panels -------------------------------------------------------------------------------

const VIEWS = { "any stack, by formula": "any stack", "a trained net, by gradient": "trained net" };
const YOUR_OWN = "your own";
const ALL = "all, summed";

// What is shown, the named stacks to start from, and the trained net's digit and channel.
function createChoices(frame, state) {
  const { model, set } = frame;
  const view = createSelect("Show", (text) => state.turnTo(VIEWS[text]));
  const stack = createSelect("Stack", (name) => {
    const layers = model.get("_stacks")[name];
    if (layers) state.change(layers, layers.length);
  });
  const digit = createSelect("Digit", (text) => set({ digit: Number(text), all_digits: false }));
  const channel = createSelect("Channel", (text) => set({ channel: text === ALL ? null : Number(text) }));
  const overAll = createCheckbox("", (checked) => set({ all_digits: checked }));
  return {
    element: h("div", { class: "cb-bar" }, view, stack, digit, channel, overAll),
    update(now) {
      view.element.hidden = !model.get("_network");
      view.update(Object.keys(VIEWS), Object.keys(VIEWS)[now.isTrained ? 1 : 0]);
      stack.element.hidden = now.isTrained;
      digit.element.hidden = channel.element.hidden = overAll.element.hidden = !now.isTrained;
      if (!now.isTrained) {
        const stacks = Object.entries(model.get("_stacks"));
        const name = stacks.find(([, layers]) => isSameStack(layers, now.layers))?.[0] ?? YOUR_OWN;
        const names = stacks.map(([each]) => each);
        return stack.update(name === YOUR_OWN ? [...names, YOUR_OWN] : names, name);
      }
      digit.update(numbersTo(now.count), String(now.digit));
      channel.update([ALL, ...numbersTo(now.channels)], now.channel === null ? ALL : String(now.channel));
      overAll.update(now.overAll);
      setText(overAll.element.querySelector("span"), `Mean over all ${now.count} digits`);
    },
  };
}

function numbersTo(count) {
  return Array.from({ length: count }, (_, n) => String(n));
}

function isSameStack(one, other) {
  return one.map(writeLayer).join() === other.map(writeLayer).join();
}

// ---- the panels ----------------------------------------------------------------------------------------------------

// The picture inside the padding that windows of this layer hang over; what is not read is faded.
function createSeenPicture(frame, state) {
  const windowAt = () => windowOn(state.read().sides);
  const moveTo = (...firsts) => {
    const { sides = [] } = state.read();
    state.visit(...sides.map(({ margins, start, jump }, n) => Math.round((firsts[n] - margins[0] - start) / jump)));
  };
  const options = { windowAt, moveTo, byKeyboard: false };
  const { element, pixels, title, note } = createPicturePanel("input", "Picture", options);
  const frames = createOverlay();
  pixels.element.append(frames.element);
  const colorsOf = remember(picturePixels);
  return {
    element,
    update(now) {
      const { picture, fits, sides } = now;
      const sizes = [picture.height, picture.width];
      const margins = sizes.map((size, n) => (fits ? sides[n].margins : [0, 0]));
      const read = sizes.map((size, n) => (fits ? sides[n].ways[0] : new Uint8Array(size).fill(1)));
      const [height, width] = sizes.map((size, n) => margins[n][0] + size + margins[n][1]);
      pixels.paint(fadeUnread(colorsOf(picture), picture, read, frame.theme), picture, margins);
      if (fits) {
        pixels.place(windowOn(sides));
        drawFrames(frames, boxesOf(sides).slice(0, -1), { height, width });
      }
      const isPadded = margins.flat().some((margin) => margin > 0);
      setText(title, now.isTrained ? `Digit ${now.digit}` : "Picture");
      pixels.describe(`Picture of ${picture.height} rows and ${picture.width} columns. ${now.sentence}`.trim());
      setText(note, `${picture.height} × ${picture.width}${isPadded ? ", padding hatched" : ""}`);
    },
  };
}

// The window's frame in pixels of the picture with its margins.
function windowOn(sides) {
  if (!sides) return { row: 0, column: 0, height: 0, width: 0 };
  const [row, column] = sides.map(({ margins, first }) => margins[0] + first);
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

// The windows of each layer up to the one that is looked at, in pixels of the picture with its margins.
function boxesOf([down, right]) {
  return down.nested.map(({ first, size }, n) => {
    return { x: right.nested[n].first + right.margins[0], y: first + down.margins[0], width: size, height: size };
  });
}

function drawFrames(frames, boxes, size) {
  frames.size(size);
  const drawn = ["cb-halo", "cb-frame"].flatMap((name) => boxes.map((box) => s("rect", { ...box, class: name })));
  frames.element.replaceChildren(...drawn);
}

// The window enlarged: how many ways lead from each pixel to the output.
function createWays(frame) {
  const [canvas, numbers] = [h("canvas"), createOverlay()];
  const view = h("div", { class: "cb-zoom", role: "img" }, canvas, numbers);
  const legend = createLegend((share, theme) => waysColor(share, 1, theme));
  const panel = createPanel("ways", "Window", view, legend);
  const paint = remember((down, right, theme) => {
    const [rows, columns] = [down, right].map(waysInWindow);
    const values = rows.flatMap((a) => columns.map((b) => (a === null || b === null ? null : a * b)));
    const most = Math.max(...values);
    const colors = values.map((value) => (value === null ? null : waysColor(value, most, theme)));
    const [width, size] = [down.window, { height: down.window, width: right.window }];
    paintPixels(canvas, colorPixels(colors), size);
    numbers.size(size);
    const written = width <= LARGEST_NUMBERED ? values.map((value) => value || null) : []; // 0 and padding have none
    numbers.element.replaceChildren(...drawNumbers(written, colors, width));
    legend.update(most, theme, { from: 0, write: (ways) => `${ways} ${ways === 1 ? "way" : "ways"} to the output` });
    view.setAttribute("aria-label", `The window, enlarged: from each pixel 0 to ${most} ways lead to the output`);
  });
  return {
    element: panel.element,
    update({ isTrained, fits, sides }) {
      panel.element.hidden = !fits || isTrained;
      if (panel.element.hidden) return;
      paint(...sides, frame.theme);
      setText(panel.note, `${sides[0].window} × ${sides[0].window}, enlarged`);
    },
  };
}

// The ways from each pixel of the window, along one axis; null where that is padding.
function waysInWindow({ ways, first, window }) {
  return Array.from({ length: window }, (_, n) => ways[0][first + n] ?? null);
}

// None: neutral; what is read stands out from that, however few the ways.
function waysColor(count, most, theme) {
  return divergingColor(count ? 0.15 + (0.85 * count) / most : 0, theme);
}

// The gradient of the trained net's output, at every pixel of the digit.
function createGradient(frame) {
  const [canvas, frames, legend] = [h("canvas"), createOverlay(), createLegend()];
  const view = h("div", { class: "cb-heat", role: "img" }, canvas, frames);
  const hint = h("p", { class: "cb-hint" }, "Slope of the output, for one pixel from black to white.");
  const panel = createPanel("gradient", "Gradient", view, legend, hint);
  const paint = remember((gradient, theme) => {
    const scale = gradient.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    paintPixels(canvas, responsePixels(gradient, scale || 1, theme), gradient);
    legend.update(255 * scale, theme);
  });
  return {
    element: panel.element,
    update({ isTrained, gradient, channel, overAll, count, sides, sentence }) {
      panel.element.hidden = !isTrained;
      if (!isTrained) return;
      paint(gradient, frame.theme);
      drawFrames(frames, boxesOf(sides).slice(-1), gradient);
      const part = channel === null ? "all channels" : `channel ${channel}`;
      setText(panel.note, overAll ? `mean size, ${count} digits` : part);
      view.setAttribute("aria-label", `Gradient at every pixel of the digit. ${sentence}`);
    },
  };
}

const AVERAGED = "Drawn with plain averages for all weights.";

// The output of the layer that is looked at: the trained net's, or as it would be if every layer took plain averages.
function createOutput(frame, state) {
  const windowAt = () => ({ row: 0, column: 0, ...state.read() });
  const options = { windowAt, moveTo: state.visit };
  const { element, pixels, place, hint, note } = createPicturePanel("output", "Output", options);
  const paint = remember((map, isTrained, theme) => {
    const scale = isTrained && (Math.max(...map.values) || 1);
    pixels.paint(isTrained ? responsePixels(map, scale, theme) : picturePixels(map), map);
  });
  return {
    element,
    update({ isTrained, fits, map, depth, row, column, sentence }) {
      pixels.element.hidden = hint.hidden = !fits;
      setText(note, fits ? `layer ${depth}, ${map.height} × ${map.width}` : `layer ${depth}: no window fits`);
      const value = isTrained ? ` = ${formatNumber(map.values[row * map.width + column])}` : "";
      setText(place, fits ? `output[${row}, ${column}]${value}` : "");
      if (!fits) return;
      setText(hint, isTrained ? "" : AVERAGED);
      paint(map, isTrained, frame.theme);
      pixels.place({ row, column });
      const size = `${map.height} rows and ${map.width} columns`;
      pixels.describe(`Output of layer ${depth}, ${size}; arrow keys choose an output. ${sentence}`);
    },
  };
}

// ---- the list of layers --------------------------------------------------------------------------------------------

const KINDS = {
  "convolution 3 × 3": { kernel_size: 3 },
  "convolution 5 × 5": { kernel_size: 5 },
  "convolution 1 × 1": { kernel_size: 1 },
  "pooling 2 × 2": { pool_size: POOL_SIZE },
};
const STEPS = {
  "stride 1": { strides: 1, dilation_rate: 1 },
  "stride 2": { strides: 2, dilation_rate: 1 },
  "dilation 2": { strides: 1, dilation_rate: 2 },
  "dilation 3": { strides: 1, dilation_rate: 3 },
};
const PADDINGS = ["valid", "same"];
const PLAIN = { kernel_size: 3, strides: 1, padding: "valid", dilation_rate: 1 };

// The name of the option that the layer has.
function optionOf(options, layer) {
  return Object.keys(options).find((name) => {
    return Object.entries(options[name]).every(([key, value]) => layer[key] === value);
  });
}

// The layer as another kind; a convolution keeps what it had besides.
function asKind(layer, name) {
  return KINDS[name].pool_size ? KINDS[name] : { ...PLAIN, ...(layer.kernel_size ? layer : {}), ...KINDS[name] };
}

function createLayers(frame, state) {
  const rows = Array.from({ length: MOST_LAYERS }, (_, n) => createLayer(frame, state, n));
  const add = (layer) => {
    const { layers } = state.read();
    if (layers.length < MOST_LAYERS) state.change([...layers, layer], layers.length + 1);
  };
  const buttons = [
    createButton("Add convolution", () => add(PLAIN)),
    createButton("Add pooling", () => add({ pool_size: POOL_SIZE })),
  ];
  const weights = h("p", { class: "cb-hint" });
  const list = h("ol", { class: "cb-layers" }, ...rows);
  const below = h("div", { class: "cb-flow cb-add" }, h("div", { class: "cb-buttons" }, ...buttons), weights);
  const panel = createPanel("stack", "Layers", list, below);
  setText(panel.note, "from the picture to the output; choose the one whose output you look at");
  return {
    element: panel.element,
    update(now) {
      const { layers, picture } = now;
      rows.forEach((row) => row.update(now));
      setVariables(list, { aspect: picture.height / picture.width });
      below.hidden = now.isTrained;
      const isFull = layers.length === MOST_LAYERS;
      for (const button of buttons) setIdle(button, isFull);
      setText(weights, `${writeWeights(layers)}${isFull ? ` ${MOST_LAYERS} layers are the most shown here.` : ""}`);
    },
  };
}

// One layer: its map with what the output reads of it, its sizes to choose, and what follows from them.
function createLayer(frame, state, n) {
  const name = `Layer ${n + 1}`;
  const map = createLayerMap(frame);
  const look = () => state.change(state.read().layers, n + 1);
  const pick = h("button", { type: "button", class: "cb-bare cb-pick", onclick: look }, h("span", {}, n + 1), map);
  const edit = (make) => {
    const { layers, depth } = state.read();
    state.change(layers.map((layer, i) => (i === n ? make(layer) : layer)), depth);
  };
  const kind = createSelect(`${name}: kind`, (choice) => edit((layer) => asKind(layer, choice)));
  const step = createSelect(`${name}: step`, (choice) => edit((layer) => ({ ...layer, ...STEPS[choice] })));
  const padding = createSelect(`${name}: padding`, (choice) => edit((layer) => ({ ...layer, padding: choice })));
  const takeOut = () => {
    const { layers, depth } = state.read();
    const rest = layers.filter((_, i) => i !== n);
    if (rest.length) state.change(rest, Math.min(depth > n + 1 ? depth - 1 : depth, rest.length));
  };
  const remove = createButton("×", takeOut, `Remove layer ${n + 1}`);
  const fixed = h("div", { class: "cb-fixed" });
  const choices = h("div", { class: "cb-choices cb-terse" }, fixed, kind, step, padding);
  const facts = [h("span"), h("span", { class: "cb-seen" }), h("span", { class: "cb-seen" })];
  const list = h("div", { class: "cb-flow cb-facts" }, ...facts);
  const element = h("li", { class: "cb-layer" }, pick, choices, list, remove);
  return {
    element,
    update(now) {
      const { isTrained, layers, depth, plans } = now;
      const layer = layers[n];
      element.hidden = !layer;
      if (!layer) return;
      fixed.hidden = !isTrained;
      kind.element.hidden = remove.hidden = isTrained;
      step.element.hidden = padding.element.hidden = isTrained || !layer.kernel_size;
      const filters = layer.filters ? `, ${layer.filters} filters, ReLU` : "";
      setText(fixed, `${layer.pool_size ? "max " : ""}${writeLayer(layer)}${filters}`);
      kind.update(Object.keys(KINDS), optionOf(KINDS, layer));
      if (layer.kernel_size) {
        step.update(Object.keys(STEPS), optionOf(STEPS, layer));
        padding.update(PADDINGS, layer.padding);
      }
      const [rows, columns] = plans.map((axis) => axis[n]);
      setText(facts[0], rows ? `${rows.outputs} × ${columns.outputs}` : "no window fits");
      setText(facts[1], rows ? `window ${rows.window} × ${rows.window}` : "");
      setText(facts[2], rows ? `jump ${rows.jump}` : "");
      map.update(now, n);
      pick.setAttribute("aria-pressed", n + 1 === depth);
      pick.setAttribute("aria-label", `${name}, ${writeLayer(layer)}: look at its output`);
      setIdle(remove, layers.length === 1);
    },
  };
}

// A layer's map, small, with what the output reads of it.
function createLayerMap(frame) {
  const canvas = h("canvas");
  const read = h("span", { class: "cb-read" });
  const element = h("span", { class: "cb-map" }, canvas, read);
  const paint = remember((height, width, down, right, theme) => {
    const [reads, skips] = [0.9, 0].map((share) => divergingColor(share, theme));
    const colors = new Array(height * width).fill(skips);
    down?.forEach((count, row) => {
      if (count) right.forEach((other, column) => other && (colors[row * width + column] = reads));
    });
    paintPixels(canvas, colorPixels(colors), { height, width });
  });
  return {
    element,
    update({ plans, picture, fits, depth, sides }, n) {
      const [rows, columns] = plans.map((axis) => axis[n]);
      const isRead = fits && n < depth;
      element.hidden = !rows;
      read.hidden = !isRead;
      if (!rows) return;
      const [down, right] = isRead ? sides.map(({ ways }) => ways[n + 1]) : [null, null];
      paint(rows.outputs, columns.outputs, down, right, frame.theme);
      setVariables(element, { across: columns.outputs / picture.width, down: rows.outputs / picture.height });
      if (isRead) placeBox(read, extentOf(down, right), { height: rows.outputs, width: columns.outputs });
    },
  };
}

// The box around all of a map that an output reads.
function extentOf(...axes) {
  const [[row, height], [column, width]] = axes.map((counts) => {
    const read = [...counts.keys()].filter((index) => counts[index] > 0);
    return [read[0], read.at(-1) + 1 - read[0]];
  });
  return { row, column, height, width };
}
