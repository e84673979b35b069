// The pipeline figure: pictures on their way from the disk to the network, the batches that come out, and the time.

import {
  clampNumber,
  createButton,
  createCheckbox,
  createSlider,
  h,
  liveFigure,
  remember,
  s,
  setAttribute,
  setText,
} from "./base.js";
import { createButtonGroup, createPlayer } from "./controls.js";

const EPOCHS = [1, 2];
const PACE = { tick_ms: 40, step_ms: 2 }; // so slowly the model's milliseconds pass

// ---- what the pipeline does: pure functions ------------------------------------------------------------------------

// The order in which 0, 1, … leave a shuffle buffer: it is filled, and then for each one that leaves the next enters,
// as in tf.data; `draws` are numbers in 0…1 that choose from those waiting.
export function shuffle(count, bufferSize, draws) {
  const [waiting, order] = [[], []];
  for (let next = 0; order.length < count; ) {
    while (next < count && waiting.length < bufferSize) waiting.push(next++);
    order.push(...waiting.splice(Math.floor(draws[order.length] * waiting.length), 1));
  }
  return order;
}

// One epoch in milliseconds: for each picture when it begins to load, is loaded and leaves the buffer, and where it
// comes in which batch; for each batch when it is complete, when the network begins with it and is done; and the sums.
export function planEpoch({ order, bufferSize, batch, queue, loadMs, trainMs, prefetch }) {
  const count = order.length;
  const pictures = order.map(() => ({}));
  const batches = [];
  for (let first = 0; first < count; first += batch) {
    const [n, last] = [batches.length, Math.min(first + batch, count) - 1];
    const before = batches.at(-1);
    // Without prefetch loading begins when the network asks; with it, when there is room in the queue.
    const room = n >= queue ? batches[n - queue].starts : 0;
    let time = !before ? 0 : prefetch ? Math.max(before.ready, room) : before.done;
    let loaded = n ? Math.min(count, first - 1 + bufferSize) : 0;
    for (let place = first; place <= last; place++) {
      for (; loaded < Math.min(count, place + bufferSize); loaded++, time += loadMs) {
        Object.assign(pictures[loaded], { begins: time, loaded: time + loadMs });
      }
      Object.assign(pictures[order[place]], { leaves: time, batch: n, slot: place - first });
    }
    const starts = Math.max(time, before?.done ?? 0);
    const done = starts + (last - first + 1) * trainMs;
    batches.push({ pictures: order.slice(first, last + 1), ready: time, starts, done });
  }
  const [total, training] = [batches.at(-1).done, count * trainMs];
  return { order, pictures, batches, total, training, waiting: total - training };
}

// Where a picture is at a time: the name of a station.
export function locate({ pictures, batches }, picture, time) {
  const { begins, loaded, leaves, batch } = pictures[picture];
  const { ready, starts, done } = batches[batch];
  const until = [["disk", begins], ["decode", loaded], ["buffer", leaves], ["batch", ready], ["queue", starts]];
  return until.find(([, end]) => time < end)?.[0] ?? (time < done ? "network" : "done");
}

// ---- the words -----------------------------------------------------------------------------------------------------

// What comes out of an epoch, and why.
export function writeOutcome({ plans, epoch, cats, bufferSize, cache, prefetch }) {
  const { batches, total, waiting } = plans[epoch - 1];
  const kinds = batches.map(({ pictures }) => new Set(pictures.map((picture) => picture < cats)).size);
  const alike = kinds.filter((count) => count === 1).length;
  const mixed = alike ? `Batches of one kind only: ${alike} of ${batches.length}.` : "Every batch holds cats and dogs.";
  const waits = `The network waits ${Math.round((100 * waiting) / total)} % of the time`;
  return `${mixed} ${waits}${writeReason(bufferSize, cache, prefetch, epoch)}.`;
}

function writeReason(bufferSize, cache, prefetch, epoch) {
  if (cache && epoch === 1) return ": the cache is filled now, for epoch 2";
  if (cache && prefetch) return ", for its first batch";
  if (cache) return ": pictures come from the cache, but only when it asks";
  if (!prefetch) return ": pictures are decoded only when it asks";
  return bufferSize > 8 ? ": nothing leaves before the buffer is full" : ": decoding is slower than training";
}

// ---- the figure ----------------------------------------------------------------------------------------------------

