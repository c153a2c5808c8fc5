"""DocVQA and its family: questions about scanned pages, infographics, and text in scenes.

Origin: Mathew et al., WACV 2021 (https://arxiv.org/abs/2007.00398), InfographicVQA (WACV 2022,
https://arxiv.org/abs/2104.12756), MP-DocVQA (Tito et al. 2023, https://arxiv.org/abs/2212.05935),
ST-VQA (Biten et al., ICCV 2019, https://arxiv.org/abs/1905.13648); https://rrc.cvc.uab.es. Licence:
the files state none; the pages come from the UCSF Industry Documents Library. The test splits have
no answers. The answers are spellings that one annotator accepts, not votes of several: the first is
the training answer, and ``agreement`` says nothing about doubt.

One raw record, in the list ``data``::

    {"questionId": 337, "question": "what is the date mentioned in this letter?",
     "question_types": ["handwritten", "form"], "image": "documents/xnbl0037_1.png", "docId": 279,
     "ucsf_document_id": "xnbl0037", "ucsf_document_page_no": "1", "answers": ["1/8/93"],
     "data_split": "train"}

InfographicVQA names ``image_local_name``, ST-VQA ``file_path``. MP-DocVQA names several pages,
which are the pictures ``<page id>.jpg`` in order, and which of them has the answer::

    {"questionId": 49153, "question": "...", "doc_id": "pybv0228", "page_ids": ["pybv0228_p80",
     "pybv0228_p81"], "answers": ["0.28"], "answer_page_idx": 1, "data_split": "val"}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from vqadata.images.embedded import Encoded
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import Picture, named_choice, picture_of, spelled
from vqadata.layouts.table import Table
from vqadata.layouts.typed import MISSING_FIELD, BadRecord, extra_json, typed_members
from vqadata.layouts.vqa_source import picture_name
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

ALSO = {"image_local_name": "image", "file_path": "image", "set_name": "data_split"}
"""Names of InfographicVQA and ST-VQA, with those of SP-DocVQA."""


class Raw(msgspec.Struct):
    """One raw record, in the names of SP-DocVQA."""

    question_id: str | int = msgspec.field(name="questionId")
    question: str
    image: Picture = None
    page_ids: list[str] | None = None
    answer_page_idx: int | None = None
    answers: list[str] | None = None
    question_types: list[str] | str | None = None
    answer_type: list[str] | str | None = None
    doc_id: str | int | None = msgspec.field(name="docId", default=None)
    data_split: str | None = None


class DocVqa(RowSource):
    """DocVQA, InfographicVQA, MP-DocVQA and ST-VQA."""

    example: ClassVar[str] = (
        "vqadata convert docvqa train_v1.0_withQT.json --image-root spdocvqa_images -o shards"
    )
    lists: ClassVar[tuple[str, ...]] = ("data",)
    signs: ClassVar[frozenset[str]] = frozenset({"questionId", "question", "image", "docId"})
    other_signs: ClassVar[tuple[frozenset[str], ...]] = (
        frozenset({"questionId", "question", "image_local_name"}),
        frozenset({"questionId", "question", "page_ids"}),
        frozenset({"question_id", "question", "file_path", "set_name"}),
        frozenset({"question", "image", "ucsf_document_id"}),
    )

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record; see :class:`~vqadata.layouts.row_source.RowSource`."""
        raw, extra = typed_members(record, spelled(members, Raw, ALSO), Raw)
        first, *more = _pictures(record, raw)
        document = None if raw.doc_id is None else str(raw.doc_id)
        if raw.page_ids:
            extra |= {"answer_page_idx": raw.answer_page_idx, "docId": document}
        return [
            {
                "question_id": str(raw.question_id),
                "image_id": None if raw.page_ids else document,
                "image_path": first,
                "more_image_paths": more,
                "text": raw.question,
                "answers": [{"answer": answer} for answer in raw.answers or []],
                "question_type": _joined(raw.question_types),
                "answer_type": _joined(raw.answer_type),
                "split": raw.data_split,
                "extra": extra_json(extra),
            }
        ]


def _pictures(record: RawRecord, raw: Raw) -> list[str | Encoded]:
    """The pages in their order, or the one picture.

    Raises:
        BadRecord: There is neither, or the page with the answer is none of them.
    """
    if raw.page_ids:
        named_choice(record, "answer_page_idx", raw.answer_page_idx, raw.page_ids)
        return [picture_name(page, "", None) for page in raw.page_ids]
    picture = picture_of(raw.image)
    if picture is None:
        expected = "image, image_local_name, file_path or page_ids"
        raise BadRecord(Rejection(MISSING_FIELD, record.path, "no picture", expected))
    return [picture]


def _joined(types: list[str] | str | None) -> str | None:
    """Several types as one text."""
    return types if isinstance(types, str) else ", ".join(types or []) or None
