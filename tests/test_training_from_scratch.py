"""The four small trainings of chapter 6's first exercise show what they stand for."""

import numpy as np
import pytest

from convbook.checks import training_from_scratch as check
from convbook.checks import unanswered


@pytest.fixture(scope="module")
def runs():
    by_name = check.four_runs()
    return {diagnosis: by_name[name] for name, diagnosis in check.DIAGNOSES.items()}


def gaps(run):
    return np.subtract(run["accuracy"], run["val_accuracy"])


def test_run_that_overfits_learns_its_own_pictures_and_gets_worse_on_others(runs):
    run = runs["overfitting"]
    assert run["accuracy"][-1] > 0.99
    assert 0.65 < run["val_accuracy"][-1] < 0.85
    assert run["val_loss"][-1] > 1.3 * min(run["val_loss"])


def test_run_with_a_leak_is_too_good_to_be_true(runs):
    run = runs["leak"]
    assert run["val_accuracy"][-1] > 0.99
    assert np.abs(gaps(run)).max() < 0.05
    assert run["loss"] == runs["overfitting"]["loss"]  # the same training: only the validation pictures differ


def test_run_of_a_small_network_stays_low_with_a_small_gap(runs):
    run = runs["too small"]
    assert 0.6 < run["accuracy"][-1] < 0.85
    assert gaps(run)[-1] < 0.1
    assert np.diff(run["loss"]).max() < 0.05


def test_run_with_too_high_a_rate_jumps_in_training(runs):
    run = runs["rate too high"]
    assert (np.diff(run["loss"]) > 0.2).sum() >= 5
    assert min(run["loss"]) > 0.4
    assert np.median(run["loss"]) > np.log(2)  # worse than to guess


def test_runs_are_the_same_every_time_and_belong_to_the_caller():
    first = check.four_runs()
    first["A"]["loss"].clear()
    assert len(check.four_runs()["A"]["loss"]) == check.EPOCHS


def test_gradients_are_those_of_the_loss():
    """Against differences of the loss, on inputs that are not square."""
    lots = np.random.default_rng(0)
    x, labels = lots.normal(size=(7, 5)), np.array([0, 1, 1, 0, 1, 0, 1])
    weights = check._initial_weights(5, 3, lots)
    for weight, gradient in zip(weights, check._gradients(weights, x, labels), strict=True):
        for place in np.ndindex(weight.shape):
            losses = []
            for step in (1e-6, -2e-6):
                weight[place] += step
                losses.append(check._measure(weights, x, labels)[0])
            weight[place] += 1e-6
            assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(gradient[place], abs=1e-6)


def test_each_diagnosis_has_one_remedy_and_one_run():
    assert sorted(check.DIAGNOSES.values()) == sorted(check.REMEDIES)
    answer = {name: (diagnosis, check.REMEDIES[diagnosis]) for name, diagnosis in check.DIAGNOSES.items()}
    assert check.curves(answer).passed is True
    for name, diagnosis in check.DIAGNOSES.items():
        for other in set(check.REMEDIES) - {diagnosis}:
            said = check.curves(answer | {name: (other, check.REMEDIES[other])})
            assert said.passed is False
            assert said.message.startswith(f"{name} is not")


def test_three_answers_can_be_as_often_right_at_more_than_twice_the_loss():
    said = check.louder(([0.6, 0.4, 0.4], [0.99, 0.01, 0.01]))
    assert said.passed is True
    assert "0.65" in said.message  # -(2 ln 0.6 + ln 0.4) / 3
    assert "1.54" in said.message  # -(2 ln 0.99 + ln 0.01) / 3
    assert check.louder(([0.6, 0.6, 0.4], [0.99, 0.99, 0.01])).passed is False


def test_threshold_is_accepted_where_a_tenth_of_the_dogs_lies_below_it():
    def lower_tenth(probabilities, labels):
        dogs = np.sort(probabilities[labels == 1])
        return dogs[len(dogs) // 10]

    assert check.threshold(lower_tenth).passed is True
    assert check.threshold(lambda probabilities, labels: 0.5).passed is False
    assert check.threshold(lambda probabilities, labels: 1 - lower_tenth(probabilities, 1 - labels)).passed is False


@pytest.mark.parametrize("exercise", [check.curves, check.louder, check.threshold])
def test_stub_is_no_answer(exercise):
    assert exercise(...) == unanswered()
