// The figure of the reader's own photo: what an ImageNet network says of it, and where it looks.

import {
  createButton,
  createPanel,
  createSlider,
  h,
  joinParts,
  liveFigure,
  paintPixels,
  placeBox,
  remember,
  responsePixels,
  setAttribute,
  setStyle,
  setText,
  setVariables,
} from "./base.js";
import { createButtonGroup, createDetails } from "./controls.js";
import { createPhotoInput, readPhoto } from "./photo_input.js";
import { createPhotoNetwork, FILE_MB } from "./photo_network.js";

const [SIZE_PX, BEST] = [224, 5]; // what the network is given; answers that are shown
const ADDS = [232, 106, 0, 235]; // what a place adds to a score: red, green, blue, and opacity where it is most
const TAKES = [0, 110, 190, 235]; // what it takes away

// ---- what is computed: pure functions -------------------------------------------------------------------------------

// The classes with the largest probabilities, and the one that is asked about, if it is none of these.
export function bestOf(probabilities, asked) {
  const order = Array.from(probabilities, (_, n) => n).sort((a, b) => probabilities[b] - probabilities[a]);
  const best = order.slice(0, BEST);
  return asked === null || best.includes(asked) ? best : [...best, asked];
}

// A class's map as colours, and where it lies on the photo, in shares of its sides: each place around the pixel that its
// window is centred on, which for the first place is the first one, since the network pads both sides evenly. What lies
// beyond the last place has the colour of that.
export function glowOf(values, { height, width }) {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
  const rgba = new Uint8ClampedArray(4 * (height + 1) * (width + 1));
  for (let row = 0; row <= height; row++) {
    for (let column = 0; column <= width; column++) {
      const value = values[Math.min(row, height - 1) * width + Math.min(column, width - 1)];
      const [red, green, blue, opacity] = value < 0 ? TAKES : ADDS;
      rgba.set([red, green, blue, (opacity * Math.abs(value)) / largest], 4 * (row * (width + 1) + column));
    }
  }
  const box = { row: -0.5 / height, column: -0.5 / width, height: 1 + 1 / height, width: 1 + 1 / width };
  return { rgba, size: { height: height + 1, width: width + 1 }, box };
}

