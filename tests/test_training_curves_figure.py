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
from visits import PHONE

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


call = functools.partial(figure_pages.call, TrainingCurves)


def smoothed(values, smoothing):
    """NumPy's answer: at each epoch the mean of the finite numbers so far, each weighing `smoothing` times the next."""
    means = np.full(len(values), NAN)
    for epoch in np.flatnonzero(np.isfinite(values)):
        seen = np.array(values[: epoch + 1])
        seen = seen[np.isfinite(seen)]
        means[epoch] = np.average(seen, weights=float(smoothing) ** np.arange(len(seen))[::-1])
    return means


def lowest_epochs(figure):
    return {run["name"]: run["lowest"] for run in figure._curves}


def table(page):
    """What the legend shows: {run: [training, validation, gap, lowest]}, the raw numbers' texts."""
    script = """(rows) => rows.map((row) => [row.querySelector("th span").innerText,
      [...row.querySelectorAll("td")].map((cell) => cell.innerText.split("\\n")[0].trim())])"""
    return dict(page.locator(".cb-runs tbody tr").evaluate_all(script))


def wait_for_epoch(page, epoch):
    page.locator(".cb-runs thead").get_by_text(f"At epoch {epoch}", exact=True).wait_for()


def axis_labels(page):
    """The numbers beside the grid's lines, from below."""
    count = page.locator(".cb-axes path").count()
    return page.locator(".cb-axes text").all_text_contents()[:count]


def notes(page):
    return [text for text in page.locator(".cb-notes p").all_inner_texts() if text]


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


def test_lowest_epochs_go_by_raw_numbers_before_rounding():
    run = history([0.9] * 4, [0.5, 0.500004, 0.499996, 0.6])  # 0.5000 three times, once rounded
    assert lowest_epochs(TrainingCurves({"A": run}, metric="loss", smoothing=0.9)) == {"A": 3}
    figure = TrainingCurves({"A": OVERFIT, "B": DIVERGED, "C": history([NAN], [INF])}, smoothing=0.95)
    assert lowest_epochs(figure) == {"A": int(np.argmin(OVERFIT["val_loss"])) + 1, "B": 1, "C": None}


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
        ({"scale": "square"}, "'linear' or 'log'"),
        ({"smoothing": 0.96}, "0 to 0.95"),
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
        ("smooth", [[8, 2, 4], 0.5], [8, 4, 4]),  # 8; (0.5·8 + 2) / 1.5 = 4; (0.25·8 + 0.5·2 + 4) / 1.75 = 4
        ("lowestEpoch", [[None, 3, 2, 2]], 3),
        ("lowestEpoch", [[None]], None),
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


def test_smoothing_is_the_mean_with_weights_that_fall_by_its_power(blank):
    curves = [
        *OVERFIT.values(),
        *DIVERGED.values(),
        [5.0],
        [NAN, 2.0],
        np.where(np.arange(40) % 7, RNG.normal(size=40), NAN),
    ]
    pairs = list(itertools.product(curves, [0, 0.01, 0.33, 0.8, 0.95]))
    calls = [[[float(x) if math.isfinite(x) else None for x in values], smoothing] for values, smoothing in pairs]
    for (values, smoothing), given in zip(pairs, call(blank, "smooth", calls), strict=True):
        np.testing.assert_allclose(np.array(given, float), smoothed(values, smoothing), rtol=1e-12)


def test_axis_has_few_round_ticks_that_hold_all_values(blank):
    accuracy, narrow, loss, empty, log = call(
        blank,
        "planAxis",
        [
            [[0.62, 0.97], "accuracy"],
            [[0.5, 0.5], "accuracy"],
            [[0.05, 2.31], "loss"],
            [[], "loss"],
            [[0.003, 2], "loss", "log"],
        ],
    )
    assert accuracy["labels"] == ["0.6", "0.7", "0.8", "0.9", "1.0"]
    assert narrow["ticks"] == pytest.approx([0.44, 0.46, 0.48, 0.5, 0.52, 0.54, 0.56])
    assert loss["labels"] == ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]
    assert empty["ticks"][0] == 0
    assert log["labels"] == ["0.001", "0.01", "0.1", "1", "10"]
    lists = [(10 ** RNG.uniform(-6, 6) * RNG.random(5)).tolist() for _ in range(200)]
    lists += [*RNG.lognormal(0, 4, (60, 4)).tolist(), [1e-9], [0.5, 0.5], [1e12, 0.001]]
    for scale in ("linear", "log"):
        for values, axis in zip(
            lists, call(blank, "planAxis", [[values, "loss", scale] for values in lists]), strict=True
        ):
            assert axis["low"] <= min(values) * (1 + 1e-6)
            assert max(values) <= axis["high"] * (1 + 1e-6)
            assert 3 <= len(axis["ticks"]) <= 10 or scale == "log"
            assert len(set(axis["labels"])) == len(axis["ticks"]) >= 2
            steps = np.diff(np.log(axis["ticks"]) if scale == "log" else axis["ticks"])
            assert steps.min() > 0
            assert scale == "log" or np.ptp(steps) < 1e-6 * steps[0]
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


