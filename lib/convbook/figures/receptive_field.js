// The receptive field figure: a stack of layers, and what one of its outputs sees of the picture.

import {
  createButton,
  createLegend,
  createPanel,
  createPixelGrid,
  createSelect,
  cssColor,
  decodePicture,
  divergingColor,
  formatCell,
  formatNumber,
  h,
  liveFigure,
  picturePixels,
  readableOn,
  remember,
  responsePixels,
  setStyle,
  setText,
  setVariables,
} from "./base.js";
import { inputGradient, runNet, unpackNet } from "./network.js";

const POOL_SIZE = 2;
const MOST_LAYERS = 8;
const LARGEST_NUMBERED = 9; // pixels side by side, above which the numbers in them cannot be read
const YOUR_OWN = "your own";

// ---- the arithmetic: pure functions, tested against convbook.shapes and Keras --------------------------------------

function sizeOf(layer) {
  return layer.kernel_size ?? POOL_SIZE;
}

function strideOf(layer) {
  return layer.strides ?? POOL_SIZE;
}

function spanOf(layer) {
  return (sizeOf(layer) - 1) * (layer.dilation_rate ?? 1) + 1;
}

// One axis of a stack, layer by layer: how many outputs there are, the padding before the first, and which pixels of
// the picture output i sees: `window` of them from `start + i * jump`. Shorter than the stack if no window fits.
export function planAxis(size, layers) {
  const steps = [];
  let [inputs, window, jump, start] = [size, 1, 1, 0];
  for (const layer of layers) {
    const [span, stride, isSame] = [spanOf(layer), strideOf(layer), layer.padding === "same"];
    if (!isSame && span > inputs) break;
    const outputs = isSame ? Math.ceil(inputs / stride) : Math.floor((inputs - span) / stride) + 1;
    const before = isSame ? Math.max(0, (outputs - 1) * stride + span - inputs) >> 1 : 0; // an odd zero goes to the end
    window += (span - 1) * jump;
    start -= before * jump;
    jump *= stride;
    steps.push({ inputs, outputs, before, window, jump, start });
    inputs = outputs;
  }
  return steps;
}

// Both axes; the stack ends where no window fits on one of them.
export function planStack(height, width, layers) {
  const axes = [height, width].map((size) => planAxis(size, layers));
  const count = Math.min(...axes.map((steps) => steps.length));
  return axes.map((steps) => steps.slice(0, count));
}

// How many ways lead from each place of the picture and of each map to one output, along one axis. Zeros of the
// padding are no part of a map: no way leads through them.
export function countWays(steps, layers, depth, place) {
  const ways = [new Float64Array(steps[depth - 1].outputs)];
  ways[0][place] = 1;
  for (let number = depth; number > 0; number--) {
    const layer = layers[number - 1];
    const { inputs, before } = steps[number - 1];
    const below = new Float64Array(inputs);
    ways[0].forEach((count, output) => {
      if (!count) return;
      for (let entry = 0; entry < sizeOf(layer); entry++) {
        const position = output * strideOf(layer) - before + entry * (layer.dilation_rate ?? 1);
        if (position >= 0 && position < inputs) below[position] += count;
      }
    });
    ways.unshift(below);
  }
  return ways;
}

// The first pixel and the size of the window of each layer up to `depth`, along one axis; each but the last is the
// window of the output in the middle of what the next layer reads.
export function nestWindows(steps, layers, depth, place) {
  const windows = [];
  for (let number = depth; number > 0; number--) {
    const { start, jump, window, before } = steps[number - 1];
    windows.unshift({ first: start + place * jump, size: window });
    const layer = layers[number - 1];
    place = place * strideOf(layer) - before + ((spanOf(layer) - 1) >> 1);
  }
  return windows;
}

// The output whose window has its middle nearest to this pixel.
export function nearestOutput({ outputs, start, jump, window }, pixel) {
  return clamp(Math.round((pixel - start - (window - 1) / 2) / jump), outputs);
}

// The maps' values if every layer took the plain average of what it reads, zeros of the padding with it.
export function averageStack(picture, [rows, columns], layers, depth) {
  let map = picture;
  for (let number = 0; number < depth; number++) {
    const layer = layers[number];
    map = averageAlong(averageAlong(map, rows[number], layer, true), columns[number], layer, false);
  }
  return map;
}

