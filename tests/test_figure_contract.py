"""What every live figure must keep, whatever it shows: one table of figures, and each promise a test over all of them.

A new figure is entered by one line in `FIGURES`; its own test file then holds only what is its own: its numbers.
"""

import functools
import html
import json
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from chapters import ROOT
from figure_pages import Ruler, centre_of, pixels_of, swipe
from visits import NEXT_FRAME, PHONE, WIDE

from convbook.figures import (
    Augmentation,
    Convolution,
    FeatureMaps,
    FigureError,
    Freezing,
    LiveFigure,
    NetworkWalk,
    PaddingAndStrides,
    Pipeline,
    Pooling,
    ReceptiveField,
    Seeds,
    TeachIt,
    TrainingCurves,
    Translation,
    YourPhoto,
)
from convbook.figures.receptive_field import check_layers
from convbook.photos import load_sample_picture

RNG = np.random.default_rng(7)
GREY = RNG.integers(0, 256, (12, 17), dtype="uint8")
COLOR = RNG.integers(0, 256, (14, 21, 3), dtype="uint8")
HISTORY = {name: RNG.random(9).tolist() for name in ("loss", "val_loss", "accuracy", "val_accuracy")}


@functools.cache
def net():
    """A small net with maps of two sizes."""
    import keras

    layers = keras.layers
    return keras.Sequential([keras.Input((14, 21, 3)), layers.Conv2D(5, 3), layers.ReLU(), layers.MaxPooling2D()])


RECORDED = {strength: RNG.random(5) for strength in (0, 0.5, 1, 2, 4)}


def judge_by_brightness(images):
    shares = images.mean(axis=(1, 2, 3)) / 255
    return np.stack([shares, 1 - shares], axis=1)


FIGURES = {
    "ruler": Ruler,
    "convolution": lambda: Convolution(GREY, "sharpen", row=2, column=3),
    "convolution of colours": lambda: Convolution([COLOR, GREY], colors=True, all_windows=True),
    "padding and strides": lambda: PaddingAndStrides(width=8, row=1),
    "pooling": lambda: Pooling(GREY),
    "pooling of a moved picture": lambda: Pooling(GREY, act="a moved picture", right=1),
    "network walk": lambda: NetworkWalk(4),
    "translation": lambda: Translation(4, right=3),
    "receptive field": lambda: ReceptiveField(COLOR),
    "feature maps": lambda: FeatureMaps(net(), np.stack([COLOR, COLOR[::-1]])),
    "augmentation": lambda: Augmentation(COLOR[np.newaxis, :12]),
    "augmentation with answers": lambda: Augmentation(
        [COLOR, GREY], names=["a cat", "a dog"], recorded=RECORDED, judge=judge_by_brightness
    ),
    "training curves": lambda: TrainingCurves({"small": HISTORY, "large": HISTORY}, metric="loss"),
    "training curves to be drawn": lambda: TrainingCurves({"small": HISTORY}, metric="loss", validation=False),
    "freezing": Freezing,
    "seeds": lambda: Seeds(count=7),
    "freezing, shown": lambda: Freezing(asked=False),
    "pipeline": lambda: Pipeline(buffer_size=5, time_ms=60),
    "your photo": YourPhoto,
    "your photo, from scratch": lambda: YourPhoto("a cup", from_scratch=True),
    "teach it": TeachIt,
}
# What is seldom on a page, all on one: no window that fits, the deepest stack, another view, gaps and outliers.
STATES = [
    lambda: PaddingAndStrides(height=2),
    lambda: Translation(4, down=-17, right=17),
    lambda: NetworkWalk(5, answer=8, channel_3=47, pixel_3=0, channel_2=31, pixel_2=143, channel_1=15, pixel_1=675),
    lambda: Pooling(GREY[:4, :7], pool_size=3),
    lambda: Pooling(GREY[:4, :7], pool_size=3, act="a moved picture"),
    lambda: Pooling(GREY[:4, :7], "blur", right=-2, down=2, act="a moved picture"),
    lambda: Pooling(GREY.T[:, :3], right=1, act="a moved picture"),
    lambda: Pooling(GREY.T[:, :3]),
    lambda: Pooling(GREY, "sharpen", pool_size=3, strides=1, row=3, column=12),
    lambda: ReceptiveField(COLOR[:9], "with pooling"),
    lambda: ReceptiveField(GREY, "padded", row=0, column=0),
    lambda: ReceptiveField(COLOR, [{"kernel_size": 5, "padding": "same", "dilation_rate": 3}] * 8),
    lambda: TrainingCurves({"lost": HISTORY | {"loss": [np.nan] * 9, "val_loss": [1, 2, 9e6, *[np.inf] * 6]}}),
    lambda: TrainingCurves({"a very long name, of forty letters or so": HISTORY, "W" * 40: HISTORY}),
    lambda: TrainingCurves({"A": HISTORY, "B": HISTORY}, shown=[]),
    lambda: TeachIt("brick, grass and gravel"),
    lambda: TeachIt("your own photos"),
]

