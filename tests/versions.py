"""Shards made straight from a few facts, for tests of splits and differences."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from vqadata.groundwork.digests import bytes_digest
from vqadata.ledger import Ledger
from vqadata.record import Origin, Record, record_schema
from vqadata.shards.folder import finish, new_folder
from vqadata.shards.manifest import LEDGER, Manifest, StepEntry
from vqadata.shards.schema import Picture, picture_rows
from vqadata.shards.writer import BATCH_PICTURES, ShardWriter


class Asked(NamedTuple):
    """One question; its id is its number."""

    pictures: tuple[int, ...] = ()
    """Numbers of its pictures; a negative one is missing."""
    split: str = ""
    dialog: int | None = None
    fields: dict[str, Any] = {}  # noqa: RUF012 - never changed
    """Further fields of the record."""


def write_shards(folder: Path, asked: Iterable[Asked]) -> Manifest:
    """Write a finished folder: a row for each set of pictures of a split, in order of mention."""
    rows: dict[tuple[Any, ...], list[Record]] = {}
    count = 0
    for number, question in enumerate(asked):
        key = (question.split, question.pictures or None)
        rows.setdefault(key, []).append(_record(number, question))
        count += 1
    with new_folder(folder, overwrite=True, run="made") as staging:
        ledger = Ledger(staging / LEDGER, "convert")
        ledger.see("made.json", count)
        with ShardWriter(staging, 1 << 20) as writer:
            for split in sorted({split for split, _ in rows}):
                of_split = [(p or (), r) for (s, p), r in rows.items() if s == split]
                for start in range(0, len(of_split), BATCH_PICTURES):
                    batch = _batch(of_split[start : start + BATCH_PICTURES])
                    ledger.keep(batch.column("questions").flatten().field("origin"))
                    writer.write(split, batch)
            shards = writer.close()
        step = StepEntry(step="convert", name="made", options={}, versions={}, parent=None)
        return finish(staging, [step], [], shards, ledger)


def _record(number: int, asked: Asked) -> Record:
    names = [f"{picture}.png" for picture in asked.pictures]
    facts = {
        "question_id": str(number),
        "text": f"Question number {number}?",
        "image_path": names[0] if names else None,
        "more_image_paths": names[1:],
        "dialog_id": None if asked.dialog is None else str(asked.dialog),
        "split": asked.split or None,
        "origin": Origin(source="made", file="made.json", index=number),
    }
    return Record.model_validate(facts | asked.fields)


def _batch(rows: list[tuple[tuple[int, ...], list[Record]]]) -> pa.RecordBatch:
    records = [record.model_dump() for _, asked in rows for record in asked]
    questions = pa.RecordBatch.from_pylist(records, record_schema()).to_struct_array()
    pictures = [[_picture(number) for number in numbers] for numbers, _ in rows]
    return picture_rows(pictures, [len(asked) for _, asked in rows], questions)


def _picture(number: int) -> Picture:
    data = f"picture {number}".encode() if number >= 0 else None
    return Picture(f"{number}.png", data, data and bytes_digest(data), None)
