"""Finds all pairs of 64-bit hashes that differ in few bits, exactly, without an index.

A multi-index join (after Norouzi, Punjani and Fleet 2012, "Fast search in Hamming space with
multi-index hashing"): hashes are cut into four chunks of 16 bits. Of a pair within radius ``r``,
one chunk differs in no more than its share of the bits, so each chunk is joined with the buckets
that its neighbours name. The shares add up to ``r - 3``, not to ``r`` (the pigeonhole principle of
Qin et al. 2018, "GPH"), which halves the work: some ``n² / 131072`` popcounts a neighbour. A few
thousand hashes are compared each with each, which is quicker than to look up so many neighbours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vqadata.images.perceptual import Pixels as Array

CHUNKS, CHUNK_BITS = 4, 16
BUCKETS = 1 << CHUNK_BITS

LOOSE_RADIUS = 17
"""Bits by which the hashes of a picture and its crop may differ."""

MOST_WORK = 2.5e9
"""Popcounts of a join, some 15 seconds; the radius is the largest one that needs no more."""

LARGEST_BUCKET = 4096
"""Hashes of one bucket that are compared with each other; more are said aloud."""

MOST_PAIRS = 20_000_000
"""Pairs after which a join stops."""

TOO_MANY = 1.5 * MOST_PAIRS
"""Pairs that a sample must promise for the join not to be tried."""

SMALLEST_RADIUS = 4
"""Bits below which the radius does not shrink further where pairs are too many."""

FEW = LARGEST_BUCKET
"""Hashes of one side up to which all are compared with each other: 0.1 seconds at most."""

ROWS = 64
"""Hashes that are compared with all others at a time: 2 MB."""

PAIRS = ROWS * FEW
"""Pairs that are given at a time: 2 MB."""

BLOCK = 1 << 15
"""Hashes that are worked on at a time, so that they stay in the processor's cache."""


def radius_for(left: int, right: int | None = None) -> int:
    """The radius that so many distinct hashes can afford: 17 up to some 200,000.

    Args:
        left: How many hashes.
        right: How many on the other side; ``None`` if they are joined with themselves.
    """
    pairs = left * left / 2 if right is None else float(left * right)
    for radius in range(LOOSE_RADIUS, CHUNKS - 1, -1):
        if sum(len(_masks(share)) for share in _shares(radius)) * pairs / BUCKETS <= MOST_WORK:
            return radius
    return CHUNKS - 1