def test_the_legends_hold_the_numbers_of_the_epoch(show, blank):
    figures = [TrainingCurves(**state) for state in STATES]
    page = show(*figures)
    for nth, figure in enumerate(figures):
        assert_legend_is_right(page.locator(".convbook-figure").nth(nth), blank, figure, STATES[nth]["runs"])


def assert_legend_is_right(chart, blank, figure, runs):
    metric, parts = figure.metric, [part for part in PARTS if getattr(figure, part)]
    rows = table(chart)
    assert list(rows) == list(runs)
    longest = max(len(run["loss"]) for run in figure._curves if run["name"] in (figure.shown or rows))
    for run in figure._curves:
        read = {}
        for part, text in zip(PARTS, rows[run["name"]], strict=False):
            values = run[PARTS[part] + metric]
            if run["name"] not in figure.shown or part not in parts:
                assert text == "–"
            elif min(figure.epoch, longest) > len(values):
                assert text == f"ended at {len(values)}"
            elif values[min(figure.epoch, longest) - 1] is None:
                assert text == "not finite"
            else:
                read[part] = values[min(figure.epoch, longest) - 1]
                assert [text] == call(blank, "formatValue", [[read[part], metric]])
        gap = call(blank, "formatGap", [[read["training"], read["validation"], metric]])[0] if len(read) == 2 else "–"
        assert rows[run["name"]][2] == gap
        assert rows[run["name"]][3] == ("never finite" if run["lowest"] is None else f"epoch {run['lowest']}")
    problem = [text for text in notes(chart) if text.startswith("No ") and "chosen" in text]
    assert len(problem) == (not figure.shown or not parts)
    assert chart.locator(".cb-curve").count() == len(figure.shown) * len(parts)


def test_epochs_without_a_finite_number_are_named(show):
    page = show(TrainingCurves({"A": OVERFIT, "C": DIVERGED}, metric="loss", epoch=6))
    assert table(page)["C"][:3] == ["not finite", "0.900", "–"]
    gaps = "Not finite, so a gap in the curve: C, training: epochs 5–8; C, validation: epochs 4–5, 7–8."
    assert gaps in notes(page)


@pytest.mark.parametrize(
    ("val_loss", "smoothing", "told"),
    [
        ([4.0, 2.0, 1.0, 2.0, 3.0], 0.5, ("looks back 1 epoch on average", "A stays at 3.")),  # 4, 2.667, 1.714, 1.867
        ([4.0, 2.0, 1.0, 2.0, 3.0], 0.8, ("looks back 4 epochs", "A from 3 to 4.")),  # 4, 2.889, 2.115, 2.076, 2.351
        ([4.0, 1.0, 1.0, 1.0, 3.0, 0.9], 0.8, ("looks back 4", "A from 6 to 4 (epoch 6 is low by itself).")),
    ],
    ids=["stays", "moves", "spike"],
)
def test_text_tells_where_smoothing_moves_the_minimum(show, val_loss, smoothing, told):
    run = history([1.0] * len(val_loss), val_loss)
    text = notes(show(TrainingCurves({"A": run}, metric="loss", smoothing=smoothing)))[-1]
    assert told[0] in text
    assert text.endswith(told[1])


def test_one_outlier_does_not_flatten_the_other_values(show):
    run = history([0.7, 0.6, 0.5, 0.4], [0.7, 0.65, 900.0, 0.6])
    page = show(TrainingCurves({"A": run}, metric="loss"))
    assert axis_labels(page)[-1] == "0.7"
    assert "Off the scale: ▲ A, validation, 1 value up to 900.0." in notes(page)
    page.get_by_label("Log scale").check()
    page.locator(".cb-axes").get_by_text("1000", exact=True).wait_for()
    assert not any("Off the scale" in text for text in notes(page))


def test_overfitting_is_never_left_off_the_scale(show):
    run = history(np.geomspace(0.7, 1e-4, 30).tolist(), np.linspace(0.7, 5, 30).tolist())
    page = show(TrainingCurves({"A": run}, metric="loss"))
    assert axis_labels(page)[-1] == "5"
    assert not any("Off the scale" in text for text in notes(page))


def test_curves_stand_at_their_numbers(show):
    runs = {"A": OVERFIT, "B": SHORT}
    page = show(TrainingCurves(runs, metric="loss", smoothing=0.7))
    span = float(axis_labels(page)[-1])
    for (index, run), (part, begin) in itertools.product(enumerate(runs.values()), PARTS.items()):
        values = run[f"{begin}loss"]
        curve = f'.cb-curve.cb-{part}[data-color="{index}"]'
        for path, expected in ((".cb-raw", values), ("path:not(.cb-raw)", smoothed(values, 0.7))):
            drawn = drawn_values(page, f"{curve} {path}")
            assert list(drawn) == list(range(1, len(values) + 1))
            np.testing.assert_allclose(list(drawn.values()), expected, atol=0.002 * span)


