"""Rows sorted into buckets: in memory while they are few, in a temporary file beyond.

What must come together (the questions of one picture, a question and its answers) may stand far
apart in the input. Rows are dropped into numbered buckets as they come; a bucket is small enough to
be sorted in memory. So memory depends on the size of a bucket, not on that of the data.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

HELD_BYTES = 8 << 20
"""Bytes of rows that are held in memory before they go to a file."""

PIECE_BYTES = 1 << 20
"""Bytes from which rows of a bucket are written as they lie."""


class Spill:
    """Buckets of rows of one schema.

    Args:
        schema: The schema of the rows.
        folder: Where a temporary file may be made; it is gone when the context ends.
    """

    def __init__(self, schema: pa.Schema, folder: Path) -> None:
        """Hold nothing yet."""
        self.buckets = 0
        self._schema = schema
        self._folder = folder
        self._held: list[_Sorted] = []
        self._bytes = 0
        self._file: _Pieces | None = None

    def __enter__(self) -> Self:
        """Use the spill as a context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the temporary file."""
        if self._file is not None:
            self._file.close()

    def add(self, batch: pa.RecordBatch, buckets: Numbers) -> None:
        """Drop each row into its bucket; rows of a bucket keep the order in which they came.

        Args:
            batch: Some rows.
            buckets: The bucket of each, from 0.
        """
        import numpy as np

        if not batch.num_rows:
            return
        self.buckets = max(self.buckets, int(buckets.max()) + 1)
        self._bytes += batch.nbytes
        if (np.diff(buckets) < 0).any():
            order = np.argsort(buckets, kind="stable")
            batch, buckets = batch.take(order), buckets[order]
        bounds = np.searchsorted(buckets, np.arange(self.buckets + 1))
        self._held.append(_Sorted(batch, bounds))
        if self._bytes > HELD_BYTES:
            self._write_out()

    def read(self, bucket: int) -> pa.RecordBatch:
        """All rows of one bucket, in the order in which they came."""
        import pyarrow as pa

        # What was needed so far lies free; nobody gives it back unasked.
        pa.default_memory_pool().release_unused()
        written = self._file.of(bucket, self._schema) if self._file is not None else ()
        return _joined([*written, *self._parts(bucket)], self._schema)

    def _parts(self, bucket: int) -> Iterator[pa.RecordBatch]:
        """The rows of one bucket that are in memory."""
        for batch, bounds in self._held:
            if bucket + 1 < len(bounds) and bounds[bucket] < bounds[bucket + 1]:
                start, stop = bounds[bucket : bucket + 2].tolist()
                yield batch.slice(start, stop - start)

    def _write_out(self) -> None:
        if self._file is None:
            self._file = _Pieces(self._folder)
        for bucket in range(self.buckets):
            for parts in _gathered(self._parts(bucket)):
                self._file.put(bucket, _joined(parts, self._schema))
        self._held.clear()
        self._bytes = 0


class _Sorted(NamedTuple):
    """Rows in the order of their buckets; a slice each would take more memory than the rows."""

    batch: pa.RecordBatch
    bounds: Numbers
    """Where each bucket begins, and where the last one ends."""


class _Pieces:
    """Pieces of buckets in one file that has no name, as encapsulated messages of Arrow.

    One file, however many pieces there are, and 16 bytes of memory for each: whatever else is kept
    while rows come lies between what is freed, and holds the memory around it.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix="spill-")  # noqa: SIM115
        self._places: list[array[int]] = []
        """For each bucket the offset and the length of each piece in turn."""

    def put(self, bucket: int, rows: pa.RecordBatch) -> None:
        while len(self._places) <= bucket:
            self._places.append(array("q"))
        self._places[bucket].append(self._file.seek(0, os.SEEK_END))
        self._places[bucket].append(self._file.write(rows.serialize()))

    def of(self, bucket: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        places = self._places[bucket] if bucket < len(self._places) else ()
        for offset, length in zip(places[::2], places[1::2], strict=True):
            self._file.seek(offset)
            # Not mapped: mapped pages count as memory of this process.
            yield pa.ipc.read_record_batch(pa.py_buffer(self._file.read(length)), schema)

    def close(self) -> None:
        self._file.close()


def _gathered(parts: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Small batches together, so that there are few; large ones alone: joined they are twice."""
    gathered: list[pa.RecordBatch] = []
    size = 0
    for part in parts:
        gathered.append(part)
        size += part.nbytes
        if size >= PIECE_BYTES:
            yield gathered
            gathered, size = [], 0
    if gathered:
        yield gathered


def _joined(parts: list[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    """Several batches as one."""
    import pyarrow as pa

    if len(parts) == 1:
        return parts[0]
    table = pa.Table.from_batches(parts, schema).combine_chunks()
    batches = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=schema)
