"""Typed decoding of one raw record, with the fault said in words.

msgspec does the work and the checking; this module turns its message into a JSON path, what was
found and what was expected.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NamedTuple, TypeVar

import msgspec

from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord, place_of

Shape = TypeVar("Shape", bound=msgspec.Struct)

WRONG_TYPE = "wrong-type"
MISSING_FIELD = "missing-field"
MALFORMED = "malformed-json"
REPEATED = "duplicate-key"

_EXPECTED = re.compile(
    r"Expected `(?P<expected>[^`]*)`, got `(?P<found>[^`]*)`(?: - at `\$(?P<at>.*)`)?"
)
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]*)`(?: - at `\$(?P<at>.*)`)?")
_LENGTH = re.compile(r"Expected `array` of (?P<expected>[^,]+)(?:, got (?P<found>\d+))?")
_AT_BYTE = re.compile(r"(?:invalid character|must be strings) \(byte (?P<byte>\d+)\)")
_WORD = re.compile(rb"-?[A-Za-z]{2,20}\b|'[^'\n]{0,40}'")
_WORDS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "array": "list"}


class Decoded(NamedTuple):
    """A record as the layout knows it, and everything else that it holds."""

    fields: Any
    """An instance of the struct."""
    extra: dict[str, Any]
    """The keys that the struct does not name."""


class BadRecord(Exception):  # noqa: N818 - an outcome that the ledger counts, not a failure
    """A record that is not of the layout's shape."""

    def __init__(self, why: Rejection, members: dict[str, Any] | None = None) -> None:
        """Keep the reason, and the record's members where it could be read as JSON."""
        self.why = why
        self.members = members or {}
        super().__init__(why.reason)


def decode_record(record: RawRecord, shape: type[Shape]) -> Decoded:
    """Decode one raw record as ``shape``.

    Raises:
        BadRecord: The text is not JSON, or not of that shape; the reason says where and why.
    """
    return typed_members(record, decode_members(record), shape)


def typed_members(
    record: RawRecord, members: dict[str, Any], shape: type[Shape], lax: bool = False
) -> Decoded:
    """Take the members of a record as ``shape``.

    Args:
        record: The record, for its place.
        members: Its members.
        shape: What they should be.
        lax: Take text for a number or a truth value where it spells one, as in CSV.

    Raises:
        BadRecord: They are not of that shape; the reason says where and why.
    """
    try:
        fields = msgspec.convert(members, shape, strict=not lax)
    except msgspec.ValidationError as error:
        raise BadRecord(_explain(record.path, str(error)), members) from None
    names = shape.__struct_encode_fields__
    return Decoded(fields, {key: value for key, value in members.items() if key not in names})


def decode_array(record: RawRecord, shape: type[Shape]) -> Shape:
    """Decode one raw record that is a list, as an ``array_like`` struct.

    Raises:
        BadRecord: The text is not JSON, or not a list of those members.
    """
    try:
        return msgspec.json.decode(record.raw, type=shape)
    except msgspec.ValidationError as error:
        raise BadRecord(_explain(record.path, str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecord(_malformed(record, error)) from None


def decode_members(record: RawRecord) -> dict[str, Any]:
    """Decode one raw record as an object with any members.

    Raises:
        BadRecord: The text is not JSON, or not an object, or an object in it repeats a key: of two
            values msgspec would keep the last, and one would be lost.
    """
    raw = record.raw
    try:
        members = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecord(_malformed(record, error)) from None
    if not isinstance(members, dict):
        why = Rejection(WRONG_TYPE, record.path, json_type(members), "object")
        raise BadRecord(why)
    if raw.count(b":") != len(members) and (key := _repeated_key(raw, members)) is not None:
        raise BadRecord(Rejection(REPEATED, record.path, f"{key!r} twice", "different keys"))
    return members


def _malformed(record: RawRecord, error: Exception) -> Rejection:
    """Why a record is no JSON; a word of Python's or pandas' that stands there is shown."""
    at = _AT_BYTE.search(str(error))
    words = _WORD.finditer(record.raw) if at else ()
    word = next((w for w in words if at and w.start() <= int(at["byte"]) < w.end()), None)
    found = f"{word[0].decode('utf-8', 'replace')} at byte {word.start()}" if word else str(error)
    return Rejection(MALFORMED, record.path, found, "valid JSON")


def _repeated_key(raw: bytes, members: dict[str, Any]) -> str | None:
    r"""The key that stands twice in an object of a record; ``None`` if none does.

    Written anew, the members have as many colons as the record, unless some are lost, or the record
    writes one as ``\u003a``. Only then is it worth the time to look at each key.
    """
    if raw.count(b":") == msgspec.json.encode(members).count(b":") and b"\\u003" not in raw:
        return None
    repeated: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        counts = Counter(key for key, _ in pairs)
        repeated.extend(key for key, count in counts.items() if count > 1)

    json.loads(raw, object_pairs_hook=look, parse_int=str)
    return repeated[0] if repeated else None


def extra_json(members: dict[str, Any]) -> str | None:
    """The JSON text of what has no column; ``None`` if there is nothing."""
    return msgspec.json.encode(members, order="sorted").decode() if members else None


def json_type(value: object) -> str:
    """The JSON name of a value's type."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}
    return names.get(type(value), "null" if value is None else "list")


def _explain(path: str, message: str) -> Rejection:
    if wrong := _EXPECTED.match(message):
        place = place_of(path, (wrong["at"] or "").removeprefix("."))
        return Rejection(WRONG_TYPE, place, _words(wrong["found"]), _words(wrong["expected"]))
    if missing := _MISSING.match(message):
        place = place_of(path, (missing["at"] or "").removeprefix("."))
        return Rejection(MISSING_FIELD, place, "nothing", f"the field {missing['field']!r}")
    if length := _LENGTH.match(message):
        words = length["expected"].replace("length ", "")
        found, expected = f"a list of {length['found'] or 'more'}", f"a list of {words}"
        return Rejection(WRONG_TYPE, path, found, expected)
    return Rejection(WRONG_TYPE, path, message, "a record of the layout")


def _words(types: str) -> str:
    return " or ".join(_WORDS.get(name.strip(), name.strip()) for name in types.split("|"))
