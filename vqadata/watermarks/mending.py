"""Masks a picture and proves it: nothing else was changed, and no mark can be read any more.

Strokes are widened step by step until the proof holds. Where it does not hold even with whole
boxes, or where so much would be filled that little of the picture is left, the picture is not
masked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vqadata.cleaning.text_engine import TextEngine, TextLine
from vqadata.overlay.finding import Overlay
from vqadata.overlay.template import see
from vqadata.watermarks.content import is_clinical
from vqadata.watermarks.erase import (
    STEPS,
    Piece,
    clipped,
    encoded,
    filled,
    ink,
    mask_of,
    rectangles,
    strokes,
    untouched,
)
from vqadata.watermarks.key import key, plain
from vqadata.watermarks.marks import Mark
from vqadata.watermarks.relief import read_relief

if TYPE_CHECKING:
    import numpy as np

    from vqadata.cleaning.text_engine import Rgb
    from vqadata.images.view import View
    from vqadata.watermarks.erase import Box, Mask

LARGE = 0.09
"""Letters over this share of the short side are not filled: too little is left around them."""

MOST = 0.12
"""Largest share of a picture that is filled, by the boxes of its marks."""

AROUND = 48
"""Pixels around a mark that are read again after filling."""

ALIKE = 60.0
"""Similarity, 0 to 100, from which on what is read after filling is still the mark."""

COVERED = 0.6
"""Share of a text's box within an overlay's from which on the overlay's strokes are enough."""


class Plan(NamedTuple):
    """What is to be taken out of a picture."""

    marks: list[Mark]
    overlays: list[Overlay]
    clinical: list[Box]
    """Boxes that stay untouched, whatever stands over them."""

    def boxes(self, height: int, width: int) -> list[Box]:
        """The boxes of all marks in a picture of that size."""
        templates = [overlay.learnt.template for overlay in self.overlays]
        texts = [mark.spot.line.box for mark in self.marks]
        shape = height, width
        return [clipped(box, shape) for box in [*(t.box(*shape) for t in templates), *texts]]

    def pieces(self, shape: tuple[int, ...]) -> tuple[list[Piece], list[Mark]]:
        """The strokes of the overlays, and the texts that are not parts of these."""
        found = [_piece(overlay, shape) for overlay in self.overlays]
        texts = [
            mark
            for mark in self.marks
            if not any(_covers(piece.box, mark.spot.line.box) for piece in found)
        ]
        return found, texts

    def too_large(self, shape: tuple[int, ...]) -> bool:
        """Whether too much of a picture would be filled."""
        overlays, texts = self.pieces(shape)
        boxes = [mark.spot.line.box for mark in texts]
        area = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes)
        area += ink(overlays, shape)
        return area > MOST * shape[0] * shape[1] or any(m.spot.size > LARGE for m in texts)


class Mended(NamedTuple):
    """A masked picture."""

    data: bytes
    """PNG: every pixel outside the mask is what it was."""
    rgb: Rgb
    filled: list[Box]
    """Rectangles outside of which nothing was changed."""


def mended(view: View, plan: Plan, engine: TextEngine | None) -> Mended | None:
    """The picture without its marks; ``None`` if the proof cannot be given.

    Args:
        view: The picture.
        plan: What is to go.
        engine: Reads it again; ``None`` where no engine runs.

    Raises:
        BadPicture: It cannot be decoded.
    """
    rgb = view.rgb
    for step in range(len(STEPS) + 1):
        mask = _mask(view, plan, step)
        after = filled(rgb, mask)
        if _seen(after, view.digest, plan.overlays) or _read(after, plan.marks, engine):
            continue
        boxes = rectangles(mask)
        data = encoded(after, view.opened.info.get("icc_profile"), [*view.filled, *boxes])
        return Mended(data, after, boxes) if untouched(rgb, data, mask) else None
    return None


def clinical_boxes(lines: list[TextLine]) -> list[Box]:
    """Boxes of side markers and the like among what was read."""
    return [line.box for line in lines if is_clinical(line.text)]


def _mask(view: View, plan: Plan, step: int) -> Mask:
    grey = view.grey
    overlays, texts = plan.pieces(grey.shape)
    inked = [strokes(grey, m.spot.line.corners, m.spot.line.height) for m in texts]
    mask = mask_of([*overlays, *inked], grey.shape, step)
    for box in plan.clinical:
        x0, y0, x1, y1 = clipped(box, grey.shape)
        mask[y0:y1, x0:x1] = False
    return mask


def _piece(overlay: Overlay, shape: tuple[int, ...]) -> Piece:
    """The strokes of an overlay where they lie in a picture."""
    inked = overlay.imprint.strokes()
    y, x = overlay.imprint.corner(shape)
    box = clipped((x, y, x + inked.shape[1], y + inked.shape[0]), shape)
    return Piece(box, inked[box[1] - y : box[3] - y, box[0] - x : box[2] - x])


def _covers(outer: Box, inner: Box) -> bool:
    across = min(outer[2], inner[2]) - max(outer[0], inner[0])
    down = min(outer[3], inner[3]) - max(outer[1], inner[1])
    area = max((inner[2] - inner[0]) * (inner[3] - inner[1]), 1)
    return across > 0 and down > 0 and across * down >= COVERED * area


def _seen(rgb: Rgb, digest: str, overlays: list[Overlay]) -> bool:
    """Whether an overlay is still to be seen."""
    import cv2

    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return any(see(grey, digest, overlay.learnt.template).carries for overlay in overlays)


def _read(rgb: Rgb, marks: list[Mark], engine: TextEngine | None) -> bool:
    """Whether a mark can still be read where it stood."""
    if engine is None:
        return False
    return any(_is_left(engine, rgb, mark) for mark in marks)


def _is_left(engine: TextEngine, rgb: Rgb, mark: Mark) -> bool:
    from rapidfuzz.fuzz import partial_ratio

    x0, y0, x1, y1 = clipped(mark.spot.line.box, rgb.shape, AROUND)
    wanted, part = plain(mark.spot.line.text), rgb[y0:y1, x0:x1]
    for line in (*engine.read(part), *read_relief(engine, part)):
        if line.confidence >= engine.sure and key(line.text) and _meets(line.box, mark, (x0, y0)):
            said = plain(line.text)
            if said in wanted or partial_ratio(said, wanted) >= ALIKE:
                return True
    return False


def _meets(box: Box, mark: Mark, corner: tuple[int, int]) -> bool:
    """Whether what was read in a cutting stands where the mark stood."""
    x, y = corner
    a, b = (box[0] + x, box[1] + y, box[2] + x, box[3] + y), mark.spot.line.box
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def colourful(rgb: Rgb) -> float:
    """Mean difference between the channels of a picture, in levels: below 6 it has no colours."""
    import numpy as np

    part = rgb[::4, ::4].astype(np.int16)
    spread: np.floating[np.typing.NBitBase] = np.mean(part.max(axis=2) - part.min(axis=2))
    return float(spread)
