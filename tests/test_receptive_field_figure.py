"""The receptive field figure: its windows against the library and Keras, and what a reader sees and does."""

import itertools
import re

import numpy as np
import pytest
import test_figures
import traitlets
from axe_playwright_python.sync_playwright import Axe
from visits import PHONE, WIDE

from convbook import digit_nets, shapes
from convbook.figures.receptive_field import (
    CHOICES,
    FADED,
    MOST_LAYERS,
    PAPER,
    STACKS,
    ReceptiveField,
    channels_of,
    check_layers,
    convolutional_part,
    count_weights,
    input_gradient,
    layers_of,
    plan,
    write_layer,
    write_problem,
    write_weights,
    write_window,
)
from convbook.photos import load_digits

show = test_figures.show  # the fixture

RNG = np.random.default_rng(5)
COLOR = RNG.integers(0, 256, (23, 37, 3), dtype="uint8")
GREY = RNG.integers(0, 256, (31, 18), dtype="uint8")
DARK = np.zeros((20, 30))
SAME = {"kernel_size": 3, "padding": "same"}

DIGITS = load_digits()
TEN = np.stack([DIGITS.test_images[DIGITS.test_labels == label][0] for label in range(10)])
UNEVEN = TEN[:3, :, 1:26]  # 28 × 25
NET = convolutional_part(digit_nets.packed("convnet"))

# What can be looked at in the trained net: (digits, digit, layer, row, column, channel).
LOOKED_AT = [
    (TEN, 3, 5, 1, 2, None),
    (TEN, 7, 5, 0, 1, 11),
    (TEN, 0, 4, 3, 2, None),
    (UNEVEN, 2, 3, 8, 4, 5),
    (UNEVEN, 1, 2, 5, 6, None),
    (TEN, 9, 1, 12, 15, None),
    (TEN, 4, 6, 0, 0, None),
]


def random_layer(rng):
    """A layer as a reader could choose it."""
    if rng.random() < 0.25:
        return {"pool_size": 2}
    layer = {name: rng.choice(values).item() for name, values in CHOICES.items()}
    return layer if layer["strides"] == 1 else {**layer, "dilation_rate": 1}


def random_cases(count, seed):
    """Stacks on pictures of many sizes: ((height, width), layers)."""
    rng = np.random.default_rng(seed)
    sizes = [tuple(rng.integers(4, 40, 2).tolist()) for _ in range(count)]
    return [(size, check_layers([random_layer(rng) for _ in range(rng.integers(1, 7))])) for size in sizes]


CASES = random_cases(300, seed=1)
FITTING = [(size, layers) for size, layers in CASES if len(plan(size, layers)) == len(layers)]


def figure_of(size, layers, seed=0):
    """A figure on a dark picture that looks at a random output of the last layer."""
    rows, columns = plan(size, layers)[-1].shape
    rng = np.random.default_rng(seed)
    return ReceptiveField(np.zeros(size), layers, row=int(rng.integers(rows)), column=int(rng.integers(columns)))


def ones_network(size, layers):
    """The stack as a Keras model, with 1 for each weight, and each pooling the sum of its four."""
    import keras

    steps = [keras.Input((*size, 1))]
    for layer in layers:
        if "pool_size" in layer:
            steps += [keras.layers.AveragePooling2D(2), keras.layers.Rescaling(4.0)]
        else:
            steps.append(keras.layers.Conv2D(1, **layer, kernel_initializer="ones", use_bias=False))
    return keras.Sequential(steps)


def gradient_of(model, size, row, column):
    """The gradient of one output with respect to every pixel: what each pixel gives alone, as the model is linear.

    TensorFlow 2.21's own gradient of a 1 × 1 convolution with stride 2 and padding "same" writes beyond its memory on
    the CPU where a side of the picture is even, and ends the process.
    """
    lit = np.eye(size[0] * size[1], dtype="float32").reshape(-1, *size, 1)
    return model(lit).numpy()[:, row, column, 0].reshape(size)


def keras_gradient(digits, digit, layer, row, column, channel):
    """The gradient of one output of the trained net with respect to a digit, by Keras and TensorFlow."""
    import keras
    import tensorflow as tf

    whole = digit_nets.unpack({**NET, "input_shape": list(digits.shape[1:])})
    placed = [one for one in whole.layers if "Conv" in type(one).__name__ or "Pool" in type(one).__name__]
    model = keras.Model(whole.inputs, placed[layer - 1].output)
    image = tf.Variable(digits[digit][np.newaxis].astype("float32"))
    with tf.GradientTape() as tape:
        outputs = model(image)[0, row, column]
        output = tf.reduce_sum(outputs) if channel is None else outputs[channel]
    return output.numpy(), tape.gradient(output, image).numpy()[0, ..., 0]


def net_figure(digits, digit, layer, row, column, channel, **rest):
    place = {"layer": layer, "row": row, "column": column, "channel": channel}
    return ReceptiveField(GREY, digits=digits, view="trained net", digit=digit, **place, **rest)


