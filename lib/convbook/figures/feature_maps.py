"""The feature maps figure: what a trained network makes of a few pictures, stage after stage."""

import base64
import io
import math
import re
import zlib
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

import numpy as np
import traitlets
from PIL import Image

from convbook.figures import still
from convbook.figures.base import FigureError, LiveFigure
from convbook.receptive_fields import Field, layer_outputs

MOST_PICTURES, MOST_STAGES, MOST_CHANNELS, FEWEST_CHANNELS = 8, 8, 16, 4
USUAL_CHANNELS = 12
LARGEST_SIDE_PX = 320
STAGE_BYTES = 34_000  # a stage with large maps shows fewer of them, so that the page stays small
LARGEST_BYTES = 2_000_000
ALIKE = 0.9
LEVELS = 254
BLOCK = re.compile(r"^(block\d+)_")


class Stage(NamedTuple):
    """One layer's maps, of the channels that the figure shows.

    `maps` is float32 (pictures, height, width, channels shown), as the model computed them; `all_channels` is how many
    the layer has, `channels` are the numbers of those shown, `zeros` the places that are exactly zero, int (pictures,
    channels shown), and `all_zeros` the same over all channels, int (pictures,).
    """

    title: str
    layer: str
    maps: np.ndarray
    all_channels: int
    channels: list
    zeros: np.ndarray
    all_zeros: np.ndarray
    field: Field


