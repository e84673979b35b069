// What the live figures share: the frame around a figure, its colours, its numbers, and its controls.
// A figure's own module imports from here, and from controls.js; base.py puts them into the one module that a page or a
// notebook loads.

import { createFigureHead } from "./head.js";

// ---- the frame around a figure ------------------------------------------------------------------------------------

// A figure in the anywidget form. `traits` are the names whose change redraws it; `build(frame)` makes its elements and
// returns the function that brings them up to date, or a promise of it. Changes that come together are drawn once, in
// the next frame. What that function returns is spoken when it has changed: a text, or a list of sentences of which each
// is spoken when it has changed; nothing, while there is nothing to say. `options` are those of createFigureHead: what to do,
// and which states a link may ask for. `page` is given by the built page alone.
export function liveFigure(name, traits, build, options = {}) {
  async function render({ model, el, page }) {
    el.classList.add("convbook-figure");
    el.dataset.figure = name;
    el.setAttribute("role", "group");
    el.setAttribute("aria-label", `Live figure: ${name}`);
    el.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab would take the arrow keys for its cells
    const announcer = createAnnouncer();
    let [pending, last] = [0, null];
    const unspoken = new Set(); // which of the sentences have changed since something was spoken
    const redraw = () => {
      pending ||= requestAnimationFrame(() => {
        pending = 0;
        draw();
      });
    };
    const cleanups = [];
    const frame = {
      model,
      el,
      redraw,
      announce: announcer.announce,
      // Sets what differs from the present state.
      set: (changes) => {
        const fresh = Object.entries(changes).filter(([name, value]) => !isSame(value, model.get(name)));
        for (const [name, value] of fresh) model.set(name, value);
        if (fresh.length) model.save_changes();
      },
      // Puts parts into the figure; the function that it returns brings them up to date.
      add(...parts) {
        el.append(...parts.map(elementOf));
        return updateAll(parts);
      },
      onRemove: (cleanup) => cleanups.push(cleanup),
      theme: "light",
    };
    const head = createFigureHead(frame, options, page);
    el.append(head.element);
    const update = await build(frame); // for figures that unpack their data first
    const draw = () => {
      head.update();
      const said = update();
      if (said === undefined) return;
      const sentences = [said].flat();
      const fresh = last ? [...sentences.keys()].filter((n) => sentences[n] !== last[n]) : [];
      last = sentences;
      if (!fresh.length) return;
      fresh.forEach((n) => unspoken.add(n));
      const text = sentences.filter((_, n) => unspoken.has(n)).join(" ").trim();
      if (text) announcer.announce(text, () => unspoken.clear());
    };
    el.append(announcer.element);
    for (const trait of traits) {
      model.on(`change:${trait}`, redraw);
      cleanups.push(() => model.off(`change:${trait}`, redraw));
    }
    const stopWatching = watchTheme(el, (theme) => {
      frame.theme = theme;
      el.dataset.theme = theme;
      draw(); // at once: paper does not wait for the next frame
    });
    head.openLink();
    return () => {
      cancelAnimationFrame(pending);
      announcer.stop();
      stopWatching();
      cleanups.forEach((cleanup) => cleanup());
    };
  }
  return { render };
}

