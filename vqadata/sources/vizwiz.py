"""VizWiz-VQA: pictures taken and questions spoken by blind people, ten answers each.

Origin: Gurari et al., CVPR 2018 (https://arxiv.org/abs/1802.08218);
https://vizwiz.org/tasks-and-datasets/vqa/. Licence: CC BY 4.0. One list a split, one question a
picture and no ids: the picture's name without its suffix is the id, as in the official results
format. The test split has pictures and questions only. ``answerable`` is the label of the second
task; it is kept as extra, and the record's ``unanswerable`` says whether the training answer is
"unanswerable" or "unsuitable". Copies of HF Hub have a ``question_id`` and plain answers, KVQA uses
the same layout with a ``source``. The release in the VQA layout is read by coco-vqa.

One raw record::

    {"image": "VizWiz_train_00000000.jpg", "question": "What's the name of this product?",
     "answers": [{"answer_confidence": "yes", "answer": "basil leaves"},
                 {"answer_confidence": "maybe", "answer": "basil"}, ...],
     "answer_type": "other", "answerable": 1}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar

import msgspec

from vqadata.converting.look import FileLook, Look
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import Exported, Picture, picture_of, spelled
from vqadata.layouts.table import Table
from vqadata.layouts.typed import extra_json, typed_members
from vqadata.reading.json_scan import RawRecord
from vqadata.reading.split_names import split_of
from vqadata.record import Row
from vqadata.steps import Recognition

PREFIX = "VizWiz_"
"""What the official picture names begin with."""


class RawAnswer(msgspec.Struct):
    """One answer."""

    answer: str
    answer_confidence: str | None = None


class Raw(msgspec.Struct):
    """One raw record."""

    image: Picture
    question: str
    answers: list[RawAnswer | str] | None = None
    answer_type: str | None = None
    question_id: str | int | None = None


class VizWiz(RowSource):
    """VizWiz-VQA: a list a split, with ten answers and answerability."""

    example: ClassVar[str] = (
        "vqadata convert vizwiz Annotations/train.json --image-root train -o shards"
    )
    signs: ClassVar[frozenset[str]] = frozenset({"image", "question", "answers", "answerable"})
    picture_folders: ClassVar[tuple[str, ...]] = ("train", "val", "test")

    @classmethod
    def fits(cls, file: FileLook) -> bool:
        """Whether a file has the fields; a test split, which lacks most, the names of pictures."""
        named = (str(record.get("image")).startswith(PREFIX) for record in file.records)
        return super().fits(file) or ({"image", "question"} <= file.fields and all(named))

    @classmethod
    def recognise(cls, look: Look) -> Recognition:
        """Tell the files by their fields, or by the names of their pictures."""
        told = super().recognise(look)
        named = all(not super(VizWiz, cls).fits(file) for file in look.files)
        return told._replace(why=f"pictures are called {PREFIX}") if told.files and named else told

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record; see :class:`~vqadata.layouts.row_source.RowSource`."""
        raw, extra = typed_members(record, spelled(members, Raw), Raw)
        name = raw.image.path if isinstance(raw.image, Exported) else raw.image
        identity = raw.question_id or PurePosixPath(name or "").stem
        row: Row = {
            "image_id": name,
            "image_path": picture_of(raw.image),
            "text": raw.question,
            "answers": [_answer(answer) for answer in raw.answers or []],
            "answer_type": raw.answer_type,
            "split": split_of(name or ""),
            "extra": extra_json(extra),
        }
        return [row | {"question_id": str(identity)} if identity else row]


def _answer(answer: RawAnswer | str) -> dict[str, Any]:
    if isinstance(answer, str):
        return {"answer": answer}
    return {"answer": answer.answer, "confidence": answer.answer_confidence}