def call(page, function, calls):
    """What a function that the figure's module exports gives for each list of arguments."""
    script = """async ([source, name, calls]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const call = (await import(url))[name];
      const plain = (given) => {
        if (ArrayBuffer.isView(given)) return [...given];
        if (Array.isArray(given)) return given.map(plain);
        if (given === null || typeof given !== "object") return given;
        return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, plain(value)]));
      };
      return calls.map((values) => plain(call(...values)));
    }"""
    return page.evaluate(script, [str(ReceptiveField._esm), function, calls])


def painted(page, panel):
    """The bytes of a panel's grid: (rows, columns, 4)."""
    height, width, values = page.evaluate(
        """(panel) => { const canvas = document.querySelector(`.cb-${panel} canvas`);
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return [canvas.height, canvas.width, [...data]]; }""",
        panel,
    )
    return np.array(values).reshape(height, width, 4)


def call_trained(page, figure):
    """The gradient that the figure's own JavaScript computes, as one list of numbers."""
    script = """async ([source, state]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const { decodePicture, unpackNet, runNet, inputGradient } = await import(url);
      const net = unpackNet(state._network);
      const places = net.layers.flatMap(({ kind }, n) => (kind === "rescaling" ? [] : [n + 1]));
      const maps = runNet(net, decodePicture(state._digits[state.digit]));
      const { row, column, channel } = state;
      return [[...inputGradient(net, maps, { layer: places[state.layer - 1], row, column, channel }).values]];
    }"""
    return page.evaluate(script, [str(figure._esm), figure.state()])


def verdict(page):
    return page.locator(".cb-verdict").inner_text()


def wait_for_place(page, row, column):
    page.get_by_text(f"output[{row}, {column}]", exact=True).wait_for()


def wait_for_words(page, words):
    page.locator(".cb-verdict", has_text=words).wait_for()


def choose(page, name, option):
    page.get_by_role("combobox", name=name, exact=True).select_option(option)


def facts(page):
    """What the list says of each layer that is shown: [[output, window, jump], …]."""
    return [row.split("\n") for row in page.locator(".cb-layer:visible .cb-facts").all_inner_texts()]


def centre_of(page, grid, row, column):
    """Where on the screen a pixel of a pixel grid has its centre."""
    height, width = grid.evaluate("(grid) => [grid.querySelector('canvas').height, grid.querySelector('canvas').width]")
    box = grid.bounding_box()
    return box["x"] + (column + 0.5) * box["width"] / width, box["y"] + (row + 0.5) * box["height"] / height


# ---- Python's side -------------------------------------------------------------------------------------------------


def test_windows_are_those_computed_by_hand():
    figure = ReceptiveField(DARK, "with pooling", row=0, column=3)
    assert [step.shape for step in figure.steps] == [(18, 28), (9, 14), (7, 12), (3, 6), (1, 4)]
    assert [step.fields[0][:2] for step in figure.steps] == [(3, 1), (4, 2), (8, 2), (10, 4), (18, 4)]
    assert figure.window == (range(0, 18), range(12, 30))
    figure.layer = 2
    assert figure.window == (range(0, 4), range(6, 10))


def test_windows_of_named_stacks_are_those_computed_by_hand():
    sizes = {name: ReceptiveField(np.zeros((64, 50)), name).fields[0][:2] for name in STACKS}
    assert sizes == {
        "two 3×3": (5, 1),
        "one 5×5": (5, 1),
        "without pooling": (7, 1),
        "with pooling": (18, 4),
        "with strides": (15, 4),
        "dilated": (13, 1),
        "padded": (7, 1),
        "the lecture's convnet": (38, 8),
    }
    assert {name: count_weights(check_layers(STACKS[name])) for name in list(STACKS)[:6]} == {
        "two 3×3": 18, "one 5×5": 25, "without pooling": 27, "with pooling": 27, "with strides": 27, "dilated": 27,
    }  # fmt: skip


def test_two_3x3_have_the_ways_computed_by_hand():
    figure = ReceptiveField(np.zeros((7, 9)), "two 3×3", row=1, column=2)
    down = np.array([1, 2, 3, 2, 1])
    assert figure.ways[1:6, 2:7].tolist() == np.outer(down, down).tolist()
    assert figure.ways.sum() == 81


def test_every_window_is_that_of_the_formula():
    for size, layers in CASES:
        sizes = list(size)
        for number, step in enumerate(plan(size, layers), start=1):
            stack = []
            for axis in (0, 1):
                inputs, numbers = size[axis], []
                for layer in layers[:number]:
                    kernel, stride = layer.get("kernel_size", 2), layer.get("strides", 2)
                    rest = layer.get("padding", "valid"), layer.get("dilation_rate", 1)
                    before = shapes.padding_amounts(inputs, kernel, stride, *rest)[0]
                    numbers.append((kernel, stride, rest[1], before))
                    inputs = shapes.output_size(inputs, kernel, stride, *rest)
                sizes[axis] = inputs
                stack.append(shapes.receptive_field(numbers))
            assert (step.fields, step.shape) == (tuple(stack), tuple(sizes))


