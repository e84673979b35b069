// The figure of padding and strides: one input without padding and with it, a window on both, the outputs that fill up,
// and the formulas, whose letters light what they count.

import {
  bind,
  colorPixels,
  createButton,
  createCaptioned,
  createCheckbox,
  createOverlay,
  createPanel,
  createSlider,
  divergingColor,
  drawNumbers,
  fitWindows,
  formatNumber,
  h,
  isIndex,
  joinParts,
  liveFigure,
  remember,
  s,
  setAttribute,
  setText,
  setVariables,
} from "./base.js";
import { createDetails, createPixelGrid, createStepping } from "./controls.js";

const LARGEST = { height: 16, width: 16, kernel_size: 7, strides: 5, dilation_rate: 3 };
const LARGEST_NUMBERED = 10; // pixels side by side, above which the numbers in them cannot be read
const PADDINGS = ["valid", "same"];

// ---- the arithmetic: pure functions, tested against convbook.shapes and Keras --------------------------------------

// One axis: the span of the kernel, how many outputs there are (0 where no window fits), and the padding at both ends.
export function planAxis(size, kernelSize, stride, padding, dilationRate) {
  const span = (kernelSize - 1) * dilationRate + 1;
  return { size, kernelSize, stride, padding, dilationRate, span, ...fitWindows(size, span, stride, padding) };
}

// The positions that one output reads; those below 0, and from the axis's size on, are padding.
export function readBy({ kernelSize, stride, dilationRate, before }, output) {
  return Array.from({ length: kernelSize }, (_, entry) => output * stride - before + entry * dilationRate);
}

// How many outputs read each position of the axis.
export function countReads(axis) {
  const counts = new Array(axis.size).fill(0);
  for (let output = 0; output < axis.outputs; output++) {
    for (const position of readBy(axis, output)) if (isInside(axis, position)) counts[position] += 1;
  }
  return counts;
}

// How many of the positions that one output reads are no padding.
export function countInside(axis, output) {
  return readBy(axis, output).filter((position) => isInside(axis, position)).length;
}

// What one output adds up: the values of the pixels that it reads.
export function sumOf([rows, columns], row, column) {
  const pixels = [readBy(rows, row), readBy(columns, column)].map((places, n) => {
    return places.filter((position) => isInside([rows, columns][n], position));
  });
  return pixels[0].reduce((sum, y) => pixels[1].reduce((part, x) => part + pixelAt(y, x), sum), 0);
}

// The input's values: small, so that sums are, and not all the same.
export function pixelAt(row, column) {
  return ((2 * row + column + ((row * column) >> 1)) % 3) + 1;
}

function isInside({ size }, position) {
  return position >= 0 && position < size;
}

// ---- the words -----------------------------------------------------------------------------------------------------

// The formula of a padding in letters, along the columns: lines of terms, which stand in TERMS, and what lies between.
export function writeFormula({ padding, dilationRate }) {
  const isDilated = dilationRate > 1;
  const [kernel, span] = isDilated ? ["span", [["span", " = (", "k", " − 1) · ", "d", " + 1"]]] : ["k", []];
  if (padding === "valid") return [...span, ["o", " = ⌊(", "n", " − ", kernel, ") / ", "s", "⌋ + 1"]];
  const zeros = ["p", " = (", "o", " − 1) · ", "s", " + ", kernel, " − ", "n"];
  return [...span, ["o", " = ⌈", "n", " / ", "s", "⌉"], zeros];
}

// The number that a term stands for.
function valueOf(term, { size, kernelSize, span, stride, dilationRate, needed, outputs }) {
  return { n: size, k: kernelSize, span, s: stride, d: dilationRate, p: needed, o: outputs }[term];
}

