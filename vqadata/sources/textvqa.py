"""TextVQA: questions about text in pictures of Open Images, ten answers each.

Origin: Singh et al., CVPR 2019 (https://arxiv.org/abs/1904.08920); https://textvqa.org/dataset/.
Licence: CC BY 4.0; the pictures CC BY 2.0. The test split has no answers. Pictures are called
``<image_id>.jpg``; train and val share the folder ``train_images``. The ten answers are plain texts
without ids. The layout of VQA v2 in which TextVQA circulates too is read by coco-vqa.

The texts that OCR found come in files of their own (``--ocr``), a record a picture::

    {"image_id": "0054c91397f2fe05", "ocr_tokens": ["NOKIA", ...], "ocr_info": [{"word": "NOKIA",
     "bounding_box": {"top_left_x": 0.2, ...}}, ...]}

They are added to every question of the picture as extra ``ocr``, null where no file knows it. They
are no rows: :mod:`vqadata.layouts.side_file` says what becomes of those that are not used.

One raw record, in the list ``data``::

    {"question": "what is the brand of phone?", "image_id": "0054c91397f2fe05",
     "image_classes": ["Belt", "Mobile phone"], "flickr_original_url": "https://farm6...",
     "flickr_300k_url": "https://c5...", "image_width": 1024, "image_height": 730,
     "answers": ["nokia", "nokia", ...], "question_tokens": ["what", "is", ...],
     "question_id": 0, "set_name": "train"}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from pydantic import Field

from vqadata.converting.look import Look
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import spelled
from vqadata.layouts.side_file import SideFiles
from vqadata.layouts.table import Table
from vqadata.layouts.typed import extra_json, typed_members
from vqadata.layouts.vqa_source import picture_name
from vqadata.reading.inputs import ledger_names
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row
from vqadata.steps import Recognition, Workspace

if TYPE_CHECKING:
    import pyarrow as pa

OCR_FIELDS = frozenset({"image_id", "ocr_tokens", "ocr_info"})
"""Fields of a record of the OCR files."""


class Raw(msgspec.Struct):
    """One raw record."""

    question_id: str | int
    image_id: str | int
    question: str
    answers: list[str] | None = None
    set_name: str | None = None


class TextVqa(RowSource):
    """TextVQA: the official files, with the texts that OCR found if they are given."""

    example: ClassVar[str] = (
        "vqadata convert textvqa TextVQA_0.5.1_train.json --ocr TextVQA_Rosetta_OCR_v0.2_train.json"
        " --image-root train_images -o shards"
    )
    lists: ClassVar[tuple[str, ...]] = ("data",)
    signs: ClassVar[frozenset[str]] = frozenset({"question", "question_id", "image_id", "set_name"})
    other_signs: ClassVar[tuple[frozenset[str], ...]] = (
        frozenset({"question", "question_id", "image_id", "image_classes"}),
        frozenset({"question", "question_id", "image_id", "flickr_300k_url"}),
    )
    unlike: ClassVar[frozenset[str]] = frozenset({"file_path"})  # ST-VQA
    one_numbering: ClassVar[bool] = True
    picture_folders: ClassVar[tuple[str, ...]] = ("train_images", "test_images")

    ocr: list[Path] = Field(
        default_factory=list,
        description="File with the texts that OCR found; may be given several times.",
        json_schema_extra={"metavar": "FILE"},
    )

    @classmethod
    def recognise(cls, look: Look) -> Recognition:
        """Tell the questions, and the OCR files that lie with them."""
        told = super().recognise(look)
        ocr = [file.path for file in look.files if file.fields >= OCR_FIELDS - {"ocr_info"}
               and "question" not in file.fields]  # fmt: skip
        if not told.files or not ocr:
            return told
        why = f"{told.why}, {ocr[0].name} has ocr_tokens"
        return told._replace(options={**told.options, "ocr": ocr}, why=why)

    def side_files(self) -> list[Path]:
        """The OCR files."""
        return self.ocr

    def batches(self, work: Workspace) -> Iterator[pa.RecordBatch]:
        """Read the questions, then say which texts were not used."""
        yield from super().batches(work)
        self.texts.remark(work.ledger, self.step_name())

    @cached_property
    def texts(self) -> SideFiles:
        """What OCR found."""
        names = ledger_names(self.input_files())
        files = {path: names[path] for path in self.side_files()}
        return SideFiles(files, ["image_id"], self.keep_whole_records)

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record; see :class:`~vqadata.layouts.row_source.RowSource`."""
        raw, extra = typed_members(record, spelled(members, Raw), Raw)
        image_id = str(raw.image_id)
        ocr = {"ocr": self.texts.find(image_id)} if self.texts else {}
        return [
            {
                "question_id": str(raw.question_id),
                "image_id": image_id,
                "image_path": picture_name(image_id, "", None),
                "text": raw.question,
                "answers": [{"answer": answer} for answer in raw.answers or []],
                "split": raw.set_name,
                "extra": extra_json(extra | ocr),
            }
        ]
