"""Live figures: they live in the built page without a kernel, and in a notebook as widgets.

`base.LiveFigure` says how one is made; each other module holds one figure, its Python beside its JavaScript.
"""

from convbook.figures.augmentation import Augmentation, judge_with_base
from convbook.figures.base import FigureError, LiveFigure
from convbook.figures.convolution import KERNELS, Convolution
from convbook.figures.feature_maps import FeatureMaps
from convbook.figures.freezing import Freezing
from convbook.figures.network_walk import NetworkWalk
from convbook.figures.padding_and_strides import PaddingAndStrides
from convbook.figures.pipeline import Pipeline
from convbook.figures.pooling import Pooling
from convbook.figures.receptive_field import ReceptiveField
from convbook.figures.seeds import Seeds
from convbook.figures.teach_it import TeachIt
from convbook.figures.training_curves import TrainingCurves
from convbook.figures.translation import Translation
from convbook.figures.your_photo import YourPhoto

__all__ = [
    "KERNELS",
    "Augmentation",
    "Convolution",
    "FeatureMaps",
    "FigureError",
    "Freezing",
    "LiveFigure",
    "NetworkWalk",
    "PaddingAndStrides",
    "Pipeline",
    "Pooling",
    "ReceptiveField",
    "Seeds",
    "TeachIt",
    "TrainingCurves",
    "Translation",
    "YourPhoto",
    "judge_with_base",
]
