"""Results as a table that a chapter shows: plain, and readable by a screen reader."""

import collections
from dataclasses import dataclass
from html import escape

import numpy as np

from convbook.evidence.claims import standings
from convbook.evidence.results import is_stale, names, read
from convbook.evidence.verdicts import VERDICTS

COLUMNS = ("what the claim predicts", "seeds", "mean effect", "95 % interval", "would matter", "verdict")
OVERVIEW_COLUMNS = ("chapter", "the lecture's claim, and what to know of it", "what came of it")


@dataclass(frozen=True)
class Table:
    """A caption, rows under columns, and notes; notebooks show it as HTML or Markdown.

    Attributes:
        caption: what was measured on what.
        rows: tuples of strings, one for each effect or claim; what stands after a line break is shown smaller, below.
        notes: sentences that belong below the table.
        columns: names of the columns.
        head: index of the column that names its row.
        summary: a line under which HTML folds the table away; without it, the table stands open.
    """

    caption: str
    rows: tuple
    notes: tuple
    columns: tuple = COLUMNS
    head: int = 0
    summary: str = ""

    def __repr__(self):
        lines = [" · ".join(row).replace("\n", ". ") for row in (self.columns, *self.rows)]
        return "\n".join([self.caption, *lines, *self.notes])

    def _repr_markdown_(self):
        rows = [self.columns, ("---",) * len(self.columns), *self.rows]
        lines = [
            "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in row) + " |" for row in rows
        ]
        return "\n\n".join([f"**{self.caption}**", "\n".join(lines), *self.notes]) + "\n"

    def _repr_html_(self):
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.columns)
        body = "".join(f"<tr>{''.join(self._cells(row))}</tr>" for row in self.rows)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        shown = (
            f"<table><caption>{escape(self.caption)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"
        )
        if self.summary:
            shown = f"<details><summary>{escape(self.summary)}</summary>{shown}</details>"
        return f'<div class="evidence">{shown}</div>'

    def _cells(self, row):
        for index, cell in enumerate(row):
            first, *below = map(escape, cell.split("\n"))
            shown = "<br>".join([first, *(f"<small>{line}</small>" for line in below)])
            yield f'<th scope="row">{shown}</th>' if index == self.head else f"<td>{shown}</td>"


def table(*results, folder=None):
    """Show what was measured of one or more claims.

    Args:
        results: names of results such as "dense-global" or "dense-global.mnist"; without any, all there are.
        folder: where the results are; without it, those that come with the package.

    Returns:
        A `Table`, which a notebook shows, folded, when it is the last thing in a cell. A result whose experiment has
        changed since it was measured is marked stale; seeds that failed are named.

    Raises:
        ValueError: if there is no such result, or its file is broken.

    Example:
        >>> table("dense-global").rows[0][1]
        '10'
    """
    chosen = [read(name, folder) for name in (results or names(folder))]
    if len(chosen) == 1:
        return Table(
            f"{chosen[0]['claim']}: {chosen[0]['sentence']} Measured on {chosen[0]['data']['source']}.",
            tuple(_rows(chosen[0], "")),
            tuple(_notes(chosen[0], "")),
            summary=_summary(chosen),
        )
    labels = [f"{result['claim']} ({result['data']['kind']}): " for result in chosen]
    pairs = list(zip(chosen, labels, strict=True))
    return Table(
        "What was measured of the lecture's claims",
        tuple(row for result, label in pairs for row in _rows(result, label)),
        tuple(note for result, label in pairs for note in _notes(result, label)),
        summary=_summary(chosen),
    )


def _summary(results):
    """How many seeds there were and what came of the effects, in the order of the verdicts."""
    seeds = sorted({sum("error" not in entry for entry in result["seeds"]) for result in results})
    found = collections.Counter(effect["verdict"] for result in results for effect in result["effects"])
    counted = ", ".join(f"{found[verdict]} {verdict}" for verdict in VERDICTS if found[verdict])
    return f"The evidence, {' or '.join(map(str, seeds))} seeds: {counted}"


