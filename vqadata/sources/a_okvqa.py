"""A-OKVQA: questions that need knowledge and reasoning, with choices, ten answers and rationales.

Origin: Schwenk et al., ECCV 2022 (https://arxiv.org/abs/2206.01718);
https://github.com/allenai/aokvqa. Licence: Apache 2.0; COCO 2017 pictures under their own. The test
split has neither answers nor rationales. The right choice is kept as the given answer, the ten
direct answers beside it: ``--answer-policy given`` trains on the choice.

One raw record::

    {"split": "train", "image_id": 299207, "question_id": "22MexNkBPpdZGX6sxbxVBH",
     "question": "What is the man by the bags awaiting?",
     "choices": ["skateboarder", "train", "delivery", "cab"], "correct_choice_idx": 3,
     "direct_answers": ["ride", "ride", "bus", "taxi", ...], "difficult_direct_answer": false,
     "rationales": ["A train would not be on the street, ...", ...]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import named_choice
from vqadata.layouts.table import Table
from vqadata.layouts.typed import extra_json, typed_members
from vqadata.layouts.vqa_source import picture_name
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row


class Raw(msgspec.Struct):
    """One raw record; copies that circulate name the picture, in the scheme of 2014 or 2017."""

    question_id: str | int
    image_id: int
    question: str
    choices: list[str]
    correct_choice_idx: int | None = None
    direct_answers: list[str] = []
    rationales: list[str] = []
    image: str | None = None
    split: str | None = None


class AOkvqa(RowSource):
    """A-OKVQA: choices, ten direct answers and rationales in one list."""

    example: ClassVar[str] = (
        "vqadata convert a-okvqa aokvqa_v1p0_train.json --image-root train2017 -o shards"
    )
    signs: ClassVar[frozenset[str]] = frozenset(
        {"question_id", "image_id", "question", "choices", "difficult_direct_answer"}
    )

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record; see :class:`~vqadata.layouts.row_source.RowSource`."""
        raw, extra = typed_members(record, members, Raw)
        return [
            {
                "question_id": str(raw.question_id),
                "image_id": str(raw.image_id),
                "image_path": raw.image or picture_name(raw.image_id, "", None),
                "text": raw.question,
                "answers": [{"answer": answer} for answer in raw.direct_answers],
                "given_answer": named_choice(
                    record, "correct_choice_idx", raw.correct_choice_idx, raw.choices
                ),
                "choices": raw.choices,
                "correct_choice": raw.correct_choice_idx,
                "rationales": raw.rationales,
                "split": raw.split,
                "extra": extra_json(extra),
            }
        ]
