"""Commands of the book: get its photos, pretrain its bases, measure what the lecture claims."""

import argparse
import logging
import os
import sys
from pathlib import Path


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
        print("\nStopped. What was finished is kept: the same command goes on from there.", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"python -m convbook: {error}", file=sys.stderr)
        return 1


def prepare_photos(options):
    """Put cats and dogs on disk, photos or drawings.

    Args:
        options: parsed command line with source, folder, train, validation, test and seed.

    Returns:
        0.

    Raises:
        ValueError: if a number is out of range or a named folder is in no known form.
        PhotosError: if photos can be had nowhere.
    """
    from convbook import photos

    sizes = {part: getattr(options, part) for part in ("train", "validation", "test")}
    pictures = photos.prepare(options.source, **sizes, folder=options.folder, seed=options.seed)
    print(f"{pictures.source}\n{pictures.folder}")
    for part, counts in pictures.counts.items():
        print(f"    {part:10}  {', '.join(f'{count} {label}s' for label, count in counts.items())}")
    left_out = {reason: count for reason, count in pictures.dropped.items() if count}
    if left_out:
        print(f"    left out    {', '.join(f'{count} {reason}' for reason, count in left_out.items())}")
    return 0


def pretrain_base(options):
    """Train one of the book's bases from scratch, and write it as a preset; or the small nets for digits.

    Args:
        options: parsed command line with base and folder.

    Returns:
        0.

    Raises:
        ValueError: if a training by another recipe is half done there.
    """
    _quiet_tensorflow()
    if options.base == "digits":
        from convbook import digit_nets, digit_pretraining

        digit_pretraining.pretrain(Path(options.folder or digit_nets.FILE.parent) / digit_nets.FILE.name)
        return 0
    from convbook import pretraining
    from convbook.backbones.presets import PACKAGED_FOLDER

    folder = options.folder or PACKAGED_FOLDER / options.base
    pretraining.pretrain(pretraining.RECIPES[options.base], folder)
    return 0


def measure_evidence(options):
    """Measure claims and write their results.

    Args:
        options: parsed command line with claims, seeds, data, folder, fresh and list.

    Returns:
        0, or 1 if a seed failed or fewer than two succeeded.

    Raises:
        ValueError: if a claim or a kind of data is unknown, or too few seeds succeeded.
    """
    _quiet_tensorflow()
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


def _quiet_tensorflow():
    """Keep TensorFlow's C++ notes out of progress bars; the variable counts only before the first import."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


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
    _add_photos(commands)
    _add_pretrain(commands)
    _add_evidence(commands)
    return parser


def _add_photos(commands):
    photos = commands.add_parser(
        "photos",
        help="put cats and dogs on disk: photos, or drawings",
        description="Put cats and dogs on disk, split into training, validation and test pictures, for all chapters to "
        "use. Photos come from the first of these that has them: the folder that you name; what was prepared before; "
        "Kaggle, if you have a token; Microsoft's archive of the same photos (787 MB, no account needed). Broken "
        "photos and copies are left out and counted. Stop it with Ctrl-C at any time: nothing half-made stays, and a "
        "download goes on where it was.",
        epilog="example: python -m convbook photos --folder ~/Downloads/dogs-vs-cats",
    )
    photos.set_defaults(run=prepare_photos)
    photos.add_argument("--folder", metavar="FOLDER", help="a folder or zip archive of photos that you already have")
    photos.add_argument(
        "--drawn", action="store_const", dest="source", const="drawn", default="photos", help="draw them instead"
    )
    for part, count in (("train", 1000), ("validation", 500), ("test", 1000)):
        text = f"number of {part} pictures per class (default: {count})"
        photos.add_argument(f"--{part}", type=int, default=count, metavar="N", help=text)
    photos.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the split (default: 0, the book's)")


def _add_pretrain(commands):
    pretrain = commands.add_parser(
        "pretrain",
        help="train the book's own pretrained bases from scratch",
        description="Draw pictures of everything but cats and dogs, train a small Xception to tell them apart, and "
        "write it as a KerasHub preset with a record of how it was made. drawn_world takes about half an hour on two "
        "cores. Stop it with Ctrl-C at any time: the same command goes on after the last finished epoch. The small "
        "nets for digits take about two minutes, and begin anew.",
        epilog="example: python -m convbook pretrain drawn_world --folder my_base",
    )
    pretrain.set_defaults(run=pretrain_base)
    bases = ("drawn_world", "drawn_things", "digits")
    text = "drawn_world: animals and things; drawn_things: no animals; digits: a Dense net and a convnet for digits"
    pretrain.add_argument("base", choices=bases, help=text)
    pretrain.add_argument("--folder", metavar="FOLDER", help="write the preset there instead of into the package")


def _add_evidence(commands):
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


def _seeds(text):
    if not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is too few; an interval needs a whole number of at least 2 seeds")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
