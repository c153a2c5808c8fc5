"""A second look at a picture in which no mark was read: at its relief.

What lies over a picture and lets it show through is fainter than the picture, but finer than most
of it. So broad light and shade are taken away, in each colour, and what is left is strengthened:
engines then read letters whose contrast was too low, or whose colour alone sets them apart. It is
read in another size than the picture, in which other letters are read than before, and for a third
of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vqadata.cleaning.text_engine import fit

if TYPE_CHECKING:
    from vqadata.cleaning.text_engine import Rgb, TextEngine, TextLine

SIDE = 640
"""Longest side in which a relief is read, in pixels."""

BROAD = 8.0
"""Deviation of the blur whose outcome is taken away, in pixels of that size."""

STRONGER = 3.0
"""How many times stronger the rest is shown."""

MIDDLE = 128.0
"""Level of what does not stand out."""


def relief(rgb: Rgb) -> Rgb:
    """What stands out in a picture, around a middle grey.

    Args:
        rgb: ``[height, width, 3]``.
    """
    import cv2
    import numpy as np

    levels = rgb.astype(np.float32)
    broad = cv2.GaussianBlur(levels, (0, 0), BROAD)
    out: Rgb = np.clip(MIDDLE + STRONGER * (levels - broad), 0, 255).astype(np.uint8)
    return out


def read_relief(engine: TextEngine, rgb: Rgb) -> list[TextLine]:
    """What an engine can be sure of in the relief of a picture, in pixels of the picture."""
    fitted, factor = fit(rgb, min(SIDE, engine.options.side))
    return [
        line._replace(corners=tuple(round(value * factor, 1) for value in line.corners))
        for line in engine.read(relief(fitted), SIDE)
        if line.confidence >= engine.sure
    ]


def joined(lines: list[TextLine], relieved: list[TextLine]) -> list[TextLine]:
    """What was read in both looks; at one place, what was read in the relief.

    Args:
        lines: Read in the picture.
        relieved: Read in its relief.
    """
    kept = [line for line in lines if not any(_meet(line, other) for other in relieved)]
    return sorted([*kept, *relieved], key=lambda line: (line.box[1], line.box[0], line.text))


def _meet(one: TextLine, other: TextLine) -> bool:
    """Whether the middle of one of two lines lies in the box of the other."""
    return _holds(one, other) or _holds(other, one)


def _holds(outer: TextLine, inner: TextLine) -> bool:
    a, b, c, d = outer.box
    x0, y0, x1, y1 = inner.box
    return a <= (x0 + x1) / 2 <= c and b <= (y0 + y1) / 2 <= d
