"""The exercises: an unanswered stub is told so, the worked solution passes, a wrong answer is explained.

An exercise is three neighbouring cells: Markdown that opens with `### Exercise N: …` and folds a hint away; a code cell
with the metadata {"exercise": "module.check"}, a stub with `...` that ends with the call of that check in
convbook.checks; Markdown that folds the worked solution away, one ```python fence that ends with the same call.
It stands on what the chapter imports, and on nothing that the chapter computed.
"""

import ast
import importlib
import re
from typing import NamedTuple

import nbformat
import pytest
from chapters import (
    CHAPTERS,
    blocks_of_text,
    code,
    code_nodes,
    dotted_name,
    markdown,
    notebook,
    numbered,
    read_chapter,
    sections,
)

LEAST_EXERCISES = 3  # predict, change, build
LEAST_WRONG_ANSWERS = 2

MAXIMA, MEANS = "[[0, 12, 0, 0], [0, 0, -4, 0]]", "[[3, 3, -1, -1], [3, 3, -1, -1]]"
FIND_COPIES = """def answer(train_images, val_images):
    grey = [images.astype(float).mean(axis=3) for images in (val_images, train_images)]
    return [(v, t) for v, a in enumerate(grey[0]) for t, b in enumerate(grey[1]) if abs(a - b).mean() <= {}]
"""

TENTH_DOG = "dogs[len(dogs) // 10]"


def stacks(sees_more, sees_less):
    return f'answer = {{"sees_more": {sees_more}, "sees_less": {sees_less}}}'


MEAN_OF_MAPS = "np.mean(part(images, training=False), axis=(1, 2))"
KERAS = "from keras import layers\n"
BRIGHTNESS = (
    KERAS + "answer = [layers.Rescaling(1 / 127.5, offset=-1), layers.RandomBrightness(0.2, value_range=(-1, 1))]"
)
TWO_LOOPS = """import numpy as np
def answer(base, batches):
    features = np.concatenate([base(images) for images, _ in batches])
    return features, np.concatenate([np.ravel(labels) for _, labels in batches])
"""

PROVE = """def answer(base, changes):
    trained = [weight.path for weight in base.trainable_weights]
    kernels = [layer.kernel.path for layer in base.layers if "conv" in layer.name]
    mean = base.layers[2].moving_mean.path
    assert {}
"""
# What a check asks for where the answer has another form, and the checks that do.
FORMS = {
    "Give the function itself": [
        *("first_convnet.channels_first", "cats_and_dogs.find_copies", "training_from_scratch.threshold"),
        *("pretrained_models.build_probe", "feature_extraction.record_passes", "feature_extraction.record_shuffled"),
        *("feature_extraction_end_to_end.what_moved", "fine_tuning.prove", "fine_tuning.repair"),
        *("what_wrecks_a_base.guard", "what_we_learned.decide"),
    ],
    "Give a dictionary with": [
        *("first_convnet.layer_table", "padding_and_strides.two_stacks", "pooling.gradient"),
        *("training_from_scratch.curves", "data_augmentation.count_versions", "pretrained_models.ranges"),
        *("pretrained_models.rescale", "feature_extraction.record_size", "fine_tuning.trainable_weights"),
        *("feature_extraction_end_to_end.trainable_counts", "feature_extraction_end_to_end.wrong_order"),
        *("what_wrecks_a_base.half_gone", "what_wrecks_a_base.diagnose", "what_we_learned.better"),
    ],
    "Give a Keras model": ["first_convnet.small_network"],
    "Give a pair of numbers": ["convolution.one_response"],
    "Give three rows of three": ["convolution.move_left", "convolution.whisker"],
    "Give a list of whole numbers": ["padding_and_strides.input_sizes"],
    "two pairs of whole numbers": ["padding_and_strides.same_by_hand"],
    "Give a list of four numbers": ["pooling.ignores_a_step"],
    "Give a list of 1 to 30 layers": ["pooling.stack"],
    "Give three whole numbers": ["cats_and_dogs.batches"],
    "Give a list of names": ["cats_and_dogs.order"],
    "Give two lists of three": ["training_from_scratch.louder"],
    "Give a list of Keras layers": ["data_augmentation.repair_brightness", "data_augmentation.honest_for_signs"],
    "is no whole number": ["what_we_learned.seeds"],
}

