"""The canonical record: the one shape in which every question travels.

The pydantic models below are the only definition. The Arrow schema (:func:`record_schema`) and the
published JSON Schema (``schemas/record.schema.json``) are derived from them, so the three cannot
drift apart. ``image_path``, ``text`` and ``answer`` are the training view; everything else that the
source knew travels beside them, because without the ten answers no official metric can be computed
later.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import pyarrow as pa

Item = TypeVar("Item")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


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


class Placeholder(_Part):
    """Where one picture stood in the question's text."""

    image: int = Field(description="Number of the picture in the record, from 0.")
    offset: int = Field(description="Characters of the text that stood before it.")


class Origin(_Part):
    """Where a record came from: enough to find it again in the source files."""

    source: str = Field(description="Name of the source step, for example coco-vqa.")
    file: str = Field(description="Name of the input file that holds the question.")
    index: int = Field(description="Number of the record in that file, from 0.")
    part: int | None = Field(
        None, description="Number of the question in that record, from 0, where it holds several."
    )
    parts: int | None = Field(None, description="How many questions that record holds.")
    answers_file: str | None = Field(
        None, description="Name of the input file that holds the answers, where it is another one."
    )
    answers_index: int | None = Field(None, description="Number of the record in answers_file.")


class Record(_Part):
    """One question about one picture (or several), with every answer that the source holds."""

    question_id: str = Field(description="The question's id, unique in the data set, as a string.")
    image_path: str | None = Field(
        None, description="The picture as the source names it; null in a text-only row."
    )
    more_image_paths: list[str] = Field(
        default_factory=list, description="Further pictures of the same question, in order."
    )
    text: str = Field(description="The question, without the marks of its pictures.")
    placeholders: list[Placeholder] = Field(
        default_factory=list,
        description="Where pictures stood in the text, in order; if empty, all stand before it, "
        "in a conversation before its first turn.",
    )
    system: str | None = Field(None, description="The system prompt of the conversation.")
    dialog_id: str | None = Field(
        None, description="What the turns of one conversation share; null for a single question."
    )
    turn: int | None = Field(None, description="Number of the turn in its conversation, from 0.")
    answer: str | None = Field(
        None, description="The answer to train on, chosen by the answer policy; null if unknown."
    )
    unanswerable: bool | None = Field(
        None,
        description="Whether that answer says that there is none, as in VizWiz and TextVQA; null "
        "without an answer.",
    )
    given_answer: str | None = Field(
        None, description="What the source itself names as the answer (multiple_choice_answer)."
    )
    answers: list[Answer] = Field(default_factory=list, description="All answers of the source.")
    rejected: list[str] = Field(
        default_factory=list,
        description="Answers that the source calls worse than the given one, or that a model gave "
        "and that are wrong; for preferences.",
    )
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


Row: TypeAlias = dict[str, Any]
"""A record on its way into a batch: fields of :class:`Record` by name, without those it lacks."""

BATCH_RECORDS = 4096
"""Records of a batch on its way from a source to the shards."""


def to_batches(records: Iterable[Record]) -> Iterator[pa.RecordBatch]:
    """Gather records into canonical Arrow batches of :data:`BATCH_RECORDS`."""
    for chunk in batched(records, BATCH_RECORDS):
        yield to_batch([record.model_dump() for record in chunk])


def to_batch(rows: Sequence[Row]) -> pa.RecordBatch:
    """Make one canonical Arrow batch of some rows.

    The rows go through JSON: msgspec writes and pyarrow reads it, together several times faster
    than building nested Arrow values from Python objects.
    """
    import msgspec
    import pyarrow as pa
    import pyarrow.json as pj

    schema = record_schema()
    if not rows:
        return pa.RecordBatch.from_pylist([], schema=schema)
    lenient = pa.schema([_lenient(field) for field in schema])
    text = b"\n".join(map(msgspec.json.Encoder().encode, rows))
    table = pj.read_json(
        pa.BufferReader(text),
        pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
        pj.ParseOptions(explicit_schema=lenient, unexpected_field_behavior="error"),
    )
    (batch,) = table.combine_chunks().to_batches()
    columns = [_retyped(batch.column(field.name), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _lenient(field: pa.Field) -> pa.Field:
    """The field with null allowed at every level: what pyarrow's reader wants of absent members."""
    import pyarrow as pa

    kind = field.type
    if pa.types.is_list(kind):
        kind = pa.list_(_lenient(kind.value_field))
    elif pa.types.is_struct(kind):
        kind = pa.struct([_lenient(member) for member in kind.fields])
    return pa.field(field.name, kind)


def _retyped(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """The same buffers under a type in which lists are never null: one that was absent is empty.

    A cast would refuse the filler below a null struct.
    """
    import pyarrow as pa

    valid, nulls = array.buffers()[0], array.null_count
    if pa.types.is_list(kind):
        own, children = [None, array.buffers()[1]], [_retyped(array.values, kind.value_type)]
        nulls = 0
    elif pa.types.is_struct(kind):
        fields = enumerate(kind.fields)
        own, children = [valid], [_retyped(array.field(n), f.type) for n, f in fields]
    else:
        return array
    return pa.Array.from_buffers(kind, len(array), own, nulls, array.offset, children=children)


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut a stream into lists of ``size`` (``itertools.batched`` of Python 3.12)."""
    stream = iter(items)
    while chunk := list(islice(stream, size)):
        yield chunk
