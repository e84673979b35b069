"""The pipeline figure: its shuffle buffer against tf.data, its times against sums by hand, and what a reader does."""

import collections
import functools
import itertools
import math

import figure_pages
import numpy as np
import pytest
from visits import PHONE

from convbook.figures import Pipeline
from convbook.figures.pipeline import COSTS_MS

call = functools.partial(figure_pages.call, Pipeline)
RNG = np.random.default_rng(11)
TINY = {"order": [0, 2, 1, 3], "bufferSize": 2, "batch": 2, "queue": 1, "loadMs": 10, "trainMs": 8}


def plan(page, **settings):
    return call(page, "planEpoch", [[TINY | settings]])[0]


def outcome(page):
    return page.locator(".cb-outcome").inner_text()


def stations(page):
    """How many pictures lie where: what moves, by the box on which it lies."""
    script = """() => {
      const boxes = [...document.querySelectorAll(".cb-station")].map((e) => [e.classList[1].slice(3),
        e.querySelector("rect").getBoundingClientRect()]);
      const middle = ({ x, y, width, height }) => [x + width / 2, y + height / 2];
      const within = ([x, y], box) => x > box.left && x < box.right && y > box.top && y < box.bottom;
      return [...document.querySelectorAll(".cb-moving > :not(.cb-hidden)")].map((tile) =>
        boxes.find(([, box]) => within(middle(tile.getBoundingClientRect()), box))?.[0] ?? "nowhere"); }"""
    return collections.Counter(page.evaluate(script))


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"buffer_size": 0}, "give a whole number, 1 to 24|give 1 to 24"),
        ({"buffer_size": 2.5}, "whole number, 1 to 24"),
        ({"cache": 1}, "True or False"),
        ({"prefetch": "yes"}, "True or False"),
        ({"epoch": 3}, "give 1 or 2"),
        ({"time_ms": -1}, "0 to 1000"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_remedy(changes, remedy):
    figure_pages.assert_refused(Pipeline, changes, remedy)


# ---- the shuffle buffer --------------------------------------------------------------------------------------------


def test_the_buffer_keeps_what_it_promises(blank):
    calls = [[count, size, RNG.random(count).tolist()] for count in (1, 7, 24) for size in (1, 2, 5, count, 40)]
    for (count, size, _), order in zip(calls, call(blank, "shuffle", calls), strict=True):
        assert sorted(order) == list(range(count))
        assert (np.array(order) <= np.arange(count) + size - 1).all()  # nobody leaves before entering
        assert size > 1 or order == list(range(count))
    assert call(blank, "shuffle", [[4, 2, [0.9, 0.1, 0.5, 0]]]) == [[1, 0, 3, 2]]  # of 0 1, of 0 2, of 2 3, of 2


def test_each_order_is_as_likely_as_with_tf_data(blank):
    """All choices of a buffer of 2 for 4 elements, 1/2 each and the last without one, against 400 shuffles."""
    import tensorflow as tf

    choices = [[*halves, 0.0] for halves in itertools.product((0.25, 0.75), repeat=3)]
    expected = collections.Counter(map(tuple, call(blank, "shuffle", [[4, 2, draws] for draws in choices])))
    assert len(expected) == 8
    shuffled = tf.data.Dataset.range(4).shuffle(2, seed=5)
    drawn = collections.Counter(tuple(int(number) for number in shuffled) for _ in range(400))
    assert set(drawn) == set(expected)
    assert all(abs(count - 50) < 4 * math.sqrt(50) for count in drawn.values())


# ---- the times -----------------------------------------------------------------------------------------------------


def test_one_epoch_by_hand(blank):
    alone = plan(blank, prefetch=False)
    # Loaded at 10, 20 (0 leaves), 30 (2 leaves): trained on from 30 to 46; then 3 is loaded until 56.
    assert [picture["loaded"] for picture in alone["pictures"]] == [10, 20, 30, 56]
    assert [alone["pictures"][n]["leaves"] for n in (0, 2, 1, 3)] == [20, 30, 56, 56]
    assert [[batch["starts"], batch["done"]] for batch in alone["batches"]] == [[30, 46], [56, 72]]
    assert [alone[name] for name in ("total", "training", "waiting")] == [72, 32, 40]
    ahead = plan(blank, prefetch=True)
    assert [[batch["ready"], batch["starts"], batch["done"]] for batch in ahead["batches"]] == [
        [30, 30, 46],
        [40, 46, 62],
    ]
    assert ahead["waiting"] == 30


def test_the_queue_has_room_for_so_many_batches(blank):
    """Loading takes 2, training 16 a batch: with room for two, the fourth is loaded when the second leaves."""
    quick = {"order": list(range(10)), "bufferSize": 1, "loadMs": 1, "queue": 2, "prefetch": True}
    batches = plan(blank, **quick)["batches"]
    assert [batch["starts"] for batch in batches] == [2, 18, 34, 50, 66]
    assert [batch["ready"] for batch in batches] == [2, 4, 6, 20, 36]


@pytest.mark.parametrize("prefetch", [False, True])
def test_every_epoch_is_consistent(blank, prefetch):
    for size, count, batch in itertools.product((1, 3, 24), (24, 10), (4, 3)):
        (order,) = call(blank, "shuffle", [[count, size, RNG.random(count).tolist()]])
        epoch = plan(blank, order=order, bufferSize=size, batch=batch, queue=2, prefetch=prefetch)
        pictures, batches = epoch["pictures"], epoch["batches"]
        assert [picture for each in batches for picture in each["pictures"]] == order
        assert len(batches) == -(-count // batch)
        loaded = [picture["loaded"] for picture in pictures]
        assert (np.diff(loaded) >= 10).all()
        assert all(picture["begins"] + 10 == picture["loaded"] <= picture["leaves"] for picture in pictures)
        for time in np.linspace(0, epoch["total"], 40):
            waiting = sum(p["loaded"] <= time < p["leaves"] for p in pictures)
            assert waiting <= size
        for before, after in itertools.pairwise(batches):
            assert before["ready"] <= before["starts"] < before["done"] <= after["starts"] >= after["ready"]
        if not prefetch:
            assert epoch["waiting"] == 10 * count
        assert epoch["total"] == epoch["training"] + epoch["waiting"] == batches[-1]["done"]


def test_cache_and_prefetch_save_what_the_model_says(show):
    """24 pictures: loading takes 240 ms, from the cache 24 ms, training 192 ms."""
    assert COSTS_MS == {"decode": 10, "cached": 1, "train": 8}
    totals = {}
    for cache, prefetch in itertools.product((False, True), repeat=2):
        page = show(Pipeline(cache=cache, prefetch=prefetch))
        totals[cache, prefetch] = [figure_pages.numbers(text) for text in figure_pages.texts(page, ".cb-total")]
    assert totals[False, False] == [[432, 240], [432, 240]]
    assert totals[True, False] == [[432, 240], [216, 24]]
    assert totals[False, True] == [[272, 80], [272, 80]]  # decoding goes on without a break, then the last batch
    assert totals[True, True] == [[272, 80], [196, 4]]
    full = show(Pipeline(prefetch=True, buffer_size=24))
    assert figure_pages.numbers(figure_pages.texts(full, ".cb-total")[0]) == [432, 240]  # first the buffer is filled


# ---- what a reader sees and does -----------------------------------------------------------------------------------


def test_the_batches_are_those_of_the_buffer(show, blank):
    page = show(Pipeline(buffer_size=5, epoch=2))
    (order,) = call(blank, "shuffle", [[24, 5, Pipeline()._plan["draws"][1]]])
    batches = [[int(text) for text in each.split()] for each in figure_pages.texts(page, ".cb-batches > span")]
    assert [number - 1 for each in batches for number in each] == order
    cats = [sum(number <= 12 for number in batch) for batch in batches]
    labels = page.locator(".cb-batches > span").evaluate_all("(all) => all.map((batch) => batch.ariaLabel)")
    assert [figure_pages.numbers(label)[1:] for label in labels] == [[count, 4 - count] for count in cats]
    alike = sum(count in (0, 4) for count in cats)
    assert outcome(page).startswith(f"Batches of one kind only: {alike} of 6.")
    assert page.locator(".cb-out.cb-cat").count() == 12


def test_reader_sets_the_pipeline_and_the_outcome_answers(show):
    page = show(Pipeline())
    told = (
        "Batches of one kind only: 6 of 6. The network waits 56 % of the time: pictures are decoded only when it asks."
    )
    assert outcome(page) == told
    figure_pages.slide(page, "Buffer", 24)
    page.get_by_text("Every batch holds cats and dogs.").wait_for()
    page.get_by_role("checkbox", name="Prefetch").check()
    page.get_by_text("nothing leaves before the buffer is full").wait_for()
    page.get_by_role("checkbox", name="Cache").check()
    page.get_by_text("the cache is filled now, for epoch 2").wait_for()
    page.get_by_role("radio", name="Epoch 2").click()
    page.get_by_text("for its first batch").wait_for()
    figure_pages.wait_for_speech(page, "for its first batch")


@pytest.mark.parametrize("size", [{"width": 1280, "height": 900}, PHONE], ids=["wide", "phone"])
def test_pictures_lie_in_the_stations_that_the_time_asks_for(show, size):
    page = show(Pipeline(buffer_size=8, cache=True, prefetch=True), size=size, reduced_motion="reduce")
    assert stations(page) == {"disk": 23, "decode": 1}
    figure_pages.slide(page, "Time", 95)  # nine are loaded, the tenth is loading: two have left a buffer of eight
    page.get_by_role("img", name="after 95 milliseconds: 14 not loaded yet, 7 in the shuffle buffer").wait_for()
    assert stations(page) == {"disk": 14, "decode": 1, "buffer": 7, "batch": 2}
    assert page.locator(".cb-ghosts > :not(.cb-hidden)").count() == 24 + 9  # on the disk, and in the cache
    page.get_by_role("radio", name="Epoch 2").click()
    figure_pages.slide(page, "Time", 12)  # eleven are loaded: the first batch is trained on, 7 wait in the buffer
    page.get_by_role("img", name="Epoch 2 after 12 milliseconds").wait_for()
    found = stations(page)
    assert (found["network"], found["disk"]) == (4, 0)
    assert sum(found.values()) == 24


def test_play_runs_through_both_epochs_and_pauses(show):
    page = show(Pipeline(cache=True, prefetch=True, time_ms=262))
    page.get_by_role("button", name="Play").click()
    page.get_by_role("radio", name="Epoch 2", checked=True).wait_for()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Play").wait_for()
    time = page.get_by_role("slider", name="Time")
    stopped = time.input_value()
    page.wait_for_timeout(200)
    assert time.input_value() == stopped
    figure_pages.slide(page, "Time", 196)
    page.get_by_role("button", name="Play").click()  # from the end it begins anew
    page.get_by_role("radio", name="Epoch 1", checked=True).wait_for()
