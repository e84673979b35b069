"""Freeze a pretrained backbone, unfreeze its top blocks for fine-tuning, and prove which weights moved.

**Blocks.** What is chosen for fine-tuning is a block, never "the last N layers": of Xception the last three layers are
one convolution, its normalization and an activation. Blocks are read off the names of the layers, see `block_names`.

**BatchNormalization.** A frozen base that is unfrozen for fine-tuning must keep its moving means and variances. In a
functional model of Keras 3, calling the base with `training=False` does not do that once the base is trainable: `fit`
moves them all the same. What does it is `trainable = False` on each BatchNormalization layer, in nested models too.
`unfreeze` sets it; `changes` proves it.

**Set it on every layer.** With TensorFlow, `model.trainable = True` does nothing at all where `model.trainable` is True
already, although layers in it are frozen; and False does nothing where it is False. The functions here therefore set
`trainable` on every layer by itself.

**Compile again.** What `fit` trains is settled at the first step after `compile`. A later change of `trainable` has no
effect, and gives no warning, until `compile` is called again; `trainable_table` says so where it can see it.

**Saving.** `model.save("….keras")` and `model.save_weights("….weights.h5")` keep every weight in its place, whatever
has become of `trainable`: the loaded model predicts the same. Two things are lost. The older whole-model format `….h5`
writes trainable weights first, and for a base of KerasHub that is partly frozen it cannot be loaded again: use
`….keras`. And a base of KerasHub comes back from `….keras` with every layer trainable, BatchNormalization too, because
its layers' `trainable` is not in its configuration: before you train a loaded model further, call `freeze` or
`unfreeze` on its base again, and compile.
"""

import math
import numbers
import re

import keras
import numpy as np

from convbook.evidence import Table

STEM = "stem"
# The longest beginning of a name that ends in a numbered block: block2_sepconv1, conv2_block1_1_conv, block1a_bn.
BLOCK = re.compile(
    r"(?:.*_)?(?:block|stack|stage|encoder|layer)_?\d+(?:_\d+$|[a-z]?(?=_|$))"
    r"|expanded_conv(?:_\d+)?(?=_)"
    r"|conv_(?:dw|pw)_\d+"
)
COLUMNS = ("part", "weights", "trainable", "moving statistics")


def block_names(backbone):
    """List the blocks of a backbone, from the input to the output.

    A block is all layers whose names begin alike, up to and with the last numbered "block", "stack", "stage", "encoder"
    or "layer": `block2_sepconv1` belongs to `block2`, `conv5_block3_2_bn` to `conv5_block3`, `block_16_project` to
    `block_16`; a layer of layers called `block_1_0`, as in KerasHub's MobileNets, is a block of its own. (The
    blocks of the MobileNets of keras.applications are called `expanded_conv_3` and, in the first, `conv_dw_3` with
    `conv_pw_3`, which is one block, `conv_3`.) A layer whose own name shows no block, but that stands in a nested model
    whose name does, belongs to that one.

    Layers with weights before the first block are the block "stem". Any other layer whose name shows no block belongs
    to the block before it: the unnamed convolution of a residual branch to the block around it, a closing convolution
    such as MobileNetV2's `Conv_1` to the last block.

    Args:
        backbone: a keras.Model from pictures to features (n, height, width, channels), such as `backbones.load` gives;
            models in it are walked through.

    Returns:
        List of strings.

    Raises:
        ValueError: if no layer's name shows a block (name the layers in blocks, or choose layers by hand), or if the
            model ends in a classifier (give the base without it).

    Example:
        >>> from convbook import backbones
        >>> backbone, converter = backbones.load("drawn_world")
        >>> block_names(backbone)
        ['block1', 'block2', 'block3', 'block4']
    """
    return list(block_layers(backbone))


def block_layers(backbone):
    """Give the layers of each block of a backbone.

    Args:
        backbone: a keras.Model from pictures to features, see `block_names`.

    Returns:
        Dict from the name of a block to a list of its layers, from the input to the output; of models within the
        backbone their layers.

    Raises:
        ValueError: as for `block_names`.

    Example:
        >>> from convbook import backbones
        >>> backbone, converter = backbones.load("drawn_world")
        >>> [layer.name for layer in block_layers(backbone)["block3"]][-2:]
        ['block3_residual_bn', 'block3_residual_add']
    """
    shape = getattr(require_model(backbone), "output_shape", None) if backbone.built else None
    if isinstance(shape, tuple) and len(shape) == 2:
        raise ValueError(not_feature_maps(backbone, shape))
    blocks = _find_blocks(backbone)
    if not blocks:
        names = [layer.name for layer, _ in _layers_and_blocks(backbone) if layer.weights]
        listed = ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
        raise ValueError(
            f"The names of the layers of {backbone.name} show no blocks. Its layers with weights are: "
            f"{listed or 'none'}. Name the layers of each block alike (block1_conv1, block1_conv2, block2_conv1, …), "
            f"or choose layers yourself: call unfreeze(model), then set trainable = False on each layer that is to "
            f"stay frozen."
        )
    return blocks


