"""A first look at a path: which files there are, of what form, and their first records.

Only the beginning of each file is read, so a look at 100 GB takes no longer than one at a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from vqadata.errors import VqaDataError
from vqadata.reading.columnar import open_columnar
from vqadata.reading.delimited import BadRow, Delimited
from vqadata.reading.inputs import InputFile
from vqadata.reading.json_columns import JsonColumns, holds_columns
from vqadata.reading.json_scan import after_gap, is_json, members_of, value_end
from vqadata.reading.json_splits import JsonSplits, begins_with_split

HEAD_BYTES = 1 << 20
"""Bytes of a file that are looked at."""

LIST_BYTES = 64
"""Bytes that an empty list has at most."""

RECORDS = 20
"""Records of a file that are looked at."""

NO_RECORDS = "no record of it can be read"
"""The fault of a file that has records, none of which can be decoded."""

MOST_FILES = 500
"""Files of a folder that are looked at."""

Form = Literal[
    "json", "keyed", "lines", "table", "cells", "parquet", "arrow", "pickle", "other"
]  # fmt: skip
"""``json``: a document with a list of records; ``keyed``: an object of records by their ids;
``cells``: lines of cells with ``|`` between, without names."""

COLUMNAR: tuple[Form, ...] = ("parquet", "arrow")
"""Forms of files with columns and types."""

_MAGIC: tuple[tuple[bytes, Form], ...] = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),  # a stream: the mark before its first message
    (b"\x80", "pickle"),
)
_TABLES = (".csv", ".tsv", ".tab")
_PICTURES = frozenset(".jpg .jpeg .png .gif .bmp .tif .tiff .webp .mp4 .avi .mov".split())  # noqa: SIM905


class FileLook(NamedTuple):
    """What the beginning of one file tells."""

    path: Path
    form: Form
    key: str
    """Top-level key of the list of records; empty for a list without a key and other forms."""
    header: dict[str, Any]
    """Other top-level values that could be read, ``None`` for one that could not; the types of the
    columns of Parquet and Arrow."""
    records: list[dict[str, Any]]
    """The first records; of Parquet and Arrow one that has only the names of the columns."""
    fault: str = ""
    """Why nothing of it could be read; empty if it could."""

    @property
    def fields(self) -> frozenset[str]:
        """Names that most of the records have."""
        names = {name for record in self.records for name in record}
        half = len(self.records) / 2
        return frozenset(n for n in names if sum(n in r for r in self.records) >= half)


class Look(NamedTuple):
    """What a path holds."""

    path: Path
    files: list[FileLook]
    """Those that are no pictures, in the order of their names."""


def look_at(path: Path) -> Look:
    """Look at a file, or at the files in and below a folder.

    Raises:
        VqaDataError: There is nothing, or it cannot be read.
    """
    if not path.exists():
        raise VqaDataError(str(path), "no such file or folder", "", "Check the path.")
    if path.is_file():
        return Look(path, [look_at_file(path)])
    return Look(path, [_look_inside(file) for file in _files_below(path)])


def is_keyed(path: Path) -> bool:
    """Whether a file is plainly an object of several records, by their ids."""
    file = _look_inside(path)
    return file.form == "keyed" and len(file.records) > 1


def _look_inside(path: Path) -> FileLook:
    """Look at a file of a folder: one that cannot be read says so, and hides no other."""
    try:
        return look_at_file(path)
    except VqaDataError as error:
        return FileLook(path, "other", "", {}, [], error.found)


def look_at_file(path: Path) -> FileLook:
    """Look at the beginning of one file.

    Raises:
        VqaDataError: It cannot be read.
    """
    head = _head(path)
    start = head.lstrip()[:1]
    if not start:
        return FileLook(path, "other", "", {}, [], "an empty file")
    form = next((form for magic, form in _MAGIC if head.startswith(magic)), None)
    if form in COLUMNAR:
        return _columns(path, form)
    if form is not None:
        return FileLook(path, form, "", {}, [])
    if {suffix.lower() for suffix in path.suffixes} & {*_TABLES}:
        return _table(path)
    if start == b"[":
        fault = "an empty list" if head[:LIST_BYTES].split() in ([b"[]"], [b"[", b"]"]) else ""
        return FileLook(path, "json", "", {}, _records(head, head.index(b"[")), fault)
    if start != b"{":
        cells = _cells(head)
        return FileLook(path, "cells" if cells else "other", "", {}, cells)
    if lines := _lines(path, head):
        return FileLook(path, "lines", "", {}, lines)
    if begins_with_split(head):
        return _splits(path)
    if holds_columns(path, head):
        rows = islice(JsonColumns(path, keep_whole=True), RECORDS)
        return FileLook(path, "json", "", {}, [_decoded(row.raw) for row in rows])
    return _document(path, head)


def _columns(path: Path, form: Form) -> FileLook:
    """The names and the types of the columns; none if the file is damaged."""
    try:
        schema = open_columnar(path).schema
    except VqaDataError:
        return FileLook(path, form, "", {}, [], f"{form.capitalize()} that is damaged")
    types = {field.name: str(field.type) for field in schema}
    return FileLook(path, form, "", types, [dict.fromkeys(types)])


def _splits(path: Path) -> FileLook:
    """A document with a list for each split: that whose records say most, as tests lack answers."""
    lists = JsonSplits(path, keep_whole=True)
    looks = []
    for key, start in lists.starts.items():
        with InputFile(path) as file:
            file.skip(start)
            looks.append(FileLook(path, "json", key, {}, _records(file.read(HEAD_BYTES), 0)))
    return max(looks, key=lambda look: len(look.fields))


def _document(path: Path, head: bytes) -> FileLook:
    """A JSON document that is an object: with a list of records, or with records as members."""
    places = list(members_of(head, len(head) - len(head.lstrip())))
    lists = {name: _records(head, at) for name, at in places if head[at : at + 1] == b"["}
    key = max(lists, key=lambda name: len(lists[name]), default="")
    if lists.get(key):
        header = {name: _value(head, at) for name, at in places if name != key}
        return FileLook(path, "json", key, header, lists[key])
    values = [_value(head, at) for _, at in places[: RECORDS + 1]]
    records = [value for value in values if isinstance(value, dict)]
    if records and len(records) >= len(values) - 1:
        return FileLook(path, "keyed", "", {}, records)
    return FileLook(path, "json", "", {name: _value(head, at) for name, at in places}, [])


def _files_below(folder: Path) -> Iterator[Path]:
    """The files in a folder and in its subfolders, without pictures and what is hidden."""
    found = 0
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.is_file() and not hidden and path.suffix.lower() not in _PICTURES:
            found += 1
            if found > MOST_FILES:
                return
            yield path


def _head(path: Path) -> bytes:
    """The first bytes, unpacked and in UTF-8."""
    with InputFile(path) as file:
        return file.read(HEAD_BYTES)


def _records(head: bytes, start: int) -> list[dict[str, Any]]:
    """The first objects of the list at ``start``."""
    found: list[dict[str, Any]] = []
    position = after_gap(head, start + 1)
    while len(found) < RECORDS and head[position : position + 1] == b"{":
        value = _value(head, position)
        end = value_end(head, position)
        if end is None:
            break
        if isinstance(value, dict):
            found.append(value)
        position = after_gap(head, end)
    return found


def _value(head: bytes, start: int) -> Any:
    return _decoded(head[start : value_end(head, start) or start])


def _decoded(text: bytes) -> Any:
    """The value of a JSON text; a byte that is not UTF-8 hides no layout."""
    try:
        return msgspec.json.decode(text.decode("utf-8", "replace"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _lines(path: Path, head: bytes) -> list[dict[str, Any]]:
    """The first records of JSON lines; none if it is one document.

    As when the file is read, half of the lines have to be objects: one bad line hides no layout.
    """
    lines = [line.strip() for line in head.split(b"\n") if line.strip()]
    if len(head) >= HEAD_BYTES:
        lines.pop()
    named = path.suffix.lower() in (".jsonl", ".ndjson")
    if len(lines) < 2 and not named:
        return []
    whole = [line for line in lines[:RECORDS] if line[:1] == b"{" and is_json(line)]
    if 2 * len(whole) < min(len(lines), RECORDS):
        return []
    return [value for value in map(_decoded, whole) if isinstance(value, dict)]


def _table(path: Path) -> FileLook:
    """The first rows of CSV or TSV, or what is wrong with the first of them."""
    try:
        table = Delimited(path, keep_whole=True, ragged=True, block_bytes=HEAD_BYTES)
    except VqaDataError:
        return FileLook(path, "table", "", {}, [])
    rows: list[dict[str, Any]] = []
    fault = ""
    for record in islice(table, RECORDS):
        try:
            rows.append({**table.decode(record)})
        except BadRow as bad:
            fault = fault or f"{NO_RECORDS}: {bad.found}, expected {bad.expected}"
    return FileLook(path, "table", "", {}, rows, "" if rows else fault)


def _cells(head: bytes) -> list[dict[str, Any]]:
    """The cells of the first lines, numbered from 1; none if most lines have none."""
    lines = [line for line in head.split(b"\n")[:RECORDS] if line.strip()]
    cut = [line.decode("utf-8", "replace").rstrip("\r").split("|") for line in lines]
    several = [cells for cells in cut if len(cells) > 1]
    if 2 * len(several) <= len(lines):
        return []
    return [{f"column_{number}": cell for number, cell in enumerate(c, 1)} for c in several]
