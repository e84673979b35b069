"""What a visit to a page loads: the page, one style sheet, one script, and its pictures.

- The style sheets and scripts of the theme, of Sphinx and of this book become two files, once all pages are written:
  site.css, with the rules that some page can use, a half of them, and site.js. Their addresses change with them, so
  that no browser keeps an old one.
- Bootstrap's scripts are not among them: what it opens, menus of a link or two, stand in the head of the page.
- What no page needs is left out of the site: icon fonts, source maps, translations, thebe, tabs.
- What figures of a page share, they find in the first of them. Words of code that have the colour of the text are no
  elements of their own.
"""

import re
import shutil
import zlib
from fnmatch import fnmatch
from pathlib import Path

import tinycss2

# Files of _static in the order in which pages would load them.
PARTS = {
    "site.css": [
        *("basic.css", "styles/pydata-sphinx-theme.css", "pygments.css", "styles/sphinx-book-theme.css"),
        *("copybutton.css", "mystnb.*.css", "book.css"),
    ],
    "site.js": [
        *("documentation_options.js", "doctools.js", "way.js", "clipboard.min.js", "copybutton.js"),
        *("scripts/sphinx-book-theme.js", "scripts/pydata-sphinx-theme.js"),
    ],
}
# Files of _static that no page needs, and scripts that stand in pages for them.
UNNEEDED = [
    *("**/*.map", "*.html", "locales", "vendor", "images", "scripts/bootstrap.*", "scripts/fontawesome.*"),
    *("styles/theme.css", "sphinx-thebe.*", "togglebutton.*", "sphinx-design.*", "design-tabs.js"),
    *("searchtools.js", "language_data.js", "sphinx_highlight.js"),
]
UNNEEDED_BODIES = ("THEBE_JS_URL", "toggleHint", "toggleOpenOnPrint", "togglebuttonSelector", "MathJax")
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"  # figures in a page carry their own state
SELECTORS = re.compile(r"(?:[^,()]|\((?:[^()]|\([^()]*\))*\))+")  # commas in brackets do not separate selectors

# Pygments' names, other words, marks and blanks: both styles of _config.yml show them in the colour of the text.
PLAIN = re.compile(r'<span class="(?:n|nn|p|w)">([^<]*)</span>')
PART = re.compile(r'(<(script|style)\b[^>]* data-part="[^"]*">)(.+?)(?=</\2>)', re.S)


def leave_out_files(app, pagename, templatename, context, doctree):
    """Remove what no page needs, and what the two files hold, from the files that a page loads."""
    names = [*UNNEEDED, *(name for parts in PARTS.values() for name in parts)]

    def needed(file):
        attributes, name = getattr(file, "attributes", {}), str(file.filename).removeprefix("_static/")
        body = attributes.get("body") or ""
        is_needed = attributes.get("type") != WIDGET_STATE and not any(each in body for each in UNNEEDED_BODIES)
        return is_needed and not any(fnmatch(name, each) for each in names)

    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context[kind] if needed(file)]


def open_menus(app, pagename, templatename, context, doctree):
    """Put the buttons of the head's menus beside the others; that of Colab gets an icon in place of a picture."""
    buttons = [button for each in context.get("header_buttons", []) for button in each.get("buttons", [each])]
    for button in buttons:
        if "colab" in button["icon"]:
            button |= {"icon": "fas fa-rocket", "label": "colab-button"}
    context["header_buttons"] = buttons


def shorten_body(app, pagename, templatename, context, doctree):
    """Leave out of a page's text what changes nothing."""
    if "body" in context:
        context["body"] = with_parts_once(PLAIN.sub(r"\1", context["body"]))


