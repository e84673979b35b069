"""The convnets of the lecture, and the Dense nets that they are compared with."""

import functools

import keras

from convbook import shapes

KERNEL_SIZE = 3
POOL_SIZE = 2

# Filters of the convnet for cats and dogs: more of them as the response maps shrink.
FILTERS_64_PX = (32, 64, 128, 128)
FILTERS_180_PX = (32, 64, 128, 256, 512)
MOMENTUM = 0.9  # of batch normalization's moving statistics: Keras's 0.99 is too slow for a few hundred updates


def build_digits_convnet(input_shape=(28, 28, 1), num_classes=10, filters=(32, 64), head="flatten"):
    """Build a small convnet: stages of a 3x3 convolution and 2x2 max pooling, then a classifier.

    With its defaults it has 34,826 parameters. Layers are named rescaling, conv_1, pool_1, conv_2, pool_2, …, then
    flatten or global_average, then classifier.

    Args:
        input_shape: (height, width, channels) of one picture with values from 0 to 255.
        num_classes: number of classes.
        filters: number of filters of each stage, one stage for each entry.
        head: "flatten" gives the classifier every number of the last response maps, "global_average" the mean of each
            map.

    Returns:
        A functional keras.Model, not compiled, from pictures (n, height, width, channels) to probabilities
        (n, num_classes).

    Raises:
        ValueError: if the pictures are too small for so many stages (take larger ones or fewer stages), or if a number
            or the name of the head is not possible.

    Example:
        >>> build_digits_convnet().count_params()
        34826
        >>> build_digits_convnet(head="global_average").get_layer("pool_2").output.shape
        (None, 5, 5, 64)
    """
    filters = _counts("filters", filters)
    shapes.window_grid(input_shape, window_size=1)  # refuses what is no picture
    _refuse_too_small(input_shape, filters, _smallest_for_stages)
    layers = [keras.layers.Rescaling(1 / 255, name="rescaling")]
    for stage, count in enumerate(filters, start=1):
        layers += _convolution_layers(stage, count)
        layers.append(keras.layers.MaxPooling2D(POOL_SIZE, name=f"pool_{stage}"))
    layers += [_head_layer(head), _softmax_classifier(num_classes)]
    return _chain(keras.Input(input_shape, name="image"), layers, name="convnet")


def build_digits_dense(input_shape=(28, 28, 1), num_classes=10, units=(44,)):
    """Build a net of Dense layers only.

    With its defaults it has 34,990 parameters, about as many as `build_digits_convnet`. Layers are named rescaling,
    flatten, dense_1, …, classifier.

    Args:
        input_shape: (height, width, channels) of one picture with values from 0 to 255.
        num_classes: number of classes.
        units: number of units of each hidden layer, one layer for each entry.

    Returns:
        A functional keras.Model, not compiled, from pictures (n, height, width, channels) to probabilities
        (n, num_classes).

    Raises:
        ValueError: if a shape or number is not possible; the message says which would be.

    Example:
        >>> build_digits_dense().count_params()
        34990
    """
    units = _counts("units", units)
    shapes.window_grid(input_shape, window_size=1)  # refuses what is no picture
    layers = [keras.layers.Rescaling(1 / 255, name="rescaling"), keras.layers.Flatten(name="flatten")]
    layers += [
        keras.layers.Dense(count, activation="relu", name=f"dense_{number}")
        for number, count in enumerate(units, start=1)
    ]
    layers.append(_softmax_classifier(num_classes))
    return _chain(keras.Input(input_shape, name="image"), layers, name="dense")


