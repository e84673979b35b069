// The freezing figure: the five steps of fine-tuning, what is trainable in each, and what a step of the optimizer moves,
// which the reader is asked first.

import {
  createButton,
  createCheckbox,
  createSlider,
  formatCount,
  h,
  isIndex,
  joinParts,
  liveFigure,
  remember,
  setAttribute,
  setText,
  setVariables,
} from "./base.js";
import { createButtonGroup, createDetails } from "./controls.js";

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
export function listMoves(parts, moves, step, unfrozenBlocks, batchNormFrozen, compileForgotten) {
  if (!(step in RATES)) return null;
  const built = compileForgotten ? BUILT_BEFORE[step] : step;
  const isOpen = built === 1 || !batchNormFrozen;
  const table = moves[isOpen ? "open" : "frozen"][RATES[built] ?? RATES[3]];
  const trained = listTrainable(parts, built, unfrozenBlocks, batchNormFrozen);
  return table.map((row, n) => [row[0] * trained[n][0], row[1] * trained[n][1], row[2] * isOpen]);
}

// Whether a choice changes anything in a step.
export function hasChoice(name, step) {
  if (name === "compile_forgotten") return step in RATES;
  return step >= (name === "unfrozen_blocks" ? 4 : 2);
}

// The lines of the script that belong to a step.
export function writeCode(step, unfrozenBlocks, batchNormFrozen, compileForgotten) {
  const open = batchNormFrozen ? [] : ["for norm in norms: norm.trainable = True"];
  if (step === 1) return ["model = keras.Model(pictures, head(backbone(pictures)))"];
  if (step === 2) return ["freezing.freeze(backbone)", ...open];
  if (step === 4) {
    return [unfrozenBlocks ? `freezing.unfreeze(backbone, ${unfrozenBlocks})` : "# no block is unfrozen", ...open];
  }
  const compile = `model.compile(Adam(${RATES[step]}), loss=…)`;
  return [compileForgotten ? "# no compile: it was forgotten" : compile, "model.fit(…)"];
}

// ---- what is said --------------------------------------------------------------------------------------------------

