"""Values of a user's record turned into what the canonical record wants, or into a rejection.

Numbers become text where text is wanted; booleans and objects do not. A missing value, null and an
empty text are all "nothing": an error where the field is required, null where it is not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from vqadata.layouts.field_map import FIRST_CHOICE, FieldMap, Selector
from vqadata.layouts.field_path import NOTHING, FieldPath, join_path, place
from vqadata.layouts.typed import MISSING_FIELD, WRONG_TYPE, BadRecord, json_type
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

CHOICE_RANGE = "choice-out-of-range"
CHOICE_UNKNOWN = "choice-unknown"

ANSWER_KEYS = ("answer", "answer_id", "answer_confidence", "raw_answer")
"""Keys of an answer that is an object, as in the official VQA files."""


class Value(NamedTuple):
    """One value, and where it stands in the file."""

    place: str
    value: Any


class MappedRow:
    """One record read through a field map.

    Every method raises :class:`~vqadata.layouts.typed.BadRecord` for a value of the wrong type.
    """

    def __init__(self, raw: RawRecord, members: Mapping[str, Any], field_map: FieldMap) -> None:
        """Read nothing yet."""
        self._raw, self._members, self._map = raw, members, field_map

    def text(self, name: str) -> str | None:
        """An optional text or number as text."""
        found = self._found(name)
        return as_text(found[0], "string or number") if found else None

    def question(self) -> str:
        """The question: text, and required."""
        (found,) = self._required("question")
        if not isinstance(found.value, str):
            raise wrong_type(found, "string")
        return found.value

    def images(self) -> list[str]:
        """The names of the pictures, put into the map's template; one is required."""
        items = [item for value in self._required("image") for item in _flat(value)]
        fill = self._map["image"].fill
        return [fill(as_text(item, "string or number")) for item in items]

    def texts(self, name: str) -> list[str]:
        """An optional list of texts or numbers, as texts."""
        return [as_text(item, "string or number") for item in self._items(name)]

    def answers(self) -> list[Row]:
        """The list of answers, or the one answer, each as fields of an answer of the record."""
        if items := self._items("answers"):
            return [as_answer(item) for item in items]
        return [as_answer(item) for item in self._found("answer")]

    def correct_choice(self, choices: Sequence[str]) -> int | None:
        """The index of the right choice, which the source gives as index, as text or as letter."""
        found = self._found("correct_choice")
        if not found:
            return None
        if not choices:
            raise self._lacking("choices")
        return choice_index(found[0], choices, int(self.text(FIRST_CHOICE) or 0))

    def _found(self, name: str) -> list[Value]:
        """The values of ``name`` that are not nothing."""
        if name not in self._map:
            return []
        return [value for value in self._values(name) if not is_nothing(value.value)]

    def _values(self, name: str) -> Iterator[Value]:
        selector = self._map[name]
        for path, value in selector.values(self._members):
            yield Value(place(self._raw.path, path) if path else f"constant {name}", value)

    def _required(self, name: str) -> list[Value]:
        found = self._found(name)
        if not found:
            raise self._lacking(name)
        return found

    def _items(self, name: str) -> list[Value]:
        """The items of a list field, or of several fields put together."""
        if name not in self._map:
            return []
        selector = self._map[name]
        if len(selector.paths) > 1:
            return self._side_by_side(name)
        return [item for value in self._found(name) for item in _spelt(value, selector, name)]

    def _side_by_side(self, name: str) -> list[Value]:
        """The values of several fields; empty ones may only stand at the end."""
        values = list(self._values(name))
        while values and is_nothing(values[-1].value):
            values.pop()
        for path, value in zip(self._map[name].paths, values, strict=False):
            if is_nothing(value.value):
                raise self._lacking(name, path)
        return values

    def _lacking(self, name: str, path: FieldPath | None = None) -> BadRecord:
        """What to raise where a required field is not there, or is empty."""
        selector = self._map[name]
        path = path or (selector.paths[0] if selector.paths else (name,))
        value = next((v for p, v in selector.values(self._members) if p == path), NOTHING)
        found = "nothing" if value is NOTHING else "null" if value is None else "an empty value"
        expected = f"the field {join_path(path)!r}"
        return BadRecord(Rejection(MISSING_FIELD, place(self._raw.path, path), found, expected))


