"""Parquet files of rows with pictures inside, which every table tool and ``datasets`` read.

A picture stands in the row of each of its questions, but only once in the file: the values of a row
group are coded by a dictionary, so equal pictures near each other cost their bytes once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vqadata.outbox import Outbox

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 1000
"""Most rows of a row group."""

GROUP_BYTES = 64 << 20
"""Picture bytes after which a row group is closed, repeated ones counted: what a reader unpacks."""


class ParquetPart(NamedTuple):
    """One finished file."""

    path: str
    """In the folder, with slashes."""
    split: str
    """Name of the split in the export."""
    rows: int
    bytes: int
    """Of the file."""
    arrow_bytes: int
    """Of the rows in memory, which ``datasets`` calls ``num_bytes``."""


class ParquetFiles:
    """Files ``<folder>/<split>-00000-of-00002.parquet``, some of each split.

    Args:
        outbox: Says where, and what the splits are called.
        schema: The schema of the rows.
        shard_mb: Megabytes after which a file is closed.
        folder: Subfolder of the export.
    """

    def __init__(
        self, outbox: Outbox, schema: pa.Schema, shard_mb: int, folder: str = "data"
    ) -> None:
        """Open nothing yet."""
        self._folder, self.schema, self._limit = outbox.folder / folder, schema, shard_mb << 20
        self._names = outbox.names
        self._splits: dict[str, _SplitFiles] = {}

    def write(self, split: str, batch: pa.RecordBatch) -> None:
        """Write some rows as one row group.

        Args:
            split: Their split in the shards.
            batch: The rows.
        """
        if split not in self._splits:
            self._folder.mkdir(exist_ok=True)
            stem = self._folder / self._names[split]
            self._splits[split] = _SplitFiles(stem, self.schema, self._limit)
        self._splits[split].write(batch)

    def finish(self) -> list[ParquetPart]:
        """Close the files, and give them their names, which tell how many there are."""
        return [part for split in self._splits.values() for part in split.finish()]


class _SplitFiles:
    """The files of one split."""

    def __init__(self, stem: Path, schema: pa.Schema, limit: int) -> None:
        self._stem, self._schema, self._limit = stem, schema, limit
        self._parts: list[tuple[Path, int, int]] = []
        self._open: _ParquetFile | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        if self._open is None:
            path = self._stem.with_name(f"{self._stem.name}-{len(self._parts):05d}.parquet")
            self._open = _ParquetFile(path, self._schema)
        self._open.write(batch)
        if self._open.size >= self._limit:
            self._close()

    def finish(self) -> Iterator[ParquetPart]:
        self._close()
        for number, (path, rows, arrow_bytes) in enumerate(self._parts):
            name = f"{self._stem.name}-{number:05d}-of-{len(self._parts):05d}.parquet"
            size = path.stat().st_size
            path.rename(path.with_name(name))
            yield ParquetPart(
                f"{path.parent.name}/{name}", self._stem.name, rows, size, arrow_bytes
            )

    def _close(self) -> None:
        if self._open is not None:
            self._parts.append(self._open.close())
            self._open = None


class _ParquetFile:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self._path = path
        self._rows = self._arrow_bytes = 0
        self._file = path.open("wb")
        self._writer = pq.ParquetWriter(
            self._file,
            schema,
            compression="zstd",
            use_dictionary=True,
            dictionary_pagesize_limit=2 * GROUP_BYTES,
        )

    @property
    def size(self) -> int:
        return self._file.tell()

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch, row_group_size=max(batch.num_rows, 1))
        self._rows += batch.num_rows
        self._arrow_bytes += batch.nbytes

    def close(self) -> tuple[Path, int, int]:
        self._writer.close()
        self._file.close()
        return self._path, self._rows, self._arrow_bytes