def _rows(result, label):
    """One row for each effect of a result."""
    stale = " (stale)" if is_stale(result) else ""
    for effect in result["effects"]:
        interval = " to ".join(map(_signed, effect["interval"])) if effect["interval"] else "needs two seeds"
        if effect["direction"] == "equal":
            matters = f"more than {effect['margin']:g}"
        else:
            matters = f"{'at most −' if effect['direction'] == 'less' else 'at least '}{effect['margin']:g}"
        yield (
            f"{label}{effect['meaning']}",
            str(effect["n"]),
            f"{_signed(effect['mean'])} {effect['unit']}" if effect["n"] else "not measured",
            interval,
            matters,
            effect["verdict"] + stale,
        )


def _notes(result, label):
    """What a reader must know of one result: when and on what it was measured, and which seeds failed."""
    source = result["provenance"]
    yield (
        f"{label}measured on {source['date'][:10]} in {_duration(result)} on {source['device']}, Keras "
        f"{source['keras']} with {source['backend']}, commit {source['commit']}."
    )
    if result["data"]["same_test_pictures"]:
        yield f"{label}{_what_intervals_hold(result['effects'])}"
    if "backbone" in result["settings"]:
        yield f"{label}the pretrained base is {result['settings']['backbone']}, the same one for all seeds."
    if "verified" in source:
        again = source["verified"]
        yield (
            f"{label}verified on {again['date'][:10]} at commit {again['commit']}: seed {again['seed']}, measured "
            f"again, gave the recorded numbers within the spread of the seeds."
        )
    for entry in result["seeds"]:
        if "error" in entry:
            yield f"{label}seed {entry['seed']} failed and is not counted: {entry['error']}"
        if "note" in entry:
            yield f"{label}seed {entry['seed']}: {entry['note']}"
    if is_stale(result):
        yield (
            f"{label}stale: the experiment, or a file that it opens, has changed since it was measured, so the numbers "
            f"may no longer hold."
        )


def _duration(result):
    seconds = [entry.get("core_seconds") for entry in result["seeds"]]
    if None in seconds:
        return f"{result['provenance']['seconds'] / 60:.1f} minutes"
    return f"{sum(seconds) / 60:.1f} processor minutes"


def _what_intervals_hold(effects):
    """Of seeds that share their test pictures: in which rows the interval allows for other pictures."""
    counts = sorted({effect["pictures"] for effect in effects} - {None})
    rows = [str(row) for row, effect in enumerate(effects, start=1) if effect["pictures"] is None]
    if not counts:
        return "all seeds share their test pictures, so the intervals hold the luck of the seeds only."
    pictures = f"the {' or '.join(map(str, counts))} test pictures, which all seeds share"
    but = (
        f"; {'that' if len(rows) == 1 else 'those'} of row {' and '.join(rows)} only that of the seeds" if rows else ""
    )
    return f"the intervals hold the luck of the seeds and that of {pictures}{but}."


def _signed(number):
    return f"{np.round(number, 3) + 0.0:+.3f}".replace("-", "−")


def overview(known=None):
    """Show what is known of every claim of the lecture.

    Args:
        known: list of `Standing`; without it, the `standings` of the results that come with the package.

    Returns:
        A `Table` with a row for each of them.

    Example:
        >>> overview().rows[0][:2]
        ('1', 'Conv2D and MaxPooling2D give 3D tensors: height, width, channels')
    """
    rows = [
        (
            ", ".join(map(str, each.claim.chapters)),
            "\n".join(filter(None, (each.claim.sentence, each.claim.correction, each.claim.condition))),
            each.verdict.replace("; ", "\n"),
        )
        for each in known or standings()
    ]
    return Table("The lecture's claims, and what came of them", tuple(rows), (), OVERVIEW_COLUMNS, head=1)
