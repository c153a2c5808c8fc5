"""What a picture's header says, read without decoding a pixel.

The pixel budget is checked here, so that a decompression bomb is refused before any memory is
spent on it. Formats are those Pillow opens: see its handbook, "Image file formats".
"""

from __future__ import annotations

import io
import re
import struct
import warnings
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 178_956_970
"""Largest picture that is opened, in pixels: twice Pillow's warning limit, its error limit."""

SNIFFED = 256
"""Bytes by which a file that is no picture is told."""

PNG_SIZE_END = 24
"""Offset after the sizes of a PNG: signature 8, chunk length 4, IHDR 4, sizes 8 (RFC 2083)."""


class Header(NamedTuple):
    """Facts of one picture file."""

    width: int
    """Pixels, as stored (before EXIF orientation)."""
    height: int
    """Pixels, as stored."""
    format: str
    """Pillow's name of the format: JPEG, PNG ..."""
    mode: str
    """Pillow's pixel mode: RGB, L, I;16, CMYK ..."""


class BadPicture(Exception):  # noqa: N818 - a fact about a file, judged by whoever asked
    """A picture that cannot be opened: ``code`` is the reason, ``detail`` what was found."""

    def __init__(self, code: str, detail: str) -> None:
        """Keep the reason code and the finding apart."""
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")


def read_header(data: bytes) -> Header:
    """Read the header of an encoded picture.

    Raises:
        BadPicture: ``zero-bytes``, ``pointer-file``, ``not-a-picture``, or ``too-many-pixels`` when
            width x height is over :data:`MAX_PIXELS`.
    """
    with open_picture(data) as picture:
        return header_of(picture)


def header_of(picture: Image) -> Header:
    """What the header of an opened picture says."""
    return Header(*picture.size, picture.format or "", picture.mode)


def open_picture(data: bytes | memoryview) -> Image:
    """Open an encoded picture without decoding its pixels.

    Raises:
        BadPicture: As :func:`read_header` says.
    """
    from PIL import Image

    if not data:
        raise BadPicture("zero-bytes", "0 bytes")
    _refuse_pointer(bytes(data[:SNIFFED]))
    _refuse_bomb(*_png_size(data))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise BadPicture("too-many-pixels", str(error)) from None
    except Exception as error:  # noqa: BLE001 - Pillow's plugins raise anything on hostile bytes
        what = f"{_first_bytes(bytes(data))} ({said_by_pillow(error)})"
        raise BadPicture("not-a-picture", what) from None
    _refuse_bomb(*picture.size)
    return picture


def _refuse_pointer(start: bytes) -> None:
    """Tell a file that stands for one which was not fetched, by Git LFS or git-annex."""
    if start.startswith(b"version https://git-lfs.github.com/spec/"):
        raise BadPicture("pointer-file", "a pointer of Git LFS")
    if start.startswith((b"/annex/objects/", b"../.git/annex/")) or b".git/annex/objects/" in start:
        raise BadPicture("pointer-file", "a pointer of git-annex")


def _refuse_bomb(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise BadPicture("too-many-pixels", f"{width} x {height} pixels")


def _png_size(data: bytes | memoryview) -> tuple[int, int]:
    """The size a PNG promises, 0 x 0 for other bytes.

    Pillow wants more than the header chunk before it tells a PNG's size; a bomb may have no more.
    """
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= PNG_SIZE_END:
        width, height = struct.unpack(">II", data[PNG_SIZE_END - 8 : PNG_SIZE_END])
        return width, height
    return 0, 0


def said_by_pillow(error: Exception) -> str:
    """The message of an error without addresses of this process: same input, same words."""
    return re.sub(r"<[^<>]* object at 0x[0-9a-f]+>", "its bytes", str(error))


def _first_bytes(data: bytes) -> str:
    if not data.strip(b"\0"):
        return f"{len(data)} NUL bytes"
    start = data[:SNIFFED].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        what = "an HTML page, "
    elif start.startswith((b"{", b"[")):
        what = "JSON, "
    else:
        what = ""
    return f"{what}{len(data)} bytes that begin with {data[:16]!r}"
