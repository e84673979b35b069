"""Part three, pretrained models: what a base knows of classes that it has never seen, and where that comes from."""

import keras
import numpy as np
from scipy.special import softmax

from convbook import backbones, drawings
from convbook.evidence import Effect
from convbook.experiments import Experiment
from convbook.experiments.data import DRAWN_PETS, FEW_PETS, SMALL_DRAWINGS, draw_parts
from convbook.experiments.probes import features_of, outputs, principal_components, probe, similarity
from convbook.experiments.training import full_batches

BASES = ("drawn_world", "drawn_things")
PETS_RECIPE = FEW_PETS | {"size_px": 64}
PARTS_SEED = 1_000_000  # the bases were pretrained on drawings of smaller seeds
BATCH_SIZE = 64


def untrain(backbone, seed, images):
    """Build a backbone of the same shape with random weights, and run some float32 pictures through it.

    Batch normalization without data divides by 1; so the pictures set its means and variances, and nothing else.
    Without that, the random base would be worse than it needs to be.
    """
    keras.utils.set_random_seed(seed)
    random = backbone.__class__.from_config(backbone.get_config())
    for layer in random.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.5
    for _ in range(15):  # deeper layers settle after those before them
        random(images, training=True)
    return random


def measure_generic(seed, settings):
    """Train the same probe on the features of two pretrained bases, of a random one, and on pixels."""
    parts = draw_parts(drawings.PETS, seed, settings, PARTS_SEED)
    numbers = {}
    for name in BASES:
        backbone, converter = backbones.load(name)
        numbers[name] = probe(features_of(backbone, parts, converter))
    random = untrain(backbone, seed, converter(parts["train"][0][:128].astype("float32")))
    numbers["random"] = probe(features_of(random, parts, converter))
    pixels = {part: (images.reshape(len(images), -1) / 255, labels) for part, (images, labels) in parts.items()}
    return numbers | {"pixels": probe(pixels)}


GENERIC = Experiment(
    claim="generic",
    sentence="Features learned on one set of classes are useful for classes that the network has never seen.",
    chapter=8,
    measure=measure_generic,
    settings=PETS_RECIPE,
    data={"drawn": {}},
    sources={"drawn": DRAWN_PETS},
    effects={
        Effect("world-beats-random", "drawn_world", "random", margin=0.02): "A linear classifier tells cats from dogs "
        "better on the features of a base that saw 46 other kinds than on those of a random base",
        Effect("world-beats-pixels", "drawn_world", "pixels", margin=0.02): "The same against a linear classifier on "
        "pixels",
        Effect("things-beats-random", "drawn_things", "random", margin=0.02): "The features of a base that saw 16 "
        "things and no animal are better than those of a random base",
        Effect("things-beats-pixels", "drawn_things", "pixels", margin=0.02): "The same against a linear classifier on "
        "pixels",
    },
)


def measure_no_old_classifier(seed, settings):
    """Train a new classifier on a base's features, and on what its old classifier says, with equally many numbers.

    For both bases: on all features, on as many of their principal directions and of random directions as the base has
    old classes, and on the old classifier's logits and probabilities.
    """
    parts = draw_parts(drawings.PETS, seed, settings, PARTS_SEED)
    numbers = {}
    for name in BASES:
        classifier = backbones.load_classifier(name)
        features = features_of(classifier.backbone, parts, classifier.preprocessor)
        kernel, bias = classifier.layers[-1].get_weights()
        logits = {part: (rows @ kernel + bias, labels) for part, (rows, labels) in features.items()}
        directions = np.random.default_rng(seed).normal(size=kernel.shape)
        numbers |= {
            f"{name}_features": probe(features),
            f"{name}_logits": probe(logits),
            f"{name}_probabilities": probe(
                {part: (softmax(x, axis=1), labels) for part, (x, labels) in logits.items()}
            ),
            f"{name}_principal": probe(principal_components(features, kernel.shape[1])),
            f"{name}_random": probe({part: (x @ directions, labels) for part, (x, labels) in features.items()}),
        }
    return numbers


