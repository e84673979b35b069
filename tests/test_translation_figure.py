"""The translation figure: its nets' answers against Keras, and what a reader sees and does in a browser."""

import re

import numpy as np
import pytest
import traitlets
from axe_playwright_python.sync_playwright import Axe
from figure_pages import spoken
from visits import PHONE, WIDE

from convbook import digit_nets, photos
from convbook.figures import Convolution, Translation, base, still
from convbook.figures.translation import answer_everywhere, load_samples, place_sample, predict, write_percent

# A place where both are right, one where the Dense net is lost, and a corner.
STATES = [
    {"digit": 4},
    {"digit": 4, "sample": 2, "down": 8, "right": -6},
    {"digit": 7, "sample": 1, "down": -17, "right": 17},
]


def texts(page, selector):
    return page.locator(selector).all_inner_texts()


def answers(page):
    """What each net says, as the figure writes it."""
    return texts(page, ".cb-answer")


def expected_answers(figure):
    return [
        f"{'✓' if answer == figure.digit else '✗'} says {answer}: {'right' if answer == figure.digit else 'wrong'}"
        for answer in figure.answers.values()
    ]


def wait_for_place(page, words):
    page.locator(".cb-input .cb-note").get_by_text(words, exact=True).wait_for()


def wait_until_all_are_tried(page):
    page.wait_for_function("[...document.querySelectorAll('.cb-count')].every((c) => / places$/.test(c.textContent))")


def canvas(page, nth=0):
    return page.locator(".cb-input .cb-pixels").nth(nth)


def pixels_of(grid):
    """The red, green and blue of every pixel of a pixel grid."""
    script = """(grid) => { const canvas = grid.querySelector("canvas");
      return [canvas.height, canvas.width,
        [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]]; }"""
    height, width, values = grid.evaluate(script)
    return np.reshape(values, (height, width, 4))[..., :3]


def centre_of(grid, row, column):
    """Where on the screen a pixel of a pixel grid has its centre."""
    height, width = grid.evaluate("(grid) => [grid.querySelector('canvas').height, grid.querySelector('canvas').width]")
    box = grid.bounding_box()
    return box["x"] + (column + 0.5) * box["width"] / width, box["y"] + (row + 0.5) * box["height"] / height


# ---- Python's side -------------------------------------------------------------------------------------------------


def test_samples_are_test_digits_and_no_net_was_trained_on_them():
    digits = photos.load_digits()
    train = {image[4:24, 4:24].tobytes() for image in digits.train_images}
    for digit in range(10):
        of_class = digits.test_images[digits.test_labels == digit]
        np.testing.assert_array_equal(load_samples()[digit], of_class[:3, 4:24, 4:24])
        assert not any(sample.tobytes() in train for sample in load_samples()[digit])


def test_digit_stands_where_it_was_moved_and_is_never_cut():
    ink = load_samples()[7, 1]
    figure = Translation(7, 1)
    np.testing.assert_array_equal(figure.image[17:37, 17:37], ink)
    figure.down, figure.right = -17, 5
    np.testing.assert_array_equal(figure.image[0:20, 22:42], ink)
    for down in (-17, 17):
        for right in (-17, 17):
            assert place_sample(7, 1, [(down, right)]).sum() == ink.sum()


def test_in_the_centre_both_nets_know_the_digit_and_outside_only_the_convnet_does():
    assert Translation(4).answers == {"dense": 4, "convnet": 4}
    moved = Translation(4, down=8, right=-8)
    assert moved.answers["dense"] != 4
    assert moved.answers["convnet"] == 4


