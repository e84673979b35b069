"""The figure teach it: what it learns and says against NumPy and scikit-learn, and what a reader does with photos."""

import base64
import functools
import io
import json

import numpy as np
import pytest
from figure_pages import assert_refused, call, texts
from photo_pages import noise_photo, open_figure, photo_file
from PIL import Image
from playwright.sync_api import expect
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from visits import PHONE

from convbook.figures import TeachIt
from convbook.figures.teach_it import list_examples, pack_examples, run_base

OWN = "your own photos"
CHOOSE = ".cb-add button >> nth=0"
SETS = ("owls and hedgehogs", "cats and dogs", "brick, grass and gravel")


# ---- the oracle ------------------------------------------------------------------------------------------------------


def features_of(example):
    """The features that the figure holds of an example: float64 (1280,)."""
    values = np.frombuffer(base64.b64decode(example["features"]), np.uint8)
    return values * (example["largest"] / 255)


def pixels_of(example):
    """The 16 × 16 pixels that the other classifier gets: 16 is a fifth of 80."""
    content = base64.b64decode(example["picture"].partition(",")[2])
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=float)
    return picture.reshape(16, 5, 16, 5, 3).mean(axis=(1, 3)).ravel()


@functools.cache
def rows_of(name, kind):
    """Rows, labels and rows to ask about of a set."""
    read = {"features": features_of, "pixels": pixels_of}[kind]
    classes = pack_examples()[name]
    named = [examples for title, examples in classes.items() if title]
    labels = np.concatenate([np.full(len(examples), n) for n, examples in enumerate(named)])
    return np.stack([read(e) for examples in named for e in examples]), labels, np.stack([read(e) for e in classes[""]])


def answers(rows, labels, asked):
    mean = rows.mean(axis=0)
    spread = np.sqrt(((rows - mean) ** 2).sum(axis=1).mean())
    model = LogisticRegression(C=100, tol=1e-8, max_iter=3000).fit((rows - mean) / spread, labels)
    return model.predict_proba((asked - mean) / spread)


def left_out(name, kind):
    """What is said of each photo that was left out: (n, classes), and the labels."""
    rows, labels, _ = rows_of(name, kind)
    is_other = ~np.eye(len(rows), dtype=bool)
    return np.stack([answers(rows[i], labels[i], rows[[n]])[0] for n, i in enumerate(is_other)]), labels


# ---- Python's side ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("changes", "remedy"), [({"photos": "cats"}, "give 'owls and hedgehogs', 'cats and dogs'")])
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    assert_refused(TeachIt, changes, remedy)


@pytest.mark.parametrize("name", SETS)
def test_the_record_holds_what_the_base_makes_of_the_examples(name):
    for kind, pictures in list_examples()[name].items():
        for features, example in zip(run_base(pictures), pack_examples()[name][kind], strict=True):
            np.testing.assert_allclose(features_of(example), features, atol=example["largest"] / 400)


def test_html_stays_below_272_kilobytes():
    assert len(TeachIt().to_html().encode()) < 272_000


