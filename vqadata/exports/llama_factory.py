"""LLaMA-Factory: conversations as JSON lines, and the ``dataset_info.json`` that describes them.

Format: https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md (ShareGPT and OpenAI
format). The number of ``<image>`` marks equals that of ``images``; a preference row ends with the
question and names both answers.

One row of ``train.jsonl`` and one of ``train-preference.jsonl``, in ShareGPT form::

    {"conversations": [{"from": "human", "value": "<image>What is this?"},
                       {"from": "gpt", "value": "a net"}],
     "system": "", "images": ["images/0f/0f3c....jpg"], "question_ids": ["458752000"]}
    {"conversations": [{"from": "human", "value": "<image>What is this?"}],
     "chosen": {"from": "gpt", "value": "a net"}, "rejected": {"from": "gpt", "value": "a wall"},
     "system": "", "images": [...], "question_ids": [...]}

Train with: ``llamafactory-cli train --dataset_dir OUT --media_dir OUT --dataset train ...``
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal

from pydantic import Field

from vqadata.exporting.collecting import Collection
from vqadata.exporting.conversations import Conversation
from vqadata.exporting.outbox import Outbox
from vqadata.layouts.chat_export import ChatExport, messages, question_ids
from vqadata.shards.reader import Shards

MARK = "<image>"

_PREFERENCE = "-preference"

_SHAREGPT = {"role": "from", "content": "value", "user": "human", "assistant": "gpt"}
_OPENAI = {"role": "role", "content": "content", "user": "user", "assistant": "assistant"}


class LlamaFactory(ChatExport):
    """LLaMA-Factory: ShareGPT or OpenAI conversations, with their dataset_info.json."""

    example: ClassVar[str] = "vqadata export llama-factory shards -o llama-factory"

    form: Literal["sharegpt", "openai"] = Field(
        "sharegpt",
        description="Words of the rows: sharegpt (conversations, from, value) or openai (messages, "
        "role, content).",
    )

    def write(self, shards: Shards, outbox: Outbox) -> None:
        """Write one line a conversation; see :class:`~vqadata.steps.Export`."""
        for conversation in self.conversations(shards, outbox):
            name = outbox.names[conversation.split]
            outbox.write_line(f"{name}.jsonl", self._row(conversation, outbox))
            outbox.deliver(conversation.split, len(conversation.turns))
            for upto, rejected in conversation.preferences():
                row = self._preference(upto, rejected, outbox)
                outbox.write_line(f"{name}{_PREFERENCE}.jsonl", row)

    def finish(self, shards: Shards, collection: Collection) -> None:  # noqa: ARG002 - not asked for here
        """Write ``dataset_info.json``, which describes the files that there are."""
        described = {}
        for split in collection.names.values():
            for name in (split, f"{split}{_PREFERENCE}"):
                if collection.has_lines(file := f"{name}.jsonl"):
                    described[name] = self._described(file, ranking=name != split)
        text = json.dumps(described, indent=1, sort_keys=True)
        (collection.folder / "dataset_info.json").write_text(text + "\n", encoding="utf-8")

    @property
    def _words(self) -> dict[str, str]:
        return _SHAREGPT if self.form == "sharegpt" else _OPENAI

    @property
    def _column(self) -> str:
        return "conversations" if self.form == "sharegpt" else "messages"

    def _row(self, conversation: Conversation, outbox: Outbox) -> dict[str, Any]:
        told = messages(conversation._replace(system=None), MARK)
        return {
            self._column: [self._said(**message) for message in told],
            "system": conversation.system or "",
            "images": [outbox.add_picture(picture) for picture in conversation.shown()],
            "question_ids": question_ids(conversation),
        }

    def _preference(
        self, conversation: Conversation, rejected: str, outbox: Outbox
    ) -> dict[str, Any]:
        row = self._row(conversation, outbox)
        chosen = row[self._column].pop()
        return row | {"chosen": chosen, "rejected": self._said("assistant", rejected)}

    def _said(self, role: str, content: str) -> dict[str, str]:
        words = self._words
        return {words["role"]: words[role], words["content"]: content}

    def _described(self, file: str, ranking: bool = False) -> dict[str, Any]:
        """The entry of ``dataset_info.json`` for one file."""
        words = self._words
        columns = {"messages": self._column, "system": "system", "images": "images"}
        tags = {f"{name}_tag": words[name] for name in ("role", "content", "user", "assistant")}
        entry: dict[str, Any] = {"file_name": file, "formatting": "sharegpt"}
        if ranking:
            columns |= {"chosen": "chosen", "rejected": "rejected"}
            entry["ranking"] = True
        return entry | {"columns": columns, "tags": tags}
