"""Near-duplicates among the pictures of a survey: what the search needs of shards, and its words.

The search itself knows nothing of data sets (:mod:`vqadata.images.near_pairs`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from vqadata.cleaning.pair_cache import PairCache, digest_numbers
from vqadata.cleaning.survey import Survey
from vqadata.images.candidates import Crowd, candidates
from vqadata.images.edit import Looks, edit_of
from vqadata.images.header import BadPicture
from vqadata.images.likeness import CloseUp, close_up
from vqadata.images.near_pairs import Comparison, NearPair, Search
from vqadata.images.prints import Prints
from vqadata.images.stars import stars

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.images.perceptual import Pixels
    from vqadata.images.view import View

COLUMN = "fingerprint"
"""The survey's column that holds fingerprints; cleaners that need them share it."""

REMEMBERED = 250
"""Pictures whose close-ups are kept for the next pairs: 18 MB."""

KEPT_TOGETHER = 1 << 12
"""Pairs that are compared before what was said of them is kept: some seconds."""

log = logging.getLogger(__name__)


class Known(NamedTuple):
    """One picture of a survey."""

    digest: str
    path: str
    split: str
    looks: Looks
    bytes: int

    def told(self) -> dict[str, str]:
        """How findings name it."""
        return {"digest": self.digest, "path": self.path, "split": self.split}


def columns() -> dict[str, pa.DataType]:
    """What a cleaner that looks for near-duplicates wants to know of each picture."""
    import pyarrow as pa

    return {COLUMN: pa.binary()}


def examined(view: View) -> dict[str, Any]:
    """The fingerprint; null for a plain picture, which has no near-duplicates."""
    return {COLUMN: view.fingerprint}


class Gallery:
    """The pictures of a survey that have a fingerprint.

    Args:
        survey: A survey with fingerprints.
    """

    def __init__(self, survey: Survey) -> None:
        """Read the hashes; thumbnails stay in the mapped table."""
        self._survey = survey
        self._seen: dict[int, CloseUp] = {}
        self.prints = Prints(survey.pictures[COLUMN], survey.release)
        self.pictures: Sequence[Known] = _Pictures(survey.pictures, self.prints.rows)
        """What is known of each, by the place of its fingerprint."""

    def close_ups(self, places: Iterable[int]) -> Mapping[int, CloseUp]:
        """Pictures once more, for the second look. The last ones are remembered."""
        found = {place: self._seen[place] for place in sorted({*places} & self._seen.keys())}
        wanted = {self.pictures[p].digest: p for p in places if p not in found}
        for view in self._survey.views(wanted) if wanted else ():
            try:
                found[wanted[view.digest]] = close_up(view.rgb)
            except BadPicture as bad:
                log.warning("%s: %s at the second look", view.path, bad)
        self._seen = {**self._seen, **found} if len(self._seen) < REMEMBERED else dict(found)
        return found

    def names(self) -> list[str]:
        """The digests of the pictures as they are written, by place."""
        named: list[str] = self._survey.pictures["digest"].take(self.prints.rows).to_pylist()
        return named

    @property
    def remembered(self) -> Path | None:
        """Where it is kept what was said of pairs; ``None``: nowhere."""
        return self._survey.remembered

    @cached_property
    def digests(self) -> Pixels:
        """The digests of the pictures, by place: 16 bytes each."""
        every = digest_numbers(self._survey.pictures["digest"])
        return every[self.prints.rows]

    def ranks(self) -> Pixels:
        """The order in which pictures are kept, int64, a picture each.

        The largest is the best, of these the one with most bytes, of these the first.
        """
        import numpy as np

        width, height, size = (
            self._survey.pictures[name].to_numpy()[self.prints.rows].astype(np.int64)
            for name in ("width", "height", "bytes")
        )
        return np.argsort(np.lexsort((-size, -width * height)), kind="stable")


