"""Near-duplicates among the pictures of a survey: what the search needs of shards, and its words.

The search itself knows nothing of data sets (:mod:`vqadata.images.near_pairs`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.images.edit import Looks, edit_of
from vqadata.images.header import BadPicture
from vqadata.images.likeness import CloseUp, close_up
from vqadata.images.near_pairs import NearPair, Prints, Search, near_pairs
from vqadata.images.perceptual import fingerprint
from vqadata.survey import Survey

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.images.view import View

COLUMN = "fingerprint"
"""The survey's column that holds fingerprints; cleaners that need them share it."""

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
        self.prints = Prints(survey.pictures[COLUMN])
        names = ["digest", "path", "split", "width", "height", "mode", "format", "bytes"]
        table = survey.pictures.select(names).take(self.prints.rows)
        self.pictures = [
            Known(r["digest"], r["path"], r["split"] or "",
                  Looks(r["width"], r["height"], r["mode"] or "", r["format"] or ""), r["bytes"])
            for r in table.to_pylist()
        ]  # fmt: skip

    def close_ups(self, places: Iterable[int]) -> Mapping[int, CloseUp]:
        """Pictures once more, for the second look."""
        wanted = {self.pictures[place].digest: place for place in places}
        found = {}
        for view in self._survey.views(wanted):
            try:
                found[wanted[view.digest]] = close_up(view.rgb)
            except BadPicture as bad:
                log.warning("%s: %s at the second look", view.path, bad)
        return found

    def best_first(self) -> list[int]:
        """All pictures: the largest, of these the one with most bytes, of these the first."""

        def rank(place: int) -> tuple[int, int, int]:
            known = self.pictures[place]
            return -known.looks.width * known.looks.height, -known.bytes, place

        return sorted(range(len(self.pictures)), key=rank)


def alike(
    left: Gallery,
    search: Search,
    right: Gallery | None = None,
    mirror: bool = False,
) -> Iterator[NearPair]:
    """All pairs of near-duplicates; see :func:`vqadata.images.near_pairs.near_pairs`."""
    other = right or left

    def close_ups(of_right: bool) -> Any:
        return other.close_ups if of_right else left.close_ups

    return near_pairs(left.prints, close_ups, search, None if right is None else right.prints,
                      mirror)  # fmt: skip


def edit_between(pair: NearPair, kept: Known, other: Known, turned: bool) -> dict[str, Any]:
    """What was done to the kept picture; ``turned`` if it is the right one of the pair."""
    return edit_of(pair, turned, kept.looks, other.looks)
