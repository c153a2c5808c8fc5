"""The places at which marks are stamped: corners, edges and the centre, in pixels of the picture.

A stamp keeps its distance to a corner or to the middle, whatever the size of the picture; so a zone
is cut at its native size from where it is anchored, and two pictures of different sizes can be
laid over each other there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    Grey = np.ndarray[Any, np.dtype[np.uint8]]


class Zone(NamedTuple):
    """A window of fixed size at an anchor."""

    name: str
    """Such as ``top-right``."""
    down: int
    """Anchor from top to bottom: 0 top, 1 middle, 2 bottom."""
    right: int
    """Anchor from left to right: 0 left, 1 middle, 2 right."""
    height: int
    """Pixels."""
    width: int
    """Pixels."""

    def corner(self, height: int, width: int) -> tuple[int, int]:
        """Row and column of the zone's first pixel in a picture; negative where it stands over."""
        return (height - self.height) * self.down // 2, (width - self.width) * self.right // 2


ZONES = (
    Zone("top-left", 0, 0, 96, 256),
    Zone("top-centre", 0, 1, 96, 256),
    Zone("top-right", 0, 2, 96, 256),
    Zone("left", 1, 0, 192, 128),
    Zone("centre", 1, 1, 128, 320),
    Zone("right", 1, 2, 192, 128),
    Zone("bottom-left", 2, 0, 96, 256),
    Zone("bottom-centre", 2, 1, 96, 256),
    Zone("bottom-right", 2, 2, 96, 256),
)
"""All zones that are looked at; together they see a frame of 96 to 128 pixels and the centre."""


def cut(grey: Grey, zone: Zone) -> tuple[Grey, int, int]:
    """The part of a picture that lies in a zone, and the row and column where it begins in it.

    Args:
        grey: A picture, ``[height, width]``.
        zone: The zone; a picture that is smaller fills only a part of it.
    """
    y, x = zone.corner(*grey.shape)
    top, left = max(-y, 0), max(-x, 0)
    part = grey[max(y, 0) : max(y + zone.height, 0), max(x, 0) : max(x + zone.width, 0)]
    return part, top, left
