"""Reads finished shards: memory-mapped, each batch checked before its first row is handed out.

A reader holds no picture: batches are views into the mapped files, so memory stays flat however
large the data set is.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vqadata.digests import bytes_digest
from vqadata.errors import OptionError, ShardError
from vqadata.record import Record
from vqadata.shards.manifest import BatchEntry, ShardEntry, read_manifest
from vqadata.shards.schema import shard_schema

if TYPE_CHECKING:
    import pyarrow as pa


def open_shards(folder: Path | str) -> Shards:
    """Open a finished folder.

    Raises:
        ShardError: The folder is missing, unfinished, damaged or of another version.
    """
    return Shards(Path(folder))


class _BatchPlace(NamedTuple):
    shard: int
    number: int
    """Of the batch in its shard."""
    first_row: int
    """Global number of the batch's first picture row."""


class Shards:
    """A finished folder of shards.

    Attributes:
        folder: Where it lies.
        manifest: What it promises.
        digest: Digest of the manifest: the identity of this version of the data.
    """

    def __init__(self, folder: Path) -> None:
        """Read the manifest; open the shard files when a row is asked for."""
        self.folder = folder
        self.manifest, self.digest = read_manifest(folder)
        self._places = list(_places(self.manifest.shards))
        self._first_rows = [place.first_row for place in self._places]
        self._readers: dict[int, _ShardReader] = {}

    @property
    def ledger_path(self) -> Path:
        """Where the ledger lies."""
        return self.folder / self.manifest.ledger.file

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the record batches in order, as views into the mapped files.

        Raises:
            ShardError: A file is missing or its bytes are not those of the manifest.
        """
        for place in self._places:
            yield self._batch(place)

    def batch(self, number: int) -> pa.RecordBatch:
        """One record batch by its number over all shards, as a view into the mapped file.

        Raises:
            ShardError: As :meth:`batches`.
        """
        return self._batch(self._places[number])

    def split_batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield the record batches in order, each with the split to which it belongs."""
        for place in self._places:
            yield self.manifest.shards[place.shard].split, self._batch(place)

    def records(self) -> Iterator[Record]:
        """Yield the canonical records in shard order."""
        for batch in self.batches():
            for questions in batch.column("questions").to_pylist():
                yield from (Record.model_validate(question) for question in questions)

    def questions(self, columns: list[str] | None = None) -> pa.Table:
        """All questions as one flat table, without picture bytes.

        Args:
            columns: Names of record columns; all of them by default.

        Returns:
            The columns, plus ``picture_row`` (int64, for :meth:`pictures`) and the lists ``widths``
            and ``heights`` (int32 pixels of each picture; null where the header is unreadable).
        """
        import pyarrow as pa

        wanted = list(Record.model_fields) if columns is None else columns
        unknown = sorted(set(wanted) - set(Record.model_fields))
        if unknown:
            known = ", ".join(Record.model_fields)
            raise OptionError("columns", f"found {unknown[0]!r}", f"some of {known}")
        parts = [
            _flat(batch, place.first_row, wanted)
            for place, batch in zip(self._places, self.batches(), strict=True)
        ]
        return pa.Table.from_batches(parts or [_flat(_empty_batch(), 0, wanted)])

    def pictures(self, picture_row: int) -> list[bytes | None]:
        """The encoded pictures of one picture row; ``None`` for one that was missing.

        Args:
            picture_row: Global number of the row, from 0.

        Raises:
            IndexError: There is no such row.
            ShardError: The row's batch is damaged.
        """
        if not 0 <= picture_row < self.manifest.pictures:
            raise IndexError(f"picture row {picture_row} of {self.manifest.pictures}")
        place = self._places[bisect.bisect_right(self._first_rows, picture_row) - 1]
        images = self._batch(place).column("images")[picture_row - place.first_row]
        return [image["bytes"] for image in images.as_py()]

    def __getstate__(self) -> dict[str, object]:
        """Travel to worker processes without open files."""
        return self.__dict__ | {"_readers": {}}

    def _batch(self, place: _BatchPlace) -> pa.RecordBatch:
        if place.shard not in self._readers:
            entry = self.manifest.shards[place.shard]
            self._readers[place.shard] = _ShardReader(self.folder / entry.file, entry)
        return self._readers[place.shard].batch(place.number)


class _ShardReader:
    """One mapped shard file; remembers which batches it has checked."""

    def __init__(self, path: Path, entry: ShardEntry) -> None:
        import pyarrow as pa

        self._path, self._entry = path, entry
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise _damaged(path, "no such file", "a shard of the manifest") from None
        if size != entry.bytes:
            raise _damaged(path, f"{size:,} bytes", f"{entry.bytes:,}")
        self._map = pa.memory_map(str(path))
        self._buffer = self._map.read_buffer()
        try:
            self._file = pa.ipc.open_file(self._map)
        except pa.ArrowInvalid as error:
            raise _damaged(path, f"not an Arrow file: {error}", "an Arrow IPC file") from None
        if self._file.num_record_batches != len(entry.batches) or not self._file.schema.equals(
            shard_schema()
        ):
            raise _damaged(path, "another schema or number of batches", "those of the manifest")
        self._checked: set[int] = set()

    def batch(self, number: int) -> pa.RecordBatch:
        entry = self._entry.batches[number]
        if number not in self._checked:
            check_batch(self._path, memoryview(self._buffer), number, entry)
            self._checked.add(number)
        return self._file.get_batch(number)


def check_batch(path: Path, data: memoryview, number: int, entry: BatchEntry) -> None:
    """Compare the bytes of one batch with the manifest.

    Raises:
        ShardError: They differ.
    """
    found = bytes_digest(data[entry.offset : entry.offset + entry.length])
    if found != entry.xxh3:
        where = f"batch {number} (bytes {entry.offset}-{entry.offset + entry.length})"
        raise _damaged(path, f"{where} has digest {found}", entry.xxh3)


def _damaged(path: Path, found: str, expected: str) -> ShardError:
    return ShardError(
        str(path), f"damaged: {found}", expected, "Restore the file, or make the folder again."
    )


def _places(shards: list[ShardEntry]) -> Iterator[_BatchPlace]:
    numbered = [(s, b, batch) for s, shard in enumerate(shards) for b, batch in _batches(shard)]
    starts = accumulate((batch.pictures for _, _, batch in numbered), initial=0)
    for (shard, number, _), first_row in zip(numbered, starts, strict=False):
        yield _BatchPlace(shard, number, first_row)


def _batches(shard: ShardEntry) -> Iterator[tuple[int, BatchEntry]]:
    return enumerate(shard.batches)


def _empty_batch() -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], schema=shard_schema())


def _flat(batch: pa.RecordBatch, first_row: int, columns: list[str]) -> pa.RecordBatch:
    """One row a question: the chosen columns, the picture row, and its pictures' sizes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    questions, facts = batch.column("questions"), batch.column("image_facts")
    rows = pc.list_parent_indices(questions)
    flat = pc.list_flatten(questions)
    arrays = [pc.struct_field(flat, name) for name in columns]
    for side in ("width", "height"):
        sizes = pa.ListArray.from_arrays(facts.offsets, pc.struct_field(facts.values, side))
        arrays.append(pc.take(sizes, rows))
    names = [*columns, "widths", "heights", "picture_row"]
    arrays.append(pc.add(pc.cast(rows, pa.int64()), first_row))
    return pa.RecordBatch.from_arrays(arrays, names=names)
