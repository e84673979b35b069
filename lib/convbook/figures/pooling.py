"""The pooling figure: one response map made smaller in three ways, before and after the picture moved a little."""

import textwrap

import numpy as np
import traitlets

from convbook.figures import still
from convbook.figures.base import FigureError, LiveFigure, check_picture, pack_picture
from convbook.figures.convolution import KERNELS, kernels_for
from convbook.operations import average_pool2d, convolve2d, max_pool2d

# The three ways, in the order in which they are shown.
WAYS = ("max pooling", "average pooling", "strided read")
SIZES = {"pool_size": (2, 3), "strides": (1, 2, 3)}
LARGEST_MOVE_PX = 2
SMALLEST_SIDE_PX, LARGEST_SIDE_PX = 3, 32  # up to here all moves are counted within one frame of the browser
ALMOST_ZERO = 1e-9  # what rounding leaves of a kernel's ninths is no change


class Pooling(LiveFigure):
    """Move the picture by a pixel and see which of three smaller maps changes least.

    The response map is the kernel's response with ReLU behind it, without padding. Max pooling and average pooling
    summarize its windows; the strided read keeps the first value of every `strides` rows and columns, which is what a
    convolution with these strides gives. A moved picture goes on beyond its border with the values of the border.

    Args:
        image: uint8 (0…255) or float (0…1), grey, (height, width) or (height, width, 1), 3 to 32 pixels each way.
        kernel: a name of `KERNELS`.
        pool_size: side of the pooling window, 2 or 3 pixels of the response map.
        strides: pixels of the response map from one window to the next, 1 to 3.
        down: pixels by which the picture has moved down, −2 to 2; negative is up.
        right: the same, to the right; negative is left.
        row: the window's place, counted from 0 in the pooled maps.
        column: the same, from the left.

    Raises:
        FigureError: a ValueError and a TraitError, if picture, kernel, sizes, move or place do not fit; the message
            says what would. A window that is too large for the map is no error: the figure explains it.

    Example:
        >>> picture = np.zeros((4, 7), dtype="uint8")
        >>> picture[:, 3:] = 9  # dark on the left, light on the right
        >>> figure = Pooling(picture, kernel="vertical edges", right=1)
        >>> figure.response_map
        array([[ 0.,  0., 36., 36.,  0.],
               [ 0.,  0., 36., 36.,  0.]])
        >>> {way: output.tolist() for way, output in figure.outputs.items()}
        {'max pooling': [[0.0, 36.0]], 'average pooling': [[0.0, 36.0]], 'strided read': [[0.0, 36.0, 0.0]]}
        >>> figure.changes
        {'max pooling': 0.5, 'average pooling': 1.0, 'strided read': 0.0}
    """

    image = traitlets.Any()
    kernel = traitlets.Any().tag(sync=True)
    pool_size = traitlets.Int(2).tag(sync=True)
    strides = traitlets.Int(2).tag(sync=True)
    down = traitlets.Int(0).tag(sync=True)
    right = traitlets.Int(0).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)
    _picture = traitlets.Dict().tag(sync=True)
    _kernels = traitlets.Dict().tag(sync=True)

    def __init__(self, image, kernel="vertical edges", *, pool_size=2, strides=2, down=0, right=0, row=0, column=0):
        image = check_grey_picture(image)
        super().__init__(
            image=image,
            kernel=kernel,
            pool_size=check_size("pool_size", pool_size),  # at once: the check of the place divides by them
            strides=check_size("strides", strides),
            down=down,
            right=right,
            row=row,
            column=column,
            _picture=pack_picture(image),
            _kernels=kernels_for(1),
        )

    @property
    def response_map(self):
        """The moved picture's response with ReLU: float64 (rows, columns)."""
        return respond(move_picture(self.image, self.down, self.right), self.kernel)

    @property
    def unmoved_response_map(self):
        """The same for the picture where it was: float64 (rows, columns)."""
        return respond(self.image, self.kernel)

    @property
    def outputs(self):
        """What each way makes of the response map: {way: float64 (rows, columns)}."""
        return downsample(self.response_map, self.pool_size, self.strides)

    @property
    def unmoved_outputs(self):
        """The same for the picture where it was."""
        return downsample(self.unmoved_response_map, self.pool_size, self.strides)

    @property
    def changes(self):
        """How much each output has changed with the move: {way: share of the unmoved output}."""
        return _changes(self.unmoved_outputs, self.outputs)

    @property
    def grid_shape(self):
        """Rows and columns of the pooled maps; (0, 0) where no window fits."""
        return grid_shape(self.image.shape, self.pool_size, self.strides)

    def count_least(self):
        """Count, for all moves that the figure knows, which way changes least; a tie counts for each.

        Returns:
            {way: number of moves}, of 24.

        Example:
            >>> Pooling(np.zeros((5, 7), "uint8")).count_least()  # nothing changes, so all three change least
            {'max pooling': 24, 'average pooling': 24, 'strided read': 24}
        """
        unmoved = self.unmoved_outputs
        counts = dict.fromkeys(unmoved, 0)
        for down, right in all_moves():
            response = respond(move_picture(self.image, down, right), self.kernel)
            moved = downsample(response, self.pool_size, self.strides)
            for way in least_of(_changes(unmoved, moved)):
                counts[way] += 1
        return counts

    def verdict(self):
        """Say which way changed least, and no more than was measured here.

        Returns:
            One to three sentences of plain text, the same that the live figure shows.
        """
        return verdict(self)

    def describe(self):
        return describe(self)

    def draw_still(self):
        return draw_still(self)

    @traitlets.validate("image")
    def _validate_image(self, proposal):
        return check_grey_picture(proposal.value)

    @traitlets.validate("kernel")
    def _validate_kernel(self, proposal):
        if not isinstance(proposal.value, str) or proposal.value not in KERNELS:
            raise FigureError(f"There is no kernel {proposal.value!r}; choose one of {', '.join(KERNELS)}.")
        return proposal.value

    @traitlets.validate("pool_size", "strides")
    def _validate_size(self, proposal):
        return check_size(proposal.trait.name, proposal.value)

    @traitlets.validate("down", "right")
    def _validate_move(self, proposal):
        if abs(proposal.value) > LARGEST_MOVE_PX:
            raise FigureError(
                f"{proposal.trait.name} is {proposal.value}; the picture moves by −{LARGEST_MOVE_PX} to "
                f"{LARGEST_MOVE_PX} pixels: beyond that, most of what changes is the border."
            )
        return proposal.value

    @traitlets.validate("row", "column")
    def _validate_place(self, proposal):
        rows, columns = self.grid_shape
        size = rows if proposal.trait.name == "row" else columns
        if not 0 <= proposal.value < max(size, 1):
            raise FigureError(
                f"{proposal.trait.name} is {proposal.value}, outside the pooled map of {rows} rows and {columns} "
                f"columns; give 0 to {max(size - 1, 0)}."
            )
        return proposal.value

    @traitlets.observe("image")
    def _send_picture(self, change):
        self._picture = pack_picture(self.image)

    @traitlets.observe("image", "pool_size", "strides")
    def _keep_window_inside(self, change):
        rows, columns = self.grid_shape
        self.row, self.column = min(self.row, max(rows - 1, 0)), min(self.column, max(columns - 1, 0))


