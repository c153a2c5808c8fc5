"""Digests: xxh3-128 for the identity of bytes in memory, sha256 for files that travel."""

from __future__ import annotations

import hashlib
from pathlib import Path

CHUNK = 1 << 22


def bytes_digest(data: bytes | memoryview) -> str:
    """xxh3-128 of some bytes, hexadecimal."""
    import xxhash

    return xxhash.xxh3_128_hexdigest(data)


def file_digest(path: Path) -> str:
    """sha256 of a file, hexadecimal, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
