"""Real pictures and their stand-ins: cats and dogs on disk, handwritten digits, and a photograph of a cat.

`prepare` puts cats and dogs into folders, photos or drawings, or your photos of two other classes; `prepare_run` does
it with the numbers of a run. Under them, from the bottom to the top: `errors`; the `manifest` of a prepared folder;
`cache`; `checking` of one file; `archives` and `forms` of many; `splits` copies photos into place; `downloads` and
`kaggle` fetch them; `drawn` draws; `pictures` chooses the source.
"""

from convbook.photos.cache import cache_folder
from convbook.photos.digits import Digits, load_digits, permute_pixels, place_on_canvas
from convbook.photos.errors import PhotosError
from convbook.photos.manifest import Pictures
from convbook.photos.pictures import prepare, prepare_run
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
    "prepare_run",
]