function isSame(one, other) {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

// An element with its attributes, listeners (on…) and children, which may be parts of a figure: { element, … }.
export function h(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

// The same for a part of an SVG drawing.
export function s(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function furnish(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.map(elementOf));
  return element;
}

function elementOf(part) {
  return part.element ?? part;
}

function updateAll(parts) {
  return (now) => parts.forEach((part) => part.update?.(now));
}

// Several parts of a figure in one box; `update(now)` brings all of them up to date.
export function joinParts(className, ...parts) {
  return { element: h("div", { class: className }, ...parts), update: updateAll(parts) };
}

// A part whose `update` is told what `read(now)` gives, such as a select with its options and its value.
export function bind(part, read) {
  return { ...part, update: (now) => part.update(...read(now)) };
}

// Sets a text only where it differs, in the text node that is there: what does not change costs no layout.
export function setText(element, text) {
  if (!element.firstChild) element.textContent = text;
  else if (element.firstChild.data !== text) element.firstChild.data = text;
}

// The same for an attribute.
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// The same for an element's own style.
export function setStyle(element, style) {
  setAttribute(element, "style", style);
}

// The same for numbers that the style sheet works with; a notebook has a style of its own on the figure, which stays.
export function setVariables(element, numbers) {
  for (const [name, value] of Object.entries(numbers)) {
    if (element.style.getPropertyValue(`--${name}`) !== String(value)) element.style.setProperty(`--${name}`, value);
  }
}

// Lays an element over a picture; its box and the picture's size are given in pixels.
export function placeBox(element, { row, column, height = 1, width = 1 }, whole) {
  const [down, across] = [{ top: row, height }, { left: column, width }];
  for (const [name, part] of Object.entries(down)) element.style[name] = `${(100 * part) / whole.height}%`;
  for (const [name, part] of Object.entries(across)) element.style[name] = `${(100 * part) / whole.width}%`;
}

// A panel of a figure: a heading, a note beside it, and what stands below.
export function createPanel(name, text, ...children) {
  const [title, note] = [h("strong", {}, text), h("span", { class: "cb-note" })];
  const heading = h("div", { class: "cb-heading" }, title, note);
  return { element: h("div", { class: `cb-panel cb-${name}` }, heading, ...children), title, note };
}

// `compute`, but it keeps its last result and computes again only when an argument is another object or number.
export function remember(compute) {
  let last = null;
  return (...args) => {
    if (!last || args.some((arg, i) => arg !== last.args[i])) last = { args, result: compute(...args) };
    return last.result;
  };
}

// Tells `onTheme` "light" or "dark", now and whenever it changes. Hosts name their themes differently (data-theme,
// data-jp-theme-light, a media query), but all of them turn the text light when the page turns dark.
function watchTheme(el, onTheme) {
  let last;
  const look = () => {
    const color = getComputedStyle(el).caretColor; // color(srgb 0.1 0.2 0.3), or rgb(26 51 77) in old browsers
    const parts = color.match(/-?[\d.]+(?:e-\d+)?/g).slice(0, 3);
    const theme = luminance(parts.map((part) => part * (color.startsWith("rgb") ? 1 : 255))) > 0.4 ? "dark" : "light";
    if (theme !== last) onTheme((last = theme));
  };
  const observer = new MutationObserver(look);
  for (const element of [document.documentElement, document.body]) observer.observe(element, { attributes: true });
  const media = ["(prefers-color-scheme: dark)", "print"].map((query) => matchMedia(query));
  media.forEach((query) => query.addEventListener("change", look));
  const settled = setTimeout(look, 100); // where the host attaches the figure only after it was rendered
  look();
  return () => {
    clearTimeout(settled);
    observer.disconnect();
    media.forEach((query) => query.removeEventListener("change", look));
  };
}

// Speaks a result after the reader has paused, so that a drag is not a stream of sentences.
function createAnnouncer() {
  const element = h("p", { class: "cb-spoken", "aria-live": "polite" });
  let timer = 0;
  return {
    element,
    announce(text, onSpoken = () => {}) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        setText(element, text);
        onSpoken();
      }, 400);
    },
    stop: () => clearTimeout(timer),
  };
}

// ---- numbers ------------------------------------------------------------------------------------------------------

export function clampNumber(number, low, high) {
  return Math.max(low, Math.min(number, high));
}

// The nearest of the indices 0…count − 1; 0 where there is none.
export function clampIndex(index, count) {
  return clampNumber(index, 0, Math.max(count, 1) - 1);
}

// Whether this is one of them.
export function isIndex(index, count) {
  return Number.isInteger(index) && index >= 0 && index < count;
}

// A number as a figure shows it: whole where it is whole, else at most two decimals; with a true minus.
export function formatNumber(x) {
  return format(x, 2);
}

// A number for a small cell: where it is not whole, three digits in all.
export function formatCell(x) {
  return format(x, Math.abs(x) < 10 ? 2 : Math.abs(x) < 100 ? 1 : 0);
}

function format(x, decimals) {
  const size = Math.abs(x);
  let text = String(Math.round(size));
  if (Math.abs(size - Math.round(size)) > 1e-9) {
    text = size < 0.005 ? "0.00" : String(Number(size.toFixed(decimals)));
  }
  return x < 0 && Number(text) !== 0 ? `−${text}` : text;
}

// A weight: as a fraction where two decimals would not be exact (1/9), else as every number.
export function formatWeight(x) {
  if (Math.abs(x * 100 - Math.round(x * 100)) < 1e-9) return formatNumber(x);
  for (let divisor = 3; divisor <= 64; divisor++) {
    const dividend = Math.round(x * divisor);
    if (dividend !== 0 && Math.abs(x * divisor - dividend) < 1e-9) return `${formatNumber(dividend)}/${divisor}`;
  }
  return formatNumber(x);
}

