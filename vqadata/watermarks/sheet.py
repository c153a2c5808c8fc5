"""Contact sheets: some of the pictures that a reason was given for, with the marks boxed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vqadata.cleaning.text_engine import Rgb
    from vqadata.watermarks.erase import Box

SHOWN = 40
"""Most pictures of a sheet."""

CELL, COLUMNS = (300, 240), 5
"""Width and height of a picture on a sheet, in pixels, and pictures in a row."""

COLOUR = (255, 40, 40)
"""Of the boxes."""

LINE = 2
"""Thickness of the boxes on the sheet, in pixels."""


class Shown(NamedTuple):
    """A picture for a sheet."""

    rgb: Rgb
    boxes: list[Box]


def write_sheet(pictures: Iterable[Shown], path: Path) -> None:
    """Write pictures side by side, reduced, with their boxes; nothing if there are none."""
    import numpy as np
    from PIL import Image

    cells = [cell(shown) for shown in pictures]
    if not cells:
        return
    wide, high = CELL
    rows = -(-len(cells) // COLUMNS)
    sheet = np.full((rows * high, min(len(cells), COLUMNS) * wide, 3), 32, np.uint8)
    for number, one in enumerate(cells):
        y, x = number // COLUMNS * high, number % COLUMNS * wide
        sheet[y : y + one.shape[0], x : x + one.shape[1]] = one
    Image.fromarray(sheet).save(path)


def cell(shown: Shown) -> Rgb:
    """One picture in the size of a cell, its boxes drawn after it was reduced."""
    import cv2
    import numpy as np

    height, width = shown.rgb.shape[:2]
    factor = min((CELL[0] - 6) / width, (CELL[1] - 6) / height, 1.0)
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    small = np.ascontiguousarray(cv2.resize(shown.rgb, size, interpolation=cv2.INTER_AREA))
    for x0, y0, x1, y1 in shown.boxes:
        corners = [round(v * factor) for v in (x0, y0, x1, y1)]
        cv2.rectangle(small, corners[:2], corners[2:], COLOUR, LINE)
    return small


def write_pairs(pairs: Iterable[tuple[Shown, Rgb]], path: Path) -> None:
    """Write pictures before and after, above each other, around their first box."""
    write_sheet((Shown(_stack(*pair), []) for pair in pairs), path)


def _stack(before: Shown, after: Rgb) -> Rgb:
    import numpy as np

    height, width = after.shape[:2]
    x0, y0, x1, y1 = before.boxes[0]
    x = min(max((x0 + x1) // 2 - CELL[0] // 2, 0), max(width - CELL[0], 0))
    y = min(max((y0 + y1) // 2 - CELL[1] // 4, 0), max(height - CELL[1] // 2, 0))
    window = slice(y, y + CELL[1] // 2 - 4), slice(x, x + CELL[0] - 6)
    return np.vstack([before.rgb[window], after[window]])