# Wrong answers that a reader may well give to each check, and words that the explanation must hold. A row of three has
# what stands in the worked solution and what stands in its place; a row of two has code that assigns `answer`.
WRONG_ANSWERS = {
    "first_convnet.layer_table": [
        ("26, 18", "30, 22", "border costs"),
        ("26, 18", "27, 19", "one too many"),
        ("26, 18", "18, 26", "height comes before width"),
        ("(26, 18, 8)", "(26, 18, 3)", "one channel for each filter"),
        ("(5, 3, 16)", "(6, 4, 16)", "floor"),
        ("(5 * 5 * 3 + 1) * 8", "5 * 5 * 3 * 8", "left out the biases"),
        ("(3 * 3 * 8 + 1)", "(3 * 3 + 1)", "spans all 8 channels"),
        ("(13, 9, 8), 0", "(13, 9, 8), 32", "nothing to learn"),
    ],
    "first_convnet.channels_first": [
        ("answer = lambda images: images.reshape(5, 4, 2, 3)", "you reshaped"),
        ("answer = lambda images: images.transpose(0, 3, 2, 1)", "lies on its side"),
        ("answer = lambda images: images.transpose(0, 3, 1, 2)[::-1]", "move only the last axis"),
        ("answer = lambda images: images.transpose(3, 0, 1, 2)", "before the batch axis"),
        ("answer = lambda images: images", "pictures, channels, height, width"),
        ("answer = lambda images: images.transpose(2, 0, 1)", "ValueError"),
    ],
    "first_convnet.small_network": [
        ("36, 20", "20, 36", "36 high and 20 wide"),
        ("Dense(5", "Dense(10", "five classes"),
        ("Conv2D(32", "Conv2D(128", "10,000 are allowed"),
        ("softmax", "relu", "no probabilities"),
        ('layers.Conv2D(16, 3, activation="relu"),', "", "two Conv2D"),
    ],
    "convolution.one_response": [
        ("answer = -8, 0", "left out the bias"),
        ("answer = 9, 9", "turned the kernel"),
        ("answer = 3, 3", "the rows give"),
        ("answer = -7, -7", "ReLU keeps"),
    ],
    "convolution.move_left": [
        ("answer = [[0, 0, 0], [1, 0, 0], [0, 0, 0]]", "does not turn the kernel"),
        ("answer = [[0, 1, 0], [0, 0, 0], [0, 0, 0]]", "rows down"),
        ("answer = [[0, 0, 0], [0, 0, 2], [0, 0, 0]]", "multiplied by 2"),
        ("answer = [[0, 0, 0], [-1, 0, 1], [0, 0, 0]]", "single neighbour"),
    ],
    "convolution.whisker": [
        ("answer = [[-1, 0, 1]] * 3", "middle column"),
        ("answer = [[0, 1, 0]] * 3", "sum to zero"),
        ("answer = [[-1, -1, -1], [2, 2, 2], [-1, -1, -1]]", "exchange rows and columns"),
        ("answer = [[-1, 1, 0]] * 3", "both"),
        ("answer = [[0, 2, 0], [-2, 2, -2], [-1, 2, -1]]", "each row"),
        ("answer = [[-0.8, 2, -1.2]] * 3", "against 6 on the whisker. A line"),
    ],
    "padding_and_strides.input_sizes": [
        ("answer = [26]", "26 is 13 doubled"),
        ("answer = [26, 27, 28]", "the starts 0, 2, 4, … are 12, not 13"),
        ("answer = [25, 26]", "padding='same'"),
        ("answer = [27, 28, 29]", "With 29 rows a window may start at row 26 at most"),
        ("answer = [2]", "2 rows have no position"),
        ("answer = {28}", "1 of 2"),
        ("answer = [27.5]", "whole numbers"),
    ],
    "padding_and_strides.same_by_hand": [
        ("answer = ((1, 1), (1, 1))", "Rows: 14 windows of 4, 2 apart, span"),
        ("answer = ((2, 1), (0, 1))", "Rows: the number of zeros is right, 3 in all, but they are on the wrong side"),
        ("answer = ((1, 2), (1, 1))", "Columns: k - 1 zeros keep the size at stride 1"),
        ("answer = ((0, 1), (1, 2))", "exchanged the axes"),
        ("answer = ((1, 2), (0, -1))", "none below 0"),
    ],
    "padding_and_strides.two_stacks": [
        (stacks('[(3, 2, "valid")] * 2', '[(4, 4, "valid")]'), "sees_more: it goes 28 → 13 → 6"),
        (stacks('[(3, 2, "same")] * 2', '[(30, 1, "valid")]'), "sees_less: layer 1"),
        (stacks('[(4, 4, "valid")]', '[(3, 2, "same")] * 2'), "sees_more sees 4×4 pixels and sees_less 7×7"),
        (stacks('[(4, 4, "valid")]', '[(4, 4, "same")]'), "make one see more"),
        (stacks("[(3, 2)]", '[(4, 4, "valid")]'), "give a triple"),
        (stacks('(3, 2, "same")', '[(4, 4, "valid")]'), "in brackets"),
        (stacks('[(3, 2, "full")]', '[(4, 4, "valid")]'), "padding"),
        (stacks('"same"', '"valid"'), "a list of 1 to 30 layers"),
    ],
    "pooling.gradient": [
        (MAXIMA, "[[0, 8, 0, 0], [0, 0, 6, 0]]", "values that went forward"),
        (MAXIMA, "[[0, 96, 0, 0], [0, 0, -24, 0]]", "do not multiply"),
        (MAXIMA, "[[12, 12, -4, -4]] * 2", "nudged and nothing changes"),
        (MAXIMA, "[[0, 1, 0, 0], [0, 0, -4, 0]]", "the positions are right"),
        (MAXIMA, "[[12, 0, 0, 0], [0, 0, -4, 0]]", "only the largest value"),
        (MEANS, "[[12, 12, -4, -4]] * 2", "by a quarter only"),
        (MEANS, MAXIMA, "has no winner"),
        (MEANS, "[[6, 6, -2, -2]] * 2", "whatever its size"),
        (f'answer = {{"through_max": {MEANS}, "through_average": {MAXIMA}}}', "exchanged the two"),
        (MEANS, "[3, -1]", "through_average: give two rows of four"),
    ],
    "pooling.ignores_a_step": [
        ("answer = [1, 2, 3, 4]", "1 2 3 4 becomes 0 1 2 3, and max pooling gives 2 4 before and 1 3 after: the first"),
        ("answer = [5, 1, 0, 3]", "the second window"),
        ("answer = [1, 0, 1, 0]", "four different numbers"),
        ("answer = [2, -1, 3, 0]", "none below 0"),
    ],
    "pooling.stack": [
        ('answer = ["conv"] * 9', "8,904,384 multiply-adds"),
        ('answer = ["conv", "conv", "pool", "conv"]', "could stand behind a pooling"),
        ('answer = ["pool", "conv", "pool", "conv", "conv"]', "before any filter has looked"),
        ('answer = ["conv", "pool", "conv", "pool"]', "2 of at least 3 convolutions"),
        ('answer = ["conv", "pool", "pool", "pool", "conv", "conv"]', "no window fits for layer 6"),
        ('answer = ["conv", "pool", "conv", "pool", "conv", "pool"]', "the last map has 2 rows"),
        ('answer = ["convolution"]', "no layer here"),
    ],
    "cats_and_dogs.batches": [
        ("answer = 20, 40, 60", "what becomes of the other 40"),
        ("answer = 63, 40, 60", "the first number asks for one"),
        ("answer = 22, 40, 60", "up to 1,056 pictures"),
        ("answer = 21, 8, 60", "8 pictures are missing"),
        ("answer = 21, 48, 60", "is not full"),
        ("answer = 21, 41, 60", "41 is not what is left"),
        ("answer = 21, 40, 63", "counts the small batch"),
        ("answer = 21, 40, 62", "3,000 // 48"),
        ("answer = 21, 40, 20", "right for one epoch"),
        ("answer = 21, 40, 61", "3 epochs have not 61"),
        ("answer = 1000 / 48, 40, 60", "whole numbers"),
    ],
    "cats_and_dogs.order": [
        ('answer = ["cache", "decode", "shuffle", "augment", "batch", "prefetch"]', "12 files were decoded 24 times"),
        ('answer = ["shuffle", "decode", "cache", "augment", "batch", "prefetch"]', "Both epochs began with the files"),
        ('answer = ["decode", "augment", "cache", "shuffle", "batch", "prefetch"]', "the very same versions"),
        ('answer = ["decode", "cache", "batch", "shuffle", "augment", "prefetch"]', "neighbours on disk"),
        ('answer = ["decode", "cache", "shuffle", "batch", "prefetch", "augment"]', "'augment' comes after 'prefetch'"),
        ('answer = ["augment", "decode", "cache", "shuffle", "batch", "prefetch"]', "only names of files"),
        ('answer = ["cache", "batch", "decode", "augment", "shuffle", "prefetch"]', "'batch' stacks pictures"),
        ('answer = ["decode", "cache", "shuffle", "batch", "prefetch"]', "stands in the list once"),
    ],
    "cats_and_dogs.find_copies": [
        (
            "def answer(train_images, val_images):\n"
            "    same = (val_images[:, None] == train_images).all(axis=(2, 3, 4))\n"
            "    return [(v, t) for v in range(len(same)) for t in range(same.shape[1]) if same[v, t]]",
            "2 of 3 copies were missed: validation picture 5 is training picture 3, saved again as JPEG",
        ),
        (FIND_COPIES.format(12), "validation picture 9 is training picture 20, made paler"),
        (FIND_COPIES.format(45), "pairs are no copies"),
        ("answer = lambda train_images, val_images: [(17, 2), (3, 5), (20, 9)]", "the wrong way round"),
        ("answer = lambda train_images, val_images: []", "3 of 3 copies were missed"),
        ("answer = lambda train_images, val_images: [2, 5, 9]", "Return pairs"),
        ("answer = lambda train_images: []", "raised TypeError"),
    ],
    "training_from_scratch.curves": [
        ('"rate too high", "smaller rate"', '"too small", "larger network"', "its curves are smooth"),
        ('"rate too high", "smaller rate"', '"overfitting", "more pictures"', "before the gap"),
        ('"leak", "new split"', '"overfitting", "more pictures"', "where D, the same network"),
        ('"leak", "new split"', '"too small", "larger network"', "cannot learn its own pictures"),
        ('"too small", "larger network"', '"overfitting", "more pictures"', "knows its own pictures"),
        ('"too small", "larger network"', '"rate too high", "smaller rate"', "it rises by 0.0"),
        ('"overfitting", "more pictures"', '"leak", "new split"', "follows training to the top"),
        ("more pictures", "larger network", "D is plain overfitting, right"),
        ('"leak", "new split"', '"leak", "more pictures"', "until the copies are out"),
        ("smaller rate", "larger network", "every step overshoots"),
        ("larger network", "more pictures", "more filters or layers"),
        ('"leak"', '"leakage"', "'leakage' is none of"),
        ('("leak", "new split")', '"leak"', "B: give a pair"),
    ],
    "training_from_scratch.louder": [
        ("answer = [0.6, 0.6, 0.4], [0.99, 0.99, 0.01]", "the probability of the right class"),
        ("answer = [0.6, 0.4, 0.8], [0.99, 0.01, 0.01]", "The first set is right on 3 of 3"),
        ("answer = [0.6, 0.4, 0.4], [0.99, 0.99, 0.01]", "The second set is right on 1 of 3"),
        ("answer = [0.6, 0.4, 0.4], [0.9, 0.1, 0.4]", "What makes a single wrong answer expensive"),
        ("answer = [0.99, 0.01, 0.01], [0.6, 0.4, 0.4]", "exchange the two"),
        ("answer = [0.6, 0.4, 0.4], [1, 0, 0]", "infinite"),
    ],
    "training_from_scratch.threshold": [
        (TENTH_DOG, "0.5", "finds 112 dogs, that is 74.7%. Nine in ten were asked for"),
        (TENTH_DOG, "np.quantile(probabilities, 0.1)", "raise it as far as it goes"),
        (TENTH_DOG, "np.quantile(probabilities[labels == 0], 0.9)", "nine in ten *cats*"),
        (TENTH_DOG, "np.quantile(probabilities[labels == 1], 0.1)", "finds 123 dogs, that is 89.8%"),
        (TENTH_DOG, "probabilities >= 0.3", "Return one number"),
        (TENTH_DOG, "min(p for p in probabilities if p.label == 1)", "AttributeError"),
    ],
    "data_augmentation.count_versions": [
        ('"a": 10', '"a": 1', "nothing random stands before the cache"),
        ('"b": 1', '"b": 10', "the cache keeps what arrives in the first epoch"),
        ('"c": 10', '"c": 1', "the rotation comes after it"),
        ('"c": 10', '"c": 20', "cannot show 20 versions"),
        ('"d": 2', '"d": 10', "how many outcomes has a flip"),
        ('"e": 4', '"e": 2', "how many pairs of outcomes"),
        ('"b": 1', '"b": 0', "at least 1"),
    ],
    "data_augmentation.repair_brightness": [
        (BRIGHTNESS.replace(", value_range=(-1, 1)", ""), "the range that it believes in, 0…255"),
        (BRIGHTNESS.replace("(-1, 1)", "(0, 1)"), "the dark half of every picture is lost"),
        (BRIGHTNESS.replace("(-1, 1)", "(-1, 2)"), "was told a range that the pictures do not have"),
        (BRIGHTNESS.replace("0.2", "0.1"), "of it, not 0.2"),
        (BRIGHTNESS.replace("1 / 127.5, offset=-1", "1 / 255"), "Keep the Rescaling as it is"),
        (BRIGHTNESS.replace(", layers.RandomBrightness(0.2, value_range=(-1, 1))", ""), "nothing changes"),
    ],
    "data_augmentation.honest_for_signs": [
        ("[", '[layers.RandomFlip("horizontal"), ', "RandomFlip: 64 versions of 'turn left'"),
        ("[", '[layers.RandomFlip("vertical"), ', "most for 'danger'"),
        ("Rotation(0.03)", "Rotation(0.5)", "a share of a whole turn"),
        ("0.1, 0.1", "0.6, 0.6", "Layer 3, RandomTranslation"),
        ("Brightness(0.2)", "Brightness(1.0)", "hardly to be read"),
        ("layers.RandomBrightness(0.2)", "layers.RandomGrayscale(1.0)", "Red forbids or warns"),
        ("layers.RandomBrightness(0.2),", "", "the light never changes"),
        (KERAS + "answer = [layers.RandomBrightness(0.2)] * 3", "of 1 kind only"),
        ("]", "layers.Rescaling(1 / 255)]", "no longer reach from 0 to 255"),
        ("Brightness(0.2)", "Brightness(0.0)", "it changes nothing"),
        ("layers.RandomZoom(0.2)", "layers.RandomCrop(50, 50)", "the shape (50, 50, 3)"),
    ],
    "pretrained_models.ranges": [
        ("-101.5", "-102.0", "the bias is missing"),
        ("-101.5", "-101.0", "it is added once"),
        ("-101.5", "306.5", "its product is subtracted"),
        ("-1.3", "0.1", "0.1 is the response to 0...1"),
        ("0.1", "-0.398", "you rescaled the response"),
        ("-1.3", "7", "-0.6 and 0.6"),
        ("0.1", '"small"', "one number"),
    ],
    "pretrained_models.rescale": [
        ("(1 / 127.5, -1)", "(1 / 255, 0)", "find the scale first"),
        ("(1 / 127.5, -1)", "(127.5, -1)", "upside down"),
        ("(2, -1)", "(2, -0.5)", "multiplies first, then adds"),
        ("(2, 0)", "(2, -1)", "change the offset"),
        ("(2, 0)", "(-2, 0)", "changed places"),
        ("(2, 0)", "2", "two numbers"),
    ],
    "pretrained_models.build_probe": [
        (MEAN_OF_MAPS, "np.array(part(images))", "take the mean over their rows and columns"),
        (MEAN_OF_MAPS, "np.reshape(part(images), (len(images), -1))", "made flat"),
        ("np.mean", "np.max", "largest value"),
        ("axis=(1, 2)", "axis=3", "mean over the channels"),
        ("axis=(1, 2)", "axis=(0, 1, 2)", "over the pictures too"),
        ("backbone.get_layer(layer_name).output", "backbone.output", "last output"),
        ("training=False", "training=True", "training=True"),
        ("def answer(images):\n    return images", "three arguments"),
    ],
    "feature_extraction.record_size": [
        ("6, 6", "5, 5", "rounding down everywhere"),
        ("6, 6", "12, 12", "one halving is forgotten"),
        ("6, 6", "3, 3", "one halving too many"),
        ("6, 6, 2048", "2048, 6, 6", "channels last"),
        ("6, 6, 2048", "6, 6, 728", "2,048 channels"),
        ("2000 * 6 * 6 * 2048 * 4", "147_456_000", "how many numbers there are"),
        ("2000 * 6 * 6 * 2048 * 4", "294_912", "the share of one picture"),
        ("2000 * 6 * 6 * 2048 * 4", "294_912_000", "the other type"),
        ("2000 * 6 * 6 * 2048 * 2", "8_192_000", "a map of 6×6"),
        ("2000 * 6 * 6 * 2048 * 2", "294.9", "give bytes"),
        ("2000 * 6 * 6 * 2048 * 4", "1_179_648_000", "float64"),
    ],
    "feature_extraction.record_passes": [
        ("np.tile", "np.repeat", "the label of another picture"),
        (", training=True", "", "without training=True"),
        ('.astype("float16")', "", "float32 takes"),
        ("np.tile(labels, passes)", "labels", "one label to a row"),
        ("np.concatenate", "np.stack", "one axis too many"),
        ("range(passes)", "range(1)", "there are 7"),
        (
            "features = [np.asarray(base(augmentation(images, training=True)))",
            "images = augmentation(images, training=True)\n    features = [np.asarray(base(images))",
            "inside the loop",
        ),
    ],
    "feature_extraction.record_shuffled": [
        (TWO_LOOPS, "each loop brings another order"),
        ("np.ravel(labels)", "labels", "np.ravel"),
        ("in batches]", "in list(batches)[:-1]]", "there should be 11 rows"),
        ("in batches]", "in list(batches)[:1]]", "one batch"),
    ],
    "feature_extraction_end_to_end.trainable_counts": [
        ('"all": base', '"all": base - statistics', "moving means and variances are missing"),
        ('"all": base', '"all": 16 + base', "has no bias"),
        ('"not frozen": base', '"not frozen": statistics + base', "no weights that a gradient moves"),
        ('"not frozen": base + scale_and_shift', '"not frozen": base', "a scale and a shift"),
        ('"frozen": head', '"frozen": head + scale_and_shift', "frozen, too"),
        ('"frozen": head', '"frozen": head - 9', "eight weights and a bias"),
        ('"frozen": head', '"frozen": 4153', "though they are frozen"),
        ('"may change": base', '"may change": 100 or base', "although they are not trainable"),
    ],
    "feature_extraction_end_to_end.wrong_order": [
        ('"unfreeze", "compile", "fit", "freeze", "fit"', '"fit"', "freezing is in force"),
        ('"freeze", "fit"]', '"freeze", "compile", "fit"]', "more than it takes"),
        ('"compile", "fit", "freeze", "fit"]', '"compile", "fit"]', "everybody sees it"),
        ('"compile", "fit", "freeze", "fit"]', '"fit"]', "the opposite mistake"),
        ('"freeze", "fit"]', '"freeze"]', "The last step must be fit"),
        ('["freeze", "compile", "fit", "unfreeze", ', "[", "The first steps are given"),
        ('"listed": 4 + 1', '"listed": 125', "'listed' is not 125"),
        ('"trained": ', '"trained": 5 or ', "what it was given at the first step"),
        ('"freeze"', '"melt"', "each one of"),
    ],
    "feature_extraction_end_to_end.what_moved": [
        (' and not name.startswith("head/")', "", "Only the head moved"),
        ("all(", "any(", "the kernel decides"),
        ('"moving_" in name', '"moving_mean" in name', "no others"),
        ('"moving_" in name', '"norm/" in name', "gamma and beta"),
        ("change != 0", "change > 1e-3", "compare with zero"),
        ('"statistics" if', '"batch norm" if', "return one of"),
    ],
    "fine_tuning.trainable_weights": [
        ('answer = {"frozen": 9, "fine_tuned": 249}', "BatchNorm is unfrozen"),
        ('answer = {"frozen": 9, "fine_tuned": 265}', "moving statistics"),
        ('answer = {"frozen": 9, "fine_tuned": 224}', "left out the head"),
        ('answer = {"frozen": 9, "fine_tuned": 9}', "never unfrozen"),
        ('answer = {"frozen": 9, "fine_tuned": 89}', "all 3 channels"),
        ('answer = {"frozen": 8, "fine_tuned": 233}', "bias of the one unit"),
        ('answer = {"frozen": 25, "fine_tuned": 233}', "gamma and beta are frozen"),
        ('answer = {"frozen": 233, "fine_tuned": 233}', "which is frozen here"),
    ],
    "fine_tuning.prove": [
        (PROVE.format("base.trainable_weights"), "let script B pass"),
        (PROVE.format("{p for p in changes if changes[p]} == set(trained)"), "let script A pass"),
        (PROVE.format("base.trainable_weights and not changes[mean]"), "let script C pass"),
        (PROVE.format("any(changes.values()) and not changes[mean]"), "froze its base again and did not compile"),
        (
            PROVE.format("trained and all(changes[p] for p in kernels) and not changes[mean]"),
            "the top block alone",
        ),
        (PROVE.format("changes['kernel'] > 0"), "KeyError"),
    ],
    "fine_tuning.repair": [
        ("    base.trainable = True\n", "", "never unfrozen"),
        ("layer.trainable = False", "pass", "moving mean or variance"),
        ('model.compile(keras.optimizers.Adam(0.0001), loss="binary_crossentropy")', "pass", "none has moved"),
        ("0.0001", "0.001", "at a rate of 0.001"),
        ("    for layer", "    base.layers[1].trainable = False\n    for layer", "did not move: block1_conv"),
        ("model.fit", "model.train", "AttributeError"),
        ("    model.fit(images, labels, batch_size=4, epochs=1, verbose=0)\n", "", "Nothing moved"),
    ],
    "what_wrecks_a_base.half_gone": [
        ('"0.9": 7', '"0.9": 5', "a tenth of what is left"),
        ('"0.99": 69', '"0.99": 50', "a hundredth of what is left"),
        ('"0.999": 693', '"0.999": 500', "of what is left, not of the whole"),
        ('"0.9": 7', '"0.9": 6', "there is still half or more"),
        ('"0.99": 69', '"0.99": 70', "half was gone before that"),
    ],
    "what_wrecks_a_base.diagnose": [
        ('"A": "rate"', '"A": "batch norm"', "what carries weights that far"),
        ('"B": "nothing"', '"B": "rate"', "better than the head alone was"),
        ('"C": "batch norm"', '"C": "rate"', "In which layers are moving means"),
        ('"D": "compile"', '"D": "nothing"', "the base never moved"),
        ('"D": "compile"', '"D": "Compile"', "is no answer"),
    ],
    "what_wrecks_a_base.guard": [
        ("    model.set_weights(weights)\n", "", "was worse, and the new weights were kept"),
        ("> before", "< before", "was better, and the old weights were put back"),
        ("> before", ">= before", "With an equal score"),
        ("    tune(model)\n", "", "never called"),
        ("return True", "return model", "return True, not"),
        ("before = model.get_weights(), score(model)", "before = model.get_weights(), 1", "was better, and the old"),
        ("model.get_weights()", "model.weights()", "TypeError"),
    ],
    "what_we_learned.decide": [
        ("half_width = stats", "half_width = 0 * stats", "zero is in the interval"),
        ("stats.t.ppf(0.975, n - 1)", "2.776", "the whole interval is on the side that was claimed"),
        ('"less"', '"greater"', "look at the direction"),
        ("-margin < low and high < margin", "False", "the whole interval lies within the margin"),
        ("-margin < low and high < margin", "abs(mean) < margin", "reaches beyond the margin"),
        ("-margin < low and high < margin", "high < margin", "reaches beyond the margin"),
        ("reproduced", "proved", "return one of"),
        ("def answer(differences): return 'undecided'", "TypeError"),
    ],
    "what_we_learned.better": [
        ("answer = {'first': 'neither', 'second': 'neither', 'third': 'A'}", "subtract seed by seed"),
        ("answer = {'first': 'B', 'second': 'B', 'third': 'A'}", "one seed makes it so"),
        ("answer = {'first': 'B', 'second': 'neither', 'third': 'neither'}", "all on one side"),
        ("answer = {'first': 'B', 'second': 'neither', 'third': 'B'}", "the wrong way round"),
        ("answer = {'first': 'b', 'second': 'neither', 'third': 'A'}", 'give "A", "B" or "neither"'),
    ],
    "what_we_learned.seeds": [
        ("answer = 9", "take t, not 1.96"),
        ("answer = 11", "n - 1 degrees of freedom"),
        ("answer = 3", "square root"),
        ("answer = 38", "the whole interval"),
        ("answer = 13", "more than it takes"),
        ("answer = 12.0", "no whole number"),
    ],
}


