"""Finds all pairs of 64-bit hashes that differ in few bits, exactly, without an index.

A multi-index join (after Norouzi, Punjani and Fleet 2012, "Fast search in Hamming space with
multi-index hashing"): hashes are cut into four chunks of 16 bits. Of a pair within radius ``r``,
one chunk differs in no more than its share of the bits, so each chunk is joined with the buckets
that its neighbours name. The shares add up to ``r - 3``, not to ``r`` (the pigeonhole principle of
Qin et al. 2018, "GPH"), which halves the work: some ``n² / 131072`` popcounts a neighbour. A few
thousand hashes are compared each with each, which is quicker than to look up so many neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

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
"""Pairs after which a join stops; they fill 160 MB."""

FEW = LARGEST_BUCKET
"""Hashes of one side up to which all are compared with each other: 0.1 seconds at most."""

ROWS = 64
"""Hashes that are compared with all others at a time: 2 MB."""

SMALL = 1024
"""Arrays of pairs that are gathered into one."""

BLOCK = 1 << 15
"""Hashes that are worked on at a time, so that they stay in the processor's cache."""


class Pairs(NamedTuple):
    """Pairs of hashes within the radius."""

    left: Array
    """int32: number of one hash of each pair."""
    right: Array
    """int32: number of the other one."""
    crowded: int
    """Hashes that were not compared with all others, because their buckets are too large."""


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


def join(left: Array, radius: int, right: Array | None = None) -> Pairs:
    """All pairs within a radius.

    Args:
        left: uint64, distinct hashes.
        radius: 3 to 18 bits.
        right: The other side; by default ``left`` is joined with itself, each pair once.

    Returns:
        The pairs in no particular order; of a join with itself, ``left`` is not ``right``.
        :data:`MOST_PAIRS` or more: there may be others.
    """
    found = _Growing(), _Growing()
    crowded = count = 0
    other = left if right is None else right
    if max(len(left), len(other)) <= FEW:
        return _each_with_each(left, other, radius, right is None)
    for chunk, share in enumerate(_shares(radius)):
        side = _Side(other, chunk)
        crowded = max(crowded, side.crowded)
        for ours, theirs in _joined(left, side, chunk, share, radius, right is None):
            fresh = ~_found_before(left[ours] ^ other[theirs], radius, chunk)
            found[0].add(ours[fresh])
            found[1].add(theirs[fresh])
            count += int(fresh.sum())
            if count >= MOST_PAIRS:
                break
        if count >= MOST_PAIRS:
            break
    return Pairs(found[0].whole(), found[1].whole(), crowded)


class _Growing:
    """Many small arrays, kept as few large ones: a small one takes more memory than it holds."""

    def __init__(self) -> None:
        self._large: list[Array] = []
        self._small: list[Array] = []

    def add(self, part: Array) -> None:
        self._small.append(part)
        if len(self._small) == SMALL:
            self._gather()

    def whole(self) -> Array:
        """All of it; nothing is kept here."""
        self._gather()
        import numpy as np

        whole = np.concatenate(self._large)
        self._large.clear()
        return whole

    def _gather(self) -> None:
        import numpy as np

        self._large.append(np.concatenate([np.empty(0, np.int32), *self._small]))
        self._small.clear()


def _each_with_each(left: Array, right: Array, radius: int, itself: bool) -> Pairs:
    """Compare all hashes of one side with all of the other."""
    import numpy as np

    found = [(np.empty(0, np.int32),) * 2]
    for start in range(0, len(left), ROWS):
        ours = left[start : start + ROWS, None]
        begin = start if itself else 0
        near = np.bitwise_count(ours ^ right[None, begin:]) <= radius
        if itself:  # each pair once
            near &= np.arange(begin, len(right)) > np.arange(start, start + len(ours))[:, None]
        one, two = np.nonzero(near)
        found.append(((one + start).astype(np.int32), (two + begin).astype(np.int32)))
    one, two = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Pairs(one, two, 0)


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


def _joined(
    left: Array, side: _Side, chunk: int, share: int, radius: int, itself: bool
) -> Iterator[tuple[Array, Array]]:
    """Pairs whose chunks are neighbours."""
    import numpy as np

    ours = side if itself else _Side(left, chunk)
    for start in range(0, len(ours.keys), BLOCK):
        keys, hashes = ours.keys[start : start + BLOCK], ours.hashes[start : start + BLOCK]
        numbers = np.arange(start, start + len(keys))
        for mask in _masks(share):
            buckets = keys ^ mask
            size: Array = side.sizes.take(buckets)
            if itself and mask:
                chosen = np.flatnonzero((keys < buckets) & (size > 0))  # each two buckets once
            elif itself:
                # Of one bucket, each is compared with those behind it.
                first, size = numbers + 1, side.starts[keys] + side.sizes[keys] - numbers - 1
                size = np.maximum(size, 0)  # of a crowded bucket the last ones have no others
                yield from _near(hashes, numbers, first, size, ours, side, radius)
                continue
            else:
                chosen = np.flatnonzero(size)
            first = side.starts.take(buckets.take(chosen))
            own = hashes.take(chosen), numbers.take(chosen)
            yield from _near(*own, first, size.take(chosen), ours, side, radius)


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
