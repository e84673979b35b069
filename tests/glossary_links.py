"""The terms of the glossary, and what the links to them say: what the term means, where the pointer rests on it.

The link leads to the glossary on the site and in Jupyter. In Colab no page lies beside the notebook; there the title of
the link helps, and everywhere without a network. `python tests/glossary_links.py` writes the titles into the chapters.
"""

import json
import re

from chapters import BOOK, NOTEBOOKS, slug

TERM = re.compile(r"^## (.+)\n\n(.+)$", flags=re.M)
LINK = re.compile(r'\]\(glossary\.md#([\w-]+)(?: "[^"]*")?\)')


def read_terms(page):
    """What a glossary explains: {term: the first sentence on it, as plain text}."""
    return {term: plain(text) for term, text in TERM.findall(page)}


def plain(text):
    """The first sentence of a paragraph of Markdown, without marks and double quotes.

    >>> plain('Short for a *[base](#base)*: `"same"` or $n$. Not this.')
    'Short for a base: “same” or n.'
    """
    sentence = re.split(r"(?<=\.)\s", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text))[0]
    return re.sub(r'"([^"]*)"', r"“\1”", re.sub(r"[*`$]", "", sentence))


def with_titles(source, terms):
    """A cell's Markdown whose links to the glossary say what their terms mean; a link to no term stays as it is.

    >>> with_titles('A *[batch](glossary.md#batch "old")*.', {"Batch": "Several pictures."})
    'A *[batch](glossary.md#batch "Several pictures.")*.'
    """
    titles = {slug(term): title for term, title in terms.items()}
    return LINK.sub(lambda m: f'](glossary.md#{m[1]} "{titles[m[1]]}")' if m[1] in titles else m[0], source)


def main():
    terms = read_terms((BOOK / "glossary.md").read_text(encoding="utf-8"))
    for path in NOTEBOOKS:
        chapter = json.loads(path.read_text(encoding="utf-8"))
        for cell in chapter["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = with_titles("".join(cell["source"]), terms)
        path.write_text(json.dumps(chapter, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
