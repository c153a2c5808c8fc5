"""Pictures that come inside the input (Parquet, data URIs, downloads), put aside in one file.

Thousands of small files would cost more than the pictures themselves; one file that grows costs a
copy. Equal bytes are kept once. Names are made unique: two pictures that are both called
``source.jpg`` stay two.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, Self

from vqadata.groundwork.digests import bytes_digest
from vqadata.images.resolve import Found

FILE = "embedded-pictures"

DIGITS = 16
"""Digits of a picture's digest in a name that is made for it."""

_FOR_URLS = str.maketrans("-_", "+/")

_MAGIC = (
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
)


SHORTEST_BASE64 = 64
"""Characters below which no text is taken for a picture in base64."""

_DATA_URI = re.compile(
    r"data:(?:image/[\w.+-]+|application/octet-stream)?(?:;[\w.+-]+=[\w.+-]*)*;base64,(?P<data>.*)",
    re.DOTALL | re.IGNORECASE,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\s-]+={0,2}\s*")
_LONG = 256
"""Characters from which a text in the alphabet of base64, which has no dot, is no file name."""


def picture_data(text: str) -> str | None:
    """The base64 text of a picture that stands in a text, bare or as a data URI, else ``None``.

    >>> picture_data("data:image/png;base64,iVBO"), picture_data("a.jpg")
    ('iVBO', None)
    """
    if len(text) >= 5 and text[:5].lower() == "data:" and (uri := _DATA_URI.fullmatch(text)):
        return uri["data"]
    if len(text) < SHORTEST_BASE64 or not (len(text) >= _LONG or _begins_picture(text)):
        return None
    return text if _BASE64.fullmatch(text) else None


def picture_from(data: str) -> bytes:
    """The bytes of base64: also of the alphabet for URLs, over several lines, without padding.

    Raises:
        binascii.Error: It is none.
    """
    plain = "".join(data.split()).translate(_FOR_URLS).rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def _begins_picture(text: str) -> bool:
    try:
        return suffix_of(picture_from(text[:24])) != ".bin"
    except binascii.Error:
        return False


class Encoded(NamedTuple):
    """A picture that a record holds."""

    data: bytes
    """The encoded picture."""
    name: str | None = None
    """What the source calls it; it is never used as a path."""


class EmbeddedPictures:
    """Takes pictures, and finds them again by name.

    Args:
        folder: Where the file is made; it is removed when the context ends.
    """

    def __init__(self, folder: Path) -> None:
        """Make nothing yet."""
        self._path = folder / FILE
        self._file: BinaryIO | None = None
        self._end = 0
        self._spans: dict[str, tuple[int, int]] = {}
        self._digests: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)

    def add(self, data: bytes, name: str | None = None) -> str:
        """Put a picture aside.

        Args:
            data: The encoded picture.
            name: What the source calls it; a name is made from the digest where there is none.

        Returns:
            The name under which it is found again: ``name``, with a part of the digest in it if
            another picture has that name already.
        """
        digest = bytes_digest(data)
        short = digest[:DIGITS]
        name = name or short + suffix_of(data)
        if self._digests.setdefault(name, digest) != digest:
            path = PurePosixPath(name)
            name = path.with_name(f"{path.stem}-{short}{path.suffix}").as_posix()
            self._digests[name] = digest
        if digest not in self._spans:
            self._spans[digest] = (self._end, len(data))
            self._append(data)
        return name

    def find(self, name: str) -> Found | None:
        """The picture of that name, if it was put aside here."""
        digest = self._digests.get(name)
        if digest is None:
            return None
        return Found(self._path, name, "embedded", self._spans[digest])

    def _append(self, data: bytes) -> None:
        if self._file is None:
            self._file = self._path.open("wb")
        self._file.write(data)
        self._file.flush()
        self._end += len(data)


def suffix_of(data: bytes) -> str:
    """The file suffix of an encoded picture by its first bytes; ``.bin`` if they are not known."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((suffix for magic, suffix in _MAGIC if data.startswith(magic)), ".bin")
