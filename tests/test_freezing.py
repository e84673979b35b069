"""Tests of freezing: which blocks a base has, which weights can move and which do, and what is refused."""

import keras
import keras_hub
import numpy as np
import pytest

from convbook import backbones, freezing
from convbook.freezing import (
    block_layers,
    block_names,
    changes,
    freeze,
    snapshot,
    trainable_table,
    unfreeze,
)

HEIGHT, WIDTH = 16, 12
BATCH_NORM_WEIGHTS = ("gamma", "beta", "moving_mean", "moving_variance")


class OwnBatchNormalization(keras.layers.BatchNormalization):
    """A subclass, as libraries have them."""


def tiny_hub():
    """KerasHub's Xception in small: three blocks; the last is one separable convolution, its BatchNormalization."""
    return keras_hub.models.XceptionBackbone([[4, 6], [8, 8], [12]], [False, True, False], name="base")


def small_base(batch_norm=keras.layers.BatchNormalization, input_shape=(HEIGHT, WIDTH, 3)):
    """A base with a stem, two blocks, the second with an unnamed residual branch, and a closing convolution."""
    normalize = batch_norm if batch_norm else (lambda name: keras.layers.ReLU(name=name))
    image = keras.Input(input_shape)
    x = keras.layers.Conv2D(4, 3, padding="same", name="first_conv")(image)
    x = normalize(name="first_bn")(x)
    x = keras.layers.Conv2D(4, 3, padding="same", name="block1_conv")(x)
    x = normalize(name="block1_bn")(x)
    branch = keras.layers.Conv2D(5, 1, name="shortcut")(x)
    x = keras.layers.Conv2D(5, 3, padding="same", name="block2_conv")(x)
    x = normalize(name="block2_bn")(x)
    x = keras.layers.Add(name="sum")([x, branch])
    x = keras.layers.Conv2D(6, 1, name="last_conv")(x)
    return keras.Model(image, x, name="base")


def with_head(base, nested=True):
    """A model around the base; nested: the base in a Sequential in the model."""
    image = keras.Input((HEIGHT, WIDTH, 3))
    inner = keras.Sequential([keras.Input((HEIGHT, WIDTH, 3)), base], name="inner") if nested else base
    x = keras.layers.GlobalAveragePooling2D()(inner(image))
    return keras.Model(image, keras.layers.Dense(1, name="classifier")(x))


def train_a_step(model, run_eagerly=True):
    """Compile and train one step; return how far each weight moved. Eagerly it takes a tenth of the time."""
    rng = np.random.default_rng(1000)
    images, labels = rng.normal(1, 2, (8, HEIGHT, WIDTH, 3)).astype("float32"), rng.normal(size=(8, 1))
    model.compile(keras.optimizers.SGD(0.1), keras.losses.MeanSquaredError(), run_eagerly=run_eagerly)
    before = snapshot(model)
    model.fit(images, labels, batch_size=8, verbose=0)
    return changes(model, before)


def moved(moves):
    """The layers of which a weight moved."""
    return {path.split("/")[-2] for path, distance in moves.items() if distance}


def trainable_layers(model):
    return {weight.path.split("/")[-2] for weight in model.trainable_weights}


@pytest.mark.parametrize(
    ("name", "blocks", "top"),
    [
        ("MobileNetV2", 18, {"block_16_expand", "block_16_depthwise", "block_16_project", "Conv_1"}),
        ("ResNet50", 17, {"conv5_block3_1_conv", "conv5_block3_2_conv", "conv5_block3_3_conv"}),
        ("Xception", 14, {"block14_sepconv1", "block14_sepconv2"}),
        ("VGG16", 5, {"block5_conv1", "block5_conv2", "block5_conv3"}),
        ("MobileNet", 14, {"conv_dw_13", "conv_pw_13"}),
    ],
)
def test_the_top_block_of_keras_applications_has_the_layers_of_its_paper(name, blocks, top):
    network = getattr(keras.applications, name)(weights=None, include_top=False)
    assert len(block_names(network)) == blocks
    assert unfreeze(network, 1) == block_names(network)[-1:]
    assert trainable_layers(network) == top


