"""Rows kept in stretches are those that Arrow's filter keeps."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from vqadata.groundwork.stretches import kept_rows, woven


@given(keep=st.lists(st.booleans() | st.just(True), max_size=200))
def test_stretches_are_what_a_filter_keeps(keep: list[bool]) -> None:
    rows = [{"n": n, "answers": [{"a": str(n)}] * (n % 3)} for n in range(len(keep))]
    kind = pa.schema([("n", pa.int64()), ("answers", pa.list_(pa.struct([("a", pa.string())])))])
    batch = pa.RecordBatch.from_pylist(rows, schema=kind)
    mask = np.array(keep, bool)
    assert kept_rows(batch, mask).equals(batch.filter(pa.array(mask)))
    assert kept_rows(batch, np.ones(len(keep), bool)).equals(batch)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60))
def test_batches_are_woven_by_the_places_of_their_rows(owners: list[int]) -> None:
    places = [np.flatnonzero(np.array(owners) == owner) for owner in range(3)]
    rows = [{"n": n, "answers": [str(n)] * (n % 3)} for n in range(len(owners))]
    batch = pa.RecordBatch.from_pylist(
        rows, schema=pa.schema([("n", pa.int64()), ("answers", pa.list_(pa.string()))])
    )
    parts = [batch.take(pa.array(own)) for own in places]
    assert woven(parts, places).equals(batch)
