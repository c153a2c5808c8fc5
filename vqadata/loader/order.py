"""The order of an epoch: which row stands at which place, as a pure function.

An order is made of units, which are shuffled, and of the rows in each unit. A unit is one row, or a
*visit*: some questions of one picture that follow each other, so that it is decoded once. An order
answers for any places at once and keeps nothing of the length of the data but, for visits, where
each begins.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Protocol

from vqadata.loader.permutation import key_of, permute

if TYPE_CHECKING:
    from vqadata.loader.permutation import Numbers

CHUNK = 1 << 15
"""Visits whose lengths are added up at a time."""


class Order(Protocol):
    """Something in an order, epoch by epoch."""

    length: int
    """Places of an epoch."""

    def at(self, epoch: int, places: Numbers) -> Numbers:
        """What stands at some places of an epoch.

        Args:
            epoch: Number of the epoch, from 0.
            places: Ascending, from 0, below :attr:`length`.
        """


class Plain:
    """The order of the data itself.

    Args:
        length: How many there are.
    """

    def __init__(self, length: int) -> None:
        """Keep the length."""
        self.length = length

    def at(self, epoch: int, places: Numbers) -> Numbers:  # noqa: ARG002 - the same in all
        """The places themselves."""
        return places


class Shuffled:
    """One random order of all.

    Args:
        length: How many there are.
        key: Names the data and the seed.
    """

    def __init__(self, length: int, key: int) -> None:
        """Keep the key."""
        self.length, self._key = length, key

    def at(self, epoch: int, places: Numbers) -> Numbers:
        """What stands at some places."""
        return permute(places, self.length, key_of(self._key, epoch))


class TwoLevel:
    """Shards in random order, and a random order of all that is in each window of some of them.

    A reader has the shards of one window in hand, not all.

    Args:
        shard_starts: Where each shard begins, and where the last one ends.
        window: Shards of a window.
        key: Names the data and the seed.
    """

    def __init__(self, shard_starts: Numbers, window: int, key: int) -> None:
        """Keep the shards."""
        self.length = int(shard_starts[-1])
        self._starts, self._window, self._key = shard_starts, window, key
        self._laid_out: tuple[int, Numbers, Numbers] | None = None

    def at(self, epoch: int, places: Numbers) -> Numbers:
        """What stands at some places."""
        import numpy as np

        shards, ends = self._shards(epoch)
        windows = ends[:: self._window]
        of = np.searchsorted(windows, places, side="right") - 1
        found = np.empty_like(places)
        for number in np.unique(of):
            here = of == number
            first = number * self._window
            inside = ends[first : first + self._window + 1]
            found[here] = self._inside(key_of(self._key, epoch, number), places[here], inside)
        shard = np.searchsorted(ends, found, side="right") - 1
        return found - ends[shard] + self._starts[shards[shard]]

    def _shards(self, epoch: int) -> tuple[Numbers, Numbers]:
        """The shards in the order of an epoch, and where each begins and the last one ends."""
        import numpy as np

        if self._laid_out is None or self._laid_out[0] != epoch:
            count = len(self._starts) - 1
            shards = permute(np.arange(count), count, key_of(self._key, epoch, "shards"))
            lengths = np.diff(self._starts)[shards]
            self._laid_out = (epoch, shards, np.concatenate([[0], np.cumsum(lengths)]))
        return self._laid_out[1:]

    @staticmethod
    def _inside(key: int, places: Numbers, ends: Numbers) -> Numbers:
        """The places of one window, mixed."""
        begin, end = int(ends[0]), int(ends[-1])
        return permute(places - begin, end - begin, key) + begin


class Visits:
    """The rows of units that are in an order of their own.

    Args:
        units: The order of the units.
        starts: First row of each unit, and where the last one ends.
    """

    def __init__(self, units: Order, starts: Numbers) -> None:
        """Add up nothing yet."""
        self.length = int(starts[-1])
        self._units, self._starts = units, starts
        self._epoch = -1
        self._chunk: tuple[int, Numbers, Numbers] | None = None
        self._ends: list[int] = []

    def at(self, epoch: int, places: Numbers) -> Numbers:
        """What stands at some places."""
        import numpy as np

        if epoch != self._epoch:
            self._epoch, self._ends, self._chunk = epoch, [0], None
        found = np.empty_like(places)
        done = 0
        while done < len(places):
            number = self._chunk_of(int(places[done]))
            units, ends = self._laid_out(number)
            stop = int(np.searchsorted(places, self._ends[number + 1]))
            here = places[done:stop] - self._ends[number]
            unit = np.searchsorted(ends, here, side="right") - 1
            found[done:stop] = self._starts[units[unit]] + here - ends[unit]
            done = stop
        return found

    def _chunk_of(self, place: int) -> int:
        """The chunk that holds a place; the ones before it are added up on the way."""
        while self._ends[-1] <= place:
            _, ends = self._laid_out(len(self._ends) - 1)
            self._ends.append(self._ends[-1] + int(ends[-1]))
        return bisect.bisect_right(self._ends, place) - 1

    def _laid_out(self, number: int) -> tuple[Numbers, Numbers]:
        """The units of a chunk, and where in it the rows of each begin and the last ones end."""
        import numpy as np

        if self._chunk is None or self._chunk[0] != number:
            last = min((number + 1) * CHUNK, self._units.length)
            units = self._units.at(self._epoch, np.arange(number * CHUNK, last))
            lengths = self._starts[units + 1] - self._starts[units]
            self._chunk = (number, units, np.concatenate([[0], np.cumsum(lengths)]))
        return self._chunk[1:]


class Chosen:
    """An order of some rows only.

    Args:
        order: The order of the chosen ones among themselves.
        rows: Their numbers, ascending.
    """

    def __init__(self, order: Order, rows: Numbers) -> None:
        """Keep the choice."""
        self.length, self._order, self._rows = order.length, order, rows

    def at(self, epoch: int, places: Numbers) -> Numbers:
        """What stands at some places."""
        chosen: Numbers = self._rows[self._order.at(epoch, places)]
        return chosen


def visit_starts(picture_starts: Numbers, most: int) -> Numbers:
    """Where visits begin that have at most so many questions of one picture each.

    Args:
        picture_starts: First row of each picture, and where the last one ends; a picture may have
            no rows.
        most: Rows of a visit; 0 for all that its picture has.

    Returns:
        First row of each visit, and where the last one ends.
    """
    import numpy as np

    counts = np.diff(picture_starts)
    if not most:
        return np.append(picture_starts[:-1][counts > 0], picture_starts[-1])
    visits = -(-counts // most)
    firsts = np.repeat(picture_starts[:-1], visits)
    within = np.arange(len(firsts)) - np.repeat(np.cumsum(visits) - visits, visits)
    return np.append(firsts + within * most, picture_starts[-1])
