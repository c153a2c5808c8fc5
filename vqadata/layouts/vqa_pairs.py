"""Tells the files of the official VQA layout, and which annotations go with which questions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from vqadata.converting.look import FileLook, Look
from vqadata.steps import Recognition

_SUBSET = re.compile(r"(?:train|val(?:id)?|test)(?:-dev|-std)?(?:20\d\d)?")

QUESTION_FIELDS = frozenset({
    "question_id", "image_id", "question", "answers", "multiple_choice_answer", "question_type",
    "answer_type", "split", "multiple_choices", "coco_split",
})  # fmt: skip
"""Fields that a question of the official layout may have."""


def is_questions(file: FileLook) -> bool:
    """Whether a file holds questions in the official layout, and perhaps their answers."""
    needed = {"question_id", "image_id", "question"}
    return file.form == "json" and needed <= file.fields <= QUESTION_FIELDS


def is_annotations(file: FileLook) -> bool:
    """Whether a file holds answers in the official layout."""
    return file.form == "json" and {"question_id", "answers"} <= file.fields - {"question"} and (
        "question" not in file.fields
    )  # fmt: skip


def says_ok_vqa(look: Look) -> bool:
    """Whether any file says that it is OK-VQA: in its header, by its name or by its answers."""
    return any(
        "OK-VQA" in str(file.header.get("info"))
        or "okvqa" in re.sub(r"[^a-z]", "", file.path.name.lower())
        or any(_is_stemmed(record.get("answers")) for record in file.records[:1])
        for file in look.files
    )


def _is_stemmed(answers: Any) -> bool:
    """Whether answers are those of OK-VQA: with ``raw_answer``, or ten plain texts."""
    if not isinstance(answers, list) or not answers:
        return False
    return isinstance(answers[0], str) or "raw_answer" in answers[0]


def recognised_pairs(asked: Sequence[FileLook], known: Sequence[FileLook]) -> Recognition:
    """The options that name questions files, each with its annotations file.

    Files go together if they are of the same subset, such as ``train2014``; one file of each kind
    does so anyway. ``test-dev`` is a part of ``test``, and is left out beside it.

    Args:
        asked: The questions files, at least one.
        known: The annotations files.
    """
    paths = tuple(file.path for file in (*asked, *known))
    if len(asked) == 1 and len(known) <= 1:
        return _told(list(asked), list(known))
    asked = _without_part_of_another(asked)
    for kind, files in (("questions", asked), ("annotations", known)):
        subset, count = Counter(map(subset_of, files)).most_common(1)[0] if files else ("", 0)
        if count > 1:
            what = f"{count} {kind} files of {subset}" if subset else f"{count} {kind} files"
            return Recognition(paths, {}, f"{what}, which are not told apart")
    of_subset = {subset_of(file): file for file in known}
    pairs = [(file, of_subset.pop(subset_of(file), None)) for file in asked]
    if of_subset:
        (alone, *_) = of_subset.values()
        return Recognition(paths, {}, f"{alone.path.name} goes with no questions file")
    pairs.sort(key=lambda pair: pair[1] is None)
    return _told([pair[0] for pair in pairs], [file for _, file in pairs if file is not None])


def subset_of(file: FileLook) -> str:
    """What part of a data set a file is of: ``train2014``, ``test-dev2015``; empty if unknown.

    The header says it, else the name does.
    """
    said = file.header.get("data_subtype")
    if isinstance(said, str) and said:
        return said.lower()
    named = _SUBSET.search(file.path.name.lower())
    return named[0] if named else ""


def _without_part_of_another(asked: Sequence[FileLook]) -> list[FileLook]:
    subsets = {subset_of(file) for file in asked}
    return [
        f for f in asked if re.sub("-(dev|std)", "", subset_of(f)) not in subsets - {subset_of(f)}
    ]


def _told(asked: list[FileLook], known: list[FileLook]) -> Recognition:
    questions, annotations = ([file.path for file in files] for files in (asked, known))
    names = ", ".join(path.name for path in questions)
    why = f"{names} has question, question_id and image_id"
    if annotations:
        why += f", {', '.join(path.name for path in annotations)} has question_id and answers"
    options = {"questions": questions, "annotations": annotations}
    return Recognition((*questions, *annotations), options, why)
