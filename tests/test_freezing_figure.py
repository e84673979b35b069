"""The freezing figure: what it says and shows against Keras, and what a reader does in a browser."""

import functools
import itertools
import operator
import re

import figure_pages
import keras
import numpy as np
import pytest
from visits import PHONE, WIDE

from convbook import backbones, freezing, runs
from convbook.figures import Freezing
from convbook.figures.freezing import draw_pictures, put_head_on, take_step

layers = keras.layers

BLOCKS = 4  # of the packaged base
NAMES = ("step", "unfrozen_blocks", "batch_norm_frozen", "compile_forgotten")
START = {"step": 1, "unfrozen_blocks": BLOCKS, "batch_norm_frozen": True, "compile_forgotten": False}
TINY_PX = 16
COLUMN, NARROW = {"width": 700, "height": 900}, {"width": 342, "height": 844}  # the book's column, there and on a phone


def tiny_base():
    """Two blocks of a convolution with batch normalization each."""
    image = keras.Input((TINY_PX, TINY_PX, 3))
    x = layers.Rescaling(1 / 255)(image)
    for block, filters in (("block1", 4), ("block2", 6)):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", name=f"{block}_conv")(x)
        x = layers.BatchNormalization(name=f"{block}_bn")(x)
        x = layers.ReLU(name=f"{block}_relu")(x)
    return keras.Model(image, x, name="tiny")


@functools.cache
def packaged_model():
    base, converter = backbones.load(runs.QUICK.backbone)
    return base, put_head_on(base, converter)


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
    """{path: number} as rows of the three kinds, the blocks' and then the head's; 0 where there are none."""
    rows = {}
    for path, number in numbers.items():
        block = re.match(r"block\d", path)
        row = rows.setdefault(block[0] if block else "head", [0, 0, 0])
        kind = 1 if re.search("_bn/(gamma|beta)", path) else 2 if "/moving_" in path else 0
        row[kind] = combine(row[kind], number)
    return list(rows.values())


def counts_of(model):
    return by_slot({path: array.size for path, array in freezing.snapshot(model).items()}, operator.add)


def trainable_of(model):
    paths = {weight.path for weight in model.trainable_weights}
    return by_slot({path: path in paths for path in freezing.snapshot(model)}, max)


def moving(rows):
    """Which numbers of the rows are not 0."""
    return np.array(rows, float) > 0


call = functools.partial(figure_pages.call, Freezing)


def moves_said(page, state):
    """How far each kind of weights of each part moves, as the figure has it."""
    figure = Freezing()
    (moves,) = call(page, "listMoves", [[figure._parts, figure._moves, *(START | state).values()]])
    return moves


def cells(page):
    """What is said of the diagram's cells: for each part the three kinds."""
    rows = page.locator(".cb-row:has(.cb-slot)").all()
    said = [row.locator(".cb-slot").evaluate_all("(all) => all.map((e) => e.ariaLabel ?? e.innerText)") for row in rows]
    return [[kind[part] for kind in said] for part in range(BLOCKS + 1)]


# ---- against Keras -------------------------------------------------------------------------------------------------


def test_counts_are_those_computed_by_hand_and_those_of_keras():
    counts = {part["name"]: part["counts"] for part in Freezing()._parts}
    assert list(counts) == ["block1", "block2", "block3", "block4", "head"]
    assert counts["block1"] == [3 * 3 * 3 * 16 + 3 * 3 * 16 * 32, 2 * (16 + 32), 2 * (16 + 32)]
    assert counts["head"] == [256 * 64 + 64 + 64 + 1, 0, 0]
    assert sum(row[2] for row in counts.values()) == 2 * (16 + 32 + 3 * 64 + 3 * 128 + 2 * 256)
    _, model = packaged_model()
    assert list(counts.values()) == counts_of(model)
    assert np.sum(list(counts.values())) == model.count_params()


