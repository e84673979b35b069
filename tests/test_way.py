"""The way through the built book: what the reader did is kept and forgotten; cards of terms, search, keys, the top."""

import contextlib
import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from chapters import CHAPTERS
from test_answers import IN_PAGE, answer_in, typed
from visits import CONTENT_AUDIT, PHONE, WIDE, open_page

CHAPTER = "book/03_padding_and_strides.html"
FRONT = "book/index.html"
TERM = "article a[href*='glossary.html#']:visible"
by_http_and_as_files = pytest.mark.parametrize("protocol", ["http", "file"])


@pytest.fixture(params=["http", "file"])
def site_page(request, browser, site_urls):
    """A page in a browser of its own memory, and the site's address."""
    with contextlib.closing(browser.new_context(viewport=WIDE)) as context:
        yield context.new_page(), site_urls[request.param]


# ---------------------------------------------------------------- progress


def predict(page, number, text):
    field = page.locator(f"#predict-{number} input")
    field.fill(text)
    field.press("Enter")


def test_what_was_predicted_and_solved_is_there_again_and_the_front_page_leads_on_and_forgets(site_page):
    page, home = site_page
    page.goto(f"{home}{FRONT}")
    assert page.locator(".kept").count() == 0
    page.goto(f"{home}{CHAPTER}")
    predict(page, 2, "13")
    exercise = page.locator("form.exercise").first
    exercise.locator("input").first.fill("7")
    exercise.get_by_role("button").click()
    assert exercise.get_by_role("status").inner_text().startswith("Not yet.")
    page.locator("#what-does-a-stride-skip").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#what-does-a-stride-skip').scrollIntoView()")

    page.goto(f"{home}{FRONT}")
    card = page.locator("ul.cards > li", has_text="Padding and strides")
    assert re.fullmatch(r"1 of \d predictions, 0 of \d exercises", card.locator(".kept").inner_text())
    on = page.locator("p.kept a")
    assert on.inner_text() == "3. How large is the output, and why? · What does a stride skip?"
    on.click()
    page.wait_for_url(f"**/{CHAPTER}#what-does-a-stride-skip")
    assert page.locator("#predict-2").get_by_role("status").inner_text() == "Your prediction held. It is 13."
    assert page.locator("#predict-2 input").input_value() == "13"
    assert page.locator(".answer-2:visible").count() > 0
    assert page.locator(".answer-1:visible").count() == 0
    assert exercise.locator("input").first.input_value() == "", "only what was solved is kept"

    page.goto(f"{home}{FRONT}")
    page.get_by_role("button", name="Forget my progress").click()
    assert page.locator(".kept").count() == 0
    page.goto(f"{home}{CHAPTER}")
    assert page.locator(".answer:visible").count() == 0


def test_a_solved_exercise_is_there_again_with_its_answer(browser, site_urls):
    with open_page(browser, f"{site_urls['file']}book/02_convolution.html") as page:
        form = page.locator("form.exercise").first
        check = form.get_attribute("data-check")
        chapter, exercise, _ = IN_PAGE[check]
        texts = typed(answer_in(chapter, exercise.solution))
        fields = form.locator("input").all()
        for field, text in zip(fields, texts, strict=True):
            field.fill(text)
        form.get_by_role("button").press("Enter")
        said = form.get_by_role("status").inner_text()
        assert said.startswith("Correct.")
        page.reload()
        assert [field.input_value() for field in fields] == texts
        assert form.get_by_role("status").inner_text() == said
        page.goto(f"{site_urls['file']}{FRONT}")
        kept = page.locator("ul.cards > li", has_text="The convolution").locator(".kept").inner_text()
        assert ", 1 of 3 exercises" in kept


@pytest.mark.parametrize("kept", ["no JSON", '"a word"', '{"03_padding_and_strides": {"last": 1, "of": [1, 1]}}'])
def test_what_another_version_of_the_book_kept_breaks_nothing(kept, browser, site_urls):
    with open_page(browser, f"{site_urls['file']}{FRONT}") as page:
        complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.evaluate("text => localStorage.setItem('convbook-progress', text)", kept)
        for name in (FRONT, CHAPTER):
            page.goto(f"{site_urls['file']}{name}")
        predict(page, 2, "13")
        page.reload()
        assert page.locator(".answer-2:visible").count() > 0
        assert complaints == []


def test_where_nothing_can_be_kept_the_page_works_and_forgets(browser, site_urls):
    throws = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('denied') }})"
    with contextlib.closing(browser.new_context(viewport=WIDE)) as context:
        context.add_init_script(throws)
        page, complaints = context.new_page(), []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{site_urls['http']}{CHAPTER}")
        predict(page, 2, "13")
        assert page.locator(".answer-2:visible").count() > 0
        page.goto(f"{site_urls['http']}{FRONT}")
        assert page.locator(".kept").count() == 0
        assert complaints == []