LARGEST_STILL_BYTES = 25_000
# Each control and the keys that work it, the second where the first one has nothing to change.
CONTROLS = """button:not(.cb-tools *), select, input, summary, [tabindex="0"]"""
KEYS = {
    "button": ["Enter"],
    "checkbox": [" "],
    "radio": [" ", "ArrowRight", "ArrowLeft"],
    "select": ["ArrowDown", "ArrowUp"],
    "text": ["ArrowUp", "x"],
    "summary": ["Enter"],
    "other": ["ArrowRight", "ArrowLeft", "ArrowDown"],
}
LIST_CONTROLS = f"""() => {{
  window.nameOf = (e) => e.ariaLabel ?? e.closest("label")?.textContent ?? e.textContent;
  window.controls = [...document.querySelectorAll(`.convbook-figure :is({CONTROLS})`)]
    .filter((e) => e.checkVisibility() && !e.disabled);
  return controls.map(nameOf);
}}"""
ACTIVE = """() => {
  const e = document.activeElement, role = e.getAttribute("role");
  const kind = role === "radio" || role === "checkbox" ? role
    : e.tagName === "INPUT" ? { checkbox: "checkbox", range: "other" }[e.type] ?? "text"
    : { BUTTON: "button", SELECT: "select", SUMMARY: "summary" }[e.tagName] ?? "other";
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(e);
  const shows = (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
  const idle = e.ariaDisabled === "true" || e.ariaHasPopup === "dialog";
  return { kind, idle, shows, name: nameOf(e), index: controls.indexOf(e) };
}"""
# All that can be seen or heard to change in a figure, with the pictures' pixels. What is hidden is left out: it may be
# as it was when it was last shown.
LOOK = """(figure) => {
  const isShown = (part) => part.checkVisibility() || part.matches("option");
  const [copy, shown] = [figure.cloneNode(true), [...figure.querySelectorAll("*")].map(isShown)];
  [...copy.querySelectorAll("*")].forEach((part, n) => shown[n] || part.remove());
  copy.querySelectorAll(".cb-spoken").forEach((part) => part.remove());
  const all = (selector) => [...figure.querySelectorAll(selector)].filter(isShown);
  const fields = all("input, select").map((field) => [field.value, field.checked]);
  const pictures = all("canvas").map((canvas) => canvas.toDataURL());
  return JSON.stringify([copy.innerHTML.replace(/ tabindex="-?\\d"/g, ""), fields, pictures]);
}"""


@pytest.fixture(params=FIGURES)
def make(request):
    """A function that makes the figure, new each time."""
    return FIGURES[request.param]


@pytest.fixture
def figure(make):
    return make()


@pytest.fixture(params=[*FIGURES, "seldom states"])
def figures(request):
    """Each figure alone, and the states that are seldom together."""
    return [make() for make in ([FIGURES[request.param]] if request.param in FIGURES else STATES)]


def public_traits(figure):
    """The names of the traits that a reader or a notebook may set."""
    return [name for name in figure._own_traits() if not name.startswith("_")]


def state_of(figure):
    """All that the figure holds, as text."""
    return repr({name: getattr(figure, name) for name in figure._own_traits()})


def live(page, nth=0):
    return page.locator(".convbook-figure").nth(nth)


def look(page, nth=0):
    """What the figure shows, as text."""
    page.evaluate(NEXT_FRAME)
    return live(page, nth).evaluate(LOOK)


def settle(page):
    """Wait until the figure has drawn what it draws of its own accord."""
    before = None
    for _ in range(100):
        if before == (before := look(page)):
            return
        page.wait_for_timeout(100)


# ---- in Python -----------------------------------------------------------------------------------------------------

NONSENSE = [None, "nonsense", -1, 0.5, 10**6, float("nan"), [], ["nonsense"], {}, {"nonsense": 1}, object(), True]


def test_a_bad_trait_is_refused_with_its_remedy_and_leaves_the_old_state(figure):
    for name in public_traits(figure):
        kept = getattr(figure, name)
        for value in NONSENSE:
            before = state_of(figure)
            refusal = refusal_of(figure, name, value)
            if refusal is None:  # it can be shown
                figure.to_html()
                setattr(figure, name, kept)
            else:
                assert re.search(r"\b(give|choose|take)\b.*\.$", refusal, re.IGNORECASE | re.DOTALL), (name, value)
                assert state_of(figure) == before, (name, value)
    figure.to_html()


def refusal_of(figure, name, value):
    """What the figure says when it refuses a value, or None."""
    try:
        setattr(figure, name, value)
    except FigureError as error:
        return str(error)
    return None


def test_a_bad_message_of_the_browser_leaves_the_old_state(figure):
    names = [name for name in public_traits(figure) if figure.trait_metadata(name, "sync")]
    before = state_of(figure)
    sent = []
    figure.send_state = lambda key=None: sent.append(key)
    with pytest.raises(FigureError):
        figure.set_state(dict.fromkeys(names, "nonsense"))
    assert sent == [names]  # so that the browser shows again what holds
    assert state_of(figure) == before


