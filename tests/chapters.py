"""The book's chapters as the tests read them: cells, blocks of Markdown, sections, and the chapters' Python."""

import ast
import functools
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import nbformat
import pytest
import yaml
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
LIBRARY = ROOT / "lib" / "convbook"
AWKWARD = 'it\'s "my" [ü] $HOME (1) #2'  # the name of a folder, with all that shells and patterns take for their own
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
CHAPTERS = [path for path in NOTEBOOKS if path.stem[:2].isdigit()]  # the others are there to look things up

# What Jupyter, Colab and the website all understand: CommonMark, tables and mathematics between dollar signs.
MARKDOWN = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)


class Block(NamedTuple):
    """A heading, paragraph, item, table cell or fence of a Markdown cell, or a code cell."""

    cell: int
    kind: str
    text: str
    level: int = 0
    tokens: tuple = ()


class Section(NamedTuple):
    title: str
    blocks: list


def tracked_files(folder=ROOT):
    """The files below a folder that git tracks, or a skip where the project is no git checkout."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("the project is no git checkout here, so nothing tells which files belong to it")
    done = subprocess.run(["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True, check=True)
    return [folder / name for name in done.stdout.split("\0") if name and (folder / name).is_file()]


@functools.cache
def read_chapter(path):
    """The notebook at a path, as it stands in the file; whoever wants to change it takes a copy."""
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def toc_pages():
    """The names of the site's pages in their order, from _toc.yml: "book/index", …"""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [*toc.get("chapters", []), *(c for part in toc.get("parts", []) for c in part["chapters"])]
    return [toc["root"], *(chapter["file"] for chapter in chapters)]


def markdown(text, **metadata):
    return nbformat.v4.new_markdown_cell(text, metadata=metadata)


def code(text, **metadata):
    return nbformat.v4.new_code_cell(text, metadata=metadata)


def notebook(*cells):
    """A notebook of these cells with the metadata that every chapter carries."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"accelerator": "GPU", "colab": {"gpuType": "T4"}, "kernelspec": kernel}
    return nbformat.v4.new_notebook(cells=list(cells), metadata=metadata)


def numbered(chapter, kind):
    """Pairs of (number, cell) of the cells of one kind; the first cell of the chapter is number 1."""
    return [(number, cell) for number, cell in enumerate(chapter.cells, 1) if cell.cell_type == kind]


def tagged(chapter, tag):
    """Pairs of (number, cell) of the cells that carry a tag."""
    return [pair for pair in numbered(chapter, "code") if tag in pair[1].metadata.get("tags", [])]


def blocks_of_text(text, cell=0):
    """The blocks of a piece of Markdown in their order; headings, fences and HTML among them."""
    kind, level, blocks = "paragraph", 0, []
    for token in MARKDOWN.parse(text):
        if token.type == "heading_open":
            kind, level = "heading", int(token.tag[1])
        elif token.type.endswith("_close"):
            kind, level = "paragraph", 0
        elif token.type == "list_item_open":
            kind = "item"
        elif token.type == "inline":
            blocks.append(Block(cell, kind, token.content, level, tuple(token.children)))
        elif token.type in ("fence", "code_block", "html_block", "math_block"):
            blocks.append(Block(cell, token.type, token.content, tokens=(token,)))
    return blocks


def blocks(chapter):
    """The blocks of a chapter in their order, code cells among them."""
    found = []
    for number, cell in enumerate(chapter.cells, 1):
        is_code = cell.cell_type == "code"
        found += [Block(number, "code", cell.source)] if is_code else blocks_of_text(cell.source, number)
    return found


def sections(chapter):
    """The parts of a chapter that start with a heading of level 2."""
    found = []
    for block in blocks(chapter):
        if block.kind == "heading" and block.level == 2:
            found.append(Section(block.text, []))
        elif found:
            found[-1].blocks.append(block)
    return found


def links(found_blocks):
    """Pairs of (cell, address) of all links in these blocks, letters outside ASCII as they were typed."""
    return [(b.cell, unquote(t.attrs["href"])) for b in found_blocks for t in b.tokens if t.type == "link_open"]


def slug(heading):
    """The anchor that MyST gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def anchors(found_blocks):
    """The names that a link to a page may point at: slugs of headings, MyST targets, and ids in HTML."""
    names = set()
    for block in found_blocks:
        if block.kind == "heading":
            names.add(slug(block.text))
        html = "".join(t.content for t in block.tokens if t.type in ("html_inline", "html_block"))
        names.update(re.findall(r"""\b(?:id|name)=["']([^"']+)["']""", html))
        if block.kind == "paragraph":
            names.update(re.findall(r"^\(([\w.:-]+)\)=", block.text, flags=re.M))
        if block.kind == "fence" and block.tokens[0].info.strip() == "{glossary}":
            terms = re.findall(r"^(?![ :])(\S.*)$", block.text, flags=re.M)
            names.update(f"term-{re.sub(r'[^A-Za-z0-9]+', '-', term)}" for term in terms)
    return names


def page_blocks(path):
    """The blocks of a page of the book, chapter or Markdown file."""
    return blocks(read_chapter(path)) if path.suffix == ".ipynb" else blocks_of_text(path.read_text(encoding="utf-8"))


def syntax_tree(source):
    """The syntax tree of a cell; a line that speaks to Jupyter (%pip, !ls) counts as `pass`."""
    return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.M))


def code_nodes(chapter):
    """Pairs of (cell, syntax node) of all the chapter's code."""
    return [(n, node) for n, cell in numbered(chapter, "code") for node in ast.walk(syntax_tree(cell.source))]


def dotted_name(node):
    """`a.b.c` of the expression a.b.c, or of a call's or subscript's own function; '' for what has no name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted_name(node.value)}.{node.attr}".lstrip(".")
    if isinstance(node, ast.Call | ast.Subscript):
        return dotted_name(node.func if isinstance(node, ast.Call) else node.value)
    return node.id if isinstance(node, ast.Name) else ""
