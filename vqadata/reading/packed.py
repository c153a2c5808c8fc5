"""Text that is packed, or written in wide characters, read as if it were plain UTF-8.

gzip, bzip2, xz, Zstandard, and a zip archive of one file, as data sets are downloaded; UTF-16 and
UTF-32, as spreadsheets and some shells write. What a file is is told from its first bytes, whatever
its name. A file that is damaged or truncated gives what stands before, then it ends, and says why.
"""

from __future__ import annotations

import bz2
import codecs
import lzma
import zipfile
import zlib
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, NamedTuple

from vqadata.errors import VqaDataError

PACKED_SUFFIXES = (".gz", ".gzip", ".bz2", ".xz", ".zst", ".zip")
"""Suffixes that say how a file is packed, and nothing of its format."""

PACKED_BYTES = 1 << 14
"""Bytes of a gzip file that are unpacked at a time; they may become a thousand times as many."""

CHUNK_BYTES = 1 << 16
"""Bytes of another file that are unpacked at a time."""

LOOK = 512
"""Bytes by which a file is told."""

UTF8_MARK = codecs.BOM_UTF8

_GZIP_FORMAT = 31
"""zlib's ``wbits`` for a member of a gzip file, whose checksum is then looked at as well."""

_PACKINGS = (
    ("gzip", 0, b"\x1f\x8b"),
    ("bzip2", 4, b"1AY&SY"),
    ("xz", 0, b"\xfd7zXZ\0"),
    ("Zstandard", 0, b"\x28\xb5\x2f\xfd"),
    ("zip", 0, b"PK\x03\x04"),
)
"""Names of packings, with their magic bytes and where those stand."""

_REFUSED = (
    ("a 7z archive", 0, b"7z\xbc\xaf\x27\x1c", "7z x"),
    ("a RAR archive", 0, b"Rar!\x1a\x07", "unrar x"),
    ("a tar archive", 257, b"ustar", "tar xf"),
)
"""What else may come, its magic bytes and where those stand, and what unpacks it."""

