"""The rules of a chapter: what its cells, its prose, its code and its order must be.

A rule is a generator of findings over one notebook. It runs over a sound sample chapter (no finding), over that sample
with one thing spoiled (a finding that says so), and over every chapter of the book (no finding).
"""

import ast
import builtins
import copy
import functools
import re
import statistics
from pathlib import Path

import nbformat
import pytest
from chapters import (
    BOOK,
    CHAPTERS,
    LIBRARY,
    NOTEBOOKS,
    anchors,
    blocks,
    code,
    code_nodes,
    dotted_name,
    links,
    markdown,
    notebook,
    numbered,
    page_blocks,
    read_chapter,
    sections,
    syntax_tree,
    tagged,
    toc_pages,
)

LONGEST_CELL, LONGEST_MEDIAN, LONGEST_DRAWING, SHORTEST_ALT = 25, 12, 8, 30
WIDEST_LINE = 79  # columns of code that a page of 1,280 px shows without wrapping
LARGEST = (3000, 30, 0)  # words of prose, code cells, lines of code that are wider
# Chapters that are larger yet, and what each may have of these at most. The table can only shrink: who shortens a
# chapter lowers its numbers, and who brings it within LARGEST takes it out.
LARGER_YET = {
    "09_feature_extraction": (3000, 30, 58),
}
TAKEN_HOME = {"pictures", "preset"}  # where the reader's own pictures stand, and the name of a base
FIRST_SECTIONS = ["What you will be able to do"]
LAST_SECTIONS = ["In practice and pitfalls", "Summary", "Exercises", "Sources"]

DRAWING_MODULES = {"convbook.plots", "matplotlib.pyplot"}
DRAWING_METHODS = {
    *("bar", "barh", "boxplot", "contour", "contourf", "errorbar", "fill_between", "hist", "imshow", "matshow"),
    *("pcolormesh", "pie", "plot", "scatter", "stackplot", "stem", "step", "subplots", "violinplot"),
}
DRAWS_NOTHING = {"close", "rc", "rc_context", "rcParams", "show_table", "style", "use_book_style"}

ALLOWED_HTML = re.compile(r"</?(details|summary|br|sub|sup|kbd)\s*/?>")
MYST_IN_TEXT = {
    r"\{[\w:+-]+\}`": "a role",
    r"^:::": "a colon fence",
    r"^\(\S+\)=$": "a target",
    r"^%": "a comment",
    r"^\+\+\+": "a block break",
    r"\{\{.*\}\}": "a substitution",
    r"\[\^\w+\]": "a footnote",
    r"[\])`]\{[.#\w]": "an attribute",
}

MEASURED = {
    r"\d\s*[%‰]|\d\s+per\s?cent\b": "a percentage",
    r"(?<![\w.])\d+\.\d+(?!\.?\w)|(?<!\w)\.\d+\b": "a decimal number",
    r"±": "a spread",
    r"\d\s*(?:seconds?|milliseconds?|s|ms)\b": "seconds",
    r"\b(?:accuracy|loss|error)\b[^,;]{0,20}?\b\d": "a result",
}
MINUTES = r"\d\s*(?:minutes?|min|hours?)\b"


# ---------------------------------------------------------------- the file


def chapter_is_valid(chapter):
    try:
        nbformat.validate(chapter)
    except nbformat.ValidationError as error:
        yield f"not a valid notebook: {error.message}"
    if (chapter.nbformat, chapter.nbformat_minor) < (4, 5):
        yield f"nbformat {chapter.nbformat}.{chapter.nbformat_minor} has no cell ids; write it as 4.5"


def cells_have_ids_of_their_own(chapter):
    seen = set()
    for number, cell in enumerate(chapter.cells, 1):
        if "id" not in cell:
            yield f"cell {number}: no id"
        elif cell.id in seen:
            yield f"cell {number}: the id {cell.id!r} is taken by an earlier cell"
        seen.add(cell.get("id"))


def cells_hold_no_outputs(chapter):
    for number, cell in numbered(chapter, "code"):
        if cell.outputs:
            yield f"cell {number}: holds outputs; clear them before you commit"
        if cell.execution_count is not None:
            yield f"cell {number}: holds an execution count"


