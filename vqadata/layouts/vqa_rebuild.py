"""Canonical records as records of the official VQA files: as they were written, or officially.

A record of a source that reads this layout is written as its file wrote it (see
:mod:`vqadata.layouts.vqa_written`); one of any other source gets the official members.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from vqadata.layouts.vqa_written import AS_WRITTEN, OF_QUESTION
from vqadata.ledger import select_entries
from vqadata.shards.manifest import InputForm
from vqadata.words.markup import MARKUP, TEXTS

COLUMNS = (
    "question_id", "image_id", "image_path", "more_image_paths", "text", "dialog_id", "answer",
    "given_answer", "answers", "question_type", "answer_type", "licence", "extra",
)  # fmt: skip
"""Columns of the records from which both kinds are made."""

_KNOWN = {
    "question_id", "image_id", "answers", "multiple_choice_answer", "question_type", "answer_type",
}  # fmt: skip
"""Members that both kinds of record have columns for."""

_CATEGORIES = {"yes": "yes/no", "no": "yes/no"}


class Originals:
    """The texts in which conversion broke up tokens of models, as they were in the source.

    Args:
        folder: The data, whose ledger holds the records as they were.
    """

    def __init__(self, folder: Path) -> None:
        """Read the remarks of the ledger."""
        entries = select_entries(folder, "flagged", MARKUP)
        self._raw = {(e.file, e.index, e.part): e.raw for e in entries if e.raw is not None}

    def restored(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """The record with its texts as they were."""
        origin = record["origin"]
        raw = self._raw.get((origin["file"], origin["index"], origin["part"]))
        if raw is None:
            return record
        before = json.loads(raw)
        return {**record, **{name: before[name] for name in (*TEXTS, "answers")}}


@lru_cache(maxsize=1)
def originals_of(folder: Path, digest: str) -> Originals:  # noqa: ARG001 - what it is told by
    """Those of a data set; piece after piece asks for the same."""
    return Originals(folder)


def question_as_written(
    record: Mapping[str, Any], form: InputForm, split: str | None
) -> dict[str, Any]:
    """A question as its file wrote it.

    Args:
        record: The canonical record.
        form: How the file was written.
        split: The split that the conversion gave to all rows, if it did.
    """
    extra = _extra(record)
    if whole := extra.get(AS_WRITTEN["Question"]):
        return dict(whole)
    written = {
        "question_id": _typed(record["question_id"], form.types.get("question_id")),
        "image_id": _typed(record["image_id"], form.types.get("image_id")),
        "question": record["text"],
        **_answering(record, form),
        **_others(extra, form, {"question"}, OF_QUESTION),
    }
    if "split" in form.members:
        own = written.get("split") if split is not None else None
        written["split"] = own or record["split"]
    return written


def annotation_as_written(record: Mapping[str, Any], form: InputForm) -> dict[str, Any]:
    """An annotation as its file wrote it."""
    extra = _extra(record)
    if whole := extra.get(AS_WRITTEN["Annotation"]):
        return dict(whole)
    written = {"question_id": _typed(record["question_id"], form.types.get("question_id"))}
    if "image_id" in form.types:
        written["image_id"] = _typed(record["image_id"], form.types["image_id"])
    return written | _answering(record, form) | _others(extra, form, set())


def official_header(record: Mapping[str, Any]) -> dict[str, Any]:
    """The top-level members of both official files, as far as a record tells them."""
    split, licence = record["split"] or "", record["licence"]
    return {
        "info": {"description": f"Converted by vqadata from {record['origin']['source']}."},
        "task_type": "Open-Ended",
        "data_type": record["origin"]["source"],
        "data_subtype": split,
        "license": {} if licence is None else {"name": licence},
    }


def official_question(record: Mapping[str, Any]) -> dict[str, Any]:
    """A question with the official members; whole numbers become numbers."""
    return {
        "image_id": _number(record["image_id"] or record["image_path"]),
        "question": record["text"],
        "question_id": _number(record["question_id"]),
    }


def official_annotation(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """An annotation with the official members; ``None`` for a question without answers.

    The official script sums up by ``question_type`` and ``answer_type``; where the source has none,
    they are set as the official files would: by the answer itself.
    """
    answers = record["answers"]
    if not answers and record["answer"] is not None:
        answers = [{"answer": record["answer"], "answer_id": None, "confidence": None}]
    if not answers:
        return None
    chosen = record["given_answer"] or record["answer"] or answers[0]["answer"]
    question = official_question(record)
    return {
        "question_type": record["question_type"] or "none of the above",
        "multiple_choice_answer": chosen,
        "answers": [_official_answer(number, a) for number, a in enumerate(answers, 1)],
        "image_id": question["image_id"],
        "answer_type": record["answer_type"] or _category(chosen),
        "question_id": question["question_id"],
    }


def _extra(record: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(record["extra"]) if record["extra"] else {}


def _answering(record: Mapping[str, Any], form: InputForm) -> dict[str, Any]:
    """The members that tell answers and types, those that the file has."""
    members = {
        "multiple_choice_answer": record["given_answer"],
        "question_type": record["question_type"],
        "answer_type": record["answer_type"],
    }
    written = {k: v for k, v in members.items() if k in form.members and v is not None}
    if "answers" in form.members:
        written["answers"] = [_answer(answer, form.types) for answer in record["answers"]]
    return written


def _answer(answer: Mapping[str, Any], types: Mapping[str, str]) -> str | dict[str, Any]:
    if types.get("answers[]") == "string":
        return str(answer["answer"])
    members = {
        "answer": answer["answer"],
        "answer_id": _typed(answer["answer_id"], types.get("answers[].answer_id")),
        "answer_confidence": answer["confidence"],
        "raw_answer": answer["raw_answer"],
    }
    return {name: value for name, value in members.items() if value is not None}


def _others(
    extra: Mapping[str, Any], form: InputForm, known: set[str], prefix: str = ""
) -> dict[str, Any]:
    """The members without a column that the file has."""
    names = set(form.members) - _KNOWN - known
    return {n: extra.get(prefix + n, extra[n]) for n in sorted(names) if n in extra}


def _typed(value: str | None, kind: str | None) -> int | str | None:
    return int(value) if value is not None and kind == "integer" else value


def _number(value: str) -> int | str:
    """A text that is just how a number is written, as that number."""
    return int(value) if value.isdecimal() and str(int(value)) == value else value


def _official_answer(number: int, answer: Mapping[str, Any]) -> dict[str, Any]:
    identity = answer["answer_id"]
    members = {
        "answer": answer["answer"],
        "answer_confidence": answer["confidence"],
        "answer_id": number if identity is None else _number(identity),
    }
    return {name: value for name, value in members.items() if value is not None}


def _category(answer: str) -> str:
    known = _CATEGORIES.get(answer.lower())
    return known or ("number" if answer.isdecimal() else "other")