class _Pictures(Sequence[Known]):
    """Some pictures of a survey, each read from the mapped table when it is asked for."""

    def __init__(self, table: pa.Table, rows: Pixels) -> None:
        names = ["digest", "path", "split", "width", "height", "mode", "format", "bytes"]
        self._table, self._rows = table.select(names), rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Known: ...
    @overload
    def __getitem__(self, place: slice) -> list[Known]: ...
    def __getitem__(self, place: int | slice) -> Known | list[Known]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        (row,) = self._table.slice(int(self._rows[place]), 1).to_pylist()
        looks = Looks(row["width"], row["height"], row["mode"] or "", row["format"] or "")
        return Known(row["digest"], row["path"], row["split"] or "", looks, row["bytes"])


class _Remembering(NamedTuple):
    """A comparison that asks what was said of a pair in an earlier run, and keeps what is new."""

    comparison: Comparison
    cache: PairCache
    left: Pixels
    """Digests of the left pictures, by place."""
    right: Pixels

    def of(self, ours: Pixels, theirs: Pixels) -> Iterator[NearPair]:
        """Those of some pairs that are near-duplicates, in their order."""
        for start in range(0, len(ours), KEPT_TOGETHER):
            end = start + KEPT_TOGETHER
            yield from self._some(ours[start:end], theirs[start:end])

    def _some(self, ours: Pixels, theirs: Pixels) -> Iterator[NearPair]:
        import numpy as np

        left, right = self.left[ours], self.right[theirs]
        told = self.cache.find(left, right)
        pairs = list(zip(ours.tolist(), theirs.tolist(), strict=True))
        found = {n: _unpacked(text, *pairs[n]) for n, text in told.said.items()}
        anew = np.flatnonzero(~told.known)
        place = {pairs[n]: n for n in anew.tolist()}
        for pair in self.comparison.of(ours[anew], theirs[anew]):
            found[place[pair.left, pair.right]] = pair
        fresh = [found.get(n) for n in anew.tolist()]
        said = {n: _packed(pair) for n, pair in enumerate(fresh) if pair is not None}
        self.cache.keep(left[anew], right[anew], said)
        for n in sorted(found):
            yield found[n]


def _packed(pair: NearPair) -> str:
    return json.dumps(pair[2:])


def _unpacked(text: str, left: int, right: int) -> NearPair:
    level, difference, numbers, mirror, text_differs = json.loads(text)
    return NearPair(left, right, level, difference, tuple(numbers), mirror, text_differs)


def _remembering(
    left: Gallery, right: Gallery, search: Search, mirror: bool = False
) -> _Remembering:
    sides = left.close_ups, right.close_ups
    comparison = Comparison(left.prints, right.prints, sides, search.near, mirror)
    cache = PairCache(left.remembered, {"near": search.near, "mirror": mirror})
    return _Remembering(comparison, cache, left.digests, right.digests)


def gathered(gallery: Gallery, search: Search) -> dict[int, tuple[int, NearPair]]:
    """Near-duplicates around the pictures that are kept; see :func:`vqadata.images.stars.stars`."""
    ranks = gallery.ranks()
    better, worse = candidates(gallery.prints, Crowd(search.notes, ranks, left_out=search.left_out))
    return stars(better, worse, ranks, _remembering(gallery, gallery, search).of)


def alike(
    left: Gallery,
    search: Search,
    right: Gallery | None = None,
    mirror: bool = False,
    apart: Pixels | None = None,
) -> Iterator[NearPair]:
    """All pairs of a picture and its edit.

    Args:
        left: Pictures.
        search: What is wanted; takes notes.
        right: The other side; by default the left one.
        mirror: Look for mirror images, of the left pictures.
        apart: Numbers of groups within which no pair is wanted, int64, a picture each; -1 for one
            in no such group. Only without the other side.
    """
    crowd = Crowd(search.notes, apart=apart, left_out=search.left_out)
    pairs = candidates(left.prints, crowd, None if right is None else right.prints, mirror)
    yield from _remembering(left, right or left, search, mirror).of(*pairs)


def edit_between(pair: NearPair, kept: Known, other: Known, turned: bool) -> dict[str, Any]:
    """What was done to the kept picture; ``turned`` if it is the right one of the pair."""
    return edit_of(pair, turned, kept.looks, other.looks)
