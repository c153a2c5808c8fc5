"""Records of the official VQA layout as columns: at columnar speed where they are good.

Records that are alike are read by a skeleton (:mod:`vqadata.layouts.vqa_alike`); many that are not
by pyarrow under a strict schema (:mod:`vqadata.layouts.vqa_strict`), in ever smaller parts where it
refuses one. Only what is left is decoded one by one by msgspec, which is the judge: what is bad is
said with its place, and what has members of its own keeps them in ``extra``. All ways give the same
columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from vqadata.groundwork.stretches import woven
from vqadata.layouts.typed import BadRecord, decode_record, extra_json
from vqadata.layouts.vqa_alike import AlikeReader
from vqadata.layouts.vqa_shapes import (
    ANSWER_MEMBERS,
    IDS,
    AnswerObject,
    Part,
    Shape,
    canonical_answers,
    member_type,
)
from vqadata.layouts.vqa_strict import StrictReader
from vqadata.layouts.vqa_written import AS_WRITTEN, Written
from vqadata.ledger import Rejection
from vqadata.reading.json_blocks import Block, JsonBlocks
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Answer

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.reading.json_spans import Numbers

FEW = 256
"""Records that are decoded one by one rather than tried together."""


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
        shape: :class:`~vqadata.layouts.vqa_shapes.Question` or its ``Annotation``.
    """

    def __init__(self, blocks: JsonBlocks, shape: Shape) -> None:
        """Learn what the records are like from the first block that comes."""
        self._blocks, self._shape = blocks, shape
        self._decoder = msgspec.json.Decoder(shape)
        self._alike, self._strict = AlikeReader(shape), StrictReader(shape)
        self.written = Written()
        """How the records are written, as far as they were read."""

    def read(self, block: Block) -> Columns:
        """The columns of one block."""
        import numpy as np
        import pyarrow as pa

        # In the order of the file, for the first record says how the file is written.
        alike = self._alike.read(block.records)
        every = np.arange(len(block.records))
        wholly = alike is not None and len(alike.rows) == len(every)
        self._blocks.pattern = self._alike.skeleton if wholly else None
        first = int(alike.rows[0]) if alike else len(every)
        parts, bad = self._one_by_one(block, every[:first])
        left = every[first:]
        if alike and self.written.fits(alike.table, block.records[first]):
            parts.append(alike)
            left = np.setdiff1d(left, alike.rows, assume_unique=True)
        more, worse = self._one_by_one(block, left)
        rows, table = _merged([Part(p.rows, self._finished(p.table)) for p in [*parts, *more]])
        table = table.append_column("number", pa.array(block.first + rows, pa.int64()))
        return Columns(table, block.records.chosen(rows), [*bad, *worse])

    def _one_by_one(self, block: Block, rows: Numbers) -> tuple[list[Part], list[Bad]]:
        """The records that are not alike; those of the layout's shape together, if many."""
        import numpy as np

        if not len(rows):
            return [], []
        if len(rows) <= FEW:
            part, bad = self._exact(block, rows)
            return [part], bad
        if together := self._together(block, rows):
            return [together], []
        shaped = np.array([self._is_shaped(block.records[row]) for row in rows.tolist()], bool)
        parts, bad = self._halved(block, rows[shaped])
        more, worse = self._exact(block, rows[~shaped])
        return [*parts, more], sorted([*bad, *worse], key=lambda each: each.number)

    def _together(self, block: Block, rows: Numbers) -> Part | None:
        raws = block.records.chosen(rows)[:]
        table = self._strict.read(raws)
        fits = table is not None and self.written.fits(table, raws[0])
        return Part(rows, table) if fits else None

    def _is_shaped(self, raw: bytes) -> bool:
        try:
            self._decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        return True

    def _halved(self, block: Block, rows: Numbers) -> tuple[list[Part], list[Bad]]:
        """Read all together, or each half on its own, until they are few."""
        if len(rows) <= FEW:
            part, bad = self._exact(block, rows)
            return [part], bad
        if together := self._together(block, rows):
            return [together], []
        middle = len(rows) // 2
        parts, bad = self._halved(block, rows[:middle])
        more, worse = self._halved(block, rows[middle:])
        return [*parts, *more], [*bad, *worse]

    def _exact(self, block: Block, rows: Numbers) -> tuple[Part, list[Bad]]:
        """Decode records one by one, whatever else they hold, and say what is bad."""
        import numpy as np

        good, members, bad = list[int](), list[dict[str, Any]](), list[Bad]()
        for row in rows.tolist():
            record = self._blocks.record(block.first + row, block.records[row])
            try:
                members.append(self._members(record))
            except BadRecord as error:
                bad.append(Bad(record.number, record.raw, error.why, _readable_id(error.members)))
            else:
                good.append(row)
        return Part(np.array(good, np.int64), self._gathered(members)), bad

    def _members(self, record: RawRecord) -> dict[str, Any]:
        fields, extra = decode_record(record, self._shape)
        self.written.members.update(extra)
        if not self.written.fits_record(record.raw):
            extra = extra | {AS_WRITTEN[self._shape.__name__]: msgspec.json.decode(record.raw)}
        row = {name: getattr(fields, name) for name in self._shape.__struct_fields__}
        if row["answers"] is not None:
            row["answers"] = [_answer(answer) for answer in row["answers"]]
        for name in IDS:
            if type(row[name]) is int and not -(2**63) <= row[name] < 2**63:
                row[name] = str(row[name])
        numeric = type(row["image_id"]) is int
        return row | {"extra": extra_json(extra), "numeric_image_id": numeric}

    def _gathered(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        import pyarrow as pa

        kinds = {name: member_type(name) for name in self._shape.__struct_fields__}
        for name in IDS:
            if any(isinstance(row[name], str) for row in rows):
                kinds[name] = pa.string()
                for row in rows:
                    row[name] = None if row[name] is None else str(row[name])
        kinds |= {"extra": pa.string(), "numeric_image_id": pa.bool_()}
        return pa.RecordBatch.from_pylist(rows, schema=pa.schema(list(kinds.items())))

    def _finished(self, table: pa.RecordBatch) -> pa.RecordBatch:
        """With ``extra`` and ``numeric_image_id``, and with answers in the canonical form."""
        import pyarrow as pa

        self.written.note(table, self._shape.__struct_fields__)
        place = table.schema.get_field_index("answers")
        answers = canonical_answers(table.column("answers"))
        table = table.set_column(place, pa.field("answers", answers.type), answers)
        if "extra" in table.schema.names:
            return table
        numeric = pa.types.is_integer(table.column("image_id").type)
        table = table.append_column("extra", pa.nulls(len(table), pa.string()))
        return table.append_column("numeric_image_id", pa.repeat(numeric, len(table)))


def _readable_id(members: dict[str, Any]) -> int | str | None:
    identity = members.get("question_id")
    usable = isinstance(identity, int | str) and not isinstance(identity, bool)
    return identity if usable else None


def _answer(answer: str | AnswerObject) -> dict[str, str | None]:
    if isinstance(answer, str):
        return dict.fromkeys(Answer.model_fields) | {"answer": answer}
    values = {ours: getattr(answer, theirs) for ours, theirs in ANSWER_MEMBERS.items()}
    return {name: None if value is None else str(value) for name, value in values.items()}


def _merged(parts: list[Part]) -> Part:
    """The records of several parts in the order of the file; ids as text if not all are numbers."""
    import numpy as np
    import pyarrow as pa

    parts = [part for part in parts if len(part.rows)] or parts[:1]
    if len(parts) == 1:
        return parts[0]
    schema = parts[0].table.schema
    for name in IDS:
        if len({part.table.schema.field(name).type for part in parts}) > 1:
            schema = schema.set(schema.get_field_index(name), pa.field(name, pa.string()))
    rows = [part.rows for part in parts]
    return Part(
        np.sort(np.concatenate(rows)), woven([part.table.cast(schema) for part in parts], rows)
    )
