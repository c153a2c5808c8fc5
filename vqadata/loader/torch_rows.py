"""The loader's parts for torch: a map-style data set of rows, and the batches that name them.

The workers of a DataLoader keep nothing: each is told the numbers of rows, and reads them. The
order and the count of what was handed out are in the main process alone. So the number of workers
may change at any time, and nothing that was read ahead is counted.

Rows that are cheap to read (:attr:`~vqadata.loader.row_reader.RowReader.is_cheap`) are not sent
from process to process: workers have the system fetch what they lie in, and hand over the numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from vqadata.errors import VqaDataError
from vqadata.loader.parcel import Parcel
from vqadata.loader.plan import Share

if TYPE_CHECKING:
    from vqadata.loader.loader import Loader
    from vqadata.loader.row_reader import Row, RowReader


class TorchRows(Dataset["Row"]):
    """All rows of a loader by their numbers; ``~number`` is the row marked as padding.

    Args:
        reader: Reads them.
    """

    def __init__(self, reader: RowReader) -> None:
        """Keep the reader."""
        self._reader = reader

    def __len__(self) -> int:
        """Number of rows, chosen or not."""
        return self._reader.total

    def __getitem__(self, number: int) -> Row:
        """One row."""
        return self._reader.rows([number])[0]

    def __getitems__(self, numbers: list[int]) -> list[Row]:
        """The rows of a batch; torch asks for them at once."""
        return self._reader.rows(numbers)


class RowBatches(Sampler["list[int]"]):
    """The numbers of each batch from where the loader is to the end of its epoch.

    Args:
        loader: The loader.
    """

    def __init__(self, loader: Loader) -> None:
        """Ask nothing yet."""
        self._loader = loader

    def __len__(self) -> int:
        """Batches to the end of the epoch."""
        return len(self._loader)

    def __iter__(self) -> Iterator[list[int]]:
        """Name the rows of each batch."""
        return _Numbers(self._loader)


class _Numbers(Iterator["list[int]"]):
    """An iterator with a state, so that StatefulDataLoader need not wind forward."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._begin(loader.state_dict())

    def _begin(self, state: Mapping[str, Any]) -> None:
        self._state = dict(state)
        self._shares: Iterator[Share] = self._loader.plan.shares(self._state["index"])

    def __next__(self) -> list[int]:
        share = next(self._shares)
        self._state["index"] = share.end
        return share.rows

    def state_dict(self) -> dict[str, Any]:
        return dict(self._state)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._loader.check(state)
        self._begin(state)


class TorchBatches:
    """A loader whose batches are read and put together by the workers of a DataLoader.

    It has the loader's state: batches that wait in front of it are not counted.

    Args:
        loader: The loader.
        workers: Processes.
        collate: Makes a batch of a list of rows, in the worker; by default the list itself.
        more: Further arguments of ``torch.utils.data.DataLoader``.
    """

    def __init__(
        self, loader: Loader, workers: int, collate: Callable[[list[Row]], Any] | None, **more: Any
    ) -> None:
        """Start no worker yet."""
        from torch import Generator

        self.loader = loader
        self._ends: deque[int] = deque()
        self._by_number = workers > 0 and collate is None and loader.reader.is_cheap
        rows = _Announcer(loader.reader) if self._by_number else _SafeRows(loader.reader)
        self._dataloader: DataLoader[Any] = DataLoader(
            rows,
            batch_sampler=_Noted(loader, self._ends),
            collate_fn=partial(_put_together, collate, loader.options.images == "rgb"),
            num_workers=workers,
            # Its own, so that an iteration takes nothing from the global generator.
            generator=more.pop("generator", None) or Generator(),
            **more,
        )

    def __len__(self) -> int:
        """Batches that the next iteration gives."""
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        """Give the batches to the end of the epoch."""
        return self.loader.under_way(self._batches())

    def state_dict(self) -> dict[str, Any]:
        """The loader's state."""
        return self.loader.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the loader's state; see there."""
        self.loader.load_state_dict(state)

    def _batches(self) -> Iterator[tuple[Any, int]]:
        self._ends.clear()
        for batch in self._dataloader:
            rows = self.loader.reader.rows(batch) if self._by_number else batch
            yield rows, self._ends.popleft()


class _Noted(RowBatches):
    """Notes where each batch ends, for whoever gets the batches in the same order."""

    def __init__(self, loader: Loader, ends: deque[int]) -> None:
        super().__init__(loader)
        self._ends = ends

    def __iter__(self) -> Iterator[list[int]]:
        for share in self._loader.plan.shares(self._loader.index):
            self._ends.append(share.end)
            yield share.rows


class _SafeRows(TorchRows):
    """Rows whose errors reach the main process as they are; torch would make texts of them."""

    def __getitems__(self, numbers: list[int]) -> Any:
        try:
            return super().__getitems__(numbers)
        except VqaDataError as error:
            if get_worker_info() is None:
                raise
            return _Failure(error)


class _Announcer(TorchRows):
    """In place of rows their numbers, while what they lie in is fetched from the disk."""

    def __getitems__(self, numbers: list[int]) -> Any:
        self._reader.prefetch(numbers)
        return numbers


class _Failure:
    """An error on its way; it is raised where it arrives."""

    def __init__(self, error: VqaDataError) -> None:
        self._error = error

    def __reduce__(self) -> Any:
        error = self._error
        return _fail, (type(error), error.where, error.found, error.expected, error.remedy)


def _fail(kind: type[VqaDataError], *parts: str) -> None:
    raise kind(*parts)


def _put_together(
    collate: Callable[[list[Row]], Any] | None, pixels: bool, rows: list[Row] | _Failure
) -> Any:
    if isinstance(rows, _Failure):
        return rows
    if collate is not None:
        return collate(rows)
    return Parcel(rows) if pixels and get_worker_info() else rows