class FeatureMaps(LiveFigure):
    """Walk through a trained network's stages, and see for each picture where its channels respond.

    The maps are computed once, in Python, by the model itself. The page holds them in 8 bits: 255 levels from a
    channel's smallest to its largest value over all pictures, with zero exactly on a level, so that a number in the
    figure is right to within one `step`.

    Args:
        model: a Keras model, Sequential or functional, with its weights; a KerasHub backbone is one.
        images: 1 to 8 pictures of one size, (n, height, width, 1 or 3), uint8 or float with values 0 to 255.
        layers: names of layers whose outputs are shown, from input to output, or {title: name}. None takes the last
            layer of each block where the layers' names begin with block1_, block2_, …; else the last of each size.
        converter: a function from float32 (n, height, width, channels), 0 to 255, to what the model was trained on, of
            the same height and width, such as the image converter that `backbones.load` gives. None changes nothing:
            for models that rescale their input themselves.
        names: one text for each picture; None numbers them.
        picture: which picture, from 0.
        stage: which of the layers, from 0.
        channel: which of the shown channels, from 0: the one whose values spread most. Not the channel's number in the
            layer, which the figure names.
        row: a place of the map, from 0; None for the place with the strongest value.
        column: the same.
        strength: how much of the map lies over the picture, 0 to 100 per cent.
        most_channels: at most so many channels are shown of a layer, 1 to 16; of large maps fewer.
        accuracies: for each of the layers the accuracy of a classifier on its output, 0 to 1, as measured; None shows
            none.

    Raises:
        FigureError: a ValueError and a TraitError, if model, pictures, layers or places do not fit; the message says
            what would.

    Example:
        >>> import keras
        >>> layers = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.MaxPooling2D()]
        >>> model = keras.Sequential([keras.Input((12, 18, 1)), *layers])
        >>> figure = FeatureMaps(model, np.zeros((2, 12, 18, 1), "uint8"))
        >>> [stage.maps.shape for stage in figure.stages]
        [(2, 10, 16, 4), (2, 5, 8, 4)]
        >>> figure.window(2, 3)  # of the first stage: rows from, to, columns from, to
        (2, 5, 3, 6)
    """

    picture = traitlets.Int(0).tag(sync=True)
    stage = traitlets.Int(0).tag(sync=True)
    channel = traitlets.Int(0).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)
    strength = traitlets.Int(60).tag(sync=True)
    _names = traitlets.List().tag(sync=True)
    _pictures = traitlets.Dict().tag(sync=True)
    _stages = traitlets.List().tag(sync=True)
    _maps = traitlets.Dict().tag(sync=True)
    _accuracies = traitlets.List(allow_none=True).tag(sync=True)

    def __init__(
        self,
        model,
        images,
        *,
        layers=None,
        converter=None,
        names=None,
        picture=0,
        stage=0,
        channel=0,
        row=None,
        column=None,
        strength=60,
        most_channels=USUAL_CHANNELS,
        accuracies=None,
    ):
        self.images = check_images(images)
        self.stages = compute_stages(model, self.images, layers, converter, check_most_channels(most_channels))
        levels = [quantize(stage.maps) for stage in self.stages]
        self.steps = [steps for _, steps, _ in levels]
        super().__init__(
            _names=check_names(names, len(self.images)),
            _pictures=_pack_pictures(self.images),
            _stages=[_pack_stage(*pair) for pair in zip(self.stages, levels, strict=True)],
            _maps=_pack_levels([level for level, _, _ in levels]),
            _accuracies=check_accuracies(accuracies, self.stages),
        )
        self.picture, self.stage, self.strength = picture, stage, strength
        self.channel = channel
        strongest = self.strongest_place()
        self.row = strongest[0] if row is None else row
        self.column = strongest[1] if column is None else column

    @property
    def map(self):
        """The chosen channel's map of the chosen picture, as the model computed it: float32 (rows, columns)."""
        return self.stages[self.stage].maps[self.picture, :, :, self.channel]

    @property
    def step(self):
        """From one level of the chosen channel to the next: the numbers in the figure are right to within it."""
        return float(self.steps[self.stage][self.channel])

    @property
    def value(self):
        """The number that the figure shows at the chosen place: the model's, on the nearest level."""
        return float(np.round(self.map[self.row, self.column] / self.step) * self.step)

    def strongest_place(self):
        """Return the place with the largest size of a value in the chosen map, the first of equal ones.

        Returns:
            (row, column), ints.
        """
        return tuple(map(int, np.unravel_index(np.abs(np.round(self.map / self.step)).argmax(), self.map.shape)))

    def window(self, row, column):
        """Return the window of the picture that a place of the chosen stage's maps looks at.

        Args:
            row: of the map, from 0.
            column: the same.

        Returns:
            (first row, row after the last, first column, column after the last) in pixels; beyond the picture where the
            window is. Where strides leave the last rows or columns of the picture unread, a window that reaches the
            edge counts them in all the same. None where it is not known.
        """
        return self.stages[self.stage].field.window(row, column, *self.images.shape[1:3])

    def describe(self):
        return describe(self)

    def draw_still(self):
        return draw_still(self)

    @traitlets.validate("picture", "stage", "channel", "row", "column")
    def _validate_number(self, proposal):
        name, value = proposal.trait.name, proposal.value
        counts = {
            "picture": (len(self.images), "pictures"),
            "stage": (len(self.stages), "stages"),
            "channel": (len(self.stages[self.stage].channels), "channels shown of this stage"),
            "row": (self.map.shape[0], "rows of this stage's maps"),
            "column": (self.map.shape[1], "columns of this stage's maps"),
        }
        count, what = counts[name]
        if not 0 <= value < count:
            raise FigureError(f"{name} is {value}; there are {count} {what}: give 0 to {count - 1}.")
        return value

    @traitlets.validate("strength")
    def _validate_strength(self, proposal):
        if not 0 <= proposal.value <= 100:
            raise FigureError(f"strength is {proposal.value}; give 0 (the picture alone) to 100 (the map alone).")
        return proposal.value

    @traitlets.observe("stage")
    def _keep_inside(self, change):
        stage = self.stages[self.stage]
        _, height, width, channels = stage.maps.shape
        self.channel = min(self.channel, channels - 1)
        self.row, self.column = min(self.row, height - 1), min(self.column, width - 1)


# ---- what comes in ----


