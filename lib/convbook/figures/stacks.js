// What the receptive field figure computes and says: what one output of a stack of layers sees.

import { clampIndex, fitWindows, formatCell, formatNumber } from "./base.js";

export const POOL_SIZE = 2;

// ---- the arithmetic: pure functions, tested against convbook.shapes and Keras --------------------------------------

// The numbers of a layer that decide what it reads: those of a pooling, too.
function geometryOf({ kernel_size: size = POOL_SIZE, strides: stride = POOL_SIZE, dilation_rate: dilation = 1 }) {
  return { size, stride, dilation, span: (size - 1) * dilation + 1 };
}

// One axis of a stack, layer by layer: how many outputs there are, the padding before the first, and which pixels of
// the picture output i sees: `window` of them from `start + i * jump`. Shorter than the stack if no window fits.
function planAxis(pixels, layers) {
  const steps = [];
  let [inputs, window, jump, start] = [pixels, 1, 1, 0];
  for (const layer of layers) {
    const { span, stride } = geometryOf(layer);
    const { outputs, before } = fitWindows(inputs, span, stride, layer.padding);
    if (outputs === 0) break;
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
  const axes = [height, width].map((pixels) => planAxis(pixels, layers));
  const count = Math.min(...axes.map((steps) => steps.length));
  return axes.map((steps) => steps.slice(0, count));
}

// What one output of layer `depth` sees along one axis: its window, those of the layers before, the ways to it, and how
// far the windows of all outputs of its layer hang over the picture at both ends.
export function seeAlong(steps, layers, depth, index) {
  const [step, pixels] = [steps[depth - 1], steps[0].inputs];
  const { start, jump, window, outputs } = step;
  const margins = [Math.max(0, -start), Math.max(0, start + (outputs - 1) * jump + window - pixels)];
  const ways = countWays(steps, layers, depth, index);
  const nested = nestWindows(steps, layers, depth, index);
  return { ...step, pixels, index, first: start + index * jump, margins, ways, nested };
}

// How many ways lead from each index of the picture and of each map to one output. Zeros of the padding are no part of
// a map: no way leads through them.
function countWays(steps, layers, depth, index) {
  const ways = [new Float64Array(steps[depth - 1].outputs)];
  ways[0][index] = 1;
  for (let n = depth - 1; n >= 0; n--) {
    const { size, stride, dilation } = geometryOf(layers[n]);
    const { inputs, before } = steps[n];
    const below = new Float64Array(inputs);
    ways[0].forEach((count, output) => {
      for (let entry = 0; count && entry < size; entry++) {
        const position = output * stride - before + entry * dilation;
        if (position >= 0 && position < inputs) below[position] += count;
      }
    });
    ways.unshift(below);
  }
  return ways;
}

// The first pixel and the size of the window of each layer up to `depth`; each but the last is the window of the output
// in the middle of what the next layer reads.
function nestWindows(steps, layers, depth, index) {
  const windows = [];
  for (let n = depth - 1; n >= 0; n--) {
    const [{ start, jump, window, before }, { stride, span }] = [steps[n], geometryOf(layers[n])];
    windows.unshift({ first: start + index * jump, size: window });
    index = index * stride - before + ((span - 1) >> 1);
  }
  return windows;
}

// The output whose window has its middle nearest to this pixel.
export function nearestOutput({ outputs, start, jump, window }, pixel) {
  return clampIndex(Math.round((pixel - start - (window - 1) / 2) / jump), outputs);
}

// The maps' values if every layer took the plain average of what it reads, zeros of the padding with it.
export function averageStack(picture, [rows, columns], layers, depth) {
  let map = picture;
  for (let n = 0; n < depth; n++) {
    map = averageAlong(averageAlong(map, rows[n], layers[n], true), columns[n], layers[n], false);
  }
  return map;
}

function averageAlong(map, { inputs, outputs, before }, layer, isDown) {
  const { channels, values } = map;
  const [height, width] = isDown ? [outputs, map.width] : [map.height, outputs];
  const averages = new Float32Array(height * width * channels);
  const { size, stride, dilation } = geometryOf(layer);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const to = (row * width + column) * channels;
      for (let entry = 0; entry < size; entry++) {
        const position = (isDown ? row : column) * stride - before + entry * dilation;
        if (position < 0 || position >= inputs) continue;
        const from = (isDown ? position * width + column : row * map.width + position) * channels;
        for (let n = 0; n < channels; n++) averages[to + n] += values[from + n] / size;
      }
    }
  }
  return { ...map, height, width, values: averages };
}

