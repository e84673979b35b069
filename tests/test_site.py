"""The built site in a real browser: it asks nobody else, complains of nothing, and can be read in every form.

A check is a generator of findings over one visit. All checks run over a page made wrong on purpose (each must find
something), and over every page of the site, from http and from file://, light and dark.
"""

import contextlib
import functools
import json
import re
import zlib
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from chapters import CHAPTERS, NOTEBOOKS, ROOT, page_blocks, toc_pages
from convbook_site import PHOTO_NETWORKS
from test_glossary import NOT_YET
from visits import COLOUR_AUDIT, CONTENT_AUDIT, PHONE, SCHEMES, open_page, visit

MOST_BYTES, MOST_REQUESTS = 750_000, 17
LEAST_LETTERS_PX = 10.95  # 11 px, as a browser rounds them
LEAST_CONTRAST = 4.5  # WCAG 2.2, success criterion 1.4.3
PAGES = [*toc_pages(), "search"]

# What a page holds does not depend on the scheme; its colours do.
AUDITS = {"light": [CONTENT_AUDIT, COLOUR_AUDIT], "dark": [COLOUR_AUDIT]}
HEAVY = ("require.min.js", "thebe", "fontawesome", "mathjax", "html-manager", "application/vnd.jupyter.widget-state")


def asks_no_other_host(page):
    home = urlsplit(page.url)
    for url in page.requests:
        if (urlsplit(url).scheme, urlsplit(url).netloc) != (home.scheme, home.netloc):
            yield f"asks for {url}"


def complains_of_nothing(page):
    """No failed request, no error of a script, no error in the console."""
    yield from page.complaints


def fits_the_budget(page):
    if page.size_bytes > MOST_BYTES:
        yield f"{page.size_bytes:,} bytes; {MOST_BYTES:,} at the most"
    if len(page.requests) > MOST_REQUESTS:
        yield f"{len(page.requests)} requests; {MOST_REQUESTS} at the most: {page.requests}"


def passes_axe(page):
    for violation in page.violations:
        if violation["impact"] in ("serious", "critical"):
            yield f"{violation['id']}: {violation['help']}: {[node['html'][:120] for node in violation['nodes'][:3]]}"


def names_its_language_title_and_pictures(page):
    facts = page.facts["screen"]
    if facts["lang"] != "en":
        yield f"lang is {facts['lang']!r}"
    if not facts["title"]:
        yield "no title"
    if facts["h1"] != 1:
        yield f"{facts['h1']} headings of level 1"
    yield from (f"no alternative text: {picture}" for picture in facts["nameless"])


def shows_mathematics_without_a_script(page):
    for text in page.facts["screen"]["rawMaths"]:
        yield f"mathematics stands in the page as LaTeX: {text}"


def loads_nothing_heavy(page):
    """None of the scripts, style sheets and data that Jupyter Book adds and this book does without."""
    for tag in BeautifulSoup(page.source, "html.parser").find_all(["script", "link"]):
        for name in HEAVY:
            if name in str(tag).lower():
                yield f"loads {name}: {str(tag)[:120]}"


def keeps_its_scheme(page):
    luminance = page.facts["screen"]["background"]
    if (luminance > 0.5) != (page.scheme == "light"):
        yield f"in the {page.scheme} scheme the background's luminance is {luminance:.2f}"


def has_readable_text(page):
    for what, kind in (("text", "texts"), ("a drawing's text", "labels")):
        for text in page.facts["screen"][kind]:
            if text["contrast"] is not None and text["contrast"] < LEAST_CONTRAST:
                yield f"{what} {text['text']!r} has a contrast of {text['contrast']:.1f}"


def fits_a_phone(page):
    facts = page.facts["phone"]
    if facts["scrollWidth"] > PHONE["width"]:
        yield f"{facts['scrollWidth']} px wide on a phone of {PHONE['width']} px; beyond the edge: {facts['tooWide']}"


def has_drawings_that_can_be_read_on_a_phone(page):
    for text in page.facts["phone"]["letters"]:
        if text["heightPx"] < LEAST_LETTERS_PX:
            yield f"on a phone {text['text']!r} has letters of {text['heightPx']:.1f} px"


def hides_no_code_and_no_verdict(page):
    """On a wide screen: long lines are wrapped, and the tables of results, whose last column says it all, fit."""
    yield from (f"has to be scrolled to the right: {text!r}" for text in page.facts["screen"]["cutOff"])


