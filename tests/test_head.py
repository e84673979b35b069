"""What the site says to search engines and to whoever is sent a link, and the README."""

import contextlib
import io
import re
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import convbook_head
import pytest
import yaml
from bs4 import BeautifulSoup
from chapters import CHAPTERS, ROOT, toc_pages
from PIL import Image
from visits import PHONE

ADDRESS = "https://someone.github.io/her-book/"
PAGES = [*toc_pages(), "search"]


def soup(site, name):
    return BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def content(page, **attributes):
    """The contents of the head's tags with these attributes."""
    return [tag.get("content") for tag in page.head.find_all("meta", attributes)]


# ---------------------------------------------------------------- the head


@pytest.mark.parametrize("name", PAGES)
def test_each_page_describes_itself_once_and_has_the_books_icon(name, site):
    page = soup(site, name)
    assert len(content(page, name="viewport")) == 1
    if name != "search":
        (description,) = content(page, name="description")
        assert 30 < len(description) <= convbook_head.MOST_CHARACTERS
        assert content(page, property="og:description") == [description]
    (title,) = content(page, property="og:title")
    assert title in page.title.text
    assert page.find("link", rel="icon")["href"].startswith("data:image/svg+xml")


def test_the_book_is_named_once_in_the_title_of_its_front_page_and_pages_differ(site):
    assert content(soup(site, "index"), name="description") == content(soup(site, "book/index"), name="description")
    assert soup(site, "book/index").title.text.strip() == "Image classification with convolutional networks"
    pages = [soup(site, name) for name in PAGES if name != "search"]
    assert len({page.title.text for page in pages}) == len(pages)
    assert len({content(page, name="description")[0] for page in pages}) == len(pages)


def test_a_page_knows_its_address_and_its_picture_where_the_sites_address_is_known():
    config = SimpleNamespace(html_title="The book", html_baseurl=ADDRESS)
    head = BeautifulSoup(convbook_head.describe(config, 'A "title"', "A & b.", "book/x.html"), "html.parser")
    found = {tag.get("property") or tag["name"]: tag["content"] for tag in head.find_all("meta")}
    assert found["og:url"] == f"{ADDRESS}book/x.html"
    assert found["og:image"] == f"{ADDRESS}_static/card.png"
    assert (found["og:title"], found["description"]) == ('A "title"', "A & b.")
    assert found["twitter:card"] == "summary_large_image"
    config.html_baseurl = ""
    assert "http" not in convbook_head.describe(config, "A title", "A b.", "book/x.html")


def test_the_card_is_in_the_site_in_the_size_that_the_head_names(site):
    with Image.open(site / convbook_head.CARD) as card:
        assert card.size == convbook_head.CARD_SIZE_PX


# ---------------------------------------------------------------- robots, sitemap, lost visitors


@pytest.fixture(params=[ADDRESS, ""], ids=["address known", "address unknown"])
def small_site(request, tmp_path):
    """A folder /her-book/ with the files that are written for robots, and the site's address."""
    folder = tmp_path / "her-book"
    (folder / "book").mkdir(parents=True)
    (folder / "book" / "index.html").write_text("<title>front</title>", encoding="utf-8")
    titles = {"book/index": "The book", "book/01_a": "What & why?"}
    app = SimpleNamespace(
        outdir=folder,
        config=SimpleNamespace(html_title="The book", html_baseurl=request.param, language="en", root_doc="book/index"),
        builder=SimpleNamespace(format="html", get_target_uri=lambda name: f"{name}.html"),
        env=SimpleNamespace(
            all_docs=titles, titles={n: SimpleNamespace(astext=lambda t=t: t) for n, t in titles.items()}
        ),
    )
    convbook_head.write_files_for_robots(app, None)
    return folder, request.param