NO_OLD_CLASSIFIER = Experiment(
    claim="no-old-classifier",
    sentence="Reusing the dense classifier should be avoided: what it represents is specific to the old classes.",
    chapter=8,
    measure=measure_no_old_classifier,
    settings=PETS_RECIPE,
    data={"drawn": {}},
    sources={"drawn": DRAWN_PETS},
    effects={
        Effect(
            "features-beat-probabilities", "drawn_world_principal", "drawn_world_probabilities", margin=0.02
        ): "A new classifier is better on 46 numbers of the base's features (their principal directions) than on the "
        "46 probabilities of its old classifier",
        Effect(
            "features-beat-logits", "drawn_world_principal", "drawn_world_logits", margin=0.02
        ): "The same against the 46 logits, from which the probabilities are computed",
        Effect(
            "things-features-beat-probabilities", "drawn_things_principal", "drawn_things_probabilities", margin=0.02
        ): "With the base that saw 16 things and no animal: 16 numbers of its features against 16 probabilities",
        Effect(
            "things-features-beat-logits", "drawn_things_principal", "drawn_things_logits", margin=0.02
        ): "With that base: 16 numbers of its features against 16 logits",
        Effect(
            "all-beat-probabilities", "drawn_world_features", "drawn_world_probabilities", margin=0.02
        ): "All 256 features of the base against the 46 probabilities, as one would use them",
    },
)


RANGES = {
    "minus_1_to_1": lambda images: images / 127.5 - 1,
    "0_to_1": lambda images: images / 255,
    "0_to_255": lambda images: images,
}


def measure_converter(seed, settings):
    """Give a base pixels in the range that it was pretrained on, -1 to 1, and in two others.

    For each range: a probe for cats and dogs that is trained and tested on it, one that is trained on the right range
    and tested on this one, and the old classifier on old kinds.
    """
    parts = draw_parts(drawings.PETS, seed, settings, PARTS_SEED)
    classifier = backbones.load_classifier(settings["base"])
    old = {"old": drawings.draw_set(drawings.WORLD, settings["old_pictures"], 2_000_000 + 1000 * seed, progress=False)}
    kernel, bias = classifier.layers[-1].get_weights()
    right = features_of(classifier.backbone, parts, RANGES["minus_1_to_1"])
    numbers = {}
    for name, prepare in RANGES.items():
        features = features_of(classifier.backbone, parts, prepare)
        rows, labels = features_of(classifier.backbone, old, prepare)["old"]
        numbers[f"trained_{name}"] = probe(features)
        numbers[f"served_{name}"] = probe(right, served=features["test"][0])
        numbers[f"old_{name}"] = float(((rows @ kernel + bias).argmax(axis=1) == labels).mean())
    return numbers


def _range_effects(kind, meaning):
    right = f"{kind}_minus_1_to_1"
    return {
        Effect(f"{kind}-0-to-1", right, f"{kind}_0_to_1", margin=0.02): f"{meaning} from 0 to 1",
        Effect(f"{kind}-0-to-255", right, f"{kind}_0_to_255", margin=0.02): f"{meaning} from 0 to 255",
    }


CONVERTER = Experiment(
    claim="converter",
    sentence="The ImageConverter rescales our input to match the pretrained checkpoint.",
    chapter=8,
    measure=measure_converter,
    settings={**PETS_RECIPE, "base": "drawn_world", "old_pictures": 20},
    data={"drawn": {}},
    sources={"drawn": DRAWN_PETS},
    effects={
        **_range_effects("trained", "A new classifier is better on pixels from -1 to 1 than one trained and tested"),
        **_range_effects("served", "A classifier trained on pixels from -1 to 1 gets worse when its pixels come"),
        **_range_effects("old", "The old classifier, on old kinds, gets worse when its pixels come"),
    },
)


# ---- large-enough and early-late: small bases, pretrained on the spot ----


