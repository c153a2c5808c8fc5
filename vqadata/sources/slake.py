"""SLAKE: questions in English and Chinese about radiology pictures, some of them with knowledge.

Origin: Liu et al., ISBI 2021 (https://arxiv.org/abs/2102.09542); https://www.med-vqa.com/slake.
Licence: CC BY 4.0. The splits are ``train.json``, ``validate.json`` and ``test.json``, the pictures
``imgs/xmlab0/source.jpg``.

Quirks: every picture is called ``source.jpg`` under a folder of its own, so a flat folder of them
keeps only the last; a name that would then fit several is not guessed at. Questions whose
``base_type`` is ``kvqa`` need the knowledge graph, ``triple`` says where in it. Both languages are
read unless ``--language`` says one; rows of the other are dropped with that reason.

One raw record::

    {"img_id": 0, "img_name": "xmlab0/source.jpg", "qid": 9835, "q_lang": "en",
     "question": "What modality is used to take this image?", "answer": "MRI",
     "location": "Abdomen", "modality": "MRI", "answer_type": "OPEN", "base_type": "vqa",
     "content_type": "Modality", "triple": ["vhead", "_", "_"]}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
from pydantic import Field

from vqadata.converting.look import Look
from vqadata.layouts.field_path import place
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import answer_columns
from vqadata.layouts.table import Table
from vqadata.layouts.typed import extra_json, typed_members
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row
from vqadata.steps import Recognition

OTHER_LANGUAGE = "other-language"

OF_ONE_PICTURE = "question.json"
"""What the file is called that lies beside each picture, with its questions."""


class Raw(msgspec.Struct):
    """The members of a record that have a column."""

    question: str
    img_name: str
    qid: str | int | None = None
    img_id: str | int | None = None
    answer: str | int | float | None = None
    answer_type: str | None = None
    content_type: str | None = None


class Slake(RowSource):
    """SLAKE: bilingual questions about radiology pictures."""

    example: ClassVar[str] = "vqadata convert slake Slake1.0 --language en -o shards"
    signs: ClassVar[frozenset[str]] = frozenset({"question", "img_name", "q_lang"})

    language: Literal["all", "en", "zh"] = Field(
        "all", description="Language of the questions to convert; the others are dropped."
    )

    @classmethod
    def recognise(cls, look: Look) -> Recognition:
        """Tell the files; those of single pictures hold the questions of the splits again."""
        told = super().recognise(look)
        splits = [path for path in told.files if path.name.lower() != OF_ONE_PICTURE]
        if not splits or len(splits) == len(told.files):
            return told
        return told._replace(files=tuple(splits), options={"data": splits})

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record; see :class:`~vqadata.layouts.row_source.RowSource`."""
        raw, extra = typed_members(record, members, Raw)
        identity = None if raw.qid is None else str(raw.qid)
        language = members.get("q_lang")
        if self.language not in ("all", language):
            at = place(record.path, ("q_lang",))
            why = Rejection(OTHER_LANGUAGE, at, str(language or "nothing"), self.language)
            return [Lost("dropped", why, identity)]
        row: Row = {
            "image_path": raw.img_name,
            "image_id": None if raw.img_id is None else str(raw.img_id),
            "text": raw.question,
            **answer_columns(record, "answer", raw.answer),
            "question_type": raw.content_type,
            "answer_type": raw.answer_type,
            "extra": extra_json(extra),
        }
        return [row if identity is None else {"question_id": identity, **row}]

    def picture_roots(self) -> list[Path]:
        """The folders that are given, or that of the first file and its subfolder ``imgs``."""
        if self.image_root:
            return self.image_root
        folder = self.input_files()[0].parent
        return [folder / "imgs", folder] if (folder / "imgs").is_dir() else [folder]
