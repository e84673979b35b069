// The augmentation figure: strengths to turn, nine random versions of a picture, and ticks for those still believed.

import {
  clampNumber,
  createButton,
  createCheckbox,
  createPanel,
  createSelect,
  createSlider,
  decodePicture,
  formatMove,
  formatNumber,
  h,
  isIndex,
  joinParts,
  liveFigure,
  paintPixels,
  picturePixels,
  remember,
  setAttribute,
  setIdle,
  setText,
} from "./base.js";
import { createButtonGroup } from "./controls.js";

const TILES = 9;
const FLIPS = { none: "none", horizontal: "horizontal", vertical: "vertical", both: "horizontal_and_vertical" };
const FILL_MODES = ["reflect", "constant", "nearest", "wrap"];
const LARGEST = { rotation: 0.5, zoom: 0.8, translation: 0.5, contrast: 1, brightness: 1 };
const STRENGTHS = Object.keys(LARGEST);
const LARGEST_DRAW = 999;

// ---- random numbers: pure functions --------------------------------------------------------------------------------

// Seven numbers in 0…1, always the same for the same draw and tile: for flip, rotation, zoom, translation down and
// right, contrast, brightness. With `extremes` all but the first are moved to the nearer of 0 and 1.
export function randomNumbers(draw, tile, extremes) {
  return Array.from({ length: 7 }, (_, place) => {
    const number = mix((draw * TILES + tile) * 8 + place + 1);
    return extremes && place > 0 ? Number(number >= 0.5) : number;
  });
}

// The bits of a count mixed as at the end of MurmurHash3 (Austin Appleby, public domain).
function mix(count) {
  let bits = Math.imul(count, 0x9e3779b9);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
}

// What happens to a picture of this size: degrees counter-clockwise, own pixels per pixel, pixels, factor, grey levels.
export function makeTransformation([first, ...rest], flip, strengths, height, width) {
  const [turn, size, down, right, contrast, brightness] = rest.map((number) => 2 * number - 1);
  return {
    flip: first <= 0.5 ? flip : "none",
    angle: turn * strengths.rotation * 360,
    zoom: 1 + size * strengths.zoom,
    down: down * strengths.translation * height,
    right: right * strengths.translation * width,
    contrast: 1 + contrast * strengths.contrast,
    brightness: brightness * strengths.brightness * 255,
  };
}

// ---- pictures: pure functions, tested against Keras's layers -------------------------------------------------------

// One transformation, one layer after the other as in Keras; grey levels 0…255, not rounded.
export function transformPicture(picture, transformation, fillMode) {
  const { height, width, channels } = picture;
  const { flip, contrast, brightness } = transformation;
  let values = flip === "none" ? picture.values : flipPixels(picture, flip);
  for (const matrix of affineMatrices(transformation, height, width)) {
    values = resample({ height, width, channels, values }, matrix, fillMode);
  }
  if (contrast !== 1) values = changeContrast({ channels, values }, contrast);
  if (brightness !== 0) values = changeBrightness(values, brightness);
  return { ...picture, values };
}

function flipPixels({ height, width, channels, values }, flip) {
  const result = new Float32Array(values.length);
  for (let row = 0; row < height; row++) {
    const sourceRow = flip === "horizontal" ? row : height - 1 - row;
    for (let column = 0; column < width; column++) {
      const from = (sourceRow * width + (flip === "vertical" ? column : width - 1 - column)) * channels;
      const to = (row * width + column) * channels;
      for (let channel = 0; channel < channels; channel++) result[to + channel] = values[from + channel];
    }
  }
  return result;
}

