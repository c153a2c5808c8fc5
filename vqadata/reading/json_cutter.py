"""Cuts whole records out of the bytes of a JSON list, with a proof or one by one.

A block ends where a record ends. The end is guessed, then proved: between two records of a list
stands the same text (``}, {"question_type"``), which is learnt from the first two records. The last
such text in the buffer is a cut; msgspec then decodes the block as a list of raw records, which
fails if the cut was wrong. Where all records are alike their skeleton is laid over the block
instead, which proves as much for less. So no state is carried from block to block; a guess costs
one search. Where no guess can be proved the document is damaged; its records are cut one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from vqadata.reading.inputs import Readable
from vqadata.reading.json_exact import LOOK_AHEAD, ExactCut, Shape, probe
from vqadata.reading.json_scan import Break, after_gap, value_end
from vqadata.reading.json_skeleton import Skeleton
from vqadata.reading.json_spans import Records, Spans, side_by_side

GUESSES = 16
"""Gaps at which a block is tried to be cut; those inside the last record are wrong ones."""

STRETCH_BYTES = 1 << 16
"""Bytes of a damaged buffer that are proved at once."""

LEAST_LOOK_AHEAD, LOOK_AHEAD_RECORDS = 1 << 12, 16
"""Where records are known to be short, fewer bytes are looked at behind damage."""

_GAP = re.compile(rb'\s*,\s*(?P<opening>\{\s*"(?:[^"\\]|\\.)*"(?=\s*:)|\{(?=\s*\})|\[)')
_OPENING = re.compile(rb'\{\s*"(?:[^"\\]|\\.)*"(?=\s*:)')
_END = re.compile(rb'\s*\](?!\s*,\s*[^"\s])')
_BETWEEN = re.compile(rb"\}\s*,\s*(?=\{)")
_FAULT = re.compile(r"\(byte (\d+)\)")


class Gap(NamedTuple):
    """What stands between two records: from the last byte of one to the first key of the next."""

    text: bytes
    opening: int
    """Offset in it at which the next record begins."""
    record: int = LOOK_AHEAD
    """Bytes of the record before it."""

    @property
    def is_sound(self) -> bool:
        """Whether it cannot stand inside a string: a quote in one would be escaped."""
        return self.text.endswith(b'"')

    @property
    def next_opening(self) -> bytes:
        """How the next record begins, if that cannot stand inside a string."""
        return self.text[self.opening :] if self.is_sound else b""

    @property
    def look_ahead(self) -> int:
        """Bytes behind damage in which records must follow each other."""
        return min(LOOK_AHEAD, max(LEAST_LOOK_AHEAD, LOOK_AHEAD_RECORDS * self.record))


class ListShape(Shape):
    """Records of any kind, many of which begin with the same key."""

    closer = b"]"

    def __init__(self, opening: bytes, inside: bool, look_ahead: int = LOOK_AHEAD) -> None:
        """Say how a record begins, as far as that is known, and whether the list is a member's."""
        self._opening, self.inside, self.look_ahead = opening, inside, look_ahead

    def value(self, text: bytes, at: int) -> int | None:  # noqa: ARG002 - the record itself
        """The record itself is the value."""
        return at

    def odd_beginnings(self, text: bytes, at: int, stop: int) -> Iterator[int]:
        """Objects that have the others' first key further behind: those inside have it not."""
        key = self._opening[1:].lstrip()
        for between in _BETWEEN.finditer(text, at, stop) if key else ():
            if key in text[between.end() : stop]:
                yield between.end()

    def fault(self, text: bytes, at: int) -> int | None:
        """See :meth:`Shape.fault`: the text is decoded as the rest of a list."""
        try:
            msgspec.json.decode(b"".join((b"[", memoryview(text)[at:])), type=list[msgspec.Raw])
        except (msgspec.DecodeError, RecursionError) as error:
            if "truncated" in str(error):
                return len(text)
            place = _FAULT.search(str(error))
            return at + int(place[1]) - 1 if place and "trailing" not in str(error) else None
        return None

    def beginning(self, text: bytes, at: int) -> int | None:
        """A record begins like the others, or like any object if that is not known."""
        if not self._opening:
            match = _OPENING.search(text, at)
            return match.start() if match else None
        found = text.find(self._opening, at)
        return found if found >= 0 else None


