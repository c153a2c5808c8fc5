"""The story of the leak: its data, and what the cleaner makes of them, without training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.leaked_split import __main__ as leak
from benchmarks.leaked_split.pictures import TEST, TRAINING, VALIDATION, Picture, drawn


def test_half_of_the_validation_set_is_in_the_training_set_and_nothing_of_the_test_set() -> None:
    training = {one.number for one in TRAINING}
    shared = [one for one in VALIDATION if one.number in training]
    assert shared == [one for one in VALIDATION if one.again]
    assert len(shared) * 2 == len(VALIDATION)
    assert not {one.number for one in TEST} & (training | {one.number for one in VALIDATION})


def test_a_copy_is_another_file_of_the_same_picture() -> None:
    first, copy = Picture(3), Picture(3, again=True)
    assert first.name != copy.name
    assert first.answer == copy.answer
    assert drawn(first).size != drawn(copy).size
    small = [np.asarray(drawn(one).resize((32, 32)), np.int16) for one in (first, copy, Picture(6))]
    assert np.abs(small[0] - small[1]).mean() * 3 < np.abs(small[0] - small[2]).mean()


def test_copies_are_dropped_and_nothing_else(tmp_path: Path) -> None:
    sets = {
        "train": [Picture(number) for number in range(12)],
        "validation": [Picture(number, again=number < 6) for number in (*range(6), *range(20, 26))],
    }
    for name, members in sets.items():
        leak.make(tmp_path, name, members)
    leak.cleaned(tmp_path)
    kept = leak.names_of(tmp_path / "shards" / leak.CLEANED)
    assert sorted(kept) == [one.name for one in sets["validation"] if not one.again]
    assert sorted(leak.names_of(tmp_path / "small" / "train")) == [o.name for o in sets["train"]]


def test_the_table_gives_percent() -> None:
    row = leak._row("copies", [[1.0, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 1.0]])
    assert row["score"] == 0.625
    assert leak.table([row])[2].startswith("| copies | 4 | 62.5 | ")
    assert leak.table([row])[2].endswith("| 75.0, 50.0 |")