def build_base(filters, num_classes, size_px):
    """Build a small convnet to pretrain: a 3x3 convolution to a stage, and 2x2 pooling between stages.

    From pictures with values from 0 to 255 to probabilities. The last layer of each stage is called stage_1, stage_2, …
    """
    image = keras.Input((size_px, size_px, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
    for stage, count in enumerate(filters, start=1):
        if stage > 1:
            x = keras.layers.MaxPooling2D(2)(x)
        x = keras.layers.Conv2D(count, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU(name=f"stage_{stage}")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(num_classes, activation="softmax")(x))


def pretrain(images, labels, seed, settings):
    """Pretrain a small base for a number of updates, however many pictures there are; see `build_base`.

    Pictures are uint8 (n, size_px, size_px, 3), labels count from 0; the rate falls to 0 along half a cosine.
    """
    keras.utils.set_random_seed(seed)
    model = build_base(settings["filters"], int(labels.max()) + 1, images.shape[1])
    rate = keras.optimizers.schedules.CosineDecay(settings["learning_rate"], settings["updates"])
    # What Keras chooses on a processor, written out so that a GPU runs the same program.
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", jit_compile=False)
    rng = np.random.default_rng(seed)
    for indices in full_batches(len(images), BATCH_SIZE, settings["updates"], rng):
        chosen = images[indices].astype("float32")
        flipped = rng.random(BATCH_SIZE) < 0.5
        chosen[flipped] = chosen[flipped, :, ::-1]
        model.train_on_batch(chosen, labels[indices])
    return model


def stage(model, number):
    """The part of a small base from its input to the end of a stage."""
    return keras.Model(model.input, model.get_layer(f"stage_{number}").output)


def measure_large_enough(seed, settings):
    """Pretrain bases on more and more pictures, and on more and more kinds, with equally many updates.

    On the features of each, and of a random base, a probe for cats and dogs is tested. Bases of more and more kinds see
    equally many pictures in all.
    """
    parts = draw_parts(drawings.PETS, seed, settings, PARTS_SEED)
    kinds = np.random.default_rng(seed).permutation(drawings.WORLD)
    numbers = {}
    first_seed = 3_000_000 + 10_000 * seed
    most = max(settings["pictures_per_kind"])
    images, labels = drawings.draw_set(tuple(kinds), most, first_seed, settings["size_px"], progress=False)
    for count in settings["pictures_per_kind"]:
        few = slice(count * len(kinds))  # kinds alternate, so these are equally many of each
        numbers[f"pictures_{count}"] = _probe_base(images[few], labels[few], parts, seed, settings)
    for count in settings["kinds"]:
        per_kind = settings["pictures_in_all"] // count
        sample = drawings.draw_set(tuple(kinds[:count]), per_kind, first_seed, settings["size_px"], progress=False)
        numbers[f"kinds_{count}"] = _probe_base(*sample, parts, seed, settings)
    random = pretrain(images, labels, seed, {**settings, "updates": 15, "learning_rate": 0.0})
    return numbers | {"random": probe(features_of(stage(random, len(settings["filters"])), parts))}


def _probe_base(images, labels, parts, seed, settings):
    base = pretrain(images, labels, seed, settings)
    return probe(features_of(stage(base, len(settings["filters"])), parts))


SMALL_BASE = {"size_px": 32, "filters": (16, 32, 64, 128), "learning_rate": 3e-3, "updates": 500}
LARGE_ENOUGH = Experiment(
    claim="large-enough",
    sentence="If the original data set is large enough, the features learned on it are a generic model of the visual "
    "world.",
    chapter=8,
    measure=measure_large_enough,
    settings={
        **PETS_RECIPE,
        **SMALL_BASE,
        "pictures_per_kind": (4, 16, 64, 256),
        "pictures_in_all": 46 * 64,
        "kinds": (2, 8),  # all 46 are there already: pictures_64
    },
    data={"drawn": {}},
    sources={"drawn": SMALL_DRAWINGS},
    effects={
        Effect("more-pictures", "pictures_256", "pictures_4", margin=0.02): "A base that saw 256 pictures of each of "
        "46 kinds serves cats and dogs better than one that saw 4 of each, after equally many updates",
        Effect("more-kinds", "pictures_64", "kinds_2", margin=0.02): "A base that saw 46 kinds serves them better than "
        "one that saw 2, with equally many pictures in all",
        Effect("few-beat-none", "pictures_4", "random", margin=0.02): "Even 4 pictures of each kind make a better base "
        "than random weights",
        Effect("still-rising", "pictures_256", "pictures_64", margin=0.02): "From 64 to 256 pictures of each kind "
        "there is still something to gain",
    },
)


def measure_early_late(seed, settings):
    """Compare, stage by stage, two bases that saw different kinds with two that saw the same kinds.

    All bases see other pictures and start from other weights. The features that are compared are those of cats and
    dogs, which none of them has seen.

    Returns after each stage s the similarity (CKA) of two bases of the same kinds, same_s, of different kinds,
    different_s, and their quotient, relative_s; and the test accuracy of probes for the base's own kinds, old_s, for
    those of the other half, new_s, and the difference, lead_s; each the mean of two bases.
    """
    kinds = np.random.default_rng(seed).permutation(drawings.WORLD)
    halves = tuple(kinds[: len(kinds) // 2]), tuple(kinds[len(kinds) // 2 :])
    bases = [_half_base(halves[half], 3 * seed + index, settings) for index, half in enumerate((0, 0, 1))]
    pets, _ = drawings.draw_set(drawings.PETS, settings["compared"] // 2, 4_000_000 + seed * 1000, 32, progress=False)
    quizzes = [draw_parts(half, seed, settings, PARTS_SEED) for half in halves]
    numbers = {}
    for number in range(1, len(settings["filters"]) + 1):
        first, again, other = (stage(base, number) for base in bases)
        maps = [outputs(each, pets) for each in (first, again, other)]
        same, different = similarity(maps[0], maps[1]), similarity(maps[0], maps[2])
        old = np.mean([probe(features_of(first, quizzes[0])), probe(features_of(other, quizzes[1]))])
        new = np.mean([probe(features_of(first, quizzes[1])), probe(features_of(other, quizzes[0]))])
        numbers |= {f"same_{number}": same, f"different_{number}": different, f"relative_{number}": different / same}
        numbers |= {f"old_{number}": old, f"new_{number}": new, f"lead_{number}": old - new}
    return numbers


def _half_base(half, seed, settings):
    """A base pretrained on some kinds, with pictures that no other seed has."""
    count = settings["pictures_per_kind"]
    images, labels = drawings.draw_set(half, count, 5_000_000 + 1000 * seed, settings["size_px"], progress=False)
    return pretrain(images, labels, seed, settings)


EARLY_LATE = Experiment(
    claim="early-late",
    sentence="Earlier layers extract local, highly generic feature maps; higher ones extract more abstract concepts.",
    chapter=8,
    measure=measure_early_late,
    settings={
        **SMALL_BASE,
        "pictures_per_kind": 128,
        "compared": 500,
        "train_pictures": 20,
        "validation_pictures": 10,
        "test_pictures": 20,
    },
    data={"drawn": {}},
    sources={"drawn": SMALL_DRAWINGS},
    effects={
        Effect(
            "similarity-falls", "relative_1", "relative_4", margin=0.05, unit="relative similarity"
        ): "Two bases that saw different kinds are alike in their first stage and less so in their last, relative to "
        "two that saw the same kinds",
        Effect("old-rises", "old_4", "old_1", margin=0.02): "A probe for the base's own kinds is better after the last "
        "stage than after the first",
        Effect("new-rises", "new_4", "new_1", margin=0.02): "So is a probe for kinds that the base has never seen",
        Effect("lead-grows", "lead_4", "lead_1", margin=0.02): "The lead of the base's own kinds over new ones grows "
        "from the first stage to the last",
    },
)

EXPERIMENTS = (GENERIC, LARGE_ENOUGH, EARLY_LATE, NO_OLD_CLASSIFIER, CONVERTER)
