"""Live figures: they live in the built page without a kernel, and in a notebook as widgets.

`base.LiveFigure` says how one is made; each other module holds one figure, its Python beside its JavaScript.
"""

from convbook.figures.base import FigureError, LiveFigure
from convbook.figures.convolution import KERNELS, Convolution
from convbook.figures.padding_and_strides import PaddingAndStrides
from convbook.figures.pooling import Pooling

__all__ = ["KERNELS", "Convolution", "FigureError", "LiveFigure", "PaddingAndStrides", "Pooling"]