// Where each geometric layer reads: the pixel at (x, y) comes from (a0 x + a1 y + a2, b0 x + b1 y + b2). Rounded as
// Keras's float32: after a quarter turn pixels lie on the border, where 'wrap' jumps and the last digit decides.
function affineMatrices({ angle, zoom, down, right }, height, width) {
  const [x, y] = [(width - 1) / 2, (height - 1) / 2]; // the centre stays where it is
  const { fround } = Math;
  const matrices = [];
  if (angle !== 0) {
    const radians = fround(fround(angle) * fround(Math.PI / 180));
    const [cos, sin] = [fround(Math.cos(radians)), fround(Math.sin(radians))];
    const a2 = fround(fround(x - fround(x * cos)) + fround(y * sin));
    const b2 = fround(fround(y - fround(x * sin)) - fround(y * cos));
    matrices.push([cos, -sin, a2, sin, cos, b2]);
  }
  if (zoom !== 1) {
    const rest = fround(1 - fround(zoom));
    matrices.push([zoom, 0, x * rest, 0, zoom, y * rest]);
  }
  if (down !== 0 || right !== 0) matrices.push([1, 0, -right, 0, 1, -down]);
  return matrices.map((matrix) => matrix.map(fround));
}

// A picture read at other places, between the pixels too (bilinear).
function resample(picture, [a0, a1, a2, b0, b1, b2], fillMode) {
  const { height, width, channels, values } = picture;
  const result = new Float32Array(values.length);
  const { fround, floor } = Math;
  const locate = (a, b, c, size) => mapCoordinate(fround(fround(a + b) + c), size, fillMode);
  const isTurned = a1 !== 0 || b0 !== 0;
  const columns = Float64Array.from({ length: width }, (_, column) => locate(fround(a0 * column), 0, a2, width));
  for (let row = 0, to = 0; row < height; row++) {
    const rowsX = fround(a1 * row);
    const rowsY = fround(b1 * row);
    const rowY = locate(0, rowsY, b2, height);
    for (let column = 0; column < width; column++, to += channels) {
      const x = isTurned ? locate(fround(a0 * column), rowsX, a2, width) : columns[column];
      const y = isTurned ? locate(fround(b0 * column), rowsY, b2, height) : rowY;
      const left = floor(x);
      const top = floor(y);
      if (left < 0 || left >= width - 1 || top < 0 || top >= height - 1) {
        readAtBorder(picture, x, y, result, to);
        continue;
      }
      const across = x - left;
      const down = y - top;
      const from = (top * width + left) * channels;
      const below = from + width * channels;
      for (let channel = 0; channel < channels; channel++) {
        const upper = values[from + channel] * (1 - across) + values[from + channels + channel] * across;
        const lower = values[below + channel] * (1 - across) + values[below + channels + channel] * across;
        result[to + channel] = upper * (1 - down) + lower * down;
      }
    }
  }
  return result;
}

// The same where not all four pixels around the place are in the picture: those outside are black.
function readAtBorder({ height, width, channels, values }, x, y, result, to) {
  const left = Math.floor(x);
  const top = Math.floor(y);
  for (let i = top; i <= top + 1; i++) {
    for (let j = left; j <= left + 1; j++) {
      if (i < 0 || i >= height || j < 0 || j >= width) continue;
      const weight = (1 - Math.abs(y - i)) * (1 - Math.abs(x - j));
      for (let channel = 0; channel < channels; channel++) {
        result[to + channel] += weight * values[(i * width + j) * channels + channel];
      }
    }
  }
}

// A place beyond the picture's border brought back into it, along one axis; 'constant' leaves it outside.
function mapCoordinate(place, size, fillMode) {
  if (fillMode === "constant" || (place >= 0 && place <= size - 1)) return place;
  let inside = place;
  if (fillMode === "reflect") {
    inside = (place < 0 ? -place - 1 : place) % (2 * size);
    if (inside >= size) inside = 2 * size - inside - 1;
  } else if (fillMode === "wrap") {
    inside =
      place < 0
        ? place + size * (Math.trunc(-place / (size - 1)) + 1)
        : place - size * Math.trunc(place / (size - 1));
  }
  return clampNumber(inside, 0, size - 1);
}

// The differences from each channel's mean, multiplied.
function changeContrast({ channels, values }, contrast) {
  const result = new Float32Array(values.length);
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0;
    for (let n = channel; n < values.length; n += channels) sum += values[n];
    const mean = (sum * channels) / values.length;
    for (let n = channel; n < values.length; n += channels) {
      result[n] = clampNumber((values[n] - mean) * contrast + mean, 0, 255);
    }
  }
  return result;
}

