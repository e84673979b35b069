// Controls that several figures share: a window on a picture, groups of buttons, moving a thing pixel by pixel, visiting
// the places of a grid one by one.

import {
  clampIndex,
  clampNumber,
  createButton,
  createPanel,
  followKeys,
  h,
  joinParts,
  paintPixels,
  placeBox,
  remember,
  setAttribute,
  setIdle,
  setText,
  setVariables,
} from "./base.js";

// A picture of few pixels, drawn large, with a window on it that can be dragged, tapped and moved by the arrow keys.
// `windowAt()` tells the window's { row, column, height, width } as it is now, maybe a frame ahead of what is drawn, in
// pixels, and without a size one of them; `step`, the pixels that an arrow key moves it by, where that is not 1; and
// `leap`, those with Shift, where that is not its own size. `moveTo(row, column)` is asked to place its first pixel,
// and may clamp; `hover(row, column)` is told which pixel a mouse stands on, when it comes to another one.
// `byKeyboard: false` is for a second picture that moves the same window: a reader with a keyboard need not stop twice.
export function createPixelGrid({ windowAt, moveTo, hover = () => {}, byKeyboard = true }) {
  const canvas = h("canvas", {});
  const handle = h("div", { class: "cb-window" });
  const role = byKeyboard ? "application" : "img";
  const element = h("div", { class: "cb-pixels", role, tabindex: byKeyboard && 0 }, canvas, handle);
  const pixelAt = (event) => {
    const box = canvas.getBoundingClientRect();
    const row = ((event.clientY - box.top) / box.height) * canvas.height;
    const column = ((event.clientX - box.left) / box.width) * canvas.width;
    return { row, column };
  };
  const centreOn = ({ row, column }) => {
    const { height = 1, width = 1 } = windowAt();
    moveTo(Math.floor(row) - (height >> 1), Math.floor(column) - (width >> 1));
  };
  let [grip, hovered] = [null, ""]; // where in the window the pointer holds it; which pixel the mouse stands on
  element.addEventListener("pointerdown", (event) => {
    const onHandle = event.target === handle;
    if (event.button !== 0) return;
    if (event.pointerType === "touch" && !onHandle) return; // a swipe beside the window scrolls the page
    if (!onHandle) centreOn(pixelAt(event));
    const [at, place] = [pixelAt(event), windowAt()];
    grip = { row: at.row - place.row, column: at.column - place.column, place };
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    const at = pixelAt(event);
    if (grip) return moveTo(Math.round(at.row - grip.row), Math.round(at.column - grip.column));
    if (event.pointerType !== "mouse" || event.buttons) return;
    const place = [at.row, at.column].map(Math.floor);
    if (hovered !== (hovered = place.join())) hover(...place);
  });
  element.addEventListener("pointerup", (event) => {
    if (!grip && event.pointerType === "touch") centreOn(pixelAt(event));
    grip = null;
  });
  element.addEventListener("pointercancel", () => {
    if (grip) moveTo(grip.place.row, grip.place.column); // it was no drag: the browser scrolls the page
    grip = null;
  });
  const targetsOf = ({ shiftKey }) => {
    const { row, column, height = 1, width = 1, step = 1, leap } = windowAt();
    const [down, right] = [height, width].map((side) => (shiftKey ? (leap ?? Math.max(side, step)) : step));
    return {
      ArrowUp: [row - down, column],
      ArrowDown: [row + down, column],
      ArrowLeft: [row, column - right],
      ArrowRight: [row, column + right],
      Home: [row, 0],
      End: [row, canvas.width],
    };
  };
  followKeys(element, targetsOf, (target) => moveTo(...target));

  return {
    element,
    describe: (text) => element.setAttribute("aria-label", text),
    // Shows a picture's bytes; the figure calls it again only when they changed.
    paint(rgba, picture, margins) {
      paintPixels(canvas, rgba, picture, margins);
      setVariables(element, { rows: canvas.height, columns: canvas.width });
    },
    // Puts the window onto the picture.
    place: (window) => placeBox(handle, window, canvas),
  };
}

// A panel with a pixel grid, whose options are those of createPixelGrid; below it `place` says where its window is, and
// `hint` what can be done.
export function createPicturePanel(name, text, { hint: words = "", ...options }, ...children) {
  const pixels = createPixelGrid(options);
  const [place, hint] = [h("code", { class: "cb-place" }), h("span", { class: "cb-hint" }, words)];
  const below = h("p", { class: "cb-below" }, place, hint);
  return { ...createPanel(name, text, pixels, ...children, below), pixels, place, hint };
}

