"""The figure of training curves: its numbers in Python and in the browser, and what a reader sees and does."""

import itertools
import json
import math
import re

import numpy as np
import pytest
import test_figures
import traitlets
from axe_playwright_python.sync_playwright import Axe
from ipywidgets import FloatSlider, IntSlider, link
from visits import PHONE, WIDE

from convbook.figures import TrainingCurves, training_curves
from convbook.figures.training_curves import (
    PARTS,
    describe,
    find_limit,
    format_gap,
    format_value,
    lowest_epoch,
    mark_shape,
    nice_step,
    plan_axis,
    plan_epochs,
    plan_figure_axis,
    smooth,
    write_epochs,
    write_lowest,
    write_not_finite,
    write_off_scale,
    write_reading,
    write_smoothing,
)

show = test_figures.show  # the fixture

NAN, INF = math.nan, math.inf
RNG = np.random.default_rng(3)


def history(loss, val_loss, accuracy=None, val_accuracy=None):
    """A history; without an accuracy one that falls as its loss rises."""
    accuracy = [0.5] * len(loss) if accuracy is None else accuracy
    return {
        "loss": loss,
        "val_loss": val_loss,
        "accuracy": accuracy,
        "val_accuracy": accuracy if val_accuracy is None else val_accuracy,
    }


def noisy(epochs, seed=0, turn=8.0):
    """A run that overfits, with noise: validation loss falls until about the turn, and rises after it."""
    rng = np.random.default_rng(seed)
    steps = np.arange(epochs)
    loss = 1.5 * np.exp(-steps / 6) + 0.01
    val_loss = 0.6 + 0.004 * (steps - turn) ** 2 + rng.normal(0, 0.03, epochs)
    accuracy, val_accuracy = 1 - 0.5 * np.exp(-steps / 5), 0.8 - 0.3 * np.exp(-steps / 4) + rng.normal(0, 0.01, epochs)
    return history(*(values.tolist() for values in (loss, val_loss, accuracy, val_accuracy)))


OVERFIT = noisy(30)
SHORT = noisy(12, seed=1, turn=20)
DIVERGED = history(
    [0.7, 0.9, 40.0, 2e6, INF, NAN, NAN, NAN], [0.7, 1.1, 3e3, INF, NAN, 0.9, NAN, NAN], [0.5] * 8, [0.4] * 8
)
SMALL = history([0.9, 0.4, 0.1], [0.8, 0.6, 0.7], [0.5, 0.8, 1.0], [0.5, 0.7, 0.75])
ONE_EPOCH = history([0.69], [0.7], [0.5], [0.25])
# Runs, sizes, gaps, outliers and choices that differ in every part.
STATES = [
    {"runs": {"small": SMALL}},
    {"runs": {"A": OVERFIT, "B": SHORT}, "metric": "loss", "smoothing": 0.8, "epoch": 20},
    {"runs": {"A": OVERFIT, "B": DIVERGED, "C": SHORT}, "metric": "loss", "epoch": 3, "smoothing": 0.33},
    {"runs": {"A": OVERFIT, "B": DIVERGED, "C": SHORT}, "metric": "loss", "scale": "log", "epoch": 4},
    {"runs": {"A": DIVERGED, "B": SHORT}, "metric": "loss", "shown": ["A"], "epoch": 6, "smoothing": 0.95},
    {"runs": {"A": OVERFIT, "B": SHORT}, "validation": False, "marks": False, "smoothing": 0.5},
    {"runs": {"A": OVERFIT, "B": SHORT}, "metric": "loss", "training": False, "epoch": 13},
    {"runs": {"one": ONE_EPOCH}, "metric": "loss", "smoothing": 0.9},
    {"runs": {"zero": history([0.5, 0.0, -0.1], [1.0, 1.0, 1.0])}, "metric": "loss", "scale": "log"},
    {"runs": {"lost": history([NAN, NAN], [NAN, INF])}, "metric": "loss"},
    {"runs": {"A": OVERFIT, "B": SHORT}, "shown": []},
    {"runs": {"A": OVERFIT, "B": SHORT}, "training": False, "validation": False},
]


def call(page, function, calls):
    """What a function that the figure's module exports gives for each list of arguments."""
    script = """async ([source, name, calls]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const call = (await import(url))[name];
      return calls.map((values) => call(...values));
    }"""
    return page.evaluate(script, [str(TrainingCurves._esm), function, calls])


def listed(values):
    """A curve as the JavaScript has it: None for a gap."""
    return [float(value) if math.isfinite(value) else None for value in values]


def table(page):
    """What the legend shows: {run: [training, validation, gap, lowest]}, the raw numbers' texts."""
    rows = {}
    for row in page.locator(".cb-runs tbody tr").all():
        cells = [cell.inner_text().split("\n")[0].strip() for cell in row.locator("td").all()]
        rows[row.locator(".cb-name").inner_text()] = cells
    return rows


def wait_for_epoch(page, epoch):
    page.locator(".cb-runs thead").get_by_text(f"At epoch {epoch}", exact=True).wait_for()


def slide(page, value):
    page.get_by_role("slider", name="Smoothing").fill(str(value))