def check_images(images):
    """Return pictures in the form that the figure works with.

    Args:
        images: 1 to 8 pictures of one size, (n, height, width, 1 or 3) or a list of them, 0 to 255.

    Returns:
        uint8 (n, height, width, 1 or 3).

    Raises:
        FigureError: if number, sizes, channels or values are others; the message names the remedy.

    Example:
        >>> check_images([np.zeros((5, 7)), np.full((5, 7), 254.6)]).shape
        (2, 5, 7, 1)
    """
    if len(images) == 0:
        raise FigureError("There are no pictures; give 1 to 8 of one size, such as images[:5].")
    pictures = [np.asarray(image) for image in images]
    shapes = {picture.shape for picture in pictures}
    if len(shapes) > 1:
        raise FigureError(
            f"The pictures have several sizes: {', '.join(map(str, sorted(shapes)))}. A model takes them in one batch: "
            "resize or cut all to one size, for example with keras.ops.image.resize."
        )
    batch = np.stack(pictures)
    if batch.ndim == 3:
        batch = batch[..., np.newaxis]
    if batch.ndim != 4 or batch.shape[-1] not in (1, 3):
        raise FigureError(
            f"The pictures have the shape {batch.shape}; give (n, height, width, 1 or 3). One picture alone: "
            "image[np.newaxis]; from channels first: np.moveaxis(images, 1, -1)."
        )
    if len(batch) > MOST_PICTURES or max(batch.shape[1:3]) > LARGEST_SIDE_PX:
        raise FigureError(
            f"There are {len(batch)} pictures of {batch.shape[1]} × {batch.shape[2]} pixels; the figure holds 1 to "
            f"{MOST_PICTURES} of at most {LARGEST_SIDE_PX} each way: choose some, images[:5], or resize them."
        )
    return _as_bytes(batch)


def _as_bytes(batch):
    """uint8; a float picture in 0…1 is refused, for the model would be given other numbers than were meant."""
    if batch.dtype == np.uint8:
        return batch
    numeric = batch.dtype.kind in "fiu" and np.isfinite(batch).all()
    if not numeric or batch.min() < 0 or batch.max() > 255:
        raise FigureError(
            f"The pictures are {batch.dtype}{f' from {batch.min():g} to {batch.max():g}' if numeric else ''}; give "
            "values from 0 to 255, before any preprocessing: that belongs into converter."
        )
    if batch.dtype.kind == "f" and 0 < batch.max() <= 1:
        raise FigureError(
            f"The pictures are {batch.dtype} from {batch.min():g} to {batch.max():g}; give values from 0 to 255: "
            "images * 255. What brings them into the model's range belongs into converter: lambda x: x / 255."
        )
    return np.round(batch).astype(np.uint8)


def check_names(names, count):
    """Return one name for each picture.

    Args:
        names: texts, or None.
        count: number of pictures.

    Returns:
        A list of texts.

    Raises:
        FigureError: if there are more or fewer names, or one that is no text.

    Example:
        >>> check_names(None, 2)
        ['picture 1', 'picture 2']
    """
    if names is None:
        return [f"picture {number}" for number in range(1, count + 1)]
    names = [names] if isinstance(names, str) else list(names)
    if len(names) != count or not all(isinstance(name, str) and name for name in names):
        raise FigureError(f"names is {names!r}; give one text for each of the {count} pictures, or None.")
    return names


def check_accuracies(accuracies, stages):
    """Return one accuracy for each stage, or None.

    Raises:
        FigureError: if there are more or fewer than stages, or one lies outside 0 to 1.

    Example:
        >>> check_accuracies(None, [])
    """
    if accuracies is None:
        return None
    values = [float(value) for value in accuracies]
    titles = ", ".join(stage.title for stage in stages)
    if len(values) != len(stages):
        raise FigureError(
            f"accuracies has {len(values)} numbers for {len(stages)} stages ({titles}): give one for each, or None."
        )
    if not all(0 <= value <= 1 for value in values):
        raise FigureError(f"accuracies is {values}; give shares from 0 to 1: divide per cents by 100.")
    return values


def check_most_channels(most_channels):
    """Return how many channels may be shown of a layer.

    Raises:
        FigureError: if it is no whole number from 1 to 16.

    Example:
        >>> check_most_channels(6)
        6
    """
    if isinstance(most_channels, bool) or not isinstance(most_channels, (int, np.integer)):
        raise FigureError(f"most_channels is {most_channels!r}; give a whole number from 1 to {MOST_CHANNELS}.")
    if not 1 <= most_channels <= MOST_CHANNELS:
        raise FigureError(f"most_channels is {most_channels}; give 1 to {MOST_CHANNELS}: more cannot be told apart.")
    return int(most_channels)


# ---- the model: its layers and their maps ----


