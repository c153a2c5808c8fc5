"""Rated completions in Parquet, as the hub has them: a list, or an object of lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.test_told_by_fields import picture
from vqadata import convert, open_shards
from vqadata.converting.recognition import recognise
from vqadata.sources.vlfeedback import VlFeedback


def completion(response: str, rating: str) -> dict[str, Any]:
    said = {"Rating": rating, "Rationale": "So it is."}
    return {"model": "m", "response": response, "annotations": {"Helpfulness": said}}


LIST = [completion("A dog.", "2"), completion("A cup.", "5"), completion("A car.", "N/A")]


@pytest.mark.parametrize("as_lists", [False, True])
def test_the_best_one_is_the_answer(as_lists: bool, tmp_path: Path) -> None:
    said = {name: [each[name] for each in LIST] for name in LIST[0]} if as_lists else LIST
    shown = {"bytes": picture(0), "path": "0.png"}
    row = {"id": "a", "prompt": "What is it?", "image": shown, "completions": said}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "train.parquet")
    told = recognise(tmp_path)
    assert told.source is VlFeedback
    convert(told.source.model_validate(told.options), tmp_path / "out")
    (record,) = open_shards(tmp_path / "out").records()
    assert (record.answer, record.rejected, record.split) == ("A cup.", ["A dog."], "train")
    assert "A car." in (record.extra or "")
    assert open_shards(tmp_path / "out").manifest.pictures == 1