class Exercise(NamedTuple):
    """An exercise of a chapter: `check` is "module.function", `stub` and `solution` are code."""

    number: int
    check: str
    stub: str
    solution: str


def folded(text, summary):
    """The Markdown inside <details><summary>…</summary> … </details>, or None."""
    match = re.search(rf"<details>\s*<summary>{summary}</summary>(.*?)</details>", text, flags=re.S)
    return match and match[1]


def python_fences(text):
    fences = [block.tokens[0] for block in blocks_of_text(text or "") if block.kind == "fence"]
    return [fence.content for fence in fences if fence.info.strip() == "python"]


def exercises(chapter):
    """The chapter's exercises as they stand; what is missing is an empty text."""
    found = []
    for number, cell in numbered(chapter, "code"):
        if "exercise" in cell.metadata:
            after = chapter.cells[number].source if number < len(chapter.cells) else ""
            solution = "".join(python_fences(folded(after, "Solution")))
            found.append(Exercise(number, cell.metadata["exercise"], cell.source, solution))
    return found


def final_call(source):
    """The last line of an answer: the call of the check, as code; '' if the last line is no call."""
    last = ast.parse(source).body[-1:]
    is_call = last and isinstance(last[0], ast.Expr) and isinstance(last[0].value, ast.Call)
    return ast.unparse(last[0]) if is_call else ""


