"""Charts: that they show the numbers they were given, and refuse what is no picture."""

import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from convbook import plots


@pytest.fixture(autouse=True)
def figures_are_closed():
    plt.switch_backend("agg")
    yield
    plt.close("all")


def shown(axis):
    return np.asarray(axis.images[0].get_array())


def test_pictures_are_shown_in_their_order_with_their_titles():
    images = np.arange(5 * 2 * 3).reshape(5, 2, 3, 1)
    figure = plots.show_images(images, titles="abcde", columns=3)
    axes = [axis for axis in figure.axes if axis.images]
    assert len(figure.axes) == 6
    assert len(axes) == 5
    assert [axis.get_title() for axis in axes] == list("abcde")
    for axis, image in zip(axes, images, strict=True):
        assert np.array_equal(shown(axis), image[:, :, 0])
        assert axis.images[0].get_clim() == (0, 255)


def test_colour_pictures_keep_their_colours():
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 7, 3)).astype("uint8")
    figure = plots.show_images(images)
    assert np.array_equal(shown(figure.axes[1]), images[1])


@pytest.mark.parametrize(
    ("show", "images", "texts", "words"),
    [
        (plots.show_images, np.zeros((4, 5)), None, r"shape \(4, 5\)"),
        (plots.show_images, np.zeros((0, 4, 5)), None, "stack"),
        (plots.show_images, np.zeros((2, 4, 5)), ["one"], "1 titles for 2 images"),
        (plots.show_sheet, [], None, "at least one"),
        (plots.show_sheet, np.zeros((2, 4, 5)), ["one"], "1 captions for 2 images"),
        (plots.show_sheet, [np.zeros((4, 5)), np.zeros((5, 4))], None, r"sizes \[\(4, 5\), \(5, 4\)\]"),
    ],
)
def test_what_is_no_stack_or_sheet_of_pictures_is_refused(show, images, texts, words):
    with pytest.raises(ValueError, match=words):
        show(images, texts)


def read_sheet(shown):
    return np.asarray(Image.open(io.BytesIO(shown.data))).astype(int)


def test_a_sheet_holds_its_pictures_row_by_row_under_their_captions():
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    images = [np.full((4, 8, 3), colour, "uint8") for colour in colours]
    sheet = read_sheet(plots.show_sheet(images, columns=2, size_px=32, quality=95))
    assert sheet.shape == (2 * 16, 2 * 32, 3)  # twice as wide as high, as the pictures are
    centres = [sheet[8, 16], sheet[8, 48], sheet[24, 16], sheet[24, 48]]
    assert np.abs(np.array(centres) - [*colours, (255, 255, 255)]).max() < 12
    captioned = read_sheet(plots.show_sheet(images, ["a", "b", "c"], columns=5, size_px=32))
    assert captioned.shape == (15 + 16, 3 * 32, 3)
    assert captioned[:15, :20].min() < 100 < 200 < captioned[:15, 20:32].min()  # a dark letter, then white


def test_a_sheet_leaves_pictures_as_large_as_they_are():
    image = np.arange(24, dtype="float32").reshape(4, 6) * 10
    sheet = read_sheet(plots.show_sheet([image], quality=95))
    assert sheet.shape == (4, 6, 3)
    assert np.abs(sheet[:, :, 1] - image).max() < 12


def test_a_table_writes_numbers_alike_and_refuses_rows_that_do_not_fit():
    table = plots.show_table(["net", "weights", "accuracy"], [["*Dense*", np.int64(34990), 0.9644], ["none", "–", 1.0]])
    assert table.data.splitlines()[2:] == ["| *Dense* | 34,990 | 0.964 |", "| none | – | 1.000 |"]
    with pytest.raises(ValueError, match=r"Rows of \[3, 2\] for 3 columns"):
        plots.show_table(["a", "b", "c"], [[1, 2, 3], [1, 2]])
    with pytest.raises(ValueError, match="give each row"):
        plots.show_table(["a"], [])


def test_feature_maps_of_a_layer_share_one_scale():
    maps = [np.arange(2 * 3 * 9.0).reshape(2, 3, 9), np.arange(1 * 2 * 4.0).reshape(1, 2, 4)]
    figure = plots.show_feature_maps(maps, ["first", "second"])
    grid = np.array(figure.axes).reshape(2, 4)  # no row is longer than the layer with the fewest channels
    assert np.array_equal(shown(grid[0, 3]), maps[0][:, :, 3])
    assert np.array_equal(shown(grid[1, 2]), maps[1][:, :, 2])
    assert {axis.images[0].get_clim() for axis in grid[0]} == {(0, 53)}
    assert grid[1, 0].get_title(loc="left") == "second"


