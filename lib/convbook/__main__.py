"""Commands of the book: get its photos, pretrain its bases, measure what the lecture claims, name its repository."""

import argparse
import logging
import os
import shutil
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
    """Put cats and dogs on disk, photos or drawings, or photos of two other classes."""
    from convbook import photos, runs, settings

    settings.check_folders()
    numbers = vars(runs.RUNS[options.for_run])
    named = {part: getattr(options, part) for part in ("train", "validation", "test")}
    sizes = {part: number or numbers[f"{part}_pictures"] for part, number in named.items()}
    fewer = not any(named.values())
    pictures = photos.prepare(options.source, **sizes, folder=options.folder, seed=options.seed, fewer=fewer)
    print(f"{pictures.source}\n{pictures.folder}")
    print(f"    classes     {', '.join(pictures.class_names)}")
    for part, counts in pictures.counts.items():
        print(f"    {part:10}  {', '.join(f'{count} {label}' for label, count in counts.items())}")
    left_out = {reason: count for reason, count in pictures.dropped.items() if count}
    if left_out:
        print(f"    left out    {', '.join(f'{count} {reason}' for reason, count in left_out.items())}")
    if options.folder:
        print(f"To take them in the chapters, set CONVBOOK_PHOTOS to {Path(options.folder).expanduser().absolute()}.")
    return 0


def pretrain_base(options):
    """Train one of the book's bases from scratch, and write it as a preset; or a small net that pages carry."""
    _prepare_tensorflow()
    if options.base == "cats_and_dogs":
        from convbook import photo_pretraining
        from convbook.backbones.photo_network import OWN_FILE

        photo_pretraining.pretrain(Path(options.folder or OWN_FILE.parent) / OWN_FILE.name)
        return 0
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
    """Measure claims and write their results, or verify results that there are; 1 if not all went well, else 0."""
    _prepare_tensorflow()
    from convbook import evidence
    from convbook.experiments import load_experiments
    from convbook.experiments.parallel import run_claims

    # It also warns that many models are built, which is what an experiment does.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    experiments = load_experiments()
    if options.list:
        for claim, experiment in experiments.items():
            print(f"{claim}  ({', '.join(experiment.data)})  chapter {experiment.chapter}\n    {experiment.sentence}")
        return 0
    requests = _requests(options, experiments)
    if options.folder:
        Path(options.folder).mkdir(parents=True, exist_ok=True)
    names = [experiments[each["claim"]].result_name(each["kind"], each["backbone"]) for each in requests]
    seeds = {name: 1 if options.verify else each["seeds"] for name, each in zip(names, requests, strict=True)}
    possible, succeeded = _with_their_photos(requests, experiments), set()
    with _progress(sum(seeds.values())) as bar:

        def report(event, name, what):
            if event == "seeds":
                bar.set_description(name)
                bar.update(seeds[name] - what)
            elif event == "seed":
                bar.update()
            elif event == "note":
                bar.write(what, file=sys.stderr)
            else:
                succeeded.update([name] if what else [])
                if options.verify:
                    bar.update()
                elif name in evidence.names(options.folder):
                    bar.write(f"{evidence.table(name, folder=options.folder)}\n")

        try:
            run_claims(possible, report, options.jobs or _default_jobs())
        finally:  # also where it was stopped
            rest = [name for name in names if name not in succeeded]
            if rest:
                what = "Not verified" if options.verify else "Without a result, or with a seed that failed"
                bar.write(f"{what}: {', '.join(rest)}.", file=sys.stderr)
    return 1 if rest else 0


def _with_their_photos(requests, experiments):
    """The requests whose pictures are there: photos are prepared once, and if they cannot be, that is said once."""
    from convbook import photos

    def needs_photos(request):
        settings = experiments[request["claim"]].settings_for(request["kind"], request["backbone"])
        return settings["kind"] == "photos"

    if not any(map(needs_photos, requests)):
        return requests
    try:
        found = photos.prepare("photos").class_names
        if found == ("cat", "dog"):
            return requests
        problem = (
            f"the claims are about cats and dogs, and CONVBOOK_PHOTOS names photos of {' and '.join(found)}; name a "
            f"folder with photos of cats and dogs"
        )
    except (ValueError, OSError) as error:
        problem = error
    print(f"python -m convbook: {problem}", file=sys.stderr)
    return [request for request in requests if not needs_photos(request)]