def test_blocks_of_keras_hubs_resnet_and_mobilenet_are_found():
    resnet = keras_hub.models.ResNetBackbone(
        [64], [7], [64, 64], [1, 2], [1, 2], block_type="basic_block", image_shape=(32, 24, 3)
    )
    assert block_names(resnet) == ["stem", "stack0_block0", "stack1_block0", "stack1_block1"]
    # One stack of two blocks: expansion, number, filters, kernel sizes, strides, squeezing, activations, padding.
    stack = [[4, 6]], [2], [[8, 8]], [[3, 3]], [[2, 1]], [[None, 0.25]], [["relu6", "hard_swish"]], [[1, 1]]
    top = {"depthwise_filters": 8, "depthwise_stride": 2, "depthwise_residual": False, "last_layer_filter": 24}
    mobilenet = keras_hub.models.MobileNetBackbone(
        *stack, output_num_filters=16, input_num_filters=8, image_shape=(32, 24, 3), **top
    )
    assert block_names(mobilenet) == ["stem", "block_0_0", "block_1_0", "block_1_1", "block_2_0"]
    # These blocks are layers of layers, with BatchNormalization inside.
    unfreeze(mobilenet, 2)
    assert {weight.path.split("/")[0] for weight in mobilenet.trainable_weights} == {"block_1_1", "block_2_0"}
    assert not any(weight.path.endswith(BATCH_NORM_WEIGHTS) for weight in mobilenet.trainable_weights)


def test_stem_branch_and_closing_convolution_have_their_block_and_do_not_end_it():
    base = small_base()
    names = {block: [layer.name for layer in layers] for block, layers in block_layers(base).items()}
    assert list(names) == ["stem", "block1", "block2"]
    assert names["block1"] == ["block1_conv", "block1_bn"]
    assert set(names["block2"]) == {"block2_conv", "block2_bn", "shortcut", "sum", "last_conv"}
    assert [layer.name for layer in freezing.block_ends(base).values()] == ["first_bn", "block1_bn", "block2_bn"]
    unfreeze(base, "stem")
    assert trainable_layers(base) == {"first_conv"}


def test_blocks_are_found_through_nested_models():
    base = small_base()
    outer = keras.Sequential([keras.Input((HEIGHT, WIDTH, 3)), keras.Sequential([base])])
    assert block_names(outer) == ["stem", "block1", "block2"]
    unfreeze(outer, 1)
    assert trainable_layers(outer) == trainable_layers(base) == {"block2_conv", "shortcut", "last_conv"}
    # A nested model whose name shows a block is one.
    parts = [keras.Sequential([keras.layers.Conv2D(2, 1, name=f"c{n}")], name=f"block{n}") for n in (1, 2)]
    model = keras.Sequential([keras.Input((5, 4, 3)), *parts])
    unfreeze(model, 1)
    assert trainable_layers(model) == {"c2"}


def test_an_activation_that_opens_a_block_belongs_to_it():
    backbone, _ = backbones.load("drawn_world")
    layers = {block: {layer.name for layer in layers} for block, layers in block_layers(backbone).items()}
    assert "block3_sepconv1_act" in layers["block3"] - layers["block2"]


@pytest.mark.parametrize("build", [tiny_hub, small_base])
def test_frozen_weights_do_not_move(build):
    base = build()
    model = with_head(base)
    assert freeze(base) == len(base.weights)
    assert base.trainable_weights == []
    assert moved(train_a_step(model)) == {"classifier"}


@pytest.mark.parametrize("batch_norm", [keras.layers.BatchNormalization, OwnBatchNormalization])
def test_unfrozen_blocks_move_and_batch_norm_stays_still_in_nested_models(batch_norm):
    base = small_base(batch_norm)
    model = with_head(base)
    freeze(base)
    assert unfreeze(base, 2) == ["block1", "block2"]
    assert moved(train_a_step(model)) == {"block1_conv", "block2_conv", "shortcut", "last_conv", "classifier"}
    # Asked for, batch norm moves too, in the chosen blocks alone.
    unfreeze(base, 1, batch_norm=True)
    moves = train_a_step(model)
    assert moved({path: distance for path, distance in moves.items() if "moving" in path}) == {"block2_bn"}


