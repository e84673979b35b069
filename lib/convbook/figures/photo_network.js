// A trained network in the page, run forward on a photo: a classifier as convbook.backbones.photo_network packs it.
// Nothing leaves the page. A network is asked for when a figure calls `load`, once for all figures of the page, and works
// in a worker of its own, one photo after the other.

// ---- the mathematics: pure functions, tested against Keras ---------------------------------------------------------

// All of it in one function that uses nothing from outside, since its text is what the worker runs. A map is
// { height, width, channels, values }, row by row, channels last.
export function createPhotoMath() {
  const LARGEST = { relu: Infinity, relu6: 6 }; // what these activations let through
  const SHOWN = 8; // channels of each stage
  const FORMAT = 2;
  const [FIRST_LETTER, BITS] = [0x3400, 15];

  // The bytes that a script holds as letters of 15 bits.
  function readLetters([count, text]) {
    const bytes = new Uint8Array(count);
    let [held, bits, next] = [0, 0, 0];
    for (let n = 0; n < text.length; n++) {
      held = (held << BITS) | (text.charCodeAt(n) - FIRST_LETTER);
      for (bits += BITS; bits >= 8 && next < count; bits -= 8) bytes[next++] = held >> (bits - 8);
      held &= (1 << bits) - 1;
    }
    return bytes;
  }

  // The network from its packed bytes, the weights as 32-bit floats, an output channel's side by side.
  async function unpack(packed) {
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const buffer = await new Response(stream).arrayBuffer();
    const length = new Uint32Array(buffer, 0, 1)[0];
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    if (header.format !== FORMAT) throw new Error(`format ${header.format}`);
    const sizeOf = ({ shape }) => shape.reduce((product, side) => product * side);
    let at = 4 + length;
    const take = (count) => new Float32Array(buffer, (at += 4 * count) - 4 * count, count);
    const numbers = header.layers.map(({ shape }) => [take(shape.at(-1)), take(shape.at(-1))]);
    const layers = header.layers.map((layer, n) => {
      const whole = new Int8Array(buffer, (at += sizeOf(layer)) - sizeOf(layer), sizeOf(layer));
      const [[scales, bias], filters] = [numbers[n], layer.shape.at(-1)];
      const [weights, taps] = [new Float32Array(whole.length), whole.length / filters];
      const turns = layer.kind !== "depthwise";
      whole.forEach((value, i) => {
        const [tap, filter] = [Math.floor(i / filters), i % filters];
        weights[turns ? filter * taps + tap : i] = value * scales[filter];
      });
      return { ...layer, filters, weights, bias };
    });
    return { ...header, classifier: layers.pop(), layers };
  }

  // A photo's bytes, red, green, blue and opacity, as a square of `size` px: by bilinear interpolation between
  // neighbouring pixels, without cropping, rounded to whole numbers, ties to even ones. So the chapters feed pictures.
  function scalePhoto({ height, width, data }, size) {
    const axis = (length) => Array.from({ length: size }, (_, n) => {
      const at = Math.max(0, ((n + 0.5) * length) / size - 0.5);
      const low = Math.min(Math.floor(at), length - 1);
      return [low, Math.min(low + 1, length - 1), at - low];
    });
    const [rows, columns, values] = [axis(height), axis(width), new Float32Array(size * size * 3)];
    const blend = (start, end, share) => start + (end - start) * share;
    rows.forEach(([top, bottom, down], row) => columns.forEach(([left, right, across], column) => {
      for (let part = 0; part < 3; part++) {
        const at = (line, place) => data[4 * (line * width + place) + part];
        const above = blend(at(top, left), at(top, right), across);
        const below = blend(at(bottom, left), at(bottom, right), across);
        values[(row * size + column) * 3 + part] = roundToEven(blend(above, below, down));
      }
    }));
    return { height: size, width: size, channels: 3, values };
  }

  function roundToEven(x) {
    const nearest = Math.round(x);
    return x % 1 === 0.5 && nearest % 2 ? nearest - 1 : nearest;
  }

  // All layers up to the last map. Of what is in between, only what is added later or shown stays in memory.
  function runLayers({ scale, offset, layers, stages }, picture) {
    const kept = new Set([...layers.map(({ add }) => add), ...stages.map(({ layer }) => layer)]);
    const outputs = [];
    let map = { ...picture, values: picture.values.map((value) => value * scale + offset) };
    layers.forEach((layer, n) => {
      map = layer.kind === "depthwise" ? convolveEach(layer, map) : convolveAll(layer, map);
      if (layer.add !== null) {
        const { values } = outputs[layer.add];
        for (let i = 0; i < values.length; i++) map.values[i] += values[i];
      }
      if (layer.pool > 1) map = poolMax(layer.pool, map);
      if (kept.has(n)) outputs[n] = map;
    });
    return { last: map, outputs };
  }

  const countWindows = (side, { shape: [span], stride, padding }) => Math.floor((side + 2 * padding - span) / stride) + 1;

  // A convolution of all channels together: the windows as rows of a matrix, times the weights.
  function convolveAll(layer, input) {
    const [height, width] = [countWindows(input.height, layer), countWindows(input.width, layer)];
    const { shape: [span], filters, stride, padding } = layer;
    const windows = span === 1 && stride === 1 ? input.values : listWindows(layer, input, height, width);
    const values = multiply(windows, height * width, layer);
    return { height, width, channels: filters, values };
  }

  function listWindows({ shape: [span], stride, padding }, { height, width, channels, values }, rows, columns) {
    const windows = new Float32Array(rows * columns * span * span * channels);
    let to = 0;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        for (let i = row * stride - padding; i < row * stride - padding + span; i++) {
          for (let j = column * stride - padding; j < column * stride - padding + span; j++, to += channels) {
            if (i < 0 || i >= height || j < 0 || j >= width) continue;
            const from = (i * width + j) * channels;
            for (let channel = 0; channel < channels; channel++) windows[to + channel] = values[from + channel];
          }
        }
      }
    }
    return windows;
  }

  // `rows` rows of numbers times the weights of each filter, plus the bias. Four rows by four filters at a time: each
  // number that is read is used four times. At the ends a row or a filter is computed again.
  function multiply(x, rows, { weights: w, bias, filters, activation }) {
    const length = w.length / filters;
    const output = new Float32Array(rows * filters);
    for (let row = 0; row < rows; row += 4) {
      const [r1, r2, r3] = [row + 1, row + 2, row + 3].map((n) => Math.min(n, rows - 1));
      const [x0, x1, x2, x3] = [row * length, r1 * length, r2 * length, r3 * length];
      const [o0, o1, o2, o3] = [row * filters, r1 * filters, r2 * filters, r3 * filters];
      for (let f = 0; f < filters; f += 4) {
        const [f1, f2, f3] = [Math.min(f + 1, filters - 1), Math.min(f + 2, filters - 1), Math.min(f + 3, filters - 1)];
        const [w0, w1, w2, w3] = [f * length, f1 * length, f2 * length, f3 * length];
        let [a0, b0, c0, d0] = [bias[f], bias[f1], bias[f2], bias[f3]];
        let [a1, b1, c1, d1, a2, b2, c2, d2, a3, b3, c3, d3] = [a0, b0, c0, d0, a0, b0, c0, d0, a0, b0, c0, d0];
        for (let n = 0; n < length; n++) {
          const y0 = x[x0 + n], y1 = x[x1 + n], y2 = x[x2 + n], y3 = x[x3 + n];
          let weight = w[w0 + n];
          a0 += y0 * weight; a1 += y1 * weight; a2 += y2 * weight; a3 += y3 * weight;
          weight = w[w1 + n];
          b0 += y0 * weight; b1 += y1 * weight; b2 += y2 * weight; b3 += y3 * weight;
          weight = w[w2 + n];
          c0 += y0 * weight; c1 += y1 * weight; c2 += y2 * weight; c3 += y3 * weight;
          weight = w[w3 + n];
          d0 += y0 * weight; d1 += y1 * weight; d2 += y2 * weight; d3 += y3 * weight;
        }
        output[o0 + f] = a0; output[o0 + f1] = b0; output[o0 + f2] = c0; output[o0 + f3] = d0;
        output[o1 + f] = a1; output[o1 + f1] = b1; output[o1 + f2] = c1; output[o1 + f3] = d1;
        output[o2 + f] = a2; output[o2 + f1] = b2; output[o2 + f2] = c2; output[o2 + f3] = d2;
        output[o3 + f] = a3; output[o3 + f1] = b3; output[o3 + f2] = c3; output[o3 + f3] = d3;
      }
    }
    return clip(output, LARGEST[activation]);
  }

  // What an activation lets through; without one, all of it.
  function clip(values, largest) {
    for (let n = 0; n < values.length && largest; n++) {
      if (values[n] < 0) values[n] = 0;
      else if (values[n] > largest) values[n] = largest;
    }
    return values;
  }

  // The largest value of each window of `side` by `side` places, one window beside the other.
  function poolMax(side, { height, width, channels, values }) {
    const [rows, columns] = [height, width].map((length) => Math.floor(length / side));
    const output = new Float32Array(rows * columns * channels).fill(-Infinity);
    for (let row = 0; row < rows * side; row++) {
      for (let column = 0; column < columns * side; column++) {
        const from = (row * width + column) * channels;
        const to = (Math.floor(row / side) * columns + Math.floor(column / side)) * channels;
        for (let c = 0; c < channels; c++) output[to + c] = Math.max(output[to + c], values[from + c]);
      }
    }
    return { height: rows, width: columns, channels, values: output };
  }

  // A depthwise convolution, of each channel by itself.
  function convolveEach(layer, { height, width, channels, values }) {
    const { shape: [span], stride, padding, weights, bias, activation } = layer;
    const [rows, columns] = [countWindows(height, layer), countWindows(width, layer)];
    const output = new Float32Array(rows * columns * channels);
    for (let row = 0, to = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, to += channels) {
        for (let channel = 0; channel < channels; channel++) output[to + channel] = bias[channel];
        const [top, left] = [row * stride - padding, column * stride - padding];
        for (let i = Math.max(0, -top); i < Math.min(span, height - top); i++) {
          for (let j = Math.max(0, -left); j < Math.min(span, width - left); j++) {
            const [from, tap] = [((top + i) * width + left + j) * channels, (i * span + j) * channels];
            for (let c = 0; c < channels; c++) output[to + c] += values[from + c] * weights[tap + c];
          }
        }
      }
    }
    return { height: rows, width: columns, channels, values: clip(output, LARGEST[activation]) };
  }

  // The mean of each channel.
  function average({ height, width, channels, values }) {
    const sums = new Float64Array(channels);
    for (let n = 0; n < values.length; n++) sums[n % channels] += values[n];
    return Float32Array.from(sums, (sum) => sum / (height * width));
  }

  function softmax(scores) {
    const largest = Math.max(...scores);
    const powers = Float64Array.from(scores, (score) => Math.exp(score - largest));
    const sum = powers.reduce((total, power) => total + power);
    return Float32Array.from(powers, (power) => power / sum);
  }

  // Where a class has its score from: at each place of the last map the sum of its channels, each times its weight for
  // the class, plus the class's bias. The mean of these numbers is the score, which makes this map exact (B. Zhou et
  // al., Learning Deep Features for Discriminative Localization, CVPR 2016).
  function classMap({ classifier: { weights, bias } }, { height, width, channels, values }, number) {
    return Float32Array.from({ length: height * width }, (_, place) => {
      let sum = bias[number];
      for (let c = 0; c < channels; c++) sum += values[place * channels + c] * weights[number * channels + c];
      return sum;
    });
  }

  // The channels of a map whose values differ most from place to place, most first, each row by row.
  function mostVaried({ height, width, channels, values }) {
    const [places, sums, squares] = [height * width, new Float64Array(channels), new Float64Array(channels)];
    values.forEach((value, n) => {
      sums[n % channels] += value;
      squares[n % channels] += value * value;
    });
    const spread = Array.from(sums, (sum, channel) => squares[channel] / places - (sum / places) ** 2);
    const numbers = spread.map((_, channel) => channel).sort((a, b) => spread[b] - spread[a]).slice(0, SHOWN);
    const mapOf = (channel) => Float32Array.from({ length: places }, (_, place) => values[place * channels + channel]);
    return { height, width, channels, numbers, maps: numbers.map(mapOf) };
  }

  // All that is to be known of a picture with values from 0 to 255, { height, width, channels: 3, values }.
  function look(network, picture) {
    const { last, outputs } = runLayers(network, picture);
    const features = average(last);
    const probabilities = softmax(multiply(features, 1, network.classifier));
    const stages = network.stages.map(({ title, layer }) => ({ title, ...mostVaried(outputs[layer]) }));
    return { features, probabilities, last, stages };
  }

  // The probability of a class when a part of a picture is covered with its mean colour: one number for each cell of a
  // row of a grid of `cells` by `cells`, covered together with the cells around it (M. D. Zeiler and R. Fergus,
  // Visualizing and Understanding Convolutional Networks, ECCV 2014).
  function cover(network, picture, number, cells, row) {
    const [{ height, width, values }, mean] = [picture, average(picture)];
    const edge = (n, length) => Math.round((Math.max(0, Math.min(cells, n)) * length) / cells);
    return Array.from({ length: cells }, (_, column) => {
      const covered = values.slice();
      for (let i = edge(row - 1, height); i < edge(row + 2, height); i++) {
        for (let j = edge(column - 1, width); j < edge(column + 2, width); j++) covered.set(mean, (i * width + j) * 3);
      }
      return look(network, { ...picture, values: covered }).probabilities[number];
    });
  }

  return { readLetters, unpack, scalePhoto, runLayers, look, classMap, cover };
}

