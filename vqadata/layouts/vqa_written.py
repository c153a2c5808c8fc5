"""How a file of the official VQA layout is written, so that the same file can be written again.

Files differ in what the records do not tell: header members, ids as numbers or texts, answers as
objects or plain texts, annotations with or without ``image_id``. A file is nearly always of one
kind; so the kind is kept once, in the manifest, and only a record that is written in another way
than the first one is kept as it is, in its ``extra``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from vqadata.layouts.typed import json_type
from vqadata.reading.json_blocks import JsonBlocks
from vqadata.shards.manifest import InputForm

if TYPE_CHECKING:
    import pyarrow as pa

AS_WRITTEN = {"Question": "question_as_written", "Annotation": "annotation_as_written"}
"""Members of ``extra`` that hold a whole record, by the layout's name of its shape."""

OF_QUESTION = "question."
"""Before the name of a question's member in ``extra``, where the annotation has another value."""

HEADER_LIMIT = 1 << 16
"""Bytes of JSON of one header member that is kept."""

ANSWER_MEMBERS = {"answer", "answer_id", "answer_confidence", "raw_answer"}

_MIXED = "mixed"


class Written:
    """How the records of one file are written."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.members: set[str] = set()
        """Names of members that some record has."""
        self.types: dict[str, str] = {}
        """Types in the first record; see :func:`written_types`."""

    def fits(self, batch: pa.RecordBatch, first: bytes) -> bool:
        """Whether a block of one kind is written like the first record of the file.

        Args:
            batch: The members of its records, as columns.
            first: Its first record.
        """
        before, absent = self.types, batch.column("image_id").null_count
        if self.fits_record(first) and absent == ("image_id" not in self.types) * len(batch):
            return True
        self.types = before  # its records will be asked for one by one
        return False

    def fits_record(self, raw: bytes) -> bool:
        """Whether one record, which is known to be good, is written like the first one."""
        types = written_types(msgspec.json.decode(raw))
        self.types = self.types or types
        alike = all(types.get(k) == self.types.get(k) for k in ("question_id", "image_id"))
        # A record may have no answers, and the first one with answers says how they are written.
        self.types = types | self.types
        return alike and _MIXED not in types.values() and types.items() <= self.types.items()

    def note(self, batch: pa.RecordBatch, names: tuple[str, ...]) -> None:
        """Note which members the records of a block have."""
        self.members |= {name for name in names if batch.column(name).null_count < len(batch)}


def input_form(blocks: JsonBlocks, written: Written) -> InputForm:
    """What the manifest keeps of a file that was read to its end."""
    long = {k for k, v in blocks.header.items() if len(msgspec.json.encode(v)) > HEADER_LIMIT}
    return InputForm(
        key=blocks.key,
        header={name: value for name, value in blocks.header.items() if name not in long},
        omitted=sorted(long),
        members=sorted(written.members),
        types=dict(sorted(written.types.items())),
    )


def written_types(members: Mapping[str, Any]) -> dict[str, str]:
    """JSON types of what can be written in more than one way.

    >>> written_types({"question_id": 1, "image_id": "a", "answers": [{"answer_id": 1}]})
    {'question_id': 'integer', 'image_id': 'string', 'answers[]': 'object', \
'answers[].answer_id': 'integer'}
    """
    types = {
        name: json_type(members[name])
        for name in ("question_id", "image_id")
        if members.get(name) is not None
    }
    answers = members.get("answers") or []
    if answers:
        types["answers[]"] = _one({json_type(answer) for answer in answers})
    objects = [answer for answer in answers if isinstance(answer, dict)]
    ids = {json_type(a["answer_id"]) for a in objects if a.get("answer_id") is not None}
    if ids:
        types["answers[].answer_id"] = _one(ids)
    if any(set(answer) - ANSWER_MEMBERS for answer in objects):
        types["answers[]"] = _MIXED
    return types


def both_extras(question: dict[str, Any], annotation: dict[str, Any]) -> dict[str, Any]:
    """The members of both records; a question's that the annotation gives otherwise is renamed.

    >>> both_extras({"split": "a", "page": 1}, {"split": "b", "page": 1})
    {'split': 'b', 'page': 1, 'question.split': 'a'}
    """
    other = {k: v for k, v in question.items() if k in annotation and annotation[k] != v}
    return question | annotation | {OF_QUESTION + name: value for name, value in other.items()}


def _one(types: set[str]) -> str:
    return types.pop() if len(types) == 1 else _MIXED