function averageAlong(map, { outputs, before }, layer, isDown) {
  const { height, width, channels, values } = map;
  const [newHeight, newWidth, inputs] = isDown ? [outputs, width, height] : [height, outputs, width];
  const averages = new Float32Array(newHeight * newWidth * channels);
  const [size, stride, dilation] = [sizeOf(layer), strideOf(layer), layer.dilation_rate ?? 1];
  for (let row = 0; row < newHeight; row++) {
    for (let column = 0; column < newWidth; column++) {
      const to = (row * newWidth + column) * channels;
      for (let entry = 0; entry < size; entry++) {
        const position = (isDown ? row : column) * stride - before + entry * dilation;
        if (position < 0 || position >= inputs) continue;
        const from = (isDown ? position * width + column : row * width + position) * channels;
        for (let n = 0; n < channels; n++) averages[to + n] += values[from + n] / size;
      }
    }
  }
  return { ...map, height: newHeight, width: newWidth, values: averages };
}

function clamp(place, size) {
  return Math.max(0, Math.min(place, size - 1));
}

function countInside(first, size, length) {
  return Math.max(0, Math.min(first + size, length) - Math.max(first, 0));
}

// ---- the words, the same as in Python ------------------------------------------------------------------------------

export function writeLayer(layer) {
  if (layer.pool_size) return `pooling ${POOL_SIZE} × ${POOL_SIZE}`;
  const parts = [`convolution ${layer.kernel_size} × ${layer.kernel_size}`];
  if (layer.strides > 1) parts.push(`stride ${layer.strides}`);
  if (layer.dilation_rate > 1) parts.push(`dilation ${layer.dilation_rate}`);
  if (layer.padding === "same") parts.push("same");
  return parts.join(", ");
}

// At which layer no window fits and what would help; empty where all fit.
export function writeProblem(height, width, layers) {
  const [rows, columns] = planStack(height, width, layers);
  const number = rows.length;
  if (number === layers.length) return "";
  const [layer, span] = [layers[number], spanOf(layers[number])];
  const shape = number ? `${rows[number - 1].outputs} × ${columns[number - 1].outputs}` : `${height} × ${width}`;
  const remedy = layer.pool_size ? "or remove a layer." : "remove a layer, or pad: same.";
  const reason = `Layer ${number + 1}: no window fits, it spans ${span} × ${span} and its input has ${shape}.`;
  return `${reason} Enlarge the picture, ${remedy}`;
}

// What one output sees, and by how many ways.
export function writeWindow(height, width, layers, depth, row, column) {
  const plans = planStack(height, width, layers);
  const steps = plans.map((axis) => axis[depth - 1]);
  const firsts = [row, column].map((place, axis) => steps[axis].start + place * steps[axis].jump);
  const [down, right] = [row, column].map((place, axis) => countWays(plans[axis], layers, depth, place)[0]);
  const { window } = steps[0];
  const inside = countInside(firsts[0], window, height) * countInside(firsts[1], window, width);
  return `${writePlace(steps, depth, row, column)} ${writeReading(down, right, inside, window)}`;
}

// Which window one output has.
export function writePlace(steps, depth, row, column) {
  const { window } = steps[0];
  const [rows, columns] = [row, column].map((place, axis) => {
    const first = steps[axis].start + place * steps[axis].jump;
    return `${formatNumber(first)} to ${formatNumber(first + window - 1)}`;
  });
  const pixels = window === 1 ? "1 × 1 pixel" : `${window} × ${window} pixels`;
  return `Output row ${row}, column ${column} of layer ${depth} sees ${pixels}: rows ${rows}, columns ${columns}.`;
}

const NO_GRADIENT =
  "The gradient is 0 everywhere: ReLU lets nothing through here. Choose another place or channel.";

// Where the gradient is not 0, and how much of it lies in the window's middle; `count` digits, if it is their mean.
export function writeGradient({ height, width, values }, { top, left, size }, count = 0) {
  const edge = Math.floor(size / 4);
  const within = (row, column, margin) => {
    const isIn = (place, first) => place >= first + margin && place < first + size - margin;
    return isIn(row, top) && isIn(column, left);
  };
  let [inside, outside, all, middle] = [0, 0, 0, 0];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const value = Math.abs(values[row * width + column]);
      if (value === 0) continue;
      if (within(row, column, 0)) inside += 1;
      else outside += 1;
      all += value;
      if (within(row, column, edge)) middle += value;
    }
  }
  if (all === 0) return NO_GRADIENT;
  const start = count ? `Mean over ${count} digits: in` : "In";
  const places = `at ${inside} of ${size ** 2} pixels, outside at ${outside}`;
  const sentence = `${start} the window, the gradient is not 0 ${places}`;
  if (edge === 0) return `${sentence}.`;
  const side = size - 2 * edge;
  const [part, share] = [side ** 2 / size ** 2, middle / all].map((ratio) => formatCell(100 * ratio));
  return `${sentence}. The middle ${side} × ${side}, ${part} % of the window, hold ${share} % of its size.`;
}

