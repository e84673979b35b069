"""What numbers are computed with: the versions, the backend, the processor; and the time."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

# Python and this package are named in a record, too; but what a number depends on in this package is in its hash.
COMPUTING_PACKAGES = ("numpy", "scipy", "scikit-learn", "scikit-image", "pillow", "keras", "keras-hub", "tensorflow")
PACKAGES = (*COMPUTING_PACKAGES, "convbook")


def describe_environment():
    """Describe what numbers are computed with.

    Returns:
        A dict of strings: python, backend (Keras's), device (see `device`) and the version of each of `PACKAGES`.
    """
    import keras

    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {"python": platform.python_version(), "backend": keras.backend.backend(), "device": device()} | versions


def device():
    """Name the device that computes, whatever Keras's backend is.

    Returns:
        The name of the GPU, or that of the processor and its number of cores.
    """
    import keras

    if any(name.startswith("gpu") for name in keras.distribution.list_devices()):
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
            return done.stdout.splitlines()[0].strip()
        except (OSError, subprocess.SubprocessError, IndexError):
            return "GPU"
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or "CPU"
    return f"{name}, {os.cpu_count()} cores"


def now():
    """Say what time it is.

    Returns:
        The date and time in UTC, such as "2026-08-01T12:00:00+00:00".
    """
    return datetime.now(UTC).isoformat(timespec="seconds")
