// What the receptive field figure computes and says: what one output of a stack of layers sees.

import { clampIndex, fitWindows, formatNumber } from "./base.js";

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

// How far the windows of all layers hang over the picture at both ends.
export function overhang(steps, pixels) {
  const before = steps.map(({ start }) => -start);
  const after = steps.map(({ start, jump, window, outputs }) => start + (outputs - 1) * jump + window - pixels);
  return [Math.max(0, ...before), Math.max(0, ...after)];
}

// Where the cell of an output begins along the picture, in pixels: each cell lies in the middle of what it sees, and is
// as long as the step to the next one.
export function cellStart({ start, jump, window }, index) {
  return start + index * jump + (window - jump) / 2;
}

// What one output of layer `depth` sees along one axis: its window, the ways to it, and the cone that leads to it.
export function seeAlong(steps, layers, depth, index) {
  const [step, pixels] = [steps[depth - 1], steps[0].inputs];
  const first = step.start + index * step.jump;
  const [ways, cone] = [countWays, spreadCone].map((compute) => compute(steps, layers, depth, index));
  return { ...step, pixels, index, first, ways, cone };
}

// From where to where, in pixels of the picture, the output's cone reaches on the picture and in each layer up to it.
function spreadCone(steps, layers, depth, index) {
  const cone = [];
  let [first, end] = [index, index + 1];
  for (let n = depth - 1; n >= 0; n--) {
    const [step, { stride, span }] = [steps[n], geometryOf(layers[n])];
    cone.unshift([cellStart(step, first), cellStart(step, end)]);
    [first, end] = [first * stride - step.before, (end - 1) * stride - step.before + span];
  }
  return [[first, end], ...cone];
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

// The output whose window has its middle nearest to this pixel.
export function nearestOutput({ outputs, start, jump, window }, pixel) {
  return clampIndex(Math.round((pixel - start - (window - 1) / 2) / jump), outputs);
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
  const [{ window }, whole] = [sides[0], sides.map(({ pixels }) => pixels).join(" × ")];
  const pixels = window === 1 ? "1 × 1 pixel" : `${window} × ${window} pixels`;
  return `Output row ${row}, column ${column} of layer ${depth} sees ${pixels} of the picture's ${whole}.`;
}

// Where the window lies, how many pixels the output reads, why not the whole window, and by how many ways.
export function writeReading(sides) {
  const [rows, columns] = sides.map(({ first, window }) => {
    return `${formatNumber(first)} to ${formatNumber(first + window - 1)}`;
  });
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
  const place = `The window: rows ${rows}, columns ${columns}.`;
  return `${place} The output reads ${read} of ${whole} pixels${why}. From each, ${lead} through the layers to it.`;
}

export function writeWeights(layers) {
  const parts = layers.flatMap((layer) => (layer.kernel_size ? [layer.kernel_size ** 2] : []));
  const sum = parts.reduce((total, part) => total + part, 0);
  const total = parts.length > 1 ? `${parts.join(" + ")} = ${sum}` : sum;
  return `Weights for each pair of input channel and filter: ${total}.`;
}
