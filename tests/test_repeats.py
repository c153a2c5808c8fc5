"""What comes more than once is found, however it is cut and wherever it is kept."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from vqadata.groundwork import id_index
from vqadata.groundwork.repeats import Repeats


@pytest.mark.parametrize("in_file", [True, False])
def test_it_says_what_a_counter_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_file: bool
) -> None:
    monkeypatch.setattr(id_index, "PAGED_FROM", 64)
    monkeypatch.setattr(id_index, "LONGEST_RUN", 32)
    chance, met = random.Random(1), Counter[str]()
    repeats = Repeats(tmp_path if in_file else None)
    for _ in range(20):
        texts = [str(chance.randrange(300)) for _ in range(chance.randrange(20))]
        repeats.add(texts)
        met.update(texts)
    every = [str(n) for n in range(300)]
    assert repeats.among(every).tolist() == [met[text] > 1 for text in every]
    assert repeats.among([]).tolist() == []
