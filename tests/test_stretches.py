"""Rows kept in stretches are those that Arrow's filter keeps."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from vqadata.stretches import kept_rows


@given(keep=st.lists(st.booleans() | st.just(True), max_size=200))
def test_stretches_are_what_a_filter_keeps(keep: list[bool]) -> None:
    rows = [{"n": n, "answers": [{"a": str(n)}] * (n % 3)} for n in range(len(keep))]
    kind = pa.schema([("n", pa.int64()), ("answers", pa.list_(pa.struct([("a", pa.string())])))])
    batch = pa.RecordBatch.from_pylist(rows, schema=kind)
    mask = np.array(keep, bool)
    assert kept_rows(batch, mask).equals(batch.filter(pa.array(mask)))
    assert kept_rows(batch, np.ones(len(keep), bool)).equals(batch)
