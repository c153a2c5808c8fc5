"""Small pictures for a page, bounded in number and bytes; what is not among them is counted."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vqadata.errors import VqaDataError
from vqadata.images.decode import to_rgb
from vqadata.shards.manifest import EVIDENCE, FileEntry

if TYPE_CHECKING:
    import pyarrow as pa
    from PIL.Image import Image

    from vqadata.shards.reader import Shards

SIDE = 320
"""Pixels of the long side of a thumbnail."""

SHEET_SIDE = 1400
"""Pixels of the long side of a picture out of the evidence folder: templates, contact sheets."""

QUALITY = 70
"""WebP quality."""

PICTURES = (".png", ".jpg", ".jpeg", ".webp")


class Thumbnail(NamedTuple):
    """A small picture."""

    data: str
    """WebP, as base64."""
    width: int
    height: int
    """Pixels of the whole picture: boxes are drawn in them."""


class Shown(NamedTuple):
    """The pictures of a page."""

    pictures: dict[str, Thumbnail]
    """By digest."""
    named: list[str]
    """Digests that findings name."""

    @property
    def shown(self) -> int:
        """How many of the named ones are here."""
        return sum(digest in self.pictures for digest in self.named)


def thumbnails(
    sources: Sequence[Shards], wanted: Sequence[str], count: int, size: int
) -> dict[str, Thumbnail]:
    """Make thumbnails of pictures.

    Args:
        sources: Data sets to look in, one after the other.
        wanted: Digests, the most important first.
        count: Most thumbnails.
        size: Most bytes of all of them together, as base64.

    Raises:
        ShardError: A data set is damaged.
    """
    made = dict(_made(sources, wanted[:count]))
    kept, total = dict[str, Thumbnail](), 0
    for digest in wanted:
        if digest in made and total + len(made[digest].data) <= size:
            total += len(made[digest].data)
            kept[digest] = made[digest]
    return kept


def _made(sources: Sequence[Shards], wanted: Iterable[str]) -> Iterator[tuple[str, Thumbnail]]:
    left = set(wanted)
    for shards in sources:
        for batch in shards.batches() if left else ():
            for digest, data in _among(batch, left):
                left.discard(digest)
                if (small := thumbnail(data, SIDE)) is not None:
                    yield digest, small


def _among(batch: pa.RecordBatch, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """The pictures of a batch that are wanted; no other bytes are touched."""
    import pyarrow as pa
    import pyarrow.compute as pc

    digests = batch.column("image_facts").flatten().field("digest")
    data = batch.column("images").flatten().field("bytes")
    found = pc.indices_nonzero(pc.is_in(digests, pa.array(sorted(wanted), pa.string())))
    for place in found.to_pylist():
        if (encoded := data[place].as_py()) is not None:
            yield digests[place].as_py(), encoded


def thumbnail(data: bytes, side: int) -> Thumbnail | None:
    """A small copy of a picture; ``None`` if it cannot be decoded."""
    try:
        picture = to_rgb(data)
    except VqaDataError:
        return None
    width, height = picture.size
    picture.thumbnail((side, side))
    return Thumbnail(_webp(picture), width, height)


def _webp(picture: Image) -> str:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=QUALITY, method=4)
    return base64.b64encode(out.getvalue()).decode()


def evidence(
    folder: Path, listed: Iterable[FileEntry], size: int
) -> Mapping[str, Thumbnail | None]:
    """Pictures out of the evidence folder by path, ``None`` for those that do not fit.

    Args:
        folder: The data set.
        listed: Its files.
        size: Most bytes of all of them together, as base64.
    """
    shown: dict[str, Thumbnail | None] = {}
    for entry in listed:
        path = folder / entry.file
        if entry.file.startswith(f"{EVIDENCE}/") and path.suffix.lower() in PICTURES:
            small = thumbnail(path.read_bytes(), SHEET_SIDE) if path.is_file() else None
            fits = small is not None and len(small.data) <= size
            shown[entry.file] = small if fits else None
            size -= len(small.data) if small is not None and fits else 0
    return shown