def metadata_asks_for_colabs_gpu(chapter):
    metadata = chapter.metadata
    wanted = {
        "kernelspec.name": (metadata.get("kernelspec", {}).get("name"), "python3"),
        "accelerator": (metadata.get("accelerator"), "GPU"),
        "colab.gpuType": (metadata.get("colab", {}).get("gpuType"), "T4"),
    }
    for name, (found, value) in wanted.items():
        if found != value:
            yield f"metadata {name} is {found!r}; write {value!r}"


# ---------------------------------------------------------------- the size


def chapter_is_no_larger(chapter, largest=LARGEST):
    what = ("words of prose", "code cells", f"lines of code above {WIDEST_LINE} columns")
    for name, number, most in zip(what, size(chapter), largest, strict=True):
        if number > most:
            yield f"{number:,} {name}; {most:,} at the most"


def size(chapter):
    """The three numbers that LARGEST bounds; tags and the addresses of links are no words."""
    prose = [re.sub(r'\]\((?:[^()"]|"[^"]*")*\)', "]", cell.source) for _, cell in numbered(chapter, "markdown")]
    words = [re.findall(r"\w[\w'’.-]*", re.sub(r"<[^>]*>", " ", text)) for text in prose]
    sources = [cell.source for _, cell in numbered(chapter, "code")]
    wide = [line for source in sources for line in source.splitlines() if len(line) > WIDEST_LINE]
    return sum(map(len, words)), len(sources), len(wide)


# ---------------------------------------------------------------- the order


def parts_stand_in_order(chapter):
    first = blocks(chapter)[0]
    if (first.kind, first.level) != ("heading", 1):
        yield "the chapter does not open with its title (# …)"
    if (number := sum(b.kind == "heading" and b.level == 1 for b in blocks(chapter))) != 1:
        yield f"{number} headings of level 1; a chapter has one, its title"
    titles = [section.title for section in sections(chapter)]
    if titles[: len(FIRST_SECTIONS)] != FIRST_SECTIONS:
        yield f"begins with the sections {titles[:1]}; it begins with {FIRST_SECTIONS}"
    if titles[-len(LAST_SECTIONS) :] != LAST_SECTIONS:
        yield f"ends with the sections {titles[-4:]}; it ends with {LAST_SECTIONS}"
    if not 3 <= (number := len(lessons(chapter))) <= 6:
        yield f"{number} sections between {FIRST_SECTIONS[-1]!r} and {LAST_SECTIONS[0]!r}; write 3 to 6"


def lessons(chapter):
    """The sections that teach: all but those with a fixed name."""
    return [section for section in sections(chapter) if section.title not in FIRST_SECTIONS + LAST_SECTIONS]


def lessons_ask_before_they_show(chapter):
    for section in lessons(chapter):
        kinds = ["predict" if b.text.startswith("**Predict.**") else b.kind for b in section.blocks]
        if "predict" not in kinds:
            yield f"section {section.title!r}: no paragraph starts with **Predict.**"
        elif "code" not in kinds[kinds.index("predict") :]:
            yield f"section {section.title!r}: no code cell after **Predict.**"


def predictions_can_be_judged(chapter):
    """What the site needs: one Predict box to a cell, and what is right among its choices, or a number."""
    for number, cell in enumerate(chapter.cells, 1):
        boxes = re.findall(r"^> \*\*Predict\.\*\*.*(?:\n>.*)*", cell.source, flags=re.M)
        right = cell.metadata.get("predict", {})
        choices = len(re.findall(r"^> - ", boxes[0], flags=re.M)) if boxes else 0
        if len(boxes) > 1:
            yield f"cell {number}: {len(boxes)} Predict boxes; give each a cell of its own"
        elif right and not boxes:
            yield f"cell {number}: an answer in the metadata, and no Predict box"
        elif set(right) - {"choice", "number"} or len(right) > 1:
            yield f'cell {number}: the answer is {{"choice": 2}} or {{"number": 26}}, not {dict(right)}'
        elif "choice" in right and not 1 <= right["choice"] <= choices:
            yield f"cell {number}: choice {right['choice']} of {choices} is right"
        elif "number" in right and choices:
            yield f"cell {number}: a number is right, but the box has choices"


def goals_are_few_and_testable(chapter):
    goals = [b for s in sections(chapter) if s.title == FIRST_SECTIONS[0] for b in s.blocks if b.kind == "item"]
    if not 3 <= len(goals) <= 4:
        yield f"{len(goals)} points under {FIRST_SECTIONS[0]!r}; name 3 or 4"


