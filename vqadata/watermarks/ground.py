"""What a text stands on: a board, a page, a cloth, or the picture itself.

Who writes on things writes on something even; who stamps pictures does not care. So a single text
that lies askew across the middle, its letters straight on a busy ground, was laid over the picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vqadata.watermarks.erase import strokes

if TYPE_CHECKING:
    from vqadata.overlay.zone import Grey
    from vqadata.watermarks.spot import Spot

ASKEW = 12.0
"""Degrees from which on a text is askew: signs that are seen from the side seldom reach it."""

LARGE, HUGE = 0.04, 0.3
"""Height of such letters over the short side; where they are larger, they are what is shown."""

BUSY = 5.0
"""Mean difference, in grey levels, between what is between the letters and its own blur."""


def lies_over(grey: Grey, texts: list[Spot]) -> bool:
    """Whether one of a picture's texts lies askew across its middle, on a busy ground.

    Args:
        grey: The picture, ``[height, width]``.
        texts: What can be read in it.
    """
    return any(lies_askew(spot) and is_busy(grey, spot) for spot in texts)


def lies_askew(spot: Spot) -> bool:
    """Whether a text lies askew across the middle, in large letters."""
    angle = abs(spot.line.angle)
    return spot.central and ASKEW <= angle <= 90 - ASKEW and LARGE <= spot.size <= HUGE


def is_busy(grey: Grey, spot: Spot) -> bool:
    """Whether there is something to be seen between the letters of a text."""
    import cv2
    import numpy as np

    piece = strokes(grey, spot.line.corners, spot.line.height)
    x0, y0, x1, y1 = piece.box
    part = grey[y0:y1, x0:x1]
    side = max(int(spot.line.height) | 1, 3)
    ink = cv2.dilate(piece.strokes.astype(np.uint8), np.ones((5, 5), np.uint8))
    inside = np.zeros(part.shape, np.uint8)
    outline = np.array(spot.line.corners, np.float32).reshape(4, 2) - (x0, y0)
    cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], 1)
    between = (inside > 0) & (ink == 0)
    if not between.any():
        return False
    # The blur is of the ground alone: letters must not show in it.
    ground = np.where(between, part, 0).astype(np.float32)
    mean = cv2.blur(ground, (side, side)) / np.maximum(
        cv2.blur(between.astype(np.float32), (side, side)), 1e-3
    )
    return bool(np.abs(part - mean)[between].mean() >= BUSY)