@pytest.mark.parametrize(("size", "layers"), FITTING[:12], ids=str)
def test_ways_are_the_gradient_of_a_keras_model_with_ones_for_weights(size, layers):
    figure = figure_of(size, layers)
    model = ones_network(size, layers)
    assert model.output_shape[1:3] == figure.output_shape
    np.testing.assert_allclose(figure.ways, gradient_of(model, size, figure.row, figure.column), rtol=1e-5)


def test_pixels_that_are_read_lie_in_the_window():
    skipping = 0
    for size, layers in FITTING:
        figure = figure_of(size, layers)
        rows, columns = figure.window
        read = np.argwhere(figure.ways > 0)
        assert all(row in rows and column in columns for row, column in read)
        inside = [sum(0 <= place < side for place in places) for places, side in zip(figure.window, size, strict=True)]
        skipping += len(read) < np.prod(inside)
    assert skipping > 10  # dilation and strides of small kernels leave holes


def test_windows_of_the_layers_before_lie_in_each_other():
    for size, layers in FITTING:
        windows = figure_of(size, layers).windows
        assert len(windows) == len(layers)
        for inner, outer in itertools.pairwise(windows):
            assert all(set(a) <= set(b) for a, b in zip(inner, outer, strict=True))


def test_a_stack_without_room_is_allowed_and_says_what_would_help():
    figure = ReceptiveField(np.zeros((9, 40)), "with pooling")
    assert [step.shape for step in figure.steps] == [(7, 38), (3, 19), (1, 17)]
    assert not figure.fits
    assert write_problem(figure).startswith("Layer 4: no window fits, it spans 2 × 2 and its input has 1 × 17. Enlarge")
    with pytest.raises(ValueError, match="Enlarge the picture"):
        _ = figure.window
    figure.layer = 3
    assert figure.window == (range(0, 8), range(16, 24)) or figure.row == 0
    assert "no window fits" in figure.describe()


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"layers": "three 3×3"}, "There is no stack 'three 3×3'; choose one of two 3×3"),
        ({"layers": []}, "a list of 1 to 8"),
        ({"layers": [{"pool_size": 2}] * 9}, "layers is 9; give a list of 1 to 8"),
        ({"layers": 3}, "layers is 3; give a list"),
        ({"layers": [SAME, {"pool_size": 3}]}, "pool_size of layer 2 is 3; the figure pools 2 × 2"),
        ({"layers": [SAME, (3, 1)]}, "Layer 2 is .3, 1.; give .'kernel_size': 3."),
        ({"layers": [{"kernel": 3}]}, "Layer 1 is"),
        ({"layers": [{"kernel_size": 4}]}, "kernel_size of layer 1 is 4; the figure shows 1, 3, 5.*receptive_field"),
        ({"layers": [{"kernel_size": 3, "strides": 3}]}, "strides of layer 1 is 3; the figure shows 1, 2"),
        ({"layers": [{"kernel_size": 3, "padding": "SAME"}]}, "valid, same"),
        ({"layers": [{"kernel_size": 3, "strides": 2, "dilation_rate": 2}]}, "both above 1, which Keras refuses"),
        ({"layer": 6}, "layer is 6; the stack has the layers 1 to 5"),
        ({"layer": 0}, "1 to 5"),
        ({"row": 1}, "outside the output of layer 5, 1 rows and 4 columns; give 0"),
        ({"column": 4}, "give 0 to 3"),
        ({"image": np.zeros((65, 9))}, "1 to 64 each way"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    with pytest.raises(ValueError, match=remedy):
        ReceptiveField(**{"image": DARK, **changes})
    figure = ReceptiveField(DARK)
    ((name, value),) = changes.items()
    with pytest.raises(traitlets.TraitError, match=remedy):
        setattr(figure, name, value)
    assert figure.output_shape == (1, 4)


def test_another_stack_or_picture_keeps_layer_and_place_inside():
    figure = ReceptiveField(DARK, "with pooling", layer=1, row=17, column=27)
    figure.layer = 4
    assert (figure.row, figure.column) == (2, 5)
    figure.layers = "one 5×5"
    assert (figure.layer, figure.row, figure.column) == (1, 2, 5)
    figure.image = np.zeros((7, 6))
    assert (figure.row, figure.column) == (2, 1)


def test_message_of_the_front_end_changes_stack_and_place_together():
    figure = ReceptiveField(DARK, "one 5×5")
    figure.set_state({"layers": [*check_layers("with pooling")], "layer": 5, "row": 0, "column": 3})
    assert figure.window == (range(0, 18), range(12, 30))


def test_html_is_the_same_for_the_same_state_and_stays_small():
    first, second = (ReceptiveField(COLOR, "padded", row=3).to_html() for _ in range(2))
    assert first == second
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|\brequire\b|<link|\bsrc=", first)
    noise = RNG.integers(0, 256, (43, 64, 3), dtype="uint8")  # a photo takes less
    assert len(ReceptiveField(noise).to_html().encode()) < 115_000


# ---- the trained net -----------------------------------------------------------------------------------------------


def test_the_trained_nets_windows_are_those_of_its_layers():
    assert [layer.get("pool_size", 0) for layer in layers_of(NET)] == [0, 2, 0, 2, 0, 2]
    assert channels_of(NET) == [16, 16, 32, 32, 48, 48]
    steps = plan((28, 25), layers_of(NET))
    assert [step.shape for step in steps] == [(26, 23), (13, 11), (11, 9), (5, 4), (3, 2), (1, 1)]
    assert [step.fields[0].size for step in steps] == [3, 4, 8, 10, 18, 22]


@pytest.mark.parametrize("look", LOOKED_AT, ids=lambda look: "-".join(map(str, look[1:])))
def test_gradient_is_that_of_keras_number_by_number_in_python_and_in_the_browser(show, look):
    digits, digit, layer, row, column, channel = look
    value, expected = keras_gradient(*look)
    assert np.abs(expected).max() > 1e-6  # an output that is not 0: there is something to compare
    tolerance = {"rtol": 1e-4, "atol": 1e-5 * np.abs(expected).max()}
    np.testing.assert_allclose(input_gradient(NET, digits[digit], layer, row, column, channel), expected, **tolerance)
    page = show(net_figure(*look))
    (shown,) = call_trained(page, net_figure(*look))
    np.testing.assert_allclose(np.reshape(shown, expected.shape), expected, **tolerance)
    said = re.fullmatch(rf"output\[{row}, {column}\] = (.+)", page.locator(".cb-place").inner_text())[1]
    assert test_figures.number(said) == pytest.approx(value, abs=0.0051)


@pytest.mark.parametrize("look", LOOKED_AT, ids=lambda look: "-".join(map(str, look[1:])))
def test_gradient_is_zero_outside_the_window(look):
    figure = net_figure(*look)
    rows, columns = figure.window
    outside = np.ones(figure.gradient.shape, bool)
    outside[rows.start : rows.stop, columns.start : columns.stop] = False
    assert not figure.gradient[outside].any()
    figure.all_digits = True
    assert not figure.gradient[outside].any()


def test_several_digits_together_show_more_of_the_window_than_one():
    figure = net_figure(TEN, 3, 5, 1, 1, 7)
    one = np.count_nonzero(figure.gradient)
    figure.all_digits = True
    every = figure.gradient
    assert one < np.count_nonzero(every) <= 18**2
    assert (every >= 0).all()
    by_hand = [np.abs(input_gradient(NET, digit, 5, 1, 1, 7)) for digit in TEN]
    np.testing.assert_allclose(every, sum(by_hand) / 10)


def test_gradient_is_strongest_in_the_middle_of_the_window():
    figure = net_figure(TEN, 0, 5, 1, 1, None, all_digits=True)
    middle = figure.gradient[8:18, 8:18].sum() / figure.gradient.sum()
    assert middle > 100 / 324  # more than its share of the window's 18 × 18 pixels
    assert f"hold {100 * middle:.1f} % of its size" in write_window(figure)


def test_words_about_the_gradient_are_the_same_in_python_and_in_the_browser(show):
    looks = [*LOOKED_AT, (TEN, 0, 1, 0, 0, 3)]
    figures = [net_figure(*look) for look in looks] + [net_figure(*LOOKED_AT[0], all_digits=True)]
    page = show(*figures)
    shown = page.locator(".cb-verdict").all_inner_texts()
    assert shown == [write_window(figure) for figure in figures]


def test_an_output_of_zero_is_explained():
    figure = next(
        figure for channel in range(48) if not (figure := net_figure(TEN, 1, 5, 1, 1, channel)).gradient.any()
    )
    assert "The gradient is 0 everywhere: ReLU lets nothing through here." in figure.describe()


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"view": "trained"}, "There is no view 'trained'; choose one of any stack, trained net"),
        ({"digits": None}, "needs digits: give digits=photos.load_digits"),
        ({"digits": TEN[0]}, "uint8 of the shape .28, 28, 1.; give 2 to 12 pictures"),
        ({"digits": TEN / 255}, "digits is float64"),
        ({"digits": TEN[:, :20]}, "digits have 20 × 28 pixels; the net and the figure take 22 to 64"),
        ({"digit": 10}, "digit is 10; the figure has 10 digits, give 0 to 9"),
        ({"channel": 48}, "channel is 48; layer 6 has 48: give 0 to 47, or None for their sum"),
        ({"layer": 7}, "the stack has the layers 1 to 6"),
    ],
)
def test_bad_traits_of_the_trained_net_raise_and_name_the_remedy(changes, remedy):
    with pytest.raises(ValueError, match=remedy):
        ReceptiveField(**{"image": GREY, "digits": TEN, "view": "trained net", **changes})


