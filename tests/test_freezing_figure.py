"""The freezing figure: its counts and moves against Keras, and what a reader sees and does in a browser."""

import functools
import itertools
import operator
import re

import keras
import numpy as np
import pytest
import test_figures
import traitlets
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from visits import PHONE, WIDE

from convbook import backbones, freezing, runs
from convbook.figures import Freezing
from convbook.figures import freezing as freezing_figure

show = test_figures.show  # the fixture
layers = keras.layers

BLOCKS = 4  # of the packaged base
TINY_PX = 16
COLUMN, NARROW = {"width": 700, "height": 900}, {"width": 342, "height": 844}  # the book's column, there and on a phone


def tiny_base(batch_norm=True):
    """Two blocks of a convolution each, with batch normalization or without."""
    image = keras.Input((TINY_PX, TINY_PX, 3))
    x = layers.Rescaling(1 / 255)(image)
    for block, filters in (("block1", 4), ("block2", 6)):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", name=f"{block}_conv")(x)
        x = layers.BatchNormalization(name=f"{block}_bn")(x) if batch_norm else x
        x = layers.ReLU(name=f"{block}_relu")(x)
    return keras.Model(image, x, name="tiny")


@functools.cache
def tiny_figure():
    return Freezing(tiny_base(), image_size_px=TINY_PX)


def all_states(blocks):
    """Every state of the figure, as keyword arguments."""
    names = ("step", "unfrozen_blocks", "batch_norm_frozen", "compile_forgotten", "rate_zero")
    values = (range(1, 6), range(blocks + 1), (True, False), (True, False), (True, False))
    return [dict(zip(names, state, strict=True)) for state in itertools.product(*values)]


def set_trainable(base, step, unfrozen_blocks, batch_norm_frozen):
    """Do to a base in Keras what the steps up to this one do."""
    if step == 1:
        freezing.unfreeze(base, batch_norm=True)
    elif step < 4 or not unfrozen_blocks:
        freezing.freeze(base)
    else:
        freezing.unfreeze(base, unfrozen_blocks)
    if step > 1 and not batch_norm_frozen:
        for layer in base.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.trainable = True


def by_slot(numbers, combine):
    """{path: number} as {(part, kind): number}, sorted by the names of layers and weights alone."""
    slots = {}
    for path, number in numbers.items():
        block = re.match(r"block\d", path)
        gamma_beta, moving = re.search("_bn/(gamma|beta)", path), "/moving_" in path
        slot = block[0] if block else "head", 1 if gamma_beta else 2 if moving else 0
        slots[slot] = combine(slots.get(slot, 0), number)
    return slots


def shown(figure, what):
    """The same of the figure: {(part, kind): number}."""
    return {
        (part.name, kind): getattr(part, what)[kind] for part in figure.parts for kind in range(3) if part.counts[kind]
    }


@functools.cache
def packaged_model():
    base, converter = backbones.load(runs.QUICK.backbone)
    model, _ = freezing_figure.put_head_on(base, converter)
    return base, model


def spoken_after(page, figure):
    page.wait_for_timeout(600)
    assert test_figures.spoken(page) == figure.describe()


def choose(page, step):
    page.locator(".cb-steps button").nth(step - 1).click()


def texts(page):
    """What the diagram says: {part: [lines of each cell]}, from the input on."""
    rows = page.locator(".cb-part").all()[::-1]
    cells = [[cell.inner_text().split() for cell in row.locator(".cb-slot").all()] for row in rows]
    return {row.locator(".cb-name b").inner_text(): cell for row, cell in zip(rows, cells, strict=True)}


# ---- Python's side -------------------------------------------------------------------------------------------------


