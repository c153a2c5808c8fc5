"""Visual7W, telling: what, where, when, who, why and how about COCO pictures, with four choices.

Origin: Zhu et al., CVPR 2016 (https://arxiv.org/abs/1511.03416);
http://ai.stanford.edu/~yukez/visual7w. Licence: the files state none; the questions are a part of
Visual Genome (CC BY 4.0). Questions are nested by picture, ``v7w_<id>.jpg``. The right answer
stands apart from the three wrong ones: the choices are put in the order of their texts, so that its
place tells nothing. As in Visual Genome, the full stop at the end of answers and choices is taken
off (``--full-stop keep`` leaves it), and the answer as it was is kept. The pointing part, whose
answers are boxes, is quarantined.

One raw record, in the list ``images``::

    {"image_id": 2, "filename": "v7w_2.jpg", "split": "train", "qa_pairs": [
        {"image_id": 2, "qa_id": 247, "type": "what", "question": "What is on the wall?",
         "multiple_choices": ["Paint.", "A bench.", "A poster."], "answer": "A mural."}, ...]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import msgspec
from pydantic import Field

from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import nested_rows, spelled, without_full_stop
from vqadata.layouts.table import Table
from vqadata.layouts.typed import extra_json, typed_members
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row


class RawImage(msgspec.Struct):
    """One picture with its questions."""

    filename: str
    qa_pairs: list[Any] = []
    image_id: str | int | None = None
    split: str | None = None


class RawQuestion(msgspec.Struct):
    """One question."""

    qa_id: str | int
    question: str
    answer: str | None = None
    multiple_choices: list[str] = []
    type: str | None = None


class Visual7W(RowSource):
    """Visual7W, telling: questions with four choices, nested by picture."""

    example: ClassVar[str] = (
        "vqadata convert visual7w dataset_v7w_telling.json --image-root images -o shards"
    )
    lists: ClassVar[tuple[str, ...]] = ("images",)
    signs: ClassVar[frozenset[str]] = frozenset({"filename", "qa_pairs"})
    one_numbering: ClassVar[bool] = True

    full_stop: Literal["remove", "keep"] = Field(
        "remove", description="What to do with the full stop at the end of answers and choices."
    )

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """The questions of one picture; see :class:`~vqadata.layouts.row_source.RowSource`."""
        members = spelled(members, RawImage)
        raw, extra = typed_members(record, members, RawImage)
        shared = {
            "image_id": None if raw.image_id is None else str(raw.image_id),
            "image_path": raw.filename,
            "split": raw.split,
        }

        def row(place: RawRecord, question: dict[str, Any]) -> Row:
            asked, more = typed_members(place, spelled(question, RawQuestion), RawQuestion)
            own = {
                "question_id": str(asked.qa_id),
                "text": asked.question,
                "question_type": asked.type,
                "extra": extra_json(extra | more),
            }
            return shared | own | self._answer(asked)

        return nested_rows(record, "qa_pairs", members, row)

    def _answer(self, raw: RawQuestion) -> Row:
        """The answer and the choices in the order of their texts."""
        if not raw.answer:
            return {"choices": sorted(map(self._ended, raw.multiple_choices))}
        answer = self._ended(raw.answer)
        wrong = [self._ended(choice) for choice in raw.multiple_choices]
        choices = sorted([answer, *wrong]) if wrong else []
        return {
            "given_answer": answer,
            "answers": [{"answer": answer, "raw_answer": raw.answer}],
            "choices": choices,
            "correct_choice": choices.index(answer) if choices else None,
        }

    def _ended(self, text: str) -> str:
        return without_full_stop(text) if self.full_stop == "remove" else text