// A change with two digits.
export function writeMove(move) {
  const text = move.toFixed(Math.max(0, 1 - Math.floor(Math.log10(move) + 1e-9)));
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

// "block1, block2 and the head", as the list of truth values says.
function writeParts(parts, chosen) {
  if (chosen.every(Boolean)) return "all parts";
  const names = parts.filter((_, n) => chosen[n]).map(({ name }) => (name === "head" ? "the head" : name));
  if (names.length < 2) return names[0] ?? "nothing";
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function writeVerdict(now) {
  const { step, parts, forgotten, count, guessed, moving, isAsking } = now;
  if (isAsking) {
    const before = `${step === 5 ? "The base was unfrozen in step 4" : "The base was frozen in step 2"}, and then`;
    return `${before} ${forgotten ? "nobody called compile" : "compile was called"}. What does one step of fit move?`;
  }
  if (!moving) return `Step ${step < 3 ? 3 : 5} trains, so nothing moves here. Trainable: ${writeParts(parts, now.isFree)}.`;
  const extra = count((trainable, move) => move && !trainable);
  const idle = count((trainable, move) => trainable && !move);
  const names = writeParts(parts, moving);
  const verb = moving.filter(Boolean).length > 1 ? "move" : "moves";
  const sentences = [`${names[0].toUpperCase()}${names.slice(1)} ${verb}`];
  if (guessed.some(Boolean)) {
    const isRight = guessed.every((on, n) => on === moving[n]);
    sentences[0] += isRight ? ", as you said" : `; you said ${writeParts(parts, guessed)}`;
  }
  if (idle) sentences.push(`${formatCount(idle)} trainable weights stay`);
  if (extra) sentences.push(`${formatCount(extra)} move that are not trainable`);
  if (forgotten) sentences.push(`Without compile, fit goes on as built in step ${BUILT_BEFORE[step]}`);
  else if (!extra && !idle) sentences.push("What is trainable moves, and nothing else");
  return `${sentences.join(". ")}.`;
}

function writeNumbers({ parts, moves, listed, moved, weights }) {
  const trainable = `Trainable are ${formatCount(listed)} of ${formatCount(weights)} weights`;
  if (!moves) return `${trainable}.`;
  const far = KINDS.flatMap((words, kind) => {
    const names = parts.flatMap(({ name }, n) => (moves[n][kind] ? [`${name} ${writeMove(moves[n][kind])}`] : []));
    return names.length ? [`${words}: ${names.join(", ")}`] : [];
  });
  const largest = far.length ? ` The largest change of one number, ${far.join("; ")}.` : "";
  return `${trainable}; one step moves parts with ${formatCount(moved)} weights.${largest}`;
}

const MEASURED =
  "Measured in Keras: single steps of Adam on eight drawings, each from the same weights. The area of a square is the " +
  "number of weights.";

// ---- the figure ----------------------------------------------------------------------------------------------------

const CHOICES = ["unfrozen_blocks", "batch_norm_frozen", "compile_forgotten"];
const TRAITS = ["_parts", "_moves", "step", ...CHOICES, "asked", "guess"];

export default liveFigure("freezing", TRAITS, (frame) => {
  const readAll = remember(readState);
  const read = () => readAll(...TRAITS.map((name) => frame.model.get(name)));
  const numbers = h("p", {});
  const details = { element: numbers, update: (now) => setText(numbers, now.isAsking ? "Guess first." : writeNumbers(now)) };
  const more = createDetails(frame, "How many, and how far", details, h("p", { class: "cb-hint" }, MEASURED));
  const update = frame.add(createSteps(frame), createDiagram(frame, read), createAnswer(frame, read), createChoices(frame), more);

  return function draw() {
    const now = read();
    update(now);
    const heading = `Step ${now.step} of 5, ${TITLES[now.step - 1]}. `;
    return heading + writeVerdict(now) + (now.isAsking ? "" : ` ${writeNumbers(now)}`);
  };
}, {
  task: "Tap the parts that you think move, look, then go through the five steps.",
  *check({ _parts, unfrozen_blocks: blocks }) {
    if (!isIndex(blocks, _parts.length)) yield "unfrozen_blocks";
  },
});

// The figure's state and what follows from it.
function readState(parts, moves, step, blocks, frozen, forgotten, asked, guess) {
  const trainable = listTrainable(parts, step, blocks, frozen);
  const moved = listMoves(parts, moves, step, blocks, frozen, forgotten);
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
    ...{ parts, step, trainable, moves: moved, count, forgotten },
    choices: { unfrozen_blocks: blocks, batch_norm_frozen: frozen, compile_forgotten: forgotten },
    isAsking: asked && step in RATES,
    isFree: trainable.map((kinds) => kinds.some(Boolean)),
    guessed: parts.map((_, n) => Boolean((guess >> n) & 1)),
    moving: moved && moved.map((kinds) => kinds.some(Boolean)),
    code: writeCode(step, blocks, frozen, forgotten),
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
    onPress: (n) => set({ step: n + 1, guess: 0 }),
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

// The model from the first block to the head, side by side, to be tapped while the figure asks; below each part a square
// for each kind of its weights, as large as they are many.
function createDiagram({ set }, read) {
  const { parts } = read();
  const largest = Math.max(...parts.flatMap(({ counts }) => counts));
  const taps = createButtonGroup("Parts that move", {
    ...{ role: "checkbox", className: "cb-taps", buttonClass: "cb-button" },
    make: (n) => [parts[n].name],
    onPress: (n) => set({ guess: read().guessed.reduce((sum, on, i) => sum + ((i === n ? !on : on) << i), 0) }),
  });
  const heads = parts.map(({ name }) => h("div", { role: "columnheader" }, h("b", {}, name)));
  const names = h("div", { class: "cb-row cb-names", role: "row" }, h("div", { role: "columnheader" }), ...heads);
  const slots = parts.map(({ name, counts }) => counts.map((number) => createSlot(name, number, Math.sqrt(number / largest))));
  const rows = KINDS.map((words, kind) => {
    const cells = slots.map((kinds) => kinds[kind]);
    return h("div", { class: "cb-row", role: "row" }, h("div", { class: "cb-hint", role: "rowheader" }, words), ...cells);
  });
  const table = h("div", { role: "table", "aria-label": "Weights of the model by part" }, names, ...rows);
  const key = (state, words) => h("span", {}, h("i", { class: `cb-square ${state}` }), words);
  const keys = [key("cb-free", "trainable"), key("", "frozen"), key("cb-moving", "moves")];
  const element = h("div", { class: "cb-model" }, taps, table, h("div", { class: "cb-flow cb-hint cb-keys" }, ...keys));
  setVariables(element, { parts: parts.length });
  return {
    element,
    update({ trainable, moves, guessed, isAsking }) {
      taps.element.hidden = !isAsking;
      names.hidden = isAsking;
      taps.update(parts.length, (n) => guessed[n]);
      slots.forEach((row, n) =>
        row.forEach((slot, kind) => slot.update(trainable[n][kind], isAsking ? null : moves && moves[n][kind])),
      );
    },
  };
}

function createSlot(part, number, share) {
  if (!number) return { element: h("div", { class: "cb-slot", role: "cell" }, "–"), update() {} };
  const square = h("i", { class: "cb-square" });
  setVariables(square, { share: share.toFixed(4) });
  const word = h("span", { class: "cb-word" });
  const place = h("span", { class: "cb-place" }, square);
  const element = h("div", { class: "cb-slot", role: "cell" }, place, h("b", {}, formatCount(number)), word);
  return {
    element,
    update(trainable, distance) {
      square.classList.toggle("cb-free", trainable);
      square.classList.toggle("cb-moving", Boolean(distance));
      element.classList.toggle("cb-moved", Boolean(distance));
      const [state, fate] = [trainable ? "trainable" : "frozen", distance ? "moves" : trainable ? "stays" : "frozen"];
      setText(word, distance === null ? state : fate);
      setAttribute(element, "aria-label", `${part}: ${formatCount(number)} ${state}${distance === null ? "" : `, ${fate}`}`);
    },
  };
}

// The question or what is true, and the button between the two.
function createAnswer({ set }, read) {
  const verdict = h("p", { class: "cb-verdict" });
  const button = createButton("", () => set(read().isAsking ? { asked: false } : { asked: true, guess: 0 }));
  return {
    element: h("div", { class: "cb-answer-row" }, verdict, button),
    update(now) {
      const isApart = now.moves && !now.isAsking && now.count((a, move) => Boolean(a) !== Boolean(move)) > 0;
      verdict.classList.toggle("cb-apart", Boolean(isApart));
      setText(verdict, writeVerdict(now));
      setText(button, now.isAsking ? "Show what moved" : "Ask me again");
      button.disabled = !now.moves;
    },
  };
}

// The reader's choices; those that do nothing in a step leave their room empty.
function createChoices({ set }) {
  const controls = {
    unfrozen_blocks: createSlider("Unfrozen blocks", (blocks) => set({ unfrozen_blocks: blocks, guess: 0 })),
    batch_norm_frozen: createCheckbox("Batch normalization stays frozen", (on) => set({ batch_norm_frozen: on, guess: 0 })),
    compile_forgotten: createCheckbox("Forgot to compile", (on) => set({ compile_forgotten: on, guess: 0 })),
  };
  return {
    element: h("div", { class: "cb-flow cb-options", role: "group", "aria-label": "Choices" }, ...Object.values(controls)),
    update({ choices, parts, step, isAsking }) {
      for (const [name, control] of Object.entries(controls)) {
        const disabled = isAsking || !hasChoice(name, step);
        control.update(choices[name], { min: 0, max: parts.length - 1, disabled });
        setAttribute(control.element, "data-idle", disabled);
      }
    },
  };
}
