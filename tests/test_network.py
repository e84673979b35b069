"""The nets that run in the page: the browser's JavaScript against Keras, number by number."""

import keras
import numpy as np
import pytest
from figure_pages import packed

from convbook import digit_nets, photos
from convbook.figures import base

SOURCE = base.join_modules('import { runNet } from "./network.js";\nexport default runNet;\n')


@pytest.fixture(scope="module")
def call(blank):
    """A function that calls a function of network.js with a net, a picture and more, and gives back what JSON holds."""
    script = """async ([source, name, net, picture, more]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const module = await import(url);
      const unpacked = module.unpackNet(net);
      const values = Float32Array.from(picture.values);
      const plain = (given) => (ArrayBuffer.isView(given) ? [...given] : { ...given, values: [...given.values] });
      const given = module[name](unpacked, { ...picture, values }, ...more);
      return Array.isArray(given) ? given.map(plain) : plain(given);
    }"""
    return lambda name, net, image, *more: blank.evaluate(script, [SOURCE, name, net, packed(image), more])


def as_array(answer):
    return np.reshape(answer["values"], (answer["height"], answer["width"], answer["channels"]))


def noise(shape):
    return np.random.default_rng(3).integers(0, 256, shape).astype(float)


def build_net(input_shape, head, pool_size=2, activation="softmax"):
    """A net with random weights and biases, every kind of layer that can be packed, its kernels rounded to bytes."""
    keras.utils.set_random_seed(7)
    x = image = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 255)(x)
    x = keras.layers.Conv2D(5, (3, 2), activation="relu", bias_initializer="normal")(x)
    x = keras.layers.MaxPooling2D(pool_size)(x)
    x = keras.layers.Conv2D(4, 3, activation="linear", bias_initializer="normal")(x)
    x = head()(x)
    x = keras.layers.Dense(6, activation="relu", bias_initializer="normal")(x)
    x = keras.layers.Dense(3, activation=activation, bias_initializer="normal")(x)
    net = digit_nets.pack(keras.Model(image, x))
    return net, digit_nets.unpack(net)


NETS = {
    "flatten": build_net((11, 14, 1), keras.layers.Flatten),
    "average": build_net((15, 10, 3), keras.layers.GlobalAveragePooling2D),
    "pools of 3": build_net((20, 23, 2), keras.layers.Flatten, pool_size=3, activation="linear"),
}


def all_maps(model, image):
    """What each layer gives for one picture as (height, width, channels), for Dense layers as one pixel."""
    outputs = keras.Model(model.input, [layer.output for layer in model.layers])(image[np.newaxis])
    return [np.asarray(output)[0] if output.ndim == 4 else np.asarray(output).reshape(1, 1, -1) for output in outputs]


@pytest.mark.parametrize("name", NETS)
def test_every_map_is_that_of_keras(call, name):
    net, model = NETS[name]
    image = noise(model.input_shape[1:])
    answers, expected = call("runNet", net, image), all_maps(model, image)
    assert len(answers) == len(expected) == len(model.layers)
    for answer, output in zip(answers, expected, strict=True):
        np.testing.assert_allclose(as_array(answer), output, rtol=2e-5, atol=2e-6)
    assert len(call("runNet", net, image, 3)) == 4  # it can stop before the end


@pytest.mark.parametrize("name", digit_nets.NAMES)
def test_the_packaged_nets_answer_as_in_keras(call, name):
    net, model = digit_nets.packed(name), digit_nets.load(name)
    images = photos.place_on_canvas(photos.load_digits().test_images[::100], 54, 13, -9)
    for image in images.astype(float):
        expected = np.asarray(model(image[np.newaxis]))[0]
        np.testing.assert_allclose(call("predict", net, image), expected, rtol=1e-4, atol=1e-6)


def test_a_layer_of_another_kind_is_refused(call):
    net = {"name": "net", "input_shape": [2, 3, 1], "layers": [{"kind": "attention", "name": "attention"}]}
    with pytest.raises(Exception, match="cannot have a layer of the kind attention"):
        call("predict", net, np.zeros((2, 3, 1)))