export default liveFigure(
  "pipeline",
  ["_plan", "buffer_size", "cache", "prefetch", "epoch", "time_ms"],
  (frame) => {
    const read = createReader(frame);
    const player = createPlayer({
      step: () => step(frame, read()),
      intervalMs: () => PACE.tick_ms,
      onChange: frame.redraw,
    });
    frame.onRemove(player.stop);
    const scene = createScene(read());
    const outcome = h("p", { class: "cb-outcome" });
    const parts = [createControls(frame), scene, createBatches(read()), createTimes(frame, read, player)];
    const update = frame.add(...parts, outcome);
    const observer = new ResizeObserver(frame.redraw);
    observer.observe(scene.element);
    frame.onRemove(() => observer.disconnect());
    return () => {
      const now = read();
      update({ ...now, playing: player.playing });
      setText(outcome, writeOutcome(now));
      return outcome.textContent;
    };
  },
  { task: "Set buffer, cache and prefetch, and watch what the network gets." },
);

// A function that gives the figure's state as its parts need it: the traits, and the plans of both epochs.
function createReader({ model }) {
  const plan = remember(({ cats, dogs, draws, costs, ...others }, bufferSize, cache, prefetch) => {
    return EPOCHS.map((epoch) => {
      const order = shuffle(cats + dogs, bufferSize, draws[epoch - 1]);
      const loadMs = cache && epoch > 1 ? costs.cached : costs.decode;
      return planEpoch({ ...others, order, bufferSize, loadMs, trainMs: costs.train, prefetch });
    });
  });
  return () => {
    const names = ["_plan", "buffer_size", "cache", "prefetch"];
    const [given, bufferSize, cache, prefetch] = names.map((name) => model.get(name));
    const plans = plan(given, bufferSize, cache, prefetch);
    const epoch = model.get("epoch");
    const time = Math.min(model.get("time_ms"), plans[epoch - 1].total);
    return { ...given, bufferSize, cache, prefetch, plans, epoch, time, count: given.cats + given.dogs };
  };
}

// The next moment; after the first epoch comes the second. False at the end.
function step(frame, { plans, epoch, time }) {
  if (time < plans[epoch - 1].total) frame.set({ time_ms: time + PACE.step_ms });
  else if (epoch === 1) frame.set({ epoch: 2, time_ms: 0 });
  else return false;
  return true;
}

// ---- above: what can be set ----------------------------------------------------------------------------------------

function createControls(frame) {
  const slider = createSlider("Buffer", (size) => frame.set({ buffer_size: size }));
  const cache = createCheckbox("Cache", (checked) => frame.set({ cache: checked }));
  const prefetch = createCheckbox("Prefetch", (checked) => frame.set({ prefetch: checked }));
  return {
    element: h("div", { class: "cb-bar" }, slider, cache, prefetch),
    update(now) {
      slider.update(now.bufferSize, { min: 1, max: now.count });
      cache.update(now.cache);
      prefetch.update(now.prefetch);
    },
  };
}

// ---- the stations, and the pictures on their way -------------------------------------------------------------------

const TILE = 22;
// Each station: how many tiles lie side by side and below each other, and where it stands, wide and on a phone.
const STATIONS = {
  disk: { columns: 6, rows: 4, wide: [0, 0], narrow: [0, 0] },
  decode: { columns: 1, rows: 1, wide: [160, 0], narrow: [148, 0] },
  cache: { columns: 6, rows: 4, wide: [216, 0], narrow: [202, 0] },
  buffer: { columns: 6, rows: 4, wide: [376, 0], narrow: [0, 136] },
  batch: { columns: 1, rows: 4, wide: [536, 0], narrow: [150, 136] },
  queue: { columns: 2, rows: 4, wide: [590, 0], narrow: [206, 136] },
  network: { columns: 1, rows: 4, wide: [678, 0], narrow: [288, 136] },
};
const TITLES = { buffer: "shuffle buffer", queue: "prefetch" };
const SIZES = { wide: [740, 136], narrow: [344, 266] };
const TOP = 28; // below the names