def one_setup_cell(chapter):
    found = tagged(chapter, "setup")
    if len(found) != 1:
        yield f"{len(found)} cells carry the tag 'setup'; a chapter has one"
    if found and found[0] != numbered(chapter, "code")[0]:
        yield "the setup cell is not the first code cell; the figure under the title needs the package too"


# ---------------------------------------------------------------- the prose


def prose_is_plain_commonmark(chapter):
    for block in blocks(chapter):
        if block.kind == "fence" and block.tokens[0].info.startswith("{"):
            yield f"cell {block.cell}: the fence {block.tokens[0].info.strip()} is known to MyST alone"
        for token in block.tokens:
            html = token.content if token.type in ("html_inline", "html_block") else ""
            for tag in re.findall(r"<[^>\s][^>]*>?", html):
                if not ALLOWED_HTML.fullmatch(tag):
                    yield f"cell {block.cell}: the tag {tag} is not among details, summary, br, sub, sup, kbd"
        if block.kind in ("heading", "paragraph", "item"):
            for pattern, name in MYST_IN_TEXT.items():
                if match := re.search(pattern, without_code(block), flags=re.M):
                    yield f"cell {block.cell}: {match[0]!r} is {name} to MyST and plain text elsewhere"


def without_code(block):
    """The text of a block; code is an empty `` and mathematics is left out."""
    shown = {"softbreak": "\n", "hardbreak": "\n", "code_inline": "``", "math_inline": ""}
    shown |= {"link_close": ")", "link_open": "("}
    return "".join(shown.get(token.type, token.content) for token in block.tokens)


def pictures_come_from_code(chapter):
    for block in blocks(chapter):
        for token in block.tokens:
            if token.type == "image" or ("<img" in token.content and token.type.startswith("html")):
                yield f"cell {block.cell}: a picture in Markdown; in Colab there is no file beside the chapter"


def measured_numbers_are_cited(chapter):
    """A sentence with a measured number holds a link to references.md; settings stand in code or mathematics.

    Measured looks: a percentage, a decimal number, a spread (±), seconds, a digit next to accuracy, loss or error; and,
    in the lessons and below, minutes (above them stands what a reader needs, time among it).
    """
    patterns = dict(MEASURED)
    for block in blocks(chapter):
        if block.kind == "heading" and block.level == 2 and block.text not in FIRST_SECTIONS:
            patterns[MINUTES] = "minutes"
        for sentence, cited in sentences(block):
            for pattern, name in patterns.items():
                if not cited and (match := re.search(pattern, sentence, flags=re.I)):
                    yield f"cell {block.cell}: {name} without a citation, {match[0]!r} in: {sentence.strip()}"


def sentences(block):
    """Pairs of (sentence, whether it cites a reference) of a block of prose; mathematics and real code are left out."""
    text = ""
    for token in block.tokens:
        if token.type == "link_open":
            text += "\0" if token.attrs["href"].startswith("references.md#") else ""
        elif token.type in ("softbreak", "hardbreak"):
            text += " "
        elif token.type == "text" or (token.type == "code_inline" and re.fullmatch(r"[\d.,\s]+%", token.content)):
            text += token.content
    parts = re.split(r"(?<=[.?!:])\s+(?=[^a-z\d])", text)
    return [(part.replace("\0", ""), "\0" in part) for part in parts]


def links_arrive(chapter, targets=None):
    """Links go to a page of the book (and an anchor that it has), to an anchor of this chapter, or to another host."""
    yield from broken_links(blocks(chapter), targets or book_targets())


def broken_links(found_blocks, targets):
    own = anchors(found_blocks)
    for cell, address in links(found_blocks):
        page, _, anchor = address.partition("#")
        if re.match(r"https?://", address):
            continue
        if page and page not in targets:
            yield f"cell {cell}: the link {address} goes to no page of the book"
        elif anchor and anchor not in (targets[page] if page else own):
            yield f"cell {cell}: the link {address} goes to a place that is not there"


def book_targets():
    """The anchors of each page of the book, by the page's file name."""
    return {path.name: anchors(page_blocks(path)) for path in [*NOTEBOOKS, *BOOK.glob("*.md")]}


# ---------------------------------------------------------------- the code


def code_cells_are_short(chapter):
    lengths = {number: len(cell.source.splitlines()) for number, cell in numbered(chapter, "code")}
    for number, length in lengths.items():
        if length > LONGEST_CELL:
            yield f"cell {number}: {length} lines; {LONGEST_CELL} at the most"
    if lengths and (median := statistics.median(lengths.values())) > LONGEST_MEDIAN:
        yield f"the median of the code cells is {median} lines; {LONGEST_MEDIAN} at the most"


