"""What the exports for trainers share: conversations, their pictures, and what stays out.

Three things go wrong with chat data in practice, and are seen to here: a mark such as ``<image>``
in a user's own text is counted as a picture; a picture that cannot be read ends the run, or another
row silently takes its place; a question without an answer becomes a turn that is trained on as
empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from vqadata.exporting.conversations import (
    BAD_PLACEHOLDER,
    COLUMNS,
    Conversation,
    Turn,
    bad_placeholders,
    broken,
    conversations,
    is_special,
    with_marks,
)
from vqadata.exporting.outbox import NO_ANSWER, Outbox
from vqadata.exporting.rows import PictureRow, picture_rows
from vqadata.shards.reader import Shards
from vqadata.steps import Export

SPECIAL_TOKEN = "special-token"  # noqa: S105 - a reason, no password


class ChatExport(Export):
    """Conversations for a trainer."""

    special_tokens: Literal["break", "leave-out", "keep"] = Field(
        "break",
        description="What to do with <image>, <|im_end|> and the like in the text of a question or "
        "an answer: break puts a space into it, so that no trainer takes it for a picture or an "
        "end; the rows are listed.",
    )

    def conversations(self, shards: Shards, outbox: Outbox) -> Iterator[Conversation]:
        """Yield all conversations that can be trained on; note the questions that are left out."""
        for row in picture_rows(shards, COLUMNS):
            if row.fault is not None:
                outbox.leave_out(row.fault, row.questions)
            else:
                for conversation in conversations(self._usable(row, outbox)):
                    yield self._safe(conversation, outbox)

    def _usable(self, row: PictureRow, outbox: Outbox) -> PictureRow:
        """The row without the questions that are left out."""
        unplaced = bad_placeholders(row)
        left = []
        for question in row.questions:
            if question["answer"] is None:
                outbox.leave_out(NO_ANSWER, [question])
            elif question in unplaced:
                outbox.leave_out(BAD_PLACEHOLDER, [question])
            elif self.special_tokens == "leave-out" and any(map(is_special, _texts(question))):
                outbox.leave_out(SPECIAL_TOKEN, [question])
            else:
                left.append(question)
        return row._replace(questions=left)

    def _safe(self, conversation: Conversation, outbox: Outbox) -> Conversation:
        """The conversation with broken tokens."""
        if self.special_tokens == "keep":
            return conversation
        turns = []
        for turn in conversation.turns:
            if any(map(is_special, _texts(turn.question))):
                outbox.remark("changed", SPECIAL_TOKEN, turn.question)
            turns.append(_broken(turn))
        system = conversation.system and broken(conversation.system)
        return conversation._replace(turns=turns, system=system)


def messages(conversation: Conversation, mark: str) -> list[dict[str, str]]:
    """A conversation as messages with ``role`` and ``content``, ``mark`` for each picture."""
    told = [{"role": "system", "content": conversation.system}] if conversation.system else []
    for turn in conversation.turns:
        told.append({"role": "user", "content": with_marks(turn.asked, mark)})
        told.append({"role": "assistant", "content": turn.answer})
    return told


def question_ids(conversation: Conversation) -> list[str]:
    """The ids of the questions, turn by turn."""
    return [turn.question["question_id"] for turn in conversation.turns]


def _texts(question: Mapping[str, Any]) -> Iterator[str]:
    yield from (question["text"], question["answer"], question["system"] or "")
    yield from question["rejected"]


def _broken(turn: Turn) -> Turn:
    return turn._replace(
        asked=[broken(part) if isinstance(part, str) else part for part in turn.asked],
        answer=broken(turn.answer),
        rejected=[broken(text) for text in turn.rejected],
    )