// The cells that a term counts, along the columns: [those of the input inside its padding, those of the output].
export function cellsOf(term, { size, stride, kernelSize, dilationRate, span, before, after, outputs }, output) {
  const run = (first, count, step = 1) => Array.from({ length: count }, (_, n) => first + n * step);
  const start = output * stride;
  const between = Math.max(0, Math.min(output, outputs - 2)) * stride; // of the last window the step that led to it
  const cells = {
    n: run(before, size),
    k: run(start, kernelSize, dilationRate),
    span: run(start, span),
    s: outputs > 1 ? run(between, stride) : [],
    d: kernelSize > 1 ? run(start, dilationRate) : [],
    p: [...run(0, before), ...run(before + size, after)],
  };
  return [cells[term] ?? [], term === "o" ? run(0, outputs) : []];
}

// The formulas with the numbers put in: [what is computed, the sum].
export function writeSums([rows, columns]) {
  const { kernelSize, dilationRate, span } = rows;
  const spans = dilationRate > 1 ? [["span", `(${kernelSize} − 1) × ${dilationRate} + 1 = ${span}`]] : [];
  return [...spans, ...writeAxis("rows", rows), ...writeAxis("columns", columns)];
}

function writeAxis(name, { size, stride, padding, span, outputs, needed, before, after }) {
  if (padding === "same") {
    const none = needed < 0 ? ": none" : "";
    return [
      [name, `⌈${size} / ${stride}⌉ = ${outputs}, padding ${before} before, ${after} after`],
      ["padding", `(${outputs} − 1) × ${stride} + ${span} − ${size} = ${formatNumber(needed)}${none}`],
    ];
  }
  if (outputs === 0) return [[name, `${size} − ${span} < 0: no window fits`]];
  return [[name, `⌊(${size} − ${span}) / ${stride}⌋ + 1 = ${outputs}`]];
}

// What the outputs of both paddings read.
export function writeReading(both, row, column) {
  const parts = both.map((axes) => {
    const [{ padding }] = axes;
    if (!hasOutput(axes, row, column)) return `${padding} has no window there`;
    return `${padding} adds up ${writePixels(axes, row, column)} to ${sumOf(axes, row, column)}`;
  });
  return `Output row ${row}, column ${column}: ${parts.join("; ")}.`;
}

function hasOutput([rows, columns], row, column) {
  return row < rows.outputs && column < columns.outputs;
}

function writePixels([rows, columns], row, column) {
  const inside = countInside(rows, row) * countInside(columns, column);
  const zeros = rows.kernelSize ** 2 - inside;
  const end = zeros ? ` and ${zeros === 1 ? "1 zero" : `${zeros} zeros`} of the padding` : "";
  return `${inside === 1 ? "1 pixel" : `${inside} pixels`}${end}`;
}

// How often the pixels are read, in a sentence.
function writeCounts({ values, height, width }) {
  const at = (row, column) => values[row * width + column];
  const middle = at(height >> 1, width >> 1);
  const unread = values.filter((count) => count === 0).length;
  const start = `The first corner's pixel is read ${at(0, 0)} ×, the middle one ${middle} ×`;
  return unread ? `${start}; ${unread} of ${values.length} are never read.` : `${start}.`;
}

// ---- the figure ----------------------------------------------------------------------------------------------------

const SIZES = ["height", "width", "kernel_size", "strides", "dilation_rate"];
const TRAITS = [...SIZES, "row", "column", "all_windows", "show_counts", "term"];
const TERMS = {
  n: ["n", "columns of the input"],
  k: ["k", "columns of the kernel"],
  s: ["s", "stride: columns from one window to the next"],
  p: ["p", "columns of padding"],
  o: ["o", "columns of the output"],
  d: ["d", "dilation rate: columns from one entry of the kernel to the next"],
  span: ["k′", "columns that the kernel spans"],
};
const NO_TERM = "none";

