"""Tells drawings and pages from photographs and films: most of a sheet is one level, and not black.

Charts, forms and screenshots of one make have their words at the same places: that is their layout,
no mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vqadata.overlay.zone import Grey

BLACK = 16
"""Grey level from which on a sheet is not the black around a film."""

SHARE = 0.45
"""Smallest share of the pixels that lie within two levels of the commonest one."""


def is_paper(grey: Grey) -> bool:
    """Whether a picture is a drawing or a page.

    Args:
        grey: ``[height, width]``.
    """
    import numpy as np

    counts = np.bincount(grey[::2, ::2].ravel(), minlength=256)
    level = int(counts.argmax())
    near = counts[max(level - 2, 0) : level + 3].sum()
    return level >= BLACK and bool(near >= SHARE * counts.sum())