def prints_well(page):
    """On paper: the text alone, dark on white, whatever the scheme; what was folded stays folded."""
    screen, paper = page.facts["screen"], page.facts["print"]
    yield from (f"is printed: {element}" for element in paper["furniture"])
    if paper["background"] < 0.99:
        yield "the paper is not white"
    for text in paper["texts"]:
        if text["luminance"] > 0.2 or text["contrast"] < LEAST_CONTRAST:
            yield f"pale in print: {text['text']!r}"
    for text in {text["text"] for text in screen["texts"] if not text["live"]} - {t["text"] for t in paper["texts"]}:
        yield f"is missing in print: {text!r}"
    if paper["live"] < paper["figures"]:
        yield f"{paper['figures']} live figures, of which {paper['live']} are printed"
    if paper["folded"] != screen["folded"]:
        yield "printing unfolds what was folded, hints and solutions among it"


CHECKS = [
    *(asks_no_other_host, complains_of_nothing, fits_the_budget, passes_axe, names_its_language_title_and_pictures),
    *(shows_mathematics_without_a_script, loads_nothing_heavy, keeps_its_scheme, has_readable_text, fits_a_phone),
    *(has_drawings_that_can_be_read_on_a_phone, hides_no_code_and_no_verdict, prints_well),
]
by_http_and_as_files = pytest.mark.parametrize("protocol", ["http", "file"])


@pytest.fixture(scope="module")
def seen(browser, site_urls):
    """A function that visits a page of the site, once for each way to it."""

    @functools.cache
    def see(name, protocol, scheme):
        audits = AUDITS[scheme] if protocol == "http" else []
        return visit(browser, f"{site_urls[protocol]}{name}.html", scheme, audits)

    return see


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", PAGES)
def test_page(name, check, seen):
    visits = {way: seen(name, *way) for way in [("http", "light"), ("http", "dark"), ("file", "light")]}
    found = [f"{', '.join(way)}: {finding}" for way, page in visits.items() for finding in check(page)]
    assert not found, "\n".join(found)


# ---------------------------------------------------------------- the checks, shown able to pass and to fail

SOUND = """<!DOCTYPE html><html lang="en"><head><title>Sound</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width">
<style>
 :root { color-scheme: light; background: white; color: black }
 [data-theme=dark] { color-scheme: dark; background: #111; color: #eee }
 @media print { :root, [data-theme=dark] { background: white; color: black } button { display: none } }
</style><script>document.documentElement.dataset.theme = localStorage.getItem("theme")</script></head>
<body><main><article><h1>Sound</h1><p>Text with <math><mi>x</mi></math>.</p><button>Copy</button>
<details><summary>Hint</summary><p>Think.</p></details>
<div class="output"><svg role="img" aria-label="A word" width="90" height="30">
<rect width="90" height="30" fill="#ddd"/><text x="5" y="20" fill="#222">word</text>
</svg></div></article></main></body></html>"""

UNSOUND = """<!DOCTYPE html><html><head><meta name="viewport" content="width=device-width">
<style>:root { background: COLOUR } p { color: #888 } @media print { h1 { display: none } }</style></head>
<body><article><div class="highlight"><pre><span class="k" style="color: #888">for</span></pre></div>
<h1>One</h1><h1>Two</h1><p>The ratio is \\(x \\times y\\).</p><button>Copy</button><img src="absent.png">
<details><summary>Hint</summary><p>Think.</p></details><div style="width: 900px">wide</div>
<svg width="90" height="30" font-size="9"><rect width="90" height="30" fill="#888"/>
<text x="5" y="20" fill="#777">word</text></svg>
<div class="cell_input"><pre style="width: 90px; overflow-x: auto">for row in image: print(row)</pre></div>
</article><script src="https://example.invalid/require.min.js"></script>
<script>addEventListener("beforeprint", () => { document.querySelector("details").open = true }); missing()</script>
<!--PADDING--></body></html>"""


@pytest.fixture(scope="module")
def samples(browser, serve, tmp_path_factory):
    """Visits to a sound and to an unsound page: {("sound", "light"): …}."""
    folder = tmp_path_factory.mktemp("samples")
    (folder / "sound.html").write_text(SOUND, encoding="utf-8")
    home = serve(folder)
    found = {}
    for scheme, wrong_colour in zip(SCHEMES, ("#333", "#eee"), strict=True):
        page = UNSOUND.replace("COLOUR", wrong_colour).replace("PADDING", " " * MOST_BYTES)
        (folder / f"{scheme}.html").write_text(page, encoding="utf-8")
        found["sound", scheme] = visit(browser, f"{home}sound.html", scheme, AUDITS[scheme])
        found["unsound", scheme] = visit(browser, f"{home}{scheme}.html", scheme, AUDITS[scheme])
    return found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_check_passes_a_sound_page_and_fails_an_unsound_one(check, samples):
    for scheme in SCHEMES:
        assert list(check(samples["sound", scheme])) == []
    assert list(check(samples["unsound", "light"]))


