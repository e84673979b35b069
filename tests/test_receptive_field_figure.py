"""The receptive field figure: its windows against the library and Keras, and what a reader sees and does."""

import functools
import itertools
import re
from typing import NamedTuple

import numpy as np
import pytest
from figure_pages import (
    assert_refused,
    call,
    diverging_colors,
    gradient_in_keras,
    number,
    numbers,
    packed,
    pixels_of,
    wait_for_speech,
)

from convbook import digit_nets, shapes
from convbook.figures.receptive_field import CHOICES, STACKS, ReceptiveField, check_layers
from convbook.photos import load_digits

RNG = np.random.default_rng(5)
COLOR = RNG.integers(0, 256, (23, 37, 3), dtype="uint8")
GREY = RNG.integers(0, 256, (31, 18), dtype="uint8")
DARK = np.zeros((20, 30))
SAME = {"kernel_size": 3, "padding": "same"}
MOST_LAYERS = 8
NET_LAYERS = [{"kernel_size": 3}, {"pool_size": 2}] * 3

DIGITS = load_digits()
TEN = np.stack([DIGITS.test_images[DIGITS.test_labels == label][0] for label in range(10)])
UNEVEN = TEN[:3, :, 1:26]  # 28 × 25

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

# ---- the oracle: convbook.shapes, NumPy and Keras ------------------------------------------------------------------


class Step(NamedTuple):
    """What is known of one layer: its output's shape, the padding before its input, and its shapes.ReceptiveField."""

    shape: tuple
    before: tuple
    fields: tuple


def geometry(layer):
    """Kernel, stride, padding and dilation rate of a layer."""
    kernel, stride = layer.get("kernel_size", 2), layer.get("strides", 2)
    return kernel, stride, layer.get("padding", "valid"), layer.get("dilation_rate", 1)


def plan(size, layers):
    """One Step for each layer; shorter than the stack if no window fits."""
    steps, shape, below = [], tuple(size), ([], [])
    for layer in layers:
        kernel, stride, padding, dilation = geometry(layer)
        if padding == "valid" and (kernel - 1) * dilation + 1 > min(shape):
            break
        before = tuple(shapes.padding_amounts(side, *geometry(layer))[0] for side in shape)
        shape = tuple(shapes.output_size(side, *geometry(layer)) for side in shape)
        for axis in (0, 1):
            below[axis].append((kernel, stride, dilation, before[axis]))
        steps.append(Step(shape, before, tuple(shapes.receptive_field(axis) for axis in below)))
    return steps


def count_ways(size, layers, axis, index):
    """How many ways lead to the last layer's output `index` from each index of the picture and of each map."""
    inputs, ways = size[axis], []
    for layer, step in zip(layers, plan(size, layers), strict=True):
        kernel, stride, _, dilation = geometry(layer)
        outputs = np.arange(step.shape[axis])[:, np.newaxis]
        positions = outputs * stride - step.before[axis] + np.arange(kernel) * dilation
        ways.append((positions[..., np.newaxis] == np.arange(inputs)).sum(axis=1))  # outputs × inputs
        inputs = step.shape[axis]
    counts = [np.eye(inputs)[index]]
    for matrix in reversed(ways):
        counts.insert(0, counts[0] @ matrix)
    return counts


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


@functools.cache
def keras_net(height, width):
    """The trained net for pictures of this size, and the numbers of its convolutions and poolings among its layers."""
    import keras

    net = digit_nets.packed("convnet")
    placed = [n for n, layer in enumerate(net["layers"]) if layer["kind"] in ("conv", "max_pool")]
    net = digit_nets.unpack({**net, "input_shape": [height, width, 1], "layers": net["layers"][: placed[-1] + 1]})
    kinds = keras.layers.Conv2D, keras.layers.MaxPooling2D
    return net, [n for n, layer in enumerate(net.layers) if isinstance(layer, kinds)]


def keras_gradient(digits, digit, layer, *output):
    """One output of the trained net (row, column, channel), and its gradient with respect to a digit, by TensorFlow."""
    net, numbered = keras_net(*digits.shape[1:3])
    value, gradient = gradient_in_keras(net, digits[digit].astype("float32"), numbered[layer - 1], *output)
    return value, gradient[..., 0]


# ---- figures and cases ---------------------------------------------------------------------------------------------


