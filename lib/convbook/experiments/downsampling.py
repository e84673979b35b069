"""Part one, understanding convolutional networks: what making the map smaller is good for, and how to do it."""

import keras
import numpy as np

from convbook import drawings
from convbook.evidence import Effect
from convbook.experiments import Experiment
from convbook.experiments.data import DRAWN_PETS, FEW_DIGITS, SMALL_DIGITS, choose_digits
from convbook.experiments.training import accuracy, done_once, train

NETS = {
    # One last output sees 18 px with pooling, 7 px without, 19 px with these dilation rates.
    "filters": (16, 32, 64),
    "dilation_rates": (1, 3, 5),
    "learning_rate": 1e-3,
    "batch_size": 32,
    # With global average pooling and a small window a net learns slowly: after 15 epochs it is far from done.
    "epochs": {"average": 60, "flatten": 16},
}
HEADS = {"average": keras.layers.GlobalAveragePooling2D, "flatten": keras.layers.Flatten}


def build_net(input_shape, filters, num_classes, between="max", head="average", dilation_rates=None):
    """Build a convnet of 3x3 convolutions without padding that differ only in what stands between them.

    "max" and "average" put 2x2 pooling of that kind behind each convolution but the last, "strides" gives each but the
    last a stride of 2. The head is "average", the mean of each response map, or "flatten", all their numbers.

    Returns a keras.Model from pictures with values from 0 to 255 to probabilities (n, num_classes). Layers are named
    stage_1, stage_2, …: the convolution, or the pooling behind it.
    """
    poolings = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}
    image = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 255)(image)
    for stage, count in enumerate(filters, start=1):
        is_last = stage == len(filters)
        is_pooled = between in poolings and not is_last
        x = keras.layers.Conv2D(
            count,
            kernel_size=3,
            strides=2 if between == "strides" and not is_last else 1,
            dilation_rate=dilation_rates[stage - 1] if dilation_rates else 1,
            activation="relu",
            name=f"conv_{stage}" if is_pooled else f"stage_{stage}",
        )(x)
        if is_pooled:
            x = poolings[between](2, name=f"stage_{stage}")(x)
    x = HEADS[head]()(x)
    return keras.Model(image, keras.layers.Dense(num_classes, activation="softmax")(x))


def measure_downsample(seed, settings):
    """Train the same three convolutions with pooling between them, with nothing, and with dilation.

    Each gets its test accuracy and number of parameters with each head; with global average pooling also the test
    accuracy after each quarter of the epochs.
    """
    numbers = {}
    for head in HEADS:
        for name in _kinds_of_net(settings):
            model, by_quarter = _trained(seed, settings, name=name, head=head)
            numbers |= {f"{name}_{head}": by_quarter[-1], f"{name}_{head}_parameters": model.count_params()}
            if head == "average":
                numbers[f"{name}_{head}_by_quarter"] = by_quarter
    return numbers


@done_once(
    "digits", "train_pictures", "test_pictures", "filters", "dilation_rates", "learning_rate", "batch_size", "epochs"
)
def _trained(seed, settings, name, head):
    """A trained net, and its test accuracy after each quarter of the epochs."""
    train_images, train_labels, test_images, test_labels = choose_digits(np.random.default_rng(seed), settings)
    keras.utils.set_random_seed(seed)
    options = _kinds_of_net(settings)[name]
    model = build_net(train_images.shape[1:], settings["filters"], 10, head=head, **options)
    model.compile(keras.optimizers.Adam(settings["learning_rate"]), "sparse_categorical_crossentropy")
    epochs, by_quarter = settings["epochs"][head] // 4, []
    for _ in range(4):
        model.fit(train_images, train_labels, epochs=epochs, batch_size=settings["batch_size"], verbose=0)
        by_quarter.append(accuracy(model, test_images, test_labels))
    return model, by_quarter


def _kinds_of_net(settings):
    """What stands between the convolutions of the nets that are compared."""
    return {
        "pooled": {"between": "max"},
        "plain": {"between": "nothing"},
        "dilated": {"between": "nothing", "dilation_rates": settings["dilation_rates"]},
    }


DOWNSAMPLE = Experiment(
    claim="downsample",
    sentence="Downsampling lets successive convolutions look at increasingly large windows.",
    chapter=4,
    measure=measure_downsample,
    settings=NETS,
    data={"digits": FEW_DIGITS},
    sources={"digits": SMALL_DIGITS},
    effects={
        Effect("pooled-beats-plain", "pooled_average", "plain_average", margin=0.02): "With global average pooling, "
        "and so with equal weights, a net that pools (window 18 px) is better than one that does not (window 7 px)",
        Effect("dilated-beats-plain", "dilated_average", "plain_average", margin=0.02): "A net with dilation instead "
        "of pooling (window 19 px) is better than one with neither (7 px)",
        Effect(
            "pooled-equals-dilated", "pooled_average", "dilated_average", margin=0.02, direction="equal"
        ): "With about the same window, pooling and dilation are equally good",
        Effect("flatten-pooled-beats-plain", "pooled_flatten", "plain_flatten", margin=0.02): "With Flatten, where the "
        "classifier sees the whole picture anyway, pooling is better as well",
    },
)


