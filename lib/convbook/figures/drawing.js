// A surface to draw a digit on, by pointer, finger or keys, and the picture that the nets of the book get of it.

import { clampNumber, followKeys, h, s, setAttribute } from "./base.js";

export const DRAWN_PX = 28; // of the surface and of the picture
const [MARGIN_PX, BLOCKS] = [4, 8]; // of the picture: what a digit leaves dark; within, how coarse it is
const [STROKES_REACH, PEN_WIDTH] = [6.5, 1.05]; // in blocks: how far the middle of strokes reaches

// A picture of strokes, each a list of points [x, y] in any unit, as the book's own digits were made: how full each of
// 8 × 8 blocks is, enlarged to 20 × 20 pixels in the middle.
export function drawStrokes(strokes) {
  const [coarse, fine] = [BLOCKS, DRAWN_PX].map((side) => h("canvas", { width: side, height: side }).getContext("2d"));
  const ends = [0, 1].map((axis) => strokes.flat().map((point) => point[axis]))
    .map((all) => [Math.min(...all), Math.max(...all)]);
  const scale = STROKES_REACH / Math.max(...ends.map(([low, high]) => high - low), 0.1);
  coarse.setTransform(scale, 0, 0, scale, ...ends.map(([low, high]) => BLOCKS / 2 - (scale * (low + high)) / 2));
  Object.assign(coarse, { strokeStyle: "#fff", lineWidth: PEN_WIDTH / scale, lineCap: "round", lineJoin: "round" });
  coarse.stroke(new Path2D(pathOf(strokes)));
  fine.fillRect(0, 0, DRAWN_PX, DRAWN_PX);
  fine.drawImage(coarse.canvas, MARGIN_PX, MARGIN_PX, DRAWN_PX - 2 * MARGIN_PX, DRAWN_PX - 2 * MARGIN_PX);
  const values = Uint8Array.from(fine.getImageData(0, 0, DRAWN_PX, DRAWN_PX).data.filter((_, n) => n % 4 === 0));
  return { height: DRAWN_PX, width: DRAWN_PX, channels: 1, values };
}

function pathOf(strokes) {
  return strokes.map((stroke) => `M${[stroke[0], ...stroke].join("L")}`).join("");
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
    setAttribute(lines, "d", pathOf(strokes));
    const look = { cx: at[0], cy: at[1], fill: isDown ? "currentColor" : "none" };
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
