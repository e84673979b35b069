"""The receptive fields of a Keras model's layers: what of the picture each place of their maps sees.

The rules are those of `shapes.receptive_field`, applied along the model's graph, with its branches and nested models.
"""

from typing import NamedTuple

import keras

from convbook.shapes import ReceptiveField, padding_amounts

POINTWISE = {
    *("InputLayer", "Identity", "Rescaling", "Normalization", "BatchNormalization", "LayerNormalization", "Dense"),
    *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Relu", "Relu6", "Sigmoid", "Silu", "HardSigmoid"),
    *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Average", "Maximum", "Minimum", "Concatenate"),
    *("Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "ActivityRegularization"),
    # At inference these change nothing.
    *("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness"),
}
WHOLE_PICTURE = {"GlobalAveragePooling2D", "GlobalMaxPooling2D", "Flatten"}
LAST_AXIS = (-1, 3, [-1], [3])
BORDERS = (keras.layers.ZeroPadding2D, keras.layers.Cropping2D)
SLIDING_WINDOWS = (
    *(keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D),
    *(keras.layers.MaxPooling2D, keras.layers.AveragePooling2D),
)


class Field(NamedTuple):
    """What the places of a map see of the picture.

    Args:
        rows: a `shapes.ReceptiveField`; None where nothing is local any more, or where it is not known.
        columns: the same.
        whole: whether a branch sees the whole picture.
        problem: why it is not known; empty if it is.
    """

    rows: ReceptiveField | None
    columns: ReceptiveField | None
    whole: bool = False
    problem: str = ""

    def window(self, row, column, height, width):
        """Return the window of the picture that one place sees.

        Args:
            row: of the map, from 0.
            column: the same.
            height: of the picture, in pixels.
            width: of the picture, in pixels.

        Returns:
            (first row, row after the last, first column, column after the last); beyond the picture where the window
            is. Rows and columns that strides leave unread are counted where the window holds them. None if not known.

        Example:
            >>> Field(ReceptiveField(5, 2, -2), ReceptiveField(3, 1, 0)).window(row=1, column=4, height=9, width=9)
            (0, 5, 4, 7)
        """
        if self.problem:
            return None
        if self.whole:
            return (0, height, 0, width)
        top, left = (axis.start + place * axis.jump for axis, place in zip(self[:2], (row, column), strict=True))
        return (top, top + self.rows.size, left, left + self.columns.size)


class LayerOutput(NamedTuple):
    """One layer of a model, its symbolic output, and what the places of that output see."""

    layer: keras.Layer
    output: keras.KerasTensor
    field: Field


def layer_outputs(model, image_shape):
    """Return a model's layers with the receptive fields of their outputs.

    Where branches meet, the window holds those of all branches, so the largest path decides.

    Args:
        model: a Sequential or functional Keras model with one input.
        image_shape: (height, width, channels) of the pictures; what padding='same' adds depends on it.

    Returns:
        A list of `LayerOutput` from the input to the outputs; the layers of a model within the model are not in it.

    Raises:
        ValueError: if the model has no graph with one input, takes pictures of another shape, or has its channels in
            front of height and width; the message names the remedy.

    Example:
        >>> stack = [keras.layers.Conv2D(2, 3, name="conv"), keras.layers.MaxPooling2D(name="pool")]
        >>> outputs = layer_outputs(keras.Sequential([keras.Input((8, 9, 1)), *stack]), (8, 9, 1))
        >>> outputs[-1].layer.name, outputs[-1].field.columns
        ('pool', ReceptiveField(size=4, jump=2, start=0))
    """
    graph = _graph_of(model)
    wanted = tuple(model.inputs[0].shape)[1:]
    if len(wanted) != 3 or any(side not in (None, given) for side, given in zip(wanted, image_shape, strict=True)):
        raise ValueError(
            f"The model takes pictures of {wanted} (height, width, channels), and these are {tuple(image_shape)}: "
            "resize the pictures, or build the model for their size."
        )
    fields = _fields_of(model, graph, (1, *image_shape), Field(ReceptiveField(1, 1, 0), ReceptiveField(1, 1, 0)))
    return [
        LayerOutput(operation, tensor, fields[id(tensor)])
        for tensor, operation, _ in graph
        if isinstance(operation, keras.Layer)
    ]


def _graph_of(model):
    """What a model computes: (tensor, operation that gives it, tensors that go in), each after those that it needs."""
    try:
        starts, ends = list(model.inputs), list(model.outputs)
    except (AttributeError, TypeError, ValueError):
        starts, ends = [], []
    if len(starts) != 1 or not ends:
        raise ValueError(
            f"{type(model).__name__} {getattr(model, 'name', '')!r} is no graph of layers with one input: give a "
            "Sequential or functional Keras model that is built (a Sequential begins with keras.Input(shape))."
        )
    # With a stack, for a deep network would exhaust a recursion.
    order, done, stack = [], set(), list(ends)
    while stack:
        tensor = stack[-1]
        operation, node_index, _ = tensor._keras_history
        before = [] if tensor is starts[0] else list(operation._inbound_nodes[node_index].input_tensors)
        if missing := [other for other in before if id(other) not in done]:
            stack += missing
            continue
        stack.pop()
        if id(tensor) not in done:
            done.add(id(tensor))
            order.append((tensor, operation, before))
    return order


def _fields_of(model, graph, shape, start):
    """What the places of each tensor see, {id of the tensor: Field}, if those of the input see `start`."""
    tensors = [tensor for tensor, _, _ in graph]
    sizes = keras.Model(model.inputs, tensors).compute_output_shape(shape)
    shapes = {id(tensor): size for tensor, size in zip(tensors, sizes, strict=True)}
    fields = {}
    for tensor, operation, before in graph:
        if before:
            merged = _merge([fields[id(other)] for other in before])
            fields[id(tensor)] = _field_after(operation, merged, shapes[id(before[0])])
        else:
            fields[id(tensor)] = start
    return fields


def _merge(fields):
    """What a place sees to which several branches lead."""
    if problem := next((field.problem for field in fields if field.problem), ""):
        return Field(None, None, problem=problem)
    local = [field for field in fields if field.rows]
    if not local:
        return Field(None, None, whole=True)
    axes = [_merge_axis([getattr(field, axis) for field in local]) for axis in ("rows", "columns")]
    if None in axes:
        return Field(None, None, problem="branches with different steps meet")
    return Field(*axes, whole=any(field.whole for field in fields))


def _merge_axis(fields):
    if len({field.jump for field in fields}) > 1:
        return None
    start = min(field.start for field in fields)
    end = max(field.start + field.size for field in fields)
    return ReceptiveField(end - start, fields[0].jump, start)


def _field_after(operation, field, shape):
    """What the places see after one more operation on maps of this shape."""
    kind = type(operation).__name__
    if getattr(operation, "data_format", None) == "channels_first":
        raise ValueError(
            f"The layer {operation.name!r} has its channels first; build the model with data_format='channels_last': "
            "maps are read as (height, width, channels)."
        )
    if field.problem:
        return field
    if isinstance(operation, keras.Model):
        return _fields_of(operation, _graph_of(operation), shape, field)[id(operation.outputs[0])]
    over_channels = getattr(operation, "axis", -1) in LAST_AXIS
    if kind == "GroupNormalization" or (kind == "LayerNormalization" and not over_channels):
        return field._replace(whole=True)
    if kind in WHOLE_PICTURE:
        return Field(None, None, whole=True)
    if field.rows is None:  # past a global pooling nothing is local any more
        return field
    if kind in POINTWISE and (over_channels or kind != "Concatenate"):
        return field
    if isinstance(operation, BORDERS):
        return _after_border(operation, field)
    if isinstance(operation, SLIDING_WINDOWS):
        return _after_windows(operation, field, shape)
    return Field(None, None, problem=f"no rule for the layer {operation.name!r} of the kind {kind}")


def _after_border(operation, field):
    """Padding moves the windows to above and left, cropping back."""
    pads = isinstance(operation, keras.layers.ZeroPadding2D)
    border, sign = (operation.padding, -1) if pads else (operation.cropping, 1)
    axes = zip(field[:2], border, strict=True)
    moved = [axis._replace(start=axis.start + sign * sides[0] * axis.jump) for axis, sides in axes]
    return Field(*moved, field.whole)


def _after_windows(operation, field, shape):
    """A place sees what all places in its window see."""
    window = getattr(operation, "pool_size", None) or operation.kernel_size
    dilation_rate = getattr(operation, "dilation_rate", (1, 1))
    axes = zip(field[:2], shape[1:3], window, operation.strides, dilation_rate, strict=True)
    return Field(*(_slide(*axis, operation.padding) for axis in axes), field.whole)


def _slide(field, side, window, stride, dilation_rate, padding):
    before, _ = padding_amounts(side, window, stride, padding, dilation_rate)
    size = field.size + (window - 1) * dilation_rate * field.jump
    return ReceptiveField(size, field.jump * stride, field.start - before * field.jump)