def notes(page):
    return [text for text in page.locator(".cb-notes p").all_inner_texts() if text]


def drawn_values(page, path):
    """The numbers that a path of the chart stands for, read back by the places of the axes' ticks: {epoch: value}."""
    facts = page.evaluate(
        """(path) => {
          const number = (text) => Number(text.textContent.replace("−", "-"));
          const middle = (line) => Number(line.getAttribute("d").match(/ ([-\\d.]+)H/)[1]);
          const [lines, texts] = ["path", "text"].map((tag) => [...document.querySelectorAll(`.cb-grid ${tag}`)]);
          const y = lines.map((line, n) => [middle(line), number(texts[n])]);
          const x = texts.slice(lines.length, -1).map((text) => [Number(text.getAttribute("x")), number(text)]);
          return { x, y, d: document.querySelector(path).getAttribute("d") };
        }""",
        path,
    )
    (x0, epoch0), (x1, epoch1) = facts["x"][0], facts["x"][-1]
    (y0, value0), (y1, value1) = facts["y"][0], facts["y"][-1]
    places = re.findall(r"[ML]([-\d.]+) ([-\d.]+)", facts["d"])
    return {
        round(epoch0 + (float(x) - x0) / (x1 - x0) * (epoch1 - epoch0)): value0
        + (float(y) - y0) / (y1 - y0) * (value1 - value0)
        for x, y in places
    }


# ---- Python's side -------------------------------------------------------------------------------------------------


def test_smoothing_gives_the_numbers_computed_by_hand():
    # 8; (0.5·8 + 2) / 1.5 = 4; (0.25·8 + 0.5·2 + 4) / 1.75 = 4
    assert smooth([8, 2, 4], 0.5).tolist() == [8, 4, 4]
    assert smooth([3, 1, 2], 0).tolist() == [3, 1, 2]
    np.testing.assert_array_equal(smooth([8, NAN, 2, INF], 0.5), [8, NAN, 4, NAN])


@pytest.mark.parametrize("smoothing", [0.0, 0.3, 0.9, 0.95])
def test_smoothing_is_the_mean_with_weights_that_fall_by_its_power(smoothing):
    values = RNG.normal(size=40)
    values[[5, 6, 30]] = NAN
    smoothed = smooth(values, smoothing)
    for epoch in range(40):
        seen = values[: epoch + 1][np.isfinite(values[: epoch + 1])]
        weights = [smoothing ** (len(seen) - 1 - place) for place in range(len(seen))]
        expected = np.average(seen, weights=weights) if np.isfinite(values[epoch]) else NAN
        assert smoothed[epoch] == pytest.approx(expected, nan_ok=True)


def test_smoothing_starts_at_the_first_value_and_moves_a_valley_to_the_right():
    valley = np.abs(np.arange(40) - 15.0) + 1
    epochs = [lowest_epoch(smooth(valley, smoothing)) for smoothing in (0, 0.5, 0.8, 0.95)]
    assert epochs[0] == 16
    assert epochs == sorted(epochs)
    assert epochs[-1] > epochs[2] > epochs[0]
    assert smooth(valley, 0.95)[0] == valley[0]


def test_marks_go_by_raw_numbers_before_rounding_and_never_by_smoothed_ones():
    run = history([0.9] * 4, [0.5, 0.500004, 0.499996, 0.6])  # 0.5000 three times, once rounded
    figure = TrainingCurves({"A": run}, metric="loss", smoothing=0.9)
    assert figure.lowest_epochs == {"A": 3}
    assert TrainingCurves({"A": run}).lowest_epochs == {"A": 3}  # on the chart of the accuracy too
    spike = TrainingCurves({"A": noisy(30), "B": DIVERGED}, smoothing=0.95)
    assert spike.lowest_epochs == {"A": int(np.argmin(OVERFIT["val_loss"])) + 1, "B": 1}


def test_gap_is_above_zero_where_validation_is_worse():
    assert TrainingCurves({"A": SMALL}).reading() == {"A": (1.0, 0.75, 0.25)}
    _, _, gap = TrainingCurves({"A": SMALL}, metric="loss").reading()["A"]
    assert gap == pytest.approx(0.6)


def test_reading_says_what_is_missing():
    figure = TrainingCurves({"A": OVERFIT, "B": SHORT, "C": DIVERGED}, metric="loss", epoch=6)
    assert figure.reading()["C"] == (None, 0.9, None)
    figure.epoch = 20
    assert figure.reading()["B"] == (None, None, None)
    assert "B: ended after epoch 12." in describe(figure)
    figure.epoch = 6
    assert "C: training not finite, validation 0.900." in describe(figure)
    assert "C, training: epochs 5–8; C, validation: epochs 4–5, 7–8." in describe(figure)


