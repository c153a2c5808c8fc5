"""Digests: xxh3-128 for the identity of bytes in memory, sha256 for files that travel."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def bytes_digest(data: bytes | memoryview) -> str:
    """xxh3-128 of some bytes, hexadecimal."""
    import xxhash

    return xxhash.xxh3_128_hexdigest(data)


class HashingFile:
    """A file to write whose bytes are digested on their way, so that they need not be read again.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        """Create the file."""
        import xxhash

        self._file = path.open("wb")
        self._whole = hashlib.sha256()
        self._part = xxhash.xxh3_128()
        self.size = 0
        """Bytes written so far."""

    @property
    def closed(self) -> bool:
        """Whether it was closed; pyarrow asks."""
        return self._file.closed

    def write(self, data: bytes) -> int:
        """Write some bytes."""
        self._whole.update(data)
        self._part.update(data)
        self.size += len(data)
        return self._file.write(data)

    def part_digest(self) -> str:
        """xxh3-128 of what was written since this was asked last, hexadecimal."""
        digest = self._part.hexdigest()
        self._part.reset()
        return digest

    def digest(self) -> str:
        """sha256 of the whole file, hexadecimal."""
        return self._whole.hexdigest()

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        self._file.flush()

    def sync(self) -> None:
        """See to it that the bytes are on disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def file_digest(path: Path) -> str:
    """sha256 of a file, hexadecimal, read in chunks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