def is_nothing(value: Any) -> bool:
    """Whether a value says nothing: absent, null, an empty list or blank text."""
    return value is NOTHING or value is None or value == [] or (
        isinstance(value, str) and not value.strip()
    )  # fmt: skip


def as_text(found: Value, expected: str) -> str:
    """A text, or the JSON text of a number.

    Raises:
        BadRecord: It is anything else.
    """
    if isinstance(found.value, str):
        return found.value
    if type(found.value) in (int, float):
        return msgspec.json.encode(found.value).decode()
    raise wrong_type(found, expected)


def as_answer(found: Value) -> Row:
    """The fields of an answer that is a text, a number, or an object with :data:`ANSWER_KEYS`.

    Raises:
        BadRecord: It is anything else.
    """
    if isinstance(found.value, dict):
        return _answer_object(found)
    text = as_text(found, "string, number or object with answer")
    return {"answer": text} if text is found.value else {"answer": text, "raw_answer": text}


def choice_index(found: Value, choices: Sequence[str], first: int = 0) -> int:
    """The index that a number, the text of a choice, or a letter (A is 0) stands for.

    Args:
        found: What the source gives.
        choices: The choices.
        first: The number of the first choice.

    Raises:
        BadRecord: It is out of range, no choice, or of another type.
    """
    value = found.value
    if isinstance(value, str) and value in choices:
        return choices.index(value)
    if isinstance(value, str):
        text = value.strip()
        if text.removeprefix("-").isdecimal():
            value = int(text) - first
        elif len(text) == 1 and "A" <= text.upper() <= "Z":
            value = ord(text.upper()) - ord("A")
        else:
            why = Rejection(CHOICE_UNKNOWN, found.place, repr(value), f"one of {list(choices)}")
            raise BadRecord(why)
    elif type(value) is int:
        value -= first
    else:
        raise wrong_type(found, "integer or string")
    if not 0 <= value < len(choices):
        expected = f"{first} to {len(choices) - 1 + first}"
        raise BadRecord(Rejection(CHOICE_RANGE, found.place, str(found.value), expected))
    return int(value)


def wrong_type(found: Value, expected: str) -> BadRecord:
    """What to raise for a value of the wrong type."""
    return BadRecord(Rejection(WRONG_TYPE, found.place, json_type(found.value), expected))


def _flat(found: Value) -> list[Value]:
    """The items of a list, or the value itself."""
    if not isinstance(found.value, list):
        return [found]
    return [Value(f"{found.place}[{i}]", item) for i, item in enumerate(found.value)]


def _spelt(found: Value, selector: Selector, name: str) -> list[Value]:
    """The items of a list, or of a text that spells one."""
    value = found.value
    if isinstance(value, str):
        if name == "rejected":
            value = [value]
        elif selector.separator is not None:
            value = [item.strip() for item in value.split(selector.separator)]
        elif value.strip().startswith("["):
            value = parsed_list(value.strip())
        elif name == "rationales":
            value = [value]
    if not isinstance(value, list):
        expected = 'list, or text such as ["a", "b"]; the map may name a separator'
        raise wrong_type(found, expected if isinstance(found.value, str) else "list")
    return _flat(Value(found.place, value))


def parsed_list(text: str) -> Any:
    """The list that JSON or a Python literal spells (pandas writes the latter into CSV)."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _answer_object(found: Value) -> Row:
    members = found.value
    if members.get("answer") is None:
        expected = "the field 'answer'"
        raise BadRecord(Rejection(MISSING_FIELD, f"{found.place}.answer", "nothing", expected))
    parts = {
        key: as_text(Value(f"{found.place}.{key}", members[key]), "string or number")
        for key in ANSWER_KEYS
        if members.get(key) is not None
    }
    if "answer_confidence" in parts:
        parts["confidence"] = parts.pop("answer_confidence")
    if parts["answer"] is not members["answer"]:
        parts.setdefault("raw_answer", parts["answer"])
    return parts
