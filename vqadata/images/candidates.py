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
    found = _near_hashes(ours, None if itself else theirs, crowd.notes)
    pairs = [(found.left, found.right)]
    if itself:
        pairs.append((np.arange(len(ours.short)),) * 2)
    one, two = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    rank = crowd.rank if crowd.rank is not None else np.arange(len(ours.wide))
    kept, width = [np.empty(0, np.int64)], max(1, len(theirs.wide))
    for pair in _members(ours, theirs, one, two, crowd.notes):
        a, b = pair if right is not None else _turned(*pair, rank, crowd.apart)
        bits = np.bitwise_count(ours.wide[a] ^ theirs.wide[b]).sum(1, dtype=np.int64)
        near = bits <= WIDE_RADIUS
        kept.append(((a * width + b) << BITS | bits)[near])
    every = np.unique(np.concatenate(kept))
    kept.clear()
    pairs_of = np.divmod(every >> BITS, width)
    return _nearest((*pairs_of, every & (1 << BITS) - 1), crowd, len(ours.wide), len(theirs.wide))


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
    found = join(ours.short, radius, other)
    while len(found.left) >= MOST_PAIRS and radius > 4:
        radius -= 2
        found = join(ours.short, radius, other)
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


def _nearest(
    every: tuple[Array, Array, Array], crowd: Crowd, ours: int, theirs: int
) -> tuple[Array, Array]:
    """The pairs of pictures that are among the nearest of either, or of the worse one."""
    import numpy as np

    a, b, bits = every
    chosen = _places(b, a, bits, theirs) < NEAREST
    if crowd.rank is None:
        chosen |= _places(a, b, bits, ours) < NEAREST
    if not chosen.all():
        pictures = len(np.unique(b[~chosen]))
        crowd.notes.append(
            f"{len(chosen) - chosen.sum():,} of {len(chosen):,} pairs with like hashes, of "
            f"{pictures:,} pictures with more than {NEAREST}, were not compared: of each the "
            f"{NEAREST} nearest by hash alone (drawings or pages of one kind)"
        )
    if crowd.left_out is not None:
        places, counts = np.unique(b[~chosen], return_counts=True)
        crowd.left_out.update(dict(zip(places.tolist(), counts.tolist(), strict=True)))
    return a[chosen], b[chosen]


def _places(of: Array, other: Array, bits: Array, count: int) -> Array:
    """How many pairs of the same picture are nearer, for each pair."""
    import numpy as np

    order = np.lexsort((other, bits, of))
    sizes = np.bincount(of, minlength=count)
    starts = np.cumsum(sizes) - sizes
    places = np.empty(len(of), np.int64)
    places[order] = np.arange(len(of)) - starts[of[order]]
    return places


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


def _members(
    ours: _Hashes, theirs: _Hashes, one: Array, two: Array, notes: list[str]
) -> Iterator[tuple[Array, Array]]:
    """The pictures of pairs of short hashes: each with each, of many alike only the first ones."""
    import numpy as np

    crowd = int((ours.counts[ours.counts > SAME_HASH]).sum())
    if crowd:
        notes.append(
            f"{crowd:,} pictures share their hash with more than {SAME_HASH} others (blank or "
            f"plain ones, copies): each is compared with the first {SAME_HASH} alone"
        )
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
