"""The feature maps figure: what a trained network makes of a few pictures, stage after stage."""

import base64
import io
import math
import zlib
from typing import NamedTuple

import numpy as np
import traitlets
from matplotlib.figure import Figure
from PIL import Image

from convbook.figures.base import DIVERGING, FigureError, LiveFigure, Whole, check_names, refuse_outside

MOST_PICTURES, MOST_STAGES, MOST_CHANNELS, FEWEST_CHANNELS = 8, 8, 12, 4
LARGEST_SIDE_PX = 320
STAGE_BYTES = 34_000  # a stage with large maps shows fewer of them, so that the page stays small
LARGEST_BYTES = 2_000_000
ALIKE = 0.9
LEVELS = 254


class Stage(NamedTuple):
    """One layer's maps, of the channels that the figure shows.

    `maps` is float32 (pictures, height, width, channels shown), as the model computed them; `all_channels` is how many
    the layer has, `channels` are the numbers of those shown, `zeros` the places that are exactly zero, int (pictures,
    channels shown), and `all_zeros` the same over all channels, int (pictures,). `field` is what the places see of the
    picture, as `receptive_fields.layer_outputs` gives it.
    """

    title: str
    layer: str
    maps: np.ndarray
    all_channels: int
    channels: list
    zeros: np.ndarray
    all_zeros: np.ndarray
    field: NamedTuple


