"""Which numbers were met: distinct ones in sorted runs, 8 bytes each where a set takes some 60."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Keys: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]

SHORTER = 2
"""A run that is so many times as long as the next one is not merged with it yet."""


class DistinctKeys:
    """Numbers of 64 bits, each once.

    >>> import numpy as np
    >>> some, others = DistinctKeys(), DistinctKeys()
    >>> some.add(np.array([3, 1, 3], np.uint64))
    >>> others.add(np.array([3, 2], np.uint64))
    >>> len(some), some.common(others)
    (2, 1)
    """

    def __init__(self) -> None:
        """Have met none."""
        self._runs: list[Keys] = []

    def __len__(self) -> int:
        """How many there are."""
        return len(self._whole())

    def add(self, keys: Keys) -> None:
        """Add some numbers."""
        import numpy as np

        run = np.unique(keys)
        while self._runs and len(self._runs[-1]) < SHORTER * len(run):
            run = np.union1d(self._runs.pop(), run)
        self._runs.append(run)

    def common(self, other: DistinctKeys) -> int:
        """How many numbers another one has as well."""
        import numpy as np

        return len(np.intersect1d(self._whole(), other._whole(), assume_unique=True))

    def _whole(self) -> Keys:
        import numpy as np

        while len(self._runs) > 1:
            self._runs[-2:] = [np.union1d(*self._runs[-2:])]
        return self._runs[0] if self._runs else np.empty(0, np.uint64)
