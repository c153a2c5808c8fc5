"""How well a field suits a canonical name: by what it is called, and by what it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from vqadata.layouts.field_map import FieldMap, Selector
from vqadata.layouts.field_path import look_up
from vqadata.layouts.field_profile import (
    FieldProfile,
    is_address,
    is_answers,
    is_identity,
    is_picture,
    is_question,
    is_scalar,
    is_sentence,
    is_text,
    is_texts,
    name_tokens,
)
from vqadata.layouts.mapped_value import MappedRow, Value, choice_index, is_nothing
from vqadata.layouts.typed import BadRecord
from vqadata.reading.json_scan import RawRecord

EXACT, STRONG, WEAK, OVERLAP = 4, 3, 2, 1
"""Points for a name: the canonical one; a synonym; a word that is used for other things too; a
name that shares its last word."""

_PICTURE_WORDS = ("image", "img", "picture", "pic", "photo", "figure", "fig")
_FILE_WORDS = (
    "", " path", " name", " file", " filename", " file name", " fname", " file path", " url",
    " uri", " link", " data", " bytes", " base 64", " base 64 str", " b 64",
)  # fmt: skip

SYNONYMS: dict[str, tuple[str, ...]] = {
    "image": (*map("".join, product(_PICTURE_WORDS, _FILE_WORDS)), "file name", "filename"),
    "question": ("question", "query", "question text", "question string", "q"),
    "answer": (
        "answer", "gt answer", "ground truth", "answer text", "correct answer", "final answer",
        "gt", "reference answer", "right answer", "short answer", "multiple choice answer",
        "chosen", "chosen response", "chosen answer",
    ),
    "rejected": ("rejected response", "rejected answer", "worse answer"),
    "answers": (
        "answer", "direct answer", "human answer", "reference answer", "gt answer", "ground truth",
        "annotator answer", "free form answer", "answer list", "all answer",
    ),
    "question_id": ("qid", "q id", "questionid", "question index", "question idx", "quest id"),
    "image_id": ("imageid", *(f"{word} id" for word in _PICTURE_WORDS), "imgid"),
    "choices": (
        "choice", "option", "candidate", "answer choice", "answer option", "multiple choice",
        "multiple choice option", "candidate answer",
    ),
    "correct_choice": (
        *map("".join, product(
            ("correct choice", "answer", "correct answer", "correct option", "correct", "gt",
             "right choice", "label"),
            (" idx", " index"))),
        "correct choice", "correct option", "right choice", "answer label", "answer key",
    ),
    "rationales": ("rationale", "explanation", "justification"),
    "question_type": ("question type", "qtype", "q type", "question category", "question class"),
    "answer_type": ("answer type", "atype", "a type", "answer category"),
    "split": ("data split", "subset", "partition", "dataset split"),
    "licence": ("license", "licence"),
}  # fmt: skip
"""Other names of the same thing: words in lower case and singular."""

VAGUE: dict[str, tuple[str, ...]] = {
    "image": ("file", "path", "file path", "media", "frame"),
    "question": ("prompt", "instruction", "text", "problem", "sentence", "sent", "input"),
    "answer": ("label", "target", "output", "response", "reply", "solution", "a"),
    "answers": ("label", "target", "response", "output"),
    "question_id": ("id", "uid", "index", "idx", "sample id", "item id", "example id", "row id"),
    "image_id": ("coco id", "image index", "image idx"),
    "correct_choice": ("answer", "label", "target", "correct answer", "correct", "gt", "solution"),
    "rationales": ("reason", "reasoning", "solution", "hint"),
    "split": ("set", "phase"),
}
"""Names that are used for it, and for other things too."""

SPLITS = frozenset("train training val valid validation dev test testdev trainval".split())  # noqa: SIM905
"""Names of splits."""

HOLDS: dict[str, str] = {
    "image": "picture names",
    "question": "questions",
    "answer": "single answers",
    "answers": "lists of answers",
    "question_id": "different ids",
    "image_id": "ids",
    "choices": "lists of choices",
    "correct_choice": "places of choices",
    "rationales": "texts",
    "rejected": "worse answers",
    "question_type": "few different values",
    "answer_type": "few different values",
    "split": "few different names",
    "licence": "texts",
}
"""What a field of each canonical name holds, in words."""

FEW = 20
"""Different values that a type or a split has at most."""


def name_points(name: str, profile: FieldProfile) -> int:
    """Points for what a field is called, 0 to :data:`EXACT`."""
    called = " ".join(profile.tokens)
    if profile.path[-1].lower() == name:
        return EXACT
    if called in SYNONYMS[name]:
        return STRONG
    if called in VAGUE.get(name, ()):
        return WEAK
    return OVERLAP if name_tokens(name)[-1] in profile.tokens else 0


def fit(
    name: str,
    profile: FieldProfile,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[FieldProfile],
) -> int:
    """Points for what a field holds: 2 if it is of the kind, 1 if it may be, 0 if it cannot be.

    Args:
        name: The canonical name.
        profile: The field.
        rows: The records that were looked at.
        columns: Fields that hold one choice each, if there are such.
    """
    if name in ("answer", "correct_choice"):
        points_at = points_at_choices(profile, rows, columns)
        return _fit_answer(profile, points_at) if name == "answer" else 2 * (points_at == "index")
    return _FITS[name](profile)


def choice_columns(profiles: Sequence[FieldProfile]) -> list[FieldProfile]:
    """The fields that hold one choice each: ``A``, ``B``, ... or ``Choice A``, ``Choice B``, ..."""
    found: list[FieldProfile] = []
    for profile in profiles:
        *before, last = profile.tokens or ("",)
        same = not found or found[0].tokens[:-1] == profile.tokens[:-1]
        if (
            " ".join(before) in ("", *SYNONYMS["choices"])
            and same
            and last == "abcdefghij"[len(found)]
        ):
            found.append(profile)
    return found if len(found) > 1 and all(one.mostly(is_scalar) for one in found) else []


def _fit_image(profile: FieldProfile) -> int:
    if profile.mostly(is_picture):
        return 2
    bare = max(name_points("image", profile), name_points("image_id", profile)) >= STRONG
    return int(bare and (profile.mostly(is_identity) or profile.mostly(is_address)))


def _fit_question(profile: FieldProfile) -> int:
    if not profile.mostly(is_text) or profile.mostly(is_picture):
        return 0
    if profile.share(is_question) >= 0.5:
        return 2
    # What is called just so may hold words alone, such as "modality" or "name of the shop".
    return int(profile.share(is_sentence) >= 0.7 or name_points("question", profile) == EXACT)


def _fit_answer(profile: FieldProfile, points_at: str) -> int:
    if points_at in ("index", "unclear") or not profile.mostly(is_scalar):
        return 0
    if profile.mostly(is_picture) or profile.mostly(is_texts):
        return 0
    return 1 if profile.mostly(is_question) else 2


def _fit_identity(profile: FieldProfile) -> int:
    unique = profile.distinct == len(profile.values)
    return 2 if unique and profile.mostly(is_identity) and not profile.mostly(is_picture) else 0


def _fit_type(profile: FieldProfile) -> int:
    return 2 if profile.mostly(is_scalar) and profile.distinct <= FEW else 0


def _fit_split(profile: FieldProfile) -> int:
    if profile.mostly(lambda value: isinstance(value, str) and value.lower() in SPLITS):
        return 2
    return int(profile.mostly(is_text) and profile.distinct <= FEW)


def _several(value: Any) -> bool:
    return is_texts(value) and (isinstance(value, str) or len(value) > 1)


_FITS: dict[str, Callable[[FieldProfile], int]] = {
    "image": _fit_image,
    "question": _fit_question,
    "answers": lambda profile: 2 * profile.mostly(is_answers),
    "question_id": _fit_identity,
    "image_id": lambda profile: (
        2 * (profile.mostly(is_identity) and not profile.mostly(is_picture))
    ),
    "choices": lambda profile: 2 * profile.mostly(_several),
    "rationales": lambda profile: 2 * profile.mostly(lambda v: is_texts(v) or is_sentence(v)),
    "rejected": lambda profile: 2 * profile.mostly(lambda v: is_text(v) or is_texts(v)),
    "question_type": _fit_type,
    "answer_type": _fit_type,
    "split": _fit_split,
    "licence": lambda profile: 2 * profile.mostly(is_text),
}


def points_at_choices(
    profile: FieldProfile, rows: Sequence[Mapping[str, Any]], columns: Sequence[FieldProfile]
) -> str:
    """``index`` if a field gives the number or letter of a choice in every record.

    ``text`` if it gives a choice itself; ``unclear`` if it may count from 1; empty otherwise.
    """
    pairs = _with_choices(profile, rows, columns)
    if not pairs or any(isinstance(value, list | dict | bool) for value, _ in pairs):
        return ""
    if all(str(value) in choices for value, choices in pairs):
        return "text"
    numbers = [value for value, _ in pairs if isinstance(value, int)]
    if numbers and 0 not in numbers:
        counted = all(isinstance(v, int) and 1 <= v <= len(choices) for v, choices in pairs)
        return "unclear" if counted else ""
    return "index" if all(_is_index(value, choices) for value, choices in pairs) else ""


def _with_choices(
    profile: FieldProfile, rows: Sequence[Mapping[str, Any]], columns: Sequence[FieldProfile]
) -> list[tuple[Any, list[str]]]:
    """The values of a field, each with the choices of its record."""
    pairs = []
    for row in rows:
        value = look_up(row, profile.path)
        if is_nothing(value):
            continue
        choices = _choices(row, columns)
        if not choices:
            return []
        pairs.append((value, choices))
    return pairs


def _choices(row: Mapping[str, Any], columns: Sequence[FieldProfile]) -> list[str]:
    paths = tuple(column.path for column in columns) or tuple(
        (key,)
        for key in row
        if name_points("choices", FieldProfile((key,))) >= STRONG and _several(row[key])
    )
    field_map: FieldMap = {"choices": Selector(paths)}
    try:
        return MappedRow(RawRecord(0, "", b""), row, field_map).texts("choices")
    except BadRecord:
        return []


def _is_index(value: Any, choices: Sequence[str]) -> bool:
    try:
        choice_index(Value("", value), choices)
    except BadRecord:
        return False
    return True