CHANGES = {
    "convolution": (
        lambda: Convolution([GREY, COLOR[:9, :14]], row=9, column=14),
        ({"kernel": np.ones((3, 3, 1)).tolist()}, {"row": 9, "column": 14}),
        ({"picture": 1}, {"row": 6, "column": 11}),
        ({"row": 9, "column": 3, "picture": 0}, {}),  # this row is there with this picture alone
        ({"filters": ["blur", np.ones((3, 3, 3)).tolist()], "colors": True, "biases": [0.5, 2]}, {"column": 3}),
    ),
    "padding and strides": (
        lambda: PaddingAndStrides(row=4, column=6),
        ({"width": 5}, {"row": 4, "column": 4}),
        ({"height": 2}, {"row": 1, "column": 4}),  # without padding no window fits
        ({"height": 12, "strides": 2}, {"column": 2}),
        ({"strides": 1, "dilation_rate": 3}, {}),
    ),
    "pooling": (
        lambda: Pooling(GREY, strides=1, row=8, column=13),
        ({"pool_size": 3}, {"row": 7, "column": 12}),
        ({"strides": 3}, {"row": 2, "column": 4}),
        ({"row": 7, "column": 12, "strides": 1, "down": 1, "right": -2}, {}),
        ({"image": GREY[:4, :7]}, {"row": 0, "column": 0}),
    ),
    "network walk": (NetworkWalk, ({"answer": 3, "channel_3": 7, "pixel_3": 24, "pixel_1": None}, {})),
    "translation": (Translation, ({"digit": 0, "sample": 1, "down": -3, "right": 12}, {})),
    "receptive field": (
        lambda: ReceptiveField(np.zeros((20, 30)), "with pooling", layer=1, row=17, column=27),
        ({"layer": 4}, {"row": 2, "column": 5}),
        ({"layers": check_layers("one 5×5")}, {"layer": 1, "row": 2, "column": 5}),
        ({"image": np.zeros((7, 6))}, {"row": 2, "column": 1}),
        ({"image": np.zeros((20, 30))}, {}),
        ({"layers": check_layers("with pooling"), "layer": 5, "row": 0, "column": 3}, {}),
    ),
    "feature maps": (
        lambda: FeatureMaps(net(), np.stack([COLOR, COLOR[::-1]]), channel=4),
        ({"stage": 1}, {"channel": 4}),
        ({"stage": 0, "picture": 1, "channel": 3}, {}),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_taken_together_and_what_they_leave_no_room_for_is_pulled_inside(name):
    make, *changes = CHANGES[name]
    figure = make()
    for given, expected in changes:
        if "image" in given:  # which no browser sends
            figure.image = given["image"]
            assert figure.state()["_picture"]["width"] == given["image"].shape[1]
        else:
            figure.set_state(given)
            expected = given | expected
        assert {key: getattr(figure, key) for key in expected} == expected


def test_an_unknown_name_is_refused_with_those_that_there_are(figure):
    with pytest.raises(TypeError, match=public_traits(figure)[0]):
        LiveFigure.__init__(figure, nonsense=1)


def test_html_is_the_same_for_the_same_state_and_asks_for_nothing(make):
    first, second = make().to_html(), make().to_html()
    assert first == second
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|\brequire\b|<link|\bsrc=(?!\"data:)", first)


# ---- on a page -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("theme", "size"), [("light", WIDE), ("dark", PHONE)], ids=["light", "dark"])
def test_axe_finds_nothing_serious(show, figures, theme, size):
    page = show(*figures, theme=theme, size=size)
    assert live(page).get_attribute("data-theme") == theme
    violations = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []


def test_every_control_is_reached_by_keyboard_with_a_visible_focus(show, figure):
    page = show(figure)
    settle(page)
    controls = page.evaluate(LIST_CONTROLS)
    reached = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        active = page.evaluate(ACTIVE)
        if active["index"] < 0 and reached:
            break  # out of the figure again
        assert active["shows"], f"no focus to be seen on {active['name']!r}"
        reached.add(active["index"])
        if active["kind"] in ("radio", "checkbox"):
            reached |= walk_through_group(page)
    assert [name for n, name in enumerate(controls) if n not in reached] == []


def test_every_control_works_by_keyboard_and_what_it_changed_is_spoken(show, figure):
    page = show(figure)
    assert live(page).locator(".cb-spoken").get_attribute("aria-live") == "polite"
    settle(page)
    stuck = []
    for n, name in enumerate(page.evaluate(LIST_CONTROLS)):
        focused = page.evaluate(
            "(n) => { window.controls[n].focus(); return document.activeElement === controls[n]; }", n
        )
        active = page.evaluate(ACTIVE)
        if not focused or active["idle"]:
            continue  # one that was worked before has taken it away, there is nothing to do, or a dialog opens
        before = look(page)
        if not any(page.keyboard.press(key) or look(page) != before for key in KEYS[active["kind"]]):
            stuck.append(name)
        if name == "Play":
            page.keyboard.press("Enter")  # let it rest again
    assert stuck == []
    page.wait_for_function("document.querySelector('.cb-spoken').textContent.length > 5")


def test_what_to_do_stands_above_in_one_line(show, figure):
    page = show(figure, chapter=2)
    task = live(page).locator(".cb-task")
    assert task.inner_text().startswith("Figure 2.1 ")
    sentence, keys = task.locator("span").all_inner_texts()
    assert re.fullmatch(r"[A-Z][^.!?]{20,100}\.", sentence)
    assert not keys or re.fullmatch(r" ?[A-Z][^.!?]{5,60}\.", keys)
    spread = page.evaluate(
        "(sentence) => sentence.getClientRects().length", task.locator("span").first.element_handle()
    )
    assert spread == 1
    foot = task.bounding_box()["y"] + task.bounding_box()["height"]
    others = live(page).locator("> :not(.cb-head, .cb-spoken)").all()
    assert all(other.bounding_box()["y"] >= foot for other in others if other.is_visible())


CAT = load_sample_picture()
EYE = CAT[90:130:2, 160:220:2].mean(axis=2).astype("uint8")
SMALL_CAT = CAT[0:280:7, 85:365:7]
SETS = {f"set {n}": {name: RNG.random(40).tolist() for name in HISTORY} for n in range(1, 5)}
COLUMNS = {"wide": (WIDE, 752), "phone": (PHONE, 358)}  # how wide the site shows a figure on these screens
GOALS = {"wide": 620, "phone": 700}
# Each figure as its chapter opens it, and how tall it is at the most, in px. Who makes one less tall lowers its bound.
HEIGHTS = {
    "convolution": (lambda: Convolution(row=16, column=16), 620, 700),
    "network walk": (NetworkWalk, 620, 700),
    "translation": (lambda: Translation(right=9), 620, 700),
    "padding and strides": (lambda: PaddingAndStrides(height=7, width=8, strides=2), 620, 700),
    "pooling": (lambda: Pooling(EYE, row=4, column=5), 620, 700),
    "pooling of a moved picture": (lambda: Pooling(EYE, act="a moved picture", right=1), 620, 700),
    "receptive field": (lambda: ReceptiveField(SMALL_CAT, "with pooling"), 620, 700),
    "training curves": (lambda: TrainingCurves(SETS, shown=["set 1"], validation=False), 600, 640),
    "augmentation": (lambda: Augmentation([SMALL_CAT] * 2, recorded=RECORDED, judge=judge_by_brightness), 600, 700),
    "feature maps": (lambda: deep_maps(), 620, 700),
    "freezing": (Freezing, 620, 700),
    "seeds": (Seeds, 620, 700),
    "pipeline": (Pipeline, 600, 700),
    "your photo": (YourPhoto, 620, 700),
    "your photo, from scratch": (lambda: YourPhoto(from_scratch=True), 620, 700),
    "teach it": (TeachIt, 620, 700),
}


@functools.cache
def deep_net():
    """A net with maps of four sizes and enough channels to choose from, as the one of chapter 8."""
    import keras

    layers = keras.layers
    blocks = [layer for _ in range(3) for layer in (layers.Conv2D(24, 3, activation="relu"), layers.MaxPooling2D())]
    return keras.Sequential([keras.Input((40, 40, 3)), *blocks])


def deep_maps():
    """Its first four layers, with patches of nine pictures."""
    layers = {f"block {n + 1}": name for n, name in enumerate([layer.name for layer in deep_net().layers][:4])}
    return FeatureMaps(deep_net(), np.stack([SMALL_CAT] * 2), search=np.stack([SMALL_CAT] * 9), layers=layers)


@pytest.mark.parametrize("screen", COLUMNS)
@pytest.mark.parametrize("name", HEIGHTS)
def test_a_figure_is_no_taller_than_its_bound_which_is_no_higher_than_it_must_be(show, name, screen):
    make, *bounds = HEIGHTS[name]
    (size, width), goal = COLUMNS[screen], GOALS[screen]
    page = show(make(), size=size, chapter=4, has_touch=screen == "phone", is_mobile=screen == "phone")
    page.add_style_tag(path=ROOT / "book" / "assets" / "static" / "book.css")
    page.add_style_tag(content=f".convbook-page {{ width: {width}px; }}")
    page.evaluate("""() => {
      document.querySelector("main").className = "bd-article";
      document.body.style.fontFamily = "var(--pst-font-family-base)";
    }""")
    settle(page)
    height, bound = live(page).bounding_box()["height"], bounds[list(COLUMNS).index(screen)]
    assert height <= bound
    assert bound <= max(goal, height + 40), f"{height} px: lower the bound of {bound}"


# Opens one link after the other in the page's address, lets the figure draw each, and gives what it says to each.
OPEN_LINKS = """async (links) => {
  const answers = [];
  const afterFrame = (done) => requestAnimationFrame(() => setTimeout(done));
  for (const link of links) {
    const drawn = new Promise((done) => addEventListener("hashchange", () => afterFrame(done), { once: true }));
    location.hash = link;
    await drawn;
    answers.push(document.querySelector(".cb-head > .cb-notice").textContent);
  }
  return answers;
}"""


def test_a_link_carries_the_figures_state_to_another_page(show, figure):
    page = show(figure, chapter=2)
    settle(page)
    opening = look(page)
    work_first_control(page)
    settle(page)
    changed = look(page)
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_function("location.hash.length > 1")
    link = page.evaluate("location.hash")
    assert re.fullmatch(r"#figure-[a-z-]+\?v=[0-9a-f]{8}(&[a-z_]+=[^&]*)*", link)
    other = show(figure, chapter=2, link=link)
    settle(other)
    assert unspoken(look(other)) == unspoken(changed) != unspoken(opening)
    assert other.locator(".cb-head > .cb-notice").inner_text() == ""


def unspoken(seen):
    """What a figure shows, without the words of the buttons above it."""
    return re.sub(r"Copied|Copy link", "", seen)


def test_a_link_that_asks_for_what_python_refuses_leaves_the_figure_as_it_opens_and_says_so(show, make):
    figure = make()
    anchor, rules = with_anchor(figure), figure.link()["rules"]
    page = show(figure, chapter=2)
    settle(page)
    opening = look(page)
    asked = []
    for name in rules:
        for value in ["nonsense", -1, 0.5, 10**6, None, [], ["nonsense"], {}, {"nonsense": 1}, True]:
            tried = make()
            asked.append((name, value, refusal_of(tried, name, value) is not None))
    queries = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value, _ in asked]
    answers = page.evaluate(OPEN_LINKS, [f"{anchor}?{query}" for query in queries])
    for (name, value, refused), answer in zip(asked, answers, strict=True):
        assert bool(answer) == refused, (name, value, answer)
        if refused:
            assert answer.startswith(f"This link asks for {name}=")
            assert answer.endswith(": the figure is shown as it opens.")
    unknown = ["v=00000000", "v=", *(f"{name}=1" for name in ("_picture", "__proto__", "alternative", "nonsense"))]
    assert all(page.evaluate(OPEN_LINKS, [f"{anchor}?{query}" for query in unknown]))
    page.evaluate(OPEN_LINKS, [f"{anchor}?v={figure.link()['version']}"])
    settle(page)
    assert look(page) == opening


def with_anchor(figure):
    """The figure's anchor on a page of the site."""
    return re.search(r'data-name="([a-z-]+)"', figure.to_html()).expand(r"figure-\1")


def largest_at(row, column):
    """The largest number of a 3 × 3 window on the response map, which with "identity" is the picture without border."""
    return str(GREY[row + 1 : row + 4, column + 1 : column + 4].max())


INPUT, OUTPUT, MAP = (f".cb-{name} .cb-pixels >> nth=0" for name in ("input", "output", "map"))
SAME_INPUT = ".cb-same .cb-input .cb-pixels"
NOTE, CHART, SAID, WHERE = ".cb-input .cb-note", ".cb-chart", ".cb-said", ".cb-where"
# Where the figure names a place, and what a reader does with the place that it then names: buttons by name; keys in a
# pixel grid; the pointer pressed on one pixel of it, moved over others and let go; the pointer over a pixel.
WALKS = {
    "convolution": (
        *(lambda: Convolution(GREY, row=8, column=1), SAID),
        (INPUT, "ArrowRight ArrowRight ArrowDown ArrowDown ArrowDown", "response[9, 3]"),
        (INPUT, "Shift+ArrowUp", "response[6, 3]"),
        (INPUT, "End", "response[6, 14]"),
        (INPUT, "Home ArrowLeft", "response[6, 0]"),
        (INPUT, [(6, 0), (3, 4), (5, 8)], "response[5, 8]"),  # gripped at its first pixel
        (INPUT, [(3, 2)], "response[2, 1]"),
        (INPUT, [(11, 16)], "response[9, 14]"),
        (OUTPUT, [(2, 6)], "response[2, 6]"),
    ),
    **{
        f"stride {strides}": (
            *(functools.partial(PaddingAndStrides, height=16, width=15, strides=strides), ".cb-verdict"),
            (SAME_INPUT, "ArrowRight ArrowRight ArrowDown ArrowLeft", "row 1, column 1"),
            (SAME_INPUT, "End ArrowRight", f"row 1, column {last_column}"),
            (SAME_INPUT, "Home ArrowLeft", "row 1, column 0"),
            (SAME_INPUT, "Shift+ArrowDown", f"row {leapt_to}, column 0"),
        )
        for strides, last_column, leapt_to in ((1, 14, 4), (2, 7, 3), (5, 2, 2))
    },
    "nearest output": (  # 1 of padding on the left
        *(lambda: PaddingAndStrides(height=11, width=13, strides=3), ".cb-verdict"),
        (SAME_INPUT, [(1, 1), (4, 5), (5, 8)], "row 1, column 2"),  # 4 down, 7 to the right: nearest are 3 and 6
        (SAME_INPUT, [(0, 0)], "row 0, column 0"),
        (INPUT, [(6, 9)], "row 2, column 3"),
        (OUTPUT, [(2, 3)], "row 2, column 3"),
    ),
    "pooling": (
        *(lambda: Pooling(GREY, act="a moved picture"), NOTE),
        (INPUT, "ArrowLeft ArrowDown ArrowDown ArrowDown", "moved 2 down, 1 left"),
        (INPUT, [(6, 6), (4, 7)], "not moved"),
        (INPUT, [(6, 6), (7, 5)], "moved 1 down, 1 left"),
        (INPUT, [(6, 6), (11, 6)], "moved 2 down, 1 left"),
        (INPUT, [(0, 16)], "moved 2 down, 1 left"),  # where the picture no longer is: no jump
        ("Back", "not moved"),
        ("Move picture right", "moved 1 right"),
        ("Move picture right", "moved 2 right"),
        ("Move picture right", "moved 2 right"),
        ("Move picture up", "moved 1 up, 2 right"),
    ),
    "pooling's window": (  # which its largest number tells
        *(lambda: Pooling(GREY, "identity", pool_size=3, strides=2), ".cb-output .cb-note"),
        (MAP, [(3, 9)], largest_at(2, 8)),
        (MAP, "ArrowDown ArrowRight ArrowRight", largest_at(4, 12)),
        (MAP, "Shift+ArrowUp", largest_at(2, 12)),
        (OUTPUT, [(2, 2)], largest_at(4, 4)),
        (f"{OUTPUT[:-1]}1", [(3, 5)], largest_at(6, 10)),
        (MAP, "End ArrowRight", largest_at(6, 12)),
        (MAP, "Home ArrowLeft", largest_at(6, 0)),
    ),
    "translation": (
        *(lambda: Translation(4), WHERE),
        (INPUT, [(20, 20), (26, 15)], "6 px down, 5 px left"),
        (INPUT, [(26, 15), (53, 15)], "17 px down, 5 px left"),
        (INPUT, [(8, 50)], "17 px up, 17 px right"),
        (".cb-places .cb-pixels >> nth=1", [(30, 4)], "13 px down, 13 px left"),
        (INPUT, "ArrowRight ArrowUp ArrowUp Shift+ArrowUp", "3 px down, 12 px left"),
        (INPUT, "Shift+ArrowRight", "3 px down, 4 px left"),
        (INPUT, "Shift+ArrowDown Shift+ArrowDown End", "17 px down, 17 px right"),
        ("Centre", "in the centre"),
    ),
    "network walk": (
        *(lambda: NetworkWalk(4, pixel_2=0), ".cb-note >> nth=2"),
        (".cb-pixels >> nth=1", [(7, 5)], "pixel (7, 5)"),
        (".cb-pixels >> nth=1", "ArrowRight ArrowRight ArrowDown ArrowLeft", "pixel (8, 6)"),
        (".cb-pixels >> nth=1", "End ArrowRight", "pixel (8, 11)"),
        (".cb-pixels >> nth=1", "Home ArrowLeft ArrowUp", "pixel (7, 0)"),
        (".cb-pixels >> nth=1", [(7, 0), (3, 4), (2, 9)], "pixel (2, 9)"),
    ),
    "training curves": (
        *(lambda: TrainingCurves({"A": {name: [0.5] * 30 for name in HISTORY}}, epoch=10), ".cb-readings"),
        (CHART, "ArrowRight ArrowUp", "Epoch 12:"),
        (CHART, "ArrowLeft ArrowDown PageDown", "Epoch 7:"),
        (CHART, "PageUp Shift+ArrowRight", "Epoch 13:"),
        (CHART, "End ArrowRight", "Epoch 30:"),
        (CHART, "Home ArrowLeft", "Epoch 1:"),
    ),
    "receptive field": (  # its window of 15 goes by 4
        *(lambda: ReceptiveField(np.zeros((23, 37)), "with strides", row=0, column=0), ".cb-verdict"),
        (INPUT, "ArrowRight ArrowRight ArrowDown ArrowLeft", "row 1, column 1 of layer 3"),
        (INPUT, "End ArrowRight", "row 1, column 5 of layer 3"),
        (INPUT, "Home ArrowLeft", "row 1, column 0 of layer 3"),
        (INPUT, [(0, 0)], "row 0, column 0 of layer 3"),
        (INPUT, [(3, 3), (5, 9), (6, 12)], "row 1, column 2 of layer 3"),  # 3 down, 9 right: nearest are 4 and 8
        (".cb-strips", "ArrowLeft ArrowDown Home", "row 0, column 3 of layer 2"),
    ),
}


@pytest.mark.parametrize("name", WALKS)
def test_keys_pointer_and_buttons_go_to_the_place_that_they_name_and_stop_at_the_ends(show, name):
    make, where, *steps = WALKS[name]
    page = show(make())
    place = page.locator(where).first
    for *target, action, expected in steps:
        before = place.inner_text()
        if target:
            act_in(page, page.locator(target[0]), action)
        else:
            button = page.get_by_role("button", name=action)
            button.click(force=True)
        look(page)
        assert as_whole(expected).search(place.inner_text()), (target, action)
        if not target and place.inner_text() == before:
            assert button.get_attribute("aria-disabled") == "true"


def as_whole(words):
    """A pattern of these words where they are not a part of others with longer numbers."""
    return re.compile(rf"(?<!\d){re.escape(words)}(?!\d)")


def act_in(page, grid, action):
    """Press keys in a pixel grid, drag the pointer over some of its pixels, or hold it over one."""
    if isinstance(action, str):
        grid.focus()
        for key in action.split():
            page.keyboard.press(key)
    elif isinstance(action, tuple):
        page.mouse.move(*centre_of(grid, *action))
    else:
        page.mouse.move(*centre_of(grid, *action[0]))
        page.mouse.down()
        for pixel in action[1:]:
            page.mouse.move(*centre_of(grid, *pixel), steps=4)
        page.mouse.up()


# A tap, or where a finger begins and ends: beside the window it scrolls the page, and the place stays.
FINGERS = {
    "network walk": (
        *(lambda: NetworkWalk(4, pixel_3=0), ".cb-note >> nth=3"),
        (".cb-pixels >> nth=2", [(3, 3)], "pixel (3, 3)"),
        (".cb-pixels >> nth=2", [(3, 1), (1, 1)], "pixel (3, 3)"),
    ),
    "convolution": (
        *(lambda: Convolution(GREY), SAID),
        (INPUT, [(1, 1), (6, 9)], "response[5, 8]"),
        (INPUT, [(2, 2)], "response[1, 1]"),
        (INPUT, [(11, 14), (2, 14)], "response[1, 1]"),
    ),
    "pooling": (
        *(lambda: Pooling(GREY, act="a moved picture"), NOTE),
        (INPUT, [(10, 8), (2, 8)], "not moved"),
        (INPUT, [(6, 6), (6, 8)], "moved 2 right"),
        (INPUT, [(10, 8), (2, 8)], "moved 2 right"),
    ),
    "translation": (
        *(lambda: Translation(4), WHERE),
        (INPUT, [(27, 27), (20, 31)], "7 px up, 4 px right"),
        (INPUT, [(50, 5), (5, 5)], "7 px up, 4 px right"),
    ),
    "receptive field": (
        *(lambda: ReceptiveField(np.zeros((23, 37)), "with strides"), ".cb-verdict"),
        (INPUT, [(2, 30)], "row 0, column 5 of layer 3"),
        (INPUT, [(15, 30), (3, 30)], "row 0, column 5 of layer 3"),
    ),
}


@pytest.mark.parametrize("name", FINGERS)
def test_a_finger_drags_and_taps_and_beside_the_window_scrolls(show, name):
    make, where, *steps = FINGERS[name]
    page = show(make(), size=PHONE, has_touch=True, is_mobile=True)
    page.evaluate("document.body.style.paddingBottom = '900px'")
    place = page.locator(where).first
    for grid, pixels, expected in steps:
        page.locator(grid).scroll_into_view_if_needed()
        before, scrolled = place.inner_text(), page.evaluate("scrollY")
        points = [centre_of(page.locator(grid), *pixel) for pixel in pixels]
        swipe(page, *points) if points[1:] else page.touchscreen.tap(*points[0])
        if points[1:] and as_whole(expected).search(before):
            page.wait_for_function(f"scrollY > {scrolled}")
        else:
            page.locator(where, has_text=as_whole(expected)).first.wait_for()
            assert page.evaluate("scrollY") == scrolled
        assert as_whole(expected).search(place.inner_text())


@pytest.mark.parametrize(
    ("make", "where", "write"),
    [
        (lambda: Convolution(np.zeros((4, 5), "uint8")), SAID, "[{}, {}]"),
        (lambda: PaddingAndStrides(height=3, width=6, strides=2, kernel_size=1), ".cb-verdict", "row {}, column {}"),
    ],
    ids=["convolution", "padding and strides"],
)
def test_outputs_are_filled_step_by_step_completed_forgotten_and_played(show, make, where, write):
    page = show(make())  # with outputs of 2 × 3
    output = page.locator(OUTPUT)

    def click(name, told, count, place):
        page.get_by_role("button", name=name).click(force=True)
        output.and_(page.locator(f"[aria-label*=', {told}']")).wait_for()
        assert write.format(*place) in page.locator(where).inner_text()
        assert (pixels_of(output, parts=4)[..., 3] == 255).ravel().tolist() == [True] * count + [False] * (6 - count)

    for count, place in ((2, (0, 1)), (3, (0, 2)), (4, (1, 0))):
        click("Step", f"{count} of 6", count, place)
    page.get_by_role("button", name="Show all").press("Enter")
    page.get_by_role("button", name="Show all", disabled=True).wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Show all"
    click("Show all", "complete", 6, (1, 0))
    click("Reset", "1 of 6", 1, (0, 0))
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_role("button", name="Play").wait_for()
    click("Show all", "complete", 6, (1, 2))


@pytest.mark.parametrize(
    ("make", "top", "bottom", "room"),
    [
        (lambda: Convolution(GREY, row=9), ".cb-input .cb-window", ".cb-said", 100),
        (lambda: Pooling(GREY, act="a moved picture", right=1), ".cb-bar", ".cb-share >> nth=2", 100),
        (lambda: Translation(4, down=-17, right=17), ".cb-input", ".cb-count >> nth=1", 100),
        (lambda: Augmentation([COLOR]), ".cb-recipe", ".cb-tiles canvas >> nth=8", 60),
    ],
    ids=["convolution", "pooling", "translation", "augmentation"],
)
def test_what_is_changed_and_what_it_changes_are_on_a_phones_screen_together(show, make, top, bottom, room):
    page = show(make(), size=PHONE)
    box = page.locator(bottom).bounding_box()
    assert box["y"] + box["height"] - page.locator(top).first.bounding_box()["y"] < PHONE["height"] - room


def walk_through_group(page):
    """Walk through the group of buttons in which the focus is, by arrow keys; the numbers of those reached."""
    reached = set()
    for key in ("Home", *["ArrowRight"] * 20):
        page.keyboard.press(key)
        reached.add(page.evaluate(ACTIVE)["index"])
    return reached


def work_first_control(page, nth=0):
    """Change the nth figure with the keys of its first control that changes anything."""
    page.evaluate(LIST_CONTROLS)
    before = look(page, nth)
    for control in live(page, nth).locator(CONTROLS).all():
        if control.is_visible() and control.is_enabled():
            control.focus()
            for key in KEYS[page.evaluate(ACTIVE)["kind"]]:
                page.keyboard.press(key)
                if look(page, nth) != before:
                    return
    pytest.fail("no control changes anything")


def test_figures_on_one_page_do_not_disturb_each_other(show, make):
    page = show(make(), make())
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))
    settle(page)
    first = look(page)
    work_first_control(page, nth=1)
    assert look(page) == first