def test_without_digits_the_figure_is_without_net_and_without_its_controls(show):
    figure = ReceptiveField(COLOR)
    assert (figure.state()["_network"], figure.state()["_digits"]) == (None, [])
    assert show(figure).locator(".cb-bar select:visible").count() == 1
    with pytest.raises(ValueError, match="no gradient of a stack without weights"):
        _ = figure.gradient
    figure = net_figure(*LOOKED_AT[0])
    figure.digits = None
    assert figure.view == "any stack"


def test_page_with_the_net_and_ten_digits_stays_small():
    noise = RNG.integers(0, 256, (43, 64, 3), dtype="uint8")  # a photo takes less
    assert len(ReceptiveField(noise, digits=TEN).to_html().encode()) < 150_000


def test_reader_turns_to_the_trained_net_and_looks_around(show):
    page = show(ReceptiveField(COLOR, "two 3×3", digits=TEN))
    choose(page, "Show", "a trained net, by gradient")
    figure = net_figure(TEN, 0, 5, 1, 1, None)
    wait_for_words(page, write_window(figure))
    assert page.locator(".cb-layer:visible select:visible, .cb-layer:visible .cb-button:visible").count() == 0
    assert page.locator(".cb-layer:visible").count() == 6
    choose(page, "Digit", "8")
    figure.digit = 8
    wait_for_words(page, write_window(figure))
    page.locator(".cb-output .cb-pixels").press("ArrowRight")
    figure.column = 2
    wait_for_words(page, write_window(figure))
    page.get_by_role("button", name="Layer 3, convolution 3 × 3: look at its output").click()
    wait_for_words(page, "of layer 3 sees 8 × 8 pixels")
    figure.layer = 3
    figure.row, figure.column = map(int, re.findall(r"\d+", page.locator(".cb-place").inner_text())[:2])
    choose(page, "Channel", "31")
    figure.channel = 31
    wait_for_words(page, write_window(figure))
    page.get_by_role("button", name="Layer 1, convolution 3 × 3: look at its output").click()
    wait_for_words(page, "of layer 1 sees 3 × 3 pixels")  # which has no channel 31
    page.get_by_role("checkbox", name="Mean over all 10 digits").check()
    wait_for_words(page, "Mean over 10 digits")
    choose(page, "Show", "any stack, by formula")
    wait_for_words(page, "of layer 2 sees 5 × 5 pixels")
    assert page.locator(".cb-gradient").is_hidden()


