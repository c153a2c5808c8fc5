"""Questions as conversations: turns in order, pictures where they stood, nothing else a picture.

What the chat formats of the trainers share. A question of its own is a conversation of one turn;
the turns of one ``dialog_id`` are one conversation. A text is a list of parts, strings and numbers
of pictures, so that a format can write its own mark for a picture and no other text is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from vqadata.exporting.rows import PictureRow, StoredPicture
from vqadata.words.markup import TOKEN

Parts: TypeAlias = "list[str | int]"
"""A text with pictures in it: strings, and numbers of pictures."""

COLUMNS = ("text", "placeholders", "system", "dialog_id", "turn", "answer", "rejected")
"""Columns of the records from which conversations are made."""

BAD_PLACEHOLDER = "placeholder-without-picture"

_SPECIAL = re.compile(rf"{TOKEN.pattern}|<(?:bbox|ref-object|cot-process)>", re.IGNORECASE)
"""Texts that a trainer would not take for text: tokens of models, which conversion has broken up
already, and the marks of ms-swift (``swift/template/base.py``)."""


class Turn(NamedTuple):
    """A question and its answer."""

    question: Mapping[str, Any]
    """The record's columns."""
    asked: Parts
    answer: str
    rejected: list[str]
    """Worse answers to the same question."""


class Conversation(NamedTuple):
    """Turns about the pictures of one row."""

    split: str
    system: str | None
    turns: list[Turn]
    pictures: list[StoredPicture]
    """All pictures of the row; the numbers in the texts refer to them."""

    def preferences(self) -> Iterator[tuple[Conversation, str]]:
        """For each worse answer, the conversation up to the better one, and the worse one."""
        for number, turn in enumerate(self.turns):
            upto = self._replace(turns=self.turns[: number + 1])
            yield from ((upto, rejected) for rejected in turn.rejected)

    def shown(self) -> list[StoredPicture]:
        """The pictures in the order in which the texts mention them."""
        mentions = (part for turn in self.turns for part in turn.asked if isinstance(part, int))
        return [self.pictures[number] for number in mentions]


class Refused(NamedTuple):
    """Questions that are no turn of any conversation, and why."""

    reason: str
    questions: list[dict[str, Any]]


def conversations(row: PictureRow) -> Iterator[Conversation]:
    """Join the questions of a row into conversations, in the order of their first turns.

    Args:
        row: Questions that all have an answer, with the columns of :data:`COLUMNS`.
    """
    by_dialog: dict[Any, list[dict[str, Any]]] = {}
    for number, question in enumerate(row.questions):
        key = number if question["dialog_id"] is None else question["dialog_id"]
        by_dialog.setdefault(key, []).append(question)
    for questions in by_dialog.values():
        ordered = sorted(questions, key=lambda question: question["turn"] or 0)
        yield Conversation(
            row.split, _system(ordered), list(_turns(ordered, len(row.pictures))), row.pictures
        )


def bad_placeholders(row: PictureRow) -> list[dict[str, Any]]:
    """The questions that name a picture which the row does not have."""
    count = len(row.pictures)
    return [q for q in row.questions if any(p["image"] >= count for p in q["placeholders"])]


def with_marks(parts: Parts, mark: str) -> str:
    """A text in which ``mark`` stands for each picture.

    >>> with_marks([0, "What is in ", 1, "?"], "<image>")
    '<image>What is in <image>?'
    """
    return "".join(mark if isinstance(part, int) else part for part in parts)


def is_special(text: str) -> bool:
    """Whether a text holds something that a trainer would not take for text."""
    return _SPECIAL.search(text) is not None


def broken(text: str) -> str:
    """The text with a space in each special token, so that it stays text.

    >>> broken("what does <image> mean in <|im_end|>?")
    'what does < image> mean in < |im_end|>?'
    """
    return _SPECIAL.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)


def _system(questions: Iterable[Mapping[str, Any]]) -> str | None:
    return next((q["system"] for q in questions if q["system"] is not None), None)


def _turns(questions: list[dict[str, Any]], pictures: int) -> Iterator[Turn]:
    """The turns; pictures that no text places stand before the first one."""
    placed = {mark["image"] for question in questions for mark in question["placeholders"]}
    ahead: Parts = [number for number in range(pictures) if number not in placed]
    for question in questions:
        asked = [*ahead, *_parts(question["text"], question["placeholders"])]
        ahead = []
        yield Turn(question, asked, question["answer"], question["rejected"])


def _parts(text: str, placeholders: list[dict[str, int]]) -> Iterator[str | int]:
    """Cut a text where its pictures stood."""
    start = 0
    for mark in sorted(placeholders, key=lambda mark: mark["offset"]):
        if mark["offset"] > start:
            yield text[start : mark["offset"]]
            start = mark["offset"]
        yield mark["image"]
    if text[start:]:
        yield text[start:]
