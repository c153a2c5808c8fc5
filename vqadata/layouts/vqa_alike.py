"""Alike records of the official VQA layout as columns; see :mod:`vqadata.reading.json_skeleton`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vqadata.layouts.vqa_shapes import (
    ANSWER_MEMBERS,
    IDS,
    REQUIRED,
    Part,
    Shape,
    answer_items,
    answers_type,
    member_type,
)
from vqadata.reading.json_laid import Fitted
from vqadata.reading.json_skeleton import Hole, Skeleton
from vqadata.reading.json_spans import Records

if TYPE_CHECKING:
    import pyarrow as pa


_CANONICAL: dict[str | int, str] = {theirs: ours for ours, theirs in ANSWER_MEMBERS.items()}

SAMPLES = 8
"""Records of which one must be like most of its block."""


class AlikeReader:
    """Reads the records of a file that are like one of its first ones.

    Args:
        shape: :class:`~vqadata.layouts.vqa_shapes.Question` or its ``Annotation``.
    """

    def __init__(self, shape: Shape) -> None:
        """Learn the skeleton from the first block that comes."""
        self._shape = shape
        self.skeleton: Skeleton | None = None
        """What they are like, once a block of them was read."""
        self._is_new = True

    def read(self, records: Records) -> Part | None:
        """The records that are alike, at least one of them; ``None`` if there is no pattern.

        Ids are int64 or string, answers canonical; a member that the records lack is null.
        """
        fitted = self._learnt(records) if self._is_new else self._fitted(records, self.skeleton)
        if fitted is None or self.skeleton is None:
            return None
        return Part(fitted.rows, self._columns(fitted, self.skeleton.holes))

    def _learnt(self, records: Records) -> Fitted | None:
        """Take the skeleton of the first record that is like most of the others."""
        self._is_new = False
        for row in range(min(SAMPLES, len(records))):
            skeleton = Skeleton.of(records[row]) if records.proved[row] else None
            if skeleton is not None and _is_known(skeleton.holes, self._shape):
                fitted = self._fitted(records, skeleton)
                if fitted is not None:
                    self.skeleton = skeleton
                    return fitted
        return None

    def _fitted(self, records: Records, skeleton: Skeleton | None) -> Fitted | None:
        """The records that fit, if they are most of them."""
        fitted = skeleton.fit(records) if skeleton else None
        if fitted is None or 2 * len(fitted.rows) < len(records):
            self.skeleton = None
            return None
        return fitted

    def _columns(self, fitted: Fitted, holes: tuple[Hole, ...]) -> pa.RecordBatch:
        import pyarrow as pa

        place = {hole.path: number for number, hole in enumerate(holes)}
        answers = _answer_holes(holes)
        names = self._shape.__struct_fields__
        columns = []
        for name in names:
            hole = place.get((name,))
            if hole is not None:
                column = fitted.texts([hole]) if holes[hole].is_text else fitted.integers(hole)
            elif name == "answers" and answers:
                column = _answers(fitted, answers)
            else:
                column = pa.nulls(len(fitted.rows), member_type(name))
            columns.append(column)
        return pa.RecordBatch.from_arrays(columns, names=list(names))


def _answers(fitted: Fitted, answers: list[dict[str, int]]) -> pa.ListArray:
    """The answers, as many in each record."""
    import numpy as np
    import pyarrow as pa

    parts = {name: fitted.texts([answer[name] for answer in answers]) for name in answers[0]}
    ends = np.arange(len(fitted.rows) + 1, dtype=np.int32) * len(answers)
    items = answer_items(parts, int(ends[-1]))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), items, type=answers_type())


def _answer_holes(holes: Sequence[Hole]) -> list[dict[str, int]]:
    """For each answer of a record the holes of its fields, by their canonical names."""
    answers: list[dict[str, int]] = []
    for number, hole in enumerate(holes):
        if hole.path[0] == "answers":
            _, place, *member = hole.path
            if place == len(answers):
                answers.append({})
            answers[-1][_CANONICAL[member[0]] if member else "answer"] = number
    return answers


def _is_known(holes: Sequence[Hole], shape: Shape) -> bool:
    """Whether all members are of the layout, all that it needs are there, and all answers alike."""
    if not all(_is_member(hole, shape) for hole in holes):
        return False
    fields = [list(answer) for answer in _answer_holes(holes)]
    alike = all(names == fields[0] and "answer" in names for names in fields)
    return alike and {hole.path[0] for hole in holes}.issuperset(REQUIRED[shape])


def _is_member(hole: Hole, shape: Shape) -> bool:
    name, *inner = hole.path
    if name == "answers":
        own = inner[1] if len(inner) == 2 else "answer"
        known = 0 < len(inner) <= 2 and isinstance(inner[0], int) and own in _CANONICAL
        return known and (hole.is_text or own == "answer_id")
    return not inner and name in shape.__struct_fields__ and (hole.is_text or name in IDS)