def test_findings_say_what_is_wrong(samples):
    pages = [samples["unsound", scheme] for scheme in SCHEMES]
    found = "\n".join(finding for page in pages for check in CHECKS for finding in check(page))
    for words in [
        *("https://example.invalid", "404", "missing is not defined", "750,000 at", "2 headings", "lang is ''"),
        *("no title", "absent.png", "LaTeX", "loads require.min.js", "light scheme", "dark scheme", "image-alt"),
        *("color-contrast", 'class="k"', "text 'The ratio", "drawing's text 'word'", "is printed: <button"),
        *("on a phone", "not white", "pale in print", "missing in print", "unfolds", "letters of 9.0 px"),
        "to the right: 'for row in image",
    ]:
        assert words in found, words
    many = pages[0]._replace(requests=["http://127.0.0.1/"] * (MOST_REQUESTS + 1))
    assert f"{MOST_REQUESTS + 1} requests" in "\n".join(fits_the_budget(many))


# ---------------------------------------------------------------- what pages share


def test_each_page_loads_the_two_files_in_their_present_state(site):
    names = "site.css", "site.js"
    present = {(name, f"{zlib.crc32((site / '_static' / name).read_bytes()):08x}") for name in names}
    for name in PAGES:
        page = (site / f"{name}.html").read_text(encoding="utf-8")
        assert set(re.findall(r'_static/(site\.\w+)\?v=(\w+)"', page)) == present, name
        assert len(re.findall(r"<link[^>]*stylesheet", page)) == 1, name


def test_nothing_lies_in_the_site_that_no_page_needs(site):
    files = [path for path in (site / "_static").rglob("*") if path.is_file() and path.stem not in PHOTO_NETWORKS]
    unneeded = re.compile(r"\.map$|\.woff2?$|\.ttf$|\.html$|fontawesome|bootstrap")
    assert [path.name for path in files if unneeded.search(path.name)] == []
    assert sum(path.stat().st_size for path in files) < 800_000


def test_words_of_code_without_an_element_would_have_the_colour_of_the_text(site):
    css = (site / "_static" / "pygments.css").read_text(encoding="utf-8")
    for scheme in SCHEMES:
        colours = dict(re.findall(rf'data-theme="{scheme}"\] \.highlight ?(\S*) {{[^}}]*\bcolor: (#\w+)', css))
        assert {colours[f".{name}"] for name in ("n", "nn", "p", "w")} == {colours[""]} != {colours[".k"]}


# ---------------------------------------------------------------- where nothing can be kept

NO_STORAGE = """for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } });"""
FRAME = (
    '<!DOCTYPE html><title>Course</title><iframe sandbox="allow-scripts" src="{}" width="100%" height="800"></iframe>'
)


@pytest.mark.parametrize("framed", [False, True], ids=["cookies are blocked", "in a sandboxed frame"])
def test_theme_search_and_menu_work_where_nothing_can_be_kept(framed, browser, site_urls, serve, tmp_path):
    complaints = []
    with contextlib.closing(browser.new_context(viewport=PHONE, color_scheme="light")) as context:
        if not framed:
            context.add_init_script(NO_STORAGE)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def go(name):
            """Open a page of the site; returns the frame that holds it."""
            if not framed:
                page.goto(f"{site_urls['http']}{name}")
                return page.main_frame
            (tmp_path / "course.html").write_text(FRAME.format(f"{site_urls['http']}{name}"), encoding="utf-8")
            page.goto(f"{serve(tmp_path)}course.html")
            return page.frames[1]

        frame = go("book/01_first_convnet.html")
        frame.locator(".theme-switch-button").first.click()
        frame.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
        frame.locator(".primary-toggle").click()
        frame.locator("dialog#pst-primary-sidebar-modal[open]").wait_for()
        frame.locator("dialog#pst-primary-sidebar-modal").press("Escape")
        frame.locator(".search-button__button:visible").first.click()
        frame.locator("dialog#pst-search-dialog[open] input").wait_for()
        frame = go("search.html?q=pooling")
        frame.locator("#search-results a").first.wait_for()
    assert complaints == []


