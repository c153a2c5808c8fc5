"""Questions are counted without being held, and come out as if they had been."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.conftest import VqaFiles
from vqadata import convert, open_shards
from vqadata.reports.counted import COUNT, counted
from vqadata.sources.coco_vqa import CocoVqa
from vqadata.words.priors import priors


def test_what_is_counted_batch_by_batch_is_what_the_table_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vqadata.converting.assembly.BATCH_BYTES", 300_000)
    monkeypatch.setattr("vqadata.reports.counted.HELD", 5)
    files = VqaFiles(tmp_path / "raw", questions=60, pictures=20).padded(100_000)
    for number, question in enumerate(files.questions):
        question["question"] = f"What is in row {number % 7}?"
    convert(CocoVqa(**files.write()), tmp_path / "shards")
    shards = open_shards(tmp_path / "shards")
    assert len(shards.places) > 3
    fields = ["text", "answer"]
    whole = pl.DataFrame(shards.questions(fields)).select(fields)
    found = counted(shards, fields)
    by_hand = whole.group_by(fields).len(COUNT).cast({COUNT: pl.Int64})
    assert found.sort(fields).equals(by_hand.sort(fields))
    assert found.get_column(COUNT).max() > 1
    one, other = priors(found), priors(whole)
    assert one is not None
    assert other is not None
    sums = {"blind", "entropy"}  # which rest on the order of what is added up
    assert one.model_dump(exclude=sums) == other.model_dump(exclude=sums)
    assert one.model_dump(include=sums) == pytest.approx(other.model_dump(include=sums))
