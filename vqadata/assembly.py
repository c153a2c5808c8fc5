"""From records in any order to rows of shards: pictures are found, and their questions gathered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vqadata.digests import bytes_digest
from vqadata.errors import VqaDataError
from vqadata.images.book import Names, PictureBook
from vqadata.images.header import BadPicture, Header, read_header
from vqadata.images.resolve import Found, OutsideRootError, Resolver
from vqadata.ledger import Action, Ledger, Rejection
from vqadata.record import record_schema
from vqadata.shards.schema import Picture, picture_rows
from vqadata.shards.writer import BATCH_BYTES, BATCH_PICTURES
from vqadata.spill import Spill
from vqadata.steps import Source

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.spill import Numbers

MISSING_PICTURE = "missing-picture"
OUTSIDE_ROOT = "path-outside-root"
UNREADABLE = "unreadable-picture"

BUCKET_PICTURES = 8192
"""Pictures whose questions are gathered at a time."""

NUMBER = "picture_number"

_DROPPED, _QUARANTINED = -1, -2


class PictureRows(NamedTuple):
    """A record batch of a shard, and the split to which it belongs."""

    split: str
    rows: pa.RecordBatch


def assemble(
    batches: Iterable[pa.RecordBatch], source: Source, ledger: Ledger, scratch: Path
) -> Iterator[PictureRows]:
    """Find the pictures of records, gather the records of each, and read the pictures.

    Args:
        batches: Canonical records, in any order.
        source: Says where pictures are looked up, and what to do with missing ones.
        ledger: Takes note of records that cannot stay.
        scratch: Folder for temporary files.

    Yields:
        Picture rows in the order in which the pictures are first mentioned. What names no picture
        that is there needs no gathering if the source is grouped, and comes first.
    """
    book = PictureBook(Resolver(source.picture_roots(), deep=bool(source.image_root)))
    finder = _Finder(book, source, ledger)
    schema = record_schema()
    with Spill(_numbered_schema(schema), scratch) as spill:
        for batch in batches:
            found, numbers = finder.numbered(batch)
            if source.grouped and not book.has_pictures:
                yield from _Bucket(found, book, ledger).rows()
            else:
                spill.add(found, numbers // BUCKET_PICTURES)
        for bucket in range(spill.buckets):
            numbered = spill.read(bucket)
            yield from _Bucket(numbered, book, ledger).rows()


class _Finder:
    """Looks up the pictures of records, a batch at a time."""

    def __init__(self, book: PictureBook, source: Source, ledger: Ledger) -> None:
        self._book, self._ledger = book, ledger
        self._drop_missing = source.missing_pictures == "drop"
        self._roots = ", ".join(str(root) for root in source.picture_roots())

    def numbered(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Numbers]:
        """The records that stay, with the numbers of their pictures as a column and beside it."""
        import numpy as np
        import pyarrow as pa

        rows, codes = _distinct(batch)
        mentions = _mentions(batch.take(pa.array(rows)))
        known = np.array([self._number(*mention) for mention in mentions], np.int64)
        numbers: Numbers = known[codes]
        if (numbers < 0).any():
            self._note_absent(batch, [mentions[code] for code in codes], numbers)
            stay = np.flatnonzero(numbers >= 0)
            batch, numbers = batch.take(pa.array(stay)), numbers[stay]
        return batch.append_column(NUMBER, pa.array(numbers)), numbers

    def _number(self, names: Names, split: str | None) -> int:
        try:
            files = self._book.find(names)
        except OutsideRootError:
            return _QUARANTINED
        if None in files and self._drop_missing:
            return _DROPPED
        return self._book.number(names, files, split)

    def _note_absent(
        self, batch: pa.RecordBatch, mentions: list[tuple[Names, str | None]], numbers: Numbers
    ) -> None:
        """Note the records whose pictures are missing, or named in a way that is not allowed."""
        import numpy as np
        import pyarrow as pa

        actions: list[tuple[int, Action, Rejection]] = [
            (_QUARANTINED, "quarantined", Rejection(OUTSIDE_ROOT, expected="a path")),
            (_DROPPED, "dropped", Rejection(MISSING_PICTURE, expected="a picture")),
        ]
        for code, action, kind in actions:
            rows = np.flatnonzero(numbers == code)
            if len(rows):
                expected = f"{kind.expected} under {self._roots}"
                why = kind._replace(path="image_path", expected=expected)
                found = pa.array([self._absent(mentions[row][0]) for row in rows], pa.string())
                self._ledger.note_records(action, why, batch.take(pa.array(rows)), found=found)

    def _absent(self, names: Names) -> str:
        """The first name for which there is no picture."""
        for name in names:
            try:
                if self._book.find((name,)) == (None,):
                    return name
            except OutsideRootError:
                return name
        return ", ".join(names)


class _Bucket:
    """The records of some thousand pictures."""

    def __init__(self, numbered: pa.RecordBatch, book: PictureBook, ledger: Ledger) -> None:
        import numpy as np

        numbers = numbered.column(NUMBER).to_numpy()
        if (np.diff(numbers) < 0).any():
            order = np.argsort(numbers, kind="stable")
            numbered, numbers = numbered.take(order), numbers[order]
        self._records = numbered.drop_columns([NUMBER])
        self._numbers = numbers
        self._book, self._ledger = book, ledger

    def rows(self) -> Iterator[PictureRows]:
        """The picture rows, cut into record batches; each split apart."""
        import numpy as np
        import pyarrow as pa

        splits = self._records.column("split")
        for split in splits.unique().to_pylist():
            wanted = splits.is_null() if split is None else pa.compute.equal(splits, split)
            rows = np.flatnonzero(wanted.fill_null(False).to_numpy(zero_copy_only=False))
            whole = len(rows) == len(splits)
            records = self._records if whole else self._records.take(pa.array(rows))
            for batch in self._batches(records, self._numbers[rows]):
                yield PictureRows(split or "", batch)

    def _batches(self, records: pa.RecordBatch, numbers: Numbers) -> Iterator[pa.RecordBatch]:
        """Read the pictures one after the other, and close a batch when it is full."""
        import numpy as np
        import pyarrow as pa

        starts = np.flatnonzero(np.diff(numbers, prepend=-1)).tolist()
        stops = [*starts[1:], len(numbers)]
        names = [names for names, _ in _mentions(records.take(pa.array(starts, pa.int64())))]
        pictures: list[list[Picture]] = []
        counts: list[int] = []
        begin = size = 0
        for start, stop, named in zip(starts, stops, names, strict=True):
            place = self._book.place(int(numbers[start]), named)
            read = [_picture(n, f) for n, f in zip(place.names, place.files, strict=True)]
            if any(picture.data is not None and picture.header is None for picture in read):
                self._flag_unreadable(read, records.slice(start, stop - start))
            pictures.append(read)
            counts.append(stop - start)
            size += sum(len(picture.data or b"") for picture in read)
            if stop == len(numbers) or len(pictures) == BATCH_PICTURES or size >= BATCH_BYTES:
                part = records.slice(begin, stop - begin)
                self._ledger.keep(part.column("origin"))
                yield picture_rows(pictures, counts, part.to_struct_array())
                pictures, counts, begin, size = [], [], stop, 0

    def _flag_unreadable(self, pictures: list[Picture], records: pa.RecordBatch) -> None:
        """Remark on pictures without a readable header; judging them is a cleaner's work."""
        for picture in pictures:
            if picture.data is None or picture.header is not None:
                continue
            try:
                read_header(picture.data)
            except BadPicture as bad:
                why = Rejection(UNREADABLE, picture.path, f"{bad.code}: {bad.detail}", "a picture")
                self._ledger.note_records("flagged", why, records)


