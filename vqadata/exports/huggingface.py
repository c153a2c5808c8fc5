"""Hugging Face: a data set folder with Parquet files and a card, ready to be pushed or loaded.

Format: https://huggingface.co/docs/hub/datasets-manual-configuration (the card's ``configs``) and
https://huggingface.co/docs/datasets/image_dataset (Image columns). One row a question, with all
columns of the canonical record; pictures are inside the Parquet files.

The folder::

    README.md                             the card: YAML of configs, features and splits, and text
    data/val2014-00000-of-00002.parquet   image, more_images, question_id, text, answer, answers ...

Load with: ``datasets.load_dataset("OUT")``
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from vqadata.exporting.collecting import Collection
from vqadata.exporting.outbox import Outbox, file_bytes
from vqadata.layouts.card import CardFacts, known_licence, note_licences, write_card
from vqadata.layouts.flat import flat_batches, flat_fields, flat_schema
from vqadata.layouts.parquet import ParquetFiles
from vqadata.shards.reader import Shards
from vqadata.steps import Export


class Huggingface(Export):
    """Hugging Face: Parquet with decoded pictures, and a data set card."""

    example: ClassVar[str] = "vqadata export huggingface shards -o hub --title 'My questions'"

    title: str = Field("VQA data set", description="Title of the card.")
    licence: str | None = Field(
        None,
        description="Licence of the card; by default the one that the rows name, if it is one.",
    )
    shard_mb: int = Field(500, ge=1, description="Megabytes after which a Parquet file is closed.")

    def write(self, shards: Shards, outbox: Outbox) -> None:
        """Write Parquet files; see :class:`~vqadata.steps.Export`."""
        files = ParquetFiles(outbox, flat_schema(), self.shard_mb)
        for split, batch in flat_batches(shards, outbox):
            files.write(split, batch)
        files.finish()
        note_licences(shards, outbox)

    @property
    def piece_bytes(self) -> int:
        """That of a file."""
        return file_bytes(self.shard_mb)

    def finish(self, shards: Shards, collection: Collection) -> None:
        """Write the card."""
        licence = self.licence or known_licence(collection)
        configs = {"default": (collection.parts, flat_fields())}
        write_card(collection.folder, CardFacts(self.title, licence, configs, shards))
