"""The reader's way through the book: what each page needs for it, and the words that the search looks through.

- Each page loads way.js: progress that the browser keeps, cards for terms, search as one types, keys.
- Sphinx's own search is switched off. It knows pages and no sections, and fetches every page for its excerpts, which
  no browser does from file://. Ours reads search_words.js: the words of each section, without outputs.
- Back to top and the list of keys are buttons of the page's head, which covers nothing that the theme's does not.
"""

import json
from pathlib import Path

from docutils import nodes

SEARCH_WORDS = "search_words.js"
SECTIONS = "convbook_sections"  # of a page's metadata: [anchor, heading, text]
SILENT = (nodes.section, nodes.title, nodes.raw, nodes.comment, nodes.math, nodes.math_block)
BUTTONS = [
    ("way.help()", "Keys (?)", "fas fa-keyboard", "keys"),
    ("window.scrollTo(0, 0)", "Back to top", "fas fa-arrow-up", "top"),
]


def words(node):
    """What a reader may search for in a part of a page: text and code, without outputs and mathematics."""
    if isinstance(node, nodes.Text):
        return node.astext()
    is_setup = "setup" in node.get("cell_metadata", {}).get("tags", [])  # the same in every chapter
    if isinstance(node, SILENT) or is_setup or node.get("nb_element") == "cell_code_output":
        return ""
    return ("" if isinstance(node, nodes.TextElement) else " ").join(map(words, node.children))


def write_down_sections(app, doctree):
    """Keep what the search finds on a page, by sections, with the page's other metadata."""
    sections = doctree.findall(nodes.section)
    app.env.metadata[app.env.docname][SECTIONS] = [
        [section["ids"][0], section.next_node(nodes.title).astext(), " ".join(" ".join(map(words, section)).split())]
        for section in sections
    ]


def switch_off_search_of_sphinx(app):
    """Make no index of words to pages."""
    app.builder.search = False


def search_page(app):
    """The page that shows all that is found."""
    if app.builder.format == "html":
        yield "search", {}, "search.html"


def write_search_words(app, exception):
    """Write the script that hands the words of all sections to way.js."""
    if exception is None and app.builder.format == "html":
        pages = [
            [app.builder.get_target_uri(name), numbered_title(app.env, name), app.env.metadata[name][SECTIONS]]
            for name in sorted(app.env.all_docs)
        ]
        script = f"way.setPages({json.dumps(pages, ensure_ascii=False, separators=(',', ':'))});\n"
        Path(app.outdir, SEARCH_WORDS).write_text(script, encoding="utf-8")


def numbered_title(env, name):
    """A page's title as the contents show it: "2. What does one filter see?"."""
    number = env.toc_secnumbers.get(name, {}).get("", ())
    return "".join(f"{part}. " for part in number) + env.titles[name].astext()


def add_buttons(app, pagename, templatename, context, doctree):
    """Put two buttons beside those of the theme."""
    for javascript, tooltip, icon, label in BUTTONS:
        button = {"javascript": javascript, "tooltip": tooltip, "icon": icon, "label": label, "classes": "pst-js-only"}
        context["header_buttons"].append({"type": "javascript", **button})


def setup(app):
    app.connect("builder-inited", switch_off_search_of_sphinx)
    app.connect("doctree-read", write_down_sections)
    app.connect("html-page-context", add_buttons, priority=800)
    app.connect("html-collect-pages", search_page)
    app.connect("build-finished", write_search_words)