def test_what_is_trainable_is_that_of_keras_in_every_state(blank):
    base, model = packaged_model()
    parts = Freezing()._parts
    states = list(itertools.product(range(1, 6), range(BLOCKS + 1), (True, False)))
    for state, listed in zip(states, call(blank, "listTrainable", [[parts, *state] for state in states]), strict=True):
        set_trainable(base, *state)
        assert listed == trainable_of(model), state


@pytest.mark.parametrize(
    "state",
    [
        {"step": 3},
        {"step": 3, "batch_norm_frozen": False},
        {"step": 5, "unfrozen_blocks": 0},
        {"step": 5, "unfrozen_blocks": 2},
        {"step": 5, "unfrozen_blocks": 1, "batch_norm_frozen": False},
    ],
    ids=str,
)
def test_one_step_in_keras_moves_what_the_figure_says_and_as_far(blank, state):
    base, model = packaged_model()
    step, unfrozen_blocks, batch_norm_frozen, _ = (START | state).values()
    set_trainable(base, step, unfrozen_blocks, batch_norm_frozen)
    moved = by_slot(take_step(model, *draw_pictures(), {3: 0.001, 5: 0.0001}[step]), max)
    said = moves_said(blank, state)
    np.testing.assert_array_equal(moving(said), moving(moved))
    np.testing.assert_allclose(said, moved, rtol=0.06)  # two digits


@pytest.mark.parametrize(
    ("blocks", "batch_norm_frozen", "forgotten"),
    [(1, True, None), (2, False, None), (1, False, 3), (2, True, 3), (2, True, 5), (1, False, 5)],
)
def test_the_script_on_the_page_moves_what_the_figure_says(blank, blocks, batch_norm_frozen, forgotten):
    """Runs the lines that the figure shows on a tiny base, and compares each training with the figure's rules."""
    base = tiny_base()
    images, labels = draw_pictures(TINY_PX)
    model = put_head_on(base, None, TINY_PX)
    names = {"model": model, "backbone": base, "freezing": freezing, "Adam": keras.optimizers.Adam}
    names["norms"] = [layer for layer in base.layers if isinstance(layer, layers.BatchNormalization)]
    names |= {"images": images, "labels": labels}
    parts = [{"counts": counts} for counts in counts_of(model)]
    table = (np.array(counts_of(model)) > 0).astype(int).tolist()  # as if every number that can move did
    moves = {"frozen": {"0.001": table, "0.0001": table}, "open": {"0.001": table, "0.0001": table}}
    start = model.get_weights()
    for step in range(1, 6):
        state = [step, blocks, batch_norm_frozen, step == forgotten]
        (lines,) = call(blank, "writeCode", [state])
        if step == 1:
            assert lines == ["model = keras.Model(pictures, head(backbone(pictures)))"]
            lines = ["model.compile(Adam(0.001), loss=…)", "model.fit(…)"] if forgotten == 3 else []
        script = "\n".join(lines).replace("loss=…", "loss='binary_crossentropy', jit_compile=False")
        before = freezing.snapshot(model)
        exec(script.replace("fit(…)", "fit(images, labels, batch_size=8, shuffle=False, verbose=0)"), names)
        if step in (3, 5):
            moved = by_slot(freezing.changes(model, before), max)
            np.testing.assert_array_equal(moving(call(blank, "listMoves", [[parts, moves, *state]])[0]), moving(moved))
        model.set_weights(start)
        assert call(blank, "listTrainable", [[parts, *state[:3]]]) == [trainable_of(model)]