def block_ends(backbone):
    """Give the last layer of each block of a backbone, whose output is what the block has made of the picture.

    It is the last layer whose own name shows the block: not a closing convolution behind the last block, though that
    is unfrozen with it.

    Args:
        backbone: a keras.Model from pictures to features, see `block_names`.

    Returns:
        Dict from the name of a block to its last layer, from the input to the output.

    Raises:
        ValueError: as for `block_names`.

    Example:
        >>> from convbook import backbones
        >>> backbone, converter = backbones.load("drawn_world")
        >>> [layer.name for layer in block_ends(backbone).values()]
        ['block1_conv2_act', 'block2_residual_add', 'block3_residual_add', 'block4_pool']
    """
    last = {block: layer for layer, block in _layers_and_blocks(require_model(backbone))}
    return {name: last.get(name, layers[-1]) for name, layers in block_layers(backbone).items()}


def freeze(backbone):
    """Freeze every weight of a backbone, in nested models too.

    BatchNormalization layers then use their moving means and variances in training as well, and leave them as they are.
    Compile the model again afterwards.

    Args:
        backbone: a keras.Model or any keras layer.

    Returns:
        The number of arrays of weights that are frozen now: all.

    Example:
        >>> model = keras.Sequential([keras.Input((8, 6, 3)), keras.layers.Conv2D(4, 3)])
        >>> freeze(model), len(model.trainable_weights)
        (2, 0)
    """
    _set_trainable(_layer(backbone), False)
    return len(backbone.weights)


def unfreeze(backbone, blocks=None, *, batch_norm=False):
    """Make all blocks of a backbone trainable, or some, and freeze the rest of it.

    BatchNormalization layers stay frozen, in nested models too: neither their scale and shift are trained, nor do their
    moving means and variances change. The same holds for other layers with weights called `moving_…`. Only a
    keras.layers.SpectralNormalization cannot be frozen: it changes its kernel in each step of training, and
    `trainable_table` says "move" for it. What was trainable before does not matter. Compile the model again afterwards.

    Args:
        backbone: a keras.Model from pictures to features, see `block_names`.
        blocks: None for all; an int n for the top n blocks, which are those nearest the output; or names of blocks.
        batch_norm: whether to unfreeze BatchNormalization as well, as fine-tuning on few pictures must not do.

    Returns:
        List of the names of the blocks that are trainable now, from the input to the output; empty if all layers are
        and their names show no blocks.

    Raises:
        ValueError: if there are no such blocks (the message lists those there are), or the weights are float16 (load
            the backbone with dtype="float32").

    Example:
        >>> from convbook import backbones
        >>> backbone, converter = backbones.load("drawn_world")
        >>> unfreeze(backbone, 2)
        ['block3', 'block4']
        >>> sorted({weight.path.split("/")[0] for weight in backbone.trainable_weights})
        ['block3_residual_conv', 'block3_sepconv1', 'block3_sepconv2', 'block4_sepconv1', 'block4_sepconv2']
    """
    if any(keras.backend.standardize_dtype(weight.dtype) == "float16" for weight in require_model(backbone).weights):
        raise ValueError(
            f"The weights of {backbone.name} are float16, which has about three digits: most steps of training are too "
            f"small to change them. Load it with dtype='float32', as backbones.load does."
        )
    if blocks is None:
        found = _find_blocks(backbone)
        chosen = list(found)
        frozen = []
    else:
        found = block_layers(backbone)
        chosen = _choose(blocks, list(found), backbone.name)
        frozen = [layer for name, layers in found.items() if name not in chosen for layer in layers]
    _set_trainable(backbone, True)
    for layer in frozen:
        _set_trainable(layer, False)
    if not batch_norm:
        for layer in filter(_keeps_moving_statistics, _all_layers(backbone)):
            layer.trainable = False
    return chosen


