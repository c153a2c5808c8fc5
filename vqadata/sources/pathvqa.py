"""PathVQA: questions about pathology pictures from textbooks, made from their captions.

Origin: He et al., 2020 (https://arxiv.org/abs/2003.10286); https://github.com/UCSD-AI4H/PathVQA.
Licence: MIT, for the questions; the textbooks keep the rights in the pictures.

The official files (``train_qa.pkl``, ``val_qa.pkl``, ``test_qa.pkl``) are Python pickles, which can
run any code when they are read. They are refused, and the refusal says how to export them where
they are trusted. What is read are exports to JSON, JSON lines or CSV with the same fields. The
Parquet files of https://huggingface.co/datasets/flaviagiammarino/path-vqa are read by the source
``huggingface``.

Quirks: pictures are named without suffix, after their split; records have no ids, so ids are made
of the file's name and the record's number.

One raw record::

    {"image": "train_0422", "question": "Where are liver stem cells (oval cells) located?",
     "answer": "in the canals of hering"}
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from vqadata.converting.look import FileLook, Look
from vqadata.errors import VqaDataError
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import answer_columns
from vqadata.layouts.table import Table
from vqadata.layouts.typed import extra_json, typed_members
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row
from vqadata.steps import Recognition

PICKLES = (".pkl", ".pickle")

HUB = "https://huggingface.co/datasets/flaviagiammarino/path-vqa"

_PICTURE = re.compile(r"(?:.*/)?(?P<split>train|val|test)_\d{3,}(?:\.\w+)?")
_PICKLE = re.compile(r"(?:.*[_-])?v?qas?\.(?:pkl|pickle)", re.IGNORECASE)


class Raw(msgspec.Struct):
    """The members of a record that have a column; exports at times add an id."""

    image: str
    question: str
    answer: str | int | float | None = None
    question_id: str | int | None = None


class PathVqa(RowSource):
    """PathVQA: questions about pathology pictures, as JSON or CSV; its pickles are refused."""

    example: ClassVar[str] = "vqadata convert pathvqa train_qa.json --image-root images -o shards"
    signs: ClassVar[frozenset[str]] = frozenset({"image", "question", "answer"})
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl", ".csv", ".tsv")

    @classmethod
    def recognise(cls, look: Look) -> Recognition:
        """Tell exports by their pictures' names; pickles are told too, to be refused in full."""
        files = tuple(file.path for file in look.files if cls.fits(file))
        why = "pictures are called train_0001 and the like"
        if not files:
            files = tuple(file.path for file in look.files if _PICKLE.fullmatch(file.path.name))
            why = "pickles are called train_qa.pkl and the like"
        return Recognition(files, {"data": list(files)}, why) if files else Recognition()

    @classmethod
    def fits(cls, file: FileLook) -> bool:
        """Whether most pictures are named in PathVQA's way."""
        named = [_PICTURE.fullmatch(str(record.get("image"))) for record in file.records]
        return super().fits(file) and 2 * sum(map(bool, named)) > len(named)

    def open(self, file: Path) -> Table:
        """Open one file.

        Raises:
            VqaDataError: It is a pickle, or cannot be read.
        """
        if file.suffix.lower() in PICKLES:
            raise _refusal(file)
        return super().open(file)

    def _expanded(self, path: Path) -> list[Path]:
        """The exports in a folder; the first pickle of one without any, to be refused."""
        pickles = sorted(file for file in path.rglob("*") if file.suffix.lower() in PICKLES)
        if path.is_dir() and pickles and not any(map(self._reads, path.iterdir())):
            return pickles[:1]
        return super()._expanded(path)

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record; see :class:`~vqadata.layouts.row_source.RowSource`."""
        raw, extra = typed_members(record, members, Raw)
        named = _PICTURE.fullmatch(raw.image)
        row: Row = {
            "image_path": raw.image,
            "text": raw.question,
            **answer_columns(record, "answer", raw.answer),
            "split": named["split"] if named else None,
            "extra": extra_json(extra),
        }
        return [row if raw.question_id is None else {"question_id": str(raw.question_id), **row}]


def _refusal(file: Path) -> VqaDataError:
    export = (
        "import json, pickle; "
        f'json.dump(pickle.load(open("{file.name}", "rb")), open("{file.stem}.json", "w"))'
    )
    return VqaDataError(
        str(file),
        "a Python pickle, which can run any code when it is read",
        "an export to JSON or CSV",
        f"Take the Parquet files of {HUB}, or, on a machine where the file is trusted, export it: "
        f"python -c '{export}'",
    )
