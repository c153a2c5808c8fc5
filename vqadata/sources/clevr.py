"""CLEVR: questions about rendered shapes, made by a program from their scenes.

Origin: Johnson et al., CVPR 2017 (https://arxiv.org/abs/1612.06890);
https://cs.stanford.edu/people/jcjohns/clevr. Licence: CC BY 4.0. CLEVR-CoGenT and CLEVR-Humans have
the same layout. Pictures lie in ``images/<split>``; the test split has no answers. Questions are
numbered anew in each split, so ids carry it in front. The program of a question is kept beside it.

One raw record, in the list ``questions``::

    {"question_index": 0, "question_family_index": 2, "image_index": 0, "split": "train",
     "image_filename": "CLEVR_train_000000.png", "answer": "yes",
     "question": "Are there more big green things than large purple shiny cubes?",
     "program": [{"inputs": [], "function": "scene", "value_inputs": []}, ...]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import answer_columns
from vqadata.layouts.table import Table
from vqadata.layouts.typed import extra_json, typed_members
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row


class Raw(msgspec.Struct):
    """The members of a record that have a column."""

    question: str
    image_filename: str
    question_index: int | None = None
    image_index: int | None = None
    answer: str | None = None
    split: str | None = None


class Clevr(RowSource):
    """CLEVR, CLEVR-CoGenT and CLEVR-Humans: questions about rendered shapes."""

    example: ClassVar[str] = (
        "vqadata convert clevr questions/CLEVR_train_questions.json --image-root images -o shards"
    )
    lists: ClassVar[tuple[str, ...]] = ("questions",)
    signs: ClassVar[frozenset[str]] = frozenset({"question", "image_filename", "question_index"})

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record; see :class:`~vqadata.layouts.row_source.RowSource`."""
        raw, extra = typed_members(record, members, Raw)
        folder = f"{raw.split}/" if raw.split else ""
        row: Row = {
            "image_path": f"{folder}{raw.image_filename}",
            "image_id": None if raw.image_index is None else f"{folder}{raw.image_index}",
            "text": raw.question,
            **answer_columns(record, "answer", raw.answer),
            "split": raw.split,
            "licence": _licence(table),
            "extra": extra_json(extra),
        }
        if raw.question_index is None:
            return [row]
        prefix = f"{raw.split}-" if raw.split else ""
        return [{"question_id": f"{prefix}{raw.question_index}", **row}]


def _licence(table: Table) -> str | None:
    info = table.header("info")
    licence = info.get("license") if isinstance(info, dict) else None
    return licence if isinstance(licence, str) else None