def random_cases(count, seed):
    """Stacks as a reader could choose them, on pictures of many sizes: ((height, width), layers)."""
    rng = np.random.default_rng(seed)

    def random_layer():
        if rng.random() < 0.25:
            return {"pool_size": 2}
        layer = {name: rng.choice(values).item() for name, values in CHOICES.items()}
        return layer if layer["strides"] == 1 else {**layer, "dilation_rate": 1}

    sizes = [tuple(rng.integers(4, 40, 2).tolist()) for _ in range(count)]
    return [(size, check_layers([random_layer() for _ in range(rng.integers(1, 7))])) for size in sizes]


CASES = random_cases(300, seed=1)
FITTING = [(size, layers) for size, layers in CASES if len(plan(size, layers)) == len(layers)]


def output_of(size, layers, seed=0):
    """Some output of the last layer: its row and column."""
    return [int(np.random.default_rng(seed).integers(count)) for count in plan(size, layers)[-1].shape]


def net_figure(digits, digit, layer, row, column, channel, **rest):
    output = {"layer": layer, "row": row, "column": column, "channel": channel}
    return ReceptiveField(GREY, digits=digits, view="trained net", digit=digit, **output, **rest)


ask = functools.partial(call, ReceptiveField)


def painted(page, panel):
    """The bytes of a panel's picture: (rows, columns, 4)."""
    return pixels_of(page.locator(f".cb-{panel}"), parts=4)


def verdict(page):
    return page.locator(".cb-verdict").inner_text()


def window_in(sentence):
    """The window that a sentence names: [rows, columns] as ranges, which may begin before the picture."""
    first, last, left, right = numbers(re.search(r"rows (.*?)\.", sentence)[1])
    return [range(int(first), int(last) + 1), range(int(left), int(right) + 1)]


def wait_for_output(page, row, column):
    page.locator(".cb-output .cb-place", has_text=f"output[{row}, {column}]").wait_for()


def wait_for_words(page, words):
    page.locator(".cb-verdict", has_text=words).wait_for()


def choose(page, name, option):
    page.get_by_role("combobox", name=name, exact=True).select_option(option)


def look_at(page, layer, name="convolution 3 × 3"):
    page.get_by_role("button", name=f"Layer {layer}, {name}: look at its output").click()


def facts(page):
    """What the list says of each layer that is shown: [[output, window, jump], …]."""
    return [row.split("\n") for row in page.locator(".cb-layer:visible .cb-facts").all_inner_texts()]


# ---- Python's side -------------------------------------------------------------------------------------------------

TRAINED = {"digits": TEN, "view": "trained net"}


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
        ({"layer": 6}, "layer is 6; the stack has 5 layers: give 1 to 5"),
        ({"row": 1}, "the output of layer 5 has 1 rows and 4 columns: give 0"),
        ({"column": 4}, "give 0 to 3"),
        ({"image": np.zeros((65, 9))}, "1 to 64 each way"),
        ({"view": "trained"}, "give 'any stack' or 'trained net'"),
        ({"view": "trained net"}, "needs digits: give digits=photos.load_digits"),
        ({"digits": TEN[0]}, "uint8 of the shape .28, 28, 1.; give 2 to 12 pictures"),
        ({"digits": TEN / 255}, "digits is float64"),
        ({"digits": TEN[:, :20]}, "digits have 20 × 28 pixels; the net and the figure take 22 to 64"),
        ({**TRAINED, "digit": 10}, "digit is 10; the figure has 10 digits: give 0 to 9"),
        ({**TRAINED, "channel": 48}, "layer 6 has 48 channels, and None stands for their sum: give 0 to 47"),
        ({**TRAINED, "layer": 7}, "the stack has 6 layers: give 1 to 6"),
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    assert_refused(lambda **given: ReceptiveField(**{"image": DARK, **given}), changes, remedy)


def test_without_digits_the_figure_is_without_net_and_without_its_controls(show):
    figure = net_figure(*LOOKED_AT[0])
    figure.digits = None
    assert figure.view == "any stack"
    assert (figure.state()["_network"], figure.state()["_digits"]) == (None, [])
    assert show(figure).locator(".cb-bar select:visible").count() == 1


def test_the_largest_page_stays_small():
    noise = RNG.integers(0, 256, (43, 64, 3), dtype="uint8")  # a photo takes less
    assert len(ReceptiveField(noise, digits=TEN).to_html().encode()) < 150_000


# ---- the arithmetic in the browser ---------------------------------------------------------------------------------


