"""Slides: what of a page becomes a slide and what its notes, that figures live in them, and that all can be printed."""

import html
import io
import os
import re

import make_slides
import pytest
import yaml
from chapters import ROOT
from pypdf import PdfReader
from test_pages import SLIDES
from test_site import broken_links

from convbook.figures import Convolution

TOC = {
    "root": "book/index",
    "parts": [{"caption": "One", "chapters": [{"file": "book/01_tiny"}, {"file": "book/terms"}]}],
}
PAGE = '<html><body><article class="bd-article"><section id="top"><h1>{}</h1>{}</section></article></body></html>'
FRONT = """<section id="one"><h2>Part one</h2><a href="01_tiny.html">What is it?</a></section><table>
<tr><th>Slide</th><th>Where</th></tr>
<tr><td>Overview · 1 The first part</td><td><a href="#one">Chapter 1</a></td></tr>
<tr><td>The thing &amp; its use</td><td>1: <a href="01_tiny.html#matter">What is the matter?</a></td></tr>
<tr><td>Without words</td><td>1: <a href="01_tiny.html#quiet">Why?</a></td></tr></table>"""
CODE = '<div class="cell_input"><div class="highlight"><pre>{}</pre></div></div>'
CHAPTER = """<p>It begins.</p><div class="cell">{figure}</div><p>Move it.</p>
<section id="what-you-will-be-able-to-do"><h2>What you will be able to do</h2><ul><li>Know it.</li></ul></section>
<section id="matter"><h2>What is the matter?<a class="headerlink" href="#matter">#</a></h2><p>Before.</p>
<blockquote class="callout callout-predict"><p><strong>Predict.</strong> Which? See <a href="terms.html#x">x</a>.</p>
<ul class="choices"><li>this</li><li>that</li></ul>
<form class="predict" data-right='{{"choice": 2}}'></form></blockquote>
<div class="cell">{short}<div class="cell_output answer answer-1"><pre>that</pre></div></div>
<div class="cell"><details class="hide">{long}</details>
<div class="cell_output answer answer-1"><pre>more</pre></div></div>
<div class="answer answer-1"><p>That, since it is so.</p>
<div class="evidence"><details><summary>The evidence</summary></details></div></div>
<blockquote class="callout callout-the-lecture-says"><p><strong>The lecture says.</strong> It is so.</p></blockquote>
<section id="home"><h3>To take home</h3><div class="cell tag_take-home">{long}</div></section>
<blockquote class="callout callout-remember"><p><strong>Remember.</strong> It.</p></blockquote></section>
<section id="quiet"><h2>Why?</h2><p>Because.</p></section>
<section id="exercises"><h2>Exercises</h2><section id="exercise-1"><h3>Exercise 1</h3></section></section>
<section id="sources"><h2>Sources</h2><p>A book.</p></section>"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The folder of a tiny book's site, with its slides."""
    site = tmp_path_factory.mktemp("site")
    (site / "book").mkdir()
    (site / "_static").mkdir()
    (site / "_static" / "book.css").write_bytes((ROOT / "book" / "assets" / "static" / "book.css").read_bytes())
    (site / "_static" / "pygments.css").touch()
    long = CODE.format("\n".join(f"line_{n} = {'x' * 66}" for n in range(25)))
    chapter = CHAPTER.format(figure=Convolution().to_html(), short=CODE.format("print('that')"), long=long)
    for name, title, body in (("index", "Tiny", FRONT), ("01_tiny", "What is it?", chapter)):
        (site / "book" / f"{name}.html").write_text(PAGE.format(title, body), encoding="utf-8")
    assert make_slides.make_slides(TOC, site) == {"index.html": 1, "01_tiny.html": 12}
    return site


def test_a_chapter_becomes_slides_and_its_prose_their_notes(tiny):
    slides = make_slides.make_decks(TOC, tiny)["01_tiny.html"]
    assert [(slide.kind, slide.title) for slide in slides] == [
        *(("title", "What is it?"), ("figure", "What is it?"), ("list", "What you will be able to do")),
        *((kind, "What is the matter?") for kind in ("predict", "code", "output", "output")),
        *(("the-lecture-says", "The thing &amp; its use"), ("code", "To take home"), ("remember", "To take home")),
        *(("text", "Without words"), ("list", "Exercises")),
    ]
    notes = {number: "".join(slide.notes) for number, slide in enumerate(slides) if slide.notes}
    assert list(notes) == [1, 3, 6]
    assert notes[1] == "<p>Move it.</p>"
    assert "Right is B." in notes[3]
    assert notes[3].endswith("<p>Before.</p>")
    assert "That, since it is so." in notes[6]
    assert 'href="../book/terms.html#x"' in slides[3].shown
    assert "<ol" in slides[3].shown
    assert "<form" not in slides[3].shown
    assert (slides[7].question, slides[10].question) == ("What is the matter?", "Why?")
    assert "Because." in slides[10].shown


