"""The rows of a record of a Parquet or Arrow file: questions, or the turns of a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vqadata.converting.column_plan import REJECTED, Plan, pictures_of
from vqadata.images.embedded import Encoded
from vqadata.layouts.chat import Conversation
from vqadata.layouts.columnar_table import plain
from vqadata.layouts.mapped import mapped_rows, question_columns, unmapped
from vqadata.layouts.mapped_value import MappedRow
from vqadata.layouts.marked import right_choice, take_marks
from vqadata.layouts.messages import chat_rows, last_turn, solved, turns_of, worse_answers
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.rows import image_columns
from vqadata.layouts.typed import extra_json
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

AROUND = ("question_id", "split", "licence")
"""Columns of a row that may be said elsewhere."""


def planned_rows(
    record: RawRecord, members: dict[str, Any], plan: Plan, known: Mapping[str, Any]
) -> list[Row | Lost]:
    """The rows of a record: one, one an item of a list, or the turns of a conversation.

    Args:
        record: The record.
        members: Its members.
        plan: Which column is what.
        known: What is known of all records, where they do not say it.

    Raises:
        BadRecord: The record cannot be used.
    """
    pictures = pictures_of(plan, members)

    def question(said: MappedRow, rest: dict[str, Any]) -> Row:
        return _question(record, said, pictures) | _around(said, rest, plan, known)

    if not plan.chat:
        return mapped_rows(record, members, plan.fields, question)
    said, rest = MappedRow(record, members, plan.fields), unmapped(members, plan.fields)
    around = _around(said, rest, plan, known)
    turns = _turns(record, members, plan, pictures, said.text("answer"))
    return [turn if isinstance(turn, Lost) else turn | around for turn in turns]


def _around(said: MappedRow, rest: Mapping[str, Any], plan: Plan, known: Mapping[str, Any]) -> Row:
    """What is no part of the question; of pictures that are not its own only the size is kept."""
    extra = {name: plain(value) for name, value in rest.items() if name not in plan.used}
    row = {name: said.text(name) or known.get(name) for name in AROUND}
    row["extra"] = extra_json(extra)
    return {name: value for name, value in row.items() if value is not None}


def _question(record: RawRecord, said: MappedRow, pictures: dict[int, str | Encoded]) -> Row:
    columns = question_columns(said)
    numbers = {mark: number for number, mark in enumerate(pictures)}
    marked = take_marks(record, columns["text"], columns["choices"], numbers)
    right = right_choice(columns, marked.choices)
    return columns | marked._asdict() | right | image_columns(list(pictures.values()))


def _turns(
    record: RawRecord,
    members: dict[str, Any],
    plan: Plan,
    pictures: dict[int, str | Encoded],
    answer: str | None,
) -> Sequence[Row | Lost]:
    """The turns of a conversation, with the pictures put in for their numbers.

    ``answer`` is what the user says that answers the last one, if no message does.
    """
    listed = list(pictures.values())
    names = [str(number) for number in range(len(listed))]

    def conversation() -> Conversation:
        messages, worse = plan.messages(members)
        spoken = turns_of(messages, record.at(plan.chat or ""))
        said = solved(spoken, members if answer is None else {"solution": answer})
        return Conversation(said, names, worse_answers(last_turn(worse), record.at(REJECTED)))

    rows = chat_rows(record, members, conversation)
    return [
        row
        if isinstance(row, Lost)
        else row
        | image_columns([*listed, *[row["image_path"], *row["more_image_paths"]][len(listed) :]])
        for row in rows
    ]
