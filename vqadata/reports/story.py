"""Tells the way of one row: where it came from, what each step said, where it is now."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from vqadata.errors import VqaDataError
from vqadata.ledger import LedgerEntry, read_ledger
from vqadata.shards.manifest import StepEntry
from vqadata.shards.reader import Shards, open_shards


class Kept(NamedTuple):
    """A row that is in the shards."""

    shard: str
    picture_row: int
    record: dict[str, Any]


class Story(NamedTuple):
    """Everything that a folder knows of one question id."""

    question_id: str
    steps: list[StepEntry]
    kept: list[Kept]
    entries: list[LedgerEntry]


def explain(question_id: str, folder: Path | str) -> Story:
    """Tell the way of the rows with ``question_id``.

    Raises:
        VqaDataError: No row of that id was ever seen.
        ShardError: The folder cannot be read.
    """
    shards = open_shards(folder)
    path = shards.ledger_path
    entries = [entry for entry in read_ledger(path) if entry.question_id == question_id]
    kept = _kept(shards, question_id)
    if not kept and not entries:
        example = next((record.question_id for record in shards.records()), "none")
        raise VqaDataError(
            f"{folder}: question {question_id!r}",
            "no row of that id, kept or not",
            f"an id such as {example}",
            f"Rows that were not kept are listed by: vqadata ledger {folder} --all",
        )
    return Story(question_id, shards.manifest.steps, kept, entries)


def _kept(shards: Shards, question_id: str) -> list[Kept]:
    import pyarrow.compute as pc

    return [
        Kept(_shard_of(shards, row["picture_row"]), row["picture_row"], row)
        for part in shards.question_parts()
        for row in part.filter(pc.equal(part.column("question_id"), question_id)).to_pylist()
    ]


def _shard_of(shards: Shards, picture_row: int) -> str:
    for shard in shards.manifest.shards:
        if picture_row < shard.pictures:
            return shard.file
        picture_row -= shard.pictures
    raise IndexError(picture_row)