def test_counts_are_those_computed_by_hand():
    figure = Freezing()
    assert figure.parts[0].counts == (3 * 3 * 3 * 16 + 3 * 3 * 16 * 32, 2 * (16 + 32), 2 * (16 + 32))
    assert figure.parts[-1].counts == (256 * 64 + 64 + 64 + 1, 0, 0)
    moving = 2 * (16 + 32 + 3 * 64 + 3 * 128 + 2 * 256)
    assert sum(part.counts[2] for part in figure.parts) == moving == 2272
    assert figure.trainable_weights == figure.weights - 2272


def test_counts_and_what_is_trainable_are_those_of_keras_in_every_state():
    base, model = packaged_model()
    sizes = by_slot({path: array.size for path, array in freezing.snapshot(model).items()}, operator.add)
    figure = Freezing()
    assert figure.weights == model.count_params()
    assert shown(figure, "counts") == sizes
    for state in itertools.product(range(1, 6), range(BLOCKS + 1), (True, False)):
        set_trainable(base, *state)
        figure.step, figure.unfrozen_blocks, figure.batch_norm_frozen = state
        expected = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
        assert figure.trainable_weights == expected, state
        paths = {weight.path for weight in model.trainable_weights}
        listed = by_slot({path: path in paths for path in freezing.snapshot(model)}, max)
        assert shown(figure, "trainable") == listed, state


@pytest.mark.parametrize(
    "state",
    [
        {"step": 3},
        {"step": 3, "batch_norm_frozen": False},
        {"step": 5, "unfrozen_blocks": 0},
        {"step": 5, "unfrozen_blocks": 2},
        {"step": 5, "unfrozen_blocks": 1, "batch_norm_frozen": False},
        {"step": 5, "unfrozen_blocks": 3, "batch_norm_frozen": False, "rate_zero": True},
        {"step": 5, "rate_zero": True},
    ],
    ids=str,
)
def test_one_step_in_keras_moves_what_the_figure_says_and_as_far(state):
    base, model = packaged_model()
    figure = Freezing(**state)
    set_trainable(base, figure.step, figure.unfrozen_blocks, figure.batch_norm_frozen)
    rate = 0.0 if figure.rate_zero else {3: 0.001, 5: 0.0001}[figure.step]
    moved = by_slot(freezing_figure.take_step(model, *freezing_figure.draw_pictures(), rate), max)
    said = shown(figure, "moves")
    assert {slot for slot, move in said.items() if move} == {slot for slot, move in moved.items() if move}
    np.testing.assert_allclose(list(said.values()), list(moved.values()), rtol=0.06)  # two digits


