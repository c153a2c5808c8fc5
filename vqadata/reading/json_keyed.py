"""The records of a JSON document that is an object of records: ``{"2022": {...}, "2023": {...}}``.

A block ends where a member ends. The end is guessed, then proved, as in a list
(:mod:`vqadata.reading.json_cutter`): from the key of a member to the first key in its value stands
the same text in most members (``": {"semantic"``), which is learnt from the first one. msgspec then
decodes the block as an object of raw records, which fails if the guess was wrong. Where no guess
can be proved, members are cut one by one, so that a damaged one costs only itself.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from itertools import islice
from typing import NamedTuple

import msgspec

from vqadata.reading.inputs import InputFile, Readable
from vqadata.reading.json_exact import ExactCut, Shape
from vqadata.reading.json_scan import Break, RawRecord, after_gap
from vqadata.reading.json_walk import Walk, key_text
from vqadata.reading.record_stream import End, RecordStream

GUESSES = 16
"""Places at which a block is tried to be cut, and gaps that may lie in one member."""

LOOK_BACK = 256
"""Bytes before a key in which the end of the member before it is looked for."""

_KEY = re.compile(rb'("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)
_OPENING = re.compile(rb'"\s*:\s*\{\s*"(?:[^"\\]|\\.)*"(?=\s*:)', re.DOTALL)
_ANY_MEMBER = re.compile(rb'"(?:[^"\\]|\\.)*' + _OPENING.pattern, re.DOTALL)
_BEFORE_KEY = re.compile(rb"\}\s*,\s*\Z")
_FAULT = re.compile(r"\(byte (\d+)\)")


class _Key:
    """A key that equals no other, so that a repeated one does not take the place of the first."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_MEMBERS = msgspec.json.Decoder(dict[_Key, msgspec.Raw], dec_hook=lambda _, text: _Key(text))


class _Member(NamedTuple):
    key: str | None
    """``None`` where it is damaged so that it cannot be told."""
    raw: bytes


class KeyedRecords(RecordStream):
    """The members of an object, each a record under its key.

    A key that stands there twice gives two records.
    """

    def _read(self, file: InputFile) -> Generator[RawRecord, None, End]:
        head = file.read(self._block_bytes)
        start = head.find(b"{") + 1
        if not start:
            return End(0, Break(file.offset, "the file ends before its records"))
        cutter = _MemberCutter(file, self._block_bytes, start, head[start:])
        count = 0
        for members in cutter.blocks():
            for number, (key, raw) in enumerate(members, count):
                yield RawRecord(number, f"[{number}]" if key is None else key, raw, key)
            count += len(members)
        tail = Walk(file, cutter.offset, cutter.rest)
        return End(count, cutter.broken or tail.behind())


class _MemberShape(Shape):
    """Members with an object as value; what stands behind its end is no part of the document."""

    closer, inside = b"}", False

    def __init__(self, opening: bytes) -> None:
        self._opening = opening

    def value(self, text: bytes, at: int) -> int | None:
        key = _KEY.match(text, at)
        return key.end() if key else None

    def beginning(self, text: bytes, at: int) -> int | None:
        if not self._opening:
            match = _ANY_MEMBER.search(text, at)
            return match.start() if match else None
        opening = text.find(self._opening, at)
        while opening >= 0:
            if (key := _quote_before(text, at, opening)) is not None:
                return key
            opening = text.find(self._opening, opening + 1)
        return None


def _quote_before(text: bytes, start: int, end: int) -> int | None:
    """The last quote in a part of a text that is not escaped."""
    quote = text.rfind(b'"', start, end)
    while quote > 0 and text[quote - 1 : quote] == b"\\":
        quote = text.rfind(b'"', start, quote)
    return quote if quote >= 0 else None


class _MemberCutter:
    """Cuts the members out of a stream that stands behind the ``{`` of their object."""

    def __init__(self, file: Readable, block_bytes: int, offset: int, text: bytes) -> None:
        self._file, self._block_bytes = file, block_bytes
        self.offset, self.rest = offset, text
        self.broken: Break | None = None
        self._ended = False
        self._opening = b""

    def blocks(self) -> Iterator[list[_Member]]:
        """Yield the members, a block at a time."""
        while not self._ended and self.broken is None:
            more = self._file.read(self._block_bytes)
            self.rest += more
            if not self._opening:
                self._learn()
            members = self._prove()
            yield self._one_by_one(last=not more) if members is None else members

    def _learn(self) -> None:
        """Learn what stands between the key of a member and the first key in its value."""
        key = _KEY.match(self.rest, after_gap(self.rest, 0))
        opening = _OPENING.match(self.rest, key.end(1) - 1) if key else None
        self._opening = opening[0] if opening else b""

    def _prove(self) -> list[_Member] | None:
        """All members before one of the last gaps of the buffer, if that can be proved."""
        start, stop = after_gap(self.rest, 0), len(self.rest)
        for end, key in islice(self._last_gaps(stop), GUESSES):
            if end > stop:
                continue  # the fault that was found stands before this gap too
            try:
                found = _MEMBERS.decode(b"{%b}" % self.rest[start:end])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                fault = _FAULT.search(str(error))
                stop = start + int(fault[1]) if fault else end
                continue
            self._drop(key)
            return [_Member(name.text, bytes(raw)) for name, raw in found.items()]
        return None

    def _last_gaps(self, stop: int) -> Iterator[tuple[int, int]]:
        """Where a member seems to end and the next key begins; the very last gap first."""
        while self._opening and (stop := self.rest.rfind(self._opening, 0, stop)) > 0:
            key = _quote_before(self.rest, 0, stop) or 0
            before = _BEFORE_KEY.search(self.rest, max(0, key - LOOK_BACK), key)
            if before is not None:
                yield before.start() + 1, key

    def _one_by_one(self, last: bool) -> list[_Member]:
        """Cut a buffer that is damaged, or that holds no gap, or the end of the object."""
        cut = ExactCut(self.rest, _MemberShape(self._opening), last)
        members = [self._member(item.start, item.end) for item in cut.items]
        self._ended = cut.ended
        if last and not cut.ended:
            self.broken = Break(self.offset + cut.used, cut.broken)
        self._drop(cut.used)
        return members

    def _member(self, at: int, end: int) -> _Member:
        key = _KEY.match(self.rest, at)
        if key is None or key.end() >= end:
            return _Member(None, self.rest[at:end])
        return _Member(key_text(key[1]), self.rest[key.end() : end])

    def _drop(self, count: int) -> None:
        self.rest = self.rest[count:]
        self.offset += count
