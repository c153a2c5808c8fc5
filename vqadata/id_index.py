"""Remembers where an id was first seen, in 16 bytes an id.

Integers live in a few sorted runs of doubling length (a log-structured merge tree, O'Neil et al.
1996), so that a block of ids is looked up by binary search. Other ids live in a dictionary. An
integer and its decimal text are the same id.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

UNKNOWN = -1

_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,17}")


class IdIndex:
    """Ids with the number under which each was first added."""

    def __init__(self) -> None:
        """Know no id yet."""
        self._runs: list[tuple[Numbers, Numbers]] = []
        self._texts: dict[str, int] = {}

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
            integers, rest = _split(ids)
            for row in rest:
                first[row] = self._texts.setdefault(ids[row].as_py(), int(numbers[row]))
            rows = np.array([row for row, _ in integers], np.int64)
            values = np.array([value for _, value in integers], np.int64)
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
            integers, rest = _split(ids)
            for row in rest:
                found[row] = self._texts.get(ids[row].as_py(), UNKNOWN)
            rows = np.array([row for row, _ in integers], np.int64)
            values = np.array([value for _, value in integers], np.int64)
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
        known = self._find_integers(unique)
        new = known == UNKNOWN
        self._push(unique[new], own[new])
        first = np.empty_like(numbers)
        first[order] = np.where(new, own, known)[groups]
        return first

    def _find_integers(self, values: Numbers) -> Numbers:
        import numpy as np

        found = np.full(len(values), UNKNOWN)
        for ids, numbers in self._runs:
            places = np.minimum(np.searchsorted(ids, values), len(ids) - 1)
            hits = ids[places] == values
            found[hits] = numbers[places[hits]]
        return found

    def _push(self, ids: Numbers, numbers: Numbers) -> None:
        """Add a sorted run; merge runs so that each is at least twice as long as the next."""
        import numpy as np

        if not len(ids):
            return
        while self._runs and len(self._runs[-1][0]) < 2 * len(ids):
            more = self._runs.pop()
            ids, numbers = np.concatenate([more[0], ids]), np.concatenate([more[1], numbers])
            order = np.argsort(ids, kind="stable")
            ids, numbers = ids[order], numbers[order]
        self._runs.append((ids, numbers))


def _split(ids: pa.Array) -> tuple[list[tuple[int, int]], list[int]]:
    """The rows of a string array that hold decimal integers, with their values; the other rows."""
    integers, rest = [], []
    for row, text in enumerate(ids.to_pylist()):
        if _DECIMAL.fullmatch(text):
            integers.append((row, int(text)))
        else:
            rest.append(row)
    return integers, rest
