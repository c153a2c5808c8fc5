"""Input files, read once from front to back: plain or gzip whatever the extension.

Also the names that the ledger uses for them.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from vqadata.errors import VqaDataError

GZIP_MAGIC = b"\x1f\x8b"
UTF8_MARK = b"\xef\xbb\xbf"

PACKED_BYTES = 1 << 14
"""Bytes of a gzip file that are unpacked at a time; they may become a thousand times as many."""

_GZIP_FORMAT = 31
"""zlib's ``wbits`` for a member of a gzip file, whose checksum is then looked at as well."""


class Readable(Protocol):
    """What :class:`InputFile` and files of Python have in common."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, fewer than ``size`` only at the end."""


class InputFile:
    """An input file that is open: unpacked if it is gzip, without a byte-order mark.

    A gzip file that is damaged or truncated gives the bytes before the damage, then it ends, and
    :attr:`damage` says why.
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            VqaDataError: The file is not there or cannot be read.
        """
        self._file = _opened(path)
        packed = self._file.read(2) == GZIP_MAGIC
        self._file.seek(0)
        self._source: BinaryIO | _Unpacker = _Unpacker(self._file) if packed else self._file
        self.offset = 0
        """Bytes that were read so far, of the unpacked file."""
        self._ahead = self._source.read(len(UTF8_MARK)).removeprefix(UTF8_MARK)

    def __enter__(self) -> Self:
        """Use the file as a context, which closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()

    @property
    def damage(self) -> str | None:
        """What is wrong with the gzip file, as far as it was read."""
        return self._source.damage if isinstance(self._source, _Unpacker) else None

    def read(self, size: int, /) -> bytes:
        """The next bytes, fewer than ``size`` only at the end."""
        ahead, self._ahead = self._ahead[:size], self._ahead[size:]
        data = ahead + self._source.read(size - len(ahead))
        self.offset += len(data)
        return data

    def skip(self, count: int) -> None:
        """Pass over some bytes."""
        while count and (data := self.read(min(count, 1 << 20))):
            count -= len(data)


def read_input(path: Path) -> bytes:
    """Read a whole file; only for those that are known to be small.

    Raises:
        VqaDataError: The file is not there, cannot be read, or is damaged gzip.
    """
    with InputFile(path) as file:
        data = b"".join(iter(lambda: file.read(1 << 20), b""))
        if file.damage is not None:
            found, expected = f"damaged gzip: {file.damage}", "a whole gzip file"
            raise VqaDataError(str(path), found, expected, "Download it again.")
        return data


class _Unpacker:
    """The content of a gzip file, of one or several members, as far as it can be unpacked."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._member = zlib.decompressobj(_GZIP_FORMAT)
        self._packed = self._unpacked = b""
        self._ended = False
        self.damage: str | None = None

    def read(self, size: int, /) -> bytes:
        parts = [self._unpacked]
        length = len(self._unpacked)
        while length < size and not self._ended:
            parts.append(self._next())
            length += len(parts[-1])
        data = b"".join(parts)
        self._unpacked = data[size:]
        return data[:size]

    def _next(self) -> bytes:
        """Unpack some more; may be nothing yet."""
        if self._member.eof:
            return self._begin_member()
        packed = self._packed or self._file.read(PACKED_BYTES)
        self._packed = b""
        if not packed:
            return self._end("it ends too early")
        before = self._member.copy()
        try:
            return self._member.decompress(packed)
        except zlib.error as error:
            return _sound_part(before, packed) + self._end(str(error).rpartition(": ")[2])

    def _begin_member(self) -> bytes:
        """Behind a member stand another one, or zeros, or nothing."""
        packed = self._member.unused_data
        while not (packed := packed.lstrip(b"\0")):
            packed = self._file.read(PACKED_BYTES)
            if not packed:
                self._ended = True
                return b""
        self._packed, self._member = packed, zlib.decompressobj(_GZIP_FORMAT)
        return b""

    def _end(self, damage: str) -> bytes:
        self._ended, self.damage = True, damage
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


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise VqaDataError(str(path), "no such file", "", "Check the path.") from None
    except IsADirectoryError:
        raise VqaDataError(str(path), "a folder", "a file", "Name the file inside it.") from None
    except OSError as error:
        raise VqaDataError(str(path), f"cannot be read: {error.strerror}") from None


def ledger_names(paths: list[Path]) -> dict[Path, str]:
    """Short names for input files: the file name, with as many folders as make it unique.

    >>> ledger_names([Path("a/train.json"), Path("b/train.json"), Path("b/x.json")])
    {PosixPath('a/train.json'): 'a/train.json', PosixPath('b/train.json'): 'b/train.json', \
PosixPath('b/x.json'): 'x.json'}
    """
    names = {}
    for path in paths:
        depth = 1
        others = [other for other in paths if other != path]
        while depth < len(path.parts) and any(
            _tail(o, depth) == _tail(path, depth) for o in others
        ):
            depth += 1
        names[path] = _tail(path, depth)
    return names


def _tail(path: Path, depth: int) -> str:
    return Path(*path.parts[-depth:]).as_posix().lstrip("/")
