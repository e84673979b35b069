// Slides made by make_slides.py: reveal.js moves, and what a slide shows is as large as fits.
const LARGEST = { figure: 1.6, code: 1.3, output: 2 };

function fit(box) {
  const room = box.parentElement, kind = room.parentElement.classList[0];
  if (!room.clientHeight) return;
  for (let scale = LARGEST[kind] ?? 1; scale > 0.3; scale -= 0.05) {
    box.style.zoom = scale;
    if (room.scrollHeight <= room.clientHeight && room.scrollWidth <= room.clientWidth) return;
  }
}

// When a slide is shown, and when a picture has been loaded or a figure has been drawn.
const observer = new ResizeObserver((entries) => requestAnimationFrame(() => entries.forEach((entry) => fit(entry.target))));
document.querySelectorAll(".fit").forEach((box) => observer.observe(box));
Reveal.on("slidechanged", () => dispatchEvent(new Event("resize"))); // a figure that was hidden had no width

Reveal.initialize({
  width: 1280, height: 720, margin: 0.02, center: false, display: "flex", hash: true, slideNumber: true, controls: false,
  transition: "none", plugins: [RevealNotes],
  keyboardCondition: (event) => !event.target.closest?.(".convbook-page"), // a figure's keys are the figure's
});
