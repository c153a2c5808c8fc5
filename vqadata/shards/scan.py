"""Compares whole files with the manifest at the speed of the disk: each byte is read once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from vqadata.groundwork.digests import file_digest
from vqadata.shards.manifest import ShardEntry

CHUNK = 1 << 20
"""Bytes read at a time, into one buffer that stays in the processor's cache."""


class Fault(NamedTuple):
    """A part of a file that is not what the manifest says."""

    file: str
    batch: int | None
    """Number of the batch; ``None`` for the file as a whole, or what stands around its batches."""
    what: str
    """What is wrong."""

    def __str__(self) -> str:
        """The fault as a line."""
        return f"{self.file}: {self.what}"


class Part(NamedTuple):
    """Some bytes of a shard, and what they should be."""

    name: str
    batch: int | None
    offset: int
    length: int
    digest: str

    def faults(self, file: str, found: str) -> list[Fault]:
        """What is wrong with the part if its digest is ``found``."""
        if found == self.digest:
            return []
        what = f"damaged: {self.name} has digest {found}, expected {self.digest}"
        return [Fault(file, self.batch, what)]


def scan_shard(folder: Path, shard: ShardEntry, sha256: bool = False) -> list[Fault]:
    """Read one shard and compare each part of it with the manifest.

    Args:
        folder: Where it lies.
        shard: What the manifest says of it.
        sha256: Compare the sha256 of the whole file, too. xxh3 notices every accident; only sha256
            withstands somebody who means to deceive.
    """
    path = folder / shard.file
    if not path.is_file():
        return [Fault(shard.file, None, "missing")]
    if (size := path.stat().st_size) != shard.bytes:
        return [Fault(shard.file, None, f"{size:,} bytes, expected {shard.bytes:,}")]
    try:
        faults = list(_damaged_parts(path, shard))
        if sha256 and not faults and (found := file_digest(path)) != shard.sha256:
            faults = [Fault(shard.file, None, f"sha256 {found}, expected {shard.sha256}")]
    except OSError as error:
        faults = [Fault(shard.file, None, f"cannot be read: {error.strerror}")]
    return faults


def _damaged_parts(path: Path, shard: ShardEntry) -> Iterator[Fault]:
    import xxhash

    buffer = memoryview(bytearray(CHUNK))
    with path.open("rb", buffering=0) as file:
        for part in parts_of(shard):
            digest, left = xxhash.xxh3_128(), part.length
            while left and (count := file.readinto(buffer[: min(left, CHUNK)])):
                digest.update(buffer[:count])
                left -= count
            yield from part.faults(shard.file, digest.hexdigest())


def parts_of(shard: ShardEntry) -> Iterator[Part]:
    """All bytes of a shard, in their order."""
    first, last = shard.batches[0], shard.batches[-1]
    yield Part("its head", None, 0, first.offset, shard.head_xxh3)
    for number, batch in enumerate(shard.batches):
        name = f"batch {number} (bytes {batch.offset}-{batch.end})"
        yield Part(f"{name}: text", number, batch.offset, batch.text_length, batch.text_xxh3)
        start = batch.offset + batch.text_length
        yield Part(f"{name}: pictures", number, start, batch.end - start, batch.pictures_xxh3)
    yield Part("its tail", None, last.end, shard.bytes - last.end, shard.tail_xxh3)
