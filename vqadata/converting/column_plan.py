"""Which column of a Parquet or Arrow file is what: told from types, names and values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from vqadata.converting.suggest import FROM_ONE, FROM_ONE_REMEDY, Suggestion, suggest_for
from vqadata.errors import VqaDataError
from vqadata.images.embedded import Encoded
from vqadata.layouts.columnar_table import ColumnarTable, encoded
from vqadata.layouts.field_map import ANSWER_NAMES, FieldMap, parse_map
from vqadata.layouts.field_path import join_path
from vqadata.layouts.mapped_value import parsed_list

CHATS = ("messages", "conversations", "texts")
"""Columns of conversations."""

PROMPT = "prompt"
"""Column of messages that another column goes on with, as TRL has it."""

GOING_ON = ("completion", "chosen")

REJECTED = "rejected"

LOOKED_AT = 50
"""Rows of a file that show whether ids are different."""

USUAL = ("image", "images")
"""Names of the column that is taken where several hold pictures."""

_NUMBERED = re.compile(r"(?P<name>.*?)_?(?P<number>\d+)")


class Plan(NamedTuple):
    """Which column is what, in files of one schema."""

    fields: FieldMap
    """Canonical names with their columns; without pictures."""
    pictures: tuple[str, ...]
    """Columns of pictures, in order."""
    chat: str | None = None
    """The column of the conversation, if questions are turns of one."""
    going_on: tuple[str, ...] = ()
    """Columns with the answer to it, and with a worse one."""

    @property
    def used(self) -> set[str | None]:
        """The columns that are no field of the map, and yet have their place in the record."""
        return {*self.pictures, self.chat, *self.going_on}

    def messages(self, members: Mapping[str, Any]) -> tuple[Any, Any]:
        """The messages of a row, and the worse answer to the last one, as they stand there."""
        said: Any = members[self.chat or ""]
        better: Any = next((members[name] for name in self.going_on if name != REJECTED), None)
        worse = members[REJECTED] if REJECTED in self.going_on else None
        if isinstance(said, list) and isinstance(better, list):
            said = [*said, *better]
        return said, worse


def tell_columns(table: ColumnarTable, sample: list[dict[str, Any]], given: FieldMap) -> Plan:
    """Tell which column is what.

    Args:
        table: A file.
        sample: Rows of files of its schema, without pictures.
        given: What the user says; it is not questioned.

    Raises:
        VqaDataError: It is not clear which column holds the pictures, the question or the answer.
    """
    chat = next((name for name in CHATS if name in table.schema.names), None)
    if chat and "question" not in given:
        return Plan(given, _pictures(table, given, None), chat)
    if _holds_messages(table, PROMPT) and "question" not in given:
        going_on = [name for name in GOING_ON if _holds_messages(table, name)][:1]
        going_on += [REJECTED] * _holds_messages(table, REJECTED)
        return Plan(given, _pictures(table, given, None), PROMPT, tuple(going_on))
    told = suggest_for(sample, table.path.name)
    fields = parse_map(_ids(table) | told.to_map(), table.path.name) | given
    pictures = _pictures(table, given, told)
    if "question" not in fields:
        raise _unclear(table, "the question", "question", told)
    doubtful = [name for name in ANSWER_NAMES if name in told.unsure]
    doubtful += ["answer"] * bool(told.left_answers)
    if (
        doubtful
        and not fields.keys() & {*ANSWER_NAMES}
        and not {"image", "question"} <= given.keys()
    ):
        raise _unclear(table, "the answer", doubtful[0], told)
    return Plan({name: each for name, each in fields.items() if name != "image"}, pictures)


def pictures_of(plan: Plan, members: Mapping[str, Any]) -> dict[int, str | Encoded]:
    """The pictures of a row by the numbers that marks in its texts give them, from 0."""
    several = len(plan.pictures) > 1
    found: dict[int, str | Encoded] = {}
    for column in plan.pictures:
        value = encoded(members.get(column))
        if isinstance(value, str) and value.startswith("["):
            value = parsed_list(value)
        number = _NUMBERED.fullmatch(column) if several else None
        first = int(number["number"]) - 1 if number else len(found)
        for offset, picture in enumerate(value if isinstance(value, list) else [value]):
            if picture is not None:
                found[first + offset] = picture if isinstance(picture, Encoded) else str(picture)
    return found


def _pictures(table: ColumnarTable, given: FieldMap, told: Suggestion | None) -> tuple[str, ...]:
    """The columns of pictures: as said, by type, or by names and values."""
    if "image" in given:
        return tuple(join_path(path) for path in given["image"].paths)
    typed = table.pictures
    usual = [name for name in USUAL if name in (typed or table.schema.names)]
    numbered = [name for name in typed if _NUMBERED.fullmatch(name)]
    for columns in (typed if len(typed) == 1 else [], usual[:1], numbered):
        if columns:
            return tuple(columns)
    if not typed and told and "image" in told.sure:
        return (str(told.sure["image"].value),)
    raise _unclear(table, "the pictures", "image", told)


def _holds_messages(table: ColumnarTable, name: str) -> bool:
    return name in table.schema.names and "role: " in str(table.schema.field(name).type)


def _ids(table: ColumnarTable) -> dict[str, str]:
    """The column of ids by its name: a faulty row, or splits that count anew, repeat some.

    Where most rows share theirs with others (both questions of a picture in MME), it is no id.
    """
    named = next((name for name in ("question_id", "qid") if name in table.schema.names), None)
    if named is None:
        return {}
    counts = Counter(str(row.get(named)) for row in table.sample(LOOKED_AT))
    shared = sum(count for count in counts.values() if count > 1)
    return {} if shared > counts.total() / 2 else {"question_id": named}


def _unclear(table: ColumnarTable, what: str, name: str, told: Suggestion | None) -> VqaDataError:
    columns = ", ".join(f"{field.name} ({_short(field.type)})" for field in table.schema)
    doubt = told.unsure.get(name) if told else None
    perhaps = doubt.candidates if doubt else told.left_answers if told and name == "answer" else []
    near = f"; perhaps {' or '.join(perhaps)}" if perhaps else ""
    remedy = f"Say it: --field {name}=COLUMN"
    if doubt and doubt.reason == FROM_ONE:
        remedy += f", and {FROM_ONE_REMEDY}"
    return VqaDataError(
        str(table.path), f"the columns {columns}", f"a clear column of {what}{near}", remedy
    )


def _short(kind: object) -> str:
    text = str(kind)
    return "picture" if text.startswith("struct<bytes: binary") else text[:40]