function changeBrightness(values, levels) {
  const result = new Float32Array(values.length);
  for (let n = 0; n < values.length; n++) result[n] = clampNumber(values[n] + levels, 0, 255);
  return result;
}

// ---- the words -----------------------------------------------------------------------------------------------------

// What each strength means for a picture of this size.
export function writeMeanings({ rotation, zoom, translation, contrast, brightness }, height, width) {
  const [down, across] = [height, width].map((side) => formatNumber(translation * side));
  const [smallest, largest] = [zoom, -zoom].map((change) => Math.round(100 / (1 + change)));
  const [lowest, highest] = [-contrast, contrast].map((change) => formatNumber(1 + change));
  return {
    rotation: `±${formatNumber(360 * rotation)}°`,
    zoom: `size ${smallest} to ${largest} %`,
    translation: height === width ? `±${down} px` : `±${down} px down, ±${across} px across`,
    contrast: `× ${lowest} to × ${highest}`,
    brightness: `±${Math.round(255 * brightness)} of 255`,
  };
}

// What happened to one version.
export function writeTransformation({ flip, angle, zoom, down, right, contrast, brightness }) {
  const flips = { none: "", horizontal: "mirrored", vertical: "upside down", horizontal_and_vertical: "half a turn" };
  const move = formatMove(down, right, (pixels) => `${writeTenth(pixels)} px`);
  const parts = [
    flips[flip],
    angle !== 0 && `turned ${writeTenth(Math.abs(angle))}° ${angle > 0 ? "counter-" : ""}clockwise`,
    zoom !== 1 && `${Math.round(100 / zoom)} % as large`,
    move && `moved ${move}`,
    contrast !== 1 && `contrast × ${formatNumber(contrast)}`,
    brightness !== 0 && `${Math.round(Math.abs(brightness))} levels ${brightness > 0 ? "brighter" : "darker"}`,
  ];
  return parts.filter(Boolean).join(", ") || "unchanged";
}

// The settings in a line, those left out that are off.
function writeStrengths({ flip, fillMode, extremes, strengths }) {
  const used = STRENGTHS.filter((name) => strengths[name]);
  const parts = [...writeFlip(flip), ...used.map((name) => `${name} ${writeFactor(strengths[name])}`)];
  if (isGeometric(strengths) && fillMode !== "reflect") parts.push(`fill ${fillMode}`);
  if (extremes && used.length) parts.push("at the ends");
  return parts.join(" · ") || "no transform";
}

// The layers as Keras code.
function writeCode({ flip, fillMode, strengths }) {
  const fill = fillMode !== "reflect" ? `, fill_mode="${fillMode}"` : "";
  const write = {
    rotation: (factor) => `RandomRotation(${factor}${fill})`,
    zoom: (factor) => `RandomZoom(${factor}${fill})`,
    translation: (factor) => `RandomTranslation(${factor}, ${factor}${fill})`,
    contrast: (factor) => `RandomContrast((${factor}, ${factor}))`,
    brightness: (factor) => `RandomBrightness(${factor})`,
  };
  const layers = STRENGTHS.filter((name) => strengths[name]).map((name) => write[name](writeFactor(strengths[name])));
  // Both ways is what Keras does where nothing is said.
  if (flip !== "none") layers.unshift(flip === FLIPS.both ? "RandomFlip()" : `RandomFlip("${flip}")`);
  if (layers.length === 0) return "keras.Sequential([])";
  return ["keras.Sequential([", ...layers.map((layer) => `    layers.${layer},`), "])"].join("\n");
}

// What the figure shows, in a sentence.
function writeSummary({ name, height, width, draw, flip, extremes, strengths }) {
  const meanings = writeMeanings(strengths, height, width);
  const used = STRENGTHS.filter((strength) => strengths[strength]);
  const parts = [
    ...writeFlip(flip).map((text) => `${text} with chance 1/2`),
    ...used.map((strength) => `${strength} ${meanings[strength]}`),
  ];
  const ends = extremes && used.length ? ", each at an end of its range" : "";
  const what = parts.length ? parts.join("; ") + ends : "no transform, nine times the original";
  return `Nine versions of ${name}, ${height} × ${width} pixels, draw ${draw}: ${what}.`;
}

