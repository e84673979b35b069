"""The pages around the chapters: the front page names each chapter and each slide of the lecture."""

import os
import re
from pathlib import Path

import pytest
from chapters import BOOK, CHAPTERS, anchors, blocks, blocks_of_text, links, page_blocks, read_chapter

INDEX = (BOOK / "index.md").read_text(encoding="utf-8")
SLIDES = Path(__file__).with_name("lecture_slides.txt").read_text(encoding="utf-8").splitlines()


def map_of_slides(page):
    """The rows of a page's tables: pairs of (titles of slides, addresses of the links beside them)."""
    rows = [re.fullmatch(r"\| (.*?) \| (.*) \|", line) for line in page.splitlines()]
    rows = [row for row in rows if row and "](" in row[2]]
    return [(row[1].replace("**", "").split(" · "), re.findall(r"\]\(([^)]+)\)", row[2])) for row in rows]


def test_the_map_finds_each_slide_of_the_lecture_by_its_title_and_a_section_that_covers_it():
    sample = "| Slide | Where |\n|---|---|\n| A · **B** | 1: [x](01.ipynb#x) · [y](#y) |\n| C | nowhere |\n"
    assert map_of_slides(sample) == [(["A", "B"], ["01.ipynb#x", "#y"])]
    rows = map_of_slides(INDEX)
    assert [title for titles, _ in rows for title in titles] == SLIDES
    # that the sections are there: test_notebooks.py::test_links_of_the_other_pages_arrive
    assert [titles for titles, sections in rows if not sections or not all("#" in each for each in sections)] == []


def test_the_slides_are_those_of_the_lecture():
    folder = os.environ.get("CONVBOOK_SHARED")
    if not folder:
        pytest.skip("CONVBOOK_SHARED names no folder with the lecture's text")
    lecture = Path(folder, "lecture.txt").read_text(encoding="utf-8")
    titles = [title.strip() for title in re.findall(r"^#{1,2} (.+)$", lecture, flags=re.M)]
    assert len(titles) > 25
    assert sorted(set(titles)) == sorted(SLIDES)


def cards(page):
    """The cards of chapters on a page: (number, file, question) in their order."""
    return re.findall(r"^  \*\*(\d+) · .+\*\*\n  \[(.+)\]\((.+)\)$", page, flags=re.M)


def test_the_front_page_has_a_card_for_each_chapter_with_its_number_its_question_and_a_picture():
    titles = {path.name: blocks(read_chapter(path))[0].text for path in CHAPTERS}
    wanted = [(str(number), title, name) for number, (name, title) in enumerate(titles.items(), 1)]
    assert cards(INDEX) == wanted
    items = [block for block in blocks_of_text(INDEX) if block.kind == "item" and "ipynb" in block.text]
    pictures = [block.tokens[0].attrs["src"] for block in items if block.tokens[0].type == "image"]
    assert pictures == [f"assets/cards/{path.stem}.svg" for path in CHAPTERS]
    assert [picture for picture in pictures if not (BOOK / picture).is_file()] == []


def test_running_leads_to_each_of_its_sections():
    page = page_blocks(BOOK / "running.md")
    sections = anchors([block for block in page if block.kind == "heading" and block.level == 2])
    assert len(sections) > 10
    assert sections <= {address.removeprefix("#") for _, address in links(page)}
