// Lines over a figure, from one part to another.

import { s, setAttribute } from "./base.js";

// One path for each of the classes. `draw(boxOf, now)` gives their texts, in px of the box that they lie in, which
// follows the figure's width; `boxOf(...elements)` is the box around these.
export function createLinks({ redraw, onRemove }, classes, draw) {
  const paths = classes.map((name) => s("path", { class: name }));
  const element = s("svg", { class: "cb-links", "aria-hidden": "true" }, ...paths);
  const observer = new ResizeObserver(redraw);
  observer.observe(element);
  onRemove(() => observer.disconnect());
  return {
    element,
    update(now) {
      const whole = element.getBoundingClientRect();
      const boxOf = (...parts) => {
        const boxes = parts.map((part) => part.getBoundingClientRect());
        const [left, top] = ["left", "top"].map((side) => Math.min(...boxes.map((box) => box[side])));
        const [right, bottom] = ["right", "bottom"].map((side) => Math.max(...boxes.map((box) => box[side])));
        return { left: left - whole.left, top: top - whole.top, right: right - whole.left, bottom: bottom - whole.top };
      };
      setAttribute(element, "viewBox", `0 0 ${whole.width} ${whole.height}`);
      draw(boxOf, now).forEach((text, n) => setAttribute(paths[n], "d", text));
    },
  };
}

// Two lines between the corners of a window and of what it shows enlarged, or was computed to, below it or beside it.
export function drawZoom(window, patch) {
  const isBelow = patch.top > window.bottom;
  const corners = isBelow ? ["left top", "right top"] : ["left top", "left bottom"];
  const starts = isBelow ? ["left bottom", "right bottom"] : ["right top", "right bottom"];
  const at = (box, corner) => corner.split(" ").map((side) => box[side]);
  return starts.map((start, n) => `M${at(window, start)}L${at(patch, corners[n])}`).join("");
}
