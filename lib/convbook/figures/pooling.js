// The pooling figure in two acts: what one window of a response map gives, and which smaller map changes least when the
// picture moves.

import {
  bind,
  clampIndex,
  colorPixels,
  convolve,
  createButton,
  createCaptioned,
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
  isIndex,
  joinParts,
  liveFigure,
  paintPixels,
  picturePixels,
  remember,
  responsePixels,
  setAttribute,
  setIdle,
  setStyle,
  setText,
  setVariables,
} from "./base.js";
import { createDetails, createMoves, createPicturePanel, createPixelGrid, createStepping } from "./controls.js";

const ACTS = ["one window", "a moved picture"];
const METHODS = ["max pooling", "average pooling", "strided read"];
const LARGEST_MOVE = 2;
const FULL_COLOR = 3; // a change of so many means has the full colour
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

function writeMove({ down, right }) {
  return down || right ? `moved ${formatMove(down, right)}` : "not moved";
}

function explainNoWindow({ height, width }, poolSize) {
  const smaller = Math.min(height, width) >= 2 && poolSize > 2 ? "Choose pool size 2, or enlarge" : "Enlarge";
  const reason = `No window fits: ${poolSize} × ${poolSize} is larger than the response map of ${height} × ${width}.`;
  return `${reason} ${smaller} the picture.`;
}

// What the figure says: of one window, or of the picture's move.
function writeVerdict(now) {
  if (!now.fits) return explainNoWindow(now.map, now.poolSize);
  if (now.act === ACTS[0]) return writeWindow(now);
  const { down, right, unmoved, moved, changes } = now;
  if (!down && !right) return "The picture has not moved: nothing has changed yet.";
  if ([...unmoved, ...moved].every(({ values }) => values.every((value) => value < ALMOST_ZERO))) {
    return "All values are 0, before and after: there is nothing to compare. Choose another kernel.";
  }
  const shares = changes.map(({ share }) => share);
  const winners = leastOf(shares);
  const least = `${capitalize(nameMethods(winners))} least: by ${writeShare(shares[winners[0]])} of its mean`;
  return `Picture ${writeMove(now)}. ${least}.`;
}

function writeWindow({ map, unmoved, grid, row, column, poolSize, strides }) {
  const numbers = windowOf(map, row * strides, column * strides, poolSize).flat().map(formatNumber);
  const [largest, mean] = unmoved.map(({ values }) => formatNumber(values[row * grid.width + column]));
  return `Of ${numbers.join(", ")}, max pooling keeps the largest, ${largest}; average pooling the mean, ${mean}.`;
}

// How the bars come about, one sentence for each method and two about all of them.
function writeNumbers({ fits, down, right, unmoved, moved, changes, countLeast: count }) {
  if (!fits || (!down && !right)) return [];
  const counts = count();
  const lines = METHODS.map((method, n) => {
    const { amount, mean, share } = changes[n];
    const changed = countChanged(unmoved[n], moved[n]);
    const sum = `mean change ${formatNumber(amount)}, divided by its mean ${formatNumber(mean)}: ${writeShare(share)}`;
    const wins = `Over all 24 moves by up to ${LARGEST_MOVE} pixels, it changes least in ${counts[n]}`;
    return `${capitalize(method)}: ${sum}; ${changed} of ${moved[n].values.length} numbers changed. ${wins}.`;
  });
  const plain = nameMethods(leastOf(changes.map(({ amount }) => amount)));
  const otherwise = "Another picture, kernel or move can order the three otherwise.";
  return [...lines, `Not divided by the mean, ${plain} least. ${otherwise}`];
}

function countChanged(unmoved, moved) {
  return moved.values.filter((value, cell) => Math.abs(value - unmoved.values[cell]) >= ALMOST_ZERO).length;
}

