"""Training of the book's own network from scratch for photos, for the page: chapter 7's best recipe, made smaller."""

import base64
from collections.abc import Callable

from convbook.backbones import photo_network
from convbook.environment import describe_environment, now
from convbook.experiments import recipes
from convbook.experiments.data import all_photos
from convbook.experiments.training import accuracy
from convbook.files import write_atomically

SIZE_PX, SEED = 128, 0
CLASSES = ("cat", "dog")
# Of the recipe on 180x180 pixels the last two convolutions are narrower, so that the page has less to load.
RECIPE = recipes.SETTINGS["recipes"]["ours_augmented"] | {
    "build": recipes.OURS["build"] | {"filters": (32, 64, 96, 160)},
}


def pretrain(path=photo_network.OWN_FILE, recipe=RECIPE, size_px=SIZE_PX, report: Callable = print):
    """Train the network on all training photos and write it into one file, replaced in one step.

    Args:
        path: the file.
        recipe: as in `convbook.experiments.recipes`.
        size_px: height and width of the photos that it sees.
        report: function that is given sentences about what is done.

    Returns:
        The training log as a dict, see `photo_network.read_training_log`. The file holds it with the network.

    Raises:
        OSError: if there are no photos, or the file cannot be written.
    """
    parts = all_photos(size_px)
    counts = {part: len(labels) for part, (_, labels) in parts.items()}
    report(f"Training on {counts['train']} photos, {recipe['epochs']} epochs: about a quarter of an hour of one core.")
    with recipes.precision(recipes.SETTINGS["precision"]):
        model, log = recipes.train(recipe, parts, SEED)
    exact = recipes.build(recipe, size_px, counts["train"], SEED)
    exact.set_weights(model.get_weights())
    packed = photo_network.pack_convnet(exact, CLASSES)
    networks = {"float32": exact, "int8": photo_network.unpack(packed)}
    log["test_accuracy"] = {name: accuracy(network, *parts["test"]) for name, network in networks.items()}
    log["test_accuracy"]["as trained"] = log.pop("test")
    log |= {"made_by": "python -m convbook pretrain cats_and_dogs", "recipe": recipe, "seed": SEED, "size_px": size_px}
    log |= {"photos": counts, "environment": describe_environment(), "finished": now()}
    write_atomically(log | {"network": base64.b64encode(packed).decode("ascii")}, path)
    share = log["test_accuracy"]["int8"]
    report(f"Right of {counts['test']} test photos: {share:.3f}. Wrote {path}, {path.stat().st_size // 1000} kB.")
    return log
