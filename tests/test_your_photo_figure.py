"""The figure of the reader's own photo: what it says and where it looks, and that what goes wrong loses nothing."""

import base64
import io
import json

import numpy as np
import pytest
from figure_pages import assert_refused, call, slide, texts, wait_for_speech
from photo_pages import CODE, drop, noise_photo, open_figure, photo_file, put_network, small_convnet
from PIL import Image
from test_photo_network import DYING
from visits import PHONE

from convbook.backbones import photo_network
from convbook.figures import YourPhoto

ASK, ANSWERS, FIELD = "button:has-text('Ask the network')", ".cb-answers [role=radio]", ".cb-class"


def ask(page):
    page.locator(ASK).click()
    page.locator(ANSWERS).first.wait_for()


def answers(page):
    """What stands in the figure: [(class, share)]."""
    page.wait_for_function("!document.querySelector('.cb-glow').hidden")
    names, shares = texts(page, f"{ANSWERS} b"), texts(page, f"{ANSWERS} b + span")
    return list(zip(names, shares, strict=True))


# What the small network says by itself of the photo that the figure shows.
EXPECTED = """async (source) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { createPhotoMath } = await import(url);
  const math = createPhotoMath();
  const script = document.createElement("script");
  script.src = "_static/FILE";
  await new Promise((done) => { script.onload = done; document.head.append(script); });
  const network = await math.unpack(math.readLetters(globalThis.convbookPhotoNetwork));
  const canvas = document.querySelector(".cb-screen canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const picture = math.scalePhoto({ width: canvas.width, height: canvas.height, data }, 224);
  const { probabilities, last } = math.look(network, picture);
  const best = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]).slice(0, 5);
  return [best, best.map((n) => probabilities[n]), best.map((n) => [...math.classMap(network, last, n)])];
}""".replace("FILE", CODE)


def written(share):
    return "under 0.1 %" if share < 0.001 else f"{100 * share:.{0 if share >= 0.1 else 1}f} %"


def glow_of(page):
    """How opaque and how orange the glow is at each place."""
    script = """(canvas) => [canvas.height, canvas.width,
      [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]]"""
    height, width, values = page.locator(".cb-glow").evaluate(script)
    rgba = np.reshape(values, (height, width, 4)).astype(float)
    return np.where(rgba[..., 0] > rgba[..., 2], 1, -1) * rgba[..., 3]


@pytest.mark.parametrize("from_server", [True, False], ids=["http", "file"])
def test_five_best_classes_and_where_it_looks_for_each(browser, tmp_path, serve, from_server):
    with open_figure(browser, tmp_path, YourPhoto(), serve=serve if from_server else None) as page:
        assert len(page.requests) == 1  # nothing before the reader asks
        ask(page)
        best, shares, maps = page.evaluate(EXPECTED, str(YourPhoto()._esm))
        assert answers(page) == [(f"class {n}", written(share)) for n, share in zip(best, shares, strict=True)]
        for n, values in enumerate(maps):
            page.locator(ANSWERS).nth(n).click()
            page.wait_for_timeout(300)
            glow, side = glow_of(page), int(len(values) ** 0.5)
            expected = np.reshape(values, (side, side))
            expected = np.pad(expected / np.abs(expected).max(), ((0, 1), (0, 1)), mode="edge") * 235
            np.testing.assert_allclose(glow, expected, atol=1.5)
        wait_for_speech(page, f"The photo shows where it looks for class {best[4]}.")
        assert page.complaints == []


def test_bad_traits_are_refused():
    assert_refused(
        YourPhoto, {"sample": "a dog"}, r"sample is 'a dog'; give 'Chelsea', 'a cup', 'astronaut' or 'horse'\."
    )
    assert_refused(YourPhoto, {"answer": 1000}, r"answer is 1000; give 0 to 999\.")
    assert_refused(YourPhoto, {"strength": -1}, r"strength is -1; give 0 to 100\.")


def test_places_shares_and_answers(blank):
    [glow] = call(YourPhoto(), blank, "glowOf", [[[2.0, -1.0, 0.5, 0.0, 1.0, 2.0], {"height": 2, "width": 3}]])
    assert glow["size"] == {"height": 3, "width": 4}  # what lies beyond the last place has its colour
    opaque = np.reshape(glow["rgba"], (3, 4, 4))[..., 3]
    assert opaque.tolist() == [[235, 118, 59, 59], [0, 118, 235, 235], [0, 118, 235, 235]]
    assert glow["box"] == {"row": -1 / 4, "column": pytest.approx(-1 / 6), "height": 1.5, "width": pytest.approx(4 / 3)}
    shares = call(YourPhoto(), blank, "formatShare", [[0.996], [0.123], [0.0987], [0.001], [0.0009]])
    assert shares == ["100 %", "12 %", "9.9 %", "0.1 %", "under 0.1 %"]
    probabilities = [0.1, 0.3, 0.02, 0.2, 0.15, 0.03, 0.2]
    best = call(YourPhoto(), blank, "bestOf", [[probabilities, None], [probabilities, 4], [probabilities, 2]])
    assert best == [[1, 3, 6, 4, 0], [1, 3, 6, 4, 0], [1, 3, 6, 4, 0, 2]]