def snapshot(model):
    """Copy all weights of a model, moving means and variances among them.

    Args:
        model: a keras.Model or any keras layer.

    Returns:
        Dict from the path of a weight, such as "block1_conv1/kernel", to an array, a copy. Where two layers in nested
        models have the same path, " (2)" stands behind the second.

    Example:
        >>> inputs = keras.Input((3,))
        >>> model = keras.Model(inputs, keras.layers.Dense(2, name="classifier")(inputs))
        >>> {path: array.shape for path, array in snapshot(model).items()}
        {'classifier/kernel': (3, 2), 'classifier/bias': (2,)}
    """
    copies = {}
    for weight in _layer(model).weights:
        path, number = weight.path, 1
        while path in copies:
            number += 1
            path = f"{weight.path} ({number})"
        copies[path] = np.array(keras.ops.convert_to_numpy(weight))
    return copies


def changes(model, before):
    """Tell how far each weight of a model has moved since a snapshot.

    Args:
        model: the keras.Model or layer that the snapshot was taken of.
        before: what `snapshot(model)` gave.

    Returns:
        Dict from the path of each weight to the largest absolute change of its numbers, a float; 0.0 means that every
        bit is the same. Paths come from the input to the output.

    Raises:
        ValueError: if the snapshot was taken of another model; take one of this model.

    Example:
        >>> inputs = keras.Input((3,))
        >>> model = keras.Model(inputs, keras.layers.Dense(2, name="classifier")(inputs))
        >>> before = snapshot(model)
        >>> _ = model.get_layer("classifier").bias.assign([0.5, -2.0])
        >>> changes(model, before)
        {'classifier/kernel': 0.0, 'classifier/bias': 2.0}
    """
    now = snapshot(model)
    different = sorted(set(now) ^ set(before)) or [path for path in now if now[path].shape != before[path].shape]
    if different:
        raise ValueError(
            f"The snapshot does not fit {model.name}: {len(different)} weights differ, such as {different[0]}; take "
            f"it of the same model, with before = snapshot(model)."
        )
    return {path: float(np.abs(np.subtract(now[path], before[path], dtype="float64")).max(initial=0)) for path in now}


def trainable_table(model):
    """Show what of a model is trainable, block by block where the names of its layers show blocks.

    The model is compared with its optimizer: once it has trained a step, the optimizer knows which weights it trains,
    and if those are others than the trainable ones, a note says to compile again. Before the first step a change of
    `trainable` still takes effect, and there is no note.

    Args:
        model: a keras.Model with weights, such as a base with a head on it.

    Returns:
        An `evidence.Table` with a row for each part, the last one for the whole model: its name, its number of weights,
        how many of them are trainable, and what its moving statistics do in training: "none", "still" or "move".

    Raises:
        ValueError: if the model has no weights yet (call it on a batch, or give it a keras.Input).

    Example:
        >>> from convbook import backbones
        >>> backbone, converter = backbones.load("drawn_world")
        >>> _ = unfreeze(backbone, 1)
        >>> [row[0] for row in trainable_table(backbone).rows if row[2] != "0"]
        ['block4', 'all']
    """
    if not require_model(model).weights:
        raise ValueError(f"{model.name} has no weights yet: call it on a batch of pictures, or give it a keras.Input.")
    parts = [(name, layers) for name, layers in _parts(model) if any(layer.weights for layer in layers)]
    trainable = {id(weight) for weight in model.trainable_weights}
    rows = tuple(_row(name, layers, trainable) for name, layers in [*parts, ("all", [model])])
    return Table(f"What is trainable in {model.name}", rows, tuple(_compile_notes(model)), COLUMNS)


# --- layers and blocks -----------------------------------------------------------------------------------------------


def _layer(layer):
    if not isinstance(layer, keras.Layer):
        hint = ": backbones.load returns a pair (backbone, converter)" if isinstance(layer, tuple) else ""
        raise ValueError(f"A keras model or layer is needed, got a {type(layer).__name__}{hint}; give the backbone.")
    return layer


def require_model(model):
    """Return a keras.Model as it is; refuse anything else, and say what to give instead."""
    if not isinstance(_layer(model), keras.Model):
        raise ValueError(f"A keras.Model is needed, got the layer {model.name!r}; put it into keras.Sequential([…]).")
    return model


def _all_layers(layer):
    """The layer and every layer in it, whether in a model, a wrapper or a layer of layers."""
    return list(layer._flatten_layers(include_self=True, recursive=True))


def _set_trainable(layer, trainable):
    """Set `trainable` of a layer and of each in it: Keras passes it on only where the outer value changes."""
    for inner in _all_layers(layer):
        inner.trainable = trainable


def _layers_and_blocks(model, around=""):
    """Pairs of each layer of a model, in order, and the block that names show; nested models are walked through."""
    for layer in model.layers:
        block = _block_in(layer.name) or around
        if isinstance(layer, keras.Model):
            yield from _layers_and_blocks(layer, block)
        else:
            yield layer, block


