// What the live figures share: the frame around a figure, its colours, its numbers, and its controls.
// A figure's own module imports from here, and from controls.js; base.py puts them into the one module that a page or a
// notebook loads.

// ---- the frame around a figure ------------------------------------------------------------------------------------

// A figure in the anywidget form. `traits` are the names whose change redraws it; `build(frame)` makes its elements and
// returns the function that brings them up to date, or a promise of it. Changes that come together are drawn once, in
// the next frame. What that function returns is spoken when it has changed: a text, or a list of sentences of which each
// is spoken when it has changed; nothing, while there is nothing to say.
export function liveFigure(name, traits, build) {
  async function render({ model, el }) {
    el.classList.add("convbook-figure");
    el.dataset.figure = name;
    el.setAttribute("role", "group");
    el.setAttribute("aria-label", `Live figure: ${name}`);
    el.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab would take the arrow keys for its cells
    const announcer = createAnnouncer();
    let [pending, spoken] = [0, null];
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
      onRemove: (cleanup) => cleanups.push(cleanup),
      theme: "light",
    };
    const update = await build(frame); // for figures that unpack their data first
    const draw = () => {
      const said = update();
      if (said === undefined) return;
      const sentences = [said].flat();
      const fresh = sentences.filter((sentence, n) => spoken && sentence !== spoken[n]).join(" ").trim();
      if (fresh) frame.announce(fresh);
      spoken = sentences;
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

// An element with its attributes, listeners (on…) and children.
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
  element.append(...children);
  return element;
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

// A panel of a figure: a heading, a note beside it, and what stands below.
export function createPanel(name, title, ...children) {
  const note = h("span", { class: "cb-note" });
  const heading = h("div", { class: "cb-heading" }, h("strong", {}, title), note);
  return { element: h("div", { class: `cb-panel cb-${name}` }, heading, ...children), note };
}

// Tells `visit(row, column)` which pixel a mouse stands on, when it comes to another one.
export function followPointer(element, visit) {
  let last = "";
  element.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "mouse" || event.buttons) return;
    const canvas = element.querySelector("canvas");
    const box = canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
    const column = Math.floor(((event.clientX - box.left) / box.width) * canvas.width);
    if (last === (last = `${row} ${column}`)) return;
    visit(row, column);
  });
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
    const theme = luminance(parseColor(getComputedStyle(el).color)) > 0.4 ? "dark" : "light";
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
function createAnnouncer(pauseMs = 400) {
  const element = h("p", { class: "cb-spoken", "aria-live": "polite" });
  let timer = 0;
  return {
    element,
    announce(text) {
      clearTimeout(timer);
      timer = setTimeout(() => setText(element, text), pauseMs);
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

// A response map as bytes: the colours from −scale to +scale.
export function responsePixels({ values }, scale, theme) {
  const rgba = new Uint8ClampedArray(values.length * 4).fill(255);
  values.forEach((value, cell) => rgba.set(divergingColor(value / scale, theme), cell * 4));
  return rgba;
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

// A CSS colour of any notation as [red, green, blue]; the canvas knows them all.
function parseColor(text) {
  const context = h("canvas", { width: 1, height: 1 }).getContext("2d");
  context.fillStyle = text;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
}

// ---- a filter's response: pure functions, tested against convbook.operations ---------------------------------------

// Rows and columns of the response map: one for each place where the whole window lies on the picture.
function responseShape(picture, kernel) {
  return { height: picture.height - kernel.length + 1, width: picture.width - kernel[0].length + 1 };
}

// The response map of a picture and a kernel[row][column][channel], row by row.
export function convolve(picture, kernel, bias = 0) {
  const { height, width } = responseShape(picture, kernel);
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

export function createButton(label, onPress) {
  return h("button", { type: "button", class: "cb-button", onclick: onPress }, label);
}

// A labelled choice; `update(options, value)` lists the options and marks the current one.
export function createSelect(label, onChoose) {
  const select = h("select", { class: "cb-select", onchange: () => onChoose(select.value) });
  return {
    element: h("label", { class: "cb-field" }, h("span", {}, label), select),
    update(options, value) {
      if (options.join("\n") !== [...select.options].map((option) => option.value).join("\n")) {
        select.replaceChildren(...options.map((option) => h("option", { value: option }, option)));
      }
      if (select.value !== value) select.value = value;
    },
  };
}

// A labelled slider over whole numbers; `update(value, { min, max, disabled })` places it, `unit` stands behind its
// number.
export function createSlider(label, onSlide, { unit = "" } = {}) {
  const input = h("input", { type: "range", class: "cb-slider", oninput: () => onSlide(Number(input.value)) });
  const shown = h("span", { class: "cb-shown" });
  return {
    element: h("label", { class: "cb-field" }, h("span", {}, label), input, shown),
    update(value, { min, max, disabled = false }) {
      Object.assign(input, { min, max, value, disabled });
      setText(shown, `${formatNumber(value)}${unit}`);
    },
  };
}

// A box to tick, with what it stands for beside it, and `more` behind.
export function createCheckbox(label, onTick, ...more) {
  const input = h("input", { type: "checkbox", onchange: () => onTick(input.checked) });
  return {
    element: h("label", { class: "cb-field" }, input, h("span", {}, label), ...more),
    update: (checked, disabled = false) => Object.assign(input, { checked, disabled }),
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

// A small table of numbers. `update(rows, style)` shows rows[i][j], coloured by style(value) = { color, background };
// with `onEdit(i, j, value)` the numbers can be typed over.
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
    update(rows, style) {
      if (cells.length !== rows.length || cells[0].length !== rows[0].length) rebuild(rows.length, rows[0].length);
      rows.forEach((row, i) =>
        row.forEach((value, j) => {
          const { cell, field } = cells[i][j];
          const { color, background } = style(value);
          const text = format(value);
          setStyle(cell, `color:${color};background:${background}`);
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

// A picture of few pixels, drawn large, with a window on it that can be dragged, tapped and moved by the arrow keys.
// `windowAt()` tells the window's { row, column, height, width } as it is now, maybe a frame ahead of what is drawn,
// `step`, the pixels that an arrow key moves it by, where that is not 1, and `leap`, those with Shift, where that is not
// its own size; `moveTo(row, column)` is asked to place its first pixel, and may clamp. `byKeyboard: false` is for a
// second picture that moves the same window: a reader with a keyboard need not stop twice.
export function createPixelGrid({ windowAt, moveTo, byKeyboard = true }) {
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
    const { height, width } = windowAt();
    moveTo(Math.floor(row) - (height >> 1), Math.floor(column) - (width >> 1));
  };
  let grip = null; // where in the window the pointer holds it
  element.addEventListener("pointerdown", (event) => {
    const onHandle = event.target === handle;
    if (event.button !== 0) return;
    if (event.pointerType === "touch" && !onHandle) return; // a swipe beside the window scrolls the page
    if (!onHandle) centreOn(pixelAt(event));
    const [at, place] = [pixelAt(event), windowAt()];
    grip = { row: at.row - place.row, column: at.column - place.column };
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    if (!grip) return;
    const at = pixelAt(event);
    moveTo(Math.round(at.row - grip.row), Math.round(at.column - grip.column));
  });
  element.addEventListener("pointerup", (event) => {
    if (!grip && event.pointerType === "touch") centreOn(pixelAt(event));
    grip = null;
  });
  element.addEventListener("pointercancel", () => (grip = null));
  const targetsOf = ({ shiftKey }) => {
    const { row, column, height, width, step = 1, leap } = windowAt();
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
    // Shows height × width pixels of RGBA bytes; the figure calls it again only when they changed.
    paint(rgba, height, width) {
      if (canvas.height !== height || canvas.width !== width) {
        Object.assign(canvas, { height, width });
        setVariables(element, { rows: height, columns: width });
      }
      canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
    },
    // Puts the window, given in pixels, onto the picture.
    place({ row, column, height, width }) {
      const percent = (part, whole) => `${(100 * part) / whole}%`;
      const [top, left] = [percent(row, canvas.height), percent(column, canvas.width)];
      const [high, wide] = [percent(height, canvas.height), percent(width, canvas.width)];
      setStyle(handle, `top:${top};left:${left};height:${high};width:${wide}`);
    },
  };
}
