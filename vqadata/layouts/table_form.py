"""Tells the format of a file of records, by its name and its beginning."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from vqadata.errors import VqaDataError
from vqadata.reading.delimited import most_frequent_delimiter
from vqadata.reading.inputs import InputFile
from vqadata.reading.json_columns import holds_columns
from vqadata.reading.json_scan import LOOK, OF_OBJECTS, is_json, list_rank, members_of
from vqadata.reading.json_splits import begins_with_split

DELIMITER_OF = {".csv": b",", ".tsv": b"\t", ".tab": b"\t"}
"""Delimiters by extension; the header line may say otherwise."""

LINES_SUFFIXES = (".jsonl", ".ndjson")

HEAD_BYTES = 1 << 20
"""Bytes that are looked at."""

LONGEST_HEAD = 1 << 24
"""Bytes that are looked at where the first line is longer."""

LINES_LOOKED_AT = 50
"""Lines that tell JSON lines from one JSON document."""

MEMBERS_LOOKED_AT = 20
"""Members that tell an object of records from one that holds a list of them."""

_OBJECT_LIST = re.compile(rb"\[\s*\{")

Kind = Literal["table", "lines", "keyed", "document", "splits", "columns"]


class Form(NamedTuple):
    """The format of a file."""

    kind: Kind
    """CSV or TSV, JSON lines, an object of records, a document with a list of them, with a list
    for each split, or for each column."""
    delimiter: bytes = b""
    """What stands between the fields of a table."""


class _Head(NamedTuple):
    text: bytes
    is_whole: bool
    """Whether it is the whole file."""

    @property
    def first(self) -> bytes:
        return self.text.lstrip()[:1]


def form_of(path: Path, records: str | None = None, keyed: bool = False) -> Form:
    """Tell the format of a file.

    Args:
        path: The file, plain or packed.
        records: The dotted path to the list of records, if one is given.
        keyed: Whether a document may be an object of records, keyed by id.

    Raises:
        VqaDataError: It cannot be read, is empty, or in no format that holds records.
    """
    head = _read_head(path)
    suffixes = {suffix.lower() for suffix in path.suffixes[-2:]}
    delimiter = next((DELIMITER_OF[s] for s in suffixes if s in DELIMITER_OF), None)
    named_lines = bool(suffixes & {*LINES_SUFFIXES})
    if delimiter is not None:
        return _table(path, head, delimiter)
    if records is None and not named_lines and _is_document(head):
        if begins_with_split(head.text):
            return Form("splits")
        if holds_columns(path, head.text):
            return Form("columns")
    keyed = keyed and not named_lines and _is_keyed(head.text)
    if _has_lines(head, named_lines, records, keyed):
        return Form("lines")
    if head.first in (b"[", b"{"):
        return Form("keyed" if keyed else "document")
    return _table(path, head, None)


def _read_head(path: Path) -> _Head:
    with InputFile(path) as file:
        text = file.read(HEAD_BYTES)
        while b"\n" not in text and len(text) < LONGEST_HEAD and (more := file.read(len(text))):
            text += more
        is_whole, damage = not file.read(1), file.damage
    if is_whole and not text.strip():
        found = damage or "an empty file"
        raise VqaDataError(str(path), found, "records")
    return _Head(text, is_whole)


def _table(path: Path, head: _Head, delimiter: bytes | None) -> Form:
    chosen = most_frequent_delimiter(head.text, delimiter or b",")
    header = head.text[: head.text.find(b"\n") + 1] or head.text
    if b"\0" in header:
        raise VqaDataError(str(path), "not UTF-8 text", "UTF-8", "Convert it with iconv.")
    if delimiter is None and chosen not in header:
        raise VqaDataError(
            str(path), f"{head.text[:20]!r}", "JSON, JSON lines, CSV or TSV",
            "Check that the file is what its name says.",
        )  # fmt: skip
    return Form("table", chosen)


def _is_document(head: _Head) -> bool:
    """Whether a text begins with an object that does not end with its line."""
    lines = [line for line in head.text.split(b"\n", LINES_LOOKED_AT) if line.strip()]
    return head.first == b"{" and not (len(lines) > 1 and is_json(lines[0]))


def _is_keyed(text: bytes) -> bool:
    """Whether a text begins like an object of records: with objects, not with a list of them."""
    start = len(text) - len(text.lstrip())
    values = [at for _, at in islice(members_of(text, start), MEMBERS_LOOKED_AT)]
    listed = any(list_rank(text[at : at + LOOK]) == OF_OBJECTS for at in values)
    return not listed and any(text[at : at + 1] == b"{" for at in values)


def _has_lines(head: _Head, named_so: bool, records: str | None, keyed: bool) -> bool:
    """Whether a file is JSON lines and not one JSON document, nor anything else.

    At least half of the lines must be JSON objects by themselves. A single one is a line only if
    the file is named so, or if it holds nothing that could be the records.
    """
    lines = [line.strip() for line in head.text.split(b"\n", LINES_LOOKED_AT)[:LINES_LOOKED_AT]]
    if not head.is_whole and head.text.count(b"\n") < LINES_LOOKED_AT:
        lines.pop()
    lines = [line for line in lines if line]
    whole = [line for line in lines if line[:1] == b"{" and is_json(line)]
    if head.is_whole and len(lines) == 1 and whole and not named_so:
        return records is None and not keyed and not _OBJECT_LIST.search(lines[0])
    if head.first == b"[" and not named_so:
        return False
    return 2 * len(whole) >= len(lines) if whole else named_so
