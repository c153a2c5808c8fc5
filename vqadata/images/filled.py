"""What a masked picture says of itself: the places that were filled, in a text chunk of its PNG.

The record goes where the picture goes, through exports and merges. So a later look knows that what
it sees there, over many pictures, are remains of a mark that was taken out, and no mark.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngInfo

KEYWORD = "vqadata:filled"
"""Of the chunk (tEXt of the PNG specification, 11.3.4.3): a JSON list of x0, y0, x1, y1."""

COVERED = 0.5
"""Share of a place within filled ones from which on it counts as filled."""

RIM = 8
"""Pixels around a filled place in which the rim of what was filled is seen."""

Box = tuple[int, int, int, int]


def chunk(boxes: Iterable[Box]) -> PngInfo:
    """The chunk, to be written with the picture."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(KEYWORD, json.dumps(sorted({tuple(box) for box in boxes}), separators=(",", ":")))
    return info


def boxes_of(info: Mapping[Any, Any]) -> list[Box]:
    """The filled places of a picture; none where the chunk is missing or says something else.

    Args:
        info: What Pillow knows of the picture beside its pixels.
    """
    try:
        return [(int(a), int(b), int(c), int(d)) for a, b, c, d in json.loads(info[KEYWORD])]
    except (KeyError, TypeError, ValueError):
        return []


def is_filled(place: Box, boxes: Iterable[Box]) -> bool:
    """Whether most of a place was filled, or lies at the rim of what was."""
    x0, y0, x1, y1 = place
    shared = 0
    for a, b, c, d in boxes:
        across = min(x1, c + RIM) - max(x0, a - RIM)
        down = min(y1, d + RIM) - max(y0, b - RIM)
        shared += max(0, across) * max(0, down)
    return shared > COVERED * (x1 - x0) * (y1 - y0)