// What the worker does, each with what `ask` sends; `network` is what it has loaded.
function serve(math) {
  let network = null;
  const tasks = {
    async load({ packed, letters }) {
      network = await math.unpack(packed ?? math.readLetters(letters));
      return { names: network.names };
    },
    look({ photo, size }) {
      const start = performance.now();
      const found = math.look(network, math.scalePhoto(photo, size));
      return { ...found, milliseconds: performance.now() - start };
    },
    locate: ({ last, classes }) => classes.map((number) => math.classMap(network, last, number)),
    cover: ({ photo, size, rest }) => math.cover(network, math.scalePhoto(photo, size), ...rest),
  };
  let before = Promise.resolve();
  onmessage = ({ data: { id, task, ...given } }) => {
    before = before.then(() => tasks[task](given)).then(
      (result) => postMessage({ id, result }),
      (error) => postMessage({ id, error: String(error) }),
    );
  };
}

// ---- the network that all figures of the page share ----------------------------------------------------------------

// The networks that there are, by the names of their files in the site's _static, and the megabytes of these.
export const FILES_MB = { efficientnet_lite0: 4.7, cats_and_dogs: 0.23 };
const [BASE, VARIABLE, MESSAGE] = ["efficientnet_lite0", "convbookPhotoNetwork", "photo network"];
const [PATIENCE_MS, KERNEL_PATIENCE_MS] = [60_000, 120_000];
const TROUBLE = {
  missing: (file) => `The file of the network, ${file}, cannot be loaded; check that you are connected, and try again.`,
  broken: "The file of the network is cut off or of another version of the book; reload the page, and try again.",
  stopped: "The network has stopped, maybe for lack of memory; try again, and it is loaded anew.",
  kernel: "The kernel does not send the network; see that it runs and is idle, and try again.",
};
const sharedNetworks = (globalThis[Symbol.for("convbook photo networks")] ??= {});

