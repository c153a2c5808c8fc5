"""Several data sets in one order, by weight: a pure function of the place, as each of theirs is.

The order is laid in cycles of :data:`CYCLE` places. In each cycle every data set has its share of
places, evenly spread with some jitter; what it puts there continues its own epochs, so that a small
one is repeated evenly and none is favoured at the seams.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vqadata.loader.order import Order
from vqadata.loader.permutation import key_of, permute

if TYPE_CHECKING:
    from vqadata.loader.permutation import Numbers

CYCLE = 4096
"""Places of a cycle: a share is kept to a part in so many, in each cycle."""


class Mixture:
    """Rows of several orders.

    An epoch is so long that each row of each data set comes in the first one. Later ones are as
    long, and begin in the midst of the data sets' own epochs.

    Args:
        orders: The order of each data set.
        weights: How often each is seen, as against the others.
        firsts: Number of the first row of each data set, among all.
        key: Names the data and the seed.
    """

    def __init__(
        self, orders: Sequence[Order], weights: Sequence[float], firsts: Sequence[int], key: int
    ) -> None:
        """Share out the cycle."""
        self._orders, self._firsts, self._key = orders, firsts, key
        self.shares = shares(weights)
        pairs = zip(orders, self.shares, strict=True)
        # In so many places each has its turns, by the jitter at most two fewer than its share.
        turns = (-(-(order.length + 2) * CYCLE // share) for order, share in pairs)
        self.length = max(turns) + 2 * len(orders)

    def at(self, epoch: int, places: Numbers) -> Numbers:
        """The rows at some places, numbered over all data sets."""
        import numpy as np

        cycles, inside = np.divmod(places + epoch * self.length, CYCLE)
        found = np.empty_like(places)
        for cycle in np.unique(cycles):
            here = np.flatnonzero(cycles == cycle)
            who, rank = self._pattern(int(cycle))
            for number, share in enumerate(self.shares):
                own = here[who[inside[here]] == number]
                turns = int(cycle) * share + rank[inside[own]]
                found[own] = self._firsts[number] + self._rows(self._orders[number], turns)
        return found

    def _pattern(self, cycle: int) -> tuple[Numbers, Numbers]:
        """Whose each place of a cycle is, and the how manieth of that one's it is."""
        import numpy as np

        jitter = permute(np.arange(CYCLE), CYCLE, key_of(self._key, "mixture", cycle)) / CYCLE
        rank = np.concatenate([np.arange(share) for share in self.shares])
        spread = (rank + jitter) / np.repeat(self.shares, self.shares)
        order = np.argsort(spread, kind="stable")
        return np.repeat(np.arange(len(self.shares)), self.shares)[order], rank[order]

    @staticmethod
    def _rows(order: Order, turns: Numbers) -> Numbers:
        import numpy as np

        epochs, places = np.divmod(turns, order.length)
        parts = [order.at(int(epoch), places[epochs == epoch]) for epoch in np.unique(epochs)]
        return np.concatenate([np.empty(0, np.int64), *parts])


def shares(weights: Sequence[float]) -> list[int]:
    """Places of a cycle for each weight: the largest remainders are rounded up, none gets zero."""
    exact = [weight * CYCLE / sum(weights) for weight in weights]
    given = [max(1, int(share)) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda n: given[n] - exact[n])
    for number in by_remainder[: CYCLE - sum(given)]:
        given[number] += 1
    given[given.index(max(given))] -= sum(given) - CYCLE
    return given
