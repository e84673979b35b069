// The convolution figure: a window on a picture, patch × kernel = products, their sum, and the response map.

import {
  bind,
  colorPixels,
  convolve,
  createCaptioned,
  createLegend,
  createNumberField,
  createNumberGrid,
  createPanel,
  createSelect,
  decodePicture,
  divergingColor,
  formatNumber,
  formatWeight,
  h,
  isIndex,
  joinParts,
  liveFigure,
  picturePixels,
  remember,
  responseColors,
  setText,
  setVariables,
} from "./base.js";
import { createPicturePanel, createStepping } from "./controls.js";

const OWN_NUMBERS = "own numbers";

// ---- the mathematics: pure functions, tested against convbook.operations ------------------------------------------

// What one window holds: for each channel the patch, the weights, the products (rows of numbers) and their sum.
function oneWindow(picture, kernel, row, column) {
  const grid = (number) => kernel.map((weights, i) => weights.map((_, j) => number(i, j)));
  return Array.from({ length: picture.channels }, (_, channel) => {
    const pixel = (i, j) => picture.values[((row + i) * picture.width + column + j) * picture.channels + channel];
    const patch = grid(pixel);
    const weights = grid((i, j) => kernel[i][j][channel]);
    const products = grid((i, j) => patch[i][j] * weights[i][j]);
    return { patch, weights, products, sum: products.flat().reduce((sum, product) => sum + product, 0) };
  });
}

// The name of the kernel with these numbers, or null where the reader typed others.
function nameOfKernel(kernel, kernels) {
  if (typeof kernel === "string") return kernel;
  const numbers = JSON.stringify(kernel);
  return Object.keys(kernels).find((name) => JSON.stringify(kernels[name]) === numbers) ?? null;
}

// ---- the figure ----------------------------------------------------------------------------------------------------

const TRAITS = ["_picture", "_kernels", "kernel", "bias", "row", "column", "all_windows"];

export default liveFigure("convolution", TRAITS, (frame) => {
  const state = createState(frame);
  const panels = [createInput(state), createArithmetic(frame, state), createOutput(frame, state)];
  const update = frame.add(createControls(frame, state), joinParts("cb-panels", ...panels));

  return function draw() {
    const now = state.read();
    const [kernelRows, kernelColumns] = [now.weights.length, now.weights[0].length];
    frame.el.dataset.channels = now.picture.channels; // channels and kernel decide which panels fit side by side
    frame.el.dataset.kernel = kernelColumns > 3 ? "large" : "small";
    setVariables(frame.el, { "kernel-rows": kernelRows });
    update(now);
    if (state.stepping.playing) return undefined;
    return `Window at row ${now.row}, column ${now.column}: response ${formatNumber(now.value)}.`;
  };
}, {
  task: ["Drag the window over the picture: each place gives one number of the map.", "Arrow keys move it, too."],
  *check({ _picture: { height, width, channels }, _kernels, kernel, row, column }) {
    const weights = typeof kernel === "string" ? Object.hasOwn(_kernels, kernel) && _kernels[kernel] : kernel;
    if (!isKernel(weights, channels, Math.min(height, 5), Math.min(width, 5))) return yield "kernel";
    if (!isIndex(row, height - weights.length + 1)) yield "row";
    if (!isIndex(column, width - weights[0].length + 1)) yield "column";
  },
});

// Whether these are finite numbers [row][column][channel], of so many rows and columns at most.
function isKernel(weights, channels, rows, columns) {
  const isList = (list, least, most) => Array.isArray(list) && list.length >= least && list.length <= most;
  if (!isList(weights, 1, rows) || !isList(weights[0], 1, columns)) return false;
  const isPixel = (pixel) => isList(pixel, channels, channels);
  const isRow = (row) => isList(row, weights[0].length, weights[0].length) && row.every(isPixel);
  return weights.every(isRow) && weights.flat(2).every(Number.isFinite);
}