def _requests(options, experiments):
    """What is to be measured or verified, refused before minutes are spent if a part of it is impossible."""
    unknown = [claim for claim in options.claims if claim not in experiments]
    if unknown:
        raise ValueError(f"no experiment measures {', '.join(unknown)}; there are: {', '.join(experiments)}")
    chosen = (_to_verify if options.verify else _to_measure)(options, experiments)
    if not chosen and options.verify:
        raise ValueError("no such result can be verified; without --data, --backbone and claims, all are tried")
    if not chosen:
        what = f"the data {options.data!r}" if options.data else f"the base {options.backbone!r}"
        raise ValueError(f"no experiment uses {what}; `evidence --list` shows what there is")
    requests = []
    for claim, kind, backbone in chosen:
        experiments[claim].settings_for(kind, backbone)
        seeds = options.seeds or experiments[claim].seeds
        named = {"claim": claim, "kind": kind, "backbone": backbone, "seeds": seeds}
        requests.append({**named, **{name: getattr(options, name) for name in ("folder", "fresh", "verify")}})
    return requests


def _to_measure(options, experiments):
    """(claim, kind, backbone) of the claims that were named, or of all that have such data and such a base."""
    claims = options.claims or [
        claim
        for claim, experiment in experiments.items()
        if options.data in (None, *experiment.data)
        and not experiment.only_if_named
        and (not options.backbone or "backbone" in experiment.settings_for(options.data))
    ]
    return [(claim, options.data, options.backbone) for claim in claims]


def _to_verify(options, experiments):
    """(claim, kind, backbone) of the results with these claims, this kind of data and this base.

    Without a base these are all whose base comes with the package, or that have none. The others are named, and so is
    what takes so long that it is verified only where it is asked for.
    """
    from convbook import evidence

    chosen, unasked, elsewhere = [], [], {}
    for name in evidence.names(options.folder):
        claim, kind, base = [*name.split(".", 2), None, None][:3]
        if claim not in (options.claims or experiments) or options.data not in (None, experiments[claim].kind(kind)):
            continue
        if experiments[claim].only_if_named and not options.claims:
            unasked.append(name)
        elif options.backbone:
            # A base that is a folder stands in the name with its last part alone.
            chosen += [(claim, kind, options.backbone)] if Path(options.backbone).name == base else []
        elif base is None or evidence.is_packaged(base):
            chosen.append((claim, kind, base))
        else:
            elsewhere.setdefault(base, []).append(name)
    if unasked:
        print(f"Not verified, unless you name them: {', '.join(unasked)}.", file=sys.stderr)
    for base, results in elsewhere.items():
        print(
            f"Not verified: {', '.join(results)}. They need a base that does not come with the package: name it with "
            f"--backbone FOLDER/{base}. CONTRIBUTING.md says how such a folder is made.",
            file=sys.stderr,
        )
    return chosen


def _default_jobs():
    """One process to a core; one in all where there is a GPU, whose memory a TensorFlow process takes whole."""
    return 1 if shutil.which("nvidia-smi") else os.cpu_count() or 1


def write_repository(options):
    """Write the address of the book's repository wherever the book names it."""
    from convbook.repository import set_repository

    changed = set_repository(options.url)
    print("\n".join(map(str, changed)) or "The book names this address already.")
    return 0


def _prepare_tensorflow():
    """Refuse what other work has set, keep TensorFlow's notes out of progress bars, and let oneDNN compute.

    The variables count only before the first import. TensorFlow takes oneDNN by itself on some processors only; without
    it convolutions need twice the time.
    """
    from convbook import settings

    settings.check()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def _progress(total):
    from tqdm import tqdm

    return tqdm(total=total, unit="seed", dynamic_ncols=True)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m convbook", description="Commands of the book on convnets.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_photos(commands)
    _add_pretrain(commands)
    _add_evidence(commands)
    _add_repository(commands)
    return parser


