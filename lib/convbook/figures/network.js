// Small trained nets in the page: a net as convbook.digit_nets packs it, run forward.
// Pure functions, tested against Keras. A map is { height, width, channels, values }, row by row, channels last.

// ---- packed nets ---------------------------------------------------------------------------------------------------

// The net with its numbers unpacked; every function below takes it.
export function unpackNet({ name, input_shape: inputShape, layers }) {
  return { name, inputShape, layers: layers.map(unpackLayer) };
}

function unpackLayer(layer) {
  if (!(layer.kind in LAYER_KINDS)) throw new Error(`A net cannot have a layer of the kind ${layer.kind}.`);
  if (!layer.kernel) return layer;
  const { shape, values, scales } = layer.kernel;
  const [whole, scale] = [new Int8Array(unpackBytes(values)), new Float32Array(unpackBytes(scales))];
  const weights = Float32Array.from(whole, (value, n) => value * scale[n % scale.length]); // filters lie innermost
  return { ...layer, shape, weights, bias: new Float32Array(unpackBytes(layer.bias)) };
}

function unpackBytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}

// A dark square picture with the digit's first pixel at this place.
export function placeDigit(digit, row, column, side) {
  const values = new Uint8Array(side * side);
  for (let i = 0; i < digit.height; i++) {
    values.set(digit.values.subarray(i * digit.width, (i + 1) * digit.width), (row + i) * side + column);
  }
  return { height: side, width: side, channels: 1, values };
}

// ---- forward -------------------------------------------------------------------------------------------------------

// The maps of a picture with values from 0 to 255: the picture itself, then the output of each layer. A Dense layer's
// output is one pixel with a channel for each unit. `until` stops after so many layers.
export function runNet(net, picture, until = net.layers.length) {
  const maps = [picture];
  for (const layer of net.layers.slice(0, until)) maps.push(LAYER_KINDS[layer.kind](layer, maps.at(-1)));
  return maps;
}

// The probabilities of the classes.
export function predict(net, picture) {
  return runNet(net, picture).at(-1).values;
}

function emptyMap(height, width, channels) {
  return { height, width, channels, values: new Float32Array(height * width * channels) };
}

function rescale(layer, input) {
  const output = emptyMap(input.height, input.width, input.channels);
  for (let n = 0; n < output.values.length; n++) output.values[n] = input.values[n] * layer.scale;
  return output;
}

// Sums up in full precision and keeps single precision, as Keras's maps have. Much of what ReLU gives is zero, and most
// of a canvas is dark: zeros cost nothing, and a window that holds the same as the one before it gives the same.
function convolveMap({ shape: [rows, columns, channels, filters], weights, bias, activation }, input) {
  const output = emptyMap(input.height - rows + 1, input.width - columns + 1, filters);
  const [sums, isRelu] = [new Float64Array(filters), activation === "relu"];
  for (let row = 0, place = 0; row < output.height; row++) {
    for (let column = 0; column < output.width; column++, place += filters) {
      if (column > 0 && isLikeTheLast(input, row, column, rows, columns)) {
        output.values.copyWithin(place, place - filters, place);
        continue;
      }
      sums.set(bias);
      for (let i = 0, tap = 0; i < rows; i++) {
        const start = ((row + i) * input.width + column) * channels; // a row of the window lies in one piece
        for (let n = start; n < start + columns * channels; n++, tap += filters) {
          const value = input.values[n];
          if (value !== 0) for (let f = 0; f < filters; f++) sums[f] += value * weights[tap + f];
        }
      }
      for (let f = 0; f < filters; f++) output.values[place + f] = isRelu && sums[f] < 0 ? 0 : sums[f];
    }
  }
  return output;
}

function isLikeTheLast({ width, channels, values }, row, column, rows, columns) {
  for (let i = 0; i < rows; i++) {
    const start = ((row + i) * width + column) * channels;
    for (let n = start; n < start + columns * channels; n++) if (values[n] !== values[n - channels]) return false;
  }
  return true;
}

function poolMap({ size }, input) {
  const { channels } = input;
  const output = emptyMap(Math.floor(input.height / size), Math.floor(input.width / size), channels);
  for (let row = 0, to = 0; row < output.height; row++) {
    for (let column = 0; column < output.width; column++) {
      for (let channel = 0; channel < channels; channel++, to++) {
        let from = (row * size * input.width + column * size) * channels + channel;
        let largest = input.values[from];
        for (let i = 0; i < size; i++, from += (input.width - size) * channels) {
          for (let j = 0; j < size; j++, from += channels) largest = Math.max(largest, input.values[from]);
        }
        output.values[to] = largest;
      }
    }
  }
  return output;
}

function flattenMap(layer, input) {
  return { height: 1, width: 1, channels: input.values.length, values: input.values };
}

function averageMap(layer, input) {
  const output = emptyMap(1, 1, input.channels);
  const pixels = input.height * input.width;
  for (let channel = 0; channel < input.channels; channel++) {
    let sum = 0;
    for (let n = channel; n < input.values.length; n += input.channels) sum += input.values[n];
    output.values[channel] = sum / pixels;
  }
  return output;
}

function connectMap({ shape: [, units], weights, bias, activation }, input) {
  const sums = Float64Array.from(bias);
  input.values.forEach((value, n) => {
    if (value !== 0) for (let unit = 0; unit < units; unit++) sums[unit] += value * weights[n * units + unit];
  });
  const values = Float32Array.from(activation === "softmax" ? softmax(sums) : sums);
  if (activation === "relu") values.forEach((value, unit) => (values[unit] = Math.max(0, value)));
  return { height: 1, width: 1, channels: units, values };
}

function softmax(numbers) {
  const largest = Math.max(...numbers); // taken off first, so that no power is too large for a number
  const powers = numbers.map((number) => Math.exp(number - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

const LAYER_KINDS = {
  rescaling: rescale,
  conv: convolveMap,
  max_pool: poolMap,
  flatten: flattenMap,
  global_average: averageMap,
  dense: connectMap,
};
