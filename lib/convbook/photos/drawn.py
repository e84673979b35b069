"""Drawn cats and dogs as files, for every machine without photos."""

import hashlib
from pathlib import Path

from PIL import Image

from convbook import drawings
from convbook.photos.manifest import CLASS_NAMES, PARTS

# Pictures of different parts and of different seeds share no seed of a drawing.
SEEDS_OF_A_PART = 100_000
SEEDS_OF_A_SET = len(PARTS) * SEEDS_OF_A_PART


def first_seeds(seed):
    """Return the first seed of each part of a set of drawings; each part has a range of 100,000 seeds to itself.

    Example:
        >>> first_seeds(0)
        {'train': 0, 'validation': 100000, 'test': 200000}
        >>> first_seeds(2)["train"]
        600000
    """
    return {part: seed * SEEDS_OF_A_SET + index * SEEDS_OF_A_PART for index, part in enumerate(PARTS)}


def draw_files(folder, sizes, size_px, seed, progress):
    """Draw cats and dogs into PNG files in train, validation and test, each named after the seed that draws it again.

    `sizes` are the numbers of pictures per class, {"train": 200, …}; `seed` is the number of the set.
    """
    for part, first_seed in first_seeds(seed).items():
        for class_name in CLASS_NAMES:
            (folder / part / class_name).mkdir(parents=True)
        images, labels = drawings.draw_set(CLASS_NAMES, sizes[part], first_seed, size_px, progress=progress)
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            class_name, seed_of_picture = CLASS_NAMES[label], first_seed + index // len(CLASS_NAMES)
            Image.fromarray(image).save(folder / part / class_name / f"{class_name}.{seed_of_picture}.png")


def hash_of_drawing_code():
    """Return 8 hexadecimal digits that tell pictures of another version of the drawing code from those of this one."""
    folder = Path(drawings.__file__).parent
    code = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.py")))
    return hashlib.sha256(code).hexdigest()[:8]