def test_a_finger_scrolls_the_page_over_the_figure(show, figure):
    page = show(figure, size=PHONE, has_touch=True, is_mobile=True)
    page.evaluate("document.body.style.paddingBottom = '900px'")
    held, points = 0, 0
    pictures = [picture for picture in live(page).locator("canvas, svg, img").all() if picture.is_visible()]
    for picture in pictures:
        picture.scroll_into_view_if_needed()
        box = picture.bounding_box()
        spots = [(box["x"] + box["width"] * x / 8, box["y"] + box["height"] * y / 8) for x in (1, 4, 7) for y in (1, 7)]
        script = """(spots) => spots.filter(([x, y]) => {
          for (let e = document.elementFromPoint(x, y); e; e = e.parentElement)
            if (!/auto|manipulation|pan-y/.test(getComputedStyle(e).touchAction)) return true;
          return false; }).length"""
        points += len(spots)
        held += page.evaluate(script, spots)
    assert held <= points / 2  # a window may be dragged; beside it the page scrolls
    target = live(page).bounding_box()
    before = page.evaluate("scrollY")
    x = target["x"] + target["width"] - 8
    swipe(page, (x, 700), (x, 200))
    page.wait_for_function(f"scrollY !== {before}")


def test_a_figure_looks_the_same_where_another_one_follows_with_the_shared_style_sheet(show, make):
    boxes = """() => [...document.querySelector(".convbook-figure").querySelectorAll("*")].map((e) => {
      const { width, height } = e.getBoundingClientRect();
      return [e.className.baseVal ?? e.className, width, height]; })"""
    alone, followed = show(make()), show(make(), Ruler())
    settle(alone)
    settle(followed)
    assert followed.evaluate(boxes) == alone.evaluate(boxes)