// How many pixels the output reads, why not the whole window, and by how many ways.
function writeReading(down, right, inside, window) {
  const [readRows, readColumns] = [down, right].map((ways) => [...ways.filter((count) => count > 0)]);
  const read = readRows.length * readColumns.length;
  const reasons = [];
  if (inside < window ** 2) reasons.push("what hangs over the border is padding");
  if (read < inside) reasons.push("of the rest it skips some");
  const why = reasons.length ? `; ${reasons.join(", and ")}` : "";
  const fewest = Math.min(...readRows) * Math.min(...readColumns);
  const most = Math.max(...readRows) * Math.max(...readColumns);
  const range = fewest === most ? `${most} ways lead` : `${fewest} to ${most} ways lead`;
  const lead = most === 1 ? "1 way leads" : range;
  const whole = down.length * right.length;
  return `It reads ${read} of the picture's ${whole} pixels${why}. From each, ${lead} through the layers to it.`;
}

export function writeWeights(layers) {
  const parts = layers.flatMap((layer) => (layer.kernel_size ? [layer.kernel_size ** 2] : []));
  const sum = parts.reduce((total, part) => total + part, 0);
  const total = parts.length > 1 ? `${parts.join(" + ")} = ${sum}` : sum;
  return `Weights for each pair of input channel and filter: ${total}.`;
}

// ---- the figure ----------------------------------------------------------------------------------------------------

const PACKED = ["_picture", "_stacks", "_digits", "_network"];
const TRAITS = [...PACKED, "layers", "layer", "row", "column", "view", "digit", "channel", "all_digits"];
const VIEWS = { "any stack": "any stack, by formula", "trained net": "a trained net, by gradient" };

export default liveFigure("receptive field", TRAITS, (frame) => {
  const state = createState(frame);
  const bar = createChoices(frame, state);
  const views = [createWays(frame), createGradient(frame)]; // one of them is shown
  const panels = [createSeenPicture(frame, state), ...views, createOutput(frame, state)];
  const verdict = h("p", { class: "cb-verdict" });
  const why = h("p", { class: "cb-hint" }, WHY);
  const problem = h("p", { class: "cb-problem" });
  const list = createLayers(frame, state);
  frame.el.append(bar.element, h("div", { class: "cb-panels" }, ...panels.map(({ element }) => element)));
  frame.el.append(verdict, why, problem, list.element);

  let spoken = null;
  return function draw() {
    const now = state.read();
    frame.el.dataset.fits = now.fits;
    frame.el.dataset.view = now.isTrained ? "trained net" : "any stack";
    for (const part of [bar, ...panels, list]) part.update(now);
    setText(verdict, now.sentence);
    why.hidden = !now.isTrained;
    setText(problem, now.problem);
    const heard = [now.sentence, now.problem].join(" ").trim();
    if (spoken !== null && heard !== spoken) frame.announce(heard);
    spoken = heard;
  };
});

const WHY =
  "More ways lead to the output from the middle of its window than from the edge. ReLU and max pooling close some of " +
  "them, for each digit others: the mean over all digits shows more of the window.";