def with_parts_once(body):
    """A page's text in which a part that several live figures have stands once; convbook.figures.base looks there.

    >>> print(with_parts_once('<style data-part="1">a{}</style>' * 2 + '<style data-part="2">b{}</style>'))
    <style data-part="1">a{}</style><style data-part="1"></style><style data-part="2">b{}</style>
    """
    seen = set()

    def once(found):
        is_new = found[0] not in seen
        seen.add(found[0])
        return found[0] if is_new else found[1]

    return PART.sub(once, body)


def write_files(app, exception):
    """Write the two files, let the pages load their present state, and remove what no page needs."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    texts = {name: read_parts(site / "_static", parts) for name, parts in PARTS.items()}
    pages = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html") if "_static" not in page.parts}
    names = {name for text in [*pages.values(), texts["site.js"]] for name in re.findall(r"[\w-]+", text)}
    texts["site.css"] = styles_for(names, texts["site.css"])
    for name, text in texts.items():
        (site / "_static" / name).write_text(text, encoding="utf-8")
    states = {name: f"{zlib.crc32(text.encode()):08x}" for name, text in texts.items()}
    for page, before in pages.items():
        text = before
        for name, state in states.items():
            text = re.sub(rf'("[./]*_static/){name}[^"]*', rf"\g<1>{name}?v={state}", text)
        if text != before:
            page.write_text(text, encoding="utf-8")
    for path in {path for pattern in UNNEEDED for path in (site / "_static").glob(pattern)}:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def read_parts(folder, names):
    """The texts of these files, one after the other, without the addresses of their source maps."""
    texts = [path.read_text(encoding="utf-8") for name in names for path in folder.glob(name)]
    separator = "\n;\n" if names[0].endswith(".js") else "\n"
    return re.sub(r"/[/*]# sourceMappingURL=\S+( \*/)?", "", separator.join(texts))


def styles_for(names, css):
    """The rules of a style sheet that can apply where only these names occur as classes and ids.

    >>> styles_for({"a", "b"}, ".a{x:1}.c,.a .b:not(.c){x:2}@media print{.c{x:3}}@font-face{src:x}h1{x:4}")
    '.a{x:1}.a .b:not(.c){x:2}h1{x:4}'
    >>> styles_for({"a"}, "/*! by b */ /* c */ .a {\\n  x: 1; /* d */\\n  y: 2\\n}")
    '/*! by b */.a{ x: 1; y: 2 }'
    """
    kept = []
    for rule in tinycss2.parse_stylesheet(css, skip_whitespace=True):
        if rule.type == "comment":
            kept.append(rule.serialize() if rule.value.startswith("!") else "")  # a licence
        elif rule.type == "at-rule" and rule.at_keyword in ("media", "supports"):
            if inner := styles_for(names, tinycss2.serialize(rule.content)):
                kept.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{inner}}}")
        elif rule.type == "at-rule" and rule.at_keyword != "font-face":
            kept.append(rule.serialize())
        elif rule.type == "qualified-rule":
            selectors = SELECTORS.findall(tinycss2.serialize(rule.prelude))
            if usable := [selector.strip() for selector in selectors if can_apply(selector, names)]:
                content = re.sub(r"/\*.*?\*/", "", tinycss2.serialize(rule.content), flags=re.S)
                content = re.sub(r"\s*\n\s*", " ", content)
                kept.append(f"{','.join(usable)}{{{content}}}")
    return "".join(kept)


def can_apply(selector, names):
    """Whether all classes and ids of a selector occur; those within :not(), :is() and the like do not count.

    >>> can_apply("a.x:not(.y) #z", {"x", "z"}), can_apply(".x .y", {"x", "z"})
    (True, False)
    """
    while (shorter := re.sub(r"\([^()]*\)", "", selector)) != selector:
        selector = shorter
    return set(re.findall(r"[.#]([a-zA-Z_-][\w-]*)", selector)) <= names


def setup(app):
    app.connect("html-page-context", leave_out_files, priority=900)
    app.connect("html-page-context", open_menus, priority=900)
    app.connect("html-page-context", shorten_body, priority=900)
    app.connect("build-finished", write_files, priority=900)
