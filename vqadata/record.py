"""The canonical record: the one shape in which every question travels.

The pydantic models below are the only definition. The Arrow schema (:func:`record_schema`) and the
published JSON Schema (``schemas/record.schema.json``) are derived from them, so the three cannot
drift apart. ``image_path``, ``text`` and ``answer`` are the training view; everything else that the
source knew travels beside them, because without the ten answers no official metric can be computed
later.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import pyarrow as pa

Item = TypeVar("Item")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(_Part):
    """One answer as the source gave it."""

    answer: str = Field(description="The answer text, unchanged.")
    answer_id: str | None = Field(None, description="The source's id of this answer, as a string.")
    confidence: str | None = Field(
        None, description="The annotator's confidence in the source's words (yes, maybe, no)."
    )
    raw_answer: str | None = Field(
        None,
        description="The form before the source's own processing, or the JSON text of an answer "
        "that was not a string.",
    )


class SoftLabel(_Part):
    """One distinct answer with its soft score."""

    answer: str = Field(description="The answer text.")
    score: float = Field(description="min(1, 0.3 x occurrences): 0.3, 0.6, 0.9, 1.")


class Agreement(_Part):
    """How far the annotators of one question agree; answers are equal if their texts are."""

    distinct: int = Field(description="Number of distinct answers.")
    majority_share: float = Field(description="Share of the most frequent answer, 0 to 1.")
    entropy: float = Field(description="Entropy of the answers in bits; 0 if all are equal.")
    tie: bool = Field(description="Whether several answers are the most frequent one.")
    contradiction: bool = Field(description="Whether both yes and no were answered.")


class Origin(_Part):
    """Where a record came from: enough to find it again in the source files."""

    source: str = Field(description="Name of the source step, for example coco-vqa.")
    file: str = Field(description="Name of the input file that holds the question.")
    index: int = Field(description="Number of the record in that file, from 0.")
    answers_file: str | None = Field(
        None, description="Name of the input file that holds the answers, where it is another one."
    )
    answers_index: int | None = Field(None, description="Number of the record in answers_file.")


class Record(_Part):
    """One question about one picture (or several), with every answer that the source holds."""

    question_id: str = Field(description="The question's id, unique in the data set, as a string.")
    image_path: str = Field(description="The picture as the source names it.")
    more_image_paths: list[str] = Field(
        default_factory=list, description="Further pictures of the same question, in order."
    )
    text: str = Field(description="The question.")
    answer: str | None = Field(
        None, description="The answer to train on, chosen by the answer policy; null if unknown."
    )
    given_answer: str | None = Field(
        None, description="What the source itself names as the answer (multiple_choice_answer)."
    )
    answers: list[Answer] = Field(default_factory=list, description="All answers of the source.")
    agreement: Agreement | None = Field(
        None, description="Agreement of the answers; null if there are fewer than two."
    )
    soft_labels: list[SoftLabel] = Field(
        default_factory=list, description="Distinct answers with scores; filled by policy soft."
    )
    choices: list[str] = Field(default_factory=list, description="Options of multiple choice.")
    correct_choice: int | None = Field(None, description="Index of the right option, from 0.")
    rationales: list[str] = Field(default_factory=list, description="Explanations of the answer.")
    question_type: str | None = Field(None, description="The source's type of the question.")
    answer_type: str | None = Field(None, description="The source's type of the answer.")
    image_id: str | None = Field(None, description="The source's id of the picture, as a string.")
    split: str | None = Field(None, description="train, val, test ... as the source names it.")
    licence: str | None = Field(None, description="Licence of the record, as the source states it.")
    origin: Origin = Field(description="Where the record came from.")
    extra: str | None = Field(
        None, description="A JSON object with every source field that has no column of its own."
    )


def record_schema() -> pa.Schema:
    """The Arrow schema of :class:`Record`, one column a field, in the order of the fields."""
    import pyarrow as pa

    return pa.schema(record_fields())


def record_fields() -> list[pa.Field]:
    """The Arrow fields of :class:`Record`, also the members of a stored question."""
    return _fields_of(Record)


def _fields_of(model: type[BaseModel]) -> list[pa.Field]:
    import pyarrow as pa

    return [
        pa.field(name, *_arrow_type(field.annotation)) for name, field in model.model_fields.items()
    ]


def _arrow_type(annotation: Any) -> tuple[pa.DataType, bool]:
    """The Arrow type of an annotation, and whether null is allowed."""
    import pyarrow as pa

    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        inner = next(part for part in args if part is not type(None))
        return _arrow_type(inner)[0], True
    if origin is list:
        kind, nullable = _arrow_type(args[0])
        return pa.list_(pa.field("item", kind, nullable)), False
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pa.struct(_fields_of(annotation)), False
    plain = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    return plain[annotation], False


BATCH_RECORDS = 4096
"""Records of a batch on its way from a source to the shards."""


def to_batches(records: Iterable[Record]) -> Iterator[pa.RecordBatch]:
    """Gather records into canonical Arrow batches of :data:`BATCH_RECORDS`."""
    import pyarrow as pa

    schema = record_schema()
    for chunk in batched(records, BATCH_RECORDS):
        yield pa.RecordBatch.from_pylist([record.model_dump() for record in chunk], schema=schema)


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut a stream into lists of ``size`` (``itertools.batched`` of Python 3.12)."""
    stream = iter(items)
    while chunk := list(islice(stream, size)):
        yield chunk
