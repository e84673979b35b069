// The figure of the reader's own photo: what an ImageNet network says of it, and where it looks; beside it, if asked for,
// what the book's own network from scratch says, and what that hangs on.

import {
  createButton,
  createPanel,
  createSlider,
  formatCount,
  formatPercent,
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
import { createPhotoNetwork, FILES_MB } from "./photo_network.js";

const [SIZE_PX, BEST] = [224, 5]; // what the network is given; answers that are shown
const [OWN_NETWORK, BEST_BESIDE, CELLS] = ["cats_and_dogs", 3, 10]; // answers beside its own; parts that are covered
const ADDS = [232, 106, 0, 235]; // what a place adds to a score: red, green, blue, and opacity where it is most
const TAKES = [0, 110, 190, 235]; // what it takes away

// ---- what is computed: pure functions -------------------------------------------------------------------------------

// The classes with the largest probabilities, and the one that is asked about, if it is none of these.
export function bestOf(probabilities, asked, count = BEST) {
  const order = Array.from(probabilities, (_, n) => n).sort((a, b) => probabilities[b] - probabilities[a]);
  const best = order.slice(0, count);
  return asked === null || best.includes(asked) ? best : [...best, asked];
}

// A class's map as colours, and where it lies on the photo, in shares of its sides: each place around the pixel that its
// window is centred on, which for the first place is the first one, since the network pads both sides evenly. What lies
// beyond the last place has the colour of that. Where the places are cells that share out the photo, it lies on all of it.
export function glowOf(values, { height, width }, isShared = false) {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
  const [rows, columns] = isShared ? [height, width] : [height + 1, width + 1];
  const rgba = new Uint8ClampedArray(4 * rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = values[Math.min(row, height - 1) * width + Math.min(column, width - 1)];
      const [red, green, blue, opacity] = value < 0 ? TAKES : ADDS;
      rgba.set([red, green, blue, (opacity * Math.abs(value)) / largest], 4 * (row * columns + column));
    }
  }
  const box = isShared
    ? { row: 0, column: 0, height: 1, width: 1 }
    : { row: -0.5 / height, column: -0.5 / width, height: 1 + 1 / height, width: 1 + 1 / width };
  return { rgba, size: { height: rows, width: columns }, box };
}

// How sure a probability is, as the difference of scores behind it; 32-bit floats next to 1 end at 1e-7.
export function marginOf(probability) {
  const inside = Math.max(1e-7, Math.min(1 - 1e-7, probability));
  return Math.log(inside / (1 - inside));
}

