"""The feature maps figure: what the channels of a trained network look for, stage after stage."""

import base64
import io
import math
import zlib
from typing import NamedTuple

import numpy as np
import traitlets
from matplotlib.figure import Figure
from PIL import Image

from convbook.figures.base import FigureError, LiveFigure, Whole, check_names, refuse_outside

MOST_PICTURES, MOST_STAGES, MOST_CHANNELS, MOST_PATCHES = 8, 6, 6, 9
LARGEST_SIDE_PX = 320
BATCH = 16  # pictures that are searched at a time
PATCH_PX, PATCH_QUALITY = 56, 45
LARGEST_BYTES = 2_000_000
ALIKE = 0.9
LEVELS = 254


class Stage(NamedTuple):
    """One layer's maps, of the channels that the figure shows.

    `maps` is float32 (pictures, height, width, channels shown), as the model computed them; `all_channels` is how many
    the layer has, `channels` are the numbers of those shown, `zeros` the places that are exactly zero, int (pictures,
    channels shown), and `all_zeros` the same over all channels, int (pictures,). `field` is what the places see of the
    picture, as `receptive_fields.layer_outputs` gives it. `best` says where each channel responds most in the pictures
    that were searched, int (channels shown, patches, 3): the picture, the row and the column of the map, the strongest
    first.
    """

    title: str
    layer: str
    maps: np.ndarray
    all_channels: int
    channels: list
    zeros: np.ndarray
    all_zeros: np.ndarray
    field: NamedTuple
    best: np.ndarray