// The figure's state as its parts need it: the traits, and what follows from them.
function createState({ model, set }) {
  const plansOf = remember(planStack);
  const [waysDown, waysRight] = [remember(countWays), remember(countWays)];
  const [pictureOf, mapOf, sentenceOf] = [remember(decodePicture), remember(averageStack), remember(writeWindow)];
  const trained = createTrained(model);

  const read = () => {
    const isTrained = model.get("view") === "trained net" && Boolean(model.get("_network"));
    const picture = isTrained ? trained.picture() : pictureOf(model.get("_picture"));
    const layers = isTrained ? trained.layers() : model.get("layers");
    const { height, width } = picture;
    const depth = clamp(model.get("layer"), layers.length + 1);
    const plans = plansOf(height, width, layers);
    const now = {
      isTrained,
      picture,
      layers,
      depth,
      plans,
      stacks: model.get("_stacks"),
      problem: writeProblem(height, width, layers),
      fits: depth <= plans[0].length,
    };
    if (!now.fits) return { ...now, sentence: "" };
    const steps = plans.map((axis) => axis[depth - 1]);
    const [row, column] = ["row", "column"].map((name, axis) => clamp(model.get(name), steps[axis].outputs));
    const ways = [waysDown(plans[0], layers, depth, row), waysRight(plans[1], layers, depth, column)];
    const shown = isTrained
      ? trained.look(steps, depth, row, column)
      : {
          map: mapOf(picture, plans, layers, depth),
          sentence: sentenceOf(height, width, layers, depth, row, column),
        };
    return { ...now, steps, row, column, ways, ...shown };
  };
  const setIfNew = (changes) => {
    if (Object.entries(changes).some(([name, value]) => model.get(name) !== value)) set(changes);
  };
  // Another stack or layer; of its outputs the one that looks at the same part of the picture.
  const change = (layers, depth) => {
    const { isTrained, picture, fits, steps, row, column } = read();
    const sizes = [picture.height, picture.width];
    const plans = planStack(...sizes, layers);
    const places = plans.map((axis, n) => {
      const middle = fits ? middleOf(steps[n], [row, column][n]) : (sizes[n] - 1) / 2;
      return axis.length < depth ? 0 : nearestOutput(axis[depth - 1], middle);
    });
    setIfNew({ ...(isTrained ? {} : { layers }), layer: depth, row: places[0], column: places[1] });
  };
  return {
    read,
    change,
    choose: setIfNew,
    // The other view, at the middle of the last output that it has.
    turnTo(view) {
      const isTrained = view === "trained net";
      const { height, width } = isTrained ? trained.picture() : pictureOf(model.get("_picture"));
      const layers = isTrained ? trained.layers() : model.get("layers");
      const plans = planStack(height, width, layers);
      const depth = Math.max(1, plans[0].length - (isTrained ? 1 : 0)); // on a digit the last pooling has one output
      const [row, column] = plans.map((axis) => ((axis[depth - 1]?.outputs ?? 1) - 1) >> 1);
      setIfNew({ view, layer: depth, row, column, channel: null });
    },
    visit(row, column) {
      const { fits, steps } = read();
      if (fits) setIfNew({ row: clamp(row, steps[0].outputs), column: clamp(column, steps[1].outputs) });
    },
  };
}

// The trained net: what it makes of the digits, and the gradient of one of its outputs.
function createTrained(model) {
  const netOf = remember(unpackNet);
  const layersOf = remember((net) => placedLayers(net).map(({ layer }) => plainLayer(layer)));
  const digitsOf = remember((packed) => packed.map(decodePicture));
  const runsOf = remember((net, digits) => {
    const runs = new Map();
    return (digit) => {
      if (!runs.has(digit)) runs.set(digit, runNet(net, digits[digit]));
      return runs.get(digit);
    };
  });
  const digits = () => digitsOf(model.get("_digits"));
  const net = () => netOf(model.get("_network"));
  const gradientOf = remember((runOf, layer, row, column, channel, digit) => {
    if (digit !== null) return inputGradient(net(), runOf(digit), { layer, row, column, channel });
    return meanSize(digits().map((_, n) => inputGradient(net(), runOf(n), { layer, row, column, channel })));
  });
  const outputOf = remember(chooseChannel);
  const digit = () => clamp(model.get("digit"), digits().length);
  return {
    picture: () => digits()[digit()],
    layers: () => layersOf(net()),
    look(steps, depth, row, column) {
      const { place } = placedLayers(net())[depth - 1];
      const runOf = runsOf(net(), digits());
      const run = runOf(digit());
      const { channels } = run[place];
      const channel = model.get("channel") === null ? null : clamp(model.get("channel"), channels);
      const overAll = model.get("all_digits");
      const gradient = gradientOf(runOf, place, row, column, channel, overAll ? null : digit());
      const [top, left] = [row, column].map((at, n) => steps[n].start + at * steps[n].jump);
      const about = writeGradient(gradient, { top, left, size: steps[0].window }, overAll ? digits().length : 0);
      return {
        digit: digit(),
        count: digits().length,
        channels,
        channel,
        overAll,
        gradient,
        map: outputOf(run[place], channel),
        sentence: `${writePlace(steps, depth, row, column)} ${about}`,
      };
    },
  };
}

