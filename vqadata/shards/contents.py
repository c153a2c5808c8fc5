"""What a folder of shards holds: its figures, and its rows one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from vqadata.errors import OptionError
from vqadata.record import Record
from vqadata.shards.reader import TEXT, Shards, open_shards

PICTURES = "pictures"
"""The field of a row that describes its pictures."""


class ShardFigures(BaseModel):
    """One shard."""

    file: str = Field(description="File name.")
    split: str = Field(description="Split of its questions.")
    bytes: int = Field(description="File size.")
    batches: int = Field(description="Record batches.")
    pictures: int = Field(description="Picture rows.")
    questions: int = Field(description="Questions.")


class Info(BaseModel):
    """A folder of shards at a glance, from its manifest alone."""

    where: str = Field(description="The folder, or the URL.")
    format_version: int = Field(description="Version of the layout.")
    digest: str = Field(description="Digest of the manifest.")
    questions: int = Field(description="Questions.")
    pictures: int = Field(description="Picture rows.")
    bytes: int = Field(description="Bytes of all shards.")
    picture_bytes: int = Field(description="Of these, bytes of pictures and their names.")
    splits: dict[str, int] = Field(description="Questions by split.")
    ledger: dict[str, int] = Field(description="Rows of the ledger by action.")
    steps: list[str] = Field(description="The history, oldest step first.")
    shards: list[ShardFigures] = Field(description="The shards.")


def info(folder: Path | str) -> Info:
    """What a folder holds, without reading a shard.

    Args:
        folder: A finished folder of shards, or a URL.

    Raises:
        ShardError: The folder cannot be read.
    """
    shards = open_shards(folder)
    manifest = shards.manifest
    batches = [batch for shard in manifest.shards for batch in shard.batches]
    return Info(
        where=shards.where,
        format_version=manifest.format_version,
        digest=shards.digest,
        questions=manifest.questions,
        pictures=manifest.pictures,
        bytes=sum(shard.bytes for shard in manifest.shards),
        picture_bytes=sum(batch.length - batch.text_length for batch in batches),
        splits=manifest.splits,
        ledger=manifest.ledger.entries,
        steps=[f"{step.step} {step.name}" for step in manifest.steps],
        shards=[
            ShardFigures(**shard.model_dump(exclude={"batches"}), batches=len(shard.batches))
            for shard in manifest.shards
        ],
    )


def rows(
    shards: Shards, fields: Sequence[str] = (), limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """The questions one by one, without the bytes of their pictures.

    Args:
        shards: The shards.
        fields: Fields of the record, and ``pictures`` for what is known of these; all by default.
        limit: How many at most.

    Raises:
        OptionError: There is no such field.
        ShardError: A shard is damaged.
    """
    known = [*Record.model_fields, PICTURES]
    wanted = list(fields) or known
    for name in wanted:
        if name not in known:
            raise OptionError("--field", f"found {name!r}", f"one of {', '.join(known)}")
    return islice(_rows(shards, wanted), limit)


def _rows(shards: Shards, wanted: list[str]) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    for batch in shards.batches(TEXT):
        nested = batch.column("questions")
        flat = pc.list_flatten(nested)
        columns = {name: flat.field(name) for name in wanted if name != PICTURES}
        if PICTURES in wanted:
            columns[PICTURES] = batch.column("image_facts").take(pc.list_parent_indices(nested))
        yield from pa.table({name: columns[name] for name in wanted}).to_pylist()
