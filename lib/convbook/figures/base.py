"""What every live figure shares: one source, two hosts.

A figure is a class here and a JavaScript module of the same name beside it. Its traits are its whole state. In a
notebook it is an anywidget, so `ipywidgets` controls can be linked to the traits. In the built page, where no kernel
runs, the same object gives `text/html`: the module's source, the state as JSON, and a stand-in for the widget's model,
so that the page needs no other file and no network.

A new figure `window` needs three files at most:

- `window.py`: a subclass of `LiveFigure` with synced traits, their validators, `describe` and `draw_still`;
- `window.js`: `import { liveFigure, … } from "./base.js"`, pure functions for the mathematics, exported for the tests,
  and `export default liveFigure("window", [names of traits], build)`; what runs a trained net comes by
  `import { runNet, … } from "./network.js"`. It declares no name that these two declare;
- `window.css`, where the shared look is not enough: every rule within `[data-figure="window"] { … }`.
"""

import base64
import json
import re
import sys
from pathlib import Path

import anywidget
import numpy as np
import traitlets

# What figures can import from: the frame that all of them have, and trained nets for those that run one.
SHARED_SCRIPTS = {
    name: Path(__file__).with_name(f"{name}.js").read_text(encoding="utf-8") for name in ("base", "network")
}
SHARED_STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
IMPORT_OF_SHARED = re.compile(rf'^import \{{[^}}]*\}} from "\./({"|".join(SHARED_SCRIPTS)})\.js";\n', re.MULTILINE)

# The widget's model where there is no kernel, and the import of the figure from a blob, which also works from file://.
# The page's own picture stays in sight until the figure has been drawn, and for good if it cannot be.
PAGE_SCRIPT = """
(async (page, source, state) => {
  const listeners = {};
  const model = {
    get: (name) => state[name],
    set(name, value) {
      if (JSON.stringify(state[name]) === JSON.stringify(value)) return;
      state[name] = value;
      (listeners[`change:${name}`] ?? []).forEach((listener) => listener());
    },
    save_changes() {},
    on: (event, listener) => (listeners[event] ??= []).push(listener),
    off: (event, listener) => (listeners[event] = (listeners[event] ?? []).filter((other) => other !== listener)),
  };
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: figure } = await import(url);
  URL.revokeObjectURL(url);
  figure.render({ model, el: page.querySelector(".convbook-live") });
  page.classList.add("convbook-is-live");
})(document.currentScript.parentElement, %s, %s);
"""


class FigureError(traitlets.TraitError, ValueError):
    """A figure was given what it cannot show; the message names the remedy."""


class LiveFigure(anywidget.AnyWidget):
    """A figure that a reader can touch, in the built page and in a notebook.

    Subclasses declare synced traits and define `describe` and `draw_still`.

    Example:
        >>> from convbook.figures import Convolution
        >>> figure = Convolution(np.zeros((5, 7), dtype="uint8"), kernel="blur")
        >>> figure.to_html().startswith('<div class="convbook-page">')
        True
    """

    _css = SHARED_STYLE

    # ipywidgets 7 would display the widget view alone; without this method it asks for _repr_mimebundle_, as 8 does.
    _ipython_display_ = None

    def __init_subclass__(cls, **kwargs):
        """Read the figure's JavaScript and style sheet from the files beside its Python module."""
        script = Path(sys.modules[cls.__module__].__file__).with_suffix(".js")
        style = script.with_suffix(".css")
        # anywidget makes a class for each object, with traits of these names in place of the texts: leave those.
        made_by_anywidget = isinstance(getattr(cls, "_esm", None), traitlets.TraitType)
        if script.exists() and not made_by_anywidget:
            cls._esm = join_modules(script.read_text(encoding="utf-8"))
        if style.exists() and not made_by_anywidget:
            cls._css = SHARED_STYLE + style.read_text(encoding="utf-8")
        super().__init_subclass__(**kwargs)

    def describe(self):
        """Say what the figure shows in its present state, with its numbers, for readers who do not see it.

        Returns:
            One or two sentences of plain text.
        """
        raise NotImplementedError

    def draw_still(self):
        """Draw the figure's present state for print and for readers without JavaScript.

        Returns:
            An SVG element as text; `convbook.figures.still` has the parts.
        """
        raise NotImplementedError

    def state(self):
        """Return the traits that the JavaScript works with.

        Returns:
            A dictionary of what JSON can hold; without what belongs to ipywidgets.
        """
        inherited = set(anywidget.AnyWidget.class_trait_names()) | {"_esm", "_css", "_anywidget_id"}
        return {name: getattr(self, name) for name in sorted(self.trait_names(sync=True)) if name not in inherited}

    def to_html(self):
        """Return the figure as a piece of a page that needs nothing else.

        Returns:
            HTML with its own style, still picture, state and script; the same state gives the same text.
        """
        script = PAGE_SCRIPT % (_in_script(str(self._esm)), _in_script(self.state()))
        return (
            f'<div class="convbook-page"><style>{self._css}</style>'
            f'<div class="convbook-still">{self.draw_still()}'
            "<noscript><p>With JavaScript, this picture becomes a figure that you can touch.</p></noscript></div>"
            f'<div class="convbook-live"></div><script>{script}</script></div>'
        )

    def __repr__(self):
        # Without the address that Python would print: a page built again should not change.
        shown = {name: value for name, value in self.state().items() if not name.startswith("_")}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        if "google.colab" in sys.modules:  # nothing says that Colab prefers the widget where there is HTML too
            return data, metadata
        return {**data, "text/html": self.to_html()}, metadata


