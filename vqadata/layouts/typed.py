"""Typed decoding of one raw record, with the fault said in words.

msgspec does the work and the checking; this module turns its message into a JSON path, what was
found and what was expected.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, TypeVar

import msgspec

from vqadata.json_scan import RawRecord
from vqadata.ledger import Rejection

Shape = TypeVar("Shape", bound=msgspec.Struct)

WRONG_TYPE = "wrong-type"
MISSING_FIELD = "missing-field"
MALFORMED = "malformed-json"

_EXPECTED = re.compile(
    r"Expected `(?P<expected>[^`]*)`, got `(?P<found>[^`]*)`(?: - at `\$(?P<at>.*)`)?"
)
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]*)`(?: - at `\$(?P<at>.*)`)?")
_LENGTH = re.compile(r"Expected `array` of (?P<expected>[^,]+)(?:, got (?P<found>\d+))?")
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
    members = decode_members(record)
    try:
        fields = msgspec.convert(members, shape)
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
        raise BadRecord(Rejection(MALFORMED, record.path, str(error), "valid JSON")) from None


def decode_members(record: RawRecord) -> dict[str, Any]:
    """Decode one raw record as an object with any members.

    Raises:
        BadRecord: The text is not JSON, or not an object.
    """
    try:
        members = msgspec.json.decode(record.raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecord(Rejection(MALFORMED, record.path, str(error), "valid JSON")) from None
    if not isinstance(members, dict):
        why = Rejection(WRONG_TYPE, record.path, json_type(members), "object")
        raise BadRecord(why)
    return members


def extra_json(members: dict[str, Any]) -> str | None:
    """The JSON text of what has no column; ``None`` if there is nothing."""
    return msgspec.json.encode(members, order="sorted").decode() if members else None


def json_type(value: object) -> str:
    """The JSON name of a value's type."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}
    return names.get(type(value), "null" if value is None else "list")


def _explain(path: str, message: str) -> Rejection:
    if wrong := _EXPECTED.match(message):
        place = path + (wrong["at"] or "")
        return Rejection(WRONG_TYPE, place, _words(wrong["found"]), _words(wrong["expected"]))
    if missing := _MISSING.match(message):
        place = path + (missing["at"] or "")
        return Rejection(MISSING_FIELD, place, "nothing", f"the field {missing['field']!r}")
    if length := _LENGTH.match(message):
        words = length["expected"].replace("length ", "")
        found, expected = f"a list of {length['found'] or 'more'}", f"a list of {words}"
        return Rejection(WRONG_TYPE, path, found, expected)
    return Rejection(WRONG_TYPE, path, message, "a record of the layout")


def _words(types: str) -> str:
    return " or ".join(_WORDS.get(name.strip(), name.strip()) for name in types.split("|"))
