"""Chapter 10's checks: counts by hand, orders of steps carried out, and three trainings that are what they say."""

import keras
import numpy as np
import pytest

from convbook.checks import feature_extraction_end_to_end as check

RIGHT = {"all": 4185, "not frozen": 4153, "frozen": 209, "may change": 4185}


def test_counts_are_those_of_the_model_in_keras():
    base = keras.Sequential(
        [
            keras.Input((12, 9, 3)),
            keras.layers.Conv2D(16, 3, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.Conv2D(24, 3),
        ]
    )
    dense = [keras.layers.Dense(8), keras.layers.Dense(1)]
    model = keras.Sequential([base, keras.layers.GlobalAveragePooling2D(), *dense])
    assert model.count_params() == check.COUNTS["all"] == RIGHT["all"]
    assert trainable(model) == check.COUNTS["not frozen"] == RIGHT["not frozen"]
    base.trainable = False
    assert trainable(model) == check.COUNTS["frozen"] == RIGHT["frozen"]
    assert check.trainable_counts(RIGHT).passed is True


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.parametrize("bad", [None, [4185], {"all": 4185}, RIGHT | {"all": "4185"}, RIGHT | {"frozen": True}])
def test_an_answer_of_another_form_is_told_so(bad):
    assert check.trainable_counts(bad).passed is False


def test_stubs_are_unanswered():
    assert check.trainable_counts(RIGHT | {"all": ...}).passed is None
    assert check.wrong_order({"steps": ["freeze", ...], "listed": ..., "trained": ...}).passed is None
    assert check.what_moved(lambda changes: ...).passed is None


@pytest.mark.parametrize(
    ("steps", "listed", "trained", "moved"),
    [
        ("freeze compile fit", 5, 5, False),
        ("compile freeze fit", 5, 5, False),  # settled at the first step, not by compile
        ("compile fit freeze fit", 5, 125, True),
        ("compile fit freeze compile fit", 5, 5, False),
        ("freeze compile fit unfreeze fit", 125, 5, False),
    ],
)
def test_what_fit_trains_is_settled_at_the_first_step_after_compile(steps, listed, trained, moved):
    assert check._carry_out(tuple(steps.split())) == (listed, trained, moved)


def test_an_order_that_hides_the_moving_base_is_accepted():
    steps = ["freeze", "compile", "fit", "unfreeze", "compile", "fit", "freeze", "fit"]
    answer = {"steps": steps, "listed": 5, "trained": 125}
    assert check.wrong_order(answer).passed is True
    without_the_given_ones = ["compile", "fit", "freeze", "fit"]
    assert check.wrong_order(answer | {"steps": without_the_given_ones}).passed is False


def test_three_trainings_move_nothing_statistics_alone_and_weights():
    moved = {
        name: {path for path, change in changes.items() if change > 0}
        for name, changes in check.three_trainings().items()
    }
    head = {"head/kernel", "head/bias"}
    assert moved["A"] == head
    assert moved["B"] == head | {"norm/moving_mean", "norm/moving_variance"}
    assert moved["C"] > moved["B"]
    assert "conv/kernel" in moved["C"]


def test_trainings_belong_to_the_caller():
    check.three_trainings()["A"].clear()
    assert len(check.three_trainings()["A"]) == 8


def test_the_answers_own_error_reaches_its_author():
    said = check.what_moved(lambda changes: changes["no such weight"])
    assert said.passed is False
    assert "KeyError" in said.message
