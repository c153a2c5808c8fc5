"""Groups of pairs, against the definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vqadata.groundwork.grouping import group_members

PAIRS = st.integers(1, 30).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=40),
    )
)


def by_definition(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    """Spread the smaller name over every pair until nothing changes."""
    names = list(range(count))
    for _ in range(count):
        for one, other in pairs:
            names[one] = names[other] = min(names[one], names[other])
    return names


@given(PAIRS)
def test_a_group_is_what_pairs_connect(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    count, pairs = drawn
    ends = np.array(pairs, np.int64).reshape(-1, 2)
    found = group_members(count, ends[:, 0], ends[:, 1]).tolist()
    assert found == by_definition(count, pairs)


def test_a_long_chain_in_any_order_is_one_group() -> None:
    order = np.random.default_rng(0).permutation(200_000)
    assert not group_members(len(order), order[1:], order[:-1]).any()