// What is not needed in the first view, behind a summary. It is brought up to date only while it is open; it opens on
// paper, and is then as the reader left it.
export function createDetails(frame, summary, ...parts) {
  const body = joinParts("cb-behind", ...parts);
  const element = h("details", { class: "cb-details" }, h("summary", {}, summary), body);
  let [now, isBehind, isUnfolded] = [undefined, false, false];
  const refresh = () => {
    if (element.open && isBehind) body.update(now);
    isBehind &&= !element.open;
  };
  element.addEventListener("toggle", refresh);
  const paper = matchMedia("print");
  const unfold = () => {
    if (paper.matches) isUnfolded = !element.open;
    if (isUnfolded) element.open = paper.matches;
    isUnfolded &&= paper.matches;
    refresh();
  };
  paper.addEventListener("change", unfold);
  frame.onRemove(() => paper.removeEventListener("change", unfold));
  return {
    element,
    update(state) {
      [now, isBehind] = [state, true];
      refresh();
    },
  };
}

// Buttons that the Tab key reaches as one; arrow keys, Home and End go from one to the next, in as many columns as lie
// side by side. Of radio buttons one is chosen, and going to one chooses it; `role: "checkbox"` leaves that to the space
// bar. `make(n)` gives a button's children, once; `update(count, isChecked)` asks of each whether it is checked.
// `buttonClass` is "cb-button", or "cb-bare" for buttons that look like what they choose.
export function createButtonGroup(label, options) {
  const { role = "radio", className, buttonClass = "cb-bare", make, onPress, onFocus = () => {} } = options;
  const isRadio = role === "radio";
  const groupRole = isRadio ? "radiogroup" : "group";
  const element = h("div", { class: className, role: groupRole, "aria-label": label });
  let [buttons, current] = [[], 0]; // current: where the Tab key enters
  const enterAt = (n) => {
    current = n;
    buttons.forEach((button, i) => setAttribute(button, "tabindex", i === n ? 0 : -1));
  };
  const createOne = (n) => {
    const onfocus = () => {
      enterAt(n);
      onFocus(n);
    };
    return h("button", { type: "button", class: buttonClass, role, onclick: () => onPress(n), onfocus }, ...make(n));
  };
  const targetsOf = () => {
    const columns = buttons.filter(({ offsetTop }) => offsetTop === buttons[0].offsetTop).length;
    const down = columns < buttons.length ? columns : 1;
    const [ArrowLeft, ArrowRight, ArrowUp, ArrowDown] = [-1, 1, -down, down].map((step) => current + step);
    return { ArrowLeft, ArrowRight, ArrowUp, ArrowDown, Home: 0, End: buttons.length - 1 };
  };
  followKeys(element, targetsOf, (n) => {
    if (!buttons[n]) return;
    if (isRadio && n !== current) onPress(n);
    buttons[n].focus();
  });
  return {
    element,
    buttons: () => buttons,
    update(count, isChecked) {
      if (buttons.length !== count) {
        buttons = Array.from({ length: count }, (_, n) => createOne(n));
        element.replaceChildren(...buttons);
      }
      const checked = buttons.map((button, n) => {
        setAttribute(button, "aria-checked", isChecked(n));
        return isChecked(n);
      });
      enterAt(isRadio ? Math.max(0, checked.indexOf(true)) : clampIndex(current, count));
    },
  };
}

// Buttons that move a thing by single pixels, for the traits `down` and `right`, at most so many to each side, and the
// one that puts it back.
export function createMoves(frame, thing, most, back) {
  const at = () => {
    const [down, right] = ["down", "right"].map((name) => clampNumber(frame.model.get(name), -most, most));
    return { down, right };
  };
  const moveTo = (down, right) => {
    frame.set({ down: clampNumber(down, -most, most), right: clampNumber(right, -most, most) });
  };
  const createMove = ([text, direction, down, right]) => {
    const move = () => moveTo(at().down + down, at().right + right);
    const button = createButton(text, move, `Move ${thing} ${direction}`);
    const isStuck = (now) => Math.abs(now.down + down) > most || Math.abs(now.right + right) > most;
    return { button, isStuck };
  };
  const directions = [["←", "left", 0, -1], ["↑", "up", -1, 0], ["↓", "down", 1, 0], ["→", "right", 0, 1]];
  const home = { button: createButton(back, () => moveTo(0, 0)), isStuck: ({ down, right }) => !down && !right };
  const moves = [...directions.map(createMove), home];
  const buttons = h("div", { class: "cb-buttons" }, ...moves.map(({ button }) => button));
  const group = { class: "cb-field", role: "group", "aria-label": `Move the ${thing}` };
  return {
    element: h("div", group, h("span", {}, "Move"), buttons),
    at,
    moveTo,
    update: () => moves.forEach(({ button, isStuck }) => setIdle(button, isStuck(at()))),
  };
}