class FeatureMaps(LiveFigure):
    """See what the channels of a trained network look for, stage after stage, and where a picture has it.

    All is computed once, in Python, by the model itself. What a channel looks for is shown by the nine patches that
    excite it most: of the pictures that are searched the nine with the highest responses, and of each of these what
    the place with the highest one sees. Where that is more than half of the picture's smaller side, it is cut to so
    much around its centre. The page holds the maps in 8 bits: 255 levels from a channel's smallest to its largest value
    over all pictures, with zero exactly on a level.

    Args:
        model: a Keras model, Sequential or functional, with its weights; a KerasHub backbone is one.
        images: 1 to 8 pictures of one size, (n, height, width, 1 or 3), uint8 or float with values 0 to 255, such as a
            photo of your own. Where each channel responds is shown on these.
        search: pictures of the same size as `images`, as many as you like, in which the patches are looked for; None
            searches `images`.
        layers: names of layers whose outputs are shown, from input to output, or {title: name}. None takes the last
            layer of each block where the layers' names show blocks, else the convolutions and poolings.
        channels: numbers of channels that are to be shown in any case, {title of the stage: [number, …]}. The others
            are those whose largest values differ most from picture to picture and which respond in `images`, too.
        converter: a function from float32 (n, height, width, channels), 0 to 255, to what the model was trained on, of
            the same height and width, such as the image converter that `backbones.load` gives. None changes nothing:
            for models that rescale their input themselves.
        names: one text for each picture; None numbers them.
        picture: which picture, from 0.
        stage: which of the layers, from 0.
        channel: which of the shown channels, from 0. Not the channel's number in the layer, which the figure names.

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
    _names = traitlets.List().tag(sync=True)
    _pictures = traitlets.Dict().tag(sync=True)
    _stages = traitlets.List().tag(sync=True)
    _maps = traitlets.Unicode().tag(sync=True)

    def __init__(self, model, images, *, search=None, layers=None, channels=None, converter=None, names=None, **traits):
        self.images = _check_images(images)
        self.searched = self.images if search is None else _check_search(search, self.images)
        self.stages = _compute_stages(model, self.images, self.searched, layers, converter, channels)
        levels = [quantize(stage.maps) for stage in self.stages]
        super().__init__(
            _names=check_names(names, len(self.images)),
            _pictures=_pack_pictures(self.images) | {"searched": len(self.searched)},
            _stages=[
                _pack_stage(n, *each, self.searched) for n, each in enumerate(zip(self.stages, levels, strict=True))
            ],
            _maps=_pack_levels([level for level, _, _ in levels]),
            **traits,
        )

    @property
    def alternative(self):
        shapes = [f"{stage.title} ({_write_shape(stage)})" for stage in self.stages]
        return (
            f"What channels of a trained network look for, stage after stage, by the patches that excite them most: "
            f"{', '.join(shapes)}; and where {', '.join(self._names)} has it."
        )

    def check(self, state):
        stage = self.stages[min(state.stage, len(self.stages) - 1)]
        for name, count, what in (
            ("picture", len(self.images), "pictures"),
            ("stage", len(self.stages), "stages"),
            ("channel", len(stage.channels), "channels shown of this stage"),
        ):
            refuse_outside(state, name, 0, count - 1, f"there are {count} {what}")

    def draw_still(self):
        figure = Figure((3.6, 0.75 * len(self.stages)), layout="constrained")
        for stage, row in zip(self.stages, figure.subplots(len(self.stages), 5, squeeze=False), strict=True):
            row[0].set_title(stage.title, fontsize="small", loc="left")
            for axes, best in zip(row, stage.best, strict=False):
                axes.imshow(cut_patch(self.searched, stage.field, stage.maps.shape, *best[0]))
            for axes in row:
                axes.axis("off")
        return figure

    @traitlets.observe("stage")
    def _keep_inside(self, change):
        self.channel = min(self.channel, len(self.stages[self.stage].channels) - 1)


# ---- what comes in ----


def _check_images(images):
    """The pictures as the figure works with them: uint8 (n, height, width, 1 or 3)."""
    batch = _check_batch(images)
    if len(batch) > MOST_PICTURES or max(batch.shape[1:3]) > LARGEST_SIDE_PX:
        raise FigureError(
            f"There are {len(batch)} pictures of {batch.shape[1]} × {batch.shape[2]} pixels; the figure holds 1 to "
            f"{MOST_PICTURES} of at most {LARGEST_SIDE_PX} each way: choose some, images[:5], or resize them."
        )
    return batch


def _check_search(search, images):
    """The pictures to be searched in the same form."""
    batch = _check_batch(search)
    if batch.shape[1:] != images.shape[1:]:
        raise FigureError(
            f"The pictures to be searched are {batch.shape[1:]} (height, width, channels), and those that are shown "
            f"{images.shape[1:]}: resize them to the same size."
        )
    return batch


def _check_batch(images):
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


def _compute_stages(model, images, searched, layers, converter, first):
    """Run the model and keep what the figure shows: a list of `Stage`."""
    from convbook.receptive_fields import layer_outputs

    batch = _convert(images, converter)
    try:
        outputs = {output.layer.name: output for output in layer_outputs(model, batch.shape[1:])}
    except ValueError as error:
        raise FigureError(str(error)) from None
    chosen = _choose_layers(model, outputs, layers)
    part = _cut_model(model, [outputs[name].output for name in chosen.values()])
    computed = part(batch)
    for name, maps in zip(chosen.values(), computed, strict=True):
        if not np.isfinite(maps).all():
            raise FigureError(f"The layer {name!r} gives inf or nan; check the weights and the converter.")
    found = _search(part, searched, converter)
    channels = [_most_telling(*each) for each in zip(computed, found, strict=True)]
    for title, numbers in _check_channels(first or {}, chosen, computed).items():
        place = list(chosen).index(title)
        channels[place] = list(dict.fromkeys([*numbers, *channels[place]]))[:MOST_CHANNELS]
    size = sum(maps[..., shown].size for maps, shown in zip(computed, channels, strict=True))
    if size > LARGEST_BYTES:
        raise FigureError(
            f"The maps have {size:,} numbers; a page holds at most {LARGEST_BYTES:,}. Choose fewer or later layers, "
            "or fewer or smaller pictures."
        )
    stages = []
    for (title, name), maps, shown, searches in zip(chosen.items(), computed, channels, found, strict=True):
        best = _strongest(*(numbers[:, shown] for numbers in searches), maps.shape[2])
        zeros = (maps == 0).sum(axis=(1, 2))
        numbers = maps.shape[-1], shown, zeros[:, shown], zeros.sum(axis=1)
        stages.append(Stage(title, name, np.ascontiguousarray(maps[..., shown]), *numbers, outputs[name].field, best))
    return stages


def _search(part, images, converter):
    """For each stage three arrays (n, channels): a map's largest value, its place, and its mean."""
    found = []
    for first in range(0, len(images), BATCH):
        computed = part(_convert(images[first : first + BATCH], converter))
        flat = [maps.reshape(len(maps), -1, maps.shape[-1]) for maps in computed]
        found.append([(maps.max(axis=1), maps.argmax(axis=1), maps.mean(axis=1)) for maps in flat])
    return [tuple(map(np.concatenate, zip(*stage, strict=True))) for stage in zip(*found, strict=True)]


