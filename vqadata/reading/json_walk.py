"""Walks over a JSON document of any length, value by value, with a window of it in memory.

Short values are scanned in the window. A long list is passed over by the cutter of records, a long
object member by member, so only a single text may be longer than the window.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from vqadata.reading.inputs import Readable
from vqadata.reading.json_cutter import Cutter
from vqadata.reading.json_scan import LOOK, Break, after_gap, is_json, list_rank, value_end

WINDOW_BYTES = 1 << 16
"""Bytes that are read at a time; a longer value is passed over in parts."""

SHOWN_BYTES = 20
"""Bytes of a text that an error says."""

DEEPEST = 32
"""Long objects inside each other that are passed over in parts."""

_KEY = re.compile(rb'("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)


class Member(NamedTuple):
    """A member of an object, before its value is passed over."""

    name: str
    start: int
    """Offset of its value in the file."""
    rank: int
    """What kind of list the value is; see :func:`~vqadata.reading.json_scan.list_rank`."""


class Walk:
    """A walk over the values of a document, from front to back.

    Args:
        file: The file; read on from where it stands.
        offset: Offset of that place in the file.
        text: What was read of the file already and stands before it.
        block_bytes: Bytes to read at a time where a long list is passed over.
    """

    def __init__(
        self, file: Readable, offset: int = 0, text: bytes = b"", block_bytes: int = 1 << 22
    ) -> None:
        """Stand at the beginning."""
        self._file, self._block_bytes = file, block_bytes
        self._text, self._at, self._base = text, 0, offset
        self._ended = False
        self.fault: Break | None = None
        """The first place where the document made no sense."""

    @property
    def offset(self) -> int:
        """Where the walk stands in the file."""
        return self._base + self._at

    def peek(self) -> bytes:
        """The next byte that is no space, where the walk then stands; empty at the end."""
        while True:
            rest = self._text[self._at :]
            self._at += len(rest) - len(rest.lstrip())
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def behind(self) -> Break | None:
        """What still follows, where only spaces should."""
        if not self.peek():
            return None
        return Break(self.offset, f"found {self.shown()!r} behind the document")

    def shown(self) -> bytes:
        """The beginning of what follows, as an error says it."""
        return self._text[self._at : self._at + SHOWN_BYTES]

    def members(self, entered: bool = False) -> Iterator[Member]:
        """The members of the object at which the walk stands; :meth:`skip` each.

        Args:
            entered: Whether the walk stands in the object already, behind a value.
        """
        self._at += 0 if entered else 1
        while (name := self._key()) is not None:
            self._need(LOOK)
            yield Member(name, self.offset, list_rank(self._text[self._at : self._at + LOOK]))
        if self.peek() == b"}":
            self._at += 1
        else:
            self._note(self.offset, "the file is cut or damaged behind this value")

    def skip(self, depth: int = 0) -> bytes | None:
        """Pass over a value.

        Returns:
            Its text if it is no longer than the window, else ``None``.
        """
        while (end := self._value_end()) is None and len(self._text) - self._at < WINDOW_BYTES:
            if not self._more():
                break
        first = self._text[self._at : self._at + 1]
        if end is not None and (first not in b"[{" or is_json(self._text[self._at : end])):
            return self._pass_over(end)
        if first == b"[":
            self._skip_list()
        elif first == b"{" and depth < DEEPEST:
            for _ in self.members():
                self.skip(depth + 1)
        else:
            self._skip_long()
        return None

    def _pass_over(self, end: int) -> bytes | None:
        value = self._text[self._at : end]
        if not is_json(value):
            self._note(self.offset, "this value is no JSON")
        self._at = end
        return value if len(value) <= WINDOW_BYTES else None

    def _skip_list(self) -> None:
        cutter = Cutter(self._file, self._block_bytes, self.offset + 1)
        cutter.rest = self._text[self._at + 1 :]
        for _ in cutter.blocks():
            pass
        self._text, self._at, self._base = cutter.rest, 0, cutter.offset
        self.fault = self.fault or cutter.broken

    def _skip_long(self) -> None:
        while (end := self._value_end()) is None and self._more():
            pass
        if end is None:
            self._note(self.offset, "the file ends inside this value")
        self._at = len(self._text) if end is None else end

    def _value_end(self) -> int | None:
        """The offset in the window behind the value, if it is certain."""
        end = value_end(self._text, self._at)
        return end if end is not None and (end < len(self._text) or self._ended) else None

    def _key(self) -> str | None:
        """The next key of an object, behind which the walk then stands; ``None`` at its end."""
        while True:
            at = after_gap(self._text, self._at)
            match = _KEY.match(self._text, at)
            if match is not None and match.end() < len(self._text):
                self._at = match.end()
                return key_text(match[1])
            if self._text[at : at + 1] not in (b'"', b"") or not self._more():
                return None

    def _need(self, count: int) -> None:
        while len(self._text) - self._at < count and self._more():
            pass

    def _more(self) -> bool:
        """Read on; whether there was more."""
        more = b"" if self._ended else self._file.read(max(WINDOW_BYTES, len(self._text)))
        self._ended = not more
        self._base += self._at
        self._text, self._at = self._text[self._at :] + more, 0
        return not self._ended

    def _note(self, offset: int, what: str) -> None:
        self.fault = self.fault or Break(offset, what)


def key_text(token: bytes) -> str:
    """The text of a key that stands in quotes; what cannot be decoded is marked."""
    try:
        return msgspec.json.decode(token, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return token[1:-1].decode("utf-8", "backslashreplace")
