"""Where a picture was taken, as its metadata tell it: found, and blanked without touching a pixel.

EXIF is a TIFF structure (Exif 2.32, 4.5; TIFF 6.0, 2) that JPEG carries in a segment APP1, PNG in a
chunk ``eXIf``, WebP in a chunk ``EXIF``, and TIFF is itself. The directory of places hangs on one
entry of the first directory; it is taken out, and what it pointed to becomes zeros. XMP says the
same as text; there spaces take its place. No byte moves, so that nothing else changes.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

GPS_DIRECTORY = 0x8825
"""Tag of the entry that leads to the directory of places (Exif 2.32, 4.6.3)."""

PNG = b"\x89PNG\r\n\x1a\n"
"""How a PNG begins."""

ENTRY = 12
"""Bytes of an entry of a directory."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes of a value by TIFF type."""

_XMP = re.compile(rb"""exif:GPS\w+\s*=\s*(?:"[^"]*"|'[^']*')|<(exif:GPS\w+)\b[^>]*>[^<]*</\1\s*>""")
"""A property of a place in XMP, as an attribute or as an element (XMP part 2, 8.4)."""


class _Entry(NamedTuple):
    at: int
    """Offset of the entry in the TIFF structure."""
    tag: int
    kind: int
    values: int
    value: int

    @property
    def size(self) -> int:
        return _SIZES.get(self.kind, 1) * self.values


class _Block(NamedTuple):
    """Where an EXIF structure lies in the file."""

    start: int
    end: int


def tells_place(data: bytes | memoryview) -> bool:
    """Whether the metadata of an encoded picture hold a place; damaged metadata hold none."""
    held = bytes(data)
    return any(_places(held, b) for b in _blocks(held)) or any(True for _ in _said_in_xmp(held))


def without_place(data: bytes | memoryview) -> bytes:
    """The encoded picture with its place blanked; it has the same length.

    Pixels stay bit for bit the same unless the metadata of a TIFF point into them.
    """
    held, changed = bytes(data), bytearray(data)
    for start, end in _said_in_xmp(held):
        changed[start:end] = b" " * (end - start)
    for block in _blocks(held):
        for start, end in _places(held, block):
            changed[start:end] = bytes(end - start)
        _take_out(changed, block)
    if held.startswith(PNG):
        for kind, start, end in _png_chunks(held):
            if changed[start:end] != held[start:end]:
                struct.pack_into(
                    ">I", changed, end, zlib.crc32(changed[start:end], zlib.crc32(kind))
                )
    return bytes(changed)


def _blocks(data: bytes) -> Iterator[_Block]:
    """The EXIF structures of a picture."""
    if data.startswith(b"\xff\xd8"):
        yield from _in_jpeg(data)
    elif data.startswith((b"II*\0", b"MM\0*")):
        yield _Block(0, len(data))
    else:
        riff = data.startswith(b"RIFF") and data[8:12] == b"WEBP"
        chunks = _png_chunks(data) if data.startswith(PNG) else _webp_chunks(data) if riff else ()
        for kind, start, end in chunks:
            if kind in (b"eXIf", b"EXIF"):
                yield _Block(start + 6 * data.startswith(b"Exif\0\0", start), end)


def _in_jpeg(data: bytes) -> Iterator[_Block]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, at + 2)
        if data[at + 1] == 0xE1 and data.startswith(b"Exif\0\0", at + 4):
            yield _Block(at + 10, min(at + 2 + length, len(data)))
        at += 2 + length


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the content of each chunk (RFC 2083, 3.2); a checksum follows."""
    at = len(PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        start, end = at + 8, at + 8 + length
        if end + 4 > len(data):
            return
        yield data[at + 4 : start], start, end
        at = end + 4


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the content of each chunk (RFC 9649, 2.3), which is padded to even."""
    at = 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        start, end = at + 8, at + 8 + length
        if end > len(data):
            return
        yield data[at : at + 4], start, end
        at = end + length % 2


def _directory(data: bytes | bytearray, block: _Block, at: int, order: str) -> list[_Entry]:
    """The entries of one directory; those that do not fit into the block are none."""
    if at < 8 or block.start + at + 2 > block.end:
        return []
    (count,) = struct.unpack_from(f"{order}H", data, block.start + at)
    entries = []
    for n in range(count):
        place = at + 2 + ENTRY * n
        if block.start + place + ENTRY > block.end:
            break
        entries.append(
            _Entry(place, *struct.unpack_from(f"{order}HHII", data, block.start + place))
        )
    return entries


def _first_directory(data: bytes | bytearray, block: _Block) -> tuple[str, list[_Entry]]:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(data[block.start : block.start + 4]))
    if order is None or block.start + 8 > block.end:
        return "<", []
    (at,) = struct.unpack_from(f"{order}I", data, block.start + 4)
    return order, _directory(data, block, at, order)


def _places(data: bytes, block: _Block) -> list[tuple[int, int]]:
    """The bytes of the directory of places and of all that it points to."""
    order, entries = _first_directory(data, block)
    spans = []
    for leads in entries:
        if leads.tag != GPS_DIRECTORY:
            continue
        for entry in _directory(data, block, leads.value, order):
            start = block.start + entry.at
            spans.append((start, start + ENTRY))
            far = block.start + entry.value
            if entry.size > 4 and far + entry.size <= block.end:
                spans.append((far, far + entry.size))
        if spans:
            spans.append((block.start + leads.value, block.start + leads.value + 2))
    return spans


def _take_out(data: bytearray, block: _Block) -> None:
    """Take the entry that led to the place out of its directory; what follows it moves up."""
    order, entries = _first_directory(data, block)
    kept = [entry for entry in entries if entry.tag != GPS_DIRECTORY]
    if len(kept) == len(entries):
        return
    start, end = block.start + entries[0].at, block.start + entries[-1].at + ENTRY
    following = bytes(data[end : min(end + 4, block.end)])
    parts = [bytes(data[block.start + e.at : block.start + e.at + ENTRY]) for e in kept]
    struct.pack_into(f"{order}H", data, start - 2, len(kept))
    moved = b"".join([*parts, following])
    data[start : end + len(following)] = moved.ljust(end + len(following) - start, b"\0")


def _said_in_xmp(data: bytes) -> Iterator[tuple[int, int]]:
    """Where XMP names a place."""
    if b"exif:GPS" in data:
        for found in _XMP.finditer(data):
            yield found.span()
