"""How tests open a figure with the network for photos, and give it photos; a small network stands in for it."""

import base64
import contextlib
import functools
import io

import keras
import numpy as np
from conftest import PAGE
from PIL import Image
from visits import WIDE

from convbook import models
from convbook.backbones import photo_network

CODE, OWN_CODE = "efficientnet_lite0.js", "cats_and_dogs.js"


@functools.cache
def small_network():
    """A packed network with random weights for a thousand classes, which takes a page a moment."""
    from test_photo_network import STAGES, build_classifier

    return photo_network.pack(build_classifier(classes=1000), [f"class {n}" for n in range(1000)], STAGES)


@functools.cache
def small_convnet():
    """An untrained convnet as the book's own, which takes a page a moment, and what it is packed into."""
    keras.utils.set_random_seed(2)
    model = models.build_convnet((40, 52), (6, 9, 5), dropout=0.5, batch_norm=True, strides=2)
    rng = np.random.default_rng(6)
    for layer in model.layers:
        if layer.weights:
            draw = [
                rng.uniform(0.5, 1.5, w.shape) if w.ndim == 1 else rng.normal(0, 0.3, w.shape) for w in layer.weights
            ]
            layer.set_weights(draw)
    return model, photo_network.pack_convnet(model, ("cat", "dog"))


def photo_file(image, form="PNG", name=None, **options):
    """A picture, an array or one of Pillow's, as a file that a reader chooses."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    name = name or f"photo.{form.lower()}"
    return {"name": name, "mimeType": f"image/{form.lower()}", "buffer": buffer.getvalue()}


def noise_photo(height=40, width=60, seed=0, **options):
    return photo_file(np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype("uint8"), **options)


def put_network(folder, script=None):
    """Put a script of the base, and a small network of our own, where a page in this folder asks for them.

    b"" takes the base away.
    """
    script = photo_network.as_script(small_network()) if script is None else script
    path = folder / "_static" / CODE
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if script:
        path.write_bytes(script)
    path.with_name(OWN_CODE).write_bytes(photo_network.as_script(small_convnet()[1], "cats_and_dogs"))


@contextlib.contextmanager
def open_figure(browser, folder, figure, *, script=None, serve=None, theme="light", size=WIDE, init="", **options):
    """A page with a figure and the network's script beside it; `page.requests` and `page.complaints` are kept.

    Args:
        script: bytes of the script; None for that of the small network, b"" for no file.
        serve: the fixture; without it the page is opened from its folder.
    """
    put_network(folder, script)
    (folder / "page.html").write_text(PAGE.format(theme=theme, figures=figure.to_html()), encoding="utf-8")
    with contextlib.closing(browser.new_context(viewport=size, **options)) as context:
        context.add_init_script(init)
        page = context.new_page()
        page.requests, page.complaints = [], []
        page.on("request", lambda r: page.requests.append(r.url) if not r.url.startswith(("data:", "blob:")) else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(f"{serve(folder)}page.html" if serve else (folder / "page.html").as_uri())
        page.wait_for_selector(".convbook-is-live")
        yield page


DROP = """([event, files, place]) => {
  const data = new DataTransfer();
  for (const [name, type, text] of files) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    data.items.add(new File([bytes], name, { type }));
  }
  const options = { bubbles: true, cancelable: true };
  const given = event === "drop" ? new DragEvent(event, { ...options, dataTransfer: data })
    : new ClipboardEvent(event, { ...options, clipboardData: data });
  document.querySelector(place).dispatchEvent(given);
}"""


def given(*files, event="drop", place=".convbook-figure"):
    """What the function `DROP` takes, to drop or paste files on a figure."""
    return [event, [(f["name"], f["mimeType"], base64.b64encode(f["buffer"]).decode()) for f in files], place]


def drop(page, *files, **options):
    """Drop or paste files on the figure."""
    page.evaluate(DROP, given(*files, **options))
