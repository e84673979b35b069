"""Answers that wait: the page checks an exercise as Python does, and a Predict box keeps what answers it."""

import ast
import contextlib
import copy
import importlib
import json
import random

import convbook_answers
import pytest
import python_in_page
from axe_playwright_python.sync_playwright import Axe
from chapters import ROOT, code, numbered
from test_exercises import BOOK_EXERCISES, WRONG_ANSWERS, feedback, imports
from visits import CONTENT_AUDIT, PHONE, open_page

SCRIPTS = [
    (ROOT / "book" / "assets" / name).read_text("utf-8")
    for name in ("python_in_page.js", "static/way.js", "answers.js")
]
IN_PAGE = {
    exercise.check: (chapter, exercise, cell.metadata["fields"])
    for chapter, exercise in (param.values for param in BOOK_EXERCISES)
    for number, cell in numbered(chapter, "code")
    if number == exercise.number and "fields" in cell.metadata
}
ANSWERS_TRIED = 120


# ---------------------------------------------------------------- one truth: the Python checks


def answer_in(chapter, source):
    """The value that a piece of code hands to its check."""
    names = {}
    exec(imports(chapter), names)
    *lines, last = ast.parse(source).body
    exec(compile(ast.Module(lines, []), "<answer>", "exec"), names)
    return eval(compile(ast.Expression(last.value.args[0]), "<answer>", "eval"), names)


def changed(value, rng, words):
    """A copy of an answer with one of its numbers or words changed, or one entry more or fewer of a list of words."""
    value = value.tolist() if hasattr(value, "tolist") else copy.deepcopy(value)
    if isinstance(value, dict):
        key = rng.choice(list(value))
        return value | {key: changed(value[key], rng, words)}
    if isinstance(value, list | tuple):
        place = rng.randrange(len(value))
        items = [changed(item, rng, words) if i == place else item for i, item in enumerate(value)]
        if words == "lists" and rng.random() < 0.3:
            items = items + items[:1] if rng.random() < 0.5 else items[:-1] or items
        return type(value)(items)
    if isinstance(value, str):
        return rng.choice([word for each in words for word in each] if isinstance(words, list) else WORDS)
    tried = [value + 1, value - 1, 2 * value, 0, -value, value + 2, value - 8, value * 10, rng.randrange(-20, 300)]
    return as_read(rng.choice([*tried, rng.choice([0.1, 0.5, -0.5, 1.25])]))


def as_read(number):
    """A number as the page reads it: 12.0 is 12."""
    return int(number) if number == int(number) else number


WORDS = ["same", "valid", "conv", "pool", "full"]


def tried_answers(check):
    """The worked solution, the wrong answers that test_exercises tries, and many answers that stray from these."""
    chapter, exercise, fields = IN_PAGE[check]
    given = [answer_in(chapter, exercise.solution)]
    for *wrong, _ in WRONG_ANSWERS[check]:
        if len(wrong) == 2:
            given.append(answer_in(chapter, exercise.solution.replace(*wrong)))
        else:
            given.append(answer_in(chapter, f"{wrong[0]}\ncheck(answer)"))
    given = [each for each in given if not isinstance(each, set | float)]  # a page has lists, and 12.0 is 12
    rng = random.Random(check)
    while len(given) < ANSWERS_TRIED:
        with contextlib.suppress(ValueError, IndexError, TypeError):  # an answer of another form has no such entry
            given.append(changed(rng.choice(given), rng, fields))
    return given


@pytest.mark.parametrize("check", IN_PAGE)
def test_page_judges_as_python_does_and_in_the_same_words(check, blank):
    module, name = check.split(".")
    judge, answers = getattr(importlib.import_module(f"convbook.checks.{module}"), name), tried_answers(check)
    script = python_in_page.translate(judge)
    tries = ", ".join(python_in_page.literal(answer) for answer in answers)
    said = blank.evaluate(f"""() => {{ {SCRIPTS[0]}; {script};
        const judge = (answer) => {{ try {{ return run(answer); }} catch (error) {{
          if (error.kind !== "Stop") throw error; return error.feedback; }} }};
        return [{tries}].map(judge); }}""")
    expected = [{"passed": each.passed, "message": each.message} for each in map(judge, answers)]
    differing = [f"{a!r}: {s} and not {e}" for a, s, e in zip(answers, said, expected, strict=True) if s != e]
    assert differing == []
    assert len({each["message"] for each in expected}) > 3