def compute_stages(model, images, layers, converter, most_channels):
    """Run a model and keep what the figure shows.

    Args:
        model, layers, converter: as for `FeatureMaps`.
        images: uint8 (n, height, width, channels).
        most_channels: at most so many of a layer.

    Returns:
        A list of `Stage`.

    Raises:
        FigureError: if model, layers or converter do not fit; the message says what would.
    """
    batch = convert(images, converter)
    try:
        outputs = {output.layer.name: output for output in layer_outputs(model, batch.shape[1:])}
    except ValueError as error:
        raise FigureError(str(error)) from None
    chosen = choose_layers(outputs, layers)
    computed = _run(model, [outputs[name].output for name in chosen.values()], batch)
    stages = []
    for (title, name), maps in zip(chosen.items(), computed, strict=True):
        if not np.isfinite(maps).all():
            raise FigureError(f"The layer {name!r} gives inf or nan; check the weights and the converter.")
        most = min(most_channels, max(FEWEST_CHANNELS, STAGE_BYTES // maps[..., 0].size))
        channels = choose_channels(maps, most)
        zeros = (maps == 0).sum(axis=(1, 2))
        field = outputs[name].field
        shown = np.ascontiguousarray(maps[..., channels])
        stages.append(Stage(title, name, shown, maps.shape[-1], channels, zeros[:, channels], zeros.sum(axis=1), field))
    _refuse_too_much(stages)
    return stages


def _refuse_too_much(stages):
    size = sum(stage.maps.size for stage in stages)
    if size > LARGEST_BYTES:
        raise FigureError(
            f"The maps have {size:,} numbers; a page holds at most {LARGEST_BYTES:,}. Choose fewer or later layers, "
            "fewer or smaller pictures, or a smaller most_channels."
        )


def choose_layers(outputs, layers):
    """Return the layers whose outputs are shown: {title: name}.

    Args:
        outputs: {name: LayerOutput}, from input to output.
        layers: names, {title: name}, or None for the last of each block or step.

    Raises:
        FigureError: if a layer does not exist, gives no maps, or there are too many or none.
    """
    possible = [name for name, output in outputs.items() if len(output.output.shape) == 4]
    if layers is None:
        chosen = _last_of_each_block(possible) or _last_of_each_step(possible, outputs)
        chosen = dict(list(chosen.items())[-MOST_STAGES:])
    elif isinstance(layers, dict):
        chosen = dict(layers)
    else:
        layers = [layers] if isinstance(layers, str) else list(layers)
        chosen = {str(getattr(layer, "name", layer)): getattr(layer, "name", layer) for layer in layers}
    listed = ", ".join(possible) or "none: the model has no layer with maps (height, width, channels)"
    for name in chosen.values():
        if name not in possible:
            shape = tuple(outputs[name].output.shape) if name in outputs else None
            problem = f"gives no map (its output has the shape {shape})" if shape else "does not exist"
            raise FigureError(
                f"The layer {name!r} {problem}; possible are {listed}. A layer of a model within the model: give the "
                "inner one, model.get_layer(name), as model."
            )
    if not 1 <= len(chosen) <= MOST_STAGES:
        raise FigureError(
            f"There are {len(chosen)} layers; the figure shows 1 to {MOST_STAGES}. Possible are {listed}."
        )
    return {str(title): name for title, name in chosen.items()}


def _last_of_each_block(possible):
    blocks = {}
    for name in possible:
        if found := BLOCK.match(name):
            blocks[found[1]] = name
    return blocks if len(blocks) > 1 else {}


def _last_of_each_step(possible, outputs):
    """The last layer before the windows move in larger steps; padding, whose maps are larger by a border, is none."""
    skipped = ("InputLayer", "ZeroPadding2D", "Rescaling", "Normalization")
    last = {}
    for name in possible:
        layer, _, field = outputs[name]
        if field.rows and not type(layer).__name__.startswith(("Random", *skipped)):
            last[field.rows.jump] = name
    return {name: name for name in last.values()}


def convert(images, converter):
    """Return pictures as the model takes them.

    Args:
        images: uint8 (n, height, width, channels).
        converter: a function, or None.

    Returns:
        float32 (n, height, width, channels).

    Raises:
        FigureError: if the converter changes height or width.
    """
    batch = images.astype("float32")
    batch = np.asarray(batch if converter is None else converter(batch), dtype="float32")
    if batch.shape[:3] != images.shape[:3]:
        raise FigureError(
            f"The converter makes {batch.shape} of {images.shape}; a place's window could not be drawn on the picture. "
            "Resize the pictures first, and take a converter that leaves their size."
        )
    return batch


def _run(model, tensors, batch):
    """A model's intermediate outputs as float32, for inference."""
    import keras

    outputs = keras.Model(model.inputs, tensors)([batch], training=False)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return [np.asarray(keras.ops.convert_to_numpy(output), dtype="float32") for output in outputs]


def choose_channels(maps, most):
    """Return the numbers of the channels worth seeing, the most telling first.

    Those come first whose values spread most over all pictures and places (standard deviation). One that is nearly the
    same as one before it (correlation of at least 0.9, of either sign) is passed over, as long as there are others.

    Args:
        maps: (pictures, height, width, channels).
        most: how many at most.

    Returns:
        A list of ints.

    Example:
        >>> maps = np.zeros((1, 2, 2, 4))
        >>> maps[0, 0, 0, 1], maps[0, 1, 1, 2], maps[0, 0, 0, 3] = 3, 2, 6  # channel 3 is twice channel 1
        >>> choose_channels(maps, 2), choose_channels(maps, 4)
        ([3, 2], [3, 2, 0, 1])
    """
    values = maps.reshape(-1, maps.shape[-1]).astype(float)
    spread = values.std(axis=0)
    order = np.argsort(-spread, kind="stable")
    standard = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1) / np.sqrt(len(values))
    chosen, passed = [], []
    for channel in order:
        alike = chosen and np.abs(standard[:, chosen].T @ standard[:, channel]).max() >= ALIKE
        (passed if alike else chosen).append(int(channel))
        if len(chosen) == most:
            break
    return [*chosen, *passed][:most]


def quantize(maps):
    """Put each channel's values onto 255 levels from its smallest to its largest, with zero exactly on one.

    Args:
        maps: (pictures, height, width, channels).

    Returns:
        levels, uint8 of the same shape; steps, float64 (channels,), from one level to the next; zeros, the level of
        zero, int64 (channels,). A value is (level − zero) * step, right to within half a step.

    Example:
        >>> levels, steps, zeros = quantize(np.array([-1.0, 0.0, 1.54]).reshape(1, 1, 3, 1))
        >>> levels.ravel().tolist(), steps.round(4).tolist(), zeros.tolist()
        ([0, 100, 254], [0.01], [100])
    """
    low, high = np.minimum(maps.min(axis=(0, 1, 2)), 0.0), np.maximum(maps.max(axis=(0, 1, 2)), 0.0)
    span = high.astype(float) - low
    # Four digits are enough for a step, and shorter in the page; never too small, or a value would not fit.
    steps = np.array([float(f"{1.0005 * width / LEVELS:.4g}") if width else 1.0 for width in span])
    zeros = np.round(-low / steps).astype(int)
    levels = np.round(maps / steps) + zeros
    return levels.astype(np.uint8), steps, zeros


# ---- what the page holds ----


def _pack_pictures(images):
    """Pictures as data URLs, each in the format that takes less; the model was given the pictures themselves."""
    _, height, width, _ = images.shape
    return {"height": height, "width": width, "urls": [_data_url(image) for image in images]}


def _data_url(image):
    picture = Image.fromarray(image if image.shape[-1] == 3 else image[..., 0])
    files = {}
    for name, settings in (("png", {"optimize": True}), ("jpeg", {"quality": 88, "optimize": True})):
        buffer = io.BytesIO()
        picture.save(buffer, name, **settings)
        files[name] = buffer.getvalue()
    name = min(files, key=lambda name: len(files[name]))
    return f"data:image/{name};base64,{base64.b64encode(files[name]).decode('ascii')}"


def _pack_stage(stage, levels):
    _, steps, zeros = levels
    field, axes = stage.field, {}
    if field.rows:
        axes = {name: [axis.start, axis.size, axis.jump] for name, axis in (("rows", field[0]), ("columns", field[1]))}
    return {
        "title": stage.title,
        "layer": stage.layer,
        "height": stage.maps.shape[1],
        "width": stage.maps.shape[2],
        "all_channels": stage.all_channels,
        "channels": stage.channels,
        "steps": steps.tolist(),
        "zero_levels": zeros.tolist(),
        "zeros": stage.zeros.tolist(),
        "all_zeros": stage.all_zeros.tolist(),
        "field": {**axes, "whole": field.whole, "problem": field.problem},
    }


def _pack_levels(levels):
    """All maps in one strip of bytes, by stage, channel, picture, row and column; packed with deflate."""
    strip = b"".join(np.moveaxis(level, -1, 0).tobytes() for level in levels)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(strip) + packer.flush()
    return {"size": len(strip), "data": base64.b64encode(data).decode("ascii")}


# ---- what is said; feature_maps.js has the same sentences ----


def write_value(value, step):
    """Write a value with as many decimals as its step makes sense of.

    Example:
        >>> write_value(3.4567, 0.02), write_value(-0.5, 0.004), write_value(120.0, 3.0), write_value(0.0, 0.02)
        ('3.46', '−0.500', '120', '0')
    """
    if value == 0:
        return "0"
    exact = Decimal(abs(float(value))).quantize(Decimal(1).scaleb(-_decimals(step)), ROUND_HALF_UP)
    return f"{'−' if value < 0 else ''}{exact:f}"


def _decimals(step):
    return max(0, math.ceil(-math.log10(step) - 1e-9))


def write_step(step):
    """Write a step, rounded up to its first two digits.

    Example:
        >>> write_step(0.0123), write_step(1.0), write_step(12.3)
        ('0.013', '1', '13')
    """
    decimals = max(0, _decimals(step) + (1 if step < 1 else 0))
    return f"{math.ceil(step * 10**decimals - 1e-9) / 10**decimals:.{decimals}f}"


def write_share(part, whole):
    """Write a share as whole per cent.

    Example:
        >>> write_share(1, 8), write_share(0, 9)
        ('13 %', '0 %')
    """
    return f"{math.floor(100 * part / whole + 0.5)} %"


def write_window(window, sides):
    """Say what a place looks at.

    Example:
        >>> write_window((2, 9, 4, 11), (64, 64))
        'It looks at rows 2 to 8 and columns 4 to 10 of the picture: 7 × 7 pixels around row 5, column 7.'
        >>> write_window((-9, 70, 4, 11), (64, 48))
        'It looks at rows 0 to 63 and columns 4 to 10 of the picture: its window of 79 × 7 pixels goes beyond the edge.'
    """
    top, bottom, left, right = window
    inside = max(top, 0), min(bottom, sides[0]), max(left, 0), min(right, sides[1])
    size = f"{bottom - top} × {right - left} pixels"
    if inside == (0, sides[0], 0, sides[1]):
        return f"It looks at the whole picture: its window has {size}."
    if inside[0] >= inside[1] or inside[2] >= inside[3]:
        return f"It looks at padding alone: its window of {size} lies beyond the edge."
    rows, columns = f"rows {inside[0]} to {inside[1] - 1}", f"columns {inside[2]} to {inside[3] - 1}"
    if inside != window:
        return f"It looks at {rows} and {columns} of the picture: its window of {size} goes beyond the edge."
    centre = f"row {still.format_number((top + bottom - 1) / 2)}, column {still.format_number((left + right - 1) / 2)}"
    return f"It looks at {rows} and {columns} of the picture: {size} around {centre}."


def describe(figure):
    """Say what a FeatureMaps shows."""
    stage = figure.stages[figure.stage]
    _, height, width, _ = stage.maps.shape
    channel, zeros = stage.channels[figure.channel], stage.zeros[figure.picture, figure.channel]
    value = write_value(figure.value, figure.step)
    window = figure.window(figure.row, figure.column)
    look = write_window(window, figure.images.shape[1:3]) if window else write_no_window(stage.field.problem)
    accuracy = ""
    if figure._accuracies is not None:
        share = write_share(figure._accuracies[figure.stage], 1)
        accuracy = f" A probe on this stage's output is right for {share} of the pictures."
    return (
        f"{figure._names[figure.picture]}, stage {figure.stage + 1} of {len(figure.stages)}, {stage.title}: "
        f"{height} × {width} places × {stage.all_channels} channels. Channel {channel} at row {figure.row}, column "
        f"{figure.column}: {value}. {look} It is zero at {write_share(zeros, height * width)} of its places.{accuracy}"
    )


def write_no_window(problem):
    """Say why there is no window.

    Example:
        >>> write_no_window("branches with different steps meet")
        'Which pixels it looks at is not known: branches with different steps meet.'
    """
    return f"Which pixels it looks at is not known: {problem}."


# ---- the still picture ----

STILL_WIDTH_PX, PICTURE_PX, MAP_PX, STILL_MAPS, ROW_PX = 700, 128, 84, 6, 122


def draw_still(figure):
    """Draw the chosen picture, and beside it of every stage the first channels.

    Args:
        figure: a FeatureMaps.

    Returns:
        An SVG element as text.
    """
    height, width = figure.images.shape[1:3]
    scale = PICTURE_PX / max(height, width)
    top = 24
    url = figure._pictures["urls"][figure.picture]
    parts = [
        still.draw_text(figure._names[figure.picture], 0, top - 9, font_weight="bold"),
        f'<image x="0" y="{top}" width="{width * scale:g}" height="{height * scale:g}" href="{url}"/>',
    ]
    for number, stage in enumerate(figure.stages):
        parts += _draw_stage(figure, number, stage, top + number * ROW_PX)
    return still.wrap_svg(parts, STILL_WIDTH_PX, top + len(figure.stages) * ROW_PX, describe(figure))


def _draw_stage(figure, number, stage, y):
    """One row: the first maps of the stage, each on its own scale."""
    _, height, width, channels = stage.maps.shape
    shown = min(STILL_MAPS, channels)
    parts = [_draw_note(figure, number, stage, shown, y - 9)]
    pixel_px = MAP_PX / max(height, width)
    x, step_px = PICTURE_PX + 26, MAP_PX + 8
    parts.append(_draw_maps(stage.maps[..., :shown], figure.picture, x, y, pixel_px, step_px))
    if number == figure.stage and figure.channel < shown:
        parts.append(still.draw_frame(x + figure.channel * step_px, y, width * pixel_px, height * pixel_px))
    return parts


def _draw_maps(maps, picture, x, y, pixel_px, step_px):
    """The maps of one picture, out of one file with one table of colours: small in the page."""
    _, height, width, count = maps.shape
    largest = np.abs(maps).max(axis=(0, 1, 2))
    levels = np.round(127 * maps[picture] / np.where(largest > 0, largest, 1)).astype(int) + 127
    strip = np.moveaxis(levels, -1, 0).reshape(-1, width).astype(np.uint8)
    image = Image.fromarray(strip.repeat(2, axis=0).repeat(2, axis=1), "P")  # as in still.draw_pixels
    image.putpalette(still.diverging_colors(np.arange(-127, 128), 127).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "png", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    high, wide = height * pixel_px, width * pixel_px
    file = f'href="data:image/png;base64,{data}" width="{wide:g}" height="{high * count:g}"'
    windows = "".join(
        f'<svg x="{x + n * step_px:g}" y="{y:g}" width="{wide:g}" height="{high:g}"><use href="#{{name}}" '
        f'y="{-n * high:g}"/></svg>'
        for n in range(count)
    )
    name = f"feature-maps-{zlib.crc32(buffer.getvalue()):08x}"
    return f'<defs><image id="{name}" style="image-rendering:pixelated" {file}/></defs>' + windows.replace(
        "{name}", name
    )


def _draw_note(figure, number, stage, shown, y):
    _, height, width, _ = stage.maps.shape
    size = height * width * stage.all_channels
    note = f"{height} × {width} × {stage.all_channels}, {write_share(stage.all_zeros[figure.picture], size)} zero"
    if figure._accuracies is not None:
        note += f", probe {write_share(figure._accuracies[number], 1)}"
    return still.draw_heading(stage.title, f"{note}; {shown} channels shown", PICTURE_PX + 26, y)
