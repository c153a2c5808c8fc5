"""easy-VQA: 64x64 pictures of one coloured shape, 48,248 questions, 13 answers.

Origin: Victor Zhou, 2019 (https://github.com/vzhou842/easy-VQA), inside the Python package
``easy-vqa`` (MIT licence): folders ``train`` and ``test`` with ``questions.json`` and ``images``.
Picture ids begin at 0 in both splits, so ids here carry the split in front.

One raw question: text, answer, picture id::

    ["what is the blue shape?", "rectangle", 0]
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec
from pydantic import Field

from vqadata.errors import MissingExtraError
from vqadata.inputs import ledger_names
from vqadata.json_records import read_records
from vqadata.json_scan import RawRecord
from vqadata.layouts.typed import BadRecord, decode_array
from vqadata.ledger import Ledger, Rejection
from vqadata.record import Answer, Origin, Record, to_batches
from vqadata.steps import Source

if TYPE_CHECKING:
    import pyarrow as pa


NO_ANSWER = Rejection("question-without-answers", "[1]", "an empty answer", "an answer")


class Row(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """One raw question."""

    question: str
    answer: str
    image_id: int


class EasyVqa(Source):
    """easy-VQA, from the Python package easy-vqa or a folder in its layout."""

    example: ClassVar[str] = "vqadata convert easy-vqa -o shards"

    data: Path | None = Field(
        None, description="Folder with train and test; by default the one of the package easy-vqa."
    )
    part: Literal["all", "train", "test"] = Field("all", description="Which splits to read.")

    def input_files(self) -> list[Path]:
        """The question files of the chosen splits."""
        parts = ("train", "test") if self.part == "all" else (self.part,)
        return [self._folder() / part / "questions.json" for part in parts]

    def picture_roots(self) -> list[Path]:
        """The data folder: picture names begin with the split."""
        return self.image_root or [self._folder()]

    def batches(self, ledger: Ledger, scratch: Path) -> Iterator[pa.RecordBatch]:
        """Read the splits one after the other; see :class:`~vqadata.steps.Source`."""
        yield from to_batches(self._records(ledger))

    def _records(self, ledger: Ledger) -> Iterator[Record]:
        for file, name in ledger_names(self.input_files()).items():
            cut = read_records(file, (), self.keep_whole_records)
            ledger.see(name, len(cut.records))
            if cut.broken is not None:
                end = Origin(source=self.step_name(), file=name, index=len(cut.records))
                ledger.note_break(end, *cut.broken)
            for raw in cut.records:
                origin = Origin(source=self.step_name(), file=name, index=raw.number)
                try:
                    record = self._record(file.parent.name, raw, origin)
                except BadRecord as bad:
                    ledger.note("quarantined", bad.why, origin, raw=raw.raw)
                    continue
                if record.given_answer or self.unanswered == "keep":
                    yield record
                else:
                    ledger.note("dropped", NO_ANSWER, origin, record.question_id, raw.raw)

    def _record(self, part: str, raw: RawRecord, origin: Origin) -> Record:
        row = decode_array(raw, Row)
        return Record(
            question_id=f"{part}-{raw.number}",
            image_path=f"{part}/images/{row.image_id}.png",
            text=row.question,
            given_answer=row.answer or None,
            answers=[Answer(answer=row.answer)] if row.answer else [],
            image_id=f"{part}-{row.image_id}",
            split=self.split or part,
            licence=self.licence or "MIT",
            origin=origin,
        )

    def _folder(self) -> Path:
        if self.data is not None:
            return self.data
        package = importlib.util.find_spec("easy_vqa")
        if package is None or not package.submodule_search_locations:
            raise MissingExtraError("easy-vqa", "demo", "easy-vqa")
        return Path(package.submodule_search_locations[0]) / "data"
