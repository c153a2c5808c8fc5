"""A JSON file with one long list, written in an order that is known only when all rows are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from vqadata.spill import Spill

BUCKET_ROWS = 1 << 14
"""Places that are put in order at a time."""

HELD_ROWS = 4096
"""Rows that are gathered before they go to their buckets."""


class OrderedJson:
    """Takes rows in any order, and writes them by their places; memory is bounded by a bucket.

    Args:
        path: The file to write; temporary files go beside it.
        key: The top-level key of the list; empty for a bare list.
        header: The other top-level members.
    """

    def __init__(self, path: Path, key: str, header: Mapping[str, Any]) -> None:
        """Hold no row yet."""
        import pyarrow as pa

        self._path, self._key, self._header = path, key, header
        columns = {"place": pa.int64(), "part": pa.int64(), "text": pa.string()}
        self._spill = Spill(pa.schema(list(columns.items())), path.parent)
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
            self._drop()

    def finish(self) -> None:
        """Write the file."""
        self._drop()
        start, end = ("{", "\n]}\n") if self._key else ("[", "\n]\n")
        with self._spill, self._path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(start)
            if self._key:
                for name, value in self._header.items():
                    file.write(f"{_json(name)}: {_json(value)},\n")
                file.write(f"{_json(self._key)}: [")
            separator = "\n"
            for text in self._texts():
                file.write(separator + text)
                separator = ",\n"
            file.write(end)

    def _texts(self) -> Iterator[str]:
        import numpy as np

        for bucket in range(self._spill.buckets):
            rows = self._spill.read(bucket)
            order = np.lexsort((rows.column("part").to_numpy(), rows.column("place").to_numpy()))
            yield from rows.column("text").take(order).to_pylist()

    def _drop(self) -> None:
        import numpy as np
        import pyarrow as pa

        if not self._rows:
            return
        columns = [list(column) for column in zip(*self._rows, strict=True)]
        batch = pa.RecordBatch.from_arrays(
            [pa.array(columns[0], pa.int64()), pa.array(columns[1], pa.int64()),
             pa.array(columns[2], pa.string())],
            names=["place", "part", "text"],
        )  # fmt: skip
        self._spill.add(batch, np.array(columns[0], np.int64) // BUCKET_ROWS)
        self._rows = []


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
