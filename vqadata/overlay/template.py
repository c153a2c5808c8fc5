"""A learnt mark: what its edges look like, where it stands, and how a picture is held against it.

The score of a picture is the mean agreement of its edges with those of the mark, from -1 to 1.
Whether a score is high is asked of the picture itself: the mark is held against it some pixels
away as well, where it cannot stand. So a busy picture has to agree better than a calm one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vqadata.overlay.agreement import half_of, signs
from vqadata.overlay.zone import ZONES, Zone

if TYPE_CHECKING:
    from vqadata.overlay.agreement import Signs
    from vqadata.overlay.region import Floats
    from vqadata.overlay.zone import Grey

REACH = 10
"""How far away the mark is held against a picture for comparison, in pixels."""

NEAR = 2
"""Shifts up to this many pixels are no comparison: letters resemble themselves."""

SCORE = 0.22
"""Smallest score of a picture that carries the mark."""

ABOVE = 4.5
"""How many standard deviations a score must stand above those of the shifted mark."""


STRONGEST = 12.0
"""Standard deviations beyond which a pixel weighs no more."""


class Sight(NamedTuple):
    """How a picture answers to a template."""

    score: float
    """Mean agreement of edges, -1 to 1."""
    above: float
    """Standard deviations above the agreement some pixels away."""

    @property
    def carries(self) -> bool:
        """Whether the picture carries the mark."""
        return self.score >= SCORE and self.above >= ABOVE


class Template(NamedTuple):
    """The edges of a mark."""

    zone: str
    top: int
    """First row in the zone."""
    left: int
    """First column in the zone."""
    weights: Floats
    """``[half, direction, height, width]``, learnt from one half of the pictures each; the absolute
    values of a half add up to 1."""

    @property
    def place(self) -> Zone:
        """The zone itself."""
        return next(zone for zone in ZONES if zone.name == self.zone)

    def box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """The mark's place in a picture of that size: x0, y0, x1, y1; may stand over its edge."""
        y, x = self.place.corner(height, width)
        rows, columns = self.weights.shape[2:]
        return x + self.left, y + self.top, x + self.left + columns, y + self.top + rows

    def fits(self, height: int, width: int) -> bool:
        """Whether a picture of that size is large enough to carry the mark."""
        x0, y0, x1, y1 = self.box(height, width)
        return x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height


def template_of(place: tuple[str, int, int], weights: Floats) -> Template:
    """A template whose weights add up to 1.

    Args:
        place: Zone, and first row and column in it.
        weights: ``[half, direction, height, width]``, in standard deviations.
    """
    import numpy as np

    bounded = np.clip(weights, -STRONGEST, STRONGEST)
    total = np.abs(bounded).sum(axis=(1, 2, 3), keepdims=True)
    return Template(*place, bounded / np.maximum(total, 1e-6))


def surroundings(grey: Grey, template: Template) -> Signs:
    """Signs of a picture where the mark may stand, and :data:`REACH` pixels around it.

    Returns:
        ``[2, height + 2 REACH, width + 2 REACH]``; 0 outside the picture.
    """
    import numpy as np

    x0, y0, x1, y1 = template.box(*grey.shape)
    x0, y0, x1, y1 = x0 - REACH, y0 - REACH, x1 + REACH, y1 + REACH
    out = np.zeros((2, y1 - y0, x1 - x0), np.int8)
    top, left = max(y0, 0), max(x0, 0)
    seen = signs(grey[top : max(y1, 0), left : max(x1, 0)])
    out[:, top - y0 : top - y0 + seen.shape[1], left - x0 : left - x0 + seen.shape[2]] = seen
    return out


def look(seen: Signs, weights: Floats) -> Sight:
    """Hold a mark against the surroundings of its place in a picture.

    Args:
        seen: What :func:`surroundings` gives.
        weights: ``[2, height, width]``, of the half to which the picture does not belong, so that
            no picture speaks for itself.
    """
    import cv2
    import numpy as np

    agreement = np.zeros((2 * REACH + 1, 2 * REACH + 1), np.float32)
    for part, strokes in zip(seen, weights, strict=True):
        agreement += cv2.matchTemplate(part.astype(np.float32), strokes, cv2.TM_CCORR)
    middle = agreement[REACH - 1 : REACH + 2, REACH - 1 : REACH + 2]
    away = np.ones(agreement.shape, bool)
    away[REACH - NEAR : REACH + NEAR + 1, REACH - NEAR : REACH + NEAR + 1] = False
    others = agreement[away]
    score = float(middle.max())
    return Sight(score, (score - float(others.mean())) / (float(others.std()) + 0.02))


def see(grey: Grey, digest: str, template: Template) -> Sight:
    """Hold a template against a picture."""
    return look(surroundings(grey, template), template.weights[1 - half_of(digest)])
