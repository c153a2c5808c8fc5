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
from vqadata.images.candidates import Crowd, candidates
from vqadata.images.details import compare_details
from vqadata.images.glance import CERTAIN, FARTHEST, MOST_SPREAD, compare
from vqadata.images.likeness import (
    OTHER_COLOUR,
    TEXT_CELLS,
    CloseUp,
    alike,
    colours_apart,
    has_other_tint,
    look_closer,
    same_ground,
    same_light,
    same_tints,
)
from vqadata.images.prints import Prints

if TYPE_CHECKING:
    from vqadata.images.perceptual import Pixels as Array

Level = Literal["certain", "likely"]

COMPARED = 32
"""Pairs that are compared at a time: what is worked on stays in the processor's cache."""

LOOKED_AT = 1000
"""Pairs that are looked at again at a time: their close-ups fill 128 MB at most."""

MOST_CROPPED = 1.2
"""How many times as large the one picture's part may be shown in the other one: a crop of 5% at
each side needs 1.11. A smaller part is another framing."""

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
                if _has_most(own):
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
    if int((apart > OTHER_COLOUR).sum()) > TEXT_CELLS or (flat and not same_ground(apart)):
        return None, False
    closer = look_closer(fit, first, second)
    certain = largest <= CERTAIN and not flat and not closer.is_spot()
    certain = certain and same_tints(fit, first, second)
    text = not certain and closer.is_text()
    if has_other_tint(apart) and not text:
        return None, False
    if closer.is_spread() and not flat and not text:
        details = compare_details(fit, first, second)
        same = details.agree() or (alike(largest, closer) and not details.differ())
    else:
        same = alike(largest, closer)
    return (None if not same else "certain" if certain else "likely"), text


def _has_most(fit: Fit) -> bool:
    """Whether each picture of a pair shows nearly all of the other one."""
    scales = fit.numbers[0, [0, 2]].tolist()
    return all(1 / MOST_CROPPED <= scale <= MOST_CROPPED for scale in scales)


def near_pairs(
    left: Prints,
    close_up: Callable[[bool], CloseUps],
    search: Search,
    right: Prints | None = None,
    mirror: bool = False,
    apart: Array | None = None,
) -> Iterator[NearPair]:
    """Find all pairs of a picture and its edit.

    Args:
        left: Fingerprints.
        close_up: For one side (``True``: the right one), what gives its pictures again by place.
        search: What is wanted; takes notes.
        right: The other side; by default the left one.
        mirror: Look for mirror images, of the left pictures.
        apart: Numbers of groups within which no pair is wanted, int64, a picture each; -1 for one
            in no such group. Only without the other side.
    """
    ours, theirs = candidates(
        left, Crowd(search.notes, apart=apart, left_out=search.left_out), right, mirror
    )
    sides = close_up(False), close_up(True)
    yield from Comparison(left, right or left, sides, search.near, mirror).of(ours, theirs)
