// The freezing figure: the five steps of fine-tuning, what is trainable in each, and what a step of the optimizer moves.

import {
  createCheckbox,
  createSlider,
  formatCount,
  h,
  isIndex,
  joinParts,
  liveFigure,
  remember,
  setText,
  setVariables,
} from "./base.js";
import { createButtonGroup } from "./controls.js";

const KINDS = ["kernels and biases", "gamma and beta", "moving statistics"];
const TITLES = [
  "put a new head on the base",
  "freeze the base",
  "train the head",
  "unfreeze the base",
  "train both at a low rate",
];
const LABELS = ["Head on base", "Freeze base", "Train head", "Unfreeze base", "Train both"];
const RATES = { 3: 0.001, 5: 0.0001 }; // of the two steps that train
const BUILT_BEFORE = { 3: 1, 5: 3 }; // where the last compile was, if it is forgotten in one of them

const MEASURED =
  "Measured in Keras: single steps of Adam on eight drawings, each from the same weights. Behind ≤ stands the largest " +
  "change of one number.";

// ---- what follows for a state: pure functions, tested against Keras ------------------------------------------------

// What is trainable after a step: for each part a truth value for each kind.
export function listTrainable(parts, step, unfrozenBlocks, batchNormFrozen) {
  const blocks = parts.length - 1;
  return parts.map(({ counts }, number) => {
    const kernels = step === 1 || number === blocks || (step >= 4 && number >= blocks - unfrozenBlocks);
    return [kernels, counts[1] > 0 && (step === 1 || !batchNormFrozen), false];
  });
}

// How far one step moves each kind of weights of each part; null where the step does not train.
export function listMoves(parts, moves, step, unfrozenBlocks, batchNormFrozen, compileForgotten, rateZero) {
  if (!(step in RATES)) return null;
  const built = compileForgotten ? BUILT_BEFORE[step] : step;
  const rate = rateZero ? 0 : (RATES[built] ?? RATES[3]);
  const isOpen = built === 1 || !batchNormFrozen;
  const table = moves[isOpen || rate === 0 ? "open" : "frozen"][rate];
  const trained = listTrainable(parts, built, unfrozenBlocks, batchNormFrozen);
  return table.map((row, n) => [row[0] * trained[n][0], row[1] * trained[n][1], row[2] * isOpen]);
}

// Which controls do nothing in a state, and why: { name: reason }.
export function listIdle(parts, moves, step, unfrozenBlocks, batchNormFrozen, compileForgotten, rateZero) {
  const idle = {};
  if (step < 4) idle.unfrozen_blocks = "Chosen in step 4.";
  if (step === 1) idle.batch_norm_frozen = "Nothing is frozen yet.";
  if (!(step in RATES)) {
    idle.compile_forgotten = "Steps 3 and 5 compile.";
    idle.rate_zero = "No step is taken here.";
    return idle;
  }
  const outcome = (forgotten) =>
    JSON.stringify(listMoves(parts, moves, step, unfrozenBlocks, batchNormFrozen, forgotten, rateZero));
  if (outcome(true) === outcome(false)) idle.compile_forgotten = "At a rate of 0 it changes nothing here.";
  return idle;
}

// The lines of the script that belong to a step.
export function writeCode(step, unfrozenBlocks, batchNormFrozen, compileForgotten, rateZero) {
  const open = batchNormFrozen ? [] : ["for norm in batch_norms: norm.trainable = True"];
  if (step === 1) return ["model = keras.Model(pictures, head(backbone(pictures)))"];
  if (step === 2) return ["freezing.freeze(backbone)", ...open];
  if (step === 4) {
    return [unfrozenBlocks ? `freezing.unfreeze(backbone, ${unfrozenBlocks})` : "# no block is unfrozen", ...open];
  }
  const rate = rateZero && !compileForgotten ? "0.0" : RATES[step];
  const compile = compileForgotten ? "# no compile: it was forgotten" : `model.compile(Adam(${rate}), loss=…)`;
  const still = rateZero && compileForgotten ? ["model.optimizer.learning_rate = 0.0"] : [];
  return [compile, ...still, "model.fit(…)"];
}

// ---- what is said --------------------------------------------------------------------------------------------------