@pytest.mark.parametrize(
    ("right", "said"),
    [("{}", "depends on the run"), ('{"number": 7}', "Right is 7."), ('{"number": [2, 3]}', "Right is 2 to 3.")],
)
def test_the_notes_say_what_is_right(right, said):
    page = f"<blockquote><p>Predict.</p><form data-right='{right}'></form></blockquote>"
    assert said in make_slides.prediction(make_slides.BeautifulSoup(page, "html.parser").blockquote)[1]


def test_the_deck_of_the_lecture_leads_to_the_decks_of_the_chapters(tiny):
    (slide,) = make_slides.make_decks(TOC, tiny)["index.html"]
    assert slide.title == "Overview · 1 The first part"
    assert slide.shown == '<ol><li value="1"><a href="01_tiny.html">What is it?</a></li></ol>'
    assert (tiny / "book" / "index.html").read_text(encoding="utf-8").count('href="../slides/index.html"') == 1


IS_SHOWN = """() => [...document.querySelectorAll(".room")].every((room) => !room.clientHeight ||
  room.scrollHeight <= room.clientHeight && room.scrollWidth <= room.clientWidth)"""


def test_slides_move_figures_live_and_nothing_is_asked_of_anybody(tiny, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((tiny / "slides" / "01_tiny.html").as_uri())
    page.wait_for_selector(".convbook-is-live", state="attached")
    page.keyboard.press("ArrowRight")
    figure = page.locator("section.present .convbook-live")
    figure.locator("[tabindex='0']").first.press("ArrowDown")
    figure.get_by_text("response[1, 0]").first.wait_for()
    assert page.evaluate("Reveal.getState().indexh") == 1, "an arrow key in a figure is the figure's"
    width = page.locator("section.present .fit").evaluate("(box) => box.getBoundingClientRect().width")
    assert width > 640, "half of the screen"
    page.evaluate("document.activeElement.blur()")
    for number in range(2, 12):
        page.keyboard.press("ArrowRight")
        page.wait_for_function("(number) => Reveal.getState().indexh === number", arg=number)
        page.wait_for_function(IS_SHOWN)
    assert errors == []
    assert [url for url in requests if not url.startswith(("file:", "blob:", "data:"))] == []
    page.close()


def test_slides_are_printed_one_a_page(tiny, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{(tiny / 'slides' / '01_tiny.html').as_uri()}?print-pdf")
    page.wait_for_selector(".pdf-page .convbook-is-live")
    page.wait_for_function(IS_SHOWN)
    printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    page.close()
    sheets = [sheet.extract_text() for sheet in printed.pages]
    assert len(sheets) == 12
    assert "response[0, 0]" in sheets[1]
    assert "line_24" in sheets[8]


def test_a_page_that_is_not_built_is_said_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(make_slides, "SITE", tmp_path)
    with pytest.raises(SystemExit, match=r"^The page 01_first_convnet is not built: run make book first\.$"):
        make_slides.main()


def test_each_slide_of_the_lecture_is_there_by_its_title(site):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    decks = make_slides.make_decks(toc, site)
    titles = {
        title for slides in decks.values() for slide in slides for title in html.unescape(slide.title).split(" · ")
    }
    assert [title for title in SLIDES if title not in titles] == []
    kinds = {name: [slide.kind for slide in slides] for name, slides in decks.items()}
    for name, article in ((name, site / "book" / name) for name in kinds if name != "index.html"):
        page = article.read_text(encoding="utf-8")
        assert kinds[name].count("predict") == page.count('<form class="predict"')
        assert kinds[name].count("figure") == page.count('<div class="convbook-page"')
        assert kinds[name].count("the-lecture-says") == len(re.findall(r'class="[^"]*callout-the-lecture-says', page))


def test_every_slide_of_the_book_is_shown_whole_and_its_links_arrive(site, browser):
    if os.environ.get("CONVBOOK_PRINT_REQUIRED") != "1":
        pytest.skip(
            "the site may have been built again since its slides were made; .ci/run makes them, and looks at them"
        )
    assert [link for link in broken_links(site) if link.startswith("slides/")] == []
    for deck in sorted((site / "slides").glob("*.html")):
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{deck.as_uri()}?print-pdf")
        page.wait_for_function("() => document.querySelectorAll('.convbook-page:not(.convbook-is-live)').length === 0")
        page.wait_for_function(IS_SHOWN)
        page.close()