def code_reads_no_file_beside_the_chapter(chapter):
    for number, node in code_nodes(chapter):
        name = dotted_name(node.func) if isinstance(node, ast.Call) else ""
        if name in ("open", "io.open"):
            yield f"cell {number}: open(…); what a chapter reads comes from the package"
        if name.split(".")[-1] in ("Path", "PurePath") and any(isinstance(a, ast.Constant) for a in node.args):
            yield f"cell {number}: {ast.unparse(node)}; what a chapter reads comes from the package"
        text = node.value if isinstance(node, ast.Constant) else ""
        if isinstance(text, str) and re.match(r"\.{1,2}/|.*/\.\./", text):
            yield f"cell {number}: the relative path {text!r}; in Colab there is nothing beside the chapter"


def code_names_no_address(chapter):
    """Only the setup cell names an address (of the repository) or speaks to the shell."""
    for number, cell in numbered(chapter, "code"):
        if "setup" in cell.metadata.get("tags", []):
            continue
        for match in re.findall(r"\w+://\S+|^\s*[%!].*", cell.source, flags=re.M):
            yield f"cell {number}: {match.strip()!r} belongs to the setup cell"


def figures_have_alt_texts(chapter):
    """A cell that draws carries {"mystnb": {"image": {"alt": "…"}}}, in words that no other cell uses."""
    seen = set()
    for number, cell in drawing_cells(chapter):
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        if len(alt) < SHORTEST_ALT:
            yield f"cell {number}: draws, and its alternative text has {len(alt)} characters, not {SHORTEST_ALT}"
        elif alt in seen:
            yield f"cell {number}: repeats the alternative text of an earlier cell"
        seen.add(alt)


def drawing_cells(chapter):
    """The cells that draw with matplotlib: by a drawing module, a method of Axes, or a function of theirs that does."""
    names = names_of_drawing_modules(chapter)
    found = []
    for number, cell in numbered(chapter, "code"):
        body = syntax_tree(cell.source).body
        functions = [node for node in body if isinstance(node, ast.FunctionDef)]
        names |= {function.name for function in functions if draws([function], names)}
        if draws([node for node in body if node not in functions], names):
            found.append((number, cell))
    return found


def names_of_drawing_modules(chapter):
    """What the chapter calls the drawing modules and the functions it takes from them."""
    names = set()
    for _, node in code_nodes(chapter):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name for alias in node.names if alias.name in DRAWING_MODULES}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if node.module in DRAWING_MODULES or f"{node.module}.{alias.name}" in DRAWING_MODULES:
                    names.add(alias.asname or alias.name)
    return names - DRAWS_NOTHING


def draws(nodes, names):
    calls = [node for top in nodes for node in ast.walk(top) if isinstance(node, ast.Call)]
    return any(is_drawing(dotted_name(call.func), names) for call in calls)


def is_drawing(call, names):
    """Whether a call (`plt.plot`, `axes.imshow`, `show_images`) draws, by its name."""
    parts = call.split(".")
    from_module = any(f"{call}.".startswith(f"{name}.") for name in names) and not DRAWS_NOTHING & set(parts)
    return from_module or (len(parts) > 1 and parts[-1] in DRAWING_METHODS)


def shown_code_equals_the_library(chapter):
    """A cell with the metadata {"twin": "convbook.operations.f"} holds a function f equal to the library's."""
    for number, cell in numbered(chapter, "code"):
        twin = cell.metadata.get("twin", "")
        shown = {n.name: n for n in ast.walk(syntax_tree(cell.source)) if isinstance(n, ast.FunctionDef)}
        names = {name.split(".")[-1] for name in library_functions()}
        for name in set(shown) & names - {twin.split(".")[-1]}:
            yield f"cell {number}: {name} is a function of the library too; name it in the metadata 'twin'"
        if not twin:
            continue
        name, original = twin.split(".")[-1], library_functions().get(twin)
        if original is None:
            yield f"cell {number}: the library has no {twin}"
        elif name not in shown:
            yield f"cell {number}: says it shows {twin} and defines no {name}"
        elif skeleton(shown[name]) != skeleton(original):
            yield f"cell {number}: {name} differs from {twin}"


