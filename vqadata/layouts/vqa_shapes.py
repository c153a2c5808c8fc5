"""The records of the official VQA layout: which members they have, and of which types.

Format: https://visualqa.org/download.html ("Input Questions Format", "Annotation Format").
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

from vqadata.record import record_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.reading.json_spans import Numbers


class AnswerObject(msgspec.Struct):
    """One answer of an annotation; OK-VQA adds ``raw_answer``, the form before stemming."""

    answer: str
    answer_id: int | str | None = None
    answer_confidence: str | None = None
    raw_answer: str | None = None


class Annotation(msgspec.Struct):
    """One record of the annotations file."""

    question_id: int | str
    answers: list[str | AnswerObject]
    image_id: int | str | None = None
    multiple_choice_answer: str | None = None
    question_type: str | None = None
    answer_type: str | None = None


class Question(msgspec.Struct):
    """One record of the questions file; some variants carry the answers here."""

    question_id: int | str
    image_id: int | str
    question: str
    answers: list[str | AnswerObject] | None = None
    multiple_choice_answer: str | None = None
    question_type: str | None = None
    answer_type: str | None = None
    split: str | None = None


class Part(NamedTuple):
    """Some records of a block as columns."""

    rows: Numbers
    """Their numbers in the block, ascending."""
    table: pa.RecordBatch


Shape: TypeAlias = type[Question] | type[Annotation]

REQUIRED = {
    Question: ("question_id", "image_id", "question"),
    Annotation: ("question_id", "answers"),
}
"""Members that may not be missing or null."""

IDS = ("question_id", "image_id")
"""Members that are integers or texts, one kind in a file as a rule."""

ANSWER_MEMBERS = {
    "answer": "answer",
    "answer_id": "answer_id",
    "confidence": "answer_confidence",
    "raw_answer": "raw_answer",
}
"""Fields of a canonical answer, with the words of the official files."""


@cache
def answers_type() -> pa.ListType:
    """The Arrow type of canonical answers."""
    return record_schema().field("answers").type


def member_type(name: str) -> pa.DataType:
    """The Arrow type of a member; of an id, that of a number."""
    import pyarrow as pa

    if name == "answers":
        return answers_type()
    return pa.int64() if name in IDS else pa.string()


def canonical_answers(answers: pa.ListArray) -> pa.ListArray:
    """Lists of texts, or of answers in the words of the official files, as canonical answers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = answers_type()
    if answers.type == kind:
        return answers
    flat = answers.flatten()
    parts = {"answer": flat}
    if pa.types.is_struct(flat.type):
        parts = {ours: flat.field(theirs) for ours, theirs in ANSWER_MEMBERS.items()}
    lengths = pc.cumulative_sum(answers.value_lengths().fill_null(0))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), lengths.cast(pa.int32())])
    items = answer_items(parts, len(flat))
    return pa.ListArray.from_arrays(offsets, items, type=kind, mask=answers.is_null())


def answer_items(parts: dict[str, pa.Array], count: int) -> pa.StructArray:
    """Canonical answers from the columns that are there."""
    import pyarrow as pa

    fields = list(answers_type().value_type.fields)
    none = pa.nulls(count, pa.string())
    arrays = [parts.get(field.name, none).cast(pa.string()) for field in fields]
    return pa.StructArray.from_arrays(arrays, fields=fields)