# ---- what is computed ----


def check_grey_picture(image):
    """Return a picture in the form that the pooling figure works with.

    Args:
        image: uint8 (0…255) or float (0…1), (height, width) or (height, width, 1), 3 to 32 pixels each way.

    Returns:
        uint8 or float32 (height, width, 1).

    Raises:
        FigureError: if it has colours, another size, rank or values; the message names the remedy.

    Example:
        >>> check_grey_picture(np.zeros((5, 7))).shape
        (5, 7, 1)
    """
    image = check_picture(image)
    height, width, channels = image.shape
    if channels != 1:
        raise FigureError(
            f"image has {channels} channels, shape {image.shape}; the pooling figure shows one response map of a grey "
            "picture. Make it grey: image.mean(axis=2).astype('uint8')."
        )
    if not SMALLEST_SIDE_PX <= min(height, width) <= max(height, width) <= LARGEST_SIDE_PX:
        raise FigureError(
            f"image has {height} × {width} pixels; the pooling figure shows {SMALLEST_SIDE_PX} to {LARGEST_SIDE_PX} "
            "each way: its kernels are 3 × 3, and each changed value must be seen. Cut a part out, image[:20, :30], "
            "or leave pixels out, image[::2, ::2]."
        )
    return image


def check_size(name, size):
    """Return a pool size or a stride, if the figure shows it.

    Args:
        name: 'pool_size' or 'strides'.
        size: pixels of the response map.

    Returns:
        The size.

    Raises:
        FigureError: if it is another; the message names those that are shown.

    Example:
        >>> check_size("strides", 3)
        3
    """
    if size not in SIZES[name]:
        *others, last = SIZES[name]
        raise FigureError(
            f"{name} is {size!r}; the figure shows {', '.join(map(str, others))} or {last}. For other sizes use "
            "convbook.operations.max_pool2d."
        )
    return size


