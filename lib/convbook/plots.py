"""Charts: arrays and histories to matplotlib figures, in one style, as SVG.

Each function returns what it drew; a notebook shows it at the end of the cell.
"""

import contextlib
import io
import itertools
import os
import textwrap
from importlib import resources

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.text import Text

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0b6e99", "#c4570a", "#2e7d4f", "#8b4a9c", "#6b7280"
NARROW_INCHES = 3.4  # what a phone's screen of 390 px leaves to a chart
SMALLEST_POINTS = 8.25  # 11 px
INCHES_A_LINE = 0.17
LONGEST_LABEL, LONGEST_TITLE = 18, 38  # letters in a line beside a narrow chart, and above or below it


def use_book_style():
    """Use the book's style sheet from here on, and SVG in a notebook; where the site is built, also for phones.

    Returns:
        The path of the style sheet that matplotlib now uses.
    """
    style = resources.files("convbook") / "book.mplstyle"
    plt.style.use(str(style))
    try:
        from IPython import get_ipython
    except ImportError:
        return style
    if get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")
        if os.environ.get("CONVBOOK_NARROW_CHARTS"):  # the site's build sets it
            formatter = get_ipython().display_formatter.formatters["image/svg+xml"]
            formatter.for_type(Figure, draw_wide_and_narrow)
    return style


def draw_wide_and_narrow(figure):
    """Draw a chart as SVG, and once more for a phone, where the letters of the first would be too small to read.

    Args:
        figure: a matplotlib Figure.

    Returns:
        The text of an SVG. A narrow one stands in it as `<metadata class="narrow">`, which only the site shows; there
        is none where the chart is narrow itself or holds no letters.
    """
    from IPython.core.pylabtools import print_figure

    wide = print_figure(figure, "svg")
    if figure.get_figwidth() <= NARROW_INCHES or "<text" not in wide:
        return wide
    with _made_narrow(figure):
        narrow = print_figure(figure, "svg")
    end = wide.rindex("</svg>")
    return f'{wide[:end]}<metadata class="narrow">{narrow[narrow.index("<svg") :]}</metadata>{wide[end:]}'