export function formatShare(share) {
  if (share < 0.001) return "under 0.1 %";
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

// ---- the figure ----------------------------------------------------------------------------------------------------

const TRAITS = ["sample", "answer", "strength", "_samples"];

export default liveFigure("your_photo", TRAITS, async (frame) => {
  const state = await createState(frame);
  const look = joinParts("cb-look", createPhoto(frame), createAnswers(frame, state));
  const stages = createDetails(frame, "What its layers make of this photo", createStages(frame));
  const update = frame.add(createChoice(frame, state), look, stages);

  return function draw() {
    const now = state.read();
    update(now);
    return [describe(now), now.trouble, now.notice];
  };
}, {
  task: ["Give the network a photo, and see what it says and where it looks."],
});

function describe({ result, names, classes, shown, status }) {
  if (!result) return status;
  const said = classes.slice(0, BEST).map((n) => `${names[n]} ${formatShare(result.probabilities[n])}`);
  return `It says ${said.join(", ")}. The photo shows where it looks for ${names[shown]}.`;
}

// The photo that is shown and what the network has found in it. Photos and what was found are no traits: no link
// carries them.
async function createState(frame) {
  const { model, set, redraw } = frame;
  const network = createPhotoNetwork(frame);
  const samples = {};
  for (const [name, url] of Object.entries(model.get("_samples"))) {
    const bytes = Uint8Array.from(atob(url.split(",")[1]), (letter) => letter.charCodeAt(0));
    samples[name] = { ...(await readPhoto(new Blob([bytes], { type: "image/webp" }))), name };
  }
  const results = new Map(); // by photo
  let [own, isOwn, names, status, share, trouble, notice, looking] = [null, false, [], "", 0, "", "", false];
  const photoNow = () => (isOwn ? own : samples[model.get("sample")]);

  // Asks the network for the photo that is shown, until that is answered; loads it first where it must.
  const ask = async () => {
    if (looking) return;
    [looking, trouble] = [true, ""];
    try {
      const tell = (now) => {
        [share, status] = [now, `Loading the network: ${Math.floor(100 * now)} %`];
        redraw();
      };
      if (!network.isLoaded()) tell(0);
      names = (await network.load(tell)).names;
      while (!results.has(photoNow())) {
        [share, status] = [1, "Looking at the photo …"];
        redraw();
        const photo = photoNow();
        const found = await network.look(photo, SIZE_PX);
        results.set(photo, { ...found, maps: new Map() });
      }
    } catch ({ message }) {
      trouble = message;
    }
    [looking, status] = [false, ""];
    redraw();
  };
  // Where it looks for a class, which is there at the next redraw.
  const locate = async (result, number) => {
    result.maps.set(number, null);
    try {
      const [values] = await network.locate(result.last, [number]);
      result.maps.set(number, values);
    } catch ({ message }) {
      trouble = message;
      result.maps.delete(number);
    }
    redraw();
  };
  const show = (changes, isMine) => {
    [isOwn, trouble, notice] = [isMine, "", ""];
    set({ answer: null, ...changes });
    redraw();
  };
  return {
    ask,
    samples,
    own: () => own,
    takeSample: (sample) => show({ sample }, false),
    takeOwn: () => show({}, true),
    give(photo, note) {
      own = photo;
      show({}, true);
      notice = note;
    },
    refuse(sentence) {
      notice = sentence;
      redraw();
    },
    read() {
      const [photo, asked] = [photoNow(), model.get("answer")];
      const result = results.get(photo);
      if (!result && network.isLoaded() && !looking && !trouble) ask();
      const classes = result ? bestOf(result.probabilities, asked) : [];
      const shown = asked ?? classes[0];
      if (result && !result.maps.has(shown) && !trouble) locate(result, shown);
      const where = result?.maps.get(shown) ?? null;
      return { photo, isOwn, own, result, classes, shown, where, names, status, share, trouble, notice };
    },
  };
}

// The pictures to choose from, the reader's own last, and the buttons to give one.
function createChoice(frame, state) {
  const titles = Object.keys(state.samples);
  const tiles = createButtonGroup("Photo", {
    className: "cb-tiles cb-choices",
    make: () => [h("canvas"), h("span")],
    onPress: (n) => (n < titles.length ? state.takeSample(titles[n]) : state.takeOwn()),
  });
  const input = createPhotoInput(frame, {
    label: "Your photo …",
    onPhoto: state.give,
    onRefused: state.refuse,
  });
  const hint = h("p", { class: "cb-hint" }, "Or drop one here, or paste it. Nothing leaves this page.");
  const notice = h("p", { class: "cb-problem", role: "status" });
  let painted = [];
  return {
    element: h("div", { class: "cb-choice" }, tiles, h("div", { class: "cb-give" }, input, hint), notice),
    update({ isOwn, own, notice: sentence }) {
      const photos = [...Object.values(state.samples), ...(own ? [own] : [])];
      tiles.update(photos.length, (n) => (isOwn ? n === titles.length : titles[n] === frame.model.get("sample")));
      tiles.buttons().forEach((button, n) => {
        if (painted[n] === photos[n] && button.firstChild.width === photos[n].width) return;
        paintPixels(button.firstChild, photos[n].data, photos[n]);
        setText(button.lastChild, n < titles.length ? titles[n] : "yours");
      });
      painted = photos;
      setText(notice, sentence);
    },
  };
}

// The photo with the glow of where the network looks, and how strong that is.
function createPhoto(frame) {
  const { model, set } = frame;
  const [picture, glow] = [h("canvas", { role: "img" }), h("canvas", { class: "cb-glow", "aria-hidden": "true" })];
  const screen = h("div", { class: "cb-screen" }, picture, glow);
  const slider = createSlider("Where it looks", (strength) => set({ strength }), { unit: " %", step: 5 });
  const legend = h("p", { class: "cb-hint" }, "Orange speaks for the class, blue against it.");
  const paint = remember((photo) => {
    paintPixels(picture, photo.data, photo);
    setVariables(screen, { ratio: photo.width / photo.height });
  });
  const paintGlow = remember((values, last) => {
    const { rgba, size, box } = glowOf(values, last);
    paintPixels(glow, rgba, size);
    placeBox(glow, box, { height: 1, width: 1 });
  });
  return {
    element: h("div", { class: "cb-panel cb-view" }, screen, slider, legend),
    update({ photo, where, result, names, shown }) {
      paint(photo);
      glow.hidden = !where;
      if (where) paintGlow(where, result.last);
      const seen = where ? `; it glows where the network looks for ${names[shown]}` : "";
      setAttribute(picture, "aria-label", `${photo.name}${seen}`);
      const strength = where ? model.get("strength") / 100 : 0;
      setVariables(screen, { strength });
      slider.update(model.get("strength"), { min: 0, max: 100, disabled: !where });
      legend.hidden = !where;
    },
  };
}

// What the network says, with the button that asks it.
function createAnswers(frame, state) {
  const { set } = frame;
  const button = createButton("", state.ask);
  const [text, trouble] = [h("p", {}), h("p", { class: "cb-problem", role: "status" })];
  const fill = h("i", { class: "cb-fill" });
  const track = h("span", { class: "cb-track" }, fill);
  const waiting = h("div", { class: "cb-waiting" }, text, track, button, trouble);
  let now = null;
  const group = createButtonGroup("Answers", {
    className: "cb-answers cb-choices",
    make: () => [h("b"), h("span"), h("span", { class: "cb-track" }, h("i", { class: "cb-fill" }))],
    onPress: (n) => set({ answer: now.classes[n] }),
  });
  const nth = [...document.querySelectorAll('[data-figure="your_photo"]')].indexOf(frame.el);
  const list = h("datalist", { id: `cb-classes-${nth}` });
  const sentence = h("span", { class: "cb-hint", role: "status" });
  const onchange = () => {
    const wanted = field.value.trim().toLowerCase();
    const number = now.names.findIndex((name) => name.toLowerCase() === wanted);
    setText(sentence, number < 0 && wanted ? "It has no class of this name; take one of the list." : "");
    if (number >= 0) set({ answer: number });
  };
  const field = h("input", { class: "cb-select cb-class", list: list.id, onchange, autocomplete: "off" });
  const other = h("label", { class: "cb-field" }, h("span", {}, "Any of its 1,000 classes"), field, list, sentence);
  const panel = createPanel("said", "What it says", waiting, group, other);
  return {
    element: panel.element,
    update(fresh) {
      now = fresh;
      const { result, classes, shown, names, status, share, trouble: problem } = now;
      waiting.hidden = Boolean(result) && !problem;
      for (const part of [group.element, other]) part.hidden = !result;
      setText(text, result || status ? status : "What will it say of this photo, and where will it look? Guess first.");
      track.hidden = !status;
      setStyle(fill, `width:${100 * share}%`);
      button.hidden = Boolean(status);
      setText(button, problem ? "Try again" : `Ask the network (${FILE_MB} MB, once)`);
      setText(trouble, problem);
      if (!result) return;
      const options = () => names.map((name) => h("option", { value: name }));
      if (list.children.length !== names.length) list.replaceChildren(...options());
      group.update(classes.length, (n) => classes[n] === shown);
      group.buttons().forEach((row, n) => {
        const [name, percent, { firstChild: bar }] = row.children;
        const probability = result.probabilities[classes[n]];
        setText(name, names[classes[n]]);
        setText(percent, formatShare(probability));
        setStyle(bar, `width:${100 * probability}%`);
      });
    },
  };
}

// The channels of each stage that differ most from place to place.
function createStages(frame) {
  const element = h("div", { class: "cb-stages" });
  const empty = "Ask the network first.";
  const show = remember((result, theme) => {
    const rows = (result?.stages ?? []).map(({ title, height, width, channels, numbers, maps }) => {
      const tiles = maps.map((values, n) => {
        const canvas = h("canvas", { role: "img", "aria-label": `Channel ${numbers[n]} of the ${title}` });
        const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
        paintPixels(canvas, responsePixels({ values }, largest, theme), { height, width });
        return canvas;
      });
      const name = h("span", { class: "cb-caption" }, h("b", {}, title), ` ${height} × ${width}, ${channels} channels`);
      return h("div", { class: "cb-stage" }, name, h("div", { class: "cb-maps" }, ...tiles));
    });
    element.replaceChildren(...(rows.length ? rows : [h("p", {}, empty)]));
  });
  return { element, update: ({ result }) => show(result, frame.theme) };
}
