"""Two recipes from scratch on real photos: what tests/bench_recipes.py leaves in `results/recipes`.

One JSON file to a whole training, RECIPE-SEED.json, and pace.json: the seconds of all recipes, measured in one run.
"""

import json

from convbook.evidence.results import results_folder

_TRAINING = {"recipe": str, "seed": int, "test": float, "epochs": int, "best_epoch": int, "precision": str}


def trainings(folder=None):
    """Read what became of each recipe, seed by seed.

    Args:
        folder: where the files are; without it, those that come with the package.

    Returns:
        A dict from a recipe's name to a list of its trainings in the order of their seeds. Each is a dict with the
        recipe, its seed, "test", the accuracy on the test photos of the epoch with the lowest validation loss, that
        epoch (best_epoch, from 1), the number of epochs, and in which precision it was computed.

    Raises:
        ValueError: if there are none, or if a file is broken; the message names the remedy.

    Example:
        >>> sorted(trainings())
        ['book', 'book-augmented', 'ours', 'ours-augmented']
    """
    by_recipe = {}
    for path in sorted(recipes_folder(folder).glob("*-*.json")):
        training = _read(path)
        broken = [name for name, kind in _TRAINING.items() if not isinstance(training.get(name), kind)]
        if broken or path.stem != f"{training['recipe']}-{training['seed']}" or not 0 <= training["test"] <= 1:
            raise ValueError(f"{path} holds no training of its name ({', '.join(broken) or 'another one'}); {_REMEDY}.")
        by_recipe.setdefault(training["recipe"], []).append(training)
    if not by_recipe:
        raise ValueError(f"There are no trainings in {recipes_folder(folder)}; {_REMEDY}.")
    return {name: sorted(found, key=lambda training: training["seed"]) for name, found in by_recipe.items()}


def pace(folder=None):
    """Read how long the recipes take on one machine, from epochs of all of them in turn.

    Args:
        folder: where the file is; without it, the one that comes with the package.

    Returns:
        A dict: "seconds", from a recipe's name to a list of seconds of all its epochs without validation, one for
        each round; "precision"; and the versions and the device that `describe_environment` names, with the date.

    Raises:
        ValueError: if there is no such file, or if it is broken; the message names the remedy.

    Example:
        >>> sorted(pace()["seconds"])
        ['book', 'book-augmented', 'ours', 'ours-augmented']
    """
    path = recipes_folder(folder) / "pace.json"
    measured = _read(path)
    seconds = measured.get("seconds")
    rounds = {len(each) for each in seconds.values()} if isinstance(seconds, dict) else ()
    if len(rounds) != 1 or 0 in rounds:
        raise ValueError(f"{path} does not hold equally many seconds of each recipe; {_REMEDY}.")
    return measured


_REMEDY = "restore it, or measure again with `python tests/bench_recipes.py`"


def recipes_folder(folder=None):
    """Name the folder that the files are in: below `folder`, or else in the package."""
    return results_folder(folder) / "recipes"


def _read(path):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"There is no {path}; {_REMEDY}.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no JSON ({error}); {_REMEDY}.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is no JSON object; {_REMEDY}.")
    return content