def build_convnet(
    image_size_px,
    filters=FILTERS_64_PX,
    dropout=0.0,
    augmentation=None,
    head="global_average",
    batch_norm=False,
    strides=1,
):
    """Build the convnet that tells cats from dogs: 3x3 convolutions, 2x2 max pooling between them, one sigmoid unit.

    `FILTERS_64_PX` has 240,961 parameters, `FILTERS_180_PX` 1,569,089. Layers are named rescaling, conv_1, pool_1,
    conv_2, pool_2, …, conv_n, then global_average or flatten, dropout if there is any, then classifier. With batch
    normalization conv_1 gives sums, norm_1 brings them to one scale, and relu_1 is the response map.

    Args:
        image_size_px: height and width of the pictures in pixels: one int, or a (height, width) pair. The pictures have
            three channels with values from 0 to 255.
        filters: number of filters of each convolution, one for each entry; there is no pooling after the last.
        dropout: share of the numbers before the classifier that are set to 0 in training, at least 0 and below 1.
        augmentation: None, or a keras layer, or a list of them, such as random flips: they come first, and change the
            pictures in training only.
        head: "global_average" gives the classifier the mean of each response map, "flatten" every number of them.
        batch_norm: whether batch normalization follows each convolution, in place of its bias. It adds four numbers for
            each filter in place of one; two of them are moving statistics, with a momentum of `MOMENTUM`.
        strides: step of the first convolution's window, in pixels.

    Returns:
        A functional keras.Model, not compiled, from pictures (n, height, width, 3) to the probability of label 1
        (n, 1).

    Raises:
        ValueError: if the pictures are too small for so many convolutions (take larger pictures or fewer filters), or
            if a number, a layer or the name of the head is not possible.

    Example:
        >>> model = build_convnet(64, dropout=0.25)
        >>> model.count_params(), model.get_layer("conv_4").output.shape
        (240961, (None, 4, 4, 128))

    Source:
        F. Chollet and M. Watson, Deep Learning with Python, 3rd edition, chapter 8, for the five convolutions at
        180x180 pixels. Batch normalization: S. Ioffe and C. Szegedy, 2015, arXiv:1502.03167.
    """
    input_shape = (*shapes.as_pair("image_size_px", image_size_px), 3)
    filters, (strides,) = _counts("filters", filters), _counts("strides", (strides,))
    if not filters:
        raise ValueError(f"filters must hold one number for each convolution, got none; try {FILTERS_64_PX}.")
    _refuse_too_small(input_shape, filters, functools.partial(_smallest_between_poolings, strides=strides))
    layers = [*_augmentation_layers(augmentation), keras.layers.Rescaling(1 / 255, name="rescaling")]
    for stage, count in enumerate(filters, start=1):
        if stage > 1:
            layers.append(keras.layers.MaxPooling2D(POOL_SIZE, name=f"pool_{stage - 1}"))
        layers += _convolution_layers(stage, count, strides if stage == 1 else 1, batch_norm)
    layers += [_head_layer(head), *_dropout_layers(dropout), _sigmoid_classifier()]
    return _chain(keras.Input(input_shape, name="image"), layers, name="convnet")


def build_head(feature_shape, units=64, dropout=0.25, name="head"):
    """Build the small classifier that goes on top of a frozen base: pooling, a Dense layer, dropout, one sigmoid unit.

    Layers are named global_average, dense_1, dropout if there is any, then classifier.

    Args:
        feature_shape: (height, width, channels) of what the base gives for one picture.
        units: units of the Dense layer with ReLU; None for a linear head, which has neither this layer nor dropout.
        dropout: share of the Dense layer's outputs that are set to 0 in training, at least 0 and below 1.
        name: name of the model.

    Returns:
        A functional keras.Model, not compiled, from features (n, height, width, channels) to the probability of label
        1 (n, 1).

    Raises:
        ValueError: if a shape or number is not possible; the message says which would be.

    Example:
        >>> build_head((4, 4, 192)).count_params()
        12417
        >>> build_head((4, 4, 192), units=None).count_params()
        193
    """
    shapes.window_grid(feature_shape, window_size=1)  # refuses what is no stack of response maps
    hidden = []
    if units is not None:
        (units,) = _counts("units", [units])
        hidden = [keras.layers.Dense(units, activation="relu", name="dense_1"), *_dropout_layers(dropout)]
    layers = [_head_layer("global_average"), *hidden, _sigmoid_classifier()]
    return _chain(keras.Input(feature_shape, name="features"), layers, name=name)