// The net's convolutions and poolings, and the place of their maps in what runNet gives.
function placedLayers({ layers }) {
  return layers.flatMap((layer, n) => (["conv", "max_pool"].includes(layer.kind) ? [{ layer, place: n + 1 }] : []));
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

// The mean size of several gradients, pixel by pixel.
export function meanSize(gradients) {
  const values = new Float64Array(gradients[0].values.length);
  for (const gradient of gradients) {
    gradient.values.forEach((value, pixel) => (values[pixel] += Math.abs(value) / gradients.length));
  }
  return { ...gradients[0], values };
}

function middleOf({ start, jump, window }, place) {
  return start + place * jump + (window - 1) / 2;
}

// What is shown, the named stacks to start from, and the trained net's digit and channel.
function createChoices(frame, state) {
  const nameOf = (text) => Object.keys(VIEWS).find((name) => VIEWS[name] === text);
  const view = createSelect("Show", (text) => state.turnTo(nameOf(text)));
  const stack = createSelect("Stack", (name) => {
    const layers = state.read().stacks[name];
    if (layers) state.change(layers, layers.length);
  });
  const digit = createSelect("Digit", (text) => state.choose({ digit: Number(text), all_digits: false }));
  const channel = createSelect("Channel", (text) => state.choose({ channel: text === ALL ? null : Number(text) }));
  const box = h("input", { type: "checkbox", onchange: () => state.choose({ all_digits: box.checked }) });
  const label = h("span");
  const overAll = h("label", { class: "cb-field" }, box, label);
  const hasNet = () => Boolean(frame.model.get("_network"));
  return {
    element: h("div", { class: "cb-bar" }, view.element, stack.element, digit.element, channel.element, overAll),
    update(now) {
      view.element.hidden = !hasNet();
      stack.element.hidden = now.isTrained;
      digit.element.hidden = channel.element.hidden = overAll.hidden = !now.isTrained;
      view.update(Object.values(VIEWS), VIEWS[now.isTrained ? "trained net" : "any stack"]);
      if (!now.isTrained) {
        const names = Object.keys(now.stacks);
        const name = names.find((one) => isSameStack(now.stacks[one], now.layers));
        return stack.update(name ? names : [...names, YOUR_OWN], name ?? YOUR_OWN);
      }
      if (!now.fits) return;
      digit.update(numbersTo(now.count), String(now.digit));
      channel.update([ALL, ...numbersTo(now.channels)], now.channel === null ? ALL : String(now.channel));
      box.checked = now.overAll;
      setText(label, `Mean over all ${now.count} digits`);
    },
  };
}

const ALL = "all, summed";

function numbersTo(count) {
  return Array.from({ length: count }, (_, n) => String(n));
}

function isSameStack(one, other) {
  return one.map(writeLayer).join() === other.map(writeLayer).join();
}

// The picture inside the padding that windows of this layer hang over; what is not read is faded.
function createSeenPicture(frame, state) {
  const windowAt = () => windowOn(state.read());
  const moveTo = (row, column) => {
    const { fits, steps } = state.read();
    if (!fits) return;
    const [down, right] = [row, column].map((first, n) => {
      return Math.round((first - marginOf(steps[n], sizesOf(state.read())[n])[0] - steps[n].start) / steps[n].jump);
    });
    state.visit(down, right);
  };
  const pixels = createPixelGrid({ windowAt, moveTo, byKeyboard: false });
  const frames = createFrames();
  pixels.element.append(frames.element);
  const hint = h("p", { class: "cb-hint" }, "Drag the window, or click where it should be.");
  const panel = createPanel("input", "Picture", pixels.element, hint);
  const colorsOf = remember(picturePixels);
  return {
    element: panel.element,
    update(now) {
      const { picture, fits, steps, ways } = now;
      const sizes = sizesOf(now);
      const margins = sizes.map((size, n) => (fits ? marginOf(steps[n], size) : [0, 0]));
      const read = sizes.map((size, n) => (fits ? ways[n][0] : new Uint8Array(size).fill(1)));
      const [height, width] = sizes.map((size, n) => margins[n][0] + size + margins[n][1]);
      pixels.paint(fadeUnread(colorsOf(picture), picture, read, margins, frame.theme), height, width);
      if (fits) {
        pixels.place(windowOn(now));
        frames.update(nestedOn(now, margins), height, width);
      }
      const padded = margins.flat().some((margin) => margin > 0);
      setText(panel.element.querySelector("strong"), now.isTrained ? `Digit ${now.digit}` : "Picture");
      pixels.describe(`Picture of ${picture.height} rows and ${picture.width} columns. ${now.sentence}`.trim());
      setText(panel.note, `${picture.height} × ${picture.width}${padded ? ", padding hatched" : ""}`);
      hint.hidden = !fits;
    },
  };
}

function sizesOf({ picture }) {
  return [picture.height, picture.width];
}

// How far the windows of a layer hang over the picture, at both ends.
function marginOf({ start, jump, window, outputs }, size) {
  return [Math.max(0, -start), Math.max(0, start + (outputs - 1) * jump + window - size)];
}

// The window's frame in pixels of the padded picture.
function windowOn(now) {
  const { steps, row, column } = now;
  if (!steps) return { row: 0, column: 0, height: 0, width: 0 };
  const [top, left] = [row, column].map((place, n) => {
    return marginOf(steps[n], sizesOf(now)[n])[0] + steps[n].start + place * steps[n].jump;
  });
  return { row: top, column: left, height: steps[0].window, width: steps[1].window, step: steps[0].jump };
}

// The frames of the layers before, in pixels of the padded picture.
function nestedOn({ plans, layers, depth, row, column }, margins) {
  const [down, right] = [row, column].map((place, n) => nestWindows(plans[n], layers, depth, place));
  return down.slice(0, -1).map(({ first, size }, n) => {
    return { x: right[n].first + margins[1][0], y: first + margins[0][0], width: right[n].size, height: size };
  });
}

// The picture's bytes within transparent margins, the pixels that are not read faded towards the page.
function fadeUnread(colors, { height, width }, [down, right], [[above, below], [before, after]], theme) {
  const fullWidth = before + width + after;
  const rgba = new Uint8ClampedArray((above + height + below) * fullWidth * 4);
  const paper = theme === "dark" ? 24 : 250;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const [from, to] = [(row * width + column) * 4, ((above + row) * fullWidth + before + column) * 4];
      const share = down[row] && right[column] ? 1 : 0.4;
      for (let part = 0; part < 3; part++) rgba[to + part] = paper + share * (colors[from + part] - paper);
      rgba[to + 3] = 255;
    }
  }
  return rgba;
}