# ---- pure functions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width", "side"), [(32, 48, 16), (5, 7, 16), (33, 20, 4)])
def test_a_photo_shrinks_to_the_means_of_its_parts(blank, height, width, side):
    photo = np.random.default_rng(height).integers(0, 256, (height, width, 4))
    data = {"height": height, "width": width, "data": photo.ravel().tolist()}
    found = np.reshape(call(TeachIt, blank, "shrinkPhoto", [[data, side]])[0], (side, side, 3))
    fine = np.repeat(np.repeat(photo[..., :3], side, axis=0), side, axis=1)  # every pixel as side × side of them
    expected = fine.reshape(side, height, side, width, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(found, expected, atol=0.5 + 1e-9)


def test_the_most_alike_point_in_the_most_similar_direction(blank):
    rows = np.random.default_rng(4).random((6, 9))
    rows[4] = 3 * rows[1] + 0.01
    first, second, cosine = call(TeachIt, blank, "mostAlike", [[(rows @ rows.T).tolist()]])[0]
    assert (first, second) == (1, 4)
    assert cosine == pytest.approx(rows[1] @ rows[4] / np.linalg.norm(rows[1]) / np.linalg.norm(rows[4]))


WHOLE = {
    "figure": "convbook teach it",
    "version": 1,
    "classes": [
        {
            "name": name,
            "photos": [
                {
                    "picture": "data:image/png;base64,AAAA",
                    "pixels": base64.b64encode(bytes(768)).decode(),
                    "largest": 2.5,
                    "features": base64.b64encode(bytes(1280)).decode(),
                }
            ],
        }
        for name in "ab"
    ],
}


def spoiled(**changes):
    """The text of a set of which the first photo is another."""
    one, other = WHOLE["classes"]
    return json.dumps(WHOLE | {"classes": [one | {"photos": [one["photos"][0] | changes]}, other]})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (json.dumps(WHOLE)[:-40], "is cut off or no set of photos; choose one"),
        ("{}", "is no set of photos from this figure; choose one"),
        ("null", "is no set of photos from this figure; choose one"),
        (json.dumps(WHOLE | {"version": 2}), "was saved by another version of the book; add its photos anew"),
        (json.dumps(WHOLE | {"classes": WHOLE["classes"][:1]}), "is cut off or was changed; choose another copy"),
        (json.dumps(WHOLE | {"classes": WHOLE["classes"] * 2}), "is cut off or was changed"),
        (json.dumps(WHOLE | {"classes": None}), "is cut off or was changed"),
        (spoiled(picture="https://example.com/cat.jpg"), "is cut off or was changed"),
        (spoiled(features="AAAA"), "is cut off or was changed"),
        (spoiled(pixels="?"), "is cut off or was changed"),
        (spoiled(largest=1e9), "is cut off or was changed"),
        (spoiled(largest="2"), "is cut off or was changed"),
    ],
)
def test_a_file_that_is_no_whole_set_of_this_version_is_refused_in_one_sentence(blank, text, sentence):
    script = """async ([source, text]) => {
      const { readSet } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
      try { readSet(text); } catch (error) { return error.message; }
    }"""
    refusal = blank.evaluate(script, [str(TeachIt._esm), text])
    assert sentence in refusal
    assert refusal.count(".") == 1
    assert blank.evaluate(script, [str(TeachIt._esm), json.dumps(WHOLE)]) is None


def shares(page):
    """What the base and the pixels say of the new photo, in per cents: (classes, 2)."""
    shown = texts(page, ".cb-row-of:not([hidden]) > span:nth-child(2n+3)")
    return np.reshape([int(text.removesuffix(" %")) for text in shown], (-1, 2))


# ---- what a reader sees of the examples ------------------------------------------------------------------------------


def wait_until_learned(page):
    page.wait_for_function("""() => [...document.querySelectorAll(".cb-class:not([hidden]) .cb-thumbs button")]
      .every((button) => /: base (right|wrong), pixels/.test(button.ariaLabel))""")


@pytest.mark.parametrize("name", SETS)
def test_left_out_answers_scores_and_answers_to_new_photos_are_those_of_scikit_learn(show, name):
    page = show(TeachIt(name))
    wait_until_learned(page)
    verdicts, scores, ranges = [], [], []
    for kind in ("features", "pixels"):
        given, labels = left_out(name, kind)
        right = given.argmax(axis=1) == labels
        verdicts.append(["right" if each else "wrong" for each in right])
        scores.append(f"{right.sum()} of {len(right)} left-out photos right")
        interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
        ranges.append(f"so {interval.low * 100:.0f} to {interval.high * 100:.0f} of 100 new ones")
    labels = page.locator(".cb-class:not([hidden]) .cb-thumbs button").evaluate_all(
        "(all) => all.map((e) => e.ariaLabel)"
    )
    assert [label.split(": ")[1] for label in labels] == [
        f"base {b}, pixels {p}" for b, p in zip(*verdicts, strict=True)
    ]
    assert texts(page, ".cb-score span:nth-child(2)") == scores
    assert texts(page, ".cb-score .cb-hint") == ranges
    for n, button in enumerate(page.locator(".cb-ask .cb-thumbs button").all()):
        button.click()
        page.locator(f".cb-ask button:nth-child({n + 1})[aria-checked=true]").wait_for()
        shown = shares(page)
        for k, kind in enumerate(("features", "pixels")):
            expected = answers(*rows_of(name, kind))[n]
            np.testing.assert_allclose(shown[:, k], 100 * expected, atol=0.8)


