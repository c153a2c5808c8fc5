"""A record batch of a shard on its way: which pictures with which questions, read now or later.

A batch ends after so many pictures or bytes. How many bytes a picture has, its file says without
being read; so batches can be planned in one place and read in another, and they are the same as if
they had been read at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from vqadata.groundwork.digests import bytes_digest
from vqadata.groundwork.spill import Spill
from vqadata.images.header import BadPicture, Header, read_header
from vqadata.images.resolve import Found
from vqadata.ledger import Ledger, Rejection
from vqadata.record import record_schema
from vqadata.shards.schema import Picture, picture_rows
from vqadata.stores.reading import ahead, read_stored

if TYPE_CHECKING:
    import pyarrow as pa

UNREADABLE = "unreadable-picture"

Looked = TypeVar("Looked")
Batch_co = TypeVar("Batch_co", covariant=True)


class Remark(NamedTuple):
    """A picture whose header cannot be read: judging it is a cleaner's work."""

    first: int
    """Its first question in the batch."""
    questions: int
    """How many questions it has."""
    path: str
    found: str


class Way(Protocol[Looked, Batch_co]):
    """What is done with the pictures that belong in a batch."""

    def expect(self, files: Iterable[Found | None]) -> None:
        """Hear which files :meth:`look` will be asked for next, in this order."""

    def look(self, name: str, file: Found | None) -> tuple[Looked, int]:
        """Look at a picture; what is known of it, and how many bytes it has."""

    def close(
        self, pictures: list[list[Looked]], counts: list[int], records: pa.RecordBatch
    ) -> Batch_co:
        """Make a batch of some rows: the pictures of each, the number of its questions."""

    def bare(self, rows: pa.RecordBatch, records: pa.RecordBatch) -> Batch_co:
        """Make a batch of ready rows whose pictures are all missing, and of their questions."""


class ReadNow(Way[Picture, "pa.RecordBatch"]):
    """Reads each picture; gives the rows of a shard.

    Args:
        scratch: Folder for temporary files.
    """

    def __init__(self, scratch: Path) -> None:
        """Have read none."""
        self.remarks = Remarks(scratch)
        self._coming: Iterator[bytes] = iter(())

    def expect(self, files: Iterable[Found | None]) -> None:
        """Begin to read those of them that lie in a store."""
        self._coming = stored_ahead(files)

    def look(self, name: str, file: Found | None) -> tuple[Picture, int]:
        """Read a picture."""
        data = next(self._coming) if file is not None and file.stored is not None else None
        picture = read_picture(name, file, data)
        return picture, len(picture.data or b"")

    def close(
        self, pictures: list[list[Picture]], counts: list[int], records: pa.RecordBatch
    ) -> pa.RecordBatch:
        """The rows."""
        for remark in remarks_on(pictures, counts):
            self.remarks.add(remark, records)
        return picture_rows(pictures, counts, records.to_struct_array())

    def bare(self, rows: pa.RecordBatch, records: pa.RecordBatch) -> pa.RecordBatch:  # noqa: ARG002
        """The rows as they are."""
        return rows


def stored_ahead(files: Iterable[Found | None]) -> Iterator[bytes]:
    """The bytes of those of some files that lie in a store, read some before they are asked for."""
    return ahead((f.stored for f in files if f is not None and f.stored is not None), read_stored)


def read_picture(name: str, file: Found | None, data: bytes | None = None) -> Picture:
    """Read a picture and its header; one that is missing has a name alone.

    Args:
        name: What it is called.
        file: Its file.
        data: Its bytes, if they were read already.

    Raises:
        VqaDataError: The file cannot be read.
    """
    if file is None:
        return Picture(name, None, None, None)
    data = file.read() if data is None else data
    header: Header | None
    try:
        header = read_header(data)
    except BadPicture:
        header = None
    return Picture(file.name, data, bytes_digest(data), header, file.rule)


def remarks_on(pictures: Sequence[Sequence[Picture]], counts: Sequence[int]) -> Iterator[Remark]:
    """The pictures of some rows whose header cannot be read, in order."""
    for row, first, count in zip(pictures, accumulate(counts, initial=0), counts, strict=False):
        for picture in row:
            if picture.data is not None and picture.header is None:
                try:
                    read_header(picture.data)
                except BadPicture as bad:
                    yield Remark(first, count, picture.path, f"{bad.code}: {bad.detail}")


def note(remark: Remark, records: pa.RecordBatch, ledger: Ledger) -> None:
    """Write a remark on some records in the ledger."""
    why = Rejection(UNREADABLE, remark.path, remark.found, "a picture")
    ledger.note_records("flagged", why, records)


class Remarks:
    """Remarks that are noted when all batches are made, whoever has made them.

    Args:
        scratch: Folder for temporary files.
    """

    def __init__(self, scratch: Path) -> None:
        """Hold none."""
        import pyarrow as pa

        schema = record_schema()
        for name, kind in (*zip(_OWN, [pa.int64(), pa.string(), pa.string()], strict=True),):
            schema = schema.append(pa.field(name, kind))
        self._spill, self._count = Spill(schema, scratch), 0

    def add(self, remark: Remark, records: pa.RecordBatch) -> None:
        """Hold a remark with its records, of which ``records`` holds more."""
        import numpy as np
        import pyarrow as pa

        own = records.take(
            pa.array(range(remark.first, remark.first + remark.questions), pa.int64())
        )
        for name, told in zip(_OWN, (self._count, remark.path, remark.found), strict=True):
            own = own.append_column(name, pa.repeat(pa.scalar(told), len(own)))
        self._spill.add(own, np.full(len(own), self._count // BUCKET, np.int64))
        self._count += 1

    def note(self, ledger: Ledger) -> None:
        """Note them in the order in which they came, and forget them."""
        import numpy as np

        with self._spill as spill:
            for bucket in range(spill.buckets):
                rows = spill.read(bucket)
                numbers, paths, found = (rows.column(name) for name in _OWN)
                records = rows.drop_columns(list(_OWN))
                starts = np.flatnonzero(np.diff(numbers.to_numpy(), prepend=-1))
                for first, count in zip(starts, np.diff(starts, append=len(rows)), strict=True):
                    remark = Remark(
                        int(first), int(count), paths[first].as_py(), found[first].as_py()
                    )
                    note(remark, records.slice(first, count), ledger)


_OWN = ("remark_number", "remark_path", "remark_found")

BUCKET = 4096
"""Remarks that are read at a time."""
