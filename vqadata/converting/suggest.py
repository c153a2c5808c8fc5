"""Proposes a field map for a file, and says what it is sure of and what not.

Names and values must agree: a field is taken if it is called like what is wanted and holds what is
wanted. Points for the name (:data:`EXACT` to :data:`OVERLAP`) and for the values (two if they are
of the kind, one if they may be) are added. Where two fields have the most points, none is taken: a
wrong map costs more than a question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from vqadata.converting.look import Look, is_keyed
from vqadata.errors import VqaDataError
from vqadata.layouts.field_fit import (
    EXACT,
    HOLDS,
    WEAK,
    choice_columns,
    fit,
    name_points,
    points_at_choices,
)
from vqadata.layouts.field_map import ANSWER_NAMES, NAMES
from vqadata.layouts.field_path import FieldPath, join_path, split_path
from vqadata.layouts.field_profile import FieldProfile, profile_fields
from vqadata.layouts.starred import candidates, item_rows, with_star
from vqadata.layouts.table import read_table
from vqadata.layouts.typed import BadRecord
from vqadata.steps import Recognition

SAMPLE = 500
"""Records that are looked at."""

SURE_FIT = 2
"""Points for the values without which a vague name convinces nobody."""


FROM_ONE = "may count from 1"
"""Why no field is the number of the right choice: the numbers would do from 0 and from 1."""

FROM_ONE_REMEDY = "--constant first_choice=1 if it counts from 1"
"""What to say where they do."""


class Finding(NamedTuple):
    """What one canonical name is mapped to."""

    value: str | list[str]
    """The dotted path, or the paths."""
    evidence: str
    """Why: the name, the values, an example."""


class Doubt(NamedTuple):
    """A name for which no field was taken."""

    reason: str
    """``tied``, ``perhaps``, or :data:`FROM_ONE`."""
    candidates: list[str]
    """Dotted paths of the fields that come into question, the likeliest first."""
    evidence: str
    """An example value of each."""


class _Candidate(NamedTuple):
    profile: FieldProfile
    name_points: int
    fit: int

    @property
    def points(self) -> int:
        return self.name_points + 2 * self.fit


@dataclass(frozen=True)
class Suggestion:
    """A proposed field map."""

    file: str
    """Name of the file."""
    rows: int
    """Records that were looked at."""
    sure: dict[str, Finding]
    """Canonical names that were told."""
    unsure: dict[str, Doubt]
    """Canonical names that were not, with the fields that come into question."""
    rest: list[str]
    """Fields without a canonical name: they go to ``extra``."""

    @property
    def is_complete(self) -> bool:
        """Whether the picture, the question and the answer were all told."""
        answered = any(name in self.sure for name in ANSWER_NAMES)
        return answered and {"image", "question"} <= self.sure.keys()

    @property
    def left_answers(self) -> list[str]:
        """Fields called like an answer that were not taken for one, nor for anything else."""
        return [path for path in self.rest if {*split_path(path)} & {*ANSWER_NAMES}]

    def to_map(self) -> dict[str, str | list[str]]:
        """The sure part, as :func:`vqadata.layouts.field_map.parse_map` takes it."""
        return {name: finding.value for name, finding in self.sure.items()}

    def to_yaml(self) -> str:
        """The map as YAML: the sure lines, and the others as comments to decide on."""
        lines = [f"# proposed by vqadata map suggest, after {self.rows} records of {self.file}"]
        for name, finding in self.sure.items():
            lines += [f"# {name}: {finding.evidence}", _line(name, finding.value)]
        if not self.sure:
            lines.append("{}")
        if self.unsure:
            lines += ["", "# not sure; take away the # of what is right:"]
        for name, doubt in self.unsure.items():
            lines.append(f"# {name}: {doubt.reason}: {doubt.evidence}")
            lines += [f"# {_line(name, candidate)}" for candidate in doubt.candidates]
        for missing in self._missing():
            lines.append(f"# {missing}: no field was found for it, and it is needed")
        if self.rest:
            lines += ["", f"# these go to extra: {', '.join(self.rest)}"]
        return "\n".join("".join(c if c.isprintable() else " " for c in line) for line in lines)

    def in_lists(self, lists: Sequence[FieldPath], rows: int) -> Suggestion:
        """The map for records of which this one knows one item of each of ``lists``."""

        def starred(dotted: str) -> str:
            return join_path(with_star(split_path(dotted), lists))

        sure = {
            name: found._replace(
                value=starred(found.value)
                if isinstance(found.value, str)
                else [*map(starred, found.value)]
            )
            for name, found in self.sure.items()
        }
        unsure = {
            name: doubt._replace(candidates=[*map(starred, doubt.candidates)])
            for name, doubt in self.unsure.items()
        }
        return Suggestion(self.file, rows, sure, unsure, [*map(starred, self.rest)])

    def _missing(self) -> list[str]:
        known = {*self.sure, *self.unsure}
        needed = [name for name in ("image", "question") if name not in known]
        return needed + ([] if known & {*ANSWER_NAMES} else ["answer"])


def suggest_map(path: Path, records: str | None = None) -> Suggestion:
    """Propose a field map for a file.

    Args:
        path: JSON, JSON lines, CSV or TSV, plain or packed.
        records: Dotted path to the list of records; by default the file's only list.

    Raises:
        VqaDataError: The file cannot be read, or no record of it.
    """
    return suggest_for(_sample(Path(path), records), Path(path).name)


def suggest_for(rows: list[dict[str, Any]], file: str) -> Suggestion:
    """Propose a field map for some records of a file; see :func:`suggest_map`.

    Where no field is the question, the items of a list may be several of them.
    """
    told = _suggest(rows, file)
    if "question" in told.sure or "question" in told.unsure:
        return told
    for lists in candidates(rows):
        inside = _suggest(item_rows(rows, lists), file)
        asked = [name for name in ("question", *ANSWER_NAMES) if name in inside.sure]
        known = asked[:1] == ["question"] and len(asked) > 1
        if known and all(_is_inside(inside.sure[name], lists) for name in asked):
            return inside.in_lists(lists, len(rows))
    return told


def _is_inside(finding: Finding, lists: Sequence[FieldPath]) -> bool:
    """Whether all fields of a finding stand in items of the lists."""
    paths = [split_path(path) for path in _paths(finding)]
    return all(any(path[: len(one)] == one for one in lists) for path in paths)


def _suggest(rows: list[dict[str, Any]], file: str) -> Suggestion:
    profiles = [profile for profile in profile_fields(rows) if profile.values]
    columns = choice_columns(profiles)
    ranked = {name: _ranked(name, profiles, rows, columns) for name in NAMES}
    best = {name: _best(found, _eclipses(name, profiles)) for name, found in ranked.items()}
    taken = _one_name_each(best)
    sure = {name: _finding(name, best, len(rows)) for name, best in taken.items() if best}
    if columns and "choices" not in sure:
        evidence = f"fields side by side, for example {columns[0].example}"
        sure["choices"] = Finding([column.dotted for column in columns], evidence)
    used = {path for finding in sure.values() for path in _paths(finding)}
    # A picture may be named by its id, so a field that is the image_id may serve for both.
    unsure = {
        name: _doubt(ranked[name], set() if name == "image" else used)
        for name in NAMES
        if name not in sure
    }
    if not sure.keys() & {*ANSWER_NAMES}:
        unsure["correct_choice"] = unsure["correct_choice"] or _from_one(profiles, rows, columns)
    return Suggestion(
        file=file,
        rows=len(rows),
        sure={name: sure[name] for name in NAMES if name in sure},
        unsure={name: doubt for name, doubt in unsure.items() if doubt},
        rest=[profile.dotted for profile in profiles if profile.dotted not in used],
    )


def told_by_fields(look: Look) -> Recognition:
    """The files of one map, if names and values tell what is the picture and what the question.

    Files without an answer are read too (test splits), but not where it is unclear which it is.
    """
    told: dict[Path, dict[str, str | list[str]]] = {}
    missing = ""
    for file in look.files:
        if file.records and file.form in ("json", "keyed", "lines", "table"):
            suggestion = suggest_for(file.records, file.path.name)
            unclear = _unclear(suggestion)
            if unclear:
                missing = unclear if "question" in suggestion.sure else missing
            else:
                told[file.path] = suggestion.to_map()
    if not told:
        return Recognition(missing=missing)
    together: dict[str, str | list[str]] = {}
    for found in sorted(told.values(), key=len):
        together |= found
    if any(together[name] != path for found in told.values() for name, path in found.items()):
        return Recognition(tuple(told), {}, "files whose fields have different names")
    fields = [
        f"{name}={path}"
        for name, paths in together.items()
        for path in ([paths] if isinstance(paths, str) else paths)
    ]
    needed = [name for name in ("image", "question", *ANSWER_NAMES) if name in together]
    shown = ", ".join(f"{_shown(together[name])} as {name}" for name in needed)
    why = f"names and values of its fields tell {shown}"
    return Recognition(tuple(told), {"data": list(told), "field": fields}, why)


def _unclear(suggestion: Suggestion) -> str:
    """What is not plain enough to read a file without a map; empty if all is."""
    needed = [name for name in ("image", "question") if name not in suggestion.sure]
    if not needed and not suggestion.is_complete:
        needed = [name for name in ANSWER_NAMES if name in suggestion.unsure][:1]
        if suggestion.left_answers and not needed:
            left = " or ".join(suggestion.left_answers)
            return f"a field that is plainly the answer; perhaps {left}"
    if not needed:
        return ""
    what = {"image": "the picture", "question": "the question"}.get(needed[0], "the answer")
    doubt = suggestion.unsure.get(needed[0])
    perhaps = f"; perhaps {' or '.join(doubt.candidates)}" if doubt else ""
    return f"a field that is plainly {what}{perhaps}"


def _shown(paths: str | list[str]) -> str:
    return paths if isinstance(paths, str) else ", ".join(paths)


def _sample(path: Path, records: str | None) -> list[dict[str, Any]]:
    table = read_table(path, records, keep_whole=True, keyed=records is None and is_keyed(path))
    rows: list[dict[str, Any]] = []
    fault = ""
    for raw in islice(table, SAMPLE):
        try:
            rows.append(table.decode(raw))
        except BadRecord as bad:
            fault = fault or f"; {bad.why.path}: found {bad.why.found}, expected {bad.why.expected}"
    if not rows:
        found = f"none of the first {min(SAMPLE, table.count)} records can be read{fault}"
        found = found if fault else "no records"
        raise VqaDataError(str(path), found, "records with named fields", "Look into the file.")
    return rows


def _ranked(
    name: str,
    profiles: list[FieldProfile],
    rows: list[dict[str, Any]],
    columns: list[FieldProfile],
) -> list[_Candidate]:
    """The fields that ``name`` may be mapped to, the likeliest first."""
    candidates = [
        _Candidate(profile, name_points(name, profile), fit(name, profile, rows, columns))
        for profile in profiles
        if profile not in columns
    ]
    by_values = name in ("image", "question")
    fitting = [c for c in candidates if c.fit and (c.name_points or (by_values and c.fit > 1))]
    return sorted(fitting, key=lambda candidate: -candidate.points)


def _eclipses(name: str, profiles: list[FieldProfile]) -> list[FieldProfile]:
    """The fields that have just that name: beside one no field of a vague name is taken."""
    return [profile for profile in profiles if name_points(name, profile) == EXACT]


def _best(ranked: list[_Candidate], exact: list[FieldProfile]) -> _Candidate | None:
    """The one field that name and values speak for; ``None`` if it is not one."""
    if not ranked or ranked[0].name_points < WEAK:
        return None
    best = ranked[0]
    if best.name_points == WEAK and any(profile is not best.profile for profile in exact):
        return None
    if best.name_points == WEAK and best.fit < SURE_FIT:
        return None
    if len(ranked) > 1 and ranked[1].points == best.points:
        return None
    return best


def _one_name_each(best: dict[str, _Candidate | None]) -> dict[str, _Candidate | None]:
    """Give a field that is the best for several names to the one with most points, or to none."""
    by_field: dict[str, list[int]] = {}
    for candidate in filter(None, best.values()):
        by_field.setdefault(candidate.profile.dotted, []).append(candidate.points)

    def wins(candidate: _Candidate) -> bool:
        points = by_field[candidate.profile.dotted]
        return candidate.points == max(points) and Counter(points)[candidate.points] == 1

    return {name: found if found and wins(found) else None for name, found in best.items()}


def _finding(name: str, best: _Candidate, rows: int) -> Finding:
    profile = best.profile
    called = "called so" if best.name_points == EXACT else f"called {profile.path[-1]}"
    filled = f"filled in {len(profile.values)} of {rows} records"
    evidence = f"{called}, holds {HOLDS[name]}, {filled}, e.g. {profile.example}"
    return Finding(profile.dotted, evidence)


def _doubt(ranked: list[_Candidate], used: set[str]) -> Doubt | None:
    free = [candidate for candidate in ranked if candidate.profile.dotted not in used]
    if not free:
        return None
    top = [candidate for candidate in free if candidate.points == free[0].points]
    reason = "tied" if len(top) > 1 and top[0].name_points >= WEAK else "perhaps"
    shown = top if reason == "tied" else free
    examples = ", ".join(f"{c.profile.dotted} has {c.profile.example}" for c in shown)
    return Doubt(reason, [candidate.profile.dotted for candidate in shown], examples)


def _from_one(
    profiles: list[FieldProfile], rows: list[dict[str, Any]], columns: list[FieldProfile]
) -> Doubt | None:
    """A field called like a right choice that has numbers of choices, from 0 or from 1."""
    called = [each for each in profiles if name_points("correct_choice", each) >= WEAK]
    found = [each for each in called if points_at_choices(each, rows, columns) == "unclear"]
    evidence = ", ".join(f"{each.dotted} has {each.example}" for each in found)
    evidence = f"{evidence}; add {FROM_ONE_REMEDY}"
    return Doubt(FROM_ONE, [each.dotted for each in found], evidence) if found else None


def _paths(finding: Finding) -> list[str]:
    return [finding.value] if isinstance(finding.value, str) else finding.value


def _line(name: str, value: str | list[str]) -> str:
    import yaml

    flow = isinstance(value, list)
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True, width=float("inf"))
    shown = text.removesuffix("...\n").strip()
    return f"{name}: {shown}"