def test_the_chosen_photo_shows_what_was_said_of_it_and_its_numbers(show):
    page = show(TeachIt())
    wait_until_learned(page)
    for n in (3, 5):
        page.locator(".cb-class .cb-thumbs button").nth(n).click()
        for k, kind in enumerate(("features", "pixels")):
            given = left_out("owls and hedgehogs", kind)[0][n]
            says = f"{['owls', 'hedgehogs'][given.argmax()]} ({100 * given.max():.0f} %)"
            page.locator(".cb-chosen p").nth(k).get_by_text(says).wait_for()
        expected = rows_of("owls and hedgehogs", "features")[0][n].reshape(160, 8).T
        strip = page.locator(".cb-chosen canvas")
        pixels = strip.evaluate("(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")
        green = np.reshape(pixels, (8, 160, 4))[..., 1]  # falls from pale to orange
        assert np.corrcoef(green.ravel(), np.sqrt(expected).ravel())[0, 1] < -0.999


def test_the_two_most_alike_are_shown_with_their_numbers(show):
    page = show(TeachIt())
    wait_until_learned(page)
    page.locator("summary").click()
    rows = rows_of("owls and hedgehogs", "features")[0]
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosine = np.triu(units @ units.T, 1).max()
    page.get_by_text(f"up to a cosine of {cosine:.2f}").wait_for()


# ---- what a reader does ----------------------------------------------------------------------------------------------


@pytest.fixture
def visit(browser, tmp_path):
    """A function that opens the figure with the small network beside it; nothing may complain."""
    import contextlib

    with contextlib.ExitStack() as stack:
        pages = []

        def start(photos=OWN, **options):
            pages.append(stack.enter_context(open_figure(browser, tmp_path, TeachIt(photos), **options)))
            return pages[-1]

        yield start
        assert [complaint for page in pages for complaint in page.complaints] == []


def give(page, n, *files, button=CHOOSE):
    """Choose files for the nth class, or for the question where n is None."""
    panel = page.locator(".cb-ask" if n is None else f".cb-class >> nth={n}")
    with page.expect_file_chooser() as chooser:
        panel.locator(button).click()
    chooser.value.set_files(list(files))


def expect_photos(page, n, count):
    """Wait until one class holds so many photos; fail if it does not come to that."""
    expect(page.locator(".cb-class").nth(n).locator(".cb-thumbs button")).to_have_count(count)


def wait_for(page, words):
    page.locator(".convbook-figure").get_by_text(words).first.wait_for()


def settle(page):
    page.wait_for_function("!document.querySelector('.cb-waits, .cb-busy')")


def taught(visit, **options):
    """A page with two photos in each of two classes."""
    page = visit(**options)
    for n in (0, 1):
        give(page, n, *(noise_photo(seed=10 * n + k) for k in range(2)))
    page.wait_for_function("document.querySelectorAll('.cb-class .cb-thumbs button').length === 4")
    settle(page)
    wait_until_learned(page)
    return page


def test_photos_are_learned_one_after_the_other_each_once(visit):
    page = taught(visit)
    wait_for(page, "Base: 4 photos, once each, 4 of yours in")
    expect_photos(page, 0, 2)
    expect_photos(page, 1, 2)
    assert len([url for url in page.requests if "_static" in url]) == 1
    give(page, None, noise_photo(seed=77))
    page.wait_for_function("document.querySelectorAll('.cb-ask .cb-row-of:not([hidden])').length === 2")
    assert shares(page).shape == (2, 2)
    np.testing.assert_allclose(shares(page).sum(axis=0), 100, atol=1)


