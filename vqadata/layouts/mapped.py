"""Records of any shape, read through a field map: the rows, their ids and their account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from vqadata.errors import OptionError
from vqadata.json_scan import RawRecord
from vqadata.layouts.field_map import ABSENT_IN_TESTS, ANSWER_NAMES, FieldMap
from vqadata.layouts.field_path import (
    NOTHING,
    FieldPath,
    fields_of,
    join_path,
    look_up,
    nearest,
    place,
    without,
)
from vqadata.layouts.mapped_value import ANSWER_KEYS, MappedRow, is_nothing
from vqadata.layouts.table import Table
from vqadata.layouts.typed import BadRecord, extra_json
from vqadata.ledger import Ledger, Rejection
from vqadata.record import Answer, Origin, Record

DUPLICATE_ID = "duplicate-question-id"
UNANSWERED = "question-without-answers"

SHOWN_FIELDS = 40
"""Fields that an error names at most."""

TYPO = 0.8
"""Likeness from which a field that lacks in a file without answers is taken for misspelt."""


class Rules(NamedTuple):
    """What the source decides: names and options."""

    source: str
    file: str
    """The file's name in the ledger."""
    stem: str
    """What ids begin with where the file has none."""
    drop_unanswered: bool
    split: str | None
    licence: str | None


class Survey(NamedTuple):
    """What a first look at all records of a file finds."""

    missing: list[tuple[str, FieldPath]]
    """Names and paths of the map that no record has."""
    answered: bool
    """Whether any record has an answer."""
    fields: list[str]
    """Dotted paths of the fields that there are."""
    readable: bool
    """Whether any record could be read."""


def map_rows(table: Table, field_map: FieldMap, rules: Rules, ledger: Ledger) -> Iterator[Record]:
    """Yield one record a row, in file order; note in ``ledger`` what becomes of the others.

    Raises:
        OptionError: The map names a field that no record has.
    """
    ledger.see(rules.file, len(table.records))
    if table.broken is not None:
        end = Origin(source=rules.source, file=rules.file, index=len(table.records))
        ledger.note_break(end, *table.broken)
    survey = survey_table(table, field_map)
    check_paths(survey, field_map, rules.file)
    mapper = _Mapper(field_map, rules, ledger, survey.answered)
    for raw in table.records:
        if (record := mapper.record(raw, table)) is not None:
            yield record


def survey_table(table: Table, field_map: FieldMap) -> Survey:
    """Look for every path of a map, and for answers, until all is found."""
    wanted = [(name, path) for name, selector in field_map.items() for path in selector.paths]
    answered, fields = False, dict[str, None]()
    for members in _readable(table):
        fields |= dict.fromkeys(join_path(path) for path, _ in fields_of(members))
        wanted = [(name, path) for name, path in wanted if look_up(members, path) is NOTHING]
        answered = answered or any(
            not is_nothing(value)
            for name in ANSWER_NAMES
            if name in field_map
            for _, value in field_map[name].values(members)
        )
        if answered and not wanted:
            break
    return Survey(wanted, answered, list(fields), bool(fields))


def check_paths(survey: Survey, field_map: FieldMap, file: str) -> None:
    """See to it that some record has each field that a map names.

    A file without any answer may lack their fields, unless one is there that is nearly called so.

    Raises:
        OptionError: No record has one of them.
    """
    taken = {join_path(path) for selector in field_map.values() for path in selector.paths}
    free = [field for field in survey.fields if field not in taken]
    for name, path in survey.missing if survey.readable else []:
        dotted = join_path(path)
        test_split = name in ABSENT_IN_TESTS and not survey.answered
        near = nearest(dotted, free, TYPO) if test_split else nearest(dotted, survey.fields)
        if test_split and near is None:
            continue
        more = ", ..." if len(survey.fields) > SHOWN_FIELDS else ""
        raise OptionError(
            f"field map: {name}",
            f"no record of {file} has {dotted!r}",
            f"one of {', '.join(survey.fields[:SHOWN_FIELDS])}{more}",
            f"Did you mean {near!r}?" if near else "Correct the map.",
        )