def test_check_that_the_page_cannot_run_is_refused():
    from convbook.checks import check

    @check()
    def with_files(answer):
        return open(answer)

    with pytest.raises(python_in_page.Untranslatable, match="open"):
        python_in_page.translate(with_files)


def typed(value):
    """What a reader types into the fields of an answer, field by field."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in typed(each)]
    value = value.tolist() if hasattr(value, "tolist") else value
    return [text for each in value for text in typed(each)] if isinstance(value, list | tuple) else [str(value)]


def listed(value):
    """What a reader types into fields that take lists."""
    lists = value.values() if isinstance(value, dict) else [value]
    return [json.dumps(each)[1:-1].replace("[", "(").replace("]", ")") for each in lists]


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>x</title><script>{}</script>
<main><article><h1>x</h1><div><div class="cell_output">No answer yet.</div>{}</div></article></main>"""


@pytest.fixture
def form_page(browser, tmp_path):
    """A function that opens a page with the form of one exercise."""
    with contextlib.closing(browser.new_page(viewport=PHONE)) as page:

        def show(check):
            _, exercise, fields = IN_PAGE[check]
            made = convbook_answers.form(check, exercise.stub, fields)
            (tmp_path / "page.html").write_text(PAGE.format("\n".join(SCRIPTS), made), encoding="utf-8")
            page.goto((tmp_path / "page.html").as_uri())
            return page

        yield show


@pytest.mark.parametrize("check", IN_PAGE)
def test_worked_solution_typed_into_the_form_is_correct(check, form_page):
    chapter, exercise, fields = IN_PAGE[check]
    solution, page = answer_in(chapter, exercise.solution), form_page(check)
    controls = page.locator("form.exercise :is(input, select)")
    texts = listed(solution) if fields == "lists" else typed(solution)
    assert controls.count() == len(texts)
    for number, text in enumerate(texts):
        control = controls.nth(number)
        (control.fill if fields in ("numbers", "lists") else control.select_option)(text)
    page.get_by_role("button", name="Check").press("Enter")
    message = page.get_by_role("status").inner_text()
    assert message == repr(feedback(chapter, exercise.solution))
    assert [found["id"] for found in Axe().run(page, options=CONTENT_AUDIT).response["violations"]] == []


def test_field_takes_sums_and_says_what_it_does_not_understand(form_page):
    page = form_page("fine_tuning.trainable_weights")
    frozen, tuned = (page.locator("input").nth(number) for number in (0, 1))
    frozen.fill("8 + 1")
    tuned.fill("alert(1)")
    tuned.press("Enter")
    assert page.get_by_role("status").inner_text() == "Not yet. “alert(1)” is no number."
    tuned.fill("(3×3×3 + 1) * 8 + 1,000 - 991")
    tuned.press("Enter")
    assert page.get_by_role("status").inner_text().startswith("Correct.")


# ---------------------------------------------------------------- predictions, on the built pages

CHAPTER = "book/03_padding_and_strides.html"


@pytest.fixture
def waiting(browser, site_urls):
    """A built chapter whose answers wait."""
    with open_page(browser, f"{site_urls['file']}{CHAPTER}") as page:
        yield page


def answers_of(page, number):
    found = page.locator(f".answer-{number}")
    return [found.nth(place).is_visible() for place in range(found.count())]


def test_choice_opens_its_answer_alone_and_says_whether_it_held(waiting):
    box = waiting.locator("#predict-1")
    assert set(answers_of(waiting, 1)) == set(answers_of(waiting, 2)) == {False}
    assert waiting.locator(".waiting").first.inner_text() == "The answer waits for your prediction."
    box.get_by_role("button").press("Enter")  # nothing is chosen yet
    assert set(answers_of(waiting, 1)) == {False}
    right = json.loads(box.locator("form").get_attribute("data-right"))["choice"]
    box.get_by_role("radio").nth(right % 2).check()
    box.get_by_role("button").press("Enter")
    assert box.get_by_role("status").inner_text().startswith("Your prediction did not hold. It is: ")
    assert set(answers_of(waiting, 1)) == {True}
    assert set(answers_of(waiting, 2)) == {False}


