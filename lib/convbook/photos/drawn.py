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

    Args:
        seed: number of the set, from 0.

    Returns:
        {"train": seed of the first drawing of each class, "validation": …, "test": …}

    Example:
        >>> first_seeds(0)
        {'train': 0, 'validation': 100000, 'test': 200000}
        >>> first_seeds(2)["train"]
        600000
    """
    return {part: seed * SEEDS_OF_A_SET + index * SEEDS_OF_A_PART for index, part in enumerate(PARTS)}


def draw_files(folder, sizes, size_px, seed, progress):
    """Draw cats and dogs into PNG files; the number in a file's name is the seed to draw it again from.

    Args:
        folder: Path of an empty folder, which gets train, validation and test.
        sizes: number of pictures per class, {"train": 200, …}.
        size_px: height and width of a picture.
        seed: number of the set.
        progress: whether to show progress bars on standard error.
    """
    for part, first_seed in first_seeds(seed).items():
        for class_name in CLASS_NAMES:
            (folder / part / class_name).mkdir(parents=True)
        images, labels = drawings.draw_set(CLASS_NAMES, sizes[part], first_seed, size_px, progress=progress)
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            class_name, seed_of_picture = CLASS_NAMES[label], first_seed + index // len(CLASS_NAMES)
            Image.fromarray(image).save(folder / part / class_name / f"{class_name}.{seed_of_picture}.png")


def hash_of_drawing_code():
    """Hash the code that draws, so that pictures of another version are not taken for those of this one.

    Returns:
        8 hexadecimal digits.
    """
    folder = Path(drawings.__file__).parent
    code = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.py")))
    return hashlib.sha256(code).hexdigest()[:8]