@pytest.mark.parametrize("validated", [True, False])
def test_history_is_drawn_epoch_by_epoch(validated):
    history = {"loss": [3.0, 2.0, 1.0], "accuracy": [0.1, 0.5, 0.9]}
    if validated:
        history |= {"val_loss": [3.5, 2.5, 2.0], "val_accuracy": [0.1, 0.4, 0.6]}
    loss, accuracy = plots.plot_history(history).axes
    assert np.array_equal(loss.lines[0].get_xydata(), [[1, 3.0], [2, 2.0], [3, 1.0]])
    assert len(accuracy.lines) == 1 + validated
    assert (loss.get_xlabel(), accuracy.get_ylabel()) == ("epoch", "accuracy")
    if validated:
        assert list(accuracy.lines[1].get_ydata()) == [0.1, 0.4, 0.6]


def test_every_seed_is_a_dot_and_the_mean_a_bar():
    axis = plots.plot_seeds({"one": [1.0, 2.0, 6.0], "two": [4.0]}, "accuracy").axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["one", "two"]
    dots, bar = axis.lines[:2]
    assert list(dots.get_xdata()) == [1, 2, 6]
    assert set(dots.get_ydata()) == {0}
    assert list(bar.get_xdata()) == [3, 3]
    assert axis.yaxis_inverted()  # the first group stands on top


def test_long_names_beside_dots_and_long_words_below_them_take_several_lines():
    figure = plots.plot_seeds({"batches of 32, momentum 0.9": [1, 2], "few": [1]}, "accuracy, " * 5)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["batches of 32,\nmomentum 0.9", "few"]
    assert max(map(len, figure.axes[0].get_xlabel().splitlines())) <= 32


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.plot_history({"loss": [2.0, 1.0], "accuracy": [0.5, 0.9]}),
        lambda: plots.plot_seeds({"a name of forty letters, as long as it is": [0.5, 0.75]}, "a word " * 9),
        lambda: plots.plot_seed_curves({"net": [[1.0, 2.0], [3.0, 6.0]]}, [0, 5], "move (pixels)", "accuracy"),
        lambda: plots.show_images(np.zeros((10, 4, 4)), titles="abcdefghij"),
        lambda: plots.show_feature_maps([np.eye(8)[:, :, None].repeat(8, 2)], ["conv_1: the first 8 of 64 channels"]),
    ],
)
def test_letters_have_11_px_where_a_phone_leaves_358_to_a_chart(draw):
    file = io.BytesIO()
    with plt.style.context("default"):
        plots.use_book_style()
        draw().savefig(file, format="svg", bbox_inches="tight")  # as a notebook does
    svg = file.getvalue().decode()
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])
    letters = map(float, re.findall(r"<text style=\"font-size: ([\d.]+)px", svg))
    assert min(letters) * 358 / width >= 11


def test_curves_show_the_mean_and_every_seed():
    axis = plots.plot_seed_curves({"net": [[1.0, 2.0], [3.0, 6.0]]}, [0, 5], "move (pixels)", "accuracy").axes[0]
    seeds, mean = axis.lines[:2], axis.lines[2]
    assert [list(line.get_ydata()) for line in seeds] == [[1, 2], [3, 6]]
    assert list(mean.get_ydata()) == [2, 4]
    assert list(mean.get_xdata()) == [0, 5]
    many = plots.plot_seed_curves({f"net {n}": [[n, n]] for n in range(7)}, [0, 1], "x", "y").axes[0]
    for shown_axis, names in ((axis, ["net"]), (many, [f"net {n}" for n in range(7)])):
        assert [text.get_text() for text in shown_axis.get_legend().get_texts()] == names


def test_a_diagram_displays_itself_and_an_unknown_one_is_refused():
    assert plots.show_diagram("first_convnet")._repr_svg_().startswith("<svg")
    with pytest.raises(ValueError, match=r"'timeline'; there are: .*first_convnet"):
        plots.show_diagram("timeline")


def test_the_books_style_writes_letters_as_letters():
    with plt.style.context("default"):
        assert plots.use_book_style().name == "book.mplstyle"
        assert plt.rcParams["svg.fonttype"] == "none"
        assert plt.rcParams["image.interpolation"] == "none"
