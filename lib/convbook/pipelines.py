"""From pictures in class folders or arrays to batches for training: all `tf.data` of the book.

Every pipeline takes the same steps: decode and resize each picture once, keep it as uint8, shuffle, batch, augment,
prefetch. Steps before the cache run once; those after it (shuffling, augmenting) run anew in each epoch.

TensorFlow is imported inside the functions, so that a machine that trains from arrays with another backend can import
this module without it.
"""

import os
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from convbook.arguments import whole_number

SUFFIXES = (".jpeg", ".jpg", ".png")
EXPECTED_FOLDERS = "one folder per class, with JPEG or PNG pictures in it, such as train/cat and train/dog"


def from_folder(folder, size_px, batch_size=32, shuffle=False, seed=None, cache=True, augmentation=None):
    """Make a dataset of batches from a folder that holds one folder of pictures per class.

    Pictures and labels are those of `keras.utils.image_dataset_from_directory(label_mode="binary")`, with pixels
    rounded to whole numbers: a picture is resized to a square by bilinear interpolation between neighbouring pixels,
    without cropping, whatever its shape. All pictures are decoded here, before the first epoch, and a broken file is
    named at once.

    Args:
        folder: path of the folder; its class folders, sorted by name, are labelled 0, 1, … (cat 0, dog 1).
        size_px: height and width of the resized pictures in pixels.
        batch_size: pictures in a batch; the last one of an epoch may be smaller.
        shuffle: whether each epoch goes through all pictures in a new random order; otherwise they come class by
            class, sorted by file name.
        seed: int that makes the order the same again from a fresh call, and runs the augmentation on one batch after
            the other, so that its random numbers come in a fixed order. The layers of an augmentation draw from their
            own seeds: make them anew with `seed=…` for each call. TensorFlow mixes the seed of
            `keras.utils.set_random_seed` in, so that has to be the same as well where it is set.
        cache: whether to keep the decoded pictures in memory as uint8, a quarter of what float32 takes; otherwise every
            epoch reads and decodes the files again.
        augmentation: None, or what is done to each batch of images anew in every epoch: a keras layer, such as a
            keras.Sequential of random layers (called with `training=True`), or a function that takes and returns a
            batch. Leave it out for validation and test pictures. A function of yours that calls `tf.random` repeats
            itself in every epoch where `set_random_seed` was called: TensorFlow starts its numbers anew. Keras's
            layers keep their own count and do not.

    Returns:
        A tf.data.Dataset of pairs: images, float32 (b, size_px, size_px, 3) with values from 0 to 255, and labels,
        float32 (b, 1), as binary_crossentropy takes them for a single sigmoid unit. Its attribute `class_names` lists
        the class folders. tf.data's tuner is off: it can hold up the end of an epoch for as long as the epoch took
        (TensorFlow 2.21).

    Raises:
        FileNotFoundError: if there is no such folder; the message says how it should look.
        ValueError: if there are fewer than two class folders, if one of them holds no pictures, if a file is no picture
            (take it away or replace it), or if a number is not possible.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("cat", "dog"):
        ...         (Path(folder) / name).mkdir()
        ...         Image.new("RGB", (50, 40), "orange").save(Path(folder) / name / "1.png")
        ...     train_ds = from_folder(folder, size_px=8, batch_size=2)
        >>> images, labels = next(iter(train_ds))
        >>> images.shape, labels.numpy().tolist(), train_ds.class_names
        (TensorShape([2, 8, 8, 3]), [[0.0], [1.0]], ['cat', 'dog'])
    """
    _check_steps(batch_size, seed, augmentation)
    size_px = whole_number("size_px", size_px)
    class_names, paths, labels = _list_pictures(folder)
    if cache:
        dataset = from_arrays(_decode_into_array(paths, size_px), labels, batch_size, shuffle, seed, augmentation)
    else:
        dataset = _from_files(paths, labels, size_px, batch_size, shuffle, seed, augmentation)
    dataset.class_names = class_names
    return dataset


