"""The records of a JSON file of any length, block by block, with bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from vqadata.errors import VqaDataError
from vqadata.reading.inputs import InputFile
from vqadata.reading.json_cutter import Cutter
from vqadata.reading.json_document import no_list
from vqadata.reading.json_scan import Break, RawRecord
from vqadata.reading.json_skeleton import Skeleton
from vqadata.reading.json_spans import Records
from vqadata.reading.json_walk import Walk
from vqadata.reading.record_stream import broken_off, damaged

BLOCK_BYTES = 1 << 20
"""Bytes to read at a time. Their offsets and columns fit the cache; four times as many are read no
faster, and leave holes in memory that others do not fit into."""


class Block(NamedTuple):
    """Some whole records of a file."""

    first: int
    """Number of the first one in the file, from 0."""
    records: Records
    """Their JSON texts."""


class JsonBlocks:
    """The list of records of a JSON file, plain or packed, block by block.

    Args:
        path: The file.
        key: The top-level key that holds the list; a top-level list is always accepted.
        keep_whole: Accept a truncated file: give the whole records before the break.
        block_bytes: Bytes to read before a block is cut.

    Raises:
        VqaDataError: The file cannot be read, or there is no such list.
    """

    def __init__(
        self, path: Path, key: str, keep_whole: bool = False, block_bytes: int = BLOCK_BYTES
    ) -> None:
        """Find the list."""
        self._path, self._wanted = path, key
        self._keep_whole = keep_whole
        self._block_bytes = block_bytes
        self.records = 0
        """Whole records so far; all of them after the last block."""
        self.broken: Break | None = None
        """Where the list breaks off, if that was accepted."""
        self.pattern: Skeleton | None = None
        """What all records are like, if the reader of the blocks has found that out."""
        self.key = ""
        """The key that holds the list; empty for a top-level list."""
        self.header: dict[str, Any] = {}
        """The short top-level values before the list; after the last block, those behind it too."""
        with InputFile(path) as file:
            self.list_offset = self._find_list(file)
            """Offset of the first byte behind the ``[`` of the list, without a byte-order mark."""

    def place(self, number: int) -> str:
        """The JSON path of a record."""
        return f"{self.key}[{number}]"

    def record(self, number: int, raw: bytes) -> RawRecord:
        """A record with its number and its JSON path."""
        return RawRecord(number, self.place(number), raw)

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks.

        Raises:
            VqaDataError: The file is truncated or damaged between records; the message gives the
                byte, and the number of whole records before it.
        """
        self.records = 0
        with InputFile(self._path) as file:
            file.skip(self.list_offset)
            cutter = Cutter(file, self._block_bytes, self.list_offset, bool(self.key))
            for records in cutter.blocks():
                yield Block(self.records, records)
                self.records += len(records)
                cutter.pattern = self.pattern
            tail = Walk(file, cutter.offset, cutter.rest, self._block_bytes)
            self.broken = damaged(file, cutter.broken or self._read_tail(tail))
            if self.broken is not None and not self._keep_whole:
                raise broken_off(self._path, self.broken, self.records)

    def _find_list(self, file: InputFile) -> int:
        """The offset of the first record; the header is filled on the way."""
        walk = Walk(file, 0, b"", self._block_bytes)
        first, names = walk.peek(), []
        if first == b"[":
            return walk.offset + 1
        if first != b"{":
            found = f"{walk.shown()!r}" if first else "an empty file"
            remedy = "Check that the file is what its name says."
            raise VqaDataError(f"{self._path}: byte 0", found, "JSON, a list or an object", remedy)
        for member in walk.members():
            if member.name == self._wanted and member.rank:
                self.key = member.name
                return member.start + 1
            names.append(member.name)
            self._keep_header(member.name, walk.skip())
        raise no_list(self._path, names, [self._wanted], file.damage)

    def _keep_header(self, name: str, text: bytes | None) -> None:
        try:
            self.header[name] = msgspec.json.decode(text or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return

    def _read_tail(self, tail: Walk) -> Break | None:
        """Keep the top-level values behind the list; say where the document breaks off."""
        for member in tail.members(entered=True) if self.key else ():
            self._keep_header(member.name, tail.skip())
        return tail.fault or tail.behind()
