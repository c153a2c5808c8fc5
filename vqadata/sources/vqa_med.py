"""VQA-Med: the visual question answering task of ImageCLEF about radiology pictures, 2018 to 2021.

Origin: Ben Abacha et al., CLEF 2019 to 2021 working notes; https://github.com/abachaa/VQA-Med-2019
and its sisters of 2020 and 2021; Hasan et al., CLEF 2018. Licence: as the task's agreement says;
the pictures are from MedPix and PubMed Central.

Lines of cells, no header: ``image|question|answer`` in the training files; ``image|question`` in
test questions; ``image|category|question|answer`` in those of 2019 with reference answers, where
several answers stand behind each other with ``#`` between; in 2018 tabs, and a number before each
line. The files of one category (``C1_Modality_train.txt``) name it; they hold the same questions
as ``All_QA_Pairs_train.txt``, so that one is left out where they are found; test questions are left
out where the same ones are found with their answers. Pictures are called ``<image>.jpg``.

Quirks: a question with ``|`` in it has a cell too many and is quarantined; spaces around cells are
not kept.

One raw record::

    synpic41148|what kind of image is this?|cta - ct angiography
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from vqadata.converting.look import FileLook, Look, look_at_file
from vqadata.layouts.piped import columns_of, read_piped
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.table import Table
from vqadata.layouts.typed import MISSING_FIELD, BadRecord
from vqadata.layouts.vqa_source import picture_name
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.reading.split_names import split_of
from vqadata.record import Row
from vqadata.steps import Recognition

_CATEGORY = re.compile(r"C\d_?(?P<category>[A-Za-z]+)_", re.IGNORECASE)

_ANSWERED = re.compile(r"_w_ref_answers$", re.IGNORECASE)
"""What the name of a file of test questions ends in, where it has the answers."""


class VqaMed(RowSource):
    """VQA-Med of ImageCLEF: questions about radiology pictures in lines with pipes."""

    example: ClassVar[str] = (
        "vqadata convert vqa-med All_QA_Pairs_train.txt --image-root Train_images -o shards"
    )
    suffixes: ClassVar[tuple[str, ...]] = (".txt", ".csv", ".tsv")

    @classmethod
    def recognise(cls, look: Look) -> Recognition:
        """Tell files by their cells; see :func:`~vqadata.layouts.piped.columns_of`."""
        files = _once([file.path for file in look.files if cls.fits(file)])
        why = "lines are image|question|answer or the like"
        return Recognition(tuple(files), {"data": files}, why) if files else Recognition()

    @classmethod
    def fits(cls, file: FileLook) -> bool:
        """Whether the first lines are of one of the layouts; a table begins with its number."""
        columns = columns_of(_lines(file)) if file.form in ("cells", "table") else None
        return columns is not None and (file.form == "cells" or columns.names[0] == "index")

    def open(self, file: Path) -> Table:
        """Open one file; its name may say the category of its questions."""
        named = _CATEGORY.match(file.name)
        return read_piped(file, {"category": named["category"].lower() if named else None})

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a line; see :class:`~vqadata.layouts.row_source.RowSource`."""
        for name in ("image", "question"):
            if not members[name]:
                why = Rejection(MISSING_FIELD, record.at(name), "an empty cell", f"the {name}")
                raise BadRecord(why)
        answers = [text.strip() for text in members.get("answer", "").split("#") if text.strip()]
        row: Row = {
            "image_path": picture_name(members["image"], "", None),
            "image_id": members["image"],
            "text": members["question"],
            "answers": [{"answer": answer} for answer in answers],
            "given_answer": answers[0] if len(answers) == 1 else None,
            "question_type": members.get("category") or table.header("category"),
        }
        return [row | {"question_id": members["index"]} if members.get("index") else row]

    def _reads(self, file: Path) -> bool:
        """Folders hold lists of ids and read-me files as well."""
        return super()._reads(file) and self.fits(look_at_file(file))

    def _expanded(self, path: Path) -> list[Path]:
        return _once(super()._expanded(path)) if path.is_dir() else [path]


def _once(files: list[Path]) -> list[Path]:
    """The files without those whose questions others hold as well.

    That is all questions of a split whose categories are there too, and test questions that are
    there with their answers.
    """
    apart = {split_of(file.name) for file in files if _CATEGORY.match(file.name)}
    answered = {
        file.stem[: match.start()] for file in files if (match := _ANSWERED.search(file.stem))
    }
    return [
        file for file in files
        if not (file.name.lower().startswith("all_qa") and split_of(file.name) in apart)
        and file.stem not in answered
    ]  # fmt: skip


def _lines(file: FileLook) -> list[str]:
    """The first lines; of a table its supposed header is one."""
    rows = [list(record.values()) for record in file.records]
    if file.form == "table" and file.records:
        rows.insert(0, list(file.records[0]))
    return ["|".join(str(cell or "") for cell in row) for row in rows]