def test_heat_map_has_the_gradients_colours(show):
    from convbook.figures import still

    figure = net_figure(*LOOKED_AT[0])
    pixels = painted(show(figure), "gradient")[..., :3]
    expected = still.diverging_colors(figure.gradient, np.abs(figure.gradient).max())
    assert np.abs(pixels - expected.astype(int)).max() <= 1
    rows, columns = figure.window
    zero = still.diverging_colors(0.0, 1).tolist()
    assert (pixels[: rows.start] == zero).all()
    assert (pixels[:, columns.stop :] == zero).all()


# ---- the arithmetic in the browser ---------------------------------------------------------------------------------


def test_javascript_plans_every_stack_as_shapes_does(show):
    page = show(ReceptiveField(GREY))
    answers = call(page, "planStack", [[*size, layers] for size, layers in CASES])
    short = 0
    for (size, layers), axes in zip(CASES, answers, strict=True):
        steps = plan(size, layers)
        short += len(steps) < len(layers)
        for axis in (0, 1):
            numbers = [
                (step["outputs"], step["before"], step["window"], step["jump"], step["start"]) for step in axes[axis]
            ]
            assert numbers == [(step.shape[axis], step.padding[axis], *step.fields[axis]) for step in steps]
    assert 20 < short < len(CASES) - 100


def test_javascript_counts_ways_and_nests_windows_as_python_does(show):
    page = show(ReceptiveField(GREY))
    figures = [figure_of(size, layers) for size, layers in FITTING[:60]]
    plans = call(page, "planStack", [[*figure.image.shape[:2], figure.layers] for figure in figures])
    for axis, name in enumerate(("row", "column")):
        calls = [[plans[n][axis], f.layers, f.layer, getattr(f, name)] for n, f in enumerate(figures)]
        for figure, ways, windows in zip(
            figures, call(page, "countWays", calls), call(page, "nestWindows", calls), strict=True
        ):
            assert ways == [counts.tolist() for counts in figure._ways(axis)]
            assert [(w["first"], w["size"]) for w in windows] == [(w[axis].start, len(w[axis])) for w in figure.windows]


@pytest.mark.parametrize(("size", "layers"), FITTING[12:18], ids=str)
def test_output_is_what_keras_gives_with_plain_averages(show, size, layers):
    page = show(ReceptiveField(GREY))
    image = np.random.default_rng(2).integers(0, 256, size)
    picture = {"height": size[0], "width": size[1], "channels": 1, "values": image.ravel().tolist()}
    (plans,) = call(page, "planStack", [[*size, layers]])
    (answer,) = call(page, "averageStack", [[picture, plans, layers, len(layers)]])
    weights = np.prod([layer.get("kernel_size", 2) ** 2 for layer in layers])
    expected = ones_network(size, layers)(image[np.newaxis, ..., np.newaxis].astype("float32")).numpy() / weights
    given = np.reshape(answer["values"], (answer["height"], answer["width"]))
    np.testing.assert_allclose(given, expected[0, ..., 0], rtol=1e-4)


