"""WebDataset: tar shards of pictures with JSON beside them, read in streams.

Format: https://huggingface.co/docs/hub/datasets-webdataset; both ``webdataset`` and
``load_dataset("webdataset", ...)`` read it. The members of one sample::

    000000000017.jpg    the picture; several are 000000000017.0.jpg, 000000000017.1.jpg
    000000000017.json   {"question_id": "458752000", "question": "What is this?", "answer": "a net",
                       "answers": ["net", "net", ...], "record": {...the canonical record...}}

With ``--samples picture`` a sample is a picture with all its questions, stored once; its JSON is
``{"questions": [...]}``.

Load with: ``webdataset.WebDataset("OUT/train-{000000..000012}.tar").decode("pil")``
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from vqadata.exporting.outbox import Outbox, file_bytes
from vqadata.layouts.tar_shards import TarShards, document_of, repeated_size, shown_rows
from vqadata.shards.manifest import BatchEntry
from vqadata.shards.reader import Shards
from vqadata.steps import Export


class Webdataset(Export):
    """WebDataset: tar shards, a sample a question or a picture."""

    example: ClassVar[str] = "vqadata export webdataset shards -o tars"

    samples: Literal["question", "picture"] = Field(
        "question",
        description="What a sample is: a question, with its picture again for each; or a picture "
        "with all its questions.",
    )
    shard_mb: int = Field(1000, ge=1, description="Megabytes after which a tar file is closed.")

    def write(self, shards: Shards, outbox: Outbox) -> None:
        """Write tar files; see :class:`~vqadata.steps.Export`."""
        files = TarShards(outbox, self.shard_mb)
        for row in shown_rows(shards, outbox):
            documents = [document_of(record) for record in row.questions]
            if self.samples == "picture":
                documents = [{"questions": documents}]
            for document in documents:
                files.add(row.split, row.pictures, document)
            outbox.deliver(row.split, len(row.questions), len(documents))
        files.finish()

    @property
    def piece_bytes(self) -> int:
        """That of a file."""
        return file_bytes(self.shard_mb)

    def size_of(self, batch: BatchEntry) -> int:
        """As much as it has pictures, for as many samples."""
        return repeated_size(batch) if self.samples == "question" else batch.length
