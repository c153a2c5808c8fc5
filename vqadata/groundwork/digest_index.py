"""Where a digest was met first, in 20 bytes a mention, where a dictionary would take some 150.

Halves of digests are looked up; the other halves tell whether two that are equal in one are the
same. So the answers are exact.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vqadata.groundwork.id_index import UNKNOWN, IdIndex

if TYPE_CHECKING:
    from vqadata.groundwork.spill import Numbers

HALVES = 2
"""Numbers of 64 bits in a digest."""


class DigestIndex:
    """Digests with the number of their first mention; mentions are numbered from 0.

    Args:
        scratch: Folder for temporary files; without it all stays in memory.

    >>> index = DigestIndex()
    >>> index.add(["0" * 32, "f" * 32]).tolist(), index.add(["f" * 32]).tolist()
    ([0, 1], [1])
    """

    def __init__(self, scratch: Path | None = None) -> None:
        """Have met none."""
        self._first_halves, self._others = IdIndex(scratch), array("q")
        self._odd: dict[str, int] = {}
        """Digests of which another one has the first half."""

    def __len__(self) -> int:
        """How many mentions there were."""
        return len(self._others)

    def add(self, digests: Sequence[str]) -> Numbers:
        """Add some mentions.

        Args:
            digests: Of 128 bits, in hexadecimal.

        Returns:
            For each the number of the first mention of its digest: its own if it is new.
        """
        import numpy as np
        import pyarrow as pa

        if not digests:
            return np.empty(0, np.int64)
        halves, start = _halves(digests), len(self)
        numbers = np.arange(start, start + len(digests))
        self._others.frombytes(halves[:, 1].tobytes())
        first = self._first_halves.add(pa.array(halves[:, 0]), numbers)
        for place in self._unlike(halves, first):
            first[place] = self._odd.setdefault(digests[place], start + place)
        return first

    def find(self, digests: Sequence[str]) -> Numbers:
        """The number of the first mention of each; :data:`UNKNOWN` where there was none."""
        import numpy as np
        import pyarrow as pa

        if not digests or not len(self):
            return np.full(len(digests), UNKNOWN)
        halves = _halves(digests)
        first = self._first_halves.find(pa.array(halves[:, 0]))
        for place in self._unlike(halves, first):
            first[place] = self._odd.get(digests[place], UNKNOWN)
        return first

    def _unlike(self, halves: Numbers, first: Numbers) -> list[int]:
        """Those that have but the first half in common with what was found."""
        import numpy as np

        # An array that is looked into cannot grow: nothing of it is kept.
        others = np.frombuffer(self._others, np.int64)[first]
        found: list[int] = np.flatnonzero((first != UNKNOWN) & (others != halves[:, 1])).tolist()
        return found


def _halves(digests: Sequence[str]) -> Numbers:
    """Both halves of each, int64, shape (digests, 2)."""
    import numpy as np

    halves: Numbers = np.frombuffer(bytes.fromhex("".join(digests)), ">i8").astype(np.int64)
    return halves.reshape(-1, HALVES)