def test_words_are_the_same_in_python_and_in_the_browser(show):
    page = show(ReceptiveField(GREY))
    figures = [figure_of(size, layers) for size, layers in FITTING[:60]]
    calls = [[*f.image.shape[:2], f.layers, f.layer, f.row, f.column] for f in figures]
    assert call(page, "writeWindow", calls) == [write_window(figure) for figure in figures]
    stacks = [layers for _, layers in CASES]
    assert call(page, "writeWeights", [[layers] for layers in stacks]) == [write_weights(layers) for layers in stacks]
    problems = [write_problem(ReceptiveField(np.zeros(size), layers)) for size, layers in CASES]
    assert call(page, "writeProblem", [[*size, layers] for size, layers in CASES]) == problems
    layers = [layer for stack in stacks[:40] for layer in stack]
    assert call(page, "writeLayer", [[layer] for layer in layers]) == [write_layer(layer) for layer in layers]


def test_nearest_output_has_its_middle_nearest_to_the_pixel(show):
    page = show(ReceptiveField(GREY))
    step = {"outputs": 7, "start": -2, "jump": 4, "window": 9}  # middles at 2, 6, 10, …, 26
    assert call(page, "nearestOutput", [[step, pixel] for pixel in (-5, 3, 4.5, 25, 40)]) == [0, 0, 1, 6, 6]


# ---- what a reader sees --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "layers"), [FITTING[n] for n in (0, 3, 4, 8, 20)], ids=str)
def test_painted_pixels_are_those_that_keras_reads(show, size, layers):
    figure = figure_of(size, layers)
    figure.image = np.full(size, 51, dtype="uint8")
    read = gradient_of(ones_network(size, layers), size, figure.row, figure.column) != 0
    pixels = painted(show(figure), "input")
    on_picture = pixels[..., 3] == 255
    assert on_picture.sum() == size[0] * size[1]
    shades = pixels[on_picture][:, 0].reshape(size)
    np.testing.assert_array_equal(shades, np.where(read, 51, round(PAPER + FADED * (51 - PAPER))))


def test_window_hangs_over_the_border_where_the_padding_is(show):
    figure = ReceptiveField(GREY, [SAME, {**SAME, "strides": 2}], row=15, column=0)  # rows 29 to 33, columns −1 to 3
    assert figure.window == (range(28, 33), range(-1, 4))
    page = show(figure)
    pixels = painted(page, "input")
    (above, below), (left, right) = (2, 2), (1, 2)
    assert pixels.shape[:2] == (31 + above + below, 18 + left + right)
    opaque = np.pad(np.ones((31, 18), bool), ((above, below), (left, right)))
    np.testing.assert_array_equal(pixels[..., 3] == 255, opaque)
    grid = page.locator(".cb-input .cb-pixels").bounding_box()
    frame = page.locator(".cb-input .cb-window").bounding_box()
    cell = grid["width"] / 21
    assert frame["x"] - grid["x"] == pytest.approx(0, abs=1)
    assert frame["y"] - grid["y"] == pytest.approx((28 + above) * cell, abs=1)
    assert frame["width"] == pytest.approx(5 * cell, abs=1)
    assert "what hangs over the border is padding" in verdict(page)


def test_nested_frames_stand_on_the_windows_of_the_layers_before(show):
    figure = ReceptiveField(COLOR, "with pooling", row=0, column=2)
    boxes = (
        show(figure)
        .locator(".cb-frames .cb-frame")
        .evaluate_all(
            "(all) => all.map((box) => ['y', 'x', 'height', 'width'].map((name) => Number(box.getAttribute(name))))"
        )
    )
    assert boxes == [[rows.start, columns.start, len(rows), len(columns)] for rows, columns in figure.windows[:-1]]


def test_numbers_in_the_enlarged_window_are_the_ways(show):
    figure = ReceptiveField(COLOR, [SAME, SAME], row=0, column=36)
    page = show(figure)
    numbers = page.locator(".cb-numbers text").all_text_contents()
    assert numbers == [str(int(count)) for count in figure.ways.ravel() if count > 0]
    assert len(numbers) == 9
    opaque = painted(page, "ways")[..., 3] == 255
    assert opaque.tolist() == [[False] * 5] * 2 + [[True] * 3 + [False] * 2] * 3


