"""The tested helpers behind *Image classification with convolutional networks*."""

__version__ = "0.1.0"