def test_a_photo_is_taken_out_moved_and_all_that_is_undone(visit):
    page = taught(visit)
    page.get_by_role("textbox", name="Name of class 2").fill("cups")
    page.get_by_role("textbox", name="Name of class 2").press("Enter")
    page.locator(".cb-class >> nth=0").locator(".cb-thumbs button").first.click()
    page.get_by_role("button", name="Move to cups").click()
    page.wait_for_function("document.querySelectorAll('.cb-class:nth-child(2) .cb-thumbs button').length === 3")
    wait_for(page, "Of class 1 there is one photo; add another")
    page.get_by_role("button", name="Take out").click()
    page.wait_for_function("document.querySelectorAll('.cb-class:nth-child(2) .cb-thumbs button').length === 2")
    for _ in range(2):
        page.get_by_role("button", name="Undo").click()
    page.wait_for_function("document.querySelectorAll('.cb-class:nth-child(1) .cb-thumbs button').length === 2")
    expect_photos(page, 1, 2)
    page.locator("summary").click()
    page.get_by_role("button", name="Start anew").click()
    wait_for(page, "Add photos of two things")
    page.get_by_role("button", name="Undo").click()
    wait_until_learned(page)
    expect_photos(page, 0, 2)
    expect_photos(page, 1, 2)


def test_a_third_class_is_learned_and_removed(visit):
    page = taught(visit)
    page.get_by_role("button", name="Add a class").click()
    wait_for(page, "class 3 has no photo yet: it learns the other two.")
    give(page, 2, noise_photo(seed=31), noise_photo(seed=32))
    wait_until_learned(page)
    page.wait_for_function("/ of 6 left-out/.test(document.querySelector('.cb-score').textContent)")
    page.get_by_role("button", name="Remove class 3").click()
    page.wait_for_function("/ of 4 left-out/.test(document.querySelector('.cb-score').textContent)")


def test_what_cannot_be_learned_yet_is_said_in_one_sentence(visit):
    page = visit()
    wait_for(page, "Add photos of two things, one kind to each class: five of each will do.")
    give(page, 0, noise_photo(seed=1))
    settle(page)
    wait_for(page, "There is nothing to tell apart yet: add photos to class 2.")
    give(page, 1, noise_photo(seed=2))
    settle(page)
    wait_for(page, "Of class 1 and of class 2 there is one photo; add another, so that one can be left out.")
    assert not page.locator(".cb-score").first.is_visible()


def test_the_same_photo_twice_is_taken_once_and_one_that_was_learned_is_no_new_one(visit):
    page = taught(visit)
    give(page, 1, noise_photo(seed=0))
    wait_for(page, "This photo is already among class 1; it is taken once.")
    expect_photos(page, 1, 2)
    give(page, None, noise_photo(seed=0))
    wait_for(page, "It has learned from this photo, among class 1: so its answer says little.")


def test_of_two_hundred_photos_the_first_are_taken_and_it_is_said(visit):
    page = taught(visit)
    small = [noise_photo(8, 8, seed=100 + n, name=f"{n}.png") for n in range(200)]
    give(page, 1, *small)
    wait_for(page, "You gave 200 photos, and the first 36 are taken.")
    expect_photos(page, 1, 38)
    give(page, 0, noise_photo(seed=3))
    wait_for(page, "There is no room for more photos; take one out first.")