def tables_are_no_aligned_lines(chapter):
    for number, cell in numbered(chapter, "code"):
        for line in cell.source.splitlines():
            if "print(" in line and (match := re.search(r"\{[^{}]*:[<>^]?\d+[.,}a-z]", line)):
                yield f"cell {number}: {match[0]} aligns what is printed; a table comes from plots.show_table"


def drawing_is_hidden_where_it_is_long(chapter):
    for number, cell in numbered(chapter, "code"):
        lines = [line for line in cell.source.splitlines() if re.match(r"\s*(\w+ = )?\w*(ax[ei]s|figure|plt)\b", line)]
        if len(lines) > LONGEST_DRAWING and not {"hide-input", "hide-cell"} & set(cell.metadata.get("tags", [])):
            yield f"cell {number}: {len(lines)} lines of drawing; tag it hide-input, or draw less"


def listings_to_take_home_need_no_book(chapter):
    """A cell tagged "take-home" imports what it names and nothing of the book, and takes from it only `TAKEN_HOME`."""
    for number, cell in tagged(chapter, "take-home"):
        nodes = list(ast.walk(syntax_tree(cell.source)))
        modules = {getattr(n, "module", None) or a.name for n in nodes if hasattr(n, "names") for a in n.names}
        names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        known = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        known |= {node.arg for node in nodes if isinstance(node, ast.arg)} | set(dir(builtins)) | TAKEN_HOME
        known |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        known |= {alias.asname or alias.name.split(".")[0] for n in nodes if hasattr(n, "names") for alias in n.names}
        for module in sorted(modules):
            if module.split(".")[0] == "convbook":
                yield f"cell {number}: {module} belongs to the book; a listing to take home needs plain Keras"
        for name in sorted(names - known):
            yield f"cell {number}: {name} is not made in this cell, so whoever takes it home lacks it"


@functools.cache
def library_functions():
    """The syntax trees of the library's public functions: {"convbook.shapes.output_size": tree, …}."""
    trees = {
        ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts): ast.parse(path.read_text(encoding="utf-8"))
        for path in LIBRARY.rglob("*.py")
    }
    functions = [(module, n) for module, tree in trees.items() for n in tree.body if isinstance(n, ast.FunctionDef)]
    return {f"{module}.{function.name}": function for module, function in functions if function.name[0] != "_"}


def skeleton(function):
    """A function as text to compare: without docstrings, comments and layout."""
    function = copy.deepcopy(function)
    for node in ast.walk(function):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(function)


# ---------------------------------------------------------------- the rules, shown able to pass and to fail

RULES = [
    *(chapter_is_valid, cells_have_ids_of_their_own, cells_hold_no_outputs, metadata_asks_for_colabs_gpu),
    chapter_is_no_larger,
    *(parts_stand_in_order, lessons_ask_before_they_show, predictions_can_be_judged, goals_are_few_and_testable),
    *(one_setup_cell, prose_is_plain_commonmark, pictures_come_from_code, measured_numbers_are_cited, links_arrive),
    *(code_cells_are_short, code_reads_no_file_beside_the_chapter, code_names_no_address),
    *(figures_have_alt_texts, shown_code_equals_the_library, listings_to_take_home_need_no_book),
    *(tables_are_no_aligned_lines, drawing_is_hidden_where_it_is_long),
]
# What makes a chapter a lesson; pages to look things up in are none.
OF_CHAPTERS_ONLY = {parts_stand_in_order, lessons_ask_before_they_show, goals_are_few_and_testable, one_setup_cell}
# What a chapter keeps from the day on when it is no longer in LARGER_YET.
OF_SHORT_ONES = {chapter_is_no_larger, tables_are_no_aligned_lines}
PLOT = "plt.plot([1, 2])"
ALT = {"mystnb": {"image": {"alt": "A line that climbs from one to two in one step."}}}


def sample():
    """A sound chapter: every rule accepts it."""
    lesson = "## Lesson {}\n\nA question.\n\n> **Predict.** What comes next, `0.5` or $0.25$?"
    return notebook(
        markdown("# What is a sample?\n\nIt takes 5 minutes."),
        code("%pip install somewhere\nimport matplotlib.pyplot as plt", tags=["setup"]),
        markdown("A lead."),
        markdown("## What you will be able to do\n\n- name it\n- draw it\n- test it"),
        *(cell for n in (1, 2, 3) for cell in (markdown(lesson.format(n)), code(f"assert {n} < 4"))),
        code(PLOT, **ALT),
        markdown(
            "## In practice and pitfalls\n\nIt reached 98.6 % ([Lee, 1998](references.md#lee)). See [one](#lesson-1)."
        ),
        markdown("## Summary"),
        markdown("## Exercises\n\n<details><summary>Hint</summary>\n\nThink.\n\n</details>"),
        markdown("## Sources"),
    )