def test_number_is_judged_and_a_text_is_not_taken_for_one(waiting):
    box = waiting.locator("#predict-2")
    for text, said in (("many", "Write a number, for example 12."), ("13", "Your prediction held. It is 13.")):
        assert set(answers_of(waiting, 2)) == {False}
        box.get_by_role("textbox").fill(text)
        box.get_by_role("textbox").press("Enter")
        assert box.get_by_role("status").inner_text() == said
    assert set(answers_of(waiting, 2)) == {True}


def test_switch_shows_all_answers_and_is_kept(waiting):
    waiting.get_by_label("Show all answers").check()
    assert waiting.locator(".answer:visible").count() == waiting.locator(".answer").count() > 10
    assert waiting.locator(".waiting:visible").count() == 0
    waiting.reload()
    assert waiting.get_by_label("Show all answers").is_checked()
    assert waiting.locator(".answer:visible").count() == waiting.locator(".answer").count()
    waiting.get_by_label("Show all answers").uncheck()
    assert waiting.locator(".answer:visible").count() == 0


def test_link_to_a_place_in_an_answer_opens_it(waiting):
    place = waiting.evaluate("() => { const answer = document.querySelector('div.answer-4'); return answer.id = 'x'; }")
    waiting.evaluate("place => { location.hash = `${place}?rows=7`; }", place)
    waiting.locator("#x").wait_for(timeout=5_000)
    assert set(answers_of(waiting, 5)) == {False}


FORBIDDEN = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('denied') }})"


def test_switch_works_where_nothing_can_be_stored(browser, site_urls):
    with contextlib.closing(browser.new_context()) as context:
        context.add_init_script(FORBIDDEN)
        page = context.new_page()
        page.goto(f"{site_urls['file']}{CHAPTER}")
        assert page.locator(".answer:visible").count() == 0
        page.get_by_label("Show all answers").check()
        assert page.locator(".answer:visible").count() == page.locator(".answer").count()


def test_all_is_in_sight_without_javascript_and_in_print(browser, site_urls, waiting):
    waiting.emulate_media(media="print")
    with contextlib.closing(browser.new_context(java_script_enabled=False)) as context:
        plain = context.new_page()
        plain.goto(f"{site_urls['file']}{CHAPTER}")
        for page in (waiting, plain):
            shown = page.locator(".answer").count()
            assert page.locator(".answer:visible").count() == shown > 10
            assert page.locator("form.exercise:visible, .waiting:visible").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_waiting_page_passes_axe_and_fits_a_phone(scheme, browser, site_urls):
    with open_page(browser, f"{site_urls['file']}{CHAPTER}", scheme, PHONE) as page:
        assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]
        found = Axe().run(page, context="form, .waiting, .show-answers", options={"resultTypes": ["violations"]})
        assert [violation["id"] for violation in found.response["violations"]] == []


def test_exercise_that_the_page_cannot_check_leads_to_its_cell_in_colab():
    quotes = convbook_answers.Answers.exercise
    config = type("Config", (), {"html_theme_options": {
        "launch_buttons": {"colab_url": "https://colab.example"}, "repository_url": "https://github.com/a/b",
        "repository_branch": "main",
    }})  # fmt: skip
    page = type("Page", (), {"config": config, "env": type("Env", (), {"docname": "book/01_x"})})
    cell = code("answer = ...\ncheck.f(answer)", exercise="m.f") | {"id": "exercise-2"}
    assert 'href="https://colab.example/github/a/b/blob/main/book/01_x.ipynb#scrollTo=exercise-2"' in quotes(page, cell)
    config.html_theme_options["launch_buttons"] = {}
    assert quotes(page, cell) == ""
