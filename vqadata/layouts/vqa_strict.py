"""Records of the official VQA layout as columns, read by pyarrow under a strict schema.

This is for records that are not all alike (see :mod:`vqadata.layouts.vqa_alike`): members in any
order, any number of answers, some members missing. A few aggregates prove that nothing required is
missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from vqadata.layouts.vqa_shapes import IDS, REQUIRED, AnswerObject, Shape, member_type

if TYPE_CHECKING:
    import pyarrow as pa

PARSE_BYTES = 1 << 20
"""Bytes that pyarrow parses at a time, if all records are shorter."""

_NO_OBJECT = re.compile(rb"\n[^{\s]")


class StrictReader:
    """Reads records of one kind all at once.

    Args:
        shape: :class:`~vqadata.layouts.vqa_shapes.Question` or its ``Annotation``.
    """

    def __init__(self, shape: Shape) -> None:
        """Learn the schema from the first record that comes."""
        self._shape = shape
        self._schema: pa.Schema | None = None

    def read(self, raws: Sequence[bytes]) -> pa.RecordBatch | None:
        """All members as columns; ``None`` if the records are not of one kind, or not all good."""
        import pyarrow as pa
        import pyarrow.json as pj

        if not raws:
            return None
        if self._schema is None:
            self._schema = _learn_schema(raws[0], self._shape)
        text = b"\n".join(raws)
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


def _learn_schema(raw: bytes, shape: Shape) -> pa.Schema:
    """The schema of a file whose records are like its first one."""
    import pyarrow as pa

    try:
        members = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        members = {}
    members = members if isinstance(members, dict) else {}
    fields = []
    for name in shape.__struct_fields__:
        kind = member_type(name)
        if name in IDS and isinstance(members.get(name), str):
            kind = pa.string()
        elif name == "answers":
            kind = pa.list_(_answer_type(members.get(name)))
        fields.append(pa.field(name, kind))
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