def _block_in(name):
    """The block that a layer's name shows, or an empty string."""
    found = BLOCK.match(name)
    return re.sub(r"^conv_(dw|pw)_", "conv_", found.group()) if found else ""


def _find_blocks(model):
    """The layers of each block, {name: [layer, …]}, from input to output; empty if no names of layers show any."""
    pairs = list(_layers_and_blocks(model))
    names = {block for layer, block in pairs if layer.weights and block}
    blocks, current = {}, STEM
    if not names:
        return {}
    for layer, block in pairs:
        # A name that only layers without weights bear, such as that of a concatenation, is no block of its own.
        current = block if block in names else current
        blocks.setdefault(current, []).append(layer)
    if not any(layer.weights for layer in blocks.get(STEM, [])):
        blocks.pop(STEM, None)
    return blocks


def not_feature_maps(model, shape):
    """Say that a model whose output has this shape is no base, and what to give instead."""
    inner = [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
    base = f"model.get_layer({inner[0]!r})" if inner else "the same network built with include_top=False"
    return (
        f"{model.name} gives {shape}, not feature maps (n, height, width, channels): a classifier or a pooling is "
        f"still on. Give the base alone, such as {base}."
    )


def _choose(blocks, names, model_name):
    """The names of the chosen blocks, in the order of the model."""
    if isinstance(blocks, numbers.Integral) and not isinstance(blocks, bool):
        if not 1 <= blocks <= len(names):
            raise ValueError(
                f"blocks={blocks} is not possible: {model_name} has {len(names)} blocks ({', '.join(names)}); give an "
                f"int from 1 to {len(names)}, or call freeze to train none."
            )
        return names[len(names) - blocks :]
    wanted = [blocks] if isinstance(blocks, str) else blocks
    if isinstance(wanted, bool) or not isinstance(wanted, (list, tuple, set, frozenset)) or not wanted:
        raise ValueError(
            f"blocks={blocks!r} is not possible: give None for all, an int for the top blocks, or a list of names from "
            f"{', '.join(names)}; call freeze to train none."
        )
    unknown = [str(name) for name in wanted if name not in names]
    if unknown:
        raise ValueError(
            f"{model_name} has no block {', '.join(map(repr, unknown))}; its blocks are {', '.join(names)}."
        )
    return [name for name in names if name in wanted]


def _keeps_moving_statistics(layer):
    """Whether a layer, apart from the layers in it, has numbers that training moves without their gradient."""
    inner = {id(weight) for child in _all_layers(layer)[1:] for weight in child.weights}
    moving = [weight for weight in layer.weights if weight.name.startswith("moving_") and id(weight) not in inner]
    return bool(moving) or isinstance(layer, (keras.layers.BatchNormalization, keras.layers.SpectralNormalization))


# --- the table -------------------------------------------------------------------------------------------------------


def _parts(model):
    """Pairs of a name and layers: the blocks of the model, or of the models in it, else its layers."""
    blocks = _find_blocks(model) if not any(isinstance(layer, keras.Model) for layer in model.layers) else {}
    if blocks:
        yield from blocks.items()
        return
    for layer in model.layers:
        if isinstance(layer, keras.Model) and _find_blocks(layer):
            yield from ((f"{layer.name}: {name}", layers) for name, layers in _parts(layer))
        else:
            yield layer.name, [layer]


def _row(name, layers, trainable):
    weights = {id(weight): weight for layer in layers for weight in layer.weights}
    keepers = [inner for layer in layers for inner in _all_layers(layer) if _keeps_moving_statistics(inner)]
    # A SpectralNormalization does not heed `trainable`.
    move = any(each.trainable or isinstance(each, keras.layers.SpectralNormalization) for each in keepers)
    moving = "none" if not keepers else "move" if move else "still"
    counts = {key: math.prod(weight.shape) for key, weight in weights.items()}
    free = sum(count for key, count in counts.items() if key in trainable)
    return name, f"{sum(counts.values()):,}", f"{free:,}", moving


def _compile_notes(model):
    """Say that the model has to be compiled again, where its optimizer trains other weights than the trainable ones."""
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not getattr(optimizer, "built", False):
        return
    known = {id(weight) for weight in getattr(optimizer, "_trainable_variables", ())}
    if known and known != {id(weight) for weight in model.trainable_weights}:
        yield (
            "trainable was changed after this model was compiled and trained: fit goes on training the weights of "
            "before. Call compile again."
        )
