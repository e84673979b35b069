"""Commands of the book: `python -m convbook evidence` measures what the lecture claims."""

import argparse
import logging
import os
import sys


def main(arguments=None):
    """Run one command.

    Args:
        arguments: words of the command line; without them, those that Python was started with.

    Returns:
        The exit status: 0 if all went well, 1 if something failed, 2 for a command that cannot be understood, 130 if
        it was stopped by Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\nStopped. Seeds that were finished are kept: the same command goes on from there.", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"python -m convbook: {error}", file=sys.stderr)
        return 1


def measure_evidence(options):
    """Measure claims and write their results.

    Args:
        options: parsed command line with claims, seeds, data, folder, fresh and list.

    Returns:
        0, or 1 if a seed failed or fewer than two succeeded.

    Raises:
        ValueError: if a claim or a kind of data is unknown, or too few seeds succeeded.
    """
    # TensorFlow's C++ notes would tear the progress bar; the variable counts only before the first import.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from convbook import evidence
    from convbook.experiments import load_experiments, run_experiment

    # It also warns that many models are built, which is what an experiment does.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    experiments = load_experiments()
    if options.list:
        for claim, experiment in experiments.items():
            print(f"{claim}  ({', '.join(experiment.data)})  chapter {experiment.chapter}\n    {experiment.sentence}")
        return 0
    unknown = [claim for claim in options.claims if claim not in experiments]
    if unknown:
        raise ValueError(f"no experiment measures {', '.join(unknown)}; there are: {', '.join(experiments)}")
    chosen = [experiments[claim] for claim in options.claims or experiments]
    if not options.claims and options.data:
        chosen = [experiment for experiment in chosen if options.data in experiment.data]
    names = [experiment.result_name(options.data) for experiment in chosen]  # refuses before minutes are spent
    if not chosen:
        raise ValueError(f"no experiment uses the data {options.data!r}; `evidence --list` shows what there is")

    failed = False
    for name, experiment in zip(names, chosen, strict=True):
        result = run_experiment(
            experiment,
            options.data,
            range(options.seeds),
            options.folder,
            options.fresh,
            track=lambda seeds, name=name: _progress(name, seeds),
            report=_tell,
        )
        failed = failed or any("error" in entry for entry in result["seeds"])
        print(evidence.table(name, folder=options.folder), end="\n\n")
    return 1 if failed else 0


def _progress(name, seeds):
    from tqdm import tqdm

    # Seeds take long and differ little: the first estimate after one seed is already a good one.
    return tqdm(seeds, desc=name, unit="seed", dynamic_ncols=True)


def _tell(sentence):
    from tqdm import tqdm

    tqdm.write(sentence, file=sys.stderr)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m convbook", description="Commands of the book on convnets.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    evidence = commands.add_parser(
        "evidence",
        help="measure what the lecture claims, with several seeds",
        description="Train the networks behind the lecture's claims, each with several seeds, and write what was "
        "measured to JSON files that the chapters show. Stop it with Ctrl-C at any time: the same command goes on "
        "after the last finished seed.",
        epilog="example: python -m convbook evidence dense-global --seeds 10",
    )
    evidence.set_defaults(run=measure_evidence)
    evidence.add_argument("claims", nargs="*", metavar="CLAIM", help="ids of claims; without any, all of them")
    evidence.add_argument("--seeds", type=_seeds, default=5, metavar="N", help="measure seeds 0 to N-1 (default: 5)")
    evidence.add_argument("--data", metavar="KIND", help="kind of data, for example digits or mnist (see --list)")
    evidence.add_argument("--folder", metavar="FOLDER", help="write the results there instead of into the package")
    evidence.add_argument("--fresh", action="store_true", help="measure again what is already measured")
    evidence.add_argument("--list", action="store_true", help="list the claims and their kinds of data, and stop")
    return parser


def _seeds(text):
    if not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is too few; an interval needs a whole number of at least 2 seeds")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