def join_modules(source):
    """Join a figure's JavaScript and the shared modules that it imports into one, since a blob can import no neighbour.

    Lines of comment are left out: a page carries the source once for each figure.

    Args:
        source: the text of the figure's module, which imports from "./base.js" and, where it runs a trained net, from
            "./network.js", in one statement each.

    Returns:
        The text of a module without imports.

    Raises:
        FigureError: if anything else is imported, or from one of the two in several statements.

    Example:
        >>> join_modules('import { h } from "./base.js";\\nexport default h;\\n').endswith("export default h;\\n")
        True
    """
    names = IMPORT_OF_SHARED.findall(source)
    own = IMPORT_OF_SHARED.sub("", source)
    if other := re.search(r"^import\b.*", own, re.MULTILINE):
        raise FigureError(f"A figure can import from ./base.js and ./network.js alone; found: {other[0]!r}.")
    if len(names) != len(set(names)):
        raise FigureError(f"A figure imports from each module in one statement; found several of {', '.join(names)}.")
    shared = "".join(SHARED_SCRIPTS[name] for name in names)
    return re.sub(r"^ *//.*\n|^\n", "", shared + own, flags=re.MULTILINE)


def pack_picture(image):
    """Pack a picture for the JavaScript: its bytes in base64, a third of the size of numbers in JSON.

    Args:
        image: uint8 or float32 (height, width, channels).

    Returns:
        A dictionary with height, width, channels, dtype and data, as `decodePicture` in base.js takes it.

    Example:
        >>> pack_picture(np.array([[[1], [2]]], dtype="uint8"))
        {'height': 1, 'width': 2, 'channels': 1, 'dtype': 'uint8', 'data': 'AQI='}
    """
    height, width, channels = image.shape
    data = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("<")).tobytes()
    return {
        "height": height,
        "width": width,
        "channels": channels,
        "dtype": image.dtype.name,
        "data": base64.b64encode(data).decode("ascii"),
    }


def check_picture(image, largest_side_px=96):
    """Return a picture in the form that figures work with.

    Args:
        image: uint8 (0…255) or float (0…1), (height, width) or (height, width, 1 or 3).
        largest_side_px: above this the single pixel can no longer be seen.

    Returns:
        uint8 or float32 (height, width, channels).

    Raises:
        FigureError: if rank, channels, size or values are others; the message names the remedy.

    Example:
        >>> check_picture(np.zeros((5, 7))).shape
        (5, 7, 1)
    """
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[:, :, np.newaxis]
    if image.ndim != 3:
        raise FigureError(
            f"image has the shape {image.shape}; give one picture, (height, width) or (height, width, channels). "
            "From a batch take one: images[0]."
        )
    height, width, channels = image.shape
    if channels not in (1, 3):
        raise FigureError(
            f"image has {channels} channels, shape {image.shape}; a figure shows 1 (grey) or 3 (red, green, blue). "
            "Choose some: image[:, :, :3]; from channels first: np.moveaxis(image, 0, -1)."
        )
    if not 0 < min(height, width) <= max(height, width) <= largest_side_px:
        raise FigureError(
            f"image has {height} × {width} pixels; a figure shows 1 to {largest_side_px} each way. Cut a part out, "
            "image[:64, :64], or shrink it with skimage.transform.resize."
        )
    return _check_pixels(image)


def _check_pixels(image):
    """uint8 as it is, floats in 0…1 as float32; a picture in any other numbers would be shown in the wrong shades."""
    if image.dtype == np.uint8:
        return image
    if image.dtype.kind != "f":
        raise FigureError(
            f"image has the dtype {image.dtype}; give 0…255 as uint8, image.astype('uint8'), or floats in 0…1."
        )
    if not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
        raise FigureError(
            f"image is {image.dtype} from {image.min():g} to {image.max():g}; floats must lie in 0…1: divide by 255, "
            "or convert with image.astype('uint8')."
        )
    return image.astype(np.float32)


def _in_script(value):
    """A value as JSON that cannot end the script element around it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