def _most_telling(maps, found):
    """The numbers of the channels worth seeing, of those that respond in the pictures that are shown."""
    values = found[0]
    responds = maps.max(axis=(0, 1, 2)) >= np.median(values, axis=0)
    return choose_channels((values * responds)[:, np.newaxis, np.newaxis], MOST_CHANNELS)


def _strongest(values, places, means, width):
    """`Stage.best`; of pictures with the same largest value, as a ReLU that ends at 6 gives, those with more of it."""
    pictures = np.lexsort((-means, -values), axis=0)[:MOST_PATCHES].T
    chosen = np.take_along_axis(places.T, pictures, axis=1)
    return np.stack([pictures, chosen // width, chosen % width], axis=-1)


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


def _check_channels(wanted, chosen, computed):
    """The channels that are to be shown in any case, as they are, if the layers have them."""
    counts = {title: maps.shape[-1] for title, maps in zip(chosen, computed, strict=True)}
    for title, numbers in wanted.items():
        if title not in counts:
            raise FigureError(f"channels has no stage {title!r}; give titles out of {', '.join(counts)}.")
        if len(numbers) > MOST_CHANNELS or not set(numbers) <= set(range(counts[title])):
            raise FigureError(
                f"The channels of {title!r} are {numbers}; give at most {MOST_CHANNELS}, from 0 to {counts[title] - 1}."
            )
    return wanted


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


def _cut_model(model, tensors):
    """A function from a batch to a model's intermediate outputs, a list of float32, for inference."""
    import keras

    part = keras.Model(model.inputs, tensors)

    def run(batch):
        outputs = part([batch], training=False)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return [np.asarray(keras.ops.convert_to_numpy(output), dtype="float32") for output in outputs]

    return run


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


def _data_url(image, quality=80):
    buffer = io.BytesIO()
    _to_pillow(image).save(buffer, "webp", quality=quality, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _to_pillow(image):
    return Image.fromarray(image if image.shape[-1] == 3 else image[..., 0])


def cut_patch(images, field, shape, picture, row, column):
    """Cut out what a place of a map sees, a square inside the picture, of at most half of its smaller side.

    Args:
        images: uint8 (n, height, width, channels).
        field: what the places see, a `receptive_fields.Field`; where it is not known, the map is laid over the picture.
        shape: of the maps, (n, rows, columns, channels).
        picture: which of the images.
        row, column: the place.

    Returns:
        uint8 (side, side, channels), moved inward where the window goes beyond the edge.
    """
    _, height, width, _ = images.shape
    if field.rows:
        top, bottom, left, right = field._replace(whole=False).window(row, column, height, width)
    else:
        (top, bottom), (left, right) = (
            (place * size / count, (place + 1) * size / count)
            for place, size, count in ((row, height, shape[1]), (column, width, shape[2]))
        )
    side = min(max(bottom - top, right - left) if field.rows else height, max(1, min(height, width) // 2))
    starts = ((low + high - side) / 2 for low, high in ((top, bottom), (left, right)))
    y, x = (int(min(max(start, 0), size - side)) for start, size in zip(starts, (height, width), strict=True))
    return images[picture, y : y + side, x : x + side]


def _pack_patches(stage, images):
    """All patches in one picture, a row for each channel; of little quality, for they are shown small."""
    size = (PATCH_PX, PATCH_PX)
    rows = []
    for best in stage.best:
        patches = [_to_pillow(cut_patch(images, stage.field, stage.maps.shape, *place)) for place in best]
        rows.append(np.hstack([np.asarray(each.convert("RGB").resize(size, Image.BICUBIC)) for each in patches]))
    return _data_url(np.vstack(rows), PATCH_QUALITY)


def _pack_stage(number, stage, levels, images):
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
        "patches": {"sheet": f"--sheet-{number}", "across": stage.best.shape[1], "url": _pack_patches(stage, images)},
    }


def _pack_levels(levels):
    """All maps in one strip of bytes, by stage, channel, picture, row and column; packed with deflate."""
    strip = b"".join(np.moveaxis(level, -1, 0).tobytes() for level in levels)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(strip) + packer.flush()
    return base64.b64encode(data).decode("ascii")


def _write_shape(stage):
    return " × ".join(map(str, (*stage.maps.shape[1:3], stage.all_channels)))
