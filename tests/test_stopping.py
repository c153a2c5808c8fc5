"""A run that stops anywhere goes on exactly, whatever its ranks, workers and batches were."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.stopping import Stop, World, all_stops, is_exact, make


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("stopping"))


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("stop", random.Random(3).sample(all_stops(), 12), ids=str)
def test_a_stopped_run_goes_on_exactly(shards: Path, stop: Stop) -> None:
    assert is_exact(shards, stop)


@pytest.mark.parametrize("lost", [-1, 1])
def test_a_row_that_is_lost_or_comes_twice_is_noticed(shards: Path, lost: int) -> None:
    stop = Stop(World(2, 0, 5), World(1, 1, 5), 2, "encoded")
    assert is_exact(shards, stop)
    assert not is_exact(shards, stop, lost)
