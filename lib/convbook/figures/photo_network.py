"""What figures with a network for the reader's photos share: the kernel's side of it, which sends the network."""

from convbook.figures.base import LiveFigure

KIND, PIECE_BYTES = "photo network", 1 << 20


class PhotoFigure(LiveFigure):
    """A figure that asks for a network for photos when the reader wants it, by its name in `photo_network.PACKED`.

    In the built page it comes from the site's own `_static`; in a notebook the JavaScript asks by a message of the
    widget, and the kernel answers in pieces, or with the sentence of the error.
    """

    def __init__(self, **traits):
        super().__init__(**traits)
        self.on_msg(self._answer)

    def _answer(self, widget, content, buffers):
        if not isinstance(content, dict) or content.get("kind") != KIND:
            return
        from convbook.backbones.photo_network import PACKED

        answer = {"kind": KIND, "name": content["name"]}
        try:
            packed = PACKED[content["name"]]()
        except OSError as error:
            return self.send(answer | {"error": str(error)})
        pieces = [packed[start : start + PIECE_BYTES] for start in range(0, len(packed), PIECE_BYTES)]
        for number, piece in enumerate(pieces):
            self.send(answer | {"piece": number, "of": len(pieces)}, [piece])