def _softmax_classifier(num_classes):
    if not isinstance(num_classes, int) or num_classes < 2:
        raise ValueError(f"num_classes must be an int of at least 2, got {num_classes!r}.")
    return keras.layers.Dense(num_classes, activation="softmax", name="classifier")


def _counts(name, counts):
    if not isinstance(counts, (tuple, list)) or not all(isinstance(count, int) and count > 0 for count in counts):
        raise ValueError(f"{name} must be a tuple of positive ints, one for each layer, got {counts!r}; try (32,).")
    return tuple(counts)


def _refuse_too_small(input_shape, filters, smallest_px):
    """Raise an error if a side is below `smallest_px(number of convolutions)`."""
    height, width, _ = input_shape
    least_px = smallest_px(len(filters))
    if min(height, width) >= least_px:
        return
    fitting = [count for count in range(1, len(filters)) if smallest_px(count) <= min(height, width)]
    remedy = f", or fewer convolutions: filters={filters[: fitting[-1]]}" if fitting else ""
    raise ValueError(
        f"Pictures of {height}x{width} pixels are too small for {len(filters)} convolutions with poolings. Take "
        f"pictures of at least {least_px}x{least_px} pixels{remedy}."
    )


def _smallest_for_stages(stages):
    """Return the smallest side for stages of a convolution and a pooling, computed backwards from one output."""
    side_px = 1
    for _ in range(stages):
        side_px = side_px * POOL_SIZE + KERNEL_SIZE - 1
    return side_px


def _smallest_between_poolings(convolutions, strides):
    """Return the smallest side for convolutions with poolings between them, the first with `strides`."""
    side_px = 1
    for _ in range(convolutions - 1):
        side_px = (side_px + KERNEL_SIZE - 1) * POOL_SIZE
    return (side_px - 1) * strides + KERNEL_SIZE


def _chain(x, layers, name):
    """Return a functional model that calls the layers one after the other."""
    inputs = x
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x, name=name)


def _convolution_layers(stage, filters, strides=1, batch_norm=False):
    """Return a convolution with ReLU, with or without batch normalization between the two."""
    name = f"conv_{stage}"
    if not batch_norm:
        return [keras.layers.Conv2D(filters, KERNEL_SIZE, strides=strides, activation="relu", name=name)]
    return [
        keras.layers.Conv2D(filters, KERNEL_SIZE, strides=strides, use_bias=False, name=name),
        keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"norm_{stage}"),
        keras.layers.ReLU(name=f"relu_{stage}"),
    ]


def _head_layer(head):
    heads = {"flatten": keras.layers.Flatten, "global_average": keras.layers.GlobalAveragePooling2D}
    if head not in heads:
        raise ValueError(f"head={head!r} is not possible; use {' or '.join(repr(name) for name in heads)}.")
    return heads[head](name=head)


def _sigmoid_classifier():
    return keras.layers.Dense(1, activation="sigmoid", name="classifier")


def _dropout_layers(dropout):
    """Return one layer, or none for a dropout of 0."""
    if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
        raise ValueError(f"dropout must be a number from 0 up to, but not including, 1, got {dropout!r}; try 0.25.")
    return [keras.layers.Dropout(dropout, name="dropout")] if dropout else []


def _augmentation_layers(augmentation):
    layers = list(augmentation) if isinstance(augmentation, (tuple, list)) else [augmentation]
    layers = [] if augmentation is None else layers
    for layer in layers:
        if not isinstance(layer, keras.Layer):
            raise ValueError(
                f"augmentation must be a keras layer or a list of them, got {layer!r}; give for instance "
                f"keras.layers.RandomFlip('horizontal'), and map any other function over the dataset."
            )
    return layers
