"""The receptive field figure: its windows against the library and Keras, and what a reader sees and does."""

import functools
import re
from typing import NamedTuple

import numpy as np
import pytest
from figure_pages import (
    assert_refused,
    call,
    diverging_colors,
    numbers,
    pixels_of,
    wait_for_speech,
)

from convbook import shapes
from convbook.figures.receptive_field import CHOICES, STACKS, ReceptiveField, check_layers

RNG = np.random.default_rng(5)
COLOR = RNG.integers(0, 256, (23, 37, 3), dtype="uint8")
GREY = RNG.integers(0, 256, (31, 18), dtype="uint8")
DARK = np.zeros((20, 30))
SAME = {"kernel_size": 3, "padding": "same"}
MOST_LAYERS = 8

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


def window_of(page):
    """The window that the numbers of the figure name."""
    if not page.locator(".cb-reading").is_visible():
        page.locator("summary").click()
        page.locator(".cb-reading", has_text="rows").wait_for()
    return window_in(page.locator(".cb-reading").inner_text())


def wait_for_words(page, words):
    page.locator(".cb-verdict", has_text=words).wait_for()


def choose(page, name, option):
    page.get_by_role("combobox", name=name, exact=True).select_option(option)


def facts(page):
    """What the table says of each layer: [[outputs, window, jump], …]."""
    if not page.locator(".cb-table").is_visible():
        page.locator("summary").click()
    page.locator(".cb-table td").first.wait_for()
    return [row.locator("td").all_inner_texts() for row in page.locator(".cb-table tbody tr").all()]


def point_at(page, layer, row):
    """Move the mouse to a cell of a layer, counted from 1; the cell's row from 0."""
    box = page.locator(".cb-strip").nth(layer - 1).bounding_box()
    outputs = page.locator(".cb-strip canvas").nth(layer - 1).evaluate("(canvas) => canvas.height")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + (row + 0.5) * box["height"] / outputs)


# ---- Python's side -------------------------------------------------------------------------------------------------


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
    ],
)
def test_bad_traits_raise_and_name_the_remedy(changes, remedy):
    assert_refused(lambda **given: ReceptiveField(**{"image": DARK, **given}), changes, remedy)


def test_the_largest_page_stays_small():
    noise = RNG.integers(0, 256, (43, 64, 3), dtype="uint8")  # a photo takes less
    assert len(ReceptiveField(noise).to_html().encode()) < 90_000


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


def test_ways_are_counted_and_the_cone_spans_what_each_layer_reads(blank):
    skipping = 0
    for size, layers, output, sides in see(blank, FITTING[:60]):
        for axis, side in enumerate(sides):
            assert side["ways"] == [counts.tolist() for counts in count_ways(size, layers, axis, output[axis])]
            fields = [step.fields[axis] for step in plan(size, layers)]
            assert side["first"] == fields[-1].start + output[axis] * fields[-1].jump
            assert side["cone"][0] == [side["first"], side["first"] + fields[-1].size]
            for (start, end), counts, field in zip(side["cone"][1:], side["ways"][1:], fields, strict=True):
                middles = field.start + np.flatnonzero(counts) * field.jump + field.size / 2
                assert start <= middles.min() - field.jump / 2
                assert end >= middles.max() + field.jump / 2
            assert side["cone"][-1][1] - side["cone"][-1][0] == fields[-1].jump  # the output's own cell
            read = set(np.flatnonzero(side["ways"][0]).tolist())
            window = set(range(side["first"], side["first"] + side["window"]))
            assert read <= window
            skipping += len(read) < len(window & set(range(size[axis])))
    assert skipping > 10  # dilation and strides of small kernels leave holes


def test_ways_are_those_of_a_keras_model_with_ones_for_weights(blank):
    for size, layers, output, (down, right) in see(blank, FITTING[:8]):
        ways = np.outer(down["ways"][0], right["ways"][0])
        np.testing.assert_allclose(ways, gradient_of(ones_network(size, layers), size, *output), rtol=1e-5)


