"""The rows of a CSV or TSV file, each with its line number and its own bytes.

The dialect is RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180): a field may stand in double
quotes and then hold delimiters, line breaks and doubled quotes. Python's csv module gives neither
the bytes of a row nor a way on after a stray quote, so rows are cut here. The trade-off: a field in
quotes costs one regular expression, a line without quotes a plain split.

A stray quote costs only its own line: a row in quotes that does not end well is cut at its first
line break. In a TSV such a line is taken literally, since most writers of TSV do not quote.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from vqadata.errors import VqaDataError
from vqadata.json_records import broken_list
from vqadata.json_scan import Break, RawRecord

WRONG_COUNT = "wrong-field-count"
BAD_QUOTES = "malformed-quotes"
NOT_UTF8 = "invalid-utf8"

DELIMITERS = (b",", b"\t", b";")
"""Delimiters that are told from the header line; of equally frequent ones the first wins."""


class BadRow(Exception):  # noqa: N818 - an outcome that the ledger counts, not a failure
    """A row that is not of the file's shape."""

    def __init__(self, reason: str, found: str, expected: str) -> None:
        """Keep the reason and its evidence."""
        self.reason, self.found, self.expected = reason, found, expected
        super().__init__(reason)


class _Parsed(NamedTuple):
    fields: list[bytes]
    end: int


class Delimited:
    r"""A cut file: its columns and its rows.

    Args:
        path: The file's name, for messages.
        data: Its bytes.
        delimiter: ``b","``, ``b"\\t"`` or ``b";"``; ``None`` to tell it from the header line.
        keep_whole: Accept a truncated file: give the whole rows before the break.

    Raises:
        VqaDataError: There is no usable header, or the last row breaks off.
    """

    columns: tuple[str, ...]
    """Names of the columns; an empty one is called ``column_3``, after its place."""
    records: list[RawRecord]
    """The rows in file order, without the header; empty lines are skipped."""

    def __init__(
        self, path: Path, data: bytes, delimiter: bytes | None = None, keep_whole: bool = False
    ) -> None:
        """Cut the file into rows."""
        self.broken: Break | None = None
        """Where the file breaks off, if that was accepted."""
        self._delimiter = delimiter or most_frequent_delimiter(data)
        self._tail = re.compile(rb"(?=%b|\r?\n|\Z)" % self._delimiter)
        self._quoted = re.compile(rb'"((?:[^"]++|"")*+)"' + self._tail.pattern)
        self._plain = re.compile(rb"(?:[^%b\r\n]|\r(?!\n))*+" % self._delimiter)
        self.columns = ()
        rows = self._rows(data)
        header = next(rows, None)
        if header is None:
            raise VqaDataError(str(path), "an empty file", "a header line with column names")
        self.columns = self._header(path, header)
        self.records = list(self._numbered(rows))
        if self.records and not data.endswith(b"\n") and self._breaks_off(self.records[-1]):
            last = self.records.pop()
            self.broken = Break(len(data) - len(last.raw), "the last row breaks off")
            if not keep_whole:
                raise broken_list(path, self.broken, len(self.records))

    def decode(self, record: RawRecord) -> dict[str, str | None]:
        """The cells of a row by column name; an empty cell is ``None``.

        Raises:
            BadRow: The row has another number of fields than the header, a stray quote, or bytes
                that are not UTF-8.
        """
        fields = self._fields(record.raw)
        if len(fields) != len(self.columns):
            expected = f"{len(self.columns)} fields, as in the header"
            raise BadRow(WRONG_COUNT, f"{len(fields)} fields", expected)
        return {
            name: _text(field, name) or None
            for name, field in zip(self.columns, fields, strict=True)
        }

    def _fields(self, row: bytes) -> list[bytes]:
        if b'"' not in row:
            return row.split(self._delimiter)
        parsed = self._parse(row, 0)
        if parsed is not None and parsed.end == len(row):
            return parsed.fields
        if self._delimiter == b"\t":
            return row.split(self._delimiter)
        raise BadRow(BAD_QUOTES, "a quote that is not closed, or text after it", "quotes in pairs")

    def _parse(self, data: bytes, position: int) -> _Parsed | None:
        """The fields of the row at ``position``; ``None`` if a quote does not end well."""
        fields = []
        while True:
            in_quotes = data[position : position + 1] == b'"'
            match = (self._quoted if in_quotes else self._plain).match(data, position)
            if match is None:
                return None
            fields.append(match[1].replace(b'""', b'"') if in_quotes else match[0])
            position = match.end()
            if data[position : position + 1] != self._delimiter:
                return _Parsed(fields, position)
            position += 1

    def _rows(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The rows with the numbers of their first lines, from 1."""
        start, line = 0, 1
        while start < len(data):
            end = self._row_end(data, start)
            row = data[start:end].removesuffix(b"\r")
            if row.strip():
                yield line, row
            line += data.count(b"\n", start, end) + 1
            start = end + 1

    def _row_end(self, data: bytes, start: int) -> int:
        """The offset of the line break after the row at ``start``."""
        line_end = _line_end(data, start)
        if data.find(b'"', start, line_end) < 0:
            return line_end
        parsed = self._parse(data, start)
        if parsed is None or parsed.end < line_end:
            return line_end
        end = parsed.end + (data[parsed.end : parsed.end + 1] == b"\r")
        wrong = self.columns and len(parsed.fields) != len(self.columns)
        if end > line_end and wrong and self._holds_row(data, line_end + 1, end):
            return line_end
        return end

    def _holds_row(self, data: bytes, start: int, end: int) -> bool:
        """Whether a line of ``data[start:end]`` is a whole row by itself."""
        for line in data[start:end].split(b"\n"):
            try:
                if len(self._fields(line.removesuffix(b"\r"))) == len(self.columns):
                    return True
            except BadRow:
                continue
        return False

    def _breaks_off(self, last: RawRecord) -> bool:
        try:
            return len(self._fields(last.raw)) < len(self.columns)
        except BadRow:
            return True

    def _header(self, path: Path, header: tuple[int, bytes]) -> tuple[str, ...]:
        line, row = header
        where = f"{path}: line {line}"
        try:
            names = [
                _text(field, f"column {n}").strip() for n, field in enumerate(self._fields(row))
            ]
        except BadRow as bad:
            raise VqaDataError(where, bad.found, bad.expected, "Mend the header line.") from None
        names = [name or f"column_{number}" for number, name in enumerate(names, 1)]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            found = f"several columns called {twice[0]!r}"
            raise VqaDataError(where, found, "different names", "Rename one in the header line.")
        return tuple(names)

    @staticmethod
    def _numbered(rows: Iterator[tuple[int, bytes]]) -> Iterator[RawRecord]:
        for number, (line, row) in enumerate(rows):
            yield RawRecord(number, f"line {line}", row)


def most_frequent_delimiter(data: bytes, first: bytes = DELIMITERS[0]) -> bytes:
    r"""The delimiter that the header line uses most; ``first`` wins where they are equal.

    >>> most_frequent_delimiter(b"image;question;answer\n1;Is it, or not?;yes")
    b';'
    """
    header = data[: _line_end(data, 0)]
    known = (first, *(delimiter for delimiter in DELIMITERS if delimiter != first))
    return max(known, key=header.count)


def _line_end(data: bytes, start: int) -> int:
    found = data.find(b"\n", start)
    return len(data) if found < 0 else found


def _text(field: bytes, name: str) -> str:
    try:
        return field.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"byte 0x{field[error.start]:02x} in {name}"
        raise BadRow(NOT_UTF8, found, "UTF-8") from None