export function formatShare(share) {
  if (share < 0.001) return "under 0.1 %";
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

// ---- the figure ----------------------------------------------------------------------------------------------------

const TRAITS = ["sample", "answer", "strength", "_samples", "_own"];

export default liveFigure("your_photo", TRAITS, async (frame) => {
  const state = await createState(frame);
  const own = frame.model.get("_own") ? [createOwn(frame, state)] : [];
  const said = joinParts("cb-answerers", ...own, createAnswers(frame, state));
  const look = joinParts("cb-look", createPhoto(frame), said);
  const stages = own.length ? [] : [createDetails(frame, "What its layers make of this photo", createStages(frame))];
  const update = frame.add(createChoice(frame, state), look, ...stages);

  return function draw() {
    const now = state.read();
    update(now);
    return [describe(now), now.base.trouble, now.ours?.trouble, now.notice].filter(Boolean);
  };
}, {
  task: (model) => (model.get("_own")
    ? "Give two networks a photo, and compare."
    : "Give the network a photo, and see what it says and where it looks."),
});

// What is said to who listens.
function describe({ base, ours, classes, shown, where }) {
  const list = ({ names, result }, numbers) => {
    return numbers.map((n) => `${names[n]} ${formatShare(result.probabilities[n])}`).join(", ");
  };
  return [
    ours?.result ? `From scratch, it says ${list(ours, bestOf(ours.result.probabilities, null, 1))}.` : ours?.status,
    base.result ? `${ours ? "The base" : "It"} says ${list(base, classes)}.` : base.status,
    where && `The photo shows ${where.isOurs ? "what the answer hangs on" : `where it looks for ${base.names[shown]}`}.`,
  ].filter(Boolean).join(" ");
}

// A network that is asked for the photo that `photoNow` gives, at `size` px.
function createAsking({ redraw }, network, size, photoNow) {
  const results = new Map(); // by photo
  let [names, status, share, trouble, looking] = [[], "", 0, "", false];
  const attempt = async (work) => {
    if (looking) return;
    [looking, trouble] = [true, ""];
    try {
      await work();
    } catch ({ message }) {
      trouble = message;
    }
    [looking, status] = [false, ""];
    redraw();
  };
  const tell = (now, text) => {
    [share, status] = [now, text];
    redraw();
  };
  return {
    attempt,
    tell,
    // Asks until the photo that is shown is answered; loads the network first where it must.
    ask: () => attempt(async () => {
      const progress = (now) => tell(now, `Loading the network: ${Math.floor(100 * now)} %`);
      if (!network.isLoaded()) progress(0);
      names = (await network.load(progress)).names;
      while (!results.has(photoNow())) {
        tell(1, "Looking at the photo …");
        const photo = photoNow();
        results.set(photo, { ...(await network.look(photo, size)), maps: new Map() });
      }
    }),
    forget: () => (trouble = ""),
    read() {
      const result = results.get(photoNow());
      if (!result && network.isLoaded() && !looking && !trouble) this.ask();
      return { result, names, status, share, trouble };
    },
  };
}

// The photo that is shown and what networks have found in it. Photos and what was found are no traits: no link carries
// them.
async function createState(frame) {
  const { model, set, redraw } = frame;
  const samples = {};
  for (const [name, url] of Object.entries(model.get("_samples"))) {
    const bytes = Uint8Array.from(atob(url.split(",")[1]), (letter) => letter.charCodeAt(0));
    samples[name] = { ...(await readPhoto(new Blob([bytes], { type: "image/webp" }))), name };
  }
  let [own, isOwn, notice, isCovered] = [null, false, "", false];
  const photoNow = () => (isOwn ? own : samples[model.get("sample")]);
  const network = createPhotoNetwork(frame);
  const base = createAsking(frame, network, SIZE_PX, photoNow);
  const record = model.get("_own");
  const small = record && createPhotoNetwork(frame, OWN_NETWORK);
  const ours = record && createAsking(frame, small, record.size_px, photoNow);
  // Where the base looks for a class, which is there at the next redraw.
  const locate = (result, number) => base.attempt(async () => {
    result.maps.set(number, null);
    try {
      const [values] = await network.locate(result.last, [number]);
      result.maps.set(number, values);
    } catch (error) {
      result.maps.delete(number);
      throw error;
    }
  });
  // What our network's answer hangs on: how much of its margin is lost where a part of the photo is covered.
  const cover = () => ours.attempt(async () => {
    isCovered = true;
    const [photo, { result }] = [photoNow(), ours.read()];
    const [number] = bestOf(result.probabilities, null, 1);
    const whole = result.probabilities[number];
    result.least ??= whole;
    result.lost ??= new Float32Array(CELLS ** 2);
    for (result.rows ??= 0; result.rows < CELLS && photo === photoNow(); result.rows++) {
      ours.tell(result.rows / CELLS, "Covering one part after the other …");
      const shares = await small.cover(photo, record.size_px, number, CELLS, result.rows);
      result.lost = result.lost.slice();
      result.lost.set(shares.map((share) => marginOf(whole) - marginOf(share)), result.rows * CELLS);
      result.least = Math.min(result.least, ...shares);
    }
  });
  const show = (changes, isMine) => {
    [isOwn, isCovered, notice] = [isMine, false, ""];
    base.forget();
    ours?.forget();
    set({ answer: null, ...changes });
    redraw();
  };
  return {
    ask: base.ask,
    askOurs: ours?.ask,
    cover,
    choose(answer) {
      isCovered = false;
      set({ answer });
      redraw();
    },
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
      const now = { base: base.read(), ours: ours?.read() };
      const { result, trouble } = now.base;
      const classes = result ? bestOf(result.probabilities, asked, ours ? BEST_BESIDE : BEST) : [];
      const shown = asked ?? classes[0];
      if (result && !result.maps.has(shown) && !trouble) locate(result, shown);
      const values = result?.maps.get(shown);
      const lost = isCovered && now.ours.result?.lost;
      const where = lost
        ? { isOurs: true, values: lost, height: CELLS, width: CELLS }
        : values && { values, height: result.last.height, width: result.last.width };
      return { ...now, photo, isOwn, own, classes, shown, where, notice };
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
  const hint = h("p", { class: "cb-hint" }, "Drop or paste works too. Nothing leaves this page.");
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
  const title = model.get("_own") ? "Overlay" : "Where it looks";
  const slider = createSlider(title, (strength) => set({ strength }), { unit: " %", step: 5 });
  const legend = h("p", { class: "cb-hint" }, "Orange speaks for the class, blue against it.");
  const paint = remember((photo) => {
    paintPixels(picture, photo.data, photo);
    setVariables(screen, { ratio: photo.width / photo.height });
  });
  const paintGlow = remember((values, height, width, isOurs) => {
    const { rgba, size, box } = glowOf(values, { height, width }, isOurs);
    paintPixels(glow, rgba, size);
    placeBox(glow, box, { height: 1, width: 1 });
  });
  return {
    element: h("div", { class: "cb-panel cb-view" }, screen, slider, legend),
    update({ photo, where, base, shown }) {
      paint(photo);
      glow.hidden = !where;
      if (where) paintGlow(where.values, where.height, where.width, Boolean(where.isOurs));
      const what = where?.isOurs ? "what the answer hangs on" : `where the network looks for ${base.names[shown]}`;
      setAttribute(picture, "aria-label", `${photo.name}${where ? `; it glows ${what}` : ""}`);
      const strength = where ? model.get("strength") / 100 : 0;
      setVariables(screen, { strength });
      slider.update(model.get("strength"), { min: 0, max: 100 });
      slider.element.hidden = legend.hidden = !where;
      setText(legend, where?.isOurs
        ? "Orange: with this part covered, it is less sure. Blue: it is surer."
        : "Orange speaks for the class, blue against it.");
    },
  };
}

// What stands in place of an answer until there is one: a text, how far the network is, and a button that asks it.
function createWaiting(text, label, ask) {
  const button = createButton("", ask);
  const [words, trouble] = [h("p", {}), h("p", { class: "cb-problem", role: "status" })];
  const fill = h("i", { class: "cb-fill" });
  const track = h("span", { class: "cb-track" }, fill);
  return {
    element: h("div", { class: "cb-waiting" }, words, track, button, trouble),
    update({ result, status, share, trouble: problem }) {
      this.element.hidden = Boolean(result) && !problem && !status;
      setText(words, result || status ? status : text);
      words.hidden = Boolean(result) && !status;
      track.hidden = !status;
      setStyle(fill, `width:${100 * share}%`);
      button.hidden = Boolean(status) || (Boolean(result) && !problem);
      setText(button, problem ? "Try again" : label);
      setText(trouble, problem);
    },
  };
}

// The parts of a line with a class and its probability.
const makeRow = () => [h("b"), h("span"), h("span", { class: "cb-track" }, h("i", { class: "cb-fill" }))];

function fillRow({ children: [name, percent, { firstChild: bar }] }, text, probability) {
  setText(name, text);
  setText(percent, formatShare(probability));
  setStyle(bar, `width:${100 * probability}%`);
}

// What our network says, with the button that asks it, and the one that covers parts of the photo.
function createOwn(frame, state) {
  const { train, test, accuracy } = frame.model.get("_own");
  const about = `${formatCount(train)} photos of cats and dogs are all that it has seen. ` +
    `Of ${formatCount(test)} others it gets ${formatPercent(accuracy)} right.`;
  const waiting = createWaiting("", `Cat or dog? (${FILES_MB[OWN_NETWORK]} MB)`, () => state.askOurs());
  const row = h("p", {}, ...makeRow());
  const answer = h("div", { class: "cb-answers" }, row);
  const button = createButton("What does this hang on?", state.cover);
  const found = h("p", { class: "cb-hint", role: "status" });
  const panel = createPanel("own", "From scratch", h("p", { class: "cb-hint" }, about), answer, waiting, button, found);
  return {
    element: panel.element,
    update({ ours, where }) {
      const { result, names, status, trouble } = ours;
      const isWhole = Boolean(where?.isOurs) && result?.rows === CELLS;
      waiting.update(ours);
      answer.hidden = !result;
      button.hidden = !result || isWhole || Boolean(status || trouble);
      found.hidden = !isWhole;
      if (!result) return;
      const [number] = bestOf(result.probabilities, null, 1);
      const [name, share] = [names[number], result.probabilities[number]];
      fillRow(row, name, share);
      setText(found, share - result.least < 0.01
        ? `Whatever is covered, it stays as sure of ${name}.`
        : `With its most important part covered: ${name} ${formatShare(result.least)}.`);
    },
  };
}

// What the network says, with the button that asks it.
function createAnswers(frame, state) {
  const isBeside = Boolean(frame.model.get("_own")); // the answer of our own network
  const waiting = createWaiting(
    isBeside ? "Trained by others on over a million photos of 1,000 classes."
      : "What will it say of this photo, and where will it look? Guess first.",
    `Ask ${isBeside ? "this one" : "the network"} (${FILES_MB.efficientnet_lite0} MB, once)`,
    state.ask,
  );
  let now = null;
  const group = createButtonGroup("Answers", {
    className: "cb-answers cb-choices",
    make: makeRow,
    onPress: (n) => state.choose(now.classes[n]),
  });
  const nth = [...document.querySelectorAll('[data-figure="your_photo"]')].indexOf(frame.el);
  const list = h("datalist", { id: `cb-classes-${nth}` });
  const sentence = h("span", { class: "cb-hint", role: "status" });
  const onchange = () => {
    const wanted = field.value.trim().toLowerCase();
    const number = now.base.names.findIndex((name) => name.toLowerCase() === wanted);
    setText(sentence, number < 0 && wanted ? "It has no class of this name; take one of the list." : "");
    if (number >= 0) state.choose(number);
  };
  const field = h("input", { class: "cb-select cb-class", list: list.id, onchange, autocomplete: "off" });
  const other = h("label", { class: "cb-field" }, h("span", {}, "Any of its 1,000 classes"), field, list, sentence);
  const panel = createPanel("said", isBeside ? "Pretrained base" : "What it says", waiting, group, other);
  return {
    element: panel.element,
    update(fresh) {
      now = fresh;
      const { base: { result, names }, classes, shown, where } = now;
      waiting.update(now.base);
      group.element.hidden = !result;
      other.hidden = !result || isBeside;
      if (!result) return;
      const options = () => names.map((name) => h("option", { value: name }));
      if (list.children.length !== names.length) list.replaceChildren(...options());
      group.update(classes.length, (n) => classes[n] === shown && !where?.isOurs);
      group.buttons().forEach((row, n) => fillRow(row, names[classes[n]], result.probabilities[classes[n]]));
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
  return { element, update: ({ base: { result } }) => show(result, frame.theme) };
}