def test_nothing_is_wider_than_the_page(show, figures):
    page = show(*figures)
    for width in (340, 390, 519, 620, 700, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        look(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        cells = "[...document.querySelectorAll('.cb-cell, .cb-bar-row, .cb-answer')]"
        assert page.evaluate(f"{cells}.filter((cell) => cell.scrollWidth > cell.clientWidth + 1).length") == 0


def test_figure_follows_a_switch_of_the_theme_and_the_readers_system(show, make):
    page = show(make())
    assert live(page).is_visible()
    assert not page.locator(".convbook-still").is_visible()
    color = "getComputedStyle(document.querySelector('.convbook-figure')).color"
    before = page.evaluate(color)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.locator(".convbook-figure[data-theme=dark]").wait_for()
    assert page.evaluate(color) != before
    page = show(make(), theme="none", color_scheme="dark")
    assert live(page).get_attribute("data-theme") == "dark"


NO_PIXELS = "CanvasRenderingContext2D.prototype.getImageData = () => { throw new DOMException('denied'); }"


def test_the_theme_is_that_of_the_pages_text_in_any_notation_also_where_no_pixels_can_be_read(show):
    page = show(Ruler(), init_script=NO_PIXELS)
    for color, theme in [
        ("oklch(0.93 0.02 250)", "dark"),
        ("rgb(31 37 44)", "light"),
        ("color(display-p3 1 1 1)", "dark"),
    ]:
        page.evaluate("color => document.documentElement.style.setProperty('--pst-color-text-base', color)", color)
        page.locator(f".convbook-figure[data-theme={theme}]").wait_for()


# The boxes, and what stands before and after them, that have another colour than the page or a line around; buttons say
# by their text what they are, and by a line or their letters that they are chosen.
PAINTED = """() => [...document.querySelectorAll(".convbook-figure *:not(svg *)")].flatMap((e) =>
  ["", "::before", "::after"].flatMap((part) => {
    const s = getComputedStyle(e, part);
    const plain = ["rgba(0, 0, 0, 0)", getComputedStyle(document.documentElement).backgroundColor];
    const painted = s.backgroundImage !== "none" || !plain.includes(s.backgroundColor);
    const seen = e.checkVisibility() && (!part || s.content !== "none") && !e.matches("button:not(.cb-bare)");
    return seen && (painted || s.outlineStyle !== "none") ? [`${e.tagName} ${e.className}${part}`] : [];
  }))"""


def test_forced_colours_leave_the_focus_the_window_each_choice_and_what_colour_says_in_sight(show, figure):
    page = show(figure, forced_colors="none")
    painted = page.evaluate(PAINTED)
    page.emulate_media(forced_colors="active")
    assert sorted(set(painted) - set(page.evaluate(PAINTED))) == []
    hidden = page.evaluate(
        """() => {
          const drawn = (style) => style.outlineStyle !== "none" || style.borderStyle !== "none";
          const windows = [...document.querySelectorAll(".cb-window")].filter((e) => e.checkVisibility());
          const hidden = windows.filter((e) => !drawn(getComputedStyle(e))).map((e) => e.className);
          const look = (e) => { const s = getComputedStyle(e);
            return [s.outline, s.border, s.fontWeight, s.textDecoration, s.backgroundColor, s.color,
              ...["::before", "::after"].map((part) => getComputedStyle(e, part).content),
              ...[...e.querySelectorAll("*")].map((part) => getComputedStyle(part).cssText)].join(); };
          for (const state of ["aria-checked", "aria-pressed", "aria-selected"])
            for (const on of document.querySelectorAll(`[${state}="true"]`)) {
              const off = [...on.parentElement.children].find((e) => e.getAttribute(state) === "false");
              if (off && look(on) === look(off)) hidden.push(on.outerHTML.slice(0, 80));
            }
          return hidden;
        }"""
    )
    assert hidden == []
    for control in live(page).locator(CONTROLS).all()[:3]:
        if control.is_visible():
            control.focus()
            page.keyboard.press("Shift")  # the focus of who uses keys
            assert control.evaluate("(e) => getComputedStyle(e).outlineStyle") != "none"


def test_nothing_glides_for_who_asked_for_less_motion(show, figure):
    page = show(figure, reduced_motion="reduce")
    work_first_control(page)
    gliding = page.evaluate(
        """() => [...document.querySelectorAll(".convbook-figure *")].filter((e) => {
          const { transitionDuration, animationName } = getComputedStyle(e);
          return /[1-9]/.test(transitionDuration) || animationName !== "none"; }).map((e) => e.className)"""
    )
    assert gliding == []
    assert page.evaluate("document.getAnimations().length") == 0


def test_without_javascript_the_alternative_is_shown(show, figure):
    page = show(figure, java_script_enabled=False)
    still = page.locator(".convbook-still")
    assert len(figure.alternative) > 20
    assert page.locator("noscript p").is_visible()
    picture = still.locator("img")
    if picture.count():
        assert picture.get_attribute("alt") == figure.alternative
        assert picture.bounding_box()["height"] > 50
        assert len(picture.get_attribute("src")) < LARGEST_STILL_BYTES
    else:
        assert html.escape(figure.alternative, quote=False) in still.inner_html()
    assert not page.locator(".convbook-live").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDE["width"]


def test_on_paper_the_live_figure_is_dark_on_white(show, figure):
    page = show(figure, theme="dark")
    live(page).locator("xpath=self::*[@data-theme='dark']").wait_for()
    page.emulate_media(media="print")
    live(page).locator("xpath=self::*[@data-theme='light']").wait_for()
    assert live(page).is_visible()
    assert not page.locator(".convbook-still").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDE["width"]


def test_a_removed_figure_listens_to_nothing_and_draws_nothing(show, figure):
    page = show(Ruler())
    left, moved = page.evaluate(
        """async ([source, state]) => {
          const open = new Map();
          const count = (name, by) => open.set(name, (open.get(name) ?? 0) + by);
          for (const host of [Document.prototype, Window.prototype, MediaQueryList.prototype]) {
            const { addEventListener, removeEventListener } = EventTarget.prototype;
            host.addEventListener = function (type, ...rest) {
              count(`${host.constructor.name} ${type}`, 1);
              return addEventListener.call(this, type, ...rest);
            };
            host.removeEventListener = function (type, ...rest) {
              count(`${host.constructor.name} ${type}`, -1);
              return removeEventListener.call(this, type, ...rest);
            };
          }
          for (const Observer of [MutationObserver, ResizeObserver, IntersectionObserver]) {
            const { observe, disconnect } = Observer.prototype;
            Observer.prototype.observe = function (...rest) {
              if (!this.counted) count(Observer.name, 1);
              this.counted = true;
              return observe.apply(this, rest);
            };
            Observer.prototype.disconnect = function () {
              if (this.counted) count(Observer.name, -1);
              this.counted = false;
              return disconnect.call(this);
            };
          }
          const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
          const el = document.createElement("div");
          document.body.append(el);
          const listeners = [];
          const model = {
            get: (name) => state[name],
            set: (name, value) => (state[name] = value),
            save_changes() {},
            on(name, listener) { count(name, 1); listeners.push(listener); },
            off(name, listener) { count(name, -1); },
          };
          const remove = await (await import(url)).default.render({ model, el });
          await new Promise((done) => setTimeout(done, 300));
          listeners.forEach((listener) => listener()); // a redraw is pending
          remove();
          const before = el.innerHTML;
          await new Promise((done) => setTimeout(done, 700));
          return [[...open].filter(([, n]) => n !== 0), el.innerHTML !== before];
        }""",
        [str(figure._esm), json.loads(json.dumps(figure.state()))],
    )
    assert left == []
    assert not moved