export default liveFigure("padding and strides", TRAITS, (frame) => {
  const state = createState(frame);
  const verdict = h("p", { class: "cb-verdict" });
  const panels = joinParts("cb-panels", ...PADDINGS.map((_, n) => createPadding(frame, state, n)));
  const controls = joinParts("cb-bar", createSizes(frame, ["width", "kernel_size", "strides"]), state.stepping);
  const more = joinParts("cb-flow", createSizes(frame, ["height", "dilation_rate"]), createCounts(frame, state));
  const details = createDetails(frame, "Rows, dilation, counts and all sums", more, createSums());
  const update = frame.add(controls, panels, verdict, details);

  return function draw() {
    const now = state.read();
    const [height, width] = now.both[1].map(paddedSize);
    setVariables(frame.el, { down: height, right: width, "down-out": now.rows, "right-out": now.columns });
    update(now);
    const reading = writeReading(now.both, now.row, now.column);
    setText(verdict, reading);
    if (state.stepping.playing) return undefined;
    const sizes = now.both.map(([rows, columns]) => `${rows.padding} ${rows.outputs} × ${columns.outputs}`);
    return [`Output: ${sizes.join(", ")}.`, reading, frame.model.get("term") === NO_TERM ? "" : speakTerm(frame, now)];
  };
}, {
  task: ["Press Play, or point at a letter of the formulas to see what it counts.", "Arrow keys move the window."],
  *check({ height, width, kernel_size: kernelSize, strides, dilation_rate: dilationRate, row, column }) {
    if (strides > 1 && dilationRate > 1) return yield "dilation_rate";
    const outputs = [height, width].map((size) => planAxis(size, kernelSize, strides, "same", dilationRate).outputs);
    if (!isIndex(row, outputs[0])) yield "row";
    if (!isIndex(column, outputs[1])) yield "column";
  },
});

// The figure's state as its parts need it: the traits, what follows from them, and where the window has been.
function createState(frame) {
  const bothOf = remember((height, width, kernelSize, stride, dilationRate) => {
    return PADDINGS.map((padding) => {
      return [height, width].map((size) => planAxis(size, kernelSize, stride, padding, dilationRate));
    });
  });
  const countsOf = remember((both) => both.map(readCounts));
  const compute = () => {
    const both = bothOf(...SIZES.map((name) => frame.model.get(name)));
    const [rows, columns] = both[1].map(({ outputs }) => outputs);
    return { both, rows, columns, key: both };
  };
  const stepping = createStepping(frame, { gridOf: compute, pausesMs: [60, 500, 16_000] });
  const read = () => {
    const now = { ...compute(), ...stepping.read() };
    return { ...now, counts: countsOf(now.both), showCounts: frame.model.get("show_counts") };
  };
  return { read, stepping };
}

// How many outputs read each pixel of the input, row by row.
function readCounts([rows, columns]) {
  const [down, right] = [rows, columns].map(countReads);
  const values = down.flatMap((rowCount) => right.map((columnCount) => rowCount * columnCount));
  return { height: rows.size, width: columns.size, values, most: Math.max(...values) };
}

const LABELS = {
  height: "Rows",
  width: "Columns n",
  kernel_size: "Kernel k",
  strides: "Stride s",
  dilation_rate: "Dilation d",
};

// Some of the sizes, to be set.
function createSizes({ model, set }, names) {
  const sliders = names.map((name) => createSlider(LABELS[name], (value) => set({ [name]: value })));
  return {
    element: h("div", { class: "cb-settings" }, ...sliders),
    update({ both: [[{ stride, dilationRate }]] }) {
      names.forEach((name, n) => {
        const isStride = name === "strides";
        const isBarred = isStride ? dilationRate > 1 : name === "dilation_rate" && stride > 1;
        const meaning = isBarred ? `Only with ${isStride ? "dilation" : "stride"} 1.` : "";
        sliders[n].update(model.get(name), { min: 1, max: LARGEST[name], disabled: isBarred, meaning });
      });
    },
  };
}

function createCounts(frame, { read }) {
  const box = createCheckbox("How often each pixel is read", (shown) => {
    frame.set({ show_counts: shown });
    if (shown) frame.announce(read().counts.map((counts, n) => `${PADDINGS[n]}: ${writeCounts(counts)}`).join(" "));
  });
  return bind(box, ({ showCounts }) => [showCounts]);
}

