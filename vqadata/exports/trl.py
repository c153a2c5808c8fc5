"""TRL: prompts and completions with their pictures, and preferences, as Parquet for ``datasets``.

Format: https://huggingface.co/docs/trl/dataset_formats (conversational prompt-completion and
preference, with ``images``). Contents are lists of parts, so a picture stays where it stood. One
row a question: the earlier turns of a conversation are in its prompt.

One row of the configuration ``default``, and what ``preference`` has instead of ``completion``::

    {"images": [PIL.Image],
     "prompt": [{"role": "user", "content": [{"type": "image", "text": None},
                                             {"type": "text", "text": "What is this?"}]}],
     "completion": [{"role": "assistant", "content": [{"type": "text", "text": "a net"}]}],
     "question_id": "458752000"}
    {..., "chosen": [{"role": "assistant", ...}], "rejected": [{"role": "assistant", ...}]}

Train with: ``SFTTrainer(train_dataset=load_dataset("OUT", split="train"), ...)`` or
``DPOTrainer(train_dataset=load_dataset("OUT", "preference", split="train"), ...)``
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from vqadata.exporting.collecting import Collection
from vqadata.exporting.conversations import Conversation, Parts
from vqadata.exporting.outbox import Outbox, file_bytes
from vqadata.layouts.card import CardFacts, known_licence, note_licences, write_card
from vqadata.layouts.chat_export import ChatExport
from vqadata.layouts.gathered import Gathered
from vqadata.layouts.parquet import ParquetFiles
from vqadata.shards.features import features_metadata, image_type
from vqadata.shards.reader import Shards

if TYPE_CHECKING:
    import pyarrow as pa


class Trl(ChatExport):
    """TRL: prompt and completion with images, and preferences, as Parquet."""

    example: ClassVar[str] = "vqadata export trl shards -o trl"

    title: str = Field("VQA data set", description="Title of the card.")
    shard_mb: int = Field(500, ge=1, description="Megabytes after which a Parquet file is closed.")

    def write(self, shards: Shards, outbox: Outbox) -> None:
        """Write one row a question; see :class:`~vqadata.steps.Export`."""
        files = {
            name: Gathered(ParquetFiles(outbox, _schema(*answers), self.shard_mb, folder))
            for name, (folder, answers) in _FORMS.items()
        }
        for conversation in self.conversations(shards, outbox):
            split = conversation.split
            for row in _completions(conversation):
                files["default"].add(split, row)
            for row in _preferences(conversation):
                files["preference"].add(split, row)
            outbox.deliver(split, len(conversation.turns), len(conversation.turns))
        for each in files.values():
            each.finish()
        note_licences(shards, outbox)

    @property
    def piece_bytes(self) -> int:
        """That of a file."""
        return file_bytes(self.shard_mb)

    def finish(self, shards: Shards, collection: Collection) -> None:
        """Write the card; there is a configuration of preferences only if there are any."""
        configs = {
            name: (parts, _fields(*answers))
            for name, (folder, answers) in _FORMS.items()
            if (parts := [part for part in collection.parts if part.path.startswith(f"{folder}/")])
            or name == "default"
        }
        facts = CardFacts(self.title, known_licence(collection), configs, shards)
        write_card(collection.folder, facts)


_FORMS = {
    "default": ("data", ("completion",)),
    "preference": ("preference", ("chosen", "rejected")),
}
"""Folder and columns of the answers, by configuration."""


def _fields(*answers: str) -> list[pa.Field]:
    import pyarrow as pa

    part = pa.struct([pa.field("type", pa.string()), pa.field("text", pa.string())])
    message = pa.struct([pa.field("role", pa.string()), pa.field("content", pa.list_(part))])
    messages = [pa.field(name, pa.list_(message)) for name in ("prompt", *answers)]
    images = pa.field("images", pa.list_(image_type()))
    return [images, *messages, pa.field("question_id", pa.string())]


def _schema(*answers: str) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(_fields(*answers), metadata=features_metadata(_fields(*answers)))


def _completions(conversation: Conversation) -> Iterator[dict[str, Any]]:
    """A row for each turn: what was said up to its question, and its answer."""
    for number, turn in enumerate(conversation.turns, 1):
        upto = conversation._replace(turns=conversation.turns[:number])
        yield _prompted(upto) | {"completion": [_said("assistant", [turn.answer])]}


def _preferences(conversation: Conversation) -> Iterator[dict[str, Any]]:
    for upto, rejected in conversation.preferences():
        better, worse = upto.turns[-1].answer, rejected
        yield _prompted(upto) | {
            "chosen": [_said("assistant", [better])],
            "rejected": [_said("assistant", [worse])],
        }


def _prompted(conversation: Conversation) -> dict[str, Any]:
    """The columns that do not hold the last answer."""
    prompt = [_said("system", [conversation.system])] if conversation.system else []
    for turn in conversation.turns:
        prompt.append(_said("user", turn.asked))
        prompt.append(_said("assistant", [turn.answer]))
    return {
        "images": [{"bytes": p.data, "path": p.path} for p in conversation.shown()],
        "prompt": prompt[:-1],
        "question_id": conversation.turns[-1].question["question_id"],
    }


def _said(role: str, parts: Parts) -> dict[str, Any]:
    content = [
        {"type": "text", "text": part} if isinstance(part, str) else {"type": "image", "text": None}
        for part in parts
    ]
    return {"role": role, "content": content}
