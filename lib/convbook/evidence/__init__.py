"""Measured results: how they are kept, judged and shown.

A result is one JSON file in `convbook/results`: `<claim>.json` for the experiment's first kind of data,
`<claim>.<kind>.json` for each further one, and `<claim>.<kind>.<base>.json` for another pretrained base than the
experiment's own.

    format                      2
    claim, sentence, chapter    the id, the lecture's claim in words, the number of the chapter that states it
    data                        {"kind": …, "source": …}
    settings                    everything that was decided before the reported seeds ran
    seeds                       [{"seed": 0, "seconds": 12.5, "numbers": {name: a number or a list of numbers}}, …];
                                a seed that failed has "error": "…" in the place of its numbers; "note": "…" tells
                                what has to be known of a seed
    effects                     the fields of each `Effect`, and what follows from the seeds that have its numbers:
                                differences (of - minus, seed by seed), n, mean, interval (95 %; null where n < 2),
                                verdict
    experiment                  "module:NAME" of the `Experiment` in this package
    experiment_hash             hash of all that decides the numbers: code, settings, and bytes of the package's files
    provenance                  versions, backend, device, seconds, commit, date (UTC), and for a pretrained base that
                                does not come with the package "base", the hash of its settings and weights. Where
                                later code measured a seed again and agreed, "verified": the same of that seed, and its
                                number. "not recorded" stands for what was not asked for when the seeds were measured

What can be computed is not believed: `read` computes the effects again from the seeds and refuses a file that differs.

    verdicts     Effect, interval, verdict, judge
    results      read, write, values, names, is_stale, check
    provenance   experiment_hash, code_files, data_files, hash_base, is_packaged, commit
    claims       CLAIMS, standings
    tables       table, overview
"""

from convbook.evidence.claims import CLAIMS, Claim, Standing, standings
from convbook.evidence.provenance import (
    METADATA,
    code_files,
    commit,
    data_files,
    experiment_hash,
    hash_base,
    is_packaged,
)
from convbook.evidence.results import FORMAT, NOT_RECORDED, check, is_stale, names, read, results_folder, values, write
from convbook.evidence.tables import Table, overview, table
from convbook.evidence.verdicts import DIRECTIONS, Effect, interval, judge, verdict

__all__ = [
    "CLAIMS",
    "DIRECTIONS",
    "FORMAT",
    "METADATA",
    "NOT_RECORDED",
    "Claim",
    "Effect",
    "Standing",
    "Table",
    "check",
    "code_files",
    "commit",
    "data_files",
    "experiment_hash",
    "hash_base",
    "interval",
    "is_packaged",
    "is_stale",
    "judge",
    "names",
    "overview",
    "read",
    "results_folder",
    "standings",
    "table",
    "values",
    "verdict",
    "write",
]
