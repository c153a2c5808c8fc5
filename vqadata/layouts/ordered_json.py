"""A JSON file with one long list, written in an order that is known only when all rows are.

Each piece of an export leaves its rows as they come; in the end all are written by their places.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from vqadata.exporting.collecting import Collection
from vqadata.exporting.outbox import Outbox, Part
from vqadata.groundwork.spill import Spill

if TYPE_CHECKING:
    import pyarrow as pa

BUCKET_ROWS = 1 << 14
"""Places that are put in order at a time."""

HELD_ROWS = 4096
"""Rows that are gathered before they go to a file."""

_LISTS = "lists"
"""Kind of the notes that say how a list begins."""


class UnorderedRows:
    """Takes the rows of a list in any order.

    Args:
        outbox: Where the rows of a piece are left.
        name: The file that they will make.
        key: The top-level key of the list; empty for a bare list.
        header: The other top-level members.
    """

    def __init__(self, outbox: Outbox, name: str, key: str, header: Mapping[str, Any]) -> None:
        """Hold no row yet."""
        import pyarrow as pa

        outbox.note(_LISTS, [name, key, dict(header)])
        self._outbox, self._name, self._path = outbox, name, f"{name}.rows"
        self._writer = pa.ipc.new_file(str(outbox.folder / self._path), _schema())
        self._rows: list[tuple[int, int, str]] = []

    def add(self, place: int, part: int, row: Mapping[str, Any]) -> None:
        """Take a row.

        Args:
            place: Its place in the list; two rows may have the same one.
            part: Its place among those.
            row: The members.
        """
        self._rows.append((place, part, msgspec.json.encode(row).decode()))
        if len(self._rows) == HELD_ROWS:
            self._write()

    def finish(self) -> None:
        """Write what is held."""
        self._write()
        self._writer.close()
        self._outbox.add_part(Part("", self._name, self._path))

    def _write(self) -> None:
        import pyarrow as pa

        if self._rows:
            columns = [list(column) for column in zip(*self._rows, strict=True)]
            arrays = [
                pa.array(column, kind)
                for column, kind in zip(columns, _schema().types, strict=True)
            ]
            self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=_schema()))
            self._rows = []


def write_lists(collection: Collection) -> None:
    """Write each list by the places of its rows; memory is bounded by a bucket."""
    heads: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for name, key, header in collection.notes.get(_LISTS, ()):
        heads.setdefault(name, (key, header))
    for name, (key, header) in heads.items():
        _write_list(collection, name, key, header)


def _write_list(collection: Collection, name: str, key: str, header: Mapping[str, Any]) -> None:
    path = collection.folder / name
    start, end = ("{", "\n]}\n") if key else ("[", "\n]\n")
    with (
        Spill(_schema(), collection.folder) as spill,
        path.open("w", encoding="utf-8", newline="\n") as file,
    ):
        for rows in _rows_of(collection, name):
            spill.add(rows, rows.column("place").to_numpy() // BUCKET_ROWS)
        file.write(start)
        if key:
            for member, value in header.items():
                file.write(f"{_json(member)}: {_json(value)},\n")
            file.write(f"{_json(key)}: [")
        separator = "\n"
        for text in _texts(spill):
            file.write(separator + text)
            separator = ",\n"
        file.write(end)


def _rows_of(collection: Collection, name: str) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    for part in collection.parts:
        if not part.pattern and part.split == name:
            with pa.OSFile(str(collection.folder / part.path), "rb") as source:
                reader = pa.ipc.open_file(source)
                for number in range(reader.num_record_batches):
                    yield reader.get_batch(number)


def _texts(spill: Spill) -> Iterator[str]:
    import numpy as np

    for bucket in range(spill.buckets):
        rows = spill.read(bucket)
        order = np.lexsort((rows.column("part").to_numpy(), rows.column("place").to_numpy()))
        yield from rows.column("text").take(order).to_pylist()


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("place", pa.int64()), ("part", pa.int64()), ("text", pa.string())])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
