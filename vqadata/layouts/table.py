"""Any file of records, whatever its format: JSON, JSON lines, CSV or TSV, plain or gzip.

The format is told by the extension for CSV and TSV, by the content for the rest, since JSON lines
are often called ``.json``. Every format ends in the same pair: raw records and a way to decode
one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from vqadata.delimited import BadRow, Delimited, most_frequent_delimiter
from vqadata.errors import OptionError, VqaDataError
from vqadata.inputs import read_input
from vqadata.json_records import RecordList, cut_lines, cut_nested, cut_records
from vqadata.json_scan import Break, RawRecord, is_json
from vqadata.layouts.field_path import split_path
from vqadata.layouts.typed import BadRecord, decode_members
from vqadata.ledger import Rejection

DELIMITER_OF = {".csv": b",", ".tsv": b"\t", ".tab": b"\t"}
"""Delimiters by extension; the header line may say otherwise."""

LINES_SUFFIXES = (".jsonl", ".ndjson")

LINES_LOOKED_AT = 50
"""Lines that tell JSON lines from one JSON document."""

_OBJECT_LIST = re.compile(rb"\[\s*\{")


class Table(NamedTuple):
    """The records of one file."""

    records: list[RawRecord]
    """In file order."""
    decode: Callable[[RawRecord], dict[str, Any]]
    """Gives the members of a record; raises :class:`~vqadata.layouts.typed.BadRecord`."""
    broken: Break | None = None
    """Where the file breaks off, if that was accepted."""


def read_table(path: Path, records: str | None = None, keep_whole: bool = False) -> Table:
    """Read a file of records.

    Args:
        path: The file, plain or gzip whatever its name.
        records: Dotted path to the list of records in a JSON document; by default the document
            itself, or its only list of objects.
        keep_whole: Accept a truncated file: give the whole records before the break.

    Raises:
        VqaDataError: The file cannot be read, holds no records, or is truncated.
        OptionError: ``records`` is given for a file that is not one JSON document.
    """
    data = read_input(path)
    suffixes = {suffix.lower() for suffix in path.suffixes[-2:]}
    delimiter = next((DELIMITER_OF[s] for s in suffixes if s in DELIMITER_OF), None)
    as_lines = delimiter is None and _has_lines(data, bool(suffixes & {*LINES_SUFFIXES}), records)
    if delimiter is None and not as_lines and data.lstrip()[:1] in (b"[", b"{"):
        return _as_table(_document(path, data, records, keep_whole))
    if records is not None:
        found = f"{path.name} has lines, not one JSON document"
        raise OptionError("--records", found, "no such option here", "Leave --records out.")
    if as_lines:
        return _as_table(cut_lines(path, data, keep_whole))
    return _delimited(path, data, delimiter, keep_whole)


def _document(path: Path, data: bytes, records: str | None, keep_whole: bool) -> RecordList:
    steps = split_path(records) if records else ()
    if len(steps) > 1:
        return cut_nested(path, data, steps, keep_whole)
    return cut_records(path, data, steps, keep_whole)


def _as_table(cut: RecordList) -> Table:
    return Table(cut.records, decode_members, cut.broken)


def _has_lines(data: bytes, named_so: bool, records: str | None) -> bool:
    """Whether ``data`` is JSON lines and not one JSON document, nor anything else.

    At least half of the lines must be JSON objects by themselves. A single one is a line only if
    the file is named so, or if it holds no list that could be the records.
    """
    lines = [line.strip() for line in data.split(b"\n", LINES_LOOKED_AT)[:LINES_LOOKED_AT]]
    lines = [line for line in lines if line]
    whole = [line for line in lines if line[:1] == b"{" and is_json(line)]
    if len(lines) == 1 and whole and not named_so:
        return records is None and not _OBJECT_LIST.search(lines[0])
    if data.lstrip()[:1] == b"[" and not named_so:
        return False
    return bool(lines) and (2 * len(whole) >= len(lines) if whole else named_so)


def _delimited(path: Path, data: bytes, delimiter: bytes | None, keep_whole: bool) -> Table:
    chosen = most_frequent_delimiter(data, delimiter or b",")
    header = data[: data.find(b"\n") + 1] or data
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in header:
        raise VqaDataError(str(path), "not UTF-8 text", "UTF-8", "Convert it with iconv.")
    if delimiter is None and chosen not in header:
        raise VqaDataError(
            str(path), f"{data[:20]!r}", "JSON, JSON lines, CSV or TSV",
            "Check that the file is what its name says.",
        )  # fmt: skip
    table = Delimited(path, data, chosen, keep_whole)

    def decode(record: RawRecord) -> dict[str, Any]:
        try:
            return {**table.decode(record)}
        except BadRow as bad:
            raise BadRecord(Rejection(bad.reason, record.path, bad.found, bad.expected)) from None

    return Table(table.records, decode, table.broken)