class Cutter:
    """Cuts the records out of a stream that stands behind the ``[`` of their list."""

    def __init__(
        self,
        file: Readable,
        block_bytes: int,
        offset: int,
        in_object: bool = True,
        gap: Gap | None = None,
    ) -> None:
        """Cut nothing yet.

        Args:
            file: The stream.
            block_bytes: Bytes to read before a block is cut.
            offset: Offset of the stream's first byte in the file.
            in_object: Whether the list is the value of a member.
            gap: What stands between two records, if that is known.
        """
        self._file, self._block_bytes, self._in_object = file, block_bytes, in_object
        self.offset = offset
        """Offset in the file of the first byte of ``rest``."""
        self._gap = gap or Gap(b"", 0)
        self._opening = self._gap.next_opening
        self._ended = self._is_damaged = False
        self.pattern: Skeleton | None = None
        """What all records are like, as far as is known; a block of such needs no other proof."""
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
            if not self._gap.text:
                self._gap = learn_gap(self.rest)
                self._opening = self._gap.next_opening or self._opening
            records = None if last or self._is_damaged else self._prove()
            if records is None and not self._is_damaged:
                records = self._prove_end()
            if records is None:
                records = self._one_by_one(last)
                # Where damage is dense, the next block has some too: its proof would be in vain.
                self._is_damaged = self._gap.is_sound and not records.proved.all()
            if len(records):
                yield records

    def _prove(self) -> Records | None:
        """All records before one of the last gaps of the buffer, if that can be proved."""
        start, sound = after_gap(self.rest, 0), len(self.rest)
        for at in self._last_gaps():
            if at > sound:
                continue  # the fault that was found stands before this gap too
            found = self._proved(start, at + 1)
            if isinstance(found, Records):
                self._drop(at + 1)
                return found
            sound = found
        return None

    def _prove_end(self) -> Records | None:
        """All records up to the end of the list, if that can be proved."""
        first = after_gap(self.rest, 0)
        for start in [at + self._gap.opening for at in self._last_gaps()] or [first]:
            end = value_end(self.rest, start) or start
            closing = _END.match(self.rest, end)
            found = self._proved(first, end) if closing else None
            if closing is not None and isinstance(found, Records):
                self._finish(closing.end())
                return found
        return None

    def _proved(self, start: int, stop: int) -> Records | int:
        """The records between two offsets, or the offset at which they are found to be broken."""
        text, offset = b"".join((b"[", memoryview(self.rest)[start:stop], b"]")), start - 1
        between = self._gap.text[1 : self._gap.opening]
        if self.pattern and (alike := self.pattern.all_of(text, between, self.offset + offset)):
            return alike
        try:
            raws = msgspec.json.decode(text, type=list[msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            place = _FAULT.search(str(error))
            return start + int(place[1]) if place else stop
        return side_by_side(text, raws, len(between), self.offset + offset)

    def _last_gaps(self) -> Iterator[int]:
        """Offsets of the last gaps, the very last first; one may stand inside a record."""
        at = len(self.rest)
        for _ in range(GUESSES if self._gap.text else 0):
            at = self.rest.rfind(self._gap.text, 0, at)
            if at <= 0:
                return
            yield at

    def _one_by_one(self, last: bool) -> Records:
        """Cut a buffer that is damaged, or that holds no gap, or the end of the list."""
        self._learn_opening()
        spans, at = Spans(), after_gap(self.rest, 0)
        while True:
            at = self._good_stretch(at, spans)
            cut = self._exact(at, last)
            spans.add(cut.items, at)
            at += cut.used
            if cut.ended or not cut.items:
                break
        records = spans.of(self.rest[:at], self.offset)
        self._ended = cut.ended
        if last and not cut.ended:
            self.broken = Break(self.offset + at, cut.broken)
        self._drop(at)
        return records

    def _good_stretch(self, at: int, spans: Spans) -> int:
        """Take the good records before the first fault; return where the next one begins."""
        gap = self._gap
        while gap.is_sound:
            end = self.rest.find(gap.text, at + STRETCH_BYTES)
            end = end if end >= 0 else self.rest.rfind(gap.text, at)
            found = self._proved(at, end + 1) if end > at else at
            if not isinstance(found, Records):
                end = self.rest.rfind(gap.text, at, found)
                found = self._proved(at, end + 1) if end > at else at
            if not isinstance(found, Records):
                break
            spans.extend(found, at - 1)
            at = end + gap.opening
        return at

    def _exact(self, at: int, last: bool) -> ExactCut:
        """The records from an offset to the first damaged one, if it can be told from good ones."""
        shape = ListShape(self._opening, self._in_object, self._gap.look_ahead)
        near = self.rest[at : at + 2 * shape.look_ahead]
        if self._gap.is_sound and len(near) == 2 * shape.look_ahead:
            cut = ExactCut(near, shape, last=False, brief=True)
            if cut.items:
                return cut
        return ExactCut(self.rest[at:], shape, last, self._gap.is_sound)

    def _learn_opening(self) -> None:
        """Learn how a record begins, from one that is whole, or like which another one begins."""
        start = after_gap(self.rest, 0)
        match = None if self._opening else _OPENING.match(self.rest, start)
        if match is not None:
            known = probe(self.rest, start).state == "whole" or self.rest.count(match[0]) > 1
            self._opening = match[0] if known else b""

    def _finish(self, count: int) -> None:
        self._ended = True
        self._drop(count)

    def _drop(self, count: int) -> None:
        self.rest = self.rest[count:]
        self.offset += count


def learn_gap(data: bytes) -> Gap:
    """The gap between the first two records; an empty one if they are not both there."""
    start = after_gap(data, 0)
    found = probe(data, start)
    match = _GAP.match(data, found.end) if found.state == "whole" else None
    if match is None:
        return Gap(b"", 0)
    opening = match.start("opening") - found.end + 1
    return Gap(data[found.end - 1 : match.end()], opening, found.end - start)
