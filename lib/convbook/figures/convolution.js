// The convolution figure: a window on a picture, patch × kernel = products, their sum, and the response map.

import {
  bind,
  clampIndex,
  colorPixels,
  convolve,
  createCaptioned,
  createCheckbox,
  createLegend,
  createNumberField,
  createNumberGrid,
  createPanel,
  createSelect,
  decodePicture,
  divergingColor,
  formatCell,
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
import { createButtonGroup, createPicturePanel, createPixelGrid, createStepping } from "./controls.js";
import { createLinks, drawZoom } from "./links.js";

const OWN_NUMBERS = "own numbers";
const SIDE = 3; // of every kernel
const FAINT = 0.45; // how opaque the map is where the window has not been

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

// The picture as the figure shows it: of three channels, or the grey one of their means, whole where they are bytes.
function readPicture(packed, channels) {
  const { values, ...picture } = decodePicture(packed);
  const shown = new values.constructor(picture.height * picture.width * channels);
  const mean = (start) => (values[start] + values[start + 1] + values[start + 2]) / 3;
  shown.forEach((_, n) => {
    if (picture.channels === 1) shown[n] = values[Math.floor(n / channels)];
    else shown[n] = channels === 1 ? mean(3 * n) : values[n];
  });
  return { ...picture, channels, values: shown };
}

// The names of the kernels for so many channels: a picture of one has no use for those that weigh them differently.
function namesFor(kernels, channels) {
  const isAlike = (name) => kernels[name].flat().every((pixel) => pixel.every((weight) => weight === pixel[0]));
  return Object.keys(kernels).filter((name) => channels > 1 || isAlike(name));
}

// A kernel's numbers [row][column][channel], and its name.
function readKernel(kernel, kernels, channels) {
  const numbersOf = (name) => kernels[name].map((row) => row.map((pixel) => pixel.slice(0, channels)));
  if (typeof kernel === "string") return { weights: numbersOf(kernel), name: kernel };
  const isSame = (name) => JSON.stringify(numbersOf(name)) === JSON.stringify(kernel);
  return { weights: kernel, name: namesFor(kernels, channels).find(isSame) ?? OWN_NUMBERS };
}

// A filter's map: the signed responses to a grey picture; of a picture in colour what bias and ReLU leave.
function respond(picture, weights, bias) {
  const response = convolve(picture, weights, bias);
  return picture.channels === 1 ? response : { ...response, values: response.values.map((sum) => Math.max(0, sum)) };
}

// The smallest and the largest number, and the size beyond which colours no longer differ: of fifty, one may be larger.
export function responseRange({ values }) {
  const [sorted, sizes] = [Float64Array.from(values).sort(), Float64Array.from(values, Math.abs).sort()];
  const last = sizes.length - 1;
  const scale = sizes[Math.ceil(0.98 * last)] || sizes[last] || 1;
  return { smallest: sorted[0], largest: sorted[last], scale, isCut: scale < sizes[last] };
}

// ---- the figure ----------------------------------------------------------------------------------------------------

const TRAITS = [
  ...["_names", "_pictures", "_kernels", "picture", "colors", "kernel"],
  ...["filters", "biases", "filter", "row", "column", "all_windows"],
];

export default liveFigure("convolution", TRAITS, (frame) => {
  const state = createState(frame);
  const [input, work, sums] = [createInput(frame, state), createWork(frame, state), createSums(frame, state)];
  const outputs = [0, 1].map((filter) => createOutput(frame, state, filter));
  const said = createSaid();
  const links = createOwnLinks(frame, input, work, sums, outputs);
  const panels = [input, joinParts("cb-outputs", ...outputs), sums, work, said, links];
  const update = frame.add(createControls(frame, state), joinParts("cb-panels", ...panels));

  return function draw() {
    const now = state.read();
    frame.el.dataset.channels = now.picture.channels;
    update(now);
    if (state.stepping.playing) return undefined;
    return `Window at row ${now.row}, column ${now.column}: response ${formatNumber(now.value)}.`;
  };
}, {
  task: ["Drag the window over the picture: each place gives one number of the map.", "Or use the arrow keys."],
  *check({ _pictures, _kernels, picture, kernel, filters, biases, row, column }) {
    if (!isIndex(picture, _pictures.length)) return yield "picture";
    const isKernel = (given, channels) => isNameOrNumbers(given, namesFor(_kernels, channels), channels);
    const isPair = (list, isOne) => Array.isArray(list) && list.length === 2 && list.every(isOne);
    if (!isKernel(kernel, 1)) yield "kernel";
    if (!isPair(filters, (given) => isKernel(given, 3))) yield "filters";
    if (!isPair(biases, Number.isFinite)) yield "biases";
    if (!isIndex(row, _pictures[picture].height - SIDE + 1)) yield "row";
    if (!isIndex(column, _pictures[picture].width - SIDE + 1)) yield "column";
  },
});

// Whether this is one of the names, or finite numbers [row][column][channel].
function isNameOrNumbers(kernel, names, channels) {
  if (typeof kernel === "string") return names.includes(kernel);
  const isList = (list, count, isOne) => Array.isArray(list) && list.length === count && list.every(isOne);
  return isList(kernel, SIDE, (row) => isList(row, SIDE, (pixel) => isList(pixel, channels, Number.isFinite)));
}

// The figure's state as its parts need it: the traits, what follows from them, and where the window has been.
function createState(frame) {
  const { model } = frame;
  const pictureOf = remember(readPicture);
  const filters = [0, 1].map(() => {
    const [kernelOf, mapOf, rangeOf] = [readKernel, respond, responseRange].map((compute) => remember(compute));
    return (picture, kernels, kernel, bias) => {
      const { weights, name } = kernelOf(kernel, kernels, picture.channels);
      const map = mapOf(picture, weights, bias);
      return { weights, name, bias, map, range: rangeOf(map) };
    };
  });
  const look = () => {
    const [packed, channels] = [model.get("_pictures"), model.get("colors") ? 3 : 1];
    const index = clampIndex(model.get("picture"), packed.length);
    return { index, picture: pictureOf(packed[index], channels) };
  };
  const stepping = createStepping(frame, {
    gridOf() {
      const { index, picture: { height, width } } = look();
      return { rows: height - SIDE + 1, columns: width - SIDE + 1, key: index };
    },
    pausesMs: [4, 200, 10_000],
  });
  const read = () => {
    const now = { ...look(), ...stepping.read() };
    const [kernels, isColor] = [model.get("_kernels"), now.picture.channels > 1];
    const chosen = isColor ? model.get("filters") : [model.get("kernel")];
    const biases = isColor ? model.get("biases") : [0];
    const all = chosen.map((kernel, n) => filters[n](now.picture, kernels, kernel, biases[n]));
    const filter = isColor ? clampIndex(model.get("filter"), all.length) : 0;
    const cell = now.row * now.columns + now.column;
    const window = oneWindow(now.picture, all[filter].weights, now.row, now.column);
    return { ...now, kernels, isColor, filters: all, filter, cell, window, value: all[filter].map.values[cell] };
  };
  // Puts another kernel in the place of one filter's.
  const setKernel = (filter, kernel) => {
    const { isColor } = read();
    const filters = model.get("filters").map((other, n) => (n === filter ? kernel : other));
    frame.set(isColor ? { filters } : { kernel });
  };
  return { read, stepping, setKernel };
}

function windowOf({ row, column }) {
  return { row, column, height: SIDE, width: SIDE };
}

// What happens now, in a sentence.
function createSaid() {
  const [words, place] = [h("span"), h("code", { class: "cb-place" })];
  return {
    element: h("p", { class: "cb-said cb-code" }, words, place, "."),
    update({ isColor, row, column, filter }) {
      const grey = "The sum of the nine products is one pixel of the map: ";
      const color = "27 products, three sums and a bias. What ReLU leaves is ";
      setText(words, isColor ? color : grey);
      setText(place, isColor ? `output[${row}, ${column}, ${filter}]` : `response[${row}, ${column}]`);
    },
  };
}

// One channel or three, and how the window walks.
function createControls({ set }, { stepping }) {
  const colors = bind(createCheckbox("RGB, two filters", (isOn) => set({ colors: isOn })), ({ isColor }) => [isColor]);
  return joinParts("cb-bar", colors, stepping);
}

// The picture with the window on it.
function createInput({ model, set }, { read, stepping }) {
  const panel = createPicturePanel("input", "Picture", { windowAt: () => windowOf(read()), moveTo: stepping.moveTo });
  const { element, pixels, place, hint, title } = panel;
  const choice = createSelect("Picture", (name) => set({ picture: model.get("_names").indexOf(name) }));
  title.after(joinParts("cb-terse", choice).element);
  const paint = remember((picture) => pixels.paint(picturePixels(picture), picture));
  return {
    element,
    update(now) {
      const { picture: { height, width, channels }, row, column } = now;
      const names = model.get("_names");
      choice.update(names, names[now.index], names.length === 1);
      paint(now.picture);
      pixels.place(windowOf(now));
      pixels.describe(`Picture of ${height} rows and ${width} columns; arrow keys move the window`);
      setText(hint, `${height} × ${width} × ${channels}`);
      setText(place, `image[${row}:${row + SIDE}, ${column}:${column + SIDE}]`);
    },
  };
}

// Patch × kernel = products, channel by channel; of two filters those of one.
function createWork(frame, { read, setKernel }) {
  const list = h("div", { class: "cb-channels" });
  const chosen = createButtonGroup("Filter in numbers", {
    className: "cb-buttons cb-colors",
    buttonClass: "cb-button",
    make: (n) => [`Filter ${n + 1}`],
    onPress: (filter) => frame.set({ filter }),
  });
  const edit = (channel, i, j, value) => {
    const { filters, filter } = read();
    const kernel = structuredClone(filters[filter].weights);
    kernel[i][j][channel] = value;
    setKernel(filter, kernel);
  };
  const build = remember((isColor) => {
    const names = isColor ? ["red", "green", "blue"] : [""];
    const channels = names.map((name, channel) => createChannel(name, (...place) => edit(channel, ...place)));
    list.replaceChildren(...channels.map(({ element }) => element));
    return channels;
  });
  return {
    element: h("div", { class: "cb-work" }, chosen, list),
    update({ isColor, filter, window, picture }) {
      const scales = { weight: largest(window, "weights"), product: largest(window, "products") };
      const channels = build(isColor);
      window.forEach((numbers, n) => channels[n].update(numbers, picture.white, scales, frame.theme));
      if (isColor) chosen.update(2, (n) => n === filter);
    },
  };
}

// The size of the largest number in the tables of this kind, in all channels.
function largest(window, kind) {
  return Math.max(...window.flatMap((channel) => channel[kind].flat()).map(Math.abs)) || 1;
}

// One channel's patch × kernel = products.
function createChannel(name, onEdit) {
  const patch = createNumberGrid(name ? `${name} patch` : "patch");
  const weights = createNumberGrid(name ? `kernel for ${name}` : "kernel", { onEdit, format: formatWeight });
  const products = createNumberGrid(name ? `${name} products` : "products");
  const parts = [createCaptioned(name || "patch", patch), createCaptioned("kernel", weights)];
  const sides = [parts[0], sign("×"), parts[1], sign("="), createCaptioned("products", products)];
  return {
    element: h("div", { class: "cb-channel" }, ...sides),
    update(channel, white, scales, theme) {
      const tint = (scale) => (value) => divergingColor((0.6 * value) / scale, theme);
      patch.update(channel.patch, (value) => shade(name, (value * 255) / white));
      weights.update(channel.weights, tint(scales.weight));
      products.update(channel.products, tint(scales.product));
    },
  };
}

function sign(text) {
  return h("span", { class: "cb-sign" }, text);
}

// A pixel's value as a shade of its channel's own colour.
function shade(name, level) {
  return ["red", "green", "blue"].map((part) => (name === "" || name === part ? Math.round(level) : 0));
}

// The sum of the products; of three channels the three sums, the bias, and what ReLU leaves.
function createSums({ model, set }, { read }) {
  const [result, total, name] = [h("b", { class: "cb-result" }), h("span"), h("span", { class: "cb-caption" })];
  const bias = createNumberField("bias", (value) => {
    const { filter } = read();
    set({ biases: model.get("biases").map((other, n) => (n === filter ? value : other)) });
  });
  const sums = ["red", "green", "blue"].map((color) => ({ color, part: h("span", { class: "cb-channel-sum" }) }));
  const terms = [...sums.map(({ color, part }) => [color, part]), ["bias", bias]];
  const added = terms.flatMap(([caption, part], n) => [...(n ? [sign("+")] : []), createCaptioned(caption, part)]);
  const colors = h("div", { class: "cb-colors" }, ...added, sign("="), createCaptioned("sum", total));
  const symbol = sign("");
  const end = h("div", { class: "cb-end" }, name, h("span", {}, symbol, result));
  return {
    element: h("div", { class: "cb-sums cb-panel" }, colors, end),
    end,
    update({ isColor, filters, filter, window, value }) {
      setText(name, isColor ? "ReLU" : "sum of the products");
      setText(symbol, isColor ? "→ " : "Σ = ");
      setText(result, formatNumber(value));
      if (!isColor) return;
      window.forEach(({ sum }, n) => setText(sums[n].part, formatCell(sum)));
      bias.update(filters[filter].bias);
      setText(total, formatCell(window.reduce((all, { sum }) => all + sum, filters[filter].bias)));
    },
  };
}

// A filter's map: faint, and in full where the window has been, with the range of its colours.
function createOutput(frame, { read, stepping, setKernel }, filter) {
  const moveTo = (...place) => {
    if (read().isColor) frame.set({ filter });
    stepping.moveTo(...place);
  };
  const legend = createLegend();
  const pixels = createPixelGrid({ windowAt: read, moveTo, byKeyboard: false });
  const { element, title, note } = createPanel("output", "", pixels, legend);
  const choice = createSelect("Kernel", (name) => name !== OWN_NUMBERS && setKernel(filter, name));
  note.after(joinParts("cb-terse", choice).element);
  const colorsOf = remember(responseColors);
  const paint = remember((bytes, map) => pixels.paint(bytes, map));
  return {
    element,
    update({ isColor, picture, kernels, filters, row, column, visited, isComplete, ...now }) {
      element.hidden = filter >= filters.length;
      if (element.hidden) return;
      const { name, map, range } = filters[filter];
      const names = namesFor(kernels, picture.channels);
      choice.update(name === OWN_NUMBERS ? [...names, name] : names, name);
      const bytes = colorPixels(colorsOf(map, range.scale, frame.theme));
      for (let cell = 0; cell < map.values.length && !isComplete; cell++) {
        if (!visited.has(cell)) bytes[4 * cell + 3] = 255 * FAINT;
      }
      paint(bytes, map);
      pixels.place({ row, column });
      element.classList.toggle("cb-chosen", filter === now.filter);
      const shown = isComplete ? "complete" : `${visited.size} of ${map.values.length} windows`;
      pixels.describe(`Map of ${map.height} rows and ${map.width} columns, ${describeRange(range)}, ${shown}`);
      setVariables(element, { share: map.width / picture.width, columns: map.width, tallest: picture.height });
      const write = (x) => `${range.isCut ? (x < 0 ? "≤ " : "≥ ") : ""}${formatCell(x)}`;
      legend.update(range.scale, frame.theme, { from: isColor ? 0 : -1, write });
      setText(title, isColor ? `Filter ${filter + 1}` : "Response map");
      setText(note, `${map.height} × ${map.width}`);
    },
  };
}

function describeRange({ smallest, largest }) {
  return `from ${formatNumber(smallest)} to ${formatNumber(largest)}`;
}

// ---- lines from the window to its patch, from the products to their sum, from there to the pixel of the map ---------

function createOwnLinks(frame, input, work, sums, outputs) {
  return createLinks(frame, ["cb-zoom", "cb-adding", "cb-writing"], (boxOf, { filter }) => {
    const find = (part, selector) => boxOf(...part.element.querySelectorAll(selector));
    const [patch, products] = ["first", "last"].map((n) => find(work, `.cb-part:${n}-child > .cb-grid`));
    const [end, map] = [boxOf(sums.end), find(outputs[filter], ".cb-pixels")];
    const writing = drawWriting(end, find(outputs[filter], ".cb-window"), map.left);
    return [drawZoom(find(input, ".cb-window"), patch), drawAdding(products, end), writing];
  });
}

// An arrow from the products to their sum, beside them, above or below.
function drawAdding(products, sum) {
  const y = (sum.top + sum.bottom) / 2;
  if (sum.left > products.right) return `M${products.right} ${y}H${sum.left - 2}m-6 -4l6 4l-6 4`;
  const [from, to] = y < products.top ? [products.top, sum.bottom] : [products.bottom, sum.top];
  const [near, back] = [products.right - 17, Math.sign(from - to) * 6];
  return `M${near} ${from}V${to}m-4 ${back}l4 ${-back}l4 ${back}`;
}

// An arrow from a sum to its pixel, on which it runs from the left, through the gap beside the map and its legend.
function drawWriting(sum, pixel, mapLeft) {
  const [gap, y] = [mapLeft - 30, (pixel.top + pixel.bottom) / 2];
  const [x0, y0] = sum.right < gap ? [sum.right, (sum.top + sum.bottom) / 2] : [sum.left, sum.top];
  return `M${x0} ${y0}C${gap} ${y0 - 12} ${gap} ${y} ${pixel.left - 4} ${y}m-6 -4l6 4l-6 4`;
}