def _add_photos(commands):
    from convbook import runs

    photos = commands.add_parser(
        "photos",
        help="put cats and dogs on disk: photos, or drawings",
        description="Put cats and dogs on disk, split into training, validation and test pictures, for all chapters to "
        "use. Photos come from the first of these that has them: the folder that you name; what was prepared before; "
        "Kaggle, if you have a token; Microsoft's archive of the same photos (787 MB, no account needed). Your folder "
        "may hold photos of two other classes, and fewer of them. Broken photos and copies are left out and counted. "
        "Stop it with Ctrl-C at any time: nothing half-made stays, and a download goes on where it was.",
        epilog="example: python -m convbook photos --folder ~/Downloads/dogs-vs-cats",
    )
    photos.set_defaults(run=prepare_photos)
    photos.add_argument("--folder", metavar="FOLDER", help="a folder or zip archive of photos that you already have")
    photos.add_argument(
        "--drawn", action="store_const", dest="source", const="drawn", default="photos", help="draw them instead"
    )
    names = [run.name for run in runs.RUNS.values() if run.pictures == "photos"]
    text = "the run that the photos are for (default: full): it decides how many"
    photos.add_argument("--run", dest="for_run", choices=names, default="full", help=text)
    for part in ("train", "validation", "test"):
        text = f"another number of {part} pictures per class than the run's"
        photos.add_argument(f"--{part}", type=_whole, metavar="N", help=text)
    photos.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the split (default: 0, the book's)")


def _add_pretrain(commands):
    pretrain = commands.add_parser(
        "pretrain",
        help="train the book's own pretrained bases from scratch",
        description="Draw pictures of everything but cats and dogs, train a small Xception to tell them apart, and "
        "write it as a KerasHub preset with a log of its training. drawn_world takes about half an hour on two "
        "cores. Stop it with Ctrl-C at any time: the same command goes on after the last finished epoch. The small "
        "nets for digits take about two minutes, the convnet for photos about twenty; they begin anew.",
        epilog="example: python -m convbook pretrain drawn_world --folder my_base",
    )
    pretrain.set_defaults(run=pretrain_base)
    bases = ("drawn_world", "drawn_things", "digits", "cats_and_dogs")
    text = "drawn_world: animals and things; drawn_things: no animals; digits: a Dense net and a convnet for digits; "
    text += "cats_and_dogs: chapter 7's convnet, for which photos are needed"
    pretrain.add_argument("base", choices=bases, help=text)
    pretrain.add_argument("--folder", metavar="FOLDER", help="write the preset there instead of into the package")


def _add_evidence(commands):
    evidence = commands.add_parser(
        "evidence",
        help="measure what the lecture claims, with several seeds",
        description="Train the networks behind the lecture's claims, each with several seeds, and write what was "
        "measured to JSON files that the chapters show. Stop it with Ctrl-C at any time: the same command goes on "
        "after the last finished seed. Photos are those that `python -m convbook photos` prepared, or that the "
        "environment variable CONVBOOK_PHOTOS names.",
        epilog="example: python -m convbook evidence fine-tune-helps --data photos --backbone xception_41_imagenet",
    )
    evidence.set_defaults(run=measure_evidence)
    evidence.add_argument("claims", nargs="*", metavar="CLAIM", help="ids of claims; without any, all of them")
    evidence.add_argument(
        "--seeds", type=_seeds, metavar="N", help="measure seeds 0 to N-1 (default: as the claim asks for)"
    )
    evidence.add_argument("--data", metavar="KIND", help="kind of data, for example drawn or photos (see --list)")
    text = "a KerasHub preset or a folder with one, in the place of the experiments' own base; with --verify, only the "
    text += "results that were measured with it"
    evidence.add_argument("--backbone", metavar="PRESET", help=text)
    evidence.add_argument("--folder", metavar="FOLDER", help="write the results there instead of into the package")
    evidence.add_argument("--fresh", action="store_true", help="measure again what is already measured")
    text = "measure one seed of each result again, and mark it as valid for the code as it is now if the seed agrees"
    evidence.add_argument("--verify", action="store_true", help=text)
    text = "number of processes (default: one to a core; one where there is a GPU); with 1, seconds are undisturbed"
    evidence.add_argument("--jobs", type=_whole, metavar="N", help=text)
    evidence.add_argument("--list", action="store_true", help="list the claims and their kinds of data, and stop")


def _add_repository(commands):
    repository = commands.add_parser(
        "set-repository",
        help="write the repository's address into the site and the chapters",
        description="Make this book yours: write the address of your repository into _config.yml and into the setup "
        "cells of all notebooks, so that the buttons of the site and Colab find it. Run it in the book's folder.",
        epilog="example: python -m convbook set-repository https://github.com/OWNER/NAME",
    )
    repository.set_defaults(run=write_repository)
    repository.add_argument("url", metavar="URL", help="https://github.com/OWNER/NAME")


def _whole(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _seeds(text):
    if not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is too few; an interval needs a whole number of at least 2 seeds")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
