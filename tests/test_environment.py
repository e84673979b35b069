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


def test_the_device_is_named():
    assert "cores" in environment.device() or keras.distribution.list_devices()[0].startswith("gpu")


def test_the_time_is_in_utc():
    assert datetime.datetime.fromisoformat(environment.now()).utcoffset() == datetime.timedelta(0)