// `frame` is the figure's. `load(onProgress)` asks for the network, unless that has been done, and tells `onProgress` a
// share of 0…1; it gives { names }, those of the classes. `look(photo, size)` runs a photo, { height, width, data } with
// four bytes a pixel, as a square of `size` px, and gives { features, probabilities, last, stages, milliseconds };
// `locate(last, classes)` gives a map for each of these classes, row by row; `cover(photo, size, number, cells, row)` the
// probabilities of a class with parts of the photo covered. An error's message is a sentence for the reader; `load` may be
// called again then. `isLoaded()` says whether photos can be looked at without waiting for it.
export function createPhotoNetwork({ model, onRemove }, name = BASE) {
  const shared = (sharedNetworks[name] ??= { name, users: 0, loading: null, listeners: new Set() });
  shared.users++;
  onRemove(() => {
    if (--shared.users === 0) stop(shared.worker);
  });
  return {
    isLoaded: () => shared.worker !== undefined,
    async load(onProgress = () => {}) {
      shared.listeners.add(onProgress);
      shared.loading ??= start(model, shared).catch((error) => {
        shared.loading = null;
        throw error;
      });
      try {
        return await shared.loading;
      } finally {
        shared.listeners.delete(onProgress);
      }
    },
    look: (photo, size) => ask(shared.worker, "look", { photo, size }),
    locate: (last, classes) => ask(shared.worker, "locate", { last, classes }),
    cover: (photo, size, ...rest) => ask(shared.worker, "cover", { photo, size, rest }),
  };
}

