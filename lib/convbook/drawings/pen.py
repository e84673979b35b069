"""The pen: antialiased drawing in the units of what is drawn.

A head is drawn in *head units*: its centre is (0, 0), it is about one unit wide to each side, and y points down. The
pen turns, scales and shears these units onto a canvas that is three times as large as the picture; reducing the canvas
at the end makes edges soft.
"""

import math
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageDraw

from convbook.drawings import curves

SUPERSAMPLING = 3
PARTS = ("body", "head", "ears", "eyes", "muzzle", "nose", "whiskers")


class Pen:
    """Draws shapes on a canvas; with `maps_parts`, also keeps a map of which part of the subject each pixel shows."""

    def __init__(self, size_px, colour=(0, 0, 0), maps_parts=False):
        self.size_px = size_px
        self.canvas_px = size_px * SUPERSAMPLING
        self.image = Image.new("RGB", (self.canvas_px, self.canvas_px), colour)
        self.draw = ImageDraw.Draw(self.image)
        self.part_map = Image.new("L", self.image.size) if maps_parts else None
        self._part_draw = ImageDraw.Draw(self.part_map) if maps_parts else None
        self._part = 0
        self.place(0.5, 0.5, 0.25)

    def layer(self, colour):
        """Return a pen at the same position on an empty canvas of its own, whose image can be a fill for this one."""
        pen = Pen(self.size_px, colour)
        pen._set_frame(self._frame, self.unit_px)
        return pen

    # ---------------------------------------------------------------- where the pen draws

    def place(self, x, y, scale, rotation=0.0, flip=1, squash=1.0, shear=0.0):
        """Choose where on the canvas the next shapes go.

        Args:
            x, y, scale: where the point (0, 0) lies, and the length of one unit, as fractions of the canvas.
            rotation: clockwise, in radians.
            flip: -1 mirrors left and right, 1 does not.
            squash, shear: factor of the vertical axis, and how far a unit downwards leads to the right.
        """
        unit_px = scale * self.canvas_px
        right, down = unit_px * math.cos(rotation), unit_px * math.sin(rotation)
        across = (flip * right, flip * down)
        downwards = (shear * right - squash * down, shear * down + squash * right)
        self._set_frame((across, downwards, (x * self.canvas_px, y * self.canvas_px)), unit_px)

    @contextmanager
    def moved(self, x, y, scale=1.0, rotation=0.0):
        """Draw the shapes within this block around the point (x, y), scaled and turned."""
        frame, unit_px = self._frame, self.unit_px
        self._set_frame(self._compose(x, y, scale, scale, rotation), unit_px * scale)
        yield
        self._set_frame(frame, unit_px)

    def _set_frame(self, frame, unit_px):
        self._frame, self.unit_px, self._arrays = frame, unit_px, None

    def _compose(self, x, y, scale_x, scale_y, rotation):
        """Return the frame of something at (x, y) in this frame, in plain floats, which are faster than arrays here."""
        (a, b), (c, d), (e, f) = self._frame
        cosine, sine = math.cos(rotation), math.sin(rotation)
        return (
            (scale_x * (cosine * a + sine * c), scale_x * (cosine * b + sine * d)),
            (scale_y * (cosine * c - sine * a), scale_y * (cosine * d - sine * b)),
            (x * a + y * c + e, x * b + y * d + f),
        )

    def _on_canvas(self, points):
        """Return points, a list of pairs or an array (n, 2), as a flat list of canvas coordinates."""
        if isinstance(points, np.ndarray):
            if self._arrays is None:
                self._arrays = np.array(self._frame[:2]), np.array(self._frame[2])
            matrix, origin = self._arrays
            return (points @ matrix + origin).ravel().tolist()
        (a, b), (c, d), (e, f) = self._frame
        return [coordinate for x, y in points for coordinate in (x * a + y * c + e, x * b + y * d + f)]

    @contextmanager
    def part(self, name):
        """Mark the shapes within this block as a part of the subject: one of `PARTS`, or "subject" for the rest."""
        before = self._part
        self._part = 1 if name == "subject" else PARTS.index(name) + 2
        yield
        self._part = before

    def masks(self):
        """Return which pixels of the picture show which part: a dictionary of bool arrays (size_px, size_px).

        A pixel shows a part when the part covers at least a third of it: 3 of the 9 canvas pixels within.
        """
        numbers = np.asarray(self.part_map)
        masks = {"subject": self._reduced(numbers > 0)}
        for number, name in enumerate(PARTS, start=2):
            masks[name] = self._reduced(numbers == number)
        return masks

    def _reduced(self, covered):
        blocks = covered.reshape(self.size_px, SUPERSAMPLING, self.size_px, SUPERSAMPLING)
        return blocks.sum(axis=(1, 3)) * 3 >= SUPERSAMPLING**2

    # ---------------------------------------------------------------- what the pen draws

    def polygon(self, points, fill=None, outline=None, width=0.05):
        """Draw a filled shape with corners `points` (n, 2) and a line of `width` around it, all in units.

        `fill` is a colour or a canvas-sized image that shows through; None leaves the filling or the line out.
        """
        self._fill(self._on_canvas(points), fill, outline, width)

    def ellipse(self, x, y, radius_x, radius_y, fill=None, outline=None, width=0.05, rotation=0.0):
        """Draw a filled ellipse around (x, y), turned clockwise by `rotation` radians; the rest as in `polygon`."""
        share = max(radius_x, radius_y) * self.unit_px / self.canvas_px
        corners = 12 if share < 0.03 else 16 if share < 0.06 else 24 if share < 0.14 else 36
        frame = np.array(self._compose(x, y, radius_x, radius_y, rotation))
        self._fill((curves.homogeneous_circle(corners) @ frame).ravel().tolist(), fill, outline, width)

    def stroke(self, points, colour, width=0.05):
        """Draw a line along `points` (n, 2), with round ends where it is thick."""
        corners = self._on_canvas(points)
        width_px = self.line_px(width)
        self._stroke(self.draw, corners, colour, width_px)
        if self._part_draw:
            self._stroke(self._part_draw, corners, self._part, width_px)

    def line_px(self, width):
        """Return the width of a line in whole canvas pixels, at least one."""
        return max(1, round(width * self.unit_px))

    def _fill(self, corners, fill, outline, width):
        if isinstance(fill, Image.Image):
            self._paste(corners, fill)
        elif fill is not None:
            self.draw.polygon(corners, fill=fill)
        if outline is not None:
            width_px = self.line_px(width)
            self.draw.line(corners + corners[:4], fill=outline, width=width_px, joint="curve")
        if self._part_draw:
            if fill is not None:
                self._part_draw.polygon(corners, fill=self._part)
            if outline is not None:
                self._part_draw.line(corners + corners[:4], fill=self._part, width=width_px, joint="curve")

    def _paste(self, corners, layer):
        """Let a layer show through the shape; only the shape's own box is touched, which is fast."""
        xs, ys = corners[0::2], corners[1::2]
        left, top = max(0, int(min(xs)) - 1), max(0, int(min(ys)) - 1)
        right, bottom = min(self.canvas_px, int(max(xs)) + 2), min(self.canvas_px, int(max(ys)) + 2)
        if right <= left or bottom <= top:
            return
        stencil = Image.new("L", (right - left, bottom - top))
        shifted = [0.0] * len(corners)
        shifted[0::2] = [x - left for x in xs]
        shifted[1::2] = [y - top for y in ys]
        ImageDraw.Draw(stencil).polygon(shifted, fill=255)
        self.image.paste(layer.crop((left, top, right, bottom)), (left, top), stencil)

    @staticmethod
    def _stroke(draw, corners, ink, width_px):
        # Rounding the joints is slow: only lines with sharp corners or very thick ones need it.
        rounded = len(corners) <= 8 or width_px > 16
        draw.line(corners, fill=ink, width=width_px, joint="curve" if rounded else None)
        if width_px > 4:
            radius = width_px / 2
            for x, y in (corners[:2], corners[-2:]):
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