def test_a_cone_computed_by_hand(blank):
    layers = check_layers("with pooling")
    (plans,) = ask(blank, "planStack", [[20, 20, layers]])
    (side,) = ask(blank, "seeAlong", [[plans[0], layers, 5, 0]])
    # 18 pixels, 16 cells of 1, 8 of 2, 6 of 2, 3 of 4, and in the middle 1 of 4.
    assert side["cone"] == [[0, 18], [1, 17], [1, 17], [3, 15], [3, 15], [7, 11]]
    assert ask(blank, "overhang", [[plans[0], 20]]) == [[0, 0]]
    (padded,) = ask(blank, "planStack", [[20, 20, check_layers([SAME, {**SAME, "kernel_size": 5}])]])
    assert ask(blank, "overhang", [[padded[0], 20]]) == [[3, 3]]


def test_sentences_about_a_stack_hold_the_numbers_of_the_oracle(blank):
    seen = see(blank, FITTING[:60])
    sentences = ask(blank, "writeReading", [[sides] for *_, sides in seen])
    windows = ask(blank, "writeWindow", [[sides, len(layers)] for _, layers, _, sides in seen])
    for (size, layers, output, _), sentence, said in zip(seen, sentences, windows, strict=True):
        assert numbers(said) == [*output, len(layers), *[plan(size, layers)[-1].fields[0].size] * 2, *size]
        fields, window = plan(size, layers)[-1].fields, window_in(sentence)
        assert [len(side) for side in window] == [field.size for field in fields]
        assert [side.start for side in window] == [f.start + at * f.jump for f, at in zip(fields, output, strict=True)]
        ways = np.outer(*(count_ways(size, layers, axis, output[axis])[0] for axis in (0, 1)))
        inside = np.prod([len(set(side) & set(range(n))) for side, n in zip(window, size, strict=True)])
        reads, leads = re.search(r"output reads (.*?)\. From each, (.*?) lead", sentence).groups()
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
    assert window_of(page) == [range(28, 33), range(-1, 4)]
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
    assert "what hangs over the border is padding" in page.locator(".cb-reading").inner_text()


def test_cells_are_the_darker_the_more_ways_lead_from_them_computed_by_hand(show):
    page = show(ReceptiveField(COLOR, [{"kernel_size": 3}] * 3, row=4, column=5))
    assert page.locator(".cb-strip:visible canvas").evaluate_all("(all) => all.map((c) => c.height)") == [21, 19, 17]
    ways = [[0] * 4 + [1, 2, 3, 2, 1] + [0] * 12, [0] * 4 + [1] * 3 + [0] * 12, [0] * 4 + [1] + [0] * 12]
    for n, counts in enumerate(ways):
        shares = [count and 0.2 + 0.8 * count / max(counts) for count in counts]
        cells = pixels_of(page.locator(".cb-strip").nth(n))[:, 0]
        np.testing.assert_allclose(cells, diverging_colors(shares, 1), atol=1)


def test_table_and_cells_are_as_computed_by_hand_for_each_layer(show):
    page = show(ReceptiveField(DARK, "with pooling"))
    assert facts(page) == [
        ["18 × 28", "3 × 3", "1 px"],
        ["9 × 14", "4 × 4", "2 px"],
        ["7 × 12", "8 × 8", "2 px"],
        ["3 × 6", "10 × 10", "4 px"],
        ["1 × 4", "18 × 18", "4 px"],
    ]
    assert page.locator(".cb-sizes span:visible").all_inner_texts() == ["3", "4", "8", "10", "18"]
    assert window_of(page) == [range(0, 18), range(4, 22)]  # in the middle, where the figure begins
    picture = page.locator(".cb-input canvas").bounding_box()
    pixel = picture["height"] / 20
    for n, (first, length) in enumerate([(1, 18), (1, 18), (3, 14), (3, 12), (7, 4)]):  # in the picture's pixels
        box = page.locator(".cb-strip").nth(n).bounding_box()
        assert (box["y"] - picture["y"]) / pixel == pytest.approx(first, abs=0.1)
        assert box["height"] / pixel == pytest.approx(length, abs=0.1)


