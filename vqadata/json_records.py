"""The records of a JSON file, each with its number and its own bytes.

The fast path lets msgspec cut the whole document into raw records. When the document is not valid
JSON, an exact scanner walks it record by record, so that one bad record costs only itself and a
truncated file is known to the byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from vqadata.errors import VqaDataError
from vqadata.inputs import read_input

_TOKEN = re.compile(rb'["{}\[\]]')
_STRING_END = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*')
_FIRST_KEY = re.compile(rb'\{\s*("(?:[^"\\]|\\.)*")')
_LOOK = 256
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


class RecordList(NamedTuple):
    """The records of one file."""

    key: str
    """The top-level key that holds them; empty for a top-level list."""
    records: list[RawRecord]
    """In file order."""
    header: dict[str, object]
    """The other top-level values; empty where the document is damaged."""


class _Break(NamedTuple):
    """Where a damaged document stops making sense."""

    offset: int
    what: str


def read_records(path: Path, keys: tuple[str, ...], keep_whole: bool = False) -> RecordList:
    """Read the list of records of a JSON file (plain or gzip).

    Args:
        path: The file.
        keys: Top-level keys that may hold the list, in order of preference. A top-level list is
            always accepted. With no keys, the only top-level list of objects is taken.
        keep_whole: Accept a truncated file: give the whole records before the break.

    Raises:
        VqaDataError: There is no such list, or the file is truncated or damaged between records.
    """
    return cut_records(path, read_input(path), keys, keep_whole)


def cut_records(
    path: Path, data: bytes, keys: tuple[str, ...], keep_whole: bool = False
) -> RecordList:
    """Cut ``data``, the bytes of ``path``, as :func:`read_records` does."""
    try:
        return _decoded(path, data, keys)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _scanned(path, data, keys, keep_whole)


def cut_nested(
    path: Path, data: bytes, steps: tuple[str, ...], keep_whole: bool = False
) -> RecordList:
    """Cut the list of records that lies some objects deep: ``("data", "questions")``.

    Raises:
        VqaDataError: There is no such list, or it is truncated or damaged between records.
    """
    start = len(data) - len(data.lstrip())
    for depth, step in enumerate(steps):
        known = dict(_members(data, start))
        if step not in known:
            where = f"{path}: {'.'.join(steps[:depth])}" if depth else str(path)
            found = f"keys: {', '.join(known)}" if known else "no object"
            raise VqaDataError(where, found, f"the key {step!r}", "Check --records.")
        start = known[step]
    return _cut_list(path, data, start, ".".join(steps), keep_whole)


def cut_lines(path: Path, data: bytes, keep_whole: bool = False) -> RecordList:
    """Cut ``data``, the bytes of a JSON-lines file: one record a line, empty lines skipped.

    Raises:
        VqaDataError: The last line breaks off (and ``keep_whole`` is not set).
    """
    lines = [(n, line.strip()) for n, line in enumerate(data.split(b"\n"), 1)]
    lines = [(n, line) for n, line in lines if line]
    if lines and not data.endswith(b"\n") and not is_json(lines[-1][1]):
        _, last = lines.pop()
        if not keep_whole:
            broken = _Break(len(data.rstrip()) - len(last), "the last line breaks off")
            raise _broken(path, broken, len(lines))
    records = [RawRecord(i, f"line {n}", line) for i, (n, line) in enumerate(lines)]
    return RecordList("", records, {})


def is_json(line: bytes) -> bool:
    """Whether ``line`` is one whole JSON value."""
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


def _decoded(path: Path, data: bytes, keys: tuple[str, ...]) -> RecordList:
    if data.lstrip()[:1] == b"[":
        return _numbered("", msgspec.json.decode(data, type=list[msgspec.Raw]), {})
    members = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    key = _choose_key(path, keys, {k: _list_rank(bytes(raw)) for k, raw in members.items()})
    raws = msgspec.json.decode(members.pop(key), type=list[msgspec.Raw])
    header = {name: msgspec.json.decode(raw) for name, raw in members.items()}
    return _numbered(key, raws, header)


def _numbered(key: str, raws: list[msgspec.Raw], header: dict[str, object]) -> RecordList:
    records = [RawRecord(i, f"{key}[{i}]", bytes(raw)) for i, raw in enumerate(raws)]
    return RecordList(key, records, header)


def _list_rank(value: bytes) -> int:
    """2 for JSON text of a list of objects, 1 for another list, 0 for anything else."""
    start = _LIST_START.match(value)
    return 0 if start is None else 1 + (start[1] == b"{")


def _choose_key(path: Path, keys: tuple[str, ...], ranks: dict[str, int]) -> str:
    """The key that holds the records, of the top-level keys that hold lists."""
    best = max(ranks.values(), default=0)
    lists = [key for key, rank in ranks.items() if rank and (keys or rank == best)]
    fitting = [key for key in keys if key in lists] if keys else lists
    if not keys and len(lists) > 1:
        raise VqaDataError(
            str(path), f"several lists: {', '.join(lists)}", "one list of records",
            "Name it with --records KEY.",
        )  # fmt: skip
    if not fitting:
        expected = f"a list, or a key {' or '.join(keys) or 'with a list'}"
        shown = ", ".join(sorted(ranks)) or "nothing"
        remedy = "Check which file is which." if keys else "Name the list with --records PATH."
        raise VqaDataError(str(path), f"top-level keys: {shown}", expected, remedy)
    return fitting[0]


def _scanned(path: Path, data: bytes, keys: tuple[str, ...], keep_whole: bool) -> RecordList:
    """Cut a damaged document; what cannot be cut is an error unless ``keep_whole``."""
    key, start = _list_start(path, data, keys)
    return _cut_list(path, data, start, key, keep_whole)


def _cut_list(path: Path, data: bytes, start: int, key: str, keep_whole: bool) -> RecordList:
    """Cut the list whose ``[`` is at ``start``."""
    if data[start : start + 1] != b"[":
        raise VqaDataError(f"{path}: {key}", "not a list", "a list of records", "Check --records.")
    slices: list[bytes] = []
    broken = _cut(data, start + 1, slices.append)
    records = [RawRecord(i, f"{key}[{i}]", raw) for i, raw in enumerate(slices)]
    if broken is not None and not keep_whole:
        raise _broken(path, broken, len(records))
    return RecordList(key, records, {})


def _broken(path: Path, broken: _Break, whole: int) -> VqaDataError:
    return VqaDataError(
        f"{path}: byte {broken.offset}", broken.what, "the end of the list",
        f"Whole records before it: {whole}; --keep-whole-records converts those.",
    )  # fmt: skip


def _list_start(path: Path, data: bytes, keys: tuple[str, ...]) -> tuple[str, int]:
    """The key of the record list and the offset of its ``[``."""
    start = len(data) - len(data.lstrip())
    if data[start : start + 1] == b"[":
        return "", start
    if data[start : start + 1] != b"{":
        raise VqaDataError(
            f"{path}: byte {start}", f"{data[start : start + 20]!r}", "JSON, a list or an object",
            "Check that the file is what its name says.",
        )  # fmt: skip
    members = dict(_members(data, start))
    ranks = {key: _list_rank(data[at : at + _LOOK]) for key, at in members.items()}
    key = _choose_key(path, keys, ranks)
    return key, members[key]


def _members(data: bytes, position: int) -> Iterator[tuple[str, int]]:
    """Keys of the object at ``position``, with the offset of each value."""
    if data[position : position + 1] != b"{":
        return
    position += 1
    while key := _KEY.match(data, _skip(data, position)):
        position = key.end()
        yield key[1].decode("utf-8", "replace"), position
        end = _value_end(data, position)
        if end is None:
            return
        position = end


def _cut(data: bytes, position: int, take: Callable[[bytes], None]) -> _Break | None:
    """Hand every whole element of the list at ``position`` to ``take``; say where it breaks."""
    while True:
        position = _skip(data, position)
        if position >= len(data):
            return _Break(len(data), "the file ends inside the list of records")
        if data[position : position + 1] == b"]":
            return None
        end = _element_end(data, position)
        if end is None:
            return _Break(position, "the file ends inside this record")
        if end == position:
            return _Break(position, f"found {data[position : position + 20]!r} between records")
        take(data[position:end])
        position = end


def _skip(data: bytes, position: int) -> int:
    match = _BETWEEN.match(data, position)
    return match.end() if match else position


def _element_end(data: bytes, position: int) -> int | None:
    """The offset after the record at ``position``; ``None`` if the data ends inside it.

    A missing quote or brace turns everything behind it inside out. So where a record is not JSON,
    it ends at the latest where the next one begins: an object with the same first key.
    """
    end = _value_end(data, position)
    key = _FIRST_KEY.match(data, position)
    if key is None or (end is not None and is_json(data[position:end])):
        return end
    following = re.compile(rb"\}\s*,\s*(?=\{\s*%b)|\}(?=\s*\]\s*\}?\s*\Z)" % re.escape(key[1]))
    resumed = following.search(data, position + 1, len(data) if end is None else end)
    return end if resumed is None else resumed.start() + 1


def _value_end(data: bytes, position: int) -> int | None:
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