class _Mapper:
    def __init__(self, field_map: FieldMap, rules: Rules, ledger: Ledger, answered: bool) -> None:
        given = {"split": rules.split, "licence": rules.licence}
        self._map = {name: s for name, s in field_map.items() if given.get(name) is None}
        self._rules, self._ledger, self._answered = rules, ledger, answered
        self._first: dict[str, str] = {}

    def record(self, raw: RawRecord, table: Table) -> Record | None:
        """Map one row; ``None`` if it went to the ledger instead."""
        origin = Origin(source=self._rules.source, file=self._rules.file, index=raw.number)
        members: Mapping[str, Any] = {}
        try:
            members = table.decode(raw)
            record = self._mapped(raw, members, origin)
        except BadRecord as bad:
            key = self._identity(raw, members)
            self._ledger.note("quarantined", bad.why, origin, key, raw.raw)
            return None
        key = record.question_id
        if (first := self._first.setdefault(key, raw.path)) != raw.path:
            why = Rejection(DUPLICATE_ID, self._place_of_id(raw), f"{key}, as {first}", "a new id")
            self._ledger.note("quarantined", why, origin, key, raw.raw)
            return None
        if not record.answers and self._answered and self._rules.drop_unanswered:
            why = Rejection(UNANSWERED, raw.path, "no answers", "at least one answer")
            self._ledger.note("dropped", why, origin, key, raw.raw)
            return None
        return record

    def _mapped(self, raw: RawRecord, members: Mapping[str, Any], origin: Origin) -> Record:
        row = MappedRow(raw, members, self._map)
        image, *more = row.images()
        choices = row.texts("choices")
        correct = row.correct_choice(choices)
        right = [Answer(answer=choices[correct])] if correct is not None else []
        answers = row.answers() or right
        given = row.text("answer") or next((answer.answer for answer in right), None)
        return Record(
            question_id=row.text("question_id") or f"{self._rules.stem}-{raw.number}",
            image_path=image,
            more_image_paths=more,
            text=row.question(),
            given_answer=given,
            answers=answers,
            choices=choices,
            correct_choice=correct,
            rationales=row.texts("rationales"),
            question_type=row.text("question_type"),
            answer_type=row.text("answer_type"),
            image_id=row.text("image_id"),
            split=self._rules.split or row.text("split"),
            licence=self._rules.licence or row.text("licence"),
            origin=origin,
            extra=extra_json(self._rest(members)),
        )

    def _rest(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """What the canonical record has no place for."""
        rest = dict(members)
        for name, selector in self._map.items():
            for path, value in selector.values(members):
                if path and not self._holds_more(name, value, members):
                    rest = without(rest, path)
        return rest

    def _holds_more(self, name: str, value: Any, members: Mapping[str, Any]) -> bool:
        """Whether a mapped value says more than the record keeps of it."""
        if name == "answers" and isinstance(value, list):
            return any(isinstance(item, dict) and item.keys() - {*ANSWER_KEYS} for item in value)
        if name == "answer" and "answers" in self._map:
            return any(not is_nothing(v) for _, v in self._map["answers"].values(members))
        return False

    def _identity(self, raw: RawRecord, members: Mapping[str, Any]) -> str | None:
        """The id of a row that could not be mapped, if it can be told."""
        try:
            return MappedRow(raw, members, self._map).text("question_id")
        except BadRecord:
            return None

    def _place_of_id(self, raw: RawRecord) -> str:
        paths = self._map["question_id"].paths if "question_id" in self._map else ()
        return place(raw.path, paths[0]) if paths else raw.path


def _readable(table: Table) -> Iterator[dict[str, Any]]:
    """The members of every record that can be decoded."""
    for raw in table.records:
        try:
            yield table.decode(raw)
        except BadRecord:
            continue
