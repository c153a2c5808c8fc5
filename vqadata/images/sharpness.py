"""How blurred a picture is, and how light: figures of grey levels that cost little.

Blur is the measure of Crete et al., "The blur effect" (SPIE 6492, 2007): smooth the picture once
more and see how much of the differences between neighbours that takes away. Where little goes, it
was blurred before. It is taken on some lines across and some down, not on all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vqadata.images.view import reduced

if TYPE_CHECKING:
    from vqadata.images.view import Pixels

LINES = 32
"""Lines that are looked at in each direction, evenly spread."""

LONG = 1024
"""Pixels of the long side from twice of which on a picture is reduced first."""

WIDTH = 9
"""Pixels of the smoothing box, as in the paper."""


class Levels(NamedTuple):
    """Grey levels of a picture, 0 to 255."""

    darkest: int
    middle: int
    """The median."""
    bright: int
    """The level that 99 of 100 pixels do not pass."""
    brightest: int


def levels(grey: Pixels) -> Levels:
    """The levels of a picture of at least one pixel.

    >>> import numpy as np
    >>> levels(np.arange(100, dtype=np.uint8))
    Levels(darkest=0, middle=49, bright=98, brightest=99)
    """
    import numpy as np

    counts = np.bincount(grey.ravel(), minlength=256).cumsum()
    shares = np.array([0.5, 0.99]) * counts[-1]
    middle, bright = np.searchsorted(counts, shares).tolist()
    darkest, brightest = np.searchsorted(counts, [1, counts[-1]]).tolist()
    return Levels(darkest, middle, bright, brightest)


def blur(grey: Pixels) -> float | None:
    """The blur effect from 0 (sharp) to 1, the larger of the two directions.

    A large picture is looked at as one of :data:`LONG` pixels, since models see no more of it.
    ``None`` for a picture that is too small to tell, or that has no differences at all.
    """
    import numpy as np

    grey = reduced(grey, max(grey.shape) // LONG)
    height, width = grey.shape
    if min(height, width) < 2 * WIDTH:
        return None
    across = grey[:: max(1, height // LINES)]
    down = np.ascontiguousarray(grey[:, :: max(1, width // LINES)].T)
    found = [effect for lines in (across, down) if (effect := _effect(lines)) is not None]
    return max(found, default=None)


def _effect(lines: Pixels) -> float | None:
    """The effect along some lines, an array of (line, place)."""
    import numpy as np

    half, wide = WIDTH // 2, lines.astype(np.int16)
    sharp = np.abs(wide[:, half + 1 : -half] - wide[:, half : -half - 1]) * np.int16(WIDTH)
    # Two neighbouring boxes differ by the pixel that comes in and the one that goes out.
    smooth = np.abs(wide[:, WIDTH:] - wide[:, :-WIDTH])
    whole = int(sharp.sum(dtype=np.int64))
    if not whole:
        return None
    return 1 - int(np.maximum(sharp - smooth, 0).sum(dtype=np.int64)) / whole
