"""Slides for a lecturer, made from the pages of the built site: a deck for each chapter, and one for the whole lecture.

    python book/assets/make_slides.py         # _build/html/slides/, linked from the front page

Nothing is typed twice. A section's first slide says what the lecture says there, under the titles of the lecture's own
slides, which the map on the front page gives. Each Predict box is a slide, and so are the code and the outputs that
answer it, each live figure, each listing to take home, and what to remember. The prose between them is the notes,
after what to ask. reveal.js, which the package sphinx-revealjs brings, shows them: arrow keys move, S opens the notes,
and with ?print-pdf in the address they can be printed.
"""

import html
import importlib.resources
import json
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import yaml
from bs4 import BeautifulSoup
from built_site import ROOT, SITE, link_from_front_page, need_page

ASSETS = Path(__file__).resolve().parent
REVEAL_FILES = ("dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js", "LICENSE")
MOST_LINES = 18  # of code that answers a prediction; what is longer is read in the chapter

DECK = """<!DOCTYPE html>
<html lang="en" data-theme="light" data-content_root="../"><head><meta charset="utf-8"><title>{title}: slides</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="reveal/reveal.css"><link rel="stylesheet" href="../_static/pygments.css">
<link rel="stylesheet" href="../_static/book.css"><link rel="stylesheet" href="slides.css"></head>
<body><div class="reveal"><div class="slides">
{slides}
</div></div>
<script src="reveal/reveal.js"></script><script src="reveal/notes.js"></script><script src="slides.js"></script>
</body></html>
"""


class Slide(NamedTuple):
    """A slide: its title, the question that stands below it, what it shows, and notes for the lecturer, all HTML."""

    kind: str
    title: str
    question: str
    shown: str
    notes: list

    def to_html(self):
        question = f'<p class="question">{self.question}</p>' if self.question else ""
        notes = f'<aside class="notes">{"".join(self.notes)}</aside>' if self.notes else ""
        return (
            f'<section class="{self.kind}"><h2>{self.title}</h2>{question}'
            f'<div class="room"><div class="fit">{self.shown}</div></div>{notes}</section>'
        )


def main():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    try:
        counts = make_slides(toc, SITE)
    except FileNotFoundError as error:
        sys.exit(str(error))
    print(f"_build/html/slides/index.html: {len(counts)} decks, {sum(counts.values())} slides")


def make_slides(toc, site):
    """Write the decks, with what they need, into the folder slides of a site; {file: number of its slides}."""
    decks, folder = make_decks(toc, site), site / "slides"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "reveal").mkdir(parents=True)
    for name in REVEAL_FILES:
        source = importlib.resources.files("sphinx_revealjs") / "_static" / "revealjs" / name
        (folder / "reveal" / Path(name).name).write_bytes(source.read_bytes())
    for name in ("slides.css", "slides.js"):
        shutil.copy(ASSETS / name, folder)
    for name, slides in decks.items():
        title = re.sub(r"<[^>]*>", "", slides[0].title)
        deck = DECK.format(title=title, slides="\n".join(slide.to_html() for slide in slides))
        (folder / name).write_text(deck, encoding="utf-8")
    link_from_front_page(
        site / f"{toc['root']}.html", "../slides/index.html", "Slides for a lecture, with live figures"
    )
    return {name: len(slides) for name, slides in decks.items()}


def make_decks(toc, site):
    """Make the slides of a built site: {file: slides}.

    Args:
        toc: the content of _toc.yml.
        site: the folder of the built site.

    Raises:
        FileNotFoundError: if a page is not built.
    """
    names = [each["file"] for part in toc["parts"] for each in part["chapters"]]
    chapters = [need_page(site / f"{name}.html") for name in names if re.match(r"\d", Path(name).name)]
    front = read_page(need_page(site / f"{toc['root']}.html"))
    rows = map_of_the_lecture(front)
    decks = {file.name: slides_of_a_chapter(read_page(file), file.name, rows) for file in chapters}
    return {"index.html": slides_of_the_lecture(front, rows), **decks}


def read_page(file):
    """The article of a page, without what slides do not show; its links lead to the site's pages from the slides."""
    article = BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser").article
    for part in article.select(".headerlink, details, form.exercise, .evidence"):
        part.decompose()
    for link in article.select("a[href]"):
        if not re.match(r"[a-z]+:", link["href"]):
            address = f"{file.name}{link['href']}" if link["href"].startswith("#") else link["href"]
            link["href"] = f"../{file.parent.name}/{address}"
    return article


def map_of_the_lecture(front):
    """The rows of the front page's map: pairs of (titles of the lecture's slides, addresses of what covers them)."""
    rows = [row.find_all("td") for row in front.select("table tr")]
    return [
        (titles.get_text().strip().split(" · "), [link["href"].removeprefix("../book/") for link in places.select("a")])
        for titles, places in (cells for cells in rows if len(cells) == 2)
    ]


