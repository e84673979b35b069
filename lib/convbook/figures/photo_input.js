// Photos from the reader: files chosen, dropped, pasted or taken with a phone's camera. They stay in the page.

import { createButton, h } from "./base.js";

const LARGEST_PX = 512; // a side of what is kept
const [SMALLEST_PX, MOST_MEGAPIXELS] = [8, 40];
const HEIC = /^....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)/s;

// Buttons to choose files and to take a photo, with `label` and `camera` on them; files can be dropped on the figure and
// pasted, too. `frame` is the figure's, or one whose `el` is a part of it. `onPhoto(photo, note)` is given each photo,
// { name, width, height, data }, upright and at most 512 px a side, with four bytes a pixel, and a sentence on what was
// changed, or ""; it may return a promise, and the next photo waits for it. `onRefused(sentence)` says why one is not
// taken. `most()` is how many more photos the figure can take at once; of others the first are taken. Of several inputs
// in a figure one `isFirst`: it takes what is pasted where nothing has the focus.
export function createPhotoInput(frame, options) {
  const { label, camera = "Take a photo", onPhoto, onRefused, most = () => 1, isFirst = true } = options;
  const takeAll = async (list) => {
    const files = [...list];
    const count = Math.max(0, most());
    if (!files.length) onRefused("There is no photo in it; give the file of one from this device.");
    else if (!count) onRefused("There is no room for more photos; take one out first.");
    for (const file of files.slice(0, count)) {
      try {
        const { note, ...photo } = await readPhoto(file);
        await onPhoto(photo, note);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        onRefused(error.message);
      }
    }
    if (count && files.length > count) {
      onRefused(`You gave ${files.length} photos, and the first ${count === 1 ? "one is" : `${count} are`} taken.`);
    }
  };
  const createPicker = (text, attributes) => {
    const onchange = () => {
      takeAll(input.files);
      input.value = ""; // the same file may be chosen again
    };
    const input = h("input", { type: "file", accept: "image/*", hidden: true, onchange, ...attributes });
    const button = createButton(text, () => input.click());
    button.setAttribute("aria-haspopup", "dialog");
    return [button, input];
  };
  const choose = createPicker(label, { multiple: true });
  const take = navigator.maxTouchPoints ? createPicker(camera, { capture: "environment" }) : [];

  const { el } = frame;
  let depth = 0; // of the parts that a dragged file is over
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    el.classList.toggle("cb-drop", depth > 0);
  };
  const hasFiles = ({ dataTransfer }) => [...dataTransfer.types].includes("Files");
  const listeners = {
    dragenter: (event) => hasFiles(event) && mark(1),
    dragleave: (event) => hasFiles(event) && mark(-1),
    dragover: (event) => event.preventDefault(),
    drop(event) {
      event.preventDefault();
      mark(-depth);
      takeAll(event.dataTransfer.files);
    },
  };
  for (const [name, listener] of Object.entries(listeners)) el.addEventListener(name, listener);
  const onPaste = ({ target, clipboardData: { files } }) => {
    const isHere = el.contains(target) && !["INPUT", "TEXTAREA"].includes(target.tagName);
    if (files.length && (isHere || (isFirst && target === document.body))) takeAll(files);
  };
  document.addEventListener("paste", onPaste);
  frame.onRemove(() => {
    document.removeEventListener("paste", onPaste);
    for (const [name, listener] of Object.entries(listeners)) el.removeEventListener(name, listener);
  });
  return { element: h("div", { class: "cb-buttons" }, ...choose, ...take) };
}

class Refusal extends Error {}

// The photo in a file or a blob, as createPhotoInput gives it, with its `note`. Refuses what is none in a sentence.
export async function readPhoto(file) {
  const name = file.name || "The photo";
  const head = new TextDecoder("latin1").decode(await file.slice(0, 1 << 22).arrayBuffer().catch(() => {
    throw new Refusal(`${name} cannot be read; copy it to this device first.`);
  }));
  const url = URL.createObjectURL(file);
  const image = Object.assign(new Image(), { src: url });
  try {
    await new Promise((resolve, reject) => Object.assign(image, { onload: resolve, onerror: reject }));
    return { name, ...draw(image, name, isAnimated(head)) };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const what = HEIC.test(head)
      ? "is in the form HEIC, which this browser cannot read; save it as JPEG"
      : "is no photo that this browser can read; give a JPEG, PNG or WebP file";
    throw new Refusal(`${name} ${what}.`);
  } finally {
    URL.revokeObjectURL(url);
  }
}

// Whether the bytes of a file, each as a letter, are those of a GIF with two pictures, of a PNG or WebP that says that it
// is animated, or of a sequence in AVIF.
function isAnimated(head) {
  if (head.startsWith("GIF8")) return head.split("\x21\xf9\x04").length > 2;
  if (head.startsWith("PNG", 1)) return head.slice(0, head.indexOf("IDAT")).includes("acTL");
  if (head.startsWith("WEBPVP8X", 8)) return (head.charCodeAt(20) & 2) !== 0;
  return head.startsWith("ftypavis", 4);
}

// What the browser shows of a picture, which it has turned upright, scaled down.
function draw(image, name, isAnimated) {
  const { naturalWidth, naturalHeight } = image;
  const size = `${naturalWidth} × ${naturalHeight} px`;
  if (Math.min(naturalWidth, naturalHeight) < SMALLEST_PX) {
    throw new Refusal(`${name} has ${size}; give a photo of at least ${SMALLEST_PX} px a side.`);
  }
  if (naturalWidth * naturalHeight > MOST_MEGAPIXELS * 1e6) {
    throw new Refusal(`${name} has ${size}; give one of at most ${MOST_MEGAPIXELS} megapixels, or make it smaller first.`);
  }
  const scale = Math.min(1, LARGEST_PX / Math.max(naturalWidth, naturalHeight));
  const [width, height] = [naturalWidth, naturalHeight].map((side) => Math.max(1, Math.round(side * scale)));
  const context = h("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, height);
  const read = () => context.getImageData(0, 0, width, height).data;
  const isClear = read().some((value, n) => n % 4 === 3 && value < 250);
  Object.assign(context, { globalCompositeOperation: "destination-over", fillStyle: "#fff" });
  context.fillRect(0, 0, width, height);
  const notes = [
    isAnimated && `${name} is animated; its first picture is taken.`,
    isClear && `${name} is partly transparent; it is shown on white.`,
  ];
  return { width, height, data: read(), note: notes.filter(Boolean).join(" ") };
}