def test_a_forgotten_compile_moves_the_head_of_the_packaged_base_alone_and_as_far(show):
    base, model = packaged_model()
    images, labels = draw_pictures()
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
    page = show(Freezing(asked=False))  # it opens on a forgotten compile
    said = moves_said(page, {"step": 5, "compile_forgotten": True})
    np.testing.assert_array_equal(moving(moved), [[False] * 3] * BLOCKS + [[True, False, False]])
    np.testing.assert_allclose(said, moved, rtol=0.06)
    verdict = "The head moves. 150,352 trainable weights stay. Without compile, fit goes on as built in step 3."
    assert page.locator(".cb-verdict").inner_text() == verdict


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"step": 6}, "step is 6; give 1 to 5. Fine-tuning has five steps"),
        ({"unfrozen_blocks": 5}, "unfrozen_blocks is 5; this base has 4 blocks: give 0 to 4"),
        ({"guess": 32}, "guess is 32; give 0 to 31. The model has five parts"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    figure_pages.assert_refused(Freezing, changes, remedy)


# ---- what a reader sees and does -------------------------------------------------------------------------------------


def test_each_control_that_is_shown_changes_something_and_one_that_is_not_would_change_nothing(blank):
    figure = Freezing()
    states = list(itertools.product(range(1, 6), range(BLOCKS + 1), (True, False), (True, False)))
    given = [[figure._parts, figure._moves, *state] for state in states]
    trainable = call(blank, "listTrainable", [[figure._parts, *state[:3]] for state in states])
    outcome = dict(zip(states, zip(trainable, call(blank, "listMoves", given), strict=True), strict=True))
    for place, name in enumerate(NAMES[1:], start=1):
        has_choice = call(blank, "hasChoice", [[name, step] for step in range(1, 6)])
        for state in states:
            others = [(*state[:place], value, *state[place + 1 :]) for value in range(BLOCKS + 1)]
            others = others if name == "unfrozen_blocks" else others[:2]  # False and True are 0 and 1
            changes = any(outcome[other] != outcome[state] for other in others)
            assert changes == has_choice[state[0] - 1], (name, state)


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ({"step": 1}, "Step 3 trains, so nothing moves here. Trainable: all parts."),
        ({"step": 4, "unfrozen_blocks": 1}, "Step 5 trains, so nothing moves here. Trainable: block4 and the head."),
        ({"step": 3, "batch_norm_frozen": False}, "All parts move. 2,272 move that are not trainable."),
        (
            {"step": 3, "compile_forgotten": True},
            "All parts move. 154,896 move that are not trainable. Without compile",
        ),
        (
            {"step": 5, "unfrozen_blocks": 2},
            "Block3, block4 and the head move. What is trainable moves, and nothing else.",
        ),
    ],
    ids=str,
)
def test_the_diagram_and_the_totals_show_these_numbers(show, state, verdict):
    figure = Freezing(**START | state, asked=False)
    page = show(figure)
    page.locator("summary").click()
    counts = [part["counts"] for part in figure._parts]
    (trainable,) = call(page, "listTrainable", [[figure._parts, *list((START | state).values())[:3]]])
    moves = moves_said(page, state)
    for row, kind in itertools.product(range(BLOCKS + 1), range(3)):
        cell = cells(page)[row][kind]
        if not counts[row][kind]:
            assert cell == "–"
            continue
        word = "trainable" if trainable[row][kind] else "frozen"
        fate = "moves" if moves and moves[row][kind] else "stays" if trainable[row][kind] else "frozen"
        said = f"{figure._parts[row]['name']}: {counts[row][kind]:,} {word}"
        assert cell == (f"{said}, {fate}" if moves else said)
    listed = np.sum(counts, where=np.array(trainable, bool))
    said = page.locator(".cb-behind p").first.inner_text()
    assert said.startswith(f"Trainable are {listed:,} of {np.sum(counts):,} weights")
    if moves:
        assert f"one step moves parts with {np.sum(counts, where=moving(moves)):,} weights." in said
        distances = [float(number) for number in re.findall(r" (\d\.\d+)", said)]
        assert distances == [moves[n][kind] for kind in range(3) for n in range(BLOCKS + 1) if moves[n][kind]]
    assert page.locator(".cb-verdict").inner_text().startswith(verdict)


def test_a_move_is_written_with_two_digits(blank):
    moves = [0.001, 0.0001, 0.0039, 0.038, 0.000062, 1.3, 12.0]
    texts = call(blank, "writeMove", [[move] for move in moves])
    assert texts == ["0.001", "0.0001", "0.0039", "0.038", "0.000062", "1.3", "12"]