def test_description_tells_where_smoothing_moves_the_minimum():
    figure = TrainingCurves({"A": history([1.0] * 5, [4.0, 2.0, 1.0, 2.0, 3.0])}, metric="loss", smoothing=0.5)
    # smoothed: 4, 2.667, 1.714, 1.867, 2.452
    assert "looks back 1 epoch on average" in write_smoothing(figure)
    assert write_smoothing(figure).endswith("A stays at 3.")
    figure.smoothing = 0.8  # 4, 2.889, 2.115, 2.076, 2.351
    assert "looks back 4 epochs" in write_smoothing(figure)
    assert write_smoothing(figure).endswith("A from 3 to 4.")
    spike = history([1.0] * 6, [4.0, 1.0, 1.0, 1.0, 3.0, 0.9])
    figure.runs = {"A": spike}
    assert write_smoothing(figure).endswith("A from 6 to 4 (epoch 6 is low by itself).")


def test_hidden_marks_are_not_told_in_words_either():
    figure = TrainingCurves({"A": OVERFIT}, metric="loss", smoothing=0.9, marks=False)
    assert "owest" not in describe(figure)
    assert "owest" not in figure.draw_still()


def test_default_epoch_is_the_last_that_all_shown_runs_have():
    runs = {"A": OVERFIT, "B": SHORT}
    assert TrainingCurves(runs).epoch == 12
    assert TrainingCurves(runs, shown=["A"]).epoch == 30
    assert TrainingCurves(runs, shown="A").shown == ["A"]


def test_keras_history_is_taken_as_it_comes():
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    inputs, labels = RNG.random((8, 3)), np.arange(8) % 2
    given = model.fit(inputs, labels, validation_data=(inputs, labels), epochs=3, verbose=0)
    figure = TrainingCurves({"tiny": given}, metric="loss")
    np.testing.assert_allclose(figure.curve("tiny", "validation"), given.history["val_loss"], rtol=5e-4)
    assert figure.epochs == 3


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"runs": {}}, "There are 0 runs.*a name"),
        ({"runs": {f"run {n}": SMALL for n in range(7)}}, "7 runs; the figure compares 1 to 6"),
        ({"runs": SMALL}, "give it a name"),
        ({"runs": [SMALL]}, "is a list; give a dictionary"),
        ({"runs": {"A": [0.3, 0.2]}}, "'A' is a list; give what model.fit returned"),
        ({"runs": {"A": {key: SMALL[key] for key in ("loss", "accuracy")}}}, "val_.*validation_data=…"),
        ({"runs": {"A": {key: SMALL[key] for key in ("loss", "val_loss")}}}, r"metrics=\['accuracy'\]"),
        ({"runs": {"A": SMALL | {"val_loss": [0.3]}}}, "unequal length.*val_loss 1"),
        ({"runs": {"A": history([], [], [], [])}}, "0 epochs"),
        ({"runs": {"A": history([1.0] * 1001, [1.0] * 1001)}}, r"numbers\[:1000\]"),
        ({"runs": {"A": SMALL | {"loss": ["a", "b", "c"]}}}, "loss of run 'A' is .*list of numbers"),
        ({"runs": {"A": SMALL | {"loss": [None, 1.0, 2.0]}}}, "list of numbers"),
        ({"runs": {"A": SMALL | {"loss": [[1.0], [1.0, 2.0], 3.0]}}}, "list of numbers"),
        ({"runs": {"A": SMALL | {"loss": 0.3}}}, "list of numbers"),
        ({"runs": {"A": SMALL | {"accuracy": [50, 80, 100]}}}, "divide per cent by 100"),
        ({"runs": {" ": SMALL}}, "1 to 40 letters"),
        ({"runs": {3: SMALL}}, "1 to 40 letters"),
        ({"runs": {"a" * 41: SMALL}}, "1 to 40 letters"),
        ({"metric": "auc"}, "'accuracy' or 'loss'"),
        ({"scale": "square"}, "'linear' or 'log'"),
        ({"smoothing": 0.96}, "0 .none. to 0.95"),
        ({"smoothing": NAN}, "0 .none. to 0.95"),
        ({"epoch": 0}, "give 1 to 3"),
        ({"epoch": 4}, "give 1 to 3"),
        ({"shown": ["B"]}, "no run 'B' to show; there are: small"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_raises_and_names_the_remedy(changes, remedy):
    with pytest.raises(ValueError, match=remedy):
        TrainingCurves(**{"runs": {"small": SMALL}, **changes})
    figure = TrainingCurves({"small": SMALL})
    ((name, value),) = changes.items()
    with pytest.raises(traitlets.TraitError, match=remedy):
        setattr(figure, name, value)
    assert figure.epochs == 3


def test_other_runs_keep_what_still_fits():
    figure = TrainingCurves({"A": OVERFIT, "B": SHORT}, shown=["B"], epoch=12)
    figure.runs = {"B": SMALL, "C": SMALL}
    assert (figure.shown, figure.epoch) == (["B"], 3)
    figure.runs = {"D": OVERFIT}
    assert (figure.shown, figure.epoch) == (["D"], 3)


def test_axis_has_few_round_ticks_that_hold_all_values():
    assert plan_axis([0.62, 0.97], "accuracy")["labels"] == ["0.6", "0.7", "0.8", "0.9", "1.0"]
    assert plan_axis([0.5, 0.5], "accuracy")["ticks"] == pytest.approx([0.44, 0.46, 0.48, 0.5, 0.52, 0.54, 0.56])
    assert plan_axis([0.05, 2.31], "loss")["labels"] == ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]
    assert plan_axis([], "loss")["ticks"][0] == 0
    for _ in range(200):
        values = (10 ** RNG.uniform(-6, 6) * RNG.random(5)).tolist()
        for scale in ("linear", "log"):
            axis = plan_axis(values, "loss", scale)
            assert axis["low"] <= min(values) * (1 + 1e-6)
            assert max(values) <= axis["high"] * (1 + 1e-6)
            assert 3 <= len(axis["ticks"]) <= 10 or scale == "log"
            assert len(set(axis["labels"])) == len(axis["ticks"]) >= 2
        shares = RNG.uniform(0, 1, 4).tolist()
        axis = plan_axis(shares, "accuracy")
        assert 0 <= axis["low"] <= min(shares) <= max(shares) <= axis["high"] <= 1


