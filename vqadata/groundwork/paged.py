"""Long columns of numbers that need no room in memory: they lie in temporary files that are mapped.

What was looked up is given back to the system by :meth:`Paged.release`; the next look costs soft
page faults (some milliseconds for ten megabytes), as the file stays in the page cache. So memory
does not grow with the rows, and a short column, which is most of them, is a plain array.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

PAGED_FROM = 1 << 19
"""Numbers from which on a column lies in a file."""


class MappedTable:
    """An Arrow file that is mapped: what was looked at can be given back to the system.

    Args:
        path: The file, in the IPC file format.
    """

    def __init__(self, path: Path) -> None:
        """Map the file."""
        import pyarrow as pa

        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.table: pa.Table = pa.ipc.open_file(pa.py_buffer(self._map)).read_all()
        """The rows; views of the file."""

    def release(self) -> None:
        """Give the memory back; the rows stay."""
        _release(self._map)


def _release(mapped: mmap.mmap) -> None:
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


class Paged:
    """A column of numbers.

    Args:
        parts: The column in pieces of one type, one at least; they may come as they are made.
        folder: Where a temporary file may be made, which is gone with this object; without it the
            column stays in memory.
        paged_from: Numbers from which on it lies in a file; :data:`PAGED_FROM` if not given.
    """

    def __init__(
        self,
        parts: Iterable[Numbers],
        folder: Path | None = None,
        paged_from: int | None = None,
    ) -> None:
        """Take the numbers over; of a long column only the beginning is ever held in memory."""
        import numpy as np

        self._map: mmap.mmap | None = None
        held: list[Numbers] = []
        coming = iter(parts)
        paged_from = PAGED_FROM if paged_from is None else paged_from
        for part in coming:
            held.append(part)
            if folder is not None and sum(map(len, held)) >= paged_from:
                self._map = _written(chain(held, coming), folder)
                self.values: Numbers = np.frombuffer(self._map, part.dtype)
                """The numbers; changes are kept."""
                return
        self.values = held[0] if len(held) == 1 else np.concatenate(held)

    def release(self) -> None:
        """Give the memory back; the numbers stay."""
        if self._map is not None:
            _release(self._map)


def _written(parts: Iterable[Numbers], folder: Path) -> mmap.mmap:
    """A map of a file that holds the parts and has no name."""
    with tempfile.TemporaryFile(dir=folder) as file:
        for part in parts:
            file.write(part.tobytes())
        file.flush()
        return mmap.mmap(file.fileno(), 0)
