// The pooling figure: one response map made smaller by three methods, before and after the picture moved a little.

import {
  bind,
  clampIndex,
  convolve,
  createCaptioned,
  createLegend,
  createNumberGrid,
  createPanel,
  createSelect,
  decodePicture,
  divergingColor,
  fitWindows,
  formatCell,
  formatMove,
  formatNumber,
  h,
  joinParts,
  liveFigure,
  picturePixels,
  readableOn,
  remember,
  responsePixels,
  setText,
  setVariables,
} from "./base.js";
import { createMoves, createPicturePanel, createPixelGrid } from "./controls.js";

const METHODS = ["max pooling", "average pooling", "strided read"];
const LARGEST_MOVE = 2;
const ALMOST_ZERO = 1e-9; // what rounding leaves of a kernel's ninths is no change

// ---- the mathematics: pure functions, tested against convbook.operations ------------------------------------------

// The picture moved in its frame; what comes in at the border repeats the border.
export function movePicture(picture, down, right) {
  const { height, width, channels, values } = picture;
  const moved = values.slice();
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const from = (clampIndex(row - down, height) * width + clampIndex(column - right, width)) * channels;
      for (let n = 0; n < channels; n++) moved[(row * width + column) * channels + n] = values[from + n];
    }
  }
  return { ...picture, values: moved };
}

// The response map with ReLU behind it.
export function respond(picture, kernel) {
  const { height, width, values } = convolve(picture, kernel);
  return { height, width, values: values.map((value) => Math.max(0, value)) };
}

// Rows and columns of the pooled maps; 0 × 0 where no window fits.
function gridShape(map, poolSize, strides) {
  const [height, width] = [map.height, map.width].map((side) => fitWindows(side, poolSize, strides).outputs);
  return height && width ? { height, width } : { height: 0, width: 0 };
}

export function maxPool(map, poolSize, strides) {
  return pool(map, poolSize, strides, (largest, value) => (value > largest ? value : largest));
}

export function averagePool(map, poolSize, strides) {
  const sums = pool(map, poolSize, strides, (sum, value) => sum + value);
  return { ...sums, values: sums.values.map((sum) => sum / poolSize ** 2) };
}

// Joins the values of every window, two by two from 0: a map after ReLU holds nothing smaller. All moves are counted
// with it within one frame, so it makes no arrays on the way.
function pool(map, poolSize, strides, join) {
  const { height, width } = gridShape(map, poolSize, strides);
  const values = new Float64Array(height * width);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let joined = 0;
      for (let i = 0; i < poolSize; i++) {
        const start = (row * strides + i) * map.width + column * strides;
        for (let j = 0; j < poolSize; j++) joined = join(joined, map.values[start + j]);
      }
      values[row * width + column] = joined;
    }
  }
  return { height, width, values };
}

// The numbers of the window whose first value stands in this row and column: rows of numbers.
function windowOf(map, row, column, size) {
  return Array.from({ length: size }, (_, i) => {
    const start = (row + i) * map.width + column;
    return Array.from(map.values.subarray(start, start + size));
  });
}

// The first value of every `strides` rows and columns: what a convolution with these strides gives.
export function readEvery(map, strides) {
  const [height, width] = [Math.ceil(map.height / strides), Math.ceil(map.width / strides)];
  const values = new Float64Array(height * width);
  for (let row = 0; row < height; row++) {
    const start = row * strides * map.width;
    for (let column = 0; column < width; column++) values[row * width + column] = map.values[start + column * strides];
  }
  return { height, width, values };
}

// The three outputs in the order of METHODS; null for both poolings where no window fits.
export function downsample(map, poolSize, strides) {
  const fits = gridShape(map, poolSize, strides).height > 0;
  const pooled = [maxPool, averagePool].map((pool) => (fits ? pool(map, poolSize, strides) : null));
  return [...pooled, readEvery(map, strides)];
}

// The mean absolute change, the unmoved output's mean, and the first as a share of the second.
export function changeOf(unmoved, moved) {
  let [total, change] = [0, 0];
  for (let cell = 0; cell < moved.values.length; cell++) {
    total += unmoved.values[cell];
    change += Math.abs(moved.values[cell] - unmoved.values[cell]);
  }
  const [mean, amount] = [total / moved.values.length, change / moved.values.length];
  if (amount < ALMOST_ZERO) return { amount, mean, share: 0 };
  return { amount, mean, share: mean < ALMOST_ZERO ? Infinity : amount / mean };
}