def exercises_have_their_parts(chapter):
    """Findings about the form of a chapter's exercises."""
    found = exercises(chapter)
    titles = [b.text for s in sections(chapter) if s.title == "Exercises" for b in s.blocks if b.kind == "heading"]
    wanted = [f"Exercise {number}: " for number in range(1, len(found) + 1)]
    if len(found) < LEAST_EXERCISES:
        yield f"{len(found)} exercises; write {LEAST_EXERCISES}: predict, change, build"
    if len(titles) != len(found) or not all(map(str.startswith, titles, wanted)):
        yield f"the exercises' headings are {titles}; each code cell of an exercise has one, '### Exercise N: …'"
    for exercise in found:
        yield from (f"cell {exercise.number}: {finding}" for finding in faults(exercise, chapter))


def faults(exercise, chapter):
    before = chapter.cells[exercise.number - 2].source
    if not re.match(r"### Exercise \d+: ", before):
        yield "the cell before it does not open with '### Exercise N: …'"
    if not folded(before, "Hint"):
        yield "the cell before it folds no hint away (<details><summary>Hint</summary>)"
    stub = ast.parse(exercise.stub)
    if not any(isinstance(node, ast.Constant) and node.value is ... for node in ast.walk(stub)):
        yield "the stub has no ..."
    call = final_call(exercise.stub)
    if not dotted_name(ast.parse(call or "0").body[0].value).endswith(exercise.check.split(".")[-1]):
        yield f"the stub does not end with the call of {exercise.check}"
    if not exercise.solution:
        yield "the cell after it folds no solution away (<details><summary>Solution</summary> with one ```python fence)"
    elif final_call(exercise.solution) != call:
        yield "stub and solution do not end with the same call"
    elif missing := names_bound(stub) - names_bound(ast.parse(exercise.solution)):
        yield f"the stub defines {sorted(missing)}, and the solution does not"


