"""Real pictures: handwritten digits and a photograph of a cat."""

from convbook.photos.digits import Digits, load_digits, permute_pixels, place_on_canvas
from convbook.photos.sample import load_sample_picture

__all__ = [
    "Digits",
    "load_digits",
    "load_sample_picture",
    "permute_pixels",
    "place_on_canvas",
]
