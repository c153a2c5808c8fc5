"""Records of the official VQA layout as columns: at columnar speed where a block is good.

pyarrow reads a whole block under a strict schema, and a few aggregates prove that nothing required
is missing. A block that is refused is decoded record by record by msgspec; what is bad is said with
its place, and the good rest takes the fast way again. Only a block that has members of its own
(``extra``), or mixes types that are both allowed, is put together row by row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from vqadata.json_blocks import Block, JsonBlocks
from vqadata.json_cutter import Records
from vqadata.layouts.typed import MALFORMED, BadRecord, decode_record, extra_json
from vqadata.ledger import Rejection
from vqadata.record import Answer, record_schema

if TYPE_CHECKING:
    import pyarrow as pa


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


PARSE_BYTES = 1 << 20
"""Bytes that pyarrow parses at a time, if all records are shorter."""

_NO_OBJECT = re.compile(rb"\n[^{\s]")

REQUIRED = {
    Question: ("question_id", "image_id", "question"),
    Annotation: ("question_id", "answers"),
}
"""Members that may not be missing or null."""


class Bad(NamedTuple):
    """A record that cannot be used."""

    number: int
    raw: bytes
    why: Rejection
    question_id: int | str | None
    """Its question id, where that can be read."""


class Columns(NamedTuple):
    """The records of a block."""

    table: pa.RecordBatch
    """``number`` (int64), the members of the struct, ``extra`` and ``numeric_image_id``.

    The ids are int64 or string, the answers canonical. ``numeric_image_id`` says which ids were
    numbers in the file.
    """
    raws: Sequence[bytes]
    """The JSON text of each row of the table."""
    bad: list[Bad]


class ColumnReader:
    """Turns blocks of one file into columns.

    Args:
        blocks: The file.
        shape: :class:`Question` or :class:`Annotation`.
    """

    def __init__(self, blocks: JsonBlocks, shape: type[Question] | type[Annotation]) -> None:
        """Learn the schema from the first block that comes."""
        self._blocks, self._shape = blocks, shape
        self._decoder = msgspec.json.Decoder(shape)
        self._schema: pa.Schema | None = None
        self._doubt = False

    def read(self, block: Block) -> Columns:
        """The columns of one block."""
        import numpy as np

        numbers = np.arange(block.first, block.first + len(block.records))
        fast = None if self._doubt else self._fast(block.records)
        self._doubt = fast is None
        if fast is not None:
            return Columns(self._finished(fast, numbers), block.records, [])
        good, bad = self._sorted_out(block)
        fast = self._fast([block.records[row] for row in good])
        if fast is None:
            rows, good, more = self._row_by_row(block, good)
            fast, bad = self._gathered(rows), [*bad, *more]
        raws = [block.records[row] for row in good]
        return Columns(self._finished(fast, numbers[good]), raws, bad)

    def _fast(self, raws: Sequence[bytes]) -> pa.RecordBatch | None:
        """All members as columns; ``None`` if the block is not of one kind, or not all good."""
        import pyarrow as pa
        import pyarrow.json as pj

        if not raws:
            return None
        if self._schema is None:
            self._schema = _learn_schema(raws[0], self._shape)
        text = raws.lines if isinstance(raws, Records) else b"\n".join(raws)
        if not _is_readable(text):
            return None
        try:
            table = pj.read_json(
                pa.BufferReader(text),
                pj.ReadOptions(use_threads=False, block_size=_parse_size(text, len(raws))),
                pj.ParseOptions(
                    explicit_schema=self._schema,
                    unexpected_field_behavior="error",
                    newlines_in_values=text.count(b"\n") >= len(raws),
                ),
            )
        except pa.ArrowInvalid:
            return None
        (batch,) = table.combine_chunks().to_batches()
        return batch if len(batch) == len(raws) and self._is_complete(batch) else None

    def _is_complete(self, batch: pa.RecordBatch) -> bool:
        """Whether nothing required is missing or null."""
        import pyarrow as pa

        if any(batch.column(name).null_count for name in REQUIRED[self._shape]):
            return False
        answers = batch.column("answers").flatten()
        parts = [answers]
        if pa.types.is_struct(answers.type):
            parts.append(answers.field("answer"))
        return not any(part.null_count for part in parts)

    def _sorted_out(self, block: Block) -> tuple[list[int], list[Bad]]:
        """The rows that are of the layout's shape, and the reasons of the others."""
        good, bad = [], []
        for row, raw in enumerate(block.records):
            try:
                self._decoder.decode(raw)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                bad.append(self._explained(block.first + row, raw))
            else:
                good.append(row)
        return good, bad

    def _explained(self, number: int, raw: bytes) -> Bad:
        record = self._blocks.record(number, raw)
        why = Rejection(MALFORMED, record.path, "text that cannot be decoded", "valid JSON")
        identity = None
        try:
            decode_record(record, self._shape)
        except BadRecord as error:
            why, identity = error.why, error.members.get("question_id")
        usable = isinstance(identity, int | str) and not isinstance(identity, bool)
        return Bad(number, raw, why, identity if usable else None)

    def _row_by_row(
        self, block: Block, good: list[int]
    ) -> tuple[list[dict[str, Any]], list[int], list[Bad]]:
        """Records one by one, whatever else they hold; some are found to be bad only now."""
        rows, left, bad = [], [], []
        for row in good:
            try:
                rows.append(self._row(block.records[row]))
                left.append(row)
            except BadRecord:
                bad.append(self._explained(block.first + row, block.records[row]))
        return rows, left, bad

    def _gathered(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        import pyarrow as pa

        fields = {name: _field(name, None) for name in self._names()}
        for name in ("question_id", "image_id"):
            if any(isinstance(row[name], str) for row in rows):
                fields[name] = pa.field(name, pa.string())
                for row in rows:
                    row[name] = None if row[name] is None else str(row[name])
        more = [pa.field("extra", pa.string()), pa.field("numeric_image_id", pa.bool_())]
        return pa.RecordBatch.from_pylist(rows, schema=pa.schema([*fields.values(), *more]))

    def _names(self) -> tuple[str, ...]:
        return self._shape.__struct_fields__

    def _row(self, raw: bytes) -> dict[str, Any]:
        fields, extra = decode_record(self._blocks.record(0, raw), self._shape)
        row = {name: getattr(fields, name) for name in self._names()}
        if row["answers"] is not None:
            row["answers"] = [_answer(answer) for answer in row["answers"]]
        for name in ("question_id", "image_id"):
            if type(row[name]) is int and not -(2**63) <= row[name] < 2**63:
                row[name] = str(row[name])
        numeric = type(row["image_id"]) is int
        return row | {"extra": extra_json(extra), "numeric_image_id": numeric}

    def _finished(self, batch: pa.RecordBatch, numbers: Any) -> pa.RecordBatch:
        """With numbers, ``extra`` and picture names, and with answers in the canonical form."""
        import pyarrow as pa

        place = batch.schema.get_field_index("answers")
        answers = canonical_answers(batch.column("answers"))
        batch = batch.set_column(place, pa.field("answers", answers.type), answers)
        if "extra" not in batch.schema.names:
            batch = batch.append_column("extra", pa.nulls(len(batch), pa.string()))
            numeric = pa.types.is_integer(batch.column("image_id").type)
            batch = batch.append_column("numeric_image_id", pa.repeat(numeric, len(batch)))
        return batch.append_column("number", pa.array(numbers, pa.int64()))


def _parse_size(text: bytes, records: int) -> int:
    """Bytes to parse at a time: pyarrow wants each record within two such parts."""
    whole = len(text) + 1
    return max(PARSE_BYTES, 1 << 16) if whole // max(records, 1) < PARSE_BYTES // 64 else whole


def _is_readable(text: bytes) -> bool:
    """Whether all lines are objects in UTF-8: pyarrow takes any bytes, and dies of a null."""
    if not text.startswith(b"{") or _NO_OBJECT.search(text):
        return False
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def _answer(answer: str | AnswerObject) -> dict[str, str | None]:
    if isinstance(answer, str):
        return dict.fromkeys(Answer.model_fields) | {"answer": answer}
    return {
        "answer": answer.answer,
        "answer_id": None if answer.answer_id is None else str(answer.answer_id),
        "confidence": answer.answer_confidence,
        "raw_answer": answer.raw_answer,
    }


def _learn_schema(raw: bytes, shape: type[Question] | type[Annotation]) -> pa.Schema:
    """The schema of a file whose records are like its first one."""
    import pyarrow as pa

    try:
        members = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        members = {}
    members = members if isinstance(members, dict) else {}
    fields = []
    for name in shape.__struct_fields__:
        texts = isinstance(members.get(name), str)
        kind = pa.string() if texts or name not in ("question_id", "image_id") else None
        if name == "answers":
            kind = pa.list_(_answer_type(members.get(name)))
        fields.append(_field(name, kind))
    return pa.schema(fields)


def _answer_type(answers: object) -> pa.DataType:
    import pyarrow as pa

    first = answers[0] if isinstance(answers, list) and answers else {}
    if isinstance(first, str):
        return pa.string()
    texts = isinstance(first, dict) and isinstance(first.get("answer_id"), str)
    kinds = {name: pa.string() for name in AnswerObject.__struct_fields__}
    if not texts:
        kinds["answer_id"] = pa.int64()
    return pa.struct(list(kinds.items()))


def _field(name: str, kind: pa.DataType | None) -> pa.Field:
    import pyarrow as pa

    if kind is None and name == "answers":
        kind = record_schema().field("answers").type
    elif kind is None:
        kind = pa.int64() if name in ("question_id", "image_id") else pa.string()
    return pa.field(name, kind)


def canonical_answers(answers: pa.ListArray) -> pa.ListArray:
    """Lists of texts, or of answers in the words of the official files, as canonical answers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = record_schema().field("answers").type
    if answers.type == kind:
        return answers
    flat = answers.flatten()
    none = pa.nulls(len(flat), pa.string())
    parts = [flat, none, none, none]
    if pa.types.is_struct(flat.type):
        names = ("answer", "answer_id", "answer_confidence", "raw_answer")
        parts = [flat.field(name).cast(pa.string()) for name in names]
    items = pa.StructArray.from_arrays(parts, fields=list(kind.value_type.fields))
    lengths = pc.cumulative_sum(answers.value_lengths().fill_null(0))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), lengths.cast(pa.int32())])
    return pa.ListArray.from_arrays(offsets, items, type=kind, mask=answers.is_null())
