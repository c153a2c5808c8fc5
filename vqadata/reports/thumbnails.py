"""Small pictures for a page, bounded in number and bytes; what is not among them is counted."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vqadata.errors import VqaDataError
from vqadata.images.decode import to_rgb
from vqadata.images.header import BadPicture, read_header
from vqadata.shards.manifest import EVIDENCE

if TYPE_CHECKING:
    from PIL.Image import Image

    from vqadata.shards.reader import Shards

SIDE = 320
"""Pixels of the long side of a thumbnail."""

SHEET_SIDE = 1400
"""Pixels of the long side of a picture out of the evidence folder: templates, contact sheets."""

TEXT_BYTES = 100_000
"""Largest file of facts that goes on a page."""

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
        for number in range(len(shards.places)):
            if not left:
                return
            for digest, data in _among(shards, number, left):
                left.discard(digest)
                if (small := thumbnail(data, SIDE)) is not None:
                    yield digest, small


def _among(shards: Shards, number: int, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """The pictures of a batch that are wanted; if there are none, no picture is read."""
    import pyarrow as pa
    import pyarrow.compute as pc

    facts = shards.batch(number, ["image_facts"]).column(0).flatten()
    digests = facts.field("digest")
    found = pc.indices_nonzero(pc.is_in(digests, pa.array(sorted(wanted), pa.string())))
    if len(found):
        data = shards.batch(number, ["images"]).column(0).flatten().field("bytes")
        for place in found.to_pylist():
            if (encoded := data[place].as_py()) is not None:
                yield digests[place].as_py(), encoded


def thumbnail(data: bytes, side: int) -> Thumbnail | None:
    """A small copy of a picture, of a damaged JPEG what is left; ``None`` if there is nothing."""
    try:
        picture = to_rgb(data)
    except VqaDataError:
        left = _what_is_left(data)
        if left is None:
            return None
        picture = left
    width, height = picture.size
    picture.thumbnail((side, side))
    return Thumbnail(_webp(picture), width, height)


def _what_is_left(data: bytes) -> Image | None:
    """The part of a damaged JPEG that can be decoded; the rest is grey."""
    import simplejpeg
    from PIL import Image

    try:
        read_header(data)
        return Image.fromarray(simplejpeg.decode_jpeg(data, "RGB", strict=False))
    except (BadPicture, ValueError):
        return None


def _webp(picture: Image) -> str:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=QUALITY, method=4)
    return base64.b64encode(out.getvalue()).decode()


def evidence(shards: Shards, size: int) -> dict[str, Thumbnail | None]:
    """Pictures out of the evidence folder by path, ``None`` for those that do not fit.

    Args:
        shards: The data set.
        size: Most bytes of all of them together, as base64.

    Raises:
        ShardError: A file is missing or damaged.
    """
    shown: dict[str, Thumbnail | None] = {}
    for entry in shards.manifest.files:
        if entry.file.startswith(f"{EVIDENCE}/") and entry.file.lower().endswith(PICTURES):
            small = thumbnail(shards.file(entry).read_bytes(), SHEET_SIDE)
            fits = small is not None and len(small.data) <= size
            shown[entry.file] = small if fits else None
            size -= len(small.data) if small is not None and fits else 0
    return shown


def texts(shards: Shards) -> dict[str, str]:
    """Small files of facts out of the evidence folder by path.

    Raises:
        ShardError: A file is missing or damaged.
    """
    return {
        entry.file: shards.file(entry).read_text(encoding="utf-8", errors="replace")
        for entry in shards.manifest.files
        if entry.file.startswith(f"{EVIDENCE}/")
        and entry.file.endswith((".json", ".txt"))
        and entry.bytes <= TEXT_BYTES
    }