@pytest.mark.parametrize(
    ("blocks", "batch_norm_frozen", "forgotten"),
    [(1, True, None), (2, False, None), (1, False, 3), (2, True, 3), (2, True, 5), (1, False, 5)],
)
def test_the_script_on_the_page_moves_what_the_figure_says(show, blocks, batch_norm_frozen, forgotten):
    """Runs the lines that the figure shows, and compares each training with the figure."""
    figure = tiny_figure()
    base = tiny_base()
    images, labels = freezing_figure.draw_pictures(TINY_PX)
    model, _ = freezing_figure.put_head_on(base, None, TINY_PX)
    names = {"model": model, "backbone": base, "freezing": freezing, "Adam": keras.optimizers.Adam}
    names["batch_norms"] = [layer for layer in base.layers if isinstance(layer, layers.BatchNormalization)]
    names |= {"images": images, "labels": labels}
    page = show(figure)
    start = model.get_weights()
    for step in range(1, 6):
        figure.step, figure.unfrozen_blocks, figure.batch_norm_frozen = step, blocks, batch_norm_frozen
        figure.compile_forgotten = step == forgotten
        lines = call(page, "writeCode", step, blocks, batch_norm_frozen, step == forgotten, False)
        if step == 1:
            assert lines == ["model = keras.Model(pictures, head(backbone(pictures)))"]
            lines = ["model.compile(Adam(0.001), loss=…)", "model.fit(…)"] if forgotten == 3 else []
        script = "\n".join(lines).replace("loss=…", "loss='binary_crossentropy', jit_compile=False")
        before = freezing.snapshot(model)
        exec(script.replace("fit(…)", "fit(images, labels, batch_size=8, shuffle=False, verbose=0)"), names)
        if step in (3, 5):
            moved = by_slot(freezing.changes(model, before), max)
            said = shown(figure, "moves")
            assert {slot for slot, move in said.items() if move} == {slot for slot, move in moved.items() if move}
        model.set_weights(start)
        assert figure.trainable_weights == sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def test_a_forgotten_compile_moves_the_head_of_the_packaged_base_alone_and_as_far():
    base, model = packaged_model()
    figure = Freezing(step=5, compile_forgotten=True)
    images, labels = freezing_figure.draw_pictures()
    start = model.get_weights()
    freezing.freeze(base)
    model.compile(keras.optimizers.Adam(0.001), loss="binary_crossentropy", jit_compile=False)
    model.fit(images, labels, batch_size=8, shuffle=False, verbose=0)
    freezing.unfreeze(base)
    model.set_weights(start)
    for variable in model.optimizer.variables[2:]:  # behind the count of steps and the rate: Adam's means
        variable.assign(keras.ops.zeros_like(variable))
    model.optimizer.iterations.assign(0)
    before = freezing.snapshot(model)
    model.fit(images, labels, batch_size=8, shuffle=False, verbose=0)
    moved = by_slot(freezing.changes(model, before), max)
    model.set_weights(start)
    assert {slot for slot, move in moved.items() if move} == {("head", 0)}
    np.testing.assert_allclose(list(shown(figure, "moves").values()), list(moved.values()), rtol=0.06)
    assert "150,352 trainable weights stay" in figure.describe()


def test_moving_statistics_move_at_a_rate_of_zero_and_only_where_batch_norm_is_open():
    figure = Freezing(step=3, batch_norm_frozen=False, rate_zero=True)
    moving = {slot for slot, move in shown(figure, "moves").items() if move}
    assert moving == {(f"block{n}", 2) for n in range(1, 5)}
    figure.batch_norm_frozen = True
    assert not any(shown(figure, "moves").values())
    assert "At a rate of 0 no trainable weight moves." in figure.describe()


def test_the_readers_own_base_is_left_as_it_is():
    base = tiny_base()
    base.get_layer("block1_conv").trainable = False
    before = freezing.snapshot(base)
    Freezing(base, image_size_px=TINY_PX)
    assert set(freezing.changes(base, before).values()) == {0.0}
    assert [layer.trainable for layer in base.layers if layer.weights] == [False, True, True, True]


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"step": 6}, "step is 6; fine-tuning has five steps: give 1 to 5"),
        ({"unfrozen_blocks": 5}, "this base has 4 blocks: give 0 to 4"),
        ({"unfrozen_blocks": -1}, "give 0 to 4"),
        ({"backbone": "drawn_world"}, r"backbone is str; give a keras.Model.*backbones.load\('drawn_world'\)"),
        ({"backbone": tiny_base()}, "cannot take pictures of 64 × 64 pixels.*give image_size_px"),
        ({"backbone": keras.Sequential([keras.Input((9, 7, 3)), layers.Conv2D(2, 3)])}, "show no blocks"),
    ],
)
def test_bad_input_raises_and_names_the_remedy(changes, remedy):
    with pytest.raises(traitlets.TraitError, match=remedy):
        Freezing(**changes)


def test_a_base_with_too_many_blocks_is_refused():
    image = x = keras.Input((TINY_PX, TINY_PX, 3))
    for block in range(1, 18):
        x = layers.Conv2D(2, 1, name=f"block{block}_conv")(x)
    with pytest.raises(ValueError, match=r"17 blocks; the figure has room for 16\. Take a smaller base"):
        Freezing(keras.Model(image, x), image_size_px=TINY_PX)