def test_every_stack_is_planned_as_by_shapes(blank):
    answers = ask(blank, "planStack", [[*size, layers] for size, layers in CASES])
    for (size, layers), axes in zip(CASES, answers, strict=True):
        for axis in (0, 1):
            planned = [[step[name] for name in ("outputs", "before", "window", "jump", "start")] for step in axes[axis]]
            expected = [[step.shape[axis], step.before[axis], *step.fields[axis]] for step in plan(size, layers)]
            assert planned == expected
    assert 20 < len(CASES) - len(FITTING) < len(CASES) - 100  # in some of them no window fits


def see(page, cases):
    """What some output of each stack sees, as the page computes it: (size, layers, output, [down, right])."""
    plans, outputs = ask(page, "planStack", [[*size, layers] for size, layers in cases]), [output_of(*c) for c in cases]
    calls = [
        [plans[n][axis], layers, len(layers), outputs[n][axis]]
        for n, (_, layers) in enumerate(cases)
        for axis in (0, 1)
    ]
    sides = ask(page, "seeAlong", calls)
    return [(*case, outputs[n], sides[2 * n : 2 * n + 2]) for n, case in enumerate(cases)]


def test_ways_are_counted_and_windows_lie_in_each_other(blank):
    skipping = 0
    for size, layers, output, sides in see(blank, FITTING[:60]):
        for axis, side in enumerate(sides):
            assert side["ways"] == [counts.tolist() for counts in count_ways(size, layers, axis, output[axis])]
            fields = [step.fields[axis] for step in plan(size, layers)]
            assert side["first"] == side["nested"][-1]["first"] == fields[-1].start + output[axis] * fields[-1].jump
            assert [window["size"] for window in side["nested"]] == [field.size for field in fields]
            firsts = [window["first"] for window in side["nested"]]
            assert all((first - field.start) % field.jump == 0 for first, field in zip(firsts, fields, strict=True))
            windows = [set(range(window["first"], window["first"] + window["size"])) for window in side["nested"]]
            assert all(inner <= outer for inner, outer in itertools.pairwise(windows))
            read = set(np.flatnonzero(side["ways"][0]).tolist())
            assert read <= windows[-1]
            skipping += len(read) < len(windows[-1] & set(range(size[axis])))
    assert skipping > 10  # dilation and strides of small kernels leave holes


def test_ways_and_averages_are_those_of_a_keras_model_with_ones_for_weights(blank):
    for size, layers, output, (down, right) in see(blank, FITTING[:8]):
        model = ones_network(size, layers)
        ways = np.outer(down["ways"][0], right["ways"][0])
        np.testing.assert_allclose(ways, gradient_of(model, size, *output), rtol=1e-5)
        image = np.random.default_rng(2).integers(0, 256, size)
        (plans,) = ask(blank, "planStack", [[*size, layers]])
        (answer,) = ask(blank, "averageStack", [[packed(image), plans, layers, len(layers)]])
        expected = model(image[np.newaxis, ..., np.newaxis].astype("float32")).numpy()[0, ..., 0]
        weights = np.prod([geometry(layer)[0] ** 2 for layer in layers])
        np.testing.assert_allclose(answer, expected.ravel() / weights, rtol=1e-4)


def test_sentences_about_a_stack_hold_the_numbers_of_the_oracle(blank):
    seen = see(blank, FITTING[:60])
    sentences = ask(blank, "writeSeen", [[sides, len(layers)] for _, layers, _, sides in seen])
    for (size, layers, output, _), sentence in zip(seen, sentences, strict=True):
        fields, window = plan(size, layers)[-1].fields, window_in(sentence)
        assert [len(side) for side in window] == [field.size for field in fields]
        assert [side.start for side in window] == [f.start + at * f.jump for f, at in zip(fields, output, strict=True)]
        ways = np.outer(*(count_ways(size, layers, axis, output[axis])[0] for axis in (0, 1)))
        inside = np.prod([len(set(side) & set(range(n))) for side, n in zip(window, size, strict=True)])
        reads, leads = re.search(r"It reads (.*?)\. From each, (.*?) lead", sentence).groups()
        assert numbers(reads) == [np.count_nonzero(ways), size[0] * size[1]]
        assert set(numbers(leads)) == {ways[ways > 0].min(), ways.max()}
        assert ("over the border is padding" in sentence) == (inside < fields[0].size ** 2)
        assert ("it skips some" in sentence) == (np.count_nonzero(ways) < inside)


