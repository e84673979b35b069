// The figure teach it: photos of two or three things, a pretrained base that sees each once, a classifier on top.

import {
  createButton,
  createPanel,
  createSelect,
  divergingColor,
  formatCount,
  formatPercent,
  h,
  joinParts,
  liveFigure,
  paintPixels,
  remember,
  s,
  setAttribute,
  setIdle,
  setStyle,
  setText,
  setVariables,
} from "./base.js";
import { createButtonGroup, createDetails } from "./controls.js";
import { leaveOneOut, multiplyRows, trainLogistic, wilsonInterval } from "./logistic.js";
import { createPhotoInput } from "./photo_input.js";
import { createPhotoNetwork, FILES_MB } from "./photo_network.js";

const OWN = "your own photos";
const SETS = ["owls and hedgehogs", "cats and dogs", "brick, grass and gravel", OWN];
const SPEAKERS = { features: "Base", pixels: "Pixels" }; // a classifier on each of these
const [MOST_CLASSES, MOST_PHOTOS, MOST_ASKED] = [3, 40, 5];
const [BASE_PX, PIXELS_PX, THUMB_PX] = [224, 16, 160]; // what base and pixel classifier see; what is shown and kept
const [SAME_PHOTOS_MS, SLICE_MS] = [2000, 4];
const [FEATURES, STRIP_ROWS, LONGEST_NAME] = [1280, 8, 20];
const FORMAT = { figure: "convbook teach it", version: 1 };
const PICTURE = /^data:image\/(jpeg|png|webp);base64,[\w+/=]+$/;

// ---- pure functions, tested against NumPy and Pillow ----------------------------------------------------------------

// A photo's bytes, four a pixel, as a square of `side` pixels of three bytes each, row by row: the mean of what lies in
// each of them.
export function shrinkPhoto({ width, height, data }, side = PIXELS_PX) {
  const weigh = (length) => Array.from({ length: side }, (_, n) => {
    const [from, to] = [(n * length) / side, ((n + 1) * length) / side];
    const first = Math.floor(from);
    const count = Math.ceil(to) - first;
    const within = (at) => Math.min(to, at + 1) - Math.max(from, at);
    return Array.from({ length: count }, (_, k) => [first + k, within(first + k)]);
  });
  const [rows, columns, area] = [weigh(height), weigh(width), (height * width) / side ** 2];
  return Uint8Array.from(rows.flatMap((row) => columns.flatMap((column) => [0, 1, 2].map((part) => {
    let sum = 0;
    for (const [y, down] of row) {
      for (const [x, across] of column) sum += data[4 * (y * width + x) + part] * down * across;
    }
    return Math.round(sum / area);
  }))));
}

// Numbers from 0 on as bytes, of which 255 stands for the largest; so they are kept and saved.
export function packFeatures(features) {
  const largest = features.reduce((one, other) => Math.max(one, other), 0);
  return { largest, features: Uint8Array.from(features, (value) => Math.round((value * 255) / (largest || 1))) };
}

// The two rows that point in the most similar direction, [first, second, cosine]; null where there is only one.
export function mostAlike(products) {
  let best = null;
  products.forEach((row, i) => {
    for (let j = 0; j < i; j++) {
      const cosine = row[j] / Math.sqrt(row[i] * products[j][j] || 1);
      if (!best || cosine > best[2]) best = [j, i, cosine];
    }
  });
  return best;
}

const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// The classes with their photos as the text of a file. `known(photo)` gives { largest, features }.
export function writeSet(classes, known) {
  const write = (photo) => {
    const { largest, features } = known(photo);
    const { picture, pixels } = photo;
    return { picture, pixels: toBase64(pixels), largest, features: toBase64(features) };
  };
  return JSON.stringify({
    ...FORMAT, classes: classes.map(({ name, photos }) => ({ name, photos: photos.map(write) })),
  });
}

// The classes in the text of such a file, [{ name, photos: [{ picture, pixels, largest, features }] }]. An error's
// message is a sentence for the reader.
export function readSet(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error("This file is cut off or no set of photos; choose one that this figure has saved.");
  }
  if (file?.figure !== FORMAT.figure) {
    throw new Error("This file is no set of photos from this figure; choose one that it has saved.");
  }
  if (file.version !== FORMAT.version) {
    throw new Error("This set was saved by another version of the book; add its photos anew.");
  }
  const read = ({ picture, pixels, largest, features }) => {
    const photo = { picture, pixels: fromBase64(pixels), largest, features: fromBase64(features) };
    const isWhole = photo.pixels.length === 3 * PIXELS_PX ** 2 && photo.features.length === FEATURES;
    const isSound = Number.isFinite(largest) && largest > 0 && largest <= 6 && PICTURE.test(picture);
    if (!isWhole || !isSound) throw new Error("broken");
    return photo;
  };
  try {
    const classes = file.classes.map(({ name, photos }) => {
      return { name: String(name).slice(0, LONGEST_NAME), photos: photos.map(read) };
    });
    const count = countPhotos(classes);
    if (classes.length < 2 || classes.length > MOST_CLASSES || count > MOST_PHOTOS) throw new Error("broken");
    return classes;
  } catch {
    throw new Error("This set of photos is cut off or was changed; choose another copy of the file.");
  }
}