def test_one_outlier_does_not_flatten_the_other_values():
    figure = TrainingCurves({"A": history([0.7, 0.6, 0.5, 0.4], [0.7, 0.65, 900.0, 0.6])}, metric="loss")
    axis = plan_figure_axis(figure)
    assert axis["high"] == pytest.approx(0.7)
    assert write_off_scale(figure) == "Off the scale: ▲ A, validation, 1 value up to 900.0."
    figure.scale = "log"
    assert plan_figure_axis(figure)["high"] == 1000
    assert write_off_scale(figure) == ""


def test_overfitting_is_never_left_off_the_scale():
    rising = np.linspace(0.7, 5, 30).tolist()
    figure = TrainingCurves({"A": history(np.geomspace(0.7, 1e-4, 30).tolist(), rising)}, metric="loss")
    assert plan_figure_axis(figure)["high"] == 5
    figure.validation = False
    assert write_off_scale(figure) == ""


def test_colours_are_told_apart_by_readers_with_any_kind_of_colour_blindness():
    """Distances in CIELAB as seen with each deficiency, by the matrices of Machado, Oliveira and Fernandes (2009)."""
    seen = [
        np.eye(3),
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ]
    colors = re.findall(r"--color-\d: (#\w{6});", TrainingCurves._css)
    palettes = colors[:6], colors[6:]
    assert palettes[0] == list(training_curves.COLORS)
    for palette in palettes:
        assert len(palette) == 6
        for matrix, (one, other) in itertools.product(seen, itertools.combinations(palette, 2)):
            assert np.linalg.norm(lab(matrix @ linear(one)) - lab(matrix @ linear(other))) > 12, (one, other)


def linear(color):
    """A colour #rrggbb as linear red, green and blue."""
    share = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def lab(color):
    """Linear red, green and blue as CIELAB."""
    matrix = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    x, y, z = np.cbrt(matrix @ np.clip(color, 0.001, 1) / [0.95047, 1, 1.08883])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_state_is_json_and_rounded():
    figure = TrainingCurves({"A": DIVERGED | {"loss": [1 / 3, 123456.7, *DIVERGED["loss"][2:]]}})
    (run,) = json.loads(json.dumps(figure.state(), allow_nan=False))["_curves"]
    assert run["loss"] == [0.3333, 123500.0, 40.0, 2e6, None, None, None, None]
    assert sorted(figure.state()) == sorted(
        ["_curves", "epoch", "marks", "metric", "scale", "shown", "smoothing", "training", "validation"]
    )


def test_html_is_the_same_for_the_same_state_and_stays_small():
    runs = {f"run {n}": noisy(60, seed=n) for n in range(6)}
    first, second = (TrainingCurves(runs).to_html() for _ in range(2))
    assert first == second
    assert len(first.encode()) <= 90_000
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|\brequire\b|<link|\bsrc=", first)


def test_controls_are_linked_to_the_traits():
    figure = TrainingCurves({"A": OVERFIT})
    epoch, smoothing = IntSlider(min=1, max=30), FloatSlider(max=0.95)
    link((figure, "epoch"), (epoch, "value"))
    link((figure, "smoothing"), (smoothing, "value"))
    epoch.value, smoothing.value = 4, 0.5
    assert (figure.epoch, figure.smoothing) == (4, 0.5)
    figure.set_state({"epoch": 7, "shown": [], "metric": "loss"})
    assert (figure.epoch, figure.shown, figure.metric) == (7, [], "loss")


# ---- one mathematics in two languages ------------------------------------------------------------------------------


def test_mathematics_gives_the_same_numbers_in_python_and_in_the_browser(show):
    page = show(TrainingCurves({"A": SMALL}))
    curves = [*OVERFIT.values(), *SHORT.values(), *DIVERGED.values(), [5.0], [NAN, 2.0]]
    smoothings = [0, 0.01, 0.33, 0.8, 0.95]
    pairs = list(itertools.product(curves, smoothings))
    smoothed = call(page, "smooth", [[listed(values), smoothing] for values, smoothing in pairs])
    assert smoothed == [listed(smooth(values, smoothing)) for values, smoothing in pairs]  # to the last bit
    finite = [listed(values) for values in curves]
    assert call(page, "lowestEpoch", [[values] for values in finite]) == [lowest_epoch(values) for values in curves]
    losses = [[value for value in values if value is not None] for values in finite]
    limits = call(page, "findLimit", [[values, values[:2]] for values in losses])
    assert limits == [find_limit(values, values[:2]) for values in losses]


