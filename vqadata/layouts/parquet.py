"""Parquet files of rows with pictures inside, which every table tool and ``datasets`` read.

A picture stands in the row of each of its questions, but only once in the file: the values of a row
group are coded by a dictionary, so equal pictures near each other cost their bytes once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vqadata.exporting.outbox import Outbox, Part

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 1000
"""Most rows of a row group."""

GROUP_BYTES = 64 << 20
"""Picture bytes after which a row group is closed, repeated ones counted: what a reader unpacks."""


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
        self._outbox, self._folder = outbox, folder
        self.schema, self._limit = schema, shard_mb << 20
        self._open: dict[str, _ParquetFile] = {}
        self._count = 0

    def write(self, split: str, batch: pa.RecordBatch) -> None:
        """Write some rows as one row group.

        Args:
            split: Their split in the shards.
            batch: The rows.
        """
        if split not in self._open:
            path = self._outbox.folder / f"{self._folder}-{self._count:05d}.parquet"
            self._open[split] = _ParquetFile(path, self.schema)
            self._count += 1
        self._open[split].write(batch)
        if self._open[split].size >= self._limit:
            self._close(split)

    def finish(self) -> None:
        """Close the files."""
        for split in list(self._open):
            self._close(split)

    def _close(self, split: str) -> None:
        path, rows, arrow_bytes = self._open.pop(split).close()
        pattern = f"{self._folder}/{{split}}-{{number:05d}}-of-{{count:05d}}.parquet"
        part = Part(pattern, self._outbox.names[split], path.name, rows, arrow_bytes)
        self._outbox.add_part(part)


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
