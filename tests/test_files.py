"""Tests of how files are written."""

import json
import math
import os

import pytest

from convbook.files import write_atomically


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = write_atomically({"n": 1}, tmp_path / "result.json")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically({"n": 2}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"n": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_not_a_number_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_atomically({"n": math.nan}, tmp_path / "result.json")
    assert not list(tmp_path.iterdir())
