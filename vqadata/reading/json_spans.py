"""JSON records as spans of the text in which they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import msgspec

from vqadata.reading.json_scan import after_gap

if TYPE_CHECKING:
    import numpy as np

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Records(Sequence[bytes]):
    """The JSON texts of some records, one after the other in one text.

    Args:
        text: The text in which they stand.
        starts: Offset of each in it.
        ends: Offset behind each.
        proved: Whether each is known to be valid JSON.
        offset: Offset of the text in the file.
    """

    def __init__(
        self, text: bytes, starts: Numbers, ends: Numbers, proved: Numbers, offset: int
    ) -> None:
        """Keep the parts; texts are made when they are asked for."""
        self.text, self.starts, self.ends, self.proved = text, starts, ends, proved
        self._offset = offset

    def __len__(self) -> int:
        """Number of records."""
        return len(self.starts)

    @overload
    def __getitem__(self, number: int) -> bytes: ...
    @overload
    def __getitem__(self, number: slice) -> list[bytes]: ...
    def __getitem__(self, number: int | slice) -> bytes | list[bytes]:
        """The text of one record, or of some."""
        if isinstance(number, slice):
            spans = zip(self.starts[number].tolist(), self.ends[number].tolist(), strict=True)
            return [self.text[start:end] for start, end in spans]
        return self.text[self.starts[number] : self.ends[number]]

    def chosen(self, rows: Numbers) -> Records:
        """Some of the records, by their ascending numbers."""
        if len(rows) == len(self):
            return self
        columns = self.starts[rows], self.ends[rows], self.proved[rows]
        return Records(self.text, *columns, self._offset)

    def place(self, number: int) -> int:
        """The offset of a record in the file."""
        return self._offset + int(self.starts[number])

    def before(self, offset: int) -> Records:
        """The records that begin before an offset of the file."""
        import numpy as np

        return self.chosen(np.arange(np.searchsorted(self.starts, offset - self._offset)))


class Spans:
    """Records in the buffer: where each begins and ends, and whether it is known to be JSON."""

    def __init__(self) -> None:
        """Hold none yet."""
        self._parts: list[tuple[Numbers, Numbers, Numbers]] = []

    def add(self, items: Sequence[tuple[int, int, bool]], shift: int) -> None:
        """Take some records: start, end, and whether each is proved.

        Args:
            items: The records, in the text behind ``shift``.
            shift: Offset of that text in the buffer.
        """
        import numpy as np

        if items:
            starts, ends, proved = zip(*items, strict=True)
            self._parts.append(
                (np.array(starts) + shift, np.array(ends) + shift, np.array(proved, bool))
            )

    def extend(self, records: Records, shift: int) -> None:
        """Take proved records whose text stands elsewhere in the buffer."""
        self._parts.append((records.starts + shift, records.ends + shift, records.proved))

    def of(self, text: bytes, offset: int) -> Records:
        """The records, with the text in which they stand and its offset in the file."""
        import numpy as np

        none = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, bool))
        starts, ends, proved = map(np.concatenate, zip(none, *self._parts, strict=True))
        return Records(text, starts, ends, proved, offset)


def side_by_side(text: bytes, raws: list[msgspec.Raw], between: int, offset: int) -> Records:
    """The proved records of a list, with so many bytes between two as between the first two."""
    import numpy as np

    lengths = np.fromiter(map(len, raws), np.int64, len(raws))
    ends = np.cumsum(lengths + between) - between + 1
    if len(raws) and ends[-1] != len(text) - 1:
        end = 1
        for number, length in enumerate(lengths.tolist()):
            ends[number] = end = after_gap(text, end) + length
    return Records(text, ends - lengths, ends, np.ones(len(raws), bool), offset)
