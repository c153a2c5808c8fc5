"""easy-VQA: 64x64 pictures of one coloured shape, 48,248 questions, 13 answers.

Origin: Victor Zhou, 2019 (https://github.com/vzhou842/easy-VQA), inside the Python package
``easy-vqa`` (MIT licence): folders ``train`` and ``test`` with ``questions.json`` and ``images``.
Picture ids begin at 0 in both splits, so ids here carry the split in front.

One raw question: text, answer, picture id::

    ["what is the blue shape?", "rectangle", 0]
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
from pydantic import Field

from vqadata.errors import MissingExtraError
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import answer_columns
from vqadata.layouts.table import Table, read_table
from vqadata.layouts.typed import decode_array
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row


class Raw(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """One raw question."""

    question: str
    answer: str
    image_id: int


class EasyVqa(RowSource):
    """easy-VQA, from the Python package easy-vqa or a folder in its layout."""

    example: ClassVar[str] = "vqadata convert easy-vqa -o shards"

    data: list[Path] = Field(
        default_factory=list,
        description="Folder with train and test; by default the one of the package easy-vqa.",
        json_schema_extra={"metavar": "DIR"},
    )
    part: Literal["all", "train", "test"] = Field("all", description="Which splits to read.")

    def data_files(self) -> list[Path]:
        """The question files of the chosen splits."""
        parts = ("train", "test") if self.part == "all" else (self.part,)
        return [folder / part / "questions.json" for folder in self._folders() for part in parts]

    def picture_roots(self) -> list[Path]:
        """The data folders: picture names begin with the split."""
        return self.image_root or self._folders()

    def open(self, file: Path) -> Table:
        """Open the questions of one split, each of which is a list."""
        return read_table(file, None, self.keep_whole_records, decode=_members)

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record; see :class:`~vqadata.layouts.row_source.RowSource`."""
        part, picture = table.path.parent.name, members["image_id"]
        return [
            {
                "question_id": f"{part}-{record.number}",
                "image_path": f"{part}/images/{picture}.png",
                "text": members["question"],
                **answer_columns(record, "[1]", members["answer"]),
                "image_id": f"{part}-{picture}",
                "split": part,
                "licence": "MIT",
            }
        ]

    def _folders(self) -> list[Path]:
        if self.data:
            return self.data
        package = importlib.util.find_spec("easy_vqa")
        if package is None or not package.submodule_search_locations:
            raise MissingExtraError("easy-vqa", "demo", "easy-vqa")
        return [Path(package.submodule_search_locations[0]) / "data"]


def _members(record: RawRecord) -> dict[str, Any]:
    return msgspec.structs.asdict(decode_array(record, Raw))
