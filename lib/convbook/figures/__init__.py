"""Live figures: they live in the built page without a kernel, and in a notebook as widgets.

`base.LiveFigure` says how one is made; each other module holds one figure, its Python beside its JavaScript. A module
is imported when one of its names is asked for, so that a chapter reads the files of its own figures alone.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "augmentation": ["Augmentation", "judge_with_base"],
        "base": ["FigureError", "LiveFigure"],
        "convolution": ["KERNELS", "Convolution"],
        "feature_maps": ["FeatureMaps"],
        "freezing": ["Freezing"],
        "network_walk": ["NetworkWalk"],
        "padding_and_strides": ["PaddingAndStrides"],
        "pipeline": ["Pipeline"],
        "pooling": ["Pooling"],
        "receptive_field": ["ReceptiveField"],
        "seeds": ["Seeds"],
        "teach_it": ["TeachIt"],
        "training_curves": ["TrainingCurves"],
        "translation": ["Translation"],
        "your_photo": ["YourPhoto"],
    },
)
