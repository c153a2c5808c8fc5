"""Records over which a skeleton is laid: the text between its literal parts, as Arrow columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from vqadata.reading.json_bytes import columns_of, read_digits

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Laid(NamedTuple):
    """Records over which a skeleton is laid."""

    text: bytes
    rows: Numbers
    """Number of each among the records that came."""
    starts: Numbers
    ends: Numbers
    bounds: Numbers
    """Where each run begins and ends, of shape (rows, 2 x runs); between two of them is a hole."""

    def spans(self, holes: list[int]) -> tuple[Numbers, Numbers]:
        """Start and end of some holes, each of shape (rows, holes)."""
        starts = columns_of(self.bounds, [2 * hole + 1 for hole in holes])
        return starts, columns_of(self.bounds, [2 * hole + 2 for hole in holes])

    def pieces(self, kind: pa.DataType) -> pa.Array:
        """The runs and the holes in turn as an Arrow array, without a copy of the text.

        The last run of a record is followed by what stands between it and the next one.
        """
        import pyarrow as pa

        buffers = [None, pa.py_buffer(self.bounds), pa.py_buffer(self.text)]
        return pa.Array.from_buffers(kind, self.bounds.size - 1, buffers)

    def with_texts(self, texts: dict[tuple[int, int], str | None]) -> Laid:
        """With other texts in some holes, by row and hole; they stand behind all others."""
        import numpy as np

        if not texts:
            return self
        said = [(text or "").encode() for text in texts.values()]
        rows, holes = np.array(list(texts)).T
        ends = np.cumsum([len(self.text), *map(len, said)])
        bounds = self.bounds.copy()
        bounds[rows, 2 * holes + 1], bounds[rows, 2 * holes + 2] = ends[:-1], ends[1:]
        return self._replace(text=b"".join([self.text, *said]), bounds=bounds)

    def only(self, fits: Numbers) -> Laid:
        """Those for which ``fits`` is true."""
        if fits.all():
            return self
        return Laid(self.text, *(column[fits] for column in self[1:]))


class Fitted:
    """Records that fit a skeleton: what lies in the holes of each.

    Args:
        laid: The records, without escapes in their texts.
    """

    def __init__(self, laid: Laid) -> None:
        """Keep where everything lies; it is read when it is asked for."""
        self._laid = laid

    @property
    def rows(self) -> Numbers:
        """Numbers of the records, ascending, among those that came."""
        return self._laid.rows

    def texts(self, holes: list[int]) -> pa.StringArray:
        """What lies in some holes as text, row by row: of length rows x holes."""
        import numpy as np
        import pyarrow as pa

        if not len(self.rows) or not holes:
            return pa.array([], pa.string())
        width = self._laid.bounds.shape[1]
        begins = np.arange(0, len(self.rows) * width, width, dtype=np.int32)
        places = begins[:, None] + np.array([2 * hole + 1 for hole in holes], np.int32)
        return self._laid.pieces(pa.string()).take(pa.array(places.ravel()))

    def integers(self, hole: int) -> pa.Int64Array:
        """The numbers in a hole."""
        import numpy as np
        import pyarrow as pa

        buffer = np.frombuffer(self._laid.text, np.uint8)
        return pa.array(read_digits(buffer, *self._laid.spans([hole]))[:, 0])
