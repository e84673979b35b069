"""One real photograph, which scikit-image brings along."""

import numpy as np


def load_sample_picture():
    """Load one real photograph: Chelsea the cat, in colour.

    Returns:
        uint8 array of shape (300, 451, 3), which may be changed.

    Example:
        >>> load_sample_picture().shape
        (300, 451, 3)

    Source:
        Photograph by Stéfan van der Walt, public domain (CC0), bundled with scikit-image.
    """
    from skimage import data

    return np.array(data.chelsea())
