"""The receptive field figure: a stack of layers, and what one of its outputs sees of the picture."""

import functools

import numpy as np
import traitlets

from convbook import digit_nets, shapes
from convbook.figures.base import (
    Checked,
    Choice,
    FigureError,
    LiveFigure,
    Switch,
    Whole,
    check_picture,
    pack_picture,
    refuse_outside,
)

# What a reader can choose for a layer; the JavaScript offers the same.
CHOICES = {"kernel_size": (1, 3, 5), "strides": (1, 2), "padding": ("valid", "same"), "dilation_rate": (1, 2, 3)}
POOL_SIZE = 2
MOST_LAYERS = 8
LARGEST_SIDE_PX = 64
SMALLEST_DIGIT_PX = 22  # the window of the trained net's last layer

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
    """Stack convolutions, strides and poolings, and see what one output sees of the picture.

    A stack in which no window fits at some layer is a state like any other: the figure says at which, and what helps.

    Args:
        image: uint8 (0…255) or float (0…1), (height, width) or (height, width, 1 or 3), up to 64 pixels each way.
        layers: a name of `STACKS`, or a list of 1 to 8 layers from the picture on: {'kernel_size': 3} for a
            convolution, with 'strides', 'padding' and 'dilation_rate' where they are not 1, 'valid' and 1;
            {'pool_size': 2} for a pooling.
        digits: None, or uint8 (n, height, width, 1) with 2 to 12 pictures. With them, the reader can change to a second
            view: the convnet of `digit_nets`, and the gradient of one of its outputs with respect to a digit. They are
            numbered from 0: give one of each class in order, and number and digit agree.
        layer: whose output is looked at, counted from 1; None for the last.
        row: which output of that layer, its row, counted from 0; None for the middle.
        column: the same, from the left.
        view: 'any stack', or 'trained net' for the second view; layer, row and column are then the net's.
        digit: which of the digits is looked at.
        channel: which channel's output; None for the sum of all channels.
        all_digits: whether the gradient's size is the mean over all digits: ReLU and max pooling hide pixels of one.

    Raises:
        FigureError: a ValueError and a TraitError, if picture, layers, layer, output, digits, view or channel do not
            fit; the message says what would.

    Example:
        >>> figure = ReceptiveField(np.zeros((20, 30)), "with pooling")
        >>> figure.layers[1]
        {'pool_size': 2}
    """

    image = Checked(functools.partial(check_picture, largest_side_px=LARGEST_SIDE_PX))
    digits = Checked(lambda digits: _check_digits(digits), allow_none=True)
    layers = Checked(check_layers).tag(sync=True, link=True)
    layer = Whole(None, allow_none=True).tag(sync=True)
    row = Whole(None, allow_none=True).tag(sync=True)
    column = Whole(None, allow_none=True).tag(sync=True)
    view = Choice(("any stack", "trained net")).tag(sync=True)
    digit = Whole().tag(sync=True)
    channel = Whole(None, allow_none=True).tag(sync=True)
    all_digits = Switch().tag(sync=True)
    _picture = traitlets.Dict().tag(sync=True)
    _stacks = traitlets.Dict(STACKS).tag(sync=True)
    _digits = traitlets.List().tag(sync=True)
    _network = traitlets.Dict(None, allow_none=True).tag(sync=True)

    def __init__(self, image, layers="with pooling", digits=None, **traits):
        super().__init__(image=image, layers=layers, digits=digits, **traits)

    @property
    def alternative(self):
        height, width, _ = self.image.shape
        return (
            f"A picture of {height} × {width} pixels, a stack of {len(self.layers)} layers, and the window of the "
            "picture that one output of the last layer sees."
        )

    def check(self, state):
        if state.changed == "view" and state.view == "trained net" and state.digits is None:
            raise FigureError("The view 'trained net' needs digits: give digits=photos.load_digits().test_images[:10].")
        if state[state.changed] is None:  # the last layer, the middle of its output, or the sum of its channels
            return
        layers, channels = _stack(state)
        layer = min(state.layer or len(layers), len(layers))
        rows, columns = _output_shape(state)
        output = f"the output of layer {layer} has {rows} rows and {columns} columns"
        digits = 0 if state.digits is None else len(state.digits)
        refuse_outside(state, "layer", 1, len(layers), f"the stack has {len(layers)} layers")
        refuse_outside(state, "row", 0, rows - 1, output)
        refuse_outside(state, "column", 0, columns - 1, output)
        refuse_outside(state, "digit", 0, digits - 1, f"the figure has {digits} digits")
        counted = f"layer {layer} has {channels[layer - 1]} channels, and None stands for their sum"
        refuse_outside(state, "channel", 0, channels[layer - 1] - 1, counted)

    @traitlets.observe("image", "digits", "layers", "layer", "view")
    def _keep_inside(self, change):
        with self.hold_sync():
            if change.name == "image":
                self._picture = pack_picture(self.image)
            if change.name == "digits":
                self._digits = [] if self.digits is None else [pack_picture(digit) for digit in self.digits]
                self._network = None if self.digits is None else _network()
                self.view = "any stack" if self.digits is None else self.view
                self.digit = _at_most(self.digit, len(self._digits) - 1)
            layers, channels = _stack(self)
            self.layer = _at_most(self.layer, len(layers))
            rows, columns = _output_shape(self)
            self.row, self.column = _at_most(self.row, rows - 1), _at_most(self.column, columns - 1)
            if self.channel is not None and self.channel >= channels[(self.layer or len(layers)) - 1]:
                self.channel = None


