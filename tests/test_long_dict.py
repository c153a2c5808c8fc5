"""A dictionary in a file holds what one in memory holds."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from vqadata.groundwork import long_dict
from vqadata.groundwork.long_dict import LongDict


@pytest.mark.parametrize("in_file", [True, False])
def test_it_says_what_a_dictionary_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_file: bool
) -> None:
    monkeypatch.setattr(long_dict, "HELD", 16)
    chance, plain = random.Random(1), dict[str, int]()
    long = LongDict[str, int](tmp_path if in_file else None)
    for _ in range(500):
        key, value = f"key {chance.randrange(90)}", chance.randrange(1000)
        assert long.get(key) == plain.get(key)
        long.set(key, value)
        plain[key] = value
    assert {key: long.get(key) for key in plain} == plain
    assert long.get("another") is None
    assert bool(list(tmp_path.iterdir())) == in_file


def test_its_file_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_dict, "HELD", 2)
    long = LongDict[int, bytes](tmp_path)
    for number in range(9):
        long.set(number, bytes([number]))
    assert long.get(3) == b"\3"
    assert list(tmp_path.iterdir())
    del long
    assert not list(tmp_path.iterdir())
