"""The order of a run: a pure function of rows, seed, curriculum and lengths; no clock, no worker.

Place *i* of the run always names the same row, or the same rows where several are packed into one
sequence. So a stopped run goes on with the next place, on any number of processes and workers.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Rows: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

PACK_WINDOW = 1024
"""Rows that are packed together: few enough that the order stays near the shuffled one."""

LENGTH_WINDOW = 64
"""Steps whose rows are sorted by length together."""

WHOLE, CURRICULUM, PACKS, STEPS, CONTROLS = range(5)
"""Streams of random numbers, so that no two draws share one."""


class Order(NamedTuple):
    """Which rows stand at which place."""

    rows: Rows
    """Row numbers, one after the other."""
    ends: Rows
    """Where each place ends in ``rows``."""

    def __len__(self) -> int:
        """Places of the run."""
        return len(self.ends)

    def at(self, start: int, stop: int | None = None) -> list[int]:
        """Rows at a place, or at the places from ``start`` to before ``stop``."""
        stop = start + 1 if stop is None else stop
        first = int(self.ends[start - 1]) if start else 0
        last = int(self.ends[stop - 1]) if stop else 0
        return [int(row) for row in self.rows[first:last]]


def generator(seed: int, stream: int, number: int) -> np.random.Generator:
    """Random numbers of one draw: a counter-based generator (Philox, Salmon et al. 2011)."""
    import numpy as np

    return np.random.Generator(np.random.Philox(key=[seed, (stream << 32) + number]))


def passes(rows: Rows, length: int, seed: int, stream: int) -> Rows:
    """Whole shuffled passes over ``rows``, cut to ``length``; each pass has an order of its own."""
    import numpy as np

    count = -(-length // len(rows)) if length > 0 else 0
    orders = [generator(seed, stream, number).permutation(rows) for number in range(count)]
    return np.concatenate([np.empty(0, np.int64), *orders]).astype(np.int64)[:length]


def one_pass(count: int, number: int, seed: int) -> Rows:
    """The shuffled pass of a number over all rows."""
    return generator(seed, WHOLE, number).permutation(count)


def whole(first: Rows | None, count: int, length: int, seed: int) -> Rows:
    """The curriculum, then shuffled passes over all rows; so many places in all."""
    import numpy as np

    begin = np.empty(0, np.int64) if first is None else first[:length]
    return np.concatenate([begin, passes(np.arange(count), length - len(begin), seed, WHOLE)])


def singly(rows: Rows) -> Order:
    """One row a place."""
    import numpy as np

    return Order(rows, np.arange(1, len(rows) + 1))


def by_length(rows: Rows, lengths: Rows, step: int, seed: int) -> Order:
    """Rows of like length in one step, so that little is padded; one row a place.

    Within :data:`LENGTH_WINDOW` steps the rows are sorted, cut into steps, and these are shuffled.

    Args:
        rows: The shuffled order; whole steps.
        lengths: Tokens of every row number.
        step: Rows of a step, over all processes.
        seed: Seed of the run.
    """
    import numpy as np

    window = step * LENGTH_WINDOW
    parts = [np.empty(0, np.int64)]
    for number, start in enumerate(range(0, len(rows), window)):
        part = rows[start : start + window]
        part = part[np.argsort(lengths[part], kind="stable")].reshape(-1, step)
        parts.append(generator(seed, STEPS, number).permutation(part).reshape(-1))
    return singly(np.concatenate(parts))


def packed(runs: Iterator[Rows], lengths: Rows, capacity: int, places: int, seed: int) -> Order:
    """Several rows a place, no more tokens than ``capacity``; none is cut.

    Args:
        runs: Row numbers in stretches that are packed by themselves: curriculum, then passes.
        lengths: Tokens of every row number; none above ``capacity``.
        capacity: Tokens of a place.
        places: Places of the run.
        seed: Seed of the run.
    """
    import numpy as np

    found: list[Rows] = []
    for number, rows in enumerate(runs):
        if len(found) >= places:
            break
        found += pack_pass(rows, lengths, capacity, generator(seed, PACKS, number))
    found = found[:places]
    ends = np.cumsum([len(pack) for pack in found], dtype=np.int64)
    return Order(np.concatenate([np.empty(0, np.int64), *found]), ends)


def pack_pass(rows: Rows, lengths: Rows, capacity: int, draw: np.random.Generator) -> list[Rows]:
    """Packs of one stretch: best fit, longest row first, window by window."""
    packs: list[Rows] = []
    for start in range(0, len(rows), PACK_WINDOW):
        part = rows[start : start + PACK_WINDOW]
        found = _best_fit(part, lengths[part].tolist(), capacity)
        packs += [found[i] for i in draw.permutation(len(found))]
    return packs


def _best_fit(rows: Rows, lengths: Sequence[int], capacity: int) -> list[Rows]:
    """Put each row where it leaves the least room (Johnson 1973); rows stay in their order."""
    packs: list[list[int]] = []
    room: list[tuple[int, int]] = []  # tokens left and number of the pack, sorted
    for i in sorted(range(len(rows)), key=lambda i: -lengths[i]):
        at = bisect.bisect_left(room, (lengths[i], -1))
        if at == len(room):
            left, pack = capacity, len(packs)
            packs.append([])
        else:
            left, pack = room.pop(at)
        packs[pack].append(i)
        bisect.insort(room, (left - lengths[i], pack))
    return [rows[sorted(pack)] for pack in packs]