def test_the_layer_at_which_no_window_fits_is_named_with_what_helps(blank):
    problems = ask(blank, "writeProblem", [[*size, layers] for size, layers in CASES])
    for (size, layers), problem in zip(CASES, problems, strict=True):
        steps = plan(size, layers)
        if len(steps) == len(layers):
            assert problem == ""
            continue
        kernel, _, _, dilation = geometry(layers[len(steps)])
        span, shape = (kernel - 1) * dilation + 1, steps[-1].shape if steps else size
        assert numbers(problem) == [len(steps) + 1, span, span, *shape]
        assert ("pad: same" in problem) == ("kernel_size" in layers[len(steps)])


def test_layers_and_weights_are_written_as_by_hand(blank):
    layers = [{"pool_size": 2}, {**SAME, "strides": 2, "dilation_rate": 1}, *check_layers("dilated")[2:]]
    assert ask(blank, "writeLayer", [[layer] for layer in layers]) == [
        "pooling 2 × 2", "convolution 3 × 3, stride 2, same", "convolution 3 × 3, dilation 3"
    ]  # fmt: skip
    said = dict(zip(STACKS, ask(blank, "writeWeights", [[check_layers(name)] for name in STACKS]), strict=True))
    totals = [numbers(text)[-1] for text in said.values()]
    assert totals == [18, 25, 27, 27, 27, 27, 27, 36]
    assert said["two 3×3"] == "Weights for each pair of input channel and filter: 9 + 9 = 18."


def test_nearest_output_has_its_middle_nearest_to_the_pixel(blank):
    step = {"outputs": 7, "start": -2, "jump": 4, "window": 9}  # middles at 2, 6, 10, …, 26
    assert ask(blank, "nearestOutput", [[step, pixel] for pixel in (-5, 3, 4.5, 25, 40)]) == [
        0,
        0,
        1,
        6,
        6,
    ]


# ---- the trained net -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", LOOKED_AT, ids=lambda look: "-".join(map(str, look[1:])))
def test_gradient_is_that_of_keras_and_the_sentence_holds_its_numbers(show, look):
    digits, _, layer, row, column, _ = look
    value, expected = keras_gradient(*look)
    scale = np.abs(expected).max()
    assert scale > 1e-6  # an output that is not 0: there is something to compare
    figure = net_figure(*look)
    page = show(figure)
    colors = diverging_colors(expected, scale).astype(int)
    np.testing.assert_allclose(painted(page, "gradient")[..., :3], colors, atol=1)
    gradient = np.abs(expected)
    said = re.fullmatch(rf"output\[{row}, {column}\] = (.+)", page.locator(".cb-output .cb-place").inner_text())[1]
    assert number(said) == pytest.approx(value, abs=0.0051)

    fields = plan(digits.shape[1:3], check_layers(NET_LAYERS[:layer]))[-1].fields
    size, (rows, columns) = fields[0].size, window_in(verdict(page))
    assert [rows.start, columns.start] == [f.start + at * f.jump for f, at in zip(fields, (row, column), strict=True)]
    inside = gradient[rows.start : rows.stop, columns.start : columns.stop]
    counts = [np.count_nonzero(inside), size**2, np.count_nonzero(gradient) - np.count_nonzero(inside)]
    assert counts[2] == 0  # outside the window the gradient is 0
    expected = [0, *counts]
    if edge := size // 4:
        side, middle = size - 2 * edge, inside[edge:-edge, edge:-edge].sum() / gradient.sum()
        expected += [side, side, 100 * side**2 / size**2, 100 * middle]
    assert numbers(verdict(page).split("In the window")[1]) == pytest.approx(expected, rel=0.006)


def test_all_digits_together_show_more_of_the_window_than_one_and_the_middle_most(show):
    one, every = (show(net_figure(TEN, 3, 5, 1, 1, 7, all_digits=all_digits)) for all_digits in (False, True))
    gradients = [keras_gradient(TEN, digit, 5, 1, 1, 7)[1].astype(float) for digit in range(10)]
    mean = np.mean(np.abs(gradients), axis=0)
    read, _, outside, *middle = numbers(verdict(every).split("is not 0")[1])
    assert verdict(every).split("columns")[-1].split(".")[1].strip().startswith("Mean over 10 digits: in the window")
    assert (read, outside) == (np.count_nonzero(mean), 0)
    assert read > np.count_nonzero(gradients[3])
    assert middle[-1] == pytest.approx(100 * mean[8:18, 8:18].sum() / mean.sum(), rel=0.006)
    assert middle[-1] > middle[-2]  # more than its share of the window
    (shown,) = ask(one, "meanSize", [[[packed(gradient) for gradient in gradients]]])
    np.testing.assert_allclose(shown, mean.ravel())


