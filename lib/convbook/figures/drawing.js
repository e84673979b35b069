// A surface to draw a digit on, by pointer, finger or keys, and the picture that the nets of the book get of it.

import { clampNumber, followKeys, h, s, setAttribute } from "./base.js";

export const DRAWN_PX = 28; // of the surface and of the picture
const MARGIN_PX = 4; // of the picture, which a digit leaves dark
const [BLOCKS, BLOCK] = [8, 4]; // the bitmap: blocks of so many dots each way
const [STROKES_REACH, PEN_REACH] = [26, 2.1]; // how far the middle of strokes reaches, and a pen's half width, in dots

// A picture of strokes, each a list of points [x, y] in any unit, as the book's own digits were made: a bitmap of 32 ×
// 32 dots, counted in blocks of 4 × 4, and these 8 × 8 numbers enlarged to 20 × 20 in the middle.
export function drawStrokes(strokes) {
  const blocks = countDots(fitStrokes(strokes));
  const values = new Uint8Array(DRAWN_PX * DRAWN_PX);
  const size = DRAWN_PX - 2 * MARGIN_PX;
  const places = Array.from({ length: size }, (_, n) => clampNumber(((n + 0.5) * BLOCKS) / size - 0.5, 0, BLOCKS - 1.001));
  const between = (one, other, at) => one + (other - one) * (at % 1);
  places.forEach((down, row) => {
    const [upper, lower] = [0, 1].map((n) => blocks[Math.floor(down) + n]);
    places.forEach((right, column) => {
      const [above, below] = [upper, lower].map((line) => between(line[right | 0], line[(right | 0) + 1], right));
      values[(row + MARGIN_PX) * DRAWN_PX + column + MARGIN_PX] = Math.round(between(above, below, down));
    });
  });
  return { height: DRAWN_PX, width: DRAWN_PX, channels: 1, values };
}

// The strokes in the middle of the bitmap, and as large as the digits that the nets were trained on.
function fitStrokes(strokes) {
  const ends = [0, 1].map((axis) => strokes.flat().map((point) => point[axis]))
    .map((all) => [Math.min(...all), Math.max(...all)]);
  const scale = STROKES_REACH / Math.max(...ends.map(([low, high]) => high - low), 1e-6);
  const fit = (x, axis) => (x - (ends[axis][0] + ends[axis][1]) / 2) * scale + (BLOCKS * BLOCK) / 2;
  return strokes.map((stroke) => stroke.map((point) => point.map(fit)));
}

// How full each block of the bitmap is, 0 to 255.
function countDots(strokes) {
  const counts = Array.from({ length: BLOCKS }, () => new Array(BLOCKS).fill(0));
  const lines = strokes.flatMap((stroke) => stroke.map((point, n) => [stroke[Math.max(0, n - 1)], point]));
  for (let dot = 0; dot < (BLOCKS * BLOCK) ** 2; dot++) {
    const [row, column] = [Math.floor(dot / (BLOCKS * BLOCK)), dot % (BLOCKS * BLOCK)];
    if (lines.some((line) => distance(column + 0.5, row + 0.5, line) < PEN_REACH)) {
      counts[Math.floor(row / BLOCK)][Math.floor(column / BLOCK)] += 255 / BLOCK ** 2;
    }
  }
  return counts;
}

function distance(x, y, [[x1, y1], [x2, y2]]) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const along = clampNumber(((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1), 0, 1);
  return Math.hypot(x - x1 - along * dx, y - y1 - along * dy);
}

// The surface; children lie below the strokes. `onDraw()` is called when strokes or the pen have changed. `picture()`
// is what drawStrokes makes of it, null while nothing is drawn; `clear()` takes all away. With the keyboard, arrow keys
// move a pen, with Shift by 4, the space bar lowers and lifts it, and Delete clears.
export function createDrawing(label, onDraw, ...children) {
  const [lines, pen] = [s("path"), s("circle", { r: 1.2 })];
  const drawing = s("svg", { viewBox: `0 0 ${DRAWN_PX} ${DRAWN_PX}`, "aria-hidden": "true" }, lines, pen);
  const attributes = { class: "cb-drawing", role: "application", tabindex: 0, "aria-label": label };
  const element = h("div", attributes, ...children, drawing);
  let [strokes, picture, at, isDown] = [[], null, [DRAWN_PX / 2, DRAWN_PX / 2], false];
  const show = () => {
    setAttribute(lines, "d", strokes.map((stroke) => `M${[stroke[0], ...stroke].join("L")}`).join(""));
    const look = { cx: at[0], cy: at[1], class: isDown ? "cb-down" : "" };
    for (const [name, value] of Object.entries(look)) setAttribute(pen, name, value);
  };
  const change = (fresh) => {
    if (fresh !== strokes) [strokes, picture] = [fresh, null];
    show();
    onDraw();
  };
  const hold = (down, fresh = strokes) => {
    isDown = down;
    change(fresh);
  };
  const clear = () => hold(false, []);
  const lower = () => hold(true, [...strokes, [at]]);
  const lift = () => hold(false);
  const moveTo = (point) => {
    if (Math.hypot(point[0] - at[0], point[1] - at[1]) < 0.4) return;
    at = point.map((x) => clampNumber(x, 0, DRAWN_PX));
    change(isDown ? [...strokes.slice(0, -1), [...strokes.at(-1), at]] : strokes);
  };
  const pointAt = ({ clientX, clientY }) => {
    const box = element.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top].map((x) => (x / box.width) * DRAWN_PX);
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    at = pointAt(event);
    lower();
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) moveTo(pointAt(event));
  });
  for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, lift);
  const keysOf = ({ shiftKey }) => {
    const go = (right, down) => () => moveTo([at[0] + right * (shiftKey ? 4 : 1), at[1] + down * (shiftKey ? 4 : 1)]);
    const arrows = { ArrowLeft: go(-1, 0), ArrowRight: go(1, 0), ArrowUp: go(0, -1), ArrowDown: go(0, 1) };
    return { ...arrows, " ": isDown ? lift : lower, Delete: clear, Backspace: clear };
  };
  followKeys(element, keysOf, (act) => act());
  show();
  return { element, clear, picture: () => (picture ??= strokes.length ? drawStrokes(strokes) : null) };
}
