"""The official VQA layout: a questions file and an annotations file, joined on ``question_id``.

Format: https://visualqa.org/download.html ("Input Questions Format", "Annotation Format"). Variants
that circulate are read too: gzip under any name, either file as a bare list, header keys missing,
annotations with nothing but ``question_id`` and ``answers``, answers as plain strings, string ids,
one file that holds questions and answers together, any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from vqadata.json_records import RawRecord, RecordList
from vqadata.layouts.typed import BadRecord, decode_record, extra_json
from vqadata.ledger import Ledger, Rejection
from vqadata.record import Answer, Origin, Record

DUPLICATE_ID = "duplicate-question-id"
UNANSWERED = "question-without-answers"
ORPHAN_ANSWERS = "answers-without-question"
BAD_ANSWERS = "bad-annotation"
OTHER_IMAGE = "image-id-mismatch"


class AnswerObject(msgspec.Struct):
    """One answer of an annotation; OK-VQA adds ``raw_answer``, the form before stemming."""

    answer: str
    answer_id: int | str | None = None
    answer_confidence: str | None = None
    raw_answer: str | None = None


class Annotation(msgspec.Struct):
    """One record of the annotations file."""

    question_id: int | str
    answers: list[str | AnswerObject]
    image_id: int | str | None = None
    multiple_choice_answer: str | None = None
    question_type: str | None = None
    answer_type: str | None = None


class Question(msgspec.Struct):
    """One record of the questions file; some variants carry the answers here."""

    question_id: int | str
    image_id: int | str
    question: str
    answers: list[str | AnswerObject] | None = None
    multiple_choice_answer: str | None = None
    question_type: str | None = None
    answer_type: str | None = None
    split: str | None = None


class Files(NamedTuple):
    """The two files, read and cut into records."""

    questions: RecordList
    questions_name: str
    annotations: RecordList | None
    annotations_name: str | None


class Mapping(NamedTuple):
    """What the source decides: names, options and how a picture is called."""

    source: str
    drop_unanswered: bool
    split: str | None
    licence: str | None
    image_path: Callable[[int | str], str]


class _Known(NamedTuple):
    """An annotation that waits for its question."""

    raw: RawRecord
    fields: Annotation | None
    extra: dict[str, Any]
    bad: Rejection | None


def join(files: Files, mapping: Mapping, ledger: Ledger) -> Iterator[Record]:
    """Yield one record a question, in the order of the questions file.

    Each record of both files is counted as seen and is yielded or noted in ``ledger``.
    """
    ledger.see(files.questions_name, len(files.questions.records))
    joiner = _Joiner(files, mapping, ledger)
    for raw in files.questions.records:
        if (record := joiner.record(raw)) is not None:
            yield record
    joiner.report_orphans()


class _Joiner:
    def __init__(self, files: Files, mapping: Mapping, ledger: Ledger) -> None:
        self._files, self._mapping, self._ledger = files, mapping, ledger
        self._first_index: dict[str, int] = {}
        self._waiting: dict[str, _Known] = {}
        if files.annotations is not None:
            ledger.see(str(files.annotations_name), len(files.annotations.records))
            for raw in files.annotations.records:
                self._remember(raw)

    def record(self, raw: RawRecord) -> Record | None:
        """Map one question; ``None`` if it went to the ledger instead."""
        origin = Origin(
            source=self._mapping.source, file=self._files.questions_name, index=raw.number
        )
        try:
            question, extra = decode_record(raw, Question)
        except BadRecord as bad:
            self._quarantine(bad.why, origin, raw, bad.members.get("question_id"))
            return None
        key = str(question.question_id)
        if (first := self._first_index.setdefault(key, raw.number)) != raw.number:
            where = raw.path.rpartition("[")[0]
            why = Rejection(
                DUPLICATE_ID, f"{raw.path}.question_id", f"{key}, as {where}[{first}]", "a new id"
            )
            self._quarantine(why, origin, raw, key)
            return None
        return self._joined(raw, question, extra, origin)

    def report_orphans(self) -> None:
        """Note the annotations whose question never came."""
        for key, known in self._waiting.items():
            origin = self._answers_origin(known.raw)
            if known.bad is not None:
                self._quarantine(known.bad, origin, known.raw, key)
            else:
                why = Rejection(ORPHAN_ANSWERS, known.raw.path, f"question_id {key}", "a question")
                self._ledger.note("dropped", why, origin, key, known.raw.raw)

    def _remember(self, raw: RawRecord) -> None:
        try:
            fields, extra = decode_record(raw, Annotation)
            known = _Known(raw, fields, extra, None)
            identity = fields.question_id
        except BadRecord as bad:
            known = _Known(raw, None, {}, bad.why)
            identity = bad.members.get("question_id")
        key = str(identity)
        if not isinstance(identity, int | str) or isinstance(identity, bool):
            self._quarantine(known.bad, self._answers_origin(raw), raw, None)
        elif key in self._waiting:
            first = self._waiting[key].raw.path
            why = Rejection(
                DUPLICATE_ID, f"{raw.path}.question_id", f"{key}, as {first}", "a new id"
            )
            self._quarantine(known.bad or why, self._answers_origin(raw), raw, key)
        else:
            self._waiting[key] = known

    def _joined(
        self, raw: RawRecord, question: Question, extra: dict[str, Any], origin: Origin
    ) -> Record | None:
        key = str(question.question_id)
        known = self._waiting.pop(key, None)
        if known is not None:
            origin = origin.model_copy(
                update={
                    "answers_file": self._files.annotations_name, "answers_index": known.raw.number,
                }
            )  # fmt: skip
            if why := known.bad or _mismatch(known, question):
                found = f"{why.reason}: {why.found}" if why is known.bad else why.found
                reason = BAD_ANSWERS if why is known.bad else why.reason
                self._quarantine(why._replace(reason=reason, found=found), origin, known.raw, key)
                return None
        annotation = known.fields if known else None
        answers = [_answer(a) for a in (annotation or question).answers or []]
        if not answers and self._answers_expected(question) and self._mapping.drop_unanswered:
            why = Rejection(UNANSWERED, raw.path, "no answers", "at least one answer")
            self._ledger.note("dropped", why, origin, key, raw.raw)
            return None
        return self._canonical(question, annotation, answers, origin, extra | _extra(known))

    def _canonical(
        self,
        question: Question,
        annotation: Annotation | None,
        answers: list[Answer],
        origin: Origin,
        extra: dict[str, Any],
    ) -> Record:
        rest = annotation or question
        if question.split is not None and self._mapping.split not in (None, question.split):
            extra = extra | {"split": question.split}
        return Record(
            question_id=str(question.question_id),
            image_path=self._mapping.image_path(question.image_id),
            text=question.question,
            given_answer=rest.multiple_choice_answer,
            answers=answers,
            question_type=rest.question_type or question.question_type,
            answer_type=rest.answer_type or question.answer_type,
            image_id=str(question.image_id),
            split=self._mapping.split or question.split or self._header("data_subtype"),
            licence=self._mapping.licence or self._licence(),
            origin=origin,
            extra=extra_json(extra),
        )

    def _answers_expected(self, question: Question) -> bool:
        return self._files.annotations is not None or question.answers is not None

    def _header(self, key: str) -> str | None:
        value = self._files.questions.header.get(key)
        return value if isinstance(value, str) else None

    def _licence(self) -> str | None:
        licence = self._files.questions.header.get("license")
        if isinstance(licence, dict):
            licence = licence.get("name") or licence.get("url")
        return licence if isinstance(licence, str) else None

    def _answers_origin(self, raw: RawRecord) -> Origin:
        name = str(self._files.annotations_name)
        return Origin(source=self._mapping.source, file=name, index=raw.number)

    def _quarantine(
        self, why: Rejection | None, origin: Origin, raw: RawRecord, identity: object
    ) -> None:
        key = None if identity is None else str(identity)
        self._ledger.note("quarantined", why or Rejection("unknown"), origin, key, raw.raw)


def _mismatch(known: _Known, question: Question) -> Rejection | None:
    theirs = known.fields.image_id if known.fields else None
    if theirs is None or str(theirs) == str(question.image_id):
        return None
    expected = f"{question.image_id}, as in the question"
    return Rejection(OTHER_IMAGE, f"{known.raw.path}.image_id", str(theirs), expected)


def _extra(known: _Known | None) -> dict[str, Any]:
    return known.extra if known else {}


def _answer(answer: str | AnswerObject) -> Answer:
    if isinstance(answer, str):
        return Answer(answer=answer)
    return Answer(
        answer=answer.answer,
        answer_id=None if answer.answer_id is None else str(answer.answer_id),
        confidence=answer.answer_confidence,
        raw_answer=answer.raw_answer,
    )
