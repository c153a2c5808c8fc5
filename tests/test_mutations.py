"""Damaged files: some of the mutations of :mod:`tests.mutations`, for every kind of file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutations import kinds, try_one, undamaged

SEEDS = 12
"""Mutations a kind in every run of the tests; ``make fuzz`` makes thousands."""


@pytest.mark.parametrize("name", kinds())
def test_damage_is_one_error_or_costs_only_itself(name: str, tmp_path: Path) -> None:
    before = undamaged(name, tmp_path / "work")
    outcomes = [try_one(name, seed, tmp_path / "work", before) for seed in range(SEEDS)]
    assert [outcome for outcome in outcomes if outcome.wrong] == []