# ---------------------------------------------------------------- links and files


def broken_links(folder):
    """Links of a site's pages that lead to no file or to no place in it, as sentences."""
    paths = [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts]
    pages = {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in paths}
    names = {path.resolve(): {tag["id"] for tag in page.find_all(id=True)} for path, page in pages.items()}
    found = []
    for path, page in pages.items():
        for tag, attribute in [(t, a) for a in ("href", "src") for t in page.find_all(**{a: True})]:
            parts = urlsplit(tag[attribute])
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            if parts.scheme or parts.netloc:
                continue
            if not target.exists():
                found.append(f"{path.relative_to(folder)}: {tag[attribute]} is not there")
            elif unquote(parts.fragment) not in {"", *names.get(target, {parts.fragment})}:
                found.append(f"{path.relative_to(folder)}: {tag[attribute]} names no place in {target.name}")
    return found


def test_broken_link_is_found(tmp_path):
    links = (
        '<a href="b.html"></a><a href="#here"></a><a href="a.html#there"></a><img src="c.png"><a href="http://x.y/z">'
    )
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "a.html").write_text(f'<p id="here"></p>{links}', encoding="utf-8")
    assert broken_links(tmp_path) == [
        "book/a.html: b.html is not there",
        "book/a.html: a.html#there names no place in a.html",
        "book/a.html: c.png is not there",
    ]


def test_no_chapter_asked_for_another_machine_when_the_site_was_built(site):
    """`make test` builds under tests/offline, which writes attempts down."""
    attempts = site.parent / "network_attempts"
    assert not attempts.exists(), attempts.read_text(encoding="utf-8")


def test_every_link_within_the_site_arrives_and_every_page_is_there(site):
    # Slides may be those of an earlier build; test_slides.py looks at their links.
    assert [link for link in broken_links(site) if not link.startswith("slides/")] == []
    assert [name for name in PAGES if not (site / f"{name}.html").is_file()] == []


# ---------------------------------------------------------------- what a reader does


@by_http_and_as_files
def test_the_address_of_the_site_leads_to_its_front_page(protocol, browser, site, serve):
    address = f"{serve(site.parent)}html/" if protocol == "http" else f"{site.as_uri()}/index.html"
    with contextlib.closing(browser.new_page()) as page:
        page.goto(address)
        page.wait_for_url("**/html/book/index.html", timeout=10_000)
        assert page.locator("h1").count() == 1
        page.locator("a[href='01_first_convnet.html']").first.click()
        page.wait_for_url("**/html/book/01_first_convnet.html", timeout=10_000)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_terms_of_the_glossary_say_what_they_mean(path, site):
    page = BeautifulSoup((site / "book" / f"{path.stem}.html").read_text(encoding="utf-8"), "html.parser")
    terms = page.select("article a[href^='glossary.html#']")
    assert terms or path.stem in NOT_YET
    assert [term.text for term in terms if len(term.get("title", "")) < 15] == []


@by_http_and_as_files
def test_theme_switch_works_and_survives_a_reload(protocol, browser, site_urls):
    with open_page(browser, f"{site_urls[protocol]}book/index.html", "light") as page:
        for _ in range(3):  # the switch goes round: light, dark, as the system has it
            if page.locator("html").get_attribute("data-theme") == "dark":
                break
            page.locator("button.theme-switch-button:visible").first.click()
        assert page.locator("html").get_attribute("data-theme") == "dark"
        page.reload()
        assert page.locator("html").get_attribute("data-theme") == "dark"


@by_http_and_as_files
def test_live_figures_of_a_chapter_live(protocol, browser, site_urls):
    with open_page(browser, f"{site_urls[protocol]}book/02_convolution.html") as page:
        figure = page.locator(".convbook-page").first
        figure.locator("xpath=self::*[contains(@class, 'convbook-is-live')]").wait_for(timeout=10_000)
        assert "response[16, 16]" in figure.inner_text()
        figure.locator(".convbook-live [tabindex='0']").first.press("ArrowDown")
        figure.locator(".convbook-live", has_text="response[17, 16]").wait_for(timeout=5_000)


