"""The convnets of the lecture, and the Dense nets that they are compared with."""

import keras

from convbook import shapes

KERNEL_SIZE = 3
POOL_SIZE = 2


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
        ValueError: if a picture is too small for so many stages (take larger pictures or fewer stages), or a number or
            the name of the head is not possible.

    Example:
        >>> build_digits_convnet().count_params()
        34826
        >>> build_digits_convnet(head="global_average").get_layer("pool_2").output.shape
        (None, 5, 5, 64)
    """
    heads = {"flatten": keras.layers.Flatten, "global_average": keras.layers.GlobalAveragePooling2D}
    if head not in heads:
        raise ValueError(f"head={head!r} is not possible; use {' or '.join(repr(name) for name in heads)}.")
    filters = _counts("filters", filters)
    shapes.window_grid(input_shape, window_size=1)  # refuses what is no picture
    _refuse_too_small(input_shape, filters)

    image = keras.Input(input_shape, name="image")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(image)
    for stage, count in enumerate(filters, start=1):
        x = keras.layers.Conv2D(count, KERNEL_SIZE, activation="relu", name=f"conv_{stage}")(x)
        x = keras.layers.MaxPooling2D(POOL_SIZE, name=f"pool_{stage}")(x)
    x = heads[head](name=head)(x)
    return keras.Model(image, _classifier(num_classes)(x), name="convnet")


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

    image = keras.Input(input_shape, name="image")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(image)
    x = keras.layers.Flatten(name="flatten")(x)
    for layer, count in enumerate(units, start=1):
        x = keras.layers.Dense(count, activation="relu", name=f"dense_{layer}")(x)
    return keras.Model(image, _classifier(num_classes)(x), name="dense")


def _classifier(num_classes):
    if not isinstance(num_classes, int) or num_classes < 2:
        raise ValueError(f"num_classes must be an int of at least 2, got {num_classes!r}.")
    return keras.layers.Dense(num_classes, activation="softmax", name="classifier")


def _counts(name, counts):
    if not isinstance(counts, (tuple, list)) or not all(isinstance(count, int) and count > 0 for count in counts):
        raise ValueError(f"{name} must be a tuple of positive ints, one for each layer, got {counts!r}; try (32,).")
    return tuple(counts)


def _refuse_too_small(input_shape, filters):
    """Walk through the stages with `shapes` and say where the picture runs out."""
    shape = tuple(input_shape)
    for stage, count in enumerate(filters, start=1):
        try:
            shape = shapes.pooling_shape(shapes.convolution_shape(shape, count, KERNEL_SIZE), POOL_SIZE)
        except ValueError as error:
            smallest_px = 1
            for _ in filters:
                smallest_px = smallest_px * POOL_SIZE + KERNEL_SIZE - 1
            height, width, _ = input_shape
            raise ValueError(
                f"Pictures of {height}x{width} pixels are too small for {len(filters)} stages: of them {shape[0]}x"
                f"{shape[1]} are left for stage {stage}. Take pictures of at least {smallest_px}x{smallest_px} pixels, "
                f"or {stage - 1 or 'no'} stage{'s' * (stage != 2)}: filters={filters[: stage - 1]}."
            ) from error