// A count with commas between the thousands.
export function formatCount(count) {
  return count.toLocaleString("en");
}

// A share of 0…1 in whole per cents.
export function formatPercent(share) {
  return `${Math.floor(100 * share + 0.5)} %`;
}

// How far a thing has moved, such as "2 down, 1 left"; empty where it has not.
export function formatMove(down, right, write = String) {
  const part = (pixels, [back, forth]) => (pixels ? [`${write(Math.abs(pixels))} ${pixels > 0 ? forth : back}`] : []);
  return [...part(down, ["up", "down"]), ...part(right, ["left", "right"])].join(", ");
}

// The number that a reader typed ("-2", "−2", "0,5", "1/9"), or null.
export function parseNumber(text) {
  const plain = text.trim().replace("−", "-").replace(",", ".");
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(\/\d+\.?\d*)?$/.test(plain)) return null;
  const [dividend, divisor = 1] = plain.split("/").map(Number);
  return divisor > 0 ? dividend / divisor : null;
}

// ---- pictures and colours -----------------------------------------------------------------------------------------

// A picture as base.py sends it: { height, width, channels, dtype, data } with its bytes in base64.
export function decodePicture({ height, width, channels, dtype, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const values = dtype === "uint8" ? bytes : new Float32Array(bytes.buffer);
  return { height, width, channels, values, white: dtype === "uint8" ? 255 : 1 };
}

// Blue below zero, orange above, neutral at zero: colour-blind readers tell them apart, and so does grey print.
// The anchors are those of the book's charts.
const DIVERGING = {
  light: { negative: [11, 110, 153], zero: [243, 242, 239], positive: [196, 87, 10] },
  dark: { negative: [92, 182, 220], zero: [43, 45, 49], positive: [240, 161, 90] },
};

// The colour of t in −1…1.
export function divergingColor(t, theme) {
  const { zero, [t < 0 ? "negative" : "positive"]: end } = DIVERGING[theme];
  const share = Math.min(1, Math.abs(t));
  const part = (i) => Math.round(zero[i] + (end[i] - zero[i]) * share);
  return [part(0), part(1), part(2)];
}

// A picture as bytes for paint: red, green, blue and opacity of every pixel.
export function picturePixels({ height, width, channels, values, white }) {
  const rgba = new Uint8ClampedArray(height * width * 4).fill(255);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let part = 0; part < 3; part++) {
      rgba[pixel * 4 + part] = (values[pixel * channels + (channels === 3 ? part : 0)] * 255) / white;
    }
  }
  return rgba;
}

// Colours, row by row, as bytes for a canvas, red first; a pixel without one stays transparent.
export function colorPixels(colors) {
  const words = new Uint32Array(colors.length);
  colors.forEach((color, pixel) => {
    if (color) words[pixel] = (255 << 24) | (color[2] << 16) | (color[1] << 8) | color[0];
  });
  return new Uint8ClampedArray(words.buffer);
}

// A response map's colours, from −scale to +scale.
export function responseColors({ values }, scale, theme) {
  return Array.from(values, (value) => divergingColor(value / scale, theme));
}

// The same as bytes.
export function responsePixels(map, scale, theme) {
  return colorPixels(responseColors(map, scale, theme));
}

// Draws a picture's bytes, one pixel of the canvas to each of its own, within transparent margins.
export function paintPixels(canvas, rgba, { height, width }, [[above, below], [before, after]] = [[0, 0], [0, 0]]) {
  const size = { height: above + height + below, width: before + width + after };
  if (canvas.height !== size.height || canvas.width !== size.width) Object.assign(canvas, size);
  const context = canvas.getContext("2d");
  if (size.height > height || size.width > width) context.clearRect(0, 0, size.width, size.height);
  context.putImageData(new ImageData(rgba, width, height), before, above);
}

// A drawing over a picture of few pixels, in lengths of one of them; `size({ height, width })` says how many there are.
export function createOverlay(...children) {
  const element = s("svg", { class: "cb-over", "aria-hidden": "true", preserveAspectRatio: "none" }, ...children);
  return { element, size: ({ height, width }) => setAttribute(element, "viewBox", `0 0 ${width} ${height}`) };
}

