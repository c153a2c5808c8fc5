"""Gathers rows until they make a row group of Parquet, by their number and by picture bytes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from vqadata.layouts.parquet import GROUP_BYTES, GROUP_ROWS, ParquetFiles

if TYPE_CHECKING:
    import pyarrow as pa


class Gathered:
    """Rows on their way to Parquet files.

    Args:
        files: Where they go.
    """

    def __init__(self, files: ParquetFiles) -> None:
        """Hold no row yet."""
        self._files = files
        self._rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._bytes: dict[str, int] = defaultdict(int)

    def add(self, split: str, row: dict[str, Any]) -> None:
        """Take a row; its column ``images`` holds Image values with ``bytes``.

        Args:
            split: Its split in the shards.
            row: Values by column.
        """
        self._rows[split].append(row)
        self._bytes[split] += sum(len(image["bytes"]) for image in row["images"])
        if len(self._rows[split]) == GROUP_ROWS or self._bytes[split] >= GROUP_BYTES:
            self._write(split)

    def finish(self) -> None:
        """Write what is left, and close the files."""
        for split in list(self._rows):
            self._write(split)
        self._files.finish()

    def _write(self, split: str) -> None:
        rows = self._rows.pop(split)
        del self._bytes[split]
        self._files.write(split, _batch(rows, self._files.schema))


def _batch(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """The rows as a batch; picture bytes, which are views of the shards, are copied only now."""
    import pyarrow as pa

    columns = []
    for field in schema:
        values = [row[field.name] for row in rows]
        if field.name == "images":
            values = [[image | {"bytes": _copied(image["bytes"])} for image in v] for v in values]
        columns.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _copied(data: pa.Buffer) -> bytes:
    copy: bytes = data.to_pybytes()
    return copy
