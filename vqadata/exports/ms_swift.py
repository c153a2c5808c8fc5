"""ms-swift: JSON lines of messages and pictures, and of preferences.

Format: https://swift.readthedocs.io/en/latest/Customization/Custom-dataset.html (standard format).
The number of ``<image>`` marks equals that of ``images``. A path that is not absolute is looked up
from the working directory, or under the environment variable ROOT_IMAGE_DIR.

One row of ``train.jsonl``, and one of ``train-preference.jsonl``::

    {"messages": [{"role": "user", "content": "<image>What is this?"},
                  {"role": "assistant", "content": "a net"}],
     "images": ["images/0f/0f3c....jpg"], "question_ids": ["458752000"]}
    {"messages": [...], "rejected_response": "a wall", "images": [...], "question_ids": [...]}

Train with: ``ROOT_IMAGE_DIR=OUT swift sft --dataset OUT/train.jsonl ...``
"""

from __future__ import annotations

from typing import Any, ClassVar

from vqadata.exporting.conversations import Conversation
from vqadata.exporting.outbox import Outbox
from vqadata.layouts.chat_export import ChatExport, messages, question_ids
from vqadata.shards.reader import Shards

MARK = "<image>"


class MsSwift(ChatExport):
    """ms-swift: messages and images as JSON lines; worse answers as rejected_response."""

    example: ClassVar[str] = "vqadata export ms-swift shards -o swift"

    def write(self, shards: Shards, outbox: Outbox) -> None:
        """Write one line a conversation; see :class:`~vqadata.steps.Export`."""
        for conversation in self.conversations(shards, outbox):
            name = outbox.names[conversation.split]
            outbox.write_line(f"{name}.jsonl", _row(conversation, outbox))
            outbox.deliver(conversation.split, len(conversation.turns))
            for upto, rejected in conversation.preferences():
                row = _row(upto, outbox) | {"rejected_response": rejected}
                outbox.write_line(f"{name}-preference.jsonl", row)


def _row(conversation: Conversation, outbox: Outbox) -> dict[str, Any]:
    return {
        "messages": messages(conversation, MARK),
        "images": [outbox.add_picture(picture) for picture in conversation.shown()],
        "question_ids": question_ids(conversation),
    }
