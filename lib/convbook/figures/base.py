"""What every live figure shares: one source, two hosts.

A figure is a class here and a JavaScript module of the same name beside it. Its traits are its whole state; what it
computes, writes and draws stands in the JavaScript alone. In a notebook it is an anywidget, so `ipywidgets` controls
can be linked to the traits. In the built page, where no kernel runs, the same object gives `text/html`: the module's
source, the state as JSON, and a stand-in for the widget's model, so that the page needs no other file and no network.

A new figure `window` needs three files at most:

- `window.py`: a subclass of `LiveFigure` with synced traits of the types below, its `alternative` text, `check` where
  traits must fit each other, and `draw_still` where a picture helps readers without JavaScript;
- `window.js`: `import { liveFigure, … } from "./base.js"`, pure functions for the mathematics, exported for the tests,
  and `export default liveFigure("window", [names of traits], build, { task: ["What to do.", "With which keys."] })`. A
  figure is built of parts, { element, update }, which `frame.add` and `joinParts` put together; pictures with a window,
  groups of buttons, moving, stepping and details come from "./controls.js", a surface to draw on from "./drawing.js",
  lines from part to part from "./links.js", what runs a trained net from "./network.js", photos of the reader from
  "./photo_input.js" and a pretrained network for them from "./photo_network.js". No two modules of a figure declare
  the same name;
- `window.css`, where the shared look is not enough: every rule within `.convbook-figure[data-figure="window"] { … }`,
  so that it also holds on a page where the next figure brings the shared look once more.

A link to the page can set every public trait of the types below: their rules go into the page with the state. What else
must fit, such as a row that depends on the picture's height, `check` says here and, for links, the option `check` of
`liveFigure`; a `Checked` trait is in links where it is tagged `link=True`.

One line in `tests/test_figure_contract.py` enters it there.
"""

import base64
import html
import io
import json
import operator
import re
import sys
import zlib
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image


def _read_style(path):
    """A style sheet without comments: a page carries it once for each figure."""
    return re.sub(r" */\*.*?\*/|^\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


SHARED_STYLE = _read_style(Path(__file__).with_suffix(".css"))
# The colours of base.js for pictures without JavaScript: blue below zero, neutral at zero, orange above.
DIVERGING = LinearSegmentedColormap.from_list("diverging", ["#0b6e99", "#f3f2ef", "#c4570a"])
STILL_DPI, STILL_COLORS = 100, 128  # few of both, since a page carries the picture beside the live figure
MODULE_NAME = re.compile(r"^// .*\n", re.MULTILINE)  # what join_modules leaves of comments
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)

# The widget's model where there is no kernel, and the import of the figure from a blob, which also works from file://.
# The source stands before it in parts; one that an earlier figure of the page has too may be empty.
# The page's own picture stays in sight until the figure has been drawn, and for good if it cannot be.
PAGE_SCRIPT = """
(async (page, state, link) => {
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
  const source = ({ dataset: { part } }) => document.querySelector(`script[data-part="${part}"]:not(:empty)`).text;
  const sources = [...page.querySelectorAll("script[data-part]")].map(source);
  const url = URL.createObjectURL(new Blob(sources, { type: "text/javascript" }));
  const { default: figure } = await import(url);
  URL.revokeObjectURL(url);
  const host = { ...link, state, opening: { ...state }, anchor: page.id, number: page.dataset.number };
  await figure.render({ model, el: page.querySelector(".convbook-live"), page: host });
  page.classList.add("convbook-is-live");
})(document.currentScript.parentElement, %s, %s);
"""


class FigureError(traitlets.TraitError, ValueError):
    """A figure was given what it cannot show; the message names the remedy."""


# ---- types of traits: each takes a single value as the figure works with it, or refuses it and names the remedy ----
#      `rule` gives the same for links, which the JavaScript reads (head.js); None where no link may set the trait


class Checked(traitlets.TraitType):
    """A value that passes through a function, which returns it as the figure works with it or raises a FigureError.

    Without a function it is left to the figure's `check`.
    """

    def __init__(self, function=None, default_value=None, **options):
        super().__init__(default_value, **options)
        self.function = function

    def validate(self, obj, value):
        return value if self.function is None else self.function(value)

    def rule(self):
        return {} if self.metadata.get("link") else None


