"""The whole book as one PDF, or one chapter of it, printed by Chromium from the pages of the built site.

    python book/assets/print_book.py          # _build/html/book.pdf, and a link to it on the front page
    python book/assets/print_book.py 3        # chapter 3 alone, beside its page

Each page is printed by itself, with its figures as they open. What is folded away on the site stands at its place
(hints) or at the end (solutions, tables of evidence); code that draws is left out. Then pypdf puts the prints together:
links within the book lead to pages of the PDF, and headings have bookmarks.
"""

import argparse
import html
import io
import re
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import yaml
from built_site import BROWSER_ARGUMENTS, BROWSERS, ROOT, SITE, find_browser, link_from_front_page, need_page
from playwright.sync_api import sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, Fit, FloatObject, NameObject

COLUMN_PX = {"width": 640, "height": 900}  # as wide as the paper between its margins: figures fit themselves to it
FIGURES_LIVE = "() => [...document.querySelectorAll('.convbook-page')].every((f) => f.matches('.convbook-is-live'))"
NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
REPLACE = "(body) => { document.querySelector('article').innerHTML = body }"

# Unfolds a page, takes out what stands at the end of the book, and returns that and the headings. Chromium writes down
# where an id is printed if a link leads to it.
PREPARE = """(page) => {
  const article = document.querySelector("article"), taken = { Solutions: [], Evidence: [] };
  const link = (href, textContent, more) => Object.assign(document.createElement("a"), { href, textContent, ...more });
  document.querySelectorAll(".headerlink").forEach((each) => each.remove());
  for (const details of article.querySelectorAll("details:not(.hide, .cb-details)")) {
    const summary = details.firstElementChild, title = summary.textContent, section = details.closest("section");
    const kind = title === "Solution" ? "Solutions" : details.closest(".evidence") ? "Evidence" : "";
    summary.remove();
    if (kind) {
      const id = `${kind}-${page}-${taken[kind].length + 1}`, note = document.createElement("p");
      taken[kind].push({ id, html: details.innerHTML, from: section.id, title: section.firstElementChild.textContent });
      note.append(link(`${kind}.html#${id}`, title), kind === "Solutions" ? " at the end of the book" : "");
      details.replaceWith(note);
    } else {
      const unfolded = Object.assign(document.createElement("div"), { className: "unfolded" });
      unfolded.append(Object.assign(document.createElement("strong"), { textContent: title }), ...details.childNodes);
      details.replaceWith(unfolded);
    }
  }
  article.querySelectorAll(".cell:has(> :is(form.exercise, .in-colab)) .cell_output").forEach((stub) => stub.remove());
  const headings = [...article.querySelectorAll("h1, h2")].map((heading) => (
    { level: Number(heading.tagName[1]), title: heading.textContent, id: heading.closest("section").id }));
  article.querySelectorAll("[id]:not(svg *)").forEach(({ id }) => article.append(link(`#${id}`, "", { hidden: true })));
  return { headings, taken, run: article.querySelector(".tag_setup .cell_output")?.textContent ?? "" };
}"""


