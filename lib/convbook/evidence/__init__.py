"""Measured results: how they are kept, judged and shown.

A result is one JSON file in `convbook/results`: `<claim>.json` for the experiment's first kind of data,
`<claim>.<kind>.json` for each further one, and `<claim>.<kind>.<base>.json` for another pretrained base than the
experiment's own.

    format                      2
    claim, sentence, chapter    the id, the lecture's claim in words, the number of the chapter that states it
    data                        {"kind": …, "source": …, "same_test_pictures": whether all seeds are tested on the same}
    settings                    everything that was decided before the reported seeds ran
    seeds                       [{"seed": 0, "seconds": 12.5, "core_seconds": 23.1 (all processor cores together; not
                                recorded for the oldest), "numbers": {name: a number or a list of numbers}}, …];
                                with the same test pictures "answers": {name: which of them a number counts as right,
                                see `pack_answers`}, where they were kept; a seed that failed has "error": "…" in the
                                place of its numbers; "note": "…" tells what has to be known of a seed
    effects                     the fields of each `Effect`, and what follows from the seeds that have its numbers:
                                differences (of - minus, seed by seed), n, pictures (number of test pictures whose
                                luck the interval holds beside that of the seeds; null where it holds none), mean,
                                interval (95 %; null where n < 2), verdict
    experiment                  "module:NAME" of the `Experiment` in this package
    experiment_hash             hash of all that decides the numbers: code, settings, and bytes of the package's files
    provenance                  versions, backend, device, seconds, commit, date (UTC), and for a pretrained base that
                                does not come with the package "base", the hash of its settings and weights. Where
                                later code measured a seed again and agreed, "verified": the same of that seed, and its
                                number. "not recorded" stands for what was not asked for when the seeds were measured

What can be computed is not believed: `read` computes the effects again from the seeds and refuses a file that differs.

    answers      pack_answers, unpack_answers
    verdicts     VERDICTS, Effect, interval, verdict, judge
    results      read, write, values, names, is_stale, check
    provenance   experiment_hash, code_files, data_files, hash_base, is_packaged, commit
    claims       CLAIMS, standings
    tables       table, overview
"""

from convbook.evidence.answers import pack_answers, unpack_answers
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
from convbook.evidence.verdicts import DIRECTIONS, VERDICTS, Effect, interval, judge, verdict

__all__ = [
    "CLAIMS",
    "DIRECTIONS",
    "FORMAT",
    "METADATA",
    "NOT_RECORDED",
    "VERDICTS",
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
    "pack_answers",
    "read",
    "results_folder",
    "standings",
    "table",
    "unpack_answers",
    "values",
    "verdict",
    "write",
]