function createScene({ count, cats }) {
  const boxes = Object.entries(STATIONS).map(([name, station]) => createStation(name, station));
  // On the disk they stay, in the cache they are kept; what moves are copies.
  const [stored, kept, tiles] = [0, 1, 2].map(() => Array.from({ length: count }, (_, n) => createTile(n, cats)));
  const ghosts = s("g", { class: "cb-ghosts" }, ...stored, ...kept);
  const picture = s("svg", { role: "img" }, ...boxes, ghosts, s("g", { class: "cb-moving" }, ...tiles));
  const element = h("div", { class: "cb-scene" }, picture);
  const lay = remember((layout) => {
    setAttribute(picture, "viewBox", `0 0 ${SIZES[layout].join(" ")}`);
    for (const box of boxes) box.place(layout);
    stored.forEach((tile, n) => tile.place(...placeOf("disk", n, layout)));
    kept.forEach((tile, n) => tile.place(...placeOf("cache", n, layout)));
  });
  return {
    element,
    update(now) {
      const layout = element.clientWidth >= 620 ? "wide" : "narrow";
      const [{ epoch, time, cache, plans }, fromCache] = [now, now.cache && now.epoch === 2];
      const plan = plans[epoch - 1];
      lay(layout);
      for (const box of boxes) box.update(now);
      const places = tiles.map((tile, n) => locate(plan, n, time));
      const waiting = plan.order.filter((n) => places[n] === "buffer").sort((a, b) => a - b);
      tiles.forEach((tile, n) => {
        const { batch, slot } = plan.pictures[n];
        const isHome = places[n] === "disk" || (fromCache && places[n] === "decode");
        const station = isHome ? (fromCache ? "cache" : "disk") : places[n];
        const slots = { disk: n, cache: n, decode: 0, buffer: waiting.indexOf(n), queue: slot * 2 + (batch % 2) };
        tile.place(...placeOf(station === "done" ? "network" : station, slots[station] ?? slot, layout));
        tile.show(station !== "done");
      });
      kept.forEach((tile, n) => tile.show(cache && (epoch === 2 || time >= plan.pictures[n].loaded)));
      setAttribute(picture, "aria-label", describe(places, now));
    },
  };
}

function describe(places, { epoch, time, prefetch }) {
  const count = (name) => places.filter((place) => place === name).length;
  const words = [`${count("disk")} not loaded yet`, `${count("buffer")} in the shuffle buffer`];
  if (prefetch) words.push(`${count("queue")} ready`);
  return `Epoch ${epoch} after ${time} milliseconds: ${words.join(", ")}, ${count("done")} trained on.`;
}

// Where the tile with this number lies in a station.
function placeOf(name, n, layout) {
  const { columns, [layout]: [left, top] } = STATIONS[name];
  return [left + 4 + TILE * (n % columns), top + TOP + TILE * Math.floor(n / columns)];
}

function createStation(name, { columns, rows }) {
  const title = s("text", { y: 14, x: 2 }, TITLES[name] ?? name);
  const slots = s("path", { class: "cb-slots" });
  const frame = s("rect", { y: 22, width: columns * TILE + 8, height: rows * TILE + 10, rx: 4 });
  const arrow = s("path", { class: "cb-arrow", d: name === "disk" ? "" : "M-9 35l5 4-5 4" });
  const element = s("g", { class: `cb-station cb-${name}` }, frame, slots, arrow, title);
  return {
    element,
    place: (layout) => setAttribute(element, "transform", `translate(${STATIONS[name][layout].join(" ")})`),
    update({ bufferSize, cache, prefetch }) {
      const isOff = (name === "cache" && !cache) || (name === "queue" && !prefetch);
      element.classList.toggle("cb-off", isOff);
      setText(title, `${isOff ? "no " : ""}${TITLES[name] ?? name}`);
      const room = { buffer: bufferSize, cache: 0, disk: 0 }[name] ?? columns * rows;
      const marks = Array.from({ length: isOff ? 0 : room }, (_, n) => {
        return `M${4 + TILE * (n % columns) + 2} ${TOP + TILE * Math.floor(n / columns) + 18}h16`;
      });
      setAttribute(slots, "d", marks.join(""));
    },
  };
}

// A picture: a cat is a square, a dog is a disc.
function createTile(n, cats) {
  const kind = n < cats ? "cat" : "dog";
  const shape = s("rect", { x: 1, y: 1, width: TILE - 2, height: TILE - 2, rx: kind === "cat" ? 3 : TILE / 2 });
  const element = s("g", { class: `cb-tile cb-${kind}` }, shape, s("text", { x: TILE / 2, y: 15 }, String(n + 1)));
  return {
    element,
    place: (x, y) => setAttribute(element, "style", `transform: translate(${x}px, ${y}px)`),
    show: (isShown) => element.classList.toggle("cb-hidden", !isShown),
  };
}