@by_http_and_as_files
def test_the_front_page_shows_at_once_what_the_book_is(protocol, browser, site_urls):
    """Before one scrolls: a title, a sentence, two buttons and a figure that answers; below it, cards to press."""
    with open_page(browser, f"{site_urls[protocol]}book/index.html", size={"width": 1280, "height": 800}) as page:
        figure = page.locator(".convbook-live")
        answers = figure.get_by_text("says 3: right")
        answers.first.wait_for(timeout=10_000)
        seen = [page.locator("h1"), *page.locator("p.buttons a").all(), *answers.all()]
        assert len(seen) == 5
        assert all(0 < each.bounding_box()["y"] < 700 for each in seen)
        figure.locator("[tabindex='0']").first.press("ArrowRight")
        figure.get_by_text("1 px right", exact=True).wait_for(timeout=5_000)
        card = page.locator("ul.cards > li", has_text="Padding and strides")
        card.click(position={"x": 60, "y": 30})  # on the picture, over which the link lies
        page.wait_for_url("**/book/03_padding_and_strides.html", timeout=10_000)


@by_http_and_as_files
@pytest.mark.parametrize("stem", ["index", *(path.stem for path in NOTEBOOKS)])
def test_every_live_figure_comes_alive(stem, protocol, seen):
    """Also one in an answer that waits."""
    facts = seen(f"book/{stem}", protocol, "light").facts["screen"]
    assert facts["started"] == facts["figures"] == facts["stills"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_has_its_ways_on(path, seen, site):
    """Neighbours, Colab, the notebook itself, and a button to copy each code cell."""
    name = f"book/{path.stem}"
    page = BeautifulSoup(seen(name, "http", "light").source, "html.parser")
    order = [Path(each).name for each in toc_pages()]
    before, after = order[order.index(path.stem) - 1], order[order.index(path.stem) + 1 :][:1]
    assert [link["href"] for link in page.select("a.left-prev")] == [f"{before}.html"]
    assert [link["href"] for link in page.select("a.right-next")] == [f"{name}.html" for name in after]
    colab = page.select_one("a[href^='https://colab.research.google.com/github/']")
    assert colab["href"].endswith(f"{repository()}/blob/main/book/{path.name}")
    download = site / "book" / page.select_one("a.btn-download-source-button")["href"]
    assert json.loads(download.read_text(encoding="utf-8")) == json.loads(path.read_text(encoding="utf-8"))
    facts = seen(name, "http", "light").facts["screen"]
    assert facts["copyButtons"] >= facts["cells"] > 0


def repository():
    """owner/name of the repository that _config.yml names."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return re.fullmatch(r"https://github\.com/([^/]+/[^/]+?)(?:\.git)?/?", config["repository"]["url"])[1]


@pytest.mark.parametrize("name", toc_pages())
def test_mathematics_of_a_page_is_mathml(name, seen):
    tokens = [token for block in page_blocks(next(ROOT.glob(f"{name}.*"))) for token in block.tokens]
    if any(token.type.startswith("math") for token in tokens):
        assert seen(name, "http", "light").facts["screen"]["maths"] > 0


def test_copy_button_copies_the_cell(browser, site_urls):
    with open_page(browser, f"{site_urls['http']}book/{CHAPTERS[0].stem}.html") as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        cell = page.locator("div.cell_input div.highlight:visible").filter(has=page.locator("span.long")).first
        cell.hover()
        cell.locator("button.copybtn").click()
        assert page.evaluate("navigator.clipboard.readText()").rstrip() == cell.locator("pre").text_content().rstrip()


LOGGED = re.compile(r"WARNING:|^[IWEF]\d{4} [\d.:]+|Traceback \(most recent call last\)", flags=re.M)


def test_no_output_holds_what_a_library_logged(site):
    assert LOGGED.search("5 lists\nWARNING:tensorflow:5 out of the last 207 calls")
    assert LOGGED.search("I0000 00:00:1795412497.831978   20962 port.cc:153] oneDNN")
    assert not LOGGED.search("seed 0 · WARNING signs in a picture")
    found = {page.name: LOGGED.findall(page.read_text(encoding="utf-8")) for page in site.glob("book/*.html")}
    assert len(found) > 12
    assert {name: lines for name, lines in found.items() if lines} == {}


PIPES = re.compile(r"<p>\| .* \|")


def test_tables_that_code_shows_are_tables(site):
    assert PIPES.search("<p>| layer | weights | | — | —: | | Dense | 1,600 |</p>")
    assert not PIPES.search("<td><p>Dense</p></td><p>Either | or.</p>")
    found = [page.name for page in site.glob("book/*.html") if PIPES.search(page.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_the_card_is_printed_on_one_sheet(paper, browser, site_urls):
    with open_page(browser, f"{site_urls['file']}book/card.html") as page:
        printed = page.pdf(format=paper, margin=dict.fromkeys(("top", "right", "bottom", "left"), "10mm"))
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
