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
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

from vqadata.errors import VqaDataError
from vqadata.reading.inputs import InputFile
from vqadata.reading.json_scan import Break, RawRecord
from vqadata.reading.record_stream import BLOCK_BYTES, End, RecordStream

WRONG_COUNT = "wrong-field-count"
BAD_QUOTES = "malformed-quotes"
NOT_UTF8 = "invalid-utf8"

DELIMITERS = (b",", b"\t", b";")
"""Delimiters that are told from the header line; of equally frequent ones the first wins."""

LONGEST_ROW = 1 << 26
"""Bytes after which a quote that is not closed is taken for a stray one."""


class BadRow(Exception):  # noqa: N818 - an outcome that the ledger counts, not a failure
    """A row that is not of the file's shape."""

    def __init__(self, reason: str, found: str, expected: str) -> None:
        """Keep the reason and its evidence."""
        self.reason, self.found, self.expected = reason, found, expected
        super().__init__(reason)


class _Parsed(NamedTuple):
    fields: list[bytes]
    end: int


class _UndecidedError(Exception):
    """What follows a buffer may still be a part of the row."""


class Delimited(RecordStream):
    r"""The rows of a file and its columns.

    Args:
        path: The file, plain or packed.
        delimiter: ``b","``, ``b"\t"`` or ``b";"``; ``None`` to tell it from the header line.
        keep_whole: Accept a truncated file: give the whole rows before the break.
        ragged: Take cells that lack at the end of a row for empty ones.
        block_bytes: Bytes to read before a block is cut.

    Raises:
        VqaDataError: There is no usable header.
    """

    columns: tuple[str, ...]
    """Names of the columns; an empty one is called ``column_3``, after its place."""

    def __init__(
        self,
        path: Path,
        delimiter: bytes | None = None,
        keep_whole: bool = False,
        ragged: bool = False,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        """Read the header."""
        super().__init__(path, keep_whole, block_bytes)
        self._ragged = ragged
        with InputFile(path) as file:
            self._delimiter = delimiter or most_frequent_delimiter(file.read(block_bytes))
        self._plain = re.compile(rb"(?:[^%b\r\n]++|\r(?!\n))*+" % self._delimiter)
        self._quoted = re.compile(rb'"((?:[^"]++|"")*+)"(?=%b|\r?\n|\Z)' % self._delimiter)
        self._open = re.compile(rb'"(?:[^"]++|"")*+"?')
        self._whole: re.Pattern[bytes] | None = None
        self.columns = self._header()
        field = rb'(?:"(?:[^"]++|"")*+"|(?!")%b)' % self._plain.pattern
        more = rb"(?:%b%b){%d}" % (self._delimiter, field, len(self.columns) - 1)
        self._whole = re.compile(rb"(%b%b)\r?\n" % (field, more))

    def decode(self, record: RawRecord) -> dict[str, str | None]:
        """The cells of a row by column name; an empty cell is ``None``.

        Raises:
            BadRow: The row has another number of fields than the header, a stray quote, or bytes
                that are not UTF-8.
        """
        fields = self._fields(record.raw)
        if self._ragged:
            fields += [b""] * (len(self.columns) - len(fields))
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

    def _read(self, file: InputFile) -> Generator[RawRecord, None, End]:
        rows = self._rows(file)
        next(rows)
        number = 0
        for line, row, is_open in rows:
            if is_open and (file.damage or self._breaks_off(row)):
                return End(number, Break(file.offset - len(row), "the last row breaks off"))
            yield RawRecord(number, f"line {line}", row)
            number += 1
        return End(number)

    def _rows(self, file: InputFile) -> Iterator[tuple[int, bytes, bool]]:
        """The rows that are not empty, the header first.

        Yields:
            The number of its first line, from 1; the row; whether the file ends without a line
            break behind it.
        """
        text, line, last = b"", 1, False
        while not last:
            more = file.read(self._block_bytes)
            text, last = text + more, not more
            used = 0
            for rows, used in self._cut(text, last):
                for row in rows:
                    if row and not row.isspace():
                        yield line, row, used > len(text)
                    line += 1 + row.count(b"\n")
            text = text[used:]

    def _cut(self, text: bytes, last: bool) -> Iterator[tuple[list[bytes], int]]:
        """Rows of a buffer, with the offset behind their line breaks, as far as it is certain."""
        start = 0
        while start < len(text):
            quote = text.find(b'"', start)
            plain = text.rfind(b"\n", start, len(text) if quote < 0 else quote)
            if plain >= 0:
                lines = text[start:plain].replace(b"\r\n", b"\n").removesuffix(b"\r")
                yield lines.split(b"\n"), plain + 1
                start = plain + 1
            whole = self._whole_rows(text, start)
            if whole[0]:
                yield whole
                start = whole[1]
            elif (end := self._row_end(text, start, last)) is not None:
                yield [text[start:end].removesuffix(b"\r")], end + 1
                start = end + 1
            else:
                return

    def _whole_rows(self, text: bytes, start: int) -> tuple[list[bytes], int]:
        """The rows from ``start`` that have the right number of fields, with quotes in pairs."""
        rows: list[bytes] = []
        while self._whole is not None and (row := self._whole.match(text, start)):
            rows.append(row[1])
            start = row.end()
        return rows, start

    def _row_end(self, text: bytes, start: int, last: bool) -> int | None:
        """Where the row at ``start`` ends; ``None`` if the buffer ends before that is certain."""
        line_end = _line_end(text, start)
        if line_end == len(text) and not last:
            return None
        if text.find(b'"', start, line_end) < 0:
            return line_end
        try:
            parsed = self._parse(text, start, last or len(text) - start > LONGEST_ROW)
        except _UndecidedError:
            return None
        if parsed is None or parsed.end < line_end:
            return line_end
        end = parsed.end + (text[parsed.end : parsed.end + 1] == b"\r")
        wrong = self._whole is not None and len(parsed.fields) != len(self.columns)
        if end > line_end and wrong and self._holds_row(text, line_end + 1, end):
            return line_end
        return end

    def _parse(self, text: bytes, position: int, last: bool = True) -> _Parsed | None:
        """The fields of the row at ``position``; ``None`` if a quote does not end well."""
        fields = []
        while True:
            in_quotes = text[position : position + 1] == b'"'
            if not last:
                self._check_certain(text, position, in_quotes)
            match = (self._quoted if in_quotes else self._plain).match(text, position)
            if match is None:
                return None
            fields.append(match[1].replace(b'""', b'"') if in_quotes else match[0])
            position = match.end()
            if text[position : position + 1] != self._delimiter:
                return _Parsed(fields, position)
            position += 1

    def _check_certain(self, text: bytes, position: int, in_quotes: bool) -> None:
        """See to it that a field ends so far before the end that nothing can change it."""
        field = (self._open if in_quotes else self._plain).match(text, position)
        if field is None or field.end() + len(b"\r\n") > len(text):
            raise _UndecidedError

    def _holds_row(self, text: bytes, start: int, end: int) -> bool:
        """Whether a line of ``text[start:end]`` is a whole row by itself."""
        for line in text[start:end].split(b"\n"):
            try:
                if len(self._fields(line.removesuffix(b"\r"))) == len(self.columns):
                    return True
            except BadRow:
                continue
        return False

    def _breaks_off(self, row: bytes) -> bool:
        try:
            return len(self._fields(row)) < len(self.columns) and not self._ragged
        except BadRow:
            return True

    def _header(self) -> tuple[str, ...]:
        with InputFile(self.path) as file:
            line, row, _ = next(self._rows(file), (0, b"", False))
        if not line:
            expected = "a header line with column names"
            raise VqaDataError(str(self.path), "an empty file", expected)
        where = f"{self.path}: line {line}"
        try:
            fields = enumerate(self._fields(row))
            names = [_text(field, f"column {n}").strip() for n, field in fields]
        except BadRow as bad:
            raise VqaDataError(where, bad.found, bad.expected, "Mend the header line.") from None
        names = [name or f"column_{number}" for number, name in enumerate(names, 1)]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            found = f"several columns called {twice[0]!r}"
            raise VqaDataError(where, found, "different names", "Rename one in the header line.")
        return tuple(names)


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