_MARKS: tuple[tuple[bytes, str | None], ...] = (
    (UTF8_MARK, None),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ZEROS = {b"0001": "utf-32-be", b"1000": "utf-32-le", b"0101": "utf-16-be", b"1010": "utf-16-le"}
"""Encodings by which of the first four bytes of JSON are zero (RFC 4627, section 3)."""

_FAULTS = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


class Source(ABC):
    """Bytes that may end in damage."""

    def __init__(self) -> None:
        """Have read nothing yet."""
        self._kept = b""
        self._ended = False
        self.damage: str | None = None
        """What is wrong, as far as it was read."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, fewer than ``size`` only at the end."""
        parts, length = [self._kept] if self._kept else [], len(self._kept)
        while length < size and not self._ended:
            parts.append(self._more(size - length))
            length += len(parts[-1])
        data = b"".join(parts)
        self._kept = data[size:]
        return data[:size]

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay to be read."""
        data = self.read(size)
        self._kept = data + self._kept
        return data

    @abstractmethod
    def _more(self, size: int) -> bytes:
        """Some more bytes, perhaps none yet; about ``size`` are wanted."""

    def _end(self, damage: str | None = None) -> bytes:
        self._ended, self.damage = True, damage
        return b""


class Opened(NamedTuple):
    """What a file holds."""

    source: Source
    """Its text."""
    packing: str | None
    """How it is packed or encoded; ``None`` if it is plain."""


def opened(file: BinaryIO, path: Path) -> Opened:
    """Look at what a file is, and read it accordingly.

    Args:
        file: The file, at its beginning.
        path: What to call it.

    Raises:
        VqaDataError: It is an archive of several files, or of a kind that is not read.
    """
    plain = _Plain(file)
    head = plain.peek(LOOK)
    _refuse(head, path)
    packing = next((name for name, at, magic in _PACKINGS if head[at:].startswith(magic)), None)
    if packing is None:
        source: Source = plain
    else:
        file.seek(0)
        source = _unpacker(file, packing, path)
        _refuse(source.peek(LOOK), path)
    mark, encoding = _encoding(source.peek(len(codecs.BOM_UTF32_LE)))
    source.read(len(mark))
    if encoding is not None:
        return Opened(_Recoded(source, encoding), packing or encoding)
    return Opened(source, packing)


def _encoding(head: bytes) -> tuple[bytes, str | None]:
    """The byte-order mark of a text, and how it is encoded if that is not UTF-8."""
    marked = next((each for each in _MARKS if head.startswith(each[0])), None)
    return marked or (b"", _encoding_of_json(head))


def _encoding_of_json(head: bytes) -> str | None:
    begins_json = head.replace(b"\0", b"")[:1] in (b"{", b"[")
    return _ZEROS.get(bytes(b"01"[byte > 0] for byte in head[:4])) if begins_json else None


def _refuse(head: bytes, path: Path) -> None:
    for what, at, magic, command in _REFUSED:
        if head[at:].startswith(magic):
            remedy = f"Unpack it first: {command} {path.name}"
            raise VqaDataError(str(path), what, "a file of records", remedy)


def _unpacker(file: BinaryIO, packing: str, path: Path) -> Source:
    if packing == "gzip":
        return _Gzip(file)
    if packing == "bzip2":
        return _Unpacked(bz2.BZ2File(file), packing)
    if packing == "xz":
        return _Unpacked(lzma.LZMAFile(file), packing)
    if packing == "zip":
        return _Unpacked(_only_member(file, path), packing)
    import pyarrow as pa

    return _Unpacked(pa.CompressedInputStream(file, "zstd"), packing)


def _only_member(file: BinaryIO, path: Path) -> IO[bytes]:
    """The one file of a zip archive; what macOS adds does not count."""
    try:
        archive = zipfile.ZipFile(file)
        members = [each for each in archive.infolist() if not each.is_dir()]
        names = [PurePosixPath(each.filename) for each in members]
        if PurePosixPath("[Content_Types].xml") in names:
            remedy = "Save its table as CSV, in UTF-8."
            raise VqaDataError(str(path), "an Office document", "a file of records", remedy)
        real = [
            each for each, name in zip(members, names, strict=True)
            if "__MACOSX" not in name.parts and not name.name.startswith(".")
        ]  # fmt: skip
        if len(real) == 1:
            return archive.open(real[0])
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        expected = "a whole zip archive without a password"
        raise VqaDataError(str(path), f"zip: {error}", expected, "Download it again.") from None
    shown = ", ".join(each.filename for each in real[:3]) + ", ..." * (len(real) > 3)
    found = f"a zip archive of {len(real)} files: {shown}" if real else "an empty zip archive"
    raise VqaDataError(str(path), found, "one file", f"Unpack it first: unzip {path.name}")


class _Plain(Source):
    """A file as it is."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def _more(self, size: int) -> bytes:
        return self._file.read(size) or self._end()


class _Unpacked(Source):
    """The content of a packed file, by a library's stream."""

    def __init__(self, stream: IO[bytes], packing: str) -> None:
        super().__init__()
        self._stream, self._packing = stream, packing

    def _more(self, size: int) -> bytes:  # noqa: ARG002 - small steps lose little before damage
        try:
            return self._stream.read(CHUNK_BYTES) or self._end()
        except _FAULTS as error:
            return self._end(f"damaged {self._packing}: {error}")


class _Recoded(Source):
    """A text in wide characters, as UTF-8."""

    def __init__(self, source: Source, encoding: str) -> None:
        super().__init__()
        self._source, self._encoding = source, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def _more(self, size: int) -> bytes:
        data = self._source.read(size)
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            return self._end(f"damaged {self._encoding}: {error.reason}")
        if not data:
            return self._end(self._source.damage)
        return text.encode()


class _Gzip(Source):
    """The content of a gzip file, of one or several members, to the very byte before damage."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._member = zlib.decompressobj(_GZIP_FORMAT)
        self._packed = b""

    def _more(self, size: int) -> bytes:  # noqa: ARG002 - PACKED_BYTES bounds the memory
        if self._member.eof:
            return self._begin_member()
        packed = self._packed or self._file.read(PACKED_BYTES)
        self._packed = b""
        if not packed:
            return self._end("damaged gzip: it ends too early")
        before = self._member.copy()
        try:
            return self._member.decompress(packed)
        except zlib.error as error:
            said = f"damaged gzip: {str(error).rpartition(': ')[2]}"
            return _sound_part(before, packed) + self._end(said)

    def _begin_member(self) -> bytes:
        """Behind a member stand another one, or zeros, or nothing."""
        packed = self._member.unused_data
        while not (packed := packed.lstrip(b"\0")):
            packed = self._file.read(PACKED_BYTES)
            if not packed:
                return self._end()
        self._packed, self._member = packed, zlib.decompressobj(_GZIP_FORMAT)
        return b""


def _sound_part(member: zlib._Decompress, packed: bytes) -> bytes:
    """What can be unpacked before the damage, byte by byte."""
    sound = []
    try:
        for at in range(len(packed)):
            sound.append(member.decompress(packed[at : at + 1]))  # noqa: PERF401 - it will raise
    except zlib.error:
        pass
    return b"".join(sound)