// One padding: the input with the window on it, the output, and the formula.
function createPadding(frame, state, n) {
  const [input, output] = [createInput(frame, state, n), createOutput(frame, state, n)];
  const legend = h("p", { class: "cb-hint" });
  const maps = h("div", { class: "cb-maps" }, input, output);
  const formula = createFormula(frame, n);
  const panel = createPanel(PADDINGS[n], PADDINGS[n], maps, formula, legend);
  return {
    element: panel.element,
    update(now) {
      const axes = now.both[n];
      const [rows, columns] = axes;
      const isEmpty = !rows.outputs || !columns.outputs;
      const isPadded = axes.some(({ before, after }) => before + after > 0);
      const size = `${isPadded ? "with zeros" : "no padding"}: ${rows.outputs} × ${columns.outputs}`;
      panel.element.classList.toggle("cb-without-window", !hasOutput(axes, now.row, now.column));
      setText(panel.note, isEmpty ? `no window of ${rows.span} × ${rows.span} fits` : size);
      input.update(now);
      output.update(now);
      formula.update(now);
      setText(legend, now.showCounts ? writeCounts(now.counts[n]) : writeUnread(now.counts[n]));
    },
  };
}

// The input inside its padding, with the window on it.
function createInput(frame, { read, stepping }, n) {
  const moveTo = (row, column) => {
    const { stride } = read().both[n][0];
    stepping.moveTo(Math.round(row / stride), Math.round(column / stride));
  };
  const pixels = createPixelGrid({ windowAt: () => windowOf(read(), n), moveTo, byKeyboard: n === 1 });
  const overlay = createLines(pixels);
  const paint = remember((axes, isNumbered, counts, showCounts, theme) => {
    const colors = counts.values.map((count) => countColor(count, counts.most, showCounts, theme));
    pixels.paint(colorPixels(colors), counts, axes.map(({ before, after }) => [before, after]));
    overlay.update(axes, isNumbered ? numbersIn(axes, colors, showCounts && counts, theme) : []);
  });
  return {
    element: h("div", { class: "cb-input" }, pixels),
    update(now) {
      const axes = now.both[n];
      const [rows, columns] = axes;
      paint(axes, isNumbered(now), now.counts[n], now.showCounts, frame.theme);
      pixels.place(windowOf(now, n));
      overlay.mark(windowOf(now, n));
      const lit = cellsOf(frame.model.get("term"), columns, now.column)[0];
      const isWindow = ["k", "span", "s", "d"].includes(frame.model.get("term"));
      overlay.light(lit, isWindow ? now.row * rows.stride : rows.before);
      const sides = axes.map(({ before, after }) => `${before} and ${after}`);
      const around = n ? `, padding ${sides[0]} above and below, ${sides[1]} left and right` : "";
      const keys = n ? "; arrow keys move the window" : "";
      pixels.describe(`Input of ${rows.size} rows and ${columns.size} columns, ${PADDINGS[n]}${around}${keys}`);
    },
  };
}

// The window's frame, in cells of the padded grid.
function windowOf({ both, row, column }, n) {
  const [{ stride: step, span }] = both[n];
  return { row: row * step, column: column * step, height: span, width: span, step };
}

// Whether the cells, which are as large with both paddings, are large enough for numbers.
function isNumbered({ both }) {
  return Math.max(...both[1].map(paddedSize)) <= LARGEST_NUMBERED;
}

// What stands in the cells of the padded grid: the values, or how often each is read; zeros in the padding.
function numbersIn([rows, columns], colors, counts, theme) {
  const [height, width] = [rows, columns].map(paddedSize);
  const paper = theme === "dark" ? [24, 24, 24] : [250, 250, 250];
  const cells = Array.from({ length: height * width }, (_, cell) => {
    const [y, x] = [Math.floor(cell / width) - rows.before, (cell % width) - columns.before];
    if (!isInside(rows, y) || !isInside(columns, x)) return { value: counts ? null : 0, color: paper };
    const pixel = y * columns.size + x;
    return { value: counts ? counts.values[pixel] : pixelAt(y, x), color: colors[pixel] };
  });
  return drawNumbers(cells.map(({ value }) => value), cells.map(({ color }) => color), width);
}

function writeUnread({ values }) {
  const unread = values.filter((count) => count === 0).length;
  if (unread === 0) return "";
  return unread === 1 ? "Grey: 1 pixel that no output reads." : `Grey: ${unread} pixels that no output reads.`;
}

