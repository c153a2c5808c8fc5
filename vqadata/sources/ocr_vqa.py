"""OCR-VQA: questions about book covers: title, author, genre, year, edition.

Origin: Mishra et al., ICDAR 2019 (https://ocr-vqa.github.io). Licence: the covers belong to their
publishers; questions as the site states. One object of books by their ids, each with questions and
answers side by side: every pair is a row. Pictures are called by the book's id, with the suffix of
``imageURL``; the official script downloads them so. ``split`` is 1, 2, 3 for train, val, test.

One raw record, under its id::

    "761183272": {"imageURL": "http://ecx.images-amazon.com/images/I/61Y5cOdHJbL.jpg",
      "questions": ["Who wrote this book?", ...], "answers": ["Sandra Boynton", ...],
      "title": "Mom's Family Wall Calendar 2016", "authorName": "Sandra Boynton",
      "genre": "Calendars", "split": 1}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec

from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import answer_columns
from vqadata.layouts.table import Table
from vqadata.layouts.typed import BadRecord, extra_json, typed_members
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

UNPAIRED = "questions-and-answers-differ"

SPLITS = {1: "train", 2: "val", 3: "test"}


class Raw(msgspec.Struct):
    """The members of a record that have a column."""

    questions: list[str]
    answers: list[str]
    image_url: str | None = msgspec.field(name="imageURL", default=None)
    split: int | None = None


class OcrVqa(RowSource):
    """OCR-VQA: questions about book covers, several a book."""

    example: ClassVar[str] = "vqadata convert ocr-vqa dataset.json --image-root images -o shards"
    keyed: ClassVar[bool] = True
    signs: ClassVar[frozenset[str]] = frozenset({"imageURL", "questions", "answers"})

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """A row for each pair; see :class:`~vqadata.layouts.row_source.RowSource`."""
        raw, extra = typed_members(record, members, Raw)
        asked, known = len(raw.questions), len(raw.answers)
        if asked != known:
            where = record.at("answers")
            raise BadRecord(
                Rejection(UNPAIRED, where, f"{known} answers", f"{asked}, as questions")
            )
        book = record.key or str(record.number)
        shared: Row = {
            "image_path": f"{book}{_suffix(raw.image_url)}",
            "image_id": book,
            "split": SPLITS.get(raw.split or 0),
            "extra": extra_json({**extra, "imageURL": raw.image_url}),
        }
        return [
            shared | {"question_id": f"{book}-{number}", "text": question}
            | answer_columns(record, f"answers[{number}]", raw.answers[number])
            for number, question in enumerate(raw.questions)
        ]  # fmt: skip


def _suffix(url: str | None) -> str:
    """The suffix of a picture by its URL; ``.jpg`` where it has none."""
    return PurePosixPath(urlsplit(url or "").path).suffix or ".jpg"