def test_robots_find_the_list_of_pages_where_the_sites_address_is_known(small_site):
    folder, address = small_site
    assert (folder / "robots.txt").is_file() == (folder / "sitemap.xml").is_file() == bool(address)
    if address:
        assert (folder / "robots.txt").read_text(encoding="utf-8") == f"Sitemap: {ADDRESS}sitemap.xml\n"
        pages = [page.text for page in ElementTree.parse(folder / "sitemap.xml").iter() if page.tag.endswith("}loc")]
        assert pages == [f"{ADDRESS}book/01_a.html", f"{ADDRESS}book/index.html"]


@pytest.mark.parametrize("lost", ["gone.html", "book/gone.html", "book/deep/gone"])
def test_who_is_lost_anywhere_below_the_site_is_led_back(lost, small_site, browser, serve):
    folder, _ = small_site
    home = f"{serve(folder.parent)}her-book/"
    with contextlib.closing(browser.new_page(viewport=PHONE)) as page:
        requests = []
        page.route(f"**/{lost}", lambda route: route.fulfill(path=folder / "404.html", status=404))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(home + lost)
        assert [url for url in requests if not url.startswith("data:")] == [home + lost], "it stands alone"
        assert page.get_by_role("link", name="What & why?").evaluate("(link) => link.href") == f"{home}book/01_a.html"
        page.get_by_role("link", name="The book").click()
        page.wait_for_url(f"{home}book/index.html")


def test_the_sites_own_page_for_the_lost_names_each_chapter(site):
    links = [link["href"] for link in soup(site, "404").find_all("a")]
    assert [link for link in links if not (site / link).is_file()] == []
    assert {f"book/{path.stem}.html" for path in CHAPTERS} <= set(links)


# ---------------------------------------------------------------- pictures and names


@pytest.mark.parametrize("name", toc_pages())
def test_pictures_have_their_size_and_controls_the_name_that_they_show(name, site):
    page = soup(site, name)
    pictures = page.select("article img:not(.convbook-page img)")
    assert [str(tag)[:90] for tag in pictures if not (tag.get("width") and tag.get("height"))] == []
    named = [tag for tag in page.find_all(["summary", "button", "a"]) if tag.get("aria-label") and tag.text.strip()]
    assert [str(tag)[:90] for tag in named if tag.text.strip().lower() not in tag["aria-label"].lower()] == []
    assert [str(table)[:90] for table in page.select("article table") if not table.find("th")] == []


def test_pictures_are_as_large_as_they_say(site):
    tags = [
        (path, tag)
        for path in sorted((site / "book").glob("*.html"))
        for tag in soup(site, f"book/{path.stem}").select("article img[width]")
    ]
    files = [(path.parent / tag["src"], tag) for path, tag in tags if not tag["src"].startswith("data:")]
    assert len(files) > 3
    for file, tag in files:
        with Image.open(file) as picture:
            assert picture.size == (int(tag["width"]), int(tag["height"]))


# ---------------------------------------------------------------- the README and the citation


def test_the_readme_is_short_opens_with_the_book_and_its_picture_and_says_who_may_copy_it():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 70
    opening = text.split("\n\n")[1]
    assert len(re.split(r"(?<=\.)\s", opening)) == 3
    pictures = re.findall(r'(?:srcset|src)="([^"]+)"', text)
    assert [Path(path).stem for path in pictures] == ["front_dark", "front_light"]
    assert text.index(pictures[0]) < text.index("## Two commands")
    for path in pictures:
        data = (ROOT / path).read_bytes()
        assert len(data) < 100_000
        assert Image.open(io.BytesIO(data)).size == (1280, 800)
    has_licence = any((ROOT / name).exists() for name in ("LICENSE", "LICENSE.md", "LICENSE.txt"))
    assert ("has not chosen a licence yet" in text) != has_licence


def test_the_citation_names_what_the_book_is_called():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "version", "date-released"} <= set(citation)
    book = citation["preferred-citation"]
    assert (book["type"], book["year"]) == ("book", int(config["copyright"]))
    for entry in (citation, book):
        assert entry["title"] == config["title"]
        assert entry["authors"] == [{"name": config["author"]}]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{citation["version"]}"' in project