// The colour of a pixel that is read so often.
function countColor(count, most, showCounts, theme) {
  return divergingColor(-(showCounts ? count / (most || 1) : count > 0 ? 0.25 : 0), theme);
}

function paddedSize({ before, size, after }) {
  return before + size + after;
}

// Lines, numbers and marks over the cells of a grid.
function createLines(pixels) {
  const [lines, edge] = [s("path", { class: "cb-lines" }), s("rect", { class: "cb-edge" })];
  const [numbers, marks, lit] = [s("g"), s("path", { class: "cb-marks" }), s("path", { class: "cb-lit" })];
  const overlay = createOverlay(lines, lit, edge, marks, numbers);
  pixels.element.append(overlay.element);
  const write = (texts) => numbers.replaceChildren(...texts);
  return {
    write,
    // The parts that stay while the window moves.
    update([rows, columns], texts) {
      const [height, width] = [rows, columns].map(paddedSize);
      overlay.size({ height, width });
      lines.setAttribute("d", gridLines(height, width));
      const box = { x: columns.before, y: rows.before, width: columns.size, height: rows.size };
      for (const [name, value] of Object.entries(box)) edge.setAttribute(name, value);
      if (texts) write(texts);
      marks.setAttribute("d", markSquares(rows));
    },
    // The pixels that the window reads go with it.
    mark({ row, column }) {
      marks.setAttribute("transform", `translate(${column} ${row})`);
    },
    // The cells of one row that a term of the formula counts.
    light(columns, row) {
      setAttribute(lit, "d", columns.map((column) => `M${column} ${row}h1v1h-1z`).join(""));
    },
  };
}

function gridLines(height, width) {
  const across = Array.from({ length: height + 1 }, (_, row) => `M0 ${row}H${width}`);
  const down = Array.from({ length: width + 1 }, (_, column) => `M${column} 0V${height}`);
  return [...across, ...down].join("");
}

// A square on each entry of the kernel where dilation leaves gaps.
function markSquares({ kernelSize, dilationRate }) {
  if (dilationRate === 1) return "";
  const places = Array.from({ length: kernelSize }, (_, entry) => entry * dilationRate + 0.06);
  return places.flatMap((y) => places.map((x) => `M${x} ${y}h.88v.88h-.88z`)).join("");
}

// The output, as far as the window has been, drawn to the input's scale.
function createOutput(frame, { read, stepping }, n) {
  const pixels = createPixelGrid({ windowAt: read, moveTo: stepping.moveTo, byKeyboard: false });
  const overlay = createLines(pixels);
  const element = h("div", { class: "cb-output" }, pixels);
  const colorsOf = remember(outputColors);
  const sumsOf = remember((axes) => {
    const [rows, columns] = axes.map(({ outputs }) => [...Array(outputs).keys()]);
    return rows.flatMap((row) => columns.map((column) => sumOf(axes, row, column)));
  });
  const drawLines = remember((rows, columns) => overlay.update([rows, columns].map(plainAxis), null));
  const paint = remember((axes, isNumbered, places, theme) => {
    const [rows, columns] = axes.map(({ outputs }) => outputs);
    const seen = new Set(places.split(","));
    const isSeen = (cell) => seen.has("all") || seen.has(`${Math.floor(cell / columns)} ${cell % columns}`);
    const colors = colorsOf(axes, theme).map((color, cell) => isSeen(cell) && color);
    pixels.paint(colorPixels(colors), { height: rows, width: columns });
    drawLines(rows, columns);
    const sums = sumsOf(axes).map((sum, cell) => (colors[cell] ? sum : null));
    overlay.write(isNumbered ? drawNumbers(sums, colors, columns) : []);
  });
  return {
    element,
    update(now) {
      const { row, column, columns: width, visited, isComplete, count } = now;
      const axes = now.both[n];
      const [rows, columns] = axes.map(({ outputs }) => outputs);
      element.hidden = !rows || !columns;
      if (element.hidden) return;
      // Where the window has been, by rows and columns of the larger output, which is that of "same".
      const places = [...visited].map((cell) => `${Math.floor(cell / width)} ${cell % width}`);
      paint(axes, isNumbered(now), isComplete ? "all" : places.join(), frame.theme);
      pixels.place({ row, column });
      overlay.light(cellsOf(frame.model.get("term"), axes[1], column)[1], Math.min(row, rows - 1));
      const shown = isComplete ? "complete" : `${visited.size} of ${count} outputs`;
      pixels.describe(`Output of ${PADDINGS[n]}, ${rows} rows and ${columns} columns, ${shown}`);
    },
  };
}

