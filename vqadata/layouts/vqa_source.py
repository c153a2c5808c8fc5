"""The options and the reading that every source in the official VQA layout shares."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from vqadata.converting.look import FileLook, Look
from vqadata.layouts.vqa_join import join
from vqadata.layouts.vqa_pairs import is_annotations, is_questions, recognised_pairs
from vqadata.layouts.vqa_reading import Earlier, Files, Mapping
from vqadata.reading.inputs import ledger_names
from vqadata.reading.json_blocks import JsonBlocks
from vqadata.steps import Recognition, Source, Workspace

if TYPE_CHECKING:
    import pyarrow as pa

COCO_DIGITS = 12
"""Digits of a COCO picture's number in its file name."""

_SUBSET = re.compile(r"(?P<part>train|val|test)(?:-dev|-std)?(?P<year>20\d\d)")


class VqaSource(Source):
    """A questions and an annotations file, about COCO pictures unless a name says otherwise."""

    grouped: ClassVar[bool] = True

    questions: list[Path] = Field(
        description="Questions file, plain or packed; several splits: give it several times.",
        min_length=1,
    )
    annotations: list[Path] = Field(
        default_factory=list,
        description="Annotations file, plain or packed; several: in the order of the questions. "
        "Splits without one, such as test, come last.",
    )
    subset: str | None = Field(
        None,
        description="COCO subset that the pictures are named after, such as val2014; by default "
        "what the questions file says (data_subtype).",
    )
    image_name: str | None = Field(
        None,
        description="Picture name as a template, such as {image_id}.jpg or VizWiz_{image_id}.png; "
        "by default the COCO name, or that of the abstract scenes.",
    )

    @classmethod
    def recognise(cls, look: Look) -> Recognition:
        """Tell questions files, and the annotations file that goes with each."""
        asked = [file for file in look.files if is_questions(file) and cls.fits(file, look)]
        if not asked:
            return Recognition()
        return recognised_pairs(asked, [file for file in look.files if is_annotations(file)])

    @classmethod
    def fits(cls, questions: FileLook, look: Look) -> bool:  # noqa: ARG003 - for those that differ
        """Whether a file in the common layout is of this data set."""
        return True

    @field_validator("questions", "annotations", mode="before")
    @classmethod
    def _several(cls, files: Any) -> Any:
        """From Python one path may stand for a list of one, and nothing for an empty list."""
        return [files] if isinstance(files, str | Path) else [] if files is None else files

    @model_validator(mode="after")
    def _in_pairs(self) -> Self:
        if len(self.annotations) > len(self.questions):
            raise ValueError("no more annotations files than questions files")
        return self

    @field_validator("image_name")
    @classmethod
    def _is_template(cls, template: str | None) -> str | None:
        if template is not None:
            try:
                template.format(image_id="0")
            except (KeyError, IndexError, ValueError, AttributeError) as error:
                raise ValueError(f"a template with {{image_id}} ({error!r})") from None
        return template

    def input_files(self) -> list[Path]:
        """The questions, and the annotations if there are any, pair by pair."""
        pairs = zip_longest(self.questions, self.annotations)
        return [file for pair in pairs for file in pair if file is not None]

    def batches(self, work: Workspace) -> Iterator[pa.RecordBatch]:
        """Join the two files of each pair; see :class:`~vqadata.steps.Source`."""
        earlier = Earlier()
        for asked, answered in zip_longest(self.questions, self.annotations):
            files = self._files(asked, answered)
            yield from join(files, self._mapping(files), work.ledger, work.scratch, earlier)

    def _mapping(self, files: Files) -> Mapping:
        return Mapping(
            source=self.step_name(),
            drop_unanswered=self.unanswered == "drop",
            split=self.split,
            licence=self.licence,
            image_paths=lambda ids: self._picture_names(ids, files.questions.header),
        )

    def _picture_names(self, ids: pa.Array, header: dict[str, Any]) -> pa.Array:
        """The file names of pictures, by a header that may stand behind the list."""
        subset, template = self.subset or "", self.image_name
        if template is None:
            subset = subset or str(header.get("data_subtype") or "")
            template = scene_template(str(header.get("data_type") or ""), subset)
        return picture_names(ids, subset, template)

    def _files(self, questions: Path, annotations: Path | None) -> Files:
        names = ledger_names(self.input_files())
        keep_whole = self.keep_whole_records
        asked = JsonBlocks(questions, "questions", keep_whole)
        if annotations is None:
            return Files(asked, names[questions], None, "")
        answered = JsonBlocks(annotations, "annotations", keep_whole)
        return Files(asked, names[questions], answered, names[annotations])


def scene_template(data_type: str, subset: str) -> str | None:
    """How the abstract scenes of VQA v1 are named; ``None`` for photos.

    >>> scene_template("abstract_v002", "train2015").format(image_id=42)
    'abstract_v002_train2015_000000000042.png'
    """
    if not data_type.startswith("abstract_") or not subset or {*"{}"} & {*data_type, *subset}:
        return None
    return f"{data_type}_{subset}_{{image_id:0>{COCO_DIGITS}}}.png"


def picture_names(ids: pa.Array, subset: str, template: str | None) -> pa.Array:
    """The file names of pictures by their ids (int64 or string); see :func:`picture_name`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if template is None and pa.types.is_integer(ids.type):
        before, _, after = picture_name(0, subset, None).partition("0" * COCO_DIGITS)
        digits = pc.utf8_lpad(ids.cast(pa.string()), COCO_DIGITS, "0")
        return pc.binary_join_element_wise(before, digits, after, "")
    coded = ids.dictionary_encode()
    names = [picture_name(image_id, subset, template) for image_id in coded.dictionary.to_pylist()]
    return pa.array(names, pa.string()).take(coded.indices)


def picture_name(image_id: int | str, subset: str, template: str | None) -> str:
    """The file name of a picture.

    >>> picture_name(42, "val2014", None)
    'COCO_val2014_000000000042.jpg'
    >>> picture_name(42, "", None)
    '000000000042.jpg'
    >>> picture_name("003a8ae2ef43b901", "TextVQA-validation", None)
    '003a8ae2ef43b901.jpg'
    >>> picture_name(7, "", "VizWiz_{image_id}.png")
    'VizWiz_7.png'
    """
    if template is not None:
        return template.format(image_id=image_id)
    if isinstance(image_id, str):
        return image_id if "." in image_id else f"{image_id}.jpg"
    coco = _SUBSET.fullmatch(subset)
    scheme = f"COCO_{coco['part']}{coco['year']}_" if coco and coco["year"] != "2017" else ""
    return f"{scheme}{image_id:0{COCO_DIGITS}d}.jpg"
