"""The translation figure: its nets' answers against Keras, and what a reader sees and does in a browser."""

import functools

import numpy as np
import pytest
from figure_pages import assert_refused, centre_of, diverging_colors, pixels_of, spoken, texts, wait_for_speech
from visits import PHONE, WIDE

from convbook import digit_nets, photos
from convbook.figures import Translation, base
from convbook.figures.translation import load_samples

# A place where both are right, one where the Dense net is lost, and a corner.
STATES = [
    {"digit": 4},
    {"digit": 4, "sample": 2, "down": 8, "right": -6},
    {"digit": 7, "sample": 1, "down": -17, "right": 17},
]


def answers(page):
    """What each net says, as the figure writes it."""
    return texts(page, ".cb-answer")


# ---- the oracle: the nets in Keras -----------------------------------------------------------------------------------


load_net = functools.cache(digit_nets.load)


def draw(digit=3, sample=0, down=0, right=0):
    """The canvas with the digit: uint8 (54, 54, 1)."""
    return photos.place_on_canvas(load_samples()[digit, sample][np.newaxis], 54, down, right)[0]


def predict(name, images):
    """A net's probabilities: float32 (n, 10)."""
    return np.asarray(load_net(name)(np.asarray(images, dtype="float32")))


def probabilities(**state):
    """What each net gives for the ten digits: {name: float32 (10,)}."""
    return {name: predict(name, draw(**state)[np.newaxis])[0] for name in digit_nets.NAMES}


@functools.cache
def answer_everywhere(name, digit, sample):
    """A net's answer at every position of a digit, from down=right=−17 on: int64 (35, 35)."""
    steps = range(-17, 18)
    rows = [predict(name, [draw(digit, sample, down, right) for right in steps]) for down in steps]
    return np.stack(rows).argmax(axis=-1)


def expected_answers(digit=3, **state):
    """What the figure writes above the bars of the two nets."""
    given = [values.argmax() for values in probabilities(digit=digit, **state).values()]
    return [f"{'✓' if n == digit else '✗'} says {n}: {'right' if n == digit else 'wrong'}" for n in given]


def wait_until_all_are_tried(page):
    page.wait_for_function("[...document.querySelectorAll('.cb-count')].every((c) => / places$/.test(c.textContent))")


def canvas(page, nth=0):
    return page.locator(".cb-input .cb-pixels").nth(nth)


# ---- Python's side -------------------------------------------------------------------------------------------------


def test_samples_are_test_digits_and_no_net_was_trained_on_them():
    digits = photos.load_digits()
    train = {image[4:24, 4:24].tobytes() for image in digits.train_images}
    for digit in range(10):
        of_class = digits.test_images[digits.test_labels == digit]
        np.testing.assert_array_equal(load_samples()[digit], of_class[:3, 4:24, 4:24])
        assert not any(sample.tobytes() in train for sample in load_samples()[digit])


