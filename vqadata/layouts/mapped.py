"""Records of any shape, read through a field map: what the map finds, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vqadata.errors import OptionError
from vqadata.layouts.field_map import ABSENT_IN_TESTS, ANSWER_NAMES, FieldMap
from vqadata.layouts.field_path import (
    NOTHING,
    FieldPath,
    fields_of,
    join_path,
    look_up,
    nearest,
    without,
)
from vqadata.layouts.mapped_value import ANSWER_KEYS, MappedRow, is_nothing
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.starred import lists_of, maps_of, rest_of, single
from vqadata.layouts.table import Table
from vqadata.layouts.typed import BadRecord
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

SHOWN_FIELDS = 40
"""Fields that an error names at most."""

TYPO = 0.8
"""Likeness from which a field that lacks in a file without answers is taken for misspelt."""


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


def survey_table(table: Table, field_map: FieldMap) -> Survey:
    """Look for every path of a map, and for answers, until all is found."""
    wanted = [(name, path) for name, selector in field_map.items() for path in selector.paths]
    answered, fields = False, dict[str, None]()
    for members in table.readable():
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


def mapped_rows(
    record: RawRecord,
    members: dict[str, Any],
    field_map: FieldMap,
    make: Callable[[MappedRow, dict[str, Any]], Row],
) -> list[Row | Lost]:
    """The questions of a record: one, or one an item of the lists that the map stars.

    Args:
        record: The record.
        members: Its members.
        field_map: The map.
        make: Makes a row of what the map finds, and of the members that it leaves.

    Raises:
        BadRecord: The record cannot be used, or its one question.
    """
    if not lists_of(field_map):
        said = MappedRow(record, members, field_map)
        return [make(said, unmapped(members, field_map))]
    maps = maps_of(record, members, field_map)
    alone, rows = single(field_map), list[Row | Lost]()
    for number, own in enumerate(maps):
        rest = unmapped(rest_of(members, field_map, number), alone)
        try:
            row = make(MappedRow(record, members, own), rest)
        except BadRecord as bad:
            rows.append(Lost("quarantined", bad.why))
            continue
        shared = "question_id" in row and own["question_id"] == field_map["question_id"]
        rows.append(row | {"question_id": f"{row['question_id']}-{number}"} if shared else row)
    return rows


def question_columns(row: MappedRow) -> Row:
    """What a map says of the question itself: text, answers, choices, types.

    Raises:
        BadRecord: A value is not of the type that is wanted.
    """
    choices = row.texts("choices")
    correct = row.correct_choice(choices)
    right = [{"answer": choices[correct]}] if correct is not None else []
    return {
        "text": row.question(),
        "given_answer": row.text("answer") or next((answer["answer"] for answer in right), None),
        "answers": row.answers() or right,
        "choices": choices,
        "correct_choice": correct,
        "rationales": row.texts("rationales"),
        "rejected": row.texts("rejected"),
        "question_type": row.text("question_type"),
        "answer_type": row.text("answer_type"),
        "image_id": row.text("image_id"),
    }


def unmapped(members: Mapping[str, Any], field_map: FieldMap) -> dict[str, Any]:
    """What the canonical record has no place for."""
    rest = dict(members)
    for name, selector in field_map.items():
        for path, value in selector.values(members):
            if path and not _holds_more(name, value, members, field_map):
                rest = without(rest, path)
    return rest


def _holds_more(name: str, value: Any, members: Mapping[str, Any], field_map: FieldMap) -> bool:
    """Whether a mapped value says more than the record keeps of it."""
    if name == "answers" and isinstance(value, list):
        return any(isinstance(item, dict) and item.keys() - {*ANSWER_KEYS} for item in value)
    if name == "answer" and "answers" in field_map:
        return any(not is_nothing(v) for _, v in field_map["answers"].values(members))
    return False
