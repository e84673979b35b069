// The feature maps figure: what the channels of a trained network look for, stage after stage, and where a picture has it.

import {
  clampIndex,
  clampNumber,
  createPanel,
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
  setAttribute,
  setStyle,
  setText,
  setVariables,
} from "./base.js";
import { createButtonGroup, createDetails } from "./controls.js";

const GLOW = [232, 106, 0, 230]; // where a channel responds as much as anywhere: red, green, blue and opacity
const DIMMED = [0, 110, 190, 230]; // where it falls below zero as far

// ---- the mathematics: pure functions, tested against NumPy and Keras -----------------------------------------------

// The bytes that are packed with deflate and written in base64.
export async function unpack(text) {
  const stream = new Blob([unpackBytes(text)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function unpackBytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
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

// The patch that a place sees, a square inside the picture of at most half of its smaller side, as Python cuts it; null
// where what it sees is not known.
export function patchOf({ rows, columns, problem }, { height, width }, row, column) {
  if (problem || !rows) return null;
  const side = Math.min(Math.max(rows[1], columns[1]), Math.max(1, Math.min(height, width) >> 1));
  const along = ([start, size, jump], place, whole) =>
    Math.floor(clampNumber(start + place * jump + (size - side) / 2, 0, whole - side));
  return { row: along(rows, row, height), column: along(columns, column, width), height: side, width: side };
}

// Where a map lies on the picture, in pixels: each place around the centre of its window, as wide as the step from one
// window to the next. Without windows the map is spread over the whole picture.
function areaOf({ field, height, width }, picture) {
  if (!field.rows) return { row: 0, column: 0, height: picture.height, width: picture.width };
  const along = ([start, size, jump], count) => [start + size / 2 - jump / 2, jump * count];
  const [[row, high], [column, wide]] = [along(field.rows, height), along(field.columns, width)];
  return { row, column, height: high, width: wide };
}

// The place with the largest value, the first of equal ones.
function strongestPlace(levels, width) {
  const best = levels.reduce((best, level, place) => (level > levels[best] ? place : best), 0);
  return { row: Math.floor(best / width), column: best % width };
}

// ---- what is said ---------------------------------------------------------------------------------------------------

export function writeValue(value, step) {
  if (value === 0) return "0";
  return `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)))}`;
}

// How much of a picture a place of a stage sees.
export function writeSight({ rows, columns, whole, problem }, { height, width }) {
  if (problem) return "sees: not known";
  if (whole || (rows[1] >= height && columns[1] >= width)) return "sees all of it";
  return rows[1] === columns[1] ? `sees ${rows[1]} px` : `sees ${rows[1]} × ${columns[1]} px`;
}

function writeNow({ stage, channelNumber, patch }) {
  const here = patch ? "The frame: what excites it most in this picture." : "";
  return `Channel ${channelNumber} of ${formatCount(stage.all_channels)} in ${stage.title}. ${here}`;
}

function writeNumbers({ stage, picture, channel, channelNumber, step, value, row, column, names }) {
  const { height, width, all_channels: channels } = stage;
  const [places, numbers] = [height * width, height * width * channels];
  const [all, own] = [stage.all_zeros[picture] / numbers, stage.zeros[picture][channel] / places];
  return (
    `${stage.title} (layer ${stage.layer}) makes ${height} × ${width} places × ${formatCount(channels)} channels of ` +
    `${names[picture]}: ${formatCount(numbers)} numbers, ${formatPercent(all)} of them zero. Channel ` +
    `${channelNumber} is largest at row ${row}, column ${column}: ${writeValue(value, step)}; it is zero at ` +
    `${formatPercent(own)} of its places. ${writeLook(stage)}`
  );
}

function writeLook({ field }) {
  if (field.problem) return `Which pixels a place sees is not known: ${field.problem}.`;
  if (!field.rows) return "Each place sees the whole picture.";
  const [rows, columns] = [field.rows, field.columns].map(([, size]) => formatNumber(size));
  return `The window of a place has ${rows} × ${columns} pixels.`;
}

const HOW =
  "No picture gives two patches. The channels shown are those whose strongest responses differ most from picture to picture, no two of them alike, " +
  "or were named by the author. A patch is what the place with the strongest response sees; of windows larger than " +
  "half a picture it is the middle. Orange is scaled for each channel by its largest value in these pictures.";

// ---- the figure ----------------------------------------------------------------------------------------------------

const TRAITS = ["picture", "stage", "channel"];

export default liveFigure("feature_maps", TRAITS, async (frame) => {
  const read = createReader(frame.model, await unpack(frame.model.get("_maps")));
  for (const { patches } of read().stages) keepSheet(frame, patches);
  const look = joinParts("cb-look", createView(frame, read), createBest(read), createChannels(frame));
  const foot = joinParts("cb-foot", createPictures(frame, read), createText("cb-now", writeNow));
  const texts = [createText("", writeNumbers), createText("cb-hint", () => HOW)];
  const more = createDetails(frame, "Numbers, and how this was made", ...texts);
  const update = frame.add(createStages(frame, read), look, foot, more);

  return () => {
    const state = read();
    update(state);
    return `${writeNow(state)} ${writeNumbers(state)}`;
  };
}, {
  task: "Choose a stage and one of its channels, and see what it looks for.",
  *check({ _names, _stages, picture, stage, channel }) {
    if (!isIndex(picture, _names.length)) yield "picture";
    if (!isIndex(stage, _stages.length)) return yield "stage";
    if (!isIndex(channel, _stages[stage].channels.length)) yield "channel";
  },
});

// Puts the picture of a stage's patches into a variable by a short address: with all of its bytes each redraw would carry
// them around.
function keepSheet({ el, onRemove }, { sheet, url }) {
  const address = URL.createObjectURL(new Blob([unpackBytes(url.split(",")[1])], { type: "image/webp" }));
  el.style.setProperty(sheet, `url(${address})`);
  onRemove(() => URL.revokeObjectURL(address));
}

// A paragraph of what `write` makes of the state.
function createText(className, write) {
  const element = h("p", { class: className });
  return { element, update: (now) => setText(element, write(now)) };
}

// A function that gives the figure's state as its parts need it: the traits, and what follows from them.
function createReader(model, strip) {
  const [stages, names, size] = ["_stages", "_names", "_pictures"].map((name) => model.get(name));
  const maps = splitMaps(strip, stages, names.length);
  return () => {
    const picture = clampIndex(model.get("picture"), names.length);
    const stageNumber = clampIndex(model.get("stage"), stages.length);
    const stage = stages[stageNumber];
    const channel = clampIndex(model.get("channel"), stage.channels.length);
    const [step, zero, map] = [stage.steps[channel], stage.zero_levels[channel], maps[stageNumber][channel]];
    const { row, column } = strongestPlace(map[picture], stage.width);
    const value = (map[picture][row * stage.width + column] - zero) * step;
    return {
      ...{ stages, names, size, picture, stageNumber, stage, channel, step, zero, map, row, column, value },
      channelNumber: stage.channels[channel],
      patch: value > 0 ? patchOf(stage.field, size, row, column) : null,
    };
  };
}

// So many patches; `show(stage, cells)` shows those of a stage at [channel, rank], out of its one picture of all patches.
function createPatches(className, count) {
  const patches = Array.from({ length: count }, () => h("i", { class: "cb-patch" }));
  const share = (n, count) => `${(100 * n) / Math.max(1, count - 1)}%`;
  return {
    element: h("span", { class: className }, ...patches),
    show({ patches: { sheet, across }, channels }, cells) {
      cells.forEach(([channel, rank], n) => {
        const place = `${share(rank, across)} ${share(channel, channels.length)}`;
        const size = `${100 * across}% ${100 * channels.length}%`;
        setStyle(patches[n], `background:var(${sheet}) ${place} / ${size}`);
      });
    },
  };
}

// The stages side by side, each with the patch that excites each of its channels most.
function createStages(frame, read) {
  const { stages, size } = read();
  const make = (n) => {
    const cells = stages[n].channels.map((_, channel) => [channel, 0]);
    const samples = createPatches("cb-samples", cells.length);
    samples.show(stages[n], cells);
    return [h("b", { title: `Layer ${stages[n].layer}` }, stages[n].title), h("span", { class: "cb-caption" }, writeSight(stages[n].field, size)), samples];
  };
  const onPress = (stage) => {
    frame.set({ stage, channel: clampIndex(read().channel, stages[stage].channels.length) });
  };
  const choices = createButtonGroup("Stage", { className: "cb-stages cb-choices", make, onPress });
  setVariables(choices.element, { stages: stages.length });
  return { element: choices.element, update: ({ stageNumber }) => choices.update(stages.length, (n) => n === stageNumber) };
}

// The picture in grey, with the chosen channel's responses as a glow, and a frame round what excites it most.
function createView(frame, read) {
  const [image, canvas] = [h("img", { class: "cb-photo", alt: "The picture in grey" }), h("canvas", { "aria-hidden": "true" })];
  const sight = h("div", { class: "cb-sight" });
  const panel = createPanel("view", "Where it responds", h("div", { class: "cb-screen" }, image, canvas, sight));
  const paint = remember((map, picture) => {
    const { stage, zero } = read();
    const largest = largestSize(map, zero);
    const rgba = new Uint8ClampedArray(4 * map[picture].length);
    map[picture].forEach((level, place) => {
      const [red, green, blue, opacity] = level < zero ? DIMMED : GLOW;
      rgba.set([red, green, blue, (opacity * Math.abs(level - zero)) / largest], 4 * place);
    });
    paintPixels(canvas, rgba, stage);
    placeBox(canvas, areaOf(stage, read().size), read().size);
  });
  return {
    element: panel.element,
    update({ map, picture, names, size, patch }) {
      paint(map, picture);
      if (image.src !== size.urls[picture]) image.src = size.urls[picture];
      image.alt = names[picture];
      setVariables(panel.element, { ratio: size.width / size.height });
      sight.hidden = !patch;
      if (patch) placeBox(sight, patch, size);
    },
  };
}

// The patches that excite the chosen channel most.
function createBest(read) {
  const { stages, size } = read();
  const count = stages[0].patches.across;
  const best = createPatches("cb-best", count);
  const panel = createPanel("found", "What it looks for", best);
  setText(panel.note, `in ${formatCount(size.searched)} pictures`);
  best.element.setAttribute("role", "img");
  return {
    element: panel.element,
    update({ stage, channel, channelNumber }) {
      best.show(stage, Array.from({ length: count }, (_, rank) => [channel, rank]));
      const label = `The ${count} patches that excite channel ${channelNumber} of ${stage.title} most`;
      setAttribute(best.element, "aria-label", label);
    },
  };
}

// The channels of the stage, each with its best patch.
function createChannels(frame) {
  const cells = [];
  const make = (n) => {
    cells[n] = { patch: createPatches("cb-one", 1), number: h("span", { class: "cb-caption" }) };
    return [cells[n].patch, cells[n].number];
  };
  const onPress = (channel) => frame.set({ channel });
  const choices = createButtonGroup("Channel", { className: "cb-channels cb-choices", make, onPress });
  return {
    element: createPanel("all", "Channels", choices).element,
    update({ stage, channel }) {
      choices.update(stage.channels.length, (n) => n === channel);
      stage.channels.forEach((number, n) => {
        cells[n].patch.show(stage, [[n, 0]]);
        setText(cells[n].number, String(number));
      });
    },
  };
}

// The pictures to choose from.
function createPictures(frame, read) {
  const { names, size } = read();
  const make = (n) => [h("img", { class: "cb-photo", alt: names[n], src: size.urls[n] }), h("span", { "aria-hidden": "true" }, names[n])];
  const choices = createButtonGroup("Picture", { className: "cb-pictures cb-choices", make, onPress: (picture) => frame.set({ picture }) });
  choices.element.hidden = names.length === 1;
  return { element: choices.element, update: ({ picture }) => choices.update(names.length, (n) => n === picture) };
}