def test_in_the_centre_both_nets_know_the_digit_and_outside_only_the_convnet_does():
    assert [values.argmax() for values in probabilities(digit=4).values()] == [4, 4]
    dense, convnet = (values.argmax() for values in probabilities(digit=4, down=8, right=-8).values())
    assert dense != 4
    assert convnet == 4
    counts = [(answer_everywhere(name, 4, 0) == 4).sum() for name in digit_nets.NAMES]
    assert counts[0] < 0.4 * counts[1]


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"digit": 10}, "give 0 to 9"),
        ({"sample": 3}, "give 0 to 2. The figure holds 3 .* use convbook.digit_nets.load"),
        ({"down": 18}, "−17 to 17. Farther out, the canvas would cut the digit off"),
        ({"right": -18}, "−17 to 17"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    assert_refused(Translation, changes, remedy)


def test_html_stays_below_176_kilobytes():
    assert len(Translation(right=1).to_html().encode()) < 176_000


# ---- the browser's numbers -----------------------------------------------------------------------------------------


def call_sweep(page, name, digit, sample):
    """All answers of a net, as the figure finds them, and place by place; and in how many pieces of work."""
    script = """async ([source, net, strip, digit, sample, network]) => {
      const load = (text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
      const [{ answerEverywhere, answerOf, digitOf }, { placeDigit, predict, unpackNet }] =
        [await load(source), await load(network)];
      const unpacked = unpackNet(net);
      const bytes = Uint8Array.from(atob(strip.data), (letter) => letter.charCodeAt(0));
      const ink = digitOf({ ...strip, values: bytes }, digit, sample);
      const answers = new Uint8Array(35 * 35).fill(255);
      const pieces = [...answerEverywhere(unpacked, ink, answers)].length;
      const places = [0, 34, 35 * 17 + 17, 35 * 4 + 29, 35 * 31 + 2, 35 * 34 + 34];
      const alone = places.map((n) => answerOf(predict(unpacked, placeDigit(ink, Math.floor(n / 35), n % 35, 54))));
      return [pieces, [...answers], places, alone];
    }"""
    state = Translation().state()
    network = base.join_modules('import { placeDigit, predict, unpackNet } from "./network.js";\n')
    given = [str(Translation._esm), state["_nets"][name], state["_digits"], digit, sample, network]
    pieces, everywhere, places, alone = page.evaluate(script, given)
    assert [everywhere[n] for n in places] == alone
    return pieces, np.reshape(everywhere, (35, 35))


@pytest.mark.parametrize(("name", "pieces"), [("dense", 35), ("convnet", 64)])
def test_answers_at_all_places_are_those_of_keras(blank, name, pieces):
    for digit, sample in ((3, 0), (8, 2)):
        given, everywhere = call_sweep(blank, name, digit, sample)
        assert given == pieces  # one for each row, or for each step within the convnet's stride
        np.testing.assert_array_equal(everywhere, answer_everywhere(name, digit, sample))


@pytest.mark.parametrize("state", STATES, ids=lambda state: f"digit {state['digit']}, {len(state)} settings")
def test_pixels_answers_bars_and_parameters_are_those_of_keras(show, state):
    page = show(Translation(**state))
    page.locator("summary").click()
    page.locator(".cb-bars").first.wait_for()
    np.testing.assert_array_equal(pixels_of(canvas(page)), np.broadcast_to(draw(**state), (54, 54, 3)))
    assert answers(page) == expected_answers(**state)
    for n, values in enumerate(probabilities(**state).values()):
        panel = page.locator(".cb-bars-of").nth(n)
        shown = [int(text.removesuffix(" %")) for text in panel.locator(".cb-percent").all_inner_texts()]
        np.testing.assert_allclose(shown, 100 * values, atol=0.51)
        widths = panel.locator(".cb-fill").evaluate_all(
            "(bars) => bars.map((bar) => bar.getBoundingClientRect().width / bar.parentElement.clientWidth)"
        )
        np.testing.assert_allclose(widths, values, atol=0.01)
        given = panel.locator(".cb-bar-row").evaluate_all(
            "(rows) => rows.map((row) => [row.matches('.cb-given'), row.matches('.cb-true')])"
        )
        assert [row.index(True) for row in np.transpose(given).tolist()] == [values.argmax(), state["digit"]]
        label = panel.locator(".cb-bars").get_attribute("aria-label")
        assert f", {state['digit']} {shown[state['digit']]} %" in f", {label.removeprefix('Probabilities: ')}"
    counts = [f"{digit_nets.load(name).count_params():,} parameters" for name in digit_nets.NAMES]
    assert texts(page, ".cb-bars-of .cb-note") == counts


def test_the_digit_is_never_cut(show):
    page = show(Translation(7, 1))
    for vertical, row in (("up", 0), ("down", 53)):
        for horizontal, column in (("left", 0), ("right", 53)):
            page.mouse.click(*centre_of(canvas(page), row, column))
            page.get_by_text(f"17 px {vertical}, 17 px {horizontal}", exact=True).wait_for()
            assert pixels_of(canvas(page))[..., 0].sum() == load_samples()[7, 1].sum()
            down, right = (17 if way in ("down", "right") else -17 for way in (vertical, horizontal))
            assert answers(page) == expected_answers(digit=7, sample=1, down=down, right=right)


def test_maps_are_painted_and_counted_as_keras_answers_and_kept(show):
    page = show(Translation(4, 2))
    wait_until_all_are_tried(page)
    for n, name in enumerate(digit_nets.NAMES):
        is_right = answer_everywhere(name, 4, 2) == 4
        expected = diverging_colors(np.where(is_right, -1, 0.45), 1)
        np.testing.assert_array_equal(pixels_of(page.locator(".cb-places .cb-pixels").nth(n)), expected)
        assert texts(page, ".cb-count")[n] == f"{is_right.sum():,} of 1,225 places"
    before = texts(page, ".cb-count")
    page.get_by_role("combobox", name="Digit").select_option("0")
    page.locator(".cb-count").first.get_by_text("tried").wait_for()
    page.get_by_role("combobox", name="Digit").select_option("4")
    wait_until_all_are_tried(page)
    assert texts(page, ".cb-count") == before


def test_nothing_is_tried_while_the_figure_is_out_of_sight(show):
    page = show(Translation(4), Translation(4), Translation(4))
    page.wait_for_function("/ places$/.test(document.querySelector('.cb-count').textContent)")
    last = page.locator(".cb-count").last
    assert last.inner_text() == "0 of 0 tried"
    last.scroll_into_view_if_needed()
    last.get_by_text("places").wait_for()


def test_another_digit_and_another_picture_of_it_can_be_chosen(show):
    page = show(Translation(4, right=3))
    page.get_by_role("combobox", name="Digit").select_option("9")
    page.get_by_role("combobox", name="Picture").select_option("3")
    wait_for_speech(page, "Digit 9, test picture 3")
    np.testing.assert_array_equal(pixels_of(canvas(page))[..., :1], draw(9, 2, right=3))
    assert answers(page) == expected_answers(digit=9, sample=2, right=3)


def test_answers_are_spoken_once_the_reader_rests(show):
    page = show(Translation(4))
    wait_until_all_are_tried(page)
    counts = [f"{(answer_everywhere(name, 4, 0) == 4).sum():,}" for name in digit_nets.NAMES]
    wait_for_speech(page, f"the Dense net is right at {counts[0]}, the convnet at {counts[1]}.")
    canvas(page).focus()
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    wait_for_speech(page, "Digit 4, test picture 1, 5 px down. The Dense net says")
    said = [int(part.split()[0]) for part in spoken(page).split(" says ")[1:]]
    assert said == [values.argmax() for values in probabilities(digit=4, down=5).values()]


# ---- what the reader draws -------------------------------------------------------------------------------------------

SEVEN = [(0.25, 0.15), (0.75, 0.15), (0.45, 0.85)]  # shares of the surface


def draw_by_pointer(page, points):
    box = page.locator(".cb-drawing").bounding_box()
    for n, (x, y) in enumerate(points):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=10)
        if n == 0:
            page.mouse.down()
    page.mouse.up()


