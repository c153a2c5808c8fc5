"""The encoded bytes of a picture: a view of the mapped shard, which travels as its address.

Processes of one machine share the pages of a mapped file. So a worker hands over where a picture
lies, and whoever gets it looks at the same pages; its own reader checks the digest of the record
batch when it first touches it. A copy through a pipe would cost more than reading the picture does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vqadata.errors import ShardError
from vqadata.loader.cells import offsets_of, presence
from vqadata.shards.reader import Shards, open_shards

if TYPE_CHECKING:
    import pyarrow as pa

MOST_KEPT = 4096
"""Record batches whose offsets are kept for pictures that came from another process."""


class Home(NamedTuple):
    """The record batch in which a picture lies."""

    folder: Path
    digest: str
    """Of the manifest."""
    batch: int
    """Number of the record batch."""


class Encoded(np.ndarray[Any, np.dtype[np.uint8]]):
    """Encoded bytes of one picture: uint8 of shape (bytes,), read-only, without a copy.

    Whatever takes a buffer takes it: ``bytes()``, ``io.BytesIO``, ``torch.frombuffer``, OpenCV.
    """

    __slots__ = ("place",)
    place: tuple[Home | None, int]
    """Its record batch, if that can be opened elsewhere, and its number in there."""

    def __reduce__(self) -> Any:
        """Travel as an address; or as bytes, if this is a part of a picture, or lies elsewhere."""
        home, number = getattr(self, "place", (None, 0))
        if home is None:
            return _from_bytes, (self.tobytes(),)
        return _found_again, (*home, number)


def pictures_of(batch: pa.RecordBatch, home: Home | None) -> Callable[[int], Encoded | None]:
    """The function that gives a picture of a record batch by its number; ``None`` if it is missing.

    Args:
        batch: Rows with their pictures.
        home: Where another process finds them.
    """
    values = batch.column("images").values.field("bytes")
    starts = offsets_of(values)
    data = np.frombuffer(values.buffers()[2] or b"", np.uint8).view(Encoded)
    present = presence(values) if values.null_count else None

    def picture(number: int) -> Encoded | None:
        if present is not None and not present[number]:
            return None
        found: Any = data[starts[number] : starts[number + 1]]
        found.place = home, number
        return found  # type: ignore[no-any-return]

    return picture


def _from_bytes(data: bytes) -> Encoded:
    return np.frombuffer(data, np.uint8).view(Encoded)


_opened: dict[tuple[Path, str], Shards] = {}
_pictures: dict[Home, Callable[[int], Encoded | None]] = {}


def _found_again(folder: Path, digest: str, batch: int, number: int) -> Encoded | None:
    """The picture at an address that came from another process."""
    home = Home(folder, digest, batch)
    if home not in _pictures:
        while len(_pictures) >= MOST_KEPT:
            del _pictures[next(iter(_pictures))]
        _pictures[home] = pictures_of(_shards(folder, digest).batch(batch, ["images"]), home)
    return _pictures[home](number)


def _shards(folder: Path, digest: str) -> Shards:
    if (folder, digest) not in _opened:
        shards = open_shards(folder)
        if shards.digest != digest:
            raise ShardError(str(folder), f"changed: digest {shards.digest}", digest, "Start anew.")
        _opened[folder, digest] = shards
    return _opened[folder, digest]
