"""Decode every file to the last pixel, and turn unusual photos into upright RGB JPEGs."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageOps

# Only these: Pillow also reads formats that start other programs (EPS).
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
MOST_PIXELS = 50_000_000
MOST_BYTES = 100_000_000
JPEG_QUALITY = 95
ORIENTATION = 0x0112
TURNED = range(2, 9)
PROBLEMS = ("broken", "duplicate", "too large")


@dataclass(frozen=True)
class Photo:
    """A file that may be a photo, in a folder or in an archive."""

    name: str  # of the file
    size_bytes: int
    read: Callable[[], bytes]  # returns its bytes


@dataclass(frozen=True)
class Checked:
    """The outcome of the check of a file."""

    data: bytes | None = None  # an upright RGB JPEG; None if the file is not usable
    digest: bytes | None = None  # SHA-256 of the file as it was; None if it was not read
    problem: str | None = None  # "broken" or "too large"; None for a good photo


def check(photo):
    """Decode a `Photo`, convert it where it is not an upright RGB JPEG already, and return what is `Checked`."""
    if photo.size_bytes > MOST_BYTES:
        return Checked(problem="too large")
    # Pillow and zipfile document no list of what they raise for damaged bytes.
    try:
        data = photo.read()
        return Checked(_upright_jpeg(data), hashlib.sha256(data).digest())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Checked(problem="too large")
    except Exception:
        return Checked(problem="broken")


def _upright_jpeg(data):
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        # The size stands in the header: a decompression bomb is never decoded.
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError
        image.load()
        turned = _orientation(image) in TURNED
        if image.format == "JPEG" and image.mode == "RGB" and not turned:
            return data
        converted = io.BytesIO()
        _in_rgb(ImageOps.exif_transpose(image) if turned else image).save(converted, "JPEG", quality=JPEG_QUALITY)
        return converted.getvalue()


def _orientation(image):
    # Photos with wrong EXIF data count as upright, as in browsers.
    try:
        return image.getexif().get(ORIENTATION)
    except Exception:
        return None


def _in_rgb(image):
    """The picture in RGB, on white where it is transparent."""
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip at 255
        return image.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return Image.merge("RGB", image.convert("RGB").split())
