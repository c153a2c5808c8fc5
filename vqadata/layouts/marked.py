"""Questions and choices in whose texts pictures stand, by marks such as ``<image 1>``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from vqadata.layouts.chat import PLACEHOLDERS, Content, Slot, parse_text, without_marks
from vqadata.layouts.typed import BadRecord
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Marked(NamedTuple):
    """A question and its choices without marks."""

    text: str
    placeholders: list[dict[str, int]]
    choices: list[str]
    """A picture that is a choice, or stands in one, is called ``image 1`` and so on."""


def take_marks(
    record: RawRecord, question: str, choices: Sequence[str], pictures: Mapping[int, int]
) -> Marked:
    """Take the marks of pictures out of a question and its choices.

    Pictures that only the choices mention, or nothing, come after the text if others stand in it:
    the choices are shown there. If none does, all come before it.

    Args:
        record: The record, for its place.
        question: The question.
        choices: The choices.
        pictures: The pictures of the record, from 0, by the numbers that marks give them, from 0.
            A mark without a number means the next one.

    Raises:
        BadRecord: A mark has no picture.
    """
    asked, *offered = [_only_marks(parse_text(text)) for text in (question, *choices)]
    numbers = _numbers(record, [asked, *offered], pictures)
    shown = without_marks(asked, numbers)
    worded = ["".join(_worded(content, numbers)).strip() for content in offered]
    return Marked(shown.text, _completed(shown.placeholders, pictures, len(shown.text)), worded)


def _only_marks(content: Content) -> Content:
    """A mark that names its picture itself stays text: the pictures are listed elsewhere."""
    return [
        piece.token if isinstance(piece, Slot) and piece.name is not None else piece
        for piece in content
    ]


def _numbers(
    record: RawRecord, contents: Sequence[Content], pictures: Mapping[int, int]
) -> Iterator[int]:
    """The picture of each mark, in order."""
    following = iter(pictures)
    for slot in (piece for content in contents for piece in content if isinstance(piece, Slot)):
        number = next(following, None) if slot.number is None else slot.number
        if number is None or number not in pictures:
            expected = f"marks of its {len(pictures)} pictures"
            raise BadRecord(Rejection(PLACEHOLDERS, record.path, slot.token, expected))
        yield pictures[number]


def _worded(content: Content, numbers: Iterator[int]) -> Iterator[str]:
    for piece in content:
        yield piece if isinstance(piece, str) else f"image {next(numbers) + 1}"


def _completed(
    placeholders: list[dict[str, int]], pictures: Mapping[int, int], end: int
) -> list[dict[str, int]]:
    """The placeholders of all pictures; none where all come first, as without placeholders."""
    if not placeholders:
        return []
    shown = {mark["image"] for mark in placeholders}
    rest = [{"image": n, "offset": end} for n in pictures.values() if n not in shown]
    first = [{"image": n, "offset": 0} for n in pictures.values()]
    completed = [*placeholders, *rest]
    return [] if completed == first else completed


def right_choice(said: Row, choices: Sequence[str]) -> Row:
    """The columns of the answers to a multiple choice, whose only answer may be a letter.

    Args:
        said: ``answers`` (each an :class:`~vqadata.record.Answer`), ``given_answer``,
            ``correct_choice`` and ``choices`` as the source gives them.
        choices: The choices without marks.
    """
    answers: list[Row] = said["answers"]
    only = answers[0]["answer"] if len(answers) == 1 else ""
    correct = said["correct_choice"]
    if correct is None:
        correct = _meant(only, said["choices"])
    if correct is None:
        return {"answers": answers}
    right = choices[correct]
    if only:
        answers = [{"answer": right} if only == right else {"answer": right, "raw_answer": only}]
    return {"answers": answers, "given_answer": right, "correct_choice": correct}


def _meant(answer: str, offered: list[str]) -> int | None:
    """The number of the choice that an answer repeats, or names by its letter: A is 0."""
    if answer in offered:
        return offered.index(answer)
    letter = answer.strip().upper()
    number = _LETTERS.find(letter) if len(letter) == 1 else -1
    return number if 0 <= number < len(offered) else None
