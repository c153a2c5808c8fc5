"""Small questions that several sources ask of a record on its way to a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import msgspec

from vqadata.images.embedded import Encoded
from vqadata.layouts.mapped_value import Value, as_answer, is_nothing
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.typed import WRONG_TYPE, BadRecord, json_type
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

CHOICE_RANGE = "choice-out-of-range"
OTHER_PICTURE = "other-picture"

_FULL_STOP = re.compile(r"(?P<answer>(?:.*\s)?[^.\s]+)\.", re.DOTALL)


class Exported(msgspec.Struct):
    """A picture as the library ``datasets`` writes its column to JSON: base64, path, or both."""

    path: str | None = None
    data: bytes | None = msgspec.field(name="bytes", default=None)


Picture: TypeAlias = str | Exported | None
"""How a record may name its picture, or hold it."""


def picture_of(picture: Picture) -> str | Encoded | None:
    """The name of a picture, or the picture itself; ``None`` for no picture.

    >>> picture_of("a.jpg"), picture_of(Exported("b.jpg")), picture_of(Exported("c.jpg", b"GIF"))
    ('a.jpg', 'b.jpg', Encoded(data=b'GIF', name='c.jpg'))
    """
    if isinstance(picture, Exported):
        return Encoded(picture.data, picture.path) if picture.data else picture.path or None
    return picture or None


def named_choice(
    record: RawRecord, field: str, number: int | None, choices: Sequence[str]
) -> str | None:
    """The text of the right choice; ``None`` where the record names none.

    Args:
        record: The record, for its place.
        field: The field that holds the number.
        number: Number of the choice, from 0.
        choices: The choices.

    Raises:
        BadRecord: There is no choice of that number.
    """
    if number is None:
        return None
    if not 0 <= number < len(choices):
        expected = f"0 to {len(choices) - 1}" if choices else "choices"
        why = Rejection(CHOICE_RANGE, record.at(field), str(number), expected)
        raise BadRecord(why)
    return choices[number]


def answer_columns(record: RawRecord, field: str, answer: object) -> Row:
    """The columns of a question with one answer: text or number; none for null and blank text.

    Args:
        record: The record, for its place.
        field: The field that holds the answer.
        answer: The answer.

    Raises:
        BadRecord: It is of another type.
    """
    if is_nothing(answer):
        return {}
    only = as_answer(Value(record.at(field), answer))
    return {"answers": [only], "given_answer": only["answer"]}


def image_columns(pictures: Sequence[Any]) -> Row:
    """The columns of a question's pictures.

    >>> image_columns(["a.jpg", "b.jpg"])
    {'image_path': 'a.jpg', 'more_image_paths': ['b.jpg']}
    """
    first, *more = pictures or [None]
    return {"image_path": first, "more_image_paths": more}


def nested_rows(
    record: RawRecord,
    field: str,
    members: Mapping[str, Any],
    read: Callable[[RawRecord, dict[str, Any]], Row],
) -> list[Row | Lost]:
    """The questions that a picture's record holds; one that cannot be used leaves the others.

    Args:
        record: The record.
        field: Its field with the list of questions.
        members: Its members, ``image_id`` among them.
        read: Makes a row of a question; raises :class:`~vqadata.layouts.typed.BadRecord`.

    Raises:
        BadRecord: The field holds no list.
    """
    items = members.get(field)
    if not isinstance(items, list):
        found = json_type(items) if field in members else "nothing"
        raise BadRecord(Rejection(WRONG_TYPE, record.at(field), found, "list"))
    rows: list[Row | Lost] = []
    for number, item in enumerate(items):
        inner = msgspec.structs.replace(record, path=record.at(f"{field}[{number}]"))
        try:
            rows.append(read(inner, _own_question(inner, item, members.get("image_id"))))
        except BadRecord as bad:
            identity = item.get("qa_id") if isinstance(item, dict) else None
            named = None if identity is None else str(identity)
            rows.append(Lost("quarantined", bad.why, named))
    return rows


def _own_question(record: RawRecord, item: Any, image_id: Any) -> dict[str, Any]:
    """The members of a nested question, which names the picture that holds it or none."""
    if not isinstance(item, dict):
        raise BadRecord(Rejection(WRONG_TYPE, record.path, json_type(item), "object"))
    named = item.get("image_id")
    if named is not None and image_id is not None and str(named) != str(image_id):
        expected = f"{image_id}, the picture that it is listed under"
        where = record.at("image_id")
        raise BadRecord(Rejection(OTHER_PICTURE, where, str(named), expected))
    return {name: value for name, value in item.items() if name != "image_id"}


def without_full_stop(answer: str) -> str:
    """An answer without the full stop at its end, unless that may be part of an abbreviation.

    >>> without_full_stop("On the table."), without_full_stop("At 10 a.m.")
    ('On the table', 'At 10 a.m.')
    """
    ended = _FULL_STOP.fullmatch(answer)
    return ended["answer"] if ended else answer


def spelled(
    members: dict[str, Any],
    shape: type[msgspec.Struct],
    also: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Members under the names of ``shape``, however a copy spells them.

    ``QuestionID`` and ``question_id`` are both ``questionId``. Of two that would have one name the
    exact one gets it, else the first; the other keeps its own.

    Args:
        members: The members of a record.
        shape: Has the names.
        also: Other names that members may have, each with the one of ``shape``.
    """
    names = shape.__struct_encode_fields__
    if also is None and all(name in members for name in names):
        return members
    known = {_folded(other): name for other, name in (also or {}).items()} | _spellings(names)
    result: dict[str, Any] = {}
    for key, value in members.items():
        name = known.get(_folded(key), key)
        taken = name in members or name in result
        result[key if taken else name] = value
    return result


@cache
def _spellings(names: Iterable[str]) -> dict[str, str]:
    return {_folded(name): name for name in names}


@cache
def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
