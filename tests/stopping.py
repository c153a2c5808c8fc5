"""Runs that stop anywhere and go on with other ranks, workers and batches: each row once, in order.

``python -m tests.stopping`` tries 1,000 of 5,120 (``--count``); the tests try some. A run is
stopped behind some batches on all ranks, while its workers read ahead; the state of one rank is
what the next run is given. That one has other ranks, other workers and perhaps batches of another
size. All batches of both, put together over the ranks, must be those of a run that was never
stopped.
"""

from __future__ import annotations

import argparse
import itertools
import random
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.conftest import VqaFiles
from vqadata import convert, load
from vqadata.sources.coco_vqa import CocoVqa

ROWS, BATCH = 23, 5
STOPS = range(2 * -(-ROWS // BATCH))
"""Batches before the stop: at the start, anywhere in an epoch, at its end, and in the next one."""


class World(NamedTuple):
    """How a run is laid out."""

    ranks: int
    workers: int
    batch_size: int


WORLDS = [World(*each) for each in itertools.product((1, 2, 3, 4), (0, 1, 2, 4), (BATCH, 8))]
KINDS = ("encoded", "rgb")
"""Encoded rows are taken by the main process, decoded ones by the workers."""


class Stop(NamedTuple):
    """One thing to try."""

    before: World
    after: World
    batches: int
    images: str


def all_stops() -> list[Stop]:
    """Each stop of each world before, with each world after; pictures in turn."""
    first = [world for world in WORLDS if world.batch_size == BATCH]
    found = itertools.product(first, WORLDS, STOPS)
    return [Stop(*each, KINDS[number % 2]) for number, each in enumerate(found)]


def make(folder: Path) -> Path:
    """A data set whose batches do not divide its rows."""
    files = VqaFiles(folder / "raw", questions=ROWS, pictures=7)
    convert(CocoVqa(**files.write()), folder / "shards")
    return folder / "shards"


def is_exact(shards: Path, stop: Stop, lost: int = 0) -> bool:
    """Whether a run that was stopped and continued saw what a straight one sees.

    Args:
        shards: The data set.
        stop: What is tried.
        lost: Rows that the state is made to leave out, to see that it is noticed.
    """
    start = load(shards, batch_size=BATCH).state_dict()
    seen, state = _run(shards, stop.before, start, stop.images, stop.batches)
    state["index"] += lost
    rest, _ = _run(shards, stop.after, state, stop.images, None)
    size = stop.after.batch_size
    straight = load(shards, batch_size=BATCH)
    whole = [batch for _ in range(3) for batch in _numbers(straight)]
    if seen != whole[: stop.batches]:
        return False
    rows = list(itertools.chain.from_iterable(whole))[sum(map(len, seen)) :]
    left = ROWS - sum(map(len, seen)) % ROWS
    expected = [rows[n : min(n + size, left)] for n in range(0, left, size)]
    return rest == expected


def _run(
    shards: Path, world: World, state: dict[str, Any], images: str, most: int | None
) -> tuple[list[list[int]], dict[str, Any]]:
    """Some batches, or those to the end of the epoch, over all ranks; and the state behind them."""
    parts, states = [], []
    for rank in range(world.ranks):
        loader = load(
            shards, batch_size=world.batch_size, images=images, rank=rank, ranks=world.ranks
        )
        loader.load_state_dict(state)
        epoch = loader.torch(world.workers)
        epochs = itertools.chain.from_iterable(itertools.repeat(epoch))
        parts.append(_numbers(epoch if most is None else itertools.islice(epochs, most)))
        states.append(loader.state_dict())
    if any(len(part) != len(parts[0]) for part in parts) or any(s != states[0] for s in states):
        raise SystemExit(f"{world}: ranks take {[len(part) for part in parts]} steps, {states}")
    return [list(itertools.chain(*step)) for step in zip(*parts, strict=True)], states[0]


def _numbers(batches: Any) -> list[list[int]]:
    """Row numbers without those that only fill a place."""
    return [[row["row"] for row in batch if not row["padding"]] for batch in batches]


def outcomes(folder: Path, stops: Sequence[Stop]) -> Iterator[tuple[Stop, bool]]:
    """Each stop, and whether it was exact."""
    shards = make(folder)
    for stop in stops:
        yield stop, is_exact(shards, stop)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="of 5,120, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    stops = random.Random(given.seed).sample(all_stops(), given.count)
    warnings.simplefilter("ignore")  # torch finds four workers too many for two cores
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for done, (stop, exact) in enumerate(outcomes(Path(folder), stops), 1):
            wrong += not exact
            if not exact:
                print(f"WRONG: {stop}", flush=True)
            if not done % 100:
                print(f"{done} stopped and continued, {wrong} wrong", flush=True)
    print(f"{len(stops)} stopped and continued, {wrong} wrong")


if __name__ == "__main__":
    main()
