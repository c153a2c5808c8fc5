"""Cuts records one by one where a block of them cannot be proved, so that damage costs only itself.

msgspec tells of a value whether it is whole, cut off or damaged, and where. Behind damage the text
is inside out: depth means nothing any more. So the next record is looked for: a text that begins
one (``{"question_id"``) stands in no string, since a quote in one would be escaped, but it may
begin an object inside the damaged record. From a true beginning records follow each other up to the
end of what was read; from a false one they soon run into the end of a list in the record.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from vqadata.reading.json_scan import after_gap, value_end

LOOK_AHEAD = 1 << 16
"""Bytes behind damage in which records must follow each other, as far as the text goes, where it is
not known how long they are."""

_RAW = msgspec.json.Decoder(msgspec.Raw)
_FAULT = re.compile(r"\(byte (\d+)\)")
_KEY = re.compile(rb'\s*"(?:[^"\\]|\\.)*"\s*:\s*', re.DOTALL)
_SPACES = re.compile(rb"\s*")
_CLOSING = {b"]": re.compile(rb"\s*\]\s*(?:\}\s*)*\Z"), b"}": re.compile(rb"\s*\}\s*\Z")}
_PAIRS = {b"{": b"}", b"[": b"]"}
_BETWEEN = b", \n\r\t"


class Probed(NamedTuple):
    """What a value turned out to be."""

    state: Literal["whole", "cut", "damaged"]
    """``cut``: it makes sense as far as there is text."""
    end: int
    """Offset behind it, or of the damage."""


class Item(NamedTuple):
    """A record in a text."""

    start: int
    end: int
    proved: bool
    """Whether it is known to be valid JSON."""


class Shape(ABC):
    """What the records of a list or an object look like."""

    closer: bytes
    """What ends the list or the object: ``]`` or ``}``."""
    inside: bool
    """Whether it is the value of a member, so that others may follow."""
    look_ahead: int = LOOK_AHEAD
    """Bytes behind damage in which records must follow each other."""

    @abstractmethod
    def value(self, text: bytes, at: int) -> int | None:
        """Where the value of the record at ``at`` begins; ``None`` if none can begin there."""

    @abstractmethod
    def beginning(self, text: bytes, at: int) -> int | None:
        """Where a record seems to begin at or behind ``at``, as far as one looks like another."""

    def odd_beginnings(self, text: bytes, at: int, stop: int) -> Iterator[int]:  # noqa: ARG002
        """Where before ``stop`` a record may begin that does not look like the others."""
        yield from ()

    def fault(self, text: bytes, at: int) -> int | None:  # noqa: ARG002 - not every shape can tell
        """The first fault behind ``at``, at one look; the end of the text if there is none.

        Returns:
            ``None`` if that cannot be told so, as where the list ends.
        """
        return None


class Sight:
    """A text in which records are looked at.

    Args:
        text: The text.
        shape: What the records look like.
        last: Whether nothing follows the text.
    """

    def __init__(self, text: bytes, shape: Shape, last: bool) -> None:
        """Look at nothing yet."""
        self._text, self._shape, self._last = text, shape, last

    def continues(self, at: int, fault: int = -1) -> bool:
        """Whether records follow from an offset, as far as is looked or up to other damage.

        A single one may be the value of a member. Several stand in a list or an object, whose end
        tells which it is.

        Args:
            at: The offset.
            fault: Offset of damage that is known, and would not be another one.
        """
        text, stop = self._text, min(len(self._text), at + self._shape.look_ahead)
        if (first := self._shape.fault(text, at)) is not None:
            return first != fault
        records = 0
        while at < stop:
            if text[at : at + 1] == self._shape.closer:
                return self._is_end(at, strict=True) is not False
            found = self._look(at)
            if found.state != "whole":
                return found.end != fault and (records > 0 or found.end != at)
            if self._is_separated(found.end) is False:
                return records > 1
            records += 1
            at = after_gap(text, found.end)
        return True

    def _look(self, at: int) -> Probed:
        """What the record at ``at`` turns out to be."""
        value = self._shape.value(self._text, at)
        if value is not None:
            return probe(self._text, value)
        key = probe(self._text, at)
        ends = after_spaces(self._text, key.end) == len(self._text) and not self._last
        return Probed("cut" if key.state == "cut" or ends else "damaged", at)

    def _is_separated(self, end: int) -> bool | None:
        """Whether a record may end there; ``None`` if that is not certain.

        A comma may be missing before the next one.
        """
        following = after_spaces(self._text, end)
        if following == len(self._text):
            return self._last or None
        if self._text[following : following + 1] in (b",", self._shape.closer):
            return True
        return self._shape.beginning(self._text, following) == following

    def _is_end(self, at: int, strict: bool = False) -> bool | None:
        """Whether the closer at ``at`` is that of the list; ``None`` if that is not certain.

        If so, only members of the objects around it can follow, and their ends. What else follows
        is a fault of the document unless there are records in it, or unless all is in doubt.
        """
        text, at = self._text, at + 1
        while (at := after_spaces(text, at)) < len(text):
            following = text[at : at + 1]
            key = _KEY.match(text, at + 1) if following == b"," else None
            if following == b"}" and self._shape.inside:
                at += 1
            elif key is not None and self._shape.inside:
                found = probe(text, key.end())
                if found.state != "whole":
                    return not strict or found.state == "cut"
                at = found.end
            else:
                return not strict and self._shape.beginning(text, at) is None
        return self._last or None


class ExactCut(Sight):
    """The records of a text, which stands behind the opening of the list or behind a record.

    Args:
        text: The text.
        shape: What the records look like.
        last: Whether nothing follows the text.
        brief: Whether to stop behind the first damaged record.
    """

    def __init__(self, text: bytes, shape: Shape, last: bool, brief: bool = False) -> None:
        """Cut it."""
        super().__init__(text, shape, last)
        self._brief = brief
        self.ended = False
        """Whether the end of the list was met."""
        self.used = after_gap(text, 0)
        """Offset behind the records and the end of the list, as far as they are certain."""
        self.items = list(self._items())
        """The records; damaged ones are among them."""

    @property
    def broken(self) -> str:
        """What is wrong where nothing follows the text and the list has not ended."""
        inside = "the list of records" if self.used == len(self._text) else "this record"
        return f"the file ends inside {inside}"

    def _items(self) -> Iterator[Item]:
        text = self._text
        while not self.ended and self.used < len(text):
            if text[self.used : self.used + 1] == self._shape.closer:
                self.ended = bool(is_end := self._is_end(self.used))
                if self.ended:
                    self.used += 1
                if is_end is not False:
                    return
            item = self._item(self.used)
            if item is None:
                return
            yield item
            self.used = after_gap(text, item.end)
            if self._brief and not item.proved:
                return

    def _item(self, at: int) -> Item | None:
        """The record at ``at``; ``None`` if the text ends before it does."""
        found = self._look(at)
        if found.state == "cut":
            return None
        if found.state == "whole":
            separated = self._is_separated(found.end)
            if separated is not False:
                return Item(at, found.end, True) if separated else None
        end = self._damaged_end(at, found.end)
        return None if end is None else Item(at, end, False)

    def _damaged_end(self, at: int, fault: int) -> int | None:
        """Where the damaged record at ``at`` ends; ``None`` if the text ends before."""
        text = self._text
        if not self._last and len(text) - at < self._shape.look_ahead:
            return None
        start = self._next_beginning(at + 1, fault)
        odd = self._shape.odd_beginnings(text, at + 1, len(text) if start is None else start)
        start = next((begin for begin in odd if self.continues(begin, fault)), start)
        balanced = self._balanced_end(at, fault, len(text) if start is None else start)
        if balanced is not None:
            return balanced
        if start is not None:
            return at + len(text[at:start].rstrip(_BETWEEN))
        closing = _CLOSING[self._shape.closer].search(text, at + 1) if self._last else None
        return closing.start() if closing else None

    def _next_beginning(self, at: int, fault: int) -> int | None:
        """Where behind ``at`` a record truly begins."""
        while (start := self._shape.beginning(self._text, at)) is not None:
            if self.continues(start, fault):
                return start
            at = start + 1
        return None

    def _balanced_end(self, at: int, fault: int, stop: int) -> int | None:
        """Where before ``stop`` a damaged record ends if its brackets are in pairs."""
        value = self._shape.value(self._text, at)
        length = None if value is None else value_end(self._text[value:stop], 0)
        if value is None or length is None or value + length <= max(at, fault - 1):
            return None
        end = value + length
        closer = _PAIRS.get(self._text[value : value + 1], b"")
        in_pairs = closer in (b"", self._text[end - 1 : end])
        separated = self._is_separated(end) is not False
        return end if in_pairs and separated and self._may_begin(end) else None

    def _may_begin(self, end: int) -> bool:
        """Whether records follow the end of a value."""
        following = after_gap(self._text, end)
        if self._shape.value(self._text, following) != following:
            return True  # it begins with a key, or there is nothing
        found = self._look(following)
        is_nonsense = found.state == "damaged" and found.end <= following + 1
        return not is_nonsense and self.continues(following)


def probe(text: bytes, at: int) -> Probed:
    """Tell whether the JSON value at ``at`` is whole."""
    try:
        _RAW.decode(memoryview(text)[at:])
    except RecursionError:
        return Probed("damaged", at)
    except msgspec.DecodeError as error:
        fault = _FAULT.search(str(error))
        if fault is None:
            # Said of a text that ends too early, and of half a surrogate pair.
            end = value_end(text, at)
            is_cut = end is None or end == len(text)
            return Probed("cut", len(text)) if is_cut else Probed("damaged", at)
        place = at + int(fault[1]) - 1
        if "trailing" in str(error) and "comma" not in str(error):
            return Probed("whole", at + len(text[at:place].rstrip()))
        # A number that is cut off counts as damaged.
        return Probed("damaged" if place < len(text) - 1 else "cut", place)
    return Probed("whole", at + len(text[at:].rstrip()))


def after_spaces(text: bytes, at: int) -> int:
    """The offset after spaces."""
    match = _SPACES.match(text, at)
    return match.end() if match else at
