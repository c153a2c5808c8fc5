"""Finds its way in JSON text without decoding it: where values, members and records end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

_TOKEN = re.compile(rb'["{}\[\]]')
_STRING_END = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*')
_FIRST_KEY = re.compile(rb'\{\s*("(?:[^"\\]|\\.)*")')
LOOK = 256
"""Bytes of a value that tell what kind of list it is."""

_LIST_START = re.compile(rb"\s*\[\s*(.?)", re.DOTALL)
_BETWEEN = re.compile(rb"[\s,]*")


class RawRecord(NamedTuple):
    """One record as it stands in the file."""

    number: int
    """Number of the record in the file, from 0."""
    path: str
    """Its JSON path: ``annotations[12]``, or ``[12]`` in a top-level list."""
    raw: bytes
    """Its JSON text."""


class Break(NamedTuple):
    """Where a damaged document stops making sense."""

    offset: int
    what: str


def is_json(line: bytes) -> bool:
    """Whether ``line`` is one whole JSON value."""
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def list_rank(value: bytes) -> int:
    """2 for JSON text of a list of objects, 1 for another list, 0 for anything else."""
    start = _LIST_START.match(value)
    return 0 if start is None else 1 + (start[1] == b"{")


def members_of(data: bytes, position: int) -> Iterator[tuple[str, int]]:
    """Keys of the object at ``position``, with the offset of each value."""
    if data[position : position + 1] != b"{":
        return
    position += 1
    while key := _KEY.match(data, after_gap(data, position)):
        position = key.end()
        yield key[1].decode("utf-8", "replace"), position
        end = value_end(data, position)
        if end is None:
            return
        position = end


def after_gap(data: bytes, position: int) -> int:
    """The offset after spaces and commas."""
    match = _BETWEEN.match(data, position)
    return match.end() if match else position


def element_end(data: bytes, position: int) -> int | None:
    """The offset after the record at ``position``; ``None`` if the data ends inside it.

    A missing quote or brace turns everything behind it inside out. So where a record is not JSON,
    it ends at the latest where the next one begins: an object with the same first key.
    """
    end = value_end(data, position)
    key = _FIRST_KEY.match(data, position)
    if key is None or (end is not None and is_json(data[position:end])):
        return end
    following = re.compile(rb"(\})?\s*,\s*(?=\{\s*%b)|(\})(?=\s*\]\s*\}?\s*\Z)" % re.escape(key[1]))
    resumed = following.search(data, position + 1, len(data) if end is None else end)
    return end if resumed is None else max(resumed.end(1), resumed.end(2), resumed.start())


def value_end(data: bytes, position: int) -> int | None:
    """The offset after the JSON value at ``position``; ``None`` if the data ends inside it."""
    first = data[position : position + 1]
    if first not in (b"{", b"[", b'"'):
        match = re.compile(rb"[^\s,\]}]*").match(data, position)
        return match.end() if match else position
    depth = 0
    while token := _TOKEN.search(data, position):
        position = token.end()
        if token[0] == b'"':
            string = _STRING_END.match(data, position)
            if string is None:
                return None
            position = string.end()
        else:
            depth += 1 if token[0] in b"{[" else -1
        if depth == 0:
            return position
    return None


def tail_fault(tail: bytes, in_object: bool) -> str | None:
    """What is wrong with the text behind a list of records; ``None`` if it ends as it should.

    Args:
        tail: Everything behind the ``]``.
        in_object: Whether the list is a member of an object.
    """
    if not in_object:
        return f"found {tail.strip()[:20]!r} behind the list of records" if tail.strip() else None
    if is_json(b'{"": 0' + tail):
        return None
    return "the file is cut or damaged behind the list of records"