@pytest.mark.parametrize("name", digit_nets.NAMES)
def test_probabilities_and_answers_everywhere_are_those_of_the_packaged_net(name):
    model = digit_nets.load(name)
    everywhere = answer_everywhere(name, 2, 1)
    for down, right in ((-17, -17), (0, 0), (3, -11), (17, 9)):
        image = photos.place_on_canvas(load_samples()[2, 1][np.newaxis], 54, down, right)
        probabilities = model.predict(image, verbose=0)
        np.testing.assert_allclose(predict(name, image), probabilities, rtol=1e-4, atol=1e-6)
        assert everywhere[down + 17, right + 17] == probabilities.argmax()


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"digit": 10}, "give 0 to 9"),
        ({"digit": -1}, "give 0 to 9"),
        ({"sample": 3}, "give 0 to 2. For others use convbook.digit_nets.load"),
        ({"down": 18}, "−17 to 17 pixels: beyond that the canvas would cut it off"),
        ({"right": -18}, "−17 to 17"),
        ({"right": 0.5}, "right"),
        ({"digit": "3"}, "digit"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    with pytest.raises(traitlets.TraitError, match=remedy):
        Translation(**changes)
    figure = Translation(2, 1, down=3)
    before = figure.state()
    ((name, value),) = changes.items()
    with pytest.raises(traitlets.TraitError, match=remedy):
        setattr(figure, name, value)
    assert figure.state() == before


def test_message_of_the_front_end_moves_the_digit():
    figure = Translation(4)
    figure.set_state({"digit": 0, "sample": 1, "down": -3, "right": 12})
    np.testing.assert_array_equal(figure.image[14:34, 29:49], load_samples()[0, 1])


def test_description_says_place_answers_and_how_many_places_each_net_knows():
    figure = Translation(4, down=-8, right=3)
    counts = [int((answer_everywhere(name, 4, 0) == 4).sum()) for name in digit_nets.NAMES]
    assert figure.describe().startswith(
        "Digit 4, test picture 1, 8 px up, 3 px right of the centre. The Dense net says "
    )
    assert figure.describe().endswith(
        f"Over all 1,225 places, the Dense net is right at {counts[0]:,}, the convnet at {counts[1]:,}."
    )
    assert counts[0] < 0.4 * counts[1]


def test_html_is_the_same_for_the_same_state_and_stays_below_180_kilobytes():
    first, second = (Translation(right=1).to_html() for _ in range(2))
    assert first == second
    assert first != Translation(right=2).to_html()
    assert len(first.encode()) < 180_000
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|\brequire\b|<link|\bsrc=", first)


# ---- the browser's numbers -----------------------------------------------------------------------------------------


def call_sweep(page, name, digit, sample):
    """All answers of a net, as the figure finds them, and place by place; and in how many pieces of work."""
    script = """async ([source, net, strip, digit, sample, network]) => {
      const load = (text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
      const [{ answerEverywhere, answerOf, digitOf, placeDigit }, { predict, unpackNet }] =
        [await load(source), await load(network)];
      const unpacked = unpackNet(net);
      const bytes = Uint8Array.from(atob(strip.data), (letter) => letter.charCodeAt(0));
      const ink = digitOf({ ...strip, values: bytes }, digit, sample);
      const answers = new Uint8Array(35 * 35).fill(255);
      const pieces = [...answerEverywhere(unpacked, ink, answers)].length;
      const places = [0, 34, 35 * 17 + 17, 35 * 4 + 29, 35 * 31 + 2, 35 * 34 + 34];
      const alone = places.map((n) => answerOf(predict(unpacked, placeDigit(ink, Math.floor(n / 35), n % 35))));
      return [pieces, [...answers], places, alone];
    }"""
    state = Translation().state()
    network = base.join_modules('import { predict, unpackNet } from "./network.js";\n')
    given = [str(Translation._esm), state["_nets"][name], state["_digits"], digit, sample, network]
    pieces, everywhere, places, alone = page.evaluate(script, given)
    assert [everywhere[n] for n in places] == alone
    return pieces, np.reshape(everywhere, (35, 35))


@pytest.mark.parametrize(("name", "pieces"), [("dense", 35), ("convnet", 64)])
def test_answers_at_all_places_are_those_of_keras(show, name, pieces):
    page = show(Convolution(np.zeros((5, 7), "uint8")))
    for digit, sample in ((3, 0), (8, 2)):
        given, everywhere = call_sweep(page, name, digit, sample)
        assert given == pieces  # one for each row, or for each step within the convnet's stride
        np.testing.assert_array_equal(everywhere, answer_everywhere(name, digit, sample))


@pytest.mark.parametrize("state", STATES, ids=lambda state: f"digit {state['digit']}, {len(state)} settings")
def test_answers_bars_and_parameters_are_those_of_keras(show, state):
    figure = Translation(**state)
    page = show(figure)
    assert answers(page) == expected_answers(figure)
    for n, values in enumerate(figure.probabilities.values()):
        panel = page.locator(".cb-net").nth(n)
        shown = [int(text.removesuffix(" %")) for text in panel.locator(".cb-percent").all_inner_texts()]
        np.testing.assert_allclose(shown, 100 * values, atol=0.51)
        widths = panel.locator(".cb-fill").evaluate_all(
            "(bars) => bars.map((bar) => bar.getBoundingClientRect().width / bar.parentElement.clientWidth)"
        )
        np.testing.assert_allclose(widths, values, atol=0.01)
        given = panel.locator(".cb-bar-row").evaluate_all(
            "(rows) => rows.map((row) => [row.matches('.cb-given'), row.matches('.cb-true')])"
        )
        assert [row.index(True) for row in np.transpose(given).tolist()] == [values.argmax(), figure.digit]
        label = panel.locator(".cb-bars").get_attribute("aria-label")
        assert f", {figure.digit} {shown[figure.digit]} %" in f", {label.removeprefix('Probabilities: ')}"
    counts = [f"{digit_nets.load(name).count_params():,} parameters" for name in digit_nets.NAMES]
    assert texts(page, ".cb-net .cb-note") == counts


def test_canvas_shows_the_pixels_that_the_nets_are_given(show):
    figure = Translation(**STATES[1])
    page = show(figure)
    shown = pixels_of(canvas(page))
    np.testing.assert_array_equal(shown, np.broadcast_to(figure.image, (54, 54, 3)))
    assert texts(page, ".cb-input .cb-note") == ["8 px down, 6 px left of the centre"]


def test_maps_are_painted_and_counted_as_keras_answers(show):
    figure = Translation(4, 2)
    page = show(figure)
    wait_until_all_are_tried(page)
    for n, everywhere in enumerate(figure.answers_everywhere.values()):
        is_right = everywhere == 4
        expected = still.diverging_colors(np.where(is_right, -1, 0.45), 1)
        np.testing.assert_array_equal(pixels_of(page.locator(".cb-places .cb-pixels").nth(n)), expected)
        assert texts(page, ".cb-count")[n] == f"{is_right.sum():,} of 1,225 places"


def test_nothing_is_tried_while_the_figure_is_out_of_sight(show):
    page = show(Translation(4), Translation(4), Translation(4))
    page.wait_for_function("/ places$/.test(document.querySelector('.cb-count').textContent)")
    last = page.locator(".cb-count").last
    assert last.inner_text() == "0 of 0 tried"
    last.scroll_into_view_if_needed()
    last.get_by_text("places").wait_for()


def test_what_was_tried_is_kept(show):
    page = show(Translation(4))
    wait_until_all_are_tried(page)
    before = texts(page, ".cb-count")
    page.get_by_role("combobox", name="Digit").select_option("0")
    page.locator(".cb-count").first.get_by_text("tried").wait_for()
    page.get_by_role("combobox", name="Digit").select_option("4")
    wait_until_all_are_tried(page)
    assert texts(page, ".cb-count") == before


# ---- what a reader does --------------------------------------------------------------------------------------------


def test_arrow_keys_move_the_digit_and_shift_leaps_to_the_next_window(show):
    page = show(Translation(4))
    canvas(page).focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "Shift+ArrowDown", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    wait_for_place(page, "6 px down, 7 px left of the centre")
    assert answers(page) == expected_answers(Translation(4, down=6, right=-7))
    for _ in range(3):
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("End")
    wait_for_place(page, "17 px down, 17 px right of the centre")
    assert answers(page) == expected_answers(Translation(4, down=17, right=17))


def test_buttons_move_the_digit_as_far_as_it_goes_and_back(show):
    page = show(Translation(4, right=16))
    page.get_by_role("button", name="Move digit right").click()
    page.get_by_role("button", name="Move digit right", disabled=True).wait_for()
    page.get_by_role("button", name="Move digit right").click(force=True)
    page.get_by_role("button", name="Move digit up").click()
    wait_for_place(page, "1 px up, 17 px right of the centre")
    page.get_by_role("button", name="Centre").click()
    wait_for_place(page, "in the centre")
    assert answers(page) == expected_answers(Translation(4))


def test_a_drag_moves_the_digit_and_a_click_puts_it_there(show):
    page = show(Translation(4))
    page.mouse.move(*centre_of(canvas(page), 20, 20))
    page.mouse.down()
    page.mouse.move(*centre_of(canvas(page), 26, 15), steps=6)
    wait_for_place(page, "6 px down, 5 px left of the centre")
    assert answers(page) == expected_answers(Translation(4, down=6, right=-5))
    page.mouse.move(*centre_of(canvas(page), 53, 15), steps=6)
    page.mouse.up()
    wait_for_place(page, "17 px down, 5 px left of the centre")
    page.mouse.click(*centre_of(canvas(page), 8, 50))
    wait_for_place(page, "17 px up, 17 px right of the centre")


def test_a_click_on_the_map_of_places_puts_the_digit_there(show):
    page = show(Translation(4))
    page.mouse.click(*centre_of(page.locator(".cb-places .cb-pixels").nth(1), 30, 4))
    wait_for_place(page, "13 px down, 13 px left of the centre")


def test_a_finger_drags_the_digit_and_scrolls_the_page_beside_it(show):
    page = show(Translation(4), size=PHONE, has_touch=True, is_mobile=True)
    touch = page.context.new_cdp_session(page)

    def swipe(start, end):
        places = [centre_of(canvas(page), *place) for place in np.linspace(start, end, 8)]
        for n, (x, y) in enumerate(places):
            point = {"type": "touchMove" if n else "touchStart", "touchPoints": [{"x": x, "y": y}]}
            touch.send("Input.dispatchTouchEvent", point)
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    swipe((27, 27), (20, 31))
    wait_for_place(page, "7 px up, 4 px right of the centre")
    swipe((50, 5), (5, 5))
    page.wait_for_function("scrollY > 0")
    wait_for_place(page, "7 px up, 4 px right of the centre")


def test_another_digit_and_another_picture_of_it_can_be_chosen(show):
    page = show(Translation(4, right=3))
    page.get_by_role("combobox", name="Digit").select_option("9")
    page.get_by_role("combobox", name="Picture").select_option("3")
    page.locator(".cb-true .cb-name").first.get_by_text("9").wait_for()
    page.locator(".cb-spoken").get_by_text("Digit 9, test picture 3").wait_for(state="attached")
    figure = Translation(9, 2, right=3)
    np.testing.assert_array_equal(pixels_of(canvas(page))[..., :1], figure.image)
    assert answers(page) == expected_answers(figure)


def test_every_control_is_reached_by_keyboard_with_a_visible_focus(show):
    page = show(Translation(4))
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.tagName"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", reached[-1]
    buttons = [f"Move digit {way}" for way in ("left", "up", "down", "right")]
    described = "Canvas of 54 by 54 pixels with the digit 4, in the centre; arrow keys move it"
    assert reached == ["SELECT", "SELECT", *buttons, "BUTTON", described]


def test_answers_are_spoken_once_the_reader_rests(show):
    page = show(Translation(4))
    assert page.locator(".cb-spoken").get_attribute("aria-live") == "polite"
    wait_until_all_are_tried(page)
    canvas(page).focus()
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    page.get_by_text("5 px down of the centre. The Dense net says").wait_for(state="attached")
    assert spoken(page) == Translation(4, down=5).describe()


# ---- themes, print, room -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES[1:], ids=lambda state: f"digit {state['digit']}")
def test_still_picture_says_what_the_live_figure_says(show, state):
    figure = Translation(**state)
    live, printed, without_script = show(figure), show(figure), show(figure, java_script_enabled=False)
    wait_until_all_are_tried(live)
    printed.emulate_media(media="print")
    for page in (printed, without_script):
        drawing = page.locator(".convbook-still svg")
        assert drawing.is_visible()
        assert not page.locator(".convbook-live").is_visible()
        written = drawing.locator("text").all_text_contents()
        assert [text for text in written if text.endswith(" %")] == texts(live, ".cb-percent")
        for mark, answer in (text.split(" says ") for text in answers(live)):
            number, outcome = answer.split(": ")
            assert f"says {number}: {mark} {outcome}" in written
        assert set(texts(live, ".cb-count")) <= set(written)
        assert drawing.get_attribute("aria-label") == figure.describe()


def test_a_half_is_rounded_up():
    shares = (0, 0.0049, 0.005, 0.125, 0.995, 1)
    assert [write_percent(share) for share in shares] == ["0 %", "0 %", "1 %", "13 %", "100 %", "100 %"]


@pytest.mark.parametrize(("theme", "size"), [("light", WIDE), ("dark", PHONE)], ids=["light", "dark"])
def test_axe_finds_nothing_serious(show, theme, size):
    page = show(Translation(4, down=8), Translation(7), theme=theme, size=size)
    assert page.locator(".convbook-figure").first.get_attribute("data-theme") == theme
    violations = Axe().run(page).response["violations"]
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []


def test_right_and_wrong_are_told_by_sign_and_word_not_by_colour_alone(show):
    page = show(Translation(4, down=8, right=-8))
    wrong, right = answers(page)
    assert wrong.startswith("✗")
    assert wrong.endswith("wrong")
    assert right == "✓ says 4: right"


def test_nothing_is_wider_than_the_page_and_answers_stay_on_a_phones_screen(show):
    page = show(Translation(4, down=-17, right=17), Translation(7))
    for width in (340, 390, 600, 700, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        rows = "[...document.querySelectorAll('.cb-bar-row, .cb-answer')]"
        assert page.evaluate(f"{rows}.filter((row) => row.scrollWidth > row.clientWidth + 1).length") == 0
    page.set_viewport_size(PHONE)
    top = page.locator(".cb-bar").first.bounding_box()["y"]
    bars = page.locator(".cb-bars").first.bounding_box()
    assert bars["y"] + bars["height"] - top < PHONE["height"] - 100


def test_two_translations_and_a_convolution_share_a_page(show):
    page = show(Translation(4), Convolution(np.zeros((5, 7), "uint8")), Translation(7, right=2))
    page.get_by_role("button", name="Move digit down").first.click()
    wait_for_place(page, "1 px down of the centre")
    assert texts(page, "[data-figure=translation] .cb-input .cb-note") == [
        "1 px down of the centre",
        "2 px right of the centre",
    ]