def test_all_blocks_move_but_no_batch_norm_does():
    base = tiny_hub()
    model = with_head(base)
    assert unfreeze(base) == ["block1", "block2", "block3"]
    moves = train_a_step(model)
    still = {path for path, distance in moves.items() if not distance}
    assert still == {path for path in moves if path.endswith(BATCH_NORM_WEIGHTS)}
    assert len(still) == 6 * 4  # six BatchNormalization layers


def test_layers_with_moving_statistics_of_their_own_are_frozen_too():
    class Whitening(keras.layers.Layer):
        def build(self, shape):
            self.moving_scale = self.add_weight(shape=(), initializer="ones", trainable=False, name="moving_scale")

        def call(self, x):
            return x * self.moving_scale

    normalization = keras.Sequential([keras.layers.BatchNormalization()])
    model = keras.Sequential([keras.Input((5, 4, 3)), Whitening(), normalization])
    unfreeze(model)
    assert model.trainable_weights == []
    assert {row[3] for row in trainable_table(model).rows} == {"still"}


def test_what_was_trainable_before_does_not_matter():
    base = small_base()
    for before in (freeze, unfreeze, lambda base: unfreeze(base, ["stem"], batch_norm=True)):
        before(base)
        unfreeze(base, ["block1"])
        assert trainable_layers(base) == {"block1_conv"}
    without_batch_norm = small_base(batch_norm=None)
    unfreeze(without_batch_norm)
    assert len(without_batch_norm.trainable_weights) == len(without_batch_norm.weights) == 10


def test_freezing_reaches_layers_that_were_unfrozen_one_by_one():
    # Keras passes `trainable` on only where the outer value changes.
    base = small_base()
    base.trainable = False
    base.get_layer("block1_conv").trainable = True
    base.trainable = False
    assert base.get_layer("block1_conv").trainable  # the trap
    freeze(base)
    assert not any(layer.trainable for layer in base.layers)


def test_spectral_normalization_is_said_to_move_because_it_does():
    image = keras.Input((HEIGHT, WIDTH, 3))
    layer = keras.layers.SpectralNormalization(keras.layers.Conv2D(4, 3), name="spectral")
    base = keras.Model(image, layer(image), name="base")
    model = with_head(base, nested=False)
    freeze(base)
    assert {row[0]: row[3] for row in trainable_table(model).rows}["base"] == "move"
    assert any(distance for path, distance in train_a_step(model).items() if path.endswith("vector_u"))


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (0, "blocks=0 is not possible: base has 3 blocks .stem, block1, block2.; give an int from 1 to 3"),
        (4, "from 1 to 3"),
        (True, "blocks=True is not possible"),
        ([], "call freeze to train none"),
        (1.5, "an int for the top blocks, or a list of names"),
        (["block2", "block7"], "no block 'block7'; its blocks are stem, block1, block2"),
        ("block3", "no block 'block3'"),
    ],
)
def test_impossible_blocks_are_refused_and_nothing_is_changed(blocks, message):
    base = small_base()
    freeze(base)
    with pytest.raises(ValueError, match=message):
        unfreeze(base, blocks)
    assert base.trainable_weights == []