def test_a_photo_of_the_reader_is_answered_and_stays_whatever_comes_next(browser, tmp_path):
    with open_figure(browser, tmp_path, YourPhoto()) as page:
        drop(page, noise_photo(40, 64))
        tiles = page.locator(".cb-tiles [role=radio]")
        page.wait_for_function("document.querySelectorAll('.cb-tiles [role=radio]').length === 5")
        assert texts(page, ".cb-tiles [aria-checked=true]") == ["yours"]
        assert not page.locator(ANSWERS).count()  # it was not asked yet
        ask(page)
        mine = answers(page)
        drop(page, {"name": "a.txt", "mimeType": "text/plain", "buffer": b"no photo"})
        notice = page.locator(".cb-choice .cb-problem")
        notice.get_by_text("a.txt is no photo that this browser can read; give a JPEG, PNG or WebP file.").wait_for()
        assert answers(page) == mine
        tiles.first.click()
        page.wait_for_function("document.querySelector('.cb-screen canvas').width === 256")
        page.locator(ANSWERS).first.wait_for()
        assert answers(page) != mine
        assert notice.inner_text() == ""
        tiles.last.click()
        page.wait_for_function("document.querySelector('.cb-screen canvas').width === 64")
        assert answers(page) == mine
        drop(page, photo_file(Image.new("RGBA", (20, 30), (0, 0, 0, 0)), name="b.png"), noise_photo())
        notice.get_by_text("You gave 2 photos, and the first one is taken.").wait_for()
        assert page.complaints == []


def test_any_class_can_be_asked_for_by_its_name(browser, tmp_path):
    with open_figure(browser, tmp_path, YourPhoto()) as page:
        ask(page)
        before = texts(page, f"{ANSWERS} b")
        page.locator(FIELD).fill("Class 77")
        page.keyboard.press("Enter")
        page.locator(ANSWERS).nth(5).wait_for()
        assert texts(page, f"{ANSWERS} b") == [*before, "class 77"]
        assert texts(page, f"{ANSWERS}[aria-checked=true] b") == ["class 77"]
        page.locator(FIELD).fill("no such thing")
        page.keyboard.press("Enter")
        page.get_by_text("It has no class of this name; take one of the list.").wait_for()
        assert texts(page, f"{ANSWERS}[aria-checked=true] b") == ["class 77"]


def press(page, name):
    page.get_by_role("button", name=name).click()


def cover_all(picture):
    """A picture of 128 x 128 with each part covered, 10 x 10 of them."""
    edges, covered = np.floor(np.arange(11) * 12.8 + 0.5).astype(int), []
    for row in range(10):
        for column in range(10):
            (top, left), (bottom, right) = (
                edges[np.maximum(0, [row - 1, column - 1])],
                edges[np.minimum(10, [row + 2, column + 2])],
            )
            covered.append(picture.astype("float32"))
            covered[-1][top:bottom, left:right] = picture.mean(axis=(0, 1))
    return np.stack(covered)


def test_our_own_network_answers_too_and_shows_what_the_answer_hangs_on(browser, tmp_path):
    model = photo_network.unpack(small_convnet()[1])
    with open_figure(browser, tmp_path, YourPhoto(from_scratch=True)) as page:
        assert len(page.requests) == 1
        image = np.random.default_rng(3).integers(0, 256, (128, 128, 3)).astype("uint8")
        drop(page, photo_file(image))
        press(page, "Cat or dog?")
        page.get_by_role("button", name="What does this hang on?").wait_for()
        assert [url.rpartition("/")[2] for url in page.requests[1:]] == ["cats_and_dogs.js"]
        probabilities = model.predict(image[np.newaxis], verbose=0)[0]
        number = probabilities.argmax()
        name = ("cat", "dog")[number]
        own = page.locator(".cb-own .cb-answers p")
        assert own.all_inner_texts() == [f"{name}\n{written(probabilities[number])}"]
        press(page, "What does this hang on?")
        found = page.get_by_text("With its most important part covered").or_(page.get_by_text("Whatever is covered"))
        found.wait_for()
        shares = model.predict(cover_all(image), verbose=0)[:, number].astype(float)
        whole, *covered = np.log((all_of := np.array([probabilities[number], *shares])) / (1 - all_of))
        lost = np.reshape(whole - np.array(covered), (10, 10))
        np.testing.assert_allclose(glow_of(page), 235 * lost / np.abs(lost).max(), atol=3)
        least = min(shares)
        assert found.inner_text() == (
            f"With its most important part covered: {name} {written(least)}."
            if probabilities[number] - least >= 0.01
            else f"Whatever is covered, it stays as sure of {name}."
        )
        wait_for_speech(
            page,
            f"From scratch, it says {name} {written(probabilities[number])}. The photo shows what the answer hangs on.",
        )
        press(page, "Ask this one")
        page.locator(ANSWERS).nth(2).wait_for()
        assert page.locator(ANSWERS).count() == 3
        page.locator(ANSWERS).nth(1).click()
        page.get_by_text("Orange speaks for the class, blue against it.").wait_for()
        press(page, "What does this hang on?")  # is shown again at once
        page.get_by_text("Orange: with this part covered, it is less sure. Blue: it is surer.").wait_for()
        assert found.is_visible()
        page.locator(".cb-tiles [role=radio]").first.click()  # another photo: both answer, and nothing is covered yet
        page.get_by_role("button", name="What does this hang on?").wait_for()
        page.locator(ANSWERS).nth(2).wait_for()
        assert page.complaints == []