function svg(tag, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// The nested frames over the picture.
function createFrames() {
  const element = svg("svg", { class: "cb-frames", "aria-hidden": "true", preserveAspectRatio: "none" });
  return {
    element,
    update(boxes, height, width) {
      element.setAttribute("viewBox", `0 0 ${width} ${height}`);
      element.replaceChildren(...["cb-halo", "cb-frame"].flatMap((name) => {
        return boxes.map((box) => svg("rect", { ...box, class: name }));
      }));
    },
  };
}

// The window enlarged: how many ways lead from each pixel to the output.
function createWays(frame) {
  const canvas = h("canvas", {});
  const numbers = svg("svg", { class: "cb-numbers", "aria-hidden": "true" });
  const view = h("div", { class: "cb-zoom", role: "img" }, canvas, numbers);
  const bar = h("div", { class: "cb-scale" });
  const high = h("span");
  const legend = h("div", { class: "cb-legend" }, bar, h("span", {}, "0"), high);
  const panel = createPanel("ways", "Window", view, legend);
  const paint = remember((down, right, top, left, size, theme) => {
    const [rows, columns] = [waysInWindow(down, top, size), waysInWindow(right, left, size)];
    const values = rows.flatMap((a) => columns.map((b) => (a === null || b === null ? null : a * b)));
    const most = Math.max(...values);
    const colors = values.map((value) => (value === null ? null : waysColor(value, most, theme)));
    paintCells(canvas, colors, size);
    numbers.setAttribute("viewBox", `0 0 ${size} ${size}`);
    numbers.replaceChildren(...(size <= LARGEST_NUMBERED ? numberCells(values, colors, size) : []));
    setStyle(bar, `background:linear-gradient(to right,${[0, 1].map((n) => cssColor(waysColor(n, 1, theme)))})`);
    setText(high, `${most} ${most === 1 ? "way" : "ways"} to the output`);
    view.setAttribute("aria-label", `The window, enlarged: from each pixel 0 to ${most} ways lead to the output`);
  });
  return {
    element: panel.element,
    update({ isTrained, fits, ways, steps, row, column }) {
      panel.element.hidden = !fits || isTrained;
      if (panel.element.hidden) return;
      const [top, left] = [row, column].map((place, n) => steps[n].start + place * steps[n].jump);
      const size = steps[0].window;
      paint(ways[0][0], ways[1][0], top, left, size, frame.theme);
      setText(panel.note, `${size} × ${size}, enlarged`);
    },
  };
}

// The ways from each position of the window; null where that is padding.
function waysInWindow(ways, first, size) {
  return Array.from({ length: size }, (_, n) => ways[first + n] ?? null);
}

// None: neutral; what is read stands out from that, however few the ways.
function waysColor(count, most, theme) {
  return divergingColor(count ? 0.15 + (0.85 * count) / most : 0, theme);
}

// Paints a canvas cell by cell; a cell without a colour stays transparent.
function paintCells(canvas, colors, width) {
  const words = new Uint32Array(colors.length);
  colors.forEach((color, cell) => (words[cell] = color ? asWord(color) : 0));
  paintWords(canvas, words, width);
}

function paintWords(canvas, words, width) {
  const height = words.length / width;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(words.buffer), width), 0, 0);
}

