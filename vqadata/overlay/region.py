"""From the sums of a zone to the places where a mark may stand.

Two halves of the pictures are laid against each other: where both agree, pixel by pixel, on the
direction of an edge, their product is positive; chance gives products of both signs, and the
negative ones tell how large chance can get. So the threshold needs no model of the pictures.

Film borders, frames and axes recur at one place too. They are no marks of strokes: they run
straight, and an edge has no counter-edge a few pixels on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.overlay.agreement import BLOCK, Agreement

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]
    Mask = np.ndarray[Any, np.dtype[np.bool_]]

SMOOTH = 21
"""Side of the window whose mean is taken away, in pixels: what all pictures share on a larger
scale, such as a bright sky above, is no mark."""

WINDOW = (61, 15)
"""Width and height of the window in which products are averaged: a few letters."""

SIGNIFICANT = 7.0
"""How many times larger than chance the mean product must be. Pictures without marks, some dozens
to some hundreds of them, reach 5 in one zone of ten and 9 in one of three hundred; what passes
here has to stand the second look."""

AGREEING = 2.5
"""A pixel belongs to the strokes from this many standard deviations on."""

STRAIGHT = 25
"""Straight runs of this many agreeing pixels are lines, not letters."""

STROKES = 30
"""Fewest agreeing pixels of a mark, without straight lines."""

SPECK = 8
"""Groups of fewer agreeing pixels are chance."""

BALANCE = 0.15
"""Smallest share of either sign among the agreeing pixels of a mark."""

MARGIN = 3
"""Pixels around the agreeing ones that belong to the region."""


class Region(NamedTuple):
    """A rectangle of a zone in which the pictures of a group agree."""

    top: int
    left: int
    weights: Floats
    """``[half, direction, height, width]``: what each half says in standard deviations, 0 where
    both together say too little."""
    strength: float
    """Mean product of both halves, in units of chance."""


def deviations(agreement: Agreement) -> Floats:
    """The sums in standard deviations, without their local mean: ``[half, direction, h, w]``."""
    import cv2
    import numpy as np

    counts = agreement.edges.astype(np.float32) / BLOCK**2
    spread = counts.repeat(BLOCK, axis=2).repeat(BLOCK, axis=3)
    scaled = agreement.sums / np.sqrt(spread + 1)
    flat = scaled.reshape(-1, *scaled.shape[2:])
    local = np.stack([cv2.blur(part, (SMOOTH, SMOOTH)) for part in flat])
    high: Floats = (flat - local).reshape(scaled.shape).astype(np.float32)
    return high


def regions(agreement: Agreement) -> list[Region]:
    """The places of a zone where both halves agree, the strongest first."""
    import cv2
    import numpy as np

    halves = deviations(agreement)
    product = cv2.blur((halves[0] * halves[1]).sum(axis=0), WINDOW)
    chance = float(np.sqrt(np.mean(np.minimum(product, 0) ** 2) * 2)) + 1e-3
    near = (product > SIGNIFICANT * chance).astype(np.uint8)
    count, labels = cv2.connectedComponents(near)
    found = [_region(halves, labels == label, product / chance) for label in range(1, count)]
    return sorted((r for r in found if r is not None), key=lambda r: -r.strength)


def _region(halves: Floats, near: Mask, strength: Floats) -> Region | None:
    """The region of the agreeing pixels in a patch; ``None`` if they are no strokes."""
    import numpy as np

    both = halves.sum(axis=0) / np.sqrt(np.float32(2))
    agreeing = np.where(near & (np.abs(both) > AGREEING), both, 0)
    strokes = without_specks(without_lines(agreeing))
    if not has_strokes(strokes):
        return None
    window = frame(strokes)
    weights = np.where(strokes != 0, halves, 0)[:, :, *window].astype(np.float32)
    return Region(window[0].start, window[1].start, weights, float(strength[near].max()))


def frame(strokes: Floats, margin: int = MARGIN) -> tuple[slice, slice]:
    """The rows and columns that hold all strokes of ``[2, height, width]``, and a margin."""
    import numpy as np

    rows, columns = np.nonzero(strokes.any(axis=0))
    return (
        slice(max(int(rows.min()) - margin, 0), int(rows.max()) + margin + 1),
        slice(max(int(columns.min()) - margin, 0), int(columns.max()) + margin + 1),
    )


def without_specks(weights: Floats) -> Floats:
    """The weights without those that stand alone: chance leaves specks, letters stand together."""
    import cv2
    import numpy as np

    ink = np.asarray(weights.any(axis=0), np.uint8)
    _, labels = cv2.connectedComponents(cv2.dilate(ink, np.ones((3, 3), np.uint8)))
    sizes = np.bincount(labels[ink > 0], minlength=int(labels.max()) + 1)
    return np.where(sizes[labels] >= SPECK, weights, 0)


def without_lines(weights: Floats) -> Floats:
    """The weights without those on straight horizontal and vertical runs."""
    import cv2
    import numpy as np

    kept = weights.copy()
    for shape in ((STRAIGHT, 1), (1, STRAIGHT)):
        for sign in (-1, 1):
            for part in kept:
                run = cv2.morphologyEx(
                    (part * sign > 0).astype(np.uint8), cv2.MORPH_OPEN, np.ones(shape, np.uint8)
                )
                part[run > 0] = 0
    return kept


def has_strokes(weights: Floats) -> bool:
    """Whether there are enough agreeing pixels, and edges have counter-edges in one direction."""
    import numpy as np

    if np.count_nonzero(weights) < STROKES:
        return False
    shares = [float((part[part != 0] > 0).mean()) if part.any() else 0.0 for part in weights]
    return any(BALANCE <= share <= 1 - BALANCE for share in shares)