def test_a_worker_that_dies_over_a_covered_photo_loses_no_answer_and_goes_on(browser, tmp_path):
    with open_figure(browser, tmp_path, YourPhoto(from_scratch=True), init=DYING) as page:
        press(page, "Cat or dog?")
        button = page.get_by_role("button", name="What does this hang on?")
        button.wait_for()
        said = texts(page, ".cb-own .cb-answers p")
        page.evaluate("window.deadly = 'cover'")
        button.click()
        page.get_by_text("The network has stopped, maybe for lack of memory; try again").wait_for()
        assert texts(page, ".cb-own .cb-answers p") == said
        page.evaluate("window.deadly = ''")
        press(page, "Try again")
        button.click()
        page.get_by_text("part covered:").or_(page.get_by_text("Whatever is covered")).wait_for()


def test_the_slider_shows_and_hides_where_it_looks(browser, tmp_path):
    with open_figure(browser, tmp_path, YourPhoto()) as page:
        assert not page.get_by_role("slider", name="Where it looks").is_visible()
        ask(page)
        answers(page)
        opacity = "getComputedStyle(document.querySelector('.cb-glow')).opacity"
        assert float(page.evaluate(opacity)) == pytest.approx(0.7)
        slide(page, "Where it looks", 0)
        page.wait_for_function(f"{opacity} === '0'")


def test_the_stages_show_maps_of_this_photo(browser, tmp_path):
    with open_figure(browser, tmp_path, YourPhoto(), size=PHONE, has_touch=True, is_mobile=True) as page:
        page.get_by_text("What its layers make of this photo").tap()
        page.get_by_text("Ask the network first.").wait_for()
        page.locator(ASK).tap()
        page.locator(".cb-stage").nth(2).wait_for()
        sizes = page.evaluate("[...document.querySelectorAll('.cb-maps canvas')].map((c) => [c.height, c.width])")
        assert sizes == [[112, 112]] * 8 + [[56, 56]] * 8 + [[28, 28]] * 8
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_missing_file_is_told_and_the_photo_and_the_button_stay(browser, tmp_path):
    with open_figure(browser, tmp_path, YourPhoto(), script=b"") as page:
        drop(page, noise_photo(40, 64))
        page.locator(ASK).click()
        page.get_by_text("cannot be loaded; check that you are connected, and try again.").wait_for()
        assert texts(page, ".cb-tiles [aria-checked=true]") == ["yours"]
        put_network(tmp_path)
        page.get_by_role("button", name="Try again").click()
        assert len(answers(page)) == 5


def test_a_worker_that_dies_over_a_photo_is_told_and_the_next_one_answers(browser, tmp_path):
    with open_figure(browser, tmp_path, YourPhoto(), init=DYING) as page:
        ask(page)
        first = answers(page)
        page.evaluate("window.deadly = 'look'")
        drop(page, noise_photo(40, 64))
        page.get_by_text("The network has stopped, maybe for lack of memory; try again").wait_for()
        page.evaluate("window.deadly = ''")
        page.get_by_role("button", name="Try again").click()
        page.wait_for_function("document.querySelectorAll('.cb-answers b').length === 5")
        page.locator(".cb-tiles [role=radio]").first.click()
        page.wait_for_timeout(300)
        assert answers(page) == first


def test_our_network_takes_chelsea_for_a_dog_as_chapter_7_says():
    address = YourPhoto().state()["_samples"]["Chelsea"]
    picture = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB")
    picture = picture.resize((128, 128), Image.Resampling.BILINEAR, reducing_gap=None)
    network = photo_network.unpack(photo_network.packed_own())
    assert network.predict(np.asarray(picture)[np.newaxis], verbose=0)[0, 1] > 0.6


def test_the_samples_are_small_enough_for_a_page():
    samples = YourPhoto().state()["_samples"]
    assert list(samples) == ["Chelsea", "a cup", "astronaut", "horse"]
    assert len(json.dumps(samples)) < 50_000