// The figure's state as its parts need it: the traits, what follows from them, and where the window has been.
function createState(frame) {
  const { model } = frame;
  const pictureOf = remember(decodePicture);
  const responseOf = remember(convolve);
  const rangeOf = remember(responseRange);
  const nameOf = remember(nameOfKernel);

  const compute = () => {
    const [packed, kernels, kernel, bias] = ["_picture", "_kernels", "kernel", "bias"].map((name) => model.get(name));
    const weights = typeof kernel === "string" ? kernels[kernel] : kernel;
    const picture = pictureOf(packed);
    const response = responseOf(picture, weights, bias);
    return { picture, kernels, weights, name: nameOf(kernel, kernels) ?? OWN_NUMBERS, bias, response };
  };
  const stepping = createStepping(frame, {
    gridOf() {
      const { height, width } = compute().response;
      return { rows: height, columns: width, key: `${height} ${width}` };
    },
    pausesMs: [16, 200, 10_000],
    onShowAll: () => frame.announce(`Response map complete: ${describeRange(read().range)}.`),
  });
  const read = () => {
    const now = { ...compute(), ...stepping.read() };
    const { response, row, column } = now;
    return { ...now, value: response.values[row * response.width + column], range: rangeOf(response) };
  };
  return { read, stepping };
}

// Which kernel, and how the window walks.
function createControls(frame, { stepping }) {
  const choose = (name) => name !== OWN_NUMBERS && frame.set({ kernel: name });
  const kernel = bind(createSelect("Kernel", choose), ({ kernels, name }) => {
    const names = Object.keys(kernels);
    return [name === OWN_NUMBERS ? [...names, name] : names, name];
  });
  return joinParts("cb-bar", kernel, stepping);
}

// The picture with the window on it.
function createInput({ read, stepping }) {
  const windowAt = () => windowOf(read());
  const options = { windowAt, moveTo: stepping.moveTo };
  const { element, pixels, place, note } = createPicturePanel("input", "Picture", options);
  const paint = remember((picture) => pixels.paint(picturePixels(picture), picture));
  return {
    element,
    update(now) {
      const { picture } = now;
      const { row, column, height, width } = windowOf(now);
      paint(picture);
      pixels.place(windowOf(now));
      pixels.describe(`Picture of ${picture.height} rows and ${picture.width} columns; arrow keys move the window`);
      setText(note, `${picture.height} × ${picture.width} × ${picture.channels}`);
      setText(place, `image[${row}:${row + height}, ${column}:${column + width}]`);
    },
  };
}

function windowOf({ row, column, weights }) {
  return { row, column, height: weights.length, width: weights[0].length };
}

// Patch × kernel = products, channel by channel, and the sum of it all.
function createArithmetic(frame, state) {
  const list = h("div", { class: "cb-channels" });
  const terms = h("div", { class: "cb-flow cb-sum" });
  const panel = createPanel("arithmetic", "One window", h("div", { class: "cb-work" }, list, terms));
  const bias = createNumberField("bias", (value) => frame.set({ bias: value }));
  const result = h("span", { class: "cb-result" });
  const resultName = h("code", {});
  const edit = (channel, i, j, value) => {
    const kernel = structuredClone(state.read().weights);
    kernel[i][j][channel] = value;
    frame.set({ kernel });
  };
  const build = remember((channelCount) => {
    const names = channelCount === 3 ? ["red", "green", "blue"] : [""];
    const channels = names.map((name, channel) => createChannel(name, (i, j, value) => edit(channel, i, j, value)));
    const sums = channels.map((channel) => createCaptioned(channel.sumName, channel.sum));
    const added = [...sums.slice(1), createCaptioned("bias", bias)].map((term) => signed("+", term));
    list.replaceChildren(...channels.map(({ element }) => element));
    terms.replaceChildren(sums[0], ...added, signed("=", createCaptioned(resultName, result)));
    return channels;
  });
  return {
    element: panel.element,
    update(now) {
      const channels = oneWindow(now.picture, now.weights, now.row, now.column);
      const scales = { weight: largest(channels, "weights"), product: largest(channels, "products") };
      const parts = build(channels.length);
      channels.forEach((channel, n) => parts[n].update(channel, now.picture.white, scales, frame.theme));
      const count = now.weights.flat(2).length;
      setText(panel.note, count === 1 ? "1 product" : `${count} products, one sum`);
      bias.update(now.bias);
      setText(resultName, `response[${now.row}, ${now.column}]`);
      setText(result, formatNumber(now.value));
    },
  };
}

