"""The seeds figure: its interval and verdict against SciPy and the book's own, and what a reader does in a browser."""

import re

import numpy as np
import pytest
from figure_pages import assert_refused, call, numbers, wait_for_speech
from scipy import stats

from convbook import evidence
from convbook.figures import Seeds

STUDIES = range(0, 1000, 7)


def studies_of(page, studies=STUDIES):
    return call(Seeds, page, "openStudy", [[study] for study in studies])


def test_intervals_are_students_and_those_of_the_evidence(blank):
    quantiles = Seeds()._quantiles
    samples = [study["deviations"][: 2 + n % 29] for n, study in enumerate(studies_of(blank))]
    for sample, found in zip(samples, call(Seeds, blank, "estimate", [[s, quantiles] for s in samples]), strict=True):
        np.testing.assert_allclose([found["low"], found["high"]], evidence.interval(sample), rtol=1e-9, atol=1e-12)
        student = stats.t.interval(0.95, len(sample) - 1, np.mean(sample), stats.sem(sample))
        np.testing.assert_allclose([found["low"], found["high"]], student, rtol=1e-9, atol=1e-12)
    (hand,) = call(Seeds, blank, "estimate", [[[1, 2, 3], quantiles]])
    assert [round(hand[end], 2) for end in ("low", "high")] == [-0.48, 4.48]


def test_verdicts_are_those_of_the_evidence_and_all_four_occur(blank):
    quantiles = Seeds()._quantiles
    given = []
    for shift in (-1.5, -0.2, 0, 0.3, 1.5):
        for n, study in enumerate(studies_of(blank)):
            given.append([shift + value for value in study["deviations"][: 2 + n % 29]])
    estimates = call(Seeds, blank, "estimate", [[differences, quantiles] for differences in given])
    verdicts = call(Seeds, blank, "judge", [[found, 0.6] for found in estimates])
    assert verdicts == [evidence.verdict(differences, "greater", 0.6) for differences in given]
    assert set(verdicts) == set(evidence.VERDICTS)


def test_seeds_are_normally_distributed_and_those_of_a_study_stay_the_same(blank):
    studies = studies_of(blank, range(1000))
    assert studies[::7] == studies_of(blank)
    deviations = np.array([study["deviations"] for study in studies])
    assert deviations.shape == (1000, 30)
    assert stats.kstest(deviations.ravel(), "norm").pvalue > 0.01
    assert abs(np.corrcoef(deviations[:, 0], deviations[:, 1])[0, 1]) < 0.1
    effects, counts = np.unique([study["effect"] for study in studies], return_counts=True)
    assert effects.tolist() == [-1.5, 0, 0.5, 1.5, 2.5]
    assert counts.min() > 150


def test_the_share_of_single_seeds_that_lie_is_that_of_the_normal_distribution(blank):
    pairs = [(0, 2), (0.5, 2), (-1.5, 2), (2.5, 0.5), (4, 5)]
    shares = call(Seeds, blank, "shareOfLies", pairs)
    np.testing.assert_allclose(shares, [stats.norm.cdf(-abs(effect) / spread) for effect, spread in pairs], atol=1e-6)


def test_of_studies_without_an_effect_one_in_twenty_claims_one(blank):
    quantiles = Seeds()._quantiles
    samples = [study["deviations"][:5] for study in studies_of(blank, range(1000))]
    found = call(Seeds, blank, "estimate", [[sample, quantiles] for sample in samples])
    assert 0.03 < np.mean([each["low"] > 0 or each["high"] < 0 for each in found]) < 0.07


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"count": 31}, "count is 31; give 0 to 30"),
        ({"spread": 0}, "points of accuracy"),
        ({"effect": 9}, "give −4 to 4"),
        ({"truth": "known"}, "give 'hidden', 'shown' or 'set'"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    assert_refused(Seeds, changes, remedy)


# ---- what a reader sees and does -------------------------------------------------------------------------------------


def test_the_first_seed_of_the_opening_study_points_the_wrong_way_and_more_find_the_truth(blank):
    (study,) = studies_of(blank, [Seeds().study])
    seeds = study["effect"] + Seeds().spread * np.array(study["deviations"])
    assert seeds[0] < 0 < study["effect"]
    verdicts = [evidence.verdict(seeds[:n], "greater", Seeds().margin) for n in range(2, 31)]
    assert verdicts[:3] == ["undecided"] * 3
    assert verdicts[-1] == "reproduced"


def test_a_reader_draws_seeds_and_sees_the_verdict_change_and_then_the_truth(show):
    page = show(Seeds())
    verdict, truth = page.locator(".cb-verdict"), page.locator(".cb-truth")
    assert verdict.inner_text().startswith("One seed: −")
    assert truth.inner_text() == "The truth is hidden."
    assert page.locator(".cb-true").get_attribute("d") == ""
    page.get_by_role("button", name="Draw a seed").press("Enter")
    page.get_by_text("Undecided after 2 seeds").wait_for()
    for count in (12, 22, 30):
        page.get_by_role("button", name="Draw ten").click()
        page.get_by_text(f"after {count} seeds").wait_for()
    assert page.get_by_role("button", name="Draw ten").get_attribute("aria-disabled") == "true"
    (study,) = studies_of(page, [Seeds().study])
    seeds = study["effect"] + 2 * np.array(study["deviations"])
    low, high = evidence.interval(seeds)
    mean, percent, *between = numbers(verdict.inner_text().replace("+", "").split(":")[1])
    assert percent == 95
    np.testing.assert_allclose([mean, *between], [seeds.mean(), low, high], atol=0.051)
    signs = page.locator(".cb-marks span").all_inner_texts()
    expected = [evidence.verdict(seeds[:n], "greater", 1) for n in range(2, 31)]
    words = {"✓": "reproduced", "=": "too small to matter", "?": "undecided", "✗": "contradicted"}
    assert [words[sign] for sign in signs[1:]] == expected
    page.get_by_role("button", name="Show the truth").click()
    wait_for_speech(page, "The truth was")
    assert f"+{study['effect']:.1f} points" in truth.inner_text()
    share = round(100 * stats.norm.cdf(-study["effect"] / 2))
    assert f"Of single seeds {share} % point the wrong way." in truth.inner_text()
    assert page.locator(".cb-true").get_attribute("d") == f"M0 {-study['effect']}H30"
    page.get_by_role("button", name="New study").click()
    page.get_by_text("The truth is hidden.").wait_for()
    assert re.match("One seed: ", verdict.inner_text())


def test_a_reader_sets_the_truth_and_the_spread(show):
    page = show(Seeds(count=30))
    page.get_by_label("Set the true effect").check()
    page.get_by_role("slider", name="True effect").fill("-2")
    page.get_by_role("slider", name="Spread of the seeds").fill("0.5")
    page.get_by_text("Contradicted after 30 seeds").wait_for()
    assert page.locator(".cb-truth").inner_text().startswith("The truth is −2.0 points, enough to matter.")
    page.get_by_role("slider", name="True effect").fill("0")
    page.get_by_text("Too small to matter after 30 seeds").wait_for()