# ---------------------------------------------------------------- cards of terms


def test_a_term_has_a_card_for_mouse_and_keyboard_that_escape_closes(site_page):
    page, home = site_page
    page.goto(f"{home}{CHAPTER}")
    term, card = page.locator(TERM).first, page.locator(".term-card")
    meaning = term.get_attribute("aria-description")
    assert len(meaning) > 15
    assert term.get_attribute("title") is None, "the browser would show it beside the card"
    term.hover()
    card.wait_for(timeout=5_000)
    assert card.inner_text() == f"{meaning} More in the glossary"
    assert card.get_by_role("link").get_attribute("href").endswith(term.get_attribute("href"))
    card.hover()  # it stays under the pointer
    page.wait_for_timeout(400)
    assert card.is_visible()
    page.keyboard.press("Escape")
    assert card.is_hidden()

    page.mouse.move(0, 0)
    term.focus()  # as by keyboard, which was used last
    card.wait_for(timeout=5_000)
    page.keyboard.press("Tab")
    card.wait_for(state="hidden", timeout=5_000)


def test_the_first_tap_on_a_term_shows_its_card_and_the_second_follows_the_link(browser, site_urls):
    with contextlib.closing(browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)) as context:
        page = context.new_page()
        page.goto(f"{site_urls['file']}{CHAPTER}")
        terms, card = page.locator(TERM), page.locator(".term-card")
        terms.nth(1).scroll_into_view_if_needed()
        terms.nth(1).tap()
        card.wait_for(timeout=5_000)
        box = card.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        page.locator("article h1").tap()
        card.wait_for(state="hidden", timeout=5_000)
        terms.nth(1).tap()
        terms.nth(1).tap()
        page.wait_for_url("**/glossary.html#*")


# ---------------------------------------------------------------- search


def hits(page):
    return page.locator(".search-hits li:visible").evaluate_all(
        "items => items.map((item) => [item.querySelector('a').href.split('/').pop(), item.innerText.split('\\n')[0]])"
    )


def test_search_finds_sections_while_one_types(site_page):
    page, home = site_page
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{home}{CHAPTER}")
    page.keyboard.press("Control+k")
    page.keyboard.type("learning rat")
    page.locator(".search-hits li a:visible").first.wait_for(timeout=10_000)
    found = hits(page)
    assert found[0] == ["glossary.html#learning-rate", "Learning rate"]
    assert all("#" in address for address, _ in found)
    assert len({address.split("#")[0] for address, _ in found}) > 2
    assert page.locator(".search-hits mark:visible").count() > 2
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/glossary.html#learning-rate")
    assert complaints == []


@pytest.mark.parametrize(
    ("query", "address"),
    [
        ("what does padding do", "03_padding_and_strides.html#what-does-padding-do"),
        ("Strides", "glossary.html#stride"),
        ("silaghi", "references.html#silaghi-2025"),
        ("colab account", "running.html#run-a-chapter-in-colab"),
        ("GlobalAveragePooling2D", None),
    ],
)
def test_search_finds_titles_terms_works_and_code(query, address, browser, site_urls):
    with open_page(browser, f"{site_urls['file']}search.html?q={query}") as page:
        page.locator(".search-hits li a").first.wait_for(timeout=10_000)
        found = [where for where, _ in hits(page)]
        assert found[0] == address if address else len(found) > 2
        violations = Axe().run(page, options=CONTENT_AUDIT).response["violations"]
        assert [each["id"] for each in violations if each["impact"] in ("serious", "critical")] == []


def test_search_says_what_it_does_not_find_and_what_is_missing(browser, site_urls):
    with open_page(browser, f"{site_urls['file']}search.html?q=xylophone") as page:
        page.get_by_text("No section has “xylophone”.").wait_for(timeout=10_000)
        page.route("**/search_words.js", lambda route: route.abort())
        page.reload()
        page.get_by_text("search_words.js is missing: build the site again.").wait_for(timeout=10_000)


def test_every_section_that_the_search_knows_is_there(site):
    script = (site / "search_words.js").read_text(encoding="utf-8")
    pages = json.loads(script.removeprefix("way.setPages(").removesuffix(");\n"))
    assert len(pages) >= len(CHAPTERS) + 5
    for name, title, sections in pages:
        page = (site / name).read_text(encoding="utf-8")
        assert title
        assert [anchor for anchor, *_ in sections if f'id="{anchor}"' not in page] == []
        assert not any("REPOSITORY =" in text for *_, text in sections), "the setup cell is the same everywhere"


# ---------------------------------------------------------------- keys and the top


