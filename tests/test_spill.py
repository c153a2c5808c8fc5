"""Buckets of rows come back whole and in order, from memory and from files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from vqadata.groundwork import spill as module
from vqadata.groundwork.spill import Spill

SCHEMA = pa.schema([("row", pa.int64()), ("text", pa.list_(pa.string()))])


def batch(rows: np.ndarray) -> pa.RecordBatch:
    texts = [["x" * int(row % 7)] * int(row % 3) for row in rows]
    return pa.RecordBatch.from_arrays([pa.array(rows), pa.array(texts)], schema=SCHEMA)


def open_files(folder: Path) -> list[str]:
    """The files of a folder that this process holds open, with those that have no name."""
    links = Path("/proc/self/fd")
    if not links.is_dir():
        pytest.skip("the system does not tell which files are open")
    paths = [os.path.realpath(link) for link in links.iterdir()]
    return [path for path in paths if path.startswith(f"{folder}{os.sep}")]


@pytest.mark.parametrize("held", [1, 5_000, 1 << 30])
def test_rows_come_back_in_order(
    held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELD_BYTES", held)
    rows = np.arange(1_000)
    buckets = np.random.default_rng(0).integers(0, 9, len(rows))
    with Spill(SCHEMA, tmp_path) as spill:
        for start in range(0, len(rows), 130):
            spill.add(batch(rows[start : start + 130]), buckets[start : start + 130])
        assert spill.buckets == 9
        assert bool(open_files(tmp_path)) == (held < 1 << 20)
        for bucket in range(9):
            assert spill.read(bucket).equals(batch(rows[buckets == bucket]))
        more = batch(np.arange(5))
        spill.add(more, np.zeros(5, int))
        assert spill.read(0).slice(int((buckets == 0).sum())).equals(more)
    assert not open_files(tmp_path)
    assert not any(tmp_path.iterdir())


def test_an_empty_bucket_is_empty(tmp_path: Path) -> None:
    with Spill(SCHEMA, tmp_path) as spill:
        spill.add(batch(np.arange(0)), np.arange(0))
        spill.add(batch(np.arange(3)), np.array([2, 2, 0]))
        assert [spill.read(bucket).num_rows for bucket in range(spill.buckets)] == [1, 0, 2]


def test_a_large_bucket_is_written_without_a_second_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = []
    put = module._Pieces.put
    monkeypatch.setattr(
        module._Pieces, "put", lambda *given: largest.append(given[2].nbytes) or put(*given)
    )
    rows = pa.RecordBatch.from_arrays([pa.array(np.arange(1 << 15))], names=["row"])
    with Spill(rows.schema, tmp_path) as spill:
        for _ in range(1 + module.HELD_BYTES // rows.nbytes):
            spill.add(rows, np.zeros(len(rows), np.int64))
        assert sum(largest) > module.HELD_BYTES
        assert max(largest) < module.PIECE_BYTES + rows.nbytes
        assert spill.read(0).nbytes == sum(largest)
