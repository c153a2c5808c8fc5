r"""Dotted paths into a record: ``meta.image.0``, with ``\\.`` for a dot inside a key.

A star stands for every item of a list: ``qas.*.question``; see :mod:`vqadata.layouts.starred`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from vqadata.errors import OptionError
from vqadata.reading.json_scan import place_of

FieldPath: TypeAlias = tuple[str, ...]
"""The keys and list indexes that lead to a field."""

NOTHING: Final = object()
"""What :func:`look_up` gives where a record does not have the field; ``None`` is JSON null."""

EVERY = "*"
"""The part of a path that stands for every item of a list."""

DEEPEST = 4
"""Levels down to which fields are listed."""


def split_path(text: str) -> FieldPath:
    r"""The parts of a dotted path.

    >>> split_path(r"meta.file\.name.0")
    ('meta', 'file.name', '0')

    Raises:
        OptionError: A part is empty.
    """
    parts = [""]
    letters = iter(text)
    for letter in letters:
        if letter == ".":
            parts.append("")
        else:
            parts[-1] += next(letters, "\\") if letter == "\\" else letter
    if "" in parts:
        expected = "names with dots between, such as meta.image.0"
        raise OptionError(f"field {text!r}", "an empty name", expected, r"Write a dot as \. in it.")
    return tuple(parts)


def join_path(path: Iterable[str]) -> str:
    r"""The dotted path of some parts; :func:`split_path` undoes it."""
    return ".".join(re.sub(r"([.\\])", r"\\\1", part) for part in path)


def look_up(members: Any, path: FieldPath) -> Any:
    """The value at ``path``, or :data:`NOTHING`; behind a star the first that says anything."""
    for number, part in enumerate(path):
        if part == EVERY and isinstance(members, list):
            found = (look_up(item, path[number + 1 :]) for item in members)
            return next((value for value in found if value not in (NOTHING, None)), NOTHING)
        if isinstance(members, dict) and part in members:
            members = members[part]
        elif isinstance(members, list) and part.isdecimal() and int(part) < len(members):
            members = members[int(part)]
        else:
            return NOTHING
    return members


def place(record: str, path: FieldPath) -> str:
    """Where a field stands in a file.

    >>> place("data[17]", ("images", "0")), place("line 4", ("image",))
    ('data[17].images[0]', 'line 4: image')
    """
    steps = "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in path)
    return place_of(record, steps.removeprefix("."))


def without(members: Mapping[str, Any], path: FieldPath) -> dict[str, Any]:
    """A copy of ``members`` that lacks the field, and the objects that this would leave empty.

    A field inside a list stays, because the others would move.
    """
    rest = dict(members)
    head, *tail = path
    inner = rest.get(head)
    if not tail:
        rest.pop(head, None)
    elif isinstance(inner, dict):
        rest[head] = without(inner, tuple(tail))
        if not rest[head]:
            del rest[head]
    return rest


def fields_of(members: Mapping[str, Any], above: FieldPath = ()) -> Iterator[tuple[FieldPath, Any]]:
    """The fields of a record with their values; an object is one only if it is empty or deep."""
    for key, value in members.items():
        path = (*above, key)
        if isinstance(value, dict) and value and len(path) < DEEPEST:
            yield from fields_of(value, path)
        else:
            yield path, value


def nearest(name: str, known: Iterable[str], least: float = 0.6) -> str | None:
    """The name of ``known`` that is most like ``name``; ``None`` if none is ``least`` alike."""
    found = difflib.get_close_matches(name, list(known), 1, least)
    return found[0] if found else None