def test_a_digit_that_the_reader_draws_is_answered_moved_and_tried_everywhere(show):
    page = show(Translation(7, down=3, right=-8))
    page.get_by_role("button", name="Draw one").click()
    page.get_by_text("Draw a 7").wait_for()
    assert not canvas(page).is_visible()
    draw_by_pointer(page, SEVEN)
    assert texts(page, ".cb-count") == ["0 of 0 tried"] * 2  # not while it is drawn
    page.get_by_role("button", name="Done").click()
    wait_until_all_are_tried(page)
    assert page.get_by_role("combobox", name="Picture").input_value() == "yours"
    pixels = pixels_of(canvas(page))[..., :1]
    ink = pixels[17:37, 17:37]
    assert pixels.sum() == ink.sum() > 10_000  # in the centre
    for n, name in enumerate(digit_nets.NAMES):
        everywhere = [
            predict(name, [photos.place_on_canvas(ink[np.newaxis], 54, down, right)[0] for right in range(-17, 18)])
            for down in range(-17, 18)
        ]
        is_right = np.stack(everywhere).argmax(axis=-1) == 7
        assert texts(page, ".cb-count")[n] == f"{is_right.sum():,} of 1,225 places"
        assert is_right[17, 17] == answers(page)[n].endswith("right")
    canvas(page).press("ArrowRight")
    page.get_by_text("1 px right", exact=True).wait_for()
    np.testing.assert_array_equal(pixels_of(canvas(page))[17:37, 18:38, :1], ink)
    wait_for_speech(page, "Digit 7, your drawing, 1 px right. The Dense net says")


def test_a_test_picture_can_be_had_back_and_so_can_the_drawing_and_another_digit_is_a_test_picture(show):
    page = show(Translation(7))
    page.get_by_role("button", name="Draw one").press("Enter")
    page.locator(".cb-drawing").focus()
    for key in ("Space", *["Shift+ArrowDown"] * 4, "Space"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Done").press("Enter")
    wait_for_speech(page, "your drawing")
    picture = page.get_by_role("combobox", name="Picture")
    drawn = pixels_of(canvas(page))
    assert drawn.any()
    picture.select_option("1")
    wait_for_speech(page, "test picture 1")
    np.testing.assert_array_equal(pixels_of(canvas(page))[..., :1], draw(7))
    picture.select_option("yours")
    wait_for_speech(page, "your drawing")
    np.testing.assert_array_equal(pixels_of(canvas(page)), drawn)
    page.get_by_role("combobox", name="Digit").select_option("2")
    wait_for_speech(page, "Digit 2, test picture 1")
    assert picture.input_value() == "1"


def test_nothing_moves_while_the_digit_is_dragged(show):
    for size in (WIDE, PHONE):
        page = show(Translation(4, down=-1), size=size)
        wait_until_all_are_tried(page)
        boxes = [page.locator(part).first.bounding_box() for part in (".cb-input", ".cb-answer", ".cb-places")]
        canvas(page).focus()
        for key in ("ArrowDown", "Shift+ArrowDown", "End", "Shift+ArrowUp", "Shift+ArrowUp", "Shift+ArrowUp"):
            page.keyboard.press(key)
            page.wait_for_timeout(50)
            now = [page.locator(part).first.bounding_box() for part in (".cb-input", ".cb-answer", ".cb-places")]
            assert now == boxes, key