def test_an_output_of_zero_is_explained(show):
    page = show(net_figure(TEN, 1, 5, 1, 1, 0))
    choose(page, "Channel", str(next(n for n in range(48) if not keras_gradient(TEN, 1, 5, 1, 1, n)[1].any())))
    wait_for_words(page, "The gradient is 0 everywhere: ReLU lets nothing through here.")


def test_reader_turns_to_the_trained_net_and_looks_around(show):
    page = show(ReceptiveField(COLOR, "two 3×3", digits=TEN))
    choose(page, "Show", "a trained net, by gradient")
    wait_for_words(page, "Output row 1, column 1 of layer 5 sees 18 × 18 pixels")
    assert page.locator(".cb-layer:visible select:visible, .cb-layer:visible .cb-button:visible").count() == 0
    assert [row[0] for row in facts(page)] == ["26 × 26", "13 × 13", "11 × 11", "5 × 5", "3 × 3", "1 × 1"]
    choose(page, "Digit", "8")
    page.locator(".cb-input strong", has_text="Digit 8").wait_for()
    page.locator(".cb-output .cb-pixels").press("ArrowRight")
    wait_for_output(page, 1, 2)
    value, _ = keras_gradient(TEN, 8, 5, 1, 2, None)
    assert number(page.locator(".cb-output .cb-place").inner_text().split(" = ")[1]) == pytest.approx(value, abs=0.0051)
    look_at(page, 3)
    wait_for_words(page, "of layer 3 sees 8 × 8 pixels")
    row, column = map(int, numbers(page.locator(".cb-output .cb-place").inner_text())[:2])
    choose(page, "Channel", "31")
    page.locator(".cb-gradient .cb-note", has_text="channel 31").wait_for()
    value, _ = keras_gradient(TEN, 8, 3, row, column, 31)
    assert number(page.locator(".cb-output .cb-place").inner_text().split(" = ")[1]) == pytest.approx(value, abs=0.0051)
    look_at(page, 1)
    wait_for_words(page, "of layer 1 sees 3 × 3 pixels")  # which has no channel 31
    page.get_by_role("checkbox", name="Mean over all 10 digits").check()
    wait_for_words(page, "Mean over 10 digits")
    choose(page, "Show", "any stack, by formula")
    wait_for_words(page, "of layer 2 sees 5 × 5 pixels")
    assert page.locator(".cb-gradient").is_hidden()


# ---- what a reader sees and does -------------------------------------------------------------------------------------


def test_painted_pixels_are_those_that_keras_reads(show):
    cases = [(*FITTING[n], *output_of(*FITTING[n])) for n in (0, 3, 4, 8, 20)]
    page = show(*(ReceptiveField(np.full(s, 51, "uint8"), layers, row=r, column=c) for s, layers, r, c in cases))
    faded = round(250 + 0.4 * (51 - 250))  # towards the page
    for nth, (size, layers, row, column) in enumerate(cases):
        read = gradient_of(ones_network(size, layers), size, row, column) != 0
        pixels = pixels_of(page.locator(".cb-input").nth(nth), parts=4)
        on_picture = pixels[..., 3] == 255
        np.testing.assert_array_equal(pixels[on_picture][:, 0].reshape(size), np.where(read, 51, faded))


def test_window_hangs_over_the_border_where_the_padding_is(show):
    page = show(ReceptiveField(GREY, [SAME, {**SAME, "strides": 2}], row=15, column=0))
    assert window_in(verdict(page)) == [range(28, 33), range(-1, 4)]
    pixels = painted(page, "input")
    (above, below), (left, right) = (2, 2), (1, 2)
    opaque = np.pad(np.ones((31, 18), bool), ((above, below), (left, right)))
    np.testing.assert_array_equal(pixels[..., 3] == 255, opaque)
    grid = page.locator(".cb-input .cb-pixels").bounding_box()
    frame = page.locator(".cb-input .cb-window").bounding_box()
    cell = grid["width"] / 21
    assert frame["x"] - grid["x"] == pytest.approx(0, abs=1)
    assert frame["y"] - grid["y"] == pytest.approx((28 + above) * cell, abs=1)
    assert frame["width"] == pytest.approx(5 * cell, abs=1)
    assert "what hangs over the border is padding" in verdict(page)


