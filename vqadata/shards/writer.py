"""Writes shards: picture rows in, Arrow IPC files and their digests out.

Memory is bounded by one record batch. The bytes depend on the rows alone: no clock, no path of the
machine, no order of a hash table.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vqadata.shards.manifest import BatchEntry, ShardEntry
from vqadata.shards.schema import Picture, picture_columns, shard_schema

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_PICTURES = 64
"""Picture rows of a record batch: about 5 MB of JPEGs, the unit of a check and of a range read."""

BATCH_BYTES = 64 << 20
"""Picture bytes after which a batch is closed early, well below Arrow's 2 GiB offsets."""

HASH_CHUNK = 1 << 22


class ShardWriter:
    """Writes picture rows to one file a split until it is full, then to the next.

    Args:
        folder: Folder of the shards; must exist.
        shard_bytes: A shard is closed when its picture bytes reach this number.
    """

    def __init__(self, folder: Path, shard_bytes: int) -> None:
        """Open nothing yet: a file is opened by the first row of its split."""
        self._folder = folder
        self._shard_bytes = shard_bytes
        self._open: dict[str, _OpenShard] = {}
        self._count: dict[str, int] = {}
        self._closed: list[ShardEntry] = []

    def write(self, split: str, pictures: list[Picture], questions: list[dict[str, Any]]) -> None:
        """Add one picture row.

        Args:
            split: Split of all the questions; empty where the source names none.
            pictures: The pictures that the questions ask about.
            questions: Canonical records as dictionaries.
        """
        shard = self._open.get(split) or self._start(split)
        shard.add(pictures, questions)
        if shard.bytes >= self._shard_bytes:
            self._finish(split)

    def close(self) -> list[ShardEntry]:
        """Close all files; return the entries of the manifest, in reading order."""
        for split in list(self._open):
            self._finish(split)
        return sorted(self._closed, key=lambda entry: entry.file)

    def __enter__(self) -> Self:
        """Use the writer as a context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the files; what they hold is not a data set until a manifest names it."""
        for shard in self._open.values():
            shard.abandon()

    def _start(self, split: str) -> _OpenShard:
        stem = "".join(c if c.isalnum() or c in "-_" else "_" for c in split) or "data"
        number = self._count.get(stem, 0)
        self._count[stem] = number + 1
        shard = _OpenShard(self._folder / f"{stem}-{number:05d}.arrow", split)
        self._open[split] = shard
        return shard

    def _finish(self, split: str) -> None:
        self._closed.append(self._open.pop(split).finish())


class _OpenShard:
    """One file while it is written; its name ends in ``.partial`` until it is whole."""

    def __init__(self, path: Path, split: str) -> None:
        import pyarrow as pa

        self.bytes = 0
        self._path, self._split = path, split
        self._partial = path.with_name(path.name + ".partial")
        self._file = self._partial.open("wb")
        self._sink = pa.PythonFile(self._file, mode="w")
        self._schema = shard_schema()
        self._writer = pa.ipc.new_file(self._sink, self._schema)
        self._ranges: list[tuple[int, int, int, int]] = []
        self._rows: list[dict[str, Any]] = []
        self._batch_bytes = 0

    def add(self, pictures: list[Picture], questions: list[dict[str, Any]]) -> None:
        images, facts = picture_columns(pictures)
        self._rows.append({"images": images, "image_facts": facts, "questions": questions})
        size = sum(len(picture.data or b"") for picture in pictures)
        self.bytes += size
        self._batch_bytes += size
        if len(self._rows) >= BATCH_PICTURES or self._batch_bytes >= BATCH_BYTES:
            self._flush()

    def finish(self) -> ShardEntry:
        self._flush()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        entry = self._entry()
        self._partial.replace(self._path)
        return entry

    def abandon(self) -> None:
        self._file.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if not self._rows:
            return
        batch: pa.RecordBatch = pa.RecordBatch.from_pylist(self._rows, schema=self._schema)
        start = self._file.tell()
        self._writer.write_batch(batch)
        questions = sum(len(row["questions"]) for row in self._rows)
        self._ranges.append((start, self._file.tell() - start, len(self._rows), questions))
        self._rows, self._batch_bytes = [], 0

    def _entry(self) -> ShardEntry:
        """Describe the finished file; the digests are taken from what is on disk."""
        batches = []
        with self._partial.open("rb") as file:
            for offset, length, pictures, questions in self._ranges:
                file.seek(offset)
                digest = batch_digest(file.read(length))
                batches.append(
                    BatchEntry(
                        offset=offset, length=length, xxh3=digest,
                        pictures=pictures, questions=questions,
                    )
                )  # fmt: skip
        return ShardEntry(
            file=self._path.name,
            bytes=self._partial.stat().st_size,
            sha256=file_digest(self._partial),
            split=self._split,
            pictures=sum(batch.pictures for batch in batches),
            questions=sum(batch.questions for batch in batches),
            batches=batches,
        )


def batch_digest(data: bytes | memoryview) -> str:
    """xxh3-128 of the bytes of one record batch, hexadecimal."""
    import xxhash

    return xxhash.xxh3_128_hexdigest(data)


def file_digest(path: Path) -> str:
    """sha256 of a file, hexadecimal, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
