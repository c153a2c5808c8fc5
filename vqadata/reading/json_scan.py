"""Finds its way in JSON text without decoding it: where values, members and records end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_WHOLE_STRING = re.compile(_STRING, re.DOTALL)
_TO_BRACKET = re.compile(rb'[^"{}\[\]]*+(?:' + _STRING + rb'[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL)
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*')
LOOK = 256
"""Bytes of a value that tell what kind of list it is."""

OF_OBJECTS = 2
"""Rank of a list whose members are objects."""

_LIST_START = re.compile(rb"\s*\[\s*(.?)", re.DOTALL)
_BETWEEN = re.compile(rb"[\s,]*")


class RawRecord(msgspec.Struct, frozen=True, gc=False):
    """One record as it stands in the file.

    A struct, because there are millions: it is made in a third of the time of a tuple with names.
    """

    number: int
    """Number of the record in the file, from 0."""
    path: str
    """Its JSON path: ``annotations[12]``, or ``[12]`` in a top-level list."""
    raw: bytes
    """Its JSON text."""
    key: str | None = None
    """Its key, where the records are the members of an object."""

    def at(self, field: str) -> str:
        """The place of a field of the record.

        >>> RawRecord(3, "data[3]", b"").at("images[0]"), RawRecord(3, "line 4", b"").at("x")
        ('data[3].images[0]', 'line 4: x')
        """
        return place_of(self.path, field)


class Break(NamedTuple):
    """Where a damaged document stops making sense."""

    offset: int
    what: str


def place_of(record: str, field: str) -> str:
    """The place of a field, such as ``answers[0]`` or ``[0]``, in a record at ``record``.

    >>> place_of("line 4", "qas[0]"), place_of("line 4: qas[0]", "answer")
    ('line 4: qas[0]', 'line 4: qas[0].answer')
    """
    if not field:
        return record
    if record.startswith("line ") and ": " not in record:
        return f"{record}: {field}"
    return record + field if field.startswith("[") else f"{record}.{field}"


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


def value_end(data: bytes, position: int) -> int | None:
    """The offset after the JSON value at ``position``; ``None`` if the data ends inside it."""
    first = data[position : position + 1]
    if first not in (b"{", b"[", b'"'):
        match = re.compile(rb"[^\s,\]}]*").match(data, position)
        return match.end() if match else position
    if first == b'"':
        string = _WHOLE_STRING.match(data, position)
        return string.end() if string else None
    depth = 0
    while bracket := _TO_BRACKET.match(data, position):
        position = bracket.end()
        depth += 1 if bracket[1] in b"{[" else -1
        if depth == 0:
            return position
    return None
