"""The figure teach it: photos of two or three things, a pretrained base that sees each once, a classifier on top."""

import base64
import functools
import io
import json
from pathlib import Path

import numpy as np
import traitlets
from PIL import Image

from convbook import backbones, drawings
from convbook.figures.base import Choice
from convbook.figures.photo_network import PhotoFigure
from convbook.photos import load_sample_picture

BASE, SIZE_PX = "efficientnet_lite0_imagenet", 224
PICTURE_PX, QUALITY = 80, 75  # of the figure's own examples, which a page carries
EXAMPLES = 5  # of each class
RECORD = Path(__file__).with_suffix(".json")  # what the base makes of the examples; `record_examples` writes it


class TeachIt(PhotoFigure):
    """Hand over photos of two or three things, and see how few of them a classifier on a pretrained base needs.

    The photos are the reader's, and stay in the page. To begin with there are examples: the book's own drawings, and
    cuttings from scikit-image's sample pictures. Their features come with the figure; the network that turns other
    photos into features is loaded when the first of them is added.

    Args:
        photos: which photos it begins with: 'owls and hedgehogs', 'cats and dogs' (drawings, too), 'brick, grass and
            gravel' or 'your own photos', of which there are none yet.

    Raises:
        FigureError: a ValueError and a TraitError, if there are no such photos; the message says which there are.

    Example:
        >>> TeachIt("cats and dogs")
        TeachIt(photos='cats and dogs')
    """

    photos = Choice(("owls and hedgehogs", "cats and dogs", "brick, grass and gravel", "your own photos")).tag(
        sync=True
    )
    _examples = traitlets.Dict().tag(sync=True)

    alternative = (
        "Photos of two things; what a classifier on a pretrained base and one on plain pixels say of each photo when "
        "it is left out; and how many of these answers are right."
    )

    def __init__(self, photos="owls and hedgehogs", **traits):
        super().__init__(photos=photos, _examples=pack_examples(), **traits)


def list_examples():
    """Draw and cut out the pictures that the figure begins with.

    Returns:
        {set: {class: [picture, …]}}, where the class "" holds pictures to ask about; uint8 (80, 80, 3).

    Source:
        The surfaces and the cat are scikit-image's sample pictures, all in the public domain (CC0).
    """
    cat = _shrink(load_sample_picture()[:, 75:375])
    found = {"owls and hedgehogs": _drawn("owl", "hedgehog"), "cats and dogs": _drawn("cat", "dog")}
    for classes in found.values():
        classes[""].append(cat)
    return found | {"brick, grass and gravel": _surfaces("brick", "grass", "gravel")}


def _drawn(*kinds):
    pictures = {kind: [drawings.draw(kind, seed, PICTURE_PX) for seed in range(EXAMPLES + 1)] for kind in kinds}
    return {f"{kind}s": found[:EXAMPLES] for kind, found in pictures.items()} | {
        "": [found[EXAMPLES] for found in pictures.values()]
    }


def _surfaces(*names):
    """Cuttings of 160 × 160 pixels along the diagonals of grey pictures of 512 × 512."""
    from skimage import data

    corners = [(0, 0), (0, 352), (352, 0), (352, 352), (176, 176)]
    cut = {
        name: [_shrink(np.stack([getattr(data, name)()[y : y + 160, x : x + 160]] * 3, axis=-1)) for y, x in corners]
        for name in names
    }
    return {name: found[:-1] for name, found in cut.items()} | {"": [found[-1] for found in cut.values()]}


def _shrink(picture):
    return np.asarray(Image.fromarray(picture).resize((PICTURE_PX, PICTURE_PX), Image.Resampling.BOX))


@functools.cache
def pack_examples():
    """Pack the examples for the page.

    Returns:
        {set: {class: [{"picture": address, "largest": float, "features": base64}, …]}}: a picture as WebP, and its
        features as bytes of which 255 stands for the largest.
    """
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    return {
        name: {
            kind: [
                {"picture": _address(picture)} | known
                for picture, known in zip(pictures, record[name][kind], strict=True)
            ]
            for kind, pictures in classes.items()
        }
        for name, classes in list_examples().items()
    }


def _address(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WEBP", quality=QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def run_base(pictures):
    """Run pictures through the base.

    Args:
        pictures: uint8 (height, width, 3), all of one size.

    Returns:
        float32 (n, 1280): the mean of each channel of the base's last maps.
    """
    backbone, converter = backbones.load(BASE, SIZE_PX)
    maps = backbone(converter(np.stack(pictures).astype("float32")), training=False)
    return np.asarray(maps).mean(axis=(1, 2))


def record_examples():
    """Run the examples through the base and write what comes out into the package: after a change of the examples."""
    record = {
        name: {kind: [_pack(features) for features in run_base(pictures)] for kind, pictures in classes.items()}
        for name, classes in list_examples().items()
    }
    RECORD.write_text(json.dumps(record, indent=0) + "\n", encoding="utf-8")


def _pack(features):
    largest = float(features.max())
    values = np.round(features * (255 / largest)).astype(np.uint8)
    return {"largest": round(largest, 6), "features": base64.b64encode(values.tobytes()).decode("ascii")}
