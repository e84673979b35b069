"""Drawn cats, drawn dogs and a drawn world of other animals and things, made on the spot from a seed.

The quick run trains on these pictures instead of photos: no download, no account, the same on every machine. The class
lies in local cues (ears, eyes, muzzle, whiskers) under large nuisance variation: pose, position, size, colours, fur,
background, light, occluders, blur and noise.

From the bottom to the top: `random_stream`, `colours` and `curves` are independent of animals; the `pen` draws on a
canvas; `looks` and `coats` decide what an animal looks like; `ears`, `eyes`, `muzzles`, `heads` and `bodies` draw
it; `pets` and `world` define the kinds; `backgrounds`, `camera` and `scenes` make a picture of it; `pictures` and
`sets` are what the rest of the book calls.
"""

from convbook.drawings.kinds import ANIMALS, PETS, THINGS, WORLD
from convbook.drawings.pen import PARTS
from convbook.drawings.pictures import draw, draw_background, draw_with_masks
from convbook.drawings.sets import contact_sheet, draw_set

__all__ = [
    "ANIMALS",
    "PARTS",
    "PETS",
    "THINGS",
    "WORLD",
    "contact_sheet",
    "draw",
    "draw_background",
    "draw_set",
    "draw_with_masks",
]
