// The feature maps figure: what a trained network makes of a few pictures, stage after stage.

import {
  clampIndex,
  colorPixels,
  createButton,
  createLegend,
  createPanel,
  createSlider,
  divergingColor,
  formatCount,
  formatNumber,
  formatPercent,
  h,
  isIndex,
  joinParts,
  liveFigure,
  paintPixels,
  placeBox,
  remember,
  setIdle,
  setStyle,
  setText,
  setVariables,
} from "./base.js";
import { createButtonGroup, createPixelGrid } from "./controls.js";

// ---- the mathematics: pure functions, tested against NumPy and Keras -----------------------------------------------

// The bytes that are packed with deflate and written in base64.
export async function unpack(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The levels of every map, maps[stage][channel][picture], out of one strip of bytes.
function splitMaps(strip, stages, pictures) {
  let next = 0;
  const take = (size) => strip.subarray(next, (next += size));
  return stages.map(({ height, width, channels }) =>
    channels.map(() => Array.from({ length: pictures }, () => take(height * width))),
  );
}

// The largest distance of a level from zero's, over all pictures of a channel: the ends of its scale.
function largestSize(pictures, zero) {
  const sizeOf = (levels) => levels.reduce((largest, level) => Math.max(largest, Math.abs(level - zero)), 1);
  return Math.max(...pictures.map(sizeOf));
}

// The window of the picture that a place looks at, maybe beyond its edges; null where it is not known.
function windowOf({ rows, columns, whole, problem }, { height, width }, row, column) {
  if (problem) return null;
  if (whole) return { top: 0, bottom: height, left: 0, right: width };
  const [top, left] = [rows[0] + row * rows[2], columns[0] + column * columns[2]];
  return { top, bottom: top + rows[1], left, right: left + columns[1] };
}

function boxOf({ top, bottom, left, right }) {
  return { row: top, column: left, height: bottom - top, width: right - left };
}

// Where a map lies on the picture, in pixels: each place around the centre of its window, as wide as the step from one
// window to the next. Without windows the map is spread over the whole picture.
function areaOf({ field, height, width }, picture) {
  if (!field.rows) return { row: 0, column: 0, height: picture.height, width: picture.width };
  const along = ([start, size, jump], count) => [start + size / 2 - jump / 2, jump * count];
  const [[row, high], [column, wide]] = [along(field.rows, height), along(field.columns, width)];
  return { row, column, height: high, width: wide };
}

// The place of another stage's maps that looks at nearly the same spot of the picture.
function samePlace(from, to, picture, row, column) {
  const [source, target] = [areaOf(from, picture), areaOf(to, picture)];
  const along = (start, step, place, otherStart, otherStep, count) =>
    clampIndex(Math.round((start + (place + 0.5) * step - otherStart) / otherStep - 0.5), count);
  return {
    row: along(source.row, source.height / from.height, row, target.row, target.height / to.height, to.height),
    column: along(source.column, source.width / from.width, column, target.column, target.width / to.width, to.width),
  };
}

// The place with the largest size of a value, the first of equal ones.
function strongestPlace(levels, zero, width) {
  let [best, size] = [0, -1];
  levels.forEach((level, place) => {
    if (Math.abs(level - zero) > size) [best, size] = [place, Math.abs(level - zero)];
  });
  return { row: Math.floor(best / width), column: best % width };
}

// ---- what is said ---------------------------------------------------------------------------------------------------

export function writeValue(value, step) {
  if (value === 0) return "0";
  return `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(decimalsOf(step))}`;
}

function decimalsOf(step) {
  return Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
}

export function writeStep(step) {
  const decimals = Math.max(0, decimalsOf(step) + (step < 1 ? 1 : 0));
  return (Math.ceil(step * 10 ** decimals - 1e-9) / 10 ** decimals).toFixed(decimals);
}

export function writeWindow({ top, bottom, left, right }, { height, width }) {
  const inside = [Math.max(top, 0), Math.min(bottom, height), Math.max(left, 0), Math.min(right, width)];
  const size = `${bottom - top} × ${right - left} pixels`;
  if (inside.join() === [0, height, 0, width].join()) return `It looks at the whole picture: its window has ${size}.`;
  if (inside[0] >= inside[1] || inside[2] >= inside[3]) {
    return `It looks at padding alone: its window of ${size} lies beyond the edge.`;
  }
  const [rows, columns] = [`rows ${inside[0]} to ${inside[1] - 1}`, `columns ${inside[2]} to ${inside[3] - 1}`];
  if (inside.join() !== [top, bottom, left, right].join()) {
    return `It looks at ${rows} and ${columns} of the picture: its window of ${size} goes beyond the edge.`;
  }
  const centre = `row ${formatNumber((top + bottom - 1) / 2)}, column ${formatNumber((left + right - 1) / 2)}`;
  return `It looks at ${rows} and ${columns} of the picture: ${size} around ${centre}.`;
}

function writeLook({ window, stage, size }) {
  return window ? writeWindow(window, size) : `Which pixels it looks at is not known: ${stage.field.problem}.`;
}

function describe(now) {
  const { stage, stages, channelNumber, row, column } = now;
  const shape = `${stage.height} × ${stage.width} places × ${stage.all_channels} channels`;
  return (
    `${now.names[now.picture]}, stage ${now.stageNumber + 1} of ${stages.length}, ${stage.title}: ${shape}. Channel ` +
    `${channelNumber} at row ${row}, column ${column}: ${writeValue(now.value, now.step)}. ${writeLook(now)} It is ` +
    `zero at ${now.zeroShare} of its places.`
  );
}

const HINT_CHOSEN = "Shown are those whose values spread most over all pictures and places (standard deviation), no two " +
  "of them alike (correlation below 0.9).";
const HINT_SCALE = "Each channel has its own scale, the same for all pictures.";

// ---- the figure ----------------------------------------------------------------------------------------------------

const TRAITS = ["picture", "stage", "channel", "row", "column", "strength"];

export default liveFigure("feature_maps", TRAITS, async (frame) => {
  const state = createState(frame, await unpack(frame.model.get("_maps")));
  const beside = joinParts("cb-beside", createChannels(frame, state), createStrip(frame, state));
  const panels = joinParts("cb-panels", createView(frame, state), beside);
  const update = frame.add(createControls(frame, state), createStages(state), panels);

  return () => {
    const now = state.read();
    update(now);
    return describe(now);
  };
}, {
  task: ["Choose a layer and a channel, and point at the picture to see where it responds.", "Or use the arrow keys."],
  *check({ _names, _stages, picture, stage, channel, row, column }) {
    if (!isIndex(picture, _names.length)) yield "picture";
    if (!isIndex(stage, _stages.length)) return yield "stage";
    const { channels, height, width } = _stages[stage];
    if (!isIndex(channel, channels.length)) yield "channel";
    if (!isIndex(row, height)) yield "row";
    if (!isIndex(column, width)) yield "column";
  },
});

// The figure's state as its parts need it: the traits, and what follows from them.
function createState({ model, set }, strip) {
  const [stages, names, size] = ["_stages", "_names", "_pictures"].map((name) => model.get(name));
  const maps = splitMaps(strip, stages, names.length);
  const scales = maps.map((channels, n) => channels.map((pictures, c) => largestSize(pictures, stages[n].zero_levels[c])));

  const read = () => {
    const picture = clampIndex(model.get("picture"), names.length);
    const stageNumber = clampIndex(model.get("stage"), stages.length);
    const stage = stages[stageNumber];
    const channel = clampIndex(model.get("channel"), stage.channels.length);
    const [row, column] = [clampIndex(model.get("row"), stage.height), clampIndex(model.get("column"), stage.width)];
    const [step, zero, map] = [stage.steps[channel], stage.zero_levels[channel], maps[stageNumber][channel]];
    return {
      ...{ stages, names, size, picture, stageNumber, stage, channel, row, column, step, zero, map },
      maps: maps[stageNumber],
      scales: scales[stageNumber],
      strength: model.get("strength"),
      channelNumber: stage.channels[channel],
      value: (map[picture][row * stage.width + column] - zero) * step,
      window: windowOf(stage.field, size, row, column),
      zeroShare: formatPercent(stage.zeros[picture][channel] / (stage.height * stage.width)),
    };
  };
  return {
    read,
    visit(row, column) {
      const { stage } = read();
      set({ row: clampIndex(row, stage.height), column: clampIndex(column, stage.width) });
    },
    walkTo(number) {
      const { stage, channel, row, column } = read();
      const next = stages[clampIndex(number, stages.length)];
      const place = samePlace(stage, next, size, row, column);
      set({ stage: stages.indexOf(next), channel: clampIndex(channel, next.channels.length), ...place });
    },
  };
}

// Draws a map, one pixel to a place; colours come from a table of all levels.
function paintMap(canvas, levels, stage, zero, largest, theme) {
  const shades = Array.from({ length: 256 }, (_, level) => divergingColor((level - zero) / largest, theme));
  const table = new Uint32Array(colorPixels(shades).buffer);
  const words = new Uint32Array(levels.length);
  levels.forEach((level, place) => (words[place] = table[level]));
  paintPixels(canvas, new Uint8ClampedArray(words.buffer), stage);
}

// Walking: back, on, and a slider; and how much of the map lies over the picture.
function createControls(frame, state) {
  const walk = (step) => () => state.walkTo(state.read().stageNumber + step);
  const [back, on] = [createButton("←", walk(-1), "Stage before"), createButton("→", walk(1), "Next stage")];
  const slider = createSlider("Stage", (number) => state.walkTo(number - 1));
  const strength = createSlider("Map over picture", (strength) => frame.set({ strength }), { unit: " %" });
  const group = { class: "cb-field cb-walk", role: "group", "aria-label": "Walk the stages" };
  return {
    element: h("div", { class: "cb-bar" }, h("div", group, back, slider, on), strength),
    update({ stageNumber, stages, strength: share }) {
      slider.update(stageNumber + 1, { min: 1, max: stages.length, disabled: stages.length === 1 });
      strength.update(share, { min: 0, max: 100 });
      setIdle(back, stageNumber === 0);
      setIdle(on, stageNumber === stages.length - 1);
    },
  };
}

// One row for each stage: its shape, how many numbers, and how many of them are zero.
function createStages(state) {
  const { stages } = state.read();
  const counts = stages.map(({ height, width, all_channels }) => height * width * all_channels);
  const most = Math.max(...counts);
  const rows = [];
  const make = (n) => {
    const { title, height, width, all_channels } = stages[n];
    const words = { title, shape: `${height} × ${width} × ${all_channels}`, numbers: formatCount(counts[n]) };
    const zeros = [h("span", { class: "cb-words" }), h("span", { class: "cb-fill" })];
    const numbers = h("span", { class: "cb-fill", style: `width:${(100 * counts[n]) / most}%` });
    rows[n] = { words, zeros };
    return [
      h("span", { class: "cb-words cb-title" }, words.title),
      h("span", { class: "cb-words" }, words.shape),
      h("span", {}, h("span", { class: "cb-words" }, words.numbers), h("span", { class: "cb-track" }, numbers)),
      h("span", {}, zeros[0], h("span", { class: "cb-track" }, zeros[1])),
    ];
  };
  const choices = createButtonGroup("Stage", { className: "cb-stages", make, onPress: state.walkTo });
  const heads = ["Stage", "Maps", "Numbers", "Zero"].map((text) => h("span", {}, text));
  const head = h("div", { class: "cb-hint cb-stage-head", "aria-hidden": "true" }, ...heads);
  return {
    element: h("div", { class: "cb-stage-table" }, head, choices),
    update({ stageNumber, picture }) {
      choices.update(stages.length, (n) => n === stageNumber);
      rows.forEach(({ words, zeros: [share, fill] }, n) => {
        const zeros = stages[n].all_zeros[picture] / counts[n];
        setText(share, formatPercent(zeros));
        setStyle(fill, `width:${100 * zeros}%`);
        const label = `${words.title}: ${words.shape}, ${words.numbers} numbers, ${formatPercent(zeros)} of them zero`;
        choices.buttons()[n].setAttribute("aria-label", label);
        choices.buttons()[n].title = `Layer ${stages[n].layer}`;
      });
    },
  };
}

// The picture, large, under the chosen map; the place, its value, and the window that it looks at.
function createView(frame, state) {
  const windowAt = () => {
    const { row, column } = state.read();
    return { row, column };
  };
  const pixels = createPixelGrid({ windowAt, moveTo: state.visit, hover: state.visit });
  const image = h("img", { class: "cb-photo", alt: "" });
  const sight = h("div", { class: "cb-sight" });
  const screen = h("div", { class: "cb-screen" }, image, pixels, sight);
  const strongest = createButton("Strongest place", () => {
    const { stage, picture, zero, map } = state.read();
    frame.set(strongestPlace(map[picture], zero, stage.width));
  });
  const legend = createLegend();
  const [value, exact] = [h("strong", { class: "cb-value" }), h("span", { class: "cb-hint" })];
  const [look, zeros] = [h("p", { class: "cb-look" }), h("p", { class: "cb-zeros" })];
  const reading = h("p", { class: "cb-below cb-reading" }, value, exact);
  const keys = h("p", { class: "cb-below" }, strongest);
  const panel = createPanel("view", "", screen, legend, reading, look, zeros, keys);
  const canvas = pixels.element.querySelector("canvas");
  const paint = remember((map, picture, theme) => {
    const { stage, zero, scales, channel } = state.read();
    paintMap(canvas, map[picture], stage, zero, scales[channel], theme);
  });
  return {
    element: panel.element,
    update(now) {
      const { stage, picture, channel, row, column, zero, step, size, window } = now;
      paint(now.map, picture, frame.theme);
      if (image.src !== size.urls[picture]) image.src = size.urls[picture];
      image.alt = now.names[picture];
      setVariables(panel.element, { ratio: size.width / size.height, strength: now.strength / 100 });
      placeBox(pixels.element, areaOf(stage, size), size);
      pixels.place({ row, column });
      sight.hidden = !window;
      if (window) placeBox(sight, boxOf(window), size);
      const written = writeValue(now.value, step);
      setText(panel.title, `Channel ${now.channelNumber}`);
      setText(panel.note, `of ${stage.title}, ${now.names[picture]}`);
      const write = (value) => writeValue(value, step);
      legend.update(now.scales[channel] * step, frame.theme, { from: zero ? -1 : 0, write });
      setText(value, written);
      setText(exact, `at row ${row}, column ${column}; right to within ${writeStep(step)}`);
      setText(look, writeLook(now));
      setText(zeros, `Zero at ${now.zeroShare} of its places in this picture.`);
      const keys = "arrow keys move the place";
      pixels.describe(`Map of channel ${now.channelNumber}, ${stage.height} rows and ${stage.width} columns; ${keys}`);
    },
  };
}

// The maps of the stage's channels for the chosen picture.
function createChannels(frame, state) {
  const cells = [];
  const make = (n) => {
    cells[n] = { canvas: h("canvas", {}), name: h("span", { class: "cb-caption" }) };
    return [cells[n].canvas, cells[n].name];
  };
  const choices = createButtonGroup("Channel", {
    className: "cb-maps",
    make,
    onPress: (channel) => frame.set({ channel }),
  });
  const hint = h("p", { class: "cb-hint" }, `${HINT_CHOSEN} ${HINT_SCALE}`);
  const panel = createPanel("channels", "", choices, hint);
  const paint = remember((maps, picture, theme) => {
    const { stage, scales } = state.read();
    stage.channels.forEach((number, n) => {
      paintMap(cells[n].canvas, maps[n][picture], stage, stage.zero_levels[n], scales[n], theme);
      setText(cells[n].name, String(number));
      choices.buttons()[n].setAttribute("aria-label", `Channel ${number}`);
    });
  });
  return {
    element: panel.element,
    update({ stage, maps, picture, channel }) {
      const [count, all] = [stage.channels.length, stage.all_channels];
      choices.update(count, (n) => n === channel);
      setVariables(choices.element, { ratio: stage.width / stage.height, across: count % 4 && count < 7 ? 3 : 4 });
      setText(panel.title, count === all ? `All ${count} channels` : `${count} of ${all} channels`);
      setText(panel.note, `${stage.height} × ${stage.width} each`);
      paint(maps, picture, frame.theme);
    },
  };
}

// The chosen channel for every picture, on one scale; here the picture is chosen.
function createStrip(frame, state) {
  const cells = [];
  const make = (n) => {
    const { names, size } = state.read();
    const image = h("img", { class: "cb-photo", alt: names[n], src: size.urls[n] });
    cells[n] = { canvas: h("canvas"), most: h("span", { class: "cb-caption" }) };
    return [image, cells[n].canvas, h("span", { class: "cb-caption" }, names[n]), cells[n].most];
  };
  const choices = createButtonGroup("Picture", {
    className: "cb-strip",
    make,
    onPress: (picture) => frame.set({ picture }),
  });
  const panel = createPanel("pictures", "", choices);
  setText(panel.note, "with its strongest value; choose one to see it large");
  const paint = remember((map, theme) => {
    const { names, stage, scales, channel, zero, step } = state.read();
    map.forEach((levels, n) => {
      const [{ canvas, ...words }, name] = [cells[n], names[n]];
      paintMap(canvas, levels, stage, zero, scales[channel], theme);
      const { row, column } = strongestPlace(levels, zero, stage.width);
      const most = writeValue((levels[row * stage.width + column] - zero) * step, step);
      setText(words.most, most);
      choices.buttons()[n].setAttribute("aria-label", `${name}, strongest value ${most}`);
    });
  });
  return {
    element: panel.element,
    update({ names, map, channelNumber, picture, size }) {
      choices.update(names.length, (n) => n === picture);
      setVariables(choices.element, { pictures: names.length, ratio: size.width / size.height });
      setText(panel.title, `Channel ${channelNumber} in every picture`);
      paint(map, frame.theme);
    },
  };
}
