"""Near-duplicates among the pictures of a survey: what the search needs of shards, and its words.

The search itself knows nothing of data sets (:mod:`vqadata.images.near_pairs`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.images.candidates import Crowd, candidates
from vqadata.images.edit import Looks, edit_of
from vqadata.images.header import BadPicture
from vqadata.images.likeness import CloseUp, close_up
from vqadata.images.near_pairs import CloseUps, Comparison, NearPair, Search, near_pairs
from vqadata.images.perceptual import fingerprint
from vqadata.images.prints import Prints
from vqadata.images.stars import stars
from vqadata.survey import Survey

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
    return {COLUMN: fingerprint(view.small)}


class Gallery:
    """The pictures of a survey that have a fingerprint.

    Args:
        survey: A survey with fingerprints.
    """

    def __init__(self, survey: Survey) -> None:
        """Read the hashes; thumbnails stay in the mapped table."""
        self._survey = survey
        self._seen: dict[int, CloseUp] = {}
        self.prints = Prints(survey.pictures[COLUMN])
        names = ["digest", "path", "split", "width", "height", "mode", "format", "bytes"]
        table = survey.pictures.select(names).take(self.prints.rows)
        self.pictures = [
            Known(r["digest"], r["path"], r["split"] or "",
                  Looks(r["width"], r["height"], r["mode"] or "", r["format"] or ""), r["bytes"])
            for r in table.to_pylist()
        ]  # fmt: skip

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

        area = [known.looks.width * known.looks.height for known in self.pictures]
        order = np.lexsort((-np.array([known.bytes for known in self.pictures]), -np.array(area)))
        return np.argsort(order, kind="stable")


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