def test_list_says_size_window_and_jump_of_each_layer(show):
    page = show(ReceptiveField(DARK, "with pooling"))
    assert facts(page) == [
        ["18 × 28", "window 3 × 3", "jump 1"],
        ["9 × 14", "window 4 × 4", "jump 2"],
        ["7 × 12", "window 8 × 8", "jump 2"],
        ["3 × 6", "window 10 × 10", "jump 4"],
        ["1 × 4", "window 18 × 18", "jump 4"],
    ]
    maps = page.locator(".cb-layer:visible .cb-map canvas")
    sizes = maps.evaluate_all("(all) => all.map((canvas) => [canvas.height, canvas.width])")
    assert sizes == [[18, 28], [9, 14], [7, 12], [3, 6], [1, 4]]


def test_layers_for_which_no_window_fits_are_explained_and_not_drawn(show):
    page = show(ReceptiveField(np.zeros((9, 40)), "with pooling"))
    problem = page.locator(".cb-problem")
    assert problem.inner_text().startswith("Layer 4: no window fits, it spans 2 × 2 and its input has 1 × 17.")
    hidden = ".cb-window:visible, .cb-frames:visible, .cb-ways:visible, .cb-output .cb-pixels:visible"
    assert page.locator(hidden).count() == 0
    assert facts(page)[3:] == [["no window fits"]] * 2
    page.locator(".cb-input .cb-pixels").click()
    page.get_by_role("button", name="Layer 3, convolution 3 × 3: look at its output").click()
    page.locator(".cb-output .cb-pixels").wait_for()
    assert problem.is_visible()  # it is still true of layer 4
    page.get_by_role("button", name="Remove layer 4").click()
    choose(page, "Layer 4: padding", "same")
    problem.wait_for(state="hidden")
    assert facts(page)[3] == ["1 × 17", "window 12 × 12", "jump 2"]


# ---- what a reader does --------------------------------------------------------------------------------------------


def test_reader_builds_a_stack_layer_by_layer(show):
    page = show(ReceptiveField(COLOR, "one 5×5"))
    page.get_by_role("button", name="Add pooling").click()
    wait_for_words(page, "of layer 2 sees 6 × 6 pixels")
    page.get_by_role("button", name="Add convolution").click()
    wait_for_words(page, "of layer 3 sees 10 × 10 pixels")
    choose(page, "Layer 3: step", "dilation 2")
    wait_for_words(page, "of layer 3 sees 14 × 14 pixels")
    choose(page, "Layer 1: kind", "convolution 1 × 1")
    wait_for_words(page, "of layer 3 sees 10 × 10 pixels")
    choose(page, "Layer 2: kind", "convolution 3 × 3")
    choose(page, "Layer 2: step", "stride 2")
    choose(page, "Layer 2: padding", "same")
    wait_for_words(page, "of layer 3 sees 11 × 11 pixels")
    layers = [{"kernel_size": 1}, {**SAME, "strides": 2}, {"kernel_size": 3, "dilation_rate": 2}]
    expected = ReceptiveField(COLOR, layers)
    assert [row[0] for row in facts(page)] == [f"{step.shape[0]} × {step.shape[1]}" for step in expected.steps]
    assert page.get_by_role("combobox", name="Stack").input_value() == "your own"
    page.get_by_role("button", name="Remove layer 2").click()
    wait_for_words(page, "of layer 2 sees 5 × 5 pixels")
    assert page.locator(".cb-layer:visible").count() == 2


def test_named_stacks_keep_the_eye_on_the_same_part_of_the_picture(show):
    page = show(ReceptiveField(COLOR, "one 5×5", row=10, column=20))  # its middle is the pixel at 12, 22
    for name in STACKS:
        choose(page, "Stack", name)
        layers = check_layers(name)
        page.locator(".cb-layer:visible").nth(len(layers) - 1).wait_for()
        fits = len(plan(COLOR.shape, layers)) == len(layers)
        assert page.locator(".cb-output .cb-pixels").is_visible() == fits
        choose(page, "Stack", "one 5×5")
        page.locator(".cb-layer:visible").nth(1).wait_for(state="hidden")
        if fits:
            row, column = map(int, re.findall(r"\d+", page.locator(".cb-place").inner_text()))
            jump = plan(COLOR.shape, layers)[-1].fields[0].jump
            assert abs(row - 10) <= 1 + 2 * jump
            assert abs(column - 20) <= 1 + 2 * jump


def test_no_more_layers_than_can_be_shown_and_none_less_than_one(show):
    page = show(ReceptiveField(COLOR, [SAME] * (MOST_LAYERS - 1)))
    add = page.get_by_role("button", name="Add convolution")
    add.click()
    page.get_by_text("8 layers are the most shown here.").wait_for()
    assert add.get_attribute("aria-disabled") == "true"
    add.click(force=True)
    assert page.locator(".cb-layer:visible").count() == MOST_LAYERS
    for number in range(MOST_LAYERS, 0, -1):
        page.get_by_role("button", name=f"Remove layer {number}").click(force=True)
    wait_for_words(page, "of layer 1 sees")
    assert page.get_by_role("button", name="Remove layer 1").get_attribute("aria-disabled") == "true"


