"""How far the edges of many pictures agree at each pixel of a zone: a sum that streams and merges.

The edges of a mark point the same way in every picture that carries it, those of the pictures
themselves any way. So the signs of the Sobel gradient are added up, pixel by pixel: what the
pictures show cancels out, a mark remains, down to an opacity of a tenth and in any language. The
idea is that of Dekel et al., "On the Effectiveness of Visible Watermarks" (CVPR 2017); signs in
place of gradients keep one bright picture from outvoting a hundred.

Pictures are added to one of two halves, by their digest: what both halves say independently is
no chance (see :mod:`vqadata.overlay.template`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vqadata.overlay.zone import Zone, cut

if TYPE_CHECKING:
    import numpy as np

    from vqadata.overlay.zone import Grey

    Signs = np.ndarray[Any, np.dtype[np.int8]]
    Sums = np.ndarray[Any, np.dtype[np.int32]]

EDGE = 6
"""Smallest 3x3 Sobel response that counts as an edge: 1.5 grey levels from pixel to pixel."""

BLOCK = 8
"""Side of the blocks in which edges are counted; their density changes slowly, so this is enough.
All sides of zones are multiples of it."""


def signs(grey: Grey) -> Signs:
    """The signs of the horizontal and the vertical gradient, 0 where there is no edge.

    Args:
        grey: ``[height, width]``.

    Returns:
        ``[2, height, width]``, of -1, 0 and 1.
    """
    import cv2
    import numpy as np

    out = np.zeros((2, *grey.shape), np.int8)
    if grey.size:
        for direction in (0, 1):
            slope = cv2.Sobel(grey, cv2.CV_16S, 1 - direction, direction, ksize=3)
            np.subtract(slope > EDGE, slope < -EDGE, out=out[direction], dtype=np.int8)
    return out


def half_of(digest: str) -> int:
    """The half, 0 or 1, to which a picture of that digest (hexadecimal) belongs."""
    return int(digest[-1], 16) & 1


def zone_signs(grey: Grey, zone: Zone) -> Signs:
    """The signs of a picture in a zone, ``[2, zone.height, zone.width]``; 0 outside the picture."""
    import numpy as np

    part, top, left = cut(grey, zone)
    if part.shape == (zone.height, zone.width):
        return signs(part)
    out = np.zeros((2, zone.height, zone.width), np.int8)
    out[:, top : top + part.shape[0], left : left + part.shape[1]] = signs(part)
    return out


class Agreement:
    """The sums of one zone of one group of pictures."""

    def __init__(self, zone: Zone) -> None:
        """Start with no picture."""
        import numpy as np

        self.zone = zone
        self.sums: Sums = np.zeros((2, 2, zone.height, zone.width), np.int32)
        """``[half, direction, height, width]``."""
        self.edges: Sums = np.zeros((2, 2, zone.height // BLOCK, zone.width // BLOCK), np.int32)
        """Number of edge pixels in each block, ``[half, direction, rows, columns]``."""

    def add(self, seen: Signs, half: int) -> None:
        """Add the signs of one picture to a half."""
        import numpy as np

        self.sums[half] += seen
        rows, columns = self.edges.shape[2:]
        blocks = (seen != 0).reshape(2, rows, BLOCK, columns, BLOCK)
        self.edges[half] += np.count_nonzero(blocks, axis=(2, 4)).astype(np.int32)

    def merge(self, other: Agreement) -> None:
        """Add what another one has seen."""
        self.sums += other.sums
        self.edges += other.edges