class FeatureMaps(LiveFigure):
    """Walk through a trained network's stages, and see for each picture where its channels respond.

    The maps are computed once, in Python, by the model itself. The page holds them in 8 bits: 255 levels from a
    channel's smallest to its largest value over all pictures, with zero exactly on a level, so that a number in the
    figure is right to within half of the distance between two levels.

    Args:
        model: a Keras model, Sequential or functional, with its weights; a KerasHub backbone is one.
        images: 1 to 8 pictures of one size, (n, height, width, 1 or 3), uint8 or float with values 0 to 255.
        layers: names of layers whose outputs are shown, from input to output, or {title: name}. None takes the last
            layer of each block where the layers' names show blocks, else the convolutions and poolings.
        converter: a function from float32 (n, height, width, channels), 0 to 255, to what the model was trained on, of
            the same height and width, such as the image converter that `backbones.load` gives. None changes nothing:
            for models that rescale their input themselves.
        names: one text for each picture; None numbers them.
        picture: which picture, from 0.
        stage: which of the layers, from 0.
        channel: which of the shown channels, from 0: the one whose values spread most. Not the channel's number in the
            layer, which the figure names.
        row: a place of the map, from 0; with neither row nor column the place with the strongest value.
        column: the same.
        strength: how much of the map lies over the picture, 0 to 100 per cent.

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
    """

    picture = Whole(0).tag(sync=True)
    stage = Whole(0).tag(sync=True)
    channel = Whole(0).tag(sync=True)
    row = Whole(0).tag(sync=True)
    column = Whole(0).tag(sync=True)
    strength = Whole(60, 0, 100, remedy="0 is the picture alone, 100 the map alone.").tag(sync=True)
    _names = traitlets.List().tag(sync=True)
    _pictures = traitlets.Dict().tag(sync=True)
    _stages = traitlets.List().tag(sync=True)
    _maps = traitlets.Unicode().tag(sync=True)

    def __init__(self, model, images, *, layers=None, converter=None, names=None, **traits):
        self.images = _check_images(images)
        self.stages = _compute_stages(model, self.images, layers, converter)
        levels = [quantize(stage.maps) for stage in self.stages]
        super().__init__(
            _names=check_names(names, len(self.images)),
            _pictures=_pack_pictures(self.images),
            _stages=[_pack_stage(*pair) for pair in zip(self.stages, levels, strict=True)],
            _maps=_pack_levels([level for level, _, _ in levels]),
            **traits,
        )
        if not {"row", "column"} & set(traits):
            sizes = np.abs(self.stages[self.stage].maps[self.picture, :, :, self.channel])
            self.row, self.column = map(int, np.unravel_index(sizes.argmax(), sizes.shape))

    @property
    def alternative(self):
        shapes = [f"{stage.title} ({_write_shape(stage)})" for stage in self.stages]
        return f"What a trained network makes of {', '.join(self._names)}, stage after stage: {', '.join(shapes)}."

    def check(self, state):
        stage = self.stages[min(state.stage, len(self.stages) - 1)]
        _, rows, columns, channels = stage.maps.shape
        for name, count, what in (
            ("picture", len(self.images), "pictures"),
            ("stage", len(self.stages), "stages"),
            ("channel", channels, "channels shown of this stage"),
            ("row", rows, "rows of this stage's maps"),
            ("column", columns, "columns of this stage's maps"),
        ):
            refuse_outside(state, name, 0, count - 1, f"there are {count} {what}")

    def draw_still(self):
        figure = Figure((2.4, 0.8 * len(self.stages)), layout="constrained")
        for stage, row in zip(self.stages, figure.subplots(len(self.stages), 3, squeeze=False), strict=True):
            maps = stage.maps[self.picture, :, :, :2]
            row[0].imshow(self.images[self.picture].squeeze(), cmap="gray", interpolation="nearest")
            row[0].set_title(stage.title, fontsize="small", loc="left")
            for axes, channel in zip(row[1:], range(maps.shape[-1]), strict=False):
                limit = np.abs(maps[..., channel]).max()
                axes.imshow(maps[..., channel], cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
            for axes in row:
                axes.axis("off")
        return figure

    @traitlets.observe("stage")
    def _keep_inside(self, change):
        _, height, width, channels = self.stages[self.stage].maps.shape
        self.channel = min(self.channel, channels - 1)
        self.row, self.column = min(self.row, height - 1), min(self.column, width - 1)


# ---- what comes in ----


def _check_images(images):
    """The pictures as the figure works with them: uint8 (n, height, width, 1 or 3)."""
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


# ---- the model: its layers and their maps ----


def _compute_stages(model, images, layers, converter):
    """Run the model and keep what the figure shows: a list of `Stage`."""
    from convbook.receptive_fields import layer_outputs

    batch = _convert(images, converter)
    try:
        outputs = {output.layer.name: output for output in layer_outputs(model, batch.shape[1:])}
    except ValueError as error:
        raise FigureError(str(error)) from None
    chosen = _choose_layers(model, outputs, layers)
    computed = _run(model, [outputs[name].output for name in chosen.values()], batch)
    stages = []
    for (title, name), maps in zip(chosen.items(), computed, strict=True):
        if not np.isfinite(maps).all():
            raise FigureError(f"The layer {name!r} gives inf or nan; check the weights and the converter.")
        channels = choose_channels(maps, min(MOST_CHANNELS, max(FEWEST_CHANNELS, STAGE_BYTES // maps[..., 0].size)))
        zeros = (maps == 0).sum(axis=(1, 2))
        shown = np.ascontiguousarray(maps[..., channels])
        numbers = maps.shape[-1], channels, zeros[:, channels], zeros.sum(axis=1)
        stages.append(Stage(title, name, shown, *numbers, outputs[name].field))
    size = sum(stage.maps.size for stage in stages)
    if size > LARGEST_BYTES:
        raise FigureError(
            f"The maps have {size:,} numbers; a page holds at most {LARGEST_BYTES:,}. Choose fewer or later layers, "
            "or fewer or smaller pictures."
        )
    return stages


def _choose_layers(model, outputs, layers):
    """The layers whose outputs are shown, {title: name}; `outputs` are those of all, {name: LayerOutput}."""
    possible = [name for name, output in outputs.items() if len(output.output.shape) == 4]
    if layers is None:
        layers = _usual_layers(model, outputs, possible)
    elif isinstance(layers, str) or not hasattr(layers, "__iter__"):
        layers = [layers]
    if not isinstance(layers, dict):
        layers = {_name_of(layer): layer for layer in layers}
    chosen = {str(title): _name_of(layer) for title, layer in layers.items()}
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
    return chosen


def _name_of(layer):
    return str(getattr(layer, "name", layer))


def _usual_layers(model, outputs, possible):
    """The last layer of each block, or where there are none what has windows; of too many every second, third, …."""
    from convbook.freezing import block_ends
    from convbook.receptive_fields import SLIDING_WINDOWS

    try:
        found = block_ends(model)
    except ValueError:  # the names of the layers show no blocks, or the model ends in a classifier
        found = {name: name for name in possible if isinstance(outputs[name].layer, SLIDING_WINDOWS)}
    found = {title: layer for title, layer in found.items() if _name_of(layer) in possible}
    step = max(1, math.ceil(len(found) / MOST_STAGES))
    return dict(list(found.items())[::-step][::-1])


def _convert(images, converter):
    """Pictures as the model takes them: float32 (n, height, width, channels)."""
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
    return base64.b64encode(data).decode("ascii")


def _write_shape(stage):
    return " × ".join(map(str, (*stage.maps.shape[1:3], stage.all_channels)))
