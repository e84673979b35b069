"""Measured results: how they are kept, judged and shown.

A result is one JSON file in `convbook/results`: `<claim>.json` for the experiment's first kind of data,
`<claim>.<kind>.json` for each further one, and `<claim>.<kind>.<base>.json` for another pretrained base than the
experiment's own.

    format                      1
    claim, sentence, chapter    the id, the lecture's claim in words, the number of the chapter that states it
    data                        {"kind": …, "source": …}
    settings                    everything that was decided before the reported seeds ran
    seeds                       [{"seed": 0, "seconds": 12.5, "numbers": {name: a number or a list of numbers}}, …];
                                a seed that failed has "error": "…" in the place of its numbers
    effects                     the fields of each `Effect`, and what follows from the seeds: differences (of - minus,
                                seed by seed), n, mean, interval (95 %), verdict
    experiment                  "module:NAME" of the `Experiment` in this package
    syntax_hash                 hash of that experiment and of all code of this package that it uses
    provenance                  versions, backend, device, seconds, commit, date (UTC); where later code measured a seed
                                again and agreed, "verified": the same of that seed, and its number

What can be computed is not believed: `read` computes the effects again from the seeds and refuses a file that differs.

    verdicts     Effect, interval, verdict, judge
    results      read, write, values, names, is_stale, check
    provenance   syntax_hash, commit
    claims       CLAIMS, standings
    tables       table, overview
    recipes      trainings, pace: two recipes on real photos, which are not judged as a claim
"""

from convbook.evidence.claims import CLAIMS, Claim, Standing, standings
from convbook.evidence.provenance import commit, followed_files, syntax_hash
from convbook.evidence.recipes import pace, recipes_folder, trainings
from convbook.evidence.results import (
    FORMAT,
    check,
    is_stale,
    names,
    read,
    results_folder,
    values,
    write,
)
from convbook.evidence.tables import Table, overview, table
from convbook.evidence.verdicts import DIRECTIONS, Effect, interval, judge, verdict

__all__ = [
    "CLAIMS",
    "DIRECTIONS",
    "FORMAT",
    "Claim",
    "Effect",
    "Standing",
    "Table",
    "check",
    "commit",
    "followed_files",
    "interval",
    "is_stale",
    "judge",
    "names",
    "overview",
    "pace",
    "read",
    "recipes_folder",
    "results_folder",
    "standings",
    "syntax_hash",
    "table",
    "trainings",
    "values",
    "verdict",
    "write",
]
