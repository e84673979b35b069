// Controls that several figures share: groups of buttons, moving a thing pixel by pixel, visiting a grid's places one by
// one.

import { clampIndex, clampNumber, createButton, followKeys, h, remember, setAttribute, setText } from "./base.js";

// Buttons that the Tab key reaches as one; arrow keys, Home and End go from one to the next, in as many columns as lie
// side by side. Of radio buttons one is chosen, and going to one chooses it; `role: "checkbox"` leaves that to the space
// bar. `make(n)` gives a button's children, once; `update(count, isChecked)` asks of each whether it is checked.
export function createButtonGroup(label, { role = "radio", className, make, onPress, onFocus = () => {} }) {
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
    return h("button", { type: "button", role, onclick: () => onPress(n), onfocus }, ...make(n));
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
    const button = createButton(text, () => moveTo(at().down + down, at().right + right));
    button.setAttribute("aria-label", `Move ${thing} ${direction}`);
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
    update() {
      // Not disabled: that would take the keyboard's focus away.
      for (const { button, isStuck } of moves) setAttribute(button, "aria-disabled", isStuck(at()));
    },
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
  const createControl = (label, act) =>
    createButton(label, () => {
      player.stop();
      act();
    });
  const next = createControl("Step", visitNext);
  const play = createButton("Play", player.toggle);
  play.style.minWidth = "68px"; // "Pause" is wider, and no button should jump
  const all = createControl("Show all", () => {
    frame.set({ all_windows: true });
    onShowAll();
  });
  const reset = createControl("Reset", () => {
    read().visited.clear();
    frame.set({ row: 0, column: 0, all_windows: false });
    frame.redraw();
  });
  return {
    element: h("div", { class: "cb-buttons" }, next, play, all, reset),
    read,
    moveTo(row, column) {
      player.stop();
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
      for (const button of [next, play, reset]) setAttribute(button, "aria-disabled", count === 0);
      setAttribute(all, "aria-disabled", isComplete); // not disabled: that would take the keyboard's focus away
    },
  };
}

// Calls `step` again and again until it returns false; who asked for less motion sees the same in calmer, larger steps.
function createPlayer({ step, intervalMs, onChange }) {
  let timer = 0;
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    onChange(false);
  };
  const tick = () => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const pause = calm ? 600 : intervalMs();
    let more = true;
    for (let n = calm ? Math.max(1, Math.round(600 / intervalMs())) : 1; n > 0 && more; n--) more = step();
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
      onChange(true);
      timer = setTimeout(tick, 0);
    },
  };
}
