"""Global batches, cut for ranks: equal steps, whatever the number of ranks and workers.

Global batch ``t`` is the places ``t * size`` to ``(t + 1) * size`` of the epoch; each rank takes
a run of it. Workers have no part in the order. So one number, the places that were handed out since
the first epoch began, says everything about where a run is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from vqadata.loader.order import Order

if TYPE_CHECKING:
    from vqadata.loader.permutation import Numbers

AHEAD = 8192
"""Places that are asked of the order at a time: it answers many as quickly as few."""

Last: TypeAlias = Literal["short", "pad", "drop"]
"""What becomes of the places of an epoch that do not fill a batch."""


class Share(NamedTuple):
    """The part of a global batch that is one rank's."""

    rows: list[int]
    """Numbers of its rows; ``~number`` for a row that only fills a place (see :class:`Plan`)."""
    end: int
    """Places handed out, over all ranks and epochs, when this batch is."""


class Plan(NamedTuple):
    """The global batches of a run.

    With ``last="short"`` the last batch of an epoch holds what is left, and ``"pad"`` fills it with
    rows from the epoch's beginning. A rank that would have no row at all in a short batch gets one
    that fills its place, so that all ranks take equal steps. Such rows are marked.
    """

    order: Order
    """The order of the rows."""
    size: int
    """Rows of a global batch."""
    last: Last = "short"
    """What becomes of the rest."""
    rank: int = 0
    """Which part is wanted."""
    ranks: int = 1
    """Parts of each batch."""

    def batches_from(self, index: int) -> int:
        """Number of batches from a place to the end of its epoch."""
        left = self.order.length - index % self.order.length
        return left // self.size + (self.last != "drop" and left % self.size > 0)

    def shares(self, index: int) -> Iterator[Share]:
        """The batches from a place to the end of its epoch.

        Args:
            index: Places handed out before.
        """
        import numpy as np

        epoch, place = divmod(index, self.order.length)
        begin, end = self._cut(self.size)
        whole, step = (self.order.length - place) // self.size, max(1, AHEAD // self.size)
        first = np.arange(begin, end)
        for start in range(0, whole, step):
            count = min(step, whole - start)
            offsets = (place + (np.arange(start, start + count)) * self.size)[:, None]
            rows = self.order.at(epoch, (offsets + first).ravel()).reshape(count, -1).tolist()
            for number, own in enumerate(rows, start + 1):
                yield Share(own, self._count(epoch, place + number * self.size))
        rest = place + whole * self.size
        if rest < self.order.length and self.last != "drop":
            yield Share(self._ragged(epoch, rest), (epoch + 1) * self.order.length)

    def after_epoch(self, index: int) -> int:
        """Places handed out at the end of the epoch of a place."""
        return (index // self.order.length + 1) * self.order.length

    def _count(self, epoch: int, place: int) -> int:
        """Places handed out; those that are dropped are passed over."""
        if self.last == "drop" and self.order.length - place < self.size:
            place = self.order.length
        return epoch * self.order.length + place

    def _cut(self, count: int) -> tuple[int, int]:
        return count * self.rank // self.ranks, count * (self.rank + 1) // self.ranks

    def _ragged(self, epoch: int, place: int) -> list[int]:
        """This rank's part of the places that do not fill a batch."""
        left = self.order.length - place
        begin, end = self._cut(self.size if self.last == "pad" else left)
        rows = self._rows(epoch, place + begin, place + min(end, left))
        fill = max(end - max(begin, left), int(begin == end))
        while fill > 0:
            repeated = self._rows(epoch, 0, min(fill, self.order.length))
            rows += [~row for row in repeated]
            fill -= len(repeated)
        return rows

    def _rows(self, epoch: int, start: int, stop: int) -> list[int]:
        import numpy as np

        places: Numbers = np.arange(start, max(start, stop))
        numbers: list[int] = self.order.at(epoch, places).tolist()
        return numbers