// A window that visits the places of a grid one by one, for the traits `row`, `column` and `all_windows`: where it has
// been, and the buttons Step, Play, Show all and Reset. `gridOf()` gives the grid's { rows, columns } and a `key`; where
// that becomes another, the visits are forgotten. `pausesMs` are the shortest and the longest pause, and how long a tour
// of all places should take, in milliseconds.
export function createStepping(frame, { gridOf, pausesMs: [shortest, longest, tour], onShowAll = () => {} }) {
  const visitsOf = remember(() => new Set());
  const read = () => {
    const { rows, columns, key } = gridOf();
    const [row, column] = [["row", rows], ["column", columns]].map(([name, n]) => clampIndex(frame.model.get(name), n));
    const visited = visitsOf(key);
    const count = rows * columns;
    if (count) visited.add(row * columns + column);
    const isComplete = frame.model.get("all_windows") || visited.size === count;
    return { row, column, columns, count, visited, isComplete };
  };
  const visit = (row, column) => {
    const { rows, columns } = gridOf();
    frame.set({ row: clampIndex(row, rows), column: clampIndex(column, columns) });
    read();
  };
  const visitNext = () => {
    const { row, column, columns, count } = read();
    if (!count) return false;
    const next = (row * columns + column + 1) % count;
    visit(Math.floor(next / columns), next % columns);
    return next + 1 < count;
  };
  const player = createPlayer({
    step: visitNext,
    intervalMs: () => clampNumber(tour / Math.max(1, read().count), shortest, longest),
    onChange: frame.redraw,
  });
  frame.onRemove(player.stop);
  let isPaused = false; // a tour, which goes on where it was left, while nothing else has moved the window
  const stop = () => {
    isPaused = false;
    player.stop();
  };
  const restart = () => {
    read().visited.clear();
    frame.set({ row: 0, column: 0, all_windows: false });
    frame.redraw();
  };
  const createControl = (label, act) =>
    createButton(label, () => {
      stop();
      act();
    });
  const next = createControl("Step", visitNext);
  const play = createButton("Play", () => {
    if (!player.playing && !isPaused) restart();
    isPaused = player.playing;
    player.toggle();
  });
  play.style.minWidth = "68px"; // "Pause" is wider, and no button should jump
  const all = createControl("Show all", () => {
    frame.set({ all_windows: true });
    onShowAll();
  });
  const reset = createControl("Reset", restart);
  return {
    element: h("div", { class: "cb-buttons" }, next, play, all, reset),
    read,
    moveTo(row, column) {
      stop();
      visit(row, column);
    },
    get playing() {
      return player.playing;
    },
    // Pulls the traits into the grid, too.
    update() {
      const { row, column, count, isComplete } = read();
      frame.set({ row, column });
      setText(play, player.playing ? "Pause" : "Play");
      for (const button of [next, play, reset]) setIdle(button, count === 0);
      setIdle(all, isComplete);
    },
  };
}

// Calls `step` again and again until it returns false; who asked for less motion sees the same in calmer, larger steps.
export function createPlayer({ step, intervalMs, onChange }) {
  let timer = 0;
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    onChange();
  };
  const tick = () => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const pause = calm ? 600 : Math.max(16, intervalMs()); // a screen shows no more
    let more = true;
    for (let n = Math.max(1, Math.round(pause / intervalMs())); n > 0 && more; n--) more = step();
    if (more) timer = setTimeout(tick, pause);
    else stop();
  };
  return {
    stop,
    get playing() {
      return timer !== 0;
    },
    toggle() {
      if (timer) return stop();
      onChange();
      timer = setTimeout(tick, 0);
    },
  };
}