def move_picture(image, down, right):
    """Move a picture in its frame; what comes in at the border repeats the border.

    Args:
        image: (height, width, channels).
        down: pixels, negative for up.
        right: pixels, negative for left.

    Returns:
        An array of the same shape and dtype.

    Example:
        >>> move_picture(np.array([[[1], [2], [3]]]), down=1, right=1)[..., 0]
        array([[1, 1, 2]])
    """
    height, width, _ = image.shape
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return image[rows][:, columns]


def respond(image, kernel):
    """Return a kernel's response map with ReLU behind it.

    Args:
        image: (height, width, 1).
        kernel: a name of `KERNELS`.

    Returns:
        float64 (height − 2, width − 2).

    Example:
        >>> respond(np.eye(3)[..., np.newaxis], "blur").round(2)
        array([[0.33]])
    """
    return np.maximum(convolve2d(image.astype(float), KERNELS[kernel][..., np.newaxis, np.newaxis])[..., 0], 0)


def grid_shape(image_shape, pool_size, strides):
    """Return rows and columns of the pooled maps, (0, 0) where no window fits.

    Example:
        >>> grid_shape((20, 30, 1), pool_size=2, strides=2), grid_shape((4, 9, 1), pool_size=3, strides=1)
        ((9, 14), (0, 0))
    """
    sides = [side - 2 for side in image_shape[:2]]
    if min(sides) < pool_size:
        return 0, 0
    return tuple((side - pool_size) // strides + 1 for side in sides)


def downsample(response, pool_size, strides):
    """Make a response map smaller in each of the three ways.

    Args:
        response: (rows, columns).
        pool_size: side of the window.
        strides: rows, and columns, from one window to the next.

    Returns:
        {way: array (rows, columns)}; where no window fits, without the two poolings.

    Example:
        >>> downsample(np.array([[1.0, 2, 3, 9], [4, 5, 6, 9]]), pool_size=2, strides=2)["average pooling"]
        array([[3.  , 6.75]])
    """
    read = {"strided read": response[::strides, ::strides]}
    if min(response.shape) < pool_size:
        return read
    maps = response[..., np.newaxis]
    pooled = max_pool2d(maps, pool_size, strides), average_pool2d(maps, pool_size, strides)
    return dict(zip(WAYS, (output[..., 0] for output in pooled), strict=False)) | read


def share_of_change(unmoved, moved):
    """Return the mean absolute change as a share of the unmoved output's mean.

    Args:
        unmoved: (rows, columns), no value below 0.
        moved: the same shape.

    Returns:
        0.0 where nothing changed, 1.0 where as much changed as there was; inf where there was nothing.

    Example:
        >>> share_of_change(np.array([[4.0, 0.0]]), np.array([[3.0, 1.0]]))
        0.5
    """
    difference = np.abs(moved - unmoved).mean()
    if difference < ALMOST_ZERO:
        return 0.0
    return float(difference / unmoved.mean()) if unmoved.mean() >= ALMOST_ZERO else float("inf")


def _changes(unmoved, moved):
    return {way: share_of_change(unmoved[way], moved[way]) for way in unmoved}


def least_of(amounts):
    """Return the names with the smallest amount, several where they tie.

    Example:
        >>> least_of({"a": 0.5, "b": 0.2, "c": 0.2})
        ['b', 'c']
    """
    smallest = min(amounts.values())
    return [name for name, amount in amounts.items() if amount <= smallest + ALMOST_ZERO]


def all_moves():
    """Return every move that the figure knows but the one that stays: [(down, right), …].

    Example:
        >>> len(all_moves()), all_moves()[0]
        (24, (-2, -2))
    """
    steps = range(-LARGEST_MOVE_PX, LARGEST_MOVE_PX + 1)
    return [(down, right) for down in steps for right in steps if (down, right) != (0, 0)]


# ---- what is said; pooling.js has the same sentences ----


def write_share(share):
    """Write a change as per cent.

    Example:
        >>> write_share(0.41925), write_share(float("inf"))
        ('41.9 %', 'no share')
    """
    return f"{still.format_cell(100 * share)} %" if np.isfinite(share) else "no share"


def write_move(down, right):
    """Write a move in words.

    Example:
        >>> write_move(0, 0), write_move(-1, 2)
        ('not moved', 'moved 1 up, 2 right')
    """
    parts = [f"{abs(down)} {'down' if down > 0 else 'up'}"] if down else []
    parts += [f"{abs(right)} {'right' if right > 0 else 'left'}"] if right else []
    return f"moved {', '.join(parts)}" if parts else "not moved"


def explain_no_window(response_shape, pool_size):
    """Say why there is nothing to pool, and what to do.

    Example:
        >>> explain_no_window((2, 5), 3)
        'No window fits: 3 × 3 is larger than the response map of 2 × 5. Choose pool size 2, or enlarge the picture.'
    """
    rows, columns = response_shape
    smaller = "Choose pool size 2, or enlarge" if min(rows, columns) >= 2 < pool_size else "Enlarge"
    reason = f"No window fits: {pool_size} × {pool_size} is larger than the response map of {rows} × {columns}."
    return f"{reason} {smaller} the picture."


def is_comparison(figure):
    """Tell whether a Pooling compares three outputs: a window fits, and the picture has moved."""
    return figure.grid_shape != (0, 0) and (figure.down, figure.right) != (0, 0)


def verdict(figure):
    """Say which way changed least; `figure` is a Pooling."""
    unmoved, moved = figure.unmoved_outputs, figure.outputs
    if figure.grid_shape == (0, 0):
        return explain_no_window(figure.response_map.shape, figure.pool_size)
    if (figure.down, figure.right) == (0, 0):
        return "The picture has not moved: nothing has changed yet."
    if max(output.max() for output in [*unmoved.values(), *moved.values()]) < ALMOST_ZERO:
        return "All values are 0, before and after: there is nothing to compare. Choose another kernel."
    shares = _changes(unmoved, moved)
    amounts = {way: float(np.abs(moved[way] - unmoved[way]).mean()) for way in WAYS}
    winners, plain = least_of(shares), least_of(amounts)
    sentences = [f"{_join(winners)} {_verb(winners)} least here: {write_share(shares[winners[0]])} of its mean."]
    if plain != winners:
        sentences.append(f"Not divided by the mean, {_join(plain)} {_verb(plain)} least.")
    sentences.append(_write_counts(figure.count_least()))
    text = " ".join(sentences)
    return text[0].upper() + text[1:]


def _write_counts(counts):
    parts = [f"{way} in {count}" for way, count in counts.items()]
    ties = " (ties count for each)" if sum(counts.values()) > 24 else ""
    return f"Over all 24 moves, least: {', '.join(parts)}{ties}."


def _join(names):
    return " and ".join(names) if len(names) < 3 else f"{names[0]}, {names[1]} and {names[2]}"


def _verb(names):
    return "changes" if len(names) == 1 else "change"


def describe(figure):
    """Say what a Pooling shows."""
    return f"{_describe_sizes(figure)} {verdict(figure)}"


def _describe_sizes(figure):
    height, width, _ = figure.image.shape
    rows, columns = figure.response_map.shape
    sizes = [f"{way} {' × '.join(map(str, output.shape))}" for way, output in figure.outputs.items()]
    return (
        f"A response map of {rows} × {columns}, from a picture of {height} × {width} with the kernel {figure.kernel} "
        f"and ReLU, made smaller: {', '.join(sizes)}. Picture {write_move(figure.down, figure.right)}."
    )


# ---- the still picture ----

STILL_WIDTH_PX, PICTURE_PX, OUTPUT_PX, CELL_PX, COLUMN_PX = 620, 270, 190, 34, 212
HINT = "A dot marks a value that changed; the larger the dot, the larger the change."


def draw_still(figure):
    """Draw picture and response map, the three outputs with what changed, and one window before and after.

    Args:
        figure: a Pooling.

    Returns:
        An SVG element as text.
    """
    unmoved, moved = figure.unmoved_response_map, figure.response_map
    scale = max(unmoved.max(), moved.max()) or 1.0
    height, width, _ = figure.image.shape
    pixel_px = min(PICTURE_PX / width, PICTURE_PX / height, CELL_PX)
    y, parts = 24, []
    parts += _draw_sources(figure, moved, scale, pixel_px, y)
    y += height * pixel_px + 54
    outputs, y = _draw_outputs(figure, scale, y)
    parts += outputs
    text = verdict(figure)
    lines = textwrap.wrap(text, 92)
    parts += [still.draw_text(line, 0, y + n * 19, font_size=14) for n, line in enumerate(lines)]
    y += len(lines) * 19
    parts.append(still.draw_text(HINT, 0, y + 3, font_size=12))
    if figure.grid_shape != (0, 0):
        parts += _draw_windows(figure, unmoved, moved, scale, y + 38)
        y += 38 + figure.pool_size * CELL_PX + 24
    return still.wrap_svg(parts, STILL_WIDTH_PX, y + 12, f"{_describe_sizes(figure)} {text}")


def _window(figure):
    """The window on the response map: row, column, side."""
    return figure.row * figure.strides, figure.column * figure.strides, figure.pool_size


def _draw_sources(figure, response, scale, pixel_px, y):
    """The moved picture, and its response map with the window."""
    image = move_picture(figure.image, figure.down, figure.right)
    pixels = image if image.dtype == np.uint8 else np.round(image * 255).astype(np.uint8)
    x, (height, width, _) = STILL_WIDTH_PX / 2, image.shape
    rows, columns = response.shape
    parts = [
        still.draw_heading("Picture", f"{height} × {width}, {write_move(figure.down, figure.right)}", 0, y - 9),
        still.draw_pixels(np.broadcast_to(pixels, (height, width, 3)), 0, y, pixel_px),
        still.draw_heading("Response map with ReLU", f"{rows} × {columns}", x, y - 9),
        still.draw_pixels(still.diverging_colors(response, scale), x, y, pixel_px),
    ]
    if figure.grid_shape != (0, 0):
        row, column, side = (number * pixel_px for number in _window(figure))
        parts.append(still.draw_frame(x + column, y + row, side, side))
    note = f"kernel {figure.kernel}, 0 to {still.format_number(scale)}"
    return [*parts, still.draw_text(note, x, y + rows * pixel_px + 20, font_size=12)]


def _draw_outputs(figure, scale, y):
    """The three outputs side by side; and where the next thing can stand."""
    unmoved, outputs, parts = figure.unmoved_outputs, figure.outputs, []
    rows, columns = outputs["strided read"].shape  # no pooled map is larger
    pixel_px = min(OUTPUT_PX / rows, OUTPUT_PX / columns, CELL_PX)
    winners = least_of(figure.changes) if is_comparison(figure) else []
    for n, way in enumerate(WAYS):
        x = n * COLUMN_PX
        if way not in outputs:
            parts += [still.draw_heading(way.capitalize(), "no window fits", x, y - 9)]
            continue
        before, after = unmoved[way], outputs[way]
        size = " × ".join(map(str, after.shape))
        amount = np.abs(after - before).mean(), before.mean()
        note = f"mean change {still.format_number(amount[0])}, mean {still.format_number(amount[1])}"
        below = y + rows * pixel_px
        weight = {"font_weight": "bold", "fill": still.MARKER} if way in winners else {}
        parts += [
            still.draw_heading(way.capitalize(), size, x, y - 9),
            still.draw_pixels(still.diverging_colors(after, scale), x, y, pixel_px),
            *_draw_dots(before, after, scale, x, y, pixel_px),
            still.draw_text(write_share(share_of_change(before, after)), x, below + 22, font_size=18, **weight),
            still.draw_text(note, x, below + 40, font_size=12),
        ]
        if figure.grid_shape != (0, 0):
            place = x + figure.column * pixel_px, y + figure.row * pixel_px
            parts.append(still.draw_frame(*place, pixel_px, pixel_px))
    return parts, y + rows * pixel_px + 70


def dot_radius(change, scale):
    """Return the radius of a changed value's dot, in cells: its area shows the change.

    Example:
        >>> dot_radius(0, 9), round(dot_radius(9, 9), 2), round(dot_radius(-0.1, 9), 2)
        (0.0, 0.4, 0.08)
    """
    size = abs(float(change))
    return 0.0 if size < ALMOST_ZERO else max(0.08, 0.4 * min(1.0, size / scale) ** 0.5)


def _draw_dots(before, after, scale, x, y, pixel_px):
    colors = still.diverging_colors(after, scale)
    for (i, j), change in np.ndenumerate(after - before):
        if radius := dot_radius(change, scale):
            centre = f'cx="{x + (j + 0.5) * pixel_px:.2f}" cy="{y + (i + 0.5) * pixel_px:.2f}"'
            yield f'<circle {centre} r="{radius * pixel_px:.2f}" fill="{still.readable_on(colors[i, j])}"/>'


def _draw_windows(figure, unmoved, moved, scale, y):
    """The window's numbers before and after the move, framed where the largest stands, and what each way gives."""
    row, column, side = _window(figure)
    patches = [response[row : row + side, column : column + side] for response in (unmoved, moved)]
    origins = [np.unravel_index(patch.argmax(), patch.shape) for patch in patches]
    parts, step = [], side * CELL_PX + 30
    for n, (name, patch, (i, j)) in enumerate(zip(("before", "after"), patches, origins, strict=True)):
        parts += [
            still.draw_text(name, n * step, y, font_size=12),
            still.draw_number_grid(patch, still.diverging_colors(0.6 * patch, scale), n * step, y + 8, CELL_PX),
            still.draw_frame(n * step + j * CELL_PX + 1, y + 9 + i * CELL_PX, CELL_PX - 3, CELL_PX - 3),
        ]
    for n, (way, survivor) in enumerate(zip(WAYS, (np.max, np.mean, _first), strict=True)):
        before, after = (still.format_number(survivor(patch)) for patch in patches)
        i, j = origins[1] if way == WAYS[0] else (0, 0)
        source = "" if way == WAYS[1] else f", from map[{row + i}, {column + j}]"
        parts.append(still.draw_text(f"{way}: {before} → {after}{source}", 2 * step, y + 22 + n * 20))
    return parts


def _first(patch):
    return patch[0, 0]
