"""From records in any order to rows of shards: pictures are found, and their questions gathered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from vqadata.converting.numbered import (
    MENTION,
    NUMBER,
    Rows,
    distinct,
    in_order,
    mentioned,
    numbered_anew,
    numbered_schema,
)
from vqadata.converting.picture_batch import Way
from vqadata.groundwork.spill import Spill
from vqadata.images.book import Names, PictureBook, Place
from vqadata.images.fetch import FetchError, Limits
from vqadata.images.resolve import OutsideRootError, Resolver
from vqadata.ledger import Action, Ledger, Rejection
from vqadata.record import record_schema
from vqadata.shards.schema import bare_rows
from vqadata.shards.writer import BATCH_BYTES, BATCH_PICTURES
from vqadata.steps import Source, Workspace
from vqadata.stores.incoming import origin

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers

MISSING_PICTURE = "missing-picture"
TEXT_ONLY = "text-only"
OUTSIDE_ROOT = "path-outside-root"
NOT_FETCHED = "picture-not-downloaded"
CONTESTED = "ambiguous-picture"

BUCKET_PICTURES = 4096
"""Pictures whose questions are gathered at a time."""


class _Absence(NamedTuple):
    """Why the pictures of some records are not there; its place in the list is its number."""

    action: Action
    reason: str
    expected: str


ABSENCES = (
    _Absence("quarantined", OUTSIDE_ROOT, "a path under {roots}"),
    _Absence("quarantined", NOT_FETCHED, "a picture file, or a host allowed by --fetch-host"),
    _Absence("dropped", MISSING_PICTURE, "a picture under {roots}"),
    _Absence("dropped", TEXT_ONLY, "a picture"),
)
_OUTSIDE, _NOT_FETCHED, _MISSING, _TEXT_ONLY = (-1 - number for number in range(len(ABSENCES)))


Batch = TypeVar("Batch")
Looked = TypeVar("Looked")


class PictureRows(NamedTuple, Generic[Batch]):
    """A record batch of a shard, or the plan of one, and the split to which it belongs."""

    split: str
    rows: Batch


def assemble(
    batches: Iterable[pa.RecordBatch], source: Source, work: Workspace, way: Way[Looked, Batch]
) -> Iterator[PictureRows[Batch]]:
    """Find the pictures of records, gather the records of each, and read the pictures or plan it.

    Args:
        batches: Canonical records, in any order.
        source: Says where pictures are looked up, and what to do with missing ones.
        work: The ledger takes note of records that cannot stay.
        way: Reads the pictures, or plans it.

    Yields:
        Picture rows in the order in which the pictures are first mentioned. What names no picture
        that is there needs no gathering if the source is grouped, and comes first.
    """
    roots = [origin(root) for root in source.picture_roots()]
    resolver = Resolver(roots, deep=bool(source.image_root))
    hosts = frozenset(host.lower() for host in source.fetch_host)
    limits = Limits(hosts, source.fetch_mb << 20, source.fetch_seconds)
    book = PictureBook(resolver, work.embedded, limits, work.scratch)
    ledger = work.ledger
    finder = _Finder(book, source, ledger)
    hall = _Hall(book, ledger, way)
    schema = record_schema()
    with Spill(numbered_schema(schema), work.scratch) as spill:
        for batch in batches:
            if source.grouped and finder.finds_none_of(batch):
                if finder.keeps_bare(batch):
                    yield from hall.bare(numbered_anew(batch))
                continue
            found, numbers = finder.numbered(batch)
            if source.grouped and not book.has_pictures:
                yield from hall.rows(found)
            else:
                spill.add(found, numbers // BUCKET_PICTURES)
        for bucket in range(spill.buckets):
            yield from hall.rows(spill.read(bucket))


class _Finder:
    """Looks up the pictures of records, a batch at a time."""

    def __init__(self, book: PictureBook, source: Source, ledger: Ledger) -> None:
        self._book, self._ledger = book, ledger
        self._drop_missing = source.missing_pictures == "drop"
        self._drop_text_only = source.text_only == "drop"
        self._roots = ", ".join(root.name or "." for root in source.picture_roots())
        self._last_text_only: tuple[object, int] = (None, 0)

    def finds_none_of(self, batch: pa.RecordBatch) -> bool:
        """Whether it is plain to see that no picture of a batch is there."""
        names = batch.column("image_path")
        others = batch.column("more_image_paths").flatten()
        few = self._book.has_pictures or names.null_count or len(others)
        return not few and self._book.finds_none_of(names.unique().to_pylist())

    def keeps_bare(self, batch: pa.RecordBatch) -> bool:
        """Whether records of which no picture is there stay; if not, they are noted."""
        if self._drop_missing:
            self._note(_MISSING, batch, batch.column("image_path"))
        return not self._drop_missing

    def numbered(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Numbers]:
        """The records that stay, with the numbers of their pictures as a column and beside it."""
        import numpy as np
        import pyarrow as pa

        rows, codes = distinct(batch)
        mentions = mentioned(batch.select(MENTION).take(pa.array(rows)))
        self._book.prepare(names for names, _ in mentions)
        known = np.array([self._number(*mention) for mention in mentions], np.int64)
        numbers: Numbers = known[codes]
        if not self._drop_text_only:
            self._number_text_only(batch, numbers)
        if (numbers < 0).any():
            self._note_absent(batch, [mentions[code] for code in codes], numbers)
            stay = np.flatnonzero(numbers >= 0)
            batch, numbers = batch.take(pa.array(stay)), numbers[stay]
        return batch.append_column(NUMBER, pa.array(numbers)), numbers

    def _number(self, names: Names, split: str | None) -> int:
        if not names:
            return _TEXT_ONLY
        try:
            files = self._book.find(names)
        except OutsideRootError:
            return _OUTSIDE
        except FetchError:
            return _NOT_FETCHED
        if None in files and self._drop_missing:
            return _MISSING
        return self._book.number(names, files, split)

    def _number_text_only(self, batch: pa.RecordBatch, numbers: Numbers) -> None:
        """Give each source record without a picture a row of its own."""
        import numpy as np

        for row in np.flatnonzero(numbers == _TEXT_ONLY).tolist():
            origin = batch.column("origin")[row].as_py()
            place = (origin["file"], origin["index"])
            if place != self._last_text_only[0]:
                self._last_text_only = (place, self._book.next_number())
            numbers[row] = self._last_text_only[1]

    def _note_absent(
        self, batch: pa.RecordBatch, mentions: list[tuple[Names, str | None]], numbers: Numbers
    ) -> None:
        """Note the records whose pictures are not there, or named in a way that is not allowed."""
        import numpy as np
        import pyarrow as pa

        for number in np.unique(numbers[numbers < 0])[::-1].tolist():
            rows = np.flatnonzero(numbers == number)
            found = pa.array([self._absent(mentions[row][0]) for row in rows], pa.string())
            self._note(number, batch.take(pa.array(rows)), found)

    def _note(self, number: int, records: pa.RecordBatch, found: pa.Array) -> None:
        """Note some records that are absent for one reason."""
        absence = ABSENCES[-1 - number]
        expected = absence.expected.format(roots=self._roots)
        why = Rejection(absence.reason, path="image_path", expected=expected)
        self._ledger.note_records(absence.action, why, records, found=found)

    def _absent(self, names: Names) -> str:
        """The first name for which there is no picture, and what is known of it."""
        for name in names:
            try:
                if self._book.find((name,)) == (None,):
                    return name
            except OutsideRootError:
                return name
            except FetchError as error:
                return f"{name}: {error}"
        return ", ".join(names) or "no picture"


class _Hall(Generic[Looked, Batch]):
    """Makes rows of the records of some thousand pictures at a time."""

    def __init__(self, book: PictureBook, ledger: Ledger, way: Way[Looked, Batch]) -> None:
        self._book, self._ledger, self._way = book, ledger, way

    def rows(self, numbered: pa.RecordBatch) -> Iterator[PictureRows[Batch]]:
        """The picture rows, cut into record batches; each split apart."""
        return self._cut(numbered, self._read)

    def bare(self, numbered: pa.RecordBatch) -> Iterator[PictureRows[Batch]]:
        """The rows of records of which no picture is there."""
        return self._cut(numbered, self._bare)

    def _cut(
        self, numbered: pa.RecordBatch, batches: Callable[[Rows], Iterator[Batch]]
    ) -> Iterator[PictureRows[Batch]]:
        import pyarrow as pa

        everything = in_order(numbered)
        splits = numbered.column("split")
        for split in splits.take(pa.array(everything.places)).unique().to_pylist():
            wanted = splits.is_null() if split is None else pa.compute.equal(splits, split)
            inside = wanted.fill_null(False).to_numpy(zero_copy_only=False)
            for batch in batches(everything.where(inside[everything.places])):
                yield PictureRows(split or "", batch)

    def _bare(self, rows: Rows) -> Iterator[Batch]:
        """Close a batch after so many pictures; there is nothing to read."""
        import numpy as np
        import pyarrow as pa

        bounds = np.append(rows.starts, len(rows.numbers))
        names = rows.firsts.column("image_path")
        for first in range(0, len(names), BATCH_PICTURES):
            ends = bounds[first : first + BATCH_PICTURES + 1]
            part = rows.part(ends[0], ends[-1])
            self._ledger.keep(part.column("origin"))
            some = names.slice(first, len(ends) - 1)
            offsets = pa.array(ends - ends[0], pa.int32())
            yield self._way.bare(bare_rows(some, offsets, part.to_struct_array()), part)

    def _read(self, rows: Rows) -> Iterator[Batch]:
        """Look at the pictures one after the other, and close a batch when it is full."""
        rows, places, counts = self._uncontested(rows, *self._places(rows))
        self._way.expect(file for place in places for file in place.files)
        pictures: list[list[Looked]] = []
        begin = end = size = 0
        for number, (place, count) in enumerate(zip(places, counts, strict=True), 1):
            looks = [self._way.look(n, f) for n, f in zip(place.names, place.files, strict=True)]
            pictures.append([looked for looked, _ in looks])
            end += count
            size += sum(length for _, length in looks)
            if number == len(places) or len(pictures) == BATCH_PICTURES or size >= BATCH_BYTES:
                part = rows.part(begin, end)
                self._ledger.keep(part.column("origin"))
                own = counts[number - len(pictures) : number]
                yield self._way.close(pictures, own, part)
                pictures, begin, size = [], end, 0

    def _places(self, rows: Rows) -> tuple[list[Place], list[int]]:
        """The sets of pictures in their order, and how many of the records belong to each."""
        import numpy as np

        starts = rows.starts
        places = [
            self._book.place(number, names)
            for number, (names, _) in zip(
                rows.numbers[starts].tolist(), mentioned(rows.firsts), strict=True
            )
        ]
        return places, np.diff(starts, append=len(rows.numbers)).tolist()

    def _uncontested(
        self, rows: Rows, places: list[Place], counts: list[int]
    ) -> tuple[Rows, list[Place], list[int]]:
        """Without the records whose pictures others claim as well; those are noted."""
        import numpy as np

        contests = [self._book.contested(place) for place in places]
        if not any(contests):
            return rows, places, counts
        stay = np.repeat([not contest for contest in contests], counts)
        ends = np.cumsum(counts)
        for contest, end, count in zip(contests, ends.tolist(), counts, strict=True):
            if contest:
                found = f"one file for {' and '.join(contest)}"
                why = Rejection(CONTESTED, "image_path", found, "a file for each")
                self._ledger.note_records("quarantined", why, rows.part(end - count, end))
        left = [n for n, contest in enumerate(contests) if not contest]
        return rows.where(stay), [places[n] for n in left], [counts[n] for n in left]