// The mean size of several gradients, pixel by pixel.
export function meanSize(gradients) {
  const values = new Float64Array(gradients[0].values.length);
  for (const gradient of gradients) {
    gradient.values.forEach((value, pixel) => (values[pixel] += Math.abs(value) / gradients.length));
  }
  return { ...gradients[0], values };
}

// ---- what is said --------------------------------------------------------------------------------------------------

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
  const [layer, { span }] = [layers[number], geometryOf(layers[number])];
  const shape = number ? `${rows[number - 1].outputs} × ${columns[number - 1].outputs}` : `${height} × ${width}`;
  const remedy = layer.pool_size ? "or remove a layer." : "remove a layer, or pad: same.";
  const reason = `Layer ${number + 1}: no window fits, it spans ${span} × ${span} and its input has ${shape}.`;
  return `${reason} Enlarge the picture, ${remedy}`;
}

// Which window one output has; `sides` are what it sees down and to the right, as seeAlong gives it.
export function writeWindow(sides, depth) {
  const [row, column] = sides.map(({ index }) => index);
  const [rows, columns] = sides.map(({ first, window }) => {
    return `${formatNumber(first)} to ${formatNumber(first + window - 1)}`;
  });
  const { window } = sides[0];
  const pixels = window === 1 ? "1 × 1 pixel" : `${window} × ${window} pixels`;
  return `Output row ${row}, column ${column} of layer ${depth} sees ${pixels}: rows ${rows}, columns ${columns}.`;
}

// How many pixels the output reads, why not the whole window, and by how many ways.
function writeReading(sides) {
  const product = (numberOf) => sides.map(numberOf).reduce((down, right) => down * right);
  const counts = sides.map(({ ways }) => ways[0].filter((count) => count > 0));
  const read = counts[0].length * counts[1].length;
  const inside = product(({ first, window, pixels }) => Math.min(first + window, pixels) - Math.max(first, 0));
  const reasons = [];
  if (inside < product(({ window }) => window)) reasons.push("what hangs over the border is padding");
  if (read < inside) reasons.push("of the rest it skips some");
  const why = reasons.length ? `; ${reasons.join(", and ")}` : "";
  const [fewest, most] = [Math.min, Math.max].map((choose) => choose(...counts[0]) * choose(...counts[1]));
  const range = fewest === most ? `${most} ways lead` : `${fewest} to ${most} ways lead`;
  const lead = most === 1 ? "1 way leads" : range;
  const whole = product(({ pixels }) => pixels);
  return `It reads ${read} of the picture's ${whole} pixels${why}. From each, ${lead} through the layers to it.`;
}

// Which window one output has, and by how many ways it sees it.
export function writeSeen(sides, depth) {
  return `${writeWindow(sides, depth)} ${writeReading(sides)}`;
}

const NO_GRADIENT =
  "The gradient is 0 everywhere: ReLU lets nothing through here. Choose another place or channel.";

// Where the gradient is not 0, and how much of it lies in the window's middle; `count` digits, if it is their mean.
export function writeGradient({ width, values }, [down, right], count) {
  const size = down.window;
  const edge = Math.floor(size / 4);
  const isWithin = (pixel, margin) => {
    const isIn = ({ first }, at) => at >= first + margin && at < first + size - margin;
    return isIn(down, Math.floor(pixel / width)) && isIn(right, pixel % width);
  };
  let [inside, outside, all, middle] = [0, 0, 0, 0];
  values.forEach((value, pixel) => {
    if (value === 0) return;
    if (isWithin(pixel, 0)) inside += 1;
    else outside += 1;
    all += Math.abs(value);
    if (isWithin(pixel, edge)) middle += Math.abs(value);
  });
  if (all === 0) return NO_GRADIENT;
  const start = count ? `Mean over ${count} digits: in` : "In";
  const pixels = `at ${inside} of ${size ** 2} pixels, outside at ${outside}`;
  const sentence = `${start} the window, the gradient is not 0 ${pixels}`;
  if (edge === 0) return `${sentence}.`;
  const side = size - 2 * edge;
  const [part, share] = [side ** 2 / size ** 2, middle / all].map((ratio) => formatCell(100 * ratio));
  return `${sentence}. The middle ${side} × ${side}, ${part} % of the window, hold ${share} % of its size.`;
}

export function writeWeights(layers) {
  const parts = layers.flatMap((layer) => (layer.kernel_size ? [layer.kernel_size ** 2] : []));
  const sum = parts.reduce((total, part) => total + part, 0);
  const total = parts.length > 1 ? `${parts.join(" + ")} = ${sum}` : sum;
  return `Weights for each pair of input channel and filter: ${total}.`;
}
