r"""Conversations about pictures, in the shapes that trainers read, as linked records.

Each turn of the user with its answer is a record; the turns of one conversation share
``dialog_id``. Placeholders are taken out of the text, and where they stood is kept, so that no
token of a model's template is left for a tokenizer to find. A conversation whose placeholders and
pictures do not match is not guessed at.

Space between a placeholder and the border of the text is not kept: ``<image>\nWhat?`` is
``What?`` with its picture before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from vqadata.layouts.row_reading import Lost
from vqadata.layouts.typed import BadRecord
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

PLACEHOLDERS = "placeholder-count"
TURN_ORDER = "turn-order"

Role: TypeAlias = Literal["system", "user", "assistant"]

_SLOT = re.compile(
    r"<img>(?P<path>[^<>]*)</img>"
    r"|<image>|<__dj__image>|<\|image\|>"
    r"|<\|vision_start\|>(?:<\|image_pad\|>)+<\|vision_end\|>"
    r"|<\|?image[ _-]?(?P<number>[1-9]\d{0,2})\|?>"
)
"""Marks that stand for a picture: of Qwen-VL 1, LLaVA and most trainers, Data-Juicer, Llama 3.2,
Qwen2-VL, and numbered ones of Phi-3 and EvalScope."""


class Slot(NamedTuple):
    """A mark in a text where a picture stands."""

    token: str
    """The mark itself."""
    name: str | None = None
    """The picture, where the mark names it."""
    number: int | None = None
    """Its place in the list of pictures, from 0, where the mark says it."""


Content: TypeAlias = list[str | Slot]
"""What somebody said: pieces of text and marks of pictures, in order."""


class Utterance(NamedTuple):
    """One message."""

    role: Role
    content: Content
    place: str
    """Where it stands in the file."""


class Conversation(NamedTuple):
    """A conversation as its format gives it."""

    utterances: list[Utterance]
    pictures: list[str]
    """The pictures that are listed beside the messages."""
    rejected: list[str] = []  # noqa: RUF012 - never changed
    """Worse answers to the last turn."""
    extra: str | None = None
    """JSON of what has no place here."""


class _Turn(NamedTuple):
    question: Content
    answer: str | None


class Shown(NamedTuple):
    """A text without its marks."""

    text: str
    placeholders: list[dict[str, int]]
    """Number of the picture and offset of each mark; see :class:`vqadata.record.Placeholder`."""


def parse_text(text: str) -> Content:
    """Cut a text at the marks of pictures.

    >>> parse_text("See <image>here")
    ['See ', Slot(token='<image>', name=None, number=None), 'here']
    """
    content: Content = []
    end = 0
    for match in _SLOT.finditer(text):
        content.append(text[end : match.start()])
        number = int(match["number"]) - 1 if match["number"] else None
        content.append(Slot(match[0], match["path"], number))
        end = match.end()
    content.append(text[end:])
    return [piece for piece in content if piece != ""]


def conversation_rows(record: RawRecord, conversation: Conversation) -> Sequence[Row | Lost]:
    """One row a turn.

    Raises:
        BadRecord: Turns are out of order, or placeholders and pictures do not match.
    """
    system, turns = _turns(record, conversation.utterances)
    listed = conversation.pictures
    _check_slots(record, turns, len(listed))
    inline = [slot.name for turn in turns for slot in _slots(turn) if slot.name is not None]
    pictures = [*listed, *inline]
    numbers = iter(_numbers(turns, len(listed)))
    shown = [without_marks(turn.question, numbers) for turn in turns]
    if shown and [each.placeholders for each in shown[1:]] == [[]] * (len(shown) - 1):
        shown[0] = _with_default_places(shown[0], len(pictures))
    rows = [
        _row(turn, each, pictures) | {"system": system, "extra": conversation.extra}
        for turn, each in zip(turns, shown, strict=True)
    ]
    if rows:
        rows[-1]["rejected"] = conversation.rejected
    if len(rows) == 1:
        return rows
    return [row | {"turn": number} for number, row in enumerate(rows)]


def _row(turn: _Turn, shown: Shown, pictures: list[str]) -> Row:
    answer = turn.answer
    return {
        "image_path": pictures[0] if pictures else None,
        "more_image_paths": pictures[1:],
        "text": shown.text,
        "placeholders": shown.placeholders,
        "given_answer": answer,
        "answers": [] if answer is None else [{"answer": answer}],
    }


def _turns(record: RawRecord, utterances: list[Utterance]) -> tuple[str | None, list[_Turn]]:
    """The system prompt, and questions with their answers; the last may have none."""
    spoken = [utterance for utterance in utterances if utterance.role != "system"]
    system = [utterance for utterance in utterances if utterance.role == "system"]
    if system and utterances[: len(system)] != system:
        late = next(u for u, v in zip(system, utterances, strict=False) if u != v)
        raise _out_of_order(late.place, "system", "user or assistant")
    turns = []
    for number, utterance in enumerate(spoken):
        expected = ("user", "assistant")[number % 2]
        if utterance.role != expected:
            raise _out_of_order(utterance.place, utterance.role, expected)
        if number % 2 == 0:
            following = spoken[number + 1 : number + 2]
            answer = _plain(following[0].content) if following else None
            turns.append(_Turn(utterance.content, answer))
    if not turns:
        why = Rejection(TURN_ORDER, record.path, "no turn of a user", "a question and an answer")
        raise BadRecord(why)
    return "\n".join(_plain(each.content) for each in system) or None, turns


def _out_of_order(place: str, found: str, expected: str) -> BadRecord:
    return BadRecord(Rejection(TURN_ORDER, place, found, expected))


def _plain(content: Content) -> str:
    """The text with its marks as they stood: what an answer says is no picture."""
    return "".join(piece if isinstance(piece, str) else piece.token for piece in content)


def _slots(turn: _Turn) -> list[Slot]:
    return [piece for piece in turn.question if isinstance(piece, Slot)]


def _check_slots(record: RawRecord, turns: list[_Turn], listed: int) -> None:
    """See to it that marks and listed pictures are as many, or that there are no marks."""
    slots = [slot for turn in turns for slot in _slots(turn) if slot.name is None]
    numbers = {slot.number for slot in slots}
    fits = len(slots) == listed if numbers == {None} else numbers == set(range(listed))
    if slots and not fits:
        found = f"{len(slots)} placeholder{'s' * (len(slots) != 1)}: {slots[0].token}"
        expected = f"{listed}, one for each picture"
        raise BadRecord(Rejection(PLACEHOLDERS, record.path, found, expected))


def _numbers(turns: list[_Turn], listed: int) -> list[int]:
    """The picture of each mark, in order."""
    numbers, next_listed, next_inline = [], 0, listed
    for slot in (slot for turn in turns for slot in _slots(turn)):
        if slot.name is not None:
            numbers.append(next_inline)
            next_inline += 1
        elif slot.number is not None:
            numbers.append(slot.number)
        else:
            numbers.append(next_listed)
            next_listed += 1
    return numbers


def without_marks(content: Content, numbers: Iterator[int]) -> Shown:
    """Take the marks out of a text, and the space at its borders.

    Args:
        content: The text.
        numbers: The picture of each mark, in order.
    """
    text, marks = "", []
    for piece in content:
        if isinstance(piece, Slot):
            marks.append((next(numbers), len(text)))
        else:
            text += piece
    clean = text.strip()
    lead = len(text) - len(text.lstrip())
    places = [{"image": image, "offset": min(max(at - lead, 0), len(clean))} for image, at in marks]
    return Shown(clean, places)


def _with_default_places(shown: Shown, pictures: int) -> Shown:
    """Without placeholders where they say what is so without them: all pictures stand first."""
    first = [{"image": number, "offset": 0} for number in range(pictures)]
    return shown._replace(placeholders=[]) if shown.placeholders == first else shown
