"""Any file of records, whatever its format: JSON, JSON lines, CSV or TSV, plain or packed.

The format is told by the extension for CSV and TSV, by the content for the rest, since JSON lines
are often called ``.json``. Every format ends in the same: raw records in file order, and a way to
decode one. A JSON document holds its records in a list, or as an object keyed by id. Files are read
a block at a time, at each pass anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from vqadata.errors import OptionError
from vqadata.layouts.field_path import split_path
from vqadata.layouts.table_form import form_of
from vqadata.layouts.typed import BadRecord, decode_members
from vqadata.ledger import Rejection
from vqadata.reading.delimited import BadRow, Delimited
from vqadata.reading.json_columns import JsonColumns
from vqadata.reading.json_keyed import KeyedRecords
from vqadata.reading.json_lines import JsonLines
from vqadata.reading.json_list import JsonList
from vqadata.reading.json_scan import Break, RawRecord
from vqadata.reading.json_splits import JsonSplits
from vqadata.reading.record_stream import RecordStream

Decode: TypeAlias = Callable[[RawRecord], dict[str, Any]]
"""Gives the members of a record; raises :class:`~vqadata.layouts.typed.BadRecord`."""


class Table(ABC):
    """The records of one file; each pass over it reads them anew.

    Args:
        path: The file.
        decode: Gives the members of a record.
        header: What is known of all its records, beside what the file says.
    """

    def __init__(self, path: Path, decode: Decode, header: Mapping[str, Any] | None = None) -> None:
        """Read nothing yet."""
        self.path, self.decode = path, decode
        self.count = 0
        """Number of records; known after a whole pass."""
        self.broken: Break | None = None
        """Where the file breaks off, if that was accepted; known after a whole pass."""
        self._header = header or {}
        self.splits: tuple[str | None, ...] = (None,)
        """The splits of which the file has a list each; if it has none, only ``None``."""

    @abstractmethod
    def __iter__(self) -> Iterator[RawRecord]:
        """The records in file order.

        Raises:
            VqaDataError: The file breaks off, or is damaged between records, and that is not
                accepted.
        """

    def header(self, name: str) -> Any:
        """What is known of all records: by what is given, or by a top-level value beside them."""
        return self._header.get(name)

    def split_of(self, record: RawRecord) -> str | None:  # noqa: ARG002 - for those that have some
        """The split in whose list a record stands; ``None`` if the file has none."""
        return None

    def has_any(self, wanted: Callable[[dict[str, Any]], bool]) -> bool:
        """Whether the members of any readable record are ``wanted``; stops at the first."""
        return any(wanted(members) for members in self.readable())

    def readable(self) -> Iterator[dict[str, Any]]:
        """The members of every record that can be decoded."""
        for raw in self:
            try:
                yield self.decode(raw)
            except BadRecord:
                continue


class StreamTable(Table):
    """The records of a stream.

    Args:
        stream: The records in file order.
        decode: Gives the members of one.
        header: What is known of all of them, beside what the file says.
    """

    def __init__(
        self,
        stream: RecordStream,
        decode: Decode = decode_members,
        header: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep the parts."""
        super().__init__(stream.path, decode, header)
        self._stream = stream

    def __iter__(self) -> Iterator[RawRecord]:
        """The records in file order; see :class:`Table`."""
        yield from self._stream
        self.count, self.broken = self._stream.count, self._stream.broken

    def header(self, name: str) -> Any:
        """What is known of all records; ``None`` if nothing is."""
        return self._header[name] if name in self._header else self._stream.header(name)


class SplitTable(StreamTable):
    """The records of a document with a list for each split.

    Args:
        stream: The records.
        decode: Gives the members of one.
    """

    def __init__(self, stream: JsonSplits, decode: Decode) -> None:
        """Keep the parts."""
        super().__init__(stream, decode)
        self._parts, self.splits = stream, (*stream.splits,)

    def split_of(self, record: RawRecord) -> str | None:
        """The split in whose list a record stands."""
        return self._parts.split_of(record)


def read_table(
    path: Path,
    records: str | None = None,
    keep_whole: bool = False,
    lists: tuple[str, ...] = (),
    keyed: bool = False,
    ragged: bool = False,
    decode: Decode = decode_members,
) -> Table:
    """Open a file of records.

    Args:
        path: The file, plain or packed whatever its name.
        records: Dotted path to the list of records in a JSON document; by default the document
            itself, or its only list of objects.
        keep_whole: Accept a truncated file: give the whole records before the break.
        lists: Top-level keys that may hold the list, in order of preference; by default any.
        keyed: Accept a document that is an object of records, keyed by id.
        ragged: Take cells that lack at the end of a row of CSV or TSV for empty ones.
        decode: How to take the members out of a record that is JSON.

    Raises:
        VqaDataError: The file cannot be read, or holds no records. That it is truncated is found
            by the pass that comes to its end.
        OptionError: ``records`` is given for a file that is not one JSON document.
    """
    form = form_of(path, records, keyed)
    if records is not None and form.kind in ("lines", "table"):
        found = f"{path.name} has lines, not one JSON document"
        raise OptionError("--records", found, "no such option here", "Leave --records out.")
    if form.kind == "table":
        rows = Delimited(path, form.delimiter, keep_whole, ragged)
        return StreamTable(rows, _cells_of(rows))
    if form.kind == "lines":
        return StreamTable(JsonLines(path, keep_whole), decode)
    if form.kind == "keyed":
        return StreamTable(KeyedRecords(path, keep_whole), decode)
    if form.kind == "splits":
        return SplitTable(JsonSplits(path, keep_whole), decode)
    if form.kind == "columns":
        return StreamTable(JsonColumns(path, keep_whole), decode)
    steps = split_path(records) if records else ()
    if len(steps) > 1:
        return StreamTable(JsonList(path, (), steps, keep_whole), decode)
    return StreamTable(JsonList(path, steps or lists, (), keep_whole), decode)


def _cells_of(rows: Delimited) -> Decode:
    def decode(record: RawRecord) -> dict[str, Any]:
        try:
            return {**rows.decode(record)}
        except BadRow as bad:
            raise BadRecord(Rejection(bad.reason, record.path, bad.found, bad.expected)) from None

    return decode
