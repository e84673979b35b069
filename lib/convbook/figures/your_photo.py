"""The figure of the reader's own photo: what an ImageNet network says of it, and where it looks."""

import base64
import io

import traitlets
from PIL import Image

from convbook.figures.base import Choice, Whole
from convbook.figures.photo_network import PhotoFigure

# Pictures that scikit-image brings and the book may show: by Stéfan van der Walt (CC0), by Rachel Michetti (CC0), by
# NASA (public domain), by Andreas Preuss (CC0).
SAMPLES = {"Chelsea": "chelsea", "a cup": "coffee", "astronaut": "astronaut", "horse": "horse"}
SAMPLE_PX, QUALITY = 256, 75


class YourPhoto(PhotoFigure):
    """Give a photo to an ImageNet network that runs in the page, and see what it says and where it looks.

    The network is EfficientNet-Lite0 with kernels of one byte a number. It is loaded when the reader asks it; the photo
    stays where it is. Where it looks for a class is exact for this network: at each place of the last maps the class's
    weights times the channels, whose mean is its score.

    Args:
        sample: which picture is shown until the reader gives one: "Chelsea", "a cup", "astronaut" or "horse".
        answer: for which of the 1,000 classes it shows where the network looks; None for its best guess.
        strength: how strongly that is laid over the photo, 0 to 100.

    Raises:
        FigureError: a ValueError and a TraitError, if there is no such picture or class; the message says what there
            is.

    Example:
        >>> YourPhoto("a cup").answer is None
        True
    """

    sample = Choice([*SAMPLES]).tag(sync=True)
    answer = Whole(None, 0, 999, allow_none=True, remedy="None takes the best guess.").tag(sync=True)
    strength = Whole(70, 0, 100).tag(sync=True)
    _samples = traitlets.Dict().tag(sync=True)

    alternative = (
        "A photo of a cat, the five classes of ImageNet that a network finds most likely for it, with their "
        "probabilities, and a glow over the photo where it looks for one of them. A reader can give another photo."
    )

    def __init__(self, sample="Chelsea", **traits):
        from skimage import data

        pictures = {name: _small(getattr(data, function)()) for name, function in SAMPLES.items()}
        super().__init__(sample=sample, _samples=pictures, **traits)


def _small(image):
    """A picture as the address of a small file that stands in the page itself."""
    picture, buffer = Image.fromarray(image).convert("RGB"), io.BytesIO()
    picture.thumbnail((SAMPLE_PX, SAMPLE_PX), Image.Resampling.LANCZOS)
    picture.save(buffer, "WEBP", quality=QUALITY, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
