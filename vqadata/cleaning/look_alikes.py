"""Near-duplicates among the pictures of a survey: what the search needs of shards, and its words.

The search itself knows nothing of data sets (:mod:`vqadata.images.near_pairs`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from vqadata.cleaning.survey import Survey
from vqadata.images.candidates import Crowd, candidates
from vqadata.images.edit import Looks, edit_of
from vqadata.images.header import BadPicture
from vqadata.images.likeness import CloseUp, close_up
from vqadata.images.near_pairs import CloseUps, Comparison, NearPair, Search, near_pairs
from vqadata.images.prints import Prints
from vqadata.images.stars import stars

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.images.perceptual import Pixels
    from vqadata.images.view import View

COLUMN = "fingerprint"
"""The survey's column that holds fingerprints; cleaners that need them share it."""

REMEMBERED = 1000
"""Pictures whose close-ups are kept for the next pairs: 72 MB."""

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


def gathered(gallery: Gallery, search: Search) -> dict[int, tuple[int, NearPair]]:
    """Near-duplicates around the pictures that are kept; see :func:`vqadata.images.stars.stars`."""
    ranks = gallery.ranks()
    better, worse = candidates(gallery.prints, Crowd(search.notes, ranks, left_out=search.left_out))
    sides = gallery.close_ups, gallery.close_ups
    comparison = Comparison(gallery.prints, gallery.prints, sides, search.near)
    return stars(better, worse, ranks, comparison.of)


def alike(
    left: Gallery,
    search: Search,
    right: Gallery | None = None,
    mirror: bool = False,
    apart: Pixels | None = None,
) -> Iterator[NearPair]:
    """All pairs of near-duplicates; see :func:`vqadata.images.near_pairs.near_pairs`."""
    other = right or left

    def close_ups(of_right: bool) -> CloseUps:
        return other.close_ups if of_right else left.close_ups

    prints = None if right is None else right.prints
    return near_pairs(left.prints, close_ups, search, prints, mirror, apart)


def edit_between(pair: NearPair, kept: Known, other: Known, turned: bool) -> dict[str, Any]:
    """What was done to the kept picture; ``turned`` if it is the right one of the pair."""
    return edit_of(pair, turned, kept.looks, other.looks)
