"""The receptive field figure: a stack of layers, and what one of its outputs sees of the picture."""

import base64
import textwrap
from typing import NamedTuple

import numpy as np
import traitlets

from convbook import digit_nets, shapes
from convbook.figures import still
from convbook.figures.base import FigureError, LiveFigure, check_picture, pack_picture
from convbook.operations import convolve2d, max_pool2d

# What a reader can choose for a layer; the JavaScript has the same.
CHOICES = {"kernel_size": (1, 3, 5), "strides": (1, 2), "padding": ("valid", "same"), "dilation_rate": (1, 2, 3)}
POOL_SIZE = 2
MOST_LAYERS = 8
LARGEST_SIDE_PX = 64
SMALLEST_DIGIT_PX = 22  # the window of the trained net's last layer
VIEWS = ("any stack", "trained net")

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


class Step(NamedTuple):
    """What is known of one layer of a stack.

    Args:
        shape: rows and columns of its output.
        padding: zeros before the first row, and before the first column, of its input.
        fields: what one of its outputs sees of the picture, a shapes.ReceptiveField down and one to the right.
    """

    shape: tuple
    padding: tuple
    fields: tuple


class ReceptiveField(LiveFigure):
    """Stack convolutions, strides and poolings, and see what one output sees of the picture.

    A stack in which no window fits at some layer is a state like any other: the figure says at which, and what helps.

    Args:
        image: uint8 (0…255) or float (0…1), (height, width) or (height, width, 1 or 3), up to 64 pixels each way.
        layers: a name of `STACKS`, or a list of 1 to 8 layers from the picture on: {'kernel_size': 3} for a
            convolution, with 'strides', 'padding' and 'dilation_rate' where they are not 1, 'valid' and 1;
            {'pool_size': 2} for a pooling.
        layer: whose output is looked at, counted from 1; None for the last.
        row: which output of that layer, its row, counted from 0; None for the middle.
        column: the same, from the left.
        digits: None, or uint8 (n, height, width, 1) with 2 to 12 pictures. With them, the reader can change to a second
            view: the convnet of `digit_nets`, and the gradient of one of its outputs with respect to a digit. They are
            numbered from 0: give one of each class in order, and number and digit agree.
        view: 'any stack', or 'trained net' to begin with the second view; layer, row and column are then the net's.
        digit: which of the digits is looked at.
        channel: which channel's output; None for the sum of all at that place.
        all_digits: whether the gradient's size is the mean over all digits: ReLU and max pooling hide pixels of one.

    Raises:
        FigureError: a ValueError and a TraitError, if picture, layers, layer, place, digits, view or channel do not
            fit; the message says what would.

    Example:
        >>> figure = ReceptiveField(np.zeros((20, 30)), "with pooling", row=0, column=1)
        >>> figure.output_shape
        (1, 4)
        >>> figure.window  # rows 0 to 17, columns 4 to 21
        (range(0, 18), range(4, 22))
        >>> ReceptiveField(np.zeros((20, 30)), [{"kernel_size": 3, "strides": 2}, {"pool_size": 2}]).fields[0]
        ReceptiveField(size=5, jump=4, start=0)
    """

    image = traitlets.Any()
    digits = traitlets.Any(None)
    layers = traitlets.Any().tag(sync=True)
    layer = traitlets.Int(1).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)
    view = traitlets.Unicode("any stack").tag(sync=True)
    digit = traitlets.Int(0).tag(sync=True)
    channel = traitlets.Int(None, allow_none=True).tag(sync=True)
    all_digits = traitlets.Bool(False).tag(sync=True)
    _picture = traitlets.Dict().tag(sync=True)
    _stacks = traitlets.Dict().tag(sync=True)
    _digits = traitlets.List().tag(sync=True)
    _network = traitlets.Dict(None, allow_none=True).tag(sync=True)

    def __init__(
        self,
        image,
        layers="with pooling",
        *,
        layer=None,
        row=None,
        column=None,
        digits=None,
        view="any stack",
        digit=0,
        channel=None,
        all_digits=False,
    ):
        image, layers = check_picture(image, LARGEST_SIDE_PX), check_layers(layers)
        digits = None if digits is None else check_digits(digits)
        network = None if digits is None else convolutional_part(digit_nets.packed("convnet"))
        is_trained = check_view(view, network) == "trained net"
        stack, shape = (layers_of(network), digits.shape[1:]) if is_trained else (layers, image.shape)
        layer = len(stack) if layer is None else check_layer(layer, stack)
        rows, columns = _shape_at(plan(shape, stack), layer)
        super().__init__(
            image=image,
            digits=digits,
            layers=layers,
            layer=layer,
            row=max(rows - 1, 0) // 2 if row is None else row,
            column=max(columns - 1, 0) // 2 if column is None else column,
            view=view,
            digit=digit,
            channel=channel,
            all_digits=all_digits,
            _picture=pack_picture(image),
            _stacks=STACKS,
            _digits=[] if digits is None else [pack_picture(one) for one in digits],
            _network=network,
        )

    @property
    def is_trained(self):
        """Whether the trained net is shown."""
        return self.view == "trained net" and self.digits is not None

    @property
    def stack(self):
        """The layers that are shown: the reader's own, or those of the trained net."""
        return layers_of(self._network) if self.is_trained else self.layers

    @property
    def picture(self):
        """What the first layer reads: the picture, or the digit."""
        return self.digits[self._check_digit(self.digit)] if self.is_trained else self.image

    @property
    def gradient(self):
        """The output's gradient with respect to the digit: float64 (height, width).

        Over all digits it is the mean of its size. Only for the trained net.
        """
        if not self.is_trained:
            raise FigureError("There is no gradient of a stack without weights; choose view='trained net'.")
        place = self.layer, self.row, self.column, self.channel
        if not self.all_digits:
            return input_gradient(self._network, self.picture, *place)
        return np.mean([np.abs(input_gradient(self._network, digit, *place)) for digit in self.digits], axis=0)

    @property
    def steps(self):
        """One `Step` for each layer, up to the last that has an output."""
        return plan(self.picture.shape, self.stack)

    @property
    def fits(self):
        """Whether the layer that is looked at has any output."""
        return self.layer <= len(self.steps)

    @property
    def output_shape(self):
        """Rows and columns of the layer that is looked at; (0, 0) if no window fits."""
        return _shape_at(self.steps, self.layer)

    @property
    def fields(self):
        """The formula's answer, a shapes.ReceptiveField down and one to the right; a ValueError if no window fits."""
        self._refuse_no_window()
        return self.steps[self.layer - 1].fields

    @property
    def window(self):
        """Rows and columns of the window, two ranges; those below 0 or beyond the picture are padding."""
        return tuple(_window(field, place) for field, place in zip(self.fields, (self.row, self.column), strict=True))

    @property
    def windows(self):
        """The windows of the layers up to this one, each of the output in the middle of what the next one reads."""
        self._refuse_no_window()
        steps, kernels = self.steps[: self.layer], self.stack
        place, windows = (self.row, self.column), []
        for number in range(self.layer, 0, -1):
            step = steps[number - 1]
            windows.insert(0, tuple(_window(field, at) for field, at in zip(step.fields, place, strict=True)))
            span, stride = _span(kernels[number - 1]), _stride(kernels[number - 1])
            place = tuple(at * stride - pad + (span - 1) // 2 for at, pad in zip(place, step.padding, strict=True))
        return windows

    @property
    def ways(self):
        """How many ways lead from each pixel through the layers to the output: float64 (height, width)."""
        self._refuse_no_window()
        return np.outer(*(self._ways(axis)[0] for axis in (0, 1)))

    def _ways(self, axis):
        """How many ways lead to the output from each place of the picture and of each map, along one axis."""
        sizes = [self.picture.shape[axis], *(step.shape[axis] for step in self.steps)]
        return count_ways(sizes, self.stack[: self.layer], self.steps, axis, (self.row, self.column)[axis])

    def describe(self):
        return describe(self)

    def draw_still(self):
        return draw_still(self)

    def _refuse_no_window(self):
        if not self.fits:
            raise FigureError(write_problem(self))

    @traitlets.validate("image")
    def _validate_image(self, proposal):
        return check_picture(proposal.value, LARGEST_SIDE_PX)

    @traitlets.validate("layers")
    def _validate_layers(self, proposal):
        return check_layers(proposal.value)

    @traitlets.validate("view")
    def _validate_view(self, proposal):
        return check_view(proposal.value, self._network)

    @traitlets.validate("digits")
    def _validate_digits(self, proposal):
        return None if proposal.value is None else check_digits(proposal.value)

    @traitlets.validate("digit")
    def _validate_digit(self, proposal):
        return self._check_digit(proposal.value)

    def _check_digit(self, digit):
        # Also asked by `picture`: a new figure's traits are validated in no certain order.
        count = 0 if self.digits is None else len(self.digits)
        if not 0 <= digit < max(count, 1):
            raise FigureError(f"digit is {digit}; the figure has {count} digits, give 0 to {max(count - 1, 0)}.")
        return digit

    @traitlets.validate("channel")
    def _validate_channel(self, proposal):
        channels = self._channels()
        if proposal.value is not None and not 0 <= proposal.value < channels:
            raise FigureError(
                f"channel is {proposal.value}; layer {self.layer} has {channels}: give 0 to {max(channels - 1, 0)}, or "
                "None for their sum."
            )
        return proposal.value

    @traitlets.validate("layer")
    def _validate_layer(self, proposal):
        return check_layer(proposal.value, self.stack)

    @traitlets.validate("row", "column")
    def _validate_place(self, proposal):
        name, value = proposal.trait.name, proposal.value
        rows, columns = self.output_shape
        size = rows if name == "row" else columns
        if not 0 <= value < max(size, 1):
            raise FigureError(
                f"{name} is {value}, outside the output of layer {self.layer}, {rows} rows and {columns} columns; give "
                f"{f'0 to {size - 1}' if size > 1 else '0'}."
            )
        return value

    @traitlets.observe("image")
    def _send_picture(self, change):
        self._picture = pack_picture(self.image)

    @traitlets.observe("digits")
    def _send_digits(self, change):
        if self.digits is None:
            self.view = "any stack"
        self._digits = [] if self.digits is None else [pack_picture(one) for one in self.digits]
        self._network = None if self.digits is None else convolutional_part(digit_nets.packed("convnet"))
        self.digit = min(self.digit, max(len(self._digits) - 1, 0))
        self._keep_inside(change)

    def _channels(self):
        """How many channels the layer has that is looked at; a stack without weights has none."""
        return channels_of(self._network)[self.layer - 1] if self.is_trained else 0

    @traitlets.observe("image", "layers", "layer", "view")
    def _keep_inside(self, change):
        self.layer = min(self.layer, len(self.stack))
        rows, columns = self.output_shape
        self.row, self.column = min(self.row, max(rows - 1, 0)), min(self.column, max(columns - 1, 0))
        if self.channel is not None and self.channel >= self._channels():
            self.channel = None


# ---- what is computed ----


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


def check_layer(layer, layers):
    """Return the number of a layer, counted from 1, if the stack has it.

    Raises:
        FigureError: if it has not; the message names the numbers that are possible.

    Example:
        >>> check_layer(2, STACKS["two 3×3"])
        2
    """
    if not isinstance(layer, int) or not 1 <= layer <= len(layers):
        raise FigureError(f"layer is {layer!r}; the stack has the layers 1 to {len(layers)}.")
    return layer


def check_digits(digits):
    """Return digits in the form that the figure works with.

    Args:
        digits: uint8 (n, height, width, 1), 2 to 12 pictures of 22 to 64 pixels each way.

    Returns:
        The array.

    Raises:
        FigureError: if dtype, rank, number or size are others; the message says what would fit.

    Example:
        >>> check_digits(np.zeros((2, 28, 30, 1), "uint8")).shape
        (2, 28, 30, 1)
    """
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


def check_view(view, network):
    """Return the name of a view, if the figure has it.

    Raises:
        FigureError: if there is no such view, or no digit for it.

    Example:
        >>> check_view("any stack", network=None)
        'any stack'
    """
    if view not in VIEWS:
        raise FigureError(f"There is no view {view!r}; choose one of {', '.join(VIEWS)}.")
    if view == "trained net" and network is None:
        raise FigureError("The view 'trained net' needs digits: give digits=photos.load_digits().test_images[:10].")
    return view


def plan(image_shape, layers):
    """Compute the sizes and the windows of a stack, layer by layer.

    Args:
        image_shape: (height, width, …) of the picture.
        layers: as `check_layers` returns them.

    Returns:
        A list of `Step`; shorter than the stack if no window fits into some layer's input.

    Example:
        >>> [step.shape for step in plan((10, 13), check_layers("with pooling"))]  # the last pooling has no room
        [(8, 11), (4, 5), (2, 3), (1, 1)]
    """
    shape, steps, numbers = tuple(image_shape[:2]), [], ([], [])
    for layer in layers:
        if layer.get("padding") != "same" and _span(layer) > min(shape):
            return steps
        kernel, stride, dilation = _size(layer), _stride(layer), layer.get("dilation_rate", 1)
        arguments = kernel, stride, layer.get("padding", "valid"), dilation
        padding = tuple(shapes.padding_amounts(size, *arguments)[0] for size in shape)
        shape = tuple(shapes.output_size(size, *arguments) for size in shape)
        for axis in (0, 1):
            numbers[axis].append((kernel, stride, dilation, padding[axis]))
        steps.append(Step(shape, padding, tuple(shapes.receptive_field(axis) for axis in numbers)))
    return steps


def count_ways(sizes, layers, steps, axis, place):
    """Count the ways from each place of each map to one output, along one axis.

    Zeros of the padding are no part of a map: no way leads through them.

    Args:
        sizes: of the picture and of each layer's output, along this axis.
        layers: those up to the output's.
        steps: their `Step`.
        axis: 0 for rows, 1 for columns.
        place: the output's, along this axis.

    Returns:
        A list of float64 arrays, for the picture and for each layer's output.

    Example:
        >>> layers = check_layers("two 3×3")
        >>> [ways.tolist() for ways in count_ways([6, 4, 2], layers, plan((6, 6), layers), axis=0, place=1)]
        [[0.0, 1.0, 2.0, 3.0, 2.0, 1.0], [0.0, 1.0, 1.0, 1.0], [0.0, 1.0]]
    """
    ways = [np.eye(sizes[len(layers)])[place]]
    for number in range(len(layers), 0, -1):
        layer, below = layers[number - 1], np.zeros(sizes[number - 1])
        for output, count in enumerate(ways[0]):
            start = output * _stride(layer) - steps[number - 1].padding[axis]
            for position in range(start, start + _span(layer), layer.get("dilation_rate", 1)):
                if 0 <= position < len(below):
                    below[position] += count
        ways.insert(0, below)
    return ways


def count_weights(layers):
    """Count the weights of a stack for each pair of an input channel and a filter.

    Example:
        >>> count_weights(check_layers("two 3×3")), count_weights(check_layers("one 5×5"))
        (18, 25)
    """
    return sum(layer.get("kernel_size", 0) ** 2 for layer in layers)


def _size(layer):
    return layer.get("kernel_size", POOL_SIZE)


def _stride(layer):
    return layer.get("strides", POOL_SIZE)


def _span(layer):
    return (_size(layer) - 1) * layer.get("dilation_rate", 1) + 1


def _shape_at(steps, layer):
    return steps[layer - 1].shape if layer <= len(steps) else (0, 0)


def _window(field, place):
    start = field.start + place * field.jump
    return range(start, start + field.size)


# ---- the trained net ----


def convolutional_part(network):
    """Return a packed net up to its last convolution or pooling, where an output still has a place.

    Args:
        network: a dictionary as `digit_nets.pack` makes it.

    Returns:
        A dictionary of the same form.

    Example:
        >>> [layer["name"] for layer in convolutional_part(digit_nets.packed("convnet"))["layers"]][:3]
        ['rescaling', 'conv_1', 'pool_1']
    """
    layers = network["layers"]
    last = max(number for number, layer in enumerate(layers) if layer["kind"] in ("conv", "max_pool"))
    return {**network, "layers": layers[: last + 1]}


def layers_of(network):
    """Return the convolutions and poolings of a packed net in the form of `check_layers`.

    Example:
        >>> layers_of(convolutional_part(digit_nets.packed("convnet")))[1]
        {'pool_size': 2}
    """
    plain = {"conv": _CONVOLUTION, "max_pool": _POOLING}
    return [dict(plain[layer["kind"]]) for layer in network["layers"] if layer["kind"] in plain]


def channels_of(network):
    """Return the channels of each convolution and pooling of a packed net.

    Example:
        >>> channels_of({"layers": [{"kind": "conv", "kernel": {"shape": [3, 3, 1, 16]}}, {"kind": "max_pool"}]})
        [16, 16]
    """
    channels = []
    for layer in network["layers"]:
        if layer["kind"] == "conv":
            channels.append(layer["kernel"]["shape"][3])
        elif layer["kind"] == "max_pool":
            channels.append(channels[-1])
    return channels


def input_gradient(network, image, layer, row, column, channel=None):
    """Compute by how much one output of a packed net changes with each pixel of its picture.

    Args:
        network: as `convolutional_part` returns it.
        image: uint8 (height, width, 1).
        layer: number of the convolution or pooling, from 1.
        row: the output's place.
        column: the same, from the left.
        channel: the output's channel; None for the sum over all.

    Returns:
        float64 (height, width).

    Example:
        >>> network = convolutional_part(digit_nets.packed("convnet"))
        >>> input_gradient(network, np.zeros((28, 28, 1), "uint8"), layer=2, row=3, column=4).shape
        (28, 28)
    """
    maps, scale, layers = [image.astype(float)], 1.0, []
    for step in network["layers"]:
        if step["kind"] == "rescaling":
            scale = step["scale"]
            maps[0] = maps[0] * scale
        elif len(layers) < layer:
            kernel = digit_nets.unpack_kernel(step["kernel"]).astype(float) if step["kind"] == "conv" else None
            layers.append(kernel)
            maps.append(max_pool2d(maps[-1]) if kernel is None else _convolve_with_relu(maps[-1], kernel, step["bias"]))
    slopes = np.zeros_like(maps[-1])
    slopes[row, column, slice(None) if channel is None else channel] = 1
    for below, above, kernel in zip(maps[-2::-1], maps[::-1], layers[::-1], strict=False):
        slopes = _pool_back(below, slopes) if kernel is None else _convolve_back(below, slopes * (above > 0), kernel)
    return slopes[..., 0] * scale


def _convolve_with_relu(image, kernel, bias):
    return np.maximum(convolve2d(image, kernel, np.frombuffer(base64.b64decode(bias), "<f4").astype(float)), 0)


def _convolve_back(below, slopes, kernel):
    back = np.zeros_like(below)
    for i, j in zip(*np.nonzero(slopes.any(axis=2)), strict=True):
        back[i : i + kernel.shape[0], j : j + kernel.shape[1]] += kernel @ slopes[i, j]
    return back


def _pool_back(below, slopes):
    """Each slope to where its window's largest value stands; of equal ones to the first, as in TensorFlow."""
    back = np.zeros_like(below)
    for i, j, channel in zip(*np.nonzero(slopes), strict=True):
        window = below[2 * i : 2 * i + 2, 2 * j : 2 * j + 2, channel]
        down, right = np.unravel_index(window.argmax(), window.shape)
        back[2 * i + down, 2 * j + right, channel] = slopes[i, j, channel]
    return back


# ---- the words, the same as in the JavaScript ----


def write_layer(layer):
    """Name a layer.

    Example:
        >>> write_layer({"pool_size": 2})
        'pooling 2 × 2'
        >>> write_layer({"kernel_size": 3, "strides": 2, "padding": "same", "dilation_rate": 1})
        'convolution 3 × 3, stride 2, same'
    """
    if "pool_size" in layer:
        return f"pooling {POOL_SIZE} × {POOL_SIZE}"
    parts = [f"convolution {layer['kernel_size']} × {layer['kernel_size']}"]
    parts += [f"stride {layer['strides']}"] if layer["strides"] > 1 else []
    parts += [f"dilation {layer['dilation_rate']}"] if layer["dilation_rate"] > 1 else []
    return ", ".join(parts + (["same"] if layer["padding"] == "same" else []))


def write_problem(figure):
    """Say at which layer no window fits and what would help; empty where all fit.

    Example:
        >>> write_problem(ReceptiveField(np.zeros((3, 9)), [{"kernel_size": 3}, {"pool_size": 2}]))
        'Layer 2: no window fits, it spans 2 × 2 and its input has 1 × 7. Enlarge the picture, or remove a layer.'
    """
    number = len(figure.steps)
    if number == len(figure.stack):
        return ""
    layer = figure.stack[number]
    rows, columns = _shape_at(figure.steps, number) if number else figure.picture.shape[:2]
    remedy = (
        "Enlarge the picture, or remove a layer."
        if "pool_size" in layer
        else ("Enlarge the picture, remove a layer, or pad: same.")
    )
    return (
        f"Layer {number + 1}: no window fits, it spans {_span(layer)} × {_span(layer)} and its input has "
        f"{rows} × {columns}. {remedy}"
    )


def write_window(figure):
    """Say what the output looked at sees, and how: by how many ways, or with which gradient.

    Example:
        >>> print(write_window(ReceptiveField(np.zeros((9, 12)), "two 3×3", row=0, column=3)))
        Output row 0, column 3 of layer 2 sees 5 × 5 pixels: rows 0 to 4, columns 3 to 7. It reads 25 of the picture's \
108 pixels. From each, 1 to 9 ways lead through the layers to it.
    """
    rows, columns = (f"{_write(window[0])} to {_write(window[-1])}" for window in figure.window)
    size = figure.fields[0].size
    pixels = "1 × 1 pixel" if size == 1 else f"{size} × {size} pixels"
    return (
        f"Output row {figure.row}, column {figure.column} of layer {figure.layer} sees {pixels}: rows {rows}, columns "
        f"{columns}. {write_gradient(figure) if figure.is_trained else _write_reading(figure)}"
    )


def write_gradient(figure):
    """Say where the gradient of a trained net's output is not 0, and how much of it lies in the window's middle.

    Args:
        figure: a ReceptiveField with the view 'trained net'.

    Returns:
        One sentence of plain text.
    """
    size, gradient = figure.fields[0].size, np.abs(figure.gradient)
    if not gradient.any():
        return "The gradient is 0 everywhere: ReLU lets nothing through here. Choose another place or channel."
    rows, columns = figure.window
    inside = np.count_nonzero(gradient[rows.start : rows.stop, columns.start : columns.stop])
    outside = np.count_nonzero(gradient) - inside
    start = f"Mean over {len(figure.digits)} digits: in" if figure.all_digits else "In"
    sentence = f"{start} the window, the gradient is not 0 at {inside} of {size**2} pixels, outside at {outside}"
    edge = size // 4
    if edge == 0:
        return f"{sentence}."
    middle = gradient[rows.start + edge : rows.stop - edge, columns.start + edge : columns.stop - edge]
    share, side = still.format_cell(100 * middle.sum() / gradient.sum()), size - 2 * edge
    part = still.format_cell(100 * side**2 / size**2)
    return f"{sentence}. The middle {side} × {side}, {part} % of the window, hold {share} % of its size."


def _write_reading(figure):
    """How many pixels the output reads, why not the whole window, and by how many ways."""
    ways = figure.ways
    read, inside = int((ways > 0).sum()), _count_inside(figure)
    reasons = ["what hangs over the border is padding"] if inside < figure.fields[0].size ** 2 else []
    reasons += ["of the rest it skips some"] if read < inside else []
    why = f"; {', and '.join(reasons)}" if reasons else ""
    fewest, most = int(ways[ways > 0].min()), int(ways.max())
    lead = "1 way leads" if most == 1 else f"{most} ways lead" if fewest == most else f"{fewest} to {most} ways lead"
    return f"It reads {read} of the picture's {ways.size} pixels{why}. From each, {lead} through the layers to it."


def _count_inside(figure):
    """Pixels of the picture that lie in the window."""
    sides = zip(figure.window, figure.picture.shape, strict=False)
    return int(np.prod([sum(0 <= place < size for place in places) for places, size in sides]))


def write_weights(layers):
    """Say how many weights a stack has.

    Example:
        >>> write_weights(check_layers("two 3×3"))
        'Weights for each pair of input channel and filter: 9 + 9 = 18.'
    """
    parts = [layer["kernel_size"] ** 2 for layer in layers if "kernel_size" in layer]
    total = f"{' + '.join(map(str, parts))} = {sum(parts)}" if len(parts) > 1 else str(sum(parts))
    return f"Weights for each pair of input channel and filter: {total}."


def _write(place):
    return still.format_number(place)


def describe(figure):
    """Say what a ReceptiveField shows: its layers, what the output looked at sees, and what does not fit."""
    height, width, _ = figure.picture.shape
    name = f"Digit {figure.digit}, a picture" if figure.is_trained else "A picture"
    stack = "; ".join(f"{number}. {write_layer(layer)}" for number, layer in enumerate(figure.stack, start=1))
    seen = [write_window(figure)] if figure.fits else []
    problem = [write_problem(figure)] if write_problem(figure) else []
    return " ".join([f"{name} of {height} × {width} pixels and the layers {stack}.", *seen, *problem])


# ---- the still picture ----

STILL_WIDTH_PX, PICTURE_PX, ZOOM_PX, LARGEST_CELL_PX, LARGEST_NUMBERED = 620, 340, 200, 26, 9
FADED, PAPER = 0.4, 250  # what is not read keeps this share of its colours; also in the JavaScript


def draw_still(figure):
    """Draw the picture with the window, the window enlarged, what the output sees, and the layers.

    Args:
        figure: a ReceptiveField.

    Returns:
        An SVG element as text.
    """
    top, (height, width, _) = 24, figure.picture.shape
    margins = _margins(figure)
    rows, columns = (sum(margin) + size for margin, size in zip(margins, (height, width), strict=True))
    cell_px = min(PICTURE_PX / max(rows, columns), LARGEST_CELL_PX)
    note = f"{height} × {width}{', padding hatched' if np.any(margins) else ''}"
    title = f"Digit {figure.digit}" if figure.is_trained else "Picture"
    parts = [still.draw_heading(title, note, 0, top - 9), *_draw_picture(figure, margins, cell_px, top)]
    y = top + rows * cell_px
    if figure.fits:
        draw = _draw_gradient if figure.is_trained else _draw_ways
        parts += draw(figure, STILL_WIDTH_PX - ZOOM_PX - 20, top)
        y = max(y, top + ZOOM_PX + 20)
    text = " ".join(filter(None, [write_window(figure) if figure.fits else "", write_problem(figure)]))
    for line in textwrap.wrap(text, 92):
        y += 20
        parts.append(still.draw_text(line, 0, y + 8, font_size=14))
    y += 18
    for number in range(1, len(figure.stack) + 1):
        y += 20
        parts.append(_draw_layer(figure, number, y))
    if not figure.is_trained:
        parts.append(still.draw_text(write_weights(figure.stack), 0, y + 22, font_size=12))
    return still.wrap_svg(parts, STILL_WIDTH_PX, y + 32, describe(figure))


def _margins(figure):
    """How far the windows of this layer hang over the picture, ((above, below), (left, right))."""
    if not figure.fits:
        return ((0, 0), (0, 0))
    margins = []
    for field, count, size in zip(figure.fields, figure.output_shape, figure.picture.shape, strict=False):
        margins.append((max(0, -field.start), max(0, _window(field, count - 1).stop - size)))
    return tuple(margins)


def _draw_picture(figure, margins, cell_px, top):
    """The picture, faded where it is not read, the padding, and the windows."""
    (above, _), (left, _) = margins
    height, width, _ = figure.picture.shape
    image = figure.picture if figure.picture.dtype == np.uint8 else np.round(figure.picture * 255).astype(np.uint8)
    read = (figure.ways > 0)[..., np.newaxis] if figure.fits else np.True_
    pixels = np.where(read, image, PAPER + FADED * (image.astype(float) - PAPER)).astype(np.uint8)
    pixels = np.broadcast_to(pixels, (height, width, 3))
    rows, columns = (sum(margin) + size for margin, size in zip(margins, (height, width), strict=True))
    parts = [
        _draw_hatching(0, top, columns * cell_px, rows * cell_px) if np.any(margins) else "",
        still.draw_pixels(pixels, left * cell_px, top + above * cell_px, cell_px),
    ]
    for window in figure.windows[:-1] if figure.fits else []:
        x, y, side = _box(window, above, left, cell_px)
        box = f'x="{x:.4g}" y="{top + y:.4g}" width="{side:.4g}" height="{side:.4g}" fill="none"'
        parts.append(f'<rect {box} stroke="#fff" stroke-width="3" opacity=".8"/><rect {box} stroke="{still.MARKER}"/>')
    if figure.fits:
        x, y, side = _box(figure.window, above, left, cell_px)
        parts.append(still.draw_frame(x, top + y, side, side))
    return parts


def _box(window, above, left, cell_px):
    """A window's left edge, upper edge and side on the drawing."""
    rows, columns = window
    return (columns.start + left) * cell_px, (rows.start + above) * cell_px, len(rows) * cell_px


def _draw_hatching(x, y, width, height):
    """Slanted strokes over a box, cut off at its edges."""
    strokes = ""
    for offset in np.arange(6, width + height, 6.0):
        from_x, to_x = min(offset, width), max(offset - height, 0)
        strokes += f"M{x + from_x:.4g} {y + offset - from_x:.4g}L{x + to_x:.4g} {y + offset - to_x:.4g}"
    return f'<path d="{strokes}" stroke="#9aa2ab" stroke-width=".6"/>'


def _draw_ways(figure, x, y):
    """The window enlarged: how many ways lead from each pixel to the output."""
    size, ways = figure.fields[0].size, np.full((figure.fields[0].size,) * 2, np.nan)
    rows, columns = figure.window
    for (i, row), (j, column) in ((a, b) for a in enumerate(rows) for b in enumerate(columns)):
        if 0 <= row < figure.picture.shape[0] and 0 <= column < figure.picture.shape[1]:
            ways[i, j] = figure.ways[row, column]
    cell_px, most = ZOOM_PX / size, np.nanmax(ways)
    colors = still.diverging_colors(np.where(ways > 0, 0.15 + 0.85 * np.nan_to_num(ways) / most, 0), 1)
    colors[np.isnan(ways)] = 255
    parts = [
        still.draw_heading("Window", f"{size} × {size}, enlarged", x, y - 9),
        still.draw_pixels(colors, x, y, cell_px),
        still.draw_frame(x, y, ZOOM_PX, ZOOM_PX),
        still.draw_text(f"darkest: {most:.0f} {'way' if most == 1 else 'ways'} to the output", x, y + ZOOM_PX + 20),
    ]
    for (i, j), count in np.ndenumerate(ways if size <= LARGEST_NUMBERED else np.zeros((0, 0))):
        if count > 0:
            place = x + (j + 0.5) * cell_px, y + (i + 0.66) * cell_px
            style = {"fill": still.readable_on(colors[i, j]), "font_size": f"{0.42 * cell_px:.3g}"}
            parts.append(still.draw_text(f"{count:.0f}", *place, text_anchor="middle", **style))
    return parts


def _draw_gradient(figure, x, y):
    """The gradient at every pixel of the digit, with the window."""
    gradient, (height, width, _) = figure.gradient, figure.picture.shape
    scale, cell_px = np.abs(gradient).max() or 1.0, ZOOM_PX / max(height, width)
    left, top, side = _box(figure.window, 0, 0, cell_px)
    note = f"mean size, {len(figure.digits)} digits" if figure.all_digits else _write_channel(figure)
    return [
        still.draw_heading("Gradient", note, x, y - 9),
        still.draw_pixels(still.diverging_colors(gradient, scale), x, y, cell_px),
        still.draw_frame(x + left, y + top, side, side),
        still.draw_text("blue: below 0, orange: above", x, y + height * cell_px + 20),
    ]


def _write_channel(figure):
    return "all channels" if figure.channel is None else f"channel {figure.channel}"


def _draw_layer(figure, number, y):
    """One layer: its name, and what follows from it."""
    texts = [f"{number}. {write_layer(figure.stack[number - 1])}", "no window fits", "", ""]
    if number <= len(figure.steps):
        step = figure.steps[number - 1]
        rows, columns = step.shape
        size, jump = step.fields[0].size, step.fields[0].jump
        texts[1:] = f"{rows} × {columns}", f"window {size} × {size}", f"jump {jump}"
    style = {"fill": still.MARKER, "font_weight": "bold"} if number == figure.layer else {}
    columns = zip(texts, (0, 260, 340, 460), strict=True)
    return "".join(still.draw_text(text, x, y, **style) for text, x in columns)
