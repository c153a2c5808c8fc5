"""The records of a JSON file, each with its number and its own bytes.

The fast path lets msgspec cut the whole document into raw records. When the document is not valid
JSON, an exact scanner walks it record by record, so that one bad record costs only itself and a
truncated file is known to the byte.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import msgspec

from vqadata.errors import VqaDataError
from vqadata.inputs import read_input
from vqadata.json_cutter import Cutter
from vqadata.json_scan import (
    LOOK,
    Break,
    RawRecord,
    is_json,
    list_rank,
    members_of,
    tail_fault,
)


class RecordList(NamedTuple):
    """The records of one file."""

    key: str
    """The top-level key that holds them; empty for a top-level list."""
    records: list[RawRecord]
    """In file order."""
    header: dict[str, object]
    """The other top-level values; empty where the document is damaged."""
    broken: Break | None = None
    """Where the list breaks off, if that was accepted."""


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
        known = dict(members_of(data, start))
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
    broken = None
    if lines and not data.endswith(b"\n") and not is_json(lines[-1][1]):
        _, last = lines.pop()
        broken = Break(len(data.rstrip()) - len(last), "the last line breaks off")
        if not keep_whole:
            raise broken_list(path, broken, len(lines))
    records = [RawRecord(i, f"line {n}", line) for i, (n, line) in enumerate(lines)]
    return RecordList("", records, {}, broken)


def _decoded(path: Path, data: bytes, keys: tuple[str, ...]) -> RecordList:
    if data.lstrip()[:1] == b"[":
        return _numbered("", msgspec.json.decode(data, type=list[msgspec.Raw]), {})
    members = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    key = _choose_key(path, keys, {k: list_rank(bytes(raw)) for k, raw in members.items()})
    raws = msgspec.json.decode(members.pop(key), type=list[msgspec.Raw])
    header = {name: msgspec.json.decode(raw) for name, raw in members.items()}
    return _numbered(key, raws, header)


def _numbered(key: str, raws: list[msgspec.Raw], header: dict[str, object]) -> RecordList:
    records = [RawRecord(i, f"{key}[{i}]", bytes(raw)) for i, raw in enumerate(raws)]
    return RecordList(key, records, header)


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
    members = dict(members_of(data, start))
    ranks = {key: list_rank(data[at : at + LOOK]) for key, at in members.items()}
    key = _choose_key(path, keys, ranks)
    return key, members[key]


def _cut_list(path: Path, data: bytes, start: int, key: str, keep_whole: bool) -> RecordList:
    """Cut the list whose ``[`` is at ``start``."""
    if data[start : start + 1] != b"[":
        raise VqaDataError(f"{path}: {key}", "not a list", "a list of records", "Check --records.")
    rest = data[start + 1 :]
    cutter = Cutter(io.BytesIO(rest), len(rest) + 1, start + 1)
    slices = [raw for block in cutter.blocks() for raw in block]
    broken = cutter.broken
    if broken is None and "." not in key and (fault := tail_fault(cutter.rest, bool(key))):
        broken = Break(len(data) - len(cutter.rest), fault)
    if broken is not None and not keep_whole:
        raise broken_list(path, broken, len(slices))
    records = [RawRecord(i, f"{key}[{i}]", raw) for i, raw in enumerate(slices)]
    return RecordList(key, records, {}, broken)


def broken_list(path: Path, broken: Break, whole: int) -> VqaDataError:
    """What to raise for a list that breaks off."""
    return VqaDataError(
        f"{path}: byte {broken.offset}", broken.what, "the end of the list",
        f"Whole records before it: {whole}; --keep-whole-records converts those.",
    )  # fmt: skip