// The indices of the smallest amount, several where they tie.
export function leastOf(amounts) {
  const smallest = Math.min(...amounts);
  return amounts.flatMap((amount, n) => (amount <= smallest + ALMOST_ZERO ? [n] : []));
}

// Of all moves that the figure knows, in how many each method changes least; a tie counts for each.
export function countLeast(picture, kernel, poolSize, strides) {
  const outputs = (down, right) => downsample(respond(movePicture(picture, down, right), kernel), poolSize, strides);
  const unmoved = outputs(0, 0);
  const counts = METHODS.map(() => 0);
  const side = 2 * LARGEST_MOVE + 1;
  for (let move = 0; move < side * side; move++) {
    const [down, right] = [Math.floor(move / side) - LARGEST_MOVE, (move % side) - LARGEST_MOVE];
    if (!down && !right) continue;
    const moved = outputs(down, right);
    for (const least of leastOf(moved.map((output, n) => changeOf(unmoved[n], output).share))) counts[least]++;
  }
  return counts;
}

// ---- what is said --------------------------------------------------------------------------------------------------

function writeShare(share) {
  return Number.isFinite(share) ? `${formatCell(100 * share)} %` : "no share";
}

function writeMove(down, right) {
  return down || right ? `moved ${formatMove(down, right)}` : "not moved";
}

function explainNoWindow({ height, width }, poolSize) {
  const smaller = Math.min(height, width) >= 2 && poolSize > 2 ? "Choose pool size 2, or enlarge" : "Enlarge";
  const reason = `No window fits: ${poolSize} × ${poolSize} is larger than the response map of ${height} × ${width}.`;
  return `${reason} ${smaller} the picture.`;
}

function writeVerdict(now) {
  const { map, poolSize, fits, down, right, unmoved, moved, changes } = now;
  if (!fits) return explainNoWindow(map, poolSize);
  if (!down && !right) return "The picture has not moved: nothing has changed yet.";
  if ([...unmoved, ...moved].every(({ values }) => values.every((value) => value < ALMOST_ZERO))) {
    return "All values are 0, before and after: there is nothing to compare. Choose another kernel.";
  }
  const shares = changes.map(({ share }) => share);
  const [winners, plain] = [leastOf(shares), leastOf(changes.map(({ amount }) => amount))];
  const sentences = [`${nameMethods(winners)} least here: ${writeShare(shares[winners[0]])} of its mean.`];
  if (String(plain) !== String(winners)) sentences.push(`Not divided by the mean, ${nameMethods(plain)} least.`);
  const counts = now.countLeast();
  const ties = counts.reduce((sum, count) => sum + count) > 24 ? " (ties count for each)" : "";
  const parts = METHODS.map((method, n) => `${method} in ${counts[n]}`);
  const text = [...sentences, `Over all 24 moves, least: ${parts.join(", ")}${ties}.`].join(" ");
  return text[0].toUpperCase() + text.slice(1);
}

