// What stands above a figure: its number, what to do in one sentence, a link to it as it is now, and full screen.

import { createButton, h, s, setText } from "./base.js";

const FITTED = { largest: 4, step: 0.05 }; // how much larger than on the page a figure may be on a full screen
const ICONS = {
  link: "M7 9.5l3-3M6.5 5.5L8 4a3 3 0 0 1 4.5 4L11 9.5M5.5 6.5L4 8a3 3 0 0 0 4.5 4L10 10.5",
  screen: "M2.5 6v-3.5h3.5M10.5 2.5h3.5v3.5M14 10v3.5h-3.5M6 13.5H2.5V10",
};

// `task` is what to do: a sentence, or two of which the second is for who has a keyboard; or a function of the model that
// gives them. `check` is a generator function that yields the names of traits which cannot stand in a state that a link
// asks for, as `check` of the Python class does; the rules of single traits have been kept then. `page` is what base.py
// gives in the built page: { anchor, number, rules, version, opening, state }.
export function createFigureHead(frame, { task = "", check }, page = {}) {
  const number = h("b", {}, page.number ? `Figure ${page.number} ` : "");
  const [sentence, keys] = [h("span", {}), h("span", { class: "cb-by-keys" })];
  const notice = h("p", { class: "cb-notice", role: "status" });
  const tools = h("div", { class: "cb-tools" });
  if (page.anchor) tools.append(createLinkButton(frame, page, notice));
  if (document.fullscreenEnabled) tools.append(createScreenButton(frame));
  const openLink = () => restore(frame, page, check, notice);
  if (page.anchor) {
    addEventListener("hashchange", openLink);
    frame.onRemove(() => removeEventListener("hashchange", openLink));
  }
  return {
    element: h("div", { class: "cb-head" }, h("p", { class: "cb-task" }, number, sentence, keys), tools, notice),
    openLink,
    update() {
      const [what, how = ""] = [typeof task === "function" ? task(frame.model) : task].flat();
      setText(sentence, what);
      setText(keys, how && ` ${how}`);
    },
  };
}

// A button with a drawing, and words that a narrow figure leaves to who listens.
function createTool(icon, onPress) {
  const words = h("span", {});
  const drawing = s("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, s("path", { d: ICONS[icon] }));
  const element = createButton("", onPress);
  element.replaceChildren(drawing, words);
  return { element, name: (text) => setText(words, (element.title = text)) };
}

// ---- a link that carries the figure's state ------------------------------------------------------------------------

// The page's address with what differs from the state that the figure opens with: #figure-pooling?v=1f2e3d4c&row=3.
export function writeLink({ anchor, version, rules, opening, state }) {
  const isPlain = (value) => typeof value === "string" && readValue(value) === value;
  const write = (value) => (isPlain(value) ? value : JSON.stringify(value));
  const changed = Object.keys(rules).filter((name) => JSON.stringify(state[name]) !== JSON.stringify(opening[name]));
  const query = new URLSearchParams([["v", version], ...changed.map((name) => [name, write(state[name])])]);
  return `#${anchor}?${query}`;
}

// A text of a link as a value: a number, true, false, null or a list where it is one, else the text.
function readValue(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// Why a figure cannot take the state that a link asks for, in a sentence; empty where it can.
export function refuseLink({ version, rules, opening, state }, query, check = () => [].values()) {
  const given = new URLSearchParams(query);
  const stays = "the figure is shown as it opens.";
  if (given.has("v") && given.get("v") !== version) return `This link was made for another version: ${stays}`;
  const wanted = wantedBy(query);
  const broken = Object.keys(wanted).find((name) => !Object.hasOwn(rules, name) || !obeys(rules[name], wanted[name]));
  const misfit = broken ?? check({ ...state, ...openingOf(rules, opening), ...wanted }).next().value;
  if (misfit === undefined) return "";
  const shown = `${misfit}=${given.get(misfit) ?? opening[misfit]}`.slice(0, 40);
  return `This link asks for ${shown}, which the figure does not have: ${stays}`;
}

// The values of traits that a link asks for.
function wantedBy(query) {
  const given = [...new URLSearchParams(query)].filter(([name]) => name !== "v");
  return Object.fromEntries(given.map(([name, text]) => [name, readValue(text)]));
}

function obeys({ options, whole, low = -Infinity, high = Infinity, none }, value) {
  if (options) return options.includes(value);
  if (value === null && none) return true;
  if (whole === undefined) return true; // the figure's own check decides
  return (whole ? Number.isInteger : Number.isFinite)(value) && value >= low && value <= high;
}

function openingOf(rules, opening) {
  return Object.fromEntries(Object.keys(rules).map((name) => [name, opening[name]]));
}

// Brings the figure into the state that the page's address asks for, and into sight; it may hold another figure's.
function restore(frame, page, check, notice) {
  const [anchor, query] = location.hash.slice(1).split("?");
  setText(notice, "");
  if (!page.anchor || anchor !== page.anchor) return;
  if (query !== undefined) {
    const refusal = refuseLink(page, query, check);
    setText(notice, refusal);
    frame.set({ ...openingOf(page.rules, page.opening), ...(refusal ? {} : wantedBy(query)) });
  }
  frame.el.closest(`#${anchor}`).scrollIntoView();
}

function createLinkButton(frame, page, notice) {
  let timer = 0;
  const tool = createTool("link", async () => {
    const link = writeLink(page);
    history.replaceState(history.state, "", link); // the address bar has it, also where nothing may be copied
    const isCopied = await copyText(location.href);
    setText(notice, isCopied ? "" : "The page's address holds the link now: copy it from there.");
    if (!isCopied) return;
    tool.name("Copied");
    frame.announce("The link to this figure as it is now has been copied.");
    clearTimeout(timer);
    timer = setTimeout(() => tool.name("Copy link"), 2000);
  });
  frame.onRemove(() => clearTimeout(timer));
  tool.name("Copy link");
  return tool.element;
}

// Whether the browser let the page copy; it does so from https, from this machine and from files, if its user agrees.
function copyText(text) {
  return navigator.clipboard?.writeText(text).then(() => true, () => false) ?? false;
}

// ---- full screen ---------------------------------------------------------------------------------------------------

function createScreenButton(frame) {
  const { el } = frame;
  const isFull = () => document.fullscreenElement === el;
  const tool = createTool("screen", () => (isFull() ? document.exitFullscreen() : el.requestFullscreen()));
  const fit = () => {
    tool.name(isFull() ? "Leave full screen" : "Full screen");
    el.style.zoom = "";
    if (!isFull()) return;
    // The largest scale at which all of the figure is in sight.
    for (let scale = FITTED.largest; scale > 1; scale -= FITTED.step) {
      el.style.zoom = scale;
      if (el.scrollHeight <= el.clientHeight && el.scrollWidth <= el.clientWidth) return;
    }
    el.style.zoom = "";
  };
  const listeners = [[el, "fullscreenchange"], [window, "resize"]];
  for (const [target, event] of listeners) target.addEventListener(event, fit);
  frame.onRemove(() => listeners.forEach(([target, event]) => target.removeEventListener(event, fit)));
  tool.name("Full screen");
  return tool.element;
}
