"""The figure of training curves: its numbers against NumPy, and what a reader sees and does."""

import functools
import itertools
import json
import math
import re

import figure_pages
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from scipy.spatial.distance import pdist
from skimage.color import rgb2xyz, xyz2lab
from skimage.color.colorconv import rgb_from_xyz, xyz_from_rgb
from visits import NEXT_FRAME, PHONE

from convbook.figures import TrainingCurves
from convbook.figures.training_curves import pack_runs

PARTS = {"training": "", "validation": "val_"}
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
LAST_IS_BEST = history([0.9, 0.5, 0.4], [0.9, 0.8, 0.7], [0.5, 0.6, 0.8], [0.4, 0.5, 0.6])
SMALL = history([0.9, 0.4, 0.1], [0.8, 0.6, 0.7], [0.5, 0.8, 1.0], [0.5, 0.7, 0.75])
ONE_EPOCH = history([0.69], [0.7], [0.5], [0.25])
# Runs, sizes, gaps, outliers and choices that differ in every part.
STATES = [
    {"runs": {"small": SMALL}},
    {"runs": {"A": OVERFIT, "B": SHORT}, "metric": "loss", "epoch": 20},
    {"runs": {"A": OVERFIT, "B": DIVERGED, "C": SHORT}, "metric": "loss", "epoch": 3},
    {"runs": {"A": DIVERGED, "B": SHORT}, "metric": "loss", "shown": ["A"], "epoch": 6},
    {"runs": {"A": OVERFIT, "B": SHORT}, "validation": False},
    {"runs": {"A": OVERFIT, "B": SHORT}, "metric": "loss", "shown": ["B"], "validation": False, "epoch": 12},
    {"runs": {"one": ONE_EPOCH}, "metric": "loss"},
    {"runs": {"lost": history([NAN, NAN], [NAN, INF])}, "metric": "loss"},
    {"runs": {"A": OVERFIT, "B": SHORT}, "shown": []},
]


call = functools.partial(figure_pages.call, TrainingCurves)


def best_epochs(figure):
    return {run["name"]: run["best"] for run in figure._curves}


def lines(page):
    """What is read off below the chart, and what it does not show."""
    return [text for text in page.locator(".cb-readings p").all_inner_texts() if text]


def verdict(page):
    return page.locator(".cb-verdict").inner_text()


def wait_for_epoch(page, epoch):
    page.locator(".cb-tag-text").get_by_text(f"epoch {epoch}", exact=True).wait_for()


def axis_labels(page):
    """The numbers beside the grid's lines, from below."""
    count = page.locator(".cb-axes path").count()
    return page.locator(".cb-axes text").all_text_contents()[:count]


