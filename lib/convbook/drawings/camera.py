"""The camera: light from one side, a tint, contrast, focus and noise, put on a canvas when it becomes a picture."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import ImageFilter

from convbook.drawings.pen import SUPERSAMPLING

NOISES = (0, 0.01, 0.02, 0.045)


@dataclass(frozen=True)
class Camera:
    """The settings of one photograph."""

    blur: float  # radius, as a share of the picture's width
    slope: tuple  # how much brighter the picture becomes from left to right and from top to bottom
    tint: tuple  # factors of red, green and blue
    exposure: float  # factor of the brightness
    contrast: float  # factor of the distance from middle grey
    lift: float  # what is added to all values, as a share of white
    noise: float  # standard deviation, as a share of white
    grain_seed: int  # seed of the noise


def choose_camera(rng, stage):
    """Choose the settings of one photograph for a `Staging`; always takes the same number of draws from `rng`."""
    blurred, blur = rng.happens(stage.blurred_share), rng.uniform(0.005, 0.0137) * stage.blur
    angle, strength = rng.uniform(0, math.tau), rng.uniform(0, 1.4) * stage.light
    return Camera(
        blur=blur if blurred else 0.0,
        slope=(strength * math.cos(angle), strength * math.sin(angle)),
        tint=tuple(rng.uniform(0.85, 1.12) for _ in range(3)),
        exposure=rng.uniform(0.72, 1.15),
        contrast=rng.uniform(0.72, 1.2),
        lift=rng.uniform(-0.05, 0.08),
        noise=rng.choice(NOISES) * stage.noise,
        grain_seed=rng.integer(0, 2**50),
    )


def photograph(canvas, camera):
    """Reduce a canvas to a picture, and put focus, light and noise on it.

    The canvas is a Pillow image, `SUPERSAMPLING` times as large as the returned picture, uint8 (size_px, size_px, 3).
    """
    picture = canvas.reduce(SUPERSAMPLING)
    size_px = picture.width
    if camera.blur:
        picture = picture.filter(ImageFilter.BoxBlur(camera.blur * size_px))
    rows = np.asarray(picture, np.float32).reshape(size_px, 3 * size_px)
    light = rows * _gain(size_px, camera)
    light += np.float32(255 * (0.5 - 0.5 * camera.contrast + camera.lift))
    if camera.noise:
        grain = make_grain(camera.grain_seed, light.shape)
        grain *= np.float32(255 * camera.noise)
        light += grain
    return np.clip(light, 0, 255, out=light).astype(np.uint8).reshape(size_px, size_px, 3)


def make_grain(seed, shape):
    """Return film grain: a float32 array of independent numbers with mean 0 and standard deviation 1.

    The sum of four random bytes is close enough to a normal distribution for a picture's noise, and NumPy guarantees
    the bits of PCG64 for all time, but not those of its normal distribution.
    """
    count = math.prod(shape)
    bits = np.random.PCG64(seed).random_raw((count + 1) // 2)
    four_bytes = bits.astype("<u8").view(np.uint8)[: 4 * count].reshape(4, count)
    grain = four_bytes.sum(axis=0, dtype=np.uint16).astype(np.float32)
    grain -= np.float32(4 * 127.5)
    grain /= np.float32(math.sqrt(4 * (256**2 - 1) / 12))
    return grain.reshape(shape)


def _gain(size_px, camera):
    """Return a factor for each value of a picture whose rows are (red, green, blue, red, …): (size_px, 3 * size_px)."""
    rightwards, downwards = camera.slope
    down, across = _from_centre(size_px)
    colours = np.array([part * camera.exposure * camera.contrast for part in camera.tint] * size_px, np.float32)
    return colours * (1 + np.float32(rightwards) * across) + colours * (np.float32(downwards) * down)


@lru_cache
def _from_centre(size_px):
    """Return how far each row and each value in a row lies from the picture's centre, from -0.5 to 0.5."""
    positions = np.linspace(-0.5, 0.5, size_px, dtype=np.float32)
    return positions[:, None], np.repeat(positions, 3)