def _check_digits(digits):
    """uint8 (n, height, width, 1), 2 to 12 pictures."""
    digits = np.asarray(digits)
    if digits.dtype != np.uint8 or digits.ndim != 4 or digits.shape[3] != 1 or not 2 <= len(digits) <= 12:
        raise FigureError(
            f"digits is {digits.dtype} of the shape {digits.shape}; give 2 to 12 pictures as uint8 (n, height, width, "
            "1), such as photos.load_digits().test_images[:10]."
        )
    if not SMALLEST_DIGIT_PX <= min(digits.shape[1:3]) <= max(digits.shape[1:3]) <= LARGEST_SIDE_PX:
        raise FigureError(
            f"digits have {digits.shape[1]} × {digits.shape[2]} pixels; the net and the figure take "
            f"{SMALLEST_DIGIT_PX} to {LARGEST_SIDE_PX} each way. photos.place_on_canvas puts them on a larger canvas."
        )
    return digits


def _at_most(value, most):
    """The value pulled back between 0 and `most`; None stays."""
    return None if value is None else max(min(value, most), 0)


@functools.cache
def _network():
    """The packed convnet up to its last convolution or pooling, where outputs still have rows and columns."""
    network = digit_nets.packed("convnet")
    last = max(n for n, layer in enumerate(network["layers"]) if layer["kind"] in ("conv", "max_pool"))
    return {**network, "layers": network["layers"][: last + 1]}


def _stack(state):
    """The layers that are shown, the reader's own or the trained net's, and how many channels each has."""
    if state.view != "trained net" or state.digits is None:
        return state.layers, [0] * len(state.layers)
    layers, channels = [], []
    for layer in _network()["layers"]:
        if layer["kind"] == "conv":
            layers.append(_CONVOLUTION)
            channels.append(layer["kernel"]["shape"][3])
        elif layer["kind"] == "max_pool":
            layers.append(_POOLING)
            channels.append(channels[-1])
    return layers, channels


def _output_shape(state):
    """Rows and columns of the layer that is looked at; (0, 0) if no window fits."""
    layers, _ = _stack(state)
    shape = (state.image if layers is state.layers else state.digits[0]).shape[:2]
    plain = {**_CONVOLUTION, "kernel_size": POOL_SIZE, "strides": POOL_SIZE}  # a pooling reads as such a convolution
    try:
        for layer in layers[: state.layer]:
            shape = shapes.window_grid((*shape, 1), *(layer.get(name, plain[name]) for name in CHOICES))
    except ValueError:
        return 0, 0
    return shape
