"""Joins the two files of the official VQA layout, with memory that does not grow with them.

Questions are read first and dropped into buckets by picture; of each one only its id and its
picture's number stay in memory. Annotations follow into the bucket of their question. Then each
bucket is joined, and comes out ordered by picture.

Format: https://visualqa.org/download.html ("Input Questions Format", "Annotation Format"). Variants
that circulate are read too: gzip under any name, either file as a bare list, header keys missing,
annotations with nothing but ``question_id`` and ``answers``, answers as plain strings, string ids,
one file that holds questions and answers together, any order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqadata.groundwork.id_index import UNKNOWN
from vqadata.groundwork.spill import Spill
from vqadata.groundwork.stretches import kept_rows
from vqadata.layouts.typed import extra_json
from vqadata.layouts.vqa_reading import (
    ANSWERED,
    ASKED,
    UNANSWERED,
    Earlier,
    Files,
    Mapping,
    Reading,
    columns_schema,
)
from vqadata.layouts.vqa_written import both_extras
from vqadata.ledger import Ledger, Rejection
from vqadata.record import record_schema

if TYPE_CHECKING:
    import pyarrow as pa

RECORDS = 4096
"""Records that are made at a time, for a bucket may have some ten thousand."""


def join(
    files: Files, mapping: Mapping, ledger: Ledger, scratch: Path, earlier: Earlier
) -> Iterator[pa.RecordBatch]:
    """Yield the questions with their answers as canonical records, ordered by picture.

    Each record of both files is counted as seen and is yielded or noted in ``ledger``.

    Args:
        files: What to join.
        mapping: How to map it.
        ledger: Takes note of what cannot be joined.
        scratch: Folder for temporary files.
        earlier: Ids of questions of other files; those of these files are added.
    """
    with (
        Spill(columns_schema(ASKED, set()), scratch) as asked,
        Spill(columns_schema(ANSWERED, {"question"}), scratch) as answered,
    ):
        reading = Reading(files, mapping, ledger, earlier, scratch)
        reading.read_questions(asked)
        if files.annotations is not None:
            reading.read_annotations(files.annotations, answered)
        joiner = _Joiner(files, mapping, ledger, reading)
        for bucket in range(asked.buckets):
            yield from joiner.joined(asked.read(bucket), answered.read(bucket))


class _Joiner:
    def __init__(self, files: Files, mapping: Mapping, ledger: Ledger, reading: Reading) -> None:
        self._files, self._mapping, self._ledger = files, mapping, ledger
        self._picture_of, self._has_answers = reading.picture_of, reading.has_answers

    def joined(self, asked: pa.RecordBatch, answered: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The canonical records of one bucket, some thousand at a time."""
        import numpy as np
        import pyarrow as pa

        numbers = asked.column("number").to_numpy()
        order = np.argsort(asked.column("picture").to_numpy(), kind="stable")
        order = order[self._picture_of.values[numbers[order]] != UNKNOWN]
        self._picture_of.release()
        targets = answered.column("question").to_numpy()
        by_target = np.argsort(targets)
        places = np.searchsorted(targets[by_target], numbers[order])
        known = np.zeros(len(order), bool)
        inside = places < len(targets)
        known[inside] = targets[by_target[places[inside]]] == numbers[order[inside]]
        rows = np.zeros(len(order), np.int64)
        rows[known] = by_target[places[known]]
        for start in range(0, len(order), RECORDS):
            some = slice(start, start + RECORDS)
            questions = asked.take(pa.array(order[some]))
            answers = answered.take(pa.array(rows[some], mask=~known[some]))
            records = self._records(questions, answers, known[some])
            yield self._without_unanswered(records, questions)

    def _records(
        self, asked: pa.RecordBatch, answers: pa.RecordBatch, known: Any
    ) -> pa.RecordBatch:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        schema, count = record_schema(), len(asked)
        has_answers = pa.array(known)

        def either(name: str) -> pa.Array:
            """What the annotation says; where there is none, what the question says."""
            if known.all() or asked.column(name).null_count == len(asked):
                return answers.column(name)
            return pc.if_else(has_answers, answers.column(name), asked.column(name))

        questioned = either("answers")
        if questioned.null_count:
            ends = np.cumsum(np.append(0, pc.fill_null(questioned.value_lengths(), 0)))
            questioned = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), questioned.flatten())
        columns = {
            "question_id": asked.column("question_id"),
            "image_path": self._paths(asked),
            "text": asked.column("question"),
            "given_answer": either("multiple_choice_answer"),
            "answers": questioned,
            "question_type": pc.coalesce(either("question_type"), asked.column("question_type")),
            "answer_type": pc.coalesce(either("answer_type"), asked.column("answer_type")),
            "image_id": asked.column("image_id"),
            "split": self._splits(asked.column("split")),
            "licence": pa.repeat(pa.scalar(self._licence(), pa.string()), count),
            "origin": self._origins(asked, answers, known),
            "extra": self._extras(asked, answers),
        }
        arrays = [columns.get(field.name) or _empty(field.type, count) for field in schema]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _paths(self, asked: pa.RecordBatch) -> pa.Array:
        """The names of the pictures: numbers and texts are named by rules of their own."""
        import pyarrow as pa
        import pyarrow.compute as pc

        ids, numeric = (
            asked.column("image_id").dictionary_encode(),
            asked.column("numeric_image_id"),
        )
        distinct, find = ids.dictionary, self._mapping.image_paths
        if not pc.any(numeric).as_py():
            return find(distinct).take(ids.indices)
        if pc.all(numeric).as_py():
            return find(distinct.cast(pa.int64())).take(ids.indices)
        numbers = pc.if_else(numeric, asked.column("image_id"), "0").cast(pa.int64())
        return pc.if_else(numeric, find(numbers), find(distinct).take(ids.indices))

    def _without_unanswered(self, records: pa.RecordBatch, asked: pa.RecordBatch) -> pa.RecordBatch:
        """Without the questions that have no answer although answers were given; they are noted."""
        import pyarrow as pa

        unanswered = records.column("answers").value_lengths().to_numpy() == 0
        drop = self._mapping.drop_unanswered and self._has_answers
        if not drop or not unanswered.any():
            return records
        gone = pa.array(unanswered)
        key = self._files.questions.key
        paths = [f"{key}[{number}]" for number in asked.column("number").filter(gone).to_pylist()]
        why = Rejection(UNANSWERED, None, "no answers", "at least one answer")
        self._ledger.note_records("dropped", why, records.filter(gone), path=pa.array(paths))
        return kept_rows(records, ~unanswered)

    def _splits(self, splits: pa.Array) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._mapping.split is not None:
            return pa.repeat(pa.scalar(self._mapping.split), len(splits))
        subset = self._files.questions.header.get("data_subtype")
        fallback = pa.scalar(subset if isinstance(subset, str) else None, pa.string())
        return pc.coalesce(splits, fallback)

    def _licence(self) -> str | None:
        if self._mapping.licence is not None:
            return self._mapping.licence
        licence = self._files.questions.header.get("license")
        if isinstance(licence, dict):
            licence = licence.get("name") or licence.get("url")
        return licence if isinstance(licence, str) else None

    def _origins(self, asked: pa.RecordBatch, answers: pa.RecordBatch, known: Any) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        kind = record_schema().field("origin").type
        files = pc.if_else(
            pa.array(known), self._files.annotations_name, pa.scalar(None, pa.string())
        )
        columns = {
            "source": pa.repeat(pa.scalar(self._mapping.source), len(asked)),
            "file": pa.repeat(pa.scalar(self._files.questions_name), len(asked)),
            "index": asked.column("number"),
            "answers_file": files,
            "answers_index": answers.column("number"),
        }
        arrays = [
            columns[f.name] if f.name in columns else _empty(f.type, len(asked))
            for f in kind.fields
        ]
        return pa.StructArray.from_arrays(arrays, fields=list(kind.fields))

    def _extras(self, asked: pa.RecordBatch, answers: pa.RecordBatch) -> pa.Array:
        """The members of both records that have no column; see :func:`both_extras`."""
        import pyarrow as pa

        ours, theirs = asked.column("extra"), answers.column("extra")
        splits, chosen = asked.column("split"), self._mapping.split
        if chosen is not None and splits.null_count < len(splits):
            kept = [
                None if s in (None, chosen) else extra_json({"split": s})
                for s in splits.to_pylist()
            ]
            ours = _merged(ours, pa.array(kept, pa.string()))
        return _merged(ours, theirs)


def _merged(ours: pa.Array, theirs: pa.Array) -> pa.Array:
    """JSON objects merged row by row; null where both are."""
    import pyarrow as pa

    if ours.null_count == len(ours):
        return theirs
    if theirs.null_count == len(theirs):
        return ours
    pairs = zip(ours.to_pylist(), theirs.to_pylist(), strict=True)
    merged = [
        extra_json(both_extras(json.loads(a), json.loads(b))) if a and b else a or b
        for a, b in pairs
    ]
    return pa.array(merged, pa.string())


def _empty(kind: pa.DataType, count: int) -> pa.Array:
    """Nulls, or empty lists."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        offsets = pa.repeat(pa.scalar(0, pa.int32()), count + 1)
        return pa.ListArray.from_arrays(offsets, pa.array([], kind.value_type), type=kind)
    if pa.types.is_struct(kind):
        parts = [pa.repeat(pa.scalar(0).cast(field.type), count) for field in kind.fields]
        absent = pa.repeat(True, count)
        return pa.StructArray.from_arrays(parts, fields=list(kind.fields), mask=absent)
    return pa.nulls(count, kind)