def _distinct(records: pa.RecordBatch) -> tuple[Numbers, Numbers]:
    """The first row of each distinct mention, in order; and for every row, which one it is."""
    import numpy as np
    import pyarrow as pa

    if len(records.column("more_image_paths").flatten()):
        places: dict[object, int] = {}
        codes = np.array([places.setdefault(m, len(places)) for m in _mentions(records)], np.int64)
    else:
        splits = records.column("split").fill_null("\0").dictionary_encode()
        paths = records.column("image_path").dictionary_encode()
        pairs = paths.indices.to_numpy().astype(np.int64) * len(splits.dictionary)
        codes = pa.array(pairs + splits.indices.to_numpy()).dictionary_encode().indices.to_numpy()
    first = np.unique(codes, return_index=True)[1]
    return first, codes


def _mentions(records: pa.RecordBatch) -> list[tuple[Names, str | None]]:
    """The pictures and the split of each record."""
    first = records.column("image_path").to_pylist()
    splits = records.column("split").to_pylist()
    more = records.column("more_image_paths")
    if not len(more.flatten()):
        return [((name,), split) for name, split in zip(first, splits, strict=True)]
    return [
        ((name, *others), split)
        for name, others, split in zip(first, more.to_pylist(), splits, strict=True)
    ]


def _picture(name: str, file: Found | None) -> Picture:
    if file is None:
        return Picture(name, None, None, None)
    try:
        data = file.file.read_bytes()
    except OSError as error:
        raise VqaDataError(str(file.file), f"cannot be read: {error.strerror}") from None
    header: Header | None
    try:
        header = read_header(data)
    except BadPicture:
        header = None
    return Picture(file.name, data, bytes_digest(data), header)


def _numbered_schema(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    return schema.append(pa.field(NUMBER, pa.int64()))
