"""Long columns of numbers that need no room in memory: they lie in temporary files that are mapped.

What was looked up is given back to the system by :meth:`Paged.release`; the next look costs soft
page faults (some milliseconds for ten megabytes), as the file stays in the page cache. So memory
does not grow with the rows, and a short column, which is most of them, is a plain array.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Sequence
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
        parts: The column in pieces of one type.
        folder: Where a temporary file may be made, which is gone with this object; without it the
            column stays in memory.
    """

    def __init__(self, parts: Sequence[Numbers], folder: Path | None = None) -> None:
        """Take the numbers over; a long column is written without a second copy in memory."""
        import numpy as np

        self._map: mmap.mmap | None = None
        if folder is None or sum(map(len, parts)) < PAGED_FROM:
            self.values: Numbers = parts[0] if len(parts) == 1 else np.concatenate(parts)
            """The numbers; changes are kept."""
            return
        with tempfile.TemporaryFile(dir=folder) as file:
            for part in parts:
                file.write(part.tobytes())
            file.flush()
            self._map = mmap.mmap(file.fileno(), 0)
        self.values = np.frombuffer(self._map, parts[0].dtype)

    def release(self) -> None:
        """Give the memory back; the numbers stay."""
        if self._map is not None:
            _release(self._map)
