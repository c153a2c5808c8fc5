"""ScienceQA: school questions with choices, half of them about a picture, with explanations.

Origin: Lu et al., NeurIPS 2022 (https://arxiv.org/abs/2209.09513); https://scienceqa.github.io.
Licence: CC BY-NC-SA 4.0. ``problems.json`` is an object of questions by their ids; pictures are
``<split>/<id>/image.png``. A question without a picture is a counted outcome (``--text-only``).
Many questions cannot be answered without their ``hint`` (a passage, a caption): as in the official
prompt it follows the question as ``Context:``, unless ``--no-context``; it is kept as extra either
way. The rationales are the solution, then the lecture, where there are any. ``task`` is the type of
the question. ``pid_splits.json`` (``--pid-splits``) holds lists of ids that overlap, such as val
and minival: all that name a question are kept as extra, the first is its split if it names none.

One raw record, under its id::

    "1": {"question": "Identify the question that this experiment can best answer.",
      "choices": ["Do ping pong balls stop rolling ...", "..."], "answer": 1,
      "hint": "The passage below describes an experiment. ...", "image": "image.png",
      "task": "closed choice", "grade": "grade8", "subject": "natural science",
      "topic": "science-and-engineering-practices", "category": "Designing experiments",
      "skill": "Identify the experimental question", "lecture": "Experiments can be ...",
      "solution": "", "split": "train"}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from pydantic import Field, field_validator

from vqadata.converting.look import Look
from vqadata.errors import VqaDataError
from vqadata.images.embedded import Encoded
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import Picture, answer_columns, named_choice, picture_of, spelled
from vqadata.layouts.table import Table
from vqadata.layouts.typed import extra_json, typed_members
from vqadata.reading.inputs import read_input
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row
from vqadata.steps import Recognition


class Raw(msgspec.Struct):
    """One raw record; in a list it names its id itself."""

    question: str
    choices: list[str]
    answer: int | None = None
    hint: str | None = None
    image: Picture = None
    task: str | None = None
    lecture: str | None = None
    solution: str | None = None
    split: str | None = None
    id: str | int | None = None


class ScienceQa(RowSource):
    """ScienceQA: questions with choices, solutions and lectures, by their ids."""

    example: ClassVar[str] = "vqadata convert scienceqa problems.json --image-root images -o shards"
    keyed: ClassVar[bool] = True
    signs: ClassVar[frozenset[str]] = frozenset({"question", "choices", "lecture", "solution"})

    context: bool = Field(True, description="Put the hint behind the question, as its context.")
    image_name: str = Field(
        "{split}/{id}/{image}",
        description="Where pictures lie, with {split}, {id} and {image}, such as {id}.png; a path "
        "that the file gives is taken as it is.",
    )
    pid_splits: Path | None = Field(
        None, description="Lists of ids by split, to be kept beside the questions."
    )

    @field_validator("image_name")
    @classmethod
    def _is_template(cls, template: str) -> str:
        try:
            template.format(split="", id="", image="")
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise ValueError(f"a template with {{split}}, {{id}}, {{image}} ({error!r})") from None
        return template

    @classmethod
    def recognise(cls, look: Look) -> Recognition:
        """Tell the problems, and the lists of ids that lie with them by their name."""
        told = super().recognise(look)
        lists = [file.path for file in look.files if file.path.name == "pid_splits.json"]
        if told.files and len(lists) == 1:
            return told._replace(options={**told.options, "pid_splits": lists[0]})
        return told

    def side_files(self) -> list[Path]:
        """The lists of ids, if they are given."""
        return [self.pid_splits] if self.pid_splits else []

    @cached_property
    def splits(self) -> dict[str, list[str]]:
        """The splits that list each id.

        Raises:
            VqaDataError: The file is no object of lists of ids.
        """
        listing: dict[str, list[str]] = defaultdict(list)
        for path in self.side_files():
            try:
                lists = msgspec.json.decode(read_input(path), type=dict[str, list[str | int]])
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise VqaDataError(str(path), str(error), "lists of ids by split") from None
            for split, ids in lists.items():
                for identity in ids:
                    listing[str(identity)].append(split)
        return listing

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record; see :class:`~vqadata.layouts.row_source.RowSource`."""
        named = spelled(members, Raw, {"pid": "id", "question_id": "id"})
        raw, extra = typed_members(record, named, Raw)
        identity = record.key or (None if raw.id is None else str(raw.id))
        listed = self.splits.get(identity or "", [])
        split = raw.split or next(iter(listed), None)
        right = named_choice(record, "answer", raw.answer, raw.choices)
        row = {
            "image_path": self._picture(raw, split, identity),
            "text": self._text(raw),
            "choices": raw.choices,
            "correct_choice": raw.answer,
            "rationales": [text for text in (raw.solution, raw.lecture) if text],
            "question_type": raw.task,
            "split": split,
            "extra": extra_json(extra | _present(hint=raw.hint, pid_splits=listed)),
        } | answer_columns(record, "answer", right)
        return [row if identity is None else row | {"question_id": identity}]

    def _text(self, raw: Raw) -> str:
        """The question, and the context that it needs."""
        return f"{raw.question}\nContext: {raw.hint}" if self.context and raw.hint else raw.question

    def _picture(self, raw: Raw, split: str | None, identity: str | None) -> str | Encoded | None:
        """Where the picture lies: only its file name is given."""
        image = picture_of(raw.image)
        bare = isinstance(raw.image, str) and "/" not in raw.image and "." in raw.image
        if image is None or not bare or identity is None:
            return image
        return self.image_name.format(split=split or "", id=identity, image=image).lstrip("/")


def _present(**fields: Any) -> dict[str, Any]:
    """The fields that hold something."""
    return {name: value for name, value in fields.items() if value}
