"""The records of a JSON document that holds them column by column.

Such as ``datasets`` and pandas write: ``{"question": [...], "answer": [...]}``, the columns as
objects by row (pandas' ``columns``), or names beside rows (pandas' ``split``)::

    {"question": {"0": "What is it?", "1": "Is it red?"}, "answer": {"0": "a cup", "1": "yes"}}
    {"columns": ["question", "answer"], "index": [0, 1], "data": [["What is it?", "a cup"], ...]}

Every record is spread over the whole file, so the file is read whole.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import msgspec

from vqadata.errors import VqaDataError
from vqadata.reading.inputs import InputFile
from vqadata.reading.json_document import JsonObject
from vqadata.reading.json_scan import OF_OBJECTS, Break, RawRecord
from vqadata.reading.record_stream import End, RecordStream

_LISTS = re.compile(rb'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\[\s*[^{\s]')
_BY_ROW = re.compile(rb'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\{\s*"0"\s*:\s*[^{\s]')

FEWEST = 2
"""Lists that make a document one of columns."""


class JsonColumns(RecordStream):
    """The rows of a document of columns."""

    def _read(self, file: InputFile) -> Generator[RawRecord, None, End]:
        text = b"".join(iter(lambda: file.read(1 << 20), b""))
        try:
            document = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            offset = re.search(r"\(byte (\d+)\)", str(error))
            at = int(offset[1]) if offset else len(text)
            return End(0, Break(at, f"{error}; columns are whole or nothing"))
        number = -1
        for number, row in enumerate(_rows(document, self.path)):
            yield RawRecord(number, f"[{number}]", msgspec.json.encode(row))
        return End(number + 1)


def holds_columns(path: Path, head: bytes) -> bool:
    """Whether a document holds its records column by column.

    Args:
        path: The file.
        head: Its beginning.

    Raises:
        VqaDataError: The file cannot be read, or names a column twice.
    """
    by_row = _BY_ROW.match(head) is not None
    if not by_row and not _LISTS.match(head):
        return False
    document = JsonObject(path)
    ranks = [*document.ranks.values()]
    if not by_row and (OF_OBJECTS in ranks or sum(map(bool, ranks)) < FEWEST):
        return False
    for name in document.keys:
        document.span(name)
    return True


def _rows(document: dict[str, Any], path: Path) -> Iterator[dict[str, Any]]:
    names, data = document.get("columns"), document.get("data")
    if (
        isinstance(names, list)
        and isinstance(data, list)
        and isinstance(next(iter(data), None), list)
    ):
        return _of_split(names, data, path)
    columns = {name: value for name, value in document.items() if isinstance(value, list | dict)}
    fixed = {name: value for name, value in document.items() if name not in columns}
    if len({_rows_in(column) for column in columns.values()}) > 1:
        said = ", ".join(f"{name} {len(column)}" for name, column in columns.items())
        raise _uneven(path, f"columns of different rows: {said}")
    rows = zip(*map(_values, columns.values()), strict=True)
    return (fixed | dict(zip(columns, row, strict=True)) for row in rows)


def _rows_in(column: list[Any] | dict[str, Any]) -> tuple[str, ...]:
    """The names of the rows of a column."""
    names = column if isinstance(column, dict) else map(str, range(len(column)))
    return tuple(names)


def _values(column: list[Any] | dict[str, Any]) -> list[Any]:
    return column if isinstance(column, list) else list(column.values())


def _of_split(names: list[Any], rows: list[list[Any]], path: Path) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(names):
            raise _uneven(path, f"data[{number}] is no row of {len(names)} values")
        yield dict(zip(map(str, names), row, strict=True))


def _uneven(path: Path, found: str) -> VqaDataError:
    remedy = "Write the file anew, as a list of records."
    return VqaDataError(str(path), found, "a value of each column for each row", remedy)