def test_html_is_small_and_the_same_for_the_same_state():
    html = Freezing().to_html()
    assert html == Freezing().to_html() != Freezing(step=2).to_html()
    shared = test_figures.Ruler().to_html()
    assert len(html.encode()) - len(shared.encode()) < 45_000
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|<link|\bsrc=", html)


# ---- what a reader sees --------------------------------------------------------------------------------------------


def call(page, function, *arguments):
    """What a function that the figure's module exports gives."""
    script = """async ([source, name, given]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      return (await import(url))[name](...given);
    }"""
    return page.evaluate(script, [str(Freezing._esm), function, list(arguments)])


def call_all(page, function, calls):
    script = """async ([source, name, calls]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const module = await import(url);
      return calls.map((given) => module[name](...given));
    }"""
    return page.evaluate(script, [str(Freezing._esm), function, calls])


def test_javascript_finds_in_every_state_what_python_finds(show):
    figure = Freezing()
    page = show(figure)
    states = all_states(BLOCKS)
    lists = [list(state.values()) for state in states]
    trainable = call_all(page, "listTrainable", [[figure._parts, *values[:3]] for values in lists])
    moves = call_all(page, "listMoves", [[figure._parts, figure._moves, *values] for values in lists])
    for state, listed, moved in zip(states, trainable, moves, strict=True):
        for name, value in state.items():
            setattr(figure, name, value)
        assert [list(part.trainable) for part in figure.parts] == listed
        expected = [list(part.moves) for part in figure.parts] if state["step"] in (3, 5) else None
        assert moved == expected
    values = [0.001, 0.0001, 0.0039, 0.038, 0.000062, 1.3, 12.0]
    assert call_all(page, "writeMove", [[value] for value in values]) == [freezing_figure.write_move(x) for x in values]


def test_no_control_is_dead_and_each_that_is_disabled_would_change_nothing(show):
    figure = Freezing()
    page = show(figure)
    states = [list(state.values()) for state in all_states(BLOCKS)]
    names = list(all_states(BLOCKS)[0])
    given = [[figure._parts, figure._moves, *state] for state in states]
    idle = call_all(page, "listIdle", given)
    trainable = call_all(page, "listTrainable", [[figure._parts, *state[:3]] for state in states])
    outcome = {
        tuple(state): (listed, moved)
        for state, listed, moved in zip(states, trainable, call_all(page, "listMoves", given), strict=True)
    }
    for state, reasons in zip(states, idle, strict=True):
        for place, name in enumerate(names[1:], start=1):
            others = [(*state[:place], value, *state[place + 1 :]) for value in range(BLOCKS + 1)]
            others = others if name == "unfrozen_blocks" else others[:2]  # False and True are 0 and 1
            changes = any(outcome[other] != outcome[tuple(state)] for other in others)
            assert changes != (name in reasons), (name, state, reasons)


@pytest.mark.parametrize(
    "state",
    [
        {"step": 1},
        {"step": 3, "batch_norm_frozen": False},
        {"step": 3, "compile_forgotten": True},
        {"step": 5, "unfrozen_blocks": 2},
        {"step": 5, "compile_forgotten": True, "batch_norm_frozen": False},
        {"step": 5, "rate_zero": True, "batch_norm_frozen": False},
    ],
    ids=str,
)
def test_the_diagram_and_the_totals_say_what_python_says(show, state):
    figure = Freezing(**state)
    page = show(figure)
    for part in figure.parts:
        for kind, cell in enumerate(texts(page)[part.name]):
            if not part.counts[kind]:
                assert cell == ["–"]
                continue
            expected = [f"{part.counts[kind]:,}", *([] if part.trainable[kind] else ["not"]), "trainable"]
            if part.moves:
                move = part.moves[kind]
                expected += ["moves", "≤", freezing_figure.write_move(move)] if move else ["stays"]
            assert cell == expected
    moved = freezing_figure.count_numbers(figure.parts, lambda trainable, move: move)
    totals = [f"{figure.trainable_weights:,}", f"{moved:,}" if figure.step in (3, 5) else "–"]
    assert page.locator(".cb-total b").all_inner_texts() == totals
    assert page.locator(".cb-verdict").inner_text() == freezing_figure.write_verdict(figure)


