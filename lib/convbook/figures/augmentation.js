// The augmentation figure: how strong the changes are, nine versions of a picture, what a network says to each, and how
// well networks did that were trained at this strength.

import {
  clampNumber,
  createButton,
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
  s,
  setAttribute,
  setIdle,
  setText,
} from "./base.js";
import { createButtonGroup, createDetails } from "./controls.js";

const TILES = 9;
const FLIPS = { none: "none", horizontal: "horizontal", vertical: "vertical", both: "horizontal_and_vertical" };
const FILL_MODES = ["reflect", "constant", "nearest", "wrap"];
const LARGEST = { rotation: 0.5, zoom: 0.8, translation: 0.5, contrast: 1, brightness: 1 };
const STRENGTHS = Object.keys(LARGEST);
// The recipe at its usual strength, beside a horizontal flip, and how many times that there is to choose; as in Python.
const RECIPE = { rotation: 0.1, zoom: 0.2 };
const LEVELS = [[0, "none"], [0.5, "½ ×"], [1, "1 ×"], [2, "2 ×"], [4, "4 ×"]];
const DRAWS = 4;
const [GUESSING, CHART] = [0.5, { width: 56, height: 84 }];

// ---- random numbers: pure functions --------------------------------------------------------------------------------

// Seven numbers in 0…1, always the same for the same draw and tile: for flip, rotation, zoom, translation down and
// right, contrast, brightness.
export function randomNumbers(draw, tile) {
  return Array.from({ length: 7 }, (_, place) => mix((draw * TILES + tile) * 8 + place + 1));
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

// What comes of the settings, in two sentences: what a network says to the nine versions, and what was recorded.
export function writeConsequence({ level, answers, number, names, recorded }) {
  if (level === null) return "No network was asked about this mix of changes, and none was trained with it.";
  const right = answers.filter(([says]) => says === number).length;
  const said = answers.length ? `A network still says ${names[number]} to ${right} of ${TILES}. ` : "";
  if (!recorded.length) return said;
  const [now, none] = [recorded[level], recorded[0]].map((shares) => findMean(shares).toFixed(2));
  if (level === 0) return `${said}Networks that learned from pictures as they are got ${none} of new ones right.`;
  return `${said}Networks that learned from such versions got ${now} of new pictures right; without, ${none}.`;
}

function findMean(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

// The number of the level that these settings are, or null.
export function findLevel(flip, fillMode, strengths) {
  const isOf = (times) => STRENGTHS.every((name) => Math.abs(strengths[name] - times * (RECIPE[name] ?? 0)) < 1e-6);
  const level = LEVELS.findIndex(([times]) => isOf(times) && flip === (times ? "horizontal" : "none"));
  return level < 0 || fillMode !== "reflect" ? null : level;
}

// What the figure shows, for who does not see it.
function writeSettings({ name, height, width, draw, flip, strengths }) {
  const meanings = writeMeanings(strengths, height, width);
  const flips = flip === "none" ? [] : [`flip ${flip.replaceAll("_", " ")} with chance 1/2`];
  const used = STRENGTHS.filter((each) => strengths[each]).map((each) => `${each} ${meanings[each]}`);
  const what = [...flips, ...used].join("; ") || "no change, nine times the original";
  return `Nine versions of ${name}, draw ${draw + 1}: ${what}.`;
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

// ---- the figure ----------------------------------------------------------------------------------------------------

const DATA = ["_pictures", "_names", "_answers", "_recorded"];

export default liveFigure(
  "augmentation",
  [...DATA, "picture", "flip", ...STRENGTHS, "fill_mode", "draw"],
  (frame) => {
    const read = createReader(frame);
    const sentence = h("p", { class: "cb-consequence" });
    const parts = [createLevels(frame), { element: sentence }, createSource(frame), createVersions()];
    const panels = joinParts("cb-panels", ...parts);
    const details = createDetails(frame, "Each change by itself, and its code", createStrengths(frame), createCode());
    const update = frame.add(panels, details);
    return () => {
      const now = read();
      update(now);
      setText(sentence, writeConsequence(now));
      return [writeSettings(now), sentence.textContent];
    };
  },
  {
    task: "Turn the strength up until you, and then a network, stop believing it.",
    *check({ picture, _pictures }) {
      if (!isIndex(picture, _pictures.length)) yield "picture";
    },
  },
);

// A function that gives the figure's state as its parts need it: the traits, and what follows from them.
function createReader({ model }) {
  const decode = remember((packed) => packed.map(decodePicture));
  const strengthsOf = remember((...amounts) => Object.fromEntries(STRENGTHS.map((name, n) => [name, amounts[n]])));
  const transform = remember((picture, flip, fillMode, draw, strengths) => {
    return Array.from({ length: TILES }, (_, tile) => {
      const numbers = randomNumbers(draw, tile);
      const transformation = makeTransformation(numbers, flip, strengths, picture.height, picture.width);
      return { transformation, pixels: picturePixels(transformPicture(picture, transformation, fillMode)) };
    });
  });
  return () => {
    const [packed, names, allAnswers, recorded] = DATA.map((name) => model.get(name));
    const [picture, flip, fillMode, draw] = ["picture", "flip", "fill_mode", "draw"].map((name) => model.get(name));
    const pictures = decode(packed);
    const number = Math.min(picture, pictures.length - 1);
    const strengths = strengthsOf(...STRENGTHS.map((name) => model.get(name)));
    const level = findLevel(flip, fillMode, strengths);
    const answers = allAnswers[level]?.[number][draw] ?? [];
    const { height, width } = pictures[number];
    const now = { pictures, number, names, name: names[number], height, width, flip, fillMode, draw, strengths };
    return { ...now, level, answers, recorded, tiles: transform(pictures[number], flip, fillMode, draw, strengths) };
  };
}

// The strengths to choose from; above each, the accuracy of every network that was trained at it, and their mean.
function createLevels(frame) {
  const recorded = frame.model.get("_recorded");
  const all = [GUESSING, ...recorded.flat()];
  const [low, high] = [Math.min(...all) - 0.03, Math.max(...all) + 0.12];
  const y = (share) => CHART.height * (1 - (share - low) / (high - low));
  const drawColumn = (shares) => {
    const [mean, middle] = [findMean(shares), CHART.width / 2];
    const dots = shares.map((share) => s("circle", { cx: middle, cy: y(share), r: 3 }));
    const number = s("text", { x: middle, y: y(Math.max(...shares)) - 9 }, mean.toFixed(2));
    const marks = [s("path", { class: "cb-guessing", d: `M0 ${y(GUESSING)}H${CHART.width}` }), ...dots];
    marks.push(s("path", { class: "cb-mean", d: `M${middle - 13} ${y(mean)}h26` }), number);
    if (shares === recorded[0]) marks.push(s("text", { class: "cb-guess", x: middle, y: y(GUESSING) - 4 }, "guessing"));
    return s("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, "aria-hidden": "true" }, ...marks);
  };
  const group = createButtonGroup("Strength of the changes", {
    className: "cb-levels",
    buttonClass: "cb-button",
    make: (n) => [...(recorded.length ? [drawColumn(recorded[n])] : []), h("span", {}, LEVELS[n][1])],
    onPress: (n) => {
      const [times] = LEVELS[n];
      const amounts = STRENGTHS.map((name) => [name, Number((times * (RECIPE[name] ?? 0)).toFixed(4))]);
      frame.set({ ...Object.fromEntries(amounts), flip: times ? "horizontal" : "none", fill_mode: "reflect" });
    },
  });
  const note = h("span", { class: "cb-note" }, recorded.length ? "and the accuracy recorded at it" : "");
  const heading = h("div", { class: "cb-heading" }, h("strong", {}, "Strength"), note);
  return {
    element: h("div", { class: "cb-recipe" }, heading, group),
    update: ({ level }) => group.update(LEVELS.length, (n) => n === level),
  };
}

// The pictures to choose from, and other random numbers.
function createSource(frame) {
  const group = createButtonGroup("Picture", {
    className: "cb-flow cb-thumbs",
    make: () => [h("canvas", {})],
    onPress: (number) => frame.set({ picture: number }),
  });
  const again = createButton("Draw again", () => frame.set({ draw: (frame.model.get("draw") + 1) % DRAWS }));
  const paint = remember((pictures, names) => {
    group.buttons().forEach((button, n) => {
      paintPixels(button.firstChild, picturePixels(pictures[n]), pictures[n]);
      for (const name of ["aria-label", "title"]) button.setAttribute(name, `Original, ${names[n]}`);
    });
  });
  return {
    element: h("div", { class: "cb-flow cb-source" }, group, again),
    update({ pictures, names, number, level }) {
      group.update(pictures.length, (n) => n === number);
      group.element.hidden = pictures.length < 2;
      paint(pictures, names);
      setIdle(again, level === 0);
    },
  };
}

// The nine versions, with what the network says to each below it.
function createVersions() {
  const tiles = Array.from({ length: TILES }, () => {
    const [canvas, says] = [h("canvas", { role: "img" }), h("span", { class: "cb-says", "aria-hidden": "true" })];
    return { canvas, says, element: h("div", {}, canvas, says) };
  });
  const paint = remember((versions, picture) => {
    versions.forEach(({ pixels }, tile) => paintPixels(tiles[tile].canvas, pixels, picture));
  });
  return {
    element: h("div", { class: "cb-tiles" }, ...tiles),
    update({ tiles: versions, pictures, number, names, answers }) {
      paint(versions, pictures[number]);
      tiles.forEach(({ canvas, says }, tile) => {
        const [answer, percent] = answers[tile] ?? [];
        const isRight = answer === number;
        const said = answer === undefined ? "" : `${isRight ? "✓" : "✗"} ${names[answer]} ${percent} %`;
        setText(says, said);
        says.classList.toggle("cb-wrong", said !== "" && !isRight);
        const what = writeTransformation(versions[tile].transformation);
        const words = `Version ${tile + 1} of ${TILES}: ${what}${said && `; the network says ${said.slice(2)}`}`;
        for (const name of ["aria-label", "title"]) setAttribute(canvas, name, words);
      });
    },
  };
}

// Which layers there are, and how strong.
function createStrengths(frame) {
  const sliders = STRENGTHS.map((name) => {
    const label = name[0].toUpperCase() + name.slice(1);
    return createSlider(label, (value) => frame.set({ [name]: value }), { step: 0.01, write: writeFactor });
  });
  const flip = createSelect("Flip", (name) => frame.set({ flip: FLIPS[name] }));
  const fillMode = createSelect("Beyond the border", (value) => frame.set({ fill_mode: value }));
  return {
    element: h("div", { class: "cb-settings" }, flip, fillMode, ...sliders),
    update({ strengths, flip: chosen, fillMode: filled, height, width }) {
      const meanings = writeMeanings(strengths, height, width);
      STRENGTHS.forEach((name, n) => {
        const meaning = strengths[name] === 0 ? "off" : meanings[name];
        sliders[n].update(strengths[name], { min: 0, max: LARGEST[name], meaning });
      });
      flip.update(Object.keys(FLIPS), Object.keys(FLIPS).find((name) => FLIPS[name] === chosen));
      fillMode.update(FILL_MODES, filled, !isGeometric(strengths)); // else nothing is seen beyond the border
    },
  };
}

// The layers as code; each line is an element of its own, so that a long one goes on below its beginning.
function createCode() {
  const code = h("code", {});
  const list = remember((text) => {
    code.replaceChildren(...text.split("\n").map((line) => h("span", { class: "cb-line" }, line)));
  });
  return { element: h("pre", { class: "cb-code" }, code), update: (now) => list(writeCode(now)) };
}