def test_two_3x3_have_the_ways_computed_by_hand(show):
    within, corner = show(ReceptiveField(COLOR, "two 3×3")), show(ReceptiveField(COLOR, [SAME, SAME], row=0, column=36))
    expected = np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1]), np.outer([2, 2, 1], [1, 2, 2])  # in the corner, padding
    for page, ways in zip((within, corner), expected, strict=True):
        assert page.locator(".cb-zoom text").all_text_contents() == [str(count) for count in ways.ravel()]
    opaque = painted(corner, "ways")[..., 3] == 255
    assert opaque.tolist() == [[False] * 5] * 2 + [[True] * 3 + [False] * 2] * 3


def test_list_and_nested_frames_are_as_computed_by_hand_for_each_layer(show):
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
    assert window_in(verdict(page)) == [range(0, 18), range(4, 22)]  # in the middle, where the figure begins
    read = "(all) => all.map((box) => ['y', 'x', 'height'].map((name) => Number(box.getAttribute(name))))"
    frames = page.locator(".cb-input .cb-frame").evaluate_all(read)
    assert frames == [[6, 10, 3], [6, 10, 4], [4, 8, 8], [4, 8, 10]]


def test_layers_for_which_no_window_fits_are_explained_and_not_drawn(show):
    page = show(ReceptiveField(np.zeros((9, 40)), "with pooling"))
    problem = page.locator(".cb-problem")
    assert problem.inner_text().startswith("Layer 4: no window fits, it spans 2 × 2 and its input has 1 × 17. Enlarge")
    hidden = ".cb-window:visible, .cb-input .cb-over:visible, .cb-ways:visible, .cb-output .cb-pixels:visible"
    assert page.locator(hidden).count() == 0
    assert facts(page)[3:] == [["no window fits"]] * 2
    page.locator(".cb-input .cb-pixels").click()
    look_at(page, 3)
    page.locator(".cb-output .cb-pixels").wait_for()
    assert window_in(verdict(page)) == [range(0, 8), range(16, 24)]
    assert problem.is_visible()  # it is still true of layer 4
    page.get_by_role("button", name="Remove layer 4").click()
    choose(page, "Layer 4: padding", "same")
    problem.wait_for(state="hidden")
    assert facts(page)[3] == ["1 × 17", "window 12 × 12", "jump 2"]


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
    layers = check_layers([{"kernel_size": 1}, {**SAME, "strides": 2}, {"kernel_size": 3, "dilation_rate": 2}])
    assert [row[0] for row in facts(page)] == ["{} × {}".format(*step.shape) for step in plan(COLOR.shape[:2], layers)]
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
        steps = plan(COLOR.shape[:2], layers)
        fits = len(steps) == len(layers)
        assert page.locator(".cb-output .cb-pixels").is_visible() == fits
        choose(page, "Stack", "one 5×5")
        page.locator(".cb-layer:visible").nth(1).wait_for(state="hidden")
        if fits:
            row, column = numbers(page.locator(".cb-output .cb-place").inner_text())
            assert max(abs(row - 10), abs(column - 20)) <= 1 + 2 * steps[-1].fields[0].jump


def test_no_more_layers_than_can_be_shown_and_none_less_than_one(show):
    page = show(ReceptiveField(COLOR, [SAME] * (MOST_LAYERS - 1)))
    add = page.get_by_role("button", name="Add convolution")
    add.click()
    page.get_by_text("8 layers are the most shown here.").wait_for()
    assert add.get_attribute("aria-disabled") == "true"
    add.click(force=True)
    assert page.locator(".cb-layer:visible").count() == MOST_LAYERS
    for n in range(MOST_LAYERS, 0, -1):
        page.get_by_role("button", name=f"Remove layer {n}").click(force=True)
    wait_for_words(page, "of layer 1 sees")
    assert page.get_by_role("button", name="Remove layer 1").get_attribute("aria-disabled") == "true"


def test_result_is_spoken_once_the_window_rests(show):
    page = show(ReceptiveField(COLOR, "two 3×3", row=4, column=5))
    page.locator(".cb-output .cb-pixels").press("ArrowDown")
    wait_for_output(page, 5, 5)
    wait_for_speech(page, verdict(page))
    choose(page, "Stack", "the lecture's convnet")
    wait_for_speech(page, "no window fits")