// A change with two digits.
export function writeMove(move) {
  const text = move.toFixed(Math.max(0, 1 - Math.floor(Math.log10(move) + 1e-9)));
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function writeVerdict({ step, compile_forgotten: forgotten, rate_zero: rateZero, count }) {
  if (!(step in RATES)) return `No step is taken here: step ${step < 3 ? 3 : 5} compiles and trains.`;
  const extra = count((trainable, move) => move && !trainable);
  const idle = count((trainable, move) => trainable && !move);
  const sentences = [];
  if (extra) sentences.push(`The step moves ${formatCount(extra)} weights that are not trainable.`);
  if (idle && rateZero) sentences.push("At a rate of 0 no trainable weight moves.");
  else if (idle) sentences.push(`${formatCount(idle)} trainable weights stay where they are.`);
  if (forgotten && !rateZero && (extra || idle)) {
    sentences.push(`The step is still the one that was built in step ${BUILT_BEFORE[step]}.`);
  }
  return sentences.join(" ") || "The step moves what is trainable, and nothing else.";
}

function writeMoving({ parts, moves }) {
  const lists = KINDS.flatMap((words, kind) => {
    const names = parts.filter((part, n) => moves[n][kind]).map(({ name }) => name);
    return names.length ? [`${words} of ${names.join(", ")}`] : [];
  });
  return lists.join("; ") || "nothing";
}

function describe(now) {
  const moving = now.moves ? `One step moves parts with ${formatCount(now.moved)} weights: ${writeMoving(now)}. ` : "";
  return (
    `Step ${now.step} of 5, ${TITLES[now.step - 1]}. Trainable: ${formatCount(now.listed)} of ` +
    `${formatCount(now.weights)} weights. ${moving}${writeVerdict(now)}`
  );
}

// ---- the figure ----------------------------------------------------------------------------------------------------

const CHOICES = ["unfrozen_blocks", "batch_norm_frozen", "compile_forgotten", "rate_zero"];
const TRAITS = ["_parts", "_moves", "step", ...CHOICES];

export default liveFigure("freezing", TRAITS, (frame) => {
  const readAll = remember(readState);
  const read = () => readAll(...TRAITS.map((name) => frame.model.get(name)));
  const side = joinParts("cb-beside", createOptions(frame), createTotals());
  const update = frame.add(createSteps(frame), joinParts("cb-panels", createDiagram(read()), side));

  return function draw() {
    const now = read();
    update(now);
    return describe(now);
  };
}, {
  task: "Go through the five steps of fine-tuning, and see in each which weights move.",
  *check({ _parts, unfrozen_blocks: blocks }) {
    if (!isIndex(blocks, _parts.length)) yield "unfrozen_blocks";
  },
});

// The figure's state and what follows from it.
function readState(parts, moves, step, blocks, frozen, forgotten, rateZero) {
  const trainable = listTrainable(parts, step, blocks, frozen);
  const moved = listMoves(parts, moves, step, blocks, frozen, forgotten, rateZero);
  const count = (chosen) => {
    let total = 0;
    parts.forEach(({ counts }, n) =>
      counts.forEach((number, kind) => {
        if (chosen(trainable[n][kind], moved ? moved[n][kind] : 0)) total += number;
      }),
    );
    return total;
  };
  return {
    parts,
    step,
    unfrozen_blocks: blocks,
    batch_norm_frozen: frozen,
    compile_forgotten: forgotten,
    rate_zero: rateZero,
    trainable,
    moves: moved,
    count,
    idle: listIdle(parts, moves, step, blocks, frozen, forgotten, rateZero),
    code: writeCode(step, blocks, frozen, forgotten, rateZero),
    weights: count(() => true),
    listed: count((isTrainable) => isTrainable),
    moved: count((isTrainable, move) => move),
  };
}

// The five steps as buttons of which one is chosen; below them what the step does.
function createSteps({ set }) {
  const group = createButtonGroup("Step of fine-tuning", {
    className: "cb-steps",
    buttonClass: "cb-button",
    make: (n) => [h("b", {}, String(n + 1)), h("span", {}, LABELS[n])],
    onPress: (n) => set({ step: n + 1 }),
  });
  const code = h("code");
  return {
    element: h("div", {}, group, h("pre", { class: "cb-code" }, code)),
    update({ step, code: lines }) {
      group.update(LABELS.length, (n) => step === n + 1);
      setText(code, lines.join("\n"));
    },
  };
}

// The reader's choices; below each of them what it means, or why it does nothing in this step.
function createOptions({ set }) {
  const controls = {
    unfrozen_blocks: createSlider("Unfrozen top blocks", (blocks) => set({ unfrozen_blocks: blocks })),
    batch_norm_frozen: createCheckbox("Batch normalization stays frozen", (on) => set({ batch_norm_frozen: on })),
    compile_forgotten: createCheckbox("Forgot to compile again", (on) => set({ compile_forgotten: on })),
    rate_zero: createCheckbox("Learning rate 0", (on) => set({ rate_zero: on })),
  };
  const meanings = {
    unfrozen_blocks: ({ parts }) => `Of ${parts.length - 1}, counted from the head.`,
    batch_norm_frozen: (now) => (now.batch_norm_frozen ? "In all blocks." : "Left unfrozen in all blocks."),
    compile_forgotten: ({ step }) => `The step built in step ${BUILT_BEFORE[step]} then goes on.`,
    rate_zero: ({ step, compile_forgotten: forgotten }) => `Instead of ${RATES[forgotten ? 3 : step]}.`,
  };
  return {
    element: h("div", { class: "cb-options", role: "group", "aria-label": "Choices" }, ...Object.values(controls)),
    update(now) {
      const range = { min: 0, max: now.parts.length - 1 };
      for (const [name, control] of Object.entries(controls)) {
        const [disabled, meaning] = [name in now.idle, now.idle[name] ?? meanings[name](now)];
        control.update(now[name], { ...range, disabled, meaning });
        control.element.classList.toggle("cb-idle", disabled);
      }
    },
  };
}

// What is trainable, what one step moves, and whether the two agree.
function createTotals() {
  const createTotal = (name, words) => {
    const [number, note] = [h("b"), h("span", { class: "cb-hint" })];
    return { element: h("div", { class: `cb-total cb-${name}` }, h("span", {}, words), number, note), number, note };
  };
  const listed = createTotal("listed", "Trainable");
  const moved = createTotal("moved", "A step moves");
  const verdict = h("p", { class: "cb-verdict" });
  const both = h("div", { class: "cb-both" }, listed, moved);
  return {
    element: h("div", { class: "cb-totals" }, both, verdict),
    update(now) {
      setText(listed.number, formatCount(now.listed));
      setText(listed.note, `of ${formatCount(now.weights)}`);
      setText(moved.number, now.moves ? formatCount(now.moved) : "–");
      setText(moved.note, now.moves ? "those framed" : "no step here");
      setText(verdict, writeVerdict(now));
      verdict.classList.toggle("cb-apart", Boolean(now.moves) && now.count((a, move) => Boolean(a) !== Boolean(move)) > 0);
    },
  };
}

// The model from the head down to the first block: for each kind of weights a square, as large as they are many.
function createDiagram({ parts }) {
  const largest = Math.max(...parts.flatMap(({ counts }) => counts));
  const heads = KINDS.map((words) => h("div", { role: "columnheader" }, words));
  const head = h("div", { class: "cb-kinds", role: "row" }, h("div", { role: "columnheader" }, "part"), ...heads);
  const slots = parts.map(({ counts }) => counts.map((number) => createSlot(number, Math.sqrt(number / largest))));
  const rows = parts.map(({ name, counts }, n) => {
    const total = h("span", { class: "cb-hint" }, formatCount(counts.reduce((sum, number) => sum + number)));
    const title = h("div", { class: "cb-name", role: "rowheader" }, h("b", {}, name), total);
    return h("div", { class: "cb-part", role: "row" }, title, ...slots[n]);
  });
  const table = h("div", { class: "cb-parts", role: "table", "aria-label": "Weights of the model by part" }, head);
  table.append(...rows.reverse());
  const key = (state, words) => h("span", {}, h("i", { class: `cb-square ${state}` }), words);
  const keys = [key("cb-free", "trainable"), key("", "not trainable"), key("cb-moving", "moved by a step")];
  const legend = h("div", { class: "cb-flow cb-hint cb-keys" }, ...keys, h("span", {}, "area: number of weights"));
  return {
    element: h("div", {}, legend, table, h("p", { class: "cb-hint" }, MEASURED)),
    update({ trainable, moves }) {
      slots.forEach((row, n) => row.forEach((slot, kind) => slot.update(trainable[n][kind], moves && moves[n][kind])));
    },
  };
}

function createSlot(number, share) {
  if (!number) return { element: h("div", { class: "cb-slot cb-none", role: "cell" }, "–"), update() {} };
  const square = h("i", { class: "cb-square" });
  setVariables(square, { share: share.toFixed(4) });
  const [state, move] = [h("span", { class: "cb-state" }), h("span", { class: "cb-move" })];
  const place = h("span", { class: "cb-place" }, square);
  const element = h("div", { class: "cb-slot", role: "cell" }, place, h("b", {}, formatCount(number)), state, move);
  return {
    element,
    update(trainable, distance) {
      square.classList.toggle("cb-free", trainable);
      square.classList.toggle("cb-moving", Boolean(distance));
      element.classList.toggle("cb-moved", Boolean(distance));
      setText(state, trainable ? "trainable" : "not trainable");
      setText(move, distance === null ? "" : distance ? `moves ≤\u00a0${writeMove(distance)}` : "stays");
    },
  };
}