// ---- what comes out ------------------------------------------------------------------------------------------------

// The batches of the epoch as they reach the network.
function createBatches({ cats }) {
  const title = h("span", { class: "cb-caption" });
  const row = h("div", { class: "cb-batches" });
  const list = remember((plan) => {
    row.replaceChildren(...plan.batches.map(({ pictures }, n) => {
      const dots = pictures.map((picture) => {
        return h("span", { class: `cb-out cb-${picture < cats ? "cat" : "dog"}` }, String(picture + 1));
      });
      const count = pictures.filter((picture) => picture < cats).length;
      const label = `Batch ${n + 1}: ${count} cats, ${pictures.length - count} dogs`;
      return h("span", { class: "cb-batch", role: "img", "aria-label": label, title: label }, ...dots);
    }));
  });
  return {
    element: h("div", {}, title, row),
    update({ plans, epoch, time }) {
      const plan = plans[epoch - 1];
      setText(title, `Batches of epoch ${epoch} (cats square, dogs round)`);
      list(plan);
      [...row.children].forEach((batch, n) => batch.classList.toggle("cb-now", isNow(plan.batches[n], time)));
    },
  };
}

function isNow({ starts, done }, time) {
  return starts <= time && time < done;
}

// A bar for each epoch, of waiting and training; the one that is shown is chosen here, and its time played or set.
function createTimes(frame, read, player) {
  const { count, costs } = read();
  const longest = count * (costs.decode + costs.train);
  const bars = EPOCHS.map(() => createBar(longest));
  const group = createButtonGroup("Epoch", {
    className: "cb-times",
    make: (n) => [h("span", { class: "cb-name" }, `Epoch ${n + 1}`), bars[n].element, bars[n].words],
    onPress: (n) => frame.set({ epoch: n + 1, time_ms: 0 }),
  });
  const slider = createSlider("Time", (time) => frame.set({ time_ms: time }), { unit: " ms" });
  const { decode, cached, train } = costs;
  const model = `A model, in ms a picture: decode ${decode}, cache ${cached}, train ${train}`;
  const keys = ["waiting", "training"].map((kind) => h("span", { class: `cb-swatch cb-${kind}` }, kind));
  const hint = h("span", { class: "cb-hint cb-flow" }, ...keys, h("span", {}, model));
  const play = createButton("Play", () => {
    const { plans, epoch, time } = read();
    if (!player.playing && epoch === 2 && time >= plans[1].total) frame.set({ epoch: 1, time_ms: 0 });
    player.toggle();
  });
  play.classList.add("cb-play");
  const element = h("div", {}, group, h("div", { class: "cb-flow cb-clock" }, play, slider, hint));
  return {
    element,
    update({ plans, epoch, time, playing }) {
      setText(play, playing ? "Pause" : "Play");
      group.update(EPOCHS.length, (n) => n === epoch - 1);
      bars.forEach((bar, n) => bar.update(plans[n], n === epoch - 1 ? time : null));
      slider.update(time, { min: 0, max: plans[epoch - 1].total });
    },
  };
}

function createBar(longest) {
  const [waiting, training] = ["waiting", "training"].map((kind) => s("path", { class: `cb-${kind}` }));
  const hand = s("path", { class: "cb-hand" });
  const size = { viewBox: `0 0 ${longest} 10`, preserveAspectRatio: "none" };
  const element = s("svg", { class: "cb-time", "aria-hidden": "true", ...size }, waiting, training, hand);
  const [whole, part] = [h("span"), h("span", { class: "cb-lost" })];
  const words = h("span", { class: "cb-total" }, whole, part);
  const draw = remember(({ batches, total, waiting: lost }) => {
    const piece = (from, to) => (to > from ? `M${from} 0H${to}V10H${from}z` : "");
    setAttribute(waiting, "d", batches.map(({ starts }, n) => piece(batches[n - 1]?.done ?? 0, starts)).join(""));
    setAttribute(training, "d", batches.map(({ starts, done }) => piece(starts, done)).join(""));
    setText(whole, `${total} ms`);
    setText(part, `, ${lost} waiting`);
  });
  return {
    element,
    words,
    update(plan, time) {
      draw(plan);
      setAttribute(hand, "d", time === null ? "" : `M${clampNumber(time, 1, longest)} 0V10`);
    },
  };
}