class Print(NamedTuple):
    """A page of the site on paper: its PDF, the number of its first sheet, its headings {level, title, id}, its run."""

    pdf: PdfReader
    first: int
    headings: list
    run: str

    def sheet_of(self, name):
        """The number of the sheet on which an id is printed."""
        place = self.pdf.named_destinations.get(f"/{name}")
        return self.first + (self.pdf.get_destination_page_number(place) if place else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapter", nargs="?", help="the number of a chapter; without one, the whole book")
    options = parser.parse_args()
    start = time.monotonic()
    try:
        target = print_book(ROOT, SITE, options.chapter)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
    sheets, size_mb = len(PdfReader(target).pages), target.stat().st_size / 1e6
    print(f"{target.relative_to(ROOT)}: {sheets} pages, {size_mb:.1f} MB, in {time.monotonic() - start:.0f} s")


def print_book(root, site, chapter=None):
    """Print the pages of a built site, or those of one chapter, into one PDF, and return its path.

    Args:
        root: the folder of _toc.yml and _config.yml.
        site: the folder of the built site.

    Raises:
        ValueError: if there is no such chapter.
        FileNotFoundError: if a page is not built, or there is no browser.
    """
    toc, config = (yaml.safe_load((root / f"_{name}.yml").read_text(encoding="utf-8")) for name in ("toc", "config"))
    parts = [("", [toc["root"], *(each["file"] for each in toc.get("chapters", []))])]
    parts += [(part["caption"], [each["file"] for each in part["chapters"]]) for part in toc.get("parts", [])]
    names = [name for _, names in parts for name in names]
    if chapter is not None:
        chapters = {str(int(number[1])): name for name in names if (number := re.search(r"/(\d+)_[^/]*$", name))}
        if chapter not in chapters:
            raise ValueError(f"There is no chapter {chapter}: choose one of {', '.join(chapters)}.")
        names = [chapters[chapter]]
    files = [need_page(site / f"{name}.html") for name in names]
    browser = find_browser()
    if browser is None:
        raise FileNotFoundError(f"There is no browser to print with: install one of {', '.join(BROWSERS)}.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=BROWSER_ARGUMENTS)
        page = chromium.new_page(viewport=COLUMN_PX)
        page.emulate_media(media="print")
        prints, front = print_pages(page, files), None
        if chapter is None:
            page.goto(f"{files[0].as_uri()}?front")
            icon = page.get_attribute("link[rel=icon]", "href")
            page.evaluate(REPLACE, front_matter(config, parts, prints, icon))
            front = to_pdf(page, numbers="lower-roman")
        chromium.close()
    target = files[0].with_suffix(".pdf") if chapter else site / "book.pdf"
    book = bind(front, prints)
    book.add_metadata({"/Title": config["title"], "/Author": config["author"]})
    book.write(target)
    if chapter is None:
        address = "../" * names[0].count("/") + target.name
        link_from_front_page(files[0], address, "This book as a PDF, to print and to read offline")
    return target


def print_pages(page, files):
    """Print these files of the site and what stands at their end; {name: Print} in the book's order."""
    prints, taken = {}, {"Solutions": [], "Evidence": []}

    def add(name):
        found = page.evaluate(PREPARE, name)
        first = 1 + sum(len(each.pdf.pages) for each in prints.values())
        pdf = to_pdf(page, found["headings"][0]["title"], first)
        prints[name] = Print(pdf, first, found["headings"], found["run"])
        return found

    for file in files:
        page.goto(file.as_uri())
        page.wait_for_function(FIGURES_LIVE)
        found = add(file.stem)
        for kind, entries in found["taken"].items():
            taken[kind] += [(file.name, found["headings"][0]["title"], entries)] if entries else []
    for kind, chapters in taken.items():
        if chapters:
            page.goto(f"{files[-1].as_uri()}?{kind}")  # a page of its own, whose links lead where they lead there
            page.evaluate(REPLACE, appendix(kind, chapters))
            add(kind)
    return prints


def to_pdf(page, head="", first=1, numbers="decimal"):
    """Print what a page shows now, with a running head, and sheets numbered from `first` on."""
    words = head.replace('"', r"\22 ")
    css = f"""
        @page {{ size: A4; @top-left {{ content: "{words}" }} @bottom-center {{ content: counter(page, {numbers}) }} }}
        @page :first {{ @top-left {{ content: none }} {"" if head else "@bottom-center { content: none }"} }}
        html {{ counter-reset: page {first - 1} }}"""
    page.add_style_tag(content=css)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.evaluate(NEXT_FRAME)
    return PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True, print_background=True)))


def appendix(kind, chapters):
    """What stands at the end of the book, as HTML: triples of a page's address, its title, and entries."""
    body = f'<section id="{kind.lower()}"><h1>{kind}</h1>'
    for address, title, entries in chapters:
        body += f'<section id="{kind.lower()}-{Path(address).stem}"><h2>{html.escape(title)}</h2>'
        for entry in entries:
            heading = f'<h3><a href="{address}#{entry["from"]}">{html.escape(entry["title"])}</a></h3>'
            body += f'<section id="{entry["id"]}" class="{kind.lower()}">{heading}{entry["html"]}</section>'
        body += "</section>"
    return f"{body}</section>"


