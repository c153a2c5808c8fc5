"""Where shards lie: the face of a store, and the one of a local folder, which is memory-mapped.

A store hands out record batches whose bytes are those of the manifest, or says what is wrong.
"""

from __future__ import annotations

import mmap
import os
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vqadata.groundwork.digests import bytes_digest
from vqadata.shards.manifest import FileEntry, ShardEntry, check_file, read_manifest_bytes
from vqadata.shards.message import MessageError, Segments, check_around_pictures, checked_rows
from vqadata.shards.scan import Fault, scan_shard

if TYPE_CHECKING:
    import pyarrow as pa

MOST_OPEN = 256
"""Shards that are mapped at a time: each takes a file handle."""


class Store(Protocol):
    """A place where a folder of shards lies."""

    where: str
    """Its name for people."""

    def manifest(self) -> bytes:
        """The bytes of the manifest.

        Raises:
            ShardError: There is none.
        """

    def path(self, name: str) -> str:
        """The name of one of its files for people."""

    def missing(self, shard: ShardEntry) -> MessageError | None:
        """What can be said against a shard at a glance, without reading it."""

    def batch(self, shard: ShardEntry, number: int, pictures: bool) -> pa.RecordBatch:
        """The rows of one batch.

        Args:
            shard: The shard.
            number: The batch in it.
            pictures: Whether the column of pictures will be looked at; otherwise it is neither
                fetched nor checked.

        Raises:
            MessageError: Its bytes are not those of the manifest.
        """

    def prefetch(self, shard: ShardEntry, number: int, pictures: bool) -> None:
        """Begin to fetch a batch that will be asked for soon."""

    def around_pictures(self, shard: ShardEntry, number: int) -> pa.RecordBatch:
        """The rows of one batch, checked but for the bytes of its pictures.

        Whoever looks at a picture compares it with its digest. What comes over a network is
        checked whole.

        Raises:
            MessageError: As of :meth:`batch`.
        """

    def release(self, shard: ShardEntry, number: int) -> None:
        """Give back the memory of a batch; who still has it may go on to use it."""

    def faults(self, shard: ShardEntry, sha256: bool) -> list[Fault]:
        """Compare each byte of a shard with the manifest; see :func:`scan_shard`."""

    def file(self, entry: FileEntry) -> Path:
        """A local path of another file of the manifest, its digest checked.

        Raises:
            ShardError: It is missing, or not that of the manifest.
        """


class LocalStore:
    """A folder of this machine. Batches are views of the mapped files."""

    def __init__(self, folder: Path) -> None:
        """Open nothing yet."""
        self.where = str(folder)
        self._folder = folder
        self._open: OrderedDict[str, _MappedShard] = OrderedDict()
        self._checked: set[tuple[str, int, bool]] = set()
        self._announced: set[tuple[str, int, bool]] = set()

    def manifest(self) -> bytes:
        """The bytes of the manifest."""
        return read_manifest_bytes(self._folder)

    def path(self, name: str) -> str:
        """The path of one of its files."""
        return str(self._folder / name)

    def missing(self, shard: ShardEntry) -> MessageError | None:
        """Whether the file is not there, or of another size."""
        try:
            _check_size((self._folder / shard.file).stat().st_size, shard)
        except FileNotFoundError:
            return MessageError("no such file", "a shard of the manifest")
        except MessageError as bad:
            return bad
        return None

    def batch(self, shard: ShardEntry, number: int, pictures: bool) -> pa.RecordBatch:
        """The rows of one batch; its digests are compared when it is first asked for."""
        message = self._mapped(shard).message(number)
        keys = [
            (shard.file, number, segment) for segment in ((False, True) if pictures else (False,))
        ]
        new = [key not in self._checked for key in keys]
        check = Segments(text=new[0], pictures=pictures and new[-1])
        rows = checked_rows(message, shard.batches[number], check)
        self._checked.update(keys)
        return rows

    def prefetch(self, shard: ShardEntry, number: int, pictures: bool) -> None:
        """Ask the system to read ahead what was not looked at yet."""
        key = (shard.file, number, pictures)
        if key not in self._checked and key not in self._announced:
            self._announced.add(key)
            self._mapped(shard).advise(number, "MADV_WILLNEED", pictures)

    def around_pictures(self, shard: ShardEntry, number: int) -> pa.RecordBatch:
        """The rows of one batch, checked but for the bytes of its pictures.

        Its pages are mapped at once, if the system has them: one by one they cost twice.
        """
        rows, mapped = self.batch(shard, number, False), self._mapped(shard)
        check_around_pictures(rows, mapped.message(number), shard.batches[number].text_length)
        mapped.map_ahead(number)
        return rows

    def release(self, shard: ShardEntry, number: int) -> None:
        """Take the pages of a batch out of this process; they stay in the system's cache."""
        if shard.file in self._open:
            self._open[shard.file].advise(number, "MADV_DONTNEED")

    def faults(self, shard: ShardEntry, sha256: bool) -> list[Fault]:
        """Compare each byte of a shard with the manifest."""
        return scan_shard(self._folder, shard, sha256)

    def file(self, entry: FileEntry) -> Path:
        """The path of another file, its digest checked."""
        path = self._folder / entry.file
        check_file(path, entry)
        return path

    def __getstate__(self) -> dict[str, object]:
        """Travel to worker processes without open files."""
        return self.__dict__ | {"_open": OrderedDict(), "_checked": set(), "_announced": set()}

    def _mapped(self, shard: ShardEntry) -> _MappedShard:
        mapped = self._open.get(shard.file)
        if mapped is None:
            mapped = self._open[shard.file] = _MappedShard(self._folder / shard.file, shard)
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(shard.file)
        return mapped


