"""GQA: questions about Visual Genome pictures, made by a program from their scene graphs.

Origin: Hudson and Manning, CVPR 2019 (https://arxiv.org/abs/1902.09506);
https://cs.stanford.edu/people/dorarad/gqa/download.html. Licence: CC BY 4.0; the pictures come from
Visual Genome, those with an ``n`` in front of the number from Flickr directly. A file is an object
of questions by their ids; ``train_all_questions`` is a folder of ten. The balanced questions are a
part of all, ``submission_all_questions.json`` is the union of val, testdev, test and challenge: an
id that comes again in another file is the same question, and goes to quarantine. Test, challenge
and submission have no answers. The answer is the short one, which the official metric compares; the
``fullAnswer`` is the same answer as a sentence and explains nothing, so it is no rationale. It is
kept as extra, with groups, entailed and equivalent questions, and the program (``semantic``).

One raw record, under its id::

    "202218649": {"question": "What is hanging above the chalkboard?", "imageId": "n578564",
      "answer": "picture", "fullAnswer": "The picture is hanging above the chalkboard.",
      "isBalanced": true, "groups": {"global": "thing", "local": "14-chalkboard_hanging above,s"},
      "entailed": ["202218648"], "equivalent": ["202218649"],
      "types": {"detailed": "relS", "semantic": "rel", "structural": "query"},
      "annotations": {...}, "semantic": [{"operation": "select", ...}, ...], "semanticStr": "..."}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from vqadata.converting.look import Look
from vqadata.layouts.field_path import look_up, without
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import answer_columns, spelled
from vqadata.layouts.table import Table
from vqadata.layouts.typed import extra_json, typed_members
from vqadata.layouts.vqa_source import picture_name
from vqadata.reading.json_scan import RawRecord
from vqadata.reading.split_names import split_of
from vqadata.record import Row
from vqadata.steps import Recognition

TYPE = ("types", "structural")
"""Where the type of a question stands: verify, query, choose, logical, compare."""


class Raw(msgspec.Struct, rename="camel"):
    """One raw record; in a list it names its id itself."""

    question: str
    image_id: str | int
    answer: str | int | float | None = None
    question_id: str | int | None = None


class Gqa(RowSource):
    """GQA: files of questions by their ids, or a folder of them."""

    example: ClassVar[str] = (
        "vqadata convert gqa questions/train_balanced_questions.json --image-root images -o shards"
    )
    keyed: ClassVar[bool] = True
    one_numbering: ClassVar[bool] = True
    signs: ClassVar[frozenset[str]] = frozenset({"question", "imageId"})

    @classmethod
    def recognise(cls, look: Look) -> Recognition:
        """Tell the files; of those that hold the same questions one has to be named."""
        told = super().recognise(look)
        same = _overlap(told.files)
        return told._replace(options={}, why=same) if same else told

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record; see :class:`~vqadata.layouts.row_source.RowSource`."""
        raw, extra = typed_members(record, spelled(members, Raw, {"id": "questionId"}), Raw)
        kind = look_up(extra, TYPE)
        if isinstance(kind, str):
            extra = without(extra, TYPE)
        row = {
            "image_id": str(raw.image_id),
            "image_path": picture_name(str(raw.image_id), "", None),
            "text": raw.question,
            "question_type": kind if isinstance(kind, str) else None,
            "extra": extra_json(extra),
        } | answer_columns(record, "answer", raw.answer)
        identity = record.key or raw.question_id
        return [row if identity is None else row | {"question_id": str(identity)}]


def _overlap(files: Sequence[Path]) -> str:
    """Why the files hold some questions twice; empty if they do not."""
    names = [(split_of(file.name), file.name) for file in files]
    balanced = {split for split, name in names if "balanced" in name}
    if balanced & {split for split, name in names if "_all_" in name}:
        return "the balanced questions are a part of all"
    splits = {split for split, _ in names}
    if "submission" in splits and splits & {"val", "testdev", "test", "challenge"}:
        return "the submission repeats other splits"
    return ""
