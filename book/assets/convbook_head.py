"""What the site says of itself to those who do not read it: search engines, and whoever is sent a link.

- Each page is described by its first sentences, and a link to it is shown as a card. Where the site's address is
  configured (`baseurl` of _config.yml), the page names its own, the card has a picture, and there is a sitemap.
- 404.html stands alone, since its visitor may be anywhere below the site: it finds the site's address by itself.
"""

import html
import re
from pathlib import Path
from urllib.parse import urljoin

from docutils import nodes

DESCRIPTION = "convbook_description"  # of a page's metadata
MOST_CHARACTERS = 160  # that a search engine shows
CARD = "_static/card.png"
CARD_SIZE_PX = (1200, 630)
CARD_ALT = "The first page of the book, with a figure in which a digit is moved in front of two networks"
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' "
    "rx='6' fill='%230b6e99'/%3E%3Cg fill='none' stroke='white' stroke-width='2'%3E%3Crect x='6' y='6' width='12' "
    "height='12'/%3E%3Cpath d='M6 12h12M12 6v12' opacity='.6'/%3E%3C/g%3E%3Crect x='20' y='20' width='6' height='6' "
    "fill='white'/%3E%3C/svg%3E"
)
VIEWPORT = re.compile(r'<meta name="viewport"[^>]*>\s*')
# The folder of the site: what stands before its own folders in an address, or the folder of a page at the top.
LOST = """<!DOCTYPE html>
<html lang="{language}"><head><meta charset="utf-8"><title>No such page — {title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<link rel="icon" href="{icon}"><base href="{home}">
<script>document.querySelector("base").href = "{home}" === "/"
  ? location.pathname.replace(/(?<=\\/)(book|slides|_static|_sources|_images)\\/.*$|[^/]*$/, "") : "{home}";</script>
<style>:root {{ color-scheme: light dark }} body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 40rem;
  margin: 12vh auto; padding: 0 1.2rem }} a {{ color: light-dark(#0b5f85, #7cc4e4) }}</style></head>
<body><h1>There is no such page</h1><p>It may have moved. The book is still here:</p><ul>
<li><a href="{front}">{title}</a></li>
{chapters}
<li><a href="search.html">Search</a></li></ul></body></html>
"""


def write_down_description(app, doctree):
    """Keep a page's first sentences, with its other metadata."""
    paragraph = doctree.next_node(nodes.paragraph)
    app.env.metadata[app.env.docname][DESCRIPTION] = first_sentences(paragraph.astext() if paragraph else "")


def first_sentences(text, most=MOST_CHARACTERS):
    """As many sentences of a text as fit; of a first one that does not, as many words.

    >>> first_sentences("One. Two is longer.\\nThree.", 20)
    'One. Two is longer.'
    >>> first_sentences("A sentence that is too long.", 20)
    'A sentence that is …'
    """
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    ends = [found.end() for found in re.finditer(r"[.?!](?= )", text[:most])]
    return text[: ends[-1]] if ends else f"{text[: text.rindex(' ', 0, most)]} …"


def describe(config, title, description, page, kind="article"):
    """The head's tags that describe a page.

    Args:
        config: Sphinx's configuration, with html_title and html_baseurl.
        page: its address within the site.
    """
    names = {"og:type": kind, "og:site_name": config.html_title, "og:title": title, "og:description": description}
    if config.html_baseurl:
        names |= {"og:url": urljoin(config.html_baseurl, page), "og:image": urljoin(config.html_baseurl, CARD)}
        names |= {"og:image:width": CARD_SIZE_PX[0], "og:image:height": CARD_SIZE_PX[1], "og:image:alt": CARD_ALT}
    tags = [("name", "description", description), *(("property", name, value) for name, value in names.items())]
    if config.html_baseurl:
        tags.append(("name", "twitter:card", "summary_large_image"))
    return "".join(f'<meta {key}="{name}" content="{html.escape(str(value))}">\n' for key, name, value in tags if value)


def describe_page(app, name):
    """The head's tags that describe a page, by its name."""
    title = app.env.titles[name].astext() if name in app.env.titles else "Search"
    kind = "website" if name == app.config.root_doc else "article"
    description = app.env.metadata.get(name, {}).get(DESCRIPTION)
    return describe(app.config, title, description, app.builder.get_target_uri(name), kind)


def write_head(app, pagename, templatename, context, doctree):
    """Describe a page in its head, which says once how wide it is, and give it the book's icon."""
    context["metatags"] = VIEWPORT.sub("", context.get("metatags", "")) + describe_page(app, pagename)
    context["icon"] = ICON


def write_files_for_robots(app, exception):
    """Write the page for addresses that lead nowhere, and the list of pages where the site's own address is known."""
    if exception is not None or app.builder.format != "html":
        return
    site, base, env = Path(app.outdir), app.config.html_baseurl, app.env
    pages = [app.builder.get_target_uri(name) for name in sorted(env.all_docs)]
    chapters = [name for name in sorted(env.all_docs) if re.match(r"\d", Path(name).name)]
    links = [
        f'<li><a href="{app.builder.get_target_uri(name)}">{env.titles[name].astext()}</a></li>' for name in chapters
    ]
    page = LOST.format(
        language=app.config.language,
        title=html.escape(app.config.html_title),
        icon=ICON,
        home=re.sub(r"^https?://[^/]+", "", base) or "/",
        front=app.builder.get_target_uri(app.config.root_doc),
        chapters="\n".join(links),
    )
    (site / "404.html").write_text(page, encoding="utf-8")
    if base:
        addresses = "".join(f"<url><loc>{html.escape(urljoin(base, page))}</loc></url>\n" for page in pages)
        head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        (site / "sitemap.xml").write_text(f"{head}{addresses}</urlset>\n", encoding="utf-8")
        robots = f"Sitemap: {urljoin(base, 'sitemap.xml')}\n"
        (site / "robots.txt").write_text(robots, encoding="utf-8")


def setup(app):
    app.connect("doctree-read", write_down_description)
    app.connect("html-page-context", write_head, priority=900)
    app.connect("build-finished", write_files_for_robots)