def test_arrow_keys_go_from_output_to_output(show):
    page = show(ReceptiveField(COLOR, "with strides", row=0, column=0))  # output 3 × 6
    page.locator(".cb-output .cb-pixels").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    wait_for_place(page, 1, 1)
    page.keyboard.press("End")
    wait_for_place(page, 1, 5)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Home")
    wait_for_place(page, 1, 0)


def test_pointer_drags_the_window_to_the_nearest_output_and_picks_outputs(show):
    page = show(ReceptiveField(COLOR, "with strides", row=0, column=0))  # window 15, jump 4
    grid = page.locator(".cb-input .cb-pixels")
    page.mouse.move(*centre_of(page, grid, 3, 3))
    page.mouse.down()
    page.mouse.move(*centre_of(page, grid, 5, 9), steps=4)
    page.mouse.move(*centre_of(page, grid, 6, 12), steps=4)  # 3 down, 9 to the right: nearest are 4 and 8
    page.mouse.up()
    wait_for_place(page, 1, 2)
    output = page.locator(".cb-output .cb-pixels")
    page.mouse.click(*centre_of(page, output, 2, 5))
    wait_for_place(page, 2, 5)
    page.mouse.click(*centre_of(page, grid, 0, 0))
    wait_for_place(page, 0, 0)


def test_a_finger_picks_an_output(show):
    page = show(ReceptiveField(COLOR, "with strides"), size=PHONE, has_touch=True, is_mobile=True)
    output = page.locator(".cb-output .cb-pixels")
    output.scroll_into_view_if_needed()
    page.touchscreen.tap(*centre_of(page, output, 0, 4))
    wait_for_place(page, 0, 4)


def test_every_control_is_reached_by_keyboard_with_a_visible_focus(show):
    page = show(ReceptiveField(COLOR, [SAME, {"pool_size": 2}]))
    name = """(() => { const element = document.activeElement;
        return element.ariaLabel ?? (element.labels?.length ? element.labels[0] : element).textContent; })()"""
    reached = []
    for _ in range(11):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(name))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", reached[-1]
    starts = ["Stack", "Output of layer 2", "Layer 1, convolution 3 × 3, same: look", "Layer 1: kind", "Layer 1: step"]
    starts += ["Layer 1: padding", "Remove layer 1", "Layer 2, pooling 2 × 2: look", "Layer 2: kind", "Remove layer 2"]
    starts += ["Add convolution"]
    assert [text.startswith(start) for text, start in zip(reached, starts, strict=True)] == [True] * 11, reached


def test_result_is_spoken_once_the_window_rests(show):
    figure = ReceptiveField(COLOR, "two 3×3", row=4, column=5)
    page = show(figure)
    spoken = page.locator(".cb-spoken")
    assert (spoken.inner_text(), spoken.get_attribute("aria-live")) == ("", "polite")
    page.locator(".cb-output .cb-pixels").press("ArrowDown")
    figure.row = 5
    page.locator(".cb-spoken", has_text=write_window(figure)).wait_for(state="attached")
    choose(page, "Stack", "the lecture's convnet")
    page.locator(".cb-spoken", has_text="no window fits").wait_for(state="attached")


# ---- themes, phone, print ------------------------------------------------------------------------------------------

LOOKS = [
    lambda: ReceptiveField(COLOR, "with pooling"),
    lambda: ReceptiveField(GREY, "padded", row=0, column=0),
    lambda: ReceptiveField(np.zeros((9, 40)), "with pooling"),
    lambda: net_figure(*LOOKED_AT[0]),
]


@pytest.mark.parametrize("make", LOOKS, ids=["fits", "padded", "no room", "trained"])
def test_still_picture_says_what_the_live_figure_says(show, make):
    figure = make()
    live, printed, without_script = show(figure), show(figure), show(figure, java_script_enabled=False)
    printed.emulate_media(media="print")
    for page in (printed, without_script):
        picture = page.locator(".convbook-still svg")
        assert picture.is_visible()
        assert not page.locator(".convbook-live").is_visible()
        label = picture.get_attribute("aria-label")
        for selector in (".cb-verdict", ".cb-problem"):
            assert " ".join(live.locator(selector).all_text_contents()) in label
        texts = picture.locator("text").all_text_contents()
        for row in facts(live):
            assert all(fact in texts for fact in row)
        numbers = live.locator(".cb-numbers text").all_text_contents()
        assert [text for text in texts if text.isdigit()] == numbers


@pytest.mark.parametrize(("theme", "size"), [("light", WIDE), ("dark", PHONE)], ids=["light", "dark"])
def test_axe_finds_nothing_serious(show, theme, size):
    page = show(*(make() for make in LOOKS), theme=theme, size=size)
    assert page.locator(".convbook-figure").first.get_attribute("data-theme") == theme
    violations = Axe().run(page).response["violations"]
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []


def test_nothing_is_wider_than_the_page_at_any_width(show):
    stack = [{"kernel_size": 5, "padding": "same", "dilation_rate": 3}] * MOST_LAYERS
    page = show(*(make() for make in LOOKS), ReceptiveField(COLOR, stack))
    for width in (340, 390, 620, 700, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
