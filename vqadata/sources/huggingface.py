"""Parquet and Arrow files with pictures in them, as ``datasets`` and the hub keep them.

Format: https://huggingface.co/docs/datasets; a repository with a card and files such as
``data/train-00000-of-00002.parquet``, a folder of ``save_to_disk``, or single files. Licence: as
the card says. Nothing is downloaded: fetch the repository first (``hf download``).

Which column is what is told from names, types and values, as ``vqadata map suggest`` does it; where
that is not clear the source refuses and lists the columns, and ``--field`` says it. Pictures are
told by their type; ``image_1``, ``image_2`` ... are several of one question, marks such as
``<image 1>`` are their places. Columns of conversations (``messages``, ``conversations``,
``texts``) become linked turns. The split is that of a column, of the card, or of the file's name.

One raw record::

    {"image": {"bytes": ..., "path": "COCO_val2014_000000262148.jpg"}, "image_id": 262148,
     "question": "Where is he looking?", "question_id": 262148000, "answers":
     [{"answer": "down", "answer_confidence": "yes", "answer_id": 1}, ...], ...}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from vqadata.converting.column_plan import CHATS, Plan, tell_columns
from vqadata.converting.column_rows import planned_rows
from vqadata.converting.look import COLUMNAR, FileLook, Look
from vqadata.errors import VqaDataError
from vqadata.layouts.columnar_table import ColumnarTable, names_pictures
from vqadata.layouts.dataset_card import card_of
from vqadata.layouts.field_map import load_map
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.table import Table
from vqadata.reading.json_scan import RawRecord
from vqadata.reading.split_names import split_of
from vqadata.record import Row
from vqadata.shards.manifest import MANIFEST
from vqadata.steps import Recognition

RESPONSE = "response: "
"""In the type of a column ``completions`` of answers that are yet to be chosen from, by rating."""

SAMPLE = 50
"""Rows of each file from which the columns are told."""

FILES = 64
"""Files from which they are told."""

QUESTIONS = ("question", "questions", "query", "problem", "prompt")
"""Columns by which a file of questions is told."""


class HuggingFace(RowSource):
    """Parquet and Arrow files with pictures in them: hub repositories, save_to_disk folders."""

    example: ClassVar[str] = "vqadata convert huggingface VQAv2/data -o shards"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".arrow")

    field: list[str] = Field(
        default_factory=list,
        description="A canonical name and a column, such as answer=label; may be given several "
        "times. Without it types, names and values tell.",
        json_schema_extra={"metavar": "NAME=COLUMN"},
    )
    constant: list[str] = Field(
        default_factory=list,
        description="A canonical name and the value that all rows have, such as split=train; may "
        "be given several times.",
        json_schema_extra={"metavar": "NAME=VALUE"},
    )
    _plans: dict[tuple[str, ...], Plan] = PrivateAttr(default_factory=dict)

    @classmethod
    def recognise(cls, look: Look) -> Recognition:
        """Tell Parquet and Arrow files by columns of pictures and of questions."""
        files = [file.path for file in look.files if cls.fits(file)]
        if not files:
            near = any(map(_has_pictures, look.files))
            asked = any(file.form in COLUMNAR and _asks(file) for file in look.files)
            lacks = "a column question or messages" if near else "a column of pictures"
            return Recognition(missing=lacks if near or asked else "")
        why = "columns of pictures, and of questions or conversations"
        return Recognition(tuple(files), {"data": files}, why)

    @classmethod
    def fits(cls, file: FileLook) -> bool:
        """Whether a file has pictures, and questions or conversations."""
        chosen_from = RESPONSE in file.header.get("completions", "")
        return _has_pictures(file) and _asks(file) and not chosen_from

    def open(self, file: Path) -> Table:
        """Open one file; its split and its licence may be said around it."""
        schema = ColumnarTable(file)
        names = tuple(schema.schema.names)
        if names not in self._plans:
            given = load_map(None, self.field, self.constant)
            self._plans[names] = tell_columns(schema, self._sample(names), given)
        card, inside = card_of(file)
        split = card.split_of(inside) or split_of(file.name) or split_of(file.parent.name)
        plan = self._plans[names]
        header = {"plan": plan, "split": split, "licence": card.licence}
        return ColumnarTable(file, header, self.keep_whole_records, plan.pictures)

    def picture_roots(self) -> list[Path]:
        """The folders that are given, or those of the data: some rows name files instead."""
        folders = [path if path.is_dir() else path.parent for path in self.data]
        return self.image_root or list(dict.fromkeys(folders))

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a row, or the turns of a conversation; see the base class."""
        known = {name: table.header(name) for name in ("split", "licence")}
        return planned_rows(record, members, table.header("plan"), known)

    def _sample(self, names: tuple[str, ...]) -> list[dict[str, Any]]:
        """Some rows of all files of one schema: a test split may come first, without answers."""
        tables = map(ColumnarTable, self.input_files()[:FILES])
        alike = [table for table in tables if tuple(table.schema.names) == names]
        return [row for table in alike for row in table.sample(SAMPLE)]

    def _expanded(self, path: Path) -> list[Path]:
        """All files in and below a folder, but no shards of ours and nothing hidden."""
        if not path.is_dir():
            return [path]
        found = sorted(file for file in path.rglob("*") if self._is_input(file, path))
        if not found:
            expected = "a folder with .parquet or .arrow files"
            raise VqaDataError(str(path), "no such file in or below it", expected, "Name the file.")
        return found

    def _is_input(self, file: Path, folder: Path) -> bool:
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        ours = (file.parent / MANIFEST).exists() or file.name.startswith("cache-")
        return self._reads(file) and not hidden and not ours and file.is_file()


def _asks(file: FileLook) -> bool:
    return bool(file.fields & {*QUESTIONS, *CHATS})


def _has_pictures(file: FileLook) -> bool:
    return file.form in COLUMNAR and any(
        "struct<bytes: " in kind or names_pictures(name) for name, kind in file.header.items()
    )
