"""Visual Genome QA: 1.7 million questions and answers about 108,077 pictures, nested by picture.

Origin: Krishna et al., IJCV 2017 (https://arxiv.org/abs/1602.07332);
https://homes.cs.washington.edu/~ranjay/visualgenome. Licence: CC BY 4.0. One answer a question, a
capital letter first and a full stop last. The full stop comes from the form in which answers were
collected, no metric and no other set expects it: it is taken off (``--full-stop keep`` leaves it),
and the answer as it was is kept as ``raw_answer``. A picture without questions is a counted
outcome. There are no official splits. Pictures lie in two folders, ``VG_100K`` and ``VG_100K_2``;
``image_data.json`` (``--image-data``) says in which, and what the picture's ids in COCO and Flickr
are; it is no file of rows, see :mod:`vqadata.layouts.side_file`.

One raw record, and one of image_data.json::

    {"id": 1, "qas": [{"a_objects": [], "question": "What color is the clock?", "image_id": 1,
                       "qa_id": 986768, "answer": "Green.", "q_objects": []}, ...]}
    {"width": 800, "url": "https://cs.stanford.edu/people/rak248/VG_100K_2/1.jpg", "height": 600,
     "image_id": 1, "coco_id": null, "flickr_id": null}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec
from pydantic import Field

from vqadata.converting.look import Look
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import Picture, nested_rows, picture_of, spelled, without_full_stop
from vqadata.layouts.side_file import SideFiles
from vqadata.layouts.table import Table
from vqadata.layouts.typed import extra_json, typed_members
from vqadata.reading.inputs import ledger_names
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row
from vqadata.steps import Recognition, Workspace

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE_FIELDS = frozenset({"url", "coco_id", "flickr_id"})
"""Fields of a record of image_data.json."""


class RawImage(msgspec.Struct):
    """One picture with its questions; releases call its id differently."""

    image_id: str | int
    qas: list[Any] = []
    image: Picture = None


class RawQuestion(msgspec.Struct):
    """One question."""

    question: str
    answer: str | None = None
    qa_id: str | int | None = None


class VisualGenome(RowSource):
    """Visual Genome QA: questions nested by picture."""

    example: ClassVar[str] = (
        "vqadata convert visual-genome question_answers.json --image-data image_data.json "
        "--image-root VG -o shards"
    )
    signs: ClassVar[frozenset[str]] = frozenset({"id", "qas"})
    other_signs: ClassVar[tuple[frozenset[str], ...]] = (
        frozenset({"image_id", "qas"}),
        frozenset({"image_id", "qa_id", "question", "answer"}),
    )
    unlike: ClassVar[frozenset[str]] = frozenset({"context", "paragraphs", "multiple_choices"})
    one_numbering: ClassVar[bool] = True
    picture_folders: ClassVar[tuple[str, ...]] = ("VG_100K", "VG_100K_2")

    image_data: Path | None = Field(
        None, description="image_data.json: the folder, size and other ids of each picture."
    )
    full_stop: Literal["remove", "keep"] = Field(
        "remove", description="What to do with the full stop at the end of an answer."
    )

    def side_files(self) -> list[Path]:
        """The data of the pictures, if they are given."""
        return [self.image_data] if self.image_data else []

    @classmethod
    def recognise(cls, look: Look) -> Recognition:
        """Tell the questions, and the data of the pictures that lie with them."""
        told = super().recognise(look)
        data = [file.path for file in look.files if file.fields >= IMAGE_FIELDS]
        if not told.files or len(data) != 1:
            return told
        why = f"{told.why}, {data[0].name} has coco_id and flickr_id"
        return told._replace(options={**told.options, "image_data": data[0]}, why=why)

    def batches(self, work: Workspace) -> Iterator[pa.RecordBatch]:
        """Read the questions, then say which data of pictures were not used."""
        yield from super().batches(work)
        self.images.remark(work.ledger, self.step_name())

    @cached_property
    def images(self) -> SideFiles:
        """What is known of pictures."""
        names = ledger_names(self.input_files())
        files = {path: names[path] for path in self.side_files()}
        return SideFiles(files, ["image_id", "id"], self.keep_whole_records)

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """The questions of one picture; see :class:`~vqadata.layouts.row_source.RowSource`."""
        if "qas" not in members and "qa_id" in members:
            members = {"qas": [members], "image_id": members.get("image_id")}
        members = spelled(members, RawImage, {"id": "image_id"})
        raw, extra = typed_members(record, members, RawImage)
        shared = self._shared(raw, extra)

        def row(place: RawRecord, question: dict[str, Any]) -> Row:
            asked, more = typed_members(place, spelled(question, RawQuestion), RawQuestion)
            own = {"text": asked.question, "extra": extra_json(shared["extra"] | more)}
            if asked.qa_id is not None:
                own["question_id"] = str(asked.qa_id)
            return shared | own | self._answer(asked.answer)

        return nested_rows(record, "qas", members, row)

    def _shared(self, raw: RawImage, extra: dict[str, Any]) -> Row:
        """What the questions of a picture have in common."""
        image_id = str(raw.image_id)
        known = self.images.find(image_id) or {}
        folder = PurePosixPath(str(known.get("url") or extra.get("url") or "")).parent.name
        return {
            "image_id": image_id,
            "image_path": picture_of(raw.image) or f"{folder}/{image_id}.jpg".lstrip("/"),
            "extra": extra | known,
        }

    def _answer(self, raw: str | None) -> Row:
        """The answer without its full stop, and as it was."""
        if not raw:
            return {}
        answer = without_full_stop(raw) if self.full_stop == "remove" else raw
        return {"given_answer": answer, "answers": [{"answer": answer, "raw_answer": raw}]}
