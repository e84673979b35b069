// The figure of padding and strides: a window on the padded input, the output that fills up, and the sums behind it.

import {
  bind,
  colorPixels,
  createCheckbox,
  createOverlay,
  createPanel,
  createSelect,
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
  setText,
  setVariables,
} from "./base.js";
import { createPicturePanel, createStepping } from "./controls.js";

const LARGEST = { height: 16, width: 16, kernel_size: 7, strides: 5, dilation_rate: 3 };
const LARGEST_NUMBERED = 24; // pixels side by side, above which the numbers in them cannot be read
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

function isInside({ size }, position) {
  return position >= 0 && position < size;
}

// ---- the words -----------------------------------------------------------------------------------------------------

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

// Why there is no output, and what would help; empty where there is one.
export function writeProblem([rows, columns]) {
  const { stride, dilationRate, span } = rows;
  if (stride > 1 && dilationRate > 1) {
    return `Keras refuses stride ${stride} together with dilation rate ${dilationRate}: set one of them to 1.`;
  }
  if (rows.outputs > 0 && columns.outputs > 0) return "";
  const smaller = dilationRate > 1 ? "take a smaller dilation rate, " : "";
  return (
    `No window fits: it spans ${span} × ${span} pixels, the input has ${rows.size} × ${columns.size}. ` +
    `Enlarge the input, ${smaller}or pad: 'same'.`
  );
}

// Which pixels one output reads.
export function writeReading([rows, columns], row, column) {
  const places = [readBy(rows, row), readBy(columns, column)].map(writePositions);
  const pixels = writePixels([rows, columns], row, column);
  return `Output row ${row}, column ${column} reads rows ${places[0]} and columns ${places[1]}: ${pixels}.`;
}

