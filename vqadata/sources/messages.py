"""Conversations as ``messages`` with ``images``: ms-swift, LLaMA-Factory, OpenAI, transformers.

Formats: https://swift.readthedocs.io (Custom dataset), LLaMA-Factory's ``data/README.md``, OpenAI's
chat completions. Content is a text with marks such as ``<image>``, or a list of parts with paths,
URLs or data URIs. Each turn becomes a record; the turns of one conversation stay linked. A worse
answer (``rejected_response``, ``rejected_messages``, ``rejected``) is kept for preference training;
an answer whose ``label`` is false (KTO) is such a one. Where the last turn has no answer, a
``solution`` beside it (GRPO) is the answer.

One raw record::

    {"messages": [{"role": "user", "content": "<image>Who are they?"},
                  {"role": "assistant", "content": "Kane and Goretzka."}],
     "images": ["mllm_demo_data/1.jpg"]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from vqadata.layouts.chat import Conversation
from vqadata.layouts.messages import (
    chat_rows,
    last_turn,
    pictures,
    solved,
    undesired,
    utterance,
    utterances,
    worse_answers,
)
from vqadata.layouts.renamed import RenamedSource
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.table import Table
from vqadata.layouts.typed import extra_json
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

NAMES = ("role", "content")
PICTURES = ("images", "image")
REJECTED = ("rejected_response", "rejected_messages", "rejected")


class Messages(RenamedSource):
    """Conversations as messages with images: ms-swift, LLaMA-Factory, OpenAI content parts."""

    example: ClassVar[str] = "vqadata convert messages train.jsonl --image-root images -o shards"
    signs: ClassVar[frozenset[str]] = frozenset({"messages"})
    unlike: ClassVar[frozenset[str]] = frozenset({"answer"})

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """A row for each turn; see :class:`~vqadata.layouts.row_source.RowSource`."""
        members = self.renamed(members)
        return chat_rows(record, members, lambda: _conversation(record, members))


def _conversation(record: RawRecord, members: dict[str, Any]) -> Conversation:
    said = utterances(members.get("messages"), record.at("messages"), NAMES)
    if isinstance(members.get("system"), str) and members["system"]:
        prompt = {"role": "system", "content": members["system"]}
        said.insert(0, utterance(prompt, record.at("system"), NAMES))
    if isinstance(members.get("chosen"), dict):
        said.append(utterance(members["chosen"], record.at("chosen"), NAMES))
    used = ("messages", "system", "chosen", *PICTURES, *REJECTED)
    rejected = next((name for name in REJECTED if members.get(name)), "rejected")
    worse = worse_answers(last_turn(members.get(rejected)), record.at(f"{rejected}"))
    if members.get("label") is False:
        said, worse = undesired(said, worse)
    said = solved(said, members)
    return Conversation(
        utterances=said,
        pictures=pictures(record, members, PICTURES),
        rejected=worse,
        extra=extra_json({name: value for name, value in members.items() if name not in used}),
    )
