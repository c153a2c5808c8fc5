"""OpenAI chat messages with content parts as JSON lines, for API servers and for EvalScope.

Format: https://platform.openai.com/docs/guides/images-vision, and EvalScope's custom VQA
(https://evalscope.readthedocs.io/en/latest/advanced_guides/custom_dataset/vlm.html), which reads
the messages up to the question, and ``answer``.

One row, with ``--answers field``::

    {"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "images/0f/0f3c....jpg"}},
        {"type": "text", "text": "What is this?"}]}],
     "answer": "a net", "question_ids": ["458752000"]}

With ``--answers message`` the answer is the last message instead, the form of a fine-tuning file.
"""

from __future__ import annotations

import base64
from typing import Any, ClassVar, Literal

from pydantic import Field

from vqadata.exporting.conversations import Conversation, Parts
from vqadata.exporting.outbox import Outbox
from vqadata.exporting.rows import StoredPicture
from vqadata.layouts.chat_export import ChatExport, question_ids
from vqadata.shards.reader import Shards


class Openai(ChatExport):
    """OpenAI-style messages with content parts; pictures as files or inside as data URIs."""

    example: ClassVar[str] = (
        "vqadata export openai shards -o openai --pictures inside --answers field"
    )

    pictures: Literal["files", "inside"] = Field(
        "files", description="Pictures as files with relative paths, or inside as data URIs."
    )
    answers: Literal["message", "field"] = Field(
        "message",
        description="The last answer as the last message (fine-tuning), or in a field of its own, "
        "answer (evaluation; EvalScope reads this).",
    )

    def write(self, shards: Shards, outbox: Outbox) -> None:
        """Write one line a conversation; see :class:`~vqadata.steps.Export`."""
        for conversation in self.conversations(shards, outbox):
            name = outbox.names[conversation.split]
            outbox.write_line(f"{name}.jsonl", self._row(conversation, outbox))
            outbox.deliver(conversation.split, len(conversation.turns))

    def _row(self, conversation: Conversation, outbox: Outbox) -> dict[str, Any]:
        told: list[dict[str, Any]] = []
        if conversation.system:
            told.append({"role": "system", "content": conversation.system})
        for turn in conversation.turns:
            content = self._content(turn.asked, conversation.pictures, outbox)
            told.append({"role": "user", "content": content})
            told.append({"role": "assistant", "content": turn.answer})
        row: dict[str, Any] = {"messages": told}
        if self.answers == "field":
            row["answer"] = told.pop()["content"]
        return row | {"question_ids": question_ids(conversation)}

    def _content(
        self, parts: Parts, pictures: list[StoredPicture], outbox: Outbox
    ) -> list[dict[str, Any]]:
        return [
            {"type": "text", "text": part}
            if isinstance(part, str)
            else {"type": "image_url", "image_url": {"url": self._url(pictures[part], outbox)}}
            for part in parts
        ]

    def _url(self, picture: StoredPicture, outbox: Outbox) -> str:
        if self.pictures == "files":
            return outbox.add_picture(picture)
        text = base64.b64encode(picture.data or b"").decode("ascii")
        return f"data:{picture.media_type};base64,{text}"
