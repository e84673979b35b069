"""Logistic regression in the page: its answers, its loss and its left-out answers against scikit-learn."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression

from convbook.figures.base import join_modules

SOURCE = join_modules(
    'import { leaveOneOut, multiplyRows, trainLogistic, wilsonInterval } from "./logistic.js";\n'
    "export function learn(rows, labels, classes, asked) {\n"
    "  const products = multiplyRows(rows);\n"
    "  const start = performance.now();\n"
    "  const whole = trainLogistic(products, labels, classes);\n"
    "  const left = [...leaveOneOut(products, labels, classes, whole)];\n"
    "  const milliseconds = performance.now() - start;\n"
    "  const answers = multiplyRows(asked, rows).map(whole.answer);\n"
    "  return { losses: whole.losses, answers, left, milliseconds };\n"
    "}\n"
    "export function time(rows, labels) {\n"
    "  return Array.from({ length: 12 }, () => learn(rows, labels, 2, []).milliseconds);\n"
    "}\n"
)
PENALTY = 100


def call(page, function, *values):
    script = """async ([source, name, values]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      return (await import(url))[name](...values);
    }"""
    return page.evaluate(script, [SOURCE, function, list(values)])


def rows_of(classes, per_class, width, seed=0):
    """Rows that overlap, with another mean for each class: float64 (n, width) and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(classes), per_class)
    return 3 + rng.normal(0, 1, (len(labels), width)) + 0.6 * rng.normal(0, 1, (classes, width))[labels], labels


def fit(rows, labels, asked):
    """The oracle: scikit-learn's classifier on rows whose mean squared distance from their mean is 1."""
    mean = rows.mean(axis=0)
    spread = np.sqrt(((rows - mean) ** 2).sum(axis=1).mean())
    model = LogisticRegression(C=PENALTY, tol=1e-8, max_iter=5000).fit((rows - mean) / spread, labels)
    return model, model.predict_proba((asked - mean) / spread), model.predict_proba((rows - mean) / spread)


@pytest.mark.parametrize(
    ("classes", "per_class", "width"), [(2, 5, 40), (3, 4, 30), (2, 10, 1280), (2, 1, 7), (3, 15, 9)]
)
def test_answers_and_loss_are_those_of_scikit_learn(blank, classes, per_class, width):
    rows, labels = rows_of(classes, per_class, width)
    asked = rows_of(classes, 3, width, seed=1)[0]
    found = call(blank, "learn", rows.tolist(), labels.tolist(), classes, asked.tolist())
    _, expected, of_rows = fit(rows, labels, asked)
    np.testing.assert_allclose(found["answers"], expected, atol=2e-3)
    loss = -np.log(of_rows[np.arange(len(labels)), labels]).mean()
    assert found["losses"][0] == pytest.approx(np.log(classes))  # nothing is known at the beginning
    assert found["losses"][-1] == pytest.approx(loss, abs=2e-3)


@pytest.mark.parametrize(("classes", "per_class"), [(2, 4), (3, 4)])
def test_left_out_answers_are_those_of_classifiers_that_never_saw_the_row(blank, classes, per_class):
    rows, labels = rows_of(classes, per_class, 25, seed=2)
    rows, labels = np.vstack([rows, rows[:1] + 1]), np.append(labels, classes)  # and a class of one row
    found = call(blank, "learn", rows.tolist(), labels.tolist(), classes + 1, [])["left"]
    assert found.pop() is None
    for n, answer in enumerate(found):
        others = np.arange(len(labels)) != n
        np.testing.assert_allclose(answer, fit(rows[others], labels[others], rows[n : n + 1])[1][0], atol=2e-3)


def test_equal_rows_are_answered_by_how_many_there_are_of_each_class(blank):
    found = call(blank, "learn", [[1, 2]] * 4, [0, 0, 0, 1], 2, [[1, 2]])
    np.testing.assert_allclose(found["answers"], [[0.75, 0.25]], atol=1e-3)


def test_twenty_photos_are_learned_and_left_out_within_a_tenth_of_a_second(blank):
    rows, labels = rows_of(2, 10, 1280)
    times = call(blank, "time", rows.tolist(), labels.tolist())
    assert min(times) < 100


@pytest.mark.parametrize(("right", "count"), [(7, 8), (0, 3), (5, 5), (31, 60)])
def test_the_interval_is_wilsons(blank, right, count):
    low, high = binomtest(right, count).proportion_ci(method="wilson")
    np.testing.assert_allclose(call(blank, "wilsonInterval", right, count), [low, high], atol=1e-6)