function writeFlip(flip) {
  return flip === "none" ? [] : [`flip ${flip.replaceAll("_", " ")}`];
}

function writeCount(count) {
  return `You believe ${count} of ${TILES}.`;
}

function writeFactor(strength) {
  return String(Number(strength.toFixed(4)));
}

function writeTenth(value) {
  return formatNumber(Math.floor(value * 10 + 0.5) / 10);
}

function isGeometric({ rotation, zoom, translation }) {
  return Boolean(rotation || zoom || translation);
}

// The judgements of one picture at one setting counted together: [{ picture, strengths, believed, shown }].
function countJudgements(judgements) {
  const counts = new Map();
  for (const { picture, strengths, believed } of judgements) {
    const key = `${picture}\n${strengths}`;
    const count = counts.get(key) ?? { picture, strengths, believed: 0, shown: 0 };
    counts.set(key, { ...count, believed: count.believed + believed, shown: count.shown + TILES });
  }
  return [...counts.values()];
}

// ---- the figure ----------------------------------------------------------------------------------------------------

export default liveFigure(
  "augmentation",
  ["_pictures", "_names", "picture", "flip", ...STRENGTHS, "fill_mode", "draw", "extremes", "believed", "judgements"],
  (frame) => {
    const state = createState(frame);
    const panels = [createSource(state), createVersions(frame, state), createJudgements(frame, state), createCode()];
    const update = frame.add(createStrengths(frame, state), joinParts("cb-panels", ...panels));

    return () => {
      const now = state.read();
      update(now);
      return [writeSummary(now), writeCount(now.believed.length)];
    };
  },
  {
    task: "Turn a slider up, and tick each version that you would still take for a picture of the same thing.",
    *check({ picture, _pictures }) {
      if (!isIndex(picture, _pictures.length)) yield "picture";
    },
  },
);

// The figure's state as its parts need it: the traits, and what follows from them.
function createState({ model, set }) {
  const decode = remember((packed) => packed.map(decodePicture));
  const strengthsOf = remember((...amounts) => Object.fromEntries(STRENGTHS.map((name, n) => [name, amounts[n]])));
  const transform = remember((picture, flip, fillMode, draw, extremes, strengths) => {
    return Array.from({ length: TILES }, (_, tile) => {
      const numbers = randomNumbers(draw, tile, extremes);
      const transformation = makeTransformation(numbers, flip, strengths, picture.height, picture.width);
      return { transformation, pixels: picturePixels(transformPicture(picture, transformation, fillMode)) };
    });
  });
  const read = () => {
    const pictures = decode(model.get("_pictures"));
    const number = Math.min(model.get("picture"), pictures.length - 1);
    const [flip, fillMode, draw, extremes] = ["flip", "fill_mode", "draw", "extremes"].map((name) => model.get(name));
    const strengths = strengthsOf(...STRENGTHS.map((name) => model.get(name)));
    const { height, width } = pictures[number];
    const names = model.get("_names");
    const believed = [...new Set(model.get("believed"))];
    const now = { pictures, names, number, name: names[number], height, width };
    Object.assign(now, { flip, fillMode, draw, extremes, strengths, believed });
    const tiles = transform(pictures[number], flip, fillMode, draw, extremes, strengths);
    const judgement = { picture: now.name, strengths: writeStrengths(now), draw, believed: believed.length };
    return { ...now, tiles, judgement, judgements: model.get("judgements") };
  };
  return {
    read,
    // New versions: what was ticked is gone.
    choose: (changes) => set({ ...changes, believed: [] }),
    toggle(tile) {
      const { believed } = read();
      const others = believed.filter((other) => other !== tile);
      set({ believed: others.length < believed.length ? others : [...others, tile].sort((a, b) => a - b) });
    },
  };
}

