"""VQA-RAD: questions that clinicians asked about radiology pictures, with short answers.

Origin: Lau et al., Scientific Data 2018 (https://doi.org/10.1038/sdata.2018.251);
https://osf.io/89kps. Licence: CC0 1.0; the pictures are from MedPix. Two forms are read: the files
``trainset.json`` and ``testset.json`` that most papers use, and the whole ``VQA_RAD Dataset
Public.json``, where ``phrase_type`` begins with ``test_`` in the test split.

Quirks: some answers are integers (their JSON text is kept beside them); ``Yes`` and ``yes`` both
occur and are not made one; ``answer_type`` is at times ``"CLOSED "``, which is trimmed and kept as
it was in ``extra``; one question may have several types (``"PRES, POS"``). What is absent is the
text ``NULL`` in the public file; it is kept so.

One raw record::

    {"qid": 11, "phrase_type": "freeform", "image_name": "synpic42202.jpg",
     "image_organ": "CHEST", "question": "Is there evidence of an aortic aneurysm?",
     "question_type": "PRES", "answer": "yes", "answer_type": "CLOSED"}
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
    image_name: str
    qid: str | int | None = None
    answer: str | int | float | None = None
    answer_type: str | None = None
    question_type: str | list[str] | None = None


class VqaRad(RowSource):
    """VQA-RAD: clinicians' questions about radiology pictures."""

    example: ClassVar[str] = (
        "vqadata convert vqa-rad trainset.json testset.json --image-root VQA_RAD_images -o shards"
    )
    signs: ClassVar[frozenset[str]] = frozenset({"question", "image_name", "image_organ"})

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record; see :class:`~vqadata.layouts.row_source.RowSource`."""
        raw, extra = typed_members(record, members, Raw)
        types = raw.question_type
        answer_type = raw.answer_type and raw.answer_type.strip()
        if answer_type != raw.answer_type:
            extra["answer_type"] = raw.answer_type
        row: Row = {
            "image_path": raw.image_name,
            "text": raw.question,
            **answer_columns(record, "answer", raw.answer),
            "question_type": ", ".join(types) if isinstance(types, list) else types,
            "answer_type": answer_type,
            "split": _split(members),
            "extra": extra_json(extra),
        }
        return [row if raw.qid is None else {"question_id": str(raw.qid), **row}]


def _split(members: dict[str, Any]) -> str | None:
    """The split that a record names: only the public file holds both.

    >>> _split({"phrase_type": "test_para"}), _split({"phrase_type": "para"})
    ('test', None)
    """
    if str(members.get("phrase_type")).startswith("test_"):
        return "test"
    return "train" if "qid_linked_id" in members else None
