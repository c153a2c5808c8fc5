"""Cuts whole records out of the bytes of a JSON list, with a proof or one by one.

A block ends where a record ends. The end is guessed, then proved: between two records of a list
stands the same text (``}, {"question_type"``), which is learnt from the first two records. The last
such text in the buffer is a cut; msgspec then decodes the block as a list of raw records, which
fails if the cut was wrong. So no state is carried from block to block; a guess costs one search.
Where no guess can be proved the document is damaged, and its records are cut one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple, overload

import msgspec

from vqadata.json_scan import Break, after_gap, element_end, is_json, value_end

LONG_RECORD = 1 << 20
"""Bytes beyond which a first record that does not end is taken for damaged."""

NESTED = 16
"""Pieces between gaps that one record may hold."""

_GAP = re.compile(rb'\s*,\s*(?P<opening>\{\s*"(?:[^"\\]|\\.)*"|\{(?=\s*\})|\[)')
_CLOSING = re.compile(rb"(?P<list>\s*\])\s*(?:\}\s*)?\Z")
_SEPARATED = re.compile(rb"\s*(?:[,\]]|\Z)")
_END = re.compile(rb"\s*\]")


class _Gap(NamedTuple):
    """What stands between two records: from the last byte of one to the first key of the next."""

    text: bytes
    opening: int
    """Offset in it at which the next record begins."""

    @property
    def is_sound(self) -> bool:
        """Whether it cannot stand inside a string: a quote in one would be escaped."""
        return self.text.endswith(b'"')


class Records(Sequence[bytes]):
    """The JSON texts of some records.

    Args:
        raws: The records.
        text: All of them as they stand in the list, where that is proved.
        gap: What stands between them.
    """

    def __init__(
        self, raws: Sequence[bytes | msgspec.Raw], text: bytes = b"", gap: _Gap | None = None
    ) -> None:
        """Keep the parts; texts are made when they are asked for."""
        self._raws, self._text, self._gap = raws, text, gap

    def __len__(self) -> int:
        """Number of records."""
        return len(self._raws)

    @overload
    def __getitem__(self, number: int) -> bytes: ...
    @overload
    def __getitem__(self, number: slice) -> list[bytes]: ...
    def __getitem__(self, number: int | slice) -> bytes | list[bytes]:
        """The text of one record, or of some."""
        if isinstance(number, slice):
            return [bytes(raw) for raw in self._raws[number]]
        return bytes(self._raws[number])

    @property
    def lines(self) -> bytes:
        """A record a line, as far as the gap tells: one that lies in a record is cut too."""
        if self._gap is None or not self._gap.is_sound:
            return b"\n".join(self[:])
        return self._text.replace(self._gap.text, self._gap.text.replace(b",", b"\n", 1))


class Cutter:
    """Cuts the records out of a stream that stands behind the ``[`` of their list."""

    def __init__(self, file: BinaryIO, block_bytes: int, offset: int) -> None:
        """Cut nothing yet.

        Args:
            file: The stream.
            block_bytes: Bytes to read before a block is cut.
            offset: Offset of the stream's first byte in the file, for messages.
        """
        self._file, self._block_bytes = file, block_bytes
        self.offset = offset
        """Offset in the file of the first byte of ``rest``."""
        self._gap = _Gap(b"", 0)
        self._ended = False
        self.rest = b""
        """What is read but not cut; what stands behind the list in the end."""
        self.broken: Break | None = None
        """Where the list breaks off, if it does."""

    def blocks(self) -> Iterator[Records]:
        """Yield the texts of the records, a block at a time."""
        while not self._ended and self.broken is None:
            more = self._file.read(self._block_bytes)
            self.rest += more
            last = len(more) < self._block_bytes
            self._gap = self._gap if self._gap.text else _learn_gap(self.rest, last)
            records = self._prove_end() if last else self._prove()
            if records is None:
                records = Records(self._piece_by_piece(last))
            if len(records):
                yield records

    def _prove(self) -> Records | None:
        """All records before one of the last gaps of the buffer, if that can be proved."""
        for at in self._last_gaps():
            records = self._proved(self.rest[: at + 1])
            if records is not None:
                self._drop(at + 1)
                return records
        return None

    def _prove_end(self) -> Records | None:
        """All records up to the end of the list, if that can be proved."""
        starts = [at + self._gap.opening for at in self._last_gaps()]
        for start in starts or [after_gap(self.rest, 0)]:
            end = value_end(self.rest, start) or start
            closing = _END.match(self.rest, end)
            records = self._proved(self.rest[:end]) if closing else None
            if closing is not None and records is not None:
                self._finish(closing.end())
                return records
        return None

    def _proved(self, part: bytes) -> Records | None:
        """The records of a part of the list; ``None`` if it is not whole records."""
        text = part[after_gap(part, 0) :]
        try:
            raws = msgspec.json.decode(b"[%b]" % text, type=list[msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return Records(raws, text, self._gap)

    def _last_gaps(self) -> Iterator[int]:
        """Offsets of the last gaps, the very last first; one may stand inside a record."""
        at = len(self.rest)
        for _ in range(NESTED if self._gap.text else 0):
            at = self.rest.rfind(self._gap.text, 0, at)
            if at <= 0:
                return
            yield at

    def _piece_by_piece(self, last: bool) -> list[bytes]:
        """Cut a buffer that is damaged, or that holds no gap, or the end of the list."""
        records: list[bytes] = []
        pieces = list(self._pieces(last))
        number = used = 0
        while number < len(pieces) and not self._ended and self.broken is None:
            start, stop = pieces[number]
            end = self._record_end(start, pieces[number : number + NESTED])
            if end is None and not last and number + NESTED >= len(pieces):
                break  # what follows may still complete it
            if end is not None:
                records.append(self.rest[start:end])
                used = end
                while number + 1 < len(pieces) and pieces[number + 1][0] < end:
                    number += 1
                stop = pieces[number][1]
            if end is None or end < stop:
                final = last and number == len(pieces) - 1
                used = self._walk(end or start, stop, final, records)
            number += 1
        if self._ended:
            self._finish(used)
        else:
            self._drop(used)
        return records

    def _pieces(self, last: bool) -> Iterator[tuple[int, int]]:
        """Start and end of what stands between two gaps; the last piece is open at its end."""
        start = after_gap(self.rest, 0)
        while self._gap.is_sound and (at := self.rest.find(self._gap.text, start)) >= 0:
            yield start, at + 1
            start = at + self._gap.opening
        if last:
            yield start, len(self.rest)

    def _record_end(self, start: int, pieces: list[tuple[int, int]]) -> int | None:
        """The end of the record at ``start``, over some gaps if need be; ``None`` if damaged."""
        if is_json(self.rest[start : pieces[0][1]]):
            return pieces[0][1]
        near = self.rest[start : pieces[-1][1]]
        end = value_end(near, 0)
        if not end or not _SEPARATED.match(near, end) or not is_json(near[:end]):
            return None
        return start + end

    def _walk(self, start: int, stop: int, final: bool, records: list[bytes]) -> int:
        """Cut one piece exactly; return the offset behind what was used of it.

        What is no record, in front of the next gap or the end of the list, is one damaged record.
        """
        piece = self.rest[start:stop]
        position = after_gap(piece, 0)
        opening = piece[position : position + 1]
        while (end := element_end(piece, position)) is not None and end > position:
            if piece[position : position + 1] != opening or not _SEPARATED.match(piece, end):
                break
            records.append(piece[position:end])
            position = after_gap(piece, end)
        if position == len(piece):
            self._break(final, start + position, "the file ends inside the list of records")
        elif piece[position : position + 1] == b"]":
            self._ended = True
            return start + position + 1
        elif not final:
            records += self._split(piece[position:])
        elif (closing := _CLOSING.search(piece, position)) is not None:
            records += self._split(piece[position : closing.start()])
            self._ended = True
            return start + closing.end("list")
        else:
            self._break(final, start + position, "the file ends inside this record")
            return start + position
        return stop

    def _split(self, damaged: bytes) -> list[bytes]:
        """Cut before each text that begins a record, if that brings to light a good one."""
        opening = self._gap.text[self._gap.opening :]
        if not self._gap.is_sound or damaged.count(opening) < 2:
            return [damaged]
        parts = damaged.split(opening)[1:]
        records = [(opening + part).rstrip(b", \n\r\t") for part in parts]
        before = damaged[: damaged.index(opening)].rstrip(b", \n\r\t")
        return [before, *records][not before :] if any(map(is_json, records)) else [damaged]

    def _break(self, final: bool, offset: int, what: str) -> None:
        if final:
            self.broken = Break(self.offset + offset, what)

    def _finish(self, count: int) -> None:
        self._ended = True
        self._drop(count)

    def _drop(self, count: int) -> None:
        self.rest = self.rest[count:]
        self.offset += count


def _learn_gap(data: bytes, last: bool) -> _Gap:
    """The gap between the first two records; an empty one if they are not both there yet."""
    start = after_gap(data, 0)
    end = value_end(data, start)
    if end is None or not is_json(data[start:end]):
        # The first record is damaged, or longer than what was read so far.
        end = element_end(data, start) if last or len(data) > LONG_RECORD else None
    match = _GAP.match(data, end) if end else None
    if end is None or match is None:
        return _Gap(b"", 0)
    return _Gap(data[end - 1 : match.end()], match.start("opening") - end + 1)
