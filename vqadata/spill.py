"""Rows sorted into buckets: in memory while they are few, in temporary files beyond.

What must come together (the questions of one picture, a question and its answers) may stand far
apart in the input. Rows are dropped into numbered buckets as they come; a bucket is small enough to
be sorted in memory. So memory depends on the size of a bucket, not on that of the data.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

HELD_BYTES = 8 << 20
"""Bytes of rows that are held in memory before they go to a file."""


class Spill:
    """Buckets of rows of one schema.

    Args:
        schema: The schema of the rows.
        folder: Where temporary files may be made; they are gone when the context ends.
    """

    def __init__(self, schema: pa.Schema, folder: Path) -> None:
        """Hold nothing yet."""
        self.buckets = 0
        self._schema = schema
        self._parent = folder
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._held: list[_Sorted] = []
        self._bytes = 0
        self._rounds: list[_Round] = []

    def __enter__(self) -> Self:
        """Use the spill as a context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the temporary files."""
        for written in self._rounds:
            written.close()
        if self._folder is not None:
            self._folder.cleanup()

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

        if not bucket:
            # What was needed to fill the buckets lies free; nobody gives it back unasked.
            pa.default_memory_pool().release_unused()
        parts = [part for written in self._rounds if (part := written.read(bucket)) is not None]
        return _joined([*parts, *self._parts(bucket)], self._schema, pa)

    def _parts(self, bucket: int) -> Iterator[pa.RecordBatch]:
        """The rows of one bucket that are in memory."""
        for batch, bounds in self._held:
            if bucket + 1 < len(bounds) and bounds[bucket] < bounds[bucket + 1]:
                start, stop = bounds[bucket : bucket + 2].tolist()
                yield batch.slice(start, stop - start)

    def _write_out(self) -> None:
        import pyarrow as pa

        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(dir=self._parent, prefix="spill-")
        path = Path(self._folder.name) / f"{len(self._rounds)}.arrow"
        buckets = ((bucket, list(self._parts(bucket))) for bucket in range(self.buckets))
        joined = ((b, _joined(parts, self._schema, pa)) for b, parts in buckets if parts)
        self._rounds.append(_Round(path, self._schema, joined))
        self._held.clear()
        self._bytes = 0


class _Sorted(NamedTuple):
    """Rows in the order of their buckets; a slice each would take more memory than the rows."""

    batch: pa.RecordBatch
    bounds: Numbers
    """Where each bucket begins, and where the last one ends."""


class _Round:
    """One file of rows, a record batch a bucket."""

    def __init__(
        self, path: Path, schema: pa.Schema, parts: Iterable[tuple[int, pa.RecordBatch]]
    ) -> None:
        import pyarrow as pa

        self._place: dict[int, int] = {}
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for number, (bucket, part) in enumerate(parts):
                self._place[bucket] = number
                writer.write_batch(part)
        # Not mapped: mapped pages count as memory of this process.
        self._source = pa.OSFile(str(path), "rb")
        self._file = pa.ipc.open_file(self._source)

    def read(self, bucket: int) -> pa.RecordBatch | None:
        place = self._place.get(bucket)
        return None if place is None else self._file.get_batch(place)

    def close(self) -> None:
        self._source.close()


def _joined(parts: list[pa.RecordBatch], schema: pa.Schema, pa: Any) -> pa.RecordBatch:
    """Several batches as one."""
    if len(parts) == 1:
        return parts[0]
    table = pa.Table.from_batches(parts, schema).combine_chunks()
    batches = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=schema)