async function start(model, shared) {
  const tellAll = (share) => shared.listeners.forEach((tell) => tell(share));
  const given = await (model.send ? receive : fetchScript)(shared.name, tellAll, model);
  const source = `(${serve})((${createPhotoMath})())`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = Object.assign(new Worker(url), { shared, waiting: new Map(), count: 0 });
  worker.onmessage = ({ data: { id, result, error } }) => {
    const { resolve, reject } = worker.waiting.get(id) ?? {};
    if (error) reject?.(new Error(error));
    else resolve?.(result);
  };
  worker.onerror = () => stop(worker);
  try {
    const loaded = await ask(worker, "load", given);
    shared.worker = worker;
    tellAll(1);
    return loaded;
  } catch (error) {
    stop(worker);
    throw error.message === TROUBLE.stopped ? error : new Error(TROUBLE.broken);
  } finally {
    URL.revokeObjectURL(url);
  }
}

// Ends a worker; who waits for it is told so. The next `load` starts anew.
function stop(worker) {
  if (!worker) return;
  const { shared, waiting } = worker;
  if (shared.worker === worker) Object.assign(shared, { worker: undefined, loading: null });
  worker.terminate();
  waiting.forEach(({ reject }) => reject(new Error(TROUBLE.stopped)));
}

function ask(worker, task, given) {
  if (!worker) return Promise.reject(new Error(TROUBLE.stopped));
  const id = worker.count++;
  const answer = new Promise((resolve, reject) => worker.waiting.set(id, { resolve, reject }));
  const timer = setTimeout(stop, PATIENCE_MS * worker.waiting.size, worker);
  worker.postMessage({ id, task, ...given });
  return answer.finally(() => {
    clearTimeout(timer);
    worker.waiting.delete(id);
  });
}

