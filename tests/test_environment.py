"""Tests of what is recorded of versions, device and time."""

import datetime

import keras
import keras_hub
import PIL

from convbook import environment


def test_the_environment_names_every_package_that_decides_a_number():
    described = environment.describe_environment()
    assert described["keras"] == keras.__version__
    assert described["keras-hub"] == keras_hub.__version__
    assert described["pillow"] == PIL.__version__
    assert described["backend"] == keras.backend.backend()
    assert set(described) == {"python", "backend", "device", *environment.PACKAGES}


def test_a_package_that_is_not_there_is_said_to_be_missing(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("no-such-package",))
    assert environment.describe_environment()["no-such-package"] == "not installed"


def test_a_processor_is_named_with_its_cores(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0"])
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    name, cores = environment.device().rsplit(", ", 1)
    assert name
    assert cores == "7 cores"


def test_a_gpu_is_named_as_its_driver_names_it(monkeypatch, tmp_path):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0", "cpu:0"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.device() == "GPU"  # without the driver's command
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho Tesla T4\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert environment.device() == "Tesla T4"


def test_the_time_is_in_utc():
    assert datetime.datetime.fromisoformat(environment.now()).utcoffset() == datetime.timedelta(0)
