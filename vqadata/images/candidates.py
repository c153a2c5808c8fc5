"""Finds the pairs of pictures that are worth a comparison: those with near hashes.

All pairs of near 64-bit hashes (:mod:`vqadata.images.hamming`), and of these the ones with near
256-bit hashes. Drawings of one kind, or pages of one form, are near each other by the thousand, so
the pairs of each picture have a limit. What is left out for it is told with its figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from vqadata.images.hamming import MOST_PAIRS, Pairs, join, radius_for
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

BLOCK = 1 << 18
"""Pairs whose wide hashes are compared at a time: some 30 MB."""

BITS = 7
"""Bits that hold a difference of up to :data:`WIDE_RADIUS`, so that a pair with it is one number.
It has 63 bits: two sides of 268 million pictures each."""

_BITS_MASK = (1 << BITS) - 1


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
    import numpy as np

    ours = _Hashes(mirrored(left.wide) if mirror else left.wide, crowd.rank)
    itself = right is None and not mirror
    theirs = ours if itself else _Hashes((right or left).wide, crowd.rank)
    rank = crowd.rank if crowd.rank is not None else np.arange(len(ours.wide))
    kept, width = [np.empty(0, np.int64)], max(1, len(theirs.wide))
    near_hashes = partial(_near_hashes, ours, None if itself else theirs, crowd.notes)
    for one, two in _some(near_hashes, len(ours.short) if itself else 0):
        for pair in _members(ours, theirs, one, two):
            a, b = pair if right is not None else _turned(*pair, rank, crowd.apart)
            bits = np.bitwise_count(ours.wide[a] ^ theirs.wide[b]).sum(1, dtype=np.int64)
            near = bits <= WIDE_RADIUS
            kept.append(((a * width + b) << BITS | bits)[near])
    _note_crowd(ours, crowd.notes)
    every = np.concatenate(kept)
    kept.clear()
    every.sort()
    fresh = np.ones(len(every), bool)
    fresh[1:] = every[1:] != every[:-1]
    return _nearest(every[fresh], crowd, len(ours.wide), width)


def _some(near_hashes: Callable[[], Pairs], alone: int) -> Iterator[tuple[Array, Array]]:
    """Pairs of hashes, some at a time, which are let go; then each of so many with itself."""
    import numpy as np

    found = near_hashes()
    for start in range(0, len(found.left), BLOCK):
        yield found.left[start : start + BLOCK], found.right[start : start + BLOCK]
    del found
    for start in range(0, alone, BLOCK):
        same = np.arange(start, min(alone, start + BLOCK))
        yield same, same


def _turned(a: Array, b: Array, rank: Array, apart: Array | None) -> tuple[Array, Array]:
    """Pairs of one side, the better picture first, without those of one group."""
    import numpy as np

    better = rank[a] < rank[b]
    wanted = a != b
    if apart is not None:
        wanted &= (apart[a] != apart[b]) | (apart[a] < 0)
    return np.where(better, a, b)[wanted], np.where(better, b, a)[wanted]


def _near_hashes(ours: _Hashes, theirs: _Hashes | None, notes: list[str]) -> Pairs:
    """Pairs of short hashes within the largest radius that is affordable."""
    other = None if theirs is None else theirs.short
    wanted = radius = radius_for(len(ours.short), None if other is None else len(other))
    while len((found := join(ours.short, radius, other)).left) >= MOST_PAIRS and radius > 4:
        radius -= 2
        del found  # they would lie beside the next ones
    if radius < wanted:
        notes.append(
            f"more than {MOST_PAIRS:,} pairs of hashes are near each other: only those that differ "
            f"in {radius} bits of 64 are compared, not {wanted}; crops may be missed"
        )
    if found.crowded or len(found.left) >= MOST_PAIRS:
        notes.append(
            f"{found.crowded:,} hashes lie too close together to be compared with all; "
            f"{len(found.left):,} pairs of hashes were compared"
        )
    return found


def _nearest(every: Array, crowd: Crowd, ours: int, width: int) -> tuple[Array, Array]:
    """The pairs of pictures that are among the nearest of either, or of the worse one.

    Args:
        every: Pairs with their difference, each ``(left * width + right) << BITS | bits``.
        crowd: How to choose.
        ours: Pictures of the left side.
        width: Pictures of the right side.
    """
    import numpy as np

    chosen = _nearest_of(every, ours, width, of_right=True)
    if crowd.rank is None:
        chosen = np.union1d(chosen, _nearest_of(every, ours, width, of_right=False))
    a, b = np.divmod(chosen >> BITS, width)
    left = -np.bincount(b, minlength=width)
    for start in range(0, len(every), BLOCK):
        left += np.bincount((every[start : start + BLOCK] >> BITS) % width, minlength=width)
    if len(chosen) < len(every):
        crowd.notes.append(
            f"{len(every) - len(chosen):,} of {len(every):,} pairs with like hashes, of "
            f"{np.count_nonzero(left):,} pictures with more than {NEAREST}, were not compared: of "
            f"each the {NEAREST} nearest by hash alone (drawings or pages of one kind)"
        )
    if crowd.left_out is not None:
        places = np.flatnonzero(left)
        crowd.left_out.update(dict(zip(places.tolist(), left[places].tolist(), strict=True)))
    return a, b


def _nearest_of(every: Array, ours: int, width: int, of_right: bool) -> Array:
    """The pairs that are among the nearest of their right or left picture, in order.

    All are sorted by that picture, then by their difference: a pair is among the first ones of its
    picture if the one so many places before it is of another one.
    """
    import numpy as np

    span = max(1, ours) if of_right else width
    turned = np.empty_like(every)
    for start in range(0, len(every), BLOCK):
        block = slice(start, start + BLOCK)
        a, b = np.divmod(every[block] >> BITS, width)
        of, other = (b, a) if of_right else (a, b)
        turned[block] = (of << BITS | every[block] & _BITS_MASK) * span + other
    turned.sort()
    kept = [np.empty(0, np.int64)]
    for start in range(0, len(turned), BLOCK):
        head, other = np.divmod(turned[start : start + BLOCK], span)
        of, bits = head >> BITS, head & _BITS_MASK
        behind = max(NEAREST - start, 0)  # of the whole, the first ones have none so far before
        last = max(start + len(of) - NEAREST, 0)
        before = turned[start + behind - NEAREST : last] // span >> BITS
        first = np.ones(len(of), bool)
        first[behind:] = of[behind:] != before
        a, b = (other, of) if of_right else (of, other)
        kept.append(((a * width + b) << BITS | bits)[first])
    return np.sort(np.concatenate(kept))


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
    """The pictures of pairs of short hashes: each with each, of many alike only the first ones."""
    import numpy as np

    for step in range(SAME_HASH):
        # The first ones of one side, each with all of the other.
        for a, b, turned in ((ours, theirs, False), (theirs, ours, True)):
            x, y = (two, one) if turned else (one, two)
            has = a.counts[x] > step
            x, y = x[has], y[has]
            for start, end in _blocks(b.counts[y]):
                counts = b.counts[y[start:end]]
                first = np.repeat(a.members[a.starts[x[start:end]] + step], counts)
                within = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
                rest = b.members[np.repeat(b.starts[y[start:end]], counts) + within]
                yield (rest, first) if turned else (first, rest)


def _blocks(counts: Array) -> Iterator[tuple[int, int]]:
    """Cut pairs of hashes into runs of some :data:`BLOCK` pairs of pictures."""
    import numpy as np

    ends = np.cumsum(counts) // BLOCK
    cuts = [0, *(np.flatnonzero(np.diff(ends)) + 1).tolist(), len(counts)]
    yield from ((start, end) for start, end in pairwise(cuts) if start < end)
