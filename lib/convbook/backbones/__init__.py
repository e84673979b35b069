"""Pretrained backbones: load one with the image converter that belongs to it, or make one of keras.applications."""

from convbook.backbones.applications import ApplicationsBackbone, ApplicationsImageConverter, from_application
from convbook.backbones.loading import load, load_classifier
from convbook.backbones.presets import packaged_names

__all__ = [
    "ApplicationsBackbone",
    "ApplicationsImageConverter",
    "from_application",
    "load",
    "load_classifier",
    "packaged_names",
]
