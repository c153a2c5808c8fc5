"""Remembers where an id was first seen, in 12 bytes an id.

Integers live in a few sorted runs of doubling length (a log-structured merge tree, O'Neil et al.
1996), so that a block of ids is looked up by binary search; long runs lie in temporary files
(:mod:`vqadata.groundwork.paged`). Other ids live in a dictionary. An integer and its decimal text
are the same id.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from vqadata.groundwork.paged import PAGED_FROM, Paged

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

UNKNOWN = -1

LONGEST_RUN = 1 << 17
"""Ids of a run beyond which it is not merged any more, which bounds the memory of a merge; such a
run lies in a file if there are more than :data:`~vqadata.groundwork.paged.PAGED_FROM` ids."""

_DECIMAL = r"^(?:0|-?[1-9][0-9]{0,17})$"


class _Run(NamedTuple):
    """Ids in ascending order, and the number of each."""

    ids: Paged
    numbers: Paged
    least: int
    greatest: int

    def release(self) -> None:
        self.ids.release()
        self.numbers.release()


class IdIndex:
    """Ids with the number under which each was first added.

    Args:
        scratch: Folder for temporary files; without it all stays in memory.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        """Know no id yet."""
        self._scratch = scratch
        self._runs: list[_Run] = []
        self._texts: dict[str, int] = {}
        self._count = 0

    def add(self, ids: pa.Array, numbers: Numbers) -> Numbers:
        """Add a block of ids.

        Args:
            ids: int64 or string, without nulls.
            numbers: The number of each; those of a later id must be greater.

        Returns:
            For each id the number under which it was first added: its own if it is new.
        """
        import numpy as np
        import pyarrow as pa

        first = numbers.copy()
        if pa.types.is_string(ids.type):
            rows, values, rest = _split(ids)
            for row in rest:
                first[row] = self._texts.setdefault(ids[row].as_py(), int(numbers[row]))
        else:
            rows, values = np.arange(len(ids)), ids.to_numpy()
        if len(rows):
            first[rows] = self._add_integers(values, numbers[rows])
        return first

    def find(self, ids: pa.Array) -> Numbers:
        """The number of each id; :data:`UNKNOWN` where it was never added."""
        import numpy as np
        import pyarrow as pa

        found = np.full(len(ids), UNKNOWN)
        if pa.types.is_string(ids.type):
            rows, values, rest = _split(ids)
            for row in rest:
                found[row] = self._texts.get(ids[row].as_py(), UNKNOWN)
            found[rows] = self._find_integers(values)
        else:
            found[:] = self._find_integers(ids.to_numpy())
        return found

    def _add_integers(self, values: Numbers, numbers: Numbers) -> Numbers:
        import numpy as np

        order = np.argsort(values, kind="stable")
        ordered = values[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
        groups = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(ordered)))
        unique, own = ordered[starts], numbers[order][starts]
        known = self._find_ordered(unique)
        new = known == UNKNOWN
        self._push(unique[new], own[new])
        first = np.empty_like(numbers)
        first[order] = np.where(new, own, known)[groups]
        return first

    def _find_integers(self, values: Numbers) -> Numbers:
        import numpy as np

        # In ascending order one search begins where the one before ended, in warm memory.
        order = np.argsort(values)
        found = np.empty(len(values), np.int64)
        found[order] = self._find_ordered(values[order])
        return found

    def _find_ordered(self, values: Numbers) -> Numbers:
        """The numbers of ids that are in ascending order."""
        import numpy as np

        found = np.full(len(values), UNKNOWN)
        for run in self._runs:
            low = np.searchsorted(values, run.least)
            high = np.searchsorted(values, run.greatest, "right")
            if low == high:
                continue  # nothing of it was looked at: it need not come from its file
            inside, ids, numbers = slice(low, high), run.ids.values, run.numbers.values
            places = np.searchsorted(ids, values[inside])
            hits = ids[places] == values[inside]
            found[inside] = np.where(hits, numbers[places], found[inside])
            run.release()
        return found

    def _push(self, ids: Numbers, numbers: Numbers) -> None:
        """Add a sorted run; merge runs so that each is at least twice as long as the next."""
        import numpy as np

        if not len(ids):
            return
        self._count += len(ids)
        small = int(numbers.max()) <= np.iinfo(np.int32).max
        numbers = numbers.astype(np.int32) if small else numbers
        while self._runs and len(self._runs[-1].ids.values) < min(2 * len(ids), LONGEST_RUN):
            more = self._runs.pop()
            ids = np.concatenate([more.ids.values, ids])
            numbers = np.concatenate([more.numbers.values, numbers])
            order = np.argsort(ids, kind="stable")
            ids, numbers = ids[order], numbers[order]
        folder = self._scratch if self._count > PAGED_FROM else None
        places = Paged([numbers], folder, LONGEST_RUN)
        self._runs.append(
            _Run(Paged([ids], folder, LONGEST_RUN), places, int(ids[0]), int(ids[-1]))
        )


class FirstMentions:
    """Where known ids were first mentioned again, in 4 bytes an id; others are kept as they are.

    Args:
        known: The ids, with numbers from 0.
        count: How many numbers there are.
        scratch: Folder for temporary files; without it all stays in memory.
    """

    def __init__(self, known: IdIndex, count: int, scratch: Path | None = None) -> None:
        """Have met no mention yet."""
        import numpy as np

        self._known, self._others = known, IdIndex(scratch)
        kind = np.int32 if count <= np.iinfo(np.int32).max else np.int64
        lengths = (min(LONGEST_RUN, count - begin) for begin in range(0, count, LONGEST_RUN))
        unknown: Iterator[Numbers] = (np.full(length, UNKNOWN, kind) for length in lengths)
        self._first = Paged(chain([np.zeros(0, kind)], unknown), scratch)

    def add(self, ids: pa.Array, numbers: Numbers) -> Numbers:
        """Add a block of mentions; see :meth:`IdIndex.add`."""
        import numpy as np
        import pyarrow as pa

        targets = self._known.find(ids)
        is_known = targets != UNKNOWN
        first = numbers.copy()
        if not is_known.all():
            others = self._others.add(ids.filter(pa.array(~is_known)), numbers[~is_known])
            first[~is_known] = others
        mentioned, rows = np.unique(targets[is_known], return_index=True)
        mentions = self._first.values
        new = mentions[mentioned] == UNKNOWN
        mentions[mentioned[new]] = numbers[is_known][rows[new]]
        first[is_known] = mentions[targets[is_known]]
        self._first.release()
        return first


def _split(ids: pa.Array) -> tuple[Numbers, Numbers, list[int]]:
    """The rows of a string array that hold decimal integers, their values, and the other rows."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    decimal = pc.match_substring_regex(ids, _DECIMAL)
    is_decimal = decimal.to_numpy(zero_copy_only=False)
    values = ids.filter(decimal).cast(pa.int64()).to_numpy()
    return np.flatnonzero(is_decimal), values, np.flatnonzero(~is_decimal).tolist()
