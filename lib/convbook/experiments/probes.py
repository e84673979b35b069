"""What a base knows: linear classifiers on its features, and how alike two sets of features are."""

import keras
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from convbook.experiments.data import PARTS
from convbook.experiments.training import PREDICTED_AT_ONCE

PENALTIES = 10.0 ** np.arange(-1, 7)


def outputs(model, images, prepare=None):
    """Run pictures through a model, called as it is: to compile it would take longer than to run it.

    Before, the pictures become float32 and go through `prepare`, if it is given. Returns an array (n, …), or a dict of
    such arrays for a model with a dict of outputs.
    """
    found = []
    for first in range(0, len(images), PREDICTED_AT_ONCE):
        batch = images[first : first + PREDICTED_AT_ONCE].astype("float32")
        found.append(model(prepare(batch) if prepare else batch, training=False))
    if isinstance(found[0], dict):
        return {name: _joined([each[name] for each in found]) for name in found[0]}
    return _joined(found)


def _joined(batches):
    return np.concatenate([keras.ops.convert_to_numpy(each) for each in batches])


def features_of(model, parts, prepare=None):
    """Run pictures through a model, and keep the mean of each channel where its output is a map.

    Takes {part: (images, labels)} and returns {part: (features (n, channels), labels)}; prepare is as for `outputs`.
    """
    found = {part: (outputs(model, images, prepare), labels) for part, (images, labels) in parts.items()}
    return {part: (x.mean(axis=(1, 2)) if x.ndim == 4 else x, labels) for part, (x, labels) in found.items()}


def probe(parts, served=None):
    """Train a linear classifier on features {part: (features (n, d), labels (n,))}; returns its test accuracy.

    It is ridge regression on one column of 0 and 1 for each class, each feature divided by its spread on the training
    part. Of eight penalties the one with the smallest squared error on the validation part is taken. `served` are
    features of the same test pictures as another pipeline would give them, in the place of those of `parts`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(60) % 3
        >>> part = np.eye(3)[labels] + 0.1 * rng.normal(size=(60, 3)), labels
        >>> probe({"train": part, "validation": part, "test": part})
        1.0
    """
    (features, labels), (held_out, held_out_labels), (test, test_labels) = (parts[part] for part in PARTS)
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-6 * np.abs(features).max(axis=0), spread, np.inf)  # what never changes tells nothing

    def scaled(rows):
        return ((rows - mean) / spread).astype("float64")

    one_hot = np.eye(labels.max() + 1)
    candidates = [Ridge(penalty).fit(scaled(features), one_hot[labels]) for penalty in PENALTIES]
    errors = [((each.predict(scaled(held_out)) - one_hot[held_out_labels]) ** 2).mean() for each in candidates]
    scores = candidates[int(np.argmin(errors))].predict(scaled(test if served is None else served))
    return float((scores.argmax(axis=1) == test_labels).mean())


def principal_components(parts, count):
    """Keep of features {part: (features (n, d), labels)} the directions along which those of "train" vary most."""
    components = PCA(count, svd_solver="full").fit(parts["train"][0])
    return {part: (components.transform(features), labels) for part, (features, labels) in parts.items()}


def similarity(first, second):
    """Measure how alike two sets of features of the same n > 3 pictures are, arrays (n, …): linear CKA.

    It is 1.0 if they are the same but for rotation and scale, about 0 if they have nothing in common, and free of the
    bias of few pictures.

    Source:
        S. Kornblith, M. Norouzi, H. Lee and G. Hinton, Similarity of neural network representations revisited, ICML
        2019; with the unbiased estimator of HSIC by L. Song et al., Feature selection via dependence maximization,
        JMLR 13, 2012.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(20, 3))
        >>> round(similarity(rows, 2 * rows[:, ::-1]), 6)
        1.0
    """
    grams = []
    for features in (first, second):
        rows = features.reshape(len(features), -1).astype("float64")
        gram = (rows - rows.mean(axis=0)) @ (rows - rows.mean(axis=0)).T
        np.fill_diagonal(gram, 0)
        grams.append(gram)
    shared, one, two = (_shared(a, b) for a, b in ((grams[0], grams[1]), (grams[0], grams[0]), (grams[1], grams[1])))
    return float(shared / np.sqrt(one * two))


def _shared(a, b):
    """The unbiased estimate of HSIC, up to a factor, of two Gram matrices with zeros on the diagonal."""
    count = len(a)
    everything = a.sum() * b.sum() / ((count - 1) * (count - 2))
    return (a * b).sum() + everything - 2 * (a.sum(axis=0) @ b.sum(axis=0)) / (count - 2)
