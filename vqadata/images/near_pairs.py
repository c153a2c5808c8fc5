"""Finds the pairs of pictures that are one picture and its edit, among many, with the edit.

Three stages, each exact about what the next one needs: pairs of near hashes
(:mod:`vqadata.images.candidates`), of these the pairs whose thumbnails lie over each other without
a plain difference (:mod:`vqadata.images.glance`), and of these the pairs that withstand a second
look at their own size (:mod:`vqadata.images.likeness`); the caller hands these pictures out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from vqadata.images.alignment import Fit
from vqadata.images.details import compare_details
from vqadata.images.glance import CERTAIN, FARTHEST, MOST_SPREAD, NEAR, compare
from vqadata.images.likeness import (
    FLAT_COLOUR,
    OTHER_COLOUR,
    TEXT_CELLS,
    Closer,
    CloseUp,
    colours_apart,
    excused,
    has_other_tint,
    look_closer,
    same_light,
    same_tints,
    without,
)
from vqadata.images.prints import Prints

if TYPE_CHECKING:
    from vqadata.images.perceptual import Pixels as Array

Level = Literal["certain", "likely"]

COMPARED = 32
"""Pairs that are compared at a time: what is worked on stays in the processor's cache."""

LOOKED_AT = 250
"""Pairs that are looked at again at a time: their close-ups fill 36 MB at most."""

MOST_CROPPED, MOVED = 0.16, 0.04
"""How much a crop may cut off each side, and show more of another one, in halves of a picture: 8%
and 2%. What shows less, or more of one side and less of another, is another framing."""

CloseUps = Callable[[Iterable[int]], Mapping[int, CloseUp]]
"""Gives pictures by number, in their own size."""


class NearPair(NamedTuple):
    """A picture and its edit."""

    left: int
    """Place of one picture among the fingerprints of its side."""
    right: int
    level: Level
    """``certain``: they differ nowhere. ``likely``: they may differ where text was laid over."""
    difference: float
    """The largest local difference; see :func:`vqadata.images.glance.differences`."""
    numbers: tuple[float, ...]
    """The fit of the right picture by the left one; see :class:`vqadata.images.alignment.Fit`."""
    mirror: bool
    """Whether the right picture is like the mirror image of the left one."""
    text: bool
    """Whether one of them has text that the other one lacks."""


class Search(NamedTuple):
    """What to look for, and what was found out on the way."""

    notes: list[str]
    """What was not compared, in words with figures."""
    near: bool = True
    """Whether pairs that are likely but not certain are wanted."""
    left_out: Counter[int] | None = None
    """Takes the number of pictures with which one was not compared, by its place."""


class Comparison(NamedTuple):
    """Compares pictures of two sides, pair by pair."""

    left: Prints
    right: Prints
    close_ups: tuple[CloseUps, CloseUps]
    """What gives the pictures of either side again, by place."""
    near: bool = True
    """Whether pairs that are likely but not certain are wanted."""
    mirror: bool = False
    """Whether the left pictures are mirrored first."""

    def of(self, ours: Array, theirs: Array) -> Iterator[NearPair]:
        """Those of some pairs that are near-duplicates.

        Args:
            ours: Places of the left pictures, int64.
            theirs: Places of the right ones.
        """
        waiting: list[tuple[int, int, float, Fit]] = []
        for start in range(0, len(ours), COMPARED):
            end = start + COMPARED
            waiting += self._glanced(ours[start:end], theirs[start:end])
            if len(waiting) >= LOOKED_AT:
                yield from self._looked_at(waiting)
                waiting = []
        yield from self._looked_at(waiting)

    def _glanced(self, a: Array, b: Array) -> Iterator[tuple[int, int, float, Fit]]:
        import numpy as np

        first = self.left.thumbs(a)
        kept, fit, found = compare(
            first[:, :, ::-1] if self.mirror else first, self.right.thumbs(b)
        )
        for place, (largest, spread) in enumerate(zip(*map(np.ndarray.tolist, found), strict=True)):
            likely = self.near and largest <= FARTHEST and spread <= MOST_SPREAD
            if likely or largest <= CERTAIN:
                one, two = int(a[kept[place]]), int(b[kept[place]])
                own = fit.only(np.array([place]))
                if _is_crop(own):
                    yield one, two, largest, own

    def _looked_at(self, waiting: list[tuple[int, int, float, Fit]]) -> Iterator[NearPair]:
        """Those of some pairs that are near-duplicates at a second look."""
        ours = self.close_ups[0]({one for one, *_ in waiting})
        theirs = self.close_ups[1]({two for _, two, *_ in waiting})
        for one, two, largest, fit in waiting:
            first = ours[one].mirrored() if self.mirror else ours[one]
            level, text = _told(fit, largest, first, theirs[two])
            if level is not None and (self.near or level == "certain"):
                numbers = tuple(round(float(number), 3) for number in fit.numbers[0])
                yield NearPair(one, two, level, round(largest, 3), numbers, self.mirror, text)


def _told(fit: Fit, largest: float, first: CloseUp, second: CloseUp) -> tuple[Level | None, bool]:
    """How alike a pair is at a second look, and whether by text; ``None``: two pictures."""
    flat = first.flat or second.flat
    if flat and not same_light(fit):
        return None, False
    apart = colours_apart(fit, first, second)
    other = FLAT_COLOUR if flat else OTHER_COLOUR
    if int((apart.nearest > other).sum()) > TEXT_CELLS:
        return None, False
    closer = look_closer(fit, first, second)
    certain = largest <= CERTAIN and not flat and not closer.is_spot()
    certain = certain and same_tints(apart.mixed)
    if not certain and closer.is_text(flat):
        plain = not flat or same_tints(without(apart.mixed, closer))
        return ("likely" if plain else None), plain
    if has_other_tint(apart.nearest) or (flat and not same_tints(apart.mixed)):
        return None, False
    if not _same(fit, largest, closer, (first, second)):
        return None, False
    return ("certain" if certain else "likely"), False


def _same(fit: Fit, largest: float, closer: Closer, pair: tuple[CloseUp, CloseUp]) -> bool:
    """Whether a pair without other text and colours is one picture."""
    plain = largest <= NEAR and not closer.is_thing()
    if plain and not (closer.is_spread() and not (pair[0].flat or pair[1].flat)):
        return True
    details = compare_details(fit, *pair)
    if closer.is_spread():
        return details.agree() or (plain and not details.differ())
    return largest > NEAR and excused(largest, closer, details)


def _is_crop(fit: Fit) -> bool:
    """Whether the one picture shows nearly all of the other one, and nothing beside it."""
    across, right, down, below = fit.numbers[0, :4].tolist()
    inside = (1 - across + right, 1 - across - right, 1 - down + below, 1 - down - below)
    outside = [-edge for edge in inside]
    return any(min(cut) >= -MOVED and max(cut) <= MOST_CROPPED for cut in (inside, outside))
