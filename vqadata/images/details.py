"""Compares what two pictures show in detail, window by window: for pages, tables and the like.

Lines of text that lie half a line off differ everywhere, and other words in the same lines hardly
more; levels do not tell them apart. So the fit is refined at the size of the second look, and in
each window what stands out in one picture is correlated with what stands out in the other one
(Lewis 1995, "Fast normalized cross-correlation"): near 1 for an edit, near 0 for another word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vqadata.images.alignment import Fit, fit_closely, lay_over
from vqadata.images.glance import box_mean

if TYPE_CHECKING:
    from vqadata.images.likeness import CloseUp

SIDE = 17
"""Side of the windows, in pixels of 256: a word or two."""

DETAILED, NOISE = 150.0, 25.0
"""Variance of grey levels from which a window has details; what JPEG adds to a variance."""

OTHER = 0.5
"""Correlation below which a window shows something else."""

ALL_ALIKE = 0.8
"""All but one in a hundred windows of a page and its edit correlate by that much."""

MOST_OTHER, BOTH = 0.01, 0.4
"""Share of windows that may show something else, and how much of details both pictures have there
if it is other text, and no text that one of them lacks."""


class Details(NamedTuple):
    """How far two pictures agree in their details."""

    least: float
    """Correlation that all but a hundredth of the windows with details have, -1 to 1."""
    other: float
    """Share of these windows that show something else."""
    both: float
    """Whether either picture has details there: 0 if only one has any, 1 if both alike."""

    def agree(self) -> bool:
        """Whether they show the same in every place."""
        return self.other == 0 and self.least >= ALL_ALIKE

    def differ(self) -> bool:
        """Whether each shows something that the other one lacks."""
        return self.other >= MOST_OTHER and self.both >= BOTH


def compare_details(fit: Fit, first: CloseUp, second: CloseUp) -> Details:
    """Compare two pictures window by window.

    Args:
        fit: Of that pair.
        first: One picture.
        second: The other one.
    """
    import numpy as np

    a, b = first.pixels[None], second.pixels[None]
    overlay = lay_over(fit_closely(fit, a, b), a, b)
    one = overlay.explained[0]
    other = one + overlay.residual[0]
    one, other = one - box_mean(one, SIDE), other - box_mean(other, SIDE)
    inside = slice(SIDE, -SIDE)  # windows that reach over the edge say nothing
    powers = [box_mean(p, SIDE)[inside, inside] for p in (one**2, other**2, one * other)]
    more, less = np.maximum(powers[0], powers[1]), np.minimum(powers[0], powers[1])
    detailed = more > DETAILED
    if not detailed.any():
        return Details(1.0, 0.0, 1.0)
    alike = powers[2] / np.sqrt(powers[0] * powers[1] + NOISE)
    apart = detailed & (alike < OTHER)
    return Details(
        least=float(np.percentile(alike[detailed], 1)),
        other=float(apart.sum() / detailed.sum()),
        both=float(less[apart].sum() / max(float(more[apart].sum()), 1.0)),
    )
