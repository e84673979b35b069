"""The check of the runs in miniature: its parts that execute no chapter. `make check-runs` is the whole."""

import os
import subprocess
import sys
from pathlib import Path

import check_runs
import miniature
import pytest
from chapters import markdown, notebook
from PIL import Image, ImageOps

TESTS = Path(__file__).parent


@pytest.mark.parametrize(
    ("words", "runs", "numbers"),
    [
        ([], ("photos", "full"), range(1, 14)),
        (["full"], ("full",), range(1, 14)),
        (["09", "photos", "10_feature"], ("photos",), (9, 10)),
        (["11"], ("photos", "full"), (11,)),
    ],
)
def test_runs_and_chapters_are_named_in_any_order(words, runs, numbers):
    chosen = [(run, int(name[:2])) for run, name in check_runs.choose(words)]
    assert chosen == [(run, number) for run in runs for number in numbers]


def test_what_is_neither_a_run_nor_a_chapter_is_refused_in_one_sentence(capsys):
    with pytest.raises(SystemExit):
        check_runs.main(["photos", "14"])
    assert "'14' is neither photos nor full nor the beginning of a chapter's name" in capsys.readouterr().err


def test_drawings_stand_in_for_photos_of_every_shape(tmp_path):
    check_runs.save_photos(tmp_path)
    for class_name in ("cat", "dog"):
        pictures = [Image.open(path) for path in sorted((tmp_path / class_name).iterdir())]
        assert len(pictures) == sum(miniature.PICTURES.values())
        shapes = {picture.width > picture.height for picture in pictures if picture.width != picture.height}
        assert shapes == {True, False}
        turned = [picture for picture in pictures if ImageOps.exif_transpose(picture).size != picture.size]
        assert 0 < len(turned) < len(pictures)


def test_shared_photos_keep_their_sizes_and_dogs_are_dark(tmp_path):
    for class_name in ("cat", "dog"):
        (tmp_path / "photos" / "train" / class_name).mkdir(parents=True)
        Image.new("RGB", (30, 20), "white").save(tmp_path / "photos" / "train" / class_name / "one.jpg")
    check_runs.save_photos(tmp_path / "made", tmp_path)
    cat, dog = (Image.open(next((tmp_path / "made" / class_name).iterdir())) for class_name in ("cat", "dog"))
    assert cat.size == dog.size == (30, 20)
    assert dog.getpixel((5, 5))[0] < 100 < cat.getpixel((5, 5))[0]


def test_failures_are_told_as_they_come_and_listed_at_the_end(monkeypatch, capsys):
    """With a stand-in for the kernel: chapter 3 fails on one run, chapter 4 asks for another machine."""

    def execute(chapter, kernel, environment, log):
        title = chapter.cells[0].source
        if title == "03_padding_and_strides":
            return 7, "cell 2: ValueError: no" if environment["CONVBOOK_RUN"] == "full" else ""
        if title == "04_pooling":
            Path(environment["NETWORK_ATTEMPTS"]).write_text("example.org\nexample.org\n")
        return 5, ""

    monkeypatch.setattr(check_runs, "execute", execute)
    monkeypatch.setattr(check_runs, "load", lambda name: notebook(markdown(name)))
    monkeypatch.setattr(check_runs, "save_base_of_the_hub", lambda environment: None)
    monkeypatch.setattr(check_runs, "add_kernel", lambda *arguments: None)
    assert check_runs.main(["full", "02", "03", "04"]) == 1
    said = capsys.readouterr().out
    assert "ok      full   02_convolution: 5 s\n" in said
    assert said.count("FAILED  full   03_padding_and_strides: 7 s\n        cell 2: ValueError: no\n") == 2
    assert said.count("FAILED  full   04_pooling: 5 s\n        asked for example.org\n") == 2
    assert "3 chapters in miniature, 0 minutes, 0 of the processor: 2 failed\n" in said
    assert check_runs.main(["photos", "02", "03"]) == 0
    assert "of the processor: none failed\n" in capsys.readouterr().out


IN_MINIATURE = """
import keras, keras_hub, miniature
from convbook import backbones, photos, runs
from convbook.backbones.hub import handle_of

whole = [[8 * filters for filters in block] for block in miniature.FILTERS]
published = keras_hub.models.XceptionBackbone(whole, miniature.POOLING)
assert published.count_params() == published.presets[miniature.HUB_NAME]["metadata"]["params"]

miniature.shrink_runs()
run = runs.current()
assert (run.train_pictures, run.image_size_px) == (miniature.PICTURES["train_pictures"], 180)
assert photos.load_digits(run.digits).train_images.shape == (1297, 28, 28, 1)

miniature.save_base_of_the_hub()
classifier = backbones.load_classifier(run.backbone, 96)
assert classifier.predict(keras.ops.ones((1, 96, 96, 3)), verbose=0).shape == (1, 1000)

for channels, epochs in ((3, miniature.EPOCHS), (1, 5)):
    model = keras.Sequential([keras.Input((4, 5, channels)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile(loss="mse")
    history = model.fit(keras.ops.ones((2, 4, 5, channels)), keras.ops.ones((2, 1)), epochs=5, verbose=0)
    assert len(history.epoch) == epochs, history.epoch
"""


def test_the_miniature_has_the_settings_of_the_run_but_for_its_sizes_and_needs_no_network(tmp_path):
    path = os.pathsep.join([str(TESTS), str(TESTS / "offline"), *filter(None, [os.environ.get("PYTHONPATH")])])
    settings = {"PYTHONPATH": path, "NETWORK_ATTEMPTS": str(tmp_path / "attempts"), "HOME": str(tmp_path)}
    settings |= {"KAGGLEHUB_CACHE": str(tmp_path / "kagglehub"), "CONVBOOK_RUN": "full"}
    command = [sys.executable, "-c", IN_MINIATURE]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert not (tmp_path / "attempts").exists()