def from_arrays(images, labels, batch_size=32, shuffle=False, seed=None, augmentation=None):
    """Make a dataset of batches from arrays of pictures and labels.

    The pictures are copied once, uint8 as uint8 and anything else as float32: later changes of the arrays do not reach
    the dataset.

    Args:
        images: array of shape (n, height, width, channels) with values from 0 to 255.
        labels: array of shape (n,), the class of each picture.
        batch_size, shuffle, seed, augmentation: as for `from_folder`.

    Returns:
        A tf.data.Dataset of pairs: images, float32 (b, height, width, channels), and labels, float32 (b, 1). For more
        than two classes, sparse_categorical_crossentropy takes such labels too.

    Raises:
        ValueError: if images or labels have another number of axes, if their lengths differ, if there are none, or if a
            number is not possible; the message says what would be.

    Example:
        >>> images = np.zeros((5, 4, 3, 1), np.uint8)
        >>> dataset = from_arrays(images, [0, 1, 1, 0, 1], batch_size=2)
        >>> [labels.numpy().ravel().tolist() for _, labels in dataset]
        [[0.0, 1.0], [1.0, 0.0], [1.0]]
    """
    import tensorflow as tf

    _check_steps(batch_size, seed, augmentation)
    images, labels = _check_arrays(images, labels)
    with tf.device("CPU"):  # tf.data runs there: from a GPU each batch would be copied back
        images = tf.constant(images if images.dtype == np.uint8 else images.astype(np.float32))
        labels = tf.constant(_column(labels))
    # Indices are shuffled, not pictures: a buffer of all the pictures would take their memory once more.
    indices = tf.data.Dataset.range(len(labels))
    if shuffle:
        indices = indices.shuffle(len(labels), seed=seed)
    batches = indices.batch(batch_size).map(
        lambda batch: (tf.cast(tf.gather(images, batch), tf.float32), tf.gather(labels, batch)),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return _finish(batches, augmentation, seed)


def load_arrays(folder, size_px, progress=False):
    """Decode all pictures of a folder that holds one folder of pictures per class.

    TensorFlow decodes them, several at once. Pillow would do without TensorFlow, but it rounds differently inside the
    JPEG decoder: on 200 photos, each had pixels that differed, by up to 4 of 255.

    Args:
        folder: path of the folder; its class folders, sorted by name, are labelled 0, 1, … (cat 0, dog 1).
        size_px: height and width of the resized pictures in pixels.
        progress: whether to show a progress bar on standard error.

    Returns:
        Images, uint8 (n, size_px, size_px, 3), and labels, int64 (n,), class by class and sorted by file name: the
        pixels that `from_folder` gives.

    Raises:
        FileNotFoundError, ValueError: as `from_folder`.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("cat", "dog"):
        ...         (Path(folder) / name).mkdir()
        ...         Image.new("RGB", (50, 40), "orange").save(Path(folder) / name / "1.png")
        ...     images, labels = load_arrays(folder, size_px=8)
        >>> images.shape, images[0, 0, 0], labels
        ((2, 8, 8, 3), array([255, 165,   0], dtype=uint8), array([0, 1]))
    """
    size_px = whole_number("size_px", size_px)
    _, paths, labels = _list_pictures(folder)
    return _decode_into_array(paths, size_px, progress), labels


def _from_files(paths, labels, size_px, batch_size, shuffle, seed, augmentation):
    """Return the dataset that decodes in every epoch."""
    import tensorflow as tf

    for _ in _decode_all(paths, size_px):
        pass  # a broken file is reported now with its name, not in the middle of training without it
    examples = tf.data.Dataset.from_tensor_slices((paths, _column(labels)))
    if shuffle:
        examples = examples.shuffle(len(paths), seed=seed)
    batches = examples.map(
        lambda path, label: (tf.cast(_decode(path, size_px), tf.float32), label),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    ).batch(batch_size)
    return _finish(batches, augmentation, seed)


def _list_pictures(folder):
    """Return the names of the class folders, the paths of all pictures as strings, and their labels, int64."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}; it should hold {EXPECTED_FOLDERS}.")
    class_names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != ".")
    if len(class_names) < 2:
        found = f"only the folder {class_names[0]}" if class_names else "no folders"
        raise ValueError(f"{folder} holds {found}; it should hold {EXPECTED_FOLDERS}.")
    by_class = [_pictures_in(folder / name) for name in class_names]
    labels = np.repeat(np.arange(len(class_names), dtype=np.int64), [len(paths) for paths in by_class])
    return class_names, [path for paths in by_class for path in paths], labels


def _pictures_in(class_folder):
    """Return the paths of the pictures directly in a folder, sorted by name."""
    names = sorted(entry.name for entry in os.scandir(class_folder))
    paths = [str(class_folder / name) for name in names if name.lower().endswith(SUFFIXES) and name[0] != "."]
    if not paths:
        inner = [name for name in names if (class_folder / name).is_dir()]
        hint = f"; its folders {', '.join(inner)} look like classes: did you mean {class_folder}?" if inner else "."
        raise ValueError(
            f"{class_folder} holds no pictures, so its class is empty: put {', '.join(SUFFIXES)} files there, or "
            f"take the folder away{hint}"
        )
    return paths


def _decode_all(paths, size_px, progress=False):
    """Yield every picture in order, several decoded at once; raise an error that names a file that is no picture."""
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(paths)
    dataset = dataset.map(lambda path: _decode(path, size_px), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    decoded = iter(dataset.prefetch(tf.data.AUTOTUNE))
    for path in tqdm(paths, "Decoding", unit=" pictures", disable=not progress):
        # TensorFlow's error does not name the file, but errors come in order too.
        try:
            image = next(decoded)
        except (tf.errors.InvalidArgumentError, tf.errors.NotFoundError, tf.errors.PermissionDeniedError):
            raise ValueError(
                f"{path} cannot be read as a picture; take it away, or replace it with a whole JPEG or PNG file."
            ) from None
        yield image


def _decode_into_array(paths, size_px, progress=False):
    images = np.empty((len(paths), size_px, size_px, 3), np.uint8)
    for index, image in enumerate(_decode_all(paths, size_px, progress)):
        images[index] = image
    return images


def _decode(path, size_px):
    """Return one picture as a uint8 tensor; grey and transparent ones are turned to RGB."""
    import tensorflow as tf

    image = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
    image = tf.round(tf.image.resize(image, (size_px, size_px)))
    return tf.ensure_shape(tf.cast(image, tf.uint8), (size_px, size_px, 3))


def _finish(batches, augmentation, seed):
    """Augment and prefetch, without the thread that adjusts `AUTOTUNE`: it can delay the end of an epoch."""
    import tensorflow as tf

    if augmentation is not None:
        arguments = {"training": True} if isinstance(augmentation, keras.Layer) else {}
        batches = batches.map(
            lambda images, labels: (tf.cast(augmentation(images, **arguments), tf.float32), labels),
            # Batches augmented in parallel would compete for a layer's next random number.
            num_parallel_calls=tf.data.AUTOTUNE if seed is None else None,
        )
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)


def _column(labels):
    """Return labels as float32 (n, 1): one row per picture, as one sigmoid unit answers."""
    return labels.astype(np.float32)[:, None]


def _check_steps(batch_size, seed, augmentation):
    whole_number("batch_size", batch_size)
    if seed is not None:
        whole_number("seed", seed, smallest=0)
    if augmentation is not None and not callable(augmentation):
        raise ValueError(
            f"augmentation is a {type(augmentation).__name__}; give a keras layer, such as keras.Sequential([…]) of "
            f"random layers, or a function of a batch of images."
        )


def _check_arrays(images, labels):
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim != 4:
        raise ValueError(
            f"images must have the shape (n, height, width, channels), got {images.shape}; for one picture of shape "
            f"(height, width, channels) pass image[None], and give grey pictures one channel with images[..., None]."
        )
    if labels.ndim != 1:
        raise ValueError(f"labels must have the shape (n,), got {labels.shape}; pass np.ravel(labels), a class each.")
    if len(images) != len(labels):
        raise ValueError(f"There are {len(images)} images but {len(labels)} labels; give each image one label.")
    if not len(images):
        raise ValueError("There are no pictures; give arrays with at least one image and its label.")
    return images, labels