def test_a_model_whose_names_show_no_blocks_is_refused_with_its_layers():
    model = keras.Sequential([keras.Input((5, 4, 3)), keras.layers.Conv2D(2, 1, name="gabor")], name="plain")
    with pytest.raises(ValueError, match=r"plain show no blocks\. Its layers with weights are: gabor\. Name the lay"):
        block_names(model)
    assert unfreeze(model) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: unfreeze(with_head(small_base()), 2),
            r"\(None, 1\), not feature maps .*such as model.get_layer\('inner'",
        ),
        (
            lambda: unfreeze(keras_hub.models.XceptionBackbone([[4]], [False], dtype="float16")),
            "float16, which has about three digits.*dtype='float32'",
        ),
        (lambda: freeze(backbones.load("drawn_world")), "got a tuple: backbones.load returns a pair"),
        (lambda: changes(small_base(), snapshot(tiny_hub())), "does not fit base.*take it of the same model"),
        (lambda: trainable_table(keras.Sequential([keras.layers.Conv2D(2, 1)])), "no weights yet: call it on a batch"),
    ],
)
def test_what_is_no_base_and_what_does_not_fit_it_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_snapshot_holds_every_weight_also_of_layers_of_one_name():
    image = keras.Input((HEIGHT, WIDTH, 3))
    twins = [small_base(), small_base()]
    twins[1].name = "other"
    model = keras.Model(image, keras.layers.Add()([twin(image) for twin in twins]))
    assert len(snapshot(model)) == len(model.weights) == 2 * len(twins[0].weights)
    assert "block1_conv/kernel (2)" in snapshot(model)


def test_the_table_counts_weights_as_by_hand():
    base = small_base()
    model = with_head(base)
    unfreeze(base, 1)
    bn = 4 * 4  # gamma, beta, moving mean and variance of four channels
    block2 = (9 * 4 * 5 + 5) + (4 * 5 + 5) + 4 * 5 + (5 * 6 + 6)
    table = trainable_table(model)
    assert table.rows == (
        ("inner: base: stem", str(9 * 3 * 4 + 4 + bn), "0", "still"),
        ("inner: base: block1", str(9 * 4 * 4 + 4 + bn), "0", "still"),
        ("inner: base: block2", str(block2), str(block2 - 20), "still"),
        ("classifier", "7", "7", "none"),
        ("all", str(model.count_params()), str(block2 - 20 + 7), "still"),
    )
    assert table.rows[-1][2] == str(sum(int(np.prod(weight.shape)) for weight in model.trainable_weights))
    unfreeze(base, batch_norm=True)
    assert {row[3] for row in trainable_table(model).rows} == {"move", "none"}
    assert '<th scope="row">inner: base: stem</th><td>128</td><td>0</td>' in table._repr_html_()
    assert "inner: base: block2" in repr(table)


def test_the_table_says_when_a_model_has_to_be_compiled_again():
    base = small_base()
    model = with_head(base)
    freeze(base)
    train_a_step(model, run_eagerly=False)
    assert trainable_table(model).notes == ()
    unfreeze(base, 1)
    (note,) = trainable_table(model).notes
    assert note.endswith("Call compile again.")
    assert note in repr(trainable_table(model))
    # What the note says is true: without compiling, what was frozen stays so.
    before = snapshot(model)
    model.fit(np.ones((8, HEIGHT, WIDTH, 3)), np.full((8, 1), 9.0), batch_size=8, verbose=0)
    assert moved(changes(model, before)) == {"classifier"}
    assert moved(train_a_step(model)) == {"classifier", "block2_conv", "shortcut", "last_conv"}
    assert trainable_table(model).notes == ()


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
def test_a_loaded_keras_hub_base_is_trainable_again_until_it_is_frozen(tmp_path):
    # The trap that the module's docstring tells of; should Keras or KerasHub mend it, this test says so.
    base = tiny_hub()
    model = with_head(base)
    unfreeze(base, 1)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    loaded_base = loaded.get_layer("inner").layers[0]
    images = np.random.default_rng(1).normal(size=(3, HEIGHT, WIDTH, 3))
    np.testing.assert_array_equal(loaded(images, training=False), model(images, training=False))
    assert len(base.trainable_weights) == 2
    assert len(loaded_base.trainable_weights) == len(tiny_hub().trainable_weights)
    unfreeze(loaded_base, 1)
    assert moved(train_a_step(loaded)) == {"block3_sepconv1", "classifier"}