// The size of the largest number in the tables of this kind, in all channels.
function largest(channels, kind) {
  return Math.max(...channels.flatMap((channel) => channel[kind].flat()).map(Math.abs)) || 1;
}

// One channel's patch × kernel = products.
function createChannel(name, onEdit) {
  const patch = createNumberGrid(name ? `${name} patch` : "patch");
  const weights = createNumberGrid(name ? `kernel for ${name}` : "kernel", { onEdit, format: formatWeight });
  const products = createNumberGrid(name ? `${name} products` : "products");
  const sum = h("span", { class: "cb-channel-sum" });
  const patchPart = createCaptioned(name || "patch", patch);
  const factors = [patchPart, sign("×"), createCaptioned("kernel", weights)];
  return {
    element: h("div", { class: "cb-flow cb-channel" }, ...factors, sign("="), createCaptioned("products", products)),
    sum,
    sumName: name || "sum",
    update(channel, white, scales, theme) {
      const tint = (scale) => (value) => divergingColor((0.6 * value) / scale, theme);
      patch.update(channel.patch, (value) => shade(name, (value * 255) / white));
      weights.update(channel.weights, tint(scales.weight));
      products.update(channel.products, tint(scales.product));
      setText(sum, formatNumber(channel.sum));
    },
  };
}

function signed(text, term) {
  return h("div", { class: "cb-flow cb-signed" }, sign(text), term);
}

function sign(text) {
  return h("span", { class: "cb-sign" }, text);
}

// A pixel's value as a shade of its channel's own colour.
function shade(name, level) {
  return ["red", "green", "blue"].map((part) => (name === "" || name === part ? Math.round(level) : 0));
}

// The response map, as far as the window has been, with the range of its colours.
function createOutput(frame, { read, stepping }) {
  const legend = createLegend();
  const options = { windowAt: read, moveTo: stepping.moveTo, byKeyboard: false };
  const { element, pixels, place, hint, note } = createPicturePanel("output", "Response map", options, legend);
  const colorsOf = remember(responseColors);
  const paint = remember((colors, response) => pixels.paint(colorPixels(colors), response));
  return {
    element,
    update({ picture, weights, response, row, column, range, visited, isComplete }) {
      const { height, width, values } = response;
      const colors = colorsOf(response, range.scale, frame.theme);
      paint(isComplete ? colors : colors.map((color, cell) => visited.has(cell) && color), response);
      pixels.place({ row, column });
      const shown = isComplete ? "complete" : `${visited.size} of ${values.length} windows`;
      pixels.describe(`Response map of ${height} rows and ${width} columns, ${describeRange(range)}, ${shown}`);
      setVariables(element, { share: width / picture.width, columns: width, tallest: picture.height });
      legend.update(range.scale, frame.theme);
      setText(note, `${height} × ${width}`);
      setText(place, `response[${row}, ${column}]`);
      const rules = [
        `${picture.height} − ${weights.length} + 1 = ${height} rows`,
        `${picture.width} − ${weights[0].length} + 1 = ${width} columns`,
      ];
      setText(hint, rules.join(", "));
    },
  };
}

function describeRange({ smallest, largest }) {
  return `from ${formatNumber(smallest)} to ${formatNumber(largest)}`;
}

function responseRange({ values }) {
  let [smallest, largest] = [values[0], values[0]];
  for (const value of values) {
    smallest = Math.min(smallest, value);
    largest = Math.max(largest, value);
  }
  return { smallest, largest, scale: Math.max(-smallest, largest) || 1 };
}
