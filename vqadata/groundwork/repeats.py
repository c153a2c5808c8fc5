"""Which of very many texts come more than once, in 12 bytes a text, and 12 more for each repeat."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from vqadata.groundwork.digests import text_key
from vqadata.groundwork.id_index import UNKNOWN, IdIndex

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.stretches import Mask


class Repeats:
    """Takes texts as they come, and says afterwards which of them came again.

    Texts are known by 64 bits of their digest: hardly ever one is taken for a repeat that is none.

    Args:
        scratch: Where temporary files may be made; without it all stays in memory.

    >>> repeats = Repeats()
    >>> repeats.add(["a", "b"]), repeats.add(["b", "c"])
    (None, None)
    >>> repeats.among(["a", "b", "d"]).tolist()
    [False, True, False]
    """

    def __init__(self, scratch: Path | None = None) -> None:
        """Have met nothing."""
        self._met, self._again, self._count = IdIndex(scratch), IdIndex(scratch), 0

    def add(self, texts: Iterable[str]) -> None:
        """Take some more texts."""
        import numpy as np

        keys = _keys(texts)
        numbers = np.arange(self._count, self._count + len(keys))
        self._count += len(keys)
        again = self._met.add(keys, numbers) != numbers
        self._again.add(keys.filter(again), numbers[again])

    def among(self, texts: Iterable[str]) -> Mask:
        """Which of some texts came more than once."""
        found: Mask = self._again.find(_keys(texts)) != UNKNOWN
        return found


def _keys(texts: Iterable[str]) -> pa.Int64Array:
    import numpy as np
    import pyarrow as pa

    return pa.array(np.fromiter(map(text_key, texts), np.uint64).view(np.int64))
