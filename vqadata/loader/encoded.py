"""The encoded bytes of a picture: a view of the mapped shard, which travels as its address.

Processes of one machine share the pages of a mapped file. So a worker hands over where a picture
lies, and whoever gets it looks at the same pages; its own reader checks the digest when it first
touches them. A copy through a pipe would cost more than reading the picture does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from vqadata.errors import ShardError
from vqadata.groundwork.digests import bytes_digest
from vqadata.loader.cells import cells_of, offsets_of, presence
from vqadata.shards.message import MessageError
from vqadata.shards.reader import Shards, open_shards
from vqadata.shards.schema import IMAGES
from vqadata.stores.file_system import is_url

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


PictureOf: TypeAlias = Callable[[int], Encoded | None]
"""Gives a picture of a record batch by its number; ``None`` if it is missing."""


def pictures_of(shards: Shards, place: int) -> tuple[pa.RecordBatch, PictureOf]:
    """A record batch, and the function that gives a picture of it by its number.

    A picture of a mapped shard is compared with its digest when it is first asked for: so it comes
    from memory once, to be checked and to be used. (Checked with its record batch, as the options
    may ask for, it has left the processor's cache by the time that it is used.)

    Args:
        shards: The data set.
        place: Number of the record batch.

    Raises:
        DamageError: The batch is damaged. The function raises it for a damaged picture.
    """
    is_mapped = not is_url(shards.where)
    singly = is_mapped and shards.options.check == "picture"
    batch = shards.with_unchecked_pictures(place) if singly else shards.batch(place)
    # What came over a network is in the hands of this process alone.
    home = Home(shards.folder, shards.digest, place) if is_mapped else None
    values = batch.column(IMAGES).values.field("bytes")
    digests = batch.column("image_facts").values.field("digest")
    starts, digest_of = offsets_of(values), cells_of(digests).one
    data = np.frombuffer(values.buffers()[2] or b"", np.uint8).view(Encoded)
    present = presence(digests) if digests.null_count else None
    unchecked = bytearray([singly]) * len(digests)

    def picture(number: int) -> Encoded | None:
        if present is not None and not present[number]:
            return None
        found: Any = data[starts[number] : starts[number + 1]]
        if unchecked[number]:
            if (digest := bytes_digest(found.data)) != (expected := digest_of(number)):
                what = f"its picture {number} has digest {digest}"
                raise shards.damaged(place, MessageError(what, expected))
            unchecked[number] = False
        found.place = home, number
        return found  # type: ignore[no-any-return]

    return batch, picture


def _from_bytes(data: bytes) -> Encoded:
    return np.frombuffer(data, np.uint8).view(Encoded)


_opened: dict[tuple[Path, str], Shards] = {}
_pictures: dict[Home, PictureOf] = {}


def _found_again(folder: Path, digest: str, batch: int, number: int) -> Encoded | None:
    """The picture at an address that came from another process."""
    home = Home(folder, digest, batch)
    if home not in _pictures:
        while len(_pictures) >= MOST_KEPT:
            del _pictures[next(iter(_pictures))]
        _, _pictures[home] = pictures_of(_shards(folder, digest), batch)
    return _pictures[home](number)


def _shards(folder: Path, digest: str) -> Shards:
    if (folder, digest) not in _opened:
        shards = open_shards(folder)
        if shards.digest != digest:
            raise ShardError(str(folder), f"changed: digest {shards.digest}", digest, "Start anew.")
        _opened[folder, digest] = shards
    return _opened[folder, digest]