def names_bound(tree):
    """The names that a piece of code assigns or defines at its top level."""
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in (n for top in tree.body if isinstance(top, ast.Assign) for n in ast.walk(top)):
        names |= {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else set()
    return names


def imports(chapter):
    """The chapter's import lines, as code."""
    lines = [ast.unparse(node) for _, node in code_nodes(chapter) if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(line for line in lines if "google.colab" not in line)


def feedback(chapter, answer):
    """What the check says of an answer: its last line's value, after the chapter's import lines."""
    names = {}
    exec(imports(chapter), names)
    *lines, last = ast.parse(answer).body
    exec(compile(ast.Module(lines, []), "<answer>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<check>", "eval"), names)


def feedback_to(check, code, replacement=None):
    """What a check says of the `answer` that this code assigns, or of the worked solution with this code replaced."""
    if replacement is not None:
        chapter, exercise = next(param.values for param in BOOK_EXERCISES if param.values[1].check == check)
        assert code in exercise.solution
        return feedback(chapter, exercise.solution.replace(code, replacement))
    module, function = check.split(".")
    names = {}
    exec(code, names)
    return getattr(importlib.import_module(f"convbook.checks.{module}"), function)(names["answer"])


def disagreement(said, expected, words=""):
    """'' if a check judges as expected, and in these words; else a sentence."""
    if said.passed is not expected:
        return f"passed is {said.passed}, not {expected}: {said.message}"
    return "" if words.lower() in said.message.lower() else f"the message lacks {words!r}: {said.message}"


BOOK_EXERCISES = [
    pytest.param(read_chapter(path), exercise, id=f"{path.stem}-{exercise.check}")
    for path in CHAPTERS
    for exercise in exercises(read_chapter(path))
]
BOOK_CHECKS = [param.values[1].check for param in BOOK_EXERCISES]
WRONG = [(check, wrong, words) for check, rows in WRONG_ANSWERS.items() for *wrong, words in rows]
WRONG += [(check, ["answer = 'text'"], words) for words, checks in FORMS.items() for check in checks]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_exercise_has_hint_stub_check_and_solution(path):
    assert list(exercises_have_their_parts(read_chapter(path))) == []


@pytest.mark.parametrize(("chapter", "exercise"), BOOK_EXERCISES)
def test_unanswered_stub_is_told_what_to_do(chapter, exercise):
    assert not disagreement(feedback(chapter, exercise.stub), None)


@pytest.mark.parametrize(("chapter", "exercise"), BOOK_EXERCISES)
def test_worked_solution_passes(chapter, exercise):
    assert not disagreement(feedback(chapter, exercise.solution), True)


@pytest.mark.parametrize(("check", "wrong", "words"), WRONG, ids=[f"{check}-{words}" for check, _, words in WRONG])
def test_wrong_answer_is_explained(check, wrong, words):
    assert not disagreement(feedback_to(check, *wrong), False, words)


def few_wrong_answers(checks, table):
    """The checks that the table tries with too few wrong answers, or with answers it expects no words about."""
    tried = {check: {tuple(wrong) for *wrong, words in table.get(check, []) if words} for check in checks}
    return [check for check, answers in tried.items() if len(answers) < LEAST_WRONG_ANSWERS]


def test_every_exercise_of_the_book_is_tried_with_wrong_answers():
    assert few_wrong_answers(["m.f"], {}) == ["m.f"]
    assert few_wrong_answers(["m.f"], {"m.f": [("1", "too small"), ("1", "too small")]}) == ["m.f"]
    assert few_wrong_answers(["m.f"], {"m.f": [("1", "too small"), ("3", "")]}) == ["m.f"]
    assert few_wrong_answers(["m.f"], {"m.f": [("1", "too small"), ("3", "too large")]}) == []
    assert few_wrong_answers(BOOK_CHECKS, WRONG_ANSWERS) == []


def test_wrong_answers_and_forms_are_those_of_the_exercises():
    assert set(WRONG_ANSWERS) == set(BOOK_CHECKS)
    assert sorted(check for checks in FORMS.values() for check in checks) == sorted(BOOK_CHECKS)


# ---------------------------------------------------------------- the rules, shown able to fail

CHECKS = """
from types import SimpleNamespace

def double(answer):
    passed = None if answer is ... else answer == 4
    return SimpleNamespace(passed=passed, message="Not asked for." if passed else "Two times two is four.")
"""
TASK = "### Exercise {}: Double two\n\nWhat is it?\n\n<details><summary>Hint</summary>\n\nAdd.\n\n</details>"
SOLUTION = """<details><summary>Solution</summary>

```python
answer = {}
checks.double(answer)
```

So.

</details>"""
STUB = "answer = ...\nchecks.double(answer)"


def sample():
    """A sound chapter: its three exercises keep the form, and its solutions pass."""
    cells = [markdown("## Exercises")]
    for number in (1, 2, 3):
        cells += [markdown(TASK.format(number)), code(STUB, exercise="sample.double"), markdown(SOLUTION.format(4))]
    return notebook(code("import sample_checks as checks"), *cells)


@pytest.fixture
def sample_checks(tmp_path, monkeypatch):
    (tmp_path / "sample_checks.py").write_text(CHECKS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("number", "change", "words"),
    [
        (3, {"source": TASK.format(7)}, "headings"),
        (3, {"source": TASK.replace("###", "##").format(1)}, "not open with"),
        (3, {"source": TASK.replace("Hint", "Help").format(1)}, "no hint"),
        (4, {"source": STUB.replace("...", "4")}, "no ..."),
        (4, {"source": "answer = ..."}, "does not end"),
        (4, {"metadata": {"exercise": "sample.half"}}, "does not end"),
        (4, {"metadata": nbformat.NotebookNode()}, "2 exercises"),
        (5, {"source": "It is 4."}, "no solution"),
        (5, {"source": SOLUTION.replace("double", "half")}, "same call"),
        (5, {"source": SOLUTION.replace("answer =", "reply =")}, "['answer']"),
    ],
)
def test_exercise_without_one_of_its_parts_is_found(number, change, words):
    chapter = sample()
    assert list(exercises_have_their_parts(chapter)) == []
    chapter.cells[number - 1].update(change)
    assert words in "\n".join(exercises_have_their_parts(chapter))


@pytest.mark.usefixtures("sample_checks")
def test_check_that_judges_otherwise_is_found():
    chapter, (exercise, *_) = sample(), exercises(sample())
    right, wrong = (feedback(chapter, exercise.solution.replace("4", answer)) for answer in ("4", "5"))
    assert not disagreement(feedback(chapter, exercise.stub), None)
    assert not disagreement(right, True)
    assert not disagreement(wrong, False, "two times two")
    assert "not None" in disagreement(right, None)
    assert "not False" in disagreement(right, False)
    assert "not True" in disagreement(wrong, True)
    assert "lacks 'three'" in disagreement(wrong, False, "three")