class Choice(traitlets.TraitType):
    """One of a few texts or whole numbers; the first is the default. `remedy` is a sentence behind every refusal."""

    def __init__(self, options, default_value=None, *, remedy="", **others):
        super().__init__(options[0] if default_value is None else default_value, **others)
        self.options, self.remedy = tuple(options), remedy

    def validate(self, obj, value):
        is_plain = isinstance(value, (str, int, np.integer)) and not isinstance(value, bool)
        if not is_plain or value not in self.options:
            *others, last = map(repr, self.options)
            given = f"{self.name} is {value!r}; give {', '.join(others)} or {last}."
            raise FigureError(f"{given} {self.remedy}".rstrip())
        return self.options[self.options.index(value)]

    def rule(self):
        return {"options": self.options}


class Number(traitlets.TraitType):
    """A finite number, from `low` to `high` where they are given. `remedy` is a sentence behind every refusal."""

    what, convert = "finite number", float

    def __init__(self, default_value=0, low=None, high=None, *, remedy="", **options):
        super().__init__(default_value, **options)
        self.low, self.high, self.remedy = low, high, remedy

    def validate(self, obj, value):
        try:
            number = type(self).convert(value)
        except (TypeError, ValueError):
            number = np.nan
        if isinstance(value, (bool, str)) or not np.isfinite(number):
            limits = "" if self.low is None else f", {_write_range(self.low, self.high)}"
            raise FigureError(f"{self.name} is {value!r}; give a {self.what}{limits}. {self.remedy}".rstrip())
        _refuse_outside(self.name, number, self.low, self.high, remedy=self.remedy)
        return number

    def rule(self):
        limits = {"low": self.low, "high": self.high, "none": self.allow_none}
        given = {name: limit for name, limit in limits.items() if limit is not None and limit is not False}
        return {"whole": isinstance(self, Whole)} | given


class Whole(Number):
    """A whole number, from `low` to `high` where they are given. `remedy` is a sentence behind every refusal."""

    what, convert = "whole number", operator.index


class Switch(traitlets.TraitType):
    """True or False."""

    def __init__(self, default_value=False, **options):
        super().__init__(default_value, **options)

    def validate(self, obj, value):
        if not isinstance(value, (bool, np.bool_)):
            raise FigureError(f"{self.name} is {value!r}; give True or False.")
        return bool(value)

    def rule(self):
        return {"options": (True, False)}


def refuse_outside(state, name, low, high, reason):
    """Refuse a trait's new value that the other traits leave no room for; to be called by a figure's `check`.

    Args:
        state: as `check` is given it. Where another trait has changed, nothing is refused: the figure's observers pull
            this one back inside.
        name: a trait that holds a number.
        low: its smallest value.
        high: its largest value; where it is below low, there is room for low alone.
        reason: the beginning of a sentence, why there are no others, such as "the output has 3 rows".

    Raises:
        FigureError: if the value lies outside.

    Example:
        >>> refuse_outside(traitlets.Bunch(row=3, changed="row"), "row", 0, 2, "the output has 3 rows")
        Traceback (most recent call last):
            ...
        convbook.figures.base.FigureError: row is 3; the output has 3 rows: give 0 to 2.
    """
    if state.changed == name:
        _refuse_outside(name, state[name], low, high, reason=reason)


def _refuse_outside(name, value, low, high, reason="", remedy=""):
    if (low is not None and value < low) or (high is not None and value > max(high, low)):
        because = f"{reason}: " if reason else ""
        raise FigureError(f"{name} is {value:g}; {because}give {_write_range(low, high)}. {remedy}".rstrip())


def _write_range(low, high):
    if high is None:
        return f"{low:g} or more"
    return (f"{low:g} to {high:g}" if low < high else f"{low:g}").replace("-", "−")


# ---- the figure ----


