"""The records of a JSON document that holds a list for each split: ``{"train": [...], ...}``."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from vqadata.errors import VqaDataError
from vqadata.reading.inputs import InputFile
from vqadata.reading.json_cutter import Cutter
from vqadata.reading.json_document import JsonObject, shown
from vqadata.reading.json_scan import LOOK, OF_OBJECTS, RawRecord, list_rank, members_of
from vqadata.reading.record_stream import BLOCK_BYTES, End, RecordStream
from vqadata.reading.split_names import split_of_key


class JsonSplits(RecordStream):
    """The records of all splits, one list after the other, numbered through.

    Args:
        path: The file.
        keep_whole: Accept a truncated file: give the whole records before the break.
        block_bytes: Bytes to read before a block is cut.

    Raises:
        VqaDataError: The file cannot be read, or holds other lists of objects as well.
    """

    def __init__(
        self, path: Path, keep_whole: bool = False, block_bytes: int = BLOCK_BYTES
    ) -> None:
        """Find the lists."""
        super().__init__(path, keep_whole, block_bytes)
        self._document = JsonObject(path, block_bytes=block_bytes)
        spans = {key: self._document.span(key) for key in self._document.keys}
        others = [k for k, s in spans.items() if s.rank == OF_OBJECTS and not split_of_key(k)]
        if others:
            found = f"lists of splits, and {shown(others)}"
            remedy = "Name the list with --records KEY."
            raise VqaDataError(str(path), found, "one list of records a split", remedy)
        self.starts = {k: s.start for k, s in spans.items() if s.rank and split_of_key(k)}
        """Offset of each list by its key."""

    @property
    def splits(self) -> list[str]:
        """The usual names of the splits, in the order of the file."""
        return [split_of_key(key) or "" for key in self.starts]

    def split_of(self, record: RawRecord) -> str | None:
        """The split in whose list a record stands."""
        return split_of_key(record.path.rpartition("[")[0])

    def header(self, name: str) -> Any:
        """A top-level value that is no split; ``None`` if there is none."""
        return None if name in self.starts else self._document.read(name)

    def _read(self, file: InputFile) -> Generator[RawRecord, None, End]:  # noqa: ARG002
        first, broken = 0, None
        for key, start in self.starts.items():
            with InputFile(self.path) as opened:
                opened.skip(start + 1)
                cutter = Cutter(opened, self._block_bytes, start + 1, True)
                count = 0
                for records in cutter.blocks():
                    for number, raw in enumerate(records[:], count):
                        yield RawRecord(first + number, f"{key}[{number}]", raw)
                    count += len(records)
            first += count
            broken = broken or cutter.broken
        return End(first, broken or self._document.fault)


def begins_with_split(text: bytes) -> bool:
    """Whether the first lists of a document are called like splits, and hold objects.

    >>> begins_with_split(b'{"info": {}, "train": [{'), begins_with_split(b'{"data": [{')
    (True, False)
    """
    start = len(text) - len(text.lstrip())
    for name, at in members_of(text, start):
        rank = list_rank(text[at : at + LOOK])
        if rank and (rank == OF_OBJECTS or split_of_key(name) is None):
            return split_of_key(name) is not None
    return False
