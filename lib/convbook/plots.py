"""Charts and tables: arrays and histories to matplotlib figures, in one style, as SVG; rows to Markdown.

Each function returns what it drew; a notebook shows it at the end of the cell.
"""

import io
import itertools
import textwrap
from importlib import resources

import matplotlib.pyplot as plt
import numpy as np

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0b6e99", "#c4570a", "#2e7d4f", "#8b4a9c", "#6b7280"
LABEL_LETTERS, XLABEL_LETTERS = 22, 32  # in a line beside dots, and below them


def use_book_style():
    """Use the book's style sheet from here on, and SVG in a notebook.

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
    return style


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


def show_images(images, titles=None, columns=10, size_inches=0.4, vmin=0, vmax=255):
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


def show_table(columns, rows):
    """Show a small table: the first column names the row, the others stand flush right.

    Args:
        columns: names of the columns; they and the words of the rows may be Markdown.
        rows: one sequence for each row: words, ints (shown as 1,600) or floats (shown with three decimals).

    Returns:
        IPython.display.Markdown with the table.

    Raises:
        ValueError: if there is no row, or a row is not as long as `columns`.

    Example:
        >>> print(show_table(["layer", "weights"], [["Dense", 1600], ["pooling", 0]]).data)
        | layer | weights |
        | --- | ---: |
        | Dense | 1,600 |
        | pooling | 0 |
    """
    from IPython import display

    rows = [[_written(value) for value in row] for row in rows]
    if not rows or {len(row) for row in rows} != {len(columns)}:
        raise ValueError(
            f"Rows of {[len(row) for row in rows]} for {len(columns)} columns; give each row one for each."
        )
    lines = [columns, ["---"] + ["---:"] * (len(columns) - 1), *rows]
    return display.Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def _written(value):
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int | np.integer) else f"{value:.3f}"


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
        figsize=(0.6 * shown, 0.82 * len(feature_maps)),
        squeeze=False,
        layout="none",  # another layout makes room for a long title, and the maps no longer stand in columns
        gridspec_kw={"wspace": 0.06, "hspace": 0.4},
    )
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
    figure, axes = plt.subplots(1, 2, figsize=(4, 2.2))
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
        groups: dictionary from a group's name to its numbers, one for each seed. A long name takes several lines.
        xlabel: what the numbers are, with their unit.

    Returns:
        The figure.
    """
    names, xlabel = [_in_lines(name) for name in groups], textwrap.fill(xlabel, XLABEL_LETTERS)
    lines = max(name.count("\n") for name in names), xlabel.count("\n")
    figure, axis = plt.subplots(figsize=(4, 0.6 + 0.15 * lines[1] + (0.32 + 0.08 * lines[0]) * len(names)))
    for row, (colour, numbers) in enumerate(zip(_colours(len(groups)), groups.values(), strict=True)):
        axis.plot(numbers, np.full(len(numbers), row), "o", color=colour, alpha=0.75)
        axis.plot([np.mean(numbers)] * 2, [row - 0.3, row + 0.3], "-", color=colour)
    axis.set(xlabel=xlabel, yticks=range(len(names)), yticklabels=names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.locator_params(axis="x", nbins=5)
    axis.grid(axis="y", visible=False)
    return figure


def _in_lines(name):
    """A long name in several lines, parted at its commas."""
    parts = name.split(", ") if len(name) > LABEL_LETTERS else [name]
    return ",\n".join(textwrap.fill(part, LABEL_LETTERS) for part in parts)


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
