"""What figures with a network for the reader's photos share: the kernel's side of it, which sends the network."""

from convbook.figures.base import LiveFigure

KIND, PIECE_BYTES = "photo network", 1 << 20


class PhotoFigure(LiveFigure):
    """A figure that asks for EfficientNet-Lite0 when the reader wants it.

    In the built page it comes from the site's own `_static`; in a notebook the JavaScript asks by a message of the
    widget, and the kernel answers in pieces, or with the sentence of the error.
    """

    def __init__(self, **traits):
        super().__init__(**traits)
        self.on_msg(self._answer)

    def _answer(self, widget, content, buffers):
        if not isinstance(content, dict) or content.get("kind") != KIND:
            return
        from convbook.backbones.photo_network import packed_imagenet

        try:
            packed = packed_imagenet()
        except OSError as error:
            return self.send({"kind": KIND, "error": str(error)})
        pieces = [packed[start : start + PIECE_BYTES] for start in range(0, len(packed), PIECE_BYTES)]
        for number, piece in enumerate(pieces):
            self.send({"kind": KIND, "piece": number, "of": len(pieces)}, [piece])
