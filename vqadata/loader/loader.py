"""The loader: rows of finished shards in batches, epoch by epoch, from wherever a run stopped.

The order is a pure function of the data's digest, the seed and the epoch; ranks, workers and
threads have no part in it. So a loader's state is the number of rows that were handed out.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqadata.errors import OptionError
from vqadata.loader.arrangement import Arrangement, arrange
from vqadata.loader.load_options import LoadOptions, options_of
from vqadata.loader.plan import Plan
from vqadata.loader.progress import index_from, state_of
from vqadata.loader.row_reader import Row, RowReader
from vqadata.shards.read_options import ReadOptions
from vqadata.shards.reader import Damage, Shards, open_shards

if TYPE_CHECKING:
    from datasets import IterableDataset

    from vqadata.loader.torch_rows import TorchBatches


def load(
    folders: Path | str | Sequence[Path | str],
    options: LoadOptions | None = None,
    reading: ReadOptions | None = None,
    **given: Any,
) -> Loader:
    """Open finished shards to read rows in batches.

    Args:
        folders: A folder of shards, or several.
        options: What is wanted.
        reading: What to do about damage, and more.
        given: What is wanted, one by one; see :class:`LoadOptions`.

    Raises:
        ShardError: A folder cannot be read.
        OptionError: An option does not fit, or no row is chosen.
    """
    listed = [folders] if isinstance(folders, str | Path) else list(folders)
    return Loader([open_shards(folder, reading) for folder in listed], options_of(options, given))


class Loader:
    """Rows in batches. An iteration goes on to the end of the epoch; the next one begins the next.

    After a ``break`` the next iteration continues behind the last batch that was handed out.

    Args:
        sources: The data sets.
        options: What is wanted.

    Raises:
        OptionError: An option does not fit, or no row is chosen.
    """

    def __init__(self, sources: Sequence[Shards], options: LoadOptions) -> None:
        """Lay out the order; open a shard when a row is asked for."""
        self.options, self._sources = options, sources
        self._arrangement: Arrangement = arrange(sources, options)
        self._index = 0
        self._current: weakref.ref[Generator[Any, None, None]] | None = None

    @property
    def plan(self) -> Plan:
        """The order and its batches."""
        return self._arrangement.plan

    @property
    def reader(self) -> RowReader:
        """Reads rows by their numbers, in any process."""
        return self._arrangement.reader

    @property
    def index(self) -> int:
        """Rows that were handed out, over all ranks and epochs."""
        return self._index

    @property
    def digest(self) -> str:
        """Identity of the data: of one data set the digest of its manifest."""
        return self._arrangement.digest

    @property
    def rows(self) -> int:
        """Rows of an epoch, over all ranks."""
        return self.plan.order.length

    @property
    def epoch(self) -> int:
        """Number of the epoch to which the next batch belongs, from 0."""
        return self._index // self.rows

    @property
    def damage(self) -> list[Damage]:
        """What was skipped so far because it is damaged, as far as this process met it."""
        return [damage for shards in self._sources for damage in shards.damage]

    def __len__(self) -> int:
        """Batches that the next iteration gives."""
        return self.plan.batches_from(self._index)

    def __iter__(self) -> Iterator[list[Row]]:
        """Give the batches of this rank to the end of the epoch."""
        return self.under_way(self._arrangement.batches(self._index))

    def state_dict(self) -> dict[str, Any]:
        """Where the run is: behind the last batch that was handed out, not read ahead."""
        return state_of(self._index, self.digest, self._arrangement.order)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where another run stopped, whatever its ranks and workers were.

        Raises:
            OptionError: The state is of other data or of another order; or batches are being
                handed out, so that it would come too late.
        """
        if self._running:
            raise OptionError(
                "state", "an iteration has begun", "a state before the first batch",
                "Call load_state_dict before iter(), or leave the loop first.",
            )  # fmt: skip
        self._index = self.check(state)

    def check(self, state: Mapping[str, Any]) -> int:
        """The rows that were handed out by a state.

        Raises:
            OptionError: It is of other data or of another order.
        """
        return index_from(state, self.digest, self._arrangement.order)

    def torch(
        self, workers: int = 0, collate: Callable[[list[Row]], Any] | None = None, **more: Any
    ) -> TorchBatches:
        """The same batches, read by the workers of a torch DataLoader; it shares this state.

        Args:
            workers: Processes; 0 for none.
            collate: Makes a batch of a list of rows, in the worker; by default the list itself.
            more: Further arguments of ``torch.utils.data.DataLoader``.
        """
        from vqadata.loader.torch_rows import TorchBatches

        return TorchBatches(self, workers, collate, **more)

    def hugging_face(self, parts: int = 1) -> IterableDataset:
        """The rows to the end of the epoch as a ``datasets.IterableDataset``, as TRL takes it.

        Args:
            parts: Workers over which it can be parted.
        """
        from vqadata.loader.hugging_face import iterable_dataset

        return iterable_dataset(self, parts)

    def under_way(self, batches: Iterator[tuple[Any, int]]) -> Iterator[Any]:
        """Hand out the batches of an epoch and count them.

        Args:
            batches: Each with the number of rows that are handed out when it is.
        """
        if self._running:
            raise OptionError(
                "loader", "two iterations at once", "one, as there is one state",
                "Finish the first or let go of it, or open a second loader.",
            )  # fmt: skip
        epoch = self._counted(batches, self.plan.after_epoch(self._index))
        self._current = weakref.ref(epoch)
        return epoch

    @property
    def _running(self) -> bool:
        """Whether an iterator is there that did not end, even if it gave nothing yet."""
        epoch = None if self._current is None else self._current()
        return epoch is not None and inspect.getgeneratorstate(epoch) != inspect.GEN_CLOSED

    def _counted(self, batches: Iterator[tuple[Any, int]], end: int) -> Generator[Any, None, None]:
        for batch, self._index in batches:
            yield batch
        self._index = end