def measure_into_channels(seed, settings):
    """Measure after each stage what a linear probe classifies correctly, with locations and without them.

    The probe is trained on the maps of the training pictures and tested on those of the test pictures: once as they
    are, once with the locations of each picture in an order of its own, so that only what the channels hold is left.
    The nets are those with and without pooling, trained under global average pooling and under Flatten.
    """
    train_images, train_labels, test_images, test_labels = choose_digits(np.random.default_rng(seed), settings)
    numbers = {}
    for net, head in (("pooled", "average"), ("plain", "average"), ("pooled", "flatten"), ("plain", "flatten")):
        model, _ = _trained(seed, settings, name=net, head=head)
        name = net if head == "average" else f"{net}_{head}"
        for stage in range(1, len(settings["filters"]) + 1):
            part = keras.Model(model.inputs, model.get_layer(f"stage_{stage}").output)
            maps = [part.predict(images, batch_size=500, verbose=0) for images in (train_images, test_images)]
            kept = _probe(*maps, train_labels, test_labels, seed, settings)
            rng = np.random.default_rng(seed)
            maps = [shuffle_locations(each, rng) for each in maps]
            shuffled = _probe(*maps, train_labels, test_labels, seed, settings)
            numbers |= {f"{name}_kept_{stage}": kept, f"{name}_shuffled_{stage}": shuffled}
            numbers[f"{name}_loss_{stage}"] = kept - shuffled
    return numbers


def _probe(train_maps, test_maps, train_labels, test_labels, seed, settings):
    """Test accuracy of one Dense layer on all numbers of the maps."""
    keras.utils.set_random_seed(seed)
    spread = train_maps.std()
    probe = keras.Sequential([keras.Input(train_maps.shape[1:]), keras.layers.Flatten()])
    probe.add(keras.layers.Dense(10, activation="softmax"))
    train(probe, train_maps / spread, train_labels, settings["probe"])
    return accuracy(probe, test_maps / spread, test_labels)


def shuffle_locations(maps, rng):
    """Put the locations of maps (n, height, width, channels) into another order for each picture, all channels alike.

    Example:
        >>> maps = np.arange(8).reshape(1, 2, 2, 2)
        >>> shuffled = shuffle_locations(maps, np.random.default_rng(0))
        >>> sorted(map(tuple, shuffled.reshape(-1, 2).tolist()))
        [(0, 1), (2, 3), (4, 5), (6, 7)]
    """
    count, height, width, channels = maps.shape
    order = rng.random((count, height * width)).argsort(axis=1)[:, :, np.newaxis]
    return np.take_along_axis(maps.reshape(count, -1, channels), order, axis=1).reshape(maps.shape)


INTO_CHANNELS = Experiment(
    claim="into-channels",
    sentence="Downsampling makes information less spatially distributed and increasingly contained in the channels.",
    chapter=4,
    measure=measure_into_channels,
    settings=NETS | {"probe": {"learning_rate": 1e-3, "batch_size": 64, "epochs": 30}},
    data={"digits": FEW_DIGITS},
    sources={"digits": SMALL_DIGITS},
    effects={
        Effect("later-loses-less", "pooled_loss_1", "pooled_loss_3", margin=0.05): "A probe loses more accuracy by "
        "shuffled places after the first stage than after the last",
        Effect("pooling-moves-it", "plain_loss_3", "pooled_loss_3", margin=0.05): "After the last stage, a probe loses "
        "more by shuffled places where the net did not pool",
        Effect(
            "pooling-moves-it-under-flatten", "plain_flatten_loss_3", "pooled_flatten_loss_3", margin=0.05
        ): "The same with Flatten on top, which gives no map a reason to forget places",
    },
)


def measure_max_vs_mean(seed, settings):
    """Train the same convnet with max pooling, with average pooling, and with strides.

    Beside test accuracy stands training accuracy, which tells a network that did not learn from one that learned the
    training pictures only.
    """
    if settings["kind"] == "digits":
        sample = choose_digits(np.random.default_rng(seed), settings)
    else:
        sample = _drawn_pets(seed, settings)
    train_images, train_labels, test_images, test_labels = sample
    numbers = {}
    for name, between in (("max", "max"), ("average", "average"), ("strided", "strides")):
        keras.utils.set_random_seed(seed)
        num_classes = int(test_labels.max()) + 1
        model = build_net(train_images.shape[1:], settings["filters"], num_classes, between)
        train(model, train_images, train_labels, settings)
        numbers[name] = accuracy(model, test_images, test_labels)
        numbers[f"{name}_training"] = accuracy(model, train_images, train_labels)
    return numbers


def _drawn_pets(seed, settings):
    """Drawn cats and dogs, other ones for each seed, to train on and to test on."""
    train_images, train_labels = _drawn_set(settings["train_pictures"], first_seed=seed * 100_000)
    return train_images, train_labels, *_drawn_set(settings["test_pictures"], first_seed=seed * 100_000 + 50_000)


def _drawn_set(pictures, first_seed):
    return drawings.draw_set(drawings.PETS, pictures // len(drawings.PETS), first_seed, progress=False)


MAX_VS_MEAN = Experiment(
    claim="max-vs-mean",
    sentence="It is more informative to look at the maximal presence of features than at their average presence.",
    chapter=4,
    measure=measure_max_vs_mean,
    settings={"learning_rate": 1e-3, "batch_size": 32},
    data={
        "digits": FEW_DIGITS | {"filters": (16, 32, 64), "epochs": 60},
        "drawn": {"filters": (32, 64, 128, 128), "train_pictures": 1000, "test_pictures": 1000, "epochs": 30},
    },
    sources={"digits": SMALL_DIGITS, "drawn": DRAWN_PETS},
    effects={
        Effect("max-beats-average", "max", "average", margin=0.02): "With max pooling a net is better than with "
        "average pooling",
        Effect("max-beats-strided", "max", "strided", margin=0.02): "With max pooling a net is better than with "
        "strides of 2 in its convolutions",
    },
)


EXPERIMENTS = (DOWNSAMPLE, INTO_CHANNELS, MAX_VS_MEAN)
