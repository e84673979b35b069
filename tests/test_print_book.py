"""The book as one PDF: what is printed of a page, in which order, and where links, bookmarks and numbers lead."""

import os
import shutil

import built_site
import print_book
import pytest
from chapters import toc_pages
from conftest import missing
from pypdf import PdfReader
from visits import BROWSERS, find_browser

TOC = """
root: book/index
parts:
  - {caption: One part, chapters: [{file: book/01_tiny}, {file: book/02_tiny}]}
  - {caption: To look things up, chapters: [{file: book/glossary}]}
"""
CONFIG = "{title: A tiny book, author: Its authors, repository: {url: 'https://github.com/a/b'}}"
PAGE = """<!DOCTYPE html><html lang="en"><head><title>{title}</title><link rel="icon" href="data:,">
<style>@page {{ margin: 20mm }}</style></head><body>
<article class="bd-article"><section id="{anchor}"><h1>{title}<a class="headerlink" href="#">#</a></h1>{body}</section>
</article></body></html>"""
SHEET = '<p style="break-after: page">A sheet.</p>'
CHAPTER = """<div class="cell tag_setup"><div class="cell_output">quick run
to switch, set a variable</div></div>{sheet}
<section id="matter"><h2>The matter of {number}</h2>
<p>See <a href="{other}.html#matter">there</a>, <a href="#end">here</a>, the <a href="glossary.html#word">word</a> and
<a href="https://example.org/">elsewhere</a>.</p><details class="hide"><summary>Show</summary><p>draw(it)</p></details>
<div class="evidence"><details><summary>The evidence</summary><p>Verdict of {number}</p></details></div></section>
<section id="exercises"><h2>Exercises</h2><section id="end"><h3>Exercise 1</h3>
<details><summary>Hint</summary><p>Think.</p></details><div class="cell"><div class="cell_output">No answer yet.</div>
<form class="exercise"></form></div><details><summary>Solution</summary><p>Answer of {number}</p></details></section>
</section>"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with the contents of a tiny book, and its site in site/."""
    if find_browser() is None:
        missing(f"there is no browser to print with: install one of {BROWSERS}", "CONVBOOK_BROWSER_REQUIRED")
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "_toc.yml").write_text(TOC, encoding="utf-8")
    (folder / "_config.yml").write_text(CONFIG, encoding="utf-8")
    (folder / "site" / "book").mkdir(parents=True)
    first, second = (
        CHAPTER.format(number=number, other=other, sheet=sheet)
        for number, other, sheet in [("one", "02_tiny", SHEET), ("two", "01_tiny", "")]
    )
    bodies = {
        "index": ("A tiny book", '<p>It is tiny.</p><section id="more"><h2>More</h2></section>'),
        "01_tiny": ("What is one?", first),
        "02_tiny": ("What is two?", second),
        "glossary": ("Glossary", f'{SHEET}<section id="word"><h2>Word</h2></section>'),
    }
    for name, (title, body) in bodies.items():
        page = PAGE.format(title=title, anchor=name.replace("_", "-"), body=body)
        (folder / "site" / "book" / f"{name}.html").write_text(page, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def whole(tiny):
    """The tiny book as a PDF."""
    path = print_book.print_book(tiny, tiny / "site")
    assert path == tiny / "site" / "book.pdf"
    return PdfReader(path)


def test_pages_stand_in_the_books_order_with_solutions_and_evidence_at_the_end(whole):
    sheets = [" ".join(page.extract_text().split()) for page in whole.pages]
    titles = ["Its authors", "Contents", "It is tiny", "A sheet", "The matter of one", "The matter of two", "A sheet"]
    for sheet, title in zip(sheets, [*titles, "Word", "Solutions What is one?", "Evidence What is one?"], strict=True):
        assert title in sheet
    assert "quick run" in sheets[0]
    assert "to switch" not in sheets[0]
    assert "No answer yet." not in "".join(sheets)
    assert "Hint Think." in sheets[4]
    for part, sheet in (("Answer of one", 8), ("Answer of two", 8), ("Verdict of one", 9), ("Verdict of two", 9)):
        assert [number for number, text in enumerate(sheets) if part in text] == [sheet]


def test_links_and_bookmarks_lead_to_sheets_of_the_book_and_to_places_outside(whole):
    links = {}
    for number, page in enumerate(whole.pages):
        for link in (each.get_object() for each in page["/Annots"]):
            is_inside = "/Dest" in link
            target = whole.get_page_number(link["/Dest"][0].get_object()) if is_inside else link["/A"]["/URI"]
            links.setdefault(number, []).append(target)
    assert links[4] == [5, 4, 7, "https://example.org/", 9, 8]  # there, here, word, elsewhere, evidence, solution
    assert links[5] == [4, 5, 7, "https://example.org/", 9, 8]
    assert set(links[8]) == {4, 5}  # a solution leads back to its exercise
    bookmarks = [
        (each.title, whole.get_destination_page_number(each)) for each in whole.outline if not isinstance(each, list)
    ]
    titles = ["A tiny book", "What is one?", "What is two?", "Glossary", "Solutions", "Evidence"]
    assert bookmarks == list(zip(titles, (2, 3, 5, 6, 8, 9), strict=True))
    assert [each.title for each in whole.outline[3]] == ["The matter of one", "Exercises"]


def test_the_contents_name_the_numbers_that_the_sheets_carry(whole):
    assert (whole.metadata.title, whole.metadata.author) == ("A tiny book", "Its authors")
    assert whole.page_labels == ["i", "ii", *"12345678"]
    contents = whole.pages[1].extract_text()
    for title, number in (
        ("What is one?", 2),
        ("The matter of one", 3),
        ("What is two?", 4),
        ("Glossary", 5),
        ("Evidence", 8),
    ):
        assert f"\n{title}{number}\n" in f"\n{contents}\n"
    assert "Exercises" not in contents, "each chapter has some"
    assert "\n3\n" in whole.pages[4].extract_text()[:30]


def test_the_front_page_has_one_link_to_the_pdf_before_its_sections(tiny, whole):
    front = tiny / "site" / "book" / "index.html"
    assert front.read_text(encoding="utf-8").count('href="../book.pdf"') == 1
    built_site.link_from_front_page(front, "../book.pdf", "This book as a PDF, to print and to read offline")
    page = front.read_text(encoding="utf-8")
    assert page.count('href="../book.pdf"') == 1
    assert page.index("tiny.</p>") < page.index("book.pdf") < page.index('<section id="more">')


def test_a_chapter_alone_has_its_solutions_and_links_to_nothing_that_is_not_there(tiny):
    pdf = PdfReader(print_book.print_book(tiny, tiny / "site", "2"))
    assert len(pdf.pages) == 3
    assert [each.title for each in pdf.outline if not isinstance(each, list)] == [
        "What is two?",
        "Solutions",
        "Evidence",
    ]
    assert len(pdf.pages[0]["/Annots"]) == 4  # here, elsewhere, evidence, solution
    assert "Answer of two" in pdf.pages[1].extract_text()


@pytest.mark.parametrize(
    ("chapter", "lost", "said"),
    [
        ("3", None, "There is no chapter 3: choose one of 1, 2."),
        ("x", None, "There is no chapter x: choose one of 1, 2."),
        ("2", "page", "The page 02_tiny is not built: run make book first."),
        (None, "page", "The page 02_tiny is not built: run make book first."),
        (None, "browser", "There is no browser to print with: install one of chromium"),
    ],
)
def test_what_cannot_be_printed_is_said_in_a_sentence(tiny, tmp_path, monkeypatch, chapter, lost, said):
    shutil.copytree(tiny, tmp_path / "tiny")
    if lost == "page":
        (tmp_path / "tiny" / "site" / "book" / "02_tiny.html").unlink()
    if lost == "browser":
        monkeypatch.setattr(print_book, "find_browser", lambda: None)
    monkeypatch.setattr(print_book, "ROOT", tmp_path / "tiny")
    monkeypatch.setattr(print_book, "SITE", tmp_path / "tiny" / "site")
    monkeypatch.setattr("sys.argv", ["print_book.py", *([chapter] if chapter else [])])
    with pytest.raises(SystemExit) as stopped:
        print_book.main()
    assert str(stopped.value).startswith(said)
    assert "\n" not in str(stopped.value)


def test_the_printed_book_is_whole_and_no_larger_than_it_may_be(site):
    path = site / "book.pdf"
    if os.environ.get("CONVBOOK_PRINT_REQUIRED") != "1":
        pytest.skip("the site may have been built again since the book was printed; .ci/run prints it, and looks at it")
    book = PdfReader(path)
    assert len(book.pages) <= 300
    assert path.stat().st_size <= 25e6
    chapters = [each for each in book.outline if not isinstance(each, list)]
    assert len(chapters) == len(toc_pages()) + 2
    assert 'href="../book.pdf"' in (site / "book" / "index.html").read_text(encoding="utf-8")