class LiveFigure(anywidget.AnyWidget):
    """A figure that a reader can touch, in the built page and in a notebook.

    Subclasses declare synced traits and `alternative`, one sentence of what the figure shows, for readers who do not
    see it: a text, or a property where it needs the figure's data.

    A change of a trait is checked before it is stored, wherever it comes from: the constructor, an assignment,
    `hold_trait_notifications`, or a message from the browser. One that is refused leaves the state as it was.

    Raises:
        FigureError: a ValueError and a TraitError, if a trait's value is none that can be shown; the message names the
            remedy.
        TypeError: if the figure has no such trait.

    Example:
        >>> from convbook.figures import Convolution
        >>> figure = Convolution(np.zeros((5, 7), dtype="uint8"), kernel="blur")
        >>> figure.to_html().startswith('<div class="convbook-page" data-name="convolution">')
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
            cls._css = SHARED_STYLE + _read_style(style)
        super().__init_subclass__(**kwargs)

    def __init__(self, **traits):
        names = [name for name in self._own_traits() if not name.startswith("_")]
        if unknown := [name for name in traits if not self.has_trait(name)]:
            raise TypeError(f"{type(self).__name__} takes no {unknown[0]!r}; it takes {', '.join(sorted(names))}.")
        self._register_validator(LiveFigure._check_change, names)
        super().__init__(**traits)

    def check(self, state):
        """Refuse a state in which traits cannot stand together; called before a change is stored.

        A trait that an observer pulls back inside when another one changes is checked by `refuse_outside`. Where the
        form of a value depends on other traits, `check` writes the changed one into `state` as it is to be kept.

        Args:
            state: all traits as they would be, `state.row` or `state["row"]`; `state.changed` is the name of the one
                whose change is checked. Where several change at once, each is checked among the new values of all.

        Raises:
            ValueError: if they cannot; the message names the remedy. The reader gets a FigureError.
        """

    def draw_still(self):
        """Draw the figure's initial state for readers without JavaScript, where a picture is worth having.

        Returns:
            A matplotlib Figure, or None for the sentence alone.
        """

    def set_state(self, sync_data):
        """Take a message from the browser; after a refusal the browser gets the state that has stayed."""
        try:
            super().set_state(sync_data)
        except traitlets.TraitError:
            self.send_state([name for name in sync_data if name in self.keys])
            raise

    def _check_change(self, proposal):
        """The one place where changes are checked: traitlets asks here before it stores a value."""
        name = proposal.trait.name
        state = traitlets.Bunch({each: getattr(self, each) for each in self._own_traits()})
        state |= {name: proposal.value, "changed": name}
        try:
            self.check(state)
        except FigureError:
            raise
        except ValueError as error:
            raise FigureError(str(error)) from error
        return state[name]

    def _own_traits(self):
        """The names of the traits that the figure declares; without what belongs to ipywidgets."""
        inherited = set(anywidget.AnyWidget.class_trait_names()) | {"_esm", "_css", "_anywidget_id"}
        return [name for name in sorted(self.trait_names()) if name not in inherited]

    def state(self):
        """Return the traits that the JavaScript works with.

        Returns:
            A dictionary of what JSON can hold; without what belongs to ipywidgets.
        """
        synced = self.trait_names(sync=True)
        return {name: getattr(self, name) for name in self._own_traits() if name in synced}

    def link(self):
        """Return what a link to this figure may ask for.

        Returns:
            A dictionary: `rules`, from each public trait to what it takes, and their `version`, which is another where
            the rules or the state that the figure opens with are others.
        """
        public = [name for name in self._own_traits() if not name.startswith("_")]
        found = {name: getattr(self.traits()[name], "rule", lambda: None)() for name in public}
        rules = {name: rule for name, rule in found.items() if rule is not None}
        opening = {name: value for name, value in self.state().items() if name in rules}
        return {"rules": rules, "version": f"{zlib.crc32(json.dumps([rules, opening]).encode()):08x}"}

    def to_html(self):
        """Return the figure as a piece of a page that needs nothing else.

        Returns:
            HTML with its own style, alternative, state and script; the same state gives the same text.
        """
        styles = [SHARED_STYLE, self._css.removeprefix(SHARED_STYLE)]
        # In texts and patterns of JavaScript, where alone these words can stand, \\x3C is the same as <.
        sources = [re.sub(r"<(?=/?script|!--)", r"\\x3C", part) for part in MODULE_NAME.split(str(self._esm))]
        script = PAGE_SCRIPT % (_in_script(self.state()), _in_script(self.link()))
        return (
            f'<div class="convbook-page" data-name="{_dashed(type(self).__name__)}">{_as_parts("style", styles)}'
            f'<div class="convbook-still">{self._show_still()}'
            "<noscript><p>With JavaScript, this becomes a figure that you can touch.</p></noscript></div>"
            f'<div class="convbook-live"></div>{_as_parts("script type=text/plain", sources)}'
            f"<script>{script}</script></div>"
        )

    def _show_still(self):
        """What stands in the page where no script runs."""
        drawing = self.draw_still()
        alternative = html.escape(self.alternative, quote=True)
        return f"<p>{alternative}</p>" if drawing is None else f'<img alt="{alternative}" src="{_embed(drawing)}">'

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
    """Join a figure's JavaScript and the modules that it imports into one, since a blob can import no neighbour.

    Lines of comment are left out, since a page carries the source; one before each module says where it begins.

    Args:
        source: the text of the figure's module, with `import { … } from "./base.js"` and the like.

    Returns:
        The text of a module without imports.

    Raises:
        FigureError: if anything else is imported than names from modules in this folder.

    Example:
        >>> join_modules('import { h } from "./base.js";\\nexport default h;\\n').endswith("export default h;\\n")
        True
    """
    modules, waiting = {}, [source]
    while waiting:
        for name in IMPORT.findall(waiting.pop()):
            path = Path(__file__).with_name(f"{name}.js")
            if name not in modules and path.exists():
                modules[name] = path.read_text(encoding="utf-8")
                waiting.append(modules[name])
    known = re.compile(IMPORT.pattern.replace(r"\w+", "|".join(modules)) + r"|^ *//.*\n|^\n", re.MULTILINE)
    parts = {f"{name}.js": known.sub("", text) for name, text in {**modules, "the figure": source}.items()}
    joined = "".join(f"// {name}\n{text}" for name, text in parts.items())
    if other := re.search(r"^import\b.*", joined, re.MULTILINE):
        raise FigureError(f"A figure can import {{ names }} from the modules beside it alone; found: {other[0]!r}.")
    return joined


def _embed(drawing):
    """A matplotlib Figure as the address of a small picture that stands in the page itself."""
    drawn, small = io.BytesIO(), io.BytesIO()
    drawing.savefig(drawn, format="png", dpi=STILL_DPI, bbox_inches="tight", facecolor="white")
    # By an octree, which keeps a colour of few pixels: the frame of a window, one end of a scale.
    picture = Image.open(drawn).convert("RGB").quantize(STILL_COLORS, Image.Quantize.FASTOCTREE)
    picture.save(small, "WEBP", lossless=True, quality=100, method=4)  # 6 takes 200 times as long
    return f"data:image/webp;base64,{base64.b64encode(small.getvalue()).decode('ascii')}"


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


def check_names(names, count):
    """Return what several pictures are called.

    Args:
        names: one text each, in a list or tuple; None to number them.
        count: how many pictures there are.

    Returns:
        A list of texts.

    Raises:
        FigureError: if there are more or fewer names than pictures, or one is no text.

    Example:
        >>> check_names(None, 2), check_names(("cat", "dog"), 2)
        (['picture 1', 'picture 2'], ['cat', 'dog'])
    """
    if names is None:
        return [f"picture {number}" for number in range(1, count + 1)]
    given = list(names) if isinstance(names, (list, tuple)) else [names]
    if len(given) != count or not all(isinstance(name, str) and name for name in given):
        raise FigureError(
            f"names is {names!r}; give a list with one text for each of the {count} pictures, or None: "
            f"{check_names(None, min(count, 2))}."
        )
    return given


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


def _dashed(name):
    """A class's name for the address of a page: FeatureMaps, feature-maps."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def _as_parts(tag, texts):
    """Texts as elements, named by what they hold, so that a page can leave out what it has already."""
    names = {f"{zlib.crc32(text.encode()):08x}": text for text in texts if text}
    return "".join(f'<{tag} data-part="{name}">{text}</{tag.split()[0]}>' for name, text in names.items())


def _in_script(value):
    """A value as JSON that cannot end the script element around it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