def test_gaps_interrupt_the_curve_and_a_lone_value_is_a_dot(show):
    run = history([0.9, NAN, 0.5, NAN, 0.4, 0.3], [0.9] * 6)
    page = show(TrainingCurves({"A": run}, metric="loss"))
    path = page.locator(".cb-curve.cb-training path").get_attribute("d")
    assert [len(re.findall("[ML]", piece)) for piece in path.split("M")[1:]] == [0, 0, 1]
    assert path.count("h.01") == 2
    assert list(drawn_values(page, ".cb-curve.cb-training path")) == [1, 3, 5, 6]


@pytest.mark.parametrize("smoothing", [0.0, 0.9])
def test_marks_stand_at_the_lowest_place_of_the_raw_curves(show, smoothing):
    """Of the loss, and on the chart of the accuracy at the same epochs."""
    runs = {"A": OVERFIT, "B": SHORT}
    for metric in ("loss", "accuracy"):
        page = show(TrainingCurves(runs, metric=metric, smoothing=smoothing))
        for n, (name, run) in enumerate(runs.items()):
            epoch = int(np.argmin(run["val_loss"])) + 1
            x, y = map(float, re.findall(r"[-\d.]+", page.locator(".cb-mark").nth(n).get_attribute("transform")))
            raw = page.locator(f'.cb-curve.cb-validation[data-color="{n}"] path').first.get_attribute("d")
            points = [tuple(map(float, point)) for point in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", raw)]
            assert (x, y) == pytest.approx(points[epoch - 1], abs=0.1)
            assert metric == "accuracy" or y == pytest.approx(max(y for _, y in points), abs=0.1)
            assert table(page)[name][3] == f"epoch {epoch}"
            page.get_by_role("button", name=f"the lowest validation loss of {name}").click()
            wait_for_epoch(page, epoch)


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
    figure_pages.slide(page, "Smoothing", 0.9)
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
    page.locator(".cb-axes").get_by_text("10⁶").wait_for()
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
    wait_for_epoch(page, 30)


def test_finger_drags_sideways_and_taps_and_a_swipe_down_leaves_the_epoch(show):
    page = show(TrainingCurves({"A": OVERFIT}, epoch=5), size=PHONE, has_touch=True, is_mobile=True)
    box = page.locator(".cb-chart > svg").bounding_box()
    at = lambda x, y: (box["x"] + x, box["y"] + y)  # noqa: E731
    figure_pages.swipe(page, at(80, 80), at(box["width"] - 8, 95))
    wait_for_epoch(page, 30)
    page.touchscreen.tap(*at(44, 60))
    head = page.locator(".cb-runs thead")
    head.get_by_text(re.compile("At epoch [12]$")).wait_for()
    before = head.inner_text()
    figure_pages.swipe(page, at(200, 200), at(205, 20))
    page.wait_for_function("new Promise((done) => requestAnimationFrame(() => done(true)))")
    assert head.inner_text() == before


def test_what_was_read_off_is_spoken_once_the_cursor_rests(show):
    page = show(TrainingCurves({"A": OVERFIT, "B": SHORT}, metric="loss", epoch=12))
    page.get_by_role("slider", name="Epoch").press("ArrowRight")
    figure_pages.wait_for_speech(page, "Loss, epoch 13 of 30.")
    training, validation, gap, _ = table(page)["A"]
    read = f"A: training {training}, validation {validation}, gap {gap}. B: ended after epoch 12."
    assert figure_pages.spoken(page) == f"Loss, epoch 13 of 30. {read}"
    figure_pages.slide(page, "Smoothing", 0.8)
    figure_pages.wait_for_speech(page, "Smoothed: each point is a mean")
    assert figure_pages.spoken(page) == notes(page)[-1]


def test_chart_follows_the_width_of_the_page(show):
    page = show(*(TrainingCurves(**state) for state in STATES))
    for width in (340, 519, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_function(
            """() => [...document.querySelectorAll(".cb-chart > svg")].every(
              (svg) => Math.abs(svg.viewBox.baseVal.width - svg.clientWidth) <= 1)"""
        )


def test_long_names_fit_on_every_screen(show):
    runs = {"a very long name, of forty letters or so": OVERFIT, "W" * 40: SHORT}
    page = show(TrainingCurves(runs, metric="loss", smoothing=0.5))
    for width, names in ((340, 0), (390, 0), (620, 2), (1280, 2)):
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_function(f"document.querySelectorAll('.cb-end').length === {names}")
        # Found and measured in one step: the next redraw after a new width replaces these texts.
        ends = page.evaluate(
            "[...document.querySelectorAll('.cb-end')].map((text) => "
            "text.getBBox().x + text.getBBox().width - text.ownerSVGElement.clientWidth)"
        )
        assert max(ends, default=0) <= 3
        if width == 620:
            assert page.locator(".cb-end").first.text_content().endswith("…")
