"""Finds the pairs of pictures that are one picture and its edit, among many, with the edit.

Three stages, each exact about what the next one needs: all pairs of near 64-bit hashes
(:mod:`vqadata.images.hamming`), those of them with near 256-bit hashes, and of these the pairs
whose thumbnails lie over each other without a local difference (:mod:`vqadata.images.likeness`).
Pairs that differ in places are looked at again in their own size; the caller hands these out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from vqadata.images.alignment import Fit
from vqadata.images.hamming import join, radius_for
from vqadata.images.likeness import (
    CERTAIN,
    FARTHEST,
    MOST_SPREAD,
    CloseUp,
    alike,
    compare,
    look_closer,
    same_colours,
)
from vqadata.images.perceptual import FINGERPRINT_BYTES, THUMB_SIDE, WIDE_BITS, mirrored

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.images.perceptual import Pixels as Array

Level = Literal["certain", "likely"]

WIDE_RADIUS = 90
"""Bits of 256 by which the wide hashes of a picture and its edit may differ."""

COMPARED = 64
"""Pairs that are compared at a time."""

LOOKED_AT = 1000
"""Pairs that are looked at again at a time: their close-ups fill 128 MB at most."""

SAME_HASH = 16
"""Of more pictures with one hash (blank pages), each is compared with the first so many alone."""

CloseUps = Callable[[Iterable[int]], Mapping[int, CloseUp]]
"""Gives pictures by number, in their own size."""


class Prints:
    """The fingerprints of many pictures; the thumbnails stay where the table is mapped.

    Args:
        column: Binary, from :func:`vqadata.images.perceptual.fingerprint`; null where a picture
            could not be opened.
    """

    def __init__(self, column: pa.ChunkedArray) -> None:
        """Take the hashes out."""
        import numpy as np

        self._chunks = [_matrix(chunk) for chunk in column.chunks]
        sizes = [len(chunk) for chunk in self._chunks]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        valid = np.concatenate([np.empty(0, bool), *(_valid(chunk) for chunk in column.chunks)])
        self.rows: Array = np.flatnonzero(valid)
        """Which pictures have one: their rows in the table, int64."""
        wide = [chunk[:, : WIDE_BITS // 8] for chunk in self._chunks]
        self.wide: Array = np.concatenate([np.empty((0, WIDE_BITS // 8), np.uint8), *wide])
        """The wide hashes, uint8, shape (pictures, 32)."""

    def __len__(self) -> int:
        """How many pictures have a fingerprint."""
        return len(self.rows)

    def thumbs(self, places: Array) -> Array:
        """Thumbnails, uint8, shape (places, 64, 64); places count the fingerprints, from 0."""
        import numpy as np

        chunks = np.searchsorted(self._starts, places, side="right") - 1
        out = np.empty((len(places), THUMB_SIDE, THUMB_SIDE), np.uint8)
        for number in np.unique(chunks).tolist():
            own = chunks == number
            found = self._chunks[number][places[own] - self._starts[number], WIDE_BITS // 8 :]
            out[own] = found.reshape(-1, THUMB_SIDE, THUMB_SIDE)
        return out


def _matrix(chunk: pa.BinaryArray) -> Array:
    """The valid values of a column of equally long ones, as rows of bytes."""
    import numpy as np

    chunk = chunk.drop_null()
    if not len(chunk):
        return np.empty((0, FINGERPRINT_BYTES), np.uint8)
    start = chunk.offset * FINGERPRINT_BYTES
    data = np.frombuffer(chunk.buffers()[2], np.uint8)
    return data[start : start + len(chunk) * FINGERPRINT_BYTES].reshape(-1, FINGERPRINT_BYTES)


def _valid(chunk: pa.BinaryArray) -> Array:
    valid: Array = chunk.is_valid().to_numpy(zero_copy_only=False)
    return valid


class NearPair(NamedTuple):
    """A picture and its edit."""

    left: int
    """Place of one picture among the fingerprints of its side."""
    right: int
    level: Level
    """``certain``: they differ nowhere. ``likely``: they may differ where text was laid over."""
    difference: float
    """The largest local difference; see :func:`vqadata.images.likeness.differences`."""
    numbers: tuple[float, ...]
    """The fit of the right picture by the left one; see :class:`vqadata.images.alignment.Fit`."""
    mirror: bool
    """Whether the right picture is like the mirror image of the left one."""
    text: bool
    """Whether one of them has text that the other one lacks."""


class Search(NamedTuple):
    """What to look for, and what was found out on the way."""

    notes: list[str]
    """What was not compared, in words."""
    near: bool = True
    """Whether pairs that are likely but not certain are wanted."""


def near_pairs(
    left: Prints,
    close_up: Callable[[bool], CloseUps],
    search: Search,
    right: Prints | None = None,
    mirror: bool = False,
) -> Iterator[NearPair]:
    """Find all pairs of a picture and its edit.

    Args:
        left: Fingerprints.
        close_up: For one side (``True``: the right one), what gives its pictures again by place.
        search: What is wanted; takes notes.
        right: The other side; by default the left one.
        mirror: Look for mirror images, of the left pictures.
    """
    import numpy as np

    other = right or left
    ours, theirs = candidates(left, search.notes, right, mirror)
    waiting: list[tuple[int, int, float, Fit]] = []
    for start in range(0, len(ours), COMPARED):
        a, b = ours[start : start + COMPARED], theirs[start : start + COMPARED]
        first = left.thumbs(a)
        kept, fit, found = compare(first[:, :, ::-1] if mirror else first, other.thumbs(b))
        for place, (largest, spread) in enumerate(zip(*map(np.ndarray.tolist, found), strict=True)):
            one, two = int(a[kept[place]]), int(b[kept[place]])
            own = fit.only(np.array([place]))
            likely = search.near and largest <= FARTHEST and spread <= MOST_SPREAD
            if likely or largest <= CERTAIN:
                waiting.append((one, two, largest, own))
        if len(waiting) >= LOOKED_AT:
            yield from _looked_at(waiting, close_up, mirror)
            waiting = []
    yield from _looked_at(waiting, close_up, mirror)


def _looked_at(
    waiting: list[tuple[int, int, float, Fit]],
    close_up: Callable[[bool], CloseUps],
    mirror: bool,
) -> Iterator[NearPair]:
    """Those of some pairs that are near-duplicates at a second look."""
    ours = close_up(False)({one for one, *_ in waiting})
    theirs = close_up(True)({two for _, two, *_ in waiting})
    for one, two, largest, fit in waiting:
        first, second = ours[one].mirrored() if mirror else ours[one], theirs[two]
        closer = look_closer(fit, first, second)
        if not alike(largest, closer):
            continue
        certain = largest <= CERTAIN
        text = not certain and closer.is_text()
        if text or same_colours(fit, first, second):
            level: Level = "certain" if certain else "likely"
            yield _pair(one, two, level, largest, fit, mirror, text)


def _pair(
    one: int, two: int, level: Level, largest: float, fit: Fit, mirror: bool, text: bool
) -> NearPair:
    numbers = tuple(round(float(number), 3) for number in fit.numbers[0])
    return NearPair(one, two, level, round(largest, 3), numbers, mirror, text)


def candidates(
    left: Prints, notes: list[str], right: Prints | None = None, mirror: bool = False
) -> tuple[Array, Array]:
    """Pairs of pictures whose hashes are near, in the order of the left, then the right ones.

    Args:
        left: Fingerprints.
        notes: Takes note of what was left out.
        right: The other side; by default each pair of the left side is given once.
        mirror: Whether the left pictures are mirrored first.
    """
    import numpy as np

    ours = _Hashes(mirrored(left.wide) if mirror else left.wide)
    itself = right is None and not mirror
    theirs = ours if itself else _Hashes((right or left).wide)
    radius = radius_for(len(ours.short), None if itself else len(theirs.short))
    found = join(ours.short, radius, None if itself else theirs.short)
    if found.crowded:
        notes.append(f"{found.crowded:,} hashes lie too close together to be compared with all")
    pairs = [(found.left, found.right)]
    if itself:
        pairs.append((np.arange(len(ours.short)),) * 2)
    one, two = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    a, b = _members(ours, theirs, one, two, notes)
    if right is None:
        low, high = np.minimum(a, b), np.maximum(a, b)
        a, b = low[low < high], high[low < high]
    wide = (right or left).wide
    near = np.bitwise_count(ours.wide[a] ^ wide[b]).sum(1) <= WIDE_RADIUS
    both = np.unique(np.stack([a[near], b[near]], 1), axis=0)
    return both[:, 0], both[:, 1]


class _Hashes:
    """Wide hashes, and the distinct short ones among them."""

    def __init__(self, wide: Array) -> None:
        import numpy as np

        self.wide = wide
        short = np.ascontiguousarray(wide[:, :8]).view(np.uint64).ravel()
        self.short, inverse, self.counts = np.unique(short, return_inverse=True, return_counts=True)
        self.members = np.argsort(inverse, kind="stable").astype(np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)])[:-1].astype(np.int64)


def _members(
    ours: _Hashes, theirs: _Hashes, one: Array, two: Array, notes: list[str]
) -> tuple[Array, Array]:
    """The pictures of pairs of short hashes: each with each, of many alike only the first ones."""
    import numpy as np

    crowd = int((ours.counts[ours.counts > SAME_HASH]).sum())
    if crowd:
        notes.append(
            f"{crowd:,} pictures share their hash with more than {SAME_HASH} others (blank or "
            f"plain ones): each is compared with the first {SAME_HASH} alone"
        )
    left, right = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for step in range(SAME_HASH):
        # The first ones of one side, each with all of the other.
        for a, b, turned in ((ours, theirs, False), (theirs, ours, True)):
            x, y = (two, one) if turned else (one, two)
            has = a.counts[x] > step
            x, y = x[has], y[has]
            counts = b.counts[y]
            first = np.repeat(a.members[a.starts[x] + step], counts)
            within = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
            rest = b.members[np.repeat(b.starts[y], counts) + within]
            left.append(rest if turned else first)
            right.append(first if turned else rest)
    return np.concatenate(left), np.concatenate(right)