def test_areas_are_in_proportion_to_the_weights(show):
    page = show(Freezing())
    squares = page.locator(".cb-row").nth(1).locator(".cb-square").all()
    sides = [square.bounding_box()["width"] for square in squares]
    weights = [5040, 9056, 34496, 101760, 16513]
    np.testing.assert_allclose(np.square(sides) / sides[3] ** 2, np.array(weights) / weights[3], rtol=0.03)


SIZES = {"wide": WIDE, "column": COLUMN, "phone": PHONE, "narrow": NARROW, "narrowest": {"width": 320, "height": 700}}


@pytest.mark.parametrize("size", SIZES)
def test_no_text_leaves_its_box_and_no_step_changes_the_height(show, size):
    page = show(Freezing(batch_norm_frozen=False, guess=15), size=SIZES[size])
    outside = """() => [...document.querySelectorAll(".cb-slot, .cb-taps button, .cb-steps button, .cb-options label")]
      .filter((box) => {
        const text = document.createRange();
        text.selectNodeContents(box);
        return text.getBoundingClientRect().right > box.getBoundingClientRect().right + 1;
      }).map((box) => box.innerText)"""
    heights = [page.locator(".convbook-figure").bounding_box()["height"]]
    page.get_by_role("button", name="Show what moved").click()
    for step in (5, 4, 3, 2, 1):
        page.locator(".cb-steps button").nth(step - 1).click()
        page.locator(".cb-steps [aria-checked=true]").get_by_text(str(step), exact=True).wait_for()
        assert page.evaluate(outside) == []
        heights.append(page.locator(".convbook-figure").bounding_box()["height"])
    assert len(set(heights)) == 1


def test_a_reader_guesses_sees_what_moved_and_walks_the_steps_by_keyboard(show):
    page = show(Freezing())
    assert page.locator(".cb-word").all_inner_texts()[:5] == ["trainable"] * 5
    assert "moves" not in " ".join(page.locator(".cb-word").all_inner_texts())
    page.get_by_role("checkbox", name="block4").press("Space")
    page.get_by_role("checkbox", name="head").press("Space")
    page.get_by_role("button", name="Show what moved").press("Enter")
    figure_pages.wait_for_speech(page, "The head moves; you said block4 and the head.")
    assert page.locator(".cb-word").all_inner_texts()[:5] == [*["stays"] * 4, "moves"]
    page.get_by_role("button", name="Full screen").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    for step in range(2, 6):
        page.keyboard.press("ArrowRight")
        page.locator(".cb-steps [aria-checked=true]").get_by_text(str(step), exact=True).wait_for()
    page.keyboard.press("ArrowRight")  # there is no sixth
    page.get_by_label("Forgot to compile").press("Space")
    page.get_by_label("Unfrozen blocks").press("ArrowLeft")
    page.get_by_label("Batch normalization stays frozen").press("Space")
    figure_pages.wait_for_speech(page, "All parts move. 2,272 move that are not trainable.")
    said = figure_pages.spoken(page)
    assert said.startswith("Step 5 of 5, train both at a low rate. ")
    assert "kernels and biases: block2 " in said


def test_a_right_guess_is_said_to_be_right_and_the_figure_asks_again(show):
    page = show(Freezing(guess=16))
    page.get_by_role("button", name="Show what moved").click()
    page.get_by_text("The head moves, as you said.").wait_for()
    page.get_by_role("button", name="Ask me again").click()
    page.get_by_text("What does one step of fit move?").wait_for()
    assert page.locator(".cb-taps [aria-checked=true]").count() == 0


def test_a_control_that_does_nothing_is_not_to_be_seen_nor_reached(show):
    page = show(Freezing(asked=False))
    for step, shown in ((1, 0), (2, 1), (3, 2), (4, 2), (5, 3)):
        page.locator(".cb-steps button").nth(step - 1).click()
        page.locator(".cb-steps [aria-checked=true]").get_by_text(str(step), exact=True).wait_for()
        inputs = page.locator(".cb-options input")
        assert sum(field.is_visible() for field in inputs.all()) == shown
        assert inputs.and_(page.locator(":enabled")).count() == shown
        assert page.get_by_role("button", name="Ask me again").is_visible() == (step in (3, 5))
