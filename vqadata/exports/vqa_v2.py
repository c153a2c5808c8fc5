"""VQA v2: the official questions and annotations files, for the official scripts.

Format: https://visualqa.org/download.html ("Input Questions Format", "Annotation Format"). Files
that were converted from this layout come back as they were, record by record and in their order:
header, types of ids, members that the official files do not have or that were not there, tokens
that conversion broke up. Any other data gets the official members. Pictures are named by
``image_id`` and not written.

The files of a split, of a data set that was not in this layout::

    train_questions.json    {"info": ..., "license": ..., "data_type": ..., "data_subtype": ...,
                             "task_type": "Open-Ended", "questions": [{"image_id", "question",
                             "question_id"}, ...]}
    train_annotations.json  {..., "annotations": [{"question_type", "multiple_choice_answer",
                             "answers": [{"answer", "answer_confidence", "answer_id"}, ...],
                             "image_id", "answer_type", "question_id"}, ...]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, ClassVar

from vqadata.exporting.collecting import Collection
from vqadata.exporting.outbox import CONVERSATION_TURN, NO_PICTURE, SEVERAL_PICTURES, Outbox
from vqadata.exporting.rows import PictureRow, picture_rows
from vqadata.layouts.ordered_json import UnorderedRows, write_lists
from vqadata.layouts.vqa_rebuild import (
    COLUMNS,
    annotation_as_written,
    official_annotation,
    official_header,
    official_question,
    originals_of,
    question_as_written,
)
from vqadata.shards.manifest import InputForm, Manifest
from vqadata.shards.reader import Shards
from vqadata.steps import Export


class VqaV2(Export):
    """VQA v2: the official questions and annotations JSON; VQA files come back as they were."""

    example: ClassVar[str] = "vqadata export vqa-v2 shards -o vqa-v2"

    def write(self, shards: Shards, outbox: Outbox) -> None:
        """Leave the rows of a pair of files a split; see :class:`~vqadata.steps.Export`."""
        pairs = _Pairs(shards.manifest, outbox)
        originals = originals_of(shards.folder, shards.digest)
        for row in picture_rows(shards, COLUMNS):
            carried = list(_carried(row, outbox))
            for record in carried:
                pairs.add(row.split, originals.restored(record))
            outbox.deliver(row.split, len(carried), len(carried))
        pairs.finish()

    def finish(self, shards: Shards, collection: Collection) -> None:  # noqa: ARG002 - not asked for here
        """Write the files, in the order of those that the data came from."""
        write_lists(collection)


class _Pairs:
    """The files while they are filled."""

    def __init__(self, manifest: Manifest, outbox: Outbox) -> None:
        self._outbox = outbox
        self._forms = {entry.file: entry.form for entry in manifest.inputs}
        records = [entry.records for entry in manifest.balance]
        files = [entry.file for entry in manifest.balance]
        self._firsts = dict(zip(files, accumulate(records, initial=0), strict=False))
        self._split: str | None = manifest.steps[0].options.get("split")
        self._files: dict[str, UnorderedRows] = {}

    def add(self, split: str, record: Mapping[str, Any]) -> None:
        """Put a question, and its annotation if there is one, into the files of their split."""
        origin = record["origin"]
        place = self._firsts[origin["file"]] + origin["index"]
        form = self._forms.get(origin["file"])
        if form is None:
            part = origin["part"] or 0
            file = self._file(split, "questions", record, None)
            file.add(place, part, official_question(record))
            if annotation := official_annotation(record):
                self._file(split, "annotations", record, None).add(place, part, annotation)
            return
        question = question_as_written(record, form, self._split)
        self._file(split, "questions", record, form).add(place, 0, question)
        if (answered := self._forms.get(origin["answers_file"])) is not None:
            place = self._firsts[origin["answers_file"]] + origin["answers_index"]
            file = self._file(split, "annotations", record, answered)
            file.add(place, 0, annotation_as_written(record, answered))

    def finish(self) -> None:
        """Write what is held of each."""
        for file in self._files.values():
            file.finish()

    def _file(
        self, split: str, kind: str, record: Mapping[str, Any], form: InputForm | None
    ) -> UnorderedRows:
        name = f"{self._outbox.names[split]}_{kind}.json"
        if name not in self._files:
            key = kind if form is None else form.key
            header = official_header(record) if form is None else form.header
            self._files[name] = UnorderedRows(self._outbox, name, key, header)
        return self._files[name]


def _carried(row: PictureRow, outbox: Outbox) -> Iterator[Mapping[str, Any]]:
    """The questions that the layout can tell; the others are left out."""
    for record in row.questions:
        if record["image_path"] is None:
            outbox.leave_out(NO_PICTURE, [record])
        elif record["dialog_id"] is not None:
            outbox.leave_out(CONVERSATION_TURN, [record])
        elif record["more_image_paths"]:
            outbox.leave_out(SEVERAL_PICTURES, [record])
        else:
            yield record