// An axis without padding, for the lines of the output.
function plainAxis(size) {
  return { size, before: 0, after: 0, kernelSize: 0, dilationRate: 1 };
}

// The colours of the outputs: in full where the whole window lies on the input, paler with padding.
function outputColors([rows, columns], theme) {
  const share = (axis) => Array.from({ length: axis.outputs }, (_, n) => countInside(axis, n) / axis.kernelSize);
  return share(rows).flatMap((down) => share(columns).map((right) => divergingColor(-0.2 - 0.8 * down * right, theme)));
}

// The formula in letters, each with its number below; a letter that is pointed at lights what it counts.
function createFormula(frame, n) {
  const element = h("div", { class: "cb-formula", role: "group", "aria-label": `Formula of ${PADDINGS[n]}` });
  let terms = [];
  const lightUp = (term) => frame.set({ term });
  const createTerm = (term) => {
    const number = h("span", { class: "cb-value" });
    const button = createButton(h("i", {}, TERMS[term][0]), (event) => {
      // A mouse lights it by pointing; a finger or a key turns it on and off.
      if (event.pointerType !== "mouse") lightUp(frame.model.get("term") === term ? NO_TERM : term);
    });
    button.append(number);
    button.addEventListener("pointerenter", ({ pointerType }) => pointerType === "mouse" && lightUp(term));
    button.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && lightUp(NO_TERM));
    button.addEventListener("focus", () => button.matches(":focus-visible") && lightUp(term));
    button.addEventListener("blur", () => lightUp(NO_TERM));
    return { term, button, number };
  };
  const show = remember((template) => {
    const lines = writeFormula(JSON.parse(template)).map((line) => {
      return line.map((part) => (TERMS[part] ? createTerm(part) : h("span", {}, part)));
    });
    terms = lines.flat().filter(({ term }) => term);
    element.replaceChildren(...lines.map((line) => h("div", {}, ...line.map((part) => part.button ?? part))));
  });
  return {
    element,
    update({ both }) {
      const [, columns] = both[n];
      const { padding, dilationRate } = columns;
      show(JSON.stringify({ padding, dilationRate: Math.min(dilationRate, 2) }));
      for (const { term, button, number } of terms) {
        const value = formatNumber(valueOf(term, columns));
        setText(number, value);
        setAttribute(button, "aria-label", `${TERMS[term][0]}, ${TERMS[term][1]}: ${value}`);
        setAttribute(button, "aria-pressed", frame.model.get("term") === term);
      }
    },
  };
}

function speakTerm({ model }, { both }) {
  const [name, meaning] = TERMS[model.get("term")];
  const values = both.map(([, columns]) => `${columns.padding} ${formatNumber(valueOf(model.get("term"), columns))}`);
  return `${name}, ${meaning}: ${values.join(", ")}.`;
}

// The formulas of rows and columns with the numbers put in.
function createSums() {
  const lists = PADDINGS.map(() => h("dl", { class: "cb-formulas simple" })); // the theme spreads out other lists
  const parts = PADDINGS.map((padding, n) => createCaptioned(padding, lists[n]));
  return {
    element: h("div", { class: "cb-flow cb-sums" }, ...parts),
    update({ both }) {
      both.forEach((axes, n) => {
        const sums = writeSums(axes).flatMap(([name, sum]) => [h("dt", {}, name), h("dd", {}, sum)]);
        lists[n].replaceChildren(...sums);
      });
    },
  };
}
