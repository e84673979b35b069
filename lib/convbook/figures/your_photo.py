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
        from_scratch: whether the book's own network, which tells cats from dogs, stands beside it; no trait.

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
    _own = traitlets.Dict(None, allow_none=True).tag(sync=True)

    @property
    def alternative(self):
        said = (
            "A photo of a cat, the classes of ImageNet that a network finds most likely for it, with their "
            "probabilities, and a glow over the photo where it looks for one of them. A reader can give another photo."
        )
        return f"{said} Beside it, what a small network from scratch says: cat or dog." if self._own else said

    def __init__(self, sample="Chelsea", *, from_scratch=False, **traits):
        from skimage import data

        pictures = {name: _small(getattr(data, function)()) for name, function in SAMPLES.items()}
        super().__init__(sample=sample, _samples=pictures, _own=_describe_own() if from_scratch else None, **traits)


def _describe_own():
    from convbook.backbones.photo_network import read_training_log

    log = read_training_log()
    numbers = {part: log["photos"][part] for part in ("train", "test")}
    return numbers | {"size_px": log["size_px"], "accuracy": log["test_accuracy"]["int8"]}


def _small(image):
    """A picture as the address of a small file that stands in the page itself."""
    picture, buffer = Image.fromarray(image).convert("RGB"), io.BytesIO()
    picture.thumbnail((SAMPLE_PX, SAMPLE_PX), Image.Resampling.LANCZOS)
    picture.save(buffer, "WEBP", quality=QUALITY, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
