"""Gathers near-duplicates around the picture that is kept: stars, never chains.

Where a is like b and b like c, a and c need not be alike: chains of pairs join pictures that have
nothing in common. In a star every member was compared with the kept picture itself, so each has its
own evidence. A picture is compared with kept ones alone, so a hundred copies cost a hundred
comparisons and not five thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from vqadata.images.near_pairs import NearPair

if TYPE_CHECKING:
    from vqadata.images.perceptual import Pixels as Array

Compare = Callable[["Array", "Array"], Iterable[NearPair]]
"""Gives those of some pairs that are alike."""

WAITS, KEPT, MEMBER = 0, 1, 2


def stars(
    better: Array, worse: Array, rank: Array, compare: Compare
) -> dict[int, tuple[int, NearPair]]:
    """Give each near-duplicate the picture that is kept instead of it.

    A picture is kept if it is like none of the kept ones among its candidates. A candidate that is
    a member stands for the picture that is kept instead of it.

    Args:
        better: Of each two pictures that may be alike the one with the lower rank, int64.
        worse: The other one.
        rank: The order in which pictures are kept, a picture each; no two have the same.
        compare: Compares pairs, the kept pictures on the left.

    Returns:
        For each member the middle of its star, and the pair that says so.
    """
    import numpy as np

    members: dict[int, tuple[int, NearPair]] = {}
    state, middle = np.full(len(rank), WAITS, np.int8), np.arange(len(rank))
    compared = np.empty(0, np.int64)
    while True:
        waiting = np.bincount(worse, minlength=len(rank)) > 0
        state[(state == WAITS) & ~waiting] = KEPT
        if not len(worse):
            return members
        ready = state[better] != WAITS
        pairs = np.unique(middle[better[ready]] * len(rank) + worse[ready])
        if members:  # several candidates may stand for one kept picture
            pairs = np.setdiff1d(pairs, compared, assume_unique=True)
            compared = np.union1d(compared, pairs)
        found = compare(pairs // len(rank), pairs % len(rank))
        for pair in sorted(found, key=lambda pair: rank[pair.left]):
            if pair.right not in members:
                members[pair.right] = pair.left, pair
                state[pair.right], middle[pair.right] = MEMBER, pair.left
        left = ~ready & (state[worse] == WAITS)
        better, worse = better[left], worse[left]