def drawn_values(page, path):
    """The numbers that a path of the chart stands for, read back by the places of the axes' ticks: {epoch: value}."""
    facts = page.evaluate(
        """(path) => {
          const number = (text) => Number(text.textContent.replace("−", "-"));
          const middle = (line) => Number(line.getAttribute("d").match(/ ([-\\d.]+)H/)[1]);
          const [lines, texts] = ["path", "text"].map((tag) => [...document.querySelectorAll(`.cb-axes ${tag}`)]);
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


def test_best_epochs_are_found_before_rounding():
    run = history(
        [0.9] * 4, [0.5, 0.500004, 0.499996, 0.6], val_accuracy=[0.7, 0.700001, 0.700004, 0.6]
    )  # equal, rounded
    assert best_epochs(TrainingCurves({"A": run}, metric="loss")) == {"A": {"accuracy": 3, "loss": 3}}
    best = best_epochs(TrainingCurves({"A": OVERFIT, "B": DIVERGED, "C": history([NAN], [INF], [NAN], [NAN])}))
    lowest, highest = int(np.argmin(OVERFIT["val_loss"])) + 1, int(np.argmax(OVERFIT["val_accuracy"])) + 1
    assert best["A"] == {"accuracy": highest, "loss": lowest}
    assert best["B"] == {"accuracy": 1, "loss": 1}
    assert best["C"] == {"accuracy": None, "loss": None}


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
    (run,) = pack_runs({"tiny": given})
    np.testing.assert_allclose(run["val_loss"], given.history["val_loss"], rtol=5e-4)


@pytest.mark.parametrize(
    ("runs", "remedy"),
    [
        ({}, "There are 0 runs.*a name"),
        ({f"run {n}": SMALL for n in range(7)}, "7 runs; the figure compares 1 to 6"),
        (SMALL, "give it a name"),
        ([SMALL], "is a list; give a dictionary"),
        ({"A": [0.3, 0.2]}, "'A' is a list; give what model.fit returned"),
        ({"A": {key: SMALL[key] for key in ("loss", "accuracy")}}, "val_.*validation_data=…"),
        ({"A": {key: SMALL[key] for key in ("loss", "val_loss")}}, r"metrics=\['accuracy'\]"),
        ({"A": SMALL | {"val_loss": [0.3]}}, "unequal length.*val_loss 1"),
        ({"A": history([], [], [], [])}, "0 epochs"),
        ({"A": history([1.0] * 1001, [1.0] * 1001)}, r"numbers\[:1000\]"),
        ({"A": SMALL | {"loss": ["a", "b", "c"]}}, "loss of run 'A' is .*list of numbers"),
        ({"A": SMALL | {"loss": [None, 1.0, 2.0]}}, "list of numbers"),
        ({"A": SMALL | {"loss": [[1.0], [1.0, 2.0], 3.0]}}, "list of numbers"),
        ({"A": SMALL | {"loss": 0.3}}, "list of numbers"),
        ({"A": SMALL | {"accuracy": [50, 80, 100]}}, "divide per cent by 100"),
        ({" ": SMALL}, "1 to 40 letters"),
        ({3: SMALL}, "1 to 40 letters"),
        ({"a" * 41: SMALL}, "1 to 40 letters"),
    ],
)
def test_bad_runs_raise_and_name_the_remedy(runs, remedy):
    with pytest.raises(ValueError, match=remedy):
        TrainingCurves(runs)


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"metric": "auc"}, "'accuracy' or 'loss'"),
        ({"validation": 1}, "True or False"),
        ({"epoch": 4}, "give 1 to 3"),
        ({"shown": ["B"]}, "no run 'B' to show; give some of: small"),
        ({"shown": 3}, "shown is 3; give a list"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    figure_pages.assert_refused(functools.partial(TrainingCurves, {"small": SMALL}), changes, remedy)


def test_state_is_json_and_rounded():
    figure = TrainingCurves({"A": DIVERGED | {"loss": [1 / 3, 123456.7, *DIVERGED["loss"][2:]]}})
    (run,) = json.loads(json.dumps(figure.state(), allow_nan=False))["_curves"]
    assert run["loss"] == [0.3333, 123500.0, 40.0, 2e6, None, None, None, None]
    assert sum(len(json.dumps(numbers)) for numbers in pack_runs({"A": noisy(60)})[0].values()) < 2_500


def test_colours_are_told_apart_by_readers_with_any_kind_of_colour_blindness():
    """Distances in CIELAB as seen with each deficiency, by the matrices of Machado, Oliveira and Fernandes (2009)."""
    seen = [
        np.eye(3),
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ]
    colors = re.findall(r"--color-\d: (#\w{6});", TrainingCurves._css)
    assert len(colors) == 12
    linear = rgb2xyz(np.array([to_rgb(color) for color in colors])) @ rgb_from_xyz.T
    for palette, matrix in itertools.product((linear[:6], linear[6:]), seen):
        lab = xyz2lab(np.clip(palette @ np.transpose(matrix), 0.001, 1) @ xyz_from_rgb.T)
        assert pdist(lab).min() > 12, (palette, matrix)


# ---- the mathematics in the browser --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        ("drawStroke", [[], 4, None, {"epoch": 2, "value": 0.5}], [None, 0.5, None, None]),
        ("drawStroke", [[0.5], 4, None, {"epoch": 4, "value": 0.8}], [0.5, 0.6, 0.7, 0.8]),
        ("drawStroke", [[0.5, 0.6, 0.7, 0.8], 4, None, {"epoch": 3, "value": 0.1}], [0.5, 0.6, 0.1, 0.8]),
        (
            *("drawStroke", [[0.5, 0.6, 0.7, 0.8], 4, {"epoch": 4, "value": 0.2}, {"epoch": 2, "value": 0.4}]),
            [0.5, 0.4, 0.3, 0.2],
        ),
        (
            "findMemorising",
            [{"best": 2, "curves": {"training": [0.5, 0.6, 0.5, 0.9]}}, "accuracy"],
            {"best": 2, "last": 4},
        ),
        ("findMemorising", [{"best": 2, "curves": {"training": [0.5, 0.6, 0.5, 0.9]}}, "loss"], None),
        ("findMemorising", [{"best": 3, "curves": {"training": [0.9, 0.5, 0.4, None]}}, "loss"], None),
        ("findMemorising", [{"best": None, "curves": {"training": [0.9, 0.5]}}, "loss"], None),
        ("findWidest", [[None, 0.5, 0.9, 0.9], [0.1, 0.7, 0.6, None]], {"epoch": 3, "guessed": 0.9, "came": 0.6}),
        ("findWidest", [[None], [0.1]], None),
        ("findLimit", [[0.7, 0.6, 0.5, 900], [0.7, 0.6]], 6),  # ten times the larger of the medians 0.6 and 0.6
        ("niceStep", [0.07], 0.1),
        ("niceStep", [1.0], 1),
        ("niceStep", [21], 50),
        ("exponentOf", [0.02], -2),
        ("exponentOf", [999], 2),
        ("planEpochs", [7, 8], [1, 2, 3, 4, 5, 6, 7]),
        ("planEpochs", [7, 5], [1, 3, 5, 7]),
        ("planEpochs", [40, 10], [1, 5, 10, 15, 20, 25, 30, 35, 40]),
        ("formatValue", [0, "loss"], "0"),
        ("formatValue", [1.5, "loss"], "1.500"),
        ("formatValue", [0.01234, "loss"], "0.0123"),
        ("formatValue", [45.678, "loss"], "45.68"),
        ("formatValue", [-0.25, "loss"], "−0.250"),
        ("formatValue", [1234567, "loss"], "1.23·10⁶"),
        ("formatValue", [1.234e-5, "loss"], "1.23·10⁻⁵"),
        ("formatValue", [0.5, "accuracy"], "0.500"),
        ("formatGap", [0.75, 0.5, "accuracy"], "+0.250"),
        ("formatGap", [2.309, 2.305, "loss"], "−0.004"),
        ("formatGap", [0.5, 0.5, "loss"], "0"),
        ("formatGap", [0.3, 0.1 + 0.2, "accuracy"], "0"),
        ("writeEpochs", [[3]], "epoch 3"),
        ("writeEpochs", [[1, 2, 3, 7]], "epochs 1–3, 7"),
    ],
    ids=str,
)
def test_function_gives_what_was_computed_by_hand(blank, function, arguments, expected):
    assert call(blank, function, [arguments]) == [expected]


def test_axis_has_few_round_ticks_that_hold_all_values(blank):
    accuracy, narrow, loss, empty = call(
        blank,
        "planAxis",
        [
            [[0.62, 0.97], "accuracy"],
            [[0.5, 0.5], "accuracy"],
            [[0.05, 2.31], "loss"],
            [[], "loss"],
        ],
    )
    assert accuracy["labels"] == ["0.6", "0.7", "0.8", "0.9", "1.0"]
    assert narrow["ticks"] == pytest.approx([0.44, 0.46, 0.48, 0.5, 0.52, 0.54, 0.56])
    assert loss["labels"] == ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]
    assert empty["ticks"][0] == 0
    lists = (10 ** RNG.uniform(-6, 6, (200, 1)) * RNG.random((200, 5))).tolist()
    lists += [*RNG.lognormal(0, 4, (60, 4)).tolist(), [1e-9], [0.5, 0.5], [1e12, 0.001]]
    for values, axis in zip(lists, call(blank, "planAxis", [[values, "loss"] for values in lists]), strict=True):
        assert axis["low"] <= min(values) * (1 + 1e-6)
        assert max(values) <= axis["high"] * (1 + 1e-6)
        assert 3 <= len(axis["ticks"]) <= 10
        assert len(set(axis["labels"])) == len(axis["ticks"])
        steps = np.diff(axis["ticks"])
        assert steps.min() > 0
        assert np.ptp(steps) < 1e-6 * steps[0]
    lists = RNG.uniform(0, 1, (200, 4)).tolist()
    for shares, axis in zip(lists, call(blank, "planAxis", [[shares, "accuracy"] for shares in lists]), strict=True):
        assert 0 <= axis["low"] <= min(shares) <= max(shares) <= axis["high"] <= 1


def test_numbers_are_written_to_three_digits_or_more(blank):
    numbers = [0.0005, 0.09999, 1.0005, 9.9996, 9999.5, 99999.9, 1.5e300, 5e-300, -0.0001, -3e7]
    numbers += [float(f"{number:.4g}") for number in RNG.lognormal(0, 6, 200)]
    superscripts = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")
    for number, text in zip(numbers, call(blank, "formatValue", [[number, "loss"] for number in numbers]), strict=True):
        assert float(text.translate(superscripts).replace("·10", "e")) == pytest.approx(number, rel=5e-3), text
        assert len(text) <= 11
    assert len(set(call(blank, "markShape", [[index, 5] for index in range(6)]))) == 6


# ---- what a reader sees --------------------------------------------------------------------------------------------


def test_the_lines_hold_the_numbers_of_the_epoch(show, blank):
    figures = [TrainingCurves(**state) for state in STATES]
    page = show(*figures)
    for nth, figure in enumerate(figures):
        assert_lines_are_right(page.locator(".convbook-figure").nth(nth), blank, figure)


def assert_lines_are_right(chart, blank, figure):
    metric, parts = figure.metric, list(PARTS) if figure.validation else ["training"]
    runs = [run for run in figure._curves if run["name"] in figure.shown]
    epoch = min(figure.epoch, max((len(run["loss"]) for run in runs), default=1))
    expected = []
    for run in runs:
        begin = f"{run['name']}, epoch {epoch}: " if len(runs) > 1 else f"Epoch {epoch}: "
        if epoch > len(run["loss"]):
            expected.append(f"{begin}it ended in epoch {len(run['loss'])}.")
            continue
        read = [run[PARTS[part] + metric][epoch - 1] for part in parts]
        texts = ["not finite" if value is None else call(blank, "formatValue", [[value, metric]])[0] for value in read]
        said = [f"{part} {text}" for part, text in zip(parts, texts, strict=True)]
        if len(read) == 2 and None not in read:
            said.append(f"gap {call(blank, 'formatGap', [[*read, metric]])[0]}")
        expected.append(f"{begin}{', '.join(said)}.")
    assert lines(chart)[: len(runs)] == expected
    assert (verdict(chart) == "No run is chosen: tick one.") == (not runs)
    assert chart.locator(".cb-curves > .cb-curve").count() == len(runs) * len(parts)


def test_epochs_without_a_finite_number_are_named(show):
    page = show(TrainingCurves({"A": OVERFIT, "C": DIVERGED}, metric="loss", epoch=6))
    assert "C, epoch 6: training not finite, validation 0.900." in lines(page)
    gaps = "Not finite, so a gap in the curve: C, training: epochs 5–8; C, validation: epochs 4–5, 7–8."
    assert gaps in lines(page)


def test_one_outlier_does_not_flatten_the_other_values(show):
    run = history([0.7, 0.6, 0.5, 0.4], [0.7, 0.65, 900.0, 0.6])
    page = show(TrainingCurves({"A": run}, metric="loss"))
    assert axis_labels(page)[-1] == "0.7"
    assert "Off the scale: ▲ A, validation, 1 value up to 900.0." in lines(page)
    assert page.locator(".cb-arrow").count() == 1


def test_overfitting_is_never_left_off_the_scale(show):
    run = history(np.geomspace(0.7, 1e-4, 30).tolist(), np.linspace(0.7, 5, 30).tolist())
    page = show(TrainingCurves({"A": run}, metric="loss"))
    assert axis_labels(page)[-1] == "5"
    assert not any("Off the scale" in text for text in lines(page))


def test_curves_stand_at_their_numbers(show):
    runs = {"A": OVERFIT, "B": SHORT}
    page = show(TrainingCurves(runs, metric="loss"))
    span = float(axis_labels(page)[-1])
    for (index, run), (part, begin) in itertools.product(enumerate(runs.values()), PARTS.items()):
        values = run[f"{begin}loss"]
        drawn = drawn_values(page, f'.cb-curves > .cb-{part}[data-color="{index}"]')
        assert list(drawn) == list(range(1, len(values) + 1))
        np.testing.assert_allclose(list(drawn.values()), values, atol=0.002 * span)


def test_gaps_interrupt_the_curve_and_a_lone_value_is_a_dot(show):
    run = history([0.9, NAN, 0.5, NAN, 0.4, 0.3], [0.9] * 6)
    page = show(TrainingCurves({"A": run}, metric="loss"))
    path = page.locator(".cb-curves > .cb-training").get_attribute("d")
    assert [len(re.findall("[ML]", piece)) for piece in path.split("M")[1:]] == [0, 0, 1]
    assert path.count("h.01") == 2
    assert list(drawn_values(page, ".cb-curves > .cb-training")) == [1, 3, 5, 6]


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_marks_stand_at_the_best_place_of_the_validation_curves(show, metric):
    runs = {"A": OVERFIT, "B": SHORT}
    page = show(TrainingCurves(runs, metric=metric))
    best = []
    for n, (name, run) in enumerate(runs.items()):
        numbers = np.array(run[f"val_{metric}"])
        epoch = int(numbers.argmin() if metric == "loss" else numbers.argmax()) + 1
        best.append(f"{name} in epoch {epoch}")
        x, y = map(float, re.findall(r"[-\d.]+", page.locator(".cb-marks .cb-mark").nth(n).get_attribute("transform")))
        curve = page.locator(f'.cb-curves > .cb-validation[data-color="{n}"]').get_attribute("d")
        points = [tuple(map(float, point)) for point in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", curve)]
        assert (x, y) == pytest.approx(points[epoch - 1], abs=0.1)
        assert y == pytest.approx((max if metric == "loss" else min)(y for _, y in points), abs=0.1)
    assert verdict(page) == f"Validation is best: {', '.join(best)}."


def test_where_only_memorising_is_left_is_marked_and_told(show):
    page = show(TrainingCurves({"A": OVERFIT}, metric="loss"))
    best = int(np.argmin(OVERFIT["val_loss"])) + 1
    region, plot = page.locator(".cb-region rect").bounding_box(), page.locator(".cb-axes path").first.bounding_box()
    mark = page.locator(".cb-marks .cb-mark").bounding_box()
    assert region["x"] == pytest.approx(mark["x"] + mark["width"] / 2, abs=1)
    assert region["x"] + region["width"] == pytest.approx(plot["x"] + plot["width"] - 6, abs=2)
    text = f"After epoch {best} only memorising is left: training still improves, validation no longer."
    assert verdict(page) == text
    assert page.locator(".cb-region").text_content() == "only memorising is left"
    for other in (
        {"runs": {"A": OVERFIT, "B": SHORT}},
        {"runs": {"A": LAST_IS_BEST}},
        {"runs": {"A": OVERFIT}, "validation": False},
    ):
        page = show(TrainingCurves(**other, metric="loss"))
        assert page.locator(".cb-region *").count() == 0
        assert "memorising" not in page.locator(".convbook-figure").inner_text()


def test_run_shown_alone_has_a_colour_for_training_and_one_for_validation(show):
    one, two = (
        show(TrainingCurves({"A": OVERFIT, "B": SHORT}, shown=["B"])),
        show(TrainingCurves({"A": OVERFIT, "B": SHORT})),
    )
    colors = "(curves) => curves.map((curve) => getComputedStyle(curve).stroke)"
    dashes = "(curves) => curves.map((curve) => getComputedStyle(curve).strokeDasharray)"
    for page, count in ((one, 1), (two, 2)):
        curves = page.locator(".cb-curves > .cb-curve")
        assert len(set(curves.evaluate_all(colors))) == 2
        assert curves.evaluate_all(dashes) == ["none", "7px, 5px"] * count
        keys = page.locator(".cb-swatch .cb-curve")
        assert keys.evaluate_all(dashes) == ["none", "7px, 5px"]
    assert one.locator(".cb-swatch .cb-curve").evaluate_all(colors) == one.locator(".cb-curves > *").evaluate_all(
        colors
    )


# ---- what a reader does --------------------------------------------------------------------------------------------


def test_reader_draws_validation_and_reveals_it(show):
    page = show(TrainingCurves({"A": OVERFIT}, validation=False, epoch=30))
    assert page.locator(".cb-curves > *").count() == 1
    ends = pack_runs({"A": OVERFIT})[0]["accuracy"][-1]
    asked = f"On what it learns from, the accuracy ends at {ends:.3f}. And on examples that it has never seen?"
    assert verdict(page) == asked
    box = page.locator(".cb-chart > svg").bounding_box()
    at = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
    page.mouse.move(*at(0, 0.5))
    page.mouse.down()
    page.mouse.move(*at(0.5, 0.2), steps=6)
    assert "Draw on, or reveal it." in verdict(page)
    page.mouse.move(*at(1, 0.2), steps=6)
    page.mouse.up()
    page.get_by_text(re.compile("You expect 0.9.. in epoch 30. Reveal it.")).wait_for()
    drawn = drawn_values(page, ".cb-plot > .cb-guess")
    assert list(drawn) == list(range(1, 31))
    assert drawn[1] < drawn[8] < drawn[16] == pytest.approx(drawn[30], abs=0.002)
    page.get_by_role("button", name="Reveal validation").click()
    page.locator(".cb-curves > .cb-validation").wait_for(state="attached")
    apart = {epoch: abs(drawn[epoch] - OVERFIT["val_accuracy"][epoch - 1]) for epoch in drawn}
    expected, epoch, came = figure_pages.numbers(verdict(page))[:3]
    assert apart[epoch] == pytest.approx(max(apart.values()), abs=0.005)
    assert came == pytest.approx(OVERFIT["val_accuracy"][int(epoch) - 1], abs=0.0006)
    assert expected == pytest.approx(drawn[epoch], abs=0.005)
    page.mouse.move(*at(0.5, 0.9))
    page.mouse.down()
    page.mouse.move(*at(0.7, 0.9), steps=3)
    page.mouse.up()
    assert drawn_values(page, ".cb-plot > .cb-guess") == drawn  # revealed, it is read off, and no longer drawn
    page.get_by_role("button", name="Loss").click()
    page.get_by_text("the loss ends at").wait_for()  # who has drawn one is asked for the other
    page.get_by_role("button", name="Accuracy").click()
    page.get_by_text(re.compile("^You expect .* Reveal it")).wait_for()
    page.get_by_role("button", name="Reveal validation").click()
    page.get_by_text("than you thought").wait_for()
    page.get_by_role("button", name="Draw it yourself").click()
    page.get_by_text("that it has never seen?").wait_for()
    assert page.locator(".cb-plot > .cb-guess").get_attribute("d") == ""


def test_keys_draw_and_a_good_guess_is_told_so(show):
    page = show(TrainingCurves({"A": LAST_IS_BEST}, validation=False, epoch=1))
    chart = page.get_by_role("slider")

    def press(key):
        chart.press(key)
        page.evaluate(NEXT_FRAME)
        return float(chart.get_attribute("aria-valuetext").split("you expect ")[1])

    for epoch, goal in ((1, 0.4), (2, 0.5), (3, 0.6)):
        if epoch > 1:
            chart.press("ArrowRight")
        for _ in range(59):
            chart.press("ArrowDown")
        bottom = press("ArrowDown")
        one, six = press("ArrowUp"), press("Shift+ArrowUp")
        assert six - bottom == pytest.approx(6 * (one - bottom), abs=0.005)  # with Shift, five steps
        while press("ArrowDown") > goal:
            pass
        while press("ArrowUp") < goal:
            pass
        assert chart.get_attribute("aria-valuetext").startswith(f"epoch {epoch} of 3")
    page.get_by_role("button", name="Reveal validation").press("Enter")
    page.get_by_text("Well guessed: you are nowhere further off than").wait_for()
    assert verdict(page).endswith("Validation is best in epoch 3.")


def test_reader_chooses_metric_and_runs(show):
    page = show(TrainingCurves({"A": OVERFIT, "B": SHORT, "C": DIVERGED}))
    page.get_by_role("button", name="Loss", exact=True).click()
    page.get_by_text("loss (mean of the examples)").wait_for()
    assert page.get_by_role("button", name="Loss", exact=True).get_attribute("aria-pressed") == "true"
    assert page.get_by_role("button", name="Accuracy").get_attribute("aria-pressed") == "false"
    page.get_by_role("checkbox", name="C", exact=True).uncheck()
    page.wait_for_function("document.querySelectorAll('.cb-curves > *').length === 4")
    for name in "AB":
        page.get_by_role("checkbox", name=name, exact=True).uncheck()
    page.get_by_text("No run is chosen: tick one.").wait_for()
    assert page.get_by_role("button", name="Draw it yourself").get_attribute("aria-disabled") == "true"
    page.get_by_role("checkbox", name="B", exact=True).check()
    page.wait_for_function("document.querySelectorAll('.cb-curves > *').length === 2")
    wait_for_epoch(page, 8)  # C, the shortest, has 8
    assert not show(TrainingCurves({"A": OVERFIT})).get_by_role("checkbox").count()


def test_cursor_stays_within_the_runs_that_are_shown(show):
    page = show(TrainingCurves({"A": OVERFIT, "B": SHORT}, epoch=25))
    wait_for_epoch(page, 25)
    page.get_by_role("checkbox", name="A", exact=True).uncheck()
    wait_for_epoch(page, 12)
    assert page.get_by_role("slider", name="Epoch").get_attribute("aria-valuemax") == "12"
    assert page.get_by_role("slider", name="Epoch").get_attribute("aria-valuetext") == "epoch 12 of 12"
    page.get_by_role("checkbox", name="A", exact=True).check()
    wait_for_epoch(page, 25)


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
    wait_for_epoch(page, 10)  # hovering reads off, too


@pytest.mark.parametrize("validation", [True, False], ids=["reading", "drawing"])
def test_finger_drags_sideways_and_taps_and_a_swipe_down_leaves_the_figure(show, validation):
    page = show(
        TrainingCurves({"A": OVERFIT}, epoch=5, validation=validation), size=PHONE, has_touch=True, is_mobile=True
    )
    page.evaluate("document.body.style.paddingBottom = '900px'")
    box = page.locator(".cb-chart > svg").bounding_box()
    at = lambda x, y: (box["x"] + x, box["y"] + y)  # noqa: E731
    figure_pages.swipe(page, at(80, 80), at(box["width"] - 8, 95))
    wait_for_epoch(page, 30)
    assert (page.locator(".cb-plot > .cb-guess").get_attribute("d") != "") == (not validation)
    page.touchscreen.tap(*at(44, 60))
    tag = page.locator(".cb-tag-text")
    tag.get_by_text(re.compile("^epoch [12]$")).wait_for()
    before = tag.text_content(), page.locator(".cb-plot").inner_html()
    figure_pages.swipe(page, at(200, 200), at(205, 20))
    page.wait_for_function("scrollY > 0")
    assert (tag.text_content(), page.locator(".cb-plot").inner_html()) == before


def test_what_was_read_off_is_spoken_once_the_cursor_rests(show):
    page = show(TrainingCurves({"A": OVERFIT, "B": SHORT}, metric="loss", epoch=12))
    page.get_by_role("slider", name="Epoch").press("ArrowRight")
    figure_pages.wait_for_speech(page, "A, epoch 13:")
    assert figure_pages.spoken(page) == " ".join(lines(page))


def test_chart_follows_the_width_of_the_page(show):
    page = show(*(TrainingCurves(**state) for state in STATES))
    for width in (340, 519, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_function(
            """() => [...document.querySelectorAll(".cb-chart > svg")].every(
              (svg) => Math.abs(svg.viewBox.baseVal.width - svg.clientWidth) <= 1)"""
        )


@pytest.mark.parametrize("width", [320, 390, 752])
def test_texts_of_the_chart_stay_in_it_and_apart(show, width):
    figures = [
        TrainingCurves({"W" * 40: history([9e3, 5e3, 1.0], [9e3, 8e3, 9e3])}, metric="loss", epoch=epoch)
        for epoch in (1, 3)
    ]
    page = show(*figures, TrainingCurves({"A": OVERFIT}, metric="loss"), size={"width": width, "height": 800})
    outside = """(svg) => [...svg.querySelectorAll("text")].filter((text) => {
      const [box, own] = [svg.getBoundingClientRect(), text.getBoundingClientRect()];
      return own.left < box.left - 1 || own.right > box.right + 1 || own.top < box.top - 1;
    }).map((text) => text.textContent)"""
    for nth in range(3):
        assert page.locator(".cb-chart > svg").nth(nth).evaluate(outside) == []
    rows = page.locator(".cb-axes text:not([visibility=hidden]), .cb-tag-text").evaluate_all(
        "(texts) => texts.map((text) => { const { x, y, right, bottom } = text.getBoundingClientRect(); "
        "return [x, y, right, bottom]; })"
    )
    for (x, y, right, bottom), (other_x, other_y, other_right, other_bottom) in itertools.combinations(rows, 2):
        assert right <= other_x or other_right <= x or bottom - 3 <= other_y or other_bottom - 3 <= y
