"""Columns that lie in files hold the same numbers, take changes, and give their memory back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from vqadata.groundwork import id_index, paged
from vqadata.groundwork.id_index import FirstMentions, IdIndex
from vqadata.groundwork.paged import Paged


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paged, "PAGED_FROM", 64)
    monkeypatch.setattr(id_index, "PAGED_FROM", 64)
    monkeypatch.setattr(id_index, "LONGEST_RUN", 32)


def test_a_long_column_lies_in_a_file_and_a_short_one_does_not(tmp_path: Path) -> None:
    long = Paged([np.arange(50), np.arange(50, 100)], tmp_path)
    short = Paged([np.arange(10)], tmp_path)
    assert long._map is not None
    assert short._map is None
    assert long.values.tolist() == list(range(100))
    assert list(tmp_path.iterdir()) == []


def test_changes_outlive_a_release(tmp_path: Path) -> None:
    column = Paged([np.zeros(100, np.int32)], tmp_path)
    column.values[7] = 5
    column.release()
    assert column.values[7] == 5
    assert column.values.dtype == np.int32


@pytest.mark.parametrize("as_text", [False, True])
def test_an_index_in_files_finds_what_one_in_memory_finds(tmp_path: Path, as_text: bool) -> None:
    generator = np.random.default_rng(1)
    here, there = IdIndex(), IdIndex(tmp_path)
    for start in range(0, 2000, 100):
        ids = pa.array(generator.integers(0, 1500, 100))
        ids = ids.cast(pa.string()) if as_text else ids
        numbers = np.arange(start, start + 100)
        assert here.add(ids, numbers).tolist() == there.add(ids, numbers).tolist()
    asked = pa.array(np.arange(-5, 1505))
    assert here.find(asked).tolist() == there.find(asked).tolist()
    assert any(run.ids._map is not None for run in there._runs)


def test_mentions_in_files_are_those_in_memory(tmp_path: Path) -> None:
    known = IdIndex(tmp_path)
    known.add(pa.array(np.arange(0, 400, 2)), np.arange(200))
    here, there = FirstMentions(known, 200), FirstMentions(known, 200, tmp_path)
    generator = np.random.default_rng(2)
    for start in range(0, 1000, 100):
        ids, numbers = pa.array(generator.integers(0, 400, 100)), np.arange(start, start + 100)
        assert here.add(ids, numbers).tolist() == there.add(ids, numbers).tolist()