@contextlib.contextmanager
def _made_narrow(figure):
    """For a while: charts side by side stand below each other, long labels have several lines, no letter is small."""
    width, height = figure.get_size_inches()
    small = [text for text in figure.findobj(Text) if text.get_fontsize() < SMALLEST_POINTS]
    sizes = [text.get_fontsize() for text in small]
    labels = {axis: [text.get_text() for text in axis.get_yticklabels()] for axis in figure.axes}
    long = {axis: texts for axis, texts in labels.items() if max(map(len, texts), default=0) > LONGEST_LABEL}
    places = {axis: axis.get_subplotspec() for axis in figure.axes if axis.get_subplotspec()}
    titles = [text for axis in figure.axes for text in (axis.xaxis.label, axis.title)]
    words = [text.get_text() for text in titles]
    rows, columns = _grid_of(places)
    across = max(1, int(columns * NARROW_INCHES / width)) if all(axis.images for axis in places) else 1
    down = -(-len(places) // across)
    shares = {axis: axis.yaxis.get_tick_params().get("labelleft", True) for axis in places}
    if across < columns:
        grid = GridSpec(down, across, figure=figure)
        for number, axis in enumerate(places):
            axis.set_subplotspec(grid[number])
            axis.tick_params(labelleft=shares[axis] or not axis.images)
    broken = {axis: [_break_label(text) for text in texts] for axis, texts in long.items()}
    for axis, texts in broken.items():
        axis.set_yticks(axis.get_yticks(), texts)
    for text in small:
        text.set_fontsize(SMALLEST_POINTS)
    for text in titles:
        text.set_text(textwrap.fill(text.get_text(), LONGEST_TITLE))
    lines = [len(texts) * max(text.count("\n") + 1 for text in texts) for texts in broken.values()]
    least = 0.6 + INCHES_A_LINE * sum(lines)
    figure.set_size_inches(NARROW_INCHES, max(height * down / rows if across < columns else height, least))
    figure.draw_without_rendering()
    crowded = [axis for axis in figure.axes if _overlap(axis.get_xticklabels())]
    for axis in crowded:
        axis.tick_params(axis="x", labelrotation=45)
    try:
        yield
    finally:
        figure.set_size_inches(width, height)
        for axis in crowded:
            axis.tick_params(axis="x", labelrotation=0)
        for text, size in zip(small, sizes, strict=True):
            text.set_fontsize(size)
        for text, whole in zip(titles, words, strict=True):
            text.set_text(whole)
        for axis, texts in long.items():
            axis.set_yticks(axis.get_yticks(), texts)
        for axis, place in places.items():
            axis.set_subplotspec(place)
            axis.tick_params(labelleft=shares[axis])


def _overlap(labels):
    """Whether one of these texts, from left to right, begins before the one before it has ended."""
    boxes = [label.get_window_extent() for label in labels if label.get_text() and not label.get_rotation()]
    return any(second.x0 < first.x1 for first, second in itertools.pairwise(boxes))


def _break_label(text):
    """A long label in lines, broken at spaces and behind slashes."""
    return textwrap.fill(text.replace("/", "/ "), LONGEST_LABEL, break_long_words=False).replace("/ ", "/")


def _grid_of(places):
    """Rows and columns of charts that may stand in another order; (1, 1) where their order says something."""
    grids = {place.get_gridspec() for place in places.values()}
    if len(grids) != 1:
        return 1, 1
    rows, columns = grids.pop().get_geometry()
    titled = sum(bool(axis.get_title() or axis.get_title("left")) for axis in places)
    is_free = rows == 1 or (all(axis.images for axis in places) and titled > rows)
    return (rows, columns) if is_free and len(places) <= rows * columns else (1, 1)


def show_diagram(name):
    """Return one of the diagrams that come with the package.

    Args:
        name: the diagram's file name without `.svg`.

    Returns:
        An object that a notebook displays as SVG.

    Raises:
        ValueError: if there is no such diagram; the message lists those there are.
    """
    folder = resources.files("convbook") / "diagrams"
    names = sorted(file.name.removesuffix(".svg") for file in folder.iterdir() if file.name.endswith(".svg"))
    if name not in names:
        raise ValueError(f"there is no diagram {name!r}; there are: {', '.join(names)}.")
    return Diagram((folder / f"{name}.svg").read_text(encoding="utf-8"))


class Diagram:
    """An SVG drawing that displays itself in a notebook."""

    def __init__(self, svg):
        self.svg = svg

    def _repr_svg_(self):
        return self.svg


def show_images(images, titles=None, columns=10, size_inches=0.58, vmin=0, vmax=255):
    """Show pictures side by side.

    Args:
        images: array (n, height, width) or (n, height, width, 1 or 3); grey pictures are shown from black at `vmin` to
            white at `vmax`, colour pictures must be uint8 or lie in 0…1.
        titles: n short texts, or None.
        columns: pictures in a row.
        size_inches: width of one picture.
        vmin: value shown black.
        vmax: value shown white.

    Returns:
        The figure.

    Raises:
        ValueError: if `images` is not a stack of pictures or `titles` has another length.
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4) or len(images) == 0:
        raise ValueError(
            f"images has shape {images.shape}; give a stack (n, height, width) or (n, height, width, channels)."
        )
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images; give one title for each image.")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height, width = images.shape[1:3]
    title_inches = 0.22 if titles is not None else 0.04
    size = (columns * size_inches, rows * (size_inches * height / width + title_inches))
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
    for axis in axes.flat:
        axis.axis("off")
    for index, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(np.squeeze(image), vmin=vmin, vmax=vmax)
        if titles is not None:
            axis.set_title(str(titles[index]), loc="center", pad=2)
    return figure


def show_sheet(images, captions=None, columns=6, size_px=None, quality=75):
    """Paste pictures into one sheet, each with a line of text above it, and show it as a small JPEG.

    A chart (`show_images`) is for few pictures with axes; a sheet is for many pictures in colour.

    Args:
        images: pictures (height, width, 3) or (height, width) with values from 0 to 255, all of one shape.
        captions: a short text for each picture, or None for sheets without lines of text. A text may run on above
            the pictures to its right if theirs is empty.
        columns: pictures in a row.
        size_px: width to which each picture is scaled, in pixels; None leaves them as they are.
        quality: of the JPEG, from 1 to 95.

    Returns:
        IPython.display.Image with the JPEG.

    Raises:
        ValueError: if there is no picture, pictures differ in shape, or `captions` has another length.
    """
    from IPython import display
    from PIL import Image, ImageDraw

    tiles = [Image.fromarray(np.asarray(image).astype("uint8")).convert("RGB") for image in images]
    if not tiles:
        raise ValueError("There are no images to show; give at least one.")
    if captions is not None and len(captions) != len(tiles):
        raise ValueError(f"{len(captions)} captions for {len(tiles)} images; give one caption for each image.")
    if size_px is not None:
        tiles = [tile.resize((size_px, round(size_px * tile.height / tile.width))) for tile in tiles]
    sizes = {tile.size for tile in tiles}
    if len(sizes) > 1:
        raise ValueError(f"images have the sizes {sorted(sizes)}, width by height; scale them to one size first.")
    (width, height), line = tiles[0].size, 0 if captions is None else 15
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * width, rows * (height + line)), "white")
    for index, tile in enumerate(tiles):
        left, top = index % columns * width, index // columns * (height + line)
        sheet.paste(tile, (left, top + line))
        if captions is not None:
            ImageDraw.Draw(sheet).text((left + 3, top + 2), str(captions[index]), fill="black")
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=quality)
    return display.Image(file.getvalue())


def show_feature_maps(feature_maps, titles):
    """Show the first channels of several layers' outputs, a row for each layer.

    Args:
        feature_maps: list of arrays (height, width, channels), one per layer.
        titles: one text for each layer.

    Returns:
        The figure. Each layer is scaled by itself: black is its smallest value, white its largest.
    """
    shown = min(8, *(maps.shape[-1] for maps in feature_maps))
    figure, axes = plt.subplots(
        len(feature_maps),
        shown,
        figsize=(0.68 * shown, 0.88 * len(feature_maps)),
        squeeze=False,
        layout="constrained",
    )
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
    for row, maps, title in zip(axes, feature_maps, titles, strict=True):
        for channel, axis in enumerate(row):
            axis.imshow(maps[..., channel], vmin=maps.min(), vmax=maps.max())
            axis.axis("off")
        row[0].set_title(title, loc="left", pad=3)
    return figure


def plot_history(history):
    """Plot loss and accuracy of each epoch, on training and on validation data.

    Args:
        history: what `model.fit` returned, or its `history` dictionary, with `loss` and `accuracy`, and with
            `val_loss` and `val_accuracy` where there was validation data.

    Returns:
        The figure, with two axes.
    """
    values = getattr(history, "history", history)
    epochs = np.arange(1, len(values["loss"]) + 1)
    figure, axes = plt.subplots(1, 2, figsize=(5.8, 2.3))
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        axis.plot(epochs, values[name], label="training")
        if f"val_{name}" in values:
            axis.plot(epochs, values[f"val_{name}"], label="validation")
        axis.set(xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend()
    return figure


def plot_seeds(groups, xlabel):
    """Show every seed as a dot, a row for each group, with the mean as a bar.

    Args:
        groups: dictionary from a group's name to its numbers, one for each seed.
        xlabel: what the numbers are, with their unit.

    Returns:
        The figure.
    """
    figure, axis = plt.subplots(figsize=(5.0, 0.6 + 0.36 * len(groups)))
    for row, (colour, numbers) in enumerate(zip(_colours(len(groups)), groups.values(), strict=True)):
        axis.plot(numbers, np.full(len(numbers), row), "o", color=colour, alpha=0.75)
        axis.plot([np.mean(numbers)] * 2, [row - 0.3, row + 0.3], "-", color=colour)
    axis.set(xlabel=xlabel, yticks=range(len(groups)), yticklabels=list(groups), ylim=(len(groups) - 0.5, -0.5))
    axis.grid(axis="y", visible=False)
    return figure


def plot_seed_curves(groups, x, xlabel, ylabel):
    """Show one curve for each group: the mean over the seeds, and thin, each seed.

    Args:
        groups: dictionary from a group's name to an array (seeds, len(x)).
        x: positions on the horizontal axis.
        xlabel: what they are, with their unit.
        ylabel: what the curves show, with its unit.

    Returns:
        The figure.
    """
    figure, axis = plt.subplots()
    styles = itertools.cycle(("o-", "s--", "^-.", "D:"))
    for colour, style, (name, curves) in zip(_colours(len(groups)), styles, groups.items(), strict=False):
        curves = np.asarray(curves)
        axis.plot(x, curves.T, "-", color=colour, linewidth=0.6, alpha=0.4)
        axis.plot(x, curves.mean(axis=0), style, color=colour, label=name)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.legend()
    return figure


def _colours(count):
    cycle = (BLUE, ORANGE, GREEN, PURPLE, GREY)
    return [cycle[index % len(cycle)] for index in range(count)]
