"""Digests: xxh3-128 for the identity of bytes in memory, sha256 for files that travel."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import accumulate
from pathlib import Path


def bytes_digest(data: bytes | memoryview) -> str:
    """xxh3-128 of some bytes, hexadecimal."""
    import xxhash

    return xxhash.xxh3_128_hexdigest(data)


def text_key(text: str) -> int:
    """xxh3-64 of a text: equal texts have it in common, and others hardly ever."""
    import xxhash

    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


LARGE = 1 << 16
"""Bytes of a write from which on it is worth to let a thread digest them."""


class HashingFile:
    """A file to write whose bytes are digested on their way, so that they need not be read again.

    The sha256 of what was written last is taken beside what comes next, where there is another
    processor: it takes longer than the writing. What is written must not change afterwards.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        """Create the file."""
        import xxhash

        self._file = path.open("wb")
        self._whole = hashlib.sha256()
        self._beside = ThreadPoolExecutor(1, "sha256")
        self._digesting: Future[None] | None = None
        self._part = xxhash.xxh3_128()
        self._ends: list[int] = []
        self._parts: list[str] = []
        self.size = 0
        """Bytes written so far."""

    @property
    def closed(self) -> bool:
        """Whether it was closed; pyarrow asks."""
        return self._file.closed

    def expect(self, *lengths: int) -> None:
        """Say into which parts the bytes that come next are cut."""
        self._part.reset()
        self._ends = [self.size + end for end in accumulate(lengths)]

    def parts(self) -> list[str]:
        """xxh3-128 of the parts that are complete since this was asked last, hexadecimal."""
        complete, self._parts = self._parts, []
        return complete

    def write(self, data: bytes) -> int:
        """Write some bytes."""
        rest = memoryview(data)
        self._digest(data)
        self.size += len(rest)
        while self._ends and self.size >= self._ends[0]:
            cut = len(rest) - (self.size - self._ends.pop(0))
            self._part.update(rest[:cut])
            self._parts.append(self._part.hexdigest())
            self._part.reset()
            rest = rest[cut:]
        self._part.update(rest)
        return self._file.write(data)

    def _digest(self, data: bytes) -> None:
        """Take the sha256 of some bytes behind those that were written before."""
        self._wait()
        if len(data) < LARGE:
            self._whole.update(data)
        else:
            self._digesting = self._beside.submit(self._whole.update, data)

    def _wait(self) -> None:
        """Wait until all that was written is digested."""
        if self._digesting is not None:
            self._digesting.result()
            self._digesting = None

    def rest(self) -> str:
        """xxh3-128 of what was written behind the last part, hexadecimal."""
        return self._part.hexdigest()

    def digest(self) -> str:
        """sha256 of the whole file, hexadecimal."""
        self._wait()
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
        self._beside.shutdown()
        self._file.close()


def file_digest(path: Path) -> str:
    """sha256 of a file, hexadecimal, read in chunks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def code_digest() -> str:
    """sha256 over the code of this package: what was found by other code is looked for anew."""
    package = Path(__file__).parents[1]
    whole = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        whole.update(f"{path.relative_to(package).as_posix()}\n".encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()