SAMPLE_TARGETS = {"references.md": {"lee"}}


def findings(rule, chapter):
    return list(rule(chapter, SAMPLE_TARGETS) if rule is links_arrive else rule(chapter))


def added(*cells):
    """A way to spoil a chapter: these cells come after its last lesson."""
    return lambda chapter: chapter.cells.__setitem__(slice(11, 11), cells)


def prose(text, **metadata):
    return added(markdown(text, **metadata))


def changed(number, **fields):
    return lambda chapter: chapter.cells[number - 1].update(fields)


def without(number):
    return lambda chapter: chapter.cells.pop(number - 1)


SPOILED = [
    (chapter_is_valid, lambda chapter: chapter.cells[0].update(cell_type="poem"), "valid"),
    (chapter_is_valid, lambda chapter: chapter.update(nbformat_minor=4), "4.5"),
    (cells_have_ids_of_their_own, lambda chapter: chapter.cells[0].pop("id"), "no id"),
    (cells_have_ids_of_their_own, lambda chapter: chapter.cells[1].update(id=chapter.cells[0].id), "taken"),
    (cells_hold_no_outputs, changed(2, outputs=[{"output_type": "stream"}]), "outputs"),
    (cells_hold_no_outputs, changed(2, execution_count=3), "count"),
    (metadata_asks_for_colabs_gpu, lambda chapter: chapter.metadata.pop("accelerator"), "accelerator"),
    (metadata_asks_for_colabs_gpu, lambda chapter: chapter.metadata.kernelspec.update(name="env"), "kernelspec"),
    (metadata_asks_for_colabs_gpu, lambda chapter: chapter.metadata.colab.update(gpuType="A100"), "T4"),
    (chapter_is_no_larger, prose("word " * 2990 + '[link](a.md "Not (of) these.") <sup>up</sup>'), "3,0"),
    (chapter_is_no_larger, added(*(code("pass") for _ in range(26))), "31 code cells"),
    (chapter_is_no_larger, added(code(f"{'a' * 79}\n{'a' * 80}")), "1 lines of code above 79"),
    (parts_stand_in_order, without(1), "title"),
    (parts_stand_in_order, prose("# Another title"), "2 headings"),
    (parts_stand_in_order, without(4), "begins"),
    (parts_stand_in_order, without(-2), "ends"),
    (parts_stand_in_order, without(5), "3 to 6"),
    (lessons_ask_before_they_show, changed(5, source="## Lesson 1"), "'Lesson 1'"),
    (lessons_ask_before_they_show, without(6), "no code cell"),
    (predictions_can_be_judged, prose("> **Predict.** What?\n\nOr:\n\n> **Predict.** What?"), "2 Predict boxes"),
    (predictions_can_be_judged, prose("> **Predict.**", predict={"choice": 1}), "choice 1 of 0"),
    (predictions_can_be_judged, prose("> **Predict.** A?\n>\n> - a\n> - b", predict={"choice": 3}), "choice 3 of 2"),
    (predictions_can_be_judged, prose("> **Predict.** A?\n>\n> - a", predict={"number": 3}), "has choices"),
    (predictions_can_be_judged, prose("> **Predict.** A?", predict={"answer": 3}), "not {'answer': 3}"),
    (predictions_can_be_judged, prose("A?", predict={"number": 3}), "no Predict box"),
    (goals_are_few_and_testable, changed(4, source="## What you will be able to do\n\n- all"), "1 points"),
    (one_setup_cell, changed(2, metadata={}), "0 cells"),
    (one_setup_cell, lambda chapter: chapter.cells.insert(1, code("pass")), "first code cell"),
    (one_setup_cell, added(code("pass", tags=["setup"])), "2 cells"),
    (prose_is_plain_commonmark, prose("```{note}\nNo.\n```"), "{note}"),
    (prose_is_plain_commonmark, prose("See {ref}`this`."), "role"),
    (prose_is_plain_commonmark, prose(":::{note}\nNo.\n:::"), "colon fence"),
    (prose_is_plain_commonmark, prose("(here)=\n\nText."), "target"),
    (prose_is_plain_commonmark, prose("% not shown"), "comment"),
    (prose_is_plain_commonmark, prose("+++"), "block break"),
    (prose_is_plain_commonmark, prose("So {{ much }}."), "substitution"),
    (prose_is_plain_commonmark, prose("A word[^1]."), "footnote"),
    (prose_is_plain_commonmark, prose("[A word](#lesson-1){.big}"), "attribute"),
    (prose_is_plain_commonmark, prose('A <span style="color: red">word</span>.'), "<span"),
    (prose_is_plain_commonmark, prose("<div>\nText.\n</div>"), "<div>"),
    (prose_is_plain_commonmark, prose('<details class="x"><summary>A</summary></details>'), "details class"),
    (pictures_come_from_code, prose("![A cat](cat.png)"), "picture"),
    (pictures_come_from_code, prose('<img src="cat.png" alt="A cat">'), "picture"),
    *(
        (measured_numbers_are_cited, prose(text), word)
        for text, word in [
            ("It reaches 97 % here.", "percentage"),
            ("It reaches 97 per cent.", "percentage"),
            ("It reaches `97.5 %`.", "percentage"),
            ("It reaches 0.98.", "decimal"),
            ("It reaches .98 here.", "decimal"),
            ("A spread of 2 ± 1.", "spread"),
            ("It takes 12 seconds.", "seconds"),
            ("It takes 3 minutes.", "minutes"),
            ("The accuracy is 97.", "result"),
            ("| net | test |\n|---|---|\n| dense | 0.98 |", "decimal"),
            ("- a loss of 0.3", "decimal"),
            ("It was 98.6 % there ([Lee](references.md#lee)). Here it is 97 %.", "97 %"),
        ]
    ),
    (links_arrive, prose("[two](02_two.ipynb)"), "no page"),
    (links_arrive, prose("[Kim](references.md#kim)"), "not there"),
    (links_arrive, prose("[nine](#lesson-9)"), "not there"),
    (code_cells_are_short, added(code("pass\n" * 26)), "26 lines"),
    (code_cells_are_short, added(*(code("pass\n" * 13) for _ in range(6))), "median"),
    (code_reads_no_file_beside_the_chapter, added(code("text = open('notes').read()")), "open"),
    (code_reads_no_file_beside_the_chapter, added(code("pathlib.Path('cat.png')")), "Path"),
    (code_reads_no_file_beside_the_chapter, added(code("load('../lib')")), "relative"),
    (code_names_no_address, added(code("load('https://example.org/cat.png')")), "https"),
    (code_names_no_address, added(code("!wget cat")), "wget"),
    (figures_have_alt_texts, added(code(PLOT)), "0 characters"),
    (figures_have_alt_texts, added(code(PLOT, mystnb={"image": {"alt": "A line."}})), "7 characters"),
    (figures_have_alt_texts, added(code(PLOT, **ALT)), "repeats"),
    (figures_have_alt_texts, added(code("from convbook import plots as p\np.show_images([])")), "0 characters"),
    (figures_have_alt_texts, added(code("from convbook.plots import show_images\nshow_images([])")), "0 characters"),
    (figures_have_alt_texts, added(code("grid[0].imshow([])")), "0 characters"),
    (figures_have_alt_texts, added(code("def show():\n    plt.plot([])"), code("show()")), "0 characters"),
    (shown_code_equals_the_library, added(code("def f(): pass", twin="convbook.runs.no_such")), "no convbook"),
    (tables_are_no_aligned_lines, added(code("print(f'{name:10} {1:.2f}')")), "show_table"),
    (drawing_is_hidden_where_it_is_long, added(code("axis.plot([1])\n" * 9, **ALT)), "9 lines of drawing"),
    (
        listings_to_take_home_need_no_book,
        added(code("from convbook import photos\nphotos.prepare()", tags=["take-home"])),
        "belongs to the book",
    ),
    (listings_to_take_home_need_no_book, added(code("import keras\nx = layers", tags=["take-home"])), "layers is not"),
    (listings_to_take_home_need_no_book, added(code("x = presets", tags=["take-home"])), "presets is not"),
    (shown_code_equals_the_library, added(code("f = 1", twin="convbook.runs.current")), "defines no current"),
    (shown_code_equals_the_library, added(code("def current(): pass", twin="convbook.runs.current")), "differs"),
    (shown_code_equals_the_library, added(code("def current(): pass")), "name it"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_notebook_keeps(rule):
    """The rules over the book's chapters, and over its other notebooks those that are not about lessons."""
    paths = CHAPTERS if rule in OF_CHAPTERS_ONLY else NOTEBOOKS
    paths = [path for path in paths if rule not in OF_SHORT_ONES or path.stem not in LARGER_YET]
    found = [f"{path.stem}, {finding}" for path in paths for finding in rule(read_chapter(path))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("rule", "spoil", "words"), SPOILED, ids=lambda value: getattr(value, "__name__", None))
def test_sound_chapter_passes_and_spoiled_one_fails(rule, spoil, words):
    chapter = sample()
    assert findings(rule, chapter) == []
    spoil(chapter)
    assert words in "\n".join(findings(rule, chapter))


def test_every_rule_is_shown_able_to_fail():
    assert {rule for rule, _, _ in SPOILED} == set(RULES)


@pytest.mark.parametrize("name", LARGER_YET)
def test_chapter_that_is_larger_yet_does_not_grow(name):
    chapter = read_chapter(BOOK / f"{name}.ipynb")
    assert list(chapter_is_no_larger(chapter, LARGER_YET[name])) == []
    assert list(chapter_is_no_larger(chapter)), f"{name} is within the bounds now: take it out of LARGER_YET"


@pytest.mark.parametrize(
    "text",
    [
        "A kernel of 3x3 over 28x28 pixels gives 26x26 in 2 steps.",
        "With `learning_rate=0.001` and $p = 0.5$ nothing moves.",
        "In 1998 LeNet read 10 digits.",
        "It erred on 0.8 % of the test digits ([Lee, 1998](references.md#lee)).",
        "```python\nloss = 0.25\n```",
    ],
)
def test_settings_counts_and_cited_numbers_are_no_finding(text):
    assert list(measured_numbers_are_cited(notebook(markdown("## Lesson"), markdown(text)))) == []


@pytest.mark.parametrize(
    "source",
    ["plt.rcParams.update({})", "plots.use_book_style()", "plots.show_table([], [])", "figure = 'plot'", "model.fit()"],
)
def test_cells_that_draw_nothing_need_no_alternative_text(source):
    imports = code("import matplotlib.pyplot as plt\nfrom convbook import plots")
    assert drawing_cells(notebook(imports, code(source))) == []


def test_twins_may_differ_in_docstrings_comments_and_layout():
    library = ast.parse('def f(a, b):\n    """Add."""\n    return (a +\n  b)').body[0]
    assert skeleton(library) == skeleton(ast.parse("def f(a, b):\n    # add\n    return a + b").body[0])
    assert skeleton(library) != skeleton(ast.parse("def f(a, b):\n    return a - b").body[0])


# ---------------------------------------------------------------- all chapters together


def differing_setup_cells(chapters):
    """The names of the chapters whose setup cell is not the first one's, byte by byte."""
    sources = {name: [cell.source for _, cell in tagged(chapter, "setup")] for name, chapter in chapters.items()}
    return [name for name, source in sources.items() if source != next(iter(sources.values()))]


def test_setup_cell_is_the_same_in_every_chapter():
    other = sample()
    other.cells[1].source += "  "
    assert differing_setup_cells({"01": sample(), "02": other, "03": sample()}) == ["02"]
    assert differing_setup_cells({path.stem: read_chapter(path) for path in NOTEBOOKS}) == []


def missing_from_toc(toc, files):
    """What the table of contents names and the folder lacks, or the other way round."""
    return sorted(set(toc) ^ set(files))


def test_table_of_contents_names_every_page_and_no_other():
    assert missing_from_toc(["index", "01_a", "03_c"], ["index", "01_a", "02_b"]) == ["02_b", "03_c"]
    assert missing_from_toc(toc_pages(), [f"book/{path.stem}" for path in [*NOTEBOOKS, *BOOK.glob("*.md")]]) == []


def test_chapters_stand_in_the_table_of_contents_in_their_order_and_are_numbered_without_a_gap():
    names = [f"book/{path.stem}" for path in CHAPTERS]
    assert [page for page in toc_pages() if page in names] == names
    assert [int(path.stem[:2]) for path in CHAPTERS] == list(range(1, 14))


@pytest.mark.parametrize("page", sorted(BOOK.glob("*.md")), ids=lambda path: path.name)
def test_links_of_the_other_pages_arrive(page: Path):
    assert list(broken_links(page_blocks(page), book_targets())) == []
