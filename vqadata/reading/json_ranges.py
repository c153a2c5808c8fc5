"""The records of a JSON file that begin in a range of its bytes, whatever stands before them.

One file can be read from many places at once. Nothing is counted first: a range begins at the first
text that stands between two records (``}, {"question_type"``, learnt from the head of the file),
and ends where the first record of the next range begins. Records are numbered within the range; the
sum of the records of the ranges before gives the number in the file (:func:`first_numbers`).

A list inside of a record may look like the list of records. It is told apart by how it ends, if
that is near; a longer one cannot be told from one place. So a range says where it began and ended:
if each one began where the one before ended, all records were read exactly once. One that did not
is read again from the right place (:func:`misread`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

from vqadata.errors import VqaDataError
from vqadata.reading.inputs import InputFile
from vqadata.reading.json_blocks import Block, JsonBlocks
from vqadata.reading.json_cutter import Cutter, Gap, ListShape, learn_gap
from vqadata.reading.json_exact import LOOK_AHEAD, Sight
from vqadata.reading.json_scan import Break
from vqadata.reading.json_walk import Walk
from vqadata.reading.packed import UTF8_MARK
from vqadata.reading.record_stream import BLOCK_BYTES, broken_off

HEAD_BYTES = 1 << 16
"""Bytes in which two records are looked for at first."""

WINDOW = 1 << 20
"""Bytes in which the beginning of a record is looked for at a time."""


NOWHERE = -1
"""Where a range begins in which no beginning of a record was found."""


class Part(NamedTuple):
    """What was read of one range."""

    began: int
    """Offset of the first record in the file; :data:`NOWHERE` if none was found."""
    ended: int
    """Offset of the first record behind; at the end of the list, the offset behind its ``]``."""
    records: int
    is_last: bool
    """Whether the list ended; the ranges behind hold nothing, whatever was found there."""
    broken: Break | None = None
    """Where the list breaks off, or seems to: the range may have begun in the wrong place."""


class JsonRange:
    """The records that begin in the bytes ``start`` to ``stop`` of a JSON file.

    Args:
        path: The file; not a packed one, which can only be read from its beginning.
        key: The top-level key that holds the list; a top-level list is always accepted.
        start: Offset in the file from which on records are read.
        stop: Offset from which on they are left to the next range.
        begin: Where the first record begins, if that is known: ``ended`` of the range before.
        block_bytes: Bytes to read before a block is cut.

    Raises:
        VqaDataError: The file cannot be read in ranges, or there is no such list.
    """

    def __init__(
        self,
        path: Path,
        key: str,
        start: int,
        stop: int,
        begin: int | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        """Find the list, and what stands between two of its records."""
        _see_to_plain(path)
        blocks = JsonBlocks(path, key)
        self._path, self._key = path, blocks.key
        self._stop, self._block_bytes = stop, block_bytes
        self.part: Part | None = None
        """What was read; there once all blocks were."""
        with path.open("rb") as file:
            head = file.read(len(UTF8_MARK))
            first = blocks.list_offset + len(UTF8_MARK) * (head == UTF8_MARK)
            file.seek(first)
            space = file.read(HEAD_BYTES)
            first += len(space) - len(space.lstrip())
            self._gap = _gap_of(file, first)
            self._is_certain = begin is not None or start <= first
            if begin is None:
                begin = (
                    first
                    if start <= first
                    else _find_record(
                        file, self._gap, max(start, first + self._gap.opening), bool(blocks.key)
                    )
                )
        self._begin = begin

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks; records are numbered from 0 within the range.

        Raises:
            VqaDataError: The file is truncated or damaged between records, and it is certain where
                the first record began. The message counts the whole records of the range.
        """
        if self._begin == NOWHERE or self._begin >= self._stop:
            self.part = Part(self._begin, self._begin, 0, is_last=self._begin == NOWHERE)
            return
        began, records = self._begin, 0
        with self._path.open("rb") as file:
            file.seek(self._begin)
            cutter = Cutter(file, self._block_bytes, self._begin, bool(self._key), self._gap)
            for found in cutter.blocks():
                began = began if records else found.place(0)
                inside = found.before(self._stop)
                if len(inside):
                    yield Block(records, inside)
                    records += len(inside)
                if len(inside) < len(found):
                    self.part = Part(began, found.place(len(inside)), records, is_last=False)
                    return
            broken = self._fault(cutter, file)
        if broken is not None and self._is_certain:
            raise broken_off(self._path, broken, records)
        began = began if records else cutter.offset
        self.part = Part(began, cutter.offset, records, is_last=True, broken=broken)

    def _fault(self, cutter: Cutter, file: BinaryIO) -> Break | None:
        """Where the list breaks off, or the document behind it does."""
        tail = Walk(file, cutter.offset, cutter.rest, self._block_bytes)
        if cutter.broken is None and self._key:
            for _ in tail.members(entered=True):
                tail.skip()
        return cutter.broken or tail.fault or tail.behind()


def misread(parts: Sequence[Part]) -> int | None:
    """The first part that did not begin where the one before ended, or broke off; mostly ``None``.

    Read it again with ``begin`` set to ``ended`` of the one before; that raises what is really
    broken.
    """
    for number, (before, part) in enumerate(pairwise(parts), 1):
        if before.is_last:
            return None
        if part.began != before.ended or part.broken:
            return number
    return None


def first_numbers(parts: Sequence[Part]) -> list[int]:
    """The number in the file of the first record of each part that holds records of the list."""
    ends = [number for number, part in enumerate(parts, 1) if part.is_last]
    counts = [part.records for part in parts[: ends[0] if ends else len(parts)]]
    return [0, *accumulate(counts)][: len(counts)]


def _see_to_plain(path: Path) -> None:
    with InputFile(path) as file:
        if file.packing is not None:
            expected = "a file in UTF-8 that is not packed"
            raise VqaDataError(str(path), file.packing, expected, "Unpack it.")


def _gap_of(file: BinaryIO, first: int) -> Gap:
    """What stands between the first two records; the list begins at ``first``."""
    head = b""
    file.seek(first)
    while part := file.read(max(HEAD_BYTES, len(head))):
        head += part
        gap = learn_gap(head)
        if gap.text or len(part) < HEAD_BYTES:
            return gap
    return Gap(b"", 0)


def _find_record(file: BinaryIO, gap: Gap, start: int, inside: bool) -> int:
    """The offset of the first record from ``start`` on, :data:`NOWHERE` if none is found."""
    position = start - gap.opening
    shape = ListShape(gap.next_opening, inside)
    while gap.is_sound:
        file.seek(position)
        window = file.read(WINDOW)
        at = window.find(gap.text)
        while at >= 0:
            if len(window) == WINDOW and at > WINDOW // 2:
                break  # look at it with what follows
            begin = at + gap.opening
            near = window[begin : begin + LOOK_AHEAD]
            if Sight(near, shape, len(near) < LOOK_AHEAD).continues(0):
                return position + at + gap.opening
            at = window.find(gap.text, at + 1)
        if len(window) < WINDOW:
            break
        position += at if at >= 0 else WINDOW - len(gap.text)
    return NOWHERE