// Numbers for an overlay, in the middle of their pixels and readable on the colours of these; null leaves one out.
export function drawNumbers(values, colors, width) {
  return values.flatMap((value, pixel) => {
    if (value === null) return [];
    const [x, y] = [(pixel % width) + 0.5, Math.floor(pixel / width) + 0.66];
    return [s("text", { x, y, fill: readableOn(colors[pixel]) }, value)];
  });
}

// The colours of a map as a bar with its numbers below, from −range to range, or from 0 where `from` is 0.
// `colorAt(t, theme)` gives the colour of t in −1…1.
export function createLegend(colorAt = divergingColor) {
  const bar = h("div", { class: "cb-scale" });
  const [low, middle, high] = [h("span"), h("span"), h("span")];
  return {
    element: h("div", { class: "cb-legend" }, bar, low, middle, high),
    update(range, theme, { from = -1, write = formatNumber } = {}) {
      const colors = (from < 0 ? [-1, 0, 1] : [0, 1]).map((t) => cssColor(colorAt(t, theme)));
      setStyle(bar, `background:linear-gradient(to right,${colors})`);
      setText(low, from < 0 ? write(-range) : "0");
      setText(middle, from < 0 ? "0" : "");
      setText(high, write(range));
    },
  };
}

export function cssColor([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

// Black or white, whichever can be read on this colour.
export function readableOn(color) {
  return luminance(color) > 0.179 ? "#000" : "#fff";
}

// Relative luminance as WCAG 2 defines it, 0…1.
export function luminance(color) {
  const [red, green, blue] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

// ---- windows and a filter's response: pure functions, tested against convbook.operations and Keras ------------------

// How many windows of this span there are along an axis, 0 where none fits, and the padding at both ends, which is what
// the windows need beyond the axis.
export function fitWindows(size, span, stride, padding = "valid") {
  const isSame = padding === "same";
  const outputs = isSame ? Math.ceil(size / stride) : Math.max(0, Math.floor((size - span) / stride) + 1);
  const needed = (outputs - 1) * stride + span - size;
  const total = isSame ? Math.max(needed, 0) : 0;
  const before = Math.floor(total / 2); // an odd zero goes to the end
  return { outputs, needed, before, after: total - before };
}

// The response map of a picture and a kernel[row][column][channel], row by row: one number for each place where the
// whole window lies on the picture.
export function convolve(picture, kernel, bias = 0) {
  const [height, width] = [picture.height - kernel.length + 1, picture.width - kernel[0].length + 1];
  const { values, channels } = picture;
  const weights = kernel.flat(2);
  const rowLength = kernel[0].length * channels;
  const response = new Float64Array(height * width).fill(bias);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let sum = 0;
      for (let i = 0; i < kernel.length; i++) {
        const start = ((row + i) * picture.width + column) * channels; // a row of the window lies in one piece
        for (let n = 0; n < rowLength; n++) sum += values[start + n] * weights[i * rowLength + n];
      }
      response[row * width + column] += sum;
    }
  }
  return { height, width, values: response };
}

// ---- controls -----------------------------------------------------------------------------------------------------

// `name` is for readers who listen, where the label does not say enough.
export function createButton(label, onPress, name) {
  return h("button", { type: "button", class: "cb-button", onclick: onPress, "aria-label": name }, label);
}

// Shows that a button has nothing to do now. Not disabled: that would take the keyboard's focus away.
export function setIdle(button, isIdle) {
  setAttribute(button, "aria-disabled", isIdle);
}

// A labelled choice; `update(options, value, disabled)` lists the options and marks the current one.
export function createSelect(label, onChoose) {
  const select = h("select", { class: "cb-select", onchange: () => onChoose(select.value) });
  return {
    element: h("label", { class: "cb-field" }, h("span", {}, label), select),
    update(options, value, disabled = false) {
      select.disabled = disabled;
      if (options.join("\n") !== [...select.options].map((option) => option.value).join("\n")) {
        select.replaceChildren(...options.map((option) => h("option", { value: option }, option)));
      }
      if (select.value !== value) select.value = value;
    },
  };
}

// A labelled slider; `update(value, { min, max, disabled, meaning })` places it. `unit` stands behind its number, and
// `meaning`, if it is given, below.
export function createSlider(label, onSlide, { unit = "", step = 1, write = formatNumber } = {}) {
  const oninput = () => onSlide(Number(input.value));
  const input = h("input", { type: "range", class: "cb-slider", step, "aria-label": label, oninput });
  const [shown, hint] = [h("span", { class: "cb-shown" }), h("span", { class: "cb-hint" })];
  return {
    element: h("label", { class: "cb-field" }, h("span", {}, label), input, shown, hint),
    update(value, { min, max, disabled = false, meaning = "" }) {
      for (const [name, next] of Object.entries({ min, max, value, disabled })) {
        if (String(input[name]) !== String(next)) input[name] = next;
      }
      setText(shown, `${write(value)}${unit}`);
      setText(hint, meaning);
      if (meaning) setAttribute(input, "aria-valuetext", `${write(value)}, ${meaning}`);
    },
  };
}

// A box to tick, with what it stands for beside it, and `more` behind; `meaning`, if it is given, stands below.
export function createCheckbox(label, onTick, ...more) {
  const input = h("input", { type: "checkbox", onchange: () => onTick(input.checked) });
  const hint = h("span", { class: "cb-hint" });
  return {
    element: h("label", { class: "cb-field" }, input, h("span", {}, label), ...more, hint),
    update(checked, { disabled = false, meaning = "" } = {}) {
      Object.assign(input, { checked, disabled });
      setText(hint, meaning);
    },
  };
}

// One number to type; a text that is no number is marked and changes nothing. Up and down add or take away one.
export function createNumberField(label, onEdit, format = formatWeight) {
  let current = 0;
  const show = () => {
    input.removeAttribute("aria-invalid");
    const text = format(current);
    if (input.value !== text) input.value = text;
  };
  const give = (value) => {
    if (value === null) return input.setAttribute("aria-invalid", "true");
    input.removeAttribute("aria-invalid");
    if (value !== current) onEdit((current = value));
  };
  const onKey = (event) => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (step) {
      event.preventDefault();
      give(current + step);
    }
    if (step || event.key === "Enter") show();
  };
  const input = h("input", {
    class: "cb-number",
    "aria-label": label,
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => give(parseNumber(input.value)),
    onkeydown: onKey,
    onblur: show,
    onfocus: () => input.select(),
  });
  return {
    element: input,
    update(value) {
      const changed = value !== current;
      current = value;
      if (changed || document.activeElement !== input) show(); // while the reader types, "1." must stay "1."
    },
  };
}

