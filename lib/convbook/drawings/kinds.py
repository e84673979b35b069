"""Kinds: the names of everything that can be drawn."""

import difflib

from convbook.drawings import pets
from convbook.drawings.world.creatures import CREATURES
from convbook.drawings.world.faces import SPECIES
from convbook.drawings.world.things import THINGS as DRAW_THING

PETS = tuple(pets.PETS)
ANIMALS = (*SPECIES, *CREATURES)
THINGS = tuple(DRAW_THING)
WORLD = (*ANIMALS, *THINGS)


def check_kind(kind):
    """Raise a ValueError, which names the closest known kind, for what is neither in `PETS` nor in `WORLD`.

    Example:
        >>> check_kind("cat")
        >>> check_kind("rabit")
        Traceback (most recent call last):
        ValueError: There is no drawing of 'rabit'; did you mean 'rabbit'? All kinds: cat, dog, rabbit, bear, ...
    """
    kinds = (*PETS, *WORLD)
    if kind in kinds:
        return
    close = difflib.get_close_matches(str(kind), kinds, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ValueError(f"There is no drawing of {kind!r}; {hint}All kinds: {', '.join(kinds)}.")
