"""EvalScope's own data sets: multiple choice and open questions with numbered pictures.

Format: https://evalscope.readthedocs.io, "custom multimodal datasets" (``general_vmcq`` and
``general_vqa``); JSON lines, TSV or CSV. Licence: the file's own; it can be named with
``--licence``.

Pictures are ``image_1``, ``image_2`` ..., and ``<image 1>`` says where they stand: in the question,
in a message, or as a choice, which is then worded ``image 1``. The right choice is a letter. Open
questions are ``messages`` with the ``answer`` beside them, or OpenAI content parts; in tables
``options`` and ``messages`` are JSON text.

Quirks: rows of tables end where their pictures end, so cells that lack are empty ones; paths begin
with a folder of EvalScope's and are found by their ends.

One raw record::

    {"question": "<image 1> What building is this?", "answer": "D",
     "options": ["School", "Hospital", "Park", "Museum"],
     "image_1": "custom_eval/multimodal/images/AMNH.jpg"}
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from vqadata.converting.look import FileLook
from vqadata.layouts.chat import TURN_ORDER, Conversation
from vqadata.layouts.field_map import parse_map
from vqadata.layouts.mapped import question_columns
from vqadata.layouts.mapped_value import MappedRow, is_nothing, parsed_list
from vqadata.layouts.marked import right_choice, take_marks
from vqadata.layouts.messages import chat_rows, picture, utterances
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import answer_columns, image_columns
from vqadata.layouts.table import Table, read_table
from vqadata.layouts.typed import BadRecord, extra_json
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

IMAGE = re.compile(r"image_(?P<number>[1-9]\d{0,2})")
"""Columns of pictures."""

LETTERS = "ABCDEFGHIJ"
"""Columns of choices, where they do not stand in ``options``."""


class EvalScope(RowSource):
    """EvalScope's custom data: multiple choice and open questions with numbered pictures."""

    example: ClassVar[str] = (
        "vqadata convert evalscope mcq/example.tsv --image-root images -o shards"
    )
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".json", ".tsv", ".csv")
    signs: ClassVar[frozenset[str]] = frozenset({"messages", "answer"})

    @classmethod
    def fits(cls, file: FileLook) -> bool:
        """Whether questions have numbered pictures, or messages an answer beside them."""
        pictured = any(IMAGE.fullmatch(name) for record in file.records for name in record)
        return super().fits(file) or (pictured and {"question", "answer"} <= file.fields)

    def open(self, file: Path) -> Table:
        """Open one file; rows of tables may be short of cells."""
        return read_table(file, None, self.keep_whole_records, ragged=True)

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """A question, or the turns of its messages; see the base class."""
        members = {name: value for name, value in members.items() if not is_nothing(value)}
        pictures = _pictures(record, members)
        if "messages" in members:
            return _turns(record, members, list(pictures.values()))
        return [_question(record, members, pictures)]


def _question(record: RawRecord, members: dict[str, Any], pictures: dict[int, str]) -> Row:
    """A multiple choice, or a question that stands by itself."""
    letters = [letter for letter in LETTERS if letter in members]
    choices = "options" if "options" in members else letters
    right = {"choices": choices, "correct_choice": "answer"} if choices else {"answer": "answer"}
    fields = {"question": "question", "question_id": "id", "question_type": "category", **right}
    said = MappedRow(record, members, parse_map(fields, "evalscope"))
    columns = question_columns(said)
    numbers = {mark: number for number, mark in enumerate(pictures)}
    marked = take_marks(record, columns["text"], columns["choices"], numbers)
    used = ("question", "id", "category", "answer", "options", *letters)
    row = columns | marked._asdict() | right_choice(columns, marked.choices)
    row |= {**image_columns(list(pictures.values())), "extra": _extra(members, used)}
    identity = said.text("question_id")
    return row if identity is None else row | {"question_id": identity}


def _turns(record: RawRecord, members: dict[str, Any], pictures: list[str]) -> list[Row | Lost]:
    """The turns of the messages; the answer beside them belongs to the last one."""

    def conversation() -> Conversation:
        messages = members["messages"]
        given = parsed_list(messages.strip()) if isinstance(messages, str) else messages
        said = utterances(given, record.at("messages"), ("role", "content"))
        return Conversation(said, pictures, extra=_extra(members, ("messages", "answer", "id")))

    *before, last = chat_rows(record, members, conversation)
    if isinstance(last, Lost):
        return [*before, last]
    if last["given_answer"] is not None and "answer" in members:
        found, expected = "an answer to a turn that has one", "messages that end with a question"
        raise BadRecord(Rejection(TURN_ORDER, record.at("answer"), found, expected))
    last = last | _answers(record, members)
    if not before and isinstance(members.get("id"), str | int):
        last["question_id"] = str(members["id"])
    return [*before, last]


def _answers(record: RawRecord, members: dict[str, Any]) -> Row:
    """The answer beside the messages, or several in a list."""
    if not isinstance(members.get("answer"), list):
        return answer_columns(record, "answer", members.get("answer"))
    several = MappedRow(record, members, parse_map({"answers": "answer"}, "evalscope")).answers()
    return {"answers": several}


def _pictures(record: RawRecord, members: dict[str, Any]) -> dict[int, str]:
    """The pictures by the numbers of their columns, from 0."""
    named = {name: IMAGE.fullmatch(name) for name in members}
    numbers = {int(match["number"]) - 1: name for name, match in named.items() if match}
    return {n: picture(members[numbers[n]], record.at(numbers[n])) for n in sorted(numbers)}


def _extra(members: dict[str, Any], used: Sequence[str]) -> str | None:
    rest = {name: value for name, value in members.items() if name not in used}
    return extra_json({name: value for name, value in rest.items() if not IMAGE.fullmatch(name)})