// "max pooling changes", "max pooling and strided read change"
function nameMethods(indices) {
  const names = indices.map((n) => METHODS[n]);
  if (names.length === 1) return `${names[0]} changes`;
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)} change`;
}

// ---- the figure ----------------------------------------------------------------------------------------------------

const TRAITS = ["_picture", "_kernels", "kernel", "pool_size", "strides", "down", "right", "row", "column"];

export default liveFigure("pooling", TRAITS, (frame) => {
  const state = createState(frame);
  const verdict = h("p", { class: "cb-verdict" });
  const hint = h("p", { class: "cb-hint" }, HINT);
  const outputs = joinParts("cb-outputs", ...METHODS.map((method, n) => createOutput(frame, state, method, n)));
  const results = joinParts("cb-results", outputs, verdict, hint);
  const panels = [createMovedPicture(state), createMap(frame, state), results, createWindows(frame)];
  const update = frame.add(createControls(frame, state.moves), joinParts("cb-panels", ...panels));

  let spoken = null;
  return function draw() {
    const now = state.read();
    const text = writeVerdict(now);
    update(now);
    setText(verdict, text);
    const sentences = { result: speakResult(now, text), window: speakWindow(now) };
    if (spoken && sentences.result !== spoken.result) frame.announce(sentences.result);
    else if (spoken && sentences.window !== spoken.window) frame.announce(sentences.window);
    spoken = sentences;
  };
}, {
  task: ["Move the picture by a pixel, and see which of the smaller maps changes least.", "Arrow keys move it, too."],
  *check({ _picture, pool_size: size, strides, row, column }) {
    const { outputs: rows } = fitWindows(_picture.height - 2, size, strides);
    const { outputs: columns } = fitWindows(_picture.width - 2, size, strides);
    if (!isIndex(row, Math.max(rows, 1))) yield "row";
    if (!isIndex(column, Math.max(columns, 1))) yield "column";
  },
});

const HINT =
  "A dot marks a value that changed; the larger the dot, the larger the change. Measured on this map: another " +
  "picture, kernel or move can order the three otherwise.";

function speakResult({ kernel, poolSize, strides, down, right, changes }, verdict) {
  const shares = changes.flatMap((change, n) => (change ? [`${METHODS[n]} ${writeShare(change.share)}`] : []));
  const settings = `Kernel ${kernel}, pool size ${poolSize}, stride ${strides}, picture ${writeMove(down, right)}.`;
  return `${settings}${down || right ? ` Change: ${shares.join(", ")}.` : ""} ${verdict}`;
}

function speakWindow({ fits, row, column, moved }) {
  if (!fits) return "";
  const values = moved.map((output, n) => `${METHODS[n]} ${formatNumber(output.values[row * output.width + column])}`);
  return `Window at row ${row}, column ${column}: ${values.join(", ")}.`;
}

// The figure's state as its parts need it: the traits, and what follows from them.
function createState(frame) {
  const { model, set } = frame;
  const moves = createMoves(frame, "picture", LARGEST_MOVE, "Back");
  const pictureOf = remember(decodePicture);
  const movedPictureOf = remember(movePicture);
  const [unmovedMapOf, mapOf] = [remember(respond), remember(respond)];
  const [unmovedOf, movedOf] = [remember(downsample), remember(downsample)];
  const changesOf = remember((unmoved, moved) => moved.map((output, n) => output && changeOf(unmoved[n], output)));
  const scaleOf = remember((...maps) => maps.reduce((most, { values }) => Math.max(most, ...values), 0) || 1);
  const countsOf = remember(countLeast);

  const read = () => {
    const names = ["_picture", "_kernels", "kernel", "pool_size", "strides"];
    const [packed, kernels, kernel, poolSize, strides] = names.map((name) => model.get(name));
    const { down, right } = moves.at();
    const picture = pictureOf(packed);
    const movedPicture = movedPictureOf(picture, down, right);
    const [unmovedMap, map] = [unmovedMapOf(picture, kernels[kernel]), mapOf(movedPicture, kernels[kernel])];
    const [unmoved, moved] = [unmovedOf(unmovedMap, poolSize, strides), movedOf(map, poolSize, strides)];
    const grid = gridShape(map, poolSize, strides);
    return {
      ...{ kernels, kernel, poolSize, strides, down, right, movedPicture, unmovedMap, map, unmoved, moved, grid },
      changes: changesOf(unmoved, moved),
      scale: scaleOf(unmovedMap, map),
      fits: grid.height > 0,
      row: clampIndex(model.get("row"), grid.height),
      column: clampIndex(model.get("column"), grid.width),
      countLeast: () => countsOf(picture, kernels[kernel], poolSize, strides),
    };
  };
  return {
    read,
    moves,
    visit(row, column) {
      const { fits, grid } = read();
      if (fits) set({ row: clampIndex(row, grid.height), column: clampIndex(column, grid.width) });
    },
  };
}

// Which kernel, which window, and the picture's move.
function createControls({ set }, moves) {
  const kernel = createSelect("Kernel", (name) => set({ kernel: name }));
  const poolSize = createSelect("Pool size", (text) => set({ pool_size: Number(text) }));
  const strides = createSelect("Stride", (text) => set({ strides: Number(text) }));
  const choices = [
    bind(kernel, (now) => [Object.keys(now.kernels), now.kernel]),
    bind(poolSize, (now) => [["2", "3"], String(now.poolSize)]),
    bind(strides, (now) => [["1", "2", "3"], String(now.strides)]),
  ];
  return joinParts("cb-bar", joinParts("cb-choices", ...choices), moves);
}

// The moved picture; the frame on it is the picture's own, so that one sees by how much it has moved.
function createMovedPicture(state) {
  const frameAt = ({ down, right, movedPicture }) => {
    return { row: down, column: right, height: movedPicture.height, width: movedPicture.width };
  };
  const windowAt = () => frameAt(state.read());
  const options = { windowAt, moveTo: state.moves.moveTo };
  const { element, pixels, note } = createPicturePanel("input", "Picture", options);
  const paint = remember((picture) => pixels.paint(picturePixels(picture), picture));
  return {
    element,
    update(now) {
      const { height, width } = now.movedPicture;
      const move = writeMove(now.down, now.right);
      paint(now.movedPicture);
      pixels.place(frameAt(now));
      pixels.describe(`Picture of ${height} rows and ${width} columns, ${move}; arrow keys move the picture`);
      setText(note, `${height} × ${width}, ${move}`);
    },
  };
}

// The response map with the window on it.
function createMap(frame, state) {
  const windowAt = () => windowOn(state.read());
  const visitNear = (row, column) => {
    const { strides } = state.read();
    state.visit(Math.round(row / strides), Math.round(column / strides));
  };
  const hover = (row, column) => {
    const half = state.read().poolSize >> 1;
    visitNear(row - half, column - half);
  };
  const pixels = createPixelGrid({ windowAt, moveTo: visitNear, hover, byKeyboard: false });
  const legend = createLegend();
  const panel = createPanel("map", "Response map", pixels, legend);
  const paint = remember((map, scale, theme) => {
    pixels.paint(responsePixels(map, scale, theme), map);
    legend.update(scale, theme, { from: 0 });
  });
  return {
    element: panel.element,
    update(now) {
      const { map, scale, fits } = now;
      paint(map, scale, frame.theme);
      if (fits) pixels.place(windowOn(now));
      pixels.element.classList.toggle("cb-without-window", !fits);
      pixels.describe(`Response map with ReLU of ${map.height} rows and ${map.width} columns`);
      const { height, width } = now.movedPicture;
      setVariables(panel.element, { share: map.width / width, columns: map.width, tallest: height });
      setText(panel.note, `${map.height} × ${map.width}, after ReLU`);
    },
  };
}

// The window on the response map.
function windowOn({ row, column, poolSize, strides }) {
  return { row: row * strides, column: column * strides, height: poolSize, width: poolSize };
}

// One method's output: its values, a dot on each that changed, and how much that is in all.
function createOutput(frame, state, method, n) {
  const options = { windowAt: state.read, moveTo: state.visit, hover: state.visit };
  const pixels = createPixelGrid({ ...options, byKeyboard: n === 0 });
  const marks = h("canvas", { class: "cb-over cb-marks" });
  pixels.element.append(marks);
  const share = h("span", { class: "cb-share" });
  const amount = h("span", { class: "cb-hint" });
  const panel = createPanel("output", method, pixels, share, amount);
  const paint = remember((moved, scale, theme) => pixels.paint(responsePixels(moved, scale, theme), moved));
  const mark = remember((...values) => drawDots(marks, ...values));
  return {
    element: panel.element,
    update(now) {
      const [unmoved, moved] = [now.unmoved[n], now.moved[n]];
      pixels.element.hidden = share.hidden = !moved;
      setText(panel.note, moved ? `${moved.height} × ${moved.width}` : "");
      if (!moved) return setText(amount, "No window fits.");
      const widest = now.moved[2]; // no pooled map is larger than the strided read
      setVariables(panel.element, { share: moved.width / widest.width, tallest: widest.height });
      paint(moved, now.scale, frame.theme);
      mark(unmoved, moved, now.scale, frame.theme);
      pixels.place({ row: now.row, column: now.column });
      pixels.element.classList.toggle("cb-without-window", !now.fits);
      const change = now.changes[n];
      const count = countChanged(unmoved, moved);
      const isLeast = leastOf(now.changes.map((each) => each?.share)).includes(n);
      panel.element.classList.toggle("cb-least", isLeast && (now.down !== 0 || now.right !== 0));
      const size = `${moved.height} rows and ${moved.width} columns`;
      const keys = n === 0 ? "; arrow keys move the window" : "";
      pixels.describe(`Output of ${method}, ${size}, ${count} of ${moved.values.length} values changed${keys}`);
      setText(share, writeShare(change.share));
      setText(amount, `mean change ${formatNumber(change.amount)}, mean ${formatNumber(change.mean)}`);
    },
  };
}

function countChanged(unmoved, moved) {
  return moved.values.filter((value, cell) => Math.abs(value - unmoved.values[cell]) >= ALMOST_ZERO).length;
}

// The radius of a changed value's dot, in cells: its area shows the change.
export function dotRadius(change, scale) {
  const size = Math.abs(change);
  return size < ALMOST_ZERO ? 0 : Math.max(0.08, 0.4 * Math.min(1, size / scale) ** 0.5);
}

function drawDots(canvas, unmoved, moved, scale, theme) {
  const cell = 16;
  Object.assign(canvas, { height: moved.height * cell, width: moved.width * cell }); // which also clears it
  const paths = { "#000": new Path2D(), "#fff": new Path2D() };
  moved.values.forEach((value, index) => {
    const radius = dotRadius(value - unmoved.values[index], scale) * cell;
    if (!radius) return;
    const [x, y] = [((index % moved.width) + 0.5) * cell, (Math.floor(index / moved.width) + 0.5) * cell];
    const path = paths[readableOn(divergingColor(value / scale, theme))];
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
  });
  const context = canvas.getContext("2d");
  for (const [color, path] of Object.entries(paths)) {
    context.fillStyle = color;
    context.fill(path);
  }
}

// One window before and after the move: its numbers, which of them survive, and what each method makes of them.
function createWindows(frame) {
  const grids = [createNumberGrid("window before the move"), createNumberGrid("window after the move")];
  const pair = h("div", { class: "cb-pair" }, ...["before", "after"].map((name, n) => createCaptioned(name, grids[n])));
  const cells = METHODS.map(() => ["before", "after"].map(() => h("td")));
  const rows = METHODS.map((method, n) => h("tr", {}, h("th", { scope: "row" }, method), ...cells[n]));
  const head = ["", "before", "after"].map((name) => (name ? h("th", { scope: "col" }, name) : h("td")));
  const parts = [h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)];
  const table = h("table", { class: "cb-table cb-survivors" }, ...parts);
  const origin = h("p", { class: "cb-hint" });
  const work = h("div", { class: "cb-flow cb-work" }, pair, table, origin);
  const panel = createPanel("patch", "One window", work);
  return {
    element: panel.element,
    update(now) {
      panel.element.hidden = !now.fits;
      if (!now.fits) return;
      const { row, column, height } = windowOn(now);
      const origins = [now.unmovedMap, now.map].map((map, n) => {
        const numbers = windowOf(map, row, column, height);
        const largest = numbers.flat().indexOf(Math.max(...numbers.flat()));
        grids[n].update(numbers, (value) => divergingColor((0.6 * value) / now.scale, frame.theme));
        markSurvivors(grids[n].element, largest, height);
        return { row: row + Math.floor(largest / height), column: column + (largest % height) };
      });
      [now.unmoved, now.moved].forEach((outputs, n) => {
        outputs.forEach((output, method) => {
          setText(cells[method][n], formatNumber(output.values[now.row * output.width + now.column]));
        });
      });
      setText(panel.note, `map[${row}:${row + height}, ${column}:${column + height}]`);
      const [from, to] = origins.map((origin) => `map[${origin.row}, ${origin.column}]`);
      const largest = from === to ? `${to}, before and after` : `${from} before, ${to} after`;
      const ring = `Ring: the largest, kept by max pooling, at ${largest}.`;
      setText(origin, `${ring} Dashed: the first, kept by the strided read.`);
    },
  };
}

function markSurvivors(grid, largest, size) {
  grid.querySelectorAll(".cb-cell").forEach((cell, n) => {
    cell.classList.toggle("cb-largest", n === largest);
    cell.classList.toggle("cb-first", n === 0);
  });
}