// A colour as the four bytes that a canvas holds for a pixel.
function asWord([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

function numberCells(values, colors, width) {
  return values.flatMap((value, cell) => {
    if (!value) return [];
    const [x, y] = [(cell % width) + 0.5, Math.floor(cell / width) + 0.66];
    const text = svg("text", { x, y, fill: readableOn(colors[cell]) });
    text.textContent = value;
    return [text];
  });
}

// The gradient of the trained net's output, at every pixel of the digit.
function createGradient(frame) {
  const canvas = h("canvas", {});
  const frames = createFrames();
  const view = h("div", { class: "cb-heat", role: "img" }, canvas, frames.element);
  const legend = createLegend();
  const hint = h("p", { class: "cb-hint" }, "Slope of the output, for one pixel from black to white.");
  const panel = createPanel("gradient", "Gradient", view, legend.element, hint);
  const paint = remember((gradient, theme) => {
    const scale = gradient.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const colors = Array.from(gradient.values, (value) => divergingColor(value / (scale || 1), theme));
    paintCells(canvas, colors, gradient.width);
    legend.update(255 * scale, theme);
    setVariables(view, { aspect: gradient.width / gradient.height });
  });
  return {
    element: panel.element,
    update(now) {
      panel.element.hidden = !now.isTrained || !now.fits;
      if (panel.element.hidden) return;
      const { gradient, channel, overAll, count } = now;
      paint(gradient, frame.theme);
      const { row, column, height, width } = windowOn(now);
      frames.update([{ x: column, y: row, width, height }], gradient.height, gradient.width);
      const part = channel === null ? "all channels" : `channel ${channel}`;
      setText(panel.note, overAll ? `mean size, ${count} digits` : part);
      view.setAttribute("aria-label", `Gradient at every pixel of the digit. ${now.sentence}`);
    },
  };
}

// The output of the layer that is looked at: the trained net's, or as it would be if every layer took plain averages.
function createOutput(frame, state) {
  const windowAt = () => ({ row: 0, column: 0, ...state.read(), height: 1, width: 1 });
  const pixels = createPixelGrid({ windowAt, moveTo: state.visit });
  const place = h("code", { class: "cb-place" });
  const hint = h("span", { class: "cb-hint" });
  const panel = createPanel("output", "Output", pixels.element, h("p", { class: "cb-below" }, place, hint));
  const paint = remember((map, isTrained, theme) => {
    const scale = isTrained && (Math.max(...map.values) || 1);
    pixels.paint(isTrained ? responsePixels(map, scale, theme) : picturePixels(map), map.height, map.width);
  });
  return {
    element: panel.element,
    update({ isTrained, fits, map, depth, row, column, sentence }) {
      pixels.element.hidden = hint.hidden = !fits;
      setText(panel.note, fits ? `layer ${depth}, ${map.height} × ${map.width}` : `layer ${depth}: no window fits`);
      const value = isTrained && fits ? ` = ${formatNumber(map.values[row * map.width + column])}` : "";
      setText(place, fits ? `output[${row}, ${column}]${value}` : "");
      if (!fits) return;
      setText(hint, `${isTrained ? "" : AVERAGED}Click an output, or use the arrow keys.`);
      paint(map, isTrained, frame.theme);
      pixels.place({ row, column, height: 1, width: 1 });
      const size = `${map.height} rows and ${map.width} columns`;
      pixels.describe(`Output of layer ${depth}, ${size}; arrow keys choose an output. ${sentence}`);
    },
  };
}

const AVERAGED = "Drawn with plain averages for all weights. ";

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

// Where on a map the places lie that an output reads.
function boxAround(down, right) {
  const [[top, high], [left, wide]] = [down, right].map((counts) => {
    const places = [...counts.keys()].filter((place) => counts[place] > 0);
    return [places[0], places.at(-1) + 1 - places[0]].map((part) => (100 * part) / counts.length);
  });
  return `top:${top}%;left:${left}%;height:${high}%;width:${wide}%`;
}

function kindOf(layer) {
  return Object.keys(KINDS).find((name) => {
    return KINDS[name].pool_size === layer.pool_size && KINDS[name].kernel_size === layer.kernel_size;
  });
}

function stepOf(layer) {
  return Object.keys(STEPS).find((name) => {
    return STEPS[name].strides === layer.strides && STEPS[name].dilation_rate === layer.dilation_rate;
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
  const list = h("ol", { class: "cb-layers" }, ...rows.map(({ element }) => element));
  const below = h("div", { class: "cb-add" }, h("div", { class: "cb-buttons" }, ...buttons), weights);
  const panel = createPanel("stack", "Layers", list, below);
  setText(panel.note, "from the picture to the output; choose the one whose output you look at");
  return {
    element: panel.element,
    update(now) {
      const { layers, picture } = now;
      rows.forEach((row) => row.update(now));
      setVariables(list, { aspect: picture.height / picture.width });
      below.hidden = now.isTrained;
      if (now.isTrained) return;
      const isFull = layers.length === MOST_LAYERS;
      for (const button of buttons) button.setAttribute("aria-disabled", isFull);
      setText(weights, `${writeWeights(layers)}${isFull ? ` ${MOST_LAYERS} layers are the most shown here.` : ""}`);
    },
  };
}

// One layer: its map with what the output reads of it, its sizes to choose, and what follows from them.
function createLayer(frame, state, n) {
  const name = `Layer ${n + 1}`;
  const canvas = h("canvas", {});
  const look = () => state.change(state.read().layers, n + 1);
  const pick = h("button", { type: "button", class: "cb-pick", onclick: look });
  const read = h("span", { class: "cb-read" });
  const map = h("span", { class: "cb-map" }, canvas, read);
  pick.append(h("span", {}, `${n + 1}`), map);
  const edit = (make) => {
    const { layers, depth } = state.read();
    state.change(layers.map((layer, i) => (i === n ? make(layer) : layer)), depth);
  };
  const kind = createSelect(`${name}: kind`, (choice) => edit((layer) => asKind(layer, choice)));
  const step = createSelect(`${name}: step`, (choice) => edit((layer) => ({ ...layer, ...STEPS[choice] })));
  const padding = createSelect(`${name}: padding`, (choice) => edit((layer) => ({ ...layer, padding: choice })));
  const facts = ["size", "seen", "jump"].map((fact) => h("span", { class: `cb-${fact}` }));
  const remove = createButton("×", () => {
    const { layers, depth } = state.read();
    const rest = layers.filter((_, i) => i !== n);
    if (rest.length) state.change(rest, clamp(depth > n + 1 ? depth - 1 : depth, rest.length + 1));
  });
  remove.setAttribute("aria-label", `Remove layer ${n + 1}`);
  const fixed = h("div", { class: "cb-fixed" });
  const choices = h("div", { class: "cb-choices" }, fixed, kind.element, step.element, padding.element);
  const element = h("li", { class: "cb-layer" }, pick, choices, h("div", { class: "cb-facts" }, ...facts), remove);
  const paint = remember((height, width, down, right, theme) => {
    const [read, unread] = [0.9, 0].map((share) => asWord(divergingColor(share, theme)));
    const words = new Uint32Array(height * width).fill(unread);
    down?.forEach((count, row) => {
      if (count) right.forEach((other, column) => other && (words[row * width + column] = read));
    });
    paintWords(canvas, words, width);
  });
  return {
    element,
    update(now) {
      const { isTrained, layers, depth, plans, fits, ways, picture } = now;
      const layer = layers[n];
      element.hidden = !layer;
      if (!layer) return;
      fixed.hidden = !isTrained;
      kind.element.hidden = remove.hidden = isTrained;
      step.element.hidden = padding.element.hidden = isTrained || !layer.kernel_size;
      const filters = layer.filters ? `, ${layer.filters} filters, ReLU` : "";
      setText(fixed, `${layer.pool_size ? "max " : ""}${writeLayer(layer)}${filters}`);
      if (!isTrained) kind.update(Object.keys(KINDS), kindOf(layer));
      if (!isTrained && layer.kernel_size) {
        step.update(Object.keys(STEPS), stepOf(layer));
        padding.update(PADDINGS, layer.padding);
      }
      const [rows, columns] = plans.map((axis) => axis[n]);
      setText(facts[0], rows ? `${rows.outputs} × ${columns.outputs}` : "no window fits");
      setText(facts[1], rows ? `window ${rows.window} × ${rows.window}` : "");
      setText(facts[2], rows ? `jump ${rows.jump}` : "");
      map.hidden = !rows;
      const isRead = fits && n < depth;
      read.hidden = !isRead;
      if (rows) {
        const counts = isRead ? ways.map((axis) => axis[n + 1]) : [null, null];
        paint(rows.outputs, columns.outputs, ...counts, frame.theme);
        setVariables(map, { across: columns.outputs / picture.width, down: rows.outputs / picture.height });
        if (isRead) setStyle(read, boxAround(...counts));
      }
      pick.setAttribute("aria-pressed", n + 1 === depth);
      pick.setAttribute("aria-label", `${name}, ${writeLayer(layer)}: look at its output`);
      remove.setAttribute("aria-disabled", layers.length === 1);
    },
  };
}
