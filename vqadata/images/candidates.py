"""Finds the pairs of pictures that are worth a comparison: those with near hashes.

All pairs of near 64-bit hashes (:mod:`vqadata.images.hamming`), and of these the ones with near
256-bit hashes. Drawings of one kind, or pages of one form, are near each other by the thousand, so
the pairs of each picture have a limit. What is left out for it is told with its figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from vqadata.images.hamming import MOST_PAIRS, Join, affordable, radius_for, shrunk
from vqadata.images.perceptual import mirrored

if TYPE_CHECKING:
    from vqadata.images.perceptual import Pixels as Array
    from vqadata.images.prints import Prints

WIDE_RADIUS = 90
"""Bits of 256 by which the wide hashes of a picture and its edit may differ."""

SAME_HASH = 16
"""Of more pictures with one hash (blank pages), each is compared with the first so many alone."""

NEAREST = 16
"""Pictures with which one is compared at most: those with the nearest wide hashes."""

BLOCK = 1 << 17
"""Pairs whose wide hashes are compared at a time: some 15 MB."""

HELD = 1 << 17
"""Pairs that are gathered, 1 MB, before those that are not among the nearest are forgotten."""

BITS = 7
"""Bits that hold a difference of up to :data:`WIDE_RADIUS`, so that a pair with it is one number.
It has 63 bits: two sides of 268 million pictures each."""


class Crowd(NamedTuple):
    """How to choose where too many pictures are near each other."""

    notes: list[str]
    """Takes note of what was left out."""
    rank: Array | None = None
    """The order in which pictures are kept, int64, a picture each; 0 is the best. With it, each
    picture is compared with the nearest of those that are better; without, with the nearest."""
    apart: Array | None = None
    """Numbers of groups within which no pair is wanted; -1 for a picture in no such group."""
    left_out: Counter[int] | None = None
    """Takes the number of pictures with which a right one was not compared, by its place."""


def candidates(
    left: Prints, crowd: Crowd, right: Prints | None = None, mirror: bool = False
) -> tuple[Array, Array]:
    """Pairs of pictures whose hashes are near, in the order of the left, then the right ones.

    Args:
        left: Fingerprints.
        crowd: How to choose.
        right: The other side; by default each pair of the left side is given once, the better
            picture (without ranks the earlier one) on the left.
        mirror: Whether the left pictures are mirrored first.
    """
    ours = _Hashes(mirrored(left.wide) if mirror else left.wide, crowd.rank)
    itself = right is None and not mirror
    theirs = ours if itself else _Hashes((left if right is None else right).wide, crowd.rank)
    other = None if itself else theirs.short
    wanted = radius_for(len(ours.short), None if other is None else len(other))
    radius = affordable(ours.short, wanted, other)
    while True:
        joined, chosen = Join(ours.short, radius, other), _Chosen(ours, theirs, crowd)
        for one, two in _with_equal(joined, len(ours.short) if itself else 0):
            for a, b in _members(ours, theirs, one, two):
                chosen.add(*(_turned(a, b, crowd, mirror) if right is None else (a, b)))
        if not joined.is_full or (smaller := shrunk(radius)) == radius:
            break
        radius = smaller
    _note_hashes(joined, radius, wanted, crowd.notes)
    _note_crowd(ours, crowd.notes)
    return chosen.pairs()


def _with_equal(joined: Join, alone: int) -> Iterator[tuple[Array, Array]]:
    """Pairs of near hashes, some at a time; then each of so many with itself."""
    import numpy as np

    yield from joined
    for start in range(0, alone, BLOCK):
        same = np.arange(start, min(alone, start + BLOCK))
        yield same, same


def _turned(a: Array, b: Array, crowd: Crowd, mirror: bool) -> tuple[Array, Array]:
    """Pairs of one side, each once, the better picture first, without those of one group."""
    import numpy as np

    better = a < b if crowd.rank is None else crowd.rank[a] < crowd.rank[b]
    wanted = np.ones(len(a), bool)
    if mirror:  # each was found from both of its sides
        wanted &= a < b
    if crowd.apart is not None:
        wanted &= (crowd.apart[a] != crowd.apart[b]) | (crowd.apart[a] < 0)
    return np.where(better, a, b)[wanted], np.where(better, b, a)[wanted]


class _Chosen:
    """The pairs of pictures that are among the nearest of either, or with ranks of the worse one.

    Pairs are looked at some at a time, and let go.
    """

    def __init__(self, ours: _Hashes, theirs: _Hashes, crowd: Crowd) -> None:
        import numpy as np

        self._ours, self._theirs, self._crowd = ours.wide, theirs.wide, crowd
        self._of_right = _Nearest(len(ours.wide))
        self._of_left = _Nearest(len(theirs.wide)) if crowd.rank is None else None
        self._counts = np.zeros(len(theirs.wide), np.int64)
        """Pairs so far, by the place of the right picture."""

    def add(self, a: Array, b: Array) -> None:
        """Look at pairs, by the places of their pictures. None may come twice."""
        import numpy as np

        bits = np.bitwise_count(self._ours[a] ^ self._theirs[b]).sum(1, dtype=np.int64)
        near = bits <= WIDE_RADIUS
        a, b, bits = a[near], b[near], bits[near]
        self._counts += np.bincount(b, minlength=len(self._counts))
        self._of_right.add(b, bits, a)
        if self._of_left:
            self._of_left.add(a, bits, b)

    def pairs(self) -> tuple[Array, Array]:
        """The chosen ones, in the order of the left, then the right; notes what is left out."""
        import numpy as np

        width = max(1, len(self._theirs))
        b, a = self._of_right.pairs()
        chosen = np.sort(a * width + b)
        if self._of_left:
            a, b = self._of_left.pairs()
            chosen = np.union1d(chosen, a * width + b)
        a, b = np.divmod(chosen, width)
        self._note(self._counts - np.bincount(b, minlength=len(self._counts)))
        return a, b

    def _note(self, left: Array) -> None:
        import numpy as np

        places = np.flatnonzero(left)
        if len(places):
            self._crowd.notes.append(
                f"{left.sum():,} of {self._counts.sum():,} pairs with like hashes, of "
                f"{len(places):,} pictures with more than {NEAREST}, were not compared: of each "
                f"the {NEAREST} nearest by hash alone (drawings or pages of one kind)"
            )
        if self._crowd.left_out is not None:
            left_out = zip(places.tolist(), left[places].tolist(), strict=True)
            self._crowd.left_out.update(dict(left_out))


class _Nearest:
    """Of each picture the nearest other ones, of all that were added.

    A pair is one number, which sorts by its picture, its difference, and the other picture. A pair
    is among the first ones of its picture if the one so many places before it is of another one.

    Args:
        others: How many pictures the other side has.
    """

    def __init__(self, others: int) -> None:
        import numpy as np

        self._span = max(1, others)
        self._held = np.empty(0, np.int64)
        self._new: list[Array] = []
        self._count = 0

    def add(self, of: Array, bits: Array, others: Array) -> None:
        self._new.append((of << BITS | bits) * self._span + others)
        self._count += len(of)
        if self._count > max(HELD, len(self._held)):
            self._forget()

    def pairs(self) -> tuple[Array, Array]:
        """Pictures, and their nearest ones."""
        import numpy as np

        self._forget()
        head, others = np.divmod(self._held, self._span)
        return head >> BITS, others

    def _forget(self) -> None:
        import numpy as np

        every = np.concatenate([self._held, *self._new])
        self._new.clear()
        self._count = 0
        every.sort()
        of = every // self._span >> BITS
        near = np.ones(len(every), bool)
        near[NEAREST:] = of[NEAREST:] != of[:-NEAREST]
        self._held = every[near]


class _Hashes:
    """Wide hashes, and the distinct short ones among them."""

    def __init__(self, wide: Array, rank: Array | None) -> None:
        import numpy as np

        self.wide = wide
        short = np.ascontiguousarray(wide[:, :8]).view(np.uint64).ravel()
        self.short, inverse, self.counts = np.unique(short, return_inverse=True, return_counts=True)
        # Those of one hash stand in their rank.
        order = np.arange(len(wide)) if rank is None else np.argsort(rank, kind="stable")
        self.members = order[np.argsort(inverse[order], kind="stable")].astype(np.int64)
        self.starts = (np.cumsum(self.counts) - self.counts).astype(np.int64)


def _note_hashes(joined: Join, radius: int, wanted: int, notes: list[str]) -> None:
    if radius < wanted:
        notes.append(
            f"more than {MOST_PAIRS:,} pairs of hashes are near each other: only those that differ "
            f"in {radius} bits of 64 are compared, not {wanted}; crops may be missed"
        )
    if joined.crowded or joined.is_full:
        notes.append(
            f"{joined.crowded:,} hashes lie too close together to be compared with all; "
            f"{joined.count:,} pairs of hashes were compared"
        )


def _note_crowd(ours: _Hashes, notes: list[str]) -> None:
    crowd = int((ours.counts[ours.counts > SAME_HASH]).sum())
    if crowd:
        notes.append(
            f"{crowd:,} pictures share their hash with more than {SAME_HASH} others (blank or "
            f"plain ones, copies): each is compared with the first {SAME_HASH} alone"
        )


def _members(
    ours: _Hashes, theirs: _Hashes, one: Array, two: Array
) -> Iterator[tuple[Array, Array]]:
    """The pictures of pairs of hashes, each pair once: of many alike, the first ones with all."""
    import numpy as np

    same = one == two if theirs is ours else np.zeros(len(one), bool)
    most = max(ours.counts[one].max(initial=0), theirs.counts[two].max(initial=0))
    for step in range(min(SAME_HASH, int(most))):
        # The first ones of one side with all of the other; of the same hash with those behind.
        yield from _one_with_many(ours, one, step, theirs, two, np.where(same, step + 1, 0))
        # The first ones of the other side with the rest: with its first ones they have been.
        rest = np.where(same, ours.counts[one], SAME_HASH)
        for b, a in _one_with_many(theirs, two, step, ours, one, rest):
            yield a, b


def _one_with_many(
    one: _Hashes, x: Array, step: int, many: _Hashes, y: Array, behind: Array
) -> Iterator[tuple[Array, Array]]:
    """The picture so many steps into each hash, with those of the other hash from a place on."""
    import numpy as np

    has = (one.counts[x] > step) & (many.counts[y] > behind)
    x, y, behind = x[has], y[has], behind[has]
    first, starts = one.members[one.starts[x] + step], many.starts[y] + behind
    lengths = many.counts[y] - behind
    for start, end in _blocks(lengths):
        counts = lengths[start:end]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        rest = many.members[np.repeat(starts[start:end], counts) + within]
        yield np.repeat(first[start:end], counts), rest


def _blocks(counts: Array) -> Iterator[tuple[int, int]]:
    """Cut pairs of hashes into runs of some :data:`BLOCK` pairs of pictures."""
    import numpy as np

    ends = np.cumsum(counts) // BLOCK
    cuts = [0, *(np.flatnonzero(np.diff(ends)) + 1).tolist(), len(counts)]
    yield from ((start, end) for start, end in pairwise(cuts) if start < end)
