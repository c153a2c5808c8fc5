"""Files that are whole or not there: written beside their place, renamed, and checked when read."""

from __future__ import annotations

import os
from pathlib import Path

from vqadata.groundwork.digests import bytes_digest

DIGEST_BYTES = 32

PARTIAL = ".partial"
"""Suffix of a file that is not whole yet."""


def write_sealed(path: Path, data: bytes) -> None:
    """Write some bytes with their digest before them; the folder is made if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        partial.write_bytes(bytes_digest(data).encode() + data)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def unsealed(data: bytes | memoryview) -> memoryview | None:
    """What was written, without a copy; ``None`` if it is not what it was."""
    digest, content = bytes(data[:DIGEST_BYTES]), memoryview(data)[DIGEST_BYTES:]
    return content if bytes_digest(content).encode() == digest else None


def sealed_files(folder: Path) -> list[Path]:
    """The whole files of a folder, by name; none if it is not there."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in paths if path.suffix != PARTIAL]