def slides_of_the_lecture(front, rows):
    """The deck of the whole lecture: the titles that lead to a list of chapters, with links to the chapters' decks."""
    slides = []
    for titles, places in rows:
        section = front.find(id=places[0].partition("#")[2]) if places and places[0].startswith("index.html") else None
        links = section.select("a[href*='html']") if section else []
        decks = {Path(link["href"]).name: link.get_text() for link in links if re.match(r"\d", Path(link["href"]).name)}
        items = [f'<li value="{int(name[:2])}"><a href="{name}">{html.escape(decks[name])}</a></li>' for name in decks]
        if items:
            slides.append(Slide("list", html.escape(" · ".join(titles)), "", f"<ol>{''.join(items)}</ol>", []))
    return slides or [Slide("list", inside(front.h1), "", "", [])]


def slides_of_a_chapter(article, name, rows):
    """The deck of a chapter; `rows` is the map of the lecture."""
    titles = {}
    for of_row, places in rows:
        for place in places:
            titles.setdefault(place, []).extend(of_row)
    top = article.section
    opening = [block for block in top.find_all(recursive=False) if block.name != "section"]
    intro = next(block for block in opening if block.name == "p")
    slides = [Slide("title", inside(top.h1), "", str(intro), [])]
    slides += slides_of_blocks([block for block in opening if block not in (top.h1, intro)], inside(top.h1), slides[0])
    for section in top.find_all("section", recursive=False):
        heading, key = inside(section.h2), section["id"]
        if key == "what-you-will-be-able-to-do":
            slides.append(Slide("list", heading, "", str(section.ul), []))
        elif key == "in-practice-and-pitfalls":
            leads = "".join(f"<li>{inside(lead)}</li>" for lead in section.select("li > p > strong:first-child"))
            slides.append(Slide("list", heading, "", f"<ul>{leads}</ul>", [str(each) for each in section.select("ul")]))
        elif key == "exercises":
            tasks = [(task["id"], inside(task.h3)) for task in section.select("section") if task.h3]
            items = "".join(f'<li><a href="../book/{name}#{task}">{words}</a></li>' for task, words in tasks)
            slides.append(Slide("list", heading, "", f"<ul>{items}</ul>", []))
        elif key != "sources":
            slides += slides_of_a_section(section, heading, titles.get(f"{name}#{key}", []))
    return slides


def slides_of_a_section(section, heading, titles):
    """The slides of a section; where the lecture speaks, or first, its own titles stand above the question."""
    slides = slides_of_blocks(list(blocks(section)), heading)
    if not slides and titles:
        slides = [Slide("text", heading, "", str(section.p), [])]
    if titles:
        number = next((n for n, slide in enumerate(slides) if slide.kind == "the-lecture-says"), 0)
        title = html.escape(" · ".join(titles))
        slides[number] = slides[number]._replace(title=title, question=heading)
    return slides


def blocks(section):
    """The blocks of a section in their order, those of its subsections and of what waits for an answer among them."""
    for block in section.find_all(recursive=False):
        if block.name == "section" or (block.name == "div" and "answer" in block.get("class", [])):
            yield from blocks(block)
        elif block.name != "h2":
            yield block


def slides_of_blocks(found, heading, before=None):
    """A slide for each block that is worth one; what stands between becomes the notes of the slide before."""
    slides, ahead = [], [] if before is None else before.notes

    def add(kind, shown, *notes):
        slides.append(Slide(kind, heading, "", shown, [*notes, *(ahead if not slides and before is None else [])]))

    for block in found:
        classes = block.get("class", [])
        named = next((each for each in classes if each.startswith("callout-")), "")
        if block.name == "h3":
            heading = inside(block)
        elif named == "callout-predict":
            add("predict", *prediction(block))
        elif named in ("callout-the-lecture-says", "callout-remember") or "timeline" in classes:
            add(named.removeprefix("callout-") or "list", str(block))
        elif "cell" in classes:
            for kind, shown in cell_slides(block, classes):
                add(kind, shown)
        else:
            (slides[-1].notes if slides else ahead).append(str(block))
    return slides


def prediction(quote):
    """What a Predict box shows, and what to say with it."""
    right = json.loads(quote.form.extract()["data-right"])
    if quote.ul:
        quote.ul.name = "ol"
    if "choice" in right:
        truth = f"Right is {chr(64 + right['choice'])}."
    elif "number" in right:
        numbers = right["number"] if isinstance(right["number"], list) else [right["number"]]
        truth = f"Right is {' to '.join(map(str, numbers))}."
    else:
        truth = "What is right depends on the run: see the next slide."
    return str(quote), f"<p><strong>Ask, and let everyone answer before you go on. {truth}</strong></p>"


def cell_slides(cell, classes):
    """Pairs of (kind, content) of a cell: its live figure, its listing to take home, or what it answers."""
    figures = cell.select(".convbook-page")
    code, outputs = cell.select_one(".cell_input pre"), cell.select_one(".cell_output")
    if figures:
        yield from (("figure", str(figure)) for figure in figures)
    elif "tag_take-home" in classes:
        yield "code", str(cell.select_one(".cell_input"))
    elif cell.select_one(".answer"):
        if code and code.get_text().count("\n") <= MOST_LINES:
            yield "code", str(cell.select_one(".cell_input"))
        yield "output", inside(outputs)


def inside(element):
    """The HTML within an element."""
    return element.decode_contents().strip()


if __name__ == "__main__":
    main()