def test_areas_are_in_proportion_to_the_weights(show):
    page = show(Freezing())
    sides = [row.locator(".cb-square").first.bounding_box()["width"] for row in page.locator(".cb-part").all()]
    weights = [16513, 101760, 34496, 9056, 5040]
    np.testing.assert_allclose(np.square(sides) / sides[1] ** 2, np.array(weights) / weights[1], rtol=0.03)


# ---- what a reader does --------------------------------------------------------------------------------------------


def test_a_reader_walks_the_steps_by_keyboard_and_hears_the_result(show):
    figure = Freezing()
    page = show(figure)
    page.keyboard.press("Tab")
    for step in range(2, 6):
        page.keyboard.press("ArrowRight")
        page.locator(".cb-steps [aria-checked=true]").get_by_text(str(step), exact=True).wait_for()
    page.keyboard.press("ArrowRight")  # there is no sixth
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    figure.step, figure.unfrozen_blocks, figure.batch_norm_frozen = 5, 3, False
    spoken_after(page, figure)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    figure.compile_forgotten = True
    spoken_after(page, figure)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    figure.rate_zero = True
    page.wait_for_function("document.querySelector('.cb-verdict').innerText.includes('rate of 0')")


def test_a_control_that_does_nothing_is_disabled_and_says_why(show):
    page = show(Freezing(), Freezing(tiny_base(batch_norm=False), image_size_px=TINY_PX))
    first, second = page.locator(".convbook-figure").all()
    assert first.locator("input:disabled").count() == 4
    assert [hint for hint in first.locator(".cb-option .cb-hint").all_inner_texts() if hint] == [
        "Chosen in step 4.",
        "Nothing is frozen yet.",
        "Steps 3 and 5 compile.",
        "No step is taken here.",
    ]
    first.locator(".cb-steps button").last.click()
    page.wait_for_function("document.querySelectorAll('.cb-idle').length === 4")  # those of the other figure
    first.get_by_text("Instead of 0.0001.").wait_for()
    first.get_by_label("Forgot to compile again").check()
    first.get_by_text("Instead of 0.001.", exact=True).wait_for()
    second.locator(".cb-steps button").last.click()
    second.get_by_text("This base has none.").wait_for()
    expect(second.locator("input:disabled")).to_have_count(1)  # that text stood there before


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, COLUMN, PHONE, NARROW], ids=["wide", "column", "phone", "narrow"])
def test_figure_fits_and_axe_finds_nothing(show, theme, size):
    page = show(Freezing(step=5, batch_norm_frozen=False, compile_forgotten=True), theme=theme, size=size)
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    outside = """() => [...document.querySelectorAll(".cb-slot, .cb-total, .cb-steps button, .cb-option")]
      .filter((box) => {
        const text = document.createRange();
        text.selectNodeContents(box);
        return text.getBoundingClientRect().right > box.getBoundingClientRect().right + 1;
      }).map((box) => box.innerText)"""
    assert page.evaluate(outside) == []
    violations = Axe().run(page).response["violations"]
    assert [(found["id"], found["nodes"][0]["html"]) for found in violations] == []


def test_still_picture_is_for_print_and_says_what_the_figure_says(show):
    figure = Freezing(step=5, unfrozen_blocks=2, batch_norm_frozen=False)
    drawing = figure.draw_still()
    for words in ("101,760", "moves by up to 0.0001", "2,272 weights"):
        assert words in drawing
    assert drawing.count("not trainable<") == 2 + BLOCKS  # two frozen blocks, all moving statistics
    page = show(figure)
    page.emulate_media(media="print")
    assert page.locator(".convbook-still svg").first.is_visible()
    assert not page.locator(".convbook-live").is_visible()
