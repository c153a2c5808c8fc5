"""The fingerprints of many pictures: hashes in memory, thumbnails in the mapped file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vqadata.images.perceptual import FINGERPRINT_BYTES, THUMB_SIDE, WIDE_BITS

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.images.perceptual import Pixels as Array


class Prints:
    """The fingerprints of many pictures; the thumbnails stay where the table is mapped.

    Args:
        column: Binary, from :func:`vqadata.images.perceptual.fingerprint`; null where a picture
            could not be opened.
        release: Gives back the memory of what was looked at. Without it, all thumbnails that were
            ever compared stay with the process.
    """

    def __init__(self, column: pa.ChunkedArray, release: Callable[[], None] | None = None) -> None:
        """Take the hashes out."""
        import numpy as np

        self._release = release or (lambda: None)
        self._chunks = [_matrix(chunk) for chunk in column.chunks]
        sizes = [len(chunk) for chunk in self._chunks]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        valid = np.concatenate([np.empty(0, bool), *(_valid(chunk) for chunk in column.chunks)])
        self.rows: Array = np.flatnonzero(valid)
        """Which pictures have one: their rows in the table, int64."""
        self.wide: Array = np.empty((sum(sizes), WIDE_BITS // 8), np.uint8)
        """The wide hashes, uint8, shape (pictures, 32)."""
        for chunk, start in zip(self._chunks, self._starts.tolist(), strict=False):
            self.wide[start : start + len(chunk)] = chunk[:, : WIDE_BITS // 8]
            self._release()

    def __len__(self) -> int:
        """How many pictures have a fingerprint."""
        return len(self.rows)

    def thumbs(self, places: Array) -> Array:
        """Thumbnails, uint8, shape (places, 64, 64); places count the fingerprints, from 0."""
        import numpy as np

        chunks = np.searchsorted(self._starts, places, side="right") - 1
        out = np.empty((len(places), THUMB_SIDE, THUMB_SIDE), np.uint8)
        for number in np.unique(chunks).tolist():
            own = chunks == number
            found = self._chunks[number][places[own] - self._starts[number], WIDE_BITS // 8 :]
            out[own] = found.reshape(-1, THUMB_SIDE, THUMB_SIDE)
        self._release()
        return out


def _matrix(chunk: pa.BinaryArray) -> Array:
    """The valid values of a column of equally long ones, as rows of bytes."""
    import numpy as np

    if chunk.null_count == len(chunk):
        return np.empty((0, FINGERPRINT_BYTES), np.uint8)
    # A null has no bytes, so the others lie together.
    offsets = np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset :][: len(chunk) + 1]
    data = np.frombuffer(chunk.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    return data.reshape(-1, FINGERPRINT_BYTES)


def _valid(chunk: pa.BinaryArray) -> Array:
    valid: Array = chunk.is_valid().to_numpy(zero_copy_only=False)
    return valid
