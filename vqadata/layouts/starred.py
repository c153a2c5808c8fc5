"""Maps with a star: several questions in one record, such as those of a picture listed under it.

A star in a path stands for every item of a list, and a record becomes as many questions as the list
has items. Lists beside each other have to be of one length::

    question: qas.*.question          {"image": "1.jpg", "qas": [{"question": ..., "answer": ...}]}
    answer: qas.*.answer

    question: questions.*             {"image": "1.jpg", "questions": [...], "answers": [...]}
    answer: answers.*
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vqadata.layouts.field_map import FieldMap
from vqadata.layouts.field_path import (
    EVERY,
    NOTHING,
    FieldPath,
    fields_of,
    join_path,
    look_up,
)
from vqadata.layouts.typed import WRONG_TYPE, BadRecord, json_type
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord

UNEVEN = "uneven-lists"


def lists_of(field_map: FieldMap) -> list[FieldPath]:
    """The lists of which a map names every item, in order."""
    paths = [path for each in field_map.values() for path in each.paths if EVERY in path]
    return [*dict.fromkeys(path[: path.index(EVERY)] for path in paths)]


def maps_of(record: RawRecord, members: Mapping[str, Any], field_map: FieldMap) -> list[FieldMap]:
    """The map of each question of a record: the number of its item in the place of the star.

    Raises:
        BadRecord: What should be a list is none, or the lists are of different lengths.
    """
    lists = lists_of(field_map)
    lengths = {path: _length(record, members, path) for path in lists}
    known = {path: length for path, length in lengths.items() if length is not None}
    if len({*known.values()}) > 1:
        found = ", ".join(f"{join_path(path)} {length}" for path, length in known.items())
        raise BadRecord(Rejection(UNEVEN, record.path, found, "lists of one length"))
    count = next(iter(known.values()), 0)
    return [_numbered(field_map, str(number)) for number in range(count)]


def rest_of(members: Mapping[str, Any], field_map: FieldMap, number: int) -> dict[str, Any]:
    """The members with only the item of that number in the place of each list that has stars."""
    rest = dict(members)
    for path in lists_of(field_map):
        items = look_up(members, path)
        if isinstance(items, list):
            rest = _put(rest, path, items[number])
    return rest


def single(field_map: FieldMap) -> FieldMap:
    """The map for what :func:`rest_of` gives: without stars."""
    return {
        name: each._replace(
            paths=tuple(tuple(p for p in path if p != EVERY) for path in each.paths)
        )
        for name, each in field_map.items()
    }


def candidates(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[FieldPath, ...]]:
    """The lists that may hold a question an item: of objects, or several side by side."""
    found: dict[FieldPath, dict[int, list[Any]]] = {}
    for number, row in enumerate(rows):
        for path, value in fields_of(row):
            if isinstance(value, list) and value:
                found.setdefault(path, {})[number] = value
    for path, values in found.items():
        if all(isinstance(item, dict) for value in values.values() for item in value):
            yield (path,)
    for one, values in found.items():
        beside = [path for path, others in found.items() if _go_together(values, others)]
        if beside[0] == one:
            yield tuple(beside)


def _go_together(some: dict[int, list[Any]], others: dict[int, list[Any]]) -> bool:
    """Whether two lists have one length in most of the records that have both."""
    both = some.keys() & others.keys()
    alike = sum(len(some[number]) == len(others[number]) for number in both)
    return 2 * alike > len(both)


def item_rows(
    rows: Sequence[Mapping[str, Any]], lists: Sequence[FieldPath]
) -> list[dict[str, Any]]:
    """The rows with one item in the place of each list; one with lists of other lengths is left."""
    result = []
    for row in rows:
        found = [look_up(row, path) for path in lists]
        items = [item for item in found if isinstance(item, list)]
        if len(items) == len(lists) and len({len(item) for item in items}) == 1:
            for values in zip(*items, strict=True):
                one = dict(row)
                for path, value in zip(lists, values, strict=True):
                    one = _put(one, path, value)
                result.append(one)
    return result


def with_star(path: FieldPath, lists: Sequence[FieldPath]) -> FieldPath:
    """A path into what :func:`item_rows` gives as one into the record.

    >>> with_star(("qas", "answer"), [("qas",)]), with_star(("image",), [("qas",)])
    (('qas', '*', 'answer'), ('image',))
    """
    above = next((one for one in lists if path[: len(one)] == one), None)
    return path if above is None else (*above, EVERY, *path[len(above) :])


def _length(record: RawRecord, members: Mapping[str, Any], path: FieldPath) -> int | None:
    """The number of items; ``None`` where the list is not there."""
    value = look_up(members, path)
    if value is NOTHING or value is None:
        return None
    if not isinstance(value, list):
        where = record.at(join_path(path))
        raise BadRecord(Rejection(WRONG_TYPE, where, json_type(value), "list"))
    return len(value)


def _numbered(field_map: FieldMap, number: str) -> FieldMap:
    return {
        name: each._replace(
            paths=tuple(tuple(number if p == EVERY else p for p in path) for path in each.paths)
        )
        for name, each in field_map.items()
    }


def _put(members: Mapping[str, Any], path: FieldPath, value: Any) -> dict[str, Any]:
    """A copy of the members with a value at a path that is there."""
    head, *tail = path
    inner = _put(members[head], tuple(tail), value) if tail else value
    return {**members, head: inner}
