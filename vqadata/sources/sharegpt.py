"""Conversations as ``conversations`` with ``from`` and ``value``: ShareGPT, LLaVA, Qwen-VL.

Origin: LLaVA (https://github.com/haotian-liu/LLaVA, ``docs/Finetune_Custom_Data.md``), ShareGPT
dumps, LLaMA-Factory's ``sharegpt`` formatting, ms-swift's ``conversation`` pairs. ``id`` of LLaVA's
own files repeats for one picture, so it is kept beside the record and is not its id.

One raw record::

    {"id": "000000033471", "image": "coco/train2017/000000033471.jpg", "conversations": [
        {"from": "human", "value": "<image> What are the colors of the bus?"},
        {"from": "gpt", "value": "The bus in the image is white and red."}, ...]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from vqadata.converting.look import FileLook
from vqadata.layouts.chat import Conversation
from vqadata.layouts.messages import chat_rows, pictures, utterance, utterances, worse_answers
from vqadata.layouts.renamed import RenamedSource
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.table import Table
from vqadata.layouts.typed import extra_json
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

NAMES = ("from", "value")
LISTS = ("conversations", "conversation")
QUESTION = "question"
"""What messages that are pairs of question and answer have; the source ``custom`` reads those."""

PICTURES = ("image", "images", "image_path")


class Sharegpt(RenamedSource):
    """Conversations with from and value: ShareGPT, LLaVA, Qwen-VL, LLaMA-Factory."""

    example: ClassVar[str] = "vqadata convert sharegpt llava.json --image-root images -o shards"
    signs: ClassVar[frozenset[str]] = frozenset({"conversations"})

    @classmethod
    def fits(cls, file: FileLook) -> bool:
        """Whether records hold conversations; ms-swift says ``conversation``."""
        name = next((name for name in LISTS if name in file.fields), None)
        said = [message for record in file.records for message in _listed(record.get(name or ""))]
        asked = sum(isinstance(m, dict) and QUESTION in m and "from" not in m for m in said)
        return name is not None and 2 * asked <= len(said)

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """A row for each turn; see :class:`~vqadata.layouts.row_source.RowSource`."""
        members = self.renamed(members)
        return chat_rows(record, members, lambda: _conversation(record, members))


def _conversation(record: RawRecord, members: dict[str, Any]) -> Conversation:
    name = next((name for name in LISTS if name in members), LISTS[0])
    messages = _with_speakers(members.get(name))
    said = utterances(messages, record.at(f"{name}"), _names(messages))
    if isinstance(members.get("system"), str) and members["system"]:
        prompt = {"from": "system", "value": members["system"]}
        said.insert(0, utterance(prompt, record.at("system"), NAMES))
    if isinstance(members.get("chosen"), dict):
        said.append(utterance(members["chosen"], record.at("chosen"), NAMES))
    used = (name, "system", "chosen", "rejected", *PICTURES)
    return Conversation(
        utterances=said,
        pictures=pictures(record, members, PICTURES),
        rejected=worse_answers(members.get("rejected"), record.at("rejected")),
        extra=extra_json({key: value for key, value in members.items() if key not in used}),
    )


def _names(messages: Any) -> tuple[str, str]:
    """The fields of messages; some copies have the words of OpenAI under the name of ShareGPT."""
    first = next(iter(_listed(messages)), None)
    return ("role", "content") if isinstance(first, dict) and "role" in first else NAMES


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _with_speakers(messages: Any) -> Any:
    """Messages of ms-swift's pairs, ``{"human": ..., "assistant": ...}``, one after the other."""
    if not isinstance(messages, list):
        return messages
    pairs = all(isinstance(m, dict) and {"human", "assistant"} <= m.keys() for m in messages)
    if not pairs or not messages:
        return messages
    return [
        {"from": speaker, "value": pair[speaker]}
        for pair in messages
        for speaker in ("human", "assistant")
    ]
