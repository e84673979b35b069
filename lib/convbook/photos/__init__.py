"""Real pictures and their stand-ins: cats and dogs on disk, handwritten digits, and a photograph of a cat.

`prepare` puts cats and dogs into folders, photos or drawings. Under it, from the bottom to the top: `errors` and
`records` know nothing of each other; `cache` keeps folders whole; `checking` looks at one file, `archives` and `forms`
at many; `splits` copies them into place; `downloads` and `kaggle` fetch; `drawn` draws; `pictures` chooses.
"""

from convbook.photos.cache import cache_folder
from convbook.photos.digits import Digits, load_digits, permute_pixels, place_on_canvas
from convbook.photos.errors import PhotosError
from convbook.photos.pictures import prepare
from convbook.photos.records import Pictures
from convbook.photos.sample import load_sample_picture

__all__ = [
    "Digits",
    "PhotosError",
    "Pictures",
    "cache_folder",
    "load_digits",
    "load_sample_picture",
    "permute_pixels",
    "place_on_canvas",
    "prepare",
]