// Which layers there are, and how strong.
function createStrengths(frame, state) {
  const sliders = STRENGTHS.map((name) => {
    const label = name[0].toUpperCase() + name.slice(1);
    return createSlider(label, (value) => frame.set({ [name]: value }), { step: 0.01, write: writeFactor });
  });
  const flip = createSelect("Flip", (name) => frame.set({ flip: FLIPS[name] }));
  const fillMode = createSelect("Beyond the border", (value) => frame.set({ fill_mode: value }));
  const off = createButton("All off", () => {
    frame.set({ flip: "none", ...Object.fromEntries(STRENGTHS.map((name) => [name, 0])) });
  });
  const fields = h("div", { class: "cb-settings" }, flip, ...sliders);
  return {
    element: h("div", { class: "cb-strengths" }, fields, h("div", { class: "cb-choices" }, fillMode, off)),
    update({ strengths, flip: chosen, fillMode: filled, height, width }) {
      const meanings = writeMeanings(strengths, height, width);
      STRENGTHS.forEach((name, n) => {
        const meaning = strengths[name] === 0 ? "off" : meanings[name];
        sliders[n].update(strengths[name], { min: 0, max: LARGEST[name], meaning });
      });
      flip.update(Object.keys(FLIPS), Object.keys(FLIPS).find((name) => FLIPS[name] === chosen));
      fillMode.update(FILL_MODES, filled, !isGeometric(strengths)); // else nothing is seen beyond the border
      setIdle(off, !isRandom({ flip: chosen, strengths }));
    },
  };
}

// The original, and the pictures to choose from.
function createSource(state) {
  const original = h("canvas", { role: "img" });
  const choices = h("div", { class: "cb-flow cb-thumbs", role: "group", "aria-label": "Picture" });
  const panel = createPanel("source", "Original", original, choices);
  let thumbs = [];
  const list = remember((pictures, names) => {
    thumbs = pictures.map((picture, number) => {
      const thumb = h("canvas");
      paintPixels(thumb, picturePixels(picture), picture);
      const attributes = { type: "button", class: "cb-bare", "aria-label": names[number], title: names[number] };
      const choose = () => number !== state.read().number && state.choose({ picture: number });
      return h("button", { ...attributes, onclick: choose }, thumb);
    });
    choices.replaceChildren(...thumbs);
    choices.hidden = pictures.length < 2;
  });
  const paint = remember((picture) => paintPixels(original, picturePixels(picture), picture));
  return {
    element: panel.element,
    update(now) {
      list(now.pictures, now.names);
      paint(now.pictures[now.number]);
      thumbs.forEach((thumb, number) => thumb.setAttribute("aria-pressed", number === now.number));
      original.setAttribute("aria-label", `Original, ${now.name}`);
      setText(panel.note, `${now.name}, ${now.height} × ${now.width}`);
    },
  };
}

// The nine versions, each to be ticked; the pointer or the keyboard's focus tells what happened to one.
function createVersions(frame, state) {
  let looked = -1; // at which version
  const look = (tile) => {
    if (looked === tile) return;
    looked = tile;
    frame.redraw();
  };
  const pictures = Array.from({ length: TILES }, () => h("canvas"));
  const group = createButtonGroup("Nine versions; arrow keys go from one to the next, the space bar ticks it", {
    role: "checkbox",
    className: "cb-tiles",
    make: (tile) => [pictures[tile], h("span", { class: "cb-tick", "aria-hidden": "true" })],
    onPress: state.toggle,
    onFocus: look,
  });
  const tileOf = (element) => group.buttons().indexOf(element?.closest("button"));
  group.element.addEventListener("pointerover", ({ target }) => look(tileOf(target) < 0 ? looked : tileOf(target)));
  group.element.addEventListener("pointerleave", () => look(tileOf(document.activeElement)));
  const caption = h("p", { class: "cb-caption" });
  const controls = createDraws(frame, state);
  const panel = createPanel("versions", "Which do you still believe?", group, caption, controls);
  const paint = remember((versions, picture) => {
    versions.forEach(({ pixels }, tile) => paintPixels(pictures[tile], pixels, picture));
  });
  return {
    element: panel.element,
    update(now) {
      group.update(TILES, (tile) => now.believed.includes(tile));
      paint(now.tiles, now.pictures[now.number]);
      const texts = now.tiles.map(({ transformation }) => writeTransformation(transformation));
      group.buttons().forEach((button, tile) => {
        setAttribute(button, "aria-label", `Version ${tile + 1} of ${TILES}: ${texts[tile]}`);
      });
      const hint = "Point at a version to read what was done to it.";
      setText(caption, looked < 0 ? hint : `Version ${looked + 1}: ${texts[looked]}.`);
      controls.update(now);
    },
  };
}