// Something with its name above.
export function createCaptioned(name, part) {
  return h("div", { class: "cb-part" }, h("span", { class: "cb-caption" }, name), part);
}

// A small table of numbers. `update(rows, colorOf)` shows rows[i][j] on the colour of colorOf(value); with
// `onEdit(i, j, value)` the numbers can be typed over.
export function createNumberGrid(label, { onEdit, format = formatCell } = {}) {
  const element = h("div", { class: "cb-grid", role: "table", "aria-label": label });
  let cells = [];
  const createCell = (i, j) => {
    const name = `${label}, row ${i}, column ${j}`;
    const field = onEdit && createNumberField(name, (value) => onEdit(i, j, value), format);
    const cell = h("div", { class: "cb-cell", role: "cell" }, ...(field ? [field.element] : []));
    return { cell, field };
  };
  const rebuild = (height, width) => {
    cells = Array.from({ length: height }, (_, i) => Array.from({ length: width }, (_, j) => createCell(i, j)));
    setVariables(element, { columns: width });
    element.replaceChildren(
      ...cells.map((row) => h("div", { class: "cb-row", role: "row" }, ...row.map(({ cell }) => cell))),
    );
  };
  return {
    element,
    update(rows, colorOf) {
      if (cells.length !== rows.length || cells[0].length !== rows[0].length) rebuild(rows.length, rows[0].length);
      rows.forEach((row, i) =>
        row.forEach((value, j) => {
          const { cell, field } = cells[i][j];
          const [color, text] = [colorOf(value), format(value)];
          setStyle(cell, `color:${readableOn(color)};background:${cssColor(color)}`);
          cell.classList.toggle("cb-long", text.length > 4);
          if (field) field.update(value);
          else setText(cell, text);
        }),
      );
    },
  };
}

// `targetsOf(event)` says where each key leads, { ArrowLeft: target, … }; `go` is told where the pressed one does.
export function followKeys(element, targetsOf, go) {
  element.addEventListener("keydown", (event) => {
    const target = targetsOf(event)[event.key];
    if (target === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // pages turn leaves with the arrow keys
    go(target);
  });
}
