"""What every file of records gives, whatever its format: its records, one after the other.

A stream reads its file anew at each pass, a block at a time, so memory does not grow with the file.
What a file is worth is known at its end only: a break is an error of the pass, which comes after
the records before it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from vqadata.errors import VqaDataError
from vqadata.reading.inputs import InputFile
from vqadata.reading.json_scan import Break, RawRecord

BLOCK_BYTES = 4 << 20
"""Bytes that are read before a block is cut."""


class End(NamedTuple):
    """What is known at the end of a pass."""

    records: int
    """How many whole ones there were."""
    broken: Break | None = None
    """Where the file breaks off, if it does."""


class RecordStream(ABC):
    """The records of one file.

    Args:
        path: The file, plain or packed.
        keep_whole: Accept a truncated file: give the whole records before the break.
        block_bytes: Bytes to read before a block is cut.
    """

    def __init__(
        self, path: Path, keep_whole: bool = False, block_bytes: int = BLOCK_BYTES
    ) -> None:
        """Read nothing yet."""
        self.path, self._keep_whole, self._block_bytes = path, keep_whole, block_bytes
        self.count = 0
        """Number of whole records; known after a whole pass."""
        self.broken: Break | None = None
        """Where the file breaks off, if that was accepted; known after a whole pass."""

    def __iter__(self) -> Iterator[RawRecord]:
        """The records in file order.

        Raises:
            VqaDataError: The file breaks off, or is damaged between records, and that is not
                accepted; the message gives the byte, and the number of whole records before it.
        """
        with InputFile(self.path) as file:
            count, broken = yield from self._read(file)
            broken = damaged(file, broken)
        if broken is not None and not self._keep_whole:
            raise broken_off(self.path, broken, count)
        self.count, self.broken = count, broken

    def header(self, name: str) -> Any:  # noqa: ARG002 - for those that have one
        """A value of the document that stands beside the records; ``None`` if there is none."""
        return None

    @abstractmethod
    def _read(self, file: InputFile) -> Generator[RawRecord, None, End]:
        """Yield the records of ``file``, which stands at its beginning."""


def damaged(file: InputFile, broken: Break | None) -> Break | None:
    """The break of a file that was read to its end; a packed one may be damaged behind its text."""
    offset, what = broken or (file.offset, "its text is whole")
    if file.damage is None or what.startswith(file.damage):
        return broken
    return Break(offset, f"{file.damage}; {what}")


def broken_off(path: Path, broken: Break, whole: int) -> VqaDataError:
    """What to raise for a file that breaks off."""
    return VqaDataError(
        f"{path}: byte {broken.offset}", broken.what, "the end of the list",
        f"Whole records before it: {whole}; --keep-whole-records converts those.",
    )  # fmt: skip