def front_matter(config, parts, prints, icon):
    """The cover and the contents as HTML.

    Args:
        config: the content of _config.yml.
        parts: pairs of a part's caption and the addresses of its pages.
        prints: {name: Print} of all pages.
        icon: the address of the site's icon.
    """
    often = Counter(heading["title"] for each in prints.values() for heading in each.headings)
    captions = {Path(address).stem: caption for caption, addresses in parts for address in addresses}
    lines, part = [], ""
    for name, each in prints.items():
        if (caption := captions.get(name, part)) != part:
            part = caption
            lines.append(f"<h2>{html.escape(part)}</h2>")
        top, *rest = each.headings
        # Sections that every chapter has say nothing of it.
        for heading in [top, *(h for h in rest if h["level"] == 2 and often[h["title"]] == 1 and name[:2].isdigit())]:
            link = f'<a href="{name}.html#{heading["id"]}">{html.escape(heading["title"])}</a>'
            number = f"<span>{each.sheet_of(heading['id'])}</span>"
            lines.append(f'<p class="level-{heading["level"]}">{link}<i></i>{number}</p>')
    run = next((each.run for each in prints.values() if each.run), "").rsplit("to switch", 1)[0].strip()
    made = html.escape(f"{config['repository']['url']}\nPrinted on {date.today():%-d %B %Y}\n\n{run}")
    return (
        f'<div class="cover" style="break-after: page"><img alt="" src="{html.escape(icon)}">'
        f'<h1>{html.escape(config["title"])}</h1><p>{html.escape(config["author"])}</p><p class="made">{made}</p></div>'
        f'<div class="contents"><h1>Contents</h1>{"".join(lines)}</div>'
    )


def bind(front, prints):
    """Put the prints together, with bookmarks, links from page to page, and the numbers that the sheets carry."""
    writer, parts = PdfWriter(), {**({"front": front} if front else {}), **{n: each.pdf for n, each in prints.items()}}
    sheets, places = {}, {}
    for name, pdf in parts.items():
        sheets[name] = [writer.add_page(page) for page in pdf.pages]
        places[name, ""] = place_on(sheets[name][0], pdf.pages[0].mediabox.top)
        for key, found in pdf.named_destinations.items():
            sheet = sheets[name][pdf.get_destination_page_number(found)]
            places[name, key.removeprefix("/")] = place_on(sheet, found.top)
    for name in parts:
        for sheet in sheets[name]:
            sheet[NameObject("/Annots")] = ArrayObject(links_within(sheet, name, places))
    for name, each in prints.items():
        chapter = None
        for heading in each.headings:
            place = places.get((name, heading["id"]), places[name, ""])
            number, fit = writer.get_page_number(place[0].get_object()), Fit.xyz(0, place[3], 0)
            item = writer.add_outline_item(title=heading["title"], page_number=number, parent=chapter, fit=fit)
            chapter = chapter or item
    if front:
        writer.set_page_label(0, len(front.pages) - 1, style="/r")
        writer.set_page_label(len(front.pages), len(writer.pages) - 1, style="/D")
    writer.page_mode = "/UseOutlines"
    return writer


def place_on(sheet, top):
    """A place in the bound book, as PDF writes it down."""
    return ArrayObject([sheet.indirect_reference, NameObject("/XYZ"), *map(FloatObject, (0, top, 0))])


def links_within(sheet, name, places):
    """The links of a sheet: those to pages of the site lead into the book, or go where it does not hold that page."""
    for link in sheet.get("/Annots", ()):
        link = link.get_object()
        address = link.get("/A", {}).get("/URI", "")
        if "/Dest" in link:
            place = places.get((name, str(link["/Dest"]).removeprefix("/")))
        elif address.startswith("file:"):
            parts = urlsplit(address)
            page = Path(parts.path).stem
            place = places.get((page, unquote(parts.fragment)), places.get((page, "")))
        else:
            yield link.indirect_reference
            continue
        if place:
            link.pop("/A", None)
            link[NameObject("/Dest")] = place
            yield link.indirect_reference


if __name__ == "__main__":
    main()