def test_any_cell_of_any_layer_can_be_pointed_at_tapped_and_reached_by_keys(show):
    page = show(ReceptiveField(GREY, "with pooling"))  # 31 × 18
    point_at(page, 1, 28)
    wait_for_words(page, "Output row 28, column 8 of layer 1 sees 3 × 3 pixels of the picture's 31 × 18.")
    point_at(page, 4, 2)
    wait_for_words(page, "Output row 2, column 1 of layer 4 sees 10 × 10")
    point_at(page, 3, 0)
    wait_for_words(page, "Output row 0, column 3 of layer 3 sees 8 × 8")
    strips = page.locator(".cb-strips")
    for key, row, layer in (("ArrowRight", 0, 4), ("ArrowDown", 1, 4), ("ArrowLeft", 3, 3), ("End", 11, 3)):
        strips.press(key)
        wait_for_words(page, f"Output row {row}, column {'31'[layer == 4]} of layer {layer} sees")
    strips.press("Home")
    strips.press("ArrowUp")
    strips.press("ArrowLeft")
    strips.press("ArrowLeft")
    strips.press("ArrowLeft")
    wait_for_words(page, "of layer 1 sees")
    phone = show(ReceptiveField(GREY, "with pooling"), size={"width": 390, "height": 844}, has_touch=True)
    box = phone.locator(".cb-strip").nth(1).bounding_box()
    phone.touchscreen.tap(box["x"] + 3, box["y"] + 1)
    wait_for_words(phone, "Output row 0, column 4 of layer 2 sees 4 × 4")


def test_the_cone_begins_at_the_frame_on_the_picture_and_ends_at_the_cell(show):
    page = show(ReceptiveField(COLOR, "with pooling", row=0, column=2))
    frame = page.locator(".cb-input .cb-window").bounding_box()
    script = """(path) => { const box = path.getBoundingClientRect(); return [box.top, box.bottom]; }"""
    for selector in (".cb-cone", ".cb-bridge"):
        top, bottom = page.locator(selector).evaluate(script)
        assert (top, bottom - top) == pytest.approx((frame["y"], frame["height"]), abs=2)
    cell = page.locator(".cb-strip").nth(4).bounding_box()
    top, bottom = page.locator(".cb-chosen").evaluate(script)
    assert (top, bottom - top) == pytest.approx((cell["y"], cell["height"] / 2), abs=4)  # the first of two


def test_layers_for_which_no_window_fits_are_explained_and_not_drawn(show):
    page = show(ReceptiveField(np.zeros((9, 40)), "with pooling"))
    problem = page.locator(".cb-problem")
    assert problem.inner_text().startswith("Layer 4: no window fits, it spans 2 × 2 and its input has 1 × 17. Enlarge")
    assert page.locator(".cb-window:visible, .cb-over:visible").count() == 0
    assert page.locator(".cb-strip:visible").count() == 3
    assert facts(page)[3:] == [["no window fits"]] * 2
    assert page.locator(".cb-sizes span:visible").all_inner_texts() == ["3", "4", "8", "–", "–"]
    page.locator(".cb-input .cb-pixels").click()
    wait_for_words(page, "of layer 3 sees 8 × 8")
    choose(page, "Layer 5", "convolution 1 × 1")
    page.locator(".cb-strips").press("ArrowRight")
    wait_for_words(page, "of layer 3 sees 8 × 8")
    assert window_of(page) == [range(0, 8), range(16, 24)]
    assert problem.is_visible()  # it is still true of layer 4
    choose(page, "Layer 4", "remove this layer")
    choose(page, "Layer 4", "convolution 3 × 3, same")
    problem.wait_for(state="hidden")
    assert facts(page)[3] == ["1 × 17", "12 × 12", "2 px"]


