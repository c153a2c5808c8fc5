"""What is known of pairs of pictures from earlier runs, in few files.

To lay one picture over another takes milliseconds, and most pairs of a data set are the same in the
next run. A file holds what was said of some thousand pairs, sorted, and is mapped. A new one is
merged with the last one while that is not much larger, so there are some twenty at most, and each
verdict is written anew some twenty times at most. A pair is found by the digests of both pictures.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from vqadata.cleaning.picture_cache import rules_key
from vqadata.groundwork.digests import bytes_digest
from vqadata.groundwork.sealed import sealed_files, unsealed, write_sealed

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

FOLDER = "pairs"

LARGER = 2
"""A file that has so many times the pairs of the next one is left alone."""

DIGEST_NUMBERS = 2
"""Numbers of 64 bits in a digest."""

log = logging.getLogger(__name__)


class Told(NamedTuple):
    """What is known of some pairs."""

    known: Array
    """bool, one entry a pair."""
    said: dict[int, str]
    """What was said of those that are alike, by place; of the other known ones there is nothing."""


class PairCache:
    """Keeps verdicts in a folder; without one it keeps nothing.

    Args:
        folder: The folder of the picture cache.
        rules: Names and values on which the verdicts depend beside the pictures and the code.
    """

    def __init__(self, folder: Path | None, rules: Mapping[str, object]) -> None:
        """Map what was kept; what is damaged is left aside."""
        self._folder = None if folder is None else folder / FOLDER / rules_key(rules)
        paths = [] if self._folder is None else sealed_files(self._folder)
        self._files = sorted(filter(None, map(_opened, paths)), key=len, reverse=True)

    def find(self, left: Array, right: Array) -> Told:
        """What is known of some pairs.

        Args:
            left: Digests of the left pictures, as :func:`digest_numbers` gives them.
            right: Those of the right ones.
        """
        import numpy as np

        pairs = np.concatenate([left, right], 1)
        told = Told(np.zeros(len(pairs), bool), {})
        for file in self._files:
            file.tell(pairs, told)
        return told

    def keep(self, left: Array, right: Array, said: Mapping[int, str]) -> None:
        """Keep what was said of some pairs. Where that fails the run goes on without.

        Args:
            left: Digests of the left pictures.
            right: Those of the right ones.
            said: What was said of those that are alike, by place.
        """
        if self._folder is None or not len(left):
            return
        try:
            self._files.append(_written(self._folder, _batch(left, right, said)))
            while len(self._files) > 1 and len(self._files[-2]) < LARGER * len(self._files[-1]):
                old = self._files[-2:]
                self._files[-2:] = [_written(self._folder, _merged(old))]
                for file in old:
                    file.path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s: %s; going on without a cache", self._folder, error.strerror)
            self._folder = None


class _File:
    """Verdicts in the order of their keys."""

    def __init__(self, path: Path, batch: pa.RecordBatch) -> None:
        import numpy as np

        self.path, self.batch = path, batch
        self._keys = batch.column("key").to_numpy()
        buffer = batch.column("pair").buffers()[1]
        self._pairs = np.frombuffer(buffer, np.uint64).reshape(len(batch), -1)

    def __len__(self) -> int:
        return len(self._keys)

    def tell(self, pairs: Array, told: Told) -> None:
        """Add what stands here of some pairs."""
        import numpy as np
        import pyarrow as pa

        rows = np.minimum(np.searchsorted(self._keys, _keys(pairs)), len(self) - 1)
        here = np.flatnonzero((self._pairs[rows] == pairs).all(1))
        told.known[here] = True
        said = self.batch.column("said").take(pa.array(rows[here]))
        alike = np.flatnonzero(said.is_valid().to_numpy(zero_copy_only=False))
        texts = said.drop_null().to_pylist()
        told.said.update(zip(here[alike].tolist(), texts, strict=True))


def digest_numbers(digests: pa.ChunkedArray) -> Array:
    """Hexadecimal digests as numbers: uint64, shape (digests, 2)."""
    import numpy as np

    data = b"".join(bytes.fromhex("".join(chunk.to_pylist())) for chunk in digests.chunks)
    return np.frombuffer(data, np.uint64).reshape(-1, DIGEST_NUMBERS)


def _keys(pairs: Array) -> Array:
    """A number that hardly two pairs have in common; that of a turned pair is another one."""
    import numpy as np

    keys: Array = pairs[:, 0] ^ (pairs[:, DIGEST_NUMBERS] * np.uint64(3))
    return keys


def _batch(left: Array, right: Array, said: Mapping[int, str]) -> pa.RecordBatch:
    import numpy as np
    import pyarrow as pa

    pairs = np.ascontiguousarray(np.concatenate([left, right], 1))
    keys = _keys(pairs)
    order = np.argsort(keys, kind="stable")
    buffer = pa.py_buffer(pairs[order].tobytes())
    kind = pa.binary(pairs.shape[1] * 8)
    columns = {
        "key": pa.array(keys[order]),
        "pair": pa.FixedSizeBinaryArray.from_buffers(kind, len(pairs), [None, buffer]),
        "said": pa.array([said.get(place) for place in order.tolist()], pa.string()),
    }
    return pa.RecordBatch.from_pydict(columns)


def _merged(files: list[_File]) -> pa.RecordBatch:
    import pyarrow as pa

    table = pa.Table.from_batches([file.batch for file in files]).sort_by("key")
    (batch,) = table.combine_chunks().to_batches()
    return batch


def _written(folder: Path, batch: pa.RecordBatch) -> _File:
    """Write a file under a name that says what stands in it."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    data = sink.getvalue().to_pybytes()
    path = folder / bytes_digest(data)
    write_sealed(path, data)
    return _File(path, batch)


def _opened(path: Path) -> _File | None:
    """A file, mapped; ``None`` if it is damaged or gone: two runs may share a folder."""
    import pyarrow as pa

    try:
        content = unsealed(memoryview(pa.memory_map(str(path)).read_buffer()))
    except OSError:
        return None
    if content is None:
        return None
    return _File(path, pa.ipc.open_stream(pa.py_buffer(content)).read_next_batch())