function writePositions(positions) {
  return positions.map(formatNumber).join(", ");
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

const SIZES = ["height", "width", "kernel_size", "strides", "padding", "dilation_rate"];
const TRAITS = [...SIZES, "row", "column", "all_windows", "show_counts"];

export default liveFigure("padding and strides", TRAITS, (frame) => {
  const state = createState(frame);
  const problem = h("p", { class: "cb-problem" });
  const panels = joinParts("cb-panels", createInput(state, frame), createOutput(state, frame), createSums());
  const update = frame.add(createSizes(frame), createControls(frame, state), problem, panels);

  return function draw() {
    const now = state.read();
    frame.el.dataset.fits = now.problem === "";
    setText(problem, now.problem);
    update(now);
    if (state.stepping.playing) return undefined;
    if (now.problem) return ["", now.problem];
    return [`Output ${now.rows} × ${now.columns}.`, writeReading(now.axes, now.row, now.column)];
  };
}, {
  task: ["Change a size, or drag the window, and see how many outputs there are and why.", "Arrow keys move it, too."],
  *check(state) {
    const [height, width, ...rest] = SIZES.map((name) => state[name]);
    const axes = [height, width].map((size) => planAxis(size, ...rest));
    const [rows, columns] = writeProblem(axes) ? [1, 1] : axes.map(({ outputs }) => outputs);
    if (!isIndex(state.row, rows)) yield "row";
    if (!isIndex(state.column, columns)) yield "column";
  },
});

// The figure's state as its parts need it: the traits, what follows from them, and where the window has been.
function createState(frame) {
  const axesOf = remember((height, width, ...rest) => [height, width].map((size) => planAxis(size, ...rest)));
  const problemOf = remember(writeProblem);
  const countsOf = remember(readCounts);
  const compute = () => {
    const axes = axesOf(...SIZES.map((name) => frame.model.get(name)));
    const problem = problemOf(axes);
    const [rows, columns] = problem ? [0, 0] : axes.map((axis) => axis.outputs);
    return { axes, problem, rows, columns };
  };
  const gridOf = () => ({ ...compute(), key: compute().axes });
  const stepping = createStepping(frame, { gridOf, pausesMs: [60, 400, 12_000] });
  const read = () => {
    const now = { ...compute(), ...stepping.read() };
    return { ...now, counts: countsOf(now.axes, now.problem), showCounts: frame.model.get("show_counts") };
  };
  return { read, stepping };
}

// How many outputs read each pixel of the input, row by row.
function readCounts([rows, columns], problem) {
  const [down, right] = [rows, columns].map(countReads);
  const values = down.flatMap((rowCount) => right.map((columnCount) => (problem ? 0 : rowCount * columnCount)));
  return { height: rows.size, width: columns.size, values, most: Math.max(...values) };
}

// The sizes that can be set.
function createSizes(frame) {
  const labels = {
    height: "Input rows",
    width: "Input columns",
    kernel_size: "Kernel",
    strides: "Stride",
    dilation_rate: "Dilation rate",
  };
  const sliders = Object.entries(labels).map(([name, label]) => {
    return [name, createSlider(label, (value) => frame.set({ [name]: value }))];
  });
  const padding = createSelect("Padding", (value) => frame.set({ padding: value }));
  const note = h("p", { class: "cb-hint" }, "Keras takes a dilation rate above 1 only with stride 1.");
  const fields = sliders.map(([, slider]) => slider);
  return {
    element: h("div", { class: "cb-settings" }, ...fields, padding, note),
    update({ axes: [{ padding: chosen, stride, dilationRate }] }) {
      const barred = { strides: dilationRate > 1 && stride === 1, dilation_rate: stride > 1 && dilationRate === 1 };
      for (const [name, slider] of sliders) {
        slider.update(frame.model.get(name), { min: 1, max: LARGEST[name], disabled: barred[name] });
      }
      padding.update(PADDINGS, chosen);
      note.hidden = !barred.strides && !barred.dilation_rate;
    },
  };
}

// How the window walks, and what the pixels show.
function createControls(frame, { read, stepping }) {
  const counts = createCheckbox("How often each pixel is read", (shown) => {
    frame.set({ show_counts: shown });
    if (shown && !read().problem) frame.announce(writeCounts(read().counts));
  });
  return joinParts("cb-bar", stepping, bind(counts, ({ showCounts }) => [showCounts]));
}

// The input inside its padding, with the window on it.
function createInput({ read, stepping }, frame) {
  const moveTo = (row, column) => {
    const { stride } = read().axes[0];
    stepping.moveTo(Math.round(row / stride), Math.round(column / stride));
  };
  const options = { windowAt: () => windowOf(read()), moveTo };
  const { element, pixels, place, note } = createPicturePanel("input", "Input", options);
  const [overlay, legend] = [createLines(pixels), h("p", { class: "cb-hint" })];
  element.append(legend);
  const paint = remember((axes, counts, showCounts, theme) => {
    const colors = counts.values.map((count) => countColor(count, counts.most, showCounts, theme));
    pixels.paint(colorPixels(colors), counts, axes.map(({ before, after }) => [before, after]));
    const [height, width] = axes.map(paddedSize);
    setVariables(element, { tallest: height });
    overlay.update(axes, showCounts && Math.max(height, width) <= LARGEST_NUMBERED ? counts : null, colors);
  });
  return {
    element,
    update(now) {
      const { axes, row, column, problem, counts, showCounts } = now;
      paint(axes, counts, showCounts, frame.theme);
      pixels.place(windowOf(now));
      overlay.mark(windowOf(now));
      const [height, width] = axes.map(({ size }) => size);
      const [rows, columns] = [readBy(axes[0], row), readBy(axes[1], column)].map(writePositions);
      const sentence = problem || (showCounts ? writeCounts(counts) : "");
      const sides = axes.map(({ before, after }) => `${before} and ${after}`);
      const around = axes.some(({ before, after }) => before + after > 0)
        ? `, padding ${sides[0]} above and below, ${sides[1]} left and right`
        : "";
      pixels.describe(
        `Input of ${height} rows and ${width} columns${around}; arrow keys move the window. ${sentence}`.trim(),
      );
      setText(note, `${height} × ${width}${around && ", padding hatched"}`);
      setText(place, problem ? "" : `rows ${rows} · columns ${columns}`);
      setText(legend, problem ? "" : showCounts ? writeCounts(counts) : writeUnread(counts));
    },
  };
}

// The window's frame, in cells of the padded grid.
function windowOf({ axes: [rows, columns], row, column }) {
  const step = rows.stride;
  return { row: row * step, column: column * step, height: rows.span, width: columns.span, step };
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
  const [numbers, marks] = [s("g", { class: "cb-counts" }), s("path", { class: "cb-marks" })];
  const overlay = createOverlay(lines, edge, marks, numbers);
  pixels.element.append(overlay.element);
  return {
    // The parts that stay while the window moves.
    update([rows, columns], counts, colors) {
      const [height, width] = [rows, columns].map(paddedSize);
      overlay.size({ height, width });
      lines.setAttribute("d", gridLines(height, width));
      const box = { x: columns.before, y: rows.before, width: columns.size, height: rows.size };
      for (const [name, value] of Object.entries(box)) edge.setAttribute(name, value);
      numbers.setAttribute("transform", `translate(${columns.before} ${rows.before})`);
      numbers.replaceChildren(...(counts ? drawNumbers(counts.values, colors, counts.width) : []));
      marks.setAttribute("d", markSquares(rows));
    },
    // The pixels that the window reads go with it.
    mark({ row, column }) {
      marks.setAttribute("transform", `translate(${column} ${row})`);
    },
  };
}

function gridLines(height, width) {
  const across = Array.from({ length: height + 1 }, (_, row) => `M0 ${row}H${width}`);
  const down = Array.from({ length: width + 1 }, (_, column) => `M${column} 0V${height}`);
  return [...across, ...down].join("");
}

// A square on each entry of the kernel; dilation leaves gaps.
function markSquares({ kernelSize, dilationRate }) {
  const places = Array.from({ length: kernelSize }, (_, entry) => entry * dilationRate + 0.14);
  return places.flatMap((y) => places.map((x) => `M${x} ${y}h.72v.72h-.72z`)).join("");
}

// The output, as far as the window has been, drawn to the input's scale.
function createOutput({ read, stepping }, frame) {
  const options = { windowAt: read, moveTo: stepping.moveTo, byKeyboard: false };
  const { element, pixels, place, hint, note } = createPicturePanel("output", "Output", options);
  const [overlay, legend] = [createLines(pixels), h("p", { class: "cb-hint" })];
  element.append(legend);
  const colorsOf = remember(outputColors);
  const drawLines = remember((rows, columns) => overlay.update([rows, columns].map(plainAxis), null));
  return {
    element,
    update({ axes, problem, rows, columns, row, column, visited, isComplete, count }) {
      setText(note, problem ? "none" : `${rows} × ${columns}`);
      if (problem) return;
      const colors = colorsOf(axes, frame.theme).map((color, cell) => (isComplete || visited.has(cell)) && color);
      pixels.paint(colorPixels(colors), { height: rows, width: columns });
      drawLines(rows, columns);
      pixels.place({ row, column });
      const [height, width] = axes.map(paddedSize);
      setVariables(element, { share: columns / width, tallest: height });
      const shown = isComplete ? "complete" : `${visited.size} of ${count} outputs`;
      pixels.describe(`Output of ${rows} rows and ${columns} columns, ${shown}`);
      setText(place, `output[${row}, ${column}]`);
      setText(hint, writePixels(axes, row, column));
      const padded = axes.some(({ before, after }) => before + after > 0);
      setText(legend, `${shown}${padded ? "; the paler, the more of its window is padding" : ""}`);
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

// The formulas with the numbers put in.
function createSums() {
  const list = h("dl", { class: "cb-formulas simple" }); // the theme spreads out other lists
  const panel = createPanel("sums", "Sizes", list);
  const show = remember((axes) => {
    list.replaceChildren(...writeSums(axes).flatMap(([name, sum]) => [h("dt", {}, name), h("dd", {}, sum)]));
  });
  return {
    element: panel.element,
    update({ axes, problem }) {
      const [rows, columns] = axes;
      show(axes);
      setText(panel.note, problem ? "" : `${rows.size} × ${columns.size} → ${rows.outputs} × ${columns.outputs}`);
    },
  };
}