def test_arrow_keys_turn_pages_and_leave_figures_and_fields_alone(site_page):
    page, home = site_page
    page.goto(f"{home}{CHAPTER}")
    page.locator(".convbook-is-live").first.wait_for(timeout=10_000)
    for used in (".convbook-live input", "#predict-2 input", ".bd-article summary"):
        page.locator(f"{used}:visible").first.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(200)
        assert page.url.endswith(CHAPTER), used
    page.evaluate("document.activeElement.blur()")
    page.locator(".convbook-live").first.click(position={"x": 3, "y": 3})
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(200)
    assert page.url.endswith(CHAPTER), "who pressed on a figure is at work in it"
    page.locator("article h1").click()
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_timeout(200)
    assert page.url.endswith(CHAPTER)
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/book/04_pooling.html")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**/{CHAPTER}")


def test_question_mark_shows_the_keys_and_a_field_takes_it_as_a_letter(browser, site_urls):
    with open_page(browser, f"{site_urls['file']}{CHAPTER}") as page:
        page.locator("#predict-2 input").press("?")
        keys = page.locator("dialog#keys[open]")
        assert keys.count() == 0
        page.locator("article h1").click()
        page.keyboard.press("?")
        keys.wait_for(timeout=5_000)
        assert Axe().run(page, context="#keys").response["violations"] == []
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")
        keys.wait_for(state="hidden", timeout=5_000)
        assert page.url.endswith(CHAPTER)
        page.locator("button.btn-keys").click()
        keys.wait_for(timeout=5_000)


@pytest.mark.parametrize("size", [WIDE, PHONE, {"width": 320, "height": 640}], ids=lambda size: str(size["width"]))
def test_the_way_back_to_the_top_stands_in_the_head_and_nothing_lies_over_the_text(size, browser, site_urls):
    with open_page(browser, f"{site_urls['file']}{CHAPTER}", size=size) as page:
        page.evaluate("scrollTo(0, 5000)")
        page.evaluate("scrollTo(0, 4000)")  # the theme's button comes when one scrolls back
        page.wait_for_timeout(200)
        over = """([x, y]) => { const top = document.elementFromPoint(x, y);
          return top.closest("article, .bd-article-container") ? "" : top.outerHTML.slice(0, 80); }"""
        box = "(article) => { const { left, width } = article.getBoundingClientRect(); return [left, width]; }"
        left, width = page.locator("article").evaluate(box)
        for share in (0.1, 0.5, 0.9):
            for height in (0.3, 0.6, 0.95):
                assert page.evaluate(over, [left + share * width, height * size["height"]]) == ""
        button = page.locator("button.btn-top")
        assert button.bounding_box()["x"] + button.bounding_box()["width"] <= size["width"]
        button.click()
        page.wait_for_function("scrollY === 0", timeout=5_000)


def test_the_bar_of_the_current_page_stands_beside_its_title(browser, site_urls):
    with open_page(browser, f"{site_urls['file']}{CHAPTER}") as page:
        link = page.locator("nav.bd-links li.current > a")
        bar, padding = 4, float(link.evaluate("(link) => parseFloat(getComputedStyle(link).paddingLeft)"))
        assert padding > bar
        others = page.locator("nav.bd-links li:not(.current) > a").first
        start = """(e) => { const range = document.createRange(); range.selectNodeContents(e);
          return range.getClientRects()[0].left; }"""
        assert link.evaluate(start) == others.evaluate(start)
        assert link.evaluate(start) - link.bounding_box()["x"] > bar


def test_the_button_that_copies_covers_no_code(browser, site_urls):
    with open_page(browser, f"{site_urls['file']}{CHAPTER}") as page:
        cell = page.locator("div.cell_input div.highlight:visible").first
        cell.hover()
        button, code = cell.locator("button.copybtn").bounding_box(), cell.locator("pre").bounding_box()
        assert button["x"] >= code["x"] + code["width"]
        assert button["x"] + button["width"] <= page.evaluate(
            "document.querySelector('.bd-article-container').getBoundingClientRect().right"
        )


# ---------------------------------------------------------------- tables of evidence on a phone


@pytest.mark.parametrize("stem", [path.stem for path in CHAPTERS])
def test_each_verdict_is_in_sight_on_a_phone(stem, browser, site_urls):
    with contextlib.closing(browser.new_context(viewport=PHONE)) as context:
        context.add_init_script("localStorage.setItem('convbook-show-answers', 'yes')")
        page = context.new_page()
        page.goto(f"{site_urls['file']}book/{stem}.html")
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        rows = page.locator(".evidence tbody tr").evaluate_all(
            "rows => rows.map((row) => [row.innerText, row.lastElementChild.getBoundingClientRect().right])"
        )
        assert [text for text, right in rows if right > PHONE["width"] - 16] == []
    if stem.startswith("12"):
        assert len(rows) > 20