// From the page's own site: with progress from a server, as a script from a folder, where nothing else can be read.
async function fetchScript(name, tell) {
  const file = `${name}.js`;
  const address = `${document.documentElement.dataset.content_root ?? ""}_static/${file}`;
  const fail = () => {
    throw new Error(TROUBLE.missing(file));
  };
  const text = location.protocol === "file:" ? null : await fetchText(address, FILES_MB[name], tell).catch(fail);
  if (text === null) {
    await runScript(address).catch(fail);
    const letters = globalThis[VARIABLE];
    delete globalThis[VARIABLE];
    if (!letters) throw new Error(TROUBLE.broken);
    return { letters };
  }
  try {
    return { letters: JSON.parse(text.slice(text.indexOf("[", text.indexOf("=")), text.lastIndexOf("]") + 1)) };
  } catch {
    throw new Error(TROUBLE.broken);
  }
}

async function fetchText(address, megabytes, tell) {
  const [parts, response] = [[], await fetch(address, { cache: "no-cache" })]; // may be another one by now
  if (!response.ok) throw new Error(response.statusText);
  let bytes = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    tell(Math.min(0.99, (bytes += value.length) / (megabytes * 1e6)));
  }
  return new TextDecoder("utf-16le").decode(await new Blob(parts).arrayBuffer());
}

function runScript(src) {
  const script = Object.assign(document.createElement("script"), { src });
  const loaded = new Promise((resolve, reject) => Object.assign(script, { onload: resolve, onerror: reject }));
  document.head.append(script);
  return loaded.finally(() => script.remove());
}

// From the kernel, in pieces, by the widget's own channel; see photo_network.py of the figures.
function receive(name, tell, model) {
  const pieces = [];
  return new Promise((resolve, reject) => {
    const onMessage = ({ kind, name: found, piece, of, error }, buffers) => {
      if (kind !== MESSAGE || found !== name) return;
      if (error) return finish(reject, new Error(error));
      pieces[piece] = buffers[0];
      const got = pieces.filter(Boolean).length;
      tell(Math.min(0.99, got / of));
      if (got === of) finish(resolve, new Blob(pieces).arrayBuffer().then((packed) => ({ packed })));
    };
    const finish = (settle, value) => {
      clearTimeout(timer);
      model.off("msg:custom", onMessage);
      settle(value);
    };
    const timer = setTimeout(() => finish(reject, new Error(TROUBLE.kernel)), KERNEL_PATIENCE_MS);
    model.on("msg:custom", onMessage);
    model.send({ kind: MESSAGE, name });
  });
}