class _MappedShard:
    """One mapped file; what stands around its batches is checked when it is opened."""

    def __init__(self, path: Path, shard: ShardEntry) -> None:
        import pyarrow as pa

        self._path, self._shard = path, shard
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise MessageError("no such file", "a shard of the manifest") from None
        except (OSError, ValueError) as error:
            raise MessageError(f"cannot be read: {error}", "a shard of the manifest") from None
        _check_size(len(self._map), shard)
        self._buffer = pa.py_buffer(self._map)
        check_frame(memoryview(self._buffer), shard)

    def message(self, number: int) -> pa.Buffer:
        # A file that was cut off since would end this process by a signal when it is touched.
        _check_size(self._map.size(), self._shard)
        entry = self._shard.batches[number]
        return self._buffer.slice(entry.offset, entry.length)

    def advise(self, number: int, what: str, pictures: bool = True) -> None:
        """Tell the system of a batch, where it listens."""
        if not hasattr(mmap, what):
            return
        entry = self._shard.batches[number]
        start = entry.offset - entry.offset % mmap.PAGESIZE
        stop = entry.end if pictures else entry.offset + entry.text_length
        self._map.madvise(getattr(mmap, what), start, stop - start)

    def map_ahead(self, number: int) -> None:
        """Map the pages of a batch, unless that would mean to wait for a disk."""
        entry = self._shard.batches[number]
        start = entry.offset - entry.offset % mmap.PAGESIZE
        with suppress(OSError, AttributeError), self._path.open("rb", buffering=0) as file:
            for place in (entry.offset, entry.end - 1):  # Fails if it is on the disk alone.
                os.preadv(file.fileno(), [bytearray(1)], place, os.RWF_NOWAIT)
            self._map.madvise(_POPULATE_READ, start, entry.end - start)


_POPULATE_READ = 22
"""MADV_POPULATE_READ of Linux 5.14, which Python 3.11 has no name for."""


def _check_size(size: int, shard: ShardEntry) -> None:
    if size != shard.bytes:
        raise MessageError(f"{size:,} bytes", f"{shard.bytes:,}")


def check_frame(data: memoryview, shard: ShardEntry) -> None:
    """Compare what stands before and behind the batches of a whole shard with the manifest.

    Raises:
        MessageError: It differs.
    """
    first, last = shard.batches[0], shard.batches[-1]
    for name, part, expected in (
        ("head", data[: first.offset], shard.head_xxh3),
        ("tail", data[last.end :], shard.tail_xxh3),
    ):
        if (found := bytes_digest(part)) != expected:
            raise MessageError(f"its {name} has digest {found}", expected)