def test_reader_builds_a_stack_layer_by_layer(show):
    page = show(ReceptiveField(COLOR, "one 5×5"))
    choose(page, "Layer 2", "pooling 2 × 2")
    wait_for_words(page, "of layer 2 sees 6 × 6 pixels")
    choose(page, "Layer 3", "convolution 3 × 3")
    wait_for_words(page, "of layer 3 sees 10 × 10 pixels")
    choose(page, "Layer 3", "convolution 3 × 3, dilation 2")
    wait_for_words(page, "of layer 3 sees 14 × 14 pixels")
    choose(page, "Layer 1", "convolution 1 × 1")
    wait_for_words(page, "of layer 3 sees 10 × 10 pixels")
    choose(page, "Layer 2", "convolution 3 × 3, stride 2, same")
    wait_for_words(page, "of layer 3 sees 11 × 11 pixels")
    layers = check_layers([{"kernel_size": 1}, {**SAME, "strides": 2}, {"kernel_size": 3, "dilation_rate": 2}])
    assert [row[0] for row in facts(page)] == ["{} × {}".format(*step.shape) for step in plan(COLOR.shape[:2], layers)]
    assert page.locator(".cb-short:visible").all_inner_texts() == ["1×1", "3×3 stride 2 same", "3×3 rate 2", "+"]
    assert page.get_by_role("combobox", name="Stack").input_value() == "your own"
    choose(page, "Layer 2", "remove this layer")
    wait_for_words(page, "of layer 2 sees 5 × 5 pixels")
    assert page.locator(".cb-strip:visible").count() == 2


def test_a_layer_that_is_not_among_the_choices_is_one_of_its_own(show):
    page = show(ReceptiveField(COLOR, [{"kernel_size": 5, "dilation_rate": 2}]))
    select = page.get_by_role("combobox", name="Layer 1", exact=True)
    assert select.input_value() == "convolution 5 × 5, dilation 2"
    assert select.locator("option").count() == 10  # the nine and its own; a single layer cannot be removed


def test_named_stacks_keep_the_eye_on_the_same_part_of_the_picture(show):
    page = show(ReceptiveField(COLOR, "one 5×5", row=10, column=20))  # its middle is the pixel at 12, 22
    for name in STACKS:
        choose(page, "Stack", name)
        layers = check_layers(name)
        page.locator(".cb-chip:visible").nth(len(layers)).wait_for()
        steps = plan(COLOR.shape[:2], layers)
        fits = len(steps) == len(layers)
        assert page.locator(".cb-problem").is_hidden() == fits
        choose(page, "Stack", "one 5×5")
        page.locator(".cb-chip:visible").nth(2).wait_for(state="hidden")
        if fits:
            row, column = numbers(verdict(page))[:2]
            assert max(abs(row - 10), abs(column - 20)) <= 1 + 2 * steps[-1].fields[0].jump


def test_no_more_layers_than_can_be_shown_and_none_less_than_one(show):
    page = show(ReceptiveField(COLOR, [SAME] * (MOST_LAYERS - 1)))
    choose(page, f"Layer {MOST_LAYERS}", "convolution 1 × 1")
    wait_for_words(page, f"of layer {MOST_LAYERS} sees")
    assert page.locator(".cb-short:visible").all_inner_texts() == ["3×3 same"] * (MOST_LAYERS - 1) + ["1×1"]
    for n in range(MOST_LAYERS, 1, -1):
        choose(page, f"Layer {n}", "remove this layer")
    wait_for_words(page, "of layer 1 sees")
    assert "remove" not in page.get_by_role("combobox", name="Layer 1", exact=True).inner_text()


def test_result_is_spoken_once_the_window_rests(show):
    page = show(ReceptiveField(COLOR, "two 3×3", row=4, column=5))
    page.locator(".cb-strips").press("ArrowDown")
    wait_for_words(page, "Output row 5, column 5")
    wait_for_speech(page, verdict(page))
    choose(page, "Stack", "the lecture's convnet")
    wait_for_speech(page, "no window fits")
