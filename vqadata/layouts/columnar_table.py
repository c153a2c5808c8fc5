"""Parquet and Arrow files, record by record, with the pictures that stand in them.

Formats: https://parquet.apache.org, https://arrow.apache.org/docs/format/Columnar.html (files and
streams), and the features that the library ``datasets`` writes into the schema: a picture is a
struct of ``bytes`` and ``path``; a class label is a number. Some rows are read at a time, so memory
does not grow with the file. The text of a record, as the ledger keeps it, has the size of a picture
where its bytes stood.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from vqadata.errors import VqaDataError
from vqadata.images.embedded import Encoded
from vqadata.layouts.field_profile import name_tokens
from vqadata.layouts.table import Table
from vqadata.layouts.typed import BadRecord
from vqadata.ledger import Rejection
from vqadata.reading.columnar import open_columnar
from vqadata.reading.delimited import NOT_UTF8
from vqadata.reading.json_scan import Break, RawRecord

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 32
"""Rows that are read at a time: they hold whole pictures."""

PICTURE_WORDS = frozenset("image img picture photo pic figure".split())  # noqa: SIM905
"""Words by which a column of bare bytes is told to hold pictures."""


class BadText(NamedTuple):
    """A row with a text that is not UTF-8."""

    found: str


class ColumnarTable(Table):
    """The records of a Parquet or Arrow file.

    Args:
        path: The file.
        header: What is known of all its records.
        keep_whole: Accept a damaged file: give the records before the damage.
        pictures: Columns that hold pictures although their types do not say so.

    Raises:
        VqaDataError: The file cannot be read.
    """

    def __init__(
        self,
        path: Path,
        header: Mapping[str, Any] | None = None,
        keep_whole: bool = False,
        pictures: Sequence[str] = (),
    ) -> None:
        """Read the schema."""
        super().__init__(path, self._members, header)
        self._keep_whole = keep_whole
        self._current: tuple[int, dict[str, Any] | BadRecord] = (-1, {})
        self.schema = open_columnar(path).schema
        self.pictures = [*dict.fromkeys([*picture_columns(self.schema), *pictures])]
        self._labels = _class_labels(self.schema)
        self._plain = {field.name for field in self.schema if _is_plain(field.type)}

    def __iter__(self) -> Iterator[RawRecord]:
        """The records in file order; :attr:`decode` knows the last one."""
        number = -1
        for number, row in enumerate(self._values()):
            if isinstance(row, BadText):
                why = Rejection(NOT_UTF8, f"[{number}]", row.found, "UTF-8")
                self._current = (number, BadRecord(why))
                yield RawRecord(number, f"[{number}]", b"")
                continue
            members = {name: self._value(name, value) for name, value in row.items()}
            self._current = (number, members)
            shown = {name: plain(members[name]) for name in self.pictures if name in members}
            yield RawRecord(number, f"[{number}]", msgspec.json.encode(members | shown))
        self.count = number + 1

    def sample(self, rows: int) -> list[dict[str, Any]]:
        """The first rows without their pictures; those before the damage in a damaged file."""
        names = [name for name in self.schema.names if name not in self.pictures]
        found = islice(ColumnarTable(self.path, keep_whole=True)._values(rows, names), rows)
        whole = [row for row in found if not isinstance(row, BadText)]
        return [{name: self._value(name, row[name]) for name in names} for row in whole]

    def _members(self, record: RawRecord) -> dict[str, Any]:
        number, members = self._current
        if number != record.number:
            raise LookupError(f"record {record.number} is asked for, but the last one is {number}")
        if isinstance(members, BadRecord):
            raise members
        return members

    def _values(
        self, rows: int = BATCH_ROWS, names: list[str] | None = None
    ) -> Iterator[dict[str, Any] | BadText]:
        """The rows as Python values, to the end or to the damage; what is no text is said so."""
        import pyarrow as pa

        number = 0
        try:
            for batch in open_columnar(self.path).batches(rows, names):
                for row in _rows_of(batch):
                    yield row
                    number += 1
        except (pa.ArrowException, OSError, ValueError) as error:
            what = str(error).partition("\n")[0]
            if not self._keep_whole:
                remedy = "Download it again, or pass --keep-whole-records."
                raise VqaDataError(f"{self.path}: row {number}", what, "", remedy) from None
            self.broken = Break(self.path.stat().st_size, what)

    def _value(self, name: str, value: Any) -> Any:
        if name in self.pictures:
            return encoded(value)
        labels = self._labels.get(name)
        if labels is not None and isinstance(value, int):
            return labels[value] if 0 <= value < len(labels) else None
        return value if name in self._plain else plain(value)


def _rows_of(batch: pa.RecordBatch) -> list[dict[str, Any] | BadText]:
    """The rows of a batch; a text that is not UTF-8 costs only its own row.

    Arrow files are mapped, and their offsets believed: damaged ones would lead out of the file.

    Raises:
        ArrowInvalid: The batch is damaged.
    """
    import pyarrow as pa

    try:
        batch.validate(full=True)
        return [*batch.to_pylist()]
    except pa.ArrowInvalid as error:
        said = str(error)
        if "UTF8" not in said:
            raise
    if len(batch) == 1:
        return [BadText(said.partition("\n")[0])]
    half = len(batch) // 2
    return [*_rows_of(batch.slice(0, half)), *_rows_of(batch.slice(half))]


def encoded(value: Any) -> Any:
    """A value of a picture column: an encoded picture, a name, a list of them, or nothing.

    Of a path beside bytes only the last part is kept: it may be one of another machine.
    """
    if isinstance(value, list):
        return [item for item in map(encoded, value) if item is not None]
    if isinstance(value, bytes):
        return Encoded(value)
    if not isinstance(value, dict):
        return value or None
    path = value.get("path") or None
    if value.get("bytes") is None:
        return path
    return Encoded(value["bytes"], path and PurePosixPath(path.replace("\\", "/")).name)


def plain(value: Any) -> Any:
    """A value as JSON has it: bytes give way to their number, dates and the like to their text."""
    if isinstance(value, Encoded):
        return {"bytes": len(value.data), "path": value.name}
    if isinstance(value, bytes):
        return {"bytes": len(value)}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    known = isinstance(value, str | int | float | bool | None)
    return value if known else str(value)


def picture_columns(schema: pa.Schema) -> list[str]:
    """The columns that hold pictures, in order."""
    features = _features(schema)
    return [field.name for field in schema if _holds_pictures(field, features.get(field.name))]


def names_pictures(column: str) -> bool:
    """Whether a column is called as if it held pictures.

    >>> names_pictures("image_1"), names_pictures("image_id"), names_pictures("answer")
    (True, False, False)
    """
    words = name_tokens(column)
    return bool(PICTURE_WORDS & {*words}) and not {"id", "type", "url"} & {*words}


def _holds_pictures(field: pa.Field, feature: Any) -> bool:
    import pyarrow as pa

    kind, said = field.type, json.dumps(feature)
    if "Audio" in said or "Video" in said:
        return False
    while pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    if pa.types.is_struct(kind):
        return {"bytes", "path"} == {member.name for member in kind.fields}
    is_binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    return '"Image"' in said or (is_binary and names_pictures(field.name))


def _is_plain(kind: pa.DataType) -> bool:
    """Whether the values of a type are those of JSON as they are."""
    import pyarrow as pa

    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _is_plain(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_is_plain(member.type) for member in kind.fields)
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(text or pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _class_labels(schema: pa.Schema) -> dict[str, list[str]]:
    return {
        name: feature["names"]
        for name, feature in _features(schema).items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and "names" in feature
    }


def _features(schema: pa.Schema) -> dict[str, Any]:
    """What ``datasets`` says of the columns; nothing where it did not write the file."""
    try:
        found = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
