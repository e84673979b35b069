"""Animals: a head with its face and, in some pictures, wings and a sitting body."""

from convbook.drawings.bodies import draw_bat_wings, draw_body
from convbook.drawings.heads import draw_head


def draw_animal(pen, looks, coat, with_body):
    """Draw an animal from back to front.

    Args:
        pen: a `Pen`, placed where the head's centre will be.
        looks: the animal's `Looks`.
        coat: its `Coat`.
        with_body: whether a body sits below the head.
    """
    if looks.wings == "bat":
        draw_bat_wings(pen, coat)
    if with_body:
        draw_body(pen, looks, coat)
        with pen.moved(0, 0, rotation=looks.body_turn):
            draw_head(pen, looks, coat)
    else:
        draw_head(pen, looks, coat)
