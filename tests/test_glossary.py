"""The glossary: its terms are used, and linked where they first occur; italics stand for its terms only."""

import re

import pytest
from chapters import BOOK, CHAPTERS, NOTEBOOKS, blocks, markdown, notebook, numbered, read_chapter, slug
from glossary_links import read_terms, with_titles

TERMS = read_terms((BOOK / "glossary.md").read_text(encoding="utf-8"))
NOT_YET = {"09_feature_extraction"}  # does not keep these rules yet; the set can only shrink
# How a term looks in a sentence, where that is not the term itself or its plural.
FORMS = {
    "Accuracy": "accurac(?:y|ies)",
    "Channels first, channels last": "channels (?:first|last)",
    "Compile": "compil(?:e[ds]?|ing)",
    "Convolution, 1×1": "1×1 convolutions?",
    "Converged": "converge[ds]?",
    "Drift": "drift(?:s|ed)?",
    "Freezing": "freez(?:e|es|ing)",
    "Momentum of the moving statistics": "momentum",
    "Residual connection": "shortcuts?(?= around)",
    "Shuffle buffer": "buffer",
    "Sobel filter": "Sobel",
    "Test data": "test (?:data|pictures|set)",
    "Training data": "training (?:data|pictures|set)",
    "Validation data": "validation",
}
# Everyday words, whose first occurrence may mean something else: these are linked in some chapter.
EVERYDAY = {
    "Base",
    "Cache",
    "Features",
    "Frozen",
    "Freezing",
    "Gap",
    "Head",
    "Margin",
    "Patch",
    "Record",
    "Split",
    "Weight",
}
TITLES = {"Deep Learning with Python", "Image classification"}  # of works, which stand in italics as well
UNSAID = {"What you will be able to do", "Sources"}  # sections that say what will be explained, and where it is from


def pattern_of(term):
    """What finds a term in a sentence."""
    form = FORMS.get(term, re.escape(term).replace(r"\ ", "[ -]") + "(?:e?s)?")
    return re.compile(rf"(?<![\w-])(?:{form})(?![\w-])", flags=re.I)


def longer_terms(term):
    return [other for other in TERMS if term.lower() in other.lower() and term != other]


def sentences_of(chapter):
    """The running text of a chapter: (cell, [(text, address of the link around it), …]) of each paragraph and item."""
    section = ""
    for block in blocks(chapter):
        section = block.text if block.kind == "heading" and block.level == 2 else section
        is_choice = block.kind == "item" and f"> - {block.text}" in chapter.cells[block.cell - 1].source
        if block.kind in ("paragraph", "item") and section not in UNSAID and not is_choice:
            parts, link = [], ""
            for token in block.tokens:
                if token.type in ("link_open", "link_close"):
                    link = token.attrs.get("href", "")
                parts.append((" " if token.type == "softbreak" else token.content, link))
            yield block.cell, parts


def first_use(term, said):
    """Where a term is said first: (chapter, cell, the link around it, the words around it), or None."""
    for name, sentences in said.items():
        for cell, parts in sentences:
            text = "".join(words for words, _ in parts)
            for longer in longer_terms(term):  # "pooling" in "max pooling" is another term
                text = pattern_of(longer).sub(lambda found: "_" * len(found[0]), text)
            if found := pattern_of(term).search(text):
                around = [link for words, link in parts for _ in words]
                return name, cell, around[found.start()], text[max(0, found.start() - 40) : found.end() + 30]
    return None


def is_linked(term, said):
    return any(link == f"glossary.md#{slug(term)}" for each in said.values() for _, parts in each for _, link in parts)


def unused_terms(terms, said):
    """Terms that are never said."""
    return [term for term in terms if first_use(term, said) is None and not is_linked(term, said)]


def unlinked_terms(terms, said, everyday=()):
    """Terms whose first use does not lead to the glossary, and everyday words that lead there from nowhere."""
    for term in terms:
        use = first_use(term, said)
        if term in everyday and not is_linked(term, said):
            yield f"{term}: is nowhere linked"
        elif term not in everyday and use and use[2] != f"glossary.md#{slug(term)}":
            yield f"{term}: first used without a link in {use[0]}, cell {use[1]}: {use[3]!r}"


def wrong_italics(chapter, titles=TITLES):
    """Italics that are neither a link to the glossary nor a title."""
    for block in blocks(chapter):
        link = ""
        for token, after in zip(block.tokens, block.tokens[1:], strict=False):
            if token.type in ("link_open", "link_close"):
                link = token.attrs.get("href", "")
            href = after.attrs.get("href", link) if after.type == "link_open" else link
            if token.type == "em_open" and not href.startswith("glossary.md#") and after.content not in titles:
                yield f"cell {block.cell}: *{after.content}* stands in italics and is no term of the glossary"


SAMPLE = notebook(
    markdown('# A net\n\nA *[filter](glossary.md#filter "Weights.")* has *weights*; see *Deep Learning with Python*.'),
    markdown(
        "## What you will be able to do\n\n- pool\n\n## Pooling\n\n> **Predict.** What?\n>\n> - to pool\n\nTo pool is…"
    ),
)


def test_what_is_wrong_with_a_sample_is_found():
    terms, said = ["Filter", "Weight", "Pool", "Stride"], {"01": list(sentences_of(SAMPLE))}
    assert list(unlinked_terms(terms, said)) == [
        "Weight: first used without a link in 01, cell 1: 'A filter has weights; see Deep Learning with Pytho'",
        "Pool: first used without a link in 01, cell 2: 'To pool is…'",
    ]
    assert unused_terms(terms, said) == ["Stride"]
    assert list(unlinked_terms(["Weight"], said, {"Weight"})) == ["Weight: is nowhere linked"]
    assert list(wrong_italics(SAMPLE)) == ["cell 1: *weights* stands in italics and is no term of the glossary"]


def test_each_term_is_used_and_its_first_use_leads_to_the_glossary():
    said = {path.stem: list(sentences_of(read_chapter(path))) for path in CHAPTERS}
    assert unused_terms(TERMS, said) == []
    kept = {name: sentences for name, sentences in said.items() if name not in NOT_YET}
    found = list(unlinked_terms(TERMS, kept, EVERYDAY))
    assert not found, "\n".join(found)
    assert set(TERMS) >= EVERYDAY | set(FORMS)


@pytest.mark.parametrize("path", [path for path in CHAPTERS if path.stem not in NOT_YET], ids=lambda path: path.stem)
def test_italics_stand_for_terms_of_the_glossary_and_lead_there(path):
    assert list(wrong_italics(read_chapter(path), {*TITLES, "italics"})) == []


def test_chapter_that_does_not_keep_the_rules_yet_is_there():
    assert {path.stem for path in CHAPTERS} >= NOT_YET
    for name in NOT_YET:
        assert list(wrong_italics(read_chapter(BOOK / f"{name}.ipynb"))), (
            f"{name} keeps the rules: take it out of NOT_YET"
        )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_to_the_glossary_say_what_the_term_means(path):
    """Wherever the chapter is read: the title needs no other page and no network."""
    assert with_titles("[a](glossary.md#b)", {"B": "Bread."}) == '[a](glossary.md#b "Bread.")'
    wrong = [
        n for n, cell in numbered(read_chapter(path), "markdown") if cell.source != with_titles(cell.source, TERMS)
    ]
    assert wrong == [], "run python tests/glossary_links.py, which writes the titles"


def test_terms_stand_in_the_order_of_the_alphabet():
    names = [re.sub(r"[^a-z\d ]", "", term.lower().replace("-", " ")) for term in TERMS]
    assert len(names) > 100
    assert names == sorted(names)