def test_axes_are_the_same_in_python_and_in_the_browser(show):
    page = show(TrainingCurves({"A": SMALL}))
    numbers = [0.0, 1e-9, 0.001, 0.02, 0.1, 0.5, 0.999, 1.0, 2.0, 7.3, 1000.0, 123456.0, 1e12, -0.4]
    lists = [list(pair) for pair in itertools.combinations(numbers, 2)] + [[number] for number in numbers]
    lists += RNG.lognormal(0, 4, (60, 4)).tolist()
    calls = [[values, "loss", scale] for values in lists for scale in ("linear", "log")]
    calls += [[values, "accuracy"] for values in RNG.uniform(0, 1, (40, 3)).round(3).tolist()]
    calls += [[[0.5, 1.0, 900.0], "loss", "linear", 10]]
    assert call(page, "planAxis", calls) == [plan_axis(*values) for values in calls]
    steps = [[value] for value in (0.07, 1.0, 1.0000001, 2, 21, 1e-7, 0.02, 0.05, 3e9)]
    assert call(page, "niceStep", steps) == [nice_step(*values) for values in steps]
    epochs = [[epochs, room] for epochs in (1, 2, 7, 12, 30, 40, 100, 999, 1000) for room in (3, 6.5, 10, 17)]
    assert call(page, "planEpochs", epochs) == [plan_epochs(*values) for values in epochs]


def test_numbers_are_written_alike_in_python_and_in_the_browser(show):
    page = show(TrainingCurves({"A": SMALL}))
    numbers = [0, 0.0005, 0.125, 0.0625, 0.01234, 0.09999, 1.0005, 2.345, 9.9996, 45.678, 123.45, 9999.5, 99999.9]
    numbers += [123456.0, 1.5e300, 0.000999, 1e-4, 1.234e-5, 5e-300, -0.25, -0.0001, -3e7]
    numbers += [float(f"{number:.4g}") for number in RNG.lognormal(0, 6, 200)]
    calls = [[number, "loss"] for number in numbers] + [[number, "accuracy"] for number in (0, 0.0625, 0.5005, 1)]
    assert call(page, "formatValue", calls) == [format_value(*values) for values in calls]
    pairs = [(one, other, "loss") for one, other in itertools.pairwise(numbers)]
    pairs += [(0.5, 0.5, "accuracy"), (0.3, 0.1 + 0.2, "accuracy"), (0.9, 0.95, "accuracy"), (2.305, 2.309, "loss")]
    assert call(page, "formatGap", [list(pair) for pair in pairs]) == [format_gap(*pair) for pair in pairs]
    epochs = [[3], [1, 2], [1, 3], [1, 2, 3, 7, 9, 10]]
    assert call(page, "writeEpochs", [[values] for values in epochs]) == [write_epochs(values) for values in epochs]
    shapes = call(page, "markShape", [[index, 5] for index in range(6)])
    assert len(set(shapes)) == 6
    for shape, index in zip(shapes, range(6), strict=True):
        ours, theirs = (re.findall(r"-?[\d.]+", path) for path in (mark_shape(index, 5), shape))
        assert [float(number) for number in theirs] == pytest.approx([float(number) for number in ours])


@pytest.mark.parametrize("state", STATES, ids=range(len(STATES)))
def test_what_is_shown_is_what_python_says(show, state):
    figure = TrainingCurves(**state)
    page = show(figure)
    sentences = write_off_scale, write_not_finite, write_lowest, write_smoothing
    expected = [sentence for sentence in (write(figure) for write in sentences) if sentence]
    told = [text for text in notes(page) if "≈" not in text and not text.startswith("No ")]
    assert told == expected
    problem = [text for text in notes(page) if text.startswith("No ") and "chosen" in text]
    assert problem == ([write_reading(figure)] if not (figure.shown and figure.parts) else [])
    rows = table(page)
    assert list(rows) == list(state["runs"])
    for name, (training, validation, gap) in figure.reading().items():
        for value, text in zip((training, validation), rows[name], strict=False):
            assert value is None or text == format_value(value, figure.metric)
            assert value is not None or not text[0].isdigit()
        assert rows[name][2] == ("–" if gap is None else format_gap(training, validation, figure.metric))
    labels = page.locator(".cb-grid text").all_text_contents()
    assert labels[: len(plan_figure_axis(figure)["labels"])] == plan_figure_axis(figure)["labels"]
    curves = len(figure.shown) * len(figure.parts)
    assert page.locator(".cb-curve").count() == curves


# ---- what a reader sees --------------------------------------------------------------------------------------------


def test_curves_stand_at_their_numbers(show):
    figure = TrainingCurves({"A": OVERFIT, "B": SHORT}, metric="loss", smoothing=0.7)
    page = show(figure)
    span = plan_figure_axis(figure)["high"] - plan_figure_axis(figure)["low"]
    for name, index in (("A", 0), ("B", 1)):
        for part in PARTS:
            curve = f'.cb-curve.cb-{part}[data-color="{index}"]'
            raw = drawn_values(page, f"{curve} .cb-raw")
            smoothed = drawn_values(page, f"{curve} path:not(.cb-raw)")
            assert list(raw) == list(range(1, len(figure.curve(name, part)) + 1))
            np.testing.assert_allclose(list(raw.values()), figure.curve(name, part), atol=0.002 * span)
            np.testing.assert_allclose(list(smoothed.values()), figure.smoothed(name, part), atol=0.002 * span)