function countPhotos(classes) {
  return classes.reduce((sum, { photos }) => sum + photos.length, 0);
}

// ---- what is said --------------------------------------------------------------------------------------------------

const plural = (count, one, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;

function topOf(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}

// What a classifier says, such as "owls (97 %)".
function writeAnswer({ names }, probabilities) {
  const top = topOf(probabilities);
  return `${names[top]} (${formatPercent(probabilities[top])})`;
}

// What is missing before anything can be learned, or before each photo can be left out.
function writeLack({ classes, names, rows }) {
  const ready = (n) => rows.filter(({ label }) => label === n).length;
  const empty = names.filter((_, n) => ready(n) === 0);
  if (empty.length > classes.length - 2) {
    return empty.length === classes.length
      ? "Add photos of two things, one kind to each class: five of each will do."
      : `There is nothing to tell apart yet: add photos to ${empty.join(" and ")}.`;
  }
  if (empty.length) return `${empty[0]} has no photo yet: it learns the other two.`;
  const alone = names.filter((_, n) => ready(n) === 1);
  if (alone.length) return `Of ${alone.join(" and of ")} there is one photo; add another, so that one can be left out.`;
  return new Set(names).size < names.length ? "Two classes have the same name: give one of them another." : "";
}

// What has been done, and how fast. How long it took is said where it was done in this page.
function writeWork({ rows, own, learned, wait }) {
  if (wait || !learned) return wait;
  const { losses } = learned.features.whole;
  const times = own.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  const each = formatCount(Math.round(times[times.length >> 1]));
  const ours = own.length ? `, ${own.length} of yours in ${each} ms each` : "";
  const took = own.length ? ` and ${Math.max(1, Math.round(learned.milliseconds))} ms` : "";
  const fall = `loss ${losses[0].toFixed(2)} → ${losses.at(-1).toFixed(2)}`;
  return `Base: ${plural(rows.length, "photo")}, once each${ours}. Classifier: ${losses.length} steps${took}, ${fall}.`;
}

function writeScore({ right, count }) {
  return `${right} of ${count} left-out photos right`;
}

function writeRange({ right, count }) {
  const [low, high] = wilsonInterval(right, count).map((share) => Math.round(100 * share));
  return `so ${low} to ${high} of 100 new ones`;
}

// What each classifier said of a photo when it was left out: one sentence for each, or one for both.
function writeLeftOut(now, { label, isKnown, answers }) {
  if (!isKnown) return ["This photo waits for the base.", ""];
  if (!answers) return [`One of ${now.names[label]}.`, ""];
  if (!answers.features) return [`The only one of ${now.names[label]}: left out, it leaves none to learn from.`, ""];
  return Object.entries(SPEAKERS).map(([kind, who]) => {
    const probabilities = spread(now, answers[kind]);
    return `${who} without it: ${writeAnswer(now, probabilities)} ${topOf(probabilities) === label ? "✓" : "✗"}`;
  });
}

const HOW =
  "The base is EfficientNet-Lite0 of chapter 8, its weights as whole numbers of one byte. It sees a photo as a " +
  "square of 224 px and gives 1,280 numbers. Plain pixels are the photo at 16 × 16 px. On either, logistic " +
  "regression learns with the same penalty (scikit-learn's C is 100, for rows of spread 1). The ranges are 95 % " +
  "intervals by Wilson; the dashed mark is guessing.";
const PRIVATE = "Your photos stay in this page.";

// ---- the figure ----------------------------------------------------------------------------------------------------

export default liveFigure("teach_it", ["photos", "_examples"], async (frame) => {
  const state = await createState(frame);
  const { read } = state;
  const notice = createNotice(state);
  const panels = Array.from({ length: MOST_CLASSES }, (_, n) => createClass(frame, state, n));
  const classes = joinParts("cb-classes", ...panels);
  const words = createText("", (now) => [writeWork(now), now.wait ? "" : writeLack(now)].filter(Boolean).join(" "));
  const work = joinParts("cb-now", words, createLosses());
  const mark = ({ wait }) => work.element.classList.toggle("cb-busy", Boolean(wait));
  const answers = joinParts("cb-answers", createScores(), createAsk(frame, state));
  const more = createDetails(frame, "The two most alike, files, and how it works",
    createAlike(frame), createFiles(frame, state), createText("cb-hint", () => HOW));
  const privacy = h("p", { class: "cb-hint" }, PRIVATE);
  const [bar, chosen] = [createBar(frame, state), createChosen(frame, state)];
  const showPhotos = frame.add(bar, notice, classes, chosen);
  const showLearned = frame.add(work, answers, privacy, more);

  return () => {
    const now = read();
    setVariables(frame.el, { classes: now.classes.length });
    showPhotos(now);
    if (!now.isLearning) showLearned(now); // else what was learned before stays for a moment
    mark(now);
    return describe(now);
  };
}, {
  task: "Teach it two things, with as few photos as you can.",
});

function createText(className, write) {
  const element = h("p", { class: className });
  return { element, update: (now) => setText(element, write(now)) };
}

// What is spoken: what can be said of all photos, of the chosen one and of the one that is asked about.
function describe(now) {
  const { scores } = now;
  const all = scores
    ? `${now.set}: the base is right on ${writeScore(scores.features)}, plain pixels on ${scores.pixels.right}.`
    : writeLack(now);
  const asked = now.asked?.answers;
  return [
    now.notice,
    now.wait ? "" : all,
    now.wait || !now.chosen ? "" : writeLeftOut(now, now.chosen).join(". "),
    asked ? `The new photo is called ${writeAnswer(now, spread(now, asked.features))}.` : "",
  ];
}

// Probabilities of the classes that have photos, as those of all.
function spread({ present, classes }, probabilities) {
  return classes.map((_, n) => (present.includes(n) ? probabilities[present.indexOf(n)] : 0));
}

// ---- the photos, and what follows from them ------------------------------------------------------------------------

// The sets of photos, each with the steps by which it came about; what the base makes of each photo; what the network
// is doing. `read()` gives all that the parts need.
async function createState(frame) {
  const { model, redraw, set, onRemove } = frame;
  const network = createPhotoNetwork(frame);
  const known = new Map(); // of each photo's number, { largest, features, milliseconds }
  const images = new Map(); // of each photo that waits, its pixels
  let [count, notices, saidAt, trouble, wait, isRunning, pace] = [0, [], 0, "", "", false, 0];

  const createPhoto = (picture, pixels) => ({ id: count++, picture, pixels });
  const sets = {};
  for (const [name, classes] of Object.entries(model.get("_examples"))) {
    const photos = {};
    for (const [kind, examples] of Object.entries(classes)) {
      photos[kind] = await Promise.all(examples.map(async ({ picture, largest, features }) => {
        const photo = createPhoto(picture, shrinkPhoto(await readPicture(picture)));
        known.set(photo.id, { largest, features: fromBase64(features) });
        return photo;
      }));
    }
    const { "": asked, ...named } = photos;
    sets[name] = [{ classes: Object.entries(named).map(([name, photos]) => ({ name, photos })), asked }];
  }
  sets[OWN] = [{ classes: [1, 2].map((n) => ({ name: `class ${n}`, photos: [] })), asked: [] }];
  const [chosen, askedAbout] = [{}, {}]; // of each set, a photo's number

  const current = () => model.get("photos");
  const present = () => sets[current()].at(-1);
  // Another state of the set in sight; `undo` goes back.
  const change = (changes, name = current()) => {
    sets[name] = [...sets[name], { ...sets[name].at(-1), ...changes }];
    if (performance.now() - saidAt > SAME_PHOTOS_MS) notices = [];
    redraw();
  };
  const changeClass = (n, changes) => {
    change({ classes: present().classes.map((each, other) => (other === n ? { ...each, ...changes } : each)) });
  };
  // Of photos that are given together all sentences stay, at most three.
  const say = (sentence) => {
    if (!sentence) return;
    const isNew = performance.now() - saidAt > SAME_PHOTOS_MS;
    [notices, saidAt] = [[...(isNew ? [] : notices), sentence].slice(-3), performance.now()];
    redraw();
  };
  const isAmong = (pixels) => present().classes.find(({ photos }) => (
    photos.some((photo) => photo.pixels.every((value, n) => value === pixels[n]))
  ));

  // Sends the photos that wait through the base, one after the other.
  const proceed = async () => {
    if (isRunning) return;
    [isRunning, trouble] = [true, ""];
    const tell = (text) => {
      wait = text;
      redraw();
    };
    try {
      while (images.size) {
        if (!network.isLoaded()) {
          const load = (share) => tell(`Loading the base, ${FILES_MB.efficientnet_lite0} MB, once: ${formatPercent(share)}.`);
          load(0);
          await network.load(load);
        }
        const [id, image] = images.entries().next().value;
        const left = pace ? `, about ${Math.ceil((images.size * pace) / 1000)} s` : "";
        tell(`${plural(images.size, "photo goes", "photos go")} through the base, each once${left}.`);
        const { features, milliseconds } = await network.look(image, BASE_PX);
        pace = milliseconds;
        images.delete(id);
        known.set(id, { ...packFeatures(features), milliseconds });
      }
    } catch (error) {
      trouble = error.message;
    }
    isRunning = false;
    tell("");
  };
  onRemove(() => images.clear());

  const learner = createLearner(frame);
  const asking = remember((photo) => ({ ...photo, ...known.get(photo.id) }));
  const state = {
    present,
    say,
    proceed,
    room: () => MOST_PHOTOS - countPhotos(present().classes),
    // Takes a photo of the reader's into a class.
    add(n, image, note) {
      const pixels = shrinkPhoto(image);
      const twin = isAmong(pixels);
      if (twin) return say(`This photo is already among ${twin.name}; it is taken once.`);
      const photo = createPhoto(writePicture(image), pixels);
      images.set(photo.id, image);
      changeClass(n, { photos: [...present().classes[n].photos, photo] });
      chosen[current()] = photo.id;
      say(note);
      proceed();
    },
    ask(image, note) {
      const pixels = shrinkPhoto(image);
      const twin = isAmong(pixels);
      const photo = createPhoto(writePicture(image), pixels);
      images.set(photo.id, image);
      change({ asked: [...present().asked, photo].slice(-MOST_ASKED) });
      askedAbout[current()] = photo.id;
      say(twin ? `It has learned from this photo, among ${twin.name}: so its answer says little.` : note);
      proceed();
    },
    choose(id) {
      chosen[current()] = id;
      redraw();
    },
    askAbout(id) {
      askedAbout[current()] = id;
      redraw();
    },
    rename: (n, name) => changeClass(n, { name }),
    takeOut({ id }) {
      const without = ({ name, photos }) => ({ name, photos: photos.filter((each) => each.id !== id) });
      change({ classes: present().classes.map(without) });
    },
    moveTo({ id }, to) {
      const photo = present().classes.flatMap(({ photos }) => photos).find((each) => each.id === id);
      change({
        classes: present().classes.map(({ name, photos }, n) => {
          const others = photos.filter((each) => each.id !== id);
          return { name, photos: n === to ? [...others, photo] : others };
        }),
      });
    },
    addClass() {
      const { classes } = present();
      const fresh = { name: `class ${classes.length + 1}`, photos: [] };
      if (classes.length < MOST_CLASSES) change({ classes: [...classes, fresh] });
    },
    removeClass: (n) => change({ classes: present().classes.filter((_, other) => other !== n) }),
    startAnew() {
      change(sets[current()][0]);
      [chosen, askedAbout].forEach((of) => delete of[current()]);
    },
    undo() {
      const steps = sets[current()];
      if (steps.length > 1) sets[current()] = steps.slice(0, -1);
      notices = [];
      redraw();
    },
    save: () => writeSet(present().classes, ({ id }) => known.get(id)),
    open(text) {
      const classes = readSet(text).map(({ name, photos }) => ({
        name,
        photos: photos.map(({ picture, pixels, ...base }) => {
          const photo = createPhoto(picture, pixels);
          known.set(photo.id, base);
          return photo;
        }),
      }));
      change({ classes, asked: [] }, OWN);
      set({ photos: OWN });
    },
    read() {
      const { classes, asked } = present();
      const names = classes.map(({ name }, n) => name.trim() || `class ${n + 1}`);
      const all = classes.flatMap(({ photos }, label) => photos.map((photo) => {
        return { ...photo, label, name: names[label], isKnown: known.has(photo.id), ...known.get(photo.id) };
      }));
      const rows = all.filter(({ isKnown }) => isKnown);
      const withPhotos = classes.map((_, n) => n).filter((n) => rows.some(({ label }) => label === n));
      const learned = withPhotos.length < 2 ? null : learner(rows, withPhotos);
      rows.forEach((row, n) => (row.answers = learned && answersAt(learned, n, (found) => found.left[n])));
      const about = asked.find(({ id }) => id === askedAbout[current()]) ?? asked[0];
      const own = all.filter(({ milliseconds }) => milliseconds !== undefined);
      return {
        ...{ set: current(), classes, names, all, rows, own, learned, present: withPhotos, trouble, wait },
        isLearning: withPhotos.length > 1 && !learned,
        notice: notices.join(" "),
        canUndo: sets[current()].length > 1,
        scores: learned?.isComplete ? scoresOf(rows, withPhotos) : null,
        chosen: all.find(({ id }) => id === chosen[current()]) ?? all[0],
        others: asked,
        asked: about && { ...about, answers: learned && known.has(about.id) ? askBoth(learned, asking(about)) : null },
      };
    },
  };
  return state;
}

// What both classifiers give, { features, pixels }, as `pick` takes it out of what they have learned; undefined where
// it is not computed yet.
function answersAt(learned, n, pick) {
  const found = Object.fromEntries(Object.keys(SPEAKERS).map((kind) => [kind, pick(learned[kind])]));
  return found.features === undefined || found.pixels === undefined ? undefined : found;
}

// How many of the photos that could be left out were right; null where none could.
function scoresOf(rows, present) {
  const judged = rows.filter(({ answers }) => answers?.features);
  if (!judged.length) return null;
  return Object.fromEntries(Object.keys(SPEAKERS).map((kind) => {
    const right = judged.filter(({ answers, label }) => present[topOf(answers[kind])] === label).length;
    return [kind, { right, count: judged.length, guess: 1 / present.length }];
  }));
}

// A function that trains both classifiers whenever the photos are others, and leaves each photo out once, a few
// milliseconds in each of the frames that follow; until both are trained it gives null.
function createLearner({ redraw, onRemove }) {
  let [key, learned, work, milliseconds, pending] = ["", null, null, 0, 0];
  const proceed = () => {
    const start = performance.now();
    let next;
    do next = work.next();
    while (!next.done && performance.now() - start < SLICE_MS);
    milliseconds += performance.now() - start;
    learned = next.value ?? learned;
    if (learned) Object.assign(learned, { isComplete: Boolean(next.done), milliseconds });
    if (!next.done) pending = requestAnimationFrame(proceed);
    redraw();
  };
  onRemove(() => cancelAnimationFrame(pending));
  return (rows, present) => {
    const wanted = rows.map(({ id, label }) => `${id} ${label}`).join();
    if (wanted !== key) {
      cancelAnimationFrame(pending);
      [key, learned, work, milliseconds] = [wanted, null, learn(rows, present), 0];
      pending = requestAnimationFrame(proceed);
    }
    return learned;
  };
}

// Yields after each piece of work, and from then on what was learned.
function* learn(rows, present) {
  const [labels, learned] = [rows.map(({ label }) => present.indexOf(label)), { rows }];
  for (const kind of Object.keys(SPEAKERS)) {
    const numbers = rows.map((row) => numbersOf(kind, row));
    const products = multiplyRows(numbers);
    yield;
    learned[kind] = { numbers, products, left: [], whole: trainLogistic(products, labels, present.length) };
    yield;
  }
  for (const { products, whole, left } of Object.keys(SPEAKERS).map((kind) => learned[kind])) {
    for (const answer of leaveOneOut(products, labels, present.length, whole)) {
      left.push(answer);
      yield learned;
    }
  }
  return learned;
}

// What a classifier is given of a photo.
function numbersOf(kind, { pixels, largest, features }) {
  return kind === "pixels" ? pixels : Float32Array.from(features).map((value) => (value * largest) / 255);
}

// What both classifiers answer for another photo.
const askBoth = remember((learned, photo) => Object.fromEntries(Object.keys(SPEAKERS).map((kind) => {
  const { numbers, whole } = learned[kind];
  return [kind, whole.answer(multiplyRows([numbersOf(kind, photo)], numbers)[0])];
})));

// ---- pictures ------------------------------------------------------------------------------------------------------

// The bytes of a picture with this address, as shrinkPhoto takes them.
async function readPicture(src) {
  const image = Object.assign(new Image(), { src });
  await image.decode();
  const size = [image.naturalWidth, image.naturalHeight];
  return drawPicture(image, ...size).getImageData(0, 0, ...size);
}

// A small copy of a photo, as the address of a JPEG.
function writePicture({ width, height, data }) {
  const scale = Math.min(1, THUMB_PX / Math.min(width, height));
  const whole = drawPicture(null, width, height);
  whole.putImageData(new ImageData(data, width, height), 0, 0);
  const sides = [width, height].map((side) => Math.round(side * scale));
  return drawPicture(whole.canvas, ...sides).canvas.toDataURL("image/jpeg", 0.8);
}

function drawPicture(image, width, height) {
  const context = h("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  if (image) context.drawImage(image, 0, 0, width, height);
  return context;
}

// ---- the parts -----------------------------------------------------------------------------------------------------

// Which photos, and what can be done with all of them.
function createBar({ set }, { undo, addClass }) {
  const photos = createSelect("Photos", (photos) => set({ photos }));
  const [back, more] = [createButton("Undo", undo), createButton("+ class", addClass, "Add a class")];
  return {
    element: h("div", { class: "cb-bar cb-terse" }, photos, h("div", { class: "cb-buttons" }, back, more)),
    update({ set, classes, canUndo }) {
      photos.update(SETS, set);
      setIdle(back, !canUndo);
      setIdle(more, classes.length === MOST_CLASSES);
    },
  };
}

// What a photo was refused for, or why the network does not answer.
function createNotice({ proceed }) {
  const [text, again] = [h("span", {}), createButton("Try again", proceed)];
  const element = h("p", { class: "cb-notice cb-said", role: "status" }, text, " ", again);
  return {
    element,
    update({ notice, trouble }) {
      setText(text, [trouble, notice].filter(Boolean).join(" "));
      element.hidden = !trouble && !notice;
      again.hidden = !trouble;
    },
  };
}

// One class: its name, its photos with what was said of each when it was left out, and the buttons that add to it.
function createClass(frame, { add, say, room, choose, rename, removeClass }, n) {
  const label = `Name of class ${n + 1}`;
  const name = h("input", { class: "cb-name", maxlength: LONGEST_NAME, "aria-label": label, autocomplete: "off" });
  name.addEventListener("change", () => rename(n, name.value));
  const count = h("span", { class: "cb-note" });
  const remove = createButton("×", () => removeClass(n), `Remove class ${n + 1}`);
  let photos = [];
  const make = () => {
    const marks = h("span", { class: "cb-marks", "aria-hidden": "true" }, h("i"), h("i"));
    return [h("img", { class: "cb-photo", alt: "" }), marks];
  };
  const thumbs = createButtonGroup("", { className: "cb-thumbs", make, onPress: (i) => choose(photos[i].id) });
  const element = h("div", { class: "cb-class" }, h("div", { class: "cb-heading" }, name, count, remove), thumbs);
  const input = createPhotoInput({ ...frame, el: element }, {
    label: "Add photos",
    camera: "Camera",
    isFirst: false,
    onPhoto: (image, note) => add(n, image, note),
    onRefused: say,
    most: room,
  });
  input.element.classList.add("cb-add");
  element.append(input.element);
  return {
    element,
    update(now) {
      const { classes, names, all, chosen } = now;
      element.hidden = n >= classes.length;
      if (element.hidden) return;
      photos = all.filter(({ label }) => label === n);
      if (document.activeElement !== name && name.value !== classes[n].name) name.value = classes[n].name;
      setText(count, plural(photos.length, "photo"));
      remove.hidden = classes.length === 2;
      setAttribute(thumbs.element, "aria-label", `Photos of ${names[n]}`);
      setVariables(thumbs.element, { thumb: photos.length > 15 ? "30px" : photos.length > 8 ? "42px" : "56px" });
      thumbs.update(photos.length, (i) => photos[i].id === chosen.id);
      thumbs.buttons().forEach((button, i) => showThumb(button, photos[i], `${names[n]} ${i + 1}`, now));
      const [chooser, , take] = input.element.children;
      setAttribute(chooser, "aria-label", `Add photos to ${names[n]}`);
      if (take) setAttribute(take, "aria-label", `Take a photo of ${names[n]}`);
    },
  };
}

// A photo with a mark for each classifier: whether it was right when the photo was left out.
function showThumb(button, photo, name, { present }) {
  const [image, marks] = button.children;
  setAttribute(image, "src", photo.picture);
  const verdicts = Object.keys(SPEAKERS).map((kind) => {
    if (!photo.answers?.[kind]) return "";
    return present[topOf(photo.answers[kind])] === photo.label ? "right" : "wrong";
  });
  verdicts.forEach((verdict, n) => {
    setAttribute(marks.children[n], "class", verdict && `cb-${verdict}`);
    setText(marks.children[n], { right: "✓", wrong: "✗" }[verdict] ?? "");
  });
  button.classList.toggle("cb-waits", !photo.isKnown);
  setAttribute(button, "aria-label", verdicts[0] ? `${name}: base ${verdicts[0]}, pixels ${verdicts[1]}` : name);
}

// The chosen photo: what was said of it, its numbers, and what can be done with it.
function createChosen(frame, { takeOut, moveTo }) {
  let [photo, targets] = [null, []];
  const image = h("img", { class: "cb-photo", alt: "The chosen photo" });
  const lines = Object.keys(SPEAKERS).map((kind) => h("p", { class: `cb-by-${kind}` }));
  const strip = createStrip(frame);
  const moves = [0, 1].map((k) => createButton("", () => moveTo(photo, targets[k])));
  const out = createButton("Take out", () => takeOut(photo));
  const buttons = h("div", { class: "cb-buttons" }, ...moves, out);
  const element = h("div", { class: "cb-chosen" }, image, h("div", {}, ...lines, strip), buttons);
  return {
    element,
    update(now) {
      photo = now.chosen;
      element.hidden = !photo;
      if (!photo) return;
      setAttribute(image, "src", photo.picture);
      writeLeftOut(now, photo).forEach((line, n) => setText(lines[n], line));
      strip.update(photo);
      targets = now.classes.map((_, n) => n).filter((n) => n !== photo.label);
      moves.forEach((button, k) => {
        button.hidden = k >= targets.length;
        if (!button.hidden) setText(button, `Move to ${now.names[targets[k]]}`);
      });
    },
  };
}

// The 1,280 numbers of a photo as a strip: pale where a number is small, dark where it is large.
function createStrip(frame) {
  const canvas = h("canvas", { role: "img" });
  const element = h("div", { class: "cb-strip" }, canvas);
  let shown = [];
  return {
    element,
    update({ features, largest }) {
      element.hidden = !features;
      if (element.hidden || (shown[0] === features && shown[1] === frame.theme)) return;
      shown = [features, frame.theme];
      const columns = features.length / STRIP_ROWS;
      const rgba = new Uint8ClampedArray(4 * features.length);
      features.forEach((value, n) => {
        const place = (n % STRIP_ROWS) * columns + Math.floor(n / STRIP_ROWS);
        rgba.set([...divergingColor(Math.sqrt(value / 255), frame.theme), 255], 4 * place);
      });
      paintPixels(canvas, rgba, { height: STRIP_ROWS, width: columns });
      const zeros = features.filter((value) => value === 0).length;
      setAttribute(canvas, "aria-label", `Its 1,280 numbers, from 0 to ${largest.toFixed(1)}; ${zeros} round to 0`);
    },
  };
}

// How many of the left-out photos each classifier was right on, with what that says of others; and how the losses fell.
function createScores() {
  const scores = Object.entries(SPEAKERS).map(([kind, title]) => {
    const [count, range] = [h("span", {}), h("span", { class: "cb-hint" })];
    const [guess, reach, dot] = ["guess", "reach", "dot"].map((name) => h("i", { class: `cb-${name}` }));
    const axis = h("span", { class: "cb-axis", "aria-hidden": "true" }, guess, reach, dot);
    const update = (score) => {
      setText(count, writeScore(score));
      setText(range, writeRange(score));
      const [low, high] = wilsonInterval(score.right, score.count);
      setStyle(guess, `left:${100 * score.guess}%`);
      setStyle(reach, `left:${100 * low}%;width:${100 * (high - low)}%`);
      setStyle(dot, `left:${(100 * score.right) / score.count}%`);
    };
    const element = h("div", { class: `cb-score cb-by-${kind}` }, h("b", {}, title), count, axis, range);
    return { kind, update, element };
  });
  return {
    element: h("div", { class: "cb-scores" }, ...scores),
    update({ scores: found }) {
      for (const { kind, element, update } of scores) {
        element.hidden = !found;
        if (found) update(found[kind]);
      }
    },
  };
}

// The losses of both classifiers while they learned from all photos.
function createLosses() {
  const [width, height] = [100, 24];
  const paths = Object.keys(SPEAKERS).map((kind) => s("path", { class: `cb-by-${kind}` }));
  const element = s("svg", { class: "cb-losses", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, ...paths);
  return {
    element,
    update({ learned }) {
      setVariables(element, { shown: learned ? "visible" : "hidden" });
      const losses = learned ? Object.keys(SPEAKERS).map((kind) => learned[kind].whole.losses) : [[], []];
      const steps = Math.max(2, ...losses.map(({ length }) => length));
      losses.forEach((values, n) => {
        const place = (loss, step) => [(step * width) / (steps - 1), height - 1 - (loss * (height - 2)) / values[0]];
        const points = values.map((loss, step) => place(loss, step).map((at) => at.toFixed(1)).join());
        setAttribute(paths[n], "d", points.length ? `M${points.join("L")}` : "");
      });
    },
  };
}

// A new photo, and what both classifiers say of it.
function createAsk(frame, { ask, say, askAbout }) {
  let photos = [];
  const make = () => [h("img", { class: "cb-photo", alt: "" })];
  const onPress = (i) => askAbout(photos[i].id);
  const thumbs = createButtonGroup("A new photo", { className: "cb-thumbs", make, onPress });
  const rows = Array.from({ length: MOST_CLASSES }, () => {
    const [name, ...shares] = [h("span", { class: "cb-of" }), h("span"), h("span")];
    const fills = Object.keys(SPEAKERS).map((kind) => h("i", { class: `cb-fill cb-by-${kind}` }));
    const tracks = fills.map((fill) => h("span", { class: "cb-track" }, fill));
    const element = h("div", { class: "cb-row-of" }, name, ...tracks.flatMap((track, k) => [track, shares[k]]));
    return { name, shares, fills, element };
  });
  const answers = h("div", { class: "cb-shares" }, ...rows);
  const panel = createPanel("ask", "A new photo", h("div", { class: "cb-asked" }, thumbs, answers));
  const words = { label: "Ask about yours", camera: "Camera" };
  const input = createPhotoInput({ ...frame, el: panel.element }, { ...words, onPhoto: ask, onRefused: say });
  input.element.classList.add("cb-add");
  panel.title.after(input.element);
  return {
    element: panel.element,
    update({ others, asked, classes, names, present, learned }) {
      photos = others;
      panel.element.hidden = !asked && !learned;
      thumbs.update(photos.length, (i) => photos[i].id === asked.id);
      thumbs.buttons().forEach((button, i) => {
        setAttribute(button.firstChild, "src", photos[i].picture);
        setAttribute(button, "aria-label", `New photo ${i + 1}`);
      });
      rows.forEach(({ name, shares, fills, element }, n) => {
        element.hidden = n >= classes.length || !asked?.answers;
        if (element.hidden) return;
        setText(name, names[n]);
        Object.keys(SPEAKERS).forEach((kind, k) => {
          const share = spread({ present, classes }, asked.answers[kind])[n];
          setStyle(fills[k], `width:${100 * share}%`);
          setText(shares[k], formatPercent(share));
        });
      });
    },
  };
}

// The two photos that the base finds most alike, with their numbers.
function createAlike(frame) {
  const text = h("p", {});
  const pairs = [0, 1].map(() => ({ image: h("img", { class: "cb-photo", alt: "" }), strip: createStrip(frame) }));
  const rows = pairs.map(({ image, strip }) => h("div", { class: "cb-pair" }, image, strip));
  const element = h("div", { class: "cb-alike" }, text, ...rows);
  return {
    element,
    update({ learned, names }) {
      element.hidden = !learned;
      if (!learned) return;
      const [first, second, cosine] = mostAlike(learned.features.products);
      const two = [first, second].map((n) => learned.rows[n]);
      const [one, other] = two.map(({ label }) => names[label]);
      const what = two[0].label === two[1].label ? `both of ${one}` : `${one} and ${other}`;
      const how = `their numbers point in the same direction up to a cosine of ${cosine.toFixed(2)}`;
      setText(text, `The base finds these two most alike, ${what}: ${how}.`);
      pairs.forEach(({ image, strip }, n) => {
        setAttribute(image, "src", two[n].picture);
        strip.update(two[n]);
      });
    },
  };
}

// Keeping the set as a file, loading one, and starting anew.
function createFiles({ onRemove }, { save, open, say, startAnew }) {
  const keep = createButton("Save the set", () => {
    if (keep.ariaDisabled === "true") return;
    const url = URL.createObjectURL(new Blob([save()], { type: "application/json" }));
    h("a", { href: url, download: "photos-of-teach-it.json" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  });
  const input = h("input", { type: "file", accept: ".json,application/json", hidden: true });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = "";
    try {
      if (file) open(await file.text());
    } catch (error) {
      say(error.message);
    }
  });
  const load = createButton("Load a set", () => input.click());
  const anew = createButton("Start anew", startAnew);
  return {
    element: h("div", { class: "cb-buttons cb-files" }, keep, load, input, anew),
    update({ all, rows, canUndo }) {
      setIdle(keep, !all.length || rows.length < all.length);
      setIdle(anew, !canUndo);
    },
  };
}