// Other random numbers, the ends of the ranges, and the count.
function createDraws(frame, state) {
  const drawAt = (draw) => state.choose({ draw: (draw + LARGEST_DRAW + 1) % (LARGEST_DRAW + 1) });
  const again = createButton("Draw again", () => isRandom(state.read()) && drawAt(state.read().draw + 1));
  const before = createButton("Draw before", () => state.read().draw > 0 && drawAt(state.read().draw - 1));
  const shown = h("span", { class: "cb-note" });
  const ends = createCheckbox("All at the ends of their ranges", (extremes) => state.choose({ extremes }));
  const draws = h("div", { class: "cb-buttons" }, again, before, shown);
  return {
    element: h("div", { class: "cb-choices" }, draws, ends),
    update(now) {
      setText(shown, `draw ${now.draw}`);
      setIdle(again, !isRandom(now));
      setIdle(before, now.draw === 0);
      ends.update(now.extremes, { disabled: !hasRange(now) });
    },
  };
}

function hasRange({ strengths }) {
  return STRENGTHS.some((name) => strengths[name]);
}

function isRandom(now) {
  return now.flip !== "none" || hasRange(now);
}

// What the reader believed, setting by setting.
function createJudgements(frame, state) {
  const count = h("strong", { class: "cb-count" });
  const strengths = h("span", { class: "cb-hint" });
  const note = createButton("Note it", () => {
    const { judgement, judgements } = state.read();
    if (isNoted(judgement, judgements)) return;
    frame.set({ judgements: [...judgements.filter((other) => !isSameView(other, judgement)), judgement] });
  });
  const forget = createButton("Forget all", () => frame.set({ judgements: [] }));
  const rows = h("ul", { class: "cb-rows", "aria-label": "Your judgements" });
  const list = remember((judgements) => {
    rows.replaceChildren(...countJudgements(judgements).map(createRow));
  });
  const line = h("div", { class: "cb-flow cb-judgement" }, count, h("div", { class: "cb-buttons" }, note, forget));
  return {
    element: h("div", { class: "cb-judgements" }, line, strengths, rows),
    update({ believed, judgement, judgements }) {
      setText(count, writeCount(believed.length));
      setText(strengths, `${judgement.picture} · ${judgement.strengths}`);
      setText(note, isNoted(judgement, judgements) ? "Noted" : "Note it");
      setIdle(note, isNoted(judgement, judgements));
      forget.hidden = judgements.length === 0;
      list(judgements);
    },
  };
}

function isSameView(one, other) {
  return ["picture", "strengths", "draw"].every((name) => one[name] === other[name]);
}

function isNoted(judgement, judgements) {
  return judgements.some((other) => isSameView(other, judgement) && other.believed === judgement.believed);
}

function createRow({ picture, strengths, believed, shown }) {
  const fill = h("span", { class: "cb-fill", style: `width:${(100 * believed) / shown}%` });
  const words = [`${picture} · ${strengths}`, `${believed} of ${shown}`].map((text) => h("span", {}, text));
  return h("li", {}, words[0], h("span", { class: "cb-track", "aria-hidden": "true" }, fill), words[1]);
}

// The layers as code; each line is an element of its own, so that a long one goes on below its beginning.
function createCode() {
  const code = h("code", {});
  const list = remember((text) => {
    code.replaceChildren(...text.split("\n").map((line) => h("span", { class: "cb-line" }, line)));
  });
  return { element: h("pre", { class: "cb-code" }, code), update: (now) => list(writeCode(now)) };
}