def test_gaps_interrupt_the_curve_and_a_lone_value_is_a_dot(show):
    run = history([0.9, NAN, 0.5, NAN, 0.4, 0.3], [0.9] * 6)
    page = show(TrainingCurves({"A": run}, metric="loss"))
    path = page.locator(".cb-curve.cb-training path").get_attribute("d")
    assert [len(re.findall("[ML]", piece)) for piece in path.split("M")[1:]] == [0, 0, 1]
    assert path.count("h.01") == 2
    assert list(drawn_values(page, ".cb-curve.cb-training path")) == [1, 3, 5, 6]


def test_marks_stand_on_the_raw_curve_at_the_lowest_validation_loss(show):
    figure = TrainingCurves({"A": OVERFIT, "B": SHORT}, metric="loss", smoothing=0.9)
    page = show(figure)
    for n, name in enumerate(("A", "B")):
        mark = page.locator(".cb-mark").nth(n).get_attribute("transform")
        x, y = map(float, re.findall(r"[-\d.]+", mark))
        raw = page.locator(f'.cb-curve.cb-validation[data-color="{n}"] .cb-raw').get_attribute("d")
        places = [tuple(map(float, place)) for place in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", raw)]
        assert (x, y) == pytest.approx(places[figure.lowest_epochs[name] - 1], abs=0.1)
        assert (
            y == max(y for _, y in places) or figure.lowest_epochs[name] == int(np.argmax([y for _, y in places])) + 1
        )
        assert table(page)[name][3] == f"epoch {figure.lowest_epochs[name]}"


def test_marks_can_be_hidden_for_who_is_to_find_them(show):
    page = show(TrainingCurves({"A": OVERFIT, "B": SHORT}, metric="loss", smoothing=0.5, marks=False))
    assert page.locator(".cb-mark, .cb-drop, .cb-runs button:visible").count() == 0
    assert "owest" not in page.locator(".convbook-figure").inner_text()


def test_single_run_has_a_colour_for_training_and_one_for_validation(show):
    one, two = show(TrainingCurves({"A": OVERFIT})), show(TrainingCurves({"A": OVERFIT, "B": SHORT}))
    colors = "(curves) => curves.map((curve) => getComputedStyle(curve).stroke)"
    dashes = "(curves) => curves.map((curve) => getComputedStyle(curve).strokeDasharray)"
    assert len(set(one.locator(".cb-curve").evaluate_all(colors))) == 2
    assert len(set(two.locator(".cb-curve").evaluate_all(colors))) == 2
    assert one.locator(".cb-curve").evaluate_all(dashes) == ["none", "7px, 5px"]
    assert two.locator(".cb-curve").evaluate_all(dashes) == ["none", "7px, 5px"] * 2
    assert one.locator(".cb-end").all_text_contents() == ["training", "validation"]


def test_raw_line_stays_faintly_behind_the_smoothed_one(show):
    page = show(TrainingCurves({"A": OVERFIT}))
    assert page.locator(".cb-raw").count() == 0
    slide(page, 0.9)
    page.locator(".cb-raw").first.wait_for(state="attached")
    opacity = page.locator(".cb-raw").first.evaluate("(path) => Number(getComputedStyle(path).opacity)")
    assert 0.2 < opacity < 0.6
    assert page.locator(".cb-runs td .cb-hint").first.inner_text().startswith("≈ ")


def test_names_at_the_ends_of_the_curves_do_not_cover_each_other(show):
    runs = {f"run {n}": noisy(20, seed=n) for n in range(6)}
    page = show(TrainingCurves(runs))
    boxes = [page.locator(".cb-end").nth(n).bounding_box() for n in range(6)]
    for one, other in itertools.combinations(boxes, 2):
        assert abs(one["y"] - other["y"]) > 12
    phone = show(TrainingCurves(runs), size=PHONE)
    assert phone.locator(".cb-end").count() == 0


# ---- what a reader does --------------------------------------------------------------------------------------------


def test_reader_chooses_metric_scale_runs_and_parts(show):
    figure = TrainingCurves({"A": OVERFIT, "B": SHORT, "C": DIVERGED})
    page = show(figure)
    assert page.get_by_label("Log scale").is_hidden()
    page.get_by_role("button", name="Loss", exact=True).click()
    page.get_by_text("loss (mean of the examples)").wait_for()
    assert page.get_by_role("button", name="Loss", exact=True).get_attribute("aria-pressed") == "true"
    assert page.get_by_role("button", name="Accuracy").get_attribute("aria-pressed") == "false"
    page.get_by_label("Log scale").check()
    page.locator(".cb-grid").get_by_text("10⁶").wait_for()
    page.get_by_role("checkbox", name="C", exact=True).uncheck()
    page.wait_for_function("document.querySelectorAll('.cb-curve').length === 4")
    assert table(page)["C"][:3] == ["–", "–", "–"]
    page.get_by_role("checkbox", name="Training").uncheck()
    page.wait_for_function("document.querySelectorAll('.cb-curve').length === 2")
    page.get_by_role("checkbox", name="Validation").uncheck()
    page.get_by_text("No curve is chosen: tick training or validation.").wait_for()
    page.get_by_role("checkbox", name="A", exact=True).uncheck()
    page.get_by_role("checkbox", name="B", exact=True).uncheck()
    page.get_by_text("No run is chosen: tick one.").wait_for()
    page.get_by_role("checkbox", name="B", exact=True).check()
    page.get_by_role("checkbox", name="Validation").check()
    page.wait_for_function("document.querySelectorAll('.cb-curve').length === 1")
    page.get_by_text("At epoch 8", exact=True).wait_for()  # C, the shortest, has 8


def test_cursor_stays_within_the_runs_that_are_shown(show):
    page = show(TrainingCurves({"A": OVERFIT, "B": SHORT}, epoch=25))
    wait_for_epoch(page, 25)
    page.get_by_role("checkbox", name="A", exact=True).uncheck()
    wait_for_epoch(page, 12)
    assert page.get_by_role("slider", name="Epoch").get_attribute("aria-valuemax") == "12"
    page.get_by_role("checkbox", name="A", exact=True).check()
    wait_for_epoch(page, 25)


def test_arrow_keys_walk_through_the_epochs_and_stop_at_the_ends(show):
    page = show(TrainingCurves({"A": OVERFIT}, epoch=10))
    page.get_by_role("slider", name="Epoch").focus()
    steps = [("ArrowLeft", 9), ("ArrowRight", 10), ("ArrowUp", 11), ("ArrowDown", 10), ("PageUp", 13), ("PageDown", 10)]
    steps += [("Shift+ArrowRight", 13), ("Home", 1), ("ArrowLeft", 1), ("End", 30), ("ArrowRight", 30)]
    for key, epoch in steps:
        page.keyboard.press(key)
        wait_for_epoch(page, epoch)
    assert page.get_by_role("slider", name="Epoch").get_attribute("aria-valuetext") == "epoch 30 of 30"


def test_pointer_drags_the_cursor_and_a_click_places_it(show):
    figure = TrainingCurves({"A": OVERFIT, "B": SHORT}, epoch=10)
    page = show(figure)
    box = page.locator(".cb-chart > svg").bounding_box()
    line = lambda: page.locator(".cb-line").bounding_box()["x"]  # noqa: E731
    first = line()
    page.get_by_role("slider", name="Epoch").press("End")
    wait_for_epoch(page, 30)
    step = (line() - first) / 20
    page.mouse.click(first - 4 * step + 0.3 * step, box["y"] + 60)
    wait_for_epoch(page, 6)
    page.mouse.move(first, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(first + 5 * step, box["y"] + 120, steps=4)
    page.mouse.move(first + 9 * step, box["y"] - 200, steps=4)
    wait_for_epoch(page, 19)
    page.mouse.move(first + 500 * step, box["y"], steps=2)
    wait_for_epoch(page, 30)
    page.mouse.up()
    page.mouse.move(first, box["y"] + 50)
    wait_for_epoch(page, 30)


def test_finger_drags_sideways_taps_and_still_scrolls_the_page(show):
    page = show(
        *(TrainingCurves({"A": OVERFIT}, epoch=5) for _ in range(3)), size=PHONE, has_touch=True, is_mobile=True
    )
    chart = page.locator(".cb-chart > svg").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    touch = page.context.new_cdp_session(page)

    def swipe(start, end):
        points = np.linspace(start, end, 9)
        for kind, places in (("touchStart", points[:1]), ("touchMove", points[1:])):
            for x, y in places:
                point = {"x": box["x"] + x, "y": box["y"] + y}
                touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    head = page.locator(".cb-runs thead").first
    scrolled = page.evaluate("scrollY")
    swipe((80, 80), (box["width"] - 8, 95))
    head.get_by_text("At epoch 30", exact=True).wait_for()
    assert page.evaluate("scrollY") == scrolled
    page.touchscreen.tap(box["x"] + 44, box["y"] + 60)
    head.get_by_text(re.compile("At epoch [12]$")).wait_for()
    before = head.inner_text()
    swipe((200, 200), (205, 20))
    page.wait_for_function(f"scrollY > {scrolled}")
    assert head.inner_text() == before


def test_button_goes_to_the_lowest_epoch(show):
    figure = TrainingCurves({"A": OVERFIT, "B": SHORT}, metric="loss")
    page = show(figure)
    for name, epoch in figure.lowest_epochs.items():
        page.get_by_role("button", name=f"the lowest validation loss of {name}").click()
        wait_for_epoch(page, epoch)


def test_every_control_is_reached_by_keyboard_with_a_visible_focus(show):
    page = show(TrainingCurves({"A": OVERFIT, "B": SHORT}, metric="loss"))
    name = """(() => { const element = document.activeElement;
        return element.ariaLabel ?? (element.labels?.length ? element.labels[0] : element).textContent; })()"""
    reached = []
    for _ in range(11):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(name))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", reached[-1]
    starts = ["Accuracy", "Loss", "Log scale", "Smoothing", "Epoch", "Training", "Validation"]
    starts += ["A", "Go to epoch", "B", "Go to epoch"]
    assert [text.startswith(start) for text, start in zip(reached, starts, strict=True)] == [True] * 11, reached


def test_what_was_read_off_is_spoken_once_the_cursor_rests(show):
    figure = TrainingCurves({"A": OVERFIT, "B": SHORT}, metric="loss", epoch=12)
    page = show(figure)
    spoken = page.locator(".cb-spoken")
    assert spoken.inner_text() == ""
    page.get_by_role("slider", name="Epoch").press("ArrowRight")
    figure.epoch = 13
    page.locator(".cb-spoken", has_text=write_reading(figure)).wait_for(state="attached")
    assert spoken.text_content() == write_reading(figure)
    slide(page, 0.8)
    figure.smoothing = 0.8
    page.locator(".cb-spoken", has_text=write_smoothing(figure)).wait_for(state="attached")
    page.get_by_role("button", name="Accuracy").click()
    page.locator(".cb-spoken", has_text="Accuracy, epoch 13 of 30.").wait_for(state="attached")


# ---- themes, phone, print ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [STATES[1], STATES[2], STATES[9]], ids=["smoothed", "diverged", "lost"])
def test_still_picture_says_what_the_live_figure_says(show, state):
    figure = TrainingCurves(**state)
    live, printed, without_script = show(figure), show(figure), show(figure, java_script_enabled=False)
    printed.emulate_media(media="print")
    for page in (printed, without_script):
        picture = page.locator(".convbook-still svg").first
        assert picture.is_visible()
        assert not page.locator(".convbook-live").is_visible()
        assert picture.get_attribute("aria-label") == describe(figure)
        text = " ".join(picture.locator("> text").all_text_contents())
        for sentence in [note for note in notes(live) if "≈" not in note]:
            assert sentence in text
        for label in plan_figure_axis(figure)["labels"]:
            assert label in picture.locator("g text").all_text_contents()


def test_still_curves_stand_where_the_live_ones_stand(show):
    figure = TrainingCurves({"A": OVERFIT, "B": SHORT}, metric="loss", smoothing=0.6)
    page = show(figure)
    live = [path_steps(path) for path in page.locator(".cb-curve path").all()]
    still = [path_steps(path) for path in page.locator(".convbook-still svg svg path").all()]
    assert len(live) == len(still) == 8
    scale = still[0].sum(axis=0) / live[0].sum(axis=0)
    for one, other in zip(still, live, strict=True):
        np.testing.assert_allclose(one.cumsum(axis=0), (other * scale).cumsum(axis=0), atol=20)  # tenths of a px


def path_steps(path):
    """From point to point of a path, (n, 2), whether its numbers are places or steps."""
    d = path.get_attribute("d")
    numbers = np.array([float(number) for number in re.findall(r"-?[\d.]+", d)]).reshape(-1, 2)
    return numbers[1:] if "l" in d else np.diff(numbers, axis=0)


@pytest.mark.parametrize(("theme", "size"), [("light", WIDE), ("dark", PHONE)], ids=["light", "dark"])
def test_axe_finds_nothing_serious(show, theme, size):
    page = show(*(TrainingCurves(**STATES[n]) for n in (0, 1, 2, 10)), theme=theme, size=size)
    assert page.locator(".convbook-figure").first.get_attribute("data-theme") == theme
    violations = Axe().run(page).response["violations"]
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []


def test_colours_follow_a_switch_of_the_theme(show):
    page = show(TrainingCurves({"A": OVERFIT}))
    color = lambda: page.locator(".cb-curve").first.evaluate("(curve) => getComputedStyle(curve).stroke")  # noqa: E731
    before = color()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.locator(".convbook-figure[data-theme=dark]").wait_for()
    assert color() != before


def test_nothing_is_wider_than_the_page_and_the_chart_follows_its_width(show):
    page = show(*(TrainingCurves(**state) for state in STATES))
    for width in (340, 390, 519, 700, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_function(
            """() => [...document.querySelectorAll(".cb-chart > svg")].every(
              (svg) => Math.abs(svg.viewBox.baseVal.width - svg.clientWidth) <= 1)"""
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_long_names_fit_on_every_screen(show):
    runs = {"a very long name, of forty letters or so": OVERFIT, "W" * 40: SHORT}
    page = show(TrainingCurves(runs, metric="loss", smoothing=0.5))
    for width, names in ((340, 0), (390, 0), (620, 2), (1280, 2)):
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_function(f"document.querySelectorAll('.cb-end').length === {names}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # Found and measured in one step: the next redraw after a new width replaces these texts.
        ends = page.evaluate(
            "[...document.querySelectorAll('.cb-end')].map((text) => "
            "text.getBBox().x + text.getBBox().width - text.ownerSVGElement.clientWidth)"
        )
        assert max(ends, default=0) <= 3
        if width == 620:
            assert page.locator(".cb-end").first.text_content().endswith("…")
