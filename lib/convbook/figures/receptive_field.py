"""The receptive field figure: a stack of layers, and what one of its outputs sees of the picture."""

import functools

import traitlets

from convbook import shapes
from convbook.figures.base import Checked, FigureError, LiveFigure, Whole, check_picture, pack_picture, refuse_outside

# What a reader can choose for a layer; the JavaScript offers the same.
CHOICES = {"kernel_size": (1, 3, 5), "strides": (1, 2), "padding": ("valid", "same"), "dilation_rate": (1, 2, 3)}
POOL_SIZE = 2
MOST_LAYERS = 8
LARGEST_SIDE_PX = 64

_CONVOLUTION = {"kernel_size": 3, "strides": 1, "padding": "valid", "dilation_rate": 1}
_POOLING = {"pool_size": POOL_SIZE}

# The stacks that have a name. The three-layer ones have the same convolutions, so the same number of weights.
STACKS = {
    "two 3×3": [_CONVOLUTION] * 2,
    "one 5×5": [{**_CONVOLUTION, "kernel_size": 5}],
    "without pooling": [_CONVOLUTION] * 3,
    "with pooling": [_CONVOLUTION, _POOLING, _CONVOLUTION, _POOLING, _CONVOLUTION],
    "with strides": [{**_CONVOLUTION, "strides": 2}] * 2 + [_CONVOLUTION],
    "dilated": [{**_CONVOLUTION, "dilation_rate": rate} for rate in (1, 2, 3)],
    "padded": [{**_CONVOLUTION, "padding": "same"}] * 3,
    "the lecture's convnet": [_CONVOLUTION, _POOLING] * 3 + [_CONVOLUTION],
}


def check_layers(layers):
    """Return a stack of layers in the form that the figure works with.

    Args:
        layers: a name of `STACKS`, or a list of dictionaries as `ReceptiveField` takes them.

    Returns:
        A list of dictionaries, each with all its keys.

    Raises:
        FigureError: if there is no such name, no layer, too many, or one that the figure cannot show; the message
            names the layer's number, from 1, and what is possible.

    Example:
        >>> check_layers([{"kernel_size": 5, "padding": "same"}, {"pool_size": 2}])[0]
        {'kernel_size': 5, 'strides': 1, 'padding': 'same', 'dilation_rate': 1}
    """
    if isinstance(layers, str):
        if layers not in STACKS:
            raise FigureError(f"There is no stack {layers!r}; choose one of {', '.join(STACKS)}, or give a list.")
        return [dict(layer) for layer in STACKS[layers]]
    if not isinstance(layers, (list, tuple)) or not 1 <= len(layers) <= MOST_LAYERS:
        given = len(layers) if isinstance(layers, (list, tuple)) else repr(layers)
        raise FigureError(f"layers is {given}; give a list of 1 to {MOST_LAYERS}, such as [{{'kernel_size': 3}}].")
    return [_check_layer(number, layer) for number, layer in enumerate(layers, start=1)]


def _check_layer(number, layer):
    """One layer with all its keys."""
    keys = set(layer) if isinstance(layer, dict) else None
    if keys == {"pool_size"}:
        if layer["pool_size"] != POOL_SIZE:
            raise FigureError(f"pool_size of layer {number} is {layer['pool_size']!r}; the figure pools 2 × 2: give 2.")
        return dict(_POOLING)
    if keys is None or "kernel_size" not in keys or keys - set(CHOICES):
        raise FigureError(
            f"Layer {number} is {layer!r}; give {{'kernel_size': 3}} for a convolution, with 'strides', 'padding' and "
            "'dilation_rate' if you like, or {'pool_size': 2} for a pooling."
        )
    layer = {**_CONVOLUTION, **layer}
    for name, value in layer.items():
        if value not in CHOICES[name]:
            raise FigureError(
                f"{name} of layer {number} is {value!r}; the figure shows {', '.join(map(str, CHOICES[name]))}. For "
                "others use convbook.shapes.receptive_field."
            )
    if layer["strides"] > 1 and layer["dilation_rate"] > 1:
        raise FigureError(
            f"strides and dilation_rate of layer {number} are both above 1, which Keras refuses: set one of them to 1."
        )
    return layer


class ReceptiveField(LiveFigure):
    """Point at any cell of any layer, and see the cone that leads from it down to the pixels that it sees.

    The picture and one column of each layer's output stand side by side to one scale. A stack in which no window fits
    at some layer is a state like any other: the figure says at which, and what helps.

    Args:
        image: uint8 (0…255) or float (0…1), (height, width) or (height, width, 1 or 3), up to 64 pixels each way.
        layers: a name of `STACKS`, or a list of 1 to 8 layers from the picture on: {'kernel_size': 3} for a
            convolution, with 'strides', 'padding' and 'dilation_rate' where they are not 1, 'valid' and 1;
            {'pool_size': 2} for a pooling.
        layer: whose output is looked at, counted from 1; None for the last.
        row: which output of that layer, its row, counted from 0; None for the middle.
        column: the same, from the left.

    Raises:
        FigureError: a ValueError and a TraitError, if picture, layers, layer or output do not fit; the message says
            what would.

    Example:
        >>> figure = ReceptiveField([[0.0] * 30] * 20, "with pooling")
        >>> figure.layers[1]
        {'pool_size': 2}
    """

    image = Checked(functools.partial(check_picture, largest_side_px=LARGEST_SIDE_PX))
    layers = Checked(check_layers).tag(sync=True, link=True)
    layer = Whole(None, allow_none=True).tag(sync=True)
    row = Whole(None, allow_none=True).tag(sync=True)
    column = Whole(None, allow_none=True).tag(sync=True)
    _picture = traitlets.Dict().tag(sync=True)
    _stacks = traitlets.Dict(STACKS).tag(sync=True)

    def __init__(self, image, layers="with pooling", **traits):
        super().__init__(image=image, layers=layers, **traits)

    @property
    def alternative(self):
        height, width, _ = self.image.shape
        return (
            f"A picture of {height} × {width} pixels, a stack of {len(self.layers)} layers, and the window of the "
            "picture that one output of the last layer sees."
        )

    def check(self, state):
        if state[state.changed] is None:  # the last layer, or the middle of its output
            return
        layer = min(state.layer or len(state.layers), len(state.layers))
        rows, columns = _output_shape(state)
        output = f"the output of layer {layer} has {rows} rows and {columns} columns"
        refuse_outside(state, "layer", 1, len(state.layers), f"the stack has {len(state.layers)} layers")
        refuse_outside(state, "row", 0, rows - 1, output)
        refuse_outside(state, "column", 0, columns - 1, output)

    @traitlets.observe("image", "layers", "layer")
    def _keep_inside(self, change):
        with self.hold_sync():
            if change.name == "image":
                self._picture = pack_picture(self.image)
            self.layer = _at_most(self.layer, len(self.layers))
            rows, columns = _output_shape(self)
            self.row, self.column = _at_most(self.row, rows - 1), _at_most(self.column, columns - 1)


def _at_most(value, most):
    """The value pulled back between 0 and `most`; None stays."""
    return None if value is None else max(min(value, most), 0)


def _output_shape(state):
    """Rows and columns of the layer that is looked at; (0, 0) if no window fits."""
    shape = state.image.shape[:2]
    plain = {**_CONVOLUTION, "kernel_size": POOL_SIZE, "strides": POOL_SIZE}  # a pooling reads as such a convolution
    try:
        for layer in state.layers[: state.layer]:
            shape = shapes.window_grid((*shape, 1), *(layer.get(name, plain[name]) for name in CHOICES))
    except ValueError:
        return 0, 0
    return shape