def affordable(left: Array, radius: int, right: Array | None = None) -> int:
    """The radius, or a smaller one where a sample says that the join would surely stop too soon.

    Args:
        left: uint64, distinct hashes.
        radius: Bits.
        right: The other side; by default the left one.
    """
    sides = [left, left if right is None else right]
    if prod(map(len, sides)) < TOO_MANY:  # no sample is needed to say that it will not stop
        return radius
    some = [side[:: -(-len(side) // FEW) or 1] for side in sides]
    share = prod(len(part) / max(1, len(side)) for part, side in zip(some, sides, strict=True))
    while True:
        sample = Join(some[0], radius, None if right is None else some[1])
        deque(sample, maxlen=0)
        if sample.count < share * TOO_MANY or (smaller := shrunk(radius)) == radius:
            return radius
        radius = smaller


def shrunk(radius: int) -> int:
    """The next smaller radius to try; itself if there is none."""
    return radius - 2 if radius > SMALLEST_RADIUS else radius


class Join:
    """All pairs of hashes within a radius, each once, in no particular order, some at a time.

    Args:
        left: uint64, distinct hashes.
        radius: 3 to 18 bits.
        right: The other side; by default ``left`` is joined with itself, each pair once.

    Attributes:
        count: Pairs that were given so far.
        crowded: Hashes that were not compared with all others, because their buckets are too large.
    """

    def __init__(self, left: Array, radius: int, right: Array | None = None) -> None:
        """Compare nothing yet."""
        self._left, self._radius = left, radius
        self._right, self._itself = (left, True) if right is None else (right, False)
        self.count = self.crowded = 0

    @property
    def is_full(self) -> bool:
        """Whether it stopped at :data:`MOST_PAIRS`: there may be others."""
        return self.count >= MOST_PAIRS

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """Yield the numbers of left and of right hashes, int32."""
        import numpy as np

        ours, theirs, filled = np.empty(PAIRS, np.int32), np.empty(PAIRS, np.int32), 0
        for left, right in self._parts():
            if filled + len(left) > PAIRS:
                yield ours[:filled].copy(), theirs[:filled].copy()
                filled = 0
            place = slice(filled, filled + len(left))
            ours[place], theirs[place] = left, right
            filled, self.count = filled + len(left), self.count + len(left)
            if self.is_full:
                break
        yield ours[:filled], theirs[:filled]

    def _parts(self) -> Iterator[tuple[Array, Array]]:
        if max(len(self._left), len(self._right)) <= FEW:
            yield from self._each_with_each()
            return
        for chunk, share in enumerate(_shares(self._radius)):
            side = _Side(self._right, chunk)
            self.crowded = max(self.crowded, side.crowded)
            for ours, theirs in self._joined(side, chunk, share):
                unequal = self._left[ours] ^ self._right[theirs]
                fresh = ~_found_before(unequal, self._radius, chunk)
                yield ours[fresh], theirs[fresh]

    def _each_with_each(self) -> Iterator[tuple[Array, Array]]:
        """Compare all hashes of one side with all of the other."""
        import numpy as np

        for start in range(0, len(self._left), ROWS):
            ours = self._left[start : start + ROWS, None]
            begin = start if self._itself else 0
            near = np.bitwise_count(ours ^ self._right[None, begin:]) <= self._radius
            if self._itself:  # each pair once
                near[:, : len(ours)] &= ~np.tri(len(ours), dtype=bool)
            one, two = np.nonzero(near)
            yield one + start, two + begin

    def _joined(self, side: _Side, chunk: int, share: int) -> Iterator[tuple[Array, Array]]:
        """Pairs whose chunks are neighbours."""
        import numpy as np

        ours = side if self._itself else _Side(self._left, chunk)
        for start in range(0, len(ours.keys), BLOCK):
            keys, hashes = ours.keys[start : start + BLOCK], ours.hashes[start : start + BLOCK]
            numbers = np.arange(start, start + len(keys))
            for mask in _masks(share):
                buckets = keys ^ mask
                size: Array = side.sizes.take(buckets)
                if self._itself and mask:
                    chosen = np.flatnonzero((keys < buckets) & (size > 0))  # each two buckets once
                elif self._itself:
                    # Of one bucket, each is compared with those behind it.
                    first, size = numbers + 1, side.starts[keys] + side.sizes[keys] - numbers - 1
                    size = np.maximum(size, 0)  # of a crowded bucket the last ones have no others
                    yield from _near(hashes, numbers, first, size, ours, side, self._radius)
                    continue
                else:
                    chosen = np.flatnonzero(size)
                first = side.starts.take(buckets.take(chosen))
                own = hashes.take(chosen), numbers.take(chosen)
                yield from _near(*own, first, size.take(chosen), ours, side, self._radius)


class _Side:
    """Hashes in the order of one chunk, by buckets."""

    def __init__(self, hashes: Array, chunk: int) -> None:
        import numpy as np

        keys = _keys(hashes, chunk)
        self.order = np.argsort(keys, kind="stable").astype(np.int32)
        self.hashes, self.keys = hashes[self.order], keys[self.order]
        sizes = np.bincount(self.keys, minlength=BUCKETS)
        self.starts = np.concatenate([[0], np.cumsum(sizes)])[:-1].astype(np.int64)
        self.crowded = int(sizes[sizes > LARGEST_BUCKET].sum())
        self.sizes = np.minimum(sizes, LARGEST_BUCKET).astype(np.uint16)


def _near(
    hashes: Array, numbers: Array, first: Array, size: Array, ours: _Side, side: _Side, radius: int
) -> Iterator[tuple[Array, Array]]:
    """Compare each hash with a run of others: with the first of all runs, the second of all ..."""
    import numpy as np

    # Those with the longest runs come first, so that the others fall off at the end. Numbers of 16
    # bits are sorted by their digits, many times as quickly as longer ones.
    order = np.argsort((LARGEST_BUCKET - size).astype(np.uint16), kind="stable")
    hashes, numbers, first = hashes.take(order), numbers.take(order), first.take(order)
    counts = len(size) - np.bincount(size).cumsum()[:-1]
    for step, count in enumerate(counts.tolist()):
        others = side.hashes.take(first[:count] + step)
        near = np.flatnonzero(np.bitwise_count(others ^ hashes[:count]) <= radius)
        if len(near):
            yield ours.order[numbers[near]], side.order[first[near] + step]


def _found_before(unequal: Array, radius: int, chunk: int) -> Array:
    """Whether an earlier chunk has found these pairs already."""
    import numpy as np

    before = np.zeros(len(unequal), bool)
    for earlier, share in enumerate(_shares(radius)[:chunk]):
        before |= np.bitwise_count(_keys(unequal, earlier)) <= share
    return before


def _keys(hashes: Array, chunk: int) -> Array:
    import numpy as np

    keys: Array = ((hashes >> np.uint64(chunk * CHUNK_BITS)) & np.uint64(BUCKETS - 1)).astype(
        np.int64
    )
    return keys


def _shares(radius: int) -> list[int]:
    """Bits by which each chunk may differ from its bucket."""
    total = radius - CHUNKS + 1
    return [total // CHUNKS + (chunk >= CHUNKS - total % CHUNKS) for chunk in range(CHUNKS)]


def _masks(share: int) -> list[int]:
    """Numbers of 16 bits of which up to ``share`` are set."""
    bits = range(CHUNK_BITS)
    sets = (chosen for count in range(share + 1) for chosen in combinations(bits, count))
    return [sum(1 << bit for bit in chosen) for chosen in sets]