def test_what_is_no_photo_is_refused_and_what_was_done_stays(visit):
    page = taught(visit)
    give(page, 0, {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    wait_for(page, "notes.txt is no photo that this browser can read")
    give(page, 0, photo_file(np.zeros((3, 3, 3), "uint8"), name="tiny.png"))
    wait_for(page, "tiny.png has 3 × 3 px")
    expect_photos(page, 0, 2)
    expect_photos(page, 1, 2)
    give(
        page,
        0,
        photo_file(np.dstack([np.full((20, 30, 3), 90), np.full((20, 30), 99)]).astype("uint8"), name="clear.png"),
    )
    wait_for(page, "clear.png is partly transparent; it is shown on white.")
    settle(page)
    expect_photos(page, 0, 3)


def test_of_photos_given_together_all_sentences_stay(visit):
    page = visit()
    text = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"}
    give(page, 0, text, noise_photo(seed=1), noise_photo(seed=1))
    said = page.locator(".cb-said", has_text="This photo is already among class 1; it is taken once.")
    said.wait_for()
    assert "notes.txt is no photo that this browser can read" in said.inner_text()
    settle(page)
    expect_photos(page, 0, 1)


def test_when_the_worker_dies_the_photo_waits_and_can_be_tried_again(visit):
    page = taught(visit)
    page.evaluate("""() => {
      const { worker } = globalThis[Symbol.for("convbook photo networks")].efficientnet_lite0;
      worker.postMessage = () => setTimeout(() => worker.onerror(new Event("error")));
    }""")
    give(page, 0, noise_photo(seed=5))
    page.get_by_role("button", name="Try again").wait_for()
    assert "has stopped" in page.locator(".cb-said").inner_text()
    expect_photos(page, 0, 3)
    page.get_by_role("button", name="Try again").click()
    settle(page)
    wait_for(page, "Base: 5 photos, once each")


@pytest.mark.parametrize("script", [b"", b"globalThis.nothing = 1;"], ids=["missing", "broken"])
def test_without_the_file_of_the_network_photos_wait_and_can_be_tried_again(visit, tmp_path, script):
    from photo_pages import CODE, small_network

    from convbook.backbones import photo_network

    page = visit(script=script)
    give(page, 0, noise_photo(seed=1))
    page.get_by_role("button", name="Try again").wait_for()
    assert texts(page, ".cb-said span")[0].startswith("The file of the network")
    expect_photos(page, 0, 1)
    (tmp_path / "_static" / CODE).write_bytes(photo_network.as_script(small_network()))
    page.get_by_role("button", name="Try again").click()
    settle(page)
    wait_for(page, "There is nothing to tell apart yet")
    page.complaints.clear()


def test_a_set_is_saved_and_loaded_on_another_page_with_the_same_answers(visit):
    page = visit("cats and dogs")
    wait_until_learned(page)
    scores = texts(page, ".cb-score span:nth-child(2)")
    page.locator("summary").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the set").click()
    saved = download.value.path().read_text()
    other = visit()
    other.locator("summary").click()
    with other.expect_file_chooser() as chooser:
        other.get_by_role("button", name="Load a set").click()
    chooser.value.set_files({"name": "set.json", "mimeType": "application/json", "buffer": saved.encode()})
    other.wait_for_function("document.querySelectorAll('.cb-class .cb-thumbs button').length === 10")
    wait_until_learned(other)
    assert texts(other, ".cb-score span:nth-child(2)") == scores
    assert other.locator(".cb-name").first.input_value() == "cats"
    with other.expect_file_chooser() as chooser:
        other.get_by_role("button", name="Load a set").click()
    changed = saved.replace('"version":1', '"version":0')
    chooser.value.set_files({"name": "set.json", "mimeType": "application/json", "buffer": changed.encode()})
    wait_for(other, "This set was saved by another version of the book; add its photos anew.")
    expect_photos(other, 0, 5)
    other.get_by_role("button", name="Undo").click()
    wait_for(other, "Add photos of two things")


def test_each_set_stays_as_it_was_left(visit):
    page = taught(visit)
    page.get_by_role("combobox").select_option("cats and dogs")
    expect_photos(page, 0, 5)
    wait_until_learned(page)
    page.get_by_role("combobox").select_option(OWN)
    expect_photos(page, 0, 2)
    expect_photos(page, 1, 2)


def test_files_are_dropped_on_a_class_and_pasted(visit):
    page = visit()
    script = """([selector, event, bytes]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(bytes)], "a.png", { type: "image/png" }));
      const options = { bubbles: true, cancelable: true };
      document.querySelector(selector).dispatchEvent(event === "drop"
        ? new DragEvent(event, { ...options, dataTransfer: data })
        : new ClipboardEvent(event, { ...options, clipboardData: data }));
    }"""
    for event, seed, count in (("drop", 1, 1), ("paste", 2, 2)):
        photo = [*noise_photo(seed=seed)["buffer"]]
        page.evaluate(script, [".cb-class:nth-child(2) .cb-add button", event, photo])
        page.wait_for_function(f"document.querySelectorAll('.cb-class .cb-thumbs button').length === {count}")
    expect_photos(page, 0, 0)
    expect_photos(page, 1, 2)


def test_a_phone_offers_its_camera(visit):
    page = visit(size=PHONE, has_touch=True, is_mobile=True)
    give(page, 0, noise_photo(seed=1), button="button:has(+ [capture])")
    page.wait_for_function("document.querySelectorAll('.cb-class .cb-thumbs button').length === 1")
    assert page.locator(".cb-class [capture=environment]").count() >= 2
