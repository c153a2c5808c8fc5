"""The field map: which field of a user's file is which part of the canonical record.

A map is YAML, or flags. Its keys are the names in :data:`NAMES`; a value says where to look::

    image: {path: image_name, template: "images/{}.jpg"}   # or only: image_name
    question: question.text                                # a dotted path
    answers: labels                                        # a list, or text that spells one
    choices: [option_a, option_b, option_c]                # one field each
    split: {constant: train}
    first_choice: {constant: 1}                            # numbers of choices count from 1

A star takes each item of a list, as a question of its own: ``question: qas.*.question``; see
:mod:`vqadata.layouts.starred`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vqadata.errors import OptionError
from vqadata.groundwork.yaml_file import read_mapping
from vqadata.layouts.field_path import NOTHING, FieldPath, look_up, nearest, split_path

NAMES = (
    "image", "question", "answer", "answers", "question_id", "image_id", "choices",
    "correct_choice", "rationales", "rejected", "question_type", "answer_type", "split", "licence",
)  # fmt: skip
"""The names that a map may use."""

FIRST_CHOICE = "first_choice"
"""The name that says from where numbers of choices count: a constant, 0 or 1."""

SEVERAL = ("image", "choices", "answers", "rationales", "rejected")
"""Names that may be put together from several fields."""

ANSWER_NAMES = ("answer", "answers", "correct_choice")
"""Names that give a row its answer."""

ABSENT_IN_TESTS = (*ANSWER_NAMES, "rationales", "rejected", "question_type", "answer_type")
"""Names whose fields a split without answers may lack altogether."""

FORMS = ("path", "constant", "template", "separator")
"""Keys of a value that is a mapping."""

_TEMPLATE = re.compile(r"(?P<before>[^{}]*)\{(?::0(?P<width>\d{1,3})d?)?\}(?P<after>[^{}]*)")


class Selector(NamedTuple):
    """Where one canonical field comes from."""

    paths: tuple[FieldPath, ...] = ()
    constant: Any = NOTHING
    template: str = "{}"
    """What a value is put into: ``{}``, or ``{:012}`` to fill a number up with zeros."""
    separator: str | None = None
    """What stands between the items where a list is one text."""

    def values(self, members: Mapping[str, Any]) -> list[tuple[FieldPath, Any]]:
        """The paths with what ``members`` has there, :data:`NOTHING` where it has nothing."""
        if self.constant is not NOTHING:
            return [((), self.constant)]
        return [(path, look_up(members, path)) for path in self.paths]

    def fill(self, value: str) -> str:
        """Put ``value`` into the template.

        >>> Selector(template="COCO_{:012}.jpg").fill("42")
        'COCO_000000000042.jpg'
        """
        match = _TEMPLATE.fullmatch(self.template)
        if match is None:
            return value
        return match["before"] + value.zfill(int(match["width"] or 0)) + match["after"]


FieldMap = dict[str, Selector]
"""Canonical names with their selectors."""


def load_map(
    path: Path | None, fields: Sequence[str] = (), constants: Sequence[str] = ()
) -> FieldMap:
    """Read a field map from a YAML file and flags; flags win.

    Args:
        path: The YAML file, or ``None``.
        fields: ``NAME=DOTTED.PATH``; a name that stands there twice is put together from both.
        constants: ``NAME=VALUE``.

    Raises:
        OptionError: The file cannot be read, or a name or a value is not of the form.
    """
    found = read_mapping(path, "--map", "names with paths") if path else {}
    flags: dict[str, Any] = {}
    for name, value in (_pair(flag, "--field") for flag in fields):
        flags.setdefault(name, []).append(value)
    flags = {name: paths[0] if len(paths) == 1 else paths for name, paths in flags.items()}
    for name, value in (_pair(flag, "--constant") for flag in constants):
        flags[name] = {"constant": value}
    return parse_map(found, str(path)) | parse_map(flags, "--field")


def parse_map(values: Mapping[Any, Any], where: str) -> FieldMap:
    """Turn the mapping of a YAML file into selectors.

    Args:
        values: Canonical names with paths, lists of paths or mappings.
        where: What to name in an error.

    Raises:
        OptionError: A name is unknown, or a value is not of the form.
    """
    known = (*NAMES, FIRST_CHOICE)
    for name in values:
        if name not in known:
            near = nearest(str(name), known)
            remedy = f"Did you mean {near}?" if near else "Check the spelling."
            raise OptionError(where, f"no such name: {name}", f"one of {', '.join(known)}", remedy)
    return {name: _selector(name, value, f"{where}: {name}") for name, value in values.items()}


def check_map(field_map: FieldMap, where: str) -> None:
    """See to it that a map names what a record cannot do without.

    Raises:
        OptionError: ``image`` or ``question`` is missing, or ``choices`` to a ``correct_choice``.
    """
    suggest = "Ask for a proposal with: vqadata map suggest FILE"
    needed = ["image", "question"] + ["choices"] * ("correct_choice" in field_map)
    for name in needed:
        if name not in field_map:
            raise OptionError(where, f"{name} is not mapped", f"a path for {name}", suggest)


def _selector(name: str, value: Any, where: str) -> Selector:
    form = value if isinstance(value, dict) else {"path": value}
    for key in form:
        if key not in FORMS:
            raise OptionError(where, f"no such key: {key}", f"one of {', '.join(FORMS)}")
    if ("path" in form) == ("constant" in form):
        raise OptionError(where, "not one of path and constant", "a path, or {constant: VALUE}")
    if name == FIRST_CHOICE and str(form.get("constant")) not in ("0", "1"):
        found = f"found {form.get('constant', value)!r}"
        raise OptionError(where, found, "a constant, 0 or 1", "See --constant.")
    if "constant" in form:
        return Selector(constant=form["constant"])
    template, separator = form.get("template", "{}"), form.get("separator")
    if not isinstance(template, str) or not _TEMPLATE.fullmatch(template):
        raise OptionError(where, f"template {template!r}", 'text with one {} or {:012}, "{}.jpg"')
    if separator is not None and (not isinstance(separator, str) or not separator):
        raise OptionError(where, f"separator {separator!r}", 'text such as "|"')
    return Selector(_paths(name, form["path"], where), template=template, separator=separator)


def _paths(name: str, value: Any, where: str) -> tuple[FieldPath, ...]:
    several = isinstance(value, list)
    if several and name not in SEVERAL:
        expected = f"one path (only {', '.join(SEVERAL)} take several)"
        raise OptionError(where, "a list", expected)
    paths = value if several else [value]
    if not paths or not all(type(path) in (str, int) and path != "" for path in paths):
        raise OptionError(where, f"found {value!r}", "a dotted path, in quotes if need be")
    return tuple(split_path(str(path)) for path in paths)


def _pair(flag: str, option: str) -> tuple[str, str]:
    name, equals, value = flag.partition("=")
    if not equals or not value:
        raise OptionError(option, f"found {flag!r}", "NAME=VALUE, such as image=image_name")
    return name.strip(), value
