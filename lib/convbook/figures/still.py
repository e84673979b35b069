"""Still pictures of live figures, as SVG: for print, and for readers without JavaScript.

Numbers and colours follow the rules of base.js, so that the still picture says what the live figure says.
"""

import base64
import html
import io
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
from PIL import Image

MARKER = "#b3125f"
NEGATIVE, ZERO, POSITIVE = np.array([11, 110, 153]), np.array([243, 242, 239]), np.array([196, 87, 10])


def format_number(x):
    """Write a number as a figure shows it: whole where it is whole, else at most two decimals.

    Example:
        >>> format_number(-178.0), format_number(28.333), format_number(-0.001)
        ('−178', '28.33', '0.00')
    """
    return _format(x, "0.01")


def format_cell(x):
    """Write a number for a small cell: where it is not whole, three digits in all.

    Example:
        >>> format_cell(-1272), format_cell(-113.33), format_cell(28.333), format_cell(1 / 3)
        ('−1272', '−113', '28.3', '0.33')
    """
    return _format(x, "0.01" if abs(x) < 10 else "0.1" if abs(x) < 100 else "1")


def _format(x, step):
    """A true minus; rounded as JavaScript's toFixed does, halves up, where Python's format would take the even one."""
    size = abs(float(x))
    if abs(size - round(size)) <= 1e-9:
        text = str(round(size))
    elif size < 0.005:
        text = "0.00"
    else:
        text = f"{Decimal(size).quantize(Decimal(step), ROUND_HALF_UP):f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"−{text}" if x < 0 and float(text) != 0 else text


def format_weight(x):
    """Write a weight: as a fraction where two decimals would not be exact, else as every number.

    Example:
        >>> format_weight(1 / 9), format_weight(-0.5), format_weight(3 / 16)
        ('1/9', '−0.5', '3/16')
    """
    if abs(x * 100 - round(x * 100)) < 1e-9:
        return format_number(x)
    for divisor in range(3, 65):
        dividend = round(x * divisor)
        if dividend and abs(x * divisor - dividend) < 1e-9:
            return f"{format_number(dividend)}/{divisor}"
    return format_number(x)


def diverging_colors(values, scale):
    """Colour numbers: blue below zero, orange above, neutral at zero.

    Args:
        values: array of any shape.
        scale: the size of a value that gets the full colour, > 0.

    Returns:
        uint8 array of the same shape with a last axis of red, green, blue.

    Example:
        >>> diverging_colors([-2.0, 0.0, 1.0], scale=2).tolist()
        [[11, 110, 153], [243, 242, 239], [220, 165, 125]]
    """
    share = np.clip(np.asarray(values, dtype=float) / scale, -1, 1)[..., np.newaxis]
    ends = np.where(share < 0, NEGATIVE, POSITIVE)
    return np.floor(ZERO + (ends - ZERO) * np.abs(share) + 0.5).astype(np.uint8)


def draw_pixels(pixels, x, y, pixel_px):
    """Draw a picture, every pixel as a square.

    Args:
        pixels: uint8 (height, width, 3).
        x: left edge.
        y: upper edge.
        pixel_px: side of one pixel's square.

    Returns:
        An SVG element as text.
    """
    buffer = io.BytesIO()
    enlarged = pixels.repeat(4, axis=0).repeat(4, axis=1)  # a viewer that smooths will smooth a quarter of a pixel
    Image.fromarray(enlarged).save(buffer, "PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    height, width = pixels.shape[0] * pixel_px, pixels.shape[1] * pixel_px
    return f'<image x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" href="data:image/png;base64,{data}"/>'


def draw_frame(x, y, width, height, color=MARKER):
    """Draw the frame of a window, with a light edge that shows on dark pixels."""
    box = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="none"'
    return f'<rect {box} stroke="#fff" stroke-width="4"/><rect {box} stroke="{color}" stroke-width="2"/>'


def draw_text(text, x, y, **style):
    """Write a text with its baseline at y; `style` are SVG attributes, font_size for font-size."""
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    return f'<text x="{x:g}" y="{y:g}"{attributes}>{html.escape(text)}</text>'


def draw_heading(title, note, x, y):
    """Write a title and, weaker, a note beside it."""
    return (
        f'<text x="{x:g}" y="{y:g}"><tspan font-weight="bold">{html.escape(title)}</tspan> {html.escape(note)}</text>'
    )


def draw_legend(scale, x, y, width):
    """Draw the colours from −scale to +scale as a bar with its numbers below."""
    steps = np.linspace(-1, 1, 65)[np.newaxis]
    bar = draw_pixels(diverging_colors(steps, 1), x, y, width / steps.size)
    numbers = zip((-scale, 0, scale), (x, x + width / 2, x + width), ("start", "middle", "end"), strict=True)
    return bar + "".join(
        draw_text(format_number(value), left, y + 20, text_anchor=anchor, font_size=12)
        for value, left, anchor in numbers
    )


def draw_number_grid(rows, colors, x, y, cell_px, write=format_cell):
    """Draw a table of numbers.

    Args:
        rows: array (height, width).
        colors: uint8 (height, width, 3), the cells' colours; black or white, whichever can be read, is written on them.
        x: left edge.
        y: upper edge.
        cell_px: side of a cell.
        write: a function from a number to its text.

    Returns:
        SVG elements as text.
    """
    parts = ['<g font-size="12" text-anchor="middle">']
    for (i, j), value in np.ndenumerate(np.asarray(rows, dtype=float)):
        left, top, side = x + j * cell_px, y + i * cell_px, cell_px - 1
        color = "#{:02x}{:02x}{:02x}".format(*colors[i][j])
        parts.append(f'<path d="M{left:g} {top:g}h{side}v{side}h-{side}" fill="{color}"/>')
        text = write(value)
        small = {"font_size": 10} if len(text) > 4 else {}
        parts.append(draw_text(text, left + side / 2, top + cell_px / 2 + 4, fill=readable_on(colors[i][j]), **small))
    return "".join([*parts, "</g>"])


def readable_on(color):
    """Choose black or white, whichever can be read on this colour (red, green, blue in 0…255).

    Source: relative luminance as WCAG 2 defines it, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance

    Example:
        >>> readable_on([255, 255, 255]), readable_on([0, 0, 255])
        ('#000', '#fff')
    """
    share = np.asarray(color, dtype=float) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return "#000" if linear @ [0.2126, 0.7152, 0.0722] > 0.179 else "#fff"


def wrap_svg(parts, width, height, description):
    """Put elements into one drawing in the text's colour, with a sentence for readers who do not see it."""
    label = html.escape(description, quote=True)
    size = f'viewBox="0 0 {width:g} {height:g}" style="max-width:{width:g}px" font-size="13" fill="currentColor"'
    return f'<svg role="img" aria-label="{label}" {size}>' + "".join(parts) + "</svg>"