// "max pooling changes", "max pooling and strided read change"
function nameMethods(indices) {
  const names = indices.map((n) => METHODS[n]);
  if (names.length === 1) return `${names[0]} changes`;
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)} change`;
}

function capitalize(text) {
  return text[0].toUpperCase() + text.slice(1);
}

// ---- the figure ----------------------------------------------------------------------------------------------------

const SETTINGS = ["_picture", "_kernels", "kernel", "pool_size", "strides"];
const TRAITS = [...SETTINGS, "act", "down", "right", "row", "column", "all_windows"];
const TASKS = {
  [ACTS[0]]: ["Press Play, or drag the window: each window of the map gives one number.", "Arrow keys move it, too."],
  [ACTS[1]]: ["Move the picture by a pixel: the bars say how much of each map changes.", "Arrow keys move it, too."],
};

export default liveFigure("pooling", TRAITS, (frame) => {
  const state = createState(frame);
  const verdict = h("p", { class: "cb-verdict" });
  const more = [createSettings(frame), createNumbers()];
  const update = frame.add(
    createBar(frame, state),
    createOneWindow(frame, state),
    createMovedPicture(frame, state),
    verdict,
    createDetails(frame, "Another kernel or window, and the numbers", ...more),
  );

  return function draw() {
    const now = state.read();
    update(now);
    const text = writeVerdict(now);
    setText(verdict, text);
    return state.stepping.playing ? undefined : text;
  };
}, {
  task: (model) => TASKS[model.get("act")],
  *check({ _picture, pool_size: size, strides, row, column }) {
    const { outputs: rows } = fitWindows(_picture.height - 2, size, strides);
    const { outputs: columns } = fitWindows(_picture.width - 2, size, strides);
    if (!isIndex(row, Math.max(rows, 1))) yield "row";
    if (!isIndex(column, Math.max(columns, 1))) yield "column";
  },
});

// The figure's state as its parts need it: the traits, and what follows from them.
function createState(frame) {
  const { model } = frame;
  const moves = createMoves(frame, "picture", LARGEST_MOVE, "Back");
  const [pictureOf, movedPictureOf] = [remember(decodePicture), remember(movePicture)];
  const [mapOf, movedMapOf, unmovedOf, movedOf] = [respond, respond, downsample, downsample].map(remember);
  const changesOf = remember((unmoved, moved) => moved.map((output, n) => output && changeOf(unmoved[n], output)));
  const scaleOf = remember(({ values }) => Math.max(...values) || 1);
  const countsOf = remember(countLeast);

  const compute = () => {
    const [packed, kernels, kernel, poolSize, strides] = SETTINGS.map((name) => model.get(name));
    const picture = pictureOf(packed);
    const map = mapOf(picture, kernels[kernel]);
    const unmoved = unmovedOf(map, poolSize, strides);
    const grid = gridShape(map, poolSize, strides);
    return { kernels, kernel, poolSize, strides, picture, map, unmoved, grid, fits: grid.height > 0 };
  };
  const gridOf = () => {
    const { grid, unmoved } = compute();
    return { rows: grid.height, columns: grid.width, key: unmoved };
  };
  const stepping = createStepping(frame, { gridOf, pausesMs: [60, 500, 20_000] });
  const lookMoved = ({ picture, kernels, kernel, poolSize, strides, unmoved }) => {
    const { down, right } = moves.at();
    const movedPicture = movedPictureOf(picture, down, right);
    const moved = movedOf(movedMapOf(movedPicture, kernels[kernel]), poolSize, strides);
    const count = () => countsOf(picture, kernels[kernel], poolSize, strides);
    return { down, right, movedPicture, moved, changes: changesOf(unmoved, moved), countLeast: count };
  };
  const read = () => {
    const [now, act] = [compute(), model.get("act")];
    if (act === ACTS[1]) return { ...now, act, ...lookMoved(now) };
    return { ...now, act, ...stepping.read(), scale: scaleOf(now.map) };
  };
  return { read, stepping, moves };
}

// Which act, and what is done in it.
function createBar(frame, { read, stepping, moves }) {
  const turnTo = (act) => {
    const { row, column } = stepping.read();
    stepping.moveTo(row, column); // Play does not go on where it is not seen
    frame.set({ act });
  };
  const acts = ["One window", "Move the picture"].map((name, n) => createButton(name, () => turnTo(ACTS[n])));
  return {
    element: h("div", { class: "cb-bar" }, h("div", { class: "cb-buttons" }, ...acts), stepping, moves),
    update({ act }) {
      [stepping, moves].forEach((part, n) => {
        part.element.hidden = ACTS[n] !== act;
        setAttribute(acts[n], "aria-pressed", ACTS[n] === act);
        setIdle(acts[n], ACTS[n] === act);
        if (ACTS[n] === act) part.update();
      });
    },
  };
}

// Which kernel, and which windows.
function createSettings({ set }) {
  const kernel = createSelect("Kernel", (name) => set({ kernel: name }));
  const poolSize = createSelect("Pool size", (text) => set({ pool_size: Number(text) }));
  const strides = createSelect("Stride", (text) => set({ strides: Number(text) }));
  const choices = [
    bind(kernel, (now) => [Object.keys(now.kernels), now.kernel]),
    bind(poolSize, (now) => [["2", "3"], String(now.poolSize)]),
    bind(strides, (now) => [["1", "2", "3"], String(now.strides)]),
  ];
  return joinParts("cb-choices", ...choices);
}

function createNumbers() {
  const element = h("div", { class: "cb-numbers" });
  return {
    element,
    update(now) {
      const lines = now.act === ACTS[1] ? writeNumbers(now) : [];
      element.replaceChildren(...lines.map((line) => h("p", {}, line)));
    },
  };
}

// ---- act one: a window on the map, its numbers, and what becomes of them -------------------------------------------

function createOneWindow(frame, state) {
  const pooled = METHODS.slice(0, 2).map((method, n) => createPooled(frame, state, method, n));
  const parts = joinParts("cb-one", createMap(frame, state), createNumbersOf(frame), ...pooled);
  return {
    element: parts.element,
    update(now) {
      parts.element.hidden = now.act !== ACTS[0] || !now.fits;
      if (!parts.element.hidden) parts.update(now);
    },
  };
}

// The response map with the window on it.
function createMap(frame, { read, stepping }) {
  const moveTo = (row, column) => {
    const { strides } = read();
    stepping.moveTo(Math.round(row / strides), Math.round(column / strides));
  };
  const pixels = createPixelGrid({ windowAt: () => windowOn(read()), moveTo });
  const panel = createPanel("map", "Response map", pixels);
  const paint = remember((map, scale, theme) => pixels.paint(responsePixels(map, scale, theme), map));
  return {
    element: panel.element,
    update(now) {
      paint(now.map, now.scale, frame.theme);
      pixels.place(windowOn(now));
      const size = `${now.map.height} rows and ${now.map.width} columns`;
      pixels.describe(`Response map of ${size}; arrow keys move the window. ${writeWindow(now)}`);
      setText(panel.note, now.kernel);
    },
  };
}

// The window on the response map.
function windowOn({ row, column, poolSize, strides }) {
  const [height, width, step] = [poolSize, poolSize, strides];
  return { row: row * strides, column: column * strides, height, width, step };
}

// The window's numbers, with a ring around the largest.
function createNumbersOf(frame) {
  const numbers = createNumberGrid("numbers in the window");
  return {
    element: createCaptioned("the window", numbers),
    update(now) {
      const { row, column, height } = windowOn(now);
      const rows = windowOf(now.map, row, column, height);
      numbers.update(rows, (value) => divergingColor((0.6 * value) / now.scale, frame.theme));
      const largest = rows.flat().indexOf(Math.max(...rows.flat()));
      numbers.element.querySelectorAll(".cb-cell").forEach((cell, n) => {
        cell.classList.toggle("cb-largest", n === largest);
      });
    },
  };
}

// One pooled map; where the window has not been, it is faint.
function createPooled(frame, { read, stepping }, method, n) {
  const pixels = createPixelGrid({ windowAt: read, moveTo: stepping.moveTo, byKeyboard: false });
  const panel = createPanel("output", capitalize(method), pixels);
  return {
    element: panel.element,
    update({ unmoved, scale, row, column, count, visited, isComplete }) {
      const map = unmoved[n];
      const strength = (cell) => (isComplete || visited.has(cell) ? 1 : 0.3) / scale;
      const colors = Array.from(map.values, (value, cell) => divergingColor(value * strength(cell), frame.theme));
      pixels.paint(colorPixels(colors), map);
      pixels.place({ row, column });
      const value = formatNumber(map.values[row * map.width + column]);
      const shown = isComplete ? "complete" : `${visited.size} of ${count} windows`;
      pixels.describe(`${capitalize(method)}: ${map.height} rows and ${map.width} columns, ${shown}`);
      setText(panel.note, value);
    },
  };
}

// ---- act two: the picture moves, and each method's map changes -----------------------------------------------------

function createMovedPicture(frame, state) {
  const changes = joinParts("cb-changes", ...METHODS.map((method, n) => createChange(frame, method, n)));
  const hint = h("p", { class: "cb-hint" }, "Each smaller map: orange where a number grew, blue where it fell.");
  changes.element.append(hint);
  const parts = joinParts("cb-two", createPicture(state), changes);
  return {
    element: parts.element,
    update(now) {
      parts.element.hidden = now.act !== ACTS[1];
      if (!parts.element.hidden) parts.update(now);
    },
  };
}

// The picture; the frame on it is its own, so that one sees by how much it has moved.
function createPicture({ read, moves }) {
  const frameOn = ({ down, right, picture: { height, width } }) => ({ row: down, column: right, height, width });
  const options = { windowAt: () => frameOn(read()), moveTo: moves.moveTo };
  const { element, pixels, note } = createPicturePanel("input", "Picture", options);
  const paint = remember((picture) => pixels.paint(picturePixels(picture), picture));
  return {
    element,
    update(now) {
      const { height, width } = now.picture;
      paint(now.movedPicture);
      pixels.place(frameOn(now));
      pixels.describe(`Picture of ${height} rows and ${width} columns, ${writeMove(now)}; arrow keys move the picture`);
      setText(note, writeMove(now));
    },
  };
}

// How one method's map has changed: at each of its numbers, and as a share of their mean, which is the bar.
function createChange(frame, method, n) {
  const canvas = h("canvas");
  const view = h("div", { class: "cb-pixels", role: "img" }, canvas);
  const [kept, fill, share] = ["cb-hint", "cb-fill", "cb-share"].map((name) => h("span", { class: name }));
  const name = h("strong", {}, capitalize(method));
  const bar = h("div", { class: "cb-meter" }, h("span", { class: "cb-track" }, fill), share);
  const element = h("div", { class: "cb-change" }, view, h("div", {}, name, " ", kept, bar));
  const paint = remember((unmoved, moved, mean, theme) => {
    const colors = Array.from(moved.values, (value, cell) => {
      return divergingColor((value - unmoved.values[cell]) / (FULL_COLOR * mean || 1), theme);
    });
    paintPixels(canvas, colorPixels(colors), moved);
    setVariables(view, { rows: moved.height, columns: moved.width });
  });
  return {
    element,
    update({ poolSize, strides, unmoved, moved, changes, down, right }) {
      const size = `${poolSize} × ${poolSize}`;
      const nth = ["every number", "every 2nd number", "every 3rd number"][strides - 1];
      setText(kept, [`largest of ${size}`, `mean of ${size}`, nth][n]);
      view.hidden = bar.hidden = !moved[n];
      if (!moved[n]) return setText(kept, "No window fits.");
      const change = changes[n];
      paint(unmoved[n], moved[n], change.mean, frame.theme);
      const changed = `${countChanged(unmoved[n], moved[n])} of ${moved[n].values.length} numbers changed`;
      setAttribute(view, "aria-label", changed);
      const isLeast = (down || right) && leastOf(changes.map((each) => each?.share)).includes(n);
      element.classList.toggle("cb-least", Boolean(isLeast));
      setStyle(fill, `width:${100 * Math.min(1, change.share)}%`);
      setText(share, writeShare(change.share));
    },
  };
}
