"""What a loader is made of: the order of its options, the batches cut from it, and their rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.errors import OptionError
from vqadata.loader.catalogue import Catalogue, firsts_of, joined, read_catalogue
from vqadata.loader.load_options import ORDER, LoadOptions
from vqadata.loader.mixture import Mixture
from vqadata.loader.order import Chosen, Order, Plain, Shuffled, TwoLevel, Visits, visit_starts
from vqadata.loader.permutation import key_of
from vqadata.loader.plan import Plan, Share
from vqadata.loader.row_reader import Row, RowReader
from vqadata.shards.reader import Shards

if TYPE_CHECKING:
    from vqadata.loader.permutation import Numbers


AHEAD = 2
"""Steps before it is read that a batch is announced to the store."""


class Arrangement(NamedTuple):
    """The parts of a loader; they keep nothing of where a run is."""

    plan: Plan
    """The order and its batches."""
    reader: RowReader
    """Rows by their numbers."""
    digest: str
    """Identity of the data."""
    order: dict[str, Any]
    """The options on which the order depends."""
    threads: int
    """Threads that read ahead."""

    def batches(self, index: int) -> Iterator[tuple[list[Row], int]]:
        """The batches from a place to the end of its epoch, each with the place behind it."""
        shares = self._announced(self.plan.shares(index))
        if self.threads:
            return self._read_ahead(shares)
        return ((self.reader.rows(share.rows), share.end) for share in shares)

    def _announced(self, shares: Iterator[Share]) -> Iterator[Share]:
        """The shares, each told to the reader some steps before it is its turn."""
        coming: deque[Share] = deque()
        for share in shares:
            self.reader.prefetch(share.rows)
            coming.append(share)
            if len(coming) > AHEAD:
                yield coming.popleft()
        yield from coming

    def _read_ahead(self, shares: Iterator[Share]) -> Iterator[tuple[list[Row], int]]:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self.threads) as pool:
            ahead = deque(
                (pool.submit(self.reader.rows, share.rows), share.end)
                for share in islice(shares, 2 * self.threads)
            )
            try:
                while ahead:
                    rows, end = ahead.popleft()
                    for share in islice(shares, 1):
                        ahead.append((pool.submit(self.reader.rows, share.rows), share.end))
                    yield rows.result(), end
            finally:
                for rows, _ in ahead:
                    rows.cancel()


def arrange(sources: Sequence[Shards], options: LoadOptions) -> Arrangement:
    """Put a loader together.

    Raises:
        OptionError: An option does not fit, or no row is chosen.
    """
    _refuse(sources, options)
    digest = sources[0].digest if len(sources) == 1 else f"{key_of(*(s.digest for s in sources)):x}"
    parts = [
        read_catalogue(shards, options.split, options.where, options.visit != 1)
        for shards in sources
    ]
    whole = joined(parts)
    return Arrangement(
        Plan(
            _order(parts, whole, options, key_of(digest, options.seed)),
            options.batch_size, options.last, options.rank, options.ranks,
        ),
        RowReader(sources, whole.batch_starts, options),
        digest,
        {name: getattr(options, name) for name in ORDER},
        options.threads,
    )  # fmt: skip


def _refuse(sources: Sequence[Shards], options: LoadOptions) -> None:
    if not 0 <= options.rank < options.ranks <= options.batch_size:
        raise OptionError(
            "rank", f"rank {options.rank} of {options.ranks}, batches of {options.batch_size}",
            "rank < ranks <= batch_size",
        )  # fmt: skip
    weights = options.weights
    if weights is not None and (len(weights) != len(sources) or min(weights) <= 0):
        raise OptionError("weights", f"{weights}", f"{len(sources)} numbers above 0")
    if options.size is not None and options.images != "rgb":
        raise OptionError("size", f"images are {options.images}", "images=rgb")


def _order(parts: Sequence[Catalogue], whole: Catalogue, options: LoadOptions, key: int) -> Order:
    """The order of all rows: of each data set by itself if they are mixed, else of all as one."""
    if options.weights is None:
        return order_of(whole, options, key)
    orders = [order_of(part, options, key_of(key, n)) for n, part in enumerate(parts)]
    return Mixture(orders, options.weights, firsts_of(parts), key)


def order_of(catalogue: Catalogue, options: LoadOptions, key: int) -> Order:
    """The order of the chosen rows of a data set.

    Args:
        catalogue: The rows.
        options: How they are shuffled.
        key: Names the data and the seed.
    """
    import numpy as np

    shards, starts = catalogue.among_chosen(catalogue.shard_starts), None
    if options.visit != 1:
        starts = visit_starts(catalogue.among_chosen(catalogue.picture_starts), options.visit)
        shards = np.searchsorted(starts, shards)
    order = _units(shards, options, key)
    if starts is not None:
        order = Visits(order, starts)
    return order if catalogue.chosen is None else Chosen(order, catalogue.chosen)


def _units(shard_starts: Numbers, options: LoadOptions, key: int) -> Order:
    if options.shuffle == "two-level":
        return TwoLevel(shard_starts, options.window, key)
    count = int(shard_starts[-1])
    return Plain(count) if options.shuffle == "none" else Shuffled(count, key)
