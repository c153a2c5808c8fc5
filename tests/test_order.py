"""The order of an epoch: every row once, anywhere at once, and as well mixed as is stated."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqadata.loader.mixture import CYCLE, Mixture, shares
from vqadata.loader.order import Chosen, Order, Plain, Shuffled, TwoLevel, Visits, visit_starts
from vqadata.loader.permutation import permute
from vqadata.loader.plan import Plan

counts = st.lists(st.integers(0, 9), min_size=1, max_size=40).filter(any)


def starts(lengths: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def joined(lists: Iterable[list[int]]) -> list[int]:
    return list(itertools.chain.from_iterable(lists))


def epoch(order: Order, number: int = 0) -> list[int]:
    return order.at(number, np.arange(order.length)).tolist()


@given(st.integers(1, 3000), st.integers(0, 2**64 - 1))
def test_a_permutation_holds_each_number_once(length: int, key: int) -> None:
    assert sorted(permute(np.arange(length), length, key).tolist()) == list(range(length))


def test_permutations_of_few_are_drawn_evenly() -> None:
    drawn = [tuple(permute(np.arange(4), 4, key).tolist()) for key in range(2400)]
    often = [drawn.count(one) for one in set(drawn)]
    assert len(often) == 24
    assert max(often) < 150  # 100 expected, standard deviation 10


def orders(pictures: list[int], window: int, key: int) -> list[Order]:
    """One of each kind, over the questions of some pictures; ten pictures are a shard."""
    rows = starts(pictures)
    shards = rows[[*range(0, len(rows) - 1, 10), -1]]
    found: list[Order] = [Plain(int(rows[-1])), Shuffled(int(rows[-1]), key)]
    found.append(TwoLevel(shards, window, key))
    for most in (0, 2):
        visits = visit_starts(rows, most)
        found.append(Visits(Shuffled(len(visits) - 1, key), visits))
        found.append(Visits(TwoLevel(np.searchsorted(visits, shards), window, key), visits))
    return found


@given(counts, st.integers(1, 3), st.integers(0, 99), st.integers(1, 30))
def test_each_row_is_there_once_however_it_is_asked(
    pictures: list[int], window: int, key: int, step: int
) -> None:
    for order in orders(pictures, window, key):
        whole = epoch(order, 3)
        assert sorted(whole) == list(range(sum(pictures)))
        cuts = [np.arange(order.length)[at : at + step] for at in range(0, order.length, step)]
        pieces = [order.at(3, cut).tolist() for cut in reversed(cuts)]
        assert joined(reversed(pieces)) == whole


@given(counts, st.integers(0, 5))
def test_a_visit_stays_together(pictures: list[int], most: int) -> None:
    rows, order = starts(pictures), orders(pictures, 2, 1)[3]
    picture = np.searchsorted(rows, epoch(order), side="right") - 1
    changes = 1 + np.count_nonzero(np.diff(picture))
    assert changes == np.count_nonzero(pictures)
    lengths = np.diff(visit_starts(rows, most))
    assert lengths.min() > 0
    assert not most or lengths.max() <= most


def test_epochs_and_keys_have_orders_of_their_own() -> None:
    for one, other in zip(orders([5] * 30, 2, 1), orders([5] * 30, 2, 2), strict=True):
        assert epoch(one) == epoch(one, 0)
        if not isinstance(one, Plain):
            assert len({tuple(epoch(one)), tuple(epoch(one, 1)), tuple(epoch(other))}) == 3


def test_an_order_of_some_rows_holds_those_rows() -> None:
    assert sorted(epoch(Chosen(Shuffled(3, 1), np.array([4, 7, 9])))) == [4, 7, 9]


def neighbours(order: Order, size: int = 256, near: int = 10) -> float:
    """Pairs of rows from near each other that meet in a batch, as against a true shuffle: 1.0."""
    rows = np.array(epoch(order))
    batches = rows[: len(rows) // size * size].reshape(-1, size)
    met = (np.abs(batches[:, :, None] - batches[:, None, :]) <= near).sum() - batches.size
    return float(met / (batches.size * (size - 1) * 2 * near / len(rows)))


@pytest.mark.parametrize(
    ("order", "least", "most"),
    [
        (Shuffled(20_000, 1), 0.95, 1.05),
        (TwoLevel(np.arange(0, 20_001, 2000), 10, 1), 0.95, 1.05),
        (TwoLevel(np.arange(0, 20_001, 2000), 4, 1), 2.4, 3.5),
        (TwoLevel(np.arange(0, 20_001, 2000), 2, 1), 4.5, 5.5),
        (Visits(Shuffled(4000, 1), np.arange(0, 20_001, 5)), 13, 19),
    ],
    ids=["global", "all shards", "4 of 10 shards", "2 of 10 shards", "visits of 5"],
)
def test_the_quality_of_a_shuffle_is_as_stated(order: Order, least: float, most: float) -> None:
    assert least < neighbours(order) < most


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=6))
def test_shares_fill_a_cycle(weights: list[float]) -> None:
    given = shares(weights)
    assert sum(given) == CYCLE
    assert min(given) >= 1
    assert all(abs(g - w / sum(weights) * CYCLE) <= 6 for g, w in zip(given, weights, strict=True))


def test_a_mixture_keeps_its_weights_and_repeats_evenly() -> None:
    mixture = Mixture([Shuffled(100, 1), Shuffled(3000, 2)], [1, 3], [0, 100], 7)
    rows = np.array(epoch(mixture) + epoch(mixture, 1))
    assert abs((rows < 100).mean() - 0.25) < 0.01
    assert set(rows[: mixture.length].tolist()) == set(range(3100))
    small = np.bincount(rows[rows < 100])
    assert small.max() - small.min() <= 1
    assert all(abs((part < 100).mean() - 0.25) < 0.02 for part in np.array_split(rows, 20))


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0.5, 9)), min_size=1, max_size=4))
def test_the_first_epoch_of_a_mixture_holds_every_row(sets: list[tuple[int, float]]) -> None:
    lengths = [length for length, _ in sets]
    firsts = starts(lengths).tolist()
    mixture = Mixture([Shuffled(n, 1) for n in lengths], [w for _, w in sets], firsts[:-1], 7)
    assert set(epoch(mixture)) == set(range(firsts[-1]))


@pytest.mark.parametrize("kind", ["global", "two-level", "visits"])
def test_half_of_ten_million_rows_is_a_second_away(kind: str) -> None:
    rows, seconds = 10_000_000, time.process_time()
    order: Order = Shuffled(rows, 1)
    if kind == "two-level":
        order = TwoLevel(np.arange(0, rows + 1, 4000), 8, 1)
    if kind == "visits":
        order = Visits(Shuffled(rows // 5, 1), np.arange(0, rows + 1, 5))
    assert len(next(Plan(order, 256).shares(rows // 2)).rows) == 256
    assert time.process_time() - seconds < 1


lasts = st.sampled_from(["short", "pad", "drop"])


@given(st.integers(1, 200), st.integers(4, 30), lasts, st.integers(1, 4), st.integers(0, 3))
def test_ranks_take_equal_steps_and_the_same_rows(
    length: int, size: int, last: str, ranks: int, number: int
) -> None:
    order, index = Shuffled(length, 5), number * length
    alone = list(Plan(order, size, last).shares(index))
    parts = [list(Plan(order, size, last, rank, ranks).shares(index)) for rank in range(ranks)]
    assert (
        {len(part) for part in parts}
        == {len(alone)}
        == {Plan(order, size, last).batches_from(index)}
    )
    for share, *own in zip(alone, *parts, strict=True):
        assert {one.end for one in own} == {share.end}
        assert all(one.rows for one in own)
        together = [row for one in own for row in one.rows]
        assert [row for row in together if row >= 0] == [row for row in share.rows if row >= 0]
    kept = [row for share in alone for row in share.rows if row >= 0]
    assert len(set(kept)) == len(kept) == (length // size * size if last == "drop" else length)


@settings(max_examples=200)
@given(
    st.integers(1, 300), st.integers(4, 24), lasts,
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 12)), min_size=1, max_size=6),
    st.integers(0, 3),
)  # fmt: skip
def test_a_run_that_stops_anywhere_sees_the_same_batches(
    length: int, size: int, last: str, runs: list[tuple[int, int]], most: int
) -> None:
    """Each run has other ranks, goes on where the last stopped, and stops after some batches."""
    visits = visit_starts(starts([3] * (length // 3) + [length % 3]), most)
    order = Visits(Shuffled(len(visits) - 1, 5), visits)

    def batches(index: int, ranks: int):
        while True:
            plans = [Plan(order, size, last, rank, ranks) for rank in range(ranks)]
            for own in zip(*(plan.shares(index) for plan in plans), strict=True):
                yield [row for share in own for row in share.rows if row >= 0], own[0].end
            index = plans[0].after_epoch(index)

    if last == "drop" and length < size:
        return
    seen, stopped = [], 0
    for ranks, steps in runs:
        for rows, index in itertools.islice(batches(stopped, ranks), steps):
            seen.append(rows)
            stopped = index
    straight = batches(0, 1)
    assert seen == [next(straight)[0] for _ in seen]
