"""The records of a JSON file of any length, block by block, with bounded memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from vqadata.errors import VqaDataError
from vqadata.inputs import GZIP_MAGIC, UTF8_MARK
from vqadata.json_cutter import Cutter, Records
from vqadata.json_records import broken_list
from vqadata.json_scan import LOOK, Break, RawRecord, element_end, list_rank, members_of, tail_fault

BLOCK_BYTES = 8 << 20
"""Bytes that are read before a block is cut."""

HEAD_BYTES = 1 << 16
"""Bytes in which the list of records is looked for at first."""


class Block(NamedTuple):
    """Some whole records of a file."""

    first: int
    """Number of the first one in the file, from 0."""
    records: Records
    """Their JSON texts."""


class JsonBlocks:
    """The list of records of a JSON file, plain or gzip, block by block.

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
        self.key = ""
        """The key that holds the list; empty for a top-level list."""
        self.header: dict[str, Any] = {}
        """The other top-level values before the list; after the last block, those behind it too."""
        with self._open() as file:
            self._start = self._find_list(file)

    def place(self, number: int) -> str:
        """The JSON path of a record."""
        return f"{self.key}[{number}]"

    def record(self, number: int, raw: bytes) -> RawRecord:
        """A record with its number and its JSON path."""
        return RawRecord(number, self.place(number), raw)

    def read_header(self, name: str) -> Any:
        """A top-level value, which is looked for behind the list if it does not stand before it."""
        if name not in self.header and self.key:
            for _ in self:
                pass
        return self.header.get(name)

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks.

        Raises:
            VqaDataError: The file is truncated or damaged between records; the message gives the
                byte, and the number of whole records before it.
        """
        self.records = 0
        with self._open() as file:
            file.read(self._start)
            cutter = Cutter(file, self._block_bytes, self._start)
            for records in cutter.blocks():
                yield Block(self.records, records)
                self.records += len(records)
            tail = cutter.rest + file.read()
            self.broken = cutter.broken
            if self.broken is None and (fault := tail_fault(tail, bool(self.key))):
                self.broken = Break(cutter.offset, fault)
            if self.broken is not None and not self._keep_whole:
                raise broken_list(self._path, self.broken, self.records)
            self._read_tail(tail)

    def _open(self) -> io.BufferedReader:
        return _open(self._path)

    def _find_list(self, file: BinaryIO) -> int:
        """The offset of the first record; the header is filled on the way."""
        head = b""
        while part := file.read(max(HEAD_BYTES, len(head))):
            head += part
            start = len(head) - len(head.lstrip())
            if head[start : start + 1] == b"[":
                return start + 1
            if head[start : start + 1] != b"{":
                break
            members = list(members_of(head, start))
            for (name, at), (_, end) in zip(members, [*members[1:], ("", len(head))], strict=False):
                if name == self._wanted and list_rank(head[at : at + LOOK]):
                    self.key = name
                    return at + head[at:].index(b"[") + 1
                self._keep_header(name, head[at:end])
        raise self._no_list(head)

    def _keep_header(self, name: str, text: bytes) -> None:
        end = element_end(text, 0)
        try:
            self.header[name] = msgspec.json.decode(text[: end or 0])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return

    def _read_tail(self, tail: bytes) -> None:
        """Keep the top-level values behind the list."""
        if not self.key:
            return
        document = b"{" + tail.lstrip().lstrip(b",")
        for name, at in members_of(document, 0):
            self._keep_header(name, document[at:])

    def _no_list(self, head: bytes) -> VqaDataError:
        start = head.lstrip()[:20]
        if not start.startswith(b"{"):
            found = f"{start!r}" if start else "an empty file"
            remedy = "Check that the file is what its name says."
            return VqaDataError(f"{self._path}: byte 0", found, "JSON, a list or an object", remedy)
        known = ", ".join(sorted(name for name, _ in members_of(head.lstrip(), 0))) or "nothing"
        found, expected = f"top-level keys: {known}", f"a list, or a key {self._wanted}"
        return VqaDataError(str(self._path), found, expected, "Check which file is which.")


class _Unpacked(io.RawIOBase):
    """A gzip file, whose damage is said in our words."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, gzip.GzipFile(fileobj=file)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return self._file.readinto(buffer)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise VqaDataError(
                str(self._path), f"damaged gzip: {error}", "a whole gzip file", "Download it again."
            ) from None


def _open(path: Path) -> io.BufferedReader:
    """Open a file for reading: unpacked if it is gzip, behind a byte-order mark.

    Raises:
        VqaDataError: The file is not there or cannot be read.
    """
    try:
        file: io.BufferedReader = path.open("rb")
    except FileNotFoundError:
        raise VqaDataError(str(path), "no such file", "", "Check the path.") from None
    except IsADirectoryError:
        raise VqaDataError(str(path), "a folder", "a file", "Name the file inside it.") from None
    except OSError as error:
        raise VqaDataError(str(path), f"cannot be read: {error.strerror}") from None
    if file.peek(2)[:2] == GZIP_MAGIC:
        file = io.BufferedReader(_Unpacked(path, file))
    if file.peek(3)[:3] == UTF8_MARK:
        file.read(3)
    return file
