"""The options and the reading that every source in the official VQA layout shares."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from vqadata.inputs import ledger_names
from vqadata.json_blocks import JsonBlocks
from vqadata.layouts.vqa_join import join
from vqadata.layouts.vqa_reading import Files, Mapping
from vqadata.ledger import Ledger
from vqadata.steps import Source

if TYPE_CHECKING:
    import pyarrow as pa

COCO_DIGITS = 12
"""Digits of a COCO picture's number in its file name."""

_SUBSET = re.compile(r"(?P<part>train|val|test)(?:-dev|-std)?(?P<year>20\d\d)")


class VqaSource(Source):
    """A questions and an annotations file, about COCO pictures unless a name says otherwise."""

    grouped: ClassVar[bool] = True

    questions: Path = Field(description="Questions file, plain or gzip.")
    annotations: Path | None = Field(
        None, description="Annotations file, plain or gzip; leave it out for test splits."
    )
    subset: str | None = Field(
        None,
        description="COCO subset that the pictures are named after, such as val2014; by default "
        "what the questions file says (data_subtype).",
    )
    image_name: str | None = Field(
        None,
        description="Picture name as a template, such as {image_id}.jpg or VizWiz_{image_id}.png; "
        "by default the COCO name.",
    )

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
        """The questions, and the annotations if there are any."""
        return [self.questions] + ([self.annotations] if self.annotations else [])

    def batches(self, ledger: Ledger, scratch: Path) -> Iterator[pa.RecordBatch]:
        """Join the two files; see :class:`~vqadata.steps.Source`."""
        files = self._files()
        subset = self.subset or ""
        if not subset and self.image_name is None:
            subset = str(files.questions.read_header("data_subtype") or "")
        mapping = Mapping(
            source=self.step_name(),
            drop_unanswered=self.unanswered == "drop",
            split=self.split,
            licence=self.licence,
            image_paths=lambda ids: picture_names(ids, subset, self.image_name),
        )
        yield from join(files, mapping, ledger, scratch)

    def _files(self) -> Files:
        names = ledger_names(self.input_files())
        keep_whole = self.keep_whole_records
        questions = JsonBlocks(self.questions, "questions", keep_whole)
        if self.annotations is None:
            return Files(questions, names[self.questions], None, "")
        annotations = JsonBlocks(self.annotations, "annotations", keep_whole)
        return Files(questions, names[self.questions], annotations, names[self.annotations])


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
