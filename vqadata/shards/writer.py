"""Writes shards: picture rows in, Arrow IPC files and their digests out.

Memory is bounded by one record batch. The bytes depend on the rows alone: no clock, no path of the
machine, no order of a hash table.

With a journal, each finished shard is written down; and one that an earlier run has finished is not
written again as long as the rows that come are those that it holds.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Self

from vqadata.groundwork.digests import HashingFile
from vqadata.shards.journal import Journal, KeptShard
from vqadata.shards.manifest import BatchEntry, ShardEntry
from vqadata.shards.message import head_length, segment_lengths
from vqadata.shards.schema import picture_bytes, shard_schema

if TYPE_CHECKING:
    import pyarrow as pa

STEM = 64
"""Characters of a split's name that a file name begins with."""

BATCH_PICTURES = 1024
"""Most picture rows of a record batch."""

BATCH_BYTES = 6 << 20
"""Picture bytes after which a record batch is closed, the unit of a check and of a range read."""

log = logging.getLogger(__name__)


class ShardWriter:
    """Writes picture rows to one file a split until it is full, then to the next.

    Args:
        folder: Folder of the shards; must exist.
        shard_bytes: A shard is closed when its picture bytes reach this number.
        journal: Of the folder, if an unfinished run is to be gone on with.
    """

    def __init__(self, folder: Path, shard_bytes: int, journal: Journal | None = None) -> None:
        """Open nothing yet: a file is opened by the first row of its split."""
        self._folder = folder
        self._shard_bytes = shard_bytes
        self._journal = journal
        self._open: dict[str, OpenShard | KeptShard] = {}
        self._names = ShardNames()
        self._closed: list[ShardEntry] = []

    def write(self, split: str, batch: pa.RecordBatch) -> None:
        """Add one record batch of picture rows.

        Args:
            split: Split of all the questions; empty where the source names none.
            batch: Picture rows in the schema of :func:`~vqadata.shards.schema.shard_schema`, about
                as many as :data:`BATCH_PICTURES` and :data:`BATCH_BYTES` say.
        """
        if not batch.num_rows:
            return
        shard = self._open.get(split) or self._start(split)
        if isinstance(shard, KeptShard) and not shard.meets(batch):
            shard = self._anew(shard)
        if isinstance(shard, OpenShard):
            shard.add(batch)
        self._open[split] = shard
        if shard.bytes >= self._shard_bytes:
            self._finish(split)

    def close(self) -> list[ShardEntry]:
        """Close all files; return the entries of the manifest, in reading order."""
        for split in list(self._open):
            self._finish(split)
        if self._journal:
            self._journal.discard(set(self._journal.files) - {each.file for each in self._closed})
        return sorted(self._closed, key=lambda entry: entry.file)

    def __enter__(self) -> Self:
        """Use the writer as a context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the files; what they hold is not a data set until a manifest names it."""
        for shard in self._open.values():
            if isinstance(shard, OpenShard):
                shard.abandon()

    def _start(self, split: str) -> OpenShard | KeptShard:
        path = self._folder / self._names.next(split)
        kept = self._journal.kept(path.name, split) if self._journal else None
        return kept or OpenShard(path, split)

    def _anew(self, kept: KeptShard) -> OpenShard:
        """A new shard with the batches of a finished one that were met; the rest is different."""
        log.warning("%s: its rows have changed since; writing it again", kept.path.name)
        shard = OpenShard(kept.path, kept.entry.split)
        for batch in kept.batches():
            shard.add(batch)
        return shard

    def _finish(self, split: str) -> None:
        shard = self._open.pop(split)
        if isinstance(shard, KeptShard):
            if shard.is_whole:
                self._closed.append(shard.entry)
                return
            shard = self._anew(shard)
        entry = shard.finish()
        self._closed.append(entry)
        if self._journal:
            self._journal.add(entry)


class ShardNames:
    """Names the shards of each split, in the order in which they are begun."""

    def __init__(self) -> None:
        """No name is given yet."""
        self._count: dict[str, int] = {}

    def next(self, split: str) -> str:
        """The name of the next file of a split."""
        stem = "".join(c if c.isalnum() or c in "-_" else "_" for c in split)[:STEM] or "data"
        number = self._count.get(stem, 0)
        self._count[stem] = number + 1
        return f"{stem}-{number:05d}.arrow"


class OpenShard:
    """One file while it is written; its name ends in ``.partial`` until it is whole.

    Args:
        path: The file.
        split: Split of all its questions.

    Attributes:
        bytes: Picture bytes so far.
    """

    def __init__(self, path: Path, split: str) -> None:
        """Create the file."""
        import pyarrow as pa

        self.bytes = 0
        self._path, self._split = path, split
        self._partial = path.with_name(path.name + ".partial")
        self._file = HashingFile(self._partial)
        self._writer = pa.ipc.new_file(pa.PythonFile(self._file, mode="w"), shard_schema())
        self._batches: list[BatchEntry] = []
        self._head = ""

    def add(self, batch: pa.RecordBatch) -> None:
        """Write one record batch."""
        import pyarrow.compute as pc

        # The head is written together with the first batch.
        head = [] if self._batches else [head_length()]
        text, pictures = segment_lengths(batch)
        start = self._file.size + sum(head)
        self._file.expect(*head, text, pictures)
        self._writer.write_batch(batch)
        if head:
            self._head, text_digest, pictures_digest = self._file.parts()
        else:
            text_digest, pictures_digest = self._file.parts()
        entry = BatchEntry(
            offset=start,
            length=text + pictures,
            text_length=text,
            text_xxh3=text_digest,
            pictures_xxh3=pictures_digest,
            pictures=batch.num_rows,
            questions=pc.sum(pc.list_value_length(batch.column("questions"))).as_py(),
        )
        self._batches.append(entry)
        self.bytes += picture_bytes(batch)

    def finish(self) -> ShardEntry:
        """Give the file its name; it is on disk."""
        self._writer.close()
        self._file.sync()
        self._file.close()
        self._partial.replace(self._path)
        return ShardEntry(
            file=self._path.name,
            bytes=self._file.size,
            sha256=self._file.digest(),
            head_xxh3=self._head,
            tail_xxh3=self._file.rest(),
            split=self._split,
            pictures=sum(batch.pictures for batch in self._batches),
            questions=sum(batch.questions for batch in self._batches),
            batches=self._batches,
        )

    def abandon(self) -> None:
        """Let go of the file."""
        self._file.close()
